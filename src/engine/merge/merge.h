/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge.h: many sorted sources as one, in the order of base/entry.h, both ways.
 *
 * One thread. After an error the merge has no position; it may be placed again. Two sources with
 * the same version of a key are FIRN_CORRUPT, since a version is in one place; the text names the
 * sources and the version.
 */
#ifndef FIRN_MERGE_MERGE_H
#define FIRN_MERGE_MERGE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/entry.h"
#include "base/error.h"
#include "base/range_set.h"
#include "base/snapshot.h"
#include "base/step.h"
#include "firn/store.h"
#include "memtable/memtable.h"
#include "run/run_kind.h"

/* ==== sources of a merge ====
 *
 * A source is a position among the versions of a memtable, a run, or all runs of a level, in the
 * order of base/entry.h. One thread.
 *
 * Requires: the memtable, the run, and what options name outlive the source.
 */

struct fi_merge_source;

/* After an error the source has no position (entry is NULL). */
struct fi_merge_source_ops {
    int (*first)(struct fi_merge_source *source, firn_error *err);
    int (*last)(struct fi_merge_source *source, firn_error *err);
    /* As in memtable.h: to the first entry at or after (key, sequence), or the last one before. */
    int (*seek)(struct fi_merge_source *source, firn_slice key, uint64_t sequence, firn_error *err);
    int (*seek_before)(struct fi_merge_source *source, firn_slice key, uint64_t sequence,
                       firn_error *err);
    /* Before seek, as cursor_prepare of run/run_kind.h. A failure is ignored, since the seek will
     * report it. NULL: nothing to prepare. The source has no position afterwards. */
    void (*prepare)(struct fi_merge_source *source, firn_slice key, uint64_t sequence,
                    unsigned step);
    /* Requires: the source is on an entry. */
    int (*next)(struct fi_merge_source *source, firn_error *err);
    int (*prev)(struct fi_merge_source *source, firn_error *err);
    /* Requires: the source is on an entry before key. Moves to the first entry at or after key if
     * no entry in between is as new as sequence or newer; else as far as is cheap, or not at
     * all. */
    int (*skip)(struct fi_merge_source *source, firn_slice key, uint64_t sequence, firn_error *err);
    /* Requires: the source is on an entry at or after key. Likewise, back to the last entry before
     * key. */
    int (*skip_back)(struct fi_merge_source *source, firn_slice key, uint64_t sequence,
                     firn_error *err);
    void (*destroy)(struct fi_merge_source *source);
    /* Requires: the source is on an entry. cursor_batch of run/run_kind.h, if the cursor is of
     * that kind. NULL: there are never any batches. */
    int (*batch)(struct fi_merge_source *source, const struct fi_run_kind *kind,
                 const firn_slice *limit, uint64_t max, struct fi_run_batch *out, firn_error *err);
    /* The cursor of a batch was moved past the batch. */
    int (*batch_taken)(struct fi_merge_source *source, firn_error *err);
};

/* Embedded first by each kind. */
struct fi_merge_source {
    const struct fi_merge_source_ops *ops;
    const struct fi_entry *entry; /* NULL: no position. Borrowed until the source moves */
    const char *name;             /* for messages; borrowed */
};

/* No entry that matters to the reader is newer than sequence_max; UINT64_MAX if that is not known,
 * as for the active memtable. */
FIRN_MUST_CHECK int fi_merge_source_create_memtable(const struct fi_memtable *table,
                                                    uint64_t sequence_max,
                                                    struct fi_merge_source **out, firn_error *err);
/* name is borrowed. */
FIRN_MUST_CHECK int fi_merge_source_create_run(struct fi_run *run, const char *name,
                                               const struct fi_run_cursor_options *options,
                                               struct fi_merge_source **out, firn_error *err);

struct fi_merge;

