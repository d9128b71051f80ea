/* SPDX-License-Identifier: Apache-2.0
 *
 * api/table_struct_api.c: rows as structs of the program: members at offsets become values, and
 * values members. firn_table_get and the others read and write the rows, and check everything else.
 *
 * Members are copied byte by byte, so a packed struct needs no alignment.
 */
#include "api/api_check.h"
#include "api/api_options.h"
#include "base/check.h"
#include "base/mem.h"
#include "firn/table.h"
#include "type/type.h"

/* The bytes of a member of a type; 0: members cannot have that type. */
static size_t
size_of(firn_type type)
{
    return fi_type_has_bytes(type) ? sizeof(firn_slice) : fi_type_size(type);
}

static bool
is_inside(const firn_struct_layout *layout, size_t offset, size_t size)
{
    return size <= layout->struct_size && offset <= layout->struct_size - size;
}

static int
check_layout(const firn_struct_layout *layout, firn_error *err)
{
    API_REQUIRE(layout->size == sizeof *layout && layout->member_size == sizeof *layout->members,
                err, "the layout must begin as FIRN_STRUCT_LAYOUT has it");
    API_REQUIRE(layout->members != NULL && layout->member_count > 0 &&
                    layout->member_count <= FIRN_TABLE_COLUMNS_MAX,
                err, "a layout has 1 to 1,024 members");
    for (size_t i = 0; i < layout->member_count; i++) {
        const firn_struct_member *member = &layout->members[i];
        size_t size = size_of(member->type);
        API_REQUIRE(member->column != NULL, err, "names of columns must not be NULL");
        if (size == 0 || !is_inside(layout, member->offset, size) ||
            (member->null_offset != FIRN_STRUCT_NEVER_NULL &&
             !is_inside(layout, member->null_offset, sizeof(bool)))) {
            return fi_error_set(err, FIRN_INVALID,
                                "the member of column '%s' has no type, or is not in the struct",
                                member->column);
        }
    }
    return FIRN_OK;
}

/* ---- members and values ---- */

static firn_value
value_of(const firn_struct_member *member, const unsigned char *from)
{
    firn_value value = firn_null();
    bool is_null = false;
    if (member->null_offset != FIRN_STRUCT_NEVER_NULL) {
        memcpy(&is_null, from + member->null_offset, sizeof is_null);
    }
    if (is_null) {
        return value;
    }
    const unsigned char *at = from + member->offset;
    const size_t size = size_of(member->type);
    const enum fi_physical kind = fi_physical_of(member->type);
    int8_t i8;
    int16_t i16;
    int32_t i32;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    value.type = member->type;
    if (member->type == FIRN_TYPE_BOOL || size >= sizeof value.as.u64 || kind == FI_PHYSICAL_F32) {
        memcpy(&value.as, at, size); /* the value has the same form as the member */
    } else if (kind == FI_PHYSICAL_I64) {
        memcpy(size == 1 ? (void *)&i8 : size == 2 ? (void *)&i16 : &i32, at, size);
        value.as.i64 = size == 1 ? i8 : size == 2 ? i16 : i32;
    } else {
        memcpy(size == 1 ? (void *)&u8 : size == 2 ? (void *)&u16 : &u32, at, size);
        value.as.u64 = size == 1 ? u8 : size == 2 ? u16 : u32;
    }
    return value;
}

static int
refuse_type(const firn_struct_member *member, const firn_value *value, firn_error *err)
{
    return fi_error_set(err, FIRN_INVALID, "the member of column '%s' is %s, and the column is %s",
                        member->column, firn_type_name(member->type), firn_type_name(value->type));
}

/* Whether values are stored as whole numbers, which members of several sizes hold. */
static bool
is_whole(firn_type type)
{
    const enum fi_physical kind = fi_physical_of(type);
    return type != FIRN_TYPE_BOOL && (kind == FI_PHYSICAL_I64 || kind == FI_PHYSICAL_U64);
}

static int
put_integer(const firn_struct_member *member, const firn_value *value, unsigned char *at,
            firn_error *err)
{
    bool was_signed = fi_physical_of(value->type) == FI_PHYSICAL_I64;
    bool is_signed = fi_physical_of(member->type) == FI_PHYSICAL_I64;
    unsigned bits = 8 * (unsigned)size_of(member->type);
    CHECK(bits >= 8 && bits <= 64);
    uint64_t largest = UINT64_MAX >> (64 - bits + (is_signed ? 1 : 0));
    bool is_negative = was_signed && value->as.i64 < 0;
    bool fits = is_negative ? is_signed && value->as.i64 >= -(int64_t)largest - 1
                            : value->as.u64 <= largest;
    if (!fits) {
        return fi_error_set(err, FIRN_LIMIT, "a number of column '%s' does not fit its member, %s",
                            member->column, firn_type_name(member->type));
    }
    uint8_t u8 = (uint8_t)value->as.u64;
    uint16_t u16 = (uint16_t)value->as.u64;
    uint32_t u32 = (uint32_t)value->as.u64;
    const void *from = bits == 8    ? (const void *)&u8
                       : bits == 16 ? (const void *)&u16
                       : bits == 32 ? (const void *)&u32
                                    : (const void *)&value->as.u64;
    memcpy(at, from, bits / 8);
    return FIRN_OK;
}

