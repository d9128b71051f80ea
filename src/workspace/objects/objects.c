/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects.c: finding and reading the objects of a store.
 *
 * An object is found by one look-up in the index, which gives a pack's number and a place in it,
 * and read through that pack's file, which verifies it against its name. A wrong index entry can
 * therefore make an object unreadable (rebuilding the index repairs this), but never give wrong
 * bytes (I1; not checked here: the pack's reader verifies).
 *
 * Files are opened when they are first needed and at most OPEN_MAX of them are kept open; a reader
 * holds a use count while it is inside a pack, and only unused files are closed (I2). The mutex
 * guards the table, not the I/O: a file is opened outside it, and if two threads open the same one,
 * the second closes its own.
 *
 * A pack whose file is missing or has another size is absent. Reading from it is FIRN_CORRUPT, and
 * saves treat its objects as missing, so they are stored again. Each pack is checked by stat when
 * it is first needed, and the result holds for as long as the store is open. So opening a store
 * with ten thousand packs to read from a few costs no more than opening one with a few packs.
 */
#include "objects/objects.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "codec/hex.h"
#include "objects/objects_internal.h"
#include "pack/packfile_cells.h"

enum {
    OPEN_MAX = 64,
    SMALL_FILE = 4096 /* may be stored without blocks of its own */
};

static int
open_dir(struct fi_objects *objects, firn_error *err)
{
    int rc = fi_os_dir_open(fi_db_dir(objects->db), FI_OBJECTS_INDEX_PACKS_DIR, &objects->dir, err);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
add_pack(struct fi_objects *objects, const struct fi_objects_index_pack *entry, firn_error *err)
{
    DCHECK(entry->state == FI_OBJECTS_INDEX_PACK_USED);
    DCHECK(objects->pack_count == 0 ||
           objects->packs[objects->pack_count - 1].entry.number < entry->number);
    struct fi_objects_pack *packs =
        fi_resize_array(objects->packs, objects->pack_count + 1, sizeof *packs);
    if (packs == NULL) {
        return fi_error_no_memory(err, "the list of packs");
    }
    objects->packs = packs;
    packs[objects->pack_count++] = (struct fi_objects_pack){.entry = *entry};
    return FIRN_OK;
}

static int
load_packs(struct fi_objects *objects, firn_error *err)
{
    if (objects->pack_list == NULL) {
        return FIRN_OK;
    }
    struct firn_db_cursor *cursor;
    int rc = fi_db_cursor_open(objects->pack_list, NULL, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (rc = fi_db_cursor_first(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_next(cursor, err)) {
        struct fi_objects_index_pack entry;
        FI_TRY(fi_objects_index_decode_pack(fi_db_cursor_key(cursor), fi_db_cursor_value(cursor),
                                            &entry, err));
        FI_TRY(entry.state == FI_OBJECTS_INDEX_PACK_USED
                   ? add_pack(objects, &entry, err)
                   : fi_objects_retire_note(objects, &entry, err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

/* The directory objects of a store, for walks over trees.
 *
 * Trees are walked in pairs, and repeatedly: a restore walks them to plan, to record what it has
 * done and, if there are very many changes, in each of its passes. The directories that differ are
 * in a few frames, mostly the same ones for both trees. So all walks of an open store share one
 * pool of scratches; a thread takes one for the time of one read. Content is copied out, so nothing
 * is borrowed from a scratch that has been given back.
 *
 * Memory: FI_OBJECTS_POOL_FRAMES frames (packfile_scratch.c) for each thread that reads trees or
 * makes deltas. All but the first scratch are freed by fi_objects_trees_trim. */

/* The read function of objects->trees; ctx is the objects. */
static int
trees_read(void *ctx, const firn_hash *hash, struct fi_buf *out, firn_error *err)
{
    struct fi_objects *objects = ctx;
    struct fi_packfile_scratch *scratch;
    int rc = fi_packfile_scratch_pool_take(&objects->pool, &scratch, err);
    if (rc == FIRN_OK) {
        rc = fi_objects_stream_whole(objects, scratch, hash, out, err);
        fi_packfile_scratch_pool_give(&objects->pool, scratch);
    }
    return rc;
}

const struct fi_tree_source *
fi_objects_trees(const struct fi_objects *objects)
{
    return &objects->trees;
}

void
fi_objects_trees_trim(struct fi_objects *objects)
{
    fi_packfile_scratch_pool_trim(&objects->pool, 1);
}

int
fi_objects_open(struct firn_db *db, struct fi_objects **out, firn_error *err)
{
    *out = NULL;
    struct fi_objects *objects = fi_alloc_zeroed(sizeof *objects);
    if (objects == NULL) {
        return fi_error_no_memory(err, "the object index");
    }
    objects->db = db;
    objects->os = fi_db_os(db);
    objects->trees = (struct fi_tree_source){.read = trees_read, .ctx = objects};
    fi_os_mutex_init(objects->os, &objects->mutex, FI_LOCK_PACK_SET);
    fi_objects_budget_init(objects);
    fi_packfile_scratch_pool_init(&objects->pool, objects->os, FI_OBJECTS_POOL_FRAMES);
    int rc;
    FI_TRY(fi_db_keyspace_open_if_any(db, FI_OBJECTS_INDEX_OBJECTS, &objects->index, err));
    FI_TRY(fi_db_keyspace_open_if_any(db, FI_OBJECTS_INDEX_PACKS, &objects->pack_list, err));
    FI_TRY(open_dir(objects, err));
    FI_TRY(load_packs(objects, err));
    *out = objects;
    return FIRN_OK;
out:
    fi_objects_close(objects);
    return rc;
}

uint64_t
fi_objects_bytes(const struct fi_objects *objects)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < objects->pack_count; i++) {
        bytes += objects->packs[i].entry.size_bytes;
    }
    return bytes;
}

static size_t
count_open(const struct fi_objects *objects)
{
    size_t count = 0;
    for (size_t i = 0; i < objects->pack_count; i++) {
        count += objects->packs[i].file != NULL;
    }
    return count;
}

void
fi_objects_close(struct fi_objects *objects)
{
    if (objects == NULL) {
        return;
    }
    DCHECK(count_open(objects) == objects->open_count);
    for (size_t i = 0; i < objects->pack_count; i++) {
        CHECK(objects->packs[i].users == 0);
        fi_packfile_close(objects->packs[i].file);
    }
    fi_free(objects->packs);
    fi_free(objects->retired);
    fi_os_dir_close(objects->dir);
    fi_packfile_scratch_pool_deinit(&objects->pool);
    fi_os_mutex_deinit(&objects->mutex);
    fi_objects_budget_deinit(objects);
    fi_free(objects);
}

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

bool
fi_objects_pack_is_listed(struct fi_objects *objects, uint32_t number)
{
    return fi_objects_pack_of(objects, number) != NULL || fi_objects_retire_has(objects, number);
}

uint64_t
fi_objects_retired_bytes(const struct fi_objects *objects)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < objects->retired_count; i++) {
        const struct fi_objects_index_pack *pack = &objects->retired[i];
        bytes += pack->state == FI_OBJECTS_INDEX_PACK_RETIRED ? pack->size_bytes : 0;
    }
    return bytes;
}

struct firn_db_keyspace *
fi_objects_index(const struct fi_objects *objects)
{
    return objects->index;
}

/* If too many files are open, takes the least recently used one that is not in use. */
static struct firn_packfile *
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
    DCHECK(oldest->users == 0); /* (I2) */
    struct firn_packfile *file = oldest->file;
    oldest->file = NULL;
    objects->open_count--;
    return file;
}

static int
open_file(struct fi_objects *objects, const struct fi_objects_pack *pack,
          struct firn_packfile **out, uint64_t *out_allocated, firn_error *err)
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
    rc = fi_packfile_open(objects->dir, name, out, err);
    if (rc == FIRN_NOT_FOUND) {
        return fi_error_set(err, FIRN_CORRUPT, "'%s/%s' is missing", fi_os_dir_path(objects->dir),
                            name);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    if (memcmp(fi_packfile_id(*out)->bytes, pack->entry.id.bytes, sizeof pack->entry.id.bytes) !=
        0) {
        fi_packfile_close(*out);
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
look_at_pack(struct fi_objects *objects, const struct fi_objects_pack *pack, bool *out,
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
    int rc = look_at_pack(objects, pack, out, err);
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
fi_objects_are_present(struct fi_objects *objects, bool *out, firn_error *err)
{
    *out = true;
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && *out && i < objects->pack_count; i++) {
        rc = is_pack_present(objects, &objects->packs[i], out, err);
    }
    return rc;
}

int
fi_objects_acquire(struct fi_objects *objects, uint32_t number, struct firn_packfile **out,
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
    struct firn_packfile *file = pack->file;
    fi_os_mutex_unlock(&objects->mutex);
    if (file != NULL) {
        *out = file;
        return FIRN_OK;
    }

    struct firn_packfile *opened;
    uint64_t allocated;
    int rc = open_file(objects, pack, &opened, &allocated, err);
    struct firn_packfile *surplus = NULL;
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
    DCHECK(rc != FIRN_OK || (*out != NULL && pack->users > 0)); /* (I2) */
    fi_os_mutex_unlock(&objects->mutex);
    fi_packfile_close(surplus);
    return rc;
}

void
fi_objects_release(struct fi_objects *objects, uint32_t number)
{
    struct fi_objects_pack *pack = fi_objects_pack_of(objects, number);
    fi_os_mutex_lock(&objects->mutex);
    CHECK(pack->users > 0 && pack->file != NULL); /* (I2) */
    pack->users--;
    fi_os_mutex_unlock(&objects->mutex);
}

int
fi_objects_find(struct fi_objects *objects, const firn_hash *hash, struct fi_objects_place *out,
                firn_error *err)
{
    if (objects->index == NULL) {
        return fi_error_set(err, FIRN_NOT_FOUND, "the store holds no objects");
    }
    struct fi_buf value = {0};
    int rc = fi_db_get(objects->index, firn_bytes(hash->bytes, sizeof hash->bytes), &value, err);
    if (rc == FIRN_OK) {
        rc = fi_objects_index_decode_place(fi_buf_slice(&value), out, err);
    }
    fi_buf_deinit(&value);
    return rc;
}

int
fi_objects_contains(struct fi_objects *objects, const firn_hash *hash, bool *out, firn_error *err)
{
    *out = false;
    struct fi_objects_place place;
    int rc = fi_objects_find(objects, hash, &place, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    if (rc == FIRN_OK) {
        struct fi_objects_pack *pack = fi_objects_pack_of(objects, place.pack);
        rc = pack != NULL ? is_pack_present(objects, pack, out, err) : FIRN_OK;
    }
    return rc;
}

/* One of the two ways to read from a pack. */
typedef int read_from_pack(struct firn_packfile *pack, struct fi_packfile_scratch *scratch,
                           const firn_hash *hash, const struct fi_packfile_location *at,
                           firn_slice *out, firn_error *err);

static int
read_by(read_from_pack *read, struct fi_objects *objects, struct fi_packfile_scratch *scratch,
        const firn_hash *hash, enum fi_packfile_kind *out_kind, firn_slice *out, firn_error *err)
{
    struct fi_objects_place place;
    int rc = fi_objects_find(objects, hash, &place, err);
    if (rc == FIRN_NOT_FOUND) {
        char hex[FIRN_HASH_HEX_SIZE];
        fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
        return fi_error_set(err, FIRN_CORRUPT, "object %s is not in the store", hex);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    struct firn_packfile *file;
    *out_kind = place.at.kind;
    *out = firn_bytes(NULL, 0);
    rc = fi_objects_acquire(objects, place.pack, &file, err);
    if (rc != FIRN_OK) {
        return fi_packfile_object_failed(hash, rc, err);
    }
    const uint64_t before = fi_packfile_scratch_decoded(scratch);
    /* The bytes read are borrowed from scratch, not from the file. */
    rc = read(file, scratch, hash, &place.at, out, err);
    if (rc == FIRN_OK) {
        rc = fi_objects_budget_read(objects, file, &place,
                                    fi_packfile_scratch_decoded(scratch) - before + out->size, err);
    }
    fi_objects_release(objects, place.pack);
    return rc;
}

int
fi_objects_read_raw(struct fi_objects *objects, struct fi_packfile_scratch *scratch,
                    const firn_hash *hash, enum fi_packfile_kind *out_kind, firn_slice *out,
                    firn_error *err)
{
    return read_by(fi_packfile_read, objects, scratch, hash, out_kind, out, err);
}

static int
read_base(void *ctx, struct fi_packfile_scratch *scratch, const firn_hash *base,
          enum fi_packfile_kind *out_kind, firn_slice *out, firn_error *err)
{
    return fi_objects_read_raw(ctx, scratch, base, out_kind, out, err);
}

static int
read_stored_by(read_from_pack *read, struct fi_objects *objects,
               struct fi_packfile_scratch *scratch, const firn_hash *hash,
               enum fi_packfile_kind *out_kind, firn_slice *out, firn_error *err)
{
    int rc = read_by(read, objects, scratch, hash, out_kind, out, err);
    if (rc != FIRN_OK || *out_kind != FI_PACKFILE_DELTA) {
        return rc;
    }
    rc = fi_packfile_delta_read(scratch, hash, *out, read_base, objects, out_kind, out, err);
    return rc == FIRN_OK ? fi_budget_spend(objects->limit, out->size, err) : rc;
}

int
fi_objects_read_stored(struct fi_objects *objects, struct fi_packfile_scratch *scratch,
                       const firn_hash *hash, enum fi_packfile_kind *out_kind, firn_slice *out,
                       firn_error *err)
{
    return read_stored_by(fi_packfile_read, objects, scratch, hash, out_kind, out, err);
}

int
fi_objects_read_piece(struct fi_objects *objects, struct fi_packfile_scratch *scratch,
                      const firn_hash *hash, enum fi_packfile_kind *out_kind, firn_slice *out,
                      firn_error *err)
{
    return read_stored_by(fi_packfile_read_piece, objects, scratch, hash, out_kind, out, err);
}

int
fi_objects_delta(struct fi_objects *objects, struct fi_packfile_scratch *scratch,
                 const firn_hash *hash, struct fi_packfile_delta *out, firn_error *err)
{
    enum fi_packfile_kind kind;
    firn_slice stored;
    int rc = fi_objects_read_raw(objects, scratch, hash, &kind, &stored, err);
    if (rc == FIRN_OK && kind != FI_PACKFILE_DELTA) {
        return fi_error_set(err, FIRN_CORRUPT, "an object is not the delta that it was before");
    }
    return rc == FIRN_OK ? fi_packfile_delta_decode(stored, out, err) : rc;
}

int
fi_objects_read(struct fi_objects *objects, struct fi_packfile_scratch *scratch,
                const firn_hash *hash, firn_slice *out, firn_error *err)
{
    enum fi_packfile_kind kind;
    int rc = fi_objects_read_stored(objects, scratch, hash, &kind, out, err);
    if (rc == FIRN_OK && kind == FI_PACKFILE_PIECES) {
        char hex[FIRN_HASH_HEX_SIZE];
        fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
        return fi_error_set(err, FIRN_CORRUPT,
                            "object %s is a list of pieces where a whole object belongs", hex);
    }
    return rc;
}

int
fi_objects_pieces(struct fi_objects *objects, struct fi_packfile_scratch *scratch,
                  const firn_hash *hash,
                  int (*visit)(void *ctx, uint64_t offset, const struct fi_packfile_piece *piece,
                               firn_error *err),
                  void *ctx, firn_error *err)
{
    struct fi_objects_place place;
    int rc = fi_objects_find(objects, hash, &place, err);
    if (rc != FIRN_OK || place.at.kind != FI_PACKFILE_PIECES) {
        return rc;
    }
    enum fi_packfile_kind kind;
    firn_slice list;
    uint64_t total;
    rc = fi_objects_read_stored(objects, scratch, hash, &kind, &list, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    return fi_packfile_cells_is_list(list)
               ? fi_packfile_cells_decode(list, &total, visit, ctx, err)
               : fi_packfile_decode_pieces(list, &total, visit, ctx, err);
}
