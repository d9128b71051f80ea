/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate/aggregate_keys.c: columns of keys to groups, and groups to columns.
 *
 * A batch goes through in steps, each a loop over all rows: the rows that count are listed; keys become words,
 * column by column; words become hashes; slots are looked at, and the records they name are asked for from memory;
 * keys are compared. So one row's cache miss does not wait for another's. Rows that find nothing
 * at the first look (new groups, above all) go the slow way, one by one.
 *
 * A row whose words are those of the row before is in its group: sorted rows need no table.
 */
#include "aggregate/aggregate_internal.h"

enum {
    ROWS = FIRN_AGGREGATE_ROWS,
    PREFETCH_AHEAD = 16,
    PREFETCH_FROM = 1 << 13 /* groups: below, the table is near the processor anyway */
};

void
firn_aggregate_keys_choose(struct firn_aggregate_batch *batch, size_t count, const uint64_t *mask)
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
        for (uint64_t left = mask[word]; left != 0; left &= left - 1) {
            batch->rows[chosen++] = (uint16_t)(64 * word + (size_t)__builtin_ctzll(left));
        }
    }
    DCHECK(chosen == 0 || batch->rows[chosen - 1] < count);
    batch->count = chosen;
}

/* ---- words ---- */

static void
words_of_numbers(const struct firn_chunk_values *column, const struct firn_aggregate_batch *batch,
                 uint64_t *out)
{
    const uint16_t *rows = batch->rows;
    switch (column->kind) {
    case FIRN_PHYSICAL_F32:
        for (size_t i = 0; i < batch->count; i++) {
            out[i] = firn_aggregate_normal_f32(
                firn_load_le32((const uint8_t *)(column->as.f32 + rows[i])));
        }
        break;
    case FIRN_PHYSICAL_F64:
        for (size_t i = 0; i < batch->count; i++) {
            out[i] = firn_aggregate_normal_f64(
                firn_load_le64((const uint8_t *)(column->as.f64 + rows[i])));
        }
        break;
    default:
        for (size_t i = 0; i < batch->count; i++) {
            out[i] = column->as.u64[rows[i]];
        }
        break;
    }
}

static void
words_of_bytes(const struct firn_chunk_values *column, const struct firn_aggregate_batch *batch,
               uint64_t *out)
{
    for (size_t i = 0; i < batch->count; i++) {
        uint64_t words[2];
        firn_aggregate_words_of(column->as.bytes[batch->rows[i]], words);
        out[i] = words[0];
        out[ROWS + i] = words[1];
    }
}

static void
mark_nulls(const struct firn_chunk_values *column, const struct firn_aggregate_batch *batch,
           uint64_t bit, bool is_bytes, uint64_t *nulls, uint64_t *out)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (!firn_aggregate_is_set(column->valid, batch->rows[i])) {
            nulls[i] |= bit;
            out[i] = 0;
            if (is_bytes) {
                out[ROWS + i] = 0;
            }
        }
    }
}

static void
hash_words(const struct firn_aggregate_table *table, struct firn_aggregate_batch *batch,
           const struct firn_aggregate_key *key, const uint64_t *words)
{
    uint64_t *hashes = batch->hashes;
    for (size_t i = 0; i < batch->count; i++) {
        hashes[i] = firn_aggregate_mix(hashes[i] ^ words[i]);
    }
    if (key->kind != FIRN_PHYSICAL_BYTES) {
        return;
    }
    for (size_t i = 0; i < batch->count; i++) {
        uint64_t pair[2] = {words[i], words[ROWS + i]};
        uint64_t second = firn_aggregate_words_are_short(pair)
                              ? pair[1]
                              : firn_aggregate_table_hash_bytes(table, pair);
        hashes[i] = firn_aggregate_mix(hashes[i] ^ second);
    }
}

void
firn_aggregate_keys_words(const struct firn_aggregate_table *table,
                          const struct firn_aggregate_key *keys, size_t key_count,
                          const struct firn_chunk_values *columns,
                          struct firn_aggregate_batch *batch, uint64_t *words)
{
    DCHECK(key_count > 0 && table->word_count > 1);
    memset(words, 0, batch->count * sizeof *words);
    for (size_t k = 0; k < key_count; k++) {
        uint64_t *out = words + ROWS * keys[k].word;
        bool is_bytes = keys[k].kind == FIRN_PHYSICAL_BYTES;
        DCHECK(columns[k].kind == keys[k].kind);
        if (is_bytes) {
            words_of_bytes(&columns[k], batch, out);
        } else {
            words_of_numbers(&columns[k], batch, out);
        }
        if (columns[k].valid != NULL) {
            mark_nulls(&columns[k], batch, UINT64_C(1) << k, is_bytes, words, out);
        }
    }
    for (size_t i = 0; i < batch->count; i++) {
        batch->hashes[i] = firn_aggregate_mix(table->seed ^ words[i]);
    }
    for (size_t k = 0; k < key_count; k++) {
        hash_words(table, batch, &keys[k], words + ROWS * keys[k].word);
    }
}

void
firn_aggregate_keys_of_cell(const struct firn_aggregate_key *key, const struct firn_cell *cell,
                            uint64_t out[3])
{
    DCHECK(key->word == 1);
    out[0] = cell->kind == FIRN_PHYSICAL_NONE ? 1 : 0;
    out[1] = 0;
    out[2] = 0;
    switch (cell->kind) {
    case FIRN_PHYSICAL_NONE:
        break;
    case FIRN_PHYSICAL_BYTES:
        firn_aggregate_words_of(cell->as.bytes, out + 1);
        break;
    case FIRN_PHYSICAL_F32:
        out[1] = firn_aggregate_normal_f32(firn_load_le32((const uint8_t *)&cell->as.f32));
        break;
    case FIRN_PHYSICAL_F64:
        out[1] = firn_aggregate_normal_f64(cell->as.u64);
        break;
    default:
        out[1] = cell->as.u64;
        break;
    }
}

