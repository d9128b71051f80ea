/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_lend.c: a second name for the file of a complete segment.
 *
 * A segment that contains hardly anything but large values is worth keeping after the log needs it
 * no more: otherwise the values would have to be written a second time. So its file may be lent. It
 * then has two names, and exists until both have been removed; the log goes on as if nothing had
 * happened, and removes its own name when the segment is given up.
 *
 * This is safe because of (I14) of log_rotate.c: such a file is not written any more. Only what
 * comes after its last record is cut off here, and that is not part of the log. Readers beside the
 * writer do not look there either.
 *
 * Locking: all of it with the token, so no segment is given up meanwhile.
 *
 * Failure: nothing has changed except, perhaps, that the file will not become a spare. If the turn
 * to the next segment still had to be finished, and that fails, the log is latched.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "log/log_internal.h"

/* The place of a segment's end among older_ends; false where it has none. The caller holds the
 * token. */
static bool
find_older(struct fi_log *log, uint64_t segment, size_t *out)
{
    DCHECK(fi_log_has_token(log));
    if (segment < log->first_file || segment >= log->segment.number) {
        return false;
    }
    *out = (size_t)(segment - log->first_file);
    DCHECK(*out < log->older_ends.size / 8);
    return true;
}

uint64_t
fi_log_lend_bytes(struct fi_log *log, uint64_t segment)
{
    size_t i;
    uint64_t bytes = 0;
    fi_log_take_token(log);
    if (find_older(log, segment, &i)) {
        bytes = fi_load_le64(log->older_ends.data + 8 * i) - FI_LOG_FORMAT_SEGMENT_SIZE;
        DCHECK(bytes <= FI_LOG_FORMAT_OFFSET_MAX);
    }
    fi_log_give_token(log);
    return bytes;
}

/* Bytes after NEXT mean nothing, and would be kept with the file. */
static int
cut_off_rest(struct fi_log *log, uint64_t segment, uint64_t end, firn_error *err)
{
    DCHECK(segment < log->segment.number && end >= FI_LOG_FORMAT_SEGMENT_SIZE); /* (I14) */
    struct fi_os_file *file = NULL;
    struct fi_log_format_segment header;
    struct fi_os_stat stat;
    uint64_t size_bytes = end + FI_LOG_FORMAT_RECORD_SIZE;
    int rc;
    FI_TRY(fi_log_segment_open(log->dir, log->prefix, segment, FI_OS_READ | FI_OS_WRITE, &file,
                               &header, err));
    FI_TRY(fi_os_file_stat(file, &stat, err));
    if (stat.size_bytes > size_bytes) {
        FI_TRY(fi_os_file_truncate(file, size_bytes, err));
    }
out:
    fi_os_file_close(file);
    return rc;
}

static int
lend_with_token(struct fi_log *log, uint64_t segment, struct fi_os_dir *to_dir, const char *to,
                firn_error *err)
{
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    size_t i;
    FI_TRY_RETURN(fi_log_check_writable(log, err));
    FI_TRY_RETURN(fi_log_rotate_finish_with_token(log, err)); /* (I14) */
    DCHECK(log->old_file == NULL && !log->is_read_only);
    if (!find_older(log, segment, &i)) {
        return fi_error_set(err, FIRN_NOT_FOUND, "the log '%s' has no whole segment %llu",
                            log->prefix, (unsigned long long)segment);
    }
    FI_TRY_RETURN(cut_off_rest(log, segment, fi_load_le64(log->older_ends.data + 8 * i), err));
    log->lent_last = segment > log->lent_last ? segment : log->lent_last;
    fi_log_segment_name(log->prefix, segment, name);
    return fi_os_link(log->dir, name, to_dir, to, err);
}

int
fi_log_lend(struct fi_log *log, uint64_t segment, struct fi_os_dir *to_dir, const char *to,
            firn_error *err)
{
    fi_log_take_token(log);
    int rc = lend_with_token(log, segment, to_dir, to, err);
    fi_log_give_token(log);
    return rc;
}
