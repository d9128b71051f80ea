/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/table.h: tables: rows of typed columns, found by key.
 *
 *     firn_table_def *def;
 *     code = firn_table_def_parse("id i64 auto, name text not null, born date, price decimal(12, 2), "
 *                                 "primary key (id), unique index by_name (name)", &def, &err);
 *
 * - Every table has a primary key of 1 to 16 columns, which cannot be null. Rows are in the order of that
 *   key, so choose a key that puts rows that are read together next to each other. An index is a second order.
 *   Every write of a row updates all indexes.
 * - Names of columns and indexes are case-sensitive, unlike in SQL.
 * - The type of a column never changes, and neither does whether it may be null. Columns can be added, dropped
 *   and renamed without rewriting rows. The data of a dropped column is freed when its rows are rewritten.
 * - A row that is inserted without a value for a column gets the column's default. Rows that exist when a
 *   column is added have its default of that moment; a later change of the default does not affect them.
 * - In a unique index any number of rows may have null.
 * - DECIMAL is exact: 12.30 in a decimal(12, 2) is stored as the whole number 1230. Numbers with more digits
 *   than the column has are refused, never rounded. F32 and F64 round as usual.
 * - DATE and TIMESTAMP range from 0001-01-01 to 9999-12-31 in the Gregorian calendar. A TIMESTAMP is in UTC;
 *   the program handles time zones.
 * - In keys -0 equals 0, and all NaNs are equal and come after all numbers.
 */
#ifndef FIRN_TABLE_H
#define FIRN_TABLE_H

#include <stdbool.h>

#include "txn.h"
#include "types.h"
#include "value.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ==== definitions ==== */

enum {
    FIRN_TABLE_COLUMNS_MAX = 1024,
    FIRN_TABLE_INDEXES_MAX = 64,
    FIRN_TABLE_KEY_COLUMNS_MAX = 16, /* of the primary key, and of an index */
    FIRN_TABLE_KEY_SIZE_MAX = 65535, /* bytes of these columns in one row, as a key */
    FIRN_TABLE_NAME_SIZE_MAX = 255,
    FIRN_TABLE_PRECISION_MAX = 18,
    FIRN_TABLE_DIMENSIONS_MAX = 65535,
    FIRN_TABLE_DEFAULT_SIZE_MAX = 64 << 10, /* bytes of a default */
    FIRN_TABLE_DEF_TEXT_MAX = 1 << 20       /* bytes of a definition as text */
};

/* Columns and indexes have no size of their own, so that arrays of them are easy to write. Later versions may add
 * members at the end nevertheless: a definition says how large its elements are, and inline functions pass the size
 * of a single one on.
 *
 * A zeroed column needs only a name and a type; its values may be null:
 *     firn_table_column columns[] = {{.name = "id", .type = FIRN_TYPE_I64, .is_auto = true},
 *                                    {.name = "name", .type = FIRN_TYPE_TEXT}}; */
typedef struct firn_table_column {
    const char *name; /* 1 to 255 bytes of UTF-8 without control characters */
    firn_type type;
    uint32_t precision;  /* of DECIMAL: how many digits, 1 to 18 */
    uint32_t scale;      /* of DECIMAL: how many of them after the point, 0 to precision */
    uint32_t dimensions; /* of VECTOR: 1 to 65,535 */
    bool not_null;       /* columns of the primary key are never null, even if this is false */
    bool
        is_auto; /* the table numbers its rows; only for an integer that is the whole primary key */
    /* The files of the table get Bloom filters of the column's values: scans with `=` or `in` skip row groups that do not
     * contain the wanted values. Useful for rare values in a column that is not the first of the primary key or of an
     * index. Costs at most 10 bits a row, and time when files are written. Not for VECTOR. */
    bool has_bloom_filter;
    const firn_value *default_value; /* NULL: none; then it is null, if the column may be null */
} firn_table_column;

typedef struct firn_table_index {
    const char *name;
    const char *const *columns; /* names of 1 to 16 columns; no VECTOR */
    size_t column_count;
    bool is_unique;
} firn_table_index;

