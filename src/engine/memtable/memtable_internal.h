/* SPDX-License-Identifier: Apache-2.0
 *
 * memtable/memtable_internal.h: what the files of the room share: nodes, entries, the reading
 * protocol, searches in a node.
 *
 * Finding a slot in a node is inline, because descents of readers and the writer do little else. A
 * node's heads are sorted, so they alone decide unless some are equal to the one looked for; only
 * then are keys compared. fi_memtable_heads_below is the kernel: a build that need not treat every
 * access as atomic may replace it with one that compares many heads at once. A reader may search a
 * node that a writer is changing. It then sees any mixture of old and new fields: counts within the
 * fan-out, entries that are complete or NULL. The result is within bounds but meaningless, and is
 * discarded (I2 of memtable.c).
 */
#ifndef FIRN_MEMTABLE_MEMTABLE_INTERNAL_H
#define FIRN_MEMTABLE_MEMTABLE_INTERNAL_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/range_set.h"
#include "base/slice.h"
#include "codec/xxh3.h"
#include "memtable/memtable.h"

/* ==== the B+tree ====
 *
 * Its nodes, the protocol by which readers read them concurrently with a writer, and the encoding
 * of entries. The essay is in memtable.c.
 */

enum {
    FI_MEMTABLE_FANOUT = 48,
    /* An inner node has at least two children, so no memory holds a higher tree. */
    FI_MEMTABLE_HEIGHT_MAX = 48,
    FI_MEMTABLE_PREPARED = 2,
    FI_MEMTABLE_PREPARED_KEY_MAX = 64,
    FI_MEMTABLE_PREPARED_HEIGHT_MAX = 8
};

/* Kinds of encoded entries beyond those of enum fi_entry_kind: with `logged` after the value. */
enum { FI_MEMTABLE_LOGGED_PUT = 6, FI_MEMTABLE_LOGGED_EXPIRING = 7 };

/* A leaf's entries, or the separators of an inner node: separator i is the smallest entry that
 * child i + 1 may hold. All fields but level and last_slot are read under the version counter (I2).
 * Nodes are aligned to cache lines. */
struct fi_memtable_node {
    _Atomic uint64_t version; /* odd while a writer changes the node */
    _Atomic uint32_t count;
    _Atomic uint32_t prefix_size;            /* bytes shared by all keys that may come here (I3) */
    uint32_t level;                          /* 0 is a leaf; immutable */
    uint32_t last_slot;                      /* the writer's: where the last insertion went */
    _Atomic(struct fi_memtable_node *) next; /* leaves only */
    _Atomic(struct fi_memtable_node *) prev;
    uint64_t reserved[3];
    _Atomic uint64_t heads[FI_MEMTABLE_FANOUT];
    _Atomic(const uint8_t *) entries[FI_MEMTABLE_FANOUT];
};

struct fi_memtable_inner {
    struct fi_memtable_node node;
    _Atomic(struct fi_memtable_node *) children[FI_MEMTABLE_FANOUT + 1];
};

/* A node on the path down, the slot where the path continues, and the separators that bound it
 * (NULL at the edges). */
struct fi_memtable_step {
    struct fi_memtable_node *node;
    size_t slot;
    const uint8_t *lower;
    const uint8_t *upper;
};

struct fi_memtable_path {
    size_t height; /* steps; the last one is the leaf's */
    struct fi_memtable_step steps[FI_MEMTABLE_HEIGHT_MAX];
};

/* A path that was found beforehand, without the slot in the leaf (memtable.c). */
struct fi_memtable_prepared {
    uint64_t sequence;
    uint64_t split_count;
    size_t key_size;
    uint8_t key[FI_MEMTABLE_PREPARED_KEY_MAX];
    size_t height; /* of the path; 0: none was found */
    struct fi_memtable_step steps[FI_MEMTABLE_PREPARED_HEIGHT_MAX];
};

/* A piece of memory that entries are cut from. */
struct fi_memtable_room {
    uint8_t *at;
    uint8_t *end;
};

