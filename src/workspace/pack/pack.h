/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/pack.h: a sealed block file of immutable objects, each named by the BLAKE3-256 of its
 * bytes (docs/formats/pack.md). pack_writer.c and pack_lane.c write, pack.c reads,
 * pack_verify.c verifies a whole pack, pack_salvage.c lists a pack whose tables are lost.
 * Content of any size goes through fi_pack_stream_*, below.
 *
 * Objects are in solid zstd frames of 512 KiB and more; each frame begins with a list of its
 * objects, so a pack can be listed even without its object table. The table is sorted by hash, in
 * pages with a fence index, and is read page by page: memory does not grow with the pack.
 */
#ifndef FIRN_PACK_PACK_H
#define FIRN_PACK_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reader.h"
#include "block/block_file.h"
#include "codec/compress.h"
#include "firn/types.h"
#include "os/os.h"
#include "threads/os_thread.h"

/* On disk. BLOB, TREE and RECORD are stored whole and read as they are; the distinction between
 * them is a hint for rebuilding a catalog. A PIECES object is a list of other objects and holes;
 * its name is the hash of their bytes, concatenated. A DELTA object says what to change in another
 * object to get the bytes that it is named by (below). */
enum fi_pack_kind {
    FI_PACK_BLOB = 1,
    FI_PACK_PIECES = 2,
    FI_PACK_TREE = 3,
    FI_PACK_RECORD = 4,
    FI_PACK_DELTA = 5
};

/* Whether objects of that kind are not named by their stored bytes; their frame gives the name. */
static inline bool
fi_pack_kind_is_named(enum fi_pack_kind kind)
{
    return kind == FI_PACK_PIECES || kind == FI_PACK_DELTA;
}

enum {
    /* The largest object that is stored in one piece; longer content becomes pieces. */
    FI_PACK_OBJECT_SIZE_MAX = 16 << 20,
    /* What one pack can hold (FIRN_LIMIT beyond): at least 512 GiB of content. */
    FI_PACK_FRAMES_MAX = 1 << 20,
    FI_PACK_OBJECTS_MAX = 1 << 26
};
/* The largest content that a list of pieces may stand for, holes included: 64 TiB. */
#define FI_PACK_TOTAL_SIZE_MAX (UINT64_C(1) << 46)

/* Where an object is inside its pack: what a catalog keeps. */
struct fi_pack_location {
    uint32_t frame;  /* number of the frame in the pack */
    uint32_t offset; /* of the object in the frame's contents (which follow its list) */
    uint32_t size;   /* of the stored bytes: of the list of PIECES, of the DELTA itself */
    enum fi_pack_kind kind;
};

/* ---- pieces ---- */

struct fi_pack_piece {
    uint64_t size;
    bool is_hole; /* zeros that were not allocated; hash is then unused */
    firn_hash hash;
};
/* Appends the encoding of a list: varint total size, then for each piece varint size << 1 | is_hole
 * and, unless it is a hole, its hash. FIRN_LIMIT beyond FI_PACK_TOTAL_SIZE_MAX;
 * FIRN_NO_MEMORY. Empty pieces, two holes in a row and pieces above FI_PACK_OBJECT_SIZE_MAX
 * are the caller's mistake: decode refuses them. */
FIRN_MUST_CHECK int fi_pack_pieces_encode(const struct fi_pack_piece *pieces, size_t count,
                                          struct fi_buf *out);
/* Checks a whole encoding (the sum of sizes included, no empty pieces, no two holes in a row) and
 * calls visit for each piece with its offset; FIRN_CORRUPT otherwise. visit may be NULL. */
FIRN_MUST_CHECK int fi_pack_pieces_decode(firn_slice encoded, uint64_t *out_total_size,
                                          int (*visit)(void *ctx, uint64_t offset,
                                                       const struct fi_pack_piece *piece,
                                                       firn_error *err),
                                          void *ctx, firn_error *err);
/* The same for callers that take the pieces one by one: checks the whole encoding; the caller then
 * calls next_piece on *out, which is borrowed from it, until next_piece returns false. */
FIRN_MUST_CHECK int fi_pack_pieces_open(firn_slice encoded, struct fi_reader *out,
                                        uint64_t *out_total_size, firn_error *err);
