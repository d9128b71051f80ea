/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version_hot.c: hot entries, which answer a get without asking the runs.
 *
 * In many workloads most gets are of few keys. A get of a run waits for slow memory several times,
 * for the filter, the index, the block's place and the entry, and blocks are poor at holding what
 * is hot: with one popular entry come its neighbours. So a version keeps copies of the entries that
 * gets found in its runs at least twice.
 *
 * A version is immutable, and so is an answer of its runs: nothing has to be invalidated. A flush
 * or a compaction makes another version, which begins without hot entries. Memtables are asked
 * before, as always.
 *
 *   shard ──> table ──> bucket of eight words ──> entry
 *
 * A word has the upper half of a key's hash and the place of its entry; 0 is the place of a
 * candidate, a key that was offered once. The second offer makes it an entry. Candidates replace
 * each other, so keys that are read once in a while rarely become entries.
 *
 * A search that finds no entry costs time, too. Some gets are counted: while few of them find an
 * entry, as where all keys are equally popular or most are missing, only some of the gets look for
 * one, and are offered.
 *
 * Nothing leaves a table. If it is full, an empty one takes its place, twice as large up to a
 * bound, and hot keys come back soon. There are several shards, so this concerns few keys at a
 * time, and tables are small enough to be cleared within a get.
 *
 * (I1) An entry holds for each snapshot that sees its sequence and is of the line of the table:
 *      snapshots with the same beginning of their newest interval have the same older intervals
 *      (base/snapshot.h; a restore begins an interval at a sequence that nothing had before). Of
 *      what is in the version, the snapshot with which the entry was found saw all that any
 *      snapshot of the line sees, because its newest interval ended after the version's last
 *      sequence. So no other one sees a newer version of the key, or a range delete over it.
 *      (Not checked: the model of tests/unit/lsm/test_lsm_hot.c does.)
 * (I2) What a word leads to is written before the word, and never changes.
 * (I3) Only the thread that has set is_busy changes words and replaces the table. A table that was
 *      replaced goes through the epoch.
 * ((I2) and (I3) are not checked: they are orders of memory accesses, and each access names them.)
 *
 * Memory. Tables are part of the cache's budget, at most a sixteenth of it for each version, and
 * are freed with the version. In a small store, or without room, there are none.
 *
 * Failure: there is none; an entry that finds no room is not kept.
 */
#include "version/version_hot.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/xxh3.h"

enum {
    SHARDS = 16,     /* a power of two */
    BUCKET = 8,      /* words: a cache line */
    UNIT = 8,        /* places count units from the beginning of the table */
    WORD_PART = 8,   /* the part of a table that words take: one of so many bytes */
    ENTRY_PART = 16, /* an entry may have one of so many bytes of the largest table */
    BUDGET_PART = 16,
    TABLE_SIZE_MAX = 4 << 20,
    COUNT = 256,    /* gets of a count */
    USEFUL_PART = 8 /* of which one of so many must find an entry */
};

/* Binary logarithms: of so many gets one lets a version begin; one is counted; one looks for an
 * entry even if that was no use lately; one is offered if it was. */
#ifdef FIRN_DEBUG /* tests are short, and have small caches */
enum { BEGIN_EVERY = 4, COUNT_EVERY = 1, TRY_EVERY = 1, OFFER_EVERY = 0, TABLE_SIZE_MIN = 4 << 10 };
#else
enum {
    BEGIN_EVERY = 12,
    COUNT_EVERY = 6,
    TRY_EVERY = 4,
    OFFER_EVERY = 2,
    TABLE_SIZE_MIN = 16 << 10
};
#endif

struct entry {
    uint64_t sequence;
    uint32_t key_size;
    uint32_t value_size;
    uint8_t bytes[]; /* key, value */
};

/* Begins a cache line; `used` is in the next one. */
struct table {
    struct fi_epoch_node node;
    uint64_t line; /* (I1): where the newest interval of its snapshots begins */
    uint64_t bucket_mask;
    struct fi_block_cache *cache;
    struct fi_block_memory memory; /* that the table is in */
    uint32_t size;
    uint32_t used; /* by it all; guarded by is_busy */
};

/* From the beginning of a table; cache lines begin there. */
enum { WORDS_AT = 128 };
_Static_assert(sizeof(struct table) <= WORDS_AT, "the words follow the head");

/* Every get reads the table, and each offer writes is_busy: not to the same cache line. */
struct shard {
    _Atomic(struct table *) table; /* NULL: none yet */
    uint8_t padding[64 - sizeof(void *)];
    atomic_flag is_busy;
    bool is_closed; /* takes no more entries; guarded by is_busy */
    uint8_t padding_after[64 - sizeof(atomic_flag) - sizeof(bool)];
};

