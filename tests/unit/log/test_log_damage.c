/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/log: every bit of small logs flipped, every file cut to every length, removed and swapped.
 * The answer is damage that names the file, or the same records, or, in the two cases of
 * docs/formats/log.md, an earlier prefix.
 */
#include "cipher/cipher.h"
#include "log/log_internal.h"
#include "log_support.h"
#include "sim/sim_memory.h"
#include "support/test.h"

enum { RECORDS_MAX = 64, SEGMENTS_MAX = 16 };

/* A log in a memory file system, and what is known about it from having written it. */
struct sample {
    struct fi_os *os;
    struct fi_os_dir *dir;
    uint64_t record_count;
    struct fi_log_position begins[RECORDS_MAX];
    struct fi_log_position ends[RECORDS_MAX];
    uint64_t newest;
    uint64_t mark;                         /* the highest durable mark in the newest segment */
    struct fi_buf files[SEGMENTS_MAX + 1]; /* by number */
    uint64_t ends_at[SEGMENTS_MAX + 1];    /* where the log ends in each */
};

/* How a sample ends. */
enum ending { CLOSED, SYNCED, UNSYNCED, REOPENED };

static struct fi_log_options writable = {.prefix = "wal", .segment_size_bytes = 260};
static const struct fi_log_options read_only = {.prefix = "wal", .read_only = true};

static void
append(struct sample *sample, struct fi_log *log)
{
    firn_error err;
    uint64_t i = sample->record_count++;
    assert_true(i < RECORDS_MAX);
    assert_int_equal(log_support_append(log, i, &sample->begins[i], &err), FIRN_OK);
    sample->ends[i] = fi_log_end(log);
    if (sample->begins[i].segment != sample->newest) {
        sample->newest = sample->begins[i].segment;
        sample->mark = 128;
    }
}

static void
sync_log(struct fi_log *log)
{
    firn_error err;
    assert_int_equal(fi_log_sync(log, &err), FIRN_OK);
}

static void
remember_files(struct sample *sample)
{
    for (uint64_t number = 1; number <= sample->newest; number++) {
        char name[FI_LOG_SEGMENT_NAME_SIZE];
        fi_log_segment_name("wal", number, name);
        log_support_get_file(sample->dir, name, &sample->files[number]);
        sample->ends_at[number] = sample->files[number].size - 16; /* before NEXT */
    }
    sample->ends_at[sample->newest] = sample->files[sample->newest].size;
}

static void
make_sample(struct sample *sample, enum ending ending)
{
    firn_error err;
    *sample = (struct sample){0};
    assert_int_equal(fi_sim_memory_create(5, &sample->os, &err), FIRN_OK);
    sample->dir = log_support_root(sample->os);
    struct fi_log *log = NULL;
    assert_int_equal(fi_log_create(sample->dir, &writable, &log, &err), FIRN_OK);
    while (sample->newest < 3) {
        append(sample, log);
        sync_log(log);
    }
    append(sample, log);
    append(sample, log);
    sync_log(log);
    sample->mark = fi_log_end(log).offset;
    switch (ending) {
    case CLOSED:
        assert_int_equal(fi_log_close(log, &err), FIRN_OK);
        break;
    case SYNCED:
        append(sample, log);
        sync_log(log);
        fi_log_abandon(log);
        break;
    case UNSYNCED:
        append(sample, log);
        append(sample, log);
        append(sample, log);
        fi_log_abandon(log);
        break;
    case REOPENED:
        assert_int_equal(fi_log_close(log, &err), FIRN_OK);
        struct log_support_seen seen = {0};
        assert_int_equal(
            fi_log_open(sample->dir, &writable, log_support_visit, &seen, &log, NULL, &err),
            FIRN_OK);
        append(sample, log);
        fi_log_abandon(log);
        break;
    }
    remember_files(sample);
}

static void
drop_sample(struct sample *sample)
{
    for (size_t i = 0; i <= SEGMENTS_MAX; i++) {
        fi_buf_deinit(&sample->files[i]);
    }
    fi_os_dir_close(sample->dir);
    fi_sim_memory_destroy(sample->os);
}

