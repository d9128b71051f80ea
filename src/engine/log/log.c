/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log.c: the record log: appending, syncing, segment after segment.
 *
 * A log is a chain of segments (log_segment.c), of which only the newest is written. A record is
 * written at the segment's end (log_writer.c), encrypted first where there are keys (log_seal.c),
 * and carries the highest offset that was durable at that moment. Opening reads the whole log and
 * judges it by those marks (log_recover.c). docs/formats/log.md says what every byte means.
 *
 * Invariants, on which that judgement depends:
 * (I4) An offset counts as durable only after a successful sync that began when everything before
 *      the offset had been written. After a failed write or sync the log is latched: this handle
 *      writes and syncs nothing more. Only opening the log again shows what was saved.
 * (I5) A segment gets a successor only when it is durable up to its end; the successor names that
 *      end. NEXT is written at the end of the old segment only when the successor is durable, name
 *      included, so NEXT without a successor is damage. log_rotate.c describes this turn.
 * (I6) END is written when everything before it is durable.
 * (I7) Nothing is appended after a cut: the log continues in a new segment that names the offset
 *      where the old one ends. So bytes that remain after that offset can never become records
 *      again.
 * (I8) When open returns a log to append to, everything it showed is durable. After a clean close
 *      this needs no sync (I6); after a crash the part above the marks is written
 *      again and synced first.
 * (I9) Files of segments that are no longer needed are removed only after the header of a newer
 *      segment has said, durably, that the log begins later. So removal takes place with the next
 *      segment; closing a log with an outstanding removal begins one. If the gate says that a
 *      process reads, the files stay, outside of the log, until a later turn or opening. A reader
 *      that keeps the gate shut, and then finds the newest header, finds every file that this
 *      header names for as long as the gate is shut, because the header existed before the gate was
 *      asked.
 *
 * Locking. One thread at a time appends, rotates and removes; any thread may sync meanwhile. The
 * mutex guards what both use: which segment is the newest, and how far it is durable. An append
 * takes no lock: only its own thread changes the segment, and the end is an atomic. One thread at a
 * time syncs, outside the mutex; a thread that finds `is_syncing` set waits. Otherwise two
 * concurrent syncs of one file may share one error report, and the second would seem to have
 * succeeded. Both halves of a turn to the next segment count as syncing: the file is replaced by
 * the thread that holds this token, so a running sync never loses its file.
 *
 * Failure. An append that lacks memory or keys, or is too large, fails before anything is written
 * and leaves the log unchanged. An append that finds no space cuts off what it wrote, and also
 * leaves the log unchanged: the bytes after the end are a torn record, as which recovery treats
 * them if a power cut brings them back. In an encrypted log, however, an EPOCH that was appended
 * before the record stays (I17 of log_seal.c). The log is also unchanged if a new segment could not
 * be begun, provided that no sync failed and the segment's name cannot exist. Every other failure
 * latches.
 *
 * Limits: a record has at most FI_LOG_RECORD_SIZE_MAX bytes; a new segment begins at 16 GiB at
 * the latest.
 */
#include "log/log.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "log/log_internal.h"

#define SEGMENT_SIZE_DEFAULT (UINT64_C(64) << 20)
#define SEGMENT_SIZE_MAX (UINT64_C(16) << 30)
#define READY_AFTER_DEFAULT (UINT64_C(64) << 10)

/* ---- the latch and the token ---- */

static int
refuse_failed(const struct fi_log *log, firn_error *err)
{
    return fi_error_set(err, FIRN_FAILED, "the log '%s' failed earlier and must be opened again",
                        log->prefix);
}

void
fi_log_latch(struct fi_log *log)
{
    fi_os_mutex_lock(&log->mutex);
    log->has_failed = true;
    fi_os_cond_broadcast(&log->sync_ended);
    fi_os_mutex_unlock(&log->mutex);
}

bool
fi_log_has_failed(struct fi_log *log)
{
    return atomic_load(&log->has_failed);
}

