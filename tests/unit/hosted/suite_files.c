/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/hosted/suite_files.c: files: opening, contents, holes, locks.
 */
#include "suite.h"

#include <stdio.h>

#include "base/mem.h"
#include "os/os_window.h"
#include "support/test_random.h"

static void
reads_see_what_was_written_and_zeros_between(void **state)
{
    const struct suite *suite = *state;
    firn_error err;
    struct fi_os_file *file = suite_open(suite->dir, "f");
    TEST_OK(fi_os_file_write(file, 10, "abc", 3, &err), &err);
    TEST_OK(fi_os_file_write(file, 20000, "xyz", 3, &err), &err);
    TEST_OK(fi_os_file_write(file, 5, "", 0, &err), &err);
    uint8_t data[30000];
    memset(data, 0xee, sizeof data);
    size_t got;
    TEST_OK(fi_os_file_read(file, 0, data, sizeof data, &got, &err), &err);
    assert_int_equal(got, 20003);
    for (size_t i = 0; i < got; i++) {
        uint8_t expected = i >= 10 && i < 13 ? (uint8_t) "abc"[i - 10]
                           : i >= 20000      ? (uint8_t) "xyz"[i - 20000]
                                             : 0;
        assert_int_equal(data[i], expected);
    }
    TEST_OK(fi_os_file_read(file, 20003, data, 10, &got, &err), &err);
    assert_int_equal(got, 0);
    TEST_OK(fi_os_file_read(file, 1 << 30, data, 10, &got, &err), &err);
    assert_int_equal(got, 0);
    TEST_OK(fi_os_file_read_exact(file, 20000, data, 3, &err), &err);
    assert_int_equal(fi_os_file_read_exact(file, 20000, data, 4, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "f' ends at offset 20003: expected 4 bytes at offset 20000"));
    fi_os_file_close(file);
}

static void
random_writes_agree_with_an_array(void **state)
{
    const struct suite *suite = *state;
    enum { SIZE = 50000 };
    struct test_random random;
    test_random_init(&random, "random_writes", 11);
    uint8_t *model = fi_alloc_zeroed(SIZE);
    uint8_t *data = fi_alloc(SIZE);
    assert_non_null(model);
    assert_non_null(data);
    size_t size = 0;
    firn_error err;
    struct fi_os_file *file = suite_open(suite->dir, "f");
    for (unsigned step = 0; step < 300; step++) {
        size_t at = test_random_below(&random, SIZE);
        if (test_random_below(&random, 4) == 0) {
            TEST_OK(fi_os_file_truncate(file, at, &err), &err);
            if (at < size) {
                memset(model + at, 0, size - at);
            }
            size = at;
        } else {
            size_t part = test_random_below(&random, SIZE - at) / 4;
            test_random_fill(&random, model + at, part);
            TEST_OK(fi_os_file_write(file, at, model + at, part, &err), &err);
            size = part > 0 && at + part > size ? at + part : size;
        }
        size_t got;
        TEST_OK(fi_os_file_read(file, 0, data, SIZE, &got, &err), &err);
        assert_int_equal(got, size);
        assert_memory_equal(data, model, size);
    }
    fi_os_file_close(file);
    fi_free(model);
    fi_free(data);
}

static void
offsets_that_no_file_has_are_refused(void **state)
{
    const struct suite *suite = *state;
    firn_error err;
    struct fi_os_file *file = suite_open(suite->dir, "f");
    char byte = 0;
    size_t got;
    uint64_t start;
    uint64_t end;
    assert_int_equal(fi_os_file_read(file, UINT64_MAX, &byte, 1, &got, &err), FIRN_INVALID);
    assert_int_equal(fi_os_file_read(file, INT64_MAX, &byte, 1, &got, &err), FIRN_INVALID);
    assert_int_equal(fi_os_file_write(file, INT64_MAX, &byte, 1, &err), FIRN_LIMIT);
    assert_int_equal(fi_os_file_truncate(file, UINT64_MAX, &err), FIRN_LIMIT);
    assert_int_equal(fi_os_file_allocate(file, UINT64_MAX, &err), FIRN_LIMIT);
    assert_int_equal(fi_os_file_next_data(file, UINT64_MAX, &start, &end, &err), FIRN_INVALID);
    fi_os_file_start_writeback(file, UINT64_MAX, UINT64_MAX);
    fi_os_file_close(file);
}

