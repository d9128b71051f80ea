/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/schema: what makes a table, and its record (docs/formats/schema.md).
 */
#include "base/mem.h"
#include "base/slice.h"
#include "column/column.h"
#include "schema_support.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"

static void
a_definition_makes_a_schema(void **state)
{
    struct fi_schema *schema =
        schema_of("a text, id i64, price decimal(12, 2) not null default 9.95, emb vector(3), "
                  "primary key (id), unique index by_a (a, price), index by_price (price)");
    assert_int_equal(schema->version, 1);
    assert_int_equal(schema->next_column, 5);
    assert_int_equal(schema->next_index, 3);
    assert_int_equal(schema->column_count, 4);
    assert_int_equal(schema->key_count, 1);
    assert_int_equal(schema->key[0], 2);
    assert_int_equal(schema->key_places[0], 1);
    assert_true(schema->columns[1].is_key && !schema->columns[1].is_nullable);
    assert_true(!schema->columns[0].is_key && schema->columns[0].is_nullable);
    assert_int_equal(schema->columns[2].default_value.as.i64, 995);
    assert_int_equal(schema->columns[2].initial.kind, FI_PHYSICAL_NONE);
    assert_int_equal(schema->columns[3].fixed_size, 12);
    assert_string_equal((const char *)schema->columns[3].name.data, "emb");
    assert_int_equal(schema->index_count, 2);
    assert_int_equal(schema->indexes[0].places[1], 2);
    assert_true(schema->indexes[0].is_unique && !schema->indexes[1].is_unique);
    assert_ptr_equal(fi_schema_find(schema, firn_str("price")), &schema->columns[2]);
    assert_null(fi_schema_find(schema, firn_str("Price")));
    assert_ptr_equal(fi_schema_find_id(schema, 4), &schema->columns[3]);
    assert_null(fi_schema_find_id(schema, 5));
    assert_null(fi_schema_find_id(schema, 0));
    assert_ptr_equal(fi_schema_find_index(schema, firn_str("by_price")), &schema->indexes[1]);
    assert_null(fi_schema_find_index(schema, firn_str("price")));
    fi_schema_ref(schema);
    fi_schema_unref(schema);
    assert_int_equal(schema->column_count, 4);
    fi_schema_unref(schema);
    fi_schema_unref(NULL);
}

static void
what_makes_no_table_is_refused(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *says;
    } bad[] = {
        {"a i64", FIRN_INVALID, "primary key"},
        {"a i64, b i64 null, a text, primary key (b)", FIRN_EXISTS, "a"},
        {"a i64, primary key (b)", FIRN_NOT_FOUND, "b"},
        {"a i64, primary key (a, a)", FIRN_INVALID, "twice"},
        {"a vector(2), primary key (a)", FIRN_INVALID, "no order"},
        {"a decimal(19, 0) primary key", FIRN_INVALID, "18"},
        {"a decimal(3, 4) primary key", FIRN_INVALID, "(3, 4)"},
        {"a decimal(0) primary key", FIRN_INVALID, "(0, 0)"},
        {"a i64 primary key, b vector(0)", FIRN_INVALID, "65535"},
        {"a i64 primary key, b vector(65536)", FIRN_INVALID, "65535"},
        {"a text auto primary key", FIRN_INVALID, "auto"},
        {"a i64 auto, b i64, primary key (a, b)", FIRN_INVALID, "auto"},
        {"a i64, b i64 auto, primary key (a)", FIRN_INVALID, "auto"},
        {"a i64 auto default 3 primary key", FIRN_INVALID, "auto"},
        {"a i8 primary key, b i8 default 128", FIRN_LIMIT, "128"},
        {"a i8 primary key, b i8 default 'x'", FIRN_INVALID, "'x'"},
        {"a i8 primary key, b bool default 1", FIRN_INVALID, "bool"},
        {"a i8 primary key, b vector(1) default x'0000c07f'", FIRN_INVALID, "NaN"},
        {"a i8 primary key, b vector(2) default x'00000000'", FIRN_INVALID,
         "vector of 1 number where 2 are needed"},
        {"a i8 primary key, index i (a), unique index i (a)", FIRN_EXISTS, "i"},
        {"a i8 primary key, index i (b)", FIRN_NOT_FOUND, "b"},
        {"a i8 primary key, v vector(1), index i (v)", FIRN_INVALID, "no order"},
        {"a i8 primary key, index i (a, a)", FIRN_INVALID, "index i has column a twice"},
        {"\"\x01\" i8 primary key", FIRN_INVALID, "name"},
        {"\"\xc2\x85\" i8 primary key", FIRN_INVALID, "name"},
        {"\"\xff\" i8 primary key", FIRN_INVALID, "name"},
        {"a i8 primary key, index \"\x7f\" (a)", FIRN_INVALID, "name"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fi_schema *schema = NULL;
        firn_table_def *def = NULL;
        firn_error err;
        assert_int_equal(firn_table_def_parse(bad[i].text, &def, &err), FIRN_OK);
        assert_int_equal(fi_schema_def_create(def, &schema, &err), bad[i].code);
        assert_int_equal(err.code, bad[i].code);
        if (strstr(err.text, bad[i].says) == NULL) {
            fail_msg("%s: %s", bad[i].text, err.text);
        }
        assert_null(schema);
        fi_free(def);
    }
}

