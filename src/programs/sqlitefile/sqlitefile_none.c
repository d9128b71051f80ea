/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlitefile/sqlitefile_none.c: a program that was built without SQLite's headers copies no databases, and says so.
 */
#include <stdio.h>
#include <string.h>

#include "sqlitefile/sqlitefile.h"

int
firn_sqlitefile_copy(void *ctx, const char *path, char *out_copy, size_t copy_size, firn_error *err)
{
    (void)ctx;
    (void)path;
    if (copy_size > 0) {
        out_copy[0] = '\0';
    }
    memset(err, 0, sizeof *err);
    err->code = FIRN_UNSUPPORTED;
    (void)snprintf(err->text, sizeof err->text, "firn was built without SQLite");
    return FIRN_UNSUPPORTED;
}
