/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/table_state.h: comparing two states of a table, measuring a table, checking a table.
 *
 *     firn_table_diff_options options = FIRN_TABLE_DIFF_OPTIONS_INIT;
 *     options.before = snapshot;
 *     code = firn_table_diff_open(store, "people", &options, &diff, &err);
 *     while (code == FIRN_OK &&
 *            (code = firn_table_diff_next(diff, &row, &err)) == FIRN_OK && row != NULL) {
 *         …
 *     }
 *     firn_table_diff_close(diff);
 */
#ifndef FIRN_TABLE_STATE_H
#define FIRN_TABLE_STATE_H

#include "notice.h"
#include "table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ==== rows that differ ====
 *
 * - A comparison reads little more than what was written between the two states.
 * - Rows are compared by their values: a row that was rewritten with the same values does not differ.
 * - The time of the call decides for both states whether a row has expired; an expired row is in neither.
 * - A column that was renamed is still the same column. A row has changed if its values differ in a column
 *   that both states have. A column that was added later counts as changed if its value is not the default
 *   that all existing rows got. Columns that only the earlier state has do not count. So adding, dropping
 *   or renaming a column changes no row.
 * - If the table was dropped and another one was created with its name, all rows of the first are removed and
 *   all rows of the second added.
 * - Values are compared exactly: -0 differs from 0, except in the key. */

typedef enum firn_row_difference_kind {
    FIRN_ROW_DIFFERENCE_ADDED = 1, /* only the later state has a row with the key */
    FIRN_ROW_DIFFERENCE_REMOVED = 2,
    FIRN_ROW_DIFFERENCE_CHANGED = 3
} firn_row_difference_kind;
/* "added", "removed" or "changed", constant; never NULL. Any thread. */
FIRN_API const char *firn_row_difference_kind_name(firn_row_difference_kind kind);

/* A row that differs. Everything in it is borrowed until the next call for the comparison. */
typedef struct firn_row_difference {
    firn_row_difference_kind kind;
    size_t column_count; /* of the comparison: see firn_table_diff_column_at */
    /* A value for each column; null if the state does not have the column. NULL if the state does not have
     * the row. */
    const firn_value *before;
    const firn_value *after;
    const bool *changed; /* CHANGED: for each column, whether its value differs; else NULL */
} firn_row_difference;

/* A column that at least one of the states has. */
typedef struct firn_table_diff_column {
    const char *before_name;             /* NULL: that state does not have the column */
    const char *after_name;              /* the same */
    const firn_table_column *definition; /* by its later name; without a default */
    size_t key_place; /* 1 for the first column of the primary key, and so on; else 0 */
} firn_table_diff_column;

typedef struct firn_table_diff_options {
    size_t size; /* sizeof(firn_table_diff_options) */
    /* The states; NULL: the present one. Both may be closed before the comparison. */
    firn_snapshot *before;
    firn_snapshot *after;
    firn_callbacks callbacks; /* progress only; borrowed until the comparison is closed */
} firn_table_diff_options;
#define FIRN_TABLE_DIFF_OPTIONS_INIT                                     \
    {                                                                    \
        sizeof(firn_table_diff_options), NULL, NULL, FIRN_CALLBACKS_INIT \
    }

/* One thread at a time. firn_store_close returns FIRN_MISUSE while it is open. */
typedef struct firn_table_diff firn_table_diff;
/* Compares the tables that two states have under one name. With options NULL the present state is compared
 * with itself. FIRN_NOT_FOUND if neither state has a table with the name (a keyspace does not count). */
FIRN_API FIRN_MUST_CHECK int firn_table_diff_open(firn_store *store, const char *name,
                                                  const firn_table_diff_options *options,
                                                  firn_table_diff **out, firn_error *err);
/* Closes a comparison. NULL is allowed. */
FIRN_API void firn_table_diff_close(firn_table_diff *diff);
/* The i-th column, in the order in which the columns were added; NULL beyond the last. Owned by the
 * comparison. */
FIRN_API const firn_table_diff_column *firn_table_diff_column_at(const firn_table_diff *diff,
                                                                 size_t i);
/* The next row that differs, in the order of the key; *out is NULL at the end. */
FIRN_API FIRN_MUST_CHECK int firn_table_diff_next(firn_table_diff *diff,
                                                  const firn_row_difference **out, firn_error *err);

