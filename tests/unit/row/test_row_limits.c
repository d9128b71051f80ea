/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/row: the edges: empty keys and values, the longest ones, values in pieces, entries that are
 * refused, keys whose separators are long, memory while large values are read.
 */
#include "unit/row/row_fixture.h"

#include <stdio.h>

#include "base/mem.h"
#include "row/row_format.h"
#include "row/row_internal.h"

static struct fi_snapshot_interval all_interval = {1, UINT64_MAX};
static const struct fi_snapshot all = {&all_interval, 1, 0, NULL};

/* Builds and opens a run of the model. */
static struct fi_run *
open_model(const struct row_model *model, const struct row_fixture *fixture, enum fi_codec codec)
{
    firn_error err;
    struct fi_run *run;
    struct fi_run_env env = row_fixture_env(fixture);
    struct fi_run_builder_options options = {.codec = codec, .codec_level = 1};
    assert_int_equal(row_model_build(model, &env, "run", &options, NULL, &err), FIRN_OK);
    assert_int_equal(fi_row_kind.open(&env, "run", &run, &err), FIRN_OK);
    return run;
}

/* Everything a run can be asked, of a small model. */
static void
compare_all(const struct row_model *model, struct fi_run *run)
{
    struct fi_run_cursor *cursor;
    row_model_compare_summary(model, fi_row_kind.summary(run));
    row_model_compare_scan(model, run, false);
    row_model_compare_scan(model, run, true);
    assert_int_equal(fi_row_kind.cursor_create(run, NULL, &cursor, NULL), FIRN_OK);
    for (size_t i = 0; i < model->count; i++) {
        row_model_compare_get(model, run, model->entries[i].key, &all);
        row_model_compare_seek(model, cursor, model->entries[i].key, model->entries[i].sequence);
        row_model_compare_seek(model, cursor, model->entries[i].key, UINT64_MAX);
    }
    fi_row_kind.cursor_destroy(cursor);
    row_model_check_is_clean(run);
}

static void
the_empty_key_is_a_key_and_the_empty_value_a_value(void **state)
{
    struct row_fixture fixture;
    struct row_model model = {0};
    row_fixture_init(&fixture, 1 << 20);
    row_model_add(&model, firn_bytes(NULL, 0), 3, FI_ENTRY_PUT, firn_bytes(NULL, 0));
    struct fi_run *run = open_model(&model, &fixture, FI_CODEC_LZ4);
    compare_all(&model, run);
    row_model_compare_get(&model, run, firn_str("x"), &all);
    fi_row_kind.close(run);
    assert_int_equal(fi_os_remove_file(fixture.dir, "run", NULL), FIRN_OK);
    row_model_add(&model, firn_bytes(NULL, 0), 2, FI_ENTRY_DELETE, firn_bytes(NULL, 0));
    row_model_add(&model, firn_bytes("\0", 1), 2, FI_ENTRY_PUT, firn_bytes("\0\0", 2));
    row_model_add(&model, firn_bytes("\0\0", 2), 2, FI_ENTRY_DELETE, firn_bytes(NULL, 0));
    row_model_add(&model, firn_bytes("\0a\0", 3), 0, FI_ENTRY_PUT, firn_str("sequence 0"));
    row_model_add(&model, firn_bytes("\0a\0", 3), UINT64_MAX - 1, FI_ENTRY_PUT, firn_str("last"));
    row_model_sort(&model);
    run = open_model(&model, &fixture, FI_CODEC_ZSTD);
    compare_all(&model, run);
    fi_row_kind.close(run);
    row_model_deinit(&model);
    row_fixture_deinit(&fixture);
}

