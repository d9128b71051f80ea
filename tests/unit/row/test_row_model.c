/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/row: runs against a model that keeps every version: keys of many shapes, random views, both
 * directions, every codec, caches of every size.
 */
#include "unit/row/row_fixture.h"

/* ---- random models ---- */

enum shape { SHAPE_SHORT, SHAPE_FIXED, SHAPE_PREFIXED, SHAPE_FEW, SHAPE_LONG, SHAPES };

/* A key of the shape in buffer; few enough that some come again. */
static firn_slice
random_key(struct test_random *random, enum shape shape, uint8_t *buffer)
{
    size_t size = 0;
    switch (shape) {
    case SHAPE_SHORT: /* prefixes of each other, zeros, the empty key */
        size = test_random_below(random, 6);
        for (size_t i = 0; i < size; i++) {
            buffer[i] = (uint8_t)(test_random_below(random, 3) * 0x7f);
        }
        break;
    case SHAPE_FIXED:
        size = 16;
        test_random_fill(random, buffer, size);
        break;
    case SHAPE_PREFIXED: {
        static const char *const prefixes[] = {"users/", "users/active/by-name/", "v"};
        const char *prefix = prefixes[test_random_below(random, 3)];
        size = strlen(prefix) + 8;
        (void)snprintf((char *)buffer, 64, "%s%08u", prefix,
                       (unsigned)test_random_below(random, 4000));
        break;
    }
    case SHAPE_FEW:
        buffer[0] = (uint8_t)test_random_below(random, 3);
        size = 1;
        break;
    case SHAPE_LONG: /* differ late */
        size = 600 + test_random_below(random, 700);
        memset(buffer, 'k', size);
        buffer[size - 1 - test_random_below(random, 30)] = (uint8_t)test_random_next(random);
        break;
    case SHAPES:
        break;
    }
    return firn_bytes(buffer, size);
}

static void
fill_model(struct row_model *model, struct test_random *random, enum shape shape, size_t count)
{
    static uint8_t key[2048];
    static uint8_t value[8192 + FI_ENTRY_EXPIRING_HEAD_SIZE];
    for (size_t i = 0; i < count; i++) {
        size_t value_size = test_random_below(random, 60);
        if (test_random_below(random, 100) == 0) {
            value_size = test_random_below(random, 8192);
        }
        test_random_fill(random, value, value_size / 2);
        memset(value + value_size / 2, 0, value_size - value_size / 2);
        static const enum fi_entry_kind kinds[] = {FI_ENTRY_PUT, FI_ENTRY_DELETE, FI_ENTRY_MERGE,
                                                   FI_ENTRY_EXPIRING};
        uint64_t dice = test_random_below(random, 10);
        enum fi_entry_kind kind = kinds[dice < 4 ? dice : 0];
        value_size = kind == FI_ENTRY_DELETE ? 0 : value_size + fi_entry_head_size(kind);
        row_model_add(model, random_key(random, shape, key),
                      1 + test_random_below(random, 5 * count), kind,
                      firn_bytes(value, value_size));
    }
    row_model_sort(model);
}

enum { INTERVALS_MAX = 12 };

/* A random set of intervals over sequences up to sequence_max; sometimes all, sometimes none. */
static struct fi_snapshot
random_snapshot(struct test_random *random, uint64_t sequence_max,
                struct fi_snapshot_interval intervals[INTERVALS_MAX])
{
    struct fi_snapshot snapshot = {.intervals = intervals};
    if (test_random_below(random, 3) == 0) {
        intervals[0] =
            (struct fi_snapshot_interval){1, 1 + test_random_below(random, sequence_max)};
        snapshot.count = 1;
        return snapshot;
    }
    size_t count = test_random_below(random, INTERVALS_MAX + 1);
    uint64_t at = 1;
    for (; snapshot.count < count && at <= sequence_max; snapshot.count++) {
        uint64_t first = at + test_random_below(random, sequence_max / 8 + 2);
        uint64_t last = first + test_random_below(random, sequence_max / 8 + 2);
        intervals[snapshot.count] = (struct fi_snapshot_interval){first, last};
        at = last + 2;
    }
    return snapshot;
}

/* ---- comparisons ---- */

