/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/os: the machine in memory: where it dies, clones, determinism, its settings, its limits.
 */
#include <errno.h>

#include "base/mem.h"
#include "machine.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_os.h"
#include "threads/os_thread.h"

static void
the_machine_dies_at_the_chosen_call(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create_lazy();
    struct fi_os_dir *root = test_os_root(os);
    struct fi_os_file *file = machine_open_rw(root, "f");
    uint64_t calls = fi_sim_memory_calls(os);
    uint64_t syncs = fi_sim_memory_syncs(os);
    char byte;
    size_t got;
    TEST_OK(fi_os_file_read(file, 0, &byte, 1, &got, &err), &err);
    assert_int_equal(fi_sim_memory_calls(os), calls);
    TEST_OK(fi_os_file_write(file, 0, "x", 1, &err), &err);
    TEST_OK(fi_os_file_sync(file, &err), &err);
    TEST_OK(fi_os_dir_sync(root, &err), &err);
    assert_int_equal(fi_sim_memory_calls(os), calls + 3);
    assert_int_equal(fi_sim_memory_syncs(os), syncs + 2);
    fi_sim_memory_set_cut_at(os, calls + 5);
    TEST_OK(fi_os_file_write(file, 0, "y", 1, &err), &err);
    assert_false(fi_sim_memory_is_off(os));
    assert_int_equal(fi_os_file_sync(file, &err), FIRN_IO);
    assert_true(fi_sim_memory_is_off(os));
    assert_int_equal(fi_os_file_read(file, 0, &byte, 1, &got, &err), FIRN_IO);
    assert_int_equal(fi_os_file_write(file, 0, "z", 1, &err), FIRN_IO);
    assert_int_equal(fi_os_remove_file(root, "f", &err), FIRN_IO);
    struct fi_os_stat stat;
    struct fi_os_dir *opened;
    assert_int_equal(fi_os_stat(root, "f", &stat, &err), FIRN_IO);
    assert_int_equal(fi_os_dir_open_path(os, "/", &opened, &err), FIRN_IO);
    assert_int_equal(fi_sim_memory_calls(os), calls + 5);

    fi_sim_memory_power_cut(os, 0);
    assert_false(fi_sim_memory_is_off(os));
    /* Handles of before are dead, also when the machine is back; they can only be closed. */
    assert_int_equal(fi_os_file_read(file, 0, &byte, 1, &got, &err), FIRN_IO);
    assert_int_equal(fi_os_stat(root, "f", &stat, &err), FIRN_IO);
    assert_int_equal(fi_os_file_lock(file, FI_OS_LOCK_SHARED, &err), FIRN_IO);
    struct fi_os_dir *again = test_os_root(os);
    assert_true(machine_has_text(again, "f", "x"));
    fi_os_file_close(file);
    fi_os_dir_close(root);
    fi_os_dir_close(again);
    fi_sim_memory_destroy(os);
}

static void
locks_go_with_the_power(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create(1);
    struct fi_os_dir *root = test_os_root(os);
    machine_put_synced(root, "f", "");
    TEST_OK(fi_os_dir_sync(root, &err), &err);
    machine_put_synced(root, "g", "");
    TEST_OK(fi_os_dir_sync(root, &err), &err);
    struct fi_os_file *before = machine_open_rw(root, "f");
    struct fi_os_file *ranges_before = machine_open_rw(root, "g");
    TEST_OK(fi_os_file_lock(before, FI_OS_LOCK_EXCLUSIVE, &err), &err);
    TEST_OK(fi_os_file_lock_range(ranges_before, FI_OS_LOCK_EXCLUSIVE, 5, 1, &err), &err);
    fi_sim_memory_power_cut(os, 2);
    struct fi_os_dir *again = test_os_root(os);
    struct fi_os_file *after = machine_open_rw(again, "f");
    TEST_OK(fi_os_file_lock(after, FI_OS_LOCK_EXCLUSIVE, &err), &err);
    struct fi_os_file *ranges_after = machine_open_rw(again, "g");
    TEST_OK(fi_os_file_lock_range(ranges_after, FI_OS_LOCK_EXCLUSIVE, 5, 1, &err), &err);
    fi_os_file_unlock_range(ranges_before, 5, 1);
    fi_os_file_close(ranges_before);
    fi_os_file_close(before); /* releases nothing of the new machine's */
    struct fi_os_file *ranges_other = machine_open_rw(again, "g");
    bool is_locked;
    TEST_OK(fi_os_file_is_range_held(ranges_other, 0, 6, &is_locked, &err), &err);
    assert_true(is_locked);
    fi_os_file_close(ranges_other);
    fi_os_file_close(ranges_after);
    struct fi_os_file *other = machine_open_rw(again, "f");
    assert_int_equal(fi_os_file_lock(other, FI_OS_LOCK_SHARED, &err), FIRN_BUSY);
    fi_os_file_close(other);
    fi_os_file_close(after);
    fi_os_dir_close(root);
    fi_os_dir_close(again);
    fi_sim_memory_destroy(os);
}

