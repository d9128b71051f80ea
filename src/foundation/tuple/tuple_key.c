/* SPDX-License-Identifier: Apache-2.0
 *
 * tuple/tuple_key.c: parts of keys by the type of their column, in the encodings of codec/key.c.
 *
 * A reader accepts only what a writer writes, as for tuples: two keys that differ as bytes are two
 * keys. So it refuses the floating-point numbers that are never written: -0, all NaNs except one,
 * and in a part of type F32 every number that is not an F32.
 */
#include "tuple/tuple.h"

#include <string.h>

#include "firn/key.h"

enum { NUMBER_SIZE = 8, TEXT_END_SIZE = 2, PART_NULL = 0, PART_VALUE = 1 };

/* ---- adding ---- */

/* The size of the encoded text, in bytes. */
static size_t
text_size(firn_slice text)
{
    size_t size = text.size + TEXT_END_SIZE;
    for (size_t i = 0; i < text.size; i++) {
        size += text.data[i] == 0;
    }
    return size;
}

static size_t
part_size(firn_type type, const struct fi_cell *cell)
{
    if (cell->kind != FI_PHYSICAL_BYTES) {
        return NUMBER_SIZE;
    }
    const size_t size = fi_type_size(type);
    DCHECK(size == 0 || cell->as.bytes.size == size);
    return size > 0 ? size : text_size(cell->as.bytes);
}

/* Requires: memory has room. */
static void
put_part(firn_key *key, firn_type type, const struct fi_cell *cell)
{
    switch (cell->kind) {
    case FI_PHYSICAL_I64:
        firn_key_add_i64(key, cell->as.i64);
        break;
    case FI_PHYSICAL_U64:
        if (type == FIRN_TYPE_BOOL) {
            firn_key_add_bool(key, cell->as.u64 != 0);
        } else {
            firn_key_add_u64(key, cell->as.u64);
        }
        break;
    case FI_PHYSICAL_F32:
        firn_key_add_f64(key, (double)cell->as.f32);
        break;
    case FI_PHYSICAL_F64:
        firn_key_add_f64(key, cell->as.f64);
        break;
    default:
        if (fi_type_size(type) > 0) {
            memcpy(key->data, cell->as.bytes.data, cell->as.bytes.size);
            key->size = cell->as.bytes.size;
        } else {
            firn_key_add_text(key, cell->as.bytes);
        }
        break;
    }
}

int
fi_tuple_key_add(struct fi_buf *out, firn_type type, bool is_nullable, const struct fi_cell *cell)
{
    bool is_null = cell->kind == FI_PHYSICAL_NONE;
    DCHECK(fi_type_has_order(type));
    DCHECK(is_null ? is_nullable : cell->kind == fi_physical_of(type));
    size_t flag_size = is_nullable ? 1 : 0;
    size_t size = is_null ? 0 : part_size(type, cell);
    int rc = fi_buf_reserve(out, flag_size + size);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (is_nullable) {
        out->data[out->size++] = is_null ? PART_NULL : PART_VALUE;
    }
    if (!is_null) {
        firn_key key = firn_key_in(out->data + out->size, size);
        put_part(&key, type, cell);
        DCHECK(firn_key_is_valid(&key) && (type == FIRN_TYPE_BOOL || key.size == size));
        out->size += key.size;
    }
    return FIRN_OK;
}

/* ---- reading ---- */

/* A number as it is written: refuses other bytes for an equal number. */
static int
read_real(firn_slice *rest, double *out)
{
    uint8_t again[NUMBER_SIZE];
    const uint8_t *bytes = rest->data;
    int rc = firn_key_read_f64(rest, out);
    if (rc == FIRN_OK) {
        firn_key key = firn_key_in(again, sizeof again);
        firn_key_add_f64(&key, *out);
        rc = memcmp(again, bytes, sizeof again) == 0 ? FIRN_OK : FIRN_CORRUPT;
    }
    return rc;
}

static int
read_number(firn_slice *rest, firn_type type, struct fi_cell *out)
{
    double real;
    bool truth = false;
    int rc;
    switch (out->kind) {
    case FI_PHYSICAL_I64:
        return firn_key_read_i64(rest, &out->as.i64);
    case FI_PHYSICAL_U64:
        if (type != FIRN_TYPE_BOOL) {
            return firn_key_read_u64(rest, &out->as.u64);
        }
        rc = firn_key_read_bool(rest, &truth);
        out->as.u64 = truth ? 1 : 0;
        return rc;
    case FI_PHYSICAL_F64:
        return read_real(rest, &out->as.f64);
    default:
        DCHECK(out->kind == FI_PHYSICAL_F32);
        rc = read_real(rest, &real);
        if (rc == FIRN_OK) {
            out->as.f32 = (float)real;
            rc = (double)out->as.f32 == real || real != real ? FIRN_OK : FIRN_CORRUPT;
        }
        return rc;
    }
}

static int
read_bytes(firn_slice *rest, firn_type type, struct fi_buf *memory, firn_slice *out)
{
    size_t size = fi_type_size(type);
    int rc;
    if (size > 0) {
        rc = rest->size < size ? FIRN_CORRUPT : fi_buf_append(memory, rest->data, size);
        if (rc == FIRN_OK) {
            *rest = firn_bytes(rest->data + size, rest->size - size);
        }
    } else {
        rc = fi_buf_reserve(memory, 1); /* an empty text has an address, too */
        if (rc == FIRN_OK) {
            rc = firn_key_read_text(rest, memory->data + memory->size,
                                    memory->capacity - memory->size, &size);
        }
        if (rc == FIRN_LIMIT) {
            rc = fi_buf_reserve(memory, size);
            if (rc == FIRN_OK) {
                rc = firn_key_read_text(rest, memory->data + memory->size, size, &size);
            }
        }
        memory->size += rc == FIRN_OK ? size : 0;
    }
    if (rc == FIRN_OK) {
        *out = firn_bytes(memory->data + memory->size - size, size);
    }
    return rc;
}

int
fi_tuple_key_read(firn_slice *rest, firn_type type, bool is_nullable, struct fi_buf *memory,
                  struct fi_cell *out)
{
    firn_slice left = *rest;
    int rc = FIRN_OK;
    DCHECK(fi_type_has_order(type));
    *out = (struct fi_cell){.kind = fi_physical_of(type)};
    if (is_nullable) {
        if (left.size == 0 || left.data[0] > PART_VALUE) {
            return FIRN_CORRUPT;
        }
        out->kind = left.data[0] == PART_NULL ? FI_PHYSICAL_NONE : out->kind;
        left = firn_bytes(left.data + 1, left.size - 1);
    }
    if (out->kind == FI_PHYSICAL_BYTES) {
        rc = read_bytes(&left, type, memory, &out->as.bytes);
    } else if (out->kind != FI_PHYSICAL_NONE) {
        rc = read_number(&left, type, out);
    }
    if (rc == FIRN_OK) {
        *rest = left;
    }
    return rc == FIRN_INVALID ? FIRN_CORRUPT : rc;
}
