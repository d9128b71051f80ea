/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/log: salvaging: each record of a log is shown or not by itself, whatever became of the others.
 */
#include "base/bytes.h"
#include "cipher/cipher.h"
#include "log/log.h"
#include "log/log_format.h"
#include "log_support.h"
#include "posix/os_default.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_os.h"

enum { RECORDS = 40 };

struct sample {
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_log_position begins[RECORDS];
    struct fi_log_position ends[RECORDS];
    unsigned shown[RECORDS];
    unsigned stop_after; /* 0: never */
    unsigned count;
};

/* Records of 8 bytes and more, so that each says which one it is. */
static void
make_sample(struct sample *sample)
{
    const struct fi_log_options options = {.prefix = "wal", .segment_size_bytes = 400};
    struct fi_log *log;
    firn_error err;
    *sample = (struct sample){0};
    assert_int_equal(fi_sim_memory_create(5, &sample->os, &err), FIRN_OK);
    sample->dir = log_support_root(sample->os);
    assert_int_equal(fi_log_create(sample->dir, &options, &log, &err), FIRN_OK);
    for (uint64_t i = 0; i < RECORDS; i++) {
        uint8_t bytes[40] = {0};
        const firn_slice part = firn_bytes(bytes, 8 + i % 32);
        fi_store_le64(bytes, i);
        assert_int_equal(fi_log_append(log, FI_LOG_TYPE_USER, &part, 1, &sample->begins[i], &err),
                         FIRN_OK);
        sample->ends[i] = fi_log_end(log);
    }
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
}

static void
sample_deinit(struct sample *sample)
{
    fi_os_dir_close(sample->dir);
    fi_sim_memory_destroy(sample->os);
}

static int
visit(void *ctx, uint8_t type, firn_slice record, firn_error *err)
{
    struct sample *sample = ctx;
    assert_int_equal(type, FI_LOG_TYPE_USER);
    assert_true(record.size >= 8);
    uint64_t i = fi_load_le64(record.data);
    assert_true(i < RECORDS && record.size == 8 + i % 32);
    sample->shown[i]++;
    sample->count++;
    return sample->count == sample->stop_after ? fi_error_set(err, FIRN_CANCELLED, "enough")
                                               : FIRN_OK;
}

static int
salvage(struct sample *sample)
{
    firn_error err;
    memset(sample->shown, 0, sizeof sample->shown);
    sample->count = 0;
    return fi_log_recover_salvage(sample->dir, "wal", visit, sample, &err);
}

static void
all_is_shown_of_a_log_that_is_whole(void **state)
{
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
    struct sample sample;
    make_sample(&sample);
    for (uint64_t i = 0; i < RECORDS; i++) {
        char name[FI_LOG_SEGMENT_NAME_SIZE];
        fi_log_segment_name("wal", sample.begins[i].segment, name);
        for (uint64_t at = sample.begins[i].offset; at < sample.ends[i].offset; at++) {
            struct fi_buf file = {0};
            log_support_get_file(sample.dir, name, &file);
            file.data[at] ^= 16;
            log_support_put_file(sample.dir, name, fi_buf_slice(&file));
            assert_int_equal(salvage(&sample), FIRN_OK);
            assert_int_equal(sample.count, RECORDS - 1);
            assert_int_equal(sample.shown[i], 0);
            file.data[at] ^= 16;
            log_support_put_file(sample.dir, name, fi_buf_slice(&file));
            fi_buf_deinit(&file);
        }
    }
    sample_deinit(&sample);
}

static void
a_segment_that_is_gone_costs_what_was_in_it(void **state)
{
    struct sample sample;
    firn_error err;
    make_sample(&sample);
    uint64_t gone = sample.begins[RECORDS / 2].segment;
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    fi_log_segment_name("wal", gone, name);
    assert_int_equal(fi_os_remove_file(sample.dir, name, &err), FIRN_OK);
    fi_log_segment_name("wal", gone + 1, name);
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
    struct sample sample;
    make_sample(&sample);
    assert_int_equal(fi_log_recover_salvage(sample.dir, "other", visit, &sample, NULL), FIRN_OK);
    assert_int_equal(sample.count, 0);
    sample_deinit(&sample);
}

