/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/schema_layout.c: the columns that runs of a table must have, for column/column.h: those of
 * all schemas that a reader of the runs may still use.
 *
 * Schemas of one table agree about every number that more than one of them has, since types,
 * initial values and keys never change. This is checked, because the schemas come from different
 * records.
 *
 * The layout, its columns, its key and the bytes of initial values are one piece of memory.
 */
#include "schema/schema.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "column/column.h"
#include "graph/graph.h"

_Static_assert((int)FI_SCHEMA_METRIC_LAST == (int)FI_VECTOR_METRIC_LAST &&
                   (int)FI_SCHEMA_M_MIN == (int)FI_GRAPH_M_MIN &&
                   (int)FI_SCHEMA_M_MAX == (int)FI_GRAPH_M_MAX &&
                   (int)FI_SCHEMA_EF_MAX == (int)FI_GRAPH_EF_CONSTRUCTION_MAX,
               "what a schema allows, a graph can be built with");

static bool
same_cell(const struct fi_cell *a, const struct fi_cell *b)
{
    if (a->kind != b->kind || a->kind == FI_PHYSICAL_NONE) {
        return a->kind == b->kind;
    }
    if (a->kind == FI_PHYSICAL_BYTES) {
        return fi_slice_equal(a->as.bytes, b->as.bytes);
    }
    return memcmp(&a->as, &b->as,
                  a->kind == FI_PHYSICAL_F32 ? sizeof a->as.f32 : sizeof a->as.u64) == 0;
}

static bool
same_key(const struct fi_schema *a, const struct fi_schema *b)
{
    return a->key_count == b->key_count &&
           memcmp(a->key, b->key, a->key_count * sizeof *a->key) == 0;
}

/* Steps through the columns of all schemas by ascending number. */
struct merge {
    struct fi_schema *const *schemas;
    size_t *at; /* the position in each */
    size_t count;
};

/* The current column of schema i; NULL at its end. */
static const struct fi_schema_column *
merge_at(const struct merge *merge, size_t i)
{
    DCHECK(merge->schemas[i] != NULL);
    const struct fi_schema *schema = merge->schemas[i];
    return merge->at[i] < schema->column_count ? &schema->columns[merge->at[i]] : NULL;
}

static bool
same_column(const struct fi_schema_column *a, const struct fi_schema_column *b)
{
    return a->type == b->type && a->scale == b->scale && a->fixed_size == b->fixed_size &&
           same_cell(&a->initial, &b->initial);
}

/* The column with the next number; NULL at the end. *out_agrees: all schemas that have it agree
 * about it. */
static const struct fi_schema_column *
merge_next(struct merge *merge, bool *out_agrees)
{
    const struct fi_schema_column *least = NULL;
    for (size_t i = 0; i < merge->count; i++) {
        const struct fi_schema_column *column = merge_at(merge, i);
        if (column != NULL && (least == NULL || column->id < least->id)) {
            least = column;
        }
    }
    for (size_t i = 0; i < merge->count && least != NULL; i++) {
        const struct fi_schema_column *column = merge_at(merge, i);
        if (column != NULL && column->id == least->id) {
            *out_agrees = *out_agrees && same_column(column, least);
            merge->at[i]++;
        }
    }
    return least;
}

