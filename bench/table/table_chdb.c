/* SPDX-License-Identifier: Apache-2.0
 *
 * table_chdb.c: chdb, which is ClickHouse in the process of its caller, through its ADBC driver: a
 * load is one insert of Arrow arrays, and a query gives its answer as such.
 *
 * FIRN_BENCH_CHDB names the extension module of its wheel; it needs the shared library of some
 * Python, whose name FIRN_BENCH_PYTHON has, though it runs nothing of it. Tables are MergeTrees in
 * the order of the key, their texts String: DuckDB gets plain ones, too, where a user of ClickHouse
 * may write LowCardinality(String) for those with few values.
 *
 * Options: max_threads and max_memory_usage, which are for a statement; two more threads merge in
 * the background, and no setting limits those. Parts and metadata are synced, but not where commits
 * are unsynced. A load makes few parts, each of up to a quarter of the memory: usually one, so that
 * no merge runs beside the queries. It has LZ4 then, and ZSTD after a merge. The driver writes
 * bound parameters into the text of a statement; inserts and updates are written as texts here.
 * Updates are lightweight ones, which need two more columns in the merged parts of events.
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adbc_api.h"
#include "table.h"

enum { PARAMETERS = 2, ROWS_IN_BATCH = 1 << 20, CLEANING_MS_MAX = 300000 };

struct table_store {
    const struct table_setup *setup;
    struct adbc_database database;
    struct adbc_connection connection;
    struct adbc_statement queries[TABLE_QUERIES];
    struct adbc_statement lookup;
    struct ArrowSchema schema; /* of a lookup's row, whose texts are lent */
    struct ArrowArray row;
};

/* What a query answers with. */
struct result {
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
};

static struct adbc_driver chdb;
static struct adbc_error problem;

static void
check(uint8_t code, const char *action)
{
    if (code != 0) {
        table_die("%s: %s", action, problem.message != NULL ? problem.message : "no message");
    }
}

static void
find_driver(void)
{
    const char *module = getenv("FIRN_BENCH_CHDB");
    const char *python = getenv("FIRN_BENCH_PYTHON");
    adbc_driver_init *init;
    if (module == NULL) {
        table_die("FIRN_BENCH_CHDB does not name the module");
    }
    if (python != NULL && dlopen(python, RTLD_NOW | RTLD_GLOBAL) == NULL) {
        table_die("cannot open %s: %s", python, dlerror());
    }
    void *library = dlopen(module, RTLD_LAZY | RTLD_LOCAL);
    if (library == NULL) {
        table_die("cannot open %s: %s", module, dlerror());
    }
    void *found = dlsym(library, "chdb_adbc_init");
    if (found == NULL) {
        table_die("%s has no function chdb_adbc_init", module);
    }
    memcpy(&init, &found, sizeof(found));
    check(init(ADBC_VERSION, &chdb, &problem), "ADBC");
}

/* ---- statements ---- */

static void
prepare(struct table_store *store, struct adbc_statement *statement, const char *sql)
{
    check(chdb.statement_new(&store->connection, statement, &problem), "statement");
    check(chdb.statement_set_sql_query(statement, sql, &problem), sql);
}

static void
finish(struct adbc_statement *statement)
{
    if (statement->of_driver != NULL) {
        check(chdb.statement_release(statement, &problem), "end of a statement");
    }
}

static void
execute(struct table_store *store, const char *sql)
{
    struct adbc_statement statement = {0};
    prepare(store, &statement, sql);
    check(chdb.statement_execute_query(&statement, NULL, NULL, &problem), sql);
    finish(&statement);
}

static void
ask(struct adbc_statement *statement, struct result *out)
{
    check(chdb.statement_execute_query(statement, &out->stream, NULL, &problem), "query");
    if (out->stream.get_schema(&out->stream, &out->schema) != 0) {
        table_die("no schema: %s", out->stream.get_last_error(&out->stream));
    }
}

