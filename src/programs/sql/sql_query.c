/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_query.c: statements that firn's own scan answers: recognised by the room sqlparse, run
 * here.
 *
 *     SELECT c1, c2 FROM firn_query('SELECT kind, sum(price) FROM goods GROUP BY kind');
 *     CREATE VIRTUAL TABLE temp.sums USING firn_query('SELECT kind, sum(price) FROM goods GROUP BY
 *     kind'); SELECT firn_explain('SELECT kind, sum(price) FROM goods GROUP BY kind');
 *
 * The columns of a table-valued function do not depend on its arguments: they are c1 to c32. A
 * virtual table has those of its statement, by their names; the statement is read again whenever
 * the table is. Both answer any statement that only reads. SQLite answers what is not recognised.
 * It also answers if the scan finds that it cannot (a sum is too large; a NaN, which SQLite takes
 * for null): then the query is "declined". A query that is declined after rows of it were given
 * fails instead; that takes a statement that is not sorted.
 *
 * The groups come from the module firn_groups (sql_groups.c). firn_query may not be used by
 * triggers and views, for a statement of theirs would run as if its user had typed it.
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

SQLITE_EXTENSION_INIT3

_Static_assert(sizeof(struct fi_sql_query_reason) == FI_SQLPARSE_REASON_SIZE,
               "the recogniser fills it");

/* ==== recognising ==== */

/* Whether a name means one virtual table and nothing else, in whatever schema is asked. */
static bool
is_one_virtual_table(sqlite3 *db, const struct fi_sqlparse_from *from)
{
    assert(from->table != NULL);
    static const char sql[] = "SELECT count(*), min(type = 'virtual') FROM pragma_table_list(?1) "
                              "WHERE ?2 IS NULL OR schema = ?2 COLLATE NOCASE";
    sqlite3_stmt *statement = NULL;
    bool is_one = false;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_bind_text(statement, 1, from->table, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_text(statement, 2, from->schema, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        is_one = sqlite3_column_int(statement, 0) == 1 && sqlite3_column_int(statement, 1) == 1;
    }
    (void)sqlite3_finalize(statement);
    return is_one;
}

static bool
folds_case(sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    bool folds = sqlite3_prepare_v2(db, "SELECT 'a' LIKE 'A'", -1, &statement, NULL) == SQLITE_OK &&
                 sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_int(statement, 0) == 1;
    (void)sqlite3_finalize(statement);
    return folds;
}

/* The definition goes to query->definition; *out is released with firn_release. */
static int
read_definition(struct fi_sql_query *query, firn_table_def **out, firn_error *err)
{
    assert(query->store != NULL && query->table != NULL);
    struct fi_sql_view view = {.txn = NULL};
    firn_table *table = NULL;
    char *text = NULL;
    int code = fi_sql_view_take(query->store, &view, err);
    if (code != FIRN_OK) {
        return code;
    }
    FI_TRY_OUT(code, fi_sql_groups_open_table(query, &view, &table, &text, err));
    FI_TRY_OUT(code, firn_table_def_parse(text, out, err));
    query->definition = sqlite3_mprintf("%s", text);
    code = query->definition != NULL ? FIRN_OK
                                     : fi_sqlvalue_error(err, FIRN_NO_MEMORY, "out of memory");
out:
    firn_release(text);
    fi_sql_view_release(query->store, &view);
    return code;
}

/* The store and the table that a statement reads. */
static bool
find_table(struct fi_sql_query *query, const char *text, struct fi_sql_query_reason *reason)
{
    assert(query->store == NULL && query->table == NULL);
    struct fi_sqlparse_from from;
    struct fi_sql_store *store = NULL;
    const char *name = NULL;
    firn_error err;
    if (!fi_sqlparse_find_table(text, &from, reason->text)) {
        return false;
    }
    bool is_found = is_one_virtual_table(fi_sql_db(query->sql), &from) &&
                    fi_sql_store_find_table(query->sql, from.table, &store, &name, &err) == FIRN_OK;
    if (is_found) {
        query->table = sqlite3_mprintf("%s", name);
        query->store = store;
        fi_sql_store_ref(store);
        is_found = query->table != NULL;
    } else {
        sqlite3_snprintf((int)sizeof reason->text, reason->text, "%s is no table of firn's",
                         from.table);
    }
    fi_sqlparse_from_deinit(&from);
    return is_found;
}

static bool
sql_query_parse(struct fi_sql_query *query, sqlite3_stmt *statement, const char *text,
                struct fi_sql_query_reason *reason)
{
    firn_error err;
    firn_table_def *def = NULL;
    const char *names[256];
    int count = sqlite3_column_count(statement);
    if (count > (int)(sizeof names / sizeof names[0]) || !find_table(query, text, reason)) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        names[i] = sqlite3_column_name(statement, i);
        if (names[i] == NULL) {
            return false;
        }
    }
    if (read_definition(query, &def, &err) != FIRN_OK) {
        firn_release(def);
        sqlite3_snprintf((int)sizeof reason->text, reason->text, "%s", err.text);
        return false;
    }
    bool is_parsed = fi_sqlparse_statement(fi_sql_db(query->sql), text, def, names, (size_t)count,
                                           &query->parsed, reason->text);
    firn_release(def);
    if (is_parsed && query->parsed.folds_case && !folds_case(fi_sql_db(query->sql))) {
        sqlite3_snprintf((int)sizeof reason->text, reason->text, "LIKE means something else here");
        return false;
    }
    return is_parsed;
}

static int
open_query(struct fi_sql *sql, sqlite3_stmt *statement, struct fi_sql_query **out,
           struct fi_sql_query_reason *reason)
{
    *out = NULL;
    reason->text[0] = '\0';
    if (sql == NULL || !sqlite3_stmt_readonly(statement) ||
        sqlite3_stmt_isexplain(statement) != 0 || sqlite3_column_count(statement) == 0) {
        sqlite3_snprintf((int)sizeof reason->text, reason->text, "no SELECT of one table");
        return SQLITE_OK;
    }
    char *text = sqlite3_expanded_sql(statement);
    struct fi_sql_query *query = sqlite3_malloc64(sizeof *query);
    if (text == NULL || query == NULL) {
        sqlite3_free(text);
        sqlite3_free(query);
        return SQLITE_NOMEM;
    }
    memset(query, 0, sizeof *query);
    query->sql = sql;
    bool is_fine = sql_query_parse(query, statement, text, reason);
    sqlite3_free(text);
    if (is_fine) {
        is_fine =
            sqlite3_prepare_v2(fi_sql_db(sql), query->parsed.outer, -1, &query->outer, NULL) ==
                SQLITE_OK &&
            sqlite3_bind_pointer(query->outer, 1, query, fi_sql_groups_pointer, NULL) == SQLITE_OK;
        if (!is_fine) {
            sqlite3_snprintf((int)sizeof reason->text, reason->text, "%s",
                             sqlite3_errmsg(fi_sql_db(sql)));
        }
    }
    if (!is_fine) {
        fi_sql_query_close(query);
        return SQLITE_OK;
    }
    *out = query;
    return SQLITE_OK;
}

int
fi_sql_query_open(sqlite3 *db, sqlite3_stmt *statement, struct fi_sql_query **out,
                  struct fi_sql_query_reason *reason)
{
    return open_query(fi_sql_find(db), statement, out, reason);
}

sqlite3_stmt *
fi_sql_query_statement(struct fi_sql_query *query)
{
    return query->outer;
}

bool
fi_sql_query_is_declined(const struct fi_sql_query *query)
{
    return query->is_declined;
}

char *
fi_sql_query_describe(const struct fi_sql_query *query)
{
    const struct fi_sqlparse_query *parsed = &query->parsed;
    return sqlite3_mprintf("scan of %s: select %s%s%s%s%s", query->table, parsed->select,
                           parsed->where != NULL ? "; where " : "",
                           parsed->where != NULL ? parsed->where : "",
                           parsed->group_by != NULL ? "; group by " : "",
                           parsed->group_by != NULL ? parsed->group_by : "");
}

void
fi_sql_query_close(struct fi_sql_query *query)
{
    if (query == NULL) {
        return;
    }
    (void)sqlite3_finalize(query->outer);
    fi_sqlparse_deinit(&query->parsed);
    sqlite3_free(query->table);
    sqlite3_free(query->definition);
    if (query->store != NULL) {
        fi_sql_store_unref(query->store);
    }
    sqlite3_free(query);
}

/* ==== firn_query: any statement that only reads ==== */

enum { FUNCTION_COLUMNS = 32 };

struct query_table {
    sqlite3_vtab base;
    struct fi_sql *sql;
    char *text; /* of a virtual table; NULL: the function, which is given one */
    int column_count;
};

struct query_cursor {
    sqlite3_vtab_cursor base;
    sqlite3_stmt *statement; /* the one that was given */
    struct fi_sql_query *query;
    sqlite3_stmt *running; /* one of both */
    bool is_over;
    sqlite3_int64 number;
};

static int
fail_text(sqlite3_vtab *table, int rc, const char *text)
{
    assert(rc != SQLITE_OK);
    char *copy = sqlite3_mprintf("%s", text); /* the text may be that of the connection */
    sqlite3_free(table->zErrMsg);
    table->zErrMsg = copy;
    return rc;
}

/* Prepares a statement that only reads, and is one. Returns a code of SQLite, with *out_error (of
 * sqlite3_malloc). */
static int
sql_query_prepare(sqlite3 *db, const char *text, sqlite3_stmt **out, char **out_error)
{
    const char *rest = NULL;
    int rc = sqlite3_prepare_v2(db, text, -1, out, &rest);
    if (rc != SQLITE_OK) {
        *out_error = sqlite3_mprintf("%s", sqlite3_errmsg(db));
        return rc;
    }
    bool has_more = rest != NULL && rest[strspn(rest, " \t\r\n;")] != '\0';
    if (*out == NULL || has_more || !sqlite3_stmt_readonly(*out) ||
        sqlite3_column_count(*out) == 0) {
        *out_error = sqlite3_mprintf("firn_query takes one statement that reads, and only reads");
        (void)sqlite3_finalize(*out);
        *out = NULL;
        return SQLITE_ERROR;
    }
    return SQLITE_OK;
}

/* What stands in the quotes of a module's argument; of sqlite3_malloc. */
static char *
sql_query_unquote(const char *argument)
{
    size_t size = strlen(argument);
    char *text = sqlite3_mprintf("%s", argument);
    char quote = argument[0];
    if (text == NULL || size < 2 || (quote != '\'' && quote != '"') ||
        argument[size - 1] != quote) {
        return text;
    }
    size_t to = 0;
    for (size_t i = 1; i < size - 1; i++) {
        text[to++] = argument[i];
        i += argument[i] == quote && argument[i + 1] == quote && i + 1 < size - 1;
    }
    text[to] = '\0';
    return text;
}

static char *
declare_function(int *out_count)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendall(text, "CREATE TABLE x(");
    for (int i = 1; i <= FUNCTION_COLUMNS; i++) {
        sqlite3_str_appendf(text, "c%d,", i);
    }
    sqlite3_str_appendall(text, "statement HIDDEN)");
    *out_count = FUNCTION_COLUMNS;
    return sqlite3_str_finish(text);
}

