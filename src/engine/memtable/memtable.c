/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable.c: an in-memory B+tree that one writer extends while any number of readers
 * search it without locks.
 *
 * Entries are encoded once into blocks of memory and never move; the tree orders pointers to them
 * by key, then by sequence with the newest first. A node holds up to 48 such pointers and, in a
 * separate array, their heads: the 8 bytes of each key after the common prefix of the node's keys,
 * as big-endian numbers. A search in a node is a search among numbers in six cache lines; a key
 * itself is fetched only if heads are equal. Leaves are linked both ways.
 *
 * Invariants.
 * (I1) Nothing is freed or reused before the table is destroyed: a pointer once read stays valid,
 *      however stale. (Not checked: arenas can do nothing else.)
 * (I2) Every node has a version counter. The writer makes it odd before it changes the node and
 *      even afterwards. A reader notes an even version, reads, and then checks that the version is
 *      still the same; if not, it discards what it read. To avoid data races, all fields read in
 *      this way are relaxed atomics; pointers are stored with release and loaded with acquire,
 *      because they point to plain memory.
 * (I3) The separators on both sides of a node share a prefix with all keys that belong in the node,
 *      so no search there needs to look at this prefix. Nodes at the left and right edge lack one
 *      separator: they use the prefix that all keys of the table share, which a search compares
 *      once, at the root. The first entry sets this prefix, and it only shrinks; then the heads of
 *      the edge nodes are recomputed.
 * (I4) A change of several nodes marks all of them before it changes any, from the root down, the
 *      leaf's right neighbour last (its prev pointer changes), and unmarks the root last.
 *
 * Splits. A full node is cut in the middle, except if consecutive insertions go to one place
 * (ascending or descending keys, or versions of one key): then the cut is at that place and the new
 * entry goes to the smaller side, so that loading in order leaves full nodes.
 *
 * Preparing. The inner nodes of a table are few and stay in the processor's caches; the leaf nearly
 * always comes from slow memory. So a commit prepares the entries that it will add: the path down
 * to the leaf is found, and the leaf's cache lines are prefetched while the log is written. The
 * path is kept and stays valid until a node is split. Adding that entry then only has to search the
 * leaf. Two paths are kept, so that the next entry of a batch can be prepared before the current
 * one is added. An entry is identified by its key, of which a copy is kept, and its sequence;
 * entries with long keys are not prepared, nor is anything while consecutive entries go to the same
 * leaf, which is cached then. Readers do not see any of this.
 *
 * A large table has a filter of its keys (memtable_filter.c), so that most gets of absent keys need
 * not search the tree.
 *
 * Range deletes are not entries: they are in a separate range set, which can be read without locks
 * too.
 *
 * All empty tables have one root, which nothing changes: a store may have many keyspaces, of which
 * few are written to. The first entry gets a leaf and makes it the root.
 *
 * Memory (memtable_memory.c). An insertion allocates all the memory that it may need before it
 * changes anything; reserve does so for many insertions ahead. Fields that readers do not use
 * (spares, last_slot) are plain: the caller serializes writers.
 *
 * After B. Graefe, Modern B-Tree Techniques (2011: prefix truncation, "poor man's normalized keys")
 * and V. Leis et al., Optimistic Lock Coupling (2019). Unlike in the latter there is only one
 * writer, so a version is a counter and not a lock, and nothing is reclaimed, so readers need no
 * epochs.
 */
#include "memtable/memtable.h"

#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "memtable/memtable_internal.h"

/* ---- how the writer finds the place of an entry ---- */

/* Only for the writer, like all of this. */
static inline struct fi_memtable_node *
path_root(const struct fi_memtable *table)
{
    return atomic_load_explicit(&table->root, memory_order_relaxed);
}

enum {
    CACHE_LINE = 64,
    LINES_OF_HEADS = sizeof(((struct fi_memtable_node *)NULL)->heads) / CACHE_LINE
};

_Static_assert(offsetof(struct fi_memtable_node, heads) == CACHE_LINE, "heads begin a line");
_Static_assert(sizeof(struct fi_memtable_node) == (size_t)CACHE_LINE * (1 + 2 * LINES_OF_HEADS),
               "a line of fields, the heads, and as many lines of entries");