/* The next rows; false: there are none. The caller releases them. */
static bool
next_rows(struct result *result, struct ArrowArray *out)
{
    *out = (struct ArrowArray){.release = NULL};
    if (result->stream.get_next(&result->stream, out) != 0) {
        table_die("%s", result->stream.get_last_error(&result->stream));
    }
    return out->release != NULL;
}

static void
end_result(struct result *result)
{
    result->schema.release(&result->schema);
    result->stream.release(&result->stream);
}

/* ---- values of an answer ---- */

struct value {
    const struct ArrowArray *array;
    const char *format;
    int64_t at;
};

static struct value
value_at(const struct ArrowSchema *schema, const struct ArrowArray *rows, int64_t column,
         int64_t row)
{
    const struct ArrowArray *array = rows->children[column];
    if (array->null_count > 0) {
        table_die("the answer has a null in column %" PRId64, column);
    }
    return (struct value){array, schema->children[column]->format,
                          rows->offset + array->offset + row};
}

static int64_t
i64_of(struct value value)
{
    return ((const int64_t *)value.array->buffers[1])[value.at];
}

static int32_t
i32_of(struct value value)
{
    return ((const int32_t *)value.array->buffers[1])[value.at];
}

static double
f64_of(struct value value)
{
    return ((const double *)value.array->buffers[1])[value.at];
}

static table_wide
wide_of(struct value value)
{
    const uint64_t *words = (const uint64_t *)value.array->buffers[1] + 2 * value.at;
    return (table_wide)(int64_t)words[1] * ((table_wide)1 << 64) + words[0];
}

static struct table_text
text_of(struct value value)
{
    const int32_t *offsets = (const int32_t *)value.array->buffers[1] + value.at;
    const char *text = value.array->buffers[2];
    return (struct table_text){text + offsets[0], (size_t)(offsets[1] - offsets[0])};
}

static void
answer_value(struct table_answer *answer, struct value value)
{
    const char *format = value.format;
    if (strcmp(format, "l") == 0 || strcmp(format, "L") == 0) {
        table_answer_number(answer, i64_of(value));
    } else if (strcmp(format, "i") == 0 || strcmp(format, "tdD") == 0) {
        table_answer_number(answer, i32_of(value));
    } else if (strcmp(format, "g") == 0) {
        table_answer_average(answer, f64_of(value));
    } else if (strcmp(format, "u") == 0) {
        table_answer_text(answer, text_of(value));
    } else if (strncmp(format, "d:", 2) == 0 && strchr(format, ',') != NULL) {
        table_answer_decimal(answer, wide_of(value),
                             (unsigned)strtoul(strchr(format, ',') + 1, NULL, 10));
    } else {
        table_die("the answer has a column of format %s", format);
    }
}

/* ---- rows for the engine ---- */

/* Of one column; its arrays may outlive those of the others. */
struct column_memory {
    const void *buffers[3];
    void *owned;
};

struct batch_memory {
    const void *buffers[1];
    struct ArrowArray columns[TABLE_COLUMNS_MAX];
    struct ArrowArray *children[TABLE_COLUMNS_MAX];
};

struct schema_memory {
    struct ArrowSchema columns[TABLE_COLUMNS_MAX];
    struct ArrowSchema *children[TABLE_COLUMNS_MAX];
};

static void *
allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL) {
        table_die("no memory");
    }
    return memory;
}

static void
release_column(struct ArrowArray *array)
{
    struct column_memory *memory = array->private_data;
    free(memory->owned);
    free(memory);
    array->release = NULL;
}

static void
release_batch(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release != NULL) {
            array->children[i]->release(array->children[i]);
        }
    }
    free(array->private_data);
    array->release = NULL;
}

