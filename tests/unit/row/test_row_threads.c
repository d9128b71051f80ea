/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/row: threads that share a run, on a real disk, with a cache that holds a part of it.
 */
#include "unit/row/row_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/slice.h"
#include "posix/os_default.h"
#include "support/test_os.h"

enum { THREADS = 4, KEYS = 4000 };

struct shared {
    const struct row_model *model;
    struct fi_run *run;
    size_t steps;
    atomic_uint failures; /* cmocka's asserts belong to the main thread */
};

struct reader {
    struct shared *shared;
    struct test_random random;
};

static void
expect(struct shared *shared, bool is_right, const char *what)
{
    if (!is_right && atomic_fetch_add(&shared->failures, 1) < 10) {
        (void)fprintf(stderr, "failed: %s\n", what);
    }
}

static bool
is_entry(const struct fi_entry *expected, const struct fi_entry *found)
{
    return expected->sequence == found->sequence && expected->kind == found->kind &&
           fi_slice_equal(expected->key, found->key) &&
           fi_slice_equal(expected->value, found->value);
}

static void
get_one(struct reader *reader, struct fi_buf *value)
{
    struct shared *shared = reader->shared;
    const struct fi_entry *entry =
        &shared->model->entries[test_random_below(&reader->random, shared->model->count)];
    struct fi_snapshot_interval interval = {1, entry->sequence};
    struct fi_snapshot snapshot = {&interval, 1, 0, NULL};
    struct fi_run_hit hit;
    int rc = fi_row_kind.get(shared->run, entry->key, &snapshot, &hit, value, NULL);
    expect(shared,
           rc == FIRN_OK && hit.sequence == entry->sequence &&
               fi_slice_equal(fi_buf_slice(value), entry->value),
           "get");
}

/* From a random place, some steps in a random direction. */
static void
walk_some(struct reader *reader, struct fi_run_cursor *cursor)
{
    struct shared *shared = reader->shared;
    const struct row_model *model = shared->model;
    size_t at = test_random_below(&reader->random, model->count);
    bool is_forward = test_random_below(&reader->random, 2) == 0;
    int rc =
        fi_row_kind.cursor_seek(cursor, model->entries[at].key, model->entries[at].sequence, NULL);
    for (int step = 0; step < 100 && at < model->count; step++) {
        expect(shared,
               rc == FIRN_OK && cursor->is_valid && is_entry(&model->entries[at], &cursor->entry),
               "walk");
        if (!cursor->is_valid) {
            return;
        }
        rc = is_forward ? fi_row_kind.cursor_next(cursor, NULL)
                        : fi_row_kind.cursor_prev(cursor, NULL);
        at += is_forward ? 1 : SIZE_MAX;
    }
}

static void *
run_reader(void *ctx)
{
    struct reader *reader = ctx;
    struct shared *shared = reader->shared;
    struct fi_buf value = {0};
    struct fi_run_cursor *cursors[2];
    for (int i = 0; i < 2; i++) {
        struct fi_run_cursor_options options = {.is_sequential = i == 1};
        expect(shared,
               fi_row_kind.cursor_create(shared->run, &options, &cursors[i], NULL) == FIRN_OK,
               "cursor");
    }
    for (size_t step = 0; step < shared->steps; step++) {
        get_one(reader, &value);
        if (step % 16 == 0) {
            walk_some(reader, cursors[step / 16 % 2]);
        }
    }
    fi_row_kind.cursor_destroy(cursors[0]);
    fi_row_kind.cursor_destroy(cursors[1]);
    fi_buf_deinit(&value);
    return NULL;
}

static void
share(size_t cache_bytes)
{
    firn_error err;
    struct test_random random;
    struct row_model model = {0};
    struct shared shared = {.model = &model, .steps = 1500};
    struct fi_run_env env = {.dir = test_os_temp_dir()};
    test_random_init(&random, "row_threads", cache_bytes);
    for (uint64_t i = 0; i < KEYS; i++) {
        uint8_t key[16];
        uint8_t value[64];
        test_random_fill(&random, key, sizeof key);
        test_random_fill(&random, value, sizeof value);
        row_model_add(&model, firn_bytes(key, sizeof key), 1 + 2 * i, FI_ENTRY_PUT,
                      firn_bytes(value, sizeof value));
        row_model_add(&model, firn_bytes(key, sizeof key), 2 + 2 * i, FI_ENTRY_PUT,
                      firn_bytes(value, 10));
    }
    row_model_sort(&model);
    TEST_OK(fi_block_cache_create(fi_os_default(), cache_bytes, &env.cache, &err), &err);
    struct fi_run_builder_options options = {.codec = FI_CODEC_LZ4};
    TEST_OK(row_model_build(&model, &env, "run", &options, NULL, &err), &err);
    TEST_OK(fi_row_kind.open(&env, "run", &shared.run, &err), &err);
    pthread_t threads[THREADS];
    struct reader readers[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){.shared = &shared, .random = {1000 * cache_bytes + i}};
        assert_int_equal(pthread_create(&threads[i], NULL, run_reader, &readers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&shared.failures), 0);
    row_model_check_is_clean(shared.run);
    fi_row_kind.close(shared.run);
    fi_block_cache_destroy(env.cache);
    test_os_temp_dir_remove(env.dir);
    row_model_deinit(&model);
}

static void
threads_share_a_run_that_the_cache_holds(void **state)
{
    share(64 << 20);
}

static void
threads_share_a_run_that_the_cache_does_not_hold(void **state)
{
    share(200 << 10);
}

static void
threads_share_a_run_without_a_cache(void **state)
{
    share(0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_run_that_the_cache_holds),
        cmocka_unit_test(threads_share_a_run_that_the_cache_does_not_hold),
        cmocka_unit_test(threads_share_a_run_without_a_cache),
    };
    return cmocka_run_group_tests_name("row_threads", tests, NULL, NULL);
}