/* Columns of the statement; those of the same name are numbered. */
static char *
declare_statement(sqlite3_stmt *statement, int *out_count)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendall(text, "CREATE TABLE x(");
    *out_count = sqlite3_column_count(statement);
    for (int i = 0; i < *out_count; i++) {
        const char *name = sqlite3_column_name(statement, i);
        const char *type = sqlite3_column_decltype(statement, i);
        bool is_taken = name == NULL;
        for (int k = 0; k < i && !is_taken; k++) {
            const char *other = sqlite3_column_name(statement, k);
            is_taken = other != NULL && sqlite3_stricmp(name, other) == 0;
        }
        sqlite3_str_appendf(text, "%s\"%w", i > 0 ? "," : "", name != NULL ? name : "");
        if (is_taken) {
            sqlite3_str_appendf(text, ":%d", i + 1);
        }
        sqlite3_str_appendf(text, "\" %s", type != NULL ? type : "");
    }
    sqlite3_str_appendall(text, ")");
    return sqlite3_str_finish(text);
}

static int
query_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
              char **out_error)
{
    sqlite3_stmt *statement = NULL;
    struct query_table *table = sqlite3_malloc64(sizeof *table);
    int rc = SQLITE_OK;
    if (table == NULL) {
        return SQLITE_NOMEM;
    }
    memset(table, 0, sizeof *table);
    table->sql = aux;
    char *declaration = NULL;
    firn_error err;
    if (argc > 3 && fi_sql_effect_check_schema(argv[0], argv[1], &err) != FIRN_OK) {
        *out_error = sqlite3_mprintf("%s", err.text);
        rc = fi_sql_code(err.code);
    } else if (argc > 4) {
        *out_error = sqlite3_mprintf("firn_query takes one statement in quotes");
        rc = SQLITE_ERROR;
    } else if (argc == 4) {
        table->text = sql_query_unquote(argv[3]);
        rc = table->text != NULL ? sql_query_prepare(db, table->text, &statement, out_error)
                                 : SQLITE_NOMEM;
        declaration = rc == SQLITE_OK ? declare_statement(statement, &table->column_count) : NULL;
    } else {
        declaration = declare_function(&table->column_count);
    }
    if (rc == SQLITE_OK) {
        rc = declaration != NULL ? sqlite3_declare_vtab(db, declaration) : SQLITE_NOMEM;
    }
    (void)sqlite3_finalize(statement);
    sqlite3_free(declaration);
    if (rc != SQLITE_OK) {
        sqlite3_free(table->text);
        sqlite3_free(table);
        return rc;
    }
    (void)sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
    *out = &table->base;
    return SQLITE_OK;
}

