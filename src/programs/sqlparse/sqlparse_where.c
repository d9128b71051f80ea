/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlparse/sqlparse_where.c: conditions over rows, put into firn's language where both mean the
 * same.
 *
 * Rules, each for a difference:
 *
 * - SQLite converts between numbers and texts where columns are compared with literals of another
 *   class; here classes must agree.
 * - REAL that is NaN is null in SQLite. Where null is as false, because the condition only keeps
 *   rows, comparisons are written so that a NaN fails them in firn, too; elsewhere nullif(x, NaN)
 *   stands for x. (x AND y), (x OR y) keep a row as they do with false for null.
 * - Integers and REAL are compared exactly by SQLite, as REAL by firn: the same for integers below
 *   2^53.
 * - Decimals are REAL in SQLite. Up to 15 digits decimals and their REALs have one order, and so
 *   have literals of up to 15 digits; a REAL of more digits stands between two decimals.
 * - Dates, times and UUIDs are texts in SQLite, whose order is that of firn for literals in firn's
 *   own form.
 * - LIKE folds the case of ASCII; a pattern is no more than the beginning of a text, for SQLite
 *   ends patterns and texts at a NUL.
 */
#include "sqlparse/sqlparse_internal.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

SQLITE_EXTENSION_INIT3

static const struct piece no_piece = {.text = NULL};

static bool
is_number(const struct piece *piece)
{
    return piece->class <= PIECE_COMPUTED;
}

/* ---- literals ---- */

static bool
are_digits(const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
    }
    return true;
}

/* Whether a text is a date as firn writes it; that there is such a day, firn says. */
static bool
is_date(const struct piece *piece)
{
    const char *text = piece->quoted;
    return piece->is_literal && piece->class == PIECE_TEXT && piece->quoted_size == 10 &&
           are_digits(text, 4) && text[4] == '-' && are_digits(text + 5, 2) && text[7] == '-' &&
           are_digits(text + 8, 2) && memcmp(text, "0000", 4) != 0;
}

/* Seconds as firn writes them: a fraction has no zero at its end. */
static bool
is_timestamp(const struct piece *piece)
{
    assert(piece->text != NULL);
    const char *text = piece->quoted;
    size_t size = piece->quoted_size;
    struct piece day = *piece;
    day.quoted_size = 10;
    if (!piece->is_literal || piece->class != PIECE_TEXT || size < 19 || !is_date(&day)) {
        return false;
    }
    bool is_time = text[10] == ' ' && are_digits(text + 11, 2) && text[13] == ':' &&
                   are_digits(text + 14, 2) && text[16] == ':' && are_digits(text + 17, 2) &&
                   text[17] < '6';
    return is_time && (size == 19 || (text[19] == '.' && size > 20 && size <= 26 &&
                                      are_digits(text + 20, size - 20) && text[size - 1] != '0'));
}

static bool
is_uuid(const struct piece *piece)
{
    if (!piece->is_literal || piece->class != PIECE_TEXT || piece->quoted_size != 36) {
        return false;
    }
    for (size_t i = 0; i < 36; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        char byte = piece->quoted[i];
        bool is_hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
        if (is_dash ? byte != '-' : !is_hex) {
            return false;
        }
    }
    return true;
}

static const char *
sign_text(char sign)
{
    switch (sign) {
    case 'l':
        return "<=";
    case 'g':
        return ">=";
    case 'n':
        return "<>";
    case '<':
        return "<";
    case '>':
        return ">";
    default:
        return "=";
    }
}

static char
turned(char sign)
{
    switch (sign) {
    case 'l':
        return 'g';
    case 'g':
        return 'l';
    case '<':
        return '>';
    case '>':
        return '<';
    default:
        return sign;
    }
}

/* Whether firn compares two numbers as SQLite does. */
static bool
compare_alike(const struct piece *a, const struct piece *b)
{
    assert(is_number(a) && is_number(b));
    if (a->class == PIECE_COMPUTED || b->class == PIECE_COMPUTED) {
        return false;
    }
    if (a->class == PIECE_REAL && b->class == PIECE_REAL) {
        return true;
    }
    if (a->class == PIECE_REAL || b->class == PIECE_REAL) {
        const struct piece *real = a->class == PIECE_REAL ? a : b;
        const struct piece *other = a->class == PIECE_REAL ? b : a;
        if (real->is_literal && strpbrk(real->text, "eE") == NULL) {
            return true; /* an exact decimal to firn, of at most 15 digits */
        }
        return other->class == PIECE_INTEGER && other->bound <= FI_SQLPARSE_EXACT_MAX;
    }
    return true;
}

