/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable_path.c: how the writer comes to the place of an entry.
 *
 * The inner nodes of a table are few and stay in the processor's caches; the leaf nearly always
 * comes from slow memory. So a commit that knows what it will add prepares it: the way is found as
 * far as the leaf, whose lines are asked for, and while they come the log is written. The way is
 * kept. It holds until a node is split, and is taken up by the addition of that very entry, which
 * has only to look into the leaf.
 *
 * Two ways are kept, so that the next entry of a batch can be prepared before the current one is
 * added. An entry is known by its key, of which a copy is kept, and its sequence; those with long
 * keys are not prepared. Nor is anything where one entry after the other goes to the same leaf: it
 * is at hand.
 *
 * Nothing here changes a node, and readers do not see it.
 */
#include "memtable/memtable_path.h"

#include "base/check.h"
#include "base/slice.h"

enum { CACHE_LINE = 64 };

_Static_assert(offsetof(struct firn_memtable_node, heads) == CACHE_LINE, "heads begin a line");

/* A leaf's entries will be shifted. */
static void
prefetch_for_insertion(const struct firn_memtable_node *node, bool is_leaf)
{
    const char *at = (const char *)node;
    size_t size = is_leaf ? sizeof *node : CACHE_LINE + sizeof node->heads;
    for (size_t line = 0; line < size; line += CACHE_LINE) {
        __builtin_prefetch(at + line, 1);
    }
}

/* Fills in all steps, but for the slot in the leaf, which is not looked at; returns how many. */
static size_t
find_leaf(const struct firn_memtable *table, const struct firn_memtable_probe *probe,
          struct firn_memtable_step *steps, size_t height_max)
{
    struct firn_memtable_step step = {.node = firn_memtable_path_root(table)};
    size_t height = (size_t)step.node->level + 1;
    CHECK(height <= height_max);
    for (size_t level = height - 1; level > 0; level--) {
        struct firn_memtable_node *node = step.node;
        DCHECK(node->level == level);
        step.slot = firn_memtable_child_of(node, probe);
        *steps++ = step;
        struct firn_memtable_step below = {.node = firn_memtable_node_child(node, step.slot),
                                           .lower = step.lower,
                                           .upper = step.upper};
        prefetch_for_insertion(below.node, level == 1);
        if (step.slot > 0) {
            below.lower = firn_memtable_node_entry(node, step.slot - 1);
        }
        if (step.slot < firn_memtable_node_count(node)) {
            below.upper = firn_memtable_node_entry(node, step.slot);
        }
        step = below;
    }
    DCHECK(step.node->level == 0);
    *steps = step;
    return height;
}

void
firn_memtable_path_prepare(struct firn_memtable *table, firn_slice key, uint64_t sequence)
{
    size_t height = (size_t)firn_memtable_path_root(table)->level + 1;
    if (table->stays_in_leaf || height == 1 || height > FIRN_MEMTABLE_PREPARED_HEIGHT_MAX ||
        key.size == 0 || key.size > FIRN_MEMTABLE_PREPARED_KEY_MAX ||
        firn_memtable_side_of(table, key) != 0) {
        return;
    }
    struct firn_memtable_prepared *prepared = &table->prepared[table->prepared_next];
    const struct firn_memtable_probe probe = {.key = key, .sequence = sequence};
    table->prepared_next = (table->prepared_next + 1) % FIRN_MEMTABLE_PREPARED;
    memcpy(prepared->key, key.data, key.size);
    prepared->key_size = key.size;
    prepared->sequence = sequence;
    prepared->split_count = table->split_count;
    prepared->height = find_leaf(table, &probe, prepared->steps, FIRN_MEMTABLE_PREPARED_HEIGHT_MAX);
}

/* Takes up the way that was prepared for the entry, if there is one and it holds. */
static bool
take_prepared(const struct firn_memtable *table, const struct firn_memtable_probe *probe,
              struct firn_memtable_path *out)
{
    for (size_t i = 0; i < FIRN_MEMTABLE_PREPARED; i++) {
        const struct firn_memtable_prepared *prepared = &table->prepared[i];
        if (prepared->height > 0 && prepared->sequence == probe->sequence &&
            prepared->split_count == table->split_count &&
            firn_slice_equal(firn_bytes(prepared->key, prepared->key_size), probe->key)) {
            out->height = prepared->height;
            memcpy(out->steps, prepared->steps, out->height * sizeof *out->steps);
            return true;
        }
    }
    return false;
}

void
firn_memtable_path_find(struct firn_memtable *table, const struct firn_memtable_probe *probe,
                        struct firn_memtable_path *out)
{
    DCHECK(firn_memtable_entry_count(table) > 0);
    DCHECK(firn_memtable_side_of(table, probe->key) == 0);
    if (!take_prepared(table, probe, out)) {
        out->height = find_leaf(table, probe, out->steps, FIRN_MEMTABLE_HEIGHT_MAX);
    }
    struct firn_memtable_step *leaf = &out->steps[out->height - 1];
    /* A prepared way too. */
    DCHECK(leaf->node->level == 0 && out->steps[0].node == firn_memtable_path_root(table));
    leaf->slot = firn_memtable_slot_of(leaf->node, probe);
    table->stays_in_leaf = leaf->node == table->last_leaf;
    table->last_leaf = leaf->node;
}
