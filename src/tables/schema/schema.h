/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/schema.h: what a table is: its columns, its primary key, its indexes.
 * docs/formats/schema.md is the prose twin of the record.
 *
 * A schema never changes; a change of the table makes a new one. Numbers of columns and indexes are
 * never reused, so a row of any age can be read with any schema of its table. If a row lacks a
 * column of the schema, it has the column's initial value; columns that the schema no longer has
 * are skipped.
 *
 * A row has three forms: values, as users have them (firn_value); checked cells, one for each
 * column of the schema in its order (struct fi_cell); and the key and value of an entry
 * (tuple/tuple.h).
 *
 * Threads: schemas are shared by any number of threads, by counted references. All functions are
 * pure.
 */
#ifndef FIRN_SCHEMA_SCHEMA_H
#define FIRN_SCHEMA_SCHEMA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "firn/table.h"
#include "tuple/tuple.h"

struct fi_schema_column {
    uint32_t id; /* 1 to FI_TUPLE_COLUMN_LIMIT - 1 */
    firn_type type;
    uint32_t precision; /* of DECIMAL, else 0 */
    uint32_t scale;
    uint32_t dimensions; /* of VECTOR, else 0 */
    uint32_t fixed_size; /* of UUID: 16; of VECTOR: 4 for each dimension; else 0 */
    bool is_nullable;
    bool is_auto;
    bool has_bloom_filter;        /* in runs */
    bool is_key;                  /* of the primary key */
    firn_slice name;              /* a NUL follows it */
    struct fi_cell default_value; /* null: there is none */
    struct fi_cell initial;       /* of rows that are older than the column */
    firn_slice others;            /* fields of the record that this version does not know */
};

struct fi_schema_index {
    uint32_t id;
    bool is_unique;
    firn_slice name;         /* a NUL follows it */
    const uint32_t *columns; /* ids, in the order of the index */
    const uint32_t *places;  /* their places among the schema's columns */
    size_t column_count;
    firn_slice others;
};

/* Limits of its parameters, which are those of graph/graph.h and vector/vector_distance.h (checked
 * in schema_layout.c). */
enum {
    FI_SCHEMA_METRIC_LAST = 3,
    FI_SCHEMA_M_MIN = 4,
    FI_SCHEMA_M_MAX = 64,
    FI_SCHEMA_EF_MAX = 2000
};
/* An index of a column of vectors: runs of the table get graphs (graph/graph.h). It has no tree of
 * its own, and graphs depend only on its parameters: an index that is dropped and added again finds
 * the existing graphs. */
struct fi_schema_vector_index {
    uint32_t id;     /* numbered together with other indexes */
    firn_slice name; /* a NUL follows it; no other index has it */
    uint32_t column;
    uint32_t place;  /* its place among the schema's columns */
    uint32_t metric; /* enum fi_vector_metric */
    uint32_t m;
    uint32_t ef_construction;
    firn_slice others;
};

/* Everything in it lives as long as the schema. */
struct fi_schema {
    uint64_t version;     /* from 1; each change adds 1 */
    uint32_t next_column; /* the number of the next column that is added */
    uint32_t next_index;
    const struct fi_schema_column *columns; /* by ascending id: in the order they were added */
    size_t column_count;
    const uint32_t *key; /* ids, in the order of the key */
    const uint32_t *key_places;
    size_t key_count;
    const struct fi_schema_index *indexes; /* by ascending id */
    size_t index_count;
    const struct fi_schema_vector_index *vector_indexes; /* by ascending id */
    size_t vector_index_count;
    firn_slice others;
    struct fi_arena arena; /* all of the above */
    _Atomic size_t refs;
};

/* The contents of a schema without its references and arena: the start of a model. Borrowed from
 * the schema. */
static inline struct fi_schema
fi_schema_model(const struct fi_schema *schema)
{
    /* Not a copy of the whole struct: other threads change refs. */
    return (struct fi_schema){.version = schema->version,
                              .next_column = schema->next_column,
                              .next_index = schema->next_index,
                              .columns = schema->columns,
                              .column_count = schema->column_count,
                              .key = schema->key,
                              .key_places = schema->key_places,
                              .key_count = schema->key_count,
                              .indexes = schema->indexes,
                              .index_count = schema->index_count,
                              .vector_indexes = schema->vector_indexes,
                              .vector_index_count = schema->vector_index_count,
                              .others = schema->others};
}
/* Checks a model and copies it. Its arena, refs, places, is_key and fixed_size are ignored.
 * FIRN_INVALID, FIRN_EXISTS (a name is there twice), FIRN_LIMIT, FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_schema_create(const struct fi_schema *model, struct fi_schema **out,
                                     firn_error *err);
void fi_schema_ref(struct fi_schema *schema);
/* NULL is fine. */
void fi_schema_unref(struct fi_schema *schema);

