/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_rows.c: table-valued functions whose rows are collected when they are asked for.
 *
 * The library's listings call a function for each thing, and SQLite asks for one row after the
 * other; so the rows of a call lie in memory until its cursor is closed: cells in one array, their
 * texts in another. Arguments are hidden columns, as SQLite has it, so that a function may be
 * joined with a table that gives them.
 *
 * One module serves all functions: which one it is says its name, which SQLite gives to xConnect.
 * The list of functions is filled when the first connection registers them, and never changes.
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

SQLITE_EXTENSION_INIT3

enum { FUNCTIONS_MAX = 16 };

static pthread_mutex_t functions_mutex = PTHREAD_MUTEX_INITIALIZER;
static const struct fi_sql_rows_function *functions[FUNCTIONS_MAX];

enum cell_type { CELL_NULL, CELL_INTEGER, CELL_TEXT, CELL_BLOB };
struct cell {
    enum cell_type type;
    uint32_t size;
    sqlite3_int64 number; /* or where its bytes begin */
};

struct fi_sql_rows {
    struct cell *cells;
    size_t count;
    size_t capacity;
    char *bytes;
    size_t size;
    size_t room;
    bool has_no_memory;
    sqlite3_stmt *asking; /* stepping it fails when an interrupt is due */
    uint32_t asked;
};

struct rows_table {
    sqlite3_vtab base;
    struct fi_sql *sql;
    const struct fi_sql_rows_function *function;
};

struct rows_cursor {
    sqlite3_vtab_cursor base;
    struct fi_sql_rows rows;
    size_t row;
};

/* ==== cells ==== */

static void
add_cell(struct fi_sql_rows *rows, enum cell_type type, sqlite3_int64 number, size_t size)
{
    assert(rows->count <= rows->capacity);
    if (rows->count == rows->capacity) {
        size_t capacity = 2 * rows->capacity + 256;
        struct cell *grown = sqlite3_realloc64(rows->cells, capacity * sizeof *grown);
        if (grown == NULL) {
            rows->has_no_memory = true;
            return;
        }
        rows->cells = grown;
        rows->capacity = capacity;
    }
    rows->cells[rows->count++] = (struct cell){type, (uint32_t)size, number};
}

static void
add_bytes(struct fi_sql_rows *rows, enum cell_type type, const void *bytes, size_t size)
{
    assert(rows->size <= rows->room && (bytes != NULL || size == 0));
    if (size > INT32_MAX) {
        rows->has_no_memory = true;
        return;
    }
    if (rows->size + size > rows->room) {
        size_t room = 2 * rows->room + size + 4096;
        char *grown = sqlite3_realloc64(rows->bytes, room);
        if (grown == NULL) {
            rows->has_no_memory = true;
            return;
        }
        rows->bytes = grown;
        rows->room = room;
    }
    if (size > 0) {
        memcpy(rows->bytes + rows->size, bytes, size);
    }
    add_cell(rows, type, (sqlite3_int64)rows->size, size);
    rows->size += size;
}

void
fi_sql_rows_null(struct fi_sql_rows *rows)
{
    add_cell(rows, CELL_NULL, 0, 0);
}

void
fi_sql_rows_integer(struct fi_sql_rows *rows, sqlite3_int64 number)
{
    add_cell(rows, CELL_INTEGER, number, 0);
}

void
fi_sql_rows_text(struct fi_sql_rows *rows, const char *text, size_t size)
{
    add_bytes(rows, CELL_TEXT, text, size);
}

void
fi_sql_rows_text_or_null(struct fi_sql_rows *rows, const char *text)
{
    if (text == NULL || text[0] == '\0') {
        fi_sql_rows_null(rows);
    } else {
        fi_sql_rows_text(rows, text, strlen(text));
    }
}

