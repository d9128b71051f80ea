/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/column: values at the ends of their ranges, nulls at the edges of row groups, a million equal ones; a
 * run of 10 MiB of which one bit in each 4 KiB is flipped; and runs with right checksums that claim to be
 * much larger than they are.
 */
#include "unit/column/column_fixture.h"

#include "base/slice.h"
#include "block/block_format.h"
#include "support/test_peak.h"
#include "support/test_seal.h"

enum { KEY = 1, VALUE = 2 };

/* A run of a number as the key and one column of another type, which the caller fills. */
struct rig {
    struct row_fixture fixture;
    struct fi_run_env env;
    struct column_fixture_table table;
    struct fi_run_builder *builder;
    struct fi_run *run;
    struct fi_buf key;
    struct fi_buf tuple;
    int64_t rows;
};

static void
rig_init(struct rig *rig, firn_type type, uint32_t group_rows)
{
    firn_error err;
    *rig = (struct rig){.rows = 0};
    row_fixture_init(&rig->fixture, 1 << 20);
    rig->env = row_fixture_env(&rig->fixture);
    column_fixture_add(&rig->table, KEY, FIRN_TYPE_I64, 0);
    column_fixture_add(&rig->table, VALUE, type, type == FIRN_TYPE_UUID ? 16 : 0);
    column_fixture_add_key(&rig->table, KEY);
    const struct fi_run_builder_options options = {.layout = &rig->table.layout,
                                                   .group_rows = group_rows};
    assert_int_equal(fi_column_kind.builder_create(&rig->env, "run", &options, &rig->builder, &err),
                     FIRN_OK);
}

static void
rig_add(struct rig *rig, const struct fi_cell *cell)
{
    firn_error err;
    const struct fi_cell number = {.kind = FI_PHYSICAL_I64, .as.i64 = rig->rows++};
    struct fi_tuple_writer writer;
    fi_buf_clear(&rig->key);
    fi_buf_clear(&rig->tuple);
    assert_int_equal(fi_tuple_key_add(&rig->key, FIRN_TYPE_I64, false, &number), FIRN_OK);
    fi_tuple_begin(&writer, &rig->tuple);
    fi_tuple_add(&writer, VALUE, cell);
    assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
    const struct fi_entry entry = {.key = fi_buf_slice(&rig->key),
                                   .sequence = 5,
                                   .kind = FI_ENTRY_PUT,
                                   .value = fi_buf_slice(&rig->tuple)};
    assert_int_equal(fi_column_kind.builder_add(rig->builder, &entry, &err), FIRN_OK);
}

static void
rig_open(struct rig *rig)
{
    firn_error err;
    struct fi_run_summary summary = {0};
    assert_int_equal(fi_column_kind.builder_finish(rig->builder, &summary, &err), FIRN_OK);
    assert_int_equal(summary.entry_count, rig->rows);
    fi_run_summary_deinit(&summary);
    fi_column_kind.builder_destroy(rig->builder);
    rig->builder = NULL;
    assert_int_equal(fi_column_kind.open(&rig->env, "run", &rig->run, &err), FIRN_OK);
    column_fixture_check(rig->run);
}

static void
rig_deinit(struct rig *rig)
{
    fi_column_kind.builder_destroy(rig->builder);
    if (rig->run != NULL) {
        fi_column_kind.close(rig->run);
    }
    fi_buf_deinit(&rig->key);
    fi_buf_deinit(&rig->tuple);
    row_fixture_deinit(&rig->fixture);
}

/* Asserts that the column reads as the cells, chunk by chunk, and that statistics count the nulls. */
static void
rig_compare(struct rig *rig, struct fi_cell (*cell_of)(int64_t i))
{
    firn_error err;
    struct fi_chunk_scratch scratch = {{0}, {0}, {0}};
    int64_t row = 0;
    for (size_t i = 0; i < fi_column_group_count(rig->run); i++) {
        struct fi_column_info info;
        struct fi_column_pin pin;
        uint64_t nulls = 0;
        assert_int_equal(fi_column_info_of(rig->run, i, VALUE, &info), FIRN_OK);
        assert_int_equal(fi_column_pin_chunk(rig->run, i, VALUE, FI_BLOCK_CACHE_DATA, &pin, &err),
                         FIRN_OK);
        for (uint32_t j = 0; j < pin.chunk.count; j++, row++) {
            const struct fi_cell wanted = cell_of(row);
            struct fi_cell found;
            assert_int_equal(fi_chunk_get(&pin.chunk, j, &scratch, &found, &err), FIRN_OK);
            assert_int_equal(found.kind, wanted.kind);
            assert_true(wanted.kind == FI_PHYSICAL_NONE ||
                        memcmp(&found.as, &wanted.as, 8) == 0); /* bit by bit */
            nulls += wanted.kind == FI_PHYSICAL_NONE;
        }
        assert_int_equal(info.bounds.null_count, nulls);
        fi_column_read_unpin(&pin);
    }
    assert_int_equal(row, rig->rows);
    fi_chunk_scratch_deinit(&scratch);
}

