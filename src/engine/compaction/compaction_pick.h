/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_pick.h: which runs are to be merged next, and into which level.
 */
#ifndef FIRN_COMPACTION_COMPACTION_PICK_H
#define FIRN_COMPACTION_COMPACTION_PICK_H

#include "lsm/lsm_internal.h"

/* What the sizes of levels are measured against. */
struct firn_compaction_pick_targets {
    unsigned base; /* where level 0 is merged into; levels between are empty */
    uint64_t
        bytes[FIRN_VERSION_LEVELS]; /* of levels from 1 on; 0 for those above the first that should
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
 * there and can run beside the tree's works. With room_bytes, unless that is 0, only such as read no
 * more than that, and unhurried ones go down level by level. The mutex of lsm is held. */
void firn_compaction_pick_locked(struct firn_lsm_tree *tree, enum firn_compaction_pick_mode mode,
                                 uint64_t room_bytes, struct firn_compaction_pick *pick);
/* The same of optional compactions, of runs that reach into a range. */
void firn_compaction_pick_range_locked(struct firn_lsm_tree *tree,
                                       enum firn_compaction_pick_mode mode,
                                       const struct firn_lsm_range *range, uint64_t room_bytes,
                                       struct firn_compaction_pick *pick);

/* The same of the compaction that makes one run of a small tree, however little has come. */
void firn_compaction_pick_one_locked(struct firn_lsm_tree *tree, uint64_t room_bytes,
                                     struct firn_compaction_pick *pick);

/* A plan that writes a run of a level other than 0 again, in its place; false where that cannot run
 * beside the tree's works. The mutex is held. */
bool firn_compaction_pick_rewrite_locked(const struct firn_lsm_tree *tree,
                                         enum firn_compaction_pick_mode mode, unsigned level,
                                         size_t i, struct firn_compaction_plan *out);

/* Whether the plan can run beside the tree's works, and reads no run that could not be read before
 * unless the mode asks for those. The mutex is held. */
bool firn_compaction_pick_may_run_locked(const struct firn_lsm_tree *tree,
                                         const struct firn_version *version,
                                         enum firn_compaction_pick_mode mode,
                                         const struct firn_compaction_plan *plan);
/* Makes the plan's bounds reach over a run. */
void firn_compaction_pick_extend(struct firn_compaction_plan *plan,
                                 const struct firn_merge_level_run *run);

/* What it reads, in bytes of files. */
uint64_t firn_compaction_pick_bytes(const struct firn_version *version,
                                    const struct firn_compaction_plan *plan);

/* Takes [begin, end) of level `from`, and all that must go along of the levels down to `to`. */
void firn_compaction_pick_plan(const struct firn_version *version, unsigned from, size_t begin,
                               size_t end, unsigned to, struct firn_compaction_plan *out);
/* What a rewriting at the bottom may drop: tombstones, and versions behind newer ones. */
static inline uint64_t
firn_compaction_pick_garbage_of(const struct firn_manifest_run *info)
{
    return info->tombstone_count + info->range_count + info->older_count;
}

#endif
