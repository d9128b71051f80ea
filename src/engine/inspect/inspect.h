/* SPDX-License-Identifier: Apache-2.0
 *
 * inspect/inspect.h: looking at a store: whether all of it can be read, how much it has, and how
 * two of its states differ.
 */
#ifndef FIRN_INSPECT_INSPECT_H
#define FIRN_INSPECT_INSPECT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "firn/store.h"
#include "store/db.h"

struct fi_lsm_part;
struct fi_storefile_progress;

/* ---- inspect_check.c ---- */

struct fi_inspect_check_options {
    void (*on_damage)(void *ctx, const char *text); /* NULL: damage is only counted */
    void *ctx;
    struct fi_storefile_progress *progress; /* NULL: none */
};
/* options may be NULL. */
FIRN_MUST_CHECK int fi_inspect_check(struct firn_db *db,
                                     const struct fi_inspect_check_options *options,
                                     firn_store_check_result *report, firn_error *err);

/* ---- inspect_locked.c ---- */

/* Verifies the encrypted store at a user's path, which may be an exported one, without its key, and
 * changes nothing: its identity and keys file, the log, MANIFEST, and each sealed file. With
 * skips_contents only header, footer and table of contents of packs. options may be NULL.
 * FIRN_CORRUPT: there is damage, each part of which was reported. If none was, nothing else was
 * verified: FIRN is damaged and there is no FIRN.keys, so the store may be one in clear; or an
 * exported file could not be opened. FIRN_NOT_FOUND: there is no store. FIRN_INVALID: it is in
 * clear, so no key is needed. FIRN_NEWER. FIRN_BUSY: it is being repaired, or its log changed each
 * time that it was read. *report counts even after a failure. */
FIRN_MUST_CHECK int fi_inspect_locked(struct fi_os *os, const char *path, bool skips_contents,
                                      const struct fi_inspect_check_options *options,
                                      firn_store_check_locked_result *report, firn_error *err);

/* ---- inspect_stats.c ---- */

/* About how much space a range of keys takes; upper NULL: no bound. */
FIRN_MUST_CHECK int fi_inspect_stats_range(const struct firn_db_keyspace *keyspace,
                                           firn_slice lower, const firn_slice *upper,
                                           firn_keyspace_size *out, firn_error *err);
/* Calls visit with the memtables and runs of a keyspace that may have something which a snapshot
 * (NULL: now) sees: see fi_lsm_tree_visit_parts. */
FIRN_MUST_CHECK int fi_inspect_stats_visit_parts(
    const struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot,
    int (*visit)(void *ctx, const struct fi_lsm_part *part, firn_error *err), void *ctx,
    firn_error *err);
FIRN_MUST_CHECK int fi_inspect_stats(struct firn_db *db, firn_store_statistics *out,
                                     firn_error *err);
/* Appends one JSON object. */
FIRN_MUST_CHECK int fi_inspect_stats_json(const firn_store_statistics *stats, struct fi_buf *out,
                                          firn_error *err);

/* ---- inspect_diff.c ---- */

struct fi_inspect_diff_key {
    firn_slice key;
    bool is_before; /* the first state has it */
    bool is_after;
    firn_slice before; /* the values, if the states have the key */
    firn_slice after;
};
struct fi_inspect_diff_visitor {
    const char *keyspace; /* NULL: all of them */
    /* Called for a keyspace that only one side has, before its keys; may be NULL. */
    int (*visit_keyspace)(void *ctx, const char *name, bool is_added);
    /* Called for a key that differs; borrowed. A return other than FIRN_OK ends the walk and is
     * returned. */
    int (*visit)(void *ctx, const char *keyspace, const struct fi_inspect_diff_key *key);
    void *ctx;
    struct fi_storefile_progress *progress; /* NULL: none */
};
/* One keyspace, key by key. Snapshots and keyspaces are borrowed; keyspace NULL: this side has
 * nothing. Values that have expired by the opening are on neither side. One thread. */
struct fi_inspect_diff_side {
    struct firn_snapshot *snapshot;
    struct firn_db_keyspace *keyspace;
};
struct fi_inspect_diff_walk;
/* progress (NULL: none) is borrowed too. FIRN_INVALID for a snapshot of another store. */
FIRN_MUST_CHECK int fi_inspect_diff_walk_open(struct firn_db *db,
                                              const struct fi_inspect_diff_side *before,
                                              const struct fi_inspect_diff_side *after,
                                              struct fi_storefile_progress *progress,
                                              struct fi_inspect_diff_walk **out, firn_error *err);
/* The next key that differs, borrowed until the next call; false: there is none. */
FIRN_MUST_CHECK int fi_inspect_diff_walk_next(struct fi_inspect_diff_walk *walk,
                                              struct fi_inspect_diff_key *out, bool *out_found,
                                              firn_error *err);
/* Requires: the snapshots are still open. NULL is fine. */
void fi_inspect_diff_walk_close(struct fi_inspect_diff_walk *walk);
/* before and after are references; NULL is the present state. Any thread. */
FIRN_MUST_CHECK int fi_inspect_diff(struct firn_db *db, const char *before, const char *after,
                                    const struct fi_inspect_diff_visitor *visitor, firn_error *err);

#endif
