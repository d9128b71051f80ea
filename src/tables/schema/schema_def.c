/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/schema_def.c: makes schemas from definitions of tables (firn/table.h) that programs fill
 * in.
 *
 * The elements of the arrays of columns and indexes have the size that they had when the program
 * was compiled: the definition says how large they are. Elements of an older version lack fields,
 * which count as 0. In elements of a newer version, and in the definition itself, all fields that
 * are unknown here must be 0.
 *
 * Limits: counts are checked before memory for them is allocated.
 */
#include "schema/schema.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "firn/vector.h"

enum { STRUCT_SIZE_MAX = 4096 };

/* The size of a structure whose last member is `last`, of at most a pointer's size. A member that
 * is added later begins there or after it, never in padding. */
#define SIZE_TO(type, last) (offsetof(type, last) + sizeof(void *))

/* The sizes of the first version. */
enum {
    DEF_SIZE_MIN = SIZE_TO(firn_table_def, index_count),
    COLUMN_SIZE_MIN = SIZE_TO(firn_table_column, default_value),
    INDEX_SIZE_MIN = SIZE_TO(firn_table_index, is_unique),
    VECTOR_INDEX_SIZE_MIN = SIZE_TO(firn_vector_index, m)
};
_Static_assert(DEF_SIZE_MIN <= sizeof(firn_table_def) &&
                   COLUMN_SIZE_MIN <= sizeof(firn_table_column) &&
                   INDEX_SIZE_MIN <= sizeof(firn_table_index),
               "members are only added");

/* Members that a newer version added to a structure must be 0. */
static int
check_rest(size_t size, const void *given, size_t given_size, firn_error *err)
{
    const uint8_t *bytes = given;
    for (size_t i = size; i < given_size; i++) {
        if (bytes[i] != 0) {
            return fi_error_set(
                err, FIRN_UNSUPPORTED,
                "a definition has fields set that this version of firn does not know");
        }
    }
    return FIRN_OK;
}

static int
read_struct(void *out, size_t size, const void *given, size_t given_size, firn_error *err)
{
    DCHECK(size > 0 && given_size <= STRUCT_SIZE_MAX);
    memset(out, 0, size);
    memcpy(out, given, given_size < size ? given_size : size);
    return check_rest(size, given, given_size, err);
}

bool
fi_schema_def_is_column_size(size_t size)
{
    return size >= COLUMN_SIZE_MIN && size <= STRUCT_SIZE_MAX && size % sizeof(void *) == 0;
}

bool
fi_schema_def_is_index_size(size_t size)
{
    return size >= INDEX_SIZE_MIN && size <= STRUCT_SIZE_MAX && size % sizeof(void *) == 0;
}

static int
refuse_size(size_t size, firn_error *err)
{
    return fi_error_set(err, FIRN_INVALID, "%zu is not the size of a column or an index", size);
}

int
fi_schema_def_read_column(const firn_table_column *given, size_t size, firn_table_column *out,
                          firn_error *err)
{
    return fi_schema_def_is_column_size(size) ? read_struct(out, sizeof *out, given, size, err)
                                              : refuse_size(size, err);
}

int
fi_schema_def_read_index(const firn_table_index *given, size_t size, firn_table_index *out,
                         firn_error *err)
{
    return fi_schema_def_is_index_size(size) ? read_struct(out, sizeof *out, given, size, err)
                                             : refuse_size(size, err);
}

static int
check_sizes(const firn_table_def *def, firn_error *err)
{
    if (def == NULL || def->size < DEF_SIZE_MIN || def->size > STRUCT_SIZE_MAX ||
        !fi_schema_def_is_column_size(def->column_size) ||
        !fi_schema_def_is_index_size(def->index_size)) {
        return fi_error_set(
            err, FIRN_INVALID,
            "the definition of a table has no sizes: begin it with FIRN_TABLE_DEF_INIT");
    }
    return FIRN_OK;
}

static int
check_counts(const firn_table_def *def, firn_error *err)
{
    if ((def->columns == NULL && def->column_count > 0) ||
        (def->key == NULL && def->key_count > 0) ||
        (def->indexes == NULL && def->index_count > 0) ||
        (def->vector_indexes == NULL && def->vector_index_count > 0)) {
        return fi_error_set(err, FIRN_INVALID,
                            "the definition of a table has a count without an array");
    }
    const size_t indexes =
        def->index_count > def->vector_index_count ? def->index_count : def->vector_index_count;
    if (def->column_count > FIRN_TABLE_COLUMNS_MAX || indexes > FIRN_TABLE_INDEXES_MAX ||
        def->key_count > FIRN_TABLE_KEY_COLUMNS_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "the definition has %zu columns, %zu of them in the primary key, and "
                            "%zu indexes; at most "
                            "%d, %d and %d are allowed",
                            def->column_count, def->key_count, indexes, FIRN_TABLE_COLUMNS_MAX,
                            FIRN_TABLE_KEY_COLUMNS_MAX, FIRN_TABLE_INDEXES_MAX);
    }
    return FIRN_OK;
}

