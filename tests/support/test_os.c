/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_os.c: see the header.
 */
#include "support/test_os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

void
test_os_ok(int rc, const firn_error *err, const char *expression, const char *file, int line)
{
    if (rc != FIRN_OK) {
        print_error("%s: %s: %s\n", expression, firn_code_name(rc), err->text);
        _fail(file, line);
    }
}

struct firn_os_dir *
test_os_temp_dir(void)
{
    const char *parent = getenv("TMPDIR");
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/firn-test-XXXXXX", parent != NULL ? parent : "/tmp");
    assert_non_null(mkdtemp(path));
    firn_error err;
    struct firn_os_dir *dir;
    TEST_OK(firn_os_dir_open_path(firn_os_default(), path, &dir, &err), &err);
    return dir;
}

void
test_os_temp_dir_remove(struct firn_os_dir *dir)
{
    test_os_empty_dir(dir);
    const char *path = firn_os_dir_path(dir);
    assert_int_equal(remove(path), 0);
    firn_os_dir_close(dir);
}

struct firn_os_dir *
test_os_root(struct firn_os *os)
{
    firn_error err;
    struct firn_os_dir *dir;
    TEST_OK(firn_os_dir_open_path(os, "/", &dir, &err), &err);
    return dir;
}

static int
remove_entry(void *ctx, const struct firn_os_dirent *entry)
{
    struct firn_os_dir *dir = ctx;
    firn_error err;
    struct firn_os_stat stat;
    TEST_OK(firn_os_stat(dir, entry->name, &stat, &err), &err);
    if (stat.kind != FIRN_OS_DIR) {
        TEST_OK(firn_os_remove_file(dir, entry->name, &err), &err);
        return FIRN_OK;
    }
    struct firn_os_node node = {.dir = dir, .name = entry->name};
    TEST_OK(firn_os_set_mode(node, 0700, &err), &err);
    struct firn_os_dir *child;
    TEST_OK(firn_os_dir_open(dir, entry->name, &child, &err), &err);
    test_os_empty_dir(child);
    firn_os_dir_close(child);
    TEST_OK(firn_os_remove_dir(dir, entry->name, &err), &err);
    return FIRN_OK;
}

void
test_os_empty_dir(struct firn_os_dir *dir)
{
    firn_error err;
    do {
        TEST_OK(firn_os_dir_list(dir, remove_entry, dir, &err), &err);
    } while (test_os_count(dir) > 0);
}

void
test_os_put(struct firn_os_dir *dir, const char *name, const void *data, size_t size)
{
    firn_error err;
    struct firn_os_file *file;
    unsigned flags = FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_TRUNCATE;
    TEST_OK(firn_os_file_open(dir, name, flags, 0644, &file, &err), &err);
    TEST_OK(firn_os_file_write(file, 0, data, size, &err), &err);
    firn_os_file_close(file);
}

char *
test_os_get(struct firn_os_dir *dir, const char *name, size_t *out_size)
{
    firn_error err;
    struct firn_os_file *file;
    struct firn_os_stat stat;
    int rc = firn_os_file_open_stat(dir, name, FIRN_OS_READ, 0, &file, &stat, &err);
    if (rc == FIRN_NOT_FOUND) {
        return NULL;
    }
    TEST_OK(rc, &err);
    char *data = firn_alloc((size_t)stat.size_bytes + 1);
    assert_non_null(data);
    TEST_OK(firn_os_file_read_exact(file, 0, data, (size_t)stat.size_bytes, &err), &err);
    data[stat.size_bytes] = '\0';
    if (out_size != NULL) {
        *out_size = (size_t)stat.size_bytes;
    }
    firn_os_file_close(file);
    return data;
}

bool
test_os_has(struct firn_os_dir *dir, const char *name)
{
    firn_error err;
    struct firn_os_stat stat;
    int rc = firn_os_stat(dir, name, &stat, &err);
    if (rc == FIRN_NOT_FOUND) {
        return false;
    }
    TEST_OK(rc, &err);
    return true;
}

static int
count_entry(void *ctx, const struct firn_os_dirent *entry)
{
    (void)entry;
    ++*(size_t *)ctx;
    return FIRN_OK;
}

size_t
test_os_count(struct firn_os_dir *dir)
{
    firn_error err;
    size_t count = 0;
    TEST_OK(firn_os_dir_list(dir, count_entry, &count, &err), &err);
    return count;
}
