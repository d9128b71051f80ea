/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/bucket: objects that are fetched in parts, by several streams at once. The bucket is a
 * function of this file: byte i of an object is i / 4096 + i.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/slice.h"
#include "bucket/bucket_fetch.h"
#include "posix/os_default.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_temp.h"

enum { PART = FI_BUCKET_FETCH_PART_SIZE, SIZE = 5 * PART + 1234, WAIT_S = 10 };

static char root[TEST_TEMP_SIZE];
static firn_error err;

/* ==== the bucket ==== */

static struct fi_bucket handles[FI_BUCKET_STREAMS_MAX];
static unsigned handle_count;
static atomic_uint closed;
static uint64_t object_size;
static unsigned meet_count;  /* a get waits until so many are there at once */
static uint64_t fails_at[2]; /* offsets of parts that fail; UINT64_MAX: none */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned inside;
static unsigned met;

static uint8_t
byte_at(uint64_t offset)
{
    return (uint8_t)(offset / 4096 + offset);
}

/* False if the others do not come. */
static bool
meet_others(void)
{
    struct timespec until;
    bool is_met = true;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&mutex);
    inside++;
    met = inside > met ? inside : met;
    pthread_cond_broadcast(&changed);
    while (met < meet_count && is_met) {
        is_met = pthread_cond_timedwait(&changed, &mutex, &until) == 0;
    }
    inside--;
    pthread_mutex_unlock(&mutex);
    return is_met;
}

static int
get(struct fi_bucket *bucket, const char *name, uint64_t offset, uint64_t size, struct fi_buf *out,
    firn_error *error)
{
    (void)bucket;
    if (!meet_others()) {
        return fi_error_set(error, FIRN_INTERNAL, "one at a time");
    }
    if (offset == fails_at[0] || offset == fails_at[1]) {
        return fi_error_set(error, FIRN_IO, "%s: no answer at %llu", name,
                            (unsigned long long)offset);
    }
    size = offset >= object_size ? 0 : size;
    size = size < object_size - offset ? size : object_size - offset;
    if (fi_buf_set_size(out, (size_t)size) != FIRN_OK) {
        return fi_error_no_memory(error, "a part");
    }
    for (size_t i = 0; i < size; i++) {
        out->data[i] = byte_at(offset + i);
    }
    return FIRN_OK;
}

static void
count_closed(struct fi_bucket *bucket)
{
    (void)bucket;
    atomic_fetch_add(&closed, 1);
}

static int open_again(struct fi_bucket *bucket, struct fi_bucket **out, firn_error *error);
static const struct fi_bucket_ops ops = {
    .get = get, .open_again = open_again, .close = count_closed};

static int
open_again(struct fi_bucket *bucket, struct fi_bucket **out, firn_error *error)
{
    (void)bucket, (void)error;
    assert_true(handle_count < FI_BUCKET_STREAMS_MAX);
    fi_bucket_init(&handles[handle_count], &ops);
    *out = &handles[handle_count++];
    return FIRN_OK;
}

/* ==== fetching ==== */

struct fetching {
    struct fi_os_dir *dir;
    struct fi_os_file *file;
    struct fi_bucket bucket;
    struct fi_bucket_fetch *fetch;
    uint64_t told;
    unsigned ticks;
    unsigned cancel_at; /* 0: never */
    pthread_t thread;
};

static int
note_tick(void *ctx, uint64_t bytes, firn_error *error)
{
    struct fetching *fetching = ctx;
    assert_true(pthread_equal(pthread_self(), fetching->thread));
    fetching->told += bytes;
    fetching->ticks++;
    return fetching->ticks == fetching->cancel_at ? fi_error_set(error, FIRN_CANCELLED, "cancelled")
                                                  : FIRN_OK;
}

static void
open_fetching(struct fetching *fetching, unsigned streams)
{
    *fetching = (struct fetching){.thread = pthread_self()};
    handle_count = 0;
    closed = 0;
    object_size = SIZE;
    meet_count = 0;
    fails_at[0] = fails_at[1] = UINT64_MAX;
    met = 0;
    fi_bucket_init(&fetching->bucket, &ops);
    fetching->bucket.stream_count = streams;
    assert_int_equal(fi_os_dir_open_path(fi_os_default(), root, &fetching->dir, &err), FIRN_OK);
    assert_int_equal(fi_os_file_open(fetching->dir, "fetched",
                                     FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE | FI_OS_TRUNCATE, 0600,
                                     &fetching->file, &err),
                     FIRN_OK);
}

