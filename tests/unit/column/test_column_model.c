/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/column: runs against a model that keeps every version: random layouts of all types, random views,
 * both directions, projections, batches, every codec, groups of every size.
 */
#include "unit/column/column_fixture.h"

#include <stdio.h>

#include "base/slice.h"

static struct fi_snapshot_interval all_interval = {1, UINT64_MAX};
static const struct fi_snapshot all = {&all_interval, 1, 0, NULL};

struct machine {
    struct row_fixture fixture;
    struct fi_run_env env;
};

static void
machine_init(struct machine *machine, size_t cache_bytes)
{
    row_fixture_init(&machine->fixture, cache_bytes);
    machine->env = row_fixture_env(&machine->fixture);
}

static struct fi_run *
build_and_open(struct machine *machine, const struct row_model *model, const char *name,
               const struct fi_run_builder_options *options)
{
    firn_error err;
    struct fi_run_summary summary;
    struct fi_run *run;
    if (column_fixture_build(model, &machine->env, name, options, &summary, &err) != FIRN_OK) {
        fail_msg("%s", err.text);
    }
    column_fixture_compare_summary(model, &summary);
    if (fi_column_kind.open(&machine->env, name, &run, &err) != FIRN_OK) {
        fail_msg("%s", err.text);
    }
    const struct fi_run_summary *found = fi_column_kind.summary(run);
    column_fixture_compare_summary(model, found);
    assert_int_equal(found->content_bytes, summary.content_bytes);
    assert_int_equal(found->file_bytes, summary.file_bytes);
    fi_run_summary_deinit(&summary);
    return run;
}

/* ---- questions ---- */

/* A key of the model, or one near it that is perhaps none. */
static void
draw_key(struct test_random *random, const struct row_model *model, struct fi_buf *out)
{
    fi_buf_clear(out);
    if (model->count == 0) {
        return;
    }
    firn_slice key = model->entries[test_random_below(random, model->count)].key;
    assert_int_equal(fi_buf_append_slice(out, key), FIRN_OK);
    switch (test_random_below(random, 6)) {
    case 0:
        out->size = test_random_below(random, out->size + 1);
        break;
    case 1:
        assert_int_equal(fi_buf_append_u8(out, 0), FIRN_OK);
        break;
    case 2:
        if (out->size > 0) {
            out->data[out->size - 1] ^= (uint8_t)(1 << test_random_below(random, 8));
        }
        break;
    default:
        break;
    }
}

static struct fi_snapshot
draw_snapshot(struct test_random *random, struct fi_snapshot_interval intervals[2])
{
    uint64_t a = test_random_below(random, 300);
    uint64_t b = a + test_random_below(random, 300);
    intervals[0] = (struct fi_snapshot_interval){a, b};
    uint64_t c = b + 2 + test_random_below(random, test_random_below(random, 2) * 300 + 1);
    intervals[1] = (struct fi_snapshot_interval){c, c + test_random_below(random, 1000)};
    return (struct fi_snapshot){intervals, 1 + test_random_below(random, 2), 0, NULL};
}

static void
ask(struct test_random *random, const struct row_model *model, struct fi_run *run, unsigned count)
{
    firn_error err;
    struct fi_buf key = {0};
    struct fi_run_cursor *cursor;
    assert_int_equal(fi_column_kind.cursor_create(run, NULL, &cursor, &err), FIRN_OK);
    for (unsigned i = 0; i < count; i++) {
        struct fi_snapshot_interval intervals[2];
        struct fi_snapshot snapshot = draw_snapshot(random, intervals);
        draw_key(random, model, &key);
        uint64_t sequence =
            i % 2 == 0 ? UINT64_MAX : test_random_below(random, 3 * model->count + 2);
        column_fixture_compare_seek(model, cursor, fi_buf_slice(&key), sequence);
        column_fixture_compare_get(model, run, fi_buf_slice(&key), i % 3 == 0 ? &all : &snapshot);
    }
    fi_column_kind.cursor_destroy(cursor);
    fi_buf_deinit(&key);
}

/* ---- projections ---- */

