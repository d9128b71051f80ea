/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/schema.c: making schemas, and finding things in them.
 *
 * fi_schema_create makes every schema, whether from a definition, a record or a change. It takes
 * a model that borrows its parts, checks them and copies them. So the rules of tables are in one
 * place:
 *
 * (I1) Columns are in the order of their numbers, all below next_column; names are there once.
 * (I2) The key has 1 to 16 columns, none of them twice, none nullable, none a VECTOR.
 * (I3) An auto column is an integer, the whole key, and has no default.
 * (I4) A default is a value of its column; null is none. So is an initial value; columns of the key
 *      have none, since there are no rows without them.
 * (I5) Indexes are in the order of their numbers, all below next_index; their columns exist, none
 *      of them twice, none a VECTOR.
 * (I6) Indexes of vectors are also in the order of their numbers. Each has one column, a VECTOR,
 *      and does not share its number or name with another index.
 * (Not asserted: fi_schema_create tests all six and refuses other models, since these come from
 * callers and from disk.)
 *
 * A schema and all that it holds is in one arena, which is freed with the last reference.
 */
#include "schema/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"
#include "codec/utf8.h"

enum { SPACE = 0x20, DELETE = 0x7f, CONTROL_END = 0xa0 };

/* ---- the rules of tables ---- */

bool
fi_schema_is_name(firn_slice name)
{
    size_t at = 0;
    bool is_good = name.size > 0 && name.size <= FIRN_TABLE_NAME_SIZE_MAX && fi_utf8_is_valid(name);
    while (is_good && at < name.size) {
        uint32_t character = 0;
        at += fi_utf8_decode(firn_bytes(name.data + at, name.size - at), &character);
        is_good = character >= SPACE && (character < DELETE || character >= CONTROL_END);
    }
    return is_good;
}

static int
check_name(firn_slice name, const char *of, firn_error *err)
{
    DCHECK(of != NULL);
    if (fi_schema_is_name(name)) {
        return FIRN_OK;
    }
    if (name.size > FIRN_TABLE_NAME_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "a name of %s has %zu bytes; at most %d are allowed",
                            of, name.size, FIRN_TABLE_NAME_SIZE_MAX);
    }
    return fi_error_set(err, FIRN_INVALID,
                        "a name of %s is %s: it needs UTF-8 without control characters", of,
                        name.size == 0 ? "empty" : "no such text");
}

static int
check_type(const struct fi_schema_column *column, firn_error *err)
{
    const char *name = (const char *)column->name.data;
    const enum fi_type_class class = fi_type_class_of(column->type);
    bool is_decimal = class == FI_TYPE_CLASS_DECIMAL;
    bool is_vector = class == FI_TYPE_CLASS_VECTOR;
    if (!fi_type_is_valid(column->type)) {
        return fi_error_set(err, FIRN_INVALID, "column %s: %d is not a type", name,
                            (int)column->type);
    }
    if (is_decimal && (column->precision < 1 || column->precision > FIRN_TABLE_PRECISION_MAX ||
                       column->scale > column->precision)) {
        return fi_error_set(err, FIRN_INVALID,
                            "column %s: a decimal has 1 to %d digits, and of these 0 to all after "
                            "the point, not (%u, %u)",
                            name, FIRN_TABLE_PRECISION_MAX, column->precision, column->scale);
    }
    if (is_vector && (column->dimensions < 1 || column->dimensions > FIRN_TABLE_DIMENSIONS_MAX)) {
        return fi_error_set(err, FIRN_INVALID, "column %s: a vector has 1 to %d dimensions, not %u",
                            name, FIRN_TABLE_DIMENSIONS_MAX, column->dimensions);
    }
    if ((!is_decimal && (column->precision > 0 || column->scale > 0)) ||
        (!is_vector && column->dimensions > 0)) {
        return fi_error_set(
            err, FIRN_INVALID,
            "column %s: only a decimal has a precision and a scale, only a vector dimensions",
            name);
    }
    return FIRN_OK;
}

