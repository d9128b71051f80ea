/* SPDX-License-Identifier: Apache-2.0
 *
 * cli: a passphrase is asked for on a terminal: it is not shown, and the terminal gets its modes back on each way out, also by
 * signals.
 *
 * The program under test is a child on a pseudo terminal, in the foreground of a session whose leader reports its ends and
 * stops, as a shell sees them.
 */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "support/test.h"
#include "term/term.h"

enum { ROOM = 100, SHOWN_SIZE = 8192, PATIENCE_MS = 20000 };

struct stage {
    int master;
    int slave;      /* kept, so that modes can be asked for after the child's end */
    int reports[2]; /* from the leader: the child's id, then each status of it */
    int result[2];  /* from the child: what was typed */
    pid_t leader;
    pid_t child;
    char shown[SHOWN_SIZE];
    size_t shown_size;
};

static void
run_child(const struct stage *stage, bool twice)
{
    uint8_t out[ROOM];
    size_t size = 99;
    firn_error err;
    fi_term_signals_setup();
    int code = fi_term_secret_ask("Passphrase\t1", twice, out, sizeof(out), &size, &err);
    if (write(stage->result[1], out, size) != (ssize_t)size) {
        _exit(100);
    }
    _exit(-code);
}

static void
run_leader(const struct stage *stage, int slave, bool twice)
{
    (void)setsid();
    (void)ioctl(slave, TIOCSCTTY, 0);
    (void)signal(SIGTTOU, SIG_IGN);
    pid_t child = fork();
    if (child == 0) {
        (void)setpgid(0, 0);
        (void)tcsetpgrp(slave, getpid());
        (void)signal(SIGTTOU, SIG_DFL);
        (void)dup2(slave, STDIN_FILENO);
        run_child(stage, twice);
    }
    (void)setpgid(child, child);
    if (write(stage->reports[1], &child, sizeof(child)) != sizeof(child)) {
        _exit(1);
    }
    int status = 0;
    do {
        if (waitpid(child, &status, WUNTRACED) != child ||
            write(stage->reports[1], &status, sizeof(status)) != sizeof(status)) {
            _exit(1);
        }
    } while (!WIFEXITED(status) && !WIFSIGNALED(status));
    _exit(0);
}

static void
stage_open(struct stage *stage, bool twice)
{
    memset(stage, 0, sizeof(*stage));
    assert_int_equal(openpty(&stage->master, &stage->slave, NULL, NULL, NULL), 0);
    assert_int_equal(pipe(stage->reports), 0);
    assert_int_equal(pipe(stage->result), 0);
    stage->leader = fork();
    assert_true(stage->leader >= 0);
    if (stage->leader == 0) {
        run_leader(stage, stage->slave, twice);
    }
    (void)close(stage->reports[1]);
    (void)close(stage->result[1]);
    assert_int_equal(fcntl(stage->master, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(read(stage->reports[0], &stage->child, sizeof(stage->child)),
                     sizeof(stage->child));
}

static void
stage_close(struct stage *stage)
{
    assert_int_equal(waitpid(stage->leader, NULL, 0), stage->leader);
    (void)close(stage->master);
    (void)close(stage->slave);
    (void)close(stage->reports[0]);
    (void)close(stage->result[0]);
}

static void
stage_listen(struct stage *stage)
{
    ssize_t got =
        read(stage->master, stage->shown + stage->shown_size, SHOWN_SIZE - 1 - stage->shown_size);
    stage->shown_size += got > 0 ? (size_t)got : 0;
    stage->shown[stage->shown_size] = '\0';
}

/* Waits until the terminal shows the text, after what was seen before, and forgets it. */
static void
stage_expect(struct stage *stage, const char *text)
{
    for (int waited = 0; strstr(stage->shown, text) == NULL; waited++) {
        const struct timespec moment = {0, 1000000};
        if (waited > PATIENCE_MS) {
            fail_msg("\"%s\" was not shown, but \"%s\"", text, stage->shown);
        }
        (void)nanosleep(&moment, NULL);
        stage_listen(stage);
    }
    stage->shown_size = 0;
    stage->shown[0] = '\0';
}

static void
stage_type(const struct stage *stage, const char *text)
{
    assert_int_equal(write(stage->master, text, strlen(text)), strlen(text));
}

static int
stage_status(const struct stage *stage)
{
    int status;
    assert_int_equal(read(stage->reports[0], &status, sizeof(status)), sizeof(status));
    return status;
}

static bool
stage_has_echo(const struct stage *stage)
{
    struct termios modes;
    assert_int_equal(tcgetattr(stage->master, &modes), 0);
    return (modes.c_lflag & ECHO) != 0 && (modes.c_lflag & ECHONL) == 0;
}

/* The child has ended with this code of the library, and the terminal is as it was. */
static void
stage_expect_end(struct stage *stage, int code, const char *typed)
{
    char result[ROOM + 1] = "";
    int status = stage_status(stage);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), -code);
    assert_true(stage_has_echo(stage));
    assert_true(read(stage->result[0], result, ROOM) >= 0);
    assert_string_equal(result, typed);
    stage_listen(stage);
    assert_null(strstr(stage->shown, "secret"));
    stage_close(stage);
}

#define PROMPT "Passphrase\\t1: "