static void
compare_projection(struct test_random *random, const struct column_fixture_table *table,
                   const struct row_model *model, struct fi_run *run)
{
    firn_error err;
    uint32_t columns[COLUMN_FIXTURE_COLUMNS_MAX];
    struct fi_run_projection projection = {.columns = columns};
    for (size_t i = 0; i < table->layout.count; i++) {
        if (test_random_below(random, 2) == 0) {
            columns[projection.count++] = table->columns[i].id;
        }
    }
    struct fi_run_cursor_options options = {.projection = &projection, .is_sequential = true};
    struct fi_run_cursor *cursor;
    assert_int_equal(fi_column_kind.cursor_create(run, &options, &cursor, &err), FIRN_OK);
    assert_int_equal(fi_column_kind.cursor_first(cursor, &err), FIRN_OK);
    for (size_t i = 0; i < model->count; i++) {
        const struct fi_entry *entry = &model->entries[i];
        assert_true(cursor->is_valid);
        assert_int_equal(cursor->entry.kind, entry->kind);
        assert_true(fi_slice_equal(cursor->entry.key, entry->key));
        if (entry->kind == FI_ENTRY_PUT) {
            struct fi_tuple_reader reader;
            struct fi_cell cell;
            struct fi_cell whole;
            uint32_t column;
            bool is_corrupt;
            size_t count = 0;
            fi_tuple_reader_init(&reader, cursor->entry.value);
            while (fi_tuple_next(&reader, &column, &cell, &is_corrupt)) {
                assert_int_equal(fi_tuple_find(entry->value, column, &whole), FIRN_OK);
                assert_int_equal(cell.kind, whole.kind);
                count++;
            }
            assert_false(is_corrupt);
            assert_true(count <= projection.count);
        }
        assert_int_equal(fi_column_kind.cursor_next(cursor, &err), FIRN_OK);
    }
    assert_false(cursor->is_valid);
    fi_column_kind.cursor_destroy(cursor);
}

/* ---- batches ---- */

/* Copies a run by batches as far as there are any; returns how many rows they had. */
static uint64_t
copy_by_batches(struct test_random *random, struct machine *machine, struct fi_run *run,
                const char *name, const struct fi_run_builder_options *options,
                const struct row_model *model)
{
    firn_error err;
    uint64_t batched = 0;
    struct fi_run_cursor *cursor;
    struct fi_run_builder *builder;
    struct fi_run_summary summary;
    struct fi_run_cursor_options sequential = {.is_sequential = true};
    assert_int_equal(fi_column_kind.cursor_create(run, &sequential, &cursor, &err), FIRN_OK);
    assert_int_equal(fi_column_kind.builder_create(&machine->env, name, options, &builder, &err),
                     FIRN_OK);
    for (size_t i = 0; i < model->range_count; i++) {
        assert_int_equal(fi_column_kind.builder_add_range(builder, &model->ranges[i], &err),
                         FIRN_OK);
    }
    assert_int_equal(fi_column_kind.cursor_first(cursor, &err), FIRN_OK);
    for (size_t at = 0; cursor->is_valid;) {
        struct fi_run_batch batch;
        size_t limit_at = at + test_random_below(random, 50);
        const firn_slice *limit =
            limit_at < model->count && limit_at % 3 == 0 ? &model->entries[limit_at].key : NULL;
        uint64_t max = 1 + test_random_below(random, FI_RUN_BATCH_MAX);
        assert_int_equal(fi_column_kind.cursor_batch(cursor, limit, max, &batch, &err), FIRN_OK);
        row_model_compare_entry(&model->entries[at], &cursor->entry);
        if (batch.count == 0) {
            assert_int_equal(fi_column_kind.builder_add(builder, &cursor->entry, &err), FIRN_OK);
            assert_int_equal(fi_column_kind.cursor_next(cursor, &err), FIRN_OK);
            at++;
            continue;
        }
        assert_true(batch.count <= max && at + batch.count <= model->count);
        for (size_t i = at; i < at + batch.count; i++) {
            const struct fi_entry *entry = &model->entries[i];
            assert_int_equal(entry->kind, FI_ENTRY_PUT);
            assert_true(batch.sequence_min <= entry->sequence &&
                        entry->sequence <= batch.sequence_max);
            assert_true(i + 1 == model->count || !fi_slice_equal(entry->key, entry[1].key));
            assert_true(i == 0 || !fi_slice_equal(entry->key, entry[-1].key));
            assert_true(limit == NULL || fi_slice_compare(entry->key, *limit) < 0);
        }
        assert_true(fi_slice_equal(batch.last_key, model->entries[at + batch.count - 1].key));
        at += batch.count;
        batched += batch.count;
        int rc = fi_column_kind.builder_add_from(builder, &batch, &err);
        if (rc != FIRN_OK) {
            fail_msg("%s", err.text);
        }
        assert_int_equal(cursor->is_valid, at < model->count);
    }
    assert_int_equal(fi_column_kind.builder_finish(builder, &summary, &err), FIRN_OK);
    fi_run_summary_deinit(&summary);
    fi_column_kind.builder_destroy(builder);
    fi_column_kind.cursor_destroy(cursor);
    return batched;
}

