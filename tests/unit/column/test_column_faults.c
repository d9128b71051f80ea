/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/column: memory that runs out at every allocation, calls that fail, a full disk, power that
 * fails at every call of a builder.
 */
#include "unit/column/column_fixture.h"

#include "base/error.h"
#include "base/slice.h"
#include "sim/sim_fault.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"

/* A table, entries of it, and what comes back. */
struct sample {
    struct column_fixture_table table;
    struct row_model model;
};

static void
sample_init(struct sample *sample, size_t count, bool has_large)
{
    struct test_random random = {77};
    *sample = (struct sample){.model = {0}};
    column_fixture_add(&sample->table, 1, FIRN_TYPE_TEXT, 0);
    column_fixture_add(&sample->table, 2, FIRN_TYPE_I32, 0);
    column_fixture_add(&sample->table, 3, FIRN_TYPE_BLOB, 0);
    column_fixture_add_key(&sample->table, 1);
    memset(sample->table.styles, 4, sizeof sample->table.styles);
    struct column_fixture_fill how = {.count = count, .keys = count, .ranges = 2};
    column_fixture_fill(&random, &sample->table, &how, &sample->model);
    if (!has_large) {
        return;
    }
    /* A large one, after all others. */
    static uint8_t large[FI_COLUMN_FORMAT_CELL_MAX + 1000];
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    struct fi_tuple_writer writer;
    struct fi_cell text = {.kind = FI_PHYSICAL_BYTES, .as.bytes = firn_str("z")};
    struct fi_cell null = {.kind = FI_PHYSICAL_NONE};
    struct fi_cell blob = {.kind = FI_PHYSICAL_BYTES, .as.bytes = firn_bytes(large, sizeof large)};
    assert_int_equal(fi_tuple_key_add(&key, FIRN_TYPE_TEXT, false, &text), FIRN_OK);
    fi_tuple_begin(&writer, &value);
    fi_tuple_add(&writer, 2, &null);
    fi_tuple_add(&writer, 3, &blob);
    assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
    row_model_add(&sample->model, fi_buf_slice(&key), 500, FI_ENTRY_PUT, fi_buf_slice(&value));
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
}

static void
sample_deinit(struct sample *sample)
{
    row_model_deinit(&sample->model);
}

static int
build(const struct sample *sample, struct fi_os_dir *dir, struct fi_block_cache *cache,
      firn_error *err)
{
    struct fi_run_env env = {.dir = dir, .cache = cache};
    struct fi_run_builder_options options = {
        .codec = FI_CODEC_LZ4, .layout = &sample->table.layout, .group_rows = 14};
    return column_fixture_build(&sample->model, &env, "run", &options, NULL, err);
}

/* Walks forward; what is shown is right. */
static int
walk(const struct row_model *model, struct fi_run *run, bool is_sequential, firn_error *err)
{
    struct fi_run_cursor *cursor;
    struct fi_run_cursor_options options = {.is_sequential = is_sequential};
    int rc = fi_column_kind.cursor_create(run, &options, &cursor, err);
    if (rc != FIRN_OK) {
        assert_null(cursor);
        return rc;
    }
    rc = fi_column_kind.cursor_first(cursor, err);
    for (size_t i = 0; rc == FIRN_OK && i < model->count; i++) {
        assert_true(cursor->is_valid);
        row_model_compare_entry(&model->entries[i], &cursor->entry);
        rc = fi_column_kind.cursor_next(cursor, err);
    }
    assert_false(cursor->is_valid);
    fi_column_kind.cursor_destroy(cursor);
    return rc;
}

/* Copies the run by batches where there are any. */
static int
copy(const struct sample *sample, const struct fi_run_env *env, struct fi_run *run, firn_error *err)
{
    struct fi_run_cursor *cursor = NULL;
    struct fi_run_builder *builder = NULL;
    struct fi_run_builder_options options = {.layout = &sample->table.layout};
    int rc;
    FI_TRY(fi_column_kind.cursor_create(run, NULL, &cursor, err));
    FI_TRY(fi_column_kind.builder_create(env, "copy", &options, &builder, err));
    FI_TRY(fi_column_kind.cursor_first(cursor, err));
    while (cursor->is_valid) {
        struct fi_run_batch batch;
        FI_TRY(fi_column_kind.cursor_batch(cursor, NULL, FI_RUN_BATCH_MAX, &batch, err));
        if (batch.count > 0) {
            FI_TRY(fi_column_kind.builder_add_from(builder, &batch, err));
        } else {
            FI_TRY(fi_column_kind.builder_add(builder, &cursor->entry, err));
            FI_TRY(fi_column_kind.cursor_next(cursor, err));
        }
    }
out:
    fi_column_kind.builder_destroy(builder);
    fi_column_kind.cursor_destroy(cursor);
    return rc;
}

/* Everything that can be done with a run, once; returns the first error, asserts what is
 * answered. */
