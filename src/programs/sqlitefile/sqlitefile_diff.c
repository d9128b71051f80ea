/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlitefile/sqlitefile_diff.c: what differs between two states of a database: its schema, and its
 * rows by their keys.
 *
 * Both states are files that this program has made and nobody else opens. A table that both sides
 * have is read from each of them in the order of its primary key, or of its rowid if it has none,
 * and the two streams are merged. So this takes the memory of one row of each side, plus what
 * SQLite sorts if an index is in another order. Only columns that both have are compared, by name;
 * a table whose key has other columns now is counted, not compared. Generated columns, virtual
 * tables and SQLite's own tables are left out: what they show follows from others.
 *
 * Keys are compared as SQLite orders them: NULL, numbers by value, text and then blobs byte by
 * byte, which is what the statements ask for (COLLATE BINARY). Where the text of a database is
 * UTF-16 its order is another one; such rows are not compared.
 *
 * A rollback journal is never played back here: it may name another file, which SQLite would
 * delete.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlitefile/sqlitefile_internal.h"
#include "term/term.h"
#include "term/term_try.h"

static const char virtual_table[] = "CREATE VIRTUAL";

enum { OBJECTS_MAX = 100000, OBJECTS_BYTES_MAX = 16 << 20 };

/* ---- lists of texts ---- */

struct object {
    char *type;
    char *name;
    char *sql;
};

struct objects {
    struct object *items;
    size_t count;
    size_t capacity;
    size_t bytes; /* of all texts */
};

static void
free_objects(struct objects *objects)
{
    assert(objects->count <= objects->capacity);
    for (size_t i = 0; i < objects->count; i++) {
        free(objects->items[i].type);
        free(objects->items[i].name);
        free(objects->items[i].sql);
    }
    free(objects->items);
    *objects = (struct objects){.items = NULL};
}

/* ---- a comparison ---- */

struct side {
    sqlite3 *db;
    struct fi_sqlitefile_budget budget;
    sqlite3_stmt *statement; /* of the table at hand */
    bool has_row;
    struct objects schema;
};

struct comparing {
    const struct fi_sqlitefile_library *library;
    struct fi_sqlitefile_show *show;
    struct side before;
    struct side after;
    firn_error *err;
};

static int
sqlitefile_diff_fail(const struct comparing *comparing, const struct side *side, int rc)
{
    assert(rc != SQLITE_OK);
    return fi_sqlitefile_fail_statement(comparing->library, side->db, &side->budget, rc,
                                        comparing->err);
}

static int
no_memory(const struct comparing *comparing)
{
    return fi_sqlitefile_fail(comparing->err, FIRN_NO_MEMORY, "out of memory");
}

static char *
copy_column(const struct comparing *comparing, sqlite3_stmt *statement, int column)
{
    const unsigned char *text = comparing->library->column_text(statement, column);
    return strdup(text != NULL ? (const char *)text : "");
}

/* Reads rows of up to three texts. Many rows may share the bytes of one page, so what they take is
 * not bounded by the file. */
static int
read_objects(const struct comparing *comparing, struct side *side, const char *sql,
             struct objects *out)
{
    assert(out->items == NULL && out->count == 0);
    const struct fi_sqlitefile_library *library = comparing->library;
    sqlite3_stmt *statement = NULL;
    fi_sqlitefile_renew(&side->budget);
    int rc = library->prepare_v2(side->db, sql, -1, &statement, NULL);
    int code = FIRN_OK;
    while (rc == SQLITE_OK && code == FIRN_OK && library->step(statement) == SQLITE_ROW) {
        for (int i = 0; i < 3; i++) {
            out->bytes += (size_t)library->column_bytes(statement, i);
        }
        if (out->count == OBJECTS_MAX || out->bytes > OBJECTS_BYTES_MAX) {
            code = fi_sqlitefile_fail(comparing->err, FIRN_UNSUPPORTED, "its schema is too large");
            break;
        }
        if (out->count == out->capacity) {
            size_t capacity = out->capacity == 0 ? 16 : 2 * out->capacity;
            struct object *items = realloc(out->items, capacity * sizeof *items);
            if (items == NULL) {
                code = no_memory(comparing);
                break;
            }
            out->items = items;
            out->capacity = capacity;
        }
        struct object *object = &out->items[out->count++];
        object->type = copy_column(comparing, statement, 0);
        object->name = copy_column(comparing, statement, 1);
        object->sql = copy_column(comparing, statement, 2);
        if (object->type == NULL || object->name == NULL || object->sql == NULL) {
            code = no_memory(comparing);
        }
    }
    int end_rc = library->finalize(statement);
    rc = rc == SQLITE_OK ? end_rc : rc;
    return code != FIRN_OK || rc == SQLITE_OK ? code : sqlitefile_diff_fail(comparing, side, rc);
}

