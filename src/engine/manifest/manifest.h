/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest/manifest.h: MANIFEST, the list of runs: the record log "manifest" in the store's
 * directory (docs/formats/manifest.md).
 *
 * One thread at a time. The directory handle is borrowed and must outlive the manifest.
 *
 * The bytes of the records (docs/formats/manifest.md specifies the same in prose):
 *
 * Numbers are little-endian; "varint" is LEB128 in its shortest form, "sized" a varint length and
 * that many bytes.
 *
 *   record
 *     0  4  format version, 1 to 5
 *     4  4  zero
 *     8  8  version: of an edit, the one that it makes; of a snapshot, the one that it shows
 *    16  8  number that no file had so far
 *    24  8  largest sequence that any run or edit has named
 *    32  …  varint count of trees, then the trees, by ascending id; of format version 2 also: sized
 *           history, not empty; format version 1 where it stays as it was; of format version 3,
 *           where runs of level 7 are named, also: sized history, empty where it stays as it was;
 *           of format version 4, after these: how far the log was durable, varint segment, from 1,
 *           varint offset; format version 5, where a tree is not of rows, or a run has attachments:
 *           as 4, but segment and offset are 0 where nothing is said of the log; format version
 *           6, where the identity of a run is named: as 5
 *
 *   record of type LOG_END
 *     0  4  format version, 1
 *     4  …  how far the log was durable: varint segment, from 1, varint offset
 *
 *   tree
 *     varint id; flags, 1 byte: bit 0, dropped, bit 1, not of rows; where bit 1 is set, the kind of
 *     the tree's runs, 1 byte; varint flushed sequence;
 *     varint count, then as many varint numbers of runs that are gone, ascending;
 *     varint count, then as many runs that are new, by ascending number
 *
 *   run
 *     varint number; level, 1 byte; kind, 1 byte; varints: size of the file, entries, tombstones of
 *     these, ranges, older versions among the entries, bytes of content, smallest sequence,
 *     how far the largest is above it; 8 bytes, the snapshots it was made for; sized lower; sized
 *     upper. Where 128 is added to the kind, also varints before lower: expiring puts among the
 *     entries, at least 1, when the first of them expires, how much later the last does. Where 64
 *     is added, after these: varint count, at least 1, then as many references, by ascending
 *     number. Where 32 is added (format version 5), after these: varint count, at least 1, then as
 *     many attachments, by ascending number: varint number, kind, 1 byte, varint size of the file,
 *     8 bytes, beginning of the file's identity. Where 16 is added (format version 6), after these:
 *     8 bytes, beginning of the identity of the run's own file, not 0.
 *     In level 7 also varints before lower: count of groups, at least 1; of each: its first
 *     sequence, how far the last is above it, 0 or how far the first of the newer ones is above the
 *     group's first, and only after that how far their last is above it
 *
 *   reference to a value file
 *     varint number; 8 bytes, beginning of the file's identity; varints: bytes of values in the
 *     file, bytes of those that the run refers to
 */
#ifndef FIRN_MANIFEST_MANIFEST_H
#define FIRN_MANIFEST_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "firn/types.h"
#include "log/log.h"
#include "os/os.h"
#include "run/run_kind.h"

/* Types of records in the log "manifest". LOG_END changes no version. */
enum { FI_MANIFEST_SNAPSHOT = 16, FI_MANIFEST_EDIT = 17, FI_MANIFEST_LOG_END = 18 };

enum {
    FI_MANIFEST_FORMAT_VERSION_TREES = 1,
    FI_MANIFEST_FORMAT_VERSION_HISTORY = 2,
    FI_MANIFEST_FORMAT_VERSION_LEVELS = 3,
    FI_MANIFEST_FORMAT_VERSION_LOG_END = 4,
    FI_MANIFEST_FORMAT_VERSION_KINDS = 5,
    FI_MANIFEST_FORMAT_VERSION = 6
};

/* Level 0 to 6, and after them history: versions that now does not read (version.h). */
enum { FI_VERSION_LEVELS = 7, FI_VERSION_HISTORY = FI_VERSION_LEVELS, FI_VERSION_LEVELS_ALL };

/* Versions and numbers of files stay below this, so that adding to them never overflows. */
#define FI_MANIFEST_NUMBER_MAX (UINT64_C(1) << 62)

/* What a run refers to in one value file. Bytes are those of the values there. */
struct fi_manifest_reference {
    uint64_t number;
    uint64_t identity;    /* as in struct fi_run_summary */
    uint64_t total_bytes; /* of all values in the file; the same wherever the file is named */
    uint64_t bytes;       /* of those that the run refers to */
};

