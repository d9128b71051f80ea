/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlparse/sqlparse_rows.c: expressions over rows, put into firn's language where both mean the
 * same.
 *
 * Every expression has a class: what firn has, and how SQLite sees it (sql.h: values). Rules, each
 * for a difference:
 *
 * - Overflow: SQLite goes on with a REAL, firn refuses (FIRN_LIMIT), and the statement goes to
 *   SQLite then.
 * - Integers divide to integers in SQLite: (a - a % b) / b is the same while both are below 2^53
 *   (bound).
 * - A comparison is an INTEGER in SQLite and a bool in firn: cast where a number is wanted, x <> 0
 *   where a condition is.
 * - REAL that is NaN is null in SQLite: nullif(x, NaN).
 * - Decimals are REAL in SQLite. Their results are exact in firn and rounded in SQLite: only sums
 *   and averages take them, whose last bits are not promised.
 * - Dates and times are texts in SQLite, and so are their parts.
 *
 * SQLite computes an expression without columns, once, and the result stands for it.
 */
#include "sqlparse/sqlparse_internal.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

SQLITE_EXTENSION_INIT3

enum { DIGITS_MAX = 15, INTEGER_DIGITS_MAX = 18 };

static const struct piece no_piece = {.text = NULL};

static struct piece
sqlparse_rows_refuse(struct parser *parser, const char *what)
{
    (void)fi_sqlparse_tree_refuse(parser, "%s", what);
    return no_piece;
}

static bool
is_number(const struct piece *piece)
{
    return piece->class <= PIECE_COMPUTED;
}

/* ---- columns and literals ---- */

static const char *
quoted_name(struct parser *parser, const char *name)
{
    return fi_sqlparse_tree_keep(parser, sqlite3_mprintf("\"%w\"", name));
}

/* TRUE or FALSE, where no column is called so; in quotes it would be a name. */
static bool
is_truth(const struct parser *parser, const struct node *node)
{
    return node->column == NO_COLUMN && node->text == parser->text + node->from &&
           (fi_sqlparse_tree_same_name(node->text, node->size, "true") ||
            fi_sqlparse_tree_same_name(node->text, node->size, "false"));
}

static struct piece
column_piece(struct parser *parser, const struct node *node)
{
    assert(node->kind == NODE_NAME);
    if (is_truth(parser, node)) {
        return (struct piece){.text = node->text[0] == 't' || node->text[0] == 'T' ? "1" : "0",
                              .is_literal = true,
                              .bound = 1};
    }
    if (node->column == NO_COLUMN) {
        (void)fi_sqlparse_tree_refuse(parser, "%.*s is no column", (int)node->size, node->text);
        return no_piece;
    }
    const firn_table_column *column = &parser->def->columns[node->column];
    struct piece piece = {.text = quoted_name(parser, column->name)};
    const unsigned bits = 8U * fi_type_size(column->type);
    switch (fi_type_class_of(column->type)) {
    case FI_TYPE_CLASS_BOOL:
        piece.class = PIECE_BOOL;
        return piece;
    case FI_TYPE_CLASS_SIGNED:
    case FI_TYPE_CLASS_UNSIGNED:
        piece.bound = ldexp(1, (int)(column->type == FIRN_TYPE_I64 ? bits - 1 : bits));
        piece.is_unsigned = column->type == FIRN_TYPE_U64;
        return piece;
    case FI_TYPE_CLASS_FLOAT:
        piece.class = PIECE_REAL;
        piece.may_be_nan = true;
        return piece;
    case FI_TYPE_CLASS_DECIMAL:
        piece.class = PIECE_DECIMAL;
        piece.scale = column->scale;
        if (column->scale == 0) {
            piece.class = PIECE_INTEGER;
            piece.bound = pow(10, column->precision);
        } else if (column->precision > DIGITS_MAX) {
            piece.class = PIECE_COMPUTED;
        }
        return piece;
    case FI_TYPE_CLASS_TIME:
        piece.class = column->type == FIRN_TYPE_DATE ? PIECE_DATE : PIECE_TIMESTAMP;
        return piece;
    case FI_TYPE_CLASS_TEXT:
        piece.class = PIECE_TEXT;
        return piece;
    case FI_TYPE_CLASS_BLOB:
        piece.class = PIECE_BLOB;
        return piece;
    case FI_TYPE_CLASS_FIXED:
        piece.class = PIECE_FIXED;
        return piece;
    case FI_TYPE_CLASS_NULL:
    case FI_TYPE_CLASS_VECTOR:
        break;
    }
    return sqlparse_rows_refuse(parser, "a vector");
}