static void
release_schema_column(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void
release_schema(struct ArrowSchema *schema)
{
    free(schema->private_data);
    schema->release = NULL;
}

/* Values that are `owned` are freed with the array; texts have their bytes as well. */
static void
make_column(struct ArrowArray *out, int64_t rows, const void *values, const char *bytes,
            void *owned)
{
    struct column_memory *memory = allocate(sizeof(*memory));
    memory->buffers[1] = values;
    memory->buffers[2] = bytes;
    memory->owned = owned;
    *out = (struct ArrowArray){.length = rows,
                               .n_buffers = bytes != NULL ? 3 : 2,
                               .buffers = memory->buffers,
                               .release = release_column,
                               .private_data = memory};
}

/* The caller makes the columns. */
static void
make_batch(struct ArrowArray *out, int64_t rows, size_t columns)
{
    struct batch_memory *memory = allocate(sizeof(*memory));
    for (size_t i = 0; i < columns; i++) {
        memory->children[i] = &memory->columns[i];
    }
    *out = (struct ArrowArray){.length = rows,
                               .n_buffers = 1,
                               .n_children = (int64_t)columns,
                               .buffers = memory->buffers,
                               .children = memory->children,
                               .release = release_batch,
                               .private_data = memory};
}

static const char *
format_of(enum table_type type)
{
    static const char *const formats[] = {[TABLE_I64] = "l",
                                          [TABLE_I32] = "i",
                                          [TABLE_DECIMAL] = "d:15,2",
                                          [TABLE_DATE] = "tdD",
                                          [TABLE_TIMESTAMP] = "tsu:UTC",
                                          [TABLE_F64] = "g",
                                          [TABLE_TEXT] = "U"};
    return formats[type];
}

static void
make_schema(struct ArrowSchema *out, const struct table_column *columns, size_t count)
{
    struct schema_memory *memory = allocate(sizeof(*memory));
    for (size_t i = 0; i < count; i++) {
        memory->children[i] = &memory->columns[i];
        memory->columns[i] = (struct ArrowSchema){.format = format_of(columns[i].type),
                                                  .name = columns[i].name,
                                                  .release = release_schema_column};
    }
    *out = (struct ArrowSchema){.format = "+s",
                                .name = "",
                                .n_children = (int64_t)count,
                                .children = memory->children,
                                .release = release_schema,
                                .private_data = memory};
}

/* Binds whole numbers to the parameters of a statement. */
static void
bind(struct adbc_statement *statement, const int64_t *values, size_t count)
{
    static const struct table_column columns[PARAMETERS] = {{"a", TABLE_I64}, {"b", TABLE_I64}};
    struct ArrowArray array;
    struct ArrowSchema schema;
    make_schema(&schema, columns, count);
    make_batch(&array, 1, count);
    for (size_t i = 0; i < count; i++) {
        int64_t *value = allocate(sizeof(*value));
        *value = values[i];
        make_column(array.children[i], 1, value, NULL, value);
    }
    check(chdb.statement_bind(statement, &array, &schema, &problem), "parameters");
}

/* ---- opening and closing ---- */

static void
connect_to(const char *uri, struct adbc_database *database, struct adbc_connection *connection)
{
    find_driver();
    check(chdb.database_new(database, &problem), "database");
    check(chdb.database_set_option(database, ADBC_URI, uri, &problem), uri);
    check(chdb.database_init(database, &problem), uri);
    check(chdb.connection_new(connection, &problem), "connection");
    check(chdb.connection_init(connection, database, &problem), uri);
}

static void
disconnect(struct adbc_database *database, struct adbc_connection *connection)
{
    check(chdb.connection_release(connection, &problem), "end of the connection");
    check(chdb.database_release(database, &problem), "end of the database");
}

/* The text or the number in the first column of the first row. */
static struct table_answer
first_of(struct table_store *store, const char *sql)
{
    struct table_answer answer = {.size = 0};
    struct adbc_statement statement = {0};
    struct result result = {.stream = {0}};
    struct ArrowArray rows;
    prepare(store, &statement, sql);
    ask(&statement, &result);
    if (!next_rows(&result, &rows) || rows.length < 1) {
        table_die("%s: no row", sql);
    }
    answer_value(&answer, value_at(&result.schema, &rows, 0, 0));
    rows.release(&rows);
    end_result(&result);
    finish(&statement);
    return answer;
}

static const char *
version(void)
{
    static char text[64];
    struct table_store store = {0};
    connect_to("chdb://", &store.database, &store.connection);
    (void)snprintf(text, sizeof(text), "chdb %.50s", first_of(&store, "select chdb()").text);
    disconnect(&store.database, &store.connection);
    return text;
}

static struct table_store *
store_open(const struct table_setup *setup)
{
    char text[4096];
    struct table_store *store = allocate(sizeof(*store));
    store->setup = setup;
    (void)snprintf(text, sizeof(text), "chdb://%s", setup->directory);
    connect_to(text, &store->database, &store->connection);
    (void)snprintf(text, sizeof(text),
                   "set max_threads = %u, max_insert_threads = %u, max_memory_usage = %" PRIu64,
                   setup->threads, setup->threads, setup->memory_bytes);
    execute(store, text);
    if (setup->unsynced) {
        execute(store, "set fsync_metadata = 0");
        execute(store, "alter table events modify setting fsync_after_insert = 0, "
                       "fsync_part_directory = 0, min_rows_to_fsync_after_merge = 0");
    }
    return store;
}

/* Ends the last lookup. */
static void
give_back(struct table_store *store)
{
    if (store->row.release != NULL) {
        store->row.release(&store->row);
    }
    if (store->schema.release != NULL) {
        store->schema.release(&store->schema);
    }
}

static void
store_close(struct table_store *store)
{
    give_back(store);
    for (size_t i = 0; i < TABLE_QUERIES; i++) {
        finish(&store->queries[i]);
    }
    finish(&store->lookup);
    disconnect(&store->database, &store->connection);
    free(store);
}

/* ---- loading ---- */

static void
create_table(struct table_store *store, const struct table_schema *schema)
{
    static const char *const types[] = {[TABLE_I64] = "Int64",
                                        [TABLE_I32] = "Int32",
                                        [TABLE_DECIMAL] = "Decimal(15, 2)",
                                        [TABLE_DATE] = "Date",
                                        [TABLE_TIMESTAMP] = "DateTime64(6, 'UTC')",
                                        [TABLE_F64] = "Float64",
                                        [TABLE_TEXT] = "String"};
    char sql[2048];
    size_t size = (size_t)snprintf(sql, sizeof(sql), "create table %s (", schema->name);
    for (size_t i = 0; i < schema->column_count; i++) {
        size += (size_t)snprintf(sql + size, sizeof(sql) - size, "%s%s %s", i > 0 ? ", " : "",
                                 schema->columns[i].name, types[schema->columns[i].type]);
    }
    (void)snprintf(sql + size, sizeof(sql) - size,
                   ") engine = MergeTree order by (%s) settings fsync_after_insert = 1, "
                   "fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1%s",
                   schema->key,
                   schema == &table_events
                       ? ", enable_block_number_column = 1, enable_block_offset_column = 1"
                       : "");
    execute(store, sql);
    (void)snprintf(sql, sizeof(sql),
                   "set min_insert_block_size_rows = 0, min_insert_block_size_bytes = %" PRIu64,
                   store->setup->memory_bytes / 4);
    execute(store, sql);
}

struct feed {
    const struct table_data *data;
    uint64_t row;
};

static void
make_data_column(struct ArrowArray *out, enum table_type type, const struct table_array *array,
                 uint64_t first, uint64_t count)
{
    int64_t rows = (int64_t)count;
    if (type == TABLE_TEXT) {
        make_column(out, rows, array->at + first, array->as.text, NULL);
    } else if (type == TABLE_DECIMAL) {
        int64_t *wide = allocate(count * sizeof(table_wide));
        for (uint64_t i = 0; i < count; i++) {
            int64_t units = array->as.i64[first + i];
            wide[2 * i] = units;
            wide[2 * i + 1] = units < 0 ? -1 : 0;
        }
        make_column(out, rows, wide, NULL, wide);
    } else if (type == TABLE_I32 || type == TABLE_DATE) {
        make_column(out, rows, array->as.i32 + first, NULL, NULL);
    } else {
        make_column(out, rows, array->as.i64 + first, NULL, NULL);
    }
}

static int
feed_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    const struct table_schema *schema = ((struct feed *)stream->private_data)->data->schema;
    make_schema(out, schema->columns, schema->column_count);
    return 0;
}

