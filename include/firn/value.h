/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/value.h: the types of columns, and typed values.
 *
 *     firn_value row[] = {firn_i64(1), firn_text("Ada"), firn_null()};
 *
 * A value is a tag and a number, or a tag and borrowed bytes. Nothing in it has to be released: the bytes
 * belong to the caller or the row that the value was made from.
 */
#ifndef FIRN_VALUE_H
#define FIRN_VALUE_H

#include <stdbool.h>

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Types of columns. The numbers are on disk. */
typedef enum firn_type {
    FIRN_TYPE_NULL = 0, /* the type of a null; no column has it */
    FIRN_TYPE_BOOL = 1,
    FIRN_TYPE_I8 = 2,
    FIRN_TYPE_I16 = 3,
    FIRN_TYPE_I32 = 4,
    FIRN_TYPE_I64 = 5,
    FIRN_TYPE_U8 = 6,
    FIRN_TYPE_U16 = 7,
    FIRN_TYPE_U32 = 8,
    FIRN_TYPE_U64 = 9,
    FIRN_TYPE_F32 = 10,
    FIRN_TYPE_F64 = 11,
    FIRN_TYPE_DECIMAL = 12,   /* a whole number of units of 10^-scale; at most 18 digits */
    FIRN_TYPE_DATE = 13,      /* days since 1970-01-01 */
    FIRN_TYPE_TIMESTAMP = 14, /* microseconds since 1970-01-01 00:00:00 UTC */
    FIRN_TYPE_TEXT = 15,      /* UTF-8 */
    FIRN_TYPE_BLOB = 16,
    FIRN_TYPE_UUID = 17,  /* 16 bytes */
    FIRN_TYPE_VECTOR = 18 /* a fixed number of F32, 4 bytes each, little-endian */
} firn_type;
#define FIRN_TYPE_MAX FIRN_TYPE_VECTOR

/* "i64", "text", …; NULL for a number that is no type. */
FIRN_API const char *firn_type_name(firn_type type);

typedef struct firn_value {
    firn_type type;
    union {
        bool boolean;     /* BOOL */
        int64_t i64;      /* I8 to I64, DECIMAL (in units of 10^-scale), DATE, TIMESTAMP */
        uint64_t u64;     /* U8 to U64 */
        float f32;        /* F32 */
        double f64;       /* F64 */
        firn_slice bytes; /* TEXT, BLOB, UUID, VECTOR */
    } as;
} firn_value;

/* A value that is null: no value, as in SQL. */
static inline firn_value
firn_null(void)
{
    firn_value value;
    value.type = FIRN_TYPE_NULL;
    value.as.u64 = 0;
    return value;
}

/* Whether the value is null. */
static inline bool
firn_is_null(firn_value value)
{
    return value.type == FIRN_TYPE_NULL;
}

/* A whole number. A column of any integer type takes a firn_i64 or a firn_u64 that fits; so do
 * DECIMAL columns, as a whole number. */
static inline firn_value
firn_i64(int64_t number)
{
    firn_value value;
    value.type = FIRN_TYPE_I64;
    value.as.i64 = number;
    return value;
}

/* A whole number that is not negative, used as firn_i64. */
static inline firn_value
firn_u64(uint64_t number)
{
    firn_value value;
    value.type = FIRN_TYPE_U64;
    value.as.u64 = number;
    return value;
}

/* A floating-point number, for F32 and F64 columns. */
static inline firn_value
firn_f64(double number)
{
    firn_value value;
    value.type = FIRN_TYPE_F64;
    value.as.f64 = number;
    return value;
}

/* A truth value, for BOOL columns. */
static inline firn_value
firn_bool(bool truth)
{
    firn_value value;
    value.type = FIRN_TYPE_BOOL;
    value.as.u64 = 0;
    value.as.boolean = truth;
    return value;
}

/* A text, for TEXT columns: UTF-8, which is borrowed. */
static inline firn_value
firn_text_bytes(firn_slice text)
{
    firn_value value;
    value.type = FIRN_TYPE_TEXT;
    value.as.bytes = text;
    return value;
}

/* A text that ends in NUL, which is borrowed. */
static inline firn_value
firn_text(const char *text)
{
    return firn_text_bytes(firn_str(text));
}

/* Bytes, for BLOB, UUID and VECTOR columns, which are borrowed. */
static inline firn_value
firn_blob(firn_slice bytes)
{
    firn_value value;
    value.type = FIRN_TYPE_BLOB;
    value.as.bytes = bytes;
    return value;
}

/* A value of a DECIMAL, DATE or TIMESTAMP column, as the number that it is stored as. */
static inline firn_value
firn_typed_i64(firn_type type, int64_t number)
{
    firn_value value;
    value.type = type;
    value.as.i64 = number;
    return value;
}

#ifdef __cplusplus
}
#endif
#endif
