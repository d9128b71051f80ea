/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/s3: the six calls against a strict server: what they send is signed, and what they answer is what
 * bucket.h says.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "posix/os_default.h"
#include "s3_fixture.h"
#include "support/test_fault.h"

static struct s3_fixture fixture;

static int
start(void **state)
{
    s3_fixture_start(&fixture, NULL, NULL);
    return 0;
}

static int
stop(void **state)
{
    s3_fixture_stop(&fixture);
    return 0;
}

static int
reset(void **state)
{
    s3_fixture_reset(&fixture);
    return 0;
}

struct names {
    size_t count;
    char text[4096];
    struct fi_bucket_object last;
};

static int
note_name(void *ctx, const struct fi_bucket_object *object)
{
    struct names *names = ctx;
    size_t used = strlen(names->text);
    if (used + strlen(object->name) + 2 < sizeof names->text) {
        (void)snprintf(names->text + used, sizeof names->text - used, "%s ", object->name);
    }
    names->last = *object;
    names->last.name = NULL;
    names->count++;
    return FIRN_OK;
}

static void
assert_got(const struct fi_buf *got, const char *text)
{
    assert_int_equal(got->size, strlen(text));
    assert_memory_equal(got->data == NULL ? (const void *)"" : got->data, text, got->size);
}

static void
objects_are_made_read_listed_and_removed(void **state)
{
    static const char *const prefixes[] = {"", "/", "/some/prefix", "/a-b_c.d/"};
    firn_error err;
    for (size_t p = 0; p < sizeof prefixes / sizeof prefixes[0]; p++) {
        struct fi_bucket *bucket = s3_fixture_open(&fixture, prefixes[p]);
        struct fi_buf got = {0};
        struct names names = {0};
        uint64_t size;
        OK(fi_bucket_put_bytes(bucket, "packs/one", firn_str("hello, world"), &err));
        FAILS(fi_bucket_put_bytes(bucket, "packs/one", firn_str("other"), &err), FIRN_EXISTS,
              "packs/one");
        OK(fi_bucket_put_bytes(bucket, "packs/none", firn_bytes(NULL, 0), &err));
        OK(fi_bucket_put_bytes(bucket, "states/0000000001", firn_str("s"), &err));
        assert_true(bucket->answered_s > 1700000000);
        OK(fi_bucket_get(bucket, "packs/one", 0, UINT64_MAX, &got, &err));
        assert_got(&got, "hello, world");
        OK(fi_bucket_get(bucket, "packs/none", 0, UINT64_MAX, &got, &err));
        assert_got(&got, "");
        FAILS(fi_bucket_get(bucket, "packs/two", 0, UINT64_MAX, &got, &err), FIRN_NOT_FOUND,
              "packs/two");
        OK(fi_bucket_head(bucket, "packs/one", &size, &err));
        assert_int_equal(size, 12);
        FAILS(fi_bucket_head(bucket, "packs/two", &size, &err), FIRN_NOT_FOUND, "packs/two");
        OK(fi_bucket_list(bucket, "packs/", NULL, note_name, &names, &err));
        assert_string_equal(names.text, "packs/none packs/one ");
        assert_int_equal(names.last.size_bytes, 12);
        names = (struct names){0};
        OK(fi_bucket_list(bucket, "", "packs/none", note_name, &names, &err));
        assert_string_equal(names.text, "packs/one states/0000000001 ");
        OK(fi_bucket_remove(bucket, "packs/one", &err));
        OK(fi_bucket_remove(bucket, "packs/one", &err));
        OK(fi_bucket_put_bytes(bucket, "packs/one", firn_str("again"), &err));
        assert_int_equal(bucket->request_count, 14);
        fi_buf_deinit(&got);
        fi_bucket_close(bucket);
        (void)s3_fixture_say(&fixture, "empty");
    }
}

static void
parts_are_read(void **state)
{
    struct fi_bucket *bucket = s3_fixture_open(&fixture, "/p");
    struct fi_buf got = {0};
    firn_error err;
    OK(fi_bucket_put_bytes(bucket, "x", firn_str("0123456789"), &err));
    OK(fi_bucket_get(bucket, "x", 3, 4, &got, &err));
    assert_got(&got, "3456");
    OK(fi_bucket_get(bucket, "x", 0, 4, &got, &err));
    assert_got(&got, "0123");
    OK(fi_bucket_get(bucket, "x", 8, 100, &got, &err));
    assert_got(&got, "89");
    OK(fi_bucket_get(bucket, "x", 8, UINT64_MAX, &got, &err));
    assert_got(&got, "89");
    OK(fi_bucket_get(bucket, "x", 0, 100, &got, &err));
    assert_got(&got, "0123456789");
    OK(fi_bucket_get(bucket, "x", 10, 5, &got, &err));
    assert_got(&got, "");
    OK(fi_bucket_get(bucket, "x", UINT64_MAX, UINT64_MAX, &got, &err));
    assert_got(&got, "");
    OK(fi_bucket_get(bucket, "x", 5, 0, &got, &err));
    assert_got(&got, "");
    FAILS(fi_bucket_get(bucket, "y", 0, 0, &got, &err), FIRN_NOT_FOUND, "y");
    fi_buf_deinit(&got);
    fi_bucket_close(bucket);
}

