/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/column: what builders refuse, and that it changes nothing; layouts that make no sense; values that
 * lie in value files; what is opened and asked without reading chunks.
 */
#include "unit/column/column_fixture.h"

#include "base/slice.h"
#include "run/run_value_file.h"

static struct fi_snapshot_interval all_interval = {1, UINT64_MAX};
static const struct fi_snapshot all = {&all_interval, 1, 0, NULL};

/* A key of an i64 and a text; a number, a UUID. */
static void
fill_table(struct column_fixture_table *table)
{
    *table = (struct column_fixture_table){.layout = {0}};
    column_fixture_add(table, 3, FIRN_TYPE_I64, 0);
    column_fixture_add(table, 4, FIRN_TYPE_TEXT, 0);
    column_fixture_add(table, 5, FIRN_TYPE_U32, 0);
    column_fixture_add(table, 6, FIRN_TYPE_UUID, 16);
    column_fixture_add_key(table, 3);
    column_fixture_add_key(table, 4);
}

static void
add_part(struct fi_buf *key, int64_t number, const char *text)
{
    struct fi_cell id = {.kind = FI_PHYSICAL_I64, .as.i64 = number};
    struct fi_cell name = {.kind = FI_PHYSICAL_BYTES, .as.bytes = firn_str(text)};
    assert_int_equal(fi_tuple_key_add(key, FIRN_TYPE_I64, false, &id), FIRN_OK);
    assert_int_equal(fi_tuple_key_add(key, FIRN_TYPE_TEXT, false, &name), FIRN_OK);
}

static void
add_cell(struct fi_buf *tuple, uint32_t column, struct fi_cell cell)
{
    struct fi_tuple_writer writer;
    fi_tuple_begin(&writer, tuple);
    fi_tuple_add(&writer, column, &cell);
    assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
}

static int
add_entry(struct fi_run_builder *builder, firn_slice key, uint64_t sequence,
          enum fi_entry_kind kind, firn_slice value)
{
    firn_error err;
    struct fi_entry entry = {.key = key, .value = value, .sequence = sequence, .kind = kind};
    return fi_column_kind.builder_add(builder, &entry, &err);
}

