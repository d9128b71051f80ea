/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_plan.c: the ways into a table that SQLite's planner is offered, and what they cost.
 *
 * SQLite asks with the constraints of a statement, the order that it would like, and the columns
 * that it uses. The primary key and each index are orders. A way is an order, with the number of
 * its first columns that have an equality, and the bounds of the next column. If all columns of a
 * unique order have one, one row is looked up. Otherwise a range of the order is scanned, and every
 * other constraint that firn can compute is a condition of the scan. The cheapest order wins,
 * sorting included.
 *
 * What a constraint means for firn depends on the value that it has when the statement runs
 * (sql_filter.c). SQLite is told to omit its own test only if firn's test is the same for every
 * value. Otherwise firn leaves out what is surely not wanted, and SQLite tests the rest.
 *
 * LIMIT says how many rows are likely to be wanted: no more are read at first. OFFSET says how many
 * are likely to be skipped before them: these are counted without reading them (sql_cursor.c).
 * SQLite can leave both to a virtual table as a whole. But the versions that are tested here do so
 * even if a condition between two columns of the table is left, which SQLite tests itself and does
 * not tell the table. So SQLite counts the rows.
 *
 * The plan is handed to xFilter as a text: a head, and an item for each argument.
 *
 *     P|S order a|d o|- used ROLE column op ROLE column op …
 *
 * Costs are in units of a row that is scanned, as SQLite's own are about. The number of rows of a
 * table is what firn knows without counting. The share that a constraint leaves comes from the
 * smallest and largest values of its column if the statement has a constant, otherwise from the
 * guesses that SQLite itself makes.
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
SQLITE_EXTENSION_INIT3

enum { WISHES_MAX = 64 };

/* In units of a row that is given out, 100 ns: a row by its key; by a unique index; opening a scan;
 * a lookup in memory; an entry of an index without its row. A row that a scan looks at and leaves
 * out costs much less. */
enum { COST_GET = 25, COST_GET_BY_INDEX = 40, COST_OPEN = 60, COST_LOOKUP = 6, COST_ENTRY = 2 };
#define COST_TEST 0.05
#define COST_TEST_IN_MEMORY 0.7 /* of a row that is not in a file yet: rows are merged one by one */
/* Of a LIKE or GLOB whose beginning is not fixed. */
#define PATTERN_SHARE 0.25
/* What a row costs in memory, shared by some thousand lookups. */
#define COST_KEPT 0.00005

enum { FEW_MAX = 512 }; /* rows that a LIMIT wants, for which it matters that no more are read */

/* Guesses: how many rows have a value, at least, where several may; how many values a dictionary
 * has. */
enum { EQUAL_ROWS_MIN = 4, DICTIONARY_VALUES = 100, EQUAL_VALUES_GUESS = 20 };

/* One constraint that can be used. */
struct wish {
    int place; /* in info->aConstraint */
    uint32_t column;
    int op;
    bool is_in;     /* one of a list */
    bool is_exact;  /* SQLite need not test it */
    bool is_known;  /* what the column is compared with is a constant */
    bool is_placed; /* a bound, of which it is known where it lies between the column's values */
    double share;   /* of the rows that pass */
};

/* One way into the table. */
struct way {
    size_t order;
    size_t equal_count;
    int equal[FIRN_TABLE_KEY_COLUMNS_MAX]; /* wishes */
    int range[2]; /* wishes, -1: none: what bounds the next column from below, from above */
    bool is_point;
    bool is_known; /* all equalities are with constants */
    bool is_joined;
    bool has_in;
    bool has_list; /* all values of an IN at once */
    bool is_ordered;
    bool is_descending;
    bool is_bare;
    double rows; /* that come out */
    double cost;
};

struct planning {
    struct fi_sql_table *table;
    sqlite3_index_info *info;
    struct wish wishes[WISHES_MAX];
    size_t wish_count;
    double rows;
    int offset;       /* in info->aConstraint; -1: there is none */
    double test_cost; /* of a row, on average */
    double limit;     /* rows that LIMIT alone wants, and one more; 0: all, or unknown */
    double wanted;    /* rows that LIMIT and OFFSET want at most; 0: all */
};

/* ---- constraints ---- */

