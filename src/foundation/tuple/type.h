/* SPDX-License-Identifier: Apache-2.0
 *
 * tuple/type.h: what a type of columns is. Each type has one row in the table below, and all rooms ask the table. A room that
 * treats types differently does so by their classes, in a `switch` without `default`, so that the compiler names every place that
 * a new class has to think about; a new type of a known class needs none of them. HACKING.md, "Add a column type", is the list of
 * what else a type needs.
 *
 * A number that is no type has the traits of null. Any thread.
 */
#ifndef FIRN_TUPLE_TYPE_H
#define FIRN_TUPLE_TYPE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "codec/calendar.h"
#include "firn/value.h"

/* What may be done with values of a type. */
enum firn_type_class {
    FIRN_TYPE_CLASS_NULL, /* no column has it */
    FIRN_TYPE_CLASS_BOOL,
    FIRN_TYPE_CLASS_SIGNED,   /* whole numbers */
    FIRN_TYPE_CLASS_UNSIGNED, /* whole numbers that are not negative */
    FIRN_TYPE_CLASS_FLOAT,
    FIRN_TYPE_CLASS_DECIMAL, /* has a precision and a scale */
    FIRN_TYPE_CLASS_TIME,    /* days, or microseconds, of the calendar */
    FIRN_TYPE_CLASS_TEXT,
    FIRN_TYPE_CLASS_BLOB,
    FIRN_TYPE_CLASS_FIXED, /* of one size, with an order and a text of its own, and nothing else */
    FIRN_TYPE_CLASS_VECTOR /* has dimensions, and no order */
};

/* How values of a type are stored. */
enum firn_physical {
    FIRN_PHYSICAL_NONE = 0, /* of a cell: null */
    FIRN_PHYSICAL_I64 = 1,
    FIRN_PHYSICAL_U64 = 2, /* BOOL as 0 and 1 */
    FIRN_PHYSICAL_F32 = 3,
    FIRN_PHYSICAL_F64 = 4,
    FIRN_PHYSICAL_BYTES = 5
};

struct firn_type_traits {
    char name[10];    /* in definitions of tables, and in messages */
    uint8_t class;    /* enum firn_type_class */
    uint8_t physical; /* enum firn_physical */
    uint8_t size;     /* of one value in memory; 0: another one for each value, or each column */
    int64_t min;      /* of I64 and U64: the least number, and the largest */
    uint64_t max;
};

