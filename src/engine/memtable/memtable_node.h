/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable_node.h: what memtable.c and memtable_cursor.c share: the nodes of the B+tree, the
 * protocol by which readers go through them beside a writer, and the encoding of entries. The essay
 * is in memtable.c.
 */
#ifndef FIRN_MEMTABLE_MEMTABLE_NODE_H
#define FIRN_MEMTABLE_MEMTABLE_NODE_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/range_set.h"
#include "base/slice.h"
#include "memtable/memtable.h"

enum {
    FIRN_MEMTABLE_FANOUT = 48,
    /* An inner node has two children at least, so this height is beyond any memory. */
    FIRN_MEMTABLE_HEIGHT_MAX = 48,
    FIRN_MEMTABLE_PREPARED = 2,
    FIRN_MEMTABLE_PREPARED_KEY_MAX = 64,
    FIRN_MEMTABLE_PREPARED_HEIGHT_MAX = 8
};

/* Kinds of encoded entries beyond those of enum firn_entry_kind: with `logged` behind the value. */
enum { FIRN_MEMTABLE_LOGGED_PUT = 6, FIRN_MEMTABLE_LOGGED_EXPIRING = 7 };

/* A leaf's entries, or the separators of an inner node: separator i is the first entry that
 * child i + 1 may hold. Everything but level and last_slot is read under the version counter
 * (I2). Nodes are aligned to cache lines. */
struct firn_memtable_node {
    _Atomic uint64_t version; /* odd while a writer changes the node */
    _Atomic uint32_t count;
    _Atomic uint32_t prefix_size; /* bytes that all keys which may come here share (I3) */
    uint32_t level;               /* 0 is a leaf; never changes */
    uint32_t last_slot;           /* the writer's: where the last insertion went */
    _Atomic(struct firn_memtable_node *) next; /* leaves only */
    _Atomic(struct firn_memtable_node *) prev;
    uint64_t reserved[3];
    _Atomic uint64_t heads[FIRN_MEMTABLE_FANOUT];
    _Atomic(const uint8_t *) entries[FIRN_MEMTABLE_FANOUT];
};

struct firn_memtable_inner {
    struct firn_memtable_node node;
    _Atomic(struct firn_memtable_node *) children[FIRN_MEMTABLE_FANOUT + 1];
};

/* A node on the way down, where the way went on, and the separators that bound it (NULL at the
 * edges). */
struct firn_memtable_step {
    struct firn_memtable_node *node;
    size_t slot;
    const uint8_t *lower;
    const uint8_t *upper;
};

struct firn_memtable_path {
    size_t height; /* steps; the last one is the leaf's */
    struct firn_memtable_step steps[FIRN_MEMTABLE_HEIGHT_MAX];
};

/* A way that was found beforehand, but for the slot in the leaf (memtable_path.c). */
struct firn_memtable_prepared {
    uint64_t sequence;
    uint64_t split_count;
    size_t key_size;
    uint8_t key[FIRN_MEMTABLE_PREPARED_KEY_MAX];
    size_t height; /* of the way; 0: none was found */
    struct firn_memtable_step steps[FIRN_MEMTABLE_PREPARED_HEIGHT_MAX];
};

/* A stretch of memory that entries are cut from. */
struct firn_memtable_room {
    uint8_t *at;
    uint8_t *end;
};

struct firn_memtable {
    _Atomic(struct firn_memtable_node *) root;
    /* What all keys of the table share (I3); read under the root's version. */
    _Atomic(const uint8_t *) prefix;
    _Atomic uint32_t prefix_size;
    _Atomic size_t entry_count;
    _Atomic size_t size_bytes;
    struct firn_range_set ranges;
    _Atomic(struct firn_memtable_filter *) filter; /* NULL: none */
    /* From here on the writer's. */
    size_t filter_table_bytes; /* by which a filter is to be made; 0: none, or it was */
    struct firn_arena blocks;
    struct firn_memtable_pool *pool; /* NULL: all comes from blocks */
    struct firn_memtable_chunk *chunks;
    size_t chunk_bytes;             /* of all chunks */
    struct firn_memtable_room rest; /* of the newest chunk */
    struct firn_memtable_room room;
    struct firn_memtable_room other_room;
    struct firn_memtable_node *spare_leaves; /* linked by next */
    struct firn_memtable_node *spare_inners;
    size_t spare_leaf_count;
    size_t spare_inner_count;
    size_t node_count;
    uint64_t split_count; /* of nodes, so far */
    struct firn_memtable_prepared prepared[FIRN_MEMTABLE_PREPARED];
    size_t prepared_next;                       /* which of them is made anew next */
    const struct firn_memtable_node *last_leaf; /* that a way led to */
    bool stays_in_leaf;                         /* and so did the one before */
};

