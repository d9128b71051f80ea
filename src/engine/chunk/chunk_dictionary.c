/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_dictionary.c: making dictionaries, and searching in them.
 *
 * Entries ascend, numbers by rank and then by order. So every test but IN is fulfilled by the codes
 * of one interval, or by all others, and a few comparisons with entries decide a predicate for the
 * whole chunk.
 *
 * A dictionary is made with a hash table of the values' positions. It is given up if there are too
 * many entries, or if most of the first values differ: such chunks are smaller in another encoding.
 * Whole numbers in a narrow range need no hashes: a table has a place for each possible number, and
 * the size of their dictionary follows from which of them occur.
 */
#include "chunk/chunk_dictionary.h"
#include "chunk/chunk_encode.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"
#include "base/sort.h"
#include "chunk/chunk_bits.h"
#include "chunk/chunk_encode.h"
#include "codec/xxh3.h"

/* ---- reading ---- */

static size_t
entry_size(const struct fi_chunk *chunk)
{
    return chunk->kind == FI_PHYSICAL_BYTES ? chunk->fixed_size : fi_chunk_number_size(chunk->kind);
}

bool
fi_chunk_dictionary_open(struct fi_chunk *chunk, size_t *at)
{
    size_t left = chunk->bytes.size - *at;
    const uint8_t *part = chunk->bytes.data + *at;
    DCHECK(*at <= chunk->bytes.size);
    if (left < 4) {
        return false;
    }
    uint64_t count = fi_load_le32(part);
    uint64_t size = 4 + count * entry_size(chunk);
    chunk->parts.entry_count = (uint32_t)count;
    chunk->parts.entry_bytes = (uint32_t)(*at + 4);
    chunk->parts.divisor = 1;
    if (count == 0 || count > FI_CHUNK_VALUES_MAX) {
        return false;
    }
    if (entry_size(chunk) == 0) {
        if (left < 9 || part[8] > 4) {
            return false;
        }
        chunk->parts.entry_width = part[8];
        chunk->parts.entry_ends = (uint32_t)(*at + 9);
        size = 9 + count * part[8];
        chunk->parts.entry_bytes = (uint32_t)(*at + size);
        chunk->parts.entry_size = fi_load_le32(part + 4);
        size += chunk->parts.entry_size;
    }
    if (size > left) {
        return false;
    }
    *at += size;
    return true;
}

uint64_t
fi_chunk_dictionary_bits(const struct fi_chunk *chunk, size_t code)
{
    DCHECK(code < chunk->parts.entry_count);
    return fi_chunk_load_bits(chunk->kind, chunk->bytes.data + chunk->parts.entry_bytes +
                                               code * fi_chunk_number_size(chunk->kind));
}

bool
fi_chunk_dictionary_bytes(const struct fi_chunk *chunk, size_t code, firn_slice *out)
{
    const uint8_t *bytes = chunk->bytes.data + chunk->parts.entry_bytes;
    DCHECK(code < chunk->parts.entry_count);
    if (chunk->fixed_size != 0) {
        *out = firn_bytes(bytes + code * chunk->fixed_size, chunk->fixed_size);
        return true;
    }
    size_t width = chunk->parts.entry_width;
    const uint8_t *ends = chunk->bytes.data + chunk->parts.entry_ends;
    uint64_t start = code == 0 ? 0 : fi_chunk_load_field(ends + (code - 1) * width, width);
    uint64_t end = fi_chunk_load_field(ends + code * width, width);
    if (start > end || end > chunk->parts.entry_size) {
        *out = firn_bytes("", 0);
        return false;
    }
    *out = firn_bytes(bytes + start, (size_t)(end - start));
    return true;
}