static void
limits_are_reached_and_not_passed(void **state)
{
    enum { COLUMNS = FIRN_TABLE_COLUMNS_MAX + 1 };
    static char names[COLUMNS][8];
    static firn_table_column columns[COLUMNS];
    static firn_table_index indexes[FIRN_TABLE_INDEXES_MAX + 1];
    const char *key[FIRN_TABLE_KEY_COLUMNS_MAX + 1];
    firn_table_def def = FIRN_TABLE_DEF_INIT;
    struct fi_schema *schema;
    char long_name[FIRN_TABLE_NAME_SIZE_MAX + 2];
    firn_error err;
    for (size_t i = 0; i < COLUMNS; i++) {
        (void)snprintf(names[i], sizeof names[i], "c%zu", i);
        columns[i] = (firn_table_column){.name = names[i], .type = FIRN_TYPE_I64};
    }
    for (size_t i = 0; i <= FIRN_TABLE_KEY_COLUMNS_MAX; i++) {
        key[i] = names[i];
    }
    for (size_t i = 0; i <= FIRN_TABLE_INDEXES_MAX; i++) {
        indexes[i] = (firn_table_index){names[i], key, FIRN_TABLE_KEY_COLUMNS_MAX, false};
    }
    def.columns = columns;
    def.column_count = FIRN_TABLE_COLUMNS_MAX;
    def.key = key;
    def.key_count = FIRN_TABLE_KEY_COLUMNS_MAX;
    def.indexes = indexes;
    def.index_count = FIRN_TABLE_INDEXES_MAX;
    memset(long_name, 'n', sizeof long_name);
    long_name[FIRN_TABLE_NAME_SIZE_MAX] = '\0';
    columns[3].name = long_name;
    key[3] = long_name;
    assert_int_equal(fi_schema_def_create(&def, &schema, &err), FIRN_OK);
    struct fi_buf record = {0};
    struct fi_schema *again;
    assert_int_equal(fi_schema_record_encode(schema, &record, &err), FIRN_OK);
    assert_int_equal(fi_schema_record_decode(fi_buf_slice(&record), &again, &err), FIRN_OK);
    assert_true(schema_same(schema, again));
    fi_schema_unref(again);
    struct fi_schema *next;
    const firn_table_column more = {.name = "more", .type = FIRN_TYPE_I8};
    assert_int_equal(fi_schema_change_add_column(schema, &more, &next, &err), FIRN_LIMIT);
    assert_int_equal(
        fi_schema_change_add_index(schema, &(firn_table_index){"more", key, 1, false}, &next, &err),
        FIRN_LIMIT);
    fi_schema_unref(schema);
    def.column_count++;
    assert_int_equal(fi_schema_def_create(&def, &schema, &err), FIRN_LIMIT);
    def.column_count--;
    def.key_count++;
    assert_int_equal(fi_schema_def_create(&def, &schema, &err), FIRN_LIMIT);
    def.key_count--;
    def.index_count++;
    assert_int_equal(fi_schema_def_create(&def, &schema, &err), FIRN_LIMIT);
    def.index_count--;
    indexes[0].column_count++;
    assert_int_equal(fi_schema_def_create(&def, &schema, &err), FIRN_LIMIT);
    indexes[0].column_count = 0;
    assert_int_equal(fi_schema_def_create(&def, &schema, &err), FIRN_INVALID);
    indexes[0].column_count = 1;
    long_name[FIRN_TABLE_NAME_SIZE_MAX] = 'n';
    long_name[FIRN_TABLE_NAME_SIZE_MAX + 1] = '\0';
    assert_int_equal(fi_schema_def_create(&def, &schema, &err), FIRN_INVALID);
    columns[3].name = NULL;
    assert_int_equal(fi_schema_def_create(&def, &schema, &err), FIRN_INVALID);
    fi_buf_deinit(&record);
}

