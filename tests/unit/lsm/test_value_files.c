/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lsm: trees whose large values lie in value files: when they are written, which compactions
 * leave alone, when a file goes; clones, loads, readers elsewhere, damage.
 */
#include "support/lsm/lsm_fixture.h"

#include "base/buf.h"
#include "compaction/compaction.h"
#include "firn/store.h"
#include "lsm/lsm_internal.h"
#include "support/test_file.h"
#include "support/test_os.h"

enum { LARGE = 1000, KEYS_FROM = 20 };

static struct fixture fixture;
static struct fi_os_dir *runs;

static int
setup(void **state)
{
    firn_error err;
    fixture_init_in_memory(&fixture, 0);
    fixture.separates = true;
    fixture.options.value_file_bytes_target = 64 << 10;
    fixture.options.value_file_bytes_small = 1;
    TEST_OK(fixture_open(&fixture, &err), &err);
    TEST_OK(fi_os_dir_open(fixture.dir, "runs", &runs, &err), &err);
    return 0;
}

static int
teardown(void **state)
{
    fi_os_dir_close(runs);
    fixture_deinit_in_memory(&fixture);
    return 0;
}

static void
reopen(void)
{
    firn_error err;
    fixture_close(&fixture);
    TEST_OK(fixture_open(&fixture, &err), &err);
}

static struct fi_lsm_stats
stats_of(void)
{
    struct fi_lsm_stats stats;
    fi_lsm_stats(fixture.lsm, NULL, &stats);
    return stats;
}

struct names {
    char names[64][64];
    size_t count;
};

static int
note_name(void *ctx, const struct fi_os_dirent *entry)
{
    struct names *names = ctx;
    if (strstr(entry->name, ".values") != NULL) {
        assert_true(names->count < 64);
        (void)snprintf(names->names[names->count++], 64, "%s", entry->name);
    }
    return FIRN_OK;
}

static struct names
value_files(void)
{
    firn_error err;
    struct names names = {.count = 0};
    struct fi_os_dir *dir;
    TEST_OK(fi_os_dir_open(fixture.dir, "runs", &dir, &err), &err);
    TEST_OK(fi_os_dir_list(dir, note_name, &names, &err), &err);
    fi_os_dir_close(dir);
    return names;
}

static void
put_keys(unsigned begin, unsigned end, unsigned size)
{
    for (unsigned key = begin; key < end; key++) {
        assert_int_equal(fixture_put(&fixture, 0, key, size), FIRN_OK);
    }
}

static void
flush(void)
{
    firn_error err;
    TEST_OK(fixture_flush(&fixture, &err), &err);
}

static void
work(bool is_unhurried)
{
    firn_error err;
    TEST_OK(fixture_work(&fixture, is_unhurried, &err), &err);
    fixture_compare(&fixture, 0, 0);
}

static void
values_are_separated_from_a_size_on(void **state)
{
    assert_int_equal(fixture_put(&fixture, 0, 20, 99), FIRN_OK);
    flush();
    assert_int_equal(value_files().count, 0);
    assert_int_equal(fixture_put(&fixture, 0, 20, 100), FIRN_OK);
    flush();
    assert_int_equal(value_files().count, 1);
    assert_int_equal(stats_of().values.files, 1);
    assert_true(stats_of().values.bytes >= 100 && stats_of().values.bytes < 200);
    assert_true(stats_of().values.bytes == stats_of().values.live_bytes);
    fixture_compare_all(&fixture);
    fixture_check(&fixture);
    reopen();
    assert_int_equal(stats_of().values.files, 1);
    fixture_compare_all(&fixture);
    /* A tree that does not separate leaves values in runs. */
    fi_lsm_tree_separate_values(fixture.trees[1], false);
    assert_int_equal(fixture_put(&fixture, 1, 20, LARGE), FIRN_OK);
    flush();
    assert_int_equal(value_files().count, 1);
    fixture_compare_all(&fixture);
}

