/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/ignore_pattern.h: one line of a rule file as a pattern, and whether it matches an
 * entry. Pure functions: any thread, no memory, no failure.
 */
#ifndef FIRN_RULES_IGNORE_PATTERN_H
#define FIRN_RULES_IGNORE_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "firn/types.h"

enum { FIRN_IGNORE_PATTERN_SIZE_MAX = 4096 /* of a line */ };

enum firn_ignore_pattern_kind {
    FIRN_IGNORE_PATTERN_LITERAL, /* nothing but itself */
    FIRN_IGNORE_PATTERN_SUFFIX,  /* a star and then nothing special */
    FIRN_IGNORE_PATTERN_GLOB
};

/* Borrows from the line. */
struct firn_ignore_pattern {
    const uint8_t *text; /* without '!' and without slashes at its ends */
    uint32_t size;
    uint32_t line;         /* from 1 */
    uint16_t literal_size; /* bytes at its front that stand for themselves */
    uint8_t kind;          /* enum firn_ignore_pattern_kind */
    uint8_t last;          /* its last byte, where the kind tells that this stands for itself */
    bool is_negated;       /* '!': what it matches is kept */
    bool is_for_dirs;      /* it ended in '/' */
    bool is_path;          /* against the path from the rule file's directory, not the name */
};

/* An entry as the rules of one directory see it. */
struct firn_ignore_pattern_entry {
    firn_slice name; /* not empty */
    firn_slice path; /* from the directory of the rule file; ends with the name */
    bool is_dir;
};

enum firn_ignore_pattern_line {
    FIRN_IGNORE_PATTERN_RULE,
    FIRN_IGNORE_PATTERN_NOTHING, /* empty, or a comment */
    FIRN_IGNORE_PATTERN_BAD      /* can match nothing: *out_defect says why */
};

/* Reads a line without its line break. *out has no line number yet. */
enum firn_ignore_pattern_line
firn_ignore_pattern_read(firn_slice line, struct firn_ignore_pattern *out, const char **out_defect);

/* A look at two bytes that says no for most: then the pattern does not match. */
static inline bool
firn_ignore_pattern_may_match(const struct firn_ignore_pattern *pattern,
                              const struct firn_ignore_pattern_entry *entry)
{
    firn_slice text = pattern->is_path ? entry->path : entry->name;
    switch ((enum firn_ignore_pattern_kind)pattern->kind) {
    case FIRN_IGNORE_PATTERN_LITERAL:
        return text.size == pattern->size && text.data[text.size - 1] == pattern->last;
    case FIRN_IGNORE_PATTERN_SUFFIX:
        return pattern->size == 1 || text.data[text.size - 1] == pattern->last;
    case FIRN_IGNORE_PATTERN_GLOB:
        break;
    }
    return pattern->literal_size == 0 || text.data[0] == pattern->text[0];
}

bool firn_ignore_pattern_matches(const struct firn_ignore_pattern *pattern,
                                 const struct firn_ignore_pattern_entry *entry);

#endif