/* Compares a decimal of at most 15 digits with a REAL that is no such decimal. A decimal next to
 * the REAL takes its place: it separates the decimals below the REAL from those above it. NULL:
 * this finds none. */
static const char *
compare_decimal(struct parser *parser, const struct piece *a, char sign, const struct piece *b)
{
    assert(a->class == PIECE_DECIMAL && b->class == PIECE_REAL);
    double number = strtod(b->text, NULL);
    double unit = pow(10, a->scale);
    double nearest = round(number * unit);
    if (fabs(nearest) > 1e14 || strchr("<>lg", sign) == NULL) {
        return NULL;
    }
    double before = (nearest - 1) / unit;
    double there = nearest / unit;
    double after = (nearest + 1) / unit;
    if (before >= number || after <= number || there == number) {
        return NULL;
    }
    bool is_upper = sign == '<' || sign == 'l';
    const char *text = there < number ? (is_upper ? "<=" : ">") : (is_upper ? "<" : ">=");
    char digits[40];
    sqlite3_snprintf((int)sizeof digits, digits, "%.*f", (int)a->scale, there);
    return fi_sqlparse_tree_keep(parser, sqlite3_mprintf("(%s %s %s)", a->text, text, digits));
}

/* Both are numbers, and neither a bool. */
static const char *
compare_numbers(struct parser *parser, const struct piece *a, char sign, const struct piece *b,
                bool is_where)
{
    assert(is_number(a) && is_number(b) && !a->is_literal);
    bool is_between_decimals = a->class == PIECE_DECIMAL && b->class == PIECE_REAL &&
                               b->is_literal && strpbrk(b->text, "eE") != NULL;
    const char *by_decimal = is_between_decimals ? compare_decimal(parser, a, sign, b) : NULL;
    if (by_decimal != NULL) {
        return by_decimal;
    }
    if (!compare_alike(a, b)) {
        (void)fi_sqlparse_tree_refuse(parser, "a comparison whose rounding SQLite has to decide");
        return NULL;
    }
    bool is_real =
        (a->class == PIECE_REAL && !a->is_literal) || (b->class == PIECE_REAL && !b->is_literal);
    const char *left = is_real ? fi_sqlparse_rows_real(parser, a) : a->text;
    const char *right = is_real ? fi_sqlparse_rows_real(parser, b) : b->text;
    if (a->may_be_nan && !b->may_be_nan && is_where && strchr("<l=", sign) != NULL) {
        return fi_sqlparse_tree_keep(parser,
                                     sqlite3_mprintf("%s %s %s", left, sign_text(sign), right));
    }
    if (a->may_be_nan && !b->may_be_nan && is_where && strchr(">g", sign) != NULL) {
        return fi_sqlparse_tree_keep(parser, sqlite3_mprintf("(%s %s %s and %s <= f64 'infinity')",
                                                             left, sign_text(sign), right, left));
    }
    left = a->may_be_nan ? fi_sqlparse_rows_number(parser, a) : left;
    right = b->may_be_nan ? fi_sqlparse_rows_number(parser, b) : right;
    return fi_sqlparse_tree_keep(parser,
                                 sqlite3_mprintf("(%s %s %s)", left, sign_text(sign), right));
}

/* Whether two values that are texts to SQLite have the same order in firn; *sign may change for
 * it. */
static bool
order_alike(const struct piece *a, const struct piece *b, char *sign)
{
    assert(!is_number(a) && !is_number(b));
    if (a->class == b->class) {
        return !a->is_literal || !b->is_literal;
    }
    if (a->class == PIECE_DATE) {
        return is_date(b);
    }
    if (a->class == PIECE_FIXED) {
        return is_uuid(b);
    }
    if (a->class == PIECE_TIMESTAMP && is_date(b) && strchr("<>lg", *sign) != NULL) {
        /* The text of midnight is that of its day and more, so it is larger than the day's. */
        if (*sign == 'l') {
            *sign = '<';
        } else if (*sign == '>') {
            *sign = 'g';
        }
        return true;
    }
    return a->class == PIECE_TIMESTAMP && is_timestamp(b);
}

