/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlparse/sqlparse.c: the recogniser: statements, and what they say over groups.
 *
 *     SELECT [ALL | DISTINCT] item, … FROM [schema.]table [[AS] alias] [WHERE expr]
 *     [GROUP BY expr, …] [HAVING expr] [ORDER BY term, …] [LIMIT n [OFFSET n | , n]] [;]
 *
 * How it works: what is grouped by, and each argument of an aggregate, are expressions over rows
 * and become firn's (sqlparse_rows.c). They are the values of the scan. The text of the statement
 * is then copied, where each aggregate, and each part that equals what is grouped by, is replaced
 * by the column of firn_groups that has its value; the rest stays as it was written. A column of
 * the table that is left over is neither, and the statement is SQLite's.
 *
 * Columns of firn_groups are called by affinity and number, __firn_t0: what is grouped by keeps the
 * affinity of its column, and everything else has none, with a + before it, so that comparisons
 * convert what they would have converted.
 *
 * Groups come in no order from a scan, and in that of their keys from SQLite: without ORDER BY one
 * is added.
 *
 * Names: GROUP BY and HAVING look for a column first and then for an alias, ORDER BY the other way
 * round; numbers are places of items.
 */
#include "sqlparse/sqlparse_internal.h"

#include <assert.h>
#include <string.h>

SQLITE_EXTENSION_INIT3

void
fi_sqlparse_deinit(struct fi_sqlparse_query *query)
{
    sqlite3_free(query->select);
    sqlite3_free(query->where);
    sqlite3_free(query->group_by);
    sqlite3_free(query->outer);
    memset(query, 0, sizeof *query);
}

void
fi_sqlparse_from_deinit(struct fi_sqlparse_from *from)
{
    sqlite3_free(from->schema);
    sqlite3_free(from->table);
    memset(from, 0, sizeof *from);
}

/* ---- the statement as it is written ---- */

/* A word that ends a list of items: no alias. */
static bool
is_clause(const struct parser *parser)
{
    static const char *const clauses[] = {
        "from",      "where", "group", "having", "order",   "limit",   "window", "union", "except",
        "intersect", "join",  "on",    "using",  "cross",   "inner",   "left",   "right", "full",
        "natural",   "outer", "over",  "filter", "collate", "indexed", "not"};
    for (size_t i = 0; i < sizeof clauses / sizeof clauses[0]; i++) {
        if (fi_sqlparse_tree_is(parser, clauses[i])) {
            return true;
        }
    }
    return false;
}

static bool
is_name(const struct parser *parser)
{
    return parser->word.kind == WORD_QUOTED || parser->word.kind == WORD_NAME;
}

/* [AS] alias */
static void
read_alias(struct parser *parser, struct item *out)
{
    bool has_as = fi_sqlparse_tree_take(parser, "as");
    if (has_as || (is_name(parser) && !is_clause(parser))) {
        out->alias = parser->word.text;
        out->alias_size = parser->word.size;
        if (!is_name(parser)) {
            (void)fi_sqlparse_tree_refuse(parser, "an alias that is no name");
        }
        fi_sqlparse_tree_next(parser);
    }
}

static void
read_items(struct statement *statement)
{
    assert(statement->item_count == 0);
    struct parser *parser = statement->parser;
    do {
        if (statement->item_count == ITEMS_MAX) {
            (void)fi_sqlparse_tree_refuse(parser, "more than %d columns", (int)ITEMS_MAX);
            return;
        }
        struct item *item = &statement->items[statement->item_count++];
        *item = (struct item){.node = NO_NODE};
        if (statement->takes_star && fi_sqlparse_tree_take(parser, "*")) {
            continue;
        }
        if (fi_sqlparse_tree_is(parser, "*")) {
            (void)fi_sqlparse_tree_refuse(parser, "no aggregate: it asks for rows");
            return;
        }
        *item = (struct item){.node = fi_sqlparse_tree_expression(parser)};
        if (!parser->has_failed) {
            read_alias(parser, item);
        }
    } while (!parser->has_failed && fi_sqlparse_tree_take(parser, ","));
}

