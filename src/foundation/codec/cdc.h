/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/cdc.h: cuts content into chunks, at places determined by the content, so that the
 * same bytes are cut alike wherever they are.
 */
#ifndef FIRN_CODEC_CDC_H
#define FIRN_CODEC_CDC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firn/types.h"

/* Sizes of chunks in bytes; the average is 17 KiB. */
enum { FI_CDC_SIZE_MIN = 4 << 10, FI_CDC_SIZE_NORMAL = 12 << 10, FI_CDC_SIZE_MAX = 64 << 10 };

/* What decides where content is cut: random numbers, one for each value of a byte. */
enum { FI_CDC_TABLE_COUNT = 256 };
struct fi_cdc_table {
    uint64_t gear[FI_CDC_TABLE_COUNT];
};
/* The table of stores in clear, which is no secret. */
const struct fi_cdc_table *fi_cdc_table_plain(void);

struct fi_cdc {
    size_t size;   /* of the chunk; 0: more bytes are needed */
    bool is_major; /* about every 32nd chunk ends so, determined by its content */
};

/* The first chunk of data, which is the rest of the content (is_all) or the beginning of the rest.
 * It depends only on the table, the bytes of the chunk, and the end of the content. Content that
 * begins at a boundary of other content is cut in the same way. Requires: data is not empty. */
struct fi_cdc fi_cdc_next(const struct fi_cdc_table *table, firn_slice data, bool is_all);

#endif
