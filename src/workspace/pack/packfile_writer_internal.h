/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/packfile_writer_internal.h: what writer, lanes and the table share. Only packfile_writer.c,
 * packfile_lane.c and packfile_table.c include it.
 */
#ifndef FIRN_PACK_PACKFILE_WRITER_INTERNAL_H
#define FIRN_PACK_PACKFILE_WRITER_INTERNAL_H

#include "base/hash_map.h"
#include "pack/packfile.h"
#include "threads/os_thread.h"

/* One object of the pack being written: 48 bytes, and about 8 of the map around it. */
struct firn_packfile_writer_record {
    firn_hash hash;
    uint32_t frame;
    uint32_t offset;
    uint32_t size;
    uint8_t kind;
};

/* A frame's number before it has one. */
#define FIRN_PACKFILE_WRITER_NO_FRAME UINT32_MAX

/* Claims the name of an object for the lane at hand. *out_is_new is false where the pack has it.
 * Otherwise the object's place is fixed: in frame record->frame, which is given a number now if it
 * is NO_FRAME, at record->offset. The caller must then bring its bytes into that frame, or call
 * _fail. */
FIRN_MUST_CHECK int firn_packfile_writer_claim(struct firn_packfile_writer *writer,
                                               struct firn_packfile_writer_record *record,
                                               bool *out_is_new, firn_error *err);
/* Writes the block of a frame that was numbered by claim. */
FIRN_MUST_CHECK int firn_packfile_writer_put_frame(struct firn_packfile_writer *writer,
                                                   uint32_t frame, enum firn_codec codec,
                                                   firn_slice stored, uint32_t raw_size,
                                                   firn_error *err);
/* Latches the writer: objects were claimed whose bytes will not come. */
void firn_packfile_writer_fail(struct firn_packfile_writer *writer, const firn_error *err);
int firn_packfile_writer_level(const struct firn_packfile_writer *writer);
size_t firn_packfile_writer_frame_size(const struct firn_packfile_writer *writer);

/* Sorts records by hash, in place. (packfile_table.c) */
void firn_packfile_table_sort(struct firn_packfile_writer_record *records, size_t count);
/* Writes pages and both sections. records are sorted. (packfile_table.c) */
FIRN_MUST_CHECK int firn_packfile_table_write(struct firn_block_writer *block,
                                              const struct firn_packfile_writer_record *records,
                                              size_t count, const struct firn_block_ref *frames,
                                              uint32_t frame_count, firn_error *err);

/* The link of lanes in the writer's pool. (packfile_lane.c) */
struct firn_packfile_lane **firn_packfile_lane_link(struct firn_packfile_lane *lane);

#endif
