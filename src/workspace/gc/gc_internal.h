/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_internal.h: what the steps of a garbage collection share (the steps are in
 * gc.c).
 */
#ifndef FIRN_GC_GC_INTERNAL_H
#define FIRN_GC_GC_INTERNAL_H

#include "catalog/catalog.h"
#include "gc/gc.h"
#include "objects/objects.h"

/* One small entry for each object of the index, with marks: what a garbage collection holds in
 * memory. */

struct fi_gc_table;

/* Reads the whole index. Afterwards objects may be deleted from the index or get new places in it,
 * but none may be added. */
FIRN_MUST_CHECK int fi_gc_table_create(struct fi_objects *objects, struct fi_gc_table **out,
                                       firn_error *err);
void fi_gc_table_destroy(struct fi_gc_table *table);

size_t fi_gc_table_count(const struct fi_gc_table *table);
/* The number of an object, counted in hash order from 0; false if the index did not have the
 * object. */
bool fi_gc_table_find(const struct fi_gc_table *table, const firn_hash *hash, size_t *out_number);
enum fi_pack_kind fi_gc_table_kind(const struct fi_gc_table *table, size_t number);

enum fi_gc_mark {
    FI_GC_MARK_LIVE = 0x08,
    FI_GC_MARK_TREE_WALKED = 0x10,  /* everything that it names as a directory is marked */
    FI_GC_MARK_PIECES_WALKED = 0x20 /* likewise as a list of pieces */
};
bool fi_gc_table_has(const struct fi_gc_table *table, size_t number, enum fi_gc_mark mark);
/* Returns whether it had the mark before. */
bool fi_gc_table_mark(struct fi_gc_table *table, size_t number, enum fi_gc_mark mark);

/* Of packs that live objects are moved to. Versions of one file are next to each other there, so
 * larger frames than those of a save pay off (gc_move.c). */
enum { FI_GC_FRAME_SIZE = 2 << 20 };

/* The name under which each object was met first: gc_names.c. */

struct fi_gc_names;
FIRN_MUST_CHECK int fi_gc_names_create(size_t object_count, struct fi_gc_names **out,
                                       firn_error *err);
/* NULL is fine. */
void fi_gc_names_destroy(struct fi_gc_names *names);
/* Notes the name of an object that has none; objects are numbered as in the table. */
FIRN_MUST_CHECK int fi_gc_names_note(struct fi_gc_names *names, size_t object, firn_slice name,
                                     bool is_tree, firn_error *err);
/* Counts the bytes of an object for its name. */
void fi_gc_names_count(struct fi_gc_names *names, size_t object, uint64_t bytes);

enum fi_gc_fate {
    FI_GC_KEEP,
    FI_GC_DROP,   /* it has no live objects */
    FI_GC_REWRITE /* its live objects move to a new pack */
};

/* One pack of the list. One that is rewritten is present and has something alive. */
struct fi_gc_pack {
    uint32_t number;
    bool is_present;
    bool is_outdated; /* it is to be written with the newest master key (gc_rekey.c) */
    enum fi_gc_fate fate;
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
    uint64_t swept;            /* of the dead ones, by slices so far (gc_slice.c) */
};

/* Whether live objects of the pack are moved to a new one of that level. */
static inline bool
fi_gc_moves_to(const struct fi_gc_pack *pack, int level)
{
    return pack->fate == FI_GC_REWRITE && pack->target == level;
}

/* Bounds of memory, and of the space that is needed beside the store. */
struct fi_gc_limits {
    uint64_t pack_objects;    /* a new pack is finished after the frame that reaches it */
    uint64_t pack_bytes;      /* likewise */
    uint64_t give_back_bytes; /* of packs that were left empty: reason enough to retire them */
    uint64_t share_bytes;     /* of objects that are placed by name at a time (gc_names.c) */
    /* Of an automatic collection (gc_auto.c): */
    uint64_t due_bytes;     /* less is not worth it; 0: any number is */
    uint64_t slice_bytes;   /* of frames that are moved in one slice (gc_slice.c) */
    uint64_t slice_objects; /* that are moved or swept in one slice */
    int64_t pause_ns;       /* between two */
    int64_t patience_ns;    /* with another writer */
};

/* A live object that is stored as a delta whose base is not to be kept. */
struct fi_gc_delta {
    firn_hash hash;
    firn_hash base;
};

