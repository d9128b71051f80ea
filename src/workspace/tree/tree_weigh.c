/* SPDX-License-Identifier: Apache-2.0
 *
 * tree/tree_weigh.c: how large a tree is at all its paths, found by reading each of its directories once.
 *
 * A directory object may be named in many places: twenty copies of a folder are one object. So a tree is a graph, and a walk over
 * its paths may take any time, for a few KiB of objects: 200 directories, each of which names the next one twice, have 2^200 paths.
 * Here each object is read once, whatever the number of its paths, and the sums of a directory are those of its entries: work and
 * memory are bounded by what was read (I1). Sums that do not fit are UINT64_MAX.
 *
 * First all directories are read, in the order in which they are found, and for each the numbers of its subdirectories are noted.
 * Then the sums are made from below. The second pass keeps its own stack, of one number for each place that names a directory, and a directory
 * that contains itself, which no hash allows, is refused (I2).
 *
 * A tree is plausible (I3) if it has at most FIRN_TREE_WEIGHT_FREE entries, and FIRN_TREE_WEIGHT_RATIO more for each that was read (not checked: what is
 * not plausible is an error).
 * Real trees are far below: a thousand copies of a tree have a ratio of a thousand, and they have to be on a disk one by one.
 *
 * Memory: 68 bytes for each directory, and 4 for each entry that is one.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"
#include "base/hash_map.h"
#include "base/mem.h"
#include "base/slice.h"
#include "tree/tree.h"

enum { NODES_MAX = 1 << 30 };

struct node {
    firn_hash hash;
    uint64_t entries; /* of its own; in the second pass of all below it, too */
    uint64_t bytes;
    size_t first; /* of its subdirectories, in `below` */
    uint32_t count;
    enum state { UNREAD, READ, BEGUN, DONE } state;
};

struct weighing {
    const struct firn_tree_source *source;
    struct firn_hash_map nodes; /* struct node */
    struct firn_buf below;      /* numbers of nodes, uint32_t */
    uint64_t read;
};

static uint64_t
hash_of_node(const void *record)
{
    return firn_load_le64(((const struct node *)record)->hash.bytes);
}

static bool
node_is(const void *record, const void *key)
{
    return firn_hash_equal(&((const struct node *)record)->hash, key);
}

static uint64_t
add(uint64_t a, uint64_t b)
{
    uint64_t sum = UINT64_MAX;
    (void)firn_add_u64(a, b, &sum);
    return sum;
}

static uint32_t
below_at(const struct weighing *weighing, size_t i)
{
    uint32_t number;
    DCHECK((i + 1) * sizeof number <= weighing->below.size);
    memcpy(&number, weighing->below.data + i * sizeof number, sizeof number);
    return number;
}

/* The number of a directory's node, which may be new. */
static int
number_of(struct weighing *weighing, const firn_hash *hash, uint32_t *out, firn_error *err)
{
    const uint64_t key = firn_load_le64(hash->bytes);
    const struct node *node = firn_hash_map_find(&weighing->nodes, key, hash);
    if (node == NULL) {
        const struct node fresh = {.hash = *hash};
        node = weighing->nodes.count < NODES_MAX
                   ? firn_hash_map_insert(&weighing->nodes, key, &fresh)
                   : NULL;
    }
    if (node == NULL) {
        return firn_error_no_memory(err, "the size of a tree");
    }
    *out = (uint32_t)(node - (const struct node *)firn_hash_map_at(&weighing->nodes, 0));
    return FIRN_OK;
}

