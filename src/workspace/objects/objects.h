/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects.h: the objects of all packs of a store, found through the object index (the
 * system keyspace "firn.objects"), and the session that adds a new pack.
 *
 * Packs are files packs/<number>.pack of the store's directory; "firn.packs" holds each one's
 * identity and size.
 */
#ifndef FIRN_OBJECTS_OBJECTS_H
#define FIRN_OBJECTS_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/buf.h"
#include "base/error.h"
#include "codec/cdc.h"
#include "codec/compress.h"
#include "os/os.h"
#include "pack/pack.h"
#include "store/db.h"
#include "threads/os_thread.h"
#include "tree/tree.h"

struct fi_objects;

/* db is borrowed; it may be read-only, and without any pack. Any thread may read. */
FIRN_MUST_CHECK int fi_objects_open(struct firn_db *db, struct fi_objects **out, firn_error *err);
void fi_objects_close(struct fi_objects *objects);
/* Bounds what is done with this store by the bytes that are read of it: it is not known as this
 * user's (objects_budget.c). All that reads objects may then fail with FIRN_LIMIT. Requires:
 * nothing was read yet. */
void fi_objects_budget_begin(struct fi_objects *objects);
/* The budget, to pay for what is done with objects besides reading them; NULL: no limit. */
struct fi_budget *fi_objects_budget(const struct fi_objects *objects);
/* Counts the stored bytes of an object as read. That it is missing, or its pack, is found when it
 * is read. Requires: there is a budget. */
FIRN_MUST_CHECK int fi_objects_budget_earn(struct fi_objects *objects, const firn_hash *hash,
                                           firn_error *err);
/* The size of all packs that are not retired, according to the list. */
uint64_t fi_objects_bytes(const struct fi_objects *objects);

/* Whether the file of every pack in the list exists, with the right size. */
FIRN_MUST_CHECK int fi_objects_are_present(struct fi_objects *objects, bool *out, firn_error *err);

/* Where an object is, according to the index. FIRN_NOT_FOUND. */
struct fi_objects_place {
    uint32_t pack;
    struct fi_pack_location at;
};
FIRN_MUST_CHECK int fi_objects_index_find(struct fi_objects *objects, const firn_hash *hash,
                                          struct fi_objects_place *out, firn_error *err);
FIRN_MUST_CHECK int fi_objects_contains(struct fi_objects *objects, const firn_hash *hash,
                                        bool *out, firn_error *err);

/* The stored bytes of an object that is not cut into pieces (a tree, a small blob), borrowed
 * from scratch until its next use. A missing object is FIRN_CORRUPT here: the caller holds a
 * reference to it. */
FIRN_MUST_CHECK int fi_objects_read(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                                    const firn_hash *hash, firn_slice *out, firn_error *err);

/* A file's content in order: data or, if data.data is NULL, data.size zero bytes of a hole. Every
 * piece is verified before sink gets it, and the whole after the last one. FIRN_CORRUPT also if the
 * content is not `size` bytes long. */
FIRN_MUST_CHECK int fi_objects_stream(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                                      const firn_hash *hash, uint64_t size,
                                      int (*sink)(void *ctx, uint64_t offset, firn_slice data,
                                                  firn_error *err),
                                      void *ctx, firn_error *err);

/* Which part of which content. Requires: offset <= size. */
struct fi_objects_part_of {
    firn_hash hash;
    uint64_t size; /* of the whole */
    uint64_t offset;
    uint64_t length; /* may reach beyond the end */
};
/* Passes on a part of a content in order, with offsets in the whole; data.data is NULL for a hole
 * of data.size bytes. Reads only the pieces that the part touches, each verified by its own name;
 * the name of the whole is not compared. */
FIRN_MUST_CHECK int fi_objects_part(struct fi_objects *objects, struct fi_pack_scratch *scratch,
                                    const struct fi_objects_part_of *of,
                                    int (*sink)(void *ctx, uint64_t offset, firn_slice data,
                                                firn_error *err),
                                    void *ctx, firn_error *err);

/* Called with the number of bytes done since the last call; a return other than FIRN_OK ends the
 * operation. */
typedef int fi_objects_tick(void *ctx, uint64_t bytes, firn_error *err);

/* Reads and verifies the same content. tick is called for about every MiB of work; content that is
 * named in many places counts once. */
FIRN_MUST_CHECK int fi_objects_stream_verify(struct fi_objects *objects,
                                             struct fi_pack_scratch *scratch, const firn_hash *hash,
                                             uint64_t size, fi_objects_tick *tick, void *ctx,
                                             firn_error *err);

