/* SPDX-License-Identifier: Apache-2.0
 *
 * log/log.h: an append-only sequence of records, in numbered segment files <prefix>-<number>.log of
 * a directory.
 *
 * Guarantee: after a crash or a power cut, opening the log returns a prefix of the appended
 * records, in order and whole. The prefix contains at least every record before the last successful
 * sync. docs/formats/log.md has the rule that distinguishes damage from a torn tail.
 *
 * Encryption: in a directory that has a seal (os/os_seal.h) payloads are encrypted with its keys,
 * and visitors are shown them decrypted. Positions and sizes are those in the file.
 *
 * Threads: the caller serializes append, rotate, set_note and remove_before. sync, rotate_prepare,
 * lend, end, durable, oldest and sizes may be called from any thread at any time. The directory
 * handle is borrowed and must outlive the log.
 */
#ifndef FIRN_LOG_LOG_H
#define FIRN_LOG_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "firn/types.h"
#include "log/log_format.h"
#include "os/os.h"

struct fi_log;

/* Types below 16 belong to log/ itself; callers use 16 to 255. */
enum { FI_LOG_TYPE_USER = 16 };
/* The payload of a record begins this many bytes after the start of the record. */
enum { FI_LOG_RECORD_HEAD_SIZE = 16 };
/* The longest record: 1 GiB - 64 KiB; in an encrypted log FI_CIPHER_TAG_SIZE_MAX less. Longer ones
 * are refused with FIRN_LIMIT. */
enum { FI_LOG_RECORD_SIZE_MAX = (1 << 30) - (64 << 10) };

struct fi_log_position {
    uint64_t segment; /* from 1 */
    uint64_t offset;  /* in the segment's file */
};

/* Whether files that the log no longer needs may be removed or reused: false while a reader may
 * still need them. They are then kept until the next turn or the next opening. Called by the thread
 * that makes a turn, and by an opening that is not read-only. */
struct fi_log_gate {
    bool (*may_remove)(void *ctx); /* NULL: they may always */
    void *ctx;
};

/* How much a reader may show of a log that another process writes. ask answers for this moment:
 * records that begin at *out or after it must not be shown, unless *out_is_there is false. A record
 * may be shown if it was read before an answer that does not exclude it. */
struct fi_log_fence {
    int (*ask)(void *ctx, struct fi_log_position *out, bool *out_is_there,
               firn_error *err); /* NULL: everything is shown */
    void *ctx;
};

/* What an opening found; nothing has been changed yet. */
struct fi_log_found {
    uint64_t note;              /* of the newest segment */
    struct fi_log_position end; /* of the last record */
};

/* What visit may return to a read-only opening: the log ends before this record. */
enum { FI_LOG_STOP = 1 };

struct fi_log_options {
    const char *prefix;          /* "wal"; borrowed for the life of the log */
    uint64_t segment_size_bytes; /* a new segment begins when this is passed; 0 means 64 MiB */
    uint64_t ready_after_bytes;  /* appended through one handle, before space is prepared for more;
                                    0 means 64 KiB, UINT64_MAX never */
    bool read_only;     /* recover without writing anything; the log returned cannot append */
    bool may_be_locked; /* only with read_only: the log is encrypted, and may be read without its
                           keys. All but the payloads is verified; visit is not called for
                           encrypted records, which are counted. A log in clear is damage */
    struct fi_log_fence fence; /* only with read_only */
    struct fi_log_gate gate;
    uint64_t note; /* of the first segment, where the log is created: see fi_log_set_note */
    /* Called by an opening after all records have been visited and before anything is written. A
     * result other than FIRN_OK ends the opening and is returned. NULL: no call. */
    int (*judge)(void *ctx, const struct fi_log_found *found, firn_error *err);
    void *judge_ctx;
};

/* What recovery found; all zero if there is nothing to report. */
struct fi_log_recovery {
    uint64_t record_count;
    bool was_closed_cleanly;
    bool was_cut;               /* bytes after the last whole record were given up as a torn tail */
    struct fi_log_position cut; /* where */
    uint64_t cut_bytes;         /* number of bytes after that place in its segment */
};

/* Creates an empty log: its first segment, durable under its name when this returns. FIRN_EXISTS if
 * there is a log already. */
FIRN_MUST_CHECK int fi_log_create(struct fi_os_dir *dir, const struct fi_log_options *options,
                                  struct fi_log **out, firn_error *err);

/* Reads all records in order, beginning with the oldest segment, and returns a log that is ready
 * to append. visit may be NULL: records are skipped. A record's bytes are borrowed until visit
 * returns; a result other than FIRN_OK (or FI_LOG_STOP, in a read-only opening) ends recovery
 * and is returned. FIRN_CORRUPT names segment and offset of damage; in a directory with keys, a
 * record that they have not encrypted is damage. FIRN_DENIED if the log is encrypted and its key is
 * not here; FIRN_UNSUPPORTED if its cipher is not on this machine; FIRN_NOT_FOUND if there is no
 * log. Unless read_only, all records shown to visit are durable when this returns. recovery may be
 * NULL. */