static void
clones_do_not_see_each_other(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create_lazy();
    struct fi_os_dir *root = test_os_root(os);
    machine_put_synced(root, "f", "one");
    TEST_OK(fi_os_link(root, "f", root, "g", &err), &err);
    TEST_OK(fi_os_make_symlink(root, "l", "target", &err), &err);
    TEST_OK(fi_os_xattr_set((struct fi_os_node){.dir = root, .name = "f"}, "user.a", firn_str("v"),
                            &err),
            &err);
    struct fi_os *clone;
    TEST_OK(fi_sim_memory_clone(os, &clone, &err), &err);
    struct fi_os_dir *other = test_os_root(clone);
    assert_true(machine_has_text(other, "g", "one"));
    struct fi_os_stat stat;
    TEST_OK(fi_os_stat(other, "g", &stat, &err), &err);
    assert_int_equal(stat.nlink, 2);
    test_os_put(other, "f", "two", 3);
    TEST_OK(fi_os_remove_file(other, "l", &err), &err);
    TEST_OK(fi_os_xattr_remove((struct fi_os_node){.dir = other, .name = "f"}, "user.a", &err),
            &err);
    assert_true(machine_has_text(other, "g", "two"));
    assert_true(machine_has_text(root, "f", "one"));
    assert_true(test_os_has(root, "l"));
    test_os_put(root, "f", "three", 5);
    assert_true(machine_has_text(other, "f", "two"));
    struct fi_buf value = {0};
    TEST_OK(fi_os_xattr_get((struct fi_os_node){.dir = root, .name = "f"}, "user.a", &value, &err),
            &err);
    fi_buf_deinit(&value);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
    assert_true(machine_has_text(other, "f", "two"));
    fi_os_dir_close(other);
    fi_sim_memory_destroy(clone);
}

/* Everything a test could see of a tree, as text. */
static int describe_entry(void *ctx, const struct fi_os_dirent *entry);

struct description {
    struct fi_os_dir *dir;
    struct fi_buf *out;
};

static void
describe(struct fi_os_dir *dir, struct fi_buf *out)
{
    firn_error err;
    struct description description = {dir, out};
    TEST_OK(fi_os_dir_list(dir, describe_entry, &description, &err), &err);
}

static int
describe_entry(void *ctx, const struct fi_os_dirent *entry)
{
    struct description *description = ctx;
    firn_error err;
    struct fi_os_stat stat;
    TEST_OK(fi_os_stat(description->dir, entry->name, &stat, &err), &err);
    TEST_OK(fi_buf_append_format(description->out, "(%s %d %o %u %u %llu %llu %lld", entry->name,
                                 (int)stat.kind, stat.mode, stat.uid, stat.gid,
                                 (unsigned long long)stat.inode,
                                 (unsigned long long)stat.size_bytes, (long long)stat.mtime_ns),
            &err);
    if (stat.kind == FI_OS_FILE) {
        size_t size = 0;
        char *bytes = test_os_get(description->dir, entry->name, &size);
        TEST_OK(fi_buf_append(description->out, bytes, size), &err);
        fi_free(bytes);
    } else if (stat.kind == FI_OS_DIR) {
        struct fi_os_dir *child;
        TEST_OK(fi_os_dir_open(description->dir, entry->name, &child, &err), &err);
        describe(child, description->out);
        fi_os_dir_close(child);
    }
    return fi_buf_append_str(description->out, ")");
}

/* Works a while on a machine, cuts its power in between, and describes what is there in the end. */
static struct fi_buf
history_of(uint64_t seed)
{
    firn_error err;
    struct fi_buf out = {0};
    struct fi_os *os = machine_create(seed);
    for (unsigned round = 0; round < 5; round++) {
        struct fi_os_dir *root = test_os_root(os);
        for (unsigned i = 0; i < 20; i++) {
            uint8_t random[8];
            char name[8];
            TEST_OK(fi_os_random(os, random, sizeof random, &err), &err);
            (void)snprintf(name, sizeof name, "f%u", random[0] % 10);
            test_os_put(root, name, random, sizeof random);
            if (random[1] % 4 == 0) {
                TEST_OK(fi_os_dir_sync(root, &err), &err);
            }
        }
        fi_os_dir_close(root);
        fi_sim_memory_power_cut(os, seed + round + 2);
    }
    struct fi_os_dir *root = test_os_root(os);
    describe(root, &out);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
    return out;
}