static void
definitions_of_other_versions_are_understood(void **state)
{
    struct wide {
        firn_table_column column;
        uint64_t unknown;
    } wide[2] = {{{.name = "a", .type = FIRN_TYPE_I64}, 0},
                 {{.name = "b", .type = FIRN_TYPE_I8}, 0}};
    const char *key = "b";
    firn_table_def def = FIRN_TABLE_DEF_INIT;
    struct fi_schema *schema;
    firn_error err;
    def.column_size = sizeof wide[0];
    def.columns = &wide[0].column;
    def.column_count = 2;
    def.key = &key;
    def.key_count = 1;
    assert_int_equal(fi_schema_def_create(&def, &schema, &err), FIRN_OK);
    assert_int_equal(schema->columns[1].type, FIRN_TYPE_I8);
    fi_schema_unref(schema);
    wide[1].unknown = 1;
    assert_int_equal(fi_schema_def_create(&def, &schema, &err), FIRN_UNSUPPORTED);
    def.column_size = 8;
    assert_int_equal(fi_schema_def_create(&def, &schema, &err), FIRN_INVALID);
    def.column_size = sizeof wide[0];
    def.size = 0;
    assert_int_equal(fi_schema_def_create(&def, &schema, &err), FIRN_INVALID);
    assert_int_equal(fi_schema_def_create(NULL, &schema, &err), FIRN_INVALID);
    struct {
        firn_table_def def;
        uint64_t unknown;
    } later = {.def = def, .unknown = 0};
    wide[1].unknown = 0;
    later.def.size = sizeof later;
    assert_int_equal(fi_schema_def_create(&later.def, &schema, &err), FIRN_OK);
    fi_schema_unref(schema);
    later.unknown = 1;
    assert_int_equal(fi_schema_def_create(&later.def, &schema, &err), FIRN_UNSUPPORTED);
}

/* ---- the record ---- */

static void
records_are_as_the_specification_says(void **state)
{
    static const char expected[] =
        "\x01\x01\x01"
        "\x03\x01\x04"
        "\x05\x01\x02"
        "\x07\x32"
        "\x0d\x01\x01\x01\x03\x02id\x05\x01\x05\x0b\x01\x02"
        "\x14\x01\x01\x02\x03\x01p\x05\x01\x0c\x07\x02\x04\x02\x0b\x01\x01"
        "\x0d\x02\x01\x0a"
        "\x0e\x01\x01\x03\x03\x02v4\x05\x01\x12\x09\x02\xac\x02"
        "\x09\x01\x01"
        "\x0b\x0f\x0e"
        "\x01\x01\x01\x03\x02up\x05\x02\x02\x01\x07\x01\x01";
    struct fi_schema *schema =
        schema_of("id i64 auto, p decimal(4, 2) default 0.05, v4 vector(300) not null, "
                  "primary key (id), unique index up (p, id)");
    struct fi_buf record = {0};
    assert_int_equal(fi_schema_record_encode(schema, &record, NULL), FIRN_OK);
    assert_int_equal(record.size, sizeof expected - 1);
    assert_memory_equal(record.data, expected, record.size);
    fi_buf_deinit(&record);
    fi_schema_unref(schema);
}