struct outcome {
    int rc;
    struct log_support_seen seen;
    struct fi_log_recovery recovery;
    firn_error err;
};

static struct outcome
read_sample(struct sample *sample)
{
    struct outcome outcome = {0};
    outcome.rc =
        log_support_read(sample->dir, &read_only, &outcome.seen, &outcome.recovery, &outcome.err);
    assert_false(outcome.seen.is_wrong);
    assert_true(outcome.seen.count <= sample->record_count);
    return outcome;
}

static void
put_file(struct sample *sample, uint64_t number, firn_slice bytes)
{
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    fi_log_segment_name("wal", number, name);
    log_support_put_file(sample->dir, name, bytes);
}

/* Whether the error names this segment's file and an offset in it. */
static void
assert_names_damage(const struct outcome *outcome, uint64_t number)
{
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    fi_log_segment_name("wal", number, name);
    assert_int_equal(outcome->rc, FIRN_CORRUPT);
    assert_non_null(strstr(outcome->err.text, name));
    assert_non_null(strstr(outcome->err.text, "offset "));
}

/* How many records lie wholly before this place. */
static uint64_t
records_before(const struct sample *sample, uint64_t number, uint64_t offset)
{
    uint64_t count = 0;
    while (count < sample->record_count &&
           (sample->begins[count].segment < number ||
            (sample->begins[count].segment == number && sample->ends[count].offset <= offset))) {
        count++;
    }
    return count;
}

/* After anything that opened, a writer goes on and loses nothing more. */
static void
assert_log_goes_on(struct sample *sample, uint64_t count)
{
    firn_error err;
    struct fi_log *log = NULL;
    struct log_support_seen seen = {0};
    assert_int_equal(
        fi_log_open(sample->dir, &writable, log_support_visit, &seen, &log, NULL, &err), FIRN_OK);
    assert_int_equal(seen.count, count);
    assert_int_equal(log_support_append(log, count, NULL, &err), FIRN_OK);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    seen = (struct log_support_seen){0};
    assert_int_equal(log_support_read(sample->dir, &read_only, &seen, NULL, &err), FIRN_OK);
    assert_false(seen.is_wrong);
    assert_int_equal(seen.count, count + 1);
}

/* Puts the sample's files back as they were. */
static void
restore_files(struct sample *sample)
{
    firn_error err;
    for (uint64_t number = 1; number <= sample->newest; number++) {
        put_file(sample, number, fi_buf_slice(&sample->files[number]));
    }
    for (uint64_t number = sample->newest + 1; number < sample->newest + 3; number++) {
        assert_int_equal(fi_log_segment_remove(sample->dir, "wal", number, &err), FIRN_OK);
    }
}

static void
flip_every_bit(enum ending ending)
{
    struct sample sample;
    make_sample(&sample, ending);
    uint64_t refused = 0;
    uint64_t shortened = 0;
    struct outcome whole = read_sample(&sample);
    assert_int_equal(whole.rc, FIRN_OK);
    assert_int_equal(whole.seen.count, sample.record_count);
    for (uint64_t number = 1; number <= sample.newest; number++) {
        struct fi_buf *file = &sample.files[number];
        for (size_t bit = 0; bit < file->size * 8; bit++) {
            uint64_t at = bit / 8;
            file->data[at] ^= (uint8_t)(1 << bit % 8);
            put_file(&sample, number, fi_buf_slice(file));
            struct outcome outcome = read_sample(&sample);
            bool is_last_group = number == sample.newest && at >= sample.mark;
            if (at < 128 || (at < sample.ends_at[number] && !is_last_group)) {
                assert_names_damage(&outcome, number);
                refused++;
            } else {
                assert_int_equal(outcome.rc, FIRN_OK);
                uint64_t floor = records_before(&sample, number, is_last_group ? at : UINT64_MAX);
                if (number < sample.newest) {
                    floor = sample.record_count;
                }
                assert_int_equal(outcome.seen.count, floor);
                shortened += outcome.seen.count < sample.record_count ? 1 : 0;
                if (bit % 8 == at % 8) {
                    assert_log_goes_on(&sample, outcome.seen.count);
                    file->data[at] ^= (uint8_t)(1 << bit % 8);
                    restore_files(&sample);
                    file->data[at] ^= (uint8_t)(1 << bit % 8);
                }
            }
            file->data[at] ^= (uint8_t)(1 << bit % 8);
        }
        put_file(&sample, number, fi_buf_slice(file));
    }
    (void)printf("flips: %llu refused, %llu opened as a prefix\n", (unsigned long long)refused,
                 (unsigned long long)shortened);
    assert_true(refused > 1000);
    /* With END at the end, no flip costs a record without being reported. */
    assert_true((ending == CLOSED) == (shortened == 0));
    drop_sample(&sample);
}

