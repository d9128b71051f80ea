/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlshell/sqlshell_print.c: results of statements: as a table for people, and in forms that
 * programs read.
 *
 * A table is aligned by its first few hundred rows; columns that were printed do not become
 * narrower again. Cells of it are one line each, escaped and cut. Lines with tabs are those of firn
 * db scan. CSV and markdown have the names of the columns first. JSON is an array of objects for
 * each result; with --json it is a member of the program's object instead: columns, an array of
 * names, and rows, arrays of values in their order, for names may occur twice.
 *
 * A REAL has as many digits as it needs to be read as the same number, in a table 15 at most. A
 * BLOB is \x and hexadecimal digits, in JSON an object {"hex": "00ff"}. Numbers that are not finite
 * are texts in JSON. No control character goes to a terminal as it is: CSV is escaped there, too,
 * though no longer what a program would read.
 */
#include "sqlshell/sqlshell_internal.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"

enum { CELL_COLUMNS_MAX = 40, ROWS_KEPT_MAX = 256, GAP = 2, NUMBER_SIZE = 40 };

struct fi_sqlshell_print {
    struct fi_sqlshell *shell;
    enum fi_sqlshell_mode mode;
    int columns;
    uint64_t rows;
    bool is_on_terminal;
    bool has_no_memory;
    char *text; /* of kept cells, each with a NUL; or of the one that is being made */
    size_t size;
    size_t capacity;
    size_t cells;
    size_t *widths;
    bool *is_right;
    struct fi_term_writer writer;
};

static const struct {
    const char *word;
    enum fi_sqlshell_mode mode;
} modes[] = {
    {"table", FI_SQLSHELL_TABLE}, {"tabs", FI_SQLSHELL_TABS},         {"csv", FI_SQLSHELL_CSV},
    {"json", FI_SQLSHELL_JSON},   {"markdown", FI_SQLSHELL_MARKDOWN}, {"line", FI_SQLSHELL_LINE},
};

bool
fi_sqlshell_print_find_mode(const char *word, enum fi_sqlshell_mode *out)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(modes[i].word, word) == 0) {
            *out = modes[i].mode;
            return true;
        }
    }
    return false;
}

/* ---- collecting text ---- */

static struct fi_sqlshell_print
    *collecting; /* the functions of term.h call back without a context */

static void
sqlshell_print_collect(const void *data, size_t size)
{
    assert(data != NULL || size == 0);
    struct fi_sqlshell_print *print = collecting;
    if (print->size + size + 1 > print->capacity) {
        size_t capacity = 2 * (print->size + size) + 256;
        char *grown = realloc(print->text, capacity);
        if (grown == NULL) {
            print->has_no_memory = true;
            return;
        }
        print->text = grown;
        print->capacity = capacity;
    }
    memcpy(print->text + print->size, data, size);
    print->size += size;
}

static void
collect_text(const char *text)
{
    sqlshell_print_collect(text, strlen(text));
}

/* ---- values ---- */

static const char *
number_text(sqlite3_stmt *statement, int i, bool is_short, char out[NUMBER_SIZE])
{
    assert(i >= 0 && i < sqlite3_column_count(statement));
    double number = sqlite3_column_double(statement, i);
    if (isinf(number)) {
        return number > 0 ? "inf" : "-inf";
    }
    sqlite3_snprintf(NUMBER_SIZE, out, "%!.15g", number);
    if (!is_short && strtod(out, NULL) != number) {
        sqlite3_snprintf(NUMBER_SIZE, out, "%!.17g", number);
    }
    return out;
}

static firn_slice
bytes_of(sqlite3_stmt *statement, int i)
{
    assert(i >= 0 && i < sqlite3_column_count(statement));
    const void *bytes = sqlite3_column_type(statement, i) == SQLITE_BLOB
                            ? sqlite3_column_blob(statement, i)
                            : (const void *)sqlite3_column_text(statement, i);
    int size = sqlite3_column_bytes(statement, i);
    return firn_bytes(bytes != NULL ? bytes : "", bytes != NULL ? (size_t)size : 0);
}

static void
collect_hex(firn_slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.size; i++) {
        char pair[2] = {digits[bytes.data[i] >> 4], digits[bytes.data[i] & 15]};
        sqlshell_print_collect(pair, 2);
    }
}

/* Collects a value as a text that shows what it is; nothing for null. escape: NULL, or what makes a
 * line of it. */
