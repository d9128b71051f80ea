/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/os: what the library uses of this machine beside stores: programs that are run for what they print, files and fifos
 * that a user names, libraries that are loaded when they are needed, and SIGPIPE.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "posix/os_command.h"
#include "posix/os_default.h"
#include "posix/os_library.h"
#include "posix/os_pipe_signal.h"
#include "posix/os_user_file.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_os.h"
#include "support/test_temp.h"

#define SECOND INT64_C(1000000000)
static const struct fi_os_stream_limits usual_limits = {.size_max = 100, .timeout_ns = SECOND};

static int
run_shell(const char *script, size_t size_max, int64_t timeout_ns, struct fi_buf *out,
          firn_error *err)
{
    const char *const words[] = {"sh", "-c", script, "name", "a b", NULL};
    const struct fi_os_stream_limits limits = {.size_max = size_max, .timeout_ns = timeout_ns};
    fi_buf_clear(out);
    return fi_os_command_run(fi_os_default(), words, &limits, out, err);
}

static void
programs_are_run(void **state)
{
    struct fi_buf out = {0};
    firn_error err;
    OK(run_shell("echo \"$1\"; cat", 100, 10 * SECOND, &out, &err)); /* nothing to read */
    assert_int_equal(out.size, 4);
    assert_memory_equal(out.data, "a b\n", 4);
    OK(run_shell("exit 0", 0, 10 * SECOND, &out, &err));
    assert_int_equal(out.size, 0);
    FAILS(run_shell("echo x; exit 3", 100, 10 * SECOND, &out, &err), FIRN_IO, "exit code 3");
    FAILS(run_shell("kill -TERM $$", 100, 10 * SECOND, &out, &err), FIRN_IO, "signal 15");
    FAILS(run_shell("echo 12345", 5, 10 * SECOND, &out, &err), FIRN_IO, "more than 5 bytes");
    int64_t before_ns = fi_os_monotonic_ns(fi_os_default());
    FAILS(run_shell("exec sleep 20", 100, SECOND / 5, &out, &err), FIRN_IO, "took too long");
    FAILS(run_shell("exec >&-; exec sleep 20", 100, SECOND / 5, &out, &err), FIRN_IO,
          "took too long");
    assert_true(fi_os_monotonic_ns(fi_os_default()) - before_ns < 10 * SECOND);
    const char *const nothing[] = {"/nowhere/program", NULL};
    FAILS(fi_os_command_run(fi_os_default(), nothing, &usual_limits, &out, &err), FIRN_NOT_FOUND,
          "/nowhere/program");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* none is left */
    fi_buf_deinit(&out);
}

/* Signals that this process ignores or blocks are the program's again. */
static void
programs_have_usual_signals(void **state)
{
    struct fi_buf out = {0};
    firn_error err;
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)signal(SIGUSR1, SIG_IGN);
    assert_int_equal(sigprocmask(SIG_BLOCK, &all, &before), 0);
    int rc = run_shell("kill -USR1 $$", 100, 10 * SECOND, &out, &err);
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
    (void)signal(SIGUSR1, SIG_DFL);
    assert_int_equal(rc, FIRN_IO);
    assert_non_null(strstr(err.text, "signal 10"));
    (void)signal(SIGCHLD, SIG_IGN); /* no exit codes then */
    rc = run_shell("echo x; exit 3", 100, 10 * SECOND, &out, &err);
    (void)signal(SIGCHLD, SIG_DFL);
    assert_int_equal(rc, FIRN_OK);
    fi_buf_deinit(&out);
}

static void
simulated_machines_run_nothing(void **state)
{
    struct fi_buf out = {0};
    firn_error err;
    struct fi_os *os;
    const char *const words[] = {"true", NULL};
    OK(fi_sim_memory_create(1, &os, &err));
    FAILS(fi_os_command_run(os, words, &usual_limits, &out, &err), FIRN_UNSUPPORTED, "no programs");
    fi_sim_memory_destroy(os);
}

/* ==== files and what comes of programs ==== */

static int
count_down(void *ctx, uint64_t files, uint64_t bytes, firn_error *err)
{
    unsigned *left = ctx;
    assert_int_equal(files + bytes, 0);
    if (*left == 0) {
        return fi_error_set(err, FIRN_CANCELLED, "stopped");
    }
    --*left;
    return FIRN_OK;
}

