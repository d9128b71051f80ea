/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_filter.c: the arguments of a statement as bounds and conditions of a scan.
 *
 * SQLite compares the values that it is shown. For a type that is ordered like whole numbers,
 * sqlvalue_domain.c finds the values for which a comparison is true. Texts and blobs are compared
 * byte by byte by both.
 *
 * Affinity: SQLite makes a number of a text that is compared with a column of numbers, whatever it
 * comes from; so does this. Whether a number that is compared with a column of text becomes text,
 * or the column's values become numbers, depends on where the number comes from, which a virtual
 * table is not told: then all rows are given out, and SQLite tests them.
 *
 * An argument ends up as one of
 * - nothing: no row has it, and the scan is empty;
 * - a range of the column's values, with or without null;
 * - unknown: nothing is said about rows, SQLite tests them.
 *
 * If one that should bound the order is unknown, the scan is wider than the plan thought, and is
 * sorted if SQLite counts on the order.
 */
#include "sql/sql_internal.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

enum { CONSTANT_SIZE_MAX = 4096, BOUND_SIZE_MAX = 16384, LIST_MAX = 4000 };

/* Bytes that values refer to until the filter is gone. */
struct fi_sql_memory {
    struct fi_sql_memory *next;
    uint8_t bytes[];
};

/* All values are below the argument (sign < 0), or above it. */
static struct fi_sqlvalue_bounds
compare_other_type(int op, int sign)
{
    assert(sign != 0);
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_LT:
    case SQLITE_INDEX_CONSTRAINT_LE:
        return fi_sqlvalue_domain_just(sign < 0 ? FI_SQLVALUE_NOT_NULL : FI_SQLVALUE_NOTHING);
    case SQLITE_INDEX_CONSTRAINT_GT:
    case SQLITE_INDEX_CONSTRAINT_GE:
        return fi_sqlvalue_domain_just(sign > 0 ? FI_SQLVALUE_NOT_NULL : FI_SQLVALUE_NOTHING);
    default:
        return fi_sqlvalue_domain_just(FI_SQLVALUE_NOTHING);
    }
}

static struct fi_sqlvalue_bounds
compare_value(int op, firn_value value)
{
    struct fi_sqlvalue_bounds bounds = fi_sqlvalue_domain_just(FI_SQLVALUE_RANGE);
    bounds.lower = bounds.upper = value;
    bounds.has_lower = op == SQLITE_INDEX_CONSTRAINT_EQ || op == SQLITE_INDEX_CONSTRAINT_GT ||
                       op == SQLITE_INDEX_CONSTRAINT_GE;
    bounds.has_upper = op == SQLITE_INDEX_CONSTRAINT_EQ || op == SQLITE_INDEX_CONSTRAINT_LT ||
                       op == SQLITE_INDEX_CONSTRAINT_LE;
    bounds.lower_exclusive = op == SQLITE_INDEX_CONSTRAINT_GT;
    bounds.upper_exclusive = op == SQLITE_INDEX_CONSTRAINT_LT;
    return bounds;
}

/* ---- bytes ---- */

static uint8_t *
sql_filter_keep(struct fi_sql_filter *filter, const void *bytes, size_t size)
{
    assert(bytes != NULL || size == 0);
    struct fi_sql_memory *memory = sqlite3_malloc64(sizeof *memory + size + 1);
    if (memory == NULL) {
        return NULL;
    }
    memory->next = filter->memory;
    filter->memory = memory;
    if (size > 0) {
        memcpy(memory->bytes, bytes, size);
    }
    memory->bytes[size] = 0;
    return memory->bytes;
}

static bool
keep_value(struct fi_sql_filter *filter, firn_value *value)
{
    if (fi_type_has_bytes(value->type)) {
        uint8_t *bytes = sql_filter_keep(filter, value->as.bytes.data, value->as.bytes.size);
        value->as.bytes.data = bytes;
        return bytes != NULL;
    }
    return true;
}