/* Checks a default or an initial value. */
static int
check_constant(const struct fi_schema_column *column, const struct fi_cell *cell, const char *what,
               firn_error *err)
{
    DCHECK(what != NULL);
    struct fi_cell again;
    if (cell->kind == FI_PHYSICAL_NONE) {
        return FIRN_OK;
    }
    if (cell->kind != fi_physical_of(column->type)) {
        return fi_error_set(err, FIRN_INVALID, "column %s: its %s is of another type",
                            (const char *)column->name.data, what);
    }
    if (cell->kind == FI_PHYSICAL_BYTES && cell->as.bytes.size > FIRN_TABLE_DEFAULT_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "column %s: its %s has %zu bytes; at most %d are allowed",
                            (const char *)column->name.data, what, cell->as.bytes.size,
                            FIRN_TABLE_DEFAULT_SIZE_MAX);
    }
    if (column->type == FIRN_TYPE_BOOL && cell->as.u64 > 1) {
        return fi_error_set(err, FIRN_INVALID, "column %s: its %s is neither true nor false",
                            (const char *)column->name.data, what);
    }
    firn_value value = fi_schema_value_of(column, cell);
    return fi_schema_value_to_cell(column, &value, &again, err);
}

/* Checks the fields of a column. The model's names may lack a NUL; those of the copy have one. */
static int
check_column(const struct fi_schema *schema, const struct fi_schema_column *column, firn_error *err)
{
    const char *name = (const char *)column->name.data;
    int rc;
    FI_TRY(check_type(column, err));
    FI_TRY(check_constant(column, &column->default_value, "default", err));
    FI_TRY(check_constant(column, &column->initial, "initial value", err));
    if (column->is_key && column->is_nullable) {
        rc = fi_error_set(err, FIRN_INVALID, "column %s is of the primary key: it cannot be null",
                          name);
    } else if (column->is_key && column->initial.kind != FI_PHYSICAL_NONE) {
        rc = fi_error_set(err, FIRN_INVALID,
                          "column %s is of the primary key: it cannot have an initial value", name);
    } else if (column->is_auto &&
               (!column->is_key || schema->key_count > 1 || !fi_type_is_integer(column->type))) {
        rc = fi_error_set(err, FIRN_INVALID,
                          "column %s: only an integer that is the whole primary key is auto", name);
    } else if (column->has_bloom_filter && !fi_type_has_order(column->type)) {
        rc = fi_error_set(err, FIRN_INVALID, "column %s: a vector has no Bloom filter", name);
    } else if (column->is_auto && column->default_value.kind != FI_PHYSICAL_NONE) {
        rc = fi_error_set(err, FIRN_INVALID, "column %s is auto: it cannot have a default", name);
    }
out:
    return rc;
}

static int
check_columns(const struct fi_schema *schema, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < schema->column_count && rc == FIRN_OK; i++) {
        const struct fi_schema_column *column = &schema->columns[i];
        uint32_t before = i == 0 ? 0 : schema->columns[i - 1].id;
        if (column->id <= before || column->id >= schema->next_column) {
            return fi_error_set(err, FIRN_INVALID, "the number of a column is impossible: %u",
                                column->id);
        }
        FI_TRY(check_name(column->name, "a column", err));
        for (size_t other = 0; other < i; other++) {
            if (fi_slice_equal(column->name, schema->columns[other].name)) {
                return fi_error_set(err, FIRN_EXISTS, "there are two columns with the name %s",
                                    (const char *)column->name.data);
            }
        }
        FI_TRY(check_column(schema, column, err));
    }
out:
    return rc;
}

/* Whether a list of columns can be ordered by. of: "the primary key" or the name of an index. */
static int
check_order(const struct fi_schema *schema, const uint32_t *ids, size_t count, const char *of,
            firn_error *err)
{
    DCHECK(ids != NULL || count == 0);
    if (count == 0) {
        return fi_error_set(err, FIRN_INVALID, "%s has no columns: name at least one", of);
    }
    if (count > FIRN_TABLE_KEY_COLUMNS_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "%s has %zu columns; at most %d are allowed", of,
                            count, FIRN_TABLE_KEY_COLUMNS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const struct fi_schema_column *column = fi_schema_find_id(schema, ids[i]);
        if (column == NULL) {
            return fi_error_set(err, FIRN_INVALID, "%s has a column that does not exist: %u", of,
                                ids[i]);
        }
        for (size_t other = 0; other < i; other++) {
            if (ids[other] == ids[i]) {
                return fi_error_set(err, FIRN_INVALID, "%s has column %s twice", of,
                                    (const char *)column->name.data);
            }
        }
        if (!fi_type_has_order(column->type)) {
            return fi_error_set(err, FIRN_INVALID,
                                "%s cannot have column %s: vectors have no order", of,
                                (const char *)column->name.data);
        }
    }
    return FIRN_OK;
}

