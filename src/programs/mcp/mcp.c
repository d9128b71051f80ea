/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp.c: a server of the Model Context Protocol on standard input and output.
 *
 * Two threads: the caller's reads lines and answers requests that need no work; the other one
 * works. Reading continues during work. A client that does not read its answers blocks both threads
 * at a write, and costs no memory.
 *
 * The end. When the input ends, pending requests are finished and answered. A signal that asks the
 * program to stop cancels them instead. Signals are unblocked only while the reading thread waits
 * for input or for the work to end, so none can arrive between the check and the sleep. A client
 * that has gone is noticed at the next write, and its work is cancelled.
 *
 * Either descriptor may be non-blocking: both are waited for with poll.
 */
#include "mcp/mcp_internal.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- lines of a bounded length ----
 *
 * A client that sends a line without end costs FI_MCP_LINE_SIZE_MAX bytes and no more: what is
 * beyond is passed over until the line ends. Its beginning is kept, because the id of the request
 * usually stands there and the refusal should carry it. A large line's memory is given back with
 * the line.
 */

enum { KEPT_SIZE = FI_MCP_LINE_READ_SIZE };

void
fi_mcp_line_deinit(struct fi_mcp_line *line)
{
    free(line->data);
    memset(line, 0, sizeof(*line));
}

static bool
make_room(struct fi_mcp_line *line, size_t size)
{
    assert(line->size <= line->capacity);
    size_t capacity = line->capacity < 1024 ? 1024 : line->capacity;
    while (capacity < line->size + size) {
        capacity *= 2;
    }
    if (capacity == line->capacity) {
        return true;
    }
    char *grown = realloc(line->data, capacity);
    if (grown == NULL) {
        return false;
    }
    line->data = grown;
    line->capacity = capacity;
    return true;
}

static void
mcp_append(struct fi_mcp_line *line, const uint8_t *data, size_t size)
{
    assert(line->size <= FI_MCP_LINE_SIZE_MAX);
    size_t room = FI_MCP_LINE_SIZE_MAX - line->size;
    if (line->is_cut || size > room) {
        line->is_cut = true;
        size = 0;
    }
    if (size > 0 && !make_room(line, size)) {
        line->is_cut = true;
        return;
    }
    if (size > 0) {
        memcpy(line->data + line->size, data, size);
        line->size += size;
    }
}

static void
mcp_finish(struct fi_mcp_line *line, void (*take)(void *ctx, firn_slice line, bool is_cut),
           void *ctx)
{
    assert(line->size <= line->capacity);
    if (line->size > 0 && !line->is_cut && line->data[line->size - 1] == '\r') {
        line->size--;
    }
    take(ctx, firn_bytes(line->data, line->size), line->is_cut);
    line->size = 0;
    line->is_cut = false;
    if (line->capacity > KEPT_SIZE) {
        fi_mcp_line_deinit(line);
    }
}

void
fi_mcp_line_feed(struct fi_mcp_line *line, firn_slice bytes,
                 void (*take)(void *ctx, firn_slice line, bool is_cut), void *ctx)
{
    assert(bytes.data != NULL || bytes.size == 0);
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    while (left > 0) {
        const uint8_t *end = memchr(at, '\n', left);
        size_t size = end != NULL ? (size_t)(end - at) : left;
        mcp_append(line, at, size);
        if (end == NULL) {
            return;
        }
        mcp_finish(line, take, ctx);
        at = end + 1;
        left -= size + 1;
    }
}

/* ---- the two descriptors ---- */

struct connection {
    const struct fi_mcp_options *options;
    struct fi_mcp_server *server;
    struct fi_mcp_line line;
    atomic_int output_errno; /* of the first write that failed; relaxed: it says nothing else */
};

static void
send_message(void *ctx, const char *data, size_t size)
{
    struct connection *connection = ctx;
    if (atomic_load_explicit(&connection->output_errno, memory_order_relaxed) != 0) {
        return;
    }
    while (size > 0) {
        ssize_t written = write(STDOUT_FILENO, data, size);
        if (written >= 0) {
            data += written;
            size -= (size_t)written;
        } else if (errno == EAGAIN) {
            struct pollfd wanted = {STDOUT_FILENO, POLLOUT, 0};
            (void)poll(&wanted, 1, -1);
        } else if (errno != EINTR) {
            atomic_store_explicit(&connection->output_errno, errno, memory_order_relaxed);
            return;
        }
    }
}

static bool
is_stopping(void *ctx)
{
    struct connection *connection = ctx;
    return connection->options->stop_asked() != 0 ||
           atomic_load_explicit(&connection->output_errno, memory_order_relaxed) != 0;
}

static void
take_line(void *ctx, firn_slice line, bool is_cut)
{
    struct connection *connection = ctx;
    fi_mcp_server_take(connection->server, line, is_cut);
}

static int
mcp_fail(firn_error *err, int code, const char *what, int error)
{
    assert(code != FIRN_OK);
    if (err != NULL) {
        memset(err, 0, sizeof(*err));
        err->code = code;
        err->os_errno = error;
        (void)snprintf(err->text, sizeof(err->text), "%s%s%s", what, error != 0 ? ": " : "",
                       error != 0 ? strerror(error) : "");
    }
    return code;
}