static void
compactions_leave_living_values_where_they_lie(void **state)
{
    for (unsigned i = 0; i < 8; i++) {
        put_keys(KEYS_FROM + 10 * i, KEYS_FROM + 10 * (i + 1), LARGE);
        flush();
    }
    uint64_t before = stats_of().compaction_write_bytes;
    struct names names = value_files();
    assert_int_equal(names.count, 8);
    work(true);
    assert_true(stats_of().compactions > 0);
    /* What they wrote is small against 80 values. */
    assert_true(stats_of().compaction_write_bytes - before < 20000);
    struct names after = value_files();
    assert_int_equal(after.count, 8);
    assert_memory_equal(names.names, after.names, sizeof names.names);
    assert_int_equal(stats_of().values.live_bytes, stats_of().values.bytes);
    fixture_check(&fixture);
}

static void
a_file_goes_when_more_than_half_of_it_is_dead(void **state)
{
    put_keys(20, 40, LARGE);
    flush();
    work(false);
    struct names first = value_files();
    assert_int_equal(first.count, 1);
    /* Half of it: it stays. */
    put_keys(20, 30, 10);
    for (unsigned i = 0; i < 3; i++) {
        put_keys(150, 152, 10);
        flush();
    }
    work(false);
    assert_true(test_os_has(runs, first.names[0]));
    assert_int_equal(2 * stats_of().values.live_bytes, stats_of().values.bytes);
    /* One more. */
    for (unsigned i = 0; i < 3; i++) {
        put_keys(30, 31, 10);
        flush();
    }
    work(false);
    assert_false(test_os_has(runs, first.names[0]));
    assert_int_equal(value_files().count, 1);
    assert_int_equal(stats_of().values.live_bytes, stats_of().values.bytes);
    /* The sequences are what they were: a view from before still reads the same. */
    fixture_compare_all(&fixture);
    fixture_check(&fixture);
    reopen();
    fixture_compare_all(&fixture);
}

static void
what_a_snapshot_sees_is_alive(void **state)
{
    put_keys(20, 40, LARGE);
    flush();
    size_t snapshot = fixture_checkpoint(&fixture);
    struct names first = value_files();
    for (unsigned i = 0; i < 4; i++) {
        put_keys(20, 40, 10);
        flush();
    }
    work(true);
    assert_true(test_os_has(runs, first.names[0]));
    fixture_compare_all(&fixture);
    fixture_remove_snapshot(&fixture, snapshot);
    put_keys(20, 21, 10);
    flush();
    work(true);
    assert_int_equal(value_files().count, 0);
    assert_int_equal(stats_of().values.files, 0);
    assert_int_equal(stats_of().values.bytes, 0);
    fixture_compare_all(&fixture);
}

static void
without_a_hurry_everything_dead_is_freed(void **state)
{
    put_keys(20, 60, LARGE);
    flush();
    put_keys(20, 22, 10);
    flush();
    work(true);
    assert_int_equal(stats_of().values.live_bytes, stats_of().values.bytes);
    assert_int_equal(value_files().count, 1);
    assert_true(stats_of().values.bytes < 39 * (LARGE + 40));
    fixture_check(&fixture);
}

static void
small_files_become_one(void **state)
{
    fixture.options.value_file_bytes_small = 8000;
    reopen();
    for (unsigned i = 0; i < 6; i++) {
        /* They overlap, so that none just moves down. */
        put_keys(20 + i, 21 + i, LARGE);
        put_keys(40 + i, 41 + i, LARGE);
        flush();
    }
    assert_int_equal(value_files().count, 6);
    work(true);
    assert_int_equal(value_files().count, 1);
    struct names names = value_files();
    /* It is large enough now. */
    for (unsigned i = 0; i < 4; i++) {
        put_keys(100 + i, 101 + i, 10);
        flush();
    }
    work(true);
    assert_true(test_os_has(runs, names.names[0]));
    fixture_compare_all(&fixture);
}

static void
large_outputs_have_several_files(void **state)
{
    fixture.options.value_file_bytes_target = 5000;
    fixture.options.value_file_bytes_small = 1;
    reopen();
    put_keys(20, 50, LARGE);
    flush();
    assert_int_equal(value_files().count, 6);
    fixture_compare_all(&fixture);
    fixture_check(&fixture);
}

