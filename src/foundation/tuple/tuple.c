/* SPDX-License-Identifier: Apache-2.0
 *
 * tuple/tuple.c: writes and reads tuples. The layout is in tuple.h.
 *
 * Most columns have the number after the previous one's, so a tag is one byte: up to 15 numbers may
 * be skipped before it takes two. The forms 6 and 7 are for truth values and flags, which take just
 * that byte.
 *
 * Tuples are read where rows are merged, so a reader keeps only its position, and nothing is
 * allocated. It accepts only what is canonical: varints in their shortest form, ascending numbers,
 * the short forms wherever they fit, and no bytes after the last column. Floating-point numbers are
 * kept bit for bit, NaNs included.
 *
 * Limits: numbers of columns are below FI_TUPLE_COLUMN_LIMIT, so a tag has at most 19 bits.
 * Larger ones are free for future forms.
 */
#include "tuple/tuple.h"

#include <string.h>

#include "base/bytes.h"
#include "base/reader.h"

enum form {
    FORM_NULL = 0,
    FORM_I64 = 1,
    FORM_U64 = 2,
    FORM_F32 = 3,
    FORM_F64 = 4,
    FORM_BYTES = 5,
    FORM_ZERO = 6,
    FORM_ONE = 7
};
enum { FORM_BITS = 3, FORM_MASK = 7, CELL_SIZE_MAX = 2 * FI_VARINT_SIZE_MAX + 1 };

/* ---- writing ---- */

void
fi_tuple_begin(struct fi_tuple_writer *writer, struct fi_buf *out)
{
    *writer = (struct fi_tuple_writer){out, out->size, 0, FIRN_OK};
}

static enum form
form_of(const struct fi_cell *cell)
{
    switch (cell->kind) {
    case FI_PHYSICAL_NONE:
        return FORM_NULL;
    case FI_PHYSICAL_I64:
        return FORM_I64;
    case FI_PHYSICAL_U64:
        return cell->as.u64 == 0 ? FORM_ZERO : cell->as.u64 == 1 ? FORM_ONE : FORM_U64;
    case FI_PHYSICAL_F32:
        return FORM_F32;
    case FI_PHYSICAL_F64:
        return FORM_F64;
    default:
        DCHECK(cell->kind == FI_PHYSICAL_BYTES || cell->kind == FI_PHYSICAL_REFERENCE);
        return cell->kind == FI_PHYSICAL_BYTES ? FORM_BYTES : FORM_U64;
    }
}

static bool
has_bytes(const struct fi_cell *cell)
{
    return cell->kind == FI_PHYSICAL_BYTES || cell->kind == FI_PHYSICAL_REFERENCE;
}

/* Writes what follows the tag; returns its size. Requires: there is room. */
static size_t
put_cell(uint8_t *at, enum form form, const struct fi_cell *cell)
{
    uint64_t bits;
    size_t size;
    switch (form) {
    case FORM_I64: /* 0, -1, 1, -2, … as 0, 1, 2, 3, … */
        bits = (uint64_t)cell->as.i64;
        return fi_store_varint(at, bits << 1 ^ (0 - (bits >> 63)));
    case FORM_U64:
        if (cell->kind == FI_PHYSICAL_REFERENCE) {
            *at = 0;
            return 1 + put_cell(at + 1, FORM_BYTES, cell);
        }
        return fi_store_varint(at, cell->as.u64);
    case FORM_F32:
        memcpy(at, &cell->as.f32, sizeof cell->as.f32);
        return sizeof cell->as.f32;
    case FORM_F64:
        memcpy(at, &cell->as.f64, sizeof cell->as.f64);
        return sizeof cell->as.f64;
    case FORM_BYTES:
        size = fi_store_varint(at, cell->as.bytes.size);
        if (cell->as.bytes.size > 0) {
            memcpy(at + size, cell->as.bytes.data, cell->as.bytes.size);
        }
        return size + cell->as.bytes.size;
    default:
        return 0;
    }
}

void
fi_tuple_add(struct fi_tuple_writer *writer, uint32_t column, const struct fi_cell *cell)
{
    DCHECK(column >= writer->next && column < FI_TUPLE_COLUMN_LIMIT);
    enum form form = form_of(cell);
    size_t bytes = has_bytes(cell) ? cell->as.bytes.size : 0;
    if (writer->rc != FIRN_OK) {
        return;
    }
    writer->rc = bytes > SIZE_MAX - CELL_SIZE_MAX
                     ? FIRN_NO_MEMORY
                     : fi_buf_reserve(writer->out, CELL_SIZE_MAX + bytes);
    if (writer->rc == FIRN_OK) {
        uint8_t *at = writer->out->data + writer->out->size;
        at += fi_store_varint(at, (column - writer->next) << FORM_BITS | (uint32_t)form);
        at += put_cell(at, form, cell);
        writer->out->size = (size_t)(at - writer->out->data);
        writer->next = column + 1;
    }
}