/* The groups of both and what is said of their chunks, but for places. */
static void
compare_groups(struct fi_run *a, struct fi_run *b)
{
    const struct fi_column_layout *layout = fi_column_layout_of(a);
    assert_int_equal(fi_column_group_count(a), fi_column_group_count(b));
    for (size_t i = 0; i < fi_column_group_count(a); i++) {
        struct fi_column_group x;
        struct fi_column_group y;
        fi_column_group_at(a, i, &x);
        fi_column_group_at(b, i, &y);
        assert_int_equal(x.rows, y.rows);
        assert_int_equal(x.is_plain, y.is_plain);
        assert_true(fi_slice_equal(x.lower, y.lower) && fi_slice_equal(x.upper, y.upper));
        for (size_t slot = 0; slot < layout->count + 4; slot++) {
            uint32_t id = slot < layout->count
                              ? layout->columns[slot].id
                              : FI_COLUMN_SEQUENCE + (uint32_t)(slot - layout->count);
            struct fi_column_info m;
            struct fi_column_info n;
            int rc = fi_column_info_of(a, i, id, &m);
            assert_int_equal(rc, fi_column_info_of(b, i, id, &n));
            if (rc == FIRN_OK) {
                assert_int_equal(m.encoding, n.encoding);
                assert_int_equal(m.stored_bytes, n.stored_bytes);
                assert_int_equal(m.raw_bytes, n.raw_bytes);
                assert_int_equal(m.bounds.null_count, n.bounds.null_count);
            }
        }
    }
}

/* ---- chunks ---- */

/* Chunks have what the index says, and what entries have. */
static void
read_chunks(struct fi_run *run, const struct row_model *model)
{
    firn_error err;
    const struct fi_column_layout *layout = fi_column_layout_of(run);
    struct fi_chunk_scratch scratch = {{0}, {0}, {0}};
    size_t at = 0;
    for (size_t i = 0; i < fi_column_group_count(run); i++) {
        struct fi_column_group group;
        fi_column_group_at(run, i, &group);
        for (size_t slot = 0; slot < layout->count; slot++) {
            struct fi_column_pin pin;
            uint32_t id = layout->columns[slot].id;
            assert_int_equal(fi_column_pin_chunk(run, i, id, FI_BLOCK_CACHE_DATA, &pin, &err),
                             FIRN_OK);
            assert_int_equal(pin.chunk.count, group.rows);
            for (uint32_t row = 0; row < group.rows; row += 1 + row / 4) {
                const struct fi_entry *entry = &model->entries[at + row];
                struct fi_cell found;
                struct fi_cell expected;
                assert_int_equal(fi_chunk_get(&pin.chunk, row, &scratch, &found, &err), FIRN_OK);
                if (entry->kind == FI_ENTRY_PUT &&
                    fi_tuple_find(entry->value, id, &expected) == FIRN_OK) {
                    assert_int_equal(found.kind, expected.kind);
                    assert_true(found.kind != FI_PHYSICAL_BYTES ||
                                fi_slice_equal(found.as.bytes, expected.as.bytes));
                }
            }
            fi_column_read_unpin(&pin);
            fi_column_read_unpin(&pin);
        }
        struct fi_column_pin pin;
        assert_int_equal(fi_column_pin_chunk(run, i, 65535, FI_BLOCK_CACHE_DATA, &pin, &err),
                         FIRN_NOT_FOUND);
        fi_column_read_unpin(&pin);
        at += group.rows;
    }
    assert_int_equal(at, model->count);
    fi_chunk_scratch_deinit(&scratch);
}

/* ---- tests ---- */

static uint32_t
draw_group_rows(struct test_random *random)
{
    static const uint32_t rows[] = {1, 2, 7, 100, 1023, 1024, 1025, 0};
    return rows[test_random_below(random, 8)];
}

static void
compare_all(struct test_random *random, const struct column_fixture_table *table,
            const struct column_fixture_fill *how)
{
    struct machine machine;
    struct row_model model;
    struct row_model expected;
    machine_init(&machine, test_random_below(random, 2) * (4 << 20));
    column_fixture_fill(random, table, how, &model);
    column_fixture_expect(table, &model, &expected);
    if (model.count + model.range_count > 0) {
        struct fi_run_builder_options options = {
            .codec = (enum fi_codec)test_random_below(random, 3),
            .codec_level = 1,
            .without_filter = test_random_below(random, 2) == 0,
            .layout = &table->layout,
            .group_rows = draw_group_rows(random),
        };
        struct fi_run *run = build_and_open(&machine, &model, "run", &options);
        column_fixture_compare_scan(&expected, run, false);
        column_fixture_compare_scan(&expected, run, true);
        ask(random, &expected, run, 60);
        compare_projection(random, table, &expected, run);
        read_chunks(run, &expected);
        column_fixture_check(run);
        (void)copy_by_batches(random, &machine, run, "copy", &options, &expected);
        firn_error err;
        struct fi_run *copy;
        assert_int_equal(fi_column_kind.open(&machine.env, "copy", &copy, &err), FIRN_OK);
        column_fixture_compare_scan(&expected, copy, true);
        column_fixture_check(copy);
        compare_groups(run, copy);
        fi_column_kind.close(copy);
        fi_column_kind.close(run);
    }
    row_model_deinit(&expected);
    row_model_deinit(&model);
    row_fixture_deinit(&machine.fixture);
}

