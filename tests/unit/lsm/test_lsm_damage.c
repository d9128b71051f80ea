/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lsm: runs and MANIFEST that are missing, cut short or changed: an error that says what
 * cannot be read, everything else readable, never a wrong answer.
 */
#include "support/lsm/lsm_fixture.h"

#include "base/buf.h"
#include "row/row_format.h"
#include "sim/sim_memory.h"
#include "support/test_file.h"
#include "support/test_os.h"

enum { RUNS_MAX = 64 };

struct world {
    struct fi_os *os;
    struct fixture fixture;
    struct fi_os_dir *runs;
    char names[RUNS_MAX][32];
    size_t count;
};

static struct world world;

static int
list_run(void *ctx, const struct fi_os_dirent *entry)
{
    struct world *w = ctx;
    assert_true(w->count < RUNS_MAX && entry->name_size < sizeof w->names[0]);
    memcpy(w->names[w->count++], entry->name, entry->name_size + 1);
    return FIRN_OK;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void
list_runs(void)
{
    firn_error err;
    world.count = 0;
    TEST_OK(fi_os_dir_list(world.runs, list_run, &world, &err), &err);
    qsort(world.names, world.count, sizeof world.names[0], compare_names);
}

/* Tree 0: all keys in several runs of the last level, some newer ones in level 0. Closed. */
static int
setup(void **state)
{
    firn_error err;
    struct fixture *fixture = &world.fixture;
    TEST_OK(fi_sim_memory_create(4, &world.os, &err), &err);
    fixture_init(fixture, world.os);
    TEST_OK(fixture_open(fixture, &err), &err);
    for (unsigned key = 0; key < 2 * FIXTURE_KEYS; key++) {
        assert_int_equal(fixture_put(fixture, 0, key % FIXTURE_KEYS, 100), FIRN_OK);
        if (key == FIXTURE_KEYS) {
            TEST_OK(fixture_flush(fixture, &err), &err);
        }
    }
    TEST_OK(fixture_flush(fixture, &err), &err);
    TEST_OK(fixture_work(fixture, true, &err), &err);
    for (unsigned key = 40; key < 60; key++) {
        assert_int_equal(fixture_put(fixture, 0, key, 50), FIRN_OK);
    }
    assert_int_equal(fixture_delete_range(fixture, 0, 45, 50), FIRN_OK);
    TEST_OK(fixture_flush(fixture, &err), &err);
    fixture_close(fixture);
    TEST_OK(fi_os_dir_open(fixture->dir, "runs", &world.runs, &err), &err);
    list_runs();
    assert_true(world.count > 3);
    return 0;
}

static int
teardown(void **state)
{
    fixture_deinit(&world.fixture);
    fi_os_dir_close(world.runs);
    fi_sim_memory_destroy(world.os);
    return 0;
}

/* How many keys cannot be read; the others are right. */
static unsigned
count_unreadable(const char *expected_name)
{
    struct fixture *fixture = &world.fixture;
    const struct fixture_record *model[FIXTURE_KEYS];
    struct fi_snapshot snapshot = fixture_snapshot_of(fixture, 0);
    struct fi_buf value = {0};
    struct fi_buf expected = {0};
    firn_error err;
    unsigned unreadable = 0;
    fixture_model(fixture, fixture->tree_ids[0], &snapshot, model);
    for (unsigned key = 0; key < FIXTURE_KEYS; key++) {
        char bytes[FIXTURE_KEY_SIZE];
        int rc =
            fi_lsm_tree_get(fixture->trees[0], fixture_key(key, bytes), &snapshot, &value, &err);
        if (rc == FIRN_CORRUPT || rc == FIRN_NEWER) {
            unreadable++;
            assert_non_null(strstr(err.text, expected_name));
            continue;
        }
        assert_int_equal(rc, model[key] == NULL ? FIRN_NOT_FOUND : FIRN_OK);
        if (rc == FIRN_OK) {
            fixture_value(model[key], &expected);
            assert_int_equal(value.size, expected.size);
            assert_memory_equal(value.data, expected.data, value.size);
        }
    }
    fi_buf_deinit(&value);
    fi_buf_deinit(&expected);
    return unreadable;
}

/* A walk over all keys meets the damage; entries before and after it are right. */
static unsigned
count_walked(void)
{
    struct fixture *fixture = &world.fixture;
    const struct fixture_record *model[FIXTURE_KEYS];
    struct fi_snapshot snapshot = fixture_snapshot_of(fixture, 0);
    struct fi_lsm_cursor_options options = {.snapshot = &snapshot};
    struct fi_lsm_cursor *cursor;
    firn_error err;
    unsigned walked = 0;
    fixture_model(fixture, fixture->tree_ids[0], &snapshot, model);
    TEST_OK(fi_lsm_cursor_create(fixture->trees[0], &options, &cursor, &err), &err);
    for (unsigned key = 0; key < FIXTURE_KEYS; key++) {
        char bytes[FIXTURE_KEY_SIZE];
        int rc = fi_lsm_cursor_seek(cursor, fixture_key(key, bytes), &err);
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER);
        unsigned next = key;
        while (next < FIXTURE_KEYS && model[next] == NULL) {
            next++;
        }
        if (rc == FIRN_OK) {
            assert_int_equal(fi_lsm_cursor_valid(cursor), next < FIXTURE_KEYS);
            walked++;
            if (next < FIXTURE_KEYS) {
                assert_int_equal(fi_lsm_cursor_entry(cursor)->sequence, model[next]->sequence);
            }
        } else {
            assert_false(fi_lsm_cursor_valid(cursor));
        }
    }
    fi_lsm_cursor_destroy(cursor);
    return walked;
}

