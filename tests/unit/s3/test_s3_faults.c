/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/s3: a server that breaks connections, answers late, not at all, with errors, or is none of object storage.
 *
 * What each call then does, and what it says; and above all that no put is ever sent twice: the server counts what
 * it was asked.
 */

#include "posix/os_default.h"
#include "s3_fixture.h"

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

static int
ignore(void *ctx, const struct fi_bucket_object *object)
{
    (void)ctx;
    (void)object;
    return FIRN_OK;
}

static int
put(struct fi_bucket *bucket, const char *name, firn_error *err)
{
    return fi_bucket_put_bytes(bucket, name, firn_str("contents"), err);
}

static int
list(struct fi_bucket *bucket, firn_error *err)
{
    return fi_bucket_list(bucket, "", NULL, ignore, NULL, err);
}

static int
get(struct fi_bucket *bucket, const char *name, firn_error *err)
{
    struct fi_buf got = {0};
    int rc = fi_bucket_get(bucket, name, 0, UINT64_MAX, &got, err);
    assert_true(rc != FIRN_OK || got.size == 8);
    fi_buf_deinit(&got);
    return rc;
}

/* ==== puts ==== */

/* (S1), (S3): whatever happens, the server was asked once. */
static void
a_put_is_sent_once(void **state)
{
    static const struct {
        const char *fault;
        bool is_made;
        int code;
    } cases[] = {
        {"reset", false, FIRN_IO},
        {"reset-kept", false, FIRN_IO},
        {"close-half 3", false, FIRN_IO},
        {"lose", true, FIRN_IO},
        {"hold", true, FIRN_IO},
        {"truncate 0", true, FIRN_OK},
        {"status 503:SlowDown", false, FIRN_IO},
        {"status 500:InternalError", false, FIRN_IO},
        {"status 429", false, FIRN_IO},
        {"status 400:RequestTimeout", false, FIRN_IO},
        {"status 409:ConditionalRequestConflict", false, FIRN_EXISTS},
        {"status 409:OtherConflict", false, FIRN_IO},
        {"status 412", false, FIRN_EXISTS},
        {"status 501:NotImplemented", false, FIRN_UNSUPPORTED},
        {"status 507", false, FIRN_NO_SPACE},
        {"status 403:QuotaExceeded", false, FIRN_NO_SPACE},
        {"status 404:NoSuchBucket", false, FIRN_INVALID},
        {"status 404", false, FIRN_IO},
        {"moved eu-west-1", false, FIRN_IO},
        {"portal", false, FIRN_IO},
        {"redirect", false, FIRN_IO},
        {"noids", true, FIRN_IO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* On a new connection, and on one that was used just now. */
        for (int is_kept = 0; is_kept < 2; is_kept++) {
            struct fi_bucket *bucket = strcmp(cases[i].fault, "hold") == 0
                                           ? s3_fixture_open_hasty(&fixture, 1000)
                                           : s3_fixture_open(&fixture, "");
            firn_error err;
            if (is_kept == 1) {
                OK(list(bucket, &err));
            } else if (strcmp(cases[i].fault, "reset-kept") == 0) {
                fi_bucket_close(bucket);
                continue;
            }
            (void)s3_fixture_say(&fixture, "count");
            (void)s3_fixture_say(&fixture, "fault 2 PUT %s", cases[i].fault);
            err.text[0] = 0;
            int rc = put(bucket, "x", &err);
            if (rc != cases[i].code) {
                fail_msg("%s, kept %d: %d %s", cases[i].fault, is_kept, rc, err.text);
            }
            assert_string_equal(s3_fixture_say(&fixture, "count"), "PUT=1");
            assert_string_equal(s3_fixture_say(&fixture, "objects"), cases[i].is_made ? "1" : "0");
            assert_null(strstr(err.text, "secret"));
            (void)s3_fixture_say(&fixture, "well");
            (void)s3_fixture_say(&fixture, "empty");
            fi_bucket_close(bucket);
        }
    }
}

/* A body of nothing has no byte that would tell libcurl that it was sent. */
static void
a_put_of_nothing_is_sent_once(void **state)
{
    struct fi_bucket *bucket = s3_fixture_open(&fixture, "");
    firn_error err;
    OK(list(bucket, &err));
    (void)s3_fixture_say(&fixture, "count");
    (void)s3_fixture_say(&fixture, "fault 2 PUT lose");
    FAILS(fi_bucket_put_bytes(bucket, "x", firn_bytes(NULL, 0), &err), FIRN_IO,
          "whether the object was made is not known");
    assert_string_equal(s3_fixture_say(&fixture, "count"), "PUT=1");
    fi_bucket_close(bucket);
}

/* A server that closes idle connections costs few puts: libcurl sees that it has, unless it does so just now. */
static void
idle_connections_may_be_closed(void **state)
{
    enum { PUTS = 20 };
    struct fi_bucket *bucket = s3_fixture_open(&fixture, "");
    firn_error err;
    char name[16];
    int made = 0;
    for (int i = 0; i < PUTS; i++) {
        (void)snprintf(name, sizeof name, "x%d", i);
        (void)s3_fixture_say(&fixture, "fault 1 any close");
        OK(list(bucket, &err));
        fi_os_sleep_ns(fi_os_default(), 50000000);
        (void)s3_fixture_say(&fixture, "count");
        int rc = put(bucket, name, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_IO);
        made += rc == FIRN_OK ? 1 : 0;
        const char *count = s3_fixture_say(&fixture, "count");
        assert_true(strcmp(count, "PUT=1") == 0 || (rc == FIRN_IO && strcmp(count, "none") == 0));
    }
    assert_true(made > PUTS / 2);
    /* One that was idle for long is not used any more. */
    OK(list(bucket, &err));
    (void)s3_fixture_say(&fixture, "count");
    fi_os_sleep_ns(fi_os_default(), INT64_C(2200000000));
    (void)s3_fixture_say(&fixture, "fault 1 PUT reset-kept");
    OK(put(bucket, "late", &err));
    assert_string_equal(s3_fixture_say(&fixture, "count"), "PUT=1");
    fi_bucket_close(bucket);
}

/* Only a connection that could not be made is made again. */
static void
nobody_listens(void **state)
{
    struct fi_bucket *bucket;
    firn_error err;
    struct fi_os *os = fi_os_default();
    const struct fi_s3_options options = {.retry_ms = 1000, .connect_ms = 500};
    OK(fi_s3_open(os, "http://127.0.0.1:9/bucket", &options, &bucket, &err));
    int64_t before_ns = fi_os_monotonic_ns(os);
    FAILS(put(bucket, "x", &err), FIRN_IO, "is something listening there");
    assert_non_null(strstr(err.text, "tried"));
    assert_null(strstr(err.text, "not known"));
    assert_true(fi_os_monotonic_ns(os) - before_ns < INT64_C(30000000000));
    fi_bucket_close(bucket);
    OK(fi_s3_open(os, "https://nowhere.invalid/bucket", &options, &bucket, &err));
    FAILS(list(bucket, &err), FIRN_IO, "online");
    fi_bucket_close(bucket);
}

/* ==== calls that are repeated ==== */

static void
other_calls_are_repeated(void **state)
{
    static const char *const faults[] = {
        "reset",
        "lose",
        "close-half 0",
        "status 503:SlowDown",
        "status 500:InternalError",
        "status 429",
        "status 502",
        "status 504",
        "status 400:RequestTimeout",
    };
    struct fi_bucket *bucket = s3_fixture_open(&fixture, "");
    firn_error err;
    uint64_t size;
    OK(put(bucket, "x", &err));
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        (void)s3_fixture_say(&fixture, "fault 1 GET %s", faults[i]);
        OK(get(bucket, "x", &err));
        (void)s3_fixture_say(&fixture, "fault 1 HEAD %s", faults[i]);
        if (strstr(faults[i], "400") == NULL) { /* a HEAD has no code */
            OK(fi_bucket_head(bucket, "x", &size, &err));
        }
        (void)s3_fixture_say(&fixture, "well");
        (void)s3_fixture_say(&fixture, "fault 2 GET %s", faults[i]);
        OK(list(bucket, &err));
        (void)s3_fixture_say(&fixture, "fault 1 DELETE %s", faults[i]);
        OK(fi_bucket_remove(bucket, "y", &err));
    }
    fi_bucket_close(bucket);
    bucket = s3_fixture_open_hasty(&fixture, 60000);
    static const char *const cut[] = {"truncate 3", "truncate 0", "hang 3", "hold"};
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        (void)s3_fixture_say(&fixture, "fault 1 GET %s", cut[i]);
        OK(get(bucket, "x", &err));
        (void)s3_fixture_say(&fixture, "fault 1 GET %s", cut[i]);
        OK(list(bucket, &err));
    }
    fi_bucket_close(bucket);
}

