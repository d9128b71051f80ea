/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_update.c: rows are inserted, changed and deleted by statements.
 *
 * SQLite calls for each row, inside of its transaction, which is one of firn (sql_view.c). It names
 * the row by what enum fi_sql_identity says. Of a row that is changed it gives all columns, and
 * says of each whether the statement sets it: the others are neither read nor written, so what
 * SQLite cannot show exactly stays as it is.
 *
 * NULL for a column with a default, in an INSERT, means the default if the statement leaves the
 * column out (sql_insert.c), or if the column cannot be null and the statement says OR REPLACE, as
 * in SQLite.
 *
 * A key that is changed is a row that is deleted and another one that is inserted, with a savepoint
 * around both.
 *
 * Conflicts: firn refuses a row whose key, or whose values in a unique index, another row has. What
 * follows is SQLite's: it is given SQLITE_CONSTRAINT with the names of the columns, and aborts,
 * fails, rolls back or ignores. REPLACE alone is done here, by deleting the rows that are in the
 * way.
 *
 * SQLite collects all rows that an UPDATE of a virtual table concerns, with their new values,
 * before it changes the first. A row that REPLACE has deleted may be among those to come, and
 * another one may have its key by then. So the keys of such rows are kept until the statement ends,
 * and their updates come to nothing. (In a table of its own SQLite changes whatever row has the key
 * by then; here that would give it the values of the one that is gone.)
 *
 * Limits: a row that has a time to live stays for ever once a statement changes it.
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

/* The packed key of a row that REPLACE has deleted. */
struct gone {
    struct gone *next;
    size_t size;
    uint8_t key[];
};

enum { GONE_BUCKETS = 4096 };

/* What a row is written with, as long as the virtual table is connected. */
struct fi_sql_writing {
    size_t capacity;                     /* of columns */
    firn_value *values;                  /* that are given */
    const char **names;                  /* of their columns */
    uint32_t *columns;                   /* the same by number */
    struct fi_sqlvalue_scratch *scratch; /* what they refer to */
    size_t count;
    firn_row *row; /* that was there before */
    /* Rows that REPLACE has deleted in this execution. */
    struct fi_sql_execution execution;
    struct gone **gone; /* by the hash of their keys; NULL: none yet */
    size_t gone_count;
    const char **all_names;
    /* The name of a row. */
    firn_value key[FIRN_TABLE_KEY_COLUMNS_MAX];
    uint8_t *key_memory;
    struct fi_sqlvalue_scratch key_scratch;
};

struct update {
    struct fi_sql_table *table;
    struct fi_sql_writing *writing;
    firn_txn *txn;
    int policy; /* SQLITE_REPLACE, … */
    sqlite3_int64 *out;
};

/* ---- memory ---- */

static void
forget_gone(struct fi_sql_writing *writing)
{
    for (size_t i = 0; i < GONE_BUCKETS && writing->gone_count > 0; i++) {
        while (writing->gone[i] != NULL) {
            struct gone *next = writing->gone[i]->next;
            sqlite3_free(writing->gone[i]);
            writing->gone[i] = next;
        }
    }
    writing->gone_count = 0;
}

void
fi_sql_update_deinit(struct fi_sql_table *table)
{
    struct fi_sql_writing *writing = table->writing;
    if (writing == NULL) {
        return;
    }
    for (size_t i = 0; i < writing->capacity && writing->scratch != NULL; i++) {
        fi_sqlvalue_deinit(&writing->scratch[i]);
    }
    fi_sqlvalue_deinit(&writing->key_scratch);
    sqlite3_free(writing->values);
    sqlite3_free(writing->names);
    sqlite3_free(writing->columns);
    sqlite3_free(writing->scratch);
    sqlite3_free(writing->all_names);
    sqlite3_free(writing->key_memory);
    firn_row_destroy(writing->row);
    forget_gone(writing);
    sqlite3_free(writing->gone);
    sqlite3_free(writing);
    table->writing = NULL;
}