static const char *
compare_pieces(struct parser *parser, struct piece a, char sign, struct piece b, bool is_where)
{
    a = fi_sqlparse_rows_integer(parser, a);
    b = fi_sqlparse_rows_integer(parser, b);
    if (a.text == NULL || b.text == NULL) {
        return NULL;
    }
    if (a.is_literal || (b.may_be_nan && !a.may_be_nan)) { /* a literal stands on the right */
        struct piece other = a;
        a = b;
        b = other;
        sign = turned(sign);
    }
    if (a.is_literal) {
        (void)fi_sqlparse_tree_refuse(parser, "a comparison of literals");
        return NULL;
    }
    if (is_number(&a) && is_number(&b)) {
        return compare_numbers(parser, &a, sign, &b, is_where);
    }
    if (is_number(&a) || is_number(&b) || !order_alike(&a, &b, &sign)) {
        (void)fi_sqlparse_tree_refuse(parser, "a comparison of different classes");
        return NULL;
    }
    return fi_sqlparse_tree_keep(parser,
                                 sqlite3_mprintf("(%s %s %s)", a.text, sign_text(sign), b.text));
}

/* LIKE and GLOB with a text that is looked for at the beginning. */
static const char *
prefix_condition(struct parser *parser, const struct node *node)
{
    assert(node->kind == NODE_LIKE || node->kind == NODE_GLOB);
    bool is_like = node->kind == NODE_LIKE;
    struct piece value = fi_sqlparse_rows_value(parser, node->first);
    const struct node *pattern = &parser->nodes[parser->nodes[node->first].next];
    size_t size = pattern->size;
    bool is_prefix = value.text != NULL && value.class == PIECE_TEXT && !value.is_literal &&
                     pattern->kind == NODE_STRING && size > 0 &&
                     pattern->text[size - 1] == (is_like ? '%' : '*');
    for (size_t i = 0; is_prefix && i + 1 < size; i++) {
        is_prefix = strchr(is_like ? "%_" : "*?[", pattern->text[i]) == NULL;
    }
    if (!is_prefix) {
        (void)fi_sqlparse_tree_refuse(parser, "a pattern that is more than a prefix");
        return NULL;
    }
    parser->folds_case |= is_like;
    const char *negated = node->is_negated ? "not " : "";
    char *text = sqlite3_mprintf(is_like ? "(%sstarts_with(lower(%s), lower('%.*s')))"
                                         : "(%sstarts_with(%s, '%.*s'))",
                                 negated, value.text, (int)size - 1, pattern->text);
    return fi_sqlparse_tree_keep(parser, text);
}

static const char *
in_condition(struct parser *parser, const struct node *node)
{
    assert(node->kind == NODE_IN);
    struct piece value =
        fi_sqlparse_rows_integer(parser, fi_sqlparse_rows_value(parser, node->first));
    sqlite3_str *text = sqlite3_str_new(NULL);
    int at = parser->nodes[node->first].next;
    bool is_fine = value.text != NULL && !value.is_literal && !value.is_unsigned && at != NO_NODE;
    bool is_real = value.class == PIECE_REAL;
    if (is_fine) {
        sqlite3_str_appendf(text, "(%s %sin (", fi_sqlparse_rows_number(parser, &value),
                            node->is_negated ? "not " : "");
    }
    for (const char *comma = ""; is_fine && at != NO_NODE; at = parser->nodes[at].next) {
        struct piece item = fi_sqlparse_rows_value(parser, at);
        char sign = '=';
        is_fine = item.text != NULL && item.is_literal &&
                  (is_number(&value) ? is_number(&item) && compare_alike(&value, &item)
                                     : !is_number(&item) && order_alike(&value, &item, &sign));
        if (is_fine) {
            sqlite3_str_appendf(text, "%s%s", comma,
                                is_real ? fi_sqlparse_rows_real(parser, &item) : item.text);
        }
        comma = ", ";
    }
    sqlite3_str_appendall(text, "))");
    const char *kept = fi_sqlparse_tree_keep(parser, sqlite3_str_finish(text));
    if (!is_fine) {
        (void)fi_sqlparse_tree_refuse(parser, "an IN that SQLite has to compute");
        return NULL;
    }
    return kept;
}

