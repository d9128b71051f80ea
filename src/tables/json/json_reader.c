/* SPDX-License-Identifier: Apache-2.0
 *
 * json/json_reader.c: reads JSON lines, one at a time.
 *
 * A line feed cannot be inside of a JSON string, so lines are found first. A line inside of one
 * piece is not copied; if a line crosses pieces, its parts are gathered in `carry`. Then the line
 * is checked to be UTF-8, and parsed: keys and values of its object are slices of it, and are
 * converted in their order.
 *
 * Nothing is recursive. Nested values are only checked: a counter, and one bit for each level,
 * object or array, determine what may come next.
 *
 * Keys mostly come in the order of the line before, so the column after the last one is tried
 * first, then a hash table. Unknown keys that are ignored are remembered for the line, because a
 * key may not come twice.
 *
 * `memory` has bytes that the line does not contain in their final form: strings without their
 * escapes, and the bytes of blobs, UUIDs and vectors. It gets all the room that the line can need
 * before values are read, so nothing in it moves.
 */
#include "json/json_reader.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/hash_map.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/utf8.h"
#include "codec/xxh3.h"

static const size_t line_size_default = (size_t)64 << 20;
static const size_t line_size_limit = (size_t)2 << 30;

struct fi_json_reader {
    const struct fi_text_value_column *columns;
    uint32_t count;
    bool ignores_unknown;
    size_t line_size_max;
    bool has_bytes;  /* a column's values need memory */
    uint32_t *slots; /* a column + 1, by the hash of its name; 0: empty */
    uint32_t slot_mask;
    firn_value *values;
    bool *is_given;

    firn_slice piece; /* the rest of it */
    bool is_finished;
    int failed;
    struct fi_buf carry; /* the line's beginning in earlier pieces */
    bool is_carry_given; /* the line in carry was read */
    uint64_t line;

    struct fi_buf memory;
    struct fi_hash_map unknown; /* keys, as slices */
};

static uint64_t
hash_of(firn_slice name)
{
    return fi_xxh3(name.data, name.size, 0);
}

static uint64_t
hash_key(const void *record)
{
    firn_slice name;
    memcpy(&name, record, sizeof name);
    return hash_of(name);
}

static bool
keys_are_equal(const void *record, const void *key)
{
    firn_slice a;
    firn_slice b;
    memcpy(&a, record, sizeof a);
    memcpy(&b, key, sizeof b);
    return fi_slice_equal(a, b);
}

/* The slot of a name: that of its column, or an empty one. */
static uint32_t
find_slot(const struct fi_json_reader *reader, firn_slice name)
{
    DCHECK(reader->count <= reader->slot_mask); /* one is empty */
    uint32_t slot = (uint32_t)hash_of(name) & reader->slot_mask;
    while (reader->slots[slot] != 0 &&
           !fi_slice_equal(reader->columns[reader->slots[slot] - 1].name, name)) {
        slot = (slot + 1) & reader->slot_mask;
    }
    return slot;
}

static int
add_columns(struct fi_json_reader *reader, firn_error *err)
{
    for (uint32_t i = 0; i < reader->count; i++) {
        uint32_t slot = find_slot(reader, reader->columns[i].name);
        if (reader->slots[slot] != 0) {
            char name[FI_TEXT_VALUE_SHORT_SIZE];
            fi_text_value_shorten(reader->columns[i].name, name);
            return fi_error_set(err, FIRN_INVALID, "two columns have the name %s", name);
        }
        reader->slots[slot] = i + 1;
        reader->has_bytes |= fi_type_has_bytes(reader->columns[i].type.type);
    }
    return FIRN_OK;
}

