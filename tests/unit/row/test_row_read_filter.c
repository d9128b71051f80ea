/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/row: the filter of a run is read by the first get, once, and kept; who walks never reads it;
 * a damaged one is not asked for again and again.
 */
#include "unit/row/row_fixture.h"

#include <stdio.h>

#include "row/row_internal.h"

enum { KEYS = 3000, CACHE_BYTES = 8 << 20 };

static const struct fi_snapshot_interval everything = {1, UINT64_MAX};
static const struct fi_snapshot now = {&everything, 1, 0, NULL};

struct scene {
    struct row_fixture fixture;
    struct row_model model;
    struct fi_run *run;
};

static struct fi_run *
open_run(struct scene *scene)
{
    firn_error err;
    struct fi_run *run;
    struct fi_run_env env = row_fixture_env(&scene->fixture);
    assert_int_equal(fi_row_kind.open(&env, "run", &run, &err), FIRN_OK);
    return run;
}

static int
set_up(void **state)
{
    static struct scene scene;
    firn_error err;
    char key[16];
    memset(&scene, 0, sizeof scene);
    row_fixture_init(&scene.fixture, CACHE_BYTES);
    for (unsigned i = 0; i < KEYS; i++) {
        (void)snprintf(key, sizeof key, "key%05u", 2 * i);
        row_model_add(&scene.model, firn_str(key), i + 1, FI_ENTRY_PUT, firn_str(key));
    }
    row_model_sort(&scene.model);
    struct fi_run_env env = row_fixture_env(&scene.fixture);
    const struct fi_run_builder_options options = {.codec = FI_CODEC_NONE};
    assert_int_equal(row_model_build(&scene.model, &env, "run", &options, NULL, &err), FIRN_OK);
    scene.run = open_run(&scene);
    *state = &scene;
    return 0;
}

static int
tear_down(void **state)
{
    struct scene *scene = *state;
    fi_row_kind.close(scene->run);
    row_model_deinit(&scene->model);
    row_fixture_deinit(&scene->fixture);
    return 0;
}

/* How often the cache was asked for anything. */
static uint64_t
visits(const struct scene *scene)
{
    struct fi_block_cache_stats stats;
    fi_block_cache_stats(scene->fixture.cache, &stats);
    return stats.hits + stats.misses;
}

/* Keys between those that are there. */
static unsigned
get_missing(const struct scene *scene, unsigned count)
{
    firn_error err;
    struct fi_run_hit hit;
    char key[16];
    unsigned reached = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t before = visits(scene);
        (void)snprintf(key, sizeof key, "key%05u", 2 * i + 1);
        assert_int_equal(fi_row_kind.get(scene->run, firn_str(key), &now, &hit, NULL, &err),
                         FIRN_NOT_FOUND);
        reached += visits(scene) != before;
    }
    return reached;
}

static void
the_first_get_reads_the_filter_and_no_other_does(void **state)
{
    struct scene *scene = *state;
    struct fi_row *run = fi_row_read_run(scene->run);
    assert_true(run->keeps_pins);
    row_model_compare_scan(&scene->model, scene->run, false);
    assert_null(fi_row_read_known_filter(run).data);
    (void)get_missing(scene, 1);
    const uint8_t *filter = fi_row_read_known_filter(run).data;
    assert_non_null(filter);
    assert_int_equal(fi_row_read_known_filter(run).size, run->sections.filter.raw_size);
    /* One in ninety gets by and asks for a block; guides lead to that past the tables. */
    assert_true(get_missing(scene, 1000) < 40);
    assert_ptr_equal(fi_row_read_known_filter(run).data, filter);
    for (size_t i = 0; i < scene->model.count; i += 7) {
        row_model_compare_get(&scene->model, scene->run, scene->model.entries[i].key, &now);
    }
}

static void
a_damaged_filter_is_read_once_and_done_without(void **state)
{
    struct scene *scene = *state;
    struct fi_buf bytes = {0};
    struct fi_row *run = fi_row_read_run(scene->run);
    test_file_read(scene->fixture.dir, "run", &bytes);
    bytes.data[run->sections.filter.offset + 100] ^= 1;
    fi_row_kind.close(scene->run);
    test_file_write(scene->fixture.dir, "run", bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    scene->run = open_run(scene);
    run = fi_row_read_run(scene->run);
    row_model_compare_scan(&scene->model, scene->run, false);
    (void)get_missing(scene, 100);
    assert_null(fi_row_read_known_filter(run).data);
    struct fi_block_cache_stats before;
    struct fi_block_cache_stats after;
    fi_block_cache_stats(scene->fixture.cache, &before);
    (void)get_missing(scene, 100);
    fi_block_cache_stats(scene->fixture.cache, &after);
    assert_int_equal(after.misses, before.misses);
    for (size_t i = 0; i < scene->model.count; i += 7) {
        row_model_compare_get(&scene->model, scene->run, scene->model.entries[i].key, &now);
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_first_get_reads_the_filter_and_no_other_does),
        TEST(a_damaged_filter_is_read_once_and_done_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
