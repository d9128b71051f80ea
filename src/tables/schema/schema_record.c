/* SPDX-License-Identifier: Apache-2.0
 *
 * schema/schema_record.c: schemas to bytes and back. docs/formats/schema.md is the prose twin.
 *
 * The record, each column in it, and each index in it is a list of fields, by ascending tag, none
 * twice:
 *
 *     varint tag, varint size, as many bytes
 *
 * Tags below FIRST_OTHER are known here. From FIRST_OTHER on, an odd tag must be understood, so the
 * record is one of a newer firn. A field with an even tag is kept: whenever the record is written
 * again, it follows the known fields. A field is not written if its absence means the same.
 *
 * A canonical encoding: what was decoded encodes to the same bytes.
 *
 * Limits: a record has at most FI_SCHEMA_RECORD_SIZE_MAX bytes; elements are counted before
 * memory for them is allocated. fi_schema_create checks that the schema is valid.
 */
#include "schema/schema.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/reader.h"

enum { FIRST_OTHER = 32 };

enum record_tag {
    RECORD_VERSION = 1,        /* varint, from 1 */
    RECORD_NEXT_COLUMN = 3,    /* varint */
    RECORD_NEXT_INDEX = 5,     /* varint */
    RECORD_COLUMNS = 7,        /* for each: varint size, fields */
    RECORD_KEY = 9,            /* varints: numbers of columns */
    RECORD_INDEXES = 11,       /* for each: varint size, fields; absent if there are none */
    RECORD_VECTOR_INDEXES = 13 /* likewise */
};
enum column_tag {
    COLUMN_ID = 1,       /* varint */
    COLUMN_NAME = 3,     /* UTF-8 */
    COLUMN_TYPE = 5,     /* varint: enum firn_type */
    COLUMN_DECIMAL = 7,  /* of DECIMAL: varint precision, varint scale */
    COLUMN_VECTOR = 9,   /* of VECTOR: varint dimensions */
    COLUMN_FLAGS = 11,   /* varint, not 0 */
    COLUMN_DEFAULT = 13, /* a tuple of one column 0 that is not null */
    COLUMN_INITIAL = 15  /* the same */
};
enum column_flag { FLAG_NULLABLE = 1, FLAG_AUTO = 2, FLAG_BLOOM = 4, COLUMN_FLAGS_ALL = 7 };
enum index_tag {
    INDEX_ID = 1,      /* varint */
    INDEX_NAME = 3,    /* UTF-8 */
    INDEX_COLUMNS = 5, /* varints: numbers of columns */
    INDEX_FLAGS = 7    /* varint, not 0 */
};
enum vector_index_tag {
    VECTOR_INDEX_ID = 1,        /* varint */
    VECTOR_INDEX_NAME = 3,      /* UTF-8 */
    VECTOR_INDEX_COLUMN = 5,    /* varint */
    VECTOR_INDEX_PARAMETERS = 7 /* varints: metric, m, ef_construction */
};
enum index_flag { FLAG_UNIQUE = 1, INDEX_FLAGS_ALL = 1 };

/* ---- to bytes ---- */

/* The size before the fields is only known after them, so they are written to a buffer of their own
 * first. */
struct writer {
    struct fi_buf *out;
    struct fi_buf field;
    int rc;
};

static void
schema_record_keep(struct writer *writer, int rc)
{
    writer->rc = writer->rc == FIRN_OK ? rc : writer->rc;
}

static void
put_bytes(struct writer *writer, unsigned tag, firn_slice bytes)
{
    DCHECK(tag < FIRST_OTHER && tag % 2 == 1);
    schema_record_keep(writer, fi_buf_append_varint(writer->out, tag));
    schema_record_keep(writer, fi_buf_append_sized(writer->out, bytes));
}

static void
put_number(struct writer *writer, unsigned tag, uint64_t number)
{
    uint8_t bytes[FI_VARINT_SIZE_MAX];
    put_bytes(writer, tag, firn_bytes(bytes, fi_store_varint(bytes, number)));
}

