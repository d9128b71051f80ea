/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlitefile/sqlitefile_show.c: how the differences of a database are shown, as text and as JSON.
 *
 *    # app.db: table users (id, name): 1 added, 1 changed, 1 removed
 *    #   - (2, 'bob')
 *    #   + (3, 'carol')
 *    #   - (1, 'al')
 *    #   + (1, 'alice')
 *
 * The head of a table has the counts, which are known at its end, so its rows are kept until then:
 * at most as many as are shown. In a patch every line begins with #, which git apply and patch pass
 * over.
 *
 * Values look as in SQL; text is escaped, and long values are cut. As the escaping has no context,
 * this is for one thread, as the whole program is.
 */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sqlitefile/sqlitefile_internal.h"

enum { TEXT_SHOWN_MAX = 120, BLOB_SHOWN_MAX = 32, JSON_SHOWN_MAX = 4096 };

static struct fi_term_writer *target;

static void
put_to_target(const void *data, size_t size)
{
    assert(target != NULL);
    fi_term_writer_put(target, data, size);
}

static void
put_text(struct fi_term_writer *out, const char *text)
{
    fi_term_writer_put(out, text, strlen(text));
}

static void
put_escaped(struct fi_term_writer *out, firn_slice bytes)
{
    assert(target == NULL);
    target = out;
    fi_term_text_escape(bytes, put_to_target);
    target = NULL;
}

/* ---- values ---- */

static firn_slice
bytes_of(const struct fi_sqlitefile_library *library, sqlite3_stmt *row, int column)
{
    const void *data = library->column_type(row, column) == SQLITE_TEXT
                           ? (const void *)library->column_text(row, column)
                           : library->column_blob(row, column);
    int size = library->column_bytes(row, column);
    return firn_bytes(data, data != NULL && size > 0 ? (size_t)size : 0);
}

/* The first bytes, at most so many, not cut within a character. */
static firn_slice
sqlitefile_show_cut(firn_slice bytes, size_t size_max)
{
    size_t size = bytes.size < size_max ? bytes.size : size_max;
    while (size < bytes.size && size > 0 && (bytes.data[size] & 0xC0) == 0x80) {
        size--;
    }
    return firn_bytes(bytes.data, size);
}

static void
put_hex(struct fi_term_writer *out, firn_slice bytes)
{
    char digits[3];
    for (size_t i = 0; i < bytes.size; i++) {
        (void)snprintf(digits, sizeof digits, "%02x", bytes.data[i]);
        put_text(out, digits);
    }
}

static void
put_size(struct fi_term_writer *out, size_t size)
{
    char text[48];
    (void)snprintf(text, sizeof text, "... (%zu bytes)", size);
    put_text(out, text);
}

/* As SQL and JSON write it; at most 17 digits, as few as give the same number. */
static void
number_text(double number, char out[40])
{
    (void)snprintf(out, 40, "%.15g", number);
    double again;
    if (sscanf(out, "%lf", &again) != 1 || again != number) {
        (void)snprintf(out, 40, "%.17g", number);
    }
    if (isfinite(number) && strpbrk(out, ".e") == NULL) {
        size_t size = strlen(out);
        (void)snprintf(out + size, 40 - size, ".0");
    }
}

static void
put_value(struct fi_term_writer *out, const struct fi_sqlitefile_library *library,
          sqlite3_stmt *row, int column)
{
    char number[40];
    firn_slice bytes;
    firn_slice shown;
    switch (library->column_type(row, column)) {
    case SQLITE_INTEGER:
        (void)snprintf(number, sizeof number, "%lld",
                       (long long)library->column_int64(row, column));
        put_text(out, number);
        break;
    case SQLITE_FLOAT:
        number_text(library->column_double(row, column), number);
        put_text(out, number);
        break;
    case SQLITE_TEXT:
    case SQLITE_BLOB:
        bytes = bytes_of(library, row, column);
        if (library->column_type(row, column) == SQLITE_TEXT) {
            shown = sqlitefile_show_cut(bytes, TEXT_SHOWN_MAX);
            put_text(out, "'");
            put_escaped(out, shown);
        } else {
            shown =
                firn_bytes(bytes.data, bytes.size < BLOB_SHOWN_MAX ? bytes.size : BLOB_SHOWN_MAX);
            put_text(out, "x'");
            put_hex(out, shown);
        }
        put_text(out, "'");
        if (shown.size < bytes.size) {
            put_size(out, bytes.size);
        }
        break;
    default:
        put_text(out, "NULL");
        break;
    }
}

/* What each line of text begins with. */
static const char *
begin_of(const struct fi_sqlitefile_show *show)
{
    return show->is_patch ? "# " : "";
}

