/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlparse/sqlparse_terms.c: conditions beside a MATCH that SQLite does not tell a virtual table
 * of.
 *
 * MATCH with k finds the k nearest rows of those that fulfil the other conditions. A condition that
 * SQLite tests itself, such as length(name) = 2, would take rows from these k, and the statement
 * would give fewer than it asks for. SQLite tells a table of comparisons of its columns alone, so
 * the text of the statement tells of the others:
 *
 * (T1) The conditions are the terms, joined by AND, of the WHERE that the MATCH is in, or of its ON
 *      and the WHERE after it. What stands around a subquery with the MATCH is applied to its rows,
 *      as it should be, unless SQLite takes both for one.
 * (T2) A term is told of if it is a column, an operator that SQLite has for tables, and something
 *      without a column of the table; or, of a comparison, the other way around. One without a
 *      column of the table does not choose among its rows.
 * (T3) A name is that of a column of the table if it is unqualified, or qualified as that before
 * MATCH.
 *
 * A term that is not understood counts as one that is not told of: the statement is refused, and
 * its author leaves k out. If the text is not found, as that of another program's view, nothing is
 * said.
 */
#include "sqlparse/sqlparse_internal.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
SQLITE_EXTENSION_INIT3

enum { NESTING_MAX = 64 };

struct terms {
    const firn_table_def *def;
    const char *table; /* its name in SQL */
    const char *text;
    char qualifier[FI_SQLTEXT_NAME_SIZE]; /* before the column of MATCH; "": none */
    size_t hidden_from;                   /* the term that was found */
    size_t hidden_to;
};

static struct fi_sqltext_token
next_token(const char *text, size_t *at)
{
    struct fi_sqltext_token token;
    fi_sqltext_token(text, at, &token);
    return token;
}

static bool
is_name(const struct fi_sqltext_token *token)
{
    return token->kind == FI_SQLTEXT_WORD || token->kind == FI_SQLTEXT_QUOTED;
}

static bool
is_word(const char *text, const struct fi_sqltext_token *token, const char *word)
{
    return token->kind == FI_SQLTEXT_WORD &&
           fi_sqltext_is(text + token->from, token->to - token->from, word);
}

static bool
is_one_of(const char *text, const struct fi_sqltext_token *token, const char *const *words)
{
    while (*words != NULL && !is_word(text, token, *words)) {
        words++;
    }
    return *words != NULL;
}

static bool
is_sign(const char *text, const struct fi_sqltext_token *token, const char *sign)
{
    return token->kind == FI_SQLTEXT_SIGN && token->to - token->from == strlen(sign) &&
           memcmp(text + token->from, sign, token->to - token->from) == 0;
}

static bool
is_comparison(const char *text, const struct fi_sqltext_token *token)
{
    static const char *const signs[] = {"=", "==", "<", "<=", ">", ">=", "<>", "!="};
    bool is_it = false;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        is_it = is_it || is_sign(text, token, signs[i]);
    }
    return is_it;
}

static void
name_of(const char *text, const struct fi_sqltext_token *token, char out[FI_SQLTEXT_NAME_SIZE])
{
    size_t at = token->from;
    fi_sqltext_name(text, &at, out);
}

static bool
is_column(const firn_table_def *def, const char *name)
{
    static const char *const hidden[] = {"rowid",  "oid",      "_rowid_",       "k",
                                         "firn_k", "distance", "firn_distance", "firn_key"};
    char own[FI_SQLTEXT_NAME_SIZE];
    bool is_it = false;
    for (size_t i = 0; i < def->column_count && !is_it; i++) {
        fi_sqlparse_column_name(def, i, own);
        is_it = sqlite3_stricmp(own, name) == 0;
    }
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0] && !is_it; i++) {
        is_it = sqlite3_stricmp(hidden[i], name) == 0;
    }
    return is_it;
}

/* Reads [qualifier.]name, if that comes next; whether it is a column of the table. (T3) */
static bool
parse_column(const struct terms *terms, size_t *at)
{
    const char *text = terms->text;
    char qualifier[FI_SQLTEXT_NAME_SIZE] = "";
    char name[FI_SQLTEXT_NAME_SIZE] = "";
    size_t i = *at;
    struct fi_sqltext_token token = next_token(text, &i);
    while (is_name(&token)) {
        size_t after = i;
        const struct fi_sqltext_token dot = next_token(text, &after);
        name_of(text, &token, name);
        if (!is_sign(text, &dot, ".")) {
            break;
        }
        memcpy(qualifier, name, sizeof qualifier);
        i = after;
        token = next_token(text, &i);
    }
    const bool is_own = qualifier[0] == '\0' ||
                        sqlite3_stricmp(qualifier, terms->qualifier[0] != '\0' ? terms->qualifier
                                                                               : terms->table) == 0;
    const bool is_it = is_name(&token) && is_own && is_column(terms->def, name);
    *at = is_name(&token) ? i : *at;
    return is_it;
}

