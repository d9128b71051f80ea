/* SPDX-License-Identifier: Apache-2.0
 *
 * reclaim/reclaim_delete.h: taking checkpoints out of the catalog.
 */
#ifndef FIRN_RECLAIM_RECLAIM_DELETE_H
#define FIRN_RECLAIM_RECLAIM_DELETE_H

#include "catalog/catalog.h"
#include "handle/ws_internal.h"

#define FIRN_RECLAIM_DELETE_CHECKPOINTS "firn.checkpoints"
#define FIRN_RECLAIM_DELETE_UNPACKED "firn.unpacked"

/* A commit that deletes checkpoints, with all that the catalog holds about each. */
struct firn_reclaim_delete_batch {
    struct firn_db *db;
    struct firn_catalog *catalog;
    struct firn_db_batch *batch;
    struct firn_db_keyspace *checkpoints;
    struct firn_db_keyspace *unpacked;
    bool knows_due;
    struct firn_catalog_due due; /* with what was added */
};
/* opened is borrowed. */
FIRN_MUST_CHECK int firn_reclaim_delete_batch_init(struct firn_reclaim_delete_batch *out,
                                                   struct firn_ws_opened *opened, firn_error *err);
void firn_reclaim_delete_batch_deinit(struct firn_reclaim_delete_batch *batch);
FIRN_MUST_CHECK int firn_reclaim_delete_batch_add(struct firn_reclaim_delete_batch *batch,
                                                  uint32_t workspace,
                                                  const struct firn_catalog_record *record,
                                                  firn_error *err);

#endif
