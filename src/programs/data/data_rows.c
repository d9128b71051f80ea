/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_rows.c: keys and values that come as rows from a file or from standard input.
 *
 * Rows are read as a stream: at most 64 KiB of the input and one row are in memory. The memory of a
 * row grows with the bytes that were read, never by a size that the input claims. The caller limits
 * the sizes of keys and values. Mistakes are reported with the number of the row.
 *
 * Every read polls first, so that a signal ends the wait (term_signals.c).
 */
#include "data/data_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"
#include "term/term_try.h"

enum { INPUT_SIZE = 64 * 1024, BINARY_HEAD_SIZE = 8, END = -1 };

/* A key or value that is being read, and its limit. */
struct field {
    struct fi_data_bytes *bytes;
    size_t size_max;
    const char *name;
};

int
fi_data_rows_open(struct fi_cli *cli, const char *path, enum fi_data_rows_form form,
                  struct fi_data_rows *out)
{
    bool is_stdin = strcmp(path, "-") == 0;
    memset(out, 0, sizeof(*out));
    out->cli = cli;
    out->form = form;
    out->key_size_max = FIRN_KEY_SIZE_MAX;
    out->value_size_max = FIRN_VALUE_SIZE_MAX;
    out->name = is_stdin ? "standard input" : path;
    out->input = malloc(INPUT_SIZE);
    if (out->input == NULL) {
        return fi_command_report_no_memory(cli);
    }
    out->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (out->fd < 0) {
        return fi_command_report_error(cli, errno == ENOENT ? FIRN_NOT_FOUND : FIRN_IO, NULL,
                                       "could not open '%s': %s", path, strerror(errno));
    }
    return FI_EXIT_OK;
}

void
fi_data_rows_close(struct fi_data_rows *rows)
{
    if (rows->fd > STDIN_FILENO) {
        (void)close(rows->fd); /* only read */
    }
    fi_data_bytes_deinit(&rows->key);
    fi_data_bytes_deinit(&rows->value);
    free(rows->input);
    memset(rows, 0, sizeof(*rows));
}

/* ---- bytes ---- */

/* Reads more input; is_over at its end. Returns an exit code. */
static int
data_rows_fill(struct fi_data_rows *rows)
{
    assert(rows->at == rows->size && !rows->is_over);
    assert(rows->at == rows->size && !rows->is_over);
    ssize_t got;
    rows->at = 0;
    rows->size = 0;
    do {
        struct pollfd input = {.fd = rows->fd, .events = POLLIN};
        (void)poll(&input, 1, -1);
        if (fi_term_signals_caught() != 0) {
            return fi_command_report_error(rows->cli, FIRN_CANCELLED, NULL, "interrupted");
        }
        got = read(rows->fd, rows->input, INPUT_SIZE);
    } while (got < 0 && (errno == EINTR || errno == EAGAIN));
    if (got < 0) {
        return fi_command_report_error(rows->cli, FIRN_IO, NULL, "could not read '%s': %s",
                                       rows->name, strerror(errno));
    }
    rows->size = (size_t)got;
    rows->is_over = got == 0;
    return FI_EXIT_OK;
}

/* The next byte, or END. Returns an exit code. */
static int
data_rows_take(struct fi_data_rows *rows, int *out)
{
    assert(rows->at <= rows->size && rows->size <= INPUT_SIZE);
    if (rows->at == rows->size && !rows->is_over) {
        FI_TRY_RETURN(data_rows_fill(rows));
    }
    *out = rows->is_over ? END : rows->input[rows->at++];
    return FI_EXIT_OK;
}

/* Reports that the row is not one. */
static int
data_rows_wrong(const struct fi_data_rows *rows, const char *what)
{
    return fi_command_report_error(rows->cli, FIRN_INVALID, NULL, "row %llu of '%s': %s",
                                   (unsigned long long)rows->number, rows->name, what);
}

static struct field
key_of(struct fi_data_rows *rows)
{
    return (struct field){&rows->key, rows->key_size_max, "key"};
}

static struct field
value_of(struct fi_data_rows *rows)
{
    return (struct field){&rows->value, rows->value_size_max, "value"};
}

static int
too_large(const struct fi_data_rows *rows, const struct field *field)
{
    assert(field->bytes->size <= field->size_max);
    return fi_command_report_error(
        rows->cli, FIRN_LIMIT, NULL, "row %llu of '%s': the %s has more than %zu bytes",
        (unsigned long long)rows->number, rows->name, field->name, field->size_max);
}

