/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/log: a log made of hostile bytes. Byte 0 even: the rest is the file of segment 1. Byte 0
 * odd: the rest is a program that writes segments whose sums are right, so that the judgement
 * after them is reached too. With bit 1 of byte 0 the directory has a key, and records of the
 * program are encrypted.
 *
 * Whatever a read-only open says, an open for writing says too; and a log that opens can be
 * appended to and read again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/reader.h"
#include "cipher/cipher_keyring.h"
#include "codec/xxh3.h"
#include "log/log.h"
#include "log/log_format.h"
#include "log/log_seal.h"
#include "os/os_seal.h"
#include "sim/sim_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEGMENTS_MAX = 4, FILE_SIZE_MAX = 1 << 16 };

static void
put_file(struct fi_os_dir *dir, uint64_t number, firn_slice bytes)
{
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    fi_log_segment_name("wal", number, name);
    struct fi_os_file *file = NULL;
    CHECK(fi_os_file_open(dir, name, FI_OS_WRITE | FI_OS_CREATE | FI_OS_SEALED, 0600, &file,
                          NULL) == FIRN_OK);
    CHECK(bytes.size == 0 || fi_os_file_write(file, 0, bytes.data, bytes.size, NULL) == FIRN_OK);
    fi_os_file_close(file);
}

/* ---- the program that writes segments ---- */

struct maker {
    struct fi_reader program;
    struct fi_log_format_segment segment;
    struct fi_buf bytes;
    uint64_t durable; /* a mark that some operations use */
    struct fi_os *os;
    struct fi_log_seal seal;
};

static uint8_t
next_byte(struct maker *maker)
{
    uint8_t byte = 0;
    (void)fi_reader_u8(&maker->program, &byte);
    return byte;
}

static void
add_stored(struct maker *maker, struct fi_log_format_record *header, firn_slice payload)
{
    uint64_t offset = maker->bytes.size;
    size_t room = (size_t)fi_log_format_record_room(payload.size);
    CHECK(fi_buf_set_size(&maker->bytes, (size_t)offset + room) == FIRN_OK);
    uint8_t *record = maker->bytes.data + offset;
    if (payload.size > 0) {
        memcpy(record + FI_LOG_FORMAT_RECORD_SIZE, payload.data, payload.size);
    }
    header->length = (uint32_t)payload.size;
    fi_log_format_put_record(header, maker->segment.salt, offset, record);
}

static void
add_record(struct maker *maker, uint8_t type, uint64_t durable, size_t length)
{
    uint8_t bytes[UINT8_MAX + 1];
    firn_slice payload = firn_bytes(memset(bytes, (int)length, sizeof bytes), length);
    CHECK(length < sizeof bytes);
    uint64_t offset = maker->bytes.size;
    struct fi_log_format_record header = {.durable = durable < offset ? durable : offset,
                                          .type = type == 0 ? 1 : type};
    if (maker->seal.keyring != NULL && type >= FI_LOG_TYPE_USER &&
        (maker->segment.flags & FI_LOG_FORMAT_SEALED) != 0) {
        CHECK(fi_log_seal_gather(&maker->seal, &payload, 1, NULL) == FIRN_OK);
        if (fi_log_seal_needs_epoch(&maker->seal, &maker->segment, offset)) {
            struct fi_log_format_record epoch = {.durable = header.durable,
                                                 .type = FI_LOG_FORMAT_EPOCH};
            CHECK(fi_log_seal_begin(&maker->seal, maker->os, &maker->segment, offset, &payload,
                                    NULL) == FIRN_OK);
            add_stored(maker, &epoch, payload);
            offset = maker->bytes.size;
        }
        CHECK(fi_log_seal_encrypt(&maker->seal, offset, &header, &payload, NULL) == FIRN_OK);
    }
    add_stored(maker, &header, payload);
}

static void
add_bytes(struct maker *maker, uint8_t value, size_t size)
{
    size_t start = maker->bytes.size;
    CHECK(fi_buf_set_size(&maker->bytes, start + size) == FIRN_OK);
    memset(maker->bytes.data + start, value, size);
}

static void
begin_segment(struct maker *maker, uint8_t flags)
{
    uint8_t header[FI_LOG_FORMAT_SEGMENT_SIZE];
    maker->segment.flags = flags & (FI_LOG_FORMAT_RECYCLED | FI_LOG_FORMAT_SEALED);
    fi_log_format_put_segment(&maker->segment, header);
    fi_buf_clear(&maker->bytes);
    CHECK(fi_buf_append(&maker->bytes, header, sizeof header) == FIRN_OK);
    maker->durable = FI_LOG_FORMAT_SEGMENT_SIZE;
}

static void
next_segment(struct maker *maker, struct fi_os_dir *dir, uint8_t argument)
{
    uint64_t end = maker->bytes.size;
    put_file(dir, maker->segment.number, fi_buf_slice(&maker->bytes));
    uint64_t salt = maker->segment.salt;
    uint64_t number = maker->segment.number + 1;
    maker->segment = (struct fi_log_format_segment){.number = number,
                                                    .salt = salt + 1,
                                                    .previous_salt = salt + (argument >> 7),
                                                    .previous_end = end - (argument % 4) * 8,
                                                    .oldest = 1 + (argument >> 2 & 3) % number};
    begin_segment(maker, argument >> 4);
}