/* What is left of a copy of a name in quotes. */
static char *
copy_name(const struct word *word)
{
    return sqlite3_mprintf("%.*s", (int)word->size, word->text);
}

/* [schema.]table */
static bool
read_table(struct parser *parser, struct fi_sqlparse_from *out)
{
    if (!is_name(parser)) {
        return fi_sqlparse_tree_refuse(parser, "more than a table after FROM");
    }
    bool is_doubtful = memchr(parser->word.text, '"', parser->word.size) != NULL;
    out->table = copy_name(&parser->word);
    fi_sqlparse_tree_next(parser);
    if (fi_sqlparse_tree_take(parser, ".")) {
        out->schema = out->table;
        out->table = copy_name(&parser->word);
        is_doubtful |=
            !is_name(parser) || memchr(parser->word.text, '"', parser->word.size) != NULL;
        fi_sqlparse_tree_next(parser);
    }
    if (is_doubtful || out->table == NULL) {
        return fi_sqlparse_tree_refuse(parser, "a name that is not plain");
    }
    return true;
}

bool
fi_sqlparse_find_table(const char *text, struct fi_sqlparse_from *out, char *reason)
{
    struct parser parser = {.text = text, .reason = reason};
    int depth = 0;
    memset(out, 0, sizeof *out);
    fi_sqlparse_tree_next(&parser);
    if (!fi_sqlparse_tree_take(&parser, "select") || strlen(text) > FI_SQLPARSE_TEXT_MAX) {
        return fi_sqlparse_tree_refuse(&parser, "no SELECT of one table");
    }
    while (parser.word.kind != WORD_END && (depth > 0 || !fi_sqlparse_tree_is(&parser, "from"))) {
        if (parser.word.kind == WORD_WRONG || fi_sqlparse_tree_is(&parser, "select")) {
            return fi_sqlparse_tree_refuse(&parser, "more than the grammar of the scan has");
        }
        depth += fi_sqlparse_tree_is(&parser, "(");
        depth -= fi_sqlparse_tree_is(&parser, ")");
        fi_sqlparse_tree_next(&parser);
    }
    if (!fi_sqlparse_tree_take(&parser, "from") || !read_table(&parser, out)) {
        fi_sqlparse_from_deinit(out);
        return fi_sqlparse_tree_refuse(&parser, "no table");
    }
    return true;
}

static void
read_groups(struct statement *statement)
{
    assert(statement->group_count == 0);
    struct parser *parser = statement->parser;
    do {
        if (statement->group_count == GROUPS_MAX) {
            (void)fi_sqlparse_tree_refuse(parser, "more than %d groups", (int)GROUPS_MAX);
            return;
        }
        statement->groups[statement->group_count++] = fi_sqlparse_tree_expression(parser);
    } while (!parser->has_failed && fi_sqlparse_tree_take(parser, ","));
}

static void
read_orders(struct statement *statement)
{
    assert(statement->order_count == 0);
    struct parser *parser = statement->parser;
    do {
        if (statement->order_count == ITEMS_MAX) {
            (void)fi_sqlparse_tree_refuse(parser, "too much to order by");
            return;
        }
        struct item *order = &statement->orders[statement->order_count++];
        *order = (struct item){.node = fi_sqlparse_tree_expression(parser)};
        size_t from = parser->word.from;
        if (!fi_sqlparse_tree_take(parser, "asc")) {
            (void)fi_sqlparse_tree_take(parser, "desc");
        }
        if (fi_sqlparse_tree_take(parser, "nulls") && !fi_sqlparse_tree_take(parser, "first")) {
            (void)fi_sqlparse_tree_take(parser, "last");
        }
        order->alias = parser->text + from;
        order->alias_size = parser->word.from - from;
    } while (!parser->has_failed && fi_sqlparse_tree_take(parser, ","));
}

