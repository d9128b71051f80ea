/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/rules_ignore.c: parses rule files, and matches entries against their patterns.
 *
 * Lines end in LF or CR LF; the last one needs neither. A byte order mark of UTF-8 at the very
 * beginning is skipped. Every line is a pattern, a comment or a bad line: no content makes a whole
 * rule file fail.
 *
 * The content is kept once, and patterns point into it; the rules object of a checkpoint also
 * stores it (rules_list.c). There are two passes, one that counts and one that fills, so each
 * file takes two allocations, whatever its content. A pattern takes 24 bytes in addition to its
 * line. The number of patterns is limited, because each of them may have to be compared with each
 * entry: further lines are reported as bad.
 *
 * Patterns are tried from the last to the first, and the first match counts. Most are ruled out by
 * two bytes: the ninety rules of the Linux source cost each entry less than half a
 * microsecond.
 *
 * What a line means, in the language of gitignore(5):
 *
 *   # ...      at the beginning of a line: a comment
 *   !p         what p matches is kept after all
 *   p/         directories only
 *   /p, a/b    with a slash that is not the last byte the pattern is matched against the path from
 *              the rule file's directory, otherwise against the name of an entry anywhere below
 *   spaces     at the end do not count, unless a backslash is before one; tabs do count
 *
 * Where gitignore(5) leaves a question open, git itself was tested, and firn does the same:
 * - the part of a path pattern before its first special byte is compared by itself, and what comes
 *   after it counts as the beginning of a glob: in `a**` followed by `/b` the stars therefore mean
 *   directories, although they are not alone between slashes;
 * - a slash inside a set makes the pattern a path pattern, although the set never matches a slash;
 * - a slash that follows a backslash at the end still means directories, and leaves the backslash
 *   with nothing after it.
 *
 * A line that can never match is bad: it is reported, because the user meant something by it. So is
 * a line with a NUL, which git cuts there. In a file of another encoding that leaves patterns like
 * `*` that were not intended, and a backup that silently leaves out everything is worse than one
 * rule that does not work. A line of more than 4,096 bytes is bad, too: this limits what one
 * comparison costs.
 *
 * Most patterns are a plain name, or a star and a suffix: these are compared without the glob
 * matcher, by size and last byte first.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "rules/rules_internal.h"

struct fi_rules_ignore_file {
    uint8_t *content;
    size_t size;
    struct fi_rules_ignore_pattern *patterns;
    size_t count;
};

/* ---- lines ---- */

struct lines {
    firn_slice rest;
    uint32_t number;
};

static struct lines
lines_of(firn_slice content)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    if (fi_slice_has_prefix(content, firn_bytes(mark, sizeof mark))) {
        content.data += sizeof mark;
        content.size -= sizeof mark;
    }
    return (struct lines){.rest = content};
}

static bool
next_line(struct lines *lines, firn_slice *out)
{
    firn_slice rest = lines->rest;
    if (rest.size == 0) {
        return false;
    }
    const uint8_t *end = memchr(rest.data, '\n', rest.size);
    size_t size = end != NULL ? (size_t)(end - rest.data) : rest.size;
    size_t taken = end != NULL ? size + 1 : size;
    DCHECK(taken > 0 && taken <= rest.size); /* so this ends */
    lines->rest = firn_bytes(rest.data + taken, rest.size - taken);
    lines->number++;
    size -= size > 0 && rest.data[size - 1] == '\r' ? 1 : 0;
    *out = firn_bytes(rest.data, size);
    return true;
}

/* ---- reading ---- */

static size_t
count_rules(firn_slice content)
{
    struct lines lines = lines_of(content);
    struct fi_rules_ignore_pattern pattern;
    const char *defect;
    firn_slice line;
    size_t count = 0;
    while (next_line(&lines, &line)) {
        count +=
            fi_rules_ignore_pattern_read(line, &pattern, &defect) == FI_RULES_IGNORE_PATTERN_RULE;
    }
    return count < FI_RULES_IGNORE_FILE_PATTERNS_MAX ? count : FI_RULES_IGNORE_FILE_PATTERNS_MAX;
}

static void
read_rules(struct fi_rules_ignore_file *file, size_t capacity,
           void (*on_bad)(void *ctx, uint32_t line, const char *defect), void *ctx)
{
    struct lines lines = lines_of(fi_rules_ignore_file_content(file));
    firn_slice line;
    while (next_line(&lines, &line)) {
        struct fi_rules_ignore_pattern pattern;
        const char *defect;
        enum fi_rules_ignore_pattern_line read =
            fi_rules_ignore_pattern_read(line, &pattern, &defect);
        if (read == FI_RULES_IGNORE_PATTERN_RULE && file->count == capacity) {
            defect = "more rules than a file may have";
        } else if (read == FI_RULES_IGNORE_PATTERN_RULE) {
            CHECK(file->count < capacity);
            pattern.line = lines.number;
            file->patterns[file->count++] = pattern;
        }
        if (defect != NULL && on_bad != NULL) {
            on_bad(ctx, lines.number, defect);
        }
    }
}

int
fi_rules_ignore_file_create(firn_slice content,
                            void (*on_bad)(void *ctx, uint32_t line, const char *defect), void *ctx,
                            struct fi_rules_ignore_file **out, firn_error *err)
{
    CHECK(content.size <= FI_RULES_IGNORE_FILE_SIZE_MAX);
    *out = NULL;
    size_t capacity = count_rules(content);
    struct fi_rules_ignore_file *file = fi_alloc_zeroed(sizeof *file);
    if (file != NULL) {
        file->size = content.size;
        file->content = fi_memdup(content.data, content.size);
        file->patterns = fi_alloc_array(capacity, sizeof *file->patterns);
    }
    if (file == NULL || file->content == NULL || file->patterns == NULL) {
        fi_rules_ignore_file_destroy(file);
        return fi_error_no_memory(err, "the rules of a file");
    }
    read_rules(file, capacity, on_bad, ctx);
    *out = file;
    return FIRN_OK;
}