struct fi_memtable {
    _Atomic(struct fi_memtable_node *) root;
    /* The prefix of all keys of the table (I3); read under the root's version. */
    _Atomic(const uint8_t *) prefix;
    _Atomic uint32_t prefix_size;
    _Atomic(struct fi_memtable_filter *) filter; /* NULL: none */
    struct fi_range_set ranges;
    /* What each insertion writes is not in a cache line that each search reads. */
    _Atomic size_t entry_count;
    _Atomic size_t size_bytes;
    /* From here on only for the writer. */
    size_t filter_table_bytes; /* expected size, for making a filter; 0: none, or made */
    struct fi_arena blocks;
    struct fi_memtable_pool *pool; /* NULL: all memory comes from blocks */
    struct fi_memtable_chunk *chunks;
    size_t chunk_bytes;           /* of all chunks */
    struct fi_memtable_room rest; /* of the newest chunk */
    struct fi_memtable_room room;
    struct fi_memtable_room other_room;
    struct fi_memtable_node *spare_leaves; /* linked by next */
    struct fi_memtable_node *spare_inners;
    size_t spare_leaf_count;
    size_t spare_inner_count;
    size_t node_count;
    uint64_t split_count;                     /* of nodes, so far */
    struct fi_memtable_prepared *prepared;    /* FI_MEMTABLE_PREPARED; NULL: not needed yet */
    size_t prepared_next;                     /* which of them is replaced next */
    const struct fi_memtable_node *last_leaf; /* that the last path led to */
    bool stays_in_leaf;                       /* the path before led there too */
};

/* ---- entries: varint key size, varint (value size * 8 + kind), varint sequence, key, value
 * ---- */

/* The memtable has written these bytes itself, so bounds are not checked. */
static inline const uint8_t *
fi_memtable_read_varint(const uint8_t *at, uint64_t *out)
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
fi_memtable_decode(const uint8_t *at, struct fi_entry *out)
{
    uint64_t key_size;
    uint64_t tag;
    at = fi_memtable_read_varint(at, &key_size);
    at = fi_memtable_read_varint(at, &tag);
    at = fi_memtable_read_varint(at, &out->sequence);
    out->key = firn_bytes(at, (size_t)key_size);
    out->value = firn_bytes(at + key_size, (size_t)(tag >> 3));
    out->logged = NULL;
    out->kind = (enum fi_entry_kind)(tag & 7);
    if ((tag & 7) >= FI_MEMTABLE_LOGGED_PUT) {
        out->kind = (tag & 7) == FI_MEMTABLE_LOGGED_PUT ? FI_ENTRY_PUT : FI_ENTRY_EXPIRING;
        out->logged = out->value.data + out->value.size;
    }
}

/* The eight bytes of key after offset as a number; missing bytes count as zero. */
static inline uint64_t
fi_memtable_head(firn_slice key, size_t offset)
{
    return key.size <= offset ? 0 : fi_slice_head(firn_bytes(key.data + offset, key.size - offset));
}

/* ---- the protocol of (I2) ---- */

/* Much may happen between reading a pointer and reading a version. A test defines this to let a
 * writer run there. */
#ifndef FI_MEMTABLE_INTERLEAVE
#define FI_MEMTABLE_INTERLEAVE() ((void)0)
#endif

static inline uint64_t
fi_memtable_read_begin(const struct fi_memtable_node *node)
{
    FI_MEMTABLE_INTERLEAVE();
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

/* Whether what was read since read_begin is consistent. */
static inline bool
fi_memtable_read_valid(const struct fi_memtable_node *node, uint64_t version)
{
    FI_MEMTABLE_INTERLEAVE();
    /* Pairs with the release fence in change_begin (memtable.c): a reader of a changed field sees
     * an odd version. */
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&node->version, memory_order_relaxed) == version;
}

static inline size_t
fi_memtable_node_count(const struct fi_memtable_node *node)
{
    return atomic_load_explicit(&node->count, memory_order_relaxed);
}

/* Acquire pairs with the release store in set_entry (memtable.c): the entry's bytes are visible. */
static inline const uint8_t *
fi_memtable_node_entry(const struct fi_memtable_node *node, size_t slot)
{
    return atomic_load_explicit(&node->entries[slot], memory_order_acquire);
}

/* ---- positions ---- */

