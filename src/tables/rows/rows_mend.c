/* SPDX-License-Identifier: Apache-2.0
 *
 * rows/rows_mend.c: tables of a store that has lost something.
 *
 * A repair keeps whole runs, and the log up to its first bad place. So rows may be there in an older version
 * or not at all, and each keyspace has lost something else: entries of indexes lead to rows that are gone,
 * and rows have no entries. Rows are what counts: every index is made again from them, with a number of its own.
 * Rows that were replaced long ago may come back beside those that took their values over. A unique index
 * that two rows would share is dropped then, and named.
 *
 * A table whose record is lost cannot be read, and its runs can be neither merged nor flushed, because their
 * columns are unknown. The table is taken out, and named; the damaged store still has its rows.
 *
 * (I1) Rows are not changed.
 * (Not checked: nothing here writes to them.)
 */
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "rows/rows_internal.h"

struct mending {
    struct firn_db *db;
    void (*on_damage)(void *ctx, const char *text);
    void *ctx;
    firn_error *err;
};

enum { TEXT_SIZE = 1024 };

/* Whether a failure is one of what is read. */
static bool
is_finding(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NOT_FOUND || rc == FIRN_NEWER;
}

static void
tell(const struct mending *mending, const char *what, const char *table, const char *index)
{
    char text[TEXT_SIZE];
    DCHECK(mending->on_damage != NULL);
    (void)snprintf(text, sizeof text, "table '%s': %s%s%s", table,
                   index != NULL ? "the index '" : "", index != NULL ? index : "", what);
    mending->on_damage(mending->ctx, text);
}

/* FIRN_OK too where the index had to go, or the rows cannot be read. */
static int
mend_index(const struct mending *mending, struct firn_table *table, const char *name)
{
    int rc = firn_rows_index_rebuild(table, name, mending->err);
    if (rc == FIRN_OK) {
        tell(mending, "' was made again from the rows that are there", firn_rows_name(table), name);
    } else if (rc == FIRN_EXISTS) {
        rc = firn_rows_index_drop(table, name, mending->err);
        if (rc == FIRN_OK) {
            tell(mending, "' is dropped: rows that came back have the same values",
                 firn_rows_name(table), name);
        }
    } else if (is_finding(rc)) {
        tell(mending, "' cannot be made again: rows of the table cannot be read",
             firn_rows_name(table), name);
        rc = FIRN_OK;
    }
    return rc;
}

static int
mend_table(void *ctx, const char *name)
{
    const struct mending *mending = ctx;
    struct firn_schema *schema = NULL;
    struct firn_table *table;
    int rc = firn_rows_open(mending->db, name, &table, mending->err);
    rc = rc == FIRN_OK ? firn_rows_schema(table, NULL, &schema, mending->err) : rc;
    if (is_finding(rc)) {
        rc = firn_db_keyspace_drop(mending->db, name, mending->err);
        if (rc == FIRN_OK) {
            tell(mending, "its definition is lost, so it is taken out", name, NULL);
        }
        return rc;
    }
    for (size_t i = 0; rc == FIRN_OK && i < schema->index_count; i++) {
        rc = mend_index(mending, table, (const char *)schema->indexes[i].name.data);
    }
    firn_schema_unref(schema);
    return rc;
}

int
firn_rows_mend(struct firn_db *db, void (*on_damage)(void *ctx, const char *text), void *ctx,
               firn_error *err)
{
    struct mending mending = {db, on_damage, ctx, err};
    struct firn_db_view *view;
    int rc = firn_db_view_open(db, &view, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_db_view_keyspace_list_of(view, FIRN_KEYSPACE_ENTRY_TABLE, mend_table, &mending, err);
    firn_db_view_close(view);
    return rc == FIRN_OK ? firn_rows_drop_strays(db, err) : rc;
}
