/* SPDX-License-Identifier: Apache-2.0
 *
 * table_query.c: the queries in SQL, and answers as text.
 *
 * SQLite has neither decimals nor dates: hundredths and days are whole numbers there, so that its sums are exact as well.
 * A sum of products has the scale of the product.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "table.h"

const struct table_query_text table_query_texts[TABLE_QUERIES] = {
    [TABLE_SUM_QUANTITY] = {"select sum(l_quantity) from lineitem",
                            "select sum(l_quantity) from lineitem"},
    [TABLE_SUM_PRICE] = {"select sum(l_extendedprice) from lineitem",
                         "select sum(l_extendedprice) from lineitem"},
    [TABLE_Q6] = {"select sum(l_extendedprice * l_discount) from lineitem where l_shipdate >= date "
                  "'1994-01-01' "
                  "and l_shipdate < date '1995-01-01' and l_discount between 0.05 and 0.07 and "
                  "l_quantity < 24",
                  "select sum(l_extendedprice * l_discount) from lineitem where l_shipdate >= 8766 "
                  "and l_shipdate < 9131 and l_discount between 5 and 7 and l_quantity < 2400"},
    [TABLE_Q1] =
        {"select l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice), "
         "sum(l_extendedprice * (1 - l_discount)), "
         "sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)), "
         "avg(l_quantity), avg(l_extendedprice), avg(l_discount), count(*) from lineitem "
         "where l_shipdate <= date '1998-09-02' group by l_returnflag, l_linestatus "
         "order by l_returnflag, l_linestatus",
         "select l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice), "
         "sum(l_extendedprice * (100 - l_discount)), "
         "sum(l_extendedprice * (100 - l_discount) * (100 + l_tax)), "
         "avg(l_quantity) / 100, avg(l_extendedprice) / 100, avg(l_discount) / 100, count(*) "
         "from lineitem where l_shipdate <= 10471 group by l_returnflag, l_linestatus "
         "order by l_returnflag, l_linestatus"},
    [TABLE_Q3] =
        {"select l_orderkey, sum(l_extendedprice * (1 - l_discount)) as revenue, o_orderdate, "
         "o_shippriority from customer, orders, lineitem where c_mktsegment = 'BUILDING' and "
         "c_custkey = o_custkey and l_orderkey = o_orderkey and o_orderdate < date '1995-03-15' "
         "and l_shipdate > date '1995-03-15' group by l_orderkey, o_orderdate, o_shippriority "
         "order by revenue desc, o_orderdate limit 10",
         "select l_orderkey, sum(l_extendedprice * (100 - l_discount)) as revenue, o_orderdate, "
         "o_shippriority from customer, orders, lineitem where c_mktsegment = 'BUILDING' and "
         "c_custkey = o_custkey and l_orderkey = o_orderkey and o_orderdate < 9204 "
         "and l_shipdate > 9204 group by l_orderkey, o_orderdate, o_shippriority "
         "order by revenue desc, o_orderdate limit 10"},
    [TABLE_Q12] =
        {"select l_shipmode, sum(case when o_orderpriority = '1-URGENT' or o_orderpriority = "
         "'2-HIGH' then 1 else 0 end), sum(case when o_orderpriority <> '1-URGENT' and "
         "o_orderpriority <> '2-HIGH' then 1 else 0 end) from orders, lineitem where o_orderkey = "
         "l_orderkey and l_shipmode in ('MAIL', 'SHIP') and l_commitdate < l_receiptdate and "
         "l_shipdate < l_commitdate and l_receiptdate >= date '1994-01-01' and l_receiptdate < "
         "date '1995-01-01' group by l_shipmode order by l_shipmode",
         "select l_shipmode, sum(case when o_orderpriority = '1-URGENT' or o_orderpriority = "
         "'2-HIGH' then 1 else 0 end), sum(case when o_orderpriority <> '1-URGENT' and "
         "o_orderpriority <> '2-HIGH' then 1 else 0 end) from orders, lineitem where o_orderkey = "
         "l_orderkey and l_shipmode in ('MAIL', 'SHIP') and l_commitdate < l_receiptdate and "
         "l_shipdate < l_commitdate and l_receiptdate >= 8766 and l_receiptdate < 9131 "
         "group by l_shipmode order by l_shipmode"},
    [TABLE_Q14] =
        {"select 100.00 * sum(case when p_type like 'PROMO%' then l_extendedprice * (1 - "
         "l_discount) else 0 end) / sum(l_extendedprice * (1 - l_discount)) from lineitem, part "
         "where l_partkey = p_partkey and l_shipdate >= date '1995-09-01' and l_shipdate < date "
         "'1995-10-01'",
         "select 100.0 * sum(case when p_type like 'PROMO%' then l_extendedprice * (100 - "
         "l_discount) else 0 end) / sum(l_extendedprice * (100 - l_discount)) from lineitem, part "
         "where l_partkey = p_partkey and l_shipdate >= 9374 and l_shipdate < 9404"},
    [TABLE_COUNT_INT] = {"select count(*) from events where status = 404",
                         "select count(*) from events where status = 404"},
    [TABLE_COUNT_TEXTS] =
        {"select count(*) from events where kind = 'purchase' and country = 'DE'",
         "select count(*) from events where kind = 'purchase' and country = 'DE'"},
    [TABLE_GROUP] = {"select kind, count(*), sum(amount) from events group by kind order by kind",
                     "select kind, count(*), sum(amount) from events group by kind order by kind"},
    [TABLE_TOP] =
        {"select user_id, count(*) from events group by user_id order by 2 desc, 1 limit 10",
         "select user_id, count(*) from events group by user_id order by 2 desc, 1 limit 10"},
    [TABLE_RANGE] = {"select count(*), sum(amount) from events where id between $1 and $2",
                     "select count(*), sum(amount) from events where id between $1 and $2"}};

static void
append(struct table_answer *answer, const char *text, size_t size)
{
    if (size >= sizeof(answer->text) - answer->size) {
        table_die("an answer is too long");
    }
    memcpy(answer->text + answer->size, text, size);
    answer->size += size;
    answer->text[answer->size] = '\0';
}

static void
begin_column(struct table_answer *answer)
{
    if (answer->size > 0 && answer->text[answer->size - 1] != ';') {
        append(answer, " ", 1);
    }
}

void
table_answer_text(struct table_answer *answer, struct table_text text)
{
    begin_column(answer);
    append(answer, text.data, text.size);
}

void
table_answer_number(struct table_answer *answer, int64_t number)
{
    table_answer_decimal(answer, number, 0);
}

void
table_answer_decimal(struct table_answer *answer, table_wide units, unsigned scale)
{
    char digits[48];
    size_t at = sizeof(digits);
    bool negative = units < 0;
    for (; scale > 0 && units % 10 == 0; scale--) {
        units /= 10;
    }
    for (unsigned i = 0; units != 0 || i <= scale; i++) {
        if (i == scale && scale > 0) {
            digits[--at] = '.';
        }
        int digit = (int)(units % 10);
        digits[--at] = (char)('0' + (digit < 0 ? -digit : digit));
        units /= 10;
    }
    if (negative) {
        digits[--at] = '-';
    }
    begin_column(answer);
    append(answer, digits + at, sizeof(digits) - at);
}

void
table_answer_average(struct table_answer *answer, double number)
{
    char text[48];
    int size = snprintf(text, sizeof(text), "%.6f", number);
    begin_column(answer);
    append(answer, text, (size_t)size);
}

void
table_answer_end_row(struct table_answer *answer)
{
    append(answer, ";", 1);
}