struct damages {
    unsigned count;
    char text[512];
};

static void
note_damage(void *ctx, const char *text)
{
    struct damages *damages = ctx;
    damages->count++;
    (void)snprintf(damages->text, sizeof damages->text, "%s", text);
}

static void
a_missing_run_hides_its_keys_and_no_others(void **state)
{
    firn_error err;
    struct fi_buf bytes = {0};
    for (size_t i = 0; i < world.count; i++) {
        const char *name = world.names[i];
        struct damages damages = {0};
        test_file_read(world.runs, name, &bytes);
        TEST_OK(fi_os_remove_file(world.runs, name, &err), &err);
        TEST_OK(fixture_open(&world.fixture, &err), &err);
        unsigned unreadable = count_unreadable(name);
        assert_true(unreadable > 0 && unreadable < FIXTURE_KEYS - 20);
        unsigned walked = count_walked();
        assert_true(walked > 20 && walked < FIXTURE_KEYS);
        assert_int_equal(fi_lsm_check(world.fixture.lsm, note_damage, &damages, NULL, &err),
                         FIRN_CORRUPT);
        assert_int_equal(damages.count, 1);
        assert_non_null(strstr(damages.text, name));
        assert_non_null(strstr(damages.text, "is missing: cannot read keys from '"));
        /* What needs the run fails, again and again, and leaves everything as it is. */
        if (i == world.count - 1) {
            assert_int_equal(fixture_work(&world.fixture, true, &err), FIRN_CORRUPT);
            assert_int_equal(fixture_work(&world.fixture, true, &err), FIRN_CORRUPT);
            assert_int_equal(count_unreadable(name), unreadable);
        }
        fixture_abandon(&world.fixture);
        /* When the file is back, all is well. */
        test_file_write(world.runs, name, bytes.data, bytes.size);
        TEST_OK(fixture_open(&world.fixture, &err), &err);
        fixture_compare(&world.fixture, 0, 0);
        fixture_abandon(&world.fixture);
    }
    fi_buf_deinit(&bytes);
}

static void
writing_and_flushing_go_on_beside_a_missing_run(void **state)
{
    firn_error err;
    TEST_OK(fi_os_remove_file(world.runs, world.names[1], &err), &err);
    TEST_OK(fixture_open(&world.fixture, &err), &err);
    unsigned unreadable = count_unreadable(world.names[1]);
    for (unsigned key = 0; key < FIXTURE_KEYS; key += 2) {
        assert_int_equal(fixture_put(&world.fixture, 0, key, 20), FIRN_OK);
    }
    TEST_OK(fixture_flush(&world.fixture, &err), &err);
    unsigned left = count_unreadable(world.names[1]);
    assert_true(left > 0 && left < unreadable);
    fixture_close(&world.fixture);
    TEST_OK(fixture_open(&world.fixture, &err), &err);
    assert_int_equal(count_unreadable(world.names[1]), left);
}

