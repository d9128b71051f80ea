/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_source.c: the text that is imported: a file, or standard input.
 *
 * The beginning is read several times: to find its form, to guess columns, and as rows. It is kept
 * in memory for that, because the input may come from a pipe.
 *
 * Files that are not text are refused (task_form.c).
 */
#include "data/data_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

/* Reads from the file. Returns a code of the library. */
static int
read_file(struct fi_data_source *source, void *buffer, size_t capacity, size_t *out_size,
          firn_error *err)
{
    assert(capacity > 0);
    ssize_t got;
    do {
        struct pollfd input = {.fd = source->fd, .events = POLLIN};
        (void)poll(&input, 1, -1);
        FI_TRY_RETURN(fi_command_go_on(err));
        got = read(source->fd, buffer, capacity);
    } while (got < 0 && (errno == EINTR || errno == EAGAIN));
    if (got < 0) {
        err->code = FIRN_IO;
        err->os_errno = errno;
        (void)snprintf(err->text, sizeof(err->text), "could not read '%.400s': %s", source->name,
                       strerror(errno));
        return err->code;
    }
    *out_size = (size_t)got;
    return FIRN_OK;
}

/* Appends to what is kept. */
static int
data_source_keep(struct fi_data_source *source, const void *data, size_t size, firn_error *err)
{
    if (fi_data_bytes_reserve(source->cli, &source->kept, size) != FI_EXIT_OK) {
        source->has_no_memory = true; /* it was told */
        err->code = FIRN_NO_MEMORY;
        (void)snprintf(err->text, sizeof(err->text), "%s", firn_code_text(FIRN_NO_MEMORY));
        return FIRN_NO_MEMORY;
    }
    memcpy(source->kept.data + source->kept.size, data, size);
    source->kept.size += size;
    return FIRN_OK;
}

int
fi_data_source_read(void *ctx, void *buffer, size_t capacity, size_t *out_size, firn_error *err)
{
    struct fi_data_source *source = ctx;
    size_t left = source->kept.size - source->at;
    if (left > 0) {
        *out_size = left < capacity ? left : capacity;
        memcpy(buffer, source->kept.data + source->at, *out_size);
        source->at += *out_size;
        return FIRN_OK;
    }
    int code = read_file(source, buffer, capacity, out_size, err);
    if (code == FIRN_OK && source->keeps && *out_size > 0) {
        code = data_source_keep(source, buffer, *out_size, err);
        source->at = source->kept.size;
    }
    return code;
}

int
fi_data_source_open(struct fi_cli *cli, const char *path, struct fi_data_source *out)
{
    bool is_stdin = strcmp(path, "-") == 0;
    out->cli = cli;
    out->name = is_stdin ? "standard input" : path;
    out->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    return out->fd >= 0
               ? FI_EXIT_OK
               : fi_command_report_error(cli, errno == ENOENT ? FIRN_NOT_FOUND : FIRN_IO, NULL,
                                         "could not open '%s': %s", path, strerror(errno));
}

void
fi_data_source_close(struct fi_data_source *source)
{
    if (source->fd > STDIN_FILENO) {
        (void)close(source->fd); /* only read */
    }
    fi_data_bytes_deinit(&source->kept);
}

/* ---- what it is ---- */

/* Reads the beginning. Returns a code of the library. */
static int
read_start(struct fi_data_source *source, firn_error *err)
{
    char piece[1 << 14];
    size_t got = 1;
    int code = FIRN_OK;
    source->keeps = true;
    source->at = source->kept.size;
    while (code == FIRN_OK && got > 0 && source->kept.size < FI_DATA_SOURCE_START_SIZE) {
        code = fi_data_source_read(source, piece, sizeof piece, &got, err);
    }
    source->keeps = false;
    source->at = 0;
    source->start_is_all = got == 0;
    return code;
}

int
fi_data_source_start(struct fi_data_source *source)
{
    firn_error err;
    int code = read_start(source, &err);
    if (code != FIRN_OK) {
        return source->has_no_memory ? FI_EXIT_FAILED
                                     : fi_command_report_failure(source->cli, &err, NULL);
    }
    return fi_task_form_refuse(source->cli, source->fd == STDIN_FILENO ? NULL : source->name,
                               firn_bytes(source->kept.data, source->kept.size));
}

int
fi_data_source_expect_csv(const struct fi_data_source *source)
{
    return fi_task_form_expect_csv(source->cli, source->fd == STDIN_FILENO ? NULL : source->name,
                                   firn_bytes(source->kept.data, source->kept.size));
}