/* A leaf's entries will be shifted. The loops are unrolled: every level of a descent comes here. */
static inline void
prefetch_for_insertion(const struct fi_memtable_node *node, bool is_leaf)
{
    const char *at = (const char *)node;
#pragma GCC unroll 16
    for (size_t line = 0; line <= LINES_OF_HEADS; line++) {
        __builtin_prefetch(at + line * CACHE_LINE, 1);
    }
    if (is_leaf) {
#pragma GCC unroll 16
        for (size_t line = 1; line <= LINES_OF_HEADS; line++) {
            __builtin_prefetch(at + (LINES_OF_HEADS + line) * CACHE_LINE, 1);
        }
    }
}

/* Fills in all steps, except for the slot in the leaf, which is not read; returns their number. */
static size_t
find_leaf(const struct fi_memtable *table, const struct fi_memtable_probe *probe,
          struct fi_memtable_step *steps, size_t height_max)
{
    struct fi_memtable_step step = {.node = path_root(table)};
    size_t height = (size_t)step.node->level + 1;
    CHECK(height <= height_max);
    for (size_t level = height - 1; level > 0; level--) {
        struct fi_memtable_node *node = step.node;
        DCHECK(node->level == level);
        step.slot = fi_memtable_child_of(node, probe);
        *steps++ = step;
        struct fi_memtable_step below = {.node = fi_memtable_node_child(node, step.slot),
                                         .lower = step.lower,
                                         .upper = step.upper};
        prefetch_for_insertion(below.node, level == 1);
        if (step.slot > 0) {
            below.lower = fi_memtable_node_entry(node, step.slot - 1);
        }
        if (step.slot < fi_memtable_node_count(node)) {
            below.upper = fi_memtable_node_entry(node, step.slot);
        }
        step = below;
    }
    DCHECK(step.node->level == 0);
    *steps = step;
    return height;
}

/* fi_memtable_prepare. */
static void
path_prepare(struct fi_memtable *table, firn_slice key, uint64_t sequence)
{
    size_t height = (size_t)path_root(table)->level + 1;
    if (table->stays_in_leaf || height == 1 || height > FI_MEMTABLE_PREPARED_HEIGHT_MAX ||
        key.size == 0 || key.size > FI_MEMTABLE_PREPARED_KEY_MAX ||
        fi_memtable_side_of(table, key) != 0) {
        return;
    }
    if (table->prepared == NULL) {
        table->prepared = fi_memtable_memory_take_prepared(table);
        if (table->prepared == NULL) {
            return;
        }
    }
    struct fi_memtable_prepared *prepared = &table->prepared[table->prepared_next];
    const struct fi_memtable_probe probe = {.key = key, .sequence = sequence};
    table->prepared_next = (table->prepared_next + 1) % FI_MEMTABLE_PREPARED;
    memcpy(prepared->key, key.data, key.size);
    prepared->key_size = key.size;
    prepared->sequence = sequence;
    prepared->split_count = table->split_count;
    prepared->height = find_leaf(table, &probe, prepared->steps, FI_MEMTABLE_PREPARED_HEIGHT_MAX);
}

/* Uses the path that was prepared for the entry, if there is one and it is still valid. */
static bool
take_prepared(const struct fi_memtable *table, const struct fi_memtable_probe *probe,
              struct fi_memtable_path *out)
{
    for (size_t i = 0; i < FI_MEMTABLE_PREPARED && table->prepared != NULL; i++) {
        const struct fi_memtable_prepared *prepared = &table->prepared[i];
        if (prepared->height > 0 && prepared->sequence == probe->sequence &&
            prepared->split_count == table->split_count &&
            fi_slice_equal(firn_bytes(prepared->key, prepared->key_size), probe->key)) {
            out->height = prepared->height;
            memcpy(out->steps, prepared->steps, out->height * sizeof *out->steps);
            return true;
        }
    }
    return false;
}

/* The path to where an entry of that key and sequence is or belongs. Requires: the table is not
 * empty, and the key has the common prefix. */
