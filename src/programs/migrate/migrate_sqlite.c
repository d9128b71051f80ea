/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_sqlite.c: the tables of a database of SQLite.
 *
 * A copy of one committed state is read, so all tables are of one moment, and nothing is written to
 * the database. If it is in use, SQLite's backup makes the copy; a database in WAL mode that nobody
 * has open is copied as a file, since SQLite would make files beside it.
 *
 * SQLite's values have types, its columns only preferences. So each table is read twice: the first
 * time to see which types a column has, and how many rows there are. Then:
 *
 *     integers                      i64
 *     reals, or integers with them  f64, if it is exact for all integers
 *     texts                         text, if all are UTF-8
 *     only nulls                    what the declared type prefers
 *     integers or reals with texts  text: numbers as SQLite prints them, reals with 17 digits
 *     anything with a blob          blob
 *
 * Of a generated column that is stored, the stored values are read. Virtual ones are left out:
 * reading one computes an expression for each row, and the author of the file chose it.
 *
 * The key is the declared PRIMARY KEY if its columns have no nulls and one type each. Other tables
 * get their rowid as the first column and key. (I1) A table without rowid always has a key by its
 * declaration.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "migrate/migrate_internal.h"
#include "sqlitefile/sqlitefile.h"
#include "term/term.h"
#include "term/term_try.h"

enum { TABLES_MAX = 65536, HEADER_SIZE = 100, TELL_EVERY = 4096 };

enum seen {
    SEEN_NULL = 1,
    SEEN_INTEGER = 2,
    SEEN_REAL = 4,
    SEEN_TEXT = 8,
    SEEN_BLOB = 16,
    SEEN_LARGE = 32, /* an integer that an f64 does not have */
    SEEN_NO_UTF8 = 64,
    SEEN_VALUES = SEEN_INTEGER | SEEN_REAL | SEEN_TEXT | SEEN_BLOB
};

struct column {
    char *name;
    char *declared;    /* its type */
    uint64_t key_part; /* from 1; 0: not of the key */
    unsigned seen;
};

struct table {
    const char *name;
    char *rowid; /* what the key is called; NULL: the declared key is used */
    bool has_rowid;
    struct column columns[FIRN_TABLE_COLUMNS_MAX];
    size_t count;
    uint64_t rows;
    firn_table_column definition[FIRN_TABLE_COLUMNS_MAX];
    firn_value values[FIRN_TABLE_COLUMNS_MAX];
    char (*numbers)[40]; /* texts of numbers, one for each column */
};

struct fi_migrate_sqlite {
    struct fi_sqlitefile_reader *reader;
    char copy[PATH_MAX + 8];
    char **tables;
    size_t count;
    char **virtual_tables;
    size_t virtual_count;
    uint64_t left_out;   /* virtual tables, and virtual generated columns */
    struct table *table; /* the one at hand */
    struct fi_migrate_sink *sink;
    firn_error *err;
    struct fi_sqlitefile_text query;
};

/* ---- the copy ---- */

/* Whether it is in WAL mode and nobody has it open; FIRN_CORRUPT if it is no database. */
static int
migrate_sqlite_inspect(const char *path, bool *out_is_idle_wal, firn_error *err)
{
    uint8_t header[HEADER_SIZE];
    char name[PATH_MAX + 8];
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return fi_migrate_fail(err, FIRN_IO, "could not open '%.400s': %s", path, strerror(errno));
    }
    bool is_file = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    ssize_t got = is_file ? pread(fd, header, sizeof(header), 0) : -1;
    (void)close(fd); /* before SQLite has the file open: this takes back locks */
    if (!is_file || got != (ssize_t)sizeof(header) ||
        memcmp(header, "SQLite format 3", sizeof("SQLite format 3")) != 0) {
        return fi_migrate_fail(err, FIRN_CORRUPT, "'%.400s' is no database of SQLite", path);
    }
    (void)snprintf(name, sizeof(name), "%s-shm", path);
    *out_is_idle_wal = header[18] == 2 && access(name, F_OK) != 0;
    return FIRN_OK;
}