static void
open_flags_say_what_may_happen(void **state)
{
    const struct suite *suite = *state;
    struct fi_os_dir *dir = suite->dir;
    firn_error err;
    struct fi_os_file *file;
    unsigned write = FI_OS_WRITE;
    assert_int_equal(fi_os_file_open(dir, "f", FI_OS_READ, 0, &file, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_file_open(dir, "f", write, 0, &file, &err), FIRN_NOT_FOUND);
    unsigned exclusive = write | FI_OS_CREATE | FI_OS_EXCLUSIVE;
    TEST_OK(fi_os_file_open(dir, "f", exclusive, 0640, &file, &err), &err);
    TEST_OK(fi_os_file_write(file, 0, "hello", 5, &err), &err);
    fi_os_file_close(file);
    assert_int_equal(suite_stat(dir, "f").mode, 0640);
    assert_int_equal(fi_os_file_open(dir, "f", exclusive, 0640, &file, &err), FIRN_EXISTS);
    TEST_OK(fi_os_file_open(dir, "f", FI_OS_READ | FI_OS_NO_ATIME, 0, &file, &err), &err);
    assert_int_equal(fi_os_file_write(file, 0, "x", 1, &err), FIRN_IO);
    assert_int_equal(fi_os_file_truncate(file, 0, &err), FIRN_INVALID);
    fi_os_file_close(file);
    TEST_OK(fi_os_file_open(dir, "f", write, 0, &file, &err), &err);
    char byte;
    size_t got;
    assert_int_equal(fi_os_file_read(file, 0, &byte, 1, &got, &err), FIRN_IO);
    fi_os_file_close(file);
    TEST_OK(fi_os_file_open(dir, "f", write | FI_OS_CREATE, 0600, &file, &err), &err);
    fi_os_file_close(file);
    suite_expect(dir, "f", "hello");
    TEST_OK(fi_os_file_open(dir, "f", write | FI_OS_TRUNCATE, 0, &file, &err), &err);
    fi_os_file_close(file);
    suite_expect(dir, "f", "");
    static const unsigned nonsense[] = {0, FI_OS_CREATE, FI_OS_READ | FI_OS_TRUNCATE,
                                        FI_OS_WRITE | FI_OS_EXCLUSIVE, FI_OS_READ | 0x1000};
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        assert_int_equal(fi_os_file_open(dir, "f", nonsense[i], 0, &file, &err), FIRN_INVALID);
    }
    assert_int_equal(fi_os_file_open(dir, "f", FI_OS_READ, 010000, &file, &err), FIRN_INVALID);
}

static void
only_regular_files_open_and_nothing_blocks(void **state)
{
    const struct suite *suite = *state;
    struct fi_os_dir *dir = suite->dir;
    firn_error err;
    fi_os_dir_close(suite_make_dir(dir, "d"));
    test_os_put(dir, "f", "x", 1);
    if (!suite->plain) {
        TEST_OK(fi_os_make_symlink(dir, "l", "f", &err), &err);
        TEST_OK(fi_os_make_symlink(dir, "dangling", "new", &err), &err);
        TEST_OK(fi_os_make_fifo(dir, "p", 0600, &err), &err);
        assert_int_equal(suite_stat(dir, "p").kind, FI_OS_FIFO);
    }
    static const char *const names[] = {"d", "l", "dangling", "p"};
    static const unsigned flags[] = {
        FI_OS_READ,
        FI_OS_WRITE,
        FI_OS_READ | FI_OS_WRITE,
        FI_OS_WRITE | FI_OS_CREATE,
        FI_OS_WRITE | FI_OS_CREATE | FI_OS_TRUNCATE,
    };
    for (size_t i = 0; i < (suite->plain ? 1 : sizeof names / sizeof names[0]); i++) {
        for (size_t j = 0; j < sizeof flags / sizeof flags[0]; j++) {
            struct fi_os_file *file;
            assert_int_equal(fi_os_file_open(dir, names[i], flags[j], 0644, &file, &err),
                             FIRN_INVALID);
            assert_null(file);
            assert_non_null(strstr(err.text, "not a regular file"));
        }
    }
    assert_false(test_os_has(dir, "new"));
}

