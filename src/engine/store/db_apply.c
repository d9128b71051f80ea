/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_apply.c: putting the operations of one commit into the trees; the same for a commit that
 * is made and for one that is replayed.
 *
 * All entries of a commit have its sequence, and later operations win over earlier ones:
 * (I1) A tree holds a key once per sequence. Operations are applied from the last to the first, and
 *      the memtable refuses what is there already.
 * (I2) A range delete covers what is older than its sequence, so not what its own commit writes.
 *      What stands in the commit before it and lies in its range is left out (db_ranges.c).
 * (I3) In a replay, what a tree has in runs already is left out: trees are flushed one by one, and
 *      the log is kept until the last one is.
 *
 * The place of each entry is asked for before the one before it is put in, of the first one while
 * the commit is written to the log: memtables are larger than the processor's caches.
 */
#include "base/check.h"
#include "store/db_internal.h"

static struct firn_entry
entry_of(const struct firn_db_op *op, const struct firn_db_apply *commit)
{
    const uint8_t *body = commit->body;
    return (struct firn_entry){.key = firn_bytes(body + op->key_offset, op->key_size),
                               .value = firn_bytes(body + op->value_offset, op->value_size),
                               .sequence = commit->sequence,
                               .kind = (enum firn_entry_kind)op->kind};
}

static bool
is_left_out(const struct firn_db_apply *commit, size_t i, const struct firn_entry *entry)
{
    const struct firn_db_tree *tree = commit->ops[i].tree;
    if (commit->is_replay && commit->sequence <= firn_lsm_tree_flushed(tree->lsm_tree)) {
        return true;
    }
    return entry->kind != FIRN_ENTRY_RANGE_DELETE && firn_db_ranges_covers(tree, entry->key, i);
}

static void
prepare(const struct firn_db_apply *commit, const struct firn_db_op *op)
{
    if (op->kind != FIRN_ENTRY_RANGE_DELETE) {
        firn_lsm_tree_prepare(op->tree->lsm_tree, entry_of(op, commit).key, commit->sequence);
    }
}

static int
apply_all(const struct firn_db_apply *commit, firn_error *err)
{
    for (size_t i = commit->count; i > 0; i--) {
        struct firn_db_tree *tree = commit->ops[i - 1].tree;
        struct firn_entry entry = entry_of(&commit->ops[i - 1], commit);
        if (i > 1) {
            prepare(commit, &commit->ops[i - 2]);
        }
        if (is_left_out(commit, i - 1, &entry)) {
            continue;
        }
        const struct firn_lsm_place place = {commit->segment,
                                             commit->body_offset + commit->ops[i - 1].value_offset};
        int rc = firn_lsm_tree_apply(tree->lsm_tree, &entry, &place, err);
        DCHECK(rc != FIRN_EXISTS || i < commit->count); /* (I1) */
        if (rc != FIRN_OK && !(rc == FIRN_EXISTS && i < commit->count)) {
            return rc;
        }
        DCHECK(atomic_load_explicit(&tree->written_at, memory_order_relaxed) <= commit->sequence);
        DCHECK(tree->first_segment <= commit->segment);
        atomic_store_explicit(&tree->written_at, commit->sequence, memory_order_relaxed);
        if (tree->first_segment == 0) {
            tree->first_segment = commit->segment;
        }
    }
    return FIRN_OK;
}

void
firn_db_apply_prepare(const struct firn_db_apply *commit)
{
    DCHECK(commit->count > 0);
    prepare(commit, &commit->ops[commit->count - 1]);
}

/* By the first operation, which stands for all: the tree knows the range deletes of the commit (I2), and
 * has not got in runs what is no replay (I3). */
static bool
is_prepared(const struct firn_db_apply *commit)
{
    const struct firn_db_tree *tree = commit->count > 0 ? commit->ops[0].tree : NULL;
    return tree == NULL ||
           (tree->later == firn_db_ranges_of(commit->ranges, tree) &&
            (commit->is_replay || commit->sequence > firn_lsm_tree_flushed(tree->lsm_tree)));
}

int
firn_db_apply(const struct firn_db_apply *commit, firn_error *err)
{
    DCHECK(commit->sequence > 0 && commit->segment > 0);
    firn_db_ranges_begin(commit->ranges);
    DCHECK(is_prepared(commit));
    int rc = apply_all(commit, err);
    firn_db_ranges_end(commit->ranges);
    return rc;
}
