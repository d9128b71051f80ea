/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_history.c: the history of a store in SQL: its checkpoints, versions of a row, going back.
 *
 *     SELECT number, name, created FROM firn_checkpoints;
 *     SELECT firn_checkpoint('before-import');
 *     SELECT "checkpoint", "row" ->> 'price' FROM firn_history('goods', 7);
 *     SELECT firn_at('goods', 'before-import');   -- makes temp."goods@before-import"
 *     SELECT firn_restore('before-import');
 *     SELECT firn_undo();
 *
 * firn_diff is in sql_diff.c. A store is named by its alias or path, as the last argument of each;
 * it may be left out where only one is attached.
 *
 * firn_checkpoint, firn_restore and firn_undo are commits of their own, durable when the statement
 * ends: they are refused inside of BEGIN … COMMIT. Rolling back does not take them back. They, and
 * firn_at, may not be used by triggers and views.
 *
 * firn_history reads the row at each checkpoint, and now, and gives the versions that differ from
 * the one before: oldest first, the first from the checkpoint where the row is found. A version
 * that was written and overwritten between two checkpoints is not kept by anything, so it is not
 * there.
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
#include <string.h>

#include "firn/checkpoint.h"
#include "firn/table.h"

SQLITE_EXTENSION_INIT3

/* ==== checkpoints ==== */

static int
add_checkpoint(void *ctx, const firn_store_checkpoint *checkpoint)
{
    struct fi_sql_rows *rows = ctx;
    if (checkpoint->is_safety) {
        fi_sql_rows_null(rows);
    } else {
        fi_sql_rows_integer(rows, (sqlite3_int64)checkpoint->number);
    }
    fi_sql_rows_text_or_null(rows, checkpoint->id);
    fi_sql_rows_text_or_null(rows, checkpoint->name);
    fi_sql_rows_time(rows, checkpoint->created_ns);
    fi_sql_rows_integer(rows, checkpoint->created_ns);
    fi_sql_rows_integer(rows, checkpoint->is_safety);
    fi_sql_rows_text_or_null(rows, checkpoint->restored);
    return fi_sql_rows_go_on(rows);
}

static int
fill_checkpoints(struct fi_sql *sql, struct fi_sql_rows *rows, sqlite3_value *const *arguments,
                 firn_error *err)
{
    struct fi_sql_store *store = NULL;
    firn_store_checkpoint_list_options options = FIRN_STORE_CHECKPOINT_LIST_OPTIONS_INIT;
    FI_TRY_RETURN(fi_sql_store_find(sql, fi_sql_rows_argument(arguments[0]), &store, err));
    options.include_safety = arguments[1] != NULL && sqlite3_value_int(arguments[1]) != 0;
    return firn_store_checkpoint_list(store->store, &options, add_checkpoint, rows, err);
}

static const struct fi_sql_rows_function checkpoints_function = {
    .name = "firn_checkpoints",
    .columns = "number INTEGER, id TEXT, name TEXT, created TEXT, created_ns INTEGER, "
               "safety INTEGER, restored TEXT",
    .column_count = 7,
    .arguments = "store,all",
    .argument_count = 2,
    .fill = fill_checkpoints,
};

/* ==== versions of a row ==== */

enum { CHECKPOINTS_STEP = 64 };

struct history {
    struct fi_sql_rows *rows;
    firn_store *store;
    const char *table;
    sqlite3_value *const *key;
    size_t key_count;
    firn_store_checkpoint *checkpoints; /* newest first */
    size_t count;
    size_t capacity;
    char *before;   /* the version before, as JSON; NULL: there is none */
    bool has_table; /* some state has it */
};

static int
note_checkpoint(void *ctx, const firn_store_checkpoint *checkpoint)
{
    struct history *history = ctx;
    if (history->count == history->capacity) {
        size_t capacity = 2 * history->capacity + CHECKPOINTS_STEP;
        firn_store_checkpoint *grown =
            sqlite3_realloc64(history->checkpoints, capacity * sizeof *grown);
        if (grown == NULL) {
            return FIRN_NO_MEMORY;
        }
        history->checkpoints = grown;
        history->capacity = capacity;
    }
    history->checkpoints[history->count++] = *checkpoint;
    return FIRN_OK;
}

static const firn_table_column *
find_column(const firn_table_def *def, const char *name)
{
    assert(name[0] != '\0');
    for (size_t i = 0; i < def->column_count; i++) {
        if (strcmp(def->columns[i].name, name) == 0) {
            return &def->columns[i];
        }
    }
    return NULL;
}

