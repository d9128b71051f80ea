/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction.h: flushes and compactions as works, and bulk loads.
 */
#ifndef FIRN_COMPACTION_COMPACTION_H
#define FIRN_COMPACTION_COMPACTION_H

#include "lsm/lsm.h"

/* ---- works ---- */

/* A flush or a compaction that was picked: its inputs are taken until it has been run or given
 * back. */
struct firn_compaction_work;
enum firn_compaction_work_kind { FIRN_COMPACTION_WORK_FLUSH, FIRN_COMPACTION_WORK_COMPACTION };
struct firn_compaction_work_wish {
    bool flushes;      /* may be handed out */
    bool compactions;  /* likewise */
    bool is_unhurried; /* optional compactions too, down to the last level */
    bool is_brief;     /* of the compactions, those alone that make a small tree one run */
    const struct firn_lsm_tree *tree; /* NULL: any */
    /* Only compactions that bring runs that reach into it down to the last level; with is_unhurried.
     * NULL: all. */
    const struct firn_lsm_range *range;
    /* The space left: a compaction that may write more is handed out only if none is urgent and there
     * is no other. 0: no limit. */
    uint64_t room_bytes;
    /* Gets the progress of a compaction, and may end it; NULL: none. A flush reports no progress.
     * Borrowed until the work is freed. */
    const struct firn_step *step;
};
/* *out is NULL if there is nothing to do, or nothing beside the works that are handed out.
 * Flushes come first, the oldest memtable first. */
FIRN_MUST_CHECK int firn_compaction_work_pick(struct firn_lsm *lsm,
                                              const struct firn_compaction_work_wish *wish,
                                              struct firn_compaction_work **out, firn_error *err);
enum firn_compaction_work_kind firn_compaction_work_kind(const struct firn_compaction_work *work);
/* Does it and installs the result. Frees the work, also after a failure. */
FIRN_MUST_CHECK int firn_compaction_run(struct firn_compaction_work *work, firn_error *err);
void firn_compaction_work_discard(struct firn_compaction_work *work);

/* ==== graphs of runs (compaction_graph.c) ==== */

struct firn_compaction_graph_options {
    const struct firn_lsm_tree *tree; /* NULL: any */
    unsigned threads;                 /* that build; 0: 1 */
    const struct firn_step *step;     /* told now and then; may be NULL */
};
/* Whether some run may lack a graph that it should have. Reads schemas; opens attachments that were not looked at
 * since the opening. */
FIRN_MUST_CHECK int firn_compaction_graph_is_due(struct firn_lsm *lsm, bool *out, firn_error *err);
/* Builds one graph of a run that lacks it, and attaches it; *out_did: there was one. Beside works and readers; one
 * thread at a time is of use. A run that is compacted meanwhile does not get it. */
FIRN_MUST_CHECK int firn_compaction_graph_build(struct firn_lsm *lsm,
                                                const struct firn_compaction_graph_options *options,
                                                bool *out_did, firn_error *err);

/* ==== sorted entries of one commit straight into runs, for store/ ====
 *
 * One thread at a time. Use: create, add in the order of keys, finish; then, where nothing else
 * changes the tree, hold, install, and release once the commit is published; destroy.
 */

struct firn_bulk_load;

FIRN_MUST_CHECK int firn_bulk_load_create(struct firn_lsm_tree *tree, struct firn_bulk_load **out,
                                          firn_error *err);
/* Lets builders of runs use threads beside the caller's, as in struct firn_run_builder_options, as long as the
 * load is filled and finished. Before the first entry. */
struct firn_os_jobs;
void firn_bulk_load_set_helpers(struct firn_bulk_load *bulk, struct firn_os_jobs *helpers,
                                unsigned count);
/* Entries with ascending keys, all of one sequence. After a failure only destroy is left. */
FIRN_MUST_CHECK int firn_bulk_load_add(struct firn_bulk_load *bulk, const struct firn_entry *entry,
                                       firn_error *err);
/* Whether rows can be added column by column. */
bool firn_bulk_load_takes_columns(const struct firn_bulk_load *bulk);
/* Rows with ascending keys, beside entries. Likewise. Requires: takes_columns. */
struct firn_run_columns;
FIRN_MUST_CHECK int firn_bulk_load_add_columns(struct firn_bulk_load *bulk,
                                               const struct firn_run_columns *columns,
                                               firn_error *err);