struct fi_version_hot {
    struct shard shards[SHARDS];
    struct fi_block_cache *cache;
    uint32_t table_size_max;
    uint64_t sequence_max;  /* of the version */
    _Atomic bool is_useful; /* by the last count that ended */
    uint8_t padding[64];
    _Atomic uint32_t counted; /* gets of this count, and those that found an entry */
    _Atomic uint32_t counted_found;
};

/* Whether this get is number `which` of 2^every, in a sequence that is even but without a period: a
 * program that reads keys in turn meets all of them (multiples of the golden ratio). */
static bool
is_one_of(uint64_t number, unsigned every, uint64_t which)
{
    DCHECK(every < 32 && which >> every == 0);
    return (number * UINT64_C(0x9e3779b97f4a7c15)) >> 32 >> (32 - every) == which;
}

/* ---- tables ---- */

static _Atomic uint64_t *
bucket_of(struct table *table, uint64_t hash)
{
    uint8_t *words = (uint8_t *)table + WORDS_AT;
    return (_Atomic uint64_t *)(void *)words + (hash >> 8 & table->bucket_mask) * BUCKET;
}

static const struct entry *
entry_at(const struct table *table, uint64_t word)
{
    size_t at = (size_t)(uint32_t)word * UNIT;
    DCHECK(at >= WORDS_AT && at < table->size);
    return (const struct entry *)(const void *)((const uint8_t *)table + at);
}

static uint64_t
line_of(const struct fi_snapshot *snapshot)
{
    return snapshot->intervals[snapshot->count - 1].first;
}

static bool
is_of_hash(uint64_t word, uint64_t hash)
{
    return word >> 32 == hash >> 32;
}

static bool
is_candidate(uint64_t word)
{
    return (uint32_t)word == 0;
}

static bool
is_of_key(const struct entry *entry, firn_slice key)
{
    return fi_slice_equal(firn_bytes(entry->bytes, entry->key_size), key);
}

static void
free_table(struct fi_epoch_node *node)
{
    struct table *table = (struct table *)(void *)node;
    struct fi_block_cache *cache = table->cache;
    struct fi_block_memory memory = table->memory;
    size_t size = table->size;
    fi_block_cache_hold_give(cache, &memory);
    fi_block_cache_hold_release(cache, size);
}

/* NULL: there is no room. */
static struct table *
make_table(struct fi_block_cache *cache, uint32_t size, uint64_t line)
{
    struct fi_block_memory memory;
    if (!fi_block_cache_hold(cache, size)) {
        return NULL;
    }
    if (!fi_block_cache_hold_take(cache, size, &memory)) {
        fi_block_cache_hold_release(cache, size);
        return NULL;
    }
    struct table *table = memory.data;
    uint64_t buckets = size / WORD_PART / sizeof(uint64_t) / BUCKET;
    DCHECK(buckets > 0 && (buckets & (buckets - 1)) == 0);
    table->cache = cache;
    table->memory = memory;
    table->size = size;
    table->used = (uint32_t)(WORDS_AT + buckets * BUCKET * sizeof(uint64_t));
    table->line = line;
    table->bucket_mask = buckets - 1;
    return table;
}

/* ---- reading ---- */

/* NULL: none yet. */
static struct fi_version_hot *
hot_of(const struct fi_version *version)
{
    return atomic_load_explicit(&version->hot, memory_order_acquire);
}

/* Relaxed, as all about counts: nothing is published by them, and an inexact one does no harm. */
static bool
is_useful(const struct fi_version_hot *hot)
{
    return atomic_load_explicit(&hot->is_useful, memory_order_relaxed);
}

static void
count(struct fi_version_hot *hot, bool found)
{
    if (found) {
        atomic_fetch_add_explicit(&hot->counted_found, 1, memory_order_relaxed);
    }
    if (atomic_fetch_add_explicit(&hot->counted, 1, memory_order_relaxed) + 1 == COUNT) {
        uint32_t all_found = atomic_exchange_explicit(&hot->counted_found, 0, memory_order_relaxed);
        bool found_use = all_found >= COUNT / USEFUL_PART;
        if (found_use != is_useful(hot)) { /* which all threads read */
            atomic_store_explicit(&hot->is_useful, found_use, memory_order_relaxed);
        }
        atomic_store_explicit(&hot->counted, 0, memory_order_relaxed);
    }
}

