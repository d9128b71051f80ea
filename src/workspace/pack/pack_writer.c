/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_writer.c: what the lanes of a pack share: which objects are claimed, the numbers of
 * frames, and finishing the pack.
 *
 * An object's place is known before its frame is written. When a lane claims its first object for
 * an empty frame, the frame gets its number, and an object's offset counts from the first byte of
 * the frame's contents. So a claim writes the whole record (hash, frame, offset, size, kind) once,
 * into a map that is both the set of names and, sorted, the object table. Frames may reach
 * the file in another order than that of their numbers; the frame table says where each is.
 *
 * (I1) A name is in the map if and only if its bytes are in a frame that a lane holds or that was
 *      written. If the bytes cannot be written (a failed write, no memory), the writer is latched,
 *      because others may have relied on the name.
 * (I2) finish succeeds only if every numbered frame was written. (Not checked: check_complete gives
 *      FIRN_MISUSE.)
 * (I3) After finish the map's records are in hash order; the map is then an array and is no longer
 *      searched as a map.
 *
 * The pool. firn/pack.h lets any thread add without a lane of its own. Such a call takes a lane out
 * of the pool, or makes one, and puts it back afterwards; so there are at most as many as calls at
 * once. finish writes the open frames of pooled lanes.
 *
 * Locking: FI_LOCK_PACK_WRITER guards map, frames, pool and failure; hashing, compressing and
 * writing happen outside.
 *
 * Memory: about 57 bytes for each object and 16 for each frame; for each lane the size of a frame,
 * 512 KiB, and zstd's state.
 */
#include <stdatomic.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"
#include "os/os_process.h"
#include "pack/pack.h"
#include "pack/pack_format.h"
#include "pack/pack_internal.h"
#include "threads/os_thread.h"

struct firn_pack_writer {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct fi_block_writer *block;
    struct fi_os_dir *own_dir; /* NULL if the directory is borrowed */
    int level;
    size_t frame_size;
    atomic_bool has_cells; /* set by lanes; read by finish, when none is adding */

    struct fi_os_mutex mutex;
    struct fi_hash_map objects;  /* of struct fi_pack_writer_record */
    struct fi_block_ref *frames; /* by number; offset 0: not written */
    uint32_t frame_count;
    uint32_t frame_capacity;
    struct fi_pack_lane *pool;
    bool is_finished;
    firn_error failure; /* code FIRN_OK: none */
};

static uint64_t
record_hash(const void *record)
{
    return fi_load_le64(((const struct fi_pack_writer_record *)record)->hash.bytes);
}

static bool
record_is(const void *record, const void *key)
{
    return fi_hash_equal(&((const struct fi_pack_writer_record *)record)->hash, key);
}

int
fi_pack_writer_create(struct fi_os_dir *dir, const char *name, int level,
                      struct firn_pack_writer **out, firn_error *err)
{
    *out = NULL;
    struct firn_pack_writer *writer = fi_alloc_zeroed(sizeof *writer);
    if (writer == NULL) {
        return fi_error_no_memory(err, "a pack writer");
    }
    fi_os_process_init_mark(&writer->mark);
    writer->level = level;
    writer->frame_size = FI_PACK_FRAME_SIZE;
    fi_os_mutex_init(fi_os_dir_os(dir), &writer->mutex, FI_LOCK_PACK_WRITER);
    fi_hash_map_init(&writer->objects, sizeof(struct fi_pack_writer_record), record_hash,
                     record_is);
    int rc = fi_block_writer_create(dir, name, FI_BLOCK_FILE_PACK, &writer->block, err);
    if (rc != FIRN_OK) {
        fi_pack_writer_destroy(writer);
        return rc;
    }
    *out = writer;
    return FIRN_OK;
}

