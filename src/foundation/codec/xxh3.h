/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/xxh3.h: XXH3-64, the checksum of sealed blocks, and XXH3-128, for fingerprints that are
 * only ever compared. Any thread.
 */
#ifndef FIRN_CODEC_XXH3_H
#define FIRN_CODEC_XXH3_H

#include <stddef.h>
#include <stdint.h>

uint64_t fi_xxh3(const void *data, size_t size, uint64_t seed);
enum { FI_XXH3_WIDE_SIZE = 16 };
/* XXH3-128: its low half first, little-endian. */
void fi_xxh3_wide(const void *data, size_t size, uint64_t seed, uint8_t *out);

#endif