static double
number_of(firn_value value)
{
    switch (fi_physical_of(value.type)) {
    case FI_PHYSICAL_I64:
        return (double)value.as.i64;
    case FI_PHYSICAL_U64:
        return value.type != FIRN_TYPE_BOOL ? (double)value.as.u64 : value.as.boolean ? 1 : 0;
    case FI_PHYSICAL_F32:
        return (double)value.as.f32;
    case FI_PHYSICAL_F64:
        return value.as.f64;
    case FI_PHYSICAL_NONE:
    case FI_PHYSICAL_BYTES:
        break;
    }
    return 0;
}

/* Where a constant lies between the smallest and the largest value, from 0 to 1; -1: unknown. */
static double
place_of(const struct fi_sql_table *table, uint32_t column, sqlite3_value *constant)
{
    assert(column < table->def->column_count);
    if (constant == NULL || table->stats == NULL || column >= table->stats->column_count) {
        return -1;
    }
    const firn_table_column_statistics *stats = table->stats->columns[column];
    const firn_table_column *definition = &table->def->columns[column];
    struct fi_sqlvalue_scratch scratch = {.memory = NULL};
    firn_value value;
    firn_error ignored;
    double at = -1;
    if (!fi_type_has_bytes(definition->type) &&
        fi_sqlvalue_make(definition, constant, &scratch, &value, &ignored) == FIRN_OK) {
        double low = number_of(stats->smallest);
        double high = number_of(stats->largest);
        double number = number_of(value);
        if (definition->type == FIRN_TYPE_DECIMAL && value.type != FIRN_TYPE_DECIMAL) {
            number /= fi_sqlvalue_decimal(1, definition->scale);
        }
        if (high > low && !firn_is_null(stats->smallest)) {
            at = (number - low) / (high - low);
            at = at < 0 ? 0 : at > 1 ? 1 : at;
        }
    }
    fi_sqlvalue_deinit(&scratch);
    return at;
}

/* The longer the beginning that is fixed, the fewer rows. Without one SQLite gets all rows, but its
 * test comes before the next table of a join. */
static double
share_of_pattern(int op, sqlite3_value *constant)
{
    double share = 0.2;
    if (constant == NULL || sqlite3_value_type(constant) != SQLITE_TEXT) {
        return 0.05;
    }
    const char *pattern = (const char *)sqlite3_value_text(constant);
    size_t size =
        pattern != NULL ? strcspn(pattern, op == SQLITE_INDEX_CONSTRAINT_LIKE ? "%_" : "*?[") : 0;
    for (size_t i = 1; i < size && share > 0.002; i++) {
        share /= 4;
    }
    return size == 0 ? PATTERN_SHARE : share;
}

/* How many values a column may have at most; 0: unknown. */
static double
values_of(const struct fi_sql_table *table, uint32_t column)
{
    assert(column < table->def->column_count);
    if (table->stats == NULL || column >= table->stats->column_count) {
        return 0;
    }
    const firn_table_column_statistics *stats = table->stats->columns[column];
    uint64_t dictionaries = 0;
    for (unsigned i = 1; i < FIRN_TABLE_ENCODINGS_MAX; i++) {
        const char *name = stats->encodings[i] > 0 ? firn_table_encoding_name(i) : NULL;
        dictionaries += name != NULL && strcmp(name, "dictionary") == 0 ? stats->encodings[i] : 0;
    }
    if (!fi_type_has_bytes(table->def->columns[column].type) &&
        !fi_type_is_float(table->def->columns[column].type) && !firn_is_null(stats->smallest)) {
        double span = number_of(stats->largest) - number_of(stats->smallest) + 1;
        return span >= 1 ? span : 0;
    }
    return dictionaries > 0 && 2 * dictionaries >= stats->chunks ? DICTIONARY_VALUES : 0;
}

static double
share_of(const struct planning *planning, uint32_t column, int op, sqlite3_value *constant)
{
    assert(column < planning->table->def->column_count && planning->rows >= 1);
    double at;
    double values;
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
    case SQLITE_INDEX_CONSTRAINT_IS:
        values = values_of(planning->table, column);
        values = values < planning->rows ? values : planning->rows;
        return values > 0 && values < EQUAL_VALUES_GUESS ? 1 / values : 1.0 / EQUAL_VALUES_GUESS;
    case SQLITE_INDEX_CONSTRAINT_LT:
    case SQLITE_INDEX_CONSTRAINT_LE:
        at = place_of(planning->table, column, constant);
        return at < 0 ? 0.25 : at + 0.001;
    case SQLITE_INDEX_CONSTRAINT_GT:
    case SQLITE_INDEX_CONSTRAINT_GE:
        at = place_of(planning->table, column, constant);
        return at < 0 ? 0.25 : 1 - at + 0.001;
    case SQLITE_INDEX_CONSTRAINT_ISNULL:
        return 0.1;
    case SQLITE_INDEX_CONSTRAINT_LIKE:
    case SQLITE_INDEX_CONSTRAINT_GLOB:
        return share_of_pattern(op, constant);
    default:
        return 0.9;
    }
}

