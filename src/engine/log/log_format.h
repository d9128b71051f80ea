/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_format.h: the bytes of the record log, drawn once. docs/formats/log.md is the prose twin.
 *
 * Segment <prefix>-<number>.log = header, then records. All integers are little-endian.
 *
 *   header, 128 bytes
 *     0  8  magic "firnlog\n"
 *     8  4  format version: 2 if there is a note, else 1
 *    12  4  flags: bit 0, bytes after the last record may come from an earlier use of the file;
 *           bit 1, the user's records are encrypted
 *    16  8  number of this segment, from 1
 *    24  8  salt: random
 *    32  8  salt of the segment before (0 in number 1)
 *    40  8  where the log ends in the segment before (0 in number 1)
 *    48  8  number of the oldest segment that belonged to the log when this one was made
 *    56  8  note of the log's user; 0: none
 *    64 60  zero
 *   124  4  CRC-32C of bytes 0 to 123
 *
 *   record, at a multiple of 8
 *     0  4  crc
 *     4  4  length of the payload
 *     8  4  durable mark: [0, 8 * mark) of this segment was durable when the record was written
 *    12  1  type
 *    13  1  zero
 *    14  2  check of the header
 *    16  …  payload, then zeros up to a multiple of 8
 *
 *   seed  = CRC-32C of (salt, offset of the record), 8 bytes each
 *   h     = seed continued over bytes 4 to 13;  check = low 16 bits of (h xor h >> 16)
 *   crc   = h continued over byte 14 to the end of the zeros
 *
 *   payload of an EPOCH, 32 bytes
 *     0  4  cipher (cipher.h)
 *     4  4  number of the master key
 *     8  8  check of the master key
 *    16 16  random
 *
 *   payload of a user's record in an encrypted segment: ciphertext, then the cipher's tag
 *     key    derived from the master key, number and salt of the segment, and the random bytes of
 *            the last EPOCH before the record
 *     nonce  offset of the record / 8
 *     authenticated as well: number and salt of the segment, offsets of that EPOCH and of the
 *            record, 8 bytes each; bytes 4 to 13 of its header
 */
#ifndef FIRN_LOG_LOG_FORMAT_H
#define FIRN_LOG_LOG_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "firn/types.h"

enum {
    FI_LOG_FORMAT_VERSION_PLAIN = 1, /* of a segment without a note */
    FI_LOG_FORMAT_VERSION = 2,
    FI_LOG_FORMAT_SEGMENT_SIZE = 128, /* of a segment's header */
    FI_LOG_FORMAT_RECORD_SIZE = 16,   /* of a record's header */
    FI_LOG_FORMAT_EPOCH_SIZE = 32,    /* of the payload of EPOCH */
    FI_LOG_FORMAT_RECYCLED = 1,       /* flags of a segment */
    FI_LOG_FORMAT_SEALED = 2
};

/* Records begin and end before this offset: marks have 32 bits and count 8 bytes. */
#define FI_LOG_FORMAT_OFFSET_MAX (UINT64_C(32) << 30)

/* The log's own types of records. The first two have no payload, and their durable mark is their
 * own offset. */
enum {
    FI_LOG_FORMAT_END = 1,  /* the log was closed here */
    FI_LOG_FORMAT_NEXT = 2, /* the log continues in the next segment, which exists */
    FI_LOG_FORMAT_EPOCH = 3 /* what the records after it are encrypted with (log_seal.c) */
};

struct fi_log_format_segment {
    uint32_t flags;
    uint64_t number;
    uint64_t salt;
    uint64_t previous_salt;
    uint64_t previous_end;
    uint64_t oldest;
    uint64_t note;
};

struct fi_log_format_record {
    uint32_t length;
    uint64_t durable; /* in bytes */
    uint8_t type;
};

/* The space that a record with such a payload takes. */
static inline uint64_t
fi_log_format_record_room(uint64_t length)
{
    return (FI_LOG_FORMAT_RECORD_SIZE + length + 7) & ~UINT64_C(7);
}

/* Writes all 128 bytes. */
void fi_log_format_put_segment(const struct fi_log_format_segment *segment, uint8_t *out);
/* Reads and checks 128 bytes. FIRN_CORRUPT or FIRN_NEWER, naming path. */
FIRN_MUST_CHECK int fi_log_format_get_segment(const uint8_t *bytes, const char *path,
                                              struct fi_log_format_segment *out, firn_error *err);

/* Writes the header of a record before its payload, and the zeros after the payload:
 * fi_log_format_record_room(record->length) bytes in all. */
void fi_log_format_put_record(const struct fi_log_format_record *record, uint64_t salt,
                              uint64_t offset, uint8_t *bytes);
/* Writes only the header, 16 bytes, of a record whose payload consists of these parts. */
void fi_log_format_put_header(const struct fi_log_format_record *record, uint64_t salt,
                              uint64_t offset, const firn_slice *parts, size_t part_count,
                              uint8_t *out);
/* Reads the 16 bytes of a header. False if they cannot begin a record of this segment: a wrong
 * check, no type, a reserved byte that is not zero, a mark after the record. */
bool fi_log_format_get_record(const uint8_t *bytes, uint64_t salt, uint64_t offset,
                              struct fi_log_format_record *out);
/* Whether a whole record is at bytes, checksum and zeros included:
 * fi_log_format_record_room(length) bytes. */
bool fi_log_format_verify_record(const uint8_t *bytes, const struct fi_log_format_record *record,
                                 uint64_t salt, uint64_t offset);

#endif
