/* SPDX-License-Identifier: Apache-2.0
 *
 * report/report_html.c: writing a page of HTML.
 *
 * Names, messages and contents come from outside, and a page is opened where scripts can run. So
 * there are two ways into a page and no third: markup, which stands in the source of this program,
 * and text. Of text the five characters that mean something to HTML become entities (I1), and what is
 * not printable UTF-8, moves a cursor or turns the direction of what is read becomes an escape as on a
 * terminal (term.h) (I2). So no name can close a tag, and none looks like another one.
 *
 * A file is written beside the one that it will replace, synced, and renamed: until then a browser
 * sees the old page whole. Only a page of firn's own is replaced unasked.
 *
 * State is static, as in term_out.c, because firn_term_text_escape hands its pieces to a plain
 * function.
 */
#include "report/report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "term/term.h"

enum { BUFFER_SIZE = 64 * 1024, FORMAT_SIZE_MAX = 1024, TEMPORARY_EXTRA = 24, SHOWN_MAX = 800 };

const char firn_report_html_mark[] = "<!DOCTYPE html>\n<!-- firn report -->\n";

static struct {
    bool is_open;
    int fd; /* -1: standard output */
    char path[PATH_MAX];
    char temporary[PATH_MAX + TEMPORARY_EXTRA];
    int first_error;
    uint64_t bytes;
    size_t buffered;
    char buffer[BUFFER_SIZE];
} page = {.fd = -1};

static int
fail(firn_error *err, int error, const char *what)
{
    memset(err, 0, sizeof(*err));
    err->os_errno = error;
    err->code = error == EACCES || error == EPERM ? FIRN_DENIED
                : error == EROFS                  ? FIRN_READ_ONLY
                : error == ENOSPC                 ? FIRN_NO_SPACE
                : error == ENOENT                 ? FIRN_NOT_FOUND
                                                  : FIRN_IO;
    (void)snprintf(err->text, sizeof(err->text), "could not %s '%.*s': %s", what, SHOWN_MAX,
                   page.path, strerror(error));
    return err->code;
}

static int
refuse(firn_error *err, int code, const char *text)
{
    memset(err, 0, sizeof(*err));
    err->code = code;
    (void)snprintf(err->text, sizeof(err->text), "'%.*s' %s", SHOWN_MAX, page.path, text);
    return code;
}

/* ---- beginning and end ---- */

/* FIRN_OK if nothing is there, or what may go. */
static int
look(bool replaces, firn_error *err)
{
    char head[sizeof firn_report_html_mark];
    struct stat stat;
    int fd = open(page.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT) {
        return FIRN_OK;
    }
    if (fd < 0) {
        return fail(err, errno, "look at");
    }
    bool is_file = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode);
    ssize_t size = is_file ? read(fd, head, sizeof(head) - 1) : -1;
    (void)close(fd);
    if (!is_file) {
        return refuse(err, FIRN_INVALID, "is no file");
    }
    bool is_page =
        size == (ssize_t)sizeof(head) - 1 && memcmp(head, firn_report_html_mark, (size_t)size) == 0;
    return replaces || is_page ? FIRN_OK
                               : refuse(err, FIRN_EXISTS, "exists and is no report of firn's");
}

int
firn_report_html_begin(const char *path, bool replaces, firn_error *err)
{
    page.fd = -1;
    page.first_error = 0;
    page.bytes = 0;
    page.buffered = 0;
    page.path[0] = '\0';
    if (path != NULL) {
        size_t size = strlen(path);
        if (size >= sizeof(page.path)) {
            return refuse(err, FIRN_LIMIT, "has too long a path");
        }
        memcpy(page.path, path, size + 1);
        int code = look(replaces, err);
        if (code != FIRN_OK) {
            return code;
        }
        (void)snprintf(page.temporary, sizeof(page.temporary), "%s.firn-XXXXXX", page.path);
        page.fd = mkstemp(page.temporary);
        if (page.fd < 0) {
            return fail(err, errno, "make a file beside");
        }
    }
    page.is_open = true;
    firn_report_html_raw(firn_report_html_mark);
    return FIRN_OK;
}

static void
flush(void)
{
    size_t done = 0;
    if (page.fd < 0) {
        firn_term_out_write(page.buffer, page.buffered);
        done = page.buffered;
    }
    while (done < page.buffered && page.first_error == 0) {
        ssize_t written = write(page.fd, page.buffer + done, page.buffered - done);
        done += written > 0 ? (size_t)written : 0;
        if (written < 0 && errno != EINTR) {
            page.first_error = errno;
        }
    }
    page.buffered = 0;
}

int
firn_report_html_end(firn_error *err)
{
    mode_t mask = umask(0);
    (void)umask(mask);
    flush();
    if (page.fd < 0) {
        page.is_open = false; /* what standard output has to say is asked for by others */
        return FIRN_OK;
    }
    if (page.first_error == 0 && (fchmod(page.fd, 0666 & ~mask) != 0 || fsync(page.fd) != 0)) {
        page.first_error = errno;
    }
    if (close(page.fd) != 0 && page.first_error == 0) {
        page.first_error = errno;
    }
    page.fd = -1;
    if (page.first_error == 0 && rename(page.temporary, page.path) != 0) {
        page.first_error = errno;
    }
    if (page.first_error != 0) {
        (void)unlink(page.temporary);
    }
    page.is_open = false;
    return page.first_error == 0 ? FIRN_OK : fail(err, page.first_error, "write");
}

void
firn_report_html_drop(void)
{
    if (page.is_open && page.fd >= 0) {
        (void)close(page.fd);
        (void)unlink(page.temporary);
        page.fd = -1;
    }
    page.is_open = false;
}

uint64_t
firn_report_html_bytes(void)
{
    return page.bytes;
}

bool
firn_report_html_has_failed(void)
{
    return page.first_error != 0 || firn_term_out_error() != 0;
}

/* ---- what is in it ---- */

static void
put(const void *data, size_t size)
{
    const char *from = data;
    page.bytes += size;
    while (size > 0) {
        if (page.buffered == BUFFER_SIZE) {
            flush();
        }
        size_t part = BUFFER_SIZE - page.buffered < size ? BUFFER_SIZE - page.buffered : size;
        memcpy(page.buffer + page.buffered, from, part);
        page.buffered += part;
        from += part;
        size -= part;
    }
}

void
firn_report_html_raw(const char *markup)
{
    put(markup, strlen(markup));
}

void
firn_report_html_format(const char *format, ...)
{
    char text[FORMAT_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (size > 0) {
        put(text, (size_t)size < sizeof(text) ? (size_t)size : sizeof(text) - 1);
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
            put(from + plain, i - plain);
            firn_report_html_raw(entity);
            plain = i + 1;
        }
    }
    put(from + plain, size - plain);
}

void
firn_report_html_name(firn_slice bytes)
{
    firn_term_text_escape(bytes, put_text); /* (I2) */
}

void
firn_report_html_text(const char *text)
{
    put_text(text, strlen(text));
}

void
firn_report_html_code(firn_slice bytes)
{
    while (bytes.size > 0) {
        uint32_t point;
        size_t size = firn_term_text_decode(bytes, &point);
        if (size > 0 && (point == '\t' || point == '\\' || !firn_term_text_is_control(point))) {
            put_text(bytes.data, size);
        } else {
            size = 1;
            firn_report_html_raw("<i>");
            firn_term_text_escape(firn_bytes(bytes.data, 1), put_text); /* (I2) */
            firn_report_html_raw("</i>");
        }
        bytes = firn_bytes(bytes.data + size, bytes.size - size);
    }
}