static int
read_run(const void *ctx, struct fi_os_dir *dir, struct fi_block_cache *cache, firn_error *err)
{
    const struct sample *sample = ctx;
    int rc;
    struct fi_run *run;
    struct fi_run_env env = {.dir = dir, .cache = cache};
    struct fi_buf value = {0};
    const struct row_model *model = &sample->model;
    FI_TRY(fi_column_kind.open(&env, "run", &run, err));
    for (size_t i = 0; rc == FIRN_OK && i < model->count; i += 9) {
        struct fi_run_hit hit;
        const struct fi_entry *entry = &model->entries[i];
        struct fi_snapshot_interval only = {entry->sequence, entry->sequence};
        struct fi_snapshot snapshot = {&only, 1, 0, NULL};
        rc = fi_column_kind.get(run, entry->key, &snapshot, &hit, &value, err);
        assert_true(rc != FIRN_OK || (hit.sequence == entry->sequence &&
                                      (hit.kind == FI_ENTRY_DELETE ||
                                       fi_slice_equal(fi_buf_slice(&value), entry->value))));
    }
    rc = rc == FIRN_OK ? walk(model, run, false, err) : rc;
    rc = rc == FIRN_OK ? walk(model, run, true, err) : rc;
    rc = rc == FIRN_OK ? copy(sample, &env, run, err) : rc;
    if (rc == FIRN_OK) {
        size_t reports = 0;
        rc = fi_column_kind.check(run, row_fixture_count_damage, &reports, NULL, err);
        assert_true(rc != FIRN_OK || reports == 0);
        assert_int_not_equal(rc, FIRN_CORRUPT);
    }
    fi_column_kind.close(run);
out:
    fi_buf_deinit(&value);
    return rc;
}

/* ---- memory ---- */

static void
memory_that_runs_out_leaves_nothing_behind(void **state)
{
    for (int mode = 0; mode < 4; mode++) {
        struct sample sample; /* the large one alone: all else is slow with it */
        sample_init(&sample, mode == 3 ? 1 : 20, mode == 3);
        struct test_fault fault = {
            .counts = true, .for_ever = mode == 1, .step = mode == 3 ? 11 : 1};
        while (test_fault_next(&fault)) {
            firn_error err;
            struct row_fixture fixture;
            row_fixture_init(&fixture, mode < 2 ? 0 : 2 << 20);
            test_fault_allocation(&fault);
            int rc = build(&sample, fixture.dir, fixture.cache, &err);
            if (rc == FIRN_OK) {
                rc = read_run(&sample, fixture.dir, fixture.cache, &err);
            }
            /* What found no memory and was done without may have gone unnoticed. */
            test_fault_end(&fault);
            test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
            if (rc != FIRN_OK) {
                assert_int_equal(err.code, FIRN_NO_MEMORY);
                assert_false(test_file_exists(fixture.dir, "run.tmp"));
                assert_false(test_file_exists(fixture.dir, "copy.tmp"));
            }
            row_fixture_deinit(&fixture);
        }
        sample_deinit(&sample);
    }
}

/* ---- calls ---- */

struct faulty {
    struct row_fixture fixture;
    struct fi_os *os;
    struct fi_os_dir *dir;
};