FIRN_MUST_CHECK bool fi_pack_pieces_next(struct fi_reader *reader, struct fi_pack_piece *out);
/* Whether the content of a list is so much larger than its different pieces that its name is not
 * computed (pack_thin.c). FIRN_CORRUPT, FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_pack_thin_assess(firn_slice list, bool *out, firn_error *err);

/* ---- writing (pack_writer.c) ---- */

struct firn_pack_writer;

/* A lane is how one thread adds to the pack: it fills frames of its own, so objects that one thread
 * adds in a row are next to each other. A writer can have any number of lanes. */
struct fi_pack_lane;

/* dir is borrowed until destroy. level is zstd's. As fi_block_writer_create; the pack appears
 * under its name when finish succeeds. */
FIRN_MUST_CHECK int fi_pack_writer_create(struct fi_os_dir *dir, const char *name, int level,
                                          struct firn_pack_writer **out, firn_error *err);
/* The same for a path that the user gave; the writer keeps the directory open. */
FIRN_MUST_CHECK int fi_pack_writer_create_path(struct fi_os *os, const char *path, int level,
                                               struct firn_pack_writer **out, firn_error *err);
/* Sets how many bytes of contents close a frame: from FI_PACK_FRAME_SIZE, the default, to
 * FI_PACK_FRAME_SIZE_MAX. Requires: no lane has been made yet. A larger frame keeps more
 * objects together, but a reader of any of them decodes all of it. */
enum { FI_PACK_FRAME_SIZE = 512 << 10, FI_PACK_FRAME_SIZE_MAX = 4 << 20 };
void fi_pack_writer_set_frame_size(struct firn_pack_writer *writer, size_t size);
/* As fi_block_writer_set_passing: for a pack that is read and removed. Requires: no lane has been
 * made yet. */
void fi_pack_writer_set_passing(struct firn_pack_writer *writer);
/* Notes that the pack may have lists of cells (pack_cells.h), because frames are copied into it
 * as they are stored. Lists that are added singly are noted by the lane itself. Any thread. */
void fi_pack_writer_note_cells(struct firn_pack_writer *writer);
const struct fi_block_file_id *fi_pack_writer_id(const struct firn_pack_writer *writer);
/* Whether an object of this name was added (by any lane). Any thread. */
bool fi_pack_writer_contains(struct firn_pack_writer *writer, const firn_hash *hash);
uint64_t fi_pack_writer_count(struct firn_pack_writer *writer);
/* Bytes in the file so far (frames still open in lanes not counted). Any thread. */
uint64_t fi_pack_writer_size_bytes(struct firn_pack_writer *writer);

FIRN_MUST_CHECK int fi_pack_lane_create(struct firn_pack_writer *writer, struct fi_pack_lane **out,
                                        firn_error *err);
void fi_pack_lane_destroy(struct fi_pack_lane *lane);
/* Adds an object whose name the caller has computed (debug builds check that the content matches,
 * release builds trust it). If the pack already has it, nothing is written and *out_is_new is
 * false. size ≤ FI_PACK_OBJECT_SIZE_MAX. */
FIRN_MUST_CHECK int fi_pack_lane_add(struct fi_pack_lane *lane, enum fi_pack_kind kind,
                                     const firn_hash *hash, firn_slice content, bool *out_is_new,
                                     firn_error *err);
/* Adds a whole frame as it is stored in another pack (fi_pack_walk_stored); objects are what
 * it lists, in its order, and the pack must have none of them. */
struct fi_pack_frame_object {
    firn_hash hash;
    struct fi_pack_location at; /* frame is not looked at */
};
FIRN_MUST_CHECK int fi_pack_lane_copy(struct fi_pack_lane *lane,
                                      const struct fi_pack_frame_object *objects, size_t count,
                                      enum fi_codec codec, firn_slice stored, uint32_t raw_size,
                                      firn_error *err);
/* Writes the lane's open frame. Must be called on every lane before finish. */
FIRN_MUST_CHECK int fi_pack_lane_flush(struct fi_pack_lane *lane, firn_error *err);

/* Adds content of any size (see below) without a lane of the caller's: takes one from
 * the writer's pool. Any thread. The outs may be NULL. */
FIRN_MUST_CHECK int fi_pack_writer_add(struct firn_pack_writer *writer, firn_slice content,
                                       firn_hash *out_hash, bool *out_is_new, firn_error *err);
