/* SPDX-License-Identifier: Apache-2.0
 *
 * query/query_join.c: the rows of a joined scan, in memory, found by the value of one column.
 *
 * The rows are kept column by column, in the order in which they came; rows that cannot match
 * anything, because their key is null, are not kept. An index finds the first row of a key, and
 * `next` the row after it that has the same key. There are two kinds of index:
 *
 *   narrow   The keys are whole numbers, and the smallest and the largest are not too far apart:
 *            a bit for each number between them. Every word of bits knows how many bits are set
 *            before it, so a key that is there has a number, and that number has its first row.
 *            Neighbouring keys are neighbours in memory, and a key that is not there costs one
 *            look at a bit. Keys of tables are mostly like that.
 *   hashed   A table with open addressing, of hashes and rows. Hashes have a random seed, so keys
 *            that collide cannot be made up in advance.
 *
 * (I1) Rows of one key are in the order in which they came. The index is filled from the last row
 *      to the first.
 * (I2) If one side of the join is signed and the other is not, rows are kept only if their key has
 *      the same bits in both: then equal bits are equal numbers.
 *
 * Threads: once it has been read, it never changes, and is shared by any number of threads.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/xxh3.h"
#include "query/query_internal.h"

enum {
    ROWS_FIRST = FI_CHUNK_BLOCK,
    SPREAD_MAX = 256,     /* numbers between the smallest and the largest key, for each row */
    SPREAD_FREE = 1 << 16 /* so many are always narrow */
};

/* A column of all rows. */
struct kept {
    size_t number; /* of the scan's columns */
    enum fi_physical kind;
    uint32_t fixed_size;
    size_t width;
    uint8_t *values;
    uint8_t *is_null; /* NULL: no value is null */
};

struct word {
    uint64_t bits;
    uint64_t before; /* how many bits are set in the words before it */
};

struct slot {
    uint64_t key; /* a number, or the hash of bytes */
    uint32_t row; /* FI_QUERY_JOIN_NONE: the slot is free */
};

struct fi_query_join {
    struct kept *columns; /* the first is the key */
    size_t column_count;
    size_t count;
    size_t capacity;
    struct fi_arena arena; /* bytes */
    uint64_t bytes;
    uint64_t flip; /* turns a key into a number whose unsigned order is that of keys */
    uint64_t min;  /* of these numbers */
    uint64_t max;
    uint32_t *next; /* NULL: each key has one row */
    /* narrow */
    struct word *words;
    uint32_t *first;
    /* hashed */
    struct slot *slots;
    size_t slot_last;
    unsigned shift;
    uint64_t seed;
};

/* ---- reading ---- */

static size_t
width_of(enum fi_physical kind)
{
    return kind == FI_PHYSICAL_BYTES ? sizeof(firn_slice)
           : kind == FI_PHYSICAL_F32 ? sizeof(float)
                                     : sizeof(uint64_t);
}

static int
create(struct firn_scan *scan, const struct fi_query_join_spec *spec, struct fi_query_join *join,
       firn_error *err)
{
    join->column_count = spec->column_count + 1;
    join->columns = fi_alloc_zeroed(join->column_count * sizeof join->columns[0]);
    if (join->columns == NULL) {
        return fi_error_no_memory(err, "joined rows");
    }
    for (size_t i = 0; i < join->column_count; i++) {
        struct kept *kept = &join->columns[i];
        firn_scan_column column;
        kept->number = i == 0 ? spec->key : spec->columns[i - 1];
        fi_query_column_at(scan, kept->number, &column);
        kept->kind = fi_expr_physical(column.type);
        kept->fixed_size = fi_type_bytes_size(column.type, column.dimensions);
        kept->width = width_of(kept->kind);
    }
    join->flip = join->columns[0].kind == FI_PHYSICAL_I64 ? UINT64_C(1) << 63 : 0;
    join->min = UINT64_MAX;
    return FIRN_OK;
}

static int
check_memory(const struct fi_query_join *join, const struct fi_query_join_spec *spec,
             firn_error *err)
{
    return join->bytes + join->arena.total_bytes <= spec->memory_bytes
               ? FIRN_OK
               : fi_error_set(err, FIRN_LIMIT,
                              "the joined rows need more than the %llu MiB that they may have: "
                              "join the smaller side, select less of it, or allow more memory",
                              (unsigned long long)(spec->memory_bytes >> 20));
}

/* Adds to the memory that is used; FIRN_LIMIT. */
static int
join_count_bytes(struct fi_query_join *join, const struct fi_query_join_spec *spec, size_t count,
                 size_t width, firn_error *err)
{
    join->bytes += (uint64_t)count * width;
    return check_memory(join, spec, err);
}

