/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_plan.c: decides what to do with each pack.
 *
 * The index is read a second time, in step with the table of marks, and the live objects of each
 * pack are counted. An object in a pack counts as dead if the index names another place for it.
 *
 *   nothing alive                       the pack goes
 *   no live objects                     the pack goes
 *   a fiftieth of it dead, or           its live objects move to a new pack
 *   anything, if it is small;
 *   automatically: an eighth of it
 *   a dead forgotten object             likewise
 *   an object that the index            likewise: an interrupted collection had begun to empty the
 *   does not have there                 pack, and how much of it is dead is unknown
 *   small, and not the only one         likewise: many small packs become one; an automatic
 *                                       collection leaves that to saves (gc_join.c)
 *   compressed at a lower level than    likewise, if that was requested
 *   was requested
 *   not encrypted with the newest key   likewise, if that was requested
 *   its file is missing                 the pack is left alone while it has live objects: the file
 *
 * With "full", every pack that holds anything dead is rewritten.
 *
 * So a plain collection moves at most 49 bytes for each byte that it frees, and leaves less than
 * a fiftieth of the store dead. An automatic one, which runs repeatedly, moves at most seven, and
 * leaves less than an eighth. It begins when about a quarter is dead (catalog_due.c), so it always
 * finds a pack to take, and an eighth of the store has to die before the next one. The
 * rest is reported, and noted for the next one.
 *
 * Dead space is measured in the file. A frame counts with the share of its decoded bytes that
 * belongs to dead objects; the rest of the file, which is mostly names, with the share of dead
 * objects among all. So a dead film, which does not compress, weighs more than dead sources of the
 * same size. The sizes of frames are in the table of the pack, which is read only for packs with
 * both live and dead objects, without decoding any frame. If it cannot be read, sizes before
 * compression are used.
 *
 * The list of packs says at which level of zstd a pack was compressed. A pack that is rewritten is
 * compressed at the requested level, but never at a lower one than before: so a collection undoes
 * no compression, and packs that become one have the same level.
 *
 * Before a pack goes, the index entries that lead into it must go (I3 of objects_session.c). Those
 * of dead objects are deleted here, for all packs at once; live objects get new places when they
 * move. Entries of dead objects in packs that stay remain, and are valid: a save may meet the
 * object again and need not store it.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "gc/gc_internal.h"

enum { SMALL_PACK_BYTES = 16 << 20, BATCH_SIZE = 1 << 20 };
enum { PART = 50, AUTOMATIC_PART = 8 }; /* a pack is rewritten if this part of it is dead */

/* ---- counting ---- */

/* The level at which a pack was compressed. */
static int
level_of(const struct fi_objects_index_pack *entry)
{
    return entry->level; /* 0, the level of saves, if the list does not say */
}

