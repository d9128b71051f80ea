/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/log: the bytes on disk: golden files of tests/formats/log (made by make_golden.py from the
 * specification), newer versions, preallocated and recycled space.
 */
#include "base/bytes.h"
#include "cipher/cipher_keyring.h"
#include "codec/crc32c.h"
#include "log/log_format.h"
#include "log_support.h"
#include "posix/os_default.h"
#include "sim/sim_memory.h"
#include "support/test.h"

struct fixture {
    struct fi_os *os;
    struct fi_os_dir *dir;
};

static int
set_up(void **state)
{
    static struct fixture fixture;
    *state = &fixture;
    if (fi_sim_memory_create(1, &fixture.os, NULL) != FIRN_OK) {
        return -1;
    }
    return fi_os_dir_open_path(fixture.os, "/", &fixture.dir, NULL);
}

static int
tear_down(void **state)
{
    struct fixture *fixture = *state;
    fi_os_dir_close(fixture->dir);
    fi_sim_memory_destroy(fixture->os);
    return 0;
}

static void
get_golden(const char *name, struct fi_buf *out)
{
    firn_error err;
    struct fi_os_dir *golden = NULL;
    assert_int_equal(fi_os_dir_open_path(fi_os_default(), "tests/formats/log", &golden, &err),
                     FIRN_OK);
    log_support_get_file(golden, name, out);
    fi_os_dir_close(golden);
}

static void
copy_golden(struct fixture *fixture, const char *golden, const char *name)
{
    struct fi_buf bytes = {0};
    get_golden(golden, &bytes);
    log_support_put_file(fixture->dir, name, fi_buf_slice(&bytes));
    fi_buf_deinit(&bytes);
}

/* Collects records as "<type>:<payload>;". */
static int
collect(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
        firn_error *err)
{
    (void)position;
    (void)err;
    struct fi_buf *out = ctx;
    assert_int_equal(fi_buf_append_format(out, "%u:", type), FIRN_OK);
    assert_int_equal(fi_buf_append_slice(out, record), FIRN_OK);
    return fi_buf_append_str(out, ";");
}

static int
read_all(struct fixture *fixture, const struct fi_log_options *options, struct fi_buf *out,
         struct fi_log_recovery *recovery)
{
    firn_error err;
    struct fi_log *log = NULL;
    fi_buf_clear(out);
    int rc = fi_log_open(fixture->dir, options, collect, out, &log, recovery, &err);
    fi_log_abandon(log);
    return rc;
}

static void
assert_same_file(struct fixture *fixture, const char *name, const char *golden)
{
    struct fi_buf got = {0};
    struct fi_buf expected = {0};
    log_support_get_file(fixture->dir, name, &got);
    get_golden(golden, &expected);
    assert_int_equal(got.size, expected.size);
    assert_memory_equal(got.data, expected.data, got.size);
    fi_buf_deinit(&got);
    fi_buf_deinit(&expected);
}

static const struct fi_log_options closed = {.prefix = "closed"};
static const struct fi_log_options closed_read_only = {.prefix = "closed", .read_only = true};

static void
the_golden_log_reads_as_specified(void **state)
{
    struct fixture *fixture = *state;
    copy_golden(fixture, "closed-000001.log", "closed-000001.log");
    copy_golden(fixture, "closed-000002.log", "closed-000002.log");
    struct fi_buf expected = {0};
    assert_int_equal(fi_buf_append_str(&expected, "16:first;200:"), FIRN_OK);
    for (unsigned i = 0; i < 256; i++) {
        assert_int_equal(fi_buf_append_u8(&expected, (uint8_t)i), FIRN_OK);
    }
    assert_int_equal(fi_buf_append_str(&expected, ";16:;255:exactly sixteen.;"), FIRN_OK);
    struct fi_buf got = {0};
    struct fi_log_recovery recovery;
    assert_int_equal(read_all(fixture, &closed_read_only, &got, &recovery), FIRN_OK);
    assert_int_equal(got.size, expected.size);
    assert_memory_equal(got.data, expected.data, got.size);
    assert_int_equal(recovery.record_count, 4);
    assert_true(recovery.was_closed_cleanly);
    fi_buf_deinit(&got);
    fi_buf_deinit(&expected);
}

