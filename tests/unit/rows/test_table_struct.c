/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: rows as structs of a program: every type of member, nulls, packed structs, numbers that do not fit, and
 * layouts that cannot be meant.
 */
#include "firn/firn.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_ok.h"

static firn_error err;

/* Packed: most members are not aligned. */
struct __attribute__((packed)) all {
    int64_t id;
    bool truth;
    int8_t i8;
    int16_t i16;
    int32_t i32;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    float f32;
    double f64;
    int64_t price;
    int64_t born;
    int64_t seen;
    firn_slice name;
    firn_slice data;
    firn_slice uuid;
    bool has_no_name;
    bool has_no_price;
    uint8_t rest; /* of no column */
};
#define MEMBER(member, type)                                                \
    {                                                                       \
#member, offsetof(struct all, member), type, FIRN_STRUCT_NEVER_NULL \
    }

static const char definition[] =
    "id i64 auto primary key, truth bool, i8 i8, i16 i16, i32 i32, u8 u8, u16 u16, u32 u32, u64 "
    "u64, "
    "f32 f32, f64 f64, price decimal(8, 2), born date, seen timestamp, name text, data blob, "
    "uuid uuid, more i32 default 7, index by_name (name)";
static const firn_struct_member members[] = {
    MEMBER(id, FIRN_TYPE_I64),
    MEMBER(truth, FIRN_TYPE_BOOL),
    MEMBER(i8, FIRN_TYPE_I8),
    MEMBER(i16, FIRN_TYPE_I16),
    MEMBER(i32, FIRN_TYPE_I32),
    MEMBER(u8, FIRN_TYPE_U8),
    MEMBER(u16, FIRN_TYPE_U16),
    MEMBER(u32, FIRN_TYPE_U32),
    MEMBER(u64, FIRN_TYPE_U64),
    MEMBER(f32, FIRN_TYPE_F32),
    MEMBER(f64, FIRN_TYPE_F64),
    {"price", offsetof(struct all, price), FIRN_TYPE_DECIMAL, offsetof(struct all, has_no_price)},
    MEMBER(born, FIRN_TYPE_DATE),
    MEMBER(seen, FIRN_TYPE_TIMESTAMP),
    {"name", offsetof(struct all, name), FIRN_TYPE_TEXT, offsetof(struct all, has_no_name)},
    MEMBER(data, FIRN_TYPE_BLOB),
    MEMBER(uuid, FIRN_TYPE_UUID)};
static const firn_struct_layout layout = FIRN_STRUCT_LAYOUT(struct all, members);

static firn_store *store;
static firn_table *table;
static firn_row *row;

static int
set_up(void **state)
{
    firn_table_def *def;
    OK(firn_store_open_memory(64 << 20, NULL, &store, &err));
    OK(firn_table_def_parse(definition, &def, &err));
    OK(firn_table_create(store, "t", def, &table, &err));
    firn_release(def);
    OK(firn_row_create(&row, &err));
    return 0;
}

static int
tear_down(void **state)
{
    firn_row_destroy(row);
    OK(firn_store_close(store, &err));
    return 0;
}

/* The smallest numbers of all types, or the largest ones. */
static struct all
make(bool largest)
{
    const struct all out = {.id = 1,
                            .truth = largest,
                            .i8 = largest ? INT8_MAX : INT8_MIN,
                            .i16 = largest ? INT16_MAX : INT16_MIN,
                            .i32 = largest ? INT32_MAX : INT32_MIN,
                            .u8 = largest ? UINT8_MAX : 0,
                            .u16 = largest ? UINT16_MAX : 0,
                            .u32 = largest ? UINT32_MAX : 0,
                            .u64 = largest ? UINT64_MAX : 0,
                            .f32 = largest ? 1.5f : -0.0f,
                            .f64 = largest ? 1e308 : -1e-308,
                            .price = largest ? 99999999 : -99999999,
                            .born = largest ? 20000 : -20000,
                            .seen = largest ? 1 : -1,
                            .name = firn_str(largest ? "name" : ""),
                            .data = firn_bytes("\0\xff", largest ? 2 : 0),
                            .uuid = firn_str("0123456789abcdef")};
    return out;
}