/* All that was added is in files that are durable, and that no edit names yet. */
FIRN_MUST_CHECK int firn_bulk_load_finish(struct firn_bulk_load *bulk, firn_error *err);
/* Waits for works on the tree and keeps new ones from it, until release. */
void firn_bulk_load_hold(struct firn_bulk_load *bulk);
void firn_bulk_load_release(struct firn_bulk_load *bulk);
/* Whether the tree's memtables are empty. The leader's. */
bool firn_bulk_load_is_clear(const struct firn_bulk_load *bulk);
/* Durably makes the files of all these loads, of one lsm, runs of their trees, by one edit: all or none.
 * No tree is there twice, and one load at least has something. The works of the trees are held, their
 * memtables are empty, and the sequence of the entries is above all that each tree has. FIRN_FAILED where
 * it is not known whether they are; otherwise a failure has changed nothing. */
FIRN_MUST_CHECK int firn_bulk_load_install(struct firn_bulk_load *const *loads, size_t count,
                                           firn_error *err);
/* Takes the runs of another load of the tree, with the same sequence and none of the keys. Both are
 * finished, and nothing was joined to either; `upper` has nothing left afterwards. */
FIRN_MUST_CHECK int firn_bulk_load_join(struct firn_bulk_load *bulk, struct firn_bulk_load *upper,
                                        firn_error *err);
/* Between which keys those of a finished load lie, what was joined left out: lower <= key < upper. Both
 * are empty where it has none. Borrowed from the load. */
void firn_bulk_load_bounds(const struct firn_bulk_load *bulk, firn_slice *out_lower,
                           firn_slice *out_upper);
/* Reads the keys of a finished load, what was joined left out. seek goes to the first key at or after one
 * that does not come before those that it was given before; *out is NULL where there is none, and else
 * borrowed until the next call. */
struct firn_bulk_load_keys;
FIRN_MUST_CHECK int firn_bulk_load_keys_open(const struct firn_bulk_load *bulk,
                                             struct firn_bulk_load_keys **out, firn_error *err);
FIRN_MUST_CHECK int firn_bulk_load_keys_seek(struct firn_bulk_load_keys *keys, firn_slice key,
                                             const firn_slice **out, firn_error *err);
/* NULL is fine. */
void firn_bulk_load_keys_close(struct firn_bulk_load_keys *keys);
/* Looks for a key that two finished loads have: what visit returns of the first one is returned. */
FIRN_MUST_CHECK int
firn_bulk_load_find_common(const struct firn_bulk_load *one, const struct firn_bulk_load *other,
                           int (*visit)(void *ctx, firn_slice key, firn_error *err), void *ctx,
                           firn_error *err);
/* Removes what was not installed. NULL is fine. */
void firn_bulk_load_destroy(struct firn_bulk_load *bulk);

/* ==== entries in any order, given back in the order of their keys, the last one of each ====
 *
 * One thread at a time. Use: create, add, finish once, destroy.
 */

struct firn_bulk_sort;

/* Holds up to about memory_bytes in memory, beside one entry; more lies in files of the lsm that
 * MANIFEST does not know. */
FIRN_MUST_CHECK int firn_bulk_sort_create(struct firn_lsm *lsm, size_t memory_bytes,
                                          struct firn_bulk_sort **out, firn_error *err);
/* From now on, where entries turn out to have one key, whenever that is, the call fails with what refuse
 * returns, which is not FIRN_OK. */
void firn_bulk_sort_refuse_twice(struct firn_bulk_sort *sort,
                                 int (*refuse)(void *ctx, firn_slice key, firn_error *err),
                                 void *ctx);
/* Copies key and value; the sequence is not looked at. After a failure only destroy is left. */
FIRN_MUST_CHECK int firn_bulk_sort_add(struct firn_bulk_sort *sort, const struct firn_entry *entry,
                                       firn_error *err);
/* Calls give with each key's last entry, whose sequence means nothing, in the order of keys; what it
 * returns other than FIRN_OK ends that and is returned. The entry is borrowed until give returns. */
FIRN_MUST_CHECK int firn_bulk_sort_finish(struct firn_bulk_sort *sort,
                                          int (*give)(void *ctx, const struct firn_entry *entry,
                                                      firn_error *err),
                                          void *ctx, firn_error *err);
/* Removes the files. NULL is fine. */
void firn_bulk_sort_destroy(struct firn_bulk_sort *sort);

#endif
