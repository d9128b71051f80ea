/* SPDX-License-Identifier: Apache-2.0
 *
 * base/error.h: filling a firn_error, and the macro for leaving a function early.
 */
#ifndef FIRN_BASE_ERROR_H
#define FIRN_BASE_ERROR_H

#include <stdarg.h>

#include "firn/error.h"

/* Fills *err (NULL is allowed) and returns code, so that `return fi_error_set(...)` reads
 * well. */
int fi_error_set(firn_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The text is before, name and after, concatenated without formatting: for errors that are frequent
 * and normal answers. */
int fi_error_set_named(firn_error *err, int code, const char *before, const char *name,
                       const char *after);

/* As above for a failed system call: the code follows from error_number, and ": <what the system
 * says>" is appended. */
int fi_error_set_errno(firn_error *err, int error_number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<format>: " before the text of an error that is already filled; keeps its codes. NULL is
 * allowed. */
void fi_error_prefix(firn_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The result of a function of the program's user: FIRN_OK, or its code with an error that says who
 * stopped. */
int fi_error_stopped(firn_error *err, int rc);

/* Copies another error to *err (NULL is allowed). */
void fi_error_copy(firn_error *err, const firn_error *from);

/* FIRN_NO_MEMORY with a text that names what could not be allocated. A call everywhere, as
 * fi_free. */
__attribute__((noinline)) int fi_error_no_memory(firn_error *err, const char *what);

/* The functions above fill errors, and an error is never FIRN_OK (they check this). Compilers and
 * analyzers see one file at a time: this lets them skip paths on which a failure would count as a
 * success. */
static inline int
fi_error_never_ok(int code)
{
    if (code == FIRN_OK) {
        __builtin_unreachable();
    }
    return code;
}
#define fi_error_set(...) fi_error_never_ok(fi_error_set(__VA_ARGS__))
#define fi_error_set_named(...) fi_error_never_ok(fi_error_set_named(__VA_ARGS__))
#define fi_error_set_errno(...) fi_error_never_ok(fi_error_set_errno(__VA_ARGS__))
#define fi_error_no_memory(...) fi_error_never_ok(fi_error_no_memory(__VA_ARGS__))

/* The code for an errno of the operating system (ENOENT is FIRN_NOT_FOUND, …; else FIRN_IO). */
int fi_error_code_of_errno(int error_number);

/* Evaluates an expression that returns a code; if that is a failure, the function returns it. For
 * functions that have nothing to free. */
#define FI_TRY_RETURN(expression)     \
    do {                              \
        int fi_tried_ = (expression); \
        if (fi_tried_ != FIRN_OK) {   \
            return fi_tried_;         \
        }                             \
    } while (0)

/* The same for functions that have something to free: stores the failure in the local `rc` and
 * jumps to the label `out`, where the function frees what it has and returns. A function uses only
 * one of the two (tools/check_errors). */
#define FI_TRY(expression)   \
    do {                     \
        rc = (expression);   \
        if (rc != FIRN_OK) { \
            goto out;        \
        }                    \
    } while (0)

/* Ignores a failure that no longer matters, while cleaning up after another one. */
#define FI_IGNORE(expression)           \
    do {                                \
        int fi_ignored_ = (expression); \
        (void)fi_ignored_;              \
    } while (0)

#endif