/* Whether an entry lies before all (is_after: or at the end of those) that a predicate names. */
static bool
lies_before(const struct fi_chunk *chunk, size_t code, const struct fi_cell *cell, bool is_after,
            bool is_prefix)
{
    DCHECK(cell->kind == chunk->kind);
    if (chunk->kind != FI_PHYSICAL_BYTES) {
        uint64_t rank = fi_chunk_rank(chunk->kind, fi_chunk_dictionary_bits(chunk, code));
        uint64_t other = fi_chunk_rank(cell->kind, fi_chunk_cell_bits(cell));
        return is_after ? rank <= other : rank < other;
    }
    firn_slice entry;
    /* Entries that lie outside are empty here, and damage when a value is read. */
    (void)fi_chunk_dictionary_bytes(chunk, code, &entry);
    int order = fi_slice_compare(entry, cell->as.bytes);
    return order < 0 ||
           (is_after && (order == 0 || (is_prefix && fi_slice_has_prefix(entry, cell->as.bytes))));
}

static size_t
chunk_dictionary_find(const struct fi_chunk *chunk, const struct fi_cell *cell, bool is_after,
                      bool is_prefix)
{
    size_t low = 0;
    size_t high = chunk->parts.entry_count;
    FI_SEARCH_FIRST(low, high, middle, lies_before(chunk, middle, cell, is_after, is_prefix))
    DCHECK(low <= chunk->parts.entry_count);
    return low;
}

bool
fi_chunk_dictionary_find(const struct fi_chunk *chunk, const struct fi_chunk_predicate *predicate,
                         size_t *out_low, size_t *out_high)
{
    const struct fi_cell *a = &predicate->a;
    *out_low = 0;
    *out_high = chunk->parts.entry_count;
    switch (predicate->test) {
    case FI_CHUNK_LESS:
        *out_high = chunk_dictionary_find(chunk, a, false, false);
        break;
    case FI_CHUNK_LESS_EQUAL:
        *out_high = chunk_dictionary_find(chunk, a, true, false);
        break;
    case FI_CHUNK_GREATER:
        *out_low = chunk_dictionary_find(chunk, a, true, false);
        break;
    case FI_CHUNK_GREATER_EQUAL:
        *out_low = chunk_dictionary_find(chunk, a, false, false);
        break;
    case FI_CHUNK_BETWEEN:
        *out_low = chunk_dictionary_find(chunk, a, false, false);
        *out_high = chunk_dictionary_find(chunk, &predicate->b, true, false);
        break;
    default:
        DCHECK(predicate->test != FI_CHUNK_IN);
        *out_low = chunk_dictionary_find(chunk, a, false, false);
        *out_high = chunk_dictionary_find(chunk, a, true, predicate->test == FI_CHUNK_PREFIX);
        break;
    }
    *out_high = *out_high < *out_low ? *out_low : *out_high;
    DCHECK(*out_high <= chunk->parts.entry_count);
    return predicate->test == FI_CHUNK_NOT_EQUAL;
}

/* ---- writing ---- */

static inline bool
is_valid(const struct fi_chunk_values *values, size_t i)
{
    return values->valid == NULL || fi_chunk_has_bit(values->valid, i);
}

static inline uint64_t
chunk_dictionary_mix(uint64_t a, uint64_t b)
{
    const uint64_t number = (a ^ (b << 31 | b >> 33)) * UINT64_C(0x9e3779b97f4a7c15);
    return number ^ number >> 32;
}

static inline uint64_t
hash_of(const struct fi_chunk_values *values, size_t i)
{
    DCHECK(is_valid(values, i));
    if (values->kind != FI_PHYSICAL_BYTES) {
        return chunk_dictionary_mix(fi_chunk_value_bits(values, i), 0);
    }
    const firn_slice bytes = values->as.bytes[i];
    if (bytes.size > 16) {
        return fi_xxh3(bytes.data, bytes.size, 0);
    }
    return bytes.size < 8
               ? chunk_dictionary_mix(fi_chunk_load_field(bytes.data, bytes.size), bytes.size)
               : chunk_dictionary_mix(fi_load_le64(bytes.data),
                                      fi_load_le64(bytes.data + bytes.size - 8) + bytes.size);
}