void
fi_rules_ignore_file_destroy(struct fi_rules_ignore_file *file)
{
    if (file != NULL) {
        fi_free(file->patterns);
        fi_free(file->content);
        fi_free(file);
    }
}

firn_slice
fi_rules_ignore_file_content(const struct fi_rules_ignore_file *file)
{
    return firn_bytes(file->content, file->size);
}

const struct fi_rules_ignore_pattern *
fi_rules_ignore_file_find(const struct fi_rules_ignore_file *file,
                          const struct fi_rules_ignore_pattern_entry *entry)
{
    for (size_t i = file->count; i > 0; i--) {
        const struct fi_rules_ignore_pattern *pattern = &file->patterns[i - 1];
        if (fi_rules_ignore_pattern_may_match(pattern, entry) &&
            fi_rules_ignore_pattern_matches(pattern, entry)) {
            return pattern;
        }
    }
    return NULL;
}

/* ---- what a line means ---- */

static firn_slice
without_front(firn_slice text, size_t size)
{
    DCHECK(size <= text.size);
    return firn_bytes(text.data + size, text.size - size);
}

/* Removes spaces at the end that no backslash protects. */
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
    if (line.size > FI_RULES_IGNORE_PATTERN_SIZE_MAX) {
        return "longer than 4096 bytes";
    }
    if (line.size > 0 && memchr(line.data, 0, line.size) != NULL) {
        return "a NUL byte; is the file in another encoding than UTF-8?";
    }
    return text.size == 0 ? "no pattern" : fi_rules_glob_defect(text);
}

static enum fi_rules_ignore_pattern_kind
kind_of(firn_slice text, size_t literal_size)
{
    DCHECK(text.size > 0 && literal_size <= text.size);
    if (literal_size == text.size) {
        return FI_RULES_IGNORE_PATTERN_LITERAL;
    }
    if (literal_size == 0 && text.data[0] == '*' &&
        fi_rules_glob_literal_size(without_front(text, 1)) == text.size - 1) {
        return FI_RULES_IGNORE_PATTERN_SUFFIX;
    }
    return FI_RULES_IGNORE_PATTERN_GLOB;
}

enum fi_rules_ignore_pattern_line
fi_rules_ignore_pattern_read(firn_slice line, struct fi_rules_ignore_pattern *out,
                             const char **out_defect)
{
    firn_slice text = without_spaces(line);
    struct fi_rules_ignore_pattern pattern = {0};
    *out_defect = NULL;
    if (text.size == 0 || text.data[0] == '#') {
        return FI_RULES_IGNORE_PATTERN_NOTHING;
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
        return FI_RULES_IGNORE_PATTERN_BAD;
    }
    size_t literal_size = fi_rules_glob_literal_size(text);
    DCHECK(text.size <= FI_RULES_IGNORE_PATTERN_SIZE_MAX); /* so the sizes fit their types */
    pattern.text = text.data;
    pattern.size = (uint32_t)text.size;
    pattern.literal_size = (uint16_t)literal_size;
    pattern.kind = (uint8_t)kind_of(text, literal_size);
    pattern.last = text.data[text.size - 1];
    *out = pattern;
    return FI_RULES_IGNORE_PATTERN_RULE;
}

/* ---- matching ---- */

static bool
matches_glob(const struct fi_rules_ignore_pattern *pattern, firn_slice text)
{
    DCHECK(pattern->literal_size <= pattern->size);
    firn_slice front = firn_bytes(pattern->text, pattern->literal_size);
    if (!fi_slice_has_prefix(text, front)) {
        return false;
    }
    firn_slice glob = firn_bytes(pattern->text + front.size, pattern->size - front.size);
    return fi_rules_glob_matches(glob, pattern->is_path ? FI_RULES_GLOB_PATH : FI_RULES_GLOB_NAME,
                                 without_front(text, front.size));
}

/* Matches a star and a suffix against a name or (the star crosses no slash) a path. */
static bool
matches_suffix(const struct fi_rules_ignore_pattern *pattern, firn_slice text)
{
    DCHECK(pattern->size > 0 && pattern->text[0] == '*');
    firn_slice ending = firn_bytes(pattern->text + 1, pattern->size - 1);
    if (text.size < ending.size) {
        return false;
    }
    size_t starred = text.size - ending.size;
    return memcmp(text.data + starred, ending.data, ending.size) == 0 &&
           (!pattern->is_path || memchr(text.data, '/', starred) == NULL);
}

bool
fi_rules_ignore_pattern_matches(const struct fi_rules_ignore_pattern *pattern,
                                const struct fi_rules_ignore_pattern_entry *entry)
{
    DCHECK(entry->name.size > 0 && entry->path.size >= entry->name.size);
    if ((pattern->is_for_dirs && !entry->is_dir) ||
        !fi_rules_ignore_pattern_may_match(pattern, entry)) {
        return false;
    }
    firn_slice text = pattern->is_path ? entry->path : entry->name;
    switch ((enum fi_rules_ignore_pattern_kind)pattern->kind) {
    case FI_RULES_IGNORE_PATTERN_LITERAL:
        DCHECK(text.size == pattern->size); /* or it may not match */
        return memcmp(text.data, pattern->text, text.size) == 0;
    case FI_RULES_IGNORE_PATTERN_SUFFIX:
        return matches_suffix(pattern, text);
    case FI_RULES_IGNORE_PATTERN_GLOB:
        break;
    }
    return matches_glob(pattern, text);
}
