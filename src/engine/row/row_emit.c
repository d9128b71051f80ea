/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_emit.c: the last step of a block on its way into a file.
 *
 * One buffer holds the compressed bytes and is used again for each block. What does not get smaller
 * is stored as it is, so that reading it costs no decoding; a 32nd is what makes decoding worth it.
 */
#include "row/row_emit.h"

#include "base/check.h"

void
firn_row_emit_deinit(struct firn_row_emit *emit)
{
    firn_buf_deinit(&emit->stored);
}

static int
add(struct firn_row_emit *emit, enum firn_codec codec, firn_slice stored, size_t raw_size,
    struct firn_block_ref *out, firn_error *err)
{
    DCHECK(raw_size <= UINT32_MAX); /* else the writer would not see that it is too large */
    int rc = firn_block_writer_add(emit->writer, codec, stored, (uint32_t)raw_size, out, err);
    if (rc == FIRN_OK) {
        emit->written_bytes += firn_block_reader_span(out);
    }
    return rc;
}

int
firn_row_emit_plain(struct firn_row_emit *emit, firn_slice raw, struct firn_block_ref *out,
                    firn_error *err)
{
    return add(emit, FIRN_CODEC_NONE, raw, raw.size, out, err);
}

int
firn_row_emit_block(struct firn_row_emit *emit, firn_slice raw, struct firn_block_ref *out,
                    firn_error *err)
{
    if (emit->codec == FIRN_CODEC_NONE) {
        return firn_row_emit_plain(emit, raw, out, err);
    }
    int rc =
        firn_compress_encode(emit->compress, emit->codec, emit->level, raw, &emit->stored, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (emit->stored.size >= raw.size - raw.size / 32) {
        return firn_row_emit_plain(emit, raw, out, err);
    }
    return add(emit, emit->codec, firn_buf_slice(&emit->stored), raw.size, out, err);
}

int
firn_row_emit_section(struct firn_row_emit *emit, uint32_t kind, firn_slice raw, firn_error *err)
{
    struct firn_block_ref ref;
    int rc = firn_row_emit_block(emit, raw, &ref, err);
    return rc != FIRN_OK ? rc : firn_block_writer_add_section(emit->writer, kind, &ref, err);
}