static void
path_find(struct fi_memtable *table, const struct fi_memtable_probe *probe,
          struct fi_memtable_path *out)
{
    DCHECK(fi_memtable_entry_count(table) > 0);
    DCHECK(fi_memtable_side_of(table, probe->key) == 0);
    if (!take_prepared(table, probe, out)) {
        out->height = find_leaf(table, probe, out->steps, FI_MEMTABLE_HEIGHT_MAX);
    }
    struct fi_memtable_step *leaf = &out->steps[out->height - 1];
    /* Also of a prepared path. */
    DCHECK(leaf->node->level == 0 && out->steps[0].node == path_root(table));
    leaf->slot = fi_memtable_slot_of(leaf->node, probe);
    table->stays_in_leaf = leaf->node == table->last_leaf;
    table->last_leaf = leaf->node;
}

enum {
    FANOUT = FI_MEMTABLE_FANOUT,
    /* Arena chunks are never shared: each block and slab is larger than a quarter of this. */
    ARENA_CHUNK_SIZE = 512,
    /* Sizes as in memtable.h: three varints of at most 3, 5 and 10 bytes. */
    ENTRY_HEADER_MAX = 18,
    RESERVE_LEAVES_MIN = 16
};

/* What is inserted into a node: an entry, or a separator and the child after it. */
struct insertion {
    const uint8_t *entry;
    struct fi_memtable_node *child;
};

/* The contents of a full node and one more. */
struct staging {
    const uint8_t *entries[FANOUT + 1];
    uint64_t heads[FANOUT + 1];
    struct fi_memtable_node *children[FANOUT + 2];
    size_t prefix_size; /* that the heads were made with */
};

/* ---- storing fields that readers may be reading ---- */

static void
change_begin(struct fi_memtable_node *node)
{
    uint64_t version = atomic_load_explicit(&node->version, memory_order_relaxed);
    DCHECK((version & 1) == 0); /* (I2) */
    atomic_store_explicit(&node->version, version + 1, memory_order_relaxed);
    /* Pairs with the acquire fence in fi_memtable_read_valid. */
    atomic_thread_fence(memory_order_release);
}

static void
change_end(struct fi_memtable_node *node)
{
    uint64_t version = atomic_load_explicit(&node->version, memory_order_relaxed);
    DCHECK((version & 1) == 1); /* (I2) */
    /* Pairs with the acquire load in fi_memtable_read_begin. */
    atomic_store_explicit(&node->version, version + 1, memory_order_release);
}

static void
set_entry(struct fi_memtable_node *node, size_t slot, uint64_t head, const uint8_t *entry)
{
    DCHECK(slot < FANOUT && entry != NULL);
    atomic_store_explicit(&node->heads[slot], head, memory_order_relaxed);
    /* Pairs with the acquire load in fi_memtable_node_entry. */
    atomic_store_explicit(&node->entries[slot], entry, memory_order_release);
}

static void
set_child(struct fi_memtable_node *node, size_t slot, struct fi_memtable_node *child)
{
    DCHECK(slot <= FANOUT && child != NULL && child->level + 1 == node->level);
    struct fi_memtable_inner *inner = (struct fi_memtable_inner *)node;
    /* Pairs with the acquire load in fi_memtable_node_child. */
    atomic_store_explicit(&inner->children[slot], child, memory_order_release);
}

static void
set_count(struct fi_memtable_node *node, size_t count)
{
    DCHECK(count <= FANOUT);
    atomic_store_explicit(&node->count, (uint32_t)count, memory_order_relaxed);
}

static size_t
prefix_size_of(const struct fi_memtable_node *node)
{
    return atomic_load_explicit(&node->prefix_size, memory_order_relaxed);
}

static void
set_prefix_size(struct fi_memtable_node *node, size_t size)
{
    atomic_store_explicit(&node->prefix_size, (uint32_t)size, memory_order_relaxed);
}

/* ---- entries ---- */

static uint64_t
tag_of(const struct fi_entry *entry)
{
    uint64_t kind = (uint64_t)entry->kind;
    DCHECK(kind > 0 && kind < FI_MEMTABLE_LOGGED_PUT);
    if (entry->logged != NULL) {
        DCHECK(entry->kind == FI_ENTRY_PUT || entry->kind == FI_ENTRY_EXPIRING);
        kind = entry->kind == FI_ENTRY_PUT ? FI_MEMTABLE_LOGGED_PUT : FI_MEMTABLE_LOGGED_EXPIRING;
    }
    return (uint64_t)entry->value.size << 3 | kind;
}

