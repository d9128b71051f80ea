/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_pins.h: checkpoints that are not to be deleted.
 *
 *   "firn.pins":   be32 workspace | be64 order of the checkpoint → u8 format (1) | 16 its id |
 *                                                                   le64 time of pinning in ns
 */
#ifndef FIRN_CATALOG_CATALOG_PINS_H
#define FIRN_CATALOG_CATALOG_PINS_H

#include "catalog/catalog.h"

struct firn_catalog_pins_pin {
    uint64_t order; /* of the checkpoint */
    uint8_t id[FIRN_CATALOG_RECORD_ID_SIZE];
    int64_t created_ns;
};

/* Whether a checkpoint is pinned. */
FIRN_MUST_CHECK int firn_catalog_pins_has(struct firn_catalog *catalog, uint32_t workspace,
                                          const struct firn_catalog_record *record, bool *out,
                                          firn_error *err);
/* Add to a batch that a checkpoint is pinned, and that it is not. */
FIRN_MUST_CHECK int firn_catalog_pins_put(struct firn_catalog *catalog, struct firn_db_batch *batch,
                                          uint32_t workspace,
                                          const struct firn_catalog_pins_pin *pin, firn_error *err);
FIRN_MUST_CHECK int firn_catalog_pins_remove(struct firn_catalog *catalog,
                                             struct firn_db_batch *batch, uint32_t workspace,
                                             uint64_t order, firn_error *err);
/* Newest checkpoint first; another return of visit than FIRN_OK ends the walk and is returned. */
FIRN_MUST_CHECK int firn_catalog_pins_list(struct firn_catalog *catalog, uint32_t workspace,
                                           int (*visit)(void *ctx,
                                                        const struct firn_catalog_pins_pin *pin,
                                                        firn_error *err),
                                           void *ctx, firn_error *err);

#endif
