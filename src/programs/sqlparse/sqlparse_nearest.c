/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlparse/sqlparse_nearest.c: the recogniser: rows in the order of their distances to a vector, of
 * which LIMIT wants a few.
 *
 *     SELECT id, title FROM notes WHERE year >= 2022 ORDER BY firn_distance(embedding, ?) LIMIT 10
 *
 * SQLite tells a virtual table nothing of such an order. The text of the statement, with the values
 * of its parameters, does. What is recognised has these properties:
 *
 * (N1) One term orders the rows: a distance to a constant, ascending. Rows whose distance is null
 *      either come last or are left out by the condition.
 * (N2) firn computes the whole condition as SQLite does, so no row that it finds is dropped later.
 * (N3) SQLite reads the table in one pass: there is no OR and no IN, for which it might look
 * several times. (N4) Each row of the result is one row of the table: there is no aggregate, no
 * group, no DISTINCT, no second table.
 *
 * So the rows that SQLite keeps are those of a search for LIMIT + OFFSET rows. (Not checked: tests
 * compare the answers.)
 */
#include "sqlparse/sqlparse_internal.h"

#include <string.h>

SQLITE_EXTENSION_INIT3

void
fi_sqlparse_nearest_deinit(struct fi_sqlparse_nearest *nearest)
{
    sqlite3_free(nearest->vector);
    sqlite3_free(nearest->metric);
    sqlite3_free(nearest->where);
    memset(nearest, 0, sizeof *nearest);
}

/* The call of firn_distance that the one term after ORDER BY is, or is an alias of; NO_NODE: it is
 * none. */
static int
distance_of(const struct statement *statement)
{
    const struct parser *parser = statement->parser;
    int number = statement->orders[0].node;
    if (statement->order_count != 1) {
        return NO_NODE;
    }
    for (size_t i = 0; i < statement->item_count; i++) {
        const struct item *item = &statement->items[i];
        const struct node *node = &parser->nodes[statement->orders[0].node];
        if (node->kind == NODE_NAME && item->alias != NULL && item->alias_size == node->size &&
            sqlite3_strnicmp(item->alias, node->text, (int)node->size) == 0) {
            number = item->node;
            break; /* SQLite takes the first, too */
        }
    }
    return number != NO_NODE && fi_sqlparse_tree_is_call(&parser->nodes[number], "firn_distance")
               ? number
               : NO_NODE;
}

/* Whether what follows the term is nothing, ASC or NULLS LAST; *out_is_last: that. */
static bool
is_ascending(struct statement *statement, bool *out_is_last)
{
    const struct item *order = &statement->orders[0];
    char *text = sqlite3_mprintf("%.*s", (int)order->alias_size, order->alias);
    struct parser words = {.text = text, .reason = statement->parser->reason};
    bool is_fine = text != NULL;
    *out_is_last = false;
    if (is_fine) {
        fi_sqlparse_tree_next(&words);
        (void)fi_sqlparse_tree_take(&words, "asc");
        *out_is_last =
            fi_sqlparse_tree_take(&words, "nulls") && fi_sqlparse_tree_take(&words, "last");
        is_fine = words.word.kind == WORD_END;
    }
    sqlite3_free(text);
    return is_fine;
}

/* Appends the condition in firn's language, without the terms that say that the column is not null,
 * which no search has to be told; returns whether there are any. */
static bool
add_terms(struct parser *parser, int number, size_t column, sqlite3_str *out)
{
    const struct node *node = &parser->nodes[number];
    bool leaves_nulls_out = false;
    if (node->kind == NODE_AND) {
        for (int at = node->first; at != NO_NODE; at = parser->nodes[at].next) {
            leaves_nulls_out |= add_terms(parser, at, column, out);
        }
        return leaves_nulls_out;
    }
    leaves_nulls_out = node->kind == NODE_NULLITY && node->is_negated &&
                       parser->nodes[node->first].kind == NODE_NAME &&
                       parser->nodes[node->first].column == (int)column;
    if (!leaves_nulls_out) {
        const char *term = fi_sqlparse_where_condition(parser, number, true);
        sqlite3_str_appendf(out, "%s(%s)", sqlite3_str_length(out) > 0 ? " and " : "",
                            term != NULL ? term : "");
    }
    return leaves_nulls_out;
}

/* Whether SQLite reads the table once: no term makes it look several times, and no function is an
 * aggregate. */
static bool
is_read_once(const struct parser *parser)
{
    for (int i = 0; i < parser->node_count; i++) {
        const struct node *node = &parser->nodes[i];
        const bool is_own = fi_sqlparse_tree_is_call(node, "firn_distance") ||
                            fi_sqlparse_tree_is_call(node, "firn_vector");
        if (node->kind == NODE_OR || node->kind == NODE_IN || fi_sqlparse_is_aggregate(node) ||
            (node->kind == NODE_CALL && !is_own && !fi_sqlparse_tree_is_known(node))) {
            return false;
        }
    }
    return true;
}

