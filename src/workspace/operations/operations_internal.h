/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/operations_internal.h: what save, restore, revert and compare share. ws_restore.c
 * decides what to restore and where; ws_restore_in_place.c changes a workspace.
 */
#ifndef FIRN_OPERATIONS_OPERATIONS_INTERNAL_H
#define FIRN_OPERATIONS_OPERATIONS_INTERNAL_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/hash_map.h"
#include "catalog/catalog_facts.h"
#include "catalog/catalog_journal.h"
#include "catalog/catalog_undo_line.h"
#include "checkout/checkout.h"
#include "difference/difference.h"
#include "firn/workspace.h"
#include "handle/ws_opened.h"
#include "operations/operations.h"

/* ==== contents (ws_cat.c) ==== */

/* Hands the content of one file over, piece by piece, each verified. */
FIRN_MUST_CHECK int fi_ws_cat_stream(struct fi_ws_opened *opened, struct fi_pack_scratch *scratch,
                                     const firn_hash *hash, uint64_t size_bytes,
                                     firn_write_bytes write, void *ctx, firn_error *err);

/* ==== saves (ws_save.c, ws_save_tree.c, ws_save_record.c) ==== */

struct fi_statcache;
struct fi_watchlink;

/* One save, normal or safety, of an opened workspace. message is borrowed. */
struct fi_ws_save_request {
    firn_slice message;
    firn_workspace_turn turn; /* a turn that has ended; its agent is empty if there is none */
    int64_t turn_begun_ns;    /* 0: not known */
    bool is_safety;
    bool include_deps;
    bool gitignore;
    const struct fi_rules_list *stored_rules; /* see scan.h; may be NULL */
    bool strict;
    uint64_t file_size_max; /* see scan.h */
    bool is_full;           /* the stat cache is not used */
    bool is_to_be_compared; /* compared between scan and seal */
    unsigned threads;
    const char *tree_path; /* the directory to scan; NULL: the workspace's root */
    bool no_rules;         /* see scan.h, also for gaps */
    const firn_workspace_gap *gaps;
    size_t gap_count;
    int64_t created_ns; /* 0: now */
    firn_callbacks callbacks;
    const struct fi_catalog_joint *joint; /* other parts of the commit; may be NULL */
    struct fi_watchlink *watched;         /* the watch's report of what to visit; may be NULL */
    struct fi_ws_group *group;            /* the scan goes into its session; NULL: its own */
};

/* ==== saves that become durable together (ws_group.c) ==== */

struct fi_ws_group {
    struct fi_ws_opened opened;
    struct fi_objects_session *session;      /* of all of them */
    struct fi_objects_treesink *fresh;       /* their new directories */
    struct fi_tree_source trees;             /* these, and those in the store */
    struct firn_db_batch *batch;             /* records and tags */
    uint8_t last[FI_CATALOG_RECORD_ID_SIZE]; /* id of the checkpoint before the next; zeros: none */
    uint64_t count;
    atomic_uint_fast64_t tree_bytes; /* of new directories; lanes add to it: relaxed */
    bool is_broken;                  /* a save failed: nothing is committed */
};
/* The tree of the newest checkpoint, for a scan; *out is zeros if there is none. */
FIRN_MUST_CHECK int fi_ws_save_tree_last(struct fi_ws_opened *opened, struct fi_scan_last *out,
                                         firn_error *err);
/* The result of a scan into the store; its root's attributes are owned by scan. */
struct fi_ws_save_tree {
    struct fi_scan_result scan;
    uint64_t added_bytes;
    bool records_were_packed;
    bool has_rules;
    firn_hash rules; /* of the rules object; zeros if there is none */
    /* Until it is sealed: */
    struct fi_objects_session *session;
    struct fi_statcache *stat;
    struct fi_objects_treesink *fresh; /* NULL unless is_to_be_compared */
    struct fi_ws_group *group;         /* owns session and fresh; NULL: the tree does */
};
/* Scans the workspace and puts what is new into a sealed pack. The caller releases *out with
 * fi_scan_result_deinit(&out->scan), also after a failure. */
FIRN_MUST_CHECK int fi_ws_save_tree(struct fi_ws_opened *opened,
                                    const struct fi_ws_save_request *request,
                                    struct fi_ws_save_tree *out, firn_error *err);
