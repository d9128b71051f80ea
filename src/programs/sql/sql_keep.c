/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_keep.c: what a statement keeps of a table that it looks up again and again.
 *
 * A lookup in a store costs as much as dozens of rows of a scan, one by a range as thousands, a row
 * by an index as dozens again. A statement that has spent as much on lookups as reading the table
 * once would cost gets the table read into memory (sqlvalue_lookup.c). A correlated subquery opens
 * its cursor anew for each row of the outer statement, so what was spent and read belongs not to a
 * cursor but to the table, until all cursors over the store are closed: the end of the statement,
 * or of several.
 *
 * Lookups of one cursor by keys that ascend need no memory for that (sql_merge.c).
 *
 * What a lookup costs is estimated, and measured: where blocks push each other out of the cache, it
 * is a hundred times as much.
 *
 * That spends about twice what reading the table at the first lookup would have cost. So the table
 * remembers for a few plans that reading was worth it, and the next statement with such a plan
 * reads after an eighth of the lookups. If it turns out to make fewer lookups than would pay, the
 * plan is forgotten.
 *
 * Cursors share what is kept if they read the same snapshot, with the same plan, and with the same
 * constants: two subqueries of a statement may have plans that look alike, and differ in a
 * constant.
 *
 * Of a statement's columns those are read that SQLite has asked for up to then: for EXISTS (SELECT
 * * …) it says that it uses all. One that is missing later is read from the store by the row's key;
 * if that happens often, the table is read again. Lookups in the store read no more than those
 * columns either, as soon as many have shown which: blocks of all columns of a large table would
 * push each other out of the cache.
 *
 * Locking: under the mutex of the connection.
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
#include <time.h>
SQLITE_EXTENSION_INIT3

/* What lookups cost, in rows that are put into memory; looked at every so many lookups, after the
 * first few. */
enum { ROWS_PER_GET = 64, ROWS_PER_RANGE = 1000, GETS = 16 };
#define NS_PER_ROW 100.0 /* that is put into memory */
/* Of what reading costs, a plan that was worth it spends this part on lookups. */
enum { WORTHY_PART = 8 };
/* So many rows have shown which columns are asked for: for memory, where one more is cheap; for
 * scans. So many rows of which one was missing make the table be read again, and scans read all
 * columns. */
enum { FOUND_MIN = 4, FOUND_MANY = 64, MISSED_MAX = 64 };

/* ---- plans that were worth it ---- */

static uint64_t
hash_of(const char *plan)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *plan != '\0'; plan++) {
        hash = (hash ^ (uint8_t)*plan) * UINT64_C(1099511628211);
    }
    return hash;
}

/* Where the table has a plan; FI_SQL_KEEP_WORTHY: nowhere. */
static size_t
find_worthy(const struct fi_sql_table *table, uint64_t hash)
{
    size_t i = 0;
    while (i < FI_SQL_KEEP_WORTHY && table->worthy[i] != hash) {
        i++;
    }
    return i;
}

/* Remembers whether reading the rows was worth it. The plans that were used last come first. */
static void
sql_keep_assess(struct fi_sql_table *table, const struct fi_sql_keep *keep)
{
    if (keep->rows == 0) {
        return; /* they were not read */
    }
    const uint64_t hash = hash_of(keep->plan);
    size_t at = find_worthy(table, hash);
    const bool is_worthy = keep->price * (double)keep->gets >= keep->rows;
    at = at == FI_SQL_KEEP_WORTHY ? at - 1 : at;
    if (is_worthy) {
        memmove(table->worthy + 1, table->worthy, at * sizeof table->worthy[0]);
        table->worthy[0] = hash;
    } else if (table->worthy[at] == hash) {
        table->worthy[at] = 0;
    }
}

static void
sql_keep_destroy(struct fi_sql_keep *keep)
{
    fi_sqlvalue_lookup_destroy(keep->lookup);
    sqlite3_free(keep->places);
    sqlite3_free(keep->plan);
    sqlite3_free(keep->constants);
    sqlite3_free(keep);
}

