/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: threads that insert into one table, of which two may want the same value in a unique index,
 * beside one that reads and one that adds and drops columns. No row is lost, none is there twice, and the
 * index has the entries of the rows.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "firn/firn.h"
#include "support/test.h"

enum { WRITERS = 3, ROWS_EACH = 150, NAMES = 300, CHANGES = 10 };

static firn_store *store;
static firn_table *table;
static atomic_bool is_over;
static atomic_uint inserted;
static atomic_uint failures; /* of calls that may not fail */

static void
note(int rc, const firn_error *err)
{
    if (rc != FIRN_OK) {
        (void)fprintf(stderr, "%d: %s\n", rc, err->text);
        atomic_fetch_add(&failures, 1);
    }
}

/* Names repeat among the threads, so some inserts are refused. */
static void *
insert_rows(void *arg)
{
    const unsigned *first = arg;
    const char *const columns[] = {"name"};
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    options.columns = columns;
    for (unsigned i = 0; i < ROWS_EACH; i++) {
        firn_error err;
        char name[16];
        (void)snprintf(name, sizeof name, "n%u", (*first * 100 + i) % NAMES);
        const firn_value value = firn_text(name);
        int rc = firn_table_insert(table, &options, &value, 1, &err);
        if (rc == FIRN_OK) {
            atomic_fetch_add(&inserted, 1);
        } else if (rc != FIRN_EXISTS) {
            note(rc, &err);
        }
    }
    return NULL;
}

/* Rows in order, by the key or by the index; how many. */
static unsigned
count_rows(const char *index)
{
    firn_error err;
    const char *const columns[] = {"id", "name"};
    firn_table_cursor_options options = FIRN_TABLE_CURSOR_OPTIONS_INIT;
    firn_table_cursor *cursor;
    const firn_row *row = NULL;
    unsigned count = 0;
    options.read.index = index;
    options.read.columns = columns;
    options.read.column_count = 2;
    int rc = firn_table_cursor_open(table, &options, &cursor, &err);
    while (rc == FIRN_OK) {
        rc = firn_table_cursor_next(cursor, &row, &err);
        if (row == NULL) {
            break;
        }
        count++;
    }
    note(rc, &err);
    firn_table_cursor_close(cursor);
    return count;
}

static void *
read_rows(void *arg)
{
    (void)arg;
    unsigned before = 0;
    while (!atomic_load(&is_over)) {
        unsigned count = count_rows(NULL);
        if (count < before || count_rows("by_name") < count) {
            atomic_fetch_add(&failures, 1);
        }
        before = count;
    }
    return NULL;
}

static void *
change_table(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < CHANGES; i++) {
        firn_error err;
        const firn_value seven = firn_i64(7);
        const firn_table_column column = {
            .name = "more", .type = FIRN_TYPE_I64, .not_null = true, .default_value = &seven};
        note(firn_table_add_column(table, &column, &err), &err);
        note(firn_table_drop_column(table, "more", &err), &err);
        note(firn_store_flush(store, &err), &err);
    }
    return NULL;
}

static void
threads_share_a_table(void **state)
{
    firn_error err;
    firn_table_def *def;
    pthread_t writers[WRITERS];
    unsigned firsts[WRITERS];
    pthread_t reader;
    pthread_t changer;
    assert_int_equal(firn_store_open_memory(64 << 20, NULL, &store, &err), FIRN_OK);
    assert_int_equal(firn_table_def_parse("id i64 auto, name text not null, primary key (id), "
                                          "unique index by_name (name)",
                                          &def, &err),
                     FIRN_OK);
    assert_int_equal(firn_table_create(store, "t", def, &table, &err), FIRN_OK);
    firn_release(def);
    assert_int_equal(pthread_create(&reader, NULL, read_rows, NULL), 0);
    assert_int_equal(pthread_create(&changer, NULL, change_table, NULL), 0);
    for (unsigned i = 0; i < WRITERS; i++) {
        firsts[i] = i;
        assert_int_equal(pthread_create(&writers[i], NULL, insert_rows, &firsts[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(writers[i], NULL), 0);
    }
    assert_int_equal(pthread_join(changer, NULL), 0);
    atomic_store(&is_over, true);
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_int_equal(atomic_load(&failures), 0);
    /* Together the threads want every name, and half of them twice. */
    assert_int_equal(atomic_load(&inserted), NAMES);
    assert_int_equal(count_rows(NULL), NAMES);
    assert_int_equal(count_rows("by_name"), NAMES);
    assert_int_equal(firn_store_compact(store, NULL, &err), FIRN_OK);
    assert_int_equal(count_rows("by_name"), NAMES);
    assert_int_equal(atomic_load(&failures), 0);
    assert_int_equal(firn_store_close(store, &err), FIRN_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
