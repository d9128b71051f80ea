/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/posix: what only the real system has: descriptors, other users, threads at once, a missing
 * /proc.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "posix/os_default.h"
#include "posix/os_posix.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_descriptors.h"
#include "support/test_os.h"
#include "threads/os_thread.h"

/* A process that locks a byte of the file for reading, says so, and waits to be told to end. */
static pid_t
start_locker(struct fi_os_dir *dir, const char *name, uint64_t offset, int *out_end)
{
    int ready[2];
    int end[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(end), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char byte = 0;
        struct fi_os_file *file;
        (void)close(end[1]);
        bool locked = fi_os_file_open(dir, name, FI_OS_READ, 0, &file, NULL) == FIRN_OK &&
                      fi_os_file_lock_range(file, FI_OS_LOCK_SHARED, offset, 1, NULL) == FIRN_OK;
        _exit(locked && write(ready[1], "r", 1) == 1 && read(end[0], &byte, 1) == 0 ? 0 : 1);
    }
    char byte = 0;
    (void)close(ready[1]);
    (void)close(end[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    *out_end = end[1];
    return child;
}

static void
locks_of_ranges_are_seen_by_other_processes_and_end_with_theirs(void **state)
{
    const uint64_t version = (UINT64_C(1) << 62) - 1;
    firn_error err;
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os_file *file;
    bool is_locked;
    int end;
    int status;
    test_os_put(dir, "f", "", 0);
    TEST_OK(fi_os_file_open(dir, "f", FI_OS_READ | FI_OS_WRITE, 0, &file, &err), &err);
    for (int killed = 0; killed < 2; killed++) {
        pid_t child = start_locker(dir, "f", version, &end);
        TEST_OK(fi_os_file_is_range_held(file, 0, version, &is_locked, &err), &err);
        assert_false(is_locked);
        TEST_OK(fi_os_file_is_range_held(file, 0, version + 1, &is_locked, &err), &err);
        assert_true(is_locked);
        assert_int_equal(fi_os_file_lock_range(file, FI_OS_LOCK_EXCLUSIVE, version, 1, &err),
                         FIRN_BUSY);
        TEST_OK(fi_os_file_lock_range(file, FI_OS_LOCK_SHARED, version, 1, &err), &err);
        fi_os_file_unlock_range(file, version, 1);
        if (killed != 0) {
            assert_int_equal(kill(child, SIGKILL), 0);
        }
        (void)close(end);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(killed != 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
        TEST_OK(fi_os_file_is_range_held(file, 0, INT64_MAX, &is_locked, &err), &err);
        assert_false(is_locked);
    }
    fi_os_file_close(file);
    test_os_temp_dir_remove(dir);
}

/* A lock of a process, as other libraries take them, is not one of a handle of ours. */
static void
the_process_that_holds_a_lock_of_a_range_is_named(void **state)
{
    firn_error err;
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os_file *file;
    struct fi_os_file *other;
    int ready[2];
    int end[2];
    int status;
    char byte = 0;
    test_os_put(dir, "f", "", 0);
    TEST_OK(fi_os_file_open(dir, "f", FI_OS_READ | FI_OS_WRITE, 0, &file, &err), &err);
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(end), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 1000, .l_len = 10};
        int fd = open(fi_os_file_path(file), O_RDWR | O_CLOEXEC);
        (void)close(end[1]);
        bool is_done = fcntl(fd, F_SETLK, &lock) == 0 && write(ready[1], "x", 1) == 1;
        _exit(is_done && read(end[0], &byte, 1) == 0 ? 0 : 1);
    }
    (void)close(end[0]);
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(fi_os_file_range_holder(file, 1009, 5), (uint64_t)child);
    assert_int_equal(fi_os_file_range_holder(file, 0, 1000), 0);
    (void)close(end[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(fi_os_file_range_holder(file, 1009, 5), 0);
    TEST_OK(fi_os_file_open(dir, "f", FI_OS_READ | FI_OS_WRITE, 0, &other, &err), &err);
    TEST_OK(fi_os_file_lock_range(other, FI_OS_LOCK_EXCLUSIVE, 0, 1, &err), &err);
    assert_int_equal(fi_os_file_range_holder(file, 0, 1), 0);
    (void)close(ready[0]);
    fi_os_file_close(other);
    fi_os_file_close(file);
    test_os_temp_dir_remove(dir);
}

/* A real path has no links: one that is there was put there since. */
static void
a_real_path_is_opened_without_following_links(void **state)
{
    size_t before = test_descriptors_count();
    firn_error err;
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os_dir *opened;
    struct fi_buf real = {0};
    char path[512];
    TEST_OK(fi_os_dir_real_path(dir, &real, &err), &err);
    TEST_OK(fi_os_make_dir(dir, "d", 0755, &err), &err);
    TEST_OK(fi_os_dir_open(dir, "d", &opened, &err), &err);
    TEST_OK(fi_os_make_dir(opened, "e", 0755, &err), &err);
    fi_os_dir_close(opened);
    TEST_OK(fi_os_make_symlink(dir, "l", "d", &err), &err);
    for (unsigned by_hand = 0; by_hand < 2; by_hand++) {
        static const struct {
            const char *below;
            bool is_real;
        } cases[] = {{"", true}, {"/d", true}, {"/d/e", true}, {"/l", false}, {"/l/e", false}};
        fi_os_posix_dir_use_openat2(by_hand == 0);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            (void)snprintf(path, sizeof path, "%.*s%s", (int)real.size, (const char *)real.data,
                           cases[i].below);
            TEST_OK(fi_os_dir_open_path(fi_os_default(), path, &opened, &err), &err);
            fi_os_dir_close(opened);
            int rc = fi_os_dir_open_real(fi_os_default(), path, &opened, &err);
            assert_int_equal(rc, cases[i].is_real ? FIRN_OK : FIRN_NOT_FOUND);
            fi_os_dir_close(opened);
        }
        TEST_OK(fi_os_dir_open_real(fi_os_default(), "/", &opened, &err), &err);
        fi_os_dir_close(opened);
    }
    fi_os_posix_dir_use_openat2(true);
    fi_buf_deinit(&real);
    test_os_temp_dir_remove(dir);
    assert_int_equal(test_descriptors_count(), before);
}

static void
descriptors_are_closed_on_exec_and_by_close(void **state)
{
    size_t before = test_descriptors_count();
    firn_error err;
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os_dir *inner;
    struct fi_os_dir *beneath;
    struct fi_os_file *file;
    TEST_OK(fi_os_make_dir(dir, "d", 0755, &err), &err);
    TEST_OK(fi_os_dir_open(dir, "d", &inner, &err), &err);
    for (unsigned by_hand = 0; by_hand < 2; by_hand++) {
        fi_os_posix_dir_use_openat2(by_hand == 0);
        TEST_OK(fi_os_dir_open_beneath(dir, "d", &beneath, &err), &err);
        unsigned create = FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE;
        TEST_OK(fi_os_file_open(inner, "f", create, 0644, &file, &err), &err);
        const int fds[] = {fi_os_posix_dir_fd(dir), fi_os_posix_dir_fd(inner),
                           fi_os_posix_dir_fd(beneath), fi_os_posix_file_fd(file)};
        for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
            assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        }
        fi_os_file_close(file);
        fi_os_dir_close(beneath);
        /* What fails on the way leaves nothing open. */
        assert_int_equal(fi_os_dir_open_beneath(dir, "d/e/f", &beneath, &err), FIRN_NOT_FOUND);
        assert_int_equal(fi_os_file_open(dir, "d", FI_OS_READ, 0, &file, &err), FIRN_INVALID);
    }
    fi_os_posix_dir_use_openat2(true);
    fi_os_dir_close(inner);
    test_os_temp_dir_remove(dir);
    assert_int_equal(test_descriptors_count(), before);
}

static void
no_atime_is_given_up_where_the_owner_is_another(void **state)
{
    firn_error err;
    struct fi_os_dir *etc;
    struct fi_os_file *file;
    TEST_OK(fi_os_dir_open_path(fi_os_default(), "/etc", &etc, &err), &err);
    bool root = geteuid() == 0;
    if (root) {
        assert_int_equal(seteuid(65534), 0);
    }
    int rc = fi_os_file_open(etc, "passwd", FI_OS_READ | FI_OS_NO_ATIME, 0, &file, &err);
    if (root) {
        assert_int_equal(seteuid(0), 0);
    }
    TEST_OK(rc, &err);
    fi_os_file_close(file);
    fi_os_dir_close(etc);
}

struct shared {
    struct fi_os_dir *dir;
    struct fi_os_file *file;
    atomic_uint failures;
};

static int
count_entry(void *ctx, const struct fi_os_dirent *entry)
{
    unsigned *count = ctx;
    *count += strcmp(entry->name, "f") == 0 ? 1 : 100;
    return FIRN_OK;
}

/* Uses one directory handle and one file handle as other threads do at the same time. */
static void
use_handles(void *arg)
{
    struct shared *shared = arg;
    firn_error err;
    for (unsigned i = 0; i < 100; i++) {
        struct fi_os_file *other;
        struct fi_os_dir *dir;
        struct fi_os_stat stat;
        char byte;
        size_t got;
        unsigned listed = 0;
        bool fine = fi_os_file_open(shared->dir, "f", FI_OS_READ, 0, &other, &err) == FIRN_OK &&
                    fi_os_dir_open_beneath(shared->dir, "", &dir, &err) == FIRN_OK &&
                    fi_os_stat(shared->dir, "f", &stat, &err) == FIRN_OK &&
                    fi_os_dir_list(shared->dir, count_entry, &listed, &err) == FIRN_OK &&
                    listed == 1 &&
                    fi_os_file_read(shared->file, i % 7, &byte, 1, &got, &err) == FIRN_OK &&
                    fi_os_file_write(shared->file, i % 7, "x", 1, &err) == FIRN_OK &&
                    strcmp(fi_os_file_path(shared->file), fi_os_file_path(other)) == 0 &&
                    strcmp(fi_os_dir_path(shared->dir), fi_os_dir_path(dir)) == 0;
        if (!fine) {
            atomic_fetch_add(&shared->failures, 1);
            return;
        }
        fi_os_file_close(other);
        fi_os_dir_close(dir);
    }
}

static void
handles_serve_many_threads_at_once(void **state)
{
    firn_error err;
    struct fi_os_dir *temp = test_os_temp_dir();
    struct fi_os_jobs *jobs;
    TEST_OK(fi_os_make_dir(temp, "d", 0755, &err), &err);
    TEST_OK(fi_os_jobs_create(fi_os_default(), 4, &jobs, &err), &err);
    for (unsigned round = 0; round < 5; round++) {
        struct shared shared = {.failures = 0};
        TEST_OK(fi_os_dir_open(temp, "d", &shared.dir, &err), &err);
        unsigned create = FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE;
        TEST_OK(fi_os_file_open(shared.dir, "f", create, 0644, &shared.file, &err), &err);
        for (unsigned i = 0; i < 8; i++) {
            TEST_OK(fi_os_jobs_submit(jobs, use_handles, &shared, &err), &err);
        }
        fi_os_jobs_wait(jobs);
        assert_int_equal(atomic_load(&shared.failures), 0);
        fi_os_dir_close(shared.dir);
        fi_os_file_close(shared.file);
    }
    fi_os_jobs_destroy(jobs);
    test_os_temp_dir_remove(temp);
}

/* Runs check in a child that sees only the directory, without /proc. Returns its exit status, or
 * -1 where this user may not do that. */
static int
run_without_proc(struct fi_os_dir *dir, int (*check)(void))
{
    if (geteuid() != 0) {
        return -1;
    }
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (fchdir(fi_os_posix_dir_fd(dir)) != 0 || chroot(".") != 0) {
            _exit(77);
        }
        _exit(check());
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == 77 ? -1 : WEXITSTATUS(status);
}

/* Which expectation failed, from 1; 0: none. */
static int
check_without_proc(void)
{
    firn_error err;
    struct fi_os_dir *dir;
    if (fi_os_dir_open_path(fi_os_default(), "d/../d", &dir, &err) != FIRN_OK) {
        return 1;
    }
    struct fi_buf path = {0};
    if (fi_os_dir_real_path(dir, &path, &err) != FIRN_OK || path.size != 2 ||
        memcmp(path.data, "/d", 2) != 0) {
        return 2;
    }
    struct fi_os_node by_name = {.dir = dir, .name = "f"};
    struct fi_buf names = {0};
    if (fi_os_xattr_list(by_name, &names, &err) != FIRN_UNSUPPORTED) {
        return 3;
    }
    if (fi_os_xattr_set(by_name, "user.a", firn_str("v"), &err) != FIRN_UNSUPPORTED ||
        strstr(err.text, "could not set attribute 'user.a' of 'd/../d/f': ") == NULL) {
        return 4;
    }
    struct fi_os_file *file;
    if (fi_os_file_open(dir, "f", FI_OS_READ, 0, &file, &err) != FIRN_OK ||
        fi_os_xattr_list((struct fi_os_node){.file = file}, &names, &err) != FIRN_OK) {
        return 5;
    }
    fi_os_file_close(file);
    fi_os_dir_close(dir);
    fi_buf_deinit(&names);
    fi_buf_deinit(&path);
    return 0;
}

static void
a_missing_proc_is_told_from_a_missing_file(void **state)
{
    firn_error err;
    struct fi_os_dir *temp = test_os_temp_dir();
    struct fi_os_dir *inner;
    TEST_OK(fi_os_make_dir(temp, "d", 0755, &err), &err);
    TEST_OK(fi_os_dir_open(temp, "d", &inner, &err), &err);
    test_os_put(inner, "f", "x", 1);
    fi_os_dir_close(inner);
    int failed = run_without_proc(temp, check_without_proc);
    test_os_temp_dir_remove(temp);
    if (failed < 0) {
        skip();
    }
    assert_int_equal(failed, 0);
}

static void
the_real_path_follows_a_directory_that_moves(void **state)
{
    firn_error err;
    struct fi_os_dir *temp = test_os_temp_dir();
    struct fi_os_dir *inner;
    TEST_OK(fi_os_make_dir(temp, "before", 0755, &err), &err);
    TEST_OK(fi_os_dir_open(temp, "before", &inner, &err), &err);
    TEST_OK(fi_os_rename(temp, "before", temp, "after", FI_OS_RENAME_REPLACE, &err), &err);
    struct fi_buf path = {0};
    TEST_OK(fi_os_dir_real_path(inner, &path, &err), &err);
    assert_string_equal(strrchr(fi_buf_text(&path), '/'), "/after");
    assert_string_equal(strrchr(fi_os_dir_path(inner), '/'), "/before");
    fi_buf_deinit(&path);
    fi_os_dir_close(inner);
    test_os_temp_dir_remove(temp);
}

static void
descriptors_and_variables_are_those_of_a_real_process(void **state)
{
    firn_error err;
    struct fi_os *memory;
    TEST_OK(fi_sim_memory_create(1, &memory, &err), &err);
    assert_int_equal(setenv("FIRN_TEST_VARIABLE", "set", 1), 0);
    assert_string_equal(fi_os_environment(fi_os_default(), "FIRN_TEST_VARIABLE"), "set");
    assert_null(fi_os_environment(memory, "FIRN_TEST_VARIABLE"));
    assert_int_equal(unsetenv("FIRN_TEST_VARIABLE"), 0);
    assert_null(fi_os_environment(fi_os_default(), "FIRN_TEST_VARIABLE"));

    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "hello", 5), 5);
    char bytes[16];
    size_t got = 99;
    assert_int_equal(fi_os_fd_read(memory, ends[0], bytes, 16, &got, &err), FIRN_UNSUPPORTED);
    assert_int_equal(got, 0);
    TEST_OK(fi_os_fd_read(fi_os_default(), ends[0], bytes, 16, &got, &err), &err);
    assert_int_equal(got, 5);
    assert_memory_equal(bytes, "hello", 5);
    (void)close(ends[1]);
    TEST_OK(fi_os_fd_read(fi_os_default(), ends[0], bytes, 16, &got, &err), &err);
    assert_int_equal(got, 0);
    (void)close(ends[0]);
    assert_int_equal(fi_os_fd_read(fi_os_default(), ends[0], bytes, 16, &got, &err), FIRN_IO);
    fi_sim_memory_destroy(memory);
}

int
main(void)
{
    (void)umask(022);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locks_of_ranges_are_seen_by_other_processes_and_end_with_theirs),
        cmocka_unit_test(the_process_that_holds_a_lock_of_a_range_is_named),
        cmocka_unit_test(a_real_path_is_opened_without_following_links),
        cmocka_unit_test(descriptors_are_closed_on_exec_and_by_close),
        cmocka_unit_test(no_atime_is_given_up_where_the_owner_is_another),
        cmocka_unit_test(handles_serve_many_threads_at_once),
        cmocka_unit_test(a_missing_proc_is_told_from_a_missing_file),
        cmocka_unit_test(the_real_path_follows_a_directory_that_moves),
        cmocka_unit_test(descriptors_and_variables_are_those_of_a_real_process),
    };
    return cmocka_run_group_tests_name("os_posix", tests, NULL, NULL);
}