static void
repeating_has_an_end(void **state)
{
    struct fi_bucket *bucket = s3_fixture_open_hasty(&fixture, 2000);
    struct fi_os *os = fi_os_default();
    firn_error err;
    (void)s3_fixture_say(&fixture, "fault 1000 GET status 503:SlowDown");
    int64_t before_ns = fi_os_monotonic_ns(os);
    FAILS(list(bucket, &err), FIRN_IO, "times 503 SlowDown");
    int64_t took_ns = fi_os_monotonic_ns(os) - before_ns;
    assert_true(took_ns > INT64_C(500000000) && took_ns < INT64_C(30000000000));
    (void)s3_fixture_say(&fixture, "well");
    (void)s3_fixture_say(&fixture, "fault 1000 GET reset");
    FAILS(list(bucket, &err), FIRN_IO, "tried");
    fi_bucket_close(bucket);
}

/* A transfer that stands still ends, and a slow one does not. */
static void
a_stall_ends(void **state)
{
    struct fi_bucket *bucket = s3_fixture_open_hasty(&fixture, 2000);
    struct fi_os *os = fi_os_default();
    firn_error err;
    OK(put(bucket, "x", &err));
    (void)s3_fixture_say(&fixture, "fault 1000 GET hang 2");
    int64_t before_ns = fi_os_monotonic_ns(os);
    FAILS(get(bucket, "x", &err), FIRN_IO, "127.0.0.1");
    assert_true(fi_os_monotonic_ns(os) - before_ns < INT64_C(30000000000));
    fi_bucket_close(bucket);
}

