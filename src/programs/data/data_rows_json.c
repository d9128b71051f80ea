/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_rows_json.c: rows that are JSON objects, one a line.
 *
 *   {"key":"ada","value":"1815"}
 *   {"key":"k2","value":"ada","expires_ms":1795161600000}
 *
 * Bytes that are not UTF-8 come as docs/json.md has it: with a second member, key_hex or value_hex,
 * that has all of them in hexadecimal and counts alone. Members come in any order, each once; others
 * are refused, because what was not understood would be lost without a word. Between the parts there
 * may be spaces, as JSON allows them, but no end of line.
 *
 * Nothing is kept of a line but key and value: a row may be as long as they may be. What is plain in
 * a string is taken in one piece. Text beside digits has three bytes for each bad one, so it may be
 * longer than what it stands for may be: it is an error only where there are no digits.
 */
#include "data/data_internal.h"

#include <string.h>

#include "term/term.h"

enum { NAME_SIZE_MAX = 16, NUMBER_SIZE_MAX = 24 };

/* What was met in an object: a key or a value, each as text or in hexadecimal. */
struct met {
    struct firn_data_rows_field field;
    bool has_text;
    bool has_hex;
    bool is_long; /* the text */
};

static bool
is_space(int byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* The next byte that is no space. */
static int
take_visible(struct firn_data_rows *rows, int *out)
{
    int exit_code;
    do {
        exit_code = firn_data_rows_take(rows, out);
    } while (exit_code == FIRN_EXIT_OK && is_space(*out));
    return exit_code;
}

static int
expect(struct firn_data_rows *rows, int wanted, const char *otherwise)
{
    int byte = FIRN_DATA_ROWS_END;
    int exit_code = take_visible(rows, &byte);
    return exit_code != FIRN_EXIT_OK || byte == wanted ? exit_code
                                                       : firn_data_rows_wrong(rows, otherwise);
}

/* ---- strings ---- */

/* A piece of text. */
static int
add_text(struct firn_data_rows *rows, struct met *met, const uint8_t *data, size_t size)
{
    met->is_long |= size > met->field.size_max - met->field.bytes->size;
    return met->is_long ? FIRN_EXIT_OK : firn_data_rows_append(rows, &met->field, data, size);
}

/* Four hexadecimal digits. */
static int
take_unit(struct firn_data_rows *rows, uint32_t *out)
{
    *out = 0;
    for (unsigned i = 0; i < 4; i++) {
        int byte = FIRN_DATA_ROWS_END;
        int exit_code = firn_data_rows_take(rows, &byte);
        int digit = byte == FIRN_DATA_ROWS_END ? -1 : firn_data_bytes_digit((char)byte);
        if (exit_code != FIRN_EXIT_OK) {
            return exit_code;
        }
        if (digit < 0) {
            return firn_data_rows_wrong(rows, "behind \\u stand four hexadecimal digits");
        }
        *out = *out << 4 | (uint32_t)digit;
    }
    return FIRN_EXIT_OK;
}

/* The second half of a pair of units. */
static int
take_pair(struct firn_data_rows *rows, uint32_t first, uint32_t *out)
{
    uint32_t second = 0;
    int slash = FIRN_DATA_ROWS_END;
    int letter = FIRN_DATA_ROWS_END;
    int exit_code = firn_data_rows_take(rows, &slash);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_data_rows_take(rows, &letter);
    }
    if (exit_code == FIRN_EXIT_OK && slash == '\\' && letter == 'u') {
        exit_code = take_unit(rows, &second);
    }
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    if (first >= 0xDC00 || second < 0xDC00 || second > 0xDFFF) {
        return firn_data_rows_wrong(rows, "half of a pair of \\u stands alone");
    }
    *out = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    return FIRN_EXIT_OK;
}

static size_t
put_utf8(uint32_t point, uint8_t out[4])
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    size_t size = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (point & 0x3F));
        point >>= 6;
    }
    out[0] = (uint8_t)((0xF00 >> size) | point);
    return size;
}

