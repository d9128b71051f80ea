/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_keep.h: putting aside, under a name that a user sees, what is somebody's and
 * whose own name is taken.
 */
#ifndef FIRN_CHECKOUT_CHECKOUT_KEEP_H
#define FIRN_CHECKOUT_CHECKOUT_KEEP_H

#include "base/error.h"
#include "os/os.h"
#include "tree/tree.h"

/* Renames `name` in dir to "<wanted>.firn-kept-<8 hex digits of tag>", with a number behind it if
 * that is taken; wanted is cut where the whole would be too long. out gets the name. */
FIRN_MUST_CHECK int firn_checkout_keep_beside(struct firn_os_dir *dir, const char *name,
                                              firn_slice wanted, const uint8_t *tag,
                                              char out[FIRN_TREE_NAME_SIZE_MAX + 1],
                                              firn_error *err);

#endif