static void
open_can_tell_what_stat_would(void **state)
{
    const struct suite *suite = *state;
    firn_error err;
    test_os_put(suite->dir, "f", "hello", 5);
    struct fi_os_file *file;
    struct fi_os_stat opened;
    struct fi_os_stat asked;
    TEST_OK(fi_os_file_open_stat(suite->dir, "f", FI_OS_READ, 0, &file, &opened, &err), &err);
    TEST_OK(fi_os_file_stat(file, &asked, &err), &err);
    assert_int_equal(opened.size_bytes, 5);
    assert_int_equal(opened.inode, asked.inode);
    assert_int_equal(opened.mtime_ns, asked.mtime_ns);
    assert_int_equal(opened.ctime_ns, asked.ctime_ns);
    assert_int_equal(opened.inode, suite_stat(suite->dir, "f").inode);
    fi_os_file_close(file);
    unsigned exclusive = FI_OS_WRITE | FI_OS_CREATE | FI_OS_EXCLUSIVE;
    TEST_OK(fi_os_file_open_stat(suite->dir, "n", exclusive, 0600, &file, &opened, &err), &err);
    assert_int_equal(opened.kind, FI_OS_FILE);
    assert_int_equal(opened.size_bytes, 0);
    fi_os_file_close(file);
}

static void
a_size_can_shrink_and_grow_back_as_zeros(void **state)
{
    const struct suite *suite = *state;
    firn_error err;
    struct fi_os_file *file = suite_open(suite->dir, "f");
    uint8_t data[10000];
    memset(data, 0xaa, sizeof data);
    TEST_OK(fi_os_file_write(file, 0, data, sizeof data, &err), &err);
    TEST_OK(fi_os_file_truncate(file, 100, &err), &err);
    TEST_OK(fi_os_file_truncate(file, 9000, &err), &err);
    size_t got;
    TEST_OK(fi_os_file_read(file, 0, data, sizeof data, &got, &err), &err);
    assert_int_equal(got, 9000);
    for (size_t i = 0; i < got; i++) {
        assert_int_equal(data[i], i < 100 ? 0xaa : 0);
    }
    fi_os_file_close(file);
}

static void
reserved_space_changes_nothing_that_is_read(void **state)
{
    const struct suite *suite = *state;
    firn_error err;
    struct fi_os_file *file = suite_open(suite->dir, "f");
    TEST_OK(fi_os_file_write(file, 0, "hello", 5, &err), &err);
    TEST_OK(fi_os_file_allocate(file, 0, &err), &err);
    int rc = fi_os_file_allocate(file, 100000, &err);
    if (rc != FIRN_UNSUPPORTED) {
        TEST_OK(rc, &err);
        struct fi_os_stat stat;
        TEST_OK(fi_os_file_stat(file, &stat, &err), &err);
        assert_int_equal(stat.size_bytes, 5);
        assert_true(stat.allocated_bytes >= 100000);
    }
    TEST_OK(fi_os_file_write(file, 50000, "world", 5, &err), &err);
    char data[8] = {0};
    TEST_OK(fi_os_file_read_exact(file, 49999, data, 6, &err), &err);
    assert_memory_equal(data, "\0world", 6);
    fi_os_file_close(file);
    char *all = test_os_get(suite->dir, "f", NULL);
    assert_memory_equal(all, "hello\0\0", 7);
    fi_free(all);
}

