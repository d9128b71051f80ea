/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlshell/sqlshell_load.c: finds SQLite's library when it is needed, so that no other command
 * waits for it.
 *
 * The program calls SQLite as an extension does: through the table of functions that SQLite hands
 * to extensions. SQLite gives that table to functions that are called when a connection is opened.
 * So firn's own entry is registered as such a function, one connection is opened, which calls it,
 * and it is taken back. Everything that the entry registers with that connection goes when it is
 * closed; sqlshell_session.c registers with its own.
 *
 * The library stays loaded until the program ends. Threads: the first one, before any other.
 */
#include "sqlshell/sqlshell_internal.h"

#include <assert.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "term/term.h"

/* The same name since SQLite 3; the library of the development package has another one. */
static const char library_name[] = "libsqlite3.so.0";

/* sqlextension/sqlextension.c; sets sqlite3_api. */
int sqlite3_firnsqlite_init(sqlite3 *db, char **text, const sqlite3_api_routines *api);

struct library {
    int (*auto_extension)(void (*entry)(void));
    int (*cancel_auto_extension)(void (*entry)(void));
    int (*open)(const char *path, sqlite3 **db);
    int (*close)(sqlite3 *db);
    const char *(*errmsg)(sqlite3 *db);
};

/* A function pointer is read as what dlsym says it is. */
static bool
sqlshell_load_find(void *handle, const char *name, void *out)
{
    void *symbol = dlsym(handle, name);
    assert(sizeof symbol == sizeof(void (*)(void)));
    memcpy(out, &symbol, sizeof symbol);
    return symbol != NULL;
}

static bool
find_all(void *handle, struct library *library)
{
    return sqlshell_load_find(handle, "sqlite3_auto_extension", &library->auto_extension) &&
           sqlshell_load_find(handle, "sqlite3_cancel_auto_extension",
                              &library->cancel_auto_extension) &&
           sqlshell_load_find(handle, "sqlite3_open", &library->open) &&
           sqlshell_load_find(handle, "sqlite3_close", &library->close) &&
           sqlshell_load_find(handle, "sqlite3_errmsg", &library->errmsg);
}

static int
unsupported(struct fi_sqlshell *shell, const char *why)
{
    return fi_command_report_error(shell->cli, FIRN_UNSUPPORTED,
                                   "install SQLite 3.38 or newer (Debian's libsqlite3-0)",
                                   "could not load SQLite: %s", why);
}

int
fi_sqlshell_load(struct fi_sqlshell *shell)
{
    struct library library = {.auto_extension = NULL};
    sqlite3 *db = NULL;
    if (sqlite3_api != NULL) {
        return FI_EXIT_OK;
    }
    void *handle = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL || !find_all(handle, &library)) {
        const char *why = dlerror();
        return unsupported(shell, why != NULL ? why : library_name);
    }
    void (*entry)(void) = (void (*)(void))sqlite3_firnsqlite_init;
    int rc = library.auto_extension(entry);
    if (rc == SQLITE_OK) {
        rc = library.open(":memory:", &db);
        (void)library.cancel_auto_extension(entry);
    }
    int exit_code = FI_EXIT_OK;
    if (rc != SQLITE_OK || sqlite3_api == NULL) {
        exit_code = unsupported(shell, db != NULL ? library.errmsg(db) : "out of memory");
    }
    (void)library.close(db);
    return exit_code;
}