static void
the_longest_keys_and_values_around_every_edge_come_back(void **state)
{
    struct row_fixture fixture;
    struct row_model model = {0};
    struct test_random random;
    test_random_init(&random, "row_limits", 4);
    row_fixture_init(&fixture, 8 << 20);
    enum { LONGEST = (3 << 20) + 5 };
    uint8_t *bytes = malloc(LONGEST);
    assert_non_null(bytes);
    test_random_fill(&random, bytes, LONGEST / 2);
    memset(bytes + LONGEST / 2, 7, LONGEST - LONGEST / 2);
    static const size_t sizes[] = {4095,
                                   4096,
                                   65535,
                                   FI_ROW_FORMAT_INLINE_MAX,
                                   FI_ROW_FORMAT_INLINE_MAX + 1,
                                   FI_RUN_PIECE_SIZE - 1,
                                   FI_RUN_PIECE_SIZE,
                                   FI_RUN_PIECE_SIZE + 1,
                                   LONGEST};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "value-%zu", i);
        row_model_add(&model, firn_str(key), 5 + i, i % 2 == 0 ? FI_ENTRY_PUT : FI_ENTRY_EXPIRING,
                      firn_bytes(bytes, sizes[i]));
        row_model_add(&model, firn_str(key), 4, FI_ENTRY_PUT, firn_str("older"));
        row_model_add(&model, firn_bytes(bytes, i < 3 ? sizes[i] : FI_ENTRY_KEY_SIZE_MAX), i + 1,
                      FI_ENTRY_PUT, firn_bytes(bytes + i, sizes[i % 4]));
    }
    row_model_sort(&model);
    for (int codec = FI_CODEC_NONE; codec <= FI_CODEC_ZSTD; codec++) {
        struct fi_run *run = open_model(&model, &fixture, (enum fi_codec)codec);
        compare_all(&model, run);
        fi_row_kind.close(run);
        assert_int_equal(fi_os_remove_file(fixture.dir, "run", NULL), FIRN_OK);
    }
    free(bytes);
    row_model_deinit(&model);
    row_fixture_deinit(&fixture);
}

/* ---- long keys ---- */

/* Keys that differ only at their ends, among others that have nothing in common with them. */
static void
compare_keys_that_differ_late(size_t key_size, size_t count, uint64_t bytes_most,
                              uint64_t index_part)
{
    firn_error err;
    struct row_fixture fixture;
    struct row_model model = {0};
    row_fixture_init(&fixture, 64 << 20);
    uint8_t *key = malloc(key_size);
    assert_non_null(key);
    row_model_add(&model, firn_str("a"), 1, FI_ENTRY_PUT, firn_str("before them"));
    for (size_t i = 0; i < count; i++) {
        memset(key, 'k', key_size);
        key[key_size - 2] = (uint8_t)(i >> 8);
        key[key_size - 1] = (uint8_t)i;
        row_model_add(&model, firn_bytes(key, key_size), 1 + i, FI_ENTRY_PUT,
                      firn_bytes(key, 3000));
    }
    row_model_sort(&model);
    struct fi_run *run = open_model(&model, &fixture, FI_CODEC_NONE);
    const struct fi_row *row = fi_row_read_run(run);
    /* Data is the values, and the shared part of the keys once a block. */
    uint64_t file_bytes = fi_row_kind.summary(run)->file_bytes;
    assert_true(file_bytes < bytes_most);
    assert_true(row->sections.index.raw_size < file_bytes / index_part);
    struct fi_run_cursor *cursor;
    assert_int_equal(fi_row_kind.cursor_create(run, NULL, &cursor, &err), FIRN_OK);
    for (size_t i = 0; i < model.count; i += 7) {
        row_model_compare_get(&model, run, model.entries[i].key, &all);
        row_model_compare_seek(&model, cursor, model.entries[i].key, UINT64_MAX);
    }
    fi_row_kind.cursor_destroy(cursor);
    row_model_compare_scan(&model, run, true);
    row_model_check_is_clean(run);
    fi_row_kind.close(run);
    free(key);
    row_model_deinit(&model);
    row_fixture_deinit(&fixture);
}

static void
long_keys_that_differ_late_do_not_blow_up_the_index(void **state)
{
    compare_keys_that_differ_late(65535, 600, 4000000, 6);
    compare_keys_that_differ_late(65536, 600, 4000000, 6);
    compare_keys_that_differ_late(65537, 100, 4000000, 6);
    compare_keys_that_differ_late(65538, 100, 4000000, 6);
    /* Here 32 keys, whole, end a block. */
    compare_keys_that_differ_late(FI_ENTRY_KEY_SIZE_MAX, 200, 15 * FI_ENTRY_KEY_SIZE_MAX + 800000,
                                  2);
}

