/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_sweep.c: removing what a crash or a failed save left in the folder of packs.
 *
 * A file there is either named by the pack list or nobody's: a temporary file, or a pack that was
 * sealed when the power went, before the list learned of it. Nobody's files are removed by the next
 * operation that writes, which holds the store's lock, so no save can be in the middle of making
 * one (I1). Files whose names are not of firn's making are left alone.
 *
 * Every writer sweeps before it makes a pack, and makes a second one only when the list durably has
 * the first, so a crash leaves at most one, with the number behind the last of the list (I2). No
 * reader needs it, because no list that could be read has ever had its number: numbers are not
 * given twice (objects_retire.c). Any other pack that the list does not have was once in it: the
 * log is damaged, or was cut short from outside. That pack may hold the only copy of something, so
 * nothing is removed then, and nothing written.
 */
#include "base/check.h"
#include "base/mem.h"
#include "objects/objects_internal.h"

struct sweep {
    struct firn_objects *objects;
    struct firn_buf names; /* to remove, each with its NUL */
    struct firn_buf lost;  /* of uint32_t: numbers of packs that the list does not have */
};

/* "00000042.pack", or that with ".tmp" behind it. */
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
is_listed(struct firn_objects *objects, uint32_t number)
{
    return firn_objects_pack_of(objects, number) != NULL ||
           firn_objects_retire_has(objects, number);
}

static int
visit(void *ctx, const struct firn_os_dirent *entry)
{
    struct sweep *sweep = ctx;
    uint32_t number;
    bool is_temporary;
    if (!is_ours(entry->name, &number, &is_temporary) ||
        (!is_temporary && is_listed(sweep->objects, number))) {
        return FIRN_OK;
    }
    if (!is_temporary && number != firn_objects_retire_next(sweep->objects)) {
        return firn_buf_append(&sweep->lost, &number, sizeof number);
    }
    return firn_buf_append(&sweep->names, entry->name, entry->name_size + 1);
}

/* Collects what is nobody's, and what the list should have. */
static int
look(struct sweep *sweep, firn_error *err)
{
    int rc = firn_os_dir_list(sweep->objects->dir, visit, sweep, err);
    return rc == FIRN_NO_MEMORY ? firn_error_no_memory(err, "a list of left-over packs") : rc;
}

static void
sweep_deinit(struct sweep *sweep)
{
    firn_buf_deinit(&sweep->names);
    firn_buf_deinit(&sweep->lost);
}

/* FIRN_CORRUPT for the first pack that was seen and that this list has lost. */
static int
judge(const struct sweep *sweep, struct firn_objects *objects, firn_error *err)
{
    const uint32_t *numbers = (const void *)sweep->lost.data;
    DCHECK(sweep->lost.size % sizeof *numbers == 0);
    for (size_t i = 0; i < sweep->lost.size / sizeof *numbers; i++) {
        if (!is_listed(objects, numbers[i]) && numbers[i] != firn_objects_retire_next(objects)) {
            return firn_error_set(
                err, FIRN_CORRUPT,
                "the store does not know '%s/%08u.pack', which was made by it: its log "
                "was damaged or cut short; nothing was changed, keep a copy of the store",
                firn_os_dir_path(objects->dir), numbers[i]);
        }
    }
    return FIRN_OK;
}

/* The folder was looked at after the list was read, and somebody may have saved in between: what a
 * list that is read now does not have either was lost. */
static int
judge_by_newest(const struct sweep *sweep, firn_error *err)
{
    enum { MEMORY_BYTES = 8 << 20 };
    const struct firn_db_options options = {.read_only = true, .memory_bytes = MEMORY_BYTES};
    struct firn_objects *newest = NULL;
    struct firn_db *db;
    int rc = firn_db_open(firn_db_dir(sweep->objects->db), &options, &db, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    FIRN_TRY(firn_objects_open(db, &newest, err));
    FIRN_TRY(judge(sweep, newest, err));
out:
    firn_objects_close(newest);
    int close_rc = firn_db_close(db, rc == FIRN_OK ? err : NULL);
    return rc != FIRN_OK ? rc : close_rc;
}

int
firn_objects_sweep_check(struct firn_objects *objects, firn_error *err)
{
    if (objects->dir == NULL) {
        return FIRN_OK;
    }
    struct sweep sweep = {.objects = objects};
    int rc = look(&sweep, err);
    if (rc == FIRN_OK && sweep.lost.size > 0) {
        rc = judge_by_newest(&sweep, err);
    }
    sweep_deinit(&sweep);
    return rc;
}

static bool
is_nobodys(struct firn_objects *objects, const char *name)
{
    uint32_t number;
    bool is_temporary;
    return is_ours(name, &number, &is_temporary) &&
           (is_temporary ||
            (!is_listed(objects, number) && number == firn_objects_retire_next(objects)));
}

/* Removes what look has collected. */
static int
remove_all(struct sweep *sweep, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < sweep->names.size;) {
        const char *name = (const char *)sweep->names.data + i;
        CHECK(is_nobodys(sweep->objects, name)); /* (I2) */
        rc = firn_os_remove_file(sweep->objects->dir, name, err);
        i += strlen(name) + 1;
    }
    return rc;
}

int
firn_objects_sweep(struct firn_objects *objects, firn_error *err)
{
    if (objects->dir == NULL) {
        return FIRN_OK;
    }
    CHECK(!firn_db_is_read_only(objects->db)); /* (I1) */
    struct sweep sweep = {.objects = objects};
    struct firn_objects_retire_result collected;
    int rc;
    FIRN_TRY(look(&sweep, err));
    FIRN_TRY(judge(&sweep, objects, err));
    FIRN_TRY(remove_all(&sweep, err));
    FIRN_TRY(firn_objects_retire_collect(objects, &collected, err));
out:
    sweep_deinit(&sweep);
    return rc;
}
