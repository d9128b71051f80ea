/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_capture.c: which bytes of which files are a log that another process may be writing.
 *
 * A log is only appended to, so what was read of it is a log of its own: the same segments, each up
 * to its end, the newest one up to the last whole record that was there. Bytes after an end are not
 * part of the log, may change at any time, and are left out. A copy is therefore an earlier state
 * of the log, even while records are appended; without appends, reading again gives the same.
 *
 * Nothing is copied here. To copy, keep the log's gate shut (log.h) from before the call until the
 * files have been read: then everything that is listed stays in its place, with the same bytes.
 * Otherwise a file may be removed, or used for another segment, which its header tells.
 *
 * The walk and the listing read the directory one after the other. If they do not fit together, the
 * caller must try again (FIRN_BUSY).
 */
#include "base/check.h"
#include "log/log_internal.h"

/* What the previous segment recorded about itself. */
struct chain {
    uint64_t salt;
    uint64_t end;
};

static int
refuse_changed(struct fi_os_dir *dir, const char *prefix, uint64_t number, firn_error *err)
{
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    fi_log_segment_name(prefix, number, name);
    return fi_error_set(err, FIRN_BUSY, "%s/%s changed while it was read", fi_os_dir_path(dir),
                        name);
}

/* Whether the segment continues the chain, and has all of its bytes. */
static int
check_segment(struct fi_log *log, const struct fi_log_format_segment *header,
              struct fi_os_file *file, uint64_t end, const struct chain *before, firn_error *err)
{
    struct fi_os_stat stat;
    bool is_first = header->number == log->segment.oldest;
    bool is_last = header->number == log->segment.number;
    int rc = fi_os_file_stat(file, &stat, err);
    if (rc == FIRN_OK && (stat.size_bytes < end || (is_last && header->salt != log->segment.salt) ||
                          (!is_first && (header->previous_salt != before->salt ||
                                         header->previous_end != before->end)))) {
        rc = refuse_changed(log->dir, log->prefix, header->number, err);
    }
    return rc;
}

static int
add_segment(struct fi_log *log, uint64_t number, struct chain *chain, struct fi_buf *out,
            firn_error *err)
{
    struct fi_log_capture_segment found = {.number = number};
    struct fi_log_format_segment header;
    struct fi_os_file *file = NULL;
    DCHECK(log->is_read_only && number <= log->segment.number);
    int rc = fi_log_segment_open(log->dir, log->prefix, number, FI_OS_READ, &file, &header, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = refuse_changed(log->dir, log->prefix, number, err);
    }
    FI_TRY(rc);
    found.size_bytes = number == log->segment.number
                           ? log->end
                           : FI_LOG_FORMAT_SEGMENT_SIZE + fi_log_lend_bytes(log, number);
    FI_TRY(check_segment(log, &header, file, found.size_bytes, chain, err));
    DCHECK(found.size_bytes >= FI_LOG_FORMAT_SEGMENT_SIZE);
    fi_log_format_put_segment(&header, found.header);
    *chain = (struct chain){.salt = header.salt, .end = found.size_bytes};
    if (fi_buf_append(out, &found, sizeof found) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a log's segments");
    }
out:
    fi_os_file_close(file);
    return rc;
}

int
fi_log_capture(struct fi_os_dir *dir, const struct fi_log_options *options,
               int (*visit)(void *ctx, uint8_t type, firn_slice record,
                            struct fi_log_position position, firn_error *err),
               void *ctx, struct fi_buf *out, firn_error *err)
{
    struct fi_log_options reading = *options;
    struct fi_log *log = NULL;
    struct chain chain = {0};
    int rc;
    reading.read_only = true;
    fi_buf_clear(out);
    FI_TRY(fi_log_open(dir, &reading, visit, ctx, &log, NULL, err));
    for (uint64_t number = log->segment.oldest; number <= log->segment.number; number++) {
        FI_TRY(add_segment(log, number, &chain, out, err));
    }
out:
    fi_log_abandon(log);
    return rc;
}
