/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/log: the record log on a real disk: appending, closing, opening again, segments, removal,
 * limits.
 */
#include "log/log_internal.h"
#include "log_support.h"
#include "posix/os_default.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_temp.h"

struct fixture {
    char path[256];
    struct fi_os_dir *dir;
};

static int
remove_entry(void *ctx, const struct fi_os_dirent *entry)
{
    char *name = ctx;
    (void)snprintf(name, 256, "%s", entry->name);
    return FIRN_CANCELLED;
}

static int
set_up(void **state)
{
    static struct fixture fixture;
    test_temp_make(fixture.path, sizeof fixture.path);
    test_alloc_install();
    *state = &fixture;
    return fi_os_dir_open_path(fi_os_default(), fixture.path, &fixture.dir, NULL);
}

static int
tear_down(void **state)
{
    struct fixture *fixture = *state;
    char name[256];
    while (fi_os_dir_list(fixture->dir, remove_entry, name, NULL) == FIRN_CANCELLED) {
        if (fi_os_remove_file(fixture->dir, name, NULL) != FIRN_OK) {
            return -1;
        }
    }
    fi_os_dir_close(fixture->dir);
    bool has_leaked = test_alloc_alive() != 0;
    test_alloc_uninstall();
    return has_leaked ? -1 : remove(fixture->path);
}

static const struct fi_log_options wal = {.prefix = "wal"};
static const struct fi_log_options wal_small = {.prefix = "wal", .segment_size_bytes = 300};
static const struct fi_log_options wal_read_only = {.prefix = "wal", .read_only = true};

static struct fi_log *
create(struct fixture *fixture, const struct fi_log_options *options)
{
    firn_error err = {0};
    struct fi_log *log = NULL;
    int rc = fi_log_create(fixture->dir, options, &log, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, FIRN_OK);
    return log;
}

/* Opens a log that must hold exactly records first to first + count - 1. */
static struct fi_log *
open_expecting(struct fixture *fixture, const struct fi_log_options *options, uint64_t first,
               uint64_t count, struct fi_log_recovery *recovery)
{
    firn_error err = {0};
    struct fi_log *log = NULL;
    struct log_support_seen seen = {.first = first};
    struct fi_log_recovery ignored;
    recovery = recovery == NULL ? &ignored : recovery;
    int rc = fi_log_open(fixture->dir, options, log_support_visit, &seen, &log, recovery, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, FIRN_OK);
    assert_false(seen.is_wrong);
    assert_int_equal(seen.count, count);
    assert_int_equal(recovery->record_count, count);
    return log;
}

static void
append_range(struct fi_log *log, uint64_t first, uint64_t count)
{
    firn_error err;
    for (uint64_t i = first; i < first + count; i++) {
        assert_int_equal(log_support_append(log, i, NULL, &err), FIRN_OK);
    }
}

static void
records_come_back_in_order_after_a_clean_close(void **state)
{
    struct fixture *fixture = *state;
    firn_error err;
    struct fi_log *log = create(fixture, &wal);
    struct fi_log_position first;
    struct fi_log_position second;
    assert_int_equal(log_support_append(log, 0, &first, &err), FIRN_OK);
    struct fi_log_position end = fi_log_end(log);
    assert_int_equal(log_support_append(log, 1, &second, &err), FIRN_OK);
    assert_int_equal(first.segment, 1);
    assert_int_equal(first.offset, 128);
    assert_int_equal(second.offset, end.offset);
    append_range(log, 2, 98);
    assert_int_equal(fi_log_size_bytes(log), fi_log_end(log).offset);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    struct fi_log_recovery recovery;
    log = open_expecting(fixture, &wal, 0, 100, &recovery);
    assert_true(recovery.was_closed_cleanly);
    assert_false(recovery.was_cut);
    fi_log_abandon(log);
}

