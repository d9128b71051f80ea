/* SPDX-License-Identifier: Apache-2.0
 *
 * arrow/arrow_export.c: a scan as an Arrow C stream.
 *
 * The batches of a scan, of up to 1,024 rows, are gathered into arrays of up to ROWS_MAX rows. Each
 * column has its buffers in an owner of its own, because the interface allows a consumer to take a
 * column out of an array and release it before the array or after it. The same holds for schemas.
 *
 * A batch belongs to its scan, an array to its consumer. So values are copied once, unless a chunk
 * of a run has them in Arrow's layout: plain numbers of 64 bits and floats, UUIDs and vectors,
 * without nulls. For these the array uses the chunk's own memory, by a lease (block/block_cache.h),
 * which ends when the column is released and depends on neither the scan nor the store. Booleans
 * become bits, decimals 128 bits, dates 32.
 *
 * (I1) At least half of a block is lent, or its values are copied: a consumer keeps at most twice
 *      the memory of its values.
 * (I2) Lent values are consecutive in one block. An array ends where the next values do not follow,
 *      and where a block begins that could be lent, so that most arrays are row groups.
 *
 * An array ends before its texts have more bytes than 32-bit offsets can address.
 *
 * Failures: a stream returns errno values; get_last_error returns the text of the scan's error.
 *
 * Source: the Arrow C data interface and C stream interface.
 */
#include "arrow/arrow_export.h"

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "column/column.h"
#include "query/query.h"

enum {
    ROWS_MAX = 65536,
    BYTES_MAX =
        1 << 28, /* of the values of one column in an array, before the batch that exceeds it */
    ROOM_MAX = 1 << 20,  /* at first, for a column that may get more batches */
    LENT_MIN = 64 << 10, /* bytes of a block that may be lent */
    FORMAT_SIZE = 32
};

static const uint8_t nothing[64];

/* ---- schemas ---- */

/* The memory that a schema owns. */
struct named {
    char format[FORMAT_SIZE];
    char *name;
    char *metadata;
    struct ArrowSchema *children;
    struct ArrowSchema **child_pointers;
};

static void
release_schema(struct ArrowSchema *schema)
{
    struct named *named = schema->private_data;
    for (int64_t i = 0; i < schema->n_children; i++) {
        struct ArrowSchema *child = schema->children[i];
        if (child->release != NULL) {
            child->release(child);
        }
    }
    fi_free(named->name);
    fi_free(named->metadata);
    fi_free(named->children);
    fi_free(named->child_pointers);
    fi_free(named);
    schema->release = NULL;
}

/* A type in Arrow: its format, and the bytes of a value in its array; 0: bits, or bytes of a size
 * that the column states. */
struct arrow_type {
    char format[8];
    uint8_t size;
};

static const struct arrow_type *
arrow_type_of(firn_type type)
{
    static const struct arrow_type table[] = {
        [FIRN_TYPE_NULL] = {"n", 0},
        [FIRN_TYPE_BOOL] = {"b", 0},
        [FIRN_TYPE_I8] = {"c", 1},
        [FIRN_TYPE_I16] = {"s", 2},
        [FIRN_TYPE_I32] = {"i", 4},
        [FIRN_TYPE_I64] = {"l", 8},
        [FIRN_TYPE_U8] = {"C", 1},
        [FIRN_TYPE_U16] = {"S", 2},
        [FIRN_TYPE_U32] = {"I", 4},
        [FIRN_TYPE_U64] = {"L", 8},
        [FIRN_TYPE_F32] = {"f", 4},
        [FIRN_TYPE_F64] = {"g", 8},
        [FIRN_TYPE_DECIMAL] = {"d", 16},
        [FIRN_TYPE_DATE] = {"tdD", 4},
        [FIRN_TYPE_TIMESTAMP] = {"tsu:UTC", 8},
        [FIRN_TYPE_TEXT] = {"u", 0},
        [FIRN_TYPE_BLOB] = {"z", 0},
        [FIRN_TYPE_UUID] = {"w:16", 0},
        [FIRN_TYPE_VECTOR] = {"+w", 0},
    };
    _Static_assert(sizeof table / sizeof table[0] == FIRN_TYPE_MAX + 1, "each type has a format");
    DCHECK((unsigned)type <= FIRN_TYPE_MAX);
    return &table[type];
}

