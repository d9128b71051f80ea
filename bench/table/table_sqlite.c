/* SPDX-License-Identifier: Apache-2.0
 *
 * table_sqlite.c: SQLite through prepared statements.
 *
 * The tables are as SQLite does them best: events has its number as the row's, lineitem is WITHOUT ROWID, in the order of
 * its key. A load is one transaction without a journal, synced once (journal_mode OFF, synchronous FULL,
 * locking_mode EXCLUSIVE); afterwards the file is in WAL mode, and commits are unsynced (synchronous OFF)
 * where the workload says so. All of the memory is page cache. Threads help no query here.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

struct table_store {
    const struct table_setup *setup;
    sqlite3 *handle;
    sqlite3_stmt *queries[TABLE_QUERIES];
    sqlite3_stmt *lookup, *insert, *update;
};

static void
check(struct table_store *store, int code, int expected)
{
    if (code != expected) {
        table_die("%s",
                  store->handle != NULL ? sqlite3_errmsg(store->handle) : sqlite3_errstr(code));
    }
}

static void
execute(struct table_store *store, const char *sql)
{
    check(store, sqlite3_exec(store->handle, sql, NULL, NULL, NULL), SQLITE_OK);
}

static sqlite3_stmt *
prepare(struct table_store *store, const char *sql)
{
    sqlite3_stmt *statement;
    check(store,
          sqlite3_prepare_v3(store->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL),
          SQLITE_OK);
    return statement;
}

static const char *
version(void)
{
    static char text[64];
    (void)snprintf(text, sizeof(text), "SQLite %s", sqlite3_libversion());
    return text;
}

static struct table_store *
store_open(const struct table_setup *setup)
{
    char text[4096];
    struct table_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        table_die("no memory");
    }
    store->setup = setup;
    (void)snprintf(text, sizeof(text), "%s/db", setup->directory);
    check(store,
          sqlite3_open_v2(text, &store->handle,
                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL),
          SQLITE_OK);
    (void)snprintf(text, sizeof(text), "pragma cache_size = -%llu; pragma synchronous = %s",
                   (unsigned long long)(setup->memory_bytes >> 10),
                   setup->unsynced ? "off" : "full");
    execute(store, text);
    return store;
}

static void
store_close(struct table_store *store)
{
    for (size_t i = 0; i < TABLE_QUERIES; i++) {
        (void)sqlite3_finalize(store->queries[i]);
    }
    (void)sqlite3_finalize(store->lookup);
    (void)sqlite3_finalize(store->insert);
    (void)sqlite3_finalize(store->update);
    check(store, sqlite3_close(store->handle), SQLITE_OK);
    free(store);
}

static void
create_table(struct table_store *store, const struct table_schema *schema)
{
    char sql[2048];
    size_t size = (size_t)snprintf(sql, sizeof(sql), "create table %s (", schema->name);
    for (size_t i = 0; i < schema->column_count; i++) {
        enum table_type type = schema->columns[i].type;
        size += (size_t)snprintf(sql + size, sizeof(sql) - size, "%s %s not null, ",
                                 schema->columns[i].name,
                                 type == TABLE_TEXT  ? "text"
                                 : type == TABLE_F64 ? "real"
                                                     : "integer");
    }
    (void)snprintf(sql + size, sizeof(sql) - size, "primary key (%s))%s", schema->key,
                   strchr(schema->key, ',') != NULL ? " without rowid" : "");
    execute(store, sql);
}

static sqlite3_stmt *
prepare_insert(struct table_store *store, const struct table_schema *schema)
{
    char sql[256];
    size_t size = (size_t)snprintf(sql, sizeof(sql), "insert into %s values (?", schema->name);
    for (size_t i = 1; i < schema->column_count; i++) {
        size += (size_t)snprintf(sql + size, sizeof(sql) - size, ",?");
    }
    (void)snprintf(sql + size, sizeof(sql) - size, ")");
    return prepare(store, sql);
}

static void
step_insert(struct table_store *store, sqlite3_stmt *insert)
{
    check(store, sqlite3_step(insert), SQLITE_DONE);
    check(store, sqlite3_reset(insert), SQLITE_OK);
}

static void
bind_text(struct table_store *store, sqlite3_stmt *statement, int column, struct table_text text)
{
    check(store, sqlite3_bind_text(statement, column, text.data, (int)text.size, SQLITE_STATIC),
          SQLITE_OK);
}

static void
store_load(struct table_store *store, const struct table_data *data)
{
    const struct table_schema *schema = data->schema;
    execute(store, "pragma journal_mode = off; pragma locking_mode = exclusive; begin");
    create_table(store, schema);
    sqlite3_stmt *insert = prepare_insert(store, schema);
    for (uint64_t row = 0; row < data->rows; row++) {
        for (size_t i = 0; i < schema->column_count; i++) {
            const struct table_array *array = &data->columns[i];
            int column = (int)i + 1;
            switch (schema->columns[i].type) {
            case TABLE_TEXT:
                bind_text(store, insert, column, table_data_text(array, row));
                break;
            case TABLE_F64:
                check(store, sqlite3_bind_double(insert, column, array->as.f64[row]), SQLITE_OK);
                break;
            case TABLE_I32:
            case TABLE_DATE:
                check(store, sqlite3_bind_int64(insert, column, array->as.i32[row]), SQLITE_OK);
                break;
            default:
                check(store, sqlite3_bind_int64(insert, column, array->as.i64[row]), SQLITE_OK);
                break;
            }
        }
        step_insert(store, insert);
    }
    (void)sqlite3_finalize(insert);
    execute(store, "commit; pragma locking_mode = normal; pragma journal_mode = wal");
}

/* Scales of the columns that are sums of decimals; 0: a number as it is. */
static unsigned
scale_of(enum table_query query, int column)
{
    static const unsigned q1[] = {0, 0, 2, 2, 4, 6, 0, 0, 0, 0};
    switch (query) {
    case TABLE_SUM_QUANTITY:
    case TABLE_SUM_PRICE:
        return 2;
    case TABLE_Q6:
        return 4;
    case TABLE_Q1:
        return q1[column];
    case TABLE_Q3:
        return column == 1 ? 4 : 0;
    case TABLE_GROUP:
        return column == 2 ? 2 : 0;
    case TABLE_RANGE:
        return column == 1 ? 2 : 0;
    default:
        return 0;
    }
}