static size_t
encoded_size(const struct fi_entry *entry)
{
    return fi_varint_size(entry->key.size) + fi_varint_size(tag_of(entry)) +
           fi_varint_size(entry->sequence) + entry->key.size + entry->value.size +
           (entry->logged != NULL ? FI_ENTRY_LOGGED_SIZE : 0);
}

static void
memtable_encode(uint8_t *at, const struct fi_entry *entry)
{
    at += fi_store_varint(at, entry->key.size);
    at += fi_store_varint(at, tag_of(entry));
    at += fi_store_varint(at, entry->sequence);
    if (entry->key.size > 0) {
        memcpy(at, entry->key.data, entry->key.size);
    }
    if (entry->value.size > 0) {
        memcpy(at + entry->key.size, entry->value.data, entry->value.size);
    }
    if (entry->logged != NULL) {
        memcpy(at + entry->key.size + entry->value.size, entry->logged, FI_ENTRY_LOGGED_SIZE);
    }
}

static firn_slice
key_of(const uint8_t *entry)
{
    struct fi_entry decoded;
    fi_memtable_decode(entry, &decoded);
    return decoded.key;
}

static size_t
shared_size(firn_slice a, firn_slice b)
{
    size_t limit = a.size < b.size ? a.size : b.size;
    size_t size = 0;
    while (size < limit && a.data[size] == b.data[size]) {
        size++;
    }
    return size;
}

/* ---- the table ---- */

/* The root of all tables without entries. Nothing ever changes it: the first entry gets a leaf of
 * its own, so a reader that still holds this one finds what was there when it came. */
static struct fi_memtable_node no_entries;

int
fi_memtable_create(struct fi_memtable **out, firn_error *err)
{
    *out = NULL;
    struct fi_memtable *table = fi_alloc_zeroed(sizeof *table);
    if (table == NULL) {
        return fi_error_no_memory(err, "a memtable");
    }
    table->blocks.chunk_size = ARENA_CHUNK_SIZE;
    atomic_init(&table->root, &no_entries);
    fi_memtable_memory_publish_size(table);
    *out = table;
    return FIRN_OK;
}

void
fi_memtable_use_pool(struct fi_memtable *table, struct fi_memtable_pool *pool)
{
    DCHECK(table->chunks == NULL);
    table->pool = pool;
}

void
fi_memtable_expect(struct fi_memtable *table, size_t bytes_max)
{
    DCHECK(fi_memtable_entry_count(table) == 0);
    table->filter_table_bytes = bytes_max;
}

void
fi_memtable_destroy(struct fi_memtable *table)
{
    if (table != NULL) {
        fi_range_set_deinit(&table->ranges);
        fi_memtable_filter_deinit(table);
        fi_memtable_memory_deinit(table);
        fi_free(table);
    }
}

size_t
fi_memtable_entry_count(const struct fi_memtable *table)
{
    return atomic_load_explicit(&table->entry_count, memory_order_relaxed);
}

size_t
fi_memtable_size_bytes(const struct fi_memtable *table)
{
    return atomic_load_explicit(&table->size_bytes, memory_order_relaxed);
}

/* ---- the common prefix of all keys ---- */

static size_t
table_prefix_size(const struct fi_memtable *table)
{
    return atomic_load_explicit(&table->prefix_size, memory_order_relaxed);
}

static void
change_prefix_size(struct fi_memtable_node *node, size_t size)
{
    size_t count = fi_memtable_node_count(node);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *entry = fi_memtable_node_entry(node, i);
        atomic_store_explicit(&node->heads[i], fi_memtable_head(key_of(entry), size),
                              memory_order_relaxed);
    }
    set_prefix_size(node, size);
}

/* Changes the nodes of the left edge and of the right edge below a root that is being changed. */
static void
change_edges(struct fi_memtable_node *root, size_t size)
{
    for (int is_right = 0; is_right <= 1; is_right++) {
        struct fi_memtable_node *node = root;
        while (node->level > 0) {
            size_t slot = is_right ? fi_memtable_node_count(node) : 0;
            node = fi_memtable_node_child(node, slot);
            change_begin(node);
            change_prefix_size(node, size);
            change_end(node);
        }
    }
}