/* A column whose values are shown as texts of their own: no other text is equal to one. */
static struct fi_sqlvalue_bounds
compare_fixed(struct fi_sql_filter *filter, const firn_table_column *column, int op,
              sqlite3_value *argument)
{
    struct fi_sqlvalue_scratch scratch = {.memory = NULL};
    struct fi_sqlvalue_bounds bounds = fi_sqlvalue_domain_just(FI_SQLVALUE_UNKNOWN);
    firn_value value;
    firn_error ignored;
    char *shown = NULL;
    size_t size = 0;
    if (sqlite3_value_type(argument) == SQLITE_BLOB) {
        return compare_other_type(op, -1);
    }
    if (sqlite3_value_type(argument) != SQLITE_TEXT) {
        return bounds;
    }
    int rc = fi_sqlvalue_make(column, argument, &scratch, &value, &ignored);
    rc = rc == FIRN_OK ? firn_value_format(column, &value, &shown, &size, &ignored) : rc;
    if (rc == FIRN_OK && size == (size_t)sqlite3_value_bytes(argument) &&
        memcmp(shown, sqlite3_value_text(argument), size) == 0) {
        bounds = keep_value(filter, &value) ? compare_value(op, value) : bounds;
    } else if (rc != FIRN_NO_MEMORY && op == SQLITE_INDEX_CONSTRAINT_EQ) {
        bounds = fi_sqlvalue_domain_just(FI_SQLVALUE_NOTHING);
    }
    firn_release(shown);
    fi_sqlvalue_deinit(&scratch);
    return bounds;
}

static struct fi_sqlvalue_bounds
compare_bytes(const firn_table_column *column, int op, sqlite3_value *argument)
{
    int type = sqlite3_value_type(argument);
    if (column->type == FIRN_TYPE_BLOB) {
        return type == SQLITE_BLOB ? compare_value(op, fi_sqlvalue_any(argument))
                                   : compare_other_type(op, 1);
    }
    if (type == SQLITE_BLOB) {
        return compare_other_type(op, -1);
    }
    if (type != SQLITE_TEXT) {
        return fi_sqlvalue_domain_just(FI_SQLVALUE_UNKNOWN);
    }
    const firn_value value = fi_sqlvalue_any(argument);
    if (firn_is_null(value) || !fi_sqlvalue_is_utf8(value.as.bytes.data, value.as.bytes.size)) {
        return fi_sqlvalue_domain_just(FI_SQLVALUE_UNKNOWN);
    }
    return compare_value(op, value);
}

/* ---- LIKE and GLOB ---- */

/* The texts that begin with a prefix, in any case of the letters of ASCII (LIKE). Wider than the
 * pattern. */
static struct fi_sqlvalue_bounds
match_prefix(struct fi_sql_filter *filter, int op, sqlite3_value *argument)
{
    const char *stops = op == SQLITE_INDEX_CONSTRAINT_LIKE ? "%_" : "*?[";
    if (sqlite3_value_type(argument) != SQLITE_TEXT) {
        return fi_sqlvalue_domain_just(FI_SQLVALUE_UNKNOWN);
    }
    const char *pattern = (const char *)sqlite3_value_text(argument);
    size_t size = pattern != NULL ? strcspn(pattern, stops) : 0;
    if (size == 0 || size > BOUND_SIZE_MAX ||
        !fi_sqlvalue_is_utf8((const uint8_t *)pattern, size)) {
        return fi_sqlvalue_domain_just(FI_SQLVALUE_NOT_NULL);
    }
    uint8_t *lower = sql_filter_keep(filter, pattern, size);
    uint8_t *upper = sql_filter_keep(filter, pattern, size);
    if (lower == NULL || upper == NULL) {
        return fi_sqlvalue_domain_just(FI_SQLVALUE_UNKNOWN);
    }
    for (size_t i = 0; i < size && op == SQLITE_INDEX_CONSTRAINT_LIKE; i++) {
        if (lower[i] >= 'a' && lower[i] <= 'z') {
            lower[i] = (uint8_t)(lower[i] - 32);
        }
        if (upper[i] >= 'A' && upper[i] <= 'Z') {
            upper[i] = (uint8_t)(upper[i] + 32);
        }
    }
    struct fi_sqlvalue_bounds bounds = fi_sqlvalue_domain_just(FI_SQLVALUE_RANGE);
    bounds.has_lower = true;
    bounds.lower = firn_text_bytes(firn_bytes(lower, size));
    bounds.has_upper = upper[size - 1] < 0x7f;
    if (bounds.has_upper) {
        upper[size - 1]++;
        bounds.upper = firn_text_bytes(firn_bytes(upper, size));
        bounds.upper_exclusive = true;
    }
    return bounds;
}

/* ---- constraints ---- */

