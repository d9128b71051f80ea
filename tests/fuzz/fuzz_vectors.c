/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/vectors: a hostile file of vectors. Byte 0 says its kind, byte 1 the size of the pieces, byte 2 the dimensions that are
 * wanted; the rest is the file.
 *
 * It is read in pieces and as a whole: both find the same vectors, and end in the same way.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "vectorfile/vectorfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns a code; the vectors are in out. */
static int
read_all(firn_vectors_kind kind, size_t dimensions, firn_slice bytes, size_t piece,
         struct fi_buf *out)
{
    struct fi_vectorfile *reader;
    firn_error err = {.code = FIRN_OK};
    bool is_over = false;
    int rc = fi_vectorfile_create(kind, dimensions, &reader, &err);
    while (rc == FIRN_OK && !is_over) {
        const size_t next = bytes.size < piece ? bytes.size : piece;
        is_over = next == 0;
        CHECK(fi_vectorfile_feed(reader, firn_bytes(bytes.data, next), &err) == FIRN_OK);
        bytes = firn_bytes(bytes.data + next, bytes.size - next);
        for (;;) {
            const float *vector;
            size_t count;
            rc = fi_vectorfile_next(reader, &vector, &count, &err);
            if (rc != FIRN_OK || vector == NULL) {
                break;
            }
            CHECK(count > 0 && count <= FIRN_TABLE_DIMENSIONS_MAX);
            CHECK(dimensions == 0 || count == dimensions);
            CHECK(fi_buf_append(out, vector, count * sizeof *vector) == FIRN_OK);
        }
    }
    fi_vectorfile_destroy(reader);
    CHECK(rc == FIRN_OK || (err.code == rc && (rc == FIRN_INVALID || rc == FIRN_UNSUPPORTED)));
    return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fi_buf whole = {0};
    struct fi_buf cut = {0};
    if (size < 3 || size > 65536) {
        return 0;
    }
    const firn_vectors_kind kind = (firn_vectors_kind)(data[0] % 5 + 1);
    const firn_slice bytes = firn_bytes(data + 3, size - 3);
    int rc = read_all(kind, data[2], bytes, SIZE_MAX, &whole);
    CHECK(read_all(kind, data[2], bytes, (size_t)data[1] + 1, &cut) == rc);
    CHECK(whole.size == cut.size &&
          (whole.size == 0 || memcmp(whole.data, cut.data, whole.size) == 0));
    fi_buf_deinit(&whole);
    fi_buf_deinit(&cut);
    return 0;
}
