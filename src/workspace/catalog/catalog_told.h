/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_told.h: what saves of a workspace have said that they leave out, so that each of it is
 * said once.
 *
 *   "firn.told":  be32 workspace → u8 format (1) | le64 hash*, ascending
 */
#ifndef FIRN_CATALOG_CATALOG_TOLD_H
#define FIRN_CATALOG_CATALOG_TOLD_H

#include "base/buf.h"
#include "catalog/catalog.h"
#include "firn/workspace.h"

/* One save. Zeroed before init. */
struct firn_catalog_told {
    firn_callbacks outer;
    struct firn_db *db;
    uint32_t workspace;
    struct firn_buf known; /* of uint64_t, ascending */
    struct firn_buf now;   /* of uint64_t, in the order of notices */
    bool is_lost;          /* memory was out: nothing is noted */
};

/* Begins a save of a workspace of an opened store. out_callbacks are to be used in place of outer, which
 * is told of each entry that is left out whether the save before told it (firn_notice.is_known). What
 * is missing or damaged counts as nothing. */
FIRN_MUST_CHECK int firn_catalog_told_init(struct firn_catalog_told *told, struct firn_db *db,
                                           uint32_t workspace, const firn_callbacks *outer,
                                           firn_callbacks *out_callbacks, firn_error *err);
void firn_catalog_told_deinit(struct firn_catalog_told *told);
/* What joins the commit of the save: ctx is the firn_catalog_told. */
FIRN_MUST_CHECK int firn_catalog_told_join(void *ctx, struct firn_db_batch *batch,
                                           const struct firn_catalog_record *record,
                                           firn_error *err);

#endif
