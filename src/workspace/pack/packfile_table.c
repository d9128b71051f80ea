/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/packfile_table.c: writes the tables at the end of a pack: pages of the object table, and the
 * two sections.
 *
 * Sorting is a radix sort on the bytes of the hash, in place: BLAKE3 spreads names evenly, so after
 * two bytes buckets of a hundred thousand objects hold one or two, and no memory is needed at the
 * moment when the writer holds most.
 *
 * Pages are plain, not compressed: hashes have no redundancy, and a look-up then costs one read of
 * 32 KiB and nothing else. Every page but the last is full, so a page's number tells how many
 * entries it has.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "pack/packfile_format.h"
#include "pack/packfile_writer_internal.h"

enum { INSERTION_COUNT_MAX = 24, HASH_SIZE = 32 };

/* ---- sorting ---- */

static void
insertion_sort(struct firn_packfile_writer_record *records, size_t count, size_t depth)
{
    for (size_t i = 1; i < count; i++) {
        struct firn_packfile_writer_record moving = records[i];
        size_t at = i;
        while (at > 0 && memcmp(records[at - 1].hash.bytes + depth, moving.hash.bytes + depth,
                                HASH_SIZE - depth) > 0) {
            records[at] = records[at - 1];
            at--;
        }
        records[at] = moving;
    }
}

/* Puts every record into the bucket of its byte at `depth`; starts[b] is where bucket b begins,
 * starts[256] the end. */
static void
distribute(struct firn_packfile_writer_record *records, size_t count, size_t depth,
           size_t starts[257])
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
            struct firn_packfile_writer_record moving = records[next[b]];
            size_t home = moving.hash.bytes[depth];
            while (home != b) {
                struct firn_packfile_writer_record evicted = records[next[home]];
                records[next[home]++] = moving;
                moving = evicted;
                home = moving.hash.bytes[depth];
            }
            records[next[b]++] = moving;
        }
    }
}

/* The first `depth` bytes of all records are equal; so this is at most HASH_SIZE deep. */
static void
sort_from(struct firn_packfile_writer_record *records, size_t count, size_t depth)
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

/* Whether hashes ascend, none twice, and every frame is one of so many. */
static bool
is_sound(const struct firn_packfile_writer_record *records, size_t count, uint32_t frame_count)
{
    for (size_t i = 0; i < count; i++) {
        if (records[i].frame >= frame_count ||
            (i > 0 && memcmp(records[i - 1].hash.bytes, records[i].hash.bytes, HASH_SIZE) >= 0)) {
            return false;
        }
    }
    return true;
}

void
firn_packfile_table_sort(struct firn_packfile_writer_record *records, size_t count)
{
    sort_from(records, count, 0);
}

/* ---- writing ---- */

static void
encode_record(const struct firn_packfile_writer_record *record, uint8_t *out)
{
    struct firn_packfile_format_entry entry = {
        .hash = record->hash,
        .at = {.frame = record->frame,
               .offset = record->offset,
               .size = record->size,
               .kind = (enum firn_packfile_kind)record->kind}};
    firn_packfile_format_encode_entry(&entry, out);
}

