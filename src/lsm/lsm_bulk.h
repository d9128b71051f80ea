/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_bulk.h: sorted entries of one commit straight into runs, for store/.
 *
 * One thread at a time. Use: create, add in the order of keys, finish; then, where nothing else
 * changes the tree, hold, install, and release once the commit is published; destroy.
 */
#ifndef FIRN_LSM_LSM_BULK_H
#define FIRN_LSM_LSM_BULK_H

#include "lsm/lsm.h"

struct firn_lsm_bulk;

FIRN_MUST_CHECK int firn_lsm_bulk_create(struct firn_lsm_tree *tree, struct firn_lsm_bulk **out,
                                         firn_error *err);
/* Entries with ascending keys, all of one sequence. After a failure only destroy is left. */
FIRN_MUST_CHECK int firn_lsm_bulk_add(struct firn_lsm_bulk *bulk, const struct firn_entry *entry,
                                      firn_error *err);
/* All that was added is in files that are durable, and that nobody knows. */
FIRN_MUST_CHECK int firn_lsm_bulk_finish(struct firn_lsm_bulk *bulk, firn_error *err);
/* Waits for works on the tree and keeps new ones from it, until release. */
void firn_lsm_bulk_hold(struct firn_lsm_bulk *bulk);
void firn_lsm_bulk_release(struct firn_lsm_bulk *bulk);
/* Whether the tree's memtables are empty. The leader's. */
bool firn_lsm_bulk_is_clear(const struct firn_lsm_bulk *bulk);
/* Durably makes the files runs of the tree. Its works are held, its memtables are empty, and the
 * sequence of the entries is above all that the tree has. FIRN_FAILED where it is not known whether
 * they are; otherwise a failure has changed nothing. */
FIRN_MUST_CHECK int firn_lsm_bulk_install(struct firn_lsm_bulk *bulk, firn_error *err);
/* Removes what was not installed. NULL is fine. */
void firn_lsm_bulk_destroy(struct firn_lsm_bulk *bulk);

#endif
