/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show.h: how checkpoints, changes and differences are shown, as text and as JSON.
 */
#ifndef FIRN_SHOW_SHOW_H
#define FIRN_SHOW_SHOW_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "command/command.h"
#include "firn/firn.h"
#include "term/term.h"

/* ---- checkpoints and their entries ---- */

/* Characters of a message in a row of a list. */
enum { FI_SHOW_CHECKPOINT_MESSAGE_MAX = 72 };

/* "12" or, for a safety checkpoint, the first letters of its id. Returns
 * out[FI_SHOW_CHECKPOINT_NAME_SIZE]. */
enum { FI_SHOW_CHECKPOINT_NAME_SIZE = 24 };
const char *fi_show_checkpoint_name(const firn_workspace_checkpoint *checkpoint, char *out);

/* "12  kxsrpsvp", or, for a safety checkpoint, the first letters of its id alone. Returns
 * out[FI_SHOW_CHECKPOINT_NAMES_SIZE]. */
enum { FI_SHOW_CHECKPOINT_NAMES_SIZE = 40 };
const char *fi_show_checkpoint_names(const firn_workspace_checkpoint *checkpoint, char *out);

/* Prints how each list begins the row of a checkpoint: its name, "-" for a safety checkpoint, and
 * its short id. */
void fi_show_checkpoint_print_names(const char *name, const char *id);

/* Calls put with "Claude Code: rename it", or else the message, cut to so many columns, and
 * escaped. */
void fi_show_checkpoint_put_title(const firn_workspace_checkpoint *checkpoint, size_t columns,
                                  void (*put)(const void *data, size_t size));

/* What --json and MCP have in common: the member "turn", if there was one; an entry's path, type
 * and mode. */
void fi_show_checkpoint_json_turn(const firn_workspace_turn *turn);
void fi_show_checkpoint_json_entry(const firn_workspace_entry *entry);
/* The member with git's HEAD, if it is known. */
void fi_show_checkpoint_json_git(const char *key, const firn_workspace_git *git);

/* "main 1a2b3c4", of a detached HEAD "1a2b3c4". Requires: it is known. */
void fi_show_checkpoint_git(const firn_workspace_git *git);
bool fi_show_checkpoint_git_is_known(const firn_workspace_git *git);
/* Whether both are known, and differ. */
bool fi_show_checkpoint_git_has_moved(const firn_workspace_git *from, const firn_workspace_git *to);
/* The members of a checkpoint, all of catalog/catalog_fields.h. */
void fi_show_checkpoint_json_fields(const firn_workspace_checkpoint *checkpoint);
/* The object of a checkpoint or an entry. key is NULL inside an array. */
void fi_show_checkpoint_json(const char *key, const firn_workspace_checkpoint *checkpoint);
void fi_show_checkpoint_entry_json(const char *key, const firn_workspace_entry *entry);

/* ---- lines of remotes ---- */

/* "origin/ada@laptop:project": the names of a remote and of its line. */
enum {
    FI_SHOW_LINE_NAME_SIZE = 512,
    FI_SHOW_LINE_REFERENCE_SIZE = FI_SHOW_LINE_NAME_SIZE + FI_SHOW_CHECKPOINT_NAME_SIZE
};
/* FIRN_LIMIT for one that is longer than any that firn has made. */
int fi_show_line_name(const firn_workspace_line *line, char out[FI_SHOW_LINE_NAME_SIZE]);
/* "origin/ada@laptop:project/12". Returns out. */
const char *fi_show_line_reference(const char *line, const firn_workspace_checkpoint *checkpoint,
                                   char out[FI_SHOW_LINE_REFERENCE_SIZE]);
/* What to do where the name of a remote or a line is wrong. */
const char *fi_show_line_hint(int code);

/* The member "safety": the id of the safety checkpoint that was taken, null where it is "". */
void fi_show_checkpoint_safety_json(const char *id);