static void
holes_are_found(void **state)
{
    const struct suite *suite = *state;
    firn_error err;
    struct fi_os_file *file = suite_open(suite->dir, "f");
    uint64_t start = 1;
    uint64_t end = 1;
    TEST_OK(fi_os_file_next_data(file, 0, &start, &end, &err), &err);
    assert_int_equal(start, 0);
    assert_int_equal(end, 0);
    const uint64_t mib = 1 << 20;
    TEST_OK(fi_os_file_truncate(file, 4 * mib, &err), &err);
    TEST_OK(fi_os_file_write(file, mib + 100, "data", 4, &err), &err);
    TEST_OK(fi_os_file_write(file, 3 * mib, "more", 4, &err), &err);
    TEST_OK(fi_os_file_next_data(file, 0, &start, &end, &err), &err);
    if (start == 0 && end == 4 * mib) {
        fi_os_file_close(file);
        skip(); /* this file system knows no holes */
    }
    assert_int_equal(start, mib);
    assert_true(end >= mib + 104 && end <= 2 * mib);
    uint64_t first_end = end;
    TEST_OK(fi_os_file_next_data(file, mib + 102, &start, &end, &err), &err);
    assert_int_equal(start, mib + 102);
    assert_int_equal(end, first_end);
    TEST_OK(fi_os_file_next_data(file, first_end, &start, &end, &err), &err);
    assert_int_equal(start, 3 * mib);
    TEST_OK(fi_os_file_next_data(file, end, &start, &end, &err), &err);
    assert_int_equal(start, 4 * mib);
    assert_int_equal(end, 4 * mib);
    TEST_OK(fi_os_file_next_data(file, 9 * mib, &start, &end, &err), &err);
    assert_int_equal(start, 4 * mib);
    TEST_OK(fi_os_file_truncate(file, mib + 102, &err), &err);
    TEST_OK(fi_os_file_next_data(file, 0, &start, &end, &err), &err);
    assert_int_equal(start, mib);
    assert_int_equal(end, mib + 102);
    struct fi_os_stat stat;
    TEST_OK(fi_os_file_stat(file, &stat, &err), &err);
    assert_true(stat.allocated_bytes < mib);
    fi_os_file_close(file);
}

static void
a_window_is_the_file(void **state)
{
    const struct suite *suite = *state;
    enum { HALF = FI_OS_WINDOW_ALIGNMENT, SIZE = 2 * HALF };
    firn_error err;
    struct fi_os_file *file = suite_open(suite->dir, "f");
    uint8_t *data = fi_alloc_zeroed(SIZE);
    assert_non_null(data);
    TEST_OK(fi_os_file_write(file, 0, data, SIZE, &err), &err);
    struct fi_os_window window;
    int rc = fi_os_window_open(file, HALF, HALF, &window, &err);
    if (rc == FIRN_UNSUPPORTED) {
        fi_os_file_close(file);
        fi_free(data);
        return; /* this one has none, and that is said */
    }
    TEST_OK(rc, &err);
    assert_null(fi_os_window_at(&window, HALF - 1, 1));
    assert_null(fi_os_window_at(&window, SIZE - 1, 2));
    assert_null(fi_os_window_at(&window, SIZE + 1, 0));
    uint8_t *at = fi_os_window_at(&window, SIZE - 5, 5);
    memcpy(at, "hello", 5);
    TEST_OK(fi_os_window_commit(&window, SIZE - 5, 5, &err), &err);
    TEST_OK(fi_os_file_sync(file, &err), &err);
    memcpy(fi_os_window_at(&window, HALF, 3), "abc", 3);
    TEST_OK(fi_os_window_commit(&window, HALF, 3, &err), &err);
    TEST_OK(fi_os_file_read_exact(file, 0, data, SIZE, &err), &err);
    assert_memory_equal(data + HALF - 1, "\0abc\0", 5);
    assert_memory_equal(data + SIZE - 6, "\0hello", 6);
    fi_os_window_close(&window);
    assert_null(fi_os_window_at(&window, HALF, 3));
    fi_os_window_close(&window);
    TEST_OK(fi_os_file_read_exact(file, SIZE - 5, data, 5, &err), &err);
    assert_memory_equal(data, "hello", 5);
    fi_os_file_close(file);
    fi_free(data);
}

static void
a_window_lies_inside_its_file(void **state)
{
    const struct suite *suite = *state;
    enum { STEP = FI_OS_WINDOW_ALIGNMENT };
    firn_error err;
    struct fi_os_window window;
    struct fi_os_file *file = suite_open(suite->dir, "f");
    TEST_OK(fi_os_file_write(file, STEP + 99, "x", 1, &err), &err);
    assert_int_equal(fi_os_window_open(file, 0, STEP + 101, &window, &err), FIRN_INVALID);
    assert_int_equal(fi_os_window_open(file, 100, 1, &window, &err), FIRN_INVALID);
    assert_int_equal(fi_os_window_open(file, STEP, 0, &window, &err), FIRN_INVALID);
    assert_int_equal(fi_os_window_open(file, UINT64_MAX / STEP * STEP, STEP, &window, &err),
                     FIRN_INVALID);
    assert_null(window.data);
    fi_os_file_close(file);
}