/* What stands behind a backslash. */
static int
take_escape(struct firn_data_rows *rows, struct met *met)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    uint8_t bytes[4];
    uint32_t point = 0;
    int letter = FIRN_DATA_ROWS_END;
    int exit_code = firn_data_rows_take(rows, &letter);
    const char *found = letter > 0 ? strchr(letters, letter) : NULL;
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    if (found != NULL) {
        point = (uint32_t)(unsigned char)meanings[found - letters];
    } else if (letter != 'u') {
        return firn_data_rows_wrong(rows, "behind a backslash stands one of \"\\/bfnrtu");
    } else {
        exit_code = take_unit(rows, &point);
        if (exit_code == FIRN_EXIT_OK && point >= 0xD800 && point <= 0xDFFF) {
            exit_code = take_pair(rows, point, &point);
        }
    }
    return exit_code == FIRN_EXIT_OK ? add_text(rows, met, bytes, put_utf8(point, bytes))
                                     : exit_code;
}

/* Appends what stands for itself, as far as it has been read. */
static int
add_plain(struct firn_data_rows *rows, struct met *met)
{
    size_t begin = rows->at;
    size_t end = begin;
    while (end < rows->size && rows->input[end] >= 0x20 && rows->input[end] != '"' &&
           rows->input[end] != '\\') {
        end++;
    }
    rows->at = end;
    return add_text(rows, met, rows->input + begin, end - begin);
}

/* From behind the quote that begins it to behind the one that ends it. */
static int
take_string(struct firn_data_rows *rows, struct met *met)
{
    for (;;) {
        int byte = FIRN_DATA_ROWS_END;
        int exit_code = add_plain(rows, met);
        if (exit_code == FIRN_EXIT_OK) {
            exit_code = firn_data_rows_take(rows, &byte);
        }
        if (exit_code != FIRN_EXIT_OK || byte == '"') {
            return exit_code;
        }
        if (byte == '\\') {
            exit_code = take_escape(rows, met);
        } else if (byte >= 0x20) {
            /* The first of what was read just now. */
            rows->at--;
        } else {
            exit_code = firn_data_rows_wrong(rows, "a string has no end in its line");
        }
        if (exit_code != FIRN_EXIT_OK) {
            return exit_code;
        }
    }
}

/* The same in hexadecimal. */
static int
take_hex(struct firn_data_rows *rows, const struct firn_data_rows_field *field)
{
    for (;;) {
        int digits[2] = {FIRN_DATA_ROWS_END, FIRN_DATA_ROWS_END};
        int exit_code = firn_data_rows_take(rows, &digits[0]);
        if (exit_code != FIRN_EXIT_OK || digits[0] == '"') {
            return exit_code;
        }
        exit_code = firn_data_rows_take(rows, &digits[1]);
        if (exit_code != FIRN_EXIT_OK) {
            return exit_code;
        }
        int high = digits[0] == FIRN_DATA_ROWS_END ? -1 : firn_data_bytes_digit((char)digits[0]);
        int low = digits[1] == FIRN_DATA_ROWS_END ? -1 : firn_data_bytes_digit((char)digits[1]);
        if (high < 0 || low < 0) {
            return firn_data_rows_wrong(rows, "a member with _hex is an even number of digits");
        }
        uint8_t byte = (uint8_t)(high << 4 | low);
        exit_code = firn_data_rows_append(rows, field, &byte, 1);
        if (exit_code != FIRN_EXIT_OK) {
            return exit_code;
        }
    }
}

/* ---- members ---- */

static int
take_name(struct firn_data_rows *rows, char out[NAME_SIZE_MAX])
{
    size_t size = 0;
    int exit_code = expect(rows, '"', "a member has no name");
    while (exit_code == FIRN_EXIT_OK) {
        int byte = FIRN_DATA_ROWS_END;
        exit_code = firn_data_rows_take(rows, &byte);
        if (exit_code != FIRN_EXIT_OK || byte == '"') {
            break;
        }
        if (byte == FIRN_DATA_ROWS_END || size + 1 == NAME_SIZE_MAX) {
            return firn_data_rows_wrong(
                rows, "its members are key, value, those with _hex, and expires_ms");
        }
        out[size++] = (char)byte;
    }
    out[size] = '\0';
    return exit_code;
}

static int
refuse_twice(const struct firn_data_rows *rows)
{
    return firn_data_rows_wrong(rows, "a member is there twice");
}

/* The string of a member that is text, which counts only without one in hexadecimal. */
static int
take_text(struct firn_data_rows *rows, struct met *met)
{
    struct firn_data_bytes digits = *met->field.bytes;
    struct firn_data_bytes unwanted = {NULL, 0, 0};
    if (met->has_text) {
        return refuse_twice(rows);
    }
    met->has_text = true;
    if (!met->has_hex) {
        return take_string(rows, met);
    }
    *met->field.bytes = unwanted;
    int exit_code = take_string(rows, met);
    firn_data_bytes_deinit(met->field.bytes);
    *met->field.bytes = digits;
    return exit_code;
}

