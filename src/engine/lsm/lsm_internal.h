/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_internal.h: what only the files of lsm/ share. Only files of this folder and tests
 * include it.
 */
#ifndef FIRN_LSM_LSM_INTERNAL_H
#define FIRN_LSM_LSM_INTERNAL_H

#include "lsm/lsm_handle.h"

/* ---- lsm_state.c ---- */

/* Empty. */
FIRN_MUST_CHECK int firn_lsm_state_create_memtable(struct firn_lsm_totals *totals,
                                                   struct firn_tree_memtable **out,
                                                   firn_error *err);
/* Brings total_bytes up to date. The thread that writes. */
void firn_lsm_state_count_memtable(struct firn_tree_memtable *memtable);

/* An empty state without a version, with room for that many memtables. NULL: memory is out. */
struct firn_lsm_state *firn_lsm_state_create(size_t memtable_capacity)
    __attribute__((warn_unused_result));
/* Each takes a reference; CHECKs that there is room. */
void firn_lsm_state_add_memtable(struct firn_lsm_state *state, struct firn_tree_memtable *memtable);
void firn_lsm_state_set_version(struct firn_lsm_state *state, struct firn_version *version);

/* Whether it may be published: it has a version, and its memtables are ordered by age. For
 * assertions; the mutex of the lsm is held. */
bool firn_lsm_state_is_sound(const struct firn_lsm_state *state);

void firn_lsm_state_ref(struct firn_lsm_state *state);
/* Releases the reference of the tree that published it, once no reader can be about to take one. */
void firn_lsm_state_retire(struct firn_epoch *epoch, struct firn_lsm_state *state);

/* ---- lsm_compare.c ---- */

/* Compares the directory of runs with what MANIFEST names: notes missing files and strays, and
 * refuses a MANIFEST that is older than the runs. For the opening. */
FIRN_MUST_CHECK int firn_lsm_compare_files(struct firn_lsm *lsm,
                                           const struct firn_manifest_state *state,
                                           firn_error *err);

/* ---- lsm_cursor.c ---- */

/* As firn_lsm_cursor_create, over a state; takes over the caller's reference to the state, even on
 * failure. */
FIRN_MUST_CHECK int firn_lsm_cursor_create_in(struct firn_lsm_state *state, struct firn_os *os,
                                              const struct firn_lsm_cursor_options *options,
                                              struct firn_lsm_cursor **out, firn_error *err);

/* ---- lsm_collect.c ---- */

/* Releases the memory of files that no version names, and leaves the files. For closing. */
void firn_lsm_collect_memory(struct firn_lsm *lsm);

/* A run enters or leaves the newest version of a tree. */
void firn_lsm_collect_add_values_locked(struct firn_lsm_tree *tree,
                                        const struct firn_run_file *run);
void firn_lsm_collect_remove_values_locked(struct firn_lsm_tree *tree,
                                           const struct firn_run_file *run);

/* ---- lsm_origin.c ---- */

/* The file of that number has been removed. Any thread. */
void firn_lsm_origin_note_removed(struct firn_lsm *lsm, uint64_t number);

/* ---- lsm_tree.c ---- */

/* Adds a tree to lsm; a version of NULL is an empty one. */
FIRN_MUST_CHECK int firn_lsm_tree_create(struct firn_lsm *lsm, uint32_t id,
                                         const struct firn_run_kind *kind,
                                         struct firn_version *version, struct firn_lsm_tree **out,
                                         firn_error *err);
/* It is not used any more. */
void firn_lsm_tree_destroy(struct firn_lsm_tree *tree);

#endif