/* ---- steps of undo and redo ---- */

/* "the save of 12 (message)", "the turn of Claude Code (prompt)", "unsaved changes". Returns
 * out[FI_SHOW_STEP_TEXT_SIZE]. */
enum { FI_SHOW_STEP_TEXT_SIZE = 1024 };
const char *fi_show_step_text(const firn_workspace_step *step, char *out);
/* The members of its object. */
void fi_show_step_json_members(const firn_workspace_step *step);
/* The member "facts" alone, of a step that changes facts. */
void fi_show_step_json_facts(const firn_workspace_step *step);

/* Copies of steps, in order. A zeroed struct has none. */
struct fi_show_steps {
    firn_workspace_step **items;
    size_t count;
    size_t capacity;
};
int fi_show_step_add(struct fi_show_steps *steps, const firn_workspace_step *step);
void fi_show_step_clear(struct fi_show_steps *steps);
/* What was asked to be undone: the oldest turn of an agent, else the first. NULL if there are
 * none. */
const firn_workspace_step *fi_show_step_main(const struct fi_show_steps *steps);
/* Whether the last step changes facts, and no file: an undo or a redo ended with it. */
bool fi_show_step_is_of_facts(const struct fi_show_steps *steps);
/* Prints "the save of 12 (message) and 2 other steps". An interrupted restore has no steps. */
void fi_show_step_print_name(const struct fi_show_steps *steps);

/* ---- how a difference between two states of a workspace is shown ---- */

/* "changed   src/main.c"; "renamed   old.c -> src/new.c". */
void fi_show_change_print(const firn_workspace_change *change);
/* "src/main.c": of a renamed file the new path. */
void fi_show_change_print_path(const firn_workspace_change *change);
/* "M src/main.c": A added, D removed, M changed, T type changed, m metadata only. */
void fi_show_change_print_short(const firn_workspace_change *change);

/* The word of a row, and the space after it. */
void fi_show_change_print_kind(const firn_workspace_change *change);

/* Rows of changes; at a terminal a directory that was added or removed is one, with the number of
 * files in it:
 * "removed   src/  5,794 files". */
struct fi_show_fold {
    bool is_on;
    uint8_t *path; /* of the directory whose row waits; NULL: none does */
    size_t size;
    firn_workspace_change_kind kind;
    uint64_t files;
};
/* is_verbose: each file has its row at a terminal, too. */
void fi_show_fold_init(struct fi_show_fold *out, bool is_verbose);
/* Requires: changes come in the order of the tree. */
void fi_show_fold_print(struct fi_show_fold *fold, const firn_workspace_change *change);
/* Prints the row that waits, and frees what it needed. */
void fi_show_fold_finish(struct fi_show_fold *fold);

/* The members of a change that --json and MCP have in common: change, path. */
void fi_show_change_json_path(const firn_workspace_change *change);
/* The object of a change, in an array. */
void fi_show_change_json(const firn_workspace_change *change);
/* The members of that object, for an object that has more. */
void fi_show_change_json_members(const firn_workspace_change *change);

/* The member "what": names of bits of firn_workspace_changed. */
void fi_show_change_json_what(unsigned what);

/* ---- how many entries of a tree differ, or were written ---- */

struct fi_show_counts {
    uint64_t added;
    uint64_t changed;
    uint64_t removed;
    uint64_t times_only;
};

/* "1,200 changed, 1 added, 0 removed"; "0 changed (1,679 times only), 1 added, 0 removed" */
void fi_show_change_counts_print(const struct fi_show_counts *counts);
/* One count: the number, a space, and the thing counted. */
void fi_show_change_counts_print_one(uint64_t count, const char *what);

/* The members of these names. */
void fi_show_change_counts_json(const struct fi_show_counts *counts);

/* ---- how much differs, for one row ---- */