int
fi_log_check_writable(struct fi_log *log, firn_error *err)
{
    if (log->is_read_only) {
        return fi_error_set(err, FIRN_READ_ONLY, "the log '%s' was opened read-only", log->prefix);
    }
    return fi_log_has_failed(log) ? refuse_failed(log, err) : FIRN_OK;
}

bool
fi_log_may_remove(const struct fi_log *log)
{
    return log->gate.may_remove == NULL || log->gate.may_remove(log->gate.ctx);
}

void
fi_log_take_token(struct fi_log *log)
{
    fi_os_mutex_lock(&log->mutex);
    while (log->is_syncing) {
        fi_os_cond_wait(&log->sync_ended, &log->mutex);
    }
    log->is_syncing = true;
    fi_os_mutex_unlock(&log->mutex);
}

bool
fi_log_has_token(struct fi_log *log)
{
    fi_os_mutex_lock(&log->mutex);
    bool has_token = log->is_syncing;
    fi_os_mutex_unlock(&log->mutex);
    return has_token;
}

void
fi_log_give_token(struct fi_log *log)
{
    fi_os_mutex_lock(&log->mutex);
    DCHECK(log->is_syncing);
    log->is_syncing = false;
    fi_os_cond_broadcast(&log->sync_ended);
    fi_os_mutex_unlock(&log->mutex);
}

/* ---- appending ---- */

/* A record was not written. */
static int
undo_append(struct fi_log *log, const struct fi_log_writer_place *place, int rc)
{
    bool is_undone = rc == FIRN_NO_SPACE &&
                     fi_log_writer_trim(&log->writer, place->file, place->offset, NULL) == FIRN_OK;
    if (!is_undone) {
        fi_log_latch(log);
    }
    return rc;
}

static void
note_append(struct fi_log *log, const struct fi_log_writer_place *place, uint64_t end)
{
    DCHECK(end % 8 == 0 && end > place->offset && end < FI_LOG_FORMAT_OFFSET_MAX);
    log->has_end_record = false;
    /* Pairs with the load of the thread that syncs: the bytes are in the file. */
    atomic_store_explicit(&log->end, end, memory_order_release);
}

static int
append_epoch(struct fi_log *log, const struct fi_log_writer_place *place, firn_error *err)
{
    firn_slice epoch;
    uint64_t end;
    int rc;
    FI_TRY(fi_log_seal_begin(&log->seal, fi_os_dir_os(log->dir), &log->segment, place->offset,
                             &epoch, err));
    FI_TRY(fi_log_writer_prepare(&log->writer, place, FI_LOG_FORMAT_EPOCH, &epoch, 1, err));
    rc = fi_log_writer_write(&log->writer, place, &end, err);
    if (rc == FIRN_OK) {
        note_append(log, place, end);
    } else {
        rc = undo_append(log, place, rc);
    }
out:
    if (rc != FIRN_OK) {
        fi_log_seal_end(&log->seal);
    }
    return rc;
}

/* Encrypts a record for the place where it will be written, which moves if an EPOCH has to be
 * appended before it. *out is what is stored. */
static int
encrypt_record(struct fi_log *log, uint8_t type, const firn_slice *parts, size_t part_count,
               struct fi_log_writer_place *place, firn_slice *out, firn_error *err)
{
    FI_TRY_RETURN(fi_log_seal_gather(&log->seal, parts, part_count, err));
    if (fi_log_seal_needs_epoch(&log->seal, &log->segment, place->offset)) {
        FI_TRY_RETURN(append_epoch(log, place, err));
        place->offset = log->end;
    }
    struct fi_log_format_record header = {.durable = place->durable, .type = type};
    return fi_log_seal_encrypt(&log->seal, place->offset, &header, out, err);
}