/* A key without the common prefix is added (I3). */
static void
shrink_prefix(struct fi_memtable *table, firn_slice key)
{
    const uint8_t *prefix = atomic_load_explicit(&table->prefix, memory_order_relaxed);
    size_t size = shared_size(firn_bytes(prefix, table_prefix_size(table)), key);
    struct fi_memtable_node *root = path_root(table);
    DCHECK(size < table_prefix_size(table)); /* (I3) */
    change_begin(root);
    atomic_store_explicit(&table->prefix_size, (uint32_t)size, memory_order_relaxed);
    change_prefix_size(root, size);
    change_edges(root, size);
    change_end(root);
}

static void
add_first(struct fi_memtable *table, const uint8_t *entry)
{
    struct fi_memtable_node *root = fi_memtable_memory_take_node(table, 0);
    firn_slice key = key_of(entry);
    DCHECK(path_root(table) == &no_entries && fi_memtable_node_count(&no_entries) == 0);
    /* Pairs with the acquire load in fi_memtable_side_of. */
    atomic_store_explicit(&table->prefix, key.data, memory_order_release);
    atomic_store_explicit(&table->prefix_size, (uint32_t)key.size, memory_order_relaxed);
    set_prefix_size(root, key.size);
    set_entry(root, 0, 0, entry);
    set_count(root, 1);
    root->last_slot = 0;
    /* Pairs with the acquire loads in descend (memtable_cursor.c). */
    atomic_store_explicit(&table->root, root, memory_order_release);
}

/* ---- insertion ---- */

/* Whether an entry or a separator belongs between its neighbours at a slot. */
static bool
belongs_at(const struct fi_memtable_node *node, size_t slot, const uint8_t *entry)
{
    struct fi_entry decoded;
    fi_memtable_decode(entry, &decoded);
    const struct fi_memtable_probe probe = {.key = decoded.key, .sequence = decoded.sequence};
    size_t count = fi_memtable_node_count(node);
    return slot <= count &&
           (slot == 0 || fi_memtable_compare(fi_memtable_node_entry(node, slot - 1), &probe) < 0) &&
           (slot == count || fi_memtable_compare(fi_memtable_node_entry(node, slot), &probe) > 0);
}

static void
insert_with_room(const struct fi_memtable_step *step, const struct insertion *new)
{
    struct fi_memtable_node *node = step->node;
    size_t count = fi_memtable_node_count(node);
    size_t slot = step->slot;
    DCHECK(count < FANOUT && belongs_at(node, slot, new->entry));
    for (size_t i = count; i > slot; i--) {
        set_entry(node, i, fi_memtable_node_head(node, i - 1), fi_memtable_node_entry(node, i - 1));
    }
    set_entry(node, slot, fi_memtable_head(key_of(new->entry), prefix_size_of(node)), new->entry);
    if (node->level > 0) {
        for (size_t i = count + 1; i > slot + 1; i--) {
            set_child(node, i, fi_memtable_node_child(node, i - 1));
        }
        set_child(node, slot + 1, new->child);
    }
    set_count(node, count + 1);
    node->last_slot = (uint32_t)slot;
}

static void
stage(const struct fi_memtable_step *step, const struct insertion *new, struct staging *out)
{
    const struct fi_memtable_node *node = step->node;
    size_t slot = step->slot;
    DCHECK(fi_memtable_node_count(node) == FANOUT && belongs_at(node, slot, new->entry));
    out->prefix_size = prefix_size_of(node);
    for (size_t i = 0; i < FANOUT; i++) {
        size_t to = i < slot ? i : i + 1;
        out->heads[to] = fi_memtable_node_head(node, i);
        out->entries[to] = fi_memtable_node_entry(node, i);
    }
    out->heads[slot] = fi_memtable_head(key_of(new->entry), out->prefix_size);
    out->entries[slot] = new->entry;
    if (node->level > 0) {
        for (size_t i = 0; i <= FANOUT; i++) {
            out->children[i <= slot ? i : i + 1] = fi_memtable_node_child(node, i);
        }
        out->children[slot + 1] = new->child;
    }
}

/* Puts the staged entries [first, first + count) and their children into a node that is new or
 * marked as changing. */
