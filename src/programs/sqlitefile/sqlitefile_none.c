/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlitefile/sqlitefile_none.c: a program that was built without SQLite's headers copies no databases, and says so.
 */
#include <stdio.h>
#include <string.h>

#include "sqlitefile/sqlitefile.h"

static int
fail(firn_error *err)
{
    memset(err, 0, sizeof *err);
    err->code = FIRN_UNSUPPORTED;
    (void)snprintf(err->text, sizeof err->text, "firn was built without SQLite");
    return FIRN_UNSUPPORTED;
}

int
firn_sqlitefile_copy(void *ctx, const char *path, char *out_copy, size_t copy_size, firn_error *err)
{
    (void)ctx;
    (void)path;
    if (copy_size > 0) {
        out_copy[0] = '\0';
    }
    return fail(err);
}

int
firn_sqlitefile_diff(const char *before, const char *after, struct firn_sqlitefile_show *show,
                     firn_error *err)
{
    (void)before;
    (void)after;
    (void)show;
    return fail(err);
}

const char *
firn_sqlitefile_place(void)
{
    return "/tmp";
}