static struct table_text
text_column(sqlite3_stmt *statement, int column)
{
    const void *text = sqlite3_column_text(statement, column);
    return (struct table_text){text, (size_t)sqlite3_column_bytes(statement, column)};
}

static void
store_query(struct table_store *store, enum table_query query, const int64_t bounds[2],
            struct table_answer *answer)
{
    sqlite3_stmt **statement = &store->queries[query];
    if (*statement == NULL) {
        *statement = prepare(store, table_query_texts[query].sqlite);
    }
    for (int i = 0; i < sqlite3_bind_parameter_count(*statement); i++) {
        check(store, sqlite3_bind_int64(*statement, i + 1, bounds[i]), SQLITE_OK);
    }
    int code;
    while ((code = sqlite3_step(*statement)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(*statement); i++) {
            switch (sqlite3_column_type(*statement, i)) {
            case SQLITE_INTEGER:
                table_answer_decimal(answer, sqlite3_column_int64(*statement, i),
                                     scale_of(query, i));
                break;
            case SQLITE_FLOAT:
                table_answer_average(answer, sqlite3_column_double(*statement, i));
                break;
            default:
                table_answer_text(answer, text_column(*statement, i));
                break;
            }
        }
        table_answer_end_row(answer);
    }
    check(store, code, SQLITE_DONE);
    check(store, sqlite3_reset(*statement), SQLITE_OK);
}

static bool
store_lookup(struct table_store *store, int64_t id, struct table_event *out)
{
    if (store->lookup == NULL) {
        store->lookup = prepare(store, "select * from events where id = ?");
    }
    sqlite3_stmt *lookup = store->lookup;
    /* Ends the last one, whose texts were lent. */
    check(store, sqlite3_reset(lookup), SQLITE_OK);
    check(store, sqlite3_bind_int64(lookup, 1, id), SQLITE_OK);
    int code = sqlite3_step(lookup);
    if (code == SQLITE_DONE) {
        return false;
    }
    check(store, code, SQLITE_ROW);
    out->id = sqlite3_column_int64(lookup, TABLE_EVENT_ID);
    out->ts = sqlite3_column_int64(lookup, TABLE_EVENT_TS);
    out->user = sqlite3_column_int64(lookup, TABLE_EVENT_USER);
    out->kind = text_column(lookup, TABLE_EVENT_KIND);
    out->country = text_column(lookup, TABLE_EVENT_COUNTRY);
    out->status = sqlite3_column_int(lookup, TABLE_EVENT_STATUS);
    out->amount = sqlite3_column_int64(lookup, TABLE_EVENT_AMOUNT);
    out->latency = sqlite3_column_double(lookup, TABLE_EVENT_LATENCY);
    out->path = text_column(lookup, TABLE_EVENT_PATH);
    return true;
}

static void
store_insert(struct table_store *store, const struct table_event *event)
{
    if (store->insert == NULL) {
        store->insert = prepare_insert(store, &table_events);
    }
    sqlite3_stmt *insert = store->insert;
    check(store, sqlite3_bind_int64(insert, TABLE_EVENT_ID + 1, event->id), SQLITE_OK);
    check(store, sqlite3_bind_int64(insert, TABLE_EVENT_TS + 1, event->ts), SQLITE_OK);
    check(store, sqlite3_bind_int64(insert, TABLE_EVENT_USER + 1, event->user), SQLITE_OK);
    bind_text(store, insert, TABLE_EVENT_KIND + 1, event->kind);
    bind_text(store, insert, TABLE_EVENT_COUNTRY + 1, event->country);
    check(store, sqlite3_bind_int(insert, TABLE_EVENT_STATUS + 1, event->status), SQLITE_OK);
    check(store, sqlite3_bind_int64(insert, TABLE_EVENT_AMOUNT + 1, event->amount), SQLITE_OK);
    check(store, sqlite3_bind_double(insert, TABLE_EVENT_LATENCY + 1, event->latency), SQLITE_OK);
    bind_text(store, insert, TABLE_EVENT_PATH + 1, event->path);
    step_insert(store, insert);
}

static void
store_update(struct table_store *store, int64_t id, int64_t amount)
{
    if (store->update == NULL) {
        store->update = prepare(store, "update events set amount = ? where id = ?");
    }
    check(store, sqlite3_bind_int64(store->update, 1, amount), SQLITE_OK);
    check(store, sqlite3_bind_int64(store->update, 2, id), SQLITE_OK);
    step_insert(store, store->update);
}

static void
store_halve(struct table_store *store, uint64_t rows)
{
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "delete from events where id %% 2 = 1 and id < %llu",
                   (unsigned long long)rows);
    execute(store, sql);
    execute(store, "vacuum; pragma wal_checkpoint(truncate)");
}

const struct table_engine table_engine = {.name = "sqlite",
                                          .version = version,
                                          .open = store_open,
                                          .close = store_close,
                                          .load = store_load,
                                          .query = store_query,
                                          .lookup = store_lookup,
                                          .insert = store_insert,
                                          .update = store_update,
                                          .halve = store_halve};
