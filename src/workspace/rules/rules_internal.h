/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/rules_internal.h: what the files of this room share, in reading order: one line of a rule
 * file, a rule file, the rules of one walk. Only rules*.c, ignore*.c and tests include it.
 */
#ifndef FIRN_RULES_RULES_INTERNAL_H
#define FIRN_RULES_RULES_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "firn/types.h"
#include "rules/rules.h"
#include "threads/os_thread.h"

/* One line of a rule file as a pattern, and whether it matches an entry. Pure functions: any
 * thread, no memory, no failure. */

enum { FI_RULES_IGNORE_PATTERN_SIZE_MAX = 4096 /* of a line */ };

enum fi_rules_ignore_pattern_kind {
    FI_RULES_IGNORE_PATTERN_LITERAL, /* matches only itself */
    FI_RULES_IGNORE_PATTERN_SUFFIX,  /* a star, then no special byte */
    FI_RULES_IGNORE_PATTERN_GLOB
};

/* Borrows from the line. */
struct fi_rules_ignore_pattern {
    const uint8_t *text; /* without '!' and without slashes at its ends */
    uint32_t size;
    uint32_t line;         /* from 1 */
    uint16_t literal_size; /* bytes at its beginning that stand for themselves */
    uint8_t kind;          /* enum fi_rules_ignore_pattern_kind */
    uint8_t last;          /* its last byte, if the kind is LITERAL or SUFFIX */
    bool is_negated;       /* '!': what it matches is kept */
    bool is_for_dirs;      /* it ended in '/' */
    bool is_path;          /* matched against the path from the file's directory, not the name */
};

/* An entry as the rules of one directory see it. */
struct fi_rules_ignore_pattern_entry {
    firn_slice name; /* not empty */
    firn_slice path; /* from the directory of the rule file; ends with the name */
    bool is_dir;
};

enum fi_rules_ignore_pattern_line {
    FI_RULES_IGNORE_PATTERN_RULE,
    FI_RULES_IGNORE_PATTERN_NOTHING, /* empty, or a comment */
    FI_RULES_IGNORE_PATTERN_BAD      /* can match nothing: *out_defect says why */
};

/* Parses a line without its line break. *out has no line number yet. */
enum fi_rules_ignore_pattern_line fi_rules_ignore_pattern_read(firn_slice line,
                                                               struct fi_rules_ignore_pattern *out,
                                                               const char **out_defect);

/* A check of two bytes that rules out most patterns: if false, the pattern does not match. */
static inline bool
fi_rules_ignore_pattern_may_match(const struct fi_rules_ignore_pattern *pattern,
                                  const struct fi_rules_ignore_pattern_entry *entry)
{
    firn_slice text = pattern->is_path ? entry->path : entry->name;
    switch ((enum fi_rules_ignore_pattern_kind)pattern->kind) {
    case FI_RULES_IGNORE_PATTERN_LITERAL:
        return text.size == pattern->size && text.data[text.size - 1] == pattern->last;
    case FI_RULES_IGNORE_PATTERN_SUFFIX:
        return pattern->size == 1 || text.data[text.size - 1] == pattern->last;
    case FI_RULES_IGNORE_PATTERN_GLOB:
        break;
    }
    return pattern->literal_size == 0 || text.data[0] == pattern->text[0];
}

bool fi_rules_ignore_pattern_matches(const struct fi_rules_ignore_pattern *pattern,
                                     const struct fi_rules_ignore_pattern_entry *entry);

/* Shell patterns as gitignore defines them. Pure functions over bytes: any thread, no memory, no
 * failure. */

enum fi_rules_glob_kind {
    FI_RULES_GLOB_NAME, /* against one name: '*' matches anything */
    FI_RULES_GLOB_PATH  /* against a path: only a double star crosses '/' */
};

/* Whether the glob matches the whole text. Takes at most about glob.size * text.size steps. */
bool fi_rules_glob_matches(firn_slice glob, enum fi_rules_glob_kind kind, firn_slice text);

/* Why a glob can never match anything (a set that is not closed, an unknown class, a backslash with
 * nothing after it); NULL if it may. */
const char *fi_rules_glob_defect(firn_slice glob);

/* How many bytes at the beginning stand for themselves: those before the first of * ? [ \. */
size_t fi_rules_glob_literal_size(firn_slice glob);

/* The patterns of one rule file. */

enum {
    FI_RULES_IGNORE_FILE_SIZE_MAX = 1 << 20,
    FI_RULES_IGNORE_FILE_PATTERNS_MAX = 1 << 16 /* those beyond are bad lines */
};

/* Does not change once it is made: any thread. */
struct fi_rules_ignore_file;

/* Reads at most FI_RULES_IGNORE_FILE_SIZE_MAX bytes, of which it keeps a copy. on_bad (may be NULL)
 * is called for each line that cannot be used, with its number, from 1. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int
fi_rules_ignore_file_create(firn_slice content,
                            void (*on_bad)(void *ctx, uint32_t line, const char *defect), void *ctx,
                            struct fi_rules_ignore_file **out, firn_error *err);
/* NULL is fine. */
void fi_rules_ignore_file_destroy(struct fi_rules_ignore_file *file);

/* The bytes it was made from. */
firn_slice fi_rules_ignore_file_content(const struct fi_rules_ignore_file *file);

/* The pattern that decides about an entry below the file's directory: the last one that matches.
 * NULL if none does. */
const struct fi_rules_ignore_pattern *
fi_rules_ignore_file_find(const struct fi_rules_ignore_file *file,
                          const struct fi_rules_ignore_pattern_entry *entry);

enum { FI_RULES_WALK_KINDS = FI_RULES_LIST_KIND_COUNT };

/* A rule file in effect. */
struct fi_rules_walk_layer {
    const struct fi_rules_walk_layer *above; /* the next of its kind, in a directory further up */
    struct fi_rules_ignore_file *file;       /* owned */
    enum fi_rules_list_kind kind;
    bool is_stored;
    char *dir; /* owned */
    size_t dir_size;
    struct fi_rules_walk_layer *next; /* of all */
};

/* One set, as it applies in a directory. */
struct fi_rules_walk_view {
    bool is_as_today; /* the same as the first view: need not be asked */
    const struct fi_rules_walk_layer *tops[FI_RULES_WALK_KINDS];
};

struct fi_rules_walk_scope {
    struct fi_rules_walk_scope *next;  /* of all */
    struct fi_rules_walk_view views[]; /* the disk's, then one for each stored set */
};

struct fi_rules_walk {
    struct fi_os *os;
    struct fi_rules_walk_options options;
    size_t view_count;
    struct fi_rules_walk_scope *outermost;

    struct fi_os_mutex mutex; /* rank WORKSPACE_TREE; guards all from here on */
    struct fi_rules_walk_layer *layers;
    struct fi_rules_walk_scope *scopes;
    size_t files_size; /* of the rule files on disk, and their directories' paths */
    size_t file_count;
    struct fi_buf left_out; /* patterns, one a line (rules.c) */
    size_t left_out_count;
};

/* Of a view from 1. */
static inline const struct fi_rules_list_set *
fi_rules_walk_stored_set(const struct fi_rules_walk *ignore, size_t view)
{
    return &ignore->options.stored->sets[view - 1];
}

/* Adds a set that excludes what was left out, if anything was. It borrows from ignore.
 * FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_rules_left_out_collect(struct fi_rules_walk *ignore,
                                              struct fi_rules_list *rules);

#endif
