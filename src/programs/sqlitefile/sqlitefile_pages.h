/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlitefile/sqlitefile_pages.h: a walk over the pages of a database that somebody else made,
 * before SQLite reads rows of it. Nothing here needs SQLite.
 */
#ifndef FIRN_SQLITEFILE_SQLITEFILE_PAGES_H
#define FIRN_SQLITEFILE_SQLITEFILE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sqlitefile/sqlitefile.h"

/* Sets *err, if it is not NULL, and returns the code. */
int fi_sqlitefile_fail(firn_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The pages that were walked. One thread. */
struct fi_sqlitefile_pages;

/* Takes the file, also after a failure. It must not change until close, and have no log: what a log
 * says is not looked at. FIRN_CORRUPT where it is no database. */
int fi_sqlitefile_pages_open(int file, struct fi_sqlitefile_pages **out, firn_error *err);
void fi_sqlitefile_pages_close(struct fi_sqlitefile_pages *pages);
/* Walks a tree, of which root is the first page; the schema's is 1. Each tree may be walked once.
 * FIRN_CORRUPT, with the page, where a page was met before or is malformed, or where rowids do not
 * ascend. */
int fi_sqlitefile_pages_walk(struct fi_sqlitefile_pages *pages, uint32_t root, firn_error *err);

#endif