/* Numbers alone. */
static void
read_limit(struct statement *statement)
{
    struct parser *parser = statement->parser;
    statement->limit_from = parser->word.from;
    fi_sqlparse_tree_next(parser);
    for (bool has_more = true; has_more && !parser->has_failed;) {
        (void)fi_sqlparse_tree_take(parser, "-");
        if (parser->word.kind != WORD_NUMBER) {
            (void)fi_sqlparse_tree_refuse(parser, "a LIMIT that is no number");
        }
        statement->limit_to = parser->word.to;
        fi_sqlparse_tree_next(parser);
        has_more = fi_sqlparse_tree_take(parser, ",") || fi_sqlparse_tree_take(parser, "offset");
    }
}

void
fi_sqlparse_read(struct statement *statement)
{
    struct parser *parser = statement->parser;
    struct fi_sqlparse_from from = {NULL, NULL};
    fi_sqlparse_tree_next(parser);
    (void)fi_sqlparse_tree_take(parser, "select");
    if (!fi_sqlparse_tree_take(parser, "all")) {
        statement->is_distinct = fi_sqlparse_tree_take(parser, "distinct");
    }
    read_items(statement);
    if (parser->has_failed || !fi_sqlparse_tree_take(parser, "from") ||
        !read_table(parser, &from)) {
        (void)fi_sqlparse_tree_refuse(parser, "no table");
        fi_sqlparse_from_deinit(&from);
        return;
    }
    struct item alias = {.node = NO_NODE};
    read_alias(parser, &alias);
    parser->table = fi_sqlparse_tree_keep(parser, from.table);
    parser->table_size = strlen(parser->table);
    from.table = NULL;
    fi_sqlparse_from_deinit(&from);
    if (alias.alias != NULL) {
        parser->table = alias.alias;
        parser->table_size = alias.alias_size;
    }
    if (!parser->has_failed && fi_sqlparse_tree_take(parser, "where")) {
        statement->where = fi_sqlparse_tree_expression(parser);
    }
    if (!parser->has_failed && fi_sqlparse_tree_take(parser, "group")) {
        (void)fi_sqlparse_tree_take(parser, "by");
        read_groups(statement);
    }
    if (!parser->has_failed && fi_sqlparse_tree_take(parser, "having")) {
        statement->having = fi_sqlparse_tree_expression(parser);
    }
    if (!parser->has_failed && fi_sqlparse_tree_take(parser, "order")) {
        (void)fi_sqlparse_tree_take(parser, "by");
        read_orders(statement);
    }
    if (!parser->has_failed && fi_sqlparse_tree_is(parser, "limit")) {
        read_limit(statement);
    }
    (void)fi_sqlparse_tree_take(parser, ";");
    if (!parser->has_failed && parser->word.kind != WORD_END) {
        (void)fi_sqlparse_tree_refuse(parser, "\"%.*s\" is more than the grammar of the scan has",
                                      (int)(parser->word.to - parser->word.from),
                                      parser->text + parser->word.from);
    }
}

/* ---- values of the scan ---- */

static size_t
add_value(struct statement *statement, const char *text, enum fi_sqlparse_affinity affinity)
{
    struct fi_sqlparse_query *out = statement->out;
    for (size_t i = 0; i < out->value_count; i++) {
        if (strcmp(statement->values[i].text, text) == 0 &&
            statement->values[i].affinity == affinity) {
            return i;
        }
    }
    if (out->value_count == FI_SQLPARSE_VALUES_MAX) {
        (void)fi_sqlparse_tree_refuse(statement->parser, "more than %d aggregates and groups",
                                      (int)FI_SQLPARSE_VALUES_MAX);
        return 0;
    }
    statement->values[out->value_count] = (struct value){text, affinity};
    return out->value_count++;
}

static size_t
add_format(struct statement *statement, const char *format, const char *argument)
{
    char *text = sqlite3_mprintf(format, argument);
    return add_value(statement, fi_sqlparse_tree_keep(statement->parser, text), FI_SQLPARSE_NONE);
}

