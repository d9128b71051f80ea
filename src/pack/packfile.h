/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/packfile.h: a sealed block file of immutable objects, each named by the BLAKE3-256 of its bytes
 * (docs/formats/pack.md). packfile_writer.c writes, packfile.c reads, packfile_salvage.c lists a pack whose tables are
 * gone.
 *
 * Objects lie in solid zstd frames of 512 KiB to 1 MiB; each frame begins with the list of what it holds, so that a
 * pack can be listed even without its object table. The table, sorted by hash in pages with a fence index, is read page
 * by page: memory does not grow with the pack.
 */
#ifndef FIRN_PACK_PACKFILE_H
#define FIRN_PACK_PACKFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "block/block_file.h"
#include "firn/types.h"
#include "os/os.h"

/* On disk. All but PIECES are read as they are; a PIECES object is a list of other objects and holes whose bytes, one
 * after the other, have the hash that names it. Which of the others an object is, is a hint for rebuilding a catalog. */
enum firn_packfile_kind {
    FIRN_PACKFILE_BLOB = 1,
    FIRN_PACKFILE_PIECES = 2,
    FIRN_PACKFILE_TREE = 3,
    FIRN_PACKFILE_RECORD = 4
};

/* The largest object that is stored in one piece; longer content becomes pieces. */
enum { FIRN_PACKFILE_OBJECT_SIZE_MAX = 16 << 20 };

/* Where an object lies inside its pack: what a catalog keeps. */
struct firn_packfile_location {
    uint32_t frame;  /* number of the frame in the pack */
    uint32_t offset; /* of the object in the decoded frame */
    uint32_t size;   /* of the object's stored bytes (for PIECES: of the list) */
    enum firn_packfile_kind kind;
};

/* ---- pieces ---- */

struct firn_packfile_piece {
    uint64_t size;
    bool is_hole; /* zeros that were not allocated; hash is then unused */
    firn_hash hash;
};
/* Appends the encoding of a list: varint total size, then for each piece varint size << 1 | is_hole and its hash. */
FIRN_MUST_CHECK int firn_packfile_encode_pieces(const struct firn_packfile_piece *pieces,
                                                size_t count, struct firn_buf *out);
/* Checks a whole encoding (the sum of sizes included, no empty pieces, no two holes in a row) and calls visit for each
 * piece with its offset; FIRN_CORRUPT otherwise. visit may be NULL. */
FIRN_MUST_CHECK int
firn_packfile_decode_pieces(firn_slice encoded, uint64_t *out_total_size,
                            int (*visit)(void *ctx, uint64_t offset,
                                         const struct firn_packfile_piece *piece, firn_error *err),
                            void *ctx, firn_error *err);

/* ---- writing (packfile_writer.c) ---- */

struct firn_packfile_writer;

/* A lane is one thread's way into the pack: it fills frames of its own, so what one thread adds in a row lies side by
 * side. Any number of lanes on one writer. */
struct firn_packfile_lane;

/* dir is borrowed until destroy. level is zstd's. */
FIRN_MUST_CHECK int firn_packfile_writer_create(struct firn_os_dir *dir, const char *name,
                                                int level, struct firn_packfile_writer **out,
                                                firn_error *err);
const struct firn_block_file_id *firn_packfile_writer_id(const struct firn_packfile_writer *writer);
/* Whether an object of this name was added (by any lane). Any thread. */
bool firn_packfile_writer_contains(struct firn_packfile_writer *writer, const firn_hash *hash);
uint64_t firn_packfile_writer_count(struct firn_packfile_writer *writer);
/* Bytes in the file so far (frames still open in lanes not counted). Any thread. */
uint64_t firn_packfile_writer_size_bytes(struct firn_packfile_writer *writer);

FIRN_MUST_CHECK int firn_packfile_lane_create(struct firn_packfile_writer *writer,
                                              struct firn_packfile_lane **out, firn_error *err);
void firn_packfile_lane_destroy(struct firn_packfile_lane *lane);
/* Adds an object whose name the caller has computed (content is trusted to match it in release builds, checked in debug
 * builds). *out_is_new is false, and nothing is written, where the pack has it. size ≤ FIRN_PACKFILE_OBJECT_SIZE_MAX. */