static bool
is_comparison(int op)
{
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
    case SQLITE_INDEX_CONSTRAINT_GT:
    case SQLITE_INDEX_CONSTRAINT_LE:
    case SQLITE_INDEX_CONSTRAINT_LT:
    case SQLITE_INDEX_CONSTRAINT_GE:
    case SQLITE_INDEX_CONSTRAINT_NE:
    case SQLITE_INDEX_CONSTRAINT_IS:
    case SQLITE_INDEX_CONSTRAINT_ISNOT:
        return true;
    default:
        return false;
    }
}

static bool
bounds_keys(int op)
{
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
    case SQLITE_INDEX_CONSTRAINT_GT:
    case SQLITE_INDEX_CONSTRAINT_LE:
    case SQLITE_INDEX_CONSTRAINT_LT:
    case SQLITE_INDEX_CONSTRAINT_GE:
    case SQLITE_INDEX_CONSTRAINT_LIKE:
    case SQLITE_INDEX_CONSTRAINT_GLOB:
        return true;
    default:
        return false;
    }
}

/* Whether firn can do something with a constraint. */
static bool
can_use(struct planning *planning, int place, uint32_t *out_column)
{
    assert(place >= 0 && place < planning->info->nConstraint);
    const struct fi_sql_table *table = planning->table;
    const struct sqlite3_index_constraint *constraint = &planning->info->aConstraint[place];
    if (!constraint->usable) {
        return false;
    }
    if (constraint->iColumn < 0 && table->identity != FI_SQL_BY_ROWID) {
        return false;
    }
    *out_column =
        constraint->iColumn < 0 ? table->orders[0].columns[0] : (uint32_t)constraint->iColumn;
    if (*out_column >= table->def->column_count) {
        return false;
    }
    firn_type type = table->def->columns[*out_column].type;
    if (table->keyspace != NULL && (*out_column != 0 || !bounds_keys(constraint->op))) {
        return false;
    }
    switch (constraint->op) {
    case SQLITE_INDEX_CONSTRAINT_LIKE:
    case SQLITE_INDEX_CONSTRAINT_GLOB:
        return type == FIRN_TYPE_TEXT;
    case SQLITE_INDEX_CONSTRAINT_ISNULL:
        return !fi_type_is_float(type); /* a NaN is NULL in SQLite */
    case SQLITE_INDEX_CONSTRAINT_ISNOTNULL:
        return true;
    default:
        break;
    }
    if (!is_comparison(constraint->op) || type == FIRN_TYPE_VECTOR) {
        return false;
    }
    if (fi_type_is_float(type) && (constraint->op == SQLITE_INDEX_CONSTRAINT_IS ||
                                   constraint->op == SQLITE_INDEX_CONSTRAINT_ISNOT ||
                                   constraint->op == SQLITE_INDEX_CONSTRAINT_NE)) {
        return false;
    }
    /* Text is compared byte by byte. */
    return fi_sqlvalue_is_number(type) ||
           sqlite3_stricmp(sqlite3_vtab_collation(planning->info, place), "BINARY") == 0;
}

static bool
is_lower(int op)
{
    return op == SQLITE_INDEX_CONSTRAINT_GT || op == SQLITE_INDEX_CONSTRAINT_GE;
}

static bool
is_upper(int op)
{
    return op == SQLITE_INDEX_CONSTRAINT_LT || op == SQLITE_INDEX_CONSTRAINT_LE;
}

