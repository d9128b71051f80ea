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
open_dir(struct firn_objects *objects, firn_error *err)
{
    int rc = firn_os_dir_open(firn_db_dir(objects->db), FIRN_OBJECTS_INDEX_PACKS_DIR, &objects->dir,
                              err);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
add_pack(struct firn_objects *objects, const struct firn_objects_index_pack *entry, firn_error *err)
{
    DCHECK(entry->state == FIRN_OBJECTS_INDEX_PACK_USED);
    DCHECK(objects->pack_count == 0 ||
           objects->packs[objects->pack_count - 1].entry.number < entry->number);
    struct firn_objects_pack *packs =
        firn_resize_array(objects->packs, objects->pack_count + 1, sizeof *packs);
    if (packs == NULL) {
        return firn_error_no_memory(err, "the list of packs");
    }
    objects->packs = packs;
    packs[objects->pack_count++] = (struct firn_objects_pack){.entry = *entry};
    return FIRN_OK;
}

static int
load_packs(struct firn_objects *objects, firn_error *err)
{
    if (objects->pack_list == NULL) {
        return FIRN_OK;
    }
    struct firn_db_cursor *cursor;
    int rc = firn_db_cursor_open(objects->pack_list, NULL, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (rc = firn_db_cursor_first(cursor, err); rc == FIRN_OK && firn_db_cursor_valid(cursor);
         rc = firn_db_cursor_next(cursor, err)) {
        struct firn_objects_index_pack entry;
        FIRN_TRY(firn_objects_index_decode_pack(firn_db_cursor_key(cursor),
                                                firn_db_cursor_value(cursor), &entry, err));
        FIRN_TRY(entry.state == FIRN_OBJECTS_INDEX_PACK_USED
                     ? add_pack(objects, &entry, err)
                     : firn_objects_retire_note(objects, &entry, err));
    }
out:
    firn_db_cursor_close(cursor);
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
 * Memory: FIRN_OBJECTS_POOL_FRAMES frames (packfile_scratch.c) for each thread that reads trees or
 * makes deltas. All but the first scratch are freed by firn_objects_trees_trim. */

/* The read function of objects->trees; ctx is the objects. */
static int
trees_read(void *ctx, const firn_hash *hash, struct firn_buf *out, firn_error *err)
{
    struct firn_objects *objects = ctx;
    struct firn_packfile_scratch *scratch;
    int rc = firn_packfile_scratch_pool_take(&objects->pool, &scratch, err);
    if (rc == FIRN_OK) {
        rc = firn_objects_stream_whole(objects, scratch, hash, out, err);
        firn_packfile_scratch_pool_give(&objects->pool, scratch);
    }
    return rc;
}

const struct firn_tree_source *
firn_objects_trees(const struct firn_objects *objects)
{
    return &objects->trees;
}

void
firn_objects_trees_trim(struct firn_objects *objects)
{
    firn_packfile_scratch_pool_trim(&objects->pool, 1);
}

int
firn_objects_open(struct firn_db *db, struct firn_objects **out, firn_error *err)
{
    *out = NULL;
    struct firn_objects *objects = firn_alloc_zeroed(sizeof *objects);
    if (objects == NULL) {
        return firn_error_no_memory(err, "the object index");
    }
    objects->db = db;
    objects->os = firn_db_os(db);
    objects->trees = (struct firn_tree_source){.read = trees_read, .ctx = objects};
    firn_os_mutex_init(objects->os, &objects->mutex, FIRN_LOCK_PACK_SET);
    firn_objects_budget_init(objects);
    firn_packfile_scratch_pool_init(&objects->pool, objects->os, FIRN_OBJECTS_POOL_FRAMES);
    int rc;
    FIRN_TRY(firn_db_keyspace_open_if_any(db, FIRN_OBJECTS_INDEX_OBJECTS, &objects->index, err));
    FIRN_TRY(firn_db_keyspace_open_if_any(db, FIRN_OBJECTS_INDEX_PACKS, &objects->pack_list, err));
    FIRN_TRY(open_dir(objects, err));
    FIRN_TRY(load_packs(objects, err));
    *out = objects;
    return FIRN_OK;
out:
    firn_objects_close(objects);
    return rc;
}

uint64_t
firn_objects_bytes(const struct firn_objects *objects)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < objects->pack_count; i++) {
        bytes += objects->packs[i].entry.size_bytes;
    }
    return bytes;
}

static size_t
count_open(const struct firn_objects *objects)
{
    size_t count = 0;
    for (size_t i = 0; i < objects->pack_count; i++) {
        count += objects->packs[i].file != NULL;
    }
    return count;
}

void
firn_objects_close(struct firn_objects *objects)
{
    if (objects == NULL) {
        return;
    }
    DCHECK(count_open(objects) == objects->open_count);
    for (size_t i = 0; i < objects->pack_count; i++) {
        CHECK(objects->packs[i].users == 0);
        firn_packfile_close(objects->packs[i].file);
    }
    firn_free(objects->packs);
    firn_free(objects->retired);
    firn_os_dir_close(objects->dir);
    firn_packfile_scratch_pool_deinit(&objects->pool);
    firn_os_mutex_deinit(&objects->mutex);
    firn_objects_budget_deinit(objects);
    firn_free(objects);
}

struct firn_objects_pack *
firn_objects_pack_of(struct firn_objects *objects, uint32_t number)
{
    size_t at = 0;
    size_t end = objects->pack_count;
    FIRN_SEARCH_FIRST(at, end, i, objects->packs[i].entry.number < number);
    if (at < objects->pack_count && objects->packs[at].entry.number == number) {
        return &objects->packs[at];
    }
    return NULL;
}

size_t
firn_objects_pack_count(const struct firn_objects *objects)
{
    return objects->pack_count;
}

const struct firn_objects_index_pack *
firn_objects_pack_at(const struct firn_objects *objects, size_t i)
{
    DCHECK(i < objects->pack_count);
    return &objects->packs[i].entry;
}

bool
firn_objects_pack_is_listed(struct firn_objects *objects, uint32_t number)
{
    return firn_objects_pack_of(objects, number) != NULL ||
           firn_objects_retire_has(objects, number);
}

uint64_t
firn_objects_retired_bytes(const struct firn_objects *objects)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < objects->retired_count; i++) {
        const struct firn_objects_index_pack *pack = &objects->retired[i];
        bytes += pack->state == FIRN_OBJECTS_INDEX_PACK_RETIRED ? pack->size_bytes : 0;
    }
    return bytes;
}

