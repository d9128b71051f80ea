/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/column: runs whose large texts and blobs lie in a value file: built, read in all ways, written on with their
 * references, checked, mended; value files that are damaged or missing; memory that runs out.
 */
#include "unit/column/column_fixture.h"

#include "base/bytes.h"
#include "base/slice.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_identity.h"

enum {
    NUMBER = 9,
    ROWS = 70,
    SIZE_MIN = 300,
    KEY = 1,
    NUMBERS = 2,
    TEXTS = 3,
    BLOBS = 5,
    VECTORS = 7
};

static struct fi_snapshot_interval all_interval = {1, UINT64_MAX};
static const struct fi_snapshot all = {&all_interval, 1, 0, NULL};

struct world {
    struct row_fixture fixture;
    struct fi_run_env env;
    struct fi_run_values values;
    struct fi_run *file; /* NULL: references lead nowhere */
    unsigned pins;       /* held now */
    unsigned pinned;     /* in all */
    struct column_fixture_table table;
    struct row_model model; /* with the values in place */
    struct fi_run *run;
    /* The placer's. */
    struct fi_run_value_writer *writer;
    struct fi_buf cell;
    unsigned placed;
    unsigned kept;
    bool is_small; /* the values are */
};
static struct world world;

static int
pin(void *ctx, uint64_t number, struct fi_run **out, void **out_pin, firn_error *err)
{
    struct world *here = ctx;
    if (number != NUMBER || here->file == NULL) {
        return fi_error_set(err, FIRN_CORRUPT, "no such file of values");
    }
    here->pins++;
    here->pinned++;
    *out = here->file;
    *out_pin = here;
    return FIRN_OK;
}

static void
unpin(void *ctx)
{
    struct world *here = ctx;
    assert_true(here->pins > 0);
    here->pins--;
}

/* ---- what is in it ---- */

static uint8_t bytes[FI_COLUMN_FORMAT_CELL_MAX + 2000];

/* Small ones, large ones, one of 3 MiB, one that no chunk holds. */
static size_t
size_of(unsigned i)
{
    return i == 40      ? sizeof bytes
           : i == 21    ? (size_t)3 << 20
           : i % 3 == 0 ? i
           : i % 7 == 0 ? SIZE_MIN - 1
           : i % 7 == 1 ? SIZE_MIN
                        : 1000 + 900 * (size_t)i;
}

static struct fi_cell
bytes_of(unsigned i, size_t size, unsigned first)
{
    struct test_random random = {i + 3};
    test_random_fill(&random, bytes, size);
    if (size > 0) {
        bytes[0] = (uint8_t)first;
    }
    return (struct fi_cell){.kind = FI_PHYSICAL_BYTES, .as.bytes = firn_bytes(bytes, size)};
}

static void
fill(void)
{
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    for (unsigned i = 0; i < ROWS; i++) {
        const struct fi_cell number = {.kind = FI_PHYSICAL_I64, .as.i64 = i / 2};
        const struct fi_cell null = {.kind = FI_PHYSICAL_NONE};
        enum fi_entry_kind kind = i % 9 == 4    ? FI_ENTRY_EXPIRING
                                  : i % 11 == 5 ? FI_ENTRY_DELETE
                                                : FI_ENTRY_PUT;
        struct fi_tuple_writer writer;
        fi_buf_clear(&key);
        fi_buf_clear(&value);
        assert_int_equal(fi_tuple_key_add(&key, FIRN_TYPE_I64, false, &number), FIRN_OK);
        if (kind == FI_ENTRY_EXPIRING) {
            assert_int_equal(fi_buf_append_le64(&value, 77777 + i), FIRN_OK);
        }
        if (kind != FI_ENTRY_DELETE) {
            fi_tuple_begin(&writer, &value);
            fi_tuple_add(&writer, NUMBERS, i % 4 == 0 ? &null : &number);
            struct fi_cell cell = bytes_of(i, size_of(i), i % 5);
            fi_tuple_add(&writer, TEXTS, i % 13 == 1 ? &null : &cell);
            cell = bytes_of(i + 1000, i % 6 == 0 ? 5000 + i : i % 10, 200);
            fi_tuple_add(&writer, BLOBS, &cell);
            cell = bytes_of(i + 2000, 400, 1);
            fi_tuple_add(&writer, VECTORS, &cell);
            assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
        }
        row_model_add(&world.model, fi_buf_slice(&key), 500 - i, kind, fi_buf_slice(&value));
    }
    row_model_sort(&world.model);
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
}

static int
place(void *ctx, const struct fi_run_values *values, struct fi_cell *cell, firn_error *err)
{
    struct world *here = ctx;
    if (cell->kind == FI_PHYSICAL_REFERENCE) {
        assert_ptr_equal(values, &here->values);
        here->kept++;
        return FIRN_OK;
    }
    assert_int_equal(cell->kind, FI_PHYSICAL_BYTES);
    assert_true(cell->as.bytes.size >= (here->is_small ? FI_RUN_VALUE_CELL_SIZE_MIN : SIZE_MIN));
    fi_buf_clear(&here->cell);
    FI_TRY_RETURN(fi_buf_append(&here->cell, cell->as.bytes.data, FI_RUN_VALUE_CELL_HEAD_SIZE) ==
                          FIRN_OK
                      ? FIRN_OK
                      : fi_error_no_memory(err, "a cell"));
    FI_TRY_RETURN(fi_run_value_writer_add(here->writer, cell->as.bytes, &here->cell, err));
    cell->kind = FI_PHYSICAL_REFERENCE;
    cell->as.bytes = fi_buf_slice(&here->cell);
    here->placed++;
    return FIRN_OK;
}

