/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/column: the format is what docs/formats/column.md says, as golden files and field by field.
 *
 * Contents of tests/formats/column/all.column: identity 00 01 … 0f, no compression, groups of 40 rows. Columns
 * 1 text, 3 i64 (the key is 3, then 1), 4 f64 whose initial value is 2.5, 6 uuid, 9 blob whose initial value is
 * "none". Row i of 100 has the key (i / 2, "k<i % 2>") and sequence 100 + i; it is a put, but every tenth is a
 * delete, a merge or an expiring put; some columns are null or missing. And a range delete.
 * tests/formats/column/packed.column: the same with zstd. FIRN_TEST_WRITE_GOLDEN=1 makes both; that is
 * not to be done again once a version was released.
 */
#include "unit/column/column_fixture.h"

#include "base/slice.h"
#include "block/block_format.h"
#include "support/test_identity.h"

enum { ROWS = 100, GROUP_ROWS = 40, COLUMNS = 5 };

static void
fill_table(struct column_fixture_table *table)
{
    *table = (struct column_fixture_table){.layout = {0}};
    column_fixture_add(table, 1, FIRN_TYPE_TEXT, 0);
    column_fixture_add(table, 3, FIRN_TYPE_I64, 0);
    column_fixture_add(table, 4, FIRN_TYPE_F64, 0);
    column_fixture_add(table, 6, FIRN_TYPE_UUID, 16);
    column_fixture_add(table, 9, FIRN_TYPE_BLOB, 0);
    column_fixture_add_key(table, 3);
    column_fixture_add_key(table, 1);
    table->columns[2].initial = (struct fi_cell){.kind = FI_PHYSICAL_F64, .as.f64 = 2.5};
    table->columns[4].initial =
        (struct fi_cell){.kind = FI_PHYSICAL_BYTES, .as.bytes = firn_str("none")};
}

static void
append_key(size_t i, struct fi_buf *out)
{
    const struct fi_cell number = {.kind = FI_PHYSICAL_I64, .as.i64 = (int64_t)(i / 2)};
    const struct fi_cell text = {.kind = FI_PHYSICAL_BYTES,
                                 .as.bytes = firn_bytes(i % 2 == 0 ? "k0" : "k1", 2)};
    fi_buf_clear(out);
    assert_int_equal(fi_tuple_key_add(out, FIRN_TYPE_I64, false, &number), FIRN_OK);
    assert_int_equal(fi_tuple_key_add(out, FIRN_TYPE_TEXT, false, &text), FIRN_OK);
}

