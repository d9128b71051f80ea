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
    static uint8_t large[FIRN_COLUMN_FORMAT_CELL_MAX + 1000];
    struct firn_buf key = {0};
    struct firn_buf value = {0};
    struct firn_tuple_writer writer;
    struct firn_cell text = {.kind = FIRN_PHYSICAL_BYTES, .as.bytes = firn_str("z")};
    struct firn_cell null = {.kind = FIRN_PHYSICAL_NONE};
    struct firn_cell blob = {.kind = FIRN_PHYSICAL_BYTES,
                             .as.bytes = firn_bytes(large, sizeof large)};
    assert_int_equal(firn_tuple_key_add(&key, FIRN_TYPE_TEXT, false, &text), FIRN_OK);
    firn_tuple_begin(&writer, &value);
    firn_tuple_add(&writer, 2, &null);
    firn_tuple_add(&writer, 3, &blob);
    assert_int_equal(firn_tuple_end(&writer), FIRN_OK);
    row_model_add(&sample->model, firn_buf_slice(&key), 500, FIRN_ENTRY_PUT,
                  firn_buf_slice(&value));
    firn_buf_deinit(&key);
    firn_buf_deinit(&value);
}

static void
sample_deinit(struct sample *sample)
{
    row_model_deinit(&sample->model);
}

static int
build(const struct sample *sample, struct firn_os_dir *dir, struct firn_block_cache *cache,
      firn_error *err)
{
    struct firn_run_env env = {.dir = dir, .cache = cache};
    struct firn_run_builder_options options = {
        .codec = FIRN_CODEC_LZ4, .layout = &sample->table.layout, .group_rows = 14};
    return column_fixture_build(&sample->model, &env, "run", &options, NULL, err);
}

/* Walks forward; what is shown is right. */
static int
walk(const struct row_model *model, struct firn_run *run, bool is_sequential, firn_error *err)
{
    struct firn_run_cursor *cursor;
    struct firn_run_cursor_options options = {.is_sequential = is_sequential};
    int rc = firn_column_kind.cursor_create(run, &options, &cursor, err);
    if (rc != FIRN_OK) {
        assert_null(cursor);
        return rc;
    }
    rc = firn_column_kind.cursor_first(cursor, err);
    for (size_t i = 0; rc == FIRN_OK && i < model->count; i++) {
        assert_true(cursor->is_valid);
        row_model_compare_entry(&model->entries[i], &cursor->entry);
        rc = firn_column_kind.cursor_next(cursor, err);
    }
    assert_false(cursor->is_valid);
    firn_column_kind.cursor_destroy(cursor);
    return rc;
}

/* Copies the run by batches where there are any. */
static int
copy(const struct sample *sample, const struct firn_run_env *env, struct firn_run *run,
     firn_error *err)
{
    struct firn_run_cursor *cursor = NULL;
    struct firn_run_builder *builder = NULL;
    struct firn_run_builder_options options = {.layout = &sample->table.layout};
    int rc;
    FIRN_TRY(firn_column_kind.cursor_create(run, NULL, &cursor, err));
    FIRN_TRY(firn_column_kind.builder_create(env, "copy", &options, &builder, err));
    FIRN_TRY(firn_column_kind.cursor_first(cursor, err));
    while (cursor->is_valid) {
        struct firn_run_batch batch;
        FIRN_TRY(firn_column_kind.cursor_batch(cursor, NULL, FIRN_RUN_BATCH_MAX, &batch, err));
        if (batch.count > 0) {
            FIRN_TRY(firn_column_kind.builder_add_from(builder, &batch, err));
        } else {
            FIRN_TRY(firn_column_kind.builder_add(builder, &cursor->entry, err));
            FIRN_TRY(firn_column_kind.cursor_next(cursor, err));
        }
    }
out:
    firn_column_kind.builder_destroy(builder);
    firn_column_kind.cursor_destroy(cursor);
    return rc;
}

/* Everything that can be done with a run, once; returns the first error, asserts what is
 * answered. */
