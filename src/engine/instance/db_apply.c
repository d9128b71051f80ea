/* SPDX-License-Identifier: Apache-2.0
 *
 * instance/db_apply.c: applying the operations of one commit to the trees, both for a new commit
 * and for one that is replayed.
 *
 * All entries of a commit have its sequence, and later operations win over earlier ones:
 * (I1) A tree has a key at most once per sequence. Operations are applied from the last to the
 *      first, and the memtable refuses a key that it has already at this sequence.
 * (I2) A range delete covers what is older than its sequence, so not what its own commit writes.
 *      Earlier writes of the same commit in its range are therefore left out.
 * (I3) A replay leaves out what a tree already has in runs: trees are flushed one by one, and the
 *      log is kept until the last one is.
 *
 * The range deletes of a commit are kept by tree, with the number of their operation (plus one) as
 * sequence, since all operations of the commit have one sequence. An operation is left out if a
 * range delete with a larger number covers its key. The owner of a batch fills the sets while it
 * fills the batch. While the commit is applied, each tree has a pointer to its set, so finding it
 * costs nothing. Only the leader applies, one commit at a time.
 *
 * Memtables are larger than the processor's caches. So the place of each entry is prefetched before
 * the entry that precedes it is inserted, and that of the first entry while the log is written.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "instance/db_handle.h"

/* ---- range deletes within one commit ---- */

struct fi_db_ranges_set {
    struct fi_db_tree *tree;
    struct fi_range_set set;
};

static size_t
set_count(const struct fi_db_ranges *ranges)
{
    return ranges->sets.size / sizeof(struct fi_db_ranges_set *);
}

static struct fi_db_ranges_set *
set_at(const struct fi_db_ranges *ranges, size_t i)
{
    DCHECK(i < set_count(ranges));
    return ((struct fi_db_ranges_set **)(void *)ranges->sets.data)[i];
}

/* In batches for a read-only handle, which will be refused, there are no trees. */
static uint64_t
place_number(const struct fi_db_tree *tree)
{
    return tree == NULL ? 0 : (uint64_t)tree->id + 1;
}

/* Where the set of a tree is or belongs: they are in the order of the trees' numbers. A commit may
 * delete ranges of very many trees. */
static size_t
place_of(const struct fi_db_ranges *ranges, const struct fi_db_tree *tree)
{
    size_t low = 0;
    size_t high = set_count(ranges);
    FI_SEARCH_FIRST(low, high, middle,
                    place_number(set_at(ranges, middle)->tree) < place_number(tree));
    return low;
}

/* NULL if there is none. */
static struct fi_db_ranges_set *
find_set(const struct fi_db_ranges *ranges, const struct fi_db_tree *tree)
{
    size_t place = place_of(ranges, tree);
    return place < set_count(ranges) && set_at(ranges, place)->tree == tree ? set_at(ranges, place)
                                                                            : NULL;
}

/* The set of a tree, created if necessary; NULL if there is no memory. */
static struct fi_db_ranges_set *
set_of(struct fi_db_ranges *ranges, struct fi_db_tree *tree)
{
    struct fi_db_ranges_set *set = find_set(ranges, tree);
    if (set != NULL) {
        return set;
    }
    if (fi_buf_reserve(&ranges->sets, sizeof(void *)) == FIRN_OK) {
        set = fi_alloc_zeroed(sizeof *set);
    }
    if (set != NULL) {
        size_t place = place_of(ranges, tree);
        size_t after = set_count(ranges) - place;
        set->tree = tree;
        CHECK(fi_buf_append(&ranges->sets, &set, sizeof(void *)) == FIRN_OK);
        struct fi_db_ranges_set **sets = (void *)ranges->sets.data;
        memmove(sets + place + 1, sets + place, after * sizeof(void *));
        sets[place] = set;
    }
    DCHECK(set == NULL || find_set(ranges, tree) == set);
    return set;
}

int
fi_db_apply_ranges_add(struct fi_db_ranges *ranges, struct fi_db_tree *tree, firn_slice lower,
                       firn_slice upper, size_t index, firn_error *err)
{
    const struct fi_range range = {lower, upper, (uint64_t)index + 1};
    DCHECK(fi_slice_compare(lower, upper) < 0);
    struct fi_db_ranges_set *set = set_of(ranges, tree);
    return set == NULL ? fi_error_no_memory(err, "a batch")
                       : fi_range_set_add(&set->set, &range, err);
}

void
fi_db_apply_ranges_deinit(struct fi_db_ranges *ranges)
{
    for (size_t i = 0; i < set_count(ranges); i++) {
        fi_range_set_deinit(&set_at(ranges, i)->set);
        fi_free(set_at(ranges, i));
    }
    fi_buf_deinit(&ranges->sets);
}

const struct fi_range_set *
fi_db_apply_ranges_of(const struct fi_db_ranges *ranges, const struct fi_db_tree *tree)
{
    const struct fi_db_ranges_set *found = find_set(ranges, tree);
    return found != NULL ? &found->set : NULL;
}

