/* SPDX-License-Identifier: Apache-2.0
 *
 * reclaim/reclaim_join.h: few packs, however many saves there were.
 */
#ifndef FIRN_RECLAIM_RECLAIM_JOIN_H
#define FIRN_RECLAIM_RECLAIM_JOIN_H

#include "handle/ws_internal.h"

/* Packs to be joined: fewer than this many small ones are left alone. */
enum { FIRN_RECLAIM_JOIN_PACKS = 5 };

/* Makes few packs of many small ones, if there are many. For a store that is open for writing, when
 * what was asked for is done: damage is told and leaves the pack where it is, and after any other
 * failure the store is as whole as before. */
FIRN_MUST_CHECK int firn_reclaim_join(struct firn_ws *ws, struct firn_ws_opened *opened,
                                      const firn_callbacks *callbacks, firn_error *err);

/* How many of these packs, the smallest first, are to become one; 0: none, there are fewer than
 * FIRN_RECLAIM_JOIN_PACKS. sizes ascend. Fewer than that are left then, too. */
size_t firn_reclaim_join_choose(const uint64_t *sizes, size_t count);

#endif
