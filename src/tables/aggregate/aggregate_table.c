/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate/aggregate_table.c: groups in memory: a hash table with open addressing.
 *
 * A slot has 8 bytes: a tag of 32 bits of the hash, and the number of the record. The upper bits of
 * the tag are the slot where a search begins. So slots are nearly in the order of their tags,
 * growing passes over old and new slots from front to back without reading a record, and the groups
 * of a part (the upper PART_BITS of the tag) are together.
 *
 * Records are in pages, and never move until the table is cleared: other files keep pointers to
 * them.
 *
 * Hashes are the same in all tables of one seed. A table of level n holds groups whose hashes
 * have the first n times PART_BITS bits in common; its tags begin after these.
 *
 * Memory: the size of a record is known before it is created. If it does not fit into the memory,
 * the caller spills first. A table without groups always accepts one, whatever its size, so that
 * the work goes on.
 *
 * (I1) At most five eighths of the slots are used, so every search ends at an empty one.
 */
#include "base/mem.h"

#include "aggregate/aggregate_internal.h"
#include "codec/xxh3.h"

enum {
    SLOT_BITS_MIN = 10,
    PAGE_SIZE_MIN = 4 << 10,
    ARENA_CHUNK_MIN = 4 << 10,
    ARENA_CHUNK_MAX = 64 << 10,
    MEMORY_SHARE = 16, /* a page takes at most this part of the memory */
    ARENA_OVERHEAD = 32
};

_Static_assert((int)SLOT_BITS_MIN >= (int)FI_AGGREGATE_PART_BITS, "a part is a range of slots");

/* ---- memory ---- */

int
fi_aggregate_table_map(struct fi_os *os, size_t size, struct fi_os_pages *out, firn_error *err)
{
    if (os != NULL && size % FI_OS_PAGES_LARGE_SIZE == 0) {
        int rc = fi_os_pages_map(os, size, out, err);
        if (rc == FIRN_OK) {
            (void)fi_os_pages_prefer_large(out);
        }
        return rc;
    }
    void *data = fi_alloc_zeroed(size);
    if (data == NULL) {
        return fi_error_no_memory(err, "the groups of a query");
    }
    *out = (struct fi_os_pages){.data = data, .size = size, .allocated = data};
    return FIRN_OK;
}

void
fi_aggregate_table_init(struct fi_aggregate_table *table, uint64_t memory_bytes)
{
    DCHECK(table->record_size > 0 && table->record_size % 8 == 0);
    if (memory_bytes < FI_AGGREGATE_MEMORY_MIN) {
        memory_bytes = FI_AGGREGATE_MEMORY_MIN;
    }
    uint64_t share = memory_bytes / MEMORY_SHARE;
    size_t page = PAGE_SIZE_MIN;
    while (page < FI_OS_PAGES_LARGE_SIZE && 2 * page <= share) {
        page *= 2;
    }
    table->memory_bytes = memory_bytes;
    table->page_shift = 0;
    while ((table->record_size << (table->page_shift + 1)) <= page) {
        table->page_shift++;
    }
    table->page_size = table->record_size << table->page_shift;
    if (page == FI_OS_PAGES_LARGE_SIZE && table->page_size < page) {
        table->page_size = page;
    }
    table->arena.chunk_size = share > ARENA_CHUNK_MAX   ? ARENA_CHUNK_MAX
                              : share < ARENA_CHUNK_MIN ? ARENA_CHUNK_MIN
                                                        : (size_t)share;
}

void
fi_aggregate_table_deinit(struct fi_aggregate_table *table)
{
    for (size_t i = 0; i < table->page_count; i++) {
        fi_os_pages_unmap(&table->pages[i]);
    }
    fi_free(table->pages);
    fi_os_pages_unmap(&table->slot_pages);
    fi_arena_deinit(&table->arena);
    table->pages = NULL;
    table->page_count = 0;
    table->page_capacity = 0;
    table->slots = NULL;
    table->slot_bits = 0;
    table->count = 0;
}

static size_t
slot_count(const struct fi_aggregate_table *table)
{
    return table->slots == NULL ? 0 : (size_t)1 << table->slot_bits;
}

void
fi_aggregate_table_clear(struct fi_aggregate_table *table, unsigned level)
{
    if (table->slots != NULL) {
        memset(table->slots, 0, slot_count(table) * sizeof *table->slots);
    }
    fi_arena_deinit(&table->arena);
    table->count = 0;
    table->level = level;
}

uint64_t
fi_aggregate_table_used_bytes(const struct fi_aggregate_table *table)
{
    return (uint64_t)table->page_count * table->page_size +
           (uint64_t)slot_count(table) * sizeof *table->slots + table->arena.total_bytes;
}