static int
join_reserve(struct fi_query_join *join, const struct fi_query_join_spec *spec, size_t count,
             firn_error *err)
{
    if (count <= join->capacity) {
        return FIRN_OK;
    }
    if (count >= FI_QUERY_JOIN_NONE / 2) {
        return fi_error_set(err, FIRN_LIMIT, "there are too many joined rows");
    }
    size_t capacity = join->capacity > 0 ? 2 * join->capacity : ROWS_FIRST;
    join->bytes = 0;
    for (size_t i = 0; i < join->column_count; i++) {
        FI_TRY_RETURN(join_count_bytes(join, spec, capacity, join->columns[i].width + 1, err));
    }
    for (size_t i = 0; i < join->column_count; i++) {
        struct kept *kept = &join->columns[i];
        uint8_t *values = fi_resize_array(kept->values, capacity, kept->width);
        kept->values = values != NULL ? values : kept->values;
        uint8_t *nulls = values != NULL ? fi_resize(kept->is_null, capacity) : NULL;
        kept->is_null = nulls != NULL ? nulls : kept->is_null;
        if (nulls == NULL) {
            return fi_error_no_memory(err, "joined rows");
        }
    }
    join->capacity = capacity;
    return FIRN_OK;
}

static bool
is_valid(const struct fi_chunk_values *values, size_t row)
{
    return values->valid == NULL || (values->valid[row / 64] >> (row % 64) & 1) != 0;
}

/* Lists the rows of a batch that can match something. */
static void
choose_rows(struct fi_query_join *join, const struct fi_query_join_spec *spec,
            const struct fi_chunk_values *keys, size_t count, struct fi_query_selection *out)
{
    const bool is_number = join->columns[0].kind != FI_PHYSICAL_BYTES;
    out->count = 0;
    out->is_all = false;
    for (size_t i = 0; i < count; i++) {
        if (!is_valid(keys, i) || (spec->is_mixed && keys->as.u64[i] >> 63 != 0)) {
            continue;
        }
        DCHECK(!spec->is_mixed || keys->as.u64[i] >> 63 == 0); /* (I2) */
        out->rows[out->count++] = (uint16_t)i;
        if (is_number) {
            const uint64_t key = keys->as.u64[i] ^ join->flip;
            join->min = key < join->min ? key : join->min;
            join->max = key > join->max ? key : join->max;
        }
    }
}

static int
keep_column(struct fi_query_join *join, struct kept *kept, const struct fi_chunk_values *values,
            const struct fi_query_selection *selection, firn_error *err)
{
    uint8_t *to = kept->values + join->count * kept->width;
    DCHECK(selection->count <= join->capacity - join->count);
    fi_query_column_gather(to, values, selection);
    for (size_t i = 0; i < selection->count; i++) {
        kept->is_null[join->count + i] = !is_valid(values, selection->rows[i]);
    }
    for (size_t i = 0; kept->kind == FI_PHYSICAL_BYTES && i < selection->count; i++) {
        firn_slice *slice = (firn_slice *)to + i;
        slice->data = fi_arena_copy(&join->arena, slice->data, slice->size);
        if (slice->data == NULL) {
            return fi_error_no_memory(err, "joined rows");
        }
    }
    return FIRN_OK;
}