static void
appending_to_the_golden_log_writes_the_golden_bytes(void **state)
{
    struct fixture *fixture = *state;
    copy_golden(fixture, "closed-000001.log", "closed-000001.log");
    copy_golden(fixture, "closed-000002.log", "closed-000002.log");
    firn_error err;
    struct fi_buf got = {0};
    struct fi_log *log = NULL;
    assert_int_equal(fi_log_open(fixture->dir, &closed, collect, &got, &log, NULL, &err), FIRN_OK);
    firn_slice parts[2] = {firn_str("after "), firn_str("the end")};
    assert_int_equal(fi_log_append(log, 17, parts, 2, NULL, &err), FIRN_OK);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    assert_same_file(fixture, "closed-000001.log", "closed-000001.log");
    assert_same_file(fixture, "closed-000002.log", "reopened-000002.log");
    fi_buf_deinit(&got);
}

static void
the_first_golden_segment_is_written_again(void **state)
{
    struct fixture *fixture = *state;
    uint8_t bytes[440];
    struct fi_log_format_segment segment = {
        .number = 1, .salt = UINT64_C(0x0123456789abcdef), .oldest = 1};
    fi_log_format_put_segment(&segment, bytes);
    struct fi_log_format_record first = {.length = 5, .durable = 128, .type = 16};
    memcpy(bytes + 128 + 16, "first", 5);
    fi_log_format_put_record(&first, segment.salt, 128, bytes + 128);
    struct fi_log_format_record second = {.length = 256, .durable = 152, .type = 200};
    for (size_t i = 0; i < 256; i++) {
        bytes[152 + 16 + i] = (uint8_t)i;
    }
    fi_log_format_put_record(&second, segment.salt, 152, bytes + 152);
    struct fi_log_format_record next = {.durable = 424, .type = FI_LOG_FORMAT_NEXT};
    fi_log_format_put_record(&next, segment.salt, 424, bytes + 424);
    log_support_put_file(fixture->dir, "again", firn_bytes(bytes, sizeof bytes));
    assert_same_file(fixture, "again", "closed-000001.log");
}

static void
the_golden_crash_is_cut_and_goes_on_in_a_new_segment(void **state)
{
    struct fixture *fixture = *state;
    static const struct fi_log_options cut = {.prefix = "cut"};
    copy_golden(fixture, "cut-000001.log", "cut-000001.log");
    struct fi_buf got = {0};
    struct fi_log_recovery recovery;
    firn_error err;
    struct fi_log *log = NULL;
    assert_int_equal(fi_log_open(fixture->dir, &cut, collect, &got, &log, &recovery, &err),
                     FIRN_OK);
    assert_int_equal(recovery.record_count, 1);
    assert_true(recovery.was_cut);
    assert_int_equal(recovery.cut.segment, 1);
    assert_int_equal(recovery.cut.offset, 152);
    assert_int_equal(recovery.cut_bytes, 240 - 152);
    assert_int_equal(fi_log_end(log).segment, 2);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    /* The new segment names the cut, and NEXT stands there. */
    struct fi_buf bytes = {0};
    log_support_get_file(fixture->dir, "cut-000002.log", &bytes);
    assert_int_equal(fi_load_le64(bytes.data + 32), UINT64_C(0x5555aaaa5555aaaa));
    assert_int_equal(fi_load_le64(bytes.data + 40), 152);
    fi_buf_clear(&bytes);
    log_support_get_file(fixture->dir, "cut-000001.log", &bytes);
    assert_int_equal(bytes.data[152 + 12], FI_LOG_FORMAT_NEXT);
    /* What was cut never comes back, and its successor may not go missing. */
    assert_int_equal(read_all(fixture, &cut, &got, &recovery), FIRN_OK);
    assert_int_equal(recovery.record_count, 1);
    assert_true(recovery.was_closed_cleanly);
    assert_int_equal(fi_os_remove_file(fixture->dir, "cut-000002.log", &err), FIRN_OK);
    assert_int_equal(read_all(fixture, &cut, &got, &recovery), FIRN_CORRUPT);
    fi_buf_deinit(&got);
    fi_buf_deinit(&bytes);
}