static void
records_survive_a_process_that_does_not_close(void **state)
{
    struct fixture *fixture = *state;
    struct fi_log *log = create(fixture, &wal);
    append_range(log, 0, 40);
    fi_log_abandon(log);
    struct fi_log_recovery recovery;
    log = open_expecting(fixture, &wal, 0, 40, &recovery);
    assert_false(recovery.was_closed_cleanly);
    assert_false(recovery.was_cut);
    append_range(log, 40, 1);
    fi_log_abandon(log);
    log = open_expecting(fixture, &wal, 0, 41, NULL);
    assert_int_equal(fi_log_end(log).segment, 1);
    fi_log_abandon(log);
}

static void
opening_and_closing_a_hundred_times_stays_in_one_segment(void **state)
{
    struct fixture *fixture = *state;
    firn_error err;
    struct fi_log *log = create(fixture, &wal);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    for (uint64_t i = 0; i < 100; i++) {
        struct fi_log_recovery recovery;
        log = open_expecting(fixture, &wal, 0, i, &recovery);
        assert_true(recovery.was_closed_cleanly);
        append_range(log, i, 1);
        assert_int_equal(fi_log_end(log).segment, 1);
        assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    }
    /* Nothing to say: nothing is written. */
    struct fi_buf before = {0};
    struct fi_buf after = {0};
    log_support_get_file(fixture->dir, "wal-000001.log", &before);
    log = open_expecting(fixture, &wal, 0, 100, NULL);
    assert_int_equal(fi_log_sync(log, &err), FIRN_OK);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    log_support_get_file(fixture->dir, "wal-000001.log", &after);
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, before.size);
    fi_buf_deinit(&before);
    fi_buf_deinit(&after);
}

static void
a_log_grows_over_segments_and_reads_across_them(void **state)
{
    struct fixture *fixture = *state;
    firn_error err;
    struct fi_log *log = create(fixture, &wal_small);
    append_range(log, 0, 200);
    struct fi_log_position end = fi_log_end(log);
    assert_true(end.segment > 20);
    assert_int_equal(fi_log_rotate(log, &err), FIRN_OK);
    assert_int_equal(fi_log_end(log).segment, end.segment + 1);
    assert_int_equal(fi_log_rotate(log, &err), FIRN_OK);
    uint64_t size_bytes = fi_log_size_bytes(log);
    append_range(log, 200, 1);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    log = open_expecting(fixture, &wal_small, 0, 201, NULL);
    assert_true(fi_log_size_bytes(log) > size_bytes);
    append_range(log, 201, 30);
    fi_log_abandon(log);
    fi_log_abandon(open_expecting(fixture, &wal_read_only, 0, 231, NULL));
}

static void
a_log_that_was_given_up_whole_goes_on_in_a_new_segment(void **state)
{
    struct fixture *fixture = *state;
    firn_error err;
    struct fi_log *log = create(fixture, &wal);
    append_range(log, 0, 10);
    assert_int_equal(fi_log_remove_before(log, 2, &err), FIRN_OK);
    append_range(log, 10, 10);
    assert_false(log_support_has_file(fixture->dir, "wal-000001.log"));
    assert_int_equal(fi_log_end(log).segment, 2);
    assert_int_equal(fi_log_oldest(log), 2);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    struct log_support_seen seen = {.first = 10};
    assert_int_equal(fi_log_open(fixture->dir, &wal, log_support_visit, &seen, &log, NULL, &err),
                     FIRN_OK);
    assert_int_equal(seen.count, 10);
    assert_false(seen.is_wrong);
    assert_int_equal(fi_log_remove_before(log, 3, &err), FIRN_OK);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    seen = (struct log_support_seen){.first = 20};
    assert_int_equal(fi_log_open(fixture->dir, &wal, log_support_visit, &seen, &log, NULL, &err),
                     FIRN_OK);
    assert_int_equal(seen.count, 0);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
}

