/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_restore_internal.h: what the ways of restoring share. ws_restore.c decides what is
 * to be restored and where to, ws_restore_in_place.c changes a workspace, ws_restore_pending.c
 * deals with a restore that was interrupted.
 */
#ifndef FIRN_OPERATIONS_WS_RESTORE_INTERNAL_H
#define FIRN_OPERATIONS_WS_RESTORE_INTERNAL_H

#include "catalog/catalog_journal.h"
#include "checkout/checkout.h"
#include "handle/ws_internal.h"

/* A tree that is restored in place and is made for that, from what lies on the disk. */
struct firn_ws_restore_target {
    const struct firn_catalog_record *also_rules; /* whose rules count too */
    const char *doing;                            /* "reverting 12" */
    /* Looks whether it can be made, before anything is written; firn_ws_save_tree_source reads the
     * tree. */
    int (*check)(void *ctx, struct firn_ws_save_tree *tree, firn_error *err);
    /* Puts it into the store, where all of *tree is now; *out is a safety checkpoint of it that is
     * entered together with that of the present state. What it borrows lives as long as ctx. */
    int (*make)(void *ctx, const struct firn_ws_save_tree *tree, struct firn_catalog_record *out,
                firn_error *err);
    void *ctx;
};

struct firn_ws_restoring {
    struct firn_ws *ws;
    struct firn_ws_opened *opened;
    const firn_restore_options *options;
    struct firn_catalog_journal journal; /* as it was found */
    /* To be restored; its bytes live in ws->result. With a target the one whose rules count, until
     * the target is made. */
    struct firn_catalog_record record;
    const struct firn_ws_restore_target *target; /* NULL: a checkpoint */
    const firn_slice *paths;                     /* only these */
    size_t path_count;
    bool is_undo;
    bool was_foreign_told; /* of a pending restore, before this one began */
    bool is_resumed;       /* of an interrupted restore, or of what one had to leave out */
    /* What an undo of this restore brings back, where that is not what is there now. */
    bool has_undo_to;
    uint8_t undo_to[FIRN_CATALOG_RECORD_ID_SIZE];
    struct firn_tree_filter filter; /* of paths */
    firn_restore_result *result;
    int64_t begun_ns;
};

/* Fills options that do not say otherwise, and result. */
struct firn_checkout_options
firn_ws_restore_apply_options(struct firn_ws_restoring *restoring, struct firn_os_dir *root,
                              const struct firn_difference_walk_side *before,
                              const struct firn_difference_walk_side *after);
/* Opens the store for a restore in place, or one that would be (dry); what cannot be opened for writing
 * is told with why that is needed. */
FIRN_MUST_CHECK int firn_ws_restore_open_store(struct firn_ws *ws, bool is_dry,
                                               struct firn_ws_opened *out, firn_error *err);
/* The failure that a dry run foretells, after all else: FIRN_READ_ONLY or FIRN_DENIED. */
FIRN_MUST_CHECK int firn_ws_restore_foretell_store(const struct firn_ws_opened *opened,
                                                   firn_error *err);
/* What its caller says of today's saves. */
struct firn_ws_rules_today firn_ws_restore_today(const struct firn_ws_restoring *restoring);
void firn_ws_restore_report(struct firn_ws_restoring *restoring, const struct firn_checkout *apply);

/* Fills the filter. Paths that the journal brought need not be there any more. */
FIRN_MUST_CHECK int firn_ws_restore_init_filter(struct firn_ws_restoring *restoring,
                                                firn_error *err);
/* Brings the workspace to restoring->record. A pending restore has been put to rest before. */
FIRN_MUST_CHECK int firn_ws_restore_in_place(struct firn_ws_restoring *restoring, firn_error *err);

/* Fills restoring->journal. One that is pending and foreign (ws_internal.h): for what is about it, a
 * resume or an undo, FIRN_UNTRUSTED unless the options trust it; for all else it is told and taken for
 * none. */
FIRN_MUST_CHECK int firn_ws_restore_pending_read(struct firn_ws_restoring *restoring,
                                                 bool is_about_it, firn_error *err);
/* Chooses what is to be restored to finish the pending restore of the journal (resume) or to take
 * it back; paths are those of the journal. */
FIRN_MUST_CHECK int firn_ws_restore_pending_choose(struct firn_ws_restoring *restoring, bool resume,
                                                   firn_error *err);
/* Puts a pending restore to rest: with nothing moved yet, the journal is as it was before it. */
FIRN_MUST_CHECK int firn_ws_restore_pending_rest(struct firn_ws_restoring *restoring,
                                                 firn_error *err);

/* If a restore of an opened workspace is pending: finishes it. One of which nothing had moved yet is
 * dropped instead; one that cannot be finished, now or later, is put to rest, and the tree stays as
 * it is. Each is told (FIRN_NOTICE_RESUMED). */
FIRN_MUST_CHECK int firn_ws_restore_pending_finish(struct firn_ws *ws,
                                                   struct firn_ws_opened *opened, unsigned threads,
                                                   const firn_callbacks *callbacks,
                                                   firn_error *err);

#endif
