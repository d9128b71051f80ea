/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/log: encrypted logs. With the keys they read like others; nothing of a record is in clear;
 * no key meets a nonce twice; no change of a byte, and no exchange of records, shows a record that
 * was not appended there, even under right checksums. Power cuts and faults of encrypted logs are
 * in test_log_crash.c and test_log_fault.c.
 */
#include "base/bytes.h"
#include "cipher/cipher_keyring.h"
#include "codec/crc32c.h"
#include "log/log_format.h"
#include "log/log_seal.h"
#include "log_support.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_nonces.h"

enum { CIPHERS = 3, RECORDS = 12, LARGE = 40000 };

static firn_error err;
static const struct fi_log_options wal = {.prefix = "wal"};
static const struct fi_log_options short_segments = {.prefix = "wal", .segment_size_bytes = 700};
static const struct fi_log_options read_only = {.prefix = "wal", .read_only = true};

struct machine {
    struct fi_os *os;
    struct fi_os_dir *dir;   /* sealed */
    struct fi_os_dir *clear; /* the same without a seal */
};

static void
make_machine(struct machine *machine)
{
    assert_int_equal(fi_sim_memory_create(11, &machine->os, &err), FIRN_OK);
    machine->dir = log_support_root(machine->os);
    assert_int_equal(fi_os_dir_open_path(machine->os, "/", &machine->clear, &err), FIRN_OK);
    test_nonces_begin();
}

static void
drop_machine(struct machine *machine)
{
    assert_int_equal(test_nonces_repeated(), 0);
    fi_os_dir_close(machine->dir);
    fi_os_dir_close(machine->clear);
    fi_sim_memory_destroy(machine->os);
}

static void
append(struct fi_log *log, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++) {
        assert_int_equal(log_support_append(log, i, NULL, &err), FIRN_OK);
    }
}

static struct fi_log *
open_log(struct fi_os_dir *dir, const struct fi_log_options *options)
{
    struct fi_log *log;
    assert_int_equal(fi_log_open(dir, options, NULL, NULL, &log, NULL, &err), FIRN_OK);
    return log;
}

/* A closed log of one segment with records 0 to RECORDS - 1. */
static void
make_log(struct machine *machine, const struct fi_log_options *options)
{
    struct fi_log *log;
    make_machine(machine);
    assert_int_equal(fi_log_create(machine->dir, options, &log, &err), FIRN_OK);
    append(log, 0, RECORDS);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
}

static void
assert_reads(struct fi_os_dir *dir, uint64_t count)
{
    struct log_support_seen seen = {0};
    struct fi_log_recovery recovery;
    assert_int_equal(log_support_read(dir, &read_only, &seen, &recovery, &err), FIRN_OK);
    assert_false(seen.is_wrong);
    assert_int_equal(seen.count, count);
    assert_int_equal(recovery.record_count, count);
}

static void
get_segment(struct machine *machine, uint64_t number, struct fi_buf *out)
{
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    fi_log_segment_name("wal", number, name);
    fi_buf_clear(out);
    log_support_get_file(machine->clear, name, out);
}

static void
put_segment(struct machine *machine, uint64_t number, firn_slice bytes)
{
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    fi_log_segment_name("wal", number, name);
    log_support_put_file(machine->clear, name, bytes);
}

/* The offset of the n-th record of a type in a segment's bytes, from 0 on; 0 if there is none. */
static uint64_t
find_record(const struct fi_buf *bytes, uint8_t type, unsigned n)
{
    uint64_t at = FI_LOG_FORMAT_SEGMENT_SIZE;
    while (at + FI_LOG_FORMAT_RECORD_SIZE <= bytes->size && bytes->data[at + 12] != 0) {
        if (bytes->data[at + 12] == type || (type == 0 && bytes->data[at + 12] >= 16)) {
            if (n == 0) {
                return at;
            }
            n--;
        }
        at += fi_log_format_record_room(fi_load_le32(bytes->data + at + 4));
    }
    return 0;
}

static unsigned
count_epochs(struct machine *machine, uint64_t number)
{
    struct fi_buf bytes = {0};
    unsigned count = 0;
    get_segment(machine, number, &bytes);
    while (find_record(&bytes, FI_LOG_FORMAT_EPOCH, count) != 0) {
        count++;
    }
    fi_buf_deinit(&bytes);
    return count;
}

/* ---- round trips ---- */

static const uint8_t marker[] = "the quick brown fox jumps over the lazy dog";

static int
find_marker(void *ctx, const struct fi_os_dirent *entry)
{
    struct machine *machine = ctx;
    struct fi_buf bytes = {0};
    log_support_get_file(machine->clear, entry->name, &bytes);
    assert_null(memmem(bytes.data, bytes.size, marker, 16));
    fi_buf_deinit(&bytes);
    return FIRN_OK;
}

struct large {
    uint64_t count;
    size_t size;
};

static int
visit_large(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
            firn_error *error)
{
    struct large *large = ctx;
    (void)position, (void)error;
    assert_int_equal(type, 200);
    assert_int_equal(record.size, large->size);
    for (size_t at = 0; at < record.size; at += sizeof marker) {
        const size_t left = record.size - at;
        assert_memory_equal(record.data + at, marker, left < sizeof marker ? left : sizeof marker);
    }
    large->count++;
    return FIRN_OK;
}

