/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/txn_writes.c: the write set of a transaction.
 *
 * The operations are in a batch, in their order and encoded as in the log, so that a commit can use
 * them as they are. A skip list beside the batch has one node for each key that was put or deleted,
 * sorted by the number of the tree and the key. The node refers to the newest operation on the key,
 * and each operation to the previous one on the same key. So a read finds the transaction's last
 * write, and a cursor walks the keys in order. Rolling back to a savepoint removes operations from
 * the end: each gives its node back to the previous operation, or removes the node. Range deletes
 * have no nodes; they are in sets (db_apply.c), in which the number of an operation serves as its
 * age.
 *
 * The list is one array of numbers. A node is the number of its operation plus one, its height, and
 * that many links; a link is the index in the array where another node begins. The head is the node
 * at 0, to which no link points. The height of a node is computed from its index, so it is the same
 * in every run; one of four nodes reaches one level higher.
 *
 * Overwritten operations stay in the batch until it is tidied; otherwise a transaction that sets
 * one counter a million times would be as large as one that sets a million counters. Tidying copies
 * what the commit, or rolling back to a savepoint, still needs to another write set. The amount
 * that this would free is always known, so that tidying is never useless.
 *
 * (I1) Nodes are in the array in the order in which their keys were first written. So if taking
 *      back an operation removes a node, that is the last one.
 * (I2) Memory is allocated before anything changes: a write that fails leaves no trace.
 * (I3) pointless_bytes is the size of the operations that were overwritten before the next mark: 0
 *      after tidying.
 *
 * W. Pugh, "Skip lists: a probabilistic alternative to balanced trees", 1990.
 */
#include "txn/txn_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"

enum { HEIGHT_MAX = 12, NODE_OP = 0, NODE_HEIGHT = 1, NODE_LINKS = 2 };
enum { NODE_WORDS_MAX = NODE_LINKS + HEIGHT_MAX };

/* About how many bytes a range delete takes besides its operation (base/range_set.h). */
enum { RANGE_BYTES = 256 };

static const struct fi_snapshot_interval everything = {1, UINT64_MAX};
static const struct fi_snapshot all = {&everything, 1, 0, NULL};

/* The place of a key: the node before it on each level. */
struct path {
    uint32_t before[HEIGHT_MAX];
};

/* A place between keys: before all versions of key in the tree, or after them. */
struct target {
    uint32_t tree_id;
    firn_slice key;
    bool is_after;
};

void
fi_txn_writes_deinit(struct fi_txn_writes *writes)
{
    fi_db_batch_deinit(&writes->batch);
    fi_buf_deinit(&writes->older);
    fi_buf_deinit(&writes->nodes);
}

size_t
fi_txn_writes_size_bytes(const struct fi_txn_writes *writes)
{
    return writes->batch.body.size + writes->batch.ops.size + writes->older.size +
           writes->nodes.size + writes->range_count * RANGE_BYTES;
}

/* ---- nodes ---- */

static uint32_t *
node_at(const struct fi_txn_writes *writes, uint32_t at)
{
    DCHECK(at < writes->nodes.size / sizeof(uint32_t));
    return (uint32_t *)(void *)writes->nodes.data + at;
}

static uint32_t
link_of(const struct fi_txn_writes *writes, uint32_t at, unsigned level)
{
    DCHECK(level < node_at(writes, at)[NODE_HEIGHT]);
    return node_at(writes, at)[NODE_LINKS + level];
}

static uint32_t
end_of_nodes(const struct fi_txn_writes *writes)
{
    return (uint32_t)(writes->nodes.size / sizeof(uint32_t));
}

static size_t
op_index(const struct fi_txn_writes *writes, uint32_t at)
{
    DCHECK(at != 0 && node_at(writes, at)[NODE_OP] != 0);
    return node_at(writes, at)[NODE_OP] - 1;
}

