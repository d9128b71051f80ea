/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_reader.c: one segment, record by record.
 *
 * The file is read through a window of 256 KiB, which grows for a longer record but never beyond
 * the size of the file: a length is believed only after the header's check, and only if that many
 * bytes are there.
 *
 * Nothing is judged here. A place either has a whole record that verifies or it has not; the
 * meaning of a place without one depends on the durable marks, and is decided in log_recover.c.
 *
 * The tail. After the last record of a segment there may be: nothing; zeros, if space was reserved;
 * old bytes, if the file was used before (the segment's header says so); or the remains of records
 * that were being written at a crash, whose pages may have reached the disk in any order. The
 * search for later records proceeds in steps of 8 to the end of the file, so that a damaged length
 * hides nothing after it. Holes are stepped over: they are zeros, and no record begins in zeros. So
 * a file of a TiB that takes up 10 KiB costs no more than these.
 *
 * (I1) The search takes time proportional to the data of the file. A false header is skipped
 *      without reading its payload unless its 16-bit check fits; then its payload is summed up in
 *      vain. By chance this hardly ever happens; malicious bytes could make millions of such
 *      headers. So bytes summed in vain are counted, and when they exceed 1 GiB and eight times the
 *      data of the tail the file is reported as damaged. Each step of the search advances by at
 *      least 8.
 *
 * A reader is used by one thread. Another process may be appending to the file meanwhile. A record
 * that is being written looks bad; fi_log_reader_refresh allows a second look.
 */
#include "log/log_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"

enum { WINDOW_SIZE = 256 << 10 };

int
fi_log_reader_open(struct fi_log_reader *reader, struct fi_os_dir *dir, const char *prefix,
                   uint64_t number, firn_error *err)
{
    *reader = (struct fi_log_reader){0};
    int rc = FIRN_OK;
    FI_TRY(
        fi_log_segment_open(dir, prefix, number, FI_OS_READ, &reader->file, &reader->segment, err));
    FI_TRY(fi_log_reader_refresh(reader, err));
out:
    if (rc != FIRN_OK) {
        fi_log_reader_close(reader);
    }
    return rc;
}

void
fi_log_reader_close(struct fi_log_reader *reader)
{
    fi_os_file_close(reader->file);
    fi_buf_deinit(&reader->window);
    *reader = (struct fi_log_reader){0};
}

int
fi_log_reader_refresh(struct fi_log_reader *reader, firn_error *err)
{
    fi_buf_clear(&reader->window);
    struct fi_os_stat stat;
    int rc = fi_os_file_stat(reader->file, &stat, err);
    if (rc == FIRN_OK) {
        reader->size_bytes = stat.size_bytes;
    }
    return rc;
}

int
fi_log_reader_is_current(struct fi_log_reader *reader, bool *out, firn_error *err)
{
    uint8_t bytes[FI_LOG_FORMAT_SEGMENT_SIZE];
    struct fi_log_format_segment segment;
    size_t got;
    firn_error ignored;
    int rc = fi_os_file_read(reader->file, 0, bytes, sizeof bytes, &got, err);
    *out = rc == FIRN_OK && got == sizeof bytes &&
           fi_log_format_get_segment(bytes, "", &segment, &ignored) == FIRN_OK &&
           segment.salt == reader->segment.salt;
    return rc;
}

/* Reads [offset, offset + size), which is inside the file, into the window and returns those bytes.
 * The slice is shorter if the file has become shorter since its size was asked. */
static int
log_recover_load(struct fi_log_reader *reader, uint64_t offset, uint64_t size, firn_slice *out,
                 firn_error *err)
{
    DCHECK(fi_range_inside(offset, size, reader->size_bytes));
    *out = firn_bytes(NULL, 0);
    struct fi_buf *window = &reader->window;
    bool is_there = offset >= reader->window_offset &&
                    fi_range_inside(offset - reader->window_offset, size, window->size);
    if (!is_there) {
        uint64_t left = reader->size_bytes - offset;
        uint64_t wanted = size > WINDOW_SIZE ? size : left < WINDOW_SIZE ? left : WINDOW_SIZE;
        fi_buf_clear(window);
        if (fi_buf_reserve(window, (size_t)wanted) != FIRN_OK) {
            return fi_error_no_memory(err, "reading a log");
        }
        int rc =
            fi_os_file_read(reader->file, offset, window->data, (size_t)wanted, &window->size, err);
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
fi_log_reader_read(struct fi_log_reader *reader, uint64_t offset, struct fi_log_reader_record *out,
                   bool *out_is_valid, firn_error *err)
{
    DCHECK(offset % 8 == 0);
    *out_is_valid = false;
    int rc = FIRN_OK;
    uint64_t salt = reader->segment.salt;
    firn_slice bytes;
    if (!fi_range_inside(offset, FI_LOG_FORMAT_RECORD_SIZE, reader->size_bytes)) {
        goto out;
    }
    FI_TRY(log_recover_load(reader, offset, FI_LOG_FORMAT_RECORD_SIZE, &bytes, err));
    struct fi_log_format_record header;
    if (bytes.size < FI_LOG_FORMAT_RECORD_SIZE ||
        !fi_log_format_get_record(bytes.data, salt, offset, &header) ||
        header.length > FI_LOG_RECORD_SIZE_MAX) {
        goto out;
    }
    uint64_t room = fi_log_format_record_room(header.length);
    if (!fi_range_inside(offset, room, reader->size_bytes) ||
        offset + room >= FI_LOG_FORMAT_OFFSET_MAX) {
        goto out;
    }
    FI_TRY(log_recover_load(reader, offset, room, &bytes, err));
    if (bytes.size < room || !fi_log_format_verify_record(bytes.data, &header, salt, offset)) {
        goto out;
    }
    out->header = header;
    out->payload = firn_bytes(bytes.data + FI_LOG_FORMAT_RECORD_SIZE, header.length);
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

/* Whether a record of this segment begins here, according to its header. */
static bool
has_header(const struct fi_log_reader *reader, uint64_t offset, firn_slice bytes)
{
    struct fi_log_format_record header;
    return bytes.size >= FI_LOG_FORMAT_RECORD_SIZE &&
           fi_log_format_get_record(bytes.data, reader->segment.salt, offset, &header);
}

/* The first offset at or after `offset`, in steps of 8 and inside the slice, where a header may be;
 * else the offset after the last one tried. */
static uint64_t
next_candidate(uint64_t salt, uint64_t offset, firn_slice bytes, bool *out_found)
{
    *out_found = false;
    for (size_t at = 0; at + FI_LOG_FORMAT_RECORD_SIZE <= bytes.size; at += 8, offset += 8) {
        struct fi_log_format_record header;
        if (fi_log_format_get_record(bytes.data + at, salt, offset, &header)) {
            *out_found = true;
            break;
        }
    }
    return offset;
}

/* Moves the offset to where the search continues: after the hole, if it is in one. A record's first
 * 8 bytes may be zeros, the 8 bytes after them are not: it may begin that much before a run of
 * data. */
static int
skip_hole(struct fi_log_reader *reader, uint64_t *offset, struct fi_log_reader_search *search,
          firn_error *err)
{
    if (*offset < search->data_end) {
        return FIRN_OK;
    }
    uint64_t start;
    uint64_t end;
    int rc = fi_os_file_next_data(reader->file, *offset, &start, &end, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    start = start > *offset ? start : *offset;
    search->vain_bytes_max += end > start ? 8 * (end - start) : 0;
    search->data_end = end;
    uint64_t from = start - start % 8;
    from = from >= 8 ? from - 8 : 0;
    if (start >= end) {
        *offset = reader->size_bytes > *offset ? reader->size_bytes : *offset;
    } else if (from > *offset) {
        *offset = from;
    }
    return FIRN_OK;
}

/* Tries the candidate at offset; the search continues at *out_next. */
static int
try_candidate(struct fi_log_reader *reader, uint64_t offset, struct fi_log_reader_search *search,
              struct fi_log_reader_tail *tail, uint64_t *out_next, firn_error *err)
{
    struct fi_log_reader_record record;
    bool is_valid = false;
    FI_TRY_RETURN(fi_log_reader_read(reader, offset, &record, &is_valid, err));
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
    int rc = log_recover_load(reader, offset, FI_LOG_FORMAT_RECORD_SIZE, &bytes, err);
    if (rc == FIRN_OK && bytes.size == FI_LOG_FORMAT_RECORD_SIZE) {
        uint64_t room = fi_log_format_record_room(fi_load_le32(bytes.data + 4));
        search->vain_bytes += fi_range_inside(offset, room, reader->size_bytes) ? room : 0;
    }
    if (rc == FIRN_OK && search->vain_bytes > search->vain_bytes_max) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "%s: offset %" PRIu64 ": bad bytes with too many false records",
                            fi_os_file_path(reader->file), offset);
    }
    return rc;
}

int
fi_log_reader_tail(struct fi_log_reader *reader, uint64_t offset, struct fi_log_reader_tail *out,
                   firn_error *err)
{
    DCHECK(offset % 8 == 0);
    *out = (struct fi_log_reader_tail){.is_blank = true};
    const uint64_t start = offset;
    struct fi_log_reader_search search = {.vain_bytes_max = FI_LOG_READER_VAIN_BYTES_MIN};
    bool has_header_first = false;
    while (offset < reader->size_bytes) {
        FI_TRY_RETURN(skip_hole(reader, &offset, &search, err));
        if (offset >= reader->size_bytes) {
            break;
        }
        uint64_t left = reader->size_bytes - offset;
        firn_slice bytes;
        FI_TRY_RETURN(log_recover_load(
            reader, offset, left < WINDOW_SIZE / 2 ? left : WINDOW_SIZE / 2, &bytes, err));
        out->is_blank = out->is_blank && is_zero(bytes);
        has_header_first =
            has_header_first || (offset == start && has_header(reader, offset, bytes));
        bool is_found;
        uint64_t next = next_candidate(reader->segment.salt, offset, bytes, &is_found);
        if (is_found) {
            FI_TRY_RETURN(try_candidate(reader, next, &search, out, &next, err));
        }
        DCHECK(next % 8 == 0 && next >= offset); /* (I1) */
        if (next == offset) {
            break; /* less than a header is left */
        }
        offset = next;
    }
    /* Unused space is all zeros; in a recycled file it has any contents, and only a header shows
     * that it was used. */
    bool is_recycled = (reader->segment.flags & FI_LOG_FORMAT_RECYCLED) != 0;
    out->has_torn_record = is_recycled ? has_header_first : !out->is_blank;
    return FIRN_OK;
}

int
fi_log_reader_find(struct fi_log_reader *reader, uint64_t *offset,
                   struct fi_log_reader_search *search, struct fi_log_reader_record *out,
                   bool *out_is_found, firn_error *err)
{
    DCHECK(*offset % 8 == 0);
    struct fi_log_reader_tail tail = {0};
    *out_is_found = false;
    while (*offset < reader->size_bytes && !*out_is_found) {
        FI_TRY_RETURN(skip_hole(reader, offset, search, err));
        if (*offset >= reader->size_bytes) {
            break;
        }
        uint64_t left = reader->size_bytes - *offset;
        firn_slice bytes;
        bool is_candidate;
        FI_TRY_RETURN(log_recover_load(
            reader, *offset, left < WINDOW_SIZE / 2 ? left : WINDOW_SIZE / 2, &bytes, err));
        uint64_t at = next_candidate(reader->segment.salt, *offset, bytes, &is_candidate);
        uint64_t next = at;
        if (is_candidate) {
            FI_TRY_RETURN(try_candidate(reader, at, search, &tail, &next, err));
        }
        if (tail.has_later_record) {
            FI_TRY_RETURN(fi_log_reader_read(reader, at, out, out_is_found, err));
        }
        DCHECK(next % 8 == 0 && next >= *offset); /* (I1) */
        if (next == *offset) {
            break; /* less than a header is left */
        }
        *offset = next;
    }
    return FIRN_OK;
}
