/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/column: chunks that are made on several threads: the file has the same bytes, and what fails on any of them
 * is told once and leaves nothing.
 */
#include "unit/column/column_fixture.h"

#include "os/os_ops.h"
#include "posix/os_default.h"
#include "sim/sim_fault.h"
#include "support/test_alloc.h"
#include "threads/os_thread.h"

/* A table, entries of it, helpers that are threads. */
struct sample {
    struct column_fixture_table table;
    struct row_model model;
    struct fi_os_jobs *helpers;
    unsigned helper_count;
};

static void
sample_init(struct sample *sample, uint64_t seed, unsigned helper_count)
{
    struct test_random random = {seed};
    struct column_fixture_fill how = {.count = 200 + test_random_below(&random, 800), .ranges = 2};
    *sample = (struct sample){.helper_count = helper_count};
    column_fixture_random_table(&random, &sample->table);
    how.keys = how.count;
    column_fixture_fill(&random, &sample->table, &how, &sample->model);
    if (helper_count > 0) {
        assert_int_equal(fi_os_jobs_create(fi_os_default(), helper_count, &sample->helpers, NULL),
                         FIRN_OK);
    }
}

static void
sample_deinit(struct sample *sample)
{
    fi_os_jobs_destroy(sample->helpers);
    row_model_deinit(&sample->model);
}

static int
build(const struct sample *sample, const struct fi_run_env *env, firn_error *err)
{
    struct fi_run_builder_options options = {.codec = FI_CODEC_LZ4,
                                             .layout = &sample->table.layout,
                                             .group_rows = 64,
                                             .helpers = sample->helpers,
                                             .helper_count = sample->helper_count};
    return column_fixture_build(&sample->model, env, "run", &options, NULL, err);
}

static void
the_file_has_the_same_bytes_however_many_threads_make_it(void **state)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct fi_buf files[3] = {{.data = NULL}};
        for (unsigned i = 0; i < 3; i++) {
            struct sample sample;
            struct row_fixture fixture;
            firn_error err;
            sample_init(&sample, seed, i == 2 ? 5 : i);
            row_fixture_init(&fixture, 1 << 20);
            struct fi_run_env env = row_fixture_env(&fixture);
            if (build(&sample, &env, &err) != FIRN_OK) {
                fail_msg("seed %llu: %s", (unsigned long long)seed, err.text);
            }
            test_file_read(fixture.dir, "run", &files[i]);
            row_fixture_deinit(&fixture);
            sample_deinit(&sample);
        }
        for (unsigned i = 1; i < 3; i++) {
            assert_int_equal(files[i].size, files[0].size);
            assert_memory_equal(files[i].data, files[0].data, files[0].size);
        }
        for (unsigned i = 0; i < 3; i++) {
            fi_buf_deinit(&files[i]);
        }
    }
}

static void
memory_that_runs_out_on_any_thread_is_told_once(void **state)
{
    struct fi_buf whole = {.data = NULL};
    struct fi_buf made = {.data = NULL};
    for (int for_ever = -1; for_ever < 2; for_ever++) {
        struct sample sample;
        sample_init(&sample, 7, 2);
        bool was_hit = true;
        for (uint64_t n = 1; was_hit; n += 3) {
            firn_error err = {.code = FIRN_OK};
            struct row_fixture fixture;
            row_fixture_init(&fixture, 1 << 20);
            struct fi_run_env env = row_fixture_env(&fixture);
            test_alloc_install();
            test_alloc_fail_at(for_ever < 0 ? 0 : n, for_ever == 1);
            int rc = build(&sample, &env, &err);
            was_hit = for_ever >= 0 && test_alloc_calls() >= n;
            test_alloc_fail_at(0, false);
            if (rc != FIRN_OK) {
                assert_int_equal(rc, FIRN_NO_MEMORY);
                assert_int_equal(err.code, FIRN_NO_MEMORY);
                assert_int_equal(test_file_count(fixture.dir), 0);
            } else {
                /* What could do without the memory has left nothing out. */
                struct fi_buf *file = for_ever < 0 ? &whole : &made;
                test_file_read(fixture.dir, "run", file);
                assert_int_equal(file->size, whole.size);
                assert_memory_equal(file->data, whole.data, whole.size);
            }
            test_alloc_uninstall();
            row_fixture_deinit(&fixture);
            assert_true(n < 20000);
        }
        sample_deinit(&sample);
    }
    fi_buf_deinit(&whole);
    fi_buf_deinit(&made);
}

/* Jobs that wait until somebody waits for them. */
static void
helpers_of_a_simulation_make_the_same_file(void **state)
{
    struct fi_buf files[2] = {{.data = NULL}};
    for (unsigned i = 0; i < 2; i++) {
        struct sample sample;
        struct row_fixture fixture;
        firn_error err;
        sample_init(&sample, 99, 0);
        row_fixture_init(&fixture, 1 << 20);
        if (i == 1) {
            assert_int_equal(fi_os_jobs_create(fixture.os, 2, &sample.helpers, NULL), FIRN_OK);
            sample.helper_count = 2;
        }
        struct fi_run_env env = row_fixture_env(&fixture);
        assert_int_equal(build(&sample, &env, &err), FIRN_OK);
        test_file_read(fixture.dir, "run", &files[i]);
        sample_deinit(&sample);
        row_fixture_deinit(&fixture);
    }
    assert_int_equal(files[0].size, files[1].size);
    assert_memory_equal(files[0].data, files[1].data, files[0].size);
    fi_buf_deinit(&files[0]);
    fi_buf_deinit(&files[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_has_the_same_bytes_however_many_threads_make_it),
        cmocka_unit_test(memory_that_runs_out_on_any_thread_is_told_once),
        cmocka_unit_test(helpers_of_a_simulation_make_the_same_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
