/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/xxh3.c: the only file that compiles xxHash.
 *
 * The library's header is included as static functions, so libfirn has no run-time dependency on it
 * and exports none of its names. The vector instructions are those of the compiler's target (SSE2
 * on x86-64, NEON on aarch64). With them a block of 4 KiB is hashed at more than 20 GB/s, far above
 * the speed at which blocks are read.
 *
 * XXH3 protects against accidents, not against adversaries: where those matter, BLAKE3 is used
 * (codec/blake3_hash.h).
 */
#include "codec/xxh3.h"

#include "base/bytes.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t
fi_xxh3(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, size, seed);
}

void
fi_xxh3_wide(const void *data, size_t size, uint64_t seed, uint8_t *out)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(data, size, seed);
    fi_store_le64(out, hash.low64);
    fi_store_le64(out + 8, hash.high64);
}