/* Digits of a number that count, without zeros in front. */
static size_t
count_digits(const struct node *node)
{
    size_t digits = 0;
    for (size_t i = 0; i < node->size && node->text[i] != 'e' && node->text[i] != 'E'; i++) {
        bool is_digit = node->text[i] >= '0' && node->text[i] <= '9';
        digits += is_digit && (digits > 0 || node->text[i] != '0');
    }
    return digits;
}

static struct piece
number_piece(struct parser *parser, const struct node *node)
{
    assert(node->kind == NODE_NUMBER && node->size > 0);
    char *text = sqlite3_mprintf("%.*s", (int)node->size, node->text);
    struct piece piece = {.text = fi_sqlparse_tree_keep(parser, text), .is_literal = true};
    bool is_integer = strspn(piece.text, "0123456789") == node->size;
    size_t digits = count_digits(node);
    piece.bound = fabs(strtod(piece.text, NULL)); /* rounded to the nearest: bounds are coarse */
    if (is_integer && digits <= INTEGER_DIGITS_MAX) {
        piece.class = PIECE_INTEGER;
        return piece;
    }
    if (is_integer || digits > DIGITS_MAX || piece.bound > 1e15 ||
        (piece.bound > 0 && piece.bound < 1e-15)) {
        return sqlparse_rows_refuse(parser, "a number with so many digits");
    }
    piece.class = PIECE_REAL;
    return piece;
}

static struct piece
text_piece(struct parser *parser, const struct node *node, const char *before,
           enum piece_class class)
{
    assert(class == PIECE_TEXT || class == PIECE_BLOB);
    char *text = sqlite3_mprintf("%s'%.*s'", before, (int)node->size, node->text);
    return (struct piece){.class = class,
                          .text = fi_sqlparse_tree_keep(parser, text),
                          .is_literal = true,
                          .quoted = node->text,
                          .quoted_size = node->size};
}

/* ---- constants ---- */

/* Whether a part has no column in it, and one value for the whole statement. */
static bool
is_constant(const struct parser *parser, const struct node *node)
{
    bool is_fine = node->kind != NODE_NAME || is_truth(parser, node);
    is_fine = is_fine && (node->kind != NODE_CALL || fi_sqlparse_tree_is_known(node));
    for (int at = node->first; at != NO_NODE && is_fine; at = parser->nodes[at].next) {
        is_fine = is_constant(parser, &parser->nodes[at]);
    }
    return is_fine;
}

/* A number that SQLite has computed, as it would have been written: with 15 digits where they say
 * it all. */
static struct piece
real_piece(struct parser *parser, double number)
{
    struct piece piece = {.class = PIECE_REAL, .is_literal = true, .bound = fabs(number)};
    char digits[40];
    if (!isfinite(number)) {
        return sqlparse_rows_refuse(parser, "a number that is not finite");
    }
    sqlite3_snprintf((int)sizeof digits, digits, "%!.15g", number);
    if (strtod(digits, NULL) != number) {
        /* An exponent says that it is no decimal. */
        sqlite3_snprintf((int)sizeof digits, digits, "%!.17e", number);
    }
    if (strtod(digits, NULL) != number) {
        return sqlparse_rows_refuse(parser, "a number with so many digits");
    }
    piece.text = fi_sqlparse_tree_keep(parser, sqlite3_mprintf("%s", digits));
    return piece;
}

