/* SPDX-License-Identifier: Apache-2.0
 *
 * rows/rows_index.c: adding an index to a table that has rows, and dropping one.
 *
 * The index is built from one state of the table, by a bulk load into a keyspace of its own. Then a
 * transaction that began at that state writes the schema, which now has the index. The transaction
 * depends on all rows: if any of them was written meanwhile it conflicts, and everything begins
 * again with another state. Transactions that began before that commit, and commit after it,
 * conflict with the new schema.
 *
 * Two rows with the same entry of a unique index are found when the load sorts its entries. So a
 * row that expires while the index is built counts as it did in the state that is read.
 */
#include <inttypes.h>

#include "base/check.h"
#include "base/mem.h"
#include "rows/rows_internal.h"
#include "storefile/storefile.h"

enum { ATTEMPTS_MAX = 16 };

/* ---- keyspaces ---- */

int
fi_rows_index_keyspace(struct firn_table *table, struct firn_snapshot *snapshot,
                       const struct fi_schema_index *index, struct firn_db_keyspace **out,
                       firn_error *err)
{
    *out = NULL;
    DCHECK(index->id > 0);
    fi_os_mutex_lock(&table->mutex);
    const struct fi_rows_index *known = (const void *)table->indexes.data;
    for (size_t i = 0; i < table->indexes.size / sizeof *known && *out == NULL; i++) {
        *out = known[i].id == index->id ? known[i].keyspace : NULL;
    }
    fi_os_mutex_unlock(&table->mutex);
    if (*out != NULL) {
        return FIRN_OK;
    }
    char name[FI_ROWS_INDEX_NAME_SIZE];
    fi_rows_name_index(fi_db_keyspace_schema(table->rows), index->id, name);
    struct fi_rows_index found = {.id = index->id};
    int rc = snapshot != NULL ? fi_db_keyspace_open_in(snapshot, name, &found.keyspace, err)
                              : fi_db_keyspace_open_existing(table->db, name, &found.keyspace, err);
    if (rc == FIRN_NOT_FOUND) {
        return fi_error_set(err, FIRN_CORRUPT, "the index '%s' of the table '%s' is missing",
                            (const char *)index->name.data, fi_rows_name(table));
    }
    if (rc == FIRN_OK) {
        bool is_new = true;
        fi_os_mutex_lock(&table->mutex);
        known = (const void *)table->indexes.data;
        for (size_t i = 0; i < table->indexes.size / sizeof *known; i++) {
            is_new = is_new && known[i].id != index->id; /* another thread was faster */
        }
        if (is_new) {
            /* If there is no memory, the next call looks for it again. */
            FI_IGNORE(fi_buf_append(&table->indexes, &found, sizeof found));
        }
        if (table->cached != NULL) {
            fi_db_keyspace_note_schema(found.keyspace, table->cached, index->id, table->rows);
        }
        fi_os_mutex_unlock(&table->mutex);
        *out = found.keyspace;
    }
    return rc;
}

/* Forgets the keyspace of an index that was replaced or dropped. */
static void
forget_keyspace(struct firn_table *table, uint32_t id)
{
    fi_os_mutex_lock(&table->mutex);
    struct fi_rows_index *known = (void *)table->indexes.data;
    size_t count = table->indexes.size / sizeof *known;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (known[i].id != id) {
            known[kept++] = known[i];
        }
    }
    DCHECK(kept == count || kept + 1 == count); /* once each */
    table->indexes.size = kept * sizeof *known;
    fi_os_mutex_unlock(&table->mutex);
}