int
fi_json_reader_create(const struct fi_json_reader_options *options, struct fi_json_reader **out,
                      firn_error *err)
{
    enum { COLUMNS_MAX = 1 << 20 };
    *out = NULL;
    if (options->line_size_max > line_size_limit || options->count > COLUMNS_MAX) {
        return fi_error_set(err, FIRN_INVALID, "lines of JSON have at most 2 GiB and %d keys",
                            COLUMNS_MAX);
    }
    struct fi_json_reader *reader = fi_alloc_zeroed(sizeof *reader);
    if (reader == NULL) {
        return fi_error_no_memory(err, "a reader of JSON");
    }
    reader->columns = options->columns;
    reader->count = options->count;
    reader->ignores_unknown = options->ignores_unknown;
    reader->line_size_max =
        options->line_size_max != 0 ? options->line_size_max : line_size_default;
    uint32_t slots = 4;
    while (slots < 2 * options->count) {
        slots *= 2;
    }
    reader->slot_mask = slots - 1;
    reader->slots = fi_alloc_zeroed(slots * sizeof *reader->slots);
    reader->values = fi_alloc_array(options->count + 1, sizeof *reader->values);
    reader->is_given = fi_alloc_array(options->count + 1, sizeof *reader->is_given);
    fi_hash_map_init(&reader->unknown, sizeof(firn_slice), hash_key, keys_are_equal);
    int rc;
    if (reader->slots == NULL || reader->values == NULL || reader->is_given == NULL) {
        rc = fi_error_no_memory(err, "a reader of JSON");
    } else {
        rc = add_columns(reader, err);
    }
    if (rc != FIRN_OK) {
        fi_json_reader_destroy(reader);
        return rc;
    }
    *out = reader;
    return FIRN_OK;
}

void
fi_json_reader_destroy(struct fi_json_reader *reader)
{
    if (reader != NULL) {
        fi_buf_deinit(&reader->carry);
        fi_buf_deinit(&reader->memory);
        fi_hash_map_deinit(&reader->unknown);
        fi_free(reader->slots);
        fi_free(reader->values);
        fi_free(reader->is_given);
        fi_free(reader);
    }
}

void
fi_json_reader_feed(struct fi_json_reader *reader, firn_slice piece)
{
    DCHECK(!reader->is_finished);
    DCHECK(reader->failed != FIRN_OK || reader->piece.size == 0);
    reader->piece = piece;
}

void
fi_json_reader_finish(struct fi_json_reader *reader)
{
    DCHECK(reader->failed != FIRN_OK || reader->piece.size == 0);
    reader->is_finished = true;
}

/* ==== JSON ==== */

/* A line, which was read up to at. Functions that return false set a defect. */
struct parser {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    const char *defect;
};

enum kind { STRING, NUMBER, TRUE, FALSE, NULL_VALUE, ARRAY, OBJECT };

static const char *const kind_names[] = {"a string", "a number", "true",     "false",
                                         "null",     "an array", "an object"};

/* A value's bytes; a string is without its quotes, and with its escapes. */
struct token {
    enum kind kind;
    firn_slice text;
    bool has_escapes;
};

static bool
json_reader_refuse(struct parser *parser, const char *defect)
{
    parser->defect = defect;
    return false;
}

static void
skip_space(struct parser *parser)
{
    DCHECK(parser->at <= parser->end);
    while (parser->at < parser->end &&
           (*parser->at == ' ' || *parser->at == '\t' || *parser->at == '\r')) {
        parser->at++;
    }
}

/* Skips spaces, and takes the byte if it follows. */
static bool
json_reader_accept(struct parser *parser, char wanted)
{
    skip_space(parser);
    if (parser->at == parser->end || *parser->at != (uint8_t)wanted) {
        return false;
    }
    parser->at++;
    return true;
}

static int
hex_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Reads four hexadecimal digits at `at`; false: they are not there. */
static bool
read_unit(const uint8_t *at, const uint8_t *end, uint32_t *out)
{
    uint32_t unit = 0;
    if (end - at < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0) {
            return false;
        }
        unit = unit << 4 | (uint32_t)digit;
    }
    *out = unit;
    return true;
}

/* Reads the character of a "\u" escape; at: after the "u", moved past the escape.
 * Surrogates come in pairs, high and low. */