int
fi_pack_writer_create_path(struct fi_os *os, const char *path, int level,
                           struct firn_pack_writer **out, firn_error *err)
{
    *out = NULL;
    struct fi_os_dir *dir;
    const char *name;
    int rc = fi_pack_path_open_parent(os, path, &dir, &name, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_pack_writer_create(dir, name, level, out, err);
    if (rc != FIRN_OK) {
        fi_os_dir_close(dir);
        return rc;
    }
    (*out)->own_dir = dir;
    return FIRN_OK;
}

const struct fi_block_file_id *
fi_pack_writer_id(const struct firn_pack_writer *writer)
{
    return fi_block_writer_id(writer->block);
}

void
fi_pack_writer_note_cells(struct firn_pack_writer *writer)
{
    atomic_store_explicit(&writer->has_cells, true, memory_order_relaxed);
}

int
fi_pack_writer_level(const struct firn_pack_writer *writer)
{
    return writer->level;
}

void
fi_pack_writer_set_frame_size(struct firn_pack_writer *writer, size_t size)
{
    CHECK(size >= FI_PACK_FRAME_SIZE && size <= FI_PACK_FRAME_SIZE_MAX);
    writer->frame_size = size;
}

void
fi_pack_writer_set_passing(struct firn_pack_writer *writer)
{
    fi_block_writer_set_passing(writer->block);
}

size_t
fi_pack_writer_frame_size(const struct firn_pack_writer *writer)
{
    return writer->frame_size;
}

/* ---- names and frames ---- */

/* Binary search, for after finish (I3). */
static const struct fi_pack_writer_record *
find_sorted(const struct firn_pack_writer *writer, const firn_hash *hash)
{
    DCHECK(writer->is_finished);
    const size_t count = writer->objects.count;
    const struct fi_pack_writer_record *records =
        count == 0 ? NULL : fi_hash_map_at(&writer->objects, 0);
    size_t at = 0;
    size_t end = count;
    FI_SEARCH_FIRST(at, end, i, memcmp(records[i].hash.bytes, hash->bytes, sizeof hash->bytes) < 0);
    return at < count && fi_hash_equal(&records[at].hash, hash) ? &records[at] : NULL;
}

static const struct fi_pack_writer_record *
find_locked(const struct firn_pack_writer *writer, const firn_hash *hash)
{
    fi_os_mutex_assert_held(&writer->mutex);
    return writer->is_finished
               ? find_sorted(writer, hash)
               : fi_hash_map_find(&writer->objects, fi_load_le64(hash->bytes), hash);
}

bool
fi_pack_writer_contains(struct firn_pack_writer *writer, const firn_hash *hash)
{
    fi_os_mutex_lock(&writer->mutex);
    bool found = find_locked(writer, hash) != NULL;
    fi_os_mutex_unlock(&writer->mutex);
    return found;
}

uint64_t
fi_pack_writer_count(struct firn_pack_writer *writer)
{
    fi_os_mutex_lock(&writer->mutex);
    uint64_t count = writer->objects.count;
    fi_os_mutex_unlock(&writer->mutex);
    return count;
}

uint64_t
fi_pack_writer_size_bytes(struct firn_pack_writer *writer)
{
    return fi_block_writer_size_bytes(writer->block);
}

static int
check_usable_locked(const struct firn_pack_writer *writer, firn_error *err)
{
    fi_os_mutex_assert_held(&writer->mutex);
    if (writer->failure.code != FIRN_OK) {
        return fi_error_set(err, FIRN_FAILED, "an earlier write of the pack failed: %s",
                            writer->failure.text);
    }
    if (writer->is_finished) {
        return fi_error_set(err, FIRN_MISUSE, "the pack is finished");
    }
    return FIRN_OK;
}

static int
reserve_frame_locked(struct firn_pack_writer *writer, firn_error *err)
{
    fi_os_mutex_assert_held(&writer->mutex);
    if (writer->frame_count == FI_PACK_FRAMES_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "a pack has at most %d frames, which is 512 GiB of contents or more",
                            FI_PACK_FRAMES_MAX);
    }
    if (writer->frame_count == writer->frame_capacity) {
        uint32_t capacity = writer->frame_capacity + writer->frame_capacity / 2 + 64;
        struct fi_block_ref *frames = fi_resize_array(writer->frames, capacity, sizeof *frames);
        if (frames == NULL) {
            return fi_error_no_memory(err, "the list of frames");
        }
        writer->frames = frames;
        writer->frame_capacity = capacity;
    }
    DCHECK(writer->frame_count < writer->frame_capacity);
    return FIRN_OK;
}

