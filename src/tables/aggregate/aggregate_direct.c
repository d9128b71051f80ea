/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate/aggregate_direct.c: groups without a hash table, for keys that are numbers of small
 * ranges.
 *
 * If the caller knows bounds of most values of all keys, and the bounds do not allow many more
 * combinations than there are rows, each combination has a place: memory for the states of its
 * group, which is found by a subtraction (and a multiplication for each further key). Nothing is
 * hashed or compared, no key is stored, and one row costs one cache miss. The last place of each
 * key is that of null.
 *
 *   place = local(key 0) * factor 0 + local(key 1) * factor 1 + …
 *   local(v) = v - minimum; of null: range
 *
 * A place is addressed like other records, so that the same loops add to it: its record begins
 * where the words of the key would be, before its states. The words of neighbours overlap, and are
 * never read:
 *
 *   pages  +-----------+----------+----------+---- … ----+
 *          | no words  | states 0 | states 1 | …         |
 *          +-----------+----------+----------+---- … ----+
 *          ^ record 0  ^ record 0 + word bytes, = record 1 + word bytes - stride
 *
 * Bounds are hints. A row with a key outside of them goes to the hash table, which never has a key
 * that has a place: (I1). This includes groups from temporary files or from another aggregate, so
 * places are returned after all other groups.
 *
 * Memory is allocated once, when the aggregate is created, out of its memory; if places would take
 * more than a part of that, there are none. Pages that no row touches cost nothing: `touched` says
 * which may have groups.
 *
 * (I2) A place has a group if and only if its count of rows is not 0. This is the count of
 *      COUNT_ROWS if there is such a call, else a count of its own.
 */
#include "aggregate/aggregate_internal.h"

#include "base/mem.h"

enum {
    ROWS = FI_AGGREGATE_ROWS,
    PLACES_FREE = 1 << 10, /* so many are worth it for any number of rows */
    PLACES_A_ROW = 4,
    TOUCHED_SHIFT = 9,    /* places of a byte of `touched` */
    PLACES_FEW = 1 << 14, /* with more, it is not checked whether there are few groups */
    MEMORY_SHARE = 2,
    MEMORY_SHARE_ALONE =
        8 /* without temporary files, so that enough memory is left for the table */
};
#define PLACES_MAX (UINT64_C(1) << 31)
#define OUTSIDE (UINT64_C(1) << 63)

/* ---- making ---- */

/* Sets the fields of keys for places, and returns how many there are; 0: none. */
static uint64_t
count_places(struct fi_aggregate *aggregate, const struct fi_aggregate_spec *spec)
{
    uint64_t most = spec->row_count < PLACES_MAX / PLACES_A_ROW
                        ? PLACES_A_ROW * spec->row_count + PLACES_FREE
                        : PLACES_MAX;
    uint64_t places = 1;
    if (spec->ranges == NULL || aggregate->key_count == 0 || aggregate->has_distinct ||
        aggregate->has_bytes_state) {
        return 0;
    }
    for (size_t k = aggregate->key_count; k-- > 0;) {
        struct fi_aggregate_key *key = &aggregate->keys[k];
        uint64_t span = spec->ranges[k].max - spec->ranges[k].min;
        if ((key->kind != FI_PHYSICAL_I64 && key->kind != FI_PHYSICAL_U64) || span >= most ||
            places > most / (span + 2)) {
            return 0;
        }
        key->minimum = spec->ranges[k].min;
        key->range = span + 1;
        key->factor = places;
        places *= span + 2;
    }
    return places;
}

/* The call that counts rows. */
static size_t
set_rows_call(struct fi_aggregate *aggregate)
{
    struct fi_aggregate_direct *direct = &aggregate->direct;
    for (size_t c = 0; c < aggregate->call_count; c++) {
        if (aggregate->calls[c].function == FI_AGGREGATE_COUNT_ROWS) {
            direct->rows_call = aggregate->calls[c];
            return aggregate->states_end;
        }
    }
    direct->rows_call = (struct fi_aggregate_function_of){.function = FI_AGGREGATE_COUNT_ROWS,
                                                          .state_kind = FI_AGGREGATE_STATE_COUNT,
                                                          .offset = aggregate->states_end};
    direct->has_own_count = true;
    return aggregate->states_end + sizeof(uint64_t);
}

