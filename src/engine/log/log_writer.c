/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_writer.c: writing records into a segment.
 *
 * In a log with few records, each is assembled in one buffer and handed over with one write. So a
 * process that dies leaves a record whole or absent, unless the kernel itself is interrupted. The
 * buffer is reused.
 *
 * A write costs more than everything else that a small record needs. So after a handle has appended
 * ready_after bytes, a stretch after the log's end is prepared: filled with zeros, 64 to 256 KiB at
 * a time, and mapped through a window if the file system makes that safe (os_window.h). Records are
 * then assembled in place. Syncs are faster too: the space exists already, so neither a size nor a
 * block has to be recorded. A clean close cuts off what was not used.
 *
 * The kernel keeps a file in pieces of up to 64 KiB and more, and a store into a mapping makes a
 * whole piece dirty, so that the next sync writes all of it. If each commit is synced, that is 64
 * KiB for a record of 100 bytes. So a record goes through the window only if ready_after bytes were
 * appended since the last sync; otherwise it is written, which makes only its blocks dirty.
 *
 * In a window a record is assembled piece by piece: its payload first, its header last. A process
 * that dies in between leaves a torn record, as a power cut does; a reader in another process looks
 * twice (log_recover.c). Zeros after the end are neither a record nor part of a torn one.
 *
 * Large records are written directly, and no space is prepared for them: see below.
 *
 * None of this can fail an append. If there is no space for zeros, or no window, the record is
 * written as in a small log, and after some more load the attempt is made again.
 *
 * (I10) The window is below ready_end, and the file is never shortened to less than that while a
 *       window is open: trim closes it first.
 *
 * Settling. When a log is opened after a crash, the records above the highest durable mark were
 * read, but only from the kernel's cache: they may not be on the disk. A sync alone does not prove
 * it. A sync that failed in an earlier process may have left pages in the cache that count as clean
 * but are not on the disk. So these bytes are written over themselves, which makes their pages
 * dirty again, and then synced. The bytes do not change, so a power cut meanwhile harms nothing
 * that was whole before.
 */
#include "log/log_internal.h"

#include <string.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"

/* ==== large records, written from where their bytes are ====
 *
 * Assembling a record costs a copy, which does not matter for a small one. A large record is handed
 * to the kernel piece by piece instead: first the payload and the zeros after it, last the header
 * together with a short first part. So there is no record before all of it is there, and a process
 * that dies in between leaves a torn one, as it may in a window.
 */

/* Records that take so much room, and more. */
enum { FI_LOG_DIRECT_ROOM_MIN = 32 << 10 };

enum { HEAD_MAX = 64 };

/* Writes everything that comes after the head. */
static int
write_rest(const struct fi_log_writer_place *place, uint64_t at, uint64_t end,
           const firn_slice *parts, size_t part_count, firn_error *err)
{
    static const uint8_t zeros[8];
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].size > 0) {
            FI_TRY_RETURN(fi_os_file_write(place->file, at, parts[i].data, parts[i].size, err));
            at += parts[i].size;
        }
    }
    CHECK(at <= end && end - at < sizeof zeros);
    if (at < end) {
        FI_TRY_RETURN(fi_os_file_write(place->file, at, zeros, (size_t)(end - at), err));
    }
    return FIRN_OK;
}

/* Writes a record of these parts at its place. A failure may leave a part of it there, but no
 * record. */
static int
direct_write(const struct fi_log_writer_place *place, const struct fi_log_format_record *record,
             const firn_slice *parts, size_t part_count, firn_error *err)
{
    uint8_t head[HEAD_MAX];
    size_t head_size = FI_LOG_FORMAT_RECORD_SIZE;
    size_t in_head = 0; /* parts */
    DCHECK(place->durable <= place->offset);
    fi_log_format_put_header(record, place->salt, place->offset, parts, part_count, head);
    if (part_count > 0 && parts[0].size > 0 && parts[0].size <= HEAD_MAX - head_size) {
        memcpy(head + head_size, parts[0].data, parts[0].size);
        head_size += parts[0].size;
        in_head = 1;
    }
    FI_TRY_RETURN(write_rest(place, place->offset + head_size,
                             place->offset + fi_log_format_record_room(record->length),
                             parts + in_head, part_count - in_head, err));
    return fi_os_file_write(place->file, place->offset, head, head_size, err);
}

/* ==== assembling records, and writing them into a segment ==== */

enum {
    SETTLE_PIECE_SIZE = 1 << 20,
    READY_STEP_MIN = FI_OS_WINDOW_ALIGNMENT,
    READY_STEP_MAX = 256 << 10,
    WINDOW_SIZE_MAX = 1 << 20
};

