/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/operations_internal.h: what the commands share beyond present.h and undo.h.
 * ws_restore.c decides what to restore and where; ws_restore_in_place.c changes a workspace.
 */
#ifndef FIRN_OPERATIONS_OPERATIONS_INTERNAL_H
#define FIRN_OPERATIONS_OPERATIONS_INTERNAL_H

#include "base/error.h"
#include "base/hash_map.h"
#include "checkout/checkout.h"
#include "difference/difference.h"
#include "firn/workspace.h"
#include "handle/ws_opened.h"
#include "operations/operations.h"
#include "present/present.h"
#include "undo/undo.h"

/* ==== contents (ws_cat.c) ==== */

/* Hands the content of one file over, piece by piece, each verified. */
FIRN_MUST_CHECK int fi_ws_cat_stream(struct fi_ws_opened *opened, struct fi_pack_scratch *scratch,
                                     const firn_hash *hash, uint64_t size_bytes,
                                     firn_write_bytes write, void *ctx, firn_error *err);

/* ==== saves (ws_tag.c, ws_group.c) ==== */

/* Names a checkpoint whose record is in the batch. As firn_workspace_tag_set. */
FIRN_MUST_CHECK int fi_ws_tag_stage(struct firn_ws *ws, struct fi_ws_opened *opened,
                                    struct firn_db_batch *batch, const char *name,
                                    const struct fi_catalog_record *record, bool may_replace,
                                    firn_error *err);
/* A save in ws->group. given is what options ask for. */
FIRN_MUST_CHECK int fi_ws_group_save(struct firn_ws *ws, const firn_workspace_save_options *options,
                                     const struct fi_ws_save_request *given,
                                     firn_workspace_save_result *out, firn_error *err);

/* ==== restores ==== */

/* What a target makes: a tree, and how much of it there is. */
struct fi_ws_restore_made {
    struct fi_tree_entry root;
    struct fi_difference_merge_counts counts;
    uint64_t added_bytes;
};

/* A tree that is made from what is on the disk, to be restored in place. */
struct fi_ws_restore_target {
    const struct fi_catalog_record *also_rules; /* its rules apply too; may be NULL */
    const char *doing;                          /* "reverting 12" */
    firn_slice message;                         /* of the checkpoint of the tree */
    /* Checks that the tree can be made, before anything is written; fi_ws_save_tree_source reads
     * *tree, and unsaved has what the scan has left out. */
    int (*check)(void *ctx, struct fi_ws_save_tree *tree, struct fi_ws_restore_unsaved *unsaved,
                 firn_error *err);
    /* Writes the tree to the store, which has all of *tree by now. A safety checkpoint of the new
     * tree is committed together with that of the present state. What *out borrows lives as long
     * as ctx. */
    int (*make)(void *ctx, const struct fi_ws_save_tree *tree, struct fi_ws_restore_made *out,
                firn_error *err);
    void *ctx;
};

/* ---- restores in place ---- */

/* Opens the store for a restore in place, or for a dry run of one. If the store cannot be opened
 * for writing, the message says why that is needed. */
FIRN_MUST_CHECK int fi_ws_restore_open_store(struct firn_ws *ws, bool is_dry,
                                             struct fi_ws_opened *out, firn_error *err);
/* Brings the workspace to restoring->record. Requires: what a pending restore left has been
 * recovered. */
FIRN_MUST_CHECK int fi_ws_restore_in_place(struct fi_ws_restoring *restoring, firn_error *err);
/* Restores restoring->record, which is that of a line of a remote, in place. Its tree becomes a
 * safety checkpoint of the workspace. */
FIRN_MUST_CHECK int fi_ws_restore_line(struct fi_ws_restoring *restoring, firn_error *err);
/* Restores restoring->record at restoring->paths, in place, as a step of its own. */
FIRN_MUST_CHECK int fi_ws_restore_paths(struct fi_ws_restoring *restoring, firn_error *err);

/* ---- git repositories (ws_repository.c) ---- */

