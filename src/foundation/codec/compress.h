/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/compress.h: zstd and LZ4 in one numbering, with bounds that the caller states.
 *
 * A context keeps what is expensive to allocate; it is for one thread at a time and reused by many
 * calls. Its memory comes from base/mem.h.
 */
#ifndef FIRN_CODEC_COMPRESS_H
#define FIRN_CODEC_COMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "firn/types.h"

/* These numbers are on disk. */
enum fi_codec { FI_CODEC_NONE = 0, FI_CODEC_LZ4 = 1, FI_CODEC_ZSTD = 2 };

struct fi_compress;

/* Makes an empty context; parts of it are allocated at first use. */
FIRN_MUST_CHECK int fi_compress_create(struct fi_compress **out, firn_error *err);
void fi_compress_destroy(struct fi_compress *context);

/* A level of our own, for storing large inputs for the first time: between zstd's 1 and 2 in time,
 * between 2 and 3 in size. */
enum { FI_COMPRESS_LEVEL_QUICK = 0 };

/* Replaces the contents of out. level is zstd's, or the one above (ignored by LZ4). */
FIRN_MUST_CHECK int fi_compress_encode(struct fi_compress *context, enum fi_codec codec, int level,
                                       firn_slice input, struct fi_buf *out, firn_error *err);
/* Decodes into exactly raw_size bytes at out. FIRN_CORRUPT if the input yields more, fewer, or
 * nothing sensible; sizes declared inside the input are never trusted or allocated. */
FIRN_MUST_CHECK int fi_compress_decode(struct fi_compress *context, enum fi_codec codec,
                                       firn_slice input, void *out, size_t raw_size,
                                       firn_error *err);

/* ---- compress_delta.c: deltas against a base that both sides have ---- */

/* Replaces the contents of out with a zstd frame that describes content relative to base (not
 * empty), unless that takes more than size_max bytes: then *out_fits is false. Small if most of
 * content is in base. Both have at most FI_COMPRESS_DELTA_SIZE_MAX bytes. */
#define FI_COMPRESS_DELTA_SIZE_MAX ((size_t)16 << 20)
FIRN_MUST_CHECK int fi_compress_delta_encode(struct fi_compress *context, firn_slice base,
                                             firn_slice content, size_t size_max,
                                             struct fi_buf *out, bool *out_fits, firn_error *err);
/* Rebuilds raw_size bytes at out from such a frame and the same base. As fi_compress_decode;
 * another base gives other bytes, or FIRN_CORRUPT. */
FIRN_MUST_CHECK int fi_compress_delta_decode(struct fi_compress *context, firn_slice base,
                                             firn_slice frame, void *out, size_t raw_size,
                                             firn_error *err);

/* Decodes a zstd stream in pieces, for frames that need not declare their size. sink gets the
 * decoded bytes in order; FIRN_LIMIT as soon as there are more than raw_size_max bytes. */
struct fi_compress_stream;
FIRN_MUST_CHECK int fi_compress_stream_create(uint64_t raw_size_max,
                                              struct fi_compress_stream **out, firn_error *err);
void fi_compress_stream_destroy(struct fi_compress_stream *stream);
FIRN_MUST_CHECK int fi_compress_stream_feed(struct fi_compress_stream *stream, firn_slice input,
                                            int (*sink)(void *ctx, firn_slice data,
                                                        firn_error *err),
                                            void *ctx, firn_error *err);
/* FIRN_CORRUPT unless exactly one whole frame was read. */
FIRN_MUST_CHECK int fi_compress_stream_finish(struct fi_compress_stream *stream, firn_error *err);

/* Compresses in pieces, level as zstd's: sink gets the frame in pieces. */
struct fi_compress_writer;
FIRN_MUST_CHECK int fi_compress_writer_create(int level, struct fi_compress_writer **out,
                                              firn_error *err);
void fi_compress_writer_destroy(struct fi_compress_writer *writer);
FIRN_MUST_CHECK int fi_compress_writer_feed(struct fi_compress_writer *writer, firn_slice input,
                                            int (*sink)(void *ctx, firn_slice data,
                                                        firn_error *err),
                                            void *ctx, firn_error *err);
/* Ends the frame; the writer is ready for the next one. */
FIRN_MUST_CHECK int fi_compress_writer_finish(struct fi_compress_writer *writer,
                                              int (*sink)(void *ctx, firn_slice data,
                                                          firn_error *err),
                                              void *ctx, firn_error *err);

#endif