/* Seeks at every entry, right around it, and at keys that nobody wrote. */
static void
compare_seeks(const struct row_model *model, struct fi_run *run, struct test_random *random,
              enum shape shape)
{
    static uint8_t buffer[4096];
    struct fi_run_cursor *cursor;
    struct fi_run_cursor_options options = {.is_sequential = test_random_below(random, 2) == 0};
    assert_int_equal(fi_row_kind.cursor_create(run, &options, &cursor, NULL), FIRN_OK);
    for (size_t i = 0; i < model->count; i++) {
        const struct fi_entry *entry = &model->entries[i];
        row_model_compare_seek(model, cursor, entry->key, entry->sequence);
        row_model_compare_seek(model, cursor, entry->key, entry->sequence + 1);
        row_model_compare_seek(model, cursor, entry->key, entry->sequence - 1);
        row_model_compare_seek(model, cursor, entry->key, UINT64_MAX);
        row_model_compare_seek(model, cursor, entry->key, 0);
        memcpy(buffer, entry->key.data, entry->key.size);
        buffer[entry->key.size] = 0;
        row_model_compare_seek(model, cursor, firn_bytes(buffer, entry->key.size + 1), UINT64_MAX);
        if (entry->key.size > 0) {
            row_model_compare_seek(model, cursor, firn_bytes(buffer, entry->key.size - 1), 0);
            buffer[entry->key.size - 1]++;
            row_model_compare_seek(model, cursor, firn_bytes(buffer, entry->key.size), 7);
        }
    }
    for (size_t i = 0; i < 200; i++) {
        row_model_compare_seek(model, cursor, random_key(random, shape, buffer),
                               test_random_next(random));
    }
    memset(buffer, 0xff, 100);
    row_model_compare_seek(model, cursor, firn_bytes(NULL, 0), UINT64_MAX);
    row_model_compare_seek(model, cursor, firn_bytes(buffer, 100), 0);
    fi_row_kind.cursor_destroy(cursor);
}

static void
compare_gets(const struct row_model *model, struct fi_run *run, struct test_random *random,
             enum shape shape)
{
    static uint8_t buffer[4096];
    struct fi_snapshot_interval intervals[INTERVALS_MAX];
    uint64_t sequence_max = 5 * model->count + 1;
    for (size_t i = 0; i < model->count; i++) {
        struct fi_snapshot snapshot = random_snapshot(random, sequence_max, intervals);
        row_model_compare_get(model, run, model->entries[i].key, &snapshot);
        intervals[0] = (struct fi_snapshot_interval){1, UINT64_MAX};
        snapshot = (struct fi_snapshot){intervals, 1, 0, NULL};
        row_model_compare_get(model, run, model->entries[i].key, &snapshot);
        row_model_compare_get(model, run, random_key(random, shape, buffer), &snapshot);
        uint64_t only = model->entries[i].sequence;
        intervals[0] = (struct fi_snapshot_interval){only, only};
        row_model_compare_get(model, run, model->entries[i].key, &snapshot);
    }
}

static size_t
cache_size(struct test_random *random)
{
    static const size_t sizes[] = {0, 64 << 10, 1 << 20, 64 << 20};
    return sizes[test_random_below(random, sizeof sizes / sizeof sizes[0])];
}

static void
compare_one(struct test_random *random, enum shape shape, size_t count)
{
    firn_error err;
    struct row_fixture fixture;
    struct row_model model = {0};
    row_fixture_init(&fixture, cache_size(random));
    fill_model(&model, random, shape, count);
    struct fi_run_env env = row_fixture_env(&fixture);
    struct fi_run_builder_options options = {.codec = (enum fi_codec)test_random_below(random, 3),
                                             .codec_level = 1,
                                             .without_filter = test_random_below(random, 4) == 0};
    struct fi_run_summary summary;
    struct fi_run *run;
    assert_int_equal(row_model_build(&model, &env, "run", &options, &summary, &err), FIRN_OK);
    row_model_compare_summary(&model, &summary);
    assert_int_equal(fi_row_kind.open(&env, "run", &run, &err), FIRN_OK);
    row_model_compare_summary(&model, fi_row_kind.summary(run));
    assert_int_equal(summary.file_bytes, fi_row_kind.summary(run)->file_bytes);
    assert_true(fi_range_set_is_empty(fi_row_kind.ranges(run)));
    row_model_compare_scan(&model, run, false);
    row_model_compare_scan(&model, run, true);
    compare_seeks(&model, run, random, shape);
    compare_gets(&model, run, random, shape);
    row_model_check_is_clean(run);
    fi_row_kind.close(run);
    fi_run_summary_deinit(&summary);
    row_model_deinit(&model);
    row_fixture_deinit(&fixture);
}