/* NULL: there is none. The place of a column is its position: column - schema->columns. */
const struct fi_schema_column *fi_schema_find(const struct fi_schema *schema, firn_slice name);
const struct fi_schema_column *fi_schema_find_id(const struct fi_schema *schema, uint32_t id);
const struct fi_schema_index *fi_schema_find_index(const struct fi_schema *schema, firn_slice name);
const struct fi_schema_vector_index *fi_schema_find_vector_index(const struct fi_schema *schema,
                                                                 firn_slice name);
/* As above; FIRN_NOT_FOUND, with a text that names the column, if there is none. */
FIRN_MUST_CHECK int fi_schema_require(const struct fi_schema *schema, firn_slice name,
                                      const struct fi_schema_column **out, firn_error *err);

/* "decimal(12, 2)", "vector(3)", "text", … */
static inline const char *
fi_schema_type_text(const struct fi_schema_column *column, char out[FI_TYPE_TEXT_SIZE])
{
    return fi_type_text(column->type, column->precision, column->scale, column->dimensions, out);
}
/* Whether bytes are a valid name of a column or an index. */
bool fi_schema_is_name(firn_slice name);

/* ==== definitions: schema_def.c ==== */

/* The schema of a new table: version 1, numbers from 1. FIRN_INVALID, FIRN_EXISTS, FIRN_LIMIT,
 * FIRN_UNSUPPORTED (fields of a newer version are set). */
FIRN_MUST_CHECK int fi_schema_def_create(const firn_table_def *def, struct fi_schema **out,
                                         firn_error *err);
/* Whether a column, or an index, of any version may have this size in a program. */
bool fi_schema_def_is_column_size(size_t size);
bool fi_schema_def_is_index_size(size_t size);
/* Reads one that has this size in the program. FIRN_INVALID if none may have it. */
FIRN_MUST_CHECK int fi_schema_def_read_column(const firn_table_column *given, size_t size,
                                              firn_table_column *out, firn_error *err);
FIRN_MUST_CHECK int fi_schema_def_read_index(const firn_table_index *given, size_t size,
                                             firn_table_index *out, firn_error *err);
/* Makes a column of a schema from one of a definition, without a number; its parts are borrowed.
 * The type is checked and the default converted; the initial value is null. */
FIRN_MUST_CHECK int fi_schema_def_column(const firn_table_column *column,
                                         struct fi_schema_column *out, firn_error *err);
/* The numbers of columns by their names. of: their use, for messages, as in "the primary key".
 * Requires: room for count numbers, at most FIRN_TABLE_KEY_COLUMNS_MAX. */
FIRN_MUST_CHECK int fi_schema_def_ids(const struct fi_schema *schema, const char *const *names,
                                      size_t count, const char *of, uint32_t *out, firn_error *err);

/* ==== the record: schema_record.c ==== */

enum { FI_SCHEMA_RECORD_SIZE_MAX = 4 << 20 };
/* Appends the record; FIRN_LIMIT: it would be larger than FI_SCHEMA_RECORD_SIZE_MAX. */
FIRN_MUST_CHECK int fi_schema_record_encode(const struct fi_schema *schema, struct fi_buf *out,
                                            firn_error *err);
/* FIRN_CORRUPT; FIRN_NEWER: it has a field that this version must understand but does not. A
 * decoded schema encodes to the same bytes. */
FIRN_MUST_CHECK int fi_schema_record_decode(firn_slice record, struct fi_schema **out,
                                            firn_error *err);

/* ==== changes: schema_change.c ====
 *
 * Each makes a schema of the next version from an old one, which is not changed. Errors say what to
 * do instead. FIRN_NOT_FOUND, FIRN_EXISTS, FIRN_INVALID, FIRN_LIMIT. */

/* The column's default is also its initial value; a NOT NULL column must have a default. */
FIRN_MUST_CHECK int fi_schema_change_add_column(const struct fi_schema *old,
                                                const firn_table_column *column,
                                                struct fi_schema **out, firn_error *err);
/* Fails if the column is in the key or in an index. */
FIRN_MUST_CHECK int fi_schema_change_drop_column(const struct fi_schema *old, firn_slice name,
                                                 struct fi_schema **out, firn_error *err);
FIRN_MUST_CHECK int fi_schema_change_rename_column(const struct fi_schema *old, firn_slice name,
                                                   firn_slice new_name, struct fi_schema **out,
                                                   firn_error *err);