/* What decodes encodes to the same bytes; reads nothing outside of them. */
static int
decode_alone(const uint8_t *data, size_t size)
{
    uint8_t *alone = malloc(size == 0 ? 1 : size);
    struct fi_schema *schema = NULL;
    struct fi_buf again = {0};
    firn_error err;
    err.text[0] = '\0';
    assert_non_null(alone);
    memcpy(alone, data, size);
    int rc = fi_schema_record_decode(firn_bytes(alone, size), &schema, &err);
    memset(alone, 0, size);
    free(alone);
    assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER);
    if (rc == FIRN_OK) {
        assert_int_equal(fi_schema_record_encode(schema, &again, &err), FIRN_OK);
        assert_int_equal(again.size, size);
        assert_memory_equal(again.data, data, size);
    } else {
        assert_null(schema);
        assert_int_equal(err.code, rc);
        assert_true(err.text[0] != '\0');
    }
    fi_buf_deinit(&again);
    fi_schema_unref(schema);
    return rc;
}

static void
records_are_read_as_they_were_written(void **state)
{
    struct test_random random;
    test_random_init(&random, __func__, 20261123);
    for (int round = 0; round < 1000; round++) {
        struct fi_schema *schema = schema_draw(&random, 30);
        struct fi_buf record = {0};
        assert_int_equal(fi_schema_record_encode(schema, &record, NULL), FIRN_OK);
        assert_int_equal(decode_alone(record.data, record.size), FIRN_OK);
        fi_buf_deinit(&record);
        fi_schema_unref(schema);
    }
}

