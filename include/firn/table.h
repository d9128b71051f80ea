/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/table.h: tables: rows of typed columns, found by key.
 *
 *     firn_table_def *def;
 *     code = firn_table_def_parse("id i64 auto, name text not null, born date, price decimal(12, 2), "
 *                                 "primary key (id), unique index by_name (name)", &def, &err);
 *
 * - Every table has a primary key of 1 to 16 columns, which cannot be null. Rows are in the order of that
 *   key: choose it so that rows which are read together lie together. An index is a second order; each
 *   one is written with every row.
 * - Names of columns and indexes are compared byte by byte: "Name" is not "name". SQL folds case, this
 *   does not.
 * - A column's type never changes, nor whether it may be null. Columns can be added, dropped and renamed
 *   without rewriting rows. The data of a dropped column goes when its rows are written next.
 * - A default serves rows that are inserted without the column. When a column is added, its default at that
 *   moment is also what all present rows have; setting another default later does not change them.
 * - In a unique index null is equal to nothing: any number of rows may have it.
 * - DECIMAL is exact: 12.30 in a decimal(12, 2) is the whole number 1230. Numbers with more digits than the
 *   column has are refused, never rounded. F32 and F64 round as usual.
 * - DATE and TIMESTAMP reach from 0001-01-01 to 9999-12-31 of the Gregorian calendar. A TIMESTAMP is in
 *   UTC; time zones are the program's.
 * - In keys -0 is 0, and every NaN is the same one, after all numbers.
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
    FIRN_TABLE_NAME_SIZE_MAX = 255,
    FIRN_TABLE_PRECISION_MAX = 18,
    FIRN_TABLE_DIMENSIONS_MAX = 65535,
    FIRN_TABLE_DEFAULT_SIZE_MAX = 64 << 10, /* bytes of a default */
    FIRN_TABLE_DEF_TEXT_MAX = 1 << 20       /* bytes of a definition as text */
};

/* A zeroed one needs a name and a type, and may be null:
 *     firn_table_column columns[] = {{.name = "id", .type = FIRN_TYPE_I64, .is_auto = true},
 *                                    {.name = "name", .type = FIRN_TYPE_TEXT}}; */
typedef struct firn_table_column {
    const char *name; /* 1 to 255 bytes of UTF-8 without control characters */
    firn_type type;
    uint32_t precision;  /* of DECIMAL: how many digits, 1 to 18 */
    uint32_t scale;      /* of DECIMAL: how many of them after the point, 0 to precision */
    uint32_t dimensions; /* of VECTOR: 1 to 65,535 */
    bool not_null;       /* columns of the key are never null, whatever this says */
    bool is_auto; /* the table numbers its rows; only an integer that is the whole primary key */
    const firn_value *default_value; /* NULL: none, so null where that is allowed */
} firn_table_column;

typedef struct firn_table_index {
    const char *name;
    const char *const *columns; /* their names, 1 to 16; no VECTOR */
    size_t column_count;
    bool is_unique;
} firn_table_index;

/* A table before it is created: fill it in yourself, or let firn_table_def_parse do it. Functions that take
 * one copy what they need. */
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
} firn_table_def;
#define FIRN_TABLE_DEF_INIT                                                                   \
    {                                                                                         \
        sizeof(firn_table_def), sizeof(firn_table_column), sizeof(firn_table_index), NULL, 0, \
            NULL, 0, NULL, 0                                                                  \
    }

/* Makes a definition of a text, items with commas between them:
 *
 *     NAME TYPE [null | not null] [default LITERAL] [auto] [primary key]
 *     primary key (NAME, …)
 *     [unique] index NAME (NAME, …)
 *
 * A name that is no plain word, or that is one of these words, stands in double quotes; a double quote in
 * it is written twice. Types, in any case: bool, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64,
 * decimal(PRECISION, SCALE), date, timestamp, text, blob, uuid, vector(DIMENSIONS); and these names for
 * them: boolean, tinyint, smallint, int and integer (i32), bigint, int16 to int64 and uint8 to uint64 (so
 * many bits), real and float32 (f32), double, double precision, float and float64 (f64), numeric, datetime,
 * varchar and string (text), bytea (blob). int8 is refused: it has two meanings.
 *
 * Literals: null, true, false, numbers, 'text' (a quote in it is written twice), '2000-01-31',
 * '2000-01-31 23:59:59.000001', 'c0ffee00-0000-4000-8000-000000000000' for a uuid, x'00ff' for blob,
 * uuid and vector. A floating-point number of more than 15 digits is written as 0x1.999999999999ap-4; there
 * are nan, infinity and -infinity.
 *
 * The definition is one piece of memory: release it with firn_release. FIRN_INVALID and FIRN_LIMIT say
 * where in the text. Whether the definition makes a table is seen when it is created. Any thread. */