/* Writes one page, appends its fence. */
static int
write_page(struct firn_block_writer *block, const struct firn_packfile_writer_record *records,
           size_t count, uint8_t *page, struct firn_buf *fences, firn_error *err)
{
    DCHECK(count > 0 && count <= FIRN_PACKFILE_FORMAT_PAGE_ENTRIES);
    for (size_t i = 0; i < count; i++) {
        encode_record(&records[i], page + i * FIRN_PACKFILE_FORMAT_ENTRY_SIZE);
    }
    struct firn_block_ref ref;
    size_t size = count * FIRN_PACKFILE_FORMAT_ENTRY_SIZE;
    int rc = firn_block_writer_add(block, FIRN_CODEC_NONE, firn_bytes(page, size), (uint32_t)size,
                                   &ref, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (firn_buf_append(fences, records[0].hash.bytes, HASH_SIZE) != FIRN_OK ||
        firn_buf_append_le64(fences, ref.offset) != FIRN_OK) {
        return firn_error_no_memory(err, "the fences of an object table");
    }
    return FIRN_OK;
}

static int
write_section(struct firn_block_writer *block, uint32_t kind, const struct firn_buf *bytes,
              firn_error *err)
{
    struct firn_block_ref ref;
    DCHECK(bytes->size <= FIRN_BLOCK_SIZE_MAX);
    int rc = firn_block_writer_add(block, FIRN_CODEC_NONE, firn_buf_slice(bytes),
                                   (uint32_t)bytes->size, &ref, err);
    return rc == FIRN_OK ? firn_block_writer_add_section(block, kind, &ref, err) : rc;
}

static int
write_objects(struct firn_block_writer *block, const struct firn_packfile_writer_record *records,
              size_t count, firn_error *err)
{
    int rc;
    struct firn_buf fences = {0};
    size_t page_count =
        (count + FIRN_PACKFILE_FORMAT_PAGE_ENTRIES - 1) / FIRN_PACKFILE_FORMAT_PAGE_ENTRIES;
    uint8_t *page = firn_alloc(FIRN_PACKFILE_FORMAT_PAGE_SIZE);
    if (page == NULL || firn_buf_append_le64(&fences, count) != FIRN_OK ||
        firn_buf_append_le32(&fences, (uint32_t)page_count) != FIRN_OK ||
        firn_buf_append_le32(&fences, 0) != FIRN_OK) {
        FIRN_TRY(firn_error_no_memory(err, "a page of an object table"));
    }
    for (size_t at = 0; at < count; at += FIRN_PACKFILE_FORMAT_PAGE_ENTRIES) {
        size_t left = count - at;
        size_t in_page =
            left < FIRN_PACKFILE_FORMAT_PAGE_ENTRIES ? left : FIRN_PACKFILE_FORMAT_PAGE_ENTRIES;
        FIRN_TRY(write_page(block, records + at, in_page, page, &fences, err));
    }
    DCHECK(fences.size ==
           FIRN_PACKFILE_FORMAT_OBJECTS_HEAD_SIZE + page_count * FIRN_PACKFILE_FORMAT_FENCE_SIZE);
    FIRN_TRY(write_section(block, FIRN_PACKFILE_FORMAT_SECTION_OBJECTS, &fences, err));
out:
    firn_free(page);
    firn_buf_deinit(&fences);
    return rc;
}

static int
append_frames(const struct firn_block_ref *frames, uint32_t count, struct firn_buf *out)
{
    int rc;
    FIRN_TRY(firn_buf_append_le32(out, count));
    FIRN_TRY(firn_buf_append_le32(out, 0));
    for (uint32_t i = 0; i < count; i++) {
        DCHECK(frames[i].raw_size <= FIRN_PACKFILE_FORMAT_FRAME_SIZE_MAX &&
               frames[i].stored_size <= frames[i].raw_size); /* as reading believes */
        FIRN_TRY(firn_buf_append_le64(out, frames[i].offset));
        FIRN_TRY(firn_buf_append_le32(out, frames[i].stored_size));
        FIRN_TRY(firn_buf_append_le32(out, frames[i].raw_size));
    }
out:
    return rc;
}

int
firn_packfile_table_write(struct firn_block_writer *block,
                          const struct firn_packfile_writer_record *records, size_t count,
                          const struct firn_block_ref *frames, uint32_t frame_count,
                          firn_error *err)
{
    int rc;
    struct firn_buf bytes = {0};
    DCHECK(count > 0 && is_sound(records, count, frame_count));
    FIRN_TRY(write_objects(block, records, count, err));
    if (append_frames(frames, frame_count, &bytes) != FIRN_OK) {
        FIRN_TRY(firn_error_no_memory(err, "the list of frames"));
    }
    FIRN_TRY(write_section(block, FIRN_PACKFILE_FORMAT_SECTION_FRAMES, &bytes, err));
out:
    firn_buf_deinit(&bytes);
    return rc;
}