static void
a_damaged_run_keeps_only_its_own_compactions_from_running(void **state)
{
    firn_error err;
    unsigned frozen;
    unsigned level0;
    struct fi_compaction_work *work;
    struct fi_compaction_work_wish wish = {.flushes = true, .compactions = true};
    /* So that level 0 is merged into the last level. */
    world.fixture.options.level_bytes_base = 1 << 20;
    TEST_OK(fi_os_remove_file(world.runs, world.names[0], &err), &err);
    TEST_OK(fixture_open(&world.fixture, &err), &err);
    /* Above the missing run, which has the smallest keys, and elsewhere. */
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(fixture_put(&world.fixture, 0, 3 + i, 20), FIRN_OK);
        assert_int_equal(fixture_put(&world.fixture, 1, 3 + i, 20), FIRN_OK);
        TEST_OK(fixture_flush(&world.fixture, &err), &err);
    }
    fi_lsm_pressure(world.fixture.lsm, &frozen, &level0);
    assert_int_equal(level0, 5);
    /* It is found once, and then no longer in the way. */
    int rc = fixture_work(&world.fixture, false, &err);
    rc = rc == FIRN_OK ? fixture_work(&world.fixture, false, &err) : rc;
    assert_int_equal(rc, FIRN_CORRUPT);
    TEST_OK(fixture_work(&world.fixture, false, &err), &err);
    TEST_OK(fi_compaction_work_pick(world.fixture.lsm, &wish, &work, &err), &err);
    assert_null(work);
    struct fi_lsm_stats stats;
    fi_lsm_stats(world.fixture.lsm, world.fixture.trees[1], &stats);
    assert_int_equal(stats.levels[0].runs, 0);
    fi_lsm_stats(world.fixture.lsm, world.fixture.trees[0], &stats);
    assert_int_equal(stats.levels[0].runs, 5);
    fi_lsm_pressure(world.fixture.lsm, &frozen, &level0);
    assert_int_equal(level0, 0);
    /* Who asks for everything hears of it again. */
    assert_int_equal(fixture_work(&world.fixture, true, &err), FIRN_CORRUPT);
    assert_int_equal(fixture_work(&world.fixture, true, &err), FIRN_CORRUPT);
    assert_true(count_unreadable(world.names[0]) > 0);
}

/* ---- range deletes over what is missing ---- */

static void
forget_all(unsigned from)
{
    assert_int_equal(fixture_delete_range(&world.fixture, 0, from, FIXTURE_KEYS), FIRN_OK);
}

static void
begin_without(const char *name)
{
    firn_error err;
    TEST_OK(fi_os_remove_file(world.runs, name, &err), &err);
    TEST_OK(fixture_open(&world.fixture, &err), &err);
    assert_true(count_unreadable(name) > 0);
}

static unsigned
count_damages(void)
{
    struct damages damages = {0};
    firn_error err;
    int rc = fi_lsm_check(world.fixture.lsm, note_damage, &damages, NULL, &err);
    assert_int_equal(rc, damages.count > 0 ? FIRN_CORRUPT : FIRN_OK);
    return damages.count;
}

/* Reads as if it had never been, before the delete is flushed, after that, and for good. */
static void
check_forgotten(void)
{
    struct fixture *fixture = &world.fixture;
    firn_error err;
    fixture_compare(fixture, 0, 0);
    assert_int_equal(count_damages(), 1);
    TEST_OK(fixture_flush(fixture, &err), &err);
    fixture_compare(fixture, 0, 0);
    assert_int_equal(count_damages(), 1);
    TEST_OK(fixture_work(fixture, true, &err), &err);
    fixture_compare(fixture, 0, 0);
    assert_int_equal(count_damages(), 0);
    fixture_close(fixture);
    TEST_OK(fixture_open(fixture, &err), &err);
    fixture_compare(fixture, 0, 0);
    fixture_check(fixture);
}

/* Those of the last level, and that of level 0, which has a range delete itself. */
static void
a_range_delete_over_a_missing_run_heals_the_tree(void **state)
{
    const size_t count = world.count;
    for (size_t i = 0; i < count; i++) {
        begin_without(world.names[i]);
        forget_all(0);
        assert_int_equal(fixture_put(&world.fixture, 0, 7, 30), FIRN_OK);
        check_forgotten();
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
        assert_int_equal(world.count, count);
    }
}

