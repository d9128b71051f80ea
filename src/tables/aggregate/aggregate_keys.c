/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate/aggregate_keys.c: finds the groups of columns of keys, and makes columns from groups.
 *
 * A batch is processed in steps, each a loop over all rows. The steps list the rows that count,
 * make words of the keys column by column, hash the words, read the slots and prefetch their
 * records, and compare the keys. So the cache misses of different rows overlap. Rows that match no
 * record at first (mostly new groups) are looked up one by one.
 *
 * Most queries have few groups or short keys: words that are 0 in all rows are neither hashed nor
 * compared.
 */
#include "aggregate/aggregate_internal.h"

enum {
    ROWS = FI_AGGREGATE_ROWS,
    PREFETCH_AHEAD = 16,
    PREFETCH_FROM = 1 << 13 /* groups: a smaller table is in the processor's cache anyway */
};

void
fi_aggregate_keys_choose(struct fi_aggregate_batch *batch, size_t count, const uint64_t *mask)
{
    DCHECK(count <= ROWS);
    if (mask == NULL) {
        for (size_t i = 0; i < count; i++) {
            batch->rows[i] = (uint16_t)i;
        }
        batch->count = count;
        return;
    }
    size_t chosen = 0;
    for (size_t word = 0; word < (count + 63) / 64; word++) {
        if (mask[word] == UINT64_MAX) {
            for (size_t bit = 0; bit < 64; bit++) {
                batch->rows[chosen + bit] = (uint16_t)(64 * word + bit);
            }
            chosen += 64;
            continue;
        }
        for (uint64_t left = mask[word]; left != 0; left &= left - 1) {
            batch->rows[chosen++] = (uint16_t)(64 * word + (size_t)__builtin_ctzll(left));
        }
    }
    DCHECK(chosen == 0 || batch->rows[chosen - 1] < count);
    batch->count = chosen;
}

/* ---- words ---- */

static void
words_of_numbers(const struct fi_chunk_values *column, const struct fi_aggregate_batch *batch,
                 uint64_t *out)
{
    const uint16_t *rows = batch->rows;
    switch (column->kind) {
    case FI_PHYSICAL_F32:
        for (size_t i = 0; i < batch->count; i++) {
            out[i] =
                fi_aggregate_normal_f32(fi_load_le32((const uint8_t *)(column->as.f32 + rows[i])));
        }
        break;
    case FI_PHYSICAL_F64:
        for (size_t i = 0; i < batch->count; i++) {
            out[i] =
                fi_aggregate_normal_f64(fi_load_le64((const uint8_t *)(column->as.f64 + rows[i])));
        }
        break;
    default:
        for (size_t i = 0; i < batch->count; i++) {
            out[i] = column->as.u64[rows[i]];
        }
        break;
    }
}

/* Whether any second word is not 0. */
static bool
words_of_bytes(const struct fi_chunk_values *column, const struct fi_aggregate_batch *batch,
               uint64_t *out)
{
    uint64_t second = 0;
    for (size_t i = 0; i < batch->count; i++) {
        uint64_t words[2];
        fi_aggregate_words_of(column->as.bytes[batch->rows[i]], words);
        out[i] = words[0];
        out[ROWS + i] = words[1];
        second |= words[1];
    }
    return second != 0;
}

static void
mark_nulls(const struct fi_chunk_values *column, const struct fi_aggregate_batch *batch,
           uint64_t bit, bool is_bytes, uint64_t *nulls, uint64_t *out)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (!fi_aggregate_is_set(column->valid, batch->rows[i])) {
            nulls[i] |= bit;
            out[i] = 0;
            if (is_bytes) {
                out[ROWS + i] = 0;
            }
        }
    }
}

static void
hash_words(const struct fi_aggregate_table *table, struct fi_aggregate_batch *batch,
           const uint64_t *words, bool has_second)
{
    uint64_t *hashes = batch->hashes;
    uint64_t factor = fi_aggregate_table_factor(table);
    if (!has_second) {
        for (size_t i = 0; i < batch->count; i++) {
            hashes[i] = fi_aggregate_mix(hashes[i] ^ words[i]);
        }
        return;
    }
    for (size_t i = 0; i < batch->count; i++) {
        uint64_t pair[2] = {words[i], words[ROWS + i]};
        uint64_t second = fi_aggregate_words_are_short(pair)
                              ? pair[1]
                              : fi_aggregate_table_hash_bytes(table, pair);
        hashes[i] = fi_aggregate_mix(hashes[i] ^ pair[0] ^ second * factor);
    }
}

