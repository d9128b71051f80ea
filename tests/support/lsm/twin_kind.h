/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm: a second kind of runs, for tests of trees of several kinds.
 *
 * A twin is a run of rows under another table, name and number: files "<number>.twin". What it does is
 * what rows do, through a cursor and a builder of its own. While twin_attaches is set, what is built gets
 * an attachment each, "<number>.graph": one block, the number of entries.
 */
#ifndef FIRN_TESTS_TWIN_KIND_H
#define FIRN_TESTS_TWIN_KIND_H

#include "run/run_kind.h"

/* Of the number of columns. */
extern const struct fi_run_kind twin_kind;

/* Whether twins are merged in batches where they can be; the entries that were, and the batches. */
extern bool twin_batches;
extern uint64_t twin_batched;
extern uint64_t twin_batch_count;
/* The number of columns that the cursor that was made last was asked for; UINT32_MAX: all. */
extern uint32_t twin_projected;

extern bool twin_attaches;
/* Of the number of vectors; the run is a twin_graph. */
extern const struct fi_run_kind twin_graph_kind;
/* The number of entries that it says. FIRN_CORRUPT. */
int twin_graph_count(const struct fi_run *graph, uint64_t *out, firn_error *err);

/* Rows and twins. */
extern const struct fi_run_kind *const twin_kinds[];

#endif