struct term {
    size_t columns;     /* of the table that it mentions */
    size_t comparisons; /* outside of brackets */
    bool has_escape;
    bool ends_with_column; /* after a comparison */
};

static struct term
sqlparse_terms_inspect(const struct terms *terms, size_t from, size_t to)
{
    struct term term = {.columns = 0};
    int depth = 0;
    for (size_t at = from; at < to;) {
        size_t after = at;
        const struct fi_sqltext_token token = next_token(terms->text, &after);
        if (token.kind == FI_SQLTEXT_END || token.from >= to) {
            break;
        }
        if (is_name(&token)) {
            const bool is_column_here = parse_column(terms, &at);
            term.columns += is_column_here;
            term.has_escape = term.has_escape || is_word(terms->text, &token, "escape");
            term.ends_with_column = term.ends_with_column && is_column_here;
            continue;
        }
        depth += is_sign(terms->text, &token, "(") - is_sign(terms->text, &token, ")");
        const bool compares = depth == 0 && is_comparison(terms->text, &token);
        term.comparisons += compares;
        term.ends_with_column = compares;
        at = after;
    }
    return term;
}

/* (T2) */
static bool
is_told(const struct terms *terms, size_t from, size_t to)
{
    static const char *const operators[] = {"is",     "like",    "glob",    "match", "regexp",
                                            "isnull", "notnull", "between", NULL};
    const char *text = terms->text;
    const struct term all = sqlparse_terms_inspect(terms, from, to);
    size_t at = from;
    if (all.columns == 0) {
        return true;
    }
    if (parse_column(terms, &at)) {
        const struct fi_sqltext_token operator= next_token(text, &at);
        size_t after = at;
        const struct fi_sqltext_token second = next_token(text, &after);
        const struct term rest = sqlparse_terms_inspect(terms, at, to);
        if (is_word(text, &operator, "in") || is_word(text, &operator, "match")) {
            return true;
        }
        if (is_word(text, &operator, "not") && is_word(text, &second, "null")) {
            return true;
        }
        if (is_one_of(text, &operator, operators) || is_comparison(text, &operator)) {
            return rest.columns == 0 && rest.comparisons == 0 && !rest.has_escape;
        }
    }
    return all.columns == 1 && all.comparisons == 1 && all.ends_with_column;
}

/* Looks at the terms from here to the end of the clause; false if one is not told of. */
static bool
check_clause(struct terms *terms, size_t at)
{
    static const char *const ends[] = {"group", "order",     "limit",     "having", "window",
                                       "union", "except",    "intersect", "where",  "join",
                                       "inner", "left",      "right",     "full",   "cross",
                                       "on",    "returning", "natural",   NULL};
    const char *text = terms->text;
    size_t from = at;
    int depth = 0;
    int cases = 0;
    bool is_between = false;
    bool has_or = false;
    for (;;) {
        const size_t before = at;
        const struct fi_sqltext_token token = next_token(text, &at);
        const bool is_top = depth == 0 && cases == 0;
        const bool is_end = token.kind == FI_SQLTEXT_END || is_sign(text, &token, ";") ||
                            (depth == 0 && is_sign(text, &token, ")")) ||
                            (is_top && is_one_of(text, &token, ends));
        const bool is_and = is_top && is_word(text, &token, "and") && !is_between;
        if (is_end || is_and) {
            if (has_or || !is_told(terms, from, token.from)) {
                terms->hidden_from = next_token(text, &from).from;
                terms->hidden_to = before; /* the end of the last token */
                return false;
            }
            if (is_end) {
                return true;
            }
            from = at;
            continue;
        }
        is_between = is_top && (is_word(text, &token, "between") ||
                                (is_between && !is_word(text, &token, "and")));
        has_or = has_or || (is_top && is_word(text, &token, "or"));
        depth += is_sign(text, &token, "(") - is_sign(text, &token, ")");
        cases += is_word(text, &token, "case") - is_word(text, &token, "end");
    }
}

