/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_restore_unsaved.h: which entries a safety checkpoint lacks, or has without
 * some of their attributes, because they could not be read.
 */
#ifndef FIRN_OPERATIONS_WS_RESTORE_UNSAVED_H
#define FIRN_OPERATIONS_WS_RESTORE_UNSAVED_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/hash_map.h"
#include "checkout/checkout.h"
#include "firn/workspace.h"

struct firn_ws_restore_unsaved {
    firn_callbacks outer;
    struct firn_hash_map
        paths;                /* of entries that are not saved, or not whole, for want of access */
    struct firn_buf excluded; /* uint64_t each: hashes of the paths that rules leave out */
    bool is_sorted;           /* those are */
    struct firn_arena arena;
    bool is_out_of_memory;
};

/* Fills *out_callbacks for a scan: notices are looked at and handed on to outer. *unsaved stays
 * where it is until deinit. */
void firn_ws_restore_unsaved_init(struct firn_ws_restore_unsaved *unsaved,
                                  const firn_callbacks *outer, firn_callbacks *out_callbacks);
void firn_ws_restore_unsaved_deinit(struct firn_ws_restore_unsaved *unsaved);
/* FIRN_NO_MEMORY if something was forgotten. */
FIRN_MUST_CHECK int firn_ws_restore_unsaved_check(const struct firn_ws_restore_unsaved *unsaved,
                                                  firn_error *err);
/* For firn_checkout_options. After the scan; one thread. */
enum firn_checkout_unsaved firn_ws_restore_unsaved_why(void *ctx, firn_slice path,
                                                       size_t *out_size);

#endif
