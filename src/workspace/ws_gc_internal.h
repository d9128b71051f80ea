/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_gc_internal.h: what the steps of a collection of garbage share (ws_gc.c says what
 * they are).
 */
#ifndef FIRN_WORKSPACE_WS_GC_INTERNAL_H
#define FIRN_WORKSPACE_WS_GC_INTERNAL_H

#include "workspace/ws_gc_table.h"
#include "workspace/ws_internal.h"
#include "workspace/ws_objects_internal.h"
#include "workspace/ws_purge.h"

/* Of contents, in packs that others are moved to. Versions of one thing lie side by side there, so
 * larger frames than those of a save pay (ws_gc_versions.c). */
enum { FIRN_WS_GC_FRAME_SIZE = 2 << 20 };

enum firn_ws_gc_fate {
    FIRN_WS_GC_KEEP,
    FIRN_WS_GC_DROP,   /* nothing in it is alive */
    FIRN_WS_GC_REWRITE /* what is alive in it moves to a new pack */
};

/* One pack of the list. */
struct firn_ws_gc_pack {
    uint32_t number;
    bool is_present;
    enum firn_ws_gc_fate fate;
    int level;  /* by which it was compressed */
    int target; /* and is to be, if it is rewritten; not below that */
    uint64_t size_bytes;
    uint64_t object_count;
    uint64_t live_count; /* objects that the index has here, … */
    uint64_t live_bytes; /* and their sizes before compression */
    uint64_t dead_bytes;
    uint64_t dead_count;
    uint64_t dead_stored;        /* about how much of the file is dead */
    bool has_forgotten;          /* something that is dead and forgotten (ws_purge.h) */
    struct firn_buf live_frames; /* a bit for each frame that holds something alive */
    struct firn_buf dead_frames; /* likewise: that the index has something dead in */
    struct firn_buf dead_sizes;  /* le32 each: bytes of it that are dead, before compression */
    uint64_t moved;              /* of the live ones, so far */
    uint64_t forgotten;          /* of the dead ones, by slices so far (ws_gc_slice.c) */
};

/* What bounds memory, and the room that is needed beside the store. */
struct firn_ws_gc_limits {
    uint64_t pack_objects;    /* a new pack is finished behind the frame that reaches it */
    uint64_t pack_bytes;      /* likewise */
    uint64_t give_back_bytes; /* of packs that were left empty: reason enough to retire them */
    /* Of an automatic collection (ws_gc_auto.c): */
    uint64_t due_bytes;     /* less is not worth it; 0: whatever there is */
    uint64_t slice_bytes;   /* of frames that are moved in one slice (ws_gc_slice.c) */
    uint64_t slice_objects; /* that are moved or forgotten in one slice */
    int64_t pause_ns;       /* between two */
    int64_t patience_ns;    /* with another writer */
};

/* What is alive, and stored as a change of what is not to be kept. */
struct firn_ws_gc_delta {
    firn_hash hash;
    firn_hash base;
};

struct firn_ws_gc {
    struct firn_ws *ws;
    struct firn_ws_opened *opened;
    const firn_gc_options *options;
    const struct firn_ws_gc_limits *limits;
    firn_gc_result *result;
    struct firn_packfile_scratch *scratch;
    struct firn_ws_gc_table *table; /* NULL: what is alive is not known */
    struct firn_ws_gc_pack *packs;  /* ascending by number */
    size_t pack_count;
    struct firn_hash_map forgotten; /* what is to be purged (ws_purge.h) */
    struct firn_buf leaning;        /* of struct firn_ws_gc_delta */
    struct firn_buf expired;        /* of a dry run: ids of checkpoints that would have gone */
    int64_t progress_due_ns;
};

/* firn_ws_gc with other limits than its own. */
FIRN_MUST_CHECK int firn_ws_gc_limited(struct firn_ws *ws, const firn_gc_options *options,
                                       const struct firn_ws_gc_limits *limits, firn_gc_result *out,
                                       firn_error *err);

/* To be called often. FIRN_CANCELLED. */
FIRN_MUST_CHECK int firn_ws_gc_progress(struct firn_ws_gc *gc, const char *phase,
                                        uint64_t objects_done, firn_error *err);
/* The same, for who has done much since the last time. */
FIRN_MUST_CHECK int firn_ws_gc_progress_now(struct firn_ws_gc *gc, const char *phase,
                                            uint64_t objects_done, firn_error *err);
/* Tells of damage that a collection goes on behind. */
void firn_ws_gc_tell(struct firn_ws_gc *gc, const char *text);