/* Sets *out to all bytes of an object of at most FI_PACK_OBJECT_SIZE_MAX, however it is
 * stored. */
FIRN_MUST_CHECK int fi_objects_stream_whole(struct fi_objects *objects,
                                            struct fi_pack_scratch *scratch, const firn_hash *hash,
                                            struct fi_buf *out, firn_error *err);

/* Calls visit for each piece of an object that is stored in pieces (or cells:
 * pack/pack_cells.h); never for one that is stored whole. A piece may be stored in pieces
 * itself (objects_stream.c); these are not visited. visit must not use the scratch. */
FIRN_MUST_CHECK int fi_objects_read_pieces(
    struct fi_objects *objects, struct fi_pack_scratch *scratch, const firn_hash *hash,
    int (*visit)(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err),
    void *ctx, firn_error *err);

/* The level of an object that is a list of cells; -1 for any other object. */
FIRN_MUST_CHECK int fi_objects_cells_level(struct fi_objects *objects,
                                           struct fi_pack_scratch *scratch, const firn_hash *hash,
                                           int *out, firn_error *err);

/* The delta that the index has for an object; its frame is borrowed from scratch. */
FIRN_MUST_CHECK int fi_objects_read_delta(struct fi_objects *objects,
                                          struct fi_pack_scratch *scratch, const firn_hash *hash,
                                          struct fi_pack_delta *out, firn_error *err);

/* The source of all directory objects, for as long as objects lives. Any thread. */
const struct fi_tree_source *fi_objects_trees(const struct fi_objects *objects);
/* Frees the memory of the trees' pool that a single thread does not need. Any thread. */
void fi_objects_trees_trim(struct fi_objects *objects);

/* ---- adding: one session, one new pack (none if nothing is new) ---- */

/* An object to add. */
struct fi_objects_object {
    enum fi_pack_kind kind;
    firn_hash hash;
    firn_slice content;
    /* The name of an object that this may be a new version of; if the store has that object, it may
     * store a delta. NULL: none. */
    const firn_hash *base;
};

struct fi_objects_session;
struct fi_objects_session_lane;

/* level is that of codec/compress.h; FI_OBJECTS_SESSION_LEVEL for a save. */
enum { FI_OBJECTS_SESSION_LEVEL = FI_COMPRESS_LEVEL_QUICK };
FIRN_MUST_CHECK int fi_objects_session_begin(struct fi_objects *objects, int level,
                                             struct fi_objects_session **out, firn_error *err);
/* Records in the list of packs that the new one was compressed at this level, so that no collection
 * lowers the level. FI_OBJECTS_SESSION_LEVEL records nothing. */
void fi_objects_session_remember_level(struct fi_objects_session *session, int level);
/* The pack takes the place of others, which take up more: its entries count as deletes do on a full
 * disk. */
void fi_objects_session_free_space(struct fi_objects_session *session);
/* As fi_pack_writer_set_frame_size. */
void fi_objects_session_set_frame_size(struct fi_objects_session *session, size_t size);
/* Opens a lane; each thread needs its own. */
FIRN_MUST_CHECK int fi_objects_session_lane_open(struct fi_objects_session *session,
                                                 struct fi_objects_session_lane **out,
                                                 firn_error *err);
/* With `keep` the lane's open frame is written first. Frees the lane, also after a failure. */
FIRN_MUST_CHECK int fi_objects_session_lane_close(struct fi_objects_session_lane *lane, bool keep,
                                                  firn_error *err);
/* Whether the store or this session has the object. Any thread. */
FIRN_MUST_CHECK int fi_objects_session_contains(struct fi_objects_session *session,
                                                const firn_hash *hash, bool *out, firn_error *err);
/* Whether this session has added the object. Any thread. */
bool fi_objects_session_has_added(struct fi_objects_session *session, const firn_hash *hash);
/* Adds an object unless the store or the session has it (*out_is_new). */
FIRN_MUST_CHECK int fi_objects_session_lane_add(struct fi_objects_session_lane *lane,
                                                const struct fi_objects_object *object,
                                                bool *out_is_new, firn_error *err);
/* Adds an object that the store has in another pack, in the form in which it is stored there. The
 * new pack becomes its place. */
FIRN_MUST_CHECK int fi_objects_session_lane_move(struct fi_objects_session_lane *lane,
                                                 enum fi_pack_kind kind, const firn_hash *hash,
                                                 firn_slice content, firn_error *err);
/* Adds a whole frame of another pack, as lane_move does with each of its objects, without
 * compressing it again. Requires: the session has none of these objects. */