static int
fetch(struct fetching *fetching, uint64_t size)
{
    if (fetching->fetch == NULL) {
        int rc = fi_bucket_fetch_create(fi_os_default(), &fetching->bucket, note_tick, fetching,
                                        &fetching->fetch, &err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return fi_bucket_fetch_object(fetching->fetch, "packs/a", size, fetching->file, &err);
}

static void
assert_fetched(struct fetching *fetching, uint64_t size)
{
    enum { STEP = 1 << 16 };
    static uint8_t bytes[STEP];
    for (uint64_t offset = 0; offset < size; offset += STEP) {
        const size_t part = size - offset < STEP ? (size_t)(size - offset) : STEP;
        assert_int_equal(fi_os_file_read_exact(fetching->file, offset, bytes, part, &err), FIRN_OK);
        for (size_t i = 0; i < part; i += 97) {
            assert_int_equal(bytes[i], byte_at(offset + i));
        }
    }
}

static void
close_fetching(struct fetching *fetching)
{
    fi_bucket_fetch_destroy(fetching->fetch);
    assert_int_equal(closed, handle_count);
    fi_os_file_close(fetching->file);
    assert_int_equal(fi_os_remove_file(fetching->dir, "fetched", &err), FIRN_OK);
    fi_os_dir_close(fetching->dir);
}

/* ==== tests ==== */

static void
all_bytes_come(void **state)
{
    const uint64_t sizes[] = {0, 1, PART - 1, PART, PART + 1, SIZE};
    (void)state;
    for (unsigned streams = 1; streams <= FI_BUCKET_STREAMS_MAX; streams++) {
        struct fetching fetching;
        uint64_t requests = 0;
        open_fetching(&fetching, streams);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            fetching.told = 0;
            assert_int_equal(fetch(&fetching, sizes[i]), FIRN_OK);
            assert_int_equal(fetching.told, sizes[i]);
            assert_fetched(&fetching, sizes[i]);
            requests += (sizes[i] + PART - 1) / PART;
            assert_int_equal(fetching.bucket.request_count, requests);
        }
        assert_true(handle_count < streams); /* they stay open from object to object */
        close_fetching(&fetching);
    }
}

static void
streams_work_at_once(void **state)
{
    struct fetching fetching;
    (void)state;
    open_fetching(&fetching, FI_BUCKET_STREAMS_MAX);
    meet_count = FI_BUCKET_STREAMS_MAX;
    assert_int_equal(fetch(&fetching, SIZE), FIRN_OK);
    assert_int_equal(met, FI_BUCKET_STREAMS_MAX);
    assert_fetched(&fetching, SIZE);
    close_fetching(&fetching);
    /* One is enough for a small object. */
    open_fetching(&fetching, FI_BUCKET_STREAMS_MAX);
    assert_int_equal(fetch(&fetching, PART - 1), FIRN_OK);
    assert_int_equal(handle_count, 0);
    close_fetching(&fetching);
}

/* The first part that failed is named, whichever thread was faster; and the next object comes. */
static void
the_first_failure_counts(void **state)
{
    struct fetching fetching;
    (void)state;
    for (int i = 0; i < 20; i++) {
        open_fetching(&fetching, FI_BUCKET_STREAMS_MAX);
        meet_count = FI_BUCKET_STREAMS_MAX;
        fails_at[0] = 2 * PART;
        fails_at[1] = 1 * PART;
        assert_int_equal(fetch(&fetching, SIZE), FIRN_IO);
        char expected[64];
        (void)snprintf(expected, sizeof expected, "packs/a: no answer at %d", PART);
        assert_string_equal(err.text, expected);
        fails_at[0] = fails_at[1] = UINT64_MAX;
        assert_int_equal(fetch(&fetching, SIZE), FIRN_OK);
        assert_fetched(&fetching, SIZE);
        close_fetching(&fetching);
    }
}

static void
an_object_that_is_too_short_is_damage(void **state)
{
    struct fetching fetching;
    (void)state;
    for (unsigned streams = 1; streams <= FI_BUCKET_STREAMS_MAX; streams++) {
        open_fetching(&fetching, streams);
        object_size = 3 * PART + 5;
        assert_int_equal(fetch(&fetching, SIZE), FIRN_CORRUPT);
        assert_string_equal(err.text, "packs/a is too short");
        close_fetching(&fetching);
    }
}

static void
it_can_be_cancelled(void **state)
{
    struct fetching fetching;
    (void)state;
    for (unsigned streams = 1; streams <= FI_BUCKET_STREAMS_MAX; streams++) {
        open_fetching(&fetching, streams);
        fetching.cancel_at = 2;
        object_size = 100 * (uint64_t)PART;
        const int rc = fetch(&fetching, SIZE);
        /* Other threads may have taken all parts but one. */
        assert_true(rc == FIRN_CANCELLED || (rc == FIRN_OK && streams > 1));
        close_fetching(&fetching);
    }
}

static void
without_memory_it_fails(void **state)
{
    struct test_fault fault = {.for_ever = true};
    (void)state;
    while (test_fault_next(&fault)) {
        struct fetching fetching;
        open_fetching(&fetching, 2);
        test_fault_allocation(&fault);
        const int rc = fetch(&fetching, 2 * PART);
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        close_fetching(&fetching);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_bytes_come),
        cmocka_unit_test(streams_work_at_once),
        cmocka_unit_test(the_first_failure_counts),
        cmocka_unit_test(an_object_that_is_too_short_is_damage),
        cmocka_unit_test(it_can_be_cancelled),
        cmocka_unit_test(without_memory_it_fails),
    };
    test_temp_make(root, sizeof root);
    test_alloc_install();
    const int failed = cmocka_run_group_tests_name("bucket_fetch", tests, NULL, NULL);
    (void)rmdir(root);
    return failed;
}
