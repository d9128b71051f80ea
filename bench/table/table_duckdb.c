/* SPDX-License-Identifier: Apache-2.0
 *
 * table_duckdb.c: DuckDB through its C interface: prepared statements, results by chunks, loads by an appender of whole
 * chunks.
 *
 * FIRN_BENCH_DUCKDB names the extension module of its wheel; it needs the shared library of the Python that the
 * wheel is for, whose name FIRN_BENCH_PYTHON has, though it runs nothing of it. Options: threads, memory_limit, and fsync_mode
 * NONE where commits are unsynced. A load ends with a checkpoint, so that all is in the table's own format. A table without a
 * key is what DuckDB does best but for lookups; a keyed one has an index of it beside its rows.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "duckdb_api.h"
#include "table.h"

struct table_store {
    const struct table_setup *setup;
    void *database, *connection;
    void *queries[TABLE_QUERIES];
    void *lookup, *insert, *update;
    /* Of the last lookup, whose texts are lent. */
    struct duckdb_result result;
    void *chunk;
};

static struct duckdb_api duckdb;

static void
find_functions(void)
{
    const char *module = getenv("FIRN_BENCH_DUCKDB");
    const char *python = getenv("FIRN_BENCH_PYTHON");
    if (module == NULL) {
        table_die("FIRN_BENCH_DUCKDB does not name the module");
    }
    if (python != NULL && dlopen(python, RTLD_NOW | RTLD_GLOBAL) == NULL) {
        table_die("cannot open %s: %s", python, dlerror());
    }
    void *library = dlopen(module, RTLD_LAZY | RTLD_LOCAL);
    if (library == NULL) {
        table_die("cannot open %s: %s", module, dlerror());
    }
#define DUCKDB_FIND(name, type)                                       \
    {                                                                 \
        void *found = dlsym(library, "duckdb_" #name);                \
        if (found == NULL) {                                          \
            table_die("%s has no function duckdb_%s", module, #name); \
        }                                                             \
        memcpy(&duckdb.name, &found, sizeof(found));                  \
    }
    DUCKDB_FUNCTIONS(DUCKDB_FIND)
#undef DUCKDB_FIND
}

static const char *
version(void)
{
    static char text[64];
    find_functions();
    (void)snprintf(text, sizeof(text), "DuckDB %s", duckdb.library_version() + 1);
    return text;
}

static void
execute(struct table_store *store, const char *sql)
{
    struct duckdb_result result;
    if (duckdb.query(store->connection, sql, &result) != 0) {
        table_die("%s: %s", sql, duckdb.result_error(&result));
    }
    duckdb.destroy_result(&result);
}

static void *
prepare(struct table_store *store, const char *sql)
{
    void *statement;
    if (duckdb.prepare(store->connection, sql, &statement) != 0) {
        table_die("%s: %s", sql, duckdb.prepare_error(statement));
    }
    return statement;
}

static void
check_bind(int code)
{
    if (code != 0) {
        table_die("could not bind a value");
    }
}

static void
run(void *statement, struct duckdb_result *out)
{
    if (duckdb.execute_prepared(statement, out) != 0) {
        table_die("%s", duckdb.result_error(out));
    }
}

static void
configure(void *config, const char *name, const char *value)
{
    if (duckdb.set_config(config, name, value) != 0) {
        table_die("it does not take the option %s = %s", name, value);
    }
}

static struct table_store *
store_open(const struct table_setup *setup)
{
    char text[4096];
    char *problem = NULL;
    void *config;
    find_functions();
    struct table_store *store = calloc(1, sizeof(*store));
    if (store == NULL || duckdb.create_config(&config) != 0) {
        table_die("no memory");
    }
    store->setup = setup;
    (void)snprintf(text, sizeof(text), "%u", setup->threads);
    configure(config, "threads", text);
    (void)snprintf(text, sizeof(text), "%lluMiB", (unsigned long long)(setup->memory_bytes >> 20));
    configure(config, "memory_limit", text);
    if (setup->unsynced) {
        configure(config, "fsync_mode", "NONE");
    }
    (void)snprintf(text, sizeof(text), "%s/db", setup->directory);
    if (duckdb.open_ext(text, &store->database, config, &problem) != 0) {
        table_die("%s", problem);
    }
    duckdb.destroy_config(&config);
    if (duckdb.connect(store->database, &store->connection) != 0) {
        table_die("could not connect");
    }
    return store;
}

/* Ends the last lookup. */
static void
give_back(struct table_store *store)
{
    if (store->chunk != NULL) {
        duckdb.destroy_data_chunk(&store->chunk);
        duckdb.destroy_result(&store->result);
    }
}

static void
store_close(struct table_store *store)
{
    give_back(store);
    for (size_t i = 0; i < TABLE_QUERIES; i++) {
        duckdb.destroy_prepare(&store->queries[i]);
    }
    duckdb.destroy_prepare(&store->lookup);
    duckdb.destroy_prepare(&store->insert);
    duckdb.destroy_prepare(&store->update);
    duckdb.disconnect(&store->connection);
    duckdb.close(&store->database);
    free(store);
}

static const char *
name_of(enum table_type type)
{
    static const char *const names[] = {[TABLE_I64] = "bigint",
                                        [TABLE_I32] = "integer",
                                        [TABLE_DECIMAL] = "decimal(15, 2)",
                                        [TABLE_DATE] = "date",
                                        [TABLE_TIMESTAMP] = "timestamp",
                                        [TABLE_F64] = "double",
                                        [TABLE_TEXT] = "varchar"};
    return names[type];
}

static void *
type_of(enum table_type type)
{
    static const int numbers[] = {[TABLE_I64] = DUCKDB_BIGINT, [TABLE_I32] = DUCKDB_INTEGER,
                                  [TABLE_DATE] = DUCKDB_DATE,  [TABLE_TIMESTAMP] = DUCKDB_TIMESTAMP,
                                  [TABLE_F64] = DUCKDB_DOUBLE, [TABLE_TEXT] = DUCKDB_VARCHAR};
    return type == TABLE_DECIMAL ? duckdb.create_decimal_type(15, 2)
                                 : duckdb.create_logical_type(numbers[type]);
}

static void
create_table(struct table_store *store, const struct table_schema *schema)
{
    char sql[2048];
    size_t size = (size_t)snprintf(sql, sizeof(sql), "create table %s (", schema->name);
    for (size_t i = 0; i < schema->column_count; i++) {
        size +=
            (size_t)snprintf(sql + size, sizeof(sql) - size, "%s%s %s not null", i > 0 ? ", " : "",
                             schema->columns[i].name, name_of(schema->columns[i].type));
    }
    if (store->setup->keyed) {
        size += (size_t)snprintf(sql + size, sizeof(sql) - size, ", primary key (%s)", schema->key);
    }
    (void)snprintf(sql + size, sizeof(sql) - size, ")");
    execute(store, sql);
}

static void
fill_vector(void *vector, enum table_type type, const struct table_array *array, uint64_t first,
            uint64_t count)
{
    if (type == TABLE_TEXT) {
        for (uint64_t i = 0; i < count; i++) {
            struct table_text text = table_data_text(array, first + i);
            duckdb.vector_assign_string_element_len(vector, i, text.data, text.size);
        }
    } else if (type == TABLE_I32 || type == TABLE_DATE) {
        memcpy(duckdb.vector_get_data(vector), array->as.i32 + first, count * sizeof(int32_t));
    } else {
        memcpy(duckdb.vector_get_data(vector), array->as.i64 + first, count * sizeof(int64_t));
    }
}

static void
store_load(struct table_store *store, const struct table_data *data)
{
    const struct table_schema *schema = data->schema;
    void *types[TABLE_COLUMNS_MAX];
    void *appender;
    create_table(store, schema);
    for (size_t i = 0; i < schema->column_count; i++) {
        types[i] = type_of(schema->columns[i].type);
    }
    void *chunk = duckdb.create_data_chunk(types, schema->column_count);
    if (chunk == NULL ||
        duckdb.appender_create(store->connection, NULL, schema->name, &appender) != 0) {
        table_die("could not create an appender");
    }
    uint64_t step = duckdb.vector_size();
    for (uint64_t row = 0; row < data->rows; row += step) {
        uint64_t count = data->rows - row < step ? data->rows - row : step;
        duckdb.data_chunk_reset(chunk);
        for (size_t i = 0; i < schema->column_count; i++) {
            fill_vector(duckdb.data_chunk_get_vector(chunk, i), schema->columns[i].type,
                        &data->columns[i], row, count);
        }
        duckdb.data_chunk_set_size(chunk, count);
        if (duckdb.append_data_chunk(appender, chunk) != 0) {
            table_die("%s", duckdb.appender_error(appender));
        }
    }
    if (duckdb.appender_close(appender) != 0) {
        table_die("%s", duckdb.appender_error(appender));
    }
    (void)duckdb.appender_destroy(&appender);
    duckdb.destroy_data_chunk(&chunk);
    for (size_t i = 0; i < schema->column_count; i++) {
        duckdb.destroy_logical_type(&types[i]);
    }
    execute(store, "checkpoint");
}

static uint64_t
store_import_csv(struct table_store *store, const char *path)
{
    char sql[8192];
    struct duckdb_result result;
    create_table(store, store->setup->schema);
    (void)snprintf(sql, sizeof(sql), "copy %s from '%s' (format csv, header)",
                   store->setup->schema->name, path);
    if (duckdb.query(store->connection, sql, &result) != 0) {
        table_die("%s: %s", sql, duckdb.result_error(&result));
    }
    uint64_t rows = duckdb.rows_changed(&result);
    duckdb.destroy_result(&result);
    execute(store, "checkpoint");
    return rows;
}

static struct table_text
text_at(void *vector, uint64_t row)
{
    const union duckdb_text *text = (const union duckdb_text *)duckdb.vector_get_data(vector) + row;
    uint32_t size = text->inlined.size;
    return (struct table_text){
        size <= DUCKDB_INLINED_MAX ? text->inlined.bytes : text->pointer.data, size};
}

static int64_t
number_at(void *vector, uint64_t row)
{
    return ((const int64_t *)duckdb.vector_get_data(vector))[row];
}

static table_wide
wide_at(void *vector, uint64_t row)
{
    const uint64_t *words = (const uint64_t *)duckdb.vector_get_data(vector) + 2 * row;
    return (table_wide)(int64_t)words[1] * ((table_wide)1 << 64) + words[0];
}

static void
answer_value(struct table_answer *answer, void *vector, uint64_t row)
{
    void *type = duckdb.vector_get_column_type(vector);
    switch (duckdb.get_type_id(type)) {
    case DUCKDB_BIGINT:
        table_answer_number(answer, number_at(vector, row));
        break;
    case DUCKDB_INTEGER:
    case DUCKDB_DATE:
        table_answer_number(answer, ((const int32_t *)duckdb.vector_get_data(vector))[row]);
        break;
    case DUCKDB_HUGEINT:
        table_answer_decimal(answer, wide_at(vector, row), 0);
        break;
    case DUCKDB_DECIMAL:
        table_answer_decimal(answer,
                             duckdb.decimal_internal_type(type) == DUCKDB_HUGEINT
                                 ? wide_at(vector, row)
                                 : number_at(vector, row),
                             duckdb.decimal_scale(type));
        break;
    case DUCKDB_DOUBLE:
        table_answer_average(answer, ((const double *)duckdb.vector_get_data(vector))[row]);
        break;
    case DUCKDB_VARCHAR:
        table_answer_text(answer, text_at(vector, row));
        break;
    default:
        table_die("the answer has a column of type %d", duckdb.get_type_id(type));
    }
    duckdb.destroy_logical_type(&type);
}

static void
store_query(struct table_store *store, enum table_query query, const int64_t bounds[2],
            struct table_answer *answer)
{
    void **statement = &store->queries[query];
    struct duckdb_result result;
    if (*statement == NULL) {
        *statement = prepare(store, table_query_texts[query].duckdb);
    }
    for (uint64_t i = 0; i < duckdb.nparams(*statement); i++) {
        check_bind(duckdb.bind_int64(*statement, i + 1, bounds[i]));
    }
    run(*statement, &result);
    void *chunk;
    while ((chunk = duckdb.fetch_chunk(result)) != NULL) {
        for (uint64_t row = 0; row < duckdb.data_chunk_get_size(chunk); row++) {
            for (uint64_t i = 0; i < duckdb.data_chunk_get_column_count(chunk); i++) {
                answer_value(answer, duckdb.data_chunk_get_vector(chunk, i), row);
            }
            table_answer_end_row(answer);
        }
        duckdb.destroy_data_chunk(&chunk);
    }
    duckdb.destroy_result(&result);
}

static bool
store_lookup(struct table_store *store, int64_t id, struct table_event *out)
{
    void *vectors[TABLE_EVENT_COLUMNS];
    if (store->lookup == NULL) {
        store->lookup = prepare(store, "select * from events where id = $1");
    }
    give_back(store);
    check_bind(duckdb.bind_int64(store->lookup, 1, id));
    run(store->lookup, &store->result);
    store->chunk = duckdb.fetch_chunk(store->result);
    if (store->chunk == NULL || duckdb.data_chunk_get_size(store->chunk) == 0) {
        give_back(store);
        return false;
    }
    for (uint64_t i = 0; i < TABLE_EVENT_COLUMNS; i++) {
        vectors[i] = duckdb.data_chunk_get_vector(store->chunk, i);
    }
    out->id = number_at(vectors[TABLE_EVENT_ID], 0);
    out->ts = number_at(vectors[TABLE_EVENT_TS], 0);
    out->user = number_at(vectors[TABLE_EVENT_USER], 0);
    out->kind = text_at(vectors[TABLE_EVENT_KIND], 0);
    out->country = text_at(vectors[TABLE_EVENT_COUNTRY], 0);
    out->status = *(const int32_t *)duckdb.vector_get_data(vectors[TABLE_EVENT_STATUS]);
    out->amount = number_at(vectors[TABLE_EVENT_AMOUNT], 0);
    out->latency = *(const double *)duckdb.vector_get_data(vectors[TABLE_EVENT_LATENCY]);
    out->path = text_at(vectors[TABLE_EVENT_PATH], 0);
    return true;
}

static void
change(void *statement)
{
    struct duckdb_result result;
    run(statement, &result);
    duckdb.destroy_result(&result);
}

static void
bind_text(void *statement, uint64_t i, struct table_text text)
{
    check_bind(duckdb.bind_varchar_length(statement, i, text.data, text.size));
}

static void
store_insert(struct table_store *store, const struct table_event *event)
{
    if (store->insert == NULL) {
        store->insert =
            prepare(store, "insert into events values ($1, make_timestamp($2), $3, $4, $5, $6, "
                           "($7::decimal(18, 0) / 100)::decimal(15, 2), $8, $9)");
    }
    void *insert = store->insert;
    check_bind(duckdb.bind_int64(insert, TABLE_EVENT_ID + 1, event->id));
    check_bind(duckdb.bind_int64(insert, TABLE_EVENT_TS + 1, event->ts));
    check_bind(duckdb.bind_int64(insert, TABLE_EVENT_USER + 1, event->user));
    bind_text(insert, TABLE_EVENT_KIND + 1, event->kind);
    bind_text(insert, TABLE_EVENT_COUNTRY + 1, event->country);
    check_bind(duckdb.bind_int32(insert, TABLE_EVENT_STATUS + 1, event->status));
    check_bind(duckdb.bind_int64(insert, TABLE_EVENT_AMOUNT + 1, event->amount));
    check_bind(duckdb.bind_double(insert, TABLE_EVENT_LATENCY + 1, event->latency));
    bind_text(insert, TABLE_EVENT_PATH + 1, event->path);
    change(insert);
}

static void
store_update(struct table_store *store, int64_t id, int64_t amount)
{
    if (store->update == NULL) {
        store->update = prepare(
            store,
            "update events set amount = ($1::decimal(18, 0) / 100)::decimal(15, 2) where id = $2");
    }
    check_bind(duckdb.bind_int64(store->update, 1, amount));
    check_bind(duckdb.bind_int64(store->update, 2, id));
    change(store->update);
}

static void
store_halve(struct table_store *store, uint64_t rows)
{
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "delete from events where id %% 2 = 1 and id < %llu",
                   (unsigned long long)rows);
    execute(store, sql);
    execute(store, "vacuum");
    execute(store, "checkpoint");
}

const struct table_engine table_engine = {.name = "duckdb",
                                          .has_keyless = true,
                                          .version = version,
                                          .open = store_open,
                                          .close = store_close,
                                          .load = store_load,
                                          .import_csv = store_import_csv,
                                          .query = store_query,
                                          .lookup = store_lookup,
                                          .insert = store_insert,
                                          .update = store_update,
                                          .halve = store_halve};
