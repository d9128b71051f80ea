/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/rules_left_out.c: what a walk left out though no rule said so.
 *
 * A file that cannot be read, or that changes at every try, is not in the checkpoint. For a restore
 * of that checkpoint it would be one thing too many, to be removed, once it can be read again. So
 * the checkpoint's rules have one set more, which says nothing but these paths: they were none of
 * the checkpoint's business, and are not touched.
 *
 * A path is a pattern of its own, anchored at the root. What a pattern cannot say, a line's end, is
 * any one character there: that protects one name too many at most.
 *
 * Limits: of more than LINES_MAX paths, and of paths longer than a pattern may be, the rest is as
 * any file that came later: a restore removes it, and its safety checkpoint has it. Who cannot have that
 * is told.
 */
#include "base/check.h"
#include "base/slice.h"
#include "base/sort.h"
#include "rules/rules_internal.h"

enum { LINES_MAX = 1024, LINE_SIZE_MAX = 4096 };

int
firn_rules_left_out_pattern(struct firn_buf *out, firn_slice path)
{
    int rc;
    FIRN_TRY(firn_buf_append_u8(out, '/'));
    for (size_t i = 0; i < path.size; i++) {
        uint8_t byte = path.data[i];
        bool is_end = byte == '\n' || byte == '\r';
        if (byte == '\\' || byte == '*' || byte == '?' || byte == '[' || byte == ' ') {
            FIRN_TRY(firn_buf_append_u8(out, '\\'));
        }
        FIRN_TRY(firn_buf_append_u8(out, is_end ? '?' : byte));
    }
    FIRN_TRY(firn_buf_append_u8(out, '\n'));
out:
    return rc;
}

int
firn_rules_left_out_note(struct firn_rules_walk *ignore, firn_slice path, bool *out_is_noted,
                         firn_error *err)
{
    int rc = FIRN_OK;
    firn_os_mutex_lock(&ignore->mutex);
    size_t size = ignore->left_out.size;
    *out_is_noted = false;
    if (ignore->left_out_count < LINES_MAX && path.size <= LINE_SIZE_MAX) {
        rc = firn_rules_left_out_pattern(&ignore->left_out, path);
        bool fits = ignore->left_out.size - size <= LINE_SIZE_MAX;
        *out_is_noted = rc == FIRN_OK && fits;
        ignore->left_out_count += *out_is_noted ? 1 : 0;
        ignore->left_out.size = rc == FIRN_OK && fits ? ignore->left_out.size : size;
    }
    firn_os_mutex_unlock(&ignore->mutex);
    return rc == FIRN_OK ? FIRN_OK : firn_error_no_memory(err, "what was left out");
}

static int
compare_lines(const void *a, const void *b)
{
    return firn_slice_compare(*(const firn_slice *)a, *(const firn_slice *)b);
}

/* The lines in their order, whichever thread met them first. */
static int
sort_lines(struct firn_buf *text)
{
    struct firn_buf lines = {0};
    struct firn_buf sorted = {0};
    size_t at = 0;
    int rc;
    while (at < text->size) {
        const uint8_t *end = memchr(text->data + at, '\n', text->size - at);
        CHECK(end != NULL); /* a line is noted whole or not at all */
        const firn_slice line = firn_bytes(text->data + at, (size_t)(end - text->data) + 1 - at);
        FIRN_TRY(firn_buf_append(&lines, &line, sizeof line));
        at += line.size;
    }
    size_t count = lines.size / sizeof(firn_slice);
    const firn_slice *slices = (const firn_slice *)(const void *)lines.data;
    firn_sort(lines.data, count, sizeof(firn_slice), compare_lines);
    for (size_t i = 0; i < count; i++) {
        FIRN_TRY(firn_buf_append_slice(&sorted, slices[i]));
    }
    DCHECK(sorted.size == text->size);
    firn_buf_deinit(text);
    *text = sorted;
    sorted = (struct firn_buf){0};
    rc = FIRN_OK;
out:
    firn_buf_deinit(&lines);
    firn_buf_deinit(&sorted);
    return rc;
}

int
firn_rules_left_out_collect(struct firn_rules_walk *ignore, struct firn_ignore_rules *rules)
{
    if (ignore->left_out_count == 0) {
        return FIRN_OK;
    }
    struct firn_ignore_rules_set *set = firn_ignore_rules_add(rules, 1);
    if (set == NULL || sort_lines(&ignore->left_out) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    set->include_deps = true;
    set->files[0] = (struct firn_ignore_rules_file){.dir = firn_bytes(NULL, 0),
                                                    .kind = FIRN_IGNORE_RULES_FIRNIGNORE,
                                                    .content = firn_buf_slice(&ignore->left_out)};
    return FIRN_OK;
}
