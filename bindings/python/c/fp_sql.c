/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_sql.c: SQL by Python's sqlite3 over a store that Python has open.
 *
 * The SQL extension of firn is linked into this file too, so SQLite loads the same file that Python has imported, finds
 * sqlite3_firn_init in it, and both use one libfirn. A store is lent to the extension the first time that SQL is asked for, under
 * its path; connections of this process that attach the path share the handle. Where sqlite3 was compiled without extensions, the library
 * below it still has sqlite3_auto_extension: _sqlite.py registers fp_sql_entry there. It is taken back before the store is closed. A Store that
 * is collected while a connection has it attached leaves its core to the extension, which releases it with the last of them.
 */
#include "fp_sql.h"

#ifdef FP_HAS_SQL
#include <sqlite3ext.h>
#include <stdio.h>

#include "sql/sql.h"

/* Of sqlextension.c, for files that are called firn_sqlite. */
int sqlite3_firnsqlite_init(sqlite3 *db, char **text, const sqlite3_api_routines *api);
/* For this one, by the rule of SQLite: the letters of its name. */
int sqlite3_firn_init(sqlite3 *db, char **text, const sqlite3_api_routines *api)
    __attribute__((visibility("default")));

int
sqlite3_firn_init(sqlite3 *db, char **text, const sqlite3_api_routines *api)
{
    return sqlite3_firnsqlite_init(db, text, api);
}

/* Whether the connection that this thread opens gets the extension. */
static _Thread_local bool is_awaited;

/* What SQLite calls for every connection of the process, once it is registered. */
static int
enter_connection(sqlite3 *db, char **text, const sqlite3_api_routines *api)
{
    if (!is_awaited) {
        return SQLITE_OK;
    }
    if (api == NULL) {
        return SQLITE_ERROR; /* compiled with SQLITE_OMIT_LOAD_EXTENSION */
    }
    int code = sqlite3_firn_init(db, text, api);
    return code == SQLITE_OK_LOAD_PERMANENTLY ? SQLITE_OK : code;
}

PyObject *
fp_sql_entry(PyObject *self, PyObject *ignored)
{
    (void)self;
    (void)ignored;
    return PyLong_FromVoidPtr((void *)(uintptr_t)enter_connection);
}

PyObject *
fp_sql_await(PyObject *self, PyObject *flag)
{
    (void)self;
    int is_true = PyObject_IsTrue(flag);
    if (is_true < 0) {
        return NULL;
    }
    is_awaited = is_true != 0;
    Py_RETURN_NONE;
}

PyObject *
fp_sql_lend(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    fp_store *self = (fp_store *)object;
    firn_store *store = fp_enter(self, NULL);
    if (store == NULL) {
        return NULL;
    }
    PyObject *path = self->path;
    if (path != NULL) {
        Py_INCREF(path);
    } else {
        path = PyUnicode_FromFormat("/dev/null/firn-%p", (void *)store);
    }
    PyObject *bytes = path != NULL ? fp_path(path) : NULL;
    int code = bytes == NULL ? FIRN_INVALID
               : self->is_lent
                   ? FIRN_OK
                   : fi_sql_store_lend(store, PyBytes_AsString(bytes), self->is_read_only);
    fp_leave(self, NULL);
    Py_XDECREF(bytes);
    if (code != FIRN_OK) {
        Py_XDECREF(path);
        return PyErr_Occurred() ? NULL : fp_raise(code, NULL);
    }
    self->is_lent = true;
    return path;
}

bool
fp_sql_take_back(fp_store *store)
{
    if (!store->is_lent) {
        return true;
    }
    int code = fi_sql_store_undo(store->core->store);
    if (code != FIRN_OK) {
        fp_raise_text(FIRN_MISUSE, "the store is in use: a connection of sqlite3 has it attached");
        return false;
    }
    store->is_lent = false;
    return true;
}

static void
release_core(void *ctx)
{
    fp_core_unref(ctx);
}

void
fp_sql_leave(struct fp_core *core)
{
    fi_sql_store_leave(core->store, release_core, core);
}

#else

static PyObject *
refuse_sql(void)
{
    return fp_raise_text(FIRN_UNSUPPORTED,
                         "this package was built without SQL: SQLite's headers were missing");
}

PyObject *
fp_sql_entry(PyObject *self, PyObject *ignored)
{
    (void)self;
    (void)ignored;
    return refuse_sql();
}

PyObject *
fp_sql_await(PyObject *self, PyObject *flag)
{
    (void)self;
    (void)flag;
    return refuse_sql();
}

PyObject *
fp_sql_lend(PyObject *self, PyObject *ignored)
{
    (void)self;
    (void)ignored;
    return refuse_sql();
}

bool
fp_sql_take_back(fp_store *store)
{
    (void)store;
    return true;
}

void
fp_sql_leave(struct fp_core *core)
{
    fp_core_unref(core);
}

#endif
