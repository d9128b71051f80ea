/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_edit_text.c: the half of ws_edit.h about texts. A line is a path, a space, and
 * fields of the form name=value between single spaces; all but printable characters are escaped in
 * it.
 */
#include "support/test.h"
#include "ws_edit.h"

struct line {
    const char *text;
    size_t path_size;
    size_t size;
    bool is_file;
};

struct lines {
    struct line *lines;
    size_t count;
};

static int
compare_paths(const struct line *left, const struct line *right)
{
    size_t size = left->path_size < right->path_size ? left->path_size : right->path_size;
    int order = memcmp(left->text, right->text, size);
    if (order != 0) {
        return order;
    }
    return (left->path_size > right->path_size) - (left->path_size < right->path_size);
}

static int
compare_lines(const void *a, const void *b)
{
    return compare_paths(a, b);
}

/* The lines in the order of the text. */
static struct lines
split(const char *text)
{
    struct lines lines = {0};
    size_t capacity = 0;
    for (const char *end; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        const char *space = memchr(text, ' ', (size_t)(end - text));
        assert_non_null(space);
        if (lines.count == capacity) {
            capacity = capacity * 2 + 64;
            lines.lines = realloc(lines.lines, capacity * sizeof *lines.lines);
            assert_non_null(lines.lines);
        }
        lines.lines[lines.count++] = (struct line){.text = text,
                                                   .path_size = (size_t)(space - text),
                                                   .size = (size_t)(end - text),
                                                   .is_file = space[6] != '2'}; /* " kind=2" */
    }
    return lines;
}

static struct lines
split_sorted(const char *text)
{
    struct lines lines = split(text);
    if (lines.count > 1) {
        qsort(lines.lines, lines.count, sizeof *lines.lines, compare_lines);
    }
    return lines;
}

/* The field " mtime=..." of a line. */
static firn_slice
time_of(const struct line *line)
{
    static const char name[] = " mtime=";
    const char *at = line->text + line->path_size;
    const char *field = memmem(at, line->size - line->path_size, name, sizeof name - 1);
    assert_non_null(field);
    const char *end = memchr(field + 1, ' ', line->size - (size_t)(field + 1 - line->text));
    end = end != NULL ? end : line->text + line->size;
    return firn_bytes(field, (size_t)(end - field));
}

static bool
is_times_only(const struct line *before, const struct line *after)
{
    firn_slice old = time_of(before);
    firn_slice new = time_of(after);
    size_t left = (size_t)((const char *)old.data - before->text);
    size_t right = before->size - left - old.size;
    return left == (size_t)((const char *)new.data - after->text) &&
           right == after->size - left - new.size &&memcmp(before->text, after->text, left) == 0 &&
           memcmp(before->text + before->size - right, after->text + after->size - right, right) ==
               0;
}

static void
count_pair(struct ws_edit_counts *counts, const struct line *before, const struct line *after)
{
    bool was_file = before != NULL && before->is_file;
    bool is_file = after != NULL && after->is_file;
    bool is_same = was_file && is_file && before->size == after->size &&
                   memcmp(before->text, after->text, before->size) == 0;
    counts->unchanged += is_same ? 1 : 0;
    counts->changed += was_file && is_file && !is_same ? 1 : 0;
    counts->times_only += was_file && is_file && !is_same && is_times_only(before, after) ? 1 : 0;
    counts->added += !was_file && is_file ? 1 : 0;
    counts->removed += was_file && !is_file ? 1 : 0;
}

struct ws_edit_counts
ws_edit_compare(const char *before, const char *after)
{
    struct ws_edit_counts counts = {0};
    struct lines left = split_sorted(before);
    struct lines right = split_sorted(after);
    size_t i = 0;
    size_t j = 0;
    while (i < left.count || j < right.count) {
        int order = i == left.count    ? 1
                    : j == right.count ? -1
                                       : compare_paths(&left.lines[i], &right.lines[j]);
        count_pair(&counts, order <= 0 ? &left.lines[i] : NULL,
                   order >= 0 ? &right.lines[j] : NULL);
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
    }
    free(left.lines);
    free(right.lines);
    return counts;
}

