/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/alxs: several threads on one open ALXS table. For the thread sanitizer.
 */
#include <pthread.h>

#include "base/mem.h"
#include "support/test.h"
#include "unit/alxs/alxs_fixture.h"

/* Keys with one head for all, so that searches read keys from the file too. */
enum { THREADS = 4, COUNT = 2000, VALUE_SIZE = 200 };
static char keys[COUNT][40];
static struct alxs_pair pairs[COUNT];

/* Whether a thread found anything that is not right; assertions are the main thread's. */
static bool
is_right(struct firn_alxs *table, size_t i)
{
    firn_error err;
    uint8_t *value = NULL;
    size_t size = 0;
    bool right = fi_alxs_get(table, pairs[i].key, &value, &size, &err) == FIRN_OK &&
                 alxs_fixture_equal(firn_bytes(value, size), pairs[i].value);
    fi_free(value);
    return right && fi_alxs_get(table, firn_str("the same head, nobody"), &value, &size, &err) ==
                        FIRN_NOT_FOUND;
}

static bool
walks_right(struct firn_alxs *table, size_t from)
{
    firn_error err;
    struct firn_alxs_cursor *cursor = NULL;
    bool right = fi_alxs_cursor_open(table, &cursor, &err) == FIRN_OK &&
                 fi_alxs_cursor_seek(cursor, pairs[from].key, &err) == FIRN_OK;
    for (size_t i = from; right && i < COUNT; i++) {
        right = alxs_fixture_equal(fi_alxs_cursor_key(cursor), pairs[i].key) &&
                fi_alxs_cursor_next(cursor, &err) == FIRN_OK;
    }
    right = right && !fi_alxs_cursor_valid(cursor);
    fi_alxs_cursor_close(cursor);
    return right;
}

static void *
read_table(void *ctx)
{
    struct firn_alxs *table = ctx;
    for (size_t i = 0; i < COUNT; i += 37) {
        if (!is_right(table, i)) {
            return &keys[i];
        }
    }
    return walks_right(table, 0) && walks_right(table, COUNT / 2) ? NULL : ctx;
}

static void
threads_share_a_table(void **state)
{
    static const uint8_t value[VALUE_SIZE] = {1, 2, 3};
    pthread_t threads[THREADS];
    for (size_t i = 0; i < COUNT; i++) {
        int size = snprintf(keys[i], sizeof keys[i], "the same head, %06zu", i);
        pairs[i].key = firn_bytes(keys[i], (size_t)size);
        pairs[i].value = firn_bytes(value, i % VALUE_SIZE);
    }
    struct fi_os_dir *dir = test_os_temp_dir();
    alxs_fixture_write(dir, "t", pairs, COUNT);
    struct firn_alxs *table = alxs_fixture_open(dir, "t");
    assert_true(table->index.count > 2);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_table, table), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *problem;
        assert_int_equal(pthread_join(threads[i], &problem), 0);
        assert_null(problem);
    }
    fi_alxs_close(table);
    test_os_temp_dir_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_table),
    };
    return cmocka_run_group_tests_name("alxsv1_threads", tests, NULL, NULL);
}