static void
append_tuple(size_t i, struct fi_buf *out)
{
    static const char blobs[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    const struct fi_cell null = {.kind = FI_PHYSICAL_NONE};
    const struct fi_cell real = {.kind = FI_PHYSICAL_F64, .as.f64 = (double)i / 8};
    uint8_t uuid[16];
    struct fi_tuple_writer writer;
    for (size_t j = 0; j < sizeof uuid; j++) {
        uuid[j] = (uint8_t)(i * j);
    }
    const struct fi_cell id = {.kind = FI_PHYSICAL_BYTES, .as.bytes = firn_bytes(uuid, 16)};
    const struct fi_cell blob = {.kind = FI_PHYSICAL_BYTES, .as.bytes = firn_bytes(blobs, i % 37)};
    fi_tuple_begin(&writer, out);
    if (i % 6 != 1) {
        fi_tuple_add(&writer, 4, i % 7 == 0 ? &null : &real);
    }
    fi_tuple_add(&writer, 6, i % 3 == 0 ? &null : &id);
    if (i % 5 != 4) {
        fi_tuple_add(&writer, 9, &blob);
    }
    assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
}

static void
fill(struct row_model *model)
{
    static const uint8_t operand[] = {1, 5, 0, 0, 0, 0, 0, 0, 0};
    struct fi_buf key = {0};
    struct fi_buf upper = {0};
    *model = (struct row_model){0};
    for (size_t i = 0; i < ROWS; i++) {
        struct fi_buf value = {0};
        enum fi_entry_kind kind = FI_ENTRY_PUT;
        append_key(i, &key);
        if (i < 80 && i % 30 == 3) {
            kind = FI_ENTRY_DELETE;
        } else if (i < 80 && i % 30 == 13) {
            kind = FI_ENTRY_MERGE;
            assert_int_equal(fi_buf_append(&value, operand, sizeof operand), FIRN_OK);
        } else {
            if (i < 80 && i % 30 == 23) {
                kind = FI_ENTRY_EXPIRING;
                assert_int_equal(fi_buf_append_le64(&value, 4102444800000 + i), FIRN_OK);
            }
            append_tuple(i, &value);
        }
        row_model_add(model, fi_buf_slice(&key), 100 + i, kind, fi_buf_slice(&value));
        fi_buf_deinit(&value);
    }
    append_key(2, &key);
    append_key(9, &upper);
    row_model_add_range(model, fi_buf_slice(&key), fi_buf_slice(&upper), 50);
    row_model_sort(model);
    fi_buf_deinit(&key);
    fi_buf_deinit(&upper);
}

static void
make_file(const struct column_fixture_table *table, const struct row_model *model,
          enum fi_codec codec, struct fi_buf *out)
{
    firn_error err;
    struct fi_os_ops ops;
    struct row_fixture fixture;
    row_fixture_init(&fixture, 0);
    test_identity_fix(fixture.os, &ops);
    struct fi_run_env env = row_fixture_env(&fixture);
    struct fi_run_builder_options options = {
        .codec = codec, .codec_level = 1, .layout = &table->layout, .group_rows = GROUP_ROWS};
    assert_int_equal(column_fixture_build(model, &env, "run", &options, NULL, &err), FIRN_OK);
    test_file_read(fixture.dir, "run", out);
    row_fixture_deinit(&fixture);
}

static void
read_golden(const char *path, struct fi_buf *out)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fi_buf_set_size(out, 1 << 20), FIRN_OK);
    out->size = fread(out->data, 1, out->size, file);
    assert_int_equal(fclose(file), 0);
}

/* Opens the bytes and compares all that is in them; *out_index (may be NULL) gets those of the index. */
static void
compare_file(const struct column_fixture_table *table, const struct row_model *model,
             firn_slice bytes, struct fi_buf *out_index)
{
    firn_error err;
    struct row_fixture fixture;
    struct fi_run *run;
    struct row_model expected;
    const struct fi_snapshot_interval interval = {1, UINT64_MAX};
    const struct fi_snapshot snapshot = {&interval, 1, 0, NULL};
    row_fixture_init(&fixture, 1 << 20);
    test_file_write(fixture.dir, "run", bytes.data, bytes.size);
    struct fi_run_env env = row_fixture_env(&fixture);
    assert_int_equal(fi_column_kind.open(&env, "run", &run, &err), FIRN_OK);
    column_fixture_expect(table, model, &expected);
    column_fixture_compare_summary(model, fi_column_kind.summary(run));
    column_fixture_compare_scan(&expected, run, true);
    for (size_t i = 0; i < expected.count; i++) {
        column_fixture_compare_get(&expected, run, expected.entries[i].key, &snapshot);
    }
    column_fixture_check(run);
    assert_int_equal(fi_column_group_count(run), (ROWS + GROUP_ROWS - 1) / GROUP_ROWS);
    if (out_index != NULL) {
        const struct fi_column_run *open = fi_column_read_const(run);
        const uint8_t *index =
            bytes.data + open->sections.index.offset + FI_BLOCK_FORMAT_PREFIX_SIZE;
        assert_int_equal(fi_buf_append(out_index, index, open->sections.index.raw_size), FIRN_OK);
    }
    fi_column_kind.close(run);
    row_model_deinit(&expected);
    row_fixture_deinit(&fixture);
}