static struct piece
constant_text(struct parser *parser, sqlite3_stmt *statement)
{
    const char *value = (const char *)sqlite3_column_text(statement, 0);
    if (value == NULL || strlen(value) != (size_t)sqlite3_column_bytes(statement, 0)) {
        return sqlparse_rows_refuse(parser, "a text with a NUL");
    }
    const char *text = fi_sqlparse_tree_keep(parser, sqlite3_mprintf("%Q", value));
    struct piece piece = {.class = PIECE_TEXT, .text = text, .is_literal = true};
    if (text[0] == '\'') {
        piece.quoted = text + 1;
        piece.quoted_size = strlen(text) - 2;
    }
    return piece;
}

/* Has SQLite compute a part without columns. */
static struct piece
constant_piece(struct parser *parser, const struct node *node)
{
    sqlite3_stmt *statement = NULL;
    struct piece piece = no_piece;
    char *sql =
        sqlite3_mprintf("SELECT %.*s", (int)(node->to - node->from), parser->text + node->from);
    bool is_there = sql != NULL &&
                    sqlite3_prepare_v2(parser->db, sql, -1, &statement, NULL) == SQLITE_OK &&
                    sqlite3_step(statement) == SQLITE_ROW;
    int type = is_there ? sqlite3_column_type(statement, 0) : SQLITE_NULL;
    sqlite3_int64 whole = type == SQLITE_INTEGER ? sqlite3_column_int64(statement, 0) : 0;
    if (type == SQLITE_INTEGER && whole > -1000000000000000000 && whole < 1000000000000000000) {
        piece.text = fi_sqlparse_tree_keep(parser, sqlite3_mprintf("%lld", whole));
        piece.is_literal = true;
        piece.bound = fabs((double)whole);
    } else if (type == SQLITE_FLOAT) {
        piece = real_piece(parser, sqlite3_column_double(statement, 0));
    } else if (type == SQLITE_TEXT) {
        piece = constant_text(parser, statement);
    } else {
        piece = sqlparse_rows_refuse(parser, "a constant that firn does not write");
    }
    (void)sqlite3_finalize(statement);
    sqlite3_free(sql);
    return piece;
}

/* ---- conversions ---- */

const char *
fi_sqlparse_rows_number(struct parser *parser, const struct piece *piece)
{
    assert(piece->text != NULL);
    return piece->may_be_nan ? fi_sqlparse_tree_keep(
                                   parser, sqlite3_mprintf("nullif(%s, f64 'nan')", piece->text))
                             : piece->text;
}

struct piece
fi_sqlparse_rows_integer(struct parser *parser, struct piece piece)
{
    if (piece.text != NULL && piece.class == PIECE_BOOL) {
        char *text = sqlite3_mprintf("cast(%s as i64)", piece.text);
        piece = (struct piece){.text = fi_sqlparse_tree_keep(parser, text), .bound = 1};
    }
    return piece;
}

const char *
fi_sqlparse_rows_real(struct parser *parser, const struct piece *piece)
{
    assert(piece->text != NULL && is_number(piece));
    bool is_plain = piece->is_literal && strpbrk(piece->text, "eE") == NULL;
    return is_plain ? fi_sqlparse_tree_keep(parser, sqlite3_mprintf("%se0", piece->text))
                    : piece->text;
}

/* ---- arithmetic ---- */