static void
collect_wishes(struct planning *planning)
{
    sqlite3_index_info *info = planning->info;
    for (int i = 0; i < info->nConstraint && planning->wish_count < WISHES_MAX; i++) {
        uint32_t column;
        if (!can_use(planning, i, &column)) {
            continue;
        }
        struct wish *wish = &planning->wishes[planning->wish_count++];
        sqlite3_value *constant = NULL;
        int op = info->aConstraint[i].op;
        bool is_in = op == SQLITE_INDEX_CONSTRAINT_EQ && sqlite3_vtab_in(info, i, -1) != 0;
        if (!is_in && sqlite3_vtab_rhs_value(info, i, &constant) != SQLITE_OK) {
            constant = NULL;
        }
        *wish = (struct wish){.place = i,
                              .column = column,
                              .op = op,
                              .is_in = is_in,
                              .is_known = constant != NULL,
                              .is_placed = (is_lower(op) || is_upper(op)) &&
                                           place_of(planning->table, column, constant) >= 0,
                              .share = share_of(planning, column, op, constant)};
        wish->is_exact =
            fi_sql_filter_is_exact(&planning->table->def->columns[column], op, constant);
    }
}

/* Shares are multiplied, as if what passes one constraint had nothing to do with another. But a
 * month of a year is not a half by a half of its rows: of two known bounds of a column the upper
 * one's share is made that of the rows between them by the rows above the lower one. */
static void
see_ranges(struct planning *planning)
{
    for (size_t i = 0; i < planning->wish_count; i++) {
        const struct wish *lower = &planning->wishes[i];
        for (size_t k = 0; k < planning->wish_count; k++) {
            struct wish *upper = &planning->wishes[k];
            if (is_lower(lower->op) && is_upper(upper->op) && lower->column == upper->column &&
                lower->is_placed && upper->is_placed && lower->share > 0) {
                double both = lower->share + upper->share - 1;
                both = both > 0.001 ? both : 0.001;
                both /= lower->share;
                upper->share = both < upper->share ? both : upper->share;
                break;
            }
        }
    }
}

/* What a LIMIT and an OFFSET want together. */
static void
see_limits(struct planning *planning)
{
    sqlite3_index_info *info = planning->info;
    bool has_limit = false;
    double rows = 0;
    planning->offset = -1;
    for (int i = 0; i < info->nConstraint; i++) {
        int op = info->aConstraint[i].op;
        sqlite3_value *constant = NULL;
        if (op != SQLITE_INDEX_CONSTRAINT_LIMIT && op != SQLITE_INDEX_CONSTRAINT_OFFSET) {
            continue;
        }
        bool is_limit = op == SQLITE_INDEX_CONSTRAINT_LIMIT;
        has_limit = has_limit || is_limit;
        planning->offset = !is_limit && info->aConstraint[i].usable ? i : planning->offset;
        double number = 100; /* of a parameter */
        if (sqlite3_vtab_rhs_value(info, i, &constant) == SQLITE_OK && constant != NULL) {
            number = (double)sqlite3_value_int64(constant);
            planning->limit = is_limit && number >= 0 ? number + 1 : planning->limit;
        }
        has_limit = has_limit && number >= 0;
        rows += number;
    }
    planning->wanted = has_limit ? rows + 1 : 0;
}

/* ---- ways ---- */

static int
find_wish(const struct planning *planning, uint32_t column, int op, int other_op)
{
    int found = -1;
    for (size_t i = 0; i < planning->wish_count; i++) {
        const struct wish *wish = &planning->wishes[i];
        if (wish->column == column && (wish->op == op || wish->op == other_op) &&
            (found < 0 || planning->wishes[found].is_in)) {
            found = (int)i;
        }
    }
    return found;
}

static void
find_range(const struct planning *planning, uint32_t column, struct way *way)
{
    assert(column < planning->table->def->column_count);
    way->range[0] =
        find_wish(planning, column, SQLITE_INDEX_CONSTRAINT_GT, SQLITE_INDEX_CONSTRAINT_GE);
    way->range[1] =
        find_wish(planning, column, SQLITE_INDEX_CONSTRAINT_LT, SQLITE_INDEX_CONSTRAINT_LE);
    if (way->range[0] < 0 && way->range[1] < 0) {
        way->range[0] =
            find_wish(planning, column, SQLITE_INDEX_CONSTRAINT_LIKE, SQLITE_INDEX_CONSTRAINT_GLOB);
    }
}

static bool
is_fixed(const struct planning *planning, const struct way *way, uint32_t column)
{
    for (size_t i = 0; i < way->equal_count; i++) {
        if (planning->wishes[way->equal[i]].column == column) {
            return true;
        }
    }
    return false;
}