static int
feed_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct feed *feed = stream->private_data;
    const struct table_schema *schema = feed->data->schema;
    uint64_t left = feed->data->rows - feed->row;
    uint64_t count = left < ROWS_IN_BATCH ? left : ROWS_IN_BATCH;
    *out = (struct ArrowArray){.release = NULL};
    if (count == 0) {
        return 0;
    }
    make_batch(out, (int64_t)count, schema->column_count);
    for (size_t i = 0; i < schema->column_count; i++) {
        make_data_column(out->children[i], schema->columns[i].type, &feed->data->columns[i],
                         feed->row, count);
    }
    feed->row += count;
    return 0;
}

static const char *
feed_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return NULL;
}

static void
feed_release(struct ArrowArrayStream *stream)
{
    free(stream->private_data);
    stream->release = NULL;
}

static void
store_load(struct table_store *store, const struct table_data *data)
{
    struct adbc_statement insert = {0};
    struct feed *feed = allocate(sizeof(*feed));
    feed->data = data;
    struct ArrowArrayStream stream = {.get_schema = feed_schema,
                                      .get_next = feed_next,
                                      .get_last_error = feed_error,
                                      .release = feed_release,
                                      .private_data = feed};
    create_table(store, data->schema);
    check(chdb.statement_new(&store->connection, &insert, &problem), "statement");
    check(chdb.statement_set_option(&insert, ADBC_INGEST_TABLE, data->schema->name, &problem),
          ADBC_INGEST_TABLE);
    check(chdb.statement_set_option(&insert, ADBC_INGEST_MODE, ADBC_INGEST_APPEND, &problem),
          ADBC_INGEST_MODE);
    check(chdb.statement_bind_stream(&insert, &stream, &problem), "rows");
    check(chdb.statement_execute_query(&insert, NULL, NULL, &problem), "load");
    finish(&insert);
}