/* The two halves of fi_ws_save_tree. If the caller releases the tree between them, with
 * fi_ws_save_tree_deinit, nothing was saved. After the second half, even if it failed, the tree
 * is released with that function or as above. */
FIRN_MUST_CHECK int fi_ws_save_tree_scan(struct fi_ws_opened *opened,
                                         const struct fi_ws_save_request *request,
                                         struct fi_ws_save_tree *out, firn_error *err);
FIRN_MUST_CHECK int fi_ws_save_tree_seal(struct fi_ws_opened *opened, struct fi_ws_save_tree *tree,
                                         firn_error *err);
void fi_ws_save_tree_deinit(struct fi_ws_save_tree *tree);
/* Copies the records of earlier checkpoints that are in no pack into that of a session, if it will
 * be one. */
FIRN_MUST_CHECK int fi_ws_save_tree_pack_records(struct fi_ws_opened *opened,
                                                 struct fi_objects_session *session,
                                                 bool *out_packed, firn_error *err);
/* Whether all of a scanned tree is in the store already. */
bool fi_ws_save_tree_is_stored(const struct fi_ws_save_tree *tree);
/* The directories of a scanned tree. Requires: is_to_be_compared was set, and the tree is not
 * sealed. stored reads the directories that are in the store. */
struct fi_tree_source fi_ws_save_tree_source(struct fi_ws_save_tree *tree,
                                             const struct fi_tree_source *stored);
/* Makes the record of a checkpoint of that tree, without a parent. *out borrows from tree, request
 * and ws. */
FIRN_MUST_CHECK int fi_ws_save_record_make(struct firn_ws *ws, struct fi_ws_opened *opened,
                                           const struct fi_ws_save_request *request,
                                           const struct fi_ws_save_tree *tree,
                                           struct fi_catalog_record *out, firn_error *err);
/* Names a checkpoint whose record is in the batch. As firn_workspace_tag_set. */
FIRN_MUST_CHECK int fi_ws_tag_stage(struct firn_ws *ws, struct fi_ws_opened *opened,
                                    struct firn_db_batch *batch, const char *name,
                                    const struct fi_catalog_record *record, bool may_replace,
                                    firn_error *err);
/* A save in ws->group. given is what options ask for. */
FIRN_MUST_CHECK int fi_ws_group_save(struct firn_ws *ws, const firn_workspace_save_options *options,
                                     const struct fi_ws_save_request *given,
                                     firn_workspace_save_result *out, firn_error *err);
/* Commits a checkpoint of that tree. *out borrows from tree, request and ws. */
FIRN_MUST_CHECK int fi_ws_save_record(struct firn_ws *ws, struct fi_ws_opened *opened,
                                      const struct fi_ws_save_request *request,
                                      const struct fi_ws_save_tree *tree,
                                      struct fi_catalog_record *out, firn_error *err);

/* ==== restores ==== */

struct fi_ws_restore_unsaved;

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

/* The paths to which a step is limited (ws_paths.c). Zeroed: to none. */
struct fi_ws_paths {
    struct fi_catalog_facts facts;
    firn_slice *items; /* point into facts */
    size_t count;
};

/* A step along the undo line (ws_undo_line.c). Zeroed: none was chosen. */
struct fi_ws_step {
    bool has_here;
    struct fi_catalog_record here; /* if has_here: the present state of the line */
    struct fi_buf here_bytes;
    bool has_next;  /* there is a step to take, if the directory has no edits */
    size_t to;      /* the item to go to */
    size_t told_to; /* steps up to this item have been told */
    /* The item of the step that changes facts, if that is the next; 0: it is not. */
    size_t facts_at;
    struct fi_ws_paths paths;
    bool is_clean;             /* the directory was at the present state of the line */
    firn_workspace_step edits; /* how many files differ from that state */
    /* If open_ns is not 0: when an interrupted turn began, and in which state. */
    int64_t open_ns;
    size_t open_to;
    firn_workspace_turn open_turn; /* borrows from open_bytes */
    struct fi_buf open_bytes;
};

