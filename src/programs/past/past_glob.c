/* SPDX-License-Identifier: Apache-2.0
 *
 * past/past_glob.c: patterns of paths.
 *
 * A pattern comes from an agent as well as from a person, so its cost is bounded: after a mismatch
 * only the last "*" is tried again, one byte longer, and where it may not take that byte, the last
 * "**". What an earlier star could match, the last one can match too, so no other needs a retry.
 */
#include "past/past.h"

#include <assert.h>
#include <string.h>

static uint8_t
fold(uint8_t byte, bool ignores_case)
{
    return ignores_case && byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte - 'A' + 'a') : byte;
}

/* A bracket expression at `at`, after its '['. *out_end is after its ']'. False if it has no
 * end: then the '[' is an ordinary byte. */
static bool
bracket_end(firn_slice pattern, size_t at, size_t *out_end)
{
    size_t first = at + (at < pattern.size && (pattern.data[at] == '!' || pattern.data[at] == '^'));
    for (size_t i = first; i < pattern.size; i++) {
        if (pattern.data[i] == ']' && i > first) {
            *out_end = i + 1;
            return true;
        }
        i += pattern.data[i] == '\\' && i + 1 < pattern.size;
    }
    return false;
}

static bool
bracket_has(firn_slice pattern, size_t at, size_t end, uint8_t byte, bool ignores_case)
{
    bool is_negated = pattern.data[at] == '!' || pattern.data[at] == '^';
    bool has = false;
    for (size_t i = at + is_negated; i + 1 < end; i++) {
        i += pattern.data[i] == '\\' && i + 2 < end;
        uint8_t first = fold(pattern.data[i], ignores_case);
        uint8_t last = first;
        if (i + 3 < end && pattern.data[i + 1] == '-') {
            i += 2;
            i += pattern.data[i] == '\\' && i + 2 < end;
            last = fold(pattern.data[i], ignores_case);
        }
        has = has || (byte >= first && byte <= last);
    }
    return has != is_negated;
}

/* Whether the item of the pattern at *at, which is no star, matches a byte; *at is after it
 * then. */
static bool
item_matches(firn_slice pattern, size_t *at, uint8_t byte, bool ignores_case)
{
    size_t i = *at;
    size_t end;
    uint8_t folded = fold(byte, ignores_case);
    if (pattern.data[i] == '?') {
        *at = i + 1;
        return byte != '/';
    }
    if (pattern.data[i] == '[' && bracket_end(pattern, i + 1, &end)) {
        *at = end;
        return byte != '/' && bracket_has(pattern, i + 1, end, folded, ignores_case);
    }
    i += pattern.data[i] == '\\' && i + 1 < pattern.size;
    *at = i + 1;
    return fold(pattern.data[i], ignores_case) == folded;
}

/* Where a star is tried again: the rest of the pattern, and of the path. */
struct retry {
    bool is_set;
    bool is_by_names; /* of a "**" that stands for whole names: further by a name, not by a byte */
    size_t pattern;
    size_t path;
};

/* Moves a retry of "**" on. Returns false if the path ends. */
static bool
retry_stars(struct retry *stars, firn_slice path)
{
    if (!stars->is_set || stars->path >= path.size) {
        return false;
    }
    if (!stars->is_by_names) {
        stars->path++;
        return true;
    }
    const uint8_t *slash = memchr(path.data + stars->path, '/', path.size - stars->path);
    stars->path = slash != NULL ? (size_t)(slash - path.data) + 1 : path.size;
    return slash != NULL;
}

/* Begins a star at p, which is after it then. */
static void
begin_star(firn_slice pattern, size_t *p, size_t i, struct retry *star, struct retry *stars)
{
    size_t at = *p;
    bool is_double = at + 1 < pattern.size && pattern.data[at + 1] == '*';
    bool is_name = at == 0 || pattern.data[at - 1] == '/';
    *p = at + (is_double ? 2 : 1);
    if (!is_double) {
        *star = (struct retry){true, false, *p, i};
        return;
    }
    /* "a/" "**" "/b" also matches a/b, as in gitignore(5) */
    bool is_by_names = is_name && *p < pattern.size && pattern.data[*p] == '/';
    *p += is_by_names;
    star->is_set = false;
    *stars = (struct retry){true, is_by_names, *p, i};
}

bool
fi_past_glob_matches(firn_slice pattern, firn_slice path, bool ignores_case)
{
    struct retry star = {0};
    struct retry stars = {0};
    size_t p = 0;
    size_t i = 0;
    assert(pattern.size <= FI_PAST_GLOB_SIZE_MAX);
    while (p < pattern.size || i < path.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            begin_star(pattern, &p, i, &star, &stars);
        } else if (p < pattern.size && i < path.size &&
                   item_matches(pattern, &p, path.data[i], ignores_case)) {
            i++;
        } else if (star.is_set && star.path < path.size && path.data[star.path] != '/') {
            p = star.pattern;
            i = ++star.path;
        } else if (retry_stars(&stars, path)) {
            p = stars.pattern;
            i = stars.path;
            star.is_set = false;
        } else {
            return false;
        }
    }
    return true;
}
