/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/meter.c: one changing line on a terminal that shows how far long work has come.
 *
 * Drawn on standard error, so that standard output stays what it is in a pipe; not before the work
 * has taken a second, because most commands are over by then; at most five times a second. The line
 * is cut to the width of the terminal: a line that wraps cannot be taken back. Whoever prints
 * something else clears the line first (report.c does).
 */
#include "cli/meter.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static const double first_after_seconds = 1.0;
static const double again_after_seconds = 0.2;

enum { LINE_SIZE_MAX = 200 };

static bool is_wanted;
static bool is_drawn;
static double started;
static double drawn_at;

static double
now(void)
{
    struct timespec time = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void
firn_meter_start(bool wanted)
{
    is_wanted = wanted && isatty(STDERR_FILENO) == 1;
    started = now();
    drawn_at = 0;
}

double
firn_meter_elapsed(void)
{
    return now() - started;
}

bool
firn_meter_is_due(void)
{
    double time = now();
    return is_wanted && time - started >= first_after_seconds &&
           time - drawn_at >= again_after_seconds;
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

void
firn_meter_draw(const char *text)
{
    char line[LINE_SIZE_MAX + 8];
    size_t width = terminal_width() - 1;
    width = width < LINE_SIZE_MAX ? width : LINE_SIZE_MAX;
    int size = snprintf(line, sizeof(line), "\r%.*s\033[K", (int)width, text);
    if (size > 0 && write(STDERR_FILENO, line, (size_t)size) > 0) {
        is_drawn = true;
    }
    drawn_at = now();
}

void
firn_meter_clear(void)
{
    static const char clear[] = "\r\033[K";
    if (is_drawn && write(STDERR_FILENO, clear, sizeof(clear) - 1) > 0) {
        is_drawn = false;
    }
}
