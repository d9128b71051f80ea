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
fi_db_trees_count(const struct fi_db_image *image)
{
    return image->trees.size / sizeof(struct fi_db_tree *);
}

struct fi_db_tree *
fi_db_trees_at(const struct fi_db_image *image, size_t i)
{
    DCHECK(i < fi_db_trees_count(image));
    return ((struct fi_db_tree **)(void *)image->trees.data)[i];
}

struct fi_db_tree *
fi_db_trees_find(const struct fi_db_image *image, uint64_t id)
{
    DCHECK(image->is_listed); /* (I1) */
    size_t low = 0;
    size_t high = fi_db_trees_count(image);
    FI_SEARCH_FIRST(low, high, middle, fi_db_trees_at(image, middle)->id < id);
    struct fi_db_tree *tree = low < fi_db_trees_count(image) ? fi_db_trees_at(image, low) : NULL;
    return tree != NULL && tree->id == id ? tree : NULL;
}

void
fi_db_trees_note_removed(struct fi_db_image *image, struct fi_db_tree *tree)
{
    DCHECK(!tree->is_removed && tree->id != FI_DB_KEYSPACE_LIST);
    tree->is_removed = true;
    atomic_fetch_sub_explicit(&image->tree_count, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&image->given_count, !tree->is_own, memory_order_relaxed);
}
