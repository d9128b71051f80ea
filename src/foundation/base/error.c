/* SPDX-License-Identifier: Apache-2.0
 *
 * base/error.c: one table of codes, and the texts of errors.
 *
 * An error is filled once, where it occurs, by the function that knows the file, the offset and
 * what it expected. Callers may put a prefix before the text, but never replace the code. Cleanup
 * code passes NULL, so the first error wins without bookkeeping.
 *
 * Nothing here allocates: an error must be reportable when memory has run out. A text that does not
 * fit is cut and ends in "...".
 */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

/* The header's macros of these names are for callers. */
#undef fi_error_set
#undef fi_error_set_named
#undef fi_error_set_errno
#undef fi_error_no_memory

const char *
firn_code_text(int code)
{
    switch (code) {
    case FIRN_OK:
        return "ok";
#define CASE(name, value, text) \
    case name:                  \
        return text;
        FIRN_ERROR_LIST(CASE)
#undef CASE
    default:
        return "unknown error";
    }
}

const char *
firn_code_name(int code)
{
    switch (code) {
    case FIRN_OK:
        return "FIRN_OK";
#define CASE(name, value, text) \
    case name:                  \
        return #name;
        FIRN_ERROR_LIST(CASE)
#undef CASE
    default:
        return "FIRN_UNKNOWN";
    }
}

int
fi_error_code_of_errno(int error_number)
{
    switch (error_number) {
    case 0:
        return FIRN_INTERNAL;
    case ENOENT:
    case ENOTDIR:
        return FIRN_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY:
        return FIRN_EXISTS;
    case ENOMEM:
        return FIRN_NO_MEMORY;
    case ENOSPC:
    case EDQUOT:
        return FIRN_NO_SPACE;
    case EACCES:
    case EPERM:
        return FIRN_DENIED;
    case EROFS:
        return FIRN_READ_ONLY;
    case EAGAIN:
    case EBUSY:
    case ETXTBSY:
        return FIRN_BUSY;
    case ENOSYS:
    case EOPNOTSUPP:
        return FIRN_UNSUPPORTED;
    case EINVAL:
    case EISDIR:
    case ELOOP:
    case EXDEV:
        return FIRN_INVALID;
    case ENAMETOOLONG:
    case EFBIG:
    case EMLINK:
    case E2BIG:
        return FIRN_LIMIT;
    default:
        return FIRN_IO;
    }
}

static size_t error_append(firn_error *err, size_t used, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* Appends to a text of `used` bytes; returns the new length. Text that does not fit is cut,
 * visibly. */
static size_t
error_append(firn_error *err, size_t used, const char *format, va_list args)
{
    DCHECK(used < sizeof err->text);
    size_t room = sizeof err->text - used;
    int wanted = vsnprintf(err->text + used, room, format, args);
    if (wanted < 0) {
        return used;
    }
    if ((size_t)wanted >= room) {
        memcpy(err->text + sizeof err->text - 4, "...", 4);
        return sizeof err->text - 1;
    }
    return used + (size_t)wanted;
}

static size_t append_text(firn_error *err, size_t used, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static size_t
append_text(firn_error *err, size_t used, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    used = error_append(err, used, format, args);
    va_end(args);
    return used;
}

int
fi_error_set(firn_error *err, int code, const char *format, ...)
{
    CHECK(code != FIRN_OK);
    if (err == NULL) {
        return code;
    }
    va_list args;
    va_start(args, format);
    err->code = code;
    err->os_errno = 0;
    (void)error_append(err, 0, format, args);
    va_end(args);
    return code;
}

/* As append, of a text as it is. */
static size_t
append_plain(firn_error *err, size_t used, const char *text)
{
    size_t size = strlen(text);
    DCHECK(used < sizeof err->text);
    if (size >= sizeof err->text - used) {
        size = sizeof err->text - used - 1;
        memcpy(err->text + used, text, size);
        memcpy(err->text + sizeof err->text - 4, "...", 4);
        return used + size;
    }
    memcpy(err->text + used, text, size + 1);
    return used + size;
}

int
fi_error_set_named(firn_error *err, int code, const char *before, const char *name,
                   const char *after)
{
    CHECK(code != FIRN_OK);
    if (err == NULL) {
        return code;
    }
    err->code = code;
    err->os_errno = 0;
    size_t used = append_plain(err, 0, before);
    used = append_plain(err, used, name);
    (void)append_plain(err, used, after);
    return code;
}

int
fi_error_set_errno(firn_error *err, int error_number, const char *format, ...)
{
    int code = fi_error_code_of_errno(error_number);
    if (err == NULL) {
        return code;
    }
    va_list args;
    va_start(args, format);
    err->code = code;
    err->os_errno = error_number;
    size_t used = error_append(err, 0, format, args);
    va_end(args);
    (void)append_text(err, used, ": %s", strerror(error_number));
    return code;
}

void
fi_error_copy(firn_error *err, const firn_error *from)
{
    if (err != NULL) {
        *err = *from;
    }
}

int
fi_error_stopped(firn_error *err, int rc)
{
    return rc == FIRN_OK ? FIRN_OK : fi_error_set(err, rc, "stopped by the caller");
}

void
fi_error_prefix(firn_error *err, const char *format, ...)
{
    if (err == NULL) {
        return;
    }
    char old[FIRN_ERROR_TEXT_SIZE];
    memcpy(old, err->text, sizeof old);
    va_list args;
    va_start(args, format);
    size_t used = error_append(err, 0, format, args);
    va_end(args);
    (void)append_text(err, used, ": %s", old);
}

int
fi_error_no_memory(firn_error *err, const char *what)
{
    return fi_error_set(err, FIRN_NO_MEMORY, "could not allocate memory for %s", what);
}