/* Records of one size, in several parts and segments, by one handle after the other. */
static void
check_size(const struct fi_log_options *options, size_t size)
{
    struct machine machine;
    struct large large = {.size = size};
    struct fi_log *log;
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = marker[i % sizeof marker];
    }
    const firn_slice parts[] = {firn_bytes(bytes, size / 3),
                                firn_bytes(bytes + size / 3, size - size / 3)};
    make_machine(&machine);
    assert_int_equal(fi_log_create(machine.dir, options, &log, &err), FIRN_OK);
    for (unsigned handle = 0; handle < 3; handle++) {
        for (unsigned i = 0; i < 5; i++) {
            struct fi_log_position at;
            assert_int_equal(fi_log_append(log, 200, parts, 2, &at, &err), FIRN_OK);
            /* The position is that of the record, not of an EPOCH before it. */
            struct fi_buf file = {0};
            get_segment(&machine, at.segment, &file);
            assert_int_equal(file.data[at.offset + 12], 200);
            fi_buf_deinit(&file);
        }
        assert_int_equal(fi_os_dir_list(machine.clear, find_marker, &machine, &err), FIRN_OK);
        if (handle == 1) {
            fi_log_abandon(log);
        } else {
            assert_int_equal(fi_log_close(log, &err), FIRN_OK);
        }
        assert_int_equal(fi_log_open(machine.dir, options, visit_large, &large, &log, NULL, &err),
                         FIRN_OK);
        assert_int_equal(large.count, 5 * (handle + 1));
        large.count = 0;
    }
    assert_int_equal(test_nonces_count(), 15);
    fi_log_abandon(log);
    free(bytes);
    drop_machine(&machine);
}

static void
what_is_appended_comes_back(void **state)
{
    static const struct fi_log_options options[] = {
        {.prefix = "wal", .segment_size_bytes = 3000},
        {.prefix = "wal", .ready_after_bytes = 1},
        {.prefix = "wal", .segment_size_bytes = 100000, .ready_after_bytes = 1},
        {.prefix = "wal", .segment_size_bytes = 1},
    };
    static const size_t sizes[] = {0, 1, 7, 100, 5000, (32 << 10) - 33, (32 << 10) - 16, LARGE};
    unsigned tested = 0;
    (void)state;
    for (unsigned cipher = 1; cipher <= CIPHERS; cipher++) {
        if (!log_support_encrypt(cipher)) {
            continue;
        }
        tested++;
        for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
            for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
                check_size(&options[i], sizes[j]);
            }
        }
    }
    assert_true(tested > 0);
    assert_true(log_support_encrypt(FI_CIPHER_XCHACHA20_POLY1305));
}

/* As docs/formats/log.md says, without a line of the code that writes them. */
static void
the_bytes_are_those_of_the_document(void **state)
{
    struct machine machine;
    struct fi_buf file = {0};
    struct fi_cipher_key *key;
    uint8_t master[FI_CIPHER_KEY_SIZE];
    uint8_t place[16 + 16];
    uint8_t log_key[FI_CIPHER_KEY_SIZE];
    uint8_t check[8];
    (void)state;
    memset(master, 0x5a, sizeof master);
    make_log(&machine, &wal);
    get_segment(&machine, 1, &file);
    assert_int_equal(fi_load_le32(file.data + 12), 2);
    const uint8_t *epoch = file.data + 128;
    assert_int_equal(fi_load_le32(epoch + 4), 32);
    assert_int_equal(epoch[12], 3);
    assert_int_equal(fi_load_le32(epoch + 16), 1);
    assert_int_equal(fi_load_le32(epoch + 20), 1);
    fi_cipher_derive_check(master, check);
    assert_memory_equal(epoch + 24, check, 8);
    memcpy(place, file.data + 16, 16); /* number and salt */
    memcpy(place + 16, epoch + 32, 16);
    const firn_slice parts[] = {firn_bytes(master, sizeof master), firn_bytes(place, sizeof place)};
    fi_cipher_derive_own("firn 2026-11-28 log key", parts, 2, log_key);
    assert_int_equal(fi_cipher_key_create(1, log_key, &key, &err), FIRN_OK);
    uint64_t at = 128 + 48;
    for (uint64_t i = 0; i < RECORDS; i++) {
        struct log_support_record record;
        uint8_t plain[LOG_SUPPORT_PAYLOAD_MAX];
        uint8_t aad[42];
        log_support_record(i, &record);
        assert_int_equal(file.data[at + 12], record.type);
        assert_int_equal(fi_load_le32(file.data + at + 4), record.size + 16);
        memcpy(aad, file.data + 16, 16);
        fi_store_le64(aad + 16, 128);
        fi_store_le64(aad + 24, at);
        memcpy(aad + 32, file.data + at + 4, 10);
        assert_int_equal(fi_cipher_open(key, at / 8, firn_bytes(aad, sizeof aad),
                                        firn_bytes(file.data + at + 16, record.size + 16), plain,
                                        &err),
                         FIRN_OK);
        assert_memory_equal(plain, record.payload, record.size);
        at += (16 + record.size + 16 + 7) / 8 * 8;
    }
    fi_cipher_key_destroy(key);
    fi_buf_deinit(&file);
    drop_machine(&machine);
}

