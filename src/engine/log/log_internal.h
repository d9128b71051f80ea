/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_internal.h: what the files log.c and log_rotate.c share.
 */
#ifndef FIRN_LOG_LOG_INTERNAL_H
#define FIRN_LOG_LOG_INTERNAL_H

#include <stdatomic.h>

#include "log/log.h"
#include "log/log_format.h"
#include "log/log_writer.h"
#include "threads/os_thread.h"

/* A file that is kept for the next segment. */
enum firn_log_spare {
    FIRN_LOG_NO_SPARE,
    FIRN_LOG_FRESH_SPARE,   /* zeros */
    FIRN_LOG_RECYCLED_SPARE /* a segment that was given up */
};

struct firn_log {
    struct firn_os_dir *dir;
    const char *prefix;
    uint64_t segment_size_bytes;
    bool is_read_only;
    struct firn_log_gate gate;

    /* Guarded by the mutex. */
    struct firn_os_mutex mutex;
    struct firn_os_cond sync_ended;
    struct firn_os_file
        *file; /* the newest segment's; also read by whoever holds the token, and by the appender */
    struct firn_log_format_segment segment;
    bool is_syncing;               /* the token */
    struct firn_os_file *old_file; /* of the segment before, until the turn to the newest one is
                                      finished; then NULL */
    enum firn_log_spare spare;
    bool is_making_spare;
    bool is_without_spares; /* none is to be made */

    /* Read by any thread. end is written by the appender, the others with the mutex held. */
    _Atomic uint64_t end;
    _Atomic uint64_t durable;
    _Atomic uint64_t older_size_bytes;
    atomic_bool has_failed;

    /* Of whoever holds the token. */
    struct firn_buf older_ends; /* 8 bytes for each segment from first_file to the newest but one */
    uint64_t first_file;        /* the oldest segment that was not given up */
    uint64_t kept_file;         /* ≤ first_file: from here on files may still be there */
    uint64_t lent_last; /* files of segments up to this number may have other names: no spares */
    uint64_t old_salt;  /* of old_file */
    uint64_t old_end;

    /* Of the appender alone. */
    struct firn_log_writer writer;
    uint64_t note;          /* what the next segment's header will say */
    uint64_t oldest_wanted; /* ≥ segment.oldest: what the next segment's header will say */
    bool has_end_record;    /* END is the last record */
};

/* ---- log.c ---- */

/* From now on everything is refused. */
void firn_log_latch(struct firn_log *log);
/* FIRN_READ_ONLY, FIRN_FAILED. */
FIRN_MUST_CHECK int firn_log_check_writable(struct firn_log *log, firn_error *err);
/* What the gate says. */
bool firn_log_may_remove(const struct firn_log *log);
void firn_log_take_token(struct firn_log *log);
void firn_log_give_token(struct firn_log *log);
/* Whether any thread holds the token, for assertions. Takes the mutex. */
bool firn_log_has_token(struct firn_log *log);
/* Makes everything that was appended durable. The caller holds the token. */
FIRN_MUST_CHECK int firn_log_sync_with_token(struct firn_log *log, firn_error *err);

/* How many ends the log must know: one of each segment from first_file to the newest but one.
 * Requires: the caller holds the token, or no other thread knows the log. */
static inline bool
firn_log_knows_ends(const struct firn_log *log)
{
    return log->older_ends.size / 8 == log->segment.number - log->first_file;
}

/* ---- log_rotate.c ---- */

/* Makes the next segment the newest, and finishes that at once. Everything in the present one is
 * durable; the caller holds the token. *out_is_harmless tells of a failure whether it left
 * everything as it was. */
FIRN_MUST_CHECK int firn_log_rotate_now(struct firn_log *log, bool *out_is_harmless,
                                        firn_error *err);
/* Finishes a turn that was begun. The caller holds the token. */
FIRN_MUST_CHECK int firn_log_rotate_finish_with_token(struct firn_log *log, firn_error *err);
/* Removes the file that was got ready for the next segment. */
void firn_log_rotate_drop_spare(struct firn_log *log);

#endif
