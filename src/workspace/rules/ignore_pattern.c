/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/ignore_pattern.c: what a line of a rule file means, in the language of gitignore(5).
 *
 *   # ...      at the line's beginning: a comment
 *   !p         what p matches is kept again
 *   p/         directories only
 *   /p, a/b    with a slash that is not the last byte the pattern is matched against the path from
 *              the rule file's directory, otherwise against the name of an entry anywhere below
 *   spaces     at the end do not count, unless a backslash stands before one; tabs do count
 *
 * Where gitignore(5) leaves a question open, git itself was asked, and the same answer is given:
 * - the part of a path pattern before its first special byte is compared by itself, and what comes
 *   after it stands at the beginning of a glob: in `a**` followed by `/b` the stars therefore mean
 *   directories, although they do not stand alone between slashes;
 * - a slash inside a set makes a path pattern of it, though the set never matches one;
 * - a slash that follows a backslash at the end still means directories, and leaves the backslash
 *   with nothing behind it.
 *
 * A line that can never match is bad: it is told to the user, who meant something by it. So is one
 * with a NUL, which git cuts there: in a file of another encoding that leaves patterns like `*` of
 * which nobody thought, and a backup that silently leaves out everything is worse than one rule
 * that does not work. So is a line of more than 4,096 bytes, which bounds what one comparison
 * costs.
 *
 * Most patterns are a plain name, or a star and an ending: these are compared without the glob
 * matcher, and by their size and last byte first.
 */
#include "base/slice.h"
#include "rules/rules_internal.h"

static firn_slice
without_front(firn_slice text, size_t size)
{
    return firn_bytes(text.data + size, text.size - size);
}

/* Without the spaces at the end that no backslash protects. */
static firn_slice
without_spaces(firn_slice line)
{
    size_t end = 0;
    for (size_t at = 0; at < line.size; at++) {
        if (line.data[at] == '\\') {
            at += at + 1 < line.size ? 1 : 0;
            end = at + 1;
        } else if (line.data[at] != ' ') {
            end = at + 1;
        }
    }
    return firn_bytes(line.data, end);
}

static const char *
find_defect(firn_slice line, firn_slice text)
{
    if (line.size > FIRN_IGNORE_PATTERN_SIZE_MAX) {
        return "longer than 4096 bytes";
    }
    if (line.size > 0 && memchr(line.data, 0, line.size) != NULL) {
        return "a NUL byte; is the file in another encoding than UTF-8?";
    }
    return text.size == 0 ? "no pattern" : firn_ignore_glob_defect(text);
}

static enum firn_ignore_pattern_kind
kind_of(firn_slice text, size_t literal_size)
{
    if (literal_size == text.size) {
        return FIRN_IGNORE_PATTERN_LITERAL;
    }
    if (literal_size == 0 && text.data[0] == '*' &&
        firn_ignore_glob_literal_size(without_front(text, 1)) == text.size - 1) {
        return FIRN_IGNORE_PATTERN_SUFFIX;
    }
    return FIRN_IGNORE_PATTERN_GLOB;
}

enum firn_ignore_pattern_line
firn_ignore_pattern_read(firn_slice line, struct firn_ignore_pattern *out, const char **out_defect)
{
    firn_slice text = without_spaces(line);
    struct firn_ignore_pattern pattern = {0};
    *out_defect = NULL;
    if (text.size == 0 || text.data[0] == '#') {
        return FIRN_IGNORE_PATTERN_NOTHING;
    }
    if (text.data[0] == '!') {
        pattern.is_negated = true;
        text = without_front(text, 1);
    }
    if (text.size > 0 && text.data[text.size - 1] == '/') {
        pattern.is_for_dirs = true;
        text.size--;
    }
    pattern.is_path = text.size > 0 && memchr(text.data, '/', text.size) != NULL;
    if (pattern.is_path && text.data[0] == '/') {
        text = without_front(text, 1);
    }
    *out_defect = find_defect(line, text);
    if (*out_defect != NULL) {
        return FIRN_IGNORE_PATTERN_BAD;
    }
    size_t literal_size = firn_ignore_glob_literal_size(text);
    pattern.text = text.data;
    pattern.size = (uint32_t)text.size;
    pattern.literal_size = (uint16_t)literal_size;
    pattern.kind = (uint8_t)kind_of(text, literal_size);
    pattern.last = text.data[text.size - 1];
    *out = pattern;
    return FIRN_IGNORE_PATTERN_RULE;
}

/* ---- matching ---- */

static bool
matches_glob(const struct firn_ignore_pattern *pattern, firn_slice text)
{
    firn_slice front = firn_bytes(pattern->text, pattern->literal_size);
    if (!firn_slice_has_prefix(text, front)) {
        return false;
    }
    firn_slice glob = firn_bytes(pattern->text + front.size, pattern->size - front.size);
    return firn_ignore_glob_matches(
        glob, pattern->is_path ? FIRN_IGNORE_GLOB_PATH : FIRN_IGNORE_GLOB_NAME,
        without_front(text, front.size));
}

/* A star and an ending, against a name or (the star crosses no slash) a path. */
static bool
matches_suffix(const struct firn_ignore_pattern *pattern, firn_slice text)
{
    firn_slice ending = firn_bytes(pattern->text + 1, pattern->size - 1);
    if (text.size < ending.size) {
        return false;
    }
    size_t starred = text.size - ending.size;
    return memcmp(text.data + starred, ending.data, ending.size) == 0 &&
           (!pattern->is_path || memchr(text.data, '/', starred) == NULL);
}

bool
firn_ignore_pattern_matches(const struct firn_ignore_pattern *pattern,
                            const struct firn_ignore_pattern_entry *entry)
{
    if ((pattern->is_for_dirs && !entry->is_dir) ||
        !firn_ignore_pattern_may_match(pattern, entry)) {
        return false;
    }
    firn_slice text = pattern->is_path ? entry->path : entry->name;
    switch ((enum firn_ignore_pattern_kind)pattern->kind) {
    case FIRN_IGNORE_PATTERN_LITERAL:
        return memcmp(text.data, pattern->text, text.size) == 0;
    case FIRN_IGNORE_PATTERN_SUFFIX:
        return matches_suffix(pattern, text);
    case FIRN_IGNORE_PATTERN_GLOB:
        break;
    }
    return matches_glob(pattern, text);
}
