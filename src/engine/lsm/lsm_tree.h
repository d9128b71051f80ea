/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_tree.h: making and destroying the handles of trees, for lsm.c.
 */
#ifndef FIRN_LSM_LSM_TREE_H
#define FIRN_LSM_LSM_TREE_H

#include "lsm/lsm_internal.h"

/* Adds a tree to lsm; a version of NULL is an empty one. */
FIRN_MUST_CHECK int firn_lsm_tree_create(struct firn_lsm *lsm, uint32_t id,
                                         struct firn_version *version, struct firn_lsm_tree **out,
                                         firn_error *err);
/* NULL if there is none, or if it has been dropped. The handle stays until lsm is closed. */
struct firn_lsm_tree *firn_lsm_tree_find(struct firn_lsm *lsm, uint32_t id);
/* Nobody uses it any more. */
void firn_lsm_tree_destroy(struct firn_lsm_tree *tree);

#endif
