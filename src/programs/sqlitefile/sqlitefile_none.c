/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlitefile/sqlitefile_none.c: a program that was built without SQLite's headers copies no
 * databases, and says so.
 */
#include <stdio.h>
#include <string.h>

#include "sqlitefile/sqlitefile.h"

static int
sqlitefile_none_fail(firn_error *err)
{
    memset(err, 0, sizeof *err);
    err->code = FIRN_UNSUPPORTED;
    (void)snprintf(err->text, sizeof err->text, "firn was built without SQLite");
    return FIRN_UNSUPPORTED;
}

int
fi_sqlitefile_copy(void *ctx, const char *path, char *out_copy, size_t copy_size, firn_error *err)
{
    (void)ctx;
    (void)path;
    if (copy_size > 0) {
        out_copy[0] = '\0';
    }
    return sqlitefile_none_fail(err);
}

int
fi_sqlitefile_diff(const char *before, const char *after, struct fi_sqlitefile_show *show,
                   firn_error *err)
{
    (void)before;
    (void)after;
    (void)show;
    return sqlitefile_none_fail(err);
}

const char *
fi_sqlitefile_place(void)
{
    return "/tmp";
}

const char *
fi_sqlitefile_place_for(uint64_t bytes)
{
    (void)bytes;
    return fi_sqlitefile_place();
}

void
fi_sqlitefile_hide_for(const char *store_path)
{
    (void)store_path;
}

int
fi_sqlitefile_reader_open(const char *path, struct fi_sqlitefile_reader **out, firn_error *err)
{
    (void)path;
    *out = NULL;
    return sqlitefile_none_fail(err);
}

void
fi_sqlitefile_reader_close(struct fi_sqlitefile_reader *reader)
{
    (void)reader;
}

int
fi_sqlitefile_reader_query(struct fi_sqlitefile_reader *reader, const char *sql,
                           const char *parameter,
                           int (*on_row)(void *ctx, const struct fi_sqlitefile_value *values,
                                         size_t count),
                           void *ctx, firn_error *err)
{
    (void)reader;
    (void)sql;
    (void)parameter;
    (void)on_row;
    (void)ctx;
    return sqlitefile_none_fail(err);
}