/* A comparison of a column with a value that is not NULL. */
static struct fi_sqlvalue_bounds
sql_filter_compare(struct fi_sql_filter *filter, const firn_table_column *column, int op,
                   sqlite3_value *argument)
{
    int type = sqlite3_value_type(argument);
    if (fi_sqlvalue_is_number(column->type)) {
        type = sqlite3_value_numeric_type(argument);
        if (type == SQLITE_TEXT || type == SQLITE_BLOB) {
            return compare_other_type(op, -1);
        }
    }
    switch (fi_type_class_of(column->type)) {
    case FI_TYPE_CLASS_FLOAT:
        if (type == SQLITE_INTEGER && (sqlite3_value_int64(argument) > (INT64_C(1) << 53) ||
                                       sqlite3_value_int64(argument) < -(INT64_C(1) << 53))) {
            return fi_sqlvalue_domain_just(FI_SQLVALUE_UNKNOWN);
        }
        return compare_value(op, firn_f64(sqlite3_value_double(argument)));
    case FI_TYPE_CLASS_TIME:
        if (type == SQLITE_BLOB) {
            return compare_other_type(op, -1);
        }
        return type == SQLITE_TEXT && sqlite3_value_text(argument) != NULL
                   ? fi_sqlvalue_domain_compare(column, op, argument)
                   : fi_sqlvalue_domain_just(FI_SQLVALUE_UNKNOWN);
    case FI_TYPE_CLASS_FIXED:
        return compare_fixed(filter, column, op, argument);
    case FI_TYPE_CLASS_TEXT:
    case FI_TYPE_CLASS_BLOB:
        return compare_bytes(column, op, argument);
    case FI_TYPE_CLASS_BOOL:
    case FI_TYPE_CLASS_SIGNED:
    case FI_TYPE_CLASS_UNSIGNED:
    case FI_TYPE_CLASS_DECIMAL:
        return fi_sqlvalue_domain_compare(column, op, argument);
    case FI_TYPE_CLASS_NULL:
    case FI_TYPE_CLASS_VECTOR:
        break;
    }
    return fi_sqlvalue_domain_just(FI_SQLVALUE_UNKNOWN);
}

static bool
is_one_value(const struct fi_sqlvalue_bounds *bounds)
{
    if (bounds->verdict != FI_SQLVALUE_RANGE || !bounds->has_lower || !bounds->has_upper) {
        return false;
    }
    const firn_value *a = &bounds->lower;
    const firn_value *b = &bounds->upper;
    if (fi_type_has_bytes(a->type)) {
        return a->as.bytes.data == b->as.bytes.data; /* of compare_value: the same value twice */
    }
    return a->type == FIRN_TYPE_BOOL  ? a->as.boolean == b->as.boolean
           : a->type == FIRN_TYPE_F64 ? a->as.f64 == b->as.f64
                                      : a->as.i64 == b->as.i64;
}

static struct fi_sqlvalue_bounds
differ(struct fi_sql_filter *filter, const firn_table_column *column, sqlite3_value *argument,
       bool with_null)
{
    struct fi_sqlvalue_bounds bounds =
        sql_filter_compare(filter, column, SQLITE_INDEX_CONSTRAINT_EQ, argument);
    if (bounds.verdict == FI_SQLVALUE_NOTHING) {
        return fi_sqlvalue_domain_just(with_null ? FI_SQLVALUE_ANY : FI_SQLVALUE_NOT_NULL);
    }
    if (!is_one_value(&bounds)) {
        return fi_sqlvalue_domain_just(FI_SQLVALUE_UNKNOWN);
    }
    bounds.verdict = with_null ? FI_SQLVALUE_BUT_NULL : FI_SQLVALUE_BUT;
    return bounds;
}