struct fi_ws_restoring {
    struct firn_ws *ws;
    struct fi_ws_opened *opened;
    const firn_workspace_restore_options *options;
    firn_workspace_restore_result *result;
    int64_t begun_ns;
    struct fi_catalog_journal journal; /* as it was found */
    enum fi_catalog_journal_kind kind;
    /* To be restored; its bytes are in ws->record. With a target: the checkpoint whose rules apply,
     * until the target is made. */
    struct fi_catalog_record record;
    const struct fi_ws_restore_target *target; /* NULL: a checkpoint */
    const firn_slice *paths;                   /* only these */
    size_t path_count;
    struct fi_tree_filter filter; /* of paths */
    /* The checkpoint that an undo of this restore brings back; NULL: that of the present state. Of
     * the journal: its safety checkpoint if it is finished, its target if it is taken back. */
    const uint8_t *undo_to;
    struct fi_catalog_undo_line line; /* before this restore */
    struct fi_ws_step *step;          /* NULL: it is none; borrowed */
    bool is_idle;                     /* nothing, not even a directory, had to change */
};

/* ---- the undo line (ws_undo_line.c) ---- */

/* The record of a state; FIRN_NOT_FOUND if it was deleted. */
FIRN_MUST_CHECK int fi_ws_undo_line_state(struct fi_ws_opened *opened, uint64_t order,
                                          struct fi_buf *bytes, struct fi_catalog_record *out,
                                          firn_error *err);
/* Whether two trees differ in more than the times of directories; filter may be NULL. */
FIRN_MUST_CHECK int fi_ws_undo_line_compare(const struct fi_difference_walk_side *a,
                                            const struct fi_difference_walk_side *b,
                                            struct fi_tree_filter *filter, bool *out_is_different,
                                            firn_error *err);
/* The paths to which the step from the cursor to an item is limited; none: the whole tree. The
 * caller deinits *out, also after a failure. */
FIRN_MUST_CHECK int fi_ws_undo_line_paths(const struct fi_ws_restoring *restoring, size_t to,
                                          struct fi_ws_paths *out, firn_error *err);
/* Reads the undo line, for a restore that does not step on it. */
FIRN_MUST_CHECK int fi_ws_undo_line_load(struct fi_ws_restoring *restoring, firn_error *err);
/* Also of its step. */
void fi_ws_undo_line_deinit(struct fi_ws_restoring *restoring);
/* Adds the line after a step that changed facts to the commit that changes them. */
FIRN_MUST_CHECK int fi_ws_undo_line_put_facts(struct fi_ws_restoring *restoring,
                                              struct firn_db_batch *batch, firn_error *err);
/* Adds the line after a restore to the commit that ends it. */
FIRN_MUST_CHECK int fi_ws_undo_line_put(struct fi_ws_restoring *restoring,
                                        struct firn_db_batch *batch,
                                        const struct fi_catalog_journal *journal, firn_error *err);

/* ---- which state an undo or a redo restores (ws_choose.c) ---- */

/* Chooses the state that an undo or a redo restores if the directory is at the present state of the
 * line, and makes *step, which is zeroed, the step. FIRN_NOT_FOUND if there is none. Requires: no
 * restore is pending. */
FIRN_MUST_CHECK int fi_ws_choose(struct fi_ws_restoring *restoring, struct fi_ws_step *step,
                                 firn_error *err);
static inline bool
fi_ws_undo_line_is_forward(const struct fi_ws_restoring *restoring)
{
    return restoring->kind == FI_CATALOG_JOURNAL_REDO;
}
/* Whether it goes to where the last turn of an agent began. */
static inline bool
fi_ws_undo_line_is_turn(const struct fi_ws_restoring *restoring)
{
    return restoring->step != NULL && restoring->options->last_turn &&
           !fi_ws_undo_line_is_forward(restoring);
}
/* The present state of the line; NULL if it is not known, or was deleted. */
static inline const struct fi_catalog_record *
fi_ws_undo_line_here(const struct fi_ws_restoring *restoring)
{
    return restoring->step != NULL && restoring->step->has_here ? &restoring->step->here : NULL;
}
/* Whether edits on the disk are all that an interrupted turn made. */
static inline bool
fi_ws_undo_line_is_open_turn(const struct fi_ws_restoring *restoring)
{
    return restoring->step->open_ns != 0 && restoring->step->open_to == restoring->line.cursor;
}
/* Chooses the state after the one chosen, in the same direction. */
FIRN_MUST_CHECK int fi_ws_choose_next(struct fi_ws_restoring *restoring, firn_error *err);
/* The directory was scanned: chooses anew if it is not at the present state of the line, and sets
 * the checkpoint of the result. Does nothing for a restore that is no step. options are those of
 * the checkout to come; it gets the filter of what is chosen. */
