/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/crc32c.h: CRC-32C (Castagnoli), the checksum of log records. Any thread.
 */
#ifndef FIRN_CODEC_CRC32C_H
#define FIRN_CODEC_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of some bytes, continuing from that of the preceding bytes (0 at the start). Uses the
 * processor's instruction if it has one. */
uint32_t fi_crc32c(uint32_t crc, const void *data, size_t size);
/* The same from a table: the twin that tests compare with. */
uint32_t fi_crc32c_portable(uint32_t crc, const void *data, size_t size);

#endif
