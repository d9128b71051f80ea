/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/hosted: a file system within a file: names, ranges, and that nothing can be changed.
 */
#include "base/mem.h"
#include "hosted/os_within.h"
#include "os/os_window.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_os.h"

enum { TIME = 1234567890 };

static const struct fi_os_within_entry entries[] = {
    {"a", 2, 3},       {"runs-old", 5, 1}, {"runs/1", 10, 4},
    {"runs/2", 14, 0}, {"runs0", 0, 20},   {"z", 20, 0},
};

struct scene {
    struct fi_os *outer;
    struct fi_os_file *file;
    struct fi_os *os;
    struct fi_os_dir *root;
};

static struct scene scene;

static int
setup(void **state)
{
    firn_error err;
    test_alloc_install();
    TEST_OK(fi_sim_memory_create(1, &scene.outer, &err), &err);
    struct fi_os_dir *outside = test_os_root(scene.outer);
    test_os_put(outside, "one", "0123456789abcdefghij", 20);
    TEST_OK(fi_os_file_open(outside, "one", FI_OS_READ, 0, &scene.file, &err), &err);
    fi_os_dir_close(outside);
    TEST_OK(fi_os_within_create(scene.file, entries, sizeof entries / sizeof *entries, TIME,
                                &scene.os, &err),
            &err);
    TEST_OK(fi_os_dir_open_path(scene.os, "/some/where/one", &scene.root, &err), &err);
    return 0;
}

static int
teardown(void **state)
{
    fi_os_dir_close(scene.root);
    fi_os_within_destroy(scene.os);
    fi_os_file_close(scene.file);
    fi_sim_memory_destroy(scene.outer);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    return 0;
}

static int
collect(void *ctx, const struct fi_os_dirent *entry)
{
    char *names = ctx;
    (void)strcat(names, entry->name);
    (void)strcat(names, entry->kind == FI_OS_DIR ? "/ " : " ");
    assert_int_equal(strlen(entry->name), entry->name_size);
    return FIRN_OK;
}

static int
stop(void *ctx, const struct fi_os_dirent *entry)
{
    (void)entry;
    ++*(int *)ctx;
    return FIRN_BUSY;
}

