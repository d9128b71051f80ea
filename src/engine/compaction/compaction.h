/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction.h: flushes and compactions as works, and bulk loads.
 */
#ifndef FIRN_COMPACTION_COMPACTION_H
#define FIRN_COMPACTION_COMPACTION_H

#include "lsm/lsm.h"

/* ---- works ---- */

/* A flush or a compaction that was picked: its inputs are reserved until it has been run or
 * freed. */
struct fi_compaction_work;
/* Files that are to be written anew, by number, ascending: of an older key, for instance. */
struct fi_compaction_outdated {
    const uint64_t *numbers;
    size_t count;
};
enum fi_compaction_work_kind { FI_COMPACTION_WORK_FLUSH, FI_COMPACTION_WORK_COMPACTION };
struct fi_compaction_work_wish {
    bool flushes;                   /* may be picked */
    bool compactions;               /* likewise */
    bool is_unhurried;              /* optional compactions too, down to the last level */
    bool is_brief;                  /* only compactions that make a small tree one run */
    const struct fi_lsm_tree *tree; /* NULL: any */
    /* Only compactions that bring runs which overlap the range down to the last level; with
     * is_unhurried. NULL: all. */
    const struct fi_lsm_range *range;
    /* Only compactions that write runs anew which are such files, or refer to such value files.
     * NULL: all. Borrowed until the work is freed. */
    const struct fi_compaction_outdated *outdated;
    /* The free space: a compaction that may write more is picked only if none is urgent and there
     * is no other. 0: no limit. */
    uint64_t room_bytes;
    /* Is told the progress of a compaction, and may cancel it; may be NULL. A flush reports no
     * progress. Borrowed until the work is freed. */
    const struct fi_step *step;
};
/* *out is NULL if there is nothing to do, or nothing that can run beside the picked works. Flushes
 * come first, the oldest memtable first. */
FIRN_MUST_CHECK int fi_compaction_work_pick(struct fi_lsm *lsm,
                                            const struct fi_compaction_work_wish *wish,
                                            struct fi_compaction_work **out, firn_error *err);
enum fi_compaction_work_kind fi_compaction_work_kind(const struct fi_compaction_work *work);
/* Runs the work and installs the result. Frees the work, even on failure. */
FIRN_MUST_CHECK int fi_compaction_run(struct fi_compaction_work *work, firn_error *err);
void fi_compaction_work_discard(struct fi_compaction_work *work);

/* ==== graphs of runs (compaction_graph.c) ==== */

struct fi_compaction_graph_options {
    const struct fi_lsm_tree *tree; /* NULL: any */
    unsigned threads;               /* for building; 0: 1 */
    const struct fi_step *step;     /* told from time to time; may be NULL */
};
/* Whether some run may lack a graph that it should have. Reads schemas; opens attachments that have
 * not been examined since the opening. */
FIRN_MUST_CHECK int fi_compaction_graph_is_due(struct fi_lsm *lsm, bool *out, firn_error *err);
/* Builds one missing graph and attaches it to its run; *out_did: there was one. Runs beside works
 * and readers; more than one thread at a time is useless. A run that is compacted meanwhile does
 * not get the graph. */
FIRN_MUST_CHECK int fi_compaction_graph_build(struct fi_lsm *lsm,
                                              const struct fi_compaction_graph_options *options,
                                              bool *out_did, firn_error *err);

/* ==== bulk loads: sorted entries of one commit directly to runs, for store/ ====
 *
 * One thread at a time. Use: create, add in the order of keys, finish. Then, while nothing else
 * changes the tree: hold, install, and release once the commit is published. Finally destroy.
 */

struct fi_compaction_load;

FIRN_MUST_CHECK int fi_compaction_load_create(struct fi_lsm_tree *tree,
                                              struct fi_compaction_load **out, firn_error *err);
/* Lets builders of runs use other threads too, as in struct fi_run_builder_options, while the
 * load is filled and finished. Before the first entry. */
struct fi_os_jobs;
void fi_compaction_load_set_helpers(struct fi_compaction_load *bulk, struct fi_os_jobs *helpers,
                                    unsigned count);
/* Requires: keys ascend, and all entries have one sequence. After a failure the load may only be
 * destroyed. */
FIRN_MUST_CHECK int fi_compaction_load_add(struct fi_compaction_load *bulk,
                                           const struct fi_entry *entry, firn_error *err);
/* Whether rows can be added column by column. */
bool fi_compaction_load_takes_columns(const struct fi_compaction_load *bulk);
/* The same for rows, in addition to entries. Requires: takes_columns. */
struct fi_run_columns;
FIRN_MUST_CHECK int fi_compaction_load_add_columns(struct fi_compaction_load *bulk,
                                                   const struct fi_run_columns *columns,
                                                   firn_error *err);