FIRN_MUST_CHECK int fi_log_open(struct fi_os_dir *dir, const struct fi_log_options *options,
                                int (*visit)(void *ctx, uint8_t type, firn_slice record,
                                             struct fi_log_position position, firn_error *err),
                                void *ctx, struct fi_log **out, struct fi_log_recovery *recovery,
                                firn_error *err);

/* Appends one record made of part_count parts. The record is handed to the kernel before this
 * returns, so it survives the process. *out, which may be NULL, is where the record begins. Begins
 * a new segment if the last one is full. FIRN_INVALID, FIRN_LIMIT and FIRN_NO_MEMORY leave the log
 * unchanged. So do FIRN_NO_SPACE and a new segment that could not be begun, unless
 * fi_log_has_failed returns true: then every call fails with FIRN_FAILED. (The end of an encrypted
 * log may have moved even so: see log_seal.c.) */
FIRN_MUST_CHECK int fi_log_append(struct fi_log *log, uint8_t type, const firn_slice *parts,
                                  size_t part_count, struct fi_log_position *out, firn_error *err);
/* Makes everything appended before the call durable. A failure latches the log. */
FIRN_MUST_CHECK int fi_log_sync(struct fi_log *log, firn_error *err);
/* The end of the last record appended. */
struct fi_log_position fi_log_end(struct fi_log *log);
/* The number of the oldest segment that belongs to the log. */
uint64_t fi_log_oldest(struct fi_log *log);
/* Bytes of the newest segment that no sync has covered. */
uint64_t fi_log_unsynced_bytes(struct fi_log *log);
/* Whether a sync or a turn of segments is in progress, for which another one would have to wait. */
bool fi_log_is_syncing(struct fi_log *log);
/* Bytes in all segments. */
uint64_t fi_log_size_bytes(struct fi_log *log);

/* Whether a failure has latched the log: every call fails with FIRN_FAILED. Any thread. */
bool fi_log_has_failed(struct fi_log *log);

/* Begins a new segment, after syncing the old one; later positions are in the new one. A failure
 * latches the log unless nothing has changed (see fi_log_has_failed). */
FIRN_MUST_CHECK int fi_log_rotate(struct fi_log *log, firn_error *err);
/* Like fi_log_rotate, but leaves the second half of the work to the next fi_log_sync of any
 * thread. Fast if the log was prepared and synced a moment ago. */
FIRN_MUST_CHECK int fi_log_rotate_begin(struct fi_log *log, firn_error *err);
/* Prepares a file for the next segment, if there is none. May be called from any thread at any
 * time. If this fails, the next rotation only takes longer. */
void fi_log_rotate_prepare(struct fi_log *log);
/* Whether files may be kept for future segments; if not, the present one is removed. The default is
 * to keep them. May be called from any thread at any time. */
void fi_log_rotate_keep_spares(struct fi_log *log, bool keeps);
/* Gives up the segments with numbers below first_segment. Their files are removed, durably, by the
 * next rotate or close; after an earlier crash, all of them are still there. A file that a power
 * cut restores later is ignored. The newest segment's number plus one gives up all present
 * segments, and the next append begins a new one; FIRN_INVALID for a larger number. */
FIRN_MUST_CHECK int fi_log_remove_before(struct fi_log *log, uint64_t first_segment,
                                         firn_error *err);

/* Sets a number of the caller's that the headers of future segments carry, until it is set again;
 * an opening continues with the note of the newest segment. The note becomes durable together with
 * the number of the oldest segment in the same header. */
void fi_log_set_note(struct fi_log *log, uint64_t note);
/* The position up to which everything is durable. Any thread. */
struct fi_log_position fi_log_durable(struct fi_log *log);

/* Bytes of records in a segment that is complete; 0 for the newest segment, and for one whose file
 * was removed. Any thread. */
uint64_t fi_log_lend_bytes(struct fi_log *log, uint64_t segment);
/* Gives the file of a complete segment a second name, under which the caller may keep it: the log
 * never uses the file again, even after the segment is removed. The file's records are durable when
 * this returns, the name is not. FIRN_NOT_FOUND if fi_log_lend_bytes would return 0; FIRN_EXISTS;
 * the error of a file system without hard links. A failure leaves everything unchanged, unless the
 * log is latched. May be called from any thread at any time. */
FIRN_MUST_CHECK int fi_log_lend(struct fi_log *log, uint64_t segment, struct fi_os_dir *to_dir,
                                const char *to, firn_error *err);