static struct fi_sqlvalue_bounds
sql_filter_assess(struct fi_sql_filter *filter, const firn_table_column *column, int op,
                  sqlite3_value *argument)
{
    bool is_null = sqlite3_value_type(argument) == SQLITE_NULL;
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_ISNULL:
        return fi_sqlvalue_domain_just(FI_SQLVALUE_NULLS);
    case SQLITE_INDEX_CONSTRAINT_ISNOTNULL:
        return fi_sqlvalue_domain_just(FI_SQLVALUE_NOT_NULL);
    case SQLITE_INDEX_CONSTRAINT_IS:
        return is_null ? fi_sqlvalue_domain_just(FI_SQLVALUE_NULLS)
                       : sql_filter_compare(filter, column, SQLITE_INDEX_CONSTRAINT_EQ, argument);
    case SQLITE_INDEX_CONSTRAINT_ISNOT:
        return is_null ? fi_sqlvalue_domain_just(FI_SQLVALUE_NOT_NULL)
                       : differ(filter, column, argument, true);
    default:
        break;
    }
    if (is_null) {
        return fi_sqlvalue_domain_just(FI_SQLVALUE_NOTHING);
    }
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_NE:
        return differ(filter, column, argument, false);
    case SQLITE_INDEX_CONSTRAINT_LIKE:
    case SQLITE_INDEX_CONSTRAINT_GLOB:
        return match_prefix(filter, op, argument);
    default:
        return sql_filter_compare(filter, column, op, argument);
    }
}

bool
fi_sql_filter_is_exact(const firn_table_column *column, int op, sqlite3_value *constant)
{
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_LIKE:
    case SQLITE_INDEX_CONSTRAINT_GLOB:
        return false;
    case SQLITE_INDEX_CONSTRAINT_ISNULL:
    case SQLITE_INDEX_CONSTRAINT_ISNOTNULL:
        return !fi_type_is_float(column->type);
    default:
        break;
    }
    switch (fi_type_class_of(column->type)) {
    case FI_TYPE_CLASS_DECIMAL:
        /* Of more digits than a REAL has, several are shown as one, which FI_SQLVALUE_BUT cannot
         * say. */
        return column->precision <= 15;
    case FI_TYPE_CLASS_BOOL:
    case FI_TYPE_CLASS_SIGNED:
    case FI_TYPE_CLASS_UNSIGNED:
        return column->type != FIRN_TYPE_U64 ||
               (op != SQLITE_INDEX_CONSTRAINT_NE && op != SQLITE_INDEX_CONSTRAINT_ISNOT);
    case FI_TYPE_CLASS_TIME:
        return constant != NULL && sqlite3_value_type(constant) == SQLITE_TEXT;
    case FI_TYPE_CLASS_TEXT:
        return constant != NULL && sqlite3_value_type(constant) == SQLITE_TEXT &&
               sqlite3_value_bytes(constant) <= CONSTANT_SIZE_MAX &&
               fi_sqlvalue_is_utf8(sqlite3_value_text(constant),
                                   (size_t)sqlite3_value_bytes(constant));
    case FI_TYPE_CLASS_FIXED:
        return constant != NULL && sqlite3_value_type(constant) == SQLITE_TEXT &&
               op == SQLITE_INDEX_CONSTRAINT_EQ;
    case FI_TYPE_CLASS_BLOB:
        return constant != NULL && sqlite3_value_bytes(constant) <= CONSTANT_SIZE_MAX;
    case FI_TYPE_CLASS_NULL:
    case FI_TYPE_CLASS_FLOAT:
    case FI_TYPE_CLASS_VECTOR:
        break;
    }
    return false;
}

bool
fi_sql_filter_can_seek(firn_type type)
{
    return fi_type_has_order(type) && !fi_type_is_float(type);
}

/* ---- what the scan is told ---- */

static int
add_parameter(struct fi_sql_filter *filter, firn_value value, firn_error *err)
{
    assert(filter->parameter_count <= filter->parameter_capacity);
    if (filter->parameter_count == filter->parameter_capacity) {
        size_t capacity = filter->parameter_capacity == 0 ? 8 : 2 * filter->parameter_capacity;
        firn_value *grown =
            sqlite3_realloc64(filter->parameters, capacity * sizeof filter->parameters[0]);
        if (grown == NULL) {
            return fi_sqlvalue_no_memory(err);
        }
        filter->parameters = grown;
        filter->parameter_capacity = capacity;
    }
    filter->parameters[filter->parameter_count++] = value;
    return FIRN_OK;
}

static void
begin_condition(struct fi_sql_filter *filter)
{
    if (filter->where == NULL) {
        filter->where = sqlite3_str_new(NULL);
    } else {
        sqlite3_str_appendall(filter->where, " and ");
    }
}

static int
add_condition(struct fi_sql_filter *filter, const firn_table_column *column, const char *rest,
              const firn_value *parameter, firn_error *err)
{
    begin_condition(filter);
    sqlite3_str_appendf(filter->where, "\"%w\" %s", column->name, rest);
    return parameter != NULL ? add_parameter(filter, *parameter, err) : FIRN_OK;
}

