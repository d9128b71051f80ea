/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair.h: rebuilding a store.
 */
#ifndef FIRN_REPAIR_REPAIR_H
#define FIRN_REPAIR_REPAIR_H

#include "base/error.h"
#include "handle/ws.h"

/* include/firn/workspace.h describes it. */
FIRN_MUST_CHECK int fi_repair(struct firn_ws *ws, const firn_workspace_repair_options *options,
                              firn_workspace_repair_result *out, firn_error *err);

#endif
