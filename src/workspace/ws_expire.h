/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_expire.h: safety checkpoints that have had their time.
 */
#ifndef FIRN_WORKSPACE_WS_EXPIRE_H
#define FIRN_WORKSPACE_WS_EXPIRE_H

#include "workspace/ws_internal.h"

/* Calls visit for each safety checkpoint of a workspace (0: of all) that is neither among the last
 * 10 of its workspace nor younger than 7 days, has no tag, and is not needed by the journal of the
 * last restore. */
FIRN_MUST_CHECK int
firn_ws_expire_list(struct firn_ws_opened *opened, uint32_t workspace, int64_t now_ns,
                    int (*visit)(void *ctx, uint32_t of_workspace,
                                 const struct firn_ws_record *record, firn_error *err),
                    void *ctx, firn_error *err);
/* Deletes them, in one commit that is not synced: one that comes back expires again. */
FIRN_MUST_CHECK int firn_ws_expire(struct firn_ws_opened *opened, uint32_t workspace,
                                   int64_t now_ns, uint64_t *out_count, firn_error *err);

#endif