static bool
read_character(const uint8_t **at, const uint8_t *end, uint32_t *out)
{
    uint32_t low;
    if (!read_unit(*at, end, out)) {
        return false;
    }
    *at += 4;
    if (*out < 0xd800 || *out > 0xdfff) {
        return true;
    }
    if (*out > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u' ||
        !read_unit(*at + 2, end, &low) || low < 0xdc00 || low > 0xdfff) {
        return false;
    }
    *at += 6;
    *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

/* The character of an escape with one letter; 0 for none. */
static uint8_t
escape_of(uint8_t letter)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char characters[] = "\"\\/\b\f\n\r\t";
    const char *found = letter == 0 ? NULL : strchr(letters, letter);
    return found == NULL ? 0 : (uint8_t)characters[found - letters];
}

/* A string from its first quote on. */
static bool
parse_string(struct parser *parser, struct token *out)
{
    DCHECK(*parser->at == '"');
    const uint8_t *from = ++parser->at;
    out->kind = STRING;
    out->has_escapes = false;
    while (parser->at < parser->end && *parser->at != '"') {
        uint8_t byte = *parser->at++;
        if (byte < 0x20) {
            parser->at--;
            return json_reader_refuse(parser, "a control character in a string");
        }
        if (byte != '\\') {
            continue;
        }
        out->has_escapes = true;
        uint8_t letter = parser->at < parser->end ? *parser->at++ : 0;
        uint32_t character;
        if (letter == 'u' ? !read_character(&parser->at, parser->end, &character)
                          : escape_of(letter) == 0) {
            return json_reader_refuse(parser, "an escape that means nothing");
        }
    }
    if (parser->at == parser->end) {
        return json_reader_refuse(parser, "a string that does not end");
    }
    out->text = firn_bytes(from, (size_t)(parser->at - from));
    parser->at++;
    return true;
}

static size_t
parse_digits(struct parser *parser)
{
    const uint8_t *from = parser->at;
    while (parser->at < parser->end && *parser->at >= '0' && *parser->at <= '9') {
        parser->at++;
    }
    return (size_t)(parser->at - from);
}

static bool
parse_number(struct parser *parser, struct token *out)
{
    static const char no_number[] = "a number that is none";
    DCHECK(parser->at < parser->end);
    const uint8_t *from = parser->at;
    parser->at += *parser->at == '-';
    bool has_zero = parser->at < parser->end && *parser->at == '0';
    size_t digits = parse_digits(parser);
    if (digits == 0 || (has_zero && digits > 1)) {
        return json_reader_refuse(parser, no_number);
    }
    if (parser->at < parser->end && *parser->at == '.') {
        parser->at++;
        if (parse_digits(parser) == 0) {
            return json_reader_refuse(parser, no_number);
        }
    }
    if (parser->at < parser->end && (*parser->at | 0x20) == 'e') {
        parser->at++;
        parser->at += parser->at < parser->end && (*parser->at == '-' || *parser->at == '+');
        if (parse_digits(parser) == 0) {
            return json_reader_refuse(parser, no_number);
        }
    }
    out->kind = NUMBER;
    out->text = firn_bytes(from, (size_t)(parser->at - from));
    return true;
}

static bool
parse_word(struct parser *parser, struct token *out)
{
    for (enum kind kind = TRUE; kind <= NULL_VALUE; kind++) {
        const char *word = kind_names[kind];
        size_t size = strlen(word);
        if ((size_t)(parser->end - parser->at) >= size && memcmp(parser->at, word, size) == 0) {
            out->kind = kind;
            out->text = firn_bytes(parser->at, size);
            parser->at += size;
            return true;
        }
    }
    return json_reader_refuse(parser, "no value");
}

/* A string, a number or a word. */
static bool
parse_scalar(struct parser *parser, struct token *out)
{
    skip_space(parser);
    if (parser->at == parser->end) {
        return json_reader_refuse(parser, "the end of the line");
    }
    uint8_t byte = *parser->at;
    if (byte == '"') {
        return parse_string(parser, out);
    }
    if (byte == '-' || (byte >= '0' && byte <= '9')) {
        return parse_number(parser, out);
    }
    return parse_word(parser, out);
}

/* A string and a colon. */
static bool
parse_key(struct parser *parser, struct token *out)
{
    skip_space(parser);
    if (parser->at == parser->end || *parser->at != '"') {
        return json_reader_refuse(parser, "no key");
    }
    if (!parse_string(parser, out)) {
        return false;
    }
    return json_reader_accept(parser, ':') || json_reader_refuse(parser, "no colon after a key");
}