static void
every_bit_of_a_closed_log_is_guarded(void **state)
{
    flip_every_bit(CLOSED);
}

static void
only_the_last_group_of_a_crashed_log_is_unguarded(void **state)
{
    flip_every_bit(SYNCED);
    flip_every_bit(UNSYNCED);
}

static void
an_end_record_in_the_middle_is_guarded_too(void **state)
{
    flip_every_bit(REOPENED);
}

static void
a_file_of_every_length_is_damage_or_a_prefix(void **state)
{
    for (enum ending ending = CLOSED; ending <= REOPENED; ending++) {
        struct sample sample;
        make_sample(&sample, ending);
        for (uint64_t number = 1; number <= sample.newest; number++) {
            struct fi_buf *file = &sample.files[number];
            for (size_t size = 0; size < file->size; size++) {
                put_file(&sample, number, firn_bytes(file->data, size));
                struct outcome outcome = read_sample(&sample);
                if (size < 128 || (number < sample.newest && size < sample.ends_at[number])) {
                    assert_int_equal(outcome.rc, FIRN_CORRUPT);
                    continue;
                }
                assert_int_equal(outcome.rc, FIRN_OK);
                uint64_t expected = number < sample.newest ? sample.record_count
                                                           : records_before(&sample, number, size);
                assert_int_equal(outcome.seen.count, expected);
                if (number == sample.newest) {
                    assert_log_goes_on(&sample, expected);
                    restore_files(&sample);
                }
            }
            put_file(&sample, number, fi_buf_slice(file));
        }
        drop_sample(&sample);
    }
}

static void
a_missing_or_foreign_segment_is_damage(void **state)
{
    struct sample sample;
    make_sample(&sample, CLOSED);
    assert_true(sample.newest == 3);
    firn_error err;
    for (uint64_t number = 1; number <= sample.newest; number++) {
        char name[FI_LOG_SEGMENT_NAME_SIZE];
        fi_log_segment_name("wal", number, name);
        assert_int_equal(fi_log_segment_remove(sample.dir, "wal", number, &err), FIRN_OK);
        struct outcome outcome = read_sample(&sample);
        assert_int_equal(outcome.rc, FIRN_CORRUPT);
        assert_non_null(strstr(outcome.err.text, name));
        restore_files(&sample);
        for (uint64_t other = 1; other <= sample.newest; other++) {
            if (other != number) {
                put_file(&sample, number, fi_buf_slice(&sample.files[other]));
                outcome = read_sample(&sample);
                assert_names_damage(&outcome, number);
                restore_files(&sample);
            }
        }
    }
    drop_sample(&sample);
}

/* A segment of another log, with the right number and a header of its own. */
static void
a_segment_of_another_log_does_not_continue_this_one(void **state)
{
    struct sample sample;
    struct sample other;
    make_sample(&sample, CLOSED);
    make_sample(&other, CLOSED);
    firn_error err;
    struct fi_log *log = NULL;
    static const struct fi_log_options alien = {.prefix = "alien", .segment_size_bytes = 260};
    assert_int_equal(fi_log_create(other.dir, &alien, &log, &err), FIRN_OK);
    assert_int_equal(fi_log_rotate(log, &err), FIRN_OK);
    assert_int_equal(fi_log_rotate(log, &err), FIRN_OK);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    for (uint64_t number = 1; number <= 3; number++) {
        char name[FI_LOG_SEGMENT_NAME_SIZE];
        fi_log_segment_name("alien", number, name);
        struct fi_buf bytes = {0};
        log_support_get_file(other.dir, name, &bytes);
        put_file(&sample, number, fi_buf_slice(&bytes));
        struct outcome outcome = read_sample(&sample);
        assert_names_damage(&outcome, number == 1 ? 2 : number);
        restore_files(&sample);
        fi_buf_deinit(&bytes);
    }
    drop_sample(&sample);
    drop_sample(&other);
}

