/* SPDX-License-Identifier: Apache-2.0
 *
 * rows/rows.h: tables of a store: creating and changing them, and their rows, one at a time, in
 * transactions. The public twin is include/firn/table.h.
 *
 * Where things are. A table is a keyspace of type TABLE, whose name is the table's. Its entry in
 * the list of keyspaces has the number of the table's schema, 64 random bits, which never changes.
 * The record of the schema is the value of that number in the keyspace "firn:schemas"; a change of
 * the table rewrites it. Each index is a keyspace "firn:index:<number of the schema>:<number of the
 * index>". All of these are part of snapshots, so every checkpoint has tables as they were, and a
 * restore brings back schema, rows and indexes together.
 *
 * A transaction that writes rows depends on the record: if the table is changed before it commits,
 * it conflicts. So the rows that were written fit the table, and no index lacks an entry.
 *
 * Threads: tables may be used by any thread, cursors by one at a time. In a transaction, both
 * follow its rules for threads.
 */
#ifndef FIRN_ROWS_ROWS_H
#define FIRN_ROWS_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "firn/table.h"
#include "firn/table_state.h"
#include "schema/schema.h"
#include "store/db.h"
#include "storefile/storefile.h"
#include "txn/txn.h"

struct firn_table;

/* ---- tables: rows.c ---- */

/* FIRN_EXISTS: there is a table or a keyspace of that name. */
FIRN_MUST_CHECK int fi_rows_create(struct firn_db *db, const char *name, const firn_table_def *def,
                                   struct firn_table **out, firn_error *err);
/* FIRN_NOT_FOUND; FIRN_INVALID for a keyspace that is no table. Handles belong to the store: each
 * table has one, until the store is closed. */
FIRN_MUST_CHECK int fi_rows_open(struct firn_db *db, const char *name, struct firn_table **out,
                                 firn_error *err);
/* Opens a table as a snapshot has it, for reading at that snapshot. */
FIRN_MUST_CHECK int fi_rows_open_at(struct firn_snapshot *snapshot, const char *name,
                                    struct firn_table **out, firn_error *err);
FIRN_MUST_CHECK int fi_rows_drop(struct firn_db *db, const char *name, firn_error *err);
struct firn_db *fi_rows_db(const struct firn_table *table);
const char *fi_rows_name(const struct firn_table *table);
struct firn_db_keyspace *fi_rows_keyspace(const struct firn_table *table);
/* What a reader of the table leaves for the next one: one thing for each table, which begins with
 * this. */
struct fi_rows_spare {
    void (*destroy)(struct fi_rows_spare *spare);
};
/* The caller owns it; NULL: there is none. */
struct fi_rows_spare *fi_rows_take_spare(struct firn_table *table);
/* The table owns it, and destroys the one before. */
void fi_rows_leave_spare(struct firn_table *table, struct fi_rows_spare *spare);
/* The schema as a snapshot (NULL: now) sees it; the caller must unref it. FIRN_NOT_FOUND: the
 * snapshot does not have the table. */
FIRN_MUST_CHECK int fi_rows_schema(struct firn_table *table, struct firn_snapshot *snapshot,
                                   struct fi_schema **out, firn_error *err);

/* Makes a table's new schema from the current one; may be called more than once. */
struct fi_rows_change {
    int (*change)(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *err);
    void *ctx;
};
/* Changes columns and defaults. */
FIRN_MUST_CHECK int fi_rows_alter(struct firn_table *table, const struct fi_rows_change *change,
                                  firn_error *err);
/* Builds an index from the existing rows. FIRN_EXISTS: it is unique, and two rows have the same
 * values. FIRN_CONFLICT: rows were written during every attempt. */
FIRN_MUST_CHECK int fi_rows_index_add(struct firn_table *table, const firn_table_index *index,
                                      firn_error *err);
/* Uses the name, column and parameters of model. Runs get their graphs later, in the background. */
FIRN_MUST_CHECK int fi_rows_index_add_vectors(struct firn_table *table,
                                              const struct fi_schema_vector_index *model,
                                              firn_slice column, firn_error *err);
FIRN_MUST_CHECK int fi_rows_index_drop(struct firn_table *table, const char *name, firn_error *err);
/* Rebuilds an index from the existing rows; fails as index_add does, and with FIRN_NOT_FOUND. The
 * old index remains until then. */
FIRN_MUST_CHECK int fi_rows_index_rebuild(struct firn_table *table, const char *name,
                                          firn_error *err);

/* ---- a store that has lost something: rows_mend.c ---- */

/* Rebuilds all indexes of all tables, and reports each to on_damage. It also reports indexes that
 * had to be dropped because two rows would share a unique value, columns that become nullable
 * because values are lost, and tables that cannot be read. Requires: no other thread uses the
 * store. */
FIRN_MUST_CHECK int fi_rows_mend(struct firn_db *db, void (*on_damage)(void *ctx, const char *text),
                                 void *ctx, firn_error *err);

/* A report of fi_rescue or of a check about a run, with the names of table and column in place of
 * their numbers, as far as the store has them. out may be text. */
