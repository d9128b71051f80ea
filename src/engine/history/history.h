/* SPDX-License-Identifier: Apache-2.0
 *
 * history/history.h: the checkpoints of a store's data, and what "now" is: lines of history.
 *
 * A store begins with one line, [1, …). A restore begins another: what the checkpoint sees, plus
 * everything that is committed from there on. A read happens at a place on a line: it sees what
 * that line sees, up to a sequence.
 *
 * A thread that changes a history leads the commits (or no other thread knows the history) and
 * holds the state mutex; a thread that reads its checkpoints does either. Lines also begin and end
 * with snapshots, so everything about them needs the mutex.
 */
#ifndef FIRN_HISTORY_HISTORY_H
#define FIRN_HISTORY_HISTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/epoch.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/snapshot.h"

enum {
    FI_HISTORY_ID_SIZE = 16,
    FI_HISTORY_NAME_SIZE_MAX = 255,
    FI_HISTORY_INTERVALS_MAX = 1 << 16, /* of one line */
    FI_HISTORY_CHECKPOINTS_MAX = 1 << 20
};

/* The intervals that a line sees, for reads. Immutable. */
struct fi_db_intervals {
    struct fi_epoch_node retired;
    uint64_t begin; /* of the line */
    size_t count;
    struct fi_snapshot_guide *guide; /* after the intervals; NULL: no guide */
    /* The last one has no end: UINT64_MAX. */
    struct fi_snapshot_interval intervals[];
};

/* A line sees what its parent sees up to the fork, and from `first` on its own sequences. */
struct fi_db_line {
    struct fi_db_line *parent; /* NULL: of the first line */
    uint64_t fork;             /* at least the parent's first */
    uint64_t first;
    uint64_t begin;       /* the sequence of the restore that began it; 1 for the first one */
    uint64_t checkpoints; /* on it */
    uint64_t snapshots;   /* open on it; being now counts as one */
    uint64_t children;    /* lines of which it is the parent */
    uint64_t index;       /* among all lines, while they are listed */
    size_t count;         /* of intervals */
    struct fi_db_intervals *intervals; /* NULL: no snapshot needs them */
};

/* See history.c. */
enum { FI_HISTORY_CHAINS = 3 };

struct fi_db_checkpoint {
    struct fi_db_checkpoint *next[FI_HISTORY_CHAINS];
    bool is_leaving; /* by a change that is being prepared or applied */
    uint8_t id[FI_HISTORY_ID_SIZE];
    uint64_t number; /* from 1, never reused; 0: a safety checkpoint */
    int64_t created_ns;
    struct fi_db_line *line;
    uint64_t sequence;                    /* it sees its line up to here */
    uint8_t restored[FI_HISTORY_ID_SIZE]; /* of a safety checkpoint: what the restore restored */
    char name[];                          /* "": no name */
};

/* Zeroed: none; see init. */
struct fi_history {
    struct fi_buf lines;       /* of struct fi_db_line *, by ascending begin: parents first */
    struct fi_buf checkpoints; /* of struct fi_db_checkpoint *, the oldest first */
    /* See history.c. */
    struct fi_db_checkpoint **buckets; /* bucket_count for each chain */
    size_t bucket_count;               /* a power of two, or 0 */
    size_t found_count;
    struct fi_db_line *now;
    /* Of the line of now; NULL: everything. For reads without the mutex (db_snapshot.c). */
    _Atomic(struct fi_db_intervals *) now_intervals;
    struct fi_epoch *epoch; /* such reads are inside it; NULL: no such reads */
    uint64_t next_number;
    uint64_t sequence;       /* of the last change */
    uint64_t saved_sequence; /* of the last change that MANIFEST has */
    uint64_t first_segment;  /* of the log, with a change that MANIFEST lacks; 0: none */
    bool has_undo;
    uint8_t undo[FI_HISTORY_ID_SIZE]; /* the safety checkpoint of the last restore */
};

/* The history of a store without checkpoints. */
FIRN_MUST_CHECK int fi_history_init(struct fi_history *history, firn_error *err);
void fi_history_deinit(struct fi_history *history);

size_t fi_history_count(const struct fi_history *history);
struct fi_db_checkpoint *fi_history_at(const struct fi_history *history, size_t i);
static inline bool
fi_history_is_safety(const struct fi_db_checkpoint *checkpoint)
{
    return checkpoint->number == 0;
}

