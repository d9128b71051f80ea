/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_revert_internal.h: one revert under way. ws_revert.c finds out what it is about,
 * ws_revert_merge.c does it.
 */
#ifndef FIRN_OPERATIONS_WS_REVERT_INTERNAL_H
#define FIRN_OPERATIONS_WS_REVERT_INTERNAL_H

#include "base/hash_map.h"
#include "difference/difference.h"
#include "operations/ws_restore_internal.h"

struct firn_ws_revert {
    const firn_revert_options *options;
    firn_revert_result *result;
    struct firn_ws_restoring restoring; /* of the tree that is made */
    struct firn_catalog_record after;   /* to be taken back; the base of the merge */
    struct firn_catalog_record before;  /* theirs */
    struct firn_tree_filter filter;
    const struct firn_tree_source *trees; /* of after, before, and what the scan has stored */
    char doing[64];                       /* "reverting 12" */
    int64_t now_ns;

    /* What the check gave. */
    struct firn_objects_treesink *merged;
    struct firn_tree_source merged_source;
    struct firn_hash_map made; /* firn_hash of each content that is not in the store */
    struct firn_difference_merge_result merge;
    struct firn_difference_merge_counts counts;

    struct firn_objects_session *session; /* of what is made */
    struct firn_objects_session_lane *lane;
};

/* Does it; all above "what the check gave" is there. Fills restoring->result, and what the merge
 * found in result. What the check gave is to be released, whatever is returned. */
FIRN_MUST_CHECK int firn_ws_revert_merge(struct firn_ws_revert *revert, firn_error *err);

#endif
