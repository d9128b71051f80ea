/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_bitcode: directories of chkpt, as anybody wrote them.
 *
 * The first byte says whether hashes have 32 or 16 bytes. What is decoded lies in the input or in what was allocated for it, has kinds that
 * exist, and no more entries than the input has room for. A directory that was cut, or has a byte too many, is none.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "import/import_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_decoded(const uint8_t *data, size_t size, size_t hash_size)
{
    struct fi_import_bitcode decoded;
    firn_error err;
    uint8_t *copy = malloc(size + 1); /* so that a read beyond the end is noticed */
    CHECK(copy != NULL);
    memcpy(copy, data, size);
    int code = fi_import_bitcode_read(firn_bytes(copy, size), hash_size, &decoded, &err);
    CHECK(code == FIRN_OK || (code == FIRN_CORRUPT && decoded.entries == NULL));
    if (code == FIRN_OK) {
        CHECK(decoded.count <= 8 * size);
        for (size_t i = 0; i < decoded.count; i++) {
            const struct fi_import_bitcode_entry *entry = &decoded.entries[i];
            CHECK(entry->kind < 3 && entry->hash == decoded.hashes + i * hash_size);
            CHECK(entry->name.size == 0 ||
                  (entry->name.data >= copy && entry->name.data + entry->name.size <= copy + size));
        }
    }
    fi_import_bitcode_deinit(&decoded);
    free(copy);
    return code == FIRN_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t hash_size = (data[0] & 1) == 0 ? 32 : 16;
    if (is_decoded(data + 1, size - 1, hash_size)) {
        uint8_t *longer = calloc(size + 1, 1);
        CHECK(longer != NULL);
        memcpy(longer, data + 1, size - 1);
        CHECK(!is_decoded(longer, size, hash_size));
        CHECK(!is_decoded(longer, size - 2, hash_size));
        free(longer);
    }
    return 0;
}