static void
collect_value(struct fi_sqlshell_print *print, sqlite3_stmt *statement, int i,
              void (*escape)(firn_slice text, void (*put)(const void *data, size_t size)))
{
    char number[NUMBER_SIZE];
    collecting = print;
    switch (sqlite3_column_type(statement, i)) {
    case SQLITE_NULL:
        break;
    case SQLITE_FLOAT:
        collect_text(number_text(statement, i, print->mode == FI_SQLSHELL_TABLE, number));
        break;
    case SQLITE_BLOB:
        collect_text("\\x");
        collect_hex(bytes_of(statement, i));
        break;
    default:
        if (escape != NULL) {
            escape(bytes_of(statement, i), sqlshell_print_collect);
        } else {
            firn_slice bytes = bytes_of(statement, i);
            sqlshell_print_collect(bytes.data, bytes.size);
        }
        break;
    }
}

static void
sqlshell_print_cut(firn_slice text, void (*put)(const void *data, size_t size))
{
    fi_term_width_cut(text, CELL_COLUMNS_MAX, put);
}

/* ---- tables ---- */

static void
print_kept(struct fi_sqlshell_print *print)
{
    const char *text = print->text;
    size_t missing = 0;
    for (size_t cell = 0; cell < print->cells; cell++) {
        size_t column = cell % (size_t)print->columns;
        size_t width = fi_term_width_of(firn_str(text));
        size_t padding = print->widths[column] - width;
        missing += print->is_right[column] ? padding : 0;
        if (width > 0) {
            for (; missing > 0; missing--) {
                fi_term_out_text(" ");
            }
            fi_term_out_text(text);
        }
        missing += (print->is_right[column] ? 0 : padding) + GAP;
        text += strlen(text) + 1;
        if (column == (size_t)print->columns - 1) {
            fi_term_out_text("\n");
            missing = 0;
        }
    }
    print->cells = 0;
    print->size = 0;
}

/* Ends a cell that was collected from `from` on. */
static void
end_cell(struct fi_sqlshell_print *print, size_t from)
{
    collecting = print;
    sqlshell_print_collect("", 1);
    if (print->has_no_memory) {
        return;
    }
    size_t column = print->cells++ % (size_t)print->columns;
    size_t width = fi_term_width_of(firn_str(print->text + from));
    print->widths[column] = width > print->widths[column] ? width : print->widths[column];
    if (print->cells == (size_t)print->columns * ROWS_KEPT_MAX) {
        print_kept(print);
    }
}

static void
add_table_row(struct fi_sqlshell_print *print, sqlite3_stmt *statement)
{
    for (int i = 0; i < print->columns && !print->has_no_memory; i++) {
        size_t from = print->size;
        int type = sqlite3_column_type(statement, i);
        if (print->rows == 0) {
            print->is_right[i] = type == SQLITE_INTEGER || type == SQLITE_FLOAT;
        }
        if (type == SQLITE_NULL) {
            collecting = print;
            collect_text("\\N");
        } else if (type == SQLITE_BLOB) {
            /* As many digits as a cell shows, and one more. */
            firn_slice bytes = bytes_of(statement, i);
            char digits[2 * CELL_COLUMNS_MAX + 4] = "\\x";
            for (size_t k = 0; k < bytes.size && k < CELL_COLUMNS_MAX; k++) {
                (void)snprintf(digits + 2 + 2 * k, 3, "%02x", bytes.data[k]);
            }
            collecting = print;
            if (strlen(digits) > CELL_COLUMNS_MAX) {
                const char *ellipsis = fi_term_text_ellipsis();
                size_t columns = fi_term_width_of(firn_str(ellipsis));
                (void)snprintf(digits + CELL_COLUMNS_MAX - columns, 5, "%s", ellipsis);
            }
            collect_text(digits);
        } else {
            collect_value(print, statement, i, sqlshell_print_cut);
        }
        end_cell(print, from);
    }
}

/* ---- lines ---- */

static void
add_tabs_row(struct fi_sqlshell_print *print, sqlite3_stmt *statement)
{
    for (int i = 0; i < print->columns; i++) {
        print->size = 0;
        collect_value(print, statement, i, fi_term_text_escape);
        fi_term_out_text(i > 0 ? "\t" : "");
        if (sqlite3_column_type(statement, i) == SQLITE_NULL) {
            fi_term_out_text("\\N");
        } else {
            fi_term_out_write(print->text, print->size);
        }
    }
    fi_term_out_text("\n");
}