/* ---- epochs ---- */

static void
each_handle_and_each_segment_has_its_epoch(void **state)
{
    struct machine machine;
    struct fi_log *log;
    (void)state;
    make_log(&machine, &wal);
    assert_int_equal(count_epochs(&machine, 1), 1);
    /* One that appends nothing begins none. */
    assert_int_equal(fi_log_close(open_log(machine.dir, &wal), &err), FIRN_OK);
    assert_int_equal(count_epochs(&machine, 1), 1);
    log = open_log(machine.dir, &wal);
    append(log, RECORDS, RECORDS + 3);
    fi_log_abandon(log);
    assert_int_equal(count_epochs(&machine, 1), 2);
    log = open_log(machine.dir, &wal);
    append(log, RECORDS + 3, RECORDS + 5);
    assert_int_equal(count_epochs(&machine, 1), 3);
    assert_int_equal(fi_log_rotate(log, &err), FIRN_OK);
    append(log, RECORDS + 5, RECORDS + 8);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    assert_int_equal(count_epochs(&machine, 1), 3);
    assert_int_equal(count_epochs(&machine, 2), 1);
    assert_reads(machine.dir, RECORDS + 8);
    drop_machine(&machine);
}

/* The files of segments are used again and again, under one handle and others. */
static void
files_that_are_used_again_repeat_no_nonce(void **state)
{
    static const struct fi_log_options options = {.prefix = "wal", .ready_after_bytes = 8192};
    struct machine machine;
    struct fi_log *log;
    struct fi_buf bytes = {0};
    uint64_t count = 0;
    uint64_t recycled = 0;
    (void)state;
    make_machine(&machine);
    assert_int_equal(fi_log_create(machine.dir, &options, &log, &err), FIRN_OK);
    for (unsigned round = 0; round < 8; round++) {
        log_support_fill(log, &count);
        assert_int_equal(fi_log_rotate(log, &err), FIRN_OK);
        assert_int_equal(fi_log_remove_before(log, fi_log_end(log).segment, &err), FIRN_OK);
        get_segment(&machine, fi_log_end(log).segment, &bytes);
        assert_int_equal(fi_load_le32(bytes.data + 12) & FI_LOG_FORMAT_SEALED,
                         FI_LOG_FORMAT_SEALED);
        recycled += fi_load_le32(bytes.data + 12) & FI_LOG_FORMAT_RECYCLED;
        if (round == 5) {
            fi_log_abandon(log);
            log = open_log(machine.dir, &options);
        }
    }
    assert_true(recycled >= 3);
    assert_int_equal(test_nonces_count(), count);
    fi_log_abandon(log);
    fi_buf_deinit(&bytes);
    drop_machine(&machine);
}

/* A copy of the directory and the original go on, each with records of its own; and the copy is put
 * back, as a restored snapshot is. */
static void
copies_of_a_log_repeat_no_nonce(void **state)
{
    struct machine machine;
    struct fi_buf before = {0};
    struct fi_log *log;
    (void)state;
    make_log(&machine, &wal);
    get_segment(&machine, 1, &before);
    for (unsigned copy = 0; copy < 4; copy++) {
        put_segment(&machine, 1, fi_buf_slice(&before));
        log = open_log(machine.dir, &wal);
        for (uint64_t i = 0; i < 5; i++) {
            assert_int_equal(log_support_append(log, 100 * copy + i, NULL, &err), FIRN_OK);
        }
        if (copy % 2 == 0) {
            assert_int_equal(fi_log_close(log, &err), FIRN_OK);
        } else {
            fi_log_abandon(log);
        }
    }
    assert_int_equal(test_nonces_count(), RECORDS + 20);
    fi_buf_deinit(&before);
    drop_machine(&machine);
}

/* Disks that fill up anywhere: in an EPOCH, in the record after it, in the zeros that are got
 * ready. */
static void
a_full_disk_repeats_no_nonce(void **state)
{
    (void)state;
    for (uint64_t space = 0; space < 300; space += 4) {
        for (unsigned is_loaded = 0; is_loaded < 2; is_loaded++) {
            const struct fi_log_options options = {.prefix = "wal", .ready_after_bytes = is_loaded};
            struct machine machine;
            struct fi_log *log;
            uint8_t bytes[LARGE] = {1};
            const firn_slice large = firn_bytes(bytes, sizeof bytes);
            uint64_t appended = 0;
            make_machine(&machine);
            assert_int_equal(fi_log_create(machine.dir, &options, &log, &err), FIRN_OK);
            fi_sim_memory_set_space(machine.os, FI_LOG_FORMAT_SEGMENT_SIZE + space);
            for (unsigned i = 0; i < 12; i++) {
                const int rc = log_support_append(log, appended, NULL, &err);
                assert_true(rc == FIRN_OK || rc == FIRN_NO_SPACE);
                appended += rc == FIRN_OK;
                assert_int_equal(fi_log_append(log, 16, &large, 1, NULL, &err), FIRN_NO_SPACE);
                assert_false(fi_log_has_failed(log));
            }
            fi_sim_memory_set_space(machine.os, UINT64_MAX);
            append(log, appended, appended + 3);
            assert_reads(machine.dir, appended + 3);
            assert_int_equal(fi_log_close(log, &err), FIRN_OK);
            assert_reads(machine.dir, appended + 3);
            drop_machine(&machine);
        }
    }
}