/* The columns by which rows of a way are ordered: those of the order, then of the primary key. */
static size_t
list_columns(const struct fi_sql_table *table, size_t order,
             uint32_t out[2 * FIRN_TABLE_KEY_COLUMNS_MAX])
{
    assert(order < table->order_count);
    const struct fi_sql_order *first = &table->orders[order];
    size_t count = first->count;
    memcpy(out, first->columns, count * sizeof out[0]);
    if (order != 0 && !first->is_unique) {
        memcpy(out + count, table->orders[0].columns, table->orders[0].count * sizeof out[0]);
        count += table->orders[0].count;
    }
    return count;
}

static void
see_order(const struct planning *planning, struct way *way)
{
    assert(way->order < planning->table->order_count);
    const struct fi_sql_table *table = planning->table;
    const sqlite3_index_info *info = planning->info;
    uint32_t columns[2 * FIRN_TABLE_KEY_COLUMNS_MAX];
    size_t count = list_columns(table, way->order, columns);
    size_t at = 0;
    bool has_direction = false;
    way->is_ordered = true;
    if (way->has_list) {
        way->is_ordered = info->nOrderBy == 0;
        return;
    }
    for (int i = 0; i < info->nOrderBy && !way->is_point; i++) {
        const struct sqlite3_index_orderby *term = &info->aOrderBy[i];
        uint32_t column = term->iColumn < 0 && table->identity == FI_SQL_BY_ROWID
                              ? table->orders[0].columns[0]
                              : (uint32_t)term->iColumn;
        if (is_fixed(planning, way, column)) {
            continue;
        }
        while (at < count && is_fixed(planning, way, columns[at])) {
            at++;
        }
        if (at == count && way->order == 0) {
            break; /* no two rows have the same key */
        }
        if (at == count || columns[at] != column || column >= table->def->column_count ||
            fi_type_is_float(table->def->columns[column].type) ||
            (has_direction && way->is_descending != (term->desc != 0))) {
            way->is_ordered = false;
            way->is_descending = false;
            return;
        }
        way->is_descending = term->desc != 0;
        has_direction = true;
        at++;
    }
}

static bool
shows_text(const struct planning *planning, uint32_t column)
{
    return fi_sqlvalue_class_of(planning->table->def->columns[column].type) == FI_SQLVALUE_TEXT;
}

/* The rows that have one value in each of the columns with an equality. */
static double
rows_of_equal(const struct planning *planning, const struct way *way)
{
    assert(way->equal_count > 0);
    const struct fi_sql_order *order = &planning->table->orders[way->order];
    double values = 1;
    if (way->equal_count == order->count && order->is_unique) {
        return 1;
    }
    for (size_t i = 0; i < way->equal_count; i++) {
        double number = values_of(planning->table, order->columns[i]);
        values *= number > 0 ? number : planning->rows;
    }
    double rows = planning->rows / values;
    return rows > EQUAL_ROWS_MIN ? rows : EQUAL_ROWS_MIN;
}

/* Whether a constraint is an equality with a value that the statement has only when it runs, by
 * which rows may be looked up in memory. */
static bool
is_join(const struct planning *planning, const struct wish *wish)
{
    return wish->op == SQLITE_INDEX_CONSTRAINT_EQ && !wish->is_in && !wish->is_known &&
           planning->table->keyspace == NULL &&
           fi_sql_filter_can_seek(planning->table->def->columns[wish->column].type);
}

/* Whether rows may be looked up in memory (sql_cursor.c): they are found by equalities, and not in
 * a transaction. */
static bool
is_joined(const struct planning *planning, const struct way *way)
{
    const struct fi_sql_store *store = planning->table->store;
    size_t joins = 0;
    for (size_t i = 0; i < planning->wish_count; i++) {
        joins += is_join(planning, &planning->wishes[i]);
    }
    for (size_t i = 0; i < way->equal_count; i++) {
        /* No more than the key of a lookup has. */
        joins += planning->wishes[way->equal[i]].is_known;
    }
    return joins > 0 && joins <= FIRN_TABLE_KEY_COLUMNS_MAX && !way->has_in && !way->has_list &&
           way->range[0] < 0 && way->range[1] < 0 && !way->is_known &&
           (store->snapshot != NULL || sqlite3_get_autocommit(store->sql->db) != 0);
}

/* Whether an index may be enough: the statement uses only columns of the key, and columns that
 * bound the index, whose constraints SQLite need not test. SQLite does not say whether it uses
 * these columns for something else, too. */
