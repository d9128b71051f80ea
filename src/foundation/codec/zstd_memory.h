/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/zstd_memory.h: zstd's contexts take their memory from base/mem.h. For the files of codec/
 * that call zstd.
 */
#ifndef FIRN_CODEC_ZSTD_MEMORY_H
#define FIRN_CODEC_ZSTD_MEMORY_H

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include "base/error.h"
#include "base/mem.h"

static inline void *
firn_zstd_memory_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return firn_alloc(size);
}

static inline void
firn_zstd_memory_free(void *ctx, void *memory)
{
    (void)ctx;
    firn_free(memory);
}

static inline ZSTD_customMem
firn_zstd_memory(void)
{
    return (ZSTD_customMem){firn_zstd_memory_alloc, firn_zstd_memory_free, NULL};
}

/* Fills err for a result of zstd's that is an error: FIRN_NO_MEMORY for want of memory, else
 * `code`. */
static inline int
firn_zstd_memory_error(firn_error *err, int code, const char *what, size_t result)
{
    if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) {
        return firn_error_no_memory(err, "a zstd context");
    }
    return firn_error_set(err, code, "%s: %s", what, ZSTD_getErrorName(result));
}

#endif