/* Marks in gc->table whatever a checkpoint of any workspace needs. FIRN_CORRUPT and the like if
 * that cannot be known for sure. ws_gc_mark.c. */
FIRN_MUST_CHECK int firn_ws_gc_mark(struct firn_ws_gc *gc, firn_error *err);

/* Stores anew, whole, what leans on something forgotten. ws_gc_purge.c. */
FIRN_MUST_CHECK int firn_ws_gc_purge_make_whole(struct firn_ws_gc *gc, firn_error *err);

/* Counts what lies where and decides what becomes of each pack. ws_gc_plan.c. */
FIRN_MUST_CHECK int firn_ws_gc_plan(struct firn_ws_gc *gc, firn_error *err);
/* The level by which a pack was compressed. */
int firn_ws_gc_plan_level(const struct firn_ws_index_pack *entry);
bool firn_ws_gc_plan_needs_frame(const struct firn_ws_gc_pack *pack, uint32_t frame);
bool firn_ws_gc_plan_has_dead_frame(const struct firn_ws_gc_pack *pack, uint32_t frame);
void firn_ws_gc_plan_release(struct firn_ws_gc *gc);
/* Deletes the entries of the index that lead to dead objects in packs that are going. */
FIRN_MUST_CHECK int firn_ws_gc_plan_forget(struct firn_ws_gc *gc, firn_error *err);

/* Whether the index has an object alive at just this place of a pack, and whether it has it in that
 * pack at all; the next entry for the same hash may lead to another one. ws_gc_move.c. */
FIRN_MUST_CHECK int firn_ws_gc_move_wants(struct firn_ws_gc *gc, uint32_t pack,
                                          const firn_hash *hash,
                                          const struct firn_packfile_location *at, bool *out,
                                          bool *out_is_here, firn_error *err);
/* Failures that lie in a pack and not in the machine. */
bool firn_ws_gc_move_is_finding(int rc);
/* Moves what is alive out of packs that are to be rewritten, and retires them. */
FIRN_MUST_CHECK int firn_ws_gc_move(struct firn_ws_gc *gc, firn_error *err);

/* Some frames of a pack that is to be rewritten, for firn_ws_gc_move_parts. */
struct firn_ws_gc_part {
    struct firn_ws_gc_pack *pack;
    uint32_t first;
    uint32_t end;    /* behind the last */
    bool is_damaged; /* out: it was told, and what is left stays */
};
/* Moves what is alive in parts of packs, which are to be of one level, into one new pack, durably,
 * and counts it in each pack. Nothing is retired. */
FIRN_MUST_CHECK int firn_ws_gc_move_parts(struct firn_ws_gc *gc, struct firn_ws_gc_part *parts,
                                          size_t count, firn_error *err);

/* ---- an automatic collection ---- */

/* firn_ws_gc with options->automatic. ws_gc_auto.c. */
FIRN_MUST_CHECK int firn_ws_gc_auto(struct firn_ws *ws, const firn_gc_options *options,
                                    const struct firn_ws_gc_limits *limits, firn_gc_result *out,
                                    firn_error *err);
/* How far the slices have come. */
struct firn_ws_gc_place {
    size_t pack; /* of gc->packs */
    uint32_t frame;
};
/* Goes on to the next pack that is to go; false if there is none left. ws_gc_slice.c. */
bool firn_ws_gc_slice_seek(const struct firn_ws_gc *gc, struct firn_ws_gc_place *at);
/* One slice from there. The store is open for writing, is what it was when it was marked but for
 * slices since, and its stat cache was swept. */
FIRN_MUST_CHECK int firn_ws_gc_slice(struct firn_ws_gc *gc, struct firn_ws_gc_place *at,
                                     firn_error *err);

/* The stat cache loses directories that are not alive. ws_gc.c. */
FIRN_MUST_CHECK int firn_ws_gc_sweep_stat(struct firn_ws_gc *gc, firn_error *err);
/* Removes the files of retired packs that can go by now, and says which cannot. ws_gc.c. */
FIRN_MUST_CHECK int firn_ws_gc_collect(struct firn_ws_gc *gc, firn_error *err);
/* What is left. ws_gc.c. */
FIRN_MUST_CHECK int firn_ws_gc_measure(struct firn_ws_gc *gc, firn_error *err);
/* Retires packs and removes what files can go by now. ws_gc.c. */
FIRN_MUST_CHECK int firn_ws_gc_retire(struct firn_ws_gc *gc, const uint32_t *numbers, size_t count,
                                      firn_error *err);

#endif