void
fi_log_writer_deinit(struct fi_log_writer *writer)
{
    fi_os_window_close(&writer->window);
    fi_buf_deinit(&writer->buffer);
}

void
fi_log_writer_leave(struct fi_log_writer *writer)
{
    fi_os_window_close(&writer->window);
    writer->ready_end = 0;
    writer->has_no_windows = false;
}

void
fi_log_writer_enter(struct fi_log_writer *writer, uint64_t ready_end)
{
    fi_log_writer_leave(writer);
    writer->ready_end = ready_end;
}

int
fi_log_writer_trim(struct fi_log_writer *writer, struct fi_os_file *file, uint64_t end,
                   firn_error *err)
{
    fi_log_writer_leave(writer);
    return fi_os_file_truncate(file, end, err);
}

/* ---- preparing space ---- */

uint64_t
fi_log_writer_ready_step(const struct fi_log_writer *writer)
{
    if (writer->ready_after >= READY_STEP_MAX / 4) {
        return READY_STEP_MAX;
    }
    return writer->ready_after * 4 > READY_STEP_MIN ? writer->ready_after * 4 : READY_STEP_MIN;
}

/* Writes zeros from `from` to the multiple of a step at or after `to`. */
static int
write_zeros(struct fi_log_writer *writer, struct fi_os_file *file, uint64_t from, uint64_t to)
{
    DCHECK(from < to && from >= writer->ready_end);
    uint64_t step = fi_log_writer_ready_step(writer);
    uint64_t end = (to + step - 1) / step * step;
    int rc = FIRN_OK;
    for (uint64_t at = from; at < end && rc == FIRN_OK; at += FI_ZEROS_SIZE) {
        size_t piece = end - at < FI_ZEROS_SIZE ? (size_t)(end - at) : FI_ZEROS_SIZE;
        rc = fi_os_file_write(file, at, fi_zeros(), piece, NULL);
    }
    if (rc == FIRN_OK) {
        writer->ready_end = end;
    } else {
        /* The zeros that were written have no meaning, and do no harm if they stay. */
        FI_IGNORE(fi_os_file_truncate(file, from, NULL));
    }
    return rc;
}

static void
open_window(struct fi_log_writer *writer, struct fi_os_file *file, uint64_t offset)
{
    DCHECK(offset < writer->ready_end);
    uint64_t start = offset / FI_OS_WINDOW_ALIGNMENT * FI_OS_WINDOW_ALIGNMENT;
    uint64_t size = writer->ready_end - start;
    fi_os_window_close(&writer->window);
    int rc = fi_os_window_open(file, start, size < WINDOW_SIZE_MAX ? (size_t)size : WINDOW_SIZE_MAX,
                               &writer->window, NULL);
    writer->has_no_windows = rc != FIRN_OK;
    /* (I10) */
    DCHECK(rc != FIRN_OK || writer->window.offset + writer->window.size <= writer->ready_end);
}

/* Whether so few bytes wait for a sync that the next one would write more than there is. */
static bool
is_synced_often(const struct fi_log_writer *writer, const struct fi_log_writer_place *place)
{
    DCHECK(place->durable <= place->offset);
    return place->offset - place->durable < writer->ready_after;
}

/* Opens or moves the window so that the record fits in it, if that pays and is possible. */
static void
get_ready(struct fi_log_writer *writer, const struct fi_log_writer_place *place, uint64_t room)
{
    uint64_t end = place->offset + room;
    writer->load_bytes += room;
    if (writer->load_bytes < writer->ready_after || writer->has_no_windows ||
        end >= FI_LOG_FORMAT_OFFSET_MAX) {
        return;
    }
    if (writer->ready_end < end) {
        uint64_t from = writer->ready_end > place->offset ? writer->ready_end : place->offset;
        if (write_zeros(writer, place->file, from, end) != FIRN_OK) {
            writer->load_bytes = 0;
            return;
        }
    }
    if (!is_synced_often(writer, place) &&
        fi_os_window_at(&writer->window, place->offset, (size_t)room) == NULL) {
        open_window(writer, place->file, place->offset);
    }
}

/* ---- one record ---- */

static int
total_size(const firn_slice *parts, size_t part_count, size_t *out, firn_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < part_count; i++) {
        if (!fi_add_size(total, parts[i].size, &total) || total > FI_LOG_RECORD_SIZE_MAX) {
            return fi_error_set(err, FIRN_LIMIT, "cannot write a log record of more than %d bytes",
                                FI_LOG_RECORD_SIZE_MAX);
        }
    }
    *out = total;
    return FIRN_OK;
}

