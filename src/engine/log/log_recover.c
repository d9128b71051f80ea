/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_recover.c: reads a log and judges whether it is whole.
 *
 * A log is the chain of its segments. The newest segment's header names the oldest segment that
 * belongs to the log. All from there on must be present, and each header names the salt of the
 * preceding segment and the offset where the log ends in it. Files with lower numbers were removed
 * on purpose (a power cut may bring them back) and are ignored.
 *
 * In a segment that has a successor, every byte up to the named end was durable before the
 * successor was made: a bad record there is damage. Bytes after that end never belong to the log
 * again.
 *
 * In the newest segment, records are read until there is no whole one. That place, `end`, is one of
 * three:
 *
 *   damage    a record of this segment, before or after it, says that a higher offset was durable
 *             when it was written. A closing record always says so of everything before it.
 *   a cut     otherwise, if something was written there: bytes of a torn record, or whole records
 *             further on (pages reach a disk in any order). Bytes after `end` were not durable, and
 *             were not reported as durable; they are given up.
 *   the end   nothing was written there.
 *
 * (I3) Either visit is shown a prefix of what was appended, with everything that was durable, or an
 *      error is returned that names file and offset. Two states cannot be distinguished from those
 *      after a crash: bad bytes above the highest mark (the last group before a crash), and a
 *      newest segment that something else shortened. Both yield a shorter prefix.
 *
 * A newest segment that ends with the record NEXT has lost its successor, because NEXT is written
 * only when the successor is durable.
 *
 * Another process may be appending while a read-only opening reads. Each of its records is written
 * whole, except for the one being written now, which is all that can look bad. Before a place is
 * judged it is read again. A mark that made the place look like damage was found after that record
 * had been written whole, so the second look is certain. Segments may be added meanwhile (the walk
 * continues into them) and removed (the walk begins again if it has shown nothing yet, else the
 * caller must try again: FIRN_BUSY). The file of a removed segment may become a later segment while
 * it is open here. Its header then gets another salt before any of its bytes change, so a bad place
 * counts only if the header is still the one that was read.
 *
 * A fence (log.h) hides from such a reader what its writer has not acknowledged. The fence is asked
 * about a record only after the record was read: a record that was there when the fence has passed
 * it may be shown. One answer holds for everything that the reader had read by then. After the
 * first hidden record all are hidden, so that what is shown stays a prefix; they are still judged.
 */
#include "log/log_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/checked.h"

/* ==== every record that can still be read ====
 *
 * Opening a log shows a prefix of it or fails: what stands after a bad place must not be taken for
 * a state of the store. A repair of a store looks for single facts, and takes every record that is
 * whole. Its checksum covers the segment's salt and its place, so nothing that was copied, or left
 * from an earlier use of the file, is taken for one.
 *
 * A segment that cannot be read, or whose header is bad, is passed over: without the salt none of
 * its records can be recognised. So is the rest of a segment that was made to be slow to search.
 *
 * Memory: the numbers of the segments, and one record.
 */

/* A search for records among other bytes; see (I5). */
enum { VAIN_BYTES_MIN = 1 << 30 };
struct search {
    uint64_t vain_bytes;     /* read for headers without a valid record */
    uint64_t vain_bytes_max; /* grows by each run of data */
    uint64_t data_end;       /* of the run that the search has come to */
};

static int recover_reader_open(struct fi_log_reader *reader, struct fi_os_dir *dir,
                               const char *prefix, uint64_t number, firn_error *err);
static void recover_reader_close(struct fi_log_reader *reader);
static int recover_reader_find(struct fi_log_reader *reader, uint64_t *offset,
                               struct search *search, struct fi_log_reader_record *out,
                               bool *out_is_found, firn_error *err);

/* Failures that lie in the file, not in the machine. */
static bool
is_of_file(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NOT_FOUND || rc == FIRN_IO;
}

static int
salvage_segment(struct fi_log_reader *reader,
                int (*visit)(void *ctx, uint8_t type, firn_slice record, firn_error *err),
                void *ctx, firn_error *err)
{
    uint64_t offset = FI_LOG_FORMAT_SEGMENT_SIZE;
    struct search search = {.vain_bytes_max = VAIN_BYTES_MIN};
    for (;;) {
        struct fi_log_reader_record record;
        bool is_found;
        int rc = recover_reader_find(reader, &offset, &search, &record, &is_found, err);
        if (rc != FIRN_OK || !is_found) {
            return is_of_file(rc) ? FIRN_OK : rc;
        }
        if (record.header.type >= FI_LOG_TYPE_USER) {
            rc = visit(ctx, record.header.type, record.payload, err);
            if (rc != FIRN_OK) {
                return rc;
            }
        }
    }
}