/* ---- values ---- */

static int
compare_numbers(const struct fi_sqlitefile_library *library, sqlite3_stmt *a, sqlite3_stmt *b,
                int column)
{
    /* A long double has the 64 bits of any integer, and all of a double. */
    bool is_a = library->column_type(a, column) == SQLITE_INTEGER;
    bool is_b = library->column_type(b, column) == SQLITE_INTEGER;
    long double left = is_a ? (long double)library->column_int64(a, column)
                            : (long double)library->column_double(a, column);
    long double right = is_b ? (long double)library->column_int64(b, column)
                             : (long double)library->column_double(b, column);
    return left < right ? -1 : left > right;
}

static int
class_of(int type)
{
    return type == SQLITE_NULL ? 0 : type == SQLITE_TEXT ? 2 : type == SQLITE_BLOB ? 3 : 1;
}

/* The bytes of a text or a blob. */
static firn_slice
bytes_of(const struct fi_sqlitefile_library *library, sqlite3_stmt *statement, int column)
{
    assert(class_of(library->column_type(statement, column)) >= 2);
    const void *data = library->column_type(statement, column) == SQLITE_TEXT
                           ? (const void *)library->column_text(statement, column)
                           : library->column_blob(statement, column);
    int size = library->column_bytes(statement, column);
    return firn_bytes(data, data != NULL && size > 0 ? (size_t)size : 0);
}

/* As SQLite orders them. */
static int
compare_values(const struct fi_sqlitefile_library *library, sqlite3_stmt *a, sqlite3_stmt *b,
               int column)
{
    int left_class = class_of(library->column_type(a, column));
    int right_class = class_of(library->column_type(b, column));
    if (left_class != right_class || left_class == 0) {
        return left_class < right_class ? -1 : left_class > right_class;
    }
    if (left_class == 1) {
        return compare_numbers(library, a, b, column);
    }
    firn_slice left = bytes_of(library, a, column);
    firn_slice right = bytes_of(library, b, column);
    size_t size = left.size < right.size ? left.size : right.size;
    int order = size > 0 ? memcmp(left.data, right.data, size) : 0;
    return order != 0 ? order : left.size < right.size ? -1 : left.size > right.size;
}

static int
compare_keys(const struct comparing *comparing, size_t key_count)
{
    assert(key_count > 0 && comparing->before.has_row && comparing->after.has_row);
    int order = 0;
    for (size_t i = 0; i < key_count && order == 0; i++) {
        order = compare_values(comparing->library, comparing->before.statement,
                               comparing->after.statement, (int)i);
    }
    return order;
}

static bool
is_same_row(const struct comparing *comparing, size_t count)
{
    assert(comparing->before.has_row && comparing->after.has_row);
    const struct fi_sqlitefile_library *library = comparing->library;
    sqlite3_stmt *a = comparing->before.statement;
    sqlite3_stmt *b = comparing->after.statement;
    for (size_t i = 0; i < count; i++) {
        if (library->column_type(a, (int)i) != library->column_type(b, (int)i) ||
            compare_values(library, a, b, (int)i) != 0) {
            return false;
        }
    }
    return true;
}

/* ---- the schema ---- */

static int
read_schema(struct comparing *comparing, struct side *side)
{
    return read_objects(
        comparing, side,
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT "
        "LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type COLLATE BINARY, name COLLATE "
        "BINARY",
        &side->schema);
}

static int
compare_objects(const struct object *a, const struct object *b)
{
    int order = strcmp(a->type, b->type);
    return order != 0 ? order : strcmp(a->name, b->name);
}

