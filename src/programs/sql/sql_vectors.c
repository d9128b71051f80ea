/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_vectors.c: the rows whose vectors are nearest to one, in SQL.
 *
 *     SELECT id, distance FROM notes WHERE embedding MATCH firn_vector(?) AND k = 10 AND year >=
 *     2022 ORDER BY distance
 *
 * A table with columns of vectors has two hidden columns more, k and distance; firn_k and
 * firn_distance, if it has columns of these names itself. A MATCH of a column of vectors makes the
 * plan a search (firn_table_search): by graphs if there is an index, and with all other constraints
 * that firn can compute as its condition. The rows come in the order of their distances, each read
 * by its key.
 *
 * k counts rows before SQLite tests what firn cannot compute (LIKE, functions, other collations),
 * so beside such a condition it is refused: else rows would be missing without a word. SQLite tells
 * of some of them (HAS_OTHERS, fi_sql_filter's is_wider), the text of the statement of the others
 * (sqlparse_terms.c).
 *
 * Without k all rows that have a vector come, in the order of their distances, as many as the
 * statement reads: ORDER BY distance LIMIT n gives the n nearest that fulfil any condition. A
 * search for a few is repeated for more when they do not suffice; each is exact, so that it begins
 * with the rows of the one before (S1 of search/search.c). SQLite 3.40 does not tell a table of a
 * LIMIT beside a MATCH.
 *
 * The plan is that of a scan with these constraints. idxNum says that it is a search, and which
 * further arguments there are: the vector, and the number of rows.
 *
 * firn_vector makes one blob of a vector and the name of a metric: the numbers, then a byte for the
 * metric unless it is cosine, the default. ORDER BY firn_distance(...) is a matter of
 * sql_nearest.c.
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

enum { IS_SEARCH = 1, HAS_COUNT = 2, HAS_OTHERS = 4, COLUMN_SHIFT = 3 }; /* of idxNum */
#define SEARCH_COST 200.0

enum {
    STREAM_FIRST = 64,
    STREAM_TIMES = 16
}; /* rows of the first search without k, and how many times more of the next */

/* ---- the plan ---- */

/* The number of the first column after those that every table has. */
static size_t
first_hidden(const struct fi_sql_table *table)
{
    return table->def->column_count + (table->identity == FI_SQL_BY_BLOB ? 1 : 0);
}

static bool
has_vectors(const struct fi_sql_table *table)
{
    size_t i = 0;
    while (i < table->def->column_count && table->def->columns[i].type != FIRN_TYPE_VECTOR) {
        i++;
    }
    return i < table->def->column_count;
}

static bool
has_name(const struct fi_sql_table *table, const char *name)
{
    size_t i = 0;
    while (i < table->def->column_count &&
           sqlite3_stricmp(table->def->columns[i].name, name) != 0) {
        i++;
    }
    return i < table->def->column_count;
}

void
fi_sql_vectors_declare(const struct fi_sql_table *table, sqlite3_str *text)
{
    static const char *const names[] = {"k", "distance"};
    for (size_t i = 0; i < 2 && has_vectors(table); i++) {
        char name[64];
        sqlite3_snprintf((int)sizeof name, name, "%s", names[i]);
        while (has_name(table, name) && strlen(name) < 40) {
            char longer[64];
            sqlite3_snprintf((int)sizeof longer, longer, "firn_%s", name);
            memcpy(name, longer, sizeof name);
        }
        sqlite3_str_appendf(text, ", %s HIDDEN", name);
    }
}

/* The constraint of a search, by its place; -1: there is none. */
static int
find_match(const struct fi_sql_table *table, const sqlite3_index_info *info)
{
    for (int i = 0; i < info->nConstraint; i++) {
        const struct sqlite3_index_constraint *constraint = &info->aConstraint[i];
        if (constraint->op == SQLITE_INDEX_CONSTRAINT_MATCH && constraint->iColumn >= 0 &&
            (size_t)constraint->iColumn < table->def->column_count &&
            table->def->columns[constraint->iColumn].type == FIRN_TYPE_VECTOR) {
            return i;
        }
    }
    return -1;
}

bool
fi_sql_vectors_is_search(const struct fi_sql_table *table, const sqlite3_index_info *info)
{
    return table->keyspace == NULL && find_match(table, info) >= 0;
}

/* What says how many rows are wanted; -1: nothing does. */
static int
find_count(const struct fi_sql_table *table, const sqlite3_index_info *info)
{
    const size_t k = first_hidden(table);
    for (int i = 0; i < info->nConstraint; i++) {
        const struct sqlite3_index_constraint *constraint = &info->aConstraint[i];
        if (constraint->op == SQLITE_INDEX_CONSTRAINT_EQ && constraint->iColumn >= 0 &&
            (size_t)constraint->iColumn == k) {
            return i;
        }
    }
    return -1;
}

/* Whether SQLite tests a condition of one of the columns that is not told to firn. Nearer rows than
 * a distance come first anyway. */
static bool
has_others(const struct fi_sql_table *table, const sqlite3_index_info *info, int match, int count)
{
    const size_t distance = first_hidden(table) + 1;
    bool has = false;
    for (int i = 0; i < info->nConstraint; i++) {
        const struct sqlite3_index_constraint *constraint = &info->aConstraint[i];
        const bool is_limit = constraint->op == SQLITE_INDEX_CONSTRAINT_LIMIT ||
                              constraint->op == SQLITE_INDEX_CONSTRAINT_OFFSET;
        const bool is_nearer = constraint->iColumn >= 0 &&
                               (size_t)constraint->iColumn == distance &&
                               (constraint->op == SQLITE_INDEX_CONSTRAINT_LT ||
                                constraint->op == SQLITE_INDEX_CONSTRAINT_LE);
        has = has || (i != match && i != count && constraint->usable && !is_limit && !is_nearer &&
                      info->aConstraintUsage[i].argvIndex == 0);
    }
    return has;
}

int
fi_sql_vectors_report(const struct fi_sql_table *table, sqlite3_index_info *info)
{
    const int match = find_match(table, info);
    int arguments = 0;
    assert(match >= 0);
    info->orderByConsumed = info->nOrderBy == 1 && info->aOrderBy[0].desc == 0 &&
                            info->aOrderBy[0].iColumn >= 0 &&
                            (size_t)info->aOrderBy[0].iColumn == first_hidden(table) + 1;
    const int count = find_count(table, info);
    if (!info->aConstraint[match].usable || (count >= 0 && !info->aConstraint[count].usable)) {
        return SQLITE_CONSTRAINT;
    }
    const bool others = count >= 0 && has_others(table, info, match, count);
    for (int i = 0; i < info->nConstraint; i++) {
        const int used = info->aConstraintUsage[i].argvIndex;
        arguments = used > arguments ? used : arguments;
    }
    info->aConstraintUsage[match].argvIndex = ++arguments;
    info->aConstraintUsage[match].omit = 1;
    if (count >= 0) {
        info->aConstraintUsage[count].argvIndex = ++arguments;
        info->aConstraintUsage[count].omit = 1;
    }
    info->idxNum = IS_SEARCH | (count >= 0 ? HAS_COUNT : 0) | (others ? HAS_OTHERS : 0) |
                   info->aConstraint[match].iColumn << COLUMN_SHIFT;
    info->estimatedCost = SEARCH_COST;
    info->estimatedRows = count >= 0 ? 10 : STREAM_FIRST;
    return SQLITE_OK;
}

/* ---- the search ---- */

int
fi_sql_vectors_arguments(int number)
{
    return (number & IS_SEARCH) == 0 ? 0 : (number & HAS_COUNT) == 0 ? 1 : 2;
}

/* Takes the byte of the metric off a blob, if it has one. */
static firn_metric
metric_of(firn_slice *bytes)
{
    if (bytes->size % 4 != 1) {
        return FIRN_METRIC_COSINE;
    }
    bytes->size--;
    return (firn_metric)bytes->data[bytes->size];
}

/* The numbers of a blob or a text, in memory of its own: *out_numbers, released with
 * sqlite3_free. */
static int
read_vector(sqlite3_value *from, float **out_numbers, size_t *out_count, firn_metric *out_metric,
            firn_error *err)
{
    struct fi_sqlvalue_scratch scratch = {.memory = NULL};
    firn_table_column column = {.name = "vector", .type = FIRN_TYPE_VECTOR, .dimensions = 1};
    firn_value value = firn_null();
    firn_slice bytes;
    int rc = FIRN_OK;
    *out_numbers = NULL;
    *out_metric = FIRN_METRIC_COSINE;
    if (sqlite3_value_type(from) == SQLITE_BLOB) {
        bytes = firn_bytes(sqlite3_value_blob(from), (size_t)sqlite3_value_bytes(from));
        *out_metric = metric_of(&bytes);
        if (bytes.size == 0 || bytes.size % 4 != 0 || firn_metric_name(*out_metric) == NULL) {
            return fi_sqlvalue_error(err, FIRN_INVALID, "a blob of %zu bytes is no vector",
                                     bytes.size);
        }
    } else {
        const char *text = (const char *)sqlite3_value_text(from);
        for (size_t i = 0; text != NULL && text[i] != '\0'; i++) {
            column.dimensions += text[i] == ',';
        }
        rc = fi_sqlvalue_make(&column, from, &scratch, &value, err);
        if (rc == FIRN_OK && firn_is_null(value)) {
            rc = fi_sqlvalue_error(err, FIRN_INVALID, "null is no vector");
        }
        bytes = rc == FIRN_OK ? value.as.bytes : firn_bytes(NULL, 0);
    }
    float *numbers = rc == FIRN_OK ? sqlite3_malloc64(bytes.size) : NULL;
    if (numbers != NULL) {
        memcpy(numbers, bytes.data, bytes.size);
        *out_count = bytes.size / 4;
        *out_numbers = numbers;
    } else if (rc == FIRN_OK) {
        rc = fi_sqlvalue_no_memory(err);
    }
    fi_sqlvalue_deinit(&scratch);
    return rc;
}

/* Notes that a graph could not be read, and says so to who listens to SQLite's log. */
static void
note_damage(const struct fi_sql_table *table, const firn_search_result *found)
{
    firn_search_stats stats = FIRN_SEARCH_STATS_INIT;
    firn_search_result_get_stats(found, &stats);
    if (stats.graphs_damaged > 0 && !table->store->has_damage) {
        table->store->has_damage = true;
        table->store->sql->has_damage = true;
        sqlite3_log(SQLITE_WARNING, "a graph of an index of '%s' is damaged: all rows are compared",
                    table->table_name);
    }
}

bool
fi_sql_vectors_take_damage(sqlite3 *db)
{
    struct fi_sql *sql = fi_sql_find(db);
    const bool has_damage = sql != NULL && sql->has_damage;
    if (has_damage) {
        sql->has_damage = false;
    }
    return has_damage;
}

/* With all options but the metric. */
static int
sql_vectors_find(const struct fi_sql_table *table, size_t column, sqlite3_value *vector,
                 firn_search_options *options, firn_search_result **out, firn_error *err)
{
    float *numbers = NULL;
    size_t count = 0;
    int rc;
    FI_TRY_OUT(rc, read_vector(vector, &numbers, &count, &options->metric, err));
    FI_TRY_OUT(rc, firn_table_search(table->table, table->def->columns[column].name, numbers, count,
                                     options, out, err));
    note_damage(table, *out);
out:
    sqlite3_free(numbers);
    return rc;
}

int
fi_sql_vectors_find(const struct fi_sql_table *table, const struct fi_sql_view *view, size_t column,
                    sqlite3_value *vector, const char *where, uint64_t k, firn_search_result **out,
                    firn_error *err)
{
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    options.txn = view->txn;
    options.snapshot = view->snapshot;
    options.k = k;
    options.where = where;
    return sql_vectors_find(table, column, vector, &options, out, err);
}

/* ---- searches without k ---- */

struct fi_sql_stream {
    size_t column;
    float *numbers;
    size_t number_count;
    firn_metric metric;
    char *where; /* NULL: all rows */
    firn_value *parameters;
    size_t parameter_count;
    uint64_t k; /* of the last search */
};

void
fi_sql_vectors_end(struct fi_sql_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    for (size_t i = 0; i < stream->parameter_count && stream->parameters != NULL; i++) {
        if (fi_type_has_bytes(stream->parameters[i].type)) {
            sqlite3_free((void *)(uintptr_t)stream->parameters[i].as.bytes.data);
        }
    }
    sqlite3_free(stream->parameters);
    sqlite3_free(stream->numbers);
    sqlite3_free(stream->where);
    sqlite3_free(stream);
}

/* The values of a filter are gone when its cursor has moved on. */
static int
copy_filter(struct fi_sql_stream *stream, const struct fi_sql_filter *filter, firn_error *err)
{
    const size_t count = filter->parameter_count;
    bool is_fine = true;
    if (filter->where != NULL) {
        stream->where = sqlite3_mprintf("%s", sqlite3_str_value(filter->where));
        is_fine = stream->where != NULL;
    }
    stream->parameters = sqlite3_malloc64((count + 1) * sizeof stream->parameters[0]);
    for (size_t i = 0; i < count && is_fine && stream->parameters != NULL; i++) {
        firn_value *value = &stream->parameters[stream->parameter_count];
        *value = filter->parameters[i];
        if (fi_type_has_bytes(value->type)) {
            uint8_t *bytes = sqlite3_malloc64(value->as.bytes.size + 1);
            if (bytes == NULL) {
                return fi_sqlvalue_no_memory(err);
            }
            if (value->as.bytes.size > 0) {
                memcpy(bytes, value->as.bytes.data, value->as.bytes.size);
            }
            value->as.bytes.data = bytes;
        }
        stream->parameter_count++;
    }
    return is_fine && stream->parameters != NULL ? FIRN_OK : fi_sqlvalue_no_memory(err);
}

static int
make_stream(const struct fi_sql_filter *filter, int number, sqlite3_value *vector,
            struct fi_sql_stream **out, firn_error *err)
{
    struct fi_sql_stream *stream = sqlite3_malloc64(sizeof *stream);
    *out = stream;
    if (stream == NULL) {
        return fi_sqlvalue_no_memory(err);
    }
    memset(stream, 0, sizeof *stream);
    stream->column = (size_t)(number >> COLUMN_SHIFT);
    FI_TRY_RETURN(
        read_vector(vector, &stream->numbers, &stream->number_count, &stream->metric, err));
    return copy_filter(stream, filter, err);
}

int
fi_sql_vectors_more(const struct fi_sql_table *table, const struct fi_sql_view *view,
                    struct fi_sql_stream *stream, firn_search_result **out, firn_error *err)
{
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    firn_search_result *found = NULL;
    if (stream->k > 0 && firn_search_result_count(*out) < stream->k) {
        return FIRN_OK; /* these were all */
    }
    if (stream->k == FIRN_SEARCH_K_MAX) {
        return fi_sqlvalue_error(err, FIRN_LIMIT, "a MATCH without k reads %d rows at most",
                                 FIRN_SEARCH_K_MAX);
    }
    const uint64_t more = stream->k == 0 ? STREAM_FIRST : stream->k * STREAM_TIMES;
    stream->k = more < FIRN_SEARCH_K_MAX ? more : FIRN_SEARCH_K_MAX;
    options.txn = view->txn;
    options.snapshot = view->snapshot;
    options.k = stream->k;
    options.metric = stream->metric;
    options.where = stream->where;
    options.parameters = stream->parameters;
    options.parameter_count = stream->parameter_count;
    options.exact = true;
    FI_TRY_RETURN(firn_table_search(table->table, table->def->columns[stream->column].name,
                                    stream->numbers, stream->number_count, &options, &found, err));
    note_damage(table, found);
    firn_search_result_destroy(*out);
    *out = found;
    return FIRN_OK;
}

/* ---- searches with k ---- */

static int
refuse_terms(sqlite3_int64 k, const char *term, firn_error *err)
{
    return fi_sqlvalue_error(err, FIRN_UNSUPPORTED,
                             "k = %lld would count rows before the condition%s%.300s: firn "
                             "cannot compute it, so leave k "
                             "out, and write ORDER BY distance LIMIT %lld",
                             (long long)k, term != NULL ? " " : "s that SQLite tests",
                             term != NULL ? term : "", (long long)k);
}

static int
check_terms(const struct fi_sql_table *table, const struct fi_sql_filter *filter, int number,
            sqlite3_int64 k, firn_error *err)
{
    char *term = NULL;
    if ((number & HAS_OTHERS) != 0 || filter->is_wider) {
        return refuse_terms(k, NULL, err);
    }
    int rc = fi_sqlparse_terms_check(fi_sql_db(table->store->sql), table->def, table->name, &term)
                 ? FIRN_OK
                 : refuse_terms(k, term, err);
    sqlite3_free(term);
    return rc;
}

int
fi_sql_vectors_search(const struct fi_sql_table *table, const struct fi_sql_view *view,
                      const struct fi_sql_filter *filter, int number, sqlite3_value **values,
                      firn_search_result **out, struct fi_sql_stream **out_stream, firn_error *err)
{
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    assert((number & IS_SEARCH) != 0);
    *out = NULL;
    *out_stream = NULL;
    if ((number & HAS_COUNT) == 0) {
        int rc = sqlite3_value_type(values[0]) != SQLITE_NULL && !filter->is_empty
                     ? make_stream(filter, number, values[0], out_stream, err)
                     : FIRN_OK;
        return rc == FIRN_OK && *out_stream != NULL
                   ? fi_sql_vectors_more(table, view, *out_stream, out, err)
                   : rc;
    }
    const sqlite3_int64 k = sqlite3_value_int64(values[1]);
    if (k < 0 || sqlite3_value_type(values[1]) != SQLITE_INTEGER) {
        return fi_sqlvalue_error(err, FIRN_INVALID, "k is a number of rows, from 0");
    }
    int rc = check_terms(table, filter, number, k, err);
    if (rc != FIRN_OK || filter->is_empty || sqlite3_value_type(values[0]) == SQLITE_NULL) {
        return rc; /* null is near to nothing, as in every comparison */
    }
    options.txn = view->txn;
    options.snapshot = view->snapshot;
    options.k = (uint64_t)k;
    options.where = filter->where != NULL ? sqlite3_str_value(filter->where) : NULL;
    options.parameters = filter->parameters;
    options.parameter_count = filter->parameter_count;
    return sql_vectors_find(table, (size_t)(number >> COLUMN_SHIFT), values[0], &options, out, err);
}

void
fi_sql_vectors_give(const struct fi_sql_table *table, const firn_search_result *found, size_t row,
                    sqlite3_context *ctx, size_t number)
{
    assert(found == NULL || row < firn_search_result_count(found));
    if (found != NULL && number == first_hidden(table) + 1) {
        assert(row < firn_search_result_count(found));
        sqlite3_result_double(ctx, firn_search_result_distance(found, row));
    }
}

bool
fi_sql_vectors_has(const struct fi_sql_table *table, size_t number)
{
    return number >= first_hidden(table);
}

/* ---- functions ---- */

/* A metric by its name; cosine where there is none. */
static int
read_metric(int count, sqlite3_value **values, int place, firn_metric *out, firn_error *err)
{
    const char *name = count > place ? (const char *)sqlite3_value_text(values[place]) : NULL;
    unsigned metric = FIRN_METRIC_L2;
    if (name == NULL) {
        return FIRN_OK;
    }
    while (metric <= FIRN_METRIC_COSINE &&
           sqlite3_stricmp(firn_metric_name((firn_metric)metric), name) != 0) {
        metric++;
    }
    *out = (firn_metric)metric;
    return metric <= FIRN_METRIC_COSINE
               ? FIRN_OK
               : fi_sqlvalue_error(err, FIRN_INVALID,
                                   "'%s' is no metric: there are l2, dot and cosine", name);
}

/* firn_vector(VECTOR [, METRIC]) */
static void
make_vector(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    float *numbers = NULL;
    size_t size = 0;
    firn_metric metric;
    firn_error err;
    if (sqlite3_value_type(values[0]) == SQLITE_NULL) {
        return;
    }
    int rc = read_vector(values[0], &numbers, &size, &metric, &err);
    rc = rc == FIRN_OK ? read_metric(count, values, 1, &metric, &err) : rc;
    if (rc != FIRN_OK) {
        fi_sql_fail(ctx, &err);
    } else {
        const bool is_marked = metric != FIRN_METRIC_COSINE;
        uint8_t *bytes = sqlite3_malloc64(4 * size + 1);
        if (bytes == NULL) {
            sqlite3_result_error_nomem(ctx);
        } else {
            memcpy(bytes, numbers, 4 * size);
            bytes[4 * size] = (uint8_t)metric;
            sqlite3_result_blob64(ctx, bytes, 4 * size + (is_marked ? 1 : 0), sqlite3_free);
        }
    }
    sqlite3_free(numbers);
}

/* firn_distance(A, B [, METRIC]) */
static void
report_distance(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    float *numbers[2] = {NULL, NULL};
    size_t counts[2] = {0, 0};
    firn_metric metric = FIRN_METRIC_COSINE;
    firn_error err;
    int rc = FIRN_OK;
    if (sqlite3_value_type(values[0]) == SQLITE_NULL ||
        sqlite3_value_type(values[1]) == SQLITE_NULL) {
        return;
    }
    for (size_t i = 0; i < 2 && rc == FIRN_OK; i++) {
        firn_metric own;
        rc = read_vector(values[i], &numbers[i], &counts[i], &own, &err);
        metric = rc == FIRN_OK && own != FIRN_METRIC_COSINE ? own : metric;
        for (size_t k = 0; rc == FIRN_OK && k < counts[i]; k++) {
            if (!(numbers[i][k] - numbers[i][k] == 0)) {
                rc = fi_sqlvalue_error(&err, FIRN_INVALID, "number %zu of a vector is not finite",
                                       k + 1);
            }
        }
    }
    rc = rc == FIRN_OK ? read_metric(count, values, 2, &metric, &err) : rc;
    if (rc == FIRN_OK && counts[0] != counts[1]) {
        rc = fi_sqlvalue_error(&err, FIRN_INVALID, "a vector of %zu numbers and one of %zu",
                               counts[0], counts[1]);
    }
    if (rc == FIRN_OK) {
        sqlite3_result_double(ctx, firn_vector_distance(metric, numbers[0], numbers[1], counts[0]));
    } else {
        fi_sql_fail(ctx, &err);
    }
    sqlite3_free(numbers[0]);
    sqlite3_free(numbers[1]);
}

/* firn_rrf(RANK, RANK …): null is the rank of what a list does not have. */
static void
report_fusion(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    double score = 0;
    for (int i = 0; i < count; i++) {
        const sqlite3_int64 rank = sqlite3_value_int64(values[i]);
        const uint64_t number = rank > 0 ? (uint64_t)rank : 0;
        score += firn_rrf(&number, 1, 0);
    }
    sqlite3_result_double(ctx, score);
}

int
fi_sql_vectors_register(struct fi_sql *sql)
{
    static const struct {
        const char *name;
        int count;
        void (*call)(sqlite3_context *ctx, int count, sqlite3_value **values);
    } functions[] = {{"firn_vector", 1, make_vector},
                     {"firn_vector", 2, make_vector},
                     {"firn_distance", 2, report_distance},
                     {"firn_distance", 3, report_distance},
                     {"firn_rrf", -1, report_fusion}};
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0] && rc == SQLITE_OK; i++) {
        rc = fi_sql_function(sql, functions[i].name, functions[i].count, FI_SQL_PURE,
                             functions[i].call);
    }
    return rc;
}