static void
range_deletes_heal_together(void **state)
{
    firn_error err;
    struct fixture *fixture = &world.fixture;
    begin_without(world.names[0]);
    /* The run has the keys from 0 to about 40. */
    assert_int_equal(fixture_delete_range(fixture, 0, 10, FIXTURE_KEYS), FIRN_OK);
    TEST_OK(fixture_flush(fixture, &err), &err);
    assert_int_equal(count_unreadable(world.names[0]), 10);
    assert_true(count_walked() < FIXTURE_KEYS);
    assert_int_equal(fixture_delete_range(fixture, 0, 0, 5), FIRN_OK);
    assert_int_equal(count_unreadable(world.names[0]), 5);
    TEST_OK(fixture_flush(fixture, &err), &err);
    assert_int_equal(fixture_work(fixture, true, &err), FIRN_CORRUPT);
    assert_int_equal(count_unreadable(world.names[0]), 5);
    assert_int_equal(fixture_delete_range(fixture, 0, 4, 11), FIRN_OK);
    check_forgotten();
}

/* Its keys are all in the range, but some versions are newer. */
static void
a_range_delete_hides_no_newer_run(void **state)
{
    firn_error err;
    struct fixture *fixture = &world.fixture;
    TEST_OK(fixture_open(fixture, &err), &err);
    assert_int_equal(fixture_put(fixture, 0, 3, 30), FIRN_OK);
    forget_all(0);
    assert_int_equal(fixture_put(fixture, 0, 5, 30), FIRN_OK);
    TEST_OK(fixture_flush(fixture, &err), &err);
    forget_all(20);
    TEST_OK(fixture_flush(fixture, &err), &err);
    assert_int_equal(fixture_put(fixture, 0, 30, 30), FIRN_OK);
    TEST_OK(fixture_flush(fixture, &err), &err);
    fixture_close(fixture);
    list_runs();
    const char *newest = world.names[world.count - 1];
    begin_without(newest);
    assert_int_equal(count_unreadable(newest), 1);
    assert_true(count_walked() < FIXTURE_KEYS);
    assert_int_equal(fixture_work(fixture, true, &err), FIRN_CORRUPT);
    assert_int_equal(count_unreadable(newest), 1);
    forget_all(0);
    check_forgotten();
}

static void
a_missing_run_stays_as_long_as_a_snapshot_needs_it(void **state)
{
    firn_error err;
    struct fi_buf bytes = {0};
    struct fixture *fixture = &world.fixture;
    const char *name = world.names[0];
    test_file_read(world.runs, name, &bytes);
    begin_without(name);
    const size_t snapshot = fixture_checkpoint(fixture);
    forget_all(0);
    TEST_OK(fixture_flush(fixture, &err), &err);
    for (unsigned round = 0; round < 2; round++) {
        fixture_compare(fixture, 0, 0);
        assert_int_equal(fixture_work(fixture, true, &err), FIRN_CORRUPT);
        assert_int_equal(count_damages(), 1);
    }
    /* Nothing was lost by that: with the file, the view reads all again. */
    fixture_close(fixture);
    test_file_write(world.runs, name, bytes.data, bytes.size);
    TEST_OK(fixture_open(fixture, &err), &err);
    fixture_compare(fixture, 0, snapshot);
    fixture_compare(fixture, 0, 0);
    fixture_close(fixture);
    TEST_OK(fi_os_remove_file(world.runs, name, &err), &err);
    TEST_OK(fixture_open(fixture, &err), &err);
    fixture_remove_snapshot(fixture, snapshot);
    check_forgotten();
    fi_buf_deinit(&bytes);
}

/* Now is what it was before the delete. */
static void
a_range_delete_that_was_taken_back_hides_nothing(void **state)
{
    firn_error err;
    struct fixture *fixture = &world.fixture;
    const char *name = world.names[0];
    begin_without(name);
    const size_t snapshot = fixture_checkpoint(fixture);
    const unsigned unreadable = count_unreadable(name);
    forget_all(0);
    fixture_compare(fixture, 0, 0);
    fixture_restore(fixture, snapshot);
    fixture_remove_snapshot(fixture, snapshot);
    assert_int_equal(count_unreadable(name), unreadable);
    assert_true(count_walked() < FIXTURE_KEYS);
    TEST_OK(fixture_flush(fixture, &err), &err);
    FI_IGNORE(fixture_work(fixture, true, &err));
    assert_int_equal(count_unreadable(name), unreadable);
    assert_int_equal(count_damages(), 1);
    forget_all(0);
    check_forgotten();
}