/* Keys of all sizes around those that the header of a block and varints can just tell. */
static void
keys_around_the_bounds_of_fields_come_back(void **state)
{
    static const size_t sizes[] = {(1 << 11) - 1,
                                   1 << 11,
                                   (1 << 16) - 1,
                                   1 << 16,
                                   (1 << 16) + 1,
                                   (1 << 18) - 1,
                                   1 << 18,
                                   (1 << 18) + 1,
                                   FI_ENTRY_KEY_SIZE_MAX - 1,
                                   FI_ENTRY_KEY_SIZE_MAX};
    static uint8_t key[FI_ENTRY_KEY_SIZE_MAX];
    for (int shares = 0; shares < 2; shares++) {
        struct row_fixture fixture;
        struct row_model model = {0};
        row_fixture_init(&fixture, 8 << 20);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            memset(key, shares ? 'k' : 'a' + (int)i, sizes[i]);
            for (uint64_t version = 1; version <= 3; version++) {
                row_model_add(&model, firn_bytes(key, sizes[i]), version, FI_ENTRY_PUT,
                              firn_bytes(key, version * 30000 % sizes[i]));
            }
            key[sizes[i] - 1] = 'z';
            row_model_add(&model, firn_bytes(key, sizes[i]), 4, FI_ENTRY_PUT, firn_str("z"));
        }
        row_model_sort(&model);
        for (int codec = FI_CODEC_NONE; codec <= FI_CODEC_LZ4; codec++) {
            struct fi_run *run = open_model(&model, &fixture, (enum fi_codec)codec);
            compare_all(&model, run);
            fi_row_kind.close(run);
            assert_int_equal(fi_os_remove_file(fixture.dir, "run", NULL), FIRN_OK);
        }
        row_model_deinit(&model);
        row_fixture_deinit(&fixture);
    }
}

static void
versions_of_a_long_key_fill_blocks_with_wide_offsets(void **state)
{
    struct row_fixture fixture;
    struct row_model model = {0};
    row_fixture_init(&fixture, 64 << 20);
    uint8_t *key = malloc(20000);
    assert_non_null(key);
    memset(key, 'k', 20000);
    for (uint64_t i = 1; i < 1500; i++) {
        row_model_add(&model, firn_bytes(key, 20000), i, FI_ENTRY_PUT, firn_bytes(key, 200));
    }
    row_model_sort(&model);
    struct fi_run *run = open_model(&model, &fixture, FI_CODEC_NONE);
    const struct fi_row *row = fi_row_read_run(run);
    assert_true(row->sections.index.raw_size < fi_row_kind.summary(run)->file_bytes / 6);
    for (uint64_t i = 0; i < 1502; i += 11) {
        struct fi_snapshot_interval interval = {i, i + i % 3};
        struct fi_snapshot snapshot = {&interval, 1, 0, NULL};
        row_model_compare_get(&model, run, model.entries[0].key, &snapshot);
    }
    row_model_compare_scan(&model, run, false);
    row_model_check_is_clean(run);
    fi_row_kind.close(run);
    free(key);
    row_model_deinit(&model);
    row_fixture_deinit(&fixture);
}

/* ---- what is refused ---- */

struct refusal {
    const char *what;
    struct fi_entry entry;
    int expected;
};