/* The open arrays and objects: the lowest bit is that of the innermost one, and set for an
 * object. */
struct nesting {
    uint64_t objects;
    unsigned depth;
};

/* After a value: closes arrays and objects that end with it. Then either nothing is open, or
 * another value begins. */
static bool
end_values(struct parser *parser, struct nesting *nesting)
{
    struct token key;
    while (nesting->depth > 0) {
        bool is_object = (nesting->objects & 1) != 0;
        if (json_reader_accept(parser, ',')) {
            return !is_object || parse_key(parser, &key);
        }
        if (!json_reader_accept(parser, is_object ? '}' : ']')) {
            return json_reader_refuse(parser, is_object ? "neither a comma nor a closing brace"
                                                        : "neither a comma nor a closing bracket");
        }
        nesting->objects >>= 1;
        nesting->depth--;
    }
    return true;
}

/* Reads an array or object, from its first byte to its last; it may have up to `depth_max` levels,
 * itself included. */
static bool
parse_nested(struct parser *parser, unsigned depth_max, struct token *out)
{
    struct nesting nesting = {0, 0};
    struct token token;
    const uint8_t *from = parser->at;
    DCHECK(depth_max <= 64 && (*from == '{' || *from == '['));
    out->kind = *from == '{' ? OBJECT : ARRAY;
    do {
        bool is_object = json_reader_accept(parser, '{');
        if (is_object || json_reader_accept(parser, '[')) {
            if (nesting.depth == depth_max) {
                return json_reader_refuse(parser, "values nested too deeply");
            }
            nesting.objects = nesting.objects << 1 | is_object;
            nesting.depth++;
            if (!json_reader_accept(parser, is_object ? '}' : ']')) {
                if (is_object && !parse_key(parser, &token)) {
                    return false;
                }
                continue;
            }
            nesting.objects >>= 1;
            nesting.depth--;
        } else if (!parse_scalar(parser, &token)) {
            return false;
        }
        if (!end_values(parser, &nesting)) {
            return false;
        }
    } while (nesting.depth > 0);
    out->text = firn_bytes(from, (size_t)(parser->at - from));
    return true;
}

static bool
parse_value(struct parser *parser, struct token *out)
{
    skip_space(parser);
    if (parser->at < parser->end && (*parser->at == '{' || *parser->at == '[')) {
        return parse_nested(parser, FI_JSON_DEPTH_MAX - 1, out);
    }
    return parse_scalar(parser, out);
}

/* ==== values ==== */

static uint8_t *
put_utf8(uint8_t *to, uint32_t point)
{
    DCHECK(point <= 0x10ffff && (point < 0xd800 || point > 0xdfff));
    if (point < 0x80) {
        *to++ = (uint8_t)point;
        return to;
    }
    if (point < 0x800) {
        *to++ = (uint8_t)(0xc0 | point >> 6);
    } else {
        if (point < 0x10000) {
            *to++ = (uint8_t)(0xe0 | point >> 12);
        } else {
            *to++ = (uint8_t)(0xf0 | point >> 18);
            *to++ = (uint8_t)(0x80 | (point >> 12 & 0x3f));
        }
        *to++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    }
    *to++ = (uint8_t)(0x80 | (point & 0x3f));
    return to;
}

/* The characters of a string. Requires: its escapes were checked; memory has room for it. */
static firn_slice
json_reader_unescape(struct fi_json_reader *reader, const struct token *string)
{
    if (!string->has_escapes) {
        return string->text;
    }
    uint8_t *from = reader->memory.data + reader->memory.size;
    uint8_t *to = from;
    const uint8_t *at = string->text.data;
    const uint8_t *end = at + string->text.size;
    while (at < end) {
        const uint8_t *escape = memchr(at, '\\', (size_t)(end - at));
        const uint8_t *stop = escape == NULL ? end : escape;
        memcpy(to, at, (size_t)(stop - at));
        to += stop - at;
        at = stop;
        if (escape != NULL && at[1] == 'u') {
            uint32_t point = 0;
            at += 2;
            bool is_character = read_character(&at, end, &point);
            CHECK(is_character);
            to = put_utf8(to, point);
        } else if (escape != NULL) {
            *to++ = escape_of(at[1]);
            at += 2;
        }
    }
    reader->memory.size += (size_t)(to - from);
    CHECK(reader->memory.size <= reader->memory.capacity);
    return firn_bytes(from, (size_t)(to - from));
}

