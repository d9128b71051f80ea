/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_layout.c: which columns the runs of a table are to have.
 *
 * Runs are read by views with older schemas, too: by checkpoints, by what was restored. So a run gets the
 * columns of all schemas of the table that any view may still read. Those are the versions of the schema's
 * record that are still there: compaction drops a version only if no view needs it. What is in no
 * such version, a column that was dropped, is left out of the runs that are written from then on.
 *
 * There may be more than one keyspace of schemas: one that a restore has taken out of now, and one that was
 * made after it. A number of a schema is in one of them, so all are asked.
 *
 * A table that was dropped may outlive its record for a moment, and be flushed in it. Nobody will read
 * that, but it must be written: the newest schema that was seen here serves.
 *
 * Threads: any; works ask. Locking: the state mutex, for the list of trees and last_schema.
 */
#include <inttypes.h>

#include "base/check.h"
#include "schema/schema.h"
#include "store/db_internal.h"

struct found {
    struct firn_db *db;
    struct firn_buf trees;   /* of struct firn_lsm_tree *: those with schemas */
    struct firn_buf schemas; /* of struct firn_schema *, counted */
};

static size_t
schema_count(const struct found *found)
{
    return found->schemas.size / sizeof(struct firn_schema *);
}

static struct firn_schema **
schemas_of(const struct found *found)
{
    return (struct firn_schema **)(void *)found->schemas.data;
}

/* The image that is being replayed into, or the only one: the handle writes. */
static struct firn_db_image *
image_of(struct firn_db *db)
{
    DCHECK(!db->is_read_only);
    return db->replayed != NULL ? db->replayed : firn_db_image(db);
}

/* Lists the trees with schemas, and finds the table's. */
static int
find_trees(struct found *found, uint32_t id, struct firn_db_tree **out, firn_error *err)
{
    struct firn_db_image *image = image_of(found->db);
    int rc = FIRN_OK;
    firn_os_mutex_lock(&found->db->state_mutex);
    *out = firn_db_image_find(image, id);
    for (size_t i = 0; i < firn_db_image_tree_count(image) && rc == FIRN_OK; i++) {
        const struct firn_db_tree *tree = firn_db_image_tree(image, i);
        if (tree->has_schemas && !tree->is_removed) {
            rc = firn_buf_append(&found->trees, &tree->lsm_tree, sizeof(struct firn_lsm_tree *));
        }
    }
    firn_os_mutex_unlock(&found->db->state_mutex);
    if (rc != FIRN_OK) {
        return firn_error_no_memory(err, "the columns of a table");
    }
    return *out != NULL ? FIRN_OK
                        : firn_error_set(err, FIRN_CORRUPT,
                                         "'%s': a table with number %" PRIu32 " does not exist",
                                         firn_os_dir_path(found->db->dir), id);
}

static int
add_version(struct found *found, struct firn_lsm_cursor *cursor, firn_error *err)
{
    struct firn_buf record = {0};
    struct firn_schema *schema = NULL;
    int rc;
    if (firn_lsm_cursor_entry(cursor)->kind != FIRN_ENTRY_PUT) {
        return FIRN_OK;
    }
    FIRN_TRY(firn_lsm_cursor_read_value(cursor, &record, err));
    FIRN_TRY(firn_schema_record_decode(firn_buf_slice(&record), &schema, err));
    if (firn_buf_append(&found->schemas, &schema, sizeof(struct firn_schema *)) != FIRN_OK) {
        firn_schema_unref(schema);
        rc = firn_error_no_memory(err, "the columns of a table");
    }
out:
    firn_buf_deinit(&record);
    return rc;
}

/* The versions of a record that a tree has, the newest first. */
static int
add_versions(struct found *found, struct firn_lsm_tree *tree, firn_slice key, firn_error *err)
{
    uint8_t behind[FIRN_DB_SCHEMA_KEY_SIZE + 1] = {0};
    memcpy(behind, key.data, key.size);
    const firn_slice upper = firn_bytes(behind, sizeof behind);
    const struct firn_lsm_cursor_options options = {.lower = &key, .upper = &upper};
    struct firn_lsm_cursor *cursor = NULL;
    int rc;
    FIRN_TRY(firn_lsm_cursor_create(tree, &options, &cursor, err));
    FIRN_TRY(firn_lsm_cursor_first(cursor, err));
    while (firn_lsm_cursor_valid(cursor)) {
        FIRN_TRY(add_version(found, cursor, err));
        FIRN_TRY(firn_lsm_cursor_next(cursor, err));
    }
out:
    firn_lsm_cursor_destroy(cursor);
    return rc;
}

/* What serves where no record is left; else the newest that was found is kept for that. */
static int
use_last(struct found *found, struct firn_db_tree *table, firn_error *err)
{
    struct firn_schema *before = NULL;
    int rc = FIRN_OK;
    firn_os_mutex_lock(&found->db->state_mutex);
    if (schema_count(found) > 0) {
        before = table->last_schema;
        table->last_schema = schemas_of(found)[0];
        firn_schema_ref(table->last_schema);
    } else if (table->last_schema != NULL) {
        rc = firn_buf_append(&found->schemas, &table->last_schema, sizeof(struct firn_schema *));
        if (rc == FIRN_OK) {
            firn_schema_ref(table->last_schema);
        }
    } else {
        rc = FIRN_CORRUPT;
    }
    firn_os_mutex_unlock(&found->db->state_mutex);
    firn_schema_unref(before);
    return rc == FIRN_OK          ? FIRN_OK
           : rc == FIRN_NO_MEMORY ? firn_error_no_memory(err, "the columns of a table")
                                  : firn_error_set(err, rc,
                                                   "'%s': the schema of the table with number "
                                                   "%" PRIu32 " is missing",
                                                   firn_os_dir_path(found->db->dir), table->id);
}

int
firn_db_layout_take(void *ctx, uint32_t tree_id, struct firn_column_layout **out, firn_error *err)
{
    struct found found = {.db = ctx};
    struct firn_db_tree *table;
    uint8_t key[FIRN_DB_SCHEMA_KEY_SIZE];
    int rc;
    *out = NULL;
    FIRN_TRY(find_trees(&found, tree_id, &table, err));
    for (size_t i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)(table->schema >> (8 * (sizeof key - 1 - i)));
    }
    for (size_t i = 0; i < found.trees.size / sizeof(struct firn_lsm_tree *); i++) {
        FIRN_TRY(add_versions(&found, ((struct firn_lsm_tree **)(void *)found.trees.data)[i],
                              firn_bytes(key, sizeof key), err));
    }
    FIRN_TRY(use_last(&found, table, err));
    FIRN_TRY(firn_schema_layout_create(schemas_of(&found), schema_count(&found), out, err));
out:
    for (size_t i = 0; i < schema_count(&found); i++) {
        firn_schema_unref(schemas_of(&found)[i]);
    }
    firn_buf_deinit(&found.schemas);
    firn_buf_deinit(&found.trees);
    return rc;
}
