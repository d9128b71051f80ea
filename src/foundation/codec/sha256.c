/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/sha256.c: SHA-256 as in FIPS 180-4, section 6.2, with the names of the standard.
 *
 * Processors with the SHA extensions compute two rounds an instruction. Their registers hold the
 * eight words of the state as ABEF and CDGH, highest word first; the schedule of messages is four
 * vectors of four words, of which each step replaces the oldest.
 */
#include "codec/sha256.h"

#include <string.h>

#include "base/bytes.h"
#include "codec/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t
rotate(uint32_t x, unsigned by)
{
    return x >> by | x << (32 - by);
}

static void
one_block(uint32_t state[8], const uint8_t *data)
{
    uint32_t w[64];
    for (unsigned t = 0; t < 16; t++) {
        w[t] = fi_load_be32(data + 4 * (size_t)t);
    }
    for (unsigned t = 16; t < 64; t++) {
        const uint32_t s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3;
        const uint32_t s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (unsigned t = 0; t < 64; t++) {
        const uint32_t t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
                            ((e & f) ^ (~e & g)) + round_constants[t] + w[t];
        const uint32_t t2 =
            (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    const uint32_t added[8] = {a, b, c, d, e, f, g, h};
    for (unsigned i = 0; i < 8; i++) {
        state[i] += added[i];
    }
}

void
fi_sha256_portable(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    for (; blocks > 0; blocks--, data += FI_SHA256_BLOCK_SIZE) {
        one_block(state, data);
    }
}

#if defined(__x86_64__)

/* Four words of the schedule from the sixteen before them. */
__attribute__((target("sha,sse4.1"))) static inline __m128i
next_words(__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
    const __m128i middle = _mm_alignr_epi8(w3, w2, 4);
    return _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), middle), w3);
}

__attribute__((target("sha,sse4.1"))) static void
instructions(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    const __m128i dcba = _mm_loadu_si128((const void *)&state[0]);
    const __m128i hgfe = _mm_loadu_si128((const void *)&state[4]);
    const __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
    const __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
    __m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
    for (; blocks > 0; blocks--, data += FI_SHA256_BLOCK_SIZE) {
        const __m128i abef_before = abef;
        const __m128i cdgh_before = cdgh;
        __m128i w[4];
        for (unsigned i = 0; i < 4; i++) {
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const void *)(data + 16 * (size_t)i)), order);
        }
        for (unsigned i = 0; i < 16; i++) {
            const __m128i words = w[i % 4];
            const __m128i sum = _mm_add_epi32(
                words, _mm_loadu_si128((const void *)&round_constants[4 * (size_t)i]));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
            w[i % 4] = next_words(words, w[(i + 1) % 4], w[(i + 2) % 4], w[(i + 3) % 4]);
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((void *)&state[0], _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((void *)&state[4], _mm_alignr_epi8(dchg, feba, 8));
}

#endif

static void
hash_blocks(uint32_t state[8], const uint8_t *data, size_t blocks)
{
#if defined(__x86_64__)
    if (fi_cpu_has(FI_CPU_SHA)) {
        instructions(state, data, blocks);
        return;
    }
#endif
    fi_sha256_portable(state, data, blocks);
}

void
fi_sha256_init(struct fi_sha256 *hash)
{
    static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(hash->state, first, sizeof first);
    hash->size = 0;
}

void
fi_sha256_update(struct fi_sha256 *hash, const void *data, size_t size)
{
    const uint8_t *at = data;
    size_t held = (size_t)(hash->size % FI_SHA256_BLOCK_SIZE);
    hash->size += size;
    if (held > 0) {
        size_t room = FI_SHA256_BLOCK_SIZE - held;
        size_t part = size < room ? size : room;
        if (part > 0) {
            memcpy(hash->block + held, at, part);
        }
        if (part < room) {
            return;
        }
        hash_blocks(hash->state, hash->block, 1);
        at += part;
        size -= part;
    }
    size_t blocks = size / FI_SHA256_BLOCK_SIZE;
    if (blocks > 0) {
        hash_blocks(hash->state, at, blocks);
        at += blocks * FI_SHA256_BLOCK_SIZE;
        size -= blocks * FI_SHA256_BLOCK_SIZE;
    }
    if (size > 0) {
        memcpy(hash->block, at, size);
    }
}

void
fi_sha256_final(struct fi_sha256 *hash, uint8_t out[FI_SHA256_SIZE])
{
    const uint64_t bits = hash->size * 8;
    const uint8_t end = 0x80;
    static const uint8_t zeros[FI_SHA256_BLOCK_SIZE];
    uint8_t count[8];
    fi_store_be32(count, (uint32_t)(bits >> 32));
    fi_store_be32(count + 4, (uint32_t)bits);
    fi_sha256_update(hash, &end, 1);
    size_t held = (size_t)(hash->size % FI_SHA256_BLOCK_SIZE);
    size_t room = FI_SHA256_BLOCK_SIZE - sizeof count;
    fi_sha256_update(hash, zeros, held <= room ? room - held : FI_SHA256_BLOCK_SIZE + room - held);
    fi_sha256_update(hash, count, sizeof count);
    for (size_t i = 0; i < 8; i++) {
        fi_store_be32(out + 4 * i, hash->state[i]);
    }
}

void
fi_sha256_of(const void *data, size_t size, uint8_t out[FI_SHA256_SIZE])
{
    struct fi_sha256 hash;
    fi_sha256_init(&hash);
    fi_sha256_update(&hash, data, size);
    fi_sha256_final(&hash, out);
}

void
fi_sha256_hmac(const void *key, size_t key_size, const void *data, size_t size,
               uint8_t out[FI_SHA256_SIZE])
{
    uint8_t block[FI_SHA256_BLOCK_SIZE] = {0};
    uint8_t inner[FI_SHA256_SIZE];
    struct fi_sha256 hash;
    if (key_size > sizeof block) {
        fi_sha256_of(key, key_size, block);
    } else if (key_size > 0) {
        memcpy(block, key, key_size);
    }
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] ^= 0x36;
    }
    fi_sha256_init(&hash);
    fi_sha256_update(&hash, block, sizeof block);
    fi_sha256_update(&hash, data, size);
    fi_sha256_final(&hash, inner);
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] ^= 0x36 ^ 0x5c;
    }
    fi_sha256_init(&hash);
    fi_sha256_update(&hash, block, sizeof block);
    fi_sha256_update(&hash, inner, sizeof inner);
    fi_sha256_final(&hash, out);
}
