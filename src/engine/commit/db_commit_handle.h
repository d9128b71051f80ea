/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/db_commit_handle.h: what the rooms that work on the structures of an open store
 * call to commit.
 */
#ifndef FIRN_COMMIT_DB_COMMIT_HANDLE_H
#define FIRN_COMMIT_DB_COMMIT_HANDLE_H

#include "commit/db_commit.h"
#include "upkeep/db_upkeep_handle.h"

/* ---- db_write.c ---- */

/* As fi_db_write, for a batch of this store that is not empty. */
FIRN_MUST_CHECK int fi_db_write_checked(struct firn_db *db, const struct firn_db_batch *batch,
                                        const struct fi_db_write_check *check,
                                        firn_durability durability, firn_error *err);
/* Waits until all commits that are queued now have ended; those that succeeded are then published.
 * Never fails: refused commits have ended too. Requires: the handle may write. */
void fi_db_write_barrier(struct firn_db *db);
/* As fi_db_write, for a batch that names or drops a tree. */
FIRN_MUST_CHECK int fi_db_write_list(struct firn_db *db, const struct firn_db_batch *batch,
                                     const struct fi_db_write_change *change, firn_error *err);

#endif
