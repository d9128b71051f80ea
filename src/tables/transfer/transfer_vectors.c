/* SPDX-License-Identifier: Apache-2.0
 *
 * transfer/transfer_vectors.c: imports a file of vectors into a table.
 *
 * The file comes in pieces, which a reader (vectorfile/) divides into vectors. Each vector becomes
 * a row of a load. Its key is a number of the table, or its position in the file.
 *
 * Memory: a piece, and the part of a vector whose end was not read yet.
 */
#include "transfer/transfer.h"

#include "base/check.h"
#include "base/mem.h"
#include "vectorfile/vectorfile.h"

enum { PIECE_SIZE = 1 << 18 };

/* Visits the vectors that the reader has. */
static int
visit_all(struct fi_vectorfile *reader, const struct fi_transfer_vectors *what, uint64_t *count,
          firn_error *err)
{
    for (;;) {
        const float *vector;
        size_t dimensions;
        int rc = fi_vectorfile_next(reader, &vector, &dimensions, err);
        if (rc != FIRN_OK || vector == NULL) {
            return rc;
        }
        rc = what->visit(what->ctx, ++*count, vector, dimensions);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
}

int
fi_transfer_vectors_read(const struct fi_transfer_source *source,
                         const struct fi_transfer_vectors *what, firn_error *err)
{
    struct fi_vectorfile *reader = NULL;
    uint8_t *piece = NULL;
    uint64_t count = 0;
    bool is_over = false;
    int rc;
    FI_TRY(fi_vectorfile_create(what->kind, what->dimensions, &reader, err));
    piece = fi_alloc(PIECE_SIZE);
    if (piece == NULL) {
        rc = fi_error_no_memory(err, "a file of vectors");
        goto out;
    }
    while (!is_over) {
        size_t size = 0;
        FI_TRY(source->read(source->ctx, piece, PIECE_SIZE, &size, err));
        if (size > PIECE_SIZE) {
            rc = fi_error_set(err, FIRN_MISUSE, "%zu bytes were read, of %d", size, PIECE_SIZE);
            goto out;
        }
        is_over = size == 0;
        if (what->out_bytes != NULL) {
            *what->out_bytes += size;
        }
        FI_TRY(fi_vectorfile_feed(reader, firn_bytes(piece, size), err));
        FI_TRY(visit_all(reader, what, &count, err));
        if (what->progress != NULL) {
            FI_TRY(fi_storefile_progress_step(what->progress, 0, size, err));
        }
    }
out:
    fi_free(piece);
    fi_vectorfile_destroy(reader);
    return rc;
}

/* ---- into a table ---- */

struct import {
    struct firn_table_bulk *bulk;
    int64_t first;
    bool is_numbered; /* by the table */
    firn_import_statistics *statistics;
    firn_error *err;
};

static int
transfer_vectors_put(void *ctx, uint64_t number, const float *vector, size_t dimensions)
{
    struct import *import = ctx;
    int64_t key;
    if (__builtin_add_overflow(import->first, (int64_t)(number - 1), &key)) {
        return fi_error_set(import->err, FIRN_LIMIT, "vector %llu: there is no number for it",
                            (unsigned long long)number);
    }
    firn_value values[2] = {firn_blob(firn_bytes(vector, dimensions * sizeof *vector)),
                            firn_i64(key)};
    values[0].type = FIRN_TYPE_VECTOR;
    int rc = fi_rows_bulk_put(import->bulk, values, import->is_numbered ? 1 : 2, import->err);
    if (rc == FIRN_OK) {
        import->statistics->rows++;
    } else if (rc == FIRN_INVALID || rc == FIRN_LIMIT) {
        fi_error_prefix(import->err, "vector %llu", (unsigned long long)number);
    }
    return rc;
}

/* The column that vectors go to. */
static int
find_column(const struct fi_schema *schema, const char *name, const struct fi_schema_column **out,
            firn_error *err)
{
    size_t count = 0;
    if (name != NULL) {
        int rc = fi_schema_require(schema, firn_str(name), out, err);
        return rc != FIRN_OK || (*out)->type == FIRN_TYPE_VECTOR
                   ? rc
                   : fi_error_set(err, FIRN_INVALID, "column %s is %s: it has no vectors", name,
                                  firn_type_name((*out)->type));
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].type == FIRN_TYPE_VECTOR) {
            *out = &schema->columns[i];
            count++;
        }
    }
    return count == 1 ? FIRN_OK
                      : fi_error_set(err, FIRN_INVALID,
                                     "the table has %zu columns of vectors: say which one", count);
}

static int
open_bulk(struct firn_table *table, const firn_vectors_import_options *options,
          const struct fi_storefile_progress *progress, struct import *import,
          size_t *out_dimensions, firn_error *err)
{
    struct fi_schema *schema = NULL;
    const struct fi_schema_column *column = NULL;
    int rc;
    FI_TRY(fi_rows_schema(table, NULL, &schema, err));
    FI_TRY(find_column(schema, options->column, &column, err));
    const struct fi_schema_column *key = &schema->columns[schema->key_places[0]];
    if (schema->key_count != 1 || !fi_type_is_integer(key->type)) {
        rc = fi_error_set(err, FIRN_INVALID,
                          "the primary key is no single column of whole numbers: vectors of a "
                          "file have nothing but numbers");
        goto out;
    }
    import->is_numbered = key->is_auto;
    *out_dimensions = column->dimensions;
    const char *const names[2] = {(const char *)column->name.data, (const char *)key->name.data};
    const struct fi_rows_bulk_options bulk = {
        .columns = names, .column_count = key->is_auto ? 1 : 2, .progress = progress};
    rc = fi_rows_bulk_open(table, &bulk, &import->bulk, err);
out:
    fi_schema_unref(schema);
    return rc;
}

int
fi_transfer_vectors_import(struct firn_table *table, const struct fi_transfer_source *source,
                           const firn_vectors_import_options *options,
                           struct fi_storefile_progress *progress,
                           firn_import_statistics *statistics, firn_error *err)
{
    struct import import = {.first = options->first, .statistics = statistics, .err = err};
    struct fi_transfer_vectors what = {.kind = options->kind,
                                       .visit = transfer_vectors_put,
                                       .ctx = &import,
                                       .progress = progress,
                                       .out_bytes = &statistics->bytes};
    int rc;
    FI_TRY(open_bulk(table, options, progress, &import, &what.dimensions, err));
    FI_TRY(fi_storefile_progress_begin(progress, "read", 0, options->bytes_total, err));
    FI_TRY(fi_transfer_vectors_read(source, &what, err));
    FI_TRY(fi_rows_bulk_commit(import.bulk, err));
out:
    fi_rows_bulk_close(import.bulk);
    return rc;
}
