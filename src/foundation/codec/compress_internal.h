/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/compress_internal.h: what the files compress*.c share: a context, and zstd's own contexts.
 */
#ifndef FIRN_CODEC_COMPRESS_INTERNAL_H
#define FIRN_CODEC_COMPRESS_INTERNAL_H

/* zstd's contexts take their memory from base/mem.h. */
#define ZSTD_STATIC_LINKING_ONLY

#include <zstd.h>
#include <zstd_errors.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/mem.h"
#include "codec/compress.h"

struct fi_compress {
    ZSTD_CCtx *zstd_encoder;
    ZSTD_CCtx *delta_encoder; /* apart, because its parameters are others and its tables larger */
    ZSTD_DCtx *zstd_decoder;
    void *lz4_table;
};

static inline void *
fi_compress_zstd_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return fi_alloc(size);
}

static inline void
fi_compress_zstd_free(void *ctx, void *memory)
{
    (void)ctx;
    fi_free(memory);
}

static inline ZSTD_customMem
fi_compress_zstd_memory(void)
{
    return (ZSTD_customMem){fi_compress_zstd_alloc, fi_compress_zstd_free, NULL};
}

/* Fills err for a result of zstd's that is an error: FIRN_NO_MEMORY if memory ran out, else
 * `code`. */
static inline int
fi_compress_zstd_error(firn_error *err, int code, const char *what, size_t result)
{
    if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) {
        return fi_error_no_memory(err, "a zstd context");
    }
    return fi_error_set(err, code, "%s: %s", what, ZSTD_getErrorName(result));
}

/* Makes one of the encoders, or the decoder, if it is not there yet. */
static inline int
fi_compress_zstd_encoder(ZSTD_CCtx **encoder, firn_error *err)
{
    if (*encoder == NULL) {
        *encoder = ZSTD_createCCtx_advanced(fi_compress_zstd_memory());
    }
    return *encoder != NULL ? FIRN_OK : fi_error_no_memory(err, "a zstd context");
}

static inline int
fi_compress_zstd_decoder(struct fi_compress *context, firn_error *err)
{
    if (context->zstd_decoder == NULL) {
        context->zstd_decoder = ZSTD_createDCtx_advanced(fi_compress_zstd_memory());
    }
    return context->zstd_decoder != NULL ? FIRN_OK : fi_error_no_memory(err, "a zstd context");
}

/* Whether the input is exactly one frame (compress.c, I3). */
static inline int
fi_compress_zstd_check_frame(firn_slice input, firn_error *err)
{
    bool is_one = input.size >= 4 && fi_load_le32(input.data) == ZSTD_MAGICNUMBER &&
                  ZSTD_findFrameCompressedSize(input.data, input.size) == input.size;
    return is_one ? FIRN_OK
                  : fi_error_set(err, FIRN_CORRUPT, "%zu bytes are not one zstd frame", input.size);
}

#endif