static void
a_changed_or_shortened_run_never_gives_a_wrong_answer(void **state)
{
    firn_error err;
    struct fi_buf bytes = {0};
    const char *name = world.names[1];
    unsigned found = 0;
    size_t step = getenv("FIRN_TEST_LONG") == NULL ? 7 : 1;
    test_file_read(world.runs, name, &bytes);
    for (size_t i = 0; i < bytes.size; i += step) {
        bytes.data[i] ^= 0x40;
        test_file_write(world.runs, name, bytes.data, bytes.size);
        bytes.data[i] ^= 0x40;
        TEST_OK(fixture_open(&world.fixture, &err), &err);
        found += count_unreadable(name) > 0;
        fixture_abandon(&world.fixture);
    }
    assert_true(found > bytes.size / step / 2);
    for (size_t size = 0; size < bytes.size; size += 1 + bytes.size / 50) {
        test_file_write(world.runs, name, bytes.data, size);
        TEST_OK(fixture_open(&world.fixture, &err), &err);
        assert_true(count_unreadable(name) > 0);
        fixture_abandon(&world.fixture);
    }
    fi_buf_deinit(&bytes);
}

/* Where the index of a run lies in its file. */
static struct fi_block_ref
index_of(const char *name)
{
    firn_error err;
    struct fi_block_reader *reader;
    struct fi_block_ref ref = {0};
    TEST_OK(fi_block_reader_open(world.runs, name, FI_BLOCK_FILE_ROW, &reader, &err), &err);
    for (size_t i = 0; i < fi_block_reader_section_count(reader); i++) {
        const struct fi_block_section *section = fi_block_reader_section(reader, i);
        if (section->kind == FI_RUN_SECTION_INDEX) {
            ref = section->ref;
        }
    }
    fi_block_reader_close(reader);
    assert_true(ref.offset > 0);
    return ref;
}

static void
a_run_whose_index_is_damaged_hides_the_keys_that_manifest_names(void **state)
{
    firn_error err;
    struct fi_buf bytes = {0};
    for (size_t i = 0; i < world.count; i++) {
        const char *name = world.names[i];
        struct damages damages = {0};
        struct fi_block_ref ref = index_of(name);
        test_file_read(world.runs, name, &bytes);
        bytes.data[ref.offset + fi_block_reader_span(&ref) / 2] ^= 1;
        test_file_write(world.runs, name, bytes.data, bytes.size);
        TEST_OK(fixture_open(&world.fixture, &err), &err);
        unsigned unreadable = count_unreadable(name);
        assert_true(unreadable > 0 && unreadable < FIXTURE_KEYS - 20);
        assert_int_equal(count_unreadable("keys from '"), unreadable);
        assert_int_equal(count_unreadable("up to before '"), unreadable);
        unsigned walked = count_walked();
        assert_true(walked > 20 && walked < FIXTURE_KEYS);
        assert_int_equal(fi_lsm_check(world.fixture.lsm, note_damage, &damages, NULL, &err),
                         FIRN_CORRUPT);
        assert_int_equal(damages.count, 1);
        assert_non_null(strstr(damages.text, name));
        fixture_abandon(&world.fixture);
        bytes.data[ref.offset + fi_block_reader_span(&ref) / 2] ^= 1;
        test_file_write(world.runs, name, bytes.data, bytes.size);
    }
    fi_buf_deinit(&bytes);
}

