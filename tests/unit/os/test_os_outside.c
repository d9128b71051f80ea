/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/os: what the library uses of this machine beside files: programs that are run for what they print, libraries that
 * are loaded when they are needed, and SIGPIPE.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "posix/os_command.h"
#include "posix/os_default.h"
#include "posix/os_library.h"
#include "posix/os_pipe_signal.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_ok.h"

#define SECOND INT64_C(1000000000)

static int
run_shell(const char *script, size_t size_max, int64_t timeout_ns, struct fi_buf *out,
          firn_error *err)
{
    const char *const words[] = {"sh", "-c", script, "name", "a b", NULL};
    fi_buf_clear(out);
    return fi_os_command_run(fi_os_default(), words, size_max, timeout_ns, out, err);
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
    FAILS(fi_os_command_run(fi_os_default(), nothing, 100, SECOND, &out, &err), FIRN_NOT_FOUND,
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
    FAILS(fi_os_command_run(os, words, 100, SECOND, &out, &err), FIRN_UNSUPPORTED, "no programs");
    fi_sim_memory_destroy(os);
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
        cmocka_unit_test(libraries_are_loaded_once),
        cmocka_unit_test(a_broken_pipe_is_no_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