static const char *
between_condition(struct parser *parser, const struct node *node, bool is_where)
{
    assert(node->kind == NODE_BETWEEN);
    int lower = parser->nodes[node->first].next;
    struct piece value = fi_sqlparse_rows_value(parser, node->first);
    const char *from = compare_pieces(parser, value, 'g', fi_sqlparse_rows_value(parser, lower),
                                      is_where && !node->is_negated);
    const char *to = from != NULL
                         ? compare_pieces(parser, value, 'l',
                                          fi_sqlparse_rows_value(parser, parser->nodes[lower].next),
                                          is_where && !node->is_negated)
                         : NULL;
    if (to == NULL) {
        return NULL;
    }
    const char *format = node->is_negated ? "(not (%s and %s))" : "(%s and %s)";
    return fi_sqlparse_tree_keep(parser, sqlite3_mprintf(format, from, to));
}

/* A value as a condition: not null and not 0. */
static const char *
truth(struct parser *parser, int number)
{
    struct piece piece = fi_sqlparse_rows_value(parser, number);
    if (piece.text == NULL || piece.class == PIECE_BOOL) {
        return piece.text;
    }
    if (piece.class != PIECE_INTEGER) {
        (void)fi_sqlparse_tree_refuse(parser, "a condition that is no comparison");
        return NULL;
    }
    return fi_sqlparse_tree_keep(parser, sqlite3_mprintf("(%s <> 0)", piece.text));
}

static const char *
nullity(struct parser *parser, const struct node *node)
{
    assert(node->kind == NODE_NULLITY);
    struct piece piece = fi_sqlparse_rows_value(parser, node->first);
    if (piece.text == NULL) {
        return NULL;
    }
    return fi_sqlparse_tree_keep(parser, sqlite3_mprintf("(%s is %snull)",
                                                         fi_sqlparse_rows_number(parser, &piece),
                                                         node->is_negated ? "not " : ""));
}

const char *
fi_sqlparse_where_condition(struct parser *parser, int number, bool is_where)
{
    assert(number < parser->node_count);
    if (parser->has_failed || number == NO_NODE) {
        return NULL;
    }
    const struct node *node = &parser->nodes[number];
    switch (node->kind) {
    case NODE_AND:
    case NODE_OR: {
        /* (x or null) keeps a row as (x or false) does: null stays as false inside of both. */
        const char *a = fi_sqlparse_where_condition(parser, node->first, is_where);
        const char *b =
            a != NULL
                ? fi_sqlparse_where_condition(parser, parser->nodes[node->first].next, is_where)
                : NULL;
        return b == NULL ? NULL
                         : fi_sqlparse_tree_keep(
                               parser, sqlite3_mprintf("(%s %s %s)", a,
                                                       node->kind == NODE_AND ? "and" : "or", b));
    }
    case NODE_NOT: {
        const char *a = fi_sqlparse_where_condition(parser, node->first, false);
        return a == NULL ? NULL : fi_sqlparse_tree_keep(parser, sqlite3_mprintf("(not %s)", a));
    }
    case NODE_COMPARE: {
        struct piece a = fi_sqlparse_rows_value(parser, node->first);
        struct piece b = a.text != NULL
                             ? fi_sqlparse_rows_value(parser, parser->nodes[node->first].next)
                             : no_piece;
        return b.text == NULL ? NULL : compare_pieces(parser, a, node->sign, b, is_where);
    }
    case NODE_NULLITY:
        return nullity(parser, node);
    case NODE_BETWEEN:
        return between_condition(parser, node, is_where);
    case NODE_IN:
        return in_condition(parser, node);
    case NODE_LIKE:
    case NODE_GLOB:
        return prefix_condition(parser, node);
    case NODE_IS:
        (void)fi_sqlparse_tree_refuse(parser, "IS");
        return NULL;
    default:
        return truth(parser, number);
    }
}