static void
runs_answer_as_the_model_does(void **state)
{
    struct test_random random;
    test_random_init(&random, "column_model", 11);
    uint64_t rounds = getenv("FIRN_TEST_LONG") != NULL ? 3000 : 120;
    for (uint64_t i = 0; i < rounds; i++) {
        struct column_fixture_table table;
        column_fixture_random_table(&random, &table);
        struct column_fixture_fill how = {
            .count = test_random_below(&random, i % 8 == 0 ? 3000 : 200),
            .keys = 1 + test_random_below(&random, 400),
            .is_plain = test_random_below(&random, 2) == 0,
            .is_odd = test_random_below(&random, 2) == 0,
            .ranges = test_random_below(&random, 3),
        };
        compare_all(&random, &table, &how);
    }
}

/* A layout of one number as key and one text. */
static void
simple_table(struct column_fixture_table *table)
{
    *table = (struct column_fixture_table){.layout = {0}};
    column_fixture_add(table, 1, FIRN_TYPE_I64, 0);
    column_fixture_add(table, 2, FIRN_TYPE_TEXT, 0);
    column_fixture_add(table, 5, FIRN_TYPE_F64, 0);
    column_fixture_add_key(table, 1);
}

static void
add_simple(const struct column_fixture_table *table, int64_t number, uint64_t sequence,
           firn_slice text, struct row_model *out)
{
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    struct fi_tuple_writer writer;
    struct fi_cell id = {.kind = FI_PHYSICAL_I64, .as.i64 = number};
    struct fi_cell bytes = {.kind = FI_PHYSICAL_BYTES, .as.bytes = text};
    struct fi_cell real = {.kind = FI_PHYSICAL_F64, .as.f64 = (double)number / 8};
    assert_int_equal(fi_tuple_key_add(&key, table->columns[0].type, false, &id), FIRN_OK);
    fi_tuple_begin(&writer, &value);
    fi_tuple_add(&writer, 2, &bytes);
    fi_tuple_add(&writer, 5, &real);
    assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
    row_model_add(out, fi_buf_slice(&key), sequence, FI_ENTRY_PUT, fi_buf_slice(&value));
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
}

static void
groups_end_where_they_are_full(void **state)
{
    static const size_t counts[] = {1023, 1024, 1025, 65535, 65536, 65537};
    struct test_random random;
    test_random_init(&random, "column_edges", 12);
    for (size_t c = 0; c < 6; c++) {
        struct machine machine;
        struct column_fixture_table table;
        struct row_model model = {0};
        machine_init(&machine, 4 << 20);
        simple_table(&table);
        for (size_t i = 0; i < counts[c]; i++) {
            add_simple(&table, (int64_t)(3 * i), 1 + i % 5, firn_bytes("abcdefgh", i % 9), &model);
        }
        struct fi_run_builder_options options = {.layout = &table.layout};
        struct fi_run *run = build_and_open(&machine, &model, "run", &options);
        assert_int_equal(fi_column_group_count(run), (counts[c] + 65535) / 65536);
        ask(&random, &model, run, 300);
        column_fixture_compare_scan(&model, run, true);
        column_fixture_check(run);
        uint64_t batched = copy_by_batches(&random, &machine, run, "copy", &options, &model);
        assert_true(batched + 50 > counts[c]); /* but where a limit is the key itself */
        fi_column_kind.close(run);
        row_model_deinit(&model);
        row_fixture_deinit(&machine.fixture);
    }
}

/* Reading one of them reads its chunk. */
static void
groups_of_long_texts_have_few_rows(void **state)
{
    enum { ROWS = 5000, SIZE = 1000 };
    struct test_random random;
    test_random_init(&random, "column_texts", 13);
    struct machine machine;
    struct column_fixture_table table;
    struct row_model model = {0};
    static uint8_t bytes[ROWS * 8 + SIZE];
    struct fi_column_info info;
    machine_init(&machine, 32 << 20);
    simple_table(&table);
    test_random_fill(&random, bytes, sizeof bytes);
    for (size_t i = 0; i < ROWS; i++) {
        const size_t size = i % 3 == 0 ? 64 : SIZE - i % 3;
        add_simple(&table, (int64_t)i, 1 + i, firn_bytes(bytes + 8 * i, size), &model);
    }
    struct fi_run_builder_options options = {.layout = &table.layout, .codec = FI_CODEC_LZ4};
    struct fi_run *run = build_and_open(&machine, &model, "run", &options);
    assert_int_equal(fi_column_group_count(run), 2);
    assert_int_equal(fi_column_info_of(run, 0, 2, &info), FIRN_OK);
    assert_in_range(info.raw_bytes, 2 << 20, 2200000); /* short ones count once */
    column_fixture_compare_scan(&model, run, false);
    column_fixture_check(run);
    (void)copy_by_batches(&random, &machine, run, "copy", &options, &model);
    struct fi_run *copy;
    firn_error err;
    assert_int_equal(fi_column_kind.open(&machine.env, "copy", &copy, &err), FIRN_OK);
    compare_groups(run, copy);
    fi_column_kind.close(copy);
    fi_column_kind.close(run);
    row_model_deinit(&model);
    row_fixture_deinit(&machine.fixture);
}

