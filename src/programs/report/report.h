/* SPDX-License-Identifier: Apache-2.0
 *
 * report/report.h: a history as a page of HTML.
 */
#ifndef FIRN_REPORT_REPORT_H
#define FIRN_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command/command.h"
#include "firn/firn.h"

extern const struct firn_command firn_report;

/* ---- a page that is being written, to a file or to standard output; there is one at a time ---- */

/* The first bytes of every page: by them a page is known that may be written over. */
extern const char firn_report_html_mark[];

/* Begins a page in a file, or, for NULL, on standard output. An existing file is replaced if it
 * begins with the mark or `replaces` is set; otherwise FIRN_EXISTS. It does not change before the
 * page is complete. */
FIRN_MUST_CHECK int firn_report_html_begin(const char *path, bool replaces, firn_error *err);
/* The file is whole, and has its name, when this returns FIRN_OK. Otherwise nothing has changed. */
FIRN_MUST_CHECK int firn_report_html_end(firn_error *err);
/* Gives up a page that was begun; after the end, and without a beginning, it does nothing. */
void firn_report_html_drop(void);

/* How much was written so far. */
uint64_t firn_report_html_bytes(void);
/* Whether writing has failed: what follows is for nothing. */
bool firn_report_html_has_failed(void);

/* Markup, as it is. */
void firn_report_html_raw(const char *markup);
void firn_report_html_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What others have named: as firn_term_text_escape shows it, with the characters of HTML as entities. */
void firn_report_html_name(firn_slice bytes);
/* The same for text that was made fit to be shown before. */
void firn_report_html_text(const char *text);
/* A line of a file: tabs and backslashes stay. */
void firn_report_html_code(firn_slice bytes);

/* ---- what a checkpoint changed, as HTML ---- */

/* What a page holds at most. */
struct firn_report_difference {
    bool with_lines;
    uint64_t page_bytes_max; /* after them no more lines are shown */
    uint64_t entries;        /* met so far of this checkpoint */
    uint64_t entries_cut; /* files of all checkpoints whose lines were left out, in part or all */
    bool is_out_of_memory;
};

/* For firn_workspace_diff; ctx is a struct firn_report_difference. */
int firn_report_difference_visit(void *ctx, const firn_workspace_difference *difference);

enum {
    FIRN_REPORT_DIFFERENCE_ENTRIES_MAX = 1000
}; /* of a checkpoint; what more there is is counted */

/* ---- what surrounds the checkpoints of a report: head, style, chart, foot ---- */

struct firn_report_page {
    const char *root;                             /* of the workspace */
    const firn_workspace_checkpoint *checkpoints; /* newest first */
    size_t count;
    bool has_older; /* than the last one */
};

/* Everything up to the first checkpoint. */
void firn_report_page_begin(const struct firn_report_page *page);
/* Everything after the last one. cut: how many files' lines were left out, in part or all. */
void firn_report_page_end(const struct firn_report_page *page, uint64_t cut);

#endif