static const struct fi_run_placer placer = {&world, SIZE_MIN, place};

static int
build(uint32_t group_rows, firn_error *err)
{
    const struct fi_run_value_writer_options options = {.number = NUMBER, .codec = FI_CODEC_LZ4};
    const struct fi_run_builder_options run_options = {.codec = FI_CODEC_LZ4,
                                                       .layout = &world.table.layout,
                                                       .group_rows = group_rows,
                                                       .placer = &placer};
    struct fi_run_summary summary = {0};
    int rc;
    FI_TRY(fi_run_value_writer_create(&world.env, "v", &options, &world.writer, err));
    FI_TRY(column_fixture_build(&world.model, &world.env, "run", &run_options, &summary, err));
    FI_TRY(fi_run_value_writer_finish(world.writer, NULL, err));
    assert_true(summary.has_references);
out:
    fi_run_value_writer_destroy(world.writer);
    world.writer = NULL;
    fi_run_summary_deinit(&summary);
    return rc;
}

static void
open_all(void)
{
    firn_error err;
    assert_int_equal(fi_run_value_file_kind.open(&world.env, "v", &world.file, &err), FIRN_OK);
    assert_int_equal(fi_column_kind.open(&world.env, "run", &world.run, &err), FIRN_OK);
}

static void
close_all(void)
{
    if (world.run != NULL) {
        fi_column_kind.close(world.run);
        world.run = NULL;
    }
    if (world.file != NULL) {
        fi_run_value_file_kind.close(world.file);
        world.file = NULL;
    }
}

static int
setup(void **state)
{
    firn_error err;
    world = (struct world){.pins = 0};
    row_fixture_init(&world.fixture, 1 << 20);
    world.env = row_fixture_env(&world.fixture);
    world.values = (struct fi_run_values){&world, pin, unpin};
    world.env.values = &world.values;
    column_fixture_add(&world.table, KEY, FIRN_TYPE_I64, 0);
    column_fixture_add(&world.table, NUMBERS, FIRN_TYPE_I64, 0);
    column_fixture_add(&world.table, TEXTS, FIRN_TYPE_TEXT, 0);
    column_fixture_add(&world.table, BLOBS, FIRN_TYPE_BLOB, 0);
    column_fixture_add(&world.table, VECTORS, FIRN_TYPE_VECTOR, 400);
    column_fixture_add_key(&world.table, KEY);
    fill();
    assert_int_equal(build(16, &err), FIRN_OK);
    assert_true(world.placed > 40);
    open_all();
    column_fixture_compare_summary(&world.model, fi_column_kind.summary(world.run));
    return 0;
}

static int
teardown(void **state)
{
    assert_int_equal(world.pins, 0);
    close_all();
    row_model_deinit(&world.model);
    fi_buf_deinit(&world.cell);
    row_fixture_deinit(&world.fixture);
    assert_int_equal(test_alloc_alive(), 0);
    return 0;
}

/* ---- reading ---- */

static void
compare_all(struct fi_run *run)
{
    firn_error err;
    struct fi_run_cursor *cursor;
    for (unsigned round = 0; round < 2; round++) {
        column_fixture_compare_scan(&world.model, run, round != 0);
    }
    for (size_t i = 0; i < world.model.count; i++) {
        const struct fi_entry *entry = &world.model.entries[i];
        struct fi_snapshot_interval interval = {1, entry->sequence};
        const struct fi_snapshot snapshot = {&interval, 1, 0, NULL};
        column_fixture_compare_get(&world.model, run, entry->key, &snapshot);
        column_fixture_compare_get(&world.model, run, entry->key, &all);
    }
    assert_int_equal(fi_column_kind.cursor_create(run, NULL, &cursor, &err), FIRN_OK);
    for (size_t i = 0; i < world.model.count; i += 5) {
        column_fixture_compare_seek(&world.model, cursor, world.model.entries[i].key,
                                    world.model.entries[i].sequence);
    }
    fi_column_kind.cursor_destroy(cursor);
}

/* What the model has in a column of a row. */
static struct fi_cell
expected_cell(size_t row, uint32_t column)
{
    const struct fi_entry *entry = &world.model.entries[row];
    struct fi_cell cell = {.kind = FI_PHYSICAL_NONE};
    size_t head = fi_entry_head_size(entry->kind);
    if (entry->kind != FI_ENTRY_DELETE) {
        assert_int_equal(
            fi_tuple_find(firn_bytes(entry->value.data + head, entry->value.size - head), column,
                          &cell),
            FIRN_OK);
    }
    return cell;
}

