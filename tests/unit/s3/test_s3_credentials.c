/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/s3: where keys come from, in which order, and what is said where they do not come. The server knows only the
 * keys of the place that is tried, so a list succeeds with those alone. It also plays the services that give keys.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

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

/* No keys, but a server that knows "wanted". */
static int
reset(void **state)
{
    char path[128];
    s3_fixture_reset(&fixture);
    (void)unsetenv("AWS_ACCESS_KEY_ID");
    (void)unsetenv("AWS_SECRET_ACCESS_KEY");
    (void)s3_fixture_say(&fixture, "nokeys");
    (void)s3_fixture_say(&fixture, "key wanted sesame");
    static const char *const names[] = {"credentials", "config", "process", "token"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/.aws/%s", fixture.home, names[i]);
        assert_true(unlink(path) == 0 || errno == ENOENT);
    }
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
try_profile(const char *profile, firn_error *err)
{
    struct fi_bucket *bucket;
    const struct fi_s3_options options = {.profile = profile, .retry_ms = 500};
    FI_TRY_RETURN(fi_s3_open(fi_os_default(), fixture.url, &options, &bucket, err));
    int rc = fi_bucket_list(bucket, "", NULL, ignore, NULL, err);
    fi_bucket_close(bucket);
    if (rc != FIRN_OK) {
        assert_null(strstr(err->text, "sesame"));
    }
    return rc;
}

static void
the_environment_comes_first(void **state)
{
    firn_error err;
    s3_fixture_write(&fixture, ".aws/credentials",
                     "[default]\naws_access_key_id=file\naws_secret_access_key=file\n"
                     "[named]\naws_access_key_id=wanted\naws_secret_access_key=sesame\n");
    FAILS(try_profile(NULL, &err), FIRN_DENIED, "does not know the access key");
    (void)setenv("AWS_ACCESS_KEY_ID", "wanted", 1);
    FAILS(try_profile(NULL, &err), FIRN_DENIED, "AWS_SECRET_ACCESS_KEY");
    (void)setenv("AWS_SECRET_ACCESS_KEY", "sesame", 1);
    OK(try_profile(NULL, &err));
    (void)setenv("AWS_SESSION_TOKEN", "tok", 1);
    FAILS(try_profile(NULL, &err), FIRN_DENIED, "session token");
    (void)s3_fixture_say(&fixture, "key wanted sesame tok");
    OK(try_profile(NULL, &err));
    (void)setenv("AWS_SECRET_ACCESS_KEY", "sesame\n", 1);
    FAILS(try_profile(NULL, &err), FIRN_INVALID, "secret access key has a byte");
    /* A profile that the caller names is meant. */
    (void)s3_fixture_say(&fixture, "key wanted sesame");
    OK(try_profile("named", &err));
    FAILS(try_profile("nobody", &err), FIRN_INVALID, "there is no profile 'nobody'");
}

static void
profiles_have_keys(void **state)
{
    firn_error err;
    s3_fixture_write(&fixture, ".aws/credentials",
                     "[default]\naws_access_key_id = other\naws_secret_access_key = other\n"
                     "[work]\naws_access_key_id = wanted\naws_secret_access_key = sesame\n"
                     "[half]\naws_access_key_id = wanted\n");
    s3_fixture_write(
        &fixture, ".aws/config",
        "[profile config]\naws_access_key_id = wanted\naws_secret_access_key = sesame\n"
        "[profile sso]\nsso_session = x\n[profile role]\nrole_arn = x\n");
    FAILS(try_profile(NULL, &err), FIRN_DENIED, "does not know the access key");
    OK(try_profile("work", &err));
    OK(try_profile("config", &err));
    FAILS(try_profile("half", &err), FIRN_DENIED, "aws_secret_access_key");
    FAILS(try_profile("sso", &err), FIRN_DENIED, "export-credentials --profile sso");
    FAILS(try_profile("role", &err), FIRN_DENIED, "export-credentials --profile role");
    (void)setenv("AWS_PROFILE", "work", 1);
    OK(try_profile(NULL, &err));
    (void)setenv("AWS_PROFILE", "none", 1);
    FAILS(try_profile(NULL, &err), FIRN_INVALID, "there is no profile 'none'");
    (void)unsetenv("AWS_PROFILE");
    char path[128];
    (void)snprintf(path, sizeof path, "%s/.aws/other", fixture.home);
    s3_fixture_write(&fixture, ".aws/other",
                     "[default]\naws_access_key_id=wanted\naws_secret_access_key=sesame\n");
    (void)setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
    OK(try_profile(NULL, &err));
    /* A link, as programs make that manage such files. */
    char link_path[128];
    (void)snprintf(link_path, sizeof link_path, "%s/link", fixture.home);
    assert_int_equal(symlink(path, link_path), 0);
    (void)setenv("AWS_SHARED_CREDENTIALS_FILE", link_path, 1);
    OK(try_profile(NULL, &err));
}

static void
nothing_is_set(void **state)
{
    firn_error err;
    FAILS(try_profile(NULL, &err), FIRN_DENIED, "set AWS_ACCESS_KEY_ID");
}

static void
settings_come_from_the_profile(void **state)
{
    firn_error err;
    char text[256];
    struct fi_bucket *bucket;
    (void)snprintf(text, sizeof text,
                   "[default]\naws_access_key_id=wanted\naws_secret_access_key=sesame\n"
                   "region = eu-north-1\nendpoint_url = http://127.0.0.1:%d\n",
                   fixture.port);
    s3_fixture_write(&fixture, ".aws/config", text);
    (void)s3_fixture_say(&fixture, "region eu-north-1");
    OK(fi_s3_open(fi_os_default(), "s3://bucket/p", NULL, &bucket, &err));
    OK(fi_bucket_list(bucket, "", NULL, ignore, NULL, &err));
    fi_bucket_close(bucket);
    (void)setenv("AWS_REGION", "eu-south-1", 1);
    FAILS(try_profile(NULL, &err), FIRN_IO, "not in eu-south-1");
    const struct fi_s3_options options = {.region = "eu-north-1"};
    OK(fi_s3_open(fi_os_default(), fixture.url, &options, &bucket, &err));
    OK(fi_bucket_list(bucket, "", NULL, ignore, NULL, &err));
    fi_bucket_close(bucket);
}

/* ==== credential_process ==== */

static void
a_program_gives_keys(void **state)
{
    firn_error err;
    char text[512];
    (void)snprintf(text, sizeof text,
                   "[default]\ncredential_process = \"%s/.aws/process\" 'a b' c\\ d\n",
                   fixture.home);
    s3_fixture_write(&fixture, ".aws/config", text);
    s3_fixture_write(
        &fixture, ".aws/process",
        "#!/bin/sh\n[ \"$1\" = 'a b' ] && [ \"$2\" = 'c d' ] || exit 3\nread line && exit 4\n"
        "echo '{\"Version\": 1, \"AccessKeyId\": \"wanted\",'\n"
        "echo '\"SecretAccessKey\": \"sesame\", \"SessionToken\": \"tok\"}'\n");
    (void)s3_fixture_say(&fixture, "key wanted sesame tok");
    OK(try_profile(NULL, &err));
    s3_fixture_write(&fixture, ".aws/process", "#!/bin/sh\necho '{\"x\": \"sesame\"}'\n");
    FAILS(try_profile(NULL, &err), FIRN_DENIED,
          "credential_process: credentials came without keys");
    s3_fixture_write(&fixture, ".aws/process", "#!/bin/sh\necho sesame\nexit 7\n");
    FAILS(try_profile(NULL, &err), FIRN_DENIED, "failed with exit code 7");
    s3_fixture_write(&fixture, ".aws/process", "#!/bin/sh\nhead -c 100000 /dev/zero\n");
    FAILS(try_profile(NULL, &err), FIRN_DENIED, "gives more than");
    s3_fixture_write(&fixture, ".aws/process", "#!/bin/sh\nkill -9 $$\n");
    FAILS(try_profile(NULL, &err), FIRN_DENIED, "signal 9");
    s3_fixture_write(&fixture, ".aws/config", "[default]\ncredential_process = /nowhere/x\n");
    FAILS(try_profile(NULL, &err), FIRN_DENIED, "could not run '/nowhere/x'");
    s3_fixture_write(&fixture, ".aws/config", "[default]\ncredential_process = 'x\n");
    FAILS(try_profile(NULL, &err), FIRN_DENIED, "it is no command");
}

/* What the host program has open is not the program's business. */
static void
a_program_has_no_descriptors_of_ours(void **state)
{
    firn_error err;
    char text[512];
    (void)snprintf(text, sizeof text, "[default]\ncredential_process = \"%s/.aws/process\"\n",
                   fixture.home);
    s3_fixture_write(&fixture, ".aws/config", text);
    (void)snprintf(text, sizeof text,
                   "#!/bin/sh\nfor fd in 5 77; do\n"
                   "[ -e /proc/$$/fd/$fd ] && exit 5\n"
                   "done\necho '{\"Version\": 1, \"AccessKeyId\": \"wanted\",'\n"
                   "echo '\"SecretAccessKey\": \"sesame\"}'\necho >&2\n");
    s3_fixture_write(&fixture, ".aws/process", text);
    (void)s3_fixture_say(&fixture, "key wanted sesame");
    bool has_five = fcntl(5, F_GETFD) >= 0;
    assert_int_equal(dup2(STDERR_FILENO, 77), 77);
    assert_true(has_five || dup2(STDERR_FILENO, 5) == 5);
    OK(try_profile(NULL, &err));
    assert_int_equal(close(77), 0);
    assert_true(has_five || close(5) == 0);
}

/* Keys that are about to expire are asked for again; those that the storage calls expired, too. */
static void
keys_that_expire_are_replaced(void **state)
{
    struct fi_bucket *bucket;
    firn_error err;
    char text[512];
    (void)snprintf(text, sizeof text, "[default]\ncredential_process = %s/.aws/process\n",
                   fixture.home);
    s3_fixture_write(&fixture, ".aws/config", text);
    s3_fixture_write(
        &fixture, ".aws/process",
        "#!/bin/sh\necho x >> \"$0.count\"\n"
        "echo '{\"AccessKeyId\": \"wanted\", \"SecretAccessKey\": \"sesame\", \"SessionToken\": "
        "\"t'$(wc -l < \"$0.count\")'\", \"Expiration\": \"'$(date -u -d '+4 minutes' "
        "+%Y-%m-%dT%H:%M:%SZ)'\"}'\n");
    (void)s3_fixture_say(&fixture, "key wanted sesame t2");
    OK(fi_s3_open(fi_os_default(), fixture.url, NULL, &bucket, &err));
    OK(fi_bucket_list(bucket, "", NULL, ignore, NULL, &err));
    (void)s3_fixture_say(&fixture, "key wanted sesame t3");
    OK(fi_bucket_list(bucket, "", NULL, ignore, NULL, &err));
    assert_string_equal(s3_fixture_say(&fixture, "count"), "GET=2"); /* before they had expired */
    /* The program is gone: the keys that are known still hold. */
    s3_fixture_write(&fixture, ".aws/process", "#!/bin/sh\nexit 1\n");
    OK(fi_bucket_list(bucket, "", NULL, ignore, NULL, &err));
    /* The storage says that they have expired, and there are others by now. */
    s3_fixture_write(
        &fixture, ".aws/process",
        "#!/bin/sh\necho '{\"AccessKeyId\": \"wanted\", \"SecretAccessKey\": \"sesame\", "
        "\"SessionToken\": \"new\", \"Expiration\": \"2099-01-01T00:00:00Z\"}'\n");
    (void)s3_fixture_say(&fixture, "key wanted sesame new");
    OK(fi_bucket_list(bucket, "", NULL, ignore, NULL, &err));
    s3_fixture_write(
        &fixture, ".aws/process",
        "#!/bin/sh\necho '{\"AccessKeyId\": \"wanted\", \"SecretAccessKey\": \"sesame\", "
        "\"SessionToken\": \"newer\"}'\n");
    (void)s3_fixture_say(&fixture, "key wanted sesame newer");
    (void)s3_fixture_say(&fixture, "count");
    OK(fi_bucket_list(bucket, "", NULL, ignore, NULL, &err));
    assert_string_equal(s3_fixture_say(&fixture, "count"), "GET=2");
    /* A put is not sent again, but the next one has the others. */
    s3_fixture_write(
        &fixture, ".aws/process",
        "#!/bin/sh\necho '{\"AccessKeyId\": \"wanted\", \"SecretAccessKey\": \"sesame\", "
        "\"SessionToken\": \"newer2\"}'\n");
    (void)s3_fixture_say(&fixture, "key wanted sesame newer2");
    (void)s3_fixture_say(&fixture, "count");
    FAILS(fi_bucket_put_bytes(bucket, "x", firn_str("x"), &err), FIRN_IO, "keys that have expired");
    assert_string_equal(s3_fixture_say(&fixture, "count"), "PUT=1");
    OK(fi_bucket_put_bytes(bucket, "x", firn_str("x"), &err));
    /* Nothing new: an error, after one more look. */
    (void)s3_fixture_say(&fixture, "key wanted sesame newest");
    FAILS(fi_bucket_list(bucket, "", NULL, ignore, NULL, &err), FIRN_DENIED, "sign in again");
    fi_bucket_close(bucket);
}

/* ==== services ==== */

#define KEYS                                                                                 \
    "{\"Code\": \"Success\", \"AccessKeyId\": \"wanted\", \"SecretAccessKey\": \"sesame\", " \
    "\"Token\": \"tok\"}"

static void
a_container_gives_keys(void **state)
{
    firn_error err;
    char url[128];
    (void)s3_fixture_say(&fixture, "key wanted sesame tok");
    (void)s3_fixture_say(&fixture, "reply /creds 200 Bearer%%20x %s", KEYS);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/creds", fixture.port);
    (void)setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    FAILS(try_profile(NULL, &err), FIRN_DENIED,
          "container's service (AWS_CONTAINER_CREDENTIALS_...) gives no keys: it answered 401");
    (void)setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer x", 1);
    OK(try_profile(NULL, &err));
    (void)setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer x\r\nX: y", 1);
    FAILS(try_profile(NULL, &err), FIRN_DENIED, "token");
    s3_fixture_write(&fixture, ".aws/token", "Bearer x\n");
    (void)snprintf(url, sizeof url, "%s/.aws/token", fixture.home);
    (void)setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", url, 1);
    OK(try_profile(NULL, &err));
    static const char *const elsewhere[] = {"http://example.com/creds", "http://127.evil.com/",
                                            "http://localhost.evil.com/", "ftp://127.0.0.1/",
                                            "http://127.0.0.1@evil.com/"};
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        (void)setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", elsewhere[i], 1);
        FAILS(try_profile(NULL, &err), FIRN_DENIED, "neither https nor an address of this machine");
    }
    (void)setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.com/", 1);
    FAILS(try_profile(NULL, &err), FIRN_DENIED, "does not begin with '/'");
}