static int
copy_files(const char *path, char *out_copy, size_t size, firn_error *err)
{
    char from[PATH_MAX + 8];
    char to[PATH_MAX + 16];
    (void)snprintf(out_copy, size, "%s/firn-sqlite-XXXXXX", fi_sqlitefile_place());
    int fd = mkostemp(out_copy, O_CLOEXEC);
    if (fd < 0) {
        out_copy[0] = '\0';
        return fi_migrate_fail(err, FIRN_IO, "could not create a file in %.400s: %s",
                               fi_sqlitefile_place(), strerror(errno));
    }
    (void)close(fd);
    (void)unlink(out_copy); /* the copy creates it */
    int code = fi_migrate_files_copy(path, out_copy, err);
    (void)snprintf(from, sizeof(from), "%s-wal", path);
    (void)snprintf(to, sizeof(to), "%s-wal", out_copy);
    if (code == FIRN_OK && access(from, F_OK) == 0) {
        code = fi_migrate_files_copy(from, to, err);
    }
    return code;
}

static void
remove_copy(struct fi_migrate_sqlite *sqlite)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    char name[PATH_MAX + 24];
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]) && sqlite->copy[0] != '\0'; i++) {
        (void)snprintf(name, sizeof(name), "%s%s", sqlite->copy, ends[i]);
        (void)unlink(name);
    }
    sqlite->copy[0] = '\0';
}

/* ---- which tables there are ---- */

static int
no_memory(struct fi_migrate_sqlite *sqlite)
{
    return fi_migrate_fail(sqlite->err, FIRN_NO_MEMORY, "out of memory");
}

static char *
text_of(const struct fi_sqlitefile_value *value)
{
    return value->type == FI_SQLITEFILE_TEXT
               ? strndup((const char *)value->bytes.data, value->bytes.size)
               : strdup("");
}

static int
on_table(void *ctx, const struct fi_sqlitefile_value *values, size_t count)
{
    struct fi_migrate_sqlite *sqlite = ctx;
    assert(count == 2);
    (void)count;
    bool is_virtual = values[1].type != FI_SQLITEFILE_INTEGER || values[1].integer == 0;
    char ***names = is_virtual ? &sqlite->virtual_tables : &sqlite->tables;
    size_t *used = is_virtual ? &sqlite->virtual_count : &sqlite->count;
    if (*used == TABLES_MAX) {
        return fi_migrate_fail(sqlite->err, FIRN_LIMIT, "there are more than %d tables",
                               TABLES_MAX);
    }
    char **grown = realloc(*names, (*used + 1) * sizeof(*grown));
    if (grown == NULL) {
        return no_memory(sqlite);
    }
    *names = grown;
    grown[*used] = text_of(&values[0]);
    return grown[(*used)++] != NULL ? FIRN_OK : no_memory(sqlite);
}

int
fi_migrate_sqlite_open(const char *path, struct fi_migrate_sqlite **out, firn_error *err)
{
    bool is_idle_wal = false;
    struct fi_migrate_sqlite *sqlite = calloc(1, sizeof(*sqlite));
    *out = sqlite;
    if (sqlite == NULL) {
        return fi_migrate_fail(err, FIRN_NO_MEMORY, "out of memory");
    }
    sqlite->err = err;
    int code = migrate_sqlite_inspect(path, &is_idle_wal, err);
    if (code == FIRN_OK && is_idle_wal) {
        code = copy_files(path, sqlite->copy, sizeof(sqlite->copy), err);
    } else if (code == FIRN_OK) {
        code = fi_sqlitefile_copy(NULL, path, sqlite->copy, sizeof(sqlite->copy), err);
        code = code == FIRN_INVALID ? (err->code = FIRN_CORRUPT) : code;
    }
    char *real = code == FIRN_OK ? realpath(sqlite->copy, NULL) : NULL;
    if (code == FIRN_OK) {
        code = real != NULL ? fi_sqlitefile_reader_open(real, &sqlite->reader, err)
                            : fi_migrate_fail(err, FIRN_IO, "could not find the copy again");
    }
    free(real);
    return code == FIRN_OK
               ? fi_sqlitefile_reader_query(sqlite->reader,
                                            "SELECT name, rootpage FROM sqlite_master WHERE type "
                                            "= 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE "
                                            "'\\' ORDER BY name",
                                            NULL, on_table, sqlite, err)
               : code;
}

