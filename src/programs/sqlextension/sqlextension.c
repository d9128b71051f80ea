/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlextension/sqlextension.c: the entry that SQLite looks for when it loads firn_sqlite.so. The
 * name follows from that of the file: "sqlite3_", the letters of the file's name without "lib" and
 * digits, "_init".
 *
 * The library stays loaded when the connection is closed: threads of firn run in it, and
 * connections share stores. Programs that link the room sql directly call fi_sql_register and have
 * no need of this file.
 */
#include <sqlite3ext.h>

#include "sql/sql.h"
SQLITE_EXTENSION_INIT1

#pragma GCC visibility push(default)
int sqlite3_firnsqlite_init(sqlite3 *db, char **text, const sqlite3_api_routines *api);
#pragma GCC visibility pop

enum { SQLITE_VERSION_MIN = 3038000 };

int
sqlite3_firnsqlite_init(sqlite3 *db, char **text, const sqlite3_api_routines *api)
{
    SQLITE_EXTENSION_INIT2(api);
    if (sqlite3_libversion_number() < SQLITE_VERSION_MIN) {
        *text =
            sqlite3_mprintf("firn needs SQLite 3.38 or newer; this is %s", sqlite3_libversion());
        return SQLITE_ERROR;
    }
    int rc = fi_sql_register(db);
    if (rc != SQLITE_OK) {
        *text = sqlite3_mprintf("could not register firn's functions: %s", sqlite3_errmsg(db));
        return rc;
    }
    return SQLITE_OK_LOAD_PERMANENTLY;
}