static void
a_dropped_tree_takes_its_value_files_along(void **state)
{
    firn_error err;
    put_keys(20, 30, LARGE);
    flush();
    assert_int_equal(value_files().count, 1);
    TEST_OK(fi_lsm_tree_drop(fixture.trees[0], &err), &err);
    assert_int_equal(value_files().count, 0);
    assert_int_equal(test_os_count(runs), 0);
    fixture.tree_ids[0] = fixture.next_tree_id++;
    reopen();
    fixture_compare_all(&fixture);
}

static void
value_files_wait_for_cursors_and_for_readers_elsewhere(void **state)
{
    firn_error err;
    put_keys(20, 24, LARGE);
    flush();
    struct names names = value_files();
    struct fi_snapshot_interval interval = {1, fixture.sequence};
    const struct fi_snapshot before = {&interval, 1, 0, NULL};
    struct fi_lsm_cursor *cursor;
    struct fi_lsm_cursor_options options = {.snapshot = &before};
    TEST_OK(fi_lsm_cursor_create(fixture.trees[0], &options, &cursor, &err), &err);
    fixture.reader_version = fi_lsm_version(fixture.lsm);
    put_keys(20, 24, 10);
    flush();
    work(true);
    assert_true(test_os_has(runs, names.names[0]));
    TEST_OK(fi_lsm_cursor_first(cursor, &err), &err);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(fi_lsm_cursor_entry(cursor)->value.size, LARGE);
        TEST_OK(fi_lsm_cursor_next(cursor, &err), &err);
    }
    fi_lsm_cursor_destroy(cursor);
    fi_lsm_collect(fixture.lsm);
    assert_true(test_os_has(runs, names.names[0]));
    reopen();
    assert_true(test_os_has(runs, names.names[0]));
    fixture.reader_version = UINT64_MAX;
    fi_lsm_collect(fixture.lsm);
    assert_int_equal(value_files().count, 0);
    fixture_compare_all(&fixture);
}

static void
a_load_separates_values_too(void **state)
{
    firn_error err;
    struct fi_compaction_load *bulk;
    static const uint8_t value[LARGE] = {1, 2, 3};
    for (unsigned round = 0; round < 2; round++) {
        bool is_installed = round == 1;
        TEST_OK(fi_compaction_load_create(fixture.trees[0], &bulk, &err), &err);
        for (unsigned key = 20; key < 40; key++) {
            char bytes[FIXTURE_KEY_SIZE];
            const struct fi_entry entry = {.key = fixture_key(key, bytes),
                                           .value = firn_bytes(value, sizeof value),
                                           .sequence = 1,
                                           .kind = FI_ENTRY_PUT};
            TEST_OK(fi_compaction_load_add(bulk, &entry, &err), &err);
        }
        TEST_OK(fi_compaction_load_finish(bulk, &err), &err);
        assert_int_equal(value_files().count, 1);
        if (is_installed) {
            fi_compaction_load_hold(bulk);
            bool is_certain;
            TEST_OK(fi_compaction_load_install(&bulk, 1, &is_certain, &err), &err);
            fi_compaction_load_release(bulk);
        }
        fi_compaction_load_destroy(bulk);
        assert_int_equal(value_files().count, is_installed ? 1 : 0);
    }
    assert_int_equal(stats_of().values.files, 1);
    struct fi_snapshot now = fixture_snapshot_of(&fixture, 0);
    struct fi_buf out = {0};
    char bytes[FIXTURE_KEY_SIZE];
    TEST_OK(fi_lsm_tree_get(fixture.trees[0], fixture_key(30, bytes), &now, &out, &err), &err);
    assert_int_equal(out.size, LARGE);
    assert_memory_equal(out.data, value, LARGE);
    fi_buf_deinit(&out);
}

