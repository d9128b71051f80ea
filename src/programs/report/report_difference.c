/* SPDX-License-Identifier: Apache-2.0
 *
 * report/report_difference.c: one file that a checkpoint changed, and its lines.
 *
 * Each is a <details>: it opens and closes without a script. A change without lines to show is a
 * row without one.
 *
 * A phone must be able to open the page. So it shows at most LINES_MAX lines of a file,
 * LINE_SIZE_MAX bytes of a line, and FIRN_REPORT_DIFFERENCE_ENTRIES_MAX files of a checkpoint.
 * After page_bytes_max bytes it shows no more lines at all. The page says where something was cut.
 *
 * The lines are found as in show_patch.c, by one walk along both texts. Adjacent hunks are shown as
 * one, because equal lines must not be shown twice.
 */
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

#include "show/show.h"

enum { CONTEXT = 3, LINES_MAX = 600, LINE_SIZE_MAX = 2000 };

/* ---- lines ---- */

static void
skip_to(struct firn_show_lines *text, uint32_t line)
{
    while (text->line < line && text->left.size > 0) {
        (void)firn_show_lines_next(text);
    }
}

/* ---- lines ---- */

struct showing {
    struct firn_show_lines before;
    struct firn_show_lines after;
    unsigned lines;
    bool is_cut;
};

static void
show_line(struct showing *showing, const char *element, char sign, firn_slice line)
{
    assert(element != NULL);
    bool has_end = line.size > 0 && line.data[line.size - 1] == '\n';
    size_t size = has_end ? line.size - 1 : line.size;
    size_t shown = size < LINE_SIZE_MAX ? size : LINE_SIZE_MAX;
    if (showing->lines == LINES_MAX) {
        showing->is_cut = true;
        return;
    }
    showing->lines++;
    firn_report_html_format("<%s>%c", element, sign);
    firn_report_html_code(firn_bytes(line.data, shown));
    if (shown < size) {
        firn_report_html_raw("<i> … cut</i>");
        showing->is_cut = true;
    }
    if (!has_end) {
        firn_report_html_raw("<i> (no newline at the end)</i>");
    }
    firn_report_html_format("</%s>\n", element);
}

static void
show_lines(struct showing *showing, const char *element, char sign, struct firn_show_lines *text,
           uint32_t to)
{
    while (text->line < to && text->left.size > 0 && !showing->is_cut) {
        show_line(showing, element, sign, firn_show_lines_next(text));
    }
    skip_to(text, to);
}

static void
show_hunk(struct showing *showing, const firn_hunk *hunk, uint32_t context_to)
{
    assert(hunk->before_count > 0 || hunk->after_count > 0);
    uint32_t from = hunk->before_at > CONTEXT ? hunk->before_at - CONTEXT : 0;
    if (showing->before.line < from) {
        skip_to(&showing->before, from);
        unsigned long line = (unsigned long)hunk->after_at + 1 - (hunk->before_at - from);
        firn_report_html_format("<b>@@ line %lu</b>\n", line);
    }
    show_lines(showing, "span", ' ', &showing->before, hunk->before_at);
    show_lines(showing, "del", '-', &showing->before, hunk->before_at + hunk->before_count);
    skip_to(&showing->after, hunk->after_at);
    show_lines(showing, "ins", '+', &showing->after, hunk->after_at + hunk->after_count);
    show_lines(showing, "span", ' ', &showing->before, context_to);
}

/* Returns whether all of it was shown. */
static bool
show_content(const firn_workspace_difference *difference)
{
    struct showing showing = {.before = {difference->content_before, 0},
                              .after = {difference->content_after, 0}};
    firn_report_html_raw("<pre tabindex=\"0\">");
    for (size_t i = 0; i < difference->hunk_count && !showing.is_cut; i++) {
        const firn_hunk *hunk = &difference->hunks[i];
        uint32_t end = hunk->before_at + hunk->before_count;
        uint32_t to = end + CONTEXT;
        if (i + 1 < difference->hunk_count && difference->hunks[i + 1].before_at < to) {
            to = difference->hunks[i + 1].before_at;
        }
        show_hunk(&showing, hunk, to);
    }
    firn_report_html_raw("</pre>");
    if (showing.is_cut) {
        firn_report_html_raw(
            "<p class=\"cut\">The rest is left out here; firn show -p has it.</p>");
    }
    return !showing.is_cut;
}

/* ---- a row ---- */

static bool
show_head(const firn_workspace_difference *difference)
{
    const firn_workspace_change *change = &difference->change;
    char *name = firn_show_remark_name(change);
    char *remark = firn_show_remark(difference);
    bool has_memory = name != NULL && remark != NULL;
    if (has_memory) {
        const char *word = firn_workspace_change_kind_name(change->kind);
        firn_report_html_format("<em class=\"%s\">%s</em> ", word, word);
        firn_report_html_text(name);
        if (difference->lines == FIRN_LINES_COUNTED) {
            firn_report_html_format(" <ins>+%llu</ins> <del>−%llu</del>",
                                    (unsigned long long)difference->lines_added,
                                    (unsigned long long)difference->lines_removed);
        }
        if (remark[0] != '\0' && strcmp(remark, word) != 0) {
            firn_report_html_raw(" <small>");
            firn_report_html_text(remark);
            firn_report_html_raw("</small>");
        }
    }
    free(name);
    free(remark);
    return has_memory;
}

int
firn_report_difference_visit(void *ctx, const firn_workspace_difference *difference)
{
    struct firn_report_difference *shown = ctx;
    shown->entries++;
    if (shown->entries > FIRN_REPORT_DIFFERENCE_ENTRIES_MAX) {
        shown->entries_cut += difference->hunk_count > 0 ? 1 : 0;
        return FIRN_OK;
    }
    bool has_lines = difference->hunk_count > 0;
    bool has_room = firn_report_html_bytes() < shown->page_bytes_max;
    bool shows = shown->with_lines && has_lines && has_room;
    firn_report_html_raw(shows ? "<details><summary>" : "<div>");
    shown->is_out_of_memory = !show_head(difference);
    if (shows) {
        firn_report_html_raw("</summary>");
        shown->entries_cut += show_content(difference) ? 0 : 1;
        firn_report_html_raw("</details>\n");
    } else {
        shown->entries_cut += shown->with_lines && has_lines ? 1 : 0;
        firn_report_html_raw("</div>\n");
    }
    return shown->is_out_of_memory || firn_report_html_has_failed() ? FIRN_CANCELLED : FIRN_OK;
}