/* (S4) Some bytes each second are no standstill. */
static void
a_server_that_drips_holds_nothing_for_ever(void **state)
{
    static const char *const drips[] = {"drip 0.1 1", "drip 0.1 1 body"};
    struct fi_bucket *bucket;
    struct fi_os *os = fi_os_default();
    struct fi_buf got = {0};
    firn_error err;
    const struct fi_s3_options options = {.retry_ms = 1, .stall_s = 20, .grace_ms = 1000};
    OK(fi_s3_open(os, fixture.url, &options, &bucket, &err));
    (void)s3_fixture_say(&fixture, "store x 200");
    for (size_t i = 0; i < sizeof drips / sizeof drips[0]; i++) {
        (void)s3_fixture_say(&fixture, "fault 1 GET %s", drips[i]);
        int64_t before_ns = fi_os_monotonic_ns(os);
        FAILS(fi_bucket_get(bucket, "x", 0, UINT64_MAX, &got, &err), FIRN_IO,
              "less than 16384 bytes came or went each second");
        assert_true(fi_os_monotonic_ns(os) - before_ns < INT64_C(15000000000));
    }
    (void)s3_fixture_say(&fixture, "count");
    (void)s3_fixture_say(&fixture, "fault 1 PUT drip 0.1 1");
    FAILS(put(bucket, "y", &err), FIRN_IO, "whether the object was made is not known");
    assert_string_equal(s3_fixture_say(&fixture, "count"), "PUT=1");
    /* What is fast enough may take longer. */
    (void)s3_fixture_say(&fixture, "store large 200000");
    (void)s3_fixture_say(&fixture, "fault 1 GET drip 0.1 6000 body");
    int64_t before_ns = fi_os_monotonic_ns(os);
    OK(fi_bucket_get(bucket, "large", 0, UINT64_MAX, &got, &err));
    assert_true(fi_os_monotonic_ns(os) - before_ns > INT64_C(2000000000));
    assert_int_equal(got.size, 200000);
    fi_buf_deinit(&got);
    fi_bucket_close(bucket);
}

