/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/table_def.c: parses the text of a definition; its interface is include/firn/table.h.
 *
 * The text is read token by token, once. A definition is one piece of memory, whose parts have the
 * maximum size that the text allows. Each column, index and name in a list ends with a comma, a
 * parenthesis or the end of the text, so commas are counted. All names and constants together have
 * no more bytes than the text, plus a NUL for each name.
 *
 * Checks that are made when a table is created from the definition (schema.c) are not made here:
 * errors are only about places where the text cannot be read.
 */
#include "firn/table.h"
#include "firn/vector.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/slice.h"
#include "schema/schema.h"
#include "schema/schema_literal.h"
#include "text/text_token.h"

/* The arrays in one piece of memory. */
struct pool {
    firn_table_column *columns;
    firn_value *values;
    firn_table_index *indexes;
    firn_vector_index *vector_indexes; /* as many as indexes */
    const char **names;
    uint8_t *bytes;
    size_t column_max; /* and as many values */
    size_t index_max;
    size_t name_count;
    size_t name_max;
    size_t value_count;
    size_t byte_count;
    size_t byte_max;
};

struct parser {
    firn_slice text;
    size_t at; /* after the token */
    struct fi_text_token token;
    const char *defect; /* of a token that is wrong */
    firn_table_def *def;
    struct pool pool;
    firn_error *err;
};

/* ---- tokens ---- */

static void
table_def_advance(struct parser *parser)
{
    parser->defect = fi_text_token_next(parser->text, &parser->at, &parser->token);
}

static bool
is_word(const struct fi_text_token *token, const char *word)
{
    return token->kind == FI_TEXT_TOKEN_WORD && fi_slice_is_word(token->text, word);
}

/* Takes the token if it is that word. */
static bool
parse_word(struct parser *parser, const char *word)
{
    bool is_there = is_word(&parser->token, word);
    if (is_there) {
        table_def_advance(parser);
    }
    return is_there;
}

static bool
parse_sign(struct parser *parser, char sign)
{
    bool is_there =
        parser->token.kind == FI_TEXT_TOKEN_SIGN && parser->token.text.data[0] == (uint8_t)sign;
    if (is_there) {
        table_def_advance(parser);
    }
    return is_there;
}

/* ---- errors ---- */

enum { SHOWN_BYTES = 30 };

/* Fails at the token: what was expected there, or what is wrong with it. */
static int
table_def_fail(struct parser *parser, const char *text)
{
    const struct fi_text_token *token = &parser->token;
    size_t left = parser->text.size - token->at;
    DCHECK(token->at <= parser->text.size);
    char near[SHOWN_BYTES + 1] = {0};
    size_t size = left > SHOWN_BYTES ? SHOWN_BYTES : left;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = parser->text.data[token->at + i];
        near[i] = (char)(byte < ' ' || byte == 0x7f ? ' ' : byte);
    }
    while (size > 0 && size < left &&
           ((uint8_t)parser->text.data[token->at + size] & 0xc0) == 0x80) {
        near[--size] = '\0'; /* whole characters */
    }
    if (size == 0) {
        return fi_error_set(parser->err, FIRN_INVALID,
                            "the definition of a table, at its end (byte %zu): %s", token->at + 1,
                            text);
    }
    return fi_error_set(parser->err, FIRN_INVALID,
                        "the definition of a table, at byte %zu (%s): %s", token->at + 1, near,
                        text);
}

static int
fail_limit(struct parser *parser, const char *what, size_t max)
{
    return fi_error_set(parser->err, FIRN_LIMIT,
                        "the definition of a table, at byte %zu: more than %zu %s",
                        parser->token.at + 1, max, what);
}

static int
expect_sign(struct parser *parser, char sign)
{
    char text[] = "expected ?";
    text[sizeof text - 2] = sign;
    return parse_sign(parser, sign) ? FIRN_OK : table_def_fail(parser, text);
}

/* ---- parts ---- */

/* Copies a token's text, without its quotes; returns its size. */
static size_t
copy_token(struct parser *parser, uint8_t **out)
{
    *out = parser->pool.bytes + parser->pool.byte_count;
    CHECK(parser->token.text.size < parser->pool.byte_max - parser->pool.byte_count);
    return fi_text_token_unquote(&parser->token, *out);
}

