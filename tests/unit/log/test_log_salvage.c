/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/log: salvaging: each record of a log is shown or not by itself, whatever became of the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "log/log.h"
#include "log_support.h"
#include "sim/sim_memory.h"

enum { RECORDS = 40 };

struct sample {
    struct firn_os *os;
    struct firn_os_dir *dir;
    struct firn_log_position begins[RECORDS];
    struct firn_log_position ends[RECORDS];
    unsigned shown[RECORDS];
    unsigned stop_after; /* 0: never */
    unsigned count;
};

/* Records of 8 bytes and more, so that each says which one it is. */
static void
make_sample(struct sample *sample)
{
    const struct firn_log_options options = {.prefix = "wal", .segment_size_bytes = 400};
    struct firn_log *log;
    firn_error err;
    *sample = (struct sample){0};
    assert_int_equal(firn_sim_memory_create(5, &sample->os, &err), FIRN_OK);
    sample->dir = log_support_root(sample->os);
    assert_int_equal(firn_log_create(sample->dir, &options, &log, &err), FIRN_OK);
    for (uint64_t i = 0; i < RECORDS; i++) {
        uint8_t bytes[40] = {0};
        const firn_slice part = firn_bytes(bytes, 8 + i % 32);
        firn_store_le64(bytes, i);
        assert_int_equal(
            firn_log_append(log, FIRN_LOG_TYPE_USER, &part, 1, &sample->begins[i], &err), FIRN_OK);
        sample->ends[i] = firn_log_end(log);
    }
    assert_int_equal(firn_log_close(log, &err), FIRN_OK);
}

static void
sample_deinit(struct sample *sample)
{
    firn_os_dir_close(sample->dir);
    firn_sim_memory_destroy(sample->os);
}

static int
visit(void *ctx, uint8_t type, firn_slice record, firn_error *err)
{
    struct sample *sample = ctx;
    assert_int_equal(type, FIRN_LOG_TYPE_USER);
    assert_true(record.size >= 8);
    uint64_t i = firn_load_le64(record.data);
    assert_true(i < RECORDS && record.size == 8 + i % 32);
    sample->shown[i]++;
    sample->count++;
    return sample->count == sample->stop_after ? firn_error_set(err, FIRN_CANCELLED, "enough")
                                               : FIRN_OK;
}

static int
salvage(struct sample *sample)
{
    firn_error err;
    memset(sample->shown, 0, sizeof sample->shown);
    sample->count = 0;
    return firn_log_recover_salvage(sample->dir, "wal", visit, sample, &err);
}

static void
all_is_shown_of_a_log_that_is_whole(void **state)
{
    (void)state;
    struct sample sample;
    make_sample(&sample);
    assert_true(sample.begins[RECORDS - 1].segment > 3);
    assert_int_equal(salvage(&sample), FIRN_OK);
    assert_int_equal(sample.count, RECORDS);
    sample.stop_after = 5;
    assert_int_equal(salvage(&sample), FIRN_CANCELLED);
    assert_int_equal(sample.count, 5);
    sample_deinit(&sample);
}

static void
a_bad_byte_costs_one_record(void **state)
{
    (void)state;
    struct sample sample;
    make_sample(&sample);
    for (uint64_t i = 0; i < RECORDS; i++) {
        char name[FIRN_LOG_SEGMENT_NAME_SIZE];
        firn_log_segment_name("wal", sample.begins[i].segment, name);
        for (uint64_t at = sample.begins[i].offset; at < sample.ends[i].offset; at++) {
            struct firn_buf file = {0};
            log_support_get_file(sample.dir, name, &file);
            file.data[at] ^= 16;
            log_support_put_file(sample.dir, name, firn_buf_slice(&file));
            assert_int_equal(salvage(&sample), FIRN_OK);
            assert_int_equal(sample.count, RECORDS - 1);
            assert_int_equal(sample.shown[i], 0);
            file.data[at] ^= 16;
            log_support_put_file(sample.dir, name, firn_buf_slice(&file));
            firn_buf_deinit(&file);
        }
    }
    sample_deinit(&sample);
}

static void
a_segment_that_is_gone_costs_what_was_in_it(void **state)
{
    (void)state;
    struct sample sample;
    firn_error err;
    make_sample(&sample);
    uint64_t gone = sample.begins[RECORDS / 2].segment;
    char name[FIRN_LOG_SEGMENT_NAME_SIZE];
    firn_log_segment_name("wal", gone, name);
    assert_int_equal(firn_os_remove_file(sample.dir, name, &err), FIRN_OK);
    firn_log_segment_name("wal", gone + 1, name);
    log_support_put_file(sample.dir, name, firn_bytes("short", 5));
    assert_int_equal(salvage(&sample), FIRN_OK);
    for (uint64_t i = 0; i < RECORDS; i++) {
        bool is_lost = sample.begins[i].segment == gone || sample.begins[i].segment == gone + 1;
        assert_int_equal(sample.shown[i], is_lost ? 0 : 1);
    }
    sample_deinit(&sample);
}

static void
nothing_is_shown_where_there_is_no_log(void **state)
{
    (void)state;
    struct sample sample;
    make_sample(&sample);
    assert_int_equal(firn_log_recover_salvage(sample.dir, "other", visit, &sample, NULL), FIRN_OK);
    assert_int_equal(sample.count, 0);
    sample_deinit(&sample);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_shown_of_a_log_that_is_whole),
        cmocka_unit_test(a_bad_byte_costs_one_record),
        cmocka_unit_test(a_segment_that_is_gone_costs_what_was_in_it),
        cmocka_unit_test(nothing_is_shown_where_there_is_no_log),
    };
    return cmocka_run_group_tests_name("log_salvage", tests, NULL, NULL);
}
