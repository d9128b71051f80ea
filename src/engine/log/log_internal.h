/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log_internal.h: what the files of the room share.
 */
#ifndef FIRN_LOG_LOG_INTERNAL_H
#define FIRN_LOG_LOG_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "log/log.h"
#include "log/log_format.h"
#include "log/log_seal.h"
#include "os/os.h"
#include "os/os_window.h"
#include "threads/os_thread.h"

/* ==== putting records into one segment's file ==== */

/* Embedded in the caller's memory; zeroed is empty. Used by one thread at a time, and for one file
 * at a time: fi_log_writer_leave must be called between two files. */
struct fi_log_writer {
    struct fi_buf buffer; /* for records that no window takes; reused */
    uint8_t *record;      /* the record being put together: in the window or in the buffer */
    size_t record_size;
    /* Instead, the parts of a large record, which are written from where they are (log_writer.c).
     * Borrowed until they are written; NULL if there is no such record. */
    const firn_slice *direct_parts;
    size_t direct_part_count;
    struct fi_log_format_record direct_record;
    struct fi_os_window window; /* onto a part of what is ready */
    uint64_t ready_end;   /* the file has meaningless bytes after the log's end, up to here; none if
                             this is below that end */
    uint64_t load_bytes;  /* appended since this was last 0 */
    uint64_t ready_after; /* load_bytes at which space is prepared; set when the writer is made */
    bool has_no_windows;  /* this file can have none */
};

void fi_log_writer_deinit(struct fi_log_writer *writer);

struct fi_log_writer_place {
    struct fi_os_file *file;
    uint64_t salt;
    uint64_t offset;  /* where the record is written */
    uint64_t durable; /* the mark it carries, in bytes */
};

/* Space is prepared in steps of so many bytes: four times ready_after, 64 KiB to 256 KiB. */
uint64_t fi_log_writer_ready_step(const struct fi_log_writer *writer);

/* Assembles a record, in place if there is a window, else in memory; the parts of a large one are
 * borrowed until it is written. FIRN_LIMIT, FIRN_NO_MEMORY: nothing has happened. */
FIRN_MUST_CHECK int fi_log_writer_prepare(struct fi_log_writer *writer,
                                          const struct fi_log_writer_place *place, uint8_t type,
                                          const firn_slice *parts, size_t part_count,
                                          firn_error *err);
/* Hands the prepared record to the kernel; *out_end is where the next record will begin. */
FIRN_MUST_CHECK int fi_log_writer_write(struct fi_log_writer *writer,
                                        const struct fi_log_writer_place *place, uint64_t *out_end,
                                        firn_error *err);
/* Cuts the file off at the end of the log, including the prepared space. */
FIRN_MUST_CHECK int fi_log_writer_trim(struct fi_log_writer *writer, struct fi_os_file *file,
                                       uint64_t end, firn_error *err);
/* The writer is done with this file. */
void fi_log_writer_leave(struct fi_log_writer *writer);
/* The writer begins with another file, which has zeros after the log's end, up to ready_end. */
void fi_log_writer_enter(struct fi_log_writer *writer, uint64_t ready_end);
/* Writes one of the log's own records and syncs the file. Everything before it must be durable. */
FIRN_MUST_CHECK int fi_log_writer_put_closing(struct fi_os_file *file, uint64_t salt,
                                              uint64_t offset, uint8_t type, firn_error *err);
/* Writes the bytes [start, end) of a file over themselves and syncs it. */
FIRN_MUST_CHECK int fi_log_writer_rewrite(struct fi_log_writer *writer, struct fi_os_file *file,
                                          uint64_t start, uint64_t end, firn_error *err);

/* A file that is kept for the next segment. */
enum fi_log_spare {
    FI_LOG_NO_SPARE,
    FI_LOG_FRESH_SPARE,   /* zeros */
    FI_LOG_RECYCLED_SPARE /* a segment that was given up */
};

struct fi_log {
    struct fi_os_dir *dir;
    const char *prefix;
    uint64_t segment_size_bytes;
    bool is_read_only;
    struct fi_log_position hidden_from; /* read-only: as in struct fi_log_recover */
    struct fi_log_gate gate;

    /* Guarded by the mutex. */
    struct fi_os_mutex mutex;
    struct fi_os_cond sync_ended;
    /* the newest segment's; also read by the holder of the token, and by the appender */
    struct fi_os_file *file;
    struct fi_log_format_segment segment;
    bool is_syncing;             /* the token */
    struct fi_os_file *old_file; /* of the segment before, until the turn to the newest one is
                                      finished; then NULL */
    enum fi_log_spare spare;
    bool is_making_spare;
    bool is_without_spares; /* none is to be made */

    /* Read by any thread. end is written by the appender, the others with the mutex held. */
    _Atomic uint64_t end;
    _Atomic uint64_t durable;
    _Atomic uint64_t older_size_bytes;
    atomic_bool has_failed;

