/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_refresh.h: what a restore has changed, made known to the stat cache, so that the
 * next save need not read it.
 */
#ifndef FIRN_CHECKOUT_CHECKOUT_REFRESH_H
#define FIRN_CHECKOUT_CHECKOUT_REFRESH_H

#include "difference/difference.h"
#include "handle/ws_internal.h"

/* Looks at the directories in which the two trees differ, reads what is not known of their files,
 * and remembers it where that makes `after`. Does nothing where much differs. request says by which
 * rules the tree was scanned. A failure leaves the cache as it was, or less: not as wrong. */
FIRN_MUST_CHECK int firn_checkout_refresh(struct firn_ws_opened *opened,
                                          const struct firn_ws_save_request *request,
                                          const struct firn_difference_walk_side *before,
                                          const struct firn_difference_walk_side *after,
                                          firn_error *err);

#endif
