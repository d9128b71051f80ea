/* SPDX-License-Identifier: Apache-2.0
 *
 * reclaim/reclaim_internal.h: what the steps of a garbage collection share (the steps are in
 * reclaim.c).
 */
#ifndef FIRN_RECLAIM_RECLAIM_INTERNAL_H
#define FIRN_RECLAIM_RECLAIM_INTERNAL_H

#include "catalog/catalog.h"
#include "objects/objects.h"
#include "reclaim/reclaim.h"

/* One small entry for each object of the index, with marks: what a garbage collection holds in
 * memory. */

struct fi_reclaim_table;

/* Reads the whole index. Afterwards objects may be deleted from the index or get new places in it,
 * but none may be added. */
FIRN_MUST_CHECK int fi_reclaim_table_create(struct fi_objects *objects,
                                            struct fi_reclaim_table **out, firn_error *err);
void fi_reclaim_table_destroy(struct fi_reclaim_table *table);

size_t fi_reclaim_table_count(const struct fi_reclaim_table *table);
/* The number of an object, counted in hash order from 0; false if the index did not have the
 * object. */
bool fi_reclaim_table_find(const struct fi_reclaim_table *table, const firn_hash *hash,
                           size_t *out_number);
enum fi_packfile_kind fi_reclaim_table_kind(const struct fi_reclaim_table *table, size_t number);

enum fi_reclaim_mark {
    FI_RECLAIM_MARK_LIVE = 0x08,
    FI_RECLAIM_MARK_TREE_WALKED = 0x10,  /* everything that it names as a directory is marked */
    FI_RECLAIM_MARK_PIECES_WALKED = 0x20 /* likewise as a list of pieces */
};
bool fi_reclaim_table_has(const struct fi_reclaim_table *table, size_t number,
                          enum fi_reclaim_mark mark);
/* Returns whether it had the mark before. */
bool fi_reclaim_table_mark(struct fi_reclaim_table *table, size_t number,
                           enum fi_reclaim_mark mark);

/* Of packs that live objects are moved to. Versions of one file are next to each other there, so
 * larger frames than those of a save pay off (reclaim_move.c). */
enum { FI_RECLAIM_FRAME_SIZE = 2 << 20 };

enum fi_reclaim_fate {
    FI_RECLAIM_KEEP,
    FI_RECLAIM_DROP,   /* it has no live objects */
    FI_RECLAIM_REWRITE /* its live objects move to a new pack */
};

/* One pack of the list. */
struct fi_reclaim_pack {
    uint32_t number;
    bool is_present;
    enum fi_reclaim_fate fate;
    bool is_joined; /* it is rewritten because it is small, and not the only one */
    int level;      /* at which it was compressed */
    int target;     /* and will be if it is rewritten; not below `level` */
    uint64_t size_bytes;
    uint64_t object_count;
    uint64_t live_count; /* of live objects that the index has here, … */
    uint64_t live_bytes; /* and their sizes before compression */
    uint64_t dead_bytes;
    uint64_t dead_count;
    uint64_t dead_stored;      /* about how much of the file is dead */
    bool has_forgotten;        /* a dead object in it is forgotten (catalog.h) */
    struct fi_buf live_frames; /* a bit for each frame that holds something alive */
    struct fi_buf dead_frames; /* likewise: that the index has something dead in */
    struct fi_buf dead_sizes;  /* le32 each: bytes of it that are dead, before compression */
    uint64_t moved;            /* of the live ones, so far */
    uint64_t swept;            /* of the dead ones, by slices so far (reclaim_auto.c) */
};

/* Bounds of memory, and of the space that is needed beside the store. */
struct fi_reclaim_limits {
    uint64_t pack_objects;    /* a new pack is finished after the frame that reaches it */
    uint64_t pack_bytes;      /* likewise */
    uint64_t give_back_bytes; /* of packs that were left empty: reason enough to retire them */
    /* Of an automatic collection (reclaim_auto.c): */
    uint64_t due_bytes;     /* less is not worth it; 0: any number is */
    uint64_t slice_bytes;   /* of frames that are moved in one slice (reclaim_auto.c) */
    uint64_t slice_objects; /* that are moved or swept in one slice */
    int64_t pause_ns;       /* between two */
    int64_t patience_ns;    /* with another writer */
};

/* A live object that is stored as a delta whose base is not to be kept. */
struct fi_reclaim_delta {
    firn_hash hash;
    firn_hash base;
};

struct fi_reclaim {
    struct firn_ws *ws;
    struct fi_ws_opened *opened;
    const firn_workspace_gc_options *options;
    const struct fi_reclaim_limits *limits;
    firn_workspace_gc_result *result;
    struct fi_packfile_scratch *scratch;
    struct fi_reclaim_table *table; /* NULL: it is not known which objects are alive */
    struct fi_reclaim_pack *packs;  /* ascending by number */
    size_t pack_count;
    bool is_short_of_space; /* packs are moved one at a time, with what the store has in reserve */
    struct fi_hash_map forgotten; /* objects that must leave the packs (catalog.h) */
    struct fi_buf leaning;        /* of struct fi_reclaim_delta */
    struct fi_buf expired;        /* of a dry run: ids of checkpoints that would have gone */
    int64_t ended_before_ns; /* checkpoints that were deleted before are not needed; 0: all are */
    int64_t progress_due_ns;
};

/* fi_reclaim with the given limits. */
FIRN_MUST_CHECK int fi_reclaim_limited(struct firn_ws *ws, const firn_workspace_gc_options *options,
                                       const struct fi_reclaim_limits *limits,
                                       firn_workspace_gc_result *out, firn_error *err);