/* Fails: says what is wrong with a token that has begun, or what was expected instead of it. */
static int
refuse_token(struct parser *parser, const char *expected)
{
    const bool has_begun = parser->defect != NULL && parser->token.at < parser->text.size &&
                           strchr("'\"xX.0123456789", parser->text.data[parser->token.at]) != NULL;
    return table_def_fail(parser, has_begun ? parser->defect : expected);
}

static int
parse_name(struct parser *parser, const char **out)
{
    uint8_t *copy;
    if (parser->token.kind != FI_TEXT_TOKEN_WORD && parser->token.kind != FI_TEXT_TOKEN_QUOTED) {
        return refuse_token(parser, "expected a name");
    }
    size_t size = copy_token(parser, &copy);
    if (size == 0 || size > FIRN_TABLE_NAME_SIZE_MAX) {
        return table_def_fail(parser, "a name has 1 to 255 bytes");
    }
    copy[size] = '\0';
    parser->pool.byte_count += size + 1;
    *out = (const char *)copy;
    table_def_advance(parser);
    return FIRN_OK;
}

/* (NAME, …) */
static int
parse_names(struct parser *parser, const char *const **out, size_t *out_count)
{
    struct pool *pool = &parser->pool;
    *out = pool->names + pool->name_count;
    *out_count = 0;
    FI_TRY_RETURN(expect_sign(parser, '('));
    do {
        if (pool->name_count == pool->name_max || *out_count == FIRN_TABLE_KEY_COLUMNS_MAX) {
            return fail_limit(parser, "columns in a key", FIRN_TABLE_KEY_COLUMNS_MAX);
        }
        FI_TRY_RETURN(parse_name(parser, &pool->names[pool->name_count]));
        pool->name_count++;
        ++*out_count;
    } while (parse_sign(parser, ','));
    return expect_sign(parser, ')');
}

/* Reads a number of at most 5 digits: a precision, a scale, or dimensions. */
static int
parse_count(struct parser *parser, uint32_t *out)
{
    firn_slice text = parser->token.text;
    bool is_good = parser->token.kind == FI_TEXT_TOKEN_NUMBER && text.size <= 5;
    *out = 0;
    for (size_t i = 0; i < text.size && is_good; i++) {
        is_good = text.data[i] >= '0' && text.data[i] <= '9';
        *out = *out * 10 + (uint32_t)(text.data[i] - '0');
    }
    if (!is_good) {
        return table_def_fail(parser, "expected a number of at most 5 digits");
    }
    table_def_advance(parser);
    return FIRN_OK;
}

static int
parse_type(struct parser *parser, firn_table_column *column)
{
    if (is_word(&parser->token, "int8")) {
        return table_def_fail(parser,
                              "int8 is one byte to some and eight to others: write i8 or i64");
    }
    column->type = parser->token.kind == FI_TEXT_TOKEN_WORD ? fi_type_named(parser->token.text)
                                                            : FIRN_TYPE_NULL;
    if (column->type == FIRN_TYPE_NULL) {
        return table_def_fail(parser, "expected a type, such as i64, text or decimal(12, 2)");
    }
    bool is_double = is_word(&parser->token, "double");
    table_def_advance(parser);
    if (is_double) {
        (void)parse_word(parser, "precision");
    }
    if (column->type == FIRN_TYPE_DECIMAL) {
        FI_TRY_RETURN(expect_sign(parser, '('));
        FI_TRY_RETURN(parse_count(parser, &column->precision));
        if (parse_sign(parser, ',')) {
            FI_TRY_RETURN(parse_count(parser, &column->scale));
        }
        FI_TRY_RETURN(expect_sign(parser, ')'));
    } else if (column->type == FIRN_TYPE_VECTOR) {
        FI_TRY_RETURN(expect_sign(parser, '('));
        FI_TRY_RETURN(parse_count(parser, &column->dimensions));
        FI_TRY_RETURN(expect_sign(parser, ')'));
    } else if (parser->token.kind == FI_TEXT_TOKEN_SIGN && parser->token.text.data[0] == '(') {
        return table_def_fail(
            parser, "only decimal and vector have numbers; lengths of texts are not limited");
    }
    return FIRN_OK;
}