struct fi_show_tally {
    uint64_t files;
    uint64_t directories;
    uint64_t times; /* entries of which only the time differs */
    uint64_t added; /* lines */
    uint64_t removed;
    bool is_partial; /* lines of some files were not counted, for they are too many */
};

/* Adds a difference; returns false if only the time differs. */
bool fi_show_tally_add(struct fi_show_tally *tally, const firn_workspace_difference *difference);
/* "3 files +12 −4", into out[FI_SHOW_TALLY_TEXT_SIZE]. */
enum { FI_SHOW_TALLY_TEXT_SIZE = 160 };
void fi_show_tally_text(const struct fi_show_tally *tally, char *out);
/* Prints that text, with the numbers of lines in their colours. */
void fi_show_tally_print(const char *text);
/* The members of these names. */
void fi_show_tally_json(const struct fi_show_tally *tally, uint64_t renamed);

/* ---- what there is to say about a difference beside the lines that differ ---- */

/* Both return text that the caller frees, or NULL when memory is out. */

/* The path, escaped; that of a directory ends in a slash. */
char *fi_show_remark_name(const firn_workspace_change *change);
/* "binary, 3 -> 5 bytes", "mode 0644 -> 0755", "directory removed"; "" where lines say it all. */
char *fi_show_remark(const firn_workspace_difference *difference);

/* ---- differences as a patch: unified diffs, in the form that git and patch read ---- */

enum { FI_SHOW_PATCH_CONTEXT_DEFAULT = 3 };

struct fi_show_patch {
    uint32_t context; /* equal lines shown around those that differ */
    bool is_by_words; /* what changed within lines is marked */
    bool is_terminal; /* control characters are shown as escapes; the patch is to be read only */
};

void fi_show_patch_init(struct fi_show_patch *out);

/* Prints one difference, which must have been compared with lines. Returns false when memory is
 * out. */
bool fi_show_patch_print(const struct fi_show_patch *patch,
                         const firn_workspace_difference *difference);

/* The same in parts: what stands above the hunks of a file, or link; the hunks from `first` on that
 * form one group, which the hunk returned follows; and one group, or a part of it. */
void fi_show_patch_print_head(const firn_workspace_difference *difference);
size_t fi_show_patch_group_end(const struct fi_show_patch *patch,
                               const firn_workspace_difference *difference, size_t first);
bool fi_show_patch_print_group(const struct fi_show_patch *patch,
                               const firn_workspace_difference *difference, size_t first,
                               size_t end);

/* Prints the newer lines with the words that were added, and removed, marked. Returns false when
 * memory is out. */
bool fi_show_words_print(firn_slice removed, firn_slice added, bool is_terminal);

/* Bytes of a text, on one line of it. */
struct fi_show_words_range {
    size_t from;
    size_t to; /* after the last one */
};
struct fi_show_words_ranges {
    struct fi_show_words_range *items; /* ascending */
    size_t count;
};
/* Finds the words that were removed and added. Returns false when memory is out. The caller frees
 * the items of both, also then. */
bool fi_show_words_find(firn_slice removed, firn_slice added,
                        struct fi_show_words_ranges *out_removed,
                        struct fi_show_words_ranges *out_added);

/* Prints a part of a file's contents for a terminal: what would move the cursor as an escape. */
void fi_show_words_write_text(firn_slice bytes);

/* The array "hunks" of an object of JSON. */
void fi_show_patch_json(const firn_workspace_difference *difference);

/* ---- differences as rows of one size: path, number of lines, a bar ---- */

struct fi_show_stat_row;

/* A zeroed struct has no rows. */
struct fi_show_stat {
    struct fi_show_stat_row *rows;
    size_t count;
    size_t capacity;
};
/* Keeps the row of a difference. Returns false if memory runs out. */
bool fi_show_stat_add(struct fi_show_stat *stat, const firn_workspace_difference *difference);
/* Prints all rows, for lines of `width` columns. */
void fi_show_stat_print(const struct fi_show_stat *stat, size_t width);
void fi_show_stat_deinit(struct fi_show_stat *stat);