FIRN_MUST_CHECK int fi_ws_choose_resolve(struct fi_ws_restoring *restoring,
                                         const struct fi_difference_walk_side *before,
                                         struct fi_checkout_options *options, firn_error *err);
/* Reads the record of the present state of the line for the step, if it was not deleted (has_here).
 * Requires: the line is loaded and not empty. */
FIRN_MUST_CHECK int fi_ws_choose_read_here(struct fi_ws_restoring *restoring, firn_error *err);
/* ---- the paths of a step (ws_paths.c) ---- */

/* The paths to which the step that led to a state is limited; none: the whole tree. The caller
 * deinits *out, also after a failure. */
FIRN_MUST_CHECK int fi_ws_paths_read(struct fi_ws_opened *opened,
                                     const struct fi_catalog_undo_line_state *state,
                                     struct fi_ws_paths *out, firn_error *err);
void fi_ws_paths_deinit(struct fi_ws_paths *paths);
/* Whether these are the paths of a journal. */
bool fi_ws_paths_are_of(const struct fi_ws_paths *paths, const struct fi_catalog_journal *journal);
/* Adds the paths of a journal to a batch, for the step that led to a state. */
FIRN_MUST_CHECK int fi_ws_paths_put(struct fi_ws_opened *opened, struct firn_db_batch *batch,
                                    uint64_t order, const struct fi_catalog_journal *journal,
                                    firn_error *err);

/* ---- edits on the disk (ws_edits.c) ---- */

/* Whether restoring the present state of the line would change the directory; how many files is in
 * the step's edits. With a filter only what it selects counts. */
FIRN_MUST_CHECK int fi_ws_edits_differ(struct fi_ws_restoring *restoring,
                                       const struct fi_difference_walk_side *before,
                                       const struct fi_checkout_options *options,
                                       struct fi_tree_filter *filter, bool *out, firn_error *err);
/* How many steps, to either side of the present state, are limited to paths at which the directory
 * has no edits: they can be taken before the edits are. */
struct fi_ws_edits_free {
    size_t back;
    size_t ahead;
};
/* Compares the disk with the present state of the line, as a dry run does. *out_differs: as
 * fi_ws_edits_differ says. out_free may be NULL. Requires: has_here. */
FIRN_MUST_CHECK int fi_ws_edits_inspect(struct fi_ws_restoring *restoring,
                                        const firn_callbacks *callbacks, bool *out_differs,
                                        struct fi_ws_edits_free *out_free, firn_error *err);

/* ---- steps that change facts (ws_facts.c, ws_facts_take.c) ---- */

/* Undo and redo of the step that changes facts (facts_at). If the directory differs from the
 * present state, it is not taken: then *out_differs is true, and what a restore is to do stands in
 * *restoring. A value that is not as the step left it stays; a notice says so. is_idle: all values
 * were as they are to be. */
FIRN_MUST_CHECK int fi_ws_facts_take(struct fi_ws_restoring *restoring, bool *out_differs,
                                     firn_error *err);
/* Whether the checkpoint of a fact exists, or can be brought back. */
enum fi_ws_facts_being { FI_WS_FACTS_GONE, FI_WS_FACTS_ALIVE, FI_WS_FACTS_DELETED };
/* Looks up the checkpoint with an order and an id. *out_number: its number, unless it is gone.
 * bytes is overwritten. */
FIRN_MUST_CHECK int fi_ws_facts_look_up(struct fi_ws_opened *opened, uint64_t order,
                                        const uint8_t *id, struct fi_buf *bytes,
                                        enum fi_ws_facts_being *out, uint64_t *out_number,
                                        firn_error *err);
/* The order and the id of the checkpoint that a value of a tag or a pin is about. False: of
 * none. */
bool fi_ws_facts_subject(firn_workspace_step_kind kind, firn_slice name, firn_slice value,
                         uint64_t *out_order, uint8_t *out_id);
