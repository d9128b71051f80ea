/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_pieces_internal.h: what the files of pieces and of winners share.
 */
#ifndef FIRN_LSM_LSM_PIECES_INTERNAL_H
#define FIRN_LSM_LSM_PIECES_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "lsm/lsm_internal.h"
#include "lsm/lsm_pieces.h"
#include "lsm/lsm_winners.h"

/* A row group of which the snapshot may see something, or a whole run that cannot be divided into
 * groups. */
struct fi_lsm_pieces_part {
    struct fi_run *run; /* NULL: a run that could not be opened, or that has no columns */
    uint32_t group;
    uint32_t rows;
    firn_slice lower; /* keys k of the part have lower <= k <= upper */
    firn_slice upper;
    uint64_t sequence_min;
    uint64_t sequence_max;
    bool is_plain;    /* as in struct fi_column_group */
    bool is_all_seen; /* the snapshot sees all of its sequences */
};

/* Immutable between open and close. */
struct fi_lsm_pieces {
    struct fi_os *os;
    struct fi_lsm_superversion *state;
    const struct fi_snapshot *snapshot;
    uint64_t time_ms;
    bool is_loose;
    bool has_lower;
    bool has_upper;
    firn_slice lower; /* copies, in the arena */
    firn_slice upper;
    struct fi_arena arena;
    struct fi_buf pins;  /* of struct fi_version_file_handle *: of runs, then of graphs */
    struct fi_buf files; /* of struct fi_version_file *: those of the first pins */
    struct fi_buf parts; /* of struct fi_lsm_pieces_part, by lower */
    struct fi_buf list;  /* of struct fi_lsm_piece */
    /* Those of memtables and runs that are not empty. */
    const struct fi_range_set **ranges;
    size_t range_count;
    /* The primary key, in its order; 0: the tree's runs have no columns. */
    struct fi_column_def key[FI_COLUMN_KEY_MAX];
    size_t key_count;
};

static inline size_t
fi_lsm_pieces_part_count(const struct fi_lsm_pieces *pieces)
{
    return pieces->parts.size / sizeof(struct fi_lsm_pieces_part);
}
static inline const struct fi_lsm_pieces_part *
fi_lsm_pieces_part_at(const struct fi_lsm_pieces *pieces, size_t i)
{
    return (const struct fi_lsm_pieces_part *)(const void *)pieces->parts.data + i;
}

/* ---- winners ---- */

#define FI_LSM_WINNERS_NO_PART UINT32_MAX

/* Where a row that the snapshot sees is. */
struct fi_lsm_winner {
    uint32_t part; /* FI_LSM_WINNERS_NO_PART: it is in the tuple */
    uint32_t row;
    firn_slice key; /* of a tuple */
    /* of a row in a group there is only a size: what its values have on average */
    firn_slice tuple;
};

struct fi_lsm_winners_source; /* lsm_winners.c */
struct fi_lsm_group;

struct fi_lsm_winners {
    struct fi_lsm_pieces *pieces;
    struct fi_lsm_piece piece;
    bool is_descending;
    bool is_at_end;
    int failure;

    /* The merge of keys. */
    struct fi_lsm_winners_source **open;
    size_t open_count;
    struct fi_lsm_winners_source **spare; /* closed ones; their memory is reused */
    size_t spare_count;
    size_t next_part;
    struct fi_buf key; /* the current one */
    struct fi_buf other;
    bool needs_cursor; /* from key on, if the merge has begun */

    /* The walk. */
    struct fi_lsm_cursor *cursor;
    bool is_walking;
    struct fi_buf bytes;

    struct fi_buf all; /* of struct fi_lsm_winner: when going backwards */
    size_t left;       /* of these, not returned yet */
    bool is_gathered;

    struct fi_lsm_winner batch[FI_LSM_WINNERS_MAX];
    size_t count;
    struct fi_lsm_group *key_group; /* for fi_lsm_winners_key */
    uint32_t key_part;
    struct fi_buf key_memory;
};

#endif
