/* SPDX-License-Identifier: Apache-2.0
 *
 * pack/packfile_pool.h: working memory for reading packs that threads share one after the other.
 */
#ifndef FIRN_PACK_PACKFILE_POOL_H
#define FIRN_PACK_PACKFILE_POOL_H

#include "pack/packfile.h"
#include "threads/os_thread.h"

struct firn_packfile_pool {
    unsigned frame_count_max; /* of each scratch */
    struct firn_os_mutex mutex;
    struct firn_packfile_scratch *first; /* idle; under mutex */
};

void firn_packfile_pool_init(struct firn_packfile_pool *pool, struct firn_os *os,
                             unsigned frame_count_max);
/* All that were taken have been given back. */
void firn_packfile_pool_deinit(struct firn_packfile_pool *pool);
/* The one that was given back last, or a new one. Any thread, as the rest. */
FIRN_MUST_CHECK int firn_packfile_pool_take(struct firn_packfile_pool *pool,
                                            struct firn_packfile_scratch **out, firn_error *err);
/* NULL is fine. */
void firn_packfile_pool_give(struct firn_packfile_pool *pool,
                             struct firn_packfile_scratch *scratch);
/* Frees all that are idle but so many. */
void firn_packfile_pool_trim(struct firn_packfile_pool *pool, unsigned count_max);

#endif