static int
check_indexes(const struct fi_schema *schema, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < schema->index_count && rc == FIRN_OK; i++) {
        const struct fi_schema_index *index = &schema->indexes[i];
        uint32_t before = i == 0 ? 0 : schema->indexes[i - 1].id;
        char of[sizeof "index " + FIRN_TABLE_NAME_SIZE_MAX];
        if (index->id <= before || index->id >= schema->next_index) {
            return fi_error_set(err, FIRN_INVALID, "the number of an index is impossible: %u",
                                index->id);
        }
        FI_TRY(check_name(index->name, "an index", err));
        memcpy(of, "index ", sizeof "index ");
        memcpy(of + strlen(of), index->name.data, index->name.size + 1);
        for (size_t other = 0; other < i; other++) {
            if (fi_slice_equal(index->name, schema->indexes[other].name)) {
                return fi_error_set(err, FIRN_EXISTS, "there are two indexes with the name %s",
                                    (const char *)index->name.data);
            }
        }
        FI_TRY(check_order(schema, index->columns, index->column_count, of, err));
    }
out:
    return rc;
}

/* (I6) */
static int
check_vector_index(const struct fi_schema *schema, size_t i, firn_error *err)
{
    DCHECK(i < schema->vector_index_count);
    const struct fi_schema_vector_index *index = &schema->vector_indexes[i];
    const struct fi_schema_column *column = fi_schema_find_id(schema, index->column);
    uint32_t before = i == 0 ? 0 : schema->vector_indexes[i - 1].id;
    int rc = check_name(index->name, "an index", err);
    if (rc != FIRN_OK) {
        return rc;
    }
    const char *name = (const char *)index->name.data;
    bool is_known = fi_schema_find_index(schema, index->name) != NULL ||
                    fi_schema_find_vector_index(schema, index->name) != index;
    bool is_numbered = index->id > before && index->id < schema->next_index;
    for (size_t other = 0; other < schema->index_count; other++) {
        is_numbered = is_numbered && schema->indexes[other].id != index->id;
    }
    if (is_known || !is_numbered) {
        return is_known
                   ? fi_error_set(err, FIRN_EXISTS, "there are two indexes with the name %s", name)
                   : fi_error_set(err, FIRN_INVALID, "the number of an index is impossible: %u",
                                  index->id);
    }
    if (column == NULL || column->type != FIRN_TYPE_VECTOR) {
        return fi_error_set(err, FIRN_INVALID, "index %s: its column is no vector", name);
    }
    if (index->metric < 1 || index->metric > FI_SCHEMA_METRIC_LAST || index->m < FI_SCHEMA_M_MIN ||
        index->m > FI_SCHEMA_M_MAX || index->ef_construction < 1 ||
        index->ef_construction > FI_SCHEMA_EF_MAX) {
        return fi_error_set(err, FIRN_INVALID,
                            "index %s: m is %d to %d, ef_construction 1 to %d, and there are %d "
                            "metrics",
                            name, FI_SCHEMA_M_MIN, FI_SCHEMA_M_MAX, FI_SCHEMA_EF_MAX,
                            FI_SCHEMA_METRIC_LAST);
    }
    return FIRN_OK;
}

/* Checks the counts that sizes of arrays depend on, before anything is copied. */
static int
check_counts(const struct fi_schema *model, firn_error *err)
{
    if (model->column_count == 0) {
        return fi_error_set(err, FIRN_INVALID, "a table needs at least one column");
    }
    if (model->column_count > FIRN_TABLE_COLUMNS_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "%zu columns; a table has at most %d",
                            model->column_count, FIRN_TABLE_COLUMNS_MAX);
    }
    if (model->index_count > FIRN_TABLE_INDEXES_MAX ||
        model->vector_index_count > FIRN_TABLE_INDEXES_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "%zu indexes; a table has at most %d of a sort",
                            model->index_count > model->vector_index_count
                                ? model->index_count
                                : model->vector_index_count,
                            FIRN_TABLE_INDEXES_MAX);
    }
    if (model->key_count > FIRN_TABLE_KEY_COLUMNS_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "the primary key has %zu columns; at most %d are allowed",
                            model->key_count, FIRN_TABLE_KEY_COLUMNS_MAX);
    }
    if (model->next_column > FI_TUPLE_COLUMN_LIMIT || model->next_index == 0 ||
        model->version == 0) {
        return fi_error_set(
            err, FIRN_LIMIT,
            "the table has given all its numbers of columns: copy it into a new one");
    }
    return FIRN_OK;
}

static int
schema_check(const struct fi_schema *schema, firn_error *err)
{
    if (schema->key_count == 0) {
        return fi_error_set(err, FIRN_INVALID,
                            "a table needs a primary key: name one of its columns");
    }
    FI_TRY_RETURN(check_columns(schema, err));
    FI_TRY_RETURN(check_order(schema, schema->key, schema->key_count, "the primary key", err));
    FI_TRY_RETURN(check_indexes(schema, err));
    for (size_t i = 0; i < schema->vector_index_count; i++) {
        FI_TRY_RETURN(check_vector_index(schema, i, err));
    }
    return FIRN_OK;
}