static uint64_t
store_import_csv(struct table_store *store, const char *path)
{
    char sql[8192];
    const char *table = store->setup->schema->name;
    create_table(store, store->setup->schema);
    (void)snprintf(sql, sizeof(sql), "insert into %s select * from file('%s', 'CSVWithNames')",
                   table, path);
    execute(store, sql);
    (void)snprintf(sql, sizeof(sql), "select count() from %s", table);
    return strtoull(first_of(store, sql).text, NULL, 10);
}

/* ---- queries ---- */

/* A query for DuckDB, whose parameters $1 and $2 come in this order: question marks here. */
static void
prepare_query(struct table_store *store, struct adbc_statement *statement, const char *duckdb)
{
    char sql[2048];
    size_t size = 0;
    for (; *duckdb != '\0' && size < sizeof(sql) - 1; duckdb++) {
        sql[size++] = *duckdb == '$' ? '?' : *duckdb;
        duckdb += *duckdb == '$';
    }
    sql[size] = '\0';
    prepare(store, statement, sql);
}

static void
store_query(struct table_store *store, enum table_query query, const int64_t bounds[2],
            struct table_answer *answer)
{
    struct adbc_statement *statement = &store->queries[query];
    struct result result = {.stream = {0}};
    struct ArrowArray rows;
    if (statement->of_driver == NULL) {
        prepare_query(store, statement, table_query_texts[query].duckdb);
    }
    if (query == TABLE_RANGE) {
        bind(statement, bounds, 2);
    }
    ask(statement, &result);
    while (next_rows(&result, &rows)) {
        for (int64_t row = 0; row < rows.length; row++) {
            for (int64_t i = 0; i < rows.n_children; i++) {
                answer_value(answer, value_at(&result.schema, &rows, i, row));
            }
            table_answer_end_row(answer);
        }
        rows.release(&rows);
    }
    end_result(&result);
}