/* All return exit codes. The next byte, or END. */
static int
data_rows_append(struct fi_data_rows *rows, const struct field *field, const uint8_t *data,
                 size_t size)
{
    assert(field->bytes->size <= field->bytes->capacity);
    assert(field->bytes->size <= field->size_max);
    if (size > field->size_max - field->bytes->size) {
        return too_large(rows, field);
    }
    FI_TRY_RETURN(fi_data_bytes_reserve(rows->cli, field->bytes, size));
    if (size > 0) {
        memcpy(field->bytes->data + field->bytes->size, data, size);
        field->bytes->size += size;
    }
    return FI_EXIT_OK;
}

/* ---- lines ---- */

/* What the characters after a backslash stand for. Returns an exit code. */
static int
data_rows_unescape(struct fi_data_rows *rows, uint8_t *out)
{
    static const char letters[] = "\\abtnvfr";
    static const uint8_t meanings[] = "\\\a\b\t\n\v\f\r";
    int first = END;
    int exit_code = data_rows_take(rows, &first);
    const char *letter = first > 0 ? strchr(letters, first) : NULL;
    if (exit_code != FI_EXIT_OK || letter != NULL) {
        *out = letter != NULL ? meanings[letter - letters] : 0;
        return exit_code;
    }
    int number = 0;
    int digit = first;
    for (int i = 0; i < 3; i++) {
        if (i > 0) {
            exit_code = data_rows_take(rows, &digit);
        }
        if (exit_code != FI_EXIT_OK) {
            return exit_code;
        }
        if (digit < '0' || digit > (i == 0 ? '3' : '7')) {
            return data_rows_wrong(
                rows,
                "a backslash must be followed by another, one of abtnvfr or three octal digits");
        }
        number = number * 8 + (digit - '0');
    }
    *out = (uint8_t)number;
    return FI_EXIT_OK;
}

/* The byte that begins with `first`. Returns an exit code. */
static int
data_rows_decode(struct fi_data_rows *rows, int first, uint8_t *out)
{
    assert(first != END);
    if (rows->form == FI_DATA_ROWS_TEXT) {
        *out = (uint8_t)first;
        return first == '\\' ? data_rows_unescape(rows, out) : FI_EXIT_OK;
    }
    int second = END;
    FI_TRY_RETURN(data_rows_take(rows, &second));
    int high = fi_data_bytes_digit((char)first);
    int low = second == END ? -1 : fi_data_bytes_digit((char)second);
    if (high < 0 || low < 0) {
        return data_rows_wrong(rows, "key and value must be even numbers of hexadecimal digits");
    }
    *out = (uint8_t)(high << 4 | low);
    return FI_EXIT_OK;
}

/* Appends what stands for itself, up to what does not. Returns an exit code. */
static int
append_plain(struct fi_data_rows *rows, const struct field *field)
{
    size_t end = rows->at;
    while (rows->form == FI_DATA_ROWS_TEXT && end < rows->size && rows->input[end] != '\\' &&
           rows->input[end] != '\t' && rows->input[end] != '\n') {
        end++;
    }
    size_t begin = rows->at;
    rows->at = end;
    return data_rows_append(rows, field, rows->input + begin, end - begin);
}

static int
next_line(struct fi_data_rows *rows, int first)
{
    struct field field = key_of(rows);
    bool has_tab = false;
    int byte = first;
    while (byte != END && byte != '\n') {
        int exit_code = FI_EXIT_OK;
        if (byte == '\t') {
            if (has_tab) {
                return data_rows_wrong(
                    rows, "there is a second tab: one in a key or value has to be escaped");
            }
            has_tab = true;
            field = value_of(rows);
        } else {
            uint8_t decoded = 0;
            exit_code = data_rows_decode(rows, byte, &decoded);
            if (exit_code == FI_EXIT_OK) {
                exit_code = data_rows_append(rows, &field, &decoded, 1);
            }
        }
        if (exit_code == FI_EXIT_OK) {
            exit_code = append_plain(rows, &field);
        }
        if (exit_code == FI_EXIT_OK) {
            exit_code = data_rows_take(rows, &byte);
        }
        if (exit_code != FI_EXIT_OK) {
            return exit_code;
        }
    }
    return has_tab ? FI_EXIT_OK : data_rows_wrong(rows, "there is no tab between key and value");
}

/* ---- binary ---- */

