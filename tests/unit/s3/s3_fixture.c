/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/s3: see s3_fixture.h.
 */
#include "s3_fixture.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "posix/os_default.h"
#include "s3/s3_curl.h"
#include "support/test_temp.h"

#ifndef PYTHON3
#define PYTHON3 "python3"
#endif

static const char *const variables[] = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_CA_BUNDLE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
};

static void
run_server(int in, int out, const char *certificate, const char *key)
{
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0) {
        _exit(127);
    }
    if (certificate != NULL) {
        execlp(PYTHON3, PYTHON3, "tests/unit/s3/s3_server.py", "--tls", certificate, key,
               (char *)NULL);
    }
    execlp(PYTHON3, PYTHON3, "tests/unit/s3/s3_server.py", (char *)NULL);
    _exit(127);
}

void
s3_fixture_start(struct s3_fixture *fixture, const char *certificate, const char *key)
{
    int in[2];
    int out[2];
    const struct fi_s3_curl *curl;
    if (fi_s3_curl_load(&curl, NULL) != FIRN_OK) {
        puts("SKIPPED: object storage: no libcurl");
        exit(0);
    }
    memset(fixture, 0, sizeof *fixture);
    (void)signal(SIGPIPE, SIG_DFL); /* what reaches the process would end it */
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    fixture->pid = fork();
    assert_true(fixture->pid >= 0);
    if (fixture->pid == 0) {
        (void)close(in[1]);
        (void)close(out[0]);
        run_server(in[0], out[1], certificate, key);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    fixture->to = fdopen(in[1], "w");
    fixture->from = fdopen(out[0], "r");
    char line[64];
    if (fgets(line, sizeof line, fixture->from) == NULL) {
        puts("SKIPPED: object storage: no python3");
        exit(0);
    }
    fixture->port = atoi(line);
    (void)snprintf(fixture->url, sizeof fixture->url, "http%s://127.0.0.1:%d/bucket",
                   certificate != NULL ? "s" : "", fixture->port);
    test_temp_make(fixture->home, sizeof fixture->home);
    s3_fixture_reset(fixture);
}

void
s3_fixture_stop(struct s3_fixture *fixture)
{
    char command[96];
    (void)fclose(fixture->to);
    (void)fclose(fixture->from);
    (void)waitpid(fixture->pid, NULL, 0);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", fixture->home);
    assert_int_equal(system(command), 0);
}

const char *
s3_fixture_say(struct s3_fixture *fixture, const char *format, ...)
{
    static char line[4096];
    va_list args;
    va_start(args, format);
    (void)vfprintf(fixture->to, format, args);
    va_end(args);
    (void)fputc('\n', fixture->to);
    (void)fflush(fixture->to);
    if (fgets(line, sizeof line, fixture->from) == NULL) {
        fail_msg("the server has ended");
    }
    line[strcspn(line, "\n")] = 0;
    assert_string_not_equal(line, "unknown");
    return line;
}

void
s3_fixture_reset(struct s3_fixture *fixture)
{
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        (void)unsetenv(variables[i]);
    }
    (void)setenv("HOME", fixture->home, 1);
    (void)setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    (void)setenv("AWS_ACCESS_KEY_ID", "ak", 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "secret/with+signs", 1);
    (void)s3_fixture_say(fixture, "well");
    (void)s3_fixture_say(fixture, "empty");
    (void)s3_fixture_say(fixture, "deny");
    (void)s3_fixture_say(fixture, "clock 0");
    (void)s3_fixture_say(fixture, "region us-east-1");
    (void)s3_fixture_say(fixture, "bucket bucket");
    (void)s3_fixture_say(fixture, "nokeys");
    (void)s3_fixture_say(fixture, "key ak secret/with+signs");
    (void)s3_fixture_say(fixture, "count");
    (void)s3_fixture_say(fixture, "proxy");
}

void
s3_fixture_write(struct s3_fixture *fixture, const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/.aws", fixture->home);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path, "%s/%s", fixture->home, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
    (void)chmod(path, 0700);
}

struct fi_bucket *
s3_fixture_open(struct s3_fixture *fixture, const char *prefix)
{
    struct fi_bucket *bucket;
    char url[256];
    firn_error err;
    const struct fi_s3_options options = {.retry_ms = 10000, .stall_s = 20};
    (void)snprintf(url, sizeof url, "%s%s", fixture->url, prefix);
    OK(fi_s3_open(fi_os_default(), url, &options, &bucket, &err));
    return bucket;
}

struct fi_bucket *
s3_fixture_open_hasty(struct s3_fixture *fixture, int64_t retry_ms)
{
    struct fi_bucket *bucket;
    firn_error err;
    const struct fi_s3_options options = {.retry_ms = retry_ms, .stall_s = 1};
    OK(fi_s3_open(fi_os_default(), fixture->url, &options, &bucket, &err));
    return bucket;
}