/* The column of firn_groups that has a value. */
static const char *
column_of(struct statement *statement, size_t value)
{
    assert(value < FI_SQLPARSE_VALUES_MAX &&
           (unsigned)statement->values[value].affinity < FI_SQLPARSE_AFFINITIES);
    static const char letters[FI_SQLPARSE_AFFINITIES + 1] = "btirn";
    enum fi_sqlparse_affinity affinity = statement->values[value].affinity;
    const char *format = affinity == FI_SQLPARSE_NONE ? "(+__firn_%c%d)" : "__firn_%c%d";
    return fi_sqlparse_tree_keep(statement->parser,
                                 sqlite3_mprintf(format, letters[affinity], (int)value));
}

/* What the core declares columns as (sql.h). */
static enum fi_sqlparse_affinity
affinity_of(const firn_table_column *column)
{
    switch (fi_type_class_of(column->type)) {
    case FI_TYPE_CLASS_BOOL:
    case FI_TYPE_CLASS_DECIMAL:
        return FI_SQLPARSE_NUMERIC;
    case FI_TYPE_CLASS_SIGNED:
    case FI_TYPE_CLASS_UNSIGNED:
        return FI_SQLPARSE_INTEGER;
    case FI_TYPE_CLASS_FLOAT:
        return FI_SQLPARSE_REAL;
    case FI_TYPE_CLASS_TIME:
    case FI_TYPE_CLASS_TEXT:
    case FI_TYPE_CLASS_FIXED:
        return FI_SQLPARSE_TEXT;
    case FI_TYPE_CLASS_NULL:
    case FI_TYPE_CLASS_BLOB:
    case FI_TYPE_CLASS_VECTOR:
        break;
    }
    return FI_SQLPARSE_NONE;
}

/* A value that may be beyond INTEGER: it is looked at when it is there. */
static void
guard_unsigned(struct statement *statement, size_t value, const struct piece *piece)
{
    assert(value < FI_SQLPARSE_VALUES_MAX);
    if (piece->is_unsigned) {
        statement->out->values[value].refuses_nan = true;
    }
}

static size_t
add_group(struct statement *statement, int node)
{
    struct parser *parser = statement->parser;
    const struct node *written = &parser->nodes[node];
    struct piece piece = fi_sqlparse_rows_value(parser, node);
    bool is_column = written->kind == NODE_NAME;
    if (piece.text == NULL || piece.class == PIECE_COMPUTED || piece.is_literal) {
        (void)fi_sqlparse_tree_refuse(parser, "groups whose rounding SQLite has to decide");
        return 0;
    }
    enum fi_sqlparse_affinity affinity =
        is_column ? affinity_of(&parser->def->columns[written->column]) : FI_SQLPARSE_NONE;
    size_t value = add_value(statement, fi_sqlparse_rows_number(parser, &piece), affinity);
    guard_unsigned(statement, value, &piece);
    return value;
}

static const double integer_sum_max = 9.2e18; /* a bit less than 2^63 */

/* sum(x), total(x) and avg(x) of INTEGER (fi_sqlparse_value). One value can be both sum(x) and
 * total(x): the lower limit counts. */
static void
guard_sum(struct statement *statement, size_t value, const struct piece *piece, double limit)
{
    assert(value < FI_SQLPARSE_VALUES_MAX && piece->bound >= 0 && limit > 0);
    static const double rows_max = 1 << 30; /* a group of more rows is SQLite's */
    size_t rows = add_value(statement, "count(*)", FI_SQLPARSE_NONE);
    size_t smallest = SIZE_MAX;
    size_t largest = SIZE_MAX;
    struct fi_sqlparse_value *guarded = &statement->out->values[value];
    if (guarded->limit > 0 && guarded->limit <= limit) {
        return;
    }
    if (piece->bound * rows_max > limit) {
        smallest = add_format(statement, "min(%s)", piece->text);
        largest = add_format(statement, "max(%s)", piece->text);
    }
    guarded->limit = limit;
    guarded->rows = rows;
    guarded->smallest = smallest;
    guarded->largest = largest;
    guarded->bound = piece->bound;
}