/* What is looked for: the place of (key, sequence), or with is_after the place after it. side is
 * not 0 if the key need not be compared: -1 is before everything in the table, 1 after
 * everything. */
struct fi_memtable_probe {
    firn_slice key;
    uint64_t sequence;
    bool is_after;
    int side;
};

struct fi_memtable_position {
    struct fi_memtable_node *leaf;
    const uint8_t *entry; /* NULL: past the end */
    size_t slot;
    uint64_t version;
};

/* The first entry at or after the probe's place, or the last one before it. memtable_cursor.c */
void fi_memtable_cursor_place(const struct fi_memtable *table,
                              const struct fi_memtable_probe *probe,
                              struct fi_memtable_position *out);

/* ==== finding a slot in a node ==== */

static inline uint64_t
fi_memtable_node_head(const struct fi_memtable_node *node, size_t slot)
{
    return atomic_load_explicit(&node->heads[slot], memory_order_relaxed);
}

/* How many of the first count heads are smaller than head. */
static inline size_t
fi_memtable_heads_below(const struct fi_memtable_node *node, size_t count, uint64_t head)
{
    size_t base = 0;
    size_t left = count;
    while (left > 1) {
        size_t half = left / 2;
        base += half & -(size_t)(fi_memtable_node_head(node, base + half - 1) < head);
        left -= half;
    }
    return base + (left == 1 && fi_memtable_node_head(node, base) < head);
}

/* Table order: keys by bytes, versions of a key newest first. */
static inline int
fi_memtable_compare(const uint8_t *entry, const struct fi_memtable_probe *probe)
{
    struct fi_entry decoded;
    fi_memtable_decode(entry, &decoded);
    int order = fi_slice_compare(decoded.key, probe->key);
    if (order != 0) {
        return order;
    }
    return (decoded.sequence < probe->sequence) - (decoded.sequence > probe->sequence);
}

/* How many entries are before the probe's place, including those equal to it if the probe
 * is_after. */