static char *
row_as_json(const firn_table_def *def, const firn_value *values, size_t count)
{
    assert(count <= def->column_count);
    sqlite3_str *text = sqlite3_str_new(NULL);
    for (size_t i = 0; i < def->column_count && i < count; i++) {
        sqlite3_str_appendall(text, i > 0 ? "," : "{");
        fi_sql_rows_json_text(text, def->columns[i].name, strlen(def->columns[i].name));
        sqlite3_str_appendall(text, ":");
        fi_sql_rows_json_value(text, &def->columns[i], values[i]);
    }
    sqlite3_str_appendall(text, "}");
    return sqlite3_str_finish(text);
}

/* Reads the row in a state where the table has this definition. *out is NULL if there is no row. */
static int
read_row(struct history *history, firn_table *table, const firn_table_def *def,
         firn_snapshot *snapshot, char **out, firn_error *err)
{
    firn_value key[FIRN_TABLE_KEY_COLUMNS_MAX];
    struct fi_sqlvalue_scratch scratch[FIRN_TABLE_KEY_COLUMNS_MAX];
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    firn_row *row = NULL;
    int code = FIRN_OK;
    memset(scratch, 0, sizeof scratch);
    if (def->key_count != history->key_count) {
        return fi_sqlvalue_error(err, FIRN_INVALID,
                                 "the key of '%s' has %zu columns; values are given for %zu",
                                 history->table, def->key_count, history->key_count);
    }
    for (size_t i = 0; i < def->key_count && code == FIRN_OK; i++) {
        const firn_table_column *column = find_column(def, def->key[i]);
        code = column != NULL ? fi_sqlvalue_make(column, history->key[i], &scratch[i], &key[i], err)
                              : fi_sqlvalue_error(err, FIRN_INTERNAL, "a key without a column");
    }
    if (code == FIRN_OK) {
        code = firn_row_create(&row, err);
    }
    options.snapshot = snapshot;
    if (code == FIRN_OK) {
        code = firn_table_get(table, &options, key, def->key_count, row, err);
    }
    if (code == FIRN_OK) {
        *out = row_as_json(def, firn_row_values(row), firn_row_count(row));
        code = *out != NULL ? FIRN_OK : fi_sqlvalue_error(err, FIRN_NO_MEMORY, "out of memory");
    } else if (code == FIRN_NOT_FOUND) {
        code = FIRN_OK;
    }
    firn_row_destroy(row);
    for (size_t i = 0; i < FIRN_TABLE_KEY_COLUMNS_MAX; i++) {
        fi_sqlvalue_deinit(&scratch[i]);
    }
    return code;
}

/* The version that a state has; without the table there is no row. checkpoint NULL: now. */
static int
read_version(struct history *history, const firn_store_checkpoint *checkpoint, char **out,
             firn_error *err)
{
    firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
    firn_snapshot *snapshot = NULL;
    firn_table *table = NULL;
    firn_table_def *def = NULL;
    char *text = NULL;
    *out = NULL;
    options.checkpoint = checkpoint != NULL ? checkpoint->id : NULL;
    int code = firn_snapshot_open(history->store, &options, &snapshot, err);
    if (code == FIRN_OK) {
        code = firn_snapshot_table_open(snapshot, history->table, &table, err);
    }
    if (code == FIRN_OK) {
        code = firn_table_describe(table, NULL, snapshot, &text, err);
    }
    if (code == FIRN_OK) {
        code = firn_table_def_parse(text, &def, err);
    }
    history->has_table |= code == FIRN_OK;
    if (code == FIRN_OK) {
        code = read_row(history, table, def, snapshot, out, err);
    } else if (code == FIRN_NOT_FOUND || (code == FIRN_INVALID && table == NULL)) {
        code = FIRN_OK; /* a checkpoint that was deleted meanwhile, or no table of that name */
    }
    firn_release(def);
    firn_release(text);
    firn_snapshot_close(snapshot);
    return code;
}

static void
add_version(struct history *history, const firn_store_checkpoint *checkpoint, const char *version)
{
    struct fi_sql_rows *rows = history->rows;
    if (checkpoint != NULL) {
        fi_sql_rows_integer(rows, (sqlite3_int64)checkpoint->number);
        fi_sql_rows_text_or_null(rows, checkpoint->name);
        fi_sql_rows_time(rows, checkpoint->created_ns);
    } else {
        fi_sql_rows_null(rows);
        fi_sql_rows_null(rows);
        fi_sql_rows_null(rows);
    }
    const char *kind = version == NULL ? "removed" : history->before == NULL ? "added" : "changed";
    fi_sql_rows_text(rows, kind, strlen(kind));
    fi_sql_rows_text_or_null(rows, version);
}