void
fi_migrate_sqlite_close(struct fi_migrate_sqlite *sqlite)
{
    if (sqlite == NULL) {
        return;
    }
    fi_sqlitefile_reader_close(sqlite->reader);
    remove_copy(sqlite);
    for (size_t i = 0; i < sqlite->count; i++) {
        free(sqlite->tables[i]);
    }
    for (size_t i = 0; i < sqlite->virtual_count; i++) {
        free(sqlite->virtual_tables[i]);
    }
    free(sqlite->tables);
    free(sqlite->virtual_tables);
    free(sqlite->query.data);
    free(sqlite);
}

/* ---- queries ---- */

static void
begin_query(struct fi_migrate_sqlite *sqlite)
{
    sqlite->query.size = 0;
    fi_sqlitefile_text_add(&sqlite->query, "SELECT ");
}

static int
migrate_sqlite_query(struct fi_migrate_sqlite *sqlite, const char *parameter,
                     int (*on_row)(void *ctx, const struct fi_sqlitefile_value *values,
                                   size_t count))
{
    return sqlite->query.has_failed
               ? no_memory(sqlite)
               : fi_sqlitefile_reader_query(sqlite->reader, sqlite->query.data, parameter, on_row,
                                            sqlite, sqlite->err);
}

/* All rows: the rowid first, if the table has one that is needed. */
static int
query_rows(struct fi_migrate_sqlite *sqlite,
           int (*on_row)(void *ctx, const struct fi_sqlitefile_value *values, size_t count))
{
    const struct table *table = sqlite->table;
    begin_query(sqlite);
    if (table->rowid != NULL) {
        fi_sqlitefile_text_add(&sqlite->query, table->rowid);
        fi_sqlitefile_text_add(&sqlite->query, ", ");
    }
    for (size_t i = 0; i < table->count; i++) {
        fi_sqlitefile_text_add(&sqlite->query, i > 0 ? ", " : "");
        fi_sqlitefile_text_add_name(&sqlite->query, table->columns[i].name);
    }
    fi_sqlitefile_text_add(&sqlite->query, " FROM ");
    fi_sqlitefile_text_add_name(&sqlite->query, table->name);
    return migrate_sqlite_query(sqlite, NULL, on_row);
}

/* ---- what a table is ---- */

static int
on_column(void *ctx, const struct fi_sqlitefile_value *values, size_t count)
{
    struct fi_migrate_sqlite *sqlite = ctx;
    struct table *table = sqlite->table;
    assert(count == 3);
    (void)count;
    if (table->count == FIRN_TABLE_COLUMNS_MAX - 1) { /* one may be the rowid */
        return fi_migrate_fail(sqlite->err, FIRN_LIMIT,
                               "the table '%.255s' has more than %d columns", table->name,
                               FIRN_TABLE_COLUMNS_MAX - 1);
    }
    struct column *column = &table->columns[table->count++];
    column->name = text_of(&values[0]);
    column->declared = text_of(&values[1]);
    column->key_part = values[2].type == FI_SQLITEFILE_INTEGER ? (uint64_t)values[2].integer : 0;
    return column->name != NULL && column->declared != NULL ? FIRN_OK : no_memory(sqlite);
}

static int
on_nothing(void *ctx, const struct fi_sqlitefile_value *values, size_t count)
{
    (void)ctx;
    (void)values;
    (void)count;
    return FIRN_OK;
}