FIRN_MUST_CHECK int fi_merge_create(struct fi_merge **out, firn_error *err);
/* Destroys its sources. NULL is fine. */
void fi_merge_destroy(struct fi_merge *merge);
/* Takes over the source, even on failure; NULL is ignored. The merge has no position afterwards. */
FIRN_MUST_CHECK int fi_merge_add(struct fi_merge *merge, struct fi_merge_source *source,
                                 firn_error *err);

FIRN_MUST_CHECK int fi_merge_first(struct fi_merge *merge, firn_error *err);
FIRN_MUST_CHECK int fi_merge_last(struct fi_merge *merge, firn_error *err);
/* To the first version at or after (key, sequence), or the last one before: a sequence of
 * UINT64_MAX is before all versions of key. The key may be the current entry's. */
FIRN_MUST_CHECK int fi_merge_seek(struct fi_merge *merge, firn_slice key, uint64_t sequence,
                                  firn_error *err);
FIRN_MUST_CHECK int fi_merge_seek_before(struct fi_merge *merge, firn_slice key, uint64_t sequence,
                                         firn_error *err);
/* Only while valid. */
FIRN_MUST_CHECK int fi_merge_next(struct fi_merge *merge, firn_error *err);
FIRN_MUST_CHECK int fi_merge_prev(struct fi_merge *merge, firn_error *err);

/* Moves forwards to the first entry that is at or after (key, UINT64_MAX), or as new as `sequence`
 * or newer; some older entries before key may still come. Only while valid, and after a move
 * forwards. */
FIRN_MUST_CHECK int fi_merge_skip(struct fi_merge *merge, firn_slice key, uint64_t sequence,
                                  firn_error *err);
/* The same backwards: skips older entries at or after (key, UINT64_MAX), as far as is cheap. */
FIRN_MUST_CHECK int fi_merge_skip_back(struct fi_merge *merge, firn_slice key, uint64_t sequence,
                                       firn_error *err);

/* The current version; NULL if there is none. Borrowed until the merge moves. */
const struct fi_entry *fi_merge_entry(const struct fi_merge *merge);

/* The stretch of entries from the current one on that is before the keys of all other sources, if
 * its source is a run of that kind. Only while valid, and after a move forwards. */
FIRN_MUST_CHECK int fi_merge_batch(struct fi_merge *merge, const struct fi_run_kind *kind,
                                   uint64_t max, struct fi_run_batch *out, firn_error *err);
/* Continues after the batch, which the caller has moved the cursor past. */
FIRN_MUST_CHECK int fi_merge_batch_taken(struct fi_merge *merge, firn_error *err);

/* The first bytes of a key as a number, padded with zeros, which sorts as the keys do. Keys with
 * different heads differ; two keys that are not longer are equal if their heads and sizes are. */
enum { FI_MERGE_HEAD_SIZE = 16 };
struct fi_merge_head {
    uint64_t high;
    uint64_t low;
};
static inline bool
fi_merge_head_equal(struct fi_merge_head a, struct fi_merge_head b)
{
    return a.high == b.high && a.low == b.low;
}
/* Of the current version's key. Only while there is one. */
struct fi_merge_head fi_merge_head(const struct fi_merge *merge);

/* ==== the runs of a level, whose keys do not overlap, as one source of a merge ====
 *
 * A run is opened when the position enters it and released when the position leaves it: one at a
 * time.
 */

/* Keys k of a run have lower <= k < upper (struct fi_run_summary). */
struct fi_merge_level_run {
    firn_slice lower;
    firn_slice upper;
    uint64_t sequence_min;
    uint64_t sequence_max;
    void *run; /* the caller's: for open */
};

struct fi_merge_level_options {
    /* Ascending, each upper <= the next lower; borrowed. */
    const struct fi_merge_level_run *runs;
    size_t count;
    /* Opens the run, which stays open until release. *out NULL: no entry of it is wanted, and
     * release is not called. */
    int (*open)(void *ctx, const struct fi_merge_level_run *run, struct fi_run **out,
                firn_error *err);
    void (*release)(void *ctx, const struct fi_merge_level_run *run, struct fi_run *opened);
    void *ctx;
    /* Runs in which cursor.only sees nothing are left out, as there. */
    struct fi_run_cursor_options cursor;
    const char *name; /* for messages; borrowed */
};