static void
waiting_can_be_stopped(void **state)
{
    struct fi_buf out = {0};
    firn_error err;
    unsigned left = 2;
    const struct fi_step step = {count_down, &left};
    const struct fi_os_stream_limits limits = {
        .size_max = 10, .timeout_ns = 60 * SECOND, .step = &step};
    const char *const silent[] = {"sleep", "60", NULL};
    const char *const closed[] = {"sh", "-c", "exec >&-; exec sleep 60", NULL};
    int64_t before_ns = fi_os_monotonic_ns(fi_os_default());
    FAILS(fi_os_command_run(fi_os_default(), silent, &limits, &out, &err), FIRN_CANCELLED,
          "stopped");
    left = 20;
    FAILS(fi_os_command_run(fi_os_default(), closed, &limits, &out, &err), FIRN_CANCELLED,
          "stopped");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* none is left */
    assert_true(fi_os_monotonic_ns(fi_os_default()) - before_ns < 30 * SECOND);
    fi_buf_deinit(&out);
}

/* So a secret is nowhere else. */
static void
enough_memory_is_not_replaced(void **state)
{
    uint8_t memory[10000];
    struct fi_buf out = fi_buf_borrowed(memory, sizeof memory);
    firn_error err;
    const struct fi_os_stream_limits limits = {.size_max = sizeof memory,
                                               .timeout_ns = 10 * SECOND};
    const char *const words[] = {"sh", "-c", "head -c $0 /dev/zero", "10000", NULL};
    const char *const more[] = {"sh", "-c", "head -c $0 /dev/zero", "10001", NULL};
    memset(memory, 1, sizeof memory);
    OK(fi_os_command_run(fi_os_default(), words, &limits, &out, &err));
    assert_ptr_equal(out.data, memory);
    assert_int_equal(out.size, sizeof memory);
    assert_true(fi_bytes_are_zero(memory, sizeof memory));
    fi_buf_clear(&out);
    FAILS(fi_os_command_run(fi_os_default(), more, &limits, &out, &err), FIRN_IO,
          "more than 10000 bytes");
    assert_ptr_equal(out.data, memory);
}

static int
read_user_file(const char *path, struct fi_buf *out, firn_error *err)
{
    const struct fi_os_stream_limits limits = {.size_max = 5, .timeout_ns = SECOND / 5};
    fi_buf_clear(out);
    return fi_os_user_file_read(fi_os_default(), path, &limits, out, err);
}

/* The writer opens the fifo only when the reader waits. */
static void
read_fifo(const char *path, struct fi_buf *out)
{
    const struct fi_os_stream_limits limits = {.size_max = 5, .timeout_ns = 10 * SECOND};
    firn_error err;
    int status;
    fi_buf_clear(out);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fi_os_sleep_ns(fi_os_default(), SECOND / 10);
        int fd = open(path, O_WRONLY);
        _exit(fd < 0 || write(fd, "12", 2) != 2 || usleep(50000) != 0 || write(fd, "345", 3) != 3);
    }
    OK(fi_os_user_file_read(fi_os_default(), path, &limits, out, &err));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
files_and_fifos_of_a_user_are_read(void **state)
{
    char directory[TEST_TEMP_SIZE];
    char path[128];
    char link_path[128];
    struct fi_buf out = {0};
    firn_error err;
    int ends[2];
    test_temp_make(directory, sizeof directory);
    snprintf(path, sizeof path, "%s/file", directory);
    snprintf(link_path, sizeof link_path, "%s/link", directory);
    FAILS(read_user_file(path, &out, &err), FIRN_NOT_FOUND, path);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "12345", 5), 5);
    assert_int_equal(symlink("file", link_path), 0);
    OK(read_user_file(link_path, &out, &err));
    assert_int_equal(out.size, 5);
    assert_memory_equal(out.data, "12345", 5);
    assert_int_equal(write(fd, "6", 1), 1);
    FAILS(read_user_file(path, &out, &err), FIRN_IO, "more than 5 bytes");
    (void)close(fd);
    (void)unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    FAILS(read_user_file(path, &out, &err), FIRN_IO, "took too long"); /* nobody writes */
    read_fifo(link_path, &out);
    assert_int_equal(out.size, 5);
    assert_memory_equal(out.data, "12345", 5);
    /* As <(...) of a shell, whose writer has ended. */
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    (void)close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    OK(read_user_file(path, &out, &err));
    assert_int_equal(out.size, 3);
    (void)close(ends[0]);
    FAILS(read_user_file("/dev/null", &out, &err), FIRN_INVALID,
          "neither a regular file nor a fifo");
    FAILS(read_user_file(directory, &out, &err), FIRN_INVALID, "neither a regular file nor a fifo");
    snprintf(path, sizeof path, "%s/file", directory);
    (void)unlink(path);
    (void)unlink(link_path);
    (void)rmdir(directory);
    fi_buf_deinit(&out);
}

