/* SPDX-License-Identifier: Apache-2.0
 *
 * tuple/type.c: the names of the types of columns; its interface is include/firn/value.h.
 *
 * They are the words used in definitions of tables (firn/table.h) and in messages.
 */
#include "firn/value.h"

#include <stddef.h>

const char *
firn_type_name(firn_type type)
{
    static const char names[FIRN_TYPE_MAX + 1][10] = {
        [FIRN_TYPE_NULL] = "null",
        [FIRN_TYPE_BOOL] = "bool",
        [FIRN_TYPE_I8] = "i8",
        [FIRN_TYPE_I16] = "i16",
        [FIRN_TYPE_I32] = "i32",
        [FIRN_TYPE_I64] = "i64",
        [FIRN_TYPE_U8] = "u8",
        [FIRN_TYPE_U16] = "u16",
        [FIRN_TYPE_U32] = "u32",
        [FIRN_TYPE_U64] = "u64",
        [FIRN_TYPE_F32] = "f32",
        [FIRN_TYPE_F64] = "f64",
        [FIRN_TYPE_DECIMAL] = "decimal",
        [FIRN_TYPE_DATE] = "date",
        [FIRN_TYPE_TIMESTAMP] = "timestamp",
        [FIRN_TYPE_TEXT] = "text",
        [FIRN_TYPE_BLOB] = "blob",
        [FIRN_TYPE_UUID] = "uuid",
        [FIRN_TYPE_VECTOR] = "vector",
    };
    return (unsigned)type > FIRN_TYPE_MAX ? NULL : names[type];
}
