/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/row: memory that runs out at every allocation, calls that fail, a full disk, power that
 * fails at every call of a builder.
 */
#include "unit/row/row_fixture.h"

#include "base/error.h"
#include "base/slice.h"
#include "row/row_format.h"
#include "sim/sim_fault.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"

static struct fi_snapshot_interval all_interval = {1, UINT64_MAX};
static const struct fi_snapshot all = {&all_interval, 1, 0, NULL};

/* Some blocks, a large value, versions, ranges. */
static void
fill(struct row_model *model)
{
    static uint8_t large[FI_ROW_FORMAT_INLINE_MAX + 1000];
    struct test_random random = {77};
    *model = (struct row_model){0};
    for (unsigned i = 0; i < 120; i++) {
        char key[40];
        uint8_t value[120];
        test_random_fill(&random, value, sizeof value);
        (void)snprintf(key, sizeof key, "key/%02u", i / 2);
        bool is_delete = i % 7 == 0;
        row_model_add(model, firn_str(key), 1 + i, is_delete ? FI_ENTRY_DELETE : FI_ENTRY_PUT,
                      firn_bytes(value, is_delete ? 0 : sizeof value));
    }
    row_model_add(model, firn_str("large"), 500, FI_ENTRY_PUT, firn_bytes(large, sizeof large));
    row_model_add_range(model, firn_str("a"), firn_str("b"), 7);
    row_model_sort(model);
}

static int
build(const struct row_model *model, struct fi_os_dir *dir, struct fi_block_cache *cache,
      firn_error *err)
{
    struct fi_run_env env = {.dir = dir, .cache = cache};
    struct fi_run_builder_options options = {.codec = FI_CODEC_ZSTD, .codec_level = 1};
    return row_model_build(model, &env, "run", &options, NULL, err);
}

/* Walks forward; what is shown is right. */
static int
walk(const struct row_model *model, struct fi_run *run, bool is_sequential, firn_error *err)
{
    struct fi_run_cursor *cursor;
    struct fi_run_cursor_options options = {.is_sequential = is_sequential};
    int rc = fi_row_kind.cursor_create(run, &options, &cursor, err);
    if (rc != FIRN_OK) {
        assert_null(cursor);
        return rc;
    }
    rc = fi_row_kind.cursor_first(cursor, err);
    for (size_t i = 0; rc == FIRN_OK && i < model->count; i++) {
        assert_true(cursor->is_valid);
        row_model_compare_entry(&model->entries[i], &cursor->entry);
        rc = fi_row_kind.cursor_next(cursor, err);
    }
    assert_false(cursor->is_valid);
    fi_row_kind.cursor_destroy(cursor);
    return rc;
}

/* Everything that can be done with a run, once; returns the first error, asserts what is
 * answered. */