static int
read_run(const void *ctx, struct firn_os_dir *dir, struct firn_block_cache *cache, firn_error *err)
{
    const struct sample *sample = ctx;
    int rc;
    struct firn_run *run;
    struct firn_run_env env = {.dir = dir, .cache = cache};
    struct firn_buf value = {0};
    const struct row_model *model = &sample->model;
    FIRN_TRY(firn_column_kind.open(&env, "run", &run, err));
    for (size_t i = 0; rc == FIRN_OK && i < model->count; i += 9) {
        struct firn_run_hit hit;
        const struct firn_entry *entry = &model->entries[i];
        struct firn_view_interval only = {entry->sequence, entry->sequence};
        struct firn_view view = {&only, 1, 0, NULL};
        rc = firn_column_kind.get(run, entry->key, &view, &hit, &value, err);
        assert_true(rc != FIRN_OK || (hit.sequence == entry->sequence &&
                                      (hit.kind == FIRN_ENTRY_DELETE ||
                                       firn_slice_equal(firn_buf_slice(&value), entry->value))));
    }
    rc = rc == FIRN_OK ? walk(model, run, false, err) : rc;
    rc = rc == FIRN_OK ? walk(model, run, true, err) : rc;
    rc = rc == FIRN_OK ? copy(sample, &env, run, err) : rc;
    if (rc == FIRN_OK) {
        size_t reports = 0;
        rc = firn_column_kind.check(run, row_fixture_count_damage, &reports, NULL, err);
        assert_true(rc != FIRN_OK || reports == 0);
        assert_int_not_equal(rc, FIRN_CORRUPT);
    }
    firn_column_kind.close(run);
out:
    firn_buf_deinit(&value);
    return rc;
}

/* ---- memory ---- */

static void
memory_that_runs_out_leaves_nothing_behind(void **state)
{
    (void)state;
    for (int mode = 0; mode < 4; mode++) {
        struct sample sample; /* the large one alone: all else is slow with it */
        sample_init(&sample, mode == 3 ? 1 : 20, mode == 3);
        int rc = FIRN_NO_MEMORY;
        for (uint64_t n = 1; rc != FIRN_OK; n += mode == 3 ? 11 : 1) {
            test_alloc_install();
            firn_error err;
            struct row_fixture fixture;
            row_fixture_init(&fixture, mode < 2 ? 0 : 2 << 20);
            test_alloc_fail_at(n, mode == 1);
            rc = build(&sample, fixture.dir, fixture.cache, &err);
            if (rc == FIRN_OK) {
                rc = read_run(&sample, fixture.dir, fixture.cache, &err);
            }
            /* What found no memory and was done without may have gone unnoticed. */
            bool was_hit = test_alloc_calls() >= n;
            test_alloc_fail_at(0, false);
            if (rc != FIRN_OK) {
                if (rc != FIRN_NO_MEMORY) {
                    fail_msg("allocation %llu, mode %d: %s", (unsigned long long)n, mode, err.text);
                }
                assert_int_equal(err.code, FIRN_NO_MEMORY);
                assert_false(test_file_exists(fixture.dir, "run.tmp"));
                assert_false(test_file_exists(fixture.dir, "copy.tmp"));
            }
            row_fixture_deinit(&fixture);
            assert_int_equal(test_alloc_alive(), 0);
            test_alloc_uninstall();
            assert_true(n < 20000);
            rc = was_hit ? FIRN_NO_MEMORY : rc;
        }
        sample_deinit(&sample);
    }
}

/* ---- calls ---- */

struct faulty {
    struct row_fixture fixture;
    struct firn_os *os;
    struct firn_os_dir *dir;
};

static void
faulty_init(struct faulty *faulty)
{
    row_fixture_init(&faulty->fixture, 1 << 20);
    assert_int_equal(firn_sim_fault_create(faulty->fixture.os, &faulty->os, NULL), FIRN_OK);
    assert_int_equal(firn_os_dir_open_path(faulty->os, "/", &faulty->dir, NULL), FIRN_OK);
}

static void
faulty_deinit(struct faulty *faulty)
{
    firn_os_dir_close(faulty->dir);
    firn_sim_fault_destroy(faulty->os);
    row_fixture_deinit(&faulty->fixture);
}

