/* SPDX-License-Identifier: Apache-2.0
 *
 * table_data.h: the tables of the benchmark: what columns they have, their rows as arrays in memory, and
 * how a row of the event log is made.
 *
 * lineitem is that of TPC-H (table_tpch.c), and so are the tables that queries join with it. events is a log: 10 million rows in the usual run, each the
 * function of its number alone, so that a workload knows what must be in it and what comes after the last.
 *
 * Data lies in one directory a table, made by bench_table_make: a file a column with the values as the
 * machine has them, and for texts a file NAME with the bytes and a file NAME.at with where each begins. All
 * engines load from these arrays, so that no time goes into reading text.
 */
#ifndef BENCH_TABLE_DATA_H
#define BENCH_TABLE_DATA_H

#include <stddef.h>
#include <stdint.h>

enum table_type {
    TABLE_I64,
    TABLE_I32,
    TABLE_DECIMAL,   /* in hundredths, 15 digits */
    TABLE_DATE,      /* days since 1970-01-01 */
    TABLE_TIMESTAMP, /* microseconds since 1970-01-01 */
    TABLE_F64,
    TABLE_TEXT
};

struct table_column {
    const char *name;
    enum table_type type;
};

enum { TABLE_COLUMNS_MAX = 16 };

struct table_schema {
    const char *name;
    size_t column_count;
    struct table_column columns[TABLE_COLUMNS_MAX];
    const char *key; /* names of the columns of the primary key, commas between them */
};

extern const struct table_schema table_lineitem, table_events;
extern const struct table_schema table_orders, table_customer, table_part; /* of TPC-H, too */
/* NULL: there is none of that name. */
const struct table_schema *table_schema_find(const char *name);

/* The one whose files are in a directory; dies if there is none. */
const struct table_schema *table_schema_of(const char *directory);

/* The columns of the event log, in their order. */
enum {
    TABLE_EVENT_ID,
    TABLE_EVENT_TS,
    TABLE_EVENT_USER,
    TABLE_EVENT_KIND,
    TABLE_EVENT_COUNTRY,
    TABLE_EVENT_STATUS,
    TABLE_EVENT_AMOUNT,
    TABLE_EVENT_LATENCY,
    TABLE_EVENT_PATH,
    TABLE_EVENT_COLUMNS
};

struct table_text {
    const char *data; /* no NUL at the end */
    size_t size;
};

/* One column of all rows; `type` of the schema says which. */
struct table_array {
    union {
        const int64_t *i64; /* I64, DECIMAL, TIMESTAMP */
        const int32_t *i32; /* I32, DATE */
        const double *f64;
        const char *text; /* the text of row i is text[at[i]] to text[at[i + 1] - 1] */
    } as;
    const uint64_t *at;
};

struct table_data {
    const struct table_schema *schema;
    uint64_t rows;
    struct table_array columns[TABLE_COLUMNS_MAX];
};

/* Maps the files of a directory, for the life of the process; dies if they are not those of the schema. */
void table_data_map(struct table_data *data, const struct table_schema *schema,
                    const char *directory);
static inline struct table_text
table_data_text(const struct table_array *array, uint64_t row)
{
    uint64_t from = array->at[row];
    struct table_text text = {array->as.text + from, (size_t)(array->at[row + 1] - from)};
    return text;
}

struct table_event {
    int64_t id, ts, user;
    struct table_text kind, country;
    int32_t status;
    int64_t amount; /* in hundredths */
    double latency;
    struct table_text path;
    char path_bytes[24]; /* what `path` refers to in a row that was made */
};

/* Row `id` of the event log with so many users. */
void table_event_make(struct table_event *event, uint64_t id, uint64_t users);
/* How many users a log of so many rows has. */
uint64_t table_event_users(uint64_t rows);

/* A number from 0 to below - 1, below < 2^32, that depends on stream and number alone. */
uint64_t table_random(uint64_t stream, uint64_t number, uint64_t below);
/* Continues a hash (FNV-1a over 64-bit words and bytes); begin with TABLE_HASH. */
#define TABLE_HASH UINT64_C(0xcbf29ce484222325)
uint64_t table_hash_number(uint64_t hash, uint64_t number);
uint64_t table_hash_text(uint64_t hash, struct table_text text);

/* Ends the process with a message. */
_Noreturn void table_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