/* Tells by notices how the repositories of two checkpoints differ. */
FIRN_MUST_CHECK int fi_ws_repository_tell(struct fi_ws_opened *opened,
                                          const struct fi_catalog_record *before,
                                          const struct fi_catalog_record *after,
                                          const firn_callbacks *callbacks, firn_error *err);
/* Whether another checkpoint has all repositories of one as they are there, as far as
 * fi_ws_repository_tell tells; with only_missing: in any state. */
FIRN_MUST_CHECK int fi_ws_repository_is_same(struct fi_ws_opened *opened,
                                             const struct fi_catalog_record *a,
                                             const struct fi_catalog_record *b, bool only_missing,
                                             bool *out, firn_error *err);
/* Tells how those of a checkpoint differ from what is there now: at its paths, and at those in
 * `paths`, each with a NUL (NULL: none). *out_differ: how many, apart from configuration and hooks.
 * Does nothing if the checkpoint has no repositories. */
FIRN_MUST_CHECK int fi_ws_repository_tell_now(struct fi_ws_opened *opened,
                                              const struct fi_catalog_record *record,
                                              const struct fi_buf *paths, unsigned threads,
                                              const firn_callbacks *callbacks, uint64_t *out_differ,
                                              firn_error *err);
/* FIRN_NOT_FOUND: restoring->record has no repositories. */
FIRN_MUST_CHECK int fi_ws_repository_check(const struct fi_ws_restoring *restoring,
                                           firn_error *err);
/* Restores the repositories of restoring->record, after a safety checkpoint. Fails as
 * fi_ws_repository_check does. If there is one only: FIRN_BUSY, FIRN_CONFLICT and FIRN_INVALID as
 * fi_gitdir_restore. */
FIRN_MUST_CHECK int fi_ws_repository_restore(struct fi_ws_restoring *restoring, firn_error *err);

/* ---- undo and redo of repositories (ws_repository_step.c) ---- */

/* Sets restoring->git_from to FI_WS_GIT_CHOSEN if an undo or a redo has a step of repositories
 * alone to take, and restoring->git to what it goes to; and git_differs of the step.
 * FIRN_NOT_FOUND: a redo, and they are not as an undo left them. Requires: the present state of the
 * line is known. */
FIRN_MUST_CHECK int fi_ws_repository_step_choose(struct fi_ws_restoring *restoring,
                                                 firn_error *err);
/* The files are in place: makes restoring->record the checkpoint whose repositories are to be
 * restored. *out_is_any is false if there are none to restore. */
FIRN_MUST_CHECK int fi_ws_repository_step_take(struct fi_ws_restoring *restoring, bool *out_is_any,
                                               firn_error *err);

/* ---- the stat cache after a restore (ws_refresh.c) ---- */

/* Scans the directories in which the two trees differ, reads the files that the stat cache does not
 * have, and notes what agrees with `after`. Does nothing if much differs. request has the rules by
 * which the tree was scanned. After a failure the cache has the same entries or fewer, and none
 * that is wrong. */
FIRN_MUST_CHECK int fi_ws_refresh_statcache(struct fi_ws_opened *opened,
                                            const struct fi_ws_save_request *request,
                                            const struct fi_difference_walk_side *before,
                                            const struct fi_difference_walk_side *after,
                                            firn_error *err);

/* ---- interrupted restores (ws_pending.c) ---- */

enum fi_ws_pending_asked {
    FI_WS_PENDING_TELL, /* a foreign one is reported and ignored */
    FI_WS_PENDING_TOLD, /* it was reported earlier */
    /* it is what the operation is about: FIRN_UNTRUSTED unless the options trust it */
    FI_WS_PENDING_MEANT
};
/* Fills restoring->journal; a foreign restore that is ignored is not in it. */
FIRN_MUST_CHECK int fi_ws_pending_read(struct fi_ws_restoring *restoring,
                                       enum fi_ws_pending_asked asked, firn_error *err);
/* Chooses what to restore to finish the pending restore of the journal (resume), or one that had to
 * leave out entries; or to take it back. The paths are those of the journal. */
