/* SPDX-License-Identifier: Apache-2.0
 *
 * term/term_try.h: leaving a function early after a failure. FIRN_OK, FI_EXIT_OK and SQLITE_OK are
 * all 0, so both macros serve codes of the library, exit codes and codes of SQLite. They are what
 * FI_TRY_RETURN and FI_TRY are in the library (base/error.h), and tools/check_errors holds them to
 * the same rule: a function uses only one of the two.
 */
#ifndef FIRN_TERM_TERM_TRY_H
#define FIRN_TERM_TERM_TRY_H

/* Evaluates an expression that returns a code; if that is a failure, the function returns it. For
 * functions that have nothing to free. */
#define FI_TRY_RETURN(expression)     \
    do {                              \
        int fi_tried_ = (expression); \
        if (fi_tried_ != 0) {         \
            return fi_tried_;         \
        }                             \
    } while (0)

/* The same for functions that have something to free: stores the result in the local `code`,
 * whatever its name is, and if it is a failure jumps to the label `out`. There the function frees
 * what it has, and goes on to its end in success as well. */
#define FI_TRY_OUT(code, expression) \
    do {                             \
        (code) = (expression);       \
        if ((code) != 0) {           \
            goto out;                \
        }                            \
    } while (0)

#endif