/* ---- holes ---- */

#define TIB (UINT64_C(1) << 40)
enum { CALLS_MAX = 64 };
#define SEGMENT "wal-000001.log"

/* A log on the disk whose only segment is a TiB long, and the calls that reading it takes. */
struct hollow {
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_os_dir *plain; /* the same directory; its calls are not counted */
    uint64_t salt;
    uint64_t count;
};

static void
hollow_put(struct hollow *hollow, uint64_t offset, firn_slice bytes)
{
    struct fi_os_file *file;
    firn_error err;
    TEST_OK(fi_os_file_open(hollow->plain, SEGMENT, FI_OS_READ | FI_OS_WRITE, 0, &file, &err),
            &err);
    TEST_OK(bytes.size > 0 ? fi_os_file_write(file, offset, bytes.data, bytes.size, &err)
                           : fi_os_file_truncate(file, offset, &err),
            &err);
    fi_os_file_close(file);
}

static void
hollow_init(struct hollow *hollow)
{
    const struct fi_log_options options = {.prefix = "wal"};
    uint8_t header[FI_LOG_FORMAT_SEGMENT_SIZE];
    struct fi_log_format_segment segment;
    struct fi_os_file *file;
    struct fi_log *log;
    firn_error err;
    hollow->count = 0;
    hollow->plain = test_os_temp_dir();
    TEST_OK(fi_sim_fault_create(fi_os_default(), &hollow->os, &err), &err);
    TEST_OK(fi_os_dir_open_path(hollow->os, fi_os_dir_path(hollow->plain), &hollow->dir, &err),
            &err);
    TEST_OK(fi_log_create(hollow->plain, &options, &log, &err), &err);
    log_support_fill(log, &hollow->count);
    TEST_OK(fi_log_close(log, &err), &err);
    TEST_OK(fi_os_file_open(hollow->plain, SEGMENT, FI_OS_READ, 0, &file, &err), &err);
    TEST_OK(fi_os_file_read_exact(file, 0, header, sizeof header, &err), &err);
    TEST_OK(fi_log_format_get_segment(header, SEGMENT, &segment, &err), &err);
    fi_os_file_close(file);
    hollow->salt = segment.salt;
    hollow_put(hollow, TIB, firn_bytes(NULL, 0));
}

static void
hollow_deinit(struct hollow *hollow)
{
    fi_os_dir_close(hollow->dir);
    fi_sim_fault_destroy(hollow->os);
    test_os_temp_dir_remove(hollow->plain);
}

static void
expect_few_calls(struct hollow *hollow)
{
    uint64_t calls = fi_sim_fault_calls(hollow->os);
    assert_true(calls > 0 && calls <= CALLS_MAX);
    fi_sim_fault_set_plan(hollow->os, NULL);
}

/* A reader of the whole log, which writes nothing. */
static int
hollow_read(struct hollow *hollow, struct log_support_seen *seen, struct fi_log_recovery *recovery,
            firn_error *err)
{
    const struct fi_log_options options = {.prefix = "wal", .read_only = true};
    *seen = (struct log_support_seen){0};
    fi_sim_fault_set_plan(hollow->os, NULL);
    int rc = log_support_read(hollow->dir, &options, seen, recovery, err);
    assert_false(seen->is_wrong);
    expect_few_calls(hollow);
    return rc;
}

static int
count_record(void *ctx, uint8_t type, firn_slice record, firn_error *err)
{
    (void)type;
    (void)record;
    (void)err;
    ++*(uint64_t *)ctx;
    return FIRN_OK;
}

