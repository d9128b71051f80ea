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

extern const struct fi_command fi_report;

/* ---- a page that is being written, to a file or to standard output; there is one at a time
 * ---- */

/* The first bytes of every page: by them a page is known that may be written over. */
extern const char fi_report_html_mark[];

/* Where a page goes. */
struct fi_report_html_place {
    const char *path; /* NULL: standard output */
    bool is_own;   /* firn chose the path: a link there is refused, with FIRN_INVALID and ELOOP */
    bool replaces; /* whatever file is there */
};

/* Begins a page. An existing file is replaced if it begins with the mark or `replaces` is set;
 * otherwise FIRN_EXISTS. It does not change before the page is complete. */
FIRN_MUST_CHECK int fi_report_html_begin(const struct fi_report_html_place *place, firn_error *err);
/* The file is whole, and has its name, when this returns FIRN_OK. Otherwise nothing has changed. */
FIRN_MUST_CHECK int fi_report_html_end(firn_error *err);
/* Gives up a page that was begun; after the end, and without a beginning, it does nothing. */
void fi_report_html_drop(void);

/* How much was written so far, with what is held back. */
uint64_t fi_report_html_bytes(void);
/* Whether writing has failed: what follows is for nothing. */
bool fi_report_html_has_failed(void);

/* Holds back what follows, until one of the others ends that. Up to two times at once. */
void fi_report_html_hold(void);
/* Writes the innermost part that is held back. */
void fi_report_html_keep(void);
/* Writes both parts that are held back, the inner one first. */
void fi_report_html_keep_before(void);
/* Drops the innermost part that is held back. */
void fi_report_html_forget(void);

/* Markup, as it is. */
void fi_report_html_raw(const char *markup);
void fi_report_html_markup(firn_slice markup);
void fi_report_html_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What others have named: as fi_term_text_escape shows it, with the characters of HTML as
 * entities. */
void fi_report_html_name(firn_slice bytes);
/* The same for text that was made fit to be shown before. */
void fi_report_html_text(const char *text);
/* A line of a file: tabs and backslashes stay. */
void fi_report_html_code(firn_slice bytes);
/* The first line of a text, cut to so many columns. Returns whether that is all of it. */
enum { FI_REPORT_HTML_TITLE_BYTES = 300 }; /* it has at most so many, before they are escaped */
bool fi_report_html_title(firn_slice text, size_t columns);

/* ---- which checkpoint changed which file, as JSON for the page's script ---- */

void fi_report_index_init(void);
void fi_report_index_deinit(void);
/* The length of the JSON so far. */
uint64_t fi_report_index_bytes(void);
bool fi_report_index_has_failed(void); /* memory is out */

/* By how much a path makes it longer; 0 if it is there already. */
uint64_t fi_report_index_cost(firn_slice path);
/* The number of a path, which is entered if it is new. */
uint32_t fi_report_index_file(firn_slice path);

enum { FI_REPORT_INDEX_CHANGE_BYTES_MAX = 80 };
/* Enters a change of the checkpoint that was begun last. `before`: the path of a renamed file, else
 * as `file`. */
struct fi_report_index_change {
    uint32_t file;
    uint32_t before;
    const firn_workspace_difference *difference;
};
void fi_report_index_checkpoint(const char *id);
void fi_report_index_add(const struct fi_report_index_change *change);
/* Writes it into the page. */
void fi_report_index_write(void);

/* ---- what a checkpoint changed, as HTML ---- */

/* What a page holds at most. */
struct fi_report_difference {
    bool with_lines;
    /* Where the page and its index have to end with what this checkpoint changed: with its entries
     * in the index, with its rows, and with their lines. */
    uint64_t bytes_max;
    uint64_t rows_bytes_max;
    uint64_t lines_bytes_max;
    uint64_t entries;       /* met so far of this checkpoint */
    uint64_t entries_shown; /* of them */
    uint64_t entries_cut;   /* files of all checkpoints whose lines were left out, in part or all */
    uint64_t entries_left;  /* files of all checkpoints that have no row */
    uint64_t changes_left;  /* and are not in the index */
    bool is_out_of_memory;
};

/* For firn_workspace_diff; ctx is a struct fi_report_difference. */
int fi_report_difference_visit(void *ctx, const firn_workspace_difference *difference);

enum {
    FI_REPORT_DIFFERENCE_ENTRIES_MAX = 1000
}; /* of a checkpoint; what more there is is counted */

/* ---- what surrounds the checkpoints of a report: head, style, chart, foot ---- */

struct fi_report_page {
    const char *root;                             /* of the workspace */
    const firn_workspace_checkpoint *checkpoints; /* newest first */
    size_t count;
    bool has_older; /* than the last one */
};

struct fi_report_page_left {
    uint64_t cut;     /* files whose lines were left out, in part or all */
    uint64_t files;   /* that are not named */
    uint64_t changes; /* that are not in the index */
    uint64_t texts;   /* messages and prompts of which only the first line is there */
};

/* Everything up to the first checkpoint. */
void fi_report_page_begin(const struct fi_report_page *page);
/* Everything after the last one; the index, too. */
void fi_report_page_end(const struct fi_report_page *page, const struct fi_report_page_left *left);

/* Its lines, up to NULL; and the SHA-256 of them all, in base64. */
extern const char *const fi_report_script[];
extern const char fi_report_script_hash[];

/* ---- days, and within them the sessions of agents ---- */

/* Opens the groups that checkpoint i is the first of, and closes those that it is the last of. */
void fi_report_group_begin(const struct fi_report_page *page, size_t i);
void fi_report_group_end(const struct fi_report_page *page, size_t i);

/* ---- a browser ---- */

/* Shows the page with $BROWSER, or else xdg-open, and waits for that program to end. Returns false,
 * after a message, if it could not. */
bool fi_report_open(const struct fi_cli *cli, const char *path);

#endif