/* The options are copied. */
FIRN_MUST_CHECK int fi_merge_level_create(const struct fi_merge_level_options *options,
                                          struct fi_merge_source **out, firn_error *err);

/* ==== applying merge operands to the value below them ====
 *
 * An operand is the value of a FI_ENTRY_MERGE: a byte of enum firn_merge_operator, and the
 * argument. One thread. A zeroed struct is empty.
 */

/* The operands of one key, or some consecutive ones of them. */
struct fi_merge_fold {
    struct fi_buf bytes; /* of the operands, without their first bytes */
    struct fi_buf items; /* of struct item (merge_fold.c), the newest first */
};

void fi_merge_fold_deinit(struct fi_merge_fold *fold);
/* Forgets the operands, keeps some memory. */
void fi_merge_fold_clear(struct fi_merge_fold *fold);

/* FIRN_INVALID if that cannot be an operand of the operation. */
FIRN_MUST_CHECK int fi_merge_fold_check(firn_merge_operator operation, firn_slice operand,
                                        firn_error *err);

/* For the value of an entry. FIRN_NEWER if this firn does not know the operation, FIRN_CORRUPT for
 * an operand that it never writes. */
FIRN_MUST_CHECK int fi_merge_fold_check_entry(firn_slice operand, firn_error *err);

/* Adds an operand that is older than all operands so far; it is checked as by check_entry.
 * FIRN_LIMIT if all of them together are too long for a value. */
FIRN_MUST_CHECK int fi_merge_fold_push(struct fi_merge_fold *fold, firn_slice operand,
                                       firn_error *err);
/* Applies the operands to a value, or to none (NULL), and replaces the contents of out with the
 * result. Requires: base is not in out. FIRN_LIMIT if the result is longer than a value may be. */
FIRN_MUST_CHECK int fi_merge_fold_apply(const struct fi_merge_fold *fold, const firn_slice *base,
                                        struct fi_buf *out, firn_error *err);

/* Whether an older operand can be folded into one with the operands so far: all have one operation
 * and at most bytes_max bytes together. True if there are none so far. */
bool fi_merge_fold_joins(const struct fi_merge_fold *fold, firn_slice operand, size_t bytes_max);
/* Bytes of the operands. */
size_t fi_merge_fold_size_bytes(const struct fi_merge_fold *fold);
/* Replaces the contents of out with one operand that has the effect of all of them. Requires: they
 * have one operation. */
FIRN_MUST_CHECK int fi_merge_fold_operand(const struct fi_merge_fold *fold, struct fi_buf *out,
                                          firn_error *err);

/* ==== from all versions to those that a snapshot sees ====
 *
 * Shows the newest version of each key, if that is a put and no newer range delete covers it. The
 * result of merge operands is shown as a put.
 *
 * One thread. After an error it is nowhere and may be placed again.
 */

struct fi_merge_resolve;

/* All borrowed until destroy, bytes of bounds included. */
struct fi_merge_resolve_options {
    struct fi_merge *merge;
    /* Those of all its sources; empty ones may be left out. */
    const struct fi_range_set *const *ranges;
    size_t range_set_count;
    const struct fi_snapshot *snapshot;
    const firn_slice *lower; /* NULL: no bound */
    const firn_slice *upper;
    uint64_t time_ms; /* puts that expire at or before it are not seen */
    bool keys_only;   /* values in value files are not read and count as empty */
};

/* The options are copied, but what they point to is not. */
FIRN_MUST_CHECK int fi_merge_resolve_create(const struct fi_merge_resolve_options *options,
                                            struct fi_merge_resolve **out, firn_error *err);
/* NULL is fine; the merge stays. */
void fi_merge_resolve_destroy(struct fi_merge_resolve *resolve);

