/* SPDX-License-Identifier: Apache-2.0
 *
 * rowsort/rowsort.c: sorting rows: adding them, and sorting those in memory.
 *
 * A row becomes a record (rowsort_internal.h) whose key compares as bytes. The records are in
 * an arena; entries with the first eight bytes of their keys are sorted instead. An in-place radix
 * sort goes over these bytes from the front; if few rows are left, or the eight bytes are equal,
 * whole keys are compared.
 *
 * With a limit of k rows: when there are twice as many, they are sorted, and all except the first k
 * are dropped. The last of these is the worst: rows that do not come before it are dropped
 * from then on, most of them by one comparison of their first key, before anything is copied. So
 * each row costs O(1) on average, and a few cost a sort.
 *
 * When memory is used up, rows go to temporary files (rowsort_merge.c).
 *
 * (I1) No two keys are equal: they end with the row's sequence number.
 */
#include "rowsort/rowsort.h"

#include "base/mem.h"
#include "base/sort.h"
#include "rowsort/rowsort_internal.h"

enum {
    ROWS = FI_AGGREGATE_ROWS,
    INSERTION_MAX = 24,
    KEEP_MIN = 1024,           /* rows: fewer are not sorted to find the worst */
    BATCH_BYTES_MAX = 1 << 20, /* a batch ends after so much */
    MEMORY_SHARE = 16,
    ARENA_CHUNK_MIN = 4 << 10,
    ARENA_CHUNK_MAX = 256 << 10,
    ARENA_OVERHEAD = 32
};

/* ---- sorting ---- */

static int
compare_entries(const void *a, const void *b)
{
    const struct fi_rowsort_entry *x = a;
    const struct fi_rowsort_entry *y = b;
    if (x->head != y->head) {
        return x->head < y->head ? -1 : 1;
    }
    int order = fi_rowsort_key_compare(fi_rowsort_key_of(x->record), fi_rowsort_key_of(y->record));
    DCHECK(order != 0 || x->record == y->record); /* (I1) */
    return order;
}

static void
insertion_sort(struct fi_rowsort_entry *entries, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct fi_rowsort_entry entry = entries[i];
        size_t at = i;
        for (; at > 0 && compare_entries(&entry, &entries[at - 1]) < 0; at--) {
            entries[at] = entries[at - 1];
        }
        entries[at] = entry;
    }
}

/* Sorts entries whose heads are equal above the byte at shift, in place (McIlroy, Bostic, McIlroy:
 * Engineering Radix Sort, 1993). */
static void
radix_sort(struct fi_rowsort_entry *entries, size_t count, int shift)
{
    size_t counts[256];
    size_t begins[256];
    for (;; shift -= 8) {
        if (count <= INSERTION_MAX) {
            insertion_sort(entries, count);
            return;
        }
        if (shift < 0) {
            fi_sort(entries, count, sizeof *entries, compare_entries);
            return;
        }
        memset(counts, 0, sizeof counts);
        for (size_t i = 0; i < count; i++) {
            counts[entries[i].head >> shift & 0xff]++;
        }
        if (counts[entries[0].head >> shift & 0xff] < count) {
            break;
        }
    }
    size_t at = 0;
    for (size_t b = 0; b < 256; b++) {
        begins[b] = at;
        at += counts[b];
    }
    DCHECK(at == count);
    at = 0;
    for (size_t b = 0; b < 256; b++) {
        size_t end = at + counts[b];
        while (begins[b] < end) {
            struct fi_rowsort_entry entry = entries[begins[b]];
            for (size_t to; (to = entry.head >> shift & 0xff) != b;) {
                struct fi_rowsort_entry moved = entries[begins[to]];
                entries[begins[to]++] = entry;
                entry = moved;
            }
            entries[begins[b]++] = entry;
        }
        at = end;
    }
    at = 0;
    for (size_t b = 0; b < 256; b++) {
        if (counts[b] > 1) {
            radix_sort(entries + at, counts[b], shift - 8);
        }
        at += counts[b];
    }
}

/* ---- making ---- */

static int
check_spec(const struct fi_rowsort_spec *spec, firn_error *err)
{
    if (spec->column_count > FI_ROWSORT_COLUMNS_MAX || spec->key_count > FI_ROWSORT_KEYS_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "a query sorts at most %d columns, by at most %d",
                            FI_ROWSORT_COLUMNS_MAX, FI_ROWSORT_KEYS_MAX);
    }
    for (size_t i = 0; i < spec->column_count; i++) {
        if (!fi_type_is_valid(spec->columns[i].type)) {
            return fi_error_set(err, FIRN_INVALID, "there is no type %d",
                                (int)spec->columns[i].type);
        }
    }
    for (size_t i = 0; i < spec->key_count; i++) {
        if (spec->keys[i].column >= spec->column_count) {
            return fi_error_set(err, FIRN_INVALID, "rows have no column %u to sort by",
                                (unsigned)spec->keys[i].column);
        }
    }
    return FIRN_OK;
}

