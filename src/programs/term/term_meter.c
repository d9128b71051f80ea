/* SPDX-License-Identifier: Apache-2.0
 *
 * term/term_meter.c: one changing line on a terminal that shows how far long work has come, and the
 * answer to an interrupt.
 *
 * The line is drawn on standard error, so that standard output stays what it is in a pipe; not
 * before the work has taken a second, because most commands are over by then; at most five times a
 * second. It is cut to the width of the terminal, because a line that wraps cannot be erased. Code
 * that prints something else clears the line first (term_out.c and command_report.c do).
 *
 * The library reports its progress where it can, but a sync of a file system reports nothing until
 * the disk is done. So a separate thread redraws the line, with the time that the phase has taken,
 * until the line is cleared.
 *
 * An interrupt is answered by that thread, because the others may be waiting for the disk. Work
 * that can still be cancelled usually ends at once; if it has not ended after a second, the answer
 * is that it is stopping. Work that has begun to exchange files is finished in spite of the first
 * interrupt: the answer comes at once, and says how far it is and what a second interrupt does.
 * Each answer is given once.
 *
 * Threads: everything below is guarded by one mutex, but for the signal's number (term_signals.c).
 * The thread lives as long as the program, and takes no signals.
 */
#include "term/term.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static const double first_after_seconds = 1.0;
static const double again_after_seconds = 0.2;
static const double slow_phase_seconds = 1.0;
static const double stopping_after_seconds = 1.0;

enum { LINE_SIZE_MAX = 200, TICK_NS = 200000000, ANSWER_SIZE = 512 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool has_thread; /* changed by the thread that starts and stops, which is one */
static pthread_t thread;
static bool is_over; /* for the thread */
static bool is_wanted;
static bool is_working; /* between start and stop */
static bool is_shown;   /* there is something to be drawn */
static bool is_drawn;
static double started;
static double shown_from; /* when the work began, after a pause; 0: in a pause */
static double drawn_at;
static const char *phase;
static double phase_started;
static char phase_text[LINE_SIZE_MAX];
/* How far the phase is, and how far it was when it was told first: phases may go on counting. */
static double phase_share;
static double share_started;
static uint64_t phase_bytes;
static uint64_t bytes_started;
static bool is_finishing;
static char finishing_text[LINE_SIZE_MAX];
static double interrupted_at; /* 0: not yet */
static bool is_answered;
static const char *interrupted_hint;

static double
term_meter_now(void)
{
    struct timespec time = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static size_t
terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return 80;
    }
    return size.ws_col;
}

static void
clear_locked(void)
{
    assert(pthread_mutex_trylock(&mutex) != 0);
    static const char clear[] = "\r\033[K";
    if (is_drawn && write(STDERR_FILENO, clear, sizeof(clear) - 1) > 0) {
        is_drawn = false;
    }
}

/* ---- the line ---- */

/* ", 31 %, 120 MB/s, 12 s left"; where it is not known how much there is to do, the seconds so
 * far. */
static void
put_pace(double seconds, char *out, size_t size)
{
    assert(seconds > 0);
    char rate[FI_TERM_TEXT_SIZE_SIZE] = "";
    char share[16] = "";
    char time[32];
    bool is_paced = phase_share > share_started && phase_share < 1;
    if (phase_bytes > bytes_started) {
        (void)fi_term_text_size((uint64_t)((double)(phase_bytes - bytes_started) / seconds), rate);
    }
    if (phase_share > 0) {
        (void)snprintf(share, sizeof(share), "%.0f %%", phase_share * 100);
    }
    (void)snprintf(time, sizeof(time), "%.0f s%s",
                   is_paced ? seconds * (1 - phase_share) / (phase_share - share_started) : seconds,
                   is_paced ? " left" : "");
    (void)snprintf(out, size, "%s %s%s%s%s%s", phase_text[0] != '\0' ? "," : ":", share,
                   share[0] != '\0' ? ", " : "", rate, rate[0] != '\0' ? "/s, " : "", time);
}

static void
draw_locked(double time)
{
    assert(pthread_mutex_trylock(&mutex) != 0);
    assert(phase != NULL);
    char text[LINE_SIZE_MAX + 64];
    char line[LINE_SIZE_MAX + 8];
    double seconds = time - phase_started;
    int size = snprintf(text, sizeof(text), "%s%s%s", phase, phase_text[0] != '\0' ? ": " : "",
                        phase_text);
    if (size > 0 && seconds >= slow_phase_seconds) {
        put_pace(seconds, text + size, sizeof(text) - (size_t)size);
    }
    size_t width = terminal_width() - 1;
    width = width < LINE_SIZE_MAX ? width : LINE_SIZE_MAX;
    size = snprintf(line, sizeof(line), "\r%.*s\033[K", (int)width, text);
    if (size > 0 && write(STDERR_FILENO, line, (size_t)size) > 0) {
        is_drawn = true;
    }
    drawn_at = time;
}

static void
draw_if_due_locked(void)
{
    assert(pthread_mutex_trylock(&mutex) != 0);
    double time = term_meter_now();
    if (is_wanted && is_shown && time - shown_from >= first_after_seconds &&
        time - drawn_at >= again_after_seconds) {
        draw_locked(time);
    }
}

