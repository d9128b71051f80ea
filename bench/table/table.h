/* SPDX-License-Identifier: Apache-2.0
 *
 * table.h: the interface that each engine of the table benchmark implements.
 *
 * A program has one engine: table_<engine>.c defines table_engine, table_main.c drives it. Failures
 * end the process with a message (table_die): a failed row must not look like a slow one. One
 * thread calls.
 */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table_data.h"

struct table_setup {
    const struct table_schema *schema;
    const char *directory; /* exists; empty, or with a store of the same engine and schema */
    uint64_t memory_bytes; /* for everything that the engine keeps in memory */
    unsigned threads;      /* that a query may use */
    bool keyed;            /* engines that can do without a key have one */
    bool unsynced;         /* a commit is with the kernel when it returns; else on disk */
};

enum table_query {
    TABLE_SUM_QUANTITY,
    TABLE_SUM_PRICE,
    TABLE_Q6,
    TABLE_Q1,
    TABLE_Q3, /* this and the next two join lineitem with other tables */
    TABLE_Q12,
    TABLE_Q14,
    TABLE_COUNT_INT,
    TABLE_COUNT_TEXTS,
    TABLE_GROUP,
    TABLE_TOP,
    TABLE_RANGE, /* of ids, from bounds[0] to bounds[1], both included */
    TABLE_QUERIES
};

/* A query in SQL, with $1 and $2 for bounds, for engines that speak it; chdb takes DuckDB's. */
struct table_query_text {
    const char *duckdb, *sqlite;
};
extern const struct table_query_text table_query_texts[TABLE_QUERIES];

/* The answer to a query as text: columns with a space between them, rows ended by a semicolon. It is the
 * same for all engines. */
struct table_answer {
    char text[4096];
    size_t size;
};
void table_answer_text(struct table_answer *answer, struct table_text text);
void table_answer_number(struct table_answer *answer, int64_t number);
/* In units of 10^-scale. Zeros at the end are left out. */
__extension__ typedef __int128 table_wide;
void table_answer_decimal(struct table_answer *answer, table_wide units, unsigned scale);
/* An average, which is as exact as a double is. */
void table_answer_average(struct table_answer *answer, double number);
void table_answer_end_row(struct table_answer *answer);

/* Of the engine's own making. */
struct table_store;

struct table_engine {
    const char *name;
    bool
        has_keyless; /* a table without a key is something else than one with it: setup.keyed says which */
    const char *(*version)(void);
    struct table_store *(*open)(const struct table_setup *setup);
    void (*close)(struct table_store *store);
    /* Creates the table and fills it; all rows are on disk when this returns. */
    void (*load)(struct table_store *store, const struct table_data *data);
    /* The same from a file of CSV with a header; returns the number of rows. NULL: the engine has no such call. */
    uint64_t (*import_csv)(struct table_store *store, const char *path);
    void (*query)(struct table_store *store, enum table_query query, const int64_t bounds[2],
                  struct table_answer *answer);
    /* The whole row as typed values; texts are borrowed until the next call. False: there is none. */
    bool (*lookup)(struct table_store *store, int64_t id, struct table_event *out);
    /* Each is a transaction of its own. */
    void (*insert)(struct table_store *store, const struct table_event *event);
    void (*update)(struct table_store *store, int64_t id, int64_t amount);
    /* Deletes the events with an odd id below `rows`, then gives back all the space it can. */
    void (*halve)(struct table_store *store, uint64_t rows);
};

extern const struct table_engine table_engine;

#endif