static void
compare_golden(const char *path, bool has_filters)
{
    struct column_fixture_table table;
    struct row_model model;
    struct fi_buf bytes = {0};
    fill_table(&table);
    for (size_t i = 0; i < table.layout.count && !has_filters; i++) {
        table.columns[i].has_filter = false;
    }
    fill(&model);
    make_file(&table, &model, FI_CODEC_NONE, &bytes);
    test_file_compare_golden(path, fi_buf_slice(&bytes));
    compare_file(&table, &model, fi_buf_slice(&bytes), NULL);
    fi_buf_deinit(&bytes);
    row_model_deinit(&model);
}

static void
the_builder_makes_the_golden_run(void **state)
{
    compare_golden("tests/formats/column/all.column", false);
}

static void
the_builder_makes_the_golden_run_with_filters(void **state)
{
    compare_golden("tests/formats/column/filters.column", true);
}

/* What a codec makes of the same bytes may change with its library; that it is read may not. */
static void
the_packed_golden_run_is_read_for_ever(void **state)
{
    static const char path[] = "tests/formats/column/packed.column";
    struct column_fixture_table table;
    struct row_model model;
    struct fi_buf bytes = {0};
    fill_table(&table);
    fill(&model);
    if (getenv("FIRN_TEST_WRITE_GOLDEN") != NULL) {
        make_file(&table, &model, FI_CODEC_ZSTD, &bytes);
        test_file_compare_golden(path, fi_buf_slice(&bytes));
    }
    read_golden(path, &bytes);
    compare_file(&table, &model, fi_buf_slice(&bytes), NULL);
    fi_buf_deinit(&bytes);
    row_model_deinit(&model);
}

static void
assert_zeros(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(bytes[i], 0);
    }
}