/* ---- groups ---- */

/* The record of the first slot that has the row's tag, or NULL. */
static uint8_t *
first_look(const struct firn_aggregate_table *table, uint64_t hash)
{
    uint32_t tag = firn_aggregate_table_tag(table, hash);
    size_t at = tag >> (32 - table->slot_bits);
    size_t mask = ((size_t)1 << table->slot_bits) - 1;
    uint64_t slot;
    while ((slot = table->slots[at]) >> 32 != tag && slot != 0) {
        at = (at + 1) & mask;
    }
    return slot == 0 ? NULL : firn_aggregate_table_record(table, (uint32_t)slot - 1);
}

static void
look_at_all(const struct firn_aggregate_table *table, struct firn_aggregate_batch *batch,
            size_t start)
{
    if (table->count < PREFETCH_FROM) {
        for (size_t i = start; i < batch->count; i++) {
            batch->groups[i] = first_look(table, batch->hashes[i]);
        }
        return;
    }
    unsigned shift = 32 - table->slot_bits;
    for (size_t i = start; i < batch->count; i++) {
        size_t ahead = i + PREFETCH_AHEAD < batch->count ? i + PREFETCH_AHEAD : i;
        __builtin_prefetch(
            &table->slots[firn_aggregate_table_tag(table, batch->hashes[ahead]) >> shift]);
        batch->groups[i] = first_look(table, batch->hashes[i]);
        __builtin_prefetch(batch->groups[i], 1);
    }
}

/* Whether a record has the words of row i: most keys are told apart by their words. */
static bool
has_words(const struct firn_aggregate_table *table, const uint8_t *record, const uint64_t *words,
          size_t i)
{
    const uint64_t *own = (const uint64_t *)(const void *)record;
    uint64_t differ = 0;
    for (size_t w = 0; w < table->word_count; w++) {
        differ |= own[w] ^ words[ROWS * w + i];
    }
    return differ == 0;
}

static void
gather_key(const struct firn_aggregate_table *table, const uint64_t *words, size_t i, uint64_t *key)
{
    for (size_t w = 0; w < table->word_count; w++) {
        key[w] = words[ROWS * w + i];
    }
}

int
firn_aggregate_keys_find(struct firn_aggregate_table *table, struct firn_aggregate_batch *batch,
                         const uint64_t *words, size_t start, size_t *out_end, firn_error *err)
{
    uint64_t key[FIRN_AGGREGATE_WORDS_MAX];
    DCHECK(start < batch->count);
    if (table->slots == NULL) {
        memset(batch->groups + start, 0, (batch->count - start) * sizeof batch->groups[0]);
    } else {
        look_at_all(table, batch, start);
    }
    for (size_t i = start; i < batch->count; i++) {
        if (batch->groups[i] != NULL && has_words(table, batch->groups[i], words, i)) {
            continue;
        }
        gather_key(table, words, i, key);
        int rc = firn_aggregate_table_find(table, key, batch->hashes[i], &batch->groups[i], err);
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
firn_aggregate_keys_put(struct firn_aggregate_column_out *memory, enum firn_physical kind,
                        size_t at, uint64_t bits)
{
    if (kind == FIRN_PHYSICAL_F32) {
        firn_store_le32((uint8_t *)(memory->as.f32 + at), (uint32_t)bits);
    } else {
        memory->as.numbers[at] = bits;
    }
}

void
firn_aggregate_keys_finish(struct firn_aggregate_column_out *memory, enum firn_physical kind,
                           uint32_t fixed_size, size_t count, struct firn_chunk_values *out)
{
    bool has_nulls = false;
    for (size_t i = 0; i < count && !has_nulls; i++) {
        has_nulls = !firn_aggregate_is_set(memory->valid, i);
    }
    *out = (struct firn_chunk_values){.kind = kind, .fixed_size = fixed_size, .count = count};
    out->valid = has_nulls ? memory->valid : NULL;
    if (kind == FIRN_PHYSICAL_BYTES) {
        out->as.bytes = memory->as.bytes;
    } else {
        out->as.u64 = memory->as.numbers;
    }
}

void
firn_aggregate_keys_read(const struct firn_aggregate_key *key, size_t i, uint8_t *const *groups,
                         size_t count, const uint16_t *rows,
                         struct firn_aggregate_column_out *memory, struct firn_chunk_values *out)
{
    size_t size = 0;
    memset(memory->valid, rows == NULL ? 0 : 0xff, sizeof memory->valid);
    for (size_t j = 0; j < count; j++) {
        const uint64_t *words = (const uint64_t *)(const void *)groups[j];
        size_t at = rows == NULL ? j : rows[j];
        uint64_t bit = UINT64_C(1) << at % 64;
        bool is_null = (words[0] >> i & 1) != 0;
        memory->valid[at / 64] = (memory->valid[at / 64] & ~bit) | (is_null ? 0 : bit);
        if (key->kind == FIRN_PHYSICAL_BYTES) {
            memory->as.bytes[at] = firn_aggregate_words_bytes(words + key->word);
        } else {
            firn_aggregate_keys_put(memory, key->kind, at, words[key->word]);
        }
        size = at + 1;
    }
    DCHECK(size <= ROWS);
    firn_aggregate_keys_finish(memory, key->kind, key->fixed_size, size, out);
}