static void
put_row(struct fi_sqlitefile_show *show, const struct fi_sqlitefile_library *library, char sign,
        const struct fi_sqlitefile_columns *columns, sqlite3_stmt *row)
{
    struct fi_term_writer *out = &show->rows;
    const char head[] = {' ', ' ', sign, ' ', '(', '\0'};
    if (row == NULL) {
        return;
    }
    put_text(out, begin_of(show));
    put_text(out, head);
    for (size_t i = 0; i < columns->count; i++) {
        put_text(out, i > 0 ? ", " : "");
        put_value(out, library, row, (int)i);
    }
    put_text(out, ")\n");
}

static void
json_value(const struct fi_sqlitefile_library *library, sqlite3_stmt *row, int column)
{
    assert(column >= 0 && column <= FI_SQLITEFILE_COLUMNS_MAX);
    char number[40];
    int type = library->column_type(row, column);
    firn_slice bytes;
    switch (type) {
    case SQLITE_INTEGER:
        (void)snprintf(number, sizeof number, "%lld",
                       (long long)library->column_int64(row, column));
        fi_term_writer_raw(fi_term_json_writer(), NULL, firn_str(number));
        break;
    case SQLITE_FLOAT:
        number_text(library->column_double(row, column), number);
        if (isfinite(library->column_double(row, column))) {
            fi_term_writer_raw(fi_term_json_writer(), NULL, firn_str(number));
        } else {
            fi_term_json_string(NULL, number);
        }
        break;
    case SQLITE_TEXT:
    case SQLITE_BLOB:
        bytes = bytes_of(library, row, column);
        if (type == SQLITE_TEXT && bytes.size <= JSON_SHOWN_MAX) {
            fi_term_json_text(NULL, bytes);
            break;
        }
        fi_term_json_object(NULL);
        if (type == SQLITE_TEXT) {
            fi_term_json_text("text", sqlitefile_show_cut(bytes, JSON_SHOWN_MAX));
        } else {
            struct fi_term_writer hex = {.put = NULL};
            size_t size = bytes.size < JSON_SHOWN_MAX ? bytes.size : JSON_SHOWN_MAX;
            put_hex(&hex, firn_bytes(bytes.data, size));
            fi_term_json_text("blob", fi_term_writer_slice(&hex));
            fi_term_writer_deinit(&hex);
        }
        fi_term_json_u64("size", bytes.size);
        fi_term_json_end();
        break;
    default:
        fi_term_json_null(NULL);
        break;
    }
}

static void
json_row(const char *key, const struct fi_sqlitefile_library *library,
         const struct fi_sqlitefile_columns *columns, sqlite3_stmt *row)
{
    assert(columns->key_count > 0 && columns->key_count <= columns->count);
    if (row == NULL) {
        fi_term_json_null(key);
        return;
    }
    fi_term_json_array(key);
    for (size_t i = 0; i < columns->count; i++) {
        json_value(library, row, (int)i);
    }
    fi_term_json_end();
}

/* ---- text ---- */

/* "# app.db: " */
static void
print_head(const struct fi_sqlitefile_show *show)
{
    fi_term_out_text(begin_of(show));
    if (show->is_patch) {
        fi_term_text_escape(show->path, fi_term_out_write);
    } else {
        fi_term_path_print(show->path);
    }
    fi_term_out_text(": ");
}

/* A statement of the schema, a line for each of its lines. */
static void
print_statement(const struct fi_sqlitefile_show *show, char sign, const char *sql)
{
    while (sql != NULL && *sql != '\0') {
        size_t size = strcspn(sql, "\n");
        fi_term_out_format("%s  %c ", begin_of(show), sign);
        fi_term_text_escape(firn_bytes(sql, size), fi_term_out_write);
        fi_term_out_text("\n");
        sql += size;
        sql += *sql == '\n' ? 1 : 0;
    }
}

static void
print_columns(struct fi_sqlitefile_show *show, const struct fi_sqlitefile_columns *columns)
{
    put_text(&show->rows, " (");
    for (size_t i = 0; i < columns->count; i++) {
        put_text(&show->rows, i > 0 ? ", " : "");
        put_escaped(&show->rows, firn_str(columns->names[i]));
    }
    put_text(&show->rows, ")\n");
}

/* ---- in the order of a comparison ---- */

void
fi_sqlitefile_show_begin(struct fi_sqlitefile_show *show)
{
    assert(show->rows.size == 0);
    show->has_any = false;
    fi_term_json_object(NULL);
    fi_term_json_bytes("path", show->path);
    fi_term_json_array("schema");
}

