/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_leftovers.c: removing what a crash or a failed save left in the folder of packs.
 *
 * A file there is either named by the list of packs or a leftover: a temporary file, or a pack that
 * was sealed but not yet entered into the list when the process or the power failed. The next
 * operation that writes removes leftovers; it holds the store's lock, so no save can be making a
 * pack meanwhile (I1). Files with other names than firn's own are left alone.
 *
 * Every writer removes leftovers before it makes a pack, and makes a second one only after the
 * first is durably in the list. So a crash leaves at most one, whose number follows the last one of
 * the list (I2). No reader needs that pack, because no list that could be read has ever had its
 * number: numbers are not reused (objects_retire.c). Any other pack that the list does not have was
 * once in it: the log is damaged, or was truncated from outside. That pack may have the only copy
 * of some data, so in this case nothing is removed, and nothing is written.
 *
 * (I3) Nothing is written either while a pack of the list is there as a file that firn does not
 *      know as its own (os/os_guard.h): what is in it would be given up although the user may have
 *      it.
 */
#include "base/check.h"
#include "base/mem.h"
#include "objects/objects_internal.h"

struct leftovers {
    struct fi_objects *objects;
    struct fi_buf names; /* to remove, each with its NUL */
    struct fi_buf lost;  /* of uint32_t: numbers of packs that the list does not have */
};

/* "00000042.pack" or "00000042.pack.tmp". */
static bool
is_ours(const char *name, uint32_t *out_number, bool *out_is_temporary)
{
    uint64_t number = 0;
    size_t i = 0;
    for (; name[i] >= '0' && name[i] <= '9' && i < 10; i++) {
        number = number * 10 + (uint64_t)(name[i] - '0');
    }
    *out_is_temporary = strcmp(name + i, ".pack.tmp") == 0;
    *out_number = (uint32_t)number;
    return i >= 8 && number <= UINT32_MAX && (*out_is_temporary || strcmp(name + i, ".pack") == 0);
}

static bool
is_listed(struct fi_objects *objects, uint32_t number)
{
    return fi_objects_pack_of(objects, number) != NULL || fi_objects_retire_has(objects, number);
}

static int
objects_leftovers_visit(void *ctx, const struct fi_os_dirent *entry)
{
    struct leftovers *leftovers = ctx;
    uint32_t number;
    bool is_temporary;
    if (!is_ours(entry->name, &number, &is_temporary) ||
        (!is_temporary && is_listed(leftovers->objects, number))) {
        return FIRN_OK;
    }
    if (!is_temporary && number != fi_objects_retire_next(leftovers->objects)) {
        return fi_buf_append(&leftovers->lost, &number, sizeof number);
    }
    return fi_buf_append(&leftovers->names, entry->name, entry->name_size + 1);
}

/* Collects leftovers to remove, and packs that the list should have. */
static int
objects_leftovers_inspect(struct leftovers *leftovers, firn_error *err)
{
    int rc = fi_os_dir_list(leftovers->objects->dir, objects_leftovers_visit, leftovers, err);
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "a list of left-over packs") : rc;
}

static void
leftovers_deinit(struct leftovers *leftovers)
{
    fi_buf_deinit(&leftovers->names);
    fi_buf_deinit(&leftovers->lost);
}

/* FIRN_CORRUPT for the first pack that was seen and is missing from the list of `objects`. */
static int
objects_leftovers_assess(const struct leftovers *leftovers, struct fi_objects *objects,
                         firn_error *err)
{
    const uint32_t *numbers = (const void *)leftovers->lost.data;
    DCHECK(leftovers->lost.size % sizeof *numbers == 0);
    for (size_t i = 0; i < leftovers->lost.size / sizeof *numbers; i++) {
        if (!is_listed(objects, numbers[i]) && numbers[i] != fi_objects_retire_next(objects)) {
            return fi_error_set(
                err, FIRN_CORRUPT,
                "the store does not know '%s/%08u.pack', which was made by it: its log "
                "was damaged or cut short; nothing was changed, keep a copy of the store",
                fi_os_dir_path(objects->dir), numbers[i]);
        }
    }
    return FIRN_OK;
}

/* The folder was listed after the list of packs was read, and another process may have saved in
 * between. So the packs are compared with a list that is read now. */
static int
assess_by_newest(const struct leftovers *leftovers, firn_error *err)
{
    enum { MEMORY_BYTES = 8 << 20 };
    const struct fi_db_options options = {.read_only = true, .memory_bytes = MEMORY_BYTES};
    struct fi_objects *newest = NULL;
    struct firn_db *db;
    int rc = fi_db_open(fi_db_dir(leftovers->objects->db), &options, &db, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    FI_TRY(fi_objects_open(db, &newest, err));
    FI_TRY(objects_leftovers_assess(leftovers, newest, err));
out:
    fi_objects_close(newest);
    int close_rc = fi_db_close(db, rc == FIRN_OK ? err : NULL);
    return rc != FIRN_OK ? rc : close_rc;
}

int
fi_objects_leftovers_check(struct fi_objects *objects, firn_error *err)
{
    if (objects->dir == NULL) {
        return FIRN_OK;
    }
    struct leftovers leftovers = {.objects = objects};
    int rc = objects_leftovers_inspect(&leftovers, err);
    if (rc == FIRN_OK && leftovers.lost.size > 0) {
        rc = assess_by_newest(&leftovers, err);
    }
    leftovers_deinit(&leftovers);
    return rc;
}

/* Whether a name is that of a pack in the list. */
static bool
is_needed(const void *ctx, const char *name)
{
    uint32_t number;
    bool is_temporary;
    return is_ours(name, &number, &is_temporary) && !is_temporary &&
           fi_objects_pack_of((struct fi_objects *)(uintptr_t)ctx, number) != NULL;
}

/* (I3) */
static int
refuse_foreign(struct fi_objects *objects, firn_error *err)
{
    if (objects->dir != NULL) {
        return fi_os_dir_refuse_foreign(objects->dir, is_needed, objects, err);
    }
    return objects->pack_count > 0 ? fi_os_dir_refuse_foreign_name(fi_db_dir(objects->db),
                                                                   FI_OBJECTS_INDEX_PACKS_DIR, err)
                                   : FIRN_OK;
}

static bool
is_leftover(struct fi_objects *objects, const char *name)
{
    uint32_t number;
    bool is_temporary;
    return is_ours(name, &number, &is_temporary) &&
           (is_temporary ||
            (!is_listed(objects, number) && number == fi_objects_retire_next(objects)));
}

/* Removes the leftovers that were collected. */
static int
remove_all(struct leftovers *leftovers, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < leftovers->names.size;) {
        const char *name = (const char *)leftovers->names.data + i;
        CHECK(is_leftover(leftovers->objects, name)); /* (I2) */
        rc = fi_os_remove_file(leftovers->objects->dir, name, err);
        i += strlen(name) + 1;
    }
    return rc;
}

int
fi_objects_leftovers_remove(struct fi_objects *objects, firn_error *err)
{
    int rc = refuse_foreign(objects, err);
    if (rc != FIRN_OK || objects->dir == NULL) {
        return rc;
    }
    CHECK(!fi_db_is_read_only(objects->db)); /* (I1) */
    struct leftovers leftovers = {.objects = objects};
    struct fi_objects_retire_result collected;
    FI_TRY(objects_leftovers_inspect(&leftovers, err));
    FI_TRY(objects_leftovers_assess(&leftovers, objects, err));
    FI_TRY(remove_all(&leftovers, err));
    FI_TRY(fi_objects_retire_collect(objects, &collected, err));
out:
    leftovers_deinit(&leftovers);
    return rc;
}