static void
what_is_refused_changes_nothing(void **state)
{
    firn_error err;
    struct row_fixture fixture;
    struct column_fixture_table table;
    struct fi_buf key = {0};
    struct fi_buf other = {0};
    struct fi_buf tuple = {0};
    struct fi_buf bad = {0};
    row_fixture_init(&fixture, 1 << 20);
    struct fi_run_env env = row_fixture_env(&fixture);
    fill_table(&table);
    struct fi_run_builder_options options = {.layout = &table.layout};
    struct fi_run_builder *builder;
    assert_int_equal(fi_column_kind.builder_create(&env, "run", &options, &builder, &err), FIRN_OK);
    add_part(&key, 7, "m");
    add_part(&other, 7, "n");
    add_cell(&tuple, 5, (struct fi_cell){.kind = FI_PHYSICAL_U64, .as.u64 = 9});
    firn_slice good = fi_buf_slice(&key);
    firn_slice value = fi_buf_slice(&tuple);
    assert_int_equal(add_entry(builder, good, 5, FI_ENTRY_PUT, value), FIRN_OK);
    /* Order. */
    assert_int_equal(add_entry(builder, good, 5, FI_ENTRY_PUT, value), FIRN_INVALID);
    assert_int_equal(add_entry(builder, good, 6, FI_ENTRY_PUT, value), FIRN_INVALID);
    /* Keys. */
    firn_slice next = fi_buf_slice(&other);
    assert_int_equal(
        add_entry(builder, firn_bytes(next.data, next.size - 1), 5, FI_ENTRY_PUT, value),
        FIRN_INVALID);
    assert_int_equal(fi_buf_append_slice(&bad, next), FIRN_OK);
    assert_int_equal(fi_buf_append_u8(&bad, 0), FIRN_OK);
    assert_int_equal(add_entry(builder, fi_buf_slice(&bad), 5, FI_ENTRY_PUT, value), FIRN_INVALID);
    assert_int_equal(add_entry(builder, firn_str("zzz"), 5, FI_ENTRY_PUT, value), FIRN_INVALID);
    assert_int_equal(add_entry(builder, firn_bytes(NULL, 0), 5, FI_ENTRY_PUT, value), FIRN_INVALID);
    /* Values. */
    assert_int_equal(add_entry(builder, next, 5, FI_ENTRY_PUT, firn_str("\xff\xff")), FIRN_INVALID);
    fi_buf_clear(&bad);
    add_cell(&bad, 5, (struct fi_cell){.kind = FI_PHYSICAL_I64, .as.i64 = 9});
    assert_int_equal(add_entry(builder, next, 5, FI_ENTRY_PUT, fi_buf_slice(&bad)), FIRN_INVALID);
    fi_buf_clear(&bad);
    add_cell(&bad, 3, (struct fi_cell){.kind = FI_PHYSICAL_I64, .as.i64 = 9});
    assert_int_equal(add_entry(builder, next, 5, FI_ENTRY_PUT, fi_buf_slice(&bad)), FIRN_INVALID);
    fi_buf_clear(&bad);
    add_cell(&bad, 6, (struct fi_cell){.kind = FI_PHYSICAL_BYTES, .as.bytes = firn_str("short")});
    assert_int_equal(add_entry(builder, next, 5, FI_ENTRY_PUT, fi_buf_slice(&bad)), FIRN_INVALID);
    assert_int_equal(add_entry(builder, next, 5, FI_ENTRY_DELETE, value), FIRN_INVALID);
    assert_int_equal(add_entry(builder, next, 5, FI_ENTRY_MERGE, firn_str("")), FIRN_INVALID);
    assert_int_equal(add_entry(builder, next, 5, FI_ENTRY_EXPIRING, firn_str("1234567")),
                     FIRN_INVALID);
    assert_int_equal(add_entry(builder, next, UINT64_MAX, FI_ENTRY_PUT, value), FIRN_INVALID);
    /* All that is in it: two rows. */
    assert_int_equal(add_entry(builder, next, 4, FI_ENTRY_PUT, value), FIRN_OK);
    struct fi_run_summary summary;
    assert_int_equal(fi_column_kind.builder_finish(builder, &summary, &err), FIRN_OK);
    assert_int_equal(summary.entry_count, 2);
    fi_run_summary_deinit(&summary);
    assert_int_equal(fi_column_kind.builder_finish(builder, &summary, &err), FIRN_MISUSE);
    assert_int_equal(add_entry(builder, next, 1, FI_ENTRY_PUT, value), FIRN_MISUSE);
    fi_column_kind.builder_destroy(builder);
    struct fi_run *run;
    assert_int_equal(fi_column_kind.open(&env, "run", &run, &err), FIRN_OK);
    column_fixture_check(run);
    fi_column_kind.close(run);
    fi_buf_deinit(&key);
    fi_buf_deinit(&other);
    fi_buf_deinit(&tuple);
    fi_buf_deinit(&bad);
    row_fixture_deinit(&fixture);
}