static void
compare_cells(const struct fi_cell *expected, const struct fi_cell *found)
{
    assert_int_equal(expected->kind, found->kind);
    assert_true(expected->kind == FI_PHYSICAL_NONE ||
                fi_slice_equal(expected->as.bytes, found->as.bytes));
}

/* Chunks, and what the index says of them. */
static void
compare_chunks(struct fi_run *run, uint32_t column)
{
    firn_error err;
    size_t row = 0;
    struct fi_buf large = {0};
    struct fi_chunk_scratch scratch = {{0}, {0}, {0}};
    for (size_t i = 0; i < fi_column_group_count(run); i++) {
        struct fi_column_group group;
        struct fi_column_info info;
        struct fi_column_pin chunk;
        uint64_t bytes_sum = 0;
        fi_column_group_at(run, i, &group);
        assert_int_equal(fi_column_info_of(run, i, column, &info), FIRN_OK);
        int rc = fi_column_pin_chunk(run, i, column, FI_BLOCK_CACHE_DATA, &chunk, &err);
        for (uint32_t j = 0; j < group.rows; j++, row++) {
            struct fi_cell expected = expected_cell(row, column);
            struct fi_cell found = {.kind = FI_PHYSICAL_BYTES};
            if (rc == FIRN_LIMIT) {
                assert_int_equal(group.rows, 1);
                assert_int_equal(fi_column_read_large(run, i, column, &large, &err), FIRN_OK);
                found.as.bytes = fi_buf_slice(&large);
            } else {
                assert_int_equal(rc, FIRN_OK);
                assert_int_equal(fi_chunk_get(&chunk.chunk, j, &scratch, &found, &err), FIRN_OK);
            }
            compare_cells(&expected, &found);
            bytes_sum += 4 + (found.kind == FI_PHYSICAL_BYTES ? found.as.bytes.size : 0);
            struct fi_chunk_predicate predicate = {.test = FI_CHUNK_EQUAL, .a = expected};
            assert_true(expected.kind == FI_PHYSICAL_NONE ||
                        fi_chunk_assess(&info.bounds, group.rows, &predicate) != FI_CHUNK_NONE);
        }
        assert_int_equal(info.raw_bytes, bytes_sum);
        fi_column_read_unpin(&chunk);
        fi_column_read_unpin(&chunk); /* it is empty */
    }
    assert_int_equal(row, world.model.count);
    fi_buf_deinit(&large);
    fi_chunk_scratch_deinit(&scratch);
}

static void
a_run_with_references_reads_as_one_without(void **state)
{
    compare_all(world.run);
    compare_chunks(world.run, TEXTS);
    compare_chunks(world.run, BLOBS);
    assert_true(world.pinned > 0);
    column_fixture_check(world.run);
    assert_int_equal(fi_column_read_const(world.run)->sections.version, 2);
}

/* Bounds are those of the same values in a run without references. */
static void
groups_and_bounds_are_those_of_a_run_without_references(void **state)
{
    firn_error err;
    struct fi_run *plain;
    const struct fi_run_builder_options options = {.layout = &world.table.layout, .group_rows = 16};
    assert_int_equal(column_fixture_build(&world.model, &world.env, "plain", &options, NULL, &err),
                     FIRN_OK);
    assert_int_equal(fi_column_kind.open(&world.env, "plain", &plain, &err), FIRN_OK);
    assert_int_equal(fi_column_read_const(plain)->sections.version, 1);
    assert_int_equal(fi_column_group_count(plain), fi_column_group_count(world.run));
    for (size_t i = 0; i < fi_column_group_count(plain); i++) {
        for (uint32_t column = TEXTS; column <= VECTORS; column += 2) {
            struct fi_column_info a;
            struct fi_column_info b;
            assert_int_equal(fi_column_info_of(plain, i, column, &a), FIRN_OK);
            assert_int_equal(fi_column_info_of(world.run, i, column, &b), FIRN_OK);
            assert_int_equal(a.raw_bytes, b.raw_bytes);
            assert_int_equal(a.bounds.null_count, b.bounds.null_count);
            assert_int_equal(a.bounds.is_empty, b.bounds.is_empty);
            assert_int_equal(a.bounds.max_is_cut, b.bounds.max_is_cut);
            if (!a.bounds.is_empty) {
                compare_cells(&a.bounds.min, &b.bounds.min);
                compare_cells(&a.bounds.max, &b.bounds.max);
            }
        }
    }
    assert_true(fi_column_kind.summary(plain)->content_bytes ==
                fi_column_kind.summary(world.run)->content_bytes);
    fi_column_kind.close(plain);
}

