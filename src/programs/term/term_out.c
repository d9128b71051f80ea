/* SPDX-License-Identifier: Apache-2.0
 *
 * term/term_out.c: standard output, buffered, with a memory for the first failure.
 *
 * The C library's streams remember that a write failed but not why, and a program must not say
 * "done" after its output went to a full disk. So the program has a small writer of its own: a
 * fixed buffer, whole writes, and the errno of the first failed write, after which everything is
 * dropped. command_line.c turns that errno into a message and an exit code when the command is
 * over; commands that print much ask fi_term_out_error between lines.
 *
 * SIGPIPE is ignored by the program (see term_signals.c): a reader that has gone shows up here as
 * EPIPE and never kills a restore half way.
 *
 * While the object of --json is open (term_json.c), lines are dropped: nothing but the object goes
 * out.
 *
 * One thread at a time: the library's callbacks come one by one, and nothing else prints.
 */
#include "term/term.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BUFFER_SIZE = 32 * 1024, FORMAT_SIZE = 2048 };

static char buffer[BUFFER_SIZE];
static size_t buffered;
static int first_error;
static int descriptor = STDOUT_FILENO;
static int error_before; /* while it is another one */
static void (*before_first)(void);
static struct fi_term_writer *memory; /* where output goes instead; NULL: nowhere else */
static size_t memory_max;
static atomic_bool drops_lines; /* the MCP server's other thread asks, too */

/* A descriptor that another process made non-blocking is waited for. */
static void
write_all(const char *data, size_t size)
{
    if (size > 0) {
        fi_term_meter_clear(); /* its line may be on the same terminal */
    }
    if (size > 0 && before_first != NULL) {
        void (*begin)(void) = before_first;
        size_t waiting = buffered; /* begin() may flush: what is written now comes after it */
        before_first = NULL;
        buffered = 0;
        begin();
        assert(buffered == 0);
        buffered = waiting;
    }
    while (size > 0 && first_error == 0) {
        ssize_t written = write(descriptor, data, size);
        if (written >= 0) {
            data += written;
            size -= (size_t)written;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd ready = {.fd = descriptor, .events = POLLOUT};
            (void)poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            first_error = errno;
        }
    }
}

void
fi_term_out_flush(void)
{
    assert(buffered <= BUFFER_SIZE);
    write_all(buffer, buffered);
    buffered = 0;
}

/* Writes the whole lines of the buffer: on a terminal the progress line would be drawn over half a
 * one. */
static void
write_lines(void)
{
    const char *end = memrchr(buffer, '\n', buffered);
    size_t size = end != NULL ? (size_t)(end - buffer) + 1 : 0;
    size_t left = buffered - size;
    assert(size <= buffered);
    write_all(buffer, size);
    memmove(buffer, buffer + size, left);
    buffered = left;
}

void
fi_term_out_put(const void *data, size_t size)
{
    assert(buffered <= BUFFER_SIZE && (data != NULL || size == 0));
    if (memory != NULL) {
        if (size <= memory_max - memory->size) {
            fi_term_writer_put(memory, data, size);
        } else {
            memory_max = memory->size; /* nothing after what is left out */
        }
        return;
    }
    if (size > BUFFER_SIZE - buffered) {
        write_lines();
    }
    if (size > BUFFER_SIZE - buffered) {
        fi_term_out_flush();
    }
    if (size > BUFFER_SIZE) {
        write_all(data, size);
    } else if (size > 0) {
        memcpy(buffer + buffered, data, size);
        buffered += size;
    }
}

void
fi_term_out_drop_lines(bool drops)
{
    atomic_store(&drops_lines, drops);
}

void
fi_term_out_write(const void *data, size_t size)
{
    if (!atomic_load(&drops_lines)) {
        fi_term_out_put(data, size);
    }
}

void
fi_term_out_text(const char *text)
{
    assert(text != NULL);
    fi_term_out_write(text, strlen(text));
}

/* Texts of a store, and the padding beside them, may be longer than the buffer that is tried
 * first. */
static void put_long(const char *format, va_list arguments, size_t size)
    __attribute__((format(printf, 1, 0)));

static void
put_long(const char *format, va_list arguments, size_t size)
{
    assert(size >= FORMAT_SIZE);
    char *text = malloc(size + 1);
    if (text == NULL) {
        first_error = first_error != 0 ? first_error : ENOMEM;
        return;
    }
    (void)vsnprintf(text, size + 1, format, arguments);
    fi_term_out_put(text, size);
    free(text);
}

void
fi_term_out_format(const char *format, ...)
{
    char text[FORMAT_SIZE];
    va_list arguments;
    va_list again;
    if (atomic_load(&drops_lines)) {
        return;
    }
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(text, sizeof(text), format, arguments);
    if (size < 0) {
        first_error = first_error != 0 ? first_error : EOVERFLOW;
    } else if ((size_t)size >= sizeof(text)) {
        put_long(format, again, (size_t)size);
    } else {
        fi_term_out_put(text, (size_t)size);
    }
    va_end(again);
    va_end(arguments);
}

void
fi_term_out_divert(int fd)
{
    fi_term_out_flush();
    if (fd == STDOUT_FILENO) {
        first_error = error_before;
    } else if (descriptor == STDOUT_FILENO) {
        error_before = first_error;
    }
    descriptor = fd;
}

void
fi_term_out_into(struct fi_term_writer *writer, size_t size_max)
{
    assert((writer == NULL) != (memory == NULL));
    assert(writer == NULL || writer->size <= size_max);
    memory = writer;
    memory_max = size_max;
}

int
fi_term_out_error(void)
{
    return first_error;
}

void
fi_term_out_before_first(void (*begin)(void))
{
    before_first = begin;
}

/* The rows that a line takes on a terminal of so many columns. Colours take none. */
static size_t
rows_of(const char *line, size_t size, size_t columns)
{
    assert(columns > 0);
    size_t width = 0;
    for (size_t at = 0; at < size;) {
        const char *escape = memchr(line + at, '\033', size - at);
        size_t end = escape != NULL ? (size_t)(escape - line) : size;
        width += fi_term_width_of(firn_bytes(line + at, end - at));
        const char *last = escape != NULL ? memchr(escape, 'm', size - end) : NULL;
        at = last != NULL ? (size_t)(last - line) + 1 : size;
    }
    return width == 0 ? 1 : (width + columns - 1) / columns;
}

bool
fi_term_out_fits(void)
{
    struct winsize size;
    if (before_first == NULL || buffered == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 ||
        size.ws_col == 0) {
        return false;
    }
    size_t rows = 1; /* of the prompt that follows */
    for (size_t at = 0; at < buffered && rows <= size.ws_row;) {
        const char *end = memchr(buffer + at, '\n', buffered - at);
        size_t length = end != NULL ? (size_t)(end - buffer) - at : buffered - at;
        rows += rows_of(buffer + at, length, size.ws_col);
        at += length + 1;
    }
    return rows <= size.ws_row;
}

size_t
fi_term_out_columns(void)
{
    struct winsize size;
    bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return is_known ? size.ws_col : 0;
}
