/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/hosted/suite_nodes.c: attributes of anything; and that failed allocations are survived by every
 * call.
 */
#include "suite.h"

#include "base/mem.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"

static struct fi_os_node
by_name(struct fi_os_dir *dir, const char *name)
{
    return (struct fi_os_node){.dir = dir, .name = name};
}

static void
modes_are_set_on_names_files_and_directories(void **state)
{
    const struct suite *suite = *state;
    struct fi_os_dir *dir = suite->dir;
    firn_error err;
    struct fi_os_file *file = suite_open(dir, "f");
    struct fi_os_dir *inner = suite_make_dir(dir, "d");
    assert_int_equal(suite_stat(dir, "f").mode, 0644);
    assert_int_equal(suite_stat(dir, "d").mode, 0755);
    TEST_OK(fi_os_set_mode(by_name(dir, "f"), 04755, &err), &err);
    assert_int_equal(suite_stat(dir, "f").mode, 04755);
    TEST_OK(fi_os_set_mode((struct fi_os_node){.file = file}, 0, &err), &err);
    assert_int_equal(suite_stat(dir, "f").mode, 0);
    TEST_OK(fi_os_set_mode((struct fi_os_node){.dir = inner}, 01700, &err), &err);
    assert_int_equal(suite_stat(dir, "d").mode, 01700);
    TEST_OK(fi_os_set_mode(by_name(dir, "d"), 0750, &err), &err);
    struct fi_os_stat stat;
    TEST_OK(fi_os_dir_stat(inner, &stat, &err), &err);
    assert_int_equal(stat.mode, 0750);
    assert_int_equal(stat.kind, FI_OS_DIR);
    TEST_OK(fi_os_make_symlink(dir, "l", "f", &err), &err);
    assert_int_equal(fi_os_set_mode(by_name(dir, "l"), 0777, &err), FIRN_UNSUPPORTED);
    assert_int_equal(suite_stat(dir, "f").mode, 0); /* what the link leads to is as it was */
    assert_int_equal(fi_os_set_mode(by_name(dir, "gone"), 0777, &err), FIRN_NOT_FOUND);
    fi_os_file_close(file);
    fi_os_dir_close(inner);
}

static void
times_are_exact_on_both_sides_of_1970(void **state)
{
    const struct suite *suite = *state;
    struct fi_os_dir *dir = suite->dir;
    firn_error err;
    struct fi_os_file *file = suite_open(dir, "f");
    struct fi_os_dir *inner = suite_make_dir(dir, "d");
    TEST_OK(fi_os_make_symlink(dir, "l", "f", &err), &err);
    static const int64_t times[] = {
        INT64_C(978307200123456789), 0, 1, -1, -1000000000, INT64_C(-1500000001),
        INT64_C(4102444800999999999)};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        int64_t ns = times[i];
        TEST_OK(fi_os_set_mtime((struct fi_os_node){.file = file}, ns, &err), &err);
        assert_int_equal(suite_stat(dir, "f").mtime_ns, ns);
        TEST_OK(fi_os_set_mtime((struct fi_os_node){.dir = inner}, ns + 7, &err), &err);
        assert_int_equal(suite_stat(dir, "d").mtime_ns, ns + 7);
        TEST_OK(fi_os_set_mtime(by_name(dir, "l"), ns + 11, &err), &err);
        assert_int_equal(suite_stat(dir, "l").mtime_ns, ns + 11);
        assert_int_equal(suite_stat(dir, "f").mtime_ns, ns);
    }
    struct fi_os_stat before = suite_stat(dir, "f");
    assert_true(before.ctime_ns > INT64_C(1700000000) * 1000000000);
    fi_os_sleep_ns(suite->os, 20000000); /* longer than a tick of the kernel's clock */
    TEST_OK(fi_os_file_write(file, 0, "x", 1, &err), &err);
    struct fi_os_stat after = suite_stat(dir, "f");
    assert_true(after.mtime_ns > INT64_C(1700000000) * 1000000000);
    assert_true(after.ctime_ns > before.ctime_ns);
    fi_os_file_close(file);
    fi_os_dir_close(inner);
}

