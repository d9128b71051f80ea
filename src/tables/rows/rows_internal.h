/* SPDX-License-Identifier: Apache-2.0
 *
 * rows/rows_internal.h: what the files of the room share.
 */
#ifndef FIRN_ROWS_ROWS_INTERNAL_H
#define FIRN_ROWS_ROWS_INTERNAL_H

#include <stdatomic.h>

#include "os/os_process.h"
#include "rows/rows.h"
#include "threads/os_thread.h"

struct firn_table {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct firn_db *db;
    struct firn_db_keyspace *rows; /* owned by the store, as the next one is */
    struct firn_db_keyspace *schemas;
    uint8_t schema_key[FI_DB_SCHEMA_KEY_SIZE]; /* in schemas */

    _Atomic(struct fi_rows_spare *) spare; /* NULL: there is none */

    struct fi_os_mutex mutex; /* rank TABLE; guards the rest */
    struct fi_schema *cached; /* the schema that was read last; NULL: none was */
    struct fi_buf record;     /* its record */
    uint64_t stamp;           /* of schemas, while that record is current; 0: not known */
    struct fi_buf indexes;    /* of struct fi_rows_index, in no order */
    bool has_next_auto;       /* next_auto is larger than every number of a row */
    /* this handle has neither given out nor inserted this number or a larger one */
    uint64_t next_auto;
};

/* An index that was used. */
struct fi_rows_index {
    uint32_t id;
    struct firn_db_keyspace *keyspace;
};

static inline firn_slice
fi_rows_schema_key(const struct firn_table *table)
{
    return firn_bytes(table->schema_key, sizeof table->schema_key);
}

/* FIRN_NOT_FOUND: there is no such table. */
int fi_rows_say_missing(const char *name, firn_error *err);
/* Drops records and keyspaces of indexes that belong to no table. */
FIRN_MUST_CHECK int fi_rows_drop_strays(struct firn_db *db, firn_error *err);
/* The keyspace of an index of the schema. snapshot NULL: now. */
FIRN_MUST_CHECK int fi_rows_index_keyspace(struct firn_table *table, struct firn_snapshot *snapshot,
                                           const struct fi_schema_index *index,
                                           struct firn_db_keyspace **out, firn_error *err);
/* Takes the right to change tables, which one thread has at a time, and returns it. schemas is the
 * keyspace of the schemas, which is created if it is missing. FIRN_READ_ONLY. */
struct fi_rows_changing {
    struct firn_db_keyspace *schemas;
    struct fi_rows_catalog *catalog;
};
FIRN_MUST_CHECK int fi_rows_begin_change(struct firn_db *db, struct fi_rows_changing *out,
                                         firn_error *err);
void fi_rows_end_change(struct fi_rows_changing *changing);
/* The name of the keyspace of an index: FI_ROWS_INDEX_NAME_SIZE bytes. */
enum { FI_ROWS_INDEX_NAME_SIZE = 64 };
void fi_rows_name_index(uint64_t schema, uint32_t index, char *out);
/* Makes a new schema from the one that the transaction sees, with numbers that the table has never
 * given, and writes its record. Requires: the caller has the right to change tables. */
FIRN_MUST_CHECK int fi_rows_change_schema(struct firn_table *table, struct firn_txn *txn,
                                          const struct fi_rows_change *change,
                                          struct fi_schema **out, firn_error *err);
FIRN_MUST_CHECK int fi_rows_write_schema(struct firn_table *table, struct firn_txn *txn,
                                         const struct fi_schema *schema, firn_error *err);
/* The schema for a transaction that will write rows; the transaction depends on it from now on. */
FIRN_MUST_CHECK int fi_rows_schema_for_write(struct firn_table *table, struct firn_txn *txn,
                                             struct fi_schema **out, firn_error *err);

/* ---- auto numbers: rows_auto.c ---- */

/* NULL: the table has none. */
const struct fi_schema_column *fi_rows_auto_column(const struct fi_schema *schema);
/* Takes up to *count numbers, from *out on, and sets *count to how many it took. FIRN_LIMIT: none
 * are left. */
FIRN_MUST_CHECK int fi_rows_auto_take(struct firn_table *table,
                                      const struct fi_schema_column *column, uint64_t *count,
                                      uint64_t *out, firn_error *err);
/* Returns the numbers [next, end), the last ones that were taken, unless others were taken
 * since. */
void fi_rows_auto_return(struct firn_table *table, uint64_t next, uint64_t end);
/* Notes that a row has a number that was not given out. Returns the number after it, at least 1. */
uint64_t fi_rows_auto_note(struct firn_table *table, const struct fi_cell *cell);

#endif
