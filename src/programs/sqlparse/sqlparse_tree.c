/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlparse/sqlparse_tree.c: words and expressions of SQL as they are written.
 *
 * The statement was accepted by SQLite, so this reads only what it knows, and refuses what is left:
 * nothing has to be told from mistakes. What binds least to what binds most is as in SQLite:
 *
 *     OR
 *     AND
 *     NOT
 *     = == <> !=  IS  IS NOT  BETWEEN  IN  LIKE  GLOB  ISNULL  NOTNULL  NOT NULL
 *     < <= > >=
 *     & | << >>
 *     + -
 *     * / %
 *     ||
 *     ~ + -   (of one operand)
 *
 * Parentheses leave no node: they belong to the place in the text of what is in them. There is no
 * COLLATE, no ESCAPE, no subquery, no parameter (sqlite3_expanded_sql has put their values in).
 * Depth and the number of nodes are bounded.
 */
#include "sqlparse/sqlparse_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

SQLITE_EXTENSION_INIT3

bool
fi_sqlparse_tree_refuse(struct parser *parser, const char *format, ...)
{
    assert(parser->reason != NULL && format != NULL);
    if (!parser->has_failed) {
        va_list arguments;
        va_start(arguments, format);
        sqlite3_vsnprintf(FI_SQLPARSE_REASON_SIZE, parser->reason, format, arguments);
        va_end(arguments);
    }
    parser->has_failed = true;
    return false;
}

const char *
fi_sqlparse_tree_keep(struct parser *parser, char *text)
{
    assert(parser->kept_count <= parser->kept_capacity);
    if (text != NULL && parser->kept_count == parser->kept_capacity) {
        size_t capacity = parser->kept_capacity * 2 + 64;
        char **grown = sqlite3_realloc64(parser->kept, capacity * sizeof *grown);
        if (grown == NULL) {
            sqlite3_free(text);
            text = NULL;
        } else {
            parser->kept = grown;
            parser->kept_capacity = capacity;
        }
    }
    if (text == NULL) {
        (void)fi_sqlparse_tree_refuse(parser, "out of memory");
        return "";
    }
    parser->kept[parser->kept_count++] = text;
    return text;
}

/* ---- words ---- */

static bool
is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static size_t
end_of_number(const char *text, size_t at)
{
    assert(is_digit(text[at]) || text[at] == '.');
    while (is_digit(text[at])) {
        at++;
    }
    if (text[at] == '.') {
        for (at++; is_digit(text[at]); at++) {
        }
    }
    size_t digits = at + 1;
    if (text[at] == 'e' || text[at] == 'E') {
        digits += text[digits] == '-' || text[digits] == '+';
        if (is_digit(text[digits])) {
            for (at = digits; is_digit(text[at]); at++) {
            }
        }
    }
    return at;
}

/* Whether the grammar has a use for the token. */
static bool
is_known(const char *text, const struct fi_sqltext_token *token)
{
    switch (token->kind) {
    case FI_SQLTEXT_END:
    case FI_SQLTEXT_WORD:
        return true;
    case FI_SQLTEXT_QUOTED:
    case FI_SQLTEXT_STRING:
    case FI_SQLTEXT_BLOB:
        return !token->is_open;
    case FI_SQLTEXT_NUMBER:
        return end_of_number(text, token->from) == token->to;
    case FI_SQLTEXT_SIGN:
        return strchr("+-*/%=<>(),.;&|~!", text[token->from]) != NULL &&
               (text[token->from] != '!' || token->to == token->from + 2);
    case FI_SQLTEXT_PARAMETER:
        break;
    }
    return false;
}

void
fi_sqlparse_tree_next(struct parser *parser)
{
    static const enum word_kind kinds[] = {
        [FI_SQLTEXT_END] = WORD_END,       [FI_SQLTEXT_WORD] = WORD_NAME,
        [FI_SQLTEXT_QUOTED] = WORD_QUOTED, [FI_SQLTEXT_STRING] = WORD_STRING,
        [FI_SQLTEXT_BLOB] = WORD_BLOB,     [FI_SQLTEXT_NUMBER] = WORD_NUMBER,
        [FI_SQLTEXT_SIGN] = WORD_SIGN,     [FI_SQLTEXT_PARAMETER] = WORD_WRONG};
    struct fi_sqltext_token token;
    fi_sqltext_token(parser->text, &parser->at, &token);
    const size_t before = token.kind == FI_SQLTEXT_BLOB     ? 2
                          : token.kind == FI_SQLTEXT_QUOTED ? 1
                          : token.kind == FI_SQLTEXT_STRING ? 1
                                                            : 0;
    parser->word = (struct word){.kind = kinds[token.kind],
                                 .text = parser->text + token.from + before,
                                 .size = token.to - token.from - before - (before > 0 ? 1 : 0),
                                 .from = token.from,
                                 .to = token.to};
    if (!is_known(parser->text, &token)) {
        parser->word.kind = WORD_WRONG;
        parser->word.size = 0;
    }
}

