/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_due.h: whether a collection of garbage is worth its time.
 */
#ifndef FIRN_CATALOG_CATALOG_DUE_H
#define FIRN_CATALOG_CATALOG_DUE_H

#include "objects/objects.h"
#include "store/db.h"

/* What a store knows about its garbage. */
struct firn_catalog_due {
    uint64_t deleted_bytes; /* that a collection left dead, and that checkpoints had added which
                               were deleted since */
    int64_t tried_ns; /* when the last automatic collection began that has not ended; 0: none */
};

#define FIRN_CATALOG_DUE_BYTES_MIN (UINT64_C(16) << 20)

/* Zeros where the store knows nothing. */
FIRN_MUST_CHECK int firn_catalog_due_read(struct firn_db *db, struct firn_catalog_due *out,
                                          firn_error *err);
/* Puts it into a commit; writes it by one that is not synced. */
FIRN_MUST_CHECK int firn_catalog_due_put(struct firn_db *db, struct firn_db_batch *batch,
                                         const struct firn_catalog_due *due, firn_error *err);
FIRN_MUST_CHECK int firn_catalog_due_write(struct firn_db *db, const struct firn_catalog_due *due,
                                           firn_error *err);
/* Notes that so much more was deleted; never overflows. */
void firn_catalog_due_add(struct firn_catalog_due *due, uint64_t bytes);

/* Whether a store with packs of so many bytes is to be collected now, if bytes_min of them may be
 * garbage. */
bool firn_catalog_due_is(const struct firn_catalog_due *due, uint64_t packs_bytes,
                         uint64_t bytes_min, int64_t now_ns);
/* Whether one that is open is, by the usual measure. Without a store, where both are NULL, it is not. */
FIRN_MUST_CHECK int firn_catalog_due_ask(struct firn_db *db, const struct firn_objects *objects,
                                         bool *out, firn_error *err);
/* All packs of the list. */
uint64_t firn_catalog_due_packs_bytes(const struct firn_objects *objects);

#endif
