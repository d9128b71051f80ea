/* SPDX-License-Identifier: Apache-2.0
 *
 * tuple/tuple.h: one row as bytes. docs/formats/tuple.md is the same in prose.
 *
 * A row of a table is an entry of its tree: the entry's key is the encoded primary key (below), its
 * value a tuple of the other columns. A tuple states the number of each of its columns and how the
 * cell is stored, so it can be read without a schema. If the table did not have a column when the
 * row was written, the tuple does not have it either: it has the initial value that the schema
 * states. A null is stored in the tuple.
 *
 * One row has one encoding: a reader accepts only what the writer writes.
 *
 *   for each column, by ascending number:
 *     varint (number - previous number - 1) << 3 | form   (of the first one: number << 3 | form)
 *     the content of the form:
 *       0 null   1 I64: zigzag varint   2 U64 from 2 on: varint   3 F32: 4 bytes   4 F64: 8 bytes
 *       5 BYTES: varint size, the bytes   6 the U64 0   7 the U64 1
 *
 * During a flush or a compaction a tuple may also have cells that refer to bytes stored elsewhere
 * (run/run_value_file.h). Such a cell is form 2 with the varint 0, which no other has, then as
 * form 5; a reader refuses it unless takes_references is set.
 */
#ifndef FIRN_TUPLE_TUPLE_H
#define FIRN_TUPLE_TUPLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/error.h"
#include "type/type.h"

/* For a cell of a tuple that is being written to a run: as.bytes is described in
 * run/run_value_file.h. No other cell has it, so it is not one of the kinds. */
#define FI_PHYSICAL_REFERENCE ((enum fi_physical)6)
/* One column of a row. Bytes are borrowed. */
struct fi_cell {
    enum fi_physical kind;
    union {
        int64_t i64;
        uint64_t u64;
        float f32;
        double f64;
        firn_slice bytes;
    } as;
};

/* A cell as a value of a type, and a value of any type, or null, as a cell. Bytes stay borrowed.
 * Requires: the cell's kind is that of the type, or NONE. */
static inline firn_value
fi_cell_value(const struct fi_cell *cell, firn_type type)
{
    firn_value value = firn_null();
    if (cell->kind != FI_PHYSICAL_NONE) {
        DCHECK(cell->kind == fi_physical_of(type));
        value.type = type;
        if (cell->kind == FI_PHYSICAL_BYTES) {
            value.as.bytes = cell->as.bytes;
        } else if (type == FIRN_TYPE_BOOL) {
            value.as.boolean = cell->as.u64 != 0;
        } else if (cell->kind == FI_PHYSICAL_F32) {
            value.as.f32 = cell->as.f32;
        } else {
            memcpy(&value.as, &cell->as, sizeof cell->as.u64);
        }
    }
    return value;
}
static inline struct fi_cell
fi_cell_of(const firn_value *value)
{
    struct fi_cell cell = {.kind = fi_physical_of(value->type)};
    if (cell.kind == FI_PHYSICAL_BYTES) {
        cell.as.bytes = value->as.bytes;
    } else if (value->type == FIRN_TYPE_BOOL) {
        cell.as.u64 = value->as.boolean ? 1 : 0;
    } else if (cell.kind == FI_PHYSICAL_F32) {
        cell.as.f32 = value->as.f32;
    } else {
        memcpy(&cell.as, &value->as, sizeof cell.as.u64);
    }
    return cell;
}

/* Numbers of columns are below this. A table assigns no number twice. */
enum { FI_TUPLE_COLUMN_LIMIT = 1 << 16 };

/* Appends a tuple, column after column by ascending number:
 *     fi_tuple_begin(&writer, buf); fi_tuple_add(&writer, 2, &cell); … ;
 *     fi_tuple_end(&writer)
 * A failure (FIRN_NO_MEMORY) is remembered; end returns it, and leaves buf as it was before
 * begin. */
struct fi_tuple_writer {
    struct fi_buf *out;
    size_t start;
    uint32_t next; /* the least number that the next column may have */
    int rc;
};
void fi_tuple_begin(struct fi_tuple_writer *writer, struct fi_buf *out);
void fi_tuple_add(struct fi_tuple_writer *writer, uint32_t column, const struct fi_cell *cell);
FIRN_MUST_CHECK int fi_tuple_end(struct fi_tuple_writer *writer);

/* Reads tuples that are not trusted. */
struct fi_tuple_reader {
    const uint8_t *at;
    const uint8_t *end;
    uint32_t next;
    bool takes_references; /* false by default: references are then corrupt */
};
void fi_tuple_reader_init(struct fi_tuple_reader *reader, firn_slice tuple);
/* The next column: true with its number and cell, whose bytes are borrowed from the tuple. False at
 * the end, or if the bytes that follow are not a column; *out_is_corrupt distinguishes the two. A
 * corrupt reader stays corrupt. */
bool fi_tuple_next(struct fi_tuple_reader *reader, uint32_t *out_column, struct fi_cell *out,
                   bool *out_is_corrupt);
/* Finds one column: FIRN_NOT_FOUND if the tuple does not have it. FIRN_CORRUPT, without a text, if
 * the bytes up to there are not a tuple; those after the column are not checked. */
FIRN_MUST_CHECK int fi_tuple_find(firn_slice tuple, uint32_t column, struct fi_cell *out);
/* Whether all bytes are a tuple: FIRN_CORRUPT, without a text, if they are not. */
FIRN_MUST_CHECK int fi_tuple_check(firn_slice tuple);

/* ==== keys ====
 *
 * Parts of keys as in firn/key.h, by how a type is stored: BOOL as bool, other U64 as u64; I64 as
 * i64; F32 and F64 as f64; BYTES of one size (UUID) as they are, others as text. What has no order
 * (VECTOR) cannot be part of a key. A part that may be null (only in secondary indexes) has a byte
 * before it: 00 for null, and nothing follows; 01 for a value. So nulls come first, and keys are
 * ordered like their values. For floating-point numbers, -0 equals 0, and all NaNs are equal and
 * come after all numbers; they are read back as 0 and as one NaN. */

/* Appends a part. Requires: a type with an order; a cell of the type's kind, or null if the part
 * is nullable. On FIRN_NO_MEMORY out is as it was. */
FIRN_MUST_CHECK int fi_tuple_key_add(struct fi_buf *out, firn_type type, bool is_nullable,
                                     const struct fi_cell *cell);
/* Reads the first part of *rest and advances *rest; after a failure *rest is unchanged. The bytes
 * of a cell are appended to *memory. If *memory has to grow, it moves, and with it the bytes of
 * cells read before. The bytes of all parts of a key are never more than the key's, so memory with
 * room for rest->size more bytes does not grow. Whether a number is in the range of its type is not
 * checked, except for BOOL and F32. FIRN_CORRUPT without a text, FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_tuple_key_read(firn_slice *rest, firn_type type, bool is_nullable,
                                      struct fi_buf *memory, struct fi_cell *out);

#endif
