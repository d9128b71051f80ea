/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/os: calls that fail as planned, once and for ever, short and torn; and that nothing else
 * changes.
 */
#include <errno.h>

#include "base/mem.h"
#include "os/os_window.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_os.h"

struct machine {
    struct fi_os *memory;
    struct fi_os *os;
    struct fi_os_dir *root;
};

static struct machine machine;

static int
setup(void **state)
{
    firn_error err;
    test_alloc_install();
    TEST_OK(fi_sim_memory_create(1, &machine.memory, &err), &err);
    TEST_OK(fi_sim_fault_create(machine.memory, &machine.os, &err), &err);
    machine.root = test_os_root(machine.os);
    return 0;
}

static int
teardown(void **state)
{
    fi_os_dir_close(machine.root);
    fi_sim_fault_destroy(machine.os);
    fi_sim_memory_destroy(machine.memory);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    return 0;
}

static void
plan(uint64_t call, unsigned classes, enum fi_sim_fault_kind kind, int error_number)
{
    struct fi_sim_fault_plan wanted = {
        .call = call, .classes = classes, .kind = kind, .error_number = error_number};
    fi_sim_fault_set_plan(machine.os, &wanted);
}

static struct fi_os_file *
open_rw(const char *name)
{
    firn_error err;
    struct fi_os_file *file;
    unsigned flags = FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE;
    TEST_OK(fi_os_file_open(machine.root, name, flags, 0644, &file, &err), &err);
    return file;
}

static int
visit_nothing(void *ctx, const struct fi_os_dirent *entry)
{
    (void)ctx;
    (void)entry;
    return FIRN_OK;
}

#define STEP(expression)     \
    do {                     \
        rc = (expression);   \
        if (rc != FIRN_OK) { \
            goto out;        \
        }                    \
    } while (0)

/* Every call that is counted, once or more; ends at the first that fails. */
static int
do_everything(firn_error *err)
{
    int rc;
    struct fi_os_dir *root = machine.root;
    struct fi_os_dir *dir = NULL;
    struct fi_os_dir *again = NULL;
    struct fi_os_file *file = NULL;
    struct fi_os_window window = {0};
    struct fi_buf buf = {0};
    struct fi_os_stat stat;
    uint64_t start;
    uint64_t end;
    bool is_locked;
    size_t got;
    char bytes[16];
    struct fi_os_node node = {.dir = root, .name = "d"};
    STEP(fi_os_dir_open_path(machine.os, "/", &again, err));
    fi_os_dir_close(again);
    again = NULL;
    STEP(fi_os_make_dir(root, "d", 0755, err));
    STEP(fi_os_dir_open(root, "d", &dir, err));
    STEP(fi_os_dir_open_beneath(root, "d", &again, err));
    STEP(fi_os_file_open(dir, "f", FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE, 0644, &file, err));
    STEP(fi_os_file_write(file, 0, "hello", 5, err));
    STEP(fi_os_file_read(file, 0, bytes, 5, &got, err));
    STEP(fi_os_file_stat(file, &stat, err));
    STEP(fi_os_file_truncate(file, 3, err));
    STEP(fi_os_file_allocate(file, 100, err));
    STEP(fi_os_window_open(file, 0, 3, &window, err));
    STEP(fi_os_window_commit(&window, 1, 2, err));
    STEP(fi_os_file_next_data(file, 0, &start, &end, err));
    STEP(fi_os_file_lock(file, FI_OS_LOCK_EXCLUSIVE, err));
    fi_os_file_unlock(file);
    STEP(fi_os_file_lock_range(file, FI_OS_LOCK_SHARED, 3, 4, err));
    STEP(fi_os_file_is_range_held(file, 0, 100, &is_locked, err));
    fi_os_file_unlock_range(file, 3, 4);
    fi_os_file_start_writeback(file, 0, 3);
    STEP(fi_os_file_sync(file, err));
    STEP(fi_os_file_sync_all(file, err));
    STEP(fi_os_link(dir, "f", dir, "g", err));
    STEP(fi_os_rename(dir, "g", root, "h", FI_OS_RENAME_REPLACE, err));
    STEP(fi_os_make_symlink(dir, "l", "t", err));
    STEP(fi_os_read_symlink(dir, "l", &buf, err));
    STEP(fi_os_make_fifo(dir, "p", 0600, err));
    STEP(fi_os_stat(dir, "p", &stat, err));
    STEP(fi_os_dir_stat(dir, &stat, err));
    STEP(fi_os_set_mode(node, 0700, err));
    STEP(fi_os_set_owner(node, 0, 0, err));
    STEP(fi_os_set_mtime(node, 5, err));
    STEP(fi_os_xattr_set((struct fi_os_node){.file = file}, "user.a", firn_str("v"), err));
    STEP(fi_os_xattr_list(node, &buf, err));
    STEP(fi_os_xattr_get((struct fi_os_node){.file = file}, "user.a", &buf, err));
    STEP(fi_os_xattr_remove((struct fi_os_node){.file = file}, "user.a", err));
    STEP(fi_os_dir_list(dir, visit_nothing, NULL, err));
    STEP(fi_os_dir_real_path(dir, &buf, err));
    STEP(fi_os_dir_free_bytes(dir, &start, err));
    STEP(fi_os_dir_sync(dir, err));
    STEP(fi_os_dir_sync_filesystem(dir, err));
    STEP(fi_os_remove_file(root, "h", err));
    STEP(fi_os_remove_file(dir, "p", err));
    STEP(fi_os_remove_file(dir, "l", err));
    STEP(fi_os_remove_file(dir, "f", err));
    STEP(fi_os_remove_dir(root, "d", err));
    STEP(fi_os_random(machine.os, bytes, sizeof bytes, err));
out:
    fi_buf_deinit(&buf);
    fi_os_window_close(&window);
    fi_os_file_close(file);
    fi_os_dir_close(again);
    fi_os_dir_close(dir);
    return rc;
}

