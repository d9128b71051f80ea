/* SPDX-License-Identifier: Apache-2.0
 *
 * term/term_secret.c: a passphrase that a person types on the terminal, which does not show it.
 *
 * The terminal is the one that the process belongs to, /dev/tty, wherever standard output and
 * standard error go. Lines are edited by the kernel, as always; only echo is off. What was typed
 * before the prompt is dropped, as it has been shown.
 *
 * A process in the background of a terminal does not ask: the shell would stop it.
 *
 * The terminal gets its modes back on each way out. A signal that asks to stop ends the wait; one
 * that ends the program at once restores them in its handler (term_signals.c). Ctrl-Z restores
 * them, stops the program, and shows the prompt again when it goes on.
 *
 * Secrets are in pages that are locked in memory, in no core file and in no child, and that are
 * zeroed. The library has memory of this kind, but no program can ask for it.
 */
#include "term/term.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

/* The kernel's longest line is LINE_SIZE - 1 bytes and a line feed. */
enum { LINE_SIZE = 4096, PAGE_SIZE = 2 * LINE_SIZE, ATTEMPTS_MAX = 3 };

static int tty = -1; /* one prompt at a time */
static struct termios modes_before;
static struct sigaction stop_before;
static struct sigaction interrupt_before;
/* relaxed: they say nothing but themselves */
static atomic_bool is_to_stop;
static atomic_bool is_interrupted;

static void
on_stop(int number)
{
    (void)number;
    atomic_store_explicit(&is_to_stop, true, memory_order_relaxed);
}

/* Of Ctrl-C, which in a shell ends a statement and no program. */
static void
on_interrupt(int number)
{
    atomic_store_explicit(&is_interrupted, true, memory_order_relaxed);
    interrupt_before.sa_handler(number);
}

/* Also in a signal handler. */
static void
give_back(void)
{
    (void)tcsetattr(tty, TCSANOW, &modes_before);
}

static int
fail(firn_error *err, int code, const char *text)
{
    err->code = code;
    err->os_errno = 0;
    (void)snprintf(err->text, sizeof(err->text), "%s", text);
    return code;
}

static void
term_secret_put(const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t written = write(tty, at, size);
        if (written <= 0 && errno != EINTR) {
            return; /* reading will fail as well */
        }
        at += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
}

/* ==== the terminal ==== */

static void
hide(void)
{
    struct termios modes = modes_before;
    modes.c_lflag |= ICANON | ISIG | ECHONL;
    modes.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(tty, TCSAFLUSH, &modes);
}

static void
term_secret_handle_stop(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_stop;
    atomic_store_explicit(&is_to_stop, false, memory_order_relaxed);
    (void)sigaction(SIGTSTP, NULL, &stop_before);
    if (stop_before.sa_handler != SIG_IGN) {
        (void)sigaction(SIGTSTP, &action, NULL);
    }
    action.sa_handler = on_interrupt;
    atomic_store_explicit(&is_interrupted, false, memory_order_relaxed);
    (void)sigaction(SIGINT, NULL, &interrupt_before);
    if (interrupt_before.sa_handler != SIG_IGN && interrupt_before.sa_handler != SIG_DFL) {
        (void)sigaction(SIGINT, &action, NULL);
    }
}

static bool
term_secret_open(void)
{
    assert(tty < 0);
    tty = isatty(STDIN_FILENO) == 1 ? open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) : -1;
    if (tty < 0) {
        return false;
    }
    if (tcgetpgrp(tty) != getpgrp() || tcgetattr(tty, &modes_before) != 0) {
        (void)close(tty);
        tty = -1;
        return false;
    }
    fi_term_signals_before_end(give_back);
    term_secret_handle_stop();
    hide();
    return true;
}

static void
term_secret_close(void)
{
    give_back();
    fi_term_signals_before_end(NULL);
    (void)sigaction(SIGTSTP, &stop_before, NULL);
    (void)sigaction(SIGINT, &interrupt_before, NULL);
    (void)close(tty);
    tty = -1;
}

/* Until the program is continued. */
static void
stop_for_a_while(void)
{
    struct sigaction ours;
    atomic_store_explicit(&is_to_stop, false, memory_order_relaxed);
    give_back();
    term_secret_put("\n", 1);
    if (sigaction(SIGTSTP, &stop_before, &ours) == 0) {
        (void)raise(SIGTSTP);
        (void)sigaction(SIGTSTP, &ours, NULL);
    }
    (void)tcgetattr(tty, &modes_before);
    hide();
}

/* ==== a line ==== */

static bool
is_cancelled(void)
{
    return fi_term_signals_caught() != 0 ||
           atomic_load_explicit(&is_interrupted, memory_order_relaxed);
}

static bool
has_noted(void)
{
    return is_cancelled() || atomic_load_explicit(&is_to_stop, memory_order_relaxed);
}