static void
apply(enum fi_entry_kind kind, firn_slice value)
{
    firn_error err;
    const struct fi_entry entry = {
        .key = firn_str("key"), .value = value, .sequence = ++fixture.sequence, .kind = kind};
    const struct fi_lsm_place place = {.segment = 1};
    TEST_OK(fi_lsm_tree_apply(fixture.trees[0], &entry, &place, &err), &err);
    TEST_OK(fixture_flush(&fixture, &err), &err);
}

static void
operands_stay_beside_the_value_that_they_change(void **state)
{
    firn_error err;
    struct fi_buf out = {0};
    struct fi_lsm_cursor *cursor;
    struct fi_snapshot now = fixture_snapshot_of(&fixture, 0);
    const struct fi_lsm_cursor_options options = {.snapshot = &now};
    static const uint8_t plus[] = {FIRN_MERGE_APPEND, '+'};
    static uint8_t value[LARGE + 3];
    memset(value, 'v', LARGE);
    memset(value + LARGE, '+', 3);
    apply(FI_ENTRY_PUT, firn_bytes(value, LARGE));
    for (size_t count = 1; count <= 3; count++) {
        apply(FI_ENTRY_MERGE, firn_bytes(plus, sizeof plus));
        for (unsigned round = 0; round < 2; round++) {
            TEST_OK(fi_lsm_tree_get(fixture.trees[0], firn_str("key"), &now, &out, &err), &err);
            assert_int_equal(out.size, LARGE + count);
            assert_memory_equal(out.data, value, out.size);
            TEST_OK(fi_lsm_cursor_create(fixture.trees[0], &options, &cursor, &err), &err);
            TEST_OK(fi_lsm_cursor_last(cursor, &err), &err);
            assert_int_equal(fi_lsm_cursor_entry(cursor)->value.size, LARGE + count);
            assert_memory_equal(fi_lsm_cursor_entry(cursor)->value.data, value, LARGE + count);
            fi_lsm_cursor_destroy(cursor);
            TEST_OK(fixture_work(&fixture, true, &err), &err);
        }
        /* The value was not written again, and the operands became one. */
        assert_int_equal(value_files().count, 1);
        assert_int_equal(stats_of().levels[FI_VERSION_LEVELS - 1].entries, 2);
    }
    fi_buf_deinit(&out);
}

static void
a_clone_has_the_value_files(void **state)
{
    firn_error err;
    struct fi_os_dir *target;
    struct fi_lsm *clone;
    for (unsigned i = 0; i < 3; i++) {
        put_keys(20 + 10 * i, 30 + 10 * i, LARGE);
        flush();
    }
    /* Several runs refer to one file. */
    work(true);
    TEST_OK(fi_os_make_dir(fixture.dir, "clone", 0700, &err), &err);
    TEST_OK(fi_os_dir_open(fixture.dir, "clone", &target, &err), &err);
    const struct fi_lsm_clone options = {.dir = target, .sequence = fixture.sequence};
    TEST_OK(fi_lsm_clone(fixture.lsm, &options, &err), &err);
    struct fi_lsm *own = fixture.lsm;
    struct fi_lsm_tree *own_tree = fixture.trees[0];
    TEST_OK(fi_lsm_open(target, &fixture.options, false, &clone, &err), &err);
    fixture.lsm = clone;
    TEST_OK(fi_lsm_tree_open(clone, fixture.tree_ids[0], NULL, &fixture.trees[0], &err), &err);
    fixture_compare(&fixture, 0, 0);
    fixture_check(&fixture);
    assert_int_equal(stats_of().values.files, 3);
    TEST_OK(fi_lsm_close(clone, &err), &err);
    fixture.lsm = own;
    fixture.trees[0] = own_tree;
    fi_os_dir_close(target);
}

/* ---- damage ---- */

static void
note_damage(void *ctx, const char *text)
{
    ++*(unsigned *)ctx;
    assert_non_null(strstr(text, "values"));
}