static void
who_does_not_ask_for_the_column_reads_no_value(void **state)
{
    firn_error err;
    static const uint32_t wanted[] = {NUMBERS, VECTORS};
    const struct fi_run_projection projection = {.columns = wanted, .count = 2};
    const struct fi_run_cursor_options options = {.is_sequential = true, .projection = &projection};
    struct fi_run_cursor *cursor;
    struct fi_run_hit hit;
    struct fi_buf value = {0};
    size_t rows = 0;
    assert_int_equal(fi_column_kind.cursor_create(world.run, &options, &cursor, &err), FIRN_OK);
    assert_int_equal(fi_column_kind.cursor_first(cursor, &err), FIRN_OK);
    while (cursor->is_valid) {
        rows++;
        assert_null(cursor->entry.values);
        assert_int_equal(fi_column_kind.cursor_next(cursor, &err), FIRN_OK);
    }
    fi_column_kind.cursor_destroy(cursor);
    assert_int_equal(rows, world.model.count);
    for (size_t i = 0; i < world.model.count; i++) {
        assert_int_equal(fi_column_kind.get_columns(world.run, world.model.entries[i].key, &all,
                                                    &projection, &hit, &value, &err),
                         FIRN_OK);
        assert_int_equal(
            fi_column_kind.get(world.run, world.model.entries[i].key, &all, &hit, NULL, &err),
            FIRN_OK);
    }
    for (size_t i = 0; i < fi_column_group_count(world.run); i++) {
        struct fi_column_pin chunk;
        assert_int_equal(
            fi_column_pin_chunk(world.run, i, NUMBERS, FI_BLOCK_CACHE_SCAN, &chunk, &err), FIRN_OK);
        fi_column_read_unpin(&chunk);
    }
    assert_int_equal(world.pinned, 0);
    fi_buf_deinit(&value);
}

static void
a_row_that_is_expected_is_found_without_the_filter(void **state)
{
    firn_error err;
    static const uint32_t wanted[] = {NUMBERS, VECTORS};
    const struct fi_run_projection projection = {.columns = wanted, .count = 2};
    const struct fi_run_projection expecting = {.columns = wanted, .count = 2, .expects_row = true};
    struct fi_buf key = {0};
    struct fi_buf values[2] = {{0}, {0}};
    struct fi_run_hit hits[2];
    for (size_t i = 0; i < world.model.count; i++) {
        const firn_slice entry = world.model.entries[i].key;
        assert_int_equal(fi_column_kind.get_columns(world.run, entry, &all, &projection, &hits[0],
                                                    &values[0], &err),
                         FIRN_OK);
        assert_int_equal(fi_column_kind.get_columns(world.run, entry, &all, &expecting, &hits[1],
                                                    &values[1], &err),
                         FIRN_OK);
        assert_int_equal(hits[0].sequence, hits[1].sequence);
        assert_true(fi_slice_equal(fi_buf_slice(&values[0]), fi_buf_slice(&values[1])));
        /* One that is expected and not there, for all that the index says. */
        assert_int_equal(fi_buf_assign(&key, entry), FIRN_OK);
        assert_int_equal(fi_buf_append(&key, "", 1), FIRN_OK);
        assert_int_equal(fi_column_kind.get_columns(world.run, fi_buf_slice(&key), &all, &expecting,
                                                    &hits[1], &values[1], &err),
                         FIRN_NOT_FOUND);
    }
    fi_buf_deinit(&key);
    fi_buf_deinit(&values[0]);
    fi_buf_deinit(&values[1]);
}

/* ---- writing on ---- */

static int
write_on(const struct fi_run_placer *with, firn_error *err)
{
    const struct fi_run_cursor_options options = {.is_sequential = true, .keeps_references = true};
    const struct fi_run_builder_options run_options = {
        .layout = &world.table.layout, .group_rows = 10, .placer = with};
    struct fi_run_cursor *cursor = NULL;
    struct fi_run_builder *builder = NULL;
    struct fi_run_summary summary = {0};
    int rc;
    FI_TRY(fi_column_kind.cursor_create(world.run, &options, &cursor, err));
    FI_TRY(fi_column_kind.builder_create(&world.env, "copy", &run_options, &builder, err));
    FI_TRY(fi_column_kind.cursor_first(cursor, err));
    while (cursor->is_valid) {
        struct fi_run_batch batch;
        FI_TRY(fi_column_kind.cursor_batch(cursor, NULL, FI_RUN_BATCH_MAX, &batch, err));
        if (batch.count > 0) {
            FI_TRY(fi_column_kind.builder_add_from(builder, &batch, err));
            continue;
        }
        FI_TRY(fi_column_kind.builder_add(builder, &cursor->entry, err));
        FI_TRY(fi_column_kind.cursor_next(cursor, err));
    }
    rc = fi_column_kind.builder_finish(builder, &summary, err);
    assert_true(rc != FIRN_OK || summary.has_references);
out:
    fi_run_summary_deinit(&summary);
    fi_column_kind.builder_destroy(builder);
    fi_column_kind.cursor_destroy(cursor);
    return rc;
}

static void
references_are_taken_along_without_reading(void **state)
{
    firn_error err;
    struct fi_run *copy;
    unsigned placed = world.placed;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(write_on(i == 0 ? &placer : NULL, &err), FIRN_OK);
        assert_int_equal(world.pinned, 0);
        assert_int_equal(world.kept, placed);
        assert_int_equal(world.placed, placed);
        assert_int_equal(fi_column_kind.open(&world.env, "copy", &copy, &err), FIRN_OK);
        compare_all(copy);
        compare_chunks(copy, TEXTS);
        column_fixture_check(copy);
        fi_column_kind.close(copy);
        assert_int_equal(fi_os_remove_file(world.fixture.dir, "copy", &err), FIRN_OK);
        world.pinned = 0;
    }
}