static void
groups_end_before_they_have_too_many_bytes(void **state)
{
    struct test_random random;
    test_random_init(&random, "column_bytes", 13);
    struct machine machine;
    struct column_fixture_table table;
    struct row_model model = {0};
    static uint8_t bytes[9 << 20];
    const size_t sizes[] = {3 << 20, 3 << 20, 3 << 20, 4 << 20, (4 << 20) + 1, 100,
                            9 << 20, 1 << 20, 0,       4 << 20, 5 << 20};
    machine_init(&machine, 16 << 20);
    simple_table(&table);
    test_random_fill(&random, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        add_simple(&table, (int64_t)i, 1 + i, firn_bytes(bytes, sizes[i]), &model);
    }
    struct fi_run_builder_options options = {.layout = &table.layout, .codec = FI_CODEC_LZ4};
    struct fi_run *run = build_and_open(&machine, &model, "run", &options);
    assert_int_equal(fi_column_group_count(run), 7);
    column_fixture_compare_scan(&model, run, false);
    ask(&random, &model, run, 30);
    column_fixture_check(run);
    /* Values in pieces have no chunk. */
    struct fi_buf large = {0};
    struct fi_column_info info;
    struct fi_column_pin pin;
    firn_error err;
    assert_int_equal(fi_column_info_of(run, 2, 2, &info), FIRN_OK);
    assert_int_equal(info.encoding, 0);
    assert_int_equal(info.raw_bytes, (4 << 20) + 5);
    assert_int_equal(fi_column_pin_chunk(run, 2, 2, FI_BLOCK_CACHE_DATA, &pin, &err), FIRN_LIMIT);
    assert_int_equal(fi_column_read_large(run, 2, 2, &large, &err), FIRN_OK);
    assert_true(fi_slice_equal(fi_buf_slice(&large), firn_bytes(bytes, (4 << 20) + 1)));
    assert_int_equal(fi_column_read_large(run, 0, 2, &large, &err), FIRN_NOT_FOUND);
    fi_buf_deinit(&large);
    (void)copy_by_batches(&random, &machine, run, "copy", &options, &model);
    struct fi_run *copy;
    assert_int_equal(fi_column_kind.open(&machine.env, "copy", &copy, &err), FIRN_OK);
    column_fixture_compare_scan(&model, copy, true);
    compare_groups(run, copy);
    fi_column_kind.close(copy);
    fi_column_kind.close(run);
    row_model_deinit(&model);
    row_fixture_deinit(&machine.fixture);
}

/* ---- a column with other values in each group ---- */

enum {
    MIXED_COLUMNS = 7,
    MIXED_ROWS = 1025,
    MIXED_GROUPS = 66,
    MIXED_SHAPES = 8,
    MIXED_BYTES = 64
};

static void
mixed_table(struct column_fixture_table *table)
{
    *table = (struct column_fixture_table){.layout = {0}};
    column_fixture_add(table, 1, FIRN_TYPE_I64, 0);
    column_fixture_add(table, 2, FIRN_TYPE_U64, 0);
    column_fixture_add(table, 3, FIRN_TYPE_I64, 0);
    column_fixture_add(table, 4, FIRN_TYPE_F64, 0);
    column_fixture_add(table, 5, FIRN_TYPE_F32, 0);
    column_fixture_add(table, 6, FIRN_TYPE_TEXT, 0);
    column_fixture_add(table, 7, FIRN_TYPE_UUID, 16);
    column_fixture_add_key(table, 1);
}

/* A number of a group with that shape. seed belongs to the group. */
static uint64_t
mixed_number(struct test_random *random, unsigned shape, uint64_t seed, uint64_t row)
{
    switch (shape) {
    case 0:
        return seed;
    case 1:
        return seed + row / 70 * 0x123456789;
    case 2:
        return seed * (1 + test_random_below(random, 6));
    case 3:
        return seed % 100000 + 1000 * test_random_below(random, 5000);
    case 4:
        return seed / 4 + row * 40 + test_random_below(random, 30);
    default:
        return test_random_next(random);
    }
}

/* Exactly so many bits are needed for what is above the smallest one. */
static uint64_t
mixed_width(struct test_random *random, unsigned width, uint64_t row)
{
    uint64_t most = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
    uint64_t base = width == 64 ? 0 : UINT64_MAX - most;
    uint64_t drawn = row % 500 == 0 ? 0 : row % 500 == 1 ? most : test_random_next(random) & most;
    return base + drawn;
}