/* ---- entries: varint key size, varint (value size * 8 + kind), varint sequence, key, value
 * ---- */

/* The bytes are our own: no bounds to check. */
static inline const uint8_t *
firn_memtable_read_varint(const uint8_t *at, uint64_t *out)
{
    uint64_t value = *at++;
    if (value >= 0x80) {
        value &= 0x7f;
        uint64_t byte;
        unsigned shift = 7;
        do {
            byte = *at++;
            value |= (byte & 0x7f) << shift;
            shift += 7;
        } while (byte >= 0x80);
    }
    *out = value;
    return at;
}

static inline void
firn_memtable_decode(const uint8_t *at, struct firn_entry *out)
{
    uint64_t key_size;
    uint64_t tag;
    at = firn_memtable_read_varint(at, &key_size);
    at = firn_memtable_read_varint(at, &tag);
    at = firn_memtable_read_varint(at, &out->sequence);
    out->key = firn_bytes(at, (size_t)key_size);
    out->value = firn_bytes(at + key_size, (size_t)(tag >> 3));
    out->logged = NULL;
    out->kind = (enum firn_entry_kind)(tag & 7);
    if ((tag & 7) >= FIRN_MEMTABLE_LOGGED_PUT) {
        out->kind = (tag & 7) == FIRN_MEMTABLE_LOGGED_PUT ? FIRN_ENTRY_PUT : FIRN_ENTRY_EXPIRING;
        out->logged = out->value.data + out->value.size;
    }
}

/* The eight bytes of key behind offset as a number; what is missing counts as zero. */
static inline uint64_t
firn_memtable_head(firn_slice key, size_t offset)
{
    if (key.size <= offset) {
        return 0;
    }
    size_t left = key.size - offset;
    if (left >= 8) {
        return firn_load_be64(key.data + offset);
    }
    uint8_t padded[8] = {0};
    memcpy(padded, key.data + offset, left);
    return firn_load_be64(padded);
}

/* ---- the protocol of (I2) ---- */

/* Between the reading of a pointer and of a version much may happen. A test defines this to let
 * a writer run there. */
#ifndef FIRN_MEMTABLE_INTERLEAVE
#define FIRN_MEMTABLE_INTERLEAVE() ((void)0)
#endif

static inline uint64_t
firn_memtable_read_begin(const struct firn_memtable_node *node)
{
    FIRN_MEMTABLE_INTERLEAVE();
    for (;;) {
        /* Pairs with the release store in change_end (memtable.c). */
        uint64_t version = atomic_load_explicit(&node->version, memory_order_acquire);
        if ((version & 1) == 0) {
            return version;
        }
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
    }
}

/* Whether what was read since read_begin belongs together. */
static inline bool
firn_memtable_read_valid(const struct firn_memtable_node *node, uint64_t version)
{
    FIRN_MEMTABLE_INTERLEAVE();
    /* Pairs with the release fence in change_begin (memtable.c): who read a changed field sees
     * an odd version. */
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&node->version, memory_order_relaxed) == version;
}

static inline size_t
firn_memtable_node_count(const struct firn_memtable_node *node)
{
    return atomic_load_explicit(&node->count, memory_order_relaxed);
}

/* Acquire pairs with the release store in set_entry (memtable.c): the entry's bytes are there. */
static inline const uint8_t *
firn_memtable_node_entry(const struct firn_memtable_node *node, size_t slot)
{
    return atomic_load_explicit(&node->entries[slot], memory_order_acquire);
}

/* ---- positions ---- */

/* What is looked for: the place of (key, sequence), or with is_after the place behind it. side
 * is not 0 where the key need not be compared: -1 is before everything in the table, 1 behind
 * everything. */
struct firn_memtable_probe {
    firn_slice key;
    uint64_t sequence;
    bool is_after;
    int side;
};

struct firn_memtable_position {
    struct firn_memtable_node *leaf;
    const uint8_t *entry; /* NULL: past the end */
    size_t slot;
    uint64_t version;
};

/* The first entry at or behind the probe's place, or the last one before it. memtable_seek.c */
void firn_memtable_seek(const struct firn_memtable *table, const struct firn_memtable_probe *probe,
                        struct firn_memtable_position *out);
void firn_memtable_seek_before(const struct firn_memtable *table,
                               const struct firn_memtable_probe *probe,
                               struct firn_memtable_position *out);
/* From a leaf read since `version`: the first entry of the leaf behind, or the last one of the
 * leaf before. out->entry is NULL at the table's end. False where a writer came between: nothing
 * is known then. */
bool firn_memtable_seek_next_leaf(const struct firn_memtable_node *leaf, uint64_t version,
                                  struct firn_memtable_position *out);
bool firn_memtable_seek_prev_leaf(const struct firn_memtable_node *leaf, uint64_t version,
                                  struct firn_memtable_position *out);

#endif