struct found {
    unsigned count;
};

static int
count_reference(void *ctx, const struct fi_run_value_file_reference *reference, firn_error *err)
{
    struct found *found = ctx;
    (void)err;
    assert_int_equal(reference->file, NUMBER);
    assert_true(reference->value_size >= SIZE_MIN);
    found->count++;
    return FIRN_OK;
}

static void
entries_with_references_are_resolved_as_a_whole(void **state)
{
    firn_error err;
    struct fi_run_cursor *cursor;
    struct fi_buf value = {0};
    struct found found = {0};
    const struct fi_run_cursor_options options = {.is_sequential = true, .keeps_references = true};
    assert_int_equal(fi_column_kind.cursor_create(world.run, &options, &cursor, &err), FIRN_OK);
    assert_int_equal(fi_column_kind.cursor_first(cursor, &err), FIRN_OK);
    for (size_t i = 0; i < world.model.count; i++) {
        const struct fi_entry *expected = &world.model.entries[i];
        const struct fi_entry *entry = &cursor->entry;
        size_t head = fi_entry_head_size(entry->kind);
        assert_true(cursor->is_valid);
        if (entry->values == NULL) {
            row_model_compare_entry(expected, entry);
        } else {
            assert_true(entry->has_cells);
            assert_int_equal(
                fi_tuple_check(firn_bytes(entry->value.data + head, entry->value.size - head)),
                FIRN_CORRUPT); /* for who does not know of them */
            assert_int_equal(fi_buf_assign(&value, firn_bytes(entry->value.data, head)), FIRN_OK);
            assert_int_equal(fi_run_value_cell_resolve(entry, FI_BLOCK_CACHE_SCAN, &value, &err),
                             FIRN_OK);
            assert_true(fi_slice_equal(fi_buf_slice(&value), expected->value));
            assert_int_equal(fi_run_value_cell_each(entry, count_reference, &found, &err), FIRN_OK);
        }
        assert_int_equal(fi_column_kind.cursor_next(cursor, &err), FIRN_OK);
    }
    assert_int_equal(found.count, world.placed);
    fi_column_kind.cursor_destroy(cursor);
    fi_buf_deinit(&value);
}

/* ---- rows that come column by column ---- */

static void
rows_that_come_column_by_column_leave_large_values_too(void **state)
{
    firn_error err;
    enum { COUNT = 40 };
    const struct fi_run_value_writer_options options = {.number = NUMBER, .codec = FI_CODEC_LZ4};
    const struct fi_run_builder_options run_options = {
        .layout = &world.table.layout, .group_rows = 15, .placer = &placer};
    struct fi_run_builder *builder;
    struct fi_run_summary summary = {0};
    struct fi_buf keys = {0};
    struct fi_buf all_bytes = {0};
    uint32_t key_sizes[COUNT];
    int64_t numbers[COUNT];
    uint32_t sizes[COUNT];
    uint64_t valid = ~(uint64_t)0 ^ (1U << 5) ^ (1U << 17);
    close_all();
    assert_int_equal(fi_os_remove_file(world.fixture.dir, "run", &err), FIRN_OK);
    assert_int_equal(fi_os_remove_file(world.fixture.dir, "v", &err), FIRN_OK);
    row_model_deinit(&world.model);
    world.model = (struct row_model){.count = 0};
    for (unsigned i = 0; i < COUNT; i++) {
        const struct fi_cell number = {.kind = FI_PHYSICAL_I64, .as.i64 = i};
        const struct fi_cell null = {.kind = FI_PHYSICAL_NONE};
        bool is_null = (valid >> i & 1) == 0;
        struct fi_cell cell = bytes_of(i, is_null ? 0 : i % 8 == 1 ? 900 + i : i, i % 3);
        struct fi_buf value = {0};
        struct fi_tuple_writer writer;
        size_t before = keys.size;
        assert_int_equal(fi_tuple_key_add(&keys, FIRN_TYPE_I64, false, &number), FIRN_OK);
        key_sizes[i] = (uint32_t)(keys.size - before);
        numbers[i] = i;
        sizes[i] = (uint32_t)cell.as.bytes.size;
        assert_int_equal(fi_buf_append_slice(&all_bytes, cell.as.bytes), FIRN_OK);
        fi_tuple_begin(&writer, &value);
        fi_tuple_add(&writer, NUMBERS, &null);
        fi_tuple_add(&writer, TEXTS, is_null ? &null : &cell);
        fi_tuple_add(&writer, BLOBS, &null);
        fi_tuple_add(&writer, VECTORS, &null);
        assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
        row_model_add(&world.model, firn_bytes(keys.data + before, key_sizes[i]), 3, FI_ENTRY_PUT,
                      fi_buf_slice(&value));
        fi_buf_deinit(&value);
    }
    row_model_sort(&world.model);
    const struct fi_run_column given[] = {
        {.id = KEY, .numbers = numbers},
        {.id = TEXTS, .numbers = sizes, .bytes = all_bytes.data, .valid = &valid}};
    const struct fi_run_columns columns = {.columns = given,
                                           .column_count = 2,
                                           .rows = COUNT,
                                           .keys = keys.data,
                                           .key_sizes = key_sizes,
                                           .sequence = 3};
    world.placed = 0;
    assert_int_equal(fi_run_value_writer_create(&world.env, "v", &options, &world.writer, &err),
                     FIRN_OK);
    assert_int_equal(fi_column_kind.builder_create(&world.env, "run", &run_options, &builder, &err),
                     FIRN_OK);
    assert_int_equal(fi_column_kind.builder_add_columns(builder, &columns, &err), FIRN_OK);
    assert_int_equal(fi_run_value_writer_finish(world.writer, NULL, &err), FIRN_OK);
    fi_run_value_writer_destroy(world.writer);
    world.writer = NULL;
    assert_int_equal(fi_column_kind.builder_finish(builder, &summary, &err), FIRN_OK);
    fi_run_summary_deinit(&summary);
    fi_column_kind.builder_destroy(builder);
    assert_int_equal(world.placed, 4);
    open_all();
    compare_all(world.run);
    compare_chunks(world.run, TEXTS);
    column_fixture_check(world.run);
    fi_buf_deinit(&keys);
    fi_buf_deinit(&all_bytes);
}