static void
owners_are_set_by_who_may(void **state)
{
    const struct suite *suite = *state;
    struct fi_os_dir *dir = suite->dir;
    firn_error err;
    test_os_put(dir, "f", "x", 1);
    TEST_OK(fi_os_make_symlink(dir, "l", "f", &err), &err);
    struct fi_os_stat stat = suite_stat(dir, "f");
    TEST_OK(fi_os_set_owner(by_name(dir, "f"), UINT32_MAX, UINT32_MAX, &err), &err);
    assert_int_equal(suite_stat(dir, "f").uid, stat.uid);
    assert_int_equal(stat.uid, fi_os_user_id(suite->os));
    if (fi_os_user_id(suite->os) != 0) {
        assert_int_equal(fi_os_set_owner(by_name(dir, "f"), 12345, 23456, &err), FIRN_DENIED);
        return;
    }
    TEST_OK(fi_os_set_mode(by_name(dir, "f"), 06755, &err), &err);
    TEST_OK(fi_os_set_owner(by_name(dir, "f"), 12345, 23456, &err), &err);
    assert_int_equal(suite_stat(dir, "f").uid, 12345);
    assert_int_equal(suite_stat(dir, "f").gid, 23456);
    assert_int_equal(suite_stat(dir, "f").mode, 0755); /* nobody else's setuid program */
    TEST_OK(fi_os_set_owner(by_name(dir, "l"), 1, 2, &err), &err);
    assert_int_equal(suite_stat(dir, "l").uid, 1);
    assert_int_equal(suite_stat(dir, "f").uid, 12345);
    TEST_OK(fi_os_set_owner((struct fi_os_node){.dir = dir}, UINT32_MAX, 77, &err), &err);
    TEST_OK(fi_os_dir_stat(dir, &stat, &err), &err);
    assert_int_equal(stat.gid, 77);
    assert_int_equal(stat.uid, 0);
}

static void
check_attributes(struct fi_os_node node)
{
    firn_error err;
    struct fi_buf buf = {0};
    uint8_t large[3000];
    memset(large, 0x5a, sizeof large);
    TEST_OK(fi_os_xattr_list(node, &buf, &err), &err);
    assert_int_equal(buf.size, 0);
    TEST_OK(fi_os_xattr_set(node, "user.a", firn_bytes("1\0002", 3), &err), &err);
    TEST_OK(fi_os_xattr_set(node, "user.empty", firn_bytes(NULL, 0), &err), &err);
    TEST_OK(fi_os_xattr_set(node, "user.large", firn_bytes(large, sizeof large), &err), &err);
    TEST_OK(fi_os_xattr_set(node, "user.a", firn_bytes("x\0y", 3), &err), &err);
    TEST_OK(fi_os_xattr_list(node, &buf, &err), &err);
    assert_int_equal(buf.size, sizeof "user.a" + sizeof "user.empty" + sizeof "user.large");
    fi_buf_clear(&buf);
    TEST_OK(fi_buf_append_str(&buf, "keep"), &err);
    TEST_OK(fi_os_xattr_get(node, "user.a", &buf, &err), &err);
    assert_int_equal(buf.size, 7);
    assert_memory_equal(buf.data, "keepx\0y", 7);
    fi_buf_clear(&buf);
    TEST_OK(fi_os_xattr_get(node, "user.empty", &buf, &err), &err);
    assert_int_equal(buf.size, 0);
    TEST_OK(fi_os_xattr_get(node, "user.large", &buf, &err), &err);
    assert_int_equal(buf.size, sizeof large);
    assert_memory_equal(buf.data, large, sizeof large);
    assert_int_equal(fi_os_xattr_get(node, "user.none", &buf, &err), FIRN_NOT_FOUND);
    assert_non_null(strstr(err.text, "attribute 'user.none' of '"));
    assert_int_equal(fi_os_xattr_get(node, "user.none", &buf, NULL), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_xattr_remove(node, "user.none", &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_xattr_set(node, "", firn_str("v"), &err), FIRN_INVALID);
    assert_int_equal(fi_os_xattr_set(node, "nowhere.a", firn_str("v"), &err), FIRN_UNSUPPORTED);
    TEST_OK(fi_os_xattr_remove(node, "user.large", &err), &err);
    TEST_OK(fi_os_xattr_remove(node, "user.a", &err), &err);
    TEST_OK(fi_os_xattr_remove(node, "user.empty", &err), &err);
    fi_buf_clear(&buf);
    TEST_OK(fi_os_xattr_list(node, &buf, &err), &err);
    assert_int_equal(buf.size, 0);
    fi_buf_deinit(&buf);
}

static void
extended_attributes_are_bytes_on_names_files_and_directories(void **state)
{
    const struct suite *suite = *state;
    struct fi_os_dir *dir = suite->dir;
    firn_error err;
    struct fi_os_file *file = suite_open(dir, "f");
    struct fi_os_node by_file = {.file = file};
    int rc = fi_os_xattr_set(by_file, "user.probe", firn_str(""), &err);
    if (rc == FIRN_UNSUPPORTED) {
        fi_os_file_close(file);
        skip(); /* this file system has none */
    }
    TEST_OK(rc, &err);
    TEST_OK(fi_os_xattr_remove(by_file, "user.probe", &err), &err);
    check_attributes(by_file);
    check_attributes(by_name(dir, "f"));
    struct fi_os_dir *inner = suite_make_dir(dir, "d");
    check_attributes((struct fi_os_node){.dir = inner});
    check_attributes(by_name(dir, "d"));
    /* A link has attributes of its own, and users may not set them. */
    TEST_OK(fi_os_xattr_set(by_file, "user.a", firn_str("of the file"), &err), &err);
    TEST_OK(fi_os_make_symlink(dir, "l", "f", &err), &err);
    struct fi_buf buf = {0};
    TEST_OK(fi_os_xattr_list(by_name(dir, "l"), &buf, &err), &err);
    assert_int_equal(buf.size, 0);
    assert_int_equal(fi_os_xattr_set(by_name(dir, "l"), "user.b", firn_str("v"), &err),
                     FIRN_DENIED);
    int missing = fi_os_xattr_get(by_name(dir, "l"), "user.a", &buf, &err);
    assert_true(missing == FIRN_NOT_FOUND || missing == FIRN_DENIED);
    assert_int_equal(fi_os_xattr_list(by_name(dir, "gone"), &buf, &err), FIRN_NOT_FOUND);
    fi_buf_deinit(&buf);
    fi_os_dir_close(inner);
    fi_os_file_close(file);
}

#define STEP(expression)                                    \
    do {                                                    \
        rc = (expression);                                  \
        assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY); \
        if (rc != FIRN_OK) {                                \
            goto out;                                       \
        }                                                   \
    } while (0)