int
fi_tuple_end(struct fi_tuple_writer *writer)
{
    if (writer->rc != FIRN_OK) {
        writer->out->size = writer->start;
    }
    return writer->rc;
}

/* ---- reading ---- */

void
fi_tuple_reader_init(struct fi_tuple_reader *reader, firn_slice tuple)
{
    struct fi_reader bytes = fi_reader_of(tuple);
    *reader = (struct fi_tuple_reader){.at = bytes.at, .end = bytes.end};
}

/* Reads what follows the tag. */
static bool
get_cell(struct fi_reader *bytes, enum form form, bool takes_references, struct fi_cell *out)
{
    uint64_t number;
    switch (form) {
    case FORM_NULL:
        out->kind = FI_PHYSICAL_NONE;
        out->as.u64 = 0;
        return true;
    case FORM_I64:
        out->kind = FI_PHYSICAL_I64;
        if (!fi_reader_varint(bytes, &number)) {
            return false;
        }
        number = number >> 1 ^ (0 - (number & 1));
        memcpy(&out->as.i64, &number, sizeof number);
        return true;
    case FORM_U64:
        out->kind = FI_PHYSICAL_U64;
        if (!fi_reader_varint(bytes, &out->as.u64)) {
            return false;
        }
        if (takes_references && out->as.u64 == 0) {
            out->kind = FI_PHYSICAL_REFERENCE;
            return fi_reader_sized(bytes, SIZE_MAX, &out->as.bytes);
        }
        return out->as.u64 > 1;
    case FORM_F32:
        out->kind = FI_PHYSICAL_F32;
        return fi_reader_copy(bytes, &out->as.f32, sizeof out->as.f32);
    case FORM_F64:
        out->kind = FI_PHYSICAL_F64;
        return fi_reader_copy(bytes, &out->as.f64, sizeof out->as.f64);
    case FORM_BYTES:
        out->kind = FI_PHYSICAL_BYTES;
        return fi_reader_sized(bytes, SIZE_MAX, &out->as.bytes);
    default:
        out->kind = FI_PHYSICAL_U64;
        out->as.u64 = form == FORM_ONE ? 1 : 0;
        return true;
    }
}

bool
fi_tuple_next(struct fi_tuple_reader *reader, uint32_t *out_column, struct fi_cell *out,
              bool *out_is_corrupt)
{
    struct fi_reader bytes = {reader->at, reader->end};
    uint64_t tag;
    *out_is_corrupt = false;
    if (bytes.at == bytes.end) {
        return false;
    }
    *out_is_corrupt = true;
    if (!fi_reader_varint(&bytes, &tag) ||
        tag >> FORM_BITS >= FI_TUPLE_COLUMN_LIMIT - reader->next ||
        !get_cell(&bytes, (enum form)(tag & FORM_MASK), reader->takes_references, out)) {
        return false;
    }
    *out_is_corrupt = false;
    *out_column = reader->next + (uint32_t)(tag >> FORM_BITS);
    DCHECK(*out_column < FI_TUPLE_COLUMN_LIMIT && bytes.at > reader->at);
    reader->next = *out_column + 1;
    reader->at = bytes.at;
    return true;
}

int
fi_tuple_find(firn_slice tuple, uint32_t column, struct fi_cell *out)
{
    struct fi_tuple_reader reader;
    uint32_t found;
    bool is_corrupt;
    fi_tuple_reader_init(&reader, tuple);
    while (reader.next <= column && fi_tuple_next(&reader, &found, out, &is_corrupt)) {
        if (found == column) {
            return FIRN_OK;
        }
    }
    return reader.next <= column && is_corrupt ? FIRN_CORRUPT : FIRN_NOT_FOUND;
}

int
fi_tuple_check(firn_slice tuple)
{
    struct fi_tuple_reader reader;
    struct fi_cell cell;
    uint32_t column;
    bool is_corrupt;
    fi_tuple_reader_init(&reader, tuple);
    while (fi_tuple_next(&reader, &column, &cell, &is_corrupt)) {
    }
    return is_corrupt ? FIRN_CORRUPT : FIRN_OK;
}