static const struct entry *
find_in(struct table *table, const struct fi_version_hot_get *get)
{
    _Atomic uint64_t *bucket = bucket_of(table, get->hash);
    for (size_t i = 0; i < BUCKET; i++) {
        /* Acquire: (I2). */
        uint64_t word = atomic_load_explicit(&bucket[i], memory_order_acquire);
        if (is_of_hash(word, get->hash) && !is_candidate(word)) {
            const struct entry *entry = entry_at(table, word);
            return is_of_key(entry, get->key) ? entry : NULL;
        }
    }
    return NULL;
}

bool
fi_version_hot_find(const struct fi_version *version, const struct fi_version_hot_get *get,
                    firn_slice *out)
{
    struct fi_version_hot *hot = hot_of(version);
    struct table *table =
        atomic_load_explicit(&hot->shards[get->hash % SHARDS].table, memory_order_seq_cst);
    const struct fi_snapshot *snapshot = get->snapshot;
    const struct entry *entry = NULL;
    if (table != NULL && snapshot->count > 0 && line_of(snapshot) == table->line) {
        entry = find_in(table, get);
    }
    bool is_there = entry != NULL && fi_snapshot_sees(snapshot, entry->sequence); /* (I1) */
    if (is_there) {
        *out = firn_bytes(entry->bytes + entry->key_size, entry->value_size);
    }
    if (is_one_of(get->number, COUNT_EVERY, 0)) {
        count(hot, is_there);
    }
    return is_there;
}

/* ---- keeping ---- */

/* What is offered. */
struct offer {
    const struct fi_version_hot_get *get;
    uint64_t sequence;
    firn_slice value;
    uint64_t line;
};

static uint32_t
entry_size(const struct offer *offer)
{
    size_t size = sizeof(struct entry) + offer->get->key.size + offer->value.size;
    return (uint32_t)((size + UNIT - 1) / UNIT * UNIT);
}

static uint64_t
word_of(uint64_t hash, uint32_t place)
{
    return hash >> 32 << 32 | place;
}

static void
make_entry(struct table *table, const struct offer *offer, _Atomic uint64_t *word)
{
    DCHECK(table->used % UNIT == 0 && table->size - table->used >= entry_size(offer));
    firn_slice key = offer->get->key;
    struct entry *entry = (struct entry *)(void *)((uint8_t *)table + table->used);
    entry->sequence = offer->sequence;
    entry->key_size = (uint32_t)key.size;
    entry->value_size = (uint32_t)offer->value.size;
    if (key.size > 0) {
        memcpy(entry->bytes, key.data, key.size);
    }
    if (offer->value.size > 0) {
        memcpy(entry->bytes + key.size, offer->value.data, offer->value.size);
    }
    /* Release: (I2). */
    atomic_store_explicit(word, word_of(offer->get->hash, table->used / UNIT),
                          memory_order_release);
    table->used += entry_size(offer);
}

/* Makes the key a candidate, or the candidate an entry. false: the table is full. */
static bool
add(struct table *table, const struct offer *offer)
{
    uint64_t hash = offer->get->hash;
    _Atomic uint64_t *bucket = bucket_of(table, hash);
    _Atomic uint64_t *replaced = NULL;
    size_t first = hash >> 4 & (BUCKET - 1);
    for (size_t n = 0; n < BUCKET; n++) {
        _Atomic uint64_t *at = &bucket[(first + n) & (BUCKET - 1)];
        uint64_t word = atomic_load_explicit(at, memory_order_relaxed);
        if (is_of_hash(word, hash)) {
            if (!is_candidate(word)) {
                return true; /* it is there, or another key is in its place */
            }
            if (table->size - table->used < entry_size(offer)) {
                return false;
            }
            make_entry(table, offer, at);
            return true;
        }
        if (word == 0 || (replaced == NULL && is_candidate(word))) {
            replaced = at; /* rather one that is free */
        }
    }
    if (replaced != NULL) {
        atomic_store_explicit(replaced, word_of(hash, 0), memory_order_release);
    }
    return true;
}

/* Puts an empty table in the place of the shard's, and returns that, or NULL. */
static struct table *
renew(const struct fi_version_hot *hot, struct shard *shard, uint64_t line)
{
    struct table *old = atomic_load_explicit(&shard->table, memory_order_relaxed);
    uint32_t size = old == NULL ? TABLE_SIZE_MIN : old->size * 2;
    size = size < hot->table_size_max ? size : hot->table_size_max;
    struct table *table = make_table(hot->cache, size, line);
    if (table == NULL) {
        shard->is_closed = true;
        return NULL;
    }
    /* Pairs with the load in find: (I3). */
    atomic_store_explicit(&shard->table, table, memory_order_seq_cst);
    return old;
}