static void
what_a_run_cannot_hold_is_refused_and_changes_nothing(void **state)
{
    firn_error err;
    struct row_fixture fixture;
    struct row_model model = {0};
    row_fixture_init(&fixture, 1 << 20);
    uint8_t *bytes = fi_alloc_zeroed(FI_ENTRY_KEY_SIZE_MAX + 1);
    assert_non_null(bytes);
    row_model_add(&model, firn_str("m"), 9, FI_ENTRY_PUT, firn_str("1"));
    row_model_add(&model, firn_str("z"), 9, FI_ENTRY_PUT, firn_str("2"));
    const struct refusal refusals[] = {
        {"a smaller key",
         {firn_str("l"), firn_str(""), 10, FI_ENTRY_PUT, NULL, NULL, false},
         FIRN_INVALID},
        {"the empty key",
         {firn_str(""), firn_str(""), 10, FI_ENTRY_PUT, NULL, NULL, false},
         FIRN_INVALID},
        {"the same entry",
         {firn_str("m"), firn_str("1"), 9, FI_ENTRY_PUT, NULL, NULL, false},
         FIRN_INVALID},
        {"a newer version",
         {firn_str("m"), firn_str("1"), 10, FI_ENTRY_PUT, NULL, NULL, false},
         FIRN_INVALID},
        {"a range",
         {firn_str("n"), firn_str("o"), 1, FI_ENTRY_RANGE_DELETE, NULL, NULL, false},
         FIRN_INVALID},
        {"no kind",
         {firn_str("n"), firn_str(""), 1, (enum fi_entry_kind)0, NULL, NULL, false},
         FIRN_INVALID},
        {"a merge without an operator",
         {firn_str("n"), firn_str(""), 1, FI_ENTRY_MERGE, NULL, NULL, false},
         FIRN_INVALID},
        {"an expiring put without a time",
         {firn_str("n"), firn_str("1234567"), 1, FI_ENTRY_EXPIRING, NULL, NULL, false},
         FIRN_INVALID},
        {"a tombstone's value",
         {firn_str("n"), firn_str("1"), 1, FI_ENTRY_DELETE, NULL, NULL, false},
         FIRN_INVALID},
        {"no sequence",
         {firn_str("n"), firn_str(""), UINT64_MAX, FI_ENTRY_PUT, NULL, NULL, false},
         FIRN_INVALID},
        {"a long key",
         {firn_bytes(bytes, FI_ENTRY_KEY_SIZE_MAX + 1), firn_str(""), 1, FI_ENTRY_PUT, NULL, NULL,
          false},
         FIRN_LIMIT},
        {"a long value",
         {firn_str("n"), firn_bytes(bytes, FI_ENTRY_VALUE_SIZE_MAX + 1), 1, FI_ENTRY_PUT, NULL,
          NULL, false},
         FIRN_LIMIT},
    };
    const struct fi_range ranges[] = {{firn_str("a"), firn_str("a"), 1},
                                      {firn_str("b"), firn_str("a"), 1},
                                      {firn_str("a"), firn_str("b"), UINT64_MAX}};
    struct fi_run_env env = row_fixture_env(&fixture);
    struct fi_run_builder_options options = {.codec = FI_CODEC_NONE};
    struct fi_run_builder *builder;
    struct fi_run_summary summary;
    assert_int_equal(fi_row_kind.builder_create(&env, "run", &options, &builder, &err), FIRN_OK);
    assert_int_equal(fi_row_kind.builder_finish(builder, &summary, &err), FIRN_MISUSE);
    assert_int_equal(fi_row_kind.builder_add(builder, &model.entries[0], &err), FIRN_OK);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        int rc = fi_row_kind.builder_add(builder, &refusals[i].entry, &err);
        if (rc != refusals[i].expected) {
            fail_msg("%s: %s", refusals[i].what, firn_code_name(rc));
        }
    }
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        assert_int_equal(fi_row_kind.builder_add_range(builder, &ranges[i], &err), FIRN_INVALID);
    }
    const struct fi_range long_range = {firn_str(""), firn_bytes(bytes, FI_ENTRY_KEY_SIZE_MAX + 2),
                                        1};
    assert_int_equal(fi_row_kind.builder_add_range(builder, &long_range, &err), FIRN_LIMIT);
    assert_int_equal(fi_row_kind.builder_add(builder, &model.entries[1], &err), FIRN_OK);
    assert_int_equal(fi_row_kind.builder_finish(builder, &summary, &err), FIRN_OK);
    row_model_compare_summary(&model, &summary);
    fi_run_summary_deinit(&summary);
    assert_int_equal(fi_row_kind.builder_add(builder, &model.entries[1], &err), FIRN_MISUSE);
    assert_int_equal(fi_row_kind.builder_add_range(builder, &ranges[0], &err), FIRN_MISUSE);
    assert_int_equal(fi_row_kind.builder_finish(builder, &summary, &err), FIRN_MISUSE);
    fi_row_kind.builder_destroy(builder);
    struct fi_run *run;
    assert_int_equal(fi_row_kind.open(&env, "run", &run, &err), FIRN_OK);
    compare_all(&model, run);
    fi_row_kind.close(run);
    assert_int_equal(fi_row_kind.builder_create(&env, "run", &options, &builder, &err),
                     FIRN_EXISTS);
    assert_null(builder);
    fi_row_kind.builder_destroy(NULL);
    fi_free(bytes);
    row_model_deinit(&model);
    row_fixture_deinit(&fixture);
}

static void
a_builder_that_is_given_up_leaves_nothing(void **state)
{
    firn_error err;
    struct row_fixture fixture;
    row_fixture_init(&fixture, 1 << 20);
    struct fi_run_env env = row_fixture_env(&fixture);
    struct fi_run_builder_options options = {.codec = FI_CODEC_ZSTD, .codec_level = 3};
    struct fi_run_builder *builder;
    struct fi_entry entry = {firn_str("a"), firn_str("b"), 1, FI_ENTRY_PUT, NULL, NULL, false};
    assert_int_equal(fi_row_kind.builder_create(&env, "run", &options, &builder, &err), FIRN_OK);
    assert_int_equal(fi_row_kind.builder_add(builder, &entry, &err), FIRN_OK);
    fi_row_kind.builder_destroy(builder);
    assert_int_equal(test_file_count(fixture.dir), 0);
    row_fixture_deinit(&fixture);
}