int
fi_aggregate_direct_init(struct fi_aggregate *aggregate, const struct fi_aggregate_spec *spec,
                         uint64_t *memory_bytes, firn_error *err)
{
    struct fi_aggregate_direct *direct = &aggregate->direct;
    const size_t words = aggregate->table.word_count * sizeof(uint64_t);
    const uint64_t places = count_places(aggregate, spec);
    if (places == 0) {
        return FIRN_OK;
    }
    const size_t end = set_rows_call(aggregate);
    const uint64_t stride = end - words;
    const uint64_t numbers = places <= PLACES_FEW ? places : 0;
    const uint64_t touched = (places >> TOUCHED_SHIFT) + 1;
    uint64_t size = words + places * stride;
    if (size >= FI_OS_PAGES_LARGE_SIZE) {
        size =
            (size + FI_OS_PAGES_LARGE_SIZE - 1) / FI_OS_PAGES_LARGE_SIZE * FI_OS_PAGES_LARGE_SIZE;
    }
    const unsigned share = spec->spill != NULL ? MEMORY_SHARE : MEMORY_SHARE_ALONE;
    if (size + touched + numbers > *memory_bytes / share || size > SIZE_MAX / 2) {
        return FIRN_OK;
    }
    direct->touched = fi_alloc_zeroed((size_t)touched);
    direct->numbers = numbers > 0 ? fi_alloc((size_t)numbers) : NULL;
    if (direct->touched == NULL || (numbers > 0 && direct->numbers == NULL)) {
        return fi_error_no_memory(err, "the groups of a query");
    }
    int rc = fi_aggregate_table_map(spec->os, (size_t)size, &direct->pages, err);
    if (rc == FIRN_OK) {
        if (numbers > 0) {
            memset(direct->numbers, FI_AGGREGATE_FEW, (size_t)numbers);
        }
        direct->stride = (size_t)stride;
        direct->places = places;
        direct->memory_bytes = size + touched + numbers;
        *memory_bytes -= direct->memory_bytes;
    }
    return rc;
}

void
fi_aggregate_direct_deinit(struct fi_aggregate_direct *direct)
{
    fi_os_pages_unmap(&direct->pages);
    fi_free(direct->touched);
    fi_free(direct->numbers);
    *direct = (struct fi_aggregate_direct){.places = 0};
}

/* ---- places ---- */

static uint8_t *
record_at(const struct fi_aggregate_direct *direct, uint64_t place)
{
    DCHECK(place < direct->places);
    return direct->pages.data + place * direct->stride;
}

static void
aggregate_direct_touch(struct fi_aggregate_direct *direct, uint64_t place)
{
    direct->touched[place >> TOUCHED_SHIFT] = 1;
}

static uint64_t *
rows_of(const struct fi_aggregate_direct *direct, uint8_t *record)
{
    return (uint64_t *)(void *)(record + direct->rows_call.offset);
}

/* The places of chosen rows; OUTSIDE is set for rows without one. Returns all bits of them, joined
 * by "or". */
static uint64_t
find_places(const struct fi_aggregate *aggregate, const struct fi_chunk_values *columns,
            const struct fi_aggregate_batch *batch, uint64_t *places)
{
    uint64_t bits = 0;
    for (size_t k = 0; k < aggregate->key_count; k++) {
        const struct fi_aggregate_key *key = &aggregate->keys[k];
        const uint64_t *numbers = columns[k].as.u64;
        const uint64_t *valid = columns[k].valid;
        const uint64_t minimum = key->minimum;
        const uint64_t range = key->range;
        const uint64_t factor = key->factor;
        const size_t count = batch->count;
        DCHECK(columns[k].kind == key->kind);
        for (size_t i = 0; k == 0 && valid == NULL && i < count; i++) {
            uint64_t local = numbers[batch->rows[i]] - minimum;
            places[i] = local < range ? local * factor : OUTSIDE;
            bits |= places[i];
        }
        for (size_t i = 0; (k > 0 || valid != NULL) && i < count; i++) {
            uint64_t local = numbers[batch->rows[i]] - minimum;
            if (valid != NULL && !fi_aggregate_is_set(valid, batch->rows[i])) {
                local = range;
            } else if (local >= range) {
                local = OUTSIDE;
            }
            uint64_t before = k == 0 ? 0 : places[i];
            uint64_t place = ((before | local) & OUTSIDE) | ((local & ~OUTSIDE) * factor + before);
            places[i] = place;
            bits |= place;
        }
    }
    return bits;
}