static int
make_writing(struct fi_sql_table *table, firn_error *err)
{
    assert(table->writing == NULL && table->def->column_count >= 1);
    size_t count = table->def->column_count;
    struct fi_sql_writing *writing = sqlite3_malloc64(sizeof *writing);
    if (writing == NULL) {
        return fi_sqlvalue_no_memory(err);
    }
    memset(writing, 0, sizeof *writing);
    table->writing = writing;
    writing->capacity = count;
    /* One more: the rowid may name a key that no column gives. */
    writing->values = sqlite3_malloc64((count + 1) * sizeof writing->values[0]);
    writing->names = sqlite3_malloc64((count + 1) * sizeof writing->names[0]);
    writing->columns = sqlite3_malloc64((count + 1) * sizeof writing->columns[0]);
    writing->scratch = sqlite3_malloc64(count * sizeof writing->scratch[0]);
    writing->all_names = sqlite3_malloc64(count * sizeof writing->all_names[0]);
    if (writing->scratch != NULL) {
        memset(writing->scratch, 0, count * sizeof writing->scratch[0]);
    }
    if (writing->values == NULL || writing->names == NULL || writing->columns == NULL ||
        writing->scratch == NULL || writing->all_names == NULL) {
        fi_sql_update_deinit(table);
        return fi_sqlvalue_no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        writing->all_names[i] = table->def->columns[i].name;
    }
    return FIRN_OK;
}

/* ---- the row that is named ---- */

static int
take_key(struct update *update, sqlite3_value *id, firn_error *err)
{
    struct fi_sql_writing *writing = update->writing;
    const struct fi_sql_table *table = update->table;
    const firn_table_column *column = &table->def->columns[table->orders[0].columns[0]];
    switch (table->identity) {
    case FI_SQL_BY_ROWID:
        writing->key[0] = firn_i64(sqlite3_value_int64(id));
        return FIRN_OK;
    case FI_SQL_BY_COLUMN:
        return fi_sqlvalue_make(column, id, &writing->key_scratch, &writing->key[0], err);
    case FI_SQL_BY_BLOB:
        break;
    }
    sqlite3_free(writing->key_memory);
    writing->key_memory = NULL;
    const struct fi_sqlvalue_key key = {table->table_name, table->def->columns,
                                        table->orders[0].columns, table->orders[0].count};
    return fi_sqlvalue_unpack_key(&key, fi_sqlvalue_any(id).as.bytes, writing->key,
                                  &writing->key_memory, err);
}

static bool
equal_values(const firn_value *a, const firn_value *b)
{
    if (firn_is_null(*a) || firn_is_null(*b)) {
        return firn_is_null(*a) && firn_is_null(*b);
    }
    if (fi_type_has_bytes(a->type)) {
        return a->as.bytes.size == b->as.bytes.size &&
               memcmp(a->as.bytes.data, b->as.bytes.data, a->as.bytes.size) == 0;
    }
    if (a->type == FIRN_TYPE_BOOL) {
        return a->as.boolean == b->as.boolean;
    }
    if (a->type == FIRN_TYPE_F32 && b->type == FIRN_TYPE_F32) {
        return a->as.f32 == b->as.f32;
    }
    if (a->type == FIRN_TYPE_F64 && b->type == FIRN_TYPE_F64) {
        return a->as.f64 == b->as.f64;
    }
    /* A signed number and an unsigned one differ above the signed ones. */
    return a->as.u64 == b->as.u64 &&
           (fi_type_is_unsigned(a->type) == fi_type_is_unsigned(b->type) || a->as.i64 >= 0);
}

/* ---- values of the statement ---- */

static void
give_value(struct fi_sql_writing *writing, const struct fi_sql_table *table, uint32_t column,
           firn_value value)
{
    assert(writing->values != NULL && writing->count <= writing->capacity);
    writing->values[writing->count] = value;
    writing->names[writing->count] = table->def->columns[column].name;
    writing->columns[writing->count++] = column;
}

static const firn_value *
given_value(const struct fi_sql_writing *writing, uint32_t column)
{
    assert(writing->count <= writing->capacity + 1);
    for (size_t i = 0; i < writing->count; i++) {
        if (writing->columns[i] == column) {
            return &writing->values[i];
        }
    }
    return NULL;
}

static bool
is_key_column(const struct fi_sql_table *table, uint32_t column)
{
    assert(column < table->def->column_count);
    for (size_t i = 0; i < table->orders[0].count; i++) {
        if (table->orders[0].columns[i] == column) {
            return true;
        }
    }
    return false;
}