static int
take_digits(struct firn_data_rows *rows, struct met *met)
{
    if (met->has_hex) {
        return refuse_twice(rows);
    }
    met->field.bytes->size = 0;
    met->has_hex = true;
    return take_hex(rows, &met->field);
}

/* A whole number, from 1 on. */
static int
take_expiry(struct firn_data_rows *rows)
{
    char digits[NUMBER_SIZE_MAX];
    size_t size = 0;
    int byte = FIRN_DATA_ROWS_END;
    int exit_code = rows->expires_ms != 0 ? refuse_twice(rows) : take_visible(rows, &byte);
    while (exit_code == FIRN_EXIT_OK && byte >= '0' && byte <= '9' && size + 1 < NUMBER_SIZE_MAX) {
        digits[size++] = (char)byte;
        exit_code = firn_data_rows_take(rows, &byte);
    }
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    digits[size] = '\0';
    if (!firn_command_number(digits, UINT64_MAX, &rows->expires_ms) || rows->expires_ms == 0) {
        return firn_data_rows_wrong(rows, "expires_ms is no number of milliseconds since 1970");
    }
    /* What came behind it is the next to be read. */
    rows->at -= byte != FIRN_DATA_ROWS_END;
    return FIRN_EXIT_OK;
}

static int
take_member(struct firn_data_rows *rows, struct met *key, struct met *value)
{
    char name[NAME_SIZE_MAX];
    int exit_code = take_name(rows, name);
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = expect(rows, ':', "behind the name of a member stands a colon");
    }
    if (exit_code == FIRN_EXIT_OK && strcmp(name, "expires_ms") == 0) {
        return take_expiry(rows);
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = expect(rows, '"', "a member is no string");
    }
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    if (strcmp(name, "key") == 0) {
        return take_text(rows, key);
    }
    if (strcmp(name, "value") == 0) {
        return take_text(rows, value);
    }
    if (strcmp(name, "key_hex") == 0) {
        return take_digits(rows, key);
    }
    if (strcmp(name, "value_hex") == 0) {
        return take_digits(rows, value);
    }
    return firn_data_rows_wrong(rows,
                                "its members are key, value, those with _hex, and expires_ms");
}

/* Whether a key or value was there, and no longer than it may be. */
static int
check(struct firn_data_rows *rows, const struct met *met)
{
    if (!met->has_text && !met->has_hex) {
        return firn_data_rows_wrong(rows, "the object has no key, or no value");
    }
    return met->is_long && !met->has_hex ? firn_data_rows_append(rows, &met->field, NULL, SIZE_MAX)
                                         : FIRN_EXIT_OK;
}

/* Nothing but spaces up to the end of the line. */
static int
end_line(struct firn_data_rows *rows)
{
    int byte = FIRN_DATA_ROWS_END;
    int exit_code = take_visible(rows, &byte);
    return exit_code != FIRN_EXIT_OK || byte == FIRN_DATA_ROWS_END || byte == '\n'
               ? exit_code
               : firn_data_rows_wrong(rows, "there is something behind the object");
}

int
firn_data_rows_json_next(struct firn_data_rows *rows, int first)
{
    struct met key = {firn_data_rows_key_of(rows), false, false, false};
    struct met value = {firn_data_rows_value_of(rows), false, false, false};
    int byte = first;
    int exit_code = is_space(first) ? take_visible(rows, &byte) : FIRN_EXIT_OK;
    if (exit_code == FIRN_EXIT_OK && byte != '{') {
        return firn_data_rows_wrong(rows, "it is no JSON object");
    }
    do {
        if (exit_code == FIRN_EXIT_OK) {
            exit_code = take_member(rows, &key, &value);
        }
        if (exit_code == FIRN_EXIT_OK) {
            exit_code = take_visible(rows, &byte);
        }
    } while (exit_code == FIRN_EXIT_OK && byte == ',');
    if (exit_code == FIRN_EXIT_OK && byte != '}') {
        return firn_data_rows_wrong(rows, "the object has no end in its line");
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = check(rows, &key);
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = check(rows, &value);
    }
    return exit_code == FIRN_EXIT_OK ? end_line(rows) : exit_code;
}
