/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_layout.c: which columns the runs of a table get.
 *
 * Snapshots with older schemas read runs too: those of checkpoints, and of restored states. So a
 * run gets the columns of all schemas of the table that any snapshot may still read. Those are the
 * versions of the schema's record that still exist: compaction drops a version only if no snapshot
 * needs it. A dropped column that no such version has is left out of runs from then on.
 *
 * There may be more than one keyspace of schemas: one that a restore has taken out of now, and one
 * that was created afterwards. A schema's number is in one of them, so all are searched.
 *
 * A dropped table may outlive its record for a moment and be flushed during that. The result will
 * not be read, but it must be written: the newest schema that was seen here is used. In a repaired
 * store the records may be lost: then runs keep the columns that they have.
 *
 * Threads: any; flushes and compactions call this. Locking: the state mutex, for the list of trees
 * and last_schema.
 */
#include <inttypes.h>

#include "base/check.h"
#include "base/mem.h"
#include "column/column.h"
#include "schema/schema.h"
#include "store/db_internal.h"

struct found {
    struct firn_db *db;
    struct fi_buf trees;   /* of struct fi_lsm_tree *: those with schemas */
    struct fi_buf schemas; /* of struct fi_schema *, counted */
};

static size_t
schema_count(const struct found *found)
{
    return found->schemas.size / sizeof(struct fi_schema *);
}

static struct fi_schema **
schemas_of(const struct found *found)
{
    return (struct fi_schema **)(void *)found->schemas.data;
}

/* The image that is being replayed into, or else the only one. Requires: the handle writes. */
static struct fi_db_image *
image_of(struct firn_db *db)
{
    DCHECK(!db->is_read_only);
    return db->replayed != NULL ? db->replayed : fi_db_image(db);
}

/* Lists the trees with schemas, and finds the table's. */
static int
find_trees(struct found *found, uint32_t id, struct fi_db_tree **out, firn_error *err)
{
    struct fi_db_image *image = image_of(found->db);
    int rc = FIRN_OK;
    fi_os_mutex_lock(&found->db->state_mutex);
    *out = fi_db_trees_find(image, id);
    for (size_t i = 0; i < fi_db_trees_count(image) && rc == FIRN_OK; i++) {
        const struct fi_db_tree *tree = fi_db_trees_at(image, i);
        if (tree->has_schemas && !tree->is_removed) {
            rc = fi_buf_append(&found->trees, &tree->lsm_tree, sizeof(struct fi_lsm_tree *));
        }
    }
    fi_os_mutex_unlock(&found->db->state_mutex);
    if (rc != FIRN_OK) {
        return fi_error_no_memory(err, "the columns of a table");
    }
    return *out != NULL ? FIRN_OK
                        : fi_error_set(err, FIRN_CORRUPT,
                                       "'%s': a table with number %" PRIu32 " does not exist",
                                       fi_os_dir_path(found->db->dir), id);
}

static int
add_version(struct found *found, struct fi_lsm_cursor *cursor, firn_error *err)
{
    struct fi_buf record = {0};
    struct fi_schema *schema = NULL;
    int rc;
    if (fi_lsm_cursor_entry(cursor)->kind != FI_ENTRY_PUT) {
        return FIRN_OK;
    }
    FI_TRY(fi_lsm_cursor_read_value(cursor, &record, err));
    FI_TRY(fi_schema_record_decode(fi_buf_slice(&record), &schema, err));
    if (fi_buf_append(&found->schemas, &schema, sizeof(struct fi_schema *)) != FIRN_OK) {
        fi_schema_unref(schema);
        rc = fi_error_no_memory(err, "the columns of a table");
    }
out:
    fi_buf_deinit(&record);
    return rc;
}

/* Adds the versions of a record in a tree, newest first. */
static int
add_versions(struct found *found, struct fi_lsm_tree *tree, firn_slice key, firn_error *err)
{
    uint8_t end[FI_DB_SCHEMA_KEY_SIZE + 1] = {0};
    memcpy(end, key.data, key.size);
    const firn_slice upper = firn_bytes(end, sizeof end);
    const struct fi_lsm_cursor_options options = {.lower = &key, .upper = &upper};
    struct fi_lsm_cursor *cursor = NULL;
    int rc;
    FI_TRY(fi_lsm_cursor_create(tree, &options, &cursor, err));
    FI_TRY(fi_lsm_cursor_first(cursor, err));
    while (fi_lsm_cursor_valid(cursor)) {
        FI_TRY(add_version(found, cursor, err));
        FI_TRY(fi_lsm_cursor_next(cursor, err));
    }
out:
    fi_lsm_cursor_destroy(cursor);
    return rc;
}

/* Uses the last schema if no record is left; otherwise remembers the newest one found for that
 * case. */
