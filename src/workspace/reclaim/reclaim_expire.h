/* SPDX-License-Identifier: Apache-2.0
 *
 * reclaim/reclaim_expire.h: checkpoints that have expired.
 */
#ifndef FIRN_RECLAIM_RECLAIM_EXPIRE_H
#define FIRN_RECLAIM_RECLAIM_EXPIRE_H

#include "catalog/catalog.h"
#include "handle/ws_internal.h"

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
