/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_pack.c: the packs of a store, and their files.
 *
 * Files are opened when they are first needed and at most OPEN_MAX of them are kept open; a reader
 * holds a use count while it is inside a pack, and only unused files are closed (I1). The mutex
 * guards the table, not the I/O: a file is opened outside it, and if two threads open the same one,
 * the second closes its own.
 *
 * A pack whose file is missing or has another size is absent. Reading from it is FIRN_CORRUPT, and
 * saves treat its objects as missing, so they are stored again. Each pack is checked by stat when
 * it is first needed, and the result holds for as long as the store is open. So opening a store
 * with ten thousand packs to read from a few costs no more than opening one with a few packs.
 */
#include "objects/objects.h"

#include <string.h>

#include "base/check.h"
#include "base/search.h"
#include "objects/objects_internal.h"

enum {
    OPEN_MAX = 64,
    SMALL_FILE = 4096 /* may be stored without blocks of its own */
};

struct fi_objects_pack *
fi_objects_pack_of(struct fi_objects *objects, uint32_t number)
{
    size_t at = 0;
    size_t end = objects->pack_count;
    FI_SEARCH_FIRST(at, end, i, objects->packs[i].entry.number < number);
    if (at < objects->pack_count && objects->packs[at].entry.number == number) {
        return &objects->packs[at];
    }
    return NULL;
}

size_t
fi_objects_pack_count(const struct fi_objects *objects)
{
    return objects->pack_count;
}

const struct fi_objects_index_pack *
fi_objects_pack_at(const struct fi_objects *objects, size_t i)
{
    DCHECK(i < objects->pack_count);
    return &objects->packs[i].entry;
}

/* If too many files are open, takes the least recently used one that is not in use. */
static struct firn_pack *
take_surplus_locked(struct fi_objects *objects)
{
    fi_os_mutex_assert_held(&objects->mutex);
    if (objects->open_count <= OPEN_MAX) {
        return NULL;
    }
    struct fi_objects_pack *oldest = NULL;
    for (size_t i = 0; i < objects->pack_count; i++) {
        struct fi_objects_pack *pack = &objects->packs[i];
        if (pack->file != NULL && pack->users == 0 &&
            (oldest == NULL || pack->last_use < oldest->last_use)) {
            oldest = pack;
        }
    }
    if (oldest == NULL) {
        return NULL;
    }
    DCHECK(oldest->users == 0); /* (I1) */
    struct firn_pack *file = oldest->file;
    oldest->file = NULL;
    objects->open_count--;
    return file;
}

static int
open_file(struct fi_objects *objects, const struct fi_objects_pack *pack, struct firn_pack **out,
          uint64_t *out_allocated, firn_error *err)
{
    *out = NULL;
    *out_allocated = 0;
    char name[FI_OBJECTS_INDEX_PACK_NAME_SIZE];
    struct fi_os_stat stat;
    fi_objects_index_pack_name(pack->entry.number, name);
    int rc;
    if (objects->dir == NULL) {
        rc = fi_os_dir_refuse_foreign_name(fi_db_dir(objects->db), FI_OBJECTS_INDEX_PACKS_DIR, err);
        return rc != FIRN_OK ? rc
                             : fi_error_set(err, FIRN_CORRUPT,
                                            "'%s/%s' is missing: the folder of packs is gone",
                                            fi_os_dir_path(fi_db_dir(objects->db)),
                                            FI_OBJECTS_INDEX_PACKS_DIR);
    }
    rc = fi_pack_open(objects->dir, name, out, err);
    if (rc == FIRN_NOT_FOUND) {
        return fi_error_set(err, FIRN_CORRUPT, "'%s/%s' is missing", fi_os_dir_path(objects->dir),
                            name);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    if (memcmp(fi_pack_id(*out)->bytes, pack->entry.id.bytes, sizeof pack->entry.id.bytes) != 0) {
        fi_pack_close(*out);
        *out = NULL;
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s/%s' is another pack than the one the store knows by this name",
                            fi_os_dir_path(objects->dir), name);
    }
    if (objects->limit != NULL && fi_os_stat(objects->dir, name, &stat, NULL) == FIRN_OK) {
        *out_allocated = stat.allocated_bytes + SMALL_FILE;
    }
    return FIRN_OK;
}

