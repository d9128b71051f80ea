/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_effect.c: whether a function is called by a statement of the program itself, and no
 * expression that a database file brings.
 *
 * A database file that somebody else made has expressions that SQLite evaluates: CHECK, DEFAULT,
 * generated columns, indexes, views, triggers. SQLITE_DIRECTONLY is meant to keep functions out of
 * them, but up to SQLite 3.40 it does not hold in a CHECK for functions that are not deterministic,
 * nor where a schema was read before the functions were registered; and it does not know of
 * functions that a virtual table calls in a statement of its own, as FTS4 does for its options
 * compress= and uncompress=.
 *
 * So every function that is not pure, which means that it is not registered with SQLITE_INNOCUOUS,
 * looks at the statements of the connection, and acts only if
 *
 * (E1) exactly one statement is being executed. SQLite knows which statements have begun and have
 *      not ended (sqlite3_stmt_busy). One that waits between two rows has a row
 *      (sqlite3_data_count), one that is being executed has none. If there are two, the second was
 *      run from inside of the first: by a virtual table, by a function, by PRAGMA integrity_check.
 * (E2) its text is known (sqlite3_sql), and begins with SELECT: then it evaluates no CHECK, no
 * DEFAULT, no trigger. (E3) its text has no word FROM and no word IN outside of quotes. Only these
 * name a table, a view or a table-valued function
 *      in a SELECT. So the statement touches nothing of any schema, and all that it calls stands in
 *      its text.
 *
 * A text is compared with what SQLite's tokenizer makes of it. The text is the program's own, so
 * nobody gains by what is mistaken here; a word that only looks like FROM leads to a refusal.
 *
 * Blob handles count as statements that are being executed, and have no text: while one is open the
 * functions refuse.
 */
#include "sql/sql_internal.h"

#include <assert.h>
#include <string.h>
SQLITE_EXTENSION_INIT3

/* The one statement that is being executed; NULL: there are more. */
static sqlite3_stmt *
find_executing(const struct fi_sql *sql)
{
    sqlite3_stmt *found = NULL;
    for (sqlite3_stmt *stmt = NULL; (stmt = sqlite3_next_stmt(sql->db, stmt)) != NULL;) {
        if (sqlite3_stmt_busy(stmt) && sqlite3_data_count(stmt) == 0) {
            if (found != NULL) {
                return NULL;
            }
            found = stmt;
        }
    }
    return found;
}

/* Whether a text is a SELECT that names no table. */
static bool
is_call(const char *text)
{
    const char *word;
    size_t at = 0;
    size_t size = fi_sqltext_next_word(text, &at, &word);
    if (!fi_sqltext_is(word, size, "select")) {
        return false;
    }
    while ((size = fi_sqltext_next_word(text, &at, &word)) > 0) {
        if (fi_sqltext_is(word, size, "from") || fi_sqltext_is(word, size, "in")) {
            return false;
        }
    }
    return true;
}

int
fi_sql_effect_check(const struct fi_sql *sql, const char *name, firn_error *err)
{
    sqlite3_stmt *stmt = find_executing(sql);
    const char *text = stmt != NULL ? sqlite3_sql(stmt) : NULL;
    if (text == NULL) {
        return fi_sqlvalue_error(err, FIRN_DENIED,
                                 "%s is refused inside of another statement, and while a blob is "
                                 "open: call it in a statement of its own",
                                 name);
    }
    if (sqlite3_stmt_readonly(stmt) == 0 || !is_call(text)) {
        return fi_sqlvalue_error(
            err, FIRN_DENIED,
            "%s acts only in a statement of its own: SELECT %s(...), without FROM and IN", name,
            name);
    }
    return FIRN_OK;
}

bool
fi_sql_effect_is_create(const struct fi_sql *sql)
{
    sqlite3_stmt *stmt = find_executing(sql);
    const char *text = stmt != NULL ? sqlite3_sql(stmt) : NULL;
    const char *word;
    size_t at = 0;
    size_t size = text != NULL ? fi_sqltext_next_word(text, &at, &word) : 0;
    return size > 0 && fi_sqltext_is(word, size, "create");
}

bool
fi_sql_effect_is_writing(sqlite3_stmt *statement)
{
    return sqlite3_stmt_busy(statement) && sqlite3_data_count(statement) == 0 &&
           !sqlite3_stmt_readonly(statement);
}

/* A statement that ends and one that begins at the same address differ in how often they ran, or
 * rows were counted in between. */
bool
fi_sql_effect_is_new(const struct fi_sql *sql, struct fi_sql_execution *last)
{
    struct fi_sql_execution now = {.changes = sqlite3_total_changes(sql->db)};
    sqlite3_stmt *first = NULL;
    for (sqlite3_stmt *at = NULL; (at = sqlite3_next_stmt(sql->db, at)) != NULL;) {
        if (fi_sql_effect_is_writing(at)) {
            first = first != NULL ? first : at;
            now.count++;
        }
    }
    now.statement = first;
    now.runs = first != NULL ? sqlite3_stmt_status(first, SQLITE_STMTSTATUS_RUN, 0) : 0;
    const bool is_new = now.statement != last->statement || now.runs != last->runs ||
                        now.changes != last->changes || now.count != last->count || first == NULL;
    *last = now;
    return is_new;
}

int
fi_sql_effect_check_schema(const char *module, const char *schema, firn_error *err)
{
    return sqlite3_stricmp(schema, "temp") == 0
               ? FIRN_OK
               : fi_sqlvalue_error(err, FIRN_DENIED,
                                   "a virtual table of %s can only be in the schema temp, because "
                                   "it runs what its arguments say",
                                   module);
}
