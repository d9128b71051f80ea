/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: the memory that tables take beside the store's budget, measured: loads in order and in none, with and
 * without indexes, groups, sorts of rows and of groups, wide expressions, gets. Files are on the disk.
 */
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_peak.h"
#include "support/test_temp.h"

enum { ROWS = 300000, MIB = 1 << 20, BUDGET = 32 * MIB, QUERY = 16 * MIB };
/* What is allowed: a load has a quarter of the budget for sorting beside it; queries, a batch of each column. */
enum {
    LOAD = BUDGET / 4 * 5,
    WIDE = BUDGET / 4 * 7,
    GROUPS = QUERY + 2 * MIB,
    PLAIN = 2 * MIB,
    WORDY = 4 * MIB,
    FEW = 6 * MIB
};

static firn_error err;

#define OK(expression)                                 \
    do {                                               \
        if ((expression) != FIRN_OK) {                 \
            fail_msg("%s: %s", #expression, err.text); \
        }                                              \
    } while (0)

static uint64_t
mix(uint64_t number)
{
    number = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return number ^ number >> 29;
}

static firn_store *
open_store(const char *path)
{
    firn_store *store;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.memory_bytes = BUDGET;
    options.durability = FIRN_DURABILITY_OS;
    OK(firn_store_open(path, &options, &store, &err));
    return store;
}

/* Loads a table of 12 columns, about 150 bytes a row; returns the most memory that was in use. */
static size_t
load(const char *path, const char *name, const char *indexes, bool is_scattered)
{
    firn_store *store = open_store(path);
    firn_table_def *def;
    firn_table *table;
    firn_table_bulk *bulk;
    char text[512];
    (void)snprintf(text, sizeof text,
                   "id i64 primary key, a i64, b i64, c i64, d f64, e f64, s text, t text, u text, "
                   "f i32, g i32, h bool%s",
                   indexes);
    OK(firn_table_def_parse(text, &def, &err));
    OK(firn_table_create(store, name, def, &table, &err));
    firn_release(def);
    (void)test_peak_take();
    OK(firn_table_bulk_open(table, NULL, &bulk, &err));
    for (int64_t i = 0; i < ROWS; i++) {
        int64_t id = is_scattered ? (int64_t)((uint64_t)i * 7919 % ROWS) : i;
        uint64_t noise = mix((uint64_t)id);
        char s[32];
        char t[48];
        (void)snprintf(s, sizeof s, "%016llx", (unsigned long long)noise);
        (void)snprintf(t, sizeof t, "%lld of %llx", (long long)id, (unsigned long long)noise >> 20);
        const firn_value values[] = {firn_i64(id),
                                     firn_i64((int64_t)(noise >> 1)),
                                     firn_i64(id / 7),
                                     firn_i64(id % 1000),
                                     firn_f64((double)(noise >> 12)),
                                     firn_f64((double)id * 0.25),
                                     firn_text(s),
                                     firn_text(t),
                                     firn_text(id % 3 == 0 ? "one" : "two"),
                                     firn_i64(id % 100000),
                                     firn_i64((int64_t)(noise >> 40)),
                                     firn_bool(id % 2 == 0)};
        OK(firn_table_bulk_put(bulk, values, sizeof values / sizeof values[0], &err));
    }
    OK(firn_table_bulk_commit(bulk, &err));
    firn_table_bulk_close(bulk);
    size_t peak = test_peak_take();
    OK(firn_store_close(store, &err));
    return peak;
}

/* The same of a table of so many columns of numbers. */
static size_t
load_wide(const char *path, unsigned columns)
{
    firn_store *store = open_store(path);
    firn_table_def *def;
    firn_table *table;
    firn_table_bulk *bulk;
    char *text = calloc(columns + 1, 16);
    firn_value *values = calloc(columns + 1, sizeof *values);
    assert_true(text != NULL && values != NULL);
    size_t size = (size_t)snprintf(text, 32, "id i64 primary key");
    for (unsigned i = 1; i <= columns; i++) {
        size += (size_t)snprintf(text + size, 16, ", c%u i64", i);
    }
    OK(firn_table_def_parse(text, &def, &err));
    OK(firn_table_create(store, "wide", def, &table, &err));
    firn_release(def);
    (void)test_peak_take();
    OK(firn_table_bulk_open(table, NULL, &bulk, &err));
    for (int64_t id = 0; id < 20000; id++) {
        for (unsigned i = 0; i <= columns; i++) {
            values[i] = firn_i64(i == 0 ? id : (int64_t)(mix((uint64_t)id + i) >> 1));
        }
        OK(firn_table_bulk_put(bulk, values, columns + 1, &err));
    }
    OK(firn_table_bulk_commit(bulk, &err));
    firn_table_bulk_close(bulk);
    size_t peak = test_peak_take();
    OK(firn_store_close(store, &err));
    free(text);
    free(values);
    return peak;
}

/* The most memory in use beside what an open store that has read the table has. */
static size_t
query(firn_table *table, const char *select, const char *group_by, const char *order_by,
      uint64_t *out_rows)
{
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    firn_scan *scan;
    const firn_scan_batch *batch;
    options.select = select;
    options.group_by = group_by;
    options.order_by = order_by;
    options.memory_bytes = QUERY;
    options.threads = 1;
    size_t before = test_peak_in_use();
    (void)test_peak_take();
    *out_rows = 0;
    OK(firn_scan_open(table, &options, &scan, &err));
    for (;;) {
        OK(firn_scan_next(scan, &batch, &err));
        if (batch == NULL) {
            break;
        }
        *out_rows += firn_scan_batch_rows(batch);
    }
    firn_scan_close(scan);
    size_t peak = test_peak_take();
    return peak > before ? peak - before : 0;
}

static void
expect(const char *what, size_t bytes, size_t most)
{
    print_message("count: %zu KiB for %s, of %zu\n", bytes >> 10, what, most >> 10);
    if (bytes > most) {
        fail_msg("%s takes %zu KiB, and should take %zu", what, bytes >> 10, most >> 10);
    }
}

static void
memory_is_bounded(void **state)
{
    char dir[TEST_TEMP_SIZE];
    char path[80];
    char wide[4096];
    size_t size = 0;
    uint64_t rows;
    test_temp_make(dir, sizeof dir);
    (void)snprintf(path, sizeof path, "%s/s.firn", dir);
    test_peak_install();
    expect("a load in order", load(path, "a", "", false), LOAD);
    expect("a load in no order", load(path, "b", "", true), LOAD);
    expect("a load of 500 columns", load_wide(path, 500), WIDE);
    expect("a load with indexes",
           load(path, "c", ", index by_a (a), unique index by_s (s, id)", true), LOAD);

    firn_store *store = open_store(path);
    firn_table *table;
    OK(firn_table_open(store, "a", &table, &err));
    (void)query(table, "count(id), count(a), count(s), count(t)", NULL, NULL,
                &rows); /* the cache */
    for (unsigned i = 0; i < 40; i++) {
        size += (size_t)snprintf(wide + size, sizeof wide - size, "%sa %% %u + b * %u - c",
                                 i > 0 ? ", " : "", i + 3, i + 1);
    }
    expect("plain columns", query(table, "a, s, t", NULL, NULL, &rows), PLAIN);
    assert_int_equal(rows, ROWS);
    expect("40 expressions", query(table, wide, NULL, NULL, &rows), WORDY);
    assert_int_equal(rows, ROWS);
    expect("few groups", query(table, "u, count(*), avg(d)", "u", NULL, &rows), FEW);
    assert_int_equal(rows, 2);
    expect("many groups", query(table, "s, count(*), max(t)", "s", NULL, &rows), GROUPS);
    assert_int_equal(rows, ROWS);
    expect("distinct values", query(table, "c, count(distinct s)", "c", NULL, &rows), GROUPS);
    assert_int_equal(rows, 1000);
    expect("sorted rows", query(table, "s, t, a", NULL, "s", &rows), GROUPS);
    assert_int_equal(rows, ROWS);
    expect("sorted groups", query(table, "s, count(*), max(t)", "s", "max(t) desc", &rows), GROUPS);
    assert_int_equal(rows, ROWS);
    OK(firn_store_close(store, &err));
    OK(firn_store_destroy(path, &err));
    test_peak_uninstall();
    assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests_name("table_memory", tests, NULL, NULL);
}
