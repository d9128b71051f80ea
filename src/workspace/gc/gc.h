/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc.h: garbage collections, deleting checkpoints, and keeping the number of packs
 * small.
 */
#ifndef FIRN_GC_GC_H
#define FIRN_GC_GC_H

#include "catalog/catalog.h"
#include "handle/ws_opened.h"

/* include/firn/workspace.h describes these four. */
FIRN_MUST_CHECK int fi_gc(struct firn_ws *ws, const firn_workspace_gc_options *options,
                          firn_workspace_gc_result *out, firn_error *err);
FIRN_MUST_CHECK int fi_gc_delete(struct firn_ws *ws, const char *const *references, size_t count,
                                 const firn_workspace_delete_options *options,
                                 int (*visit)(void *ctx,
                                              const firn_workspace_checkpoint *checkpoint),
                                 void *ctx, firn_error *err);
FIRN_MUST_CHECK int
fi_gc_delete_undo(struct firn_ws *ws, const char *const *references, size_t count,
                  int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint), void *ctx,
                  firn_error *err);
FIRN_MUST_CHECK int
fi_gc_expire_request(struct firn_ws *ws, const firn_workspace_expire_options *options,
                     int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint),
                     void *ctx, firn_error *err);

/* Packs to be joined: fewer small packs than this are left alone. */
enum { FI_GC_JOIN_PACKS = 5 };

/* Makes few packs of many small ones, if there are many. For a store that is open for writing,
 * after the requested operation is done: damage is reported and leaves the pack where it is, and
 * after any other failure the store is as intact as before. */
FIRN_MUST_CHECK int fi_gc_join(struct firn_ws *ws, struct fi_ws_opened *opened,
                               const firn_callbacks *callbacks, firn_error *err);

/* How many of these packs, the smallest first, are to become one; 0: none, because there are fewer
 * than FI_GC_JOIN_PACKS. After the join fewer than that are left, too. Requires: sizes
 * ascend. */
size_t fi_gc_join_choose(const uint64_t *sizes, size_t count);

/* Deleting checkpoints from the catalog. */

/* A commit that deletes checkpoints, with everything that the catalog holds about each. */
struct fi_gc_delete_batch {
    struct firn_db *db;
    struct fi_catalog *catalog;
    struct firn_db_batch *batch;
    bool knows_due;
    struct fi_catalog_due due; /* with what was added */
};
/* opened is borrowed. */
FIRN_MUST_CHECK int fi_gc_delete_batch_init(struct fi_gc_delete_batch *out,
                                            struct fi_ws_opened *opened, firn_error *err);
void fi_gc_delete_batch_deinit(struct fi_gc_delete_batch *batch);
FIRN_MUST_CHECK int fi_gc_delete_batch_add(struct fi_gc_delete_batch *batch, uint32_t workspace,
                                           const struct fi_catalog_record *record, firn_error *err);

/* Ends deleted checkpoints (catalog.h) of one workspace (0: of all) that were deleted before a
 * time; they cannot be brought back, and what only they needed is garbage. */
FIRN_MUST_CHECK int fi_gc_delete_end(struct fi_ws_opened *opened, uint32_t workspace,
                                     int64_t before_ns, uint64_t *out_count, firn_error *err);

/* Checkpoints that have expired. */

/* Which checkpoints may be deleted. */
struct fi_gc_expire_rule {
    uint32_t workspace; /* 0: of all workspaces */
    int64_t now_ns;
    /* of those that people made; NULL: only safety checkpoints go */
    const struct fi_catalog_policy *keep;
};

/* Calls visit for each checkpoint that has expired: safety checkpoints that are neither among the
 * last 10 of their workspace nor younger than 7 days, and others that the policy does not keep and
 * that are older than a day. Checkpoints that have a tag or a pin, or that the journal of the last
 * restore needs, do not expire. */
FIRN_MUST_CHECK int
fi_gc_expire_list(struct fi_ws_opened *opened, const struct fi_gc_expire_rule *rule,
                  int (*visit)(void *ctx, uint32_t of_workspace,
                               const struct fi_catalog_record *record, firn_error *err),
                  void *ctx, firn_error *err);

struct fi_gc_expire_counts {
    uint64_t safety;
    uint64_t checkpoints; /* all others */
};
/* Deletes them for good, in one commit that is not synced: after a crash they may be back, and
 * expire again. Ends what was deleted FI_CATALOG_DELETED_KEPT_NS ago. */
FIRN_MUST_CHECK int fi_gc_expire(struct fi_ws_opened *opened, const struct fi_gc_expire_rule *rule,
                                 struct fi_gc_expire_counts *out, firn_error *err);

#endif