static void
what_is_typed_is_not_shown(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, false);
    stage_expect(&stage, PROMPT);
    assert_false(stage_has_echo(&stage));
    stage_type(&stage, "my sectet\x7f\x7f\x7fret\n"); /* mended as in any line */
    stage_expect_end(&stage, FIRN_OK, "my secret");
    stage_open(&stage, false);
    stage_expect(&stage, PROMPT);
    stage_type(&stage, "\n");
    stage_expect_end(&stage, FIRN_OK, "");
}

static void
a_new_one_is_typed_twice(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, true);
    stage_expect(&stage, PROMPT);
    stage_type(&stage, "\n");
    stage_expect(&stage, "cannot be empty. Once more.\r\n" PROMPT);
    stage_type(&stage, "secret\n");
    stage_expect(&stage, "\r\nThe same again: ");
    stage_type(&stage, "secret \n");
    stage_expect(&stage, "\r\nThey differ. Once more.\r\n" PROMPT);
    stage_type(&stage, "secret\n");
    stage_expect(&stage, "again: ");
    stage_type(&stage, "secret\n");
    stage_expect_end(&stage, FIRN_OK, "secret");

    stage_open(&stage, true);
    for (unsigned i = 0; i < 3; i++) {
        stage_expect(&stage, PROMPT);
        stage_type(&stage, "secret\n");
        stage_expect(&stage, "again: ");
        stage_type(&stage, "Secret\n");
    }
    stage_expect_end(&stage, FIRN_INVALID, "");
}

static void
a_long_one_has_no_room(void **state)
{
    char line[ROOM + 3];
    struct stage stage;
    (void)state;
    memset(line, 'x', sizeof(line));
    line[ROOM] = '\n';
    line[ROOM + 1] = '\0';
    stage_open(&stage, false);
    stage_expect(&stage, PROMPT);
    stage_type(&stage, line);
    line[ROOM] = '\0';
    stage_expect_end(&stage, FIRN_OK, line);
    line[ROOM] = 'x';
    line[ROOM + 1] = '\n';
    line[ROOM + 2] = '\0';
    stage_open(&stage, false);
    stage_expect(&stage, PROMPT);
    stage_type(&stage, line);
    stage_expect_end(&stage, FIRN_INVALID, "");
}

static void
it_can_be_cancelled(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct stage stage;
    (void)state;
    stage_open(&stage, false);
    stage_expect(&stage, PROMPT);
    stage_type(&stage, "secret\x03"); /* Ctrl-C */
    stage_expect_end(&stage, FIRN_CANCELLED, "");
    stage_open(&stage, false);
    stage_expect(&stage, PROMPT);
    stage_type(&stage, "\x04"); /* Ctrl-D */
    stage_expect_end(&stage, FIRN_CANCELLED, "");
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        stage_open(&stage, false);
        stage_expect(&stage, PROMPT);
        assert_int_equal(kill(stage.child, signals[i]), 0);
        stage_expect_end(&stage, FIRN_CANCELLED, "");
    }
}

static void
a_signal_that_ends_the_program_leaves_the_terminal_as_it_was(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, false);
    stage_expect(&stage, PROMPT);
    stage_type(&stage, "secret\x1c"); /* Ctrl-\ */
    int status = stage_status(&stage);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGQUIT);
    assert_true(stage_has_echo(&stage));
    stage_close(&stage);
}

static void
a_stopped_program_gives_the_terminal_back(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, false);
    stage_expect(&stage, PROMPT);
    for (unsigned i = 0; i < 2; i++) {
        stage_type(&stage, "secr\x1a"); /* Ctrl-Z */
        int status = stage_status(&stage);
        assert_true(WIFSTOPPED(status));
        assert_int_equal(WSTOPSIG(status), SIGTSTP);
        assert_true(stage_has_echo(&stage));
        assert_int_equal(kill(stage.child, SIGCONT), 0);
        stage_expect(&stage, PROMPT);
        assert_false(stage_has_echo(&stage));
    }
    stage_type(&stage, "secret\n");
    stage_expect_end(&stage, FIRN_OK, "secret");
}

static void
without_a_terminal_nobody_is_asked(void **state)
{
    int status;
    (void)state;
    for (int has_input = 0; has_input < 2; has_input++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            uint8_t out[ROOM];
            size_t size = 99;
            firn_error err;
            int master;
            int slave;
            (void)setsid(); /* no terminal is this session's */
            if (openpty(&master, &slave, NULL, NULL, NULL) != 0 || ioctl(slave, TIOCNOTTY) == 0) {
                _exit(100);
            }
            (void)dup2(has_input ? slave : open("/dev/null", O_RDONLY), STDIN_FILENO);
            int code = fi_term_secret_ask("text", false, out, sizeof(out), &size, &err);
            _exit(size == 0 ? -code : 101);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), -FIRN_NOT_FOUND);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_typed_is_not_shown),
        cmocka_unit_test(a_new_one_is_typed_twice),
        cmocka_unit_test(a_long_one_has_no_room),
        cmocka_unit_test(it_can_be_cancelled),
        cmocka_unit_test(a_signal_that_ends_the_program_leaves_the_terminal_as_it_was),
        cmocka_unit_test(a_stopped_program_gives_the_terminal_back),
        cmocka_unit_test(without_a_terminal_nobody_is_asked),
    };
    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