bool
fi_sqlparse_tree_is(const struct parser *parser, const char *word)
{
    assert(word[0] != '\0');
    const struct word *here = &parser->word;
    return (here->kind == WORD_NAME || here->kind == WORD_SIGN) && strlen(word) == here->size &&
           sqlite3_strnicmp(here->text, word, (int)here->size) == 0;
}

bool
fi_sqlparse_tree_take(struct parser *parser, const char *word)
{
    if (!fi_sqlparse_tree_is(parser, word)) {
        return false;
    }
    fi_sqlparse_tree_next(parser);
    return true;
}

/* Goes past the word, which must be this one. */
static bool
sqlparse_tree_expect(struct parser *parser, const char *word)
{
    return fi_sqlparse_tree_take(parser, word) ||
           fi_sqlparse_tree_refuse(parser, "\"%.*s\" where %s is known", (int)parser->word.size,
                                   parser->word.text, word);
}

/* ---- nodes ---- */

static int
new_node(struct parser *parser, enum node_kind kind)
{
    assert(parser->node_count >= 0 && parser->node_count <= NODES_MAX);
    if (parser->node_count == NODES_MAX) {
        (void)fi_sqlparse_tree_refuse(parser, "the statement is too large");
    }
    if (parser->has_failed) {
        return NO_NODE;
    }
    parser->nodes[parser->node_count] = (struct node){.kind = kind,
                                                      .first = NO_NODE,
                                                      .next = NO_NODE,
                                                      .column = NO_COLUMN,
                                                      .from = parser->word.from,
                                                      .to = parser->word.to};
    return parser->node_count++;
}

/* Makes an operand the last one of a node. */
static void
add_operand(struct parser *parser, int node, int operand)
{
    assert(node < parser->node_count && operand < parser->node_count);
    if (node == NO_NODE || operand == NO_NODE) {
        return;
    }
    int *link = &parser->nodes[node].first;
    while (*link != NO_NODE) {
        link = &parser->nodes[*link].next;
    }
    *link = operand;
    if (parser->nodes[node].to < parser->nodes[operand].to) {
        parser->nodes[node].to = parser->nodes[operand].to;
    }
}

/* A node over what was read before it: it begins where the text of `from` does. */
static int
new_over(struct parser *parser, enum node_kind kind, int operand, size_t from)
{
    int node = new_node(parser, kind);
    if (node != NO_NODE && operand != NO_NODE) {
        parser->nodes[node].from = from;
        add_operand(parser, node, operand);
    }
    return node;
}

/* The node ends where the word before the present one did. */
static void
end_node(struct parser *parser, int node, size_t to)
{
    assert(node < parser->node_count);
    if (node != NO_NODE) {
        parser->nodes[node].to = to;
    }
}

bool
fi_sqlparse_tree_same_name(const char *a, size_t a_size, const char *b)
{
    return strlen(b) == a_size && sqlite3_strnicmp(a, b, (int)a_size) == 0;
}

static void
find_column(struct parser *parser, struct node *node)
{
    assert(node->kind == NODE_NAME && node->column == NO_COLUMN);
    const firn_table_def *def = parser->def;
    for (size_t i = 0; i < def->column_count; i++) {
        if (fi_sqlparse_tree_same_name(node->text, node->size, def->columns[i].name)) {
            if (node->column != NO_COLUMN) {
                (void)fi_sqlparse_tree_refuse(parser, "two columns are called %.*s",
                                              (int)node->size, node->text);
            }
            node->column = (int)i;
        }
    }
}