struct firn_vector_index;

/* The definition of a table: fill it in yourself, or use firn_table_def_parse. Functions that take a
 * definition copy what they need. */
typedef struct firn_table_def {
    size_t size;                      /* sizeof(firn_table_def) */
    size_t column_size;               /* sizeof(firn_table_column) */
    size_t index_size;                /* sizeof(firn_table_index) */
    const firn_table_column *columns; /* 1 to 1,024 */
    size_t column_count;
    const char *const
        *key; /* names of the columns of the primary key, 1 to 16 in their order; no VECTOR */
    size_t key_count;
    const firn_table_index *indexes; /* at most 64 */
    size_t index_count;
    /* Indexes of vectors (firn/vector.h), at most 64. Each is as large as its member size says. */
    const struct firn_vector_index *vector_indexes;
    size_t vector_index_count;
} firn_table_def;
#define FIRN_TABLE_DEF_INIT                                                                   \
    {                                                                                         \
        sizeof(firn_table_def), sizeof(firn_table_column), sizeof(firn_table_index), NULL, 0, \
            NULL, 0, NULL, 0, NULL, 0                                                         \
    }

/* Parses a definition: items separated by commas.
 *
 *     NAME TYPE [null | not null] [default LITERAL] [auto] [bloom] [primary key]
 *     primary key (NAME, …)
 *     [unique] index NAME (NAME, …)
 *     vector index NAME (NAME) l2 | dot | cosine [m NUMBER] [ef NUMBER]
 *
 * A name that is not a plain word, or is one of these words, must be in double quotes; a double quote in
 * it is written twice. Types, in any case: bool, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64,
 * decimal(PRECISION, SCALE), date, timestamp, text, blob, uuid, vector(DIMENSIONS); and these names for
 * them: boolean, tinyint, smallint, int and integer (i32), bigint, int16 to int64 and uint8 to uint64 (the
 * number of bits), real and float32 (f32), double, double precision, float and float64 (f64), numeric,
 * datetime, varchar and string (text), bytea (blob). int8 is refused: it could mean 8 bits or 8 bytes.
 *
 * Literals: null, true, false, numbers, 'text' (a quote in it is written twice), '2000-01-31',
 * '2000-01-31 23:59:59.000001', 'c0ffee00-0000-4000-8000-000000000000' for a uuid, x'00ff' for blob,
 * uuid and vector. A floating-point literal is the number nearest to it; nan, inf and infinity, in any
 * case and with a sign, are some, too.
 *
 * *out is one allocation; free it with firn_release. FIRN_INVALID and FIRN_LIMIT give the position in the
 * text. The definition as a whole is checked only by firn_table_create. Any thread. */
FIRN_API FIRN_MUST_CHECK int firn_table_def_parse_sized(const char *text, size_t column_size,
                                                        size_t index_size, firn_table_def **out,
                                                        firn_error *err);
static inline FIRN_MUST_CHECK int
firn_table_def_parse(const char *text, firn_table_def **out, firn_error *err)
{
    return firn_table_def_parse_sized(text, sizeof(firn_table_column), sizeof(firn_table_index),
                                      out, err);
}

/* ---- values as text ----
 *
 *     bool               true, false; read in any case, and as t, f, 1, 0
 *     i8 … u64           a sign and digits
 *     f32, f64           digits with a point and an exponent; inf, nan. Read to the nearest number, written as
 *                        the shortest text that is read as the same one
 *     decimal(p, s)      a sign and digits with a point; never rounded
 *     date, timestamp    2026-01-31, 2026-01-31 23:59:59.5
 *     text               unchanged
 *     blob               \x and two hexadecimal digits for each byte
 *     uuid               8-4-4-4-12 hexadecimal digits
 *     vector(n)          [1.0,2.5]
 *
 * Null has no text form. Of the column, only the type (with precision, scale, dimensions) is used, in every
 * version. */

/* Parses a text as a value of a column. The value refers to `text` and to *out_memory (which may be NULL): the
 * caller frees *out_memory with firn_release when the value is no longer needed. FIRN_INVALID describes what is
 * wrong with the text. Any thread. */