bool
fi_sqlparse_is_aggregate(const struct node *node)
{
    static const char *const names[] = {"count", "sum", "avg", "min", "max", "total"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (fi_sqlparse_tree_is_call(node, names[i])) {
            return i != 3 && i != 4 ? true : node->first != NO_NODE;
        }
    }
    return false;
}

static const char *
count_of(struct statement *statement, const struct node *node)
{
    struct parser *parser = statement->parser;
    if (node->has_star || (node->first == NO_NODE && !node->is_distinct)) {
        return column_of(statement, add_value(statement, "count(*)", FI_SQLPARSE_NONE));
    }
    struct piece piece = fi_sqlparse_rows_value(parser, node->first);
    if (piece.text == NULL || piece.is_literal ||
        (node->is_distinct && (piece.class == PIECE_COMPUTED || piece.is_unsigned))) {
        (void)fi_sqlparse_tree_refuse(parser, "a count() that SQLite has to compute");
        return NULL;
    }
    const char *text = fi_sqlparse_rows_number(parser, &piece);
    const char *format = node->is_distinct ? "count(distinct %s)" : "count(%s)";
    return column_of(statement, add_format(statement, format, text));
}

/* The value of an aggregate, as it stands in the outer statement; NULL: not recognised. */
static const char *
aggregate_of(struct statement *statement, int number)
{
    struct parser *parser = statement->parser;
    const struct node *node = &parser->nodes[number];
    if (fi_sqlparse_tree_is_call(node, "count")) {
        return count_of(statement, node);
    }
    struct piece piece = fi_sqlparse_rows_value(parser, node->first);
    bool is_sum = fi_sqlparse_tree_is_call(node, "sum");
    bool is_total = fi_sqlparse_tree_is_call(node, "total");
    bool is_adding = is_sum || is_total || fi_sqlparse_tree_is_call(node, "avg");
    if (piece.text != NULL && piece.class == PIECE_BOOL) {
        char *text = sqlite3_mprintf("cast(%s as i64)", piece.text);
        piece = (struct piece){.text = fi_sqlparse_tree_keep(parser, text), .bound = 1};
    }
    if (piece.text == NULL || node->is_distinct || piece.is_literal ||
        (is_adding ? piece.class > PIECE_COMPUTED : piece.class == PIECE_COMPUTED)) {
        (void)fi_sqlparse_tree_refuse(parser, "an aggregate that SQLite has to compute");
        return NULL;
    }
    const char *format = is_sum || is_total                      ? "sum(%s)"
                         : is_adding                             ? "avg(%s)"
                         : fi_sqlparse_tree_is_call(node, "min") ? "min(%s)"
                                                                 : "max(%s)";
    size_t value = add_format(statement, format, piece.text);
    statement->out->values[value].refuses_nan |= piece.may_be_nan || piece.is_unsigned;
    if (is_adding && piece.class == PIECE_INTEGER) {
        guard_sum(statement, value, &piece, is_sum ? integer_sum_max : FI_SQLPARSE_EXACT_MAX);
    }
    const char *column = column_of(statement, value);
    return is_total
               ? fi_sqlparse_tree_keep(parser, sqlite3_mprintf("ifnull(%s * 1.0, 0.0)", column))
               : column;
}

/* ---- the outer statement ---- */

struct copying {
    struct statement *statement;
    sqlite3_str *out;
    size_t at; /* the text up to here is copied */
    bool knows_aliases;
};

static bool
is_alias(const struct statement *statement, const struct node *node)
{
    for (size_t i = 0; i < statement->item_count; i++) {
        const struct item *item = &statement->items[i];
        if (item->alias != NULL && item->alias_size == node->size &&
            sqlite3_strnicmp(item->alias, node->text, (int)node->size) == 0) {
            return true;
        }
    }
    return false;
}

