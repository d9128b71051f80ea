/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version_source.h: runs of a version as a source of a merge: each is pinned while the merge
 * stands in it.
 */
#ifndef FIRN_VERSION_VERSION_SOURCE_H
#define FIRN_VERSION_VERSION_SOURCE_H

#include "merge/merge.h"
#include "merge/merge_level.h"
#include "version/version.h"

/* Files that the owner could not read before, and that must not be read now. */
struct firn_version_source_refused {
    const struct firn_run_file **files;
    size_t count;
};

/* In the memory of the merge's owner, who must keep it as long as the merge. Zeroed at first. */
struct firn_version_source {
    struct firn_lsm_handle *handle;                    /* of the run that the source stands in */
    const struct firn_version_source_refused *refused; /* NULL: none */
};

/* Adds the runs [begin, end) of a level to merge: of level 0 and of history one run at a time. state is where the
 * source keeps what it needs. */
struct firn_version_source_runs {
    const struct firn_version *version;
    unsigned level;
    size_t begin;
    size_t end;
    bool is_sequential;           /* read from the first to the last */
    const struct firn_view *only; /* as in block/run_kind.h, and the next */
    uint64_t *found;
};
FIRN_MUST_CHECK int firn_version_source_add(struct firn_version_source *state,
                                            const struct firn_version_source_runs *runs,
                                            struct firn_merge *merge, firn_error *err);

#endif