int
fi_log_recover_salvage(struct fi_os_dir *dir, const char *prefix,
                       int (*visit)(void *ctx, uint8_t type, firn_slice record, firn_error *err),
                       void *ctx, firn_error *err)
{
    struct fi_buf numbers = {0};
    int rc = fi_log_segment_list(dir, prefix, &numbers, err);
    for (size_t at = 0; rc == FIRN_OK && at < numbers.size; at += sizeof(uint64_t)) {
        struct fi_log_reader reader = {0};
        uint64_t number;
        memcpy(&number, numbers.data + at, sizeof number);
        rc = recover_reader_open(&reader, dir, prefix, number, err);
        if (rc == FIRN_OK) {
            rc = salvage_segment(&reader, visit, ctx, err);
        } else if (is_of_file(rc)) {
            rc = FIRN_OK;
        }
        recover_reader_close(&reader);
    }
    fi_buf_deinit(&numbers);
    return rc;
}

/* ==== one segment, record by record ====
 *
 * The file is read through a window of 256 KiB, which grows for a longer record but never beyond
 * the size of the file: a length is believed only after the header's check, and only if that many
 * bytes are there.
 *
 * Nothing is judged here. A place either has a whole record that verifies or it has not; the
 * meaning of a place without one depends on the durable marks, and is decided below.
 *
 * The tail. After the last record of a segment there may be: nothing; zeros, if space was reserved;
 * old bytes, if the file was used before (the segment's header says so); or the remains of records
 * that were being written at a crash, whose pages may have reached the disk in any order. The
 * search for later records proceeds in steps of 8 to the end of the file, so that a damaged length
 * hides nothing after it. Holes are stepped over: they are zeros, and no record begins in zeros. So
 * a file of a TiB that takes up 10 KiB costs no more than these.
 *
 * (I5) The search takes time proportional to the data of the file. A false header is skipped
 *      without reading its payload unless its 16-bit check fits; then its payload is summed up in
 *      vain. By chance this hardly ever happens; malicious bytes could make millions of such
 *      headers. So bytes summed in vain are counted, and when they exceed 1 GiB and eight times the
 *      data of the tail the file is reported as damaged. Each step of the search advances by at
 *      least 8.
 *
 * A reader is used by one thread. Another process may be appending to the file meanwhile. A record
 * that is being written looks bad; reader_refresh() allows a second look.
 */

enum { WINDOW_SIZE = 256 << 10 };

static int reader_refresh(struct fi_log_reader *reader, firn_error *err);

/* Opens a segment for reading. FIRN_NOT_FOUND where there is none. */
static int
recover_reader_open(struct fi_log_reader *reader, struct fi_os_dir *dir, const char *prefix,
                    uint64_t number, firn_error *err)
{
    *reader = (struct fi_log_reader){0};
    int rc = FIRN_OK;
    FI_TRY(
        fi_log_segment_open(dir, prefix, number, FI_OS_READ, &reader->file, &reader->segment, err));
    FI_TRY(reader_refresh(reader, err));
out:
    if (rc != FIRN_OK) {
        recover_reader_close(reader);
    }
    return rc;
}

static void
recover_reader_close(struct fi_log_reader *reader)
{
    fi_os_file_close(reader->file);
    fi_buf_deinit(&reader->window);
    *reader = (struct fi_log_reader){0};
}

/* Discards what was read and asks for the file's size again: another process may be appending. */
static int
reader_refresh(struct fi_log_reader *reader, firn_error *err)
{
    fi_buf_clear(&reader->window);
    struct fi_os_stat stat;
    int rc = fi_os_file_stat(reader->file, &stat, err);
    if (rc == FIRN_OK) {
        reader->size_bytes = stat.size_bytes;
    }
    return rc;
}

/* Whether the file is still that segment: another process may have given up the segment and reused
 * its file for a later one. */
static int
reader_is_current(struct fi_log_reader *reader, bool *out, firn_error *err)
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

