/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/fuzz_row.c: runs that are not trusted.
 *
 * Input: one byte that says what follows: 0 a file, 1 a file whose checksums are made right first,
 * 2 a data block, 3 an index, 4 a summary, 5 a block of ranges, 6 an origin.
 *
 * Held: everything ends, within bounds. What passes a check is what the searches rely on: in a
 * block every entry is found where it is, in an index every separator; a get that names a version
 * names one that the view sees.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "fuzz/fuzz_machine.h"
#include "row/row_internal.h"
#include "support/test_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 3000, LARGE_MAX = 4 << 20 };

/* ---- parts ---- */

/* The whole key of an entry, or of a separator. */
static firn_slice
join(firn_slice prefix, firn_slice rest, uint8_t buffer[FI_ENTRY_KEY_SIZE_MAX])
{
    CHECK(prefix.size + rest.size <= FI_ENTRY_KEY_SIZE_MAX);
    memcpy(buffer, prefix.data, prefix.size);
    memcpy(buffer + prefix.size, rest.data, rest.size);
    return firn_bytes(buffer, prefix.size + rest.size);
}

static void
read_block(firn_slice raw)
{
    static uint8_t buffer[FI_ENTRY_KEY_SIZE_MAX];
    if (fi_row_block_check(raw, NULL) != FIRN_OK) {
        return;
    }
    struct fi_row_block block;
    fi_row_block_init(&block, raw);
    for (size_t i = 0; i < block.count; i++) {
        struct fi_row_slot slot;
        struct fi_row_slot found;
        fi_row_block_slot(&block, i, &slot);
        firn_slice key = join(block.prefix, slot.rest, buffer);
        CHECK(fi_row_block_lower_bound(&block, key, slot.sequence) == i);
        CHECK(slot.sequence == 0 ||
              fi_row_block_lower_bound(&block, key, slot.sequence - 1) == i + 1);
        /* By its own tag, right or wrong: the first of the key that has it. */
        uint8_t tag = raw.data[FI_ROW_FORMAT_BLOCK_HEADER_SIZE + i];
        size_t at = fi_row_block_find(&block, key, tag, &found);
        CHECK(at <= i && fi_slice_equal(found.rest, slot.rest));
        CHECK(found.sequence >= slot.sequence);
    }
}

static void
read_index(firn_slice raw)
{
    static uint8_t buffer[FI_ENTRY_KEY_SIZE_MAX];
    if (fi_row_index_check(raw, NULL) != FIRN_OK) {
        return;
    }
    struct fi_row_index index;
    fi_row_index_init(&index, raw);
    for (size_t i = 0; i < index.block_count; i++) {
        struct fi_row_index_separator separator;
        fi_row_index_separator(&index, i, &separator);
        firn_slice key = join(index.prefix, separator.rest, buffer);
        CHECK(fi_row_index_find(&index, key, separator.sequence) == i + 1);
        CHECK(separator.sequence == UINT64_MAX ||
              fi_row_index_find(&index, key, separator.sequence + 1) == i);
    }
}

static void
read_summary(firn_slice raw)
{
    struct fi_run_summary summary = {0};
    struct fi_buf again = {0};
    uint32_t version;
    int rc = fi_run_summary_decode(raw, FI_ROW_FORMAT_VERSION, &version, &summary, NULL);
    CHECK(rc == FIRN_OK || fuzz_machine_is_refusal(rc));
    if (rc == FIRN_OK) {
        CHECK(fi_run_summary_encode(&summary, version, &again) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&again), raw));
    }
    fi_buf_deinit(&again);
    fi_run_summary_deinit(&summary);
}

static int
encode_again(void *ctx, const struct fi_range *range, firn_error *err)
{
    (void)err;
    CHECK(fi_slice_compare(range->lower, range->upper) < 0);
    CHECK(fi_run_summary_encode_range(range, ctx) == FIRN_OK);
    return FIRN_OK;
}

static void
read_ranges(firn_slice raw)
{
    struct fi_buf again = {0};
    int rc = fi_run_summary_decode_ranges(raw, encode_again, &again, NULL);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT);
    CHECK(rc != FIRN_OK || fi_slice_equal(fi_buf_slice(&again), raw));
    fi_buf_deinit(&again);
}

static void
read_origin(firn_slice raw)
{
    struct fi_run_origin origin;
    struct fi_buf numbers = {0};
    struct fi_buf again = {0};
    int rc = fi_run_origin_decode(raw, &numbers, &origin, NULL);
    CHECK(rc == FIRN_OK || fuzz_machine_is_refusal(rc));
    if (rc == FIRN_OK) {
        CHECK(fi_run_origin_encode(&origin, &again) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&again), raw));
    }
    fi_buf_deinit(&again);
    fi_buf_deinit(&numbers);
}

