/* SPDX-License-Identifier: Apache-2.0
 *
 * rows/rows_mend.c: tables of a store that has lost something.
 *
 * A repair keeps what can be read of runs, and the log up to its first bad place. So rows may be
 * missing or have an older version, and each keyspace has lost something else: entries of indexes
 * lead to rows that are gone, and rows have no entries. The rows decide: every index is rebuilt
 * from them, with a new number. Old versions of rows may come back, so two rows may have the same
 * values in a unique index. Such an index is dropped and reported.
 *
 * A run that was rewritten without the values of a column has nulls in their place, or the column's
 * initial value. If the column was NOT NULL, it becomes nullable: no value is made up, and the rows
 * can be read.
 *
 * A table whose record is lost cannot be read, and its runs can be neither merged nor flushed,
 * because their columns are unknown. The table is dropped and reported; the damaged store still has
 * its rows.
 *
 * (I1) Rows are not changed.
 * (Not checked: nothing here writes to them.)
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "lsm/lsm.h"
#include "rows/rows_internal.h"

struct mending {
    struct firn_db *db;
    void (*on_damage)(void *ctx, const char *text);
    void *ctx;
    firn_error *err;
};

enum { TEXT_SIZE = 1024 };

/* Whether a failure is due to the data that is read. */
static bool
is_finding(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NOT_FOUND || rc == FIRN_NEWER;
}

static void
rows_mend_report(const struct mending *mending, const char *what, const char *table,
                 const char *part, const char *name)
{
    char text[TEXT_SIZE];
    DCHECK(mending->on_damage != NULL);
    (void)snprintf(text, sizeof text, "table '%s': %s%s%s", table, part, name, what);
    mending->on_damage(mending->ctx, text);
}

/* FIRN_OK also if the index had to be dropped, or the rows cannot be read. */
static int
mend_index(const struct mending *mending, struct firn_table *table, const char *name)
{
    static const char index[] = "the index '";
    int rc = fi_rows_index_rebuild(table, name, mending->err);
    if (rc == FIRN_OK) {
        rows_mend_report(mending, "' was made again from the rows that are there",
                         fi_rows_name(table), index, name);
    } else if (rc == FIRN_EXISTS) {
        rc = fi_rows_index_drop(table, name, mending->err);
        if (rc == FIRN_OK) {
            rows_mend_report(mending, "' is dropped: rows that came back have the same values",
                             fi_rows_name(table), index, name);
        }
    } else if (is_finding(rc)) {
        rows_mend_report(mending, "' cannot be made again: rows of the table cannot be read",
                         fi_rows_name(table), index, name);
        rc = FIRN_OK;
    }
    return rc;
}

static int
allow_null(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *err)
{
    return fi_schema_change_allow_null(old, firn_str(ctx), out, err);
}

/* Reads all values of a column that is NOT NULL; if some are null, the column becomes nullable. */
static int
mend_column(const struct mending *mending, struct firn_table *table, const char *name)
{
    const struct fi_rows_cursor_options options = {.read = {.columns = &name, .column_count = 1}};
    const struct fi_rows_change change = {allow_null, (void *)(uintptr_t)name};
    struct firn_table_cursor *cursor;
    const struct firn_row *row = NULL;
    int rc = fi_rows_read_cursor_open(table, &options, &cursor, mending->err);
    if (rc != FIRN_OK) {
        return is_finding(rc) ? FIRN_OK : rc;
    }
    do {
        rc = fi_rows_read_cursor_next(cursor, &row, mending->err);
    } while (rc == FIRN_OK && row != NULL);
    fi_rows_read_cursor_close(cursor);
    if (rc == FIRN_CORRUPT) {
        rc = fi_rows_alter(table, &change, mending->err);
        if (rc == FIRN_OK) {
            rows_mend_report(mending, "' may be null from now on: values of it are lost",
                             fi_rows_name(table), "the column '", name);
        }
    }
    return rc;
}

static int
mend_columns(const struct mending *mending, struct firn_table *table,
             const struct fi_schema *schema)
{
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < schema->column_count; i++) {
        const struct fi_schema_column *column = &schema->columns[i];
        if (!column->is_nullable && !column->is_key) {
            rc = mend_column(mending, table, (const char *)column->name.data);
        }
    }
    return rc;
}

