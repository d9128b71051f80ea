/* SPDX-License-Identifier: Apache-2.0
 *
 * report/report_difference.c: one file that a checkpoint changed, and its lines.
 *
 * Each is a <details>: it opens and closes without a script. A change without lines to show is a
 * row without one.
 *
 * A phone must be able to open the page. So it shows at most LINES_MAX lines of a file,
 * LINE_SIZE_MAX bytes of a line, and FI_REPORT_DIFFERENCE_ENTRIES_MAX files of a checkpoint. A
 * row that would make the page too long loses its lines, or is left out. The page says where
 * something was cut.
 *
 * The lines are found as in show_patch.c, by one walk along both texts. Adjacent hunks are shown as
 * one, because equal lines must not be shown twice. Where lines were replaced, the words that
 * differ are marked, unless that would be most of them.
 */
#include "report/report.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "show/show.h"

enum {
    CONTEXT = 3,
    LINES_MAX = 600,
    LINE_SIZE_MAX = 2000,
    WORDS_BYTES_MAX = 64 << 10 /* of replaced lines whose words are compared */
};

static void
skip_to(struct fi_show_lines *text, uint32_t line)
{
    while (text->line < line && text->left.size > 0) {
        (void)fi_show_lines_next(text);
    }
}

/* ---- lines ---- */

/* The words that differ in the lines that a hunk removes, or adds. */
struct marks {
    struct fi_show_words_ranges ranges;
    const uint8_t *text; /* their offsets count from here */
    size_t next;         /* the first range that does not end before the current line */
};

struct showing {
    struct fi_show_lines before;
    struct fi_show_lines after;
    unsigned lines;
    bool is_cut;
    bool is_out_of_memory;
};

static void
show_marked(firn_slice line, struct marks *marks)
{
    size_t start = (size_t)(line.data - marks->text);
    size_t at = 0;
    for (; marks->next < marks->ranges.count; marks->next++) {
        const struct fi_show_words_range *range = &marks->ranges.items[marks->next];
        if (range->from >= start + line.size) {
            break;
        }
        assert(range->from >= start + at);
        size_t from = range->from - start;
        size_t to = range->to - start < line.size ? range->to - start : line.size;
        fi_report_html_code(firn_bytes(line.data + at, from - at));
        fi_report_html_raw("<mark>");
        fi_report_html_code(firn_bytes(line.data + from, to - from));
        fi_report_html_raw("</mark>");
        at = to;
    }
    fi_report_html_code(firn_bytes(line.data + at, line.size - at));
}

static void
show_line(struct showing *showing, const char *element, firn_slice line, struct marks *marks)
{
    bool has_end = line.size > 0 && line.data[line.size - 1] == '\n';
    size_t size = has_end ? line.size - 1 : line.size;
    size_t shown = size < LINE_SIZE_MAX ? size : LINE_SIZE_MAX;
    if (showing->lines == LINES_MAX) {
        showing->is_cut = true;
        return;
    }
    showing->lines++;
    fi_report_html_format("<%s>%c", element, *element == 'd' ? '-' : *element == 'i' ? '+' : ' ');
    if (marks != NULL) {
        show_marked(firn_bytes(line.data, shown), marks);
    } else {
        fi_report_html_code(firn_bytes(line.data, shown));
    }
    if (shown < size) {
        fi_report_html_raw("<i> … cut</i>");
        showing->is_cut = true;
    }
    if (!has_end) {
        fi_report_html_raw("<i> (no newline at the end)</i>");
    }
    fi_report_html_format("</%s>\n", element);
}

static void
show_lines(struct showing *showing, const char *element, struct fi_show_lines *text, uint32_t to,
           struct marks *marks)
{
    while (text->line < to && text->left.size > 0 && !showing->is_cut) {
        show_line(showing, element, fi_show_lines_next(text), marks);
    }
    skip_to(text, to);
}

/* So many lines from here on. */
static firn_slice
text_of(struct fi_show_lines lines, uint32_t count)
{
    const uint8_t *start = lines.left.data;
    skip_to(&lines, lines.line + count);
    return firn_bytes(start, (size_t)(lines.left.data - start));
}

