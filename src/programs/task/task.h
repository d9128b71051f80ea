/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task.h: what a command needs around a call of the library: settings, the workspace, waiting
 * for another writer, what the library tells meanwhile, what is to be done afterwards.
 */
#ifndef FIRN_TASK_TASK_H
#define FIRN_TASK_TASK_H

#include <limits.h>
#include <sys/types.h>

#include "command/command.h"
#include "firn/firn.h"

/* ---- what firn config says, as the commands take it ---- */

/* Fills cli->settings, and the time to wait, for a command that writes, unless it has --no-config.
 * Reports files that cannot be read, and continues. Returns an exit code. */
int fi_task_settings_take(struct fi_cli *cli, firn_workspace *workspace);

/* Takes one setting, if it is one that a command that writes follows. Returns a code of the
 * library. */
int fi_task_settings_set(struct fi_command_settings *settings, const firn_config_setting *setting);

/* How to save by the settings. out->keep is borrowed from them. */
void fi_task_settings_save(const struct fi_command_settings *settings,
                           firn_workspace_save_options *out);

/* How saves are made today, for a command that compares the disk as a save would see it. */
struct fi_task_settings_today {
    bool gitignore;
    bool without_git;
    uint64_t file_size_max;
};
/* A file of settings that cannot be read is reported where something is done, and by firn status:
 * tells. */
struct fi_task_settings_today fi_task_settings_inspect(firn_workspace *workspace, bool tells);

/* Tells, on standard error, of a file of settings that cannot be read, and what to do about it. */
void fi_task_settings_report(const firn_workspace *workspace, const firn_notice *notice);

/* The files that were reported since the settings were taken, for the member "notices". */
void fi_task_settings_unread(void (*on_notice)(void *ctx, const firn_notice *notice), void *ctx);

/* ---- the workspace that a command is about ---- */

/* Opens the workspace that the command line names: --directory, else the current directory.
 * Returns an exit code; unless it is FI_EXIT_OK the failure has been reported. */
int fi_task_workspace_open(struct fi_cli *cli, firn_workspace **out);
/* The same for commands that run in the background and ask no question. *out_is_untrusted: a store
 * in the tree is not trusted (firn trust), and nothing must be done; it was reported. */
int fi_task_workspace_open_unasked(struct fi_cli *cli, firn_workspace **out,
                                   bool *out_is_untrusted);
/* The same for a command that a person starts, and that runs by itself then: asks for what opens
 * the store, and nothing else. Returns an exit code. */
int fi_task_workspace_open_watched(struct fi_cli *cli, firn_workspace **out);
extern const char fi_task_workspace_untrusted_hint[];
/* The same, for a command that is about the directory itself, even inside another workspace.
 * cipher: of a store that is made. */
int fi_task_workspace_open_root(struct fi_cli *cli, const char *store_path, firn_cipher cipher,
                                firn_workspace **out);
/* What to do where a directory that is to go on with a history has one of its own; otherwise
 * `hint`. */
const char *fi_task_workspace_adopt_hint(int code, const char *hint);
/* Goes on with the history of a directory that was moved. */
int fi_task_workspace_adopt(struct fi_cli *cli, firn_workspace *workspace, const char *hint);

/* Tells, on standard error and with --json in the member "foreign_files" of the open object, of
 * what is in a store inside of a tree that firn did not make there, if there is any. */
void fi_task_foreign_report(const struct fi_cli *cli, const char *store_path);

/* Why the first save of this workspace is to be asked about (firn_workspace_too_broad); NULL where
 * it is not, or is not the first. */
const char *fi_task_workspace_unwanted(firn_workspace *workspace);
/* Says, where it is so, which store could not be read that may hold this directory's history. */
void fi_task_workspace_report_unread(const firn_workspace *workspace);

/* Paths below the workspace's root, as the library wants them. */
struct fi_task_workspace_paths {
    firn_slice *slices; /* NULL for all of the workspace */
    size_t count;
};

/* Turns a path, relative to the current directory or absolute, into one below the root, on the
 * heap: *out.data is the caller's to free. Returns FIRN_INVALID for one that leaves the workspace,
 * FIRN_NO_MEMORY, or FIRN_OK. */
int fi_task_workspace_path(const struct fi_cli *cli, const firn_workspace *workspace,
                           const char *path, firn_slice *out);
/* Turns the positional arguments from `first` on into paths below the root. Each may be relative
 * to the current directory or absolute. Without any the list is
 * empty, which means all of the workspace. A path that leaves the workspace is a usage error.
 * Returns an exit code. */
