/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/operations.h: the workspaces of all stores. include/firn/workspace.h is the public
 * twin.
 */
#ifndef FIRN_OPERATIONS_OPERATIONS_H
#define FIRN_OPERATIONS_OPERATIONS_H

#include "base/error.h"
#include "catalog/catalog.h"
#include "firn/workspace.h"
#include "os/os.h"

FIRN_MUST_CHECK int firn_ws_workspaces_list(struct firn_os *os, const char *store_path,
                                            int (*visit)(void *ctx,
                                                         const firn_workspace_info *info),
                                            void *ctx, firn_error *err);
FIRN_MUST_CHECK int firn_ws_workspaces_remove(struct firn_os *os, const char *root,
                                              const firn_workspace_options *options,
                                              firn_error *err);

#endif
