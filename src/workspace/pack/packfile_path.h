/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/packfile_path.h: a user's path to a pack, taken apart. Only files of this folder include it.
 */
#ifndef FIRN_PACK_PACKFILE_PATH_H
#define FIRN_PACK_PACKFILE_PATH_H

#include "os/os.h"

/* Opens the directory that holds what `path` names; *out_name points into path, to its last
 * component. */
FIRN_MUST_CHECK int firn_packfile_path_open_parent(struct firn_os *os, const char *path,
                                                   struct firn_os_dir **out_dir,
                                                   const char **out_name, firn_error *err);

#endif