FIRN_MUST_CHECK int fi_pack_writer_add_stream(struct firn_pack_writer *writer,
                                              int (*read)(void *ctx, void *buf, size_t size,
                                                          size_t *got, firn_error *err),
                                              void *ctx, firn_hash *out_hash, bool *out_is_new,
                                              uint64_t *out_size, firn_error *err);

/* Writes the object table, then seals the file: it is durable under its name when this returns.
 * out_file_size may be NULL. FIRN_INVALID for an empty pack, FIRN_EXISTS if the name is taken,
 * FIRN_MISUSE if a lane holds an open frame, FIRN_FAILED after an earlier failure. Requires: no
 * thread is adding. Afterwards, even if this failed, only list, contains, count and destroy may be
 * called. */
FIRN_MUST_CHECK int fi_pack_writer_finish(struct firn_pack_writer *writer, uint64_t *out_file_size,
                                          firn_error *err);
/* After finish: every object with its place, in hash order. */
FIRN_MUST_CHECK int fi_pack_writer_list(struct firn_pack_writer *writer,
                                        int (*visit)(void *ctx, const firn_hash *hash,
                                                     const struct fi_pack_location *at,
                                                     firn_error *err),
                                        void *ctx, firn_error *err);
/* Removes the file unless finished. Requires: no lanes are left. NULL is fine. */
void fi_pack_writer_destroy(struct firn_pack_writer *writer);

/* ---- reading (pack.c): any number of threads on one handle ---- */

struct firn_pack;

/* ---- what reading costs ---- */

uint32_t fi_pack_frame_count(const struct firn_pack *pack);
/* The bytes that the file has of a frame. Requires: frame < frame_count. */
uint64_t fi_pack_frame_size(const struct firn_pack *pack, uint32_t frame);

/* One thread's working memory for reading: a decompressor and the last few decoded frames of any
 * packs (bounded by frame_count_max frames, at least 1), and the last few pages of their tables. */
struct fi_pack_scratch;
FIRN_MUST_CHECK int fi_pack_scratch_create(unsigned frame_count_max, struct fi_pack_scratch **out,
                                           firn_error *err);
void fi_pack_scratch_destroy(struct fi_pack_scratch *scratch);
/* tick is called repeatedly while something long is read through the scratch (a pack verified, a
 * large content streamed). Any result but FIRN_OK ends that operation and is its result. NULL:
 * none. */
void fi_pack_scratch_set_tick(struct fi_pack_scratch *scratch,
                              int (*tick)(void *ctx, firn_error *err), void *ctx);
/* Calls the tick. */
FIRN_MUST_CHECK int fi_pack_scratch_tick(struct fi_pack_scratch *scratch, firn_error *err);
/* The bytes that were decompressed with a scratch. */
uint64_t fi_pack_scratch_decoded(const struct fi_pack_scratch *scratch);
/* For a tick: how many bytes of a pack the current verification has read; 0 if there is none. */
uint64_t fi_pack_scratch_verified(const struct fi_pack_scratch *scratch);
/* For fi_pack_verify. */
void fi_pack_scratch_set_verified(struct fi_pack_scratch *scratch, uint64_t bytes);

FIRN_MUST_CHECK int fi_pack_open(struct fi_os_dir *dir, const char *name, struct firn_pack **out,
                                 firn_error *err);
FIRN_MUST_CHECK int fi_pack_open_path(struct fi_os *os, const char *path, struct firn_pack **out,
                                      firn_error *err);
/* The same for a pack that a source gives (block/block_file.h), which is borrowed until close.
 * Nothing of it is known to be this user's: FIRN_CORRUPT also for tables that are larger in memory
 * than in the file, as firn writes none. */
FIRN_MUST_CHECK int fi_pack_open_source(struct fi_os *os, const struct fi_block_source *source,
                                        struct firn_pack **out, firn_error *err);
/* NULL is fine. */
void fi_pack_close(struct firn_pack *pack);
const struct fi_block_file_id *fi_pack_id(const struct firn_pack *pack);
const char *fi_pack_path(const struct firn_pack *pack); /* for messages */
uint64_t fi_pack_count(const struct firn_pack *pack);
/* Whether the pack says that it has lists of cells. */
bool fi_pack_has_cells(const struct firn_pack *pack);
uint64_t fi_pack_size_bytes(const struct firn_pack *pack);

/* Takes a scratch from the handle's own pool, for callers that have none; the pool makes as many as
 * are in use at once. Any thread. Must be given back before close. */
