/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_trees.c: the directory objects of a store, for whoever walks trees.
 *
 * Trees are walked together, and again and again: a restore goes over the difference of two in each
 * of its passes. What changed lies in a few frames, mostly the same ones for both. So all walks of
 * an open store read through one pool of working memory, and a thread takes from it for the time of
 * one reading. What is read is copied out: nothing is borrowed from what has been given back.
 *
 * Memory: FIRN_OBJECTS_POOL_FRAMES frames (packfile_scratch.c) for each thread that reads trees or
 * makes deltas; beyond the first until firn_objects_trees_trim.
 */
#include "objects/objects_internal.h"

int
firn_objects_trees_read(void *ctx, const firn_hash *hash, struct firn_buf *out, firn_error *err)
{
    struct firn_objects *objects = ctx;
    struct firn_packfile_scratch *scratch;
    int rc = firn_packfile_scratch_pool_take(&objects->pool, &scratch, err);
    if (rc == FIRN_OK) {
        rc = firn_objects_stream_whole(objects, scratch, hash, out, err);
        firn_packfile_scratch_pool_give(&objects->pool, scratch);
    }
    return rc;
}

const struct firn_tree_source *
firn_objects_trees(const struct firn_objects *objects)
{
    return &objects->trees;
}

void
firn_objects_trees_trim(struct firn_objects *objects)
{
    firn_packfile_scratch_pool_trim(&objects->pool, 1);
}
