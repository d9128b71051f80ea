/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/ignore_rules.h: the rules by which a save left things out, as one object
 * (docs/formats/rules.md). A checkpoint's record names it, so that a restore knows what was none of
 * the checkpoint's business.
 *
 *   rules := u8 format (1) | varint count | set*         sets ascending by their bytes, each once
 *   set   := u8 flags (1 include_deps, 2 gitignore, 4 is_narrow) | varint count | file*
 *   file  := sized directory | u8 kind | sized content   ascending by directory, then kind
 */
#ifndef FIRN_RULES_IGNORE_RULES_H
#define FIRN_RULES_IGNORE_RULES_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "firn/types.h"

enum {
    FIRN_IGNORE_RULES_SIZE_MAX = 16 << 20, /* of the object */
    FIRN_IGNORE_RULES_SETS_MAX = 1024,
    FIRN_IGNORE_RULES_FILES_MAX = 1 << 20,     /* in all sets */
    FIRN_IGNORE_RULES_FILES_SIZE_MAX = 4 << 20 /* of the files that one scan uses, names and all */
};

/* What a rule file is, and its rank: the rules of a smaller kind outrank those of a larger one. On
 * disk. */
enum firn_ignore_rules_kind {
    FIRN_IGNORE_RULES_FIRNIGNORE = 1,  /* .firnignore, in any directory */
    FIRN_IGNORE_RULES_CHKPTIGNORE = 2, /* .chkptignore, in the root */
    FIRN_IGNORE_RULES_GITIGNORE = 3,   /* .gitignore, in any directory, where asked for */
    FIRN_IGNORE_RULES_KIND_COUNT = 3
};
/* The name of such a file. */
const char *firn_ignore_rules_name(enum firn_ignore_rules_kind kind);

/* All slices are borrowed. */
struct firn_ignore_rules_file {
    firn_slice dir; /* path from the root, "" for the root itself */
    enum firn_ignore_rules_kind kind;
    firn_slice content;
};

/* The rules of one walk over one tree. */
struct firn_ignore_rules_set {
    bool include_deps;
    bool is_narrow; /* without include_deps: today's default exclusions, not the first ones */
    bool gitignore;
    struct firn_ignore_rules_file *files;
    size_t file_count;
};

/* Several sets: what any of them excludes is excluded. A zeroed struct is empty. */
struct firn_ignore_rules {
    struct firn_ignore_rules_set *sets; /* owned, as are their arrays of files */
    size_t set_count;
};

/* Frees the arrays, not what the slices borrow. */
void firn_ignore_rules_deinit(struct firn_ignore_rules *rules);

/* Adds a set with room for so many files, all of them zeroed; NULL when memory is out. Valid until
 * the next. */
struct firn_ignore_rules_set *firn_ignore_rules_add(struct firn_ignore_rules *rules,
                                                    size_t file_count)
    __attribute__((warn_unused_result));

/* Whether there is nothing to be stored: no files, and no flag but include_deps or is_narrow, in all
 * sets or in none (the checkpoint's record holds that as well). */
bool firn_ignore_rules_are_plain(const struct firn_ignore_rules *rules);

/* Puts sets and files in order, keeps each once, and replaces out by the object. FIRN_LIMIT where
 * that would be too large; FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_ignore_rules_encode(struct firn_ignore_rules *rules, struct firn_buf *out,
                                             firn_error *err);
/* Appends the sets of an object to *rules, which then borrows from bytes. FIRN_CORRUPT for what
 * encode does not write; FIRN_NEWER; FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_ignore_rules_decode(firn_slice bytes, struct firn_ignore_rules *rules,
                                             firn_error *err);

#endif