static int
refuse_null(const struct fi_sql_table *table, uint32_t column, firn_error *err)
{
    assert(column < table->def->column_count);
    return fi_sqlvalue_error(err, FIRN_EXISTS, "NOT NULL constraint failed: %s.%s", table->name,
                             table->def->columns[column].name);
}

/* What a NULL in an INSERT means: *out_is_given if it is a value, else the column gets its default
 * or its number. */
static int
take_null(const struct update *update, uint32_t i, bool *out_is_given, firn_error *err)
{
    struct fi_sql_table *table = update->table;
    const firn_table_column *column = &table->def->columns[i];
    const bool needs = column->not_null || is_key_column(table, i);
    *out_is_given = false;
    if (column->is_auto) {
        return FIRN_OK;
    }
    int rc =
        column->default_value != NULL ? fi_sql_insert_gives(table, i, out_is_given, err) : FIRN_OK;
    if (rc != FIRN_OK || !needs) {
        return rc;
    }
    const bool has_default =
        column->default_value != NULL && (!*out_is_given || update->policy == SQLITE_REPLACE);
    *out_is_given = false;
    return has_default ? FIRN_OK : refuse_null(table, i, err);
}

/* The columns that an INSERT gives. */
static int
take_inserted(struct update *update, sqlite3_value **values, sqlite3_value *rowid, firn_error *err)
{
    struct fi_sql_writing *writing = update->writing;
    const struct fi_sql_table *table = update->table;
    writing->count = 0;
    for (uint32_t i = 0; i < table->def->column_count; i++) {
        const firn_table_column *column = &table->def->columns[i];
        sqlite3_value *value = values[i];
        if (sqlite3_value_type(value) == SQLITE_NULL && table->identity == FI_SQL_BY_ROWID &&
            i == table->orders[0].columns[0]) {
            value = rowid;
        }
        firn_value given = firn_null();
        if (sqlite3_value_type(value) == SQLITE_NULL) {
            bool is_given;
            FI_TRY_RETURN(take_null(update, i, &is_given, err));
            if (is_given) {
                give_value(writing, table, i, given);
            }
            continue;
        }
        FI_TRY_RETURN(fi_sqlvalue_make(column, value, &writing->scratch[i], &given, err));
        give_value(writing, table, i, given);
    }
    return FIRN_OK;
}

/* The columns that an UPDATE sets, those of the key apart: true in *out_moves if the key
 * changes. */
static int
take_updated(struct update *update, sqlite3_value **values, sqlite3_value *id, bool *out_moves,
             firn_error *err)
{
    struct fi_sql_writing *writing = update->writing;
    const struct fi_sql_table *table = update->table;
    writing->count = 0;
    *out_moves = false;
    for (uint32_t i = 0; i < table->def->column_count; i++) {
        firn_value given;
        if (sqlite3_value_nochange(values[i])) {
            continue;
        }
        FI_TRY_RETURN(fi_sqlvalue_make(&table->def->columns[i], values[i], &writing->scratch[i],
                                       &given, err));
        if (firn_is_null(given) && (table->def->columns[i].not_null || is_key_column(table, i))) {
            return refuse_null(table, i, err);
        }
        give_value(writing, table, i, given);
    }
    if (table->identity == FI_SQL_BY_ROWID &&
        given_value(writing, table->orders[0].columns[0]) == NULL &&
        sqlite3_value_int64(id) != writing->key[0].as.i64) {
        give_value(writing, table, table->orders[0].columns[0], firn_i64(sqlite3_value_int64(id)));
    }
    for (size_t i = 0; i < table->orders[0].count; i++) {
        uint32_t column = table->orders[0].columns[i];
        const firn_value *given = given_value(writing, column);
        if (given == NULL) {
            give_value(writing, table, column, writing->key[i]);
        } else if (!equal_values(given, &writing->key[i])) {
            *out_moves = true;
        }
    }
    return FIRN_OK;
}

/* ---- conflicts ---- */