/* Copies what is before the node, and the replacement. */
static void
sqlparse_replace(struct copying *copying, const struct node *node, const char *by)
{
    assert(node->from >= copying->at || by == NULL);
    const char *text = copying->statement->parser->text;
    if (by != NULL) {
        sqlite3_str_append(copying->out, text + copying->at, (int)(node->from - copying->at));
        sqlite3_str_appendall(copying->out, by);
        copying->at = node->to;
    }
}

static void
copy_node(struct copying *copying, int number)
{
    struct statement *statement = copying->statement;
    struct parser *parser = statement->parser;
    const struct node *node = &parser->nodes[number];
    if (parser->has_failed) {
        return;
    }
    for (size_t i = 0; i < statement->group_count; i++) {
        if (fi_sqlparse_tree_same(parser, number, statement->groups[i])) {
            sqlparse_replace(copying, node, column_of(statement, add_group(statement, number)));
            return;
        }
    }
    bool has_many = node->first != NO_NODE && parser->nodes[node->first].next != NO_NODE;
    if (node->kind == NODE_CALL && fi_sqlparse_is_aggregate(node) && !has_many) {
        sqlparse_replace(copying, node, aggregate_of(statement, number));
        return;
    }
    if (node->kind == NODE_CALL && !fi_sqlparse_tree_is_known(node)) {
        (void)fi_sqlparse_tree_refuse(parser, "the function %.*s", (int)node->size, node->text);
        return;
    }
    if (node->kind == NODE_NAME) {
        bool is_truth = fi_sqlparse_tree_same_name(node->text, node->size, "true") ||
                        fi_sqlparse_tree_same_name(node->text, node->size, "false");
        bool is_fine = node->column == NO_COLUMN &&
                       (is_truth || (copying->knows_aliases && is_alias(statement, node)));
        if (!is_fine) {
            (void)fi_sqlparse_tree_refuse(parser, "%.*s is neither grouped by nor in an aggregate",
                                          (int)node->size, node->text);
        }
        return;
    }
    for (int at = node->first; at != NO_NODE; at = parser->nodes[at].next) {
        copy_node(copying, at);
    }
}

/* Appends an expression over groups. */
static void
copy_expression(struct statement *statement, int number, bool knows_aliases, sqlite3_str *out)
{
    struct parser *parser = statement->parser;
    if (parser->has_failed || number == NO_NODE) {
        return;
    }
    const struct node *node = &parser->nodes[number];
    struct copying copying = {statement, out, node->from, knows_aliases};
    copy_node(&copying, number);
    if (copying.at < node->to) {
        sqlite3_str_append(out, parser->text + copying.at, (int)(node->to - copying.at));
    }
}

/* The item that a number alone stands for; NO_NODE: it is none. */
static int
numbered_item(const struct statement *statement, int number)
{
    assert(number >= 0 && number < statement->parser->node_count);
    const struct node *node = &statement->parser->nodes[number];
    size_t place = 0;
    if (node->kind != NODE_NUMBER || node->size > 4) {
        return NO_NODE;
    }
    for (size_t i = 0; i < node->size; i++) {
        if (node->text[i] < '0' || node->text[i] > '9') {
            return NO_NODE;
        }
        place = place * 10 + (size_t)(node->text[i] - '0');
    }
    return place > 0 && place <= statement->item_count ? statement->items[place - 1].node : NO_NODE;
}

/* Numbers and aliases after GROUP BY become what they stand for. */
static void
resolve_groups(struct statement *statement)
{
    struct parser *parser = statement->parser;
    for (size_t i = 0; i < statement->group_count && !parser->has_failed; i++) {
        int *group = &statement->groups[i];
        const struct node *node = &parser->nodes[*group];
        if (node->kind == NODE_NUMBER) {
            *group = numbered_item(statement, *group);
        } else if (node->kind == NODE_NAME && node->column == NO_COLUMN) {
            int named = NO_NODE;
            for (size_t k = 0; k < statement->item_count && named == NO_NODE; k++) {
                const struct item *item = &statement->items[k];
                bool is_it = item->alias != NULL && item->alias_size == node->size &&
                             sqlite3_strnicmp(item->alias, node->text, (int)node->size) == 0;
                named = is_it ? item->node : NO_NODE;
            }
            *group = named;
        }
        if (*group == NO_NODE) {
            (void)fi_sqlparse_tree_refuse(parser, "what GROUP BY names is not known");
        }
    }
}