static firn_slice
mixed_text(struct test_random *random, unsigned shape, uint64_t seed, uint64_t row,
           uint8_t bytes[MIXED_BYTES])
{
    static const char *const words[] = {"north", "south", "easterly", "west wind", "calm"};
    int size = 0;
    switch (shape) {
    case 0:
        size = snprintf((char *)bytes, MIXED_BYTES, "%llx", (unsigned long long)seed);
        break;
    case 1:
        size = snprintf((char *)bytes, MIXED_BYTES, "%s", words[test_random_below(random, 5)]);
        break;
    case 2:
        size = snprintf((char *)bytes, MIXED_BYTES, "/a/directory/that/is/long/%08llu",
                        (unsigned long long)row);
        break;
    case 3:
        size = snprintf((char *)bytes, MIXED_BYTES, "%s %s %llu %s",
                        words[test_random_below(random, 5)], words[test_random_below(random, 5)],
                        (unsigned long long)test_random_below(random, 100000),
                        words[test_random_below(random, 5)]);
        break;
    case 4:
        size = snprintf((char *)bytes, MIXED_BYTES, "%llu", (unsigned long long)(row / 90));
        break;
    default:
        size = (int)test_random_below(random, MIXED_BYTES);
        test_random_fill(random, bytes, (size_t)size);
        break;
    }
    return firn_bytes(bytes, (size_t)size);
}

static void
mixed_row(struct test_random *random, const struct column_fixture_table *table, unsigned group,
          uint64_t row, const unsigned *shapes, const uint64_t *seeds, struct row_model *out)
{
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    struct fi_tuple_writer writer;
    uint8_t bytes[MIXED_BYTES];
    uint8_t id_bytes[16];
    const struct fi_cell id = {.kind = FI_PHYSICAL_I64,
                               .as.i64 = (int64_t)(group * MIXED_ROWS + row)};
    assert_int_equal(fi_tuple_key_add(&key, table->columns[0].type, false, &id), FIRN_OK);
    fi_tuple_begin(&writer, &value);
    for (unsigned i = 1; i < MIXED_COLUMNS; i++) {
        struct fi_cell cell = {.kind = fi_physical_of(table->columns[i].type)};
        uint64_t number = mixed_number(random, shapes[i], seeds[i], row);
        bool is_null = shapes[i] == MIXED_SHAPES - 1 ||
                       (shapes[i] == MIXED_SHAPES - 2 && test_random_below(random, 2) == 0);
        if (i == 1) {
            cell.as.u64 = mixed_width(random, group % 65, row);
        } else if (is_null) {
            cell.kind = FI_PHYSICAL_NONE;
        } else if (cell.kind == FI_PHYSICAL_F64) {
            cell.as.f64 = shapes[i] == 3 ? (double)(number % 10000000) / 100 : (double)number;
        } else if (cell.kind == FI_PHYSICAL_F32) {
            cell.as.f32 = (float)(number % 100000) / 4;
        } else if (i == MIXED_COLUMNS - 1) {
            for (unsigned j = 0; j < 16; j++) {
                id_bytes[j] = (uint8_t)(number >> (j % 8 * 8));
            }
            cell.as.bytes = firn_bytes(id_bytes, 16);
        } else if (cell.kind == FI_PHYSICAL_BYTES) {
            cell.as.bytes = mixed_text(random, shapes[i], seeds[i], row, bytes);
        } else {
            cell.as.u64 = number;
        }
        fi_tuple_add(&writer, table->columns[i].id, &cell);
    }
    assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
    row_model_add(out, fi_buf_slice(&key), 1 + row % 3, FI_ENTRY_PUT, fi_buf_slice(&value));
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
}

/* Encodings that a column has in the groups of a run. */
static unsigned
count_encodings(struct fi_run *run, uint32_t column)
{
    unsigned seen = 0;
    for (size_t i = 0; i < fi_column_group_count(run); i++) {
        struct fi_column_info info;
        assert_int_equal(fi_column_info_of(run, i, column, &info), FIRN_OK);
        seen |= 1U << info.encoding;
    }
    return (unsigned)__builtin_popcount(seen);
}

/* Merges two runs, by batches where the keys of one come between those of the other. */
static void
merge_runs(struct machine *machine, struct fi_run *const runs[2], const char *name,
           const struct fi_run_builder_options *options)
{
    firn_error err;
    struct fi_run_cursor *cursors[2];
    struct fi_run_builder *builder;
    struct fi_run_summary summary;
    const struct fi_run_cursor_options sequential = {.is_sequential = true};
    struct fi_buf limit = {0};
    assert_int_equal(fi_column_kind.builder_create(&machine->env, name, options, &builder, &err),
                     FIRN_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(fi_column_kind.cursor_create(runs[i], &sequential, &cursors[i], &err),
                         FIRN_OK);
        assert_int_equal(fi_column_kind.cursor_first(cursors[i], &err), FIRN_OK);
    }
    while (cursors[0]->is_valid || cursors[1]->is_valid) {
        struct fi_run_batch batch;
        unsigned at = !cursors[0]->is_valid ||
                      (cursors[1]->is_valid &&
                       fi_slice_compare(cursors[1]->entry.key, cursors[0]->entry.key) < 0);
        const struct fi_run_cursor *other = cursors[1 - at];
        assert_int_equal(
            fi_buf_assign(&limit, other->is_valid ? other->entry.key : firn_bytes(NULL, 0)),
            FIRN_OK);
        const firn_slice until = fi_buf_slice(&limit);
        assert_int_equal(fi_column_kind.cursor_batch(cursors[at], other->is_valid ? &until : NULL,
                                                     FI_RUN_BATCH_MAX, &batch, &err),
                         FIRN_OK);
        if (batch.count == 0) {
            assert_int_equal(fi_column_kind.builder_add(builder, &cursors[at]->entry, &err),
                             FIRN_OK);
            assert_int_equal(fi_column_kind.cursor_next(cursors[at], &err), FIRN_OK);
        } else {
            assert_int_equal(fi_column_kind.builder_add_from(builder, &batch, &err), FIRN_OK);
        }
    }
    assert_int_equal(fi_column_kind.builder_finish(builder, &summary, &err), FIRN_OK);
    fi_run_summary_deinit(&summary);
    fi_column_kind.builder_destroy(builder);
    fi_column_kind.cursor_destroy(cursors[0]);
    fi_column_kind.cursor_destroy(cursors[1]);
    fi_buf_deinit(&limit);
}

