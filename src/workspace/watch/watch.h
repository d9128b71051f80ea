/* SPDX-License-Identifier: Apache-2.0
 *
 * watch/watch.h: watching a workspace. include/firn/workspace.h describes each function.
 */
#ifndef FIRN_WATCH_WATCH_H
#define FIRN_WATCH_WATCH_H

#include "base/error.h"
#include "firn/workspace.h"

FIRN_MUST_CHECK int fi_watch(struct firn_ws *ws, const firn_workspace_watch_options *options,
                             firn_error *err);
FIRN_MUST_CHECK int fi_watch_inspect(struct firn_ws *ws, firn_workspace_watch_info *out,
                                     firn_error *err);
FIRN_MUST_CHECK int fi_watch_stop(struct firn_ws *ws, firn_workspace_watch_info *out,
                                  firn_error *err);

#endif
