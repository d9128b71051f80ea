/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_filter.c: Bloom filters of the values of columns.
 *
 * Bounds do not help with values that are spread over all groups: names, hashes, order numbers of
 * another table. A column of the layout that asks for it gets a filter in each row group, of the
 * same form as that of keys (run/run_filter.c): of the group's distinct values, without nulls. It
 * is a block after the chunk. There is no filter if it would have more than half of the bytes of
 * the chunk, because reading the chunk is as cheap. A chunk with references to value files has none
 * either: searches for equal texts of many kilobytes are rare.
 *
 *   | chunks and filters of group 0 | of group 1 | … | ranges | filter | filters | index | …
 *
 * The section "filters" has their places: 24 bytes each, by group and column (column_format.h).
 *
 * Equal values have the same hash: -0 is 0, and there is one NaN, as in comparisons of values.
 *
 * Failure: a damaged filter or section is ignored, since it only saves work. A check of the run
 * reports it.
 *
 * Threads: reading from any; building belongs to a worker of column_chunks.c, the section to the
 * builder's thread.
 */
#include "column/column_internal.h"

#include <string.h>

#include "base/mem.h"
#include "base/sort.h"

enum { ENTRY_SIZE = FI_COLUMN_FORMAT_FILTER_SIZE };

/* ---- hashes ---- */

static uint64_t
hash_of(const struct fi_cell *cell)
{
    uint64_t number = 0;
    DCHECK(cell->kind != FI_PHYSICAL_NONE);
    switch (cell->kind) {
    case FI_PHYSICAL_BYTES:
        return fi_run_filter_hash(fi_run_key(cell->as.bytes));
    case FI_PHYSICAL_F32:
    case FI_PHYSICAL_F64: {
        const double value = cell->kind == FI_PHYSICAL_F32 ? (double)cell->as.f32 : cell->as.f64;
        if (value != value) {
            number = UINT64_MAX;
        } else if (value != 0) {
            memcpy(&number, &value, sizeof number);
        }
        break;
    }
    default:
        number = cell->as.u64;
        break;
    }
    uint8_t bytes[8];
    fi_store_le64(bytes, number);
    return fi_run_filter_hash(firn_bytes(bytes, sizeof bytes));
}

static int
compare_hashes(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return (*x > *y) - (*x < *y);
}

/* ---- building ---- */

int
fi_column_filter_build(const struct fi_chunk_values *values, size_t bytes_max,
                       struct fi_buf *hashes, struct fi_buf *out, firn_error *err)
{
    size_t count = 0;
    size_t kept = 0;
    fi_buf_clear(out);
    if (fi_buf_set_size(hashes, values->count * sizeof(uint64_t)) != FIRN_OK) {
        return fi_error_no_memory(err, "a Bloom filter");
    }
    uint64_t *numbers = (uint64_t *)(void *)hashes->data;
    for (size_t i = 0; i < values->count; i++) {
        const struct fi_cell cell = fi_column_read_value(values, i);
        if (cell.kind != FI_PHYSICAL_NONE) {
            numbers[count++] = hash_of(&cell);
        }
    }
    fi_sort(numbers, count, sizeof *numbers, compare_hashes);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || numbers[i] != numbers[i - 1]) {
            numbers[kept++] = numbers[i];
        }
    }
    DCHECK(kept <= count && count <= FI_CHUNK_VALUES_MAX);
    if (fi_run_filter_size_bytes(kept) > bytes_max) {
        return FIRN_OK;
    }
    return fi_run_filter_encode(numbers, kept, out) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a Bloom filter");
}