/* A list of many pages, with names of others among them. */
static void
lists_have_all_names_in_order(void **state)
{
    struct fi_bucket *bucket = s3_fixture_open(&fixture, "/p");
    struct names names = {0};
    firn_error err;
    for (int i = 0; i < 2503; i++) {
        (void)s3_fixture_say(&fixture, "store p/n/%05d %d", i, i % 7);
    }
    OK(fi_bucket_list(bucket, "n/", NULL, note_name, &names, &err));
    assert_int_equal(names.count, 2503);
    assert_int_equal(bucket->request_count, 3);
    (void)s3_fixture_say(&fixture, "empty");
    static const char *const odd[] = {
        "p/o/%20space", "p/o/%25percent%2525", "p/o/%26%3c%3e%22%27",
        "p/o/%2bplus",  "p/o/%c3%a9",          "p/o/a%2fb//c",
        "p/o/%01",      "other/o/x",
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        (void)s3_fixture_say(&fixture, "store %s 1 100", odd[i]);
    }
    names = (struct names){0};
    OK(fi_bucket_list(bucket, "o/", NULL, note_name, &names, &err));
    assert_string_equal(names.text,
                        "o/\x01 o/ space o/%percent%25 o/&<>\"' o/+plus o/a/b//c o/\xc3\xa9 ");
    assert_true(names.last.age_s >= 99 && names.last.age_s < 200);
    names = (struct names){0};
    OK(fi_bucket_list(bucket, "", "o/&<>\"'", note_name, &names, &err));
    assert_string_equal(names.text, "o/+plus o/a/b//c o/\xc3\xa9 ");
    fi_bucket_close(bucket);
}

struct body {
    uint64_t size;
    uint64_t read_bytes;
    size_t largest;
    uint64_t fails_at; /* 0: never */
    bool changes;      /* what is sent is not what was hashed */
};

static int
read_body(void *ctx, uint64_t offset, void *out, size_t size, firn_error *err)
{
    struct body *body = ctx;
    assert_true(offset + size <= body->size);
    body->read_bytes += size;
    body->largest = size > body->largest ? size : body->largest;
    if (body->fails_at != 0 && body->read_bytes >= body->fails_at) {
        return fi_error_set(err, FIRN_CORRUPT, "this file is damaged");
    }
    memset(out, body->changes && body->read_bytes > body->size ? 'y' : 'x', size);
    return FIRN_OK;
}

static void
bodies_are_streamed(void **state)
{
    struct fi_bucket *bucket = s3_fixture_open(&fixture, "");
    struct body body = {.size = (24 << 20) + 17};
    struct fi_bucket_body sent = {body.size, read_body, &body};
    uint64_t size;
    firn_error err;
    OK(fi_bucket_put(bucket, "large", &sent, &err));
    assert_int_equal(body.read_bytes, 2 * body.size); /* the hash, and once */
    assert_true(body.largest <= 1 << 20);
    OK(fi_bucket_head(bucket, "large", &size, &err));
    assert_int_equal(size, body.size);

    body = (struct body){.size = 1 << 20, .fails_at = 1};
    sent.size_bytes = body.size;
    FAILS(fi_bucket_put(bucket, "bad", &sent, &err), FIRN_CORRUPT, "this file is damaged");
    body = (struct body){.size = 1 << 20, .fails_at = (1 << 20) + 1};
    FAILS(fi_bucket_put(bucket, "bad", &sent, &err), FIRN_CORRUPT, "this file is damaged");
    body = (struct body){.size = 1 << 20, .changes = true};
    FAILS(fi_bucket_put(bucket, "bad", &sent, &err), FIRN_IO, "XAmzContentSHA256Mismatch");
    FAILS(fi_bucket_head(bucket, "bad", &size, &err), FIRN_NOT_FOUND, "bad");
    fi_bucket_close(bucket);
}

static void
handles_are_opened_again(void **state)
{
    struct fi_bucket *bucket = s3_fixture_open(&fixture, "/p");
    struct fi_bucket *second;
    struct fi_buf got = {0};
    firn_error err;
    OK(fi_bucket_put_bytes(bucket, "x", firn_str("abc"), &err));
    OK(fi_bucket_open_again(bucket, &second, &err));
    fi_bucket_close(bucket);
    OK(fi_bucket_get(second, "x", 0, UINT64_MAX, &got, &err));
    assert_got(&got, "abc");
    fi_buf_deinit(&got);
    fi_bucket_close(second);
}

