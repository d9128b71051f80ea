/* SPDX-License-Identifier: Apache-2.0
 *
 * version/run_history.h: history runs: versions that "now" does not read, apart from those that it does.
 *
 * A history run says of its sequences, in groups (manifest_edit.h), by what its versions have been
 * superseded. So a view knows without opening it that it has nothing to look for there.
 */
#ifndef FIRN_VERSION_RUN_HISTORY_H
#define FIRN_VERSION_RUN_HISTORY_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/view.h"
#include "merge/merge_view_map.h"
#include "version/run_file.h"
#include "version/version.h"

/* Whether a live view reads nothing of a history run. Any thread. */
bool firn_run_history_is_skipped(const struct firn_manifest_run *run, const struct firn_view *view);
/* The same; answers for views of one line are remembered (lsm.h). */
bool firn_run_history_is_file_skipped(struct firn_run_file *file, const struct firn_view *view);
/* Whether it skips all history runs of a version. Cheap for views of now. */
bool firn_run_history_is_all_skipped(struct firn_version *version, const struct firn_view *view);

/* Whether some live view reads a history run. Begins with the group for which one did the last time.
 * The mutex of lsm is held (not checked here: a file does not know it). */
bool firn_run_history_is_needed_locked(struct firn_run_file *file,
                                       const struct firn_merge_view_map *views);

/* The groups of a run while it is written. One thread. */
struct firn_run_history_groups {
    const struct firn_view *now;       /* borrowed */
    struct firn_manifest_group *slots; /* by what now sees; first is 0 where there is none */
    size_t slot_count;
    struct firn_buf others; /* of struct firn_manifest_group: which now does not skip */
    struct firn_buf list;   /* likewise: made by list */
};
FIRN_MUST_CHECK int firn_run_history_groups_init(struct firn_run_history_groups *groups,
                                                 const struct firn_view *now, firn_error *err);
/* Zeroed is fine. */
void firn_run_history_groups_deinit(struct firn_run_history_groups *groups);
void firn_run_history_groups_clear(struct firn_run_history_groups *groups);
/* A version that now does not see (newer is 0), or with a newer one of its key that now sees; that
 * is itself for a tombstone which hides nothing but what is older in the run. */
void firn_run_history_groups_add(struct firn_run_history_groups *groups, uint64_t sequence,
                                 uint64_t newer);
/* All that another run says. */
FIRN_MUST_CHECK int firn_run_history_groups_add_run(struct firn_run_history_groups *groups,
                                                    const struct firn_manifest_run *run,
                                                    firn_error *err);
/* For the run: out->groups lives until the next call. */
FIRN_MUST_CHECK int firn_run_history_groups_list(struct firn_run_history_groups *groups,
                                                 struct firn_manifest_run *out, firn_error *err);

#endif