static bool
is_bare(const struct planning *planning, const struct way *way)
{
    const struct fi_sql_table *table = planning->table;
    uint64_t others = planning->info->colUsed;
    if (way->order == 0 || way->is_point || table->keyspace != NULL) {
        return false;
    }
    for (size_t i = 0; i < table->orders[0].count; i++) {
        uint32_t column = table->orders[0].columns[i];
        others &= ~(column < 63 ? UINT64_C(1) << column : 0);
    }
    for (size_t i = 0; i < planning->wish_count; i++) {
        const struct wish *wish = &planning->wishes[i];
        bool bounds = way->range[0] == (int)i || way->range[1] == (int)i;
        for (size_t k = 0; k < way->equal_count; k++) {
            bounds = bounds || way->equal[k] == (int)i;
        }
        if (!bounds) {
            return false;
        }
        others &= ~(wish->is_exact && wish->column < 63 ? UINT64_C(1) << wish->column : 0);
    }
    return others == 0;
}

static void
sql_plan_estimate(const struct planning *planning, struct way *way)
{
    assert(planning->rows >= 1);
    double read = planning->rows;
    double passing = 1;
    bool taken[WISHES_MAX] = {false};
    for (size_t i = 0; i < way->equal_count; i++) {
        taken[way->equal[i]] = true;
    }
    if (way->equal_count > 0) {
        double few = rows_of_equal(planning, way);
        read = read < few ? read : few;
    }
    for (int i = 0; i < 2; i++) {
        if (way->range[i] >= 0) {
            taken[way->range[i]] = true;
            read *= planning->wishes[way->range[i]].share;
        }
    }
    for (size_t i = 0; i < planning->wish_count; i++) {
        passing *= taken[i] ? 1 : planning->wishes[i].share;
    }
    if (planning->wanted > 0 && way->is_ordered && read * passing > planning->wanted) {
        read = planning->wanted / passing;
    }
    read = read < 1 ? 1 : read;
    way->rows = way->is_point ? 1 : read * passing;
    way->rows = way->rows >= 1 ? way->rows : 1; /* also where bounds are infinite */
    way->is_joined = is_joined(planning, way);
    way->is_bare = !way->is_joined && is_bare(planning, way);
    if (way->is_joined) {
        way->cost = COST_LOOKUP + way->rows + planning->rows * COST_KEPT;
    } else if (way->is_point) {
        way->cost = way->order == 0 ? COST_GET : COST_GET_BY_INDEX;
        if (way->has_list) {
            way->rows = 10;
            way->cost *= 10;
        }
    } else if (way->order == 0) {
        way->cost = COST_OPEN + (passing < 1 ? read * planning->test_cost : 0) + way->rows;
    } else {
        way->cost = COST_OPEN + read * (way->is_bare ? COST_ENTRY : COST_GET);
    }
    if (!way->is_ordered) {
        way->cost += way->rows * log2(way->rows + 1) * 0.4;
    }
}

/* False if an order that is not the key's brings nothing. */
static bool
make_way(const struct planning *planning, size_t number, struct way *way)
{
    assert(number < planning->table->order_count);
    const struct fi_sql_order *order = &planning->table->orders[number];
    *way = (struct way){.order = number, .range = {-1, -1}};
    while (way->equal_count < order->count) {
        uint32_t column = order->columns[way->equal_count];
        int wish = fi_sql_filter_can_seek(planning->table->def->columns[column].type)
                       ? find_wish(planning, column, SQLITE_INDEX_CONSTRAINT_EQ, -1)
                       : -1;
        if (wish < 0) {
            break;
        }
        if (planning->wishes[wish].is_in && shows_text(planning, column)) {
            /* One value after the other, SQLite would compare them as texts, though they may be
             * numbers. */
            if (order->count > 1 || !order->is_unique || planning->table->keyspace != NULL) {
                break;
            }
            way->has_list = true;
        }
        way->has_in = way->has_in || planning->wishes[wish].is_in;
        way->equal[way->equal_count++] = wish;
    }
    way->is_known = way->equal_count > 0;
    for (size_t i = 0; i < way->equal_count; i++) {
        way->is_known = way->is_known && planning->wishes[way->equal[i]].is_known;
    }
    way->is_point = way->equal_count == order->count && order->is_unique;
    if (way->equal_count < order->count &&
        fi_sql_filter_can_seek(
            planning->table->def->columns[order->columns[way->equal_count]].type)) {
        find_range(planning, order->columns[way->equal_count], way);
    }
    see_order(planning, way);
    sql_plan_estimate(planning, way);
    bool has_bounds = way->equal_count > 0 || way->range[0] >= 0 || way->range[1] >= 0;
    return number == 0 || has_bounds || (planning->info->nOrderBy > 0 && way->is_ordered);
}

