/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_undo_line.h: the undo line of a workspace: its states, oldest first, and the one
 * at which it stands. An undo goes to the state before that one, a redo to the one after it.
 * Between states there may be steps that change facts (catalog_facts.h); the first item is a state.
 *
 *   "firn.undo":  be32 workspace → u8 format (2) | varint through | le64 turn |
 *                                  varint cursor | varint count | state*, oldest first
 *   state := u8 kind (firn_workspace_step_kind; plus 128: passed over) | varint order of its
 *            checkpoint, or of the step in "firn.facts" | le64 time in ns
 */
#ifndef FIRN_CATALOG_CATALOG_UNDO_LINE_H
#define FIRN_CATALOG_CATALOG_UNDO_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "catalog/catalog.h"
#include "catalog/catalog_facts.h"

enum { FI_CATALOG_UNDO_LINE_STATES_MAX = 1000 }; /* the oldest are dropped */

struct fi_catalog_undo_line_state {
    uint64_t order;                /* of its checkpoint, or of the step */
    int64_t time_ns;               /* when the step that led to it was made */
    firn_workspace_step_kind kind; /* of that step; of facts: it is no state of its own */
    bool is_passed;                /* an undo passed over it: a redo does too */
};

/* A zeroed struct is an empty line. */
struct fi_catalog_undo_line {
    uint64_t through;     /* checkpoints up to this order are in the line, or are no states */
    int64_t turn_ns;      /* when the last interrupted turn began that was undone; 0: none */
    size_t cursor;        /* the index of the present item; 0 if the line is empty */
    struct fi_buf states; /* of struct fi_catalog_undo_line_state */
};

void fi_catalog_undo_line_deinit(struct fi_catalog_undo_line *line);
size_t fi_catalog_undo_line_count(const struct fi_catalog_undo_line *line);
/* The state may be changed; the next change of the line's length invalidates it. Requires: i is
 * smaller than the count. */
struct fi_catalog_undo_line_state *fi_catalog_undo_line_at(const struct fi_catalog_undo_line *line,
                                                           size_t i);
/* The index of the state with an order that is nearest to the cursor, at or before it (back) or
 * after it (ahead); false if there is none. */
bool fi_catalog_undo_line_find_back(const struct fi_catalog_undo_line *line, uint64_t order,
                                    size_t *out);
bool fi_catalog_undo_line_find_ahead(const struct fi_catalog_undo_line *line, uint64_t order,
                                     size_t *out);
/* Drops the states after the cursor, and adds one that becomes the present state. */
FIRN_MUST_CHECK int fi_catalog_undo_line_add(struct fi_catalog_undo_line *line,
                                             const struct fi_catalog_undo_line_state *state,
                                             firn_error *err);
/* Whether the item is a step that changes facts. */
bool fi_catalog_undo_line_is_facts(const struct fi_catalog_undo_line *line, size_t i);
/* The index of the state at an item: its own or, of a step that changes facts, the last one before
 * it. */
size_t fi_catalog_undo_line_state_at(const struct fi_catalog_undo_line *line, size_t i);
/* Adds a step that changes facts, after the cursor, which moves to it. The states after it stay,
 * those of its kind that were undone are dropped. Does nothing in an empty line. */
FIRN_MUST_CHECK int fi_catalog_undo_line_insert(struct fi_catalog_undo_line *line,
                                                const struct fi_catalog_undo_line_state *step,
                                                firn_error *err);
/* Drops the steps that change facts between two indices, of which only the last is included. The
 * cursor stays at its item, or goes to the one before. */
void fi_catalog_undo_line_drop_facts(struct fi_catalog_undo_line *line, size_t after, size_t last);
/* Moves the cursor to another item. The states that it passes over are marked, and the one that
 * it reaches is not: a redo goes back to where the undo was done. */
void fi_catalog_undo_line_move(struct fi_catalog_undo_line *line, size_t to);

/* Fills *out; *out_is_there is false, and *out empty, if there is no entry, or one that cannot be
 * read: it can be derived again. The caller deinits *out, also after a failure. */
FIRN_MUST_CHECK int fi_catalog_undo_line_read(struct firn_db *db, uint32_t workspace,
                                              struct fi_catalog_undo_line *out, bool *out_is_there,
                                              firn_error *err);
/* Adds the entry to a batch. */
FIRN_MUST_CHECK int fi_catalog_undo_line_put(struct firn_db *db, struct firn_db_batch *batch,
                                             uint32_t workspace,
                                             const struct fi_catalog_undo_line *line,
                                             firn_error *err);

/* For tests. *out_is_valid is false for bytes that are no entry of this version. Requires: *out is
 * empty. The caller deinits it, also after a failure. */
FIRN_MUST_CHECK int fi_catalog_undo_line_decode(firn_slice bytes, struct fi_catalog_undo_line *out,
                                                bool *out_is_valid, firn_error *err);
FIRN_MUST_CHECK int fi_catalog_undo_line_encode(const struct fi_catalog_undo_line *line,
                                                struct fi_buf *out);

#endif