static bool
is_taken(const struct fi_version_hot *hot, const struct fi_version_hot_get *get, size_t value_size)
{
    const struct fi_snapshot *snapshot = get->snapshot;
    if (is_useful(hot) && !is_one_of(get->number, OFFER_EVERY, 0)) {
        return false;
    }
    return fi_snapshot_at(snapshot, snapshot->count - 1).last >= hot->sequence_max && /* (I1) */
           get->key.size + value_size <= hot->table_size_max / ENTRY_PART;
}

/* Small: hot keys come here only until they have an entry. */
__attribute__((cold)) void
fi_version_hot_offer(const struct fi_version *version, struct fi_epoch *epoch,
                     const struct fi_version_hot_get *get, uint64_t sequence, firn_slice value)
{
    struct fi_version_hot *hot = hot_of(version);
    struct shard *shard = &hot->shards[get->hash % SHARDS];
    struct table *old = NULL;
    DCHECK(fi_snapshot_sees(get->snapshot, sequence));
    /* Acquire and release: (I3). */
    if (!is_taken(hot, get, value.size) ||
        atomic_flag_test_and_set_explicit(&shard->is_busy, memory_order_acquire)) {
        return;
    }
    const struct offer offer = {get, sequence, value, line_of(get->snapshot)};
    struct table *table = atomic_load_explicit(&shard->table, memory_order_relaxed);
    if (!shard->is_closed && (table == NULL || table->line != offer.line || !add(table, &offer))) {
        old = renew(hot, shard, offer.line);
    }
    atomic_flag_clear_explicit(&shard->is_busy, memory_order_release);
    if (old != NULL) {
        fi_epoch_retire(epoch, &old->node, free_table);
        fi_epoch_reclaim(epoch);
    }
}

/* ---- beginning and end ---- */

static uint32_t
table_size_max(const struct fi_block_cache *cache)
{
    size_t most = fi_block_cache_budget_bytes(cache) / BUDGET_PART / SHARDS;
    uint32_t size = TABLE_SIZE_MIN;
    while (size < TABLE_SIZE_MAX && (size_t)size * 2 <= most) {
        size *= 2;
    }
    return size <= most ? size : 0;
}

/* Relaxed but for its end: the thread that makes it is alone with it. */
static struct fi_version_hot *
make_hot(const struct fi_version *version, struct fi_block_cache *cache)
{
    uint32_t size_max = table_size_max(cache);
    struct fi_version_hot *hot = size_max == 0 ? NULL : fi_alloc_zeroed(sizeof *hot);
    if (hot == NULL) {
        return NULL;
    }
    hot->cache = cache;
    hot->table_size_max = size_max;
    for (unsigned level = 0; level < FI_VERSION_LEVELS_ALL; level++) {
        uint64_t newest = version->levels[level].sequence_max;
        hot->sequence_max = newest > hot->sequence_max ? newest : hot->sequence_max;
    }
    atomic_init(&hot->is_useful, false);
    atomic_init(&hot->counted, 0);
    atomic_init(&hot->counted_found, 0);
    for (size_t i = 0; i < SHARDS; i++) {
        atomic_init(&hot->shards[i].table, NULL);
        atomic_flag_clear_explicit(&hot->shards[i].is_busy, memory_order_relaxed);
    }
    return hot;
}

__attribute__((noinline)) static void
begin(struct fi_version *version, struct fi_block_cache *cache)
{
    struct fi_version_hot *none = NULL;
    struct fi_version_hot *hot = version->run_count == 0 ? NULL : make_hot(version, cache);
    /* Release pairs with the acquire of hot_of. */
    if (hot != NULL && !atomic_compare_exchange_strong_explicit(
                           &version->hot, &none, hot, memory_order_release, memory_order_relaxed)) {
        fi_free(hot);
    }
}

bool
fi_version_hot_wants(struct fi_version *version, struct fi_block_cache *cache,
                     struct fi_version_hot_get *get)
{
    const struct fi_version_hot *hot = hot_of(version);
    if (hot == NULL) {
        if (is_one_of(get->number, BEGIN_EVERY, 1)) {
            begin(version, cache);
        }
        return false;
    }
    if (!is_useful(hot) && !is_one_of(get->number, TRY_EVERY, 0)) {
        return false;
    }
    get->hash = fi_xxh3(get->key.data, get->key.size, 0);
    return true;
}

void
fi_version_hot_destroy(struct fi_version_hot *hot)
{
    if (hot == NULL) {
        return;
    }
    for (size_t i = 0; i < SHARDS; i++) {
        struct table *table = atomic_load_explicit(&hot->shards[i].table, memory_order_relaxed);
        if (table != NULL) {
            free_table(&table->node);
        }
    }
    fi_free(hot);
}
