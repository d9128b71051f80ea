/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_garbage.h: which run of the last level is to be written again.
 */
#ifndef FIRN_COMPACTION_COMPACTION_GARBAGE_H
#define FIRN_COMPACTION_COMPACTION_GARBAGE_H

#include "compaction/compaction_pick.h"
#include "merge/merge_view_map.h"

/* Whether rewriting some run of the last level, or of history, can free anything, as far as can be
 * told without knowing the views. The mutex is held. */
bool firn_compaction_garbage_is_likely_locked(const struct firn_lsm_tree *tree,
                                              enum firn_compaction_pick_mode mode);
/* The first run of the last level whose rewriting can free something under these views, or moves
 * something to history; else what is to be done with history (compaction_history.h). It may run
 * beside the tree's works. *out_found tells whether there is one. The mutex is held. */
FIRN_MUST_CHECK int firn_compaction_garbage_pick_locked(struct firn_lsm_tree *tree,
                                                        enum firn_compaction_pick_mode mode,
                                                        const struct firn_merge_view_map *views,
                                                        struct firn_compaction_plan *out,
                                                        bool *out_found, firn_error *err);

#endif