static int
add_bounds(struct fi_sql_filter *filter, const firn_table_column *column,
           const struct fi_sqlvalue_bounds *bounds, firn_error *err)
{
    int rc = FIRN_OK;
    switch (bounds->verdict) {
    case FI_SQLVALUE_NOTHING:
        filter->is_empty = true;
        return FIRN_OK;
    case FI_SQLVALUE_RANGE:
        if (is_one_value(bounds)) {
            return add_condition(filter, column, "= ?", &bounds->lower, err);
        }
        if (bounds->has_lower) {
            rc = add_condition(filter, column, bounds->lower_exclusive ? "> ?" : ">= ?",
                               &bounds->lower, err);
        }
        if (bounds->has_upper && rc == FIRN_OK) {
            rc = add_condition(filter, column, bounds->upper_exclusive ? "< ?" : "<= ?",
                               &bounds->upper, err);
        }
        return rc;
    case FI_SQLVALUE_NOT_NULL:
        return column->not_null ? FIRN_OK : add_condition(filter, column, "is not null", NULL, err);
    case FI_SQLVALUE_NULLS:
        return add_condition(filter, column, "is null", NULL, err);
    case FI_SQLVALUE_BUT:
        return add_condition(filter, column, "<> ?", &bounds->lower, err);
    case FI_SQLVALUE_BUT_NULL:
        /* "is distinct from ?" takes no decimals. */
        begin_condition(filter);
        sqlite3_str_appendf(filter->where, "(\"%w\" is null or \"%w\" <> ?)", column->name,
                            column->name);
        return add_parameter(filter, bounds->lower, err);
    case FI_SQLVALUE_ANY:
    case FI_SQLVALUE_UNKNOWN:
        break;
    }
    return FIRN_OK;
}

/* A value that is good until the filter is gone. */
static bool
fits_bound(firn_value value)
{
    return !fi_type_has_bytes(value.type) || value.as.bytes.size <= BOUND_SIZE_MAX;
}

/* Appends the values of a list that the column can have to the parameters. *out_is_known is false,
 * and nothing is appended, if something in it cannot be said: all of it is left to SQLite then. */
static int
take_list(struct fi_sql_filter *filter, const firn_table_column *column, sqlite3_value *list,
          bool *out_is_known, firn_error *err)
{
    sqlite3_value *argument;
    size_t first = filter->parameter_count;
    int rc = FIRN_OK;
    int step = sqlite3_vtab_in_first(list, &argument);
    *out_is_known = true;
    for (; step == SQLITE_OK && rc == FIRN_OK; step = sqlite3_vtab_in_next(list, &argument)) {
        struct fi_sqlvalue_bounds bounds =
            sql_filter_assess(filter, column, SQLITE_INDEX_CONSTRAINT_EQ, argument);
        if (bounds.verdict == FI_SQLVALUE_NOTHING) {
            continue;
        }
        if (!is_one_value(&bounds) || filter->parameter_count - first >= LIST_MAX ||
            !fits_bound(bounds.lower) || !keep_value(filter, &bounds.lower)) {
            filter->parameter_count = first;
            *out_is_known = false;
            return FIRN_OK;
        }
        rc = add_parameter(filter, bounds.lower, err);
    }
    if (rc == FIRN_OK && step != SQLITE_DONE) {
        rc = fi_sqlvalue_error(err, step == SQLITE_NOMEM ? FIRN_NO_MEMORY : FIRN_INTERNAL,
                               "could not read a list of values");
    }
    filter->is_empty = filter->is_empty || (rc == FIRN_OK && filter->parameter_count == first);
    return rc;
}

static int
add_list(struct fi_sql_filter *filter, const firn_table_column *column, sqlite3_value *list,
         firn_error *err)
{
    size_t first = filter->parameter_count;
    bool is_known;
    int rc = take_list(filter, column, list, &is_known, err);
    filter->is_wider = filter->is_wider || !is_known;
    if (rc != FIRN_OK || !is_known || filter->is_empty) {
        return rc;
    }
    rc = add_condition(filter, column, "in (?", NULL, err);
    for (size_t i = first + 1; i < filter->parameter_count; i++) {
        sqlite3_str_appendall(filter->where, ", ?");
    }
    sqlite3_str_appendchar(filter->where, 1, ')');
    return rc;
}