FIRN_MUST_CHECK int fi_objects_session_lane_copy(struct fi_objects_session_lane *lane,
                                                 const struct fi_pack_frame_object *objects,
                                                 size_t count, enum fi_codec codec,
                                                 firn_slice stored, uint32_t raw_size,
                                                 firn_error *err);
/* Notes that frames given to lane_copy may have lists of cells
 * (fi_pack_writer_note_cells). */
void fi_objects_session_note_cells(struct fi_objects_session *session);
/* Bytes in the pack's file so far. Any thread. */
uint64_t fi_objects_session_size_bytes(const struct fi_objects_session *session);
/* The number of new objects so far. Any thread. */
uint64_t fi_objects_session_object_count(const struct fi_objects_session *session);
/* Seals the pack, which is then durable, and enters it and its objects into the index, which is not
 * synced until a later commit with full durability. *out_added_bytes is the pack's size; 0 if there
 * is none. Requires: all lanes are closed. */
FIRN_MUST_CHECK int fi_objects_session_commit(struct fi_objects_session *session,
                                              uint64_t *out_added_bytes, firn_error *err);
/* Frees the session and drops what was not committed. NULL is fine. */
void fi_objects_session_end(struct fi_objects_session *session);

/* ---- taking in packs that come from elsewhere (objects_adoption.c) ---- */

struct fi_objects_adoption;

struct fi_objects_adoption_options {
    uint64_t bytes_max; /* how much may be decompressed and hashed in all */
    unsigned threads;   /* that verify packs; 1: the caller's; 0: one per processor */
    fi_objects_tick *tick;
    /* What became of a pack that was given to add under this number: FIRN_OK; FIRN_EXISTS: the
     * store has the pack, or all its objects in others, as with FIRN_OK; FIRN_CORRUPT, FIRN_LIMIT,
     * with `why`. After any other code the adoption may only be ended; the next writer removes a
     * file that no list names. A result other than FIRN_OK ends the call that is under way, which
     * may be that of a later pack, and is returned by it. */
    int (*added)(void *ctx, uint64_t number, int rc, const firn_error *why, firn_error *err);
    void *ctx; /* of both, which are called on the caller's thread */
};
FIRN_MUST_CHECK int fi_objects_adoption_begin(struct fi_objects *objects,
                                              const struct fi_objects_adoption_options *options,
                                              struct fi_objects_adoption **out, firn_error *err);
/* So much more may be decompressed and hashed. */
void fi_objects_adoption_allow(struct fi_objects_adoption *adoption, uint64_t bytes);
/* An empty file for the bytes of a pack; borrowed until add or end. */
FIRN_MUST_CHECK int fi_objects_adoption_file(struct fi_objects_adoption *adoption,
                                             struct fi_os_file **out, firn_error *err);
/* Verifies the pack in that file, which must have this identity, and takes it into the store; its
 * objects that are stored whole can be read then. That goes on after this has returned: `added`
 * hears the result at the latest from finish. number is the caller's. */
FIRN_MUST_CHECK int fi_objects_adoption_add(struct fi_objects_adoption *adoption,
                                            const struct fi_block_file_id *id, uint64_t number,
                                            firn_error *err);
/* If the store has the pack with that identity, and it is sound, the index gets what it lacks of
 * it, as if it had been added; otherwise *out_has is false, and it has to be added. number is the
 * caller's. */
FIRN_MUST_CHECK int fi_objects_adoption_again(struct fi_objects_adoption *adoption,
                                              const struct fi_block_file_id *id, uint64_t number,
                                              bool *out_has, firn_error *err);
/* Waits for all packs, and verifies their objects that need others. Then all can be read; they are
 * durable with the next commit that is. FIRN_CORRUPT: some are wrong or lack others; those are not
 * in the index, and the rest is. */
FIRN_MUST_CHECK int fi_objects_adoption_finish(struct fi_objects_adoption *adoption,
                                               firn_error *err);
/* NULL is fine. */
void fi_objects_adoption_end(struct fi_objects_adoption *adoption);

/* ---- taking away (objects_retire.c) ---- */

/* Retires packs, in one commit with full durability. The files stay for readers that were opened
 * before. Requires: no entry of the index names the packs, and none of their files is acquired. */
FIRN_MUST_CHECK int fi_objects_retire(struct fi_objects *objects, const uint32_t *numbers,
                                      size_t count, firn_error *err);
/* Counts of files. */
struct fi_objects_retire_result {
    uint64_t removed;
    uint64_t removed_bytes;
    uint64_t waiting; /* for open readers */
    uint64_t waiting_bytes;
};
/* Removes the files of retired packs that no reader can still need. The next operation that writes
 * tries again to remove files that have to wait. */
