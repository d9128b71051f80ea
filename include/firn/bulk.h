/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/bulk.h: loading many entries at once.
 *
 * A load is one commit that bypasses the log and is written once, directly to its final place. It does
 * half the work of batches, or less, if few existing keys lie between the new ones.
 *
 * - Nothing of a load is visible before its commit, and all of it afterwards, durably. A crash before
 *   the commit leaves nothing of it.
 * - Keys must ascend. If they do not, set `unsorted`: entries are then written twice, and use up to a
 *   quarter of memory_bytes in addition.
 * - Other commits continue while a load is open. They count as earlier: if they wrote the same keys,
 *   the load wins.
 * - One load of a store is open at a time (FIRN_BUSY). It belongs to one thread at a time. Close it
 *   before the store.
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
    size_t size;              /* sizeof(firn_bulk_options) */
    bool unsorted;            /* keys in any order; the last entry of a key wins */
    firn_callbacks callbacks; /* of firn_bulk_commit, while it writes unsorted entries */
} firn_bulk_options;
#define FIRN_BULK_OPTIONS_INIT                                \
    {                                                         \
        sizeof(firn_bulk_options), false, FIRN_CALLBACKS_INIT \
    }
/* Begins a load into a keyspace. */
FIRN_API FIRN_MUST_CHECK int firn_bulk_open(firn_keyspace *keyspace,
                                            const firn_bulk_options *options, firn_bulk **out,
                                            firn_error *err);
/* Copies key and value. FIRN_INVALID for a key that does not ascend where it must, FIRN_LIMIT for one
 * that is too long: the entry is not taken, and the load continues. After any other failure the load
 * can only be closed. */
FIRN_API FIRN_MUST_CHECK int firn_bulk_put(firn_bulk *bulk, firn_slice key, firn_slice value,
                                           firn_error *err);
/* Adds an entry that expires. The time to live starts with this call; 0: the value never expires. */
FIRN_API FIRN_MUST_CHECK int firn_bulk_put_ttl(firn_bulk *bulk, firn_slice key, firn_slice value,
                                               uint64_t ttl_ms, firn_error *err);
/* The number of entries taken so far. */
FIRN_API uint64_t firn_bulk_count(const firn_bulk *bulk);
/* Commits, once; other commits wait for it. The load can only be closed afterwards. FIRN_CONFLICT if
 * more than 200 million commits came since it was opened. */
FIRN_API FIRN_MUST_CHECK int firn_bulk_commit(firn_bulk *bulk, firn_error *err);
/* Discards a load that was not committed. NULL is allowed. */
FIRN_API void firn_bulk_close(firn_bulk *bulk);

#ifdef __cplusplus
}
#endif
#endif