static void
a_record_that_is_too_long_changes_nothing(void **state)
{
    struct machine machine;
    struct fi_log *log;
    uint8_t byte = 0;
    const firn_slice parts[] = {
        firn_bytes(&byte, 1),
        firn_bytes(&byte, (size_t)FI_LOG_RECORD_SIZE_MAX - FI_CIPHER_TAG_SIZE_MAX)};
    (void)state;
    make_log(&machine, &wal);
    log = open_log(machine.dir, &wal);
    const uint64_t end = fi_log_end(log).offset;
    assert_int_equal(fi_log_append(log, 16, parts, 2, NULL, &err), FIRN_LIMIT);
    assert_int_equal(fi_log_end(log).offset, end);
    append(log, RECORDS, RECORDS + 1);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    assert_reads(machine.dir, RECORDS + 1);
    drop_machine(&machine);
}

/* ---- changed bytes ---- */

/* Makes all checksums right, as somebody who can write the disk would; those of records as long as
 * their lengths make sense. */
static void
correct_sums(struct fi_buf *file)
{
    const uint64_t salt = fi_load_le64(file->data + 24);
    fi_store_le32(file->data + 124, fi_crc32c(0, file->data, 124));
    uint64_t at = FI_LOG_FORMAT_SEGMENT_SIZE;
    while (at + FI_LOG_FORMAT_RECORD_SIZE <= file->size) {
        uint8_t *bytes = file->data + at;
        const uint64_t room = fi_log_format_record_room(fi_load_le32(bytes + 4));
        if (room > file->size - at) {
            return;
        }
        uint8_t block[26];
        fi_store_le64(block, salt);
        fi_store_le64(block + 8, at);
        memcpy(block + 16, bytes + 4, 10);
        const uint32_t sum = fi_crc32c(0, block, sizeof block);
        fi_store_le16(bytes + 14, (uint16_t)(sum ^ sum >> 16));
        fi_store_le32(bytes, fi_crc32c(sum, bytes + 14, (size_t)room - 14));
        at += room;
    }
}

/* Reads a log with changed bytes: what is shown was appended, in order. */
static int
read_changed(struct machine *machine, uint64_t number, const struct fi_buf *file,
             struct log_support_seen *seen)
{
    *seen = (struct log_support_seen){0};
    put_segment(machine, number, fi_buf_slice(file));
    const int rc = log_support_read(machine->dir, &read_only, seen, NULL, &err);
    assert_false(seen->is_wrong);
    assert_true(seen->count <= RECORDS);
    return rc;
}

static void
no_changed_byte_shows_another_record(void **state)
{
    struct machine machine;
    struct fi_buf good = {0};
    struct fi_buf bad = {0};
    struct log_support_seen seen;
    unsigned results[2][3] = {{0}};
    (void)state;
    make_log(&machine, &wal);
    get_segment(&machine, 1, &good);
    for (size_t i = 0; i < good.size; i++) {
        for (unsigned is_corrected = 0; is_corrected < 2; is_corrected++) {
            fi_buf_clear(&bad);
            assert_int_equal(fi_buf_append_slice(&bad, fi_buf_slice(&good)), FIRN_OK);
            bad.data[i] ^= (uint8_t)(1 << i % 8);
            if (is_corrected) {
                correct_sums(&bad);
            }
            const bool is_same = memcmp(good.data, bad.data, good.size) == 0;
            const int rc = read_changed(&machine, 1, &bad, &seen);
            assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_DENIED ||
                        rc == FIRN_NEWER);
            if (is_same) {
                assert_int_equal(rc, FIRN_OK);
                assert_int_equal(seen.count, RECORDS);
            } else {
                results[is_corrected][rc == FIRN_OK ? 0 : rc == FIRN_CORRUPT ? 1 : 2]++;
            }
        }
    }
    /* Only the ends of logs can be changed unnoticed, as by a crash: END goes, or a flag of the
     * segment that does not matter. */
    (void)printf("checksums wrong: %u read, %u damaged; right: %u read, %u damaged, %u refused\n",
                 results[0][0], results[0][1], results[1][0], results[1][1], results[1][2]);
    assert_true(results[0][0] < 40 && results[1][1] > results[1][0]);
    fi_buf_deinit(&good);
    fi_buf_deinit(&bad);
    drop_machine(&machine);
}