static void
write_format(const firn_scan_column *column, char out[FORMAT_SIZE])
{
    const char *format = arrow_type_of(column->type)->format;
    const enum fi_type_class class = fi_type_class_of(column->type);
    if (class == FI_TYPE_CLASS_DECIMAL) {
        (void)snprintf(out, FORMAT_SIZE, "%s:%u,%u", format, (unsigned)column->precision,
                       (unsigned)column->scale);
    } else if (class == FI_TYPE_CLASS_VECTOR) {
        (void)snprintf(out, FORMAT_SIZE, "%s:%u", format, (unsigned)column->dimensions);
    } else {
        (void)snprintf(out, FORMAT_SIZE, "%s", format);
    }
}

/* A schema without children yet. */
static int
make_schema(const char *format, const char *name, bool is_nullable, size_t children,
            struct ArrowSchema *out)
{
    DCHECK(format != NULL && name != NULL);
    size_t name_size = strlen(name) + 1;
    struct named *named = fi_alloc_zeroed(sizeof *named);
    *out = (struct ArrowSchema){.format = NULL};
    if (named == NULL) {
        return ENOMEM;
    }
    (void)snprintf(named->format, sizeof named->format, "%s", format);
    named->name = fi_alloc(name_size);
    if (children > 0) {
        named->children = fi_alloc_zeroed(children * sizeof named->children[0]);
        named->child_pointers = fi_alloc_zeroed(children * sizeof(struct ArrowSchema *));
    }
    if (named->name == NULL ||
        (children > 0 && (named->children == NULL || named->child_pointers == NULL))) {
        fi_free(named->name);
        fi_free(named->children);
        fi_free(named->child_pointers);
        fi_free(named);
        return ENOMEM;
    }
    memcpy(named->name, name, name_size);
    for (size_t i = 0; i < children; i++) {
        named->child_pointers[i] = &named->children[i];
    }
    *out = (struct ArrowSchema){.format = named->format,
                                .name = named->name,
                                .flags = is_nullable ? ARROW_FLAG_NULLABLE : 0,
                                .n_children = (int64_t)children,
                                .children = named->child_pointers,
                                .release = release_schema,
                                .private_data = named};
    return 0;
}

/* Marks the values as UUIDs, in the binary form of metadata: a count, then sizes and bytes of keys
 * and values. */
static int
say_uuid(struct ArrowSchema *schema)
{
    DCHECK(schema->private_data != NULL);
    static const char *const pairs[2][2] = {{"ARROW:extension:name", "arrow.uuid"},
                                            {"ARROW:extension:metadata", ""}};
    struct named *named = schema->private_data;
    struct fi_buf text = {0};
    int32_t count = 2;
    int rc = fi_buf_append(&text, &count, sizeof count);
    for (size_t i = 0; rc == FIRN_OK && i < 4; i++) {
        const char *part = pairs[i / 2][i % 2];
        int32_t size = (int32_t)strlen(part);
        rc = fi_buf_append(&text, &size, sizeof size);
        rc = rc == FIRN_OK ? fi_buf_append(&text, part, (size_t)size) : rc;
    }
    if (rc != FIRN_OK) {
        fi_buf_deinit(&text);
        return ENOMEM;
    }
    named->metadata = (char *)text.data;
    schema->metadata = named->metadata;
    return 0;
}

static int
make_field(const firn_scan_column *column, struct ArrowSchema *out)
{
    char format[FORMAT_SIZE];
    const bool is_vector = column->type == FIRN_TYPE_VECTOR;
    write_format(column, format);
    int rc = make_schema(format, column->name, !column->not_null, is_vector ? 1 : 0, out);
    if (rc == 0 && is_vector) {
        rc = make_schema("f", "item", false, 0, out->children[0]);
    }
    if (rc == 0 && column->type == FIRN_TYPE_UUID) {
        rc = say_uuid(out);
    }
    return rc;
}

/* ---- arrays ---- */

/* The memory that an array owns. A child has its own owner. */
struct owner {
    const void *buffers[3];
    struct fi_buf data[3];        /* validity; values or offsets; bytes */
    struct fi_block_lease *lease; /* NULL: the values are in data[1] */
    firn_slice block;             /* the lent block; lent: the values in it */
    firn_slice lent;
    struct ArrowArray *children;
    struct ArrowArray **child_pointers;
};

