/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/value_names.h: from the references that MANIFEST tells of runs to value files, each once.
 *
 * Used while trees are opened; one thread.
 */
#ifndef FIRN_LSM_VALUE_NAMES_H
#define FIRN_LSM_VALUE_NAMES_H

#include "base/hash_map.h"
#include "lsm/lsm_file.h"

struct firn_value_names {
    struct firn_lsm_files *files;
    struct firn_hash_map map; /* of struct firn_lsm_file *, by number */
};

void firn_value_names_init(struct firn_value_names *names, struct firn_lsm_files *files);
/* Lets go of the files, which their runs keep. */
void firn_value_names_deinit(struct firn_value_names *names);
/* Gives a run its value files. FIRN_CORRUPT where another run says something else of one. */
FIRN_MUST_CHECK int firn_value_names_link(struct firn_value_names *names, struct firn_lsm_file *run,
                                          firn_error *err);

#endif
