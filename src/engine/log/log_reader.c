/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_reader.c: one segment, record by record.
 *
 * The file is read through a window of 256 KiB, which grows for a longer record and never beyond
 * what the file holds: a length is believed only after the header's check, and only if that many
 * bytes are there.
 *
 * Nothing here judges. A place either has a whole record that verifies or it has not; what a place
 * without one means depends on the durable marks, and is decided in log_recover.c.
 *
 * The tail. Behind the last record of a segment may lie: nothing; zeros, where space was reserved;
 * old bytes, where the file was used before (the segment's header says so); or what a crash left of
 * records that were being written, pages of which may have reached the disk in any order. The
 * search for the last goes on in steps of 8 to the end of the file, so that a damaged length hides
 * nothing behind it.
 *
 * (I2) The search takes time in proportion to the file. A false header is passed over without
 *      reading what it announces unless its check of 16 bits fits; then its announced bytes are
 *      summed up in vain. Chance makes next to none of these; bytes made for the purpose could make
 *      millions. So bytes summed in vain are counted, and when they exceed 1 GiB and eight times
 *      the tail the file is called damaged. Each step of the search goes on by 8 at least.
 *
 * A reader is used by one thread. Another process may be appending to the file meanwhile: a record
 * that is being written looks bad, and firn_log_reader_refresh() is how one looks again.
 */
#include "log/log_internal.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"
#include "log/log.h"

enum { WINDOW_SIZE = 256 << 10, VAIN_BYTES_MIN = 1 << 30 };

int
firn_log_reader_open(struct firn_log_reader *reader, struct firn_os_dir *dir, const char *prefix,
                     uint64_t number, firn_error *err)
{
    *reader = (struct firn_log_reader){0};
    int rc = FIRN_OK;
    FIRN_TRY(firn_log_segment_open(dir, prefix, number, FIRN_OS_READ, &reader->file,
                                   &reader->segment, err));
    FIRN_TRY(firn_log_reader_refresh(reader, err));
out:
    if (rc != FIRN_OK) {
        firn_log_reader_close(reader);
    }
    return rc;
}

void
firn_log_reader_close(struct firn_log_reader *reader)
{
    firn_os_file_close(reader->file);
    firn_buf_deinit(&reader->window);
    *reader = (struct firn_log_reader){0};
}

int
firn_log_reader_refresh(struct firn_log_reader *reader, firn_error *err)
{
    firn_buf_clear(&reader->window);
    struct firn_os_stat stat;
    int rc = firn_os_file_stat(reader->file, &stat, err);
    if (rc == FIRN_OK) {
        reader->size_bytes = stat.size_bytes;
    }
    return rc;
}

int
firn_log_reader_is_current(struct firn_log_reader *reader, bool *out, firn_error *err)
{
    uint8_t bytes[FIRN_LOG_FORMAT_SEGMENT_SIZE];
    struct firn_log_format_segment segment;
    size_t got;
    firn_error ignored;
    int rc = firn_os_file_read(reader->file, 0, bytes, sizeof bytes, &got, err);
    *out = rc == FIRN_OK && got == sizeof bytes &&
           firn_log_format_get_segment(bytes, "", &segment, &ignored) == FIRN_OK &&
           segment.salt == reader->segment.salt;
    return rc;
}

/* Makes the window hold [offset, offset + size), which lies inside the file, and hands out those
 * bytes. The slice is shorter where the file has become shorter since its size was asked. */
static int
load(struct firn_log_reader *reader, uint64_t offset, uint64_t size, firn_slice *out,
     firn_error *err)
{
    DCHECK(firn_range_inside(offset, size, reader->size_bytes));
    *out = firn_bytes(NULL, 0);
    struct firn_buf *window = &reader->window;
    bool is_there = offset >= reader->window_offset &&
                    firn_range_inside(offset - reader->window_offset, size, window->size);
    if (!is_there) {
        uint64_t left = reader->size_bytes - offset;
        uint64_t wanted = size > WINDOW_SIZE ? size : left < WINDOW_SIZE ? left : WINDOW_SIZE;
        firn_buf_clear(window);
        if (firn_buf_reserve(window, (size_t)wanted) != FIRN_OK) {
            return firn_error_no_memory(err, "reading a log");
        }
        int rc = firn_os_file_read(reader->file, offset, window->data, (size_t)wanted,
                                   &window->size, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        reader->window_offset = offset;
    }
    DCHECK(offset >= reader->window_offset);
    size_t start = (size_t)(offset - reader->window_offset);
    size_t there = window->size - start;
    *out = firn_bytes(window->data + start, there < size ? there : (size_t)size);
    return FIRN_OK;
}

int
firn_log_reader_read(struct firn_log_reader *reader, uint64_t offset,
                     struct firn_log_reader_record *out, bool *out_is_valid, firn_error *err)
{
    DCHECK(offset % 8 == 0);
    *out_is_valid = false;
    int rc = FIRN_OK;
    uint64_t salt = reader->segment.salt;
    firn_slice bytes;
    if (!firn_range_inside(offset, FIRN_LOG_FORMAT_RECORD_SIZE, reader->size_bytes)) {
        goto out;
    }
    FIRN_TRY(load(reader, offset, FIRN_LOG_FORMAT_RECORD_SIZE, &bytes, err));
    struct firn_log_format_record header;
    if (bytes.size < FIRN_LOG_FORMAT_RECORD_SIZE ||
        !firn_log_format_get_record(bytes.data, salt, offset, &header) ||
        header.length > FIRN_LOG_RECORD_SIZE_MAX) {
        goto out;
    }
    uint64_t room = firn_log_format_record_room(header.length);
    if (!firn_range_inside(offset, room, reader->size_bytes) ||
        offset + room >= FIRN_LOG_FORMAT_OFFSET_MAX) {
        goto out;
    }
    FIRN_TRY(load(reader, offset, room, &bytes, err));
    if (bytes.size < room || !firn_log_format_verify_record(bytes.data, &header, salt, offset)) {
        goto out;
    }
    out->header = header;
    out->payload = firn_bytes(bytes.data + FIRN_LOG_FORMAT_RECORD_SIZE, header.length);
    out->end = offset + room;
    *out_is_valid = true;
out:
    return rc;
}

/* ---- the tail ---- */

static bool
is_zero(firn_slice bytes)
{
    return bytes.size == 0 ||
           (bytes.data[0] == 0 && memcmp(bytes.data, bytes.data + 1, bytes.size - 1) == 0);
}

/* Whether a record of this segment begins here, going by its header. */
static bool
has_header(const struct firn_log_reader *reader, uint64_t offset, firn_slice bytes)
{
    struct firn_log_format_record header;
    return bytes.size >= FIRN_LOG_FORMAT_RECORD_SIZE &&
           firn_log_format_get_record(bytes.data, reader->segment.salt, offset, &header);
}

/* The first offset from `offset` on, in steps of 8 and inside the slice, at which a header may
 * stand; else the offset behind the last one tried. */
static uint64_t
next_candidate(uint64_t salt, uint64_t offset, firn_slice bytes, bool *out_found)
{
    *out_found = false;
    for (size_t at = 0; at + FIRN_LOG_FORMAT_RECORD_SIZE <= bytes.size; at += 8, offset += 8) {
        struct firn_log_format_record header;
        if (firn_log_format_get_record(bytes.data + at, salt, offset, &header)) {
            *out_found = true;
            break;
        }
    }
    return offset;
}

struct search {
    uint64_t vain_bytes; /* read for headers behind which no record stood */
    uint64_t vain_bytes_max;
};

/* Tries the candidate at offset; *out_next is where to go on. */
static int
try_candidate(struct firn_log_reader *reader, uint64_t offset, struct search *search,
              struct firn_log_reader_tail *tail, uint64_t *out_next, firn_error *err)
{
    struct firn_log_reader_record record;
    bool is_valid = false;
    int rc;
    FIRN_TRY(firn_log_reader_read(reader, offset, &record, &is_valid, err));
    if (is_valid) {
        tail->has_later_record = true;
        if (record.header.durable > tail->durable) {
            tail->durable = record.header.durable;
        }
        *out_next = record.end;
        return FIRN_OK;
    }
    *out_next = offset + 8;
    firn_slice bytes;
    rc = load(reader, offset, FIRN_LOG_FORMAT_RECORD_SIZE, &bytes, err);
    if (rc == FIRN_OK && bytes.size == FIRN_LOG_FORMAT_RECORD_SIZE) {
        uint64_t room = firn_log_format_record_room(firn_load_le32(bytes.data + 4));
        search->vain_bytes += firn_range_inside(offset, room, reader->size_bytes) ? room : 0;
    }
    if (rc == FIRN_OK && search->vain_bytes > search->vain_bytes_max) {
        return firn_error_set(err, FIRN_CORRUPT,
                              "%s: offset %" PRIu64 ": bad bytes with too many false records",
                              firn_os_file_path(reader->file), offset);
    }
out:
    return rc;
}

int
firn_log_reader_tail(struct firn_log_reader *reader, uint64_t offset,
                     struct firn_log_reader_tail *out, firn_error *err)
{
    DCHECK(offset % 8 == 0);
    *out = (struct firn_log_reader_tail){.is_blank = true};
    int rc = FIRN_OK;
    const uint64_t start = offset;
    uint64_t left = offset < reader->size_bytes ? reader->size_bytes - offset : 0;
    struct search search = {.vain_bytes_max = VAIN_BYTES_MIN + 8 * left};
    bool has_header_first = false;
    while (offset < reader->size_bytes) {
        left = reader->size_bytes - offset;
        firn_slice bytes;
        FIRN_TRY(
            load(reader, offset, left < WINDOW_SIZE / 2 ? left : WINDOW_SIZE / 2, &bytes, err));
        out->is_blank = out->is_blank && is_zero(bytes);
        has_header_first =
            has_header_first || (offset == start && has_header(reader, offset, bytes));
        bool is_found;
        uint64_t next = next_candidate(reader->segment.salt, offset, bytes, &is_found);
        if (is_found) {
            FIRN_TRY(try_candidate(reader, next, &search, out, &next, err));
        }
        DCHECK(next % 8 == 0 && next >= offset); /* (I2) */
        if (next == offset) {
            break; /* less than a header is left */
        }
        offset = next;
    }
    /* Unused space is all zeros; in a recycled file it holds anything, and only a header says
     * otherwise. */
    bool is_recycled = (reader->segment.flags & FIRN_LOG_FORMAT_RECYCLED) != 0;
    out->has_torn_record = is_recycled ? has_header_first : !out->is_blank;
out:
    return rc;
}

int
firn_log_reader_find(struct firn_log_reader *reader, uint64_t *offset, uint64_t *vain_bytes,
                     struct firn_log_reader_record *out, bool *out_is_found, firn_error *err)
{
    DCHECK(*offset % 8 == 0);
    struct search search = {.vain_bytes = *vain_bytes,
                            .vain_bytes_max = VAIN_BYTES_MIN + 8 * reader->size_bytes};
    struct firn_log_reader_tail tail = {0};
    int rc = FIRN_OK;
    *out_is_found = false;
    while (*offset < reader->size_bytes && !*out_is_found) {
        uint64_t left = reader->size_bytes - *offset;
        firn_slice bytes;
        bool is_candidate;
        FIRN_TRY(
            load(reader, *offset, left < WINDOW_SIZE / 2 ? left : WINDOW_SIZE / 2, &bytes, err));
        uint64_t at = next_candidate(reader->segment.salt, *offset, bytes, &is_candidate);
        uint64_t next = at;
        if (is_candidate) {
            FIRN_TRY(try_candidate(reader, at, &search, &tail, &next, err));
        }
        if (tail.has_later_record) {
            FIRN_TRY(firn_log_reader_read(reader, at, out, out_is_found, err));
        }
        DCHECK(next % 8 == 0 && next >= *offset); /* (I2) */
        if (next == *offset) {
            break; /* less than a header is left */
        }
        *offset = next;
    }
out:
    *vain_bytes = search.vain_bytes;
    return rc;
}