FIRN_MUST_CHECK int fi_objects_retire_collect(struct fi_objects *objects,
                                              struct fi_objects_retire_result *out,
                                              firn_error *err);

/* Removes what a crash or a failed save left: temporary files, and a pack that the list does not
 * name. Then collects retired packs. FIRN_CORRUPT, with nothing removed, if there are packs that no
 * crash can have left; FIRN_UNTRUSTED if the file of a pack in the list is not firn's own.
 * Requires: db is writable. */
FIRN_MUST_CHECK int fi_objects_leftovers_remove(struct fi_objects *objects, firn_error *err);
/* Checks for such packs as fi_objects_leftovers_remove does, and removes nothing. */
FIRN_MUST_CHECK int fi_objects_leftovers_check(struct fi_objects *objects, firn_error *err);

/* Versions of larger objects are not put next to each other (gc_versions.c): their deltas stay. */
enum { FI_OBJECTS_VERSION_SIZE_MAX = 256 << 10 };

/* The content of one large object, read by several threads. */

/* A file of this size or more is read by all threads. */
enum { FI_OBJECTS_SPREAD_SIZE_MIN = 16 << 20 };

/* The means for a reading; all borrowed. Requires: no other jobs use the pool meanwhile. */
struct fi_objects_spread {
    struct fi_objects *objects;
    struct fi_os_jobs *jobs;
    struct fi_pack_scratch **scratches; /* one for each of thread_count threads */
    unsigned thread_count;
    /* Called from any thread with the bytes read and passed on since the last call, to show
     * progress; a return other than FIRN_OK ends the reading. May be NULL. */
    int (*on_bytes)(void *ctx, uint64_t bytes, firn_error *err);
    void *ctx;
};

/* Runs work once for each thread, with its scratch, and waits until all have ended. Fails if not
 * all of them could be started. */
FIRN_MUST_CHECK int fi_objects_spread_run(const struct fi_objects_spread *spread,
                                          void (*work)(void *ctx, struct fi_pack_scratch *scratch),
                                          void *ctx, firn_error *err);

/* As fi_objects_stream, but sink is called from several threads, with pieces of the content in
 * any order. The content is verified only as a whole, when this returns FIRN_OK; until then the
 * pieces must not be relied on. Requires: the caller is not a job of the pool. */
FIRN_MUST_CHECK int
fi_objects_spread_read(const struct fi_objects_spread *spread, const firn_hash *hash, uint64_t size,
                       int (*sink)(void *ctx, uint64_t offset, firn_slice data, firn_error *err),
                       void *ctx, firn_error *err);

/* Where the objects of a scan go, and a place for directories in memory. */

struct fi_objects_object;

/* A receiver of objects. A lane belongs to one thread. */
struct fi_objects_sink {
    int (*lane_open)(void *ctx, void **out_lane, firn_error *err);
    /* Called for every lane at the end; flushes it when `keep`. */
    int (*lane_close)(void *ctx, void *lane, bool keep, firn_error *err);
    /* Whether adding this object would do nothing, which saves work. Any thread. Must be set if
     * wants_content. */
    int (*contains)(void *ctx, const firn_hash *hash, bool *out, firn_error *err);
    int (*add)(void *lane, const struct fi_objects_object *object, bool *out_is_new,
               firn_error *err);
    bool wants_content; /* false: file contents are hashed, add is called for directories only */
    /* By what large files are cut; must be set if wants_content. Borrowed. */
    const struct fi_cdc_table *cut_table;
    void *ctx;
};

/* A sink that keeps only directory objects, in memory, and a source that reads them back, or else
 * reads from `fallback` (may be NULL). */
struct fi_objects_treesink;
FIRN_MUST_CHECK int fi_objects_treesink_create(struct fi_os *os, struct fi_objects_treesink **out,
                                               firn_error *err);
void fi_objects_treesink_destroy(struct fi_objects_treesink *sink);
struct fi_objects_sink fi_objects_treesink_sink(struct fi_objects_treesink *sink);
/* Keeps a directory object, as the sink would. Any thread. */
FIRN_MUST_CHECK int fi_objects_treesink_hold(struct fi_objects_treesink *sink,
                                             const firn_hash *hash, firn_slice object,
                                             firn_error *err);
/* ctx is the treesink; the source is valid as long as the treesink is. */
struct fi_tree_source fi_objects_treesink_source(struct fi_objects_treesink *sink,
                                                 const struct fi_tree_source *fallback);

