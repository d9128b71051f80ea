/* SPDX-License-Identifier: Apache-2.0
 *
 * table.c: tables: opening, changing, rows in and out, loads.
 *
 * A call has its values flat: so many rows of so many columns. They are converted by the types of the table's columns as
 * they were when it was opened or changed through this handle; if another handle has changed it since, firn refuses what
 * does not fit, and opening the table again helps.
 */
#include <stdlib.h>
#include <string.h>

#include "addon.h"

enum { ATTEMPTS = 100 };

/* ---- opening ---- */

struct table_call {
    struct call call;
    struct handle *from; /* a store or a snapshot */
    const char *name;
    const char *definition; /* to create it */
    firn_table *table;
    firn_table_def *def;
};

static int
def_read(firn_table *table, firn_snapshot *snapshot, firn_table_def **out, firn_error *err)
{
    char *text = NULL;
    int code = firn_table_describe(table, NULL, snapshot, &text, err);
    if (code == FIRN_OK) {
        code = firn_table_def_parse(text, out, err);
    }
    firn_release(text);
    return code;
}

static bool
table_open_parse(struct args *args, struct call *call)
{
    struct table_call *self = (struct table_call *)(void *)call;
    return arg_handle(args, 0, HANDLE_STORE | HANDLE_SNAPSHOT, &self->from) &&
           arg_text(args, 1, "the name of a table", &self->name) &&
           arg_text_or_none(args, 2, "the definition of a table", &self->definition);
}

static int
table_open_run(struct call *call, firn_error *err)
{
    struct table_call *self = (struct table_call *)(void *)call;
    bool in_snapshot = self->from->kind == HANDLE_SNAPSHOT;
    firn_table_def *def = NULL;
    int code = FIRN_OK;
    if (self->definition != NULL) {
        code = in_snapshot ? FIRN_MISUSE : firn_table_def_parse(self->definition, &def, err);
        if (code == FIRN_OK) {
            code = firn_table_create(self->from->object, self->name, def, &self->table, err);
            (void)atomic_fetch_add(&self->from->changes, 1);
        }
        firn_release(def);
    } else if (in_snapshot) {
        code = firn_snapshot_table_open(self->from->object, self->name, &self->table, err);
    } else {
        code = firn_table_open(self->from->object, self->name, &self->table, err);
    }
    return code == FIRN_OK
               ? def_read(self->table, in_snapshot ? self->from->object : NULL, &self->def, err)
               : code;
}

static napi_value
table_open_finish(napi_env env, struct call *call)
{
    struct table_call *self = (struct table_call *)(void *)call;
    struct table_object *table = calloc(1, sizeof(*table));
    void *object = table;
    if (table == NULL) {
        (void)throw_no_memory(call->instance);
        return NULL;
    }
    table->table = self->table;
    table->def = self->def;
    self->def = NULL;
    return make_handle(env, call, HANDLE_TABLE,
                       self->from->kind == HANDLE_SNAPSHOT ? self->from->parent : self->from,
                       &object);
}

static void
table_open_release(struct call *call)
{
    firn_release(((struct table_call *)(void *)call)->def);
}

static int
table_drop_run(struct call *call, firn_error *err)
{
    struct table_call *self = (struct table_call *)(void *)call;
    return self->from->kind == HANDLE_SNAPSHOT
               ? FIRN_READ_ONLY
               : firn_table_drop(self->from->object, self->name, err);
}

/* ---- changing a table ---- */

enum alter {
    ALTER_DESCRIBE,
    ALTER_ADD_COLUMN,
    ALTER_DROP_COLUMN,
    ALTER_RENAME,
    ALTER_ADD_INDEX,
    ALTER_DROP_INDEX,
    ALTER_VECTOR_INDEX,
    ALTER_DEFAULT,
    ALTER_KINDS
};

struct alter_call {
    struct call call;
    struct handle *handle;
    struct handle *snapshot;
    int what;
    const char *name;
    const char *other;
    const char *const *columns;
    size_t column_count;
    bool is_unique;
    firn_vector_index vector;
    firn_value *values;
    size_t value_count;
    char *text;
    firn_table_def *def;
};