/* Each byte of a record that its tag must cover, and each of the EPOCH before it. */
static void
right_checksums_do_not_make_a_record(void **state)
{
    struct machine machine;
    struct fi_buf file = {0};
    struct log_support_seen seen;
    (void)state;
    make_log(&machine, &wal);
    get_segment(&machine, 1, &file);
    const uint64_t at = find_record(&file, 0, 3);
    const uint32_t length = fi_load_le32(file.data + at + 4);
    for (size_t i = 8; i < FI_LOG_FORMAT_RECORD_SIZE + length; i++) {
        const bool is_mark = i < 12;
        if (i == 13 || i == 14 || i == 15) {
            continue; /* always zero; the check */
        }
        const uint8_t before = file.data[at + i];
        file.data[at + i] = is_mark ? (uint8_t)(i == 8 ? before - 1 : before) : before ^ 64;
        correct_sums(&file);
        const bool is_same = file.data[at + i] == before;
        assert_int_equal(read_changed(&machine, 1, &file, &seen), is_same ? FIRN_OK : FIRN_CORRUPT);
        assert_true(is_same || strstr(err.text, "wal-000001.log: offset ") != NULL);
        assert_int_equal(seen.count, is_same ? RECORDS : 3);
        file.data[at + i] = before;
    }
    correct_sums(&file);
    for (size_t i = 16; i < 16 + FI_LOG_FORMAT_EPOCH_SIZE; i++) {
        file.data[128 + i] ^= 64;
        correct_sums(&file);
        const int expected = i < 20 ? FIRN_NEWER : i < 32 ? FIRN_DENIED : FIRN_CORRUPT;
        assert_int_equal(read_changed(&machine, 1, &file, &seen), expected);
        assert_int_equal(seen.count, 0);
        file.data[128 + i] ^= 64;
    }
    for (uint8_t cipher = 2; cipher <= CIPHERS; cipher++) {
        file.data[128 + 16] = cipher;
        correct_sums(&file);
        assert_int_equal(read_changed(&machine, 1, &file, &seen),
                         fi_cipher_check(cipher, NULL) == FIRN_OK ? FIRN_CORRUPT
                                                                  : FIRN_UNSUPPORTED);
        assert_int_equal(seen.count, 0);
    }
    file.data[128 + 16] = 1;
    /* An EPOCH of another length. */
    fi_store_le32(file.data + 128 + 4, 31);
    file.data[128 + 47] = 0;
    correct_sums(&file);
    assert_int_equal(read_changed(&machine, 1, &file, &seen), FIRN_CORRUPT);
    fi_buf_deinit(&file);
    drop_machine(&machine);
}

static void
records_stay_in_their_place_segment_and_log(void **state)
{
    static const firn_slice parts[] = {{(const uint8_t *)"one", 3}, {(const uint8_t *)"two", 3}};
    struct machine machine;
    struct fi_log *log;
    struct fi_buf first = {0};
    struct fi_buf second = {0};
    struct fi_log_recovery recovery;
    uint8_t kept[64];
    (void)state;
    make_machine(&machine);
    assert_int_equal(fi_log_create(machine.dir, &wal, &log, &err), FIRN_OK);
    for (unsigned segment = 1; segment <= 2; segment++) {
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(fi_log_append(log, 16, &parts[i], 1, NULL, &err), FIRN_OK);
        }
        assert_int_equal(fi_log_rotate(log, &err), FIRN_OK);
    }
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    get_segment(&machine, 1, &first);
    get_segment(&machine, 2, &second);
    const uint64_t one = find_record(&first, 16, 0);
    const uint64_t two = find_record(&first, 16, 1);
    const size_t size = (size_t)(two - one);
    assert_true(size <= sizeof kept);
    assert_int_equal(find_record(&second, 16, 1), two);
    /* In the place of another one, and of the one in another segment; with the EPOCH, too. */
    const struct {
        const struct fi_buf *from;
        uint64_t from_at;
        uint64_t to_at;
        size_t size;
    } moves[] = {{&first, two, one, size},
                 {&first, one, two, size},
                 {&second, one, one, size},
                 {&second, two, two, size},
                 {&second, 128, 128, 48 + 2 * size}};
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
        struct fi_buf bad = {0};
        assert_int_equal(fi_buf_append_slice(&bad, fi_buf_slice(&first)), FIRN_OK);
        memcpy(bad.data + moves[i].to_at, moves[i].from->data + moves[i].from_at, moves[i].size);
        correct_sums(&bad);
        put_segment(&machine, 1, fi_buf_slice(&bad));
        assert_int_equal(fi_log_open(machine.dir, &read_only, NULL, NULL, &log, &recovery, &err),
                         FIRN_CORRUPT);
        fi_buf_deinit(&bad);
    }
    put_segment(&machine, 1, fi_buf_slice(&first));
    assert_int_equal(fi_log_open(machine.dir, &read_only, NULL, NULL, &log, &recovery, &err),
                     FIRN_OK);
    assert_int_equal(recovery.record_count, 4);
    fi_log_abandon(log);
    fi_buf_deinit(&first);
    fi_buf_deinit(&second);
    drop_machine(&machine);
}

