/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/s3: over TLS: a certificate authority of one's own, and what is said where the certificate is not accepted.
 */

#include "posix/os_default.h"
#include "s3_fixture.h"
#include "support/test_temp.h"

static struct s3_fixture fixture;
static char directory[TEST_TEMP_SIZE];
static char certificate[TEST_TEMP_SIZE + 16];
static bool is_started;

static int
start(void **state)
{
    char command[512];
    char key[TEST_TEMP_SIZE + 16];
    test_temp_make(directory, sizeof directory);
    (void)snprintf(certificate, sizeof certificate, "%s/cert.pem", directory);
    (void)snprintf(key, sizeof key, "%s/key.pem", directory);
    (void)snprintf(command, sizeof command,
                   "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
                   "-days 2 -subj /CN=127.0.0.1 "
                   "-addext subjectAltName=IP:127.0.0.1 -keyout '%s' -out '%s' 2> /dev/null",
                   key, certificate);
    if (system(command) != 0) {
        puts("SKIPPED: object storage over TLS: no openssl");
        return 0;
    }
    s3_fixture_start(&fixture, certificate, key);
    is_started = true;
    return 0;
}

static int
stop(void **state)
{
    char command[128];
    if (is_started) {
        s3_fixture_stop(&fixture);
    }
    (void)snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command);
}

static int
ignore(void *ctx, const struct fi_bucket_object *object)
{
    (void)ctx;
    (void)object;
    return FIRN_OK;
}

static void
certificates_are_checked(void **state)
{
    struct fi_bucket *bucket;
    struct fi_buf got = {0};
    firn_error err;
    char url[64];
    if (!is_started) {
        skip();
    }
    s3_fixture_reset(&fixture);
    OK(fi_s3_open(fi_os_default(), fixture.url, NULL, &bucket, &err));
    FAILS(fi_bucket_list(bucket, "", NULL, ignore, NULL, &err), FIRN_IO, "AWS_CA_BUNDLE");
    fi_bucket_close(bucket);
    (void)setenv("AWS_CA_BUNDLE", certificate, 1);
    OK(fi_s3_open(fi_os_default(), fixture.url, NULL, &bucket, &err));
    OK(fi_bucket_put_bytes(bucket, "x", firn_str("contents"), &err));
    OK(fi_bucket_get(bucket, "x", 0, UINT64_MAX, &got, &err));
    assert_int_equal(got.size, 8);
    /* The server goes away in the middle of a put: no signal ends this process. */
    (void)s3_fixture_say(&fixture, "fault 5 PUT close-half 10");
    uint8_t *large = calloc(1, 8 << 20);
    assert_non_null(large);
    for (int i = 0; i < 5; i++) {
        FAILS(fi_bucket_put_bytes(bucket, "y", firn_bytes(large, 8 << 20), &err), FIRN_IO,
              "whether the object was made is not known");
    }
    free(large);
    fi_bucket_close(bucket);
    /* Another name than that of the certificate. */
    (void)snprintf(url, sizeof url, "https://localhost:%d/bucket", fixture.port);
    OK(fi_s3_open(fi_os_default(), url, NULL, &bucket, &err));
    FAILS(fi_bucket_list(bucket, "", NULL, ignore, NULL, &err), FIRN_IO, "could not reach");
    fi_bucket_close(bucket);
    /* A file of authorities that is not there. */
    (void)setenv("AWS_CA_BUNDLE", "/nowhere.pem", 1);
    OK(fi_s3_open(fi_os_default(), fixture.url, NULL, &bucket, &err));
    FAILS(fi_bucket_list(bucket, "", NULL, ignore, NULL, &err), FIRN_IO, "AWS_CA_BUNDLE");
    fi_bucket_close(bucket);
    fi_buf_deinit(&got);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_are_checked),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