void
fi_aggregate_keys_words(const struct fi_aggregate_table *table, const struct fi_aggregate_key *keys,
                        size_t key_count, const struct fi_chunk_values *columns,
                        struct fi_aggregate_batch *batch, uint64_t *words)
{
    bool has_second[FI_AGGREGATE_KEYS_MAX + 1];
    bool has_nulls = false;
    DCHECK(key_count > 0 && table->word_count > 1);
    memset(words, 0, batch->count * sizeof *words);
    batch->word_count = 0;
    batch->used_words[batch->word_count++] = 0;
    for (size_t k = 0; k < key_count; k++) {
        uint64_t *out = words + ROWS * (size_t)keys[k].word;
        bool is_bytes = keys[k].kind == FI_PHYSICAL_BYTES;
        DCHECK(columns[k].kind == keys[k].kind);
        has_second[k] = is_bytes && words_of_bytes(&columns[k], batch, out);
        if (!is_bytes) {
            words_of_numbers(&columns[k], batch, out);
        }
        if (columns[k].valid != NULL) {
            mark_nulls(&columns[k], batch, UINT64_C(1) << k, is_bytes, words, out);
            has_nulls = true;
        }
        batch->used_words[batch->word_count++] = (uint8_t)keys[k].word;
        if (has_second[k]) {
            batch->used_words[batch->word_count++] = (uint8_t)(keys[k].word + 1);
        }
    }
    uint64_t factor = fi_aggregate_table_factor(table);
    for (size_t i = 0; i < batch->count; i++) {
        batch->hashes[i] = table->seed ^ (has_nulls ? words[i] * factor : 0);
    }
    for (size_t k = 0; k < key_count; k++) {
        hash_words(table, batch, words + ROWS * (size_t)keys[k].word, has_second[k]);
    }
}

void
fi_aggregate_keys_of_cell(const struct fi_aggregate_key *key, size_t i, const struct fi_cell *cell,
                          uint64_t *words)
{
    uint64_t *out = words + key->word;
    DCHECK(key->word > 0 && i <= FI_AGGREGATE_KEYS_MAX);
    switch (cell->kind) {
    case FI_PHYSICAL_NONE:
        words[0] |= UINT64_C(1) << i;
        break;
    case FI_PHYSICAL_BYTES:
        fi_aggregate_words_of(cell->as.bytes, out);
        break;
    case FI_PHYSICAL_F32:
        *out = fi_aggregate_normal_f32(fi_load_le32((const uint8_t *)&cell->as.f32));
        break;
    case FI_PHYSICAL_F64:
        *out = fi_aggregate_normal_f64(cell->as.u64);
        break;
    default:
        *out = cell->as.u64;
        break;
    }
}

/* ---- groups ---- */

/* The fields of a table that lookups need, copied so that they stay in registers. */
struct look {
    const uint64_t *slots;
    const struct fi_os_pages *pages;
    size_t mask;
    uint64_t page_mask;
    size_t record_size;
    /* a hash shifted left by this has its tag at the top; the upper bits are the place */
    unsigned left;
    unsigned right; /* shifted right by this, it is the place */
    unsigned page_shift;
};

static inline size_t
place_of(const struct look *look, uint64_t hash)
{
    return (size_t)(hash << look->left >> look->right);
}

/* The record of the first slot that has the row's tag, or NULL. */
static inline uint8_t *
first_inspect(const struct look *look, uint64_t hash)
{
    uint64_t tag = hash << look->left >> 32;
    size_t at = place_of(look, hash);
    uint64_t slot;
    while ((slot = look->slots[at]) >> 32 != tag && slot != 0) {
        at = (at + 1) & look->mask;
    }
    if (slot == 0) {
        return NULL;
    }
    uint64_t index = (uint32_t)slot - 1;
    return look->pages[index >> look->page_shift].data +
           (index & look->page_mask) * look->record_size;
}

static void
inspect_all(const struct fi_aggregate_table *table, struct fi_aggregate_batch *batch, size_t start)
{
    const struct look look = {
        .slots = table->slots,
        .pages = table->pages,
        .mask = ((size_t)1 << table->slot_bits) - 1,
        .page_mask = (UINT64_C(1) << table->page_shift) - 1,
        .record_size = table->record_size,
        .left = FI_AGGREGATE_PART_BITS * table->level,
        .right = 64 - table->slot_bits,
        .page_shift = table->page_shift,
    };
    const uint64_t *hashes = batch->hashes;
    size_t count = batch->count;
    if (table->count < PREFETCH_FROM) {
        for (size_t i = start; i < count; i++) {
            batch->groups[i] = first_inspect(&look, hashes[i]);
        }
        return;
    }
    size_t ahead = start;
    for (; ahead < count && ahead < start + PREFETCH_AHEAD; ahead++) {
        __builtin_prefetch(&look.slots[place_of(&look, hashes[ahead])]);
    }
    for (size_t i = start; i < count; i++) {
        if (ahead < count) {
            __builtin_prefetch(&look.slots[place_of(&look, hashes[ahead++])]);
        }
        uint8_t *record = first_inspect(&look, hashes[i]);
        batch->groups[i] = record;
        __builtin_prefetch(record, 1);
    }
}