static int
query_disconnect(sqlite3_vtab *base)
{
    struct query_table *table = (struct query_table *)base;
    sqlite3_free(table->text);
    sqlite3_free(table);
    return SQLITE_OK;
}

static int
query_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct query_table *table = (const struct query_table *)base;
    info->estimatedCost = 1e6;
    info->estimatedRows = 1000;
    if (table->text != NULL) {
        return SQLITE_OK;
    }
    for (int i = 0; i < info->nConstraint; i++) {
        if (info->aConstraint[i].iColumn == FUNCTION_COLUMNS &&
            info->aConstraint[i].op == SQLITE_INDEX_CONSTRAINT_EQ) {
            if (!info->aConstraint[i].usable) {
                return SQLITE_CONSTRAINT;
            }
            info->aConstraintUsage[i].argvIndex = 1;
            info->aConstraintUsage[i].omit = 1;
            return SQLITE_OK;
        }
    }
    return fail_text(base, SQLITE_ERROR, "firn_query needs a statement: firn_query('SELECT …')");
}

static int
query_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    (void)table;
    return fi_sql_new_cursor(sizeof(struct query_cursor), out);
}

static void
query_reset(struct query_cursor *cursor)
{
    fi_sql_query_close(cursor->query);
    (void)sqlite3_finalize(cursor->statement);
    sqlite3_vtab_cursor base = cursor->base;
    memset(cursor, 0, sizeof *cursor);
    cursor->base = base;
}