/* The bytes of the object index and the pack list (docs/formats/catalog.md).
 *
 *   "firn.objects":  32 bytes hash      → varint pack | varint frame | varint offset | varint size
 *                                        | u8 kind
 *   "firn.packs":    be32 number (from 1) → 16 bytes identity | le64 file size | le64 object count
 *                                        | in use, if compressed higher than by a save: u8 level
 *                                        | not in use: u8 state | le64 version */

#define FI_OBJECTS_INDEX_OBJECTS "firn.objects"
#define FI_OBJECTS_INDEX_PACKS "firn.packs"
#define FI_OBJECTS_INDEX_PACKS_DIR "packs"

enum {
    FI_OBJECTS_INDEX_PLACE_SIZE_MAX = 5 * 4 + 1,
    FI_OBJECTS_INDEX_PACK_KEY_SIZE = 4,
    FI_OBJECTS_INDEX_PACK_SIZE_MAX = 41,
    FI_OBJECTS_INDEX_LEVEL_MAX = 22,
    FI_OBJECTS_INDEX_PACK_NAME_SIZE = 16
};

/* As on disk, except for the first. */
enum fi_objects_index_pack_state {
    FI_OBJECTS_INDEX_PACK_USED = 0,
    FI_OBJECTS_INDEX_PACK_RETIRED = 1, /* nothing refers to it; older readers may still read it */
    FI_OBJECTS_INDEX_PACK_REMOVED = 2 /* its file is gone; kept because its number is the largest */
};

struct fi_objects_index_pack {
    uint32_t number;
    struct fi_block_file_id id;
    uint64_t size_bytes;
    uint64_t object_count;
    uint8_t level; /* in use: the zstd level of the whole pack; 0: that of a save */
    enum fi_objects_index_pack_state state;
    uint64_t version; /* RETIRED: readers from this MANIFEST on do not know it; 0: not set yet */
};

/* Writes at most FI_OBJECTS_INDEX_PLACE_SIZE_MAX bytes; returns how many. */
size_t fi_objects_index_encode_place(const struct fi_objects_place *place, uint8_t *out);
/* The key of an object. */
FIRN_MUST_CHECK int fi_objects_index_decode_hash(firn_slice key, firn_hash *out, firn_error *err);
FIRN_MUST_CHECK int fi_objects_index_decode_place(firn_slice bytes, struct fi_objects_place *out,
                                                  firn_error *err);

/* Writes FI_OBJECTS_INDEX_PACK_KEY_SIZE and at most FI_OBJECTS_INDEX_PACK_SIZE_MAX bytes;
 * returns the size of the value. */
size_t fi_objects_index_encode_pack(const struct fi_objects_index_pack *pack, uint8_t *out_key,
                                    uint8_t *out_value);
FIRN_MUST_CHECK int fi_objects_index_decode_pack(firn_slice key, firn_slice value,
                                                 struct fi_objects_index_pack *out,
                                                 firn_error *err);

/* "00000042.pack" */
void fi_objects_index_pack_name(uint32_t number, char *out);

/* ---- the packs of the store, for collecting, checking and repairing: one thread ---- */

size_t fi_objects_pack_count(const struct fi_objects *objects);
/* The i-th pack in use, by ascending numbers; borrowed until the list changes. */
const struct fi_objects_index_pack *fi_objects_pack_at(const struct fi_objects *objects, size_t i);
/* Whether its file existed, with the right size, when it was first needed. */
FIRN_MUST_CHECK int fi_objects_pack_is_present(struct fi_objects *objects, size_t i, bool *out,
                                               firn_error *err);
/* Whether the list has a pack of that number, in use or not. */
bool fi_objects_pack_is_listed(struct fi_objects *objects, uint32_t number);
/* The size of the files of packs that are no longer in use. */
uint64_t fi_objects_retired_bytes(const struct fi_objects *objects);
/* The index of objects; NULL if the store has none. */
struct firn_db_keyspace *fi_objects_index(const struct fi_objects *objects);
/* Whether the file of the i-th pack is encrypted as new ones are (fi_block_seal_is_current).
 * Requires: it is present. */
FIRN_MUST_CHECK int fi_objects_pack_is_current(struct fi_objects *objects, size_t i, bool *out,
                                               firn_error *err);
/* Opens (or finds open) a pack's file and keeps it open until release. */
FIRN_MUST_CHECK int fi_objects_pack_acquire(struct fi_objects *objects, uint32_t number,
                                            struct firn_pack **out, firn_error *err);
void fi_objects_pack_release(struct fi_objects *objects, uint32_t number);
/* The number of the next pack: one more than the largest number ever used. */
uint64_t fi_objects_retire_next(const struct fi_objects *objects);

#endif