static void
check(firn_type type, uint32_t group_rows, int64_t rows, struct fi_cell (*cell_of)(int64_t i))
{
    struct rig rig;
    rig_init(&rig, type, group_rows);
    for (int64_t i = 0; i < rows; i++) {
        const struct fi_cell cell = cell_of(i);
        rig_add(&rig, &cell);
    }
    rig_open(&rig);
    rig_compare(&rig, cell_of);
    rig_deinit(&rig);
}

/* ---- numbers ---- */

static struct fi_cell
integer(int64_t value)
{
    return (struct fi_cell){.kind = FI_PHYSICAL_I64, .as.i64 = value};
}

static struct fi_cell
null(void)
{
    return (struct fi_cell){.kind = FI_PHYSICAL_NONE, .as.u64 = 0};
}

static struct fi_cell
steps_then_leaps(int64_t i)
{
    return integer(i < 100 ? i : i * 7919 % 1000 * 1000003);
}

static struct fi_cell
ends(int64_t i)
{
    static const int64_t values[] = {INT64_MIN, INT64_MAX, 0, INT64_MIN};
    return integer(values[i % 4]);
}

static struct fi_cell
sorted_ends(int64_t i)
{
    static const int64_t values[] = {INT64_MIN, 0, INT64_MAX};
    return integer(values[i % 3]);
}

static struct fi_cell
always_the_same(int64_t i)
{
    (void)i;
    return integer(-7);
}

static struct fi_cell
odd_real(int64_t i)
{
    static const uint64_t bits[] = {0x7ff8000000000001,
                                    0x8000000000000000,
                                    0x7ff0000000000000,
                                    0xfff0000000000000,
                                    1,
                                    0x800fffffffffffff,
                                    0xfff8000000000123,
                                    0x7ff8000000000000,
                                    0};
    return (struct fi_cell){.kind = FI_PHYSICAL_F64, .as.u64 = bits[i % 9]};
}

static void
numbers_of_all_sizes_come_back_as_they_were(void **state)
{
    static const uint32_t groups[] = {1, 100, 1024, 0};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        check(FIRN_TYPE_I64, groups[i], i == 0 ? 30 : 1100, steps_then_leaps);
        check(FIRN_TYPE_I64, groups[i], 4, ends);
        check(FIRN_TYPE_I64, groups[i], 3, sorted_ends);
        check(FIRN_TYPE_I64, groups[i], 1, ends);
        check(FIRN_TYPE_F64, groups[i], i == 0 ? 30 : 3000, odd_real);
    }
}

static void
a_million_equal_values_take_no_space(void **state)
{
    struct rig rig;
    const struct fi_cell cell = always_the_same(0);
    rig_init(&rig, FIRN_TYPE_I64, 0);
    for (int i = 0; i < 1000000; i++) {
        rig_add(&rig, &cell);
    }
    rig_open(&rig);
    rig_compare(&rig, always_the_same);
    for (size_t i = 0; i < fi_column_group_count(rig.run); i++) {
        struct fi_column_info info;
        assert_int_equal(fi_column_info_of(rig.run, i, VALUE, &info), FIRN_OK);
        assert_int_equal(info.encoding, FI_ENCODING_CONSTANT);
        assert_true(info.stored_bytes < 100);
    }
    rig_deinit(&rig);
}

/* ---- nulls ---- */

static struct fi_cell
all_null(int64_t i)
{
    (void)i;
    return null();
}

static struct fi_cell
alternating(int64_t i)
{
    return i % 2 == 0 ? integer(i) : null();
}

/* With row groups of 100. */
static struct fi_cell
null_at_edges(int64_t i)
{
    return i % 100 == 0 || i % 100 == 99 ? null() : integer(i * i);
}

static struct fi_cell
null_but_at_edges(int64_t i)
{
    return i % 100 == 0 || i % 100 == 99 ? integer(i * i) : null();
}

static void
nulls_are_where_they_were_and_are_counted(void **state)
{
    static struct fi_cell (*const makers[])(int64_t) = {all_null, steps_then_leaps, alternating,
                                                        null_at_edges, null_but_at_edges};
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        check(FIRN_TYPE_I64, 100, 1100, makers[i]);
        check(FIRN_TYPE_I64, 0, 3000, makers[i]);
        check(FIRN_TYPE_I64, 100, 1, makers[i]);
    }
}