/* Makes a column outside of the key nullable. */
FIRN_MUST_CHECK int fi_schema_change_allow_null(const struct fi_schema *old, firn_slice name,
                                                struct fi_schema **out, firn_error *err);
/* value NULL, or a null: no default. Existing rows keep their initial value. */
FIRN_MUST_CHECK int fi_schema_change_default(const struct fi_schema *old, firn_slice name,
                                             const firn_value *value, struct fi_schema **out,
                                             firn_error *err);
/* Affects runs that are written from then on. */
FIRN_MUST_CHECK int fi_schema_change_bloom_filter(const struct fi_schema *old, firn_slice name,
                                                  bool has_filter, struct fi_schema **out,
                                                  firn_error *err);
FIRN_MUST_CHECK int fi_schema_change_add_index(const struct fi_schema *old,
                                               const firn_table_index *index,
                                               struct fi_schema **out, firn_error *err);
/* Uses the name, column and parameters of model. */
FIRN_MUST_CHECK int fi_schema_change_add_vector_index(const struct fi_schema *old,
                                                      const struct fi_schema_vector_index *model,
                                                      struct fi_schema **out, firn_error *err);
/* Drops an index of either kind. */
FIRN_MUST_CHECK int fi_schema_change_drop_index(const struct fi_schema *old, firn_slice name,
                                                struct fi_schema **out, firn_error *err);
FIRN_MUST_CHECK int fi_schema_change_rename_index(const struct fi_schema *old, firn_slice name,
                                                  firn_slice new_name, struct fi_schema **out,
                                                  firn_error *err);

/* ==== values: schema_value.c ==== */

/* Converts a value to a cell of a column; bytes are borrowed from the value. Nulls are accepted
 * only if the column is nullable. FIRN_INVALID: the type is wrong, or the value is invalid (text
 * that is not UTF-8). FIRN_LIMIT: the value is out of range. The text names column, type and value.
 *
 *   BOOL        BOOL
 *   I8 to U64   every type of integers, in range
 *   F32         F32; F64, rounded, but not to infinity; integers that an F32 can hold
 *   F64         F32, F64; integers that an F64 can hold
 *   DECIMAL     integers, as whole numbers; DECIMAL, in units of the column's scale
 *   DATE, TIMESTAMP, TEXT, BLOB     the same type
 *   UUID, VECTOR                    the same type; BLOB */
FIRN_MUST_CHECK int fi_schema_value_to_cell(const struct fi_schema_column *column,
                                            const firn_value *value, struct fi_cell *out,
                                            firn_error *err);
/* Adds a number to a cell of the column, as value_to_cell or row_read returned it; null stays null.
 * FIRN_INVALID: the column or the value is not numeric, or the number is DECIMAL or floating-point
 * and the column is not. FIRN_LIMIT: the sum is out of range. After a failure the cell is
 * undefined. */
FIRN_MUST_CHECK int fi_schema_value_add(const struct fi_schema_column *column, struct fi_cell *cell,
                                        const firn_value *number, firn_error *err);
/* The value of a cell, as value_to_cell or row_read returned it. */
static inline firn_value
fi_schema_value_of(const struct fi_schema_column *column, const struct fi_cell *cell)
{
    return fi_cell_value(cell, column->type);
}
/* Whether a cell that was read from a store can be one of the column; bytes of TEXT are not
 * checked. */
bool fi_schema_value_is_sound(const struct fi_schema_column *column, const struct fi_cell *cell);

/* ==== rows: schema_row.c ==== */

/* Converts values, one for each column of the schema in its order, to cells. No default is filled
 * in. */
FIRN_MUST_CHECK int fi_schema_row_check(const struct fi_schema *schema, const firn_value *values,
                                        size_t count, struct fi_cell *out, firn_error *err);
/* Appends a row's key and tuple (either may be NULL: it is left out). On failure both are as they
 * were. FIRN_LIMIT: the key would have more than FIRN_TABLE_KEY_SIZE_MAX bytes. */
FIRN_MUST_CHECK int fi_schema_row_write(const struct fi_schema *schema, const struct fi_cell *cells,
                                        struct fi_buf *key, struct fi_buf *tuple, firn_error *err);
/* row_check and row_write in one call. */
FIRN_MUST_CHECK int fi_schema_row_encode(const struct fi_schema *schema, const firn_value *values,
                                         size_t count, struct fi_buf *key, struct fi_buf *tuple,
                                         firn_error *err);