/* ---- the answer ---- */

/* A line and a hint, in one write, as command_report.c has them. */
static void
answer_locked(const char *text, const char *detail, const char *hint)
{
    assert(pthread_mutex_trylock(&mutex) != 0);
    assert(is_working && !is_answered);
    char answer[ANSWER_SIZE];
    clear_locked();
    int size = snprintf(
        answer, sizeof(answer),
        "firn: interrupted, and %s%s%s\nhint: interrupt again to stop at once%s%s\n", text,
        detail[0] != '\0' ? ": " : "", detail, hint != NULL ? "; " : "", hint != NULL ? hint : "");
    if (size > 0) {
        size_t length = (size_t)size < sizeof(answer) ? (size_t)size : sizeof(answer) - 1;
        (void)!write(STDERR_FILENO, answer, length);
    }
    is_answered = true;
}

static void
answer_if_due_locked(void)
{
    assert(pthread_mutex_trylock(&mutex) != 0);
    if (!is_working || is_answered || fi_term_signals_caught() == 0) {
        return;
    }
    double time = term_meter_now();
    interrupted_at = interrupted_at == 0 ? time : interrupted_at;
    if (is_finishing) {
        answer_locked("finishing", finishing_text, interrupted_hint);
    } else if (time - interrupted_at >= stopping_after_seconds) {
        answer_locked("stopping", "", NULL);
    }
}

/* ---- the thread ---- */

static void *
term_meter_tick(void *ctx)
{
    (void)ctx;
    for (bool goes_on = true; goes_on;) {
        fi_term_signals_wait(TICK_NS);
        (void)pthread_mutex_lock(&mutex);
        goes_on = !is_over;
        answer_if_due_locked();
        draw_if_due_locked();
        (void)pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

/* If the system refuses the thread, the line is drawn by the library's callbacks, and an interrupt
 * is answered there. */
static void
start_thread_locked(void)
{
    assert(pthread_mutex_trylock(&mutex) != 0);
    sigset_t all;
    sigset_t before;
    if (has_thread) {
        return;
    }
    is_over = false;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    has_thread = pthread_create(&thread, NULL, term_meter_tick, NULL) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- what is called ---- */

void
fi_term_meter_silence(void)
{
    fi_term_meter_clear();
    (void)pthread_mutex_lock(&mutex);
    is_wanted = false;
    (void)pthread_mutex_unlock(&mutex);
}

void
fi_term_meter_start(bool wanted)
{
    (void)pthread_mutex_lock(&mutex);
    is_wanted = wanted && isatty(STDERR_FILENO) == 1;
    is_working = true;
    is_shown = false;
    is_finishing = false;
    phase = NULL;
    started = term_meter_now();
    shown_from = started;
    drawn_at = 0;
    start_thread_locked();
    (void)pthread_mutex_unlock(&mutex);
}

bool
fi_term_meter_is_wanted(void)
{
    return is_wanted; /* changed by no other thread than those that call this */
}

double
fi_term_meter_elapsed(void)
{
    return term_meter_now() - started;
}

void
fi_term_meter_show(const struct fi_term_meter_state *state)
{
    assert(state->phase != NULL && state->text != NULL);
    (void)pthread_mutex_lock(&mutex);
    if (phase == NULL || strcmp(phase, state->phase) != 0) {
        phase = state->phase;
        phase_started = term_meter_now();
        share_started = state->share;
        bytes_started = state->bytes;
    }
    (void)snprintf(phase_text, sizeof(phase_text), "%s", state->text);
    phase_share = state->share;
    phase_bytes = state->bytes;
    is_finishing = state->finishing != NULL;
    (void)snprintf(finishing_text, sizeof(finishing_text), "%s",
                   is_finishing ? state->finishing : "");
    shown_from = shown_from == 0 ? term_meter_now() : shown_from;
    is_shown = true;
    answer_if_due_locked();
    draw_if_due_locked();
    (void)pthread_mutex_unlock(&mutex);
}

void
fi_term_meter_clear(void)
{
    (void)pthread_mutex_lock(&mutex);
    is_shown = false;
    clear_locked();
    (void)pthread_mutex_unlock(&mutex);
}

void
fi_term_meter_pause(void)
{
    fi_term_meter_clear();
    (void)pthread_mutex_lock(&mutex);
    shown_from = 0;
    (void)pthread_mutex_unlock(&mutex);
}

void
fi_term_meter_set_interrupted(const char *hint)
{
    (void)pthread_mutex_lock(&mutex);
    interrupted_hint = hint;
    (void)pthread_mutex_unlock(&mutex);
}

void
fi_term_meter_stop(void)
{
    fi_term_meter_clear();
    (void)pthread_mutex_lock(&mutex);
    is_working = false;
    is_over = true;
    (void)pthread_mutex_unlock(&mutex);
    if (has_thread) {
        fi_term_signals_wake();
        (void)pthread_join(thread, NULL);
        has_thread = false;
    }
}