static int
read_column(struct parser *parser)
{
    int number = new_node(parser, NODE_NAME);
    if (number == NO_NODE) {
        return NO_NODE;
    }
    struct node *node = &parser->nodes[number];
    node->text = parser->word.text;
    node->size = parser->word.size;
    bool is_doubtful = parser->word.kind == WORD_QUOTED && memchr(node->text, '"', node->size);
    fi_sqlparse_tree_next(parser);
    if (fi_sqlparse_tree_take(parser, ".")) {
        if (parser->table_size != node->size ||
            sqlite3_strnicmp(parser->table, node->text, (int)node->size) != 0) {
            (void)fi_sqlparse_tree_refuse(parser, "a column of %.*s", (int)node->size, node->text);
        }
        is_doubtful |= parser->word.kind != WORD_NAME && parser->word.kind != WORD_QUOTED;
        node->text = parser->word.text;
        node->size = parser->word.size;
        node->to = parser->word.to;
        fi_sqlparse_tree_next(parser);
    }
    if (is_doubtful || fi_sqlparse_tree_is(parser, ".")) {
        (void)fi_sqlparse_tree_refuse(parser, "a name that is not plain");
    }
    find_column(parser, node);
    return parser->has_failed ? NO_NODE : number;
}

static int
read_call(struct parser *parser)
{
    assert(parser->word.kind == WORD_NAME);
    int number = new_node(parser, NODE_CALL);
    if (number == NO_NODE) {
        return NO_NODE;
    }
    parser->nodes[number].text = parser->word.text;
    parser->nodes[number].size = parser->word.size;
    fi_sqlparse_tree_next(parser);
    fi_sqlparse_tree_next(parser);
    parser->nodes[number].is_distinct = fi_sqlparse_tree_take(parser, "distinct");
    parser->nodes[number].has_star = fi_sqlparse_tree_take(parser, "*");
    bool may_have_more = !parser->nodes[number].has_star && !fi_sqlparse_tree_is(parser, ")");
    while (may_have_more && !parser->has_failed) {
        add_operand(parser, number, fi_sqlparse_tree_expression(parser));
        may_have_more = fi_sqlparse_tree_take(parser, ",");
    }
    size_t end = parser->word.to;
    if (sqlparse_tree_expect(parser, ")")) {
        end_node(parser, number, end);
    }
    if (fi_sqlparse_tree_is(parser, "over") || fi_sqlparse_tree_is(parser, "filter")) {
        (void)fi_sqlparse_tree_refuse(parser, "a window or FILTER");
    }
    return number;
}

static int
read_case(struct parser *parser)
{
    assert(fi_sqlparse_tree_is(parser, "case"));
    int number = new_node(parser, NODE_CASE);
    fi_sqlparse_tree_next(parser);
    if (!fi_sqlparse_tree_is(parser, "when")) {
        add_operand(parser, number, fi_sqlparse_tree_expression(parser));
        if (number != NO_NODE) {
            parser->nodes[number].has_base = true;
        }
    }
    while (!parser->has_failed && fi_sqlparse_tree_take(parser, "when")) {
        add_operand(parser, number, fi_sqlparse_tree_expression(parser));
        if (sqlparse_tree_expect(parser, "then")) {
            add_operand(parser, number, fi_sqlparse_tree_expression(parser));
        }
    }
    if (!parser->has_failed && fi_sqlparse_tree_take(parser, "else")) {
        add_operand(parser, number, fi_sqlparse_tree_expression(parser));
        parser->nodes[number].has_else = true;
    }
    size_t end = parser->word.to;
    if (sqlparse_tree_expect(parser, "end")) {
        end_node(parser, number, end);
    }
    return number;
}

static int
read_cast(struct parser *parser)
{
    assert(fi_sqlparse_tree_is(parser, "cast"));
    int number = new_node(parser, NODE_CAST);
    fi_sqlparse_tree_next(parser);
    fi_sqlparse_tree_next(parser);
    add_operand(parser, number, fi_sqlparse_tree_expression(parser));
    if (sqlparse_tree_expect(parser, "as") && number != NO_NODE) {
        parser->nodes[number].text = parser->word.text;
        parser->nodes[number].size = parser->word.size;
        if (parser->word.kind != WORD_NAME) {
            (void)fi_sqlparse_tree_refuse(parser, "a CAST");
        }
        fi_sqlparse_tree_next(parser);
    }
    size_t end = parser->word.to;
    if (sqlparse_tree_expect(parser, ")")) {
        end_node(parser, number, end);
    }
    return number;
}

static int
read_literal(struct parser *parser, enum node_kind kind)
{
    int number = new_node(parser, kind);
    if (number != NO_NODE) {
        parser->nodes[number].text = parser->word.text;
        parser->nodes[number].size = parser->word.size;
    }
    fi_sqlparse_tree_next(parser);
    return number;
}

