/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/s3: against a server that others have written. versitygw refuses what AWS refuses (signatures, hashes, clocks), and makes
 * an object only if there is none, however many ask at once. Where that is not installed it is moto, which verifies no
 * signatures. scripts/deps --test-remote installs one of them; without it this is skipped.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "posix/os_default.h"
#include "remote/remote.h"
#include "s3/s3.h"
#include "s3/s3_http.h"
#include "s3/s3_sign.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_temp.h"

static const char versitygw[] = "build/deps/remote/versitygw";
static const char moto[] =
    "build/deps/remote/moto/bin/python"; /* for tests/support/moto_server.py */
static const char access_key[] = "testaccess";
static const char secret_key[] = "testsecret/+";
static pid_t server;
static bool is_moto;
static int port;
static char directory[TEST_TEMP_SIZE];

/* ==== the server ==== */

static int
find_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

/* A bucket is no object: firn makes none. */
static bool
make_bucket(void)
{
    static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    struct fi_s3_http http;
    struct fi_s3_http_answer answer;
    struct fi_buf headers = {0};
    firn_error err;
    char host[32];
    char url[64];
    const struct fi_s3_http_options options = {
        .connect_ms = 1000, .stall_s = 10, .grace_ms = 10000};
    (void)snprintf(host, sizeof host, "127.0.0.1:%d", port);
    (void)snprintf(url, sizeof url, "http://%s/bucket", host);
    const struct fi_s3_sign_request sign = {
        .method = "PUT", .host = host, .path = "/bucket", .query = "", .payload_hash = empty};
    OK(fi_s3_http_init(&http, fi_os_default(), &options, &err));
    assert_int_equal(
        fi_s3_sign(&sign, access_key, secret_key, NULL, "us-east-1", time(NULL), &headers),
        FIRN_OK);
    const struct fi_s3_http_request request = {
        .method = "PUT", .url = url, .headers = fi_buf_slice(&headers), .size_max = 1 << 16};
    OK(fi_s3_http_perform(&http, &request, &answer, &err));
    fi_buf_deinit(&answer.error_body);
    fi_buf_deinit(&headers);
    fi_s3_http_deinit(&http);
    return answer.status == 200;
}

static void
run_server(void)
{
    char address[32];
    char number[16];
    (void)snprintf(address, sizeof address, "127.0.0.1:%d", port);
    (void)snprintf(number, sizeof number, "%d", port);
    if (freopen("/dev/null", "w", stdout) == NULL || freopen("/dev/null", "w", stderr) == NULL) {
        _exit(127);
    }
    (void)setenv("ROOT_ACCESS_KEY", access_key, 1);
    (void)setenv("ROOT_SECRET_KEY", secret_key, 1);
    (void)alarm(600); /* whatever becomes of the test */
    if (is_moto) {
        execl(moto, moto, "tests/support/moto_server.py", number, (char *)NULL);
    } else {
        execl(versitygw, versitygw, "--port", address, "posix", directory, (char *)NULL);
    }
    _exit(127);
}