static bool
is_constant(const struct parser *parser, int number)
{
    const struct node *node = &parser->nodes[number];
    bool is_fine = node->kind == NODE_STRING || node->kind == NODE_BLOB ||
                   fi_sqlparse_tree_is_call(node, "firn_vector");
    for (int at = node->first; at != NO_NODE && is_fine; at = parser->nodes[at].next) {
        is_fine = is_constant(parser, at);
    }
    return is_fine;
}

/* The sum of LIMIT and OFFSET; 0: there is none, or it is negative, beyond all measure, or written
 * otherwise than with decimal digits alone (1e1, 0X10). */
static uint64_t
limit_of(const struct statement *statement)
{
    const char *at = statement->parser->text + statement->limit_from;
    const char *end = statement->parser->text + statement->limit_to;
    static const char after_digit[] = "0123456789, \t\n\f\r/"; /* of 1e1 or 1_000 there is more */
    uint64_t sum = 0;
    uint64_t number = 0;
    for (; statement->limit_from != SIZE_MAX && at < end; at++) {
        const bool is_digit = *at >= '0' && *at <= '9';
        if (*at == '-' || *at == '.' || number > FIRN_SEARCH_K_MAX || sum > FIRN_SEARCH_K_MAX ||
            (is_digit && at + 1 < end && strchr(after_digit, at[1]) == NULL)) {
            return 0;
        }
        sum += is_digit ? 0 : number;
        number = is_digit ? number * 10 + (uint64_t)(*at - '0') : 0;
    }
    return sum + number <= FIRN_SEARCH_K_MAX ? sum + number : 0;
}

static char *
copy_of(const struct parser *parser, int number)
{
    const struct node *node = &parser->nodes[number];
    return sqlite3_mprintf("%.*s", (int)(node->to - node->from), parser->text + node->from);
}

static void
make_nearest(struct statement *statement, struct fi_sqlparse_nearest *out)
{
    struct parser *parser = statement->parser;
    const int number = distance_of(statement);
    const int column = number != NO_NODE ? parser->nodes[number].first : NO_NODE;
    const int vector = column != NO_NODE ? parser->nodes[column].next : NO_NODE;
    const int metric = vector != NO_NODE ? parser->nodes[vector].next : NO_NODE;
    bool is_last;
    if (vector == NO_NODE || parser->nodes[column].kind != NODE_NAME ||
        parser->nodes[column].column == NO_COLUMN || statement->is_distinct ||
        statement->group_count > 0 || statement->having != NO_NODE ||
        !is_ascending(statement, &is_last) || !is_read_once(parser) ||
        !is_constant(parser, vector) || (metric != NO_NODE && !is_constant(parser, metric))) {
        (void)fi_sqlparse_tree_refuse(parser, "it does not ask for the nearest rows");
        return;
    }
    out->column = (size_t)parser->nodes[column].column;
    out->wanted = limit_of(statement);
    const firn_table_column *definition = &parser->def->columns[out->column];
    sqlite3_str *where = sqlite3_str_new(NULL);
    const bool leaves_nulls_out =
        statement->where != NO_NODE && add_terms(parser, statement->where, out->column, where);
    const bool has_terms = sqlite3_str_length(where) > 0;
    out->where = sqlite3_str_finish(where);
    out->vector = copy_of(parser, vector);
    out->metric = metric != NO_NODE ? copy_of(parser, metric) : NULL;
    /* Rows without a vector have no distance, and nulls come first. */
    if (out->wanted == 0 || definition->type != FIRN_TYPE_VECTOR || parser->folds_case ||
        (!definition->not_null && !is_last && !leaves_nulls_out)) {
        (void)fi_sqlparse_tree_refuse(parser, "the rows of a search may be others");
    }
    if (out->vector == NULL || (metric != NO_NODE && out->metric == NULL) ||
        (has_terms && out->where == NULL)) {
        (void)fi_sqlparse_tree_refuse(parser, "out of memory");
    }
}

bool
fi_sqlparse_nearest_recognise(sqlite3 *db, const char *text, const firn_table_def *def,
                              const char *table, struct fi_sqlparse_nearest *out, char *reason)
{
    struct parser parser = {.db = db,
                            .text = text,
                            .def = def,
                            .table = table,
                            .table_size = strlen(table),
                            .reason = reason};
    struct statement *statement = sqlite3_malloc64(sizeof *statement);
    memset(out, 0, sizeof *out);
    if (fi_sqlparse_begin(&parser, statement)) {
        statement->takes_star = true;
        fi_sqlparse_read(statement);
        if (!parser.has_failed) {
            make_nearest(statement, out);
        }
    }
    fi_sqlparse_end(&parser, statement);
    if (parser.has_failed) {
        fi_sqlparse_nearest_deinit(out);
    }
    return !parser.has_failed;
}