static void
release_array(struct ArrowArray *array)
{
    struct owner *owner = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++) {
        struct ArrowArray *child = array->children[i];
        if (child->release != NULL) {
            child->release(child);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        fi_buf_deinit(&owner->data[i]);
    }
    fi_block_cache_lease_end(owner->lease);
    fi_free(owner->children);
    fi_free(owner->child_pointers);
    fi_free(owner);
    array->release = NULL;
}

static int
make_array(size_t buffers, size_t children, struct ArrowArray *out)
{
    struct owner *owner = fi_alloc_zeroed(sizeof *owner);
    *out = (struct ArrowArray){.length = 0};
    if (owner == NULL) {
        return ENOMEM;
    }
    if (children > 0) {
        owner->children = fi_alloc_zeroed(children * sizeof owner->children[0]);
        owner->child_pointers = fi_alloc_zeroed(children * sizeof(struct ArrowArray *));
        if (owner->children == NULL || owner->child_pointers == NULL) {
            fi_free(owner->children);
            fi_free(owner->child_pointers);
            fi_free(owner);
            return ENOMEM;
        }
        for (size_t i = 0; i < children; i++) {
            owner->child_pointers[i] = &owner->children[i];
        }
    }
    *out = (struct ArrowArray){.n_buffers = (int64_t)buffers,
                               .n_children = (int64_t)children,
                               .buffers = owner->buffers,
                               .children = owner->child_pointers,
                               .release = release_array,
                               .private_data = owner};
    return 0;
}

/* The owner of a column while its array grows. */
static struct owner *
owner_of(const struct ArrowArray *array)
{
    DCHECK(array->private_data != NULL);
    return array->private_data;
}

static int
add_validity(struct ArrowArray *array, const struct fi_chunk_values *values)
{
    DCHECK(array->length >= 0 && array->n_buffers > 0);
    struct fi_buf *bits = &owner_of(array)->data[0];
    size_t row = (size_t)array->length;
    if (values->valid == NULL && bits->size == 0) {
        return FIRN_OK; /* no null so far: no bitmap */
    }
    size_t old_size = bits->size;
    int rc = fi_buf_set_size(bits, (row + values->count + 7) / 8);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (old_size == 0) {
        memset(bits->data, 0xff, (row + 7) / 8); /* no row before is null */
        old_size = (row + 7) / 8;
    }
    if (row % 8 != 0) {
        bits->data[row / 8] &= (uint8_t)((1U << row % 8) - 1);
    }
    memset(bits->data + old_size, 0, bits->size - old_size);
    for (size_t i = 0; i < values->count; i++) {
        bool is_valid = values->valid == NULL || (values->valid[i / 64] >> (i % 64) & 1) != 0;
        bits->data[(row + i) / 8] |= (uint8_t)(is_valid << (row + i) % 8);
        array->null_count += !is_valid;
    }
    return FIRN_OK;
}

static int
add_bits(struct fi_buf *out, size_t row, const struct fi_chunk_values *values)
{
    DCHECK(values->kind == FI_PHYSICAL_U64);
    size_t old_size = out->size;
    int rc = fi_buf_set_size(out, (row + values->count + 7) / 8);
    if (rc != FIRN_OK) {
        return rc;
    }
    memset(out->data + old_size, 0, out->size - old_size);
    for (size_t i = 0; i < values->count; i++) {
        out->data[(row + i) / 8] |= (uint8_t)((values->as.u64[i] & 1) << (row + i) % 8);
    }
    return FIRN_OK;
}

/* Makes room for a batch; if the first one is full, for some more. */
static uint8_t *
add_room(struct fi_buf *out, size_t size, size_t count)
{
    DCHECK(size > 0 && count <= FI_CHUNK_BLOCK);
    size_t at = out->size;
    if (at == 0 && count == FI_CHUNK_BLOCK && size * ROWS_MAX <= ROOM_MAX &&
        fi_buf_reserve(out, size * ROWS_MAX) != FIRN_OK) {
        return NULL;
    }
    return fi_buf_set_size(out, at + count * size) == FIRN_OK ? out->data + at : NULL;
}

/* Whole numbers in so many bytes each, lowest first; 16: sign-extended. All machines that firn runs
 * on are little-endian. */