static void
add_line_row(struct fi_sqlshell_print *print, sqlite3_stmt *statement)
{
    fi_term_out_text(print->rows > 0 ? "\n" : "");
    for (int i = 0; i < print->columns; i++) {
        print->size = 0;
        collect_value(print, statement, i, fi_term_text_escape);
        fi_term_text_escape(firn_str(sqlite3_column_name(statement, i)), fi_term_out_write);
        fi_term_out_text(" = ");
        if (sqlite3_column_type(statement, i) == SQLITE_NULL) {
            fi_term_out_text("\\N");
        } else {
            fi_term_out_write(print->text, print->size);
        }
        fi_term_out_text("\n");
    }
}

/* Quoted where it would be read as something else without: as docs/exchange.md has it. */
static void
put_csv(struct fi_sqlshell_print *print, firn_slice text, bool is_null)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    bool is_quoted = !is_null && text.size == 0;
    is_quoted |= text.size >= 3 && memcmp(text.data, byte_order_mark, 3) == 0;
    for (size_t i = 0; i < text.size && !is_quoted; i++) {
        is_quoted = text.data[i] != '\0' && strchr("\",\r\n", text.data[i]) != NULL;
    }
    fi_term_out_text(is_quoted ? "\"" : "");
    for (size_t from = 0; from < text.size;) {
        const uint8_t *quote = memchr(text.data + from, '"', text.size - from);
        size_t to = quote != NULL ? (size_t)(quote - text.data) + 1 : text.size;
        firn_slice part = firn_bytes(text.data + from, to - from);
        if (print->is_on_terminal) {
            fi_term_text_escape(part, fi_term_out_write);
        } else {
            fi_term_out_write(part.data, part.size);
        }
        fi_term_out_text(quote != NULL ? "\"" : "");
        from = to;
    }
    fi_term_out_text(is_quoted ? "\"" : "");
}

static void
add_csv_row(struct fi_sqlshell_print *print, sqlite3_stmt *statement)
{
    for (int i = 0; i < print->columns; i++) {
        print->size = 0;
        collect_value(print, statement, i, NULL);
        fi_term_out_text(i > 0 ? "," : "");
        put_csv(print, firn_bytes(print->text, print->size),
                sqlite3_column_type(statement, i) == SQLITE_NULL);
    }
    fi_term_out_text("\n");
}

/* One line, in which no | ends a cell. */
static void
put_markdown(firn_slice text)
{
    for (size_t from = 0; from < text.size;) {
        const uint8_t *bar = memchr(text.data + from, '|', text.size - from);
        size_t to = bar != NULL ? (size_t)(bar - text.data) : text.size;
        fi_term_out_write(text.data + from, to - from);
        fi_term_out_text(bar != NULL ? "\\|" : "");
        from = to + (bar != NULL);
    }
}

static void
add_markdown_row(struct fi_sqlshell_print *print, sqlite3_stmt *statement)
{
    for (int i = 0; i < print->columns; i++) {
        print->size = 0;
        collect_value(print, statement, i, fi_term_text_escape);
        fi_term_out_text("| ");
        put_markdown(firn_bytes(print->text, print->size));
        fi_term_out_text(" ");
    }
    fi_term_out_text("|\n");
}

/* ---- JSON ---- */

/* Puts a value under a name, or into an array where that is NULL. */
static void
put_json(struct fi_sqlshell_print *print, struct fi_term_writer *writer, const char *name,
         sqlite3_stmt *statement, int i)
{
    char number[NUMBER_SIZE];
    const char *text = NULL;
    switch (sqlite3_column_type(statement, i)) {
    case SQLITE_NULL:
        fi_term_writer_null(writer, name);
        break;
    case SQLITE_INTEGER:
        text = (const char *)sqlite3_column_text(statement, i);
        fi_term_writer_raw(writer, name, firn_str(text != NULL ? text : "null"));
        break;
    case SQLITE_FLOAT:
        text = number_text(statement, i, false, number);
        if (strstr(text, "inf") != NULL) {
            fi_term_writer_string(writer, name, text);
        } else {
            fi_term_writer_raw(writer, name, firn_str(text));
        }
        break;
    case SQLITE_BLOB:
        print->size = 0;
        collecting = print;
        collect_hex(bytes_of(statement, i));
        fi_term_writer_object(writer, name);
        fi_term_writer_text(writer, "hex", firn_bytes(print->text, print->size));
        fi_term_writer_end(writer);
        break;
    default:
        fi_term_writer_text(writer, name, bytes_of(statement, i));
        break;
    }
}

/* Into the object of --json. */
static void
add_member_row(struct fi_sqlshell_print *print, sqlite3_stmt *statement)
{
    fi_term_json_array(NULL);
    for (int i = 0; i < print->columns; i++) {
        put_json(print, fi_term_json_writer(), NULL, statement, i);
    }
    fi_term_json_end();
}