/* From the last steps of SplitMix64 (Steele, Lea, Flood 2014). */
static unsigned
height_for(uint32_t at)
{
    uint64_t bits = (at + UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
    unsigned height = 1;
    for (bits ^= bits >> 31; height < HEIGHT_MAX && (bits & 3) == 0; bits >>= 2) {
        height++;
    }
    return height;
}

static bool
is_before(const struct fi_txn_writes *writes, uint32_t at, const struct target *target)
{
    const struct fi_db_op *op = fi_db_batch_op(&writes->batch, op_index(writes, at));
    if (op->tree->id != target->tree_id) {
        return op->tree->id < target->tree_id;
    }
    int order = fi_slice_compare(fi_db_batch_key(&writes->batch, op), target->key);
    return target->is_after ? order <= 0 : order < 0;
}

static void
find_path(const struct fi_txn_writes *writes, const struct target *target, struct path *out)
{
    uint32_t at = 0;
    for (unsigned level = HEIGHT_MAX; level > 0; level--) {
        uint32_t next = link_of(writes, at, level - 1);
        while (next != 0 && is_before(writes, next, target)) {
            at = next;
            next = link_of(writes, at, level - 1);
        }
        out->before[level - 1] = at;
    }
}

/* The node of a key, or 0; *path is filled. */
static uint32_t
find_node(const struct fi_txn_writes *writes, const struct fi_db_op *op, struct path *path)
{
    const struct target target = {op->tree->id, fi_db_batch_key(&writes->batch, op), false};
    find_path(writes, &target, path);
    uint32_t at = link_of(writes, path->before[0], 0);
    if (at == 0) {
        return 0;
    }
    const struct fi_db_op *found = fi_db_batch_op(&writes->batch, op_index(writes, at));
    bool is_same = found->tree == op->tree &&
                   fi_slice_equal(fi_db_batch_key(&writes->batch, found), target.key);
    return is_same ? at : 0;
}

/* ---- operations and their nodes ---- */

static uint32_t *
older_of(const struct fi_txn_writes *writes, size_t i)
{
    DCHECK(i < writes->older.size / sizeof(uint32_t));
    return (uint32_t *)(void *)writes->older.data + i;
}

static void
insert_node(struct fi_txn_writes *writes, const struct path *path, size_t op)
{
    uint32_t at = end_of_nodes(writes);
    unsigned height = height_for(at);
    uint32_t words[NODE_WORDS_MAX] = {(uint32_t)op + 1, height};
    for (unsigned level = 0; level < height; level++) {
        uint32_t *before = &node_at(writes, path->before[level])[NODE_LINKS + level];
        words[NODE_LINKS + level] = *before;
        *before = at;
    }
    CHECK(fi_buf_append(&writes->nodes, words, (NODE_LINKS + height) * sizeof *words) == FIRN_OK);
}

/* (I3) Counts the operation that operation i overwrites, if no mark lies between them. */
static void
note_overwritten(struct fi_txn_writes *writes, size_t i)
{
    uint32_t older = *older_of(writes, i);
    DCHECK(older <= i);
    if (older > writes->marked) {
        const struct fi_db_op *op = fi_db_batch_op(&writes->batch, older - 1);
        writes->pointless_bytes += sizeof *op + sizeof older + op->key_size + op->value_size;
    }
}

/* Makes operation i of the batch the newest of its key. Requires: memory was reserved. */
static void
link_op(struct fi_txn_writes *writes, size_t i)
{
    const struct fi_db_op *op = fi_db_batch_op(&writes->batch, i);
    struct path path;
    *older_of(writes, i) = 0;
    if (op->kind == FI_ENTRY_RANGE_DELETE) {
        writes->range_count++;
        return;
    }
    uint32_t at = find_node(writes, op, &path);
    if (at == 0) {
        insert_node(writes, &path, i);
        return;
    }
    *older_of(writes, i) = node_at(writes, at)[NODE_OP];
    node_at(writes, at)[NODE_OP] = (uint32_t)i + 1;
    note_overwritten(writes, i);
}

/* Reverses this for the last operation that is linked. */
static void
unlink_op(struct fi_txn_writes *writes, size_t i)
{
    const struct fi_db_op *op = fi_db_batch_op(&writes->batch, i);
    struct path path;
    if (op->kind == FI_ENTRY_RANGE_DELETE) {
        DCHECK(writes->range_count > 0);
        writes->range_count--;
        return;
    }
    uint32_t at = find_node(writes, op, &path);
    CHECK(at != 0 && op_index(writes, at) == i);
    uint32_t *node = node_at(writes, at);
    node[NODE_OP] = *older_of(writes, i);
    if (node[NODE_OP] != 0) {
        return;
    }
    uint32_t height = node[NODE_HEIGHT];
    CHECK(at + NODE_LINKS + height == end_of_nodes(writes)); /* (I1) */
    for (unsigned level = 0; level < height; level++) {
        node_at(writes, path.before[level])[NODE_LINKS + level] = node[NODE_LINKS + level];
    }
    writes->nodes.size = at * sizeof(uint32_t);
}

/* Whether an operation after number `number - 1` deletes a range that contains the key. */
static bool
is_covered(const struct fi_txn_writes *writes, const struct fi_db_tree *tree, firn_slice key,
           uint64_t number)
{
    const struct fi_range_set *set =
        writes->range_count == 0 ? NULL : fi_db_apply_ranges_of(&writes->batch.ranges, tree);
    return set != NULL && fi_range_set_covering(set, key, &all, number) != 0;
}

/* ---- writing ---- */

static bool
is_linked(const struct fi_txn_writes *writes)
{
    return writes->older.size / sizeof(uint32_t) == fi_db_batch_op_count(&writes->batch);
}

/* (I2) */
static int
txn_writes_reserve(struct fi_txn_writes *writes, firn_error *err)
{
    static const uint32_t head[NODE_WORDS_MAX] = {0, HEIGHT_MAX};
    if (writes->nodes.size / sizeof(uint32_t) > UINT32_MAX - 2 * NODE_WORDS_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "a transaction has written too many keys");
    }
    if (fi_buf_reserve(&writes->older, sizeof(uint32_t)) != FIRN_OK ||
        fi_buf_reserve(&writes->nodes, 2 * sizeof head) != FIRN_OK) {
        return fi_error_no_memory(err, "a transaction");
    }
    if (writes->nodes.size == 0) {
        CHECK(fi_buf_append(&writes->nodes, head, sizeof head) == FIRN_OK);
    }
    return FIRN_OK;
}

