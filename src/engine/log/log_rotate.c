/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_rotate.c: the turn from one segment to the next, in two halves, and the spare file that
 * is kept for it.
 *
 * The first half (begin) is all that appends wait for:
 *   1. the present segment is synced as far as it was not,
 *   2. the next segment gets its header, is synced, and gets its name,
 *   3. from now on it is the newest.
 * Any thread does the second half (finish), at the latest with the next sync:
 *   4. the directory is synced, so that the name is durable,
 *   5. NEXT is written to the preceding segment, and synced,
 *   6. files that the new header has excluded are removed.
 *
 * Step 1 is short if the log was synced a moment ago. Step 2 is short if there is a spare: a file
 * that has blocks already, so that its sync changes only contents and does not wait for the file
 * system's journal. A spare is a segment that was given up, or, before there is one, a file of
 * zeros that was made ahead of time (prepare). A segment's old bytes stay in it: the header has a
 * flag for that, and they mean nothing under the new salt.
 *
 * Invariants, with those of log.c:
 * (I11) Between the halves a power cut may take away the new segment's name, and all that was
 *       appended to it. So nothing in it counts as durable before step 4: a sync finishes the turn
 *       first. Everything before the turn is durable (I5), and the log ends there.
 * (I12) A segment's file becomes a spare only after a newer header has excluded it, durably (I9),
 *       and loses its name before its header is changed. So if a power cut restores the old name,
 *       the log ignores that name. A reader that finds a foreign header under a segment's name, or
 *       an unexpected end, can find out by looking again (log_recover.c).
 * (I13) The name of the spare is used by one thread at a time: is_making_spare guards it while
 *       there is none, the token when there is one.
 * (I14) A file that was lent, so that it may be kept under a second name, is never written again:
 *       it belongs to a segment with a durable successor, name and NEXT included, and it never
 *       becomes a spare. Which files were lent is forgotten with the handle. So no file that a
 *       handle finds becomes a spare, except that of the newest segment, which cannot have been
 *       lent.
 *
 * (I15) Before a turn changes anything there is space for NEXT in the present segment. So a full
 *       disk refuses the turn and the log continues; it is not latched half way. (Not checked: some
 *       file systems cannot reserve.)
 *
 * On a full disk the store needs the space of a spare. Its owner has the spare removed, and none is
 * made until the owner allows it again (fi_log_rotate_keep_spares).
 *
 * Failure. A spare that cannot be made is done without. In the first half, a failure before the
 * header is synced leaves the log unchanged, and so does a full disk at the rename; every other one
 * latches. In the second half every failure latches.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "log/log_internal.h"

enum { RECYCLED_SIZE_MAX = 256 << 20 };

/* ---- the spare ---- */

/* Whether the caller must make one. */
static bool
begin_spare(struct fi_log *log)
{
    fi_os_mutex_lock(&log->mutex);
    bool is_wanted = log->spare == FI_LOG_NO_SPARE && !log->is_making_spare && !log->has_failed &&
                     !log->is_without_spares;
    log->is_making_spare = log->is_making_spare || is_wanted;
    fi_os_mutex_unlock(&log->mutex);
    return is_wanted;
}

static void
end_spare(struct fi_log *log, enum fi_log_spare spare)
{
    fi_os_mutex_lock(&log->mutex);
    /* (I13) */
    DCHECK(log->is_making_spare || (log->is_syncing && log->spare != FI_LOG_NO_SPARE));
    log->spare = spare;
    log->is_making_spare = false;
    fi_os_mutex_unlock(&log->mutex);
}

static enum fi_log_spare
spare_of(struct fi_log *log)
{
    fi_os_mutex_lock(&log->mutex);
    enum fi_log_spare spare = log->spare;
    fi_os_mutex_unlock(&log->mutex);
    return spare;
}

void
fi_log_rotate_prepare(struct fi_log *log)
{
    if (!log->is_read_only && begin_spare(log)) {
        int rc = fi_log_segment_make_spare(log->dir, log->prefix,
                                           (size_t)fi_log_writer_ready_step(&log->writer));
        end_spare(log, rc == FIRN_OK ? FI_LOG_FRESH_SPARE : FI_LOG_NO_SPARE);
    }
}

void
fi_log_rotate_drop_spare(struct fi_log *log)
{
    if (spare_of(log) != FI_LOG_NO_SPARE) {
        fi_log_segment_remove_spare(log->dir, log->prefix);
    }
}