/* A refusal is one, though its document does not come to its end. */
static void
a_refusal_counts_though_the_connection_breaks(void **state)
{
    struct fi_bucket *bucket = s3_fixture_open(&fixture, "");
    firn_error err;
    OK(put(bucket, "x", &err));
    (void)s3_fixture_say(&fixture, "count");
    (void)s3_fixture_say(&fixture, "fault 1 GET cut 403:AccessDenied");
    FAILS(get(bucket, "x", &err), FIRN_DENIED, "they need s3:GetObject");
    assert_string_equal(s3_fixture_say(&fixture, "count"), "GET=1");
    (void)s3_fixture_say(&fixture, "fault 1 PUT cut 412:PreconditionFailed");
    FAILS(put(bucket, "y", &err), FIRN_EXISTS, "already");
    (void)s3_fixture_say(&fixture, "fault 1 PUT cut 403:AccessDenied");
    FAILS(put(bucket, "y", &err), FIRN_DENIED, "s3:PutObject");
    /* Only the document would tell that it is the bucket. */
    (void)s3_fixture_say(&fixture, "count");
    (void)s3_fixture_say(&fixture, "fault 1 GET cut 404:NoSuchBucket");
    OK(get(bucket, "x", &err));
    assert_string_equal(s3_fixture_say(&fixture, "count"), "GET=2");
    fi_bucket_close(bucket);
}

/* ==== parts ==== */

static void
parts_that_were_not_asked_for_are_refused(void **state)
{
    struct fi_bucket *bucket = s3_fixture_open_hasty(&fixture, 2000);
    struct fi_buf got = {0};
    firn_error err;
    OK(put(bucket, "x", &err));
    (void)s3_fixture_say(&fixture, "fault 1 GET short");
    OK(fi_bucket_get(bucket, "x", 2, 4, &got, &err));
    assert_memory_equal(got.data, "nten", 4);
    (void)s3_fixture_say(&fixture, "fault 1 GET whole");
    FAILS(fi_bucket_get(bucket, "x", 2, 4, &got, &err), FIRN_IO, "more than it was asked for");
    (void)s3_fixture_say(&fixture, "fault 1 GET whole");
    OK(fi_bucket_get(bucket, "x", 0, 100, &got, &err));
    assert_int_equal(got.size, 8);
    (void)s3_fixture_say(&fixture, "fault 1000 GET chunked");
    FAILS(get(bucket, "x", &err), FIRN_IO, "less or other than it was asked for");
    (void)s3_fixture_say(&fixture, "well");
    (void)s3_fixture_say(&fixture, "fault 1 GET chunked");
    OK(list(bucket, &err));
    fi_buf_deinit(&got);
    fi_bucket_close(bucket);
}

/* ==== what is no storage ==== */

static void
portals_are_no_storage(void **state)
{
    struct fi_bucket *bucket = s3_fixture_open(&fixture, "");
    firn_error err;
    uint64_t size;
    OK(put(bucket, "x", &err));
    static const char *const faults[] = {"portal", "redirect"};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        (void)s3_fixture_say(&fixture, "fault 5 any %s", faults[i]);
        FAILS(get(bucket, "x", &err), FIRN_IO, "no object storage");
        FAILS(fi_bucket_head(bucket, "x", &size, &err), FIRN_IO, "no object storage");
        FAILS(list(bucket, &err), FIRN_IO, "no object storage");
        FAILS(fi_bucket_remove(bucket, "x", &err), FIRN_IO, "no object storage");
        FAILS(put(bucket, "y", &err), FIRN_IO, "no object storage");
        assert_null(strstr(err.text, "login?"));
    }
    (void)s3_fixture_say(&fixture, "fault 1 GET noids");
    FAILS(get(bucket, "x", &err), FIRN_IO, "no object storage");
    (void)s3_fixture_say(&fixture, "fault 1 GET xml %%3Chtml%%3E");
    FAILS(list(bucket, &err), FIRN_CORRUPT, "no list");
    (void)s3_fixture_say(&fixture, "fault 1 GET xml %%3CListBucketResult%%3E%%3CIsTruncated%%3Etrue"
                                   "%%3C/IsTruncated%%3E%%3C/ListBucketResult%%3E");
    FAILS(list(bucket, &err), FIRN_CORRUPT, "is it an S3 bucket?");
    assert_string_equal(s3_fixture_say(&fixture, "objects"), "1");
    fi_bucket_close(bucket);
}