/* What the log itself writes needs no key, so anybody could fill the place of a record with it. */
static void
no_record_is_taken_away_from_among_others(void **state)
{
    static const uint8_t bytes[64] = {1};
    const firn_slice part = firn_bytes(bytes, sizeof bytes); /* 96 bytes as stored */
    struct machine machine;
    struct fi_log *log;
    struct fi_buf file = {0};
    struct fi_buf bad = {0};
    (void)state;
    make_machine(&machine);
    assert_int_equal(fi_log_create(machine.dir, &wal, &log, &err), FIRN_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fi_log_append(log, 16, &part, 1, NULL, &err), FIRN_OK);
    }
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    get_segment(&machine, 1, &file);
    const uint64_t at = find_record(&file, 16, 1);
    const uint64_t salt = fi_load_le64(file.data + 24);
    assert_int_equal(find_record(&file, 16, 2) - at, 96);
    for (unsigned epochs = 0; epochs <= 2; epochs++) {
        uint64_t to = at;
        fi_buf_clear(&bad);
        assert_int_equal(fi_buf_append_slice(&bad, fi_buf_slice(&file)), FIRN_OK);
        for (; to < at + 96 - 48 * (uint64_t)epochs; to += FI_LOG_FORMAT_RECORD_SIZE) {
            const struct fi_log_format_record end = {.durable = to, .type = FI_LOG_FORMAT_END};
            fi_log_format_put_record(&end, salt, to, bad.data + to);
        }
        for (; to < at + 96; to += 48) {
            memcpy(bad.data + to, file.data + 128, 48);
        }
        correct_sums(&bad);
        put_segment(&machine, 1, fi_buf_slice(&bad));
        assert_int_equal(fi_log_open(machine.dir, &read_only, NULL, NULL, &log, NULL, &err),
                         FIRN_CORRUPT);
    }
    fi_buf_deinit(&file);
    fi_buf_deinit(&bad);
    drop_machine(&machine);
}

/* ---- records in clear ---- */

static void
a_log_in_clear_does_not_count(void **state)
{
    static const struct fi_log_options locked = {
        .prefix = "wal", .read_only = true, .may_be_locked = true};
    struct machine machine;
    struct fi_log *log;
    struct fi_buf file = {0};
    struct log_support_seen seen;
    (void)state;
    make_machine(&machine);
    assert_int_equal(fi_log_create(machine.clear, &wal, &log, &err), FIRN_OK);
    append(log, 0, RECORDS);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    get_segment(&machine, 1, &file);
    assert_int_equal(read_changed(&machine, 1, &file, &seen), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "not encrypted"));
    assert_int_equal(seen.count, 0);
    /* Nor where the keys are not here. */
    assert_int_equal(fi_log_open(machine.clear, &locked, NULL, NULL, &log, NULL, &err),
                     FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "not encrypted"));
    /* Not even if it says that it is encrypted: no EPOCH is before its records. */
    file.data[12] |= FI_LOG_FORMAT_SEALED;
    correct_sums(&file);
    assert_int_equal(read_changed(&machine, 1, &file, &seen), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "offset 128: a record that is not encrypted"));
    assert_int_equal(seen.count, 0);
    fi_buf_deinit(&file);
    drop_machine(&machine);
}

static void
a_record_in_clear_does_not_count(void **state)
{
    struct machine machine;
    struct fi_buf file = {0};
    struct log_support_seen seen;
    (void)state;
    make_log(&machine, &wal);
    get_segment(&machine, 1, &file);
    const uint64_t end = find_record(&file, FI_LOG_FORMAT_END, 0);
    for (uint32_t length = 0; length < 40; length++) {
        struct fi_buf bad = {0};
        const struct fi_log_format_record record = {.length = length, .type = 16};
        const uint64_t room = fi_log_format_record_room(length);
        assert_int_equal(fi_buf_append(&bad, file.data, (size_t)end), FIRN_OK);
        assert_int_equal(fi_buf_set_size(&bad, (size_t)(end + room)), FIRN_OK);
        memset(bad.data + end, 7, (size_t)room);
        fi_log_format_put_record(&record, fi_load_le64(file.data + 24), end, bad.data + end);
        assert_int_equal(read_changed(&machine, 1, &bad, &seen), FIRN_CORRUPT);
        assert_int_equal(seen.count, RECORDS);
        fi_buf_deinit(&bad);
    }
    fi_buf_deinit(&file);
    drop_machine(&machine);
}

/* ---- keys ---- */

static void
without_the_key_nothing_is_read_or_changed(void **state)
{
    struct machine machine;
    struct fi_buf before = {0};
    struct fi_buf after = {0};
    struct fi_os_dir *other;
    struct fi_log *log;
    struct log_support_seen seen = {0};
    (void)state;
    make_log(&machine, &wal);
    get_segment(&machine, 1, &before);
    assert_int_equal(fi_os_dir_open_path(machine.os, "/", &other, &err), FIRN_OK);
    log_support_seal_with(other, FI_CIPHER_XCHACHA20_POLY1305, 1, 0x11);
    struct fi_os_dir *const dirs[] = {machine.clear, other};
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned may_write = 0; may_write < 2; may_write++) {
            const struct fi_log_options options = {.prefix = "wal", .read_only = may_write == 0};
            assert_int_equal(
                fi_log_open(dirs[i], &options, log_support_visit, &seen, &log, NULL, &err),
                FIRN_DENIED);
            assert_int_equal(seen.count, 0);
            assert_non_null(strstr(err.text, "key"));
        }
    }
    get_segment(&machine, 1, &after);
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, before.size);
    fi_os_dir_close(other);
    fi_buf_deinit(&before);
    fi_buf_deinit(&after);
    drop_machine(&machine);
}