static void
put_ids(struct writer *writer, unsigned tag, const uint32_t *ids, size_t count)
{
    uint8_t bytes[FIRN_TABLE_KEY_COLUMNS_MAX * FI_VARINT_SIZE_MAX];
    size_t size = 0;
    DCHECK(count <= FIRN_TABLE_KEY_COLUMNS_MAX);
    for (size_t i = 0; i < count; i++) {
        size += fi_store_varint(bytes + size, ids[i]);
    }
    put_bytes(writer, tag, firn_bytes(bytes, size));
}

static void
put_constant(struct writer *writer, unsigned tag, const struct fi_cell *cell)
{
    struct fi_tuple_writer tuple;
    if (cell->kind != FI_PHYSICAL_NONE) {
        fi_buf_clear(&writer->field);
        fi_tuple_begin(&tuple, &writer->field);
        fi_tuple_add(&tuple, 0, cell);
        schema_record_keep(writer, fi_tuple_end(&tuple));
        put_bytes(writer, tag, fi_buf_slice(&writer->field));
    }
}

static void
put_column(struct writer *writer, const struct fi_schema_column *column)
{
    unsigned flags = (column->is_nullable ? FLAG_NULLABLE : 0u) |
                     (column->is_auto ? FLAG_AUTO : 0u) |
                     (column->has_bloom_filter ? FLAG_BLOOM : 0u);
    put_number(writer, COLUMN_ID, column->id);
    put_bytes(writer, COLUMN_NAME, column->name);
    put_number(writer, COLUMN_TYPE, (uint64_t)column->type);
    if (column->type == FIRN_TYPE_DECIMAL) {
        put_ids(writer, COLUMN_DECIMAL, (const uint32_t[]){column->precision, column->scale}, 2);
    }
    if (column->type == FIRN_TYPE_VECTOR) {
        put_number(writer, COLUMN_VECTOR, column->dimensions);
    }
    if (flags != 0) {
        put_number(writer, COLUMN_FLAGS, flags);
    }
    put_constant(writer, COLUMN_DEFAULT, &column->default_value);
    put_constant(writer, COLUMN_INITIAL, &column->initial);
    schema_record_keep(writer, fi_buf_append_slice(writer->out, column->others));
}

static void
put_index(struct writer *writer, const struct fi_schema_index *index)
{
    put_number(writer, INDEX_ID, index->id);
    put_bytes(writer, INDEX_NAME, index->name);
    put_ids(writer, INDEX_COLUMNS, index->columns, index->column_count);
    if (index->is_unique) {
        put_number(writer, INDEX_FLAGS, FLAG_UNIQUE);
    }
    schema_record_keep(writer, fi_buf_append_slice(writer->out, index->others));
}

static void
put_vector_index(struct writer *writer, const struct fi_schema_vector_index *index)
{
    put_number(writer, VECTOR_INDEX_ID, index->id);
    put_bytes(writer, VECTOR_INDEX_NAME, index->name);
    put_number(writer, VECTOR_INDEX_COLUMN, index->column);
    put_ids(writer, VECTOR_INDEX_PARAMETERS,
            (const uint32_t[]){index->metric, index->m, index->ef_construction}, 3);
    schema_record_keep(writer, fi_buf_append_slice(writer->out, index->others));
}

/* Writes all columns, or all indexes, as one field. */
static void
put_list(struct writer *writer, unsigned tag, const struct fi_schema *schema)
{
    struct fi_buf list = {0};
    struct fi_buf element = {0};
    size_t count = tag == RECORD_COLUMNS   ? schema->column_count
                   : tag == RECORD_INDEXES ? schema->index_count
                                           : schema->vector_index_count;
    struct writer inner = {&element, {0}, FIRN_OK};
    for (size_t i = 0; i < count; i++) {
        fi_buf_clear(&element);
        if (tag == RECORD_COLUMNS) {
            put_column(&inner, &schema->columns[i]);
        } else if (tag == RECORD_INDEXES) {
            put_index(&inner, &schema->indexes[i]);
        } else {
            put_vector_index(&inner, &schema->vector_indexes[i]);
        }
        schema_record_keep(&inner, fi_buf_append_sized(&list, fi_buf_slice(&element)));
    }
    schema_record_keep(writer, inner.rc);
    put_bytes(writer, tag, fi_buf_slice(&list));
    fi_buf_deinit(&inner.field);
    fi_buf_deinit(&element);
    fi_buf_deinit(&list);
}

