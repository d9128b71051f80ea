/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_internal.h: what only the files of lsm/ share. Only files of this folder and tests
 * include it.
 */
#ifndef FIRN_LSM_LSM_INTERNAL_H
#define FIRN_LSM_LSM_INTERNAL_H

#include "lsm/lsm_handle.h"
#include "version/version_reads.h"

/* ---- lsm_superversion.c ---- */

/* Empty. */
FIRN_MUST_CHECK int fi_lsm_superversion_create_memtable(struct fi_lsm_totals *totals,
                                                        struct fi_tree_memtable **out,
                                                        firn_error *err);
/* Brings total_bytes up to date. The thread that writes. */
void fi_lsm_superversion_count_memtable(struct fi_tree_memtable *memtable);

/* An empty state without a version, with room for that many memtables. NULL: memory is out. */
struct fi_lsm_superversion *fi_lsm_superversion_create(size_t memtable_capacity)
    __attribute__((warn_unused_result));
/* Each takes a reference; CHECKs that there is room. */
void fi_lsm_superversion_add_memtable(struct fi_lsm_superversion *state,
                                      struct fi_tree_memtable *memtable);
void fi_lsm_superversion_set_version(struct fi_lsm_superversion *state, struct fi_version *version);

/* fi_lsm_superversion_of for somebody who reads: may ask for a compaction. */
struct fi_lsm_superversion *fi_lsm_superversion_to_read(struct fi_lsm_tree *tree);
/* For fi_lsm_superversion_note_read. */
bool fi_lsm_superversion_note_sample(const struct fi_lsm_tree *tree,
                                     const struct fi_lsm_superversion *state);
/* Notes one of the reads of a state (version/version_reads.h). Whether to call want_compaction, and
 * outside of the epoch. visits: of the epoch's slot. */
static inline bool
fi_lsm_superversion_note_read(const struct fi_lsm_tree *tree,
                              const struct fi_lsm_superversion *state, uint64_t visits)
{
    return fi_version_reads_wants(state->version, visits) &&
           fi_lsm_superversion_note_sample(tree, state);
}
void fi_lsm_superversion_want_compaction(const struct fi_lsm *lsm);

/* Whether it may be published: it has a version, and its memtables are ordered by age. For
 * assertions; the mutex of the lsm is held. */
bool fi_lsm_superversion_is_sound(const struct fi_lsm_superversion *state);

void fi_lsm_superversion_ref(struct fi_lsm_superversion *state);
/* Releases the reference of the tree that published it, once no reader can be about to take one. */
void fi_lsm_superversion_retire(struct fi_epoch *epoch, struct fi_lsm_superversion *state);

/* ---- lsm_compare.c ---- */

/* Compares the directory of runs with what MANIFEST names: notes missing files and strays, and
 * refuses a MANIFEST that is older than the runs. For the opening. */
FIRN_MUST_CHECK int fi_lsm_compare_files(struct fi_lsm *lsm, const struct fi_manifest_state *state,
                                         firn_error *err);

/* ---- lsm_cursor.c ---- */

/* As fi_lsm_cursor_create, over a state; takes over the caller's reference to the state, even on
 * failure. */
FIRN_MUST_CHECK int fi_lsm_cursor_create_in(struct fi_lsm_superversion *state, struct fi_os *os,
                                            const struct fi_lsm_cursor_options *options,
                                            struct fi_lsm_cursor **out, firn_error *err);

/* ---- lsm_collect.c ---- */

/* Releases the memory of files that no version names, and leaves the files. For closing. */
void fi_lsm_collect_memory(struct fi_lsm *lsm);

/* A run enters or leaves the newest version of a tree. */
void fi_lsm_collect_add_values_locked(struct fi_lsm_tree *tree, const struct fi_version_file *run);
void fi_lsm_collect_remove_values_locked(struct fi_lsm_tree *tree,
                                         const struct fi_version_file *run);

/* ---- lsm_origin.c ---- */

/* The file of that number has been removed. Any thread. */
void fi_lsm_origin_note_removed(struct fi_lsm *lsm, uint64_t number);

/* ---- lsm_tree.c ---- */

/* Adds a tree to lsm; a version of NULL is an empty one. */
FIRN_MUST_CHECK int fi_lsm_tree_create(struct fi_lsm *lsm, uint32_t id,
                                       const struct fi_run_kind *kind, struct fi_version *version,
                                       struct fi_lsm_tree **out, firn_error *err);
/* It is not used any more. */
void fi_lsm_tree_destroy(struct fi_lsm_tree *tree);

#endif