static void
names_are_where_they_were(void **state)
{
    firn_error err;
    char names[100] = "";
    int visits = 0;
    struct fi_os_dir *runs;
    struct fi_os_dir *again;
    struct fi_os_stat stat;
    TEST_OK(fi_os_dir_list(scene.root, collect, names, &err), &err);
    assert_string_equal(names, "a runs-old runs/ runs0 z ");
    assert_int_equal(fi_os_dir_list(scene.root, stop, &visits, &err), FIRN_BUSY);
    assert_int_equal(visits, 1);
    TEST_OK(fi_os_dir_open(scene.root, "runs", &runs, &err), &err);
    TEST_OK(fi_os_dir_open_beneath(runs, "", &again, &err), &err);
    names[0] = '\0';
    TEST_OK(fi_os_dir_list(again, collect, names, &err), &err);
    assert_string_equal(names, "1 2 ");
    assert_string_equal(fi_os_dir_path(runs), "/some/where/one/runs");
    fi_os_dir_close(again);
    TEST_OK(fi_os_dir_open_beneath(scene.root, "runs", &again, &err), &err);
    TEST_OK(fi_os_stat(again, "1", &stat, &err), &err);
    assert_int_equal(stat.size_bytes, 4);
    assert_int_equal(stat.kind, FI_OS_FILE);
    assert_true(stat.mtime_ns == TIME);
    TEST_OK(fi_os_stat(scene.root, "runs", &stat, &err), &err);
    assert_int_equal(stat.kind, FI_OS_DIR);
    TEST_OK(fi_os_dir_stat(scene.root, &stat, &err), &err);
    assert_int_equal(stat.kind, FI_OS_DIR);
    static const char *const missing[] = {"b", "run", "runs/", "1", "zz", "A"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        int rc = fi_os_stat(scene.root, missing[i], &stat, &err);
        assert_int_equal(rc, strchr(missing[i], '/') != NULL ? FIRN_INVALID : FIRN_NOT_FOUND);
    }
    fi_os_dir_close(again);
    assert_int_equal(fi_os_dir_open(scene.root, "a", &again, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_dir_open(scene.root, "b", &again, &err), FIRN_NOT_FOUND);
    fi_os_dir_close(runs);
}

static void
files_are_ranges(void **state)
{
    firn_error err;
    struct fi_os_file *file;
    struct fi_os_stat stat;
    uint64_t start;
    uint64_t end;
    size_t size;
    char bytes[20];
    TEST_OK(fi_os_file_open_stat(scene.root, "a", FI_OS_READ, 0, &file, &stat, &err), &err);
    assert_int_equal(stat.size_bytes, 3);
    TEST_OK(fi_os_file_read(file, 0, bytes, sizeof bytes, &size, &err), &err);
    assert_int_equal(size, 3);
    assert_memory_equal(bytes, "234", 3);
    TEST_OK(fi_os_file_read(file, 1, bytes, 1, &size, &err), &err);
    assert_memory_equal(bytes, "3", 1);
    TEST_OK(fi_os_file_read(file, 3, bytes, 1, &size, &err), &err);
    assert_int_equal(size, 0);
    TEST_OK(fi_os_file_read(file, 1000, bytes, 1, &size, &err), &err);
    assert_int_equal(size, 0);
    assert_int_equal(fi_os_file_read_exact(file, 2, bytes, 2, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "/some/where/one/a"));
    TEST_OK(fi_os_file_next_data(file, 1, &start, &end, &err), &err);
    assert_true(start == 1 && end == 3);
    TEST_OK(fi_os_file_next_data(file, 9, &start, &end, &err), &err);
    assert_true(start == 3 && end == 3);
    fi_os_file_close(file);
    assert_int_equal(fi_os_file_open(scene.root, "runs", FI_OS_READ, 0, &file, &err), FIRN_INVALID);
    assert_int_equal(fi_os_file_open(scene.root, "run", FI_OS_READ, 0, &file, &err),
                     FIRN_NOT_FOUND);
}

static void
nothing_can_be_changed(void **state)
{
    firn_error err;
    struct fi_os_file *file;
    struct fi_os_file *other;
    struct fi_buf out = {0};
    bool is_locked = true;
    const struct fi_os_node node = {scene.root, "a", NULL};
    TEST_OK(fi_os_file_open(scene.root, "a", FI_OS_READ, 0, &file, &err), &err);
#define REFUSED(call) assert_int_equal((call), FIRN_READ_ONLY)
    REFUSED(fi_os_file_open(scene.root, "a", FI_OS_READ | FI_OS_WRITE, 0, &other, &err));
    REFUSED(fi_os_file_open(scene.root, "n", FI_OS_WRITE | FI_OS_CREATE, 0600, &other, &err));
    REFUSED(fi_os_file_write(file, 0, "x", 1, &err));
    REFUSED(fi_os_file_truncate(file, 0, &err));
    REFUSED(fi_os_file_allocate(file, 10, &err));
    REFUSED(fi_os_file_sync(file, &err));
    REFUSED(fi_os_file_sync_all(file, &err));
    REFUSED(fi_os_dir_sync(scene.root, &err));
    REFUSED(fi_os_dir_sync_filesystem(scene.root, &err));
    REFUSED(fi_os_make_dir(scene.root, "d", 0700, &err));
    REFUSED(fi_os_make_fifo(scene.root, "d", 0700, &err));
    REFUSED(fi_os_make_symlink(scene.root, "d", "a", &err));
    REFUSED(fi_os_remove_file(scene.root, "a", &err));
    REFUSED(fi_os_remove_dir(scene.root, "runs", &err));
    REFUSED(fi_os_rename(scene.root, "a", scene.root, "b", FI_OS_RENAME_REPLACE, &err));
    REFUSED(fi_os_link(scene.root, "a", scene.root, "b", &err));
    REFUSED(fi_os_set_mode(node, 0600, &err));
    REFUSED(fi_os_set_owner(node, 1, 1, &err));
    REFUSED(fi_os_set_mtime(node, 1, &err));
    REFUSED(fi_os_xattr_set(node, "user.a", firn_str("x"), &err));
    REFUSED(fi_os_xattr_remove(node, "user.a", &err));
#undef REFUSED
    TEST_OK(fi_os_xattr_list(node, &out, &err), &err);
    assert_int_equal(out.size, 0);
    assert_int_equal(fi_os_xattr_get(node, "user.a", &out, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_read_symlink(scene.root, "a", &out, &err), FIRN_INVALID);
    assert_int_equal(fi_os_read_symlink(scene.root, "b", &out, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_dir_real_path(scene.root, &out, &err), FIRN_UNSUPPORTED);
    fi_buf_deinit(&out);
    /* Locks shut nobody out. */
    TEST_OK(fi_os_file_open(scene.root, "a", FI_OS_READ, 0, &other, &err), &err);
    TEST_OK(fi_os_file_lock(file, FI_OS_LOCK_EXCLUSIVE, &err), &err);
    TEST_OK(fi_os_file_lock(other, FI_OS_LOCK_EXCLUSIVE, &err), &err);
    fi_os_file_unlock(file);
    TEST_OK(fi_os_file_lock_range(other, FI_OS_LOCK_SHARED, 5, 1, &err), &err);
    TEST_OK(fi_os_file_is_range_held(file, 0, 10, &is_locked, &err), &err);
    assert_false(is_locked);
    fi_os_file_unlock_range(other, 5, 1);
    fi_os_file_start_writeback(file, 0, 1);
    fi_os_file_close(other);
    fi_os_file_close(file);
}

static void
the_clock_stands_still_and_the_rest_is_the_outer_ones(void **state)
{
    firn_error err;
    uint64_t random[2] = {0, 0};
    uint64_t free_bytes = 1;
    assert_true(fi_os_now_ns(scene.os) == TIME);
    assert_true(fi_os_now_ns(scene.os) == TIME);
    int64_t before = fi_os_monotonic_ns(scene.os);
    fi_os_sleep_ns(scene.os, 1000000);
    assert_true(fi_os_monotonic_ns(scene.outer) >= before + 1000000);
    TEST_OK(fi_os_random(scene.os, random, sizeof random, &err), &err);
    assert_true(random[0] != 0 && random[0] != random[1]);
    assert_int_equal(fi_os_cpu_count(scene.os), fi_os_cpu_count(scene.outer));
    assert_int_equal(fi_os_process_id(scene.os), fi_os_process_id(scene.outer));
    assert_int_equal(fi_os_boot_id(scene.os), fi_os_boot_id(scene.outer));
    assert_int_equal(fi_os_user_id(scene.os), fi_os_user_id(scene.outer));
    assert_null(fi_os_environment(scene.os, "PATH"));
    TEST_OK(fi_os_dir_free_bytes(scene.root, &free_bytes, &err), &err);
    assert_int_equal(free_bytes, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_where_they_were, setup, teardown),
        cmocka_unit_test_setup_teardown(files_are_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_can_be_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(the_clock_stands_still_and_the_rest_is_the_outer_ones,
                                        setup, teardown),
    };
    return cmocka_run_group_tests_name("os_within", tests, NULL, NULL);
}
