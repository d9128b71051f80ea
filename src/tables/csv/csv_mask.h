/* SPDX-License-Identifier: Apache-2.0
 *
 * csv/csv_mask.h: finds the special bytes of CSV among 64 bytes, and whether all are ASCII:
 * the kernel of the reader, and its plain twin. Every x86-64 has SSE2, so the processor need not be
 * checked.
 */
#ifndef FIRN_CSV_CSV_MASK_H
#define FIRN_CSV_CSV_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

enum { FI_CSV_MASK_BYTES = 64 };

/* Bit i of the result: bytes[i] is the delimiter, the quote, LF or CR. Reads 64 bytes. *is_ascii
 * becomes false if a byte is not below 128, and stays as it is otherwise. */
static inline uint64_t
fi_csv_mask_plain(const uint8_t *bytes, uint8_t delimiter, uint8_t quote, bool *is_ascii)
{
    const uint64_t low_bits = UINT64_C(0x0101010101010101);
    const uint64_t high_bits = low_bits << 7;
    const uint8_t wanted[4] = {delimiter, quote, '\n', '\r'};
    uint64_t mask = 0;
    uint64_t all = 0;
    for (size_t word = 0; word < FI_CSV_MASK_BYTES / 8; word++) {
        uint64_t found = fi_load_le64(bytes + 8 * word);
        uint64_t equals = 0;
        all |= found;
        for (size_t i = 0; i < 4; i++) {
            /* Equal bytes are zero. The sum sets the high bit of every other byte, without a carry
             * into the next byte. */
            uint64_t differs = found ^ (low_bits * wanted[i]);
            equals |= ~(((differs & ~high_bits) + ~high_bits) | differs | ~high_bits);
        }
        /* Gathers the eight high bits in the top byte. */
        mask |= (((equals >> 7) * UINT64_C(0x0102040810204080)) >> 56) << (8 * word);
    }
    *is_ascii &= (all & high_bits) == 0;
    return mask;
}

static inline uint64_t
fi_csv_mask(const uint8_t *bytes, uint8_t delimiter, uint8_t quote, bool *is_ascii)
{
#if defined(__x86_64__)
    const __m128i delimiters = _mm_set1_epi8((char)delimiter);
    const __m128i quotes = _mm_set1_epi8((char)quote);
    const __m128i line_feeds = _mm_set1_epi8('\n');
    const __m128i returns = _mm_set1_epi8('\r');
    __m128i all = _mm_setzero_si128();
    uint64_t mask = 0;
    for (size_t part = 0; part < FI_CSV_MASK_BYTES / 16; part++) {
        __m128i found = _mm_loadu_si128((const __m128i *)(const void *)(bytes + 16 * part));
        all = _mm_or_si128(all, found);
        __m128i marks =
            _mm_or_si128(_mm_cmpeq_epi8(found, delimiters), _mm_cmpeq_epi8(found, quotes));
        __m128i ends =
            _mm_or_si128(_mm_cmpeq_epi8(found, line_feeds), _mm_cmpeq_epi8(found, returns));
        uint32_t bits = (uint32_t)_mm_movemask_epi8(_mm_or_si128(marks, ends));
        mask |= (uint64_t)bits << (16 * part);
    }
    *is_ascii &= _mm_movemask_epi8(all) == 0;
    return mask;
#else
    return fi_csv_mask_plain(bytes, delimiter, quote, is_ascii);
#endif
}

#endif
