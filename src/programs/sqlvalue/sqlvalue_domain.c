/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlvalue/sqlvalue_domain.c: a comparison as a range of values, for types whose order is that of a
 * whole number.
 *
 * SQLite compares the values that it is shown. Integers, decimals, dates and timestamps are
 * numbered in their order. Halving finds the numbers at which the comparison changes: the first
 * whose shown value is not below the argument, and the first whose shown value is above it. That is
 * exact whatever the argument is: a REAL beside integers, '2026-01' beside dates, 12.345 beside
 * decimal(8, 2). Whole numbers beside integers need no search.
 */
#include "sqlvalue/sqlvalue.h"

#include <assert.h>

#include "codec/calendar.h"
SQLITE_EXTENSION_INIT3

/* Values of a type as numbers in their order. */
struct domain {
    const firn_table_column *column;
    uint64_t max;  /* the last one; the first is 0 */
    uint64_t bias; /* the number of the value 0 */
};

static struct domain
domain_of(const firn_table_column *column)
{
    const struct fi_type_range range = fi_type_range_of(column->type, column->precision);
    return (struct domain){column, range.max - (uint64_t)range.min, 0 - (uint64_t)range.min};
}

static int64_t
number_at(const struct domain *domain, uint64_t at)
{
    return at >= domain->bias ? (int64_t)(at - domain->bias)
                              : -(int64_t)(domain->bias - 1 - at) - 1;
}

static firn_value
value_at(const struct domain *domain, uint64_t at)
{
    const firn_type type = domain->column->type;
    return type == FIRN_TYPE_BOOL      ? firn_bool(at != 0)
           : fi_type_is_unsigned(type) ? firn_u64(at)
           : fi_type_is_integer(type)  ? firn_i64(number_at(domain, at))
                                       : firn_typed_i64(type, number_at(domain, at));
}

static int
compare_doubles(double a, double b)
{
    return a < b ? -1 : a > b ? 1 : 0;
}

/* As SQLite compares an INTEGER with a REAL: exactly. */
static int
compare_integer(int64_t a, double b)
{
    if (b >= 0x1p63) {
        return -1;
    }
    if (b < -0x1p63) {
        return 1;
    }
    int64_t whole = (int64_t)b;
    if (a != whole) {
        return a < whole ? -1 : 1;
    }
    return compare_doubles(0, b - (double)whole);
}

static int
compare_text(const char *a, size_t a_size, const char *b, size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order != 0 ? order : a_size < b_size ? -1 : a_size > b_size ? 1 : 0;
}

/* What the value number `at` is shown as, compared with an argument that is a number (or, for
 * dates, a text). */
static int
compare_shown(const struct domain *domain, uint64_t at, sqlite3_value *argument)
{
    char text[FI_CALENDAR_TEXT_SIZE_MAX];
    int64_t number = number_at(domain, at);
    if (fi_type_is_time(domain->column->type)) {
        return compare_text(text, fi_sqlvalue_time(domain->column->type, number, text),
                            (const char *)sqlite3_value_text(argument),
                            (size_t)sqlite3_value_bytes(argument));
    }
    bool is_real = sqlite3_value_type(argument) == SQLITE_FLOAT;
    double real = is_real ? sqlite3_value_double(argument) : 0;
    int64_t whole = is_real ? 0 : sqlite3_value_int64(argument);
    if (domain->column->type == FIRN_TYPE_DECIMAL && domain->column->scale > 0) {
        double shown = fi_sqlvalue_decimal(number, domain->column->scale);
        return is_real ? compare_doubles(shown, real) : -compare_integer(whole, shown);
    }
    if (domain->column->type == FIRN_TYPE_U64 && at > INT64_MAX) {
        return is_real ? compare_doubles((double)at, real) : 1;
    }
    if (is_real) {
        return compare_integer(number, real);
    }
    return number < whole ? -1 : number > whole ? 1 : 0;
}

/* The same for whole numbers, without a search. */
static bool
find_integer(const struct domain *domain, int64_t argument, bool is_above, uint64_t *out)
{
    *out = 0;
    if (argument < number_at(domain, 0)) {
        return true;
    }
    uint64_t at = domain->bias + (uint64_t)argument;
    if ((argument > 0 && at < domain->bias) || at > domain->max ||
        (is_above && at == domain->max)) {
        return false;
    }
    *out = is_above ? at + 1 : at;
    return true;
}

