/* SPDX-License-Identifier: Apache-2.0
 *
 * type/type.h: what a type of columns is. Each type has one row in the table below, and all rooms
 * ask the table. A room that treats types differently does so by their classes, in a `switch`
 * without `default`, so that the compiler names every place that a new class has to think about; a
 * new type of a known class needs none of them. HACKING.md, "Add a column type", is the list of
 * what else a type needs.
 *
 * A number that is no type counts as null. Any thread.
 */
#ifndef FIRN_TYPE_TYPE_H
#define FIRN_TYPE_TYPE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "codec/calendar.h"
#include "firn/value.h"

/* What may be done with values of a type. */
enum fi_type_class {
    FI_TYPE_CLASS_NULL, /* no column has it */
    FI_TYPE_CLASS_BOOL,
    FI_TYPE_CLASS_SIGNED,   /* whole numbers */
    FI_TYPE_CLASS_UNSIGNED, /* whole numbers that are not negative */
    FI_TYPE_CLASS_FLOAT,
    FI_TYPE_CLASS_DECIMAL, /* has a precision and a scale */
    FI_TYPE_CLASS_TIME,    /* days, or microseconds, of the calendar */
    FI_TYPE_CLASS_TEXT,
    FI_TYPE_CLASS_BLOB,
    FI_TYPE_CLASS_FIXED, /* of one size, with an order and a text of its own, and nothing else */
    FI_TYPE_CLASS_VECTOR /* has dimensions, and no order */
};

/* How values of a type are stored. */
enum fi_physical {
    FI_PHYSICAL_NONE = 0, /* of a cell: null */
    FI_PHYSICAL_I64 = 1,
    FI_PHYSICAL_U64 = 2, /* BOOL as 0 and 1 */
    FI_PHYSICAL_F32 = 3,
    FI_PHYSICAL_F64 = 4,
    FI_PHYSICAL_BYTES = 5
};

/* The table: each type, its name in definitions and messages, its class, how it is stored, the
 * bytes of one value in memory (0: another number for each value, or each column), and of whole
 * numbers the least and the largest one. */
#define FI_TYPE_ROWS(ROW)                                                                    \
    ROW(NULL, "null", NULL, NONE, 0, 0, 0)                                                   \
    ROW(BOOL, "bool", BOOL, U64, 1, 0, 1)                                                    \
    ROW(I8, "i8", SIGNED, I64, 1, INT8_MIN, INT8_MAX)                                        \
    ROW(I16, "i16", SIGNED, I64, 2, INT16_MIN, INT16_MAX)                                    \
    ROW(I32, "i32", SIGNED, I64, 4, INT32_MIN, INT32_MAX)                                    \
    ROW(I64, "i64", SIGNED, I64, 8, INT64_MIN, INT64_MAX)                                    \
    ROW(U8, "u8", UNSIGNED, U64, 1, 0, UINT8_MAX)                                            \
    ROW(U16, "u16", UNSIGNED, U64, 2, 0, UINT16_MAX)                                         \
    ROW(U32, "u32", UNSIGNED, U64, 4, 0, UINT32_MAX)                                         \
    ROW(U64, "u64", UNSIGNED, U64, 8, 0, UINT64_MAX)                                         \
    ROW(F32, "f32", FLOAT, F32, 4, 0, 0)                                                     \
    ROW(F64, "f64", FLOAT, F64, 8, 0, 0)                                                     \
    ROW(DECIMAL, "decimal", DECIMAL, I64, 8, INT64_MIN, INT64_MAX) /* or by its precision */ \
    ROW(DATE, "date", TIME, I64, 8, FI_CALENDAR_DATE_FIRST, FI_CALENDAR_DATE_LAST)           \
    ROW(TIMESTAMP, "timestamp", TIME, I64, 8, FI_CALENDAR_TIME_FIRST, FI_CALENDAR_TIME_LAST) \
    ROW(TEXT, "text", TEXT, BYTES, 0, 0, 0)                                                  \
    ROW(BLOB, "blob", BLOB, BYTES, 0, 0, 0)                                                  \
    ROW(UUID, "uuid", FIXED, BYTES, 16, 0, 0)                                                \
    ROW(VECTOR, "vector", VECTOR, BYTES, 0, 0, 0)