/* Whether the ranges are less than two thirds of the text. */
static bool
are_few(const struct marks *marks, firn_slice text)
{
    size_t bytes = 0;
    for (size_t i = 0; i < marks->ranges.count; i++) {
        bytes += marks->ranges.items[i].to - marks->ranges.items[i].from;
    }
    return 3 * bytes < 2 * text.size;
}

/* Finds the marks of a hunk that begins at both texts' next lines. Returns whether there are any.
 * The caller frees the ranges of both. */
static bool
find_marks(struct showing *showing, const firn_hunk *hunk, struct marks *removed,
           struct marks *added)
{
    firn_slice before = text_of(showing->before, hunk->before_count);
    firn_slice after = text_of(showing->after, hunk->after_count);
    if (before.size == 0 || after.size == 0 || before.size > WORDS_BYTES_MAX ||
        after.size > WORDS_BYTES_MAX) {
        return false;
    }
    removed->text = before.data;
    added->text = after.data;
    if (!fi_show_words_find(before, after, &removed->ranges, &added->ranges)) {
        showing->is_out_of_memory = true;
        return false;
    }
    return are_few(removed, before) && are_few(added, after);
}

static void
show_hunk(struct showing *showing, const firn_hunk *hunk, uint32_t context_to)
{
    assert(hunk->before_count > 0 || hunk->after_count > 0);
    struct marks removed = {0};
    struct marks added = {0};
    uint32_t from = hunk->before_at > CONTEXT ? hunk->before_at - CONTEXT : 0;
    if (showing->before.line < from) {
        skip_to(&showing->before, from);
        unsigned long line = (unsigned long)hunk->after_at + 1 - (hunk->before_at - from);
        fi_report_html_format("<b>@@ line %lu</b>\n", line);
    }
    show_lines(showing, "span", &showing->before, hunk->before_at, NULL);
    skip_to(&showing->after, hunk->after_at);
    bool has_marks = find_marks(showing, hunk, &removed, &added);
    show_lines(showing, "del", &showing->before, hunk->before_at + hunk->before_count,
               has_marks ? &removed : NULL);
    show_lines(showing, "ins", &showing->after, hunk->after_at + hunk->after_count,
               has_marks ? &added : NULL);
    show_lines(showing, "span", &showing->before, context_to, NULL);
    free(removed.ranges.items);
    free(added.ranges.items);
}

/* *out_is_cut: not all of it was shown. Returns false when memory is out. */
static bool
show_content(const firn_workspace_difference *difference, bool *out_is_cut)
{
    struct showing showing = {.before = {difference->content_before, 0},
                              .after = {difference->content_after, 0}};
    fi_report_html_raw("<pre tabindex=\"0\">");
    for (size_t i = 0; i < difference->hunk_count && !showing.is_cut; i++) {
        const firn_hunk *hunk = &difference->hunks[i];
        uint32_t end = hunk->before_at + hunk->before_count;
        uint32_t to = end + CONTEXT;
        if (i + 1 < difference->hunk_count && difference->hunks[i + 1].before_at < to) {
            to = difference->hunks[i + 1].before_at;
        }
        show_hunk(&showing, hunk, to);
    }
    fi_report_html_raw("</pre>");
    if (showing.is_cut) {
        fi_report_html_raw("<p class=\"cut\">The rest is left out here; firn show -p has it.</p>");
    }
    *out_is_cut = showing.is_cut;
    return !showing.is_out_of_memory;
}

/* ---- a row ---- */

/* What a row shows. */
struct row {
    const firn_workspace_difference *difference;
    const char *name;
    const char *remark;
    uint32_t file; /* in the index */
    bool has_lines;
};

static firn_slice
path_of(const firn_workspace_change *change, bool is_before)
{
    bool takes_before = change->after == NULL || (is_before && change->kind == FIRN_CHANGE_RENAMED);
    return takes_before ? change->before->path : change->after->path;
}

