/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_ranges.c: range deletes within one commit.
 *
 * All operations of a commit have one sequence, and a range delete covers versions with smaller
 * sequences only. So what a commit writes into a range before it deletes that range would stay;
 * and what it writes behind the delete must stay. Here the range deletes of a commit are kept by
 * tree, with the number of their operation (plus one) in the place of a sequence: an operation is
 * left out when a range delete with a larger number covers its key (db_apply.c).
 *
 * The sets are filled while the batch is, by its owner; while it is applied each tree knows its
 * set, so that looking one up costs nothing. Only the leader applies, one commit at a time.
 */
#include "store/db_internal.h"

#include "base/check.h"
#include "base/mem.h"

struct firn_db_ranges_set {
    struct firn_db_tree *tree;
    struct firn_range_set set;
};

static size_t
set_count(const struct firn_db_ranges *ranges)
{
    return ranges->sets.size / sizeof(struct firn_db_ranges_set *);
}

static struct firn_db_ranges_set *
set_at(const struct firn_db_ranges *ranges, size_t i)
{
    DCHECK(i < set_count(ranges));
    return ((struct firn_db_ranges_set **)(void *)ranges->sets.data)[i];
}

/* The set of a tree, made if need be; NULL when memory is out. */
static struct firn_db_ranges_set *
set_of(struct firn_db_ranges *ranges, struct firn_db_tree *tree)
{
    for (size_t i = set_count(ranges); i > 0; i--) {
        if (set_at(ranges, i - 1)->tree == tree) {
            return set_at(ranges, i - 1);
        }
    }
    struct firn_db_ranges_set *set = NULL;
    if (firn_buf_reserve(&ranges->sets, sizeof(struct firn_db_ranges_set *)) == FIRN_OK) {
        set = firn_alloc_zeroed(sizeof *set);
    }
    if (set != NULL) {
        set->tree = tree;
        CHECK(firn_buf_append(&ranges->sets, &set, sizeof(struct firn_db_ranges_set *)) == FIRN_OK);
    }
    return set;
}

int
firn_db_ranges_add(struct firn_db_ranges *ranges, struct firn_db_tree *tree, firn_slice lower,
                   firn_slice upper, size_t index, firn_error *err)
{
    const struct firn_range range = {lower, upper, (uint64_t)index + 1};
    DCHECK(firn_slice_compare(lower, upper) < 0);
    struct firn_db_ranges_set *set = set_of(ranges, tree);
    return set == NULL ? firn_error_no_memory(err, "a batch")
                       : firn_range_set_add(&set->set, &range, err);
}

void
firn_db_ranges_deinit(struct firn_db_ranges *ranges)
{
    for (size_t i = 0; i < set_count(ranges); i++) {
        firn_range_set_deinit(&set_at(ranges, i)->set);
        firn_free(set_at(ranges, i));
    }
    firn_buf_deinit(&ranges->sets);
}

const struct firn_range_set *
firn_db_ranges_of(const struct firn_db_ranges *ranges, const struct firn_db_tree *tree)
{
    for (size_t i = 0; i < set_count(ranges); i++) {
        if (set_at(ranges, i)->tree == tree) {
            return &set_at(ranges, i)->set;
        }
    }
    return NULL;
}

void
firn_db_ranges_begin(const struct firn_db_ranges *ranges)
{
    for (size_t i = 0; i < set_count(ranges); i++) {
        DCHECK(set_at(ranges, i)->tree->later == NULL);
        set_at(ranges, i)->tree->later = &set_at(ranges, i)->set;
    }
}

void
firn_db_ranges_end(const struct firn_db_ranges *ranges)
{
    for (size_t i = 0; i < set_count(ranges); i++) {
        DCHECK(set_at(ranges, i)->tree->later == &set_at(ranges, i)->set);
        set_at(ranges, i)->tree->later = NULL;
    }
}

/* Whether a range delete with a number above one covers the key. */
static bool
covers_above(const struct firn_range_set *set, firn_slice key, uint64_t number)
{
    static const struct firn_view_interval everything = {1, UINT64_MAX};
    static const struct firn_view all = {&everything, 1, 0, NULL};
    return firn_range_set_covering(set, key, &all, number) != 0;
}

bool
firn_db_ranges_covers(const struct firn_db_tree *tree, firn_slice key, size_t index)
{
    return tree->later != NULL && covers_above(tree->later, key, (uint64_t)index + 1);
}

bool
firn_db_ranges_deletes(const struct firn_db_ranges *ranges, const struct firn_db_tree *tree,
                       firn_slice key, size_t index)
{
    for (size_t i = 0; i < set_count(ranges); i++) {
        if (set_at(ranges, i)->tree == tree) {
            return covers_above(&set_at(ranges, i)->set, key, (uint64_t)index);
        }
    }
    return false;
}