/* Notes the qualifier of the column before MATCH; whether it is a column of vectors of the
 * table. */
static bool
is_own_match(struct terms *terms, const struct fi_sqltext_token *column,
             const struct fi_sqltext_token *qualifier)
{
    const firn_table_def *def = terms->def;
    char name[FI_SQLTEXT_NAME_SIZE];
    char own[FI_SQLTEXT_NAME_SIZE];
    bool is_it = false;
    if (!is_name(column)) {
        return false;
    }
    name_of(terms->text, column, name);
    terms->qualifier[0] = '\0';
    if (is_name(qualifier)) {
        name_of(terms->text, qualifier, terms->qualifier);
    }
    for (size_t i = 0; i < def->column_count; i++) {
        fi_sqlparse_column_name(def, i, own);
        is_it =
            is_it || (def->columns[i].type == FIRN_TYPE_VECTOR && sqlite3_stricmp(own, name) == 0);
    }
    return is_it;
}

/* False: there is a MATCH with a condition beside it that is not told of. (T1) */
static bool
check_text(struct terms *terms)
{
    const char *text = terms->text;
    size_t clauses[NESTING_MAX] = {
        0}; /* where the WHERE or ON of each depth begins; 0: none does */
    bool was_found[NESTING_MAX] = {false};
    struct fi_sqltext_token before[4] = {{.kind = FI_SQLTEXT_END}}; /* the newest first */
    size_t depth = 0;
    size_t at = 0;
    struct fi_sqltext_token token;
    while ((token = next_token(text, &at)).kind != FI_SQLTEXT_END) {
        if (is_sign(text, &token, "(") && depth + 1 < NESTING_MAX) {
            clauses[++depth] = 0;
            was_found[depth] = false;
        } else if (is_sign(text, &token, ")") && depth > 0) {
            depth--;
        } else if (is_word(text, &token, "where") || is_word(text, &token, "on")) {
            clauses[depth] = at;
            if (was_found[depth] && !check_clause(terms, at)) {
                return false;
            }
        } else if (is_word(text, &token, "match") && clauses[depth] != 0) {
            const struct fi_sqltext_token none = {.kind = FI_SQLTEXT_END};
            const bool is_qualified = is_sign(text, &before[1], ".");
            if (is_own_match(terms, &before[0], is_qualified ? &before[2] : &none)) {
                was_found[depth] = true;
                if (!check_clause(terms, clauses[depth])) {
                    return false;
                }
            }
        }
        memmove(before + 1, before, 3 * sizeof before[0]);
        before[0] = token;
    }
    return true;
}

static bool
check_stored(struct terms *terms, sqlite3 *db, char **out)
{
    sqlite3_stmt *statement = NULL;
    bool is_fine = true;
    int rc = sqlite3_prepare_v2(
        db, "SELECT sql FROM temp.sqlite_schema WHERE type IN ('view', 'trigger')", -1, &statement,
        NULL);
    while (rc == SQLITE_OK && is_fine && sqlite3_step(statement) == SQLITE_ROW) {
        terms->text = (const char *)sqlite3_column_text(statement, 0);
        is_fine = terms->text == NULL || check_text(terms);
        if (!is_fine) {
            *out = sqlite3_mprintf("%.*s", (int)(terms->hidden_to - terms->hidden_from),
                                   terms->text + terms->hidden_from);
        }
    }
    (void)sqlite3_finalize(statement);
    return is_fine;
}

bool
fi_sqlparse_terms_check(sqlite3 *db, const firn_table_def *def, const char *table, char **out)
{
    struct terms terms = {.def = def, .table = table};
    bool was_found = false;
    *out = NULL;
    for (sqlite3_stmt *at = NULL; (at = sqlite3_next_stmt(db, at)) != NULL;) {
        terms.text = sqlite3_stmt_busy(at) && sqlite3_data_count(at) == 0 ? sqlite3_sql(at) : NULL;
        if (terms.text == NULL || sqlite3_strlike("%match%", terms.text, 0) != 0) {
            continue;
        }
        was_found = true;
        if (!check_text(&terms)) {
            *out = sqlite3_mprintf("%.*s", (int)(terms.hidden_to - terms.hidden_from),
                                   terms.text + terms.hidden_from);
            return false;
        }
    }
    return was_found || check_stored(&terms, db, out);
}
