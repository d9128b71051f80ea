/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_rows.c: keys and values that come as rows from a file or from standard input.
 *
 * Rows are read as a stream: of the input 64 KiB are held at a time, and one row. A row's memory
 * grows with what has come, never by a size that the input claims; what a key or a value may have
 * at most is the reader's to say. Mistakes are told with the number of the row.
 *
 * Whatever is read polls first, so that a signal ends the wait (term_signals.c).
 */
#include "data/data_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"

enum { INPUT_SIZE = 64 * 1024, BINARY_HEAD_SIZE = 8 };

int
firn_data_rows_open(struct firn_cli *cli, const char *path, enum firn_data_rows_form form,
                    struct firn_data_rows *out)
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
        return firn_command_report_error(cli, FIRN_NO_MEMORY, NULL, "%s",
                                         firn_code_text(FIRN_NO_MEMORY));
    }
    out->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (out->fd < 0) {
        return firn_command_report_error(cli, errno == ENOENT ? FIRN_NOT_FOUND : FIRN_IO, NULL,
                                         "could not open '%s': %s", path, strerror(errno));
    }
    return FIRN_EXIT_OK;
}

void
firn_data_rows_close(struct firn_data_rows *rows)
{
    if (rows->fd > STDIN_FILENO) {
        (void)close(rows->fd); /* only read */
    }
    firn_data_bytes_deinit(&rows->key);
    firn_data_bytes_deinit(&rows->value);
    free(rows->input);
    memset(rows, 0, sizeof(*rows));
}

/* ---- bytes ---- */

/* Reads more input; is_over at its end. Returns an exit code. */
static int
fill(struct firn_data_rows *rows)
{
    ssize_t got;
    rows->at = 0;
    rows->size = 0;
    do {
        struct pollfd input = {.fd = rows->fd, .events = POLLIN};
        (void)poll(&input, 1, -1);
        if (firn_term_signals_caught() != 0) {
            return firn_command_report_error(rows->cli, FIRN_CANCELLED, NULL, "interrupted");
        }
        got = read(rows->fd, rows->input, INPUT_SIZE);
    } while (got < 0 && (errno == EINTR || errno == EAGAIN));
    if (got < 0) {
        return firn_command_report_error(rows->cli, FIRN_IO, NULL, "could not read '%s': %s",
                                         rows->name, strerror(errno));
    }
    rows->size = (size_t)got;
    rows->is_over = got == 0;
    return FIRN_EXIT_OK;
}

/* The next byte, or FIRN_DATA_ROWS_END. Returns an exit code. */
int
firn_data_rows_take(struct firn_data_rows *rows, int *out)
{
    if (rows->at == rows->size && !rows->is_over) {
        int exit_code = fill(rows);
        if (exit_code != FIRN_EXIT_OK) {
            return exit_code;
        }
    }
    *out = rows->is_over ? FIRN_DATA_ROWS_END : rows->input[rows->at++];
    return FIRN_EXIT_OK;
}

int
firn_data_rows_wrong(const struct firn_data_rows *rows, const char *what)
{
    return firn_command_report_error(rows->cli, FIRN_INVALID, NULL, "row %llu of '%s': %s",
                                     (unsigned long long)rows->number, rows->name, what);
}

struct firn_data_rows_field
firn_data_rows_key_of(struct firn_data_rows *rows)
{
    return (struct firn_data_rows_field){&rows->key, rows->key_size_max, "key"};
}

struct firn_data_rows_field
firn_data_rows_value_of(struct firn_data_rows *rows)
{
    return (struct firn_data_rows_field){&rows->value, rows->value_size_max, "value"};
}

static int
too_large(const struct firn_data_rows *rows, const struct firn_data_rows_field *field)
{
    return firn_command_report_error(
        rows->cli, FIRN_LIMIT, NULL, "row %llu of '%s': the %s has more than %zu bytes",
        (unsigned long long)rows->number, rows->name, field->name, field->size_max);
}

int
firn_data_rows_append(struct firn_data_rows *rows, const struct firn_data_rows_field *field,
                      const uint8_t *data, size_t size)
{
    if (size > field->size_max - field->bytes->size) {
        return too_large(rows, field);
    }
    int exit_code = firn_data_bytes_reserve(rows->cli, field->bytes, size);
    if (exit_code == FIRN_EXIT_OK && size > 0) {
        memcpy(field->bytes->data + field->bytes->size, data, size);
        field->bytes->size += size;
    }
    return exit_code;
}

/* ---- lines ---- */

/* What the characters behind a backslash stand for. Returns an exit code. */
static int
unescape(struct firn_data_rows *rows, uint8_t *out)
{
    static const char letters[] = "\\abtnvfr";
    static const uint8_t meanings[] = "\\\a\b\t\n\v\f\r";
    int first = FIRN_DATA_ROWS_END;
    int exit_code = firn_data_rows_take(rows, &first);
    const char *letter = first > 0 ? strchr(letters, first) : NULL;
    if (exit_code != FIRN_EXIT_OK || letter != NULL) {
        *out = letter != NULL ? meanings[letter - letters] : 0;
        return exit_code;
    }
    int number = 0;
    int digit = first;
    for (int i = 0; i < 3; i++) {
        if (i > 0) {
            exit_code = firn_data_rows_take(rows, &digit);
        }
        if (exit_code != FIRN_EXIT_OK) {
            return exit_code;
        }
        if (digit < '0' || digit > (i == 0 ? '3' : '7')) {
            return firn_data_rows_wrong(
                rows, "behind a backslash stands another, one of abtnvfr or three octal digits");
        }
        number = number * 8 + (digit - '0');
    }
    *out = (uint8_t)number;
    return FIRN_EXIT_OK;
}

