/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_format.c: encoding and checking the bytes drawn in log_format.h.
 *
 * Two checksums guard a record. The 16-bit check covers only the header, so a damaged length is
 * noticed before it is used, and a search for records after damage rejects 65,535 of 65,536 false
 * headers without further reading. The 32-bit CRC covers everything. Both begin with the segment's
 * salt and the record's own offset: a record from an earlier use of the file, from another segment,
 * or moved to another place does not verify.
 *
 * CHECK guards what is written; what is read is tested.
 */
#include "log/log_format.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "base/check.h"
#include "codec/crc32c.h"
#include "log/log.h"

_Static_assert((int)FI_LOG_FORMAT_RECORD_SIZE == (int)FI_LOG_RECORD_HEAD_SIZE,
               "callers find the bytes of their records");

static const uint8_t magic[8] = {'f', 'i', 'r', 'n', 'l', 'o', 'g', '\n'};

/* ---- segments ---- */

void
fi_log_format_put_segment(const struct fi_log_format_segment *segment, uint8_t *out)
{
    memset(out, 0, FI_LOG_FORMAT_SEGMENT_SIZE);
    memcpy(out, magic, sizeof magic);
    fi_store_le32(out + 8,
                  segment->note != 0 ? FI_LOG_FORMAT_VERSION : FI_LOG_FORMAT_VERSION_PLAIN);
    fi_store_le32(out + 12, segment->flags);
    fi_store_le64(out + 16, segment->number);
    fi_store_le64(out + 24, segment->salt);
    fi_store_le64(out + 32, segment->previous_salt);
    fi_store_le64(out + 40, segment->previous_end);
    fi_store_le64(out + 48, segment->oldest);
    fi_store_le64(out + 56, segment->note);
    fi_store_le32(out + 124, fi_crc32c(0, out, 124));
}

/* Whether the fields of all versions can have been written. */
static bool
is_sensible(const struct fi_log_format_segment *segment)
{
    /* After the last number there would be none for a successor. */
    if (segment->oldest == 0 || segment->oldest > segment->number ||
        segment->number == UINT64_MAX) {
        return false;
    }
    if (segment->number == 1) {
        return segment->previous_salt == 0 && segment->previous_end == 0;
    }
    return segment->previous_end >= FI_LOG_FORMAT_SEGMENT_SIZE && segment->previous_end % 8 == 0;
}

int
fi_log_format_get_segment(const uint8_t *bytes, const char *path, struct fi_log_format_segment *out,
                          firn_error *err)
{
    if (memcmp(bytes, magic, sizeof magic) != 0) {
        return fi_error_set(err, FIRN_CORRUPT, "%s: offset 0: not a log segment", path);
    }
    uint32_t expected = fi_load_le32(bytes + 124);
    uint32_t got = fi_crc32c(0, bytes, 124);
    if (expected != got) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "%s: offset 0: the segment's header has checksum %08" PRIx32
                            ", expected %08" PRIx32,
                            path, got, expected);
    }
    uint32_t version = fi_load_le32(bytes + 8);
    uint32_t flags = fi_load_le32(bytes + 12);
    bool is_known = version == FI_LOG_FORMAT_VERSION_PLAIN || version == FI_LOG_FORMAT_VERSION;
    if (!is_known || (flags & ~(uint32_t)(FI_LOG_FORMAT_RECYCLED | FI_LOG_FORMAT_SEALED)) != 0 ||
        !fi_bytes_are_zero(bytes + 64, 60)) {
        return fi_error_set(err, FIRN_NEWER,
                            "%s: log format version %" PRIu32 " with flags %" PRIx32
                            ", this program knows version %d",
                            path, version, flags, FI_LOG_FORMAT_VERSION);
    }
    struct fi_log_format_segment segment = {
        .flags = flags,
        .number = fi_load_le64(bytes + 16),
        .salt = fi_load_le64(bytes + 24),
        .previous_salt = fi_load_le64(bytes + 32),
        .previous_end = fi_load_le64(bytes + 40),
        .oldest = fi_load_le64(bytes + 48),
        .note = fi_load_le64(bytes + 56),
    };
    bool has_note = version != FI_LOG_FORMAT_VERSION_PLAIN;
    if (!is_sensible(&segment) || has_note != (segment.note != 0)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "%s: offset 0: the segment's header contradicts itself", path);
    }
    *out = segment;
    return FIRN_OK;
}