/* ==== the size of a table ==== */

enum { FIRN_TABLE_ENCODINGS_MAX = 16 };

/* One column in the table's files, where it consists of chunks. Overwritten and deleted rows are included
 * until compactions drop them; rows that are only in memory are not included. */
typedef struct firn_table_column_statistics {
    const firn_table_column *definition; /* without a default */
    uint64_t chunks;
    uint64_t values; /* nulls included */
    uint64_t nulls;
    uint64_t stored_bytes; /* their size in the files */
    uint64_t raw_bytes;    /* their size without encoding and compression */
    /* The number of chunks with each encoding (firn_table_encoding_name); encodings[0] counts large values
     * that are stored alone. */
    uint64_t encodings[FIRN_TABLE_ENCODINGS_MAX];
    /* Bounds of all values except NaN; null if unknown. Bounds of texts and blobs are cut to their first few
     * bytes; if largest_is_cut, values may continue beyond `largest`. */
    firn_value smallest;
    firn_value largest;
    bool largest_is_cut;
} firn_table_column_statistics;

typedef struct firn_table_index_statistics {
    const char *name;
    bool is_unique;
    uint64_t entries; /* exact if rows_are_exact */
    uint64_t file_bytes;
    uint64_t memory_bytes;
} firn_table_index_statistics;

typedef struct firn_table_statistics {
    uint64_t rows;        /* an estimate unless rows_are_exact */
    bool rows_are_exact;  /* rows were counted, or no estimate was needed */
    uint64_t runs;        /* files that contain columns */
    uint64_t file_bytes;  /* size of these files, without those of indexes */
    uint64_t value_bytes; /* in value files */
    uint64_t memory_rows; /* rows that are not in files yet */
    uint64_t memory_bytes;
    size_t column_count;
    const firn_table_column_statistics *const *columns; /* in the order in which they were added */
    size_t index_count;
    const firn_table_index_statistics *const *indexes;
} firn_table_statistics;

typedef struct firn_table_stats_options {
    size_t size;             /* sizeof(firn_table_stats_options) */
    firn_snapshot *snapshot; /* the state that is described; NULL: the present one */
    bool count;              /* count rows and index entries, which reads all their keys */
} firn_table_stats_options;
#define FIRN_TABLE_STATS_OPTIONS_INIT                 \
    {                                                 \
        sizeof(firn_table_stats_options), NULL, false \
    }
/* Measures a table. Reads no rows unless they are counted. *out is one allocation; free it with firn_release.
 * options may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_table_stats(firn_table *table,
                                              const firn_table_stats_options *options,
                                              firn_table_statistics **out, firn_error *err);
/* The name of an encoding: "plain", "dictionary", ...; "large" for 0. NULL if there is no such encoding. Any
 * thread. */
FIRN_API const char *firn_table_encoding_name(unsigned encoding);

/* ==== checking a table ==== */

typedef struct firn_table_check_options {
    size_t size;              /* sizeof(firn_table_check_options) */
    firn_snapshot *snapshot;  /* the state that is checked; NULL: the present one */
    firn_callbacks callbacks; /* on_notice gets FIRN_NOTICE_DAMAGED for each error */
} firn_table_check_options;
#define FIRN_TABLE_CHECK_OPTIONS_INIT                               \
    {                                                               \
        sizeof(firn_table_check_options), NULL, FIRN_CALLBACKS_INIT \
    }
typedef struct firn_table_check_result {
    size_t size; /* sizeof(firn_table_check_result), set by the caller */
    uint64_t rows;
    uint64_t index_entries;
    uint64_t damaged_count;
} firn_table_check_result;
#define FIRN_TABLE_CHECK_RESULT_INIT             \
    {                                            \
        sizeof(firn_table_check_result), 0, 0, 0 \
    }
/* Reads all rows and indexes, and checks that every row fits its key and the table's columns, and that every
 * index has exactly one entry for each row. FIRN_CORRUPT describes the first error. A wrong index is repaired by
 * dropping it and adding it again. The bytes of files are checked by firn_store_check. out may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_table_check(firn_table *table,
                                              const firn_table_check_options *options,
                                              firn_table_check_result *out, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
