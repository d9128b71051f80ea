/* SPDX-License-Identifier: Apache-2.0
 *
 * api/types_api.c: the version, hashes as text, and giving memory back.
 */
#include "base/mem.h"
#include "codec/hex.h"
#include "firn/types.h"

const char *
firn_version(void)
{
    return FIRN_VERSION;
}

void
firn_hash_to_hex(const firn_hash *hash, char *out)
{
    firn_hex_encode(hash->bytes, sizeof hash->bytes, out);
}

int
firn_hash_from_hex(firn_slice hex, firn_hash *out)
{
    firn_hash hash;
    if (hex.size != 2 * sizeof hash.bytes || hex.data == NULL || out == NULL ||
        !firn_hex_decode((const char *)hex.data, hash.bytes, sizeof hash.bytes)) {
        return FIRN_INVALID;
    }
    *out = hash;
    return FIRN_OK;
}

void
firn_release(void *memory)
{
    firn_free(memory);
}