/* Reads the record at an offset that is a multiple of 8. If there is no whole, verified record of
 * this segment, *out_is_valid is false and *out undefined; that is not an error. */
static int
reader_read(struct fi_log_reader *reader, uint64_t offset, struct fi_log_reader_record *out,
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
skip_hole(struct fi_log_reader *reader, uint64_t *offset, struct search *search, firn_error *err)
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
try_candidate(struct fi_log_reader *reader, uint64_t offset, struct search *search,
              struct fi_log_reader_tail *tail, uint64_t *out_next, firn_error *err)
{
    struct fi_log_reader_record record;
    bool is_valid = false;
    FI_TRY_RETURN(reader_read(reader, offset, &record, &is_valid, err));
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

/* Searches everything from offset to the end of the file. FIRN_CORRUPT if the bytes are such that
 * finding records among them would take unreasonably long. */
static int
reader_tail(struct fi_log_reader *reader, uint64_t offset, struct fi_log_reader_tail *out,
            firn_error *err)
{
    DCHECK(offset % 8 == 0);
    *out = (struct fi_log_reader_tail){.is_blank = true};
    const uint64_t start = offset;
    struct search search = {.vain_bytes_max = VAIN_BYTES_MIN};
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
        DCHECK(next % 8 == 0 && next >= offset); /* (I5) */
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

/* The first whole record at or after *offset, a multiple of 8, which is set to the place after it;
 * *out_is_found is false if there is none. *search, kept for the whole segment, counts bytes read
 * in vain: FIRN_CORRUPT when there are unreasonably many. */
static int
recover_reader_find(struct fi_log_reader *reader, uint64_t *offset, struct search *search,
                    struct fi_log_reader_record *out, bool *out_is_found, firn_error *err)
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
            FI_TRY_RETURN(reader_read(reader, at, out, out_is_found, err));
        }
        DCHECK(next % 8 == 0 && next >= *offset); /* (I5) */
        if (next == *offset) {
            break; /* less than a header is left */
        }
        *offset = next;
    }
    return FIRN_OK;
}

/* ==== reading a log and judging whether it is whole ==== */

enum { ATTEMPTS_MAX = 8 };

struct walk {
    struct fi_os_dir *dir;
    const char *prefix;
    int (*visit)(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
                 firn_error *err);
    void *ctx;
    struct fi_log_reader reader; /* of the segment that is being read */
    struct fi_log_fence fence;
    uint64_t shown_end; /* fence hides nothing that was read in this segment before here */
    bool is_hidden;     /* the fence was reached */
    struct fi_log_position fence_at; /* what the fence said last, if it was there */
    struct fi_log_position shown;    /* the last record that visit was shown */
    struct fi_log_recover *out;
};

/* ---- records ---- */

/* A bad place in a file that has meanwhile become another segment is not damage. */
static int
check_current(struct fi_log_reader *reader, firn_error *err)
{
    bool is_current;
    int rc = reader_is_current(reader, &is_current, err);
    if (rc == FIRN_OK && !is_current) {
        return fi_error_set(err, FIRN_BUSY, "%s was given up while the log was read",
                            fi_os_file_path(reader->file));
    }
    return rc;
}

static int
damage(const struct fi_log_reader *reader, uint64_t offset, const char *what, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "%s: offset %" PRIu64 ": %s",
                        fi_os_file_path(reader->file), offset, what);
}

/* Checks that a verified record is one that this version can have written. */
static int
check_record(const struct fi_log_reader *reader, uint64_t offset,
             const struct fi_log_reader_record *record, firn_error *err)
{
    const struct fi_log_format_record *header = &record->header;
    bool is_own = header->type < FI_LOG_TYPE_USER;
    bool is_known = header->type == FI_LOG_FORMAT_END || header->type == FI_LOG_FORMAT_NEXT;
    if (is_own && !is_known) {
        return fi_error_set(
            err, FIRN_NEWER,
            "%s: offset %" PRIu64 ": a record of type %u, unknown to format version %d",
            fi_os_file_path(reader->file), offset, header->type, FI_LOG_FORMAT_VERSION);
    }
    if (is_own && (header->length != 0 || header->durable != offset)) {
        return damage(reader, offset, "a closing record that contradicts itself", err);
    }
    return FIRN_OK;
}

