/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/compaction_pick.h: which runs are to be merged next, and into which level.
 */
#ifndef FIRN_LSM_COMPACTION_PICK_H
#define FIRN_LSM_COMPACTION_PICK_H

#include "lsm/lsm_internal.h"

/* What the sizes of levels are measured against. */
struct firn_compaction_pick_targets {
    unsigned base;                   /* where level 0 is merged into; levels between are empty */
    uint64_t bytes[FIRN_LSM_LEVELS]; /* of levels from 1 on; 0 for those above the first that should
                                        have something */
};
void firn_compaction_pick_targets_of(const struct firn_version *version,
                                     const struct firn_lsm_options *options,
                                     struct firn_compaction_pick_targets *out);

struct firn_compaction_pick {
    struct firn_lsm_tree *tree; /* NULL: nothing found so far */
    uint64_t urgency;
    struct firn_compaction_plan plan;
};

enum firn_compaction_pick_mode {
    FIRN_COMPACTION_PICK_DEMANDED,
    FIRN_COMPACTION_PICK_UNHURRIED,
    FIRN_COMPACTION_PICK_DAMAGED /* unhurried, and runs that could not be read before are tried */
};

/* Puts the tree's most urgent compaction in *pick, if there is one that is more urgent than what is
 * there and can run beside the tree's works. The mutex of lsm is held. */
void firn_compaction_pick_locked(struct firn_lsm_tree *tree, enum firn_compaction_pick_mode mode,
                                 struct firn_compaction_pick *pick);

/* A plan that writes a run of a level other than 0 again, in its place; false where that cannot run
 * beside the tree's works. The mutex is held. */
bool firn_compaction_pick_rewrite_locked(const struct firn_lsm_tree *tree,
                                         enum firn_compaction_pick_mode mode, unsigned level,
                                         size_t i, struct firn_compaction_plan *out);

/* Whether rewriting some run of the last level can free anything, as far as can be told without
 * knowing the views. The mutex is held. */
bool firn_compaction_pick_has_garbage_locked(const struct firn_lsm_tree *tree,
                                             enum firn_compaction_pick_mode mode);
/* The first run of the last level whose rewriting can free something under these views, and may run
 * beside the tree's works. *out_found tells whether there is one. The mutex is held. */
FIRN_MUST_CHECK int firn_compaction_pick_garbage_locked(struct firn_lsm_tree *tree,
                                                        enum firn_compaction_pick_mode mode,
                                                        const struct firn_view_list *views,
                                                        struct firn_compaction_plan *out,
                                                        bool *out_found, firn_error *err);

#endif