/* ---- the format ----
 *
 * Contents of tests/formats/column/references.column and references.values: identity 00 01 … 0f, no compression, groups of
 * 3 rows; columns as here; values from 64 bytes on lie in the value file, number 9. Row i of 8 has the key i, the sequence 7 and a
 * text of 60 + i bytes, but the fourth a null; row 6 has a text of 200 bytes, which are its number.
 */

static void
put_golden(struct fi_run_builder *builder, unsigned i)
{
    firn_error err;
    const struct fi_cell number = {.kind = FI_PHYSICAL_I64, .as.i64 = i};
    uint8_t text[200] = {0};
    struct fi_cell cell = {.kind = FI_PHYSICAL_BYTES,
                           .as.bytes = firn_bytes(text, i == 6 ? 200 : 60 + i)};
    struct fi_tuple_writer writer;
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    for (size_t j = 0; j < sizeof text; j++) {
        text[j] = (uint8_t)(i == 6 ? '6' : 'a' + (i + j) % 26);
    }
    cell.kind = i == 3 ? FI_PHYSICAL_NONE : cell.kind;
    assert_int_equal(fi_tuple_key_add(&key, FIRN_TYPE_I64, false, &number), FIRN_OK);
    fi_tuple_begin(&writer, &value);
    fi_tuple_add(&writer, TEXTS, &cell);
    assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
    const struct fi_entry entry = {.key = fi_buf_slice(&key),
                                   .sequence = 7,
                                   .kind = FI_ENTRY_PUT,
                                   .value = fi_buf_slice(&value)};
    assert_int_equal(fi_column_kind.builder_add(builder, &entry, &err), FIRN_OK);
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
}

static void
what_is_written_is_the_golden_run(void **state)
{
    firn_error err;
    struct fi_os_ops ops;
    static const struct fi_run_placer all_placer = {&world, FI_RUN_VALUE_CELL_SIZE_MIN, place};
    const struct fi_run_value_writer_options options = {.number = NUMBER};
    const struct fi_run_builder_options run_options = {
        .layout = &world.table.layout, .group_rows = 3, .placer = &all_placer};
    struct fi_run_builder *builder;
    struct fi_run_summary summary;
    struct fi_buf found = {0};
    struct fi_cell cell;
    struct fi_run_hit hit;
    close_all();
    row_fixture_deinit(&world.fixture);
    row_fixture_init(&world.fixture, 1 << 20);
    world.env.dir = world.fixture.dir;
    world.env.cache = world.fixture.cache;
    test_identity_fix(world.fixture.os, &ops);
    world.is_small = true;
    assert_int_equal(fi_run_value_writer_create(&world.env, "v", &options, &world.writer, &err),
                     FIRN_OK);
    assert_int_equal(fi_column_kind.builder_create(&world.env, "run", &run_options, &builder, &err),
                     FIRN_OK);
    for (unsigned i = 0; i < 8; i++) {
        put_golden(builder, i);
    }
    assert_int_equal(fi_run_value_writer_finish(world.writer, NULL, &err), FIRN_OK);
    fi_run_value_writer_destroy(world.writer);
    world.writer = NULL;
    assert_int_equal(fi_column_kind.builder_finish(builder, &summary, &err), FIRN_OK);
    fi_run_summary_deinit(&summary);
    fi_column_kind.builder_destroy(builder);
    test_file_read(world.fixture.dir, "run", &found);
    test_file_compare_golden("tests/formats/column/references.column", fi_buf_slice(&found));
    test_file_read(world.fixture.dir, "v", &found);
    test_file_compare_golden("tests/formats/column/references.values", fi_buf_slice(&found));
    open_all();
    column_fixture_check(world.run);
    const struct fi_cell number = {.kind = FI_PHYSICAL_I64, .as.i64 = 6};
    struct fi_buf key = {0};
    assert_int_equal(fi_tuple_key_add(&key, FIRN_TYPE_I64, false, &number), FIRN_OK);
    assert_int_equal(fi_column_kind.get(world.run, fi_buf_slice(&key), &all, &hit, &found, &err),
                     FIRN_OK);
    assert_int_equal(fi_tuple_find(fi_buf_slice(&found), TEXTS, &cell), FIRN_OK);
    assert_int_equal(cell.as.bytes.size, 200);
    assert_int_equal(cell.as.bytes.data[199], '6');
    fi_buf_deinit(&key);
    fi_buf_deinit(&found);
}