static int
add_integers(struct fi_buf *out, size_t size, const struct fi_chunk_values *values)
{
    DCHECK(size <= 4 ? size > 0 && size != 3 : size == 16);
    const uint64_t *from = values->as.u64;
    uint8_t *to = add_room(out, size, values->count);
    if (to == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (const uint64_t *end = from + values->count; from < end; from++, to += size) {
        if (size == 16) {
            fi_store_le64(to, *from);
            fi_store_le64(to + 8, 0 - (*from >> 63));
        } else if (size == 4) {
            fi_store_le32(to, (uint32_t)*from);
        } else {
            to[0] = (uint8_t)*from;
            to[size - 1] = (uint8_t)(*from >> (8 * (size - 1)));
        }
    }
    return FIRN_OK;
}

static bool
is_valid_at(const struct fi_chunk_values *values, size_t i)
{
    return values->valid == NULL || (values->valid[i / 64] >> (i % 64) & 1) != 0;
}

/* Bytes of texts, without nulls. */
static uint64_t
text_bytes(const struct fi_chunk_values *values)
{
    uint64_t size = 0;
    DCHECK(values->kind == FI_PHYSICAL_BYTES);
    for (size_t i = 0; i < values->count; i++) {
        size += is_valid_at(values, i) ? values->as.bytes[i].size : 0; /* a null has no size */
    }
    return size;
}

static int
add_texts(struct owner *owner, const struct fi_chunk_values *values)
{
    struct fi_buf *offsets = &owner->data[1];
    struct fi_buf *bytes = &owner->data[2];
    size_t at = bytes->size;
    uint64_t size = text_bytes(values);
    if (size > INT32_MAX - at) {
        return FIRN_LIMIT;
    }
    int rc = offsets->size == 0 ? fi_buf_append_le32(offsets, 0) : FIRN_OK;
    rc = rc == FIRN_OK ? fi_buf_set_size(bytes, at + (size_t)size) : rc;
    uint8_t *to = rc == FIRN_OK ? add_room(offsets, 4, values->count) : NULL;
    if (to == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (size_t i = 0; i < values->count; i++, to += 4) {
        const firn_slice text = values->as.bytes[i];
        if (text.size > 0 && is_valid_at(values, i)) {
            memcpy(bytes->data + at, text.data, text.size);
            at += text.size;
        }
        fi_store_le32(to, (uint32_t)at);
    }
    DCHECK(at == bytes->size);
    return FIRN_OK;
}

/* Values of one size; nulls are zeros. */
static int
add_fixed(struct fi_buf *out, size_t size, const struct fi_chunk_values *values)
{
    DCHECK(values->kind == FI_PHYSICAL_BYTES);
    uint8_t *to = add_room(out, size, values->count);
    for (size_t i = 0; to != NULL && i < values->count; i++, to += size) {
        if (is_valid_at(values, i)) {
            DCHECK(values->as.bytes[i].size == size);
            memcpy(to, values->as.bytes[i].data, size);
        } else {
            memset(to, 0, size);
        }
    }
    return to != NULL ? FIRN_OK : FIRN_NO_MEMORY;
}

/* ---- values that are in memory in Arrow's layout ---- */

/* Bytes of each value; 0: the values are never in Arrow's layout. */
static size_t
lying_size(const firn_scan_column *column)
{
    const enum fi_physical kind = fi_physical_of(column->type);
    const size_t size = arrow_type_of(column->type)->size;
    if (kind == FI_PHYSICAL_BYTES) {
        return fi_type_bytes_size(column->type, column->dimensions);
    }
    return kind == FI_PHYSICAL_F32 || size == sizeof(uint64_t) ? size : 0;
}

/* Whether values are texts or bytes of any size, between offsets. */
static bool
has_offsets(const firn_scan_column *column)
{
    return fi_type_has_bytes(column->type) && lying_size(column) == 0;
}

/* The values of a batch, if they are consecutive; else empty. */
static firn_slice
lying(const struct fi_chunk_values *values, size_t size)
{
    const uint8_t *data = (const uint8_t *)values->as.u64;
    DCHECK(size > 0 && values->count > 0);
    if (values->kind == FI_PHYSICAL_BYTES) {
        data = values->as.bytes[0].data;
        for (size_t i = 0; i < values->count; i++) {
            if (values->as.bytes[i].size != size || values->as.bytes[i].data != data + i * size) {
                return firn_bytes(NULL, 0);
            }
        }
    }
    return firn_bytes(data, values->count * size);
}

/* The owner of the buffer that values of a column are added to. */
static struct owner *
values_owner(const struct ArrowArray *array)
{
    return owner_of(array->n_children > 0 ? array->children[0] : array);
}

static bool
is_inside(firn_slice part, firn_slice whole)
{
    return (uintptr_t)part.data >= (uintptr_t)whole.data &&
           (uintptr_t)part.data - (uintptr_t)whole.data <= whole.size &&
           part.size <= whole.size - ((uintptr_t)part.data - (uintptr_t)whole.data);
}

/* The block with the values of the stream's batch, if it can be lent; else empty. */
static firn_slice
block_of(const struct fi_column_pin *pin, firn_slice values)
{
    firn_slice block = pin != NULL ? firn_bytes(pin->pin.data, pin->pin.size) : firn_bytes(NULL, 0);
    bool can_be_lent = block.size >= LENT_MIN && values.size > 0 && is_inside(values, block) &&
                       (uintptr_t)values.data % 8 == 0;
    return can_be_lent ? block : firn_bytes(NULL, 0);
}

/* Whether values follow the lent ones. */
static bool
arrow_export_follows(const struct owner *owner, firn_slice values)
{
    return owner->lease != NULL && values.data == owner->lent.data + owner->lent.size &&
           is_inside(values, owner->block);
}

static bool
is_worth_it(const struct owner *owner)
{
    return owner->lease != NULL && owner->lent.size >= owner->block.size / 2; /* (I1) */
}

/* Copies the lent values. */
static int
arrow_export_undo(struct owner *owner)
{
    DCHECK(owner->data[1].size == 0);
    int rc = owner->lease != NULL ? fi_buf_append_slice(&owner->data[1], owner->lent) : FIRN_OK;
    if (rc == FIRN_OK) {
        fi_block_cache_lease_end(owner->lease);
        owner->lease = NULL;
    }
    return rc;
}

/* Lends values without copying; *out is false if they must be copied. */
static int
lend(struct owner *owner, const struct fi_column_pin *pin, firn_slice values, bool *out)
{
    *out = arrow_export_follows(owner, values);
    if (*out) {
        owner->lent.size += values.size;
    } else if (owner->lease != NULL) {
        return arrow_export_undo(owner);
    } else if (owner->data[1].size == 0) {
        const firn_slice block = block_of(pin, values);
        owner->lease = block.size > 0 ? fi_block_cache_lease(pin->cache, &pin->pin) : NULL;
        owner->block = block;
        owner->lent = values;
        *out = owner->lease != NULL;
    }
    DCHECK(!*out || is_inside(owner->lent, owner->block)); /* (I2) */
    return FIRN_OK;
}

/* Appends values that are in Arrow's layout. */
static int
add_lying(struct ArrowArray *array, size_t size, const struct fi_chunk_values *values,
          const struct fi_column_pin *pin)
{
    struct owner *owner = values_owner(array);
    const firn_slice bytes = lying(values, size);
    bool is_lent;
    int rc = lend(owner, pin, bytes, &is_lent);
    if (rc != FIRN_OK || is_lent) {
        return rc;
    }
    if (bytes.size == 0) {
        return add_fixed(&owner->data[1], size, values);
    }
    uint8_t *to = add_room(&owner->data[1], size, values->count);
    if (to == NULL) {
        return FIRN_NO_MEMORY;
    }
    memcpy(to, bytes.data, bytes.size);
    return FIRN_OK;
}

/* Appends a batch's values to a column; pin: fi_query_batch_pin. */
static int
add_values(struct ArrowArray *array, const firn_scan_column *column,
           const struct fi_chunk_values *values, const struct fi_column_pin *pin)
{
    struct owner *owner = owner_of(array);
    if (column->type == FIRN_TYPE_NULL) {
        array->null_count += (int64_t)values->count;
        return FIRN_OK;
    }
    int rc = add_validity(array, values);
    if (rc != FIRN_OK) {
        return rc;
    }
    const size_t size = lying_size(column);
    if (column->type == FIRN_TYPE_BOOL) {
        return add_bits(&owner->data[1], (size_t)array->length, values);
    }
    if (has_offsets(column)) {
        return add_texts(owner, values);
    }
    return size > 0 ? add_lying(array, size, values, pin)
                    : add_integers(&owner->data[1], arrow_type_of(column->type)->size, values);
}

/* Sets the buffers of a column that has all of its values. */
static void
end_array(struct ArrowArray *array)
{
    struct owner *owner = owner_of(array);
    for (size_t i = 0; i < (size_t)array->n_buffers; i++) {
        bool has_any = owner->data[i].size > 0;
        /* Only the validity may be missing; empty buffers have an address. */
        owner->buffers[i] = has_any ? owner->data[i].data : i == 0 ? NULL : (const void *)nothing;
    }
    if (owner->lease != NULL) {
        DCHECK(is_worth_it(owner)); /* (I1) */
        owner->buffers[1] = owner->lent.data;
    }
}

/* ---- the stream ---- */

struct stream {
    firn_scan *scan;
    struct fi_arrow_export_scan functions;
    size_t column_count;
    firn_scan_column *columns;
    const firn_scan_batch *batch; /* the first one of the next array, or NULL */
    bool is_at_end;
    firn_error error;
};

static int
errno_of(int code)
{
    DCHECK(code != FIRN_OK);
    switch (code) {
    case FIRN_NO_MEMORY:
        return ENOMEM;
    case FIRN_INVALID:
    case FIRN_MISUSE:
        return EINVAL;
    default:
        return EIO;
    }
}

static int
arrow_export_fail(struct stream *stream, int number)
{
    DCHECK(number != 0);
    if (number == ENOMEM) {
        (void)fi_error_no_memory(&stream->error, "Arrow data");
    }
    return number;
}

static int
get_schema(struct ArrowArrayStream *self, struct ArrowSchema *out)
{
    struct stream *stream = self->private_data;
    int rc = make_schema("+s", "", false, stream->column_count, out);
    for (size_t i = 0; rc == 0 && i < stream->column_count; i++) {
        rc = make_field(&stream->columns[i], out->children[i]);
    }
    if (rc != 0 && out->release != NULL) {
        out->release(out);
    }
    return rc != 0 ? arrow_export_fail(stream, rc) : 0;
}

static int
make_column(const firn_scan_column *column, struct ArrowArray *out)
{
    if (column->type == FIRN_TYPE_VECTOR) {
        int rc = make_array(1, 1, out);
        return rc == 0 ? make_array(2, 0, out->children[0]) : rc;
    }
    return make_array(column->type == FIRN_TYPE_NULL ? 0 : has_offsets(column) ? 3 : 2, 0, out);
}

/* Whether the array, which has rows, ends before the stream's batch: the values of a column would
 * exceed what offsets can address, or (I2). */
static bool
ends_here(const struct stream *stream, const struct ArrowArray *array)
{
    DCHECK(array->n_children == (int64_t)stream->column_count && array->length > 0);
    for (size_t i = 0; i < stream->column_count; i++) {
        const firn_scan_column *column = &stream->columns[i];
        const struct fi_chunk_values *values = fi_query_batch_column(stream->batch, i);
        const size_t size = lying_size(column);
        if (has_offsets(column)) {
            if (owner_of(array->children[i])->data[2].size + text_bytes(values) > BYTES_MAX) {
                return true;
            }
        } else if (size > 0) {
            const struct owner *owner = values_owner(array->children[i]);
            const firn_slice bytes = lying(values, size);
            const firn_slice block = block_of(fi_query_batch_pin(stream->scan, i), bytes);
            bool begins_block =
                block.size > 0 && bytes.size > (uintptr_t)bytes.data - (uintptr_t)block.data;
            if (!arrow_export_follows(owner, bytes) && (begins_block || is_worth_it(owner))) {
                return true;
            }
        }
    }
    return false;
}

/* Appends the stream's batch; FIRN_LIMIT: 32-bit offsets are too small. */
static int
add_batch(struct stream *stream, struct ArrowArray *array)
{
    DCHECK(stream->batch != NULL && array->n_children == (int64_t)stream->column_count);
    size_t rows = fi_query_batch_rows(stream->batch);
    for (size_t i = 0; i < stream->column_count; i++) {
        int rc = add_values(array->children[i], &stream->columns[i],
                            fi_query_batch_column(stream->batch, i),
                            fi_query_batch_pin(stream->scan, i));
        if (rc != FIRN_OK) {
            return rc;
        }
        array->children[i]->length += (int64_t)rows;
        if (stream->columns[i].type == FIRN_TYPE_VECTOR) {
            array->children[i]->children[0]->length +=
                (int64_t)(rows * stream->columns[i].dimensions);
        }
    }
    array->length += (int64_t)rows;
    return FIRN_OK;
}

static int
arrow_export_fill(struct stream *stream, struct ArrowArray *array)
{
    DCHECK(array->length == 0);
    int rc;
    while (array->length + FIRN_SCAN_BATCH_ROWS_MAX <= ROWS_MAX && !stream->is_at_end) {
        if (stream->batch == NULL) {
            rc = stream->functions.next(stream->scan, &stream->batch, &stream->error);
            if (rc != FIRN_OK) {
                return errno_of(rc);
            }
        }
        if (stream->batch == NULL) {
            stream->is_at_end = true;
            break;
        }
        if (array->length > 0 && ends_here(stream, array)) {
            break;
        }
        rc = add_batch(stream, array);
        if (rc == FIRN_LIMIT) {
            (void)fi_error_set(&stream->error, FIRN_LIMIT,
                               "texts of more than 2 GiB in 1,024 rows of one column");
            return EOVERFLOW;
        }
        if (rc != FIRN_OK) {
            return arrow_export_fail(stream, ENOMEM);
        }
        stream->batch = NULL;
    }
    return 0;
}

/* Copies values that are not worth their lease, and sets the buffers. */
static int
arrow_export_finish(struct stream *stream, struct ArrowArray *array)
{
    end_array(array);
    for (size_t i = 0; i < stream->column_count; i++) {
        struct ArrowArray *child = array->children[i];
        struct owner *owner = child->private_data;
        if (child->n_children > 0) {
            owner = child->children[0]->private_data;
        }
        if (owner->lease != NULL && !is_worth_it(owner) && arrow_export_undo(owner) != FIRN_OK) {
            return arrow_export_fail(stream, ENOMEM);
        }
        end_array(child);
        if (child->n_children > 0) {
            end_array(child->children[0]);
        }
    }
    return 0;
}

static int
get_next(struct ArrowArrayStream *self, struct ArrowArray *out)
{
    struct stream *stream = self->private_data;
    int rc = make_array(1, stream->column_count, out);
    for (size_t i = 0; rc == 0 && i < stream->column_count; i++) {
        rc = make_column(&stream->columns[i], out->children[i]);
    }
    rc = rc == 0 ? arrow_export_fill(stream, out) : arrow_export_fail(stream, rc);
    rc = rc == 0 ? arrow_export_finish(stream, out) : rc;
    if ((rc != 0 || out->length == 0) && out->release != NULL) {
        out->release(out); /* a released array marks the end */
    }
    return rc;
}

static const char *
get_last_error(struct ArrowArrayStream *self)
{
    DCHECK(self->private_data != NULL);
    const struct stream *stream = self->private_data;
    return stream->error.text;
}

static void
release_stream(struct ArrowArrayStream *self)
{
    DCHECK(self->private_data != NULL);
    struct stream *stream = self->private_data;
    stream->functions.close(stream->scan);
    fi_free(stream->columns);
    fi_free(stream);
    self->release = NULL;
}

int
fi_arrow_export_open(firn_scan *scan, const struct fi_arrow_export_scan *functions,
                     struct ArrowArrayStream *out, firn_error *err)
{
    size_t count = fi_query_column_count(scan);
    struct stream *stream = fi_alloc_zeroed(sizeof *stream);
    firn_scan_column *columns = fi_alloc_zeroed((count > 0 ? count : 1) * sizeof(firn_scan_column));
    *out = (struct ArrowArrayStream){.release = NULL};
    if (stream == NULL || columns == NULL) {
        fi_free(stream);
        fi_free(columns);
        functions->close(scan);
        return fi_error_no_memory(err, "Arrow data");
    }
    for (size_t i = 0; i < count; i++) {
        fi_query_column_at(scan, i, &columns[i]);
    }
    *stream = (struct stream){
        .scan = scan, .functions = *functions, .column_count = count, .columns = columns};
    *out = (struct ArrowArrayStream){.get_schema = get_schema,
                                     .get_next = get_next,
                                     .get_last_error = get_last_error,
                                     .release = release_stream,
                                     .private_data = stream};
    return FIRN_OK;
}
