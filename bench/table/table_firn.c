/* SPDX-License-Identifier: Apache-2.0
 *
 * table_firn.c: firn's tables through the public API, as an application uses them: a store with one table and
 * the default options but for the memory; rows as arrays of values. Queries are in table_firn_scan.c.
 *
 * A load is one bulk load. The store's background threads are as many as firn starts by itself; a query uses as many as
 * the workload says.
 */
#include "table_firn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DELETES_IN_TRANSACTION = 10000 };

void
table_firn_check(int code, const firn_error *err)
{
    if (code != FIRN_OK) {
        table_die("%s: %s", firn_code_name(code), err->code == code ? err->text : "");
    }
}

static const char *
version(void)
{
    static char text[32];
    (void)snprintf(text, sizeof(text), "firn %s", firn_version());
    return text;
}

static struct table_store *
store_open(const struct table_setup *setup)
{
    firn_error err = {0};
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    struct table_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        table_die("no memory");
    }
    store->setup = setup;
    options.durability = setup->unsynced ? FIRN_DURABILITY_OS : FIRN_DURABILITY_FULL;
    options.memory_bytes = setup->memory_bytes;
    table_firn_check(firn_store_open(setup->directory, &options, &store->handle, &err), &err);
    table_firn_check(firn_row_create(&store->row, &err), &err);
    int code = firn_table_open(store->handle, setup->schema->name, &store->table, &err);
    if (code != FIRN_NOT_FOUND) { /* an empty store gets its table in store_load */
        table_firn_check(code, &err);
    }
    return store;
}

static void
store_close(struct table_store *store)
{
    firn_error err = {0};
    firn_row_destroy(store->row);
    table_firn_check(firn_store_close(store->handle, &err), &err);
    free(store);
}

static void
create_table(struct table_store *store, const struct table_schema *schema)
{
    static const char *const types[] = {[TABLE_I64] = "i64",
                                        [TABLE_I32] = "i32",
                                        [TABLE_DECIMAL] = "decimal(15, 2)",
                                        [TABLE_DATE] = "date",
                                        [TABLE_TIMESTAMP] = "timestamp",
                                        [TABLE_F64] = "f64",
                                        [TABLE_TEXT] = "text"};
    firn_error err = {0};
    firn_table_def *def;
    char text[2048];
    size_t size = 0;
    for (size_t i = 0; i < schema->column_count; i++) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%s %s not null, ",
                                 schema->columns[i].name, types[schema->columns[i].type]);
    }
    (void)snprintf(text + size, sizeof(text) - size, "primary key (%s)", schema->key);
    table_firn_check(firn_table_def_parse(text, &def, &err), &err);
    table_firn_check(firn_table_create(store->handle, schema->name, def, &store->table, &err),
                     &err);
    firn_release(def);
}

static firn_value
text_value(struct table_text text)
{
    return firn_text_bytes(firn_bytes(text.data, text.size));
}

static firn_value
value_at(const struct table_data *data, size_t column, uint64_t row)
{
    const struct table_array *array = &data->columns[column];
    switch (data->schema->columns[column].type) {
    case TABLE_I32:
        return firn_i64(array->as.i32[row]);
    case TABLE_DECIMAL:
        return firn_typed_i64(FIRN_TYPE_DECIMAL, array->as.i64[row]);
    case TABLE_DATE:
        return firn_typed_i64(FIRN_TYPE_DATE, array->as.i32[row]);
    case TABLE_TIMESTAMP:
        return firn_typed_i64(FIRN_TYPE_TIMESTAMP, array->as.i64[row]);
    case TABLE_F64:
        return firn_f64(array->as.f64[row]);
    case TABLE_TEXT:
        return text_value(table_data_text(array, row));
    default:
        return firn_i64(array->as.i64[row]);
    }
}

static void
insert_all(struct table_store *store, const struct table_data *data)
{
    firn_error err = {0};
    firn_table_bulk *bulk;
    firn_value values[TABLE_COLUMNS_MAX];
    size_t count = data->schema->column_count;
    table_firn_check(firn_table_bulk_open(store->table, NULL, &bulk, &err), &err);
    for (uint64_t row = 0; row < data->rows; row++) {
        for (size_t i = 0; i < count; i++) {
            values[i] = value_at(data, i, row);
        }
        table_firn_check(firn_table_bulk_put(bulk, values, count, &err), &err);
    }
    table_firn_check(firn_table_bulk_commit(bulk, &err), &err);
    firn_table_bulk_close(bulk);
}

