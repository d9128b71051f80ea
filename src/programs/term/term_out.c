/* SPDX-License-Identifier: Apache-2.0
 *
 * term/term_out.c: standard output, buffered, with a memory for the first failure.
 *
 * The C library's streams remember that a write failed but not why, and a program that says "done"
 * after its words went to a full disk has lied. So the program has one small writer of its own: a
 * fixed buffer, whole writes, and the errno of the first one that failed, after which everything is
 * dropped. command.c turns that errno into a message and an exit code when the command is over;
 * commands that print much ask firn_term_out_error between lines.
 *
 * SIGPIPE is ignored by the program (see term_signals.c): a reader that has gone shows up here as EPIPE
 * and never kills a restore half way.
 *
 * While the object of --json is open (term_json.c), lines are dropped: nothing but the object goes out.
 *
 * One thread at a time: the library's callbacks come one by one, and nothing else prints.
 */
#include "term/term.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER_SIZE = 32 * 1024, FORMAT_SIZE_MAX = 2048 };

static char buffer[BUFFER_SIZE];
static size_t buffered;
static int first_error;

/* A descriptor that was made non-blocking by somebody else is waited for. */
static void
write_all(const char *data, size_t size)
{
    while (size > 0 && first_error == 0) {
        ssize_t written = write(STDOUT_FILENO, data, size);
        if (written >= 0) {
            data += written;
            size -= (size_t)written;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};
            (void)poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            first_error = errno;
        }
    }
}

void
firn_term_out_flush(void)
{
    write_all(buffer, buffered);
    buffered = 0;
}

void
firn_term_out_put(const void *data, size_t size)
{
    if (size > BUFFER_SIZE - buffered) {
        firn_term_out_flush();
    }
    if (size > BUFFER_SIZE) {
        write_all(data, size);
    } else if (size > 0) {
        memcpy(buffer + buffered, data, size);
        buffered += size;
    }
}

void
firn_term_out_write(const void *data, size_t size)
{
    if (!firn_term_json_is_open()) {
        firn_term_out_put(data, size);
    }
}

void
firn_term_out_text(const char *text)
{
    firn_term_out_write(text, strlen(text));
}

void
firn_term_out_format(const char *format, ...)
{
    char text[FORMAT_SIZE_MAX];
    va_list arguments;
    if (firn_term_json_is_open()) {
        return;
    }
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= sizeof(text)) {
        first_error = first_error != 0 ? first_error : EOVERFLOW;
        return;
    }
    firn_term_out_put(text, (size_t)size);
}

int
firn_term_out_error(void)
{
    return first_error;
}
