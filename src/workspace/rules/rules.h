/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/rules.h: which entries one walk over a workspace leaves out: by the rule files on
 * disk, by the rules of checkpoints, and by default.
 */
#ifndef FIRN_RULES_RULES_H
#define FIRN_RULES_RULES_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "firn/types.h"
#include "os/os.h"

/* The rules by which a save left entries out, as one object (docs/formats/rules.md). A checkpoint's
 * record names it, so a restore knows which entries the checkpoint does not cover.
 *
 *   rules := u8 format (1) | varint count | set*         sets ascending by their bytes, each once
 *   set   := u8 flags (1 include_deps, 2 gitignore, 4 is_narrow) | varint count | file*
 *   file  := sized directory | u8 kind | sized content   ascending by directory, then kind */

enum {
    FI_RULES_LIST_SIZE_MAX = 16 << 20, /* of the object */
    FI_RULES_LIST_SETS_MAX = 1024,
    FI_RULES_LIST_FILES_MAX = 1 << 20,     /* in all sets */
    FI_RULES_LIST_FILES_SIZE_MAX = 4 << 20 /* of the files that one scan uses, names and all */
};

/* The kind of a rule file, and its rank: rules of a smaller kind outrank those of a larger one. On
 * disk. */
enum fi_rules_list_kind {
    FI_RULES_LIST_FIRNIGNORE = 1,  /* .firnignore, in any directory */
    FI_RULES_LIST_CHKPTIGNORE = 2, /* .chkptignore, in the root */
    FI_RULES_LIST_GITIGNORE = 3,   /* .gitignore, in any directory, if requested */
    FI_RULES_LIST_KIND_COUNT = 3
};
/* The name of such a file. */
const char *fi_rules_list_name(enum fi_rules_list_kind kind);

/* All slices are borrowed. */
struct fi_rules_list_file {
    firn_slice dir; /* path from the root, "" for the root itself */
    enum fi_rules_list_kind kind;
    firn_slice content;
};

/* The rules of one walk over one tree. */
struct fi_rules_list_set {
    bool include_deps;
    bool is_narrow; /* without include_deps: today's default exclusions, not the first ones */
    bool gitignore;
    struct fi_rules_list_file *files;
    size_t file_count;
};

/* Several sets: what any of them excludes is excluded. A zeroed struct is empty. */
struct fi_rules_list {
    struct fi_rules_list_set *sets; /* owned, as are their arrays of files */
    size_t set_count;
};

/* Frees the arrays, not what the slices borrow. */
void fi_rules_list_deinit(struct fi_rules_list *rules);
/* Keeps only the first `count` sets. */
void fi_rules_list_truncate(struct fi_rules_list *rules, size_t count);
void fi_rules_list_remove(struct fi_rules_list *rules, size_t index);

/* Adds a set with room for that many files, all zeroed; NULL if there is no memory. Valid until the
 * next call. */
struct fi_rules_list_set *fi_rules_list_add(struct fi_rules_list *rules, size_t file_count)
    __attribute__((warn_unused_result));

/* Whether nothing needs to be stored: no files, and no flag but include_deps or is_narrow, in all
 * sets or in none (the checkpoint's record holds that as well). */
bool fi_rules_list_are_plain(const struct fi_rules_list *rules);

/* Sorts sets and files, removes duplicates, and replaces out by the object. FIRN_LIMIT if it would
 * be too large; FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_rules_list_encode(struct fi_rules_list *rules, struct fi_buf *out,
                                         firn_error *err);
/* Appends the sets of an object to *rules, which then borrows from bytes. FIRN_CORRUPT for bytes
 * that encode does not write; FIRN_NEWER; FIRN_NO_MEMORY. A failure may have appended some: deinit
 * or truncate. */
FIRN_MUST_CHECK int fi_rules_list_decode(firn_slice bytes, struct fi_rules_list *rules,
                                         firn_error *err);

/* Which entries of a workspace are left out of its checkpoints unless a rule of the user's says
 * otherwise. Pure functions over names: any thread, no failure.
 *
 * The root of a workspace is never judged: a user who chooses a directory `target` as the
 * workspace means it. */

/* An entry, as the listing of its directory shows it. */
struct fi_rules_exclude_entry {
    firn_slice name;
    bool is_dir;
    bool is_link;            /* symbolic */
    bool is_beside_manifest; /* a Cargo.toml that is not a directory is in the same directory */
    bool include_deps;       /* dependencies and build output are wanted */
    bool is_narrow;    /* by the second, present version of the exclusions; else by the first */
    firn_slice parent; /* name of the directory that it is in; "" is the root */
};

/* Contents of a directory that decide whether it is left out. */
struct fi_rules_exclude_inside {
    bool has_tag;      /* a CACHEDIR.TAG */
    bool has_venv;     /* a pyvenv.cfg: a virtual environment of Python */
    bool has_settings; /* a user's settings for Gradle */
};

/* Why the entry is left out, one line; NULL if it is kept. */
const char *fi_rules_exclude_by_name(const struct fi_rules_exclude_entry *entry);
/* Why a directory is left out because of what it contains, or does not; NULL if it is kept. */
const char *fi_rules_exclude_by_inside(const struct fi_rules_exclude_entry *entry,
                                       const struct fi_rules_exclude_inside *inside);
/* Whether a directory of this name can be left out because of its contents. */
bool fi_rules_exclude_depends_on_inside(firn_slice name);

/* Whether this is the file name that is_beside_manifest refers to. */
bool fi_rules_exclude_is_manifest(firn_slice name);
/* Notes an entry of a directory. */
void fi_rules_exclude_see_inside(firn_slice name, bool is_dir,
                                 struct fi_rules_exclude_inside *inside);