/* Finds memory for a record of so many bytes: its place in the window, else the buffer. */
static int
find_memory(struct fi_log_writer *writer, const struct fi_log_writer_place *place, size_t size,
            firn_error *err)
{
    writer->record_size = size;
    writer->record = is_synced_often(writer, place)
                         ? NULL
                         : fi_os_window_at(&writer->window, place->offset, size);
    DCHECK(writer->record == NULL || place->offset + size <= writer->ready_end); /* (I10) */
    if (writer->record != NULL) {
        return FIRN_OK;
    }
    fi_buf_clear(&writer->buffer);
    if (fi_buf_set_size(&writer->buffer, size) != FIRN_OK) {
        return fi_error_no_memory(err, "a log record");
    }
    writer->record = writer->buffer.data;
    return FIRN_OK;
}

__attribute__((cold)) int
fi_log_writer_prepare(struct fi_log_writer *writer, const struct fi_log_writer_place *place,
                      uint8_t type, const firn_slice *parts, size_t part_count, firn_error *err)
{
    size_t length;
    int rc = total_size(parts, part_count, &length, err);
    DCHECK(place->offset % 8 == 0 && place->durable <= place->offset);
    if (rc != FIRN_OK) {
        return rc;
    }
    uint64_t room = fi_log_format_record_room(length);
    struct fi_log_format_record record = {
        .length = (uint32_t)length, .durable = place->durable, .type = type};
    writer->direct_parts = NULL;
    if (room >= FI_LOG_DIRECT_ROOM_MIN) {
        writer->load_bytes += room;
        writer->direct_parts = parts;
        writer->direct_part_count = part_count;
        writer->direct_record = record;
        return FIRN_OK;
    }
    get_ready(writer, place, room);
    rc = find_memory(writer, place, (size_t)room, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    uint8_t *at = writer->record + FI_LOG_FORMAT_RECORD_SIZE;
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].size > 0) {
            memcpy(at, parts[i].data, parts[i].size);
            at += parts[i].size;
        }
    }
    DCHECK(at == writer->record + FI_LOG_FORMAT_RECORD_SIZE + length);
    fi_log_format_put_record(&record, place->salt, place->offset, writer->record);
    return FIRN_OK;
}

int
fi_log_writer_write(struct fi_log_writer *writer, const struct fi_log_writer_place *place,
                    uint64_t *out_end, firn_error *err)
{
    struct fi_buf *buffer = &writer->buffer;
    if (writer->direct_parts != NULL) {
        *out_end = place->offset + fi_log_format_record_room(writer->direct_record.length);
        return direct_write(place, &writer->direct_record, writer->direct_parts,
                            writer->direct_part_count, err);
    }
    DCHECK(writer->record != NULL && writer->record_size % 8 == 0);
    *out_end = place->offset + writer->record_size;
    if (writer->record != buffer->data) {
        return fi_os_window_commit(&writer->window, place->offset, writer->record_size, err);
    }
    CHECK(buffer->size == writer->record_size);
    return fi_os_file_write(place->file, place->offset, buffer->data, buffer->size, err);
}

int
fi_log_writer_put_closing(struct fi_os_file *file, uint64_t salt, uint64_t offset, uint8_t type,
                          firn_error *err)
{
    DCHECK(type == FI_LOG_FORMAT_END || type == FI_LOG_FORMAT_NEXT);
    uint8_t bytes[FI_LOG_FORMAT_RECORD_SIZE];
    const struct fi_log_format_record record = {.durable = offset, .type = type};
    fi_log_format_put_record(&record, salt, offset, bytes);
    int rc = fi_os_file_write(file, offset, bytes, sizeof bytes, err);
    return rc == FIRN_OK ? fi_os_file_sync(file, err) : rc;
}

int
fi_log_writer_rewrite(struct fi_log_writer *writer, struct fi_os_file *file, uint64_t start,
                      uint64_t end, firn_error *err)
{
    DCHECK(start >= FI_LOG_FORMAT_SEGMENT_SIZE && start <= end);
    struct fi_buf *piece = &writer->buffer;
    while (start < end) {
        uint64_t left = end - start;
        fi_buf_clear(piece);
        if (fi_buf_set_size(piece, left < SETTLE_PIECE_SIZE ? (size_t)left : SETTLE_PIECE_SIZE) !=
            FIRN_OK) {
            return fi_error_no_memory(err, "opening a log");
        }
        FI_TRY_RETURN(fi_os_file_read_exact(file, start, piece->data, piece->size, err));
        FI_TRY_RETURN(fi_os_file_write(file, start, piece->data, piece->size, err));
        start += piece->size;
    }
    return fi_os_file_sync(file, err);
}