static int
add_to_batch(struct fi_txn_writes *writes, struct firn_db_keyspace *keyspace,
             const struct fi_entry *entry, firn_error *err)
{
    struct firn_db_batch *batch = &writes->batch;
    const struct fi_storefile_op op = {keyspace->id, entry->kind, entry->key, entry->value};
    return entry->kind == FI_ENTRY_RANGE_DELETE
               ? fi_db_batch_delete_range(batch, keyspace, entry->key, entry->value, err)
               : fi_db_batch_append(batch, keyspace->db, keyspace->tree, &op, err);
}

int
fi_txn_writes_add(struct fi_txn_writes *writes, struct firn_db_keyspace *keyspace,
                  const struct fi_entry *entry, firn_error *err)
{
    size_t i = fi_db_batch_op_count(&writes->batch);
    int rc;
    FI_TRY(txn_writes_reserve(writes, err));
    FI_TRY(add_to_batch(writes, keyspace, entry, err));
    if (fi_db_batch_op_count(&writes->batch) > i) {
        static const uint32_t none = 0;
        CHECK(fi_buf_append(&writes->older, &none, sizeof none) == FIRN_OK);
        link_op(writes, i);
        writes->changes++;
    }
out:
    DCHECK(is_linked(writes)); /* (I2) */
    return rc;
}

int
fi_txn_writes_extend(struct fi_txn_writes *writes, const struct fi_db_tree *tree, firn_slice key,
                     firn_slice operand)
{
    DCHECK(writes->marked <= fi_db_batch_op_count(&writes->batch) && is_linked(writes));
    fi_txn_writes_place place = fi_txn_writes_seek(writes, tree, key);
    if (place == 0 || !fi_slice_equal(fi_txn_writes_key(writes, place), key)) {
        return FIRN_NOT_FOUND;
    }
    size_t i = op_index(writes, place);
    if (i < writes->marked || is_covered(writes, tree, key, i + 1)) {
        return FIRN_NOT_FOUND;
    }
    int rc = fi_db_batch_extend(&writes->batch, i, operand);
    writes->changes += rc == FIRN_OK;
    return rc;
}

struct fi_txn_writes_mark
fi_txn_writes_mark(struct fi_txn_writes *writes)
{
    const struct fi_txn_writes_mark mark = {fi_db_batch_mark(&writes->batch),
                                            writes->pointless_bytes};
    DCHECK(writes->marked <= mark.batch.op_count);
    writes->marked = mark.batch.op_count;
    return mark;
}

int
fi_txn_writes_rewind(struct fi_txn_writes *writes, const struct fi_txn_writes_mark *mark,
                     firn_error *err)
{
    size_t count = fi_db_batch_op_count(&writes->batch);
    size_t pointless_bytes = writes->pointless_bytes;
    size_t kept = mark->batch.op_count;
    DCHECK(kept <= writes->marked && writes->marked <= count && is_linked(writes));
    for (size_t i = count; i > kept; i--) {
        unlink_op(writes, i - 1);
    }
    int rc = fi_db_batch_rewind(&writes->batch, &mark->batch, err);
    if (rc != FIRN_OK) {
        /* The memory of these operations and nodes was not freed. */
        for (size_t i = kept; i < count; i++) {
            link_op(writes, i);
        }
        writes->pointless_bytes = pointless_bytes;
        return rc;
    }
    writes->older.size = kept * sizeof(uint32_t);
    writes->marked = kept;
    writes->pointless_bytes = mark->pointless_bytes; /* (I3) */
    DCHECK(is_linked(writes));
    writes->changes++;
    return FIRN_OK;
}