static void
add_json_row(struct fi_sqlshell_print *print, sqlite3_stmt *statement)
{
    struct fi_term_writer *writer = &print->writer;
    fi_term_writer_clear(writer);
    fi_term_writer_object(writer, NULL);
    for (int i = 0; i < print->columns; i++) {
        put_json(print, writer, sqlite3_column_name(statement, i), statement, i);
    }
    fi_term_writer_end(writer);
    print->has_no_memory |= writer->has_failed;
    firn_slice text = fi_term_writer_slice(writer);
    fi_term_out_text(print->rows > 0 ? ",\n" : "[");
    fi_term_out_write(text.data, text.size);
}

/* ---- a result ---- */

static void
put_names(struct fi_sqlshell_print *print, sqlite3_stmt *statement)
{
    const enum fi_sqlshell_mode mode = print->mode;
    fi_term_json_object(NULL);
    fi_term_json_array("columns");
    for (int i = 0; i < print->columns; i++) {
        firn_slice name = firn_str(sqlite3_column_name(statement, i));
        fi_term_json_text(NULL, name);
        print->size = mode == FI_SQLSHELL_TABLE ? print->size : 0;
        size_t from = print->size;
        collecting = print;
        if (mode == FI_SQLSHELL_TABLE) {
            sqlshell_print_cut(name, sqlshell_print_collect);
            end_cell(print, from);
        } else if (mode == FI_SQLSHELL_CSV) {
            fi_term_out_text(i > 0 ? "," : "");
            put_csv(print, name, false);
        } else if (mode == FI_SQLSHELL_MARKDOWN) {
            fi_term_text_escape(name, sqlshell_print_collect);
            fi_term_out_text("| ");
            put_markdown(firn_bytes(print->text, print->size));
            fi_term_out_text(" ");
        }
    }
    fi_term_out_text(mode == FI_SQLSHELL_CSV ? "\n" : "");
    if (mode == FI_SQLSHELL_MARKDOWN) {
        fi_term_out_text("|\n");
        for (int i = 0; i < print->columns; i++) {
            fi_term_out_text("| --- ");
        }
        fi_term_out_text("|\n");
    }
    fi_term_json_end();
    fi_term_json_array("rows");
}

struct fi_sqlshell_print *
fi_sqlshell_print_begin(struct fi_sqlshell *shell, sqlite3_stmt *statement)
{
    assert(sqlite3_column_count(statement) > 0);
    struct fi_sqlshell_print *print = calloc(1, sizeof *print);
    if (print == NULL) {
        return NULL;
    }
    print->shell = shell;
    print->mode = fi_term_json_is_open() ? FI_SQLSHELL_MEMBERS : shell->mode;
    print->columns = sqlite3_column_count(statement);
    print->is_on_terminal = isatty(STDOUT_FILENO) == 1;
    print->writer.escapes_controls = print->is_on_terminal;
    print->widths = calloc((size_t)print->columns, sizeof print->widths[0]);
    print->is_right = calloc((size_t)print->columns, sizeof print->is_right[0]);
    if (print->widths == NULL || print->is_right == NULL) {
        print->has_no_memory = true;
        fi_sqlshell_print_end(print);
        return NULL;
    }
    put_names(print, statement);
    return print;
}

bool
fi_sqlshell_print_row(struct fi_sqlshell_print *print, sqlite3_stmt *statement)
{
    static void (*const add[])(struct fi_sqlshell_print *, sqlite3_stmt *) = {
        add_table_row,    add_tabs_row, add_csv_row,   add_json_row,
        add_markdown_row, add_line_row, add_member_row};
    assert((size_t)print->mode < sizeof add / sizeof add[0]);
    add[print->mode](print, statement);
    print->rows++;
    return !print->has_no_memory;
}

void
fi_sqlshell_print_end(struct fi_sqlshell_print *print)
{
    if (print == NULL) {
        return;
    }
    if (!print->has_no_memory && print->mode == FI_SQLSHELL_MEMBERS) {
        fi_term_json_end();
        fi_term_json_end();
    } else if (!print->has_no_memory && print->mode == FI_SQLSHELL_TABLE) {
        print_kept(print);
    } else if (!print->has_no_memory && print->mode == FI_SQLSHELL_JSON) {
        fi_term_out_text(print->rows > 0 ? "]\n" : "[]\n");
    }
    fi_term_writer_deinit(&print->writer);
    free(print->text);
    free(print->widths);
    free(print->is_right);
    free(print);
}