static bool
alter_parse(struct args *args, struct call *call)
{
    struct alter_call *self = (struct alter_call *)(void *)call;
    firn_vector_index vector = FIRN_VECTOR_INDEX_INIT;
    const firn_table_column **column;
    const struct table_object *table;
    uint64_t m;
    uint64_t ef;
    int metric;
    self->vector = vector;
    if (!arg_handle(args, 0, HANDLE_TABLE, &self->handle) ||
        !arg_enum(args, 1, "operation", ALTER_KINDS - 1, &self->what) ||
        !arg_text_or_none(args, 2, "name", &self->name) ||
        !arg_text_or_none(args, 3, "name", &self->other) ||
        !arg_texts(args, 4, "columns", &self->columns, &self->column_count) ||
        !arg_bool(args, 5, "unique", &self->is_unique) ||
        !arg_enum(args, 6, "metric", FIRN_METRIC_COSINE, &metric) ||
        !arg_u64(args, 7, "m", vector.m, &m) ||
        !arg_u64(args, 8, "efConstruction", vector.ef_construction, &ef) ||
        !arg_context(args, 10, HANDLE_SNAPSHOT, self->handle, &self->snapshot)) {
        return false;
    }
    if (self->what != ALTER_DESCRIBE && self->name == NULL) {
        return throw_invalid(args, "a name is missing");
    }
    if ((self->what == ALTER_RENAME || self->what == ALTER_VECTOR_INDEX) && self->other == NULL) {
        return throw_invalid(args, "a second name is missing");
    }
    if (m > 1000 || ef > 1000000) {
        return throw_invalid(args, "m or efConstruction is too large");
    }
    self->vector.name = self->name;
    self->vector.column = self->other;
    self->vector.metric = metric == 0 ? vector.metric : (firn_metric)metric;
    self->vector.m = (uint32_t)m;
    self->vector.ef_construction = (uint32_t)ef;
    if (self->what == ALTER_DEFAULT) {
        table = self->handle->object;
        column = columns_named(args, table->def, &self->name, 1);
        if (column == NULL || !arg_values(args, 9, column, 1, &self->values, &self->value_count)) {
            return false;
        }
    }
    if (self->what != ALTER_DESCRIBE) {
        call->lane = self->handle->parent;
    }
    return true;
}

static int
add_column(firn_table *table, const char *text, firn_error *err)
{
    firn_table_def *def = NULL;
    int code = firn_table_def_parse(text, &def, err);
    if (code == FIRN_OK && def->column_count == 1) {
        code = firn_table_add_column(table, &def->columns[0], err);
    } else if (code == FIRN_OK) {
        code = FIRN_INVALID;
        (void)strcpy(err->text, "a definition of one column must be given");
    }
    firn_release(def);
    return code;
}

static int
alter_do(const struct alter_call *self, firn_table *table, firn_error *err)
{
    firn_table_index index;
    switch ((enum alter)self->what) {
    case ALTER_ADD_COLUMN:
        return add_column(table, self->name, err);
    case ALTER_DROP_COLUMN:
        return firn_table_drop_column(table, self->name, err);
    case ALTER_RENAME:
        return firn_table_rename_column(table, self->name, self->other, err);
    case ALTER_ADD_INDEX:
        index.name = self->name;
        index.columns = self->columns;
        index.column_count = self->column_count;
        index.is_unique = self->is_unique;
        return firn_table_add_index(table, &index, err);
    case ALTER_DROP_INDEX:
        return firn_table_drop_index(table, self->name, err);
    case ALTER_VECTOR_INDEX:
        return firn_table_add_vector_index(table, &self->vector, err);
    case ALTER_DEFAULT:
        return firn_table_set_default(table, self->name,
                                      self->value_count == 0 ? NULL : &self->values[0], err);
    case ALTER_DESCRIBE:
    case ALTER_KINDS:
        break;
    }
    return FIRN_OK;
}

