/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_fence.h: up to where readers in other processes show what stands in the log.
 */
#ifndef FIRN_STORE_DB_FENCE_H
#define FIRN_STORE_DB_FENCE_H

#include "base/error.h"
#include "log/log.h"
#include "store/db.h"

/* Before a group of commits that wants a sync is appended: readers stop here. The leader's. */
void firn_db_fence_raise(struct firn_db *db);
/* When a group is acknowledged: readers see it. The leader's. */
void firn_db_fence_lower(struct firn_db *db, bool was_synced);

/* Opens the file that says it, for reading; NULL where there is none. */
FIRN_MUST_CHECK int firn_db_fence_open(struct firn_os_dir *dir, struct firn_os_file **out,
                                       firn_error *err);
/* For struct firn_log_fence; ctx is that file. */
FIRN_MUST_CHECK int firn_db_fence_ask(void *ctx, struct firn_log_position *out, bool *out_is_there,
                                      firn_error *err);

#endif