/* ranges_covers may be called between begin and end. For the leader only. */
static void
ranges_begin(const struct fi_db_ranges *ranges)
{
    for (size_t i = 0; i < set_count(ranges); i++) {
        DCHECK(set_at(ranges, i)->tree->later == NULL);
        set_at(ranges, i)->tree->later = &set_at(ranges, i)->set;
    }
}

static void
ranges_end(const struct fi_db_ranges *ranges)
{
    for (size_t i = 0; i < set_count(ranges); i++) {
        DCHECK(set_at(ranges, i)->tree->later == &set_at(ranges, i)->set);
        set_at(ranges, i)->tree->later = NULL;
    }
}

/* Whether a range delete whose number is larger than `above` covers the key. */
static bool
covers_above(const struct fi_range_set *set, firn_slice key, uint64_t number)
{
    static const struct fi_snapshot_interval everything = {1, UINT64_MAX};
    static const struct fi_snapshot all = {&everything, 1, 0, NULL};
    return fi_range_set_covering(set, key, &all, number) != 0;
}

/* Whether an operation after number `index` deletes a range that contains the key. */
static bool
ranges_covers(const struct fi_db_tree *tree, firn_slice key, size_t index)
{
    return tree->later != NULL && covers_above(tree->later, key, (uint64_t)index + 1);
}

bool
fi_db_apply_ranges_deletes(const struct fi_db_ranges *ranges, const struct fi_db_tree *tree,
                           firn_slice key, size_t index)
{
    const struct fi_db_ranges_set *found = find_set(ranges, tree);
    return found != NULL && covers_above(&found->set, key, (uint64_t)index);
}

static struct fi_entry
entry_of(const struct fi_db_op *op, const struct fi_db_apply *commit)
{
    const uint8_t *body = commit->body;
    return (struct fi_entry){.key = firn_bytes(body + op->key_offset, op->key_size),
                             .value = firn_bytes(body + op->value_offset, op->value_size),
                             .sequence = commit->sequence,
                             .kind = (enum fi_entry_kind)op->kind};
}

static bool
is_left_out(const struct fi_db_apply *commit, size_t i, const struct fi_entry *entry)
{
    const struct fi_db_tree *tree = commit->ops[i].tree;
    if (commit->is_replay && commit->sequence <= fi_lsm_tree_flushed(tree->lsm_tree)) {
        return true;
    }
    return entry->kind != FI_ENTRY_RANGE_DELETE && ranges_covers(tree, entry->key, i);
}

static void
db_apply_prepare(const struct fi_db_apply *commit, const struct fi_db_op *op)
{
    if (op->kind != FI_ENTRY_RANGE_DELETE) {
        fi_lsm_tree_prepare(op->tree->lsm_tree, entry_of(op, commit).key, commit->sequence);
    }
}

static int
apply_all(const struct fi_db_apply *commit, firn_error *err)
{
    for (size_t i = commit->count; i > 0; i--) {
        struct fi_db_tree *tree = commit->ops[i - 1].tree;
        struct fi_entry entry = entry_of(&commit->ops[i - 1], commit);
        if (i > 1) {
            db_apply_prepare(commit, &commit->ops[i - 2]);
        }
        if (is_left_out(commit, i - 1, &entry)) {
            continue;
        }
        const struct fi_lsm_place place = {commit->segment,
                                           commit->body_offset + commit->ops[i - 1].value_offset};
        int rc = fi_lsm_tree_apply(tree->lsm_tree, &entry, &place, err);
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
fi_db_apply_prepare(const struct fi_db_apply *commit)
{
    DCHECK(commit->count > 0);
    db_apply_prepare(commit, &commit->ops[commit->count - 1]);
}

/* Checks the first operation, which stands for all: the tree has the range deletes of the commit
 * (I2), and its runs do not have the commit already, except in a replay (I3). */
static bool
is_prepared(const struct fi_db_apply *commit)
{
    const struct fi_db_tree *tree = commit->count > 0 ? commit->ops[0].tree : NULL;
    return tree == NULL ||
           (tree->later == fi_db_apply_ranges_of(commit->ranges, tree) &&
            (commit->is_replay || commit->sequence > fi_lsm_tree_flushed(tree->lsm_tree)));
}

int
fi_db_apply(const struct fi_db_apply *commit, firn_error *err)
{
    DCHECK(commit->sequence > 0 && commit->segment > 0);
    ranges_begin(commit->ranges);
    DCHECK(is_prepared(commit));
    int rc = apply_all(commit, err);
    ranges_end(commit->ranges);
    return rc;
}

void
fi_db_apply_end(struct fi_db_tree *tree, struct fi_db_name_end *end, uint64_t sequence)
{
    DCHECK(end->sequence == 0 && sequence > 0);
    _Atomic(struct fi_db_name_end *) *link = &tree->ends;
    struct fi_db_name_end *next;
    end->sequence = sequence;
    while ((next = atomic_load_explicit(link, memory_order_relaxed)) != NULL) {
        link = &next->newer;
    }
    atomic_store_explicit(link, end, memory_order_release);
}