static int
query_close(sqlite3_vtab_cursor *base)
{
    query_reset((struct query_cursor *)base);
    sqlite3_free(base);
    return SQLITE_OK;
}

static int
query_step(struct query_cursor *cursor)
{
    assert(cursor->running != NULL);
    const struct query_table *table = (const struct query_table *)cursor->base.pVtab;
    int rc = sqlite3_step(cursor->running);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE && cursor->query != NULL && cursor->number == 0 &&
        fi_sql_query_is_declined(cursor->query)) {
        fi_sql_query_close(cursor->query);
        cursor->query = NULL;
        cursor->running = cursor->statement;
        rc = sqlite3_step(cursor->running);
    }
    cursor->is_over = rc != SQLITE_ROW;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return fail_text(cursor->base.pVtab, rc, sqlite3_errmsg(fi_sql_db(table->sql)));
    }
    cursor->number++;
    return SQLITE_OK;
}

static int
query_filter(sqlite3_vtab_cursor *base, int plan, const char *plan_text, int argc,
             sqlite3_value **argv)
{
    struct query_cursor *cursor = (struct query_cursor *)base;
    struct query_table *table = (struct query_table *)base->pVtab;
    struct fi_sql_query_reason reason;
    char *error = NULL;
    (void)plan;
    (void)plan_text;
    query_reset(cursor);
    const char *text = table->text;
    if (text == NULL) {
        text = argc == 1 ? (const char *)sqlite3_value_text(argv[0]) : NULL;
    }
    if (text == NULL) {
        cursor->is_over = true;
        return SQLITE_OK; /* of null nothing is asked */
    }
    int rc = sql_query_prepare(fi_sql_db(table->sql), text, &cursor->statement, &error);
    if (rc == SQLITE_OK && sqlite3_column_count(cursor->statement) != table->column_count &&
        (table->text != NULL || sqlite3_column_count(cursor->statement) > table->column_count)) {
        rc = SQLITE_ERROR;
        error = table->text != NULL
                    ? sqlite3_mprintf("the statement has other columns than when %s",
                                      "the virtual table was created")
                    : sqlite3_mprintf("firn_query has %d columns: make a virtual table of this",
                                      (int)FUNCTION_COLUMNS);
    }
    if (rc != SQLITE_OK) {
        rc = fail_text(base->pVtab, rc, error != NULL ? error : "out of memory");
        sqlite3_free(error);
        return rc;
    }
    rc = open_query(table->sql, cursor->statement, &cursor->query, &reason);
    cursor->running =
        cursor->query != NULL ? fi_sql_query_statement(cursor->query) : cursor->statement;
    return rc == SQLITE_OK ? query_step(cursor) : rc;
}

