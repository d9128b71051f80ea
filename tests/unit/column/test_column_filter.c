/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/column: Bloom filters of values: each value of a group is known, few others are; filters that are damaged are not
 * used, and a check tells of them.
 */
#include "unit/column/column_fixture.h"

#include "support/test_seal.h"

struct rig {
    struct row_fixture fixture;
    struct fi_run_env env;
    struct column_fixture_table table;
    struct row_model model;
    struct fi_run *run;
};

static void
open_run(struct rig *rig, const char *name)
{
    firn_error err;
    assert_int_equal(fi_column_kind.open(&rig->env, name, &rig->run, &err), FIRN_OK);
}

static void
begin(struct rig *rig, uint64_t seed, size_t count)
{
    firn_error err;
    struct test_random random;
    *rig = (struct rig){.run = NULL};
    row_fixture_init(&rig->fixture, 1 << 20);
    rig->env = row_fixture_env(&rig->fixture);
    test_random_init(&random, "column_filter", seed);
    column_fixture_random_table(&random, &rig->table);
    const struct column_fixture_fill how = {.count = count, .keys = count};
    column_fixture_fill(&random, &rig->table, &how, &rig->model);
    const struct fi_run_builder_options options = {
        .layout = &rig->table.layout, .group_rows = 1 + (uint32_t)test_random_below(&random, 1500)};
    assert_int_equal(column_fixture_build(&rig->model, &rig->env, "r", &options, NULL, &err),
                     FIRN_OK);
    open_run(rig, "r");
}

static void
end(struct rig *rig)
{
    fi_column_kind.close(rig->run);
    row_model_deinit(&rig->model);
    row_fixture_deinit(&rig->fixture);
}

static bool
may_have(struct rig *rig, size_t group, uint32_t column, const struct fi_cell *cell)
{
    bool may = false;
    firn_error err;
    assert_int_equal(fi_column_filter_may_have(rig->run, group, column, cell, 1, &may, &err),
                     FIRN_OK);
    return may;
}

/* Asks for all values of a column of a group; returns how many there are. */
static size_t
ask_all(struct rig *rig, size_t group, uint32_t column)
{
    firn_error err;
    struct fi_column_pin pin;
    struct fi_chunk_scratch scratch = {.numbers = {0}};
    size_t asked = 0;
    int rc = fi_column_pin_chunk(rig->run, group, column, FI_BLOCK_CACHE_DATA, &pin, &err);
    if (rc != FIRN_OK) {
        assert_true(rc == FIRN_NOT_FOUND || rc == FIRN_LIMIT);
        return 0;
    }
    for (uint32_t row = 0; row < pin.chunk.count; row++) {
        struct fi_cell cell;
        assert_int_equal(fi_chunk_get(&pin.chunk, row, &scratch, &cell, &err), FIRN_OK);
        if (cell.kind != FI_PHYSICAL_NONE) {
            assert_true(may_have(rig, group, column, &cell));
            if (cell.kind == FI_PHYSICAL_F64 && cell.as.f64 == 0) {
                cell.as.f64 = -cell.as.f64;
                assert_true(may_have(rig, group, column, &cell));
            } else if (cell.kind == FI_PHYSICAL_F64 && cell.as.f64 != cell.as.f64) {
                cell.as.u64 ^= 1; /* another NaN */
                assert_true(may_have(rig, group, column, &cell));
            }
            asked++;
        }
    }
    fi_chunk_scratch_deinit(&scratch);
    fi_column_read_unpin(&pin);
    return asked;
}

static void
each_value_is_known(void **state)
{
    size_t filters = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct rig rig;
        begin(&rig, seed, 3000);
        const struct fi_column_run *run = fi_column_read_const(rig.run);
        for (size_t group = 0; group < fi_column_group_count(rig.run); group++) {
            for (size_t i = 0; i < rig.table.layout.count; i++) {
                struct fi_block_ref ref;
                const uint32_t id = rig.table.columns[i].id;
                const bool has = fi_column_filter_find(run, group, id, &ref);
                assert_true(!has || rig.table.columns[i].has_filter);
                filters += has && ask_all(&rig, group, id) > 0;
            }
        }
        column_fixture_check(rig.run);
        end(&rig);
    }
    assert_true(filters > 50);
}

/* A run of numbers: id, and another that has a filter. */
static void
begin_numbers(struct rig *rig, size_t count)
{
    firn_error err;
    struct test_random random;
    *rig = (struct rig){.run = NULL};
    row_fixture_init(&rig->fixture, 1 << 20);
    rig->env = row_fixture_env(&rig->fixture);
    test_random_init(&random, "column_filter", 77);
    column_fixture_add(&rig->table, 1, FIRN_TYPE_I64, 0);
    column_fixture_add(&rig->table, 2, FIRN_TYPE_UUID, 16);
    column_fixture_add_key(&rig->table, 1);
    memset(rig->table.styles, 2, sizeof rig->table.styles);
    const struct column_fixture_fill how = {.count = count, .keys = count, .is_plain = true};
    column_fixture_fill(&random, &rig->table, &how, &rig->model);
    const struct fi_run_builder_options options = {.layout = &rig->table.layout};
    assert_int_equal(column_fixture_build(&rig->model, &rig->env, "r", &options, NULL, &err),
                     FIRN_OK);
    open_run(rig, "r");
}

