/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_trees.c: the directory objects of a store, for walks over trees.
 *
 * Trees are walked in pairs, and repeatedly: a restore walks them to plan, to record what it has
 * done and, if there are very many changes, in each of its passes. The directories that differ are
 * in a few frames, mostly the same ones for both trees. So all walks of an open store share one
 * pool of scratches; a thread takes one for the time of one read. Content is copied out, so nothing
 * is borrowed from a scratch that has been given back.
 *
 * Memory: FI_OBJECTS_POOL_FRAMES frames (pack_scratch.c) for each thread that reads trees or
 * makes deltas. All but the first scratch are freed by fi_objects_trees_trim.
 */
#include "objects/objects.h"

#include "objects/objects_internal.h"

/* The read function of objects->trees; ctx is the objects. */
static int
trees_read(void *ctx, const firn_hash *hash, struct fi_buf *out, firn_error *err)
{
    struct fi_objects *objects = ctx;
    struct fi_pack_scratch *scratch;
    int rc = fi_pack_scratch_pool_take(&objects->pool, &scratch, err);
    if (rc == FIRN_OK) {
        rc = fi_objects_stream_whole(objects, scratch, hash, out, err);
        fi_pack_scratch_pool_give(&objects->pool, scratch);
    }
    return rc;
}

const struct fi_tree_source *
fi_objects_trees(const struct fi_objects *objects)
{
    return &objects->trees;
}

void
fi_objects_trees_trim(struct fi_objects *objects)
{
    fi_pack_scratch_pool_trim(&objects->pool, 1);
}

void
fi_objects_trees_init(struct fi_objects *objects)
{
    objects->trees = (struct fi_tree_source){.read = trees_read, .ctx = objects};
    fi_pack_scratch_pool_init(&objects->pool, objects->os, FI_OBJECTS_POOL_FRAMES);
}