static void
removed_segments_go_with_the_next_one_and_stay_gone(void **state)
{
    struct fixture *fixture = *state;
    firn_error err;
    struct fi_log *log = create(fixture, &wal);
    append_range(log, 0, 10);
    assert_int_equal(fi_log_rotate(log, &err), FIRN_OK);
    append_range(log, 10, 10);
    assert_int_equal(fi_log_rotate(log, &err), FIRN_OK);
    append_range(log, 20, 10);
    uint64_t size_bytes = fi_log_size_bytes(log);
    assert_int_equal(fi_log_remove_before(log, 5, &err), FIRN_INVALID);
    assert_int_equal(fi_log_remove_before(log, 2, &err), FIRN_OK);
    assert_true(log_support_has_file(fixture->dir, "wal-000001.log"));
    struct fi_buf first = {0};
    log_support_get_file(fixture->dir, "wal-000001.log", &first);
    assert_int_equal(fi_log_rotate(log, &err), FIRN_OK);
    assert_false(log_support_has_file(fixture->dir, "wal-000001.log"));
    assert_true(fi_log_size_bytes(log) < size_bytes);
    assert_int_equal(fi_log_remove_before(log, 3, &err), FIRN_OK);
    assert_int_equal(fi_log_remove_before(log, 1, &err), FIRN_OK);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    assert_false(log_support_has_file(fixture->dir, "wal-000002.log"));
    assert_true(log_support_has_file(fixture->dir, "wal-000003.log"));
    /* A power cut may bring a removed file back: readers pass over it, a writer removes it. */
    log_support_put_file(fixture->dir, "wal-000001.log", fi_buf_slice(&first));
    log_support_put_file(fixture->dir, "wal-000009.log.tmp", firn_str("unfinished"));
    fi_log_abandon(open_expecting(fixture, &wal_read_only, 20, 10, NULL));
    assert_true(log_support_has_file(fixture->dir, "wal-000001.log"));
    assert_true(log_support_has_file(fixture->dir, "wal-000009.log.tmp"));
    fi_log_abandon(open_expecting(fixture, &wal, 20, 10, NULL));
    assert_false(log_support_has_file(fixture->dir, "wal-000001.log"));
    assert_false(log_support_has_file(fixture->dir, "wal-000009.log.tmp"));
    fi_buf_deinit(&first);
}

static void
names_that_are_not_the_logs_are_left_alone(void **state)
{
    struct fixture *fixture = *state;
    firn_error err;
    static const char *const names[] = {"wal-0000002.log",
                                        "wal-2.log",
                                        "wal-000002.log.bak",
                                        "wal-000002",
                                        "xwal-000002.log",
                                        "wal-x-000002.log",
                                        "wal--00002.log",
                                        "wal-000000.log",
                                        "wal-000002.logx",
                                        "wal-99999999999999999999999.log",
                                        "wal-",
                                        "wal-0000002.log.tmp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        log_support_put_file(fixture->dir, names[i], firn_str("somebody else's"));
    }
    struct fi_log *log = create(fixture, &wal);
    append_range(log, 0, 3);
    assert_int_equal(fi_log_rotate(log, &err), FIRN_OK);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    fi_log_abandon(open_expecting(fixture, &wal, 0, 3, NULL));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(log_support_has_file(fixture->dir, names[i]));
    }
}

static void
two_logs_share_a_directory(void **state)
{
    struct fixture *fixture = *state;
    firn_error err;
    static const struct fi_log_options other = {.prefix = "wal-journal"};
    struct fi_log *one = create(fixture, &wal);
    struct fi_log *two = create(fixture, &other);
    append_range(one, 0, 5);
    append_range(two, 100, 6);
    assert_int_equal(fi_log_close(one, &err), FIRN_OK);
    assert_int_equal(fi_log_close(two, &err), FIRN_OK);
    fi_log_abandon(open_expecting(fixture, &wal, 0, 5, NULL));
    fi_log_abandon(open_expecting(fixture, &other, 100, 6, NULL));
}

