/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_path.h: names, the memory of handles, and errors that name a path. Only files of this
 * folder include it.
 */
#ifndef FIRN_OS_OS_PATH_H
#define FIRN_OS_OS_PATH_H

#include "os/os_ops.h"

/* FIRN_INVALID unless name is one component, rule (I1) of os.h. */
FIRN_MUST_CHECK int fi_os_path_check_name(const char *name, firn_error *err);

/* FIRN_INVALID unless path is empty or components separated by single slashes. */
FIRN_MUST_CHECK int fi_os_path_check_relative(const char *path, firn_error *err);

struct fi_os_dir *fi_os_path_new_dir(struct fi_os *os, struct fi_os_dir *parent, const char *name)
    __attribute__((warn_unused_result));
void fi_os_path_unref_dir(struct fi_os_dir *dir);
/* A call everywhere, as fi_free. */
__attribute__((noinline)) const char *fi_os_path_of_dir(struct fi_os_dir *dir);
struct fi_os_file *fi_os_path_new_file(struct fi_os_dir *dir, const char *name)
    __attribute__((warn_unused_result));
void fi_os_path_free_file(struct fi_os_file *file);

const char *fi_os_path_of_file(struct fi_os_file *file);

/* Size of a path in an error's text, beside the other words; and of each of two paths. */
enum { FI_OS_PATH_TEXT_SIZE = 800, FI_OS_PATH_HALF_TEXT_SIZE = 420 };
/* Writes the path of name in dir (of dir itself where name is NULL) without allocating; what
 * does not fit is cut at the front and begins with "...". */
void fi_os_path_text(const struct fi_os_dir *dir, const char *name, char *out, size_t size);

/* The result of an operation: FIRN_OK for 0; else fills *err with "could not <verb> '<path>': <the
 * system's text>" and returns the code of error_number. */
FIRN_MUST_CHECK int fi_os_path_result(firn_error *err, int error_number, const char *verb,
                                      const struct fi_os_dir *dir, const char *name);

#endif