static bool
begins_with_any(const char *field, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strncmp(field, names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return false;
}

char *
ws_edit_without(const char *text, const char *const *fields, size_t count)
{
    char *result = NULL;
    size_t size;
    FILE *out = open_memstream(&result, &size);
    struct lines lines = split(text);
    for (size_t i = 0; i < lines.count; i++) {
        const struct line *line = &lines.lines[i];
        const char *at = line->text + line->path_size;
        const char *end = line->text + line->size;
        fwrite(line->text, 1, line->path_size, out);
        while (at < end) {
            const char *next = memchr(at + 1, ' ', (size_t)(end - at - 1));
            next = next == NULL ? end : next;
            if (!begins_with_any(at + 1, fields, count)) {
                fwrite(at, 1, (size_t)(next - at), out);
            }
            at = next;
        }
        fputc('\n', out);
    }
    free(lines.lines);
    fclose(out);
    return result;
}

char *
ws_edit_lines(const char *text, bool (*is_wanted)(void *ctx, const char *path, size_t size),
              void *ctx)
{
    char *result = NULL;
    size_t size;
    FILE *out = open_memstream(&result, &size);
    struct lines lines = split(text);
    for (size_t i = 0; i < lines.count; i++) {
        const struct line *line = &lines.lines[i];
        if (is_wanted(ctx, line->text, line->path_size)) {
            fwrite(line->text, 1, line->size + 1, out);
        }
    }
    free(lines.lines);
    fclose(out);
    return result;
}

bool
ws_edit_is_within(const char *path, size_t size, const char *part)
{
    size_t part_size = strlen(part);
    return size >= part_size && memcmp(path, part, part_size) == 0 &&
           (size == part_size || path[part_size] == '/');
}

static const struct line *
find(const struct lines *lines, const struct line *key)
{
    return lines->count == 0
               ? NULL
               : bsearch(key, lines->lines, lines->count, sizeof *lines->lines, compare_lines);
}

/* The fields that say what a file holds. */
static bool
holds_the_same(const struct line *a, const struct line *b)
{
    if (b == NULL) {
        return false;
    }
    const char *a_size = strstr(a->text, " size=");
    const char *b_size = strstr(b->text, " size=");
    const char *a_end = strstr(a_size, " xattrs=");
    const char *b_end = strstr(b_size, " xattrs=");
    return a_end - a_size == b_end - b_size &&
           memcmp(a_size, b_size, (size_t)(a_end - a_size)) == 0;
}

static bool
has_temporary_name(const struct line *line)
{
    for (size_t i = 0; i + 6 < line->path_size; i++) {
        if ((i == 0 || line->text[i - 1] == '/') && memcmp(line->text + i, ".firn-", 6) == 0) {
            return true;
        }
    }
    return false;
}

bool
ws_edit_is_mix(const char *found, const char *before, const char *after)
{
    struct lines lines = split(found);
    struct lines left = split_sorted(before);
    struct lines right = split_sorted(after);
    bool is_mix = true;
    for (size_t i = 0; i < lines.count && is_mix; i++) {
        const struct line *line = &lines.lines[i];
        is_mix = !line->is_file || has_temporary_name(line) ||
                 holds_the_same(line, find(&left, line)) ||
                 holds_the_same(line, find(&right, line));
        if (!is_mix) {
            printf("neither old nor new: %.*s\n", (int)line->size, line->text);
        }
    }
    free(lines.lines);
    free(left.lines);
    free(right.lines);
    return is_mix;
}

char *
ws_edit_escape(const char *path)
{
    char *result = malloc(strlen(path) * 3 + 1);
    assert_non_null(result);
    char *out = result;
    for (; *path != '\0'; path++) {
        unsigned char byte = (unsigned char)*path;
        if (byte > ' ' && byte < 127 && byte != '\\') {
            *out++ = (char)byte;
        } else {
            out += sprintf(out, "\\%02x", byte);
        }
    }
    *out = '\0';
    return result;
}
