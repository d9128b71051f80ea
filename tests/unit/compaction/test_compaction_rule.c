/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/compaction: the compaction rule in a tree of memtable, level 0, three levels and history runs, against a model that
 * keeps every version. Random histories over few keys: puts, deletes, range deletes, merge operands and values that
 * expire; checkpoints, restores, views with gaps and views that go; flushes and partial compactions, which put aside what
 * now does not read; merges of what was put aside, its removal, and what brings it back after a restore. No live view's
 * reading of any key ever changes, though each skips the history runs that say it may; and what each compaction kept, and
 * where, is what the definition of the rule, tried on every version by hand, says. Runs are entries in memory, and then
 * files of columns.
 *
 * FIRN_TEST_LONG=1 runs 200,000 histories.
 */
#include "support/lsm/rule_columns.h"
#include "support/lsm/rule_tree.h"
#include "support/test.h"
#include "support/test_share.h"

enum { KEYS = RULE_MODEL_KEYS };

/* ---- steps of a history ---- */

static enum fi_entry_kind
kind_of(const struct rule_tree *tree, uint64_t dice)
{
    if (dice >= 15) {
        return FI_ENTRY_RANGE_DELETE;
    }
    if (dice >= 11) {
        return FI_ENTRY_DELETE;
    }
    if (tree->is_plain || dice < 4) {
        return FI_ENTRY_PUT;
    }
    return dice >= 8 ? FI_ENTRY_EXPIRING : tree->has_merges ? FI_ENTRY_MERGE : FI_ENTRY_PUT;
}

static void
apply(struct rule_tree *tree, struct rule_op op)
{
    uint8_t bytes[RULE_MODEL_VALUE_SIZE];
    const struct fi_entry entry = rule_model_entry_of(&op, bytes);
    int rc = fi_memtable_add(tree->table, &entry, NULL);
    assert_true(rc == FIRN_EXISTS || rc == FIRN_OK);
    if (rc == FIRN_OK) {
        tree->ops[tree->op_count++] = op;
    }
}

/* A commit of one to three writes. */
static void
commit(struct rule_tree *tree)
{
    tree->sequence++;
    for (uint64_t writes = 1 + rule_tree_below(tree, 6) / 4; writes > 0; writes--) {
        struct rule_op op = {.lower = (unsigned)rule_tree_below(tree, KEYS),
                             .sequence = tree->sequence,
                             .number = 1 + rule_tree_below(tree, 1000)};
        if (tree->op_count == RULE_MODEL_OPS_MAX) {
            return;
        }
        op.kind = kind_of(tree, rule_tree_below(tree, 20));
        op.upper = op.lower + 1;
        if (op.kind == FI_ENTRY_RANGE_DELETE) {
            op.upper += (unsigned)rule_tree_below(tree, KEYS - op.lower);
        } else if (op.kind == FI_ENTRY_EXPIRING) {
            op.expires_ms = tree->now_ms + 1 + rule_tree_below(tree, 30);
        }
        apply(tree, op);
    }
}

/* Now, ended here. */
static void
checkpoint(struct rule_tree *tree)
{
    if (tree->snapshot_count == RULE_MODEL_SNAPSHOTS_MAX) {
        return;
    }
    struct rule_snapshot *snapshot = &tree->snapshots[tree->snapshot_count];
    *snapshot = tree->snapshots[0];
    struct fi_snapshot_interval *last = &snapshot->intervals[snapshot->count - 1];
    last->last = tree->sequence;
    snapshot->count -= last->first > last->last;
    tree->snapshot_count += snapshot->count > 0;
}

/* Now becomes a checkpoint's intervals and all that comes. */
static void
restore(struct rule_tree *tree)
{
    struct rule_snapshot now = tree->snapshots[rule_tree_below(tree, tree->snapshot_count)];
    if (now.time_ms > tree->now_ms) { /* what expires by then may have gone */
        return;
    }
    while (now.count > 0 && now.intervals[now.count - 1].first > tree->sequence) {
        now.count--;
    }
    if (now.count == RULE_MODEL_INTERVALS_MAX) {
        return;
    }
    struct fi_snapshot_interval *last = now.count > 0 ? &now.intervals[now.count - 1] : NULL;
    if (last != NULL && last->last >= tree->sequence) {
        last->last = UINT64_MAX;
    } else {
        now.intervals[now.count++] = (struct fi_snapshot_interval){tree->sequence + 1, UINT64_MAX};
    }
    now.time_ms = tree->now_ms;
    tree->snapshots[0] = now;
}