/* Reads one directory: its entries, and which directories it names. */
static int
read_node(struct weighing *weighing, size_t number, firn_error *err)
{
    struct node node = *(struct node *)firn_hash_map_at(&weighing->nodes, number);
    struct firn_tree_iterator *iterator;
    const struct firn_tree_entry *entry;
    bool is_end;
    int rc;
    DCHECK(node.state == UNREAD); /* (I1) */
    node.first = weighing->below.size / sizeof(uint32_t);
    FIRN_TRY(firn_tree_iterator_create(weighing->source, &node.hash, &iterator, err));
    for (;;) {
        uint32_t below;
        FIRN_TRY(firn_tree_iterator_next(iterator, &entry, &is_end, err));
        if (is_end) {
            break;
        }
        node.entries++;
        node.bytes = add(node.bytes, entry->kind == FIRN_TREE_FILE ? entry->size : 0);
        if (entry->kind == FIRN_TREE_DIR) {
            FIRN_TRY(number_of(weighing, &entry->hash, &below, err));
            node.count++;
            if (firn_buf_append(&weighing->below, &below, sizeof below) != FIRN_OK) {
                FIRN_TRY(firn_error_no_memory(err, "the size of a tree"));
            }
        }
    }
    node.state = READ;
    weighing->read = add(weighing->read, node.entries);
    *(struct node *)firn_hash_map_at(&weighing->nodes, number) = node;
out:
    firn_tree_iterator_destroy(iterator);
    return rc;
}

/* Puts the directories in one on the stack, before it. */
static int
begin(const struct weighing *weighing, struct firn_buf *stack, struct node *node, firn_error *err)
{
    DCHECK(node->state == READ);
    node->state = BEGUN;
    for (size_t i = 0; i < node->count; i++) {
        const uint32_t number = below_at(weighing, node->first + i);
        const struct node *part = firn_hash_map_at(&weighing->nodes, number);
        if (part->state == BEGUN) {
            return firn_error_set(err, FIRN_CORRUPT, "a directory contains itself"); /* (I2) */
        }
        if (part->state == READ && firn_buf_append(stack, &number, sizeof number) != FIRN_OK) {
            return firn_error_no_memory(err, "the size of a tree");
        }
    }
    return FIRN_OK;
}

static void
end(const struct weighing *weighing, struct node *node)
{
    DCHECK(node->state == BEGUN);
    for (size_t i = 0; i < node->count; i++) {
        const struct node *part =
            firn_hash_map_at(&weighing->nodes, below_at(weighing, node->first + i));
        DCHECK(part->state == DONE);
        node->entries = add(node->entries, part->entries);
        node->bytes = add(node->bytes, part->bytes);
    }
    node->state = DONE;
}

static int
sum_up_all(const struct weighing *weighing, firn_error *err)
{
    struct firn_buf stack = {0};
    uint32_t number = 0;
    int rc = firn_buf_append(&stack, &number, sizeof number) == FIRN_OK
                 ? FIRN_OK
                 : firn_error_no_memory(err, "the size of a tree");
    while (rc == FIRN_OK && stack.size > 0) {
        memcpy(&number, stack.data + stack.size - sizeof number, sizeof number);
        struct node *node = firn_hash_map_at(&weighing->nodes, number);
        if (node->state == READ) {
            rc = begin(weighing, &stack, node, err);
            continue;
        }
        if (node->state == BEGUN) {
            end(weighing, node);
        }
        stack.size -= sizeof number;
    }
    firn_buf_deinit(&stack);
    return rc;
}

int
firn_tree_weigh(const struct firn_tree_source *source, const firn_hash *root,
                struct firn_tree_weight *out, firn_error *err)
{
    struct weighing weighing = {.source = source};
    uint32_t number;
    int rc;
    *out = (struct firn_tree_weight){0};
    firn_hash_map_init(&weighing.nodes, sizeof(struct node), hash_of_node, node_is);
    FIRN_TRY(number_of(&weighing, root, &number, err));
    for (size_t i = 0; i < weighing.nodes.count; i++) {
        FIRN_TRY(read_node(&weighing, i, err));
    }
    FIRN_TRY(sum_up_all(&weighing, err));
    const struct node *whole = firn_hash_map_at(&weighing.nodes, 0);
    *out = (struct firn_tree_weight){
        .entries = whole->entries, .bytes = whole->bytes, .read = weighing.read};
out:
    firn_hash_map_deinit(&weighing.nodes);
    firn_buf_deinit(&weighing.below);
    return rc;
}

bool
firn_tree_weigh_is_plausible(const struct firn_tree_weight *weight)
{
    uint64_t most = UINT64_MAX;
    (void)firn_mul_u64(weight->read, FIRN_TREE_WEIGHT_RATIO, &most);
    return weight->entries <= add(most, FIRN_TREE_WEIGHT_FREE); /* (I3) */
}