void
fi_sqlitefile_show_schema(struct fi_sqlitefile_show *show, const char *type, const char *name,
                          const char *before, const char *after)
{
    assert(before != NULL || after != NULL);
    show->has_any = true;
    fi_term_json_object(NULL);
    fi_term_json_text("type", firn_str(type));
    fi_term_json_text("name", firn_str(name));
    fi_term_json_string_if("before", before, before != NULL);
    fi_term_json_string_if("after", after, after != NULL);
    fi_term_json_end();
    print_head(show);
    fi_term_text_escape(firn_str(type), fi_term_out_write);
    fi_term_out_text(" ");
    fi_term_text_escape(firn_str(name), fi_term_out_write);
    fi_term_out_text(before == NULL  ? " added\n"
                     : after == NULL ? " removed\n"
                                     : " defined otherwise\n");
    if (show->rows_max > 0) {
        print_statement(show, '-', before);
        print_statement(show, '+', after);
    }
}

void
fi_sqlitefile_show_schema_end(void)
{
    fi_term_json_end();
    fi_term_json_array("tables");
}

void
fi_sqlitefile_show_table(struct fi_sqlitefile_show *show, const char *name)
{
    memset(&show->counts, 0, sizeof show->counts);
    fi_term_writer_clear(&show->rows);
    show->table = firn_str(name);
    show->has_rows = false;
    fi_term_json_object(NULL);
    fi_term_json_text("name", show->table);
}

void
fi_sqlitefile_show_row(struct fi_sqlitefile_show *show, const struct fi_sqlitefile_library *library,
                       const struct fi_sqlitefile_columns *columns, sqlite3_stmt *before,
                       sqlite3_stmt *after)
{
    assert(before != NULL || after != NULL);
    const struct fi_term_writer *json = fi_term_json_writer();
    if (show->json_max > 0 && json != NULL && json->size > show->json_max) {
        return;
    }
    if (!show->has_rows) {
        show->has_rows = true;
        print_columns(show, columns);
        fi_term_json_array("columns");
        for (size_t i = 0; i < columns->count; i++) {
            fi_term_json_text(NULL, firn_str(columns->names[i]));
        }
        fi_term_json_end();
        fi_term_json_array("rows");
    }
    fi_term_json_object(NULL);
    json_row("before", library, columns, before);
    json_row("after", library, columns, after);
    fi_term_json_end();
    put_row(show, library, '-', columns, before);
    put_row(show, library, '+', columns, after);
}

static void
print_table(struct fi_sqlitefile_show *show, const char *why, uint64_t told)
{
    assert(told > 0 || why != NULL);
    firn_slice rows = fi_term_writer_slice(&show->rows);
    size_t names = 0; /* of the columns, the first line of the rows */
    while (names < rows.size && rows.data[names] != '\n') {
        names++;
    }
    print_head(show);
    fi_term_out_text("table ");
    fi_term_text_escape(show->table, fi_term_out_write);
    fi_term_out_write(rows.data, names);
    fi_term_out_format(": %" PRIu64 " %s added, %" PRIu64 " changed, %" PRIu64 " removed",
                       show->counts.added, fi_term_text_plural(show->counts.added, "row", "rows"),
                       show->counts.changed, show->counts.removed);
    if (why != NULL) {
        fi_term_out_text("; not all were compared: ");
        fi_term_text_escape(firn_str(why), fi_term_out_write);
    }
    fi_term_out_text("\n");
    if (names < rows.size) {
        fi_term_out_write(rows.data + names + 1, rows.size - names - 1);
    }
    if (show->rows_max > 0 && told > show->rows_max) {
        fi_term_out_format("%s  ... and %" PRIu64 " more\n", begin_of(show), told - show->rows_max);
    }
}

void
fi_sqlitefile_show_table_end(struct fi_sqlitefile_show *show, const char *why)
{
    uint64_t told = show->counts.added + show->counts.changed + show->counts.removed;
    show->has_any = show->has_any || told > 0 || why != NULL;
    if (show->has_rows) {
        fi_term_json_end();
    }
    fi_term_json_u64("rows_added", show->counts.added);
    fi_term_json_u64("rows_changed", show->counts.changed);
    fi_term_json_u64("rows_removed", show->counts.removed);
    fi_term_json_string_if("not_compared", why, why != NULL);
    fi_term_json_end();
    if (told > 0 || why != NULL) {
        print_table(show, why, told);
    }
}

void
fi_sqlitefile_show_end(struct fi_sqlitefile_show *show)
{
    fi_term_json_end();
    fi_term_json_end();
    if (!show->has_any) {
        print_head(show);
        fi_term_out_text("no row differs\n");
    }
    fi_term_writer_deinit(&show->rows);
}