/* ---- damage ---- */

static void
keep_text(void *ctx, const char *text)
{
    struct fi_buf *texts = ctx;
    assert_int_equal(fi_buf_append(texts, text, strlen(text)), FIRN_OK);
    assert_int_equal(fi_buf_append(texts, "\n", 1), FIRN_OK);
}

/* Whether the value of the column of a row is in a value file. */
static bool
is_apart(size_t row, uint32_t column)
{
    struct fi_cell cell = expected_cell(row, column);
    return cell.kind == FI_PHYSICAL_BYTES && cell.as.bytes.size >= SIZE_MIN;
}

static void
a_missing_value_file_takes_no_other_column_and_no_other_row(void **state)
{
    firn_error err;
    static const uint32_t wanted[] = {NUMBERS, VECTORS};
    const struct fi_run_projection projection = {.columns = wanted, .count = 2};
    struct fi_buf value = {0};
    struct fi_buf texts = {0};
    struct fi_run_hit hit;
    size_t lost = 0;
    fi_run_value_file_kind.close(world.file);
    world.file = NULL;
    for (size_t i = 0; i < world.model.count; i++) {
        const struct fi_entry *entry = &world.model.entries[i];
        struct fi_snapshot_interval interval = {1, entry->sequence};
        const struct fi_snapshot snapshot = {&interval, 1, 0, NULL};
        bool is_lost = is_apart(i, TEXTS) || is_apart(i, BLOBS);
        int rc = fi_column_kind.get(world.run, entry->key, &snapshot, &hit, &value, &err);
        assert_int_equal(rc, is_lost ? FIRN_CORRUPT : FIRN_OK);
        if (is_lost) {
            lost++;
            assert_non_null(strstr(err.text, is_apart(i, TEXTS) ? "column 3 of row group"
                                                                : "column 5 of row group"));
            assert_non_null(strstr(err.text, "run'"));
            assert_non_null(strstr(err.text, "no such file of values"));
        }
        assert_int_equal(fi_column_kind.get_columns(world.run, entry->key, &snapshot, &projection,
                                                    &hit, &value, &err),
                         FIRN_OK);
    }
    assert_true(lost > 20);
    for (size_t i = 0; i < fi_column_group_count(world.run); i++) {
        struct fi_column_pin chunk;
        int rc = fi_column_pin_chunk(world.run, i, VECTORS, FI_BLOCK_CACHE_SCAN, &chunk, &err);
        assert_int_equal(rc, FIRN_OK);
        fi_column_read_unpin(&chunk);
    }
    assert_int_equal(fi_column_kind.check(world.run, keep_text, &texts, NULL, &err), FIRN_CORRUPT);
    assert_int_equal(fi_buf_append(&texts, "", 1), FIRN_OK);
    assert_non_null(strstr((char *)texts.data, "column 3 of row group 0"));
    assert_non_null(strstr((char *)texts.data, "column 5 of row group 0"));
    assert_null(strstr((char *)texts.data, "column 7"));
    assert_null(strstr((char *)texts.data, "column 1 "));
    fi_buf_deinit(&texts);
    fi_buf_deinit(&value);
}

static void
a_damaged_value_is_found_and_the_rest_is_mended(void **state)
{
    firn_error err;
    struct fi_buf file = {0};
    struct fi_buf texts = {0};
    struct fi_run_summary summary;
    struct fi_run *mended;
    close_all();
    test_file_read(world.fixture.dir, "v", &file);
    file.data[200] ^= 1; /* in the first value */
    test_file_write(world.fixture.dir, "v", file.data, file.size);
    open_all();
    assert_int_equal(fi_column_kind.check(world.run, keep_text, &texts, NULL, &err), FIRN_CORRUPT);
    assert_int_equal(fi_buf_append(&texts, "", 1), FIRN_OK);
    assert_non_null(strstr((char *)texts.data, "row group 0"));
    assert_non_null(strstr((char *)texts.data, "v'"));
    assert_null(strstr((char *)texts.data, "row group 1"));
    fi_buf_clear(&texts);
    struct fi_run_mend how = {.env = {.dir = world.fixture.dir, .cache = world.fixture.cache},
                              .name = "mended",
                              .on_damage = keep_text,
                              .ctx = &texts};
    assert_int_equal(fi_column_kind.mend(world.run, &how, &summary, &err), FIRN_OK);
    assert_false(how.is_whole);
    assert_int_equal(fi_buf_append(&texts, "", 1), FIRN_OK);
    assert_non_null(strstr((char *)texts.data, "rows are kept without their values of column"));
    assert_true(summary.has_references);
    fi_run_summary_deinit(&summary);
    assert_int_equal(fi_column_kind.open(&world.env, "mended", &mended, &err), FIRN_OK);
    column_fixture_check(mended);
    assert_int_equal(fi_column_kind.summary(mended)->entry_count, world.model.count);
    fi_column_kind.close(mended);
    fi_buf_deinit(&texts);
    fi_buf_deinit(&file);
}

