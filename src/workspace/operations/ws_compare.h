/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_compare.h: a checkpoint and the disk of now as the two sides of a difference,
 * without storing anything.
 */
#ifndef FIRN_OPERATIONS_WS_COMPARE_H
#define FIRN_OPERATIONS_WS_COMPARE_H

#include "handle/ws_internal.h"

struct firn_ws_compare {
    struct firn_ws_rules rules; /* of the checkpoint */
    struct firn_objects_treesink *treesink;
    struct firn_tree_source now;
    struct firn_scan_result scan;
    struct firn_difference_walk_side checkpoint_side; /* borrows the record's root */
    struct firn_difference_walk_side disk_side;
    bool is_watched; /* a watch has answered */
};

struct firn_ws_compare_options {
    unsigned threads;
    struct firn_ws_rules_today today;
    const firn_callbacks *callbacks;
};

/* Scans the disk as a save would now, with the options of the checkpoint: what today's rules
 * exclude is missing on the disk's side. *out must stay where it is and is to be deinited, also
 * after a failure. record is borrowed. */
FIRN_MUST_CHECK int firn_ws_compare_init(struct firn_ws_compare *out, struct firn_ws *ws,
                                         struct firn_ws_opened *opened,
                                         const struct firn_catalog_record *record,
                                         const struct firn_ws_compare_options *options,
                                         firn_error *err);
/* The same as a restore would: what the checkpoint's rules exclude is missing too; and what those of
 * a second one do, which may be NULL. */
FIRN_MUST_CHECK int firn_ws_compare_init_for_restore(
    struct firn_ws_compare *out, struct firn_ws *ws, struct firn_ws_opened *opened,
    const struct firn_catalog_record *record, const struct firn_catalog_record *second,
    const struct firn_ws_compare_options *options, firn_error *err);
void firn_ws_compare_deinit(struct firn_ws_compare *compare);

#endif