static int
parse_default(struct parser *parser, firn_table_column *column)
{
    struct pool *pool = &parser->pool;
    struct fi_schema_literal literal;
    uint8_t *copy;
    size_t bytes = 0;
    const struct fi_text_token sign = parser->token;
    if (fi_text_token_is(&sign, "-") || fi_text_token_is(&sign, "+")) {
        table_def_advance(parser);
        if (parser->token.at != sign.at + 1 || (parser->token.kind != FI_TEXT_TOKEN_NUMBER &&
                                                parser->token.kind != FI_TEXT_TOKEN_WORD)) {
            parser->token = sign;
            return refuse_token(parser, "expected a value after 'default'");
        }
        parser->token.kind = FI_TEXT_TOKEN_NUMBER;
        parser->token.at = sign.at;
        parser->token.text = firn_bytes(sign.text.data, parser->token.text.size + 1);
    }
    const enum fi_text_token_kind kind = parser->token.kind;
    if (kind != FI_TEXT_TOKEN_WORD && kind != FI_TEXT_TOKEN_NUMBER &&
        kind != FI_TEXT_TOKEN_STRING && kind != FI_TEXT_TOKEN_HEX) {
        return refuse_token(parser, "expected a value after 'default'");
    }
    size_t size = copy_token(parser, &copy);
    literal.form = kind == FI_TEXT_TOKEN_WORD     ? FI_SCHEMA_LITERAL_WORD
                   : kind == FI_TEXT_TOKEN_NUMBER ? FI_SCHEMA_LITERAL_NUMBER
                   : kind == FI_TEXT_TOKEN_STRING ? FI_SCHEMA_LITERAL_STRING
                                                  : FI_SCHEMA_LITERAL_HEX;
    literal.text = firn_bytes(copy, size);
    DCHECK(pool->value_count < pool->column_max); /* one for each column, at most */
    firn_value *value = &pool->values[pool->value_count];
    const char *wrong =
        fi_schema_literal_read(&literal, column->type, column->scale, copy, &bytes, value);
    if (wrong != NULL) {
        char text[128];
        (void)snprintf(text, sizeof text, "the default %s", wrong);
        return table_def_fail(parser, text);
    }
    pool->byte_count += bytes;
    if (!firn_is_null(*value)) {
        column->default_value = value;
        pool->value_count++;
    }
    table_def_advance(parser);
    return FIRN_OK;
}

/* ---- items ---- */

static int
parse_key(struct parser *parser)
{
    firn_table_def *def = parser->def;
    if (def->key_count > 0) {
        return table_def_fail(parser, "a second primary key");
    }
    return parse_names(parser, &def->key, &def->key_count);
}

static int
parse_index(struct parser *parser, bool is_unique)
{
    firn_table_def *def = parser->def;
    struct pool *pool = &parser->pool;
    if (def->index_count == pool->index_max) {
        return fail_limit(parser, "indexes", pool->index_max);
    }
    firn_table_index *index = &pool->indexes[def->index_count];
    *index = (firn_table_index){.is_unique = is_unique};
    FI_TRY_RETURN(parse_name(parser, &index->name));
    FI_TRY_RETURN(parse_names(parser, &index->columns, &index->column_count));
    def->index_count++;
    return FIRN_OK;
}

/* m and ef: how a graph is built. */
static int
parse_parameters(struct parser *parser, firn_vector_index *index)
{
    bool has_m = false;
    bool has_ef = false;
    for (;;) {
        if (!has_m && parse_word(parser, "m")) {
            has_m = true;
            FI_TRY_RETURN(parse_count(parser, &index->m));
        } else if (!has_ef && parse_word(parser, "ef")) {
            has_ef = true;
            FI_TRY_RETURN(parse_count(parser, &index->ef_construction));
        } else {
            break;
        }
    }
    return FIRN_OK;
}

static int
parse_vector_index(struct parser *parser)
{
    firn_table_def *def = parser->def;
    struct pool *pool = &parser->pool;
    if (def->vector_index_count == pool->index_max) {
        return fail_limit(parser, "indexes", pool->index_max);
    }
    firn_vector_index *index = &pool->vector_indexes[def->vector_index_count];
    *index = (firn_vector_index)FIRN_VECTOR_INDEX_INIT;
    FI_TRY_RETURN(parse_name(parser, &index->name));
    FI_TRY_RETURN(expect_sign(parser, '('));
    FI_TRY_RETURN(parse_name(parser, &index->column));
    FI_TRY_RETURN(expect_sign(parser, ')'));
    uint32_t metric = 1;
    const char *word;
    while ((word = fi_schema_text_metric(metric)) != NULL && !parse_word(parser, word)) {
        metric++;
    }
    if (word == NULL) {
        return table_def_fail(parser, "expected l2, dot or cosine");
    }
    index->metric = (firn_metric)metric;
    FI_TRY_RETURN(parse_parameters(parser, index));
    def->vector_index_count++;
    return FIRN_OK;
}