static int
put_member(const firn_struct_member *member, const firn_value *value, unsigned char *out,
           firn_error *err)
{
    bool is_null = firn_is_null(*value);
    unsigned char *at = out + member->offset;
    if (member->null_offset != FIRN_STRUCT_NEVER_NULL) {
        memcpy(out + member->null_offset, &is_null, sizeof is_null);
    } else if (is_null) {
        return fi_error_set(err, FIRN_INVALID,
                            "column '%s' is null, and its member has no null_offset",
                            member->column);
    }
    if (is_null) {
        memset(at, 0, size_of(member->type));
        return FIRN_OK;
    }
    if (value->type == member->type
            ? is_whole(member->type)
            : fi_type_is_integer(value->type) && fi_type_is_integer(member->type)) {
        return put_integer(member, value, at, err);
    }
    if (value->type == FIRN_TYPE_F32 && member->type == FIRN_TYPE_F64) {
        double wide = (double)value->as.f32;
        memcpy(at, &wide, sizeof wide);
        return FIRN_OK;
    }
    if (value->type != member->type) {
        return refuse_type(member, value, err);
    }
    DCHECK(size_of(member->type) <= sizeof value->as);
    memcpy(at, &value->as, size_of(member->type));
    return FIRN_OK;
}

/* ---- rows ---- */

/* The names of the columns, and room for as many values; the caller frees *out_names. */
static int
table_struct_api_prepare(const firn_struct_layout *layout, const char ***out_names,
                         firn_value **out_values, firn_error *err)
{
    size_t count = layout->member_count;
    unsigned char *memory = fi_alloc_array(count, sizeof(firn_value) + sizeof(const char *));
    if (memory == NULL) {
        return fi_error_no_memory(err, "a row");
    }
    *out_values = (firn_value *)(void *)memory;
    *out_names = (const char **)(void *)(memory + count * sizeof(firn_value));
    for (size_t i = 0; i < count; i++) {
        (*out_names)[i] = layout->members[i].column;
    }
    return FIRN_OK;
}

static int
write_struct(firn_table *table,
             int (*write)(firn_table *table, const firn_row_options *options,
                          const firn_value *values, size_t count, firn_error *err),
             const firn_row_options *options, const firn_struct_layout *layout, const void *from,
             firn_error *err)
{
    firn_row_options given = FIRN_ROW_OPTIONS_INIT;
    const char **names;
    firn_value *values;
    API_REQUIRE(table != NULL && layout != NULL && from != NULL, err,
                "table, layout and the struct must not be NULL");
    int rc = check_layout(layout, err);
    if (rc == FIRN_OK) {
        rc = fi_api_options_read(&given, sizeof given, options, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    API_REQUIRE(given.columns == NULL, err, "the layout says which columns are written");
    rc = table_struct_api_prepare(layout, &names, &values, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (size_t i = 0; i < layout->member_count; i++) {
        values[i] = value_of(&layout->members[i], from);
    }
    given.columns = names;
    rc = write(table, &given, values, layout->member_count, err);
    fi_free(values);
    return rc;
}

int
firn_table_insert_struct(firn_table *table, const firn_row_options *options,
                         const firn_struct_layout *layout, const void *from, firn_error *err)
{
    API_ANY_ERROR(err);
    return api_check_told(write_struct(table, firn_table_insert, options, layout, from, err), err);
}

int
firn_table_upsert_struct(firn_table *table, const firn_row_options *options,
                         const firn_struct_layout *layout, const void *from, firn_error *err)
{
    API_ANY_ERROR(err);
    return api_check_told(write_struct(table, firn_table_upsert, options, layout, from, err), err);
}

int
firn_table_get_struct(firn_table *table, const firn_read_options *options, const firn_value *key,
                      size_t key_count, const firn_struct_layout *layout, firn_row *row, void *out,
                      firn_error *err)
{
    API_ANY_ERROR(err);
    firn_read_options given = FIRN_READ_OPTIONS_INIT;
    const char **names;
    firn_value *values;
    API_REQUIRE(layout != NULL && out != NULL, err, "layout and out must not be NULL");
    int rc = check_layout(layout, err);
    if (rc == FIRN_OK) {
        rc = fi_api_options_read(&given, sizeof given, options, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    API_REQUIRE(given.columns == NULL && given.column_count == 0, err,
                "the layout says which columns are read");
    rc = table_struct_api_prepare(layout, &names, &values, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    given.columns = names;
    given.column_count = layout->member_count;
    rc = firn_table_get(table, &given, key, key_count, row, err);
    for (size_t i = 0; i < layout->member_count && rc == FIRN_OK; i++) {
        rc = put_member(&layout->members[i], &firn_row_values(row)[i], out, err);
    }
    fi_free(values);
    return api_check_told(rc, err);
}