void
fi_log_rotate_keep_spares(struct fi_log *log, bool keeps)
{
    fi_os_mutex_lock(&log->mutex);
    log->is_without_spares = !keeps;
    fi_os_mutex_unlock(&log->mutex);
    if (!keeps && spare_of(log) != FI_LOG_NO_SPARE) {
        /* (I13) */
        fi_log_take_token(log);
        if (spare_of(log) != FI_LOG_NO_SPARE) {
            fi_log_segment_remove_spare(log->dir, log->prefix);
            end_spare(log, FI_LOG_NO_SPARE);
        }
        fi_log_give_token(log);
    }
}

/* Makes the segment's file the spare, if one is wanted and this one is suitable. It is not if the
 * log is hardly written to, if the file is so large that it would take up much space, or if what is
 * in it may be in clear in a store that becomes encrypted. */
static bool
recycle(struct fi_log *log, uint64_t number, uint64_t size_bytes)
{
    DCHECK(number < log->segment.oldest && log->old_file == NULL); /* (I12) */
    bool will_do = size_bytes / 4 >= log->writer.ready_after && size_bytes <= RECYCLED_SIZE_MAX &&
                   number > log->lent_last && /* (I14) */
                   !fi_log_seal_is_changing(&log->seal);
    if (!will_do || !begin_spare(log)) {
        return false;
    }
    int rc = fi_log_segment_recycle(log->dir, log->prefix, number);
    end_spare(log, rc == FIRN_OK ? FI_LOG_RECYCLED_SPARE : FI_LOG_NO_SPARE);
    return rc == FIRN_OK;
}

/* ---- the first half ---- */

/* Makes the file of the next segment: from the spare, else a new one. */
static int
make_file(struct fi_log *log, struct fi_log_format_segment *segment, struct fi_os_file **out,
          bool *out_is_harmless, firn_error *err)
{
    DCHECK(fi_log_has_token(log)); /* (I13) */
    enum fi_log_spare spare = spare_of(log);
    if (spare != FI_LOG_NO_SPARE) {
        segment->flags = spare == FI_LOG_RECYCLED_SPARE ? FI_LOG_FORMAT_RECYCLED : 0;
        int rc =
            fi_log_segment_use_spare(log->dir, log->prefix, segment, out, out_is_harmless, err);
        end_spare(log, FI_LOG_NO_SPARE);
        if (rc == FIRN_OK || !*out_is_harmless) {
            return rc;
        }
        fi_log_segment_remove_spare(log->dir, log->prefix);
    }
    segment->flags = 0;
    return fi_log_segment_create(log->dir, log->prefix, segment, out, out_is_harmless, err);
}

/* (I15) On a file system that cannot reserve, NEXT may later find no space, which latches. */
static int
make_room_for_next(struct fi_log *log, firn_error *err)
{
    firn_error found;
    uint64_t end = log->end + FI_LOG_FORMAT_RECORD_SIZE;
    if (log->writer.ready_end >= end) {
        return FIRN_OK;
    }
    int rc = fi_os_file_allocate(log->file, end, &found);
    if (rc == FIRN_NO_SPACE && err != NULL) {
        *err = found;
    }
    return rc == FIRN_NO_SPACE ? rc : FIRN_OK;
}

static int
begin_turn(struct fi_log *log, bool *out_is_harmless, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_log_format_segment segment = {
        .number = log->segment.number + 1,
        .previous_salt = log->segment.salt,
        .previous_end = log->end,
        .oldest = log->oldest_wanted,
        .note = log->note,
    };
    CHECK(log->durable == log->end && log->old_file == NULL); /* (I5) */
    DCHECK(fi_log_has_token(log) && fi_log_knows_ends(log));
    DCHECK(log->oldest_wanted >= log->segment.oldest && log->oldest_wanted <= segment.number);
    struct fi_os_file *file = NULL;
    struct fi_os_stat stat;
    *out_is_harmless = true;
    if (fi_buf_reserve(&log->older_ends, 8) != FIRN_OK) {
        return fi_error_no_memory(err, "a log's segments");
    }
    FI_TRY(make_room_for_next(log, err));
    FI_TRY(make_file(log, &segment, &file, out_is_harmless, err));
    *out_is_harmless = false;
    FI_TRY(fi_os_file_stat(file, &stat, err));
    FI_TRY(fi_buf_append_le64(&log->older_ends, log->end));
    fi_log_writer_leave(&log->writer);
    fi_log_writer_enter(&log->writer, stat.size_bytes);
    log->old_salt = log->segment.salt;
    log->old_end = log->end;
    fi_os_mutex_lock(&log->mutex);
    log->old_file = log->file;
    log->file = file;
    log->segment = segment;
    log->older_size_bytes += log->end;
    log->end = FI_LOG_FORMAT_SEGMENT_SIZE;
    log->durable = log->end;
    fi_os_mutex_unlock(&log->mutex);
    DCHECK(fi_log_knows_ends(log));
    log->has_end_record = false;
    file = NULL;
out:
    fi_os_file_close(file);
    return rc;
}

