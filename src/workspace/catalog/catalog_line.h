/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_line.h: the undo line of a workspace: its states, oldest first, and the one at
 * which it stands. An undo goes to the state before that one, a redo to the one after it.
 *
 *   "firn.undo":  be32 workspace → u8 format (1) | varint through | varint cursor | varint count |
 *                                  count varint orders of checkpoints
 */
#ifndef FIRN_CATALOG_CATALOG_LINE_H
#define FIRN_CATALOG_CATALOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "catalog/catalog.h"

enum { FIRN_CATALOG_LINE_STATES_MAX = 1000 }; /* the oldest are dropped */

/* A zeroed struct is an empty line. */
struct firn_catalog_line {
    uint64_t through;       /* checkpoints up to this order are in the line, or are no states */
    size_t cursor;          /* the index of the present state; 0 if the line is empty */
    struct firn_buf orders; /* of uint64_t: the checkpoint of each state */
};

void firn_catalog_line_deinit(struct firn_catalog_line *line);
size_t firn_catalog_line_count(const struct firn_catalog_line *line);
/* Requires: i is smaller than the count. */
uint64_t firn_catalog_line_at(const struct firn_catalog_line *line, size_t i);
/* The index of the state with an order that is nearest to the cursor; false if there is none. */
bool firn_catalog_line_find(const struct firn_catalog_line *line, uint64_t order, size_t *out);
/* Drops the states after the cursor, and adds one that becomes the present state. */
FIRN_MUST_CHECK int firn_catalog_line_add(struct firn_catalog_line *line, uint64_t order,
                                          firn_error *err);

/* Fills *out; *out_is_there is false, and *out empty, if there is no entry, or one that cannot be
 * read: it can be derived again. The caller deinits *out, also after a failure. */
FIRN_MUST_CHECK int firn_catalog_line_read(struct firn_db *db, uint32_t workspace,
                                           struct firn_catalog_line *out, bool *out_is_there,
                                           firn_error *err);
/* Adds the entry to a batch. */
FIRN_MUST_CHECK int firn_catalog_line_put(struct firn_db *db, struct firn_db_batch *batch,
                                          uint32_t workspace, const struct firn_catalog_line *line,
                                          firn_error *err);

#endif