/* Commits the changes in a batch as a step, with full durability; nothing, if there are none. */
FIRN_MUST_CHECK int fi_ws_facts_commit(struct firn_ws *ws, struct fi_ws_opened *opened,
                                       struct firn_db_batch *batch,
                                       const struct fi_catalog_facts *facts, firn_error *err);
/* What a step changed, for a visitor of steps; zeroed: empty. */
struct fi_ws_facts_told {
    struct fi_catalog_facts facts;
    struct fi_buf list;  /* of firn_workspace_fact */
    struct fi_buf texts; /* of ids */
};
FIRN_MUST_CHECK int fi_ws_facts_report(struct fi_ws_opened *opened, uint64_t order,
                                       struct fi_ws_facts_told *told, firn_workspace_step *step,
                                       firn_error *err);
void fi_ws_facts_told_deinit(struct fi_ws_facts_told *told);

/* ---- telling steps (ws_steps.c) ---- */

/* A state, and the one before it, as a visitor of steps gets them. Zeroed: none. */
struct fi_ws_steps_told {
    firn_workspace_step step;
    struct fi_ws_facts_told facts;
    firn_workspace_checkpoint checkpoint;
    struct fi_catalog_record record;
    struct fi_catalog_record base;
    struct fi_buf bytes;
    struct fi_buf base_bytes;
};
void fi_ws_steps_told_deinit(struct fi_ws_steps_told *told);
/* Describes the step that led to a state, and counts what an undo, or a redo, of it changes. */
FIRN_MUST_CHECK int fi_ws_steps_report_state(struct fi_ws_opened *opened,
                                             const struct fi_catalog_undo_line *line, size_t i,
                                             bool is_forward, struct fi_ws_steps_told *told,
                                             firn_error *err);
/* Tells edits that are only on the disk to the caller (on_step), and counts them as a step. */
FIRN_MUST_CHECK int fi_ws_steps_report_edits(struct fi_ws_restoring *restoring, firn_error *err);
/* The same with the steps from the state that was told last to the one that is to be restored. */
FIRN_MUST_CHECK int fi_ws_steps_report(struct fi_ws_restoring *restoring, firn_error *err);

/* ---- from a request to a checkout, and back (ws_restoring.c) ---- */

/* The options of the checkout for a restore; fi_ws_restoring_report fills result from the
 * checkout's counts. */
struct fi_checkout_options
fi_ws_restoring_apply_options(struct fi_ws_restoring *restoring, struct fi_os_dir *root,
                              const struct fi_difference_walk_side *before,
                              const struct fi_difference_walk_side *after);
/* The name of a checkpoint for users: its number, or the start of its id for a safety
 * checkpoint. */
enum { FI_WS_RESTORING_NAME_SIZE = 24 };
void fi_ws_restoring_name(const struct fi_catalog_record *record,
                          char out[FI_WS_RESTORING_NAME_SIZE]);
/* Makes the filter that of restoring->paths. Only those that the caller gave must exist. */
FIRN_MUST_CHECK int fi_ws_restoring_set_filter(struct fi_ws_restoring *restoring, firn_error *err);
/* The rules of today's saves, from the options of the restore. */
struct fi_ws_rules_today fi_ws_restoring_today(const struct fi_ws_restoring *restoring);
void fi_ws_restoring_report(struct fi_ws_restoring *restoring, const struct fi_checkout *checkout);

/* ---- restores in place ---- */

/* Opens the store for a restore in place, or for a dry run of one. If the store cannot be opened
 * for writing, the message says why that is needed. */
FIRN_MUST_CHECK int fi_ws_restore_open_store(struct firn_ws *ws, bool is_dry,
                                             struct fi_ws_opened *out, firn_error *err);
/* Brings the workspace to restoring->record. Requires: what a pending restore left has been
 * recovered. */
FIRN_MUST_CHECK int fi_ws_restore_in_place(struct fi_ws_restoring *restoring, firn_error *err);
/* Restores restoring->record at restoring->paths, in place, as a step of its own. */
FIRN_MUST_CHECK int fi_ws_restore_paths(struct fi_ws_restoring *restoring, firn_error *err);

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

/* Which entries a safety checkpoint lacks, or has without some of their attributes, because they
 * could not be read. */