static int
alter_run(struct call *call, firn_error *err)
{
    struct alter_call *self = (struct alter_call *)(void *)call;
    firn_table *table = ((struct table_object *)self->handle->object)->table;
    firn_snapshot *snapshot = self->snapshot == NULL ? NULL : self->snapshot->object;
    struct handle *store = self->handle;
    int code = alter_do(self, table, err);
    while (store->parent != NULL) {
        store = store->parent;
    }
    if (self->what != ALTER_DESCRIBE) {
        (void)atomic_fetch_add(&store->changes, 1);
    }
    if (code == FIRN_OK) {
        code = firn_table_describe(table, NULL, snapshot, &self->text, err);
    }
    return code == FIRN_OK ? firn_table_def_parse(self->text, &self->def, err) : code;
}

/* The table takes over a definition, and keeps the old one for calls that are under way. */
static void
def_replace(struct table_object *table, firn_table_def **def)
{
    firn_table_def **retired =
        realloc(table->retired, (table->retired_count + 1) * sizeof(*retired));
    if (retired != NULL) {
        table->retired = retired;
        retired[table->retired_count++] = table->def;
        table->def = *def;
        *def = NULL;
    }
}

/* { definition, columns, key }: what the table is now, which the handle takes over. */
static napi_value
alter_finish(napi_env env, struct call *call)
{
    struct alter_call *self = (struct alter_call *)(void *)call;
    napi_value object = NULL;
    napi_value columns = NULL;
    napi_value key = NULL;
    uint32_t i;
    (void)napi_create_object(env, &object);
    (void)napi_create_array(env, &columns);
    (void)napi_create_array(env, &key);
    for (i = 0; columns != NULL && i < self->def->column_count; i++) {
        (void)napi_set_element(env, columns, i, column_to_js(env, &self->def->columns[i]));
    }
    for (i = 0; key != NULL && i < self->def->key_count; i++) {
        (void)napi_set_element(env, key, i, make_text(env, self->def->key[i], NAPI_AUTO_LENGTH));
    }
    set_text(env, object, "definition", self->text);
    set_value(env, object, "columns", columns);
    set_value(env, object, "key", key);
    def_replace(self->handle->object, &self->def);
    return object;
}

static void
alter_release(struct call *call)
{
    struct alter_call *self = (struct alter_call *)(void *)call;
    firn_release(self->text);
    firn_release(self->def);
}

/* ---- writing rows ---- */

enum row_write { ROW_INSERT, ROW_UPSERT, ROW_UPDATE, ROW_KINDS };

struct rows_call {
    struct call call;
    struct handle *handle;
    struct handle *txn;
    int what;
    const char *const *columns;
    size_t column_count;
    firn_value *values;
    size_t value_count;
    firn_row_options options;
    bool wants_numbers;
    uint64_t *numbers;
    size_t row_count;
};

static bool
rows_parse(struct args *args, struct call *call)
{
    struct rows_call *self = (struct rows_call *)(void *)call;
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_write_options write;
    const firn_table_column **columns;
    self->options = options;
    if (!arg_handle(args, 0, HANDLE_TABLE, &self->handle) ||
        !arg_context(args, 1, HANDLE_TXN, self->handle, &self->txn) ||
        !arg_enum(args, 2, "operation", ROW_KINDS - 1, &self->what) ||
        !arg_texts(args, 3, "columns", &self->columns, &self->column_count) ||
        !arg_write_options(args, 5, 6, &write) ||
        !arg_bool(args, 7, "wantsNumbers", &self->wants_numbers)) {
        return false;
    }
    columns = columns_named(args, ((struct table_object *)self->handle->object)->def, self->columns,
                            self->column_count);
    if (columns == NULL ||
        !arg_values(args, 4, columns, self->column_count, &self->values, &self->value_count)) {
        return false;
    }
    if (self->column_count == 0) { /* one row of defaults */
        self->row_count = 1;
    } else if (self->value_count % self->column_count != 0) {
        return throw_invalid(args, "a row must have values for its columns");
    } else {
        self->row_count = self->value_count / self->column_count;
    }
    self->numbers = arena_take(&call->arena, self->row_count * sizeof(*self->numbers) + 1);
    if (self->numbers == NULL) {
        return throw_no_memory(args->instance);
    }
    self->options.columns = self->columns;
    self->options.durability = write.durability;
    self->options.ttl_ms = write.ttl_ms;
    call->lane = self->txn != NULL ? self->txn->lane : self->handle->parent;
    return true;
}