static uint64_t
hollow_salvage(struct hollow *hollow)
{
    uint64_t count = 0;
    firn_error err;
    fi_sim_fault_set_plan(hollow->os, NULL);
    TEST_OK(fi_log_recover_salvage(hollow->dir, "wal", count_record, &count, &err), &err);
    expect_few_calls(hollow);
    return count;
}

static void
holes_are_not_read_and_hide_nothing(void **state)
{
    struct hollow hollow;
    struct log_support_seen seen;
    struct fi_log_recovery recovery;
    firn_error err;
    hollow_init(&hollow);
    TEST_OK(hollow_read(&hollow, &seen, &recovery, &err), &err);
    assert_int_equal(seen.count, hollow.count);
    assert_false(recovery.was_cut);
    assert_int_equal(hollow_salvage(&hollow), hollow.count);

    /* Other bytes at the far end: the log was cut. */
    hollow_put(&hollow, TIB - 1, firn_bytes("x", 1));
    TEST_OK(hollow_read(&hollow, &seen, &recovery, &err), &err);
    assert_int_equal(seen.count, hollow.count);
    assert_true(recovery.was_cut);

    /* A whole record behind GiBs of nothing, at the begin of a block and 8 bytes before its end,
     * says that what is missing before it was durable. */
    const uint64_t places[] = {UINT64_C(8) << 30, (UINT64_C(9) << 30) + 4096 - 8};
    for (uint64_t i = 0; i < 2; i++) {
        uint8_t bytes[24] = {0};
        const struct fi_log_format_record record = {8, places[i], FI_LOG_TYPE_USER};
        memset(bytes + FI_LOG_FORMAT_RECORD_SIZE, 'r', 8);
        fi_log_format_put_record(&record, hollow.salt, places[i], bytes);
        hollow_put(&hollow, places[i], firn_bytes(bytes, sizeof bytes));
        assert_int_equal(hollow_read(&hollow, &seen, &recovery, &err), FIRN_CORRUPT);
        assert_int_equal(hollow_salvage(&hollow), hollow.count + i + 1);
    }
    hollow_deinit(&hollow);
}

/* As a copy with holes leaves it: the payload is zeros. */
static void
a_record_over_a_hole_is_read_whole(void **state)
{
    enum { SIZE = 1 << 20 };
    struct hollow hollow;
    struct fi_buf bytes = {0};
    const uint64_t at = UINT64_C(8) << 30;
    hollow_init(&hollow);
    assert_int_equal(fi_buf_set_size(&bytes, SIZE + FI_LOG_FORMAT_RECORD_SIZE), FIRN_OK);
    memset(bytes.data, 0, bytes.size);
    const struct fi_log_format_record record = {SIZE, 0, FI_LOG_TYPE_USER};
    fi_log_format_put_record(&record, hollow.salt, at, bytes.data);
    hollow_put(&hollow, at, firn_bytes(bytes.data, FI_LOG_FORMAT_RECORD_SIZE));
    fi_buf_deinit(&bytes);
    assert_int_equal(hollow_salvage(&hollow), hollow.count + 1);
    hollow_deinit(&hollow);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_shown_of_a_log_that_is_whole),
        cmocka_unit_test(a_bad_byte_costs_one_record),
        cmocka_unit_test(a_segment_that_is_gone_costs_what_was_in_it),
        cmocka_unit_test(nothing_is_shown_where_there_is_no_log),
        cmocka_unit_test(holes_are_not_read_and_hide_nothing),
        cmocka_unit_test(a_record_over_a_hole_is_read_whole),
    };
    int failed = cmocka_run_group_tests_name("a log in clear", tests, NULL, NULL);
    if (log_support_encrypt(FI_CIPHER_XCHACHA20_POLY1305)) {
        failed += cmocka_run_group_tests_name("an encrypted log", tests, NULL, NULL);
    }
    return failed;
}