/* Reads `size` bytes, and lets them grow as they come. Returns an exit code. */
static int
read_field(struct fi_data_rows *rows, const struct field *field, size_t size)
{
    if (size > field->size_max) {
        return too_large(rows, field);
    }
    while (field->bytes->size < size) {
        int exit_code = FI_EXIT_OK;
        if (rows->at == rows->size) {
            exit_code = data_rows_fill(rows);
        }
        if (exit_code == FI_EXIT_OK && rows->is_over) {
            exit_code = data_rows_wrong(rows, "the input ends inside its key or value");
        }
        size_t left = size - field->bytes->size;
        size_t part = rows->size - rows->at < left ? rows->size - rows->at : left;
        if (exit_code == FI_EXIT_OK) {
            exit_code = data_rows_append(rows, field, rows->input + rows->at, part);
        }
        if (exit_code != FI_EXIT_OK) {
            return exit_code;
        }
        rows->at += part;
    }
    return FI_EXIT_OK;
}

static int
next_binary(struct fi_data_rows *rows, int first)
{
    size_t sizes[2] = {(size_t)first, 0};
    for (unsigned i = 1; i < BINARY_HEAD_SIZE; i++) {
        int byte = END;
        int exit_code = data_rows_take(rows, &byte);
        if (exit_code == FI_EXIT_OK && byte == END) {
            exit_code = data_rows_wrong(rows, "the input ends inside its sizes");
        }
        if (exit_code != FI_EXIT_OK) {
            return exit_code;
        }
        sizes[i / 4] |= (size_t)byte << i % 4 * 8;
    }
    struct field key = key_of(rows);
    struct field value = value_of(rows);
    FI_TRY_RETURN(read_field(rows, &key, sizes[0]));
    return read_field(rows, &value, sizes[1]);
}

/* ---- rows of JSON ---- */

enum { NAME_SIZE_MAX = 16, NUMBER_SIZE_MAX = 24 };

