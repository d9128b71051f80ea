/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_process.c: another program, whose output is read, and which may be asked.
 *
 * It is found in PATH and started without a shell. It shares our standard error. A child that is no
 * longer needed finds its pipes closed and ends; then it is reaped.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "import/import_internal.h"
#include "term/term.h"
#include "term/term_try.h"

enum { BUFFER_SIZE = 64 << 10, TEXT_SIZE_MAX = 1 << 30, EXIT_NO_PROGRAM = 127 };

/* A program that is not asked gets an empty standard input. */
static int
spawn(struct fi_import_process *process, char *const *arguments, const int in[2], const int out[2])
{
    assert(process->pid == -1 && out[1] >= 0);
    int nothing = in[0] >= 0 ? -1 : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (in[0] < 0 && nothing < 0) {
        return errno;
    }
    int error = fi_term_spawn(arguments, in[0] >= 0 ? in[0] : nothing, out[1], &process->pid);
    if (nothing >= 0) {
        (void)close(nothing);
    }
    return error;
}

static void
close_pair(const int pair[2], int keep)
{
    assert(keep >= -1 && keep < 2);
    for (int i = 0; i < 2; i++) {
        if (i != keep && pair[i] >= 0) {
            (void)close(pair[i]);
        }
    }
}

int
fi_import_process_start(struct fi_import_process *process, const char *const *arguments,
                        bool is_asked, firn_error *err)
{
    int in[2] = {-1, -1};
    int out[2] = {-1, -1};
    memset(process, 0, sizeof(*process));
    process->name = arguments[0];
    process->in = process->out = -1;
    process->pid = -1;
    process->buffer = malloc(BUFFER_SIZE);
    int error = process->buffer == NULL ? ENOMEM : 0;
    if (error == 0 && (pipe2(out, O_CLOEXEC) != 0 || (is_asked && pipe2(in, O_CLOEXEC) != 0))) {
        error = errno;
    }
    if (error == 0) {
        /* posix_spawn changes none of them. */
        union {
            const char *const *given;
            char *const *taken;
        } words = {arguments};
        error = spawn(process, words.taken, in, out);
    }
    if (error != 0) {
        close_pair(in, -1);
        close_pair(out, -1);
        free(process->buffer);
        process->buffer = NULL;
        errno = error;
        return error == ENOENT
                   ? fi_import_tree_error(err, FIRN_UNSUPPORTED,
                                          "there is no program '%s': install it", arguments[0])
                   : fi_import_tree_fail(err, "start", firn_str(arguments[0]));
    }
    close_pair(in, 1);
    close_pair(out, 0);
    process->in = in[1];
    process->out = out[0];
    return FIRN_OK;
}

/* Waits for output, all that was there having been taken. At its end there is none. */
static int
import_process_fill(struct fi_import_process *process, firn_error *err)
{
    assert(process->out >= 0 && process->at == process->filled);
    for (;;) {
        ssize_t got = read(process->out, process->buffer, BUFFER_SIZE);
        if (got >= 0) {
            process->at = 0;
            process->filled = (size_t)got;
            process->has_ended = got == 0;
            return FIRN_OK;
        }
        FI_TRY_RETURN(errno == EINTR
                          ? fi_command_go_on(err)
                          : fi_import_tree_fail(err, "read from", firn_str(process->name)));
    }
}

int
fi_import_process_read(struct fi_import_process *process, uint8_t *data, size_t size,
                       size_t *out_size, firn_error *err)
{
    assert(process->at <= process->filled);
    *out_size = 0;
    FI_TRY_RETURN(process->at < process->filled ? FIRN_OK : import_process_fill(process, err));
    size_t left = process->filled - process->at;
    *out_size = left < size ? left : size;
    memcpy(data, process->buffer + process->at, *out_size);
    process->at += *out_size;
    return FIRN_OK;
}