FIRN_MUST_CHECK int fi_merge_resolve_first(struct fi_merge_resolve *resolve, firn_error *err);
FIRN_MUST_CHECK int fi_merge_resolve_last(struct fi_merge_resolve *resolve, firn_error *err);
/* To the first key >= key, or the last key < key, within the bounds. */
FIRN_MUST_CHECK int fi_merge_resolve_seek(struct fi_merge_resolve *resolve, firn_slice key,
                                          firn_error *err);
FIRN_MUST_CHECK int fi_merge_resolve_seek_before(struct fi_merge_resolve *resolve, firn_slice key,
                                                 firn_error *err);
/* Only while valid. */
FIRN_MUST_CHECK int fi_merge_resolve_next(struct fi_merge_resolve *resolve, firn_error *err);
FIRN_MUST_CHECK int fi_merge_resolve_prev(struct fi_merge_resolve *resolve, firn_error *err);

/* A FI_ENTRY_PUT; NULL where it is not valid. Borrowed until the next move. */
const struct fi_entry *fi_merge_resolve_entry(const struct fi_merge_resolve *resolve);
/* When the current value, or the value to which operands were applied, expires; 0: never. */
uint64_t fi_merge_resolve_expires_ms(const struct fi_merge_resolve *resolve);

/* ==== which live snapshots see which sequences ====
 *
 * Snapshots have positions, from 0 on, such that in each tree of snapshots those that see a
 * sequence are adjacent. Sequences that the same snapshots see form a segment. The map is made once
 * for each work, and is used for flushes, compactions and history runs.
 */

/* The positions from begin to end - 1; none where they are equal. */
struct fi_snapshot_span {
    uint32_t begin;
    uint32_t end;
};

/* The intersection and the extent of the spans of some segments. */
struct fi_snapshot_hull {
    struct fi_snapshot_span common; /* empty if end is not above begin */
    struct fi_snapshot_span any;    /* from the least to the largest position of any span */
};

/* Immutable. The index of a segment and a tree is segment * tree_count + tree. */
struct fi_merge_snapshot_map {
    size_t place_count;
    size_t tree_count;
    size_t segment_count;
    uint64_t *bounds; /* segment i is [bounds[i], bounds[i + 1]); the last has no end */
    struct fi_snapshot_span *seen; /* for each segment and tree: the snapshots that see it */
    /* Likewise: the next older segment that they see; UINT32_MAX: none. */
    uint32_t *older;
    struct fi_snapshot_hull
        *blocks; /* of FI_MERGE_SNAPSHOT_MAP_BLOCK segments each, and each tree */
    uint64_t
        *times_ms; /* of each segment: the earliest of the snapshots that see it; or UINT64_MAX */
    uint64_t tombstones_kept_from;
    const struct fi_snapshot *now; /* borrowed */
};
enum { FI_MERGE_SNAPSHOT_MAP_BLOCK = 16 };

/* Only `now` of the list is used later. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_merge_snapshot_map_init(struct fi_merge_snapshot_map *map,
                                               const struct fi_snapshot_list *list,
                                               firn_error *err);
/* Zeroed is fine. */
void fi_merge_snapshot_map_deinit(struct fi_merge_snapshot_map *map);

/* The segment of a sequence. */
size_t fi_merge_snapshot_map_segment(const struct fi_merge_snapshot_map *map, uint64_t sequence);

/* The hull of the segments from that of first to that of last, in one tree. Requires: first ≤
 * last. */
struct fi_snapshot_hull fi_merge_snapshot_map_hull(const struct fi_merge_snapshot_map *map,
                                                   size_t tree, uint64_t first, uint64_t last);

static inline struct fi_snapshot_span
fi_merge_snapshot_map_seen(const struct fi_merge_snapshot_map *map, size_t segment, size_t tree)
{
    return map->seen[segment * map->tree_count + tree];
}