/* Finds out whether there is a rowid, and what it can be called. */
static int
find_rowid(struct fi_migrate_sqlite *sqlite)
{
    static const char *const names[] = {"rowid", "_rowid_", "oid"};
    struct table *table = sqlite->table;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bool is_taken = false;
        for (size_t j = 0; j < table->count; j++) {
            is_taken = is_taken || strcasecmp(table->columns[j].name, names[i]) == 0;
        }
        if (is_taken) {
            continue;
        }
        firn_error ignored;
        begin_query(sqlite);
        fi_sqlitefile_text_add(&sqlite->query, names[i]);
        fi_sqlitefile_text_add(&sqlite->query, " FROM ");
        fi_sqlitefile_text_add_name(&sqlite->query, table->name);
        fi_sqlitefile_text_add(&sqlite->query, " LIMIT 0");
        if (sqlite->query.has_failed) {
            return no_memory(sqlite);
        }
        table->has_rowid = fi_sqlitefile_reader_query(sqlite->reader, sqlite->query.data, NULL,
                                                      on_nothing, sqlite, &ignored) == FIRN_OK;
        table->rowid = table->has_rowid ? strdup(names[i]) : NULL;
        return !table->has_rowid || table->rowid != NULL ? FIRN_OK : no_memory(sqlite);
    }
    return FIRN_OK; /* all names are those of columns: only a declared key can be used */
}

static bool
is_utf8(firn_slice text)
{
    for (size_t at = 0; at < text.size;) {
        uint32_t point;
        size_t size = text.data[at] < 0x80
                          ? 1
                          : fi_term_text_decode(firn_bytes(text.data + at, text.size - at), &point);
        if (size == 0) {
            return false;
        }
        at += size;
    }
    return true;
}

static unsigned
seen_in(const struct fi_sqlitefile_value *value)
{
    const int64_t exact = INT64_C(1) << 53;
    switch (value->type) {
    case FI_SQLITEFILE_INTEGER:
        return SEEN_INTEGER | (value->integer > exact || value->integer < -exact ? SEEN_LARGE : 0U);
    case FI_SQLITEFILE_REAL:
        return SEEN_REAL;
    case FI_SQLITEFILE_TEXT:
        return SEEN_TEXT | (is_utf8(value->bytes) ? 0U : SEEN_NO_UTF8);
    case FI_SQLITEFILE_BLOB:
        return SEEN_BLOB;
    default:
        return SEEN_NULL;
    }
}

static int
on_row_seen(void *ctx, const struct fi_sqlitefile_value *values, size_t count)
{
    struct fi_migrate_sqlite *sqlite = ctx;
    struct table *table = sqlite->table;
    size_t first = table->rowid != NULL ? 1 : 0;
    assert(count == table->count + first);
    (void)count;
    for (size_t i = 0; i < table->count; i++) {
        table->columns[i].seen |= seen_in(&values[first + i]);
    }
    return ++table->rows % TELL_EVERY == 0 ? fi_command_go_on(sqlite->err) : FIRN_OK;
}

static bool
declares(const struct column *column, const char *word)
{
    return strcasestr(column->declared, word) != NULL;
}

/* SQLite's rules for the affinity of a declared type, in their order. */
static firn_type
type_declared(const struct column *column)
{
    if (declares(column, "INT")) {
        return FIRN_TYPE_I64;
    }
    if (declares(column, "CHAR") || declares(column, "CLOB") || declares(column, "TEXT")) {
        return FIRN_TYPE_TEXT;
    }
    return declares(column, "BLOB") || column->declared[0] == '\0' ? FIRN_TYPE_BLOB : FIRN_TYPE_F64;
}

static firn_type
type_of(const struct column *column)
{
    switch (column->seen & SEEN_VALUES) {
    case 0:
        return type_declared(column);
    case SEEN_INTEGER:
        return FIRN_TYPE_I64;
    case SEEN_REAL:
        return FIRN_TYPE_F64;
    case SEEN_INTEGER | SEEN_REAL:
        return (column->seen & SEEN_LARGE) != 0 ? FIRN_TYPE_TEXT : FIRN_TYPE_F64;
    default:
        return (column->seen & (SEEN_BLOB | SEEN_NO_UTF8)) != 0 ? FIRN_TYPE_BLOB : FIRN_TYPE_TEXT;
    }
}

