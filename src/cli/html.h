/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/html.h: a page of HTML that is being written, to a file or to standard output. There is one at
 * a time.
 */
#ifndef FIRN_CLI_HTML_H
#define FIRN_CLI_HTML_H

#include <stdbool.h>
#include <stdint.h>

#include "firn/firn.h"

/* The first bytes of every page: by them a page is known that may be written over. */
extern const char firn_html_mark[];

/* Begins a page that is to stand in a file, or, for NULL, goes to standard output. A file that is
 * there is replaced if it begins with the mark, or replaces is set; else FIRN_EXISTS. Nothing of it
 * changes before the end. */
FIRN_MUST_CHECK int firn_html_begin(const char *path, bool replaces, firn_error *err);
/* The file is whole, and has its name, when this returns FIRN_OK. Otherwise nothing has changed. */
FIRN_MUST_CHECK int firn_html_end(firn_error *err);
/* Gives up a page that was begun; after the end, and without a beginning, it does nothing. */
void firn_html_drop(void);

/* How much was written so far. */
uint64_t firn_html_bytes(void);
/* Whether writing has failed: what follows is for nothing. */
bool firn_html_has_failed(void);

/* Markup, as it is. */
void firn_html_raw(const char *markup);
void firn_html_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What others have named: as firn_text_escape shows it, with the characters of HTML as entities. */
void firn_html_name(firn_slice bytes);
/* The same for text that was made fit to be shown before. */
void firn_html_text(const char *text);
/* A line of a file: tabs and backslashes stay. */
void firn_html_code(firn_slice bytes);

#endif