static void
runs_answer_as_the_model_does(void **state)
{
    struct test_random random;
    test_random_init(&random, "row_model", 20261);
    unsigned rounds = getenv("FIRN_TEST_LONG") != NULL ? 60 : 3;
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned shape = 0; shape < SHAPES; shape++) {
            size_t count = 1 + test_random_below(&random, round == 0 ? 40 : 700);
            compare_one(&random, (enum shape)shape, count);
        }
    }
}

static void
runs_of_every_small_size_answer_as_the_model_does(void **state)
{
    struct test_random random;
    test_random_init(&random, "row_small", 5);
    for (size_t count = 1; count < 40; count++) {
        compare_one(&random, (enum shape)(count % SHAPES), count);
    }
}

static void
versions_of_one_key_that_fill_many_blocks_are_found_by_sequence(void **state)
{
    firn_error err;
    struct row_fixture fixture;
    struct row_model model = {0};
    enum { VERSIONS = 20000 };
    row_fixture_init(&fixture, 1 << 20);
    row_model_add(&model, firn_str("a"), 5, FI_ENTRY_PUT, firn_str("before"));
    for (uint64_t i = 0; i < VERSIONS; i++) {
        uint8_t value[16];
        memset(value, (int)(i % 251), sizeof value);
        row_model_add(&model, firn_str("key"), 10 + 3 * i,
                      i % 7 == 0 ? FI_ENTRY_DELETE : FI_ENTRY_PUT,
                      firn_bytes(value, i % 7 == 0 ? 0 : sizeof value));
    }
    row_model_add(&model, firn_str("key\001"), 7, FI_ENTRY_PUT, firn_str("behind"));
    row_model_sort(&model);
    struct fi_run_env env = row_fixture_env(&fixture);
    struct fi_run_builder_options options = {.codec = FI_CODEC_LZ4};
    struct fi_run *run;
    assert_int_equal(row_model_build(&model, &env, "run", &options, NULL, &err), FIRN_OK);
    assert_int_equal(fi_row_kind.open(&env, "run", &run, &err), FIRN_OK);
    struct test_random random;
    test_random_init(&random, "row_versions", 9);
    struct fi_run_cursor *cursor;
    assert_int_equal(fi_row_kind.cursor_create(run, NULL, &cursor, &err), FIRN_OK);
    for (int i = 0; i < 2000; i++) {
        uint64_t at = test_random_below(&random, 3 * VERSIONS + 20);
        struct fi_snapshot_interval intervals[2] = {{1, 11}, {at + 13, at + 13 + at % 5}};
        struct fi_snapshot snapshot = {intervals, 2, 0, NULL};
        row_model_compare_get(&model, run, firn_str("key"), &snapshot);
        snapshot = (struct fi_snapshot){intervals, 1, 0, NULL};
        row_model_compare_get(&model, run, firn_str("key"), &snapshot);
        row_model_compare_seek(&model, cursor, firn_str("key"), at);
    }
    struct fi_snapshot_interval all = {1, UINT64_MAX};
    struct fi_snapshot snapshot = {&all, 1, 0, NULL};
    row_model_compare_get(&model, run, firn_str("key"), &snapshot);
    row_model_compare_get(&model, run, firn_str("key\001"), &snapshot);
    row_model_compare_get(&model, run, firn_str("kez"), &snapshot);
    /* A view of one old commit is answered from one or two blocks, not from all newer ones. */
    struct fi_block_cache_stats before;
    struct fi_block_cache_stats after;
    fi_block_cache_stats(fixture.cache, &before);
    struct fi_snapshot_interval old = {10, 10};
    snapshot = (struct fi_snapshot){&old, 1, 0, NULL};
    row_model_compare_get(&model, run, firn_str("key"), &snapshot);
    fi_block_cache_stats(fixture.cache, &after);
    assert_true(after.hits + after.misses <= before.hits + before.misses + 12);
    fi_row_kind.cursor_destroy(cursor);
    row_model_compare_scan(&model, run, true);
    row_model_check_is_clean(run);
    fi_row_kind.close(run);
    row_model_deinit(&model);
    row_fixture_deinit(&fixture);
}

