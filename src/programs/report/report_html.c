/* SPDX-License-Identifier: Apache-2.0
 *
 * report/report_html.c: writing a page of HTML.
 *
 * Names, messages and contents come from outside, and a page is opened where scripts can run. So
 * there are only two ways into a page: markup, which is in the source of this program, and text. In
 * text the five characters that HTML interprets become entities (I1; not checked: tests look at
 * pages with hostile names). Bytes that are not printable UTF-8, and characters that move a cursor
 * or change the direction of reading, become escapes as on a terminal (term.h) (I2). So no name can
 * close a tag, and no two names look alike. (Not checked: tests look at pages with hostile names.)
 *
 * A page has a limit, and of some parts it is not known how long they become. Such a part is held
 * back in memory, measured, and then kept or dropped. A part may hold another one.
 *
 * A page gets its name when it is complete (task_file.c): until then a browser sees the old page.
 * Only a page of firn's own is replaced unasked.
 *
 * State is static, as in term_out.c, because fi_term_text_escape hands its pieces to a plain
 * function.
 */
#include "report/report.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "task/task.h"
#include "term/term.h"

enum { BUFFER_SIZE = 64 * 1024, FORMAT_SIZE_MAX = 1024, SHOWN_MAX = 800, HOLDS_MAX = 2 };

const char fi_report_html_mark[] = "<!DOCTYPE html>\n<!-- firn report -->\n";

static struct {
    const char *path;               /* NULL: standard output */
    struct fi_task_file file;       /* unless it is */
    struct fi_task_beneath beneath; /* its directory, where firn chose the path */
    bool has_failed;
    firn_error first_error;
    uint64_t bytes;
    size_t buffered;
    char buffer[BUFFER_SIZE];
    struct fi_term_writer held[HOLDS_MAX];
    size_t holds;
} page;

static int
report_html_refuse(firn_error *err, int code, const char *text)
{
    assert(code != FIRN_OK && err != NULL);
    memset(err, 0, sizeof(*err));
    err->code = code;
    (void)snprintf(err->text, sizeof(err->text), "'%.*s' %.200s", SHOWN_MAX, page.path, text);
    return code;
}

static int
refuse_memory(firn_error *err)
{
    memset(err, 0, sizeof(*err));
    err->code = FIRN_NO_MEMORY;
    return err->code;
}

/* ---- beginning and end ---- */

/* Opens what is at the path; -1 if nothing is. */
static int
open_there(bool is_own, int *out_fd, firn_error *err)
{
    char text[256];
    if (is_own) {
        return fi_task_beneath_read(&page.beneath, out_fd, err);
    }
    *out_fd = open(page.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*out_fd >= 0 || errno == ENOENT) {
        return FIRN_OK;
    }
    const int code = errno == EACCES ? FIRN_DENIED : FIRN_IO;
    (void)snprintf(text, sizeof(text), "cannot be read: %s", strerror(errno));
    return report_html_refuse(err, code, text);
}

/* FIRN_OK if nothing is there, or what may go. */
static int
report_html_inspect(const struct fi_report_html_place *place, firn_error *err)
{
    char head[sizeof fi_report_html_mark];
    struct stat stat;
    int fd = -1;
    int code = open_there(place->is_own, &fd, err);
    if (code != FIRN_OK || fd < 0) {
        return code;
    }
    bool is_file = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode);
    ssize_t size = is_file ? read(fd, head, sizeof(head) - 1) : -1;
    (void)close(fd);
    if (!is_file) {
        return report_html_refuse(err, FIRN_INVALID, "is not a file");
    }
    bool is_page =
        size == (ssize_t)sizeof(head) - 1 && memcmp(head, fi_report_html_mark, (size_t)size) == 0;
    return place->replaces || is_page
               ? FIRN_OK
               : report_html_refuse(err, FIRN_EXISTS, "exists and is not a report of firn");
}

int
fi_report_html_begin(const struct fi_report_html_place *place, firn_error *err)
{
    const char *path = place->path;
    page.path = path;
    page.has_failed = false;
    page.bytes = 0;
    page.buffered = 0;
    page.holds = 0;
    if (path != NULL) {
        int code = FIRN_OK;
        if (place->is_own) {
            const size_t base_size = (size_t)(strrchr(path, '/') - path) + 1;
            code = fi_task_beneath_open(&page.beneath, path, base_size, FI_TASK_BENEATH_MAKES_NONE,
                                        err);
        }
        code = code == FIRN_OK ? report_html_inspect(place, err) : code;
        if (code == FIRN_OK) {
            code = place->is_own ? fi_task_file_create_beneath(&page.file, &page.beneath,
                                                               FI_TASK_FILE_MODE, err)
                                 : fi_task_file_create(&page.file, path, true, err);
        }
        if (code != FIRN_OK) {
            return code;
        }
    }
    fi_report_html_raw(fi_report_html_mark);
    return FIRN_OK;
}

static void
report_html_flush(void)
{
    assert(page.buffered <= sizeof page.buffer);
    const firn_slice bytes = firn_bytes(page.buffer, page.buffered);
    if (page.path == NULL) {
        fi_term_out_write(bytes.data, bytes.size);
    } else if (!page.has_failed) {
        page.has_failed = fi_task_file_write(&page.file, bytes, &page.first_error) != FIRN_OK;
    }
    page.buffered = 0;
}

int
fi_report_html_end(firn_error *err)
{
    assert(page.holds == 0);
    report_html_flush();
    if (page.has_failed) {
        *err = page.first_error;
        return err->code;
    }
    /* command_line.c reports failures of standard output */
    return page.path == NULL ? FIRN_OK : fi_task_file_finish(&page.file, err);
}