int
fi_schema_record_encode(const struct fi_schema *schema, struct fi_buf *out, firn_error *err)
{
    struct writer writer = {out, {0}, FIRN_OK};
    size_t start = out->size;
    put_number(&writer, RECORD_VERSION, schema->version);
    put_number(&writer, RECORD_NEXT_COLUMN, schema->next_column);
    put_number(&writer, RECORD_NEXT_INDEX, schema->next_index);
    put_list(&writer, RECORD_COLUMNS, schema);
    put_ids(&writer, RECORD_KEY, schema->key, schema->key_count);
    if (schema->index_count > 0) {
        put_list(&writer, RECORD_INDEXES, schema);
    }
    if (schema->vector_index_count > 0) {
        put_list(&writer, RECORD_VECTOR_INDEXES, schema);
    }
    schema_record_keep(&writer, fi_buf_append_slice(out, schema->others));
    fi_buf_deinit(&writer.field);
    size_t size = out->size - start;
    if (writer.rc != FIRN_OK || size > FI_SCHEMA_RECORD_SIZE_MAX) {
        out->size = start;
    }
    if (writer.rc != FIRN_OK) {
        return fi_error_no_memory(err, "the record of a schema");
    }
    if (size > FI_SCHEMA_RECORD_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "the columns and their defaults have %zu bytes; at most %d are allowed",
                            size, FI_SCHEMA_RECORD_SIZE_MAX);
    }
    return FIRN_OK;
}

/* ---- from bytes ---- */

/* Splits lists into fields, and passes each known field to a function. */
struct decoder {
    struct fi_schema schema; /* borrows from the fields below, and from the record */
    struct fi_schema_column *columns;
    struct fi_schema_index *indexes;
    struct fi_schema_vector_index *vector_indexes;
    uint32_t key[FIRN_TABLE_KEY_COLUMNS_MAX];
    uint32_t (*index_columns)[FIRN_TABLE_KEY_COLUMNS_MAX];
    firn_error *err;
};

static int
schema_record_corrupt(struct decoder *decoder, const char *what)
{
    return fi_error_set(decoder->err, FIRN_CORRUPT, "the record of a schema %s", what);
}

static int
schema_record_newer(struct decoder *decoder, const char *what)
{
    return fi_error_set(decoder->err, FIRN_NEWER,
                        "the schema of a table has %s that this version of firn does not know",
                        what);
}

/* Reads a number from 0 to max, and nothing else. */
static bool
get_number(firn_slice bytes, uint64_t max, uint64_t *out)
{
    struct fi_reader reader = fi_reader_of(bytes);
    return fi_reader_varint_max(&reader, max, out) && fi_reader_left(&reader) == 0;
}

static bool
get_u32(firn_slice bytes, uint32_t *out)
{
    uint64_t number;
    bool is_good = get_number(bytes, UINT32_MAX, &number);
    *out = is_good ? (uint32_t)number : 0;
    return is_good;
}

static bool
get_ids(firn_slice bytes, uint32_t *out, size_t *out_count)
{
    struct fi_reader reader = fi_reader_of(bytes);
    uint64_t id;
    for (*out_count = 0; fi_reader_left(&reader) > 0; ++*out_count) {
        if (*out_count == FIRN_TABLE_KEY_COLUMNS_MAX ||
            !fi_reader_varint_max(&reader, UINT32_MAX, &id)) {
            return false;
        }
        out[*out_count] = (uint32_t)id;
    }
    return true;
}

static bool
get_constant(firn_slice bytes, struct fi_cell *out)
{
    struct fi_tuple_reader reader;
    uint32_t column = 0;
    bool is_corrupt;
    fi_tuple_reader_init(&reader, bytes);
    return fi_tuple_next(&reader, &column, out, &is_corrupt) && column == 0 &&
           out->kind != FI_PHYSICAL_NONE && reader.at == reader.end;
}

