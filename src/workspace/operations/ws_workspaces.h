/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_workspaces.h: the workspaces of all stores. include/firn/workspace.h is the public
 * twin.
 */
#ifndef FIRN_OPERATIONS_WS_WORKSPACES_H
#define FIRN_OPERATIONS_WS_WORKSPACES_H

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

/* Gives up what a catalog has of one workspace, durably. */
FIRN_MUST_CHECK int firn_ws_workspaces_forget(struct firn_db *db, struct firn_catalog *catalog,
                                              uint32_t number, firn_error *err);
/* Whether a workspace (0: any) has a checkpoint; safety checkpoints count. */
FIRN_MUST_CHECK int firn_ws_workspaces_has_checkpoints(struct firn_catalog *catalog,
                                                       uint32_t number, bool *out, firn_error *err);
/* Removes a store in the usual place if nothing is in it: no checkpoint of any workspace, no
 * pack, no keyspace of an application's, no settings. */
FIRN_MUST_CHECK int firn_ws_workspaces_remove_empty(struct firn_os *os, const char *store_path,
                                                    int64_t lock_timeout_ms, bool *out_removed,
                                                    firn_error *err);

#endif