static struct piece
computed(struct parser *parser, const struct piece *a, char sign, const struct piece *b)
{
    assert(is_number(a) && is_number(b) && sign != '\0');
    bool is_real = a->class == PIECE_REAL || b->class == PIECE_REAL;
    bool is_decimal = (a->class >= PIECE_DECIMAL && a->class <= PIECE_COMPUTED) ||
                      (b->class >= PIECE_DECIMAL && b->class <= PIECE_COMPUTED);
    bool has_decimal_and_float = is_decimal && ((a->class == PIECE_REAL && !a->is_literal) ||
                                                (b->class == PIECE_REAL && !b->is_literal));
    struct piece piece = {.class = is_decimal ? PIECE_COMPUTED : PIECE_REAL};
    if (sign == '%') {
        return sqlparse_rows_refuse(parser, "% of numbers that are not whole");
    }
    /* Divided decimals are f64 in firn; sums of those have another exactness, and the same
     * promise. */
    piece.may_be_nan = a->may_be_nan || b->may_be_nan || (is_real && !is_decimal) ||
                       has_decimal_and_float || sign == '/';
    const char *left =
        is_decimal && !has_decimal_and_float ? a->text : fi_sqlparse_rows_real(parser, a);
    const char *right =
        is_decimal && !has_decimal_and_float ? b->text : fi_sqlparse_rows_real(parser, b);
    piece.text = fi_sqlparse_tree_keep(parser, sqlite3_mprintf("(%s %c %s)", left, sign, right));
    return piece;
}

static struct piece
binary_piece(struct parser *parser, const struct node *node)
{
    assert(node->kind == NODE_BINARY);
    struct piece a = fi_sqlparse_rows_integer(parser, fi_sqlparse_rows_value(parser, node->first));
    if (a.text == NULL) {
        return no_piece;
    }
    struct piece b = fi_sqlparse_rows_integer(
        parser, fi_sqlparse_rows_value(parser, parser->nodes[node->first].next));
    if (b.text == NULL) {
        return no_piece;
    }
    if (strchr("+-*/%", node->sign) == NULL || !is_number(&a) || !is_number(&b) || a.is_unsigned ||
        b.is_unsigned) {
        return sqlparse_rows_refuse(parser, "an operator that SQLite has to compute");
    }
    if (a.class != PIECE_INTEGER || b.class != PIECE_INTEGER) {
        return computed(parser, &a, node->sign, &b);
    }
    struct piece piece = {.class = PIECE_INTEGER};
    char *text = NULL;
    switch (node->sign) {
    case '/':
        if (a.bound > FI_SQLPARSE_EXACT_MAX || b.bound > FI_SQLPARSE_EXACT_MAX) {
            return sqlparse_rows_refuse(parser, "a division of large integers");
        }
        text = sqlite3_mprintf("cast((%s - %s %% %s) / %s as i64)", a.text, a.text, b.text, b.text);
        piece.bound = a.bound;
        break;
    case '%':
        text = sqlite3_mprintf("(%s %% %s)", a.text, b.text);
        piece.bound = a.bound < b.bound ? a.bound : b.bound;
        break;
    default:
        text = sqlite3_mprintf("(%s %c %s)", a.text, node->sign, b.text);
        piece.bound = node->sign == '*' ? a.bound * b.bound : a.bound + b.bound;
        break;
    }
    piece.text = fi_sqlparse_tree_keep(parser, text);
    return piece;
}

static struct piece
signed_piece(struct parser *parser, const struct node *node)
{
    assert(node->kind == NODE_SIGN && node->sign != '\0');
    struct piece piece =
        fi_sqlparse_rows_integer(parser, fi_sqlparse_rows_value(parser, node->first));
    if (piece.text == NULL || node->sign == '+') {
        return piece; /* in SQLite a + takes the affinity away: classes agree anyway */
    }
    if (node->sign != '-' || !is_number(&piece) || piece.is_unsigned) {
        return sqlparse_rows_refuse(parser, "an operator that SQLite has to compute");
    }
    const char *format = piece.is_literal ? "-%s" : "(-%s)";
    bool is_negative = piece.text[0] == '-';
    piece.text = fi_sqlparse_tree_keep(
        parser, sqlite3_mprintf(is_negative ? "(-(%s))" : format, piece.text));
    piece.is_literal = piece.is_literal && !is_negative;
    return piece;
}

/* ---- choices and calls ---- */