static void
run_program(struct fi_os_dir *dir, firn_slice program)
{
    struct maker maker = {.program = fi_reader_of(program),
                          .segment = {.number = 1, .salt = 3, .oldest = 1},
                          .os = fi_os_dir_os(dir)};
    fi_log_seal_init(&maker.seal, dir);
    begin_segment(&maker, next_byte(&maker));
    while (fi_reader_left(&maker.program) > 0 && maker.bytes.size < FILE_SIZE_MAX) {
        uint8_t operation = next_byte(&maker);
        uint8_t argument = next_byte(&maker);
        switch (operation % 10) {
        case 0:
        case 1:
            add_record(&maker, (uint8_t)(16 + operation % 240), maker.durable, argument);
            break;
        case 2:
            maker.durable = maker.bytes.size;
            break;
        case 3:
            add_record(&maker, FI_LOG_FORMAT_END, UINT64_MAX, 0);
            break;
        case 4:
            add_record(&maker, FI_LOG_FORMAT_NEXT, UINT64_MAX, 0);
            break;
        case 5:
            add_record(&maker, argument, maker.durable, operation);
            break;
        case 6:
            add_bytes(&maker, operation > 128 ? argument : 0, (size_t)argument * 8);
            break;
        case 7: /* a record with one bit wrong */
            add_record(&maker, 16, maker.durable, operation);
            maker.bytes.data[maker.bytes.size - 1 - argument % 16] ^= (uint8_t)(1 + argument / 16);
            break;
        case 8:
            if (maker.segment.number < SEGMENTS_MAX) {
                next_segment(&maker, dir, argument);
            }
            break;
        default: /* a piece cut off */
            if (maker.bytes.size > FI_LOG_FORMAT_SEGMENT_SIZE + (size_t)argument) {
                maker.bytes.size -= argument & ~7U;
            }
            break;
        }
    }
    put_file(dir, maker.segment.number, fi_buf_slice(&maker.bytes));
    fi_buf_deinit(&maker.bytes);
    fi_log_seal_deinit(&maker.seal);
}

/* ---- reading ---- */

struct seen {
    uint64_t count;
    uint64_t hash;
};

static int
visit(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position, firn_error *err)
{
    (void)position;
    (void)err;
    CHECK(type >= FI_LOG_TYPE_USER);
    struct seen *seen = ctx;
    seen->count++;
    seen->hash = fi_xxh3(record.data, record.size, seen->hash + type);
    return FIRN_OK;
}

static void
give_key(struct fi_os_dir *dir)
{
    static const uint8_t key[FI_CIPHER_KEY_SIZE] = {1};
    const struct fi_cipher_keyring_master master = {1, key};
    struct fi_cipher_keyring *keyring;
    if (fi_cipher_keyring_create(FI_CIPHER_XCHACHA20_POLY1305, &master, 1, &keyring, NULL) ==
        FIRN_OK) {
        fi_os_dir_set_seal(dir, fi_cipher_keyring_seal(keyring));
    }
}

static int
read_log(struct fi_os_dir *dir, bool is_read_only, struct fi_log **out, struct seen *seen,
         struct fi_log_recovery *recovery)
{
    struct fi_log_options options = {.prefix = "wal", .read_only = is_read_only};
    *seen = (struct seen){0};
    return fi_log_open(dir, &options, visit, seen, out, recovery, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > FILE_SIZE_MAX) {
        return 0;
    }
    struct fi_os *os = NULL;
    struct fi_os_dir *dir = NULL;
    CHECK(fi_sim_memory_create(1, &os, NULL) == FIRN_OK);
    CHECK(fi_os_dir_open_path(os, "/", &dir, NULL) == FIRN_OK);
    firn_slice rest = firn_bytes(data + 1, size - 1);
    if ((data[0] & 2) != 0) {
        give_key(dir);
    }
    if (data[0] % 2 == 0) {
        put_file(dir, 1, rest);
    } else {
        run_program(dir, rest);
    }
    struct fi_log *log = NULL;
    struct fi_log_recovery recovery;
    struct seen first;
    struct seen second;
    struct seen third;
    int rc = read_log(dir, true, &log, &first, &recovery);
    fi_log_abandon(log);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_DENIED);
    CHECK(read_log(dir, false, &log, &second, &recovery) == rc);
    CHECK(first.count == second.count && first.hash == second.hash);
    if (rc == FIRN_OK) {
        firn_slice part = firn_str("one more");
        CHECK(fi_log_append(log, 77, &part, 1, NULL, NULL) == FIRN_OK);
        CHECK(fi_log_close(log, NULL) == FIRN_OK);
        CHECK(read_log(dir, true, &log, &third, &recovery) == FIRN_OK);
        CHECK(third.count == first.count + 1);
        CHECK(third.hash == fi_xxh3(part.data, part.size, first.hash + 77));
        fi_log_abandon(log);
    }
    if (rc == FIRN_DENIED && (data[0] & 2) == 0) {
        const struct fi_log_options locked = {
            .prefix = "wal", .read_only = true, .may_be_locked = true};
        rc = fi_log_open(dir, &locked, NULL, NULL, &log, NULL, NULL);
        CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER);
        fi_log_abandon(log);
    }
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
    return 0;
}
