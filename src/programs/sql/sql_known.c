/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_known.c: what is known of a table, and whether that is still so: how many rows it has,
 * and the definition that SQLite was told of.
 *
 * Neither is asked for at each statement: the number of rows a few seconds at most after the last
 * time, the definition a few times a second, and at once after a statement has failed.
 */
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
#include <time.h>
SQLITE_EXTENSION_INIT3

enum { CHECK_MS = 200, STATS_MS = 5000 };

uint64_t
fi_sql_known_ms(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC_COARSE, &now) != 0) {
        return 0;
    }
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void
fi_sql_known_check(struct fi_sql_table *table)
{
    struct fi_sql_store *store = table->store;
    uint64_t generation = fi_sql_store_generation(store);
    uint64_t now = fi_sql_known_ms();
    if (store->snapshot != NULL ||
        (table->generation == generation && now - table->checked_ms < CHECK_MS)) {
        return;
    }
    firn_table *found = NULL;
    char *text = NULL;
    firn_error ignored;
    int rc = FIRN_OK;
    if (store->read_only && store->txn == NULL && store->shot == NULL) {
        rc = firn_store_refresh(store->store, &ignored); /* another process may have changed it */
    }
    rc = rc == FIRN_OK ? firn_table_open(store->store, table->table_name, &found, &ignored) : rc;
    if (rc == FIRN_OK) {
        table->table = found;
        rc = firn_table_describe(found, NULL, NULL, &text, &ignored);
    }
    if (rc == FIRN_OK && strcmp(text, table->text) != 0 && !fi_sql_reset(store->sql)) {
        now -= CHECK_MS; /* once more, soon */
    }
    firn_release(text);
    table->generation = generation;
    table->checked_ms = now;
}

void
fi_sql_known_check_now(struct fi_sql_table *table)
{
    table->checked_ms -= CHECK_MS;
    fi_sql_known_check(table);
}

static double
keyspace_rows(struct fi_sql_table *table, uint64_t now)
{
    assert(table->keyspace != NULL && table->table == NULL);
    firn_keyspace_size size = FIRN_KEYSPACE_SIZE_INIT;
    firn_error ignored;
    if ((table->stats_ms == 0 || now - table->stats_ms > STATS_MS) &&
        firn_keyspace_approximate_size(table->keyspace, firn_bytes(NULL, 0), firn_bytes(NULL, 0),
                                       &size, &ignored) == FIRN_OK) {
        table->rows_written = (int64_t)(size.file_entries + size.memory_entries);
        table->stats_ms = now;
    }
    return table->rows_written > 1 ? (double)table->rows_written : 1;
}

double
fi_sql_known_rows(struct fi_sql_table *table)
{
    uint64_t now = fi_sql_known_ms();
    firn_error ignored;
    if (table->keyspace != NULL) {
        return keyspace_rows(table, now);
    }
    if (table->stats == NULL || now - table->stats_ms > STATS_MS) {
        firn_table_stats_options options = FIRN_TABLE_STATS_OPTIONS_INIT;
        firn_table_statistics *stats = NULL;
        options.snapshot = table->store->snapshot;
        if (firn_table_stats(table->table, &options, &stats, &ignored) == FIRN_OK) {
            firn_release(table->stats);
            table->stats = stats;
            table->rows_written = 0;
        }
        table->stats_ms = now;
    }
    double rows = table->stats != NULL ? (double)table->stats->rows : 1000;
    rows += (double)table->rows_written;
    return rows > 1 ? rows : 1;
}

int
fi_sql_known_check_column(const struct fi_sql_table *table, uint32_t number, const firn_scan *scan,
                          size_t place, firn_error *err)
{
    assert(number < table->def->column_count && place < firn_scan_column_count(scan));
    const firn_table_column *told = &table->def->columns[number];
    firn_scan_column column = FIRN_SCAN_COLUMN_INIT;
    firn_scan_column_at(scan, place, &column);
    return column.type == told->type && column.scale == told->scale
               ? FIRN_OK
               : fi_sqlvalue_error(
                     err, FIRN_INVALID,
                     "column %s of the table '%s' was changed: run the statement again", told->name,
                     table->table_name);
}