FIRN_MUST_CHECK int fi_pack_take_scratch(struct firn_pack *pack, struct fi_pack_scratch **out,
                                         firn_error *err);
void fi_pack_give_scratch(struct firn_pack *pack, struct fi_pack_scratch *scratch);

/* Looks an object up in the pack's own table; FIRN_NOT_FOUND if it is not there. */
FIRN_MUST_CHECK int fi_pack_find(struct firn_pack *pack, struct fi_pack_scratch *scratch,
                                 const firn_hash *hash, struct fi_pack_location *out,
                                 firn_error *err);
/* The stored bytes of an object at a place that find, list or a catalog gave; borrowed from scratch
 * until its next use. The bytes are compared with hash. (Lists of pieces and DELTA objects are not:
 * the frame's list must give the name, and their form is checked.) Nothing in `at` is trusted.
 * FIRN_CORRUPT names pack, frame offset and object. */
FIRN_MUST_CHECK int fi_pack_read(struct firn_pack *pack, struct fi_pack_scratch *scratch,
                                 const firn_hash *hash, const struct fi_pack_location *at,
                                 firn_slice *out, firn_error *err);
/* The same, but the bytes are not compared with the name: for callers that read the pieces of a
 * content and compare the whole. Until then only the blocks' checksums vouch for the bytes. */
FIRN_MUST_CHECK int fi_pack_read_piece(struct firn_pack *pack, struct fi_pack_scratch *scratch,
                                       const firn_hash *hash, const struct fi_pack_location *at,
                                       firn_slice *out, firn_error *err);
/* Adds to *err which object was being read when rc occurred. Returns rc. */
int fi_pack_object_failed(const firn_hash *hash, int rc, firn_error *err);
/* Visits every object, in hash order. Any result of visit but FIRN_OK ends the walk and is
 * returned. visit may use scratch. */
FIRN_MUST_CHECK int fi_pack_list(struct firn_pack *pack, struct fi_pack_scratch *scratch,
                                 int (*visit)(void *ctx, const firn_hash *hash,
                                              const struct fi_pack_location *at, firn_error *err),
                                 void *ctx, firn_error *err);
/* Reads and verifies every byte: body, tables, each object's hash, and the table against the
 * frames' own lists. A content is also verified as a whole if all its pieces, or its base, are in
 * this pack. on_damage (may be NULL) gets each damaged part (hash is NULL) and each object that
 * cannot be read (hash is its name), read errors of the disk included. The result is the code of
 * the first: FIRN_CORRUPT, FIRN_NEWER or FIRN_IO. If memory runs out, the verification ends. */
FIRN_MUST_CHECK int fi_pack_verify(struct firn_pack *pack, struct fi_pack_scratch *scratch,
                                   void (*on_damage)(void *ctx, const firn_hash *hash,
                                                     const char *text),
                                   void *ctx, firn_error *err);

/* The same up to the first damage, without objects that need others (contents in pieces, deltas):
 * of these only the stored bytes are verified. */
FIRN_MUST_CHECK int fi_pack_verify_stored(struct firn_pack *pack, struct fi_pack_scratch *scratch,
                                          firn_error *err);

/* The size of a frame as it is stored, and decoded: about what reading one of its objects costs. */
struct fi_pack_frame_size {
    uint32_t stored;
    uint32_t raw;
};
/* number < fi_pack_walk_count. */
struct fi_pack_frame_size fi_pack_frame_size_of(const struct firn_pack *pack, uint32_t number);

/* Where the file has a frame, with all that must be read for it. Not compared with the size of the
 * file before the frame is read. number < fi_pack_walk_count. */
struct fi_pack_span {
    uint64_t offset;
    uint64_t size;
};
struct fi_pack_span fi_pack_frame_span(const struct firn_pack *pack, uint32_t number);
/* The pages of the object table; if they do not lie one after the other, from the first in the file
 * to the last. */
struct fi_pack_span fi_pack_pages_span(const struct firn_pack *pack);

/* ---- walking ---- */

/* Frames are numbered from 0. */
uint32_t fi_pack_walk_count(const struct firn_pack *pack);
/* content is borrowed until visit returns; visit must not use the scratch. Any result but FIRN_OK
 * ends the walk and is returned. */
typedef int fi_pack_walk_visit(void *ctx, const firn_hash *hash, const struct fi_pack_location *at,
                               firn_slice content, firn_error *err);