static int
read_run(const void *ctx, struct fi_os_dir *dir, struct fi_block_cache *cache, firn_error *err)
{
    const struct row_model *model = ctx;
    int rc;
    struct fi_run *run;
    struct fi_run_env env = {.dir = dir, .cache = cache};
    struct fi_buf value = {0};
    FI_TRY(fi_row_kind.open(&env, "run", &run, err));
    for (size_t i = 0; rc == FIRN_OK && i < model->count; i += 6) {
        struct fi_run_hit hit;
        const struct fi_entry *entry = &model->entries[i];
        struct fi_snapshot_interval only = {entry->sequence, entry->sequence};
        struct fi_snapshot snapshot = {&only, 1, 0, NULL};
        rc = fi_row_kind.get(run, entry->key, &snapshot, &hit, &value, err);
        assert_true(rc != FIRN_OK || (hit.sequence == entry->sequence &&
                                      (hit.kind != FI_ENTRY_PUT ||
                                       fi_slice_equal(fi_buf_slice(&value), entry->value))));
    }
    if (rc == FIRN_OK) {
        struct fi_run_hit hit;
        rc = fi_row_kind.get(run, firn_str("key/0"), &all, &hit, &value, err);
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    rc = rc == FIRN_OK ? walk(model, run, false, err) : rc;
    rc = rc == FIRN_OK ? walk(model, run, true, err) : rc;
    if (rc == FIRN_OK) {
        size_t reports = 0;
        rc = fi_row_kind.check(run, row_fixture_count_damage, &reports, NULL, err);
        assert_true(rc != FIRN_OK || reports == 0);
        assert_int_not_equal(rc, FIRN_CORRUPT);
    }
    fi_row_kind.close(run);
out:
    fi_buf_deinit(&value);
    return rc;
}

/* ---- memory ---- */

static void
memory_that_runs_out_leaves_nothing_behind(void **state)
{
    struct row_model model;
    fill(&model);
    for (int mode = 0; mode < 4; mode++) {
        struct test_fault fault = {.counts = true, .for_ever = mode % 2, .limit = 20000};
        while (test_fault_next(&fault)) {
            firn_error err;
            struct row_fixture fixture;
            row_fixture_init(&fixture, mode < 2 ? 0 : 4 << 20);
            test_fault_allocation(&fault);
            int rc = build(&model, fixture.dir, fixture.cache, &err);
            if (rc == FIRN_OK) {
                rc = read_run(&model, fixture.dir, fixture.cache, &err);
            }
            /* What found no memory and was done without may have gone unnoticed. */
            test_fault_end(&fault);
            if (rc != FIRN_OK) {
                if (rc != FIRN_NO_MEMORY) {
                    fail_msg("allocation %llu, mode %d: %s", (unsigned long long)fault.n, mode,
                             err.text);
                }
                assert_int_equal(err.code, FIRN_NO_MEMORY);
                assert_false(test_file_exists(fixture.dir, "run.tmp"));
                if (test_file_exists(fixture.dir, "run")) {
                    assert_int_equal(read_run(&model, fixture.dir, fixture.cache, &err), FIRN_OK);
                }
            }
            row_fixture_deinit(&fixture);
        }
    }
    row_model_deinit(&model);
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

static const enum fi_sim_fault_kind kinds[] = {FI_SIM_FAULT_FAILS, FI_SIM_FAULT_TORN,
                                               FI_SIM_FAULT_SHORT};

static void
a_call_that_fails_while_building_leaves_no_run_or_a_whole_one(void **state)
{
    struct row_model model;
    fill(&model);
    test_alloc_install();
    for (int mode = 0; mode < 6; mode++) {
        struct test_fault fault = {.for_ever = mode < 3 && kinds[mode % 3] != FI_SIM_FAULT_SHORT,
                                   .kind = kinds[mode % 3],
                                   .error_number = mode % 2 == 0 ? 5 : 28,
                                   .limit = 200};
        while (test_fault_next(&fault)) {
            firn_error err;
            struct faulty faulty;
            faulty_init(&faulty);
            test_fault_call(&fault, faulty.os);
            int rc = build(&model, faulty.dir, faulty.fixture.cache, &err);
            test_fault_end(&fault);
            bool is_harmless = !fault.was_hit || kinds[mode % 3] == FI_SIM_FAULT_SHORT;
            assert_int_equal(rc == FIRN_OK, is_harmless);
            if (!test_file_exists(faulty.fixture.dir, "run")) {
                assert_int_not_equal(rc, FIRN_OK);
                assert_int_equal(build(&model, faulty.dir, faulty.fixture.cache, &err), FIRN_OK);
            }
            assert_int_equal(read_run(&model, faulty.dir, faulty.fixture.cache, &err), FIRN_OK);
            faulty_deinit(&faulty);
        }
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    row_model_deinit(&model);
}

static void
a_call_that_fails_while_reading_is_reported(void **state)
{
    struct row_model model;
    fill(&model);
    test_alloc_install();
    for (int mode = 0; mode < 3; mode++) {
        struct test_fault fault = {.for_ever = mode == 1,
                                   .kind = mode == 2 ? FI_SIM_FAULT_SHORT : FI_SIM_FAULT_FAILS,
                                   .limit = 1000};
        while (test_fault_next(&fault)) {
            firn_error err;
            struct faulty faulty;
            faulty_init(&faulty);
            assert_int_equal(build(&model, faulty.fixture.dir, faulty.fixture.cache, &err),
                             FIRN_OK);
            test_fault_call(&fault, faulty.os);
            int rc = read_run(&model, faulty.dir, faulty.fixture.cache, &err);
            test_fault_end(&fault);
            if (!fault.was_hit || mode == 2) {
                assert_int_equal(rc, FIRN_OK);
            } else if (rc != FIRN_OK) {
                assert_int_equal(rc, FIRN_IO);
                assert_non_null(strstr(err.text, "run"));
            } else {
                assert_int_equal(mode, 0); /* a window that was read in small pieces instead */
            }
            assert_int_equal(read_run(&model, faulty.dir, faulty.fixture.cache, &err), FIRN_OK);
            faulty_deinit(&faulty);
        }
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    row_model_deinit(&model);
}

static void
a_full_disk_is_reported_and_the_builder_refuses_to_go_on(void **state)
{
    firn_error err;
    struct row_fixture fixture;
    row_fixture_init(&fixture, 1 << 20);
    struct fi_run_env env = row_fixture_env(&fixture);
    struct fi_run_builder_options options = {.codec = FI_CODEC_NONE};
    struct fi_run_builder *builder;
    struct fi_run_summary summary;
    assert_int_equal(fi_row_kind.builder_create(&env, "run", &options, &builder, &err), FIRN_OK);
    fi_sim_memory_set_space(fixture.os, 1000);
    static uint8_t value[1 << 20];
    int rc = FIRN_OK;
    for (uint64_t i = 0; rc == FIRN_OK && i < 10; i++) {
        uint8_t key = (uint8_t)i;
        struct fi_entry entry = {firn_bytes(&key, 1),
                                 firn_bytes(value, sizeof value),
                                 1 + i,
                                 FI_ENTRY_PUT,
                                 NULL,
                                 NULL,
                                 false};
        rc = fi_row_kind.builder_add(builder, &entry, &err);
    }
    assert_int_equal(rc, FIRN_NO_SPACE);
    fi_sim_memory_set_space(fixture.os, UINT64_MAX);
    struct fi_entry entry = {firn_str("x"), firn_str("y"), 1, FI_ENTRY_PUT, NULL, NULL, false};
    struct fi_range range = {firn_str("x"), firn_str("y"), 1};
    assert_int_equal(fi_row_kind.builder_add(builder, &entry, &err), FIRN_FAILED);
    assert_int_equal(fi_row_kind.builder_add_range(builder, &range, &err), FIRN_FAILED);
    assert_int_equal(fi_row_kind.builder_finish(builder, &summary, &err), FIRN_FAILED);
    fi_row_kind.builder_destroy(builder);
    assert_int_equal(test_file_count(fixture.dir), 0);
    row_fixture_deinit(&fixture);
}

/* ---- power ---- */

static void
power_that_fails_at_any_call_leaves_no_run_or_a_whole_one(void **state)
{
    uint64_t seeds = getenv("FIRN_TEST_LONG") != NULL ? 200 : 12;
    struct row_model model;
    fill(&model);
    bool is_done = false;
    for (uint64_t call = 1; !is_done; call++) {
        firn_error err;
        struct row_fixture fixture;
        row_fixture_init(&fixture, 0);
        fi_sim_memory_set_writeback(fixture.os, 2);
        uint64_t before = fi_sim_memory_calls(fixture.os);
        fi_sim_memory_set_cut_at(fixture.os, before + call);
        int rc = build(&model, fixture.dir, fixture.cache, &err);
        is_done = !fi_sim_memory_is_off(fixture.os);
        assert_true(is_done == (rc == FIRN_OK));
        for (uint64_t seed = 0; seed < seeds; seed++) {
            row_fixture_check_cut(&fixture, seed, rc == FIRN_OK, read_run, &model);
        }
        row_fixture_deinit(&fixture);
        assert_true(call < 1000);
    }
    row_model_deinit(&model);
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
    return cmocka_run_group_tests_name("row_faults", tests, NULL, NULL);
}