static int
rows_write_one(const struct rows_call *self, const firn_row_options *options, size_t i,
               firn_error *err)
{
    firn_table *table = ((struct table_object *)self->handle->object)->table;
    const firn_value *values = &self->values[i * self->column_count];
    if (self->what == ROW_UPSERT) {
        return firn_table_upsert(table, options, values, self->column_count, err);
    }
    if (self->what == ROW_UPDATE) {
        return firn_table_update(table, options, values, self->column_count, err);
    }
    if (self->wants_numbers) {
        return firn_table_insert_auto(table, options, values, self->column_count, &self->numbers[i],
                                      err);
    }
    return firn_table_insert(table, options, values, self->column_count, err);
}

static int
rows_write_in(struct rows_call *self, firn_txn *txn, firn_error *err)
{
    firn_row_options options = self->options;
    int code = FIRN_OK;
    size_t i;
    options.txn = txn;
    options.durability = FIRN_DURABILITY_DEFAULT;
    for (i = 0; i < self->row_count && code == FIRN_OK; i++) {
        code = rows_write_one(self, &options, i, err);
    }
    return code;
}

/* Many rows are all written or none, also in a transaction, which goes on then. */
static int
rows_run(struct call *call, firn_error *err)
{
    struct rows_call *self = (struct rows_call *)(void *)call;
    uint64_t savepoint = 0;
    firn_txn *txn = NULL;
    firn_write_options write = FIRN_WRITE_OPTIONS_INIT;
    int code;
    int attempt;
    if (self->txn == NULL && self->row_count == 1) {
        return rows_write_one(self, &self->options, 0, err);
    }
    if (self->txn != NULL) {
        code = firn_txn_savepoint(self->txn->object, &savepoint, err);
        if (code != FIRN_OK) {
            return code;
        }
        code = rows_write_in(self, self->txn->object, err);
        if (code != FIRN_OK) {
            (void)!firn_txn_rollback_to(self->txn->object, savepoint, NULL);
        }
        (void)!firn_txn_release(self->txn->object, savepoint, NULL);
        return code;
    }
    write.durability = self->options.durability;
    for (attempt = 0; attempt < ATTEMPTS; attempt++) {
        code = firn_txn_begin(self->handle->parent->object, NULL, &txn, err);
        if (code != FIRN_OK) {
            return code;
        }
        code = rows_write_in(self, txn, err);
        if (code == FIRN_OK) {
            code = firn_txn_commit(txn, &write, err);
        }
        firn_txn_close(txn);
        if (code != FIRN_CONFLICT) {
            return code;
        }
    }
    return FIRN_CONFLICT;
}

static napi_value
rows_finish(napi_env env, struct call *call)
{
    struct rows_call *self = (struct rows_call *)(void *)call;
    napi_value array = NULL;
    uint32_t i;
    if (!self->wants_numbers || self->what != ROW_INSERT) {
        return NULL;
    }
    (void)napi_create_array_with_length(env, self->row_count, &array);
    for (i = 0; array != NULL && i < self->row_count; i++) {
        napi_value number = NULL;
        (void)napi_create_bigint_uint64(env, self->numbers[i], &number);
        (void)napi_set_element(env, array, i, number);
    }
    return array;
}

/* ---- one row by its key: deleting, adding ---- */

struct row_call {
    struct call call;
    struct handle *handle;
    struct handle *txn;
    firn_value *key;
    size_t key_count;
    firn_value *upper;
    size_t upper_count;
    bool lower_exclusive;
    bool upper_exclusive;
    const char *column;
    firn_value *number;
    size_t number_count;
    firn_row_options options;
    firn_value sum;
    const firn_table_column **columns;
    bool is_found;
};

/* row...(table, transaction, key, durability, column or exclusive, number or upper, exclusive) */
static bool
row_parse_key(struct args *args, struct row_call *self, size_t *out_columns)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_write_options write;
    self->options = options;
    if (!arg_handle(args, 0, HANDLE_TABLE, &self->handle) ||
        !arg_context(args, 1, HANDLE_TXN, self->handle, &self->txn) ||
        !arg_write_options(args, 3, CALL_ARGS_MAX, &write)) {
        return false;
    }
    self->columns =
        columns_of_key(args, ((struct table_object *)self->handle->object)->def, NULL, out_columns);
    if (self->columns == NULL ||
        !arg_values(args, 2, self->columns, *out_columns, &self->key, &self->key_count)) {
        return false;
    }
    self->options.txn = self->txn == NULL ? NULL : self->txn->object;
    self->options.durability = write.durability;
    self->call.lane = self->txn != NULL ? self->txn->lane : self->handle->parent;
    return true;
}