/* Makes every NaN the same one: the text of a definition does not keep their bits. */
static void
normalize_nan(struct fi_cell *cell)
{
    static const uint32_t nan_f32 = 0x7fc00000;
    static const uint64_t nan_f64 = (uint64_t)0x7ff8 << 48;
    if (cell->kind == FI_PHYSICAL_F32 && cell->as.f32 != cell->as.f32) {
        memcpy(&cell->as.f32, &nan_f32, sizeof nan_f32);
    } else if (cell->kind == FI_PHYSICAL_F64 && cell->as.f64 != cell->as.f64) {
        memcpy(&cell->as.f64, &nan_f64, sizeof nan_f64);
    }
}

int
fi_schema_def_column(const firn_table_column *column, struct fi_schema_column *out, firn_error *err)
{
    int rc = FIRN_OK;
    *out = (struct fi_schema_column){.type = column->type,
                                     .precision = column->precision,
                                     .scale = column->scale,
                                     .dimensions = column->dimensions,
                                     .is_nullable = !column->not_null && !column->is_auto,
                                     .is_auto = column->is_auto,
                                     .has_bloom_filter = column->has_bloom_filter};
    if (column->name == NULL) {
        return fi_error_set(err, FIRN_INVALID, "a column has no name");
    }
    out->name = firn_str(column->name);
    if (!fi_schema_is_name(out->name)) {
        return fi_error_set(
            err, FIRN_INVALID,
            "a column has an impossible name: it needs 1 to %d bytes of UTF-8 without control "
            "characters",
            FIRN_TABLE_NAME_SIZE_MAX);
    }
    if (!fi_type_is_valid(column->type)) {
        return fi_error_set(err, FIRN_INVALID, "column %s: %d is not a type", column->name,
                            (int)column->type);
    }
    if (column->type == FIRN_TYPE_DECIMAL && (column->precision > FIRN_TABLE_PRECISION_MAX ||
                                              column->scale > FIRN_TABLE_PRECISION_MAX)) {
        return fi_error_set(err, FIRN_INVALID, "column %s: a decimal has at most %d digits",
                            column->name, FIRN_TABLE_PRECISION_MAX);
    }
    if (column->type == FIRN_TYPE_VECTOR && column->dimensions > FIRN_TABLE_DIMENSIONS_MAX) {
        return fi_error_set(err, FIRN_INVALID, "column %s: a vector has at most %d dimensions",
                            column->name, FIRN_TABLE_DIMENSIONS_MAX);
    }
    out->fixed_size = fi_type_bytes_size(column->type, column->dimensions);
    if (column->default_value != NULL && !firn_is_null(*column->default_value)) {
        rc = fi_schema_value_to_cell(out, column->default_value, &out->default_value, err);
        normalize_nan(&out->default_value);
    }
    return rc;
}

int
fi_schema_def_ids(const struct fi_schema *schema, const char *const *names, size_t count,
                  const char *of, uint32_t *out, firn_error *err)
{
    DCHECK(out != NULL && of != NULL);
    DCHECK(count <= FIRN_TABLE_KEY_COLUMNS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct fi_schema_column *column =
            names[i] == NULL ? NULL : fi_schema_find(schema, firn_str(names[i]));
        if (column == NULL) {
            return fi_error_set(err, FIRN_NOT_FOUND, "%s: there is no column %.*s", of,
                                FIRN_TABLE_NAME_SIZE_MAX, names[i] == NULL ? "" : names[i]);
        }
        out[i] = column->id;
    }
    return FIRN_OK;
}

/* ---- a whole table ---- */

struct draft {
    struct fi_schema schema; /* borrows from the fields below, and from the definition */
    struct fi_schema_column columns[FIRN_TABLE_COLUMNS_MAX];
    struct fi_schema_index indexes[FIRN_TABLE_INDEXES_MAX];
    struct fi_schema_vector_index vector_indexes[FIRN_TABLE_INDEXES_MAX];
    uint32_t key[FIRN_TABLE_KEY_COLUMNS_MAX];
    uint32_t index_columns[FIRN_TABLE_INDEXES_MAX][FIRN_TABLE_KEY_COLUMNS_MAX];
};

static int
parse_columns(struct draft *draft, const firn_table_def *def, firn_error *err)
{
    DCHECK(draft->schema.column_count == 0);
    int rc = FIRN_OK;
    for (size_t i = 0; i < def->column_count && rc == FIRN_OK; i++) {
        firn_table_column column;
        FI_TRY(read_struct(&column, sizeof column,
                           (const uint8_t *)def->columns + i * def->column_size, def->column_size,
                           err));
        FI_TRY(fi_schema_def_column(&column, &draft->columns[i], err));
        draft->columns[i].id = (uint32_t)i + 1;
    }
    draft->schema.columns = draft->columns;
    draft->schema.column_count = def->column_count;
    draft->schema.next_column = (uint32_t)def->column_count + 1;
out:
    return rc;
}