/* ---- bounds of the order ---- */

/* Takes the range of the column after those that are fixed; false if there is a bound already. */
static bool
sql_filter_narrow(struct fi_sql_filter *filter, size_t fixed,
                  const struct fi_sqlvalue_bounds *bounds)
{
    assert(fixed < FIRN_TABLE_KEY_COLUMNS_MAX);
    bool fits = bounds->verdict == FI_SQLVALUE_RANGE &&
                (!bounds->has_lower || fits_bound(bounds->lower)) &&
                (!bounds->has_upper || fits_bound(bounds->upper)) &&
                (!bounds->has_lower || filter->lower_count == fixed) &&
                (!bounds->has_upper || filter->upper_count == fixed);
    if (!fits) {
        return false;
    }
    if (bounds->has_lower) {
        filter->lower[filter->lower_count++] = bounds->lower;
        filter->lower_exclusive = bounds->lower_exclusive;
    }
    if (bounds->has_upper) {
        filter->upper[filter->upper_count++] = bounds->upper;
        filter->upper_exclusive = bounds->upper_exclusive;
    }
    return true;
}

struct seeking {
    size_t fixed;
    bool is_over; /* no more columns of the order can be bound */
};

static int
use_item(struct fi_sql_filter *filter, const firn_table_column *column,
         const struct fi_sql_plan_item *item, sqlite3_value *argument, struct seeking *seeking,
         firn_error *err)
{
    if (item->role == FI_SQL_WHERE_IN) {
        return add_list(filter, column, argument, err);
    }
    if (item->op == SQLITE_INDEX_CONSTRAINT_LIKE || item->op == SQLITE_INDEX_CONSTRAINT_GLOB ||
        (column->type == FIRN_TYPE_DECIMAL && column->precision > 15)) {
        filter->is_wider = true;
    }
    if (item->role == FI_SQL_SEEK_IN) {
        return take_list(filter, column, argument, &filter->is_many, err);
    }
    struct fi_sqlvalue_bounds bounds = sql_filter_assess(filter, column, item->op, argument);
    filter->is_wider = filter->is_wider || bounds.verdict == FI_SQLVALUE_UNKNOWN;
    if (item->role == FI_SQL_SEEK_EQUAL && !seeking->is_over) {
        if (is_one_value(&bounds) && fits_bound(bounds.lower)) {
            filter->lower[filter->lower_count++] = bounds.lower;
            filter->upper[filter->upper_count++] = bounds.lower;
            seeking->fixed++;
            return FIRN_OK;
        }
        /* Not the one value that the order counted on. */
        seeking->is_over = true;
        filter->must_sort = true;
        if (sql_filter_narrow(filter, seeking->fixed, &bounds)) {
            return FIRN_OK;
        }
    } else if (item->role == FI_SQL_SEEK_RANGE && !seeking->is_over) {
        if (sql_filter_narrow(filter, seeking->fixed, &bounds)) {
            /* Below a bound of an index there may be nulls. */
            return bounds.has_lower || column->not_null
                       ? FIRN_OK
                       : add_condition(filter, column, "is not null", NULL, err);
        }
    }
    if (item->role == FI_SQL_WHERE_JOIN && is_one_value(&bounds)) {
        assert(filter->joined_count < FIRN_TABLE_KEY_COLUMNS_MAX);
        filter->joined[filter->joined_count++] = bounds.lower;
    }
    return add_bounds(filter, column, &bounds, err);
}

/* An empty one. The bounds, which are many bytes, are counted, so they need no value. */
static void
sql_filter_begin(struct fi_sql_filter *filter)
{
    filter->is_empty = filter->is_point = filter->is_many = filter->must_sort = false;
    filter->is_wider = false;
    filter->lower_count = filter->upper_count = filter->fixed = filter->joined_count = 0;
    filter->lower_exclusive = filter->upper_exclusive = false;
    filter->where = NULL;
    filter->parameters = NULL;
    filter->parameter_count = filter->parameter_capacity = 0;
    filter->memory = NULL;
}

static int
sql_filter_finish(struct fi_sql_filter *filter, int rc, firn_error *err)
{
    return rc == FIRN_OK && filter->where != NULL && sqlite3_str_errcode(filter->where) != SQLITE_OK
               ? fi_sqlvalue_no_memory(err)
               : rc;
}

