/* SPDX-License-Identifier: Apache-2.0
 *
 * table_tpch.c: the rows of TPC-H, by the rules of its specification (4.2.3) with random numbers of its own.
 *
 * Each field is the function of the table's row number and of a stream, so a row can be made alone and in any order: the
 * total of an order is computed from its lines without keeping them. One to seven lines an order; order keys of which only
 * the first eight of each 32 are used; customers whose key can be divided by three have no orders; a part's price and its
 * four suppliers by formula; dates after that of the order; comments cut out of 300 MB of text (less for a
 * scale below 1). Where the specification asks for random letters, words are taken: addresses and clerks are not asked for.
 */
#include "table_tpch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table_words.h"

/* The numbers of these streams are those of the data that was published: new ones go to the end. */
enum {
    STREAM_ORDER_DATE = 1,
    STREAM_LINES,
    STREAM_PART,
    STREAM_SUPPLIER,
    STREAM_QUANTITY,
    STREAM_DISCOUNT,
    STREAM_TAX,
    STREAM_RETURN,
    STREAM_SHIP,
    STREAM_COMMIT,
    STREAM_RECEIPT,
    STREAM_INSTRUCTION,
    STREAM_MODE,
    STREAM_COMMENT_AT,
    STREAM_COMMENT_SIZE,
    STREAM_TEXTS = 400, /* two a column of words, by the table */
    STREAM_FIELDS = 500 /* sixteen a table */
};

enum {
    DATE_FIRST = 8035,   /* 1992-01-01 */
    DATE_LAST = 10591,   /* 1998-12-31 */
    DATE_CURRENT = 9298, /* 1995-06-17 */
    POOL_SIZE = 300 << 20,
    COMMENT_MAX = 43,
    TEXT_SIZE_MAX = 128,
    ORDER_KEYS_SHIFT = 3
};

static const struct table_schema region = {
    "region",
    3,
    {{"r_regionkey", TABLE_I64}, {"r_name", TABLE_TEXT}, {"r_comment", TABLE_TEXT}},
    "r_regionkey"};
static const struct table_schema nation = {"nation",
                                           4,
                                           {{"n_nationkey", TABLE_I64},
                                            {"n_name", TABLE_TEXT},
                                            {"n_regionkey", TABLE_I64},
                                            {"n_comment", TABLE_TEXT}},
                                           "n_nationkey"};
static const struct table_schema supplier = {"supplier",
                                             7,
                                             {{"s_suppkey", TABLE_I64},
                                              {"s_name", TABLE_TEXT},
                                              {"s_address", TABLE_TEXT},
                                              {"s_nationkey", TABLE_I64},
                                              {"s_phone", TABLE_TEXT},
                                              {"s_acctbal", TABLE_DECIMAL},
                                              {"s_comment", TABLE_TEXT}},
                                             "s_suppkey"};
static const struct table_schema partsupp = {"partsupp",
                                             5,
                                             {{"ps_partkey", TABLE_I64},
                                              {"ps_suppkey", TABLE_I64},
                                              {"ps_availqty", TABLE_I32},
                                              {"ps_supplycost", TABLE_DECIMAL},
                                              {"ps_comment", TABLE_TEXT}},
                                             "ps_partkey, ps_suppkey"};
const struct table_schema *const table_tpch_schemas[TABLE_TPCH_TABLES] = {
    &region,   &nation,         &supplier,     &table_part,
    &partsupp, &table_customer, &table_orders, &table_lineitem};

static uint64_t
scaled(double scale, uint64_t count)
{
    uint64_t result = (uint64_t)(scale * (double)count + 0.5);
    return result == 0 ? 1 : result;
}