static void
large_records_round_trip(void **state)
{
    struct fixture *fixture = *state;
    firn_error err;
    enum { SIZE = 3 * 1024 * 1024 + 5 };
    uint8_t *bytes = malloc(SIZE);
    assert_non_null(bytes);
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (uint8_t)(i ^ i >> 11);
    }
    struct fi_log *log = create(fixture, &wal);
    firn_slice whole = firn_bytes(bytes, SIZE);
    assert_int_equal(fi_log_append(log, 16, &whole, 1, NULL, &err), FIRN_OK);
    assert_int_equal(fi_log_append(log, 16, &whole, 1, NULL, &err), FIRN_OK);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    struct fi_buf stored = {0};
    log_support_get_file(fixture->dir, "wal-000001.log", &stored);
    assert_memory_equal(stored.data + 128 + 16, bytes, SIZE);
    struct log_support_seen seen = {0};
    struct fi_log_recovery recovery;
    assert_int_equal(log_support_read(fixture->dir, &wal, &seen, &recovery, &err), FIRN_OK);
    assert_int_equal(seen.count, 2);
    assert_true(recovery.was_closed_cleanly);
    fi_buf_deinit(&stored);
    free(bytes);
}

static void
wrong_calls_are_refused_and_change_nothing(void **state)
{
    struct fixture *fixture = *state;
    firn_error err;
    struct fi_log *log = NULL;
    struct log_support_seen seen = {0};
    static const struct fi_log_options no_prefix = {.prefix = ""};
    static const struct fi_log_options too_large = {.prefix = "wal",
                                                    .segment_size_bytes = UINT64_MAX};
    assert_int_equal(fi_log_create(fixture->dir, &no_prefix, &log, &err), FIRN_INVALID);
    assert_int_equal(fi_log_create(fixture->dir, &too_large, &log, &err), FIRN_INVALID);
    assert_int_equal(log_support_read(fixture->dir, &wal, &seen, NULL, &err), FIRN_NOT_FOUND);
    log = create(fixture, &wal);
    struct fi_log *again = NULL;
    assert_int_equal(fi_log_create(fixture->dir, &wal, &again, &err), FIRN_EXISTS);
    assert_null(again);
    append_range(log, 0, 1);
    for (unsigned type = 0; type < FI_LOG_TYPE_USER; type++) {
        assert_int_equal(fi_log_append(log, (uint8_t)type, NULL, 0, NULL, &err), FIRN_INVALID);
    }
    uint8_t byte = 0;
    firn_slice too_long[2] = {firn_bytes(&byte, FI_LOG_RECORD_SIZE_MAX), firn_bytes(&byte, 1)};
    assert_int_equal(fi_log_append(log, 16, too_long, 2, NULL, &err), FIRN_LIMIT);
    too_long[1].size = SIZE_MAX;
    assert_int_equal(fi_log_append(log, 16, too_long, 2, NULL, &err), FIRN_LIMIT);
    append_range(log, 1, 1);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    assert_int_equal(fi_log_close(NULL, &err), FIRN_OK);
    fi_log_abandon(NULL);
    log = open_expecting(fixture, &wal_read_only, 0, 2, NULL);
    assert_int_equal(log_support_append(log, 2, NULL, &err), FIRN_READ_ONLY);
    assert_int_equal(fi_log_sync(log, &err), FIRN_READ_ONLY);
    assert_int_equal(fi_log_rotate(log, &err), FIRN_READ_ONLY);
    assert_int_equal(fi_log_remove_before(log, 1, &err), FIRN_READ_ONLY);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
}

static void
a_visitor_can_stop_the_recovery(void **state)
{
    struct fixture *fixture = *state;
    firn_error err;
    struct fi_log *log = create(fixture, &wal);
    append_range(log, 0, 10);
    fi_log_abandon(log);
    struct log_support_seen seen = {.stop_at = 4};
    assert_int_equal(log_support_read(fixture->dir, &wal, &seen, NULL, &err), FIRN_CANCELLED);
    assert_int_equal(seen.count, 4);
}