/* The tables of docs/formats/column.md, "Index". */
static void
every_field_of_the_index_has_its_place(void **state)
{
    static const struct {
        uint32_t id;
        uint8_t type;
        uint8_t kind;
        uint32_t fixed;
        uint32_t initial;
    } columns[COLUMNS] = {
        {1, 15, 0, 0, 0}, {3, 5, 0, 0, 0}, {4, 11, 4, 0, 0}, {6, 17, 0, 16, 0}, {9, 16, 5, 0, 4}};
    static const uint32_t rows[] = {40, 40, 20};
    struct column_fixture_table table;
    struct row_model model;
    struct fi_buf bytes = {0};
    struct fi_buf index = {0};
    const double initial = 2.5;
    fill_table(&table);
    fill(&model);
    read_golden("tests/formats/column/all.column", &bytes);
    compare_file(&table, &model, fi_buf_slice(&bytes), &index);
    const uint8_t *at = index.data;
    assert_int_equal(fi_load_le32(at), 0);
    assert_int_equal(fi_load_le32(at + 4), 3);
    assert_int_equal(fi_load_le64(at + 8), ROWS);
    assert_int_equal(fi_load_le32(at + 16), COLUMNS);
    assert_int_equal(fi_load_le32(at + 20), 2);
    size_t rest = fi_load_le32(at + 24);
    assert_zeros(at + 28, 36);
    at += 64;
    for (size_t i = 0; i < COLUMNS; i++, at += 24) {
        assert_int_equal(fi_load_le32(at), columns[i].id);
        assert_int_equal(at[4], columns[i].type);
        assert_int_equal(at[5], columns[i].kind);
        assert_zeros(at + 6, 2);
        assert_int_equal(fi_load_le32(at + 8), columns[i].fixed);
        assert_int_equal(fi_load_le32(at + 12), columns[i].initial);
        if (columns[i].kind == 4) {
            assert_memory_equal(at + 16, &initial, 8);
        } else {
            assert_zeros(at + 16, 8); /* "none" begins the rest */
        }
    }
    assert_int_equal(fi_load_le32(at), 3);
    assert_int_equal(fi_load_le32(at + 4), 1);
    at += 8;
    const uint8_t *texts = index.data + index.size - rest;
    assert_memory_equal(texts, "none", 4);
    uint64_t before = 0;
    for (size_t group = 0; group < 3; group++) {
        struct fi_buf key = {0};
        assert_int_equal(fi_load_le32(at), rows[group]);
        assert_int_equal(fi_load_le32(at + 4), group == 2 ? 1 : 0); /* plain */
        assert_int_equal(fi_load_le64(at + 8), 100 + before);
        assert_int_equal(fi_load_le64(at + 16), 100 + before + rows[group] - 1);
        assert_int_equal(fi_load_le64(at + 24), 100 + before);
        append_key(before, &key);
        assert_int_equal(fi_load_le32(at + 36), key.size);
        assert_memory_equal(texts + fi_load_le32(at + 32), key.data, key.size);
        append_key(before + rows[group] - 1, &key);
        assert_int_equal(fi_load_le32(at + 44), key.size);
        assert_memory_equal(texts + fi_load_le32(at + 40), key.data, key.size);
        assert_int_equal(fi_load_le64(at + 48), before);
        assert_zeros(at + 56, 8);
        fi_buf_deinit(&key);
        before += rows[group];
        at += 64;
        for (size_t chunk = 0; chunk < COLUMNS + 4; chunk++, at += 64) {
            uint64_t offset = fi_load_le64(at);
            bool has = group < 2 || chunk <= COLUMNS; /* puts need no kinds, ends, operands */
            assert_int_equal(offset != 0, has);
            if (!has) {
                assert_zeros(at, 64);
                continue;
            }
            const uint8_t *stored = bytes.data + offset + FI_BLOCK_FORMAT_PREFIX_SIZE;
            assert_int_equal(at[16], stored[0]); /* the encoding */
            assert_int_equal(fi_load_le32(stored + 4), rows[group]);
            assert_int_equal(at[17] & ~7u, 0);
        }
    }
    assert_ptr_equal(at, texts);
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&index);
    row_model_deinit(&model);
}

/* The index of the golden run, but that its second group begins with the first key of all. */
static void
an_index_whose_groups_are_out_of_order_is_refused(void **state)
{
    struct column_fixture_table table;
    struct row_model model;
    struct fi_buf bytes = {0};
    struct fi_buf index = {0};
    struct fi_column_index opened;
    struct fi_column_owned layout;
    firn_error err;
    fill_table(&table);
    fill(&model);
    read_golden("tests/formats/column/all.column", &bytes);
    compare_file(&table, &model, fi_buf_slice(&bytes), &index);
    assert_int_equal(fi_column_index_open(fi_buf_slice(&index), &opened, &layout, &err), FIRN_OK);
    struct fi_column_index_group first;
    struct fi_column_index_group second;
    fi_column_index_group(&opened, 0, &first);
    fi_column_index_group(&opened, 1, &second);
    assert_int_equal(first.lower.size, second.lower.size);
    memcpy(index.data + (second.lower.data - index.data), first.lower.data, first.lower.size);
    fi_column_layout_deinit(&layout);
    assert_int_equal(fi_column_index_open(fi_buf_slice(&index), &opened, &layout, &err),
                     FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "out of order"));
    fi_column_layout_deinit(&layout);
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&index);
    row_model_deinit(&model);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_builder_makes_the_golden_run),
        cmocka_unit_test(the_builder_makes_the_golden_run_with_filters),
        cmocka_unit_test(the_packed_golden_run_is_read_for_ever),
        cmocka_unit_test(every_field_of_the_index_has_its_place),
        cmocka_unit_test(an_index_whose_groups_are_out_of_order_is_refused),
    };
    return cmocka_run_group_tests_name("column_format", tests, NULL, NULL);
}
