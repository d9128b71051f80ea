/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/xxh3.h: XXH3-64, the checksum of sealed blocks. Any thread.
 */
#ifndef FIRN_CODEC_XXH3_H
#define FIRN_CODEC_XXH3_H

#include <stddef.h>
#include <stdint.h>

uint64_t firn_xxh3(const void *data, size_t size, uint64_t seed);

#endif