static void
another_run_under_its_name_is_noticed(void **state)
{
    firn_error err;
    struct fi_buf bytes = {0};
    test_file_read(world.runs, world.names[0], &bytes);
    test_file_write(world.runs, world.names[1], bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    TEST_OK(fixture_open(&world.fixture, &err), &err);
    assert_true(count_unreadable("is not the run that MANIFEST names") > 0);
}

static void
a_store_without_its_manifest_is_not_taken_for_an_empty_one(void **state)
{
    firn_error err;
    size_t count = world.count;
    TEST_OK(fi_os_remove_file(world.fixture.dir, "manifest-000001.log", &err), &err);
    assert_int_equal(fixture_open(&world.fixture, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "has no MANIFEST"));
    list_runs();
    assert_int_equal(world.count, count);
}

static void
files_that_belong_to_nothing_are_removed_and_others_left(void **state)
{
    firn_error err;
    size_t count = world.count;
    const char *const strays[] = {"000500.row", "000500.row.tmp", "000777.column",
                                  "000001.row.tmp"};
    const char *const others[] = {"notes.txt", "12.row", "000500.row.bak", "0x0500.row", "000500."};
    for (size_t i = 0; i < 4; i++) {
        test_file_write(world.runs, strays[i], "x", 1);
    }
    for (size_t i = 0; i < 5; i++) {
        test_file_write(world.runs, others[i], "x", 1);
    }
    TEST_OK(fixture_open(&world.fixture, &err), &err);
    fi_lsm_collect(world.fixture.lsm);
    for (size_t i = 0; i < 4; i++) {
        assert_false(test_file_exists(world.runs, strays[i]));
    }
    for (size_t i = 0; i < 5; i++) {
        assert_true(test_file_exists(world.runs, others[i]));
    }
    assert_int_equal(test_file_count(world.runs), count + 5);
    /* New files have numbers of their own. */
    assert_int_equal(fixture_put(&world.fixture, 0, 3, 10), FIRN_OK);
    TEST_OK(fixture_flush(&world.fixture, &err), &err);
    assert_true(test_file_exists(world.runs, "000778.row"));
    fixture_compare(&world.fixture, 0, 0);
}

static void
readers_see_what_the_writer_left_and_change_nothing(void **state)
{
    firn_error err;
    struct fi_lsm *lsm;
    struct fi_compaction_work *work;
    struct fi_lsm_tree *tree;
    struct fi_lsm_options options = world.fixture.options;
    struct fi_compaction_work_wish wish = {
        .flushes = true, .compactions = true, .is_unhurried = true};
    options.is_read_only = true;
    uint64_t calls = fi_sim_memory_calls(world.os);
    TEST_OK(fi_lsm_open(world.fixture.dir, &options, false, &lsm, &err), &err);
    TEST_OK(fi_compaction_work_pick(lsm, &wish, &work, &err), &err);
    assert_null(work);
    TEST_OK(fi_lsm_tree_open(lsm, world.fixture.tree_ids[0], NULL, &tree, &err), &err);
    assert_int_equal(fi_lsm_tree_drop(tree, &err), FIRN_READ_ONLY);
    world.fixture.lsm = lsm;
    world.fixture.trees[0] = tree;
    assert_int_equal(count_unreadable("nothing"), 0);
    struct damages damages = {0};
    TEST_OK(fi_lsm_check(lsm, note_damage, &damages, NULL, &err), &err);
    assert_int_equal(damages.count, 0);
    fixture_close(&world.fixture);
    assert_int_equal(fi_sim_memory_calls(world.os), calls);
    /* Where there is nothing, nothing is made. */
    TEST_OK(fi_os_make_dir(world.fixture.dir, "empty", 0700, &err), &err);
    struct fi_os_dir *empty;
    TEST_OK(fi_os_dir_open(world.fixture.dir, "empty", &empty, &err), &err);
    assert_int_equal(fi_lsm_open(empty, &options, false, &lsm, &err), FIRN_NOT_FOUND);
    TEST_OK(fi_lsm_open(empty, &options, true, &lsm, &err), &err);
    TEST_OK(fi_lsm_check(lsm, note_damage, &damages, NULL, &err), &err);
    TEST_OK(fi_lsm_close(lsm, &err), &err);
    assert_int_equal(test_os_count(empty), 0);
    fi_os_dir_close(empty);
}

static void
names_of_the_trees_are_known(void **state)
{
    assert_true(fi_lsm_is_name("runs"));
    assert_true(fi_lsm_is_name("manifest-000001.log"));
    assert_true(fi_lsm_is_name("manifest-1000001.log.tmp"));
    assert_false(fi_lsm_is_name("manifest-.log"));
    assert_false(fi_lsm_is_name("manifest-000001.log.bak"));
    assert_false(fi_lsm_is_name("manifest"));
    assert_false(fi_lsm_is_name("wal-000001.log"));
    assert_false(fi_lsm_is_name("run"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_missing_run_hides_its_keys_and_no_others, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(writing_and_flushing_go_on_beside_a_missing_run, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_damaged_run_keeps_only_its_own_compactions_from_running,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_range_delete_over_a_missing_run_heals_the_tree, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(range_deletes_heal_together, setup, teardown),
        cmocka_unit_test_setup_teardown(a_range_delete_hides_no_newer_run, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_run_stays_as_long_as_a_snapshot_needs_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_range_delete_that_was_taken_back_hides_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_changed_or_shortened_run_never_gives_a_wrong_answer,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_run_whose_index_is_damaged_hides_the_keys_that_manifest_names, setup, teardown),
        cmocka_unit_test_setup_teardown(another_run_under_its_name_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_store_without_its_manifest_is_not_taken_for_an_empty_one,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(files_that_belong_to_nothing_are_removed_and_others_left,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(readers_see_what_the_writer_left_and_change_nothing, setup,
                                        teardown),
        cmocka_unit_test(names_of_the_trees_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