/* Each byte of a small run, one after the other: what is read is right, or refused. */
static void
what_lies_is_refused(void **state)
{
    firn_error err;
    struct fi_buf good = {0};
    struct fi_buf value = {0};
    unsigned refused = 0;
    close_all();
    test_file_read(world.fixture.dir, "run", &good);
    for (size_t at = 0; at < good.size; at += 1 + good.size / 3000) {
        struct fi_run_hit hit;
        good.data[at] ^= 0x10;
        test_file_write(world.fixture.dir, "run", good.data, good.size);
        good.data[at] ^= 0x10;
        assert_int_equal(fi_run_value_file_kind.open(&world.env, "v", &world.file, &err), FIRN_OK);
        int rc = fi_column_kind.open(&world.env, "run", &world.run, &err);
        for (size_t i = 0; i < world.model.count && rc == FIRN_OK; i += 3) {
            const struct fi_entry *entry = &world.model.entries[i];
            struct fi_snapshot_interval interval = {entry->sequence, entry->sequence};
            const struct fi_snapshot snapshot = {&interval, 1, 0, NULL};
            rc = fi_column_kind.get(world.run, entry->key, &snapshot, &hit, &value, &err);
            assert_true(rc != FIRN_OK || hit.kind == FI_ENTRY_DELETE ||
                        fi_slice_equal(fi_buf_slice(&value), entry->value));
        }
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER);
        refused += rc != FIRN_OK;
        close_all();
    }
    assert_true(refused > 500);
    fi_buf_deinit(&good);
    fi_buf_deinit(&value);
}

/* ---- memory ---- */

static int
use_all(firn_error *err)
{
    struct fi_run_cursor *cursor = NULL;
    struct fi_column_pin chunk;
    size_t damage = 0;
    int rc;
    FI_TRY(fi_run_value_file_kind.open(&world.env, "v", &world.file, err));
    FI_TRY(fi_column_kind.open(&world.env, "run", &world.run, err));
    FI_TRY(fi_column_kind.cursor_create(world.run, NULL, &cursor, err));
    FI_TRY(fi_column_kind.cursor_first(cursor, err));
    while (cursor->is_valid) {
        FI_TRY(fi_column_kind.cursor_next(cursor, err));
    }
    for (size_t i = 0; i < fi_column_group_count(world.run); i++) {
        FI_TRY(fi_column_pin_chunk(world.run, i, TEXTS, FI_BLOCK_CACHE_SCAN, &chunk, err));
        fi_column_read_unpin(&chunk);
    }
    FI_TRY(write_on(&placer, err));
    FI_TRY(fi_column_kind.check(world.run, row_fixture_count_damage, &damage, NULL, err));
    assert_int_equal(damage, 0);
out:
    fi_column_kind.cursor_destroy(cursor);
    close_all();
    return rc;
}

static void
without_memory_it_fails_cleanly(void **state)
{
    firn_error err;
    size_t count = world.model.count;
    close_all();
    world.model.count = 12; /* fewer: each allocation is one round */
    row_fixture_deinit(&world.fixture);
    fi_buf_deinit(&world.cell);
    int64_t alive = test_alloc_alive();
    struct test_fault fault = {.limit = 8000};
    while (test_fault_next(&fault)) {
        row_fixture_init(&world.fixture, 1 << 20);
        world.env = row_fixture_env(&world.fixture);
        world.env.values = &world.values;
        test_fault_allocation(&fault);
        int rc = build(5, &err);
        rc = rc == FIRN_OK ? use_all(&err) : rc;
        test_fault_end(&fault);
        assert_int_equal(world.pins, 0);
        if (rc != FIRN_OK) {
            assert_int_equal(rc, FIRN_NO_MEMORY);
            assert_int_equal(err.code, FIRN_NO_MEMORY);
        }
        fi_buf_deinit(&world.cell);
        row_fixture_deinit(&world.fixture);
        assert_int_equal(test_alloc_alive(), alive);
    }
    row_fixture_init(&world.fixture, 1 << 20);
    world.model.count = count;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_with_references_reads_as_one_without, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(groups_and_bounds_are_those_of_a_run_without_references,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(who_does_not_ask_for_the_column_reads_no_value, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_row_that_is_expected_is_found_without_the_filter, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(references_are_taken_along_without_reading, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(entries_with_references_are_resolved_as_a_whole, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(rows_that_come_column_by_column_leave_large_values_too,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_written_is_the_golden_run, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_value_file_takes_no_other_column_and_no_other_row,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_value_is_found_and_the_rest_is_mended, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_lies_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_it_fails_cleanly, setup, teardown),
    };
    test_alloc_install();
    return cmocka_run_group_tests_name("column_references", tests, NULL, NULL);
}
