/* SPDX-License-Identifier: Apache-2.0
 *
 * version/manifest_state.h: what MANIFEST says when all of its records have been read: the trees and
 * their runs.
 */
#ifndef FIRN_VERSION_MANIFEST_STATE_H
#define FIRN_VERSION_MANIFEST_STATE_H

#include <stdint.h>

#include "base/error.h"
#include "version/manifest_edit.h"

struct firn_manifest_state_tree {
    uint32_t id;
    uint64_t flushed;
    struct firn_manifest_run **runs; /* by ascending number; each one a block of its own */
    size_t run_count;
    size_t run_capacity;
};

/* A zeroed one is what an empty MANIFEST says. */
struct firn_manifest_state {
    uint64_t version;
    uint64_t next_number; /* 0: as 1 */
    uint64_t sequence;
    struct firn_manifest_state_tree *trees; /* by ascending id */
    size_t tree_count;
    size_t tree_capacity;
    struct firn_buf history;
    struct firn_log_position log_end; /* see struct firn_manifest_edit */
};

void firn_manifest_state_deinit(struct firn_manifest_state *state);

/* Makes one change. FIRN_CORRUPT where it does not fit what was there before; after any failure the
 * state is good for deinit only. */
FIRN_MUST_CHECK int firn_manifest_state_apply(struct firn_manifest_state *state,
                                              const struct firn_manifest_edit *edit,
                                              firn_error *err);

#endif