/* The size of the character at the start; 0: it is none of UTF-8. */
static size_t
size_of_character(const uint8_t *bytes, size_t size)
{
    assert(size > 0);
    uint8_t first = bytes[0];
    size_t length = first < 0x80   ? 1
                    : first < 0xc2 ? 0
                    : first < 0xe0 ? 2
                    : first < 0xf0 ? 3
                    : first < 0xf5 ? 4
                                   : 0;
    if (length == 0 || length > size) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool is_wrong = (first == 0xe0 && bytes[1] < 0xa0) || (first == 0xed && bytes[1] > 0x9f) ||
                    (first == 0xf0 && bytes[1] < 0x90) || (first == 0xf4 && bytes[1] > 0x8f);
    return is_wrong ? 0 : length;
}

void
fi_sql_rows_bytes(struct fi_sql_rows *rows, firn_slice bytes)
{
    bool is_text = true;
    for (size_t at = 0; at < bytes.size && is_text;) {
        size_t size = size_of_character(bytes.data + at, bytes.size - at);
        is_text = size > 0 && bytes.data[at] != 0;
        at += size;
    }
    add_bytes(rows, is_text ? CELL_TEXT : CELL_BLOB, bytes.data, bytes.size);
}

void
fi_sql_rows_time(struct fi_sql_rows *rows, int64_t since_epoch_ns)
{
    enum { SECOND_NS = 1000000000 };
    char text[48];
    int64_t fraction = since_epoch_ns % SECOND_NS;
    time_t seconds = (time_t)(since_epoch_ns / SECOND_NS) - (fraction < 0 ? 1 : 0);
    fraction += fraction < 0 ? SECOND_NS : 0;
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL) {
        fi_sql_rows_null(rows);
        return;
    }
    sqlite3_snprintf((int)sizeof text, text, "%04d-%02d-%02d %02d:%02d:%02d.%03d",
                     parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                     parts.tm_min, parts.tm_sec, (int)(fraction / 1000000));
    fi_sql_rows_text(rows, text, strlen(text));
}

int
fi_sql_rows_on_progress(void *ctx, const firn_progress *progress)
{
    struct fi_sql_rows *rows = ctx;
    (void)progress;
    int rc = rows->asking != NULL ? sqlite3_step(rows->asking) : SQLITE_ROW;
    (void)sqlite3_reset(rows->asking);
    return rc == SQLITE_INTERRUPT ? FIRN_CANCELLED : FIRN_OK;
}

int
fi_sql_rows_go_on(struct fi_sql_rows *rows)
{
    enum { ASK_EACH = 1024 };
    if (rows->has_no_memory) {
        return FIRN_NO_MEMORY;
    }
    return ++rows->asked % ASK_EACH == 0 ? fi_sql_rows_on_progress(rows, NULL) : FIRN_OK;
}

const char *
fi_sql_rows_argument(sqlite3_value *value)
{
    return value == NULL ? NULL : (const char *)sqlite3_value_text(value);
}

/* ==== the module ==== */