/* Gets fail, name the key, and nothing else does; a compaction that need not read it goes on. */
static void
assert_unreadable(const char *text)
{
    firn_error err;
    struct fi_buf out = {0};
    struct fi_snapshot now = fixture_snapshot_of(&fixture, 0);
    char bytes[FIXTURE_KEY_SIZE];
    unsigned damages = 0;
    TEST_OK(fixture_open(&fixture, &err), &err);
    TEST_OK(fi_lsm_tree_get(fixture.trees[0], fixture_key(60, bytes), &now, &out, &err), &err);
    assert_int_equal(fi_lsm_tree_get(fixture.trees[0], fixture_key(20, bytes), &now, &out, &err),
                     FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "key-000020"));
    assert_non_null(strstr(err.text, text));
    assert_int_equal(fi_lsm_check(fixture.lsm, note_damage, &damages, NULL, &err), FIRN_CORRUPT);
    assert_true(damages > 0);
    assert_int_equal(fixture_put(&fixture, 0, 61, 10), FIRN_OK);
    TEST_OK(fixture_flush(&fixture, &err), &err);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    TEST_OK(fi_lsm_tree_get(fixture.trees[0], fixture_key(60, bytes), &now, &out, &err), &err);
    fi_buf_deinit(&out);
}

static void
a_value_file_that_is_missing_hides_its_values_alone(void **state)
{
    firn_error err;
    put_keys(20, 30, LARGE);
    put_keys(60, 61, 10);
    flush();
    struct names names = value_files();
    fixture_close(&fixture);
    TEST_OK(fi_os_remove_file(runs, names.names[0], &err), &err);
    assert_unreadable("is missing");
}

