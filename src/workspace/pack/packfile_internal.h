/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/packfile_internal.h: what the reading side shares, and nobody else includes.
 */
#ifndef FIRN_PACK_PACKFILE_INTERNAL_H
#define FIRN_PACK_PACKFILE_INTERNAL_H

#include "os/os_process.h"
#include "pack/packfile_format.h"
#include "pack/packfile_pool.h"

struct firn_packfile_fence {
    firn_hash first; /* hash of the page */
    uint64_t offset; /* of the page's block */
};

/* Unchanged after open, but for the pool. */
struct firn_packfile {
    struct firn_os_process_mark mark; /* first: see api_process.h */
    struct firn_block_reader *reader;
    struct firn_block_ref *frames;
    uint32_t frame_count;
    struct firn_packfile_fence *fences;
    uint32_t page_count;
    uint64_t object_count;

    struct firn_packfile_pool pool;
};

/* Where a page is. */
struct firn_block_ref firn_packfile_page_ref(const struct firn_packfile *pack, uint32_t page);
/* Reads a page and checks it: in order, first entry as its fence says, last below the next
 * fence. */
FIRN_MUST_CHECK int firn_packfile_read_page(struct firn_packfile *pack, uint32_t page,
                                            struct firn_compress *compress, struct firn_buf *out,
                                            firn_error *err);
/* Reads a frame and takes it apart; the slices point into *out_raw. */
FIRN_MUST_CHECK int firn_packfile_read_frame(struct firn_packfile *pack, uint32_t frame,
                                             struct firn_compress *compress,
                                             struct firn_buf *out_raw,
                                             struct firn_packfile_format_frame *out,
                                             firn_error *err);

/* The same two through the caches of a scratch; borrowed until its next use.
 * (packfile_scratch.c) */
FIRN_MUST_CHECK int firn_packfile_scratch_page(struct firn_packfile_scratch *scratch,
                                               struct firn_packfile *pack, uint32_t page,
                                               firn_slice *out, firn_error *err);
FIRN_MUST_CHECK int firn_packfile_scratch_frame(struct firn_packfile_scratch *scratch,
                                                struct firn_packfile *pack, uint32_t frame,
                                                struct firn_packfile_format_frame *out,
                                                firn_error *err);
/* Buffers for packfile_delta.c: a delta as it is stored, and the object that was made of it last. */
struct firn_packfile_scratch_delta {
    struct firn_buf stored;
    struct firn_buf content;
};
struct firn_packfile_scratch_delta *
firn_packfile_scratch_delta(struct firn_packfile_scratch *scratch);
struct firn_compress *firn_packfile_scratch_compress(struct firn_packfile_scratch *scratch);
/* The link of scratches in a pool. */
struct firn_packfile_scratch **firn_packfile_scratch_link(struct firn_packfile_scratch *scratch);

#endif
