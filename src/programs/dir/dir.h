/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir.h: the commands about workspaces.
 */
#ifndef FIRN_DIR_DIR_H
#define FIRN_DIR_DIR_H

#include "command/command.h"
#include "past/past.h"
#include "show/show.h"

extern const struct fi_command fi_dir_save;
extern const struct fi_command fi_dir_list;
extern const struct fi_command fi_dir_show;
extern const struct fi_command fi_dir_status;
extern const struct fi_command fi_dir_diff;
extern const struct fi_command fi_dir_cat;
extern const struct fi_command fi_dir_restore;
extern const struct fi_command fi_dir_grep;
extern const struct fi_command fi_dir_log;
extern const struct fi_command fi_dir_blame;
extern const struct fi_command fi_dir_browse;
extern const struct fi_command fi_dir_restore_undo;
extern const struct fi_command fi_dir_restore_redo;
extern const struct fi_command fi_dir_watch;
extern const struct fi_command fi_dir_revert;
extern const struct fi_command fi_dir_delete;
extern const struct fi_command fi_dir_delete_undo;
extern const struct fi_command fi_dir_forget;
extern const struct fi_command fi_dir_gc;
extern const struct fi_command fi_dir_pin;
extern const struct fi_command fi_dir_pin_remove;
extern const struct fi_command fi_dir_tag;
extern const struct fi_command fi_dir_check;
extern const struct fi_command fi_dir_repair;
extern const struct fi_command fi_dir_repair_db;
extern const struct fi_command fi_dir_init;
extern const struct fi_command fi_dir_trust;
extern const struct fi_command fi_dir_config;
extern const struct fi_command fi_dir_workspaces;

/* A walk through the history of a workspace, newest first; firn_workspace_log, which also follows
 * one file through renames. */
struct fi_dir_history {
    firn_workspace *workspace;
    /* Its functions get `ctx`. on_checkpoint must be given; it may be called twice for a
     * checkpoint, and then nothing was told of it before. */
    firn_workspace_log_options options;
    int (*on_compared)(void *ctx, const firn_workspace_diff_result *result);
    void *ctx;
    char *path; /* the file to follow, on the heap, as it is called at the moment; NULL: none */
};
/* Returns a code of the library. The caller frees the path. */
int fi_dir_history_walk(struct fi_dir_history *history, firn_error *err);

/* Calls put for each tag and for the newest checkpoints, for struct fi_command_program. */
void fi_dir_tag_references(struct fi_cli *cli, void (*put)(firn_slice reference));
/* What a word means that other programs have as a subcommand for tags: list, rm, add and the
 * like. */
enum fi_dir_tag_word {
    FI_DIR_TAG_WORD_NONE,
    FI_DIR_TAG_WORD_LISTS,
    FI_DIR_TAG_WORD_REMOVES,
    FI_DIR_TAG_WORD_ADDS
};
enum fi_dir_tag_word fi_dir_tag_word_of(const char *word);
/* Calls put for the paths in a checkpoint that begin as the word does, up to the next slash, for
 * struct fi_command_program. Returns whether there is such a checkpoint. */
bool fi_dir_paths(struct fi_cli *cli, const char *reference, const char *word,
                  void (*put)(firn_slice path));

/* Says what to do about entries that were not restored; safety_id is the result's. */
void fi_dir_restore_hint_rest(const char *safety_id);
/* What a restore changes for other programs. */
struct fi_dir_bare {
    char *path; /* from the root */
    bool is_worktree;
};
struct fi_dir_beside {
    unsigned hooks;           /* as fi_hook_agent_inspect finds them */
    struct fi_dir_bare *bare; /* directories of git, with something in them, that have no .git */
    size_t bare_count;
};
/* Looks before a restore. The caller passes *out to tell or drop. */
void fi_dir_beside_inspect(const firn_workspace *workspace, struct fi_dir_beside *out);
/* Tells which hooks of coding agents were there and are not any more, and which worktrees and
 * submodules of git are back without their file .git: on standard error, or as the members
 * "hooks_removed" and "without_git" of the result. Drops *before. */
void fi_dir_beside_report(const firn_workspace *workspace, struct fi_dir_beside *before);
void fi_dir_beside_drop(struct fi_dir_beside *before);

/* firn restore --interactive: a screen with one checkpoint; the arguments from first_path on are
 * paths. NULL: the history. Returns an exit code. */
int fi_dir_browse_run(struct fi_cli *cli, const char *reference, int first_path);
/* firn undo --interactive: the history, to choose what to undo. Returns an exit code. */
int fi_dir_browse_undo(struct fi_cli *cli);

/* firn undo --list. Returns an exit code. */
int fi_dir_steps_list(struct fi_cli *cli);

/* The result of a save as one line, without a line feed. */
void fi_dir_save_print(const firn_workspace_save_result *result);

#endif