static void
compare_mixed(struct test_random *random, struct fi_run *run, const struct row_model *model)
{
    column_fixture_compare_scan(model, run, true);
    ask(random, model, run, 100);
    read_chunks(run, model);
    column_fixture_check(run);
}

/* Every width of packed numbers is there, too: group i has values of i bits. */
static void
a_column_has_another_encoding_in_each_group(void **state)
{
    struct test_random random;
    struct column_fixture_table table;
    struct machine machine;
    struct row_model whole = {0};
    struct row_model parts[2] = {{0}, {0}};
    struct fi_run *runs[3];
    firn_error err;
    test_random_init(&random, "column_mixed", 19);
    machine_init(&machine, 4 << 20);
    mixed_table(&table);
    for (unsigned group = 0; group < MIXED_GROUPS; group++) {
        unsigned shapes[MIXED_COLUMNS];
        uint64_t seeds[MIXED_COLUMNS];
        for (unsigned i = 0; i < MIXED_COLUMNS; i++) {
            shapes[i] = (unsigned)test_random_below(&random, MIXED_SHAPES);
            seeds[i] = test_random_next(&random);
        }
        for (uint64_t row = 0; row < MIXED_ROWS; row++) {
            mixed_row(&random, &table, group, row, shapes, seeds, &whole);
        }
    }
    /* Stretches of the rows, long and short, and single ones, go to one run or the other. */
    for (size_t at = 0; at < whole.count;) {
        size_t length =
            1 + test_random_below(&random, test_random_below(&random, 3) == 0 ? 3000 : 3);
        struct row_model *part = &parts[test_random_below(&random, 2)];
        for (; length > 0 && at < whole.count; length--, at++) {
            const struct fi_entry *entry = &whole.entries[at];
            row_model_add(part, entry->key, entry->sequence, entry->kind, entry->value);
        }
    }
    struct fi_run_builder_options options = {
        .codec = FI_CODEC_LZ4, .layout = &table.layout, .group_rows = MIXED_ROWS};
    struct fi_run *run = build_and_open(&machine, &whole, "run", &options);
    assert_int_equal(fi_column_group_count(run), MIXED_GROUPS);
    for (uint32_t column = 2; column <= MIXED_COLUMNS; column++) {
        unsigned count = count_encodings(run, column);
        print_message("count: %u encodings in column %u of one run\n", count, column);
        assert_true(count >= (column == 2 || column >= 5 ? 3 : 5) || column == 7);
    }
    compare_mixed(&random, run, &whole);
    options.group_rows = 1024;
    runs[0] = build_and_open(&machine, &parts[0], "left", &options);
    runs[1] = build_and_open(&machine, &parts[1], "right", &options);
    options.group_rows = 4096;
    merge_runs(&machine, runs, "merged", &options);
    assert_int_equal(fi_column_kind.open(&machine.env, "merged", &runs[2], &err), FIRN_OK);
    compare_mixed(&random, runs[2], &whole);
    fi_column_kind.close(run);
    for (unsigned i = 0; i < 3; i++) {
        fi_column_kind.close(runs[i]);
    }
    row_model_deinit(&whole);
    row_model_deinit(&parts[0]);
    row_model_deinit(&parts[1]);
    row_fixture_deinit(&machine.fixture);
}