/* What a read at a place sees; line NULL: everything up to there. A sequence before the line's
 * begin stands for the begin; 0 without a begin, in a store without commits, sees nothing.
 * Requires: the line is now, or there is a snapshot on it (fi_history_ref). */
struct fi_snapshot fi_history_snapshot(const struct fi_db_line *line, uint64_t sequence);
/* The same from the intervals of a line; NULL: everything. */
struct fi_snapshot fi_history_snapshot_of(const struct fi_db_intervals *intervals,
                                          uint64_t sequence);

/* About how much memory all of it uses: see history.c. */
uint64_t fi_history_memory_bytes(const struct fi_history *history);

size_t fi_history_line_count(const struct fi_history *history);
struct fi_db_line *fi_history_line(const struct fi_history *history, size_t i);

/* ---- changes ---- */

enum fi_history_kind { FI_HISTORY_CREATE = 1, FI_HISTORY_RESTORE = 2, FI_HISTORY_DELETE = 3 };

/* A change as in the log: docs/formats/store.md. */
struct fi_history_record {
    uint64_t sequence;
    enum fi_history_kind kind;
    uint8_t id[FI_HISTORY_ID_SIZE];     /* created or restored */
    uint8_t safety[FI_HISTORY_ID_SIZE]; /* of a restore: the checkpoint of the previous state */
    int64_t created_ns;                 /* of a creation or restore */
    firn_slice name;                    /* of a creation; empty: none */
    const uint8_t *deleted;             /* ids, one after the other; borrowed */
    size_t deleted_count;
};

/* A change that can be applied, with the memory for it. */
struct fi_history_change {
    struct fi_history_record record;
    struct fi_db_checkpoint *added;
    struct fi_db_line *line; /* the new line */
};

/* FIRN_NOT_FOUND, FIRN_EXISTS, FIRN_LIMIT or FIRN_INVALID if the change is not possible;
 * FIRN_NO_MEMORY. Nothing is changed. The record's bytes must live until apply. */
FIRN_MUST_CHECK int fi_history_prepare(struct fi_history *history,
                                       const struct fi_history_record *record,
                                       struct fi_history_change *out, firn_error *err);
void fi_history_apply(struct fi_history *history, struct fi_history_change *change);
/* Frees a prepared change that is not applied. */
void fi_history_discard(struct fi_history_change *change);

/* Open and close a snapshot on a line. The first snapshot on a line needs memory; one on the line
 * of now, or on a line that has a snapshot, needs none. */
FIRN_MUST_CHECK int fi_history_ref(struct fi_db_line *line, firn_error *err);
void fi_history_unref(struct fi_history *history, struct fi_db_line *line);

/* ---- for history_format.c ---- */

/* Adds a line whose begin is above those of all others. Requires: parent's first ≤ fork < first ≤
 * begin, or no parent and first = 1. */
FIRN_MUST_CHECK int fi_history_add_line(struct fi_history *history, const struct fi_db_line *line,
                                        firn_error *err);
/* Makes a line now, for the first time. */
FIRN_MUST_CHECK int fi_history_begin_now(struct fi_history *history, struct fi_db_line *line,
                                         firn_error *err);
/* Frees lines that nothing needs, and joins lines where possible. */
void fi_history_release_lines(struct fi_history *history);

/* ==== finding checkpoints ==== */

/* NULL if there is none; the newest if there are several. */
struct fi_db_checkpoint *fi_history_find(const struct fi_history *history,
                                         const uint8_t id[FI_HISTORY_ID_SIZE]);
/* Requires: name is not empty. */
struct fi_db_checkpoint *fi_history_find_name(const struct fi_history *history, firn_slice name);
/* Requires: number is not 0. */
struct fi_db_checkpoint *fi_history_find_number(const struct fi_history *history, uint64_t number);
/* Its position in the order of creation. */
size_t fi_history_find_place(const struct fi_history *history,
                             const struct fi_db_checkpoint *checkpoint);

/* ---- for changes of a history ---- */

/* Makes room for one more; FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_history_find_reserve(struct fi_history *history);
/* Adds a checkpoint, which must stay at its address. Requires: there is room. */
void fi_history_find_add(struct fi_history *history, struct fi_db_checkpoint *checkpoint);

#endif