int
fi_sql_filter_init(struct fi_sql_filter *filter, const struct fi_sql_table *table,
                   const struct fi_sql_plan *plan, int count, sqlite3_value **values,
                   firn_error *err)
{
    struct seeking seeking = {.fixed = 0};
    int rc = FIRN_OK;
    sql_filter_begin(filter);
    assert(plan->order < table->order_count);
    for (size_t i = 0; i < plan->item_count && rc == FIRN_OK; i++) {
        const struct fi_sql_plan_item *item = &plan->items[i];
        if (item->role == FI_SQL_SORT || item->role == FI_SQL_SORT_DESCENDING) {
            continue;
        }
        assert((int)i < count);
        rc = use_item(filter, &table->def->columns[item->column], item, values[i], &seeking, err);
    }
    (void)count;
    filter->fixed = seeking.fixed;
    filter->is_point = plan->is_point && seeking.fixed == table->orders[plan->order].count;
    filter->must_sort = filter->must_sort && plan->is_ordered;
    return sql_filter_finish(filter, rc, err);
}

void
fi_sql_filter_leave_nans_out(struct fi_sql_filter *filter, const struct fi_sql_table *table,
                             const struct fi_sql_plan *plan)
{
    for (size_t i = 0; i < plan->item_count; i++) {
        const firn_table_column *column = &table->def->columns[plan->items[i].column];
        if (fi_type_is_float(column->type)) {
            begin_condition(filter); /* a NaN is larger than all numbers */
            sqlite3_str_appendf(filter->where, "\"%w\" < %s 'nan'", column->name,
                                firn_type_name(column->type));
        }
    }
}

int
fi_sql_filter_init_constant(struct fi_sql_filter *filter, const struct fi_sql_table *table,
                            const struct fi_sql_plan *plan, int count, sqlite3_value **values,
                            firn_error *err)
{
    struct seeking seeking = {.is_over = true};
    int rc = FIRN_OK;
    sql_filter_begin(filter);
    for (size_t i = 0; i < plan->item_count && rc == FIRN_OK; i++) {
        const struct fi_sql_plan_item *item = &plan->items[i];
        if (item->role == FI_SQL_WHERE) {
            assert((int)i < count);
            rc = use_item(filter, &table->def->columns[item->column], item, values[i], &seeking,
                          err);
        }
    }
    (void)count;
    return sql_filter_finish(filter, rc, err);
}

void
fi_sql_filter_init_keys(struct fi_sql_filter *filter, const struct fi_sql_table *table,
                        const struct fi_sql_plan *plan, sqlite3_value **values)
{
    assert(plan->item_count <= FI_SQL_PLAN_ITEMS_MAX);
    sql_filter_begin(filter);
    for (size_t i = 0; i < plan->item_count; i++) {
        const struct fi_sql_plan_item *item = &plan->items[i];
        if (item->role != FI_SQL_SEEK_EQUAL && item->role != FI_SQL_WHERE_JOIN) {
            continue;
        }
        const firn_table_column *column = &table->def->columns[item->column];
        firn_value value;
        if (item->op != SQLITE_INDEX_CONSTRAINT_EQ ||
            !fi_sqlvalue_domain_find(column, values[i], &value)) {
            const struct fi_sqlvalue_bounds bounds =
                sql_filter_assess(filter, column, item->op, values[i]);
            filter->is_empty = filter->is_empty || bounds.verdict == FI_SQLVALUE_NOTHING;
            if (!is_one_value(&bounds)) {
                return;
            }
            value = bounds.lower;
        }
        if (item->role == FI_SQL_SEEK_EQUAL) {
            filter->lower[filter->fixed++] = value;
        } else {
            filter->joined[filter->joined_count++] = value;
        }
    }
}

void
fi_sql_filter_free_memory(struct fi_sql_memory *memory)
{
    while (memory != NULL) {
        struct fi_sql_memory *next = memory->next;
        sqlite3_free(memory);
        memory = next;
    }
}

void
fi_sql_filter_deinit(struct fi_sql_filter *filter)
{
    if (filter->where != NULL) {
        sqlite3_free(sqlite3_str_finish(filter->where));
    }
    sqlite3_free(filter->parameters);
    fi_sql_filter_free_memory(filter->memory);
    sql_filter_begin(filter);
}