static void
layouts_that_make_no_sense_are_refused(void **state)
{
    firn_error err;
    struct row_fixture fixture;
    row_fixture_init(&fixture, 0);
    struct fi_run_env env = row_fixture_env(&fixture);
    for (unsigned lie = 0; lie < 12; lie++) {
        struct column_fixture_table table;
        struct fi_run_builder *builder;
        fill_table(&table);
        struct fi_run_builder_options options = {.layout = &table.layout};
        switch (lie) {
        case 0:
            options.layout = NULL;
            break;
        case 1:
            table.columns[1].id = 3;
            break;
        case 2:
            table.columns[3].id = FI_TUPLE_COLUMN_LIMIT;
            break;
        case 3:
            table.columns[2].type = (firn_type)0;
            break;
        case 4:
            table.columns[2].type = (firn_type)(FIRN_TYPE_MAX + 1);
            break;
        case 5:
            table.columns[3].fixed_size = 15;
            break;
        case 6:
            table.columns[2].fixed_size = 4;
            break;
        case 7:
            table.layout.key_count = 0;
            break;
        case 8:
            table.key[1] = 3;
            break;
        case 9:
            table.key[1] = 99;
            break;
        case 10:
            table.columns[1].type = FIRN_TYPE_VECTOR;
            table.columns[1].fixed_size = 8;
            break;
        default:
            table.columns[2].initial = (struct fi_cell){.kind = FI_PHYSICAL_F64};
            break;
        }
        assert_int_equal(fi_column_kind.builder_create(&env, "run", &options, &builder, &err),
                         FIRN_INVALID);
        assert_null(builder);
    }
    assert_int_equal(test_file_count(fixture.dir), 0);
    row_fixture_deinit(&fixture);
}

/* ---- values in value files ---- */

static struct fi_run *value_file;

static int
pin(void *ctx, uint64_t number, struct fi_run **out, void **out_pin, firn_error *err)
{
    (void)ctx;
    if (number != 9) {
        return fi_error_set(err, FIRN_CORRUPT, "no such file of values");
    }
    *out = value_file;
    *out_pin = NULL;
    return FIRN_OK;
}

static void
unpin(void *some_pin)
{
    (void)some_pin;
}