/* ---- hashes ---- */

uint64_t
fi_aggregate_table_hash_bytes(const struct fi_aggregate_table *table, const uint64_t words[2])
{
    firn_slice bytes = fi_aggregate_words_bytes(words);
    return fi_xxh3(bytes.data, bytes.size, table->seed);
}

static bool
begins_bytes(const struct fi_aggregate_table *table, size_t word)
{
    return (table->byte_words[word / 64] >> word % 64 & 1) != 0;
}

uint64_t
fi_aggregate_table_hash(const struct fi_aggregate_table *table, const uint64_t *key)
{
    uint64_t factor = fi_aggregate_table_factor(table);
    uint64_t hash = table->word_count == 0 ? 0 : table->seed ^ key[0] * factor;
    for (size_t w = 1; w < table->word_count; w++) {
        uint64_t second = 0;
        uint64_t first = key[w];
        if (table->has_bytes && begins_bytes(table, w)) {
            w++;
            second = fi_aggregate_words_are_short(key + w - 1)
                         ? key[w]
                         : fi_aggregate_table_hash_bytes(table, key + w - 1);
        }
        hash = fi_aggregate_mix(hash ^ first ^ second * factor);
    }
    return hash;
}

/* Whether a group's key is this one. */
static bool
is_key_equal(const struct fi_aggregate_table *table, const uint8_t *record, const uint64_t *key)
{
    const uint64_t *own = (const uint64_t *)(const void *)record;
    for (size_t w = 0; w < table->word_count; w++) {
        if (own[w] == key[w]) {
            continue;
        }
        /* The first words are equal, and so the sizes are; the second words may be pointers. */
        bool may_differ = table->has_bytes && w > 0 && begins_bytes(table, w - 1) &&
                          !fi_aggregate_words_are_short(key + w - 1);
        if (!may_differ || memcmp(fi_aggregate_words_bytes(own + w - 1).data,
                                  fi_aggregate_words_bytes(key + w - 1).data,
                                  fi_aggregate_words_size(key + w - 1)) != 0) {
            return false;
        }
    }
    return true;
}

/* ---- finding ---- */

/* The first slot from a tag's place on that is empty. */
static size_t
empty_slot(const uint64_t *slots, unsigned bits, uint32_t tag)
{
    size_t at = tag >> (32 - bits);
    while (slots[at] != 0) {
        at = (at + 1) & (((size_t)1 << bits) - 1);
    }
    return at;
}