FIRN_MUST_CHECK int firn_packfile_lane_add(struct firn_packfile_lane *lane,
                                           enum firn_packfile_kind kind, const firn_hash *hash,
                                           firn_slice content, bool *out_is_new, firn_error *err);
/* Writes the lane's open frame. To be called on every lane before finish. */
FIRN_MUST_CHECK int firn_packfile_lane_flush(struct firn_packfile_lane *lane, firn_error *err);

/* Object table, then seals the file: durable under its name when this returns. FIRN_INVALID for an empty pack. */
FIRN_MUST_CHECK int firn_packfile_writer_finish(struct firn_packfile_writer *writer,
                                                uint64_t *out_file_size, firn_error *err);
/* After finish: every object with its place, in the order of hashes. */
FIRN_MUST_CHECK int firn_packfile_writer_list(struct firn_packfile_writer *writer,
                                              int (*visit)(void *ctx, const firn_hash *hash,
                                                           const struct firn_packfile_location *at,
                                                           firn_error *err),
                                              void *ctx, firn_error *err);
/* Removes the file unless finished. Lanes must be gone. NULL is fine. */
void firn_packfile_writer_destroy(struct firn_packfile_writer *writer);

/* ---- reading (packfile.c): any number of threads on one handle ---- */

struct firn_packfile;

/* One thread's working memory for reading: a decompressor and the last few decoded frames of any packs (bounded by
 * frame_count_max frames, at least 1). */
struct firn_packfile_scratch;
FIRN_MUST_CHECK int firn_packfile_scratch_create(unsigned frame_count_max,
                                                 struct firn_packfile_scratch **out,
                                                 firn_error *err);
void firn_packfile_scratch_destroy(struct firn_packfile_scratch *scratch);

FIRN_MUST_CHECK int firn_packfile_open(struct firn_os_dir *dir, const char *name,
                                       struct firn_packfile **out, firn_error *err);
void firn_packfile_close(struct firn_packfile *pack);
const struct firn_block_file_id *firn_packfile_id(const struct firn_packfile *pack);
uint64_t firn_packfile_count(const struct firn_packfile *pack);
uint64_t firn_packfile_size_bytes(const struct firn_packfile *pack);

/* Looks an object up in the pack's own table; FIRN_NOT_FOUND if it is not there. */
FIRN_MUST_CHECK int firn_packfile_find(struct firn_packfile *pack,
                                       struct firn_packfile_scratch *scratch, const firn_hash *hash,
                                       struct firn_packfile_location *out, firn_error *err);
/* The stored bytes of an object at a place that find, list or a catalog gave; borrowed from scratch until its next use.
 * The bytes are compared with hash (but for PIECES, whose list is only decoded and checked for form). FIRN_CORRUPT
 * names pack, frame offset and object. */
FIRN_MUST_CHECK int firn_packfile_read(struct firn_packfile *pack,
                                       struct firn_packfile_scratch *scratch, const firn_hash *hash,
                                       const struct firn_packfile_location *at, firn_slice *out,
                                       firn_error *err);
FIRN_MUST_CHECK int
firn_packfile_list(struct firn_packfile *pack, struct firn_packfile_scratch *scratch,
                   int (*visit)(void *ctx, const firn_hash *hash,
                                const struct firn_packfile_location *at, firn_error *err),
                   void *ctx, firn_error *err);
/* Reads and verifies every byte: body, table, each object's hash, the table against the frames' own lists. on_damage is
 * told each damaged part and the objects it takes along (hash may be NULL); FIRN_CORRUPT if there was any. */
FIRN_MUST_CHECK int
firn_packfile_verify(struct firn_packfile *pack, struct firn_packfile_scratch *scratch,
                     void (*on_damage)(void *ctx, const firn_hash *hash, const char *text),
                     void *ctx, firn_error *err);

/* ---- salvage (packfile_salvage.c) ---- */

/* Lists every object that can still be read from a pack whose object table, table of contents or footer is damaged:
 * content is handed over already verified against hash. */
FIRN_MUST_CHECK int firn_packfile_salvage(struct firn_os_dir *dir, const char *name,
                                          int (*visit)(void *ctx, const firn_hash *hash,
                                                       enum firn_packfile_kind kind,
                                                       firn_slice content, firn_error *err),
                                          void *ctx, firn_error *err);

#endif