static void
copy_orders(struct statement *statement, sqlite3_str *out)
{
    struct parser *parser = statement->parser;
    const char *between = " ORDER BY ";
    for (size_t i = 0; i < statement->order_count && !parser->has_failed; i++) {
        const struct item *order = &statement->orders[i];
        const struct node *node = &parser->nodes[order->node];
        bool is_plain = (node->kind == NODE_NAME && is_alias(statement, node)) ||
                        numbered_item(statement, order->node) != NO_NODE;
        sqlite3_str_appendall(out, between);
        if (is_plain) {
            sqlite3_str_append(out, parser->text + node->from, (int)(node->to - node->from));
        } else if (node->kind == NODE_NUMBER) {
            (void)fi_sqlparse_tree_refuse(parser, "a number to order by");
        } else {
            copy_expression(statement, order->node, true, out);
        }
        sqlite3_str_appendf(out, " %.*s", (int)order->alias_size, order->alias);
        between = ", ";
    }
    for (size_t i = 0; i < statement->group_count && statement->order_count == 0 &&
                       !statement->is_distinct && !parser->has_failed;
         i++) {
        sqlite3_str_appendall(out, between);
        sqlite3_str_appendall(out,
                              column_of(statement, add_group(statement, statement->groups[i])));
        between = ", ";
    }
}

/* Makes the statement over the groups; adds the values that it needs. */
static void
make_outer(struct statement *statement, const char *const *names, size_t name_count)
{
    struct parser *parser = statement->parser;
    sqlite3_str *out = sqlite3_str_new(NULL);
    sqlite3_str_appendall(out, statement->is_distinct ? "SELECT DISTINCT " : "SELECT ");
    if (name_count != statement->item_count) {
        (void)fi_sqlparse_tree_refuse(parser, "columns that only SQLite counts");
    }
    for (size_t i = 0; i < statement->item_count && !parser->has_failed; i++) {
        sqlite3_str_appendall(out, i > 0 ? ", " : "");
        copy_expression(statement, statement->items[i].node, false, out);
        sqlite3_str_appendf(out, " AS \"%w\"", names[i]);
    }
    sqlite3_str_appendall(out, " FROM firn_groups(?1)");
    if (statement->having != NO_NODE) {
        sqlite3_str_appendall(out, " WHERE ");
        copy_expression(statement, statement->having, true, out);
    }
    copy_orders(statement, out);
    if (statement->limit_from != SIZE_MAX) {
        sqlite3_str_appendf(out, " %.*s", (int)(statement->limit_to - statement->limit_from),
                            parser->text + statement->limit_from);
    }
    statement->out->outer = sqlite3_str_finish(out);
}

/* Puts the texts of the scan together. */
static void
make_scan(struct statement *statement)
{
    struct parser *parser = statement->parser;
    struct fi_sqlparse_query *out = statement->out;
    if (statement->where != NO_NODE) {
        const char *where = fi_sqlparse_where_condition(parser, statement->where, true);
        out->where = where != NULL ? sqlite3_mprintf("%s", where) : NULL;
    }
    sqlite3_str *groups = sqlite3_str_new(NULL);
    for (size_t i = 0; i < statement->group_count && !parser->has_failed; i++) {
        size_t value = add_group(statement, statement->groups[i]);
        sqlite3_str_appendf(groups, "%s%s", i > 0 ? ", " : "", statement->values[value].text);
    }
    out->group_by = sqlite3_str_finish(groups);
    if (out->value_count == 0 && !parser->has_failed) {
        (void)add_value(statement, "count(*)", FI_SQLPARSE_NONE);
    }
    sqlite3_str *select = sqlite3_str_new(NULL);
    for (size_t i = 0; i < out->value_count; i++) {
        sqlite3_str_appendf(select, "%s%s", i > 0 ? ", " : "", statement->values[i].text);
    }
    out->select = sqlite3_str_finish(select);
    if (out->select == NULL || out->outer == NULL ||
        (statement->where != NO_NODE && out->where == NULL) ||
        (statement->group_count > 0 && out->group_by == NULL)) {
        (void)fi_sqlparse_tree_refuse(parser, "out of memory");
    }
}