/* Whether its values are what they are in SQLite, and none is missing. */
static bool
may_be_key(const struct column *column)
{
    unsigned seen = column->seen & (SEEN_VALUES | SEEN_NULL);
    return seen == 0 || seen == SEEN_INTEGER || seen == SEEN_REAL || seen == SEEN_TEXT ||
           seen == SEEN_BLOB;
}

/* Whether the declared key can be the table's; its columns, in order. */
static bool
find_key(const struct table *table, const char *names[FIRN_TABLE_KEY_COLUMNS_MAX], size_t *out)
{
    bool is_usable = true;
    *out = 0;
    for (uint64_t part = 1; part <= table->count; part++) {
        for (size_t i = 0; i < table->count; i++) {
            if (table->columns[i].key_part != part) {
                continue;
            }
            if (*out == FIRN_TABLE_KEY_COLUMNS_MAX) {
                return false;
            }
            names[(*out)++] = table->columns[i].name;
            is_usable = is_usable && may_be_key(&table->columns[i]);
        }
    }
    return *out > 0 && (is_usable || !table->has_rowid); /* (I1) */
}

/* Begins the table of the store. */
static int
define(struct fi_migrate_sqlite *sqlite)
{
    struct table *table = sqlite->table;
    const char *key[FIRN_TABLE_KEY_COLUMNS_MAX];
    firn_table_def def = FIRN_TABLE_DEF_INIT;
    size_t key_count = 0;
    if (find_key(table, key, &key_count)) {
        free(table->rowid);
        table->rowid = NULL;
    } else if (table->rowid == NULL) {
        return fi_migrate_fail(sqlite->err, FIRN_UNSUPPORTED,
                               "the table '%.255s' has nothing that can be its key", table->name);
    } else {
        key[0] = table->rowid;
        key_count = 1;
        table->definition[0] =
            (firn_table_column){.name = table->rowid, .type = FIRN_TYPE_I64, .is_auto = true};
    }
    size_t first = table->rowid != NULL ? 1 : 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct column *column = &table->columns[i];
        bool is_key = first == 0 && column->key_part > 0;
        table->definition[first + i] = (firn_table_column){
            .name = column->name,
            .type = type_of(column),
            .is_auto = is_key && key_count == 1 && type_of(column) == FIRN_TYPE_I64 &&
                       strcasecmp(column->declared, "INTEGER") == 0,
        };
    }
    def.columns = table->definition;
    def.column_count = first + table->count;
    def.key = key;
    def.key_count = key_count;
    return fi_migrate_sink_table(sqlite->sink, table->name, &def, sqlite->err);
}

/* ---- rows ---- */

static firn_value
migrate_sqlite_convert(const struct fi_sqlitefile_value *value, firn_type type, char number[40])
{
    bool is_bytes = type == FIRN_TYPE_TEXT || type == FIRN_TYPE_BLOB;
    firn_slice bytes = value->bytes;
    switch (value->type) {
    case FI_SQLITEFILE_NULL:
        return firn_null();
    case FI_SQLITEFILE_INTEGER:
        if (!is_bytes) {
            return type == FIRN_TYPE_F64 ? firn_f64((double)value->integer)
                                         : firn_i64(value->integer);
        }
        (void)snprintf(number, 40, "%lld", (long long)value->integer);
        bytes = firn_str(number);
        break;
    case FI_SQLITEFILE_REAL:
        if (!is_bytes) {
            return firn_f64(value->real);
        }
        (void)snprintf(number, 40, "%.17g", value->real);
        bytes = firn_str(number);
        break;
    default:
        bytes = bytes.size == 0 ? firn_str("") : bytes;
        break;
    }
    return type == FIRN_TYPE_TEXT ? firn_text_bytes(bytes) : firn_blob(bytes);
}

static int
on_row_sent(void *ctx, const struct fi_sqlitefile_value *values, size_t count)
{
    struct fi_migrate_sqlite *sqlite = ctx;
    struct table *table = sqlite->table;
    assert(count <= FIRN_TABLE_COLUMNS_MAX);
    for (size_t i = 0; i < count; i++) {
        table->values[i] =
            migrate_sqlite_convert(&values[i], table->definition[i].type, table->numbers[i]);
    }
    return fi_migrate_sink_row(sqlite->sink, table->values, count, sqlite->err);
}