static int
mend_table(void *ctx, const char *name)
{
    const struct mending *mending = ctx;
    struct fi_schema *schema = NULL;
    struct firn_table *table;
    int rc = fi_rows_open(mending->db, name, &table, mending->err);
    rc = rc == FIRN_OK ? fi_rows_schema(table, NULL, &schema, mending->err) : rc;
    if (is_finding(rc)) {
        rc = fi_db_keyspace_drop(mending->db, name, mending->err);
        if (rc == FIRN_OK) {
            rows_mend_report(mending, "its definition is lost, so it is taken out", name, "", "");
        }
        return rc;
    }
    rc = rc == FIRN_OK ? mend_columns(mending, table, schema) : rc;
    for (size_t i = 0; rc == FIRN_OK && i < schema->index_count; i++) {
        rc = mend_index(mending, table, (const char *)schema->indexes[i].name.data);
    }
    fi_schema_unref(schema);
    return rc;
}

/* ---- names ---- */

struct naming {
    struct firn_db *db;
    const char *text; /* after the number of the keyspace */
    uint32_t number;
    char *out;
};

/* Reads the number at *at, which moves past it. */
static uint32_t
read_number(const char **at)
{
    uint32_t number = 0;
    for (; **at >= '0' && **at <= '9' && number < UINT32_MAX / 16; ++*at) {
        number = number * 10 + (uint32_t)(**at - '0');
    }
    return number;
}

/* The number of a column in a text: after "column " at the beginning, or the last word. Else the
 * end of the text. */
static const char *
find_column(const char *text)
{
    static const char first[] = "column ";
    static const char last[] = " of column ";
    const char *end = text + strlen(text);
    const char *found =
        fi_slice_has_prefix(firn_str(text), firn_str(first)) ? text + sizeof first - 1 : end;
    for (const char *at = text; found == end && (at = strstr(at, last)) != NULL;) {
        at += sizeof last - 1;
        found = strspn(at, "0123456789") == strlen(at) ? at : end;
    }
    return found;
}

/* Failures leave the text as it is. */
static int
name_loss(void *ctx, const char *name)
{
    const struct naming *naming = ctx;
    struct fi_schema *schema = NULL;
    struct firn_table *table;
    if (fi_rows_open(naming->db, name, &table, NULL) != FIRN_OK ||
        fi_db_keyspace_number(fi_rows_keyspace(table)) != naming->number ||
        fi_rows_schema(table, NULL, &schema, NULL) != FIRN_OK) {
        return FIRN_OK;
    }
    const char *at = find_column(naming->text);
    size_t size = (size_t)(at - naming->text);
    const struct fi_schema_column *column = fi_schema_find_id(schema, read_number(&at));
    if (column == NULL) {
        (void)snprintf(naming->out, FIRN_ERROR_TEXT_SIZE, "table '%s': %s", name, naming->text);
    } else {
        (void)snprintf(naming->out, FIRN_ERROR_TEXT_SIZE, "table '%s': %.*s'%s'%s", name, (int)size,
                       naming->text, (const char *)column->name.data, at);
    }
    fi_schema_unref(schema);
    return FIRN_OK;
}

void
fi_rows_mend_name(struct firn_db *db, const char *text, char out[FIRN_ERROR_TEXT_SIZE])
{
    struct firn_snapshot *snapshot;
    char copy[FIRN_ERROR_TEXT_SIZE];
    (void)snprintf(copy, sizeof copy, "%s", text);
    (void)snprintf(out, FIRN_ERROR_TEXT_SIZE, "%s", copy);
    text = copy;
    if (!fi_slice_has_prefix(firn_str(text), firn_str(FI_LSM_DAMAGE_KEYSPACE))) {
        return;
    }
    const char *at = text + sizeof FI_LSM_DAMAGE_KEYSPACE - 1;
    struct naming naming = {.db = db, .number = read_number(&at), .out = out};
    naming.text = at + strspn(at, ": ");
    if (fi_db_snapshot_open(db, &snapshot, NULL) == FIRN_OK) {
        FI_IGNORE(fi_db_keyspace_list_of_in(snapshot, FI_STOREFILE_KEYSPACE_TABLE, name_loss,
                                            &naming, NULL));
        fi_db_snapshot_close(snapshot);
    }
}

/* ---- the whole store ---- */

int
fi_rows_mend(struct firn_db *db, void (*on_damage)(void *ctx, const char *text), void *ctx,
             firn_error *err)
{
    struct mending mending = {db, on_damage, ctx, err};
    struct firn_snapshot *snapshot;
    int rc = fi_db_snapshot_open(db, &snapshot, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc =
        fi_db_keyspace_list_of_in(snapshot, FI_STOREFILE_KEYSPACE_TABLE, mend_table, &mending, err);
    fi_db_snapshot_close(snapshot);
    return rc == FIRN_OK ? fi_rows_drop_strays(db, err) : rc;
}