static void
memtable_fill(struct fi_memtable_node *node, const struct staging *staging, size_t first,
              size_t count, size_t prefix_size)
{
    DCHECK(count <= FANOUT && first + count <= FANOUT + 1);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *entry = staging->entries[first + i];
        uint64_t head = prefix_size == staging->prefix_size
                            ? staging->heads[first + i]
                            : fi_memtable_head(key_of(entry), prefix_size);
        set_entry(node, i, head, entry);
    }
    if (node->level > 0) {
        for (size_t i = 0; i <= count; i++) {
            set_child(node, i, staging->children[first + i]);
        }
    }
    set_count(node, count);
    set_prefix_size(node, prefix_size);
}

/* The size of the prefix that keys between two separators share. */
static size_t
prefix_between(const struct fi_memtable *table, const uint8_t *lower, const uint8_t *upper)
{
    if (lower == NULL || upper == NULL) {
        return table_prefix_size(table);
    }
    size_t size = shared_size(key_of(lower), key_of(upper));
    DCHECK(size >= table_prefix_size(table)); /* (I3) */
    return size;
}

static bool
continues_run(const struct fi_memtable_step *step)
{
    size_t last = step->node->last_slot;
    return last != FI_MEMTABLE_MEMORY_NO_SLOT && (step->slot == last || step->slot == last + 1);
}

/* How many of the FANOUT + 1 staged entries of a leaf stay in it. */
static size_t
leaf_cut(const struct fi_memtable_step *step)
{
    if (!continues_run(step)) {
        return (FANOUT + 1) / 2;
    }
    return step->slot <= FANOUT - step->slot ? step->slot + 1 : step->slot;
}

/* The staged separator of an inner node that moves up; at least one stays on either side. */
static size_t
inner_cut(const struct fi_memtable_step *step)
{
    if (!continues_run(step)) {
        return FANOUT / 2;
    }
    size_t cut = step->slot;
    return cut < 1 ? 1 : (cut > FANOUT - 1 ? FANOUT - 1 : cut);
}

static void
link_leaf(struct fi_memtable_node *left, struct fi_memtable_node *right)
{
    DCHECK(left->level == 0 && right->level == 0);
    /* These pair with the acquire loads in memtable_cursor.c. */
    struct fi_memtable_node *next = atomic_load_explicit(&left->next, memory_order_relaxed);
    atomic_store_explicit(&right->next, next, memory_order_release);
    atomic_store_explicit(&right->prev, left, memory_order_release);
    if (next != NULL) {
        atomic_store_explicit(&next->prev, right, memory_order_release);
    }
    atomic_store_explicit(&left->next, right, memory_order_release);
}

/* Splits the full node of a step, with the insertion added. *out is what must be inserted into the
 * node above. */
static void
memtable_split(struct fi_memtable *table, const struct fi_memtable_step *step,
               const struct insertion *new, struct insertion *out)
{
    struct staging staging;
    table->split_count++;
    struct fi_memtable_node *left = step->node;
    struct fi_memtable_node *right = fi_memtable_memory_take_node(table, left->level);
    bool is_leaf = left->level == 0;
    stage(step, new, &staging);
    size_t cut = is_leaf ? leaf_cut(step) : inner_cut(step);
    size_t right_first = is_leaf ? cut : cut + 1;
    DCHECK(cut > 0 && right_first <= FANOUT); /* neither side is empty */
    const uint8_t *separator = staging.entries[cut];
    memtable_fill(right, &staging, right_first, FANOUT + 1 - right_first,
                  prefix_between(table, separator, step->upper));
    memtable_fill(left, &staging, 0, cut, prefix_between(table, step->lower, separator));
    left->last_slot = step->slot < cut ? (uint32_t)step->slot : FI_MEMTABLE_MEMORY_NO_SLOT;
    if (step->slot >= right_first) {
        right->last_slot = (uint32_t)(step->slot - right_first);
    }
    if (is_leaf) {
        link_leaf(left, right);
    }
    *out = (struct insertion){separator, right};
}

/* Puts a new root above two nodes; the left one is the old root and still marked as changing. */
static void
grow_root(struct fi_memtable *table, struct fi_memtable_node *left, const struct insertion *right)
{
    DCHECK((atomic_load_explicit(&left->version, memory_order_relaxed) & 1) == 1); /* (I4) */
    struct fi_memtable_node *root = fi_memtable_memory_take_node(table, left->level + 1);
    size_t prefix_size = table_prefix_size(table);
    set_prefix_size(root, prefix_size);
    set_entry(root, 0, fi_memtable_head(key_of(right->entry), prefix_size), right->entry);
    set_child(root, 0, left);
    set_child(root, 1, right->child);
    set_count(root, 1);
    /* Pairs with the acquire loads in descend (memtable_cursor.c). */
    atomic_store_explicit(&table->root, root, memory_order_release);
}

