/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_exchange.c: two names in one directory that change places.
 *
 * Where the file system can, in one step. Where it cannot, in three renames, between which one of
 * the things stands under a third name, "<temporary name>.old"; a crash there leaves the second
 * name free for a moment's length, which recovery knows (checkout_recover.c). No rename replaces
 * anything.
 */
#include <stdio.h>

#include "base/check.h"
#include "checkout/checkout_internal.h"

int
firn_checkout_exchange(struct firn_os_dir *dir, const char *temporary, const char *final,
                       firn_error *err)
{
    DCHECK(firn_tree_reserved_is_temporary(firn_str(temporary)) && strcmp(temporary, final) != 0);
    int rc = firn_os_rename(dir, temporary, dir, final, FIRN_OS_RENAME_EXCHANGE, err);
    if (rc != FIRN_UNSUPPORTED && rc != FIRN_INVALID) {
        return rc;
    }
    char aside[FIRN_CHECKOUT_NAME_SIZE];
    (void)snprintf(aside, sizeof aside, "%.43s.old", temporary);
    DCHECK(firn_tree_reserved_is_temporary(firn_str(aside))); /* recovery looks for that form */
    FIRN_TRY(firn_os_rename(dir, final, dir, aside, FIRN_OS_RENAME_NO_REPLACE, err));
    FIRN_TRY(firn_os_rename(dir, temporary, dir, final, FIRN_OS_RENAME_NO_REPLACE, err));
    FIRN_TRY(firn_os_rename(dir, aside, dir, temporary, FIRN_OS_RENAME_NO_REPLACE, err));
out:
    return rc;
}