static void
each_call_can_fail_and_is_the_only_one(void **state)
{
    firn_error err;
    fi_sim_fault_set_plan(machine.os, NULL);
    TEST_OK(do_everything(&err), &err);
    uint64_t calls = fi_sim_fault_calls(machine.os);
    assert_int_equal(calls, 44);
    assert_int_equal(fi_sim_fault_hits(machine.os), 0);
    for (uint64_t n = 1; n <= calls; n++) {
        plan(n, FI_SIM_FAULT_ALL, FI_SIM_FAULT_FAILS, EROFS);
        assert_int_equal(do_everything(&err), FIRN_READ_ONLY);
        assert_int_equal(err.os_errno, EROFS);
        assert_int_equal(fi_sim_fault_calls(machine.os), n); /* it was the last one */
        assert_int_equal(fi_sim_fault_hits(machine.os), 1);
        fi_sim_fault_set_plan(machine.os, NULL);
        test_os_empty_dir(machine.root);
    }
    plan(calls + 1, FI_SIM_FAULT_ALL, FI_SIM_FAULT_FAILS, EROFS);
    TEST_OK(do_everything(&err), &err);
    assert_int_equal(fi_sim_fault_hits(machine.os), 0);
}

static void
classes_choose_what_is_counted(void **state)
{
    firn_error err;
    static const struct {
        unsigned classes;
        uint64_t calls;
    } expected[] = {{FI_SIM_FAULT_OPENS, 4},
                    {FI_SIM_FAULT_READS, 12},
                    {FI_SIM_FAULT_WRITES, 5},
                    {FI_SIM_FAULT_SYNCS, 4},
                    {FI_SIM_FAULT_METADATA, 18},
                    {FI_SIM_FAULT_RANDOM, 1},
                    {0, 0},
                    {FI_SIM_FAULT_READS | FI_SIM_FAULT_SYNCS, 16}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        plan(0, expected[i].classes, FI_SIM_FAULT_FAILS, EIO);
        TEST_OK(do_everything(&err), &err);
        assert_int_equal(fi_sim_fault_calls(machine.os), expected[i].calls);
    }
}

