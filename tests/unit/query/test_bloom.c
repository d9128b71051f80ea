/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/query: Bloom filters of columns: scans for values find what a model has, after updates, deletes, flushes and
 * compactions, in snapshots, with columns that were added, and after reopening; row groups that do not have a value are
 * skipped; definitions keep the option, and refuse it for vectors; it can be set and taken away.
 */
#include <inttypes.h>
#include <math.h>
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_table.h"
#include "support/test_temp.h"

static firn_error err;

static const char definition[] =
    "id i64 primary key, code u64 bloom, name text not null bloom, real f64 bloom, "
    "plain u64";

struct rig {
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TABLE_PATH_SIZE];
    firn_store *store;
    firn_table *table;
};

enum { IDS = 3000, VALUES = 4000 };

static firn_row_options fast = FIRN_ROW_OPTIONS_INIT; /* not durable at once */

/* A row of the model; value 0: there is none. code, name and real follow from the value. */
struct model {
    uint32_t values[IDS];
};

static uint64_t
code_of(uint32_t value)
{
    return value * UINT64_C(0x9e3779b97f4a7c15) >> 3;
}

static void
name_of(uint32_t value, char out[32])
{
    (void)snprintf(out, 32, "name %" PRIx64, code_of(value) * 31 >> 5);
}

static double
real_of(uint32_t value)
{
    return value % 7 == 0 ? 0.0 : value % 11 == 0 ? (double)NAN : (double)code_of(value) / 3.3;
}

static void
put(struct rig *rig, struct model *model, uint32_t id, uint32_t value)
{
    char name[32];
    name_of(value, name);
    const firn_value row[5] = {
        firn_i64(id), value % 5 == 0 ? firn_null() : firn_u64(code_of(value)), firn_text(name),
        firn_f64(value % 2 ? -real_of(value) : real_of(value)), firn_u64(code_of(value))};
    OK(firn_table_upsert(rig->table, &fast, row, 5, &err));
    model->values[id] = value;
}

static uint64_t
count_where(struct rig *rig, firn_snapshot *snapshot, const char *where, const firn_value *values,
            size_t count, firn_scan_stats *stats)
{
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    firn_scan *scan;
    const firn_scan_batch *batch;
    uint64_t rows = 0;
    options.where = where;
    options.parameters = values;
    options.parameter_count = count;
    options.snapshot = snapshot;
    OK(firn_scan_open(rig->table, &options, &scan, &err));
    for (;;) {
        OK(firn_scan_next(scan, &batch, &err));
        if (batch == NULL) {
            break;
        }
        rows += firn_scan_batch_rows(batch);
    }
    if (stats != NULL) {
        firn_scan_get_stats(scan, stats);
    }
    firn_scan_close(scan);
    return rows;
}

static void
compare(struct rig *rig, const struct model *model, firn_snapshot *snapshot,
        struct test_random *random)
{
    for (unsigned i = 0; i < 25; i++) {
        uint32_t value = 1 + (uint32_t)test_random_below(random, VALUES);
        uint32_t other = model->values[test_random_below(random, IDS)];
        char name[32];
        char other_name[32];
        uint64_t codes = 0;
        uint64_t names = 0;
        uint64_t zeros = 0;
        uint64_t nans = 0;
        value = i % 2 == 0 && other != 0 ? other : value; /* it is there; it may be there */
        for (uint32_t id = 0; id < IDS; id++) {
            const uint32_t at = model->values[id];
            codes += at == value && at % 5 != 0;
            names += at != 0 && (at == value || at == other);
            zeros += at != 0 && at % 7 == 0;
            nans += at != 0 && at % 7 != 0 && at % 11 == 0;
        }
        name_of(value, name);
        name_of(other, other_name);
        const firn_value code = firn_u64(code_of(value));
        const firn_value in[2] = {firn_text(name), firn_text(other_name)};
        const firn_value reals[2] = {firn_f64(-0.0), firn_f64((double)-NAN)};
        assert_int_equal(count_where(rig, snapshot, "code = ?", &code, 1, NULL), codes);
        assert_int_equal(count_where(rig, snapshot, "name in (?, ?)", in, 2, NULL), names);
        if (i == 0) {
            assert_int_equal(count_where(rig, snapshot, "real = ?", &reals[0], 1, NULL), zeros);
            assert_int_equal(count_where(rig, snapshot, "real = ?", &reals[1], 1, NULL), nans);
        }
    }
}

static void
reopen(struct rig *rig)
{
    OK(firn_store_close(rig->store, &err));
    OK(firn_store_open(rig->path, NULL, &rig->store, &err));
    OK(firn_table_open(rig->store, "t", &rig->table, &err));
}