/* ---- copying ---- */

/* Each returns false if there is no memory. */
static bool
copy_name(struct fi_arena *arena, firn_slice *name)
{
    const char *data = name->data == NULL ? "" : (const char *)name->data;
    const char *copy = fi_arena_str(arena, data, name->size);
    *name = firn_bytes(copy, name->size);
    return copy != NULL;
}

static bool
copy_bytes(struct fi_arena *arena, firn_slice *bytes)
{
    static const uint8_t nothing[1] = {0};
    if (bytes->size == 0) {
        *bytes = firn_bytes(nothing, 0);
        return true;
    }
    bytes->data = fi_arena_copy(arena, bytes->data, bytes->size);
    return bytes->data != NULL;
}

static bool
copy_cell(struct fi_arena *arena, struct fi_cell *cell)
{
    return cell->kind != FI_PHYSICAL_BYTES || copy_bytes(arena, &cell->as.bytes);
}

static const uint32_t *
copy_ids(struct fi_arena *arena, const uint32_t *ids, size_t count)
{
    uint32_t *copy = fi_arena_alloc(arena, (count + 1) * sizeof *copy);
    if (copy != NULL && count > 0) {
        memcpy(copy, ids, count * sizeof *copy);
    }
    return copy;
}

/* The places of the columns with these ids; 0 for an id that does not exist (check finds it). */
static const uint32_t *
places_of(const struct fi_schema *schema, struct fi_arena *arena, const uint32_t *ids, size_t count)
{
    DCHECK(ids != NULL || count == 0);
    uint32_t *places = fi_arena_alloc(arena, (count + 1) * sizeof *places);
    for (size_t i = 0; places != NULL && i < count; i++) {
        const struct fi_schema_column *column = fi_schema_find_id(schema, ids[i]);
        places[i] = column == NULL ? 0 : (uint32_t)(column - schema->columns);
    }
    return places;
}

static bool
copy_columns(struct fi_schema *schema, const struct fi_schema *model)
{
    DCHECK(schema->columns == NULL);
    struct fi_arena *arena = &schema->arena;
    struct fi_schema_column *columns = fi_arena_alloc(arena, model->column_count * sizeof *columns);
    bool is_whole = columns != NULL;
    for (size_t i = 0; is_whole && i < model->column_count; i++) {
        struct fi_schema_column *column = &columns[i];
        *column = model->columns[i];
        column->fixed_size = fi_type_bytes_size(column->type, column->dimensions);
        column->is_key = false;
        for (size_t part = 0; part < model->key_count; part++) {
            column->is_key = column->is_key || model->key[part] == column->id;
        }
        is_whole = copy_name(arena, &column->name) && copy_cell(arena, &column->default_value) &&
                   copy_cell(arena, &column->initial) && copy_bytes(arena, &column->others);
    }
    schema->columns = columns;
    return is_whole;
}

static bool
copy_indexes(struct fi_schema *schema, const struct fi_schema *model)
{
    DCHECK(schema->indexes == NULL);
    struct fi_arena *arena = &schema->arena;
    struct fi_schema_index *indexes =
        fi_arena_alloc(arena, (model->index_count + 1) * sizeof *indexes);
    bool is_whole = indexes != NULL;
    for (size_t i = 0; is_whole && i < model->index_count; i++) {
        struct fi_schema_index *index = &indexes[i];
        *index = model->indexes[i];
        index->columns = copy_ids(arena, index->columns, index->column_count);
        index->places = index->columns == NULL
                            ? NULL
                            : places_of(schema, arena, index->columns, index->column_count);
        is_whole = index->places != NULL && copy_name(arena, &index->name) &&
                   copy_bytes(arena, &index->others);
    }
    schema->indexes = indexes;
    return is_whole;
}

static bool
copy_vector_indexes(struct fi_schema *schema, const struct fi_schema *model)
{
    struct fi_arena *arena = &schema->arena;
    size_t count = model->vector_index_count;
    struct fi_schema_vector_index *indexes = fi_arena_alloc(arena, (count + 1) * sizeof *indexes);
    bool is_whole = indexes != NULL;
    for (size_t i = 0; is_whole && i < count; i++) {
        struct fi_schema_vector_index *index = &indexes[i];
        *index = model->vector_indexes[i];
        const struct fi_schema_column *column = fi_schema_find_id(schema, index->column);
        index->place = column == NULL ? 0 : (uint32_t)(column - schema->columns);
        is_whole = copy_name(arena, &index->name) && copy_bytes(arena, &index->others);
    }
    schema->vector_indexes = indexes;
    return is_whole;
}