static void
a_damaged_value_hides_itself_alone(void **state)
{
    struct fi_buf bytes = {0};
    put_keys(20, 30, LARGE);
    put_keys(60, 61, 10);
    flush();
    struct names names = value_files();
    fixture_close(&fixture);
    test_file_read(runs, names.names[0], &bytes);
    bytes.data[128 + 500] ^= 1;
    test_file_write(runs, names.names[0], bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    assert_unreadable("block at 128");
    char key[FIXTURE_KEY_SIZE];
    firn_error err;
    struct fi_buf out = {0};
    struct fi_snapshot now = fixture_snapshot_of(&fixture, 0);
    TEST_OK(fi_lsm_tree_get(fixture.trees[0], fixture_key(21, key), &now, &out, &err), &err);
    fi_buf_deinit(&out);
}

static void
another_file_under_the_name_is_noticed(void **state)
{
    struct fi_buf bytes = {0};
    put_keys(40, 50, LARGE);
    flush();
    put_keys(20, 30, LARGE);
    put_keys(60, 61, 10);
    flush();
    struct names names = value_files();
    assert_int_equal(names.count, 2);
    fixture_close(&fixture);
    /* They have the same size, and values in the same places. */
    test_file_read(runs, names.names[0], &bytes);
    test_file_write(runs, names.names[1], bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    assert_unreadable("is not the file of values that MANIFEST names");
}

static void
a_damaged_value_stops_the_compaction_that_would_move_it(void **state)
{
    firn_error err;
    struct fi_buf bytes = {0};
    put_keys(20, 40, LARGE);
    flush();
    work(true);
    struct names names = value_files();
    test_file_read(runs, names.names[0], &bytes);
    bytes.data[128 + 500] ^= 1;
    test_file_write(runs, names.names[0], bytes.data, bytes.size);
    reopen();
    put_keys(21, 39, 10);
    flush();
    int rc = FIRN_OK;
    for (unsigned i = 0; i < 3 && rc == FIRN_OK; i++) {
        rc = fixture_work(&fixture, true, &err);
    }
    assert_int_equal(rc, FIRN_CORRUPT);
    assert_true(test_os_has(runs, names.names[0]));
    /* Nothing else was lost; when the damage is mended all goes on. */
    bytes.data[128 + 500] ^= 1;
    test_file_write(runs, names.names[0], bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    reopen();
    fixture_compare_all(&fixture);
    work(true);
    assert_false(test_os_has(runs, names.names[0]));
    fixture_check(&fixture);
}

static void
strays_are_removed_and_named_files_are_not(void **state)
{
    put_keys(20, 30, LARGE);
    flush();
    struct names names = value_files();
    fixture_close(&fixture);
    test_file_write(runs, "000900.values", "x", 1);
    test_file_write(runs, "000901.values.tmp", "x", 1);
    firn_error err;
    TEST_OK(fixture_open(&fixture, &err), &err);
    fi_lsm_collect(fixture.lsm);
    assert_int_equal(value_files().count, 1);
    assert_true(test_os_has(runs, names.names[0]));
    fixture_compare_all(&fixture);
    put_keys(40, 50, LARGE);
    flush();
    assert_true(test_os_has(runs, "000903.values") || test_os_has(runs, "000902.values"));
}

static void
runs_that_contradict_each_other_keep_the_store_closed(void **state)
{
    firn_error err;
    struct fi_os_dir *dir;
    struct fi_lsm *lsm;
    struct fi_manifest *manifest;
    for (unsigned mistake = 0; mistake < 3; mistake++) {
        const char *names[] = {"m0", "m1", "m2"};
        const struct fi_manifest_reference a = {3, 77, 1000, 400};
        const struct fi_manifest_reference b = {3, mistake == 1 ? 78 : 77,
                                                mistake == 2 ? 1001 : 1000, 400};
        const struct fi_manifest_run first = {.number = 1,
                                              .kind = FI_BLOCK_FILE_ROW,
                                              .file_bytes = 500,
                                              .entry_count = 1,
                                              .content_bytes = 500,
                                              .sequence_min = 1,
                                              .sequence_max = 1,
                                              .references = &a,
                                              .reference_count = 1,
                                              .lower = firn_str("a"),
                                              .upper = firn_str("b")};
        struct fi_manifest_run second = first;
        second.number = 2;
        second.references = &b;
        const struct fi_manifest_tree trees[] = {
            {.id = 1, .kind = 1, .flushed = 1, .added = &first, .added_count = 1},
            {.id = 2, .kind = 1, .flushed = 1, .added = &second, .added_count = 1}};
        const struct fi_manifest_edit edit = {
            .version = 1, .next_number = 9, .sequence = 1, .trees = trees, .tree_count = 2};
        TEST_OK(fi_os_make_dir(fixture.dir, names[mistake], 0700, &err), &err);
        TEST_OK(fi_os_dir_open(fixture.dir, names[mistake], &dir, &err), &err);
        TEST_OK(fi_manifest_create(dir, NULL, &manifest, &err), &err);
        TEST_OK(fi_manifest_append(manifest, &edit, &err), &err);
        TEST_OK(fi_manifest_close(manifest, &err), &err);
        int rc = fi_lsm_open(dir, &fixture.options, false, &lsm, &err);
        assert_int_equal(rc, mistake == 0 ? FIRN_OK : FIRN_CORRUPT);
        if (rc == FIRN_OK) {
            TEST_OK(fi_lsm_close(lsm, &err), &err);
        } else {
            assert_non_null(strstr(err.text, "the value file 3"));
        }
        fi_os_dir_close(dir);
    }
}

static int
copy_file(void *ctx, const struct fi_os_dirent *entry)
{
    struct fi_os_dir *to = ctx;
    struct fi_buf bytes = {0};
    test_file_read(runs, entry->name, &bytes);
    test_file_write(to, entry->name, bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    return FIRN_OK;
}

/* Another store with the same files, whose MANIFEST gives each of two runs the value file of the
 * other. */
static struct fi_os_dir *
make_liar(void)
{
    firn_error err;
    struct fi_os_dir *dir;
    struct fi_os_dir *copies;
    struct fi_manifest *manifest;
    struct fi_lsm_superversion *tree_state = fi_lsm_superversion_of(fixture.trees[0]);
    const struct fi_version_level *level = &tree_state->version->levels[0];
    assert_int_equal(level->count, 2);
    struct fi_manifest_run lies[2];
    for (size_t i = 0; i < 2; i++) {
        /* The newest comes first there, and last in MANIFEST. */
        lies[i] = fi_version_file(level, 1 - i)->info;
        lies[i].references = fi_version_file(level, i)->info.references;
    }
    const struct fi_manifest_tree tree = {.id = fixture.tree_ids[0],
                                          .kind = 1,
                                          .flushed = fixture.sequence,
                                          .added = lies,
                                          .added_count = 2};
    const struct fi_manifest_edit edit = {.version = 1,
                                          .next_number = 99,
                                          .sequence = fixture.sequence,
                                          .trees = &tree,
                                          .tree_count = 1};
    TEST_OK(fi_os_make_dir(fixture.dir, "liar", 0700, &err), &err);
    TEST_OK(fi_os_dir_open(fixture.dir, "liar", &dir, &err), &err);
    TEST_OK(fi_os_make_dir(dir, "runs", 0700, &err), &err);
    TEST_OK(fi_os_dir_open(dir, "runs", &copies, &err), &err);
    TEST_OK(fi_os_dir_list(runs, copy_file, copies, &err), &err);
    TEST_OK(fi_manifest_create(dir, NULL, &manifest, &err), &err);
    TEST_OK(fi_manifest_append(manifest, &edit, &err), &err);
    TEST_OK(fi_manifest_close(manifest, &err), &err);
    fi_os_dir_close(copies);
    fi_lsm_superversion_unref(tree_state);
    return dir;
}

static void
a_run_reaches_no_file_but_those_that_manifest_gives_it(void **state)
{
    firn_error err;
    struct fi_lsm *lsm;
    struct fi_lsm_tree *tree;
    struct fi_compaction_work *job;
    struct fi_buf out = {0};
    const struct fi_compaction_work_wish wish = {.compactions = true, .is_unhurried = true};
    struct fi_snapshot now = fixture_snapshot_of(&fixture, 0);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned key = 20; key < 30; key++) {
            assert_int_equal(fixture_put(&fixture, 0, 2 * key + round, LARGE), FIRN_OK);
        }
        flush();
    }
    struct fi_os_dir *dir = make_liar();
    TEST_OK(fi_lsm_open(dir, &fixture.options, false, &lsm, &err), &err);
    TEST_OK(fi_lsm_tree_open(lsm, fixture.tree_ids[0], NULL, &tree, &err), &err);
    for (unsigned key = 40; key < 60; key++) {
        char bytes[FIXTURE_KEY_SIZE];
        assert_int_equal(fi_lsm_tree_get(tree, fixture_key(key, bytes), &now, &out, &err),
                         FIRN_CORRUPT);
        assert_non_null(strstr(err.text, "may not refer"));
    }
    TEST_OK(fi_compaction_work_pick(lsm, &wish, &job, &err), &err);
    assert_non_null(job);
    assert_int_equal(fi_compaction_run(job, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "may not refer"));
    TEST_OK(fi_lsm_close(lsm, &err), &err);
    fi_buf_deinit(&out);
    fi_os_dir_close(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_are_separated_from_a_size_on, setup, teardown),
        cmocka_unit_test_setup_teardown(compactions_leave_living_values_where_they_lie, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_file_goes_when_more_than_half_of_it_is_dead, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_a_snapshot_sees_is_alive, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_hurry_everything_dead_is_freed, setup, teardown),
        cmocka_unit_test_setup_teardown(small_files_become_one, setup, teardown),
        cmocka_unit_test_setup_teardown(large_outputs_have_several_files, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dropped_tree_takes_its_value_files_along, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(value_files_wait_for_cursors_and_for_readers_elsewhere,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_load_separates_values_too, setup, teardown),
        cmocka_unit_test_setup_teardown(operands_stay_beside_the_value_that_they_change, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_clone_has_the_value_files, setup, teardown),
        cmocka_unit_test_setup_teardown(a_value_file_that_is_missing_hides_its_values_alone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_damaged_value_hides_itself_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(another_file_under_the_name_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_value_stops_the_compaction_that_would_move_it,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(strays_are_removed_and_named_files_are_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(runs_that_contradict_each_other_keep_the_store_closed,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_run_reaches_no_file_but_those_that_manifest_gives_it,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
