/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair.h: removing a store with everything in it.
 */
#ifndef FIRN_REPAIR_REPAIR_H
#define FIRN_REPAIR_REPAIR_H

#include "base/error.h"
#include "os/os.h"

/* FIRN_LIMIT if directories are nested deeper than in any store. Nothing is synced. */
FIRN_MUST_CHECK int firn_repair_remove_tree(struct firn_os_dir *parent, const char *name,
                                            firn_error *err);

#endif