int
fi_column_filter_add(struct fi_buf *filters, size_t group, uint32_t column,
                     const struct fi_block_ref *ref)
{
    size_t at = filters->size;
    DCHECK(at % ENTRY_SIZE == 0 && group <= UINT32_MAX);
    if (fi_buf_set_size(filters, at + ENTRY_SIZE) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    uint8_t *entry = filters->data + at;
    fi_store_le32(entry, (uint32_t)group);
    fi_store_le32(entry + 4, column);
    fi_store_le64(entry + 8, ref->offset);
    fi_store_le32(entry + 16, ref->stored_size);
    fi_store_le32(entry + 20, ref->raw_size);
    return FIRN_OK;
}

/* ---- reading ---- */

/* What entries are ordered by. */
static uint64_t
place_of(const uint8_t *entry)
{
    return (uint64_t)fi_load_le32(entry) << 32 | fi_load_le32(entry + 4);
}

int
fi_column_filter_check(firn_slice raw, firn_error *err)
{
    bool is_good = raw.size > 0 && raw.size % ENTRY_SIZE == 0;
    for (size_t at = ENTRY_SIZE; is_good && at < raw.size; at += ENTRY_SIZE) {
        is_good = place_of(raw.data + at - ENTRY_SIZE) < place_of(raw.data + at);
    }
    return is_good ? FIRN_OK
                   : fi_error_set(err, FIRN_CORRUPT, "the list of Bloom filters is out of order");
}

int
fi_column_filter_load(struct fi_column_run *run, struct fi_compress *compress, firn_error *err)
{
    firn_error local;
    if (run->sections.filters.stored_size == 0) {
        return FIRN_OK;
    }
    int rc =
        fi_block_reader_read(run->reader, &run->sections.filters, compress, &run->filters, &local);
    rc = rc == FIRN_OK ? fi_column_filter_check(fi_buf_slice(&run->filters), &local) : rc;
    if (rc == FIRN_CORRUPT) {
        fi_buf_clear(&run->filters);
        rc = FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = local;
    }
    return rc;
}

bool
fi_column_filter_find(const struct fi_column_run *run, size_t group, uint32_t column,
                      struct fi_block_ref *out)
{
    const uint8_t *entries = run->filters.data;
    const uint64_t place = (uint64_t)group << 32 | column;
    size_t low = 0;
    size_t high = run->filters.size / ENTRY_SIZE;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (place_of(entries + middle * ENTRY_SIZE) < place) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low * ENTRY_SIZE == run->filters.size) {
        return false;
    }
    const uint8_t *entry = entries + low * ENTRY_SIZE;
    if (place_of(entry) != place) {
        return false;
    }
    *out = (struct fi_block_ref){.offset = fi_load_le64(entry + 8),
                                 .stored_size = fi_load_le32(entry + 16),
                                 .raw_size = fi_load_le32(entry + 20)};
    return true;
}

bool
fi_column_filter_has(firn_slice filter, const struct fi_cell *cell)
{
    DCHECK(filter.size > 0 && filter.size % FI_RUN_FILTER_LINE_SIZE == 0);
    return fi_run_filter_may_contain(filter, hash_of(cell));
}

int
fi_column_filter_may_have(struct fi_run *base, size_t group, uint32_t column,
                          const struct fi_cell *values, size_t count, bool *out, firn_error *err)
{
    struct fi_column_run *run = fi_column_read_run(base);
    struct fi_block_ref ref;
    struct fi_block_pin pin;
    firn_error local;
    DCHECK(group < run->index.group_count);
    *out = true;
    if (!fi_column_filter_find(run, group, column, &ref)) {
        return FIRN_OK;
    }
    int rc = fi_block_cache_read(run->cache, run->file_of_sections, run->reader, &ref,
                                 FI_BLOCK_CACHE_DATA, fi_run_filter_check, &pin, &local);
    if (rc == FIRN_OK) {
        *out = false;
        for (size_t i = 0; i < count && !*out; i++) {
            *out = fi_column_filter_has(firn_bytes(pin.data, pin.size), &values[i]);
        }
        fi_block_cache_unpin(run->cache, &pin);
    } else if (rc == FIRN_CORRUPT) {
        rc = FIRN_OK;
    } else if (err != NULL) {
        *err = local;
    }
    return rc;
}