static int
keep_batch(struct fi_query_join *join, const struct fi_query_join_spec *spec,
           const struct firn_scan_batch *batch, firn_error *err)
{
    struct fi_query_selection selection;
    choose_rows(join, spec, fi_query_batch_column(batch, spec->key), fi_query_batch_rows(batch),
                &selection);
    if (selection.count == 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(join_reserve(join, spec, join->count + selection.count, err));
    for (size_t i = 0; i < join->column_count; i++) {
        struct kept *kept = &join->columns[i];
        FI_TRY_RETURN(
            keep_column(join, kept, fi_query_batch_column(batch, kept->number), &selection, err));
    }
    join->count += selection.count;
    return check_memory(join, spec, err);
}

/* ---- the index ---- */

static uint64_t
mix(uint64_t number)
{
    __extension__ typedef unsigned __int128 wide;
    const wide product = (wide)number * UINT64_C(0x9e3779b97f4a7c15);
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

/* The rank of a number among the keys. Requires: it is one. */
static inline size_t
rank_of(const struct fi_query_join *join, uint64_t distance)
{
    const struct word *word = &join->words[distance / 64];
    return word->before + fi_count_bits(word->bits & ((UINT64_C(1) << distance % 64) - 1));
}

/* Row `row` comes before the first known row with its key, which may be NONE. */
static int
put_first(struct fi_query_join *join, uint32_t *first, size_t row, firn_error *err)
{
    if (*first != FI_QUERY_JOIN_NONE && join->next == NULL) {
        join->next = fi_alloc_array(join->count, sizeof join->next[0]);
        if (join->next == NULL) {
            return fi_error_no_memory(err, "joined rows");
        }
        memset(join->next, 0xff, join->count * sizeof join->next[0]);
    }
    if (join->next != NULL) {
        join->next[row] = *first;
    }
    DCHECK(*first == FI_QUERY_JOIN_NONE || row < *first); /* (I1) */
    *first = (uint32_t)row;
    return FIRN_OK;
}

static int
index_narrow(struct fi_query_join *join, firn_error *err)
{
    const uint64_t *keys = (const uint64_t *)join->columns[0].values;
    const size_t words = (size_t)((join->max - join->min) / 64) + 1;
    join->words = fi_alloc_zeroed(words * sizeof join->words[0]);
    join->first = fi_alloc_array(join->count, sizeof join->first[0]);
    if (join->words == NULL || join->first == NULL) {
        return fi_error_no_memory(err, "joined rows");
    }
    memset(join->first, 0xff, join->count * sizeof join->first[0]);
    for (size_t i = 0; i < join->count; i++) {
        const uint64_t distance = (keys[i] ^ join->flip) - join->min;
        join->words[distance / 64].bits |= UINT64_C(1) << distance % 64;
    }
    for (size_t i = 1; i < words; i++) {
        join->words[i].before = join->words[i - 1].before + fi_count_bits(join->words[i - 1].bits);
    }
    for (size_t i = join->count; i-- > 0;) {
        const size_t rank = rank_of(join, (keys[i] ^ join->flip) - join->min);
        FI_TRY_RETURN(put_first(join, &join->first[rank], i, err));
    }
    return FIRN_OK;
}

/* The slot of a key, or the free one where it would be. */
static struct slot *
find_slot(const struct fi_query_join *join, const struct fi_chunk_values *keys, size_t row,
          uint64_t *out_key)
{
    const bool is_bytes = keys->kind == FI_PHYSICAL_BYTES;
    const firn_slice *const known = (const firn_slice *)join->columns[0].values;
    const firn_slice bytes = is_bytes ? keys->as.bytes[row] : firn_bytes(NULL, 0);
    const uint64_t key = is_bytes ? fi_xxh3(bytes.data, bytes.size, join->seed) : keys->as.u64[row];
    size_t at = (size_t)(mix(key ^ join->seed) >> join->shift);
    while (join->slots[at].row != FI_QUERY_JOIN_NONE &&
           (join->slots[at].key != key ||
            (is_bytes && !fi_slice_equal(known[join->slots[at].row], bytes)))) {
        at = at < join->slot_last ? at + 1 : 0;
    }
    *out_key = key;
    return &join->slots[at];
}

static int
index_hashed(struct fi_query_join *join, size_t slots, firn_error *err)
{
    const struct kept *kept = &join->columns[0];
    const struct fi_chunk_values keys = {
        .kind = kept->kind, .count = join->count, .as.u64 = (const uint64_t *)kept->values};
    join->slots = fi_alloc_array(slots, sizeof join->slots[0]);
    if (join->slots == NULL) {
        return fi_error_no_memory(err, "joined rows");
    }
    memset(join->slots, 0xff, slots * sizeof join->slots[0]);
    join->slot_last = slots - 1;
    join->shift = 64 - (unsigned)__builtin_ctzll(slots);
    for (size_t i = join->count; i-- > 0;) {
        uint64_t key;
        struct slot *slot = find_slot(join, &keys, i, &key);
        slot->key = key;
        FI_TRY_RETURN(put_first(join, &slot->row, i, err));
    }
    return FIRN_OK;
}

static int
index_rows(struct fi_query_join *join, const struct fi_query_join_spec *spec, firn_error *err)
{
    const uint64_t spread = join->max - join->min;
    size_t slots = 4;
    if (join->count == 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(join_count_bytes(join, spec, join->count, 2 * sizeof(uint32_t), err));
    if (join->columns[0].kind != FI_PHYSICAL_BYTES &&
        (spread < SPREAD_FREE || spread / SPREAD_MAX < join->count) &&
        (spread / 64 + 1) * sizeof(struct word) <= spec->memory_bytes - fi_query_join_bytes(join)) {
        join->bytes += (spread / 64 + 1) * sizeof(struct word);
        return index_narrow(join, err);
    }
    while (slots / 4 * 3 < join->count) {
        slots *= 2;
    }
    FI_TRY_RETURN(join_count_bytes(join, spec, slots, sizeof(struct slot), err));
    return index_hashed(join, slots, err);
}

int
fi_query_join_read(struct firn_scan *scan, const struct fi_query_join_spec *spec,
                   struct fi_query_join **out, firn_error *err)
{
    const struct firn_scan_batch *batch;
    int rc = FIRN_OK;
    *out = NULL;
    struct fi_query_join *join = fi_alloc_zeroed(sizeof *join);
    if (join == NULL) {
        return fi_error_no_memory(err, "joined rows");
    }
    join->seed = spec->seed;
    FI_TRY(create(scan, spec, join, err));
    for (;;) {
        FI_TRY(fi_query_next(scan, &batch, err));
        if (batch == NULL) {
            break;
        }
        FI_TRY(keep_batch(join, spec, batch, err));
    }
    FI_TRY(index_rows(join, spec, err));
    *out = join;
    join = NULL;
out:
    fi_query_join_destroy(join);
    return rc;
}

void
fi_query_join_destroy(struct fi_query_join *join)
{
    if (join == NULL) {
        return;
    }
    for (size_t i = 0; join->columns != NULL && i < join->column_count; i++) {
        fi_free(join->columns[i].values);
        fi_free(join->columns[i].is_null);
    }
    fi_arena_deinit(&join->arena);
    fi_free(join->columns);
    fi_free(join->next);
    fi_free(join->words);
    fi_free(join->first);
    fi_free(join->slots);
    fi_free(join);
}

uint64_t
fi_query_join_bytes(const struct fi_query_join *join)
{
    return join->bytes + join->arena.total_bytes;
}

bool
fi_query_join_bounds(const struct fi_query_join *join, uint64_t *out_min, uint64_t *out_max)
{
    *out_min = join->min ^ join->flip;
    *out_max = join->max ^ join->flip;
    return join->count > 0 && join->columns[0].kind != FI_PHYSICAL_BYTES;
}

/* ---- finding ---- */

/* Clears the bits of values that are not between the bounds, or are not there. */
static uint64_t
find_narrow(const struct fi_query_join *join, const uint64_t *keys, uint64_t bits)
{
    const uint64_t spread = join->max - join->min;
    uint64_t found = 0;
    for (; bits != 0; bits &= bits - 1) {
        const unsigned i = (unsigned)__builtin_ctzll(bits);
        const uint64_t distance = (keys[i] ^ join->flip) - join->min;
        const uint64_t word = join->words[distance <= spread ? distance / 64 : 0].bits;
        found |= (distance <= spread ? word >> distance % 64 & 1 : 0) << i;
    }
    return found;
}

static inline uint32_t
first_row(const struct fi_query_join *join, const struct fi_chunk_values *keys, size_t i)
{
    uint64_t key;
    return join->words != NULL
               ? join->first[rank_of(join, (keys->as.u64[i] ^ join->flip) - join->min)]
               : find_slot(join, keys, i, &key)->row;
}

bool
fi_query_join_find(const struct fi_query_join *join, const struct fi_chunk_values *keys,
                   uint64_t *mask, uint32_t *rows)
{
    bool has_several = false;
    memset(rows, 0, FI_CHUNK_BLOCK * sizeof rows[0]);
    for (size_t w = 0; w < FI_CHUNK_MASK_WORDS; w++) {
        uint64_t bits = mask[w];
        if (bits == 0) {
            continue;
        }
        bits &= join->count == 0 ? 0 : keys->valid != NULL ? keys->valid[w] : UINT64_MAX;
        bits = join->words != NULL ? find_narrow(join, keys->as.u64 + w * 64, bits) : bits;
        mask[w] = bits;
        for (; bits != 0; bits &= bits - 1) {
            const size_t i = w * 64 + (size_t)__builtin_ctzll(bits);
            const uint32_t row = first_row(join, keys, i);
            if (row == FI_QUERY_JOIN_NONE) {
                mask[w] &= ~(bits & (~bits + 1));
                continue;
            }
            rows[i] = row;
            has_several = has_several || fi_query_join_next(join, row) != FI_QUERY_JOIN_NONE;
        }
    }
    return has_several;
}

uint32_t
fi_query_join_next(const struct fi_query_join *join, uint32_t row)
{
    DCHECK(row < join->count);
    return join->next != NULL ? join->next[row] : FI_QUERY_JOIN_NONE;
}

int
fi_query_join_column(const struct fi_query_join *join, size_t i, const uint32_t *rows, size_t count,
                     struct fi_query_column *to, struct fi_chunk_values *out, firn_error *err)
{
    const struct kept *kept = &join->columns[i + 1];
    int rc = fi_query_column_begin(to, kept->kind, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (size_t k = 0; k < count; k++) {
        to->valid[k / 64] |= (uint64_t)(kept->is_null[rows[k]] == 0) << (k % 64);
    }
    for (size_t k = 0; kept->width == sizeof(uint64_t) && k < count; k++) {
        ((uint64_t *)to->numbers)[k] = ((const uint64_t *)kept->values)[rows[k]];
    }
    for (size_t k = 0; kept->width != sizeof(uint64_t) && k < count; k++) {
        memcpy((uint8_t *)to->numbers + k * kept->width, kept->values + rows[k] * kept->width,
               kept->width);
    }
    fi_query_column_end(to, kept->kind, kept->fixed_size, count, out);
    return FIRN_OK;
}
