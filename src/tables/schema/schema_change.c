/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/schema_change.c: changes of a table: from one schema to the next.
 *
 * Each makes a shallow copy of the old schema and changes that; fi_schema_create then checks and
 * copies it. So a change cannot make a table that could not have been created. Numbers are never
 * given again, so the values of a dropped column in rows and runs cannot be mistaken for those of
 * another column.
 */
#include "schema/schema.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"

/* A copy of the old schema, with room for one more column and one more index. */
struct draft {
    struct fi_schema schema;
    struct fi_schema_column *columns;
    struct fi_schema_index *indexes;
    struct fi_schema_vector_index *vector_indexes;
};

static void
schema_change_abandon(struct draft *draft)
{
    fi_free(draft->columns);
    fi_free(draft->indexes);
    fi_free(draft->vector_indexes);
}

static int
schema_change_begin(const struct fi_schema *old, struct draft *draft, firn_error *err)
{
    DCHECK(old->column_count > 0);
    *draft = (struct draft){.schema = {.version = old->version + 1,
                                       .next_column = old->next_column,
                                       .next_index = old->next_index,
                                       .column_count = old->column_count,
                                       .key = old->key,
                                       .key_count = old->key_count,
                                       .index_count = old->index_count,
                                       .vector_index_count = old->vector_index_count,
                                       .others = old->others}};
    draft->columns = fi_alloc_array(old->column_count + 1, sizeof *draft->columns);
    draft->indexes = fi_alloc_array(old->index_count + 1, sizeof *draft->indexes);
    draft->vector_indexes =
        fi_alloc_array(old->vector_index_count + 1, sizeof *draft->vector_indexes);
    if (draft->columns == NULL || draft->indexes == NULL || draft->vector_indexes == NULL) {
        schema_change_abandon(draft);
        return fi_error_no_memory(err, "a change of a table");
    }
    memcpy(draft->columns, old->columns, old->column_count * sizeof *draft->columns);
    if (old->index_count > 0) {
        memcpy(draft->indexes, old->indexes, old->index_count * sizeof *draft->indexes);
    }
    if (old->vector_index_count > 0) {
        memcpy(draft->vector_indexes, old->vector_indexes,
               old->vector_index_count * sizeof *draft->vector_indexes);
    }
    draft->schema.columns = draft->columns;
    draft->schema.indexes = draft->indexes;
    draft->schema.vector_indexes = draft->vector_indexes;
    return FIRN_OK;
}

static int
schema_change_end(struct draft *draft, struct fi_schema **out, firn_error *err)
{
    DCHECK(draft->schema.version > 0);
    int rc = fi_schema_create(&draft->schema, out, err);
    schema_change_abandon(draft);
    DCHECK(rc != FIRN_OK || (*out)->version == draft->schema.version);
    return rc;
}

/* ---- columns ---- */