static int
parse_column_field(struct decoder *decoder, unsigned tag, firn_slice bytes, void *target)
{
    struct fi_schema_column *column = target;
    uint32_t numbers[FIRN_TABLE_KEY_COLUMNS_MAX];
    uint64_t number = 0;
    size_t count = 0;
    bool is_good = false;
    switch (tag) {
    case COLUMN_ID:
        is_good = get_u32(bytes, &column->id);
        break;
    case COLUMN_NAME:
        column->name = bytes;
        is_good = fi_schema_is_name(bytes);
        break;
    case COLUMN_TYPE:
        is_good = get_number(bytes, UINT64_MAX, &number) && number > 0;
        if (is_good && number > FIRN_TYPE_MAX) {
            return schema_record_newer(decoder, "a type");
        }
        column->type = (firn_type)number;
        break;
    case COLUMN_DECIMAL:
        is_good = get_ids(bytes, numbers, &count) && count == 2;
        column->precision = is_good ? numbers[0] : 0;
        column->scale = is_good ? numbers[1] : 0;
        is_good = is_good && column->type == FIRN_TYPE_DECIMAL;
        break;
    case COLUMN_VECTOR:
        is_good = get_u32(bytes, &column->dimensions) && column->type == FIRN_TYPE_VECTOR;
        break;
    case COLUMN_FLAGS:
        is_good = get_number(bytes, UINT64_MAX, &number) && number > 0;
        if (is_good && number > COLUMN_FLAGS_ALL) {
            return schema_record_newer(decoder, "a property of a column");
        }
        column->is_nullable = (number & FLAG_NULLABLE) != 0;
        column->is_auto = (number & FLAG_AUTO) != 0;
        column->has_bloom_filter = (number & FLAG_BLOOM) != 0;
        break;
    case COLUMN_DEFAULT:
        is_good = get_constant(bytes, &column->default_value);
        break;
    case COLUMN_INITIAL:
        is_good = get_constant(bytes, &column->initial);
        break;
    default:
        return schema_record_newer(decoder, "something of a column");
    }
    return is_good ? FIRN_OK
                   : schema_record_corrupt(decoder, "has an impossible field of a column");
}

static int
parse_index_field(struct decoder *decoder, unsigned tag, firn_slice bytes, void *target)
{
    struct fi_schema_index *index = target;
    size_t place = (size_t)(index - decoder->indexes);
    uint64_t number = 0;
    bool is_good = false;
    switch (tag) {
    case INDEX_ID:
        is_good = get_u32(bytes, &index->id);
        break;
    case INDEX_NAME:
        index->name = bytes;
        is_good = fi_schema_is_name(bytes);
        break;
    case INDEX_COLUMNS:
        is_good = get_ids(bytes, decoder->index_columns[place], &index->column_count);
        index->columns = decoder->index_columns[place];
        break;
    case INDEX_FLAGS:
        is_good = get_number(bytes, UINT64_MAX, &number) && number > 0;
        if (is_good && number > INDEX_FLAGS_ALL) {
            return schema_record_newer(decoder, "a property of an index");
        }
        index->is_unique = true;
        break;
    default:
        return schema_record_newer(decoder, "something of an index");
    }
    return is_good ? FIRN_OK
                   : schema_record_corrupt(decoder, "has an impossible field of an index");
}

static int
parse_vector_index_field(struct decoder *decoder, unsigned tag, firn_slice bytes, void *target)
{
    struct fi_schema_vector_index *index = target;
    uint32_t numbers[FIRN_TABLE_KEY_COLUMNS_MAX] = {0};
    size_t count;
    bool is_good = false;
    switch (tag) {
    case VECTOR_INDEX_ID:
        is_good = get_u32(bytes, &index->id);
        break;
    case VECTOR_INDEX_NAME:
        index->name = bytes;
        is_good = fi_schema_is_name(bytes);
        break;
    case VECTOR_INDEX_COLUMN:
        is_good = get_u32(bytes, &index->column);
        break;
    case VECTOR_INDEX_PARAMETERS:
        is_good = get_ids(bytes, numbers, &count) && count == 3;
        index->metric = numbers[0];
        index->m = numbers[1];
        index->ef_construction = numbers[2];
        break;
    default:
        return schema_record_newer(decoder, "something of an index");
    }
    return is_good ? FIRN_OK
                   : schema_record_corrupt(decoder, "has an impossible field of an index");
}

/* Passes each known field of a list to `take`. seen: a bit for each tag; others: the unknown
 * fields. */