int fi_task_workspace_paths_init(struct fi_cli *cli, const firn_workspace *workspace, int first,
                                 struct fi_task_workspace_paths *out);
void fi_task_workspace_paths_deinit(struct fi_task_workspace_paths *paths);

/* ---- turns of coding agents, and what firn run has run ---- */

/* The states that a turn began and ended in. */
struct fi_task_turn {
    firn_workspace_checkpoint *last;     /* or has reached, if it is not over; its newest one */
    char first[FIRN_CHECKPOINT_ID_SIZE]; /* in which it began; "": in no checkpoint of today */
    uint64_t first_number;
    uint64_t after_first; /* the number of the checkpoint that follows that one today */
};

/* Whether a word names a turn, as firn turns does: "@12", "@rename it". */
bool fi_task_turn_is_name(const char *word);
/* Finds the turn of a name; the "@" may be missing. FIRN_NOT_FOUND; FIRN_INVALID if a text is in
 * the prompts of several: the error lists some. The caller deinits *out. */
FIRN_MUST_CHECK int fi_task_turn_look(firn_workspace *workspace, const char *name,
                                      struct fi_task_turn *out, firn_error *err);
/* What to do where that failed; NULL: the text says it. */
const char *fi_task_turn_hint(int code);
/* The same two; returns an exit code. */
int fi_task_turn_find(struct fi_cli *cli, firn_workspace *workspace, const char *name,
                      struct fi_task_turn *out);
void fi_task_turn_deinit(struct fi_task_turn *turn);

/* Whether a turn, or a run, ended with a checkpoint, or has reached it. */
bool fi_task_turn_has(const firn_workspace_checkpoint *checkpoint);
/* Of such a checkpoint: when that began (0: it is not known), and its prompt or command, without
 * blanks and line feeds around it. */
int64_t fi_task_turn_begun_ns(const firn_workspace_checkpoint *checkpoint);
firn_slice fi_task_turn_text(const firn_workspace_checkpoint *checkpoint);
/* Whether two checkpoints are of one turn, whose beginning is known. */
bool fi_task_turn_is_same(const firn_workspace_checkpoint *a, const firn_workspace_checkpoint *b);
/* Whether the turn that has `end` began in the state of a checkpoint, or after it. Requires: it is
 * asked of each checkpoint before `end`, newest first; the first one is the turn's beginning. */
bool fi_task_turn_is_beginning(const firn_workspace_checkpoint *end,
                               const firn_workspace_checkpoint *older);
/* Whether `part` occurs in a text, in any case. */
bool fi_task_turn_contains(firn_slice text, const char *part);
/* A text without blanks and line feeds around it. */
firn_slice fi_task_turn_trim(firn_slice text);
/* A copy, in one allocation that free() frees; NULL when memory is out. */
firn_workspace_checkpoint *fi_task_turn_copy(const firn_workspace_checkpoint *checkpoint);

/* Two checkpoints in one word: "A..B", "A.." or "..B". Zeroed, there is none. */
struct fi_task_workspace_range {
    const char *first, *second; /* NULL: not given */
    char *memory;               /* NULL: the word is no range */
};
/* A word that is no range, such as the path "../src", leaves *out zeroed. Returns false when memory
 * is out. */
bool fi_task_workspace_range_init(const char *word, struct fi_task_workspace_range *out);
void fi_task_workspace_range_deinit(struct fi_task_workspace_range *range);

/* The checkpoints after A, up to and including B. */
struct fi_task_window {
    char before[FIRN_CHECKPOINT_ID_SIZE],
        last[FIRN_CHECKPOINT_ID_SIZE]; /* A and B; "": not given */
    bool is_whole;                     /* there is no range: the whole history */
    bool has_begun, has_ended;
};
/* Of a command whose only argument, which may be missing, is a range. Returns an exit code. */
int fi_task_window_init(struct fi_cli *cli, firn_workspace *workspace, struct fi_task_window *out);
/* Whether a checkpoint is one of them. Requires: it is called for each checkpoint, safety
 * checkpoints included, newest first. */
bool fi_task_window_has(struct fi_task_window *window, const firn_workspace_checkpoint *checkpoint);

/* The checkpoints among the words of a command that takes paths after them. */
struct fi_task_workspace_references {
    const char *first, *second; /* NULL: not given */
    int words;                  /* how many arguments they are; those after them are paths */
    struct fi_task_workspace_range range;
    struct fi_task_turn turn; /* that the first word names; last is NULL: it names none */
};