int
fi_schema_change_add_column(const struct fi_schema *old, const firn_table_column *column,
                            struct fi_schema **out, firn_error *err)
{
    DCHECK(column != NULL);
    struct fi_schema_column added;
    struct draft draft;
    int rc;
    *out = NULL;
    rc = fi_schema_def_column(column, &added, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (fi_schema_find(old, added.name) != NULL) {
        return fi_error_set(err, FIRN_EXISTS, "there is a column %s already", column->name);
    }
    if (added.is_auto) {
        return fi_error_set(err, FIRN_INVALID,
                            "column %s: an auto column is part of a table from its beginning",
                            column->name);
    }
    if (!added.is_nullable && added.default_value.kind == FI_PHYSICAL_NONE) {
        return fi_error_set(
            err, FIRN_INVALID,
            "column %s: rows that are there would have no value: give it a default, "
            "or allow null",
            column->name);
    }
    rc = schema_change_begin(old, &draft, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    added.id = draft.schema.next_column++;
    added.initial = added.default_value;
    draft.columns[draft.schema.column_count++] = added;
    return schema_change_end(&draft, out, err);
}

/* The name of an index that has a column; NULL: none has. */
static const char *
index_with(const struct fi_schema *schema, uint32_t id)
{
    for (size_t i = 0; i < schema->vector_index_count; i++) {
        if (schema->vector_indexes[i].column == id) {
            return (const char *)schema->vector_indexes[i].name.data;
        }
    }
    for (size_t i = 0; i < schema->index_count; i++) {
        for (size_t part = 0; part < schema->indexes[i].column_count; part++) {
            if (schema->indexes[i].columns[part] == id) {
                return (const char *)schema->indexes[i].name.data;
            }
        }
    }
    return NULL;
}

int
fi_schema_change_drop_column(const struct fi_schema *old, firn_slice name, struct fi_schema **out,
                             firn_error *err)
{
    const struct fi_schema_column *column;
    struct draft draft;
    int rc;
    *out = NULL;
    rc = fi_schema_require(old, name, &column, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    const char *index = index_with(old, column->id);
    if (column->is_key) {
        return fi_error_set(
            err, FIRN_INVALID,
            "column %s is of the primary key: copy the rows into a table with another "
            "key",
            (const char *)column->name.data);
    }
    if (index != NULL) {
        return fi_error_set(err, FIRN_INVALID,
                            "column %s is in the index %s: drop that index first",
                            (const char *)column->name.data, index);
    }
    rc = schema_change_begin(old, &draft, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    size_t place = (size_t)(column - old->columns);
    memmove(&draft.columns[place], &draft.columns[place + 1],
            (old->column_count - place - 1) * sizeof *draft.columns);
    draft.schema.column_count--;
    return schema_change_end(&draft, out, err);
}

/* A draft in which one column can be changed. */
static int
begin_with_column(const struct fi_schema *old, firn_slice name, struct draft *draft,
                  struct fi_schema_column **out, firn_error *err)
{
    const struct fi_schema_column *column;
    int rc = fi_schema_require(old, name, &column, err);
    rc = rc == FIRN_OK ? schema_change_begin(old, draft, err) : rc;
    if (rc == FIRN_OK) {
        *out = &draft->columns[column - old->columns];
    }
    return rc;
}

int
fi_schema_change_rename_column(const struct fi_schema *old, firn_slice name, firn_slice new_name,
                               struct fi_schema **out, firn_error *err)
{
    struct fi_schema_column *column;
    struct draft draft;
    *out = NULL;
    int rc = begin_with_column(old, name, &draft, &column, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    column->name = new_name;
    return schema_change_end(&draft, out, err);
}

int
fi_schema_change_allow_null(const struct fi_schema *old, firn_slice name, struct fi_schema **out,
                            firn_error *err)
{
    struct fi_schema_column *column;
    struct draft draft;
    *out = NULL;
    int rc = begin_with_column(old, name, &draft, &column, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    column->is_nullable = true;
    return schema_change_end(&draft, out, err);
}

int
fi_schema_change_bloom_filter(const struct fi_schema *old, firn_slice name, bool has_filter,
                              struct fi_schema **out, firn_error *err)
{
    struct fi_schema_column *column;
    struct draft draft;
    *out = NULL;
    int rc = begin_with_column(old, name, &draft, &column, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    column->has_bloom_filter = has_filter;
    return schema_change_end(&draft, out, err);
}

int
fi_schema_change_default(const struct fi_schema *old, firn_slice name, const firn_value *value,
                         struct fi_schema **out, firn_error *err)
{
    const struct fi_schema_column *before;
    struct fi_schema_column *column;
    struct fi_schema_column with;
    struct draft draft;
    int rc;
    *out = NULL;
    rc = fi_schema_require(old, name, &before, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    /* Like the definition of a column, so that the value is converted in the same way. */
    const firn_table_column as_defined = {.name = (const char *)before->name.data,
                                          .type = before->type,
                                          .precision = before->precision,
                                          .scale = before->scale,
                                          .dimensions = before->dimensions,
                                          .default_value = value};
    rc = fi_schema_def_column(&as_defined, &with, err);
    rc = rc == FIRN_OK ? begin_with_column(old, name, &draft, &column, err) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    column->default_value = with.default_value;
    return schema_change_end(&draft, out, err);
}

/* ---- indexes ---- */

static int
require_index(const struct fi_schema *schema, firn_slice name, const struct fi_schema_index **out,
              firn_error *err)
{
    DCHECK(out != NULL);
    *out = fi_schema_find_index(schema, name);
    if (*out == NULL) {
        int shown =
            name.size > FIRN_TABLE_NAME_SIZE_MAX ? FIRN_TABLE_NAME_SIZE_MAX : (int)name.size;
        return fi_error_set(err, FIRN_NOT_FOUND, "there is no index %.*s", shown,
                            name.data == NULL ? "" : (const char *)name.data);
    }
    return FIRN_OK;
}

int
fi_schema_change_add_index(const struct fi_schema *old, const firn_table_index *index,
                           struct fi_schema **out, firn_error *err)
{
    DCHECK(index != NULL);
    uint32_t ids[FIRN_TABLE_KEY_COLUMNS_MAX];
    struct draft draft;
    int rc;
    *out = NULL;
    if (index->name == NULL || (index->columns == NULL && index->column_count > 0)) {
        return fi_error_set(err, FIRN_INVALID, "an index has no name or no columns");
    }
    if (fi_schema_find_index(old, firn_str(index->name)) != NULL ||
        fi_schema_find_vector_index(old, firn_str(index->name)) != NULL) {
        return fi_error_set(err, FIRN_EXISTS, "there is an index %s already", index->name);
    }
    if (index->column_count > FIRN_TABLE_KEY_COLUMNS_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "an index has %zu columns; at most %d are allowed",
                            index->column_count, FIRN_TABLE_KEY_COLUMNS_MAX);
    }
    if (old->next_index == UINT32_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "the table has had as many indexes as it can have");
    }
    rc = fi_schema_def_ids(old, index->columns, index->column_count, "an index", ids, err);
    rc = rc == FIRN_OK ? schema_change_begin(old, &draft, err) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    draft.indexes[draft.schema.index_count++] =
        (struct fi_schema_index){.id = draft.schema.next_index++,
                                 .is_unique = index->is_unique,
                                 .name = firn_str(index->name),
                                 .columns = ids,
                                 .column_count = index->column_count};
    return schema_change_end(&draft, out, err);
}

int
fi_schema_change_add_vector_index(const struct fi_schema *old,
                                  const struct fi_schema_vector_index *model,
                                  struct fi_schema **out, firn_error *err)
{
    struct draft draft;
    *out = NULL;
    if (fi_schema_find_index(old, model->name) != NULL ||
        fi_schema_find_vector_index(old, model->name) != NULL) {
        return fi_error_set(err, FIRN_EXISTS, "there is an index %.*s already",
                            (int)model->name.size, (const char *)model->name.data);
    }
    if (old->next_index == UINT32_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "the table has given all its numbers of indexes");
    }
    int rc = schema_change_begin(old, &draft, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_schema_vector_index *added = &draft.vector_indexes[draft.schema.vector_index_count++];
    *added = *model;
    added->id = draft.schema.next_index++;
    added->others = firn_bytes(NULL, 0);
    return schema_change_end(&draft, out, err);
}

static int
drop_vector_index(const struct fi_schema *old, const struct fi_schema_vector_index *index,
                  struct fi_schema **out, firn_error *err)
{
    DCHECK(index >= old->vector_indexes && index < old->vector_indexes + old->vector_index_count);
    struct draft draft;
    int rc = schema_change_begin(old, &draft, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    size_t place = (size_t)(index - old->vector_indexes);
    memmove(&draft.vector_indexes[place], &draft.vector_indexes[place + 1],
            (old->vector_index_count - place - 1) * sizeof *draft.vector_indexes);
    draft.schema.vector_index_count--;
    return schema_change_end(&draft, out, err);
}

int
fi_schema_change_drop_index(const struct fi_schema *old, firn_slice name, struct fi_schema **out,
                            firn_error *err)
{
    const struct fi_schema_index *index;
    const struct fi_schema_vector_index *of_vectors = fi_schema_find_vector_index(old, name);
    struct draft draft;
    *out = NULL;
    if (of_vectors != NULL) {
        return drop_vector_index(old, of_vectors, out, err);
    }
    int rc = require_index(old, name, &index, err);
    rc = rc == FIRN_OK ? schema_change_begin(old, &draft, err) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    size_t place = (size_t)(index - old->indexes);
    memmove(&draft.indexes[place], &draft.indexes[place + 1],
            (old->index_count - place - 1) * sizeof *draft.indexes);
    draft.schema.index_count--;
    return schema_change_end(&draft, out, err);
}

int
fi_schema_change_rename_index(const struct fi_schema *old, firn_slice name, firn_slice new_name,
                              struct fi_schema **out, firn_error *err)
{
    const struct fi_schema_index *index;
    struct draft draft;
    *out = NULL;
    int rc = require_index(old, name, &index, err);
    rc = rc == FIRN_OK ? schema_change_begin(old, &draft, err) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    draft.indexes[index - old->indexes].name = new_name;
    return schema_change_end(&draft, out, err);
}