static int
start(void **state)
{
    is_moto = access(versitygw, X_OK) != 0;
    if (is_moto && access(moto, X_OK) != 0) {
        puts("SKIPPED: object storage of others: none is installed (scripts/deps --test-remote)");
        return 0;
    }
    test_temp_make(directory, sizeof directory);
    port = find_port();
    server = fork();
    assert_true(server >= 0);
    if (server == 0) {
        run_server();
    }
    (void)unsetenv("http_proxy");
    (void)unsetenv("AWS_PROFILE");
    (void)unsetenv("AWS_SESSION_TOKEN");
    (void)unsetenv("AWS_REGION");
    (void)unsetenv("AWS_DEFAULT_REGION");
    (void)setenv("HOME", directory, 1);
    (void)setenv("AWS_ACCESS_KEY_ID", access_key, 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", secret_key, 1);
    bool is_up = false;
    for (int i = 0; i < 300 && !is_up; i++) {
        fi_os_sleep_ns(fi_os_default(), 100000000);
        is_up = make_bucket();
    }
    if (!is_up) {
        fail_msg("the server makes no bucket in %s", directory);
    }
    return 0;
}

static int
stop(void **state)
{
    char command[96];
    if (server > 0) {
        (void)kill(server, SIGKILL);
        (void)waitpid(server, NULL, 0);
        (void)snprintf(command, sizeof command, "rm -rf '%s'", directory);
        return system(command);
    }
    return 0;
}

static struct fi_bucket *
open_bucket(const char *prefix)
{
    struct fi_bucket *bucket;
    firn_error err;
    char url[128];
    if (server == 0) {
        skip();
    }
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/bucket/%s", port, prefix);
    OK(fi_s3_open(fi_os_default(), url, NULL, &bucket, &err));
    return bucket;
}

/* ==== calls ==== */

static int
join_names(void *ctx, const struct fi_bucket_object *object)
{
    char *text = ctx;
    assert_true(object->age_s >= 0 && object->age_s < 600);
    (void)snprintf(text + strlen(text), 200, "%s:%d ", object->name, (int)object->size_bytes);
    return FIRN_OK;
}

static void
objects_are_made_read_listed_and_removed(void **state)
{
    struct fi_bucket *bucket = open_bucket("one/two");
    struct fi_buf got = {0};
    char text[4096] = "";
    uint64_t size;
    firn_error err;
    OK(fi_bucket_put_bytes(bucket, "packs/a", firn_str("0123456789"), &err));
    FAILS(fi_bucket_put_bytes(bucket, "packs/a", firn_str("other"), &err), FIRN_EXISTS, "packs/a");
    OK(fi_bucket_put_bytes(bucket, "packs/b", firn_bytes(NULL, 0), &err));
    OK(fi_bucket_put_bytes(bucket, "states/0000000001", firn_str("s"), &err));
    assert_true(bucket->answered_s > 1700000000);
    OK(fi_bucket_get(bucket, "packs/a", 0, UINT64_MAX, &got, &err));
    assert_int_equal(got.size, 10);
    OK(fi_bucket_get(bucket, "packs/b", 0, UINT64_MAX, &got, &err));
    assert_int_equal(got.size, 0);
    OK(fi_bucket_get(bucket, "packs/a", 3, 4, &got, &err));
    assert_memory_equal(got.data, "3456", 4);
    OK(fi_bucket_get(bucket, "packs/a", 8, 100, &got, &err));
    assert_int_equal(got.size, 2);
    OK(fi_bucket_get(bucket, "packs/a", 0, 100, &got, &err));
    assert_int_equal(got.size, 10);
    OK(fi_bucket_get(bucket, "packs/a", 10, 5, &got, &err));
    assert_int_equal(got.size, 0);
    OK(fi_bucket_get(bucket, "packs/a", 4, UINT64_MAX, &got, &err));
    assert_memory_equal(got.data, "456789", 6);
    FAILS(fi_bucket_get(bucket, "packs/c", 0, UINT64_MAX, &got, &err), FIRN_NOT_FOUND, "packs/c");
    OK(fi_bucket_head(bucket, "packs/a", &size, &err));
    assert_int_equal(size, 10);
    FAILS(fi_bucket_head(bucket, "packs/c", &size, &err), FIRN_NOT_FOUND, "packs/c");
    OK(fi_bucket_list(bucket, "", NULL, join_names, text, &err));
    assert_string_equal(text, "packs/a:10 packs/b:0 states/0000000001:1 ");
    text[0] = 0;
    OK(fi_bucket_list(bucket, "packs/", "packs/a", join_names, text, &err));
    assert_string_equal(text, "packs/b:0 ");
    OK(fi_bucket_remove(bucket, "packs/a", &err));
    OK(fi_bucket_remove(bucket, "packs/a", &err));
    FAILS(fi_bucket_head(bucket, "packs/a", &size, &err), FIRN_NOT_FOUND, "packs/a");
    fi_buf_deinit(&got);
    fi_bucket_close(bucket);
}

static int
count_names(void *ctx, const struct fi_bucket_object *object)
{
    (void)object;
    (*(int *)ctx)++;
    return FIRN_OK;
}

static void
lists_have_many_pages(void **state)
{
    struct fi_bucket *bucket = open_bucket("pages");
    firn_error err;
    char path[128];
    int count = 0;
    (void)snprintf(path, sizeof path, "%s/bucket/pages", directory);
    (void)mkdir(path, 0700);
    for (int i = 0; i < 2100; i++) {
        if (is_moto) {
            (void)snprintf(path, sizeof path, "n%04d", i);
            OK(fi_bucket_put_bytes(bucket, path, firn_str("x"), &err));
            continue;
        }
        /* Files are objects there. */
        (void)snprintf(path, sizeof path, "%s/bucket/pages/n%04d", directory, i);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        (void)fclose(file);
    }
    const uint64_t before = bucket->request_count;
    OK(fi_bucket_list(bucket, "", NULL, count_names, &count, &err));
    assert_int_equal(count, 2100);
    assert_int_equal(bucket->request_count - before, 3);
    fi_bucket_close(bucket);
}

static int
read_pattern(void *ctx, uint64_t offset, void *out, size_t size, firn_error *err)
{
    (void)ctx;
    (void)err;
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)out)[i] = (uint8_t)((offset + i) * 2654435761u >> 11);
    }
    return FIRN_OK;
}