/* Few, and so many that it may be done in another way. */
static void
several_files_are_synced_at_once(void **state)
{
    const struct suite *suite = *state;
    enum { FILES = 20 };
    firn_error err;
    struct fi_os_file *files[FILES];
    for (unsigned i = 0; i < FILES; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "f%u", i);
        files[i] = suite_open(suite->dir, name);
        TEST_OK(fi_os_file_write(files[i], 0, "abc", 3, &err), &err);
    }
    TEST_OK(fi_os_file_sync_several(files, 0, &err), &err);
    TEST_OK(fi_os_file_sync_several(files, 2, &err), &err);
    TEST_OK(fi_os_file_sync_several(files, FILES, &err), &err);
    for (unsigned i = 0; i < FILES; i++) {
        fi_os_file_close(files[i]);
    }
    suite_expect(suite->dir, "f19", "abc");
}

static void
syncs_of_files_succeed(void **state)
{
    const struct suite *suite = *state;
    firn_error err;
    struct fi_os_file *file = suite_open(suite->dir, "f");
    TEST_OK(fi_os_file_write(file, 0, "hello", 5, &err), &err);
    fi_os_file_start_writeback(file, 0, 5);
    fi_os_file_start_writeback(file, 0, 0);
    TEST_OK(fi_os_file_sync(file, &err), &err);
    TEST_OK(fi_os_file_sync_all(file, &err), &err);
    fi_os_file_close(file);
    suite_expect(suite->dir, "f", "hello");
}

static void
locks_exclude_other_handles(void **state)
{
    const struct suite *suite = *state;
    firn_error err;
    struct fi_os_file *a = suite_open(suite->dir, "f");
    struct fi_os_file *b = suite_open(suite->dir, "f");
    struct fi_os_file *c = suite_open(suite->dir, "f");
    TEST_OK(fi_os_file_lock(a, FI_OS_LOCK_SHARED, &err), &err);
    TEST_OK(fi_os_file_lock(b, FI_OS_LOCK_SHARED, &err), &err);
    assert_int_equal(fi_os_file_lock(c, FI_OS_LOCK_EXCLUSIVE, &err), FIRN_BUSY);
    assert_non_null(strstr(err.text, "f': it is locked already"));
    assert_int_equal(fi_os_file_lock(a, FI_OS_LOCK_EXCLUSIVE, &err), FIRN_BUSY);
    fi_os_file_unlock(b);
    assert_int_equal(fi_os_file_lock(c, FI_OS_LOCK_EXCLUSIVE, &err), FIRN_BUSY);
    TEST_OK(fi_os_file_lock(a, FI_OS_LOCK_EXCLUSIVE, &err), &err); /* alone: it may rise */
    assert_int_equal(fi_os_file_lock(b, FI_OS_LOCK_SHARED, &err), FIRN_BUSY);
    TEST_OK(fi_os_file_lock(a, FI_OS_LOCK_SHARED, &err), &err);
    TEST_OK(fi_os_file_lock(b, FI_OS_LOCK_SHARED, &err), &err);
    fi_os_file_close(b);
    TEST_OK(fi_os_file_lock(a, FI_OS_LOCK_EXCLUSIVE, &err), &err);
    /* Closing another handle of the same file releases nothing. */
    fi_os_file_close(c);
    c = suite_open(suite->dir, "f");
    assert_int_equal(fi_os_file_lock(c, FI_OS_LOCK_SHARED, &err), FIRN_BUSY);
    fi_os_file_close(a);
    TEST_OK(fi_os_file_lock(c, FI_OS_LOCK_EXCLUSIVE, &err), &err);
    fi_os_file_close(c);
}

static void
expect_range_lock(struct fi_os_file *file, uint64_t offset, uint64_t size, bool expected)
{
    firn_error err;
    bool is_locked = !expected;
    TEST_OK(fi_os_file_is_range_held(file, offset, size, &is_locked, &err), &err);
    assert_int_equal(is_locked, expected);
}