static int
rows_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
             char **out_error)
{
    const struct fi_sql_rows_function *function = NULL;
    (void)out_error;
    (void)pthread_mutex_lock(&functions_mutex);
    for (size_t i = 0; i < FUNCTIONS_MAX && functions[i] != NULL && argc > 0; i++) {
        if (sqlite3_stricmp(functions[i]->name, argv[0]) == 0) {
            function = functions[i];
        }
    }
    (void)pthread_mutex_unlock(&functions_mutex);
    if (function == NULL) {
        return SQLITE_ERROR;
    }
    sqlite3_str *text = sqlite3_str_new(db);
    sqlite3_str_appendall(text, "CREATE TABLE x(");
    if (function->columns != NULL) {
        sqlite3_str_appendall(text, function->columns);
    } else {
        function->put_columns(text);
    }
    for (const char *at = function->arguments; *at != '\0';) {
        size_t size = strcspn(at, ",");
        sqlite3_str_appendf(text, ",\"%.*w\" HIDDEN", (int)size, at);
        at += size + (at[size] == ',');
    }
    sqlite3_str_appendall(text, ")");
    char *declaration = sqlite3_str_finish(text);
    int rc = declaration != NULL ? sqlite3_declare_vtab(db, declaration) : SQLITE_NOMEM;
    sqlite3_free(declaration);
    struct rows_table *table = rc == SQLITE_OK ? sqlite3_malloc64(sizeof *table) : NULL;
    if (table != NULL) {
        memset(table, 0, sizeof *table);
        table->sql = aux;
        table->function = function;
        *out = &table->base;
        (void)sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
    }
    return rc != SQLITE_OK ? rc : table != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

static int
rows_disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

int
fi_sql_rows_plan(sqlite3_vtab *base, sqlite3_index_info *info,
                 const struct fi_sql_rows_function *function)
{
    assert(function->argument_count <= FI_SQL_ROWS_ARGUMENTS_MAX);
    int places[FI_SQL_ROWS_ARGUMENTS_MAX];
    for (int i = 0; i < function->argument_count; i++) {
        places[i] = -1;
    }
    for (int i = 0; i < info->nConstraint; i++) {
        int argument = info->aConstraint[i].iColumn - function->column_count;
        if (argument < 0 || argument >= function->argument_count ||
            info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) {
            continue;
        }
        if (!info->aConstraint[i].usable) {
            return SQLITE_CONSTRAINT;
        }
        places[argument] = i;
    }
    int given = 0;
    for (int i = 0; i < function->argument_count; i++) {
        if (places[i] >= 0) {
            info->aConstraintUsage[places[i]].argvIndex = ++given;
            info->aConstraintUsage[places[i]].omit = 1;
            info->idxNum |= 1 << i;
        } else if (i < function->argument_count_min) {
            sqlite3_free(base->zErrMsg);
            base->zErrMsg = sqlite3_mprintf("%s needs %d arguments: %s", function->name,
                                            function->argument_count_min, function->arguments);
            return SQLITE_ERROR;
        }
    }
    info->estimatedCost = 1e5;
    info->estimatedRows = 1000;
    return SQLITE_OK;
}

static int
rows_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    return fi_sql_rows_plan(base, info, ((const struct rows_table *)base)->function);
}

static int
rows_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    (void)table;
    return fi_sql_new_cursor(sizeof(struct rows_cursor), out);
}

static void
rows_reset(struct rows_cursor *cursor)
{
    (void)sqlite3_finalize(cursor->rows.asking);
    sqlite3_free(cursor->rows.cells);
    sqlite3_free(cursor->rows.bytes);
    memset(&cursor->rows, 0, sizeof cursor->rows);
    cursor->row = 0;
}

static int
rows_close(sqlite3_vtab_cursor *base)
{
    rows_reset((struct rows_cursor *)base);
    sqlite3_free(base);
    return SQLITE_OK;
}

static int
rows_filter(sqlite3_vtab_cursor *base, int given, const char *text, int argc, sqlite3_value **argv)
{
    struct rows_cursor *cursor = (struct rows_cursor *)base;
    const struct rows_table *table = (const struct rows_table *)base->pVtab;
    sqlite3_value *arguments[FI_SQL_ROWS_ARGUMENTS_MAX] = {NULL};
    firn_error err = {.code = FIRN_OK};
    int next = 0;
    (void)text;
    rows_reset(cursor);
    for (int i = 0; i < table->function->argument_count; i++) {
        if ((given >> i & 1) != 0 && next < argc) {
            arguments[i] = argv[next++];
        }
    }
    FI_TRY_RETURN(
        sqlite3_prepare_v2(fi_sql_db(table->sql), "SELECT 1", -1, &cursor->rows.asking, NULL));
    int code = table->function->fill(table->sql, &cursor->rows, arguments, &err);
    if (cursor->rows.has_no_memory || code == FIRN_NO_MEMORY) {
        return SQLITE_NOMEM;
    }
    if (code == FIRN_CANCELLED) {
        return SQLITE_INTERRUPT;
    }
    return code == FIRN_OK ? SQLITE_OK : fi_sql_fail_table(base->pVtab, &err);
}

static int
rows_next(sqlite3_vtab_cursor *base)
{
    ((struct rows_cursor *)base)->row++;
    return SQLITE_OK;
}

static int
rows_eof(sqlite3_vtab_cursor *base)
{
    const struct rows_cursor *cursor = (const struct rows_cursor *)base;
    size_t columns = (size_t)((const struct rows_table *)base->pVtab)->function->column_count;
    return (cursor->row + 1) * columns > cursor->rows.count;
}