struct fi_ws_restore_unsaved {
    firn_callbacks outer;
    struct fi_hash_map paths; /* of entries that are not saved, or not whole, for lack of access */
    struct fi_buf excluded;   /* uint64_t each: hashes of the paths that rules leave out */
    /* the same, of the directories that hold what is left out; each at least once */
    struct fi_buf holders;
    uint64_t last_holder; /* 0: none */
    bool is_sorted;       /* both */
    struct fi_arena arena;
    bool is_out_of_memory;
};

/* Fills *out_callbacks for a scan: notices are recorded and passed on to outer. *unsaved must not
 * move before deinit. */
void fi_ws_restore_unsaved_init(struct fi_ws_restore_unsaved *unsaved, const firn_callbacks *outer,
                                firn_callbacks *out_callbacks);
void fi_ws_restore_unsaved_deinit(struct fi_ws_restore_unsaved *unsaved);
/* FIRN_NO_MEMORY if a path could not be recorded. */
FIRN_MUST_CHECK int fi_ws_restore_unsaved_check(const struct fi_ws_restore_unsaved *unsaved,
                                                firn_error *err);
/* A callback for fi_checkout_options. Requires: the scan is over; one thread at a time. */
enum fi_checkout_unsaved fi_ws_restore_unsaved_why(void *ctx, firn_slice path, size_t *out_size);
bool fi_ws_restore_unsaved_holds(void *ctx, firn_slice dir);

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

/* A checkpoint and the present disk as the two sides of a difference; nothing is stored. */

struct fi_ws_compare {
    struct fi_ws_rules rules; /* of the checkpoint */
    struct fi_objects_treesink *treesink;
    struct fi_tree_source now;
    struct fi_scan_result scan;
    struct fi_difference_walk_side checkpoint_side; /* borrows the record's root */
    struct fi_difference_walk_side disk_side;
    bool is_watched; /* a watch has answered */

    /* Of fi_ws_compare_init alone: what rules leave out, and the last look at such an entry. */
    struct fi_ws_restore_unsaved unsaved;
    firn_callbacks callbacks;
    struct fi_os_dir *root; /* borrowed */
    struct fi_os_dir *dir;  /* of dir_path, if has_dir; NULL: it does not exist */
    struct fi_buf dir_path;
    bool has_dir;
    struct fi_buf told; /* the excluded entry that was reported last */
};

struct fi_ws_compare_options {
    unsigned threads;
    struct fi_ws_rules_today today;
    const firn_callbacks *callbacks;
};

/* Scans the disk as a save would now, with the options of the checkpoint: what today's rules
 * exclude is missing on the disk's side (fi_ws_compare_is_left_alone). *out must not move; the
 * caller deinits it, also after a failure. record is borrowed. */
FIRN_MUST_CHECK int fi_ws_compare_init(struct fi_ws_compare *out, struct firn_ws *ws,
                                       struct fi_ws_opened *opened,
                                       const struct fi_catalog_record *record,
                                       const struct fi_ws_compare_options *options,
                                       firn_error *err);
/* Scans as a restore would: what the rules of the checkpoint exclude is missing too, and what the
 * rules of second exclude, if it is not NULL. */
FIRN_MUST_CHECK int fi_ws_compare_init_for_restore(struct fi_ws_compare *out, struct firn_ws *ws,
                                                   struct fi_ws_opened *opened,
                                                   const struct fi_catalog_record *record,
                                                   const struct fi_catalog_record *second,
                                                   const struct fi_ws_compare_options *options,
                                                   firn_error *err);
void fi_ws_compare_deinit(struct fi_ws_compare *compare);
/* Whether a change is none, because the entry is on the disk, and only missing on its side because
 * today's rules exclude it. Requires: fi_ws_compare_init; the scan is over; one thread at a
 * time. */
FIRN_MUST_CHECK int fi_ws_compare_is_left_alone(struct fi_ws_compare *compare,
                                                const struct fi_difference_walk_change *change,
                                                bool *out, firn_error *err);
/* Reports such an entry (FIRN_NOTICE_LEFT_ALONE): once for the topmost one that rules exclude.
 * Requires: the changes come in the order of a walk. */
FIRN_MUST_CHECK int fi_ws_compare_report_left_alone(struct fi_ws_compare *compare, firn_slice path,
                                                    firn_error *err);

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
