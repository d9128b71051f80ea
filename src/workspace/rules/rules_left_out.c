/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/rules_left_out.c: what a walk left out although no rule said so.
 *
 * A file that cannot be read, or that changes at every try, is not in the checkpoint. Once it can
 * be read again, a restore of that checkpoint would remove it as a file that the checkpoint does
 * not have. So the checkpoint's rules have one more set, which consists of these paths: restores do
 * not touch them.
 *
 * Each path becomes a pattern, anchored at the root. A line end, which a pattern cannot express,
 * becomes "any one character": at worst that protects a few names too many.
 *
 * Limits: LINES_MAX paths, each with a line that a rule file may have, and all lines together at
 * most as long as a rule file may be (I1); otherwise the rules could not be read again. A path
 * beyond these limits is treated like a file that was created later: a restore removes it, and the
 * safety checkpoint has it. fi_rules_left_out_note reports this to its caller.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "rules/rules.h"
#include "rules/rules_internal.h"

enum { LINES_MAX = 1024 };

int
fi_rules_left_out_pattern(struct fi_buf *out, firn_slice path)
{
    const size_t begin = out->size;
    int rc;
    FI_TRY(fi_buf_append_u8(out, '/'));
    for (size_t i = 0; i < path.size; i++) {
        uint8_t byte = path.data[i];
        bool is_end = byte == '\n' || byte == '\r';
        if (byte == '\\' || byte == '*' || byte == '?' || byte == '[' || byte == ' ') {
            FI_TRY(fi_buf_append_u8(out, '\\'));
        }
        FI_TRY(fi_buf_append_u8(out, is_end ? '?' : byte));
    }
    rc = out->size - begin <= FI_RULES_IGNORE_PATTERN_SIZE_MAX ? fi_buf_append_u8(out, '\n')
                                                               : FIRN_LIMIT;
out:
    if (rc != FIRN_OK) {
        out->size = begin;
    }
    return rc;
}

int
fi_rules_left_out_note(struct fi_rules_walk *ignore, firn_slice path, bool *out_is_noted,
                       firn_error *err)
{
    int rc = FIRN_LIMIT;
    fi_os_mutex_lock(&ignore->mutex);
    const size_t size = ignore->left_out.size;
    if (ignore->left_out_count < LINES_MAX && path.size <= FI_RULES_IGNORE_PATTERN_SIZE_MAX) {
        rc = fi_rules_left_out_pattern(&ignore->left_out, path);
    }
    if (rc == FIRN_OK && ignore->left_out.size > FI_RULES_IGNORE_FILE_SIZE_MAX) { /* (I1) */
        ignore->left_out.size = size;
        rc = FIRN_LIMIT;
    }
    *out_is_noted = rc == FIRN_OK;
    ignore->left_out_count += rc == FIRN_OK ? 1 : 0;
    fi_os_mutex_unlock(&ignore->mutex);
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "what was left out") : FIRN_OK;
}

static int
compare_lines(const void *a, const void *b)
{
    return fi_slice_compare(*(const firn_slice *)a, *(const firn_slice *)b);
}

/* Sorts the lines, so that their order does not depend on threads. */
static int
sort_lines(struct fi_buf *text)
{
    struct fi_buf lines = {0};
    struct fi_buf sorted = {0};
    size_t at = 0;
    int rc;
    while (at < text->size) {
        const uint8_t *end = memchr(text->data + at, '\n', text->size - at);
        CHECK(end != NULL); /* a line is noted whole or not at all */
        const firn_slice line = firn_bytes(text->data + at, (size_t)(end - text->data) + 1 - at);
        FI_TRY(fi_buf_append(&lines, &line, sizeof line));
        at += line.size;
    }
    size_t count = lines.size / sizeof(firn_slice);
    const firn_slice *slices = (const firn_slice *)(const void *)lines.data;
    fi_sort(lines.data, count, sizeof(firn_slice), compare_lines);
    for (size_t i = 0; i < count; i++) {
        FI_TRY(fi_buf_append_slice(&sorted, slices[i]));
    }
    DCHECK(sorted.size == text->size);
    fi_buf_deinit(text);
    *text = sorted;
    sorted = (struct fi_buf){0};
    rc = FIRN_OK;
out:
    fi_buf_deinit(&lines);
    fi_buf_deinit(&sorted);
    return rc;
}

int
fi_rules_left_out_collect(struct fi_rules_walk *ignore, struct fi_rules_list *rules)
{
    if (ignore->left_out_count == 0) {
        return FIRN_OK;
    }
    DCHECK(ignore->left_out.size <= FI_RULES_IGNORE_FILE_SIZE_MAX); /* (I1) */
    struct fi_rules_list_set *set = fi_rules_list_add(rules, 1);
    if (set == NULL || sort_lines(&ignore->left_out) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    set->include_deps = true;
    set->files[0] = (struct fi_rules_list_file){.dir = firn_bytes(NULL, 0),
                                                .kind = FI_RULES_LIST_FIRNIGNORE,
                                                .content = fi_buf_slice(&ignore->left_out)};
    return FIRN_OK;
}

bool
fi_rules_left_out_is(const struct fi_rules_list_set *set)
{
    if (!set->include_deps || set->is_narrow || set->gitignore || set->file_count != 1 ||
        set->files[0].dir.size > 0 || set->files[0].kind != FI_RULES_LIST_FIRNIGNORE) {
        return false;
    }
    const firn_slice text = set->files[0].content;
    for (size_t i = 0; i < text.size; i++) {
        if ((i == 0 || text.data[i - 1] == '\n') && text.data[i] != '/') {
            return false;
        }
    }
    return text.size > 0;
}