void fi_rows_mend_name(struct firn_db *db, const char *text, char out[FIRN_ERROR_TEXT_SIZE]);

/* A bound: values of the first columns of the key, or of the index. */
struct fi_rows_bound {
    const firn_value *values;
    size_t count;      /* 0: there is no bound */
    bool is_exclusive; /* rows that begin with the values are left out */
};
struct fi_rows_span {
    struct fi_rows_bound lower;
    struct fi_rows_bound upper;
};

/* ---- writing: rows_write.c ---- */

enum fi_rows_mode {
    FI_ROWS_INSERT, /* FIRN_EXISTS: there is a row with that key */
    FI_ROWS_UPSERT, /* replaces a row with that key */
    FI_ROWS_UPDATE  /* FIRN_NOT_FOUND: there is none; columns that are not given stay */
};

struct fi_rows_put {
    enum fi_rows_mode mode;
    /* The columns of the values, by name; NULL: all of the schema, in its order. Others get their
     * default, or stay as they are (UPDATE). The key's columns must be given, except an auto
     * column. */
    const char *const *columns;
    const firn_value *values;
    size_t count;
    uint64_t ttl_ms; /* 0: for ever */
};
/* txn NULL: a transaction of its own, with that durability, repeated while it conflicts. *out_auto
 * (may be NULL) is the number that an auto column got, or was given; FIRN_INVALID if there is no
 * such column. FIRN_EXISTS also if another row has the same values in a unique index. A failed call
 * has written nothing; earlier writes of the caller's transaction stay. */
FIRN_MUST_CHECK int fi_rows_write_put(struct firn_table *table, struct firn_txn *txn,
                                      const struct fi_rows_put *put, firn_durability durability,
                                      firn_value *out_auto, firn_error *err);
/* FIRN_NOT_FOUND: there is no such row. */
FIRN_MUST_CHECK int fi_rows_write_delete(struct firn_table *table, struct firn_txn *txn,
                                         const firn_value *key, size_t key_count,
                                         firn_durability durability, firn_error *err);

/* Adds a number to a column of a row; *out is the new value. As firn_table_add_number. */
struct fi_rows_add {
    const firn_value *key;
    size_t key_count;
    const char *column;
    firn_value number;
    uint64_t ttl_ms; /* 0: for ever */
};
FIRN_MUST_CHECK int fi_rows_write_add(struct firn_table *table, struct firn_txn *txn,
                                      const struct fi_rows_add *add, firn_durability durability,
                                      firn_value *out, firn_error *err);
/* Deletes the rows within the bounds of the primary key (count 0: no bound), with their entries. */
FIRN_MUST_CHECK int fi_rows_write_delete_range(struct firn_table *table, struct firn_txn *txn,
                                               const struct fi_rows_span *span,
                                               firn_durability durability, firn_error *err);

/* ---- loading: rows_bulk.c ----
 *
 * One thread at a time. */

struct firn_table_bulk;
struct fi_rows_bulk_options {
    const char *const *columns; /* of the values; NULL: all of the schema, in its order */
    size_t column_count;
    const struct fi_storefile_progress *progress; /* of the commit; copied */
    /* A row replaces one with the same key, instead of FIRN_EXISTS. FIRN_CONFLICT if the table has
     * indexes. */
    bool replaces;
};
FIRN_MUST_CHECK int fi_rows_bulk_open(struct firn_table *table,
                                      const struct fi_rows_bulk_options *options,
                                      struct firn_table_bulk **out, firn_error *err);
/* FIRN_INVALID, FIRN_LIMIT: the values are no row of the table; they are not taken, and the load
 * goes on. After any other failure the load can only be closed. FIRN_EXISTS names an earlier row
 * with the same key, or with the same values in a unique index; a later call, or the commit, may
 * also return it. */
FIRN_MUST_CHECK int fi_rows_bulk_put(struct firn_table_bulk *bulk, const firn_value *values,
                                     size_t count, firn_error *err);
/* Puts a row that has only some of the columns; is_given NULL: all. The others get their default,
 * or the next number. */
FIRN_MUST_CHECK int fi_rows_bulk_put_given(struct firn_table_bulk *bulk, const firn_value *values,
                                           const bool *is_given, size_t count, firn_error *err);
uint64_t fi_rows_bulk_count(const struct firn_table_bulk *bulk);
/* Owned by the load. */
const struct fi_schema *fi_rows_bulk_schema(const struct firn_table_bulk *bulk);
/* Commits all rows and their entries, or nothing. FIRN_EXISTS as above, and if the table has such a
 * row; FIRN_CONFLICT if the table was changed or dropped. */
FIRN_MUST_CHECK int fi_rows_bulk_commit(struct firn_table_bulk *bulk, firn_error *err);
/* NULL is fine. */
void fi_rows_bulk_close(struct firn_table_bulk *bulk);

/* ---- reading: rows_read.c ---- */

/* A row that was read, or none. */
struct firn_row;
FIRN_MUST_CHECK int fi_rows_read_row_create(struct firn_row **out, firn_error *err);
/* NULL is fine. */
void fi_rows_read_row_destroy(struct firn_row *row);
const firn_value *fi_rows_read_row_values(const struct firn_row *row, size_t *out_count);