/* An encrypted log without records cannot be gone on with in clear. */
static void
an_empty_log_is_encrypted_too(void **state)
{
    struct machine machine;
    struct fi_log *log;
    (void)state;
    make_machine(&machine);
    assert_int_equal(fi_log_create(machine.dir, &wal, &log, &err), FIRN_OK);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    assert_int_equal(fi_log_open(machine.clear, &wal, NULL, NULL, &log, NULL, &err), FIRN_DENIED);
    log = open_log(machine.dir, &wal);
    append(log, 0, 2);
    fi_log_abandon(log);
    assert_reads(machine.dir, 2);
    drop_machine(&machine);
}

/* With a second master key old records are read, and new ones have the new key. */
static void
after_a_rotation_of_keys_both_are_used(void **state)
{
    static const uint8_t keys[2][FI_CIPHER_KEY_SIZE] = {{1}, {2}};
    struct fi_cipher_keyring_master masters[2] = {{1, keys[0]}, {2, keys[1]}};
    struct machine machine;
    struct fi_os_dir *dirs[2];
    struct fi_log *log;
    struct log_support_seen seen = {0};
    (void)state;
    make_machine(&machine);
    for (size_t i = 0; i < 2; i++) {
        struct fi_cipher_keyring *keyring;
        assert_int_equal(
            fi_cipher_keyring_create(FI_CIPHER_XCHACHA20_POLY1305, masters, i + 1, &keyring, &err),
            FIRN_OK);
        assert_int_equal(fi_os_dir_open_path(machine.os, "/", &dirs[i], &err), FIRN_OK);
        fi_os_dir_set_seal(dirs[i], fi_cipher_keyring_seal(keyring));
    }
    assert_int_equal(fi_log_create(dirs[0], &wal, &log, &err), FIRN_OK);
    append(log, 0, 4);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    log = open_log(dirs[1], &wal);
    append(log, 4, 6);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    assert_reads(dirs[1], 6);
    assert_int_equal(log_support_read(dirs[0], &read_only, &seen, NULL, &err), FIRN_DENIED);
    assert_int_equal(seen.count, 4);
    fi_os_dir_close(dirs[0]);
    fi_os_dir_close(dirs[1]);
    drop_machine(&machine);
}

/* Everything but the payloads can be verified without keys. */
static void
a_locked_log_is_verified(void **state)
{
    static const struct fi_log_options locked = {
        .prefix = "wal", .read_only = true, .may_be_locked = true};
    static const struct fi_log_options writing = {.prefix = "wal", .may_be_locked = true};
    struct machine machine;
    struct fi_buf file = {0};
    struct log_support_seen seen = {0};
    struct fi_log_recovery recovery;
    struct fi_log *log;
    (void)state;
    make_log(&machine, &short_segments);
    assert_int_equal(log_support_read(machine.clear, &locked, &seen, &recovery, &err), FIRN_OK);
    assert_int_equal(seen.count, 0);
    assert_int_equal(recovery.record_count, RECORDS);
    assert_true(recovery.was_closed_cleanly);
    assert_int_equal(fi_log_open(machine.clear, &writing, NULL, NULL, &log, NULL, &err),
                     FIRN_DENIED);
    /* So it can be copied beside its writer. */
    struct fi_buf segments = {0};
    assert_int_equal(fi_log_capture(machine.clear, &short_segments, NULL, NULL, &segments, &err),
                     FIRN_DENIED);
    assert_int_equal(fi_log_capture(machine.clear, &locked, NULL, NULL, &segments, &err), FIRN_OK);
    assert_true(segments.size > 2 * sizeof(struct fi_log_capture_segment));
    fi_buf_deinit(&segments);
    /* With the keys the option means nothing. */
    assert_int_equal(log_support_read(machine.dir, &locked, &seen, &recovery, &err), FIRN_OK);
    assert_int_equal(seen.count, RECORDS);
    get_segment(&machine, 1, &file);
    for (size_t at = 128; at < file.size; at += 8) {
        file.data[at + 5] ^= 1;
        put_segment(&machine, 1, fi_buf_slice(&file));
        assert_int_equal(fi_log_open(machine.clear, &locked, NULL, NULL, &log, NULL, &err),
                         at < file.size - 16 ? FIRN_CORRUPT : FIRN_OK);
        fi_log_abandon(log);
        file.data[at + 5] ^= 1;
    }
    fi_buf_deinit(&file);
    drop_machine(&machine);
}

/* ---- salvage ---- */

static int
count_record(void *ctx, uint8_t type, firn_slice record, firn_error *error)
{
    uint64_t *mask = ctx;
    struct log_support_record expected;
    (void)error;
    for (uint64_t i = 0; i < 2 * RECORDS; i++) {
        log_support_record(i, &expected);
        if (type == expected.type && record.size == expected.size &&
            memcmp(record.data, expected.payload, record.size) == 0) {
            *mask |= UINT64_C(1) << i;
            return FIRN_OK;
        }
    }
    fail_msg("a record that nobody has appended");
    return FIRN_OK;
}