static bool
row_delete_parse(struct args *args, struct call *call)
{
    size_t columns;
    return row_parse_key(args, (struct row_call *)(void *)call, &columns);
}

static int
row_delete_run(struct call *call, firn_error *err)
{
    struct row_call *self = (struct row_call *)(void *)call;
    firn_table *table = ((struct table_object *)self->handle->object)->table;
    int code = firn_table_delete(table, &self->options, self->key, self->key_count, err);
    self->is_found = code == FIRN_OK;
    return code == FIRN_NOT_FOUND ? FIRN_OK : code;
}

static napi_value
row_delete_finish(napi_env env, struct call *call)
{
    return make_bool(env, ((struct row_call *)(void *)call)->is_found);
}

static bool
row_delete_range_parse(struct args *args, struct call *call)
{
    struct row_call *self = (struct row_call *)(void *)call;
    size_t columns;
    return row_parse_key(args, self, &columns) &&
           arg_bool(args, 4, "exclusive", &self->lower_exclusive) &&
           arg_values(args, 5, self->columns, columns, &self->upper, &self->upper_count) &&
           arg_bool(args, 6, "upperExclusive", &self->upper_exclusive);
}

static int
row_delete_range_run(struct call *call, firn_error *err)
{
    struct row_call *self = (struct row_call *)(void *)call;
    firn_table *table = ((struct table_object *)self->handle->object)->table;
    firn_table_bound lower = {self->key, self->key_count, self->lower_exclusive};
    firn_table_bound upper = {self->upper, self->upper_count, self->upper_exclusive};
    return firn_table_delete_range(table, &self->options, &lower, &upper, err);
}

static bool
row_add_parse(struct args *args, struct call *call)
{
    struct row_call *self = (struct row_call *)(void *)call;
    size_t columns;
    if (!row_parse_key(args, self, &columns) || !arg_text(args, 4, "column", &self->column)) {
        return false;
    }
    self->columns =
        columns_named(args, ((struct table_object *)self->handle->object)->def, &self->column, 1);
    if (self->columns == NULL ||
        !arg_values(args, 5, self->columns, 1, &self->number, &self->number_count)) {
        return false;
    }
    return self->number_count == 1 || throw_invalid(args, "one number must be given");
}

static int
row_add_run(struct call *call, firn_error *err)
{
    struct row_call *self = (struct row_call *)(void *)call;
    firn_table *table = ((struct table_object *)self->handle->object)->table;
    return firn_table_add_number(table, &self->options, self->key, self->key_count, self->column,
                                 self->number[0], &self->sum, err);
}

static napi_value
row_add_finish(napi_env env, struct call *call)
{
    struct row_call *self = (struct row_call *)(void *)call;
    (void)env;
    return value_to_js(call->instance, &self->sum, self->columns[0], false);
}

/* ---- reading rows by their keys ---- */

struct rows_get_call {
    struct call call;
    struct handle *handle;
    struct handle *context;
    firn_read_options options;
    firn_value *keys;
    size_t value_count;
    size_t key_count;
    bool as_numbers;
    const firn_table_column **columns; /* of the result */
    firn_value **rows;                 /* NULL: there is none */
    size_t row_count;
};