size_t
fi_aggregate_direct_find(struct fi_aggregate *aggregate, const struct fi_chunk_values *columns,
                         uint16_t *rest)
{
    struct fi_aggregate_direct *direct = &aggregate->direct;
    struct fi_aggregate_batch *batch = &aggregate->batch;
    uint64_t *places = batch->hashes;
    size_t kept = 0;
    size_t left = 0;
    if ((find_places(aggregate, columns, batch, places) & OUTSIDE) != 0) {
        for (size_t i = 0; i < batch->count; i++) {
            uint64_t place = places[i];
            rest[left] = batch->rows[i];
            left += (place & OUTSIDE) != 0;
            batch->rows[kept] = batch->rows[i];
            places[kept] = place;
            kept += (place & OUTSIDE) == 0;
        }
        batch->count = kept;
    }
    /* Copies, because for the compiler stores of bytes may change fields of structs. */
    uint8_t *const touched = direct->touched;
    uint8_t *const data = direct->pages.data;
    const size_t stride = direct->stride;
    const size_t offset = direct->rows_call.offset;
    const size_t count = batch->count;
    for (size_t i = 0; i < count; i++) {
        uint8_t *record = data + places[i] * stride;
        DCHECK(places[i] < direct->places);
        touched[places[i] >> TOUCHED_SHIFT] = 1;
        batch->groups[i] = record;
        __builtin_prefetch(record + offset, 1);
    }
    return left;
}

size_t
fi_aggregate_direct_count(struct fi_aggregate *aggregate, const struct fi_chunk_values *columns,
                          size_t count)
{
    const struct fi_aggregate_direct *direct = &aggregate->direct;
    const uint64_t *numbers = columns[0].as.u64;
    const uint64_t minimum = aggregate->keys[0].minimum;
    const uint64_t range = aggregate->keys[0].range;
    uint64_t *counts = rows_of(direct, direct->pages.data);
    uint8_t *touched = direct->touched;
    size_t i = 0;
    if (aggregate->key_count != 1 || direct->stride != sizeof *counts || columns[0].valid != NULL ||
        aggregate->batch.count != count) {
        return 0;
    }
    for (; i < count; i++) {
        uint64_t local = numbers[i] - minimum;
        if (local >= range) {
            break;
        }
        touched[local >> TOUCHED_SHIFT] = 1;
        counts[local]++;
    }
    return i;
}

/* ---- records of others ---- */

uint8_t *
fi_aggregate_direct_group(struct fi_aggregate *aggregate, const uint64_t *words)
{
    struct fi_aggregate_direct *direct = &aggregate->direct;
    uint64_t place = 0;
    if (direct->places == 0) {
        return NULL;
    }
    for (size_t k = 0; k < aggregate->key_count; k++) {
        const struct fi_aggregate_key *key = &aggregate->keys[k];
        uint64_t local = words[key->word] - key->minimum;
        if ((words[0] >> k & 1) != 0) {
            local = key->range;
        } else if (local >= key->range) {
            return NULL;
        }
        place += local * key->factor;
    }
    uint8_t *record = record_at(direct, place);
    aggregate_direct_touch(direct, place);
    *rows_of(direct, record) += direct->has_own_count;
    return record;
}

/* The next places that have groups, at most `most`, from *place on. */
static size_t
next_places(const struct fi_aggregate_direct *direct, uint64_t *place, size_t most,
            uint64_t *places)
{
    size_t count = 0;
    uint64_t at = *place;
    while (at < direct->places && count < most) {
        uint64_t end = ((at >> TOUCHED_SHIFT) + 1) << TOUCHED_SHIFT;
        end = end < direct->places ? end : direct->places;
        if (direct->touched[at >> TOUCHED_SHIFT] == 0) {
            at = end;
            continue;
        }
        end = end - at > most - count ? at + (most - count) : end;
        for (; at < end; at++) {
            places[count] = at;
            count += *rows_of(direct, record_at(direct, at)) != 0;
        }
    }
    *place = at;
    return count;
}

static uint64_t
local_of(const struct fi_aggregate *aggregate, const struct fi_aggregate_key *key, uint64_t place)
{
    return aggregate->key_count == 1 ? place : place / key->factor % (key->range + 1);
}

