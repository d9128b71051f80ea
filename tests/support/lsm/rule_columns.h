/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm: runs of columns under the tree of rule_tree.h: what goes into a compaction is written to files and read from
 * there, and what it makes is written to files of columns first.
 */
#ifndef FIRN_TEST_RULE_COLUMNS_H
#define FIRN_TEST_RULE_COLUMNS_H

#include "fake_run.h"

/* A machine in memory, and row groups of so many rows. Until close keys and values of rule_model.h are those of a table. */
void rule_columns_open(uint32_t group_rows);
void rule_columns_close(void);
bool rule_columns_are_used(void);

/* The run as a file, open. */
struct fi_run *rule_columns_write(const struct fake_run *run);
void rule_columns_end(struct fi_run *run);

struct fi_run_builder *rule_columns_begin(void);
/* What was built, as entries and ranges; the builder is gone. */
struct fake_run *rule_columns_take(struct fi_run_builder *builder);

#endif
