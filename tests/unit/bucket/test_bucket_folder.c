/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory as a bucket: the six calls, writers that race, and every call of the system failing.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/slice.h"
#include "bucket/bucket_folder.h"
#include "bucket/bucket_probe.h"
#include "posix/os_default.h"
#include "sim/sim_fault.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_temp.h"
#include "support/test_threads.h"

static char root[TEST_TEMP_SIZE];
static struct fi_bucket *bucket;
static firn_error err;

static int
set_up(void **state)
{
    (void)state;
    test_temp_make(root, sizeof root);
    return fi_bucket_folder_open(fi_os_default(), root, false, &bucket, &err);
}

static int
tear_down(void **state)
{
    (void)state;
    char command[TEST_TEMP_SIZE + 32];
    fi_bucket_close(bucket);
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command);
}

static int
put(const char *name, const char *text)
{
    return fi_bucket_put_bytes(bucket, name, firn_str(text), &err);
}

static void
assert_object(const char *name, const char *text)
{
    struct fi_buf bytes = {0};
    assert_int_equal(fi_bucket_get(bucket, name, 0, UINT64_MAX, &bytes, &err), FIRN_OK);
    assert_true(fi_slice_equal(fi_buf_slice(&bytes), firn_str(text)));
    fi_buf_deinit(&bytes);
}