/* The first number whose shown value is not below the argument, or (is_above) is above it. False:
 * there is none. */
static bool
find_first(const struct domain *domain, sqlite3_value *argument, bool is_above, uint64_t *out)
{
    uint64_t low = 0;
    uint64_t high = domain->max;
    if (sqlite3_value_type(argument) == SQLITE_INTEGER &&
        (domain->column->type == FIRN_TYPE_BOOL || fi_type_is_integer(domain->column->type))) {
        return find_integer(domain, sqlite3_value_int64(argument), is_above, out);
    }
    if (compare_shown(domain, high, argument) < (is_above ? 1 : 0)) {
        return false;
    }
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (compare_shown(domain, middle, argument) < (is_above ? 1 : 0)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *out = low;
    return true;
}

struct fi_sqlvalue_bounds
fi_sqlvalue_domain_just(enum fi_sqlvalue_verdict verdict)
{
    return (struct fi_sqlvalue_bounds){.verdict = verdict};
}

/* The values with numbers from `from` on and below `to`. */
static struct fi_sqlvalue_bounds
between(const struct domain *domain, bool has_from, uint64_t from, bool has_to, uint64_t to)
{
    struct fi_sqlvalue_bounds bounds = fi_sqlvalue_domain_just(FI_SQLVALUE_RANGE);
    if (!has_from || (has_to && from >= to)) {
        return fi_sqlvalue_domain_just(FI_SQLVALUE_NOTHING);
    }
    bounds.has_lower = from > 0;
    bounds.lower = value_at(domain, from);
    bounds.has_upper = has_to;
    bounds.upper = value_at(domain, has_to ? to - 1 : domain->max);
    return bounds.has_lower || bounds.has_upper ? bounds
                                                : fi_sqlvalue_domain_just(FI_SQLVALUE_NOT_NULL);
}

struct fi_sqlvalue_bounds
fi_sqlvalue_domain_compare(const firn_table_column *column, int op, sqlite3_value *argument)
{
    assert(column != NULL && argument != NULL);
    const struct domain domain = domain_of(column);
    uint64_t from = 0;
    uint64_t to = 0;
    bool has_from;
    bool has_to;
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
        has_from = find_first(&domain, argument, false, &from);
        has_to = find_first(&domain, argument, true, &to);
        struct fi_sqlvalue_bounds bounds = between(&domain, has_from, from, has_to, to);
        if (bounds.verdict == FI_SQLVALUE_RANGE || bounds.verdict == FI_SQLVALUE_NOT_NULL) {
            /* Both ends, also where they are the ends of the type. */
            bounds.verdict = FI_SQLVALUE_RANGE;
            bounds.lower = value_at(&domain, from);
            bounds.upper = value_at(&domain, has_to ? to - 1 : domain.max);
            bounds.has_lower = bounds.has_upper = true;
        }
        return bounds;
    case SQLITE_INDEX_CONSTRAINT_GT:
        has_from = find_first(&domain, argument, true, &from);
        return between(&domain, has_from, from, false, 0);
    case SQLITE_INDEX_CONSTRAINT_GE:
        has_from = find_first(&domain, argument, false, &from);
        return between(&domain, has_from, from, false, 0);
    case SQLITE_INDEX_CONSTRAINT_LT:
        has_to = find_first(&domain, argument, false, &to);
        return between(&domain, true, 0, has_to, to);
    default:
        assert(op == SQLITE_INDEX_CONSTRAINT_LE);
        has_to = find_first(&domain, argument, true, &to);
        return between(&domain, true, 0, has_to, to);
    }
}

bool
fi_sqlvalue_domain_find(const firn_table_column *column, sqlite3_value *argument, firn_value *out)
{
    if (!fi_type_is_integer(column->type) || sqlite3_value_type(argument) != SQLITE_INTEGER) {
        return false;
    }
    const struct domain domain = domain_of(column);
    const int64_t number = sqlite3_value_int64(argument);
    if (number < number_at(&domain, 0) ||
        (number > 0 && (uint64_t)number > domain.max - domain.bias)) {
        return false;
    }
    *out = value_at(&domain, domain.bias + (uint64_t)number);
    return true;
}