/* Makes all added entries durable, in files that no edit names yet. */
FIRN_MUST_CHECK int fi_compaction_load_finish(struct fi_compaction_load *bulk, firn_error *err);
/* Waits for works on the tree and keeps new ones from it, until release. */
void fi_compaction_load_hold(struct fi_compaction_load *bulk);
void fi_compaction_load_release(struct fi_compaction_load *bulk);
/* Whether the tree's memtables are empty. For the leader of commits. */
bool fi_compaction_load_is_clear(const struct fi_compaction_load *bulk);
/* Durably makes the files of all these loads runs of their trees, by one edit: all or none.
 * Requires: the loads are of one lsm, for different trees, and not all empty; the works of the
 * trees are held; their memtables are empty; the sequence of the entries is above all of each
 * tree's. After a failure *out_is_certain says whether MANIFEST certainly lacks the edit; nothing
 * has changed then. */
FIRN_MUST_CHECK int fi_compaction_load_install(struct fi_compaction_load *const *loads,
                                               size_t count, bool *out_is_certain, firn_error *err);
/* Takes over the runs of another load of the tree, with the same sequence and different keys.
 * Requires: both are finished, and nothing was joined to either. `upper` is empty afterwards. */
FIRN_MUST_CHECK int fi_compaction_load_join(struct fi_compaction_load *bulk,
                                            struct fi_compaction_load *upper, firn_error *err);
/* The bounds of the keys of a finished load, without what was joined: lower <= key < upper. Both
 * are empty if the load has no keys. Borrowed from the load. */
void fi_compaction_load_bounds(const struct fi_compaction_load *bulk, firn_slice *out_lower,
                               firn_slice *out_upper);
/* Reads the keys of a finished load, without what was joined. seek goes to the first key at or
 * after the given one; *out is NULL if there is none, else borrowed until the next call. Requires:
 * the keys given to seek do not descend. */
struct fi_compaction_load_keys;
FIRN_MUST_CHECK int fi_compaction_load_keys_open(const struct fi_compaction_load *bulk,
                                                 struct fi_compaction_load_keys **out,
                                                 firn_error *err);
FIRN_MUST_CHECK int fi_compaction_load_keys_seek(struct fi_compaction_load_keys *keys,
                                                 firn_slice key, const firn_slice **out,
                                                 firn_error *err);
/* NULL is fine. */
void fi_compaction_load_keys_close(struct fi_compaction_load_keys *keys);
/* Looks for keys that both of two finished loads have: calls visit with the first one and returns
 * its result. */
FIRN_MUST_CHECK int fi_compaction_load_find_common(
    const struct fi_compaction_load *one, const struct fi_compaction_load *other,
    int (*visit)(void *ctx, firn_slice key, firn_error *err), void *ctx, firn_error *err);
/* Removes files that were not installed. NULL is fine. */
void fi_compaction_load_destroy(struct fi_compaction_load *bulk);

/* ==== sorting entries by key, keeping the last one of each key ====
 *
 * One thread at a time. Use: create, add, finish once, destroy.
 */

struct fi_compaction_sort;

/* Uses up to about memory_bytes of memory and one entry; the rest is in files of the lsm that
 * MANIFEST does not name. */
FIRN_MUST_CHECK int fi_compaction_sort_create(struct fi_lsm *lsm, size_t memory_bytes,
                                              struct fi_compaction_sort **out, firn_error *err);
/* From now on, the call that finds two entries with the same key, which may be a later one, fails
 * with what refuse returns. Requires: that is not FIRN_OK. */
void fi_compaction_sort_refuse_twice(struct fi_compaction_sort *sort,
                                     int (*refuse)(void *ctx, firn_slice key, firn_error *err),
                                     void *ctx);
/* Copies key and value; the sequence is ignored. After a failure the sort may only be destroyed. */
FIRN_MUST_CHECK int fi_compaction_sort_add(struct fi_compaction_sort *sort,
                                           const struct fi_entry *entry, firn_error *err);
/* Calls give with each key's last entry, whose sequence is undefined, in the order of keys. If give
 * returns anything but FIRN_OK, this ends and returns that. The entry is borrowed until give
 * returns. */
FIRN_MUST_CHECK int fi_compaction_sort_finish(struct fi_compaction_sort *sort,
                                              int (*give)(void *ctx, const struct fi_entry *entry,
                                                          firn_error *err),
                                              void *ctx, firn_error *err);
/* Removes the files. NULL is fine. */
void fi_compaction_sort_destroy(struct fi_compaction_sort *sort);

#endif