static void
faulty_init(struct faulty *faulty)
{
    row_fixture_init(&faulty->fixture, 1 << 20);
    assert_int_equal(fi_sim_fault_create(faulty->fixture.os, &faulty->os, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(faulty->os, "/", &faulty->dir, NULL), FIRN_OK);
}

static void
faulty_deinit(struct faulty *faulty)
{
    fi_os_dir_close(faulty->dir);
    fi_sim_fault_destroy(faulty->os);
    row_fixture_deinit(&faulty->fixture);
}

static void
a_call_that_fails_while_building_leaves_no_run_or_a_whole_one(void **state)
{
    static const enum fi_sim_fault_kind kinds[] = {FI_SIM_FAULT_FAILS, FI_SIM_FAULT_TORN,
                                                   FI_SIM_FAULT_SHORT};
    struct sample sample;
    sample_init(&sample, 20, false);
    test_alloc_install();
    for (int mode = 0; mode < 3; mode++) {
        struct test_fault fault = {.for_ever = kinds[mode] != FI_SIM_FAULT_SHORT,
                                   .kind = kinds[mode],
                                   .error_number = mode % 2 == 0 ? 5 : 28,
                                   .limit = 200};
        while (test_fault_next(&fault)) {
            firn_error err;
            struct faulty faulty;
            faulty_init(&faulty);
            test_fault_call(&fault, faulty.os);
            int rc = build(&sample, faulty.dir, faulty.fixture.cache, &err);
            test_fault_end(&fault);
            assert_int_equal(rc == FIRN_OK, !fault.was_hit || kinds[mode] == FI_SIM_FAULT_SHORT);
            if (!test_file_exists(faulty.fixture.dir, "run")) {
                assert_int_not_equal(rc, FIRN_OK);
                assert_int_equal(build(&sample, faulty.dir, faulty.fixture.cache, &err), FIRN_OK);
            }
            assert_int_equal(read_run(&sample, faulty.dir, faulty.fixture.cache, &err), FIRN_OK);
            faulty_deinit(&faulty);
        }
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    sample_deinit(&sample);
}

static void
a_call_that_fails_while_reading_is_reported(void **state)
{
    struct sample sample;
    sample_init(&sample, 20, false);
    test_alloc_install();
    for (int mode = 0; mode < 3; mode++) {
        struct test_fault fault = {.for_ever = mode == 1,
                                   .kind = mode == 2 ? FI_SIM_FAULT_SHORT : FI_SIM_FAULT_FAILS,
                                   .limit = 1000};
        while (test_fault_next(&fault)) {
            firn_error err;
            struct faulty faulty;
            faulty_init(&faulty);
            assert_int_equal(build(&sample, faulty.fixture.dir, faulty.fixture.cache, &err),
                             FIRN_OK);
            test_fault_call(&fault, faulty.os);
            int rc = read_run(&sample, faulty.dir, faulty.fixture.cache, &err);
            test_fault_end(&fault);
            if (!fault.was_hit || mode == 2) {
                assert_int_equal(rc, FIRN_OK);
            } else if (rc != FIRN_OK) {
                assert_int_equal(rc, FIRN_IO);
                assert_true(err.text[0] != '\0');
            } else {
                assert_int_equal(mode, 0); /* closing, or removing the copy */
            }
            assert_int_equal(read_run(&sample, faulty.dir, faulty.fixture.cache, &err), FIRN_OK);
            faulty_deinit(&faulty);
        }
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    sample_deinit(&sample);
}

static void
a_full_disk_is_reported_and_the_builder_refuses_to_go_on(void **state)
{
    firn_error err;
    struct sample sample;
    struct row_fixture fixture;
    sample_init(&sample, 2, true);
    row_fixture_init(&fixture, 1 << 20);
    struct fi_run_env env = row_fixture_env(&fixture);
    struct fi_run_builder_options options = {.layout = &sample.table.layout, .group_rows = 1};
    struct fi_run_builder *builder;
    struct fi_run_summary summary;
    const struct fi_entry *last = &sample.model.entries[sample.model.count - 1];
    assert_int_equal(fi_column_kind.builder_create(&env, "run", &options, &builder, &err), FIRN_OK);
    fi_sim_memory_set_space(fixture.os, 1000);
    assert_int_equal(fi_column_kind.builder_add(builder, last, &err), FIRN_NO_SPACE);
    fi_sim_memory_set_space(fixture.os, UINT64_MAX);
    struct fi_range range = {firn_str("x"), firn_str("y"), 1};
    assert_int_equal(fi_column_kind.builder_add(builder, last, &err), FIRN_FAILED);
    assert_int_equal(fi_column_kind.builder_add_range(builder, &range, &err), FIRN_FAILED);
    assert_int_equal(fi_column_kind.builder_finish(builder, &summary, &err), FIRN_FAILED);
    fi_column_kind.builder_destroy(builder);
    assert_int_equal(test_file_count(fixture.dir), 0);
    row_fixture_deinit(&fixture);
    sample_deinit(&sample);
}

/* ---- power ---- */

static void
power_that_fails_at_any_call_leaves_no_run_or_a_whole_one(void **state)
{
    uint64_t seeds = getenv("FIRN_TEST_LONG") != NULL ? 100 : 4;
    struct sample sample;
    sample_init(&sample, 20, false);
    bool is_done = false;
    for (uint64_t call = 1; !is_done; call++) {
        firn_error err;
        struct row_fixture fixture;
        row_fixture_init(&fixture, 0);
        fi_sim_memory_set_writeback(fixture.os, 2);
        uint64_t before = fi_sim_memory_calls(fixture.os);
        fi_sim_memory_set_cut_at(fixture.os, before + call);
        int rc = build(&sample, fixture.dir, fixture.cache, &err);
        is_done = !fi_sim_memory_is_off(fixture.os);
        assert_true(is_done == (rc == FIRN_OK));
        for (uint64_t seed = 0; seed < seeds; seed++) {
            row_fixture_check_cut(&fixture, seed, rc == FIRN_OK, read_run, &sample);
        }
        row_fixture_deinit(&fixture);
        assert_true(call < 1000);
    }
    sample_deinit(&sample);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_runs_out_leaves_nothing_behind),
        cmocka_unit_test(a_call_that_fails_while_building_leaves_no_run_or_a_whole_one),
        cmocka_unit_test(a_call_that_fails_while_reading_is_reported),
        cmocka_unit_test(a_full_disk_is_reported_and_the_builder_refuses_to_go_on),
        cmocka_unit_test(power_that_fails_at_any_call_leaves_no_run_or_a_whole_one),
    };
    return cmocka_run_group_tests_name("column_faults", tests, NULL, NULL);
}