int
fi_rowsort_create(const struct fi_rowsort_spec *spec, struct fi_rowsort **out, firn_error *err)
{
    *out = NULL;
    int rc = check_spec(spec, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_rowsort *sort = fi_alloc_zeroed(sizeof *sort);
    if (sort == NULL) {
        return fi_error_no_memory(err, "rows to be sorted");
    }
    sort->kinds = fi_alloc_array(spec->column_count, sizeof *sort->kinds);
    sort->fixed_sizes = fi_alloc_array(spec->column_count, sizeof *sort->fixed_sizes);
    sort->keys = fi_alloc_array(spec->key_count, sizeof *sort->keys);
    if (sort->kinds == NULL || sort->fixed_sizes == NULL || sort->keys == NULL) {
        fi_rowsort_destroy(sort);
        return fi_error_no_memory(err, "rows to be sorted");
    }
    for (size_t i = 0; i < spec->column_count; i++) {
        sort->kinds[i] = fi_physical_of(spec->columns[i].type);
        sort->fixed_sizes[i] = spec->columns[i].fixed_size;
    }
    for (size_t i = 0; i < spec->key_count; i++) {
        sort->keys[i] = spec->keys[i];
    }
    sort->column_count = spec->column_count;
    sort->key_count = spec->key_count;
    sort->limit = spec->limit == 0 ? UINT64_MAX : spec->limit;
    sort->memory_bytes =
        spec->memory_bytes < FI_ROWSORT_MEMORY_MIN ? FI_ROWSORT_MEMORY_MIN : spec->memory_bytes;
    sort->spill = spec->spill;
    uint64_t chunk = sort->memory_bytes / MEMORY_SHARE;
    sort->arena.chunk_size = chunk < ARENA_CHUNK_MIN   ? ARENA_CHUNK_MIN
                             : chunk > ARENA_CHUNK_MAX ? ARENA_CHUNK_MAX
                                                       : (size_t)chunk;
    *out = sort;
    return FIRN_OK;
}

void
fi_rowsort_destroy(struct fi_rowsort *sort)
{
    if (sort == NULL) {
        return;
    }
    fi_rowsort_merge_deinit(sort);
    fi_rowsort_release_arenas(sort);
    fi_arena_deinit(&sort->batch);
    fi_buf_deinit(&sort->worst);
    fi_buf_deinit(&sort->buf);
    fi_free(sort->taken);
    fi_free(sort->entries);
    fi_free(sort->outputs);
    fi_free(sort->kinds);
    fi_free(sort->fixed_sizes);
    fi_free(sort->keys);
    fi_free(sort);
}

/* ---- memory ---- */

static uint64_t
used_bytes(const struct fi_rowsort *sort)
{
    uint64_t bytes = sort->capacity * sizeof *sort->entries + sort->arena.total_bytes;
    for (size_t i = 0; i < sort->taken_count; i++) {
        bytes += sort->taken[i].total_bytes;
    }
    return bytes;
}

/* Moves the records of the entries to a new arena, without other records. */
static int
rowsort_compact(struct fi_rowsort *sort, firn_error *err)
{
    struct fi_arena arena = {.chunk_size = sort->arena.chunk_size};
    for (size_t i = 0; i < sort->count; i++) {
        struct fi_rowsort_entry *entry = &sort->entries[i];
        uint8_t *copy = fi_arena_copy(&arena, entry->record, entry->size);
        if (copy == NULL) {
            /* Entries may point into either arena, so both must stay. */
            fi_arena_deinit(&arena);
            sort->count = 0;
            return fi_error_no_memory(err, "rows to be sorted");
        }
        entry->record = copy;
    }
    fi_rowsort_release_arenas(sort);
    sort->arena = arena;
    return FIRN_OK;
}

/* Rows from this key on are not wanted. */
static int
set_worst(struct fi_rowsort *sort, firn_slice key, firn_error *err)
{
    if (sort->has_worst && fi_rowsort_key_compare(key, fi_buf_slice(&sort->worst)) >= 0) {
        return FIRN_OK;
    }
    if (fi_buf_assign(&sort->worst, key) != FIRN_OK) {
        return fi_error_no_memory(err, "rows to be sorted");
    }
    sort->has_worst = true;
    sort->worst_head = fi_rowsort_key_head(key);
    return FIRN_OK;
}

/* Sorts, and keeps the first `limit` rows. */
static int
sort_and_cut(struct fi_rowsort *sort, firn_error *err)
{
    radix_sort(sort->entries, sort->count, 56);
    if (sort->count < sort->limit) {
        return FIRN_OK;
    }
    bool is_cut = sort->count > sort->limit;
    sort->count = (size_t)sort->limit;
    int rc = set_worst(sort, fi_rowsort_key_of(sort->entries[sort->count - 1].record), err);
    return rc == FIRN_OK && is_cut ? rowsort_compact(sort, err) : rc;
}

/* Makes room in memory: by dropping rows beyond the limit, or else by writing a run. */
static int
make_room(struct fi_rowsort *sort, firn_error *err)
{
    int rc = sort_and_cut(sort, err);
    if (rc == FIRN_OK && used_bytes(sort) > sort->memory_bytes / 2) {
        rc = fi_rowsort_merge_spill(sort, err);
    }
    return rc;
}

static bool
wants_cut(const struct fi_rowsort *sort)
{
    return sort->count >= KEEP_MIN && sort->limit <= sort->count / 2;
}

/* ---- adding ---- */

static int
add_record(struct fi_rowsort *sort, firn_slice record, firn_error *err)
{
    uint64_t cost = record.size + ARENA_OVERHEAD;
    if (record.size <= sort->arena.chunk_size / 4 &&
        (size_t)(sort->arena.end - sort->arena.at) < record.size) {
        cost = sort->arena.chunk_size + ARENA_OVERHEAD;
    }
    if (sort->count == sort->capacity) {
        cost += 2 * sort->capacity * sizeof *sort->entries;
    }
    if (sort->count > 0 && (wants_cut(sort) || used_bytes(sort) + cost > sort->memory_bytes)) {
        FI_TRY_RETURN(wants_cut(sort) ? sort_and_cut(sort, err) : make_room(sort, err));
    }
    FI_TRY_RETURN(FI_VEC_RESERVE(sort->entries, sort->count + 1, sort->capacity, err));
    struct fi_rowsort_entry *entries = sort->entries;
    uint8_t *copy = fi_arena_copy(&sort->arena, record.data, record.size);
    if (copy == NULL) {
        return fi_error_no_memory(err, "rows to be sorted");
    }
    entries[sort->count++] = (struct fi_rowsort_entry){
        .head = fi_rowsort_key_head(fi_rowsort_key_of(copy)), .record = copy, .size = record.size};
    return FIRN_OK;
}

static int
rowsort_explain(int rc, firn_error *err)
{
    return rc == FIRN_LIMIT ? fi_error_set(err, FIRN_LIMIT, "a row is too large to be sorted")
                            : fi_error_no_memory(err, "rows to be sorted");
}

static int
add_row(struct fi_rowsort *sort, const struct fi_chunk_values *columns, size_t row,
        uint64_t sequence, firn_error *err)
{
    struct fi_buf *buf = &sort->buf;
    int rc = fi_rowsort_key_begin(sort, columns, row, sequence, buf);
    if (rc != FIRN_OK) {
        return rowsort_explain(rc, err);
    }
    firn_slice key = fi_rowsort_key_of(buf->data);
    if (sort->has_worst && fi_rowsort_key_compare(key, fi_buf_slice(&sort->worst)) >= 0) {
        return FIRN_OK;
    }
    rc = fi_rowsort_key_end(sort, columns, row, buf);
    if (rc != FIRN_OK) {
        return rowsort_explain(rc, err);
    }
    return add_record(sort, fi_buf_slice(buf), err);
}

int
fi_rowsort_add(struct fi_rowsort *sort, const struct fi_chunk_values *columns, size_t count,
               const uint64_t *mask, uint64_t sequence, firn_error *err)
{
    size_t chosen = 0;
    DCHECK(!sort->is_finished && count <= ROWS);
    if (sequence == FI_ROWSORT_ARRIVAL) {
        sequence = sort->arrived;
        sort->arrived += count;
    }
    for (size_t i = 0; i < count; i++) {
        sort->rows[chosen] = (uint16_t)i;
        chosen += mask == NULL || fi_aggregate_is_set(mask, i);
    }
    chosen = fi_rowsort_key_reject(sort, columns, sort->rows, chosen);
    for (size_t i = 0; i < chosen; i++) {
        size_t row = sort->rows[i];
        int rc = add_row(sort, columns, row, sequence + row, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

/* ---- merging ---- */

static void
add_to_sequence(uint8_t *key, size_t size, uint64_t number)
{
    uint8_t *sequence = key + (size - FI_ROWSORT_SEQUENCE_SIZE);
    fi_store_be64(sequence, fi_load_be64(sequence) + number);
}

/* Takes over the entries and arena of another sort. */
static int
take_entries(struct fi_rowsort *sort, struct fi_rowsort *other, firn_error *err)
{
    size_t arenas = sort->taken_count + 1 + other->taken_count;
    FI_TRY_RETURN(FI_VEC_RESERVE(sort->taken, arenas, sort->taken_capacity, err));
    FI_TRY_RETURN(FI_VEC_RESERVE(sort->entries, sort->count + other->count, sort->capacity, err));
    for (size_t i = 0; i < other->count; i++) {
        struct fi_rowsort_entry entry = other->entries[i];
        add_to_sequence(entry.record + FI_ROWSORT_KEY_AT, fi_load_le32(entry.record),
                        sort->arrived);
        entry.head = fi_rowsort_key_head(fi_rowsort_key_of(entry.record));
        sort->entries[sort->count++] = entry;
    }
    sort->taken[sort->taken_count++] = other->arena;
    for (size_t i = 0; i < other->taken_count; i++) {
        sort->taken[sort->taken_count++] = other->taken[i];
    }
    other->arena = (struct fi_arena){.chunk_size = other->arena.chunk_size};
    other->taken_count = 0;
    other->count = 0;
    return FIRN_OK;
}

int
fi_rowsort_merge(struct fi_rowsort *sort, struct fi_rowsort *other, firn_error *err)
{
    int rc = FIRN_OK;
    DCHECK(sort != other && !sort->is_finished && !other->is_finished);
    DCHECK(sort->column_count == other->column_count && sort->limit == other->limit);
    if (other->count > 0) {
        FI_TRY(take_entries(sort, other, err));
    }
    FI_TRY(fi_rowsort_merge_take(sort, other, sort->arrived, err));
    if (other->has_worst) {
        add_to_sequence(other->worst.data, other->worst.size, sort->arrived);
        FI_TRY(set_worst(sort, fi_buf_slice(&other->worst), err));
        other->has_worst = false;
    }
    sort->arrived += other->arrived;
    other->arrived = 0;
    if (wants_cut(sort)) {
        FI_TRY(sort_and_cut(sort, err));
    }
    if (sort->count > 0 && used_bytes(sort) > sort->memory_bytes) {
        rc = make_room(sort, err);
    }
out:
    return rc;
}

/* ---- rows in order ---- */

int
fi_rowsort_finish(struct fi_rowsort *sort, firn_error *err)
{
    DCHECK(!sort->is_finished);
    FI_TRY_RETURN(sort_and_cut(sort, err));
    if (sort->runs.run_count > 0) {
        if (sort->count > 0) {
            FI_TRY_RETURN(fi_rowsort_merge_spill(sort, err));
        }
        fi_free(sort->entries);
        sort->entries = NULL;
        sort->capacity = 0;
        FI_TRY_RETURN(fi_rowsort_merge_begin(sort, err));
    }
    sort->outputs = fi_alloc_array(sort->column_count, sizeof *sort->outputs);
    if (sort->outputs == NULL) {
        return fi_error_no_memory(err, "rows to be sorted");
    }
    sort->is_finished = true;
    return FIRN_OK;
}

/* The next record, or NULL at the end. */
static int
next_record(struct fi_rowsort *sort, uint8_t **out, size_t *out_size, firn_error *err)
{
    *out = NULL;
    *out_size = 0;
    if (sort->emitted == sort->limit) {
        return FIRN_OK;
    }
    if (sort->runs.run_count > 0) {
        return fi_rowsort_merge_next(sort, out, out_size, err);
    }
    if (sort->emitted < sort->count) {
        *out = sort->entries[sort->emitted].record;
        *out_size = sort->entries[sort->emitted].size;
    }
    return FIRN_OK;
}

int
fi_rowsort_next(struct fi_rowsort *sort, struct fi_chunk_values *columns, size_t *out_count,
                firn_error *err)
{
    size_t count = 0;
    size_t bytes = 0;
    DCHECK(sort->is_finished);
    *out_count = 0;
    fi_arena_deinit(&sort->batch);
    for (size_t i = 0; i < sort->column_count; i++) {
        memset(sort->outputs[i].valid, 0, sizeof sort->outputs[i].valid);
    }
    while (count < ROWS && bytes < BATCH_BYTES_MAX) {
        uint8_t *record;
        size_t size;
        int rc = next_record(sort, &record, &size, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (record == NULL) {
            break;
        }
        if (!fi_rowsort_key_read(sort, record, size, count)) {
            return fi_error_set(err, FIRN_CORRUPT, "a row in a temporary file is damaged");
        }
        count++;
        bytes += size;
        sort->emitted++;
    }
    for (size_t i = 0; i < sort->column_count; i++) {
        fi_aggregate_keys_finish(&sort->outputs[i], sort->kinds[i], sort->fixed_sizes[i], count,
                                 &columns[i]);
    }
    *out_count = count;
    return FIRN_OK;
}

uint64_t
fi_rowsort_spilled_bytes(const struct fi_rowsort *sort)
{
    return sort->spilled_bytes;
}
