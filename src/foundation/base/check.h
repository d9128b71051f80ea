/* SPDX-License-Identifier: Apache-2.0
 *
 * base/check.h: assertions about the program, never about data.
 *
 * CHECK stays in release builds: it guards steps that would corrupt data. DCHECK is for debug
 * builds. Bytes from outside never reach either: they are tested, and answered with FIRN_CORRUPT.
 *
 * A failed check names its file and line. Debug builds also print its expression, which in release
 * builds would take one percent of the library.
 */
#ifndef FIRN_BASE_CHECK_H
#define FIRN_BASE_CHECK_H

_Noreturn void fi_check_failed_at(const char *file, int line);
_Noreturn void fi_check_failed(const char *file, int line, const char *expression);

#ifdef FIRN_DEBUG
#define CHECK(expression) \
    ((expression) ? (void)0 : fi_check_failed(__FILE__, __LINE__, #expression))
#define DCHECK(expression) CHECK(expression)
#else
#define CHECK(expression) ((expression) ? (void)0 : fi_check_failed_at(__FILE__, __LINE__))
/* Compiled and never evaluated: variables used only here count as used. */
#define DCHECK(expression) ((void)(0 && (expression)))
#endif

#endif
