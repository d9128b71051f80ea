/* SPDX-License-Identifier: Apache-2.0
 *
 * Storages that machines cannot share are refused: those that ignore the condition, check it too
 * early, replace the object, or answer at random.
 */
#include <stdatomic.h>

#include "base/slice.h"
#include "bucket/bucket_probe.h"
#include "posix/os_default.h"
#include "support/test.h"

enum kind { RIGHT, IGNORES, RACES, REPLACES, ALWAYS_EXISTS, LOSES_FIRST, LOSES_ALL, DENIES };

enum { HANDLES = 7 }; /* beside the first */
static struct fi_bucket handles[HANDLES];
static int handle_count;
static enum kind kind;
static atomic_int puts_of_name;
static atomic_int names;
static _Atomic uint8_t content;
static firn_error err;

static int
put(struct fi_bucket *bucket, const char *name, const struct fi_bucket_body *body,
    firn_error *error)
{
    (void)bucket, (void)name;
    uint8_t byte;
    int rc = body->read(body->ctx, 0, &byte, 1, error);
    int number = atomic_fetch_add(&puts_of_name, 1);
    int name_number = number / 8;
    bool is_first = number % 8 == 0;
    if (kind == DENIES) {
        return fi_error_set(error, FIRN_DENIED, "no s3:PutObject");
    }
    if (kind == LOSES_ALL || (kind == LOSES_FIRST && name_number == 0)) {
        return fi_error_set(error, FIRN_IO, "no answer");
    }
    if (kind == IGNORES || (kind == RACES && number % 8 < 2)) {
        content = byte;
        return rc;
    }
    if (kind == REPLACES || (is_first && kind != ALWAYS_EXISTS)) {
        content = kind == REPLACES && !is_first ? 99 : byte;
        return is_first ? rc : fi_error_set(error, FIRN_EXISTS, "it exists");
    }
    return fi_error_set(error, FIRN_EXISTS, "it exists");
}

static int
get(struct fi_bucket *bucket, const char *name, uint64_t offset, uint64_t size, struct fi_buf *out,
    firn_error *error)
{
    (void)bucket, (void)name, (void)offset, (void)size;
    uint8_t byte = content;
    return fi_buf_append(out, &byte, 1) == FIRN_OK ? FIRN_OK : fi_error_no_memory(error, "a byte");
}

static int
remove_object(struct fi_bucket *bucket, const char *name, firn_error *error)
{
    (void)bucket, (void)name;
    atomic_fetch_add(&names, 1);
    return fi_error_set(error, FIRN_DENIED, "no s3:DeleteObject");
}

static void
close_nothing(struct fi_bucket *bucket)
{
    (void)bucket;
}

static int
open_again(struct fi_bucket *bucket, struct fi_bucket **out, firn_error *error)
{
    (void)error;
    assert_true(handle_count < HANDLES);
    handles[handle_count] = *bucket;
    *out = &handles[handle_count++];
    return FIRN_OK;
}

static int
probe(enum kind of)
{
    const struct fi_bucket_ops ops = {.put = put,
                                      .get = get,
                                      .remove = remove_object,
                                      .open_again = open_again,
                                      .close = close_nothing};
    struct fi_bucket bucket;
    fi_bucket_init(&bucket, &ops);
    kind = of;
    handle_count = 0;
    puts_of_name = 0;
    names = 0;
    return fi_bucket_probe(&bucket, fi_os_default(), &err);
}

static void
a_right_storage_passes(void **state)
{
    (void)state;
    assert_int_equal(probe(RIGHT), FIRN_OK); /* also where it may not remove the object */
    assert_int_equal(names, 1);
}

static void
storages_without_conditions_are_refused(void **state)
{
    (void)state;
    for (enum kind of = IGNORES; of <= ALWAYS_EXISTS; of++) {
        assert_int_equal(probe(of), FIRN_UNSUPPORTED);
        assert_non_null(strstr(err.text, "cannot share this storage"));
    }
}

static void
lost_answers_repeat_the_race(void **state)
{
    (void)state;
    assert_int_equal(probe(LOSES_FIRST), FIRN_OK);
    assert_int_equal(names, 2);
    assert_int_equal(probe(LOSES_ALL), FIRN_IO);
    assert_int_equal(names, 3);
    assert_string_equal(err.text, "no answer");
    assert_int_equal(probe(DENIES), FIRN_DENIED);
    assert_string_equal(err.text, "no s3:PutObject");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_storage_passes),
        cmocka_unit_test(storages_without_conditions_are_refused),
        cmocka_unit_test(lost_answers_repeat_the_race),
    };
    return cmocka_run_group_tests_name("bucket_probe", tests, NULL, NULL);
}