/* Reports progress; call it often. FIRN_CANCELLED. */
FIRN_MUST_CHECK int fi_reclaim_report_progress(struct fi_reclaim *gc, const char *phase,
                                               uint64_t objects_done, firn_error *err);
/* The same, for callers that have done much since the last call. */
FIRN_MUST_CHECK int fi_reclaim_report_progress_now(struct fi_reclaim *gc, const char *phase,
                                                   uint64_t objects_done, firn_error *err);
/* Reports damage that does not end a collection. */
void fi_reclaim_report_damage(struct fi_reclaim *gc, const char *text);

/* Marks in gc->table all objects that a checkpoint of any workspace needs. FIRN_CORRUPT and the
 * like if that cannot be determined with certainty. reclaim_mark.c. */
FIRN_MUST_CHECK int fi_reclaim_mark(struct fi_reclaim *gc, firn_error *err);

/* Counts the live and dead objects of each pack and decides what to do with it. reclaim_plan.c. */
FIRN_MUST_CHECK int fi_reclaim_plan(struct fi_reclaim *gc, firn_error *err);
/* Whether a set of frames, a bit for each, has one. */
static inline bool
fi_reclaim_has_frame(const struct fi_buf *frames, uint32_t frame)
{
    size_t byte = frame / 8;
    return byte < frames->size && (frames->data[byte] >> (frame % 8) & 1) != 0;
}
void fi_reclaim_plan_release(struct fi_reclaim *gc);
/* Deletes the index entries of dead objects in packs that are about to go. */
FIRN_MUST_CHECK int fi_reclaim_plan_sweep(struct fi_reclaim *gc, firn_error *err);

/* Whether a failure is the fault of a pack, not of the machine. */
static inline bool
fi_reclaim_is_finding(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_IO || rc == FIRN_NOT_FOUND;
}
/* Moves live objects out of packs that are to be rewritten, and retires these packs. */
FIRN_MUST_CHECK int fi_reclaim_move(struct fi_reclaim *gc, firn_error *err);

/* Some frames of a pack that is to be rewritten, for fi_reclaim_move_parts. */
struct fi_reclaim_part {
    struct fi_reclaim_pack *pack;
    uint32_t first;
    uint32_t end;    /* after the last */
    bool is_damaged; /* out: damage was reported; what is left stays */
};
/* Moves the live objects in parts of packs into one new pack, durably, and counts them in each
 * pack. Nothing is retired. Requires: all packs have the same target level. */
FIRN_MUST_CHECK int fi_reclaim_move_parts(struct fi_reclaim *gc, struct fi_reclaim_part *parts,
                                          size_t count, firn_error *err);

/* ---- an automatic collection ---- */

/* fi_reclaim with options->automatic. reclaim_auto.c. */
FIRN_MUST_CHECK int fi_reclaim_auto(struct firn_ws *ws, const firn_workspace_gc_options *options,
                                    const struct fi_reclaim_limits *limits,
                                    firn_workspace_gc_result *out, firn_error *err);

/* Deletes dead directories from the stat cache. reclaim_steps.c. */
FIRN_MUST_CHECK int fi_reclaim_steps_sweep_stat(struct fi_reclaim *gc, firn_error *err);
/* Removes the files of retired packs that no reader needs, and reports the others.
 * reclaim_steps.c. */
FIRN_MUST_CHECK int fi_reclaim_steps_collect(struct fi_reclaim *gc, firn_error *err);
/* Measures what is left. reclaim_steps.c. */
FIRN_MUST_CHECK int fi_reclaim_steps_measure(struct fi_reclaim *gc, firn_error *err);
/* Retires packs and removes the files that no reader needs. reclaim_steps.c. */
FIRN_MUST_CHECK int fi_reclaim_steps_retire(struct fi_reclaim *gc, const uint32_t *numbers,
                                            size_t count, firn_error *err);

/* Whether the index has a live object at exactly this place of a pack, and whether it has it in
 * that pack at all; the next entry for the same hash may lead to another one. */
FIRN_MUST_CHECK int fi_reclaim_wants(struct fi_reclaim *gc, uint32_t pack, const firn_hash *hash,
                                     const struct fi_packfile_location *at, bool *out,
                                     bool *out_is_here, firn_error *err);

/* ---- versions of one file, brought together: reclaim_versions.c ---- */

struct fi_reclaim_versions;
/* Notes the deltas that will move, in packs whose fate is REWRITE; none if the live objects are
 * known. A delta that cannot be read is left to the move, which reports it. gc is borrowed. */
FIRN_MUST_CHECK int fi_reclaim_versions_create(struct fi_reclaim *gc,
                                               struct fi_reclaim_versions **out, firn_error *err);
/* NULL is fine. */
void fi_reclaim_versions_destroy(struct fi_reclaim_versions *versions);
/* Whether a delta based on the object was noted. */
bool fi_reclaim_versions_has(const struct fi_reclaim_versions *versions, const firn_hash *base);
/* Requires: an object was just moved whole. Puts the noted deltas that are based on it next to it,
 * whole. Failures here are not the fault of an old pack. */
FIRN_MUST_CHECK int fi_reclaim_versions_place(struct fi_reclaim_versions *versions,
                                              const firn_hash *base, enum fi_packfile_kind kind,
                                              firn_slice content,
                                              struct fi_objects_session_lane *lane,
                                              firn_error *err);

#endif