/* A part of a history run (version.h): versions and range deletes with sequences in [first, last].
 * For each of them the tree has had a newer version (a put or delete) with a sequence in
 * [newer_first, newer_last], or it is itself a tombstone that hides only older versions in the run.
 * newer_first is 0 if nothing is known about that. */
struct fi_manifest_group {
    uint64_t first;
    uint64_t last;
    uint64_t newer_first;
    uint64_t newer_last;
};

/* A run as MANIFEST names it: what its builder counted (run/run_kind.h), and what the tree knows
 * in addition. */
struct fi_manifest_run {
    uint64_t number; /* of its file, from 1 */
    uint8_t level;
    uint8_t kind; /* enum fi_block_file_kind */
    uint64_t file_bytes;
    uint64_t entry_count;
    uint64_t tombstone_count;
    uint64_t range_count;
    uint64_t older_count; /* entries that follow a newer one of the same key */
    uint64_t content_bytes;
    uint64_t sequence_min;
    uint64_t sequence_max;
    uint64_t snapshots;      /* the mark of the snapshots it was made for (merge.h); 0: not known */
    uint64_t expiring_count; /* of the entries, FI_ENTRY_EXPIRING */
    uint64_t expires_first_ms; /* when the first of these expires */
    uint64_t expires_last_ms;
    const struct fi_manifest_reference *references; /* to value files, by ascending number */
    size_t reference_count;
    const struct fi_run_attachment *attachments; /* by ascending number */
    size_t attachment_count;
    uint64_t identity; /* as in struct fi_run_summary; of an encrypted run it may be 0: not known */
    /* In level 7, by ascending first; else none. Together they are the whole run. */
    const struct fi_manifest_group *groups;
    size_t group_count;
    firn_slice lower;
    firn_slice upper; /* > lower */
};

/* The size of the run's file and its attachments. Value files are counted separately. */
static inline uint64_t
fi_manifest_run_bytes(const struct fi_manifest_run *run)
{
    uint64_t bytes = run->file_bytes;
    for (size_t i = 0; i < run->attachment_count; i++) {
        bytes += run->attachments[i].file_bytes;
    }
    return bytes;
}

/* Counts an expiring put among the run's entries. */
static inline void
fi_manifest_run_note_expiry(struct fi_manifest_run *run, uint64_t expires_ms)
{
    bool is_first = run->expiring_count == 0;
    if (is_first || expires_ms < run->expires_first_ms) {
        run->expires_first_ms = expires_ms;
    }
    if (is_first || expires_ms > run->expires_last_ms) {
        run->expires_last_ms = expires_ms;
    }
    run->expiring_count++;
}

/* A copy of a run, with all that it leads to, in memory of that size, aligned for any type. */
size_t fi_manifest_state_run_copy_size(const struct fi_manifest_run *run);
struct fi_manifest_run *fi_manifest_state_run_copy(const struct fi_manifest_run *run, void *memory);

/* What changes in one tree; in a snapshot, the whole tree. */
struct fi_manifest_tree {
    uint32_t id;
    uint8_t kind;    /* of all its runs, enum fi_block_file_kind */
    bool is_dropped; /* then all else is empty, and the kind is not named */
    uint64_t flushed;
    const uint64_t *removed; /* ascending */
    size_t removed_count;
    const struct fi_manifest_run *added; /* by ascending number */
    size_t added_count;
};

struct fi_manifest_edit {
    bool is_snapshot;
    uint64_t version;
    uint64_t next_number;
    uint64_t sequence;
    const struct fi_manifest_tree *trees; /* by ascending id */
    size_t tree_count;
    /* What the store keeps here, in its own format. Empty: unchanged, or in a snapshot, nothing. */
    firn_slice history;
    /* How far the store's log was durable when the edit was made; segment 0: unchanged. */
    struct fi_log_position log_end;
};

/* For fi_sort: runs by their numbers, the order in which an edit names them. */
int fi_manifest_edit_compare_runs(const void *a, const void *b);

/* Replaces the contents of out. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_manifest_edit_encode(const struct fi_manifest_edit *edit,
                                            struct fi_buf *out);
/* Reads a record of the given type, checking everything. *out is in arena, its bounds in record.
 * FIRN_CORRUPT or FIRN_NEWER, with a text to be prefixed by the place. */
FIRN_MUST_CHECK int fi_manifest_edit_decode(uint8_t type, firn_slice record, struct fi_arena *arena,
                                            struct fi_manifest_edit *out, firn_error *err);

/* The same for a record of type FI_MANIFEST_LOG_END. */
FIRN_MUST_CHECK int fi_manifest_edit_encode_log_end(struct fi_log_position log_end,
                                                    struct fi_buf *out);