struct fi_gc {
    struct firn_ws *ws;
    struct fi_ws_opened *opened;
    const firn_workspace_gc_options *options;
    const struct fi_gc_limits *limits;
    firn_workspace_gc_result *result;
    struct fi_pack_scratch *scratch;
    struct fi_gc_table *table; /* NULL: it is not known which objects are alive */
    struct fi_gc_names *names; /* NULL: nothing is placed by names */
    struct fi_gc_pack *packs;  /* ascending by number */
    size_t pack_count;
    bool is_short_of_space; /* packs are moved one at a time, with what the store has in reserve */
    struct fi_hash_map forgotten; /* objects that must leave the packs (catalog.h) */
    struct fi_buf leaning;        /* of struct fi_gc_delta */
    struct fi_buf expired;        /* of a dry run: ids of checkpoints that would have gone */
    int64_t ended_before_ns; /* checkpoints that were deleted before are not needed; 0: all are */
    int64_t progress_due_ns;
};

/* fi_gc with the given limits. */
FIRN_MUST_CHECK int fi_gc_limited(struct firn_ws *ws, const firn_workspace_gc_options *options,
                                  const struct fi_gc_limits *limits, firn_workspace_gc_result *out,
                                  firn_error *err);

/* Reports progress; call it often. FIRN_CANCELLED. */
FIRN_MUST_CHECK int fi_gc_report_progress(struct fi_gc *gc, const char *phase,
                                          uint64_t objects_done, firn_error *err);
/* The same, for callers that have done much since the last call. */
FIRN_MUST_CHECK int fi_gc_report_progress_now(struct fi_gc *gc, const char *phase,
                                              uint64_t objects_done, firn_error *err);
/* The same, while objects are moved. */
FIRN_MUST_CHECK int fi_gc_report_moved(struct fi_gc *gc, uint64_t objects_done, firn_error *err);
/* Reports damage that does not end a collection. */
void fi_gc_report_damage(struct fi_gc *gc, const char *text);

/* Marks in gc->table all objects that a checkpoint of any workspace needs. FIRN_CORRUPT and the
 * like if that cannot be determined with certainty. gc_mark.c. */
FIRN_MUST_CHECK int fi_gc_mark(struct fi_gc *gc, firn_error *err);

/* Counts the live and dead objects of each pack and decides what to do with it. gc_plan.c. */
FIRN_MUST_CHECK int fi_gc_plan(struct fi_gc *gc, firn_error *err);
/* Whether a set of frames, a bit for each, has one. */
static inline bool
fi_gc_has_frame(const struct fi_buf *frames, uint32_t frame)
{
    size_t byte = frame / 8;
    return byte < frames->size && (frames->data[byte] >> (frame % 8) & 1) != 0;
}
void fi_gc_plan_release(struct fi_gc *gc);
/* Deletes the index entries of dead objects in packs that are about to go. */
FIRN_MUST_CHECK int fi_gc_plan_sweep(struct fi_gc *gc, firn_error *err);

/* Whether a failure is the fault of a pack, not of the machine. */
static inline bool
fi_gc_is_finding(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_IO || rc == FIRN_NOT_FOUND;
}
/* Moves live objects out of packs that are to be rewritten, and retires these packs. */
FIRN_MUST_CHECK int fi_gc_move(struct fi_gc *gc, firn_error *err);

/* Whether live objects with so many bytes, before compression, should be placed by their names; not
 * if there are too many for that. */
bool fi_gc_names_pays(const struct fi_gc *gc, uint64_t bytes);
/* Adds the live objects that move to that level, and have so many bytes, to a new pack in the order
 * of their names, as far as they have one and can be read. They must be moved afterwards as if
 * nothing had happened: what the pack has is not added again. Requires: fi_gc_names_pays. */
FIRN_MUST_CHECK int fi_gc_names_place(struct fi_gc *gc, int level, uint64_t bytes,
                                      struct fi_objects_session_lane *lane, firn_error *err);

/* Some frames of a pack that is to be rewritten, for fi_gc_move_parts. */
struct fi_gc_part {
    struct fi_gc_pack *pack;
    uint32_t first;
    uint32_t end;    /* after the last */
    bool is_damaged; /* out: damage was reported; what is left stays */
};
/* Moves the live objects in parts of packs into one new pack, durably, and counts them in each
 * pack. Nothing is retired. Requires: all packs have the same target level. */
FIRN_MUST_CHECK int fi_gc_move_parts(struct fi_gc *gc, struct fi_gc_part *parts, size_t count,
                                     firn_error *err);

/* ---- with options->rekey: gc_rekey.c ---- */