/* Room for the digits of an integer, and its sign. */
enum { WHOLE_SIZE = 24 };

/* The exponent in a number; false if it is too large for any integer but 0. */
static bool
read_exponent(firn_slice text, int *out)
{
    enum { LARGE = 1000 };
    size_t at = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');
    int exponent = 0;
    for (; at < text.size && exponent < LARGE; at++) {
        exponent = exponent * 10 + (text.data[at] - '0');
    }
    *out = text.size > 0 && text.data[0] == '-' ? -exponent : exponent;
    return at == text.size;
}

/* Writes a number that is whole without point and exponent: JSON has one type of numbers, and many
 * programs write 1.0 or 1e3 for integers. What is not whole, or has more digits than any integer,
 * is returned as it is. Requires: text is a number of JSON. */
static firn_slice
plain_integer(firn_slice text, char out[WHOLE_SIZE])
{
    size_t size = 0;
    size_t zeros = 0; /* after the digits that were written */
    int places = 0;   /* after the point */
    bool is_after = false;
    size_t at = 0;
    if (memchr(text.data, '.', text.size) == NULL && memchr(text.data, 'e', text.size) == NULL &&
        memchr(text.data, 'E', text.size) == NULL) {
        return text;
    }
    if (text.data[0] == '-') {
        out[size++] = '-';
        at = 1;
    }
    const size_t first = size;
    for (; at < text.size && (text.data[at] | 0x20) != 'e'; at++) {
        if (text.data[at] == '.') {
            is_after = true;
            continue;
        }
        places += is_after;
        zeros = text.data[at] == '0' ? zeros + (size > first) : zeros;
        for (; text.data[at] != '0' && zeros > 0 && size < WHOLE_SIZE; zeros--) {
            out[size++] = '0';
        }
        if (text.data[at] != '0' && size == WHOLE_SIZE) {
            return text;
        }
        if (text.data[at] != '0') {
            out[size++] = (char)text.data[at];
        }
    }
    int exponent = 0;
    if (size == first) {
        out[size++] = '0';
        return firn_bytes(out, size);
    }
    if (at < text.size &&
        !read_exponent(firn_bytes(text.data + at + 1, text.size - at - 1), &exponent)) {
        return text;
    }
    int64_t more = (int64_t)zeros + exponent - places;
    if (more < 0 || more > WHOLE_SIZE - (int64_t)size) {
        return text;
    }
    memset(out + size, '0', (size_t)more);
    return firn_bytes(out, size + (size_t)more);
}

/* FIRN_INVALID with a text, FIRN_NO_MEMORY. */
static int
json_reader_convert(struct fi_json_reader *reader, const struct fi_text_value_column *column,
                    const struct token *token, firn_value *out, firn_error *err)
{
    firn_type type = column->type.type;
    if (token->kind == NULL_VALUE || type == FIRN_TYPE_NULL) {
        *out = firn_null();
        return FIRN_OK;
    }
    if (type == FIRN_TYPE_TEXT) {
        *out = firn_text_bytes(token->kind == STRING ? json_reader_unescape(reader, token)
                                                     : token->text);
        return FIRN_OK;
    }
    if (token->kind == STRING) {
        return fi_text_value_read(&column->type, json_reader_unescape(reader, token),
                                  &reader->memory, out, err);
    }
    bool is_right =
        (token->kind == NUMBER && (type == FIRN_TYPE_BOOL || fi_type_is_number(type))) ||
        ((token->kind == TRUE || token->kind == FALSE) && type == FIRN_TYPE_BOOL) ||
        (token->kind == ARRAY && type == FIRN_TYPE_VECTOR);
    if (!is_right) {
        return fi_error_set(err, FIRN_INVALID, "%s is not a value of the column's type",
                            kind_names[token->kind]);
    }
    char digits[WHOLE_SIZE];
    const firn_slice text =
        fi_type_is_integer(type) ? plain_integer(token->text, digits) : token->text;
    return fi_text_value_read(&column->type, text, &reader->memory, out, err);
}