static void
show_head(const struct row *row)
{
    const firn_workspace_difference *difference = row->difference;
    const char *word = firn_workspace_change_kind_name(difference->change.kind);
    fi_report_html_format("<em class=\"%s\">%s</em> ", word, word);
    fi_report_html_text(row->name);
    if (difference->lines == FIRN_LINES_COUNTED) {
        fi_report_html_format(" <ins>+%llu</ins> <del>−%llu</del>",
                              (unsigned long long)difference->lines_added,
                              (unsigned long long)difference->lines_removed);
    }
    if (row->remark[0] != '\0' && strcmp(row->remark, word) != 0) {
        fi_report_html_raw(" <small>");
        fi_report_html_text(row->remark);
        fi_report_html_raw("</small>");
    }
}

/* Holds back the row with its lines. Returns whether there is room; otherwise there is nothing of
 * it. */
static bool
hold_long(struct fi_report_difference *shown, const struct row *row)
{
    bool is_cut = false;
    if (fi_report_html_bytes() + fi_report_index_bytes() > shown->lines_bytes_max) {
        return false;
    }
    fi_report_html_hold();
    fi_report_html_format("<details data-f=\"%u\"><summary>", (unsigned)row->file);
    show_head(row);
    fi_report_html_raw("</summary>");
    shown->is_out_of_memory = !show_content(row->difference, &is_cut) || shown->is_out_of_memory;
    fi_report_html_raw("</details>\n");
    if (fi_report_html_bytes() + fi_report_index_bytes() > shown->lines_bytes_max) {
        fi_report_html_forget();
        return false;
    }
    shown->entries_cut += is_cut ? 1 : 0;
    return true;
}

/* The same without lines. */
static bool
hold_short(struct fi_report_difference *shown, const struct row *row)
{
    bool lacks_lines = shown->with_lines && row->has_lines;
    fi_report_html_hold();
    fi_report_html_format("<div data-f=\"%u\">", (unsigned)row->file);
    show_head(row);
    fi_report_html_raw(lacks_lines ? " <small>(lines left out)</small></div>\n" : "</div>\n");
    if (fi_report_html_bytes() + fi_report_index_bytes() > shown->rows_bytes_max) {
        fi_report_html_forget();
        return false;
    }
    shown->entries_cut += lacks_lines ? 1 : 0;
    return true;
}

/* Returns whether there is a row. Without room for one, there may be an entry in the index. */
static bool
show_row(struct fi_report_difference *shown, struct row *row)
{
    const firn_workspace_change *change = &row->difference->change;
    const firn_slice path = path_of(change, false);
    const firn_slice before = path_of(change, true);
    uint64_t least = fi_report_index_cost(path) + fi_report_index_cost(before) +
                     FI_REPORT_INDEX_CHANGE_BYTES_MAX;
    if (fi_report_html_bytes() + fi_report_index_bytes() + least > shown->bytes_max) {
        shown->changes_left++;
        return false;
    }
    const struct fi_report_index_change entry = {.file = fi_report_index_file(path),
                                                 .before = fi_report_index_file(before),
                                                 .difference = row->difference};
    fi_report_index_add(&entry);
    row->file = entry.file;
    bool is_held =
        (shown->with_lines && row->has_lines && hold_long(shown, row)) || hold_short(shown, row);
    if (is_held) {
        fi_report_html_keep();
    }
    return is_held;
}

int
fi_report_difference_visit(void *ctx, const firn_workspace_difference *difference)
{
    struct fi_report_difference *shown = ctx;
    bool has_lines = difference->hunk_count > 0;
    bool is_shown = false;
    shown->entries++;
    if (shown->entries > FI_REPORT_DIFFERENCE_ENTRIES_MAX) {
        shown->changes_left++;
    } else {
        char *name = fi_show_remark_name(&difference->change);
        char *remark = fi_show_remark(difference);
        struct row row = {difference, name, remark, 0, has_lines};
        bool has_memory = name != NULL && remark != NULL;
        is_shown = has_memory && show_row(shown, &row);
        shown->is_out_of_memory =
            shown->is_out_of_memory || !has_memory || fi_report_index_has_failed();
        free(name);
        free(remark);
    }
    shown->entries_shown += is_shown ? 1 : 0;
    shown->entries_left += is_shown ? 0 : 1;
    shown->entries_cut += !is_shown && shown->with_lines && has_lines ? 1 : 0;
    return shown->is_out_of_memory || fi_report_html_has_failed() ? FIRN_CANCELLED : FIRN_OK;
}