static int
parse_fields(struct decoder *decoder, firn_slice bytes,
             int (*take)(struct decoder *decoder, unsigned tag, firn_slice bytes, void *target),
             void *target, uint32_t *seen, firn_slice *others)
{
    struct fi_reader reader = fi_reader_of(bytes);
    uint64_t before = 0;
    *seen = 0;
    *others = firn_bytes(reader.end, 0);
    while (fi_reader_left(&reader) > 0) {
        const uint8_t *begin = reader.at;
        uint64_t tag;
        firn_slice field;
        if (!fi_reader_varint(&reader, &tag) || tag <= before ||
            (tag < FIRST_OTHER && tag % 2 == 0) || !fi_reader_sized(&reader, bytes.size, &field)) {
            return schema_record_corrupt(decoder, "has an impossible field");
        }
        if (tag >= FIRST_OTHER && tag % 2 == 1) {
            return schema_record_newer(decoder, "something");
        }
        int rc = tag < FIRST_OTHER ? take(decoder, (unsigned)tag, field, target) : FIRN_OK;
        if (rc != FIRN_OK) {
            return rc;
        }
        if (tag < FIRST_OTHER) {
            *seen |= (uint32_t)1 << tag;
        } else if (others->size == 0) {
            *others = firn_bytes(begin, fi_reader_left(&reader) + (size_t)(reader.at - begin));
        }
        before = tag;
    }
    return FIRN_OK;
}

/* The number of sized elements in a list; SIZE_MAX: it is invalid, or has more than max. */
static size_t
count_list(firn_slice bytes, size_t max)
{
    struct fi_reader reader = fi_reader_of(bytes);
    size_t count = 0;
    firn_slice element;
    while (fi_reader_left(&reader) > 0) {
        if (count == max || !fi_reader_sized(&reader, bytes.size, &element)) {
            return SIZE_MAX;
        }
        count++;
    }
    return count;
}

static int
parse_columns(struct decoder *decoder, firn_slice bytes)
{
    static const uint32_t needed = 1u << COLUMN_ID | 1u << COLUMN_NAME | 1u << COLUMN_TYPE;
    struct fi_reader reader = fi_reader_of(bytes);
    size_t count = count_list(bytes, FIRN_TABLE_COLUMNS_MAX);
    int rc = FIRN_OK;
    if (count == SIZE_MAX || count == 0) {
        return schema_record_corrupt(decoder, "has an impossible list of columns");
    }
    decoder->columns = fi_alloc_zeroed(count * sizeof *decoder->columns);
    if (decoder->columns == NULL) {
        return fi_error_no_memory(decoder->err, "a schema");
    }
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        struct fi_schema_column *column = &decoder->columns[i];
        firn_slice element;
        uint32_t seen;
        CHECK(fi_reader_sized(&reader, bytes.size, &element));
        rc = parse_fields(decoder, element, parse_column_field, column, &seen, &column->others);
        if (rc == FIRN_OK && (seen & needed) != needed) {
            rc = schema_record_corrupt(decoder, "has a column without a number, name or type");
        }
    }
    decoder->schema.columns = decoder->columns;
    decoder->schema.column_count = count;
    return rc;
}

static int
parse_indexes(struct decoder *decoder, firn_slice bytes)
{
    static const uint32_t needed = 1u << INDEX_ID | 1u << INDEX_NAME | 1u << INDEX_COLUMNS;
    struct fi_reader reader = fi_reader_of(bytes);
    size_t count = count_list(bytes, FIRN_TABLE_INDEXES_MAX);
    int rc = FIRN_OK;
    if (count == SIZE_MAX || count == 0) {
        return schema_record_corrupt(decoder, "has an impossible list of indexes");
    }
    decoder->indexes = fi_alloc_zeroed(count * sizeof *decoder->indexes);
    decoder->index_columns = fi_alloc_array(count, sizeof *decoder->index_columns);
    if (decoder->indexes == NULL || decoder->index_columns == NULL) {
        return fi_error_no_memory(decoder->err, "a schema");
    }
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        struct fi_schema_index *index = &decoder->indexes[i];
        firn_slice element;
        uint32_t seen;
        CHECK(fi_reader_sized(&reader, bytes.size, &element));
        rc = parse_fields(decoder, element, parse_index_field, index, &seen, &index->others);
        if (rc == FIRN_OK && (seen & needed) != needed) {
            rc = schema_record_corrupt(decoder, "has an index without a number, name or columns");
        }
    }
    decoder->schema.indexes = decoder->indexes;
    decoder->schema.index_count = count;
    return rc;
}