static bool
schema_copy(struct fi_schema *schema, const struct fi_schema *model)
{
    struct fi_arena *arena = &schema->arena;
    schema->version = model->version;
    schema->next_column = model->next_column;
    schema->next_index = model->next_index;
    schema->column_count = model->column_count;
    schema->key_count = model->key_count;
    schema->index_count = model->index_count;
    schema->vector_index_count = model->vector_index_count;
    schema->others = model->others;
    if (!copy_columns(schema, model)) {
        return false;
    }
    schema->key = copy_ids(arena, model->key, model->key_count);
    schema->key_places =
        schema->key == NULL ? NULL : places_of(schema, arena, schema->key, schema->key_count);
    return schema->key_places != NULL && copy_indexes(schema, model) &&
           copy_vector_indexes(schema, model) && copy_bytes(arena, &schema->others);
}

int
fi_schema_create(const struct fi_schema *model, struct fi_schema **out, firn_error *err)
{
    int rc;
    *out = NULL;
    rc = check_counts(model, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_schema *schema = fi_alloc_zeroed(sizeof *schema);
    if (schema == NULL) {
        return fi_error_no_memory(err, "a schema");
    }
    atomic_init(&schema->refs, 1);
    schema->arena.chunk_size = 4096;
    rc = schema_copy(schema, model) ? schema_check(schema, err)
                                    : fi_error_no_memory(err, "a schema");
    if (rc != FIRN_OK) {
        fi_schema_unref(schema);
        return rc;
    }
    *out = schema;
    return FIRN_OK;
}

void
fi_schema_ref(struct fi_schema *schema)
{
    size_t before = atomic_fetch_add_explicit(&schema->refs, 1, memory_order_relaxed);
    DCHECK(before > 0);
    (void)before;
}

void
fi_schema_unref(struct fi_schema *schema)
{
    if (schema == NULL) {
        return;
    }
    /* Pairs with itself: the last caller sees what all others did with the schema. */
    size_t before = atomic_fetch_sub_explicit(&schema->refs, 1, memory_order_acq_rel);
    DCHECK(before > 0);
    if (before == 1) {
        fi_arena_deinit(&schema->arena);
        fi_free(schema);
    }
}

/* ---- finding ---- */

const struct fi_schema_column *
fi_schema_find(const struct fi_schema *schema, firn_slice name)
{
    for (size_t i = 0; i < schema->column_count; i++) {
        if (fi_slice_equal(schema->columns[i].name, name)) {
            return &schema->columns[i];
        }
    }
    return NULL;
}

const struct fi_schema_column *
fi_schema_find_id(const struct fi_schema *schema, uint32_t id)
{
    DCHECK(schema->column_count > 0);
    size_t low = 0;
    size_t high = schema->column_count;
    FI_SEARCH_FIRST(low, high, middle, schema->columns[middle].id < id);
    return low < schema->column_count && schema->columns[low].id == id ? &schema->columns[low]
                                                                       : NULL;
}

const struct fi_schema_index *
fi_schema_find_index(const struct fi_schema *schema, firn_slice name)
{
    for (size_t i = 0; i < schema->index_count; i++) {
        if (fi_slice_equal(schema->indexes[i].name, name)) {
            return &schema->indexes[i];
        }
    }
    return NULL;
}

const struct fi_schema_vector_index *
fi_schema_find_vector_index(const struct fi_schema *schema, firn_slice name)
{
    for (size_t i = 0; i < schema->vector_index_count; i++) {
        if (fi_slice_equal(schema->vector_indexes[i].name, name)) {
            return &schema->vector_indexes[i];
        }
    }
    return NULL;
}

int
fi_schema_require(const struct fi_schema *schema, firn_slice name,
                  const struct fi_schema_column **out, firn_error *err)
{
    DCHECK(out != NULL);
    *out = fi_schema_find(schema, name);
    if (*out == NULL) {
        int shown =
            name.size > FIRN_TABLE_NAME_SIZE_MAX ? FIRN_TABLE_NAME_SIZE_MAX : (int)name.size;
        return fi_error_set(err, FIRN_NOT_FOUND, "there is no column %.*s", shown,
                            name.data == NULL ? "" : (const char *)name.data);
    }
    return FIRN_OK;
}
