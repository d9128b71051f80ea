/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlitefile/sqlitefile_fail.c: failures of this room and of SQLite, as those of the library.
 */
#include "sqlitefile/sqlitefile_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "term/term.h"

int
fi_sqlitefile_fail_statement(const struct fi_sqlitefile_library *library, sqlite3 *db,
                             const struct fi_sqlitefile_budget *budget, int rc, firn_error *err)
{
    if (fi_term_signals_caught() != 0) {
        return fi_sqlitefile_fail(err, FIRN_CANCELLED, "cancelled");
    }
    if (budget->whole > 0 && budget->left == 0) {
        return fi_sqlitefile_fail(err, FIRN_LIMIT,
                                  "its rows take more work than the size of the file allows");
    }
    return fi_sqlitefile_fail(err, (rc & 0xff) == SQLITE_NOMEM ? FIRN_NO_MEMORY : FIRN_CORRUPT,
                              "%s", db != NULL ? library->errmsg(db) : "out of memory");
}

int
fi_sqlitefile_fail(firn_error *err, int code, const char *format, ...)
{
    assert(code != FIRN_OK);
    if (err != NULL) {
        va_list values;
        va_start(values, format);
        memset(err, 0, sizeof *err);
        err->code = code;
        (void)vsnprintf(err->text, sizeof err->text, format, values);
        va_end(values);
        for (char *at = err->text; *at != '\0'; at++) {
            if (*at == '\n') {
                *at = ' ';
            }
        }
    }
    return code;
}
