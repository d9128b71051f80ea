/* SPDX-License-Identifier: Apache-2.0
 *
 * handle/ws.h: the handle of a workspace (firn_workspace in the public interface).
 * include/firn/workspace.h describes each function; here struct fi_os is an argument.
 */
#ifndef FIRN_HANDLE_WS_H
#define FIRN_HANDLE_WS_H

#include "base/error.h"
#include "firn/workspace.h"
#include "os/os.h"

struct firn_ws;

FIRN_MUST_CHECK int fi_ws_open(struct fi_os *os, const char *path,
                               const firn_workspace_options *options, struct firn_ws **out,
                               firn_error *err);
void fi_ws_close(struct firn_ws *ws);
const char *fi_ws_root(const struct firn_ws *ws);
/* Checkpoints, entries and paths in the results of the calls below belong to the handle until it is
 * closed or releases them, or the caller takes them. Each is one allocation; memory may be NULL.
 * ws_given.c. */
void fi_ws_given_take(struct firn_ws *ws, const void *memory);
void fi_ws_given_release(struct firn_ws *ws);
/* The path that was opened, relative to the root; "" for the root itself. */
const char *fi_ws_subpath(const struct firn_ws *ws);
const char *fi_ws_store_path(const struct firn_ws *ws);
/* Where this directory was saved before it was moved here, or NULL. */
const char *fi_ws_moved_from(const struct firn_ws *ws);
const char *fi_ws_unread_store(const struct firn_ws *ws);
const char *fi_ws_broad_why(const struct firn_ws *ws);
FIRN_MUST_CHECK int fi_ws_init(struct firn_ws *ws, bool *out_created, firn_error *err);
FIRN_MUST_CHECK int fi_ws_find(struct firn_ws *ws, const char *reference,
                               firn_workspace_checkpoint **out, firn_error *err);

#endif