/* ---- one bit in each 4 KiB of 10 MiB ---- */

enum { LARGE_GROUPS = 20, LARGE_ROWS = 4096, LARGE_SIZE = 10 << 20 };

/* Incompressible, so that the bytes are there. */
static void
make_large(struct rig *rig)
{
    struct test_random random;
    test_random_init(&random, "a large run", 4);
    rig_init(rig, FIRN_TYPE_BLOB, LARGE_ROWS);
    for (int i = 0; i < LARGE_GROUPS * LARGE_ROWS; i++) {
        uint64_t words[16];
        for (size_t j = 0; j < 16; j++) {
            words[j] = test_random_next(&random);
        }
        const struct fi_cell cell = {.kind = FI_PHYSICAL_BYTES,
                                     .as.bytes = firn_bytes(words, sizeof words)};
        rig_add(rig, &cell);
    }
    rig_open(rig);
}

/* Whether the chunk can be read; if not, the error says which it is. */
static bool
can_read(struct fi_run *run, size_t group, uint32_t column)
{
    firn_error err;
    struct fi_column_pin pin;
    char name[64];
    int rc = fi_column_pin_chunk(run, group, column, FI_BLOCK_CACHE_DATA, &pin, &err);
    if (rc == FIRN_OK) {
        fi_column_read_unpin(&pin);
        return true;
    }
    assert_int_equal(rc, FIRN_CORRUPT);
    (void)snprintf(name, sizeof name, "column %u of row group %zu", column, group);
    assert_non_null(strstr(err.text, name));
    assert_non_null(strstr(err.text, "run'"));
    assert_non_null(strstr(err.text, "checksum"));
    return false;
}

static void
flip(struct rig *rig, uint64_t at)
{
    firn_error err;
    struct fi_os_file *file;
    uint8_t byte;
    size_t size = 1;
    assert_int_equal(
        fi_os_file_open(rig->fixture.dir, "run", FI_OS_READ | FI_OS_WRITE, 0, &file, &err),
        FIRN_OK);
    assert_int_equal(fi_os_file_read(file, at, &byte, size, &size, &err), FIRN_OK);
    byte ^= 0x40;
    assert_int_equal(fi_os_file_write(file, at, &byte, 1, &err), FIRN_OK);
    fi_os_file_close(file);
}

static void
of_ten_mebibytes_each_flipped_bit_is_found_and_takes_one_chunk(void **state)
{
    firn_error err;
    struct rig rig;
    struct fi_buf bytes = {0};
    unsigned flips = 0;
    unsigned in_chunks = 0;
    make_large(&rig);
    test_file_read(rig.fixture.dir, "run", &bytes);
    const size_t size = bytes.size;
    assert_true(size > LARGE_SIZE);
    fi_buf_deinit(&bytes);
    for (uint64_t at = 2000; at < size; at += 4096) {
        fi_column_kind.close(rig.run);
        rig.run = NULL;
        flip(&rig, at);
        flips++;
        int rc = fi_column_kind.open(&rig.env, "run", &rig.run, &err);
        if (rc == FIRN_OK) {
            /* The groups are about of one size: the damage lies in one of these. */
            size_t near = (size_t)(at / (size / LARGE_GROUPS));
            size_t bad = 0;
            for (size_t group = near > 0 ? near - 1 : 0; group <= near + 1 && group < LARGE_GROUPS;
                 group++) {
                bool has_values = can_read(rig.run, group, VALUE);
                bool has_keys = can_read(rig.run, group, KEY);
                assert_true(has_values || has_keys);
                bad += (has_values ? 0u : 1u) + (has_keys ? 0u : 1u);
            }
            assert_true(bad <= 1);
            in_chunks += (unsigned)bad;
        } else {
            assert_int_equal(rc, FIRN_CORRUPT);
        }
        flip(&rig, at);
        if (rc != FIRN_OK) {
            assert_int_equal(fi_column_kind.open(&rig.env, "run", &rig.run, &err), FIRN_OK);
        }
    }
    print_message("count: %u flipped bits in 10 MiB of columns, %u in chunks\n", flips, in_chunks);
    assert_true(flips > 2560 && in_chunks + 60 > flips);
    rig_deinit(&rig);
}

/* ---- claims ---- */

