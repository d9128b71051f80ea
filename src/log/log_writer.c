/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_writer.c: bytes on their way into a segment.
 *
 * A record is put together in one buffer and handed over with one write, so that a process that
 * dies leaves it whole or absent except where the kernel itself is cut short. The buffer is reused;
 * one that a large record made big is given back.
 *
 * Settling. When a log is opened after a crash, the records above the highest durable mark were
 * read, but only from the kernel's cache: nobody knows whether they are on the disk. A sync alone
 * does not tell either, because a sync that failed for the process before may have left pages that
 * the cache holds, that the disk does not, and that count as clean. So these bytes are written over
 * themselves, which makes their pages dirty again, and then synced. The bytes do not change, so a
 * power cut in between harms nothing that was whole before.
 */
#include "log/log_writer.h"

#include "base/checked.h"
#include "log/log.h"

enum { KEPT_BUFFER_SIZE_MAX = 1 << 20, SETTLE_PIECE_SIZE = 1 << 20 };

void
firn_log_writer_deinit(struct firn_log_writer *writer)
{
    firn_buf_deinit(&writer->record);
}

static int
total_size(const firn_slice *parts, size_t part_count, size_t *out, firn_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < part_count; i++) {
        if (!firn_add_size(total, parts[i].size, &total) || total > FIRN_LOG_RECORD_SIZE_MAX) {
            return firn_error_set(err, FIRN_LIMIT,
                                  "cannot write a log record of more than %d bytes",
                                  FIRN_LOG_RECORD_SIZE_MAX);
        }
    }
    *out = total;
    return FIRN_OK;
}

int
firn_log_writer_prepare(struct firn_log_writer *writer, const struct firn_log_writer_place *place,
                        uint8_t type, const firn_slice *parts, size_t part_count, firn_error *err)
{
    size_t length;
    int rc = total_size(parts, part_count, &length, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_buf_clear(&writer->record);
    if (firn_buf_set_size(&writer->record, (size_t)firn_log_format_record_room(length)) !=
        FIRN_OK) {
        return firn_error_no_memory(err, "a log record");
    }
    uint8_t *at = writer->record.data + FIRN_LOG_FORMAT_RECORD_SIZE;
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].size > 0) {
            memcpy(at, parts[i].data, parts[i].size);
            at += parts[i].size;
        }
    }
    struct firn_log_format_record record = {
        .length = (uint32_t)length, .durable = place->durable, .type = type};
    firn_log_format_put_record(&record, place->salt, place->offset, writer->record.data);
    return FIRN_OK;
}

int
firn_log_writer_write(struct firn_log_writer *writer, const struct firn_log_writer_place *place,
                      uint64_t *out_end, firn_error *err)
{
    struct firn_buf *record = &writer->record;
    int rc = firn_os_file_write(place->file, place->offset, record->data, record->size, err);
    *out_end = place->offset + record->size;
    if (record->capacity > KEPT_BUFFER_SIZE_MAX) {
        firn_buf_deinit(record);
    }
    return rc;
}

int
firn_log_writer_seal(struct firn_log_writer *writer, struct firn_os_file *file, uint64_t salt,
                     uint64_t offset, uint8_t type, firn_error *err)
{
    struct firn_log_writer_place place = {
        .file = file, .salt = salt, .offset = offset, .durable = offset};
    uint64_t end;
    int rc = firn_log_writer_prepare(writer, &place, type, NULL, 0, err);
    if (rc == FIRN_OK) {
        rc = firn_log_writer_write(writer, &place, &end, err);
    }
    return rc == FIRN_OK ? firn_os_file_sync(file, err) : rc;
}

int
firn_log_writer_settle(struct firn_log_writer *writer, struct firn_os_file *file, uint64_t start,
                       uint64_t end, firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_buf *piece = &writer->record;
    while (start < end) {
        uint64_t left = end - start;
        firn_buf_clear(piece);
        if (firn_buf_set_size(piece, left < SETTLE_PIECE_SIZE ? (size_t)left : SETTLE_PIECE_SIZE) !=
            FIRN_OK) {
            rc = firn_error_no_memory(err, "opening a log");
            goto out;
        }
        FIRN_TRY(firn_os_file_read_exact(file, start, piece->data, piece->size, err));
        FIRN_TRY(firn_os_file_write(file, start, piece->data, piece->size, err));
        start += piece->size;
    }
    FIRN_TRY(firn_os_file_sync(file, err));
out:
    return rc;
}