static int
parse_vector_indexes(struct decoder *decoder, firn_slice bytes)
{
    static const uint32_t needed = 1u << VECTOR_INDEX_ID | 1u << VECTOR_INDEX_NAME |
                                   1u << VECTOR_INDEX_COLUMN | 1u << VECTOR_INDEX_PARAMETERS;
    struct fi_reader reader = fi_reader_of(bytes);
    size_t count = count_list(bytes, FIRN_TABLE_INDEXES_MAX);
    int rc = FIRN_OK;
    if (count == SIZE_MAX || count == 0) {
        return schema_record_corrupt(decoder, "has an impossible list of indexes");
    }
    decoder->vector_indexes = fi_alloc_zeroed(count * sizeof *decoder->vector_indexes);
    if (decoder->vector_indexes == NULL) {
        return fi_error_no_memory(decoder->err, "a schema");
    }
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        struct fi_schema_vector_index *index = &decoder->vector_indexes[i];
        firn_slice element;
        uint32_t seen;
        CHECK(fi_reader_sized(&reader, bytes.size, &element));
        rc = parse_fields(decoder, element, parse_vector_index_field, index, &seen, &index->others);
        if (rc == FIRN_OK && (seen & needed) != needed) {
            rc = schema_record_corrupt(decoder,
                                       "has an index without a number, name, column or parameters");
        }
    }
    decoder->schema.vector_indexes = decoder->vector_indexes;
    decoder->schema.vector_index_count = count;
    return rc;
}

static int
parse_record_field(struct decoder *decoder, unsigned tag, firn_slice bytes, void *target)
{
    struct fi_schema *schema = &decoder->schema;
    bool is_good = false;
    (void)target;
    switch (tag) {
    case RECORD_VERSION:
        is_good = get_number(bytes, UINT64_MAX, &schema->version);
        break;
    case RECORD_NEXT_COLUMN:
        is_good = get_u32(bytes, &schema->next_column);
        break;
    case RECORD_NEXT_INDEX:
        is_good = get_u32(bytes, &schema->next_index);
        break;
    case RECORD_COLUMNS:
        return parse_columns(decoder, bytes);
    case RECORD_KEY:
        is_good = get_ids(bytes, decoder->key, &schema->key_count);
        schema->key = decoder->key;
        break;
    case RECORD_INDEXES:
        return parse_indexes(decoder, bytes);
    case RECORD_VECTOR_INDEXES:
        return parse_vector_indexes(decoder, bytes);
    default:
        return schema_record_newer(decoder, "something");
    }
    return is_good ? FIRN_OK : schema_record_corrupt(decoder, "has an impossible field");
}

int
fi_schema_record_decode(firn_slice record, struct fi_schema **out, firn_error *err)
{
    static const uint32_t needed = 1u << RECORD_VERSION | 1u << RECORD_NEXT_COLUMN |
                                   1u << RECORD_NEXT_INDEX | 1u << RECORD_COLUMNS |
                                   1u << RECORD_KEY;
    firn_error own;
    struct decoder decoder = {.err = err != NULL ? err : &own};
    uint32_t seen = 0;
    int rc;
    *out = NULL;
    if (record.size > FI_SCHEMA_RECORD_SIZE_MAX) {
        return schema_record_corrupt(&decoder, "is too large");
    }
    FI_TRY(parse_fields(&decoder, record, parse_record_field, NULL, &seen, &decoder.schema.others));
    if ((seen & needed) != needed) {
        rc = schema_record_corrupt(&decoder, "lacks a field");
        goto out;
    }
    rc = fi_schema_create(&decoder.schema, out, decoder.err);
    if (rc != FIRN_OK && rc != FIRN_NO_MEMORY) { /* an invalid schema was never written */
        rc = decoder.err->code = FIRN_CORRUPT;
        fi_error_prefix(decoder.err, "the record of a schema makes no table");
    }
out:
    fi_free(decoder.index_columns);
    fi_free(decoder.indexes);
    fi_free(decoder.vector_indexes);
    fi_free(decoder.columns);
    return rc;
}
