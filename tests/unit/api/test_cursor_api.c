/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/api: more cursors than the process may have open files, each in files of its own.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_descriptors.h"
#include "support/test_temp.h"

static firn_error err;

#define OK(expression)                                 \
    do {                                               \
        int rc_of_call = (expression);                 \
        if (rc_of_call != FIRN_OK) {                   \
            fail_msg("%s: %s", #expression, err.text); \
        }                                              \
    } while (0)

enum { CURSORS = 230, LIMIT = 224, ROWS = 12, VALUE_SIZE = 3000, LARGE_SIZE = 5000 };

static struct rlimit before;

/* The value of row i of keyspace k, which does not compress; the last row's is large: it is in a file of large values. */
static size_t
make_value(unsigned k, unsigned i, uint8_t *out)
{
    size_t size = i == ROWS - 1 ? LARGE_SIZE : VALUE_SIZE;
    uint32_t state = k * ROWS + i + 1;
    for (size_t at = 0; at < size; at++) {
        state = state * 1664525 + 1013904223;
        out[at] = (uint8_t)(state >> 24);
    }
    return size;
}

static firn_slice
make_key(unsigned i, char out[16])
{
    (void)snprintf(out, 16, "%04u", i);
    return firn_str(out);
}

static void
expect_row(firn_cursor *cursor, unsigned k, unsigned i)
{
    char key[16];
    uint8_t value[LARGE_SIZE];
    assert_true(firn_cursor_valid(cursor));
    firn_slice found = firn_cursor_key(cursor);
    firn_slice expected = make_key(i, key);
    assert_int_equal(found.size, expected.size);
    assert_memory_equal(found.data, expected.data, found.size);
    size_t size = make_value(k, i, value);
    assert_int_equal(firn_cursor_value(cursor).size, size);
    assert_memory_equal(firn_cursor_value(cursor).data, value, size);
}

static struct {
    char dir[64];
    char path[96];
    firn_store *store;
    firn_keyspace *keyspaces[CURSORS];
    firn_cursor *cursors[CURSORS];
} scene;

static void
open_keyspaces(uint64_t memory_bytes)
{
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.durability = FIRN_DURABILITY_OS;
    options.memory_bytes = memory_bytes;
    OK(firn_store_open(scene.path, &options, &scene.store, &err));
    for (unsigned k = 0; k < CURSORS; k++) {
        char name[16];
        (void)snprintf(name, sizeof name, "k%u", k);
        OK(firn_keyspace_open(scene.store, name, NULL, &scene.keyspaces[k], &err));
    }
}

/* Keyspaces whose rows are in runs, so that each has files of its own. */
static void
scene_init(void)
{
    test_temp_make(scene.dir, sizeof scene.dir);
    (void)snprintf(scene.path, sizeof scene.path, "%s/store", scene.dir);
    open_keyspaces(FIRN_STORE_MEMORY_DEFAULT);
    for (unsigned k = 0; k < CURSORS; k++) {
        for (unsigned i = 0; i < ROWS; i++) {
            char key[16];
            uint8_t value[LARGE_SIZE];
            size_t size = make_value(k, i, value);
            OK(firn_put(scene.keyspaces[k], make_key(i, key), firn_bytes(value, size), NULL, &err));
        }
    }
    OK(firn_store_flush(scene.store, &err));
    OK(firn_store_close(scene.store, &err));
    open_keyspaces(FIRN_STORE_MEMORY_MIN); /* so blocks do not stay in memory */
    for (unsigned k = 0; k < CURSORS; k++) {
        OK(firn_cursor_open(scene.keyspaces[k], NULL, &scene.cursors[k], &err));
        OK(firn_cursor_first(scene.cursors[k], &err));
        expect_row(scene.cursors[k], k, 0);
    }
}

static void
scene_deinit(void)
{
    for (unsigned k = 0; k < CURSORS; k++) {
        firn_cursor_close(scene.cursors[k]);
    }
    OK(firn_store_close(scene.store, &err));
    char command[96];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", scene.dir);
    assert_int_equal(system(command), 0);
}

static void
a_cursor_goes_on_when_others_took_all_descriptors(void **state)
{
    static int taken[LIMIT];
    unsigned count = 0;
    do {
        taken[count] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    } while (taken[count] >= 0 && ++count < LIMIT);
    for (unsigned k = 0; k < CURSORS; k++) {
        OK(firn_cursor_last(scene.cursors[k], &err));
        expect_row(scene.cursors[k], k, ROWS - 1);
    }
    while (count > 0) {
        assert_int_equal(close(taken[--count]), 0);
    }
}

static void
cursors_do_not_use_up_the_descriptors_of_the_process(void **state)
{
    for (unsigned k = 0; k < CURSORS; k++) {
        OK(firn_cursor_first(scene.cursors[k], &err));
        expect_row(scene.cursors[k], k, 0);
    }
    assert_true(test_descriptors_count() < LIMIT / 2);

    /* What needs files still has them. */
    char key[16];
    firn_store *reader;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.read_only = true;
    for (unsigned k = 0; k < CURSORS; k++) {
        OK(firn_put(scene.keyspaces[k], make_key(1, key), firn_str("new"), NULL, &err));
        OK(firn_delete(scene.keyspaces[k], make_key(2, key), NULL, &err));
    }
    OK(firn_store_flush(scene.store, &err));
    OK(firn_store_compact(scene.store, NULL, &err));
    OK(firn_store_open(scene.path, &options, &reader, &err));
    OK(firn_store_close(reader, &err));

    /* The files that the cursors read are in no newer version of the store, and all rows are theirs. */
    for (unsigned i = 1; i < ROWS; i++) {
        for (unsigned k = 0; k < CURSORS; k++) {
            OK(firn_cursor_next(scene.cursors[k], &err));
            expect_row(scene.cursors[k], k, i);
        }
    }
    assert_true(test_descriptors_count() < LIMIT / 2);
}

static int
set_up(void **state)
{
    if (getrlimit(RLIMIT_NOFILE, &before) != 0) {
        return -1;
    }
    struct rlimit limit = {.rlim_cur = LIMIT, .rlim_max = before.rlim_max};
    int result = setrlimit(RLIMIT_NOFILE, &limit);
    if (result == 0) {
        scene_init();
    }
    return result;
}

static int
tear_down(void **state)
{
    scene_deinit();
    return setrlimit(RLIMIT_NOFILE, &before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_goes_on_when_others_took_all_descriptors),
        cmocka_unit_test(cursors_do_not_use_up_the_descriptors_of_the_process),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