static bool
store_lookup(struct table_store *store, int64_t id, struct table_event *out)
{
    struct value values[TABLE_EVENT_COLUMNS];
    struct result result = {.stream = {0}};
    if (store->lookup.of_driver == NULL) {
        prepare(store, &store->lookup, "select * from events where id = ?");
    }
    give_back(store);
    bind(&store->lookup, &id, 1);
    ask(&store->lookup, &result);
    bool found = next_rows(&result, &store->row) && store->row.length > 0;
    store->schema = result.schema;
    result.stream.release(&result.stream);
    if (!found) {
        give_back(store);
        return false;
    }
    for (int64_t i = 0; i < TABLE_EVENT_COLUMNS; i++) {
        values[i] = value_at(&store->schema, &store->row, i, 0);
    }
    out->id = i64_of(values[TABLE_EVENT_ID]);
    out->ts = i64_of(values[TABLE_EVENT_TS]);
    out->user = i64_of(values[TABLE_EVENT_USER]);
    out->kind = text_of(values[TABLE_EVENT_KIND]);
    out->country = text_of(values[TABLE_EVENT_COUNTRY]);
    out->status = i32_of(values[TABLE_EVENT_STATUS]);
    out->amount = (int64_t)wide_of(values[TABLE_EVENT_AMOUNT]);
    out->latency = f64_of(values[TABLE_EVENT_LATENCY]);
    out->path = text_of(values[TABLE_EVENT_PATH]);
    return true;
}

/* ---- changes ---- */

/* No text of an event has a quote or a backslash, and no number is negative. */
static void
store_insert(struct table_store *store, const struct table_event *event)
{
    char sql[1024];
    (void)snprintf(sql, sizeof(sql),
                   "insert into events values (%" PRId64 ", %" PRId64 ".%06" PRId64 ", %" PRId64
                   ", '%.*s', '%.*s', %" PRId32 ", %" PRId64 ".%02" PRId64 ", %.17g, '%.*s')",
                   event->id, event->ts / 1000000, event->ts % 1000000, event->user,
                   (int)event->kind.size, event->kind.data, (int)event->country.size,
                   event->country.data, event->status, event->amount / 100, event->amount % 100,
                   event->latency, (int)event->path.size, event->path.data);
    execute(store, sql);
}

/* Without quotes the amount would be a floating-point number, and cut off at the hundredths. */
static void
store_update(struct table_store *store, int64_t id, int64_t amount)
{
    char sql[256];
    (void)snprintf(sql, sizeof(sql),
                   "update events set amount = '%" PRId64 ".%02" PRId64 "' where id = %" PRId64,
                   amount / 100, amount % 100, id);
    execute(store, sql);
}

/* A thread removes replaced parts, up to half a minute later. */
static void
wait_for_cleaning(struct table_store *store)
{
    static const struct timespec pause = {.tv_nsec = 10000000};
    for (int ms = 0; ms < CLEANING_MS_MAX; ms += 10) {
        if (strcmp(first_of(store, "select count() from system.parts where not active").text,
                   "0") == 0) {
            return;
        }
        (void)nanosleep(&pause, NULL);
    }
    table_die("replaced parts are still there");
}

static void
store_halve(struct table_store *store, uint64_t rows)
{
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "delete from events where id %% 2 = 1 and id < %" PRIu64,
                   rows);
    execute(store, sql);
    execute(store, "optimize table events final");
    wait_for_cleaning(store);
}

const struct table_engine table_engine = {.name = "chdb",
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