static uint64_t
size_of_first_segment(struct fixture *fixture)
{
    firn_error err;
    struct fi_os_stat stat;
    assert_int_equal(fi_os_stat(fixture->dir, "wal-000001.log", &stat, &err), FIRN_OK);
    return stat.size_bytes;
}

/* Long enough for several windows. */
static void
a_log_under_load_gets_space_ready_and_gives_it_back(void **state)
{
    struct fixture *fixture = *state;
    firn_error err;
    struct fi_log *log = create(fixture, &wal);
    append_range(log, 0, 20);
    assert_int_equal(size_of_first_segment(fixture), fi_log_end(log).offset);
    append_range(log, 20, 3000);
    assert_true(fi_log_end(log).offset > 300 << 10);
    assert_true(size_of_first_segment(fixture) > fi_log_end(log).offset);
    assert_int_equal(fi_log_size_bytes(log), fi_log_end(log).offset);
    fi_log_abandon(open_expecting(fixture, &wal_read_only, 0, 3020, NULL));
    assert_int_equal(fi_log_sync(log, &err), FIRN_OK);
    append_range(log, 3020, 10);
    fi_log_abandon(log);
    struct fi_log_recovery recovery;
    log = open_expecting(fixture, &wal, 0, 3030, &recovery);
    assert_false(recovery.was_cut);
    assert_int_equal(fi_log_end(log).segment, 1);
    append_range(log, 3030, 500);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    log = open_expecting(fixture, &wal, 0, 3530, &recovery);
    assert_true(recovery.was_closed_cleanly);
    assert_int_equal(size_of_first_segment(fixture), fi_log_end(log).offset);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
}

static void
sync_log(struct fi_log *log)
{
    firn_error err;
    assert_int_equal(fi_log_sync(log, &err), FIRN_OK);
}

/* A store into a mapping makes more dirty than a write, so where each record is synced there is no
 * window: only what was appended without a sync goes through one. */
static void
records_that_are_synced_are_written(void **state)
{
    struct fixture *fixture = *state;
    static const struct fi_log_options loaded = {.prefix = "wal", .ready_after_bytes = 1000};
    struct fi_log *log = create(fixture, &loaded);
    for (uint64_t i = 0; i < 200; i++) {
        append_range(log, i, 1);
        sync_log(log);
        assert_null(log->writer.window.file);
    }
    append_range(log, 200, 100);
    assert_true(log->writer.window.file != NULL || log->writer.has_no_windows);
    sync_log(log);
    append_range(log, 300, 1);
    assert_ptr_equal(log->writer.record, log->writer.buffer.data);
    fi_log_abandon(log);
    fi_log_abandon(open_expecting(fixture, &wal_read_only, 0, 301, NULL));
}

/* Records that fit into no window, between others that do. */
static void
long_records_and_short_ones_follow_each_other_under_load(void **state)
{
    struct fixture *fixture = *state;
    firn_error err;
    static const struct fi_log_options loaded = {.prefix = "wal", .ready_after_bytes = 1};
    static uint8_t bytes[300 << 10];
    struct fi_log *log = create(fixture, &loaded);
    struct fi_log_position position;
    static const size_t sizes[] = {200 << 10, 10,  300 << 10, 70 << 10,
                                   256 << 10, 100, 0,         250 << 10};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    uint64_t expected = 128;
    for (size_t i = 0; i < (size_t)3 * COUNT; i++) {
        firn_slice part = firn_bytes(bytes, sizes[i % COUNT]);
        memset(bytes, (int)i + 1, part.size);
        assert_int_equal(fi_log_append(log, 16, &part, 1, &position, &err), FIRN_OK);
        assert_int_equal(position.offset, expected);
        expected = fi_log_end(log).offset;
    }
    fi_log_abandon(log);
    struct fi_buf file = {0};
    log_support_get_file(fixture->dir, "wal-000001.log", &file);
    size_t at = 128;
    for (size_t i = 0; i < (size_t)3 * COUNT; i++) {
        size_t size = sizes[i % COUNT];
        for (size_t j = 0; j < size; j++) {
            assert_int_equal(file.data[at + 16 + j], i + 1);
        }
        at += (16 + size + 7) & ~(size_t)7;
    }
    assert_int_equal(at, expected);
    fi_buf_deinit(&file);
}