static int
list_packs(struct fi_gc *gc, firn_error *err)
{
    struct fi_objects *objects = gc->opened->objects;
    DCHECK(gc->packs == NULL && gc->pack_count == 0);
    const size_t count = fi_objects_pack_count(objects);
    gc->packs = fi_alloc_array(count, sizeof *gc->packs);
    if (gc->packs == NULL) {
        return fi_error_no_memory(err, "the list of packs");
    }
    for (size_t i = 0; i < count; i++) {
        const struct fi_objects_index_pack *pack = fi_objects_pack_at(objects, i);
        bool is_present;
        int rc = fi_objects_pack_is_present(objects, i, &is_present, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        bool is_outdated = false;
        if (is_present && gc->options->rekey) {
            FI_TRY_RETURN(fi_gc_rekey_is_outdated(gc, i, &is_outdated, err));
        }
        gc->packs[gc->pack_count++] = (struct fi_gc_pack){.is_outdated = is_outdated,
                                                          .number = pack->number,
                                                          .level = level_of(pack),
                                                          .is_present = is_present,
                                                          .size_bytes = pack->size_bytes,
                                                          .object_count = pack->object_count};
        gc->result->bytes_before += is_present ? pack->size_bytes : 0;
    }
    gc->result->bytes_before += fi_objects_retired_bytes(objects);
    gc->result->packs_before = gc->pack_count;
    return FIRN_OK;
}

static struct fi_gc_pack *
find_pack(struct fi_gc *gc, uint32_t number)
{
    size_t at = 0;
    size_t end = gc->pack_count;
    FI_SEARCH_FIRST(at, end, i, gc->packs[i].number < number);
    return at < gc->pack_count && gc->packs[at].number == number ? &gc->packs[at] : NULL;
}

/* Calls visit for each entry of the index with its number in the table. Requires: the index is as
 * it was when the table was made. */
static int
walk_index(struct fi_gc *gc,
           int (*visit)(struct fi_gc *gc, void *ctx, size_t number, firn_slice key,
                        const struct fi_objects_place *place, firn_error *err),
           void *ctx, firn_error *err)
{
    struct firn_db_keyspace *index = fi_objects_index(gc->opened->objects);
    struct firn_db_cursor *cursor;
    if (index == NULL) {
        return FIRN_OK;
    }
    int rc = fi_db_cursor_open(index, NULL, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    size_t number = 0;
    for (rc = fi_db_cursor_first(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_next(cursor, err)) {
        struct fi_objects_place place;
        CHECK(number < fi_gc_table_count(gc->table));
        FI_TRY(fi_objects_index_decode_place(fi_db_cursor_value(cursor), &place, err));
        FI_TRY(visit(gc, ctx, number, fi_db_cursor_key(cursor), &place, err));
        number++;
    }
    DCHECK(rc != FIRN_OK || number == fi_gc_table_count(gc->table));
out:
    fi_db_cursor_close(cursor);
    return rc;
}

static uint32_t
dead_in_frame(const struct fi_gc_pack *pack, uint32_t frame)
{
    size_t at = (size_t)frame * sizeof(uint32_t);
    return at < pack->dead_sizes.size ? fi_load_le32(pack->dead_sizes.data + at) : 0;
}

static int
set_size(struct fi_buf *buf, size_t size, firn_error *err)
{
    size_t before = buf->size;
    if (size <= before) {
        return FIRN_OK;
    }
    if (fi_buf_set_size(buf, size) != FIRN_OK) {
        return fi_error_no_memory(err, "a list of frames");
    }
    memset(buf->data + before, 0, size - before);
    return FIRN_OK;
}

/* Ignores a frame number that no pack can have: the missing objects are noticed when the pack is
 * moved. */
static int
note_frame(struct fi_buf *frames, uint32_t frame, firn_error *err)
{
    size_t byte = frame / 8;
    if (frame >= FI_PACK_FRAMES_MAX) {
        return FIRN_OK;
    }
    int rc = set_size(frames, byte + 1, err);
    if (rc == FIRN_OK) {
        frames->data[byte] |= (uint8_t)(1U << (frame % 8));
        DCHECK(fi_gc_has_frame(frames, frame));
    }
    return rc;
}

/* Notes dead bytes in a frame. Requires: the frame has fewer than 4 GiB. */
static int
note_dead(struct fi_gc_pack *pack, uint32_t frame, uint64_t bytes, firn_error *err)
{
    size_t at = (size_t)frame * sizeof(uint32_t);
    int rc = note_frame(&pack->dead_frames, frame, err);
    if (rc != FIRN_OK || frame >= FI_PACK_FRAMES_MAX) {
        return rc;
    }
    rc = set_size(&pack->dead_sizes, at + sizeof(uint32_t), err);
    if (rc == FIRN_OK) {
        uint64_t sum = dead_in_frame(pack, frame) + bytes;
        fi_store_le32(pack->dead_sizes.data + at, sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX);
    }
    return rc;
}

static bool
is_forgotten(const struct fi_gc *gc, firn_slice key)
{
    firn_hash hash;
    if (gc->forgotten.count == 0 || key.size != sizeof hash.bytes) {
        return false;
    }
    memcpy(hash.bytes, key.data, key.size);
    return fi_catalog_forgotten_has(&gc->forgotten, &hash);
}

static int
count(struct fi_gc *gc, void *ctx, size_t number, firn_slice key,
      const struct fi_objects_place *place, firn_error *err)
{
    (void)ctx;
    struct fi_gc_pack *pack = find_pack(gc, place->pack);
    int rc = FIRN_OK;
    if (pack != NULL && fi_gc_table_has(gc->table, number, FI_GC_MARK_LIVE)) {
        pack->live_count++;
        pack->live_bytes += place->at.size;
        if (gc->names != NULL) {
            fi_gc_names_count(gc->names, number, place->at.size);
        }
        rc = note_frame(&pack->live_frames, place->at.frame, err);
    } else if (pack != NULL) {
        pack->dead_count++;
        pack->dead_bytes += place->at.size;
        pack->has_forgotten = pack->has_forgotten || is_forgotten(gc, key);
        rc = note_dead(pack, place->at.frame, place->at.size, err);
    }
    return rc != FIRN_OK ? rc : fi_gc_report_progress(gc, "count", number, err);
}

/* ---- weighing ---- */

static uint64_t
share_of(uint64_t bytes, uint64_t part, uint64_t all)
{
    double share = all == 0 ? 0 : (double)bytes * ((double)part / (double)all);
    DCHECK(share >= 0);
    return share < (double)bytes ? (uint64_t)share : bytes;
}

static uint64_t
dead_in_file(const struct fi_gc_pack *pack, const struct firn_pack *file)
{
    const uint32_t count = fi_pack_walk_count(file);
    uint64_t frames = 0;
    uint64_t dead = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct fi_pack_frame_size size = fi_pack_frame_size_of(file, i);
        frames += size.stored;
        dead += share_of(size.stored, dead_in_frame(pack, i), size.raw);
    }
    uint64_t rest = pack->size_bytes > frames ? pack->size_bytes - frames : 0;
    return dead + share_of(rest, pack->object_count - pack->live_count, pack->object_count);
}

/* How much of a pack's file is dead. */
static int
gc_plan_weigh(struct fi_gc *gc, struct fi_gc_pack *pack, firn_error *err)
{
    struct fi_objects *objects = gc->opened->objects;
    struct firn_pack *file;
    pack->dead_stored =
        share_of(pack->size_bytes, pack->dead_bytes + 1, pack->live_bytes + pack->dead_bytes + 1);
    if (pack->dead_count == 0 || pack->live_count == 0 || !pack->is_present) {
        pack->dead_stored = pack->live_count == 0 ? pack->size_bytes : 0;
        return FIRN_OK;
    }
    int rc = fi_objects_pack_acquire(objects, pack->number, &file, err);
    if (rc == FIRN_OK) {
        /* The sizes of its frames come from its file. */
        uint64_t dead = dead_in_file(pack, file);
        pack->dead_stored = dead < pack->size_bytes ? dead : pack->size_bytes;
        fi_objects_pack_release(objects, pack->number);
    }
    return fi_gc_is_finding(rc) ? FIRN_OK : rc; /* the move reports it */
}

/* ---- deciding ---- */

/* A pack of many tiny objects is not small once it has as many as a pack may have. */
static bool
is_small(const struct fi_gc *gc, const struct fi_gc_pack *pack)
{
    return pack->is_present && pack->size_bytes < SMALL_PACK_BYTES &&
           pack->object_count < gc->limits->pack_objects / 2;
}

static bool
is_worth_it(const struct fi_gc *gc, const struct fi_gc_pack *pack)
{
    if (pack->dead_count == 0 || gc->options->full) {
        return pack->dead_count > 0;
    }
    if (gc->options->automatic) {
        return pack->dead_stored >= pack->size_bytes / AUTOMATIC_PART;
    }
    return is_small(gc, pack) || pack->dead_stored >= pack->size_bytes / PART;
}

static enum fi_gc_fate
gc_plan_assess(const struct fi_gc *gc, const struct fi_gc_pack *pack)
{
    if (pack->live_count == 0) {
        return FI_GC_DROP;
    }
    if (!pack->is_present) {
        return FI_GC_KEEP;
    }
    bool has_strays = pack->live_count + pack->dead_count < pack->object_count;
    if (pack->has_forgotten || has_strays || pack->is_outdated) {
        return FI_GC_REWRITE;
    }
    return is_worth_it(gc, pack) || pack->level < pack->target ? FI_GC_REWRITE : FI_GC_KEEP;
}

static void
merge_small_packs(struct fi_gc *gc, int level)
{
    size_t small = 0;
    for (size_t i = 0; i < gc->pack_count; i++) {
        const struct fi_gc_pack *pack = &gc->packs[i];
        bool counts =
            pack->fate == FI_GC_REWRITE || (pack->fate == FI_GC_KEEP && is_small(gc, pack));
        small += counts && pack->target == level ? 1 : 0;
    }
    for (size_t i = 0; small > 1 && i < gc->pack_count; i++) {
        struct fi_gc_pack *pack = &gc->packs[i];
        if (pack->fate == FI_GC_KEEP && pack->target == level && is_small(gc, pack)) {
            pack->fate = FI_GC_REWRITE;
            pack->is_joined = true;
        }
    }
}

static uint64_t
dead_left(const struct fi_gc *gc)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < gc->pack_count; i++) {
        const struct fi_gc_pack *pack = &gc->packs[i];
        bytes += pack->fate == FI_GC_KEEP ? pack->dead_stored : 0;
    }
    return bytes;
}