/* The next pair of two lists in order; either may be NULL. */
static bool
next_pair(const struct objects *before, const struct objects *after, size_t *i, size_t *j,
          const struct object **out_before, const struct object **out_after)
{
    assert(*i <= before->count && *j <= after->count);
    const struct object *a = *i < before->count ? &before->items[*i] : NULL;
    const struct object *b = *j < after->count ? &after->items[*j] : NULL;
    int order = a == NULL ? 1 : b == NULL ? -1 : compare_objects(a, b);
    *out_before = order <= 0 ? a : NULL;
    *out_after = order >= 0 ? b : NULL;
    *i += order <= 0 && a != NULL ? 1 : 0;
    *j += order >= 0 && b != NULL ? 1 : 0;
    return *out_before != NULL || *out_after != NULL;
}

/* ---- the rows of a table ---- */

/* The columns of a table; type is "1" and so on for the key's, in order of the key. */
static int
read_columns(const struct comparing *comparing, struct side *side, const char *table,
             struct objects *out)
{
    struct fi_sqlitefile_text sql = {.data = NULL};
    fi_sqlitefile_text_add(&sql, "SELECT pk, name, hidden FROM pragma_table_xinfo(");
    fi_sqlitefile_text_add(&sql, "'");
    for (const char *at = table; *at != '\0'; at++) {
        fi_sqlitefile_text_add_bytes(&sql, at, 1);
        if (*at == '\'') {
            fi_sqlitefile_text_add(&sql, "'");
        }
    }
    fi_sqlitefile_text_add(&sql, "') WHERE hidden = 0 ORDER BY pk = 0, pk, cid");
    int code = sql.has_failed ? no_memory(comparing) : read_objects(comparing, side, sql.data, out);
    free(sql.data);
    return code;
}

