/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_bits.h: up to 1,024 numbers of some width in bits, packed (docs/formats/chunk.md,
 * "Packed numbers").
 */
#ifndef FIRN_CHUNK_CHUNK_BITS_H
#define FIRN_CHUNK_CHUNK_BITS_H

#include <stddef.h>
#include <stdint.h>

enum {
    FI_CHUNK_BITS_FULL = 1024, /* that many are interleaved; fewer lie one after the other */
    FI_CHUNK_BITS_WIDTH_MAX = 64
};

__extension__ typedef unsigned __int128 fi_chunk_bits_sum128;

/* How many bits a number takes: 0 of 0. */
static inline unsigned
fi_chunk_bits_width(uint64_t number)
{
    return number == 0 ? 0 : 64 - (unsigned)__builtin_clzll(number);
}

/* How many bytes they take. */
static inline size_t
fi_chunk_bits_size(size_t count, unsigned width)
{
    return (count * width + 7) / 8;
}

/* In all of these: count is at most FI_CHUNK_BITS_FULL, width at most FI_CHUNK_BITS_WIDTH_MAX, and
 * `packed` has fi_chunk_bits_size(count, width) bytes, at any address. */

/* Packs numbers below 2^width. */
void fi_chunk_bits_encode(const uint64_t *numbers, size_t count, unsigned width, uint8_t *packed);
/* out[i] = base + factor * number i, modulo 2^64. */
void fi_chunk_bits_decode(const uint8_t *packed, size_t count, unsigned width, uint64_t base,
                          uint64_t factor, uint64_t *out);
/* out[i] = base + number i, modulo 2^32. Returns the largest number, before base is added and in 64
 * bits. */
uint64_t fi_chunk_bits_decode_narrow(const uint8_t *packed, size_t count, unsigned width,
                                     uint32_t base, uint32_t *out);
/* Number i. */
uint64_t fi_chunk_bits_get(const uint8_t *packed, size_t count, unsigned width, size_t i);
/* out[k] = base + factor * number places[k], modulo 2^64. */
void fi_chunk_bits_get_list(const uint8_t *packed, size_t count, unsigned width,
                            const uint16_t *places, size_t place_count, uint64_t base,
                            uint64_t factor, uint64_t *out);
/* The sum of those whose bits are set in mask (NULL: of all). */
fi_chunk_bits_sum128 fi_chunk_bits_sum(const uint8_t *packed, size_t count, unsigned width,
                                       const uint64_t *mask);
/* The sum of the first ones. Requires: first <= count. */
fi_chunk_bits_sum128 fi_chunk_bits_sum_first(const uint8_t *packed, size_t count, unsigned width,
                                             size_t first);
/* Sets the bits of those from low to high in out, which has a bit for each, filled up with zeros to
 * whole words. Requires: low <= high. */
void fi_chunk_bits_range(const uint8_t *packed, size_t count, unsigned width, uint64_t low,
                         uint64_t high, uint64_t *out);

/* The same with code for some processors, for tests. Requires: kernels <=
 * fi_chunk_bits_kernels_here(). */
enum fi_chunk_bits_kernels { FI_CHUNK_BITS_PLAIN, FI_CHUNK_BITS_256, FI_CHUNK_BITS_512 };
/* What runs here: plain code, AVX2, or AVX-512. */
enum fi_chunk_bits_kernels fi_chunk_bits_kernels_here(void);
void fi_chunk_bits_decode_with(enum fi_chunk_bits_kernels kernels, const uint8_t *packed,
                               size_t count, unsigned width, uint64_t base, uint64_t factor,
                               uint64_t *out);
uint64_t fi_chunk_bits_decode_narrow_with(enum fi_chunk_bits_kernels kernels, const uint8_t *packed,
                                          size_t count, unsigned width, uint32_t base,
                                          uint32_t *out);
fi_chunk_bits_sum128 fi_chunk_bits_sum_with(enum fi_chunk_bits_kernels kernels,
                                            const uint8_t *packed, size_t count, unsigned width,
                                            const uint64_t *mask);
fi_chunk_bits_sum128 fi_chunk_bits_sum_first_with(enum fi_chunk_bits_kernels kernels,
                                                  const uint8_t *packed, size_t count,
                                                  unsigned width, size_t first);
void fi_chunk_bits_range_with(enum fi_chunk_bits_kernels kernels, const uint8_t *packed,
                              size_t count, unsigned width, uint64_t low, uint64_t high,
                              uint64_t *out);

#endif