/* ---- records ---- */

/* The sum over salt, offset and bytes 4 to 13 of a header. */
static uint32_t
header_sum(const uint8_t *bytes, uint64_t salt, uint64_t offset)
{
    uint8_t block[26];
    fi_store_le64(block, salt);
    fi_store_le64(block + 8, offset);
    memcpy(block + 16, bytes + 4, 10);
    return fi_crc32c(0, block, sizeof block);
}

static uint16_t
log_format_fold(uint32_t sum)
{
    return (uint16_t)(sum ^ sum >> 16);
}

static bool
have_length(const firn_slice *parts, size_t part_count, size_t length)
{
    for (size_t i = 0; i < part_count && parts[i].size <= length; i++) {
        length -= parts[i].size;
    }
    return length == 0;
}

/* All of a header but its crc; returns the sum that goes on with byte 14. */
static uint32_t
put_fields(const struct fi_log_format_record *record, uint64_t salt, uint64_t offset, uint8_t *out)
{
    CHECK(record->type != 0 && offset % 8 == 0 && record->durable % 8 == 0);
    CHECK(record->durable <= offset && offset < FI_LOG_FORMAT_OFFSET_MAX);
    CHECK(record->length <= FI_LOG_RECORD_SIZE_MAX);
    fi_store_le32(out + 4, record->length);
    fi_store_le32(out + 8, (uint32_t)(record->durable / 8));
    out[12] = record->type;
    out[13] = 0;
    uint32_t sum = header_sum(out, salt, offset);
    fi_store_le16(out + 14, log_format_fold(sum));
    return sum;
}

void
fi_log_format_put_record(const struct fi_log_format_record *record, uint64_t salt, uint64_t offset,
                         uint8_t *bytes)
{
    uint64_t room = fi_log_format_record_room(record->length);
    uint32_t sum = put_fields(record, salt, offset, bytes);
    size_t end = FI_LOG_FORMAT_RECORD_SIZE + (size_t)record->length;
    memset(bytes + end, 0, (size_t)room - end);
    fi_store_le32(bytes, fi_crc32c(sum, bytes + 14, (size_t)room - 14));
}

void
fi_log_format_put_header(const struct fi_log_format_record *record, uint64_t salt, uint64_t offset,
                         const firn_slice *parts, size_t part_count, uint8_t *out)
{
    static const uint8_t zeros[8];
    uint64_t room = fi_log_format_record_room(record->length);
    uint32_t sum = put_fields(record, salt, offset, out);
    DCHECK(have_length(parts, part_count, record->length));
    sum = fi_crc32c(sum, out + 14, 2);
    for (size_t i = 0; i < part_count; i++) {
        sum = parts[i].size > 0 ? fi_crc32c(sum, parts[i].data, parts[i].size) : sum;
    }
    size_t end = FI_LOG_FORMAT_RECORD_SIZE + (size_t)record->length;
    fi_store_le32(out, fi_crc32c(sum, zeros, (size_t)room - end));
}

bool
fi_log_format_get_record(const uint8_t *bytes, uint64_t salt, uint64_t offset,
                         struct fi_log_format_record *out)
{
    struct fi_log_format_record record = {
        .length = fi_load_le32(bytes + 4),
        .durable = (uint64_t)fi_load_le32(bytes + 8) * 8,
        .type = bytes[12],
    };
    if (record.type == 0 || bytes[13] != 0 || record.durable > offset ||
        fi_load_le16(bytes + 14) != log_format_fold(header_sum(bytes, salt, offset))) {
        return false;
    }
    *out = record;
    return true;
}

bool
fi_log_format_verify_record(const uint8_t *bytes, const struct fi_log_format_record *record,
                            uint64_t salt, uint64_t offset)
{
    size_t room = (size_t)fi_log_format_record_room(record->length);
    size_t end = FI_LOG_FORMAT_RECORD_SIZE + (size_t)record->length;
    uint32_t sum = header_sum(bytes, salt, offset);
    return fi_load_le32(bytes) == fi_crc32c(sum, bytes + 14, room - 14) &&
           fi_bytes_are_zero(bytes + end, room - end);
}