static void
an_object_is_made_once(void **state)
{
    (void)state;
    struct fi_buf bytes = {0};
    uint64_t size;
    assert_int_equal(put("packs/a", "hello"), FIRN_OK);
    assert_int_equal(put("packs/a", "other"), FIRN_EXISTS);
    assert_object("packs/a", "hello");
    assert_int_equal(fi_bucket_get(bucket, "packs/a", 1, 3, &bytes, &err), FIRN_OK);
    assert_memory_equal(bytes.data, "ell", 3);
    assert_int_equal(fi_bucket_get(bucket, "packs/a", 4, 30, &bytes, &err), FIRN_OK);
    assert_int_equal(bytes.size, 1);
    assert_int_equal(fi_bucket_get(bucket, "packs/a", 9, 3, &bytes, &err), FIRN_OK);
    assert_int_equal(bytes.size, 0);
    assert_int_equal(fi_bucket_head(bucket, "packs/a", &size, &err), FIRN_OK);
    assert_int_equal(size, 5);
    assert_int_equal(fi_bucket_get(bucket, "packs/b", 0, 1, &bytes, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_bucket_head(bucket, "none/b", &size, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_bucket_remove(bucket, "packs/a", &err), FIRN_OK);
    assert_int_equal(fi_bucket_remove(bucket, "packs/a", &err), FIRN_OK);
    assert_int_equal(fi_bucket_head(bucket, "packs/a", &size, &err), FIRN_NOT_FOUND);
    assert_int_equal(put("packs/a", ""), FIRN_OK);
    assert_object("packs/a", "");
    fi_buf_deinit(&bytes);
}

static int
append_name(void *ctx, const struct fi_bucket_object *object)
{
    struct fi_buf *names = ctx;
    return fi_buf_append_format(names, "%s ", object->name);
}

static void
assert_list(const char *prefix, const char *after, const char *names)
{
    struct fi_buf listed = {0};
    assert_int_equal(fi_bucket_list(bucket, prefix, after, append_name, &listed, &err), FIRN_OK);
    assert_true(fi_slice_equal(fi_buf_slice(&listed), firn_str(names)));
    fi_buf_deinit(&listed);
}

static void
lists_have_the_order_of_bytes(void **state)
{
    (void)state;
    char path[TEST_TEMP_SIZE + 32];
    assert_list("packs/", NULL, "");
    assert_int_equal(put("packs/b", "1"), FIRN_OK);
    assert_int_equal(put("packs/a-1", "22"), FIRN_OK);
    assert_int_equal(put("packs/B", "1"), FIRN_OK);
    assert_int_equal(put("FIRN-REMOTE.txt", "1"), FIRN_OK);
    /* no objects: a link, a directory, hidden files */
    snprintf(path, sizeof path, "%s/packs/link", root);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    snprintf(path, sizeof path, "%s/packs/dir", root);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/packs/.nfs0001", root);
    assert_true(close(open(path, O_CREAT | O_WRONLY, 0600)) == 0);
    assert_list("packs/", NULL, "packs/B packs/a-1 packs/b ");
    assert_list("packs/", "packs/a-1", "packs/b ");
    assert_list("packs/", "packs/a", "packs/a-1 packs/b ");
    assert_list("packs/a", NULL, "packs/a-1 ");
    assert_int_equal(put("packs/dir/x", "1"), FIRN_OK);
    assert_list("", NULL, "FIRN-REMOTE.txt packs/B packs/a-1 packs/b packs/dir/x ");
    assert_list("packs/d", NULL, "packs/dir/x ");
    assert_list("p", "packs/a-1", "packs/b packs/dir/x ");
    struct fi_buf bytes = {0};
    assert_int_not_equal(fi_bucket_get(bucket, "packs/link", 0, 9, &bytes, &err), FIRN_OK);
    fi_buf_deinit(&bytes);
}

static int
count(void *ctx, const struct fi_bucket_object *object)
{
    (void)object;
    ++*(int *)ctx;
    return FIRN_OK;
}

static void
long_lists_come_in_pages(void **state)
{
    (void)state;
    char path[TEST_TEMP_SIZE + 32];
    assert_int_equal(put("packs/a", "1"), FIRN_OK);
    for (int i = 0; i < 2 * FI_BUCKET_LIST_MAX; i++) {
        snprintf(path, sizeof path, "%s/packs/n%d", root, i);
        assert_true(close(open(path, O_CREAT | O_WRONLY, 0600)) == 0);
    }
    int objects = 0;
    uint64_t before = bucket->request_count;
    assert_int_equal(fi_bucket_list(bucket, "packs/", NULL, count, &objects, &err), FIRN_OK);
    assert_int_equal(objects, 2 * FI_BUCKET_LIST_MAX + 1);
    assert_int_equal(bucket->request_count - before, 3);
}

static void
a_directory_is_made_where_that_is_wanted(void **state)
{
    (void)state;
    char path[TEST_TEMP_SIZE + 32];
    struct fi_bucket *other = NULL;
    snprintf(path, sizeof path, "%s/new", root);
    assert_int_equal(fi_bucket_folder_open(fi_os_default(), path, false, &other, &err),
                     FIRN_NOT_FOUND);
    assert_int_equal(fi_bucket_folder_open(fi_os_default(), path, true, &other, &err), FIRN_OK);
    fi_bucket_close(other);
}

static void
a_directory_can_be_shared(void **state)
{
    (void)state;
    assert_int_equal(fi_bucket_probe(bucket, fi_os_default(), &err), FIRN_OK);
    assert_list("", NULL, "");
}

/* A copy of the bucket by hard links, made while a put is under way. */
static int
read_and_link(void *ctx, uint64_t offset, void *out, size_t size, firn_error *error)
{
    (void)offset, (void)error;
    char command[3 * TEST_TEMP_SIZE + 64];
    memset(out, 'x', size);
    snprintf(command, sizeof command, "ln %s/incoming/.firn-bucket-*.tmp %s/copy", root, root);
    return system(command) == 0 ? FIRN_OK : *(int *)ctx;
}

static void
a_link_by_others_is_not_ours(void **state)
{
    (void)state;
    int failed = FIRN_IO;
    const struct fi_bucket_body body = {4, read_and_link, &failed};
    assert_int_equal(put("states/1", "theirs"), FIRN_OK);
    assert_int_equal(fi_bucket_put(bucket, "states/1", &body, &err), FIRN_EXISTS);
    assert_object("states/1", "theirs");
}

/* ==== threads ==== */

enum { WRITERS = 8, ROUNDS = 40 };

struct writer {
    struct fi_bucket *bucket;
    int made;
};

static void *
write_all(void *ctx)
{
    struct writer *writer = ctx;
    for (int i = 0; i < ROUNDS; i++) {
        char name[32];
        firn_error error;
        snprintf(name, sizeof name, "states/%010d", i);
        int rc = fi_bucket_put_bytes(writer->bucket, name, firn_str("x"), &error);
        writer->made += rc == FIRN_OK;
        if (rc != FIRN_OK && rc != FIRN_EXISTS) {
            writer->made = -10000;
        }
    }
    return NULL;
}

static void
of_racing_threads_one_makes_an_object(void **state)
{
    (void)state;
    struct writer writers[WRITERS] = {{NULL, 0}};
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(fi_bucket_open_again(bucket, &writers[i].bucket, &err), FIRN_OK);
        assert_int_equal(pthread_create(&threads[i], NULL, write_all, &writers[i]), 0);
    }
    int made = 0;
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        made += writers[i].made;
        fi_bucket_close(writers[i].bucket);
    }
    assert_int_equal(made, ROUNDS);
    assert_list("incoming/", NULL, "");
}