static void
locks_of_ranges_exclude_other_handles_where_they_overlap(void **state)
{
    const struct suite *suite = *state;
    const uint64_t far = UINT64_C(1) << 62;
    firn_error err;
    struct fi_os_file *a = suite_open(suite->dir, "f");
    struct fi_os_file *b = suite_open(suite->dir, "f");
    struct fi_os_file *other = suite_open(suite->dir, "other");
    TEST_OK(fi_os_file_lock_range(a, FI_OS_LOCK_EXCLUSIVE, far, 10, &err), &err);
    assert_int_equal(fi_os_file_lock_range(b, FI_OS_LOCK_SHARED, far + 9, 1, &err), FIRN_BUSY);
    assert_non_null(strstr(err.text, "f': it is locked already"));
    assert_int_equal(fi_os_file_lock_range(b, FI_OS_LOCK_EXCLUSIVE, far - 1, 2, &err), FIRN_BUSY);
    assert_int_equal(fi_os_file_lock_range(b, FI_OS_LOCK_SHARED, 0, far + 1, &err), FIRN_BUSY);
    TEST_OK(fi_os_file_lock_range(b, FI_OS_LOCK_EXCLUSIVE, far + 10, 5, &err), &err);
    TEST_OK(fi_os_file_lock_range(b, FI_OS_LOCK_EXCLUSIVE, far - 5, 5, &err), &err);
    TEST_OK(fi_os_file_lock_range(other, FI_OS_LOCK_EXCLUSIVE, far, 10, &err), &err);
    expect_range_lock(a, far, 10, false); /* its own does not count */
    expect_range_lock(b, far, 10, true);
    expect_range_lock(b, far + 9, 1, true);
    expect_range_lock(b, far + 10, 1000, false);
    expect_range_lock(a, far + 10, 1, true);
    expect_range_lock(a, far + 15, 1000, false);
    expect_range_lock(a, 0, far - 5, false);
    expect_range_lock(a, 0, far - 4, true);
    expect_range_lock(a, 0, INT64_MAX, true);
    struct fi_os_file *whole = suite_open(suite->dir, "whole");
    struct fi_os_file *asker = suite_open(suite->dir, "whole");
    TEST_OK(fi_os_file_lock(whole, FI_OS_LOCK_EXCLUSIVE, &err), &err);
    expect_range_lock(asker, 0, 1, true); /* a lock of the whole file is one of each byte */
    expect_range_lock(whole, 0, 1, false);
    fi_os_file_close(whole);
    expect_range_lock(asker, 0, 1, false);
    fi_os_file_close(asker);
    fi_os_file_unlock_range(a, far, 10);
    expect_range_lock(b, 0, INT64_MAX, false);
    TEST_OK(fi_os_file_lock_range(b, FI_OS_LOCK_SHARED, far, 10, &err), &err);
    fi_os_file_close(b); /* and all of its locks with it */
    expect_range_lock(a, 0, INT64_MAX, false);
    TEST_OK(fi_os_file_lock_range(a, FI_OS_LOCK_EXCLUSIVE, 0, INT64_MAX, &err), &err);
    fi_os_file_close(a);
    fi_os_file_close(other);
}

static void
locks_of_ranges_are_shared_by_those_who_only_read(void **state)
{
    const struct suite *suite = *state;
    firn_error err;
    struct fi_os_file *writer = suite_open(suite->dir, "f");
    struct fi_os_file *one;
    struct fi_os_file *two;
    TEST_OK(fi_os_file_open(suite->dir, "f", FI_OS_READ, 0, &one, &err), &err);
    TEST_OK(fi_os_file_open(suite->dir, "f", FI_OS_READ, 0, &two, &err), &err);
    TEST_OK(fi_os_file_lock_range(one, FI_OS_LOCK_SHARED, 7, 1, &err), &err);
    TEST_OK(fi_os_file_lock_range(two, FI_OS_LOCK_SHARED, 7, 1, &err), &err);
    TEST_OK(fi_os_file_lock_range(two, FI_OS_LOCK_SHARED, 9, 1, &err), &err);
    assert_int_equal(fi_os_file_lock_range(writer, FI_OS_LOCK_EXCLUSIVE, 7, 1, &err), FIRN_BUSY);
    assert_int_not_equal(fi_os_file_lock_range(one, FI_OS_LOCK_EXCLUSIVE, 20, 1, &err),
                         FIRN_OK); /* for that it must be open for writing */
    expect_range_lock(writer, 0, 7, false);
    expect_range_lock(writer, 0, 8, true);
    expect_range_lock(one, 7, 1, true);
    fi_os_file_unlock_range(one, 7, 1);
    expect_range_lock(two, 0, 100, false);
    expect_range_lock(writer, 7, 1, true);
    fi_os_file_unlock_range(two, 7, 1);
    expect_range_lock(writer, 7, 1, false);
    expect_range_lock(writer, 9, 1, true);
    TEST_OK(fi_os_file_lock_range(writer, FI_OS_LOCK_EXCLUSIVE, 7, 1, &err), &err);
    assert_int_equal(fi_os_file_lock_range(one, FI_OS_LOCK_SHARED, 7, 1, &err), FIRN_BUSY);
    TEST_OK(fi_os_file_lock_range(writer, FI_OS_LOCK_SHARED, 7, 1, &err), &err);
    TEST_OK(fi_os_file_lock_range(one, FI_OS_LOCK_SHARED, 7, 1, &err), &err);
    fi_os_file_close(two);
    fi_os_file_close(one);
    expect_range_lock(writer, 0, INT64_MAX, false);
    fi_os_file_close(writer);
}