int
fi_log_append(struct fi_log *log, uint8_t type, const firn_slice *parts, size_t part_count,
              struct fi_log_position *out, firn_error *err)
{
    FI_TRY_RETURN(fi_log_check_writable(log, err));
    if (type < FI_LOG_TYPE_USER) {
        return fi_error_set(err, FIRN_INVALID, "log records of type %u are the log's own", type);
    }
    bool is_full = log->end >= log->segment_size_bytes && log->end > FI_LOG_FORMAT_SEGMENT_SIZE;
    /* Nothing is added to a segment that was given up. */
    if (is_full || log->oldest_wanted > log->segment.number) {
        FI_TRY_RETURN(fi_log_rotate(log, err));
    }
    /* The newest segment changes in this thread only. */
    struct fi_log_writer_place place = {
        .file = log->file, .salt = log->segment.salt, .offset = log->end, .durable = log->durable};
    DCHECK(place.durable <= place.offset && place.offset >= FI_LOG_FORMAT_SEGMENT_SIZE);
    firn_slice stored;
    if (log->seal.encrypts) {
        FI_TRY_RETURN(encrypt_record(log, type, parts, part_count, &place, &stored, err));
        parts = &stored;
        part_count = 1;
    }
    FI_TRY_RETURN(fi_log_writer_prepare(&log->writer, &place, type, parts, part_count, err));
    uint64_t end;
    int rc = fi_log_writer_write(&log->writer, &place, &end, err);
    if (log->seal.encrypts) {
        fi_log_seal_release(&log->seal);
    }
    if (rc != FIRN_OK) {
        return undo_append(log, &place, rc);
    }
    note_append(log, &place, end);
    if (out != NULL) {
        *out = (struct fi_log_position){log->segment.number, place.offset};
    }
    return rc;
}

/* ---- syncing ---- */