static void
salvage_reads_on_after_the_next_epoch(void **state)
{
    const uint64_t first = (UINT64_C(1) << RECORDS) - 1;
    struct machine machine;
    struct fi_log *log;
    struct fi_buf file = {0};
    uint64_t mask = 0;
    (void)state;
    make_log(&machine, &wal);
    log = open_log(machine.dir, &wal);
    append(log, RECORDS, 2 * RECORDS);
    assert_int_equal(fi_log_close(log, &err), FIRN_OK);
    assert_int_equal(fi_log_recover_salvage(machine.dir, "wal", count_record, &mask, &err),
                     FIRN_OK);
    assert_int_equal(mask, first | first << RECORDS);
    get_segment(&machine, 1, &file);
    for (unsigned epoch = 0; epoch < 2; epoch++) {
        for (unsigned is_corrected = 0; is_corrected < 2; is_corrected++) {
            const uint64_t at = find_record(&file, FI_LOG_FORMAT_EPOCH, epoch) + 40;
            file.data[at] ^= 1;
            if (is_corrected) {
                correct_sums(&file);
            }
            put_segment(&machine, 1, fi_buf_slice(&file));
            mask = 0;
            assert_int_equal(fi_log_recover_salvage(machine.dir, "wal", count_record, &mask, &err),
                             FIRN_OK);
            assert_int_equal(mask, epoch == 0 ? first << RECORDS : first);
            /* Ciphertext is no record. */
            mask = 0;
            assert_int_equal(
                fi_log_recover_salvage(machine.clear, "wal", count_record, &mask, &err),
                FIRN_DENIED);
            assert_int_equal(mask, 0);
            file.data[at] ^= 1;
            correct_sums(&file);
        }
    }
    fi_buf_deinit(&file);
    drop_machine(&machine);
}

/* ---- readers beside the writer ---- */

static int
ask(void *ctx, struct fi_log_position *out, bool *out_is_there, firn_error *error)
{
    const struct fi_log_position *at = ctx;
    (void)error;
    *out = *at;
    *out_is_there = true;
    return FIRN_OK;
}

/* Wherever the fence is: before the EPOCH, between it and its record, after both. */
static void
a_fence_hides_records_and_not_keys(void **state)
{
    struct machine machine;
    struct fi_log *log;
    (void)state;
    make_log(&machine, &wal);
    log = open_log(machine.dir, &wal);
    const uint64_t end = fi_log_end(log).offset;
    append(log, RECORDS, RECORDS + 2);
    for (uint64_t at = end; at <= fi_log_end(log).offset; at += 8) {
        struct fi_log_position fence = {1, at};
        const struct fi_log_options options = {
            .prefix = "wal", .read_only = true, .fence = {.ask = ask, .ctx = &fence}};
        struct log_support_seen seen = {0};
        struct fi_buf file = {0};
        assert_int_equal(log_support_read(machine.dir, &options, &seen, NULL, &err), FIRN_OK);
        assert_false(seen.is_wrong);
        get_segment(&machine, 1, &file);
        const uint64_t second = find_record(&file, 0, RECORDS + 1);
        assert_int_equal(seen.count, at < second                   ? RECORDS
                                     : at < fi_log_end(log).offset ? RECORDS + 1
                                                                   : RECORDS + 2);
        fi_buf_deinit(&file);
    }
    fi_log_abandon(log);
    drop_machine(&machine);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_appended_comes_back),
        cmocka_unit_test(the_bytes_are_those_of_the_document),
        cmocka_unit_test(each_handle_and_each_segment_has_its_epoch),
        cmocka_unit_test(files_that_are_used_again_repeat_no_nonce),
        cmocka_unit_test(copies_of_a_log_repeat_no_nonce),
        cmocka_unit_test(a_full_disk_repeats_no_nonce),
        cmocka_unit_test(a_record_that_is_too_long_changes_nothing),
        cmocka_unit_test(no_changed_byte_shows_another_record),
        cmocka_unit_test(right_checksums_do_not_make_a_record),
        cmocka_unit_test(records_stay_in_their_place_segment_and_log),
        cmocka_unit_test(no_record_is_taken_away_from_among_others),
        cmocka_unit_test(a_log_in_clear_does_not_count),
        cmocka_unit_test(a_record_in_clear_does_not_count),
        cmocka_unit_test(without_the_key_nothing_is_read_or_changed),
        cmocka_unit_test(an_empty_log_is_encrypted_too),
        cmocka_unit_test(after_a_rotation_of_keys_both_are_used),
        cmocka_unit_test(a_locked_log_is_verified),
        cmocka_unit_test(salvage_reads_on_after_the_next_epoch),
        cmocka_unit_test(a_fence_hides_records_and_not_keys),
    };
    if (!log_support_encrypt(FI_CIPHER_XCHACHA20_POLY1305)) {
        printf("skipped: libsodium is not installed\n");
        return 77;
    }
    return cmocka_run_group_tests_name("log_seal", tests, NULL, NULL);
}