static int
parse_key(struct draft *draft, const firn_table_def *def, firn_error *err)
{
    int rc = fi_schema_def_ids(&draft->schema, def->key, def->key_count, "the primary key",
                               draft->key, err);
    for (size_t i = 0; i < def->key_count && rc == FIRN_OK; i++) {
        draft->columns[draft->key[i] - 1].is_nullable = false;
    }
    draft->schema.key = draft->key;
    draft->schema.key_count = def->key_count;
    return rc;
}

static int
parse_indexes(struct draft *draft, const firn_table_def *def, firn_error *err)
{
    int rc = FIRN_OK;
    DCHECK(def->index_count <= FIRN_TABLE_INDEXES_MAX);
    for (size_t i = 0; i < def->index_count && rc == FIRN_OK; i++) {
        firn_table_index index;
        FI_TRY(read_struct(&index, sizeof index,
                           (const uint8_t *)def->indexes + i * def->index_size, def->index_size,
                           err));
        if (index.name == NULL || (index.columns == NULL && index.column_count > 0)) {
            return fi_error_set(err, FIRN_INVALID, "an index has no name or no columns");
        }
        if (index.column_count > FIRN_TABLE_KEY_COLUMNS_MAX) {
            return fi_error_set(err, FIRN_LIMIT, "an index has %zu columns; at most %d are allowed",
                                index.column_count, FIRN_TABLE_KEY_COLUMNS_MAX);
        }
        FI_TRY(fi_schema_def_ids(&draft->schema, index.columns, index.column_count, "an index",
                                 draft->index_columns[i], err));
        draft->indexes[i] = (struct fi_schema_index){.id = (uint32_t)i + 1,
                                                     .is_unique = index.is_unique,
                                                     .name = firn_str(index.name),
                                                     .columns = draft->index_columns[i],
                                                     .column_count = index.column_count};
    }
    draft->schema.indexes = draft->indexes;
    draft->schema.index_count = def->index_count;
    draft->schema.next_index = (uint32_t)def->index_count + 1;
out:
    return rc;
}

static int
parse_vector_indexes(struct draft *draft, const firn_table_def *def, firn_error *err)
{
    const uint8_t *at = (const uint8_t *)def->vector_indexes;
    DCHECK(def->vector_index_count <= FIRN_TABLE_INDEXES_MAX);
    for (size_t i = 0; i < def->vector_index_count; i++) {
        firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
        size_t size;
        uint32_t column;
        memcpy(&size, at, sizeof size);
        if (size < VECTOR_INDEX_SIZE_MIN || size > STRUCT_SIZE_MAX || size % sizeof(void *) != 0) {
            return fi_error_set(err, FIRN_INVALID,
                                "an index of vectors has no size: begin it with "
                                "FIRN_VECTOR_INDEX_INIT");
        }
        FI_TRY_RETURN(read_struct(&index, sizeof index, at, size, err));
        if (index.name == NULL || index.column == NULL) {
            return fi_error_set(err, FIRN_INVALID, "an index of vectors has no name or no column");
        }
        FI_TRY_RETURN(
            fi_schema_def_ids(&draft->schema, &index.column, 1, "an index", &column, err));
        draft->vector_indexes[i] =
            (struct fi_schema_vector_index){.id = draft->schema.next_index++,
                                            .name = firn_str(index.name),
                                            .column = column,
                                            .metric = (uint32_t)index.metric,
                                            .m = index.m,
                                            .ef_construction = index.ef_construction};
        at += size;
    }
    draft->schema.vector_indexes = draft->vector_indexes;
    draft->schema.vector_index_count = def->vector_index_count;
    return FIRN_OK;
}

int
fi_schema_def_create(const firn_table_def *given, struct fi_schema **out, firn_error *err)
{
    firn_table_def whole;
    const firn_table_def *def = &whole;
    int rc;
    *out = NULL;
    rc = check_sizes(given, err);
    rc = rc == FIRN_OK ? read_struct(&whole, sizeof whole, given, given->size, err) : rc;
    rc = rc == FIRN_OK ? check_counts(def, err) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    struct draft *draft = fi_alloc_zeroed(sizeof *draft);
    if (draft == NULL) {
        return fi_error_no_memory(err, "a definition");
    }
    draft->schema.version = 1;
    FI_TRY(parse_columns(draft, def, err));
    FI_TRY(parse_key(draft, def, err));
    FI_TRY(parse_indexes(draft, def, err));
    FI_TRY(parse_vector_indexes(draft, def, err));
    FI_TRY(fi_schema_create(&draft->schema, out, err));
out:
    fi_free(draft);
    return rc;
}