static void
store_load(struct table_store *store, const struct table_data *data)
{
    create_table(store, data->schema);
    insert_all(store, data);
}

static int
read_file(void *ctx, void *to, size_t size, size_t *out_size, firn_error *err)
{
    (void)err;
    *out_size = fread(to, 1, size, ctx);
    return ferror(ctx) ? FIRN_IO : FIRN_OK;
}

static uint64_t
store_import_csv(struct table_store *store, const char *path)
{
    firn_error err = {0};
    firn_import_statistics statistics = FIRN_IMPORT_STATISTICS_INIT;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        table_die("cannot open %s", path);
    }
    create_table(store, store->setup->schema);
    table_firn_check(firn_table_import(store->table, read_file, file, NULL, &statistics, &err),
                     &err);
    (void)fclose(file);
    return statistics.rows;
}

static struct table_text
text_of(const firn_value *value)
{
    return (struct table_text){(const char *)value->as.bytes.data, value->as.bytes.size};
}

static bool
store_lookup(struct table_store *store, int64_t id, struct table_event *out)
{
    firn_error err = {0};
    firn_value key = firn_i64(id);
    int code = firn_table_get(store->table, NULL, &key, 1, store->row, &err);
    if (code == FIRN_NOT_FOUND) {
        return false;
    }
    table_firn_check(code, &err);
    const firn_value *values = firn_row_values(store->row);
    out->id = values[TABLE_EVENT_ID].as.i64;
    out->ts = values[TABLE_EVENT_TS].as.i64;
    out->user = values[TABLE_EVENT_USER].as.i64;
    out->kind = text_of(&values[TABLE_EVENT_KIND]);
    out->country = text_of(&values[TABLE_EVENT_COUNTRY]);
    out->status = (int32_t)values[TABLE_EVENT_STATUS].as.i64;
    out->amount = values[TABLE_EVENT_AMOUNT].as.i64;
    out->latency = values[TABLE_EVENT_LATENCY].as.f64;
    out->path = text_of(&values[TABLE_EVENT_PATH]);
    return true;
}

static void
store_insert(struct table_store *store, const struct table_event *event)
{
    firn_error err = {0};
    firn_value values[TABLE_EVENT_COLUMNS];
    values[TABLE_EVENT_ID] = firn_i64(event->id);
    values[TABLE_EVENT_TS] = firn_typed_i64(FIRN_TYPE_TIMESTAMP, event->ts);
    values[TABLE_EVENT_USER] = firn_i64(event->user);
    values[TABLE_EVENT_KIND] = text_value(event->kind);
    values[TABLE_EVENT_COUNTRY] = text_value(event->country);
    values[TABLE_EVENT_STATUS] = firn_i64(event->status);
    values[TABLE_EVENT_AMOUNT] = firn_typed_i64(FIRN_TYPE_DECIMAL, event->amount);
    values[TABLE_EVENT_LATENCY] = firn_f64(event->latency);
    values[TABLE_EVENT_PATH] = text_value(event->path);
    table_firn_check(firn_table_insert(store->table, NULL, values, TABLE_EVENT_COLUMNS, &err),
                     &err);
}

static void
store_update(struct table_store *store, int64_t id, int64_t amount)
{
    static const char *const columns[] = {"id", "amount"};
    firn_error err = {0};
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    options.columns = columns;
    firn_value values[] = {firn_i64(id), firn_typed_i64(FIRN_TYPE_DECIMAL, amount)};
    table_firn_check(firn_table_update(store->table, &options, values, 2, &err), &err);
}

static void
store_halve(struct table_store *store, uint64_t rows)
{
    firn_error err = {0};
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    for (uint64_t id = 1; id < rows;) {
        table_firn_check(firn_txn_begin(store->handle, NULL, &options.txn, &err), &err);
        for (int i = 0; i < DELETES_IN_TRANSACTION && id < rows; i++, id += 2) {
            firn_value key = firn_i64((int64_t)id);
            table_firn_check(firn_table_delete(store->table, &options, &key, 1, &err), &err);
        }
        table_firn_check(firn_txn_commit(options.txn, NULL, &err), &err);
        firn_txn_close(options.txn);
    }
    table_firn_check(firn_store_compact(store->handle, NULL, &err), &err);
}

const struct table_engine table_engine = {.name = "firn",
                                          .version = version,
                                          .open = store_open,
                                          .close = store_close,
                                          .load = store_load,
                                          .import_csv = store_import_csv,
                                          .query = table_firn_query,
                                          .lookup = store_lookup,
                                          .insert = store_insert,
                                          .update = store_update,
                                          .halve = store_halve};
