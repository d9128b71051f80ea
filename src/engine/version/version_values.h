/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version_values.h: from the references that MANIFEST tells of runs to value files, each once.
 *
 * Used while trees are opened; one thread.
 */
#ifndef FIRN_VERSION_VERSION_VALUES_H
#define FIRN_VERSION_VERSION_VALUES_H

#include "base/hash_map.h"
#include "version/run_file.h"

struct firn_version_values {
    struct firn_lsm_files *files;
    struct firn_hash_map map; /* of struct firn_run_file *, by number */
};

void firn_version_values_init(struct firn_version_values *names, struct firn_lsm_files *files);
/* Lets go of the files, which their runs keep. */
void firn_version_values_deinit(struct firn_version_values *names);
/* Gives a run its value files. FIRN_CORRUPT where another run says something else of one. */
FIRN_MUST_CHECK int firn_version_values_link(struct firn_version_values *names,
                                             struct firn_run_file *run, firn_error *err);

#endif
