/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack_internal.h: what the files of this room share. Only pack*.c include it.
 */
#ifndef FIRN_PACK_PACK_INTERNAL_H
#define FIRN_PACK_PACK_INTERNAL_H

#include "base/hash_map.h"
#include "os/os.h"
#include "os/os_process.h"
#include "pack/pack.h"
#include "pack/pack_format.h"
#include "threads/os_thread.h"

struct fi_pack_fence {
    firn_hash first; /* hash of the page */
    uint64_t offset; /* of the page's block */
};

/* Unchanged after open, except for the pool. */
struct firn_pack {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct fi_block_reader *reader;
    struct fi_os *os;
    bool is_foreign; /* its tables may take no more memory than bytes of the file */
    struct fi_block_ref *frames;
    uint32_t frame_count;
    struct fi_pack_fence *fences;
    uint32_t page_count;
    uint64_t object_count;

    struct fi_pack_pool pool;
};

/* Reads the lists of frames and of pages of a file that was opened: pack_frames.c. */
FIRN_MUST_CHECK int fi_pack_frames_load(struct firn_pack *pack, firn_error *err);
/* Where a page is. */
struct fi_block_ref fi_pack_frames_page_ref(const struct firn_pack *pack, uint32_t page);
/* Where a frame is. Requires: frame < frame_count. */
struct fi_block_ref fi_pack_frames_ref(const struct firn_pack *pack, uint32_t frame);
/* Reads a page and checks it: in order, first entry as its fence says, last below the next
 * fence. */
FIRN_MUST_CHECK int fi_pack_frames_read_page(struct firn_pack *pack, uint32_t page,
                                             struct fi_compress *compress, struct fi_buf *out,
                                             firn_error *err);
/* Reads a frame and parses it; the slices point into *out_raw. */
FIRN_MUST_CHECK int fi_pack_frames_read(struct firn_pack *pack, uint32_t frame,
                                        struct fi_compress *compress, struct fi_buf *out_raw,
                                        struct fi_pack_format_frame *out, firn_error *err);

/* The same two through the caches of a scratch; borrowed until its next use.
 * (pack_scratch.c) */
FIRN_MUST_CHECK int fi_pack_scratch_page(struct fi_pack_scratch *scratch, struct firn_pack *pack,
                                         uint32_t page, firn_slice *out, firn_error *err);
FIRN_MUST_CHECK int fi_pack_scratch_frame(struct fi_pack_scratch *scratch, struct firn_pack *pack,
                                          uint32_t frame, struct fi_pack_format_frame *out,
                                          firn_error *err);
/* Buffers for pack_delta.c: a delta as it is stored, and the object that was made of it
 * last. */
struct fi_pack_scratch_delta {
    struct fi_buf stored;
    struct fi_buf content;
};
struct fi_pack_scratch_delta *fi_pack_scratch_delta(struct fi_pack_scratch *scratch);
struct fi_compress *fi_pack_scratch_compress(struct fi_pack_scratch *scratch);

/* Opens the parent directory of `path`; *out_name points to the last component of path. */
FIRN_MUST_CHECK int fi_pack_path_open_parent(struct fi_os *os, const char *path,
                                             struct fi_os_dir **out_dir, const char **out_name,
                                             firn_error *err);

/* What the writer and its lanes share. */

/* One object of the pack being written: 48 bytes, and about 8 of the map around it. */
struct fi_pack_writer_record {
    firn_hash hash;
    uint32_t frame;
    uint32_t offset;
    uint32_t size;
    uint8_t kind;
};

/* A frame's number before it has one. */
#define FI_PACK_WRITER_NO_FRAME UINT32_MAX

/* Claims the name of an object for the calling lane. *out_is_new is false if the pack has it.
 * Otherwise the object's place is fixed: at record->offset in frame record->frame, which gets its
 * number now if it is NO_FRAME. The caller must then bring the object's bytes into that frame, or
 * call _fail. */
FIRN_MUST_CHECK int fi_pack_writer_claim(struct firn_pack_writer *writer,
                                         struct fi_pack_writer_record *record, bool *out_is_new,
                                         firn_error *err);
/* A frame as it is stored. */
struct fi_pack_writer_frame {
    uint32_t number; /* by claim */
    enum fi_codec codec;
    firn_slice stored;
    uint32_t raw_size;
    bool is_alone; /* an object that has a frame to itself: in an encrypted pack it is padded */
};
/* Writes the block of a frame that was numbered by claim. */
FIRN_MUST_CHECK int fi_pack_writer_put_frame(struct firn_pack_writer *writer,
                                             const struct fi_pack_writer_frame *frame,
                                             firn_error *err);
/* Latches the writer: objects were claimed whose bytes will not be written. */
void fi_pack_writer_fail(struct firn_pack_writer *writer, const firn_error *err);
int fi_pack_writer_level(const struct firn_pack_writer *writer);
size_t fi_pack_writer_frame_size(const struct firn_pack_writer *writer);

/* The link of lanes in the writer's pool. (pack_lane.c) */
struct fi_pack_lane **fi_pack_lane_link(struct fi_pack_lane *lane);

#endif