static int
aggregate_table_grow(struct fi_aggregate_table *table, firn_error *err)
{
    unsigned bits = table->slots == NULL ? SLOT_BITS_MIN : table->slot_bits + 1;
    struct fi_os_pages pages;
    DCHECK(bits <= 32);
    int rc = fi_aggregate_table_map(table->os, sizeof *table->slots << bits, &pages, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    uint64_t *slots = (uint64_t *)(void *)pages.data;
    for (size_t i = 0; i < slot_count(table); i++) {
        if (table->slots[i] != 0) {
            slots[empty_slot(slots, bits, (uint32_t)(table->slots[i] >> 32))] = table->slots[i];
        }
    }
    fi_os_pages_unmap(&table->slot_pages);
    table->slot_pages = pages;
    table->slots = slots;
    table->slot_bits = bits;
    return FIRN_OK;
}

static bool
needs_slots(const struct fi_aggregate_table *table)
{
    return table->count + 1 > slot_count(table) / 8 * 5;
}

/* The memory of one more group. */
static uint64_t
cost_of(const struct fi_aggregate_table *table, const uint64_t *key)
{
    uint64_t cost = 0;
    if (table->count >> table->page_shift >= table->page_count) {
        cost += table->page_size;
    }
    if (needs_slots(table)) {
        /* While the table grows, it also has the old slots. */
        size_t count = slot_count(table);
        cost += sizeof *table->slots * (count == 0 ? (size_t)1 << SLOT_BITS_MIN : 2 * count);
    }
    for (size_t w = 0; table->has_bytes && w + 1 < table->word_count; w++) {
        if (begins_bytes(table, w) && !fi_aggregate_words_are_short(key + w)) {
            size_t size = fi_aggregate_words_size(key + w) + ARENA_OVERHEAD;
            bool has_room = (size_t)(table->arena.end - table->arena.at) >= size;
            cost += has_room                         ? 0
                    : size > table->arena.chunk_size ? size
                                                     : table->arena.chunk_size + ARENA_OVERHEAD;
        }
    }
    return cost;
}

static bool
is_full(const struct fi_aggregate_table *table, const uint64_t *key)
{
    if (table->count == 0 || table->word_count == 0) {
        return false;
    }
    if (table->level >= FI_AGGREGATE_LEVELS) {
        return false;
    }
    return table->count >= UINT32_MAX - 1 ||
           fi_aggregate_table_used_bytes(table) + cost_of(table, key) > table->memory_bytes;
}

static int
add_page(struct fi_aggregate_table *table, firn_error *err)
{
    FI_TRY_RETURN(FI_VEC_RESERVE(table->pages, table->page_count + 1, table->page_capacity, err));
    struct fi_os_pages *pages = table->pages;
    /* Few groups use little of the first page, and should not get a large page. */
    int rc = fi_aggregate_table_map(table->page_count == 0 ? NULL : table->os, table->page_size,
                                    &pages[table->page_count], err);
    if (rc == FIRN_OK) {
        table->page_count++;
    }
    return rc;
}

/* A record with the key, its bytes in the arena, and states of zeros. */
static int
make_record(struct fi_aggregate_table *table, const uint64_t *key, uint8_t **out, firn_error *err)
{
    if (table->count >> table->page_shift >= table->page_count) {
        int rc = add_page(table, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    uint8_t *record = fi_aggregate_table_record(table, table->count);
    uint64_t *own = (uint64_t *)(void *)record;
    memset(record, 0, table->record_size);
    if (table->word_count > 0) {
        memcpy(own, key, table->word_count * sizeof *own);
    }
    for (size_t w = 0; table->has_bytes && w + 1 < table->word_count; w++) {
        if (begins_bytes(table, w) && !fi_aggregate_words_are_short(own + w)) {
            firn_slice bytes = fi_aggregate_words_bytes(own + w);
            uint8_t *copy = fi_arena_copy(&table->arena, bytes.data, bytes.size);
            if (copy == NULL) {
                return fi_error_no_memory(err, "the key of a group");
            }
            own[w + 1] = (uintptr_t)copy;
        }
    }
    *out = record;
    return FIRN_OK;
}

static int
add_group(struct fi_aggregate_table *table, const uint64_t *key, uint32_t tag, uint8_t **out,
          firn_error *err)
{
    int rc = needs_slots(table) ? aggregate_table_grow(table, err) : FIRN_OK;
    if (rc == FIRN_OK) {
        rc = make_record(table, key, out, err);
    }
    if (rc == FIRN_OK) {
        size_t at = empty_slot(table->slots, table->slot_bits, tag);
        table->slots[at] = (uint64_t)tag << 32 | (table->count + 1);
        table->count++;
    }
    return rc;
}

int
fi_aggregate_table_find(struct fi_aggregate_table *table, const uint64_t *key, uint64_t hash,
                        uint8_t **out, firn_error *err)
{
    uint32_t tag = fi_aggregate_table_tag(table, hash);
    DCHECK(table->count <= slot_count(table) / 8 * 5); /* (I1) */
    *out = NULL;
    if (table->slots != NULL) {
        size_t mask = slot_count(table) - 1;
        for (size_t at = tag >> (32 - table->slot_bits); table->slots[at] != 0;
             at = (at + 1) & mask) {
            uint64_t slot = table->slots[at];
            if (slot >> 32 != tag) {
                continue;
            }
            uint8_t *record = fi_aggregate_table_record(table, (uint32_t)slot - 1);
            if (is_key_equal(table, record, key)) {
                *out = record;
                return FIRN_OK;
            }
        }
    }
    return is_full(table, key) ? FIRN_OK : add_group(table, key, tag, out, err);
}

int
fi_aggregate_table_visit(const struct fi_aggregate_table *table, unsigned part,
                         int (*visit)(void *ctx, uint8_t *record, firn_error *err), void *ctx,
                         firn_error *err)
{
    if (table->slots == NULL) {
        return FIRN_OK;
    }
    size_t count = slot_count(table);
    size_t at = (count / FI_AGGREGATE_PARTS) * part;
    size_t end = at + count / FI_AGGREGATE_PARTS;
    /* Groups of the part may be after its range, up to the next empty slot. */
    for (; at < end || table->slots[at & (count - 1)] != 0; at++) {
        uint64_t slot = table->slots[at & (count - 1)];
        if (slot != 0 && slot >> (64 - FI_AGGREGATE_PART_BITS) == part) {
            int rc = visit(ctx, fi_aggregate_table_record(table, (uint32_t)slot - 1), err);
            if (rc != FIRN_OK) {
                return rc;
            }
        }
    }
    return FIRN_OK;
}