/* Takes "vector index"; "vector" alone may be the name of a column. */
static bool
table_def_parse_vector_index(struct parser *parser)
{
    const size_t at = parser->at;
    const struct fi_text_token token = parser->token;
    if (parse_word(parser, "vector") && parse_word(parser, "index")) {
        return true;
    }
    parser->at = at;
    parser->token = token;
    return false;
}

/* Reads what may follow a type, each once. */
static int
parse_properties(struct parser *parser, firn_table_column *column)
{
    enum { NULLS = 1, DEFAULT = 2, AUTO = 4, KEY = 8, BLOOM = 16 };
    firn_table_def *def = parser->def;
    struct pool *pool = &parser->pool;
    unsigned seen = 0;
    while (parser->token.kind == FI_TEXT_TOKEN_WORD) {
        struct fi_text_token begin = parser->token;
        unsigned found = 0;
        if (parse_word(parser, "null")) {
            found = NULLS;
        } else if (parse_word(parser, "not")) {
            if (!parse_word(parser, "null")) {
                return table_def_fail(parser, "expected null after not");
            }
            found = NULLS;
            column->not_null = true;
        } else if (parse_word(parser, "default")) {
            found = DEFAULT;
            FI_TRY_RETURN((seen & DEFAULT) == 0 ? parse_default(parser, column) : FIRN_OK);
        } else if (parse_word(parser, "auto")) {
            found = AUTO;
            column->is_auto = true;
        } else if (parse_word(parser, "bloom")) {
            found = BLOOM;
            column->has_bloom_filter = true;
        } else if (parse_word(parser, "primary")) {
            found = KEY;
            if (!parse_word(parser, "key")) {
                return table_def_fail(parser, "expected key after primary");
            }
            if (def->key_count > 0 || pool->name_count == pool->name_max) {
                return table_def_fail(
                    parser, "a second primary key: list its columns as primary key (a, b)");
            }
            def->key = pool->names + pool->name_count;
            def->key_count = 1;
            pool->names[pool->name_count++] = column->name;
        } else if (is_word(&parser->token, "unique")) {
            return table_def_fail(parser, "write an item of its own: unique index NAME (COLUMN)");
        }
        if (found == 0 || (seen & found) != 0) {
            parser->token = begin;
            return table_def_fail(
                parser, found == 0 ? "expected a comma, or null, not null, default, auto, bloom or "
                                     "primary key"
                                   : "repeated for one column");
        }
        seen |= found;
        if ((seen & (NULLS | KEY)) == (NULLS | KEY) && !column->not_null) {
            parser->token = begin;
            return table_def_fail(parser, "a column of the primary key is never null");
        }
    }
    return FIRN_OK;
}

static int
parse_column(struct parser *parser)
{
    firn_table_def *def = parser->def;
    struct pool *pool = &parser->pool;
    if (def->column_count == pool->column_max) {
        return fail_limit(parser, "columns", pool->column_max);
    }
    firn_table_column *column = &pool->columns[def->column_count];
    *column = (firn_table_column){.type = FIRN_TYPE_NULL};
    FI_TRY_RETURN(parse_name(parser, &column->name));
    FI_TRY_RETURN(parse_type(parser, column));
    FI_TRY_RETURN(parse_properties(parser, column));
    def->column_count++;
    return FIRN_OK;
}

static int
parse_item(struct parser *parser)
{
    if (parse_word(parser, "primary")) {
        return parse_word(parser, "key") ? parse_key(parser)
                                         : table_def_fail(parser, "expected key after primary");
    }
    if (parse_word(parser, "unique")) {
        return parse_word(parser, "index") ? parse_index(parser, true)
                                           : table_def_fail(parser, "expected index after unique");
    }
    if (table_def_parse_vector_index(parser)) {
        return parse_vector_index(parser);
    }
    return parse_word(parser, "index") ? parse_index(parser, false) : parse_column(parser);
}

static int
table_def_parse(struct parser *parser)
{
    int rc;
    table_def_advance(parser);
    do {
        FI_TRY(parse_item(parser));
    } while (parse_sign(parser, ','));
    if (parser->token.kind != FI_TEXT_TOKEN_END) {
        rc = table_def_fail(parser, "expected a comma or the end");
    }
out:
    return rc;
}

/* ---- memory ---- */