/* ---- files ---- */

static void
get_one(struct fi_run *run, firn_slice key, uint64_t sequence)
{
    struct fi_buf value = {0};
    struct fi_snapshot_interval intervals[] = {{0, sequence / 2}, {sequence, sequence}};
    struct fi_snapshot view = {intervals + (sequence < 3), sequence < 3 ? 1U : 2U, 0, NULL};
    struct fi_run_hit hit;
    int rc = fi_row_kind.get(run, key, &view, &hit, &value, NULL);
    CHECK(rc == FIRN_OK || rc == FIRN_NOT_FOUND || fuzz_machine_is_refusal(rc));
    CHECK(rc != FIRN_OK || fi_snapshot_sees(&view, hit.sequence));
    fi_buf_deinit(&value);
}

static void
walk(struct fi_run *run, bool is_sequential, bool is_backward)
{
    struct fi_run_cursor *cursor;
    struct fi_run_cursor_options options = {.is_sequential = is_sequential};
    CHECK(fi_row_kind.cursor_create(run, &options, &cursor, NULL) == FIRN_OK);
    int rc = is_backward ? fi_row_kind.cursor_last(cursor, NULL)
                         : fi_row_kind.cursor_first(cursor, NULL);
    for (size_t step = 0; rc == FIRN_OK && cursor->is_valid && step < STEPS_MAX; step++) {
        if (step % 16 == 0) {
            get_one(run, cursor->entry.key, cursor->entry.sequence);
        }
        /* A large value again and again is only slow. */
        if (cursor->entry.value.size > LARGE_MAX) {
            break;
        }
        rc = is_backward ? fi_row_kind.cursor_prev(cursor, NULL)
                         : fi_row_kind.cursor_next(cursor, NULL);
    }
    CHECK(rc == FIRN_OK || fuzz_machine_is_refusal(rc));
    CHECK(rc == FIRN_OK || !cursor->is_valid);
    rc = fi_row_kind.cursor_seek(cursor, firn_str("key"), 5, NULL);
    CHECK(rc == FIRN_OK || fuzz_machine_is_refusal(rc));
    fi_row_kind.cursor_destroy(cursor);
}

static void
count_damage(void *ctx, const char *text)
{
    CHECK(text[0] != '\0');
    ++*(size_t *)ctx;
}

static void
read_file(const uint8_t *data, size_t size, bool seals)
{
    uint8_t *file = malloc(size + 1);
    CHECK(file != NULL);
    memcpy(file, data, size);
    if (seals) {
        test_seal(file, size);
    }
    fuzz_machine_write("f", file, size);
    free(file);
    struct fi_run *run;
    int rc = fi_row_kind.open(fuzz_machine_open(), "f", &run, NULL);
    CHECK(rc == FIRN_OK || fuzz_machine_is_refusal(rc));
    if (rc != FIRN_OK) {
        return;
    }
    for (unsigned way = 0; way < 4; way++) {
        walk(run, way % 2 != 0, way / 2 != 0);
    }
    get_one(run, firn_bytes(NULL, 0), 7);
    struct fi_run_origin origin;
    struct fi_buf numbers = {0};
    rc = fi_row_kind.origin(run, &numbers, &origin, NULL);
    CHECK(rc == FIRN_OK || rc == FIRN_NOT_FOUND || fuzz_machine_is_refusal(rc));
    fi_buf_deinit(&numbers);
    size_t count = 0;
    rc = fi_row_kind.check(run, count_damage, &count, NULL, NULL);
    /* What a newer firn made is neither sound nor damaged. */
    CHECK(rc == FIRN_OK ? count == 0 : rc == FIRN_NEWER || (rc == FIRN_CORRUPT && count > 0));
    fi_row_kind.close(run);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    /* Of exactly this size, so that a sanitizer sees a read beyond it. */
    size_t raw_size = size - 1;
    uint8_t *memory = malloc(raw_size + (raw_size == 0));
    CHECK(memory != NULL);
    memcpy(memory, data + 1, raw_size);
    firn_slice raw = firn_bytes(memory, raw_size);
    switch (data[0] % 7) {
    case 2:
        read_block(raw);
        break;
    case 3:
        read_index(raw);
        break;
    case 4:
        read_summary(raw);
        break;
    case 5:
        read_ranges(raw);
        break;
    case 6:
        read_origin(raw);
        break;
    default:
        read_file(raw.data, raw.size, data[0] % 7 == 1);
        break;
    }
    free(memory);
    return 0;
}