/* As moto does: a range that begins where the object ends, and a key that is missing. */
static void
errors_may_come_as_web_pages(void **state)
{
    struct fi_bucket *bucket = s3_fixture_open(&fixture, "");
    struct fi_buf got = {0};
    uint64_t size;
    firn_error err;
    OK(put(bucket, "x", &err));
    (void)s3_fixture_say(&fixture, "fault 1 GET html");
    OK(fi_bucket_get(bucket, "x", 1 << 20, 5, &got, &err));
    assert_int_equal(got.size, 0);
    (void)s3_fixture_say(&fixture, "fault 1 GET html");
    FAILS(get(bucket, "y", &err), FIRN_NOT_FOUND, "y");
    (void)s3_fixture_say(&fixture, "fault 1 HEAD html");
    FAILS(fi_bucket_head(bucket, "y", &size, &err), FIRN_NOT_FOUND, "y");
    (void)s3_fixture_say(&fixture, "fault 1 HEAD html");
    (void)s3_fixture_say(&fixture, "fault 1 GET portal");
    FAILS(fi_bucket_head(bucket, "y", &size, &err), FIRN_IO, "127.0.0.1");
    (void)s3_fixture_say(&fixture, "fault 1 DELETE html");
    OK(fi_bucket_remove(bucket, "y", &err));
    (void)s3_fixture_say(&fixture, "fault 1 GET html");
    FAILS(get(bucket, "x", &err), FIRN_IO, "no object storage");
    fi_buf_deinit(&got);
    fi_bucket_close(bucket);
}

/* ==== what is refused ==== */

static void
missing_permissions_are_named(void **state)
{
    struct fi_bucket *bucket = s3_fixture_open(&fixture, "");
    firn_error err;
    uint64_t size;
    OK(put(bucket, "x", &err));
    (void)s3_fixture_say(&fixture, "deny s3:PutObject");
    FAILS(put(bucket, "y", &err), FIRN_DENIED, "s3:PutObject");
    (void)s3_fixture_say(&fixture, "deny s3:GetObject");
    FAILS(get(bucket, "x", &err), FIRN_DENIED, "s3:GetObject");
    FAILS(fi_bucket_head(bucket, "x", &size, &err), FIRN_DENIED, "s3:GetObject");
    (void)s3_fixture_say(&fixture, "deny s3:ListBucket");
    FAILS(list(bucket, &err), FIRN_DENIED, "s3:ListBucket");
    (void)s3_fixture_say(&fixture, "deny s3:DeleteObject");
    FAILS(fi_bucket_remove(bucket, "x", &err), FIRN_DENIED, "s3:DeleteObject");
    (void)s3_fixture_say(&fixture, "deny lock");
    FAILS(fi_bucket_remove(bucket, "x", &err), FIRN_DENIED, "Object Lock");
    (void)s3_fixture_say(&fixture, "deny");
    (void)s3_fixture_say(&fixture, "bucket another");
    FAILS(list(bucket, &err), FIRN_INVALID, "there is no bucket 'bucket'");
    FAILS(get(bucket, "x", &err), FIRN_INVALID, "there is no bucket 'bucket'");
    FAILS(fi_bucket_head(bucket, "x", &size, &err), FIRN_INVALID, "there is no bucket 'bucket'");
    FAILS(fi_bucket_remove(bucket, "x", &err), FIRN_INVALID, "there is no bucket 'bucket'");
    fi_bucket_close(bucket);
}

static void
wrong_clocks_and_keys_are_told_apart(void **state)
{
    struct fi_bucket *bucket = s3_fixture_open(&fixture, "");
    firn_error err;
    (void)s3_fixture_say(&fixture, "clock 3605");
    FAILS(list(bucket, &err), FIRN_DENIED, "clock of this machine is 60 minutes behind");
    (void)s3_fixture_say(&fixture, "clock -90000");
    FAILS(list(bucket, &err), FIRN_DENIED, "clock of this machine is 25 hours ahead");
    (void)s3_fixture_say(&fixture, "clock 0");
    (void)s3_fixture_say(&fixture, "key ak other");
    FAILS(list(bucket, &err), FIRN_DENIED, "secret access key");
    assert_null(strstr(err.text, "with+signs"));
    (void)s3_fixture_say(&fixture, "nokeys");
    FAILS(list(bucket, &err), FIRN_DENIED, "does not know the access key");
    fi_bucket_close(bucket);
}