/* The highest step that the insertion changes. */
static size_t
top_of_change(const struct fi_memtable_path *path)
{
    size_t top = path->height - 1;
    while (top > 0 && fi_memtable_node_count(path->steps[top].node) == FANOUT) {
        top--;
    }
    return top;
}

static void
memtable_insert(struct fi_memtable *table, const struct fi_memtable_path *path,
                const uint8_t *entry)
{
    size_t top = top_of_change(path);
    DCHECK(path->steps[0].node == path_root(table));
    struct fi_memtable_node *leaf = path->steps[path->height - 1].node;
    struct fi_memtable_node *next = NULL;
    if (fi_memtable_node_count(leaf) == FANOUT) {
        next = atomic_load_explicit(&leaf->next, memory_order_relaxed);
    }
    for (size_t i = top; i < path->height; i++) {
        change_begin(path->steps[i].node);
    }
    if (next != NULL) {
        change_begin(next);
    }

    struct insertion new = {.entry = entry};
    size_t depth = path->height;
    bool is_done = false;
    while (!is_done && depth > top) {
        const struct fi_memtable_step *step = &path->steps[--depth];
        if (fi_memtable_node_count(step->node) < FANOUT) {
            insert_with_room(step, &new);
            is_done = true;
        } else {
            memtable_split(table, step, &new, &new);
        }
    }
    if (!is_done) {
        grow_root(table, path->steps[0].node, &new);
    }

    if (next != NULL) {
        change_end(next);
    }
    for (size_t i = path->height; i > top; i--) {
        change_end(path->steps[i - 1].node);
    }
}

/* Reserves the nodes that the insertion will need. */
static int
reserve_for_path(struct fi_memtable *table, const struct fi_memtable_path *path)
{
    size_t top = top_of_change(path);
    const struct fi_memtable_node *top_node = path->steps[top].node;
    size_t splits = path->height - 1 - top;
    if (fi_memtable_node_count(top_node) == FANOUT) {
        splits += 2; /* the root's, and the new root */
    }
    if (splits == 0) {
        return FIRN_OK;
    }
    int rc = fi_memtable_memory_reserve_nodes(table, true, 1);
    return rc != FIRN_OK ? rc : fi_memtable_memory_reserve_nodes(table, false, splits - 1);
}

/* Whether that many more entries need no node beside the root. */
static bool
fits_root(const struct fi_memtable *table, size_t entry_count)
{
    const struct fi_memtable_node *root = path_root(table);
    return root->level == 0 && entry_count <= FANOUT - fi_memtable_node_count(root);
}

int
fi_memtable_reserve(struct fi_memtable *table, size_t entry_count, size_t content_bytes,
                    firn_error *err)
{
    size_t header_bytes;
    size_t total;
    int rc = FIRN_NO_MEMORY;
    if (fi_mul_size(entry_count, ENTRY_HEADER_MAX, &header_bytes) &&
        fi_add_size(header_bytes, content_bytes, &total)) {
        FI_TRY(fi_memtable_memory_reserve_room(table, total));
        if (fits_root(table, entry_count)) {
            rc = fi_memtable_memory_reserve_nodes(table, true,
                                                  path_root(table) == &no_entries ? 1 : 0);
            goto out;
        }
        /* Random insertions split a leaf about every 33 insertions. */
        size_t leaves = RESERVE_LEAVES_MIN + entry_count / RESERVE_LEAVES_MIN;
        leaves = leaves < entry_count ? leaves : entry_count;
        leaves += path_root(table) == &no_entries ? 1 : 0;
        FI_TRY(fi_memtable_memory_reserve_nodes(table, true, leaves));
        FI_TRY(fi_memtable_memory_reserve_nodes(table, false,
                                                path_root(table)->level + 1 + leaves / 8));
    }
out:
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "entries of a memtable");
}

int
fi_memtable_reserve_ranges(struct fi_memtable *table, size_t range_count, size_t content_bytes,
                           firn_error *err)
{
    int rc = fi_range_set_reserve(&table->ranges, range_count, content_bytes, err);
    fi_memtable_memory_publish_size(table);
    return rc;
}