/* ---- ranges ---- */

struct seen_ranges {
    const struct row_model *model;
    size_t count;
};

static int
see_range(void *ctx, const struct fi_range *range, firn_error *err)
{
    (void)err;
    struct seen_ranges *seen = ctx;
    bool is_known = false;
    for (size_t i = 0; i < seen->model->range_count; i++) {
        const struct fi_range *known = &seen->model->ranges[i];
        is_known |= known->sequence == range->sequence && known->lower.size == range->lower.size &&
                    known->upper.size == range->upper.size &&
                    memcmp(known->lower.data, range->lower.data, range->lower.size) == 0 &&
                    memcmp(known->upper.data, range->upper.data, range->upper.size) == 0;
    }
    assert_true(is_known);
    seen->count++;
    return FIRN_OK;
}

static void
check_ranges(const struct row_model *model)
{
    firn_error err;
    struct row_fixture fixture;
    row_fixture_init(&fixture, 1 << 20);
    struct fi_run_env env = row_fixture_env(&fixture);
    struct fi_run_builder_options options = {.codec = FI_CODEC_ZSTD, .codec_level = 1};
    struct fi_run_summary summary;
    struct fi_run *run;
    assert_int_equal(row_model_build(model, &env, "run", &options, &summary, &err), FIRN_OK);
    row_model_compare_summary(model, &summary);
    fi_run_summary_deinit(&summary);
    assert_int_equal(fi_row_kind.open(&env, "run", &run, &err), FIRN_OK);
    row_model_compare_summary(model, fi_row_kind.summary(run));
    struct seen_ranges seen = {.model = model};
    assert_int_equal(
        fi_range_set_visit(fi_row_kind.ranges(run), NULL, NULL, see_range, &seen, &err), FIRN_OK);
    assert_int_equal(seen.count, model->range_count);
    row_model_compare_scan(model, run, true);
    struct fi_snapshot_interval all = {1, UINT64_MAX};
    struct fi_snapshot snapshot = {&all, 1, 0, NULL};
    row_model_compare_get(model, run, firn_str("m"), &snapshot);
    row_model_check_is_clean(run);
    fi_row_kind.close(run);
    row_fixture_deinit(&fixture);
}

static void
range_deletes_come_back_and_widen_the_bounds(void **state)
{
    struct row_model model = {0};
    row_model_add_range(&model, firn_str("b"), firn_str("x"), 9);
    check_ranges(&model); /* nothing but a range */
    row_model_add_range(&model, firn_str(""), firn_str("a"), 100);
    row_model_add_range(&model, firn_str("b"), firn_str("x"), 3);
    row_model_add(&model, firn_str("m"), 50, FI_ENTRY_PUT, firn_str("1"));
    check_ranges(&model);
    row_model_add(&model, firn_str("z"), 51, FI_ENTRY_PUT, firn_str("1"));
    check_ranges(&model);
    row_model_deinit(&model);
    /* More than one block of the file holds. */
    static uint8_t bound[60000];
    for (uint64_t i = 0; i < 40; i++) {
        memset(bound, (int)i, sizeof bound);
        bound[0] = 'b';
        row_model_add_range(&model, firn_bytes(bound, sizeof bound), firn_str("c"), 1 + i);
    }
    check_ranges(&model);
    row_model_deinit(&model);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_answer_as_the_model_does),
        cmocka_unit_test(runs_of_every_small_size_answer_as_the_model_does),
        cmocka_unit_test(versions_of_one_key_that_fill_many_blocks_are_found_by_sequence),
        cmocka_unit_test(range_deletes_come_back_and_widen_the_bounds),
    };
    return cmocka_run_group_tests_name("row_model", tests, NULL, NULL);
}