static bool
rows_get_parse(struct args *args, struct call *call)
{
    struct rows_get_call *self = (struct rows_get_call *)(void *)call;
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    const firn_table_def *def;
    const firn_table_column **key;
    size_t i;
    self->options = options;
    if (!arg_handle(args, 0, HANDLE_TABLE, &self->handle) ||
        !arg_context(args, 1, HANDLE_TXN | HANDLE_SNAPSHOT, self->handle, &self->context) ||
        !arg_texts(args, 2, "columns", &self->options.columns, &self->options.column_count) ||
        !arg_text_or_none(args, 3, "index", &self->options.index) ||
        !arg_bool(args, 5, "asNumbers", &self->as_numbers)) {
        return false;
    }
    def = ((struct table_object *)self->handle->object)->def;
    key = columns_of_key(args, def, self->options.index, &self->key_count);
    if (key == NULL ||
        !arg_values(args, 4, key, self->key_count, &self->keys, &self->value_count)) {
        return false;
    }
    if (self->value_count % self->key_count != 0) {
        return throw_invalid(args, "a key must have %zu values", self->key_count);
    }
    self->row_count = self->value_count / self->key_count;
    self->rows = arena_take(&call->arena, self->row_count * sizeof(*self->rows) + 1);
    if (self->options.columns ==
        NULL) { /* all; by name, so that a column that is added meanwhile is not among them */
        const char **names = arena_take(&call->arena, def->column_count * sizeof(*names));
        for (i = 0; names != NULL && i < def->column_count; i++) {
            names[i] = def->columns[i].name;
        }
        self->options.columns = names;
        self->options.column_count = names == NULL ? 0 : def->column_count;
    }
    self->columns = columns_named(args, def, self->options.columns, self->options.column_count);
    if (self->columns == NULL) {
        return false;
    }
    if (self->rows == NULL) {
        return throw_no_memory(args->instance);
    }
    memset(self->rows, 0, self->row_count * sizeof(*self->rows));
    if (self->context != NULL && self->context->kind == HANDLE_TXN) {
        self->options.txn = self->context->object;
        call->lane = self->context->lane;
    } else if (self->context != NULL) {
        self->options.snapshot = self->context->object;
    }
    return true;
}