FIRN_API FIRN_MUST_CHECK int firn_table_def_parse(const char *text, firn_table_def **out,
                                                  firn_error *err);

/* ---- values as text ----
 *
 *     bool               true, false; read in any case, and as t, f, 1, 0
 *     i8 … u64           a sign and digits
 *     f32, f64           digits with a point and an exponent; inf, nan. Read to the nearest number, written as
 *                        the shortest text that is read as the same one
 *     decimal(p, s)      a sign and digits with a point; never rounded
 *     date, timestamp    2026-01-31, 2026-01-31 23:59:59.5
 *     text               as it is
 *     blob               \x and two hexadecimal digits for each byte
 *     uuid               8-4-4-4-12 hexadecimal digits
 *     vector(n)          [1.0,2.5]
 *
 * There is no text for null. Only the type of the column matters. */

/* Reads a text as a value of a column. The value refers to text and to *out_memory, which the caller gives back
 * with firn_release after the value was used; it may be NULL. FIRN_INVALID says what is wrong with the text. Any
 * thread. */
FIRN_API FIRN_MUST_CHECK int firn_value_parse(const firn_table_column *column, firn_slice text,
                                              firn_value *out, void **out_memory, firn_error *err);
/* Writes any value that the column takes, with a NUL, into memory that the caller gives back with
 * firn_release. out_size may be NULL. FIRN_INVALID for null and for a value of another type, FIRN_LIMIT for one out of
 * range. Any thread. */
FIRN_API FIRN_MUST_CHECK int firn_value_format(const firn_table_column *column,
                                               const firn_value *value, char **out,
                                               size_t *out_size, firn_error *err);

/* ==== tables ==== */

/* A table of a store. Any thread may use it. It belongs to the store and is not closed. */
typedef struct firn_table firn_table;

/* Creates a table, with its indexes, in one step that is as durable as a commit. The name is one of a
 * keyspace (store.h): tables and keyspaces share their names. FIRN_EXISTS if it is taken; FIRN_INVALID and
 * FIRN_LIMIT say what is wrong with the definition. `out` may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_table_create(firn_store *store, const char *name,
                                               const firn_table_def *def, firn_table **out,
                                               firn_error *err);
/* Opens a table. FIRN_NOT_FOUND; FIRN_INVALID if it is a keyspace. */
FIRN_API FIRN_MUST_CHECK int firn_table_open(firn_store *store, const char *name, firn_table **out,
                                             firn_error *err);
/* Opens a table as a snapshot has it, for reading with that snapshot. */
FIRN_API FIRN_MUST_CHECK int firn_snapshot_table_open(firn_snapshot *snapshot, const char *name,
                                                      firn_table **out, firn_error *err);
/* Drops a table with all its rows and indexes. Snapshots and checkpoints keep it. */
FIRN_API FIRN_MUST_CHECK int firn_table_drop(firn_store *store, const char *name, firn_error *err);
/* Calls visit with the name of each table, in byte order. If visit returns anything but FIRN_OK, the
 * listing ends and that is returned. */