/* The columns to read, and the state. */
struct fi_rows_read {
    struct firn_txn *txn;           /* its state, with its writes; or */
    struct firn_snapshot *snapshot; /* both NULL: now */
    const char *index;              /* NULL: the primary key */
    const char *const *columns;     /* NULL: all of the schema, in its order */
    size_t column_count;
};
/* Finds a row by the whole primary key, or by all columns of a unique index, none of them null.
 * FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int fi_rows_read_get(struct firn_table *table, const struct fi_rows_read *read,
                                     const firn_value *key, size_t key_count, struct firn_row *row,
                                     firn_error *err);

/* Many rows, found as read_get finds one, all in one state. visit gets the number of each key, in
 * order, and its row, borrowed until it returns, or NULL if there is none. If visit returns
 * anything but FIRN_OK, the call ends and returns that. Keys are looked up in groups: an invalid
 * key fails the call, perhaps after rows before it were visited. */
struct fi_rows_many {
    const firn_value *keys; /* count keys of key_count values each */
    size_t key_count;
    size_t count;
    int (*visit)(void *ctx, size_t i, const struct firn_row *row);
    void *ctx;
};
FIRN_MUST_CHECK int fi_rows_read_get_many(struct firn_table *table, const struct fi_rows_read *read,
                                          const struct fi_rows_many *many, firn_error *err);

/* Encodes a bound of rows, or of entries of the index (NULL: rows): the first key in it (lower), or
 * the first key after it (upper). *out_has: there is such a bound. Requires: out is empty.
 * FIRN_INVALID. */
FIRN_MUST_CHECK int fi_rows_read_bound(const struct fi_schema *schema,
                                       const struct fi_schema_index *index,
                                       const struct fi_rows_bound *bound, bool is_upper,
                                       struct fi_buf *out, bool *out_has, firn_error *err);
struct firn_table_cursor;
struct fi_rows_cursor_options {
    struct fi_rows_read read;
    struct fi_rows_bound lower;
    struct fi_rows_bound upper;
    bool is_descending;
};
/* Rows in the order of the key, or of the index (then of the key). */
FIRN_MUST_CHECK int fi_rows_read_cursor_open(struct firn_table *table,
                                             const struct fi_rows_cursor_options *options,
                                             struct firn_table_cursor **out, firn_error *err);
/* NULL is fine. */
void fi_rows_read_cursor_close(struct firn_table_cursor *cursor);
/* The next row, borrowed until the next call; NULL at the end. */
FIRN_MUST_CHECK int fi_rows_read_cursor_next(struct firn_table_cursor *cursor,
                                             const struct firn_row **out, firn_error *err);

/* When that row, or the entry that led to it, expires; 0: never, or there is no row. */
uint64_t fi_rows_read_cursor_expires_ms(const struct firn_table_cursor *cursor);

/* ---- differences between two states: rows_diff.c ---- */

struct fi_rows_diff_options {
    const struct firn_snapshot *before; /* NULL: now; only open uses either of the two */
    const struct firn_snapshot *after;
    struct fi_storefile_progress progress; /* zeroed: none */
};
struct firn_table_diff;
/* As firn_table_diff_open. One thread. */
FIRN_MUST_CHECK int fi_rows_diff_open(struct firn_db *db, const char *name,
                                      const struct fi_rows_diff_options *options,
                                      struct firn_table_diff **out, firn_error *err);
/* NULL is fine. */
void fi_rows_diff_close(struct firn_table_diff *diff);
/* NULL: there are no more; owned by the comparison. */
const struct firn_table_diff_column *fi_rows_diff_column_at(const struct firn_table_diff *diff,
                                                            size_t i);
/* The next difference, borrowed until the next call; NULL at the end. */
FIRN_MUST_CHECK int fi_rows_diff_next(struct firn_table_diff *diff,
                                      const struct firn_row_difference **out, firn_error *err);

/* ---- the size of a table: rows_stats.c ---- */

struct fi_rows_stats_options {
    struct firn_snapshot *snapshot; /* NULL: now */
    bool counts;                    /* walk the keys of rows and entries */
};
/* As firn_table_stats; the caller frees *out with fi_free. Any thread. */
FIRN_MUST_CHECK int fi_rows_stats(struct firn_table *table,
                                  const struct fi_rows_stats_options *options,
                                  firn_table_statistics **out, firn_error *err);

/* ---- whether a table is sound: rows_check.c ---- */

struct fi_rows_check_options {
    struct firn_snapshot *snapshot;                 /* NULL: now */
    void (*on_damage)(void *ctx, const char *text); /* NULL: damage is only counted */
    void *ctx;
    struct fi_storefile_progress *progress; /* NULL: none */
};
/* As firn_table_check. Any thread. */
FIRN_MUST_CHECK int fi_rows_check(struct firn_table *table,
                                  const struct fi_rows_check_options *options,
                                  firn_table_check_result *report, firn_error *err);

#endif