/* Reads all columns of the row with a key. */
static int
read_row(struct update *update, const firn_value *key, firn_error *err)
{
    assert(update->txn != NULL);
    struct fi_sql_writing *writing = update->writing;
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    options.txn = update->txn;
    options.columns = writing->all_names;
    options.column_count = writing->capacity;
    FI_TRY_RETURN(writing->row == NULL ? firn_row_create(&writing->row, err) : FIRN_OK);
    return firn_table_get(update->table->table, &options, key, update->table->orders[0].count,
                          writing->row, err);
}

/* Looks for the row that has the same values in a unique order as the one that is written; its key
 * goes to out_key, borrowed from *out_row. FIRN_NOT_FOUND. */
static int
find_rival(struct update *update, size_t number, firn_row **out_row, const firn_value **out_key,
           firn_error *err)
{
    assert(number < update->table->order_count && update->table->orders[number].is_unique);
    const struct fi_sql_table *table = update->table;
    const struct fi_sql_order *order = &table->orders[number];
    firn_value wanted[FIRN_TABLE_KEY_COLUMNS_MAX];
    const char *names[FIRN_TABLE_KEY_COLUMNS_MAX];
    for (size_t i = 0; i < order->count; i++) {
        const firn_table_column *column = &table->def->columns[order->columns[i]];
        const firn_value *given = given_value(update->writing, order->columns[i]);
        given = given != NULL ? given : column->default_value;
        if (given == NULL || firn_is_null(*given)) {
            return FIRN_NOT_FOUND;
        }
        wanted[i] = *given;
    }
    for (size_t i = 0; i < table->orders[0].count; i++) {
        names[i] = table->def->columns[table->orders[0].columns[i]].name;
    }
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    options.txn = update->txn;
    options.columns = names;
    options.column_count = table->orders[0].count;
    options.index = order->name;
    FI_TRY_RETURN(*out_row == NULL ? firn_row_create(out_row, err) : FIRN_OK);
    FI_TRY_RETURN(firn_table_get(table->table, &options, wanted, order->count, *out_row, err));
    *out_key = firn_row_values(*out_row);
    return FIRN_OK;
}

static bool
is_own_key(const struct update *update, const firn_value *key, bool is_update)
{
    for (size_t i = 0; i < update->table->orders[0].count; i++) {
        if (!is_update || !equal_values(&key[i], &update->writing->key[i])) {
            return false;
        }
    }
    return true;
}

/* Fills in the values that an UPDATE leaves alone, for find_rival. */
static int
complete_row(struct update *update, firn_error *err)
{
    assert(update->txn != NULL);
    struct fi_sql_writing *writing = update->writing;
    int rc = read_row(update, writing->key, err);
    for (uint32_t i = 0; rc == FIRN_OK && i < writing->capacity; i++) {
        if (given_value(writing, i) == NULL) {
            give_value(writing, update->table, i, firn_row_values(writing->row)[i]);
        }
    }
    return rc;
}

static int
say_conflict(const struct update *update, size_t number, firn_error *err)
{
    assert(number < update->table->order_count);
    const struct fi_sql_table *table = update->table;
    const struct fi_sql_order *order = &table->orders[number];
    sqlite3_str *text = sqlite3_str_new(NULL);
    for (size_t i = 0; i < order->count; i++) {
        sqlite3_str_appendf(text, "%s%s.%s", i > 0 ? ", " : "", table->name,
                            table->def->columns[order->columns[i]].name);
    }
    char *names = sqlite3_str_finish(text);
    int rc = fi_sqlvalue_error(err, FIRN_EXISTS, "UNIQUE constraint failed: %s",
                               names != NULL ? names : "");
    sqlite3_free(names);
    return rc;
}

static size_t
bucket_of(const uint8_t *key, size_t size)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ key[i]) * 16777619U;
    }
    return hash % GONE_BUCKETS;
}