static size_t
table_def_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t
larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Moves the elements of an array to where a program expects them. They are `from` bytes long; the
 * program knows them with `to` bytes. What it does not know is cut off, and what is unknown here is
 * 0. */
static void
respace(void *array, size_t count, size_t from, size_t to)
{
    uint8_t *bytes = array;
    for (size_t i = 0; i < count && to < from; i++) {
        memmove(bytes + i * to, bytes + i * from, to);
    }
    for (size_t i = count; i > 0 && to > from; i--) {
        memmove(bytes + (i - 1) * to, bytes + (i - 1) * from, from);
        memset(bytes + (i - 1) * to + from, 0, to - from);
    }
}

/* One piece of memory for a definition from a text with so many commas. NULL: there is no
 * memory. */
static firn_table_def *
make_room(firn_slice text, size_t column_size, size_t index_size, struct pool *pool)
{
    size_t items = 1;
    for (size_t i = 0; i < text.size; i++) {
        items += text.data[i] == ',';
    }
    pool->column_max = table_def_smaller(items, FIRN_TABLE_COLUMNS_MAX);
    pool->index_max = table_def_smaller(items, FIRN_TABLE_INDEXES_MAX);
    pool->name_max = table_def_smaller(items, (FIRN_TABLE_INDEXES_MAX + (size_t)1) *
                                                  FIRN_TABLE_KEY_COLUMNS_MAX) +
                     1;
    pool->byte_max = 2 * text.size + 16;
    size_t columns_size = pool->column_max * larger(column_size, sizeof *pool->columns);
    size_t values_size = pool->column_max * sizeof *pool->values;
    size_t indexes_size = pool->index_max * larger(index_size, sizeof *pool->indexes);
    size_t vectors_size = pool->index_max * sizeof *pool->vector_indexes;
    size_t names_size = pool->name_max * sizeof *pool->names;
    uint8_t *memory = fi_alloc(sizeof(firn_table_def) + columns_size + values_size + indexes_size +
                               vectors_size + names_size + pool->byte_max);
    if (memory == NULL) {
        return NULL;
    }
    firn_table_def *def = (firn_table_def *)(void *)memory;
    memory += sizeof *def;
    pool->columns = (firn_table_column *)(void *)memory;
    pool->values = (firn_value *)(void *)(memory + columns_size);
    pool->indexes = (firn_table_index *)(void *)(memory + columns_size + values_size);
    memory += columns_size + values_size + indexes_size;
    pool->vector_indexes = (firn_vector_index *)(void *)memory;
    pool->names = (const char **)(void *)(memory + vectors_size);
    pool->bytes = memory + vectors_size + names_size;
    *def = (firn_table_def)FIRN_TABLE_DEF_INIT;
    def->columns = pool->columns;
    def->indexes = pool->indexes;
    def->vector_indexes = pool->vector_indexes;
    return def;
}

int
firn_table_def_parse_sized(const char *text, size_t column_size, size_t index_size,
                           firn_table_def **out, firn_error *err)
{
    struct parser parser = {.err = err};
    if (out != NULL) {
        *out = NULL;
    }
    if (text == NULL || out == NULL) {
        return fi_error_set(err, FIRN_INVALID, "no definition of a table, or nowhere to put it");
    }
    if (!fi_schema_def_is_column_size(column_size) || !fi_schema_def_is_index_size(index_size)) {
        return fi_error_set(err, FIRN_INVALID,
                            "%zu and %zu are not the sizes of a column and an index", column_size,
                            index_size);
    }
    parser.text = firn_str(text);
    if (parser.text.size > FIRN_TABLE_DEF_TEXT_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "the definition of a table has %zu bytes; at most %d are allowed",
                            parser.text.size, FIRN_TABLE_DEF_TEXT_MAX);
    }
    parser.def = make_room(parser.text, column_size, index_size, &parser.pool);
    if (parser.def == NULL) {
        return fi_error_no_memory(err, "a definition of a table");
    }
    int rc = table_def_parse(&parser);
    if (rc != FIRN_OK) {
        fi_free(parser.def);
        return rc;
    }
    respace(parser.pool.columns, parser.def->column_count, sizeof *parser.pool.columns,
            column_size);
    respace(parser.pool.indexes, parser.def->index_count, sizeof *parser.pool.indexes, index_size);
    parser.def->column_size = column_size;
    parser.def->index_size = index_size;
    *out = parser.def;
    return FIRN_OK;
}