static inline const struct firn_type_traits *
firn_type_traits_of(firn_type type)
{
    static const struct firn_type_traits table[] = {
#define ROW(name, class, physical, size, min, max) \
    {name, FIRN_TYPE_CLASS_##class, FIRN_PHYSICAL_##physical, size, min, max}
        [FIRN_TYPE_NULL] = ROW("null", NULL, NONE, 0, 0, 0),
        [FIRN_TYPE_BOOL] = ROW("bool", BOOL, U64, 1, 0, 1),
        [FIRN_TYPE_I8] = ROW("i8", SIGNED, I64, 1, INT8_MIN, INT8_MAX),
        [FIRN_TYPE_I16] = ROW("i16", SIGNED, I64, 2, INT16_MIN, INT16_MAX),
        [FIRN_TYPE_I32] = ROW("i32", SIGNED, I64, 4, INT32_MIN, INT32_MAX),
        [FIRN_TYPE_I64] = ROW("i64", SIGNED, I64, 8, INT64_MIN, INT64_MAX),
        [FIRN_TYPE_U8] = ROW("u8", UNSIGNED, U64, 1, 0, UINT8_MAX),
        [FIRN_TYPE_U16] = ROW("u16", UNSIGNED, U64, 2, 0, UINT16_MAX),
        [FIRN_TYPE_U32] = ROW("u32", UNSIGNED, U64, 4, 0, UINT32_MAX),
        [FIRN_TYPE_U64] = ROW("u64", UNSIGNED, U64, 8, 0, UINT64_MAX),
        [FIRN_TYPE_F32] = ROW("f32", FLOAT, F32, 4, 0, 0),
        [FIRN_TYPE_F64] = ROW("f64", FLOAT, F64, 8, 0, 0),
        /* Of 18 digits; firn_type_range has those of a column. */
        [FIRN_TYPE_DECIMAL] = ROW("decimal", DECIMAL, I64, 8, -INT64_C(999999999999999999),
                                  UINT64_C(999999999999999999)),
        [FIRN_TYPE_DATE] =
            ROW("date", TIME, I64, 8, FIRN_CALENDAR_DATE_FIRST, FIRN_CALENDAR_DATE_LAST),
        [FIRN_TYPE_TIMESTAMP] =
            ROW("timestamp", TIME, I64, 8, FIRN_CALENDAR_TIME_FIRST, FIRN_CALENDAR_TIME_LAST),
        [FIRN_TYPE_TEXT] = ROW("text", TEXT, BYTES, 0, 0, 0),
        [FIRN_TYPE_BLOB] = ROW("blob", BLOB, BYTES, 0, 0, 0),
        [FIRN_TYPE_UUID] = ROW("uuid", FIXED, BYTES, 16, 0, 0),
        [FIRN_TYPE_VECTOR] = ROW("vector", VECTOR, BYTES, 0, 0, 0),
#undef ROW
    };
    _Static_assert(sizeof table / sizeof table[0] == FIRN_TYPE_MAX + 1, "each type has a row");
    return &table[(unsigned)type <= FIRN_TYPE_MAX ? type : FIRN_TYPE_NULL];
}

/* Whether a column can have it. */
static inline bool
firn_type_is_valid(firn_type type)
{
    return (unsigned)type >= FIRN_TYPE_BOOL && (unsigned)type <= FIRN_TYPE_MAX;
}

static inline enum firn_type_class
firn_type_class_of(firn_type type)
{
    return (enum firn_type_class)firn_type_traits_of(type)->class;
}

static inline enum firn_physical
firn_physical_of(firn_type type)
{
    return (enum firn_physical)firn_type_traits_of(type)->physical;
}

static inline bool
firn_type_is_unsigned(firn_type type)
{
    return firn_type_class_of(type) == FIRN_TYPE_CLASS_UNSIGNED;
}

static inline bool
firn_type_is_integer(firn_type type)
{
    return firn_type_class_of(type) == FIRN_TYPE_CLASS_SIGNED || firn_type_is_unsigned(type);
}

static inline bool
firn_type_is_float(firn_type type)
{
    return firn_type_class_of(type) == FIRN_TYPE_CLASS_FLOAT;
}

/* Whether it can be added and compared with every other such type. */
static inline bool
firn_type_is_number(firn_type type)
{
    return firn_type_is_integer(type) || firn_type_is_float(type) ||
           firn_type_class_of(type) == FIRN_TYPE_CLASS_DECIMAL;
}

static inline bool
firn_type_is_time(firn_type type)
{
    return firn_type_class_of(type) == FIRN_TYPE_CLASS_TIME;
}

static inline bool
firn_type_has_bytes(firn_type type)
{
    return firn_physical_of(type) == FIRN_PHYSICAL_BYTES;
}

/* Whether values can be sorted, and be in keys. */
static inline bool
firn_type_has_order(firn_type type)
{
    return firn_type_is_valid(type) && firn_type_class_of(type) != FIRN_TYPE_CLASS_VECTOR;
}

/* Whether a value's text is in quotes in JSON, and where values stand beside other words. */
static inline bool
firn_type_has_quotes(firn_type type)
{
    switch (firn_type_class_of(type)) {
    case FIRN_TYPE_CLASS_NULL:
    case FIRN_TYPE_CLASS_BOOL:
    case FIRN_TYPE_CLASS_SIGNED:
    case FIRN_TYPE_CLASS_UNSIGNED:
    case FIRN_TYPE_CLASS_FLOAT:
    case FIRN_TYPE_CLASS_DECIMAL:
    case FIRN_TYPE_CLASS_VECTOR:
        return false;
    case FIRN_TYPE_CLASS_TIME:
    case FIRN_TYPE_CLASS_TEXT:
    case FIRN_TYPE_CLASS_BLOB:
    case FIRN_TYPE_CLASS_FIXED:
        break;
    }
    return true;
}

/* Of what is stored as bytes: how many all values of a column have; 0: each its own number. */
static inline uint32_t
firn_type_bytes_size(firn_type type, uint32_t dimensions)
{
    return firn_type_class_of(type) == FIRN_TYPE_CLASS_VECTOR ? dimensions * (uint32_t)sizeof(float)
           : firn_type_has_bytes(type)                        ? firn_type_traits_of(type)->size
                                                              : 0;
}

/* Ten to a power. Requires: exponent <= 19. */
static inline uint64_t
firn_type_power(uint32_t exponent)
{
    static const uint64_t powers[] = {UINT64_C(1),
                                      UINT64_C(10),
                                      UINT64_C(100),
                                      UINT64_C(1000),
                                      UINT64_C(10000),
                                      UINT64_C(100000),
                                      UINT64_C(1000000),
                                      UINT64_C(10000000),
                                      UINT64_C(100000000),
                                      UINT64_C(1000000000),
                                      UINT64_C(10000000000),
                                      UINT64_C(100000000000),
                                      UINT64_C(1000000000000),
                                      UINT64_C(10000000000000),
                                      UINT64_C(100000000000000),
                                      UINT64_C(1000000000000000),
                                      UINT64_C(10000000000000000),
                                      UINT64_C(100000000000000000),
                                      UINT64_C(1000000000000000000),
                                      UINT64_C(10000000000000000000)};
    return powers[exponent];
}

struct firn_type_range {
    int64_t min;
    uint64_t max;
};
/* The least and the largest number of a column whose values are stored as whole numbers. */
static inline struct firn_type_range
firn_type_range_of(firn_type type, uint32_t precision)
{
    const struct firn_type_traits *traits = firn_type_traits_of(type);
    if (traits->class == FIRN_TYPE_CLASS_DECIMAL) {
        const uint64_t most = firn_type_power(precision) - 1;
        return (struct firn_type_range){-(int64_t)most, most};
    }
    return (struct firn_type_range){traits->min, traits->max};
}

/* "i64", "decimal(12, 2)", "vector(3)"; returns out. A precision of 0: without numbers. */
enum { FIRN_TYPE_TEXT_SIZE = 40 };
static inline const char *
firn_type_text(firn_type type, uint32_t precision, uint32_t scale, uint32_t dimensions,
               char out[FIRN_TYPE_TEXT_SIZE])
{
    const struct firn_type_traits *traits = firn_type_traits_of(type);
    if (traits->class == FIRN_TYPE_CLASS_DECIMAL && precision > 0) {
        (void)snprintf(out, FIRN_TYPE_TEXT_SIZE, "%.10s(%u, %u)", traits->name, precision, scale);
    } else if (traits->class == FIRN_TYPE_CLASS_VECTOR) {
        (void)snprintf(out, FIRN_TYPE_TEXT_SIZE, "%.10s(%u)", traits->name, dimensions);
    } else {
        (void)snprintf(out, FIRN_TYPE_TEXT_SIZE, "%.10s", traits->name);
    }
    return out;
}

/* The type that a word names in a definition or a cast, in any case; FIRN_TYPE_NULL: none. */
firn_type firn_type_named(firn_slice word);

#endif