FIRN_API FIRN_MUST_CHECK int firn_value_parse(const firn_table_column *column, firn_slice text,
                                              firn_value *out, void **out_memory, firn_error *err);
/* Formats a value that the column can have, with a final NUL. The caller frees *out with firn_release. out_size
 * may be NULL. FIRN_INVALID for null and for a value of another type, FIRN_LIMIT for a value out of range. Any
 * thread. */
FIRN_API FIRN_MUST_CHECK int firn_value_format(const firn_table_column *column,
                                               const firn_value *value, char **out,
                                               size_t *out_size, firn_error *err);

/* ==== tables ==== */

/* A table of a store. Any thread may use it. It belongs to the store and is not closed. */
typedef struct firn_table firn_table;

/* Creates a table and its indexes, in one durable commit. The rules for names of keyspaces apply (store.h), and
 * a table cannot have the name of a keyspace. FIRN_EXISTS if the name is taken. FIRN_INVALID and FIRN_LIMIT
 * describe what is wrong with the definition. `out` may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_table_create(firn_store *store, const char *name,
                                               const firn_table_def *def, firn_table **out,
                                               firn_error *err);
/* Opens a table. FIRN_NOT_FOUND if there is none; FIRN_INVALID if it is a keyspace. */
FIRN_API FIRN_MUST_CHECK int firn_table_open(firn_store *store, const char *name, firn_table **out,
                                             firn_error *err);
/* Opens a table of a snapshot, for reading with that snapshot. */
FIRN_API FIRN_MUST_CHECK int firn_snapshot_table_open(firn_snapshot *snapshot, const char *name,
                                                      firn_table **out, firn_error *err);