int
fi_log_rotate_begin(struct fi_log *log, firn_error *err)
{
    int rc;
    FI_TRY(fi_log_check_writable(log, err));
    fi_log_take_token(log);
    /* A sync that this waited for may have failed. */
    rc = fi_log_check_writable(log, err);
    if (rc == FIRN_OK) {
        rc = fi_log_sync_with_token(log, err);
    }
    if (rc == FIRN_OK) {
        bool is_harmless;
        rc = begin_turn(log, &is_harmless, err);
        if (rc != FIRN_OK && !is_harmless) {
            fi_log_latch(log);
        }
    }
    fi_log_give_token(log);
out:
    return rc;
}

/* ---- the second half ---- */

/* Removes the files of the segments that the newest header has excluded, and those that had to stay
 * earlier (I9). */
static int
remove_files(struct fi_log *log, firn_error *err)
{
    CHECK(log->segment.oldest <= log->segment.number && log->old_file == NULL); /* (I9) */
    DCHECK(log->kept_file <= log->first_file && log->first_file <= log->segment.oldest);
    int rc = FIRN_OK;
    if (log->kept_file == log->segment.oldest || !fi_log_may_remove(log)) {
        return FIRN_OK;
    }
    for (uint64_t number = log->kept_file; number < log->segment.oldest && rc == FIRN_OK;
         number++) {
        size_t i = (size_t)(number - log->first_file);
        bool is_spare = number >= log->first_file &&
                        recycle(log, number, fi_load_le64(log->older_ends.data + 8 * i));
        rc = is_spare ? FIRN_OK : fi_log_segment_remove(log->dir, log->prefix, number, err);
    }
    log->kept_file = log->segment.oldest;
    return rc;
}

static int
give_up_excluded(struct fi_log *log, firn_error *err)
{
    uint64_t removed_bytes = 0;
    size_t count = (size_t)(log->segment.oldest - log->first_file);
    int rc = remove_files(log, err);
    CHECK(8 * count <= log->older_ends.size);
    for (size_t i = 0; i < count; i++) {
        removed_bytes += fi_load_le64(log->older_ends.data + 8 * i);
    }
    memmove(log->older_ends.data, log->older_ends.data + 8 * count,
            log->older_ends.size - 8 * count);
    log->older_ends.size -= 8 * count;
    log->first_file += count;
    DCHECK(fi_log_knows_ends(log));
    fi_os_mutex_lock(&log->mutex);
    DCHECK(log->older_size_bytes >= removed_bytes);
    log->older_size_bytes -= removed_bytes;
    fi_os_mutex_unlock(&log->mutex);
    return rc;
}

int
fi_log_rotate_finish_with_token(struct fi_log *log, firn_error *err)
{
    int rc = FIRN_OK;
    DCHECK(fi_log_has_token(log));
    if (log->old_file == NULL) {
        return FIRN_OK;
    }
    /* (I5) */
    CHECK(log->segment.previous_end == log->old_end && log->segment.previous_salt == log->old_salt);
    FI_TRY(fi_os_dir_sync(log->dir, err));
    FI_TRY(fi_log_writer_put_closing(log->old_file, log->old_salt, log->old_end, FI_LOG_FORMAT_NEXT,
                                     err));
    fi_os_mutex_lock(&log->mutex);
    struct fi_os_file *old_file = log->old_file;
    log->old_file = NULL;
    fi_os_mutex_unlock(&log->mutex);
    fi_os_file_close(old_file);
    FI_TRY(give_up_excluded(log, err));
out:
    if (rc != FIRN_OK) {
        fi_log_latch(log);
    }
    return rc;
}

int
fi_log_rotate_now(struct fi_log *log, bool *out_is_harmless, firn_error *err)
{
    int rc = begin_turn(log, out_is_harmless, err);
    if (rc == FIRN_OK) {
        *out_is_harmless = false;
        rc = fi_log_rotate_finish_with_token(log, err);
    }
    return rc;
}

int
fi_log_rotate(struct fi_log *log, firn_error *err)
{
    int rc = fi_log_rotate_begin(log, err);
    return rc == FIRN_OK ? fi_log_sync(log, err) : rc;
}