/* What was met in an object: a key or a value, each as text or in hexadecimal. */
struct met {
    struct field field;
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
take_visible(struct fi_data_rows *rows, int *out)
{
    int exit_code;
    do {
        exit_code = data_rows_take(rows, out);
    } while (exit_code == FI_EXIT_OK && is_space(*out));
    return exit_code;
}

static int
data_rows_expect(struct fi_data_rows *rows, int wanted, const char *otherwise)
{
    int byte = END;
    int exit_code = take_visible(rows, &byte);
    return exit_code != FI_EXIT_OK || byte == wanted ? exit_code : data_rows_wrong(rows, otherwise);
}

/* ---- strings ---- */

/* A piece of text. */
static int
add_text(struct fi_data_rows *rows, struct met *met, const uint8_t *data, size_t size)
{
    met->is_long |= size > met->field.size_max - met->field.bytes->size;
    return met->is_long ? FI_EXIT_OK : data_rows_append(rows, &met->field, data, size);
}

/* Four hexadecimal digits. */
static int
take_unit(struct fi_data_rows *rows, uint32_t *out)
{
    *out = 0;
    for (unsigned i = 0; i < 4; i++) {
        int byte = END;
        int exit_code = data_rows_take(rows, &byte);
        int digit = byte == END ? -1 : fi_data_bytes_digit((char)byte);
        if (exit_code != FI_EXIT_OK) {
            return exit_code;
        }
        if (digit < 0) {
            return data_rows_wrong(rows, "\\u must be followed by four hexadecimal digits");
        }
        *out = *out << 4 | (uint32_t)digit;
    }
    return FI_EXIT_OK;
}

/* The second half of a pair of units. */
static int
take_pair(struct fi_data_rows *rows, uint32_t first, uint32_t *out)
{
    uint32_t second = 0;
    int slash = END;
    int letter = END;
    FI_TRY_RETURN(data_rows_take(rows, &slash));
    FI_TRY_RETURN(data_rows_take(rows, &letter));
    if (slash == '\\' && letter == 'u') {
        FI_TRY_RETURN(take_unit(rows, &second));
    }
    if (first >= 0xDC00 || second < 0xDC00 || second > 0xDFFF) {
        return data_rows_wrong(rows, "half of a pair of \\u is missing");
    }
    *out = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    return FI_EXIT_OK;
}

static size_t
put_utf8(uint32_t point, uint8_t out[4])
{
    assert(point <= 0x10FFFF);
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

/* The characters after a backslash. */
static int
take_escape(struct fi_data_rows *rows, struct met *met)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    uint8_t bytes[4];
    uint32_t point = 0;
    int letter = END;
    int exit_code = data_rows_take(rows, &letter);
    const char *found = letter > 0 ? strchr(letters, letter) : NULL;
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    if (found != NULL) {
        point = (uint32_t)(unsigned char)meanings[found - letters];
    } else if (letter != 'u') {
        return data_rows_wrong(rows, "a backslash must be followed by one of \"\\/bfnrtu");
    } else {
        exit_code = take_unit(rows, &point);
        if (exit_code == FI_EXIT_OK && point >= 0xD800 && point <= 0xDFFF) {
            exit_code = take_pair(rows, point, &point);
        }
    }
    return exit_code == FI_EXIT_OK ? add_text(rows, met, bytes, put_utf8(point, bytes)) : exit_code;
}

/* Appends what stands for itself, as far as it has been read. */
static int
add_plain(struct fi_data_rows *rows, struct met *met)
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

/* From after the quote that begins it to after the one that ends it. */
static int
take_string(struct fi_data_rows *rows, struct met *met)
{
    for (;;) {
        int byte = END;
        int exit_code = add_plain(rows, met);
        if (exit_code == FI_EXIT_OK) {
            exit_code = data_rows_take(rows, &byte);
        }
        if (exit_code != FI_EXIT_OK || byte == '"') {
            return exit_code;
        }
        if (byte == '\\') {
            exit_code = take_escape(rows, met);
        } else if (byte >= 0x20) {
            /* The first of what was read just now. */
            rows->at--;
        } else {
            exit_code = data_rows_wrong(rows, "a string does not end on its line");
        }
        if (exit_code != FI_EXIT_OK) {
            return exit_code;
        }
    }
}

/* The same in hexadecimal. */
static int
take_hex(struct fi_data_rows *rows, const struct field *field)
{
    for (;;) {
        int digits[2] = {END, END};
        int exit_code = data_rows_take(rows, &digits[0]);
        if (exit_code != FI_EXIT_OK || digits[0] == '"') {
            return exit_code;
        }
        exit_code = data_rows_take(rows, &digits[1]);
        if (exit_code != FI_EXIT_OK) {
            return exit_code;
        }
        int high = digits[0] == END ? -1 : fi_data_bytes_digit((char)digits[0]);
        int low = digits[1] == END ? -1 : fi_data_bytes_digit((char)digits[1]);
        if (high < 0 || low < 0) {
            return data_rows_wrong(rows, "a member with _hex is an even number of digits");
        }
        uint8_t byte = (uint8_t)(high << 4 | low);
        exit_code = data_rows_append(rows, field, &byte, 1);
        if (exit_code != FI_EXIT_OK) {
            return exit_code;
        }
    }
}

/* ---- members ---- */

static int
take_name(struct fi_data_rows *rows, char out[NAME_SIZE_MAX])
{
    size_t size = 0;
    int exit_code = data_rows_expect(rows, '"', "a member has no name");
    while (exit_code == FI_EXIT_OK) {
        int byte = END;
        exit_code = data_rows_take(rows, &byte);
        if (exit_code != FI_EXIT_OK || byte == '"') {
            break;
        }
        if (byte == END || size + 1 == NAME_SIZE_MAX) {
            return data_rows_wrong(rows,
                                   "its members are key, value, those with _hex, and expires_ms");
        }
        out[size++] = (char)byte;
    }
    out[size] = '\0';
    return exit_code;
}

static int
refuse_twice(const struct fi_data_rows *rows)
{
    return data_rows_wrong(rows, "a member is there twice");
}

/* The string of a member that is text, which counts only without one in hexadecimal. */
static int
take_text(struct fi_data_rows *rows, struct met *met)
{
    struct fi_data_bytes digits = *met->field.bytes;
    struct fi_data_bytes unwanted = {NULL, 0, 0};
    if (met->has_text) {
        return refuse_twice(rows);
    }
    met->has_text = true;
    if (!met->has_hex) {
        return take_string(rows, met);
    }
    *met->field.bytes = unwanted;
    int exit_code = take_string(rows, met);
    fi_data_bytes_deinit(met->field.bytes);
    *met->field.bytes = digits;
    return exit_code;
}

static int
take_digits(struct fi_data_rows *rows, struct met *met)
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
take_expiry(struct fi_data_rows *rows)
{
    char digits[NUMBER_SIZE_MAX];
    size_t size = 0;
    int byte = END;
    int exit_code = rows->expires_ms != 0 ? refuse_twice(rows) : take_visible(rows, &byte);
    while (exit_code == FI_EXIT_OK && byte >= '0' && byte <= '9' && size + 1 < NUMBER_SIZE_MAX) {
        digits[size++] = (char)byte;
        exit_code = data_rows_take(rows, &byte);
    }
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    digits[size] = '\0';
    if (!fi_command_number(digits, UINT64_MAX, &rows->expires_ms) || rows->expires_ms == 0) {
        return data_rows_wrong(rows, "expires_ms is not a number of milliseconds since 1970");
    }
    /* The bytes after it are the next to be read. */
    rows->at -= byte != END;
    return FI_EXIT_OK;
}

static int
take_member(struct fi_data_rows *rows, struct met *key, struct met *value)
{
    char name[NAME_SIZE_MAX];
    FI_TRY_RETURN(take_name(rows, name));
    FI_TRY_RETURN(data_rows_expect(rows, ':', "a colon must follow the name of a member"));
    if (strcmp(name, "expires_ms") == 0) {
        return take_expiry(rows);
    }
    FI_TRY_RETURN(data_rows_expect(rows, '"', "a member is not a string"));
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
    return data_rows_wrong(rows, "its members are key, value, those with _hex, and expires_ms");
}

/* Whether a key or value was there, and no longer than it may be. */
static int
data_rows_check(struct fi_data_rows *rows, const struct met *met)
{
    if (!met->has_text && !met->has_hex) {
        return data_rows_wrong(rows, "the object has no key, or no value");
    }
    return met->is_long && !met->has_hex ? data_rows_append(rows, &met->field, NULL, SIZE_MAX)
                                         : FI_EXIT_OK;
}

/* Nothing but spaces up to the end of the line. */
static int
end_line(struct fi_data_rows *rows)
{
    int byte = END;
    int exit_code = take_visible(rows, &byte);
    return exit_code != FI_EXIT_OK || byte == END || byte == '\n'
               ? exit_code
               : data_rows_wrong(rows, "there is something after the object");
}

/* A row that begins with that byte:
 *
 *   {"key":"ada","value":"1815"}
 *   {"key":"k2","value":"ada","expires_ms":1795161600000}
 *
 * Bytes that are not UTF-8 come as docs/json.md has it: with a second member, key_hex or value_hex,
 * that has all of them in hexadecimal and counts alone. Members come in any order, each once;
 * others are refused, because what was not understood would be lost without a word. Between the
 * parts there may be spaces, as JSON allows them, but no end of line.
 *
 * Nothing is kept of a line but key and value: a row may be as long as they may be. Plain stretches
 * of a string are taken in one piece. Text beside digits has three bytes for each bad one, so it
 * may be longer than what it stands for may be: it is an error only where there are no digits. */
static int
next_json(struct fi_data_rows *rows, int first)
{
    struct met key = {key_of(rows), false, false, false};
    struct met value = {value_of(rows), false, false, false};
    int byte = first;
    int exit_code = is_space(first) ? take_visible(rows, &byte) : FI_EXIT_OK;
    if (exit_code == FI_EXIT_OK && byte != '{') {
        return data_rows_wrong(rows, "it is not a JSON object");
    }
    do {
        if (exit_code == FI_EXIT_OK) {
            exit_code = take_member(rows, &key, &value);
        }
        if (exit_code == FI_EXIT_OK) {
            exit_code = take_visible(rows, &byte);
        }
    } while (exit_code == FI_EXIT_OK && byte == ',');
    if (exit_code == FI_EXIT_OK && byte != '}') {
        return data_rows_wrong(rows, "the object does not end on its line");
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = data_rows_check(rows, &key);
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = data_rows_check(rows, &value);
    }
    return exit_code == FI_EXIT_OK ? end_line(rows) : exit_code;
}

int
fi_data_rows_next(struct fi_data_rows *rows, bool *out_end)
{
    int first = END;
    rows->key.size = 0;
    rows->value.size = 0;
    rows->expires_ms = 0;
    int exit_code = data_rows_take(rows, &first);
    *out_end = exit_code == FI_EXIT_OK && first == END;
    if (exit_code != FI_EXIT_OK || *out_end) {
        return exit_code;
    }
    rows->number++;
    if (rows->form == FI_DATA_ROWS_JSON) {
        return next_json(rows, first);
    }
    return rows->form == FI_DATA_ROWS_BINARY ? next_binary(rows, first) : next_line(rows, first);
}