static void
the_golden_encrypted_log_reads_as_specified(void **state)
{
    struct fixture *fixture = *state;
    static const struct fi_log_options sealed = {.prefix = "sealed"};
    uint8_t key[FI_CIPHER_KEY_SIZE];
    const struct fi_cipher_keyring_master master = {1, key};
    struct fi_cipher_keyring *keyring;
    struct fi_buf got = {0};
    struct fi_log_recovery recovery;
    firn_error err;
    if (fi_cipher_check(FI_CIPHER_XCHACHA20_POLY1305, NULL) != FIRN_OK) {
        return;
    }
    copy_golden(fixture, "sealed-000001.log", "sealed-000001.log");
    assert_int_equal(read_all(fixture, &sealed, &got, &recovery), FIRN_DENIED);
    for (size_t i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)i;
    }
    assert_int_equal(
        fi_cipher_keyring_create(FI_CIPHER_XCHACHA20_POLY1305, &master, 1, &keyring, &err),
        FIRN_OK);
    fi_os_dir_set_seal(fixture->dir, fi_cipher_keyring_seal(keyring));
    assert_int_equal(read_all(fixture, &sealed, &got, &recovery), FIRN_OK);
    const char *expected = "16:first;200:;255:exactly sixteen.;";
    assert_int_equal(got.size, strlen(expected));
    assert_memory_equal(got.data, expected, got.size);
    assert_true(recovery.was_closed_cleanly);
    assert_same_file(fixture, "sealed-000001.log", "sealed-000001.log");
    fi_buf_deinit(&got);
}

/* ---- what a reader does not know ---- */

static void
put_golden_changed(struct fixture *fixture, size_t offset, uint8_t value)
{
    struct fi_buf bytes = {0};
    get_golden("closed-000001.log", &bytes);
    bytes.data[offset] = value;
    fi_store_le32(bytes.data + 124, fi_crc32c(0, bytes.data, 124));
    log_support_put_file(fixture->dir, "closed-000001.log", fi_buf_slice(&bytes));
    fi_buf_deinit(&bytes);
}

static void
newer_segments_are_refused_as_newer(void **state)
{
    struct fixture *fixture = *state;
    struct fi_buf got = {0};
    struct fi_log_recovery recovery;
    copy_golden(fixture, "closed-000002.log", "closed-000002.log");
    static const size_t offsets[] = {8, 11, 12, 15, 64, 123};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        put_golden_changed(fixture, offsets[i], 5);
        assert_int_equal(read_all(fixture, &closed, &got, &recovery), FIRN_NEWER);
    }
    /* Version 2 has a note, version 1 has none. */
    put_golden_changed(fixture, 8, 2);
    assert_int_equal(read_all(fixture, &closed, &got, &recovery), FIRN_CORRUPT);
    put_golden_changed(fixture, 56, 1);
    assert_int_equal(read_all(fixture, &closed, &got, &recovery), FIRN_CORRUPT);
    /* Fields that no version writes. */
    put_golden_changed(fixture, 32, 1);
    assert_int_equal(read_all(fixture, &closed, &got, &recovery), FIRN_CORRUPT);
    put_golden_changed(fixture, 40, 8);
    assert_int_equal(read_all(fixture, &closed, &got, &recovery), FIRN_CORRUPT);
    put_golden_changed(fixture, 48, 0);
    assert_int_equal(read_all(fixture, &closed, &got, &recovery), FIRN_CORRUPT);
    put_golden_changed(fixture, 48, 2);
    assert_int_equal(read_all(fixture, &closed, &got, &recovery), FIRN_CORRUPT);
    put_golden_changed(fixture, 0, 'f');
    assert_int_equal(read_all(fixture, &closed, &got, &recovery), FIRN_OK);
    fi_buf_deinit(&got);
}

