/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/hosted/suite_names.c: directories and names.
 */
#include "suite.h"

#include <stdio.h>

#include "base/mem.h"

static void
names_that_could_leave_the_directory_are_refused(void **state)
{
    const struct suite *suite = *state;
    static const char *const hostile[] = {"", ".", "..", "/", "a/b", "../x", "a/", "/etc"};
    struct fi_os_dir *dir = suite->dir;
    firn_error err;
    test_os_put(dir, "plain", "x", 1);
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        const char *bad = hostile[i];
        struct fi_os_node node = {.dir = dir, .name = bad};
        struct fi_os_dir *opened;
        struct fi_os_file *file;
        struct fi_os_stat stat;
        struct fi_buf buf = {0};
        assert_int_equal(fi_os_dir_open(dir, bad, &opened, &err), FIRN_INVALID);
        assert_null(opened);
        assert_int_equal(fi_os_make_dir(dir, bad, 0755, &err), FIRN_INVALID);
        assert_int_equal(fi_os_remove_file(dir, bad, &err), FIRN_INVALID);
        assert_int_equal(fi_os_remove_dir(dir, bad, &err), FIRN_INVALID);
        for (int mode = FI_OS_RENAME_REPLACE; mode <= FI_OS_RENAME_EXCHANGE; mode++) {
            assert_int_equal(fi_os_rename(dir, bad, dir, "b", (enum fi_os_rename_mode)mode, &err),
                             FIRN_INVALID);
            assert_int_equal(
                fi_os_rename(dir, "plain", dir, bad, (enum fi_os_rename_mode)mode, &err),
                FIRN_INVALID);
        }
        assert_int_equal(fi_os_link(dir, "plain", dir, bad, &err), FIRN_INVALID);
        assert_int_equal(fi_os_link(dir, bad, dir, "b", &err), FIRN_INVALID);
        assert_int_equal(fi_os_make_symlink(dir, bad, "t", &err), FIRN_INVALID);
        assert_int_equal(fi_os_read_symlink(dir, bad, &buf, &err), FIRN_INVALID);
        assert_int_equal(fi_os_make_fifo(dir, bad, 0600, &err), FIRN_INVALID);
        assert_int_equal(fi_os_stat(dir, bad, &stat, &err), FIRN_INVALID);
        assert_int_equal(fi_os_file_open(dir, bad, FI_OS_READ, 0, &file, &err), FIRN_INVALID);
        assert_null(file);
        assert_int_equal(fi_os_set_mode(node, 0777, &err), FIRN_INVALID);
        assert_int_equal(fi_os_set_owner(node, 1, 1, &err), FIRN_INVALID);
        assert_int_equal(fi_os_set_mtime(node, 1, &err), FIRN_INVALID);
        assert_int_equal(fi_os_xattr_list(node, &buf, &err), FIRN_INVALID);
        assert_int_equal(fi_os_xattr_get(node, "user.a", &buf, &err), FIRN_INVALID);
        assert_int_equal(fi_os_xattr_set(node, "user.a", firn_str("v"), &err), FIRN_INVALID);
        assert_int_equal(fi_os_xattr_remove(node, "user.a", &err), FIRN_INVALID);
        assert_non_null(strstr(err.text, "is not the name of an entry in a directory"));
    }
    static const char *const hostile_paths[] = {".",    "..",    "/",     "a/..", "../a",  "a//b",
                                                "/etc", "a/b/.", "./a/b", "a/",   "a/../b"};
    for (size_t i = 0; i < sizeof hostile_paths / sizeof hostile_paths[0]; i++) {
        struct fi_os_dir *opened;
        assert_int_equal(fi_os_dir_open_beneath(dir, hostile_paths[i], &opened, &err),
                         FIRN_INVALID);
        assert_null(opened);
    }
    assert_int_equal(test_os_count(dir), 1);
}