/* Visits every object of one frame, in the order in which they are stored. The names are computed
 * from the contents (for PIECES and DELTA: given by the frame). If the frame is damaged, visit is
 * not called at all: FIRN_CORRUPT. number < fi_pack_walk_count. */
FIRN_MUST_CHECK int fi_pack_walk_frame(struct firn_pack *pack, struct fi_pack_scratch *scratch,
                                       uint32_t number, fi_pack_walk_visit *visit, void *ctx,
                                       firn_error *err);
/* Visits every delta, frame by frame; only frames that have one according to the object table are
 * decoded. A damaged frame ends the walk, after the visits of the frames before it. */
FIRN_MUST_CHECK int fi_pack_walk_deltas(struct firn_pack *pack, struct fi_pack_scratch *scratch,
                                        fi_pack_walk_visit *visit, void *ctx, firn_error *err);
/* Whether a frame has these objects and no other, as far as its size tells: in this order they fill
 * it without a gap, and another one, even an empty one, would make it larger. So who knows places
 * of objects need not decode a frame to know that they are all. number < fi_pack_walk_count. */
FIRN_MUST_CHECK bool fi_pack_walk_is_all(const struct firn_pack *pack, uint32_t number,
                                         const struct fi_pack_frame_object *objects, size_t count);
/* A frame as it is stored, compared with its block's checksum, for fi_pack_lane_copy; *out is
 * borrowed from buf. Its decoded content is verified by fi_pack_walk_frame. */
FIRN_MUST_CHECK int fi_pack_walk_stored(struct firn_pack *pack, uint32_t number, struct fi_buf *buf,
                                        enum fi_codec *out_codec, firn_slice *out,
                                        uint32_t *out_raw_size, firn_error *err);

/* ---- salvage (pack_salvage.c) ---- */

/* Lists every object that can still be read from a pack whose object table, table of contents or
 * footer is damaged, in the order of frames in the file: hash is computed from content. For PIECES
 * and DELTA, content is what is stored, with its form checked, and hash the name that the frame
 * gives. Any result of visit but FIRN_OK ends the walk and is returned. Otherwise as
 * fi_block_salvage. */
FIRN_MUST_CHECK int fi_pack_salvage(struct fi_os_dir *dir, const char *name,
                                    int (*visit)(void *ctx, const firn_hash *hash,
                                                 enum fi_pack_kind kind, firn_slice content,
                                                 firn_error *err),
                                    void *ctx, firn_error *err);

struct fi_pack_pool {
    unsigned frame_count_max; /* of each scratch */
    struct fi_os_mutex mutex;
    struct fi_pack_scratch *first; /* idle; under mutex */
};

void fi_pack_scratch_pool_init(struct fi_pack_pool *pool, struct fi_os *os,
                               unsigned frame_count_max);
/* Requires: all scratches have been given back. */
void fi_pack_scratch_pool_deinit(struct fi_pack_pool *pool);
/* The scratch that was given back last, or a new one. Like the rest, for any thread. */
FIRN_MUST_CHECK int fi_pack_scratch_pool_take(struct fi_pack_pool *pool,
                                              struct fi_pack_scratch **out, firn_error *err);
/* NULL is fine. */
void fi_pack_scratch_pool_give(struct fi_pack_pool *pool, struct fi_pack_scratch *scratch);
/* Frees idle scratches until at most count_max are left. */
void fi_pack_scratch_pool_trim(struct fi_pack_pool *pool, unsigned count_max);

/* Writes content of any size to a pack and reads it, in bounded memory. Up to 8 MiB it is one
 * object; larger content is cut into pieces of 1 MiB and a PIECES object that names them, all in
 * the same pack. The cutting does not affect its name, which is the BLAKE3 of the whole.
 *
 * (In a store, the pieces of a content, and deltas and their bases, can be in different packs;
 * workspace/ reads those. Here everything is in one pack.) */

enum {
    FI_PACK_STREAM_WHOLE_MAX = 8 << 20, /* the largest content that is stored in one piece */
    FI_PACK_STREAM_PIECE_SIZE = 1 << 20,
    /* Of lists that stand for pieces of other lists; more than firn ever makes: a piece has at
     * most 1 MiB, so a list for it has at most 2,048 entries of 36 bytes if holes are kept in units
     * of 512 bytes, and each level has one unit less than the one above. */
    FI_PACK_STREAM_INNER_DEPTH_MAX = 256,
    FI_PACK_STREAM_INNER_LIST_SIZE_MAX = 128 << 10
};