static void
a_call_that_fails_while_building_leaves_no_run_or_a_whole_one(void **state)
{
    (void)state;
    static const enum firn_sim_fault_kind kinds[] = {FIRN_SIM_FAULT_FAILS, FIRN_SIM_FAULT_TORN,
                                                     FIRN_SIM_FAULT_SHORT};
    struct sample sample;
    sample_init(&sample, 20, false);
    test_alloc_install();
    for (int mode = 0; mode < 3; mode++) {
        bool hit = true;
        for (uint64_t n = 1; hit; n++) {
            firn_error err;
            struct faulty faulty;
            faulty_init(&faulty);
            struct firn_sim_fault_plan plan = {.call = n,
                                               .for_ever = kinds[mode] != FIRN_SIM_FAULT_SHORT,
                                               .classes = FIRN_SIM_FAULT_ALL,
                                               .kind = kinds[mode],
                                               .error_number = mode % 2 == 0 ? 5 : 28};
            firn_sim_fault_set_plan(faulty.os, &plan);
            int rc = build(&sample, faulty.dir, faulty.fixture.cache, &err);
            hit = firn_sim_fault_hits(faulty.os) > 0;
            firn_sim_fault_set_plan(faulty.os, NULL);
            assert_int_equal(rc == FIRN_OK, !hit || kinds[mode] == FIRN_SIM_FAULT_SHORT);
            if (!test_file_exists(faulty.fixture.dir, "run")) {
                assert_int_not_equal(rc, FIRN_OK);
                assert_int_equal(build(&sample, faulty.dir, faulty.fixture.cache, &err), FIRN_OK);
            }
            assert_int_equal(read_run(&sample, faulty.dir, faulty.fixture.cache, &err), FIRN_OK);
            faulty_deinit(&faulty);
            assert_true(n < 200);
        }
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    sample_deinit(&sample);
}

static void
a_call_that_fails_while_reading_is_reported(void **state)
{
    (void)state;
    struct sample sample;
    sample_init(&sample, 20, false);
    test_alloc_install();
    for (int mode = 0; mode < 3; mode++) {
        bool hit = true;
        for (uint64_t n = 1; hit; n++) {
            firn_error err;
            struct faulty faulty;
            faulty_init(&faulty);
            assert_int_equal(build(&sample, faulty.fixture.dir, faulty.fixture.cache, &err),
                             FIRN_OK);
            struct firn_sim_fault_plan plan = {.call = n,
                                               .for_ever = mode == 1,
                                               .classes = FIRN_SIM_FAULT_ALL,
                                               .kind = mode == 2 ? FIRN_SIM_FAULT_SHORT
                                                                 : FIRN_SIM_FAULT_FAILS,
                                               .error_number = 5};
            firn_sim_fault_set_plan(faulty.os, &plan);
            int rc = read_run(&sample, faulty.dir, faulty.fixture.cache, &err);
            hit = firn_sim_fault_hits(faulty.os) > 0;
            firn_sim_fault_set_plan(faulty.os, NULL);
            if (!hit || mode == 2) {
                assert_int_equal(rc, FIRN_OK);
            } else if (rc != FIRN_OK) {
                assert_int_equal(rc, FIRN_IO);
                assert_true(err.text[0] != '\0');
            } else {
                assert_int_equal(mode, 0); /* closing, or removing the copy */
            }
            assert_int_equal(read_run(&sample, faulty.dir, faulty.fixture.cache, &err), FIRN_OK);
            faulty_deinit(&faulty);
            assert_true(n < 1000);
        }
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    sample_deinit(&sample);
}

static void
a_full_disk_is_reported_and_the_builder_refuses_to_go_on(void **state)
{
    (void)state;
    firn_error err;
    struct sample sample;
    struct row_fixture fixture;
    sample_init(&sample, 2, true);
    row_fixture_init(&fixture, 1 << 20);
    struct firn_run_env env = row_fixture_env(&fixture);
    struct firn_run_builder_options options = {.layout = &sample.table.layout, .group_rows = 1};
    struct firn_run_builder *builder;
    struct firn_run_summary summary;
    const struct firn_entry *last = &sample.model.entries[sample.model.count - 1];
    assert_int_equal(firn_column_kind.builder_create(&env, "run", &options, &builder, &err),
                     FIRN_OK);
    firn_sim_memory_set_space(fixture.os, 1000);
    assert_int_equal(firn_column_kind.builder_add(builder, last, &err), FIRN_NO_SPACE);
    firn_sim_memory_set_space(fixture.os, UINT64_MAX);
    struct firn_range range = {firn_str("x"), firn_str("y"), 1};
    assert_int_equal(firn_column_kind.builder_add(builder, last, &err), FIRN_FAILED);
    assert_int_equal(firn_column_kind.builder_add_range(builder, &range, &err), FIRN_FAILED);
    assert_int_equal(firn_column_kind.builder_finish(builder, &summary, &err), FIRN_FAILED);
    firn_column_kind.builder_destroy(builder);
    assert_int_equal(test_file_count(fixture.dir), 0);
    row_fixture_deinit(&fixture);
    sample_deinit(&sample);
}

/* ---- power ---- */

static void
power_that_fails_at_any_call_leaves_no_run_or_a_whole_one(void **state)
{
    (void)state;
    uint64_t seeds = getenv("FIRN_TEST_LONG") != NULL ? 100 : 4;
    struct sample sample;
    sample_init(&sample, 20, false);
    bool is_done = false;
    for (uint64_t call = 1; !is_done; call++) {
        firn_error err;
        struct row_fixture fixture;
        row_fixture_init(&fixture, 0);
        firn_sim_memory_set_writeback(fixture.os, 2);
        uint64_t before = firn_sim_memory_calls(fixture.os);
        firn_sim_memory_set_cut_at(fixture.os, before + call);
        int rc = build(&sample, fixture.dir, fixture.cache, &err);
        is_done = !firn_sim_memory_is_off(fixture.os);
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
