/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/table_state.h: what states of a table have differently, what a table takes up, and whether it is
 * sound.
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
 * - Reads little more than what was written between the two states.
 * - Rows are compared by what they say, not by when they were written: a row that was written again with the
 *   same values is no difference.
 * - Both states are judged by the time of the call: a row whose time to live has passed is in neither.
 * - Columns are the same if they are the same column of the table, whatever they are called. A row is changed
 *   if a column that both states have differs; or one that was added since, if it is not the initial value
 *   that all rows had in it then. What only the earlier state has, or had dropped, does not count. So adding,
 *   dropping and renaming a column changes no row.
 * - Where the table was dropped and another one has its name now, all rows of the first are removed and then
 *   all rows of the second added.
 * - Values are compared exactly: -0 is not 0 here, unless it is in the key. */

typedef enum firn_row_difference_kind {
    FIRN_ROW_DIFFERENCE_ADDED = 1, /* only the later state has a row with the key */
    FIRN_ROW_DIFFERENCE_REMOVED = 2,
    FIRN_ROW_DIFFERENCE_CHANGED = 3
} firn_row_difference_kind;
/* "added", "removed" or "changed", constant; never NULL. Any thread. */
FIRN_API const char *firn_row_difference_kind_name(firn_row_difference_kind kind);

/* A row that differs. Everything in it is borrowed until the next call for the comparison. */
typedef struct firn_row_difference {
    size_t size; /* sizeof(firn_row_difference), of the library */
    firn_row_difference_kind kind;
    size_t column_count; /* of the comparison: see firn_table_diff_column_at */
    /* A value for each column: null where the state does not have the column. NULL where it does not have
     * the row. */
    const firn_value *before;
    const firn_value *after;
    const bool
        *changed; /* whether the value of each column differs; of a row that is in both states */
} firn_row_difference;

/* A column that at least one of the states has. */
typedef struct firn_table_diff_column {
    size_t size;                  /* sizeof(firn_table_diff_column), of the library */
    const char *before_name;      /* NULL: that state does not have the column */
    const char *after_name;       /* the same */
    firn_table_column definition; /* by its later name; without a default */
    size_t key_place;             /* 1 for the first column of the primary key, and so on; else 0 */
} firn_table_diff_column;

typedef struct firn_table_diff_options {
    size_t size; /* sizeof(firn_table_diff_options) */
    /* The states; NULL: now. Both may be closed before the comparison is. */
    firn_snapshot *before;
    firn_snapshot *after;
    firn_callbacks callbacks; /* progress only; borrowed until the comparison is closed */
} firn_table_diff_options;
#define FIRN_TABLE_DIFF_OPTIONS_INIT                                     \
    {                                                                    \
        sizeof(firn_table_diff_options), NULL, NULL, FIRN_CALLBACKS_INIT \
    }

/* One thread at a time; must be closed before the store. */
typedef struct firn_table_diff firn_table_diff;
/* Compares the table that two states have under a name. options NULL: now with now, which has no difference.
 * FIRN_NOT_FOUND if neither has the table. Where one has a keyspace of that name, it has no table. */
FIRN_API FIRN_MUST_CHECK int firn_table_diff_open(firn_store *store, const char *name,
                                                  const firn_table_diff_options *options,
                                                  firn_table_diff **out, firn_error *err);
/* NULL is allowed. */
FIRN_API void firn_table_diff_close(firn_table_diff *diff);
/* The i-th column, in the order in which they were added; NULL where there are no more. Owned by the
 * comparison. */
FIRN_API const firn_table_diff_column *firn_table_diff_column_at(const firn_table_diff *diff,
                                                                 size_t i);
/* The next row that differs, in the order of the key; *out is NULL at the end. */
FIRN_API FIRN_MUST_CHECK int firn_table_diff_next(firn_table_diff *diff,
                                                  const firn_row_difference **out, firn_error *err);

/* ==== what a table takes up ==== */

enum { FIRN_TABLE_ENCODINGS_MAX = 16 };

/* Of the chunks that the table's files have of one column: old versions of rows, and rows that were deleted,
 * are in them until files are merged. Rows in memory are not. */
typedef struct firn_table_column_statistics {
    size_t size;                  /* sizeof(firn_table_column_statistics), of the library */
    firn_table_column definition; /* without a default */
    uint64_t chunks;
    uint64_t values; /* nulls included */
    uint64_t nulls;
    uint64_t stored_bytes; /* as they lie in the files */
    uint64_t raw_bytes;    /* of the values; the ratio is raw_bytes / stored_bytes */
    /* How many chunks have each encoding: firn_table_encoding_name. 0: a large value by itself. */
    uint64_t encodings[FIRN_TABLE_ENCODINGS_MAX];
    /* No value is below the first, nor above the second; NaN aside. Null where nothing is known. Of texts and
     * blobs the first few bytes: where largest_is_cut, values begin so and go on. */
    firn_value smallest;
    firn_value largest;
    bool largest_is_cut;
} firn_table_column_statistics;

typedef struct firn_table_index_statistics {
    size_t size; /* sizeof(firn_table_index_statistics), of the library */
    const char *name;
    bool is_unique;
    uint64_t entries; /* exact where rows_are_exact */
    uint64_t file_bytes;
    uint64_t memory_bytes;
} firn_table_index_statistics;

typedef struct firn_table_statistics {
    size_t size;          /* sizeof(firn_table_statistics), of the library */
    uint64_t rows;        /* an estimate, unless */
    bool rows_are_exact;  /* they were counted, or there is nothing to be uncertain of */
    uint64_t runs;        /* files of columns */
    uint64_t file_bytes;  /* of these; indexes are apart */
    uint64_t value_bytes; /* in files of large values */
    uint64_t memory_rows; /* written and not in files yet */
    uint64_t memory_bytes;
    size_t column_count;
    const firn_table_column_statistics *columns; /* in the order in which they were added */
    size_t index_count;
    const firn_table_index_statistics *indexes;
} firn_table_statistics;

typedef struct firn_table_stats_options {
    size_t size; /* sizeof(firn_table_stats_options) */
    /* Columns and rows as of then; NULL: now. */
    firn_snapshot *snapshot;
    bool count; /* count rows and entries of indexes, which reads all their keys */
} firn_table_stats_options;
#define FIRN_TABLE_STATS_OPTIONS_INIT                 \
    {                                                 \
        sizeof(firn_table_stats_options), NULL, false \
    }
/* Tells what a table takes up. Reads what files say of their columns, but no rows unless they are counted.
 * *out is one piece of memory: release it with firn_release. options may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_table_stats(firn_table *table,
                                              const firn_table_stats_options *options,
                                              firn_table_statistics **out, firn_error *err);
/* "plain", "dictionary", …, "large" for 0; NULL for a number that is no encoding. Any thread. */
FIRN_API const char *firn_table_encoding_name(unsigned encoding);

/* ==== whether a table is sound ==== */

typedef struct firn_table_check_options {
    size_t size;              /* sizeof(firn_table_check_options) */
    firn_snapshot *snapshot;  /* the state that is checked; NULL: now */
    firn_callbacks callbacks; /* on_notice gets FIRN_NOTICE_DAMAGED for each thing that is wrong */
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
/* Reads all rows and all indexes: every row fits its key and the table's columns, every row has its entry in
 * every index, and there is no other entry. FIRN_CORRUPT, with the first thing that is wrong, where anything
 * is; dropping an index that disagrees, and adding it again, repairs it. What files hold is checked by
 * firn_store_check. out may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_table_check(firn_table *table,
                                              const firn_table_check_options *options,
                                              firn_table_check_result *out, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