/* Fills at most size bytes of buf; *got is how many, and 0 only at the end of the content. */
typedef int fi_pack_stream_source(void *ctx, void *buf, size_t size, size_t *got, firn_error *err);

/* Adds content until read gives nothing more. The outs may be NULL. *out_is_new is false if the
 * pack had the whole already; FIRN_LIMIT beyond about 450 GiB, where the list of pieces would be
 * larger than an object may be. */
FIRN_MUST_CHECK int fi_pack_stream_add(struct fi_pack_lane *lane, fi_pack_stream_source *read,
                                       void *ctx, firn_hash *out_hash, bool *out_is_new,
                                       uint64_t *out_size, firn_error *err);
/* The same for content in memory; nothing is copied but into frames. */
FIRN_MUST_CHECK int fi_pack_stream_add_bytes(struct fi_pack_lane *lane, firn_slice content,
                                             firn_hash *out_hash, bool *out_is_new,
                                             firn_error *err);

/* The size of an object's content: what _read will deliver. FIRN_NOT_FOUND; FIRN_CORRUPT. */
FIRN_MUST_CHECK int fi_pack_stream_size(struct firn_pack *pack, struct fi_pack_scratch *scratch,
                                        const firn_hash *hash, uint64_t *out, firn_error *err);
/* Gives an object's content to sink in order (NULL: only verifies). Each piece is verified before
 * sink sees it, and the whole after the last one: if this fails, discard what sink got. Any result
 * of sink but FIRN_OK ends the reading and is returned. The slice is borrowed until sink returns;
 * sink must not use scratch. */
FIRN_MUST_CHECK int fi_pack_stream_read(struct firn_pack *pack, struct fi_pack_scratch *scratch,
                                        const firn_hash *hash,
                                        int (*sink)(void *ctx, firn_slice data, firn_error *err),
                                        void *ctx, firn_error *err);
/* The same without a sink. *out_is_elsewhere if it failed because a piece, or the base of a delta,
 * is not in this pack. */
FIRN_MUST_CHECK int fi_pack_stream_verify(struct firn_pack *pack, struct fi_pack_scratch *scratch,
                                          const firn_hash *hash, bool *out_is_elsewhere,
                                          firn_error *err);

/* An object stored as its differences from another one, its base. */

/* The bytes of a DELTA object, taken apart; frame is borrowed from them. */
struct fi_pack_delta {
    enum fi_pack_kind kind; /* what the object is: BLOB or TREE */
    firn_hash base;         /* the name of an object that is stored whole */
    uint32_t size;          /* of the object's own bytes, at least 1 */
    firn_slice frame;
};

/* FIRN_CORRUPT if it is not one. The frame itself is not decoded. */
FIRN_MUST_CHECK int fi_pack_delta_decode(firn_slice encoded, struct fi_pack_delta *out,
                                         firn_error *err);
/* Replaces the contents of out by the bytes of a DELTA object for content, given the bytes and the
 * name of its base; *out_fits is false if they would exceed size_max. Requires: neither content nor
 * base is empty, kind is BLOB or TREE. */
struct fi_pack_delta_base {
    firn_hash hash;
    firn_slice content;
};
FIRN_MUST_CHECK int fi_pack_delta_encode(struct fi_compress *compress,
                                         const struct fi_pack_delta_base *base,
                                         enum fi_pack_kind kind, firn_slice content,
                                         size_t size_max, struct fi_buf *out, bool *out_fits,
                                         firn_error *err);

/* Gives the stored bytes of a base, which may be borrowed from scratch, and its kind. */
typedef int fi_pack_delta_read_base(void *ctx, struct fi_pack_scratch *scratch,
                                    const firn_hash *base, enum fi_pack_kind *out_kind,
                                    firn_slice *out, firn_error *err);
/* The bytes of the object `hash` that is stored as a DELTA, compared with its name, and its own
 * kind; borrowed from scratch until its next use. stored may be borrowed from scratch, too.
 * FIRN_CORRUPT if they do not have that name, or the base is not stored whole. */
FIRN_MUST_CHECK int fi_pack_delta_read(struct fi_pack_scratch *scratch, const firn_hash *hash,
                                       firn_slice stored, fi_pack_delta_read_base *read_base,
                                       void *ctx, enum fi_pack_kind *out_kind, firn_slice *out,
                                       firn_error *err);

#endif