static void
large_objects_come_back(void **state)
{
    struct fi_bucket *bucket = open_bucket("large");
    const struct fi_bucket_body body = {(32 << 20) + 5, read_pattern, NULL};
    struct fi_buf got = {0};
    uint8_t *wanted = malloc(8 << 20);
    firn_error err;
    assert_non_null(wanted);
    OK(fi_bucket_put(bucket, "x", &body, &err));
    for (uint64_t at = 0; at < body.size_bytes; at += 8 << 20) {
        OK(fi_bucket_get(bucket, "x", at, 8 << 20, &got, &err));
        assert_true(got.size == 8 << 20 || at + got.size == body.size_bytes);
        assert_int_equal(read_pattern(NULL, at, wanted, got.size, &err), FIRN_OK);
        assert_memory_equal(got.data, wanted, got.size);
    }
    free(wanted);
    fi_buf_deinit(&got);
    fi_bucket_close(bucket);
}

static void
keys_that_are_refused_are_told(void **state)
{
    struct fi_bucket *bucket;
    firn_error err;
    char text[1000] = "";
    fi_bucket_close(open_bucket(""));
    if (is_moto) {
        puts("SKIPPED: keys that a server refuses: moto takes all");
        skip();
    }
    (void)setenv("AWS_SECRET_ACCESS_KEY", "wrong", 1);
    bucket = open_bucket("");
    FAILS(fi_bucket_list(bucket, "", NULL, join_names, text, &err), FIRN_DENIED,
          "secret access key is not that of the access key");
    fi_bucket_close(bucket);
    (void)setenv("AWS_SECRET_ACCESS_KEY", secret_key, 1);
    (void)setenv("AWS_ACCESS_KEY_ID", "nobody", 1);
    bucket = open_bucket("");
    FAILS(fi_bucket_put_bytes(bucket, "x", firn_str("x"), &err), FIRN_DENIED,
          "does not know the access key");
    fi_bucket_close(bucket);
    (void)setenv("AWS_ACCESS_KEY_ID", access_key, 1);
}

static void
a_bucket_that_is_missing_is_told(void **state)
{
    struct fi_bucket *bucket;
    firn_error err;
    char url[64];
    char text[1000] = "";
    fi_bucket_close(open_bucket(""));
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/no-bucket", port);
    OK(fi_s3_open(fi_os_default(), url, NULL, &bucket, &err));
    FAILS(fi_bucket_list(bucket, "", NULL, join_names, text, &err), FIRN_INVALID,
          "there is no bucket 'no-bucket'");
    FAILS(fi_bucket_put_bytes(bucket, "x", firn_str("x"), &err), FIRN_INVALID,
          "there is no bucket 'no-bucket'");
    fi_bucket_close(bucket);
}

/* ==== many at once ==== */

enum { RACERS = 8, ROUNDS = 20 };

struct racer {
    pthread_t thread;
    struct fi_bucket *bucket;
    pthread_barrier_t *barrier;
    int won;
    int lost;
    int other;
};

static void *
race(void *ctx)
{
    struct racer *racer = ctx;
    for (int i = 0; i < ROUNDS; i++) {
        char name[32];
        firn_error err;
        (void)snprintf(name, sizeof name, "states/%010d", i);
        (void)pthread_barrier_wait(racer->barrier);
        int rc = fi_bucket_put_bytes(racer->bucket, name, firn_str("state"), &err);
        racer->won += rc == FIRN_OK ? 1 : 0;
        racer->lost += rc == FIRN_EXISTS ? 1 : 0;
        racer->other += rc != FIRN_OK && rc != FIRN_EXISTS ? 1 : 0;
    }
    return NULL;
}