const struct fi_range_set *
fi_memtable_ranges(const struct fi_memtable *table)
{
    return &table->ranges;
}

static int
add_range(struct fi_memtable *table, const struct fi_entry *entry, firn_error *err)
{
    struct fi_range range = {entry->key, entry->value, entry->sequence};
    int rc = fi_range_set_add(&table->ranges, &range, err);
    fi_memtable_memory_publish_size(table);
    return rc;
}

/* Heads are compared first: the entry itself is seldom in the cache. */
static bool
is_there(const struct fi_memtable_step *leaf, const struct fi_memtable_probe *probe)
{
    return leaf->slot < fi_memtable_node_count(leaf->node) &&
           fi_memtable_node_head(leaf->node, leaf->slot) ==
               fi_memtable_head(probe->key, prefix_size_of(leaf->node)) &&
           fi_memtable_compare(fi_memtable_node_entry(leaf->node, leaf->slot), probe) == 0;
}

void
fi_memtable_prepare(struct fi_memtable *table, firn_slice key, uint64_t sequence)
{
    path_prepare(table, key, sequence);
}

int
fi_memtable_add(struct fi_memtable *table, const struct fi_entry *entry, firn_error *err)
{
    DCHECK(entry->key.size <= FI_ENTRY_KEY_SIZE_MAX);
    DCHECK(entry->value.size <= FI_MEMTABLE_VALUE_SIZE_MAX);
    if (entry->kind == FI_ENTRY_RANGE_DELETE) {
        return add_range(table, entry, err);
    }
    size_t size = encoded_size(entry);
    if (fi_memtable_memory_reserve_room(table, size) != FIRN_OK) {
        return fi_error_no_memory(err, "an entry of a memtable");
    }
    size_t count = fi_memtable_entry_count(table);
    uint8_t *memory = table->room.at;
    struct fi_memtable_path path;
    if (count == 0) {
        if (fi_memtable_memory_reserve_nodes(table, true, 1) != FIRN_OK) {
            return fi_error_no_memory(err, "an entry of a memtable");
        }
    } else {
        if (fi_memtable_side_of(table, entry->key) != 0) {
            shrink_prefix(table, entry->key);
        }
        struct fi_memtable_probe probe = {.key = entry->key, .sequence = entry->sequence};
        path_find(table, &probe, &path);
        if (is_there(&path.steps[path.height - 1], &probe)) {
            return fi_error_set(err, FIRN_EXISTS, "a key was given twice with one sequence");
        }
        if (reserve_for_path(table, &path) != FIRN_OK) {
            return fi_error_no_memory(err, "an entry of a memtable");
        }
    }
    fi_memtable_filter_add(table, entry->key);
    memtable_encode(memory, entry);
    DCHECK(size <= (size_t)(table->room.end - table->room.at));
    table->room.at += size;
    if (count > 0) {
        memtable_insert(table, &path, memory);
    } else {
        add_first(table, memory);
    }
    atomic_store_explicit(&table->entry_count, count + 1, memory_order_relaxed);
    return FIRN_OK;
}

/* ---- reading ---- */

bool
fi_memtable_get(const struct fi_memtable *table, firn_slice key, const struct fi_snapshot *snapshot,
                struct fi_entry *out)
{
    size_t i = fi_memtable_filter_may_hold(table, key) ? snapshot->count : 0;
    while (i > 0) {
        uint64_t newest = fi_snapshot_at(snapshot, i - 1).last;
        struct fi_memtable_probe probe = {.key = key, .sequence = newest};
        struct fi_memtable_position position;
        fi_memtable_cursor_place(table, &probe, &position);
        if (position.entry == NULL) {
            return false;
        }
        struct fi_entry entry;
        fi_memtable_decode(position.entry, &entry);
        if (!fi_slice_equal(entry.key, key)) {
            return false;
        }
        /* The newest version that is not above this interval: in it, or below, for older
         * intervals. */
        if (entry.sequence < snapshot->intervals[i - 1].first) {
            i = fi_snapshot_count_from(snapshot, entry.sequence);
        }
        if (i > 0 && entry.sequence <= fi_snapshot_at(snapshot, i - 1).last) {
            *out = entry;
            return true;
        }
    }
    return false;
}
