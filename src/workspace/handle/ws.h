/* SPDX-License-Identifier: Apache-2.0
 *
 * handle/ws.h: the handle of a workspace (firn_workspace in the public interface), and the
 * operations on it. include/firn/workspace.h describes each of them; here struct firn_os is an
 * argument.
 */
#ifndef FIRN_HANDLE_WS_H
#define FIRN_HANDLE_WS_H

#include "base/error.h"
#include "firn/workspace.h"
#include "os/os.h"

struct firn_ws;

FIRN_MUST_CHECK int firn_ws_open(struct firn_os *os, const char *path,
                                 const firn_workspace_options *options, struct firn_ws **out,
                                 firn_error *err);
void firn_ws_close(struct firn_ws *ws);
const char *firn_ws_root(const struct firn_ws *ws);
/* Checkpoints, entries and paths in the results of the calls below belong to the handle until it is
 * closed or releases them, or the caller takes them. Each is one allocation; memory may be NULL.
 * ws_given.c. */
void firn_ws_given_take(struct firn_ws *ws, const void *memory);
void firn_ws_given_release(struct firn_ws *ws);
/* The path that was opened, relative to the root; "" for the root itself. */
const char *firn_ws_subpath(const struct firn_ws *ws);
const char *firn_ws_store_path(const struct firn_ws *ws);
/* Where this directory was saved before it was moved here, or NULL. */
const char *firn_ws_moved_from(const struct firn_ws *ws);
const char *firn_ws_unread_store(const struct firn_ws *ws);
/* ws.c */
const char *firn_ws_broad_why(const struct firn_ws *ws);
FIRN_MUST_CHECK int firn_ws_init(struct firn_ws *ws, bool *out_created, firn_error *err);
FIRN_MUST_CHECK int firn_ws_workspaces_adopt(struct firn_ws *ws, const char *old_root,
                                             firn_error *err);

FIRN_MUST_CHECK int firn_ws_save(struct firn_ws *ws, const firn_workspace_save_options *options,
                                 firn_workspace_save_result *out, firn_error *err);

FIRN_MUST_CHECK int firn_ws_list(struct firn_ws *ws, const firn_workspace_list_options *options,
                                 int (*visit)(void *ctx,
                                              const firn_workspace_checkpoint *checkpoint),
                                 void *ctx, firn_error *err);
FIRN_MUST_CHECK int firn_ws_tag_set(struct firn_ws *ws, const char *name, const char *reference,
                                    bool may_replace, firn_workspace_checkpoint **out,
                                    firn_error *err);
FIRN_MUST_CHECK int firn_ws_tag_remove(struct firn_ws *ws, const char *name, firn_error *err);
FIRN_MUST_CHECK int firn_ws_tag_list(struct firn_ws *ws,
                                     int (*visit)(void *ctx, const firn_workspace_tag *tag),
                                     void *ctx, firn_error *err);
FIRN_MUST_CHECK int
firn_ws_pin_set(struct firn_ws *ws, const char *const *references, size_t count, bool is_pinned,
                int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint), void *ctx,
                firn_error *err);
FIRN_MUST_CHECK int firn_ws_pin_list(struct firn_ws *ws,
                                     int (*visit)(void *ctx, const firn_workspace_pin *pin),
                                     void *ctx, firn_error *err);
FIRN_MUST_CHECK int firn_ws_find(struct firn_ws *ws, const char *reference,
                                 firn_workspace_checkpoint **out, firn_error *err);
FIRN_MUST_CHECK int firn_ws_entries(struct firn_ws *ws, const char *reference,
                                    int (*visit)(void *ctx, const firn_workspace_entry *entry),
                                    void *ctx, firn_error *err);

FIRN_MUST_CHECK int firn_ws_status(struct firn_ws *ws, const firn_workspace_status_options *options,
                                   int (*visit)(void *ctx, const firn_workspace_change *change),
                                   void *ctx, firn_workspace_status_result *out, firn_error *err);
FIRN_MUST_CHECK int
firn_ws_difference(struct firn_ws *ws, const firn_workspace_diff_options *options,
                   int (*visit)(void *ctx, const firn_workspace_difference *difference), void *ctx,
                   firn_workspace_diff_result *out, firn_error *err);
FIRN_MUST_CHECK int firn_ws_cat(struct firn_ws *ws, const char *reference, firn_slice path,
                                firn_write_bytes write, void *ctx, firn_workspace_entry **out,
                                firn_error *err);
FIRN_MUST_CHECK int firn_ws_restore(struct firn_ws *ws, const char *reference,
                                    const firn_workspace_restore_options *options,
                                    firn_workspace_restore_result *out, firn_error *err);
FIRN_MUST_CHECK int firn_ws_restore_undo(struct firn_ws *ws,
                                         const firn_workspace_restore_options *options,
                                         firn_workspace_restore_result *out, firn_error *err);
FIRN_MUST_CHECK int firn_ws_restore_redo(struct firn_ws *ws,
                                         const firn_workspace_restore_options *options,
                                         firn_workspace_restore_result *out, firn_error *err);
/* The steps of the undo line; ws_steps.c. */
FIRN_MUST_CHECK int firn_ws_steps_list(struct firn_ws *ws,
                                       const firn_workspace_steps_options *options,
                                       int (*visit)(void *ctx, const firn_workspace_step *step),
                                       void *ctx, firn_workspace_steps_result *out,
                                       firn_error *err);
/* Takes back the last restore, whatever was saved since; taking back again does it again. */
FIRN_MUST_CHECK int firn_ws_restore_take_back(struct firn_ws *ws,
                                              const firn_workspace_restore_options *options,
                                              firn_workspace_restore_result *out, firn_error *err);
FIRN_MUST_CHECK int firn_ws_restore_resume(struct firn_ws *ws,
                                           const firn_workspace_restore_options *options,
                                           firn_workspace_restore_result *out, firn_error *err);
FIRN_MUST_CHECK int firn_ws_revert(struct firn_ws *ws, const firn_workspace_revert_options *options,
                                   firn_workspace_revert_result *out, firn_error *err);
FIRN_MUST_CHECK int firn_ws_restore_pending(struct firn_ws *ws, firn_workspace_pending_restore *out,
                                            firn_error *err);
FIRN_MUST_CHECK int firn_reclaim_delete(struct firn_ws *ws, const char *const *references,
                                        size_t count, const firn_workspace_delete_options *options,
                                        int (*visit)(void *ctx,
                                                     const firn_workspace_checkpoint *checkpoint),
                                        void *ctx, firn_error *err);
FIRN_MUST_CHECK int
firn_reclaim_expire_request(struct firn_ws *ws, const firn_workspace_expire_options *options,
                            int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint),
                            void *ctx, firn_error *err);
FIRN_MUST_CHECK int firn_ws_forget(struct firn_ws *ws, const firn_workspace_forget_options *options,
                                   int (*visit)(void *ctx,
                                                const firn_workspace_forgotten *forgotten),
                                   void *ctx, firn_workspace_forget_result *out, firn_error *err);
FIRN_MUST_CHECK int firn_reclaim(struct firn_ws *ws, const firn_workspace_gc_options *options,
                                 firn_workspace_gc_result *out, firn_error *err);
FIRN_MUST_CHECK int firn_repair(struct firn_ws *ws, const firn_workspace_repair_options *options,
                                firn_workspace_repair_result *out, firn_error *err);
FIRN_MUST_CHECK int firn_repair_check(struct firn_ws *ws,
                                      const firn_workspace_check_options *options,
                                      firn_workspace_check_result *out, firn_error *err);

#endif
