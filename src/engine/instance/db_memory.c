/* SPDX-License-Identifier: Apache-2.0
 *
 * instance/db_memory.c: how the memory budget is divided between the block cache and the memtables.
 *
 *          half                    three eighths              an eighth
 *   +-----------------------+-------------------------+-------------------+
 *   |      block cache      |        memtables        | indexes, filters  |
 *   +-----------------------+-------------------------+-------------------+
 *         <- borrowed by memtables while no block needs it (at most 3/4)
 *                           added to the cache ->  while memtables do not need it
 *
 * Memtables borrow when all of them together have more than their share, in steps, and give back
 * after flushes. What they leave of their share is added to the cache when the store is opened or
 * refreshed, when it was idle for a while (db_rest.c), and after a bulk load, which sorts in that
 * memory. Commits take it back step by step as memtables grow. A flush does not return it: under
 * steady writes the cache would otherwise grow and shrink with every flush.
 *
 * Failure: none. A cache whose blocks are pinned keeps them until they are unpinned.
 */
#include "instance/db_handle.h"

static size_t
to_size(uint64_t bytes)
{
    return bytes > SIZE_MAX / 16 ? SIZE_MAX / 16 : (size_t)bytes;
}

struct fi_db_limits
fi_db_memory_divide(uint64_t memory)
{
    enum { MEMTABLE_MIN = 64 << 10, MEMTABLE_MAX = 64 << 20, LOG_MIN = 1 << 20 };
    struct fi_db_limits limits = {.memory = memory};
    size_t eighth = to_size(memory / 8);
    limits.memtable = eighth < MEMTABLE_MIN   ? MEMTABLE_MIN
                      : eighth > MEMTABLE_MAX ? MEMTABLE_MAX
                                              : eighth;
    limits.memtables = 2 * limits.memtable;
    limits.memtables_max = 3 * limits.memtable;
    limits.cache = to_size(memory / 2);
    limits.spare = 3 * eighth;
    limits.log = memory / 4 < LOG_MIN ? LOG_MIN : memory / 4;
    limits.replay_max = limits.memtables_max;
    limits.disk_bytes = UINT64_MAX;
    return limits;
}

/* ---- what memtables borrow ---- */

/* Amounts change in steps of a quarter of a memtable. */
static size_t
next_step(const struct fi_db_limits *limits, size_t bytes)
{
    size_t step = limits->memtable / 4;
    return bytes / step * step + step;
}

void
fi_db_memory_borrow(struct firn_db *db)
{
    const struct fi_db_limits *limits = &db->limits;
    struct fi_lsm *lsm = fi_db_image(db)->lsm;
    size_t bytes = fi_lsm_memtable_excess(lsm);
    size_t borrowed = fi_block_cache_lend_bytes(db->cache);
    size_t wanted = bytes <= limits->memtables ? 0 : next_step(limits, bytes - limits->memtables);
    unsigned frozen;
    unsigned level0;
    fi_lsm_pressure(lsm, &frozen, &level0);
    if (frozen > 0 && wanted > borrowed) {
        return; /* more would only make more memtables wait for a flush */
    }
    if (wanted != borrowed && limits->disk_bytes == UINT64_MAX) {
        (void)fi_block_cache_lend(db->cache, wanted);
    }
}

/* ---- what they leave to the cache ---- */

static size_t
left_by_memtables(struct firn_db *db)
{
    const struct fi_db_limits *limits = &db->limits;
    size_t taken = next_step(limits, fi_lsm_memtable_excess(fi_db_image(db)->lsm));
    return taken < limits->spare ? limits->spare - taken : 0;
}

void
fi_db_memory_resolve(struct firn_db *db)
{
    fi_os_mutex_lock(&db->state_mutex);
    bool has_load = db->bulk != NULL;
    fi_os_mutex_unlock(&db->state_mutex);
    size_t slot = fi_epoch_enter(&db->epoch); /* the image of a read-only handle may be replaced */
    size_t left = left_by_memtables(db);
    fi_epoch_leave(&db->epoch, slot);
    fi_block_cache_lend_set_extra(db->cache, has_load ? 0 : left);
}

bool
fi_db_memory_undo(struct firn_db *db)
{
    size_t extra = fi_block_cache_lend_extra_bytes(db->cache);
    size_t bytes = fi_lsm_memtable_excess(fi_db_image(db)->lsm);
    if (extra == 0 || bytes <= db->limits.spare - extra) {
        return false;
    }
    fi_block_cache_lend_set_extra(db->cache, left_by_memtables(db));
    return true;
}
