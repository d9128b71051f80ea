/* SPDX-License-Identifier: Apache-2.0
 *
 * tree/tree_reserved.h: the names of entries that no checkpoint holds and that no restore
 * writes, changes or removes: what version control and firn itself keep in a directory. Pure
 * functions over names: any thread, no failure.
 */
#ifndef FIRN_TREE_TREE_RESERVED_H
#define FIRN_TREE_TREE_RESERVED_H

#include "firn/types.h"

/* Why a name is reserved, one line without a stop; NULL if it is not, as nearly all. */
const char *firn_tree_reserved_name(firn_slice name);
/* The same of a path with slashes, for the first of its names that is reserved. */
const char *firn_tree_reserved_path(firn_slice path);
/* Whether a restore, of whatever tree, gives such names to what is new, or moved aside, until it has
 * ended: no scan takes it for something of the user's. */
bool firn_tree_reserved_is_temporary(firn_slice name);

#endif
