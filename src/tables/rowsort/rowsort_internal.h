/* SPDX-License-Identifier: Apache-2.0
 *
 * rowsort/rowsort_internal.h: what the files of sorting share.
 *
 * A row is a record, in memory and in files:
 *
 *   0             4              4 + n
 *   +-------------+--------------+-------+--------+
 *   | size of key | key, n bytes | nulls | values |
 *   +-------------+--------------+-------+--------+
 *
 *   key: for each key column 00 for null, or 01 and its value (a number's rank, 8 bytes with the
 *   highest first; or bytes, with 00 FF for each 00 of them, and 00 00 at the end), all of it
 *   inverted where the key descends; then the row's sequence number, 8 bytes with the highest
 *   first. So rows are ordered as the bytes of their keys, and no two are equal.
 *   nulls: bit i % 8 of byte i / 8: column i is null
 *   values of the columns that are not null: 8 bytes of a number; size, 4 bytes, and the bytes
 */
#ifndef FIRN_ROWSORT_ROWSORT_INTERNAL_H
#define FIRN_ROWSORT_ROWSORT_INTERNAL_H

#include "aggregate/aggregate_internal.h"
#include "rowsort/rowsort.h"

enum { FI_ROWSORT_SEQUENCE_SIZE = 8, FI_ROWSORT_KEY_AT = 4 };

struct fi_rowsort_entry {
    uint64_t head; /* the first eight bytes of the key, as a number with the same order */
    uint8_t *record;
    size_t size;
};

/* Rows in order in a file. */
struct fi_rowsort_run {
    struct fi_spill_file *file;
    uint64_t start;
    uint64_t end;
    uint64_t sequence; /* to be added to the sequence numbers in it */
};
struct fi_rowsort_runs {
    struct fi_rowsort_run *runs;
    size_t run_count;
    size_t run_capacity;
    struct fi_spill_file **files; /* owned; the first one is written to */
    size_t file_count;
    size_t file_capacity;
};

struct fi_rowsort_source {
    struct fi_spill_reader reader;
    uint64_t sequence;
    uint64_t head;
    uint8_t *record; /* in the reader's block */
    size_t size;
};

struct fi_rowsort {
    enum fi_physical *kinds; /* of columns */
    uint32_t *fixed_sizes;
    size_t column_count;
    struct fi_rowsort_key *keys;
    size_t key_count;
    uint64_t limit; /* UINT64_MAX: none */
    uint64_t memory_bytes;
    const struct fi_spill *spill;
    /* Rows in memory. */
    struct fi_rowsort_entry *entries;
    size_t count;
    size_t capacity;
    struct fi_arena arena;
    struct fi_arena *taken; /* of others that were merged */
    size_t taken_count;
    size_t taken_capacity;
    uint64_t arrived; /* rows that were given numbers here */
    bool has_worst;   /* rows whose keys are not below it cannot be among the first `limit` */
    uint64_t worst_head;
    struct fi_buf worst; /* that key */
    struct fi_buf buf;   /* a row that is being added */
    uint16_t rows[FI_CHUNK_BLOCK];
    /* Temporary files. */
    struct fi_rowsort_runs runs;
    uint64_t spilled_bytes;
    struct fi_rowsort_source *sources; /* of a merge */
    size_t source_count;
    struct fi_rowsort_source **heap; /* the first row on top */
    size_t heap_count;
    /* Returning rows. */
    bool is_finished;
    uint64_t emitted;
    struct fi_aggregate_column_out *outputs;
    struct fi_arena batch; /* records from files */
};

/* ---- rowsort_key.c ---- */

static inline firn_slice
fi_rowsort_key_of(const uint8_t *record)
{
    return firn_bytes(record + FI_ROWSORT_KEY_AT, fi_load_le32(record));
}
uint64_t fi_rowsort_key_head(firn_slice key);
int fi_rowsort_key_compare(firn_slice a, firn_slice b);

/* Replaces the contents of buf by the front of a record: the key of a row. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_rowsort_key_begin(const struct fi_rowsort *sort,
                                         const struct fi_chunk_values *columns, size_t row,
                                         uint64_t sequence, struct fi_buf *buf);
/* Appends the rest. */
FIRN_MUST_CHECK int fi_rowsort_key_end(const struct fi_rowsort *sort,
                                       const struct fi_chunk_values *columns, size_t row,
                                       struct fi_buf *buf);
/* Keeps the rows that may be below the worst, judging by the number of the first key;
 * returns how many. */
size_t fi_rowsort_key_reject(const struct fi_rowsort *sort, const struct fi_chunk_values *columns,
                             uint16_t *rows, size_t count);
/* Writes the values of a record to a place of the outputs; bytes are borrowed. False: it is no
 * valid record. */
bool fi_rowsort_key_read(const struct fi_rowsort *sort, const uint8_t *record, size_t size,
                         size_t at);

/* ---- rowsort_merge.c ---- */

/* Writes the entries, which are in order, as a run, and releases them. */
FIRN_MUST_CHECK int fi_rowsort_merge_spill(struct fi_rowsort *sort, firn_error *err);
/* Begins to merge all runs; if there are too many, some are merged into longer ones first. */
FIRN_MUST_CHECK int fi_rowsort_merge_begin(struct fi_rowsort *sort, firn_error *err);
/* The row on top, borrowed until the next call; *out is NULL at the end. */
FIRN_MUST_CHECK int fi_rowsort_merge_next(struct fi_rowsort *sort, uint8_t **out, size_t *out_size,
                                          firn_error *err);
/* Takes over the runs of another sort, and adds a number to their sequence numbers. */
FIRN_MUST_CHECK int fi_rowsort_merge_take(struct fi_rowsort *sort, struct fi_rowsort *other,
                                          uint64_t sequence, firn_error *err);
void fi_rowsort_merge_deinit(struct fi_rowsort *sort);

/* ---- the rows in memory ---- */

static inline void
fi_rowsort_release_arenas(struct fi_rowsort *sort)
{
    fi_arena_deinit(&sort->arena);
    for (size_t i = 0; i < sort->taken_count; i++) {
        fi_arena_deinit(&sort->taken[i]);
    }
    sort->taken_count = 0;
}

/* Releases the rows in memory. */
static inline void
fi_rowsort_clear(struct fi_rowsort *sort)
{
    fi_rowsort_release_arenas(sort);
    sort->count = 0;
}

#endif