static void
locks_of_ranges_that_no_file_has_are_refused(void **state)
{
    const struct suite *suite = *state;
    static const struct {
        uint64_t offset;
        uint64_t size;
    } bad[] = {{0, 0}, {1, INT64_MAX}, {INT64_MAX, 1}, {UINT64_MAX, 1}, {1, UINT64_MAX}};
    firn_error err;
    struct fi_os_file *file = suite_open(suite->dir, "f");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bool is_locked;
        assert_int_equal(
            fi_os_file_lock_range(file, FI_OS_LOCK_SHARED, bad[i].offset, bad[i].size, &err),
            FIRN_INVALID);
        assert_int_equal(
            fi_os_file_is_range_held(file, bad[i].offset, bad[i].size, &is_locked, &err),
            FIRN_INVALID);
        fi_os_file_unlock_range(file, bad[i].offset, bad[i].size);
    }
    fi_os_file_close(file);
}

static void
clocks_run_and_randomness_differs(void **state)
{
    const struct suite *suite = *state;
    struct fi_os *os = suite->os;
    firn_error err;
    int64_t before = fi_os_monotonic_ns(os);
    fi_os_sleep_ns(os, 2000000);
    fi_os_sleep_ns(os, 0);
    fi_os_sleep_ns(os, -5);
    assert_true(fi_os_monotonic_ns(os) - before >= 2000000);
    assert_true(fi_os_now_ns(os) > INT64_C(1700000000) * 1000000000);
    uint8_t a[64] = {0};
    uint8_t b[64] = {0};
    TEST_OK(fi_os_random(os, a, sizeof a, &err), &err);
    TEST_OK(fi_os_random(os, b, sizeof b, &err), &err);
    assert_memory_not_equal(a, b, sizeof a);
    TEST_OK(fi_os_random(os, NULL, 0, &err), &err);
    assert_true(fi_os_cpu_count(os) >= 1);
    assert_true(fi_os_process_id(os) > 0);
    assert_true(fi_os_boot_id(os) == fi_os_boot_id(os));
    (void)fi_os_user_id(os);
}

int
suite_files_run(const char *implementation, CMFixtureFunction setup, CMFixtureFunction teardown)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(reads_see_what_was_written_and_zeros_between),
        SUITE_TEST(random_writes_agree_with_an_array),
        SUITE_TEST(offsets_that_no_file_has_are_refused),
        SUITE_TEST(open_flags_say_what_may_happen),
        SUITE_TEST(only_regular_files_open_and_nothing_blocks),
        SUITE_TEST(open_can_tell_what_stat_would),
        SUITE_TEST(a_size_can_shrink_and_grow_back_as_zeros),
        SUITE_TEST(reserved_space_changes_nothing_that_is_read),
        SUITE_TEST(holes_are_found),
        SUITE_TEST(a_window_is_the_file),
        SUITE_TEST(a_window_lies_inside_its_file),
        SUITE_TEST(several_files_are_synced_at_once),
        SUITE_TEST(syncs_of_files_succeed),
        SUITE_TEST(locks_exclude_other_handles),
        SUITE_TEST(locks_of_ranges_exclude_other_handles_where_they_overlap),
        SUITE_TEST(locks_of_ranges_are_shared_by_those_who_only_read),
        SUITE_TEST(locks_of_ranges_that_no_file_has_are_refused),
        SUITE_TEST(clocks_run_and_randomness_differs),
    };
    return cmocka_run_group_tests_name(implementation, tests, NULL, NULL);
}