/* The byte that begins with `first`. Returns an exit code. */
static int
decode(struct firn_data_rows *rows, int first, uint8_t *out)
{
    if (rows->form == FIRN_DATA_ROWS_TEXT) {
        *out = (uint8_t)first;
        return first == '\\' ? unescape(rows, out) : FIRN_EXIT_OK;
    }
    int second = FIRN_DATA_ROWS_END;
    int exit_code = firn_data_rows_take(rows, &second);
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    int high = firn_data_bytes_digit((char)first);
    int low = second == FIRN_DATA_ROWS_END ? -1 : firn_data_bytes_digit((char)second);
    if (high < 0 || low < 0) {
        return firn_data_rows_wrong(rows, "key and value are even numbers of hexadecimal digits");
    }
    *out = (uint8_t)(high << 4 | low);
    return FIRN_EXIT_OK;
}

/* Appends what stands for itself, up to what does not. Returns an exit code. */
static int
append_plain(struct firn_data_rows *rows, const struct firn_data_rows_field *field)
{
    size_t end = rows->at;
    while (rows->form == FIRN_DATA_ROWS_TEXT && end < rows->size && rows->input[end] != '\\' &&
           rows->input[end] != '\t' && rows->input[end] != '\n') {
        end++;
    }
    size_t begin = rows->at;
    rows->at = end;
    return firn_data_rows_append(rows, field, rows->input + begin, end - begin);
}

static int
next_line(struct firn_data_rows *rows, int first)
{
    struct firn_data_rows_field field = firn_data_rows_key_of(rows);
    bool has_tab = false;
    int byte = first;
    while (byte != FIRN_DATA_ROWS_END && byte != '\n') {
        int exit_code = FIRN_EXIT_OK;
        if (byte == '\t') {
            if (has_tab) {
                return firn_data_rows_wrong(
                    rows, "there is a second tab: one in a key or value has to be escaped");
            }
            has_tab = true;
            field = firn_data_rows_value_of(rows);
        } else {
            uint8_t decoded = 0;
            exit_code = decode(rows, byte, &decoded);
            if (exit_code == FIRN_EXIT_OK) {
                exit_code = firn_data_rows_append(rows, &field, &decoded, 1);
            }
        }
        if (exit_code == FIRN_EXIT_OK) {
            exit_code = append_plain(rows, &field);
        }
        if (exit_code == FIRN_EXIT_OK) {
            exit_code = firn_data_rows_take(rows, &byte);
        }
        if (exit_code != FIRN_EXIT_OK) {
            return exit_code;
        }
    }
    return has_tab ? FIRN_EXIT_OK
                   : firn_data_rows_wrong(rows, "there is no tab between key and value");
}

/* ---- binary ---- */

/* Reads `size` bytes, and lets them grow as they come. Returns an exit code. */
static int
read_field(struct firn_data_rows *rows, const struct firn_data_rows_field *field, size_t size)
{
    if (size > field->size_max) {
        return too_large(rows, field);
    }
    while (field->bytes->size < size) {
        int exit_code = FIRN_EXIT_OK;
        if (rows->at == rows->size) {
            exit_code = fill(rows);
        }
        if (exit_code == FIRN_EXIT_OK && rows->is_over) {
            exit_code = firn_data_rows_wrong(rows, "it ends before its key and value do");
        }
        size_t left = size - field->bytes->size;
        size_t part = rows->size - rows->at < left ? rows->size - rows->at : left;
        if (exit_code == FIRN_EXIT_OK) {
            exit_code = firn_data_rows_append(rows, field, rows->input + rows->at, part);
        }
        if (exit_code != FIRN_EXIT_OK) {
            return exit_code;
        }
        rows->at += part;
    }
    return FIRN_EXIT_OK;
}

static int
next_binary(struct firn_data_rows *rows, int first)
{
    size_t sizes[2] = {(size_t)first, 0};
    for (unsigned i = 1; i < BINARY_HEAD_SIZE; i++) {
        int byte = FIRN_DATA_ROWS_END;
        int exit_code = firn_data_rows_take(rows, &byte);
        if (exit_code == FIRN_EXIT_OK && byte == FIRN_DATA_ROWS_END) {
            exit_code = firn_data_rows_wrong(rows, "it ends before its sizes do");
        }
        if (exit_code != FIRN_EXIT_OK) {
            return exit_code;
        }
        sizes[i / 4] |= (size_t)byte << i % 4 * 8;
    }
    struct firn_data_rows_field key = firn_data_rows_key_of(rows);
    struct firn_data_rows_field value = firn_data_rows_value_of(rows);
    int exit_code = read_field(rows, &key, sizes[0]);
    return exit_code == FIRN_EXIT_OK ? read_field(rows, &value, sizes[1]) : exit_code;
}

/* ---- rows ---- */

int
firn_data_rows_next(struct firn_data_rows *rows, bool *out_end)
{
    int first = FIRN_DATA_ROWS_END;
    rows->key.size = 0;
    rows->value.size = 0;
    rows->expires_ms = 0;
    int exit_code = firn_data_rows_take(rows, &first);
    *out_end = exit_code == FIRN_EXIT_OK && first == FIRN_DATA_ROWS_END;
    if (exit_code != FIRN_EXIT_OK || *out_end) {
        return exit_code;
    }
    rows->number++;
    if (rows->form == FIRN_DATA_ROWS_JSON) {
        return firn_data_rows_json_next(rows, first);
    }
    return rows->form == FIRN_DATA_ROWS_BINARY ? next_binary(rows, first) : next_line(rows, first);
}