/* Drops a table with all its rows and indexes. Snapshots and checkpoints keep it. */
FIRN_API FIRN_MUST_CHECK int firn_table_drop(firn_store *store, const char *name, firn_error *err);
/* Calls visit with the name of each table, in byte order. */
FIRN_API FIRN_MUST_CHECK int firn_table_list(firn_store *store,
                                             int (*visit)(void *ctx, const char *name), void *ctx,
                                             firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_snapshot_table_list(firn_snapshot *snapshot,
                                                      int (*visit)(void *ctx, const char *name),
                                                      void *ctx, firn_error *err);
/* The name of the table, owned by it. */
FIRN_API const char *firn_table_name(const firn_table *table);
/* The definition of the table, as text for firn_table_def_parse, in the state that a transaction or a snapshot
 * reads; both NULL: the present one. The caller frees it with firn_release. */
FIRN_API FIRN_MUST_CHECK int firn_table_describe(firn_table *table, firn_txn *txn,
                                                 firn_snapshot *snapshot, char **out,
                                                 firn_error *err);

/* ---- changing a table ----
 *
 * Each change is a commit of its own. An open transaction that has written rows of the table conflicts with
 * the change. No row is rewritten, so adding, dropping and renaming columns takes the same time for any table. */

/* Adds a column. Existing rows get its default; a column that may not be null needs one. */
FIRN_API FIRN_MUST_CHECK int firn_table_add_column_sized(firn_table *table,
                                                         const firn_table_column *column,
                                                         size_t column_size, firn_error *err);
static inline FIRN_MUST_CHECK int
firn_table_add_column(firn_table *table, const firn_table_column *column, firn_error *err)
{
    return firn_table_add_column_sized(table, column, sizeof *column, err);
}
/* Drop a column, and give one another name. FIRN_INVALID for a column of the key, or of an index,
 * which must be dropped first. */
FIRN_API FIRN_MUST_CHECK int firn_table_drop_column(firn_table *table, const char *name,
                                                    firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_table_rename_column(firn_table *table, const char *name,
                                                      const char *new_name, firn_error *err);
/* Sets the default for rows that will be inserted; NULL: none. */
FIRN_API FIRN_MUST_CHECK int firn_table_set_default(firn_table *table, const char *column,
                                                    const firn_value *value, firn_error *err);
/* Sets has_bloom_filter of a column. This applies to files that are written from then on; other files stay as they
 * are until a compaction rewrites them. */
FIRN_API FIRN_MUST_CHECK int firn_table_set_bloom_filter(firn_table *table, const char *column,
                                                         bool has_filter, firn_error *err);
/* Builds an index over all rows. FIRN_EXISTS if it is to be unique and rows have the same values;
 * FIRN_CONFLICT if rows were written again and again meanwhile. */
FIRN_API FIRN_MUST_CHECK int firn_table_add_index_sized(firn_table *table,
                                                        const firn_table_index *index,
                                                        size_t index_size, firn_error *err);
static inline FIRN_MUST_CHECK int
firn_table_add_index(firn_table *table, const firn_table_index *index, firn_error *err)
{
    return firn_table_add_index_sized(table, index, sizeof *index, err);
}
FIRN_API FIRN_MUST_CHECK int firn_table_drop_index(firn_table *table, const char *name,
                                                   firn_error *err);

/* ==== rows ==== */

typedef struct firn_row_options {
    size_t size; /* sizeof(firn_row_options) */
    /* The transaction that the write belongs to; NULL: it is a commit of its own. */
    firn_txn *txn;
    firn_durability durability; /* of a commit of its own */
    uint64_t ttl_ms;            /* time to live: the row expires after so many ms; 0: never */
    /* The columns of the given values: `count` names, in any order; NULL: all columns of the table, in the
     * order in which they were added. */
    const char *const *columns;
} firn_row_options;
#define FIRN_ROW_OPTIONS_INIT                                            \
    {                                                                    \
        sizeof(firn_row_options), NULL, FIRN_DURABILITY_DEFAULT, 0, NULL \
    }

/* Inserts a row. Columns without a value get their defaults, and an auto column without a value, or with null,
 * gets the next number. FIRN_EXISTS if the table has a row with the same key or the same values in a unique
 * index. */
FIRN_API FIRN_MUST_CHECK int firn_table_insert(firn_table *table, const firn_row_options *options,
                                               const firn_value *values, size_t count,
                                               firn_error *err);
/* Inserts a row, and *out_number is the number in the auto column. FIRN_INVALID if the table has
 * none. */
FIRN_API FIRN_MUST_CHECK int firn_table_insert_auto(firn_table *table,
                                                    const firn_row_options *options,
                                                    const firn_value *values, size_t count,
                                                    uint64_t *out_number, firn_error *err);
/* Inserts a row, or replaces the one with that key. */
FIRN_API FIRN_MUST_CHECK int firn_table_upsert(firn_table *table, const firn_row_options *options,
                                               const firn_value *values, size_t count,
                                               firn_error *err);
/* Changes columns of a row. The values must include the whole key, which selects the row; columns without a
 * value are unchanged. FIRN_NOT_FOUND if there is no such row. */
FIRN_API FIRN_MUST_CHECK int firn_table_update(firn_table *table, const firn_row_options *options,
                                               const firn_value *values, size_t count,
                                               firn_error *err);
/* Deletes a row. `key` has a value for each column of the primary key, in their order. FIRN_NOT_FOUND if there is
 * no such row. */
FIRN_API FIRN_MUST_CHECK int firn_table_delete(firn_table *table, const firn_row_options *options,
                                               const firn_value *key, size_t key_count,
                                               firn_error *err);

/* Adds a number to a column of a row and updates the indexes. *out (may be NULL) becomes the new value, possibly
 * null. Outside of a transaction the addition is retried if another commit changes the row first, so no addition
 * is lost. In a transaction it is a read and a write of the row.
 *
 * - Integer columns accept integers, also negative ones. DECIMAL columns accept integers (as whole numbers) or a
 *   DECIMAL in units of the column's scale. Both add exactly: FIRN_LIMIT if the sum does not fit. F32 and F64
 *   accept all but DECIMAL, and round; FIRN_LIMIT if the sum of finite numbers would be infinite.
 * - Null plus anything is null.
 * - options->ttl_ms applies to the whole row, as in an update: with 0 the row no longer expires.
 * - FIRN_NOT_FOUND if there is no such row or column. FIRN_INVALID unless options->columns is NULL, or if the column belongs to the key, or if
 *   column or value is not a number. */
FIRN_API FIRN_MUST_CHECK int firn_table_add_number(firn_table *table,
                                                   const firn_row_options *options,
                                                   const firn_value *key, size_t key_count,
                                                   const char *column, firn_value number,
                                                   firn_value *out, firn_error *err);

/* Values of the first columns of the key, or of the index. */
typedef struct firn_table_bound {
    const firn_value *values;
    size_t count;   /* 0: no bound */
    bool exclusive; /* exclude the rows that begin with exactly these values */
} firn_table_bound;

/* Deletes the rows between two bounds (NULL: no bound), which have the same meaning as for a cursor. A range may
 * be empty.
 *
 * - Without indexes, or without bounds, this takes the same time for any number of rows. Otherwise the rows of the
 *   range are read, and their index entries deleted one by one; FIRN_LIMIT if these do not fit into a transaction
 *   (txn.h): delete the range in parts.
 * - For conflicts it counts as a write to every key of the range, including keys without a row. A range without
 *   an upper bound ends at the last row that the transaction sees, or that there can be if that row is lost to
 *   damage. */
FIRN_API FIRN_MUST_CHECK int firn_table_delete_range(firn_table *table,
                                                     const firn_row_options *options,
                                                     const firn_table_bound *lower,
                                                     const firn_table_bound *upper,
                                                     firn_error *err);

/* ---- many rows at once ----
 *
 * A load inserts any number of rows in one commit that bypasses the log. Rows in the order of the primary key
 * are written only once, directly to their final place. Other rows, and all index entries, are sorted first.
 *
 * - A load is invisible before its commit, and completely visible and durable afterwards. After a crash either
 *   all of it is there or nothing.
 * - The rows must be new. If the table, or the load, has another row with the same key or the same values in a
 *   unique index, the whole load fails: firn_table_bulk_put or firn_table_bulk_commit returns FIRN_EXISTS, whose
 *   text names the row.
 * - Other commits continue while a load is open. If one changes the table's definition, the commit of the load
 *   returns FIRN_CONFLICT. An open transaction that wrote one of the load's rows conflicts with the load.
 * - A store has at most one open load, of a table or a keyspace (FIRN_BUSY). It belongs to one thread at a
 *   time. firn_store_close returns FIRN_MISUSE while it is open. */

typedef struct firn_table_bulk firn_table_bulk;
typedef struct firn_table_bulk_options {
    size_t size; /* sizeof(firn_table_bulk_options) */
    /* The columns of the given values, in any order; NULL: all columns of the table, in the order in which
     * they were added. */
    const char *const *columns;
    size_t column_count;
    firn_callbacks callbacks; /* used while firn_table_bulk_commit writes what had to be sorted */
} firn_table_bulk_options;
#define FIRN_TABLE_BULK_OPTIONS_INIT                                  \
    {                                                                 \
        sizeof(firn_table_bulk_options), NULL, 0, FIRN_CALLBACKS_INIT \
    }
/* Begins a load into a table. */
FIRN_API FIRN_MUST_CHECK int firn_table_bulk_open(firn_table *table,
                                                  const firn_table_bulk_options *options,
                                                  firn_table_bulk **out, firn_error *err);
/* Copies a row: one value for each column of the options. Other columns get their defaults, and an auto column
 * without a value, or with null, gets the next number. FIRN_INVALID and FIRN_LIMIT if the values do not fit the
 * table: the row is not added, and the load can continue. After any other failure the load can only be closed. */
FIRN_API FIRN_MUST_CHECK int firn_table_bulk_put(firn_table_bulk *bulk, const firn_value *values,
                                                 size_t count, firn_error *err);
/* The number of rows added so far. */
FIRN_API uint64_t firn_table_bulk_count(const firn_table_bulk *bulk);
/* Commits the load; other commits wait meanwhile. Afterwards the load can only be closed. */
FIRN_API FIRN_MUST_CHECK int firn_table_bulk_commit(firn_table_bulk *bulk, firn_error *err);
/* Discards a load that was not committed. NULL is allowed. */
FIRN_API void firn_table_bulk_close(firn_table_bulk *bulk);

/* Memory for one row that is read. One thread at a time. */
typedef struct firn_row firn_row;
FIRN_API FIRN_MUST_CHECK int firn_row_create(firn_row **out, firn_error *err);
/* Frees a row. NULL is allowed. */
FIRN_API void firn_row_destroy(firn_row *row);
/* The number of values of the row; 0 before the first read, and after a failed one. */
FIRN_API size_t firn_row_count(const firn_row *row);
/* The values, in the order of the requested columns. They and the bytes that they refer to belong to the row, and
 * are valid until the next read into it, or until it is destroyed. */
FIRN_API const firn_value *firn_row_values(const firn_row *row);

typedef struct firn_read_options {
    size_t size; /* sizeof(firn_read_options) */
    /* The state to read: of a transaction, or of a snapshot. Both NULL: the present one. */
    firn_txn *txn;
    firn_snapshot *snapshot;
    /* Names of the requested columns; NULL: all, in the order in which they were added. Other columns are not
     * read. */
    const char *const *columns;
    size_t column_count;
    const char *index; /* the index in whose order rows are found; NULL: the primary key */
} firn_read_options;
#define FIRN_READ_OPTIONS_INIT                               \
    {                                                        \
        sizeof(firn_read_options), NULL, NULL, NULL, 0, NULL \
    }

/* Reads a row. `key` has a value for each column of the primary key, in their order, or of the unique index that
 * the options name. FIRN_NOT_FOUND if there is no such row. */
FIRN_API FIRN_MUST_CHECK int firn_table_get(firn_table *table, const firn_read_options *options,
                                            const firn_value *key, size_t key_count, firn_row *row,
                                            firn_error *err);

/* Many keys, each as for firn_table_get. */
typedef struct firn_table_keys {
    const firn_value *values; /* count * key_count: the first key, then the second, and so on */
    size_t key_count;         /* the number of values of each key */
    size_t count;             /* the number of keys */
} firn_table_keys;
/* Reads the rows with many keys, all from one state. Calls visit for each key in order: i counts keys from 0, and
 * row is NULL if there is no such row. Requires: visit does not use the transaction of the options.
 * FIRN_INVALID for a key that firn_table_get refuses; earlier keys may have been visited by then. Outside of
 * transactions this is faster than separate calls of firn_table_get, because cache misses overlap. */
FIRN_API FIRN_MUST_CHECK int firn_table_get_many(
    firn_table *table, const firn_read_options *options, const firn_table_keys *keys,
    int (*visit)(void *ctx, size_t i, const firn_row *row), void *ctx, firn_error *err);

typedef struct firn_table_cursor_options {
    size_t size; /* sizeof(firn_table_cursor_options) */
    firn_read_options read;
    firn_table_bound lower; /* rows at or above */
    firn_table_bound upper; /* rows at or below, those that begin with its values included */
    bool descending;
} firn_table_cursor_options;
#define FIRN_TABLE_CURSOR_OPTIONS_INIT                                               \
    {                                                                                \
        sizeof(firn_table_cursor_options), FIRN_READ_OPTIONS_INIT, {NULL, 0, false}, \
            {NULL, 0, false}, false                                                  \
    }

/* A cursor over rows, in the order of the primary key or of the index that the options name. It shows the state
 * of the moment when it was opened. In a transaction it also shows what the transaction writes later. One thread
 * at a time; in a transaction, the transaction's thread. firn_store_close returns FIRN_MISUSE while it is open. */
typedef struct firn_table_cursor firn_table_cursor;
FIRN_API FIRN_MUST_CHECK int firn_table_cursor_open(firn_table *table,
                                                    const firn_table_cursor_options *options,
                                                    firn_table_cursor **out, firn_error *err);
/* Closes a cursor. NULL is allowed. */
FIRN_API void firn_table_cursor_close(firn_table_cursor *cursor);
/* Moves to the next row; *out is NULL at the end. The row belongs to the cursor and changes with the
 * next call. */
FIRN_API FIRN_MUST_CHECK int firn_table_cursor_next(firn_table_cursor *cursor, const firn_row **out,
                                                    firn_error *err);
/* When the current row expires, in milliseconds since 1970; 0 if it does not expire, or if there is no row. */
FIRN_API uint64_t firn_table_cursor_expires_ms(const firn_table_cursor *cursor);

/* ---- rows as structs ----
 *
 *     struct item {
 *         int64_t id;
 *         uint16_t stock;
 *         bool has_no_price;
 *         int64_t price;
 *     };
 *     static const firn_struct_member members[] = {
 *         {"id", offsetof(struct item, id), FIRN_TYPE_I64, FIRN_STRUCT_NEVER_NULL},
 *         {"stock", offsetof(struct item, stock), FIRN_TYPE_U16, FIRN_STRUCT_NEVER_NULL},
 *         {"price", offsetof(struct item, price), FIRN_TYPE_DECIMAL, offsetof(struct item, has_no_price)}};
 *     static const firn_struct_layout layout = FIRN_STRUCT_LAYOUT(struct item, members);
 *
 *     code = firn_table_insert_struct(table, NULL, &layout, &item, &err);
 *
 * `type` determines the C type of the member: bool, int8_t to int64_t, uint8_t to uint64_t, float (F32), double
 * (F64), int64_t (DECIMAL in units of the column's scale, DATE, TIMESTAMP), or firn_slice (TEXT, BLOB, UUID,
 * VECTOR). Members need not be aligned. */

typedef struct firn_struct_member {
    const char *column;
    size_t offset;      /* of the member in the struct */
    firn_type type;     /* of the member; it must fit the column */
    size_t null_offset; /* of a bool in the struct that is true if the column is null */
} firn_struct_member;
/* As null_offset: there is no such bool. Reading a null returns FIRN_INVALID. */
#define FIRN_STRUCT_NEVER_NULL SIZE_MAX

typedef struct firn_struct_layout {
    size_t size;                       /* sizeof(firn_struct_layout) */
    size_t member_size;                /* sizeof(firn_struct_member) */
    size_t struct_size;                /* of the program's struct */
    const firn_struct_member *members; /* 1 to 1,024, each for a different column */
    size_t member_count;
} firn_struct_layout;
#define FIRN_STRUCT_LAYOUT(type, members)                                              \
    {                                                                                  \
        sizeof(firn_struct_layout), sizeof(firn_struct_member), sizeof(type), members, \
            sizeof(members) / sizeof((members)[0])                                     \
    }

/* Insert or upsert a row whose values are the members of the struct at `from`. Columns without a
 * member get their defaults, and an auto column that is null gets the next number. FIRN_INVALID
 * unless options->columns is NULL. */
FIRN_API FIRN_MUST_CHECK int firn_table_insert_struct(firn_table *table,
                                                      const firn_row_options *options,
                                                      const firn_struct_layout *layout,
                                                      const void *from, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_table_upsert_struct(firn_table *table,
                                                      const firn_row_options *options,
                                                      const firn_struct_layout *layout,
                                                      const void *from, firn_error *err);
/* Reads the columns of the layout, of the row with a key, into the struct at `out`, which has
 * struct_size bytes. Slices in it refer to `row`, and are valid until the next read into it, or
 * until it is destroyed. A member that is null is zeroed. An integer column can be read into a
 * member of any integer type: FIRN_LIMIT if the number does not fit. Otherwise member and column
 * must have the same type (FIRN_INVALID), except that F64 accepts F32. After a failure the
 * members are undefined. Bytes of the struct outside of members are unchanged. FIRN_INVALID
 * unless options->columns is NULL. */
FIRN_API FIRN_MUST_CHECK int firn_table_get_struct(firn_table *table,
                                                   const firn_read_options *options,
                                                   const firn_value *key, size_t key_count,
                                                   const firn_struct_layout *layout, firn_row *row,
                                                   void *out, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