/* Most are short: two words tell of up to 16 bytes. */
static inline bool
are_same(firn_slice a, firn_slice b)
{
    if (a.size != b.size) {
        return false;
    }
    if (a.size < 8) {
        return fi_chunk_load_field(a.data, a.size) == fi_chunk_load_field(b.data, b.size);
    }
    return fi_load_le64(a.data) == fi_load_le64(b.data) &&
           fi_load_le64(a.data + a.size - 8) == fi_load_le64(b.data + b.size - 8) &&
           (a.size <= 16 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool
are_equal(const struct fi_chunk_values *values, size_t i, size_t k)
{
    return values->kind == FI_PHYSICAL_BYTES
               ? are_same(values->as.bytes[i], values->as.bytes[k])
               : fi_chunk_value_bits(values, i) == fi_chunk_value_bits(values, k);
}

/* An entry while they are sorted. */
struct entry {
    union {
        struct {
            uint64_t rank;
            uint64_t order; /* of those whose ranks are equal */
        } number;
        firn_slice bytes;
    } as;
    uint32_t place; /* of a value that has it */
    uint32_t number;
};

static int
compare_numbers(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    uint64_t first = x->as.number.rank;
    uint64_t second = y->as.number.rank;
    if (first == second) {
        first = x->as.number.order;
        second = y->as.number.order;
    }
    return (first > second) - (first < second);
}

static int
compare_bytes(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    return fi_slice_compare(x->as.bytes, y->as.bytes);
}

enum { SLOTS = 2 * FI_CHUNK_VALUES_MAX, EARLY = 4096, EARLY_ENTRIES = 3072 };

/* Numbers entries in the order in which they come; false where there are too many. Codes of nulls
 * are left alone. slots have zeros. */
static bool
chunk_dictionary_collect(const struct fi_chunk_values *values, size_t entries_max, uint32_t *slots,
                         struct fi_chunk_dictionary *out)
{
    size_t seen = 0;
    for (size_t i = 0; i < values->count; i++) {
        if (!is_valid(values, i)) {
            continue;
        }
        size_t slot = hash_of(values, i) % SLOTS;
        while (slots[slot] != 0 && !are_equal(values, out->entries[slots[slot] - 1], i)) {
            slot = (slot + 1) % SLOTS;
        }
        if (slots[slot] == 0) {
            if (out->count == entries_max || (seen == EARLY && out->count > EARLY_ENTRIES)) {
                return false;
            }
            out->entries[out->count++] = (uint32_t)i;
            slots[slot] = (uint32_t)out->count;
        }
        out->codes[i] = slots[slot] - 1;
        seen += seen < EARLY;
    }
    return true;
}

/* Sorts the entries; number_of has the new number of each. */
static void
sort_entries(const struct fi_chunk_values *values, struct entry *sorted, uint32_t *number_of,
             struct fi_chunk_dictionary *out)
{
    bool is_bytes = values->kind == FI_PHYSICAL_BYTES;
    DCHECK(out->bytes_size == 0 && out->count <= SLOTS);
    for (size_t i = 0; i < out->count; i++) {
        uint32_t place = out->entries[i];
        sorted[i] = (struct entry){.place = place, .number = (uint32_t)i};
        if (is_bytes) {
            sorted[i].as.bytes = values->as.bytes[place];
            out->bytes_size += values->as.bytes[place].size;
        } else {
            uint64_t bits = fi_chunk_value_bits(values, place);
            sorted[i].as.number.rank = fi_chunk_rank(values->kind, bits);
            sorted[i].as.number.order = fi_chunk_order(values->kind, bits);
        }
    }
    fi_sort(sorted, out->count, sizeof *sorted, is_bytes ? compare_bytes : compare_numbers);
    for (size_t i = 0; i < out->count; i++) {
        number_of[sorted[i].number] = (uint32_t)i;
        out->entries[i] = sorted[i].place;
    }
}

int
fi_chunk_dictionary_build(const struct fi_chunk_values *values, size_t entries_max,
                          struct fi_chunk_dictionary *out)
{
    int rc = FIRN_NO_MEMORY;
    DCHECK(values->count > 0 && values->count <= FI_CHUNK_VALUES_MAX);
    uint32_t *slots = fi_alloc_zeroed((size_t)SLOTS * sizeof *slots);
    struct entry *sorted = NULL;
    *out = (struct fi_chunk_dictionary){0};
    entries_max = entries_max < values->count ? entries_max : values->count;
    out->codes = fi_alloc_array(values->count, sizeof *out->codes);
    out->entries = fi_alloc_array(entries_max, sizeof *out->entries);
    if (slots == NULL || out->codes == NULL || out->entries == NULL) {
        goto out;
    }
    rc = FIRN_OK;
    if (!chunk_dictionary_collect(values, entries_max, slots, out)) {
        out->count = 0;
        goto out;
    }
    sorted = fi_alloc_array(out->count, sizeof *sorted);
    if (sorted == NULL) {
        rc = FIRN_NO_MEMORY;
        goto out;
    }
    sort_entries(values, sorted, slots, out);
    for (size_t i = 0; i < values->count; i++) {
        if (is_valid(values, i)) {
            out->codes[i] = slots[out->codes[i]];
        }
    }
    fi_chunk_put_nulls(values, 0, out->codes);
out:
    fi_free(sorted);
    fi_free(slots);
    return rc;
}

/* Whether to give up with that many entries, `early` of them among the first values. See
 * collect. */
static bool
has_too_many(size_t count, size_t early, size_t entries_max)
{
    const size_t most = early > EARLY_ENTRIES ? early : EARLY_ENTRIES + 1;
    return count > entries_max || count > most;
}

/* Marks the codes that there are; returns how many. */
static size_t
mark_codes(const struct fi_chunk_values *values, const uint64_t *codes, size_t code_count,
           uint8_t *marks, size_t *out_early)
{
    size_t seen = 0;
    size_t i = 0;
    size_t count = 0;
    memset(marks, 0, code_count);
    *out_early = 0;
    for (; i < values->count && seen < EARLY; i++) {
        const bool is_here = is_valid(values, i);
        *out_early += is_here && marks[codes[i]] == 0;
        marks[codes[i]] |= is_here;
        seen += is_here;
    }
    for (; i < values->count; i++) { /* a null has the code of a neighbour, or the smallest one */
        marks[codes[i]] = 1;
    }
    for (size_t k = 0; k < code_count; k++) {
        count += marks[k];
    }
    return count;
}

/* What codes take that are the ranks of those that there were. */
static size_t
ranks_cost(const struct fi_chunk_encode_codes_cost *cost, const uint16_t *ranks, size_t count)
{
    const size_t record = 1 + 2 * fi_chunk_field_size(ranks[cost->high]);
    size_t bytes = 0;
    for (size_t start = 0; start < count; start += FI_CHUNK_BLOCK) {
        const struct fi_chunk_encode_codes_stats *stats = &cost->stats[start / FI_CHUNK_BLOCK];
        const size_t left = count - start;
        const size_t block = left < FI_CHUNK_BLOCK ? left : FI_CHUNK_BLOCK;
        const unsigned apart = (unsigned)ranks[stats->high] - ranks[stats->low];
        bytes += record + fi_chunk_bits_size(block, fi_chunk_bits_width(apart));
    }
    return bytes;
}

static int
fill_from_codes(const struct fi_chunk_values *values, const uint64_t *codes, const uint16_t *ranks,
                size_t count, struct fi_chunk_dictionary *out)
{
    out->codes = fi_alloc_array(values->count, sizeof *out->codes);
    out->entries = fi_alloc_array(count, sizeof *out->entries);
    if (out->codes == NULL || out->entries == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (size_t i = 0; i < values->count; i++) {
        out->codes[i] = ranks[codes[i]];
        if (is_valid(values, i)) {
            out->entries[out->codes[i]] = (uint32_t)i;
        }
    }
    out->count = count;
    return FIRN_OK;
}

int
fi_chunk_dictionary_of_codes(const struct fi_chunk_values *values, const uint64_t *codes,
                             const struct fi_chunk_encode_codes_cost *cost, size_t entries_max,
                             size_t bytes_max, struct fi_chunk_dictionary *out)
{
    const size_t code_count = (size_t)cost->high + 1;
    size_t early;
    int rc = FIRN_OK;
    DCHECK(code_count <= FI_CHUNK_DICTIONARY_CODES_MAX);
    *out = (struct fi_chunk_dictionary){.codes = NULL};
    uint8_t *marks = fi_alloc(code_count);
    uint16_t *ranks = fi_alloc_array(code_count, sizeof *ranks);
    if (marks == NULL || ranks == NULL) {
        rc = FIRN_NO_MEMORY;
        goto out;
    }
    const size_t count = mark_codes(values, codes, code_count, marks, &early);
    if (has_too_many(count, early, entries_max)) {
        goto out;
    }
    size_t rank = 0;
    for (size_t i = 0; i < code_count; i++) {
        ranks[i] = (uint16_t)rank;
        rank += marks[i];
    }
    const size_t entries = 4 + count * fi_chunk_number_size(values->kind);
    if (entries + ranks_cost(cost, ranks, values->count) < bytes_max) {
        rc = fill_from_codes(values, codes, ranks, count, out);
    }
out:
    fi_free(ranks);
    fi_free(marks);
    return rc;
}

void
fi_chunk_dictionary_deinit(struct fi_chunk_dictionary *dictionary)
{
    fi_free(dictionary->codes);
    fi_free(dictionary->entries);
    *dictionary = (struct fi_chunk_dictionary){0};
}

static size_t
end_width(const struct fi_chunk_dictionary *dictionary)
{
    return fi_chunk_field_size(dictionary->bytes_size);
}

size_t
fi_chunk_dictionary_size(const struct fi_chunk_values *values,
                         const struct fi_chunk_dictionary *dictionary)
{
    if (values->kind != FI_PHYSICAL_BYTES) {
        return 4 + dictionary->count * fi_chunk_number_size(values->kind);
    }
    return 4 + dictionary->bytes_size +
           (values->fixed_size == 0 ? 5 + dictionary->count * end_width(dictionary) : 0);
}

int
fi_chunk_dictionary_put(const struct fi_chunk_values *values,
                        const struct fi_chunk_dictionary *dictionary, struct fi_buf *out)
{
    size_t size = fi_chunk_dictionary_size(values, dictionary);
    size_t start = out->size;
    DCHECK(dictionary->count > 0 && dictionary->count <= FI_CHUNK_VALUES_MAX);
    int rc = fi_buf_set_size(out, start + size);
    if (rc != FIRN_OK) {
        return rc;
    }
    uint8_t *at = out->data + start;
    fi_store_le32(at, (uint32_t)dictionary->count);
    at += 4;
    if (values->kind != FI_PHYSICAL_BYTES) {
        for (size_t i = 0; i < dictionary->count; i++) {
            uint64_t bits = fi_chunk_value_bits(values, dictionary->entries[i]);
            size_t number_size = fi_chunk_number_size(values->kind);
            memcpy(at, &bits, number_size);
            at += number_size;
        }
        DCHECK(at == out->data + start + size);
        return FIRN_OK;
    }
    size_t width = end_width(dictionary);
    if (values->fixed_size == 0) {
        uint64_t end = 0;
        fi_store_le32(at, (uint32_t)dictionary->bytes_size);
        at[4] = (uint8_t)width;
        at += 5;
        for (size_t i = 0; i < dictionary->count; i++) {
            end += values->as.bytes[dictionary->entries[i]].size;
            memcpy(at, &end, width);
            at += width;
        }
    }
    for (size_t i = 0; i < dictionary->count; i++) {
        firn_slice entry = values->as.bytes[dictionary->entries[i]];
        if (entry.size > 0) {
            memcpy(at, entry.data, entry.size);
            at += entry.size;
        }
    }
    DCHECK(at == out->data + start + size);
    return FIRN_OK;
}
