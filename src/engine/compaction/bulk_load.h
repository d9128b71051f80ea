/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/bulk_load.h: sorted entries of one commit straight into runs, for store/.
 *
 * One thread at a time. Use: create, add in the order of keys, finish; then, where nothing else
 * changes the tree, hold, install, and release once the commit is published; destroy.
 */
#ifndef FIRN_COMPACTION_BULK_LOAD_H
#define FIRN_COMPACTION_BULK_LOAD_H

#include "lsm/lsm.h"

struct firn_bulk_load;

FIRN_MUST_CHECK int firn_bulk_load_create(struct firn_lsm_tree *tree, struct firn_bulk_load **out,
                                          firn_error *err);
/* Entries with ascending keys, all of one sequence. After a failure only destroy is left. */
FIRN_MUST_CHECK int firn_bulk_load_add(struct firn_bulk_load *bulk, const struct firn_entry *entry,
                                       firn_error *err);
/* All that was added is in files that are durable, and that nobody knows. */
FIRN_MUST_CHECK int firn_bulk_load_finish(struct firn_bulk_load *bulk, firn_error *err);
/* Waits for works on the tree and keeps new ones from it, until release. */
void firn_bulk_load_hold(struct firn_bulk_load *bulk);
void firn_bulk_load_release(struct firn_bulk_load *bulk);
/* Whether the tree's memtables are empty. The leader's. */
bool firn_bulk_load_is_clear(const struct firn_bulk_load *bulk);
/* Durably makes the files runs of the tree. Its works are held, its memtables are empty, and the
 * sequence of the entries is above all that the tree has. FIRN_FAILED where it is not known whether
 * they are; otherwise a failure has changed nothing. */
FIRN_MUST_CHECK int firn_bulk_load_install(struct firn_bulk_load *bulk, firn_error *err);
/* Removes what was not installed. NULL is fine. */
void firn_bulk_load_destroy(struct firn_bulk_load *bulk);

#endif