/* Nothing could follow it. */
static void
a_segment_with_the_last_number_is_damage(void **state)
{
    uint8_t bytes[FI_LOG_FORMAT_SEGMENT_SIZE];
    firn_error err;
    struct fi_log_format_segment got;
    struct fi_log_format_segment segment = {
        .number = UINT64_MAX - 1, .salt = 1, .previous_end = 128, .oldest = 1};
    fi_log_format_put_segment(&segment, bytes);
    assert_int_equal(fi_log_format_get_segment(bytes, "x", &got, &err), FIRN_OK);
    segment.number = UINT64_MAX;
    fi_log_format_put_segment(&segment, bytes);
    assert_int_equal(fi_log_format_get_segment(bytes, "x", &got, &err), FIRN_CORRUPT);
}

/* A log of one segment: a header with these flags, one record as given, then `tail`. */
static void
put_segment(struct fixture *fixture, uint32_t flags, const struct fi_log_format_record *record,
            firn_slice tail)
{
    uint8_t bytes[1024] = {0};
    struct fi_log_format_segment segment = {.flags = flags, .number = 1, .salt = 77, .oldest = 1};
    fi_log_format_put_segment(&segment, bytes);
    fi_log_format_put_record(record, 77, 128, bytes + 128);
    size_t end = 128 + (size_t)fi_log_format_record_room(record->length);
    memcpy(bytes + end, tail.data, tail.size);
    log_support_put_file(fixture->dir, "closed-000001.log", firn_bytes(bytes, end + tail.size));
}

static void
newer_records_are_refused_as_newer(void **state)
{
    struct fixture *fixture = *state;
    struct fi_buf got = {0};
    struct fi_log_recovery recovery;
    for (unsigned type = 1; type < 20; type++) {
        struct fi_log_format_record record = {.durable = 128, .type = (uint8_t)type};
        put_segment(fixture, 0, &record, firn_str(""));
        bool is_damage = type == FI_LOG_FORMAT_NEXT || type == FI_LOG_FORMAT_EPOCH;
        int expected = type == FI_LOG_FORMAT_END || type >= 16 ? FIRN_OK
                       : is_damage                             ? FIRN_CORRUPT
                                                               : FIRN_NEWER;
        assert_int_equal(read_all(fixture, &closed_read_only, &got, &recovery), expected);
    }
    struct fi_log_format_record early_end = {.durable = 120, .type = FI_LOG_FORMAT_END};
    put_segment(fixture, 0, &early_end, firn_str(""));
    assert_int_equal(read_all(fixture, &closed_read_only, &got, &recovery), FIRN_CORRUPT);
    struct fi_log_format_record long_end = {.length = 8, .durable = 128, .type = FI_LOG_FORMAT_END};
    put_segment(fixture, 0, &long_end, firn_str(""));
    assert_int_equal(read_all(fixture, &closed_read_only, &got, &recovery), FIRN_CORRUPT);
    fi_buf_deinit(&got);
}

/* ---- space after the last record ---- */

/* Opens, appends one record, closes; returns the segment it went into. */
static uint64_t
append_one(struct fixture *fixture)
{
    firn_error err;
    struct fi_buf got = {0};
    struct fi_log *log = NULL;
    assert_int_equal(fi_log_open(fixture->dir, &closed, collect, &got, &log, NULL, &err), FIRN_OK);
    firn_slice part = firn_str("one more");
    struct fi_log_position position;
    assert_int_equal(fi_log_append(log, 16, &part, 1, &position, &err), FIRN_OK);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    struct fi_log_recovery recovery;
    assert_int_equal(read_all(fixture, &closed_read_only, &got, &recovery), FIRN_OK);
    assert_int_equal(recovery.record_count, 2);
    assert_true(recovery.was_closed_cleanly);
    fi_buf_deinit(&got);
    return position.segment;
}

