/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_history.h: what is to be done with history runs next.
 */
#ifndef FIRN_COMPACTION_COMPACTION_HISTORY_H
#define FIRN_COMPACTION_COMPACTION_HISTORY_H

#include "compaction/compaction_pick.h"
#include "merge/merge_view_map.h"

/* The first of: to take out runs that no view reads; to bring back to the last level what now reads;
 * to merge small runs; and where nobody is in a hurry, to write a run again from which something can
 * be freed. It may run beside the tree's works. The mutex is held. */
FIRN_MUST_CHECK int firn_compaction_history_pick_locked(struct firn_lsm_tree *tree,
                                                        enum firn_compaction_pick_mode mode,
                                                        const struct firn_merge_view_map *views,
                                                        struct firn_compaction_plan *out,
                                                        bool *out_found, firn_error *err);

/* Whether a history run that one of the views may read reaches into the bounds of that run. What
 * nobody reads is about to go, and a compaction does not count it either. The mutex is held. */
bool firn_compaction_history_is_beside_locked(const struct firn_lsm_tree *tree,
                                              const struct firn_version *version,
                                              const struct firn_manifest_run *info,
                                              const struct firn_merge_view_map *views);

#endif
