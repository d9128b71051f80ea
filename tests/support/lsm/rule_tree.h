/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm: a tree of memtable, level 0, three levels and history runs, whose flushes and compactions are held against the
 * definition of the rule (rule_model.h), and whose readings against a model that keeps every version.
 */
#ifndef FIRN_TEST_RULE_TREE_H
#define FIRN_TEST_RULE_TREE_H

#include "fake_run.h"
#include "memtable/memtable.h"
#include "rule_model.h"
#include "support/test_random.h"

enum {
    RULE_TREE_LEVELS = 4, /* level 0 and those below it */
    RULE_TREE_RUNS_MAX = 48
};

struct rule_level {
    struct fake_run *runs[RULE_TREE_RUNS_MAX]; /* of level 0: the newest first; else by keys */
    struct fi_manifest_group *groups[RULE_TREE_RUNS_MAX]; /* of history runs */
    size_t group_counts[RULE_TREE_RUNS_MAX];
    size_t count;
};

struct rule_tree {
    struct test_random random;
    struct rule_op ops[RULE_MODEL_OPS_MAX];
    size_t op_count;
    uint64_t sequence;
    uint64_t now_ms;
    bool is_plain;   /* puts and deletes alone: then ranges are checked more closely */
    bool has_merges; /* operands may be among the others */
    struct rule_snapshot snapshots[RULE_MODEL_SNAPSHOTS_MAX]; /* the first is now */
    size_t snapshot_count;
    struct fi_memtable *table;
    struct rule_level levels[RULE_TREE_LEVELS + 1]; /* the last are history runs, in any order */
};

/* Frees all that it has. */
void rule_tree_deinit(struct rule_tree *tree);
uint64_t rule_tree_below(struct rule_tree *tree, uint64_t limit);
/* Every view reads of every key what it should, skipping the history runs that say it may. */
void rule_tree_check_readings(const struct rule_tree *tree);

/* Each asserts that what it keeps, and where, is what the definition says. */
void rule_tree_flush(struct rule_tree *tree);
/* Some of a level into the next one, or of the last one. */
void rule_tree_compact(struct rule_tree *tree);
/* Of history runs: those that nobody reads go; some of the others become one, but for those that now reads; and of these,
 * some come back to the levels. */
void rule_tree_remove_history(struct rule_tree *tree);
void rule_tree_merge_history(struct rule_tree *tree);
void rule_tree_recall(struct rule_tree *tree);

#endif