static size_t
count_false(struct rig *rig, size_t tries)
{
    struct test_random random;
    size_t found = 0;
    test_random_init(&random, "count_false", 5);
    for (size_t i = 0; i < tries; i++) {
        uint8_t uuid[16];
        test_random_fill(&random, uuid, sizeof uuid);
        const struct fi_cell cell = {.kind = FI_PHYSICAL_BYTES,
                                     .as = {.bytes = firn_bytes(uuid, sizeof uuid)}};
        found += may_have(rig, 0, 2, &cell);
    }
    return found;
}

static void
few_others_are_known(void **state)
{
    struct rig rig;
    begin_numbers(&rig, 20000);
    assert_true(count_false(&rig, 10000) < 300); /* one in ninety */
    end(&rig);
}

static void
count_damage(void *ctx, const char *text)
{
    size_t *count = ctx;
    assert_non_null(text);
    ++*count;
}

/* Changes a byte of a block, and reads the run. */
static void
damage_block(bool is_section)
{
    struct rig rig;
    struct fi_block_ref ref;
    struct fi_buf bytes = {0};
    firn_error err;
    size_t damages = 0;
    begin_numbers(&rig, 5000);
    const struct fi_column_run *run = fi_column_read_const(rig.run);
    assert_true(fi_column_filter_find(run, 0, 2, &ref));
    ref = is_section ? run->sections.filters : ref;
    test_file_read(rig.fixture.dir, "r", &bytes);
    bytes.data[ref.offset + ref.stored_size / 2] ^= 16;
    test_file_write(rig.fixture.dir, "bad", bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    fi_column_kind.close(rig.run);
    open_run(&rig, "bad");
    assert_int_equal(count_false(&rig, 100), 100); /* not used */
    assert_true(ask_all(&rig, 0, 2) > 0);
    assert_int_equal(fi_column_kind.check(rig.run, count_damage, &damages, NULL, &err),
                     FIRN_CORRUPT);
    assert_true(damages > 0);
    end(&rig);
}

static void
a_damaged_filter_is_not_used(void **state)
{
    damage_block(false);
}

static void
a_damaged_list_is_not_used(void **state)
{
    damage_block(true);
}

/* A filter with right checksums that knows nothing: a check finds values that it hides. */
static void
a_filter_that_lies_is_found(void **state)
{
    struct rig rig;
    struct fi_block_ref ref;
    struct fi_buf bytes = {0};
    firn_error err;
    size_t damages = 0;
    begin_numbers(&rig, 5000);
    assert_true(fi_column_filter_find(fi_column_read_const(rig.run), 0, 2, &ref));
    test_file_read(rig.fixture.dir, "r", &bytes);
    memset(bytes.data + ref.offset + FI_BLOCK_FORMAT_PREFIX_SIZE, 0, ref.stored_size);
    test_seal(bytes.data, bytes.size);
    test_file_write(rig.fixture.dir, "bad", bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    fi_column_kind.close(rig.run);
    open_run(&rig, "bad");
    assert_int_equal(count_false(&rig, 100), 0);
    assert_int_equal(fi_column_kind.check(rig.run, count_damage, &damages, NULL, &err),
                     FIRN_CORRUPT);
    assert_int_equal(damages, 1);
    end(&rig);
}

static void
lists_are_checked(void **state)
{
    struct fi_buf list = {0};
    const struct fi_block_ref ref = {.offset = 64, .stored_size = 64, .raw_size = 64};
    assert_int_equal(fi_column_filter_check(fi_buf_slice(&list), NULL), FIRN_CORRUPT);
    assert_int_equal(fi_column_filter_add(&list, 0, 9, &ref), FIRN_OK);
    assert_int_equal(fi_column_filter_add(&list, 1, 2, &ref), FIRN_OK);
    assert_int_equal(fi_column_filter_check(fi_buf_slice(&list), NULL), FIRN_OK);
    assert_int_equal(fi_column_filter_check(firn_bytes(list.data, list.size - 1), NULL),
                     FIRN_CORRUPT);
    assert_int_equal(fi_column_filter_add(&list, 1, 2, &ref), FIRN_OK);
    assert_int_equal(fi_column_filter_check(fi_buf_slice(&list), NULL), FIRN_CORRUPT);
    fi_buf_deinit(&list);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_is_known),
        cmocka_unit_test(few_others_are_known),
        cmocka_unit_test(a_damaged_filter_is_not_used),
        cmocka_unit_test(a_damaged_list_is_not_used),
        cmocka_unit_test(a_filter_that_lies_is_found),
        cmocka_unit_test(lists_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