/* The run of some values with a chunk that says something else, and checksums that are right. */
static int
open_and_read(struct rig *rig, struct fi_buf *bytes, size_t *out_peak)
{
    firn_error err;
    struct fi_run *run;
    struct fi_column_pin pin;
    struct fi_chunk_scratch scratch = {{0}, {0}, {0}};
    test_seal(bytes->data, bytes->size);
    test_file_write(rig->fixture.dir, "run", bytes->data, bytes->size);
    (void)test_peak_take();
    size_t before = test_peak_in_use();
    int rc = fi_column_kind.open(&rig->env, "run", &run, &err);
    if (rc == FIRN_OK) {
        rc = fi_column_pin_chunk(run, 0, VALUE, FI_BLOCK_CACHE_DATA, &pin, &err);
        if (rc == FIRN_OK) {
            struct fi_chunk_values values;
            rc = fi_chunk_read_block(&pin.chunk, 0, NULL, &scratch, &values, &err);
            fi_chunk_scratch_deinit(&scratch);
            fi_column_read_unpin(&pin);
        }
        fi_column_kind.close(run);
    }
    *out_peak = test_peak_take() - before;
    return rc;
}

static struct fi_cell
runs_of_ten(int64_t i)
{
    return integer(i / 100 * 12345);
}

/* The index's entry of the one chunk, and the chunk itself, uncompressed. */
struct places {
    size_t entry;
    size_t chunk;
    size_t records;
    size_t data;
};

static void
find_places(struct rig *rig, struct places *out)
{
    firn_error err;
    struct fi_column_pin pin;
    const struct fi_column_run *open = fi_column_read_const(rig->run);
    out->entry = (size_t)open->sections.index.offset + FI_BLOCK_FORMAT_PREFIX_SIZE + 64 + 24 * 2 +
                 8 + 64 + 64;
    assert_int_equal(fi_column_pin_chunk(rig->run, 0, VALUE, FI_BLOCK_CACHE_DATA, &pin, &err),
                     FIRN_OK);
    assert_int_equal(pin.chunk.encoding, FI_ENCODING_RLE);
    out->records = pin.chunk.parts.records;
    out->data = pin.chunk.parts.data;
    fi_column_read_unpin(&pin);
}

static void
claims_of_great_sizes_fail_and_take_no_memory(void **state)
{
    static const struct {
        bool is_of_index; /* else of the chunk */
        bool is_of_data;  /* of its first block */
        size_t at;
        uint32_t value;
        size_t size;
    } claims[] = {
        {false, false, 4, UINT32_MAX, 4}, /* rows of the chunk */
        {false, true, 0, UINT16_MAX, 2},  /* runs of the block */
        {false, true, 0, 1025, 2},        /* more than it has rows */
        {true, false, 12, UINT32_MAX, 4}, /* the raw size of the chunk's block */
        {true, false, 12, UINT32_MAX / 2, 4},
        {true, false, 8, UINT32_MAX - 8, 4}, /* its stored size */
    };
    struct rig rig;
    struct places places;
    struct fi_buf good = {0};
    test_peak_install();
    rig_init(&rig, FIRN_TYPE_I64, 0);
    for (int64_t i = 0; i < 1000; i++) {
        const struct fi_cell cell = runs_of_ten(i);
        rig_add(&rig, &cell);
    }
    rig_open(&rig);
    find_places(&rig, &places);
    test_file_read(rig.fixture.dir, "run", &good);
    size_t peak;
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        struct fi_buf bad = {0};
        assert_int_equal(fi_buf_assign(&bad, fi_buf_slice(&good)), FIRN_OK);
        size_t chunk = (size_t)fi_load_le64(good.data + places.entry) + FI_BLOCK_FORMAT_PREFIX_SIZE;
        size_t at = claims[i].is_of_index  ? places.entry
                    : claims[i].is_of_data ? chunk + places.data
                                           : chunk;
        for (size_t j = 0; j < claims[i].size; j++) {
            bad.data[at + claims[i].at + j] = (uint8_t)(claims[i].value >> 8 * j);
        }
        assert_int_equal(open_and_read(&rig, &bad, &peak), FIRN_CORRUPT);
        assert_true(peak < (size_t)64 << 20);
        fi_buf_deinit(&bad);
    }
    assert_int_equal(open_and_read(&rig, &good, &peak), FIRN_OK);
    fi_buf_deinit(&good);
    rig_deinit(&rig);
    test_peak_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_all_sizes_come_back_as_they_were),
        cmocka_unit_test(a_million_equal_values_take_no_space),
        cmocka_unit_test(nulls_are_where_they_were_and_are_counted),
        cmocka_unit_test(of_ten_mebibytes_each_flipped_bit_is_found_and_takes_one_chunk),
        cmocka_unit_test(claims_of_great_sizes_fail_and_take_no_memory),
    };
    return cmocka_run_group_tests_name("column_values", tests, NULL, NULL);
}