static void
values_are_found_as_in_a_model(void **state)
{
    struct test_random random;
    test_random_init(&random, "values_are_found_as_in_a_model", 2019);
    for (unsigned round = 0; round < 4; round++) {
        struct rig rig;
        struct model *model = calloc(1, sizeof *model);
        struct model *old = calloc(1, sizeof *old);
        firn_snapshot *snapshot = NULL;
        assert_non_null(model);
        assert_non_null(old);
        test_table_create(rig.dir, rig.path, definition, &rig.store, &rig.table);
        for (unsigned step = 0; step < 30; step++) {
            const uint64_t what = test_random_below(&random, 8);
            if (what == 0) {
                OK(firn_store_flush(rig.store, &err));
            } else if (what == 1) {
                OK(firn_store_compact(rig.store, NULL, &err));
            } else if (what == 2) {
                firn_snapshot_close(snapshot);
                OK(firn_snapshot_open(rig.store, NULL, &snapshot, &err));
                memcpy(old, model, sizeof *old);
            } else if (what == 3 && snapshot == NULL) {
                reopen(&rig);
            } else {
                for (uint64_t n = test_random_below(&random, 800); n > 0; n--) {
                    uint32_t id = (uint32_t)test_random_below(&random, IDS);
                    if (test_random_below(&random, 4) == 0) {
                        const firn_value key = firn_i64(id);
                        if (model->values[id] != 0) {
                            OK(firn_table_delete(rig.table, &fast, &key, 1, &err));
                            model->values[id] = 0;
                        }
                    } else {
                        put(&rig, model, id, 1 + (uint32_t)test_random_below(&random, VALUES));
                    }
                }
            }
            compare(&rig, model, NULL, &random);
            if (snapshot != NULL) {
                compare(&rig, old, snapshot, &random);
            }
        }
        firn_snapshot_close(snapshot);
        free(model);
        free(old);
        test_table_destroy(rig.dir, rig.path, rig.store);
    }
}

/* A column that is added: older runs do not have it, and its rows have its default. */
static void
added_columns_are_found(void **state)
{
    struct rig rig;
    struct model *model = calloc(1, sizeof *model);
    const firn_value fallback = firn_text("as it was");
    const firn_table_column column = {.name = "later",
                                      .type = FIRN_TYPE_TEXT,
                                      .not_null = true,
                                      .has_bloom_filter = true,
                                      .default_value = &fallback};
    const firn_value one = firn_text("as it was");
    const firn_value two = firn_text("new");
    char *text;
    assert_non_null(model);
    test_table_create(rig.dir, rig.path, definition, &rig.store, &rig.table);
    for (uint32_t id = 0; id < 2000; id++) {
        put(&rig, model, id, id + 1);
    }
    OK(firn_store_flush(rig.store, &err));
    OK(firn_table_add_column(rig.table, &column, &err));
    for (unsigned round = 0; round < 4; round++) {
        assert_int_equal(count_where(&rig, NULL, "later = ?", &one, 1, NULL),
                         round < 1 ? 2000 : 1990);
        assert_int_equal(count_where(&rig, NULL, "later = ?", &two, 1, NULL), round < 1 ? 0 : 10);
        if (round == 0) {
            for (int64_t id = 0; id < 10; id++) {
                static const char *const names[] = {"id", "later"};
                firn_row_options options = FIRN_ROW_OPTIONS_INIT;
                const firn_value values[2] = {firn_i64(id), two};
                options.columns = names;
                OK(firn_table_update(rig.table, &options, values, 2, &err));
            }
        } else if (round == 1) {
            OK(firn_store_flush(rig.store, &err));
        } else if (round == 2) {
            OK(firn_store_compact(rig.store, NULL, &err));
        }
    }
    OK(firn_table_describe(rig.table, NULL, NULL, &text, &err));
    assert_non_null(strstr(text,
                           "code u64 bloom, name text not null bloom, real f64 bloom, plain u64, "
                           "later text not null default 'as it was' bloom"));
    firn_release(text);
    free(model);
    test_table_destroy(rig.dir, rig.path, rig.store);
}