/* A batch need not fit into the group that is begun, by its bytes. */
static void
batches_make_the_same_groups_as_rows(void **state)
{
    struct test_random random;
    struct machine machine;
    struct column_fixture_table table;
    struct row_model model = {0};
    static uint8_t bytes[1 << 20];
    firn_error err;
    test_random_init(&random, "column_batched", 20);
    machine_init(&machine, 16 << 20);
    simple_table(&table);
    for (size_t i = 0; i < 40; i++) {
        test_random_fill(&random, bytes, sizeof bytes);
        add_simple(&table, (int64_t)i, 1 + i,
                   firn_bytes(bytes, sizeof bytes / 4 + test_random_below(&random, 1 << 19)),
                   &model);
    }
    struct fi_run_builder_options options = {.layout = &table.layout};
    struct fi_run *whole = build_and_open(&machine, &model, "whole", &options);
    for (uint32_t rows = 3; rows < 9; rows += 2) {
        struct fi_run *copy;
        char small_name[16];
        char copy_name[16];
        (void)snprintf(small_name, sizeof small_name, "small%u", (unsigned)rows);
        (void)snprintf(copy_name, sizeof copy_name, "copy%u", (unsigned)rows);
        options.group_rows = rows;
        struct fi_run *small = build_and_open(&machine, &model, small_name, &options);
        options.group_rows = 0;
        (void)copy_by_batches(&random, &machine, small, copy_name, &options, &model);
        assert_int_equal(fi_column_kind.open(&machine.env, copy_name, &copy, &err), FIRN_OK);
        compare_groups(whole, copy);
        fi_column_kind.close(copy);
        fi_column_kind.close(small);
    }
    fi_column_kind.close(whole);
    row_model_deinit(&model);
    row_fixture_deinit(&machine.fixture);
}

static void
a_column_that_was_added_has_its_initial_value_after_a_merge(void **state)
{
    struct test_random random;
    test_random_init(&random, "column_added", 14);
    struct machine machine;
    struct column_fixture_table table;
    struct column_fixture_table wider;
    struct row_model model = {0};
    struct row_model expected;
    firn_error err;
    machine_init(&machine, 1 << 20);
    simple_table(&table);
    wider = table;
    column_fixture_set(&wider);
    column_fixture_add(&wider, 9, FIRN_TYPE_TEXT, 0);
    column_fixture_add(&wider, 11, FIRN_TYPE_I32, 0);
    wider.columns[3].initial =
        (struct fi_cell){.kind = FI_PHYSICAL_BYTES, .as.bytes = firn_str("new")};
    for (size_t i = 0; i < 3000; i++) {
        add_simple(&table, (int64_t)i, 1 + i, firn_str("x"), &model);
    }
    column_fixture_expect(&wider, &model, &expected);
    struct fi_run_builder_options options = {.layout = &table.layout, .group_rows = 500};
    struct fi_run *run = build_and_open(&machine, &model, "run", &options);
    options.layout = &wider.layout;
    uint64_t batched = copy_by_batches(&random, &machine, run, "copy", &options, &model);
    assert_true(batched > 2950);
    struct fi_run *copy;
    assert_int_equal(fi_column_kind.open(&machine.env, "copy", &copy, &err), FIRN_OK);
    assert_int_equal(fi_column_layout_of(copy)->count, 5);
    column_fixture_compare_scan(&expected, copy, true);
    column_fixture_check(copy);
    fi_column_kind.close(copy);
    fi_column_kind.close(run);
    row_model_deinit(&expected);
    row_model_deinit(&model);
    row_fixture_deinit(&machine.fixture);
}

static void
versions_of_one_key_that_fill_many_groups_are_found_by_sequence(void **state)
{
    struct test_random random;
    test_random_init(&random, "column_versions", 15);
    struct machine machine;
    struct column_fixture_table table;
    struct row_model model = {0};
    machine_init(&machine, 1 << 20);
    simple_table(&table);
    add_simple(&table, -1, 5, firn_str("before"), &model);
    for (size_t i = 0; i < 2500; i++) {
        add_simple(&table, 7, 1 + 2 * i, firn_str("x"), &model);
    }
    add_simple(&table, 9, 5, firn_str("after"), &model);
    row_model_sort(&model);
    struct fi_run_builder_options options = {.layout = &table.layout, .group_rows = 100};
    struct fi_run *run = build_and_open(&machine, &model, "run", &options);
    for (uint64_t i = 0; i < 500; i++) {
        uint64_t first = test_random_below(&random, 5100);
        struct fi_snapshot_interval only = {first, first + test_random_below(&random, 3)};
        struct fi_snapshot snapshot = {&only, 1, 0, NULL};
        column_fixture_compare_get(&model, run, model.entries[1].key, &snapshot);
    }
    ask(&random, &model, run, 200);
    column_fixture_check(run);
    fi_column_kind.close(run);
    row_model_deinit(&model);
    row_fixture_deinit(&machine.fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_answer_as_the_model_does),
        cmocka_unit_test(a_column_has_another_encoding_in_each_group),
        cmocka_unit_test(batches_make_the_same_groups_as_rows),
        cmocka_unit_test(groups_end_where_they_are_full),
        cmocka_unit_test(groups_of_long_texts_have_few_rows),
        cmocka_unit_test(groups_end_before_they_have_too_many_bytes),
        cmocka_unit_test(a_column_that_was_added_has_its_initial_value_after_a_merge),
        cmocka_unit_test(versions_of_one_key_that_fill_many_groups_are_found_by_sequence),
    };
    return cmocka_run_group_tests_name("column_model", tests, NULL, NULL);
}