/* ==== faults ==== */

static int
use(struct fi_bucket *other, const char *name, bool *out_is_made)
{
    struct fi_buf bytes = {0};
    uint64_t size;
    int objects = 0;
    int rc;
    FI_TRY(fi_bucket_put_bytes(other, name, firn_str("hello"), &err));
    *out_is_made = true;
    FI_TRY(fi_bucket_get(other, name, 0, UINT64_MAX, &bytes, &err));
    assert_int_equal(bytes.size, 5);
    FI_TRY(fi_bucket_head(other, name, &size, &err));
    rc = fi_bucket_list(other, "packs/", NULL, count, &objects, &err);
out:
    fi_buf_deinit(&bytes);
    return rc;
}

static void
use_with_fault(struct test_fault *fault, struct fi_os *os, int code)
{
    struct fi_bucket *other = NULL;
    char name[32];
    bool is_made = false;
    snprintf(name, sizeof name, "packs/%" PRIu64 "-%d", fault->n, code);
    if (os == NULL) {
        test_fault_allocation(fault);
    } else {
        test_fault_call(fault, os);
    }
    int rc = fi_bucket_folder_open(os != NULL ? os : fi_os_default(), root, false, &other, &err);
    rc = rc == FIRN_OK ? use(other, name, &is_made) : rc;
    fi_bucket_close(other);
    test_fault_end(fault);
    test_fault_expect(fault, rc, code);
    if (is_made) {
        assert_object(name, "hello");
    }
    assert_int_equal(fi_bucket_remove(bucket, name, &err), FIRN_OK);
}

static void
what_was_put_is_there_when_memory_fails(void **state)
{
    (void)state;
    struct test_fault fault = {.counts = true};
    while (test_fault_next(&fault)) {
        use_with_fault(&fault, NULL, FIRN_NO_MEMORY);
    }
    assert_true(fault.refused > 10);
}

static void
what_was_put_is_there_when_calls_fail(void **state)
{
    (void)state;
    struct fi_os *os;
    struct test_fault fault = {.classes = 0};
    assert_int_equal(fi_sim_fault_create(fi_os_default(), &os, &err), FIRN_OK);
    while (test_fault_next(&fault)) {
        use_with_fault(&fault, os, FIRN_IO);
    }
    assert_true(fault.refused > 10);
    fi_sim_fault_destroy(os);
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_object_is_made_once),
        TEST(lists_have_the_order_of_bytes),
        TEST(long_lists_come_in_pages),
        TEST(a_directory_is_made_where_that_is_wanted),
        TEST(a_directory_can_be_shared),
        TEST(a_link_by_others_is_not_ours),
        TEST(of_racing_threads_one_makes_an_object),
        TEST(what_was_put_is_there_when_memory_fails),
        TEST(what_was_put_is_there_when_calls_fail),
    };
    test_threads_only();
    return cmocka_run_group_tests_name("bucket_folder", tests, NULL, NULL);
}