static void
files_of_simulated_machines_are_read(void **state)
{
    const struct fi_os_stream_limits limits = {.size_max = 5, .timeout_ns = SECOND};
    struct fi_buf out = {0};
    struct fi_os *os;
    firn_error err;
    OK(fi_sim_memory_create(1, &os, &err));
    struct fi_os_dir *root = test_os_root(os);
    test_os_put(root, "file", "12345", 5);
    test_os_put(root, "long", "123456", 6);
    OK(fi_os_make_symlink(root, "link", "file", &err));
    OK(fi_os_user_file_read(os, "/link", &limits, &out, &err));
    assert_int_equal(out.size, 5);
    FAILS(fi_os_user_file_read(os, "/long", &limits, &out, &err), FIRN_IO, "more than 5 bytes");
    FAILS(fi_os_user_file_read(os, "/none", &limits, &out, &err), FIRN_NOT_FOUND, "none");
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
    fi_buf_deinit(&out);
}

static int started;

static bool
start_it(void)
{
    started++;
    return true;
}

static void
libraries_are_loaded_once(void **state)
{
    static const char *const names[] = {"cos", "sin"};
    static const char *const missing[] = {"cos", "there_is_no_such_function"};
    static void *functions[2];
    static struct fi_os_library math = {"libm.so.6", NULL, names, functions, 2, start_it, 0};
    static struct fi_os_library lacks = {"libm.so.6", NULL, missing, functions, 2, start_it, 0};
    static struct fi_os_library gone = {"libnowhere.so.1", NULL, names, functions, 2, NULL, 0};
    assert_true(fi_os_library_load(&math));
    assert_true(fi_os_library_load(&math));
    assert_int_equal(started, 1);
    assert_non_null(functions[0]);
    assert_false(fi_os_library_load(&lacks));
    assert_false(fi_os_library_load(&lacks));
    assert_false(fi_os_library_load(&gone));
    assert_int_equal(started, 1);
    static struct fi_os_library renamed = {
        "libnowhere.so.2", "libm.so.6", names, functions, 2, start_it, 0};
    assert_true(fi_os_library_load(&renamed));
    assert_int_equal(started, 2);
    gone.other_name = "libnowhere.so.3"; /* too late: it is asked for once */
    assert_false(fi_os_library_load(&gone));
}

/* Held, a broken pipe is an error and no signal, and what the process had set stays so. */
static void
a_broken_pipe_is_no_signal(void **state)
{
    struct fi_os_pipe_signal hold;
    int ends[2];
    sigset_t pending;
    sigset_t mask;
    assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    assert_int_equal(pipe(ends), 0);
    (void)close(ends[0]);
    fi_os_pipe_signal_hold(&hold);
    assert_int_equal(write(ends[1], "x", 1), -1);
    fi_os_pipe_signal_release(&hold);
    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, SIGPIPE), 0);
    assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &mask), 0);
    assert_int_equal(sigismember(&mask, SIGPIPE), 0);
    fi_os_pipe_signal_hold(&hold);
    fi_os_pipe_signal_release(&hold);
    (void)close(ends[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_are_run),
        cmocka_unit_test(programs_have_usual_signals),
        cmocka_unit_test(simulated_machines_run_nothing),
        cmocka_unit_test(waiting_can_be_stopped),
        cmocka_unit_test(enough_memory_is_not_replaced),
        cmocka_unit_test(files_and_fifos_of_a_user_are_read),
        cmocka_unit_test(files_of_simulated_machines_are_read),
        cmocka_unit_test(libraries_are_loaded_once),
        cmocka_unit_test(a_broken_pipe_is_no_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
