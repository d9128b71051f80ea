/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/chunk: everything that can be done with bytes that may be a chunk, for tests of damage and for the
 * fuzzer. Held: each call ends with an answer or with FIRN_CORRUPT or FIRN_NEWER; a block that can be read
 * has the same values when they are read one by one.
 */
#ifndef FIRN_TEST_ENCODING_WALK_H
#define FIRN_TEST_ENCODING_WALK_H

#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "chunk/chunk_encoding_internal.h"

static inline struct fi_cell
encoding_walk_cell(const struct fi_chunk_values *values, size_t i)
{
    struct fi_cell cell = {.kind = FI_PHYSICAL_NONE};
    if (values->valid != NULL && !fi_chunk_has_bit(values->valid, i)) {
        return cell;
    }
    if (values->kind != FI_PHYSICAL_BYTES) {
        return fi_chunk_cell_of(values->kind, fi_chunk_value_bits(values, i));
    }
    cell.kind = FI_PHYSICAL_BYTES;
    cell.as.bytes = values->as.bytes[i];
    return cell;
}

static inline void
encoding_walk_compare(const struct fi_cell *a, const struct fi_cell *b)
{
    CHECK(a->kind == b->kind);
    if (a->kind == FI_PHYSICAL_BYTES) {
        CHECK(fi_slice_equal(a->as.bytes, b->as.bytes));
    } else if (a->kind != FI_PHYSICAL_NONE) {
        CHECK(fi_chunk_cell_bits(a) == fi_chunk_cell_bits(b));
    }
}

/* All bytes of all values, so that a sanitizer sees them. */
static inline void
encoding_walk_touch(const struct fi_chunk_values *values)
{
    static volatile uint64_t sink;
    uint64_t sum = 0;
    for (size_t i = 0; i < values->count; i++) {
        if (values->kind != FI_PHYSICAL_BYTES) {
            sum += fi_chunk_value_bits(values, i);
            continue;
        }
        firn_slice bytes = values->as.bytes[i];
        for (size_t k = 0; k < bytes.size; k += k + 1 < bytes.size ? bytes.size - 1 : 1) {
            sum += bytes.data[k];
        }
    }
    sink = sum;
    (void)sink;
}

static inline bool
encoding_walk_is_answer(int rc)
{
    return rc == FIRN_OK || rc == FIRN_CORRUPT;
}

static inline void
encoding_walk_filter(const struct fi_chunk *chunk, size_t block, const struct fi_cell *a,
                     struct fi_chunk_scratch *scratch)
{
    uint64_t mask[FI_CHUNK_MASK_WORDS];
    struct fi_chunk_bounds bounds;
    fi_chunk_block_bounds(chunk, block, &bounds);
    size_t count = fi_chunk_block_size(chunk, block);
    for (unsigned test = FI_CHUNK_EQUAL; test <= FI_CHUNK_IS_NOT_NULL; test++) {
        struct fi_chunk_predicate predicate = {
            .test = (enum fi_chunk_test)test, .a = *a, .b = *a, .list = a, .list_count = 1};
        if (test == FI_CHUNK_PREFIX && chunk->kind != FI_PHYSICAL_BYTES) {
            continue;
        }
        memset(mask, 0, sizeof mask);
        for (size_t i = 0; i < count; i++) {
            mask[i / 64] |= UINT64_C(1) << i % 64;
        }
        (void)fi_chunk_assess(&bounds, count, &predicate);
        CHECK(encoding_walk_is_answer(
            fi_chunk_filter_block(chunk, block, &predicate, scratch, mask, NULL)));
    }
}

static inline void
encoding_walk_block(const struct fi_chunk *chunk, size_t block, struct fi_chunk_scratch *scratch)
{
    struct fi_chunk_values values;
    struct fi_chunk_scratch other = {0};
    struct fi_chunk_sum sum = {0};
    static const uint64_t some[FI_CHUNK_MASK_WORDS] = {0x8000000000000001, 0, 0xf0f0};
    uint32_t codes[FI_CHUNK_BLOCK];
    struct fi_cell constant = {.kind = chunk->kind};
    constant.as.bytes = firn_bytes("m", 1);
    if (chunk->kind != FI_PHYSICAL_BYTES) {
        constant = fi_chunk_cell_of(chunk->kind, 7);
    }
    int rc = fi_chunk_read_block(chunk, block, some, scratch, &values, NULL);
    CHECK(encoding_walk_is_answer(rc));
    rc = fi_chunk_read_block(chunk, block, NULL, scratch, &values, NULL);
    CHECK(encoding_walk_is_answer(rc));
    bool is_read = rc == FIRN_OK;
    size_t count = fi_chunk_block_size(chunk, block);
    if (is_read) {
        CHECK(values.count == count);
        encoding_walk_touch(&values);
    }
    for (size_t i = 0; i < count; i += i < 70 ? 1 : 41) {
        struct fi_cell cell;
        rc = fi_chunk_get(chunk, block * FI_CHUNK_BLOCK + i, &other, &cell, NULL);
        CHECK(encoding_walk_is_answer(rc));
        if (is_read) {
            struct fi_cell expected = encoding_walk_cell(&values, i);
            CHECK(rc == FIRN_OK);
            encoding_walk_compare(&cell, &expected);
            constant = i % 16 == 3 && cell.kind != FI_PHYSICAL_NONE ? expected : constant;
        }
    }
    encoding_walk_filter(chunk, block, &constant, &other);
    rc = fi_chunk_sum_block(chunk, block, NULL, &other, &sum, NULL);
    CHECK(encoding_walk_is_answer(rc));
    if (fi_chunk_code_count(chunk) > 0) {
        rc = fi_chunk_read_codes(chunk, block, codes, NULL);
        CHECK(encoding_walk_is_answer(rc));
        for (size_t i = 0; rc == FIRN_OK && i < count; i += 17) {
            struct fi_cell cell;
            CHECK(codes[i] <= fi_chunk_code_count(chunk));
            if (codes[i] < fi_chunk_code_count(chunk)) {
                CHECK(encoding_walk_is_answer(
                    fi_chunk_code_value(chunk, codes[i], &other, &cell, NULL)));
            }
        }
    }
    fi_chunk_scratch_deinit(&other);
}

/* True where it could be opened. */
static inline bool
encoding_walk(firn_slice bytes, enum fi_physical kind, uint32_t fixed_size, uint32_t count)
{
    struct fi_chunk chunk;
    struct fi_chunk_scratch scratch = {0};
    int rc = fi_chunk_open(bytes, kind, fixed_size, count, &chunk, NULL);
    CHECK(encoding_walk_is_answer(rc) || rc == FIRN_NEWER);
    if (rc != FIRN_OK) {
        return false;
    }
    size_t blocks = fi_chunk_block_count(&chunk);
    for (size_t block = 0; block < blocks; block += block < 2 || block + 2 >= blocks ? 1 : 13) {
        encoding_walk_block(&chunk, block, &scratch);
    }
    fi_chunk_scratch_deinit(&scratch);
    return true;
}

#endif