/* It would speak over the connection of its parent. */
static void
a_child_cannot_use_the_handle_of_its_parent(void **state)
{
    struct fi_bucket *bucket = s3_fixture_open(&fixture, "");
    struct fi_buf got = {0};
    firn_error err;
    int status;
    OK(fi_bucket_put_bytes(bucket, "x", firn_str("abc"), &err));
    (void)s3_fixture_say(&fixture, "count");
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct fi_bucket *second;
        uint64_t size;
        bool is_refused = fi_bucket_put_bytes(bucket, "y", firn_str("abc"), &err) == FIRN_MISUSE &&
                          strstr(err.text, "before this process was forked") != NULL &&
                          fi_bucket_get(bucket, "x", 0, UINT64_MAX, &got, &err) == FIRN_MISUSE &&
                          fi_bucket_head(bucket, "x", &size, &err) == FIRN_MISUSE &&
                          fi_bucket_list(bucket, "", NULL, NULL, NULL, &err) == FIRN_MISUSE &&
                          fi_bucket_remove(bucket, "x", &err) == FIRN_MISUSE &&
                          fi_bucket_open_again(bucket, &second, &err) == FIRN_MISUSE;
        fi_bucket_close(bucket);
        /* It stays; a sanitizer would see that it does not. */
        _exit(is_refused && bucket->request_count > 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    OK(fi_bucket_get(bucket, "x", 0, UINT64_MAX, &got, &err));
    assert_got(&got, "abc");
    assert_string_equal(s3_fixture_say(&fixture, "count"), "GET=1");
    fi_buf_deinit(&got);
    fi_bucket_close(bucket);
}

static void
bandwidth_is_limited(void **state)
{
    struct fi_bucket *bucket;
    firn_error err;
    struct body body = {.size = 2 << 20};
    struct fi_bucket_body sent = {body.size, read_body, &body};
    struct fi_buf got = {0};
    struct fi_os *os = fi_os_default();
    const struct fi_s3_options options = {.bytes_per_second_max = 1 << 20};
    OK(fi_s3_open(os, fixture.url, &options, &bucket, &err));
    int64_t before_ns = fi_os_monotonic_ns(os);
    OK(fi_bucket_put(bucket, "x", &sent, &err));
    int64_t between_ns = fi_os_monotonic_ns(os);
    OK(fi_bucket_get(bucket, "x", 0, UINT64_MAX, &got, &err));
    int64_t after_ns = fi_os_monotonic_ns(os);
    assert_true(between_ns - before_ns > INT64_C(500000000));
    assert_true(after_ns - between_ns > INT64_C(500000000));
    fi_buf_deinit(&got);
    fi_bucket_close(bucket);
}

/* All that a remote does, with an allocation that fails. */
static int
do_all(struct fi_buf *got, firn_error *err)
{
    const struct fi_s3_options options = {.region = "us-east-1", .retry_ms = 100};
    struct fi_bucket *bucket = NULL;
    struct fi_bucket *second = NULL;
    struct names names = {0};
    uint64_t size;
    int rc;
    FI_TRY(fi_s3_open(fi_os_default(), fixture.url, &options, &bucket, err));
    FI_TRY(fi_bucket_put_bytes(bucket, "x", firn_str("abc"), err));
    FI_TRY(fi_bucket_get(bucket, "x", 1, 1, got, err));
    FI_TRY(fi_bucket_head(bucket, "x", &size, err));
    FI_TRY(fi_bucket_list(bucket, "", NULL, note_name, &names, err));
    FI_TRY(fi_bucket_open_again(bucket, &second, err));
    FI_TRY(fi_bucket_remove(second, "x", err));
out:
    fi_bucket_close(second);
    fi_bucket_close(bucket);
    return rc;
}

static void
each_allocation_may_fail(void **state)
{
    s3_fixture_write(&fixture, ".aws/credentials", "[default]\naws_access_key_id = ak\n");
    s3_fixture_write(&fixture, ".aws/config", "[default]\nca_bundle = /nowhere\n");
    (void)setenv("AWS_SESSION_TOKEN", "tok", 1);
    (void)s3_fixture_say(&fixture, "key ak secret/with+signs tok");
    struct test_fault fault = {.counts = true};
    while (test_fault_next(&fault)) {
        struct fi_buf got = {0};
        firn_error err;
        (void)s3_fixture_say(&fixture, "empty");
        test_fault_allocation(&fault);
        int rc = do_all(&got, &err);
        fi_buf_deinit(&got);
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
    }
    assert_true(fault.refused > 20);
    printf("count: %d allocations failed in calls of object storage\n", (int)fault.refused);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(objects_are_made_read_listed_and_removed, reset),
        cmocka_unit_test_setup(parts_are_read, reset),
        cmocka_unit_test_setup(lists_have_all_names_in_order, reset),
        cmocka_unit_test_setup(bodies_are_streamed, reset),
        cmocka_unit_test_setup(handles_are_opened_again, reset),
        cmocka_unit_test_setup(a_child_cannot_use_the_handle_of_its_parent, reset),
        cmocka_unit_test_setup(bandwidth_is_limited, reset),
        cmocka_unit_test_setup(each_allocation_may_fail, reset),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