void
table_tpch_init(struct table_tpch *tpch, double scale)
{
    *tpch = (struct table_tpch){.orders = scaled(scale, 1500000),
                                .parts = scaled(scale, 200000),
                                .suppliers = scaled(scale, 10000),
                                .customers = scaled(scale, 150000),
                                .pool_size = (size_t)scaled(scale < 1 ? scale : 1, POOL_SIZE)};
    if (tpch->pool_size < 1 << 20) {
        tpch->pool_size = 1 << 20;
    }
    tpch->pool = malloc(tpch->pool_size);
    if (tpch->pool == NULL) {
        table_die("no memory for the text");
    }
    table_words_fill(tpch->pool, tpch->pool_size);
}

void
table_tpch_deinit(struct table_tpch *tpch)
{
    free(tpch->pool);
    tpch->pool = NULL;
}

/* ---- lineitem ---- */

uint64_t
table_tpch_line_count(uint64_t order)
{
    return 1 + table_random(STREAM_LINES, order, TABLE_TPCH_LINES_MAX);
}

static int64_t
order_key(uint64_t order)
{
    return (int64_t)(((order + 1) >> ORDER_KEYS_SHIFT << 5) | ((order + 1) & 7));
}

static uint64_t
order_date(uint64_t order)
{
    return DATE_FIRST + table_random(STREAM_ORDER_DATE, order, DATE_LAST - 151 - DATE_FIRST + 1);
}

static uint64_t
price_of(uint64_t number)
{
    return 90000 + number / 10 % 20001 + 100 * (number % 1000);
}

/* The supplier of a part that is its first to fourth. */
static uint64_t
supplier_of(const struct table_tpch *tpch, uint64_t number, uint64_t which)
{
    return (number + which * (tpch->suppliers / 4 + (number - 1) / tpch->suppliers)) %
               tpch->suppliers +
           1;
}

void
table_tpch_line(const struct table_tpch *tpch, uint64_t order, uint64_t number,
                struct table_tpch_line *out)
{
    static const char *const instructions[] = {"DELIVER IN PERSON", "COLLECT COD", "NONE",
                                               "TAKE BACK RETURN"};
    static const char *const modes[] = {"REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"};
    uint64_t line = order * TABLE_TPCH_LINES_MAX + number;
    uint64_t of_part = 1 + table_random(STREAM_PART, line, tpch->parts);
    uint64_t quantity = 1 + table_random(STREAM_QUANTITY, line, 50);
    uint64_t ordered = order_date(order);
    uint64_t shipped = ordered + 1 + table_random(STREAM_SHIP, line, 121);
    uint64_t received = shipped + 1 + table_random(STREAM_RECEIPT, line, 30);
    size_t size = 10 + table_random(STREAM_COMMENT_SIZE, line, COMMENT_MAX - 10 + 1);
    size_t at = table_random(STREAM_COMMENT_AT, line, tpch->pool_size - COMMENT_MAX);
    out->order = order_key(order);
    out->part = (int64_t)of_part;
    out->supplier = (int64_t)supplier_of(tpch, of_part, table_random(STREAM_SUPPLIER, line, 4));
    out->number = (int64_t)(number + 1);
    out->quantity = (int64_t)(quantity * 100);
    out->price = (int64_t)(quantity * price_of(of_part));
    out->discount = (int64_t)table_random(STREAM_DISCOUNT, line, 11);
    out->tax = (int64_t)table_random(STREAM_TAX, line, 9);
    out->flag = "N";
    if (received <= DATE_CURRENT) {
        out->flag = table_random(STREAM_RETURN, line, 2) == 0 ? "R" : "A";
    }
    out->status = shipped > DATE_CURRENT ? "O" : "F";
    out->shipped = (int64_t)shipped;
    out->committed = (int64_t)(ordered + 30 + table_random(STREAM_COMMIT, line, 61));
    out->received = (int64_t)received;
    out->instruction = instructions[table_random(STREAM_INSTRUCTION, line, 4)];
    out->mode = modes[table_random(STREAM_MODE, line, 7)];
    out->comment = (struct table_text){tpch->pool + at, size};
}