/* Those that no cursor uses, of other snapshots than `serial`; 0: of all. */
static void
sql_keep_forget(struct fi_sql_table *table, uint64_t serial)
{
    struct fi_sql_keep **at = &table->keeps;
    while (*at != NULL) {
        struct fi_sql_keep *keep = *at;
        if (keep->users == 0 && keep->serial != serial) {
            *at = keep->next;
            table->store->keep_count--;
            sql_keep_assess(table, keep);
            sql_keep_destroy(keep);
        } else {
            at = &keep->next;
        }
    }
}

void
fi_sql_keep_forget(struct fi_sql_table *table)
{
    sql_keep_forget(table, 0);
}

void
fi_sql_keep_enter(struct fi_sql_store *store)
{
    store->cursor_count++;
}

void
fi_sql_keep_leave(struct fi_sql_store *store)
{
    assert(store->cursor_count > 0);
    if (--store->cursor_count > 0 || store->keep_count == 0) {
        return;
    }
    for (struct fi_sql_table *table = store->tables; table != NULL; table = table->next) {
        fi_sql_keep_forget(table);
    }
}

void
fi_sql_keep_release(struct fi_sql_keep *keep)
{
    assert(keep == NULL || keep->users > 0);
    if (keep != NULL) {
        keep->users--;
    }
}

/* ---- the same as before? ---- */

/* The constants that a plan's conditions have, as bytes; of sqlite3_malloc. */
static char *
constants_of(const struct fi_sql_plan *plan, sqlite3_value **values, size_t *out_size)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    for (size_t i = 0; i < plan->item_count; i++) {
        if (plan->items[i].role != FI_SQL_WHERE) {
            continue;
        }
        const int type = sqlite3_value_type(values[i]);
        const sqlite3_int64 whole = sqlite3_value_int64(values[i]);
        const double real = sqlite3_value_double(values[i]);
        const void *bytes = type == SQLITE_TEXT || type == SQLITE_BLOB
                                ? sqlite3_value_blob(values[i])
                                : (type == SQLITE_FLOAT ? (const void *)&real : &whole);
        const int size = type == SQLITE_TEXT || type == SQLITE_BLOB ? sqlite3_value_bytes(values[i])
                                                                    : (int)sizeof whole;
        sqlite3_str_append(text, (const char *)&type, (int)sizeof type);
        sqlite3_str_append(text, (const char *)&size, (int)sizeof size);
        sqlite3_str_append(text, bytes != NULL ? bytes : "", bytes != NULL ? size : 0);
    }
    *out_size = (size_t)sqlite3_str_length(text);
    return sqlite3_str_finish(text);
}

static struct fi_sql_keep *
sql_keep_create(struct fi_sql_table *table, uint64_t serial, const char *plan_text)
{
    assert(plan_text[0] != '\0' && serial > 0);
    struct fi_sql_keep *keep = sqlite3_malloc64(sizeof *keep);
    if (keep == NULL) {
        return NULL;
    }
    memset(keep, 0, sizeof *keep);
    keep->serial = serial;
    keep->plan = sqlite3_mprintf("%s", plan_text);
    if (keep->plan == NULL) {
        sqlite3_free(keep);
        return NULL;
    }
    keep->is_worthy = find_worthy(table, hash_of(plan_text)) < FI_SQL_KEEP_WORTHY;
    sql_keep_forget(table, serial);
    keep->next = table->keeps;
    table->keeps = keep;
    table->store->keep_count++;
    return keep;
}