static int
rows_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int place)
{
    assert(place >= 0 && !rows_eof(base));
    const struct rows_cursor *cursor = (const struct rows_cursor *)base;
    int columns = ((const struct rows_table *)base->pVtab)->function->column_count;
    if (place >= columns) {
        return SQLITE_OK; /* an argument: SQLite knows it */
    }
    const struct cell *cell = &cursor->rows.cells[cursor->row * (size_t)columns + (size_t)place];
    const char *bytes = cursor->rows.bytes != NULL ? cursor->rows.bytes : "";
    switch (cell->type) {
    case CELL_INTEGER:
        sqlite3_result_int64(ctx, cell->number);
        break;
    case CELL_TEXT:
        sqlite3_result_text(ctx, bytes + cell->number, (int)cell->size, SQLITE_TRANSIENT);
        break;
    case CELL_BLOB:
        sqlite3_result_blob(ctx, bytes + cell->number, (int)cell->size, SQLITE_TRANSIENT);
        break;
    default:
        break;
    }
    return SQLITE_OK;
}

static int
rows_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((const struct rows_cursor *)base)->row;
    return SQLITE_OK;
}

static const sqlite3_module rows_module = {
    .iVersion = 0,
    .xConnect = rows_connect,
    .xBestIndex = rows_best_index,
    .xDisconnect = rows_disconnect,
    .xOpen = rows_open,
    .xClose = rows_close,
    .xFilter = rows_filter,
    .xNext = rows_next,
    .xEof = rows_eof,
    .xColumn = rows_column,
    .xRowid = rows_rowid,
};

int
fi_sql_rows_register(struct fi_sql *sql, const struct fi_sql_rows_function *function)
{
    assert(function->fill != NULL && function->argument_count_min <= function->argument_count);
    bool is_listed = false;
    (void)pthread_mutex_lock(&functions_mutex);
    for (size_t i = 0; i < FUNCTIONS_MAX && !is_listed; i++) {
        if (functions[i] == NULL) {
            functions[i] = function;
        }
        is_listed = functions[i] == function;
    }
    (void)pthread_mutex_unlock(&functions_mutex);
    return is_listed ? fi_sql_module(sql, function->name, &rows_module) : SQLITE_NOMEM;
}

/* ==== JSON ==== */

void
fi_sql_rows_json_text(sqlite3_str *out, const char *text, size_t size)
{
    assert(text != NULL || size == 0);
    const uint8_t *bytes = (const uint8_t *)text;
    sqlite3_str_appendchar(out, 1, '"');
    for (size_t at = 0; at < size;) {
        size_t length = size_of_character(bytes + at, size - at);
        if (length == 0) {
            sqlite3_str_appendall(out, "\xEF\xBF\xBD");
            at++;
        } else if (bytes[at] == '"' || bytes[at] == '\\') {
            sqlite3_str_appendf(out, "\\%c", bytes[at]);
            at++;
        } else if (bytes[at] < 0x20 || bytes[at] == 0x7f) {
            sqlite3_str_appendf(out, "\\u%04x", bytes[at]);
            at++;
        } else {
            sqlite3_str_append(out, text + at, (int)length);
            at += length;
        }
    }
    sqlite3_str_appendchar(out, 1, '"');
}

void
fi_sql_rows_json_value(sqlite3_str *out, const firn_table_column *column, firn_value value)
{
    char *text = NULL;
    size_t size = 0;
    if (firn_is_null(value)) {
        sqlite3_str_appendall(out, "null");
        return;
    }
    firn_table_column plain = *column;
    plain.default_value = NULL;
    if (firn_value_format(&plain, &value, &text, &size, NULL) != FIRN_OK) {
        sqlite3_str_appendall(out, "null");
        return;
    }
    bool is_finite = memchr(text, 'n', size) == NULL; /* neither nan nor inf */
    if (!fi_type_has_quotes(column->type) && is_finite) {
        sqlite3_str_append(out, text, (int)size);
    } else {
        fi_sql_rows_json_text(out, text, size);
    }
    firn_release(text);
}
