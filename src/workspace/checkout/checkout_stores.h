/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_stores.h: firn stores in the tree that a restore is about to change.
 */
#ifndef FIRN_CHECKOUT_CHECKOUT_STORES_H
#define FIRN_CHECKOUT_CHECKOUT_STORES_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/hash_map.h"
#include "difference/difference.h"
#include "os/os.h"

/* Zeroed but for the first three it is ready to find them. */
struct firn_checkout_stores {
    struct firn_os_dir *root;
    int64_t lock_timeout_ms;     /* to wait for the writer of each; negative: for ever */
    bool is_dry;                 /* only looked at */
    struct firn_hash_map stores; /* all of them, by their paths */
    struct firn_hash_map tails;  /* paths of files, as firn_checkout_stores_has_tail has them */
    struct firn_arena arena;
};

/* Takes over those that the scan of the present state has met (struct firn_scan_result), which has
 * to stay. Once. */
FIRN_MUST_CHECK int firn_checkout_stores_find(struct firn_checkout_stores *stores, firn_slice found,
                                              firn_error *err);
/* Lets writers in again. */
void firn_checkout_stores_deinit(struct firn_checkout_stores *stores);

/* Before something is changed: keeps writers out of the store that it is a part of. FIRN_BUSY, naming
 * the store and the holder, if there is one for all of lock_timeout_ms, and also if there was one for
 * a part of it, or the store has changed since the scan: all has to be looked at again. */
FIRN_MUST_CHECK int firn_checkout_stores_change(struct firn_checkout_stores *stores,
                                                const struct firn_difference_walk_change *change,
                                                firn_error *err);

/* Whether something at a path is the lock of a store in the tree: in no checkpoint, but for those of
 * earlier versions, and never to be restored. */
bool firn_checkout_stores_is_lock(const struct firn_checkout_stores *stores, firn_slice path);

/* ---- of stores that are changed; of all others: no ---- */

/* Whether the file at a path was saved as far as it belongs to a store, and may be longer. */
bool firn_checkout_stores_is_cut(const struct firn_checkout_stores *stores, firn_slice path);
/* Whether it is longer. */
bool firn_checkout_stores_has_tail(const struct firn_checkout_stores *stores, firn_slice path);
/* Whether an entry of the directory dir, which the tree has at a path, is no directory and was left
 * out because the store makes it again. */
bool firn_checkout_stores_is_leftover(const struct firn_checkout_stores *stores,
                                      struct firn_os_dir *dir, firn_slice path, const char *name);
/* Removes all of that kind from a directory that is to go. The lock stays where anything else does. */
FIRN_MUST_CHECK int firn_checkout_stores_clear(const struct firn_checkout_stores *stores,
                                               struct firn_os_dir *dir, firn_slice path,
                                               firn_error *err);

#endif