static inline size_t
fi_memtable_slot_of(const struct fi_memtable_node *node, const struct fi_memtable_probe *probe)
{
    size_t count = fi_memtable_node_count(node);
    if (probe->side != 0) {
        return probe->side < 0 ? 0 : count;
    }
    size_t prefix_size = atomic_load_explicit(&node->prefix_size, memory_order_relaxed);
    uint64_t head = fi_memtable_head(probe->key, prefix_size);
    size_t low = fi_memtable_heads_below(node, count, head);
    size_t high = low;
    while (high < count && fi_memtable_node_head(node, high) == head) {
        high++;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const uint8_t *entry = fi_memtable_node_entry(node, middle);
        int order = entry == NULL ? 1 : fi_memtable_compare(entry, probe);
        if (order < 0 || (order == 0 && probe->is_after)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The child that leads to the probe's place: a separator equal to the probe belongs to the child
 * after it. */
static inline size_t
fi_memtable_child_of(const struct fi_memtable_node *node, const struct fi_memtable_probe *probe)
{
    struct fi_memtable_probe after = *probe;
    after.is_after = true;
    return fi_memtable_slot_of(node, &after);
}

static inline struct fi_memtable_node *
fi_memtable_node_child(const struct fi_memtable_node *node, size_t slot)
{
    const struct fi_memtable_inner *inner = (const struct fi_memtable_inner *)node;
    /* Acquire pairs with the release store in set_child (memtable.c): the child's level is
     * visible. */
    return atomic_load_explicit(&inner->children[slot], memory_order_acquire);
}

/* Starts fetching what a search in the node reads first. */
static inline void
fi_memtable_prefetch(const struct fi_memtable_node *node)
{
    const char *at = (const char *)node;
    for (size_t line = 0; line < 64 + sizeof node->heads; line += 64) {
        __builtin_prefetch(at + line);
    }
}

/* Where the key is relative to the prefix of all keys of the table: 0 if it has the prefix. Read
 * under the root's version. */
static inline int
fi_memtable_side_of(const struct fi_memtable *table, firn_slice key)
{
    size_t size = atomic_load_explicit(&table->prefix_size, memory_order_relaxed);
    if (size == 0) {
        return 0;
    }
    /* Acquire pairs with the release store in add_first (memtable.c). */
    const uint8_t *prefix = atomic_load_explicit(&table->prefix, memory_order_acquire);
    if (prefix == NULL) {
        return 0;
    }
    size_t shared = key.size < size ? key.size : size;
    int order = shared == 0 ? 0 : memcmp(key.data, prefix, shared);
    return order != 0 ? order : (key.size < size ? -1 : 0);
}

/* allocation of a memtable's entries and nodes. For the writer. */

/* last_slot of a node that no insertion went to since it was made. */
#define FI_MEMTABLE_MEMORY_NO_SLOT UINT32_MAX

/* Frees all memory. */
void fi_memtable_memory_deinit(struct fi_memtable *table);
/* Publishes the table's size to fi_memtable_size_bytes; the other functions do so too. */
void fi_memtable_memory_publish_size(struct fi_memtable *table);
/* Makes table->room hold at least size bytes; FIRN_OK or FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_memtable_memory_reserve_room(struct fi_memtable *table, size_t size);
/* Reserves that many spare leaves or inner nodes; FIRN_OK or FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_memtable_memory_reserve_nodes(struct fi_memtable *table, bool is_leaf,
                                                     size_t count);
/* Memory for paths that are found beforehand, zeroed; NULL if there is none. */
struct fi_memtable_prepared *fi_memtable_memory_take_prepared(struct fi_memtable *table);
/* An empty node of that level. Requires: it was reserved. */
struct fi_memtable_node *fi_memtable_memory_take_node(struct fi_memtable *table, uint32_t level);

/* ==== the filter: whether a memtable may hold a key, at the cost of one cache line ==== */

enum { FI_MEMTABLE_FILTER_LINE_WORDS = 8, FI_MEMTABLE_FILTER_KEY_BITS = 4 };

/* A key's bits are in one of the lines, one in each pair of its words. */
struct fi_memtable_filter {
    size_t line_count;
    _Atomic uint64_t *words; /* at a cache line */
};

/* To be called by the writer before it adds the entry. Never fails: if memory is out there is no
 * filter. */
void fi_memtable_filter_add(struct fi_memtable *table, firn_slice key);
/* With the table. */
void fi_memtable_filter_deinit(struct fi_memtable *table);
/* All memory of the filter. */
size_t fi_memtable_filter_size_bytes(const struct fi_memtable *table);

static inline uint64_t
fi_memtable_filter_hash(firn_slice key)
{
    return fi_xxh3(key.data, key.size, 0);
}

/* The upper half of the hash selects the line, the lower half the bits. */
static inline _Atomic uint64_t *
fi_memtable_filter_line(const struct fi_memtable_filter *filter, uint64_t hash)
{
    return filter->words +
           (size_t)(((hash >> 32) * filter->line_count) >> 32) * FI_MEMTABLE_FILTER_LINE_WORDS;
}

/* The i-th of a key's bits: which word of the line (seven bits of the hash number a bit of a pair
 * of words), and the bit in it. */
static inline size_t
fi_memtable_filter_bit(uint64_t hash, size_t i, uint64_t *out_bit)
{
    uint64_t number = hash >> (7 * i) & 127;
    *out_bit = UINT64_C(1) << (number & 63);
    return 2 * i + (size_t)(number >> 6);
}

/* false: the table has no version of the key that was published before the caller's snapshot was
 * opened. Any thread. */
static inline bool
fi_memtable_filter_may_hold(const struct fi_memtable *table, firn_slice key)
{
    /* Pairs with the store in begin (memtable_filter.c). */
    const struct fi_memtable_filter *filter =
        atomic_load_explicit(&table->filter, memory_order_acquire);
    if (filter == NULL) {
        return true;
    }
    uint64_t hash = fi_memtable_filter_hash(key);
    const _Atomic uint64_t *line = fi_memtable_filter_line(filter, hash);
    for (size_t i = 0; i < FI_MEMTABLE_FILTER_KEY_BITS; i++) {
        uint64_t bit;
        size_t word = fi_memtable_filter_bit(hash, i, &bit);
        if ((atomic_load_explicit(&line[word], memory_order_relaxed) & bit) == 0) {
            return false;
        }
    }
    return true;
}

#endif
