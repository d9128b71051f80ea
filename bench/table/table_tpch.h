/* SPDX-License-Identifier: Apache-2.0
 *
 * table_tpch.h: the eight tables of TPC-H, each row the function of its number, and the 22 queries in SQLite's words.
 */
#ifndef BENCH_TABLE_TPCH_H
#define BENCH_TABLE_TPCH_H

#include <stddef.h>
#include <stdint.h>

#include "table_data.h"

enum { TABLE_TPCH_LINES_MAX = 7, TABLE_TPCH_QUERIES = 22 };

enum table_tpch_table {
    TABLE_TPCH_REGION,
    TABLE_TPCH_NATION,
    TABLE_TPCH_SUPPLIER,
    TABLE_TPCH_PART,
    TABLE_TPCH_PARTSUPP,
    TABLE_TPCH_CUSTOMER,
    TABLE_TPCH_ORDERS,
    TABLE_TPCH_LINEITEM,
    TABLE_TPCH_TABLES
};
extern const struct table_schema *const table_tpch_schemas[TABLE_TPCH_TABLES];

struct table_tpch {
    uint64_t orders, parts, suppliers, customers;
    char *pool; /* what comments are cut out of */
    size_t pool_size;
};
/* Scale 1 has 1.5 million orders. Release it with table_tpch_deinit. */
void table_tpch_init(struct table_tpch *tpch, double scale);
void table_tpch_deinit(struct table_tpch *tpch);

/* A row of lineitem; numbers are in the units of table_data.h. */
struct table_tpch_line {
    int64_t order, part, supplier, number, quantity, price, discount, tax;
    const char *flag, *status;
    int64_t shipped, committed, received; /* days */
    const char *instruction, *mode;
    struct table_text comment;
};
/* How many lines an order has, from 1 to TABLE_TPCH_LINES_MAX. */
uint64_t table_tpch_line_count(uint64_t order);
void table_tpch_line(const struct table_tpch *tpch, uint64_t order, uint64_t number,
                     struct table_tpch_line *out);

/* A value of a row: a text if the column is one. */
struct table_tpch_value {
    int64_t number;
    struct table_text text;
};
/* Calls put with each row of a table in the order of its key; values are borrowed for the call. SCALE has to be 0.01 or more, so that
 * the four suppliers of a part differ. */
void table_tpch_each(const struct table_tpch *tpch, enum table_tpch_table table,
                     void (*put)(void *context, const struct table_tpch_value *values),
                     void *context);

extern const char *const table_tpch_queries[TABLE_TPCH_QUERIES];

#endif