/* Whether one class can stand for both; what is known of both goes into *a. */
static bool
sqlparse_rows_unite(struct piece *a, const struct piece *b)
{
    bool is_same = a->class == b->class && a->is_unsigned == b->is_unsigned;
    a->may_be_nan |= b->may_be_nan;
    a->is_literal = false;
    a->bound = a->bound > b->bound ? a->bound : b->bound;
    if (a->class == PIECE_DECIMAL || b->class == PIECE_DECIMAL) {
        a->class = PIECE_COMPUTED; /* scales may differ */
    }
    return is_same;
}

/* The value of a branch; null, which takes the class of the others, has no text. */
static bool
branch_piece(struct parser *parser, int node, struct piece *all, bool *has_any, bool drops_nan,
             const char **out)
{
    assert(node != NO_NODE && node < parser->node_count);
    if (parser->nodes[node].kind == NODE_NULL) {
        *out = "null";
        return true;
    }
    struct piece piece = fi_sqlparse_rows_integer(parser, fi_sqlparse_rows_value(parser, node));
    if (piece.text == NULL) {
        return false;
    }
    *out = piece.class == PIECE_REAL ? fi_sqlparse_rows_real(parser, &piece) : piece.text;
    if (drops_nan && piece.may_be_nan) {
        *out = fi_sqlparse_rows_number(parser, &piece);
        piece.may_be_nan = false;
    }
    if (*has_any) {
        return sqlparse_rows_unite(all, &piece) ||
               fi_sqlparse_tree_refuse(parser, "branches with values of different classes");
    }
    *all = piece;
    all->is_literal = false;
    *has_any = true;
    return true;
}

static struct piece
case_piece(struct parser *parser, const struct node *node)
{
    assert(node->kind == NODE_CASE);
    struct piece all = no_piece;
    bool has_any = false;
    if (node->has_base) {
        return sqlparse_rows_refuse(parser, "CASE with a value");
    }
    sqlite3_str *text = sqlite3_str_new(NULL);
    sqlite3_str_appendall(text, "case");
    int at = node->first;
    bool is_fine = at != NO_NODE;
    while (is_fine && at != NO_NODE) {
        int then = parser->nodes[at].next;
        const char *value = "";
        if (then == NO_NODE) {
            is_fine = branch_piece(parser, at, &all, &has_any, false, &value);
            sqlite3_str_appendf(text, " else %s", value);
            break;
        }
        const char *condition = fi_sqlparse_where_condition(parser, at, false);
        is_fine = condition != NULL && branch_piece(parser, then, &all, &has_any, false, &value);
        sqlite3_str_appendf(text, " when %s then %s", condition != NULL ? condition : "", value);
        at = parser->nodes[then].next;
    }
    sqlite3_str_appendall(text, " end");
    const char *kept = fi_sqlparse_tree_keep(parser, sqlite3_str_finish(text));
    if (!is_fine || !has_any) {
        return sqlparse_rows_refuse(parser, "a CASE that SQLite has to compute");
    }
    all.text = kept;
    return all;
}

static struct piece
coalesce_piece(struct parser *parser, const struct node *node)
{
    assert(node->first != NO_NODE);
    struct piece all = no_piece;
    bool has_any = false;
    bool is_fine = true;
    sqlite3_str *text = sqlite3_str_new(NULL);
    for (int at = node->first; at != NO_NODE && is_fine; at = parser->nodes[at].next) {
        const char *value = "";
        is_fine = branch_piece(parser, at, &all, &has_any, true, &value);
        sqlite3_str_appendf(text, "%s%s", at == node->first ? "coalesce(" : ", ", value);
    }
    sqlite3_str_appendall(text, ")");
    all.text = fi_sqlparse_tree_keep(parser, sqlite3_str_finish(text));
    return is_fine && has_any ? all : no_piece;
}

/* A whole number that is written out; false: it is none. */
static bool
read_count(const struct parser *parser, int number, size_t *out)
{
    const struct node *node = number != NO_NODE ? &parser->nodes[number] : NULL;
    if (node == NULL || node->kind != NODE_NUMBER || node->size > 3 ||
        strspn(node->text, "0123456789") < node->size) {
        return false;
    }
    *out = strtoul(node->text, NULL, 10);
    return true;
}