static int
claim_locked(struct firn_pack_writer *writer, struct fi_pack_writer_record *record,
             bool *out_is_new, firn_error *err)
{
    fi_os_mutex_assert_held(&writer->mutex);
    FI_TRY_RETURN(check_usable_locked(writer, err));
    uint64_t key_hash = fi_load_le64(record->hash.bytes);
    if (fi_hash_map_find(&writer->objects, key_hash, &record->hash) != NULL) {
        *out_is_new = false;
        return FIRN_OK;
    }
    if (writer->objects.count == FI_PACK_OBJECTS_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "a pack has at most %d objects", FI_PACK_OBJECTS_MAX);
    }
    bool needs_frame = record->frame == FI_PACK_WRITER_NO_FRAME;
    if (needs_frame) {
        FI_TRY_RETURN(reserve_frame_locked(writer, err));
        record->frame = writer->frame_count;
    }
    /* (I1) The frame is still to be written. */
    DCHECK(needs_frame ||
           (record->frame < writer->frame_count && writer->frames[record->frame].offset == 0));
    if (fi_hash_map_insert(&writer->objects, key_hash, record) == NULL) {
        return fi_error_no_memory(err, "the names in a pack");
    }
    if (needs_frame) {
        writer->frames[writer->frame_count++] = (struct fi_block_ref){0};
    }
    *out_is_new = true;
    return FIRN_OK;
}

int
fi_pack_writer_claim(struct firn_pack_writer *writer, struct fi_pack_writer_record *record,
                     bool *out_is_new, firn_error *err)
{
    fi_os_mutex_lock(&writer->mutex);
    int rc = claim_locked(writer, record, out_is_new, err);
    fi_os_mutex_unlock(&writer->mutex);
    return rc;
}

void
fi_pack_writer_fail(struct firn_pack_writer *writer, const firn_error *err)
{
    DCHECK(err->code != FIRN_OK); /* else nothing would be latched: (I1) */
    fi_os_mutex_lock(&writer->mutex);
    if (writer->failure.code == FIRN_OK) {
        writer->failure = *err;
    }
    fi_os_mutex_unlock(&writer->mutex);
}

int
fi_pack_writer_put_frame(struct firn_pack_writer *writer, const struct fi_pack_writer_frame *frame,
                         firn_error *err)
{
    struct fi_block_ref ref;
    int rc = frame->is_alone ? fi_block_writer_add_padded(writer->block, frame->codec,
                                                          frame->stored, frame->raw_size, &ref, err)
                             : fi_block_writer_add(writer->block, frame->codec, frame->stored,
                                                   frame->raw_size, &ref, err);
    if (rc == FIRN_OK) {
        fi_os_mutex_lock(&writer->mutex);
        CHECK(frame->number < writer->frame_count && writer->frames[frame->number].offset == 0);
        writer->frames[frame->number] = ref;
        fi_os_mutex_unlock(&writer->mutex);
    }
    return rc;
}

/* ---- adding without a lane ---- */

static int
take_lane(struct firn_pack_writer *writer, struct fi_pack_lane **out, firn_error *err)
{
    fi_os_mutex_lock(&writer->mutex);
    struct fi_pack_lane *lane = writer->pool;
    if (lane != NULL) {
        writer->pool = *fi_pack_lane_link(lane);
    }
    fi_os_mutex_unlock(&writer->mutex);
    *out = lane;
    return lane != NULL ? FIRN_OK : fi_pack_lane_create(writer, out, err);
}

static void
give_lane(struct firn_pack_writer *writer, struct fi_pack_lane *lane)
{
    fi_os_mutex_lock(&writer->mutex);
    DCHECK(lane != writer->pool);
    *fi_pack_lane_link(lane) = writer->pool;
    writer->pool = lane;
    fi_os_mutex_unlock(&writer->mutex);
}

int
fi_pack_writer_add(struct firn_pack_writer *writer, firn_slice content, firn_hash *out_hash,
                   bool *out_is_new, firn_error *err)
{
    struct fi_pack_lane *lane;
    int rc = take_lane(writer, &lane, err);
    if (rc == FIRN_OK) {
        rc = fi_pack_stream_add_bytes(lane, content, out_hash, out_is_new, err);
        give_lane(writer, lane);
    }
    return rc;
}