/* Asks the fence about a record that was just read. */
static int
pass_fence(struct walk *walk, uint64_t end, firn_error *err)
{
    if (walk->fence.ask == NULL || walk->is_hidden || end <= walk->shown_end) {
        return FIRN_OK;
    }
    const struct fi_log_reader *reader = &walk->reader;
    DCHECK(end <= reader->window_offset + reader->window.size);
    uint64_t number = reader->segment.number;
    struct fi_log_position at;
    bool is_there;
    FI_TRY_RETURN(walk->fence.ask(walk->fence.ctx, &at, &is_there, err));
    if (!is_there) {
        walk->shown_end = reader->window_offset + reader->window.size;
    } else if (at.segment != number) {
        walk->shown_end = at.segment > number ? UINT64_MAX : 0;
    } else {
        walk->shown_end = at.offset;
    }
    walk->is_hidden = end > walk->shown_end;
    walk->fence_at = at;
    return FIRN_OK;
}

static bool
is_after(struct fi_log_position a, struct fi_log_position b)
{
    return a.segment > b.segment || (a.segment == b.segment && a.offset > b.offset);
}

static int
show_record(struct walk *walk, uint64_t offset, const struct fi_log_reader_record *record,
            firn_error *err)
{
    if (record->header.type < FI_LOG_TYPE_USER) {
        return FIRN_OK;
    }
    int rc = pass_fence(walk, record->end, err);
    if (rc != FIRN_OK || walk->is_hidden) {
        return rc;
    }
    walk->out->found.record_count++;
    struct fi_log_position position = {walk->reader.segment.number, offset};
    DCHECK(is_after(position, walk->shown)); /* (I3) */
    walk->shown = position;
    if (walk->visit == NULL) {
        return FIRN_OK;
    }
    rc = walk->visit(walk->ctx, record->header.type, record->payload, position, err);
    if (rc == FI_LOG_STOP) {
        walk->out->found.record_count--;
        walk->out->last = walk->reader.segment;
        walk->out->end = offset;
        walk->out->found.was_closed_cleanly = false;
    }
    return rc;
}

/* Records where the log ends in the segment being read, which has a successor. */
static int
note_end(struct walk *walk, uint64_t end, firn_error *err)
{
    DCHECK(end >= FI_LOG_FORMAT_SEGMENT_SIZE && end % 8 == 0);
    walk->out->older_size_bytes += end;
    if (fi_buf_append_le64(&walk->out->older_ends, end) != FIRN_OK) {
        return fi_error_no_memory(err, "a log's segments");
    }
    return FIRN_OK;
}

/* ---- a segment that has a successor ---- */

static int
read_closed_segment(struct walk *walk, uint64_t end, firn_error *err)
{
    uint64_t offset = FI_LOG_FORMAT_SEGMENT_SIZE;
    while (offset < end) {
        struct fi_log_reader_record record;
        bool is_valid;
        FI_TRY_RETURN(reader_read(&walk->reader, offset, &record, &is_valid, err));
        if (!is_valid) {
            FI_TRY_RETURN(check_current(&walk->reader, err));
            return damage(&walk->reader, offset, "bad bytes where a durable record stood", err);
        }
        FI_TRY_RETURN(check_record(&walk->reader, offset, &record, err));
        if (record.header.type == FI_LOG_FORMAT_NEXT || record.end > end) {
            return damage(&walk->reader, offset, "a record across the segment's end", err);
        }
        FI_TRY_RETURN(show_record(walk, offset, &record, err));
        offset = record.end;
    }
    return FIRN_OK;
}

/* ---- the newest segment ---- */

/* Reads the record at offset; if it looks bad, reads it again from the file as it is now. */
static int
read_with_second_inspect(struct walk *walk, uint64_t offset, struct fi_log_reader_record *record,
                         bool *out_is_valid, struct fi_log_reader_tail *out_tail, firn_error *err)
{
    FI_TRY_RETURN(reader_read(&walk->reader, offset, record, out_is_valid, err));
    if (!*out_is_valid) {
        FI_TRY_RETURN(reader_refresh(&walk->reader, err));
        FI_TRY_RETURN(reader_tail(&walk->reader, offset, out_tail, err));
        FI_TRY_RETURN(reader_refresh(&walk->reader, err));
        FI_TRY_RETURN(reader_read(&walk->reader, offset, record, out_is_valid, err));
    }
    return FIRN_OK;
}