/* Counts columns and bytes, or, with a layout, fills it in. */
static int
schema_layout_walk(struct fi_schema *const *schemas, size_t count, struct fi_column_layout *layout,
                   uint8_t *bytes, size_t *out_columns, size_t *out_bytes, firn_error *err)
{
    DCHECK(count > 0);
    struct fi_column_def *columns =
        layout == NULL ? NULL : (struct fi_column_def *)(void *)(layout + 1);
    struct merge merge = {schemas, fi_alloc_zeroed(count * sizeof *merge.at), count};
    const struct fi_schema_column *column = NULL;
    bool agrees = true;
    if (merge.at == NULL) {
        return fi_error_no_memory(err, "a layout");
    }
    *out_columns = 0;
    *out_bytes = 0;
    for (column = merge_next(&merge, &agrees); column != NULL && agrees;
         column = merge_next(&merge, &agrees)) {
        bool has_bytes = column->initial.kind == FI_PHYSICAL_BYTES;
        size_t size = has_bytes ? column->initial.as.bytes.size : 0;
        if (columns != NULL) {
            struct fi_column_def *out = &columns[*out_columns];
            *out = (struct fi_column_def){.id = column->id,
                                          .type = column->type,
                                          .fixed_size = column->fixed_size,
                                          .initial = column->initial,
                                          .has_filter = column->has_bloom_filter};
            if (has_bytes) {
                memcpy(bytes + *out_bytes, column->initial.as.bytes.data, size);
                out->initial.as.bytes = firn_bytes(bytes + *out_bytes, size);
            }
        }
        *out_bytes += size;
        ++*out_columns;
    }
    fi_free(merge.at);
    if (!agrees && column != NULL) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "two schemas of a table do not agree about column %s",
                            (const char *)column->name.data);
    }
    return FIRN_OK;
}

/* The newest schema decides which graphs runs should have. If it has none, searches of older states
 * do without. */
static const struct fi_schema *
newest_of(struct fi_schema *const *schemas, size_t count)
{
    DCHECK(count > 0);
    const struct fi_schema *newest = schemas[0];
    for (size_t i = 1; i < count; i++) {
        newest = schemas[i]->version > newest->version ? schemas[i] : newest;
    }
    return newest;
}

static void
write_graphs(const struct fi_schema *schema, struct fi_column_graph *out)
{
    for (size_t i = 0; i < schema->vector_index_count; i++) {
        const struct fi_schema_vector_index *index = &schema->vector_indexes[i];
        out[i] = (struct fi_column_graph){index->column, index->metric, index->m,
                                          index->ef_construction};
    }
}

int
fi_schema_layout_create(struct fi_schema *const *schemas, size_t count,
                        struct fi_column_layout **out, firn_error *err)
{
    DCHECK(count > 0);
    size_t columns;
    size_t bytes;
    int rc;
    *out = NULL;
    CHECK(count > 0);
    for (size_t i = 1; i < count; i++) {
        if (!same_key(schemas[0], schemas[i])) {
            return fi_error_set(err, FIRN_CORRUPT,
                                "two schemas of a table do not agree about its key");
        }
    }
    rc = schema_layout_walk(schemas, count, NULL, NULL, &columns, &bytes, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (columns > FI_COLUMN_COUNT_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "the table and its checkpoints have %zu columns; runs have at most %d: "
                            "delete old checkpoints",
                            columns, FI_COLUMN_COUNT_MAX);
    }
    size_t columns_size = columns * sizeof(struct fi_column_def);
    const struct fi_schema *newest = newest_of(schemas, count);
    size_t key_size = schemas[0]->key_count * sizeof(uint32_t);
    size_t graphs_size = newest->vector_index_count * sizeof(struct fi_column_graph);
    uint8_t *memory = fi_alloc(sizeof(struct fi_column_layout) + columns_size + key_size +
                               graphs_size + bytes + 1);
    if (memory == NULL) {
        return fi_error_no_memory(err, "a layout");
    }
    struct fi_column_layout *layout = (struct fi_column_layout *)(void *)memory;
    uint8_t *key = memory + sizeof *layout + columns_size;
    layout->columns = (const struct fi_column_def *)(void *)(layout + 1);
    layout->count = columns;
    memcpy(key, schemas[0]->key, key_size);
    layout->key = (const uint32_t *)(const void *)key;
    layout->key_count = schemas[0]->key_count;
    struct fi_column_graph *graphs = (struct fi_column_graph *)(void *)(key + key_size);
    write_graphs(newest, graphs);
    layout->graphs = graphs;
    layout->graph_count = newest->vector_index_count;
    rc = schema_layout_walk(schemas, count, layout, key + key_size + graphs_size, &columns, &bytes,
                            err);
    if (rc != FIRN_OK) {
        fi_free(layout);
        return rc;
    }
    *out = layout;
    return FIRN_OK;
}
