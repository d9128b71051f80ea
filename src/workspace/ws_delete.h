/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_delete.h: taking checkpoints out of the catalog.
 */
#ifndef FIRN_WORKSPACE_WS_DELETE_H
#define FIRN_WORKSPACE_WS_DELETE_H

#include "workspace/ws_gc_due.h"
#include "workspace/ws_internal.h"

#define FIRN_WS_DELETE_CHECKPOINTS "firn.checkpoints"
#define FIRN_WS_DELETE_UNPACKED "firn.unpacked"

/* A commit that deletes checkpoints, with all that the catalog holds about each. */
struct firn_ws_delete_batch {
    struct firn_db *db;
    struct firn_ws_catalog *catalog;
    struct firn_db_batch *batch;
    struct firn_db_keyspace *checkpoints;
    struct firn_db_keyspace *unpacked;
    bool knows_due;
    struct firn_ws_gc_due due; /* with what was added */
};
/* opened is borrowed. */
FIRN_MUST_CHECK int firn_ws_delete_batch_init(struct firn_ws_delete_batch *out,
                                              struct firn_ws_opened *opened, firn_error *err);
void firn_ws_delete_batch_deinit(struct firn_ws_delete_batch *batch);
FIRN_MUST_CHECK int firn_ws_delete_batch_add(struct firn_ws_delete_batch *batch, uint32_t workspace,
                                             const struct firn_ws_record *record, firn_error *err);

#endif
