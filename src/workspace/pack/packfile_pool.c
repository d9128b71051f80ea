/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/packfile_pool.c: working memory for reading packs that threads share one after the other.
 *
 * Who takes one gets the one that was given back last, which has the frames read last. As many are
 * made as are ever taken at the same moment; they stay until the pool is trimmed or goes.
 */
#include "pack/packfile_pool.h"

#include "base/check.h"
#include "pack/packfile_internal.h"

void
firn_packfile_pool_init(struct firn_packfile_pool *pool, struct firn_os *os,
                        unsigned frame_count_max)
{
    *pool = (struct firn_packfile_pool){.frame_count_max = frame_count_max};
    firn_os_mutex_init(os, &pool->mutex, FIRN_LOCK_PACK_SET);
}

void
firn_packfile_pool_deinit(struct firn_packfile_pool *pool)
{
    firn_packfile_pool_trim(pool, 0);
    firn_os_mutex_deinit(&pool->mutex);
}

int
firn_packfile_pool_take(struct firn_packfile_pool *pool, struct firn_packfile_scratch **out,
                        firn_error *err)
{
    firn_os_mutex_lock(&pool->mutex);
    struct firn_packfile_scratch *scratch = pool->first;
    if (scratch != NULL) {
        pool->first = *firn_packfile_scratch_link(scratch);
    }
    firn_os_mutex_unlock(&pool->mutex);
    *out = scratch;
    return scratch != NULL ? FIRN_OK
                           : firn_packfile_scratch_create(pool->frame_count_max, out, err);
}

void
firn_packfile_pool_give(struct firn_packfile_pool *pool, struct firn_packfile_scratch *scratch)
{
    if (scratch == NULL) {
        return;
    }
    firn_os_mutex_lock(&pool->mutex);
    DCHECK(scratch != pool->first);
    *firn_packfile_scratch_link(scratch) = pool->first;
    pool->first = scratch;
    firn_os_mutex_unlock(&pool->mutex);
}

void
firn_packfile_pool_trim(struct firn_packfile_pool *pool, unsigned count_max)
{
    firn_os_mutex_lock(&pool->mutex);
    struct firn_packfile_scratch **link = &pool->first;
    for (unsigned i = 0; i < count_max && *link != NULL; i++) {
        link = firn_packfile_scratch_link(*link);
    }
    struct firn_packfile_scratch *rest = *link;
    *link = NULL;
    firn_os_mutex_unlock(&pool->mutex);
    while (rest != NULL) {
        struct firn_packfile_scratch *scratch = rest;
        rest = *firn_packfile_scratch_link(scratch);
        firn_packfile_scratch_destroy(scratch);
    }
}