/* Keeps the key of a row that REPLACE deletes. */
static int
note_gone(struct update *update, const firn_value *key, firn_error *err)
{
    struct fi_sql_writing *writing = update->writing;
    uint8_t *packed = NULL;
    size_t size = 0;
    if (writing->gone == NULL) {
        writing->gone = sqlite3_malloc64(GONE_BUCKETS * sizeof(void *));
        if (writing->gone == NULL) {
            return fi_sqlvalue_no_memory(err);
        }
        memset(writing->gone, 0, GONE_BUCKETS * sizeof(void *));
    }
    int rc = fi_sqlvalue_pack_key(key, update->table->orders[0].count, &packed, &size, err);
    struct gone *gone = rc == FIRN_OK ? sqlite3_malloc64(sizeof *gone + size) : NULL;
    if (gone != NULL) {
        struct gone **bucket = &writing->gone[bucket_of(packed, size)];
        *gone = (struct gone){.next = *bucket, .size = size};
        memcpy(gone->key, packed, size);
        *bucket = gone;
        writing->gone_count++;
    } else if (rc == FIRN_OK) {
        rc = fi_sqlvalue_no_memory(err);
    }
    sqlite3_free(packed);
    return rc;
}

/* Whether the statement that is being executed has replaced the row that it is to change now. */
static int
was_replaced(struct update *update, bool *out, firn_error *err)
{
    struct fi_sql_writing *writing = update->writing;
    uint8_t *packed = NULL;
    size_t size = 0;
    *out = false;
    if (writing->gone_count == 0) {
        return FIRN_OK;
    }
    int rc =
        fi_sqlvalue_pack_key(writing->key, update->table->orders[0].count, &packed, &size, err);
    const struct gone *gone = rc == FIRN_OK ? writing->gone[bucket_of(packed, size)] : NULL;
    while (gone != NULL && (gone->size != size || memcmp(gone->key, packed, size) != 0)) {
        gone = gone->next;
    }
    *out = gone != NULL;
    sqlite3_free(packed);
    return rc;
}

/* After FIRN_EXISTS: REPLACE deletes the rows in the way, *out_again; else says which columns they
 * are. */
static int
meet_conflict(struct update *update, bool is_update, bool *out_again, firn_error *err)
{
    const struct fi_sql_table *table = update->table;
    firn_row *row = NULL;
    firn_error inner;
    int rc = is_update ? complete_row(update, err) : FIRN_OK;
    *out_again = false;
    for (size_t i = 0; i < table->order_count && rc == FIRN_OK; i++) {
        const firn_value *key;
        if (!table->orders[i].is_unique) {
            continue;
        }
        int found = find_rival(update, i, &row, &key, &inner);
        if (found == FIRN_NOT_FOUND || (found == FIRN_OK && is_own_key(update, key, is_update))) {
            continue;
        }
        if (found != FIRN_OK) {
            *err = inner;
            rc = found;
        } else if (update->policy != SQLITE_REPLACE) {
            rc = say_conflict(update, i, err);
        } else {
            const firn_row_options options = {.size = sizeof options, .txn = update->txn};
            rc = firn_table_delete(table->table, &options, key, table->orders[0].count, err);
            rc = rc == FIRN_OK ? note_gone(update, key, err) : rc;
            *out_again = rc == FIRN_OK;
        }
    }
    firn_row_destroy(row);
    return rc;
}

/* ---- writing ---- */

static int
write_once(struct update *update, bool is_update, firn_error *err)
{
    assert(update->writing->count >= 1 || !is_update);
    struct fi_sql_writing *writing = update->writing;
    const struct fi_sql_table *table = update->table;
    const firn_table_column *key = &table->def->columns[table->orders[0].columns[0]];
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    uint64_t number = 0;
    options.txn = update->txn;
    options.columns = writing->names;
    if (is_update) {
        return firn_table_update(table->table, &options, writing->values, writing->count, err);
    }
    if (!key->is_auto) {
        return firn_table_insert(table->table, &options, writing->values, writing->count, err);
    }
    int rc = firn_table_insert_auto(table->table, &options, writing->values, writing->count,
                                    &number, err);
    *update->out = (sqlite3_int64)number;
    return rc;
}

