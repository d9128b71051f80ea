/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_able.h: which changes the system will not let a restore make.
 */
#ifndef FIRN_CHECKOUT_CHECKOUT_ABLE_H
#define FIRN_CHECKOUT_CHECKOUT_ABLE_H

#include "checkout/checkout_internal.h"

enum { FIRN_CHECKOUT_ABLE_TEXT_SIZE = FIRN_ERROR_TEXT_SIZE };

/* What one walk over the changes knows. Zeroed but for the first two it is ready. */
struct firn_checkout_able {
    struct firn_os_dir *root; /* of the tree on disk; borrowed */
    uint32_t user;
    bool is_taken;           /* what follows is of dir_path */
    struct firn_os_dir *dir; /* NULL: it is not there, or cannot be opened */
    struct firn_os_stat dir_stat;
    char dir_why[FIRN_CHECKOUT_ABLE_TEXT_SIZE]; /* why no name in it can be changed, or "" */
    struct firn_buf dir_path;
    struct firn_checkout_place place;
    struct firn_buf mount; /* path of the last directory at which something is mounted */
};

void firn_checkout_able_deinit(struct firn_checkout_able *able);

/* Why a change cannot be made, or "". To be asked of all changes in the order of the walk, but for those
 * in new directories. */
FIRN_MUST_CHECK int firn_checkout_able_ask(struct firn_checkout_able *able,
                                           const struct firn_difference_walk_change *change,
                                           char out_why[FIRN_CHECKOUT_ABLE_TEXT_SIZE],
                                           firn_error *err);

/* Whether a failure means that the system does not let us do it, and says nothing about other
 * entries. */
bool firn_checkout_able_is_refusal(int rc);

#endif