static int
use_last(struct found *found, struct fi_db_tree *table, firn_error *err)
{
    struct fi_schema *before = NULL;
    int rc = FIRN_OK;
    fi_os_mutex_lock(&found->db->state_mutex);
    if (schema_count(found) > 0) {
        before = table->last_schema;
        table->last_schema = schemas_of(found)[0];
        fi_schema_ref(table->last_schema);
    } else if (table->last_schema != NULL) {
        rc = fi_buf_append(&found->schemas, &table->last_schema, sizeof(struct fi_schema *));
        if (rc == FIRN_OK) {
            fi_schema_ref(table->last_schema);
        }
    } else {
        rc = FIRN_CORRUPT;
    }
    fi_os_mutex_unlock(&found->db->state_mutex);
    fi_schema_unref(before);
    return rc == FIRN_OK          ? FIRN_OK
           : rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "the columns of a table")
                                  : fi_error_set(err, rc,
                                                 "'%s': the schema of the table with number "
                                                 "%" PRIu32 " is missing",
                                                 fi_os_dir_path(found->db->dir), table->id);
}

/* ---- if all records are lost ---- */

/* The part of a schema that fi_schema_layout_create uses. FIRN_NO_MEMORY; the caller frees
 * columns. */
static int
schema_of_layout(const struct fi_column_layout *layout, struct fi_schema *out)
{
    struct fi_schema_column *columns = fi_alloc_zeroed((layout->count + 1) * sizeof *columns);
    if (columns == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (size_t i = 0; i < layout->count; i++) {
        columns[i] = (struct fi_schema_column){.id = layout->columns[i].id,
                                               .type = layout->columns[i].type,
                                               .fixed_size = layout->columns[i].fixed_size,
                                               .name = firn_str("of a run"),
                                               .initial = layout->columns[i].initial};
    }
    *out = (struct fi_schema){.columns = columns,
                              .column_count = layout->count,
                              .key = layout->key,
                              .key_count = layout->key_count};
    return FIRN_OK;
}

/* Replaces the first layout, which may be NULL, by the columns of both. */
static int
join_layouts(struct fi_column_layout **first, const struct fi_column_layout *second,
             firn_error *err)
{
    struct fi_schema schemas[2] = {{.version = 0}, {.version = 0}};
    struct fi_schema *both[2] = {&schemas[0], &schemas[1]};
    struct fi_column_layout *joined = NULL;
    int rc = *first != NULL ? schema_of_layout(*first, &schemas[0]) : FIRN_OK;
    rc = rc == FIRN_OK ? schema_of_layout(second, &schemas[1]) : rc;
    rc = rc != FIRN_OK    ? fi_error_no_memory(err, "the columns of a table")
         : *first != NULL ? fi_schema_layout_create(both, 2, &joined, err)
                          : fi_schema_layout_create(both + 1, 1, &joined, err);
    fi_free((void *)(uintptr_t)schemas[0].columns);
    fi_free((void *)(uintptr_t)schemas[1].columns);
    if (rc == FIRN_OK) {
        fi_free(*first);
        *first = joined;
    }
    return rc;
}

static int
add_layout(void *ctx, const struct fi_lsm_part *part, firn_error *err)
{
    if (part->run == NULL || part->run->kind != &fi_column_kind) {
        return FIRN_OK;
    }
    return join_layouts(ctx, fi_column_layout_of(part->run), err);
}

/* The columns that the table's runs have. FIRN_CORRUPT, with the text that use_last has set, if
 * there are none. */
static int
take_from_runs(struct fi_db_tree *table, struct fi_column_layout **out)
{
    struct fi_column_layout *layout = NULL;
    firn_error found;
    int rc = fi_lsm_tree_visit_parts(table->lsm_tree, NULL, add_layout, &layout, &found);
    if (rc != FIRN_OK || layout == NULL) {
        fi_free(layout);
        return FIRN_CORRUPT;
    }
    *out = layout;
    return FIRN_OK;
}

int
fi_db_layout_take(void *ctx, uint32_t tree_id, struct fi_column_layout **out, firn_error *err)
{
    struct found found = {.db = ctx};
    struct fi_db_tree *table;
    uint8_t key[FI_DB_SCHEMA_KEY_SIZE];
    int rc;
    *out = NULL;
    FI_TRY(find_trees(&found, tree_id, &table, err));
    for (size_t i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)(table->schema >> (8 * (sizeof key - 1 - i)));
    }
    for (size_t i = 0; i < found.trees.size / sizeof(struct fi_lsm_tree *); i++) {
        FI_TRY(add_versions(&found, ((struct fi_lsm_tree **)(void *)found.trees.data)[i],
                            firn_bytes(key, sizeof key), err));
    }
    rc = use_last(&found, table, err);
    if (rc == FIRN_CORRUPT) {
        rc = take_from_runs(table, out);
        goto out;
    }
    FI_TRY(rc);
    FI_TRY(fi_schema_layout_create(schemas_of(&found), schema_count(&found), out, err));
out:
    for (size_t i = 0; i < schema_count(&found); i++) {
        fi_schema_unref(schemas_of(&found)[i]);
    }
    fi_buf_deinit(&found.schemas);
    fi_buf_deinit(&found.trees);
    return rc;
}
