/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/fuzz_chunk.c: column chunks that are not trusted, and any values encoded.
 *
 * Input: one byte that says what follows. Below 128 a chunk: its kind is 1 + the byte mod 5, of bytes all have
 * 16 where the byte mod 10 is 9; the count is what the chunk says. From 128 on values of kind 1 + the byte
 * mod 5: those of BYTES are what lies between zeros, other kinds take 8 bytes each; they are encoded in every way.
 *
 * Held: everything ends, within bounds; values read in blocks and one by one are the same; what was encoded
 * is what is read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "unit/chunk/encoding_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUES_MAX = 3000 };

static void
read_chunk(unsigned byte, const uint8_t *data, size_t size)
{
    enum fi_physical kind = (enum fi_physical)(1 + byte % 5);
    uint32_t count = size < 8 ? 1 : fi_load_le32(data + 4);
    /* Of exactly this size, so that a sanitizer sees a read beyond it. */
    uint8_t *memory = malloc(size + (size == 0));
    CHECK(memory != NULL);
    memcpy(memory, data, size);
    (void)encoding_walk(firn_bytes(memory, size), kind, byte % 10 == 9 ? 16 : 0, count);
    free(memory);
}

static void
encode_and_read(const struct fi_chunk_values *values, unsigned encoding)
{
    struct fi_buf out = {0};
    struct fi_chunk chunk;
    struct fi_chunk_values read;
    struct fi_chunk_scratch scratch = {0};
    int rc = encoding == 0
                 ? fi_chunk_encode(values, &out, NULL, NULL)
                 : fi_chunk_encode_as(values, (enum fi_chunk_encoding)encoding, &out, NULL, NULL);
    CHECK(rc == FIRN_OK || (rc == FIRN_INVALID && encoding != 0));
    if (rc == FIRN_OK) {
        CHECK(fi_chunk_open(fi_buf_slice(&out), values->kind, 0, (uint32_t)values->count, &chunk,
                            NULL) == FIRN_OK);
        for (size_t i = 0; i < values->count; i++) {
            if (i % FI_CHUNK_BLOCK == 0) {
                CHECK(fi_chunk_read_block(&chunk, i / FI_CHUNK_BLOCK, NULL, &scratch, &read,
                                          NULL) == FIRN_OK);
                encoding_walk_block(&chunk, i / FI_CHUNK_BLOCK, &scratch);
                CHECK(fi_chunk_read_block(&chunk, i / FI_CHUNK_BLOCK, NULL, &scratch, &read,
                                          NULL) == FIRN_OK);
            }
            struct fi_cell a = encoding_walk_cell(values, i);
            struct fi_cell b = encoding_walk_cell(&read, i % FI_CHUNK_BLOCK);
            encoding_walk_compare(&a, &b);
        }
    }
    fi_chunk_scratch_deinit(&scratch);
    fi_buf_deinit(&out);
}

static void
encode_values(unsigned byte, const uint8_t *data, size_t size)
{
    static uint64_t numbers[VALUES_MAX];
    static firn_slice slices[VALUES_MAX];
    struct fi_chunk_values values = {.kind = (enum fi_physical)(1 + byte % 5)};
    const uint8_t *end = data + size;
    if (values.kind == FI_PHYSICAL_BYTES) {
        values.as.bytes = slices;
        while (data < end && values.count < VALUES_MAX) {
            const uint8_t *zero = memchr(data, 0, (size_t)(end - data));
            zero = zero == NULL ? end : zero;
            slices[values.count++] = firn_bytes(data, (size_t)(zero - data));
            data = zero + (zero < end);
        }
    } else {
        size_t number_size = fi_chunk_number_size(values.kind);
        values.count = size / number_size < VALUES_MAX ? size / number_size : VALUES_MAX;
        memcpy(numbers, data, values.count * number_size);
        values.as.u64 = numbers;
    }
    for (unsigned encoding = 0; values.count > 0 && encoding <= FI_ENCODING_FRONT; encoding++) {
        encode_and_read(&values, encoding);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    (data[0] < 128 ? read_chunk : encode_values)(data[0], data + 1, size - 1);
    return 0;
}