static void
groups_without_the_value_are_skipped(void **state)
{
    enum { ROWS = 200000 };
    struct rig rig;
    firn_table_bulk *bulk;
    firn_scan_stats stats = FIRN_SCAN_STATS_INIT;
    uint64_t read = 0;
    uint64_t read_plain = 0;
    test_table_create(rig.dir, rig.path, definition, &rig.store, &rig.table);
    OK(firn_table_bulk_open(rig.table, NULL, &bulk, &err));
    for (uint32_t id = 0; id < ROWS; id++) {
        const firn_value row[5] = {firn_i64(id), firn_u64(code_of(id)), firn_text("x"),
                                   firn_f64(1.0), firn_u64(code_of(id))};
        OK(firn_table_bulk_put(bulk, row, 5, &err));
    }
    OK(firn_table_bulk_commit(bulk, &err));
    firn_table_bulk_close(bulk);
    for (uint32_t i = 0; i < 20; i++) { /* missing values between those that are there */
        const firn_value code = firn_u64(code_of(i * 5000) + 1);
        assert_int_equal(count_where(&rig, NULL, "code = ?", &code, 1, &stats), 0);
        read += stats.rows_read;
        assert_int_equal(count_where(&rig, NULL, "plain = ?", &code, 1, &stats), 0);
        read_plain += stats.rows_read;
    }
    print_message("rows read for 20 missing values: %" PRIu64 " with filters, %" PRIu64
                  " without\n",
                  read, read_plain);
    assert_true(read * 8 < read_plain);
    for (uint32_t i = 0; i < 20; i++) {
        const firn_value code = firn_u64(code_of(i * 9999));
        assert_int_equal(count_where(&rig, NULL, "code = ?", &code, 1, NULL), 1);
    }
    test_table_destroy(rig.dir, rig.path, rig.store);
}

/* Filters come and go with the files that are written after the change. */
static void
the_option_can_be_changed(void **state)
{
    struct rig rig;
    struct model *model = calloc(1, sizeof *model);
    struct test_random random;
    firn_scan_stats stats = FIRN_SCAN_STATS_INIT;
    assert_non_null(model);
    test_random_init(&random, "the_option_can_be_changed", 2019);
    test_table_create(rig.dir, rig.path, definition, &rig.store, &rig.table);
    for (unsigned round = 0; round < 4; round++) {
        const bool has_filter = round % 2 == 0;
        const firn_value missing = firn_u64(code_of(1) + 1);
        OK(firn_table_set_bloom_filter(rig.table, "plain", has_filter, &err));
        OK(firn_table_set_bloom_filter(rig.table, "code", !has_filter, &err));
        for (uint32_t id = 0; id < IDS; id++) {
            put(&rig, model, id, id + 1);
        }
        OK(firn_store_flush(rig.store, &err));
        OK(firn_store_compact(rig.store, NULL, &err));
        if (round == 2) {
            reopen(&rig);
        }
        compare(&rig, model, NULL, &random);
        assert_int_equal(count_where(&rig, NULL, "plain = ?", &missing, 1, &stats), 0);
        assert_true((stats.rows_read == 0) == has_filter);
        assert_int_equal(count_where(&rig, NULL, "code = ?", &missing, 1, &stats), 0);
        assert_true((stats.rows_read == 0) == !has_filter);
    }
    assert_int_equal(firn_table_set_bloom_filter(rig.table, "colour", true, &err), FIRN_NOT_FOUND);
    free(model);
    test_table_destroy(rig.dir, rig.path, rig.store);
}

static void
what_has_no_filter_is_refused(void **state)
{
    firn_table_def *def;
    struct rig rig;
    test_table_create(rig.dir, rig.path, definition, &rig.store, &rig.table);
    OK(firn_table_def_parse("id i64 primary key, v vector(3) bloom", &def, &err));
    assert_int_equal(firn_table_create(rig.store, "v", def, NULL, &err), FIRN_INVALID);
    firn_release(def);
    assert_int_equal(firn_table_def_parse("id i64 primary key, a text bloom bloom", &def, &err),
                     FIRN_INVALID);
    OK(firn_table_def_parse("id i64 primary key, v vector(3)", &def, &err));
    OK(firn_table_create(rig.store, "v", def, &rig.table, &err));
    assert_int_equal(firn_table_set_bloom_filter(rig.table, "v", true, &err), FIRN_INVALID);
    firn_release(def);
    OK(firn_table_def_parse("bloom i64 bloom primary key", &def, &err)); /* a name, too */
    firn_release(def);
    test_table_destroy(rig.dir, rig.path, rig.store);
}

int
main(void)
{
    fast.durability = FIRN_DURABILITY_OS;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_as_in_a_model),
        cmocka_unit_test(added_columns_are_found),
        cmocka_unit_test(groups_without_the_value_are_skipped),
        cmocka_unit_test(the_option_can_be_changed),
        cmocka_unit_test(what_has_no_filter_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