static void
for_ever_is_from_that_call_on(void **state)
{
    firn_error err;
    struct fi_os_file *file = open_rw("f");
    struct fi_sim_fault_plan wanted = {
        .call = 3, .for_ever = true, .classes = FI_SIM_FAULT_WRITES, .error_number = ENOSPC};
    fi_sim_fault_set_plan(machine.os, &wanted);
    for (unsigned i = 1; i <= 6; i++) {
        int rc = fi_os_file_write(file, i, "x", 1, &err);
        assert_int_equal(rc, i < 3 ? FIRN_OK : FIRN_NO_SPACE);
    }
    assert_int_equal(fi_sim_fault_hits(machine.os), 4);
    plan(2, FI_SIM_FAULT_WRITES, FI_SIM_FAULT_FAILS, ENOSPC);
    for (unsigned i = 1; i <= 6; i++) {
        int rc = fi_os_file_write(file, i, "x", 1, &err);
        assert_int_equal(rc, i == 2 ? FIRN_NO_SPACE : FIRN_OK);
    }
    fi_os_file_close(file);
}

static void
short_and_interrupted_transfers_are_made_up_for(void **state)
{
    firn_error err;
    struct fi_os_file *file = open_rw("f");
    char text[1000];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)('a' + i % 23);
    }
    struct fi_sim_fault_plan wanted = {.call = 1,
                                       .for_ever = true,
                                       .classes = FI_SIM_FAULT_READS | FI_SIM_FAULT_WRITES,
                                       .kind = FI_SIM_FAULT_SHORT};
    fi_sim_fault_set_plan(machine.os, &wanted);
    TEST_OK(fi_os_file_write(file, 7, text, sizeof text, &err), &err);
    assert_true(fi_sim_fault_calls(machine.os) >= 10);
    char back[1007] = {0};
    TEST_OK(fi_os_file_read_exact(file, 0, back, sizeof back, &err), &err);
    assert_memory_equal(back + 7, text, sizeof text);
    plan(1, FI_SIM_FAULT_READS, FI_SIM_FAULT_FAILS, EINTR);
    memset(back, 0, sizeof back);
    TEST_OK(fi_os_file_read_exact(file, 0, back, sizeof back, &err), &err);
    assert_memory_equal(back + 7, text, sizeof text);
    plan(1, FI_SIM_FAULT_WRITES, FI_SIM_FAULT_FAILS, EINTR);
    TEST_OK(fi_os_file_write(file, 0, "XYZ", 3, &err), &err);
    TEST_OK(fi_os_file_read_exact(file, 0, back, 3, &err), &err);
    assert_memory_equal(back, "XYZ", 3);
    fi_os_file_close(file);
}

static void
an_interrupted_sync_is_not_tried_again(void **state)
{
    firn_error err;
    struct fi_os_file *file = open_rw("f");
    plan(1, FI_SIM_FAULT_SYNCS, FI_SIM_FAULT_FAILS, EINTR);
    assert_int_equal(fi_os_file_sync(file, &err), FIRN_IO);
    assert_int_equal(fi_sim_fault_calls(machine.os), 1);
    plan(1, FI_SIM_FAULT_SYNCS, FI_SIM_FAULT_FAILS, EIO);
    assert_int_equal(fi_os_dir_sync(machine.root, &err), FIRN_IO);
    assert_int_equal(fi_sim_fault_calls(machine.os), 1);
    fi_os_file_close(file);
}