bool
fi_sqlparse_begin(struct parser *parser, struct statement *statement)
{
    parser->nodes = sqlite3_malloc64(NODES_MAX * sizeof *parser->nodes);
    if (statement == NULL || parser->nodes == NULL) {
        return fi_sqlparse_tree_refuse(parser, "out of memory");
    }
    memset(statement, 0, sizeof *statement);
    statement->parser = parser;
    statement->where = NO_NODE;
    statement->having = NO_NODE;
    statement->limit_from = SIZE_MAX;
    return true;
}

void
fi_sqlparse_end(struct parser *parser, struct statement *statement)
{
    for (size_t i = 0; i < parser->kept_count; i++) {
        sqlite3_free(parser->kept[i]);
    }
    sqlite3_free(parser->kept);
    sqlite3_free(parser->nodes);
    sqlite3_free(statement);
}

bool
fi_sqlparse_statement(sqlite3 *db, const char *text, const firn_table_def *def,
                      const char *const *names, size_t name_count, struct fi_sqlparse_query *out,
                      char *reason)
{
    struct parser parser = {.db = db, .text = text, .def = def, .table = "", .reason = reason};
    struct statement *statement = sqlite3_malloc64(sizeof *statement);
    memset(out, 0, sizeof *out);
    if (!fi_sqlparse_begin(&parser, statement)) {
        goto out;
    }
    statement->out = out;
    fi_sqlparse_read(statement);
    bool has_aggregates = statement->group_count > 0;
    for (int i = 0; i < parser.node_count; i++) {
        has_aggregates = has_aggregates || fi_sqlparse_is_aggregate(&parser.nodes[i]);
    }
    if (!parser.has_failed && !has_aggregates) {
        (void)fi_sqlparse_tree_refuse(&parser, "no aggregate: it asks for rows");
    }
    if (!parser.has_failed) {
        resolve_groups(statement);
    }
    if (!parser.has_failed) {
        make_outer(statement, names, name_count);
    }
    if (!parser.has_failed) {
        make_scan(statement);
    }
    out->folds_case = parser.folds_case;
out:
    fi_sqlparse_end(&parser, statement);
    if (parser.has_failed) {
        fi_sqlparse_deinit(out);
    }
    return !parser.has_failed;
}

/* ---- names of columns ---- */

static bool
has_column(const firn_table_def *def, size_t count, const char *name)
{
    assert(count <= def->column_count);
    size_t i = 0;
    while (i < count && sqlite3_stricmp(def->columns[i].name, name) != 0) {
        i++;
    }
    return i < count;
}

void
fi_sqlparse_column_name(const firn_table_def *def, size_t i, char out[FI_SQLTEXT_NAME_SIZE])
{
    assert(i < def->column_count);
    const char *name = def->columns[i].name;
    size_t number = i + 1;
    sqlite3_snprintf(FI_SQLTEXT_NAME_SIZE, out, "%s", name);
    while (has_column(def, number == i + 1 ? i : def->column_count, out)) {
        /* numbers of two columns never meet: each goes on in steps of the count of columns */
        sqlite3_snprintf(FI_SQLTEXT_NAME_SIZE, out, "%s:%llu", name, (unsigned long long)number);
        number += def->column_count;
    }
}