/* Decides whether the place after the last whole record is damage, a cut, or the end. */
static int
assess_end(struct walk *walk, uint64_t end, const struct fi_log_reader_tail *tail, firn_error *err)
{
    struct fi_log_recover *out = walk->out;
    uint64_t durable = tail->durable > out->durable ? tail->durable : out->durable;
    if (durable > end) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "%s: offset %" PRIu64
                            ": bad bytes, in a part that was durable up to offset %" PRIu64,
                            fi_os_file_path(walk->reader.file), end, durable);
    }
    DCHECK(end % 8 == 0 && end >= FI_LOG_FORMAT_SEGMENT_SIZE);
    out->end = end;
    out->file_size_bytes = walk->reader.size_bytes;
    /* After a crash, pages of a torn record may be among old bytes in a recycled segment: these are
     * never overwritten. */
    out->needs_new_segment = !tail->is_blank && !out->found.was_closed_cleanly;
    if (tail->has_torn_record || tail->has_later_record) {
        out->needs_new_segment = true;
        out->found.was_cut = true;
        out->found.was_closed_cleanly = false;
        out->found.cut = (struct fi_log_position){out->last.number, end};
        out->found.cut_bytes = walk->reader.size_bytes > end ? walk->reader.size_bytes - end : 0;
    }
    return FIRN_OK;
}

/* *out_goes_on: the segment ends with NEXT, at *out_end. */
static int
read_newest_segment(struct walk *walk, bool *out_goes_on, uint64_t *out_end, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_log_recover *out = walk->out;
    uint64_t offset = FI_LOG_FORMAT_SEGMENT_SIZE;
    *out_goes_on = false;
    out->last = walk->reader.segment;
    out->durable = 0;
    out->found.was_closed_cleanly = false;
    for (;;) {
        struct fi_log_reader_record record;
        struct fi_log_reader_tail tail;
        bool is_valid;
        FI_TRY(read_with_second_inspect(walk, offset, &record, &is_valid, &tail, err));
        if (!is_valid) {
            FI_TRY(check_current(&walk->reader, err));
            rc = assess_end(walk, offset, &tail, err);
            goto out;
        }
        FI_TRY(check_record(&walk->reader, offset, &record, err));
        if (record.header.type == FI_LOG_FORMAT_NEXT) {
            *out_goes_on = true;
            *out_end = offset;
            goto out;
        }
        if (record.header.durable > out->durable) {
            out->durable = record.header.durable;
        }
        out->found.was_closed_cleanly = record.header.type == FI_LOG_FORMAT_END;
        FI_TRY(show_record(walk, offset, &record, err));
        offset = record.end;
    }
out:
    return rc;
}

/* ---- the chain ---- */

/* Opens the segment after the one being read and checks that it continues it. */
static int
open_successor(struct walk *walk, struct fi_log_reader *next, firn_error *err)
{
    const struct fi_log_format_segment *segment = &walk->reader.segment;
    int rc;
    FI_TRY(recover_reader_open(next, walk->dir, walk->prefix, segment->number + 1, err));
    if (next->segment.previous_salt != segment->salt || next->segment.oldest < segment->oldest) {
        rc = damage(next, 32, "this segment does not continue the one before it", err);
        recover_reader_close(next);
    }
out:
    return rc;
}

static void
step_to(struct walk *walk, struct fi_log_reader *next)
{
    DCHECK(next->segment.number == walk->reader.segment.number + 1);
    recover_reader_close(&walk->reader);
    walk->reader = *next;
    walk->shown_end = 0;
    *next = (struct fi_log_reader){0};
}

/* A segment is missing: another process that still writes has removed it, or it was lost. */
static int
missing_segment(struct walk *walk, uint64_t number, firn_error *err)
{
    uint64_t newest = 0;
    struct fi_log_reader reader = {0};
    int rc = FIRN_OK;
    FI_TRY(fi_log_segment_newest(walk->dir, walk->prefix, &newest, err));
    if (newest > number) {
        FI_TRY(recover_reader_open(&reader, walk->dir, walk->prefix, newest, err));
    }
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    fi_log_segment_name(walk->prefix, number, name);
    if (newest > number && reader.segment.oldest > number) {
        rc = fi_error_set(err, FIRN_BUSY, "%s/%s was removed while the log was read",
                          fi_os_dir_path(walk->dir), name);
    } else {
        rc = fi_error_set(err, FIRN_CORRUPT, "%s/%s is missing, and the log needs it",
                          fi_os_dir_path(walk->dir), name);
    }
out:
    recover_reader_close(&reader);
    return rc;
}