/* The columns of the table, one by one: a file has copies of those alone that it asks for. */
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a text in parentheses does not initialise an array */
#define FI_TYPE_ROW_NAME(type, name, class, physical, size, min, max) [FIRN_TYPE_##type] = name,
#define FI_TYPE_ROW_CLASS(type, name, class, physical, size, min, max) \
    [FIRN_TYPE_##type] = FI_TYPE_CLASS_##class,
#define FI_TYPE_ROW_PHYSICAL(type, name, class, physical, size, min, max) \
    [FIRN_TYPE_##type] = FI_PHYSICAL_##physical,
#define FI_TYPE_ROW_SIZE(type, name, class, physical, size, min, max) [FIRN_TYPE_##type] = (size),
#define FI_TYPE_ROW_RANGE(type, name, class, physical, size, min, max) \
    [FIRN_TYPE_##type] = {min, max},

/* The row of a type; that of null for a number that is no type. */
static inline unsigned
fi_type_row(firn_type type)
{
    return (unsigned)type <= FIRN_TYPE_MAX ? (unsigned)type : FIRN_TYPE_NULL;
}

/* Whether a column can have it. */
static inline bool
fi_type_is_valid(firn_type type)
{
    return (unsigned)type >= FIRN_TYPE_BOOL && (unsigned)type <= FIRN_TYPE_MAX;
}

static inline enum fi_type_class
fi_type_class_of(firn_type type)
{
    static const uint8_t classes[] = {FI_TYPE_ROWS(FI_TYPE_ROW_CLASS)};
    _Static_assert(sizeof classes == FIRN_TYPE_MAX + 1, "each type has a row");
    return (enum fi_type_class)classes[fi_type_row(type)];
}

static inline enum fi_physical
fi_physical_of(firn_type type)
{
    static const uint8_t kinds[] = {FI_TYPE_ROWS(FI_TYPE_ROW_PHYSICAL)};
    return (enum fi_physical)kinds[fi_type_row(type)];
}

/* The bytes of one value in memory; 0: another number for each value, or each column. */
static inline uint32_t
fi_type_size(firn_type type)
{
    static const uint8_t sizes[] = {FI_TYPE_ROWS(FI_TYPE_ROW_SIZE)};
    return sizes[fi_type_row(type)];
}

static inline bool
fi_type_is_unsigned(firn_type type)
{
    return fi_type_class_of(type) == FI_TYPE_CLASS_UNSIGNED;
}

static inline bool
fi_type_is_integer(firn_type type)
{
    return fi_type_class_of(type) == FI_TYPE_CLASS_SIGNED || fi_type_is_unsigned(type);
}

static inline bool
fi_type_is_float(firn_type type)
{
    return fi_type_class_of(type) == FI_TYPE_CLASS_FLOAT;
}

/* Whether it can be added and compared with every other such type. */
static inline bool
fi_type_is_number(firn_type type)
{
    return fi_type_is_integer(type) || fi_type_is_float(type) ||
           fi_type_class_of(type) == FI_TYPE_CLASS_DECIMAL;
}

static inline bool
fi_type_is_time(firn_type type)
{
    return fi_type_class_of(type) == FI_TYPE_CLASS_TIME;
}

static inline bool
fi_type_has_bytes(firn_type type)
{
    return fi_physical_of(type) == FI_PHYSICAL_BYTES;
}

/* Whether values can be sorted, and be in keys. */
static inline bool
fi_type_has_order(firn_type type)
{
    return fi_type_is_valid(type) && fi_type_class_of(type) != FI_TYPE_CLASS_VECTOR;
}

/* Whether a value's text is in quotes in JSON, and where values stand beside other words. */
static inline bool
fi_type_has_quotes(firn_type type)
{
    switch (fi_type_class_of(type)) {
    case FI_TYPE_CLASS_NULL:
    case FI_TYPE_CLASS_BOOL:
    case FI_TYPE_CLASS_SIGNED:
    case FI_TYPE_CLASS_UNSIGNED:
    case FI_TYPE_CLASS_FLOAT:
    case FI_TYPE_CLASS_DECIMAL:
    case FI_TYPE_CLASS_VECTOR:
        return false;
    case FI_TYPE_CLASS_TIME:
    case FI_TYPE_CLASS_TEXT:
    case FI_TYPE_CLASS_BLOB:
    case FI_TYPE_CLASS_FIXED:
        break;
    }
    return true;
}

/* Of what is stored as bytes: how many all values of a column have; 0: each its own number. */
static inline uint32_t
fi_type_bytes_size(firn_type type, uint32_t dimensions)
{
    return fi_type_class_of(type) == FI_TYPE_CLASS_VECTOR ? dimensions * (uint32_t)sizeof(float)
           : fi_type_has_bytes(type)                      ? fi_type_size(type)
                                                          : 0;
}

/* Ten to a power. Requires: exponent <= 19. */
static inline uint64_t
fi_type_power(uint32_t exponent)
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

struct fi_type_range {
    int64_t min;
    uint64_t max;
};
/* The least and the largest number of a column whose values are stored as whole numbers. */
static inline struct fi_type_range
fi_type_range_of(firn_type type, uint32_t precision)
{
    static const struct fi_type_range ranges[] = {FI_TYPE_ROWS(FI_TYPE_ROW_RANGE)};
    if (type == FIRN_TYPE_DECIMAL) {
        const uint64_t most = fi_type_power(precision) - 1;
        return (struct fi_type_range){-(int64_t)most, most};
    }
    return ranges[fi_type_row(type)];
}

/* "i64", "decimal(12, 2)", "vector(3)"; returns out. A precision of 0: without numbers. */
enum { FI_TYPE_TEXT_SIZE = 40 };
static inline const char *
fi_type_text(firn_type type, uint32_t precision, uint32_t scale, uint32_t dimensions,
             char out[FI_TYPE_TEXT_SIZE])
{
    static const char names[][10] = {FI_TYPE_ROWS(FI_TYPE_ROW_NAME)};
    const char *name = names[fi_type_row(type)];
    if (type == FIRN_TYPE_DECIMAL && precision > 0) {
        (void)snprintf(out, FI_TYPE_TEXT_SIZE, "%.10s(%u, %u)", name, precision, scale);
    } else if (type == FIRN_TYPE_VECTOR) {
        (void)snprintf(out, FI_TYPE_TEXT_SIZE, "%.10s(%u)", name, dimensions);
    } else {
        (void)snprintf(out, FI_TYPE_TEXT_SIZE, "%.10s", name);
    }
    return out;
}

/* The type that a word names in a definition or a cast, in any case; FIRN_TYPE_NULL: none. */
firn_type fi_type_named(firn_slice word);

#endif