static bool
stands_before_parenthesis(const struct parser *parser)
{
    struct fi_sqltext_token next;
    size_t at = parser->at;
    fi_sqltext_token(parser->text, &at, &next);
    return parser->text[next.from] == '(';
}

static int
read_primary(struct parser *parser)
{
    static const char *const refused[] = {"select", "exists", "not",  "raise", "distinct", "when",
                                          "then",   "else",   "from", "where", "values",   "with"};
    switch (parser->word.kind) {
    case WORD_NUMBER:
        return read_literal(parser, NODE_NUMBER);
    case WORD_STRING:
        return read_literal(parser, NODE_STRING);
    case WORD_BLOB:
        return read_literal(parser, NODE_BLOB);
    case WORD_QUOTED:
        return read_column(parser);
    default:
        break;
    }
    size_t from = parser->word.from;
    if (fi_sqlparse_tree_take(parser, "(")) {
        int inner = fi_sqlparse_tree_expression(parser);
        size_t end = parser->word.to;
        if (!sqlparse_tree_expect(parser, ")") || inner == NO_NODE) {
            return NO_NODE;
        }
        parser->nodes[inner].from = from;
        parser->nodes[inner].to = end;
        return inner;
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (fi_sqlparse_tree_is(parser, refused[i])) {
            (void)fi_sqlparse_tree_refuse(parser, "%s in an expression", refused[i]);
        }
    }
    if (parser->word.kind != WORD_NAME || parser->has_failed) {
        (void)fi_sqlparse_tree_refuse(parser, "\"%.*s\" is not known here",
                                      (int)(parser->word.to - parser->word.from),
                                      parser->text + parser->word.from);
        return NO_NODE;
    }
    if (fi_sqlparse_tree_is(parser, "null")) {
        return read_literal(parser, NODE_NULL);
    }
    if (fi_sqlparse_tree_is(parser, "case")) {
        return read_case(parser);
    }
    if (fi_sqlparse_tree_is(parser, "cast") && stands_before_parenthesis(parser)) {
        return read_cast(parser);
    }
    return stands_before_parenthesis(parser) ? read_call(parser) : read_column(parser);
}

static int
read_signed(struct parser *parser)
{
    bool is_sign = fi_sqlparse_tree_is(parser, "-") || fi_sqlparse_tree_is(parser, "+") ||
                   fi_sqlparse_tree_is(parser, "~");
    if (!is_sign) {
        return read_primary(parser);
    }
    if (parser->depth >= DEPTH_MAX) {
        (void)fi_sqlparse_tree_refuse(parser, "the statement is too deep");
        return NO_NODE;
    }
    int number = new_node(parser, NODE_SIGN);
    if (number != NO_NODE) {
        parser->nodes[number].sign = parser->word.text[0];
    }
    fi_sqlparse_tree_next(parser);
    parser->depth++;
    add_operand(parser, number, read_signed(parser));
    parser->depth--;
    return number;
}

/* Operators of two operands with their ranks: a larger one binds more. */
static int
rank_of(const struct parser *parser, char *out_sign)
{
    static const struct {
        const char *word;
        char sign;
        int rank;
    } operators[] = {{"||", 'c', 6}, {"*", '*', 5},  {"/", '/', 5}, {"%", '%', 5},  {"+", '+', 4},
                     {"-", '-', 4},  {"&", '&', 3},  {"|", '|', 3}, {"<<", 'L', 3}, {">>", 'R', 3},
                     {"<", '<', 2},  {"<=", 'l', 2}, {">", '>', 2}, {">=", 'g', 2}};
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (parser->word.kind == WORD_SIGN && fi_sqlparse_tree_is(parser, operators[i].word)) {
            *out_sign = operators[i].sign;
            return operators[i].rank;
        }
    }
    return 0;
}

enum { RANK_RELATIONAL = 2 };

/* Operators of at least this rank. */
static int
read_binary(struct parser *parser, int rank_min)
{
    assert(rank_min >= RANK_RELATIONAL);
    char sign = 0;
    size_t from = parser->word.from;
    int left = read_signed(parser);
    for (int rank = rank_of(parser, &sign); rank >= rank_min && !parser->has_failed;
         rank = rank_of(parser, &sign)) {
        fi_sqlparse_tree_next(parser);
        int node =
            new_over(parser, rank == RANK_RELATIONAL ? NODE_COMPARE : NODE_BINARY, left, from);
        if (node != NO_NODE) {
            parser->nodes[node].sign = sign;
        }
        int right = read_binary(parser, rank + 1);
        add_operand(parser, node, right);
        left = node;
    }
    return left;
}

