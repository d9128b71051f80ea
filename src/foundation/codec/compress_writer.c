/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/compress_writer.c: writing zstd frames in pieces, for content that is larger than memory.
 *
 * Input is taken as it comes; each time zstd has filled a piece of 128 KiB, or the frame ends, the
 * sink gets it. How the input was cut does not show in the frame's content; it does not carry its
 * size, which is not known when it begins. Memory is zstd's context for the level and one piece.
 *
 * After a failure, the sink's included, the frame cannot be continued: the writer answers
 * FIRN_FAILED from then on. One thread at a time.
 */
#include "codec/compress_internal.h"

#include "base/check.h"
#include "base/mem.h"

struct fi_compress_writer {
    ZSTD_CCtx *encoder;
    uint8_t *piece;
    size_t piece_size;
    bool has_failed;
};

int
fi_compress_writer_create(int level, struct fi_compress_writer **out, firn_error *err)
{
    *out = NULL;
    int rc = FIRN_OK;
    struct fi_compress_writer *writer = fi_alloc_zeroed(sizeof *writer);
    if (writer == NULL) {
        return fi_error_no_memory(err, "a compression stream");
    }
    writer->piece_size = ZSTD_CStreamOutSize();
    writer->piece = fi_alloc(writer->piece_size);
    writer->encoder = ZSTD_createCCtx_advanced(fi_compress_zstd_memory());
    if (writer->piece == NULL || writer->encoder == NULL) {
        rc = fi_error_no_memory(err, "a compression stream");
        goto out;
    }
    size_t result = ZSTD_CCtx_setParameter(writer->encoder, ZSTD_c_compressionLevel, level);
    if (ZSTD_isError(result)) {
        rc = fi_compress_zstd_error(err, FIRN_INTERNAL, "could not set up zstd", result);
    }
out:
    if (rc != FIRN_OK) {
        fi_compress_writer_destroy(writer);
        return rc;
    }
    *out = writer;
    return FIRN_OK;
}

void
fi_compress_writer_destroy(struct fi_compress_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    (void)ZSTD_freeCCtx(writer->encoder);
    fi_free(writer->piece);
    fi_free(writer);
}

/* Runs the encoder until it has taken all input and, at the frame's end, given all output. */
static int
compress_run(struct fi_compress_writer *writer, firn_slice input, ZSTD_EndDirective directive,
             int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx, firn_error *err)
{
    int rc = FIRN_OK;
    bool is_done = false;
    ZSTD_inBuffer from = {input.data, input.size, 0};
    DCHECK(!writer->has_failed);
    while (rc == FIRN_OK && !is_done) {
        ZSTD_outBuffer to = {writer->piece, writer->piece_size, 0};
        size_t left = ZSTD_compressStream2(writer->encoder, &to, &from, directive);
        if (ZSTD_isError(left)) {
            return fi_compress_zstd_error(err, FIRN_INTERNAL, "could not compress with zstd", left);
        }
        is_done = directive == ZSTD_e_end ? left == 0 : from.pos == from.size;
        DCHECK(!is_done || from.pos == from.size); /* nothing of the input is lost */
        if (to.pos > 0) {
            rc = sink(ctx, firn_bytes(writer->piece, to.pos), err);
        }
    }
    return rc;
}

static int
run_unless_failed(struct fi_compress_writer *writer, firn_slice input, ZSTD_EndDirective directive,
                  int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx,
                  firn_error *err)
{
    if (writer->has_failed) {
        return fi_error_set(err, FIRN_FAILED, "the compression stream failed earlier");
    }
    int rc = compress_run(writer, input, directive, sink, ctx, err);
    writer->has_failed = rc != FIRN_OK;
    return rc;
}

int
fi_compress_writer_feed(struct fi_compress_writer *writer, firn_slice input,
                        int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx,
                        firn_error *err)
{
    return run_unless_failed(writer, input, ZSTD_e_continue, sink, ctx, err);
}

int
fi_compress_writer_finish(struct fi_compress_writer *writer,
                          int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx,
                          firn_error *err)
{
    static const uint8_t nothing[1] = {0};
    return run_unless_failed(writer, firn_bytes(nothing, 0), ZSTD_e_end, sink, ctx, err);
}