struct firn_db_keyspace *
firn_objects_index(const struct firn_objects *objects)
{
    return objects->index;
}

/* If too many files are open, takes the least recently used one that is not in use. */
static struct firn_packfile *
take_surplus_locked(struct firn_objects *objects)
{
    firn_os_mutex_assert_held(&objects->mutex);
    if (objects->open_count <= OPEN_MAX) {
        return NULL;
    }
    struct firn_objects_pack *oldest = NULL;
    for (size_t i = 0; i < objects->pack_count; i++) {
        struct firn_objects_pack *pack = &objects->packs[i];
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
open_file(struct firn_objects *objects, const struct firn_objects_pack *pack,
          struct firn_packfile **out, uint64_t *out_allocated, firn_error *err)
{
    *out = NULL;
    *out_allocated = 0;
    char name[FIRN_OBJECTS_INDEX_PACK_NAME_SIZE];
    struct firn_os_stat stat;
    firn_objects_index_pack_name(pack->entry.number, name);
    int rc;
    if (objects->dir == NULL) {
        rc = firn_os_dir_refuse_foreign_name(firn_db_dir(objects->db), FIRN_OBJECTS_INDEX_PACKS_DIR,
                                             err);
        return rc != FIRN_OK ? rc
                             : firn_error_set(err, FIRN_CORRUPT,
                                              "'%s/%s' is missing: the folder of packs is gone",
                                              firn_os_dir_path(firn_db_dir(objects->db)),
                                              FIRN_OBJECTS_INDEX_PACKS_DIR);
    }
    rc = firn_packfile_open(objects->dir, name, out, err);
    if (rc == FIRN_NOT_FOUND) {
        return firn_error_set(err, FIRN_CORRUPT, "'%s/%s' is missing",
                              firn_os_dir_path(objects->dir), name);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    if (memcmp(firn_packfile_id(*out)->bytes, pack->entry.id.bytes, sizeof pack->entry.id.bytes) !=
        0) {
        firn_packfile_close(*out);
        *out = NULL;
        return firn_error_set(err, FIRN_CORRUPT,
                              "'%s/%s' is another pack than the one the store knows by this name",
                              firn_os_dir_path(objects->dir), name);
    }
    if (objects->limit != NULL && firn_os_stat(objects->dir, name, &stat, NULL) == FIRN_OK) {
        *out_allocated = stat.allocated_bytes + SMALL_FILE;
    }
    return FIRN_OK;
}

/* Whether the file of a pack exists with the size that the list gives. */
static int
look_at_pack(struct firn_objects *objects, const struct firn_objects_pack *pack, bool *out,
             firn_error *err)
{
    *out = false;
    if (objects->dir == NULL) {
        return FIRN_OK;
    }
    char name[FIRN_OBJECTS_INDEX_PACK_NAME_SIZE];
    firn_objects_index_pack_name(pack->entry.number, name);
    struct firn_os_stat stat;
    int rc = firn_os_stat(objects->dir, name, &stat, err);
    if (rc == FIRN_NOT_FOUND) {
        return firn_os_dir_refuse_foreign_name(objects->dir, name, err);
    }
    *out = rc == FIRN_OK && stat.size_bytes == pack->entry.size_bytes;
    return rc;
}

/* Whether the pack's file existed, with the right size, when it was first needed. Any thread. */
static int
is_pack_present(struct firn_objects *objects, struct firn_objects_pack *pack, bool *out,
                firn_error *err)
{
    int known = atomic_load_explicit(&pack->presence, memory_order_relaxed);
    *out = known == FIRN_OBJECTS_PRESENT;
    if (known != FIRN_OBJECTS_NOT_LOOKED_FOR) {
        return FIRN_OK;
    }
    int rc = look_at_pack(objects, pack, out, err);
    DCHECK(rc == FIRN_OK || !*out);
    if (rc == FIRN_OK) {
        /* If several threads looked at once, the result of the first one holds. */
        int found = *out ? FIRN_OBJECTS_PRESENT : FIRN_OBJECTS_ABSENT;
        if (!atomic_compare_exchange_strong_explicit(&pack->presence, &known, found,
                                                     memory_order_relaxed, memory_order_relaxed)) {
            DCHECK(known != FIRN_OBJECTS_NOT_LOOKED_FOR);
            *out = known == FIRN_OBJECTS_PRESENT;
        }
    }
    return rc;
}

int
firn_objects_pack_is_present(struct firn_objects *objects, size_t i, bool *out, firn_error *err)
{
    DCHECK(i < objects->pack_count);
    return is_pack_present(objects, &objects->packs[i], out, err);
}

int
firn_objects_are_present(struct firn_objects *objects, bool *out, firn_error *err)
{
    *out = true;
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && *out && i < objects->pack_count; i++) {
        rc = is_pack_present(objects, &objects->packs[i], out, err);
    }
    return rc;
}

int
firn_objects_acquire(struct firn_objects *objects, uint32_t number, struct firn_packfile **out,
                     firn_error *err)
{
    *out = NULL;
    struct firn_objects_pack *pack = firn_objects_pack_of(objects, number);
    if (pack == NULL) {
        return firn_error_set(err, FIRN_CORRUPT,
                              "the object index names pack %u, which the store does not have",
                              number);
    }
    firn_os_mutex_lock(&objects->mutex);
    pack->users++;
    pack->last_use = ++objects->clock;
    struct firn_packfile *file = pack->file;
    firn_os_mutex_unlock(&objects->mutex);
    if (file != NULL) {
        *out = file;
        return FIRN_OK;
    }

    struct firn_packfile *opened;
    uint64_t allocated;
    int rc = open_file(objects, pack, &opened, &allocated, err);
    struct firn_packfile *surplus = NULL;
    firn_os_mutex_lock(&objects->mutex);
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
    firn_os_mutex_unlock(&objects->mutex);
    firn_packfile_close(surplus);
    return rc;
}

void
firn_objects_release(struct firn_objects *objects, uint32_t number)
{
    struct firn_objects_pack *pack = firn_objects_pack_of(objects, number);
    firn_os_mutex_lock(&objects->mutex);
    CHECK(pack->users > 0 && pack->file != NULL); /* (I2) */
    pack->users--;
    firn_os_mutex_unlock(&objects->mutex);
}

int
firn_objects_find(struct firn_objects *objects, const firn_hash *hash,
                  struct firn_objects_place *out, firn_error *err)
{
    if (objects->index == NULL) {
        return firn_error_set(err, FIRN_NOT_FOUND, "the store holds no objects");
    }
    struct firn_buf value = {0};
    int rc = firn_db_get(objects->index, firn_bytes(hash->bytes, sizeof hash->bytes), &value, err);
    if (rc == FIRN_OK) {
        rc = firn_objects_index_decode_place(firn_buf_slice(&value), out, err);
    }
    firn_buf_deinit(&value);
    return rc;
}

int
firn_objects_contains(struct firn_objects *objects, const firn_hash *hash, bool *out,
                      firn_error *err)
{
    *out = false;
    struct firn_objects_place place;
    int rc = firn_objects_find(objects, hash, &place, err);
    if (rc == FIRN_NOT_FOUND) {
        return FIRN_OK;
    }
    if (rc == FIRN_OK) {
        struct firn_objects_pack *pack = firn_objects_pack_of(objects, place.pack);
        rc = pack != NULL ? is_pack_present(objects, pack, out, err) : FIRN_OK;
    }
    return rc;
}

/* One of the two ways to read from a pack. */
typedef int read_from_pack(struct firn_packfile *pack, struct firn_packfile_scratch *scratch,
                           const firn_hash *hash, const struct firn_packfile_location *at,
                           firn_slice *out, firn_error *err);

static int
read_by(read_from_pack *read, struct firn_objects *objects, struct firn_packfile_scratch *scratch,
        const firn_hash *hash, enum firn_packfile_kind *out_kind, firn_slice *out, firn_error *err)
{
    struct firn_objects_place place;
    int rc = firn_objects_find(objects, hash, &place, err);
    if (rc == FIRN_NOT_FOUND) {
        char hex[FIRN_HASH_HEX_SIZE];
        firn_hex_encode(hash->bytes, sizeof hash->bytes, hex);
        return firn_error_set(err, FIRN_CORRUPT, "object %s is not in the store", hex);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    struct firn_packfile *file;
    *out_kind = place.at.kind;
    *out = firn_bytes(NULL, 0);
    rc = firn_objects_acquire(objects, place.pack, &file, err);
    if (rc != FIRN_OK) {
        return firn_packfile_object_failed(hash, rc, err);
    }
    const uint64_t before = firn_packfile_scratch_decoded(scratch);
    /* The bytes read are borrowed from scratch, not from the file. */
    rc = read(file, scratch, hash, &place.at, out, err);
    if (rc == FIRN_OK) {
        rc = firn_objects_budget_read(objects, file, &place,
                                      firn_packfile_scratch_decoded(scratch) - before + out->size,
                                      err);
    }
    firn_objects_release(objects, place.pack);
    return rc;
}

int
firn_objects_read_raw(struct firn_objects *objects, struct firn_packfile_scratch *scratch,
                      const firn_hash *hash, enum firn_packfile_kind *out_kind, firn_slice *out,
                      firn_error *err)
{
    return read_by(firn_packfile_read, objects, scratch, hash, out_kind, out, err);
}

static int
read_base(void *ctx, struct firn_packfile_scratch *scratch, const firn_hash *base,
          enum firn_packfile_kind *out_kind, firn_slice *out, firn_error *err)
{
    return firn_objects_read_raw(ctx, scratch, base, out_kind, out, err);
}

static int
read_stored_by(read_from_pack *read, struct firn_objects *objects,
               struct firn_packfile_scratch *scratch, const firn_hash *hash,
               enum firn_packfile_kind *out_kind, firn_slice *out, firn_error *err)
{
    int rc = read_by(read, objects, scratch, hash, out_kind, out, err);
    if (rc != FIRN_OK || *out_kind != FIRN_PACKFILE_DELTA) {
        return rc;
    }
    rc = firn_packfile_delta_read(scratch, hash, *out, read_base, objects, out_kind, out, err);
    return rc == FIRN_OK ? firn_budget_spend(objects->limit, out->size, err) : rc;
}

int
firn_objects_read_stored(struct firn_objects *objects, struct firn_packfile_scratch *scratch,
                         const firn_hash *hash, enum firn_packfile_kind *out_kind, firn_slice *out,
                         firn_error *err)
{
    return read_stored_by(firn_packfile_read, objects, scratch, hash, out_kind, out, err);
}

int
firn_objects_read_piece(struct firn_objects *objects, struct firn_packfile_scratch *scratch,
                        const firn_hash *hash, enum firn_packfile_kind *out_kind, firn_slice *out,
                        firn_error *err)
{
    return read_stored_by(firn_packfile_read_piece, objects, scratch, hash, out_kind, out, err);
}

int
firn_objects_delta(struct firn_objects *objects, struct firn_packfile_scratch *scratch,
                   const firn_hash *hash, struct firn_packfile_delta *out, firn_error *err)
{
    enum firn_packfile_kind kind;
    firn_slice stored;
    int rc = firn_objects_read_raw(objects, scratch, hash, &kind, &stored, err);
    if (rc == FIRN_OK && kind != FIRN_PACKFILE_DELTA) {
        return firn_error_set(err, FIRN_CORRUPT, "an object is not the delta that it was before");
    }
    return rc == FIRN_OK ? firn_packfile_delta_decode(stored, out, err) : rc;
}

int
firn_objects_read(struct firn_objects *objects, struct firn_packfile_scratch *scratch,
                  const firn_hash *hash, firn_slice *out, firn_error *err)
{
    enum firn_packfile_kind kind;
    int rc = firn_objects_read_stored(objects, scratch, hash, &kind, out, err);
    if (rc == FIRN_OK && kind == FIRN_PACKFILE_PIECES) {
        char hex[FIRN_HASH_HEX_SIZE];
        firn_hex_encode(hash->bytes, sizeof hash->bytes, hex);
        return firn_error_set(err, FIRN_CORRUPT,
                              "object %s is a list of pieces where a whole object belongs", hex);
    }
    return rc;
}

int
firn_objects_pieces(struct firn_objects *objects, struct firn_packfile_scratch *scratch,
                    const firn_hash *hash,
                    int (*visit)(void *ctx, uint64_t offset,
                                 const struct firn_packfile_piece *piece, firn_error *err),
                    void *ctx, firn_error *err)
{
    struct firn_objects_place place;
    int rc = firn_objects_find(objects, hash, &place, err);
    if (rc != FIRN_OK || place.at.kind != FIRN_PACKFILE_PIECES) {
        return rc;
    }
    enum firn_packfile_kind kind;
    firn_slice list;
    uint64_t total;
    rc = firn_objects_read_stored(objects, scratch, hash, &kind, &list, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    return firn_packfile_cells_is_list(list)
               ? firn_packfile_cells_decode(list, &total, visit, ctx, err)
               : firn_packfile_decode_pieces(list, &total, visit, ctx, err);
}
