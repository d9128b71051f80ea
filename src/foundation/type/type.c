/* SPDX-License-Identifier: Apache-2.0
 *
 * type/type.c: types by their names. Each has the one that type.h states, and is also found by
 * some that other databases use.
 */
#include "type/type.h"

#include "base/slice.h"

const char *
firn_type_name(firn_type type)
{
    static const char names[][10] = {FI_TYPE_ROWS(FI_TYPE_ROW_NAME)};
    return (unsigned)type > FIRN_TYPE_MAX ? NULL : names[type];
}

firn_type
fi_type_named(firn_slice word)
{
    static const struct {
        char name[10];
        uint8_t type;
    } others[] = {
        {"boolean", FIRN_TYPE_BOOL},    {"tinyint", FIRN_TYPE_I8},
        {"smallint", FIRN_TYPE_I16},    {"int16", FIRN_TYPE_I16},
        {"int", FIRN_TYPE_I32},         {"integer", FIRN_TYPE_I32},
        {"int32", FIRN_TYPE_I32},       {"bigint", FIRN_TYPE_I64},
        {"int64", FIRN_TYPE_I64},       {"uint8", FIRN_TYPE_U8},
        {"uint16", FIRN_TYPE_U16},      {"uint32", FIRN_TYPE_U32},
        {"uint64", FIRN_TYPE_U64},      {"real", FIRN_TYPE_F32},
        {"float32", FIRN_TYPE_F32},     {"float", FIRN_TYPE_F64},
        {"double", FIRN_TYPE_F64},      {"float64", FIRN_TYPE_F64},
        {"numeric", FIRN_TYPE_DECIMAL}, {"datetime", FIRN_TYPE_TIMESTAMP},
        {"varchar", FIRN_TYPE_TEXT},    {"string", FIRN_TYPE_TEXT},
        {"bytea", FIRN_TYPE_BLOB},
    };
    for (int type = FIRN_TYPE_BOOL; type <= FIRN_TYPE_MAX; type++) {
        if (fi_slice_is_word(word, firn_type_name((firn_type)type))) {
            return (firn_type)type;
        }
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (fi_slice_is_word(word, others[i].name)) {
            return (firn_type)others[i].type;
        }
    }
    return FIRN_TYPE_NULL;
}