static int
query_next(sqlite3_vtab_cursor *base)
{
    return query_step((struct query_cursor *)base);
}

static int
query_eof(sqlite3_vtab_cursor *base)
{
    return ((const struct query_cursor *)base)->is_over;
}

static int
query_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int place)
{
    assert(place >= 0);
    const struct query_cursor *cursor = (const struct query_cursor *)base;
    if (place < sqlite3_column_count(cursor->running)) {
        sqlite3_result_value(ctx, sqlite3_column_value(cursor->running, place));
    }
    return SQLITE_OK;
}

static int
query_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = ((const struct query_cursor *)base)->number;
    return SQLITE_OK;
}

static const sqlite3_module query_module = {
    .iVersion = 0,
    .xCreate = query_connect, /* the same as xConnect: it is a function, too */
    .xConnect = query_connect,
    .xBestIndex = query_best_index,
    .xDisconnect = query_disconnect,
    .xDestroy = query_disconnect,
    .xOpen = query_open,
    .xClose = query_close,
    .xFilter = query_filter,
    .xNext = query_next,
    .xEof = query_eof,
    .xColumn = query_column,
    .xRowid = query_rowid,
};

/* ==== firn_explain ==== */

/* firn_explain(statement): which way it goes, and why. */
static void
sql_query_explain(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    struct fi_sql *sql = fi_sql_of(ctx);
    struct fi_sql_query_reason reason;
    struct fi_sql_query *query = NULL;
    sqlite3_stmt *statement = NULL;
    char *error = NULL;
    const char *text = count == 1 ? (const char *)sqlite3_value_text(values[0]) : NULL;
    if (text == NULL) {
        return;
    }
    int rc = sql_query_prepare(fi_sql_db(sql), text, &statement, &error);
    if (rc == SQLITE_OK) {
        rc = open_query(sql, statement, &query, &reason);
    }
    if (rc != SQLITE_OK) {
        sqlite3_result_error(ctx, error != NULL ? error : "out of memory", -1);
    } else {
        char *what = query != NULL ? fi_sql_query_describe(query) : NULL;
        sqlite3_result_text(ctx,
                            sqlite3_mprintf(query != NULL ? "firn: %s" : "sqlite: %s",
                                            query != NULL ? what : reason.text),
                            -1, sqlite3_free);
        sqlite3_free(what);
    }
    sqlite3_free(error);
    fi_sql_query_close(query);
    (void)sqlite3_finalize(statement);
}

int
fi_sql_query_register(struct fi_sql *sql)
{
    FI_TRY_RETURN(fi_sql_module(sql, "firn_query", &query_module));
    FI_TRY_RETURN(fi_sql_groups_register(sql));
    return fi_sql_function(sql, "firn_explain", 1, FI_SQL_EFFECT, sql_query_explain);
}