static int
import_table(struct fi_migrate_sqlite *sqlite)
{
    struct table *table = sqlite->table;
    assert(table != NULL && table->count == 0 && table->rows == 0);
    begin_query(sqlite);
    fi_sqlitefile_text_add(&sqlite->query, "name, type, pk FROM pragma_table_xinfo(?1) WHERE "
                                           "hidden IN (0, 3)"); /* 3: generated and stored */
    table->numbers = calloc(FIRN_TABLE_COLUMNS_MAX, sizeof(*table->numbers));
    FI_TRY_RETURN(table->numbers == NULL ? no_memory(sqlite)
                                         : migrate_sqlite_query(sqlite, table->name, on_column));
    FI_TRY_RETURN(find_rowid(sqlite));
    FI_TRY_RETURN(query_rows(sqlite, on_row_seen));
    FI_TRY_RETURN(define(sqlite));
    FI_TRY_RETURN(query_rows(sqlite, on_row_sent));
    return fi_migrate_sink_end(sqlite->sink, true, table->rows, sqlite->err);
}

static void
free_table(struct table *table)
{
    for (size_t i = 0; table != NULL && i < table->count; i++) {
        free(table->columns[i].name);
        free(table->columns[i].declared);
    }
    if (table != NULL) {
        free(table->rowid);
        free(table->numbers);
    }
    free(table);
}

/* Names what is not imported. */
static int
on_generated(void *ctx, const struct fi_sqlitefile_value *values, size_t count)
{
    struct fi_migrate_sqlite *sqlite = ctx;
    char text[320];
    assert(count == 1);
    (void)count;
    (void)snprintf(text, sizeof(text), "its column %.*s is generated when it is read",
                   (int)(values[0].bytes.size < 255 ? values[0].bytes.size : 255),
                   values[0].bytes.size > 0 ? (const char *)values[0].bytes.data : "");
    fi_command_report_path("left out", firn_str(sqlite->table->name), text);
    sqlite->left_out++;
    return FIRN_OK;
}

static int
report_left_out(struct fi_migrate_sqlite *sqlite)
{
    int code = FIRN_OK;
    for (size_t i = 0; i < sqlite->virtual_count; i++) {
        fi_command_report_path("left out", firn_str(sqlite->virtual_tables[i]),
                               "it is a virtual table");
    }
    sqlite->left_out = sqlite->virtual_count;
    for (size_t i = 0; i < sqlite->count && code == FIRN_OK; i++) {
        struct table named = {.name = sqlite->tables[i]};
        sqlite->table = &named;
        begin_query(sqlite);
        fi_sqlitefile_text_add(&sqlite->query, "name FROM pragma_table_xinfo(?1) WHERE hidden = 2");
        code = migrate_sqlite_query(sqlite, named.name, on_generated);
        sqlite->table = NULL;
    }
    return code;
}

int
fi_migrate_sqlite_read(struct fi_migrate_sqlite *sqlite, struct fi_migrate_sink *sink,
                       bool is_strict, uint64_t *out_left_out, firn_error *err)
{
    assert(sqlite->reader != NULL && sink != NULL);
    sqlite->sink = sink;
    sqlite->err = err;
    int code = report_left_out(sqlite);
    *out_left_out = sqlite->left_out;
    if (code == FIRN_OK && is_strict && sqlite->left_out > 0) {
        return fi_migrate_fail(err, FIRN_UNSUPPORTED,
                               "not everything can be imported: nothing was");
    }
    for (size_t i = 0; i < sqlite->count && code == FIRN_OK; i++) {
        sqlite->table = calloc(1, sizeof(*sqlite->table));
        if (sqlite->table == NULL) {
            return no_memory(sqlite);
        }
        sqlite->table->name = sqlite->tables[i];
        code = import_table(sqlite);
        free_table(sqlite->table);
        sqlite->table = NULL;
    }
    return code;
}
