/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_turns.h: the turns of coding agents that have begun.
 *
 *   "firn.turns":   be32 workspace | sized agent | session
 *                   → u8 format (1) | le64 time in ns | varint number | sized prompt
 *
 * An agent tells the prompt when a turn begins, and not all of them tell it again when it ends. An
 * entry stays until the session's next turn, so that a turn that ends twice has its prompt twice.
 */
#ifndef FIRN_CATALOG_CATALOG_TURNS_H
#define FIRN_CATALOG_CATALOG_TURNS_H

#include "catalog/catalog.h"

enum { FIRN_CATALOG_TURNS_MAX = 64 }; /* of a workspace; the oldest go */

/* The turn of an agent and session that began last: its bytes replace the contents of out, *turn
 * borrows from them. FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int firn_catalog_turns_get(struct firn_catalog *catalog, uint32_t workspace,
                                           firn_slice agent, firn_slice session,
                                           struct firn_buf *out, firn_workspace_turn *turn,
                                           firn_error *err);
/* Notes that a turn has begun, in a commit of its own that is not synced. */
FIRN_MUST_CHECK int firn_catalog_turns_put(struct firn_catalog *catalog, uint32_t workspace,
                                           const firn_workspace_turn *turn, int64_t now_ns,
                                           firn_error *err);

#endif
