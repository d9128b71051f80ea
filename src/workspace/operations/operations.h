/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/operations.h: the operations on a workspace, and the workspaces of all stores.
 * include/firn/workspace.h describes each function.
 */
#ifndef FIRN_OPERATIONS_OPERATIONS_H
#define FIRN_OPERATIONS_OPERATIONS_H

#include "base/error.h"
#include "firn/workspace.h"
#include "handle/ws.h"
#include "os/os.h"
#include "tree/tree.h"

FIRN_MUST_CHECK int fi_ws_workspaces_list(struct fi_os *os, const char *store_path,
                                          int (*visit)(void *ctx, const firn_workspace_info *info),
                                          void *ctx, firn_error *err);
FIRN_MUST_CHECK int fi_ws_workspaces_remove(struct fi_os *os, const char *root,
                                            const firn_workspace_options *options, firn_error *err);
FIRN_MUST_CHECK int fi_ws_workspaces_adopt(struct firn_ws *ws, const char *old_root,
                                           firn_error *err);

FIRN_MUST_CHECK int fi_ws_save(struct firn_ws *ws, const firn_workspace_save_options *options,
                               firn_workspace_save_result *out, firn_error *err);
/* As firn_workspace_group_begin, _is_full and _end. */
FIRN_MUST_CHECK int fi_ws_group_begin(struct firn_ws *ws, firn_error *err);
bool fi_ws_group_is_full(const struct firn_ws *ws);
FIRN_MUST_CHECK int fi_ws_group_end(struct firn_ws *ws, bool keep, firn_error *err);

FIRN_MUST_CHECK int fi_ws_list(struct firn_ws *ws, const firn_workspace_list_options *options,
                               int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint),
                               void *ctx, firn_error *err);
FIRN_MUST_CHECK int fi_ws_describe(struct firn_ws *ws, const char *reference, firn_slice message,
                                   firn_workspace_checkpoint **out, firn_error *err);
FIRN_MUST_CHECK int fi_ws_tag_set(struct firn_ws *ws, const char *name, const char *reference,
                                  bool may_replace, firn_workspace_checkpoint **out,
                                  firn_error *err);
FIRN_MUST_CHECK int fi_ws_tag_delete(struct firn_ws *ws, const char *name, firn_error *err);
FIRN_MUST_CHECK int fi_ws_tag_list(struct firn_ws *ws,
                                   int (*visit)(void *ctx, const firn_workspace_tag *tag),
                                   void *ctx, firn_error *err);
FIRN_MUST_CHECK int
fi_ws_pin_set(struct firn_ws *ws, const char *const *references, size_t count, bool is_pinned,
              int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint), void *ctx,
              firn_error *err);
FIRN_MUST_CHECK int fi_ws_pin_list(struct firn_ws *ws,
                                   int (*visit)(void *ctx, const firn_workspace_pin *pin),
                                   void *ctx, firn_error *err);
FIRN_MUST_CHECK int fi_ws_entries(struct firn_ws *ws, const char *reference,
                                  int (*visit)(void *ctx, const firn_workspace_entry *entry),
                                  void *ctx, firn_error *err);

/* ws_reader.c. */
FIRN_MUST_CHECK int fi_ws_reader_open(struct firn_ws *ws, firn_workspace_reader **out,
                                      firn_error *err);
void fi_ws_reader_close(firn_workspace_reader *reader);
FIRN_MUST_CHECK int fi_ws_reader_entries(firn_workspace_reader *reader, const firn_hash *directory,
                                         int (*visit)(void *ctx, const firn_workspace_entry *entry),
                                         void *ctx, firn_error *err);
FIRN_MUST_CHECK int fi_ws_reader_cat(firn_workspace_reader *reader, const firn_hash *file,
                                     uint64_t size_bytes, firn_write_bytes write, void *ctx,
                                     firn_error *err);

FIRN_MUST_CHECK int fi_ws_reader_part(firn_workspace_reader *reader, const firn_hash *file,
                                      uint64_t size_bytes, uint64_t offset, uint64_t length,
                                      firn_write_bytes write, void *ctx, firn_error *err);

FIRN_MUST_CHECK int fi_ws_status(struct firn_ws *ws, const firn_workspace_status_options *options,
                                 int (*visit)(void *ctx, const firn_workspace_change *change),
                                 void *ctx, firn_workspace_status_result *out, firn_error *err);
FIRN_MUST_CHECK int fi_ws_difference(struct firn_ws *ws, const firn_workspace_diff_options *options,
                                     int (*visit)(void *ctx,
                                                  const firn_workspace_difference *difference),
                                     void *ctx, firn_workspace_diff_result *out, firn_error *err);
/* ws_difference.c. */
FIRN_MUST_CHECK int
fi_ws_difference_log(struct firn_ws *ws, const firn_workspace_log_options *options,
                     int (*visit)(void *ctx, const firn_workspace_diff_result *result), void *ctx,
                     firn_error *err);
/* The file of a path; *out borrows from the look-up and from the path. FIRN_NOT_FOUND; FIRN_INVALID
 * if it is no file. */
FIRN_MUST_CHECK int fi_ws_cat_find(struct fi_tree_lookup *lookup, firn_slice path,
                                   firn_workspace_entry *out, firn_error *err);
FIRN_MUST_CHECK int fi_ws_cat(struct firn_ws *ws, const char *reference, firn_slice path,
                              firn_write_bytes write, void *ctx, firn_workspace_entry **out,
                              firn_error *err);
FIRN_MUST_CHECK int fi_ws_restore(struct firn_ws *ws, const char *reference,
                                  const firn_workspace_restore_options *options,
                                  firn_workspace_restore_result *out, firn_error *err);
FIRN_MUST_CHECK int fi_ws_restore_undo(struct firn_ws *ws,
                                       const firn_workspace_restore_options *options,
                                       firn_workspace_restore_result *out, firn_error *err);
FIRN_MUST_CHECK int fi_ws_restore_redo(struct firn_ws *ws,
                                       const firn_workspace_restore_options *options,
                                       firn_workspace_restore_result *out, firn_error *err);
/* The steps of the undo line. */
FIRN_MUST_CHECK int fi_ws_steps_list(struct firn_ws *ws,
                                     const firn_workspace_steps_options *options,
                                     int (*visit)(void *ctx, const firn_workspace_step *step),
                                     void *ctx, firn_workspace_steps_result *out, firn_error *err);
/* Takes back the last restore, whatever was saved since; taking back again does it again. For
 * tests. */
FIRN_MUST_CHECK int fi_ws_restore_take_back(struct firn_ws *ws,
                                            const firn_workspace_restore_options *options,
                                            firn_workspace_restore_result *out, firn_error *err);
FIRN_MUST_CHECK int fi_ws_restore_resume(struct firn_ws *ws,
                                         const firn_workspace_restore_options *options,
                                         firn_workspace_restore_result *out, firn_error *err);
FIRN_MUST_CHECK int fi_ws_revert(struct firn_ws *ws, const firn_workspace_revert_options *options,
                                 firn_workspace_revert_result *out, firn_error *err);
FIRN_MUST_CHECK int fi_ws_pending(struct firn_ws *ws, firn_workspace_pending_restore *out,
                                  firn_error *err);
FIRN_MUST_CHECK int fi_ws_forget(struct firn_ws *ws, const firn_workspace_forget_options *options,
                                 int (*visit)(void *ctx, const firn_workspace_forgotten *forgotten),
                                 void *ctx, firn_workspace_forget_result *out, firn_error *err);

#endif