static void
names_are_bytes(void **state)
{
    const struct suite *suite = *state;
    char longest[256];
    memset(longest, 'n', 255);
    longest[255] = '\0';
    const char *names[] = {"\xff", "\xfe",    "\xc3(",     "a b\n\t\"\\*",
                           "-rf",  ".hidden", "e\xcc\x81", "\xc3\xa9",
                           "...",  "..a",     longest,     "\xf0\x9f\x98\x80"};
    size_t count = sizeof names / sizeof names[0];
    for (size_t i = 0; i < count; i++) {
        test_os_put(suite->dir, names[i], names[i], strlen(names[i]));
    }
    assert_int_equal(test_os_count(suite->dir), count);
    for (size_t i = 0; i < count; i++) {
        suite_expect(suite->dir, names[i], names[i]);
    }
    char longer[257];
    memset(longer, 'n', 256);
    longer[256] = '\0';
    firn_error err;
    struct fi_os_stat stat;
    assert_int_equal(fi_os_stat(suite->dir, longer, &stat, &err), FIRN_LIMIT);
    assert_int_equal(fi_os_make_dir(suite->dir, longer, 0755, &err), FIRN_LIMIT);
    assert_int_equal(
        fi_os_rename(suite->dir, longest, suite->dir, longer, FI_OS_RENAME_REPLACE, &err),
        FIRN_LIMIT);
}

