/* SPDX-License-Identifier: Apache-2.0
 *
 * past/past_search.c: in which differences a text came or went.
 *
 * -S: how often the text occurs differs between both contents of a file. -G: a line that was added
 * or removed matches. The library has compared the lines, and hands over both contents; the text is
 * counted in these. A file of which it compares no lines, because it is binary or very large, is
 * read piece by piece to count, in a window that keeps as many bytes of the piece before as a text
 * between both may have; -G passes it over. Matches are counted from left to right and do not
 * overlap.
 *
 * The reader is opened with the first such file, and stays open.
 */
#include "past/past.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "term/term_try.h"

enum { WINDOW_SIZE = 1 << 20 };

int
fi_past_search_init(struct fi_past_search *out, struct fi_cli *cli, const char *text,
                    const char *expression, bool ignores_case)
{
    *out = (struct fi_past_search){.text = text};
    if (text != NULL && (text[0] == '\0' || strlen(text) > FI_PAST_SEARCH_TEXT_MAX)) {
        return fi_command_misused(cli, "the text to search for has 1 to %d bytes",
                                  FI_PAST_SEARCH_TEXT_MAX);
    }
    if (expression == NULL) {
        return FI_EXIT_OK;
    }
    out->has_pattern = true;
    return fi_past_pattern_init(&out->pattern, cli, expression, false, ignores_case);
}

void
fi_past_search_deinit(struct fi_past_search *search)
{
    fi_past_pattern_deinit(&search->pattern);
    firn_workspace_reader_close(search->reader);
    free(search->window);
    *search = (struct fi_past_search){0};
}

bool
fi_past_search_is_on(const struct fi_past_search *search)
{
    return search->text != NULL || search->has_pattern;
}

/* ---- counting a text ---- */

/* How often the text occurs; *out_rest is where the search ended, after the last match. */
static uint64_t
count_in(const char *text, firn_slice content, size_t *out_rest)
{
    size_t size = strlen(text);
    uint64_t count = 0;
    size_t at = 0;
    while (content.size - at >= size) {
        const uint8_t *hit = memmem(content.data + at, content.size - at, text, size);
        if (hit == NULL) {
            break;
        }
        at = (size_t)(hit - content.data) + size;
        count++;
    }
    *out_rest = at;
    return count;
}

/* Counts in the window, and keeps of it what the next piece may continue. */
static void
count_window(struct fi_past_search *search)
{
    size_t most = strlen(search->text) - 1;
    size_t rest;
    search->found += count_in(search->text, firn_bytes(search->window, search->window_size), &rest);
    size_t left = search->window_size - rest;
    left = left < most ? left : most;
    memmove(search->window, search->window + search->window_size - left, left);
    search->window_size = left;
}

static int
take_bytes(struct fi_past_search *search, const uint8_t *data, size_t size)
{
    while (size > 0) {
        size_t some = WINDOW_SIZE - search->window_size;
        some = some < size ? some : size;
        memcpy(search->window + search->window_size, data, some);
        search->window_size += some;
        data += some;
        size -= some;
        if (search->window_size == WINDOW_SIZE) {
            count_window(search);
        }
    }
    return fi_term_signals_caught() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

/* A hole: a text has no zero byte, so none is in it or reaches across it. */
static int
past_search_take(void *ctx, firn_slice data, firn_error *err)
{
    struct fi_past_search *search = ctx;
    (void)err;
    if (data.data == NULL) {
        count_window(search);
        search->window_size = 0;
        return FIRN_OK;
    }
    return take_bytes(search, data.data, data.size);
}

static int
count_file(struct fi_past_search *search, const firn_workspace_entry *entry, uint64_t *out)
{
    *out = 0;
    if (entry == NULL || entry->type != FIRN_ENTRY_FILE) {
        return FIRN_OK;
    }
    if (search->reader == NULL) {
        FI_TRY_RETURN(firn_workspace_reader_open(search->workspace, &search->reader, &search->err));
    }
    if (search->window == NULL) {
        search->window = malloc(WINDOW_SIZE);
        if (search->window == NULL) {
            search->pattern.is_out_of_memory = true;
            return FIRN_NO_MEMORY;
        }
    }
    search->found = 0;
    search->window_size = 0;
    FI_TRY_RETURN(firn_workspace_reader_part(search->reader, &entry->hash, entry->size_bytes, 0,
                                             entry->size_bytes, past_search_take, search,
                                             &search->err));
    count_window(search);
    *out = search->found;
    return FIRN_OK;
}

static bool
has_other_content(const firn_workspace_change *change)
{
    return change->before == NULL || change->after == NULL ||
           (change->what & (FIRN_CHANGED_CONTENT | FIRN_CHANGED_TYPE)) != 0;
}

static int
differs_in_count(struct fi_past_search *search, const firn_workspace_difference *difference,
                 bool *out)
{
    size_t rest;
    uint64_t before = 0;
    uint64_t after = 0;
    if (difference->lines == FIRN_LINES_COUNTED) {
        before = count_in(search->text, difference->content_before, &rest);
        after = count_in(search->text, difference->content_after, &rest);
    } else {
        FI_TRY_RETURN(count_file(search, difference->change.before, &before));
        FI_TRY_RETURN(count_file(search, difference->change.after, &after));
    }
    *out = before != after;
    return FIRN_OK;
}

/* ---- lines that match ---- */

/* Whether one of `count` lines from `from` on matches. *walk is at or before that line. */
static bool
matches_in(struct fi_past_pattern *pattern, struct fi_show_lines *walk, uint32_t from,
           uint32_t count)
{
    while (walk->left.size > 0 && walk->line < from) {
        (void)fi_show_lines_next(walk);
    }
    while (walk->left.size > 0 && walk->line < from + count) {
        firn_slice line = fi_show_lines_next(walk);
        line.size -= line.data[line.size - 1] == '\n';
        if (fi_past_pattern_matches(pattern, line)) {
            return true;
        }
    }
    return false;
}

static bool
has_line(struct fi_past_search *search, const firn_workspace_difference *difference)
{
    struct fi_show_lines before = {difference->content_before, 0};
    struct fi_show_lines after = {difference->content_after, 0};
    for (size_t i = 0; i < difference->hunk_count; i++) {
        const firn_hunk *hunk = &difference->hunks[i];
        if (matches_in(&search->pattern, &before, hunk->before_at, hunk->before_count) ||
            matches_in(&search->pattern, &after, hunk->after_at, hunk->after_count)) {
            return true;
        }
    }
    return false;
}

int
fi_past_search_has(struct fi_past_search *search, const firn_workspace_difference *difference,
                   bool *out)
{
    assert(fi_past_search_is_on(search));
    *out = false;
    if (!has_other_content(&difference->change)) {
        return FIRN_OK;
    }
    if (search->text != NULL) {
        FI_TRY_RETURN(differs_in_count(search, difference, out));
    }
    if (search->has_pattern && (search->text == NULL || *out)) {
        *out = difference->lines == FIRN_LINES_COUNTED && has_line(search, difference);
    }
    return search->pattern.is_out_of_memory ? FIRN_NO_MEMORY : FIRN_OK;
}