FIRN_API FIRN_MUST_CHECK int firn_table_list(firn_store *store,
                                             int (*visit)(void *ctx, const char *name), void *ctx,
                                             firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_snapshot_table_list(firn_snapshot *snapshot,
                                                      int (*visit)(void *ctx, const char *name),
                                                      void *ctx, firn_error *err);
/* The name of the table, owned by it. */
FIRN_API const char *firn_table_name(const firn_table *table);
/* The definition of the table, now or as a snapshot has it (NULL: now), as text that
 * firn_table_def_parse reads. The caller releases it with firn_release. */
FIRN_API FIRN_MUST_CHECK int firn_table_describe(firn_table *table, firn_snapshot *snapshot,
                                                 char **out, firn_error *err);

/* ---- changing a table ----
 *
 * Each is a commit of its own. Transactions that are open and have written rows of the table conflict with
 * it. No row is rewritten: adding, dropping and renaming columns takes the same time for any table. */

/* Adds a column. Rows that are there have its default in it; a column that is not null needs one. */
FIRN_API FIRN_MUST_CHECK int
firn_table_add_column(firn_table *table, const firn_table_column *column, firn_error *err);
/* FIRN_INVALID for a column of the key, or of an index, which must be dropped first. */
FIRN_API FIRN_MUST_CHECK int firn_table_drop_column(firn_table *table, const char *name,
                                                    firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_table_rename_column(firn_table *table, const char *name,
                                                      const char *new_name, firn_error *err);
/* Sets the default for rows that will be inserted; NULL: none. */
FIRN_API FIRN_MUST_CHECK int firn_table_set_default(firn_table *table, const char *column,
                                                    const firn_value *value, firn_error *err);
/* Builds an index over all rows. FIRN_EXISTS if it is to be unique and rows have the same values;
 * FIRN_CONFLICT if rows were written again and again meanwhile. */
FIRN_API FIRN_MUST_CHECK int firn_table_add_index(firn_table *table, const firn_table_index *index,
                                                  firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_table_drop_index(firn_table *table, const char *name,
                                                   firn_error *err);

/* ==== rows ==== */

typedef struct firn_row_options {
    size_t size; /* sizeof(firn_row_options) */
    /* The transaction that the write belongs to; NULL: it is a commit of its own. */
    firn_txn *txn;
    firn_durability durability; /* of a commit of its own */
    uint64_t ttl_ms;            /* the row is gone so many milliseconds from now; 0: never */
    /* Names of the columns that values are given for, `count` of them, in any order; NULL: all columns
     * of the table, in the order in which they were added. */
    const char *const *columns;
} firn_row_options;
#define FIRN_ROW_OPTIONS_INIT                                            \
    {                                                                    \
        sizeof(firn_row_options), NULL, FIRN_DURABILITY_DEFAULT, 0, NULL \
    }

/* Inserts a row. Columns without a value get their default, an auto column the next number (a null asks
 * for that, too). FIRN_EXISTS if there is a row with that key, or one with the same values in a unique
 * index. */
FIRN_API FIRN_MUST_CHECK int firn_table_insert(firn_table *table, const firn_row_options *options,
                                               const firn_value *values, size_t count,
                                               firn_error *err);
/* The same, and *out_number is the number in the auto column. Requires: the table has one. */
FIRN_API FIRN_MUST_CHECK int firn_table_insert_auto(firn_table *table,
                                                    const firn_row_options *options,
                                                    const firn_value *values, size_t count,
                                                    uint64_t *out_number, firn_error *err);
/* Inserts a row, or replaces the one with that key. */
FIRN_API FIRN_MUST_CHECK int firn_table_upsert(firn_table *table, const firn_row_options *options,
                                               const firn_value *values, size_t count,
                                               firn_error *err);
/* Changes columns of a row. The values include the whole key, which says which row; columns without a
 * value stay. FIRN_NOT_FOUND. */
FIRN_API FIRN_MUST_CHECK int firn_table_update(firn_table *table, const firn_row_options *options,
                                               const firn_value *values, size_t count,
                                               firn_error *err);
/* Deletes the row with a key: values of all its columns, in the order of the key. FIRN_NOT_FOUND. */
FIRN_API FIRN_MUST_CHECK int firn_table_delete(firn_table *table, const firn_row_options *options,
                                               const firn_value *key, size_t key_count,
                                               firn_error *err);

/* Adds a number to a column of the row with a key, and writes the row; indexes on the column follow. *out (may be
 * NULL) is what the column has then, null included. As a commit of its own it is redone when another commit
 * comes first, so no addition is lost; in a transaction it is a read and a write of the row.
 *
 * - Integers take integers, signed ones too, and DECIMAL columns integers, as whole numbers, or a DECIMAL in
 *   units of the column's scale: exactly, or FIRN_LIMIT where the sum does not fit. F32 and F64 take all but
 *   DECIMAL and round; FIRN_LIMIT where finite numbers would make an infinite one.
 * - Null stays null, whatever is added.
 * - options->ttl_ms is for the whole row, as in an update: 0 means that it stays for ever from now on.
 *   options->columns must be NULL.
 * - FIRN_NOT_FOUND without the row, or the column; FIRN_INVALID for a column of the key, for one that is no number, and
 *   for a value that is none. */
FIRN_API FIRN_MUST_CHECK int firn_table_add_number(firn_table *table,
                                                   const firn_row_options *options,
                                                   const firn_value *key, size_t key_count,
                                                   const char *column, firn_value number,
                                                   firn_value *out, firn_error *err);

/* Values of the first columns of the key, or of the index. */
typedef struct firn_table_bound {
    const firn_value *values;
    size_t count;   /* 0: no bound */
    bool exclusive; /* leaves out the rows that begin with exactly these values */
} firn_table_bound;

/* Deletes the rows whose keys lie between two bounds (NULL: no bound), as those of a cursor do. A range without rows
 * is no failure.
 *
 * - Of a table without indexes, and of any table without bounds, this takes the same time for any number of rows.
 *   Otherwise the rows of the range are read and their entries deleted one by one; FIRN_LIMIT if those do not
 *   fit into a transaction (txn.h): delete the range in parts then.
 * - It counts as a write to every key of the range, missing ones included; but a range without an upper bound
 *   ends at the last row that the transaction sees. */
FIRN_API FIRN_MUST_CHECK int firn_table_delete_range(firn_table *table,
                                                     const firn_row_options *options,
                                                     const firn_table_bound *lower,
                                                     const firn_table_bound *upper,
                                                     firn_error *err);

/* ---- many rows at once ----
 *
 * A load inserts any number of rows by one commit that bypasses the log. Rows in the order of the primary
 * key are written once, straight to their final place; others are sorted first, and so are the entries of
 * indexes.
 *
 * - Nothing of a load is visible before its commit; all rows and all entries of indexes are afterwards,
 *   durably. A crash leaves all of it or nothing.
 * - The rows must be new. One whose key, or whose values in a unique index, the table has or the load has
 *   twice, fails the whole load: firn_table_bulk_put or firn_table_bulk_commit gives FIRN_EXISTS with a text
 *   that names it.
 * - Other commits continue while a load is open. One that changes the table's definition makes the load's
 *   commit give FIRN_CONFLICT. Open transactions that wrote one of its rows conflict with it.
 * - One load of a store is open at a time, of a table or a keyspace (FIRN_BUSY). It belongs to one thread at
 *   a time. Close it before the store. */

typedef struct firn_table_bulk firn_table_bulk;
typedef struct firn_table_bulk_options {
    size_t size; /* sizeof(firn_table_bulk_options) */
    /* Names of the columns that values are given for, in any order; NULL: all columns of the table, in the
     * order in which they were added. */
    const char *const *columns;
    size_t column_count;
    firn_callbacks callbacks; /* of firn_table_bulk_commit, while it writes what had to be sorted */
} firn_table_bulk_options;
#define FIRN_TABLE_BULK_OPTIONS_INIT                                  \
    {                                                                 \
        sizeof(firn_table_bulk_options), NULL, 0, FIRN_CALLBACKS_INIT \
    }
FIRN_API FIRN_MUST_CHECK int firn_table_bulk_open(firn_table *table,
                                                  const firn_table_bulk_options *options,
                                                  firn_table_bulk **out, firn_error *err);
/* Copies a row: a value for each column of the options. Other columns get their default, an auto column
 * the next number (a null asks for that, too). FIRN_INVALID and FIRN_LIMIT for values that make no row of
 * the table: the row is not taken, and the load continues. After any other failure the load can only be
 * closed. */
FIRN_API FIRN_MUST_CHECK int firn_table_bulk_put(firn_table_bulk *bulk, const firn_value *values,
                                                 size_t count, firn_error *err);
/* The number of rows taken so far. */
FIRN_API uint64_t firn_table_bulk_count(const firn_table_bulk *bulk);
/* Commits, once; other commits wait for it. The load can only be closed afterwards. */
FIRN_API FIRN_MUST_CHECK int firn_table_bulk_commit(firn_table_bulk *bulk, firn_error *err);
/* Discards what was not committed. NULL is allowed. */
FIRN_API void firn_table_bulk_close(firn_table_bulk *bulk);

/* Room for one row that was read. One thread at a time. */
typedef struct firn_row firn_row;
FIRN_API FIRN_MUST_CHECK int firn_row_create(firn_row **out, firn_error *err);
/* NULL is allowed. */
FIRN_API void firn_row_destroy(firn_row *row);
/* How many values the row has; 0 before one was read, and after a failure. */
FIRN_API size_t firn_row_count(const firn_row *row);
/* Its values, as many, in the order of the columns that were asked for. Owned by the row, with all bytes
 * that they refer to, until it is read into again or destroyed. */
FIRN_API const firn_value *firn_row_values(const firn_row *row);

typedef struct firn_read_options {
    size_t size; /* sizeof(firn_read_options) */
    /* Where the row is read: in a transaction, or in a snapshot; NULL, both: now. */
    firn_txn *txn;
    firn_snapshot *snapshot;
    /* Names of the columns wanted; NULL: all, in the order in which they were added. Columns that are
     * not wanted are not read. */
    const char *const *columns;
    size_t column_count;
    const char *index; /* the name of an index to go by; NULL: the primary key */
} firn_read_options;
#define FIRN_READ_OPTIONS_INIT                               \
    {                                                        \
        sizeof(firn_read_options), NULL, NULL, NULL, 0, NULL \
    }

/* Reads the row with a key: values of all its columns, in order; or of all columns of the unique index
 * that the options name. FIRN_NOT_FOUND. */
FIRN_API FIRN_MUST_CHECK int firn_table_get(firn_table *table, const firn_read_options *options,
                                            const firn_value *key, size_t key_count, firn_row *row,
                                            firn_error *err);

/* Keys of rows, as firn_table_get takes one. */
typedef struct firn_table_keys {
    const firn_value
        *values;      /* count * key_count: those of the first key, of the second, and so on */
    size_t key_count; /* values of each key */
    size_t count;     /* keys */
} firn_table_keys;
/* Reads the rows with many keys, all in one state, and calls visit for each key in order: i is its number, from
 * 0, and row is NULL if there is no such row. The row is borrowed until visit returns. If visit returns anything
 * but FIRN_OK, the call ends and returns that. It must not use the transaction of the options. FIRN_INVALID for a
 * key that firn_table_get refuses; rows of keys before it may have been visited. Faster than as many
 * calls of firn_table_get, because cache misses overlap (not in a transaction). */
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

/* Walks over rows in the order of the key, or of the index that the options name. It shows the state when
 * it was opened; in a transaction, also what the transaction writes meanwhile. One thread at a time; a
 * cursor in a transaction follows the transaction's thread, and must be closed before the store. */
typedef struct firn_table_cursor firn_table_cursor;
FIRN_API FIRN_MUST_CHECK int firn_table_cursor_open(firn_table *table,
                                                    const firn_table_cursor_options *options,
                                                    firn_table_cursor **out, firn_error *err);
/* NULL is allowed. */
FIRN_API void firn_table_cursor_close(firn_table_cursor *cursor);
/* Moves to the next row; *out is NULL at the end. The row belongs to the cursor and changes with the
 * next call. */
FIRN_API FIRN_MUST_CHECK int firn_table_cursor_next(firn_table_cursor *cursor, const firn_row **out,
                                                    firn_error *err);
/* When the row that the cursor gave last expires: milliseconds since 1970; 0: never, or there is no row. */
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
 * The type of a member says what C type it has: bool, int8_t to int64_t, uint8_t to uint64_t, float (F32), double
 * (F64), int64_t (DECIMAL in units of the column's scale, DATE, TIMESTAMP), or firn_slice (TEXT, BLOB, UUID, VECTOR).
 * Members need no alignment. */

typedef struct firn_struct_member {
    const char *column;
    size_t offset;      /* of the member in the struct */
    firn_type type;     /* of the member; what the column takes, or gives */
    size_t null_offset; /* of a bool in the struct that says that the column is null */
} firn_struct_member;
/* A null_offset: there is no such bool. Reading a null then gives FIRN_INVALID. */
#define FIRN_STRUCT_NEVER_NULL SIZE_MAX

typedef struct firn_struct_layout {
    size_t size;                       /* sizeof(firn_struct_layout) */
    size_t member_size;                /* sizeof(firn_struct_member) */
    size_t struct_size;                /* of the program's struct */
    const firn_struct_member *members; /* 1 to 1,024, each of another column */
    size_t member_count;
} firn_struct_layout;
#define FIRN_STRUCT_LAYOUT(type, members)                                              \
    {                                                                                  \
        sizeof(firn_struct_layout), sizeof(firn_struct_member), sizeof(type), members, \
            sizeof(members) / sizeof((members)[0])                                     \
    }

/* Like firn_table_insert and firn_table_upsert: the members of the struct at `from` are the values. Columns without a
 * member get their default, as does an auto column that is null. Requires: options->columns is NULL. */
FIRN_API FIRN_MUST_CHECK int firn_table_insert_struct(firn_table *table,
                                                      const firn_row_options *options,
                                                      const firn_struct_layout *layout,
                                                      const void *from, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_table_upsert_struct(firn_table *table,
                                                      const firn_row_options *options,
                                                      const firn_struct_layout *layout,
                                                      const void *from, firn_error *err);
/* Like firn_table_get: reads the columns of the layout into the struct at `out`, of struct_size bytes. Slices in it refer
 * to `row`, and are good until that is read into again or destroyed. A member that is null is zeroed. Integers fit
 * members of any integer type: FIRN_LIMIT for a number that does not. FIRN_INVALID for a member of another type
 * than its column, but F64 takes an F32. After a failure the members are undefined; bytes of the struct that belong
 * to no member stay as they are. Requires: options->columns is NULL. */
FIRN_API FIRN_MUST_CHECK int firn_table_get_struct(firn_table *table,
                                                   const firn_read_options *options,
                                                   const firn_value *key, size_t key_count,
                                                   const firn_struct_layout *layout, firn_row *row,
                                                   void *out, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
