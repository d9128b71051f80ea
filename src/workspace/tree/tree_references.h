/* SPDX-License-Identifier: Apache-2.0
 *
 * tree/tree_references.h: which objects a directory object names.
 */
#ifndef FIRN_TREE_TREE_REFERENCES_H
#define FIRN_TREE_TREE_REFERENCES_H

#include <stdbool.h>

#include "base/error.h"
#include "firn/types.h"

/* Calls visit for each object that one directory object (of any level) names: its parts, the
 * objects of its subdirectories (is_tree), the contents of its files (not is_tree). The object is
 * judged entry by entry, not as part of a directory: FIRN_CORRUPT, FIRN_NEWER. Another return of
 * visit than FIRN_OK ends it and is returned. */
FIRN_MUST_CHECK int firn_tree_references(firn_slice object,
                                         int (*visit)(void *ctx, const firn_hash *hash,
                                                      bool is_tree, firn_error *err),
                                         void *ctx, firn_error *err);

#endif