static void
what_is_missing_or_in_the_way_is_named(void **state)
{
    const struct suite *suite = *state;
    struct fi_os_dir *dir = suite->dir;
    firn_error err;
    struct fi_os_dir *opened;
    struct fi_os_stat stat;
    assert_int_equal(fi_os_dir_open(dir, "gone", &opened, &err), FIRN_NOT_FOUND);
    char path[2048];
    (void)snprintf(path, sizeof path, "'%s/gone'", fi_os_dir_path(dir));
    if (fi_os_dir_path(dir)[1] == '\0') {
        (void)snprintf(path, sizeof path, "'/gone'");
    }
    assert_non_null(strstr(err.text, path));
    assert_int_not_equal(err.os_errno, 0);
    assert_int_equal(fi_os_stat(dir, "gone", &stat, &err), FIRN_NOT_FOUND);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(fi_os_remove_file(dir, "gone", &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_remove_dir(dir, "gone", &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_remove_dir(dir, "gone", NULL), FIRN_NOT_FOUND);
    fi_os_dir_close(suite_make_dir(dir, "d"));
    test_os_put(dir, "f", "x", 1);
    assert_int_equal(fi_os_make_dir(dir, "d", 0755, &err), FIRN_EXISTS);
    assert_int_equal(fi_os_make_dir(dir, "f", 0755, &err), FIRN_EXISTS);
    assert_int_equal(fi_os_make_symlink(dir, "f", "t", &err), FIRN_EXISTS);
    assert_int_equal(fi_os_make_fifo(dir, "f", 0600, &err), FIRN_EXISTS);
    assert_int_equal(fi_os_dir_open(dir, "f", &opened, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_remove_dir(dir, "f", &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_remove_file(dir, "d", &err), FIRN_INVALID);
    assert_int_equal(fi_os_dir_open_path(suite->os, "", &opened, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_dir_open_path(suite->os, "/no/such/place", &opened, &err),
                     FIRN_NOT_FOUND);
    assert_string_equal(strstr(err.text, "could"),
                        "could not open directory '/no/such/place': No such file or directory");
}

static int
count_nothing(void *ctx, const struct fi_os_dirent *entry)
{
    (void)ctx;
    (void)entry;
    return FIRN_OK;
}

static void
a_directory_is_removed_only_when_empty(void **state)
{
    const struct suite *suite = *state;
    firn_error err;
    struct fi_os_dir *inner = suite_make_dir(suite->dir, "d");
    test_os_put(inner, "f", "x", 1);
    assert_int_equal(fi_os_remove_dir(suite->dir, "d", &err), FIRN_EXISTS);
    TEST_OK(fi_os_remove_file(inner, "f", &err), &err);
    TEST_OK(fi_os_remove_dir(suite->dir, "d", &err), &err);
    assert_false(test_os_has(suite->dir, "d"));
    /* The handle of a directory that is gone makes nothing, and finds nothing. */
    struct fi_os_file *file;
    struct fi_buf path = {0};
    unsigned create = FI_OS_WRITE | FI_OS_CREATE;
    assert_int_equal(fi_os_file_open(inner, "f", create, 0644, &file, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_make_dir(inner, "f", 0755, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_dir_real_path(inner, &path, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_dir_list(inner, count_nothing, NULL, &err), FIRN_NOT_FOUND);
    fi_buf_deinit(&path);
    fi_os_dir_close(inner);
}

static void
rename_replaces_or_refuses_as_asked(void **state)
{
    const struct suite *suite = *state;
    struct fi_os_dir *dir = suite->dir;
    firn_error err;
    test_os_put(dir, "a", "A", 1);
    test_os_put(dir, "b", "B", 1);
    assert_int_equal(fi_os_rename(dir, "a", dir, "b", FI_OS_RENAME_NO_REPLACE, &err), FIRN_EXISTS);
    suite_expect(dir, "a", "A");
    suite_expect(dir, "b", "B");
    TEST_OK(fi_os_rename(dir, "a", dir, "b", FI_OS_RENAME_REPLACE, &err), &err);
    assert_false(test_os_has(dir, "a"));
    suite_expect(dir, "b", "A");
    TEST_OK(fi_os_rename(dir, "b", dir, "c", FI_OS_RENAME_NO_REPLACE, &err), &err);
    suite_expect(dir, "c", "A");
    assert_int_equal(fi_os_rename(dir, "b", dir, "d", FI_OS_RENAME_REPLACE, &err), FIRN_NOT_FOUND);
    assert_non_null(strstr(err.text, "could not rename '"));
    assert_int_equal(fi_os_rename(dir, "b", dir, "d", FI_OS_RENAME_NO_REPLACE, &err),
                     FIRN_NOT_FOUND);
    assert_int_equal(test_os_count(dir), 1);
    assert_int_equal(suite_stat(dir, "c").nlink, 1);
    /* Where the system cannot do that for a directory, it says so and does nothing. */
    fi_os_dir_close(suite_make_dir(dir, "d"));
    assert_int_equal(fi_os_rename(dir, "c", dir, "d", FI_OS_RENAME_NO_REPLACE, &err), FIRN_EXISTS);
    int rc = fi_os_rename(dir, "d", dir, "e", FI_OS_RENAME_NO_REPLACE, &err);
    assert_true(rc == FIRN_OK || rc == FIRN_UNSUPPORTED);
    assert_true(test_os_has(dir, rc == FIRN_OK ? "e" : "d"));
    assert_int_equal(test_os_count(dir), 2);
}

static void
exchange_swaps_any_two_kinds(void **state)
{
    const struct suite *suite = *state;
    struct fi_os_dir *dir = suite->dir;
    firn_error err;
    test_os_put(dir, "a", "A", 1);
    struct fi_os_dir *inner = suite_make_dir(dir, "d");
    test_os_put(inner, "f", "F", 1);
    int rc = fi_os_rename(dir, "a", dir, "x", FI_OS_RENAME_EXCHANGE, &err);
    if (rc == FIRN_UNSUPPORTED) {
        assert_non_null(strstr(err.text, "could not exchange '"));
        fi_os_dir_close(inner);
        return;
    }
    assert_int_equal(rc, FIRN_NOT_FOUND);
    TEST_OK(fi_os_rename(dir, "a", dir, "d", FI_OS_RENAME_EXCHANGE, &err), &err);
    suite_expect(dir, "d", "A");
    assert_int_equal(suite_stat(dir, "a").kind, FI_OS_DIR);
    suite_expect(inner, "f", "F");
    TEST_OK(fi_os_rename(dir, "d", inner, "f", FI_OS_RENAME_EXCHANGE, &err), &err);
    suite_expect(dir, "d", "F");
    suite_expect(inner, "f", "A");
    assert_int_equal(test_os_count(dir), 2);
    fi_os_dir_close(inner);
}

static void
rename_of_directories_keeps_the_tree_a_tree(void **state)
{
    const struct suite *suite = *state;
    struct fi_os_dir *dir = suite->dir;
    firn_error err;
    struct fi_os_dir *a = suite_make_dir(dir, "a");
    struct fi_os_dir *b = suite_make_dir(a, "b");
    test_os_put(b, "f", "F", 1);
    test_os_put(dir, "file", "x", 1);
    assert_int_equal(fi_os_rename(dir, "a", b, "a", FI_OS_RENAME_REPLACE, &err), FIRN_INVALID);
    assert_int_equal(fi_os_rename(dir, "a", a, "a", FI_OS_RENAME_REPLACE, &err), FIRN_INVALID);
    assert_int_equal(fi_os_rename(dir, "file", dir, "a", FI_OS_RENAME_REPLACE, &err), FIRN_INVALID);
    assert_int_equal(fi_os_rename(dir, "a", dir, "file", FI_OS_RENAME_REPLACE, &err),
                     FIRN_NOT_FOUND); /* not a directory */
    fi_os_dir_close(suite_make_dir(dir, "c"));
    TEST_OK(fi_os_rename(a, "b", dir, "c", FI_OS_RENAME_REPLACE, &err), &err);
    assert_int_equal(test_os_count(a), 0);
    suite_expect(b, "f", "F");
    assert_int_equal(fi_os_rename(dir, "a", dir, "c", FI_OS_RENAME_REPLACE, &err), FIRN_EXISTS);
    assert_int_equal(suite_stat(dir, "c").nlink == 1 || suite_stat(dir, "c").nlink == 2, 1);
    struct fi_buf path = {0};
    TEST_OK(fi_os_dir_real_path(b, &path, &err), &err);
    assert_string_equal(strrchr(fi_buf_text(&path), '/'), "/c");
    fi_buf_deinit(&path);
    fi_os_dir_close(b);
    fi_os_dir_close(a);
}

static void
hard_links_are_one_file(void **state)
{
    const struct suite *suite = *state;
    struct fi_os_dir *dir = suite->dir;
    firn_error err;
    test_os_put(dir, "a", "A", 1);
    TEST_OK(fi_os_link(dir, "a", dir, "b", &err), &err);
    struct fi_os_stat a = suite_stat(dir, "a");
    struct fi_os_stat b = suite_stat(dir, "b");
    assert_int_equal(a.nlink, 2);
    assert_int_equal(a.inode, b.inode);
    assert_int_equal(a.device, b.device);
    assert_int_equal(fi_os_link(dir, "a", dir, "b", &err), FIRN_EXISTS);
    assert_int_equal(fi_os_link(dir, "x", dir, "y", &err), FIRN_NOT_FOUND);
    test_os_put(dir, "b", "changed", 7);
    suite_expect(dir, "a", "changed");
    /* To rename one name of a file over another does nothing. */
    TEST_OK(fi_os_rename(dir, "a", dir, "b", FI_OS_RENAME_REPLACE, &err), &err);
    assert_true(test_os_has(dir, "a"));
    TEST_OK(fi_os_remove_file(dir, "a", &err), &err);
    assert_int_equal(suite_stat(dir, "b").nlink, 1);
    suite_expect(dir, "b", "changed");
    fi_os_dir_close(suite_make_dir(dir, "d"));
    assert_int_equal(fi_os_link(dir, "d", dir, "e", &err), FIRN_DENIED);
    if (!suite->plain) {
        TEST_OK(fi_os_make_symlink(dir, "l", "b", &err), &err);
        TEST_OK(fi_os_link(dir, "l", dir, "m", &err), &err);
        assert_int_equal(suite_stat(dir, "m").kind, FI_OS_SYMLINK);
    }
}

static void
a_removed_file_stays_readable_through_its_handle(void **state)
{
    const struct suite *suite = *state;
    firn_error err;
    struct fi_os_file *file = suite_open(suite->dir, "f");
    TEST_OK(fi_os_file_write(file, 0, "kept", 4, &err), &err);
    TEST_OK(fi_os_remove_file(suite->dir, "f", &err), &err);
    char data[5] = {0};
    TEST_OK(fi_os_file_read_exact(file, 0, data, 4, &err), &err);
    assert_string_equal(data, "kept");
    struct fi_os_stat stat;
    TEST_OK(fi_os_file_stat(file, &stat, &err), &err);
    assert_int_equal(stat.nlink, 0);
    fi_os_file_close(file);
}

static void
symbolic_links_are_kept_and_never_followed(void **state)
{
    const struct suite *suite = *state;
    struct fi_os_dir *dir = suite->dir;
    firn_error err;
    if (suite->plain) {
        assert_int_equal(fi_os_make_symlink(dir, "l", "f", &err), FIRN_UNSUPPORTED);
        return;
    }
    static char longest[4096];
    memset(longest, 'l', 4095);
    const char *targets[] = {"f", "/etc", "..", "dangling", "\xff/\xfe", longest};
    fi_os_dir_close(suite_make_dir(dir, "d"));
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "l%zu", i);
        TEST_OK(fi_os_make_symlink(dir, name, targets[i], &err), &err);
        struct fi_buf target = {0};
        TEST_OK(fi_buf_append_str(&target, "before:"), &err);
        TEST_OK(fi_os_read_symlink(dir, name, &target, &err), &err);
        assert_int_equal(target.size, 7 + strlen(targets[i]));
        assert_memory_equal(target.data + 7, targets[i], target.size - 7);
        fi_buf_deinit(&target);
        assert_int_equal(suite_stat(dir, name).kind, FI_OS_SYMLINK);
        assert_int_equal(suite_stat(dir, name).size_bytes, strlen(targets[i]));
    }
    TEST_OK(fi_os_make_symlink(dir, "to-dir", "d", &err), &err);
    struct fi_os_dir *opened;
    assert_int_equal(fi_os_dir_open(dir, "to-dir", &opened, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_dir_open_beneath(dir, "to-dir", &opened, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_remove_dir(dir, "to-dir", &err), FIRN_NOT_FOUND);
    struct fi_buf target = {0};
    test_os_put(dir, "f", "x", 1);
    assert_int_equal(fi_os_read_symlink(dir, "f", &target, &err), FIRN_INVALID);
    assert_int_equal(fi_os_read_symlink(dir, "gone", &target, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_make_symlink(dir, "empty", "", &err), FIRN_NOT_FOUND);
    assert_int_equal(target.size, 0);
    fi_buf_deinit(&target);
}

static void
a_path_of_the_users_follows_links(void **state)
{
    const struct suite *suite = *state;
    firn_error err;
    if (suite->plain) {
        return; /* there are none */
    }
    struct fi_os_dir *inner = suite_make_dir(suite->dir, "d");
    struct fi_os_dir *deeper = suite_make_dir(inner, "e");
    TEST_OK(fi_os_make_symlink(suite->dir, "l", "d/../d", &err), &err);
    TEST_OK(fi_os_make_symlink(suite->dir, "loop", "loop", &err), &err);
    struct fi_buf path = {0};
    struct fi_buf expected = {0};
    TEST_OK(fi_os_dir_real_path(suite->dir, &path, &err), &err);
    TEST_OK(fi_buf_append_str(&path, "/./l//e/"), &err);
    struct fi_os_dir *opened;
    TEST_OK(fi_os_dir_open_path(suite->os, fi_buf_text(&path), &opened, &err), &err);
    assert_string_equal(fi_os_dir_path(opened), fi_buf_text(&path));
    fi_buf_clear(&path);
    TEST_OK(fi_os_dir_real_path(opened, &path, &err), &err);
    TEST_OK(fi_os_dir_real_path(deeper, &expected, &err), &err);
    assert_string_equal(fi_buf_text(&path), fi_buf_text(&expected));
    fi_os_dir_close(opened);
    fi_buf_clear(&path);
    TEST_OK(fi_os_dir_real_path(suite->dir, &path, &err), &err);
    TEST_OK(fi_buf_append_str(&path, "/loop"), &err);
    assert_int_equal(fi_os_dir_open_path(suite->os, fi_buf_text(&path), &opened, &err),
                     FIRN_INVALID);
    fi_buf_deinit(&path);
    fi_buf_deinit(&expected);
    fi_os_dir_close(deeper);
    fi_os_dir_close(inner);
}

static void
beneath_goes_down_any_depth_and_never_through_a_link(void **state)
{
    const struct suite *suite = *state;
    firn_error err;
    char component[201];
    memset(component, 'c', 200);
    component[200] = '\0';
    struct fi_buf path = {0};
    struct fi_os_dir *at = suite_make_dir(suite->dir, "top");
    TEST_OK(fi_buf_append_str(&path, "top"), &err);
    for (unsigned depth = 0; depth < 50; depth++) { /* 10,000 bytes: more than one call takes */
        struct fi_os_dir *next = suite_make_dir(at, component);
        fi_os_dir_close(at);
        at = next;
        TEST_OK(fi_buf_append_format(&path, "/%s", component), &err);
    }
    test_os_put(at, "f", "deep", 4);
    struct fi_os_dir *opened;
    TEST_OK(fi_os_dir_open_beneath(suite->dir, fi_buf_text(&path), &opened, &err), &err);
    suite_expect(opened, "f", "deep");
    assert_non_null(strstr(fi_os_dir_path(opened), fi_buf_text(&path)));
    fi_os_dir_close(opened);
    if (!suite->plain) {
        TEST_OK(fi_os_make_symlink(at, "link", ".", &err), &err);
    }
    TEST_OK(fi_buf_append_str(&path, "/link"), &err);
    assert_int_equal(fi_os_dir_open_beneath(suite->dir, fi_buf_text(&path), &opened, &err),
                     FIRN_NOT_FOUND);
    TEST_OK(fi_buf_append_str(&path, "/further"), &err);
    assert_int_equal(fi_os_dir_open_beneath(suite->dir, fi_buf_text(&path), &opened, &err),
                     FIRN_NOT_FOUND);
    assert_non_null(strstr(err.text, "could not open directory '...ccc")); /* cut at the front */
    assert_non_null(strstr(err.text, "ccc/link/further'"));
    TEST_OK(fi_os_dir_open_beneath(suite->dir, "", &opened, &err), &err);
    assert_true(test_os_has(opened, "top"));
    assert_string_equal(fi_os_dir_path(opened), fi_os_dir_path(suite->dir));
    fi_os_dir_close(opened);
    char too_long[300];
    memset(too_long, 'x', 299);
    too_long[299] = '\0';
    int rc = fi_os_dir_open_beneath(suite->dir, too_long, &opened, &err);
    assert_true(rc == FIRN_LIMIT || rc == FIRN_NOT_FOUND);
    fi_os_dir_close(at);
    fi_buf_deinit(&path);
}

struct listing {
    struct fi_os_dir *dir;
    size_t count;
    size_t stop_after; /* 0: never */
    bool remove;
    bool seen[400];
};

static int
note_entry(void *ctx, const struct fi_os_dirent *entry)
{
    struct listing *listing = ctx;
    assert_int_equal(entry->name_size, strlen(entry->name));
    unsigned number = 0;
    assert_int_equal(sscanf(entry->name, "n%u", &number), 1);
    assert_in_range(number, 0, 399);
    assert_false(listing->seen[number]);
    listing->seen[number] = true;
    if (entry->kind != FI_OS_UNKNOWN) {
        assert_int_equal(entry->kind, number % 4 == 0 ? FI_OS_DIR : FI_OS_FILE);
    }
    assert_int_equal(entry->inode, suite_stat(listing->dir, entry->name).inode);
    if (listing->remove) {
        firn_error err;
        int rc = number % 4 == 0 ? fi_os_remove_dir(listing->dir, entry->name, &err)
                                 : fi_os_remove_file(listing->dir, entry->name, &err);
        TEST_OK(rc, &err);
    }
    listing->count++;
    return listing->count == listing->stop_after ? FIRN_CANCELLED : FIRN_OK;
}

static int
run_out_of_memory(void *ctx, const struct fi_os_dirent *entry)
{
    (void)ctx;
    (void)entry;
    return FIRN_NO_MEMORY;
}

static void
a_list_has_each_name_once(void **state)
{
    const struct suite *suite = *state;
    firn_error err;
    for (unsigned i = 0; i < 400; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "n%u", i);
        if (i % 4 == 0) {
            fi_os_dir_close(suite_make_dir(suite->dir, name));
        } else {
            test_os_put(suite->dir, name, "", 0);
        }
    }
    struct listing listing = {.dir = suite->dir, .stop_after = 7};
    assert_int_equal(fi_os_dir_list(suite->dir, note_entry, &listing, &err), FIRN_CANCELLED);
    assert_int_equal(listing.count, 7);
    err = (firn_error){.code = FIRN_OK};
    assert_int_equal(fi_os_dir_list(suite->dir, run_out_of_memory, NULL, &err), FIRN_NO_MEMORY);
    assert_int_equal(err.code, FIRN_NO_MEMORY); /* which visit did not fill in */
    listing = (struct listing){.dir = suite->dir};
    TEST_OK(fi_os_dir_list(suite->dir, note_entry, &listing, &err), &err);
    assert_int_equal(listing.count, 400);
    listing = (struct listing){.dir = suite->dir, .remove = true};
    TEST_OK(fi_os_dir_list(suite->dir, note_entry, &listing, &err), &err);
    assert_int_equal(listing.count, 400);
    assert_int_equal(test_os_count(suite->dir), 0);
}

static void
handles_outlive_the_directories_they_came_from(void **state)
{
    const struct suite *suite = *state;
    struct fi_os_dir *a = suite_make_dir(suite->dir, "a");
    struct fi_os_dir *b = suite_make_dir(a, "b");
    struct fi_os_file *file = suite_open(b, "f");
    fi_os_dir_close(a);
    fi_os_dir_close(b);
    const char *path = fi_os_file_path(file);
    assert_non_null(strstr(path, "/a/b/f"));
    assert_ptr_equal(path, fi_os_file_path(file));
    firn_error err;
    char byte;
    assert_int_equal(fi_os_file_read_exact(file, 0, &byte, 1, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "/a/b/f' ends at offset 0: expected 1 bytes at offset 0"));
    assert_ptr_equal(fi_os_file_os(file), suite->os);
    fi_os_file_close(file);
    fi_os_dir_close(NULL);
    fi_os_file_close(NULL);
}

static void
syncs_of_directories_succeed(void **state)
{
    const struct suite *suite = *state;
    firn_error err;
    uint64_t free_bytes;
    TEST_OK(fi_os_dir_sync(suite->dir, &err), &err);
    TEST_OK(fi_os_dir_sync_filesystem(suite->dir, &err), &err);
    TEST_OK(fi_os_dir_free_bytes(suite->dir, &free_bytes, &err), &err);
    assert_true(free_bytes > 0);
    assert_ptr_equal(fi_os_dir_os(suite->dir), suite->os);
}

int
suite_names_run(const char *implementation, CMFixtureFunction setup, CMFixtureFunction teardown)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(names_that_could_leave_the_directory_are_refused),
        SUITE_TEST(names_are_bytes),
        SUITE_TEST(what_is_missing_or_in_the_way_is_named),
        SUITE_TEST(a_directory_is_removed_only_when_empty),
        SUITE_TEST(rename_replaces_or_refuses_as_asked),
        SUITE_TEST(exchange_swaps_any_two_kinds),
        SUITE_TEST(rename_of_directories_keeps_the_tree_a_tree),
        SUITE_TEST(hard_links_are_one_file),
        SUITE_TEST(a_removed_file_stays_readable_through_its_handle),
        SUITE_TEST(symbolic_links_are_kept_and_never_followed),
        SUITE_TEST(a_path_of_the_users_follows_links),
        SUITE_TEST(beneath_goes_down_any_depth_and_never_through_a_link),
        SUITE_TEST(a_list_has_each_name_once),
        SUITE_TEST(handles_outlive_the_directories_they_came_from),
        SUITE_TEST(syncs_of_directories_succeed),
    };
    return cmocka_run_group_tests_name(implementation, tests, NULL, NULL);
}