    /* Of the holder of the token. */
    struct fi_buf older_ends; /* 8 bytes for each segment from first_file to the newest but one */
    uint64_t first_file;      /* the oldest segment that was not given up */
    uint64_t kept_file;       /* ≤ first_file: from here on files may still be there */
    uint64_t lent_last; /* files of segments up to this number may have other names: no spares */
    uint64_t old_salt;  /* of old_file */
    uint64_t old_end;

    /* Of the appender alone. */
    struct fi_log_writer writer;
    struct fi_log_seal seal;
    uint64_t note;          /* what the next segment's header will say */
    uint64_t oldest_wanted; /* ≥ segment.oldest: what the next segment's header will say */
    bool has_end_record;    /* END is the last record */
};

/* ---- log.c ---- */

/* Latches the log: every later call fails. */
void fi_log_latch(struct fi_log *log);
/* FIRN_READ_ONLY, FIRN_FAILED. */
FIRN_MUST_CHECK int fi_log_check_writable(struct fi_log *log, firn_error *err);
/* What the gate says. */
bool fi_log_may_remove(const struct fi_log *log);
void fi_log_take_token(struct fi_log *log);
void fi_log_give_token(struct fi_log *log);
/* Whether any thread holds the token, for assertions. Takes the mutex. */
bool fi_log_has_token(struct fi_log *log);
/* Makes everything that was appended durable. The caller holds the token. */
FIRN_MUST_CHECK int fi_log_sync_with_token(struct fi_log *log, firn_error *err);

/* How many ends the log must know: one of each segment from first_file to the newest but one.
 * Requires: the caller holds the token, or no other thread knows the log. */
static inline bool
fi_log_knows_ends(const struct fi_log *log)
{
    return log->older_ends.size / 8 == log->segment.number - log->first_file;
}

/* ---- log_rotate.c ---- */

/* Makes the next segment the newest, and finishes the turn at once. Requires: everything in the
 * present segment is durable; the caller holds the token. After a failure *out_is_harmless says
 * whether everything is unchanged. */
FIRN_MUST_CHECK int fi_log_rotate_now(struct fi_log *log, bool *out_is_harmless, firn_error *err);
/* Finishes a turn that was begun. The caller holds the token. */
FIRN_MUST_CHECK int fi_log_rotate_finish_with_token(struct fi_log *log, firn_error *err);
/* Removes the file that was prepared for the next segment. */
void fi_log_rotate_drop_spare(struct fi_log *log);

/* ==== segments as files of a directory: log_segment.c ==== */

/* FIRN_INVALID unless the prefix has 1 to FI_LOG_SEGMENT_PREFIX_MAX bytes. */
FIRN_MUST_CHECK int fi_log_segment_check_prefix(const char *prefix, firn_error *err);
/* Appends the numbers of all existing segments to out, as uint64_t, ascending. */
FIRN_MUST_CHECK int fi_log_segment_list(struct fi_os_dir *dir, const char *prefix,
                                        struct fi_buf *out, firn_error *err);
/* FIRN_UNTRUSTED if a file has the name of a segment that the directory's guard does not let
 * count. */
FIRN_MUST_CHECK int fi_log_segment_refuse_foreign(struct fi_os_dir *dir, const char *prefix,
                                                  firn_error *err);
/* Removes files that are not part of the log: segments numbered below oldest, and files of segments
 * that were never finished. */
FIRN_MUST_CHECK int fi_log_segment_tidy(struct fi_os_dir *dir, const char *prefix, uint64_t oldest,
                                        firn_error *err);
/* Removes one segment. Succeeds if the segment does not exist. */
FIRN_MUST_CHECK int fi_log_segment_remove(struct fi_os_dir *dir, const char *prefix,
                                          uint64_t number, firn_error *err);

/* Creates a segment without records and opens it for reading and writing. It is durable when this
 * returns, except for its name. The salt of *segment is chosen here. FIRN_EXISTS if the name is
 * taken. After a failure *out_is_harmless says whether everything is unchanged: no sync failed, and
 * no segment of that name can exist. */
FIRN_MUST_CHECK int fi_log_segment_create(struct fi_os_dir *dir, const char *prefix,
                                          struct fi_log_format_segment *segment,
                                          struct fi_os_file **out, bool *out_is_harmless,
                                          firn_error *err);

/* ---- the spare: a file for a future segment ---- */

/* Creates a spare that contains zeros, durably. A failure leaves no file. */
FIRN_MUST_CHECK int fi_log_segment_make_spare(struct fi_os_dir *dir, const char *prefix,
                                              size_t size_bytes);
/* Turns a segment that was given up into the spare. */
FIRN_MUST_CHECK int fi_log_segment_recycle(struct fi_os_dir *dir, const char *prefix,
                                           uint64_t number);