/* Tells checkpoints from paths: of the arguments from `from` on and before "--", at most `most` (1
 * or 2) name checkpoints, and they come first. A word that names no checkpoint, but a file or
 * directory on disk or in the newest checkpoint, is a path. If most is 2, A..B are two checkpoints
 * in one word; a missing one is latest. REF:PATH is both (task_colon.c). So is a turn
 * (fi_task_turn_is_name) as the first word: the first is NULL if it began in no checkpoint.
 * Elsewhere a turn is the state that it ended in. Returns an exit code. */
int fi_task_workspace_references_init(struct fi_cli *cli, firn_workspace *workspace, int from,
                                      int most, struct fi_task_workspace_references *out);
void fi_task_workspace_references_deinit(struct fi_task_workspace_references *references);

/* Whether there is something of this name on disk or, as of a file that was deleted, in the newest
 * checkpoint. */
bool fi_task_workspace_is_path(struct fi_cli *cli, firn_workspace *workspace, const char *word);
/* Replaces REF:PATH among those arguments by REF, with PATH at the end of all, as if it stood after
 * "--": fi_task_workspace_references_init does that. Two of them must have one path. The arguments
 * are valid until the next call. Returns an exit code. */
int fi_task_colon_split(struct fi_cli *cli, firn_workspace *workspace, int from, int most);

/* For a command whose first word is a checkpoint and all others paths: a usage error without one.
 * Returns an exit code. */
int fi_task_workspace_check_reference(struct fi_cli *cli);
/* How to choose a checkpoint. */
extern const char fi_task_workspace_choose_hint[];
/* Whether a reference is a time: no number, id or name. */
bool fi_task_workspace_is_time(const char *text);

/* What stands here for a reference that is git's, such as HEAD~1, @, REF^ or REF:PATH; NULL: it is
 * none. */
const char *fi_task_workspace_habit(const char *word);

/* What to do next after a command failed: if it was because `reference` names no checkpoint,
 * where to look for one; else NULL, and the code speaks for itself. */
const char *fi_task_workspace_hint(firn_workspace *workspace, const char *reference, int code);
/* The same for a command whose first word may be meant as a path. */
const char *fi_task_workspace_hint_or_path(firn_workspace *workspace, const char *reference,
                                           int code);
/* `hint`, or, where there is none and the failure is that a path was not found, where to look for
 * it. */
const char *fi_task_workspace_hint_paths(const char *hint, size_t path_count, int code);

/* ---- remotes ---- */

/* Whether the store has a remote of that name (NULL: any). */
bool fi_task_remote_has(firn_workspace *workspace, const char *name);
/* The usual remote, which a command means where none is named: the only one, or "origin". False,
 * with "", if there is none. */
bool fi_task_remote_usual(firn_workspace *workspace, char out[FI_COMMAND_REMOTE_SIZE]);
/* Whether a reference is of a remote that has a name here, and nothing is here that it names. Then
 * name is the remote's, and *out_rest what follows in the reference. */
bool fi_task_remote_is_away(firn_workspace *workspace, const char *reference,
                            char name[FIRN_REMOTE_NAME_SIZE_MAX + 1], const char **out_rest);
/* What to do if the remote could not give it; NULL: the text says it. */
const char *fi_task_remote_away_hint(int code);
/* Brings the checkpoint of such a reference, alone; does nothing if it is not away. Returns an exit
 * code. */
int fi_task_remote_bring(struct fi_cli *cli, firn_workspace *workspace, const char *reference);
/* Whether a word is such a name, or one with a line after it, as in "origin/ada@laptop:project". */
bool fi_task_remote_is_meant(firn_workspace *workspace, const char *word);

/* Prints how a checkpoint is called that `reference` (may be NULL) named: "12", or of a remote's
 * line "origin/12". */
void fi_task_remote_print_name(firn_workspace *workspace, const char *reference,
                               const firn_workspace_checkpoint *checkpoint);

/* ---- a restore that was interrupted, told by the commands that only look ---- */

/* What there is before a command looks at the files; zeroed where that cannot be known. */
void fi_task_pending_inspect(firn_workspace *workspace, firn_workspace_pending_restore *out);
/* Says on standard error what to do about it, if there is one; with --json also as the members
 * "pending" and "running" of the open object, null if there is none. To be called after what the
 * command itself has to say; earlier is what fi_task_pending_inspect found, or NULL. Returns an
 * exit code: FI_EXIT_OK, or that of a failure, which has been reported. */
