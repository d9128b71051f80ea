/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_recover.h: putting to rest what an interrupted restore left on the disk, so that an
 * ordinary restore can go on from there.
 */
#ifndef FIRN_CHECKOUT_CHECKOUT_RECOVER_H
#define FIRN_CHECKOUT_CHECKOUT_RECOVER_H

#include "catalog/catalog_journal.h"
#include "handle/ws_internal.h"

/* journal is pending. Afterwards, durably, nothing stands under its temporary names, and every path
 * is as it was before, as it was to be, or as somebody has made it since. What had to be kept under
 * another name than its own is told (FIRN_NOTICE_KEPT). May be done again, after a failure or a
 * crash. */
FIRN_MUST_CHECK int firn_checkout_recover_rest(struct firn_ws_opened *opened,
                                               const struct firn_catalog_journal *journal,
                                               const firn_callbacks *callbacks, firn_error *err);

/* The record of a checkpoint by its id: its bytes replace the contents of out. FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int firn_checkout_recover_record(struct firn_ws_opened *opened, const uint8_t *id,
                                                 struct firn_buf *out,
                                                 struct firn_catalog_record *record,
                                                 firn_error *err);

#endif