static void
one_of_many_makes_an_object(void **state)
{
    struct fi_bucket *bucket = open_bucket("race");
    struct racer racers[RACERS];
    pthread_barrier_t barrier;
    firn_error err;
    int won = 0;
    int lost = 0;
    memset(racers, 0, sizeof racers);
    assert_int_equal(pthread_barrier_init(&barrier, NULL, RACERS), 0);
    for (int i = 0; i < RACERS; i++) {
        racers[i].barrier = &barrier;
        OK(fi_bucket_open_again(bucket, &racers[i].bucket, &err));
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        (void)pthread_join(racers[i].thread, NULL);
        fi_bucket_close(racers[i].bucket);
        won += racers[i].won;
        lost += racers[i].lost;
        assert_int_equal(racers[i].other, 0);
    }
    assert_int_equal(won, ROUNDS);
    assert_int_equal(lost, ROUNDS * (RACERS - 1));
    (void)pthread_barrier_destroy(&barrier);
    fi_bucket_close(bucket);
    printf("count: %d races for an object of storage, each with one winner\n", ROUNDS);
}

/* ==== a remote ==== */

enum { MACHINES = 3, PUSHES = 12 };

struct machine {
    pthread_t thread;
    struct fi_bucket *bucket;
    int number;
    int pushed;
    uint64_t requests;
    char name[FI_REMOTE_FILE_NAME_SIZE];
    char text[300];
};

static int
plan_push(void *ctx, struct fi_remote *remote, struct fi_remote_change *change, firn_error *err)
{
    struct machine *machine = ctx;
    char key[32];
    (void)snprintf(key, sizeof key, "checkpoint-%d-%d", machine->number, machine->pushed);
    if (fi_remote_table_find(&remote->state.entries, firn_str(key)) != NULL) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(
        fi_remote_table_put(&change->set, firn_str(key), firn_str(machine->name), 0, err));
    return fi_remote_table_put(&change->added, firn_str(machine->name), firn_str("v"),
                               FI_REMOTE_LIVE, err);
}

static int
push_all(struct machine *machine, firn_error *err)
{
    struct fi_remote remote;
    char contents[32];
    int rc = FIRN_OK;
    (void)snprintf(contents, sizeof contents, "contents of %d", machine->number);
    firn_slice bytes = firn_str(contents);
    fi_remote_init(&remote, machine->bucket, fi_os_default(), "test@machine");
    for (; machine->pushed < PUSHES; machine->pushed++) {
        FI_TRY(fi_remote_sync(&remote, err));
        const struct fi_bucket_body sent = {bytes.size, read_pattern, NULL};
        FI_TRY(fi_remote_upload(&remote, &sent, firn_str("v"), machine->name, err));
        FI_TRY(fi_remote_push(&remote, plan_push, machine, err));
    }
out:
    machine->requests = machine->bucket->request_count;
    fi_remote_deinit(&remote);
    return rc;
}

static void *
work(void *ctx)
{
    struct machine *machine = ctx;
    firn_error err = {.code = 0};
    if (push_all(machine, &err) != FIRN_OK) {
        (void)snprintf(machine->text, sizeof machine->text, "%.299s", err.text);
    }
    return NULL;
}

static void
machines_push_to_one_remote(void **state)
{
    struct fi_bucket *bucket = open_bucket("remote");
    struct machine machines[MACHINES];
    struct fi_remote remote;
    firn_error err;
    uint64_t requests = 0;
    memset(machines, 0, sizeof machines);
    for (int i = 0; i < MACHINES; i++) {
        machines[i].number = i;
        OK(fi_bucket_open_again(bucket, &machines[i].bucket, &err));
        assert_int_equal(pthread_create(&machines[i].thread, NULL, work, &machines[i]), 0);
    }
    for (int i = 0; i < MACHINES; i++) {
        (void)pthread_join(machines[i].thread, NULL);
        fi_bucket_close(machines[i].bucket);
        assert_string_equal(machines[i].text, "");
        requests += machines[i].requests;
    }
    fi_remote_init(&remote, bucket, fi_os_default(), "judge@machine");
    OK(fi_remote_sync(&remote, &err));
    assert_int_equal(remote.state.entries.count, MACHINES * PUSHES);
    assert_int_equal(remote.state.files.count, MACHINES * PUSHES);
    fi_remote_deinit(&remote);
    fi_bucket_close(bucket);
    printf("count: %d pushes to object storage, with %d requests\n", MACHINES * PUSHES,
           (int)requests);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_made_read_listed_and_removed),
        cmocka_unit_test(lists_have_many_pages),
        cmocka_unit_test(large_objects_come_back),
        cmocka_unit_test(keys_that_are_refused_are_told),
        cmocka_unit_test(a_bucket_that_is_missing_is_told),
        cmocka_unit_test(one_of_many_makes_an_object),
        cmocka_unit_test(machines_push_to_one_remote),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