/* Syncs, writes the end record (unless there is no space for it), and syncs again. Frees the
 * handle, even on failure. NULL is allowed. */
FIRN_MUST_CHECK int fi_log_close(struct fi_log *log, firn_error *err);
/* Frees the handle without writing anything, as if the process had crashed. NULL is allowed. */
void fi_log_abandon(struct fi_log *log);

/* ==== segments as files of a directory ==== */

/* The longest prefix of a log's files, and room for a whole name with its NUL. */
enum { FI_LOG_SEGMENT_PREFIX_MAX = 64, FI_LOG_SEGMENT_NAME_SIZE = 96 };

/* Writes "<prefix>-<number>.log", the number with at least six digits. */
void fi_log_segment_name(const char *prefix, uint64_t number, char *out);

/* Whether a name is "<prefix>-<digits>.log", the same with ".tmp", or "<prefix>-spare.tmp". */
bool fi_log_segment_is_name(const char *name, const char *prefix);

/* The largest number among the log's segments in dir; 0 where there is none. */
FIRN_MUST_CHECK int fi_log_segment_newest(struct fi_os_dir *dir, const char *prefix, uint64_t *out,
                                          firn_error *err);
/* Opens a segment and checks its header. flags as for fi_os_file_open. FIRN_NOT_FOUND if there is
 * no such file. */
FIRN_MUST_CHECK int fi_log_segment_open(struct fi_os_dir *dir, const char *prefix, uint64_t number,
                                        unsigned flags, struct fi_os_file **out_file,
                                        struct fi_log_format_segment *out, firn_error *err);

/* Whether a segment is encrypted with the key of new ones, or in clear if they are. FIRN_NOT_FOUND.
 */
FIRN_MUST_CHECK int fi_log_current_segment(struct fi_os_dir *dir, const char *prefix,
                                           uint64_t number, bool *out, firn_error *err);

/* ==== which bytes of which files are a log, for copying it beside its writer ==== */

struct fi_log_capture_segment {
    uint64_t number;
    uint64_t size_bytes;                        /* so many bytes of the file count */
    uint8_t header[FI_LOG_FORMAT_SEGMENT_SIZE]; /* with which the file begins, as long as it is
                                                     that segment */
};

/* Reads the log, showing its records to visit as fi_log_open does, and replaces the contents of
 * out by struct fi_log_capture_segment, the oldest first. Writes nothing. FIRN_BUSY if the files
 * changed meanwhile and the caller must try again; otherwise as fi_log_open. */
FIRN_MUST_CHECK int fi_log_capture(struct fi_os_dir *dir, const struct fi_log_options *options,
                                   int (*visit)(void *ctx, uint8_t type, firn_slice record,
                                                struct fi_log_position position, firn_error *err),
                                   void *ctx, struct fi_buf *out, firn_error *err);

/* ==== whether a log that was read has changed since ==== */

/* In the caller's memory; zeroed, it is of no log. */
struct fi_log_watch {
    struct fi_os_dir *dir;
    struct fi_os_file *file; /* of the segment that was the newest; NULL: it was gone already */
    uint64_t number;
    uint64_t salt;
    uint64_t end;                       /* where the log ended in it */
    struct fi_log_position hidden_from; /* where a fence was that hid records; segment 0: none */
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    char next_name[FI_LOG_SEGMENT_NAME_SIZE];
};
/* For a log that was opened read-only. dir is borrowed until end: a handle of the log's
 * directory. */
void fi_log_watch_begin(const struct fi_log *log, struct fi_os_dir *dir, struct fi_log_watch *out);
/* Closes the file. */
void fi_log_watch_end(struct fi_log_watch *watch);
/* Whether opening the log again, with that fence, would certainly show the same records. In doubt
 * false, and always for a watch that was ended or is of no log. Any thread. */
bool fi_log_watch_is_unchanged(const struct fi_log_watch *watch, const struct fi_log_fence *fence);

/* ==== salvage: what is whole in a log that cannot be opened ==== */

/* Shows every whole record of every segment that has a good header, by segment and by offset in it.
 * This includes records after bad bytes, after the end of the log, and of segments that no longer
 * belong to it; nothing is promised about what is missing in between. The record's bytes are
 * borrowed until visit returns; a result other than FIRN_OK ends the walk and is returned. A
 * directory without segments has nothing to show. FIRN_DENIED if the log is encrypted and its key
 * is not here; a record that the key did not encrypt is not whole. */
FIRN_MUST_CHECK int fi_log_recover_salvage(struct fi_os_dir *dir, const char *prefix,
                                           int (*visit)(void *ctx, uint8_t type, firn_slice record,
                                                        firn_error *err),
                                           void *ctx, firn_error *err);

#endif