/* The rules of one walk. */
struct fi_rules_ignore_file;
struct fi_rules_walk;
/* The rules in effect inside one directory. Does not change; lives as long as the rules. */
struct fi_rules_walk_scope;

struct fi_rules_walk_options {
    bool include_deps; /* without the default exclusions that a rule could lift */
    bool gitignore;    /* .gitignore files apply */
    /* Sets that apply as well: what any of them excludes is left out. May be NULL; borrowed, with
     * what it borrows. */
    const struct fi_rules_list *stored;
};

FIRN_MUST_CHECK int fi_rules_walk_create(struct fi_os *os,
                                         const struct fi_rules_walk_options *options,
                                         struct fi_rules_walk **out, firn_error *err);
/* NULL is fine. */
void fi_rules_walk_destroy(struct fi_rules_walk *ignore);

/* The rules in effect above the root directory: no rule file. */
const struct fi_rules_walk_scope *fi_rules_walk_outermost(const struct fi_rules_walk *ignore);

/* ---- entering directories: any thread ---- */

/* Whether a file of this name in a directory is a rule file. is_root: the directory is the root. */
bool fi_rules_walk_is_rule_file(const struct fi_rules_walk *ignore, firn_slice name, bool is_root,
                                enum fi_rules_list_kind *out_kind);

/* Reads a rule file that was listed in `dir`. *out is NULL if the file no longer exists.
 * FIRN_INVALID, with a text to be reported, if it is not a regular file; FIRN_LIMIT if it is too
 * large. on_bad as in fi_rules_ignore_file_create. Pass the result to enter, or destroy it. */
FIRN_MUST_CHECK int fi_rules_read(struct fi_os_dir *dir, enum fi_rules_list_kind kind,
                                  void (*on_bad)(void *ctx, uint32_t line, const char *defect),
                                  void *ctx, struct fi_rules_ignore_file **out, firn_error *err);

/* The rule files of one directory, by kind - 1; NULL if there is none. */
struct fi_rules_walk_files {
    struct fi_rules_ignore_file *files[FI_RULES_LIST_KIND_COUNT];
};
void fi_rules_walk_files_deinit(struct fi_rules_walk_files *files);

/* The rules in effect inside the directory `path` ("" is the root), which is in a directory where
 * `above` is in effect. Takes ownership of the files, even if it fails. FIRN_LIMIT if all rule
 * files together are too large. */
FIRN_MUST_CHECK int fi_rules_walk_enter(struct fi_rules_walk *ignore,
                                        const struct fi_rules_walk_scope *above, firn_slice path,
                                        struct fi_rules_walk_files *files,
                                        const struct fi_rules_walk_scope **out, firn_error *err);

/* ---- judging entries: any thread, no failure ---- */

struct fi_rules_walk_entry {
    firn_slice path; /* from the root */
    size_t name_size;
    bool is_dir;
    bool is_link;            /* symbolic: rules for directories are not about it, defaults are */
    bool is_beside_manifest; /* as above */
};

/* Why an entry is left out. */
struct fi_rules_walk_reason {
    const char *by_default;                        /* NULL: by the rule below */
    const struct fi_rules_ignore_pattern *pattern; /* borrowed from the rules */
    firn_slice dir; /* of the rule file; borrowed from the entry's path */
    enum fi_rules_list_kind kind;
    bool is_stored; /* it is a checkpoint's rule, not one on disk */
};

/* Whether an entry of a directory is left out; then *out_reason is filled. */
bool fi_rules_assess(const struct fi_rules_walk *ignore, const struct fi_rules_walk_scope *scope,
                     const struct fi_rules_walk_entry *entry,
                     struct fi_rules_walk_reason *out_reason);
/* The same for a directory whose contents are known, and which fi_rules_assess did not leave out.
 * scope is that of its parent directory. */
bool fi_rules_assess_inside(const struct fi_rules_walk *ignore,
                            const struct fi_rules_walk_scope *scope,
                            const struct fi_rules_walk_entry *entry,
                            const struct fi_rules_exclude_inside *inside,
                            struct fi_rules_walk_reason *out_reason);

/* Writes the reason as one line, e.g. "src/.firnignore:3: *.o", truncated if it is longer. */
enum { FI_RULES_WALK_TEXT_SIZE = 256 };
void fi_rules_assess_text(const struct fi_rules_walk_reason *reason,
                          char out[FI_RULES_WALK_TEXT_SIZE]);

/* Notes that an entry was left out for another reason than a rule: a restore of what is saved now
 * must not touch it. *out_is_noted is false if the limits of rules.c are exceeded. Any thread.
 * FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_rules_left_out_note(struct fi_rules_walk *ignore, firn_slice path,
                                           bool *out_is_noted, firn_error *err);
/* Appends a line that excludes a path and everything below it; if the path contains line ends, the
 * line also excludes some other paths. FIRN_NO_MEMORY; FIRN_LIMIT if the line would be longer than
 * a rule may be. After a failure out is unchanged. */
FIRN_MUST_CHECK int fi_rules_left_out_pattern(struct fi_buf *out, firn_slice path);
/* Whether a set has the form of the one with such paths. So may that of rule files, if dependencies
 * are included and each line of the only file is anchored. */
bool fi_rules_left_out_is(const struct fi_rules_list_set *set);

/* ---- afterwards ---- */

/* Replaces out by the rules object of everything that applied or was left out; by nothing if the
 * rules are plain (fi_rules_list_are_plain). Requires: no other call at the same time. */
FIRN_MUST_CHECK int fi_rules_walk_encode(struct fi_rules_walk *ignore, struct fi_buf *out,
                                         firn_error *err);

#endif