static void
check_equal(const struct all *got, const struct all *wanted)
{
    const size_t numbers = offsetof(struct all, name);
    assert_memory_equal(got, wanted, numbers);
    const firn_slice texts[][2] = {
        {got->name, wanted->name}, {got->data, wanted->data}, {got->uuid, wanted->uuid}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(texts[i][0].size, texts[i][1].size);
        if (texts[i][0].size > 0) {
            assert_memory_equal(texts[i][0].data, texts[i][1].data, texts[i][0].size);
        }
    }
    assert_int_equal(got->has_no_name, wanted->has_no_name);
    assert_int_equal(got->has_no_price, wanted->has_no_price);
}

static void
structs_come_back_as_they_were(void **state)
{
    const firn_value key = firn_i64(1);
    firn_row_options write = FIRN_ROW_OPTIONS_INIT;
    firn_read_options read = FIRN_READ_OPTIONS_INIT;
    for (int i = 0; i < 2; i++) {
        struct all given = make(i == 1);
        struct all got;
        OK(firn_table_upsert_struct(table, NULL, &layout, &given, &err));
        memset(&got, 0x5a, sizeof got);
        OK(firn_table_get_struct(table, NULL, &key, 1, &layout, row, &got, &err));
        check_equal(&got, &given);
        assert_int_equal(got.rest, 0x5a);
        /* Null: zeroes, whatever the member had. */
        given.has_no_name = true;
        given.has_no_price = true;
        OK(firn_txn_begin(store, NULL, &write.txn, &err));
        read.txn = write.txn;
        OK(firn_table_upsert_struct(table, &write, &layout, &given, &err));
        OK(firn_table_get_struct(table, &read, &key, 1, &layout, row, &got, &err));
        assert_true(got.has_no_name && got.has_no_price);
        assert_int_equal(got.price, 0);
        assert_null(got.name.data);
        OK(firn_txn_rollback(write.txn, &err));
        firn_txn_close(write.txn);
        OK(firn_table_get_struct(table, NULL, &key, 1, &layout, row, &got, &err));
        assert_false(got.has_no_name || got.has_no_price);
    }
    struct all given = make(false);
    FAILS(firn_table_insert_struct(table, NULL, &layout, &given, &err), FIRN_EXISTS, "key");
    OK(firn_table_get(table, NULL, &key, 1, row, &err));
    assert_int_equal(firn_row_values(row)[17].as.i64, 7); /* a column without a member */
}

/* One column into members of other types. */
static void
numbers_fit_their_members_or_are_refused(void **state)
{
    static const struct {
        const char *column;
        firn_type type;
        int code;
    } cases[] = {{"i8", FIRN_TYPE_I64, FIRN_OK},
                 {"i8", FIRN_TYPE_U64, FIRN_LIMIT},
                 {"i16", FIRN_TYPE_I8, FIRN_LIMIT},
                 {"i32", FIRN_TYPE_I32, FIRN_OK},
                 {"u8", FIRN_TYPE_I8, FIRN_OK},
                 {"u8", FIRN_TYPE_U16, FIRN_OK},
                 {"f32", FIRN_TYPE_F64, FIRN_OK},
                 {"f64", FIRN_TYPE_F32, FIRN_INVALID},
                 {"price", FIRN_TYPE_I64, FIRN_INVALID},
                 {"i32", FIRN_TYPE_F64, FIRN_INVALID},
                 {"born", FIRN_TYPE_TIMESTAMP, FIRN_INVALID},
                 {"name", FIRN_TYPE_BLOB, FIRN_INVALID},
                 {"truth", FIRN_TYPE_U8, FIRN_INVALID},
                 {"nothing", FIRN_TYPE_I8, FIRN_NOT_FOUND}};
    const firn_value key = firn_i64(1);
    struct all given = make(false);
    OK(firn_table_insert_struct(table, NULL, &layout, &given, &err));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        firn_slice out = {NULL, 0};
        const firn_struct_member one[] = {
            {cases[i].column, 0, cases[i].type, FIRN_STRUCT_NEVER_NULL}};
        const firn_struct_layout other = FIRN_STRUCT_LAYOUT(firn_slice, one);
        int rc = firn_table_get_struct(table, NULL, &key, 1, &other, row, &out, &err);
        assert_int_equal(rc, cases[i].code);
    }
    /* 255 does not fit int8_t, 2^64 - 1 no int64_t. */
    given = make(true);
    OK(firn_table_upsert_struct(table, NULL, &layout, &given, &err));
    const firn_struct_member u8[] = {{"u8", 0, FIRN_TYPE_I8, FIRN_STRUCT_NEVER_NULL}};
    const firn_struct_member u64[] = {{"u64", 0, FIRN_TYPE_I64, FIRN_STRUCT_NEVER_NULL}};
    const firn_struct_layout of_u8 = FIRN_STRUCT_LAYOUT(int64_t, u8);
    const firn_struct_layout of_u64 = FIRN_STRUCT_LAYOUT(int64_t, u64);
    int64_t out;
    FAILS(firn_table_get_struct(table, NULL, &key, 1, &of_u8, row, &out, &err), FIRN_LIMIT, "u8");
    FAILS(firn_table_get_struct(table, NULL, &key, 1, &of_u64, row, &out, &err), FIRN_LIMIT, "u64");
}