/* Like fi_log_segment_create, from the spare; but the name is not durable when this returns. */
FIRN_MUST_CHECK int fi_log_segment_use_spare(struct fi_os_dir *dir, const char *prefix,
                                             struct fi_log_format_segment *segment,
                                             struct fi_os_file **out, bool *out_is_harmless,
                                             firn_error *err);
/* Removes the spare. If that fails, the file stays until the log is opened again. */
void fi_log_segment_remove_spare(struct fi_os_dir *dir, const char *prefix);

/* ==== log_reader.c: the records of one segment, and searching for records after bad bytes ==== */

/* Embedded in the caller's memory. A zeroed one may be closed. */
struct fi_log_reader {
    struct fi_os_file *file;
    struct fi_log_format_segment segment;
    uint64_t size_bytes;    /* of the file, when it was last asked */
    struct fi_buf window;   /* bytes of the file … */
    uint64_t window_offset; /* … from here */
};

struct fi_log_reader_record {
    struct fi_log_format_record header;
    firn_slice payload; /* borrowed until the next call on the reader */
    uint64_t end;       /* where the next record begins */
};

/* The bytes after the last good record. */
struct fi_log_reader_tail {
    bool is_blank;         /* nothing but zeros */
    bool has_torn_record;  /* bytes that cannot be explained as unused space */
    bool has_later_record; /* there is a whole record of this segment further on */
    uint64_t durable;      /* the highest mark of those, in bytes; 0 without any */
};

/* A search for records among other bytes (log_reader.c, I1). */
enum { FI_LOG_READER_VAIN_BYTES_MIN = 1 << 30 };
struct fi_log_reader_search {
    uint64_t vain_bytes;     /* read for headers without a valid record */
    uint64_t vain_bytes_max; /* grows by each run of data */
    uint64_t data_end;       /* of the run that the search has come to */
};

/* Opens a segment for reading. FIRN_NOT_FOUND where there is none. */
FIRN_MUST_CHECK int fi_log_reader_open(struct fi_log_reader *reader, struct fi_os_dir *dir,
                                       const char *prefix, uint64_t number, firn_error *err);
void fi_log_reader_close(struct fi_log_reader *reader);
/* Discards what was read and asks for the file's size again: another process may be appending. */
FIRN_MUST_CHECK int fi_log_reader_refresh(struct fi_log_reader *reader, firn_error *err);
/* Whether the file is still that segment: another process may have given up the segment and reused
 * its file for a later one. */
FIRN_MUST_CHECK int fi_log_reader_is_current(struct fi_log_reader *reader, bool *out,
                                             firn_error *err);
/* Reads the record at an offset that is a multiple of 8. If there is no whole, verified record of
 * this segment, *out_is_valid is false and *out undefined; that is not an error. */
FIRN_MUST_CHECK int fi_log_reader_read(struct fi_log_reader *reader, uint64_t offset,
                                       struct fi_log_reader_record *out, bool *out_is_valid,
                                       firn_error *err);
/* Searches everything from offset to the end of the file. FIRN_CORRUPT if the bytes are such that
 * finding records among them would take unreasonably long. */
FIRN_MUST_CHECK int fi_log_reader_tail(struct fi_log_reader *reader, uint64_t offset,
                                       struct fi_log_reader_tail *out, firn_error *err);
/* The first whole record at or after *offset, a multiple of 8, which is set to the place after it;
 * *out_is_found is false if there is none. *search, kept for the whole segment, counts bytes read
 * in vain: FIRN_CORRUPT when there are unreasonably many. */
FIRN_MUST_CHECK int fi_log_reader_find(struct fi_log_reader *reader, uint64_t *offset,
                                       struct fi_log_reader_search *search,
                                       struct fi_log_reader_record *out, bool *out_is_found,
                                       firn_error *err);

/* ==== walking a log from its oldest segment to its end, and judging what is found ==== */

struct fi_log_recover {
    struct fi_log_format_segment last; /* the newest segment */
    uint64_t end;                      /* of the log, in the newest segment */
    uint64_t durable;          /* what the newest segment's own records say is durable, in bytes */
    uint64_t older_size_bytes; /* of the segments before the newest, each up to its end */
    uint64_t file_size_bytes;  /* of the newest segment */
    struct fi_buf older_ends;  /* the end of each of those, 8 bytes, from the oldest on */
    bool needs_new_segment;    /* the newest one must not be appended to */
    struct fi_log_position hidden_from; /* where a fence was that hid records; segment 0: none */
    struct fi_log_recovery found;
};

/* Shows every record to visit, in order. The caller must deinit out, even on failure. Writes
 * nothing. */
FIRN_MUST_CHECK int fi_log_recover_run(struct fi_os_dir *dir, const struct fi_log_options *options,
                                       int (*visit)(void *ctx, uint8_t type, firn_slice record,
                                                    struct fi_log_position position,
                                                    firn_error *err),
                                       void *ctx, struct fi_log_recover *out, firn_error *err);
void fi_log_recover_deinit(struct fi_log_recover *recover);

#endif