static inline bool
fi_snapshot_span_is_empty(struct fi_snapshot_span span)
{
    return span.begin >= span.end;
}

/* ==== the mark of a run ====
 *
 * A number that shows whether rewriting a run can free anything: it is a hash of how the live
 * snapshots divide the sequences of the run.
 *
 * It is kept in MANIFEST with the run, and compared only for equality. Two marks that are equal by
 * chance, or differ needlessly, cost space or one rewriting, never data.
 */

/* The mark of [first, last] under these snapshots; never 0. Snapshots that see the same part of
 * [first, last] count once; snapshots that see nothing of it do not count. */
FIRN_MUST_CHECK int fi_merge_snapshot_mark_of(const struct fi_merge_snapshot_map *snapshots,
                                              uint64_t first, uint64_t last, uint64_t *out,
                                              firn_error *err);

/* The mark of a run that has history beside it: its tombstones have something to hide. */
uint64_t fi_merge_snapshot_mark_beside_history(uint64_t mark);

/* Whether one of the snapshots sees all of [first, last]. */
bool fi_merge_snapshot_mark_sees_all(const struct fi_merge_snapshot_map *snapshots, uint64_t first,
                                     uint64_t last);
/* The earliest time of the snapshots that see any of these sequences; UINT64_MAX if none does. */
uint64_t fi_merge_snapshot_mark_time_ms(const struct fi_merge_snapshot_map *snapshots,
                                        uint64_t first, uint64_t last);

/* ==== which versions of a key may be dropped: the one rule, for flush and compaction ==== */

/* A version of a key may be dropped if every live snapshot that sees it also sees a newer version
 * of that key. At the bottom of the tree (nothing older of the key elsewhere) a tombstone that is
 * the oldest version kept may be dropped too, repeatedly. Range deletes count as tombstones of the
 * keys that they cover. So do puts that have expired for every snapshot that sees them. A merge
 * operand needs what is older: it does not count as "a newer version". Tombstones that are newer
 * than the beginning of an open transaction stay: without them the transaction could not find out
 * that their keys were written since it began.
 *
 * Most callers want fi_merge_stream, which applies the rule to a merge. One thread. */
struct fi_merge_rule;

/* The map is borrowed until the rule is destroyed; its `now` is only looked at during the call. */
FIRN_MUST_CHECK int fi_merge_rule_create(const struct fi_merge_snapshot_map *map,
                                         struct fi_merge_rule **out, firn_error *err);
/* NULL is fine. */
void fi_merge_rule_destroy(struct fi_merge_rule *rule);

/* Sequences that the same snapshots see form a segment. Segments are numbered from the oldest. */
size_t fi_merge_rule_segment_count(const struct fi_merge_rule *rule);
size_t fi_merge_rule_segment(const struct fi_merge_rule *rule, uint64_t sequence);
/* The earliest time of the snapshots that see the sequence; UINT64_MAX if none does. */
uint64_t fi_merge_rule_time_ms(const struct fi_merge_rule *rule, uint64_t sequence);

/* Whether now sees versions with that sequence; true if the snapshots have no now. */
bool fi_merge_rule_now_sees(const struct fi_merge_rule *rule, uint64_t sequence);

/* The following calls are about one key: its versions, range deletes among them, newest first. */
void fi_merge_rule_begin_key(struct fi_merge_rule *rule);
/* Whether the next version must be kept in view of the newer ones: some snapshot sees it and
 * none of the versions before. */
bool fi_merge_rule_needs(struct fi_merge_rule *rule, uint64_t sequence);
/* The same for a merge operand, which does not make older versions unneeded. */
bool fi_merge_rule_needs_operand(struct fi_merge_rule *rule, uint64_t sequence);

/* ==== what a flush or a compaction has to write ==== */

