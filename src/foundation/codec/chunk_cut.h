/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/chunk_cut.h: where content is cut into chunks: by what stands there, so that the same bytes
 * are cut alike wherever they lie.
 */
#ifndef FIRN_CODEC_CHUNK_CUT_H
#define FIRN_CODEC_CHUNK_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firn/types.h"

/* Sizes of chunks in bytes; a usual one has 17 KiB. */
enum {
    FIRN_CHUNK_CUT_SIZE_MIN = 4 << 10,
    FIRN_CHUNK_CUT_SIZE_NORMAL = 12 << 10,
    FIRN_CHUNK_CUT_SIZE_MAX = 64 << 10
};

struct firn_chunk_cut {
    size_t size;   /* of the chunk; 0: more bytes must be seen first */
    bool is_major; /* about every 32nd chunk ends so, by its content */
};

/* The chunk at the beginning of data, which is what is left of the content (is_all) or the front of
 * that. It depends on the bytes of the chunk alone, and on the end of the content. Content that
 * begins with a boundary of other content is cut as that is from there on. data must not be empty. */
struct firn_chunk_cut firn_chunk_cut_next(firn_slice data, bool is_all);

#endif