static void
preallocated_zeros_are_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct fi_buf got = {0};
    struct fi_log_recovery recovery;
    struct fi_log_format_record record = {.length = 40, .durable = 128, .type = 16};
    uint8_t zeros[500] = {0};
    for (size_t size = 0; size < sizeof zeros; size += 1 + size / 4) {
        put_segment(fixture, 0, &record, firn_bytes(zeros, size));
        assert_int_equal(read_all(fixture, &closed_read_only, &got, &recovery), FIRN_OK);
        assert_int_equal(recovery.record_count, 1);
        assert_false(recovery.was_cut);
    }
    assert_int_equal(append_one(fixture), 1);
    /* One byte that is not zero was written by somebody: a torn record. */
    for (size_t at = 0; at < sizeof zeros; at++) {
        zeros[at] = 1;
        put_segment(fixture, 0, &record, firn_bytes(zeros, sizeof zeros));
        assert_int_equal(read_all(fixture, &closed_read_only, &got, &recovery), FIRN_OK);
        assert_true(recovery.was_cut);
        assert_int_equal(recovery.cut_bytes, sizeof zeros);
        zeros[at] = 0;
    }
    fi_buf_deinit(&got);
}

static void
old_bytes_of_a_recycled_segment_are_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct fi_buf got = {0};
    struct fi_log_recovery recovery;
    struct fi_log_format_record record = {.length = 40, .durable = 128, .type = 16};
    uint64_t end = 128 + fi_log_format_record_room(40);
    /* Whole records of the file's earlier life, one of them exactly at the end. */
    uint8_t old[160] = {0};
    struct fi_log_format_record old_record = {.length = 64, .durable = 128, .type = 16};
    fi_log_format_put_record(&old_record, 76, end, old);
    fi_log_format_put_record(&old_record, 76, end + 80, old + 80);
    put_segment(fixture, FI_LOG_FORMAT_RECYCLED, &record, firn_bytes(old, sizeof old));
    assert_int_equal(read_all(fixture, &closed_read_only, &got, &recovery), FIRN_OK);
    assert_int_equal(recovery.record_count, 1);
    assert_false(recovery.was_cut);
    /* After a crash the log goes on elsewhere, after a clean close right there. */
    assert_int_equal(append_one(fixture), 2);
    assert_int_equal(fi_os_remove_file(fixture->dir, "closed-000002.log", NULL), FIRN_OK);
    uint8_t closed_tail[16 + sizeof old];
    struct fi_log_format_record end_record = {.durable = end, .type = FI_LOG_FORMAT_END};
    fi_log_format_put_record(&end_record, 77, end, closed_tail);
    memcpy(closed_tail + 16, old, sizeof old);
    put_segment(fixture, FI_LOG_FORMAT_RECYCLED, &record,
                firn_bytes(closed_tail, sizeof closed_tail));
    assert_int_equal(append_one(fixture), 1);
    /* Without the flag the same bytes are a torn tail. */
    put_segment(fixture, 0, &record, firn_bytes(old, sizeof old));
    assert_int_equal(read_all(fixture, &closed_read_only, &got, &recovery), FIRN_OK);
    assert_true(recovery.was_cut);
    /* The header of a record of this life at the end is a torn record; one further after is
     * found, and its mark says that the bytes before it were durable. */
    fi_log_format_put_record(&old_record, 77, end, old);
    old[30] ^= 1;
    put_segment(fixture, FI_LOG_FORMAT_RECYCLED, &record, firn_bytes(old, sizeof old));
    assert_int_equal(read_all(fixture, &closed_read_only, &got, &recovery), FIRN_OK);
    assert_true(recovery.was_cut);
    old_record.durable = end + 80;
    fi_log_format_put_record(&old_record, 77, end + 80, old + 80);
    put_segment(fixture, FI_LOG_FORMAT_RECYCLED, &record, firn_bytes(old, sizeof old));
    assert_int_equal(read_all(fixture, &closed_read_only, &got, &recovery), FIRN_CORRUPT);
    fi_buf_deinit(&got);
}