int
fi_pack_writer_add_stream(struct firn_pack_writer *writer, fi_pack_stream_source *read, void *ctx,
                          firn_hash *out_hash, bool *out_is_new, uint64_t *out_size,
                          firn_error *err)
{
    struct fi_pack_lane *lane;
    int rc = take_lane(writer, &lane, err);
    if (rc == FIRN_OK) {
        rc = fi_pack_stream_add(lane, read, ctx, out_hash, out_is_new, out_size, err);
        give_lane(writer, lane);
    }
    return rc;
}

/* ---- the end ---- */

/* Writes the open frames of the pool's lanes, and releases them. */
static int
drain_pool(struct firn_pack_writer *writer, firn_error *err)
{
    int rc = FIRN_OK;
    while (writer->pool != NULL) {
        struct fi_pack_lane *lane = writer->pool;
        writer->pool = *fi_pack_lane_link(lane);
        if (rc == FIRN_OK) {
            rc = fi_pack_lane_flush(lane, err);
        }
        fi_pack_lane_destroy(lane);
    }
    return rc;
}

static int
check_complete(struct firn_pack_writer *writer, firn_error *err)
{
    if (writer->objects.count == 0) {
        return fi_error_set(err, FIRN_INVALID, "cannot write a pack without objects");
    }
    for (uint32_t i = 0; i < writer->frame_count; i++) {
        if (writer->frames[i].offset == 0) {
            return fi_error_set(err, FIRN_MISUSE, "a lane of the pack was not flushed");
        }
    }
    return FIRN_OK;
}

/* Writes the tables at the end of a pack: pages of the object table, and the two sections.
 *
 * Records are sorted by a radix sort on the bytes of the hash, in place. BLAKE3 spreads names
 * evenly, so after two bytes the buckets of a hundred thousand objects hold one or two. No memory
 * is needed at the moment when the writer holds most.
 *
 * Pages are plain, not compressed: hashes have no redundancy, and a look-up then costs just one
 * read of 32 KiB. Every page but the last is full, so a page's number determines how many entries
 * it has. */

enum { INSERTION_COUNT_MAX = 24, HASH_SIZE = 32 };

/* ---- sorting ---- */

static void
insertion_sort(struct fi_pack_writer_record *records, size_t count, size_t depth)
{
    for (size_t i = 1; i < count; i++) {
        struct fi_pack_writer_record moving = records[i];
        size_t at = i;
        while (at > 0 && memcmp(records[at - 1].hash.bytes + depth, moving.hash.bytes + depth,
                                HASH_SIZE - depth) > 0) {
            records[at] = records[at - 1];
            at--;
        }
        records[at] = moving;
    }
}

/* Puts every record into the bucket of its byte at `depth`; bucket b begins at starts[b], and
 * starts[256] is the end. */
static void
distribute(struct fi_pack_writer_record *records, size_t count, size_t depth, size_t starts[257])
{
    size_t counts[256] = {0};
    size_t next[256];
    for (size_t i = 0; i < count; i++) {
        counts[records[i].hash.bytes[depth]]++;
    }
    starts[0] = 0;
    for (size_t b = 0; b < 256; b++) {
        next[b] = starts[b];
        starts[b + 1] = starts[b] + counts[b];
    }
    DCHECK(starts[256] == count);
    for (size_t b = 0; b < 256; b++) {
        while (next[b] < starts[b + 1]) {
            struct fi_pack_writer_record moving = records[next[b]];
            size_t home = moving.hash.bytes[depth];
            while (home != b) {
                struct fi_pack_writer_record evicted = records[next[home]];
                records[next[home]++] = moving;
                moving = evicted;
                home = moving.hash.bytes[depth];
            }
            records[next[b]++] = moving;
        }
    }
}

/* The first `depth` bytes of all records are equal; so the recursion is at most HASH_SIZE deep. */
static void
sort_from(struct fi_pack_writer_record *records, size_t count, size_t depth)
{
    DCHECK(depth < HASH_SIZE);
    if (count <= INSERTION_COUNT_MAX || depth == HASH_SIZE - 1) {
        insertion_sort(records, count, depth);
        return;
    }
    size_t starts[257];
    distribute(records, count, depth, starts);
    for (size_t b = 0; b < 256; b++) {
        if (starts[b + 1] - starts[b] > 1) {
            sort_from(records + starts[b], starts[b + 1] - starts[b], depth + 1);
        }
    }
}