int fi_task_pending_report(struct fi_cli *cli, firn_workspace *workspace,
                           const firn_workspace_pending_restore *earlier);
/* "a restore of 3 is under way by process 12, for 4 s: 1,200 of 80,000 files are in place", of one
 * that is running. */
void fi_task_pending_running(const firn_workspace_pending_restore *pending, char *out, size_t size);

/* A hint after a restore that has just failed half way; NULL if nothing was changed. */
const char *fi_task_pending_hint(firn_workspace *workspace);
/* A hint after a restore in place that has failed because a disk is full; NULL after other
 * failures. */
const char *fi_task_full_hint(firn_workspace *workspace, const firn_error *err);

/* ---- waiting for another writer as long as --wait says, and not longer than a signal allows
 * ---- */

/* The lock_timeout_ms for handles whose calls are made through fi_task_patience_run. */
int64_t fi_task_patience_slice_ms(const struct fi_cli *cli);

/* Calls attempt, and repeats it while it returns FIRN_BUSY and --wait allows. Returns its last
 * result, or FIRN_CANCELLED if a signal came in between. If it waits for a restore of the open
 * workspace, it says so. */
int fi_task_patience_run(const struct fi_cli *cli, int (*attempt)(void *ctx, firn_error *err),
                         void *ctx, firn_error *err);

/* A save of an open workspace, and an attempt at it for fi_task_patience_run, whose ctx it is. */
struct fi_task_patience_saving {
    firn_workspace *workspace;
    firn_workspace_save_options options;
    firn_workspace_save_result result;
};
FIRN_MUST_CHECK int fi_task_patience_save(void *ctx, firn_error *err);

/* ---- what the library tells while it works: things left out, damage, progress ---- */

struct fi_task_notices {
    const struct fi_cli *cli;
    bool tells_special;  /* fifos and growing files are worth a line: this is a save */
    bool is_patch;       /* standard output is one: what happened to git is a comment */
    bool tells_restored; /* the summary names what a restore left alone, not what rules exclude */
    struct fi_task_notices_kept *kept; /* for --json, and the names that the summary shows */
    size_t kept_count;
    size_t kept_capacity;
    struct fi_task_notices_group *groups; /* left out for a reserved name, in the order of names */
    size_t group_count;
    uint64_t not_kept;   /* beyond the most that are kept */
    uint64_t excluded;   /* by rules */
    uint64_t known;      /* of them: the save before has named or counted them */
    uint64_t left_alone; /* by a restore or a comparison, because of rules */
    uint64_t not_restored;
    uint64_t left_out; /* named, and not saved or not restored in full */
    uint64_t *printed; /* hashes of the warnings that were printed, see fi_task_notices_again */
    size_t printed_count;
    size_t printed_capacity;
    unsigned attempts;
    uint64_t *rows; /* hashes of the paths of rows that were shown, see fi_task_notices_row */
    size_t row_count;
    size_t row_capacity;
    size_t row_sorted_count; /* of the attempts before */
};

/* Starts the meter too. tells_special and tells_restored are false. */
void fi_task_notices_init(struct fi_task_notices *notices, const struct fi_cli *cli);
void fi_task_notices_deinit(struct fi_task_notices *notices);

/* An attempt begins. From the second on, what the ones before were told is forgotten, because it is
 * told again, and no warning is printed twice. */
void fi_task_notices_again(struct fi_task_notices *notices);

/* Whether no attempt before has shown the row of a path. */
bool fi_task_notices_row(struct fi_task_notices *notices, firn_slice path);

/* Keeps one that has been printed already, for the member "notices". */
void fi_task_notices_add(struct fi_task_notices *notices, const firn_notice *notice);

/* To be handed to the library; they live as long as `notices`. on_progress cancels once a signal
 * has come. */
firn_callbacks fi_task_notices_callbacks(struct fi_task_notices *notices);

/* "left out by rule: .git (12), node_modules and 3 more", if there was any and --quiet was not
 * given; how many were named by a save before, after that. */
void fi_task_notices_print_excluded(const struct fi_task_notices *notices);
/* "not compared, excluded by rule: build, x.log and 3 more": what a checkpoint has, and a save
 * would leave out. */
void fi_task_notices_print_not_compared(const struct fi_task_notices *notices);
/* "left alone by rule: build, x.log and 3 more", and how many more were not restored than were
 * named. */
void fi_task_notices_print_left(const struct fi_task_notices *notices);
/* The member "notices", and "notices_not_shown" if some were not kept. */
void fi_task_notices_json(const struct fi_task_notices *notices);