static int
write_row(struct update *update, bool is_update, firn_error *err)
{
    int rc = write_once(update, is_update, err);
    bool again = rc == FIRN_EXISTS;
    while (again) {
        rc = meet_conflict(update, is_update, &again, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        rc = write_once(update, is_update, err);
        again = again && rc == FIRN_EXISTS;
    }
    return rc;
}

static int
insert_row(struct update *update, firn_error *err)
{
    const struct fi_sql_table *table = update->table;
    const firn_value *key = table->identity == FI_SQL_BY_ROWID
                                ? given_value(update->writing, table->orders[0].columns[0])
                                : NULL;
    if (key != NULL) {
        *update->out = key->as.i64;
    }
    return write_row(update, false, err);
}

/* The row gets another key. */
static int
move_row(struct update *update, firn_error *err)
{
    struct fi_sql_writing *writing = update->writing;
    const firn_row_options options = {.size = sizeof options, .txn = update->txn};
    FI_TRY_RETURN(complete_row(update, err));
    FI_TRY_RETURN(firn_table_delete(update->table->table, &options, writing->key,
                                    update->table->orders[0].count, err));
    return insert_row(update, err);
}

/* Several writes, all or none. */
static int
write_in_savepoint(struct update *update, int (*write)(struct update *, firn_error *),
                   firn_error *err)
{
    assert(update->txn != NULL);
    uint64_t savepoint;
    firn_error undoing;
    FI_TRY_RETURN(firn_txn_savepoint(update->txn, &savepoint, err));
    int rc = write(update, err);
    if (rc != FIRN_OK && firn_txn_rollback_to(update->txn, savepoint, &undoing) != FIRN_OK) {
        *err = undoing;
        rc = undoing.code;
    }
    if (firn_txn_release(update->txn, savepoint, &undoing) != FIRN_OK && rc == FIRN_OK) {
        *err = undoing;
        rc = undoing.code;
    }
    return rc;
}

static int
replace_row(struct update *update, firn_error *err)
{
    return write_row(update, true, err);
}

static int
update_row(struct update *update, sqlite3_value **values, firn_error *err)
{
    bool moves;
    bool is_gone = false;
    FI_TRY_RETURN(take_key(update, values[0], err));
    if (update->policy == SQLITE_REPLACE) {
        if (fi_sql_effect_is_new(update->table->store->sql, &update->writing->execution)) {
            forget_gone(update->writing);
        }
        FI_TRY_RETURN(was_replaced(update, &is_gone, err));
    }
    if (is_gone) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(take_updated(update, values + 2, values[1], &moves, err));
    if (moves) {
        return write_in_savepoint(update, move_row, err);
    }
    return update->policy == SQLITE_REPLACE ? write_in_savepoint(update, replace_row, err)
                                            : write_row(update, true, err);
}

static int
delete_row(struct update *update, sqlite3_value *id, firn_error *err)
{
    assert(update->writing != NULL);
    const firn_row_options options = {.size = sizeof options, .txn = update->txn};
    FI_TRY_RETURN(take_key(update, id, err));
    return firn_table_delete(update->table->table, &options, update->writing->key,
                             update->table->orders[0].count, err);
}

static int
dispatch(struct update *update, int count, sqlite3_value **values, firn_error *err)
{
    struct fi_sql_table *table = update->table;
    int rc = table->writing == NULL ? make_writing(table, err) : FIRN_OK;
    if (rc == FIRN_OK) {
        rc = fi_sql_view_write(table->store, &update->txn, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    update->writing = table->writing;
    if (count == 1) {
        rc = delete_row(update, values[0], err);
        table->rows_written -= rc == FIRN_OK;
        return rc;
    }
    if (sqlite3_value_type(values[0]) != SQLITE_NULL) {
        return update_row(update, values, err);
    }
    rc = take_inserted(update, values + 2, values[1], err);
    if (rc == FIRN_OK) {
        rc = update->policy == SQLITE_REPLACE ? write_in_savepoint(update, insert_row, err)
                                              : insert_row(update, err);
    }
    table->rows_written += rc == FIRN_OK;
    return rc;
}

int
fi_sql_update(sqlite3_vtab *vtab, int count, sqlite3_value **values, sqlite3_int64 *out)
{
    assert(count == 1 || count > 2);
    struct fi_sql_table *table = (struct fi_sql_table *)vtab;
    struct update update = {.table = table, .out = out};
    firn_error err;
    update.policy = sqlite3_vtab_on_conflict(fi_sql_db(table->store->sql));
    fi_sql_known_check(table);
    int rc = dispatch(&update, count, values, &err);
    if (rc == FIRN_OK) {
        return SQLITE_OK;
    }
    int code = fi_sql_fail_table(vtab, &err);
    return rc == FIRN_INVALID ? SQLITE_MISMATCH : code;
}
