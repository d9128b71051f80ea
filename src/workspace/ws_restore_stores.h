/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_restore_stores.h: firn stores in the tree that a restore is about to change.
 */
#ifndef FIRN_WORKSPACE_WS_RESTORE_STORES_H
#define FIRN_WORKSPACE_WS_RESTORE_STORES_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "os/os.h"

/* Zeroed but for the first three it is ready. */
struct firn_ws_restore_stores {
    struct firn_os_dir *root;
    firn_slice paths;      /* of stores in the tree, each with its NUL; borrowed */
    bool is_dry;           /* only looked at */
    struct firn_buf seen;  /* a byte for each: whether it was looked at */
    struct firn_buf locks; /* of struct firn_os_file * */
};

/* Lets writers in again. */
void firn_ws_restore_stores_deinit(struct firn_ws_restore_stores *stores);
/* Before something at a path is changed; ctx is the struct. Keeps writers out of the store that it lies
 * in. FIRN_BUSY, naming the store and the holder, if there is one. */
FIRN_MUST_CHECK int firn_ws_restore_stores_change(void *ctx, firn_slice path, firn_error *err);

#endif