/* Reads until the input ends or a signal stops it. `open` is the mask that lets signals in. */
static int
read_lines(struct connection *connection, const sigset_t *open, firn_error *err)
{
    char bytes[FI_MCP_LINE_READ_SIZE];
    while (!is_stopping(connection)) {
        struct pollfd wanted = {STDIN_FILENO, POLLIN, 0};
        if (ppoll(&wanted, 1, NULL, open) < 0) {
            if (errno != EINTR) {
                return mcp_fail(err, FIRN_IO, "could not wait for input", errno);
            }
            continue;
        }
        ssize_t size = read(STDIN_FILENO, bytes, sizeof(bytes));
        if (size == 0) {
            break;
        }
        if (size < 0 && errno != EINTR && errno != EAGAIN) {
            return mcp_fail(err, FIRN_IO, "could not read standard input", errno);
        }
        if (size > 0) {
            fi_mcp_line_feed(&connection->line, firn_bytes(bytes, (size_t)size), take_line,
                             connection);
        }
    }
    if (connection->line.size > 0 || connection->line.is_cut) {
        connection->options->log("the input ended within a message; it was not read");
    }
    return FIRN_OK;
}

static void *
mcp_work(void *ctx)
{
    struct connection *connection = ctx;
    fi_mcp_server_work(connection->server, true);
    return NULL;
}

/* Serves with signals closed out. */
static int
mcp_serve(struct connection *connection, const sigset_t *open, firn_error *err)
{
    pthread_t worker;
    int error = pthread_create(&worker, NULL, mcp_work, connection);
    if (error != 0) {
        return mcp_fail(err, FIRN_IO, "could not start a thread", error);
    }
    int code = read_lines(connection, open, err);
    fi_mcp_server_close(connection->server);
    (void)pthread_sigmask(SIG_SETMASK, open, NULL);
    (void)pthread_join(worker, NULL);
    error = atomic_load_explicit(&connection->output_errno, memory_order_relaxed);
    if (connection->options->stop_asked() != 0) {
        return mcp_fail(err, FIRN_CANCELLED, "interrupted", 0);
    }
    if (code == FIRN_OK && error != 0) {
        return mcp_fail(err, FIRN_IO, "could not write to standard output", error);
    }
    return code;
}

/* May be NULL. */
static void
mcp_release(char **paths, size_t count)
{
    for (size_t i = 0; paths != NULL && i < count; i++) {
        free(paths[i]);
    }
    free(paths);
}

/* The real paths of the directories that are served. */
static int
mcp_resolve(const struct fi_mcp_options *options, char **out, firn_error *err)
{
    for (size_t i = 0; i < options->allowed_count; i++) {
        out[i] = realpath(options->allowed[i], NULL);
        if (out[i] == NULL) {
            char what[600];
            (void)snprintf(what, sizeof(what), "could not find '%.500s', which --allow names",
                           options->allowed[i]);
            return mcp_fail(err, FIRN_NOT_FOUND, what, errno);
        }
    }
    return FIRN_OK;
}

int
fi_mcp_serve(const struct fi_mcp_options *options, firn_error *err)
{
    struct connection connection = {.options = options};
    char **allowed = calloc(options->allowed_count + 1, sizeof(*allowed));
    int code = allowed != NULL ? mcp_resolve(options, allowed, err)
                               : mcp_fail(err, FIRN_NO_MEMORY, firn_code_text(FIRN_NO_MEMORY), 0);
    if (code != FIRN_OK) {
        mcp_release(allowed, options->allowed_count);
        return code;
    }
    struct fi_mcp_server_options server_options = {.store_path = options->store_path,
                                                   .names_root = options->names_root,
                                                   .wait_ms = options->wait_ms,
                                                   .has_wait = options->has_wait,
                                                   .allows_delete = options->allows_delete,
                                                   .allows_push = options->allows_push,
                                                   .allowed = allowed,
                                                   .allowed_count = options->allowed_count,
                                                   .send = send_message,
                                                   .is_stopping = is_stopping,
                                                   .collect = options->collect,
                                                   .ctx = &connection};
    sigset_t closed;
    sigset_t open;
    atomic_init(&connection.output_errno, 0);
    connection.server = fi_mcp_server_create(&server_options);
    if (connection.server == NULL) {
        mcp_release(allowed, options->allowed_count);
        return mcp_fail(err, FIRN_NO_MEMORY, firn_code_text(FIRN_NO_MEMORY), 0);
    }
    (void)sigemptyset(&closed);
    (void)sigaddset(&closed, SIGINT);
    (void)sigaddset(&closed, SIGTERM);
    (void)sigaddset(&closed, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &closed, &open);
    code = mcp_serve(&connection, &open, err);
    (void)pthread_sigmask(SIG_SETMASK, &open, NULL);
    fi_mcp_line_deinit(&connection.line);
    fi_mcp_server_destroy(connection.server);
    mcp_release(allowed, options->allowed_count);
    return code;
}