static void
drop_snapshot(struct rule_tree *tree)
{
    if (tree->snapshot_count > 1) {
        size_t at = 1 + rule_tree_below(tree, tree->snapshot_count - 1);
        tree->snapshots[at] = tree->snapshots[--tree->snapshot_count];
    }
}

/* From the beginning on, over what is to come. */
static void
add_odd_snapshot(struct rule_tree *tree)
{
    struct rule_snapshot *snapshot = &tree->snapshots[tree->snapshot_count++];
    uint64_t at = 1;
    *snapshot = (struct rule_snapshot){.time_ms = rule_tree_below(tree, 60)};
    while (snapshot->count < 4) {
        uint64_t first = at + rule_tree_below(tree, 8);
        at = first + rule_tree_below(tree, 12);
        snapshot->intervals[snapshot->count++] = (struct fi_snapshot_interval){first, at};
        at += 2;
    }
}

static void
pass_time(struct rule_tree *tree)
{
    tree->now_ms += rule_tree_below(tree, 3);
    tree->snapshots[0].time_ms = tree->now_ms;
}

static void
history_init(struct rule_tree *tree, uint64_t seed)
{
    *tree = (struct rule_tree){.random = {.state = seed}, .snapshot_count = 1};
    tree->snapshots[0] =
        (struct rule_snapshot){.intervals = {{.first = 1, .last = UINT64_MAX}}, .count = 1};
    tree->is_plain = rule_tree_below(tree, 3) == 0;
    tree->has_merges = !rule_columns_are_used();
    assert_int_equal(fi_memtable_create(&tree->table, NULL), FIRN_OK);
    for (uint64_t odd = rule_tree_below(tree, 3); odd > 0; odd--) {
        add_odd_snapshot(tree);
    }
}

static void
step(struct rule_tree *tree)
{
    uint64_t dice = rule_tree_below(tree, 100);
    if (dice < 55) {
        commit(tree);
        return;
    }
    if (dice < 62) {
        checkpoint(tree);
    } else if (dice < 66) {
        restore(tree);
    } else if (dice < 70) {
        drop_snapshot(tree);
    } else if (dice < 80) {
        rule_tree_flush(tree);
    } else if (dice < 93) {
        rule_tree_compact(tree);
    } else if (dice < 95) {
        rule_tree_merge_history(tree);
    } else if (dice < 97) {
        rule_tree_remove_history(tree);
    } else {
        rule_tree_recall(tree);
    }
    rule_tree_check_readings(tree);
}

static void
run_history(struct rule_tree *tree, uint64_t seed)
{
    history_init(tree, seed);
    for (uint64_t steps = 20 + rule_tree_below(tree, 100); steps > 0; steps--) {
        pass_time(tree);
        step(tree);
    }
    rule_tree_deinit(tree);
}

static void
no_reading_ever_changes_and_all_that_may_go_goes(void **state)
{
    static struct rule_tree tree;
    struct test_random random;
    test_random_init(&random, "histories", 1);
    unsigned count = getenv("FIRN_TEST_LONG") != NULL ? 200000 : 2500;
    for (unsigned i = 0; i < count; i++) {
        run_history(&tree, random.state + i);
    }
    (void)printf("%u histories\n", count);
}

/* The same with runs of columns, of rows of a table; without operands, which tables write as rows. */
static void
of_columns_no_reading_ever_changes_either(void **state)
{
    static struct rule_tree tree;
    struct test_random random;
    test_random_init(&random, "histories of columns", 2);
    unsigned count = test_is_long() ? 20000 : test_share_of_seeds(400);
    for (unsigned i = 0; i < count; i++) {
        if (i % 100 == 0) {
            rule_columns_open(1 + i / 100 % 4 * 3);
        }
        run_history(&tree, random.state + i);
        if (i % 100 == 99 || i + 1 == count) {
            rule_columns_close();
        }
    }
    (void)printf("%u histories of columns\n", count);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_reading_ever_changes_and_all_that_may_go_goes),
        cmocka_unit_test(of_columns_no_reading_ever_changes_either),
    };
    return cmocka_run_group_tests_name("compaction_rule", tests, NULL, NULL);
}