FIRN_MUST_CHECK int fi_ws_pending_choose(struct fi_ws_restoring *restoring, bool resume,
                                         firn_error *err);
/* A second request for the target of an interrupted restore continues that restore: an undo brings
 * back what was there before the first try. */
void fi_ws_pending_go_on(struct fi_ws_restoring *restoring);
/* Settles what a pending restore left under temporary names (checkout_recover.c). */
FIRN_MUST_CHECK int fi_ws_pending_rest(struct fi_ws_restoring *restoring, firn_error *err);
/* Finishes a pending restore of an opened workspace. A restore that had moved nothing yet is
 * dropped instead. One that can never be finished is ended, and the tree stays as it is. Each case
 * is reported (FIRN_NOTICE_RESUMED). */
FIRN_MUST_CHECK int fi_ws_pending_finish(struct firn_ws *ws, struct fi_ws_opened *opened,
                                         unsigned threads, const firn_callbacks *callbacks,
                                         firn_error *err);

struct fi_ws_revert {
    const firn_workspace_revert_options *options;
    firn_workspace_revert_result *result;
    struct fi_ws_restoring restoring; /* of the tree that is made */
    struct fi_catalog_record after;   /* its changes are taken back; the base of the merge */
    struct fi_catalog_record before;  /* theirs */
    struct fi_tree_filter filter;
    const struct fi_tree_source *trees; /* of after, before, and what the scan has stored */
    char doing[64];                     /* "reverting 12" */
    int64_t now_ns;

    /* Results of the check. */
    struct fi_objects_treesink *merged;
    struct fi_tree_source merged_source;
    struct fi_hash_map made; /* firn_hash of each file content that is not in the store */
    struct fi_difference_merge_result merge;
    struct fi_difference_merge_counts counts;

    struct fi_objects_session *session; /* of what is made */
    struct fi_objects_session_lane *lane;
};

/* Makes the tree of a revert and restores it. Requires: all fields above the results of the check
 * are set. Fills restoring.result, and in result what the merge found. The caller releases the
 * results of the check, also after a failure. */
FIRN_MUST_CHECK int fi_ws_revert_tree(struct fi_ws_revert *revert, firn_error *err);

/* ==== dry runs (ws_restore.c) ==== */

struct fi_ws_restore_dry {
    const struct fi_catalog_record *record; /* its rules apply */
    const struct fi_catalog_record *second; /* and so do its; may be NULL */
    /* Says what is to be restored, once the disk has been scanned: the `after` of the options,
     * which is the tree of `record` else, and what else depends on it. */
    int (*choose)(void *ctx, const struct fi_ws_compare *compare,
                  struct fi_checkout_options *options, firn_error *err);
    void *ctx;
};
/* Fills restoring->result, and changes nothing. Fails as the restore would, also if the store could
 * not be written to: FIRN_READ_ONLY or FIRN_DENIED. */
FIRN_MUST_CHECK int fi_ws_restore_dry_run(struct fi_ws_restoring *restoring,
                                          const struct fi_ws_restore_dry *dry, firn_error *err);

/* ==== the workspaces of all stores (ws_workspaces.c) ==== */

enum { FI_WS_WORKSPACES_MEMORY_BYTES = 8 << 20 }; /* of a store that is opened for its catalog */
/* Whether a workspace (0: any) has a checkpoint; safety checkpoints count. */
FIRN_MUST_CHECK int fi_ws_workspaces_has_checkpoints(struct fi_catalog *catalog, uint32_t number,
                                                     bool *out, firn_error *err);
/* Removes a store in the usual place if it holds nothing. */
FIRN_MUST_CHECK int fi_ws_workspaces_remove_empty(struct fi_os *os, const char *store_path,
                                                  int64_t lock_timeout_ms, bool *out_removed,
                                                  firn_error *err);
/* Removes the note of a directory that is no longer a workspace of a named store. Best effort. */
void fi_ws_workspaces_forget_note(struct fi_os *os, const struct firn_db *db, const char *path);

#endif
