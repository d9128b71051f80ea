/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/ignore_file.c: from the bytes of a rule file to its patterns.
 *
 * Lines end in LF or CR LF; the last one needs neither. A byte order mark of UTF-8 at the very
 * beginning is skipped. Whatever else stands there is a pattern, a comment or a bad line
 * (ignore_pattern.c): no content makes a rule file fail as a whole.
 *
 * The content is kept, once, and patterns point into it; it is also what the rules object of a
 * checkpoint stores (ignore_rules.c). Two passes, one that counts and one that fills, so that there
 * are two allocations a file, whatever is in it. A pattern takes 24 bytes beside its line. The
 * number of patterns has a limit, because each of them may have to be compared with each entry: the
 * lines beyond it are told as bad ones.
 *
 * Patterns are asked from the last to the first, and the first answer counts. Most say no after a
 * look at two bytes: the ninety rules of the Linux source cost each entry less than half a
 * microsecond.
 */
#include "rules/rules_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"

struct firn_ignore_file {
    uint8_t *content;
    size_t size;
    struct firn_ignore_pattern *patterns;
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
    if (firn_slice_has_prefix(content, firn_bytes(mark, sizeof mark))) {
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
    struct firn_ignore_pattern pattern;
    const char *defect;
    firn_slice line;
    size_t count = 0;
    while (next_line(&lines, &line)) {
        count += firn_ignore_pattern_read(line, &pattern, &defect) == FIRN_IGNORE_PATTERN_RULE;
    }
    return count < FIRN_IGNORE_FILE_PATTERNS_MAX ? count : FIRN_IGNORE_FILE_PATTERNS_MAX;
}

static void
read_rules(struct firn_ignore_file *file, size_t capacity,
           void (*on_bad)(void *ctx, uint32_t line, const char *defect), void *ctx)
{
    struct lines lines = lines_of(firn_ignore_file_content(file));
    firn_slice line;
    while (next_line(&lines, &line)) {
        struct firn_ignore_pattern pattern;
        const char *defect;
        enum firn_ignore_pattern_line read = firn_ignore_pattern_read(line, &pattern, &defect);
        if (read == FIRN_IGNORE_PATTERN_RULE && file->count == capacity) {
            defect = "more rules than a file may have";
        } else if (read == FIRN_IGNORE_PATTERN_RULE) {
            pattern.line = lines.number;
            file->patterns[file->count++] = pattern;
        }
        if (defect != NULL && on_bad != NULL) {
            on_bad(ctx, lines.number, defect);
        }
    }
}

int
firn_ignore_file_create(firn_slice content,
                        void (*on_bad)(void *ctx, uint32_t line, const char *defect), void *ctx,
                        struct firn_ignore_file **out, firn_error *err)
{
    CHECK(content.size <= FIRN_IGNORE_FILE_SIZE_MAX);
    *out = NULL;
    size_t capacity = count_rules(content);
    struct firn_ignore_file *file = firn_alloc_zeroed(sizeof *file);
    if (file != NULL) {
        file->size = content.size;
        file->content = firn_memdup(content.data, content.size);
        file->patterns = firn_alloc_array(capacity, sizeof *file->patterns);
    }
    if (file == NULL || file->content == NULL || file->patterns == NULL) {
        firn_ignore_file_destroy(file);
        return firn_error_no_memory(err, "the rules of a file");
    }
    read_rules(file, capacity, on_bad, ctx);
    *out = file;
    return FIRN_OK;
}

void
firn_ignore_file_destroy(struct firn_ignore_file *file)
{
    if (file != NULL) {
        firn_free(file->patterns);
        firn_free(file->content);
        firn_free(file);
    }
}

firn_slice
firn_ignore_file_content(const struct firn_ignore_file *file)
{
    return firn_bytes(file->content, file->size);
}

const struct firn_ignore_pattern *
firn_ignore_file_find(const struct firn_ignore_file *file,
                      const struct firn_ignore_pattern_entry *entry)
{
    for (size_t i = file->count; i > 0; i--) {
        const struct firn_ignore_pattern *pattern = &file->patterns[i - 1];
        if (firn_ignore_pattern_may_match(pattern, entry) &&
            firn_ignore_pattern_matches(pattern, entry)) {
            return pattern;
        }
    }
    return NULL;
}