/* Makes the error of a check, whose damage was reported by notices, refer to these. */
void fi_task_notices_refer(const char *store_path, firn_error *err);
/* FI_EXIT_OK, or what it means that something was left out: FI_EXIT_PARTIAL, with --strict
 * FI_EXIT_FAILED. */
int fi_task_notices_exit(const struct fi_task_notices *notices);

/* ---- a path that firn chose, in a tree that may come from elsewhere ---- */

/* The directory that such a path ends in. Zeroed but for fd, which is -1, it is none. */
struct fi_task_beneath {
    const char *path; /* as it was given; borrowed */
    const char *name; /* the last component; borrowed from path */
    int fd;           /* of the directory of that name; -1: it is not there */
};

enum fi_task_beneath_makes {
    FI_TASK_BENEATH_MAKES_NONE,
    FI_TASK_BENEATH_MAKES_LAST, /* the directory of the last name, if only that is missing */
    FI_TASK_BENEATH_MAKES_ALL   /* each directory that is missing */
};

/* Opens the directory of the last component of a path. Its first base_size bytes are a directory
 * that the user chose ("": the current one); the rest is walked without following links.
 * FIRN_INVALID, with os_errno ELOOP, if a component is one: the text names it. After a failure
 * there is nothing to close. */
FIRN_MUST_CHECK int fi_task_beneath_open(struct fi_task_beneath *out, const char *path,
                                         size_t base_size, enum fi_task_beneath_makes makes,
                                         firn_error *err);
/* Opens the file itself for reading: *out_fd is -1 if it is not there. A link, or what is no
 * regular file, is refused with FIRN_INVALID. */
FIRN_MUST_CHECK int fi_task_beneath_read(const struct fi_task_beneath *beneath, int *out_fd,
                                         firn_error *err);
void fi_task_beneath_close(struct fi_task_beneath *beneath);
/* The errors for a link and for what is no regular file. */
int fi_task_beneath_refuse_link(const char *path, firn_error *err);
int fi_task_beneath_refuse_kind(const char *path, firn_error *err);

/* ---- a file that a command writes, which others see whole or not at all ---- */

/* The mode of a new file with contents of a store, under the umask: as private as the store. */
enum { FI_TASK_FILE_SUFFIX_SIZE = 16, FI_TASK_FILE_LETTERS = 8, FI_TASK_FILE_MODE = 0600 };

/* A zeroed one is none. */
struct fi_task_file {
    const char *name; /* as the user gave it; borrowed */
    char path[PATH_MAX];
    char temporary[PATH_MAX + FI_TASK_FILE_SUFFIX_SIZE]; /* "": there is none */
    int directory; /* that path and temporary are relative to; borrowed, or AT_FDCWD */
    int fd;
    bool is_direct; /* a fifo or a device: written as it is */
    bool may_replace;
};

/* Begins a file with contents of a store, at a path that the user gave. A new one gets
 * FI_TASK_FILE_MODE. An existing file at the path stays as it is until fi_task_file_finish; a
 * fifo or a device there is written directly. FIRN_EXISTS if anything is there and may_replace is
 * false. Returns a code of the library, as do the following two. */
FIRN_MUST_CHECK int fi_task_file_create(struct fi_task_file *file, const char *path,
                                        bool may_replace, firn_error *err);
/* Begins a file at a path that firn chose, which replaces one that is there. `mode` is that of a
 * new file, under the umask. A link, or what is no regular file, is refused with FIRN_INVALID.
 * Requires: the directory is there, and stays open until the file is finished or discarded. */
FIRN_MUST_CHECK int fi_task_file_create_beneath(struct fi_task_file *file,
                                                const struct fi_task_beneath *beneath, mode_t mode,
                                                firn_error *err);
/* Appends to it. */
FIRN_MUST_CHECK int fi_task_file_write(struct fi_task_file *file, firn_slice bytes,
                                       firn_error *err);
/* Puts it at its path. After FIRN_OK the file is there, durably; otherwise the path is unchanged
 * (unless the text of the error says that only the directory could not be synced). */
FIRN_MUST_CHECK int fi_task_file_finish(struct fi_task_file *file, firn_error *err);
/* Gives it up. Fine after fi_task_file_finish, and on a zeroed one. */
void fi_task_file_discard(struct fi_task_file *file);

/* ---- files to import ---- */

/* Looks at the beginning of a file, or of standard input (NULL), that is to be read as CSV or JSON
 * lines. If it is something else, such as a Parquet file, reports that, with what converts it, and
 * returns an exit code; else FI_EXIT_OK. */
