/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_state.h: all that a reading of a tree goes through, as one immutable object: memtables
 * and a version.
 */
#ifndef FIRN_LSM_LSM_STATE_H
#define FIRN_LSM_LSM_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/epoch.h"
#include "memtable/memtable.h"
#include "version/version.h"

/* A memtable and what the tree knows of it. Shared by states. */
struct firn_tree_memtable {
    struct firn_memtable *table;
    _Atomic size_t refs;
    _Atomic uint64_t log_segment; /* the oldest that has one of its entries; 0: it is empty */
    _Atomic uint64_t sequence_max;
    _Atomic size_t logged_bytes;  /* of values of which it is known where in the log they lie */
    _Atomic size_t counted_bytes; /* that total_bytes has of it */
    _Atomic size_t *total_bytes;  /* of all memtables of the lsm */
    uint64_t freeze_number;       /* in the order of freezing; guarded by the lsm's mutex */
};

/* Published by a tree. memtables[0] takes writes, the others are frozen, the newest first. */
struct firn_lsm_state {
    struct firn_epoch_node node;
    _Atomic size_t refs;
    struct firn_version *version;
    size_t memtable_count;
    size_t memtable_capacity;
    struct firn_tree_memtable *memtables[];
};

/* Empty. */
FIRN_MUST_CHECK int firn_lsm_state_create_memtable(_Atomic size_t *total_bytes,
                                                   struct firn_tree_memtable **out,
                                                   firn_error *err);
void firn_lsm_state_ref_memtable(struct firn_tree_memtable *memtable);
/* NULL is fine. */
void firn_lsm_state_unref_memtable(struct firn_tree_memtable *memtable);
/* Brings total_bytes up to date. The thread that writes. */
void firn_lsm_state_count_memtable(struct firn_tree_memtable *memtable);

/* Room for that many memtables; empty, without a version. NULL: memory is out. */
struct firn_lsm_state *firn_lsm_state_create(size_t memtable_capacity)
    __attribute__((warn_unused_result));
/* Each takes a reference; CHECKs that there is room. */
void firn_lsm_state_add_memtable(struct firn_lsm_state *state, struct firn_tree_memtable *memtable);
void firn_lsm_state_set_version(struct firn_lsm_state *state, struct firn_version *version);

/* Whether it may be published: it has a version, and its memtables stand by age. For assertions; the
 * mutex of the lsm is held. */
bool firn_lsm_state_is_sound(const struct firn_lsm_state *state);

void firn_lsm_state_ref(struct firn_lsm_state *state);
/* NULL is fine. */
void firn_lsm_state_unref(struct firn_lsm_state *state);
/* Gives back the reference of the tree that has published it, once no reader can be about to take
 * one. */
void firn_lsm_state_retire(struct firn_epoch *epoch, struct firn_lsm_state *state);

#endif
