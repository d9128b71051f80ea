/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_gather.c: how many commits share one sync.
 *
 * Writers that wait for syncs tend to fall into two halves: while one half is being synced the
 * other queues up, and whoever of the first is released just misses the sync of the second. Then
 * each sync serves half of the writers. All of them would fit into one: those just released come
 * back within some microseconds, a small part of what a sync takes.
 *
 * So a leader whose predecessor synced first waits for as many commits as took part lately: those
 * of the last group and those that were waiting when it ended. It waits 20 microseconds at most,
 * and not at all where that was one, so a single writer pays nothing; and a writer that stopped
 * coming costs the others one such wait, since the next expectation is what then came.
 *
 * The waiting is yielding: the writers that are waited for need the processor, and no timer of the
 * system is fine enough. In simulation there is nobody to wait for.
 *
 * Locking: the mutex of commits guards the fields; it is free while the leader yields. The leader's place
 * is taken, so nobody else takes from the queue.
 */
#include "base/check.h"
#include "store/db_internal.h"

#include "threads/os_thread.h"

enum { WAIT_NS_MAX = 20000 };

void
firn_db_gather_wait_locked(struct firn_db *db)
{
    firn_os_mutex_assert_held(&db->commits.mutex);
    DCHECK(db->commits.is_leading);
    struct firn_db_gather *gather = &db->commits.gather;
    if (gather->expected < 2 || gather->queued >= gather->expected) {
        return;
    }
    int64_t end = firn_os_monotonic_ns(db->os) + WAIT_NS_MAX;
    while (gather->queued < gather->expected && firn_os_monotonic_ns(db->os) < end) {
        firn_os_mutex_unlock(&db->commits.mutex);
        bool has_others = firn_os_yield(db->os);
        firn_os_mutex_lock(&db->commits.mutex);
        if (!has_others) {
            return;
        }
    }
}

void
firn_db_gather_note_locked(struct firn_db *db, unsigned commits, bool was_synced)
{
    firn_os_mutex_assert_held(&db->commits.mutex);
    DCHECK(db->commits.is_leading && commits > 0);
    db->commits.gather.expected = was_synced ? commits + db->commits.gather.queued : 0;
}