static const struct object *
find_name(const struct objects *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

/* Which of the three names of the rowid no column has. */
static const char *
rowid_name(const struct objects *a, const struct objects *b)
{
    static const char *const names[] = {"_rowid_", "rowid", "oid"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (find_name(a, names[i]) == NULL && find_name(b, names[i]) == NULL) {
            return names[i];
        }
    }
    return NULL;
}

static bool
is_key(const struct object *column)
{
    return strcmp(column->type, "0") != 0;
}

/* Whether both have a key of the same columns. */
static bool
has_same_key(const struct objects *a, const struct objects *b)
{
    size_t i = 0;
    while (i < a->count && i < b->count && is_key(&a->items[i]) && is_key(&b->items[i])) {
        if (strcmp(a->items[i].name, b->items[i].name) != 0) {
            return false;
        }
        i++;
    }
    return !(i < a->count && is_key(&a->items[i])) && !(i < b->count && is_key(&b->items[i]));
}

/* The statement that reads the columns that both have, in the order of the key. *out_columns are
 * their names. */
static int
make_statement(const struct comparing *comparing, const char *table, const struct objects *a,
               const struct objects *b, struct fi_sqlitefile_text *out,
               struct fi_sqlitefile_columns *columns)
{
    struct fi_sqlitefile_text order = {.data = NULL};
    const char *rowid = NULL;
    bool has_key = a->count > 0 && is_key(&a->items[0]);
    columns->count = 0;
    columns->key_count = 0;
    fi_sqlitefile_text_add(out, "SELECT ");
    if (!has_key) {
        rowid = rowid_name(a, b);
        if (rowid == NULL) {
            free(order.data);
            return fi_sqlitefile_fail(comparing->err, FIRN_UNSUPPORTED, "its rows have no key");
        }
        fi_sqlitefile_text_add(out, rowid);
        fi_sqlitefile_text_add(&order, rowid);
        columns->names[columns->count++] = rowid;
        columns->key_count = 1;
    }
    for (size_t i = 0; i < a->count && columns->count <= FI_SQLITEFILE_COLUMNS_MAX; i++) {
        const char *name = a->items[i].name;
        if (find_name(b, name) == NULL) {
            continue;
        }
        fi_sqlitefile_text_add(out, columns->count > 0 ? ", " : "");
        fi_sqlitefile_text_add_name(out, name);
        if (is_key(&a->items[i])) {
            fi_sqlitefile_text_add(&order, columns->key_count > 0 ? ", " : "");
            fi_sqlitefile_text_add_name(&order, name);
            fi_sqlitefile_text_add(&order, " COLLATE BINARY");
            columns->key_count++;
        }
        columns->names[columns->count++] = name;
    }
    fi_sqlitefile_text_add(out, " FROM main.");
    fi_sqlitefile_text_add_name(out, table);
    fi_sqlitefile_text_add(out, " ORDER BY ");
    fi_sqlitefile_text_add(out, order.data != NULL ? order.data : "1");
    int code = out->has_failed || order.has_failed ? no_memory(comparing) : FIRN_OK;
    free(order.data);
    return code;
}

static int
next_row(const struct comparing *comparing, struct side *side)
{
    const struct fi_sqlitefile_library *library = comparing->library;
    int rc = side->statement == NULL ? SQLITE_DONE : library->step(side->statement);
    uint64_t bytes = 0;
    side->has_row = rc == SQLITE_ROW;
    for (int i = 0; side->has_row && i < library->column_count(side->statement); i++) {
        bytes += class_of(library->column_type(side->statement, i)) >= 2
                     ? bytes_of(library, side->statement, i).size
                     : 0;
    }
    const bool is_fine = fi_sqlitefile_spend(&side->budget, bytes);
    return is_fine && (rc == SQLITE_ROW || rc == SQLITE_DONE)
               ? FIRN_OK
               : sqlitefile_diff_fail(comparing, side, rc);
}

static void
report_row(struct comparing *comparing, const struct fi_sqlitefile_columns *columns, bool is_before,
           bool is_after)
{
    assert(is_before || is_after);
    struct fi_sqlitefile_show *show = comparing->show;
    show->counts.added += is_before ? 0 : 1;
    show->counts.removed += is_after ? 0 : 1;
    show->counts.changed += is_before && is_after ? 1 : 0;
    uint64_t told = show->counts.added + show->counts.changed + show->counts.removed;
    if (told <= show->rows_max) {
        fi_sqlitefile_show_row(show, comparing->library, columns,
                               is_before ? comparing->before.statement : NULL,
                               is_after ? comparing->after.statement : NULL);
    }
}

static int
sqlitefile_diff_merge(struct comparing *comparing, const struct fi_sqlitefile_columns *columns)
{
    assert(columns->key_count > 0 && columns->key_count <= columns->count);
    struct side *before = &comparing->before;
    struct side *after = &comparing->after;
    int code = next_row(comparing, before);
    code = code == FIRN_OK ? next_row(comparing, after) : code;
    while (code == FIRN_OK && (before->has_row || after->has_row)) {
        int order = !before->has_row  ? 1
                    : !after->has_row ? -1
                                      : compare_keys(comparing, columns->key_count);
        if (order != 0 || !is_same_row(comparing, columns->count)) {
            report_row(comparing, columns, order <= 0, order >= 0);
        }
        code = order <= 0 ? next_row(comparing, before) : FIRN_OK;
        code = code == FIRN_OK && order >= 0 ? next_row(comparing, after) : code;
    }
    return code;
}

static int
sqlitefile_diff_prepare(const struct comparing *comparing, struct side *side, const char *sql)
{
    assert(side->statement == NULL);
    fi_sqlitefile_renew(&side->budget);
    int rc = comparing->library->prepare_v2(side->db, sql, -1, &side->statement, NULL);
    return rc == SQLITE_OK ? FIRN_OK : sqlitefile_diff_fail(comparing, side, rc);
}

static int
compare_rows(struct comparing *comparing, const char *table, bool has_before, bool has_after)
{
    assert(has_before || has_after);
    struct objects a = {.items = NULL};
    struct objects b = {.items = NULL};
    struct fi_sqlitefile_text sql = {.data = NULL};
    struct fi_sqlitefile_columns *columns = calloc(1, sizeof *columns);
    const struct objects *left = has_before ? &a : &b;
    const struct objects *right = has_after ? &b : &a;
    int code;
    FI_TRY_OUT(code, columns == NULL ? no_memory(comparing) : FIRN_OK);
    if (has_before) {
        FI_TRY_OUT(code, read_columns(comparing, &comparing->before, table, &a));
    }
    if (has_after) {
        FI_TRY_OUT(code, read_columns(comparing, &comparing->after, table, &b));
    }
    if (!has_same_key(left, right)) {
        FI_TRY_OUT(code, fi_sqlitefile_fail(comparing->err, FIRN_UNSUPPORTED,
                                            "its primary key has other columns now"));
    }
    FI_TRY_OUT(code, make_statement(comparing, table, left, right, &sql, columns));
    if (has_before) {
        FI_TRY_OUT(code, sqlitefile_diff_prepare(comparing, &comparing->before, sql.data));
    }
    if (has_after) {
        FI_TRY_OUT(code, sqlitefile_diff_prepare(comparing, &comparing->after, sql.data));
    }
    code = sqlitefile_diff_merge(comparing, columns);
out:
    (void)comparing->library->finalize(comparing->before.statement);
    (void)comparing->library->finalize(comparing->after.statement);
    comparing->before.statement = NULL;
    comparing->after.statement = NULL;
    free_objects(&a);
    free_objects(&b);
    free(sql.data);
    free(columns);
    return code;
}

static bool
is_plain_table(const struct object *object)
{
    return object != NULL && strcmp(object->type, "table") == 0 &&
           strncmp(object->sql, virtual_table, sizeof virtual_table - 1) != 0;
}

/* ---- all of it ---- */

static int
check_encoding(const struct comparing *comparing, struct side *side)
{
    struct objects encoding = {.items = NULL};
    int code =
        read_objects(comparing, side, "SELECT encoding, '', '' FROM pragma_encoding", &encoding);
    if (code == FIRN_OK && (encoding.count != 1 || strcmp(encoding.items[0].type, "UTF-8") != 0)) {
        code = fi_sqlitefile_fail(comparing->err, FIRN_UNSUPPORTED, "its text is not UTF-8");
    }
    free_objects(&encoding);
    return code;
}

/* A copy with a log is recovered, which changes the copy. */
static int
open_side(struct comparing *comparing, struct side *side, const char *path)
{
    assert(side->db == NULL);
    FI_TRY_RETURN(fi_sqlitefile_open_copy(comparing->library, path, &side->budget, &side->db,
                                          comparing->err));
    int rc = comparing->library->exec(side->db, "PRAGMA query_only = ON", NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        return sqlitefile_diff_fail(comparing, side, rc);
    }
    FI_TRY_RETURN(read_schema(comparing, side));
    return check_encoding(comparing, side);
}

static int
sqlitefile_diff_compare(struct comparing *comparing)
{
    const struct object *before;
    const struct object *after;
    int code = FIRN_OK;
    for (size_t i = 0, j = 0;
         next_pair(&comparing->before.schema, &comparing->after.schema, &i, &j, &before, &after);) {
        if (before == NULL || after == NULL || strcmp(before->sql, after->sql) != 0) {
            fi_sqlitefile_show_schema(comparing->show, (before != NULL ? before : after)->type,
                                      (before != NULL ? before : after)->name,
                                      before != NULL ? before->sql : NULL,
                                      after != NULL ? after->sql : NULL);
        }
    }
    fi_sqlitefile_show_schema_end();
    for (size_t i = 0, j = 0;
         code != FIRN_CANCELLED && code != FIRN_NO_MEMORY &&
         next_pair(&comparing->before.schema, &comparing->after.schema, &i, &j, &before, &after);) {
        bool has_before = is_plain_table(before);
        bool has_after = is_plain_table(after);
        if (!has_before && !has_after) {
            continue;
        }
        fi_sqlitefile_show_table(comparing->show, (has_before ? before : after)->name);
        code = compare_rows(comparing, (has_before ? before : after)->name, has_before, has_after);
        fi_sqlitefile_show_table_end(comparing->show,
                                     code != FIRN_OK ? comparing->err->text : NULL);
    }
    return code == FIRN_CANCELLED || code == FIRN_NO_MEMORY ? code : FIRN_OK;
}

int
fi_sqlitefile_diff(const char *before, const char *after, struct fi_sqlitefile_show *show,
                   firn_error *err)
{
    struct comparing comparing = {.library = fi_sqlitefile_load(err), .show = show, .err = err};
    assert(before[0] == '/' && after[0] == '/');
    if (comparing.library == NULL) {
        return FIRN_UNSUPPORTED;
    }
    int code;
    FI_TRY_OUT(code, open_side(&comparing, &comparing.before, before));
    FI_TRY_OUT(code, open_side(&comparing, &comparing.after, after));
    fi_sqlitefile_show_begin(show);
    code = sqlitefile_diff_compare(&comparing);
    fi_sqlitefile_show_end(show);
out:
    free_objects(&comparing.before.schema);
    free_objects(&comparing.after.schema);
    (void)comparing.library->close(comparing.before.db);
    (void)comparing.library->close(comparing.after.db);
    return code;
}