/* ---- the other tables ---- */

struct maker {
    const struct table_tpch *tpch;
    enum table_tpch_table table;
    uint64_t row;
    struct table_tpch_value values[TABLE_COLUMNS_MAX];
    char texts[TABLE_COLUMNS_MAX][TEXT_SIZE_MAX];
};

static uint64_t
choose(const struct maker *maker, unsigned field, uint64_t below)
{
    return table_random(STREAM_FIELDS + 16 * (uint64_t)maker->table + field, maker->row, below);
}

static void
set_word(struct maker *maker, size_t column, const char *word)
{
    maker->values[column].text = (struct table_text){word, strlen(word)};
}

/* The text that was printed into `texts`. */
static void
set_made(struct maker *maker, size_t column)
{
    set_word(maker, column, maker->texts[column]);
}

/* Words of a size from least to most. */
static void
set_words(struct maker *maker, size_t column, uint64_t least, uint64_t most)
{
    uint64_t stream = STREAM_TEXTS + 8 * (uint64_t)maker->table + 2 * (column % 4);
    size_t size = least + table_random(stream, maker->row, most - least + 1);
    size_t at = table_random(stream + 1, maker->row, maker->tpch->pool_size - most);
    maker->values[column].text = (struct table_text){maker->tpch->pool + at, size};
}

static void
set_phone(struct maker *maker, size_t column, uint64_t of_nation)
{
    (void)snprintf(maker->texts[column], TEXT_SIZE_MAX,
                   "%" PRIu64 "-%03" PRIu64 "-%03" PRIu64 "-%04" PRIu64, 10 + of_nation,
                   100 + choose(maker, 13, 900), 100 + choose(maker, 14, 900),
                   1000 + choose(maker, 15, 9000));
    set_made(maker, column);
}

static void
make_region(struct maker *maker)
{
    static const char *const names[] = {"AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"};
    maker->values[0].number = (int64_t)maker->row;
    set_word(maker, 1, names[maker->row]);
    set_words(maker, 2, 31, 115);
}

static void
make_nation(struct maker *maker)
{
    static const struct {
        const char *name;
        int64_t region;
    } nations[] = {{"ALGERIA", 0},      {"ARGENTINA", 1}, {"BRAZIL", 1}, {"CANADA", 1},
                   {"EGYPT", 4},        {"ETHIOPIA", 0},  {"FRANCE", 3}, {"GERMANY", 3},
                   {"INDIA", 2},        {"INDONESIA", 2}, {"IRAN", 4},   {"IRAQ", 4},
                   {"JAPAN", 2},        {"JORDAN", 4},    {"KENYA", 0},  {"MOROCCO", 0},
                   {"MOZAMBIQUE", 0},   {"PERU", 1},      {"CHINA", 2},  {"ROMANIA", 3},
                   {"SAUDI ARABIA", 4}, {"VIETNAM", 2},   {"RUSSIA", 3}, {"UNITED KINGDOM", 3},
                   {"UNITED STATES", 1}};
    maker->values[0].number = (int64_t)maker->row;
    set_word(maker, 1, nations[maker->row].name);
    maker->values[2].number = nations[maker->row].region;
    set_words(maker, 3, 31, 114);
}

static void
make_supplier(struct maker *maker)
{
    uint64_t of_nation = choose(maker, 0, 25);
    maker->values[0].number = (int64_t)maker->row + 1;
    (void)snprintf(maker->texts[1], TEXT_SIZE_MAX, "Supplier#%09" PRIu64, maker->row + 1);
    set_made(maker, 1);
    set_words(maker, 2, 10, 40);
    maker->values[3].number = (int64_t)of_nation;
    set_phone(maker, 4, of_nation);
    maker->values[5].number = (int64_t)choose(maker, 1, 1099999) - 99999;
    set_words(maker, 6, 25, 100);
    if (choose(maker, 2, 100) < 2) {
        set_word(maker, 6,
                 choose(maker, 3, 2) == 0 ? "the Customer slyly Complaints"
                                          : "a Customer furiously Recommends");
    }
}

