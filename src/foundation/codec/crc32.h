/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/crc32.h: CRC-32 (IEEE 802.3, as in gzip and PNG), the checksum of ALXS tables. Any thread.
 */
#ifndef FIRN_CODEC_CRC32_H
#define FIRN_CODEC_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of some bytes, continuing from that of the preceding bytes (0 at the start). Uses the
 * processor's carry-less multiplication if it has one. */
uint32_t fi_crc32(uint32_t crc, const void *data, size_t size);
/* The same from a table: the twin that tests compare with. */
uint32_t fi_crc32_portable(uint32_t crc, const void *data, size_t size);

#endif
