/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/tuple: hostile tuples and keys. Byte 0 odd: the rest is a tuple. Byte 0 even: byte 1 says how many
 * parts a key has, as many bytes say which (type, and the top bit: nullable), the rest is the key.
 *
 * What can be read is written again with the same bytes.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "tuple/tuple.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_tuple(firn_slice tuple)
{
    struct fi_tuple_reader reader;
    struct fi_tuple_writer writer;
    struct fi_buf again = {0};
    struct fi_cell cell;
    uint32_t column = 0;
    bool is_corrupt;
    fi_tuple_reader_init(&reader, tuple);
    fi_tuple_begin(&writer, &again);
    while (fi_tuple_next(&reader, &column, &cell, &is_corrupt)) {
        fi_tuple_add(&writer, column, &cell);
    }
    CHECK(fi_tuple_end(&writer) == FIRN_OK);
    CHECK(fi_tuple_check(tuple) == (is_corrupt ? FIRN_CORRUPT : FIRN_OK));
    firn_slice read = firn_bytes(tuple.data, is_corrupt ? again.size : tuple.size);
    CHECK(fi_slice_equal(fi_buf_slice(&again), read));
    int rc = fi_tuple_find(tuple, column, &cell);
    CHECK(rc == FIRN_OK || again.size == 0);
    rc = fi_tuple_find(tuple, FI_TUPLE_COLUMN_LIMIT - 1, &cell);
    CHECK(rc == FIRN_OK || rc == FIRN_NOT_FOUND || is_corrupt);
    fi_buf_deinit(&again);
}

static void
read_key(firn_slice types, firn_slice key)
{
    struct fi_buf memory = {0};
    struct fi_buf again = {0};
    firn_slice rest = key;
    int rc = FIRN_OK;
    for (size_t i = 0; i < types.size && rc == FIRN_OK; i++) {
        firn_type type = (firn_type)(1 + (types.data[i] & 0x7f) % (FIRN_TYPE_VECTOR - 1));
        bool is_nullable = types.data[i] >> 7 != 0;
        struct fi_cell cell;
        rc = fi_tuple_key_read(&rest, type, is_nullable, &memory, &cell);
        CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT);
        CHECK(rc != FIRN_OK || fi_tuple_key_add(&again, type, is_nullable, &cell) == FIRN_OK);
    }
    CHECK(memory.size <= key.size);
    CHECK(fi_slice_equal(fi_buf_slice(&again), firn_bytes(key.data, key.size - rest.size)));
    fi_buf_deinit(&memory);
    fi_buf_deinit(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    if (data[0] % 2 == 1) {
        read_tuple(firn_bytes(data + 1, size - 1));
        return 0;
    }
    size_t count = data[1] % 16;
    if (count <= size - 2) {
        read_key(firn_bytes(data + 2, count), firn_bytes(data + 2 + count, size - 2 - count));
    }
    return 0;
}
