/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_history.h: the checkpoints of a store's data, and what "now" is: lines of history.
 *
 * A store begins with one line, [1, …). A restore begins another: what the checkpoint sees, and all
 * that is committed from there on. A reading is a place on a line: what that line sees, up to a
 * sequence.
 *
 * Who changes a history leads the commits (or knows it alone) and holds the state mutex; who reads
 * its checkpoints does either. Lines also come and go with views, so everything about them needs the
 * mutex.
 */
#ifndef FIRN_STORE_DB_HISTORY_H
#define FIRN_STORE_DB_HISTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/view.h"

enum {
    FIRN_DB_HISTORY_ID_SIZE = 16,
    FIRN_DB_HISTORY_NAME_SIZE_MAX = 255,
    FIRN_DB_HISTORY_INTERVALS_MAX = 1 << 16, /* of one line */
    FIRN_DB_HISTORY_CHECKPOINTS_MAX = 1 << 20
};

/* Never changes, but for the counts. */
struct firn_db_line {
    uint64_t begin;       /* the sequence of the restore that began it; 1 for the first one */
    uint64_t checkpoints; /* that lie on it */
    uint64_t views;       /* that are open on it */
    bool was_now;         /* readers may know it without being counted */
    uint64_t index;       /* among those that are written (db_history_format.c) */
    struct firn_view_guide *guide; /* behind the intervals; NULL: there is none */
    size_t count;
    /* The last one has no end: UINT64_MAX. */
    struct firn_view_interval intervals[];
};
/* Zeroed, with room for so many intervals; NULL: no memory. To be freed with firn_free. */
struct firn_db_line *firn_db_history_create_line(size_t intervals_max);
/* When its intervals are there. */
void firn_db_history_guide_line(struct firn_db_line *line);

struct firn_db_checkpoint {
    uint8_t id[FIRN_DB_HISTORY_ID_SIZE];
    uint64_t number; /* from 1, never given again; 0: a safety checkpoint */
    int64_t created_ns;
    struct firn_db_line *line;
    uint64_t sequence;                         /* it sees its line up to here */
    uint8_t restored[FIRN_DB_HISTORY_ID_SIZE]; /* of a safety checkpoint: what was restored then */
    char name[];                               /* "" where it has none */
};

/* Zeroed is none; see init. */
struct firn_db_history {
    struct firn_buf lines;       /* of struct firn_db_line *, by ascending begin */
    struct firn_buf checkpoints; /* of struct firn_db_checkpoint *, the oldest first */
    /* Release in firn_db_history_apply pairs with acquire in firn_db_view_now. */
    _Atomic(struct firn_db_line *) now;
    uint64_t next_number;
    uint64_t held;           /* by works that have views on its lines */
    uint64_t sequence;       /* of the last change */
    uint64_t saved_sequence; /* of the last change that MANIFEST has */
    uint64_t first_segment;  /* of the log, with a change that MANIFEST lacks; 0: there is none */
    bool has_undo;
    uint8_t undo[FIRN_DB_HISTORY_ID_SIZE]; /* the safety checkpoint of the last restore */
};

/* The history of a store without checkpoints. */
FIRN_MUST_CHECK int firn_db_history_init(struct firn_db_history *history, firn_error *err);
void firn_db_history_deinit(struct firn_db_history *history);

size_t firn_db_history_count(const struct firn_db_history *history);
struct firn_db_checkpoint *firn_db_history_at(const struct firn_db_history *history, size_t i);
/* NULL if there is none. */
struct firn_db_checkpoint *firn_db_history_find(const struct firn_db_history *history,
                                                const uint8_t id[FIRN_DB_HISTORY_ID_SIZE]);
struct firn_db_checkpoint *firn_db_history_find_name(const struct firn_db_history *history,
                                                     const char *name);
static inline bool
firn_db_history_is_safety(const struct firn_db_checkpoint *checkpoint)
{
    return checkpoint->number == 0;
}

/* What a reading at a place sees; line NULL: everything up to there. A sequence before the line's
 * begin stands for the begin; 0 without a begin, in a store without commits, sees nothing. */
struct firn_view firn_db_history_view(const struct firn_db_line *line, uint64_t sequence);

/* ---- changes ---- */

enum firn_db_history_kind {
    FIRN_DB_HISTORY_CREATE = 1,
    FIRN_DB_HISTORY_RESTORE = 2,
    FIRN_DB_HISTORY_DELETE = 3
};

/* A change as the log has it: docs/formats/store.md. */
struct firn_db_history_record {
    uint64_t sequence;
    enum firn_db_history_kind kind;
    uint8_t id[FIRN_DB_HISTORY_ID_SIZE];     /* that is created or restored */
    uint8_t safety[FIRN_DB_HISTORY_ID_SIZE]; /* of a restore: the checkpoint of what was before */
    int64_t created_ns;                      /* of a creation or restore */
    firn_slice name;                         /* of a creation; empty: none */
    const uint8_t *deleted;                  /* ids, side by side; borrowed */
    size_t deleted_count;
};

/* A change that was found to be possible, and the memory for it. */
struct firn_db_history_change {
    struct firn_db_history_record record;
    struct firn_db_checkpoint *added;
    struct firn_db_line *line; /* that begins */
};

/* FIRN_NOT_FOUND, FIRN_EXISTS, FIRN_LIMIT, FIRN_INVALID for what cannot be done; FIRN_NO_MEMORY.
 * Nothing is changed. The record's bytes must live until apply. */
FIRN_MUST_CHECK int firn_db_history_prepare(struct firn_db_history *history,
                                            const struct firn_db_history_record *record,
                                            struct firn_db_history_change *out, firn_error *err);
void firn_db_history_apply(struct firn_db_history *history, struct firn_db_history_change *change);
/* After a prepare that is not applied. */
void firn_db_history_discard(struct firn_db_history_change *change);

/* An open view on a line begins, or ends. */
void firn_db_history_ref(struct firn_db_line *line);
void firn_db_history_unref(struct firn_db_history *history, struct firn_db_line *line);
/* Between these no line goes. */
void firn_db_history_hold(struct firn_db_history *history);
void firn_db_history_let_go(struct firn_db_history *history);

#endif
