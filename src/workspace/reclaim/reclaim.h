/* SPDX-License-Identifier: Apache-2.0
 *
 * reclaim/reclaim.h: few packs, however many saves there were.
 */
#ifndef FIRN_RECLAIM_RECLAIM_H
#define FIRN_RECLAIM_RECLAIM_H

#include "catalog/catalog.h"
#include "handle/ws_internal.h"

/* Packs to be joined: fewer than this many small ones are left alone. */
enum { FIRN_RECLAIM_JOIN_PACKS = 5 };

/* Makes few packs of many small ones, if there are many. For a store that is open for writing, when
 * what was asked for is done: damage is reported and leaves the pack where it is, and after any
 * other failure the store is as whole as before. */
FIRN_MUST_CHECK int firn_reclaim_join(struct firn_ws *ws, struct firn_ws_opened *opened,
                                      const firn_callbacks *callbacks, firn_error *err);

/* How many of these packs, the smallest first, are to become one; 0: none, there are fewer than
 * FIRN_RECLAIM_JOIN_PACKS. sizes ascend. Fewer than that are left then, too. */
size_t firn_reclaim_join_choose(const uint64_t *sizes, size_t count);

/* Taking checkpoints out of the catalog. */

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

/* Checkpoints that have expired. */

/* What may go, and when it is. */
struct firn_reclaim_expire_rule {
    uint32_t workspace; /* 0: of all */
    int64_t now_ns;
    const struct firn_catalog_keep
        *keep; /* of those that people made; NULL: only safety checkpoints go */
};

/* Calls visit for each checkpoint that has expired: safety checkpoints that are neither among the
 * last 10 of their workspace nor younger than 7 days, and others that the policy does not keep and
 * that are older than a day. None that has a tag or a pin, or is needed by the journal of the last
 * restore. */
FIRN_MUST_CHECK int
firn_reclaim_expire_list(struct firn_ws_opened *opened, const struct firn_reclaim_expire_rule *rule,
                         int (*visit)(void *ctx, uint32_t of_workspace,
                                      const struct firn_catalog_record *record, firn_error *err),
                         void *ctx, firn_error *err);

struct firn_reclaim_expire_counts {
    uint64_t safety;
    uint64_t checkpoints; /* all others */
};
/* Deletes them, in one commit that is not synced: one that comes back expires again. */
FIRN_MUST_CHECK int firn_reclaim_expire(struct firn_ws_opened *opened,
                                        const struct firn_reclaim_expire_rule *rule,
                                        struct firn_reclaim_expire_counts *out, firn_error *err);

#endif