/* ---- what SQLite is told ---- */

static void
add_item(sqlite3_str *text, enum fi_sql_role role, uint32_t column, int op)
{
    sqlite3_str_appendf(text, " %c%u.%d", (int)role, column, op);
}

static void
use_wish(struct planning *planning, const struct wish *wish, enum fi_sql_role role, bool is_exact,
         int *argument, sqlite3_str *text)
{
    assert(wish->place >= 0 && wish->place < planning->info->nConstraint && *argument >= 0);
    struct sqlite3_index_constraint_usage *usage = &planning->info->aConstraintUsage[wish->place];
    usage->argvIndex = ++*argument;
    usage->omit = is_exact ? 1 : 0;
    add_item(text, role, wish->column, wish->op);
}

static void
note_order(const struct planning *planning, sqlite3_str *text)
{
    const sqlite3_index_info *info = planning->info;
    for (int i = 0; i < info->nOrderBy && i < FIRN_TABLE_KEY_COLUMNS_MAX; i++) {
        uint32_t column = info->aOrderBy[i].iColumn < 0 ? planning->table->orders[0].columns[0]
                                                        : (uint32_t)info->aOrderBy[i].iColumn;
        add_item(text, info->aOrderBy[i].desc ? FI_SQL_SORT_DESCENDING : FI_SQL_SORT, column, 0);
    }
}

/* Of a constraint that bounds no order. */
static enum fi_sql_role
role_of(const struct planning *planning, const struct way *way, const struct wish *wish)
{
    if (wish->is_in) {
        return FI_SQL_WHERE_IN;
    }
    if (wish->is_known || wish->op == SQLITE_INDEX_CONSTRAINT_ISNULL ||
        wish->op == SQLITE_INDEX_CONSTRAINT_ISNOTNULL) {
        return FI_SQL_WHERE;
    }
    if (!way->is_joined) {
        return FI_SQL_WHERE_UNKNOWN;
    }
    return is_join(planning, wish) ? FI_SQL_WHERE_JOIN : FI_SQL_WHERE_VARYING;
}

