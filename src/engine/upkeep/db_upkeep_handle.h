/* SPDX-License-Identifier: Apache-2.0
 *
 * upkeep/db_upkeep_handle.h: what commits and the store ask of upkeep.
 */
#ifndef FIRN_UPKEEP_DB_UPKEEP_HANDLE_H
#define FIRN_UPKEEP_DB_UPKEEP_HANDLE_H

#include "reading/db_reading_handle.h"
#include "upkeep/db_upkeep.h"

/* ---- db_dropped.c ---- */

/* Removes dropped trees that no reader uses. Requires: the leader's place is taken. */
FIRN_MUST_CHECK int fi_db_dropped_remove(struct firn_db *db, firn_error *err);

/* ---- db_full.c ---- */

/* FIRN_NO_SPACE while the disk is full, for a commit that puts anything. Also for a commit that
 * does not, if it leaves too little for the compactions that free space, unless is_urgent. For the
 * leader only. */
FIRN_MUST_CHECK int fi_db_full_admit(struct firn_db *db, bool has_puts, bool is_urgent,
                                     size_t bytes, firn_error *err);
/* Frees the space of what was deleted, in the calling thread: called after a commit that only
 * deletes failed with FIRN_NO_SPACE. If that failed before, and nothing was committed since, it is
 * not tried again, unless the caller has waited for the background, which may have freed something.
 * Any thread that does not lead. */
void fi_db_full_drain(struct firn_db *db, bool has_waited);

/* ---- db_maintain.c ---- */

/* Writes all memtables to runs, in the calling thread. */
FIRN_MUST_CHECK int fi_db_maintain_flush_memtables(struct firn_db *db, firn_error *err);

/* ---- db_throttle.c ---- */

/* Called before bytes are committed: waits until there is room, or fails with the reason. For the
 * leader only, as the next two. */
FIRN_MUST_CHECK int fi_db_throttle_admit(struct firn_db *db, size_t bytes, firn_error *err);
/* Called after a group has written to the trees of a list (linked by next_touched): freezes
 * memtables that have grown too large. Failures are noted. */
void fi_db_throttle_follow_up(struct firn_db *db, struct fi_db_tree *touched);

/* ---- db_rest.c ---- */

/* A log that is longer is worth shortening. */
#define FI_DB_REST_LEAST_BYTES (UINT64_C(1) << 20)

/* For struct fi_db_rest: waits until the store is idle, and then frees what is kept for
 * commits. */
void fi_db_rest_watch(void *db);
/* Whether there was no commit for a while; if so, frees what is kept for future commits. One thread
 * at a time. */
bool fi_db_rest_inspect(struct firn_db *db);

#endif