static void
the_machine_gives_keys(void **state)
{
    firn_error err;
    char url[64];
    (void)s3_fixture_say(&fixture, "key wanted sesame tok");
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", fixture.port);
    (void)setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url, 1);
    (void)s3_fixture_say(&fixture, "reply /latest/api/token 200 21600 session");
    (void)s3_fixture_say(&fixture,
                         "reply /latest/meta-data/iam/security-credentials/ 200 session role");
    (void)s3_fixture_say(
        &fixture, "reply /latest/meta-data/iam/security-credentials/role 200 session %s", KEYS);
    FAILS(try_profile(NULL, &err), FIRN_DENIED, "set AWS_ACCESS_KEY_ID"); /* it is disabled */
    (void)unsetenv("AWS_EC2_METADATA_DISABLED");
    OK(try_profile(NULL, &err));
    (void)s3_fixture_say(&fixture,
                         "reply /latest/meta-data/iam/security-credentials/ 200 session ../x");
    FAILS(try_profile(NULL, &err), FIRN_DENIED, "set AWS_ACCESS_KEY_ID");
    /* Nothing is there: it takes a second. */
    (void)setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9", 1);
    FAILS(try_profile(NULL, &err), FIRN_DENIED, "set AWS_ACCESS_KEY_ID");
    (void)setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url, 1);
    (void)s3_fixture_say(&fixture, "fault 1 PUT hold");
    int64_t before_ns = fi_os_monotonic_ns(fi_os_default());
    FAILS(try_profile(NULL, &err), FIRN_DENIED, "set AWS_ACCESS_KEY_ID");
    assert_true(fi_os_monotonic_ns(fi_os_default()) - before_ns < INT64_C(20000000000));
}

