/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_parse.c: parses a text into a syntax tree.
 *
 * A parser by recursive descent: one function for each level of the grammar (expr.h), which calls
 * the one that binds tighter. It recurses only where a part is nested in another: parentheses,
 * arguments, a second "not" or "-". This depth is counted, up to FI_EXPR_DEPTH_MAX; the operators
 * of one level are a loop. Long lists, such as those of "and", are one node with many parts, so
 * they do not make the tree deep.
 *
 * Columns are not looked up here, and no types are known except those that a text names.
 */
#include "expr/expr_parse.h"

#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "expr/expr_internal.h"
#include "text/text_token.h"
#include "text/text_value.h"

struct parser {
    firn_slice text;
    const char *of;
    struct fi_arena *arena;
    struct fi_text_token token; /* not taken yet */
    size_t at;                  /* after it */
    size_t end;                 /* of the token taken last */
    unsigned depth;
    size_t nodes;
    firn_error *err;
};

/* ---- messages ---- */

const char *
fi_expr_parse_place(const char *of, firn_slice text, size_t at, char out[FI_EXPR_PLACE_SIZE])
{
    size_t characters = 1;
    for (size_t i = 0; i < at && i < text.size; i++) {
        characters += (text.data[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    (void)snprintf(out, FI_EXPR_PLACE_SIZE, "%.60s%scharacter %zu", of != NULL ? of : "",
                   of != NULL ? ", " : "", characters);
    return out;
}

static int
expr_parse_fail(struct parser *parser, const char *what)
{
    char place[FI_EXPR_PLACE_SIZE];
    char found[FI_TEXT_VALUE_SHORT_SIZE];
    size_t at = parser->token.at;
    firn_slice rest = firn_bytes(parser->text.data + at, parser->text.size - at);
    rest.size = parser->token.text.size > 0 && parser->token.kind != FI_TEXT_TOKEN_HEX
                    ? parser->token.text.size
                    : rest.size;
    DCHECK(at <= parser->text.size);
    (void)fi_expr_parse_place(parser->of, parser->text, at, place);
    if (rest.size == 0) {
        return fi_error_set(parser->err, FIRN_INVALID, "%s: %s, but the text ends", place, what);
    }
    fi_text_value_shorten(rest, found);
    return fi_error_set(parser->err, FIRN_INVALID, "%s: %s, at \"%s\"", place, what, found);
}

static int
fail_limit(struct parser *parser, const char *what, int limit)
{
    char place[FI_EXPR_PLACE_SIZE];
    (void)fi_expr_parse_place(parser->of, parser->text, parser->token.at, place);
    return fi_error_set(parser->err, FIRN_LIMIT, "%s: %s %d", place, what, limit);
}

/* ---- tokens and nodes ---- */

static int
expr_parse_advance(struct parser *parser)
{
    parser->end = parser->at;
    const char *wrong = fi_text_token_next(parser->text, &parser->at, &parser->token);
    if (wrong != NULL) {
        parser->token.text.size = 0;
        return expr_parse_fail(parser, wrong);
    }
    return FIRN_OK;
}

static bool
is_next(const struct parser *parser, const char *what)
{
    return fi_text_token_is(&parser->token, what);
}

/* Takes the token if it is this one. */
static int
expr_parse_accept(struct parser *parser, const char *what, bool *out_taken)
{
    *out_taken = is_next(parser, what);
    return *out_taken ? expr_parse_advance(parser) : FIRN_OK;
}

static int
expr_parse_expect(struct parser *parser, const char *what)
{
    char message[64];
    if (!is_next(parser, what)) {
        (void)snprintf(message, sizeof message, "expected \"%s\"", what);
        return expr_parse_fail(parser, message);
    }
    return expr_parse_advance(parser);
}

static int
new_node(struct parser *parser, enum fi_expr_syntax_kind kind, struct fi_expr_syntax **out)
{
    bool is_counted = kind > FI_EXPR_SYNTAX_BOOL;
    *out = NULL;
    parser->nodes += is_counted ? 1 : 0;
    if (parser->nodes > FI_EXPR_NODES_MAX) {
        return fi_error_never_ok(
            fail_limit(parser, "the number of parts is limited to", FI_EXPR_NODES_MAX));
    }
    struct fi_expr_syntax *node = fi_arena_alloc(parser->arena, sizeof *node);
    if (node == NULL) {
        return fi_error_no_memory(parser->err, "an expression");
    }
    *node = (struct fi_expr_syntax){.kind = (uint8_t)kind, .at = (uint32_t)parser->token.at};
    *out = node;
    return FIRN_OK;
}

static void
add_child(struct fi_expr_syntax *node, struct fi_expr_syntax *child)
{
    DCHECK(node != NULL && child != NULL && child->next == NULL);
    if (node->last != NULL) {
        node->last->next = child;
    } else {
        node->first = child;
    }
    node->last = child;
    node->child_count++;
}

/* The text between the quotes of the token. */
static int
expr_parse_unquote(struct parser *parser, firn_slice *out)
{
    uint8_t *bytes = fi_arena_alloc(parser->arena, parser->token.text.size);
    if (bytes == NULL) {
        return fi_error_no_memory(parser->err, "an expression");
    }
    *out = firn_bytes(bytes, fi_text_token_unquote(&parser->token, bytes));
    return FIRN_OK;
}

/* ---- levels of the grammar ---- */

static int parse_expression(struct parser *parser, struct fi_expr_syntax **out);
static int parse_sum(struct parser *parser, struct fi_expr_syntax **out);

static bool
is_reserved(const struct fi_text_token *token)
{
    static const char *const words[] = {
        "and",  "or",   "not",  "is",   "null", "true", "false",    "between", "in",  "like",
        "case", "when", "then", "else", "end",  "as",   "distinct", "from",    "asc", "desc",
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (token->kind == FI_TEXT_TOKEN_WORD && fi_text_token_is(token, words[i])) {
            return true;
        }
    }
    return false;
}

/* Takes the token into a node. */
static int
parse_leaf(struct parser *parser, enum fi_expr_syntax_kind kind, struct fi_expr_syntax **out)
{
    FI_TRY_RETURN(new_node(parser, kind, out));
    DCHECK(*out != NULL);
    (*out)->text = parser->token.text;
    if (parser->token.kind == FI_TEXT_TOKEN_STRING || parser->token.kind == FI_TEXT_TOKEN_QUOTED) {
        FI_TRY_RETURN(expr_parse_unquote(parser, &(*out)->text));
    }
    return expr_parse_advance(parser);
}

/* Reads parts up to the closing parenthesis, which is taken. */
static int
parse_parts(struct parser *parser, struct fi_expr_syntax *node)
{
    struct fi_expr_syntax *part;
    bool is_more;
    do {
        FI_TRY_RETURN(parse_expression(parser, &part));
        add_child(node, part);
        FI_TRY_RETURN(expr_parse_accept(parser, ",", &is_more));
    } while (is_more);
    return expr_parse_expect(parser, ")");
}

/* A whole number from 0 to max. */
static int
parse_small(struct parser *parser, uint32_t max, uint32_t *out)
{
    uint32_t number = 0;
    bool is_good = parser->token.kind == FI_TEXT_TOKEN_NUMBER && parser->token.text.size <= 6;
    for (size_t i = 0; is_good && i < parser->token.text.size; i++) {
        uint8_t byte = parser->token.text.data[i];
        is_good = byte >= '0' && byte <= '9';
        number = number * 10 + (uint32_t)byte - '0';
    }
    if (!is_good || number > max) {
        char message[64];
        (void)snprintf(message, sizeof message, "expected a number from 0 to %u", max);
        return expr_parse_fail(parser, message);
    }
    *out = number;
    return expr_parse_advance(parser);
}

static int
parse_type(struct parser *parser, const struct fi_expr_type **out)
{
    struct fi_expr_type *type = fi_arena_alloc(parser->arena, sizeof *type);
    bool is_taken = false;
    if (type == NULL) {
        return fi_error_no_memory(parser->err, "an expression");
    }
    *type = (struct fi_expr_type){.type = FIRN_TYPE_NULL};
    *out = type;
    if (parser->token.kind == FI_TEXT_TOKEN_WORD) {
        type->type = fi_type_named(parser->token.text);
    }
    if (type->type == FIRN_TYPE_NULL) {
        return expr_parse_fail(parser, "expected a type, as i64 or decimal(12, 2)");
    }
    FI_TRY_RETURN(expr_parse_advance(parser));
    if (type->type == FIRN_TYPE_F64) {
        FI_TRY_RETURN(expr_parse_accept(parser, "precision", &is_taken));
    }
    if (type->type == FIRN_TYPE_DECIMAL) {
        FI_TRY_RETURN(expr_parse_expect(parser, "("));
        FI_TRY_RETURN(parse_small(parser, FI_EXPR_PRECISION_MAX, &type->precision));
        FI_TRY_RETURN(expr_parse_accept(parser, ",", &is_taken));
        if (is_taken) {
            FI_TRY_RETURN(parse_small(parser, type->precision, &type->scale));
        }
        if (type->precision == 0) {
            return expr_parse_fail(parser, "a decimal has 1 to 18 digits");
        }
        FI_TRY_RETURN(expr_parse_expect(parser, ")"));
    } else if (type->type == FIRN_TYPE_VECTOR) {
        FI_TRY_RETURN(expr_parse_expect(parser, "("));
        FI_TRY_RETURN(parse_small(parser, FIRN_TABLE_DIMENSIONS_MAX, &type->dimensions));
        if (type->dimensions == 0) {
            return expr_parse_fail(parser, "a vector has 1 to 65535 dimensions");
        }
        FI_TRY_RETURN(expr_parse_expect(parser, ")"));
    }
    return FIRN_OK;
}

static int
parse_case(struct parser *parser, struct fi_expr_syntax **out)
{
    struct fi_expr_syntax *part;
    bool is_more;
    FI_TRY_RETURN(new_node(parser, FI_EXPR_SYNTAX_CASE, out));
    FI_TRY_RETURN(expr_parse_advance(parser));
    if (!is_next(parser, "when")) {
        return expr_parse_fail(parser, "expected \"when\": write case when x = 1 then …");
    }
    FI_TRY_RETURN(expr_parse_accept(parser, "when", &is_more));
    while (is_more) {
        FI_TRY_RETURN(parse_expression(parser, &part));
        add_child(*out, part);
        FI_TRY_RETURN(expr_parse_expect(parser, "then"));
        FI_TRY_RETURN(parse_expression(parser, &part));
        add_child(*out, part);
        FI_TRY_RETURN(expr_parse_accept(parser, "when", &is_more));
    }
    FI_TRY_RETURN(expr_parse_accept(parser, "else", &is_more));
    if (is_more) {
        (*out)->detail = 1;
        FI_TRY_RETURN(parse_expression(parser, &part));
        add_child(*out, part);
    }
    return expr_parse_expect(parser, "end");
}

/* Reads a call after its name: the parenthesis is next. */
static int
parse_call(struct parser *parser, struct fi_expr_syntax *call)
{
    struct fi_expr_syntax *part;
    bool is_taken;
    int rc;
    call->kind = FI_EXPR_SYNTAX_CALL;
    FI_TRY(expr_parse_advance(parser));
    if (fi_slice_is_word(call->text, "cast")) {
        call->kind = FI_EXPR_SYNTAX_CAST;
        FI_TRY(parse_expression(parser, &part));
        add_child(call, part);
        FI_TRY(expr_parse_expect(parser, "as"));
        FI_TRY(parse_type(parser, &call->type));
        FI_TRY(expr_parse_expect(parser, ")"));
        goto out;
    }
    if (fi_slice_is_word(call->text, "extract")) {
        call->text = parser->token.text;
        FI_TRY(expr_parse_advance(parser));
        FI_TRY(expr_parse_expect(parser, "from"));
    } else if (is_next(parser, "*")) {
        FI_TRY(parse_leaf(parser, FI_EXPR_SYNTAX_STAR, &part));
        add_child(call, part);
        FI_TRY(expr_parse_expect(parser, ")"));
        goto out;
    }
    FI_TRY(expr_parse_accept(parser, ")", &is_taken));
    if (!is_taken) {
        FI_TRY(expr_parse_accept(parser, "distinct", &call->is_negated));
        FI_TRY(parse_parts(parser, call));
    }
out:
    return rc;
}

/* A column, a call, or a type with a text: date '2026-01-31'. */
static int
parse_word(struct parser *parser, struct fi_expr_syntax **out)
{
    struct fi_expr_syntax *part;
    int rc;
    if (is_next(parser, "case")) {
        return parse_case(parser, out);
    }
    if (is_next(parser, "null")) {
        return parse_leaf(parser, FI_EXPR_SYNTAX_NULL, out);
    }
    if (is_next(parser, "true") || is_next(parser, "false")) {
        uint8_t detail = is_next(parser, "true") ? 1 : 0;
        FI_TRY(parse_leaf(parser, FI_EXPR_SYNTAX_BOOL, out));
        (*out)->detail = detail;
        goto out;
    }
    if (is_reserved(&parser->token)) {
        return expr_parse_fail(parser,
                               "expected a value; write a column of this name in double quotes");
    }
    FI_TRY(parse_leaf(parser, FI_EXPR_SYNTAX_NAME, out));
    if (is_next(parser, "(")) {
        FI_TRY(parse_call(parser, *out));
    } else if (parser->token.kind == FI_TEXT_TOKEN_STRING &&
               fi_type_named((*out)->text) != FIRN_TYPE_NULL) {
        struct fi_expr_type *type = fi_arena_alloc(parser->arena, sizeof *type);
        if (type == NULL) {
            return fi_error_no_memory(parser->err, "an expression");
        }
        *type = (struct fi_expr_type){.type = fi_type_named((*out)->text)};
        if (type->type == FIRN_TYPE_DECIMAL || type->type == FIRN_TYPE_VECTOR) {
            return expr_parse_fail(
                parser, "expected an operator; cast('…' as TYPE) needs a type with numbers");
        }
        (*out)->kind = FI_EXPR_SYNTAX_CAST;
        (*out)->type = type;
        FI_TRY(parse_leaf(parser, FI_EXPR_SYNTAX_STRING, &part));
        add_child(*out, part);
    }
out:
    return rc;
}

static int
parse_primary(struct parser *parser, struct fi_expr_syntax **out)
{
    bool is_taken;
    *out = NULL;
    switch (parser->token.kind) {
    case FI_TEXT_TOKEN_NUMBER:
        return parse_leaf(parser, FI_EXPR_SYNTAX_NUMBER, out);
    case FI_TEXT_TOKEN_STRING:
        return parse_leaf(parser, FI_EXPR_SYNTAX_STRING, out);
    case FI_TEXT_TOKEN_HEX:
        return parse_leaf(parser, FI_EXPR_SYNTAX_HEX, out);
    case FI_TEXT_TOKEN_QUOTED:
        return parse_leaf(parser, FI_EXPR_SYNTAX_NAME, out);
    case FI_TEXT_TOKEN_WORD:
        return parse_word(parser, out);
    default:
        break;
    }
    if (is_next(parser, "?")) {
        return parse_leaf(parser, FI_EXPR_SYNTAX_PARAMETER, out);
    }
    FI_TRY_RETURN(expr_parse_accept(parser, "(", &is_taken));
    if (!is_taken) {
        return expr_parse_fail(parser, "expected a value");
    }
    FI_TRY_RETURN(parse_expression(parser, out));
    return expr_parse_expect(parser, ")");
}

/* Goes one level deeper; the caller returns with leave. */
static int
expr_parse_enter(struct parser *parser)
{
    if (parser->depth == FI_EXPR_DEPTH_MAX) {
        return fail_limit(parser, "the depth of parts in each other is limited to",
                          FI_EXPR_DEPTH_MAX);
    }
    parser->depth++;
    return FIRN_OK;
}

static int
parse_unary(struct parser *parser, struct fi_expr_syntax **out)
{
    struct fi_expr_syntax *part;
    bool is_taken;
    if (is_next(parser, "+")) {
        FI_TRY_RETURN(expr_parse_accept(parser, "+", &is_taken));
    }
    if (!is_next(parser, "-")) {
        return parse_primary(parser, out);
    }
    FI_TRY_RETURN(expr_parse_enter(parser));
    FI_TRY_RETURN(new_node(parser, FI_EXPR_SYNTAX_NEGATE, out));
    FI_TRY_RETURN(expr_parse_advance(parser));
    FI_TRY_RETURN(parse_unary(parser, &part));
    add_child(*out, part);
    parser->depth--;
    return FIRN_OK;
}

/* Operators of one level, from left to right. */
static int
parse_binary(struct parser *parser, const char *signs,
             int (*operand)(struct parser *, struct fi_expr_syntax **), struct fi_expr_syntax **out)
{
    struct fi_expr_syntax *node;
    struct fi_expr_syntax *part;
    FI_TRY_RETURN(operand(parser, out));
    while (parser->token.kind == FI_TEXT_TOKEN_SIGN &&
           strchr(signs, parser->token.text.data[0]) != NULL) {
        FI_TRY_RETURN(new_node(parser, FI_EXPR_SYNTAX_BINARY, &node));
        DCHECK(node != NULL);
        node->detail = parser->token.text.data[0];
        FI_TRY_RETURN(expr_parse_advance(parser));
        FI_TRY_RETURN(operand(parser, &part));
        add_child(node, *out);
        add_child(node, part);
        *out = node;
    }
    return FIRN_OK;
}

static int
parse_product(struct parser *parser, struct fi_expr_syntax **out)
{
    return parse_binary(parser, "*/%", parse_unary, out);
}

static int
parse_sum(struct parser *parser, struct fi_expr_syntax **out)
{
    return parse_binary(parser, "+-|", parse_product, out);
}

/* Reads a condition after "is". */
static int
parse_is(struct parser *parser, struct fi_expr_syntax *node)
{
    struct fi_expr_syntax *part;
    FI_TRY_RETURN(expr_parse_accept(parser, "not", &node->is_negated));
    if (is_next(parser, "null")) {
        node->kind = FI_EXPR_SYNTAX_IS_NULL;
        return expr_parse_advance(parser);
    }
    if (is_next(parser, "true") || is_next(parser, "false")) {
        node->kind = FI_EXPR_SYNTAX_IS_TRUE;
        node->detail = is_next(parser, "true") ? 1 : 0;
        return expr_parse_advance(parser);
    }
    if (!is_next(parser, "distinct")) {
        return expr_parse_fail(parser, "expected null, true, false or distinct from");
    }
    node->kind = FI_EXPR_SYNTAX_DISTINCT;
    FI_TRY_RETURN(expr_parse_advance(parser));
    FI_TRY_RETURN(expr_parse_expect(parser, "from"));
    FI_TRY_RETURN(parse_sum(parser, &part));
    add_child(node, part);
    return FIRN_OK;
}

static enum fi_expr_comparison
comparison_of(const struct fi_text_token *token)
{
    static const struct {
        const char *sign;
        enum fi_expr_comparison comparison;
    } signs[] = {
        {"=", FI_EXPR_EQUAL},      {"==", FI_EXPR_EQUAL},         {"!=", FI_EXPR_NOT_EQUAL},
        {"<>", FI_EXPR_NOT_EQUAL}, {"<", FI_EXPR_LESS},           {"<=", FI_EXPR_LESS_EQUAL},
        {">", FI_EXPR_GREATER},    {">=", FI_EXPR_GREATER_EQUAL},
    };
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (token->kind == FI_TEXT_TOKEN_SIGN && fi_text_token_is(token, signs[i].sign)) {
            return signs[i].comparison;
        }
    }
    return 0;
}

/* Parses the rest of a condition that begins with a value. node: not linked yet; its first part is
 * the value. */
static int
parse_test(struct parser *parser, struct fi_expr_syntax *node)
{
    struct fi_expr_syntax *part;
    enum fi_expr_comparison comparison = comparison_of(&parser->token);
    bool is_taken;
    int rc;
    if (comparison != 0) {
        node->kind = FI_EXPR_SYNTAX_COMPARE;
        node->detail = (uint8_t)comparison;
        FI_TRY(expr_parse_advance(parser));
        FI_TRY(parse_sum(parser, &part));
        add_child(node, part);
        goto out;
    }
    FI_TRY(expr_parse_accept(parser, "is", &is_taken));
    if (is_taken) {
        return parse_is(parser, node);
    }
    FI_TRY(expr_parse_accept(parser, "not", &node->is_negated));
    if (is_next(parser, "between")) {
        node->kind = FI_EXPR_SYNTAX_BETWEEN;
        FI_TRY(expr_parse_advance(parser));
        FI_TRY(parse_sum(parser, &part));
        add_child(node, part);
        FI_TRY(expr_parse_expect(parser, "and"));
        FI_TRY(parse_sum(parser, &part));
        add_child(node, part);
    } else if (is_next(parser, "in")) {
        node->kind = FI_EXPR_SYNTAX_IN;
        FI_TRY(expr_parse_advance(parser));
        FI_TRY(expr_parse_expect(parser, "("));
        FI_TRY(parse_parts(parser, node));
    } else if (is_next(parser, "like")) {
        node->kind = FI_EXPR_SYNTAX_LIKE;
        FI_TRY(expr_parse_advance(parser));
        FI_TRY(parse_sum(parser, &part));
        add_child(node, part);
    } else {
        return expr_parse_fail(parser, "expected between, in or like");
    }
out:
    return rc;
}

static int
parse_comparison(struct parser *parser, struct fi_expr_syntax **out)
{
    struct fi_expr_syntax *node;
    FI_TRY_RETURN(parse_sum(parser, out));
    while (comparison_of(&parser->token) != 0 || is_next(parser, "is") || is_next(parser, "not") ||
           is_next(parser, "between") || is_next(parser, "in") || is_next(parser, "like")) {
        FI_TRY_RETURN(new_node(parser, FI_EXPR_SYNTAX_COMPARE, &node));
        add_child(node, *out);
        FI_TRY_RETURN(parse_test(parser, node));
        *out = node;
    }
    return FIRN_OK;
}

static int
parse_not(struct parser *parser, struct fi_expr_syntax **out)
{
    struct fi_expr_syntax *part;
    if (!is_next(parser, "not")) {
        return parse_comparison(parser, out);
    }
    FI_TRY_RETURN(expr_parse_enter(parser));
    FI_TRY_RETURN(new_node(parser, FI_EXPR_SYNTAX_NOT, out));
    FI_TRY_RETURN(expr_parse_advance(parser));
    FI_TRY_RETURN(parse_not(parser, &part));
    add_child(*out, part);
    parser->depth--;
    return FIRN_OK;
}

static int
parse_joined(struct parser *parser, bool is_or, struct fi_expr_syntax **out)
{
    struct fi_expr_syntax *node;
    struct fi_expr_syntax *part;
    const char *word = is_or ? "or" : "and";
    int rc = is_or ? parse_joined(parser, false, out) : parse_not(parser, out);
    FI_TRY(rc);
    if (!is_next(parser, word)) {
        goto out;
    }
    FI_TRY(new_node(parser, is_or ? FI_EXPR_SYNTAX_OR : FI_EXPR_SYNTAX_AND, &node));
    add_child(node, *out);
    *out = node;
    while (is_next(parser, word)) {
        FI_TRY(expr_parse_advance(parser));
        FI_TRY(is_or ? parse_joined(parser, false, &part) : parse_not(parser, &part));
        add_child(node, part);
    }
out:
    return rc;
}

static int
parse_expression(struct parser *parser, struct fi_expr_syntax **out)
{
    FI_TRY_RETURN(expr_parse_enter(parser));
    FI_TRY_RETURN(parse_joined(parser, true, out));
    parser->depth--;
    return FIRN_OK;
}

/* ---- texts ---- */

/* Whether the token is a name in quotes, and all of its item: a list of columns needs no
 * grammar. */
static bool
is_lone_name(const struct parser *parser)
{
    DCHECK(parser->at <= parser->text.size);
    return parser->token.kind == FI_TEXT_TOKEN_QUOTED &&
           (parser->at == parser->text.size || parser->text.data[parser->at] == ',');
}

static int
parse_item(struct parser *parser, const enum fi_expr_list_kind *kind,
           struct fi_expr_syntax_item *out)
{
    bool is_taken = false;
    *out = (struct fi_expr_syntax_item){.start = (uint32_t)parser->token.at};
    if (kind != NULL && *kind == FI_EXPR_SELECT && is_next(parser, "*")) {
        return parse_leaf(parser, FI_EXPR_SYNTAX_STAR, &out->root);
    }
    FI_TRY_RETURN(is_lone_name(parser) ? parse_leaf(parser, FI_EXPR_SYNTAX_NAME, &out->root)
                                       : parse_expression(parser, &out->root));
    out->end = (uint32_t)parser->end;
    if (kind != NULL && *kind == FI_EXPR_ORDER) {
        FI_TRY_RETURN(expr_parse_accept(parser, "desc", &out->is_descending));
        if (!out->is_descending) {
            FI_TRY_RETURN(expr_parse_accept(parser, "asc", &is_taken));
        }
    } else if (kind != NULL && *kind == FI_EXPR_SELECT) {
        FI_TRY_RETURN(expr_parse_accept(parser, "as", &is_taken));
        if (is_taken && parser->token.kind == FI_TEXT_TOKEN_QUOTED) {
            FI_TRY_RETURN(expr_parse_unquote(parser, &out->name));
            FI_TRY_RETURN(expr_parse_advance(parser));
        } else if (is_taken && parser->token.kind == FI_TEXT_TOKEN_WORD) {
            out->name = parser->token.text;
            FI_TRY_RETURN(expr_parse_advance(parser));
        } else if (is_taken) {
            return expr_parse_fail(parser, "expected a name");
        }
        if (is_taken && (out->name.size == 0 || out->name.size > FI_EXPR_NAME_SIZE_MAX)) {
            return expr_parse_fail(parser, "the name before this has 0, or more than 255 bytes");
        }
    }
    return FIRN_OK;
}

int
fi_expr_parse(const struct fi_expr_parse_input *input, struct fi_arena *arena,
              struct fi_expr_syntax_item **out, size_t *out_count, firn_error *err)
{
    struct parser parser = {
        .text = input->text, .of = input->of, .arena = arena, .err = err, .at = 0};
    struct fi_expr_syntax_item *items = NULL;
    size_t count = 0;
    size_t capacity = 0;
    bool is_more = true;
    int rc;
    if (input->text.size > FI_EXPR_TEXT_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "%s%sthe text has %zu bytes, and at most %d can be read",
                            input->of != NULL ? input->of : "", input->of != NULL ? ": " : "",
                            input->text.size, FI_EXPR_TEXT_SIZE_MAX);
    }
    FI_TRY(expr_parse_advance(&parser));
    while (is_more) {
        if (count == FI_EXPR_ITEMS_MAX) {
            FI_TRY(fail_limit(&parser, "the number of items is limited to", FI_EXPR_ITEMS_MAX));
        }
        FI_TRY(FI_VEC_RESERVE(items, count + 1, capacity, err));
        FI_TRY(parse_item(&parser, input->kind, &items[count++]));
        is_more = false;
        if (input->kind != NULL) {
            FI_TRY(expr_parse_accept(&parser, ",", &is_more));
        }
    }
    if (parser.token.kind != FI_TEXT_TOKEN_END) {
        FI_TRY(expr_parse_fail(&parser, input->kind != NULL
                                            ? "expected an operator, a comma or the end"
                                            : "expected an operator or the end"));
    }
    DCHECK(parser.depth == 0 && count > 0);
    *out = fi_arena_alloc(arena, count * sizeof *items);
    if (*out == NULL) {
        FI_TRY(fi_error_no_memory(err, "an expression"));
    }
    memcpy(*out, items, count * sizeof *items);
    *out_count = count;
out:
    fi_free(items);
    return rc;
}