static void
the_seed_decides_everything(void **state)
{
    struct fi_buf first = history_of(7);
    struct fi_buf again = history_of(7);
    struct fi_buf other = history_of(8);
    assert_true(first.size > 0);
    assert_int_equal(first.size, again.size);
    assert_memory_equal(first.data, again.data, first.size);
    assert_true(first.size != other.size || memcmp(first.data, other.data, first.size) != 0);
    fi_buf_deinit(&first);
    fi_buf_deinit(&again);
    fi_buf_deinit(&other);
}

static void
a_full_disk_refuses_and_recovers(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create(1);
    struct fi_os_dir *root = test_os_root(os);
    struct fi_os_file *file = machine_open_rw(root, "f");
    static uint8_t bytes[40960];
    fi_sim_memory_set_space(os, 20480);
    uint64_t free_bytes;
    TEST_OK(fi_os_dir_free_bytes(root, &free_bytes, &err), &err);
    assert_int_equal(free_bytes, 20480);
    assert_int_equal(fi_os_file_write(file, 0, bytes, sizeof bytes, &err), FIRN_NO_SPACE);
    struct fi_os_stat stat;
    TEST_OK(fi_os_file_stat(file, &stat, &err), &err);
    assert_int_equal(stat.size_bytes, 20480); /* a part was written */
    assert_int_equal(fi_os_make_dir(root, "d", 0755, &err), FIRN_NO_SPACE);
    unsigned create_flags = FI_OS_WRITE | FI_OS_CREATE;
    struct fi_os_file *other;
    assert_int_equal(fi_os_file_open(root, "g", create_flags, 0644, &other, &err), FIRN_NO_SPACE);
    assert_int_equal(fi_os_file_allocate(file, 30000, &err), FIRN_NO_SPACE);
    TEST_OK(fi_os_file_write(file, 100, bytes, 1000, &err), &err); /* in place */
    TEST_OK(fi_os_file_truncate(file, 4096, &err), &err);
    TEST_OK(fi_os_dir_free_bytes(root, &free_bytes, &err), &err);
    assert_int_equal(free_bytes, 16384);
    TEST_OK(fi_os_file_allocate(file, 8192, &err), &err);
    TEST_OK(fi_os_dir_free_bytes(root, &free_bytes, &err), &err);
    assert_int_equal(free_bytes, 12288);
    fi_os_file_close(file);
    TEST_OK(fi_os_remove_file(root, "f", &err), &err);
    TEST_OK(fi_os_dir_sync(root, &err), &err);
    TEST_OK(fi_os_dir_free_bytes(root, &free_bytes, &err), &err);
    assert_int_equal(free_bytes, 20480);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

static void
users_meet_the_mode_bits(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create(1);
    struct fi_os_dir *root = test_os_root(os);
    fi_sim_memory_set_umask(os, 077);
    test_os_put(root, "private", "x", 1);
    fi_sim_memory_set_umask(os, 0);
    fi_os_dir_close(machine_make_dir(root, "open"));
    struct fi_os_stat stat;
    TEST_OK(fi_os_stat(root, "private", &stat, &err), &err);
    assert_int_equal(stat.mode, 0600);
    struct fi_os_node node = {.dir = root, .name = "open"};
    TEST_OK(fi_os_set_mode(node, 0777, &err), &err);
    fi_sim_memory_set_user(os, 1000);
    assert_int_equal(fi_os_user_id(os), 1000);
    struct fi_os_file *file;
    struct fi_os_dir *inner;
    assert_int_equal(fi_os_file_open(root, "private", FI_OS_READ, 0, &file, &err), FIRN_DENIED);
    assert_int_equal(fi_os_make_dir(root, "d", 0755, &err), FIRN_DENIED);
    assert_int_equal(fi_os_remove_file(root, "private", &err), FIRN_DENIED);
    assert_int_equal(fi_os_set_mode(node, 0700, &err), FIRN_DENIED);
    assert_int_equal(fi_os_set_mtime(node, 1, &err), FIRN_DENIED);
    assert_int_equal(fi_os_set_owner(node, 1000, 1000, &err), FIRN_DENIED);
    assert_int_equal(fi_os_xattr_set(node, "trusted.a", firn_str("v"), &err), FIRN_DENIED);
    TEST_OK(fi_os_dir_open(root, "open", &inner, &err), &err);
    test_os_put(inner, "mine", "x", 1);
    node = (struct fi_os_node){.dir = inner, .name = "mine"};
    TEST_OK(fi_os_set_mode(node, 0000, &err), &err);
    assert_int_equal(fi_os_file_open(inner, "mine", FI_OS_READ, 0, &file, &err), FIRN_DENIED);
    TEST_OK(fi_os_set_mode(node, 0200, &err), &err);
    assert_int_equal(fi_os_file_open(inner, "mine", FI_OS_READ, 0, &file, &err), FIRN_DENIED);
    TEST_OK(fi_os_file_open(inner, "mine", FI_OS_WRITE, 0, &file, &err), &err);
    fi_os_file_close(file);
    fi_os_dir_close(inner);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

static int
expect_no_kind(void *ctx, const struct fi_os_dirent *entry)
{
    (void)ctx;
    assert_int_equal(entry->kind, FI_OS_UNKNOWN);
    return FIRN_OK;
}

static void
time_and_kinds_are_as_set(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create(1);
    struct fi_os_dir *root = test_os_root(os);
    fi_sim_memory_set_time(os, INT64_C(5000000000));
    test_os_put(root, "f", "x", 1);
    struct fi_os_stat stat;
    TEST_OK(fi_os_stat(root, "f", &stat, &err), &err);
    assert_in_range(stat.mtime_ns, INT64_C(5000000000), INT64_C(5000100000));
    int64_t first = fi_os_now_ns(os);
    assert_int_equal(fi_os_now_ns(os), first + 1000);
    fi_sim_memory_set_hide_kinds(os, true);
    TEST_OK(fi_os_dir_list(root, expect_no_kind, NULL, &err), &err);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

static void
contents_may_lie_far_out_but_not_everywhere(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create(1);
    struct fi_os_dir *root = test_os_root(os);
    struct fi_os_file *file = machine_open_rw(root, "f");
    const uint64_t gib = UINT64_C(1) << 30;
    TEST_OK(fi_os_file_truncate(file, 100000 * gib, &err), &err);
    TEST_OK(fi_os_file_write(file, gib, "far", 3, &err), &err);
    assert_int_equal(fi_os_file_write(file, 65 * gib, "x", 1, &err), FIRN_LIMIT);
    char bytes[3];
    TEST_OK(fi_os_file_read_exact(file, gib, bytes, 3, &err), &err);
    assert_memory_equal(bytes, "far", 3);
    TEST_OK(fi_os_file_read_exact(file, 99999 * gib, bytes, 3, &err), &err);
    assert_memory_equal(bytes, "\0\0\0", 3);
    fi_os_file_close(file);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

static void
count_job(void *arg)
{
    ++*(unsigned *)arg;
}

static void
jobs_run_inline(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create(3);
    struct fi_os_jobs *jobs;
    unsigned count = 0;
    TEST_OK(fi_os_jobs_create(os, 2, &jobs, &err), &err);
    TEST_OK(fi_os_jobs_submit(jobs, count_job, &count, &err), &err);
    assert_int_equal(count, 0);
    fi_os_jobs_wait(jobs);
    assert_int_equal(count, 1);
    fi_os_jobs_destroy(jobs);
    fi_sim_memory_destroy(os);
}

static void
failed_allocations_leave_no_machine_behind(void **state)
{
    firn_error err;
    for (unsigned for_ever = 0; for_ever < 2; for_ever++) {
        struct test_fault fault = {.for_ever = for_ever != 0};
        while (test_fault_next(&fault)) {
            test_alloc_install();
            struct fi_os *os = machine_create(1);
            struct fi_os_dir *root = test_os_root(os);
            test_os_put(root, "f", "contents", 8);
            fi_os_dir_close(machine_make_dir(root, "d"));
            TEST_OK(fi_os_make_symlink(root, "l", "t", &err), &err);
            TEST_OK(fi_os_dir_sync(root, &err), &err);
            TEST_OK(fi_os_remove_file(root, "f", &err), &err);
            fi_os_dir_close(root);
            struct fi_os *made = NULL;
            struct fi_os *clone = NULL;
            test_fault_allocation(&fault);
            int rc = fi_sim_memory_create(2, &made, &err);
            if (rc == FIRN_OK) {
                rc = fi_sim_memory_clone(os, &clone, &err);
            }
            test_fault_end(&fault);
            assert_int_equal(rc, fault.was_hit ? FIRN_NO_MEMORY : FIRN_OK);
            fi_sim_memory_destroy(clone);
            fi_sim_memory_destroy(made);
            fi_sim_memory_destroy(os);
            assert_int_equal(test_alloc_alive(), 0);
            test_alloc_uninstall();
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_machine_dies_at_the_chosen_call),
        cmocka_unit_test(locks_go_with_the_power),
        cmocka_unit_test(clones_do_not_see_each_other),
        cmocka_unit_test(the_seed_decides_everything),
        cmocka_unit_test(a_full_disk_refuses_and_recovers),
        cmocka_unit_test(users_meet_the_mode_bits),
        cmocka_unit_test(time_and_kinds_are_as_set),
        cmocka_unit_test(contents_may_lie_far_out_but_not_everywhere),
        cmocka_unit_test(jobs_run_inline),
        cmocka_unit_test(failed_allocations_leave_no_machine_behind),
    };
    return cmocka_run_group_tests_name("os_memory", tests, NULL, NULL);
}