int
fi_gc_plan(struct fi_gc *gc, firn_error *err)
{
    DCHECK(gc->table != NULL);
    int rc = list_packs(gc, err);
    if (rc == FIRN_OK) {
        rc = walk_index(gc, count, NULL, err);
    }
    const int asked = gc->options->recompress_level;
    for (size_t i = 0; rc == FIRN_OK && i < gc->pack_count; i++) {
        struct fi_gc_pack *pack = &gc->packs[i];
        pack->target = asked > pack->level ? asked : pack->level;
        rc = gc_plan_weigh(gc, pack, err);
        pack->fate = gc_plan_assess(gc, pack);
        DCHECK(pack->target >= pack->level && (!pack->has_forgotten || pack->dead_count > 0));
    }
    for (int level = FI_OBJECTS_SESSION_LEVEL;
         rc == FIRN_OK && !gc->options->automatic && level <= FI_OBJECTS_INDEX_LEVEL_MAX; level++) {
        merge_small_packs(gc, level);
    }
    gc->result->bytes_dead = dead_left(gc);
    return rc;
}

void
fi_gc_plan_release(struct fi_gc *gc)
{
    for (size_t i = 0; i < gc->pack_count; i++) {
        fi_buf_deinit(&gc->packs[i].live_frames);
        fi_buf_deinit(&gc->packs[i].dead_frames);
        fi_buf_deinit(&gc->packs[i].dead_sizes);
    }
    fi_free(gc->packs);
}

