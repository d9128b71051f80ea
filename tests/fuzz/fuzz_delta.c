/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/delta: deltas that are not trusted. Input: two bytes, the size of the base; the base;
 * the bytes of a DELTA object.
 *
 * Held: taking it apart and making the object from the base end, within bounds; what a real delta of
 * the same input gives back is what went in.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "pack/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MAX_TRIED = 1 << 20 };

static void
read_hostile(struct fi_compress *compress, firn_slice base, firn_slice encoded)
{
    struct fi_pack_delta delta;
    int rc = fi_pack_delta_decode(encoded, &delta, NULL);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT);
    if (rc != FIRN_OK || base.size == 0 || delta.size > SIZE_MAX_TRIED) {
        return;
    }
    uint8_t *out = malloc(delta.size);
    CHECK(out != NULL);
    rc = fi_compress_delta_decode(compress, base, delta.frame, out, delta.size, NULL);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT);
    free(out);
}

static void
round_trip(struct fi_compress *compress, firn_slice base, firn_slice content)
{
    struct fi_pack_delta_base against = {.content = base};
    struct fi_pack_delta delta;
    struct fi_buf encoded = {0};
    bool fits;
    if (base.size == 0 || content.size == 0) {
        return;
    }
    CHECK(fi_pack_delta_encode(compress, &against, FI_PACK_BLOB, content, content.size + 200,
                               &encoded, &fits, NULL) == FIRN_OK);
    CHECK(fits);
    CHECK(fi_pack_delta_decode(fi_buf_slice(&encoded), &delta, NULL) == FIRN_OK);
    CHECK(delta.size == content.size && delta.kind == FI_PACK_BLOB);
    uint8_t *out = malloc(content.size);
    CHECK(out != NULL);
    CHECK(fi_compress_delta_decode(compress, base, delta.frame, out, content.size, NULL) ==
          FIRN_OK);
    CHECK(memcmp(out, content.data, content.size) == 0);
    free(out);
    fi_buf_deinit(&encoded);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t base_size = (size_t)data[0] | (size_t)data[1] << 8;
    if (base_size > size - 2) {
        return 0;
    }
    struct fi_compress *compress;
    CHECK(fi_compress_create(&compress, NULL) == FIRN_OK);
    firn_slice base = firn_bytes(data + 2, base_size);
    firn_slice rest = firn_bytes(data + 2 + base_size, size - 2 - base_size);
    read_hostile(compress, base, rest);
    round_trip(compress, base, rest);
    fi_compress_destroy(compress);
    return 0;
}