/* ==== lines ==== */

static int
json_reader_fail(struct fi_json_reader *reader, int code, firn_error *err)
{
    reader->failed = code;
    if (code == FIRN_NO_MEMORY) {
        return fi_error_no_memory(err, "a line of JSON");
    }
    return fi_error_set(err, code, "line %llu: the line is longer than %zu bytes",
                        (unsigned long long)reader->line + 1, reader->line_size_max);
}

static int
refuse_key(const struct fi_json_reader *reader, firn_slice key, const char *defect, firn_error *err)
{
    char shown[FI_TEXT_VALUE_SHORT_SIZE];
    fi_text_value_shorten(key, shown);
    return fi_error_set(err, FIRN_INVALID, "line %llu: the key \"%s\" %s",
                        (unsigned long long)reader->line, shown, defect);
}

/* The column of a key; count: the key is ignored. *next: the likely column. */
static int
find_column(struct fi_json_reader *reader, firn_slice key, uint32_t *next, firn_error *err)
{
    uint32_t column = *next;
    DCHECK(column <= reader->count);
    if (column == reader->count || !fi_slice_equal(reader->columns[column].name, key)) {
        uint32_t found = reader->slots[find_slot(reader, key)];
        column = found == 0 ? reader->count : found - 1;
    }
    *next = column;
    if (column < reader->count) {
        if (reader->is_given[column]) {
            return refuse_key(reader, key, "comes twice", err);
        }
        reader->is_given[column] = true;
        return FIRN_OK;
    }
    if (!reader->ignores_unknown) {
        return refuse_key(reader, key, "is not a column", err);
    }
    uint64_t hash = hash_of(key);
    if (fi_hash_map_find(&reader->unknown, hash, &key) != NULL) {
        return refuse_key(reader, key, "comes twice", err);
    }
    return fi_hash_map_insert(&reader->unknown, hash, &key) != NULL ? FIRN_OK : FIRN_NO_MEMORY;
}

/* Reads a key and its value. FIRN_INVALID with a text, or with parser->defect instead;
 * FIRN_NO_MEMORY. */
static int
read_pair(struct fi_json_reader *reader, struct parser *parser, uint32_t *next, firn_error *err)
{
    struct token key;
    struct token token;
    if (!parse_key(parser, &key) || !parse_value(parser, &token)) {
        return FIRN_INVALID;
    }
    int rc = find_column(reader, json_reader_unescape(reader, &key), next, err);
    if (rc != FIRN_OK || *next == reader->count) {
        return rc;
    }
    const struct fi_text_value_column *column = &reader->columns[*next];
    rc = json_reader_convert(reader, column, &token, &reader->values[*next], err);
    (*next)++;
    if (rc == FIRN_INVALID) {
        char name[FI_TEXT_VALUE_SHORT_SIZE];
        fi_text_value_shorten(column->name, name);
        fi_error_prefix(err, "line %llu, column %s", (unsigned long long)reader->line, name);
    }
    return rc;
}

static int
read_object(struct fi_json_reader *reader, struct parser *parser, firn_error *err)
{
    uint32_t next = 0;
    if (!json_reader_accept(parser, '{')) {
        parser->defect = "no object";
        return FIRN_INVALID;
    }
    if (!json_reader_accept(parser, '}')) {
        do {
            int rc = read_pair(reader, parser, &next, err);
            if (rc != FIRN_OK) {
                return rc;
            }
        } while (json_reader_accept(parser, ','));
        if (!json_reader_accept(parser, '}')) {
            parser->defect = "neither a comma nor a closing brace";
            return FIRN_INVALID;
        }
    }
    skip_space(parser);
    if (parser->at < parser->end) {
        parser->defect = "something after the object";
        return FIRN_INVALID;
    }
    return FIRN_OK;
}

