/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/bulk.h: loading many entries at once.
 *
 * A load is one commit that does not pass through the log and is written once, straight to where it
 * will stay: half the work of batches, or less, where the keys lie apart from those that are there
 * already.
 *
 * Caveats first.
 * - Nothing of a load is seen before its commit, and all of it afterwards, durably. A crash before
 *   leaves nothing of it.
 * - Keys have to ascend. Where they come in any order, say so (unsorted): they are written twice,
 *   and take up to a quarter of memory_bytes more meanwhile.
 * - Other commits go on while it is open; they count as earlier, so where they wrote the same keys
 *   the load is newer.
 * - One load of a store is open at a time (FIRN_BUSY). It belongs to one thread at a time, and is to
 *   be closed before the store.
 */
#ifndef FIRN_BULK_H
#define FIRN_BULK_H

#include <stdbool.h>

#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct firn_db_bulk firn_bulk;
typedef struct firn_bulk_options {
    size_t size;   /* sizeof(firn_bulk_options) */
    bool unsorted; /* keys in any order; of one key the last entry counts. Else they ascend */
    /* Called a few times a second while firn_bulk_commit writes what was not sorted, if it is not
     * NULL; another return than FIRN_OK ends the commit, which then fails with FIRN_CANCELLED. */
    int (*on_progress)(void *ctx, const firn_progress *progress);
    void *ctx;
} firn_bulk_options;
#define FIRN_BULK_OPTIONS_INIT                       \
    {                                                \
        sizeof(firn_bulk_options), false, NULL, NULL \
    }
/* options may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_bulk_open(firn_keyspace *keyspace,
                                            const firn_bulk_options *options, firn_bulk **out,
                                            firn_error *err);
/* Copies key and value. FIRN_INVALID for a key that is not above the one before, where they have to
 * ascend, FIRN_LIMIT for what is too long: nothing is taken then, and the load goes on. After any
 * other failure only closing is left. */
FIRN_API FIRN_MUST_CHECK int firn_bulk_put(firn_bulk *bulk, firn_slice key, firn_slice value,
                                           firn_error *err);
/* With a time to live, counted from this call. */
FIRN_API FIRN_MUST_CHECK int firn_bulk_put_ttl(firn_bulk *bulk, firn_slice key, firn_slice value,
                                               uint64_t ttl_ms, firn_error *err);
/* How many entries were taken. */
FIRN_API uint64_t firn_bulk_count(const firn_bulk *bulk);
/* Commits; other commits wait for it. Once: then only closing is left. FIRN_CONFLICT where more
 * than 200 million commits came since it was opened. */
FIRN_API FIRN_MUST_CHECK int firn_bulk_commit(firn_bulk *bulk, firn_error *err);
/* Forgets what was not committed. NULL is fine. */
FIRN_API void firn_bulk_close(firn_bulk *bulk);

#ifdef __cplusplus
}
#endif
#endif