/* Reads from the open segment to the end of the log. newest is the newest segment known so far. */
static int
walk_chain(struct walk *walk, uint64_t newest, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_log_reader next = {0};
    bool goes_on = true;
    while (goes_on) {
        uint64_t number = walk->reader.segment.number;
        DCHECK(number <= newest);
        uint64_t end = 0;
        bool is_read = number == newest;
        if (is_read) {
            FI_TRY(read_newest_segment(walk, &goes_on, &end, err));
        }
        if (goes_on) {
            rc = open_successor(walk, &next, err);
            if (rc == FIRN_NOT_FOUND) {
                rc = missing_segment(walk, number + 1, err);
            }
            FI_TRY(rc);
            if (!is_read) {
                FI_TRY(read_closed_segment(walk, next.segment.previous_end, err));
            } else if (next.segment.previous_end != end) {
                rc = damage(&next, 40, "the segment before ends elsewhere", err);
                goto out;
            }
            FI_TRY(note_end(walk, next.segment.previous_end, err));
            newest = number + 1 > newest ? number + 1 : newest;
            step_to(walk, &next);
        }
    }
out:
    recover_reader_close(&next);
    return rc;
}

/* Opens the oldest segment of the log whose newest one is `newest`. */
static int
open_oldest(struct walk *walk, uint64_t newest, firn_error *err)
{
    int rc = recover_reader_open(&walk->reader, walk->dir, walk->prefix, newest, err);
    uint64_t number = newest;
    if (rc == FIRN_OK && walk->reader.segment.oldest != newest) {
        number = walk->reader.segment.oldest;
        recover_reader_close(&walk->reader);
        rc = recover_reader_open(&walk->reader, walk->dir, walk->prefix, number, err);
    }
    return rc == FIRN_NOT_FOUND ? missing_segment(walk, number, err) : rc;
}

static int
log_recover_attempt(struct walk *walk, firn_error *err)
{
    uint64_t newest = 0;
    int rc = FIRN_OK;
    walk->shown_end = 0;
    walk->is_hidden = false;
    walk->shown = (struct fi_log_position){0};
    FI_TRY(fi_log_segment_newest(walk->dir, walk->prefix, &newest, err));
    if (newest == 0) {
        FI_TRY(fi_log_segment_refuse_foreign(walk->dir, walk->prefix, err));
        rc = fi_error_set(err, FIRN_NOT_FOUND, "%s: there is no log '%s'",
                          fi_os_dir_path(walk->dir), walk->prefix);
        goto out;
    }
    FI_TRY(open_oldest(walk, newest, err));
    rc = walk_chain(walk, newest, err);
    /* For the visitor the log ends before the record that it was shown. */
    rc = rc == FI_LOG_STOP ? FIRN_OK : rc;
out:
    recover_reader_close(&walk->reader);
    return rc;
}

int
fi_log_recover_run(struct fi_os_dir *dir, const struct fi_log_options *options,
                   int (*visit)(void *ctx, uint8_t type, firn_slice record,
                                struct fi_log_position position, firn_error *err),
                   void *ctx, struct fi_log_recover *out, firn_error *err)
{
    *out = (struct fi_log_recover){0};
    struct walk walk = {.dir = dir,
                        .prefix = options->prefix,
                        .visit = visit,
                        .ctx = ctx,
                        .out = out,
                        .fence = options->fence};
    int rc = FIRN_BUSY;
    for (int i = 0; i < ATTEMPTS_MAX && rc == FIRN_BUSY && out->found.record_count == 0; i++) {
        fi_log_recover_deinit(out);
        rc = log_recover_attempt(&walk, err);
    }
    if (walk.is_hidden) {
        out->hidden_from = walk.fence_at;
    }
    return rc;
}

void
fi_log_recover_deinit(struct fi_log_recover *recover)
{
    fi_buf_deinit(&recover->older_ends);
    *recover = (struct fi_log_recover){0};
}