static int
visit_nothing(void *ctx, const struct fi_os_dirent *entry)
{
    (void)ctx;
    (void)entry;
    return FIRN_OK;
}

/* Calls of every kind that allocate somewhere; ends at the first that fails. */
static int
try_everything(struct fi_os_dir *dir)
{
    int rc;
    firn_error err;
    struct fi_os_dir *inner = NULL;
    struct fi_os_dir *again = NULL;
    struct fi_os_file *file = NULL;
    struct fi_buf buf = {0};
    struct fi_os_stat stat;
    STEP(fi_os_make_dir(dir, "d", 0755, &err));
    STEP(fi_os_dir_open(dir, "d", &inner, &err));
    STEP(fi_os_dir_open_beneath(dir, "d", &again, &err));
    STEP(fi_os_file_open_stat(inner, "f", FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE, 0644, &file,
                              &stat, &err));
    STEP(fi_os_file_write(file, 5000, "hello", 5, &err));
    STEP(fi_os_file_truncate(file, 5002, &err));
    STEP(fi_os_file_sync(file, &err));
    STEP(fi_os_file_write(file, 5001, "again", 5, &err));
    STEP(fi_os_make_symlink(inner, "l", "target", &err));
    STEP(fi_os_read_symlink(inner, "l", &buf, &err));
    STEP(fi_os_link(inner, "f", inner, "g", &err));
    STEP(fi_os_make_fifo(inner, "p", 0600, &err));
    STEP(fi_os_rename(inner, "g", dir, "g", FI_OS_RENAME_NO_REPLACE, &err));
    STEP(fi_os_xattr_set((struct fi_os_node){.file = file}, "user.a", firn_str("v"), &err));
    STEP(fi_os_xattr_list(by_name(inner, "f"), &buf, &err));
    STEP(fi_os_xattr_get(by_name(inner, "f"), "user.a", &buf, &err));
    STEP(fi_os_xattr_remove(by_name(inner, "f"), "user.a", &err));
    STEP(fi_os_dir_list(inner, visit_nothing, NULL, &err));
    STEP(fi_os_dir_real_path(inner, &buf, &err));
    assert_non_null(strstr(fi_os_file_path(file), "f"));
    assert_non_null(strstr(fi_os_dir_path(again), "d"));
out:
    fi_buf_deinit(&buf);
    fi_os_file_close(file);
    fi_os_dir_close(again);
    fi_os_dir_close(inner);
    return rc;
}

static void
failed_allocations_change_nothing_but_the_result(void **state)
{
    const struct suite *suite = *state;
    struct fi_os_file *probe = suite_open(suite->dir, "probe");
    int supported =
        fi_os_xattr_set((struct fi_os_node){.file = probe}, "user.a", firn_str("v"), NULL);
    fi_os_file_close(probe);
    if (supported == FIRN_UNSUPPORTED) {
        skip();
    }
    for (unsigned for_ever = 0; for_ever < 2; for_ever++) {
        struct test_fault fault = {.for_ever = for_ever != 0};
        while (test_fault_next(&fault)) {
            test_os_empty_dir(suite->dir);
            int64_t alive = test_alloc_alive();
            test_fault_allocation(&fault);
            int rc = try_everything(suite->dir);
            test_fault_end(&fault);
            test_os_empty_dir(suite->dir);
            if (suite->real) {
                assert_int_equal(test_alloc_alive(), alive);
            }
            if (!fault.was_hit) {
                assert_int_equal(rc, FIRN_OK);
                break;
            }
        }
    }
}

int
suite_nodes_run(const char *implementation, CMFixtureFunction setup, CMFixtureFunction teardown)
{
    const struct CMUnitTest tests[] = {
        SUITE_TEST(modes_are_set_on_names_files_and_directories),
        SUITE_TEST(times_are_exact_on_both_sides_of_1970),
        SUITE_TEST(owners_are_set_by_who_may),
        SUITE_TEST(extended_attributes_are_bytes_on_names_files_and_directories),
        SUITE_TEST(failed_allocations_change_nothing_but_the_result),
    };
    return cmocka_run_group_tests_name(implementation, tests, NULL, NULL);
}
