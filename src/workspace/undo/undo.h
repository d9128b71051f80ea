/* SPDX-License-Identifier: Apache-2.0
 *
 * undo/undo.h: the undo line of a workspace and its steps: what restores, undo and redo share.
 */
#ifndef FIRN_UNDO_UNDO_H
#define FIRN_UNDO_UNDO_H

#include "base/buf.h"
#include "base/error.h"
#include "catalog/catalog_facts.h"
#include "catalog/catalog_journal.h"
#include "catalog/catalog_undo_line.h"
#include "checkout/checkout.h"
#include "difference/difference.h"
#include "firn/workspace.h"
#include "handle/ws_opened.h"
#include "present/present.h"

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
    bool is_clean;    /* the directory was at the present state of the line */
    bool git_differs; /* with repositories: they are not as a checkpoint of the state has them */
    firn_workspace_step edits; /* how many files differ from that state */
    /* If open_ns is not 0: when an interrupted turn began, and in which state. */
    int64_t open_ns;
    size_t open_to;
    firn_workspace_turn open_turn; /* borrows from open_bytes */
    struct fi_buf open_bytes;
    int64_t turn_ns; /* when the turn that is over began that was chosen; 0: not known */
};

struct fi_ws_restore_target;

/* Where git repositories are restored from, if they are. */
enum fi_ws_git_from {
    FI_WS_GIT_OF_RECORD,
    FI_WS_GIT_CHOSEN,   /* restoring->git, a step of repositories alone, unless files differ */
    FI_WS_GIT_OF_STATE, /* the newest checkpoint of the state to which a step goes */
    FI_WS_GIT_STAYS     /* they are not */
};

/* A restore, whichever way it was asked for. */
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
    enum fi_ws_git_from git_from;
    struct fi_catalog_record git; /* if it was chosen; its bytes are in git_bytes */
    struct fi_buf git_bytes;
    uint64_t git_present; /* the order of the checkpoint that has the present ones; 0: unknown */
    struct fi_catalog_undo_line line; /* before this restore */
    struct fi_ws_step *step;          /* NULL: it is none; borrowed */
    bool is_idle;                     /* nothing, not even a directory, had to change */
    /* Nothing on the disk differs from the present state, whatever the rules of the last restore
     * exclude: they do not count (ws_edits.c). */
    bool is_at_state;
    bool is_of_line; /* the record is that of a line of a remote (catalog_lines.c) */
    int64_t turn_ns; /* the undo of a turn: when that began; 0: it is none, or that is not known */
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
/* Moves *at to the newest state, at or before it, that was made no later than a time and was not
 * deleted, and reads its record into *restoring. */
FIRN_MUST_CHECK int fi_ws_choose_by_time(struct fi_ws_restoring *restoring, int64_t time_ns,
                                         size_t *at, firn_error *err);
/* Reads the record of the present state of the line for the step, if it was not deleted (has_here).
 * Requires: the line is loaded and not empty. */
FIRN_MUST_CHECK int fi_ws_choose_read_here(struct fi_ws_restoring *restoring, firn_error *err);

/* ---- the undo of a turn with git repositories (ws_turn_git.c) ---- */

/* Finds the last turn, or the one that is asked for, if it changed repositories alone: one that is
 * over and began after a time. It becomes the open turn of the step (open_ns), if there is none. */
FIRN_MUST_CHECK int fi_ws_turn_git_find(struct fi_ws_restoring *restoring, int64_t newer_than_ns,
                                        firn_error *err);
/* The checkpoint with the files of a state whose repositories are those of a time (0: the state's).
 * *out borrows from bytes, or is the state. */
FIRN_MUST_CHECK int fi_ws_turn_git_read(struct fi_ws_restoring *restoring,
                                        const struct fi_catalog_record *state, int64_t time_ns,
                                        struct fi_buf *bytes, struct fi_catalog_record *out,
                                        firn_error *err);
/* The repositories are restored, and no file had to change: notes that the turn was undone, or that
 * none is undone any more. The line was not loaded, or was deinited. */
FIRN_MUST_CHECK int fi_ws_turn_git_note(struct fi_ws_restoring *restoring, firn_error *err);

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
/* Finds out for a step whether the rules of the last restore count (is_at_state). Does nothing for
 * a restore that is no step. */
FIRN_MUST_CHECK int fi_ws_edits_look(struct fi_ws_restoring *restoring, firn_error *err);
/* How many steps, to either side of the present state, are limited to paths at which the directory
 * has no edits: they can be taken before the edits are. */
struct fi_ws_edits_free {
    size_t back;
    size_t ahead;
};
/* Compares the disk with the present state of the line, as a dry run does. *out_differs: as
 * fi_ws_edits_differ says. Quiet: without notices. out_free may be NULL. Requires: has_here. */
FIRN_MUST_CHECK int fi_ws_edits_inspect(struct fi_ws_restoring *restoring, bool is_quiet,
                                        bool *out_differs, struct fi_ws_edits_free *out_free,
                                        firn_error *err);

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
 * checkout's counts. unsaved: what the scan of the disk left out; may be NULL. */
struct fi_checkout_options
fi_ws_restoring_apply_options(struct fi_ws_restoring *restoring, struct fi_os_dir *root,
                              const struct fi_difference_walk_side *before,
                              const struct fi_difference_walk_side *after,
                              struct fi_ws_restore_unsaved *unsaved);
/* Scans the disk as a restore to a checkpoint would, and stores nothing (fi_ws_compare_init).
 * *out_options is for a checkout of that checkpoint. The caller deinits *out, also after a
 * failure. */
FIRN_MUST_CHECK int
fi_ws_restoring_compare(struct fi_ws_restoring *restoring, const struct fi_catalog_record *record,
                        const struct fi_catalog_record *second, const firn_callbacks *callbacks,
                        struct fi_ws_compare *out, struct fi_checkout_options *out_options,
                        firn_error *err);
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

#endif
