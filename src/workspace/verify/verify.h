/* SPDX-License-Identifier: Apache-2.0
 *
 * verify/verify.h: whether everything in a store is there and undamaged.
 */
#ifndef FIRN_VERIFY_VERIFY_H
#define FIRN_VERIFY_VERIFY_H

#include "base/error.h"
#include "handle/ws.h"
#include "handle/ws_opened.h"

/* firn_workspace_check: include/firn/workspace.h describes it. */
FIRN_MUST_CHECK int fi_verify(struct firn_ws *ws, const firn_workspace_check_options *options,
                              firn_workspace_check_result *out, firn_error *err);
/* The same for a store that is open. Requires: db, objects and catalog are. */
FIRN_MUST_CHECK int fi_verify_opened(struct firn_ws *ws, struct fi_ws_opened *opened,
                                     const firn_workspace_check_options *options,
                                     firn_workspace_check_result *out, firn_error *err);

#endif