int
fi_log_sync_with_token(struct fi_log *log, firn_error *err)
{
    DCHECK(fi_log_has_token(log));
    int rc = fi_log_rotate_finish_with_token(log, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    fi_os_mutex_lock(&log->mutex);
    uint64_t end = log->end;
    DCHECK(log->old_file == NULL); /* (I11) */
    struct fi_os_file *file = log->file;
    bool is_needed = log->durable < end;
    fi_os_mutex_unlock(&log->mutex);
    rc = is_needed ? fi_os_file_sync(file, err) : FIRN_OK;
    if (rc != FIRN_OK) {
        fi_log_latch(log);
        return rc;
    }
    CHECK(log->durable <= end && end <= log->end); /* (I4) */
    fi_os_mutex_lock(&log->mutex);
    log->durable = end;
    fi_os_mutex_unlock(&log->mutex);
    return FIRN_OK;
}

/* Whether everything up to target in the segment is durable. One that is no longer the newest was
 * synced before it got its successor (I5), and its own turn finished before that (I11). */
static bool
is_durable_locked(const struct fi_log *log, struct fi_log_position target)
{
    fi_os_mutex_assert_held(&log->mutex);
    DCHECK(target.segment <= log->segment.number);
    return log->segment.number != target.segment ||
           (log->durable >= target.offset && log->old_file == NULL);
}

int
fi_log_sync(struct fi_log *log, firn_error *err)
{
    int rc;
    FI_TRY_RETURN(fi_log_check_writable(log, err));
    fi_os_mutex_lock(&log->mutex);
    struct fi_log_position target = {log->segment.number, log->end};
    while (log->is_syncing && !log->has_failed && !is_durable_locked(log, target)) {
        fi_os_cond_wait(&log->sync_ended, &log->mutex);
    }
    bool has_failed = log->has_failed;
    bool is_mine = !has_failed && !is_durable_locked(log, target);
    log->is_syncing = log->is_syncing || is_mine;
    fi_os_mutex_unlock(&log->mutex);
    if (is_mine) {
        rc = fi_log_sync_with_token(log, err);
        fi_log_give_token(log);
        return rc;
    }
    return has_failed ? refuse_failed(log, err) : FIRN_OK;
}

/* ---- segments ---- */

int
fi_log_remove_before(struct fi_log *log, uint64_t first_segment, firn_error *err)
{
    FI_TRY_RETURN(fi_log_check_writable(log, err));
    if (first_segment > log->segment.number + 1) {
        return fi_error_set(err, FIRN_INVALID,
                            "cannot remove up to segment %" PRIu64
                            " of a log that ends in %" PRIu64,
                            first_segment, log->segment.number);
    }
    DCHECK(log->oldest_wanted >= log->segment.oldest);
    if (first_segment > log->oldest_wanted) {
        log->oldest_wanted = first_segment;
    }
    return FIRN_OK;
}

void
fi_log_set_note(struct fi_log *log, uint64_t note)
{
    log->note = note;
}

/* ---- positions ---- */

struct fi_log_position
fi_log_end(struct fi_log *log)
{
    fi_os_mutex_lock(&log->mutex);
    struct fi_log_position position = {log->segment.number, log->end};
    fi_os_mutex_unlock(&log->mutex);
    return position;
}

struct fi_log_position
fi_log_durable(struct fi_log *log)
{
    fi_os_mutex_lock(&log->mutex);
    struct fi_log_position position = {log->segment.number, log->durable};
    DCHECK(log->durable <= log->end);
    if (log->old_file != NULL) {
        /* The turn is not finished (I11). */
        position = (struct fi_log_position){log->segment.number - 1, log->old_end};
    }
    fi_os_mutex_unlock(&log->mutex);
    return position;
}

uint64_t
fi_log_oldest(struct fi_log *log)
{
    fi_os_mutex_lock(&log->mutex);
    uint64_t oldest = log->segment.oldest;
    fi_os_mutex_unlock(&log->mutex);
    return oldest;
}

uint64_t
fi_log_unsynced_bytes(struct fi_log *log)
{
    fi_os_mutex_lock(&log->mutex);
    DCHECK(log->durable <= log->end);
    uint64_t bytes = log->end - log->durable;
    fi_os_mutex_unlock(&log->mutex);
    return bytes;
}

bool
fi_log_is_syncing(struct fi_log *log)
{
    fi_os_mutex_lock(&log->mutex);
    bool is_syncing = log->is_syncing;
    fi_os_mutex_unlock(&log->mutex);
    return is_syncing;
}

uint64_t
fi_log_size_bytes(struct fi_log *log)
{
    return log->older_size_bytes + log->end;
}

/* ---- opening and closing ---- */

static int
check_options(const struct fi_log_options *options, firn_error *err)
{
    if (options->segment_size_bytes > SEGMENT_SIZE_MAX) {
        return fi_error_set(err, FIRN_INVALID,
                            "cannot use log segments of %" PRIu64 " bytes, at most %" PRIu64,
                            options->segment_size_bytes, SEGMENT_SIZE_MAX);
    }
    return fi_log_segment_check_prefix(options->prefix, err);
}

static struct fi_log *
log_allocate(struct fi_os_dir *dir, const struct fi_log_options *options)
{
    struct fi_log *log = fi_alloc_zeroed(sizeof *log);
    if (log != NULL) {
        log->dir = dir;
        log->prefix = options->prefix;
        log->segment_size_bytes =
            options->segment_size_bytes != 0 ? options->segment_size_bytes : SEGMENT_SIZE_DEFAULT;
        log->writer.ready_after =
            options->ready_after_bytes != 0 ? options->ready_after_bytes : READY_AFTER_DEFAULT;
        log->is_read_only = options->read_only;
        log->gate = options->gate;
        fi_log_seal_init(&log->seal, dir);
        fi_os_mutex_init(fi_os_dir_os(dir), &log->mutex, FI_LOCK_LOG);
        fi_os_cond_init(fi_os_dir_os(dir), &log->sync_ended);
    }
    return log;
}

void
fi_log_abandon(struct fi_log *log)
{
    if (log == NULL) {
        return;
    }
    fi_log_seal_deinit(&log->seal);
    fi_log_writer_deinit(&log->writer);
    fi_os_file_close(log->old_file);
    fi_os_file_close(log->file);
    fi_buf_deinit(&log->older_ends);
    fi_os_cond_deinit(&log->sync_ended);
    fi_os_mutex_deinit(&log->mutex);
    fi_free(log);
}

int
fi_log_create(struct fi_os_dir *dir, const struct fi_log_options *options, struct fi_log **out,
              firn_error *err)
{
    *out = NULL;
    int rc = FIRN_OK;
    struct fi_log *log = NULL;
    FI_TRY(check_options(options, err));
    uint64_t newest;
    FI_TRY(fi_log_segment_newest(dir, options->prefix, &newest, err));
    if (newest != 0) {
        rc = fi_error_set(err, FIRN_EXISTS, "%s: there is a log '%s' already", fi_os_dir_path(dir),
                          options->prefix);
        goto out;
    }
    log = log_allocate(dir, options);
    if (log == NULL) {
        rc = fi_error_no_memory(err, "a log");
        goto out;
    }
    log->segment = (struct fi_log_format_segment){.number = 1, .oldest = 1, .note = options->note};
    log->note = options->note;
    log->oldest_wanted = 1;
    log->first_file = 1;
    log->kept_file = 1;
    log->end = FI_LOG_FORMAT_SEGMENT_SIZE;
    log->durable = log->end;
    bool is_harmless;
    FI_TRY(
        fi_log_segment_create(dir, options->prefix, &log->segment, &log->file, &is_harmless, err));
    FI_TRY(fi_os_dir_sync(dir, err));
    DCHECK(fi_log_knows_ends(log) && log->file != NULL);
    *out = log;
    log = NULL;
out:
    fi_log_abandon(log);
    return rc;
}

/* Makes durable what recovery has shown (I8). */
static int
sync_recovered(struct fi_log *log, bool is_durable, firn_error *err)
{
    DCHECK(log->durable <= log->end);
    if (is_durable) {
        return FIRN_OK;
    }
    /* The process that made the segment may have died before its name was durable (I11). */
    FI_TRY_RETURN(fi_os_dir_sync(log->dir, err));
    if (log->end > FI_LOG_FORMAT_SEGMENT_SIZE) {
        uint64_t start =
            log->durable > FI_LOG_FORMAT_SEGMENT_SIZE ? log->durable : FI_LOG_FORMAT_SEGMENT_SIZE;
        FI_TRY_RETURN(fi_log_writer_rewrite(&log->writer, log->file, start, log->end, err));
    }
    log->durable = log->end;
    return FIRN_OK;
}

/* Prepares a log for appending. Requires: no other thread knows the log. */
static int
prepare_to_append(struct fi_log *log, const struct fi_log_recover *recovered, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_log_format_segment segment;
    FI_TRY(fi_log_segment_open(log->dir, log->prefix, log->segment.number, FI_OS_READ | FI_OS_WRITE,
                               &log->file, &segment, err));
    FI_TRY(sync_recovered(log, recovered->found.was_closed_cleanly && !recovered->needs_new_segment,
                          err));
    /* Not before: the header that excludes segments may have had no durable name yet (I9). */
    uint64_t stale = fi_log_may_remove(log) ? log->segment.oldest : 0;
    FI_TRY(fi_log_segment_tidy(log->dir, log->prefix, stale, err));
    /* (I8); after a clean close END follows what is durable. */
    DCHECK(log->durable == log->end || recovered->found.was_closed_cleanly);
    DCHECK(log->first_file == log->segment.oldest && fi_log_knows_ends(log));
    log->has_end_record = recovered->found.was_closed_cleanly;
    if (recovered->needs_new_segment) {
        bool is_harmless;
        fi_log_take_token(log);
        rc = fi_log_rotate_now(log, &is_harmless, err);
        fi_log_give_token(log);
    } else {
        fi_log_writer_enter(&log->writer, recovered->file_size_bytes);
    }
    DCHECK(rc != FIRN_OK || !recovered->needs_new_segment ||
           log->segment.number == recovered->last.number + 1); /* (I7) */
out:
    return rc;
}

__attribute__((cold)) int
fi_log_open(struct fi_os_dir *dir, const struct fi_log_options *options,
            int (*visit)(void *ctx, uint8_t type, firn_slice record,
                         struct fi_log_position position, firn_error *err),
            void *ctx, struct fi_log **out, struct fi_log_recovery *recovery, firn_error *err)
{
    *out = NULL;
    int rc = FIRN_OK;
    struct fi_log_recover recovered = {0};
    struct fi_log *log = NULL;
    FI_TRY(check_options(options, err));
    FI_TRY(fi_log_recover_run(dir, options, visit, ctx, &recovered, err));
    if (options->judge != NULL) {
        const struct fi_log_found found = {.note = recovered.last.note,
                                           .end = {recovered.last.number, recovered.end}};
        FI_TRY(options->judge(options->judge_ctx, &found, err));
    }
    log = log_allocate(dir, options);
    if (log == NULL) {
        rc = fi_error_no_memory(err, "a log");
        goto out;
    }
    log->segment = recovered.last;
    log->oldest_wanted = recovered.last.oldest;
    log->note = recovered.last.note;
    /* The first that was read: beside a writer the newest segment may begin the log later. */
    log->first_file = recovered.last.number - recovered.older_ends.size / 8;
    log->kept_file = recovered.last.oldest;
    log->lent_last = recovered.last.number - 1;
    log->end = recovered.end;
    log->durable = recovered.durable;
    log->hidden_from = recovered.hidden_from;
    log->older_size_bytes = recovered.older_size_bytes;
    log->older_ends = recovered.older_ends;
    recovered.older_ends = (struct fi_buf){0};
    if (!options->read_only) {
        FI_TRY(prepare_to_append(log, &recovered, err));
    }
    if (recovery != NULL) {
        *recovery = recovered.found;
    }
    *out = log;
    log = NULL;
out:
    fi_log_abandon(log);
    fi_log_recover_deinit(&recovered);
    return rc;
}

/* A disk that is full keeps the log as it is; nothing is lost by that. */
static int
forgive_no_space(struct fi_log *log, int rc)
{
    return rc == FIRN_NO_SPACE && !fi_log_has_failed(log) ? FIRN_OK : rc;
}

/* Without END the log looks as after a crash, with everything durable. */
static int
write_end(struct fi_log *log, firn_error *err)
{
    CHECK(log->durable == log->end && log->old_file == NULL); /* (I6) */
    int rc =
        fi_log_writer_put_closing(log->file, log->segment.salt, log->end, FI_LOG_FORMAT_END, err);
    if (rc == FIRN_NO_SPACE) {
        FI_IGNORE(fi_log_writer_trim(&log->writer, log->file, log->end, NULL));
        rc = FIRN_OK;
    }
    return rc;
}

/* Space that was prepared for records that did not come is released; if that fails, the file is
 * only longer. */
static void
log_trim(struct fi_log *log)
{
    if (log->writer.ready_end > log->end) {
        FI_IGNORE(fi_log_writer_trim(&log->writer, log->file, log->end, NULL));
    }
}

/* Writes the closing record, unless nothing was written since the last one. */
static int
log_finish(struct fi_log *log, firn_error *err)
{
    FI_TRY_RETURN(fi_log_check_writable(log, err));
    if (log->oldest_wanted > log->segment.oldest) {
        FI_TRY_RETURN(forgive_no_space(log, fi_log_rotate(log, err)));
        FI_TRY_RETURN(fi_os_dir_sync(log->dir, err));
    }
    if (!log->has_end_record) {
        FI_TRY_RETURN(fi_log_sync(log, err));
        log_trim(log);
        FI_TRY_RETURN(write_end(log, err));
    }
    return FIRN_OK;
}

int
fi_log_close(struct fi_log *log, firn_error *err)
{
    int rc = FIRN_OK;
    if (log != NULL && !log->is_read_only) {
        rc = log_finish(log, err);
        fi_log_rotate_drop_spare(log);
    }
    fi_log_abandon(log);
    return rc;
}