/* ---- a list of differences in the form that the options of diff and show ask for ---- */

enum fi_show_difference_form {
    FI_SHOW_DIFFERENCE_COUNTS, /* only how many */
    FI_SHOW_DIFFERENCE_NAMES,
    FI_SHOW_DIFFERENCE_PATHS,
    FI_SHOW_DIFFERENCE_STAT,
    FI_SHOW_DIFFERENCE_PATCH
};

struct fi_show_difference {
    const struct fi_cli *cli;
    enum fi_show_difference_form form;
    struct fi_show_patch patch;
    bool ignores_space;
    bool is_out_of_memory;
    struct fi_show_stat stat;
};

/* Rows of a command's table of options. */
#define FI_SHOW_DIFFERENCE_OPTIONS(names_help)                                                    \
    {"names", 0, NULL, names_help}, {"name-only", 0, NULL, "print only the path of each change"}, \
        {"stat", 0, NULL, "count changed lines, with a bar for each file"},                       \
        {"patch", 'p', NULL, "show changed lines, as git diff does"},                             \
        {"unified", 'U', "N", "like --patch, with N lines of context (default 3)"},               \
        {"word-diff", 0, NULL, "like --patch, with changed words as [-old-]{+new+}"},             \
        {"no-renames", 0, NULL, "show a renamed file as removed and added"},                      \
        {"times", 0, NULL, "also show files of which only the time differs"},                     \
        {"ignore-space", 'w', NULL, "pass over lines that differ in white space alone"},          \
    {                                                                                             \
        "diff-algorithm", 0, "NAME", "compare lines by myers (default) or patience"               \
    }

/* Reads them; `form` is the default. Sets the options for the library. Returns an exit code. *out
 * must be deinited. */
int fi_show_difference_init(struct fi_show_difference *out, struct fi_cli *cli,
                            enum fi_show_difference_form form,
                            firn_workspace_diff_options *options);
void fi_show_difference_deinit(struct fi_show_difference *difference);

/* Whether only white space differs, which is passed over. */
bool fi_show_difference_is_space(const struct fi_show_difference *shown,
                                 const firn_workspace_difference *difference);
/* Shows one, unless it is passed over; ctx is the struct. With --json it is an object in an
 * array. */
int fi_show_difference_visit(void *ctx, const firn_workspace_difference *difference);
/* Prints the rows that need all differences: those of --stat. */
void fi_show_difference_finish(const struct fi_show_difference *difference);

/* "5 changed, 1 added, 0 removed": without a line's end. */
void fi_show_difference_print_counts(const firn_workspace_diff_result *result,
                                     enum fi_show_difference_form form);
/* The same as members. */
void fi_show_difference_json_counts(const firn_workspace_diff_result *result,
                                    enum fi_show_difference_form form);

/* ---- lines of a text, one after the other ---- */

struct fi_show_lines {
    firn_slice left;
    uint32_t line; /* the number of the next one, from 0 */
};

/* The next line with its '\n', which the last one may lack. Requires: left is not empty. */
static inline firn_slice
fi_show_lines_next(struct fi_show_lines *lines)
{
    assert(lines->left.size > 0);
    const uint8_t *end = memchr(lines->left.data, '\n', lines->left.size);
    size_t size = end == NULL ? lines->left.size : (size_t)(end - lines->left.data) + 1;
    firn_slice line = firn_bytes(lines->left.data, size);
    lines->left = firn_bytes(lines->left.data + size, lines->left.size - size);
    lines->line++;
    return line;
}

/* ---- what the library tells while it works ---- */

struct fi_show_notice {
    const char *kind;
    firn_slice path;
    const char *text;
    const char *checkpoint; /* NULL: it is about none */
};

/* An object, in an array. */
void fi_show_notice_write(struct fi_term_writer *out, const struct fi_show_notice *notice);

#endif