void
fi_txn_writes_unmark(struct fi_txn_writes *writes, const struct fi_txn_writes_mark *mark,
                     const struct fi_txn_writes_mark *last)
{
    DCHECK(mark->batch.op_count <= writes->marked);
    writes->marked = last != NULL ? last->batch.op_count : 0;
    writes->pointless_bytes = mark->pointless_bytes; /* (I3) */
    for (size_t i = mark->batch.op_count; i < fi_db_batch_op_count(&writes->batch); i++) {
        note_overwritten(writes, i);
    }
}

/* ---- tidying ---- */

/* Marks the operations that were overwritten before the next mark: neither the commit nor rolling
 * back to a mark needs them. */
static int
find_pointless(const struct fi_txn_writes *writes, struct fi_txn_writes_mark *const *marks,
               size_t mark_count, struct fi_buf *out)
{
    size_t count = fi_db_batch_op_count(&writes->batch);
    if (fi_buf_set_size(out, count) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    if (count > 0) {
        memset(out->data, 0, count);
    }
    for (size_t i = count; i > 0; i--) {
        while (mark_count > 0 && marks[mark_count - 1]->batch.op_count >= i) {
            mark_count--;
        }
        size_t begin = mark_count > 0 ? marks[mark_count - 1]->batch.op_count : 0;
        uint32_t older = *older_of(writes, i - 1);
        DCHECK(older < i);
        if (older > begin) {
            out->data[older - 1] = 1;
        }
    }
    return FIRN_OK;
}

/* Copies the operations that are not pointless into another write set, and notes its size at each
 * mark. */
static int
copy_needed(const struct fi_txn_writes *writes, const uint8_t *is_pointless,
            struct fi_txn_writes_mark *const *marks, struct fi_txn_writes_mark *moved,
            size_t mark_count, struct fi_txn_writes *out, firn_error *err)
{
    const struct firn_db_batch *batch = &writes->batch;
    size_t count = fi_db_batch_op_count(batch);
    size_t mark = 0;
    for (size_t i = 0; i <= count; i++) {
        for (; mark < mark_count && marks[mark]->batch.op_count == i; mark++) {
            moved[mark] = fi_txn_writes_mark(out);
        }
        if (i == count || is_pointless[i]) {
            continue;
        }
        const struct fi_db_op *op = fi_db_batch_op(batch, i);
        struct firn_db_keyspace keyspace = {.db = batch->db, .tree = op->tree, .id = op->tree->id};
        const struct fi_entry entry = {.key = fi_db_batch_key(batch, op),
                                       .value = fi_db_batch_value(batch, op),
                                       .kind = (enum fi_entry_kind)op->kind};
        FI_TRY_RETURN(fi_txn_writes_add(out, &keyspace, &entry, err));
    }
    DCHECK(mark == mark_count && is_linked(out) && out->pointless_bytes == 0); /* (I3) */
    return FIRN_OK;
}

int
fi_txn_writes_tidy(struct fi_txn_writes *writes, struct fi_txn_writes_mark *const *marks,
                   size_t mark_count, firn_error *err)
{
    int rc;
    struct fi_buf is_pointless = {0};
    struct fi_txn_writes tidy = {0};
    struct fi_txn_writes_mark *moved = fi_alloc_array(mark_count, sizeof *moved);
    if (moved == NULL || find_pointless(writes, marks, mark_count, &is_pointless) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a transaction");
        goto out;
    }
    FI_TRY(copy_needed(writes, is_pointless.data, marks, moved, mark_count, &tidy, err));
    for (size_t i = 0; i < mark_count; i++) {
        *marks[i] = moved[i];
    }
    tidy.changes = writes->changes + 1;
    fi_txn_writes_deinit(writes);
    *writes = tidy;
    tidy = (struct fi_txn_writes){0};
out:
    fi_txn_writes_deinit(&tidy);
    fi_buf_deinit(&is_pointless);
    fi_free(moved);
    return rc;
}

/* ---- reading ---- */

static fi_txn_writes_place
place_after(const struct fi_txn_writes *writes, const struct target *target)
{
    struct path path;
    if (writes->nodes.size == 0) {
        return 0;
    }
    find_path(writes, target, &path);
    return link_of(writes, path.before[0], 0);
}

static fi_txn_writes_place
in_tree(const struct fi_txn_writes *writes, fi_txn_writes_place place, uint32_t tree_id)
{
    return place != 0 && fi_txn_writes_op(writes, place)->tree->id == tree_id ? place : 0;
}

fi_txn_writes_place
fi_txn_writes_seek(const struct fi_txn_writes *writes, const struct fi_db_tree *tree,
                   firn_slice key)
{
    const struct target target = {tree->id, key, false};
    return in_tree(writes, place_after(writes, &target), tree->id);
}

fi_txn_writes_place
fi_txn_writes_seek_after(const struct fi_txn_writes *writes, const struct fi_db_tree *tree,
                         firn_slice key)
{
    const struct target target = {tree->id, key, true};
    return in_tree(writes, place_after(writes, &target), tree->id);
}

fi_txn_writes_place
fi_txn_writes_seek_before(const struct fi_txn_writes *writes, const struct fi_db_tree *tree,
                          const firn_slice *key)
{
    /* The empty key of the next tree is after all keys of this one. */
    struct target target = {tree->id, firn_bytes(NULL, 0), false};
    struct path path;
    if (writes->nodes.size == 0 || (key == NULL && tree->id == UINT32_MAX)) {
        return 0;
    }
    if (key != NULL) {
        target.key = *key;
    } else {
        target.tree_id++;
    }
    find_path(writes, &target, &path);
    return in_tree(writes, path.before[0], tree->id);
}

fi_txn_writes_place
fi_txn_writes_next(const struct fi_txn_writes *writes, fi_txn_writes_place place)
{
    uint32_t tree_id = fi_txn_writes_op(writes, place)->tree->id;
    return in_tree(writes, link_of(writes, place, 0), tree_id);
}

fi_txn_writes_place
fi_txn_writes_first(const struct fi_txn_writes *writes)
{
    return writes->nodes.size == 0 ? 0 : link_of(writes, 0, 0);
}

fi_txn_writes_place
fi_txn_writes_next_of_all(const struct fi_txn_writes *writes, fi_txn_writes_place place)
{
    return link_of(writes, place, 0);
}

const struct fi_db_op *
fi_txn_writes_op(const struct fi_txn_writes *writes, fi_txn_writes_place place)
{
    return fi_db_batch_op(&writes->batch, op_index(writes, place));
}

firn_slice
fi_txn_writes_key(const struct fi_txn_writes *writes, fi_txn_writes_place place)
{
    return fi_db_batch_key(&writes->batch, fi_txn_writes_op(writes, place));
}

enum fi_txn_writes_answer
fi_txn_writes_at(const struct fi_txn_writes *writes, fi_txn_writes_place place,
                 firn_slice *out_value)
{
    const struct fi_db_op *op = fi_txn_writes_op(writes, place);
    firn_slice key = fi_db_batch_key(&writes->batch, op);
    *out_value = fi_db_batch_value(&writes->batch, op);
    if (op->kind == FI_ENTRY_DELETE ||
        is_covered(writes, op->tree, key, op_index(writes, place) + 1)) {
        return FI_TXN_WRITES_DELETED;
    }
    if (op->kind == FI_ENTRY_MERGE) {
        return FI_TXN_WRITES_MERGED;
    }
    if (op->kind == FI_ENTRY_EXPIRING) {
        /* The snapshot of the transaction is older than the put, so for it the value has not
         * expired. */
        *out_value = fi_entry_expiring_value(*out_value);
    }
    return FI_TXN_WRITES_PUT;
}

enum fi_txn_writes_answer
fi_txn_writes_get(const struct fi_txn_writes *writes, const struct fi_db_tree *tree, firn_slice key,
                  firn_slice *out_value)
{
    if (fi_txn_writes_is_empty(writes)) {
        return FI_TXN_WRITES_NOTHING;
    }
    fi_txn_writes_place place = fi_txn_writes_seek(writes, tree, key);
    if (place != 0 && fi_slice_equal(fi_txn_writes_key(writes, place), key)) {
        return fi_txn_writes_at(writes, place, out_value);
    }
    return is_covered(writes, tree, key, 0) ? FI_TXN_WRITES_DELETED : FI_TXN_WRITES_NOTHING;
}

bool
fi_txn_writes_hides(const struct fi_txn_writes *writes, const struct fi_db_tree *tree,
                    firn_slice key, struct fi_range_stretch *out)
{
    const struct fi_range_set *set =
        writes->range_count == 0 ? NULL : fi_db_apply_ranges_of(&writes->batch.ranges, tree);
    return set != NULL && fi_range_set_covered(set, key, &all, 0, out);
}