static void
cut_and_flipped_records_are_refused_or_other_schemas(void **state)
{
    struct test_random random;
    test_random_init(&random, __func__, 20261123);
    for (int round = 0; round < 30; round++) {
        struct fi_schema *schema = schema_draw(&random, 6);
        struct fi_buf record = {0};
        assert_int_equal(fi_schema_record_encode(schema, &record, NULL), FIRN_OK);
        for (size_t size = 0; size < record.size; size++) {
            int rc = decode_alone(record.data, size);
            assert_true(rc != FIRN_OK || schema->index_count > 0); /* cut before the indexes */
        }
        for (size_t bit = 0; bit < record.size * 8; bit++) {
            record.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            (void)decode_alone(record.data, record.size);
            record.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        fi_buf_deinit(&record);
        fi_schema_unref(schema);
    }
}

static void
fields_of_newer_versions_are_kept_or_refused(void **state)
{
    static const char head[] = "\x01\x01\x01\x03\x01\x02\x05\x01\x02";
    static const struct {
        const char *column; /* after number, name and type */
        const char *index;  /* after the others */
        const char *rest;
        int code;
    } cases[] = {
        {"", "", "", FIRN_OK},
        {"\x20\x01x\x22\x01y", "\x20\x02yz", "\x30\x01z", FIRN_OK},
        {"\x21\x01x", "", "", FIRN_NEWER},
        {"\x23\x01x", "", "", FIRN_NEWER},
        {"\x11\x01x", "", "", FIRN_NEWER},
        {"\x10\x01x", "", "", FIRN_CORRUPT},
        {"\x22\x01x\x20\x01x", "", "", FIRN_CORRUPT},
        {"\x0b\x01\x04", "", "", FIRN_OK},
        {"\x0b\x01\x08", "", "", FIRN_NEWER},
        {"", "\x21\x01x", "", FIRN_NEWER},
        {"", "\x07\x01\x02", "", FIRN_NEWER},
        {"", "", "\x0d\x01x", FIRN_CORRUPT},
        {"", "", "\x0f\x01x", FIRN_NEWER},
        {"", "", "\x0e\x01x", FIRN_CORRUPT},
        {"", "", "\x31\x01x", FIRN_NEWER},
        {"\x0d\x02\x01\x00", "", "", FIRN_CORRUPT}, /* cut by the NUL: a field without contents */
        {"\x07\x02\x01\x01", "", "", FIRN_CORRUPT}, /* no decimal */
        {"\x09\x01\x01", "", "", FIRN_CORRUPT},     /* no vector */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fi_buf record = {0};
        size_t column = strlen(cases[i].column);
        size_t index = strlen(cases[i].index);
        assert_int_equal(fi_buf_append(&record, head, sizeof head - 1), FIRN_OK);
        const uint8_t of_column[] = {7, (uint8_t)(column + 10), (uint8_t)(column + 9)};
        assert_int_equal(fi_buf_append(&record, of_column, sizeof of_column), FIRN_OK);
        assert_int_equal(fi_buf_append(&record,
                                       "\x01\x01\x01\x03\x01"
                                       "a\x05\x01\x05",
                                       9),
                         FIRN_OK);
        assert_int_equal(fi_buf_append(&record, cases[i].column, column), FIRN_OK);
        assert_int_equal(fi_buf_append(&record, "\x09\x01\x01", 3), FIRN_OK);
        const uint8_t of_index[] = {11, (uint8_t)(index + 10), (uint8_t)(index + 9)};
        assert_int_equal(fi_buf_append(&record, of_index, sizeof of_index), FIRN_OK);
        assert_int_equal(fi_buf_append(&record, "\x01\x01\x01\x03\x01i\x05\x01\x01", 9), FIRN_OK);
        assert_int_equal(fi_buf_append(&record, cases[i].index, index), FIRN_OK);
        assert_int_equal(fi_buf_append_str(&record, cases[i].rest), FIRN_OK);
        assert_int_equal(decode_alone(record.data, record.size), cases[i].code);
        if (cases[i].code == FIRN_OK && column > 3) { /* a change keeps them */
            struct fi_schema *schema;
            struct fi_schema *next;
            assert_int_equal(fi_schema_record_decode(fi_buf_slice(&record), &schema, NULL),
                             FIRN_OK);
            assert_int_equal(
                fi_schema_change_rename_column(schema, firn_str("a"), firn_str("b"), &next, NULL),
                FIRN_OK);
            assert_int_equal(next->columns[0].others.size, 6);
            assert_int_equal(next->indexes[0].others.size, 4);
            assert_int_equal(next->others.size, 3);
            assert_memory_equal(next->others.data, "\x30\x01z", 3);
            fi_schema_unref(next);
            fi_schema_unref(schema);
        }
        fi_buf_deinit(&record);
    }
}

static void
making_and_reading_fail_well_without_memory(void **state)
{
    static const char text[] =
        "id i64, t text default 'abc', v vector(2) default x'0000000000000000', "
        "primary key (id, t), unique index i (t)";
    test_alloc_install();
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        struct fi_schema *schema = NULL;
        struct fi_schema *again = NULL;
        struct fi_schema *next = NULL;
        struct fi_column_layout *layout = NULL;
        struct fi_buf record = {0};
        struct fi_buf words = {0};
        firn_table_def *def = NULL;
        test_fault_allocation(&fault);
        int rc = firn_table_def_parse(text, &def, NULL);
        rc = rc == FIRN_OK ? fi_schema_def_create(def, &schema, NULL) : rc;
        rc = rc == FIRN_OK ? fi_schema_record_encode(schema, &record, NULL) : rc;
        rc = rc == FIRN_OK ? fi_schema_record_decode(fi_buf_slice(&record), &again, NULL) : rc;
        rc = rc == FIRN_OK ? fi_schema_change_drop_index(again, firn_str("i"), &next, NULL) : rc;
        rc = rc == FIRN_OK ? fi_schema_text_append(again, &words) : rc;
        rc = rc == FIRN_OK ? fi_schema_layout_create(&again, 1, &layout, NULL) : rc;
        test_fault_end(&fault);
        assert_int_equal(rc, !fault.was_hit ? FIRN_OK : FIRN_NO_MEMORY);
        fi_buf_deinit(&record);
        fi_buf_deinit(&words);
        fi_free(def);
        fi_free(layout);
        fi_schema_unref(schema);
        fi_schema_unref(again);
        fi_schema_unref(next);
        assert_int_equal(test_alloc_alive(), 0);
        if (!fault.was_hit) {
            assert_true(fault.n > 10);
            break;
        }
    }
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_definition_makes_a_schema),
        cmocka_unit_test(what_makes_no_table_is_refused),
        cmocka_unit_test(limits_are_reached_and_not_passed),
        cmocka_unit_test(definitions_of_other_versions_are_understood),
        cmocka_unit_test(records_are_as_the_specification_says),
        cmocka_unit_test(records_are_read_as_they_were_written),
        cmocka_unit_test(cut_and_flipped_records_are_refused_or_other_schemas),
        cmocka_unit_test(fields_of_newer_versions_are_kept_or_refused),
        cmocka_unit_test(making_and_reading_fail_well_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
