/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_file.h: whole files of a struct fi_os, for tests that damage them; and files of
 * the source tree, for golden ones. Every function asserts. The test links folders base and os.
 */
#ifndef FIRN_TEST_FILE_H
#define FIRN_TEST_FILE_H

#include "os/os.h"
#include "support/test.h"

/* Replaces the contents of out. */
static inline void
test_file_read(struct fi_os_dir *dir, const char *name, struct fi_buf *out)
{
    firn_error err;
    struct fi_os_stat stat;
    struct fi_os_file *file;
    assert_int_equal(fi_os_file_open(dir, name, FI_OS_READ, 0, &file, &err), FIRN_OK);
    assert_int_equal(fi_os_file_stat(file, &stat, &err), FIRN_OK);
    assert_int_equal(fi_buf_set_size(out, (size_t)stat.size_bytes), FIRN_OK);
    assert_int_equal(fi_os_file_read_exact(file, 0, out->data, out->size, &err), FIRN_OK);
    fi_os_file_close(file);
}

/* Creates or replaces; nothing is synced. */
static inline void
test_file_write(struct fi_os_dir *dir, const char *name, const void *data, size_t size)
{
    firn_error err;
    struct fi_os_file *file;
    assert_int_equal(fi_os_file_open(dir, name,
                                     FI_OS_WRITE | FI_OS_CREATE | FI_OS_TRUNCATE | FI_OS_CLEAR,
                                     0600, &file, &err),
                     FIRN_OK);
    if (size > 0) {
        assert_int_equal(fi_os_file_write(file, 0, data, size, &err), FIRN_OK);
    }
    fi_os_file_close(file);
}

static inline bool
test_file_exists(struct fi_os_dir *dir, const char *name)
{
    struct fi_os_stat stat;
    int rc = fi_os_stat(dir, name, &stat, NULL);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    return rc == FIRN_OK;
}

static inline int
test_file_count_visit(void *ctx, const struct fi_os_dirent *entry)
{
    (void)entry;
    ++*(size_t *)ctx;
    return FIRN_OK;
}

/* Number of names in a directory. */
static inline size_t
test_file_count(struct fi_os_dir *dir)
{
    size_t count = 0;
    assert_int_equal(fi_os_dir_list(dir, test_file_count_visit, &count, NULL), FIRN_OK);
    return count;
}

/* Compares bytes with a file of the source tree. With FIRN_TEST_WRITE_GOLDEN=1 writes it
 * instead. */
static inline void
test_file_compare_golden(const char *path, firn_slice bytes)
{
    if (getenv("FIRN_TEST_WRITE_GOLDEN") != NULL) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
        assert_int_equal(fclose(file), 0);
    }
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t *golden = malloc(bytes.size + 1);
    assert_non_null(golden);
    assert_int_equal(fread(golden, 1, bytes.size + 1, file), bytes.size);
    assert_memory_equal(golden, bytes.data, bytes.size);
    free(golden);
    assert_int_equal(fclose(file), 0);
}

#endif