/* Whether hashes strictly ascend, and every frame is below frame_count. */
static bool
is_sound(const struct fi_pack_writer_record *records, size_t count, uint32_t frame_count)
{
    for (size_t i = 0; i < count; i++) {
        if (records[i].frame >= frame_count ||
            (i > 0 && memcmp(records[i - 1].hash.bytes, records[i].hash.bytes, HASH_SIZE) >= 0)) {
            return false;
        }
    }
    return true;
}

/* Sorts records by hash, in place. */
static void
table_sort(struct fi_pack_writer_record *records, size_t count)
{
    sort_from(records, count, 0);
}

/* ---- writing ---- */

static void
encode_record(const struct fi_pack_writer_record *record, uint8_t *out)
{
    struct fi_pack_format_entry entry = {.hash = record->hash,
                                         .at = {.frame = record->frame,
                                                .offset = record->offset,
                                                .size = record->size,
                                                .kind = (enum fi_pack_kind)record->kind}};
    fi_pack_format_encode_entry(&entry, out);
}

/* Writes one page, appends its fence. */
static int
write_page(struct fi_block_writer *block, const struct fi_pack_writer_record *records, size_t count,
           uint8_t *page, struct fi_buf *fences, firn_error *err)
{
    DCHECK(count > 0 && count <= FI_PACK_FORMAT_PAGE_ENTRIES);
    for (size_t i = 0; i < count; i++) {
        encode_record(&records[i], page + i * FI_PACK_FORMAT_ENTRY_SIZE);
    }
    struct fi_block_ref ref;
    size_t size = count * FI_PACK_FORMAT_ENTRY_SIZE;
    FI_TRY_RETURN(fi_block_writer_add(block, FI_CODEC_NONE, firn_bytes(page, size), (uint32_t)size,
                                      &ref, err));
    if (fi_buf_append(fences, records[0].hash.bytes, HASH_SIZE) != FIRN_OK ||
        fi_buf_append_le64(fences, ref.offset) != FIRN_OK) {
        return fi_error_no_memory(err, "the fences of an object table");
    }
    return FIRN_OK;
}

static int
write_section(struct fi_block_writer *block, uint32_t kind, const struct fi_buf *bytes,
              firn_error *err)
{
    struct fi_block_ref ref;
    DCHECK(bytes->size <= FI_BLOCK_SIZE_MAX);
    int rc = fi_block_writer_add(block, FI_CODEC_NONE, fi_buf_slice(bytes), (uint32_t)bytes->size,
                                 &ref, err);
    return rc == FIRN_OK ? fi_block_writer_add_section(block, kind, &ref, err) : rc;
}

static int
write_objects(struct fi_block_writer *block, const struct fi_pack_writer_record *records,
              size_t count, firn_error *err)
{
    int rc;
    struct fi_buf fences = {0};
    size_t page_count = (count + FI_PACK_FORMAT_PAGE_ENTRIES - 1) / FI_PACK_FORMAT_PAGE_ENTRIES;
    uint8_t *page = fi_alloc(FI_PACK_FORMAT_PAGE_SIZE);
    if (page == NULL || fi_buf_append_le64(&fences, count) != FIRN_OK ||
        fi_buf_append_le32(&fences, (uint32_t)page_count) != FIRN_OK ||
        fi_buf_append_le32(&fences, 0) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "a page of an object table"));
    }
    for (size_t at = 0; at < count; at += FI_PACK_FORMAT_PAGE_ENTRIES) {
        size_t left = count - at;
        size_t in_page = left < FI_PACK_FORMAT_PAGE_ENTRIES ? left : FI_PACK_FORMAT_PAGE_ENTRIES;
        FI_TRY(write_page(block, records + at, in_page, page, &fences, err));
    }
    DCHECK(fences.size ==
           FI_PACK_FORMAT_OBJECTS_HEAD_SIZE + page_count * FI_PACK_FORMAT_FENCE_SIZE);
    FI_TRY(write_section(block, FI_PACK_FORMAT_SECTION_OBJECTS, &fences, err));
out:
    fi_free(page);
    fi_buf_deinit(&fences);
    return rc;
}