static void
the_size_that_a_builder_tells_is_near_that_of_the_file(void **state)
{
    firn_error err;
    struct row_fixture fixture;
    row_fixture_init(&fixture, 1 << 20);
    struct fi_run_env env = row_fixture_env(&fixture);
    for (int codec = FI_CODEC_NONE; codec <= FI_CODEC_ZSTD; codec++) {
        struct fi_run_builder_options options = {.codec = (enum fi_codec)codec, .codec_level = 1};
        struct fi_run_builder *builder;
        struct fi_run_summary summary;
        assert_int_equal(fi_row_kind.builder_create(&env, "run", &options, &builder, &err),
                         FIRN_OK);
        uint64_t before = fi_row_kind.builder_size_bytes(builder);
        for (unsigned i = 0; i < 20000; i++) {
            char key[32];
            (void)snprintf(key, sizeof key, "key-%08u", i);
            struct fi_entry entry = {
                firn_str(key), firn_str("some value or other"), 1 + i, FI_ENTRY_PUT, NULL, NULL,
                false};
            assert_int_equal(fi_row_kind.builder_add(builder, &entry, &err), FIRN_OK);
            uint64_t after = fi_row_kind.builder_size_bytes(builder);
            /* A block that was compressed counts less than before. */
            assert_true(after + 4096 >= before);
            before = after;
        }
        uint64_t told = fi_row_kind.builder_size_bytes(builder);
        assert_int_equal(fi_row_kind.builder_finish(builder, &summary, &err), FIRN_OK);
        assert_true(told < summary.file_bytes + summary.file_bytes / 20 + 8192);
        assert_true(summary.file_bytes < told + told / 20 + 8192);
        fi_run_summary_deinit(&summary);
        fi_row_kind.builder_destroy(builder);
        assert_int_equal(fi_os_remove_file(fixture.dir, "run", NULL), FIRN_OK);
    }
    row_fixture_deinit(&fixture);
}

static void
blocks_of_small_entries_fit_a_frame_of_the_cache(void **state)
{
    firn_error err;
    struct row_fixture fixture;
    struct row_model model = {0};
    struct test_random random;
    test_random_init(&random, "row_frames", 2);
    row_fixture_init(&fixture, 8 << 20);
    for (uint64_t i = 0; i < 3000; i++) {
        uint8_t key[40];
        uint8_t value[300];
        test_random_fill(&random, key, sizeof key);
        test_random_fill(&random, value, sizeof value);
        row_model_add(&model, firn_bytes(key, test_random_below(&random, sizeof key)), 1 + i,
                      FI_ENTRY_PUT, firn_bytes(value, test_random_below(&random, sizeof value)));
    }
    row_model_sort(&model);
    struct fi_run *run = open_model(&model, &fixture, FI_CODEC_NONE);
    struct fi_row_read_index index;
    assert_int_equal(fi_row_read_index(fi_row_read_run(run), &index, &err), FIRN_OK);
    assert_true(index.index.block_count > 50);
    uint64_t sum = 0;
    for (size_t i = 0; i < index.index.block_count; i++) {
        struct fi_row_index_block block;
        fi_row_index_block(&index.index, i, &block);
        assert_true(block.ref.raw_size <= FI_BLOCK_CACHE_SLOT_SIZE);
        sum += block.ref.raw_size;
    }
    /* And fill it well. */
    assert_true(sum / index.index.block_count > FI_BLOCK_CACHE_SLOT_SIZE * 85 / 100);
    fi_row_read_index_release(fi_row_read_run(run), &index);
    fi_row_kind.close(run);
    row_model_deinit(&model);
    row_fixture_deinit(&fixture);
}

