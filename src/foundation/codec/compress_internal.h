/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/compress_internal.h: what a context holds. For compress.c and compress_delta.c.
 */
#ifndef FIRN_CODEC_COMPRESS_INTERNAL_H
#define FIRN_CODEC_COMPRESS_INTERNAL_H

#include "codec/compress.h"
#include "codec/zstd_memory.h"

struct firn_compress {
    ZSTD_CCtx *zstd_encoder;
    ZSTD_CCtx *delta_encoder; /* apart, because its parameters are others and its tables larger */
    ZSTD_DCtx *zstd_decoder;
    void *lz4_table;
};

/* Makes one of the encoders, or the decoder, if it is not there yet. */
FIRN_MUST_CHECK int firn_compress_internal_encoder(ZSTD_CCtx **encoder, firn_error *err);
FIRN_MUST_CHECK int firn_compress_internal_decoder(struct firn_compress *context, firn_error *err);
/* FIRN_CORRUPT unless the input is one zstd frame from its first to its last byte. */
FIRN_MUST_CHECK int firn_compress_internal_one_frame(firn_slice input, firn_error *err);

#endif
