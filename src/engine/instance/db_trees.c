/* SPDX-License-Identifier: Apache-2.0
 *
 * instance/db_trees.c: the list of an image's trees, by their ids.
 *
 * Trees are added by db_image.c, under the state mutex, and stay until the image is closed.
 */
#include "instance/db_handle.h"

#include "base/check.h"
#include "base/search.h"

size_t
firn_db_trees_count(const struct firn_db_image *image)
{
    return image->trees.size / sizeof(struct firn_db_tree *);
}

struct firn_db_tree *
firn_db_trees_at(const struct firn_db_image *image, size_t i)
{
    DCHECK(i < firn_db_trees_count(image));
    return ((struct firn_db_tree **)(void *)image->trees.data)[i];
}

struct firn_db_tree *
firn_db_trees_find(const struct firn_db_image *image, uint64_t id)
{
    DCHECK(image->is_listed); /* (I1) */
    size_t low = 0;
    size_t high = firn_db_trees_count(image);
    FIRN_SEARCH_FIRST(low, high, middle, firn_db_trees_at(image, middle)->id < id);
    struct firn_db_tree *tree =
        low < firn_db_trees_count(image) ? firn_db_trees_at(image, low) : NULL;
    return tree != NULL && tree->id == id ? tree : NULL;
}

void
firn_db_trees_note_removed(struct firn_db_image *image, struct firn_db_tree *tree)
{
    DCHECK(!tree->is_removed && tree->id != FIRN_DB_KEYSPACE_LIST);
    tree->is_removed = true;
    atomic_fetch_sub_explicit(&image->tree_count, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&image->given_count, !tree->is_own, memory_order_relaxed);
}