struct large_parts {
    firn_slice parts[3];
    bool is_seen;
};

static int
compare_large_parts(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
                    firn_error *err)
{
    struct large_parts *expected = ctx;
    size_t at = 0;
    (void)position;
    (void)err;
    assert_int_equal(type, 33);
    assert_false(expected->is_seen);
    expected->is_seen = true;
    for (size_t i = 0; i < 3; i++) {
        assert_true(record.size - at >= expected->parts[i].size);
        assert_memory_equal(record.data + at, expected->parts[i].data, expected->parts[i].size);
        at += expected->parts[i].size;
    }
    assert_int_equal(record.size, at);
    return FIRN_OK;
}

/* They are written piece by piece. */
static void
large_records_of_any_parts_come_back(void **state)
{
    struct fixture *fixture = *state;
    firn_error err;
    static uint8_t bytes[100 << 10];
    static const size_t sizes[][3] = {{10, 40000, 0}, {0, 40001, 0},  {40002, 3, 0},
                                      {48, 40003, 7}, {49, 40004, 1}, {33000, 33000, 33000},
                                      {1, 1, 40006},  {0, 0, 32752},  {0, 0, 32744}};
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(1 + i * i % 255);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct large_parts expected = {.is_seen = false};
        struct fi_log *log = create(fixture, &wal);
        size_t at = 0;
        for (size_t j = 0; j < 3; j++) {
            expected.parts[j] = firn_bytes(bytes + at, sizes[i][j]);
            at += sizes[i][j];
        }
        assert_int_equal(fi_log_append(log, 33, expected.parts, 3, NULL, &err), FIRN_OK);
        fi_log_abandon(log);
        assert_int_equal(
            fi_log_open(fixture->dir, &wal, compare_large_parts, &expected, &log, NULL, &err),
            FIRN_OK);
        assert_true(expected.is_seen);
        fi_log_abandon(log);
        assert_int_equal(fi_os_remove_file(fixture->dir, "wal-000001.log", &err), FIRN_OK);
    }
}

/* The writer's part of the next test. */
struct beside {
    struct fi_log *log;
    uint64_t count;
};

/* Gives all segments up but the newest, and goes on until the first one's file is in use again. */
static void
use_the_first_file_again(struct fi_log *log)
{
    firn_error err;
    uint64_t newest = fi_log_end(log).segment;
    assert_int_equal(fi_log_remove_before(log, newest, &err), FIRN_OK);
    assert_int_equal(fi_log_rotate(log, &err), FIRN_OK);
    assert_int_equal(fi_log_rotate(log, &err), FIRN_OK);
    append_range(log, 0, 5000);
}

static int
visit_beside(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
             firn_error *err)
{
    (void)type;
    (void)record;
    (void)position;
    (void)err;
    struct beside *beside = ctx;
    if (beside->count++ == 0) {
        use_the_first_file_again(beside->log);
    }
    return FIRN_OK;
}