struct fi_sql_keep *
fi_sql_keep_take(struct fi_sql_table *table, const struct fi_sql_view *view, const char *plan_text,
                 const struct fi_sql_plan *plan, sqlite3_value **values)
{
    size_t size;
    char *constants = constants_of(plan, values, &size);
    struct fi_sql_keep *keep = table->keeps;
    assert(view->serial != 0);
    while (keep != NULL && (keep->serial != view->serial || strcmp(keep->plan, plan_text) != 0 ||
                            keep->constants_size != size ||
                            (size > 0 && memcmp(keep->constants, constants, size) != 0))) {
        keep = keep->next;
    }
    if (keep == NULL) {
        keep = sql_keep_create(table, view->serial, plan_text);
        if (keep != NULL) {
            keep->constants = constants;
            keep->constants_size = size;
            constants = NULL;
        }
    }
    sqlite3_free(constants);
    if (keep != NULL) {
        keep->users++;
    }
    return keep;
}

/* ---- reading the table ---- */

uint64_t
fi_sql_keep_clock(void)
{
    struct timespec now;
    return clock_gettime(CLOCK_MONOTONIC, &now) == 0
               ? (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec
               : 0;
}

void
fi_sql_keep_spend_time(struct fi_sql_keep *keep, uint64_t began)
{
    const uint64_t ended = fi_sql_keep_clock();
    keep->spent_ns += ended > began ? ended - began : 0;
}

void
fi_sql_keep_spend(struct fi_sql_keep *keep, const struct fi_sql_plan *plan, size_t rows)
{
    keep->spent += (double)rows * (plan->order == 0 ? 1 : ROWS_PER_GET);
}

uint64_t
fi_sql_keep_columns(const struct fi_sql_keep *keep, const struct fi_sql_table *table, uint64_t used)
{
    const size_t count = table->def->column_count;
    const uint64_t all = count < 64 ? (UINT64_C(1) << count) - 1 : UINT64_MAX;
    const bool is_known = keep != NULL && keep->found >= FOUND_MANY && keep->missed <= MISSED_MAX;
    return is_known && used == all ? keep->asked & used : used;
}

/* Whether a lookup finds rows by an order; if not it looks at all rows. */
static bool
has_bounds(const struct fi_sql_plan *plan)
{
    for (size_t i = 0; i < plan->item_count; i++) {
        if (plan->items[i].role == FI_SQL_SEEK_EQUAL || plan->items[i].role == FI_SQL_SEEK_RANGE) {
            return true;
        }
    }
    return false;
}

bool
fi_sql_keep_is_worth(struct fi_sql_keep *keep, struct fi_sql_table *table,
                     const struct fi_sql_plan *plan)
{
    if (keep->lookup != NULL && keep->missed > MISSED_MAX && keep->users == 1) {
        fi_sqlvalue_lookup_destroy(keep->lookup);
        keep->lookup = NULL;
        keep->missed = 0;
    }
    keep->gets++;
    if (keep->lookup != NULL || keep->has_no_lookup || keep->is_empty) {
        return !keep->has_no_lookup;
    }
    const double rows = fi_sql_known_rows(table);
    keep->spent += plan->is_point     ? ROWS_PER_GET
                   : has_bounds(plan) ? ROWS_PER_RANGE
                                      : ROWS_PER_RANGE + rows * fi_sql_plan_test_cost(table, rows);
    const double measured = (double)keep->spent_ns / NS_PER_ROW;
    const double spent = keep->spent > measured ? keep->spent : measured;
    const bool is_worth = (keep->gets <= GETS || keep->gets % GETS == 0) && keep->gets > 2 &&
                          spent >= (keep->is_worthy ? rows / WORTHY_PART : rows);
    if (is_worth) {
        keep->price = spent / (double)keep->gets;
        keep->rows = rows;
    }
    return is_worth;
}

struct reading {
    const struct fi_sql_table *table;
    sqlite3_str *select;
    int32_t *places;
    int32_t count;
};

static void
want(struct reading *reading, uint32_t column)
{
    if (reading->places[column] < 0) {
        sqlite3_str_appendf(reading->select, "%s\"%w\"", reading->count > 0 ? ", " : "",
                            reading->table->def->columns[column].name);
        reading->places[column] = reading->count++;
    }
}

/* The columns of the key come first, then those by which rows are found. */
static char *
select_of(struct fi_sql_keep *keep, const struct fi_sql_table *table,
          const struct fi_sql_keys *keys, uint64_t used)
{
    struct reading reading = {
        .table = table, .select = sqlite3_str_new(NULL), .places = keep->places};
    const uint64_t wanted = keep->found >= FOUND_MIN ? keep->asked & used : used;
    for (size_t i = 0; i < table->def->column_count; i++) {
        keep->places[i] = -1;
    }
    for (size_t i = 0; i < table->orders[0].count; i++) {
        want(&reading, table->orders[0].columns[i]);
    }
    for (size_t i = 0; i < keys->count; i++) {
        want(&reading, keys->columns[i]);
    }
    for (size_t i = 0; i < table->def->column_count; i++) {
        if ((wanted >> (i < 63 ? i : 63) & 1) != 0) {
            want(&reading, (uint32_t)i);
        }
    }
    return sqlite3_str_finish(reading.select);
}

/* A column that was dropped and made anew with another type is not the one that SQLite was told
 * of. */
static int
check_types(const struct fi_sql_keep *keep, const struct fi_sql_table *table, firn_scan *scan,
            firn_error *err)
{
    assert(keep->places != NULL);
    for (size_t i = 0; i < table->def->column_count; i++) {
        if (keep->places[i] >= 0) {
            FI_TRY_RETURN(
                fi_sql_known_check_column(table, (uint32_t)i, scan, (size_t)keep->places[i], err));
        }
    }
    return FIRN_OK;
}

int
fi_sql_keep_read(struct fi_sql_keep *keep, const struct fi_sql_table *table,
                 firn_snapshot *snapshot, const struct fi_sql_plan *plan,
                 const struct fi_sql_keys *keys, int count, sqlite3_value **values, firn_error *err)
{
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    struct fi_sql_filter filter = {.is_empty = false};
    size_t places[FIRN_TABLE_KEY_COLUMNS_MAX];
    struct fi_sql_asking asking = {.db = fi_sql_db(table->store->sql)};
    firn_scan *scan = NULL;
    char *select = NULL;
    assert(keep->lookup == NULL && keys->count <= FIRN_TABLE_KEY_COLUMNS_MAX);
    if (keep->places == NULL) {
        keep->places = sqlite3_malloc64(table->def->column_count * sizeof keep->places[0]);
    }
    if (keep->places != NULL) {
        select = select_of(keep, table, keys, plan->used);
    }
    int rc = select != NULL ? FIRN_OK : fi_sqlvalue_no_memory(err);
    if (rc == FIRN_OK) {
        rc = fi_sql_filter_init_constant(&filter, table, plan, count, values, err);
    }
    if (rc == FIRN_OK && filter.is_empty) {
        keep->is_empty = true;
        goto out;
    }
    if (rc == FIRN_OK) {
        options.snapshot = snapshot;
        options.select = select;
        options.where = filter.where != NULL ? sqlite3_str_value(filter.where) : NULL;
        options.parameters = filter.parameters;
        options.parameter_count = filter.parameter_count;
        options.threads = 1;
        options.callbacks.on_progress = fi_sql_ask;
        options.callbacks.ctx = &asking;
        rc = firn_scan_open(table->table, &options, &scan, err);
    }
    assert(rc != FIRN_OK || keep->places != NULL);
    rc = rc == FIRN_OK ? check_types(keep, table, scan, err) : rc;
    for (size_t i = 0; rc == FIRN_OK && i < keys->count; i++) {
        assert(keep->places != NULL && keep->places[keys->columns[i]] >= 0);
        places[i] = (size_t)keep->places[keys->columns[i]];
    }
    rc = rc == FIRN_OK ? fi_sqlvalue_lookup_create(scan, places, keys->count, &keep->lookup, err)
                       : rc;
    keep->has_no_lookup = keep->lookup == NULL;
out:
    firn_scan_close(scan);
    fi_sql_query_end(&asking);
    fi_sql_filter_deinit(&filter);
    sqlite3_free(select);
    return rc;
}
