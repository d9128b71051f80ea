/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_emit.h: compresses blocks and adds them to a file.
 *
 * One thread. A zeroed struct with the fields up to `level` filled in is ready.
 */
#ifndef FIRN_ROW_ROW_EMIT_H
#define FIRN_ROW_ROW_EMIT_H

#include "block/block_file.h"

struct firn_row_emit {
    struct firn_block_writer *writer;
    struct firn_compress *compress; /* borrowed, like the writer */
    enum firn_codec codec;
    int level;
    struct firn_buf stored;
    uint64_t written_bytes; /* of blocks, so far */
};

void firn_row_emit_deinit(struct firn_row_emit *emit);
/* Adds a block; as it is where compressing does not make it smaller by at least a 32nd. */
FIRN_MUST_CHECK int firn_row_emit_block(struct firn_row_emit *emit, firn_slice raw,
                                        struct firn_block_ref *out, firn_error *err);
/* Adds a block as it is. */
FIRN_MUST_CHECK int firn_row_emit_plain(struct firn_row_emit *emit, firn_slice raw,
                                        struct firn_block_ref *out, firn_error *err);
/* Adds a block and names it in the table of contents. */
FIRN_MUST_CHECK int firn_row_emit_section(struct firn_row_emit *emit, uint32_t kind, firn_slice raw,
                                          firn_error *err);

#endif
