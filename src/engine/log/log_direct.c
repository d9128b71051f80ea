/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_direct.c: large records, written from where their bytes are.
 *
 * Putting a record together costs a copy of it, which is nothing for a small one. A large one is
 * handed to the kernel piece by piece instead: the payload first, then the zeros behind it, the
 * header last, together with a first part that is short. So there is no record before all of it is
 * there, and a process that dies in between leaves a torn one, as it may in a window
 * (log_writer.c).
 */
#include "log/log_direct.h"

#include <string.h>

#include "base/check.h"

enum { HEAD_MAX = 64 };

/* Writes everything that comes behind the head. */
static int
write_rest(const struct firn_log_writer_place *place, uint64_t at, uint64_t end,
           const firn_slice *parts, size_t part_count, firn_error *err)
{
    static const uint8_t zeros[8];
    int rc = FIRN_OK;
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].size > 0) {
            FIRN_TRY(firn_os_file_write(place->file, at, parts[i].data, parts[i].size, err));
            at += parts[i].size;
        }
    }
    CHECK(at <= end && end - at < sizeof zeros);
    if (at < end) {
        FIRN_TRY(firn_os_file_write(place->file, at, zeros, (size_t)(end - at), err));
    }
out:
    return rc;
}

int
firn_log_direct_write(const struct firn_log_writer_place *place,
                      const struct firn_log_format_record *record, const firn_slice *parts,
                      size_t part_count, firn_error *err)
{
    uint8_t head[HEAD_MAX];
    size_t head_size = FIRN_LOG_FORMAT_RECORD_SIZE;
    size_t in_head = 0; /* parts */
    int rc;
    DCHECK(place->durable <= place->offset);
    firn_log_format_put_header(record, place->salt, place->offset, parts, part_count, head);
    if (part_count > 0 && parts[0].size > 0 && parts[0].size <= HEAD_MAX - head_size) {
        memcpy(head + head_size, parts[0].data, parts[0].size);
        head_size += parts[0].size;
        in_head = 1;
    }
    FIRN_TRY(write_rest(place, place->offset + head_size,
                        place->offset + firn_log_format_record_room(record->length),
                        parts + in_head, part_count - in_head, err));
    FIRN_TRY(firn_os_file_write(place->file, place->offset, head, head_size, err));
out:
    return rc;
}