static void
a_value_that_lies_in_a_value_file_is_stored(void **state)
{
    firn_error err;
    struct row_fixture fixture;
    struct column_fixture_table table;
    struct fi_buf key = {0};
    struct fi_buf tuple = {0};
    struct fi_buf reference = {0};
    row_fixture_init(&fixture, 1 << 20);
    struct fi_run_env env = row_fixture_env(&fixture);
    fill_table(&table);
    column_fixture_add(&table, 8, FIRN_TYPE_BLOB, 0);
    static uint8_t blob[200000];
    memset(blob, 7, sizeof blob);
    add_part(&key, 7, "m");
    struct fi_tuple_writer tuple_writer;
    struct fi_cell null = {.kind = FI_PHYSICAL_NONE};
    struct fi_cell bytes = {.kind = FI_PHYSICAL_BYTES, .as.bytes = firn_bytes(blob, sizeof blob)};
    fi_tuple_begin(&tuple_writer, &tuple);
    fi_tuple_add(&tuple_writer, 5, &null);
    fi_tuple_add(&tuple_writer, 6, &null);
    fi_tuple_add(&tuple_writer, 8, &bytes);
    assert_int_equal(fi_tuple_end(&tuple_writer), FIRN_OK);
    const struct fi_run_value_writer_options value_options = {.number = 9};
    struct fi_run_value_writer *writer;
    assert_int_equal(fi_run_value_writer_create(&env, "v", &value_options, &writer, &err), FIRN_OK);
    assert_int_equal(fi_buf_append_le64(&reference, 77), FIRN_OK); /* a moment */
    assert_int_equal(fi_run_value_writer_add(writer, fi_buf_slice(&tuple), &reference, &err),
                     FIRN_OK);
    assert_int_equal(fi_run_value_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_run_value_writer_destroy(writer);
    assert_int_equal(fi_run_value_file_kind.open(&env, "v", &value_file, &err), FIRN_OK);

    const struct fi_run_values values = {.pin = pin, .unpin = unpin};
    struct fi_run_builder_options options = {.layout = &table.layout};
    struct fi_run_builder *builder;
    struct fi_run_summary summary;
    struct fi_entry entry = {.key = fi_buf_slice(&key),
                             .value = fi_buf_slice(&reference),
                             .sequence = 3,
                             .kind = FI_ENTRY_EXPIRING,
                             .values = &values};
    assert_int_equal(fi_column_kind.builder_create(&env, "run", &options, &builder, &err), FIRN_OK);
    entry.kind = FI_ENTRY_MERGE;
    assert_int_equal(fi_column_kind.builder_add(builder, &entry, &err), FIRN_INVALID);
    entry.kind = FI_ENTRY_EXPIRING;
    assert_int_equal(fi_column_kind.builder_add(builder, &entry, &err), FIRN_OK);
    assert_int_equal(fi_column_kind.builder_finish(builder, &summary, &err), FIRN_OK);
    assert_true(summary.has_heads && !summary.has_references);
    fi_run_summary_deinit(&summary);
    fi_column_kind.builder_destroy(builder);

    struct fi_run *run;
    struct fi_run_hit hit;
    struct fi_buf value = {0};
    assert_int_equal(fi_column_kind.open(&env, "run", &run, &err), FIRN_OK);
    assert_int_equal(fi_column_kind.get(run, entry.key, &all, &hit, &value, &err), FIRN_OK);
    assert_int_equal(hit.kind, FI_ENTRY_EXPIRING);
    assert_int_equal(fi_entry_expires_ms(fi_buf_slice(&value)), 77);
    assert_true(
        fi_slice_equal(fi_entry_expiring_value(fi_buf_slice(&value)), fi_buf_slice(&tuple)));
    column_fixture_check(run);
    fi_column_kind.close(run);
    fi_run_value_file_kind.close(value_file);
    fi_buf_deinit(&value);
    fi_buf_deinit(&key);
    fi_buf_deinit(&tuple);
    fi_buf_deinit(&reference);
    row_fixture_deinit(&fixture);
}

/* ---- opening ---- */

static void
opening_and_asking_for_places_reads_no_chunk(void **state)
{
    firn_error err;
    struct row_fixture fixture;
    struct column_fixture_table table;
    struct row_model model = {0};
    row_fixture_init(&fixture, 1 << 20);
    struct fi_run_env env = row_fixture_env(&fixture);
    fill_table(&table);
    for (int i = 0; i < 1000; i++) {
        struct fi_buf key = {0};
        add_part(&key, i, "k");
        row_model_add(&model, fi_buf_slice(&key), 5, FI_ENTRY_PUT, firn_bytes(NULL, 0));
        fi_buf_deinit(&key);
    }
    struct fi_run_builder_options options = {.layout = &table.layout, .group_rows = 100};
    assert_int_equal(column_fixture_build(&model, &env, "run", &options, NULL, &err), FIRN_OK);
    struct fi_run *run;
    assert_int_equal(fi_column_kind.open(&env, "run", &run, &err), FIRN_OK);
    struct fi_run_place place;
    struct fi_run_place last = {0};
    for (size_t i = 0; i < model.count; i += 50) {
        assert_int_equal(fi_column_kind.place(run, model.entries[i].key, &place, &err), FIRN_OK);
        assert_int_equal(place.entries, i / 100 * 100);
        assert_true(place.offset >= last.offset && (i < 100) == (place.offset == 0));
        last = place;
    }
    struct fi_run_origin origin;
    struct fi_buf numbers = {0};
    assert_int_equal(fi_column_kind.origin(run, &numbers, &origin, &err), FIRN_NOT_FOUND);
    struct fi_block_cache_stats stats;
    fi_block_cache_stats(fixture.cache, &stats);
    assert_int_equal(stats.misses, 0);
    fi_column_kind.close(run);
    row_model_deinit(&model);
    row_fixture_deinit(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_refused_changes_nothing),
        cmocka_unit_test(layouts_that_make_no_sense_are_refused),
        cmocka_unit_test(a_value_that_lies_in_a_value_file_is_stored),
        cmocka_unit_test(opening_and_asking_for_places_reads_no_chunk),
    };
    return cmocka_run_group_tests_name("column_limits", tests, NULL, NULL);
}