static void
layouts_that_cannot_be_meant_are_refused(void **state)
{
    static const firn_struct_member wrong[][1] = {
        {{"id", 1, FIRN_TYPE_I64, FIRN_STRUCT_NEVER_NULL}},
        {{"id", SIZE_MAX - 3, FIRN_TYPE_I64, FIRN_STRUCT_NEVER_NULL}},
        {{"id", 0, FIRN_TYPE_NULL, FIRN_STRUCT_NEVER_NULL}},
        {{"id", 0, FIRN_TYPE_I64, 8}},
        {{NULL, 0, FIRN_TYPE_I64, FIRN_STRUCT_NEVER_NULL}}};
    const firn_value key = firn_i64(1);
    const char *const columns[] = {"id"};
    int64_t out = 0;
    firn_row_options write = FIRN_ROW_OPTIONS_INIT;
    firn_read_options read = FIRN_READ_OPTIONS_INIT;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const firn_struct_layout other = FIRN_STRUCT_LAYOUT(int64_t, wrong[i]);
        FAILS(firn_table_get_struct(table, NULL, &key, 1, &other, row, &out, &err), FIRN_INVALID,
              "column");
        FAILS(firn_table_insert_struct(table, NULL, &other, &out, &err), FIRN_INVALID, "column");
    }
    firn_struct_layout none = layout;
    none.member_count = 0;
    FAILS(firn_table_upsert_struct(table, NULL, &none, &out, &err), FIRN_INVALID, "members");
    none = layout;
    none.member_size--;
    FAILS(firn_table_upsert_struct(table, NULL, &none, &out, &err), FIRN_INVALID, "LAYOUT");
    struct all given = make(true);
    write.columns = columns;
    read.columns = columns;
    read.column_count = 1;
    FAILS(firn_table_insert_struct(table, &write, &layout, &given, &err), FIRN_INVALID, "layout");
    FAILS(firn_table_get_struct(table, &read, &key, 1, &layout, row, &given, &err), FIRN_INVALID,
          "layout");
    FAILS(firn_table_get_struct(table, NULL, &key, 1, &layout, NULL, &given, &err), FIRN_INVALID,
          "row");
    FAILS(firn_table_insert_struct(table, NULL, NULL, &given, &err), FIRN_INVALID, "layout");
    /* A null without a bool to say so. */
    const firn_value values[] = {firn_i64(2)};
    OK(firn_table_insert(table, &write, values, 1, &err));
    FAILS(firn_table_get_struct(table, NULL, values, 1, &layout, row, &given, &err), FIRN_INVALID,
          "is null");
}

static void
structs_bear_failed_allocations(void **state)
{
    const firn_value key = firn_i64(1);
    uint64_t i = 1;
    bool was_reached = true;
    test_alloc_install();
    (void)set_up(NULL);
    const struct all given = make(true);
    OK(firn_table_insert_struct(table, NULL, &layout, &given, &err));
    for (; was_reached; i++) {
        struct all got;
        test_alloc_fail_at(i, false);
        int rc = firn_table_upsert_struct(table, NULL, &layout, &given, &err);
        rc = rc == FIRN_OK ? firn_table_get_struct(table, NULL, &key, 1, &layout, row, &got, &err)
                           : rc;
        was_reached = test_alloc_calls() >= i;
        test_alloc_fail_at(0, false);
        assert_true(rc == FIRN_OK || (was_reached && rc == FIRN_NO_MEMORY));
        OK(firn_table_get_struct(table, NULL, &key, 1, &layout, row, &got, &err));
        check_equal(&got, &given);
    }
    assert_true(i > 4);
    (void)tear_down(NULL);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(structs_come_back_as_they_were),
        TEST(numbers_fit_their_members_or_are_refused),
        TEST(layouts_that_cannot_be_meant_are_refused),
        cmocka_unit_test(structs_bear_failed_allocations),
    };
    return cmocka_run_group_tests_name("table_struct", tests, NULL, NULL);
}