/* ---- sweeping ---- */

static int
write_batch(struct fi_gc *gc, struct firn_db_batch *batch, firn_error *err)
{
    int rc = fi_db_batch_count(batch) == 0
                 ? FIRN_OK
                 : fi_db_write(gc->opened->db, batch, FIRN_DURABILITY_OS, err);
    fi_db_batch_clear(batch);
    return rc;
}

static int
gc_plan_sweep(struct fi_gc *gc, void *ctx, size_t number, firn_slice key,
              const struct fi_objects_place *place, firn_error *err)
{
    struct firn_db_batch *batch = ctx;
    const struct fi_gc_pack *pack = find_pack(gc, place->pack);
    if (fi_gc_table_has(gc->table, number, FI_GC_MARK_LIVE) ||
        (pack != NULL && pack->fate == FI_GC_KEEP)) {
        return FIRN_OK;
    }
    /* Objects that the stat cache may name were walked, and are alive: (I2) of gc.c. */
    DCHECK(!fi_gc_table_has(gc->table, number, FI_GC_MARK_TREE_WALKED));
    int rc = fi_db_batch_delete(batch, fi_objects_index(gc->opened->objects), key, err);
    if (rc == FIRN_OK && fi_db_batch_size_bytes(batch) >= BATCH_SIZE) {
        rc = write_batch(gc, batch, err);
    }
    return rc;
}

int
fi_gc_plan_sweep(struct fi_gc *gc, firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    DCHECK(!gc->options->dry_run && !fi_db_is_read_only(gc->opened->db));
    int rc = fi_db_batch_create(&batch, err);
    if (rc == FIRN_OK) {
        rc = walk_index(gc, gc_plan_sweep, batch, err);
    }
    if (rc == FIRN_OK) {
        rc = write_batch(gc, batch, err);
    }
    fi_db_batch_destroy(batch);
    return rc;
}