/* For how many rows from start on the first record matches: most keys can be compared by their
 * words. Second words that are 0 in all rows are not compared: then bytes have at most four, all of
 * which are in the first word. */
static inline size_t
confirm_some(const struct fi_aggregate_batch *batch, const uint64_t *words, size_t start,
             size_t word_count)
{
    size_t count = batch->count;
    size_t i = start;
    for (; i < count && batch->groups[i] != NULL; i++) {
        const uint64_t *own = (const uint64_t *)(const void *)batch->groups[i];
        uint64_t differ = 0;
        for (size_t u = 0; u < word_count; u++) {
            size_t w = batch->used_words[u];
            differ |= own[w] ^ words[ROWS * w + i];
        }
        if (differ != 0) {
            break;
        }
    }
    return i - start;
}

static size_t
confirm(const struct fi_aggregate_batch *batch, const uint64_t *words, size_t start)
{
    switch (batch->word_count) {
    case 2:
        return confirm_some(batch, words, start, 2);
    case 3:
        return confirm_some(batch, words, start, 3);
    case 4:
        return confirm_some(batch, words, start, 4);
    default:
        return confirm_some(batch, words, start, batch->word_count);
    }
}

static void
gather_key(const struct fi_aggregate_table *table, const uint64_t *words, size_t i, uint64_t *key)
{
    for (size_t w = 0; w < table->word_count; w++) {
        key[w] = words[ROWS * w + i];
    }
}

int
fi_aggregate_keys_find(struct fi_aggregate_table *table, struct fi_aggregate_batch *batch,
                       const uint64_t *words, size_t start, size_t *out_end, firn_error *err)
{
    uint64_t key[FI_AGGREGATE_WORDS_MAX];
    DCHECK(start < batch->count);
    if (table->slots == NULL) {
        memset(batch->groups + start, 0, (batch->count - start) * sizeof batch->groups[0]);
    } else {
        inspect_all(table, batch, start);
    }
    for (size_t i = start; (i += confirm(batch, words, i)) < batch->count; i++) {
        gather_key(table, words, i, key);
        int rc = fi_aggregate_table_find(table, key, batch->hashes[i], &batch->groups[i], err);
        if (rc != FIRN_OK || batch->groups[i] == NULL) {
            *out_end = i;
            return rc;
        }
    }
    *out_end = batch->count;
    return FIRN_OK;
}

/* ---- groups to columns ---- */

void
fi_aggregate_keys_put(struct fi_aggregate_column_out *memory, enum fi_physical kind, size_t at,
                      uint64_t bits)
{
    if (kind == FI_PHYSICAL_F32) {
        fi_store_le32((uint8_t *)(memory->as.f32 + at), (uint32_t)bits);
    } else {
        memory->as.numbers[at] = bits;
    }
}

void
fi_aggregate_keys_finish(struct fi_aggregate_column_out *memory, enum fi_physical kind,
                         uint32_t fixed_size, size_t count, struct fi_chunk_values *out)
{
    bool has_nulls = false;
    for (size_t w = 0; w < (count + 63) / 64; w++) {
        uint64_t all = count - 64 * w >= 64 ? UINT64_MAX : (UINT64_C(1) << count % 64) - 1;
        has_nulls |= (memory->valid[w] & all) != all;
    }
    *out = (struct fi_chunk_values){.kind = kind, .fixed_size = fixed_size, .count = count};
    out->valid = has_nulls ? memory->valid : NULL;
    if (kind == FI_PHYSICAL_BYTES) {
        out->as.bytes = memory->as.bytes;
    } else {
        out->as.u64 = memory->as.numbers;
    }
}

void
fi_aggregate_keys_read(const struct fi_aggregate_key *key, size_t i, uint8_t *const *groups,
                       size_t count, const uint16_t *rows, struct fi_aggregate_column_out *memory,
                       struct fi_chunk_values *out)
{
    size_t size = 0;
    memset(memory->valid, rows == NULL ? 0 : 0xff, sizeof memory->valid);
    for (size_t j = 0; j < count; j++) {
        const uint64_t *words = (const uint64_t *)(const void *)groups[j];
        size_t at = rows == NULL ? j : rows[j];
        uint64_t bit = UINT64_C(1) << at % 64;
        bool is_null = (words[0] >> i & 1) != 0;
        memory->valid[at / 64] = (memory->valid[at / 64] & ~bit) | (is_null ? 0 : bit);
        if (key->kind == FI_PHYSICAL_BYTES) {
            memory->as.bytes[at] = fi_aggregate_words_bytes(words + key->word);
        } else {
            fi_aggregate_keys_put(memory, key->kind, at, words[key->word]);
        }
        size = at + 1;
    }
    DCHECK(size <= ROWS);
    fi_aggregate_keys_finish(memory, key->kind, key->fixed_size, size, out);
}