void
fi_report_html_drop(void)
{
    fi_task_file_discard(&page.file);
    fi_task_beneath_close(&page.beneath);
    for (size_t i = 0; i < HOLDS_MAX; i++) {
        fi_term_writer_deinit(&page.held[i]);
    }
}

uint64_t
fi_report_html_bytes(void)
{
    uint64_t bytes = page.bytes;
    for (size_t i = 0; i < page.holds; i++) {
        bytes += page.held[i].size;
    }
    return bytes;
}

bool
fi_report_html_has_failed(void)
{
    return page.has_failed || fi_term_out_error() != 0;
}

/* ---- what is in it ---- */

static void
report_html_put(const void *data, size_t size)
{
    assert(data != NULL || size == 0);
    const char *from = data;
    if (page.holds > 0) {
        fi_term_writer_put(&page.held[page.holds - 1], data, size);
        return;
    }
    page.bytes += size;
    while (size > 0) {
        if (page.buffered == BUFFER_SIZE) {
            report_html_flush();
        }
        size_t part = BUFFER_SIZE - page.buffered < size ? BUFFER_SIZE - page.buffered : size;
        memcpy(page.buffer + page.buffered, from, part);
        page.buffered += part;
        from += part;
        size -= part;
    }
}

void
fi_report_html_hold(void)
{
    assert(page.holds < HOLDS_MAX);
    fi_term_writer_clear(&page.held[page.holds]);
    page.holds++;
}

/* Ends the innermost part. The text stays as it is until there is such a part again. */
static firn_slice
end_hold(void)
{
    assert(page.holds > 0);
    const struct fi_term_writer *held = &page.held[--page.holds];
    if (held->has_failed && !page.has_failed) {
        page.has_failed = true;
        (void)refuse_memory(&page.first_error);
    }
    return fi_term_writer_slice(held);
}

void
fi_report_html_keep(void)
{
    firn_slice text = end_hold();
    report_html_put(text.data, text.size);
}

void
fi_report_html_keep_before(void)
{
    assert(page.holds == HOLDS_MAX);
    firn_slice first = end_hold();
    firn_slice second = end_hold();
    report_html_put(first.data, first.size);
    report_html_put(second.data, second.size);
}

void
fi_report_html_forget(void)
{
    (void)end_hold();
}

void
fi_report_html_raw(const char *markup)
{
    report_html_put(markup, strlen(markup));
}

void
fi_report_html_markup(firn_slice markup)
{
    report_html_put(markup.data, markup.size);
}

void
fi_report_html_format(const char *format, ...)
{
    char text[FORMAT_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (size > 0) {
        report_html_put(text, (size_t)size < sizeof(text) ? (size_t)size : sizeof(text) - 1);
    }
}

/* (I1) */
static void
put_text(const void *data, size_t size)
{
    const char *from = data;
    size_t plain = 0;
    for (size_t i = 0; i < size; i++) {
        const char *entity = from[i] == '<'    ? "&lt;"
                             : from[i] == '>'  ? "&gt;"
                             : from[i] == '&'  ? "&amp;"
                             : from[i] == '"'  ? "&quot;"
                             : from[i] == '\'' ? "&#39;"
                                               : NULL;
        if (entity != NULL) {
            report_html_put(from + plain, i - plain);
            fi_report_html_raw(entity);
            plain = i + 1;
        }
    }
    report_html_put(from + plain, size - plain);
}

void
fi_report_html_name(firn_slice bytes)
{
    fi_term_text_escape(bytes, put_text); /* (I2) */
}

void
fi_report_html_text(const char *text)
{
    put_text(text, strlen(text));
}

static size_t counted_columns;

static void
count_columns(const void *data, size_t size)
{
    counted_columns += fi_term_width_of(firn_bytes(data, size));
}

/* Whether it is a single line that is short enough, with or without its end. */
static bool
is_title(firn_slice text, size_t columns)
{
    size_t size = text.size > 0 && text.data[text.size - 1] == '\n' ? text.size - 1 : text.size;
    if (size > FI_REPORT_HTML_TITLE_BYTES || (size > 0 && memchr(text.data, '\n', size) != NULL)) {
        return false;
    }
    counted_columns = 0;
    fi_term_text_escape(firn_bytes(text.data, size), count_columns);
    return counted_columns <= columns;
}

bool
fi_report_html_title(firn_slice text, size_t columns)
{
    size_t size = text.size;
    if (size > FI_REPORT_HTML_TITLE_BYTES) {
        size = FI_REPORT_HTML_TITLE_BYTES;
        for (int i = 0; i < 3 && (text.data[size] & 0xC0) == 0x80; i++) {
            size--; /* to between two characters */
        }
    }
    const firn_slice start = firn_bytes(text.data, size);
    fi_term_width_cut(start, columns, put_text); /* (I2) */
    if (size < text.size && is_title(start, columns)) {
        fi_report_html_raw("…");
    }
    return is_title(text, columns);
}

void
fi_report_html_code(firn_slice bytes)
{
    while (bytes.size > 0) {
        uint32_t point;
        size_t size = fi_term_text_decode(bytes, &point);
        if (size > 0 && (point == '\t' || point == '\\' || !fi_term_text_is_control(point))) {
            put_text(bytes.data, size);
        } else {
            size = 1;
            fi_report_html_raw("<i>");
            fi_term_text_escape(firn_bytes(bytes.data, 1), put_text); /* (I2) */
            fi_report_html_raw("</i>");
        }
        bytes = firn_bytes(bytes.data + size, bytes.size - size);
    }
}