static int
sql_plan_report(struct planning *planning, const struct way *way)
{
    assert(way->order < planning->table->order_count &&
           way->equal_count <= FIRN_TABLE_KEY_COLUMNS_MAX);
    sqlite3_index_info *info = planning->info;
    const struct fi_sql_table *table = planning->table;
    bool is_ordered = info->nOrderBy > 0 && way->is_ordered;
    bool taken[WISHES_MAX] = {false};
    int argument = 0;
    sqlite3_str *text = sqlite3_str_new(fi_sql_db(table->store->sql));
    sqlite3_str_appendf(text, "%c%u%c%c%llx", way->is_point ? 'P' : 'S', (unsigned)way->order,
                        way->is_descending ? 'd' : 'a', is_ordered ? 'o' : '-',
                        (unsigned long long)info->colUsed);
    for (size_t i = 0; i < way->equal_count; i++) {
        const struct wish *wish = &planning->wishes[way->equal[i]];
        taken[way->equal[i]] = true;
        use_wish(planning, wish, way->has_list ? FI_SQL_SEEK_IN : FI_SQL_SEEK_EQUAL,
                 wish->is_exact && !way->has_list, &argument, text);
        if (way->has_list) {
            sqlite3_vtab_in(info, wish->place, 1);
        }
    }
    for (int i = 0; i < 2; i++) {
        if (way->range[i] >= 0) {
            const struct wish *wish = &planning->wishes[way->range[i]];
            taken[way->range[i]] = true;
            use_wish(planning, wish, FI_SQL_SEEK_RANGE, wish->is_exact, &argument, text);
        }
    }
    for (size_t i = 0; i < planning->wish_count && !way->is_point && table->keyspace == NULL; i++) {
        const struct wish *wish = &planning->wishes[i];
        if (taken[i]) {
            continue;
        }
        enum fi_sql_role role = role_of(planning, way, wish);
        if (wish->is_in) {
            sqlite3_vtab_in(info, wish->place, 1);
        }
        use_wish(planning, wish, role,
                 wish->is_exact && !wish->is_in && role != FI_SQL_WHERE_VARYING, &argument, text);
    }
    if (is_ordered) {
        note_order(planning, text);
    }
    if (way->is_bare) {
        add_item(text, FI_SQL_BARE, 0, 0);
    }
    if (argument == 0 && way->order == 0 && table->keyspace == NULL) {
        if (planning->offset >= 0) {
            info->aConstraintUsage[planning->offset].argvIndex = ++argument;
            add_item(text, FI_SQL_SKIP, planning->limit <= FEW_MAX ? (uint32_t)planning->limit : 0,
                     0);
        } else if (planning->wanted > 0 && planning->wanted <= FEW_MAX) {
            add_item(text, FI_SQL_FEW, (uint32_t)planning->wanted, 0);
        }
    }
    info->idxNum = 0;
    info->idxStr = sqlite3_str_finish(text);
    info->needToFreeIdxStr = 1;
    info->orderByConsumed = is_ordered ? 1 : 0;
    info->estimatedCost = way->cost;
    info->estimatedRows = (sqlite3_int64)way->rows;
    /* Never SQLITE_INDEX_SCAN_UNIQUE: for an argument of another class than the key's (name = 5, of
     * a TEXT key) a cursor returns more rows than one, and SQLite tests them. An UPDATE or DELETE
     * would stop at the first that fails. */
    info->idxFlags = 0;
    return info->idxStr != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

double
fi_sql_plan_test_cost(const struct fi_sql_table *table, double rows)
{
    double in_memory = table->rows_written > 0 ? (double)table->rows_written : 0;
    in_memory += table->stats != NULL ? (double)table->stats->memory_rows : 0;
    double share = in_memory < rows ? in_memory / rows : 1;
    assert(rows >= 1 && share >= 0);
    return COST_TEST + share * (COST_TEST_IN_MEMORY - COST_TEST);
}

/* Of two ways that look rows up in memory in the end, the one that finds them by an order until
 * then. */
static bool
is_sooner(const struct way *way, const struct way *best)
{
    return way->is_joined && best->is_joined && way->cost <= best->cost &&
           way->equal_count > best->equal_count;
}

int
fi_sql_plan_best(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    struct fi_sql_table *table = (struct fi_sql_table *)vtab;
    struct planning planning = {.table = table, .info = info};
    struct way best;
    assert(table->order_count >= 1);
    planning.rows = fi_sql_known_rows(table);
    planning.test_cost = fi_sql_plan_test_cost(table, planning.rows);
    collect_wishes(&planning);
    see_ranges(&planning);
    see_limits(&planning);
    if (fi_sql_vectors_is_search(table, info)) {
        best = (struct way){.order = 0, .range = {-1, -1}};
        planning.offset = -1; /* its arguments come last */
        planning.wanted = 0;
        FI_TRY_RETURN(sql_plan_report(&planning, &best));
        return fi_sql_vectors_report(table, info);
    }
    (void)make_way(&planning, 0, &best);
    for (size_t i = 1; i < table->order_count; i++) {
        struct way way;
        if (make_way(&planning, i, &way) && (way.cost < best.cost || is_sooner(&way, &best))) {
            best = way;
        }
    }
    return sql_plan_report(&planning, &best);
}

/* ---- what xFilter reads ---- */

void
fi_sql_plan_read(const char *text, struct fi_sql_plan *out)
{
    assert(text[0] == 'P' || text[0] == 'S');
    char *at;
    out->is_point = text[0] == 'P';
    out->order = strtoul(text + 1, &at, 10);
    out->is_descending = at[0] == 'd';
    out->is_ordered = at[1] == 'o';
    out->used = strtoull(at + 2, &at, 16);
    out->item_count = 0;
    out->skips = out->is_bare = false;
    out->few = 0;
    while (*at == ' ' && out->item_count < FI_SQL_PLAN_ITEMS_MAX) {
        struct fi_sql_plan_item *item = &out->items[out->item_count++];
        item->role = (enum fi_sql_role)at[1];
        item->column = (uint32_t)strtoul(at + 2, &at, 10);
        assert(*at == '.');
        item->op = (int)strtol(at + 1, &at, 10);
        if (item->role == FI_SQL_SKIP || item->role == FI_SQL_BARE || item->role == FI_SQL_FEW) {
            out->skips = out->skips || item->role == FI_SQL_SKIP;
            out->is_bare = out->is_bare || item->role == FI_SQL_BARE;
            out->few = item->role != FI_SQL_BARE ? item->column : out->few;
            out->item_count--;
        }
    }
    assert(*at == '\0');
}