/* After IS. */
static int
read_is(struct parser *parser, int left, size_t from)
{
    bool is_negated = fi_sqlparse_tree_take(parser, "not");
    if (fi_sqlparse_tree_is(parser, "distinct")) {
        (void)fi_sqlparse_tree_refuse(parser, "IS DISTINCT FROM");
        return NO_NODE;
    }
    size_t end = parser->word.to;
    bool is_null = fi_sqlparse_tree_take(parser, "null");
    int node = new_over(parser, is_null ? NODE_NULLITY : NODE_IS, left, from);
    if (node != NO_NODE) {
        parser->nodes[node].is_negated = is_negated;
    }
    if (is_null) {
        end_node(parser, node, end);
    } else {
        add_operand(parser, node, read_binary(parser, RANK_RELATIONAL));
    }
    return node;
}

static int
read_in(struct parser *parser, int left, size_t from)
{
    int node = new_over(parser, NODE_IN, left, from);
    if (sqlparse_tree_expect(parser, "(") && !fi_sqlparse_tree_is(parser, ")")) {
        do {
            add_operand(parser, node, fi_sqlparse_tree_expression(parser));
        } while (!parser->has_failed && fi_sqlparse_tree_take(parser, ","));
    }
    size_t end = parser->word.to;
    if (sqlparse_tree_expect(parser, ")")) {
        end_node(parser, node, end);
    }
    return node;
}

static int
read_between(struct parser *parser, int left, size_t from)
{
    int node = new_over(parser, NODE_BETWEEN, left, from);
    add_operand(parser, node, read_binary(parser, RANK_RELATIONAL));
    if (sqlparse_tree_expect(parser, "and")) {
        add_operand(parser, node, read_binary(parser, RANK_RELATIONAL));
    }
    return node;
}

static int
read_pattern(struct parser *parser, enum node_kind kind, int left, size_t from)
{
    int node = new_over(parser, kind, left, from);
    add_operand(parser, node, read_binary(parser, RANK_RELATIONAL));
    if (fi_sqlparse_tree_is(parser, "escape")) {
        (void)fi_sqlparse_tree_refuse(parser, "ESCAPE");
    }
    return node;
}

/* One operator of the rank of = after its left operand; NO_NODE: there is none, or a failure. */
static int
read_equality_operator(struct parser *parser, int left, size_t from)
{
    size_t end = parser->word.to;
    bool is_equal = fi_sqlparse_tree_is(parser, "=") || fi_sqlparse_tree_is(parser, "==");
    if (is_equal || fi_sqlparse_tree_is(parser, "<>") || fi_sqlparse_tree_is(parser, "!=")) {
        fi_sqlparse_tree_next(parser);
        int node = new_over(parser, NODE_COMPARE, left, from);
        if (node != NO_NODE) {
            parser->nodes[node].sign = is_equal ? '=' : 'n';
        }
        add_operand(parser, node, read_binary(parser, RANK_RELATIONAL));
        return node;
    }
    if (fi_sqlparse_tree_take(parser, "is")) {
        return read_is(parser, left, from);
    }
    bool is_null = fi_sqlparse_tree_take(parser, "isnull");
    if (is_null || fi_sqlparse_tree_take(parser, "notnull")) {
        int node = new_over(parser, NODE_NULLITY, left, from);
        if (node != NO_NODE) {
            parser->nodes[node].is_negated = !is_null;
        }
        end_node(parser, node, end);
        return node;
    }
    bool is_negated = fi_sqlparse_tree_take(parser, "not");
    end = parser->word.to;
    int node = NO_NODE;
    if (is_negated && fi_sqlparse_tree_take(parser, "null")) {
        node = new_over(parser, NODE_NULLITY, left, from);
        end_node(parser, node, end);
    } else if (fi_sqlparse_tree_take(parser, "between")) {
        node = read_between(parser, left, from);
    } else if (fi_sqlparse_tree_take(parser, "in")) {
        node = read_in(parser, left, from);
    } else if (fi_sqlparse_tree_take(parser, "like")) {
        node = read_pattern(parser, NODE_LIKE, left, from);
    } else if (fi_sqlparse_tree_take(parser, "glob")) {
        node = read_pattern(parser, NODE_GLOB, left, from);
    } else if (is_negated) {
        (void)fi_sqlparse_tree_refuse(parser, "NOT %.*s", (int)parser->word.size,
                                      parser->word.text);
    }
    if (node != NO_NODE) {
        parser->nodes[node].is_negated = is_negated;
    }
    return node;
}