static void
a_torn_write_leaves_its_first_half(void **state)
{
    firn_error err;
    struct fi_os_file *file = open_rw("f");
    plan(1, FI_SIM_FAULT_ALL, FI_SIM_FAULT_TORN, EIO);
    assert_int_equal(fi_os_file_write(file, 0, "12345678", 8, &err), FIRN_IO);
    assert_non_null(strstr(err.text, "could not write '/f' at offset 0: "));
    fi_os_file_close(file);
    fi_sim_fault_set_plan(machine.os, NULL);
    char *text = test_os_get(machine.root, "f", NULL);
    assert_string_equal(text, "1234");
    fi_free(text);
    plan(1, FI_SIM_FAULT_METADATA, FI_SIM_FAULT_TORN, EIO);
    assert_int_equal(fi_os_remove_file(machine.root, "f", &err), FIRN_IO);
    assert_true(test_os_has(machine.root, "f"));
}

/* Replaces the file while it is read, before the second read. */
static void
replace_beneath(void *ctx, const struct fi_sim_fault_call *call)
{
    unsigned *reads = ctx;
    if (strcmp(call->operation, "file_read") != 0 || strcmp(call->name, "f") != 0) {
        return;
    }
    assert_int_equal(call->kind, FI_SIM_FAULT_READS);
    if (++*reads == 2) {
        test_os_put(machine.root, "f", "changed", 7);
    }
}

static void
a_hook_can_change_things_beneath_a_call(void **state)
{
    firn_error err;
    test_os_put(machine.root, "f", "unmoved", 7);
    struct fi_os_file *file = open_rw("f");
    unsigned reads = 0;
    char bytes[8] = {0};
    fi_sim_fault_set_hook(machine.os, replace_beneath, &reads);
    TEST_OK(fi_os_file_read_exact(file, 0, bytes, 7, &err), &err);
    assert_string_equal(bytes, "unmoved");
    TEST_OK(fi_os_file_read_exact(file, 0, bytes, 7, &err), &err);
    assert_string_equal(bytes, "changed");
    fi_sim_fault_set_hook(machine.os, NULL, NULL);
    TEST_OK(fi_os_file_read_exact(file, 0, bytes, 7, &err), &err);
    assert_int_equal(reads, 2);
    fi_os_file_close(file);
}

static void
the_rest_is_the_inner_machines(void **state)
{
    firn_error err;
    assert_int_equal(fi_os_cpu_count(machine.os), fi_os_cpu_count(machine.memory));
    assert_int_equal(fi_os_process_id(machine.os), fi_os_process_id(machine.memory));
    assert_int_equal(fi_os_boot_id(machine.os), fi_os_boot_id(machine.memory));
    fi_sim_memory_set_user(machine.memory, 77);
    assert_int_equal(fi_os_user_id(machine.os), 77);
    fi_sim_memory_set_user(machine.memory, 0);
    test_os_put(machine.root, "f", "x", 1);
    struct fi_os_dir *inner = test_os_root(machine.memory);
    assert_true(test_os_has(inner, "f"));
    fi_os_dir_close(inner);
    struct fi_os_file *file = open_rw("f");
    fi_sim_memory_power_cut(machine.memory, 1);
    assert_int_equal(fi_os_file_sync(file, &err), FIRN_IO);
    fi_os_file_close(file);
    fi_os_dir_close(machine.root);
    machine.root = test_os_root(machine.os);
    assert_true(test_os_has(machine.root, "f"));
}

static void
without_memory_there_is_none(void **state)
{
    firn_error err;
    struct fi_os *os;
    test_alloc_fail_at(1, false);
    assert_int_equal(fi_sim_fault_create(machine.memory, &os, &err), FIRN_NO_MEMORY);
    assert_null(os);
    fi_sim_fault_destroy(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_call_can_fail_and_is_the_only_one, setup, teardown),
        cmocka_unit_test_setup_teardown(classes_choose_what_is_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(for_ever_is_from_that_call_on, setup, teardown),
        cmocka_unit_test_setup_teardown(short_and_interrupted_transfers_are_made_up_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_interrupted_sync_is_not_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_write_leaves_its_first_half, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hook_can_change_things_beneath_a_call, setup, teardown),
        cmocka_unit_test_setup_teardown(the_rest_is_the_inner_machines, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_there_is_none, setup, teardown),
    };
    return cmocka_run_group_tests_name("os_fault", tests, NULL, NULL);
}
