/* SPDX-License-Identifier: Apache-2.0
 *
 * table_firn_scan.c: the queries as scans. The measured time includes opening each scan, parsing
 * its texts, and closing it: scans are not prepared.
 */
#include <firn/scan.h>

#include "table_firn.h"

struct text {
    const char *select, *where, *group_by, *order_by;
    uint64_t limit;
    const char *table; /* NULL: that of the workload */
    const struct text *join;
    const char *join_on;
};

static const struct text q3_customer = {
    .table = "customer", .select = "c_custkey", .where = "c_mktsegment = 'BUILDING'"};
static const struct text q3_orders = {.table = "orders",
                                      .select = "o_orderkey, o_orderdate, o_shippriority",
                                      .where = "o_orderdate < '1995-03-15'",
                                      .join = &q3_customer,
                                      .join_on = "o_custkey = c_custkey"};
static const struct text q12_lineitem = {
    .table = "lineitem",
    .select = "l_orderkey, l_shipmode",
    .where = "l_shipmode in ('MAIL', 'SHIP') and l_commitdate < l_receiptdate and "
             "l_shipdate < l_commitdate and l_receiptdate >= '1994-01-01' and "
             "l_receiptdate < '1995-01-01'"};
static const struct text q14_part = {.table = "part",
                                     .select = "p_partkey, p_type like 'PROMO%' as promo"};

static const struct text texts[TABLE_QUERIES] = {
    [TABLE_SUM_QUANTITY] = {.select = "sum(l_quantity)"},
    [TABLE_SUM_PRICE] = {.select = "sum(l_extendedprice)"},
    [TABLE_Q6] = {.select = "sum(l_extendedprice * l_discount)",
                  .where = "l_shipdate >= '1994-01-01' and l_shipdate < '1995-01-01' and "
                           "l_discount between 0.05 and 0.07 and l_quantity < 24"},
    [TABLE_Q1] = {.select = "l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice), "
                            "sum(l_extendedprice * (1 - l_discount)), "
                            "sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)), "
                            "avg(l_quantity), avg(l_extendedprice), avg(l_discount), count(*)",
                  .where = "l_shipdate <= '1998-09-02'",
                  .group_by = "l_returnflag, l_linestatus",
                  .order_by = "l_returnflag, l_linestatus"},
    [TABLE_Q3] = {.select = "l_orderkey, sum(l_extendedprice * (1 - l_discount)) as revenue, "
                            "o_orderdate, o_shippriority",
                  .where = "l_shipdate > '1995-03-15'",
                  .group_by = "l_orderkey, o_orderdate, o_shippriority",
                  .order_by = "revenue desc, o_orderdate",
                  .limit = 10,
                  .join = &q3_orders,
                  .join_on = "l_orderkey = o_orderkey"},
    [TABLE_Q12] = {.table = "orders",
                   .select = "l_shipmode, sum(case when o_orderpriority in ('1-URGENT', '2-HIGH') "
                             "then 1 else 0 end), sum(case when o_orderpriority not in "
                             "('1-URGENT', '2-HIGH') then 1 else 0 end)",
                   .group_by = "l_shipmode",
                   .order_by = "l_shipmode",
                   .join = &q12_lineitem,
                   .join_on = "o_orderkey = l_orderkey"},
    [TABLE_Q14] = {.select = "100.00 * sum(case when promo then l_extendedprice * (1 - l_discount) "
                             "else 0 end) / sum(l_extendedprice * (1 - l_discount))",
                   .where = "l_shipdate >= '1995-09-01' and l_shipdate < '1995-10-01'",
                   .join = &q14_part,
                   .join_on = "l_partkey = p_partkey"},
    [TABLE_COUNT_INT] = {.select = "count(*)", .where = "status = 404"},
    [TABLE_COUNT_TEXTS] = {.select = "count(*)", .where = "kind = 'purchase' and country = 'DE'"},
    [TABLE_GROUP] = {.select = "kind, count(*), sum(amount)",
                     .group_by = "kind",
                     .order_by = "kind"},
    [TABLE_TOP] = {.select = "user_id, count(*)",
                   .group_by = "user_id",
                   .order_by = "2 desc, 1",
                   .limit = 10},
    [TABLE_RANGE] = {.select = "count(*), sum(amount)"}};

static void
answer_value(struct table_answer *answer, const firn_scan_column *column, firn_value value)
{
    switch (value.type) {
    case FIRN_TYPE_TEXT:
        table_answer_text(
            answer, (struct table_text){(const char *)value.as.bytes.data, value.as.bytes.size});
        break;
    case FIRN_TYPE_F64:
        table_answer_average(answer, value.as.f64);
        break;
    case FIRN_TYPE_DECIMAL:
        table_answer_decimal(answer, value.as.i64, column->scale);
        break;
    case FIRN_TYPE_I32:
    case FIRN_TYPE_DATE:
    case FIRN_TYPE_I64:
        table_answer_number(answer, value.as.i64);
        break;
    case FIRN_TYPE_U64:
        table_answer_decimal(answer, value.as.u64, 0);
        break;
    default:
        table_die("the answer has a value of type %d", (int)value.type);
    }
}

/* Opens the scan of a text, and those that it joins. */
static firn_scan *
scan_open(struct table_store *store, const struct text *text, const firn_table_bound bounds[2])
{
    firn_error err = {0};
    firn_scan *scan;
    firn_table *table = store->table;
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    options.select = text->select;
    options.where = text->where;
    options.group_by = text->group_by;
    options.order_by = text->order_by;
    options.limit = text->limit;
    options.lower = bounds[0];
    options.upper = bounds[1];
    options.join = text->join != NULL ? scan_open(store, text->join, bounds) : NULL;
    options.join_on = text->join_on;
    options.threads = store->setup->threads;
    options.memory_bytes = store->setup->memory_bytes / 4;
    if (text->table != NULL) {
        table_firn_check(firn_table_open(store->handle, text->table, &table, &err), &err);
    }
    table_firn_check(firn_scan_open(table, &options, &scan, &err), &err);
    firn_scan_close(options.join);
    return scan;
}

void
table_firn_query(struct table_store *store, enum table_query query, const int64_t bounds[2],
                 struct table_answer *answer)
{
    const firn_scan_batch *batch;
    firn_error err = {0};
    firn_value values[] = {firn_i64(bounds[0]), firn_i64(bounds[1])};
    firn_table_bound range[2] = {{.values = NULL}, {.values = NULL}};
    for (size_t i = 0; query == TABLE_RANGE && i < 2; i++) {
        range[i] = (firn_table_bound){.values = &values[i], .count = 1};
    }
    firn_scan *scan = scan_open(store, &texts[query], range);
    for (;;) {
        table_firn_check(firn_scan_next(scan, &batch, &err), &err);
        if (batch == NULL) {
            break;
        }
        for (size_t row = 0; row < firn_scan_batch_rows(batch); row++) {
            for (size_t i = 0; i < firn_scan_column_count(scan); i++) {
                firn_scan_column column = FIRN_SCAN_COLUMN_INIT;
                firn_scan_column_at(scan, i, &column);
                answer_value(answer, &column, firn_scan_value(batch, i, row));
            }
            table_answer_end_row(answer);
        }
    }
    firn_scan_close(scan);
}