/* Reads the current line into values. */
static int
read_line(struct fi_json_reader *reader, firn_slice line, firn_error *err)
{
    struct parser parser = {line.data, line.data, line.data + line.size, NULL};
    bool has_escapes = memchr(line.data, '\\', line.size) != NULL;
    size_t room = line.size * ((size_t)(reader->has_bytes ? FI_TEXT_VALUE_ROOM : 0) + has_escapes);
    fi_buf_clear(&reader->memory);
    fi_hash_map_clear(&reader->unknown);
    if (fi_buf_reserve(&reader->memory, room) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    for (uint32_t i = 0; i < reader->count; i++) {
        reader->values[i] = firn_null();
        reader->is_given[i] = false;
    }
    if (!fi_utf8_is_valid(line)) {
        return fi_error_set(err, FIRN_INVALID, "line %llu: the line is not valid UTF-8",
                            (unsigned long long)reader->line);
    }
    const uint8_t *memory = reader->memory.data;
    int rc = read_object(reader, &parser, err);
    CHECK(reader->memory.data == memory || rc == FIRN_NO_MEMORY);
    if (rc == FIRN_INVALID && parser.defect != NULL) {
        return fi_error_set(err, rc, "line %llu, byte %zu: %s", (unsigned long long)reader->line,
                            (size_t)(parser.at - parser.start) + 1, parser.defect);
    }
    return rc;
}

/* Finds the next line, without its end. FIRN_LIMIT and FIRN_NO_MEMORY have no
 * text. */
static int
find_line(struct fi_json_reader *reader, bool *out_found, firn_slice *out)
{
    if (reader->is_carry_given) {
        fi_buf_clear(&reader->carry);
        reader->is_carry_given = false;
    }
    firn_slice piece = reader->piece;
    const uint8_t *end = piece.size == 0 ? NULL : memchr(piece.data, '\n', piece.size);
    size_t size = end == NULL ? piece.size : (size_t)(end - piece.data);
    *out_found = end != NULL || (reader->is_finished && reader->carry.size > 0);
    if (reader->carry.size + size > reader->line_size_max) {
        return FIRN_LIMIT;
    }
    *out = firn_bytes(piece.data, size);
    if (end == NULL || reader->carry.size > 0) {
        int rc = fi_buf_append(&reader->carry, piece.data, size);
        if (rc != FIRN_OK) {
            return rc;
        }
        *out = fi_buf_slice(&reader->carry);
        reader->is_carry_given = *out_found;
    }
    size_t used = end == NULL ? size : size + 1;
    DCHECK(used <= piece.size);
    reader->piece = used == 0 ? piece : firn_bytes(piece.data + used, piece.size - used);
    reader->line += *out_found;
    return FIRN_OK;
}

static bool
is_blank(firn_slice line)
{
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r') {
            return false;
        }
    }
    return true;
}

int
fi_json_reader_next(struct fi_json_reader *reader, struct fi_json_record *out, firn_error *err)
{
    static const uint8_t bom[] = {0xef, 0xbb, 0xbf};
    *out = (struct fi_json_record){0};
    if (reader->failed != FIRN_OK) {
        return json_reader_fail(reader, reader->failed, err);
    }
    firn_slice line;
    bool has_line;
    do {
        int rc = find_line(reader, &has_line, &line);
        if (rc != FIRN_OK) {
            return json_reader_fail(reader, rc, err);
        }
        if (has_line && reader->line == 1 && line.size >= sizeof bom &&
            memcmp(line.data, bom, sizeof bom) == 0) {
            line = firn_bytes(line.data + sizeof bom, line.size - sizeof bom);
        }
    } while (has_line && is_blank(line));
    if (!has_line) {
        return FIRN_OK;
    }
    out->line = reader->line;
    out->raw = line;
    int rc = read_line(reader, line, err);
    if (rc == FIRN_NO_MEMORY) {
        *out = (struct fi_json_record){0};
        return json_reader_fail(reader, rc, err);
    }
    if (rc == FIRN_OK) {
        out->values = reader->values;
        out->is_given = reader->is_given;
    }
    return rc;
}