static int
add_places(struct fi_aggregate_direct *to, const struct fi_aggregate_direct *from,
           const struct fi_aggregate *aggregate, const uint64_t *places, size_t count,
           firn_error *err)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t *group = record_at(to, places[i]);
        uint8_t *other = record_at(from, places[i]);
        aggregate_direct_touch(to, places[i]);
        if (to->has_own_count) {
            *rows_of(to, group) += *rows_of(from, other);
        }
        for (size_t c = 0; c < aggregate->call_count; c++) {
            if (!aggregate->calls[c].is_shared) {
                int rc = fi_aggregate_state_combine(&aggregate->calls[c], group, other, NULL, err);
                if (rc != FIRN_OK) {
                    return rc;
                }
            }
        }
        DCHECK(*rows_of(to, group) >= *rows_of(from, other) &&
               *rows_of(from, other) > 0); /* (I2) */
    }
    return FIRN_OK;
}

/* Makes a record of a table from a place. */
static int
add_record(struct fi_aggregate *aggregate, const struct fi_aggregate *other, uint64_t place,
           struct fi_buf *buf, firn_error *err)
{
    uint64_t *words = (uint64_t *)(void *)buf->data;
    const size_t start = other->table.word_count * sizeof(uint64_t);
    DCHECK(buf->data != NULL && buf->size >= other->states_end);
    memset(buf->data, 0, buf->size);
    memcpy(buf->data + start, record_at(&other->direct, place) + start, other->states_end - start);
    for (size_t k = 0; k < other->key_count; k++) {
        const struct fi_aggregate_key *key = &other->keys[k];
        uint64_t local = local_of(other, key, place);
        words[0] |= (uint64_t)(local == key->range) << k;
        words[key->word] = local == key->range ? 0 : key->minimum + local;
    }
    return fi_aggregate_spill_combine(aggregate, buf->data, err);
}

int
fi_aggregate_direct_merge(struct fi_aggregate *aggregate, struct fi_aggregate *other,
                          firn_error *err)
{
    struct fi_aggregate_direct *from = &other->direct;
    struct fi_buf record = {.data = NULL};
    uint64_t places[ROWS];
    uint64_t place = 0;
    size_t count;
    int rc = FIRN_OK;
    if (from->places > 0 && fi_buf_set_size(&record, other->table.record_size) != FIRN_OK) {
        return fi_error_no_memory(err, "the groups of a query");
    }
    while (rc == FIRN_OK && (count = next_places(from, &place, ROWS, places)) > 0) {
        if (aggregate->direct.places > 0) {
            DCHECK(aggregate->direct.places == from->places);
            rc = add_places(&aggregate->direct, from, aggregate, places, count, err);
            continue;
        }
        for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
            rc = add_record(aggregate, other, places[i], &record, err);
        }
    }
    if (rc == FIRN_OK && from->places > 0) {
        memset(from->pages.data, 0, from->pages.size);
        memset(from->touched, 0, (size_t)(from->places >> TOUCHED_SHIFT) + 1);
    }
    fi_buf_deinit(&record);
    return rc;
}

/* ---- going out ---- */

size_t
fi_aggregate_direct_next(struct fi_aggregate *aggregate, struct fi_chunk_values *keys)
{
    struct fi_aggregate_direct *direct = &aggregate->direct;
    struct fi_aggregate_batch *batch = &aggregate->batch;
    uint64_t *places = batch->hashes;
    size_t count = next_places(direct, &direct->next, ROWS, places);
    for (size_t i = 0; i < count; i++) {
        batch->groups[i] = record_at(direct, places[i]);
    }
    for (size_t k = 0; k < aggregate->key_count; k++) {
        const struct fi_aggregate_key *key = &aggregate->keys[k];
        struct fi_aggregate_column_out *out = &aggregate->outputs[k];
        memset(out->valid, 0xff, sizeof out->valid);
        for (size_t i = 0; i < count; i++) {
            uint64_t local = local_of(aggregate, key, places[i]);
            out->as.numbers[i] = key->minimum + local;
            if (local == key->range) {
                out->as.numbers[i] = 0;
                out->valid[i / 64] &= ~(UINT64_C(1) << i % 64);
            }
        }
        fi_aggregate_keys_finish(out, key->kind, key->fixed_size, count, &keys[k]);
    }
    return count;
}