int fi_task_form_refuse(struct fi_cli *cli, const char *name, firn_slice start);
/* The same for text that is to be read as CSV: JSON, HTML and XML, which nearly any form of CSV
 * would read. */
int fi_task_form_expect_csv(struct fi_cli *cli, const char *name, firn_slice start);

/* ---- this program in the background ---- */

/* Runs it with these arguments, the first its name and the last NULL, and does not wait for it. */
void fi_task_detached_run(const char *const *arguments);

/* ---- a push in the background; remote NULL: the usual one ---- */

/* Whether there is something to push, and the last try did not fail a moment ago. */
bool fi_task_push_is_due(firn_workspace *workspace, const char *remote);
void fi_task_push_start(const firn_workspace *workspace, const char *remote);
void fi_task_push_if_due(firn_workspace *workspace, const char *remote);
/* To the remote of the setting push.auto. is_asked: if there is none, to the usual one. */
void fi_task_push_after_save(firn_workspace *workspace, const struct fi_command_settings *settings,
                             bool is_asked);

/* ---- a garbage collection in the background ---- */

/* Starts firn gc --auto for the store of a workspace, in a process of its own, if the settings
 * allow it and there is enough garbage. For commands that have made garbage, and after a save that
 * reports enough of it. Reports nothing, not even a failure. */
void fi_task_collect_if_due(firn_workspace *workspace);

/* ---- what checkpoints are called ---- */

/* The tags and pins of all checkpoints. Zeroed, there are none. */
struct fi_task_labels_tag;
struct fi_task_labels {
    struct fi_task_labels_tag *tags; /* by id */
    size_t count;
    size_t capacity;
};
int fi_task_labels_read(struct fi_task_labels *labels, firn_workspace *workspace, firn_error *err);
/* "  [v1.0, before]  (pinned)", if there are any. */
void fi_task_labels_print(const struct fi_task_labels *labels, const char *id);
void fi_task_labels_deinit(struct fi_task_labels *labels);

/* ---- an encrypted store without its key ---- */

/* The row of options of a command that checks a store. */
#define FI_TASK_LOCKED_OPTION                                                      \
    {                                                                              \
        "no-key", 0, NULL, "ask for no key: verify checksums of what is encrypted" \
    }
/* Whether a command that was to open the encrypted store at `path` works without its key: --no-key
 * was given. */
bool fi_task_locked_is_wanted(const struct fi_cli *cli, const char *path);
/* Whether it failed with this code for want of a key that nobody was there to give. */
bool fi_task_locked_is_due(const char *path, int code);
/* Verifies the store by its checksums alone, and shows that. *out is the exit code of a check that
 * found no damage. */
int fi_task_locked_check(const struct fi_cli *cli, const char *path, bool skips_contents,
                         const firn_callbacks *callbacks, int *out, firn_error *err);
/* Says what was not done: "not verified, since no key was given: ...", which -q does not silence,
 * or, with --no-key, "not verified without a key: ...". Returns the exit code. */
int fi_task_locked_limit(const struct fi_cli *cli, const char *not_done, const char *what);
/* Shows as text and as JSON what firn_store_check_locked found in the store at `path`, where it
 * returned this code, and what it could not verify. Returns the exit code, FI_EXIT_PARTIAL if
 * nothing is damaged and --no-key was not given. Where damage was reported, *err refers to that. */
int fi_task_locked_show(const struct fi_cli *cli, const char *path, int code,
                        const firn_store_check_locked_result *result, bool skips_contents,
                        firn_error *err);

/* ---- SQLite databases that differ ---- */

struct fi_sqlitefile_show;

/* The paths of files that may be databases, each with a NUL. Zeroed it is empty. */
struct fi_task_databases {
    char *paths;
    size_t size;
    size_t capacity;
};

/* Notes a difference, from the callback that is given it. Returns false when memory is out. */
bool fi_task_databases_note(struct fi_task_databases *databases,
                            const firn_workspace_difference *difference);
/* Shows which rows of the databases differ between two checkpoints, or (after NULL) between one and
 * the disk. A database that cannot be compared is reported, with FIRN_OK. FIRN_CANCELLED if a
 * signal came. */
int fi_task_databases_compare(const struct fi_task_databases *databases, firn_workspace *workspace,
                              const char *before, const char *after,
                              struct fi_sqlitefile_show *show, firn_error *err);
void fi_task_databases_deinit(struct fi_task_databases *databases);

#endif
