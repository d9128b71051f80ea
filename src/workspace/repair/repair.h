/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair.h: verifying, rebuilding and removing a store.
 */
#ifndef FIRN_REPAIR_REPAIR_H
#define FIRN_REPAIR_REPAIR_H

#include "base/error.h"
#include "handle/ws.h"
#include "os/os.h"

/* include/firn/workspace.h describes these two. */
FIRN_MUST_CHECK int fi_repair(struct firn_ws *ws, const firn_workspace_repair_options *options,
                              firn_workspace_repair_result *out, firn_error *err);
FIRN_MUST_CHECK int fi_repair_check(struct firn_ws *ws, const firn_workspace_check_options *options,
                                    firn_workspace_check_result *out, firn_error *err);
/* Removes a store with everything in it. FIRN_LIMIT if directories are nested deeper than in any
 * store. Nothing is synced. */
FIRN_MUST_CHECK int fi_repair_remove_tree(struct fi_os_dir *parent, const char *name,
                                          firn_error *err);

#endif