static void
make_part(struct maker *maker)
{
    static const char *const colours[] = {
        "almond",   "antique", "azure",  "blue",   "blush",    "brown",  "chocolate", "coral",
        "cornsilk", "cream",   "cyan",   "dark",   "drab",     "forest", "frosted",   "ghost",
        "gold",     "green",   "honey",  "indian", "ivory",    "khaki",  "lace",      "lemon",
        "lime",     "linen",   "maroon", "metal",  "midnight", "mint",   "misty",     "navy"};
    static const char *const first[] = {"STANDARD", "SMALL", "MEDIUM", "LARGE", "ECONOMY", "PROMO"};
    static const char *const second[] = {"ANODIZED", "BURNISHED", "PLATED", "POLISHED", "BRUSHED"};
    static const char *const third[] = {"TIN", "NICKEL", "BRASS", "STEEL", "COPPER"};
    static const char *const sizes[] = {"SM", "LG", "MED", "JUMBO", "WRAP"};
    static const char *const forms[] = {"CASE", "BOX", "BAG", "JAR", "PKG", "PACK", "CAN", "DRUM"};
    uint64_t maker_number = 1 + choose(maker, 5, 5);
    maker->values[0].number = (int64_t)maker->row + 1;
    (void)snprintf(maker->texts[1], TEXT_SIZE_MAX, "%s %s %s %s %s", colours[choose(maker, 0, 32)],
                   colours[choose(maker, 1, 32)], colours[choose(maker, 2, 32)],
                   colours[choose(maker, 3, 32)], colours[choose(maker, 4, 32)]);
    set_made(maker, 1);
    (void)snprintf(maker->texts[2], TEXT_SIZE_MAX, "Manufacturer#%" PRIu64, maker_number);
    set_made(maker, 2);
    (void)snprintf(maker->texts[3], TEXT_SIZE_MAX, "Brand#%" PRIu64 "%" PRIu64, maker_number,
                   1 + choose(maker, 6, 5));
    set_made(maker, 3);
    (void)snprintf(maker->texts[4], TEXT_SIZE_MAX, "%s %s %s", first[choose(maker, 7, 6)],
                   second[choose(maker, 8, 5)], third[choose(maker, 9, 5)]);
    set_made(maker, 4);
    maker->values[5].number = (int64_t)(1 + choose(maker, 10, 50));
    (void)snprintf(maker->texts[6], TEXT_SIZE_MAX, "%s %s", sizes[choose(maker, 11, 5)],
                   forms[choose(maker, 12, 8)]);
    set_made(maker, 6);
    maker->values[7].number = (int64_t)price_of(maker->row + 1);
    set_words(maker, 8, 5, 22);
}

static void
make_partsupp(struct maker *maker)
{
    uint64_t of_part = maker->row / 4 + 1;
    uint64_t all[4];
    for (uint64_t i = 0; i < 4; i++) {
        all[i] = supplier_of(maker->tpch, of_part, i);
        for (uint64_t j = i; j > 0 && all[j] < all[j - 1]; j--) {
            uint64_t larger = all[j - 1];
            all[j - 1] = all[j];
            all[j] = larger;
        }
    }
    maker->values[0].number = (int64_t)of_part;
    maker->values[1].number = (int64_t)all[maker->row % 4];
    maker->values[2].number = (int64_t)(1 + choose(maker, 0, 9999));
    maker->values[3].number = (int64_t)(100 + choose(maker, 1, 99901));
    set_words(maker, 4, 49, 120);
}

