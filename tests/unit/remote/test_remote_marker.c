/* SPDX-License-Identifier: Apache-2.0
 *
 * FIRN-REMOTE.txt: who makes it, and what is no such file.
 */
#include "base/slice.h"
#include "bucket/bucket_folder.h"
#include "posix/os_default.h"
#include "remote/remote_marker.h"
#include "sim/sim_fault.h"
#include "support/test.h"
#include "support/test_fault.h"
#include "support/test_temp.h"

static char root[TEST_TEMP_SIZE];
static firn_error err;

static int
set_up(void **state)
{
    (void)state;
    test_temp_make(root, sizeof root);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    char command[TEST_TEMP_SIZE + 32];
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command);
}

static void
the_first_machine_makes_it(void **state)
{
    (void)state;
    struct fi_bucket *bucket = NULL;
    struct fi_remote_marker first = {.is_encrypted = false};
    struct fi_remote_marker second = {.is_encrypted = false};
    assert_int_equal(fi_bucket_folder_open(fi_os_default(), root, false, &bucket, &err), FIRN_OK);
    assert_int_equal(fi_remote_marker_read(bucket, &first, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_remote_marker_create(bucket, fi_os_default(), &first, &err), FIRN_OK);
    assert_int_equal(fi_remote_marker_create(bucket, fi_os_default(), &second, &err), FIRN_OK);
    assert_memory_equal(first.id, second.id, sizeof first.id);
    assert_false(first.is_encrypted);
    assert_int_equal(fi_bucket_put_bytes(bucket, "packs/a", firn_str("x"), &err), FIRN_OK);
    assert_int_equal(fi_remote_marker_create(bucket, fi_os_default(), &second, &err), FIRN_OK);
    assert_int_equal(fi_bucket_remove(bucket, FI_REMOTE_MARKER_NAME, &err), FIRN_OK);
    assert_int_equal(fi_remote_marker_create(bucket, fi_os_default(), &second, &err), FIRN_EXISTS);
    fi_bucket_close(bucket);
}

static int
decode(const char *text, struct fi_remote_marker *out)
{
    return fi_remote_marker_decode(firn_str(text), out, &err);
}

#define ID "id: 000102030405060708090a0b0c0d0eff\n"

static void
other_files_are_refused(void **state)
{
    (void)state;
    struct fi_remote_marker marker;
    assert_int_equal(decode("hello\r\nformat: 1\r\n" ID "encrypted: yes", &marker), FIRN_OK);
    assert_true(marker.is_encrypted);
    assert_int_equal(marker.id[15], 0xff);
    assert_int_equal(decode("format: 2\n" ID "encrypted: no\n", &marker), FIRN_NEWER);
    assert_int_equal(decode("format: 2\n", &marker), FIRN_NEWER);
    static const char *const wrong[] = {
        "",
        "hello\n",
        ID "encrypted: no\n",
        "format: 1\nformat: 1\n" ID "encrypted: no\n",
        "format: 1\n" ID ID "encrypted: no\n",
        "format: 1\n" ID,
        "format: 1\n" ID "encrypted: maybe\n",
        "format: 1\nid: 0001\nencrypted: no\n",
        "format: 1\nid: 000102030405060708090a0b0c0d0egg\nencrypted: no\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(decode(wrong[i], &marker), FIRN_INVALID);
    }
}

/* Whatever call fails: a marker that was made is the one that the next machine finds. */
static void
a_marker_is_whole_when_calls_fail(void **state)
{
    (void)state;
    struct fi_os *os;
    struct test_fault fault = {.classes = 0};
    assert_int_equal(fi_sim_fault_create(fi_os_default(), &os, &err), FIRN_OK);
    while (test_fault_next(&fault)) {
        struct fi_bucket *bucket = NULL;
        struct fi_remote_marker made = {.is_encrypted = false};
        struct fi_remote_marker found = {.is_encrypted = false};
        char path[TEST_TEMP_SIZE + 32];
        snprintf(path, sizeof path, "%s/%d", root, (int)fault.n);
        test_fault_call(&fault, os);
        int rc = fi_bucket_folder_open(os, path, true, &bucket, &err);
        rc = rc == FIRN_OK ? fi_remote_marker_create(bucket, os, &made, &err) : rc;
        fi_bucket_close(bucket);
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_IO);
        bucket = NULL;
        assert_int_equal(fi_bucket_folder_open(fi_os_default(), path, true, &bucket, &err),
                         FIRN_OK);
        assert_int_equal(fi_remote_marker_create(bucket, fi_os_default(), &found, &err), FIRN_OK);
        assert_true(rc != FIRN_OK || memcmp(made.id, found.id, sizeof made.id) == 0);
        fi_bucket_close(bucket);
    }
    assert_true(fault.refused > 10);
    fi_sim_fault_destroy(os);
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_first_machine_makes_it),
        TEST(other_files_are_refused),
        TEST(a_marker_is_whole_when_calls_fail),
    };
    return cmocka_run_group_tests_name("remote_marker", tests, NULL, NULL);
}