/* Which characters of a date a call is: substr(day, 1, 7), strftime('%Y-%m', day), date(day). */
static bool
find_part(const struct parser *parser, const struct node *node, int *out_value, size_t *out_from,
          size_t *out_count)
{
    assert(node->kind == NODE_CALL && node->first != NO_NODE);
    static const struct {
        const char *format;
        size_t from;
        size_t count;
    } formats[] = {{"%Y", 1, 4}, {"%m", 6, 2}, {"%d", 9, 2}, {"%Y-%m", 1, 7}, {"%Y-%m-%d", 1, 10}};
    const struct node *first = &parser->nodes[node->first];
    *out_value = node->first;
    *out_from = 1;
    *out_count = 10;
    if (fi_sqlparse_tree_is_call(node, "date")) {
        return first->next == NO_NODE;
    }
    if (fi_sqlparse_tree_is_call(node, "substr")) {
        return read_count(parser, first->next, out_from) && *out_from > 0 &&
               read_count(parser, parser->nodes[first->next].next, out_count) && *out_count > 0;
    }
    *out_value = first->next;
    bool has_two = first->next != NO_NODE && parser->nodes[first->next].next == NO_NODE;
    for (size_t i = 0; has_two && i < sizeof formats / sizeof formats[0]; i++) {
        if (first->kind == NODE_STRING && strlen(formats[i].format) == first->size &&
            memcmp(formats[i].format, first->text, first->size) == 0) {
            *out_from = formats[i].from;
            *out_count = formats[i].count;
            return true;
        }
    }
    return false;
}

/* Part of the text that a date or time is in SQLite. Its functions of time round fractions of
 * seconds, so only dates are given to them; substr takes the text as it is. */
static struct piece
part_of_time(struct parser *parser, const struct node *node)
{
    int value = NO_NODE;
    size_t from = 0;
    size_t count = 0;
    struct piece piece = find_part(parser, node, &value, &from, &count)
                             ? fi_sqlparse_rows_value(parser, value)
                             : no_piece;
    bool is_day = piece.text != NULL && piece.class == PIECE_DATE;
    bool is_moment = piece.text != NULL && piece.class == PIECE_TIMESTAMP && from + count <= 20 &&
                     fi_sqlparse_tree_is_call(node, "substr");
    if (!is_day && !is_moment) {
        return sqlparse_rows_refuse(parser, "a function of what is no date");
    }
    char *text =
        sqlite3_mprintf("substr(cast(%s as text), %d, %d)", piece.text, (int)from, (int)count);
    bool is_digits = (from == 1 && count <= 4) || (count == 2 && (from == 6 || from == 9));
    return (struct piece){
        .class = PIECE_TEXT, .text = fi_sqlparse_tree_keep(parser, text), .is_digits = is_digits};
}

/* CAST(strftime('%Y', day) AS INTEGER); of integers, and of REAL, that are it already. */
static struct piece
cast_piece(struct parser *parser, const struct node *node)
{
    assert(node->kind == NODE_CAST);
    struct piece piece =
        fi_sqlparse_rows_integer(parser, fi_sqlparse_rows_value(parser, node->first));
    bool is_integer = fi_sqlparse_tree_same_name(node->text, node->size, "integer") ||
                      fi_sqlparse_tree_same_name(node->text, node->size, "int");
    bool is_real = fi_sqlparse_tree_same_name(node->text, node->size, "real");
    if (piece.text != NULL && is_integer && piece.is_digits) {
        char *text = sqlite3_mprintf("cast(%s as i64)", piece.text);
        return (struct piece){.text = fi_sqlparse_tree_keep(parser, text), .bound = 9999};
    }
    if (piece.text != NULL && is_integer && piece.class == PIECE_INTEGER) {
        return piece;
    }
    if (piece.text != NULL && is_real && piece.class == PIECE_INTEGER &&
        piece.bound <= FI_SQLPARSE_EXACT_MAX) {
        char *text = sqlite3_mprintf("cast(%s as f64)", piece.text);
        return (struct piece){.class = PIECE_REAL, .text = fi_sqlparse_tree_keep(parser, text)};
    }
    return piece.text != NULL && is_real && piece.class == PIECE_REAL
               ? piece
               : sqlparse_rows_refuse(parser, "a CAST that SQLite has to compute");
}