/* The versions of a merge and the range deletes, without those that may be dropped.
 *
 * Use: next returns entries one by one. Before an entry with a new key the output may be cut, which
 * returns the range deletes that belong to the keys before it; a cut at the end returns the last
 * ones. The ranges of an output lie within [key of the cut before, key of this cut), so outputs do
 * not overlap.
 *
 * Memory: range deletes, the pieces of them between two cuts, and one sequence for each tombstone
 * that is held back; keys with millions of versions are streamed. One thread. After an error the
 * stream may only be destroyed. */
struct fi_merge_stream;

/* The keys k with lower <= k < upper. */
struct fi_compaction_span {
    firn_slice lower;
    firn_slice upper;
};

/* Where a kept version belongs: in the levels, which now reads, or in history (version.h). */
struct fi_compaction_place {
    bool is_history;
    uint64_t newer; /* of history: a version of the key that now sees, itself for a tombstone that
                       only hides versions in history; 0: now does not see this one */
};

struct fi_compaction_between {
    struct fi_compaction_span span;
    uint64_t sequence_max;
};

struct fi_merge_stream_options {
    struct fi_merge *merge; /* over the inputs; borrowed */
    /* Those of the inputs, each of which may have none; borrowed. */
    const struct fi_range_set *const *ranges;
    size_t range_set_count;
    struct fi_merge_rule *rule; /* borrowed */
    /* Where there may be older versions outside of the inputs: the bounds of all runs (and
     * memtables) that are older. In any order, may overlap; the array is copied, the bytes are
     * borrowed. All other keys are at the bottom. */
    const struct fi_compaction_span *older;
    size_t older_count;
    /* Where there may be versions outside of the inputs that are newer than some inputs, and how
     * new they may be: operands are not folded onto versions that are not newer than that.
     * Otherwise like older. */
    const struct fi_compaction_between *between;
    size_t between_count;
    uint64_t tombstones_kept_from; /* as in struct fi_snapshot_list */
    const struct fi_step *step;    /* told each version that is looked at; may be NULL */
};

FIRN_MUST_CHECK int fi_merge_stream_create(const struct fi_merge_stream_options *options,
                                           struct fi_merge_stream **out, firn_error *err);
/* NULL is fine. */
void fi_merge_stream_destroy(struct fi_merge_stream *stream);

/* The next version to write, NULL at the end. Borrowed until the next call. */
FIRN_MUST_CHECK int fi_merge_stream_next(struct fi_merge_stream *stream,
                                         const struct fi_entry **out, firn_error *err);
/* Requires: the entry that next returned has been used. Returns the stretch that follows, if it is
 * in a run of that kind and all of it is kept in the levels; else out->count is 0. The caller takes
 * the stretch by moving its cursor past it, and says so. The next entry has another key. */
FIRN_MUST_CHECK int fi_merge_stream_batch(struct fi_merge_stream *stream,
                                          const struct fi_run_kind *kind,
                                          const struct fi_snapshot *now, uint64_t max,
                                          struct fi_run_batch *out, firn_error *err);
FIRN_MUST_CHECK int fi_merge_stream_batch_taken(struct fi_merge_stream *stream, firn_error *err);
/* Whether the output may be cut before the entry that next returned: its key differs from that of
 * the entry before. */
bool fi_merge_stream_may_cut(const struct fi_merge_stream *stream);
/* The place of the entry that next returned. */
struct fi_compaction_place fi_merge_stream_place(const struct fi_merge_stream *stream);
/* Passes on the range deletes that belong to the output between the last cut and the entry that
 * next returned; after next has returned NULL, the last ones. The bounds live until the next
 * cut. */
typedef int (*fi_merge_stream_add)(void *ctx, const struct fi_range *range,
                                   struct fi_compaction_place place, firn_error *err);
FIRN_MUST_CHECK int fi_merge_stream_cut(struct fi_merge_stream *stream, fi_merge_stream_add add,
                                        void *ctx, firn_error *err);

/* How many versions have been dropped so far, range deletes not counted. */
uint64_t fi_merge_stream_dropped(const struct fi_merge_stream *stream);

#endif