/* Whether the file of the i-th pack is to be written anew. */
FIRN_MUST_CHECK int fi_gc_rekey_is_outdated(struct fi_gc *gc, size_t i, bool *out, firn_error *err);
/* Writes anew what is not packs. After the packs. */
FIRN_MUST_CHECK int fi_gc_rekey_rest(struct fi_gc *gc, firn_error *err);
/* Drops older keys if nothing needs them. Requires: the store is closed. */
FIRN_MUST_CHECK int fi_gc_rekey_settle(struct firn_ws *ws, firn_workspace_gc_result *result,
                                       firn_error *err);
/* A collection without the key of an encrypted store: only what interrupted writes have left. */
FIRN_MUST_CHECK int fi_gc_rekey_locked(const struct firn_ws *ws,
                                       const firn_workspace_gc_options *options,
                                       firn_workspace_gc_result *result, firn_error *err);

/* ---- an automatic collection ---- */

/* fi_gc with options->automatic. gc_auto.c. */
FIRN_MUST_CHECK int fi_gc_auto(struct firn_ws *ws, const firn_workspace_gc_options *options,
                               const struct fi_gc_limits *limits, firn_workspace_gc_result *out,
                               firn_error *err);

/* How far slices have come. */
struct fi_gc_place {
    size_t pack; /* of gc->packs */
    uint32_t frame;
};
/* Advances to the next pack that is to go; false if there is none left. gc_slice.c. */
bool fi_gc_slice_seek(const struct fi_gc *gc, struct fi_gc_place *at);
/* One slice, starting from `at`. Requires: the store is open for writing, only slices have changed
 * it since it was marked, and its stat cache was swept. gc_slice.c. */
FIRN_MUST_CHECK int fi_gc_slice(struct fi_gc *gc, struct fi_gc_place *at, firn_error *err);

/* Deletes dead directories from the stat cache. gc_steps.c. */
FIRN_MUST_CHECK int fi_gc_steps_sweep_stat(struct fi_gc *gc, firn_error *err);
/* Removes the files of retired packs that no reader needs, and reports the others.
 * gc_steps.c. */
FIRN_MUST_CHECK int fi_gc_steps_collect(struct fi_gc *gc, firn_error *err);
/* Measures what is left. gc_steps.c. */
FIRN_MUST_CHECK int fi_gc_steps_measure(struct fi_gc *gc, firn_error *err);
/* Retires packs and removes the files that no reader needs. gc_steps.c. */
FIRN_MUST_CHECK int fi_gc_steps_retire(struct fi_gc *gc, const uint32_t *numbers, size_t count,
                                       firn_error *err);

/* Whether the index has a live object at exactly this place of a pack, and whether it has it in
 * that pack at all; the next entry for the same hash may lead to another one. */
FIRN_MUST_CHECK int fi_gc_wants(struct fi_gc *gc, uint32_t pack, const firn_hash *hash,
                                const struct fi_pack_location *at, bool *out, bool *out_is_here,
                                firn_error *err);

/* ---- versions of one file, brought together: gc_versions.c ---- */

struct fi_gc_versions;
/* Notes the deltas that will move, in packs whose fate is REWRITE; none if the live objects are
 * known. A delta that cannot be read is left to the move, which reports it. gc is borrowed. */
FIRN_MUST_CHECK int fi_gc_versions_create(struct fi_gc *gc, struct fi_gc_versions **out,
                                          firn_error *err);
/* Whether an object of that size takes less space whole, among other versions of it, than a delta
 * takes that is stored in so many bytes. */
bool fi_gc_versions_pays(size_t stored, uint32_t size);
/* NULL is fine. */
void fi_gc_versions_destroy(struct fi_gc_versions *versions);
/* Whether a delta based on the object was noted. */
bool fi_gc_versions_has(const struct fi_gc_versions *versions, const firn_hash *base);
/* Requires: an object was just moved whole. Puts the noted deltas that are based on it next to it,
 * whole. Failures here are not the fault of an old pack. */
FIRN_MUST_CHECK int fi_gc_versions_place(struct fi_gc_versions *versions, const firn_hash *base,
                                         enum fi_pack_kind kind, firn_slice content,
                                         struct fi_objects_session_lane *lane, firn_error *err);
/* Whether the delta was noted. */
bool fi_gc_versions_knows(const struct fi_gc_versions *versions, const firn_hash *delta);
/* Requires: the delta was not placed. If it was noted, and that saves space, puts all noted deltas
 * with its base next to each other, whole, without the base. */
FIRN_MUST_CHECK int fi_gc_versions_place_alone(struct fi_gc_versions *versions,
                                               const firn_hash *delta,
                                               struct fi_objects_session_lane *lane,
                                               firn_error *err);

#endif