/* Waits for output where there may be none left; FIRN_CORRUPT at its end. */
static int
import_process_need(struct fi_import_process *process, firn_error *err)
{
    int code = process->at < process->filled ? FIRN_OK : import_process_fill(process, err);
    return code != FIRN_OK || process->filled > 0
               ? code
               : fi_import_tree_error(err, FIRN_CORRUPT, "the output of %s ended too early",
                                      process->name);
}

int
fi_import_process_copy(struct fi_import_process *process, uint64_t size,
                       firn_write_bytes write_bytes, void *to, firn_error *err)
{
    assert(process->buffer != NULL);
    int code = FIRN_OK;
    while (size > 0 && code == FIRN_OK) {
        code = import_process_need(process, err);
        if (code == FIRN_OK) {
            size_t there = process->filled - process->at;
            size_t part = there < size ? there : (size_t)size;
            code = write_bytes(to, firn_bytes(process->buffer + process->at, part), err);
            process->at += part;
            size -= part;
        }
    }
    return code;
}

/* Makes room for so many more bytes, and a NUL. */
static int
import_process_reserve(struct fi_import_process_text *text, size_t size, firn_error *err)
{
    assert(text->size <= text->capacity && size <= BUFFER_SIZE);
    if (text->size + size < text->capacity) {
        return FIRN_OK;
    }
    size_t capacity = 2 * text->capacity + size + 256;
    char *grown = capacity <= TEXT_SIZE_MAX ? realloc(text->data, capacity) : NULL;
    if (grown == NULL) {
        return capacity <= TEXT_SIZE_MAX
                   ? fi_import_tree_error(err, FIRN_NO_MEMORY, "out of memory")
                   : fi_import_tree_error(err, FIRN_LIMIT, "another program says too much");
    }
    text->data = grown;
    text->capacity = capacity;
    return FIRN_OK;
}

int
fi_import_process_until(struct fi_import_process *process, char last,
                        struct fi_import_process_text *text, firn_error *err)
{
    assert(process->buffer != NULL);
    for (const uint8_t *end = NULL; end == NULL;) {
        int code = import_process_need(process, err);
        code = code == FIRN_OK ? import_process_reserve(text, process->filled - process->at, err)
                               : code;
        if (code != FIRN_OK) {
            return code;
        }
        const uint8_t *from = process->buffer + process->at;
        size_t size = process->filled - process->at;
        end = memchr(from, last, size);
        size = end != NULL ? (size_t)(end - from) + 1 : size;
        memcpy(text->data + text->size, from, size);
        text->size += size;
        text->data[text->size] = '\0';
        process->at += size;
    }
    return FIRN_OK;
}

int
fi_import_process_query(struct fi_import_process *process, const char *const *arguments,
                        const char *question, firn_error *err)
{
    if (process->pid > 0 && process->has_ended) {
        (void)fi_import_process_end(process, err);
    }
    int code = process->pid > 0 ? FIRN_OK : fi_import_process_start(process, arguments, true, err);
    for (size_t size = strlen(question); size > 0 && code == FIRN_OK;) {
        ssize_t written = write(process->in, question, size);
        if (written < 0 && errno != EINTR) {
            code = fi_import_tree_fail(err, "ask", firn_str(process->name));
        }
        question += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
    process->answer.size = 0;
    return code == FIRN_OK ? fi_import_process_until(process, '\n', &process->answer, err) : code;
}

int
fi_import_process_end(struct fi_import_process *process, firn_error *err)
{
    int status = 0;
    if (process->pid <= 0) {
        return FIRN_OK;
    }
    if (process->in >= 0) {
        (void)close(process->in);
    }
    (void)close(process->out);
    free(process->buffer);
    free(process->answer.data);
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR) {
    }
    process->pid = -1;
    process->buffer = NULL;
    process->answer = (struct fi_import_process_text){.data = NULL};
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return FIRN_OK;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_PROGRAM) {
        return fi_import_tree_error(err, FIRN_UNSUPPORTED, "there is no program '%s': install it",
                                    process->name);
    }
    return fi_import_tree_error(err, FIRN_IO, "%s failed: %s %d", process->name,
                                WIFEXITED(status) ? "exit code" : "signal",
                                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}
