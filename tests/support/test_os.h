/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_os.h: helpers of tests for directories and files of any implementation of the seam.
 * A failure fails the test, with the error's text. The test links firn_test_support_os and has os
 * among its folders.
 */
#ifndef FIRN_TEST_OS_H
#define FIRN_TEST_OS_H

#include "os/os.h"

/* A new empty directory on the real disk, under TMPDIR or /tmp. */
struct fi_os_dir *test_os_temp_dir(void);
/* Removes such a directory with all that is in it, and closes it. */
void test_os_temp_dir_remove(struct fi_os_dir *dir);

/* Opens "/" of a machine in memory. */
struct fi_os_dir *test_os_root(struct fi_os *os);

/* Removes all that is in a directory, whatever its modes. */
void test_os_empty_dir(struct fi_os_dir *dir);

/* Creates or replaces a file with these bytes; nothing is synced. */
void test_os_put(struct fi_os_dir *dir, const char *name, const void *data, size_t size);
/* The bytes of a file, with a NUL after them, to be freed by fi_free; NULL where there is no
 * such file. */
char *test_os_get(struct fi_os_dir *dir, const char *name, size_t *out_size);
/* Whether the directory has the name. */
bool test_os_has(struct fi_os_dir *dir, const char *name);
/* How many names the directory has. */
size_t test_os_count(struct fi_os_dir *dir);

/* Takes CAP_SYS_ADMIN from this thread and those that it starts, or gives it back; whether the thread
 * has it now. */
bool test_os_admin(bool is_wanted);
/* Whether what lies in a temporary directory can be watched by fanotify, by a thread with
 * CAP_SYS_ADMIN; with it, if it may have it, this one goes on. */
bool test_os_may_use_fanotify(void);
#define TEST_OS_NO_FANOTIFY "watching by fanotify: not allowed here, or the file system cannot"
/* From now on a system call of this thread, by its number, fails with an errno: to the thread's end.
 * False where that cannot be. */
bool test_os_refuse(int system_call, int error_number);

/* Fails the test with the error's text unless rc is FIRN_OK. */
#define TEST_OK(rc, err) test_os_ok((rc), (err), #rc, __FILE__, __LINE__)
void test_os_ok(int rc, const firn_error *err, const char *expression, const char *file, int line);

#endif
