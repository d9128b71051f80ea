/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/operations_internal.h: what the ways of restoring share. ws_restore.c decides what is
 * to be restored and where to, ws_restore_in_place.c changes a workspace.
 */
#ifndef FIRN_OPERATIONS_OPERATIONS_INTERNAL_H
#define FIRN_OPERATIONS_OPERATIONS_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/hash_map.h"
#include "catalog/catalog_journal.h"
#include "checkout/checkout.h"
#include "difference/difference.h"
#include "firn/workspace.h"
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
    const firn_workspace_restore_options *options;
    struct firn_catalog_journal journal; /* as it was found */
    /* To be restored; its bytes live in ws->record. With a target the one whose rules count, until
     * the target is made. */
    struct firn_catalog_record record;
    const struct firn_ws_restore_target *target; /* NULL: a checkpoint */
    const firn_slice *paths;                     /* only these */
    size_t path_count;
    bool is_undo;
    bool was_foreign_told; /* of a pending restore, before this one began */
    bool is_resumed;       /* of an interrupted restore, or of what one had to leave out */
    /* The checkpoint that an undo of this restore brings back, where that is not the present
     * state. */
    bool has_undo_to;
    uint8_t undo_to[FIRN_CATALOG_RECORD_ID_SIZE];
    struct firn_tree_filter filter; /* of paths */
    firn_workspace_restore_result *result;
    int64_t begun_ns;
};

/* Fills options that do not say otherwise, and result. */
struct firn_checkout_options
firn_ws_restore_apply_options(struct firn_ws_restoring *restoring, struct firn_os_dir *root,
                              const struct firn_difference_walk_side *before,
                              const struct firn_difference_walk_side *after);
/* Opens the store for a restore in place, or for a dry run of one. Where it cannot be opened for writing
 * the message says why that is needed. */
FIRN_MUST_CHECK int firn_ws_restore_open_store(struct firn_ws *ws, bool is_dry,
                                               struct firn_ws_opened *out, firn_error *err);
/* After a dry run, fails as the restore would if the store cannot be written to: FIRN_READ_ONLY or
 * FIRN_DENIED. */
FIRN_MUST_CHECK int firn_ws_restore_foretell_store(const struct firn_ws_opened *opened,
                                                   firn_error *err);
/* How saves are made today, as the caller of the restore says. */
struct firn_ws_rules_today firn_ws_restore_today(const struct firn_ws_restoring *restoring);
void firn_ws_restore_report(struct firn_ws_restoring *restoring, const struct firn_checkout *apply);

/* Brings the workspace to restoring->record. A pending restore has been put to rest before. */
FIRN_MUST_CHECK int firn_ws_restore_in_place(struct firn_ws_restoring *restoring, firn_error *err);

/* If a restore of an opened workspace is pending: finishes it. One of which nothing had moved yet is
 * dropped instead; one that cannot be finished, now or later, is put to rest, and the tree stays as
 * it is. Each is reported (FIRN_NOTICE_RESUMED). */
FIRN_MUST_CHECK int firn_ws_restore_pending_finish(struct firn_ws *ws,
                                                   struct firn_ws_opened *opened, unsigned threads,
                                                   const firn_callbacks *callbacks,
                                                   firn_error *err);

/* Which entries a safety checkpoint lacks, or has without some of their attributes, because they
 * could not be read. */

struct firn_ws_restore_unsaved {
    firn_callbacks outer;
    struct firn_hash_map
        paths;                /* of entries that are not saved, or not whole, for want of access */
    struct firn_buf excluded; /* uint64_t each: hashes of the paths that rules leave out */
    bool is_sorted;           /* those are */
    struct firn_arena arena;
    bool is_out_of_memory;
};

/* Fills *out_callbacks for a scan: notices are looked at and handed on to outer. *unsaved stays
 * where it is until deinit. */
void firn_ws_restore_unsaved_init(struct firn_ws_restore_unsaved *unsaved,
                                  const firn_callbacks *outer, firn_callbacks *out_callbacks);
void firn_ws_restore_unsaved_deinit(struct firn_ws_restore_unsaved *unsaved);
/* FIRN_NO_MEMORY if something was forgotten. */
FIRN_MUST_CHECK int firn_ws_restore_unsaved_check(const struct firn_ws_restore_unsaved *unsaved,
                                                  firn_error *err);
/* For firn_checkout_options. After the scan; one thread. */
enum firn_checkout_unsaved firn_ws_restore_unsaved_why(void *ctx, firn_slice path,
                                                       size_t *out_size);

struct firn_ws_revert {
    const firn_workspace_revert_options *options;
    firn_workspace_revert_result *result;
    struct firn_ws_restoring restoring; /* of the tree that is made */
    struct firn_catalog_record after;   /* to be taken back; the base of the merge */
    struct firn_catalog_record before;  /* theirs */
    struct firn_tree_filter filter;
    const struct firn_tree_source *trees; /* of after, before, and what the scan has stored */
    char doing[64];                       /* "reverting 12" */
    int64_t now_ns;

    /* What the check gave. */
    struct firn_objects_treesink *merged;
    struct firn_tree_source merged_source;
    struct firn_hash_map made; /* firn_hash of each content that is not in the store */
    struct firn_difference_merge_result merge;
    struct firn_difference_merge_counts counts;

    struct firn_objects_session *session; /* of what is made */
    struct firn_objects_session_lane *lane;
};

/* A checkpoint and the disk of now as the two sides of a difference, without storing anything. */

struct firn_ws_compare {
    struct firn_ws_rules rules; /* of the checkpoint */
    struct firn_objects_treesink *treesink;
    struct firn_tree_source now;
    struct firn_scan_result scan;
    struct firn_difference_walk_side checkpoint_side; /* borrows the record's root */
    struct firn_difference_walk_side disk_side;
    bool is_watched; /* a watch has answered */
};

struct firn_ws_compare_options {
    unsigned threads;
    struct firn_ws_rules_today today;
    const firn_callbacks *callbacks;
};

/* Scans the disk as a save would now, with the options of the checkpoint: what today's rules
 * exclude is missing on the disk's side. *out must stay where it is and is to be deinited, also
 * after a failure. record is borrowed. */
FIRN_MUST_CHECK int firn_ws_compare_init(struct firn_ws_compare *out, struct firn_ws *ws,
                                         struct firn_ws_opened *opened,
                                         const struct firn_catalog_record *record,
                                         const struct firn_ws_compare_options *options,
                                         firn_error *err);
/* The same as a restore would: what the checkpoint's rules exclude is missing too; and what those of
 * a second one do, which may be NULL. */
FIRN_MUST_CHECK int firn_ws_compare_init_for_restore(
    struct firn_ws_compare *out, struct firn_ws *ws, struct firn_ws_opened *opened,
    const struct firn_catalog_record *record, const struct firn_catalog_record *second,
    const struct firn_ws_compare_options *options, firn_error *err);
void firn_ws_compare_deinit(struct firn_ws_compare *compare);

#endif