static void
a_wrong_region_is_named(void **state)
{
    struct fi_bucket *bucket = s3_fixture_open(&fixture, "");
    firn_error err;
    (void)s3_fixture_say(&fixture, "region eu-central-1");
    FAILS(list(bucket, &err), FIRN_IO,
          "is in region eu-central-1, not in us-east-1: set AWS_REGION");
    fi_bucket_close(bucket);
    (void)setenv("AWS_REGION", "eu-central-1", 1);
    bucket = s3_fixture_open(&fixture, "");
    OK(list(bucket, &err));
    (void)s3_fixture_say(&fixture, "fault 1 GET moved eu-west-1");
    FAILS(list(bucket, &err), FIRN_IO, "is in region eu-west-1");
    fi_bucket_close(bucket);
}

/* AWS's own hosts, which a proxy leads to the server here. */
static void
aws_tells_the_region(void **state)
{
    struct fi_bucket *bucket;
    firn_error err;
    char proxy[64];
    const struct fi_s3_options options = {.retry_ms = 1000};
    (void)snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", fixture.port);
    (void)setenv("http_proxy", proxy, 1);
    OK(fi_s3_open(fi_os_default(), "http://s3.us-east-1.amazonaws.com/bu.cket/p", &options, &bucket,
                  &err));
    (void)s3_fixture_say(&fixture, "bucket bu.cket");
    OK(list(bucket, &err));
    (void)s3_fixture_say(&fixture, "region eu-west-1");
    (void)s3_fixture_say(&fixture, "count");
    OK(list(bucket, &err));
    assert_string_equal(s3_fixture_say(&fixture, "count"), "GET=2");
    OK(put(bucket, "x", &err));
    (void)s3_fixture_say(&fixture, "region eu-west-3");
    FAILS(put(bucket, "y", &err), FIRN_IO, "is in region eu-west-3");
    OK(put(bucket, "y", &err)); /* it knows by now */
    assert_string_equal(s3_fixture_say(&fixture, "count"), "PUT=3");
    assert_int_equal(atoi(s3_fixture_say(&fixture, "proxy")), 6);
    fi_bucket_close(bucket);
}

static void
the_answers_say_the_time(void **state)
{
    struct fi_bucket *bucket = s3_fixture_open(&fixture, "");
    firn_error err;
    (void)s3_fixture_say(&fixture, "clock 600");
    OK(list(bucket, &err));
    int64_t ahead_s = bucket->answered_s - fi_os_now_ns(fi_os_default()) / INT64_C(1000000000);
    assert_true(ahead_s > 590 && ahead_s < 610);
    fi_bucket_close(bucket);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_put_is_sent_once, reset),
        cmocka_unit_test_setup(a_put_of_nothing_is_sent_once, reset),
        cmocka_unit_test_setup(idle_connections_may_be_closed, reset),
        cmocka_unit_test_setup(nobody_listens, reset),
        cmocka_unit_test_setup(other_calls_are_repeated, reset),
        cmocka_unit_test_setup(repeating_has_an_end, reset),
        cmocka_unit_test_setup(a_stall_ends, reset),
        cmocka_unit_test_setup(a_server_that_drips_holds_nothing_for_ever, reset),
        cmocka_unit_test_setup(a_refusal_counts_though_the_connection_breaks, reset),
        cmocka_unit_test_setup(parts_that_were_not_asked_for_are_refused, reset),
        cmocka_unit_test_setup(portals_are_no_storage, reset),
        cmocka_unit_test_setup(errors_may_come_as_web_pages, reset),
        cmocka_unit_test_setup(missing_permissions_are_named, reset),
        cmocka_unit_test_setup(wrong_clocks_and_keys_are_told_apart, reset),
        cmocka_unit_test_setup(a_wrong_region_is_named, reset),
        cmocka_unit_test_setup(aws_tells_the_region, reset),
        cmocka_unit_test_setup(the_answers_say_the_time, reset),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