static int
append_frames(const struct fi_block_writer *block, const struct fi_block_ref *frames,
              uint32_t count, struct fi_buf *out)
{
    FI_TRY_RETURN(fi_buf_append_le32(out, count));
    FI_TRY_RETURN(fi_buf_append_le32(out, 0));
    for (uint32_t i = 0; i < count; i++) {
        DCHECK(frames[i].raw_size <= FI_PACK_FORMAT_FRAME_SIZE_MAX &&
               frames[i].stored_size <=
                   fi_block_writer_stored_size_max(block, frames[i].raw_size)); /* for reading */
        FI_TRY_RETURN(fi_buf_append_le64(out, frames[i].offset));
        FI_TRY_RETURN(fi_buf_append_le32(out, frames[i].stored_size));
        FI_TRY_RETURN(fi_buf_append_le32(out, frames[i].raw_size));
    }
    return FIRN_OK;
}

/* Writes pages and both sections. records are sorted. */
static int
table_write(struct fi_block_writer *block, const struct fi_pack_writer_record *records,
            size_t count, const struct fi_block_ref *frames, uint32_t frame_count, firn_error *err)
{
    int rc;
    struct fi_buf bytes = {0};
    DCHECK(count > 0 && is_sound(records, count, frame_count));
    FI_TRY(write_objects(block, records, count, err));
    if (append_frames(block, frames, frame_count, &bytes) != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "the list of frames"));
    }
    FI_TRY(write_section(block, FI_PACK_FORMAT_SECTION_FRAMES, &bytes, err));
out:
    fi_buf_deinit(&bytes);
    return rc;
}

int
fi_pack_writer_finish(struct firn_pack_writer *writer, uint64_t *out_file_size, firn_error *err)
{
    firn_error local;
    if (err == NULL) {
        err = &local;
    }
    fi_os_mutex_lock(&writer->mutex);
    int rc = check_usable_locked(writer, err);
    fi_os_mutex_unlock(&writer->mutex);
    if (rc != FIRN_OK) {
        return rc;
    }
    FI_TRY(drain_pool(writer, err));
    FI_TRY(check_complete(writer, err));
    /* From here on the map is an array (I3), whether this succeeds or not. */
    writer->is_finished = true;
    table_sort(fi_hash_map_at(&writer->objects, 0), writer->objects.count);
    FI_TRY(table_write(writer->block, fi_hash_map_at(&writer->objects, 0), writer->objects.count,
                       writer->frames, writer->frame_count, err));
    if (atomic_load_explicit(&writer->has_cells, memory_order_relaxed)) {
        fi_block_writer_set_needs(writer->block, FI_BLOCK_NEEDS_CELLS);
    }
    FI_TRY(fi_block_writer_finish(writer->block, out_file_size, err));
out:
    if (rc != FIRN_OK) {
        fi_pack_writer_fail(writer, err);
    }
    return rc;
}

int
fi_pack_writer_list(struct firn_pack_writer *writer,
                    int (*visit)(void *ctx, const firn_hash *hash,
                                 const struct fi_pack_location *at, firn_error *err),
                    void *ctx, firn_error *err)
{
    if (!writer->is_finished || writer->failure.code != FIRN_OK) {
        return fi_error_set(err, FIRN_MISUSE, "the pack is not finished");
    }
    for (size_t i = 0; i < writer->objects.count; i++) {
        const struct fi_pack_writer_record *record = fi_hash_map_at(&writer->objects, i);
        DCHECK(i == 0 || memcmp(record[-1].hash.bytes, record->hash.bytes,
                                sizeof record->hash.bytes) < 0); /* (I3) */
        struct fi_pack_location at = {.frame = record->frame,
                                      .offset = record->offset,
                                      .size = record->size,
                                      .kind = (enum fi_pack_kind)record->kind};
        int rc = visit(ctx, &record->hash, &at, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

void
fi_pack_writer_destroy(struct firn_pack_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    while (writer->pool != NULL) {
        struct fi_pack_lane *lane = writer->pool;
        writer->pool = *fi_pack_lane_link(lane);
        fi_pack_lane_destroy(lane);
    }
    fi_block_writer_destroy(writer->block);
    fi_hash_map_deinit(&writer->objects);
    fi_free(writer->frames);
    fi_os_mutex_deinit(&writer->mutex);
    fi_os_dir_close(writer->own_dir);
    fi_free(writer);
}