FIRN_MUST_CHECK int fi_manifest_edit_decode_log_end(firn_slice record, struct fi_log_position *out,
                                                    firn_error *err);

/* ==== the state after all records of MANIFEST: the trees and their runs ==== */

struct fi_manifest_state_tree {
    uint32_t id;
    uint8_t kind;
    uint64_t flushed;
    struct fi_manifest_run **runs; /* by ascending number; each one a block of its own */
    size_t run_count;
    size_t run_capacity;
};

/* A zeroed struct is the state of an empty MANIFEST. */
struct fi_manifest_state {
    uint64_t version;
    uint64_t next_number; /* 0: as 1 */
    uint64_t sequence;
    struct fi_manifest_state_tree *trees; /* by ascending id */
    size_t tree_count;
    size_t tree_capacity;
    struct fi_buf history;
    struct fi_log_position log_end; /* see struct fi_manifest_edit */
};

void fi_manifest_state_deinit(struct fi_manifest_state *state);

/* Applies one edit. FIRN_CORRUPT if the edit does not fit the state; after any failure the state
 * may only be deinited. */
FIRN_MUST_CHECK int fi_manifest_state_apply(struct fi_manifest_state *state,
                                            const struct fi_manifest_edit *edit, firn_error *err);
/* Whether each number is that of one file only. FIRN_CORRUPT. For a state to which all records were
 * applied. */
FIRN_MUST_CHECK int fi_manifest_state_check_numbers(const struct fi_manifest_state *state,
                                                    firn_error *err);

/* The name of the record log. */
#define FI_MANIFEST_NAME "manifest"

struct fi_manifest;

/* Makes an empty MANIFEST, durable when this returns. FIRN_EXISTS if there is one. gate is copied
 * and may be NULL. */
FIRN_MUST_CHECK int fi_manifest_create(struct fi_os_dir *dir, const struct fi_log_gate *gate,
                                       struct fi_manifest **out, firn_error *err);
/* Reads MANIFEST into *state (Requires: zeroed), and opens it for appending; gate as above.
 * FIRN_CORRUPT and FIRN_NEWER name file and offset; FIRN_NOT_FOUND if there is no MANIFEST. */
FIRN_MUST_CHECK int fi_manifest_open(struct fi_os_dir *dir, const struct fi_log_gate *gate,
                                     struct fi_manifest_state *state, struct fi_manifest **out,
                                     firn_error *err);
/* Reads MANIFEST without writing anything; a writer may be appending to it. */
FIRN_MUST_CHECK int fi_manifest_read(struct fi_os_dir *dir, struct fi_manifest_state *state,
                                     firn_error *err);
/* The same, and begins to watch MANIFEST (log.h); the caller ends that. dir is borrowed until
 * then. */
FIRN_MUST_CHECK int fi_manifest_read_watched(struct fi_os_dir *dir, struct fi_manifest_state *state,
                                             struct fi_log_watch *out, firn_error *err);

/* Reads MANIFEST in the same way; *out lists what was read, as fi_log_capture does. */
FIRN_MUST_CHECK int fi_manifest_capture(struct fi_os_dir *dir, struct fi_manifest_state *state,
                                        struct fi_buf *out, firn_error *err);

/* Appends an edit, durable when this returns. A failure leaves MANIFEST unchanged, unless
 * fi_manifest_has_failed returns true: then it is unknown whether the edit is there, and all
 * calls return FIRN_FAILED. */
FIRN_MUST_CHECK int fi_manifest_append(struct fi_manifest *manifest,
                                       const struct fi_manifest_edit *edit, firn_error *err);
/* The same for a record that only says how far the log is durable. */
FIRN_MUST_CHECK int fi_manifest_append_log_end(struct fi_manifest *manifest,
                                               struct fi_log_position log_end, firn_error *err);
/* Whether so much has been appended that a snapshot would make MANIFEST smaller. */
bool fi_manifest_wants_snapshot(const struct fi_manifest *manifest);
/* Begins a new segment with a snapshot and releases the older segments. Fails as append does. */
FIRN_MUST_CHECK int fi_manifest_snapshot(struct fi_manifest *manifest,
                                         const struct fi_manifest_edit *snapshot, firn_error *err);
/* Whether a failure has latched it. Any thread. */
bool fi_manifest_has_failed(struct fi_manifest *manifest);

/* Frees the handle, even on failure. NULL is allowed. */
FIRN_MUST_CHECK int fi_manifest_close(struct fi_manifest *manifest, firn_error *err);
/* As a crash would. NULL is fine. */
void fi_manifest_abandon(struct fi_manifest *manifest);

#endif