/* CASES S-B3: ten synced records, one byte of the fifth changed. */
static void
a_changed_byte_in_the_fifth_of_ten_is_never_silent(void **state)
{
    for (int is_closed = 0; is_closed < 2; is_closed++) {
        firn_error err;
        struct sample sample = {0};
        static const struct fi_log_options one_segment = {.prefix = "wal"};
        assert_int_equal(fi_sim_memory_create(6, &sample.os, &err), FIRN_OK);
        sample.dir = log_support_root(sample.os);
        struct fi_log *log = NULL;
        assert_int_equal(fi_log_create(sample.dir, &one_segment, &log, &err), FIRN_OK);
        while (sample.record_count < 10) {
            append(&sample, log);
            sync_log(log);
        }
        if (is_closed != 0) {
            assert_int_equal(fi_log_close(log, &err), FIRN_OK);
        } else {
            fi_log_abandon(log);
        }
        remember_files(&sample);
        for (uint64_t at = sample.begins[4].offset; at < sample.ends[4].offset; at++) {
            sample.files[1].data[at] ^= 0x10;
            put_file(&sample, 1, fi_buf_slice(&sample.files[1]));
            struct outcome outcome = read_sample(&sample);
            assert_names_damage(&outcome, 1);
            assert_int_equal(outcome.seen.count, 4);
            sample.files[1].data[at] ^= 0x10;
        }
        drop_sample(&sample);
    }
}

/* CASES S-B16: a torn tail, then a record, a close, and an opening. */
static void
a_record_written_after_a_torn_tail_is_found(void **state)
{
    firn_error err;
    struct sample sample;
    make_sample(&sample, UNSYNCED);
    struct fi_buf *file = &sample.files[sample.newest];
    put_file(&sample, sample.newest, firn_bytes(file->data, file->size - 5));
    uint64_t count = sample.record_count - 1;
    for (int round = 0; round < 3; round++) {
        struct log_support_seen seen = {0};
        struct fi_log_recovery recovery;
        struct fi_log *log = NULL;
        assert_int_equal(
            fi_log_open(sample.dir, &writable, log_support_visit, &seen, &log, &recovery, &err),
            FIRN_OK);
        assert_int_equal(recovery.was_cut, round == 0);
        assert_int_equal(seen.count, count);
        assert_false(seen.is_wrong);
        assert_int_equal(log_support_append(log, count++, NULL, &err), FIRN_OK);
        assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    }
    drop_sample(&sample);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_of_a_closed_log_is_guarded),
        cmocka_unit_test(only_the_last_group_of_a_crashed_log_is_unguarded),
        cmocka_unit_test(an_end_record_in_the_middle_is_guarded_too),
        cmocka_unit_test(a_file_of_every_length_is_damage_or_a_prefix),
        cmocka_unit_test(a_missing_or_foreign_segment_is_damage),
        cmocka_unit_test(a_segment_of_another_log_does_not_continue_this_one),
        cmocka_unit_test(a_changed_byte_in_the_fifth_of_ten_is_never_silent),
        cmocka_unit_test(a_record_written_after_a_torn_tail_is_found),
    };
    int failed = cmocka_run_group_tests_name("a log in clear", tests, NULL, NULL);
    if (log_support_encrypt(FI_CIPHER_XCHACHA20_POLY1305)) {
        writable.segment_size_bytes = 340;
        failed += cmocka_run_group_tests_name("an encrypted log", tests, NULL, NULL);
    }
    return failed;
}