/* Waits for a line or a signal; whether there is a line. */
static bool
wait_for_line(void)
{
    struct pollfd input = {.fd = tty, .events = POLLIN};
    static const int noted[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP};
    sigset_t signals;
    sigset_t before;
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(noted) / sizeof(noted[0]); i++) {
        sigaddset(&signals, noted[i]);
    }
    (void)pthread_sigmask(SIG_BLOCK, &signals, &before);
    int found = has_noted() ? 0 : ppoll(&input, 1, NULL, &before);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return found > 0;
}

static void
show_prompt(const char *text)
{
    fi_term_text_escape(firn_str(text), term_secret_put);
    term_secret_put(": ", 2);
}

/* Reads a line, without its end, to out[LINE_SIZE]. */
static int
read_line(const char *text, uint8_t *out, size_t *out_size, firn_error *err)
{
    *out_size = 0;
    show_prompt(text);
    for (;;) {
        bool has_line = wait_for_line();
        if (is_cancelled()) {
            term_secret_put("\n", 1);
            return fail(err, FIRN_CANCELLED, "interrupted");
        }
        if (atomic_load_explicit(&is_to_stop, memory_order_relaxed)) {
            stop_for_a_while();
            show_prompt(text);
            continue;
        }
        ssize_t got = has_line ? read(tty, out, LINE_SIZE) : -1;
        if (got > 0) {
            *out_size = (size_t)got - (out[got - 1] == '\n');
            return FIRN_OK;
        }
        if (got == 0 || (has_line && errno != EINTR && errno != EAGAIN)) {
            term_secret_put("\n", 1);
            return fail(err, FIRN_CANCELLED, "the terminal ended before a passphrase");
        }
    }
}

/* ==== a passphrase ==== */

/* Asks once for one that is there, twice for a new one, until both are the same. */
static int
ask(const char *text, bool twice, uint8_t *first, size_t *out_size, firn_error *err)
{
    uint8_t *second = first + LINE_SIZE;
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        static const char differ[] = "They differ. Once more.\n";
        static const char empty[] = "A passphrase cannot be empty. Once more.\n";
        size_t second_size = 0;
        int code = read_line(text, first, out_size, err);
        if (code != FIRN_OK || !twice) {
            return code;
        }
        if (*out_size > 0) {
            code = read_line("The same again", second, &second_size, err);
        }
        if (code != FIRN_OK) {
            return code;
        }
        if (*out_size > 0 && *out_size == second_size && memcmp(first, second, second_size) == 0) {
            return FIRN_OK;
        }
        if (attempt + 1 < ATTEMPTS_MAX) {
            term_secret_put(*out_size > 0 ? differ : empty, strlen(*out_size > 0 ? differ : empty));
        }
    }
    return fail(err, FIRN_INVALID, "no passphrase was typed twice in the same way");
}

void *
fi_term_secret_allocate(size_t size)
{
    assert(size > 0);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    (void)madvise(memory, size, MADV_DONTDUMP);
#ifdef MADV_WIPEONFORK
    (void)madvise(memory, size, MADV_WIPEONFORK);
#endif
    (void)mlock(memory, size); /* it may be refused: then the memory serves as it is */
    return memory;
}

void
fi_term_secret_free(void *memory, size_t size)
{
    if (memory != NULL) {
        explicit_bzero(memory, size);
        (void)munmap(memory, size);
    }
}

int
fi_term_secret_ask(const char *text, bool twice, uint8_t *out, size_t room, size_t *out_size,
                   firn_error *err)
{
    size_t size = 0;
    *out_size = 0;
    uint8_t *page = fi_term_secret_allocate(PAGE_SIZE);
    if (page == NULL) {
        return fail(err, FIRN_NO_MEMORY, "not enough memory for a passphrase");
    }
    int code =
        term_secret_open() ? FIRN_OK : fail(err, FIRN_NOT_FOUND, "there is no terminal to ask on");
    if (code == FIRN_OK) {
        code = ask(text, twice, page, &size, err);
        term_secret_close();
    }
    if (code == FIRN_OK && size > room) {
        code = fail(err, FIRN_INVALID, "the passphrase is too long");
    }
    if (code == FIRN_OK) {
        memcpy(out, page, size);
        *out_size = size;
    }
    fi_term_secret_free(page, PAGE_SIZE);
    return code;
}

/* ==== a line of standard input ==== */

int
fi_term_secret_read(uint8_t *out, size_t room, size_t *out_size, firn_error *err)
{
    *out_size = 0;
    for (size_t size = 0;;) {
        uint8_t byte = 0;
        ssize_t got = read(STDIN_FILENO, &byte, 1); /* what follows the line is for others */
        if (got < 0 && errno == EINTR && fi_term_signals_caught() == 0) {
            continue;
        }
        if (got < 0) {
            return errno == EINTR ? fail(err, FIRN_CANCELLED, "interrupted")
                                  : fail(err, FIRN_IO, "standard input could not be read");
        }
        if (got == 0 || byte == '\n') {
            *out_size = size;
            return size > 0 || got > 0
                       ? FIRN_OK
                       : fail(err, FIRN_NOT_FOUND, "standard input has no such line");
        }
        if (size == room) {
            return fail(err, FIRN_INVALID, "the passphrase is too long");
        }
        out[size++] = byte;
    }
}