/* Whether the file of a pack exists with the size that the list gives. */
static int
inspect_pack(struct fi_objects *objects, const struct fi_objects_pack *pack, bool *out,
             firn_error *err)
{
    *out = false;
    if (objects->dir == NULL) {
        return FIRN_OK;
    }
    char name[FI_OBJECTS_INDEX_PACK_NAME_SIZE];
    fi_objects_index_pack_name(pack->entry.number, name);
    struct fi_os_stat stat;
    int rc = fi_os_stat(objects->dir, name, &stat, err);
    if (rc == FIRN_NOT_FOUND) {
        return fi_os_dir_refuse_foreign_name(objects->dir, name, err);
    }
    *out = rc == FIRN_OK && stat.size_bytes == pack->entry.size_bytes;
    return rc;
}

/* Whether the pack's file existed, with the right size, when it was first needed. Any thread. */
static int
is_pack_present(struct fi_objects *objects, struct fi_objects_pack *pack, bool *out,
                firn_error *err)
{
    int known = atomic_load_explicit(&pack->presence, memory_order_relaxed);
    *out = known == FI_OBJECTS_PRESENT;
    if (known != FI_OBJECTS_NOT_LOOKED_FOR) {
        return FIRN_OK;
    }
    int rc = inspect_pack(objects, pack, out, err);
    DCHECK(rc == FIRN_OK || !*out);
    if (rc == FIRN_OK) {
        /* If several threads looked at once, the result of the first one holds. */
        int found = *out ? FI_OBJECTS_PRESENT : FI_OBJECTS_ABSENT;
        if (!atomic_compare_exchange_strong_explicit(&pack->presence, &known, found,
                                                     memory_order_relaxed, memory_order_relaxed)) {
            DCHECK(known != FI_OBJECTS_NOT_LOOKED_FOR);
            *out = known == FI_OBJECTS_PRESENT;
        }
    }
    return rc;
}

int
fi_objects_pack_is_present(struct fi_objects *objects, size_t i, bool *out, firn_error *err)
{
    DCHECK(i < objects->pack_count);
    return is_pack_present(objects, &objects->packs[i], out, err);
}

int
fi_objects_pack_is_current(struct fi_objects *objects, size_t i, bool *out, firn_error *err)
{
    char name[FI_OBJECTS_INDEX_PACK_NAME_SIZE];
    DCHECK(i < objects->pack_count && objects->dir != NULL);
    fi_objects_index_pack_name(objects->packs[i].entry.number, name);
    return fi_block_seal_is_current(objects->dir, name, out, err);
}

int
fi_objects_pack_acquire(struct fi_objects *objects, uint32_t number, struct firn_pack **out,
                        firn_error *err)
{
    *out = NULL;
    struct fi_objects_pack *pack = fi_objects_pack_of(objects, number);
    if (pack == NULL) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "the object index names pack %u, which the store does not have",
                            number);
    }
    fi_os_mutex_lock(&objects->mutex);
    pack->users++;
    pack->last_use = ++objects->clock;
    struct firn_pack *file = pack->file;
    fi_os_mutex_unlock(&objects->mutex);
    if (file != NULL) {
        *out = file;
        return FIRN_OK;
    }

    struct firn_pack *opened;
    uint64_t allocated;
    int rc = open_file(objects, pack, &opened, &allocated, err);
    struct firn_pack *surplus = NULL;
    fi_os_mutex_lock(&objects->mutex);
    if (rc != FIRN_OK) {
        pack->users--;
    } else if (pack->file != NULL) {
        surplus = opened;
    } else {
        pack->file = opened;
        pack->unearned = pack->was_opened ? pack->unearned : allocated;
        pack->was_opened = true;
        objects->open_count++;
        surplus = take_surplus_locked(objects);
    }
    *out = rc == FIRN_OK ? pack->file : NULL;
    DCHECK(rc != FIRN_OK || (*out != NULL && pack->users > 0)); /* (I1) */
    fi_os_mutex_unlock(&objects->mutex);
    fi_pack_close(surplus);
    return rc;
}

void
fi_objects_pack_release(struct fi_objects *objects, uint32_t number)
{
    struct fi_objects_pack *pack = fi_objects_pack_of(objects, number);
    fi_os_mutex_lock(&objects->mutex);
    CHECK(pack->users > 0 && pack->file != NULL); /* (I1) */
    pack->users--;
    fi_os_mutex_unlock(&objects->mutex);
}