static struct piece
call_piece(struct parser *parser, const struct node *node)
{
    assert(node->kind == NODE_CALL);
    bool has_one = node->first != NO_NODE && parser->nodes[node->first].next == NO_NODE;
    bool is_plain = !node->is_distinct && !node->has_star && node->first != NO_NODE;
    if (is_plain && has_one && fi_sqlparse_tree_is_call(node, "abs")) {
        struct piece piece =
            fi_sqlparse_rows_integer(parser, fi_sqlparse_rows_value(parser, node->first));
        if (piece.text != NULL && (!is_number(&piece) || piece.is_unsigned)) {
            return sqlparse_rows_refuse(parser, "abs() of what is no number");
        }
        if (piece.text != NULL) {
            piece.is_literal = false;
            piece.text = fi_sqlparse_tree_keep(parser, sqlite3_mprintf("abs(%s)", piece.text));
        }
        return piece;
    }
    bool is_lower = fi_sqlparse_tree_is_call(node, "lower");
    if (is_plain && has_one && (is_lower || fi_sqlparse_tree_is_call(node, "upper"))) {
        struct piece piece = fi_sqlparse_rows_value(parser, node->first);
        if (piece.text != NULL && (piece.class != PIECE_TEXT || piece.is_literal)) {
            return sqlparse_rows_refuse(parser, "lower() or upper() of what is no text");
        }
        if (piece.text != NULL) {
            piece.text = fi_sqlparse_tree_keep(
                parser, sqlite3_mprintf("%s(%s)", is_lower ? "lower" : "upper", piece.text));
        }
        return piece;
    }
    if (is_plain && !has_one &&
        (fi_sqlparse_tree_is_call(node, "coalesce") || fi_sqlparse_tree_is_call(node, "ifnull"))) {
        return coalesce_piece(parser, node);
    }
    if (is_plain &&
        (fi_sqlparse_tree_is_call(node, "substr") || fi_sqlparse_tree_is_call(node, "strftime") ||
         fi_sqlparse_tree_is_call(node, "date"))) {
        return part_of_time(parser, node);
    }
    (void)fi_sqlparse_tree_refuse(parser, "the function %.*s over rows", (int)node->size,
                                  node->text);
    return no_piece;
}

struct piece
fi_sqlparse_rows_value(struct parser *parser, int number)
{
    if (parser->has_failed || number == NO_NODE) {
        return no_piece;
    }
    const struct node *node = &parser->nodes[number];
    if (node->first != NO_NODE && is_constant(parser, node)) {
        return constant_piece(parser, node);
    }
    switch (node->kind) {
    case NODE_NUMBER:
        return number_piece(parser, node);
    case NODE_STRING:
        return text_piece(parser, node, "", PIECE_TEXT);
    case NODE_BLOB:
        return text_piece(parser, node, "x", PIECE_BLOB);
    case NODE_NAME:
        return column_piece(parser, node);
    case NODE_SIGN:
        return signed_piece(parser, node);
    case NODE_BINARY:
        return binary_piece(parser, node);
    case NODE_CASE:
        return case_piece(parser, node);
    case NODE_CALL:
        return call_piece(parser, node);
    case NODE_NULL:
        return sqlparse_rows_refuse(parser, "NULL as a value");
    case NODE_CAST:
        return cast_piece(parser, node);
    default: {
        const char *condition = fi_sqlparse_where_condition(parser, number, false);
        return (struct piece){.class = PIECE_BOOL, .text = condition};
    }
    }
}