static int
read_equality(struct parser *parser)
{
    size_t from = parser->word.from;
    int left = read_binary(parser, RANK_RELATIONAL);
    for (;;) {
        int node = parser->has_failed ? NO_NODE : read_equality_operator(parser, left, from);
        if (node == NO_NODE) {
            return parser->has_failed ? NO_NODE : left;
        }
        left = node;
    }
}

static int
read_not(struct parser *parser)
{
    if (!fi_sqlparse_tree_is(parser, "not")) {
        return read_equality(parser);
    }
    if (parser->depth >= DEPTH_MAX) {
        (void)fi_sqlparse_tree_refuse(parser, "the statement is too deep");
        return NO_NODE;
    }
    int node = new_node(parser, NODE_NOT);
    fi_sqlparse_tree_next(parser);
    parser->depth++;
    add_operand(parser, node, read_not(parser));
    parser->depth--;
    return node;
}

static int
read_and(struct parser *parser)
{
    size_t from = parser->word.from;
    int left = read_not(parser);
    while (!parser->has_failed && fi_sqlparse_tree_take(parser, "and")) {
        left = new_over(parser, NODE_AND, left, from);
        int right = read_not(parser);
        add_operand(parser, left, right);
    }
    return left;
}

int
fi_sqlparse_tree_expression(struct parser *parser)
{
    assert(parser->depth >= 0 && parser->depth <= DEPTH_MAX);
    if (parser->depth >= DEPTH_MAX) {
        (void)fi_sqlparse_tree_refuse(parser, "the statement is too deep");
        return NO_NODE;
    }
    parser->depth++;
    size_t from = parser->word.from;
    int left = read_and(parser);
    while (!parser->has_failed && fi_sqlparse_tree_take(parser, "or")) {
        left = new_over(parser, NODE_OR, left, from);
        int right = read_and(parser);
        add_operand(parser, left, right);
    }
    parser->depth--;
    return parser->has_failed ? NO_NODE : left;
}

/* ---- comparing ---- */

bool
fi_sqlparse_tree_is_call(const struct node *node, const char *name)
{
    return node->kind == NODE_CALL && fi_sqlparse_tree_same_name(node->text, node->size, name);
}

bool
fi_sqlparse_tree_is_known(const struct node *node)
{
    static const char *const names[] = {
        "abs",    "round",  "coalesce", "ifnull", "nullif",  "iif",      "upper",    "lower",
        "length", "substr", "printf",   "format", "typeof",  "date",     "time",     "datetime",
        "trim",   "ltrim",  "rtrim",    "hex",    "replace", "strftime", "instr",    "julianday",
        "quote",  "sign",   "min",      "max",    "unicode", "char",     "substring"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (fi_sqlparse_tree_is_call(node, names[i])) {
            return !node->is_distinct && !node->has_star;
        }
    }
    return false;
}

static bool
have_same_text(const struct node *a, const struct node *b)
{
    bool folds = a->kind == NODE_CALL || a->kind == NODE_CAST || a->kind == NODE_NAME;
    if (a->kind == NODE_NAME && a->column != NO_COLUMN) {
        return a->column == b->column;
    }
    return a->size == b->size &&
           (a->size == 0 || (folds ? sqlite3_strnicmp(a->text, b->text, (int)a->size) == 0
                                   : memcmp(a->text, b->text, a->size) == 0));
}

bool
fi_sqlparse_tree_same(const struct parser *parser, int a, int b)
{
    assert(a < parser->node_count && b < parser->node_count);
    const struct node *x = &parser->nodes[a];
    const struct node *y = &parser->nodes[b];
    bool are_same = x->kind == y->kind && x->sign == y->sign && x->is_negated == y->is_negated &&
                    x->has_base == y->has_base && x->has_else == y->has_else &&
                    x->is_distinct == y->is_distinct && x->has_star == y->has_star &&
                    have_same_text(x, y);
    int i = x->first;
    int j = y->first;
    while (are_same && i != NO_NODE && j != NO_NODE) {
        are_same = fi_sqlparse_tree_same(parser, i, j);
        i = parser->nodes[i].next;
        j = parser->nodes[j].next;
    }
    return are_same && i == j;
}