/* Appends the key of the first `count` key columns: a whole key, or the prefix of keys that begin
 * with them. */
FIRN_MUST_CHECK int fi_schema_row_key(const struct fi_schema *schema, const firn_value *values,
                                      size_t count, struct fi_buf *out, firn_error *err);

/* The wanted columns: places in the schema, ascending, none twice; NULL: all. out[i] belongs to
 * places[i]. */
struct fi_schema_wanted {
    const uint32_t *places;
    size_t count; /* without places: the schema's column_count */
};
/* Decodes an entry to cells. Bytes are borrowed from the tuple, from memory (those of the key; it
 * loses its old contents), and from the schema (initial values). FIRN_CORRUPT, with a text that
 * names the column. */
FIRN_MUST_CHECK int fi_schema_row_read(const struct fi_schema *schema, firn_slice key,
                                       firn_slice tuple, const struct fi_schema_wanted *wanted,
                                       struct fi_buf *memory, struct fi_cell *out, firn_error *err);
/* Decodes an entry to values. */
FIRN_MUST_CHECK int fi_schema_row_decode(const struct fi_schema *schema, firn_slice key,
                                         firn_slice tuple, const struct fi_schema_wanted *wanted,
                                         struct fi_buf *memory, firn_value *out, firn_error *err);

/* ==== entries of indexes: schema_index.c ====
 *
 * Key: the columns of the index, each of them nullable; then, unless the index is unique and none
 * of them is null, the primary key. Value: the primary key if the key does not have it, else empty.
 * So two rows conflict exactly if a unique index has the same key for both. */

/* Appends key and value of a row's entry; primary is its encoded primary key. FIRN_LIMIT as for
 * keys. */
FIRN_MUST_CHECK int fi_schema_index_entry(const struct fi_schema *schema,
                                          const struct fi_schema_index *index,
                                          const struct fi_cell *cells, firn_slice primary,
                                          struct fi_buf *out_key, struct fi_buf *out_value,
                                          firn_error *err);
/* Appends the prefix of all entries whose first `count` columns have these values. Requires: count
 * <= the index's column_count. *out_is_whole (may be NULL): the prefix is a whole key, which at
 * most one row has. */
FIRN_MUST_CHECK int fi_schema_index_prefix(const struct fi_schema *schema,
                                           const struct fi_schema_index *index,
                                           const firn_value *values, size_t count,
                                           struct fi_buf *out, bool *out_is_whole, firn_error *err);
/* The primary key of an entry's row, borrowed from the entry. FIRN_CORRUPT. */
FIRN_MUST_CHECK int fi_schema_index_primary(const struct fi_schema *schema,
                                            const struct fi_schema_index *index, firn_slice key,
                                            firn_slice value, firn_slice *out, firn_error *err);
/* Whether a change of a row from one set of cells to another changes its entry. */
bool fi_schema_index_differs(const struct fi_schema_index *index, const struct fi_cell *before,
                             const struct fi_cell *after);

/* ==== keys in messages: schema_key_text.c ==== */

/* Appends the key of a row, or of an entry of the index (NULL: of a row), as a list of values:
 * (17, 'x'). Long values are cut, so that the list has at most 500 characters. FIRN_CORRUPT,
 * without a text, for bytes that are no such key; then, and on FIRN_NO_MEMORY, out is as it was.
 * Takes no lock. */
FIRN_MUST_CHECK int fi_schema_key_text_append(const struct fi_schema *schema,
                                              const struct fi_schema_index *index, firn_slice key,
                                              struct fi_buf *out);

/* ==== text: schema_text.c ==== */

/* "l2", "dot", "cosine"; NULL: there is no such metric. */
const char *fi_schema_text_metric(uint32_t metric);

/* Appends a definition, in one line, from which firn_table_def_parse makes the same table (except
 * numbers and initial values). */
FIRN_MUST_CHECK int fi_schema_text_append(const struct fi_schema *schema, struct fi_buf *out);
/* Errors of runs name an unreadable column by its number (column_read.c): puts its name before
 * that. Does nothing if rc is another failure, or none. */
void fi_schema_text_explain(const struct fi_schema *schema, const char *table, int rc,
                            firn_error *err);

/* ==== runs of columns: schema_layout.c ==== */

/* The columns of all these schemas of one table, for column/column.h: one piece of memory, which
 * the caller frees with fi_free. FIRN_CORRUPT: two schemas disagree about a number or the key. */
struct fi_column_layout;
FIRN_MUST_CHECK int fi_schema_layout_create(struct fi_schema *const *schemas, size_t count,
                                            struct fi_column_layout **out, firn_error *err);

#endif