/* Writes a header whose own check is right for any announced length; no record stands after it. */
static void
put_false_header(uint8_t *bytes, uint64_t offset, uint32_t length)
{
    memset(bytes, 0, FI_LOG_FORMAT_RECORD_SIZE);
    fi_store_le32(bytes + 4, length);
    bytes[12] = 16;
    uint8_t block[26];
    fi_store_le64(block, 77);
    fi_store_le64(block + 8, offset);
    memcpy(block + 16, bytes + 4, 10);
    uint32_t sum = fi_crc32c(0, block, sizeof block);
    fi_store_le16(bytes + 14, (uint16_t)(sum ^ sum >> 16));
}

static void
a_declared_length_is_not_believed(void **state)
{
    struct fixture *fixture = *state;
    struct fi_buf got = {0};
    struct fi_log_recovery recovery;
    struct fi_log_format_record record = {.length = 40, .durable = 128, .type = 16};
    /* Up to 4 GiB are announced in a file of a few hundred bytes. */
    for (unsigned bit = 5; bit < 32; bit++) {
        uint8_t tail[24] = {0};
        put_false_header(tail, 128 + fi_log_format_record_room(40), UINT32_C(1) << bit);
        put_segment(fixture, 0, &record, firn_bytes(tail, sizeof tail));
        assert_int_equal(read_all(fixture, &closed_read_only, &got, &recovery), FIRN_OK);
        assert_int_equal(recovery.record_count, 1);
        assert_true(recovery.was_cut);
    }
    fi_buf_deinit(&got);
}

/* Sixty-five thousand headers, each of which announces all the rest of the file: a search that
 * believed them would read 32 GiB. */
static void
bytes_made_to_keep_the_search_busy_are_refused(void **state)
{
    struct fixture *fixture = *state;
    enum { SIZE = 1 << 20 };
    uint8_t *bytes = malloc(SIZE);
    assert_non_null(bytes);
    struct fi_log_format_segment segment = {.number = 1, .salt = 77, .oldest = 1};
    fi_log_format_put_segment(&segment, bytes);
    for (size_t at = FI_LOG_FORMAT_SEGMENT_SIZE; at < SIZE; at += FI_LOG_FORMAT_RECORD_SIZE) {
        put_false_header(bytes + at, at, (uint32_t)(SIZE - at - FI_LOG_FORMAT_RECORD_SIZE));
    }
    log_support_put_file(fixture->dir, "closed-000001.log", firn_bytes(bytes, SIZE));
    struct fi_buf got = {0};
    struct fi_log_recovery recovery;
    assert_int_equal(read_all(fixture, &closed_read_only, &got, &recovery), FIRN_CORRUPT);
    fi_buf_deinit(&got);
    free(bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_golden_log_reads_as_specified, set_up, tear_down),
        cmocka_unit_test_setup_teardown(appending_to_the_golden_log_writes_the_golden_bytes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_first_golden_segment_is_written_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_golden_crash_is_cut_and_goes_on_in_a_new_segment,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_golden_encrypted_log_reads_as_specified, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(newer_segments_are_refused_as_newer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(newer_records_are_refused_as_newer, set_up, tear_down),
        cmocka_unit_test(a_segment_with_the_last_number_is_damage),
        cmocka_unit_test_setup_teardown(preallocated_zeros_are_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(old_bytes_of_a_recycled_segment_are_the_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_declared_length_is_not_believed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_made_to_keep_the_search_busy_are_refused, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
