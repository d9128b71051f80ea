/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/encoding: everything that can be done with bytes that may be a chunk, for tests of damage and for the
 * fuzzer. Held: each call ends with an answer or with FIRN_CORRUPT or FIRN_NEWER; a block that can be read
 * has the same values when they are read one by one.
 */
#ifndef FIRN_TEST_ENCODING_WALK_H
#define FIRN_TEST_ENCODING_WALK_H

#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "encoding/encoding_internal.h"

static inline struct firn_cell
encoding_walk_cell(const struct firn_chunk_values *values, size_t i)
{
    struct firn_cell cell = {.kind = FIRN_PHYSICAL_NONE};
    if (values->valid != NULL && !firn_chunk_has_bit(values->valid, i)) {
        return cell;
    }
    if (values->kind != FIRN_PHYSICAL_BYTES) {
        return firn_chunk_cell_of(values->kind, firn_chunk_value_bits(values, i));
    }
    cell.kind = FIRN_PHYSICAL_BYTES;
    cell.as.bytes = values->as.bytes[i];
    return cell;
}

static inline void
encoding_walk_compare(const struct firn_cell *a, const struct firn_cell *b)
{
    CHECK(a->kind == b->kind);
    if (a->kind == FIRN_PHYSICAL_BYTES) {
        CHECK(firn_slice_equal(a->as.bytes, b->as.bytes));
    } else if (a->kind != FIRN_PHYSICAL_NONE) {
        CHECK(firn_chunk_cell_bits(a) == firn_chunk_cell_bits(b));
    }
}

/* All bytes of all values, so that a sanitizer sees them. */
static inline void
encoding_walk_touch(const struct firn_chunk_values *values)
{
    static volatile uint64_t sink;
    uint64_t sum = 0;
    for (size_t i = 0; i < values->count; i++) {
        if (values->kind != FIRN_PHYSICAL_BYTES) {
            sum += firn_chunk_value_bits(values, i);
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
encoding_walk_filter(const struct firn_chunk *chunk, size_t block, const struct firn_cell *a,
                     struct firn_chunk_scratch *scratch)
{
    uint64_t mask[FIRN_CHUNK_MASK_WORDS];
    struct firn_chunk_bounds bounds;
    firn_chunk_block_bounds(chunk, block, &bounds);
    size_t count = firn_chunk_block_size(chunk, block);
    for (unsigned test = FIRN_CHUNK_EQUAL; test <= FIRN_CHUNK_IS_NOT_NULL; test++) {
        struct firn_chunk_predicate predicate = {
            .test = (enum firn_chunk_test)test, .a = *a, .b = *a, .list = a, .list_count = 1};
        if (test == FIRN_CHUNK_PREFIX && chunk->kind != FIRN_PHYSICAL_BYTES) {
            continue;
        }
        memset(mask, 0, sizeof mask);
        for (size_t i = 0; i < count; i++) {
            mask[i / 64] |= UINT64_C(1) << i % 64;
        }
        (void)firn_chunk_judge(&bounds, count, &predicate);
        CHECK(encoding_walk_is_answer(
            firn_chunk_filter_block(chunk, block, &predicate, scratch, mask, NULL)));
    }
}

static inline void
encoding_walk_block(const struct firn_chunk *chunk, size_t block,
                    struct firn_chunk_scratch *scratch)
{
    struct firn_chunk_values values;
    struct firn_chunk_scratch other = {0};
    struct firn_chunk_sum sum = {0};
    static const uint64_t some[FIRN_CHUNK_MASK_WORDS] = {0x8000000000000001, 0, 0xf0f0};
    uint32_t codes[FIRN_CHUNK_BLOCK];
    struct firn_cell constant = {.kind = chunk->kind};
    constant.as.bytes = firn_bytes("m", 1);
    if (chunk->kind != FIRN_PHYSICAL_BYTES) {
        constant = firn_chunk_cell_of(chunk->kind, 7);
    }
    int rc = firn_chunk_read_block(chunk, block, some, scratch, &values, NULL);
    CHECK(encoding_walk_is_answer(rc));
    rc = firn_chunk_read_block(chunk, block, NULL, scratch, &values, NULL);
    CHECK(encoding_walk_is_answer(rc));
    bool is_read = rc == FIRN_OK;
    size_t count = firn_chunk_block_size(chunk, block);
    if (is_read) {
        CHECK(values.count == count);
        encoding_walk_touch(&values);
    }
    for (size_t i = 0; i < count; i += i < 70 ? 1 : 41) {
        struct firn_cell cell;
        rc = firn_chunk_get(chunk, block * FIRN_CHUNK_BLOCK + i, &other, &cell, NULL);
        CHECK(encoding_walk_is_answer(rc));
        if (is_read) {
            struct firn_cell expected = encoding_walk_cell(&values, i);
            CHECK(rc == FIRN_OK);
            encoding_walk_compare(&cell, &expected);
            constant = i % 16 == 3 && cell.kind != FIRN_PHYSICAL_NONE ? expected : constant;
        }
    }
    encoding_walk_filter(chunk, block, &constant, &other);
    rc = firn_chunk_sum_block(chunk, block, NULL, &other, &sum, NULL);
    CHECK(encoding_walk_is_answer(rc));
    if (firn_chunk_code_count(chunk) > 0) {
        rc = firn_chunk_read_codes(chunk, block, codes, NULL);
        CHECK(encoding_walk_is_answer(rc));
        for (size_t i = 0; rc == FIRN_OK && i < count; i += 17) {
            struct firn_cell cell;
            CHECK(codes[i] <= firn_chunk_code_count(chunk));
            if (codes[i] < firn_chunk_code_count(chunk)) {
                CHECK(encoding_walk_is_answer(
                    firn_chunk_code_value(chunk, codes[i], &other, &cell, NULL)));
            }
        }
    }
    firn_chunk_scratch_deinit(&other);
}

/* True where it could be opened. */
static inline bool
encoding_walk(firn_slice bytes, enum firn_physical kind, uint32_t fixed_size, uint32_t count)
{
    struct firn_chunk chunk;
    struct firn_chunk_scratch scratch = {0};
    int rc = firn_chunk_open(bytes, kind, fixed_size, count, &chunk, NULL);
    CHECK(encoding_walk_is_answer(rc) || rc == FIRN_NEWER);
    if (rc != FIRN_OK) {
        return false;
    }
    size_t blocks = firn_chunk_block_count(&chunk);
    for (size_t block = 0; block < blocks; block += block < 2 || block + 2 >= blocks ? 1 : 13) {
        encoding_walk_block(&chunk, block, &scratch);
    }
    firn_chunk_scratch_deinit(&scratch);
    return true;
}

#endif