static void
a_web_identity_becomes_keys(void **state)
{
    firn_error err;
    char text[128];
    (void)s3_fixture_say(&fixture, "key wanted sesame tok");
    (void)snprintf(text, sizeof text, "%s/.aws/token", fixture.home);
    s3_fixture_write(&fixture, ".aws/token", "identity+/=\n");
    (void)setenv("AWS_WEB_IDENTITY_TOKEN_FILE", text, 1);
    (void)setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/x", 1);
    (void)snprintf(text, sizeof text, "http://127.0.0.1:%d/sts", fixture.port);
    (void)setenv("AWS_ENDPOINT_URL_STS", text, 1);
    (void)s3_fixture_say(
        &fixture,
        "reply /sts/ 200 "
        "Action=AssumeRoleWithWebIdentity&RoleArn=arn%%253Aaws%%253Aiam%%253A%%253A1%%253Arole%%"
        "252Fx&"
        "RoleSessionName=firn&Version=2011-06-15&WebIdentityToken=identity%%252B%%252F%%253D "
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
        "<AccessKeyId>wanted</AccessKeyId><SecretAccessKey>sesame</SecretAccessKey>"
        "<SessionToken>tok</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>"
        "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>");
    OK(try_profile(NULL, &err));
    s3_fixture_write(&fixture, ".aws/token", "other\n");
    FAILS(try_profile(NULL, &err), FIRN_DENIED,
          "token service (AWS_WEB_IDENTITY_TOKEN_FILE) gives no keys: it answered 401");
    (void)setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token", 1);
    FAILS(try_profile(NULL, &err), FIRN_NOT_FOUND, "/nowhere");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_environment_comes_first, reset),
        cmocka_unit_test_setup(profiles_have_keys, reset),
        cmocka_unit_test_setup(nothing_is_set, reset),
        cmocka_unit_test_setup(settings_come_from_the_profile, reset),
        cmocka_unit_test_setup(a_program_gives_keys, reset),
        cmocka_unit_test_setup(a_program_has_no_descriptors_of_ours, reset),
        cmocka_unit_test_setup(keys_that_expire_are_replaced, reset),
        cmocka_unit_test_setup(a_container_gives_keys, reset),
        cmocka_unit_test_setup(the_machine_gives_keys, reset),
        cmocka_unit_test_setup(a_web_identity_becomes_keys, reset),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