/* guard: NULL if no schema of any history has the index. */
static int
drop_keyspace(struct firn_table *table, uint32_t id, const struct fi_db_keyspace_guard *guard,
              firn_error *err)
{
    DCHECK(id > 0);
    char name[FI_ROWS_INDEX_NAME_SIZE];
    fi_rows_name_index(fi_db_keyspace_schema(table->rows), id, name);
    forget_keyspace(table, id);
    int rc = fi_db_keyspace_drop_if(table->db, name, guard, err);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* ---- loading ---- */

struct loading {
    struct firn_table *table;
    const struct fi_schema *schema; /* the new one */
    const struct fi_schema_index *index;
    struct firn_db_bulk *bulk;
    struct fi_cell *cells;
    struct fi_buf memory;
    struct fi_buf key;
    struct fi_buf value;
};

/* The entry of the row that a cursor stands at. */
static int
load_row(struct loading *loading, const struct firn_db_cursor *cursor, firn_error *err)
{
    firn_slice primary = fi_db_cursor_key(cursor);
    DCHECK(loading->cells != NULL && loading->bulk != NULL);
    uint64_t expires_ms = fi_db_cursor_expires_ms(cursor);
    FI_TRY_RETURN(fi_schema_row_read(loading->schema, primary, fi_db_cursor_value(cursor), NULL,
                                     &loading->memory, loading->cells, err));
    fi_buf_clear(&loading->key);
    fi_buf_clear(&loading->value);
    if (expires_ms != 0 && fi_buf_append_le64(&loading->value, expires_ms) != FIRN_OK) {
        return fi_error_no_memory(err, "an index");
    }
    FI_TRY_RETURN(fi_schema_index_entry(loading->schema, loading->index, loading->cells, primary,
                                        &loading->key, &loading->value, err));
    firn_slice key = fi_buf_slice(&loading->key);
    firn_slice value = fi_buf_slice(&loading->value);
    return expires_ms != 0 ? fi_db_bulk_put_expiring(loading->bulk, key, value, err)
                           : fi_db_bulk_put(loading->bulk, key, value, err);
}

static int
load_rows(struct loading *loading, struct firn_txn *txn, firn_error *err)
{
    const struct fi_db_cursor_options all = {.snapshot = NULL};
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FI_TRY(fi_txn_cursor_open(txn, loading->table->rows, &all, &cursor, err));
    FI_TRY(fi_db_cursor_first(cursor, err));
    while (fi_db_cursor_valid(cursor)) {
        FI_TRY(load_row(loading, cursor, err));
        FI_TRY(fi_db_cursor_next(cursor, err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

static int
refuse_twice(void *ctx, firn_slice key, firn_error *err)
{
    const struct loading *loading = ctx;
    DCHECK(loading->index->is_unique && key.size > 0);
    return fi_error_set(
        err, FIRN_EXISTS,
        "rows of the table '%s' have the same values in the columns of the unique index "
        "'%s'",
        fi_rows_name(loading->table), (const char *)loading->index->name.data);
}

/* Loads the entries of all rows that the transaction sees into a new keyspace. */
static int
rows_index_load(struct loading *loading, struct firn_txn *txn, firn_error *err)
{
    static const struct fi_storefile_progress quiet = {0};
    struct firn_db_keyspace *keyspace;
    char name[FI_ROWS_INDEX_NAME_SIZE];
    DCHECK(loading->cells == NULL && loading->bulk == NULL);
    loading->cells = fi_alloc_zeroed(loading->schema->column_count * sizeof *loading->cells);
    if (loading->cells == NULL) {
        return fi_error_no_memory(err, "an index");
    }
    FI_TRY_RETURN(drop_keyspace(loading->table, loading->index->id, NULL, err));
    fi_rows_name_index(fi_db_keyspace_schema(loading->table->rows), loading->index->id, name);
    FI_TRY_RETURN(fi_db_keyspace_create(loading->table->db, name, &keyspace, err));
    FI_TRY_RETURN(fi_db_bulk_open_unsorted(keyspace, &quiet, &loading->bulk, err));
    if (loading->index->is_unique) {
        fi_db_bulk_refuse_twice(loading->bulk, refuse_twice, loading);
    }
    FI_TRY_RETURN(load_rows(loading, txn, err));
    return fi_db_bulk_commit(loading->bulk, err);
}

static void
loading_deinit(struct loading *loading)
{
    fi_db_bulk_close(loading->bulk);
    fi_free(loading->cells);
    fi_buf_deinit(&loading->memory);
    fi_buf_deinit(&loading->key);
    fi_buf_deinit(&loading->value);
}

/* ---- adding ---- */

static int
rows_index_add(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *err)
{
    return fi_schema_change_add_index(old, ctx, out, err);
}

/* One attempt; FIRN_CONFLICT: rows, or the schema, were written meanwhile. */
static int
add_once(struct firn_table *table, const struct fi_rows_change *change, firn_error *err)
{
    static const struct fi_txn_options plain = {.is_serializable = false};
    struct loading loading = {.table = table};
    struct fi_schema *made = NULL;
    struct firn_txn *txn = NULL;
    bool has_keyspace = false;
    int rc;
    FI_TRY(fi_txn_begin(table->db, &plain, &txn, err));
    FI_TRY(fi_rows_change_schema(table, txn, change, &made, err));
    FI_TRY(fi_txn_depend_on_all(txn, table->rows, err));
    loading.schema = made;
    DCHECK(made->index_count > 0);
    loading.index = &made->indexes[made->index_count - 1];
    has_keyspace = true;
    FI_TRY(rows_index_load(&loading, txn, err));
    FI_TRY(fi_rows_write_schema(table, txn, made, err));
    FI_TRY(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, err));
out:
    loading_deinit(&loading); /* before the keyspace that it loads into is dropped */
    if (rc != FIRN_OK && has_keyspace) {
        FI_IGNORE(drop_keyspace(table, loading.index->id, NULL, NULL));
    }
    fi_txn_close(txn);
    fi_schema_unref(made);
    return rc;
}

static int
add_all(struct firn_table *table, const struct fi_rows_change *change, firn_error *err)
{
    struct fi_rows_changing changing;
    int rc = fi_rows_begin_change(table->db, &changing, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = FIRN_CONFLICT;
    for (unsigned i = 0; i < ATTEMPTS_MAX && rc == FIRN_CONFLICT; i++) {
        rc = add_once(table, change, err);
    }
    fi_rows_end_change(&changing);
    return rc;
}

int
fi_rows_index_add(struct firn_table *table, const firn_table_index *index, firn_error *err)
{
    firn_table_index own = *index;
    const struct fi_rows_change change = {rows_index_add, &own};
    return add_all(table, &change, err);
}

/* ---- of vectors ---- */

struct adding_vectors {
    struct fi_schema_vector_index model;
    firn_slice column;
};

static int
add_vectors(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *err)
{
    const struct adding_vectors *adding = ctx;
    struct fi_schema_vector_index model = adding->model;
    const struct fi_schema_column *column;
    int rc = fi_schema_require(old, adding->column, &column, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    model.column = column->id;
    return fi_schema_change_add_vector_index(old, &model, out, err);
}

int
fi_rows_index_add_vectors(struct firn_table *table, const struct fi_schema_vector_index *model,
                          firn_slice column, firn_error *err)
{
    struct adding_vectors adding = {*model, column};
    const struct fi_rows_change change = {add_vectors, &adding};
    int rc = fi_rows_alter(table, &change, err);
    if (rc == FIRN_OK) {
        fi_db_maintain_graphs(table->db);
    }
    return rc;
}

/* ---- dropping ---- */

struct dropping {
    struct firn_table *table;
    const char *name;
    uint32_t id;
};

static int
rows_index_drop(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *err)
{
    struct dropping *dropping = ctx;
    const struct fi_schema_index *index = fi_schema_find_index(old, firn_str(dropping->name));
    dropping->id = index != NULL ? index->id : 0;
    return fi_schema_change_drop_index(old, firn_str(dropping->name), out, err);
}

/* Checks that no restore has brought the index back. */
static int
check_gone(void *ctx, firn_error *err)
{
    const struct dropping *dropping = ctx;
    struct fi_schema *schema;
    DCHECK(dropping->id > 0);
    int rc = fi_rows_schema(dropping->table, NULL, &schema, err);
    for (size_t i = 0; rc == FIRN_OK && i < schema->index_count; i++) {
        if (schema->indexes[i].id == dropping->id) {
            rc = fi_error_set(err, FIRN_CONFLICT, "the index is there again");
        }
    }
    fi_schema_unref(schema);
    return rc;
}

int
fi_rows_index_drop(struct firn_table *table, const char *name, firn_error *err)
{
    struct dropping dropping = {.table = table, .name = name};
    const struct fi_db_keyspace_guard guard = {check_gone, &dropping};
    const struct fi_rows_change change = {rows_index_drop, &dropping};
    int rc = fi_rows_alter(table, &change, err);
    if (rc == FIRN_OK && dropping.id != 0) { /* one of vectors has no keyspace */
        /* The current schema does not name it: if this fails, only space is lost. */
        FI_IGNORE(drop_keyspace(table, dropping.id, &guard, NULL));
    }
    return rc;
}

/* ---- rebuilding ---- */

/* The same index with a new number. */
static int
rows_index_replace(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *err)
{
    struct dropping *dropping = ctx;
    const struct fi_schema_index *index = fi_schema_find_index(old, firn_str(dropping->name));
    const char *columns[FIRN_TABLE_KEY_COLUMNS_MAX];
    struct fi_schema *without;
    int rc = fi_schema_change_drop_index(old, firn_str(dropping->name), &without, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    dropping->id = index->id;
    for (size_t i = 0; i < index->column_count; i++) {
        columns[i] = (const char *)old->columns[index->places[i]].name.data;
    }
    const firn_table_index again = {dropping->name, columns, index->column_count, index->is_unique};
    rc = fi_schema_change_add_index(without, &again, out, err);
    DCHECK(rc != FIRN_OK || (*out)->indexes[(*out)->index_count - 1].id > dropping->id);
    fi_schema_unref(without);
    return rc;
}

int
fi_rows_index_rebuild(struct firn_table *table, const char *name, firn_error *err)
{
    struct dropping dropping = {.table = table, .name = name};
    const struct fi_db_keyspace_guard guard = {check_gone, &dropping};
    const struct fi_rows_change change = {rows_index_replace, &dropping};
    int rc = add_all(table, &change, err);
    if (rc == FIRN_OK) {
        FI_IGNORE(drop_keyspace(table, dropping.id, &guard, NULL));
    }
    return rc;
}