static void
a_reader_notices_that_a_file_was_used_again(void **state)
{
    struct fixture *fixture = *state;
    firn_error err;
    static const struct fi_log_options loaded = {.prefix = "wal", .ready_after_bytes = 1};
    struct beside beside = {.log = create(fixture, &loaded)};
    append_range(beside.log, 0, 5000);
    assert_true(fi_log_end(beside.log).offset > 512 << 10); /* more than is read at once */
    assert_int_equal(fi_log_rotate(beside.log, &err), FIRN_OK);
    struct fi_log *reader = NULL;
    int rc = fi_log_open(fixture->dir, &wal_read_only, visit_beside, &beside, &reader, NULL, &err);
    assert_int_equal(rc, FIRN_BUSY);
    assert_true(beside.count > 1 && beside.count < 5000);
    assert_false(log_support_has_file(fixture->dir, "wal-000001.log"));
    assert_false(log_support_has_file(fixture->dir, "wal-spare.tmp"));
    /* Bytes of its first life lie after the end, and are no damage. */
    struct fi_log_position end = fi_log_end(beside.log);
    fi_log_abandon(beside.log);
    struct fi_log_recovery recovery;
    beside.log = open_expecting(fixture, &wal, 0, 5000, &recovery);
    assert_false(recovery.was_cut);
    assert_int_equal(fi_log_end(beside.log).segment, end.segment + 1);
    assert_int_equal(fi_log_close(beside.log, &err), FIRN_OK);
    fi_log_abandon(open_expecting(fixture, &wal, 0, 5000, NULL));
}

/* What a crash left of getting ready goes with the next opening; a clean close leaves nothing. */
static void
a_spare_does_not_outlive_its_log(void **state)
{
    struct fixture *fixture = *state;
    firn_error err;
    struct fi_log *log = create(fixture, &wal);
    append_range(log, 0, 10);
    fi_log_rotate_prepare(log);
    fi_log_rotate_prepare(log);
    assert_true(log_support_has_file(fixture->dir, "wal-spare.tmp"));
    fi_log_abandon(log);
    log = open_expecting(fixture, &wal, 0, 10, NULL);
    assert_false(log_support_has_file(fixture->dir, "wal-spare.tmp"));
    fi_log_rotate_prepare(log);
    assert_int_equal(fi_log_rotate_begin(log, &err), FIRN_OK);
    assert_false(log_support_has_file(fixture->dir, "wal-spare.tmp"));
    append_range(log, 10, 10);
    fi_log_rotate_prepare(log);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    assert_false(log_support_has_file(fixture->dir, "wal-spare.tmp"));
    struct fi_log_recovery recovery;
    fi_log_abandon(open_expecting(fixture, &wal, 0, 20, &recovery));
    assert_true(recovery.was_closed_cleanly);
}

static void
a_read_only_open_writes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct fi_log *log = create(fixture, &wal);
    append_range(log, 0, 10);
    fi_log_abandon(log);
    struct fi_buf before = {0};
    struct fi_buf after = {0};
    log_support_get_file(fixture->dir, "wal-000001.log", &before);
    before.size -= 3;
    log_support_put_file(fixture->dir, "wal-000001.log", fi_buf_slice(&before));
    struct fi_log_recovery recovery;
    fi_log_abandon(open_expecting(fixture, &wal_read_only, 0, 9, &recovery));
    assert_true(recovery.was_cut);
    log_support_get_file(fixture->dir, "wal-000001.log", &after);
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, before.size);
    assert_false(log_support_has_file(fixture->dir, "wal-000002.log"));
    fi_buf_deinit(&before);
    fi_buf_deinit(&after);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_come_back_in_order_after_a_clean_close, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(records_survive_a_process_that_does_not_close, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(opening_and_closing_a_hundred_times_stays_in_one_segment,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_log_grows_over_segments_and_reads_across_them, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_log_that_was_given_up_whole_goes_on_in_a_new_segment,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(removed_segments_go_with_the_next_one_and_stay_gone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(names_that_are_not_the_logs_are_left_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(two_logs_share_a_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_records_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_calls_are_refused_and_change_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_visitor_can_stop_the_recovery, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_log_under_load_gets_space_ready_and_gives_it_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(records_that_are_synced_are_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_records_and_short_ones_follow_each_other_under_load,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_records_of_any_parts_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_notices_that_a_file_was_used_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_spare_does_not_outlive_its_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_read_only_open_writes_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
