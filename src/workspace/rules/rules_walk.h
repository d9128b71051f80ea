/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/rules_walk.h: which entries one walk over a workspace leaves out: by the rule files on
 * disk, by the rules of checkpoints, by default.
 */
#ifndef FIRN_RULES_RULES_WALK_H
#define FIRN_RULES_RULES_WALK_H

#include <stdbool.h>

#include "base/error.h"
#include "os/os.h"
#include "rules/ignore_file.h"
#include "rules/ignore_rules.h"
#include "rules/rules_exclude.h"

/* The rules of one walk. */
struct firn_rules_walk;
/* What is in effect inside one directory. Does not change; lives as long as the rules. */
struct firn_rules_walk_scope;

struct firn_rules_walk_options {
    bool include_deps; /* without the default exclusions that a rule could lift */
    bool gitignore;    /* .gitignore files count */
    /* Sets that count as well: what any of them excludes is left out. May be NULL; borrowed, with
     * what it borrows. */
    const struct firn_ignore_rules *stored;
};

FIRN_MUST_CHECK int firn_rules_walk_create(struct firn_os *os,
                                           const struct firn_rules_walk_options *options,
                                           struct firn_rules_walk **out, firn_error *err);
/* NULL is fine. */
void firn_rules_walk_destroy(struct firn_rules_walk *ignore);

/* What is in effect above the root directory: no rule file. */
const struct firn_rules_walk_scope *firn_rules_walk_outermost(const struct firn_rules_walk *ignore);

/* ---- entering directories: any thread ---- */

/* Whether a file of this name in a directory is one of rules. is_root: of the workspace. */
bool firn_rules_walk_is_rule_file(const struct firn_rules_walk *ignore, firn_slice name,
                                  bool is_root, enum firn_ignore_rules_kind *out_kind);

/* Reads a rule file that was listed in `dir`. *out is NULL if it is gone meanwhile. FIRN_INVALID,
 * with a text to be told, if it is no regular file; FIRN_LIMIT if it is too large. on_bad as in
 * firn_ignore_file_create. To be handed to enter, or destroyed. */
FIRN_MUST_CHECK int firn_rules_read(struct firn_os_dir *dir, enum firn_ignore_rules_kind kind,
                                    void (*on_bad)(void *ctx, uint32_t line, const char *defect),
                                    void *ctx, struct firn_ignore_file **out, firn_error *err);

/* The rule files of one directory, by kind - 1; NULL where there is none. */
struct firn_rules_walk_files {
    struct firn_ignore_file *files[FIRN_IGNORE_RULES_KIND_COUNT];
};
void firn_rules_walk_files_deinit(struct firn_rules_walk_files *files);

/* What is in effect inside the directory `path` ("" is the root), which lies in a directory where
 * `above` is in effect. Takes the files over, also when it fails. FIRN_LIMIT if all rule files
 * together are too large. */
FIRN_MUST_CHECK int firn_rules_walk_enter(struct firn_rules_walk *ignore,
                                          const struct firn_rules_walk_scope *above,
                                          firn_slice path, struct firn_rules_walk_files *files,
                                          const struct firn_rules_walk_scope **out,
                                          firn_error *err);

/* ---- judging entries: any thread, no failure ---- */

struct firn_rules_walk_entry {
    firn_slice path; /* from the root */
    size_t name_size;
    bool is_dir;
    bool is_beside_manifest; /* as in rules_exclude.h */
};

/* Why an entry is left out. */
struct firn_rules_walk_reason {
    const char *by_default;                    /* NULL: by a rule, which is: */
    const struct firn_ignore_pattern *pattern; /* borrowed from the rules */
    firn_slice dir; /* of the rule file; borrowed from the entry's path */
    enum firn_ignore_rules_kind kind;
    bool is_stored; /* it is a checkpoint's rule, not one on disk */
};

/* Whether an entry of a directory is left out; *out_reason is filled then. */
bool firn_rules_judge(const struct firn_rules_walk *ignore,
                      const struct firn_rules_walk_scope *scope,
                      const struct firn_rules_walk_entry *entry,
                      struct firn_rules_walk_reason *out_reason);
/* The same about a directory that has been looked into, and which was not left out before; scope is that
 * of the directory it lies in. */
bool firn_rules_judge_inside(const struct firn_rules_walk *ignore,
                             const struct firn_rules_walk_scope *scope,
                             const struct firn_rules_walk_entry *entry,
                             const struct firn_rules_exclude_inside *inside,
                             struct firn_rules_walk_reason *out_reason);

/* Writes the reason as one line, e.g. "src/.firnignore:3: *.o", cut off where it is longer. */
enum { FIRN_RULES_WALK_TEXT_SIZE = 256 };
void firn_rules_judge_text(const struct firn_rules_walk_reason *reason,
                           char out[FIRN_RULES_WALK_TEXT_SIZE]);

/* Notes that an entry was left out for another reason than a rule: a restore of what is saved now
 * must not touch it. *out_is_noted is false beyond the limits of rules_left_out.c. Any thread.
 * FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_rules_left_out_note(struct firn_rules_walk *ignore, firn_slice path,
                                             bool *out_is_noted, firn_error *err);
/* Appends a line that excludes a path and what is below it, and, where the path has the end of a line
 * in it, some others. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_rules_left_out_pattern(struct firn_buf *out, firn_slice path);

/* ---- afterwards ---- */

/* Replaces out by the rules object of everything that counted or was left out; by nothing if these are plain
 * (firn_ignore_rules_are_plain). No other call at the same time. */
FIRN_MUST_CHECK int firn_rules_walk_encode(struct firn_rules_walk *ignore, struct firn_buf *out,
                                           firn_error *err);

#endif