static int
rows_get_visit(void *ctx, size_t i, const firn_row *row)
{
    struct rows_get_call *self = ctx;
    const firn_value *values;
    firn_value *kept;
    size_t k;
    if (row == NULL) {
        return FIRN_OK;
    }
    assert(i < self->row_count && firn_row_count(row) == self->options.column_count);
    values = firn_row_values(row);
    kept = arena_take(&self->call.arena, self->options.column_count * sizeof(*kept) + 1);
    if (kept == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (k = 0; k < self->options.column_count; k++) {
        if (!value_keep(&self->call.arena, &values[k], &kept[k])) {
            return FIRN_NO_MEMORY;
        }
    }
    self->rows[i] = kept;
    return FIRN_OK;
}

static int
rows_get_run(struct call *call, firn_error *err)
{
    struct rows_get_call *self = (struct rows_get_call *)(void *)call;
    firn_table *table = ((struct table_object *)self->handle->object)->table;
    firn_table_keys keys;
    keys.values = self->keys;
    keys.key_count = self->key_count;
    keys.count = self->row_count;
    return firn_table_get_many(table, &self->options, &keys, rows_get_visit, self, err);
}

/* An array of arrays of values; undefined for a key without a row. */
static napi_value
rows_get_finish(napi_env env, struct call *call)
{
    struct rows_get_call *self = (struct rows_get_call *)(void *)call;
    napi_value array = NULL;
    uint32_t i;
    uint32_t k;
    if (napi_create_array_with_length(env, self->row_count, &array) != napi_ok) {
        return NULL;
    }
    for (i = 0; i < self->row_count; i++) {
        napi_handle_scope scope = NULL;
        napi_value row = NULL;
        bool ok = true;
        if (self->rows[i] == NULL) {
            continue;
        }
        (void)napi_open_handle_scope(env, &scope);
        (void)napi_create_array_with_length(env, self->options.column_count, &row);
        for (k = 0; k < self->options.column_count && ok; k++) {
            napi_value value =
                value_to_js(call->instance, &self->rows[i][k], self->columns[k], self->as_numbers);
            ok = value != NULL && napi_set_element(env, row, k, value) == napi_ok;
        }
        (void)napi_set_element(env, array, i, row);
        (void)napi_close_handle_scope(env, scope);
        if (!ok) {
            return NULL;
        }
    }
    return array;
}

/* ---- loads ---- */

struct bulk_call {
    struct call call;
    struct handle *handle; /* a table, or a load */
    struct handle *table;
    const char *const *columns;
    size_t column_count;
    firn_table_bulk *bulk;
    firn_value *values;
    size_t value_count;
};

static bool
bulk_open_parse(struct args *args, struct call *call)
{
    struct bulk_call *self = (struct bulk_call *)(void *)call;
    return arg_handle(args, 0, HANDLE_TABLE, &self->handle) &&
           arg_texts(args, 1, "columns", &self->columns, &self->column_count);
}

static int
bulk_open_run(struct call *call, firn_error *err)
{
    struct bulk_call *self = (struct bulk_call *)(void *)call;
    firn_table_bulk_options options = FIRN_TABLE_BULK_OPTIONS_INIT;
    options.columns = self->columns;
    options.column_count = self->column_count;
    return firn_table_bulk_open(((struct table_object *)self->handle->object)->table, &options,
                                &self->bulk, err);
}

static napi_value
bulk_open_finish(napi_env env, struct call *call)
{
    struct bulk_call *self = (struct bulk_call *)(void *)call;
    void *bulk = self->bulk;
    return make_handle(env, call, HANDLE_BULK, self->handle->parent, &bulk);
}

static bool
bulk_put_parse(struct args *args, struct call *call)
{
    struct bulk_call *self = (struct bulk_call *)(void *)call;
    const firn_table_column **columns;
    if (!arg_handle(args, 0, HANDLE_BULK, &self->handle) ||
        !arg_handle(args, 1, HANDLE_TABLE, &self->table) ||
        !arg_texts(args, 2, "columns", &self->columns, &self->column_count)) {
        return false;
    }
    columns = columns_named(args, ((struct table_object *)self->table->object)->def, self->columns,
                            self->column_count);
    if (columns == NULL ||
        !arg_values(args, 3, columns, self->column_count, &self->values, &self->value_count)) {
        return false;
    }
    return (self->column_count > 0 && self->value_count % self->column_count == 0) ||
           throw_invalid(args, "a row must have values for its columns");
}

static int
bulk_put_run(struct call *call, firn_error *err)
{
    struct bulk_call *self = (struct bulk_call *)(void *)call;
    size_t at;
    int code = FIRN_OK;
    for (at = 0; at < self->value_count && code == FIRN_OK; at += self->column_count) {
        code =
            firn_table_bulk_put(self->handle->object, &self->values[at], self->column_count, err);
    }
    return code;
}

static bool
bulk_commit_parse(struct args *args, struct call *call)
{
    return arg_target(args, HANDLE_BULK, &((struct closing *)(void *)call)->target);
}

static int
bulk_commit_run(struct call *call, firn_error *err)
{
    struct handle *bulk = ((struct closing *)(void *)call)->target;
    int code = firn_table_bulk_commit(bulk->object, err);
    (void)!handle_close_objects(bulk, NULL);
    return code;
}

const struct call_kind table_calls[] = {
    {"tableOpen", sizeof(struct table_call), 0, table_open_parse, table_open_run, table_open_finish,
     table_open_release},
    {"tableDrop", sizeof(struct table_call), 0, table_open_parse, table_drop_run, NULL, NULL},
    {"tableAlter", sizeof(struct alter_call), 0, alter_parse, alter_run, alter_finish,
     alter_release},
    {"rowsWrite", sizeof(struct rows_call), 0, rows_parse, rows_run, rows_finish, NULL},
    {"rowDelete", sizeof(struct row_call), 0, row_delete_parse, row_delete_run, row_delete_finish,
     NULL},
    {"rowDeleteRange", sizeof(struct row_call), 0, row_delete_range_parse, row_delete_range_run,
     NULL, NULL},
    {"rowAdd", sizeof(struct row_call), 0, row_add_parse, row_add_run, row_add_finish, NULL},
    {"rowsGet", sizeof(struct rows_get_call), 0, rows_get_parse, rows_get_run, rows_get_finish,
     NULL},
    {"bulkOpen", sizeof(struct bulk_call), 0, bulk_open_parse, bulk_open_run, bulk_open_finish,
     NULL},
    {"bulkPut", sizeof(struct bulk_call), CALL_IN_LANE, bulk_put_parse, bulk_put_run, NULL, NULL},
    {"bulkCommit", sizeof(struct closing), CALL_CLOSES, bulk_commit_parse, bulk_commit_run, NULL,
     NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL}};
