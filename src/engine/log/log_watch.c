/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_watch.c: whether a log has changed since a reader in another process has read it.
 *
 * Reading a log again costs a hundred microseconds, and most readers find the same as before.
 * Whatever a writer adds shows at one of three places: a record at the end of the segment that was
 * the newest, a segment with the next number, or, if the writer has removed both since, a name that
 * is gone. So three system calls find out. No time and no size of a file counts: clocks are coarse,
 * and space is prepared before there are records in it.
 *
 * (I16) A record that was appended before the question is found. If it is in the segment that was
 *      read, a record is at the end. If it is in a later one, the next number is there; or that one
 *      has a successor too, and then NEXT is at the end. In both cases the file may have become a
 *      spare meanwhile and have other bytes, but only after it has lost its name, for which the
 *      last call asks. (Not checked: the writer is another process.)
 *
 * A reader from whom the fence hid records has read the log up to the fence. It finds the same as
 * long as the fence stays there, and more when it has moved on, although the log stays as it is.
 *
 * Failure: whatever cannot be found out counts as a change. The reader then reads the log, and
 * meets the failure there.
 */
#include "base/check.h"
#include "log/log_internal.h"

void
fi_log_watch_begin(const struct fi_log *log, struct fi_os_dir *dir, struct fi_log_watch *out)
{
    struct fi_log_format_segment found;
    DCHECK(log->is_read_only);
    *out = (struct fi_log_watch){.dir = dir,
                                 .number = log->segment.number,
                                 .salt = log->segment.salt,
                                 .end = log->end,
                                 .hidden_from = log->hidden_from};
    fi_log_segment_name(log->prefix, out->number, out->name);
    fi_log_segment_name(log->prefix, out->number + 1, out->next_name);
    int rc =
        fi_log_segment_open(dir, log->prefix, out->number, FI_OS_READ, &out->file, &found, NULL);
    if (rc != FIRN_OK || found.salt != out->salt) {
        fi_log_watch_end(out);
    }
}

void
fi_log_watch_end(struct fi_log_watch *watch)
{
    fi_os_file_close(watch->file);
    watch->file = NULL;
}

/* Whether the fence is there, at *out. */
static bool
query_fence(const struct fi_log_fence *fence, struct fi_log_position *out)
{
    bool is_there = false;
    return fence->ask != NULL && fence->ask(fence->ctx, out, &is_there, NULL) == FIRN_OK &&
           is_there;
}

/* Whether there is no record at the end, or one that the fence excludes. */
static bool
shows_no_record(const struct fi_log_watch *watch, const struct fi_log_fence *fence)
{
    uint8_t header[FI_LOG_FORMAT_RECORD_SIZE];
    struct fi_log_format_record record;
    struct fi_log_position at;
    size_t size;
    if (watch->hidden_from.segment != 0) {
        return query_fence(fence, &at) && at.segment == watch->hidden_from.segment &&
               at.offset == watch->hidden_from.offset;
    }
    if (fi_os_file_read(watch->file, watch->end, header, sizeof header, &size, NULL) != FIRN_OK) {
        return false;
    }
    if (size < sizeof header ||
        !fi_log_format_get_record(header, watch->salt, watch->end, &record)) {
        return true;
    }
    return query_fence(fence, &at) &&
           (at.segment < watch->number || (at.segment == watch->number && at.offset <= watch->end));
}

bool
fi_log_watch_is_unchanged(const struct fi_log_watch *watch, const struct fi_log_fence *fence)
{
    struct fi_os_stat stat;
    return watch->file != NULL && shows_no_record(watch, fence) &&
           fi_os_stat(watch->dir, watch->next_name, &stat, NULL) == FIRN_NOT_FOUND &&
           fi_os_stat(watch->dir, watch->name, &stat, NULL) == FIRN_OK; /* (I16) */
}