static void
make_customer(struct maker *maker)
{
    static const char *const segments[] = {"AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY",
                                           "HOUSEHOLD"};
    uint64_t of_nation = choose(maker, 0, 25);
    maker->values[0].number = (int64_t)maker->row + 1;
    (void)snprintf(maker->texts[1], TEXT_SIZE_MAX, "Customer#%09" PRIu64, maker->row + 1);
    set_made(maker, 1);
    set_words(maker, 2, 10, 40);
    maker->values[3].number = (int64_t)of_nation;
    set_phone(maker, 4, of_nation);
    maker->values[5].number = (int64_t)choose(maker, 1, 1099999) - 99999;
    set_word(maker, 6, segments[choose(maker, 2, 5)]);
    set_words(maker, 7, 29, 116);
}

static void
make_order(struct maker *maker)
{
    static const char *const priorities[] = {"1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED",
                                             "5-LOW"};
    uint64_t lines = table_tpch_line_count(maker->row);
    uint64_t open = 0;
    int64_t total = 0;
    for (uint64_t number = 0; number < lines; number++) {
        struct table_tpch_line line;
        table_tpch_line(maker->tpch, maker->row, number, &line);
        total += line.price * (100 - line.discount) * (100 + line.tax) / 10000;
        open += line.status[0] == 'O';
    }
    uint64_t of_customer = 1 + choose(maker, 0, maker->tpch->customers);
    maker->values[0].number = order_key(maker->row);
    maker->values[1].number = (int64_t)(of_customer % 3 == 0 ? of_customer - 1 : of_customer);
    set_word(maker, 2, open == 0 ? "F" : open == lines ? "O" : "P");
    maker->values[3].number = total;
    maker->values[4].number = (int64_t)order_date(maker->row);
    set_word(maker, 5, priorities[choose(maker, 1, 5)]);
    (void)snprintf(maker->texts[6], TEXT_SIZE_MAX, "Clerk#%09" PRIu64,
                   1 + choose(maker, 2, maker->tpch->suppliers / 10 + 1));
    set_made(maker, 6);
    maker->values[7].number = 0;
    set_words(maker, 8, 19, 78);
}

static void
put_lines(struct maker *maker, void (*put)(void *context, const struct table_tpch_value *values),
          void *context)
{
    for (uint64_t number = 0; number < table_tpch_line_count(maker->row); number++) {
        struct table_tpch_line line;
        table_tpch_line(maker->tpch, maker->row, number, &line);
        const int64_t numbers[] = {line.order,    line.part,  line.supplier, line.number,
                                   line.quantity, line.price, line.discount, line.tax};
        for (size_t i = 0; i < 8; i++) {
            maker->values[i].number = numbers[i];
        }
        set_word(maker, 8, line.flag);
        set_word(maker, 9, line.status);
        maker->values[10].number = line.shipped;
        maker->values[11].number = line.committed;
        maker->values[12].number = line.received;
        set_word(maker, 13, line.instruction);
        set_word(maker, 14, line.mode);
        maker->values[15].text = line.comment;
        put(context, maker->values);
    }
}

void
table_tpch_each(const struct table_tpch *tpch, enum table_tpch_table table,
                void (*put)(void *context, const struct table_tpch_value *values), void *context)
{
    static void (*const makers[])(struct maker *
                                  maker) = {make_region,   make_nation,   make_supplier, make_part,
                                            make_partsupp, make_customer, make_order};
    const uint64_t rows[TABLE_TPCH_TABLES] = {5,
                                              25,
                                              tpch->suppliers,
                                              tpch->parts,
                                              4 * tpch->parts,
                                              tpch->customers,
                                              tpch->orders,
                                              tpch->orders};
    struct maker maker = {.tpch = tpch, .table = table};
    if (table == TABLE_TPCH_PARTSUPP && tpch->suppliers < 100) {
        table_die("the scale has to be 0.01 or more");
    }
    for (; maker.row < rows[table]; maker.row++) {
        if (table == TABLE_TPCH_LINEITEM) {
            put_lines(&maker, put, context);
        } else {
            makers[table](&maker);
            put(context, maker.values);
        }
    }
}