static void
a_cursor_may_seek_to_the_key_that_it_shows(void **state)
{
    firn_error err;
    struct row_fixture fixture;
    struct row_model model = {0};
    row_fixture_init(&fixture, 1 << 20);
    for (unsigned i = 0; i < 20000; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "%04u-some-key", i);
        row_model_add(&model, firn_str(key), 5, FI_ENTRY_PUT, firn_str("value"));
        row_model_add(&model, firn_str(key), 4, FI_ENTRY_PUT, firn_str("value"));
    }
    row_model_sort(&model);
    struct fi_run *run = open_model(&model, &fixture, FI_CODEC_NONE);
    struct fi_run_cursor *cursor;
    assert_int_equal(fi_row_kind.cursor_create(run, NULL, &cursor, &err), FIRN_OK);
    assert_int_equal(fi_row_kind.cursor_first(cursor, &err), FIRN_OK);
    for (size_t i = 0; i < model.count; i += 2) {
        /* Past all versions of the key. */
        assert_true(cursor->is_valid);
        row_model_compare_entry(&model.entries[i], &cursor->entry);
        assert_int_equal(fi_row_kind.cursor_seek(cursor, cursor->entry.key, 0, &err), FIRN_OK);
    }
    assert_false(cursor->is_valid);
    assert_int_equal(fi_row_kind.cursor_last(cursor, &err), FIRN_OK);
    for (size_t i = model.count; i > 0; i -= 2) {
        row_model_compare_entry(&model.entries[i - 1], &cursor->entry);
        assert_int_equal(
            fi_row_kind.cursor_seek_before(cursor, cursor->entry.key, UINT64_MAX, &err), FIRN_OK);
    }
    assert_false(cursor->is_valid);
    fi_row_kind.cursor_destroy(cursor);
    fi_row_kind.close(run);
    row_model_deinit(&model);
    row_fixture_deinit(&fixture);
}

static uint64_t
misses_of(const struct row_fixture *fixture)
{
    struct fi_block_cache_stats stats;
    fi_block_cache_stats(fixture->cache, &stats);
    return stats.misses;
}

/* Where the cache has no room for the index, it is not read again for each block. */
static void
a_walk_reads_the_index_once(void **state)
{
    struct row_fixture fixture;
    struct row_model model = {0};
    static uint8_t value[300];
    row_fixture_init(&fixture, 128 << 10);
    for (unsigned i = 0; i < 20000; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%08u", i);
        row_model_add(&model, firn_str(key), 1 + i, FI_ENTRY_PUT, firn_bytes(value, sizeof value));
    }
    row_model_sort(&model);
    struct fi_run *run = open_model(&model, &fixture, FI_CODEC_NONE);
    uint64_t blocks = fi_row_kind.summary(run)->file_bytes / 4096;
    for (int way = 0; way < 4; way++) {
        const struct fi_run_cursor_options options = {.is_sequential = way >= 2};
        bool is_back = way % 2 == 1;
        struct fi_run_cursor *cursor;
        size_t count = 0;
        uint64_t misses = misses_of(&fixture);
        assert_int_equal(fi_row_kind.cursor_create(run, &options, &cursor, NULL), FIRN_OK);
        assert_int_equal(
            (is_back ? fi_row_kind.cursor_last : fi_row_kind.cursor_first)(cursor, NULL), FIRN_OK);
        for (; cursor->is_valid; count++) {
            assert_int_equal(
                (is_back ? fi_row_kind.cursor_prev : fi_row_kind.cursor_next)(cursor, NULL),
                FIRN_OK);
        }
        fi_row_kind.cursor_destroy(cursor);
        assert_int_equal(count, model.count);
        misses = misses_of(&fixture) - misses;
        assert_true(misses < blocks + blocks / 4);
        assert_true(misses <= 2 ||
                    !options.is_sequential); /* whose blocks are no matter of the cache */
    }
    fi_row_kind.close(run);
    row_model_deinit(&model);
    row_fixture_deinit(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_reads_the_index_once),
        cmocka_unit_test(the_empty_key_is_a_key_and_the_empty_value_a_value),
        cmocka_unit_test(the_longest_keys_and_values_around_every_edge_come_back),
        cmocka_unit_test(long_keys_that_differ_late_do_not_blow_up_the_index),
        cmocka_unit_test(keys_around_the_bounds_of_fields_come_back),
        cmocka_unit_test(versions_of_a_long_key_fill_blocks_with_wide_offsets),
        cmocka_unit_test(what_a_run_cannot_hold_is_refused_and_changes_nothing),
        cmocka_unit_test(a_builder_that_is_given_up_leaves_nothing),
        cmocka_unit_test(the_size_that_a_builder_tells_is_near_that_of_the_file),
        cmocka_unit_test(blocks_of_small_entries_fit_a_frame_of_the_cache),
        cmocka_unit_test(a_cursor_may_seek_to_the_key_that_it_shows),
    };
    return cmocka_run_group_tests_name("row_limits", tests, NULL, NULL);
}