static int
walk_history(struct history *history, firn_error *err)
{
    int code = FIRN_OK;
    for (size_t i = history->count + 1; i > 0 && code == FIRN_OK; i--) {
        const firn_store_checkpoint *checkpoint = i > 1 ? &history->checkpoints[i - 2] : NULL;
        char *version = NULL;
        code = read_version(history, checkpoint, &version, err);
        bool is_same = version == NULL || history->before == NULL
                           ? version == history->before
                           : strcmp(version, history->before) == 0;
        if (code == FIRN_OK && !is_same) {
            add_version(history, checkpoint, version);
        }
        sqlite3_free(history->before);
        history->before = version;
        code = code == FIRN_OK ? fi_sql_rows_on_progress(history->rows, NULL) : code;
    }
    return code;
}

static int
fill_history(struct fi_sql *sql, struct fi_sql_rows *rows, sqlite3_value *const *arguments,
             firn_error *err)
{
    firn_store_checkpoint_list_options options = FIRN_STORE_CHECKPOINT_LIST_OPTIONS_INIT;
    struct fi_sql_store *store = NULL;
    struct history history = {.rows = rows};
    const char *name = fi_sql_rows_argument(arguments[0]);
    int code = fi_sql_store_find_past(sql, name, &store, &history.table, err);
    if (code != FIRN_OK) {
        return code;
    }
    assert(store != NULL);
    fi_sql_store_ref(store);
    history.store = store->store;
    history.key = arguments + 1;
    while (history.key_count < FIRN_TABLE_KEY_COLUMNS_MAX &&
           history.key[history.key_count] != NULL) {
        history.key_count++;
    }
    char *table = sqlite3_mprintf("%s", history.table);
    history.table = table;
    FI_TRY_OUT(code, table == NULL ? fi_sqlvalue_error(err, FIRN_NO_MEMORY, "out of memory")
                                   : firn_store_checkpoint_list(history.store, &options,
                                                                note_checkpoint, &history, err));
    FI_TRY_OUT(code, walk_history(&history, err));
    if (!history.has_table) {
        code = fi_sqlvalue_error(err, FIRN_NOT_FOUND,
                                 "there is no table '%s', now or at a checkpoint", history.table);
    }
out:
    sqlite3_free(history.before);
    sqlite3_free(history.checkpoints);
    sqlite3_free(table);
    fi_sql_store_unref(store);
    return code;
}

static const struct fi_sql_rows_function history_function = {
    .name = "firn_history",
    .columns = "\"checkpoint\" INTEGER, name TEXT, created TEXT, kind TEXT, \"row\" TEXT",
    .column_count = 5,
    .arguments = "table,key1,key2,key3,key4,key5,key6,key7,key8,key9,key10,key11,key12,key13,"
                 "key14,key15,key16",
    .argument_count = 17,
    .argument_count_min = 2,
    .fill = fill_history,
};

/* ==== commits of their own ==== */

/* The store that an argument names, ready to be changed. */
static int
find_to_change(sqlite3_context *ctx, sqlite3_value *name, const char *what,
               struct fi_sql_store **out, firn_error *err)
{
    struct fi_sql *sql = fi_sql_of(ctx);
    int code = fi_sql_store_find(sql, fi_sql_rows_argument(name), out, err);
    return code != FIRN_OK ? code : fi_sql_store_check_change(*out, what, err);
}

/* firn_checkpoint(name = NULL, store = NULL): the number of the checkpoint. */
static void
make_checkpoint(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    firn_error err;
    struct fi_sql_store *store = NULL;
    firn_store_checkpoint made = FIRN_STORE_CHECKPOINT_INIT;
    const char *name = fi_sql_rows_argument(count > 0 ? values[0] : NULL);
    int code =
        find_to_change(ctx, count > 1 ? values[1] : NULL, "create a checkpoint", &store, &err);
    if (code == FIRN_OK) {
        code = firn_store_checkpoint_create(store->store, name, NULL, &made, &err);
    }
    if (code != FIRN_OK) {
        fi_sql_fail(ctx, &err);
        return;
    }
    sqlite3_result_int64(ctx, (sqlite3_int64)made.number);
}

static void
finish_restore(sqlite3_context *ctx, struct fi_sql_store *store, int code,
               const firn_store_restore_result *result, const firn_error *err)
{
    if (code != FIRN_OK) {
        fi_sql_fail(ctx, err);
        return;
    }
    int rc = fi_sql_attach_changed(store);
    if (rc != SQLITE_OK) {
        sqlite3_result_error_code(ctx, rc);
        return;
    }
    sqlite3_result_text(ctx, result->safety.id, -1, SQLITE_TRANSIENT);
}

