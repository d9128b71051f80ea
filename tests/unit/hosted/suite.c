/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/hosted/suite.c: what the parts of the suite share.
 */
#include "suite.h"

#include "base/mem.h"

struct fi_os_file *
suite_open(struct fi_os_dir *dir, const char *name)
{
    firn_error err;
    struct fi_os_file *file;
    unsigned flags = FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE;
    TEST_OK(fi_os_file_open(dir, name, flags, 0644, &file, &err), &err);
    return file;
}

struct fi_os_dir *
suite_make_dir(struct fi_os_dir *dir, const char *name)
{
    firn_error err;
    struct fi_os_dir *made;
    TEST_OK(fi_os_make_dir(dir, name, 0755, &err), &err);
    TEST_OK(fi_os_dir_open(dir, name, &made, &err), &err);
    return made;
}

struct fi_os_stat
suite_stat(struct fi_os_dir *dir, const char *name)
{
    firn_error err;
    struct fi_os_stat stat;
    TEST_OK(fi_os_stat(dir, name, &stat, &err), &err);
    return stat;
}

void
suite_expect(struct fi_os_dir *dir, const char *name, const char *text)
{
    size_t size = 0;
    char *data = test_os_get(dir, name, &size);
    assert_non_null(data);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(data, text, size);
    fi_free(data);
}