/* firn_restore(reference, store = NULL): the id of the safety checkpoint of what was there
 * before. */
static void
sql_history_restore(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    firn_error err;
    struct fi_sql_store *store = NULL;
    firn_store_restore_result result = FIRN_STORE_RESTORE_RESULT_INIT;
    const char *reference = fi_sql_rows_argument(values[0]);
    int code =
        find_to_change(ctx, count > 1 ? values[1] : NULL, "restore a checkpoint", &store, &err);
    if (code == FIRN_OK) {
        code = reference != NULL
                   ? firn_store_restore(store->store, reference, &result, &err)
                   : fi_sqlvalue_error(&err, FIRN_INVALID, "firn_restore needs a reference");
    }
    finish_restore(ctx, store, code, &result, &err);
}

/* firn_undo(store = NULL): the same. */
static void
sql_history_undo(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    firn_error err;
    struct fi_sql_store *store = NULL;
    firn_store_restore_result result = FIRN_STORE_RESTORE_RESULT_INIT;
    int code = find_to_change(ctx, count > 0 ? values[0] : NULL, "undo a restore", &store, &err);
    if (code == FIRN_OK) {
        code = firn_store_undo(store->store, &result, &err);
    }
    finish_restore(ctx, store, code, &result, &err);
}

/* ==== firn_at ==== */

/* Puts a text into an argument of CREATE VIRTUAL TABLE. */
static bool
fits_argument(const char *text)
{
    return strpbrk(text, "'\"") == NULL;
}

/* firn_at(table, reference, name = "table@reference"): makes a virtual table of what a checkpoint
 * has. */
static void
make_at(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    firn_error err;
    struct fi_sql *sql = fi_sql_of(ctx);
    struct fi_sql_store *store = NULL;
    const char *table = NULL;
    const char *given = fi_sql_rows_argument(values[0]);
    const char *reference = fi_sql_rows_argument(values[1]);
    if (fi_sql_store_find_past(sql, given, &store, &table, &err) != FIRN_OK) {
        fi_sql_fail(ctx, &err);
        return;
    }
    if (reference == NULL || !fits_argument(reference)) {
        sqlite3_result_error(ctx, "firn_at needs the reference of a checkpoint", -1);
        return;
    }
    assert(store != NULL);
    const char *wanted = fi_sql_rows_argument(count > 2 ? values[2] : NULL);
    char *name =
        wanted != NULL ? sqlite3_mprintf("%s", wanted) : sqlite3_mprintf("%s@%s", given, reference);
    char *statement =
        name == NULL ? NULL
                     : sqlite3_mprintf("CREATE VIRTUAL TABLE temp.\"%w\" USING firn(%Q, %Q, at=%Q)",
                                       name, store->path, table, reference);
    char *text = NULL;
    if (statement == NULL) {
        sqlite3_result_error_nomem(ctx);
    } else if (sqlite3_exec(fi_sql_db(sql), statement, NULL, NULL, &text) != SQLITE_OK) {
        sqlite3_result_error(ctx, text != NULL ? text : "out of memory", -1);
    } else {
        sqlite3_result_text(ctx, name, -1, SQLITE_TRANSIENT);
    }
    sqlite3_free(text);
    sqlite3_free(statement);
    sqlite3_free(name);
}

int
fi_sql_history_register(struct fi_sql *sql)
{
    static const struct {
        const char *name;
        int count_min;
        int count_max;
        void (*call)(sqlite3_context *ctx, int count, sqlite3_value **values);
    } functions[] = {
        {"firn_checkpoint", 0, 2, make_checkpoint},
        {"firn_restore", 1, 2, sql_history_restore},
        {"firn_undo", 0, 1, sql_history_undo},
        {"firn_at", 2, 3, make_at},
    };
    int rc = fi_sql_rows_register(sql, &checkpoints_function);
    if (rc == SQLITE_OK) {
        rc = fi_sql_rows_register(sql, &history_function);
    }
    if (rc == SQLITE_OK) {
        rc = fi_sql_diff_register(sql);
    }
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        for (int count = functions[i].count_min; rc == SQLITE_OK && count <= functions[i].count_max;
             count++) {
            rc = fi_sql_function(sql, functions[i].name, count, FI_SQL_EFFECT, functions[i].call);
        }
    }
    return rc;
}
