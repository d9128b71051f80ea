/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lsm: trees of rows and trees of another kind of runs in one lsm.
 */
#include "support/lsm/lsm_fixture.h"

#include <stdio.h>

#include "base/buf.h"
#include "codec/xxh3.h"
#include "lsm/lsm_internal.h"
#include "rescue/rescue_internal.h"
#include "row/row.h"
#include "support/lsm/twin_kind.h"
#include "support/test_file.h"
#include "support/test_os.h"

enum { ROWS, TWINS }; /* the trees */

static struct fixture fixture;

static int
setup(void **state)
{
    firn_error err;
    fixture_init_in_memory(&fixture, 0);
    fixture.options.kinds = twin_kinds;
    fixture.tree_kinds[TWINS] = &twin_kind;
    TEST_OK(fixture_open(&fixture, &err), &err);
    return 0;
}

static int
teardown(void **state)
{
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

/* Puts to both trees, so many that there are several runs after some flushes. */
static void
fill(unsigned rounds)
{
    firn_error err;
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned key = round; key < 60; key += 2) {
            assert_int_equal(fixture_put(&fixture, ROWS, key, 90), FIRN_OK);
            assert_int_equal(fixture_put(&fixture, TWINS, key + 7, 140), FIRN_OK);
        }
        assert_int_equal(fixture_delete_range(&fixture, TWINS, 20 + round, 24 + round), FIRN_OK);
        TEST_OK(fixture_flush(&fixture, &err), &err);
    }
}

struct names {
    const char *end;
    unsigned count;
};

static int
count_name(void *ctx, const struct fi_os_dirent *entry)
{
    struct names *names = ctx;
    size_t size = strlen(names->end);
    names->count +=
        entry->name_size > size && strcmp(entry->name + entry->name_size - size, names->end) == 0;
    return FIRN_OK;
}

/* Files of runs whose name ends so. */
static unsigned
count_files(struct fi_os_dir *dir, const char *end)
{
    firn_error err;
    struct fi_os_dir *runs;
    struct names names = {.end = end};
    TEST_OK(fi_os_dir_open(dir, "runs", &runs, &err), &err);
    TEST_OK(fi_os_dir_list(runs, count_name, &names, &err), &err);
    fi_os_dir_close(runs);
    return names.count;
}

/* The number of the first run of a tree. */
static uint64_t
first_run(unsigned tree)
{
    struct fi_lsm_superversion *state = fi_lsm_superversion_of(fixture.trees[tree]);
    uint64_t number = 0;
    for (unsigned level = 0; level < FI_VERSION_LEVELS && number == 0; level++) {
        if (state->version->levels[level].count > 0) {
            number = fi_version_file(&state->version->levels[level], 0)->info.number;
        }
    }
    fi_lsm_superversion_unref(state);
    assert_true(number > 0);
    return number;
}

/* Each tree has files of its own kind, as many as the tree has runs. */
static void
assert_files(void)
{
    static const char *const ends[] = {".row", ".twin"};
    fi_lsm_collect(fixture.lsm);
    for (unsigned tree = ROWS; tree <= TWINS; tree++) {
        struct fi_lsm_stats stats;
        uint64_t runs = 0;
        fi_lsm_stats(fixture.lsm, fixture.trees[tree], &stats);
        for (unsigned level = 0; level < FI_VERSION_LEVELS_ALL; level++) {
            runs += stats.levels[level].runs;
        }
        assert_true(runs > 0);
        assert_int_equal(count_files(fixture.dir, ends[tree]), runs);
    }
}

static void
flushes_and_compactions_write_the_kind_of_the_tree(void **state)
{
    firn_error err;
    fill(2);
    assert_files();
    fixture_compare_all(&fixture);
    reopen();
    assert_files();
    fixture_compare_all(&fixture);
    (void)fixture_checkpoint(&fixture);
    fill(4);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    assert_files();
    fixture_compare_all(&fixture);
    fixture_check(&fixture);
    reopen();
    fixture_compare_all(&fixture);
    fixture_check(&fixture);
    /* With values in files of their own. */
    fixture.separates = true;
    reopen();
    fill(4);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    assert_files();
    reopen();
    fixture_compare_all(&fixture);
    fixture_check(&fixture);
}

static void
a_tree_keeps_its_kind(void **state)
{
    firn_error err;
    struct fi_lsm_tree *tree;
    fill(1);
    fixture_close(&fixture);
    TEST_OK(fi_lsm_open(fixture.dir, &fixture.options, false, &fixture.lsm, &err), &err);
    /* A caller that names no kind gets the existing one. */
    TEST_OK(fi_lsm_tree_open(fixture.lsm, fixture.tree_ids[TWINS], NULL, &tree, &err), &err);
    assert_ptr_equal(tree->kind, &twin_kind);
    assert_int_equal(
        fi_lsm_tree_open(fixture.lsm, fixture.tree_ids[TWINS], &fi_row_kind, &tree, &err),
        FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "has runs of the kind 'twin', not 'row'"));
    assert_null(tree);
    TEST_OK(fi_lsm_close(fixture.lsm, &err), &err);
    fixture.lsm = NULL;
    /* A program that does not know the kind opens nothing, and takes nothing away. */
    static const struct fi_run_kind *const rows_only[] = {&fi_row_kind, NULL};
    unsigned files = count_files(fixture.dir, "");
    fixture.options.kinds = rows_only;
    assert_int_equal(fi_lsm_open(fixture.dir, &fixture.options, false, &fixture.lsm, &err),
                     FIRN_NEWER);
    assert_non_null(strstr(err.text, "kind 2"));
    assert_int_equal(count_files(fixture.dir, ""), files);
    fixture.options.kinds = twin_kinds;
    TEST_OK(fixture_open(&fixture, &err), &err);
    fixture_compare_all(&fixture);
}

static int
give_to_load(void *ctx, const struct fi_entry *entry, firn_error *err)
{
    struct fi_entry loaded = *entry;
    loaded.sequence = fixture.sequence;
    return fi_compaction_load_add(ctx, &loaded, err);
}

static void
a_load_sorts_in_rows_and_ends_in_the_kind_of_the_tree(void **state)
{
    enum { COUNT = 400 };
    firn_error err;
    struct fi_compaction_sort *sort;
    struct fi_compaction_load *load;
    char key[FIXTURE_KEY_SIZE];
    char value[100] = {0};
    fixture.sequence = 1;
    TEST_OK(fi_compaction_sort_create(fixture.lsm, 4 << 10, &sort, &err), &err);
    for (unsigned i = 0; i < COUNT; i++) {
        struct fi_entry entry = {.key = fixture_key(10 + i * 37 % COUNT, key),
                                 .kind = FI_ENTRY_PUT,
                                 .value = firn_bytes(value, sizeof value)};
        TEST_OK(fi_compaction_sort_add(sort, &entry, &err), &err);
    }
    assert_true(count_files(fixture.dir, ".row") > 0);
    assert_int_equal(count_files(fixture.dir, ".twin"), 0);
    TEST_OK(fi_compaction_load_create(fixture.trees[TWINS], &load, &err), &err);
    TEST_OK(fi_compaction_sort_finish(sort, give_to_load, load, &err), &err);
    fi_compaction_sort_destroy(sort);
    TEST_OK(fi_compaction_load_finish(load, &err), &err);
    fi_compaction_load_hold(load);
    bool is_certain;
    TEST_OK(fi_compaction_load_install(&load, 1, &is_certain, &err), &err);
    assert_true(is_certain);
    fi_compaction_load_release(load);
    fi_compaction_load_destroy(load);
    assert_int_equal(count_files(fixture.dir, ".row"), 0);
    assert_true(count_files(fixture.dir, ".twin") > 1);
    reopen();
    fixture_check(&fixture);
    const struct fi_snapshot_interval all = {1, UINT64_MAX};
    const struct fi_snapshot now = {&all, 1, 0, NULL};
    struct fi_buf found = {0};
    for (unsigned i = 0; i < COUNT; i++) {
        TEST_OK(fi_lsm_tree_get(fixture.trees[TWINS], fixture_key(10 + i, key), &now, &found, &err),
                &err);
        assert_int_equal(found.size, sizeof value);
    }
    fi_buf_deinit(&found);
}

/* Opens what is in dir beside the fixture's trees and compares it with the model. */
static void
compare_in(struct fi_os_dir *dir)
{
    firn_error err;
    struct fi_lsm *lsm;
    struct fi_lsm *own_lsm = fixture.lsm;
    struct fi_lsm_tree *own[FIXTURE_TREES];
    memcpy(own, fixture.trees, sizeof own);
    struct fi_lsm_options options = fixture.options;
    options.is_read_only = true;
    TEST_OK(fi_lsm_open(dir, &options, false, &lsm, &err), &err);
    fixture.lsm = lsm;
    for (unsigned i = 0; i < FIXTURE_TREES; i++) {
        TEST_OK(fi_lsm_tree_open(lsm, fixture.tree_ids[i], fixture.tree_kinds[i], &fixture.trees[i],
                                 &err),
                &err);
    }
    fixture_compare_all(&fixture);
    fixture_check(&fixture);
    TEST_OK(fi_lsm_close(lsm, &err), &err);
    fixture.lsm = own_lsm;
    memcpy(fixture.trees, own, sizeof own);
}

static struct fi_os_dir *
make_dir(const char *name)
{
    firn_error err;
    struct fi_os_dir *dir;
    TEST_OK(fi_os_make_dir(fixture.dir, name, 0700, &err), &err);
    TEST_OK(fi_os_dir_open(fixture.dir, name, &dir, &err), &err);
    return dir;
}

static void
a_clone_and_a_capture_have_the_runs_of_all_kinds(void **state)
{
    firn_error err;
    fixture.separates = true;
    reopen();
    fill(3);
    struct fi_os_dir *dir = make_dir("clone");
    const struct fi_lsm_clone clone = {.dir = dir, .sequence = fixture.sequence};
    TEST_OK(fi_lsm_clone(fixture.lsm, &clone, &err), &err);
    compare_in(dir);
    fi_os_dir_close(dir);

    struct fi_buf segments = {0};
    uint64_t version;
    uint64_t sequence;
    char missing[FI_LSM_HOT_COPY_MISSING_SIZE];
    TEST_OK(fi_lsm_hot_copy(fixture.dir, twin_kinds, &segments, &version, &sequence, missing, &err),
            &err);
    assert_string_equal(missing, "");
    assert_int_equal(version, fi_lsm_version(fixture.lsm));
    char name[FI_VERSION_FILE_NAME_SIZE];
    char path[80];
    fi_version_file_name(first_run(TWINS), &twin_kind, name);
    TEST_OK(fi_os_dir_open(fixture.dir, "runs", &dir, &err), &err);
    TEST_OK(fi_os_remove_file(dir, name, &err), &err);
    fi_os_dir_close(dir);
    (void)snprintf(path, sizeof path, "runs/%s", name);
    TEST_OK(fi_lsm_hot_copy(fixture.dir, twin_kinds, &segments, &version, &sequence, missing, &err),
            &err);
    assert_string_equal(missing, path);
    fi_buf_deinit(&segments);
}

struct told {
    unsigned count;
    char last[200];
};

static void
note_damage(void *ctx, const char *text)
{
    struct told *told = ctx;
    told->count++;
    (void)snprintf(told->last, sizeof told->last, "%s", text);
}

static int
copy_file(void *ctx, const struct fi_os_dirent *entry)
{
    struct fi_os_dir *const *dirs = ctx;
    struct fi_buf bytes = {0};
    test_file_read(dirs[0], entry->name, &bytes);
    test_file_write(dirs[1], entry->name, bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    return FIRN_OK;
}

/* The runs of a store in another directory, without a MANIFEST. */
static struct fi_os_dir *
copy_runs(struct fi_os_dir *from, const char *name)
{
    firn_error err;
    struct fi_os_dir *dir = make_dir(name);
    struct fi_os_dir *dirs[2];
    TEST_OK(fi_os_make_dir(dir, "runs", 0700, &err), &err);
    TEST_OK(fi_os_dir_open(from, "runs", &dirs[0], &err), &err);
    TEST_OK(fi_os_dir_open(dir, "runs", &dirs[1], &err), &err);
    TEST_OK(fi_os_dir_list(dirs[0], copy_file, dirs, &err), &err);
    fi_os_dir_close(dirs[0]);
    fi_os_dir_close(dirs[1]);
    return dir;
}

static void
a_manifest_is_made_anew_of_runs_of_all_kinds(void **state)
{
    firn_error err;
    struct told told = {0};
    fill(2);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    fill(2);
    struct fi_lsm_options reading = fixture.options;
    reading.is_read_only = true;
    struct fi_rescue_manifest_options options = {
        .lsm = reading, .log_sequence = UINT64_MAX, .on_damage = note_damage, .ctx = &told};
    struct fi_rescue_manifest_result gathered;
    /* From nothing but the runs, and from what MANIFEST says too. */
    struct fi_os_dir *empty = make_dir("empty");
    struct fi_os_dir *const froms[] = {empty, fixture.dir};
    static const char *const names[] = {"of-runs", "of-manifest"};
    for (unsigned i = 0; i < 2; i++) {
        struct fi_os_dir *dir = copy_runs(fixture.dir, names[i]);
        TEST_OK(fi_rescue_manifest(froms[i], dir, &options, &gathered, &err), &err);
        assert_int_equal(gathered.runs_lost, 0);
        assert_int_equal(told.count, 0);
        fi_buf_deinit(&gathered.history);
        compare_in(dir);
        fi_os_dir_close(dir);
    }
    /* What is damaged goes, and is named as what it is. */
    struct fi_os_dir *dir = copy_runs(fixture.dir, "damaged");
    struct fi_os_dir *runs;
    char name[FI_VERSION_FILE_NAME_SIZE];
    fi_version_file_name(first_run(TWINS), &twin_kind, name);
    TEST_OK(fi_os_dir_open(dir, "runs", &runs, &err), &err);
    TEST_OK(fi_os_remove_file(runs, name, &err), &err);
    fi_os_dir_close(runs);
    TEST_OK(fi_rescue_manifest(fixture.dir, dir, &options, &gathered, &err), &err);
    assert_int_equal(gathered.runs_lost, 1);
    assert_int_equal(told.count, 1);
    assert_non_null(strstr(told.last, name));
    fi_buf_deinit(&gathered.history);
    fi_os_dir_close(dir);
    fi_os_dir_close(empty);
    /* So does what is there and cannot be read; its file stays. */
    struct fi_rescue_inspect_files found;
    struct fi_buf bytes = {0};
    dir = copy_runs(fixture.dir, "unreadable");
    TEST_OK(fi_os_dir_open(dir, "runs", &runs, &err), &err);
    test_file_read(runs, name, &bytes);
    bytes.data[bytes.size / 2] ^= 1;
    test_file_write(runs, name, bytes.data, bytes.size);
    fi_os_dir_close(runs);
    fi_buf_deinit(&bytes);
    TEST_OK(fi_rescue_manifest(fixture.dir, dir, &options, &gathered, &err), &err);
    assert_int_equal(gathered.runs_lost, 1);
    assert_non_null(strstr(told.last, name));
    TEST_OK(fi_rescue_inspect_files(dir, &found, &err), &err);
    assert_int_equal(found.missing, 0);
    assert_int_equal(found.unnamed, 1);
    fi_buf_deinit(&gathered.history);
    fi_os_dir_close(dir);
}

/* ---- attachments ---- */

struct visited {
    unsigned memtables;
    unsigned runs;
    unsigned attachments;
    unsigned missing;
    uint64_t entries;
};

static int
visit_part(void *ctx, const struct fi_lsm_part *part, firn_error *err)
{
    struct visited *visited = ctx;
    if (part->memtable != NULL) {
        assert_int_equal(visited->runs, 0);
        visited->memtables++;
        return FIRN_OK;
    }
    visited->runs++;
    visited->entries += part->file->info.entry_count;
    assert_int_equal(part->run->kind->summary(part->run)->entry_count,
                     part->file->info.entry_count);
    for (size_t i = 0; i < part->file->info.attachment_count; i++) {
        struct fi_run *graph;
        struct fi_version_file_handle *pin;
        uint64_t count;
        int rc = fi_lsm_tree_pin_attachment(part, i, &graph, &pin, err);
        if (rc == FIRN_CORRUPT) {
            visited->missing++;
            continue;
        }
        TEST_OK(rc, err);
        TEST_OK(twin_graph_count(graph, &count, err), err);
        assert_int_equal(count, part->file->info.entry_count);
        fi_version_file_unpin(pin);
        visited->attachments++;
    }
    return FIRN_OK;
}

static struct visited
visit(unsigned tree, const struct fi_snapshot *snapshot)
{
    struct visited visited = {0};
    firn_error err;
    TEST_OK(fi_lsm_tree_visit_parts(fixture.trees[tree], snapshot, visit_part, &visited, &err),
            &err);
    return visited;
}

/* Each run of the twins has an attachment, and there are no others. */
static void
assert_attached(void)
{
    struct fi_lsm_stats stats;
    struct visited visited = visit(TWINS, NULL);
    fi_lsm_collect(fixture.lsm);
    fi_lsm_stats(fixture.lsm, fixture.trees[TWINS], &stats);
    assert_true(visited.runs > 0);
    assert_int_equal(visited.attachments, visited.runs);
    assert_int_equal(stats.attachments.files, visited.runs);
    assert_true(stats.attachments.bytes > 256 * stats.attachments.files);
    assert_int_equal(count_files(fixture.dir, ".graph"), visited.runs);
    assert_int_equal(count_files(fixture.dir, ".twin"), visited.runs);
    assert_int_equal(visit(ROWS, NULL).attachments, 0);
}

static int
setup_attaching(void **state)
{
    twin_attaches = true;
    return setup(state);
}

static int
teardown_attaching(void **state)
{
    twin_attaches = false;
    return teardown(state);
}

static void
attachments_live_and_die_with_their_runs(void **state)
{
    firn_error err;
    fill(2);
    assert_attached();
    struct fi_lsm_stats stats;
    fi_lsm_stats(fixture.lsm, NULL, &stats);
    uint64_t bytes = stats.attachments.bytes;
    for (unsigned level = 0; level < FI_VERSION_LEVELS_ALL; level++) {
        bytes += stats.levels[level].bytes;
    }
    assert_true(stats.attachments.bytes > 0 && stats.compaction_write_bytes == 0);
    assert_int_equal(stats.flush_bytes, bytes);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    fi_lsm_stats(fixture.lsm, NULL, &stats);
    assert_int_equal(stats.compaction_read_bytes, bytes);
    reopen();
    assert_attached();
    fixture_check(&fixture);
    /* A cursor keeps the files. */
    struct fi_lsm_cursor *cursor;
    struct fi_snapshot now = fixture_snapshot_of(&fixture, 0);
    const struct fi_lsm_cursor_options options = {.snapshot = &now};
    TEST_OK(fi_lsm_cursor_create(fixture.trees[TWINS], &options, &cursor, &err), &err);
    unsigned before = count_files(fixture.dir, ".graph");
    fill(4);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    fi_lsm_collect(fixture.lsm);
    assert_true(count_files(fixture.dir, ".graph") >= before + visit(TWINS, NULL).runs);
    fi_lsm_cursor_destroy(cursor);
    assert_attached();
    fixture_check(&fixture);
    reopen();
    assert_attached();
    /* With a memtable, which is visited first, and a history run that now does not read. */
    (void)fixture_checkpoint(&fixture);
    fill(3);
    TEST_OK(fixture_work(&fixture, true, &err), &err);
    assert_int_equal(fixture_put(&fixture, TWINS, 3, 10), FIRN_OK);
    now = fixture_snapshot_of(&fixture, 0);
    assert_true(visit(TWINS, &now).runs < visit(TWINS, NULL).runs);
    /* Where a view ends takes the place of where its last interval ends. */
    const struct fi_snapshot_interval interval = {1, 1};
    const struct fi_snapshot longer = {
        .intervals = &interval, .count = 1, .last = fi_snapshot_at(&now, now.count - 1).last};
    const struct fi_snapshot_interval all = {1, longer.last};
    const struct fi_snapshot same = {.intervals = &all, .count = 1};
    assert_int_equal(visit(TWINS, &longer).runs, visit(TWINS, &same).runs);
    const struct fi_snapshot first = {.intervals = &all, .count = 1, .last = 1};
    const struct fi_snapshot only = {.intervals = &interval, .count = 1};
    assert_int_equal(visit(TWINS, &first).runs, visit(TWINS, &only).runs);
    assert_int_equal(visit(TWINS, &now).memtables, 1);
    assert_attached();
    /* After a crash between a run's file and MANIFEST, what belongs to nothing goes. */
    struct fi_os_dir *runs;
    TEST_OK(fi_os_dir_open(fixture.dir, "runs", &runs, &err), &err);
    test_file_write(runs, "000999.graph", "x", 1);
    test_file_write(runs, "000998.graph.tmp", "x", 1);
    fi_os_dir_close(runs);
    fixture_abandon(&fixture);
    TEST_OK(fixture_open(&fixture, &err), &err);
    assert_attached();
    fixture_compare_all(&fixture);
    /* A dropped tree takes them along. */
    TEST_OK(fi_lsm_tree_drop(fixture.trees[TWINS], &err), &err);
    fi_lsm_collect(fixture.lsm);
    assert_int_equal(count_files(fixture.dir, ".graph"), 0);
    fixture.tree_ids[TWINS] = fixture.next_tree_id++;
    TEST_OK(fi_lsm_tree_open(fixture.lsm, fixture.tree_ids[TWINS], &twin_kind,
                             &fixture.trees[TWINS], &err),
            &err);
}

static int
keep_graph(void *ctx, const struct fi_os_dirent *entry)
{
    char *name = ctx;
    if (entry->name_size > 6 && strcmp(entry->name + entry->name_size - 6, ".graph") == 0) {
        (void)snprintf(name, FI_VERSION_FILE_NAME_SIZE, "%s", entry->name);
    }
    return FIRN_OK;
}

static void
remove_graph(struct fi_os_dir *dir, char out_name[FI_VERSION_FILE_NAME_SIZE])
{
    firn_error err;
    struct fi_os_dir *runs;
    out_name[0] = '\0';
    TEST_OK(fi_os_dir_open(dir, "runs", &runs, &err), &err);
    TEST_OK(fi_os_dir_list(runs, keep_graph, out_name, &err), &err);
    assert_true(out_name[0] != '\0');
    TEST_OK(fi_os_remove_file(runs, out_name, &err), &err);
    fi_os_dir_close(runs);
}

static void
a_missing_attachment_is_damage_and_a_repair_does_without(void **state)
{
    firn_error err;
    struct told told = {0};
    char name[FI_VERSION_FILE_NAME_SIZE];
    const char *missing;
    char captured[FI_LSM_HOT_COPY_MISSING_SIZE];
    uint64_t number;
    struct fi_buf segments = {0};
    struct fi_rescue_inspect_files found;
    fill(3);
    /* A clone has them. */
    struct fi_os_dir *dir = make_dir("clone");
    const struct fi_lsm_clone clone = {.dir = dir, .sequence = fixture.sequence};
    TEST_OK(fi_lsm_clone(fixture.lsm, &clone, &err), &err);
    compare_in(dir);
    assert_int_equal(count_files(dir, ".graph"), count_files(fixture.dir, ".graph"));
    TEST_OK(fi_rescue_inspect_files(dir, &found, &err), &err);
    assert_int_equal(found.unnamed + found.missing, 0);
    remove_graph(dir, name);
    TEST_OK(fi_rescue_inspect_files(dir, &found, &err), &err);
    assert_int_equal(found.missing, 1);
    TEST_OK(fi_lsm_hot_copy(dir, twin_kinds, &segments, &number, &number, captured, &err), &err);
    assert_string_equal(captured + strlen("runs/"), name); /* a copy does without it, and says so */
    fi_buf_deinit(&segments);
    struct fi_lsm *lsm;
    struct fi_lsm_options reading = fixture.options;
    reading.is_read_only = true;
    TEST_OK(fi_lsm_open(dir, &reading, false, &lsm, &err), &err);
    assert_int_equal(fi_lsm_missing_files(lsm, &missing), 1);
    assert_string_equal(missing, name);
    assert_int_equal(fi_lsm_check(lsm, note_damage, &told, NULL, &err), FIRN_CORRUPT);
    assert_int_equal(told.count, 1);
    assert_non_null(strstr(told.last, name));
    assert_non_null(strstr(told.last, "which is attached to run"));
    TEST_OK(fi_lsm_close(lsm, &err), &err);
    /* No entry is lost; the other attachments stay. */
    struct fi_rescue_manifest_options options = {
        .lsm = reading, .log_sequence = UINT64_MAX, .on_damage = note_damage, .ctx = &told};
    struct fi_rescue_manifest_result gathered;
    struct fi_os_dir *mended = copy_runs(dir, "mended");
    options.is_newest = true;
    TEST_OK(fi_rescue_manifest(dir, mended, &options, &gathered, &err), &err);
    assert_int_equal(gathered.runs_lost, 0);
    assert_int_equal(told.count, 2);
    compare_in(mended);
    TEST_OK(fi_rescue_inspect_files(mended, &found, &err), &err);
    assert_int_equal(found.missing + found.unnamed, 0);
    assert_int_equal(count_files(mended, ".graph") + 1, count_files(fixture.dir, ".graph"));
    fi_buf_deinit(&gathered.history);
    fi_os_dir_close(mended);
    fi_os_dir_close(dir);
    /* So it is where MANIFEST is lost: what runs do not say of themselves they do without. */
    options.is_newest = false;
    struct fi_os_dir *empty = make_dir("empty");
    dir = copy_runs(fixture.dir, "gathered");
    TEST_OK(fi_rescue_manifest(empty, dir, &options, &gathered, &err), &err);
    assert_int_equal(gathered.runs_lost, 0);
    fi_buf_deinit(&gathered.history);
    fi_os_dir_close(empty);
    fi_os_dir_close(dir);
}

/* Names two graphs. */
struct two_graphs {
    char names[2][FI_VERSION_FILE_NAME_SIZE];
    unsigned count;
};

static int
keep_two_graphs(void *ctx, const struct fi_os_dirent *entry)
{
    struct two_graphs *graphs = ctx;
    char name[FI_VERSION_FILE_NAME_SIZE] = "";
    int rc = keep_graph(name, entry);
    if (name[0] != '\0' && graphs->count < 2) {
        (void)snprintf(graphs->names[graphs->count++], sizeof graphs->names[0], "%s", name);
    }
    return rc;
}

static void
an_attachment_of_another_run_is_noticed(void **state)
{
    firn_error err;
    struct told told = {0};
    struct two_graphs graphs = {.count = 0};
    struct fi_os_dir *runs;
    struct fi_buf bytes = {0};
    fill(3);
    TEST_OK(fi_os_dir_open(fixture.dir, "runs", &runs, &err), &err);
    TEST_OK(fi_os_dir_list(runs, keep_two_graphs, &graphs, &err), &err);
    assert_int_equal(graphs.count, 2);
    fixture_abandon(&fixture);
    /* Sound, of its size, and under its name: but what it says is of other entries. */
    test_file_read(runs, graphs.names[0], &bytes);
    test_file_write(runs, graphs.names[1], bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    fi_os_dir_close(runs);
    TEST_OK(fixture_open(&fixture, &err), &err);
    assert_int_equal(fi_lsm_check(fixture.lsm, note_damage, &told, NULL, &err), FIRN_CORRUPT);
    assert_int_equal(told.count, 1);
    assert_non_null(strstr(told.last, "is not the attachment that MANIFEST names"));
    assert_non_null(strstr(told.last, graphs.names[1]));
    fixture_compare_all(&fixture);
}

static void
what_stays_usable_without_an_attachment(void **state)
{
    firn_error err;
    char name[FI_VERSION_FILE_NAME_SIZE];
    struct fi_os_dir *runs;
    struct fi_rescue_inspect_files found;
    fill(3);
    unsigned before = count_files(fixture.dir, ".graph");
    remove_graph(fixture.dir, name);
    /* A clone does without the attachments of that run, and misses nothing. */
    struct fi_os_dir *dir = make_dir("clone");
    const struct fi_lsm_clone clone = {.dir = dir, .sequence = fixture.sequence};
    TEST_OK(fi_lsm_clone(fixture.lsm, &clone, &err), &err);
    compare_in(dir);
    assert_int_equal(count_files(dir, ".graph"), before - 1);
    TEST_OK(fi_rescue_inspect_files(dir, &found, &err), &err);
    assert_int_equal(found.unnamed + found.missing, 0);
    fi_os_dir_close(dir);
    /* Nor does what a crash left beside it make it damage. */
    TEST_OK(fi_os_dir_open(fixture.dir, "runs", &runs, &err), &err);
    test_file_write(runs, "000998.twin", "x", 1);
    fi_os_dir_close(runs);
    fixture_abandon(&fixture);
    TEST_OK(fixture_open(&fixture, &err), &err);
    fixture_compare_all(&fixture);
    const char *missing;
    assert_int_equal(fi_lsm_missing_files(fixture.lsm, &missing), 1);
    assert_string_equal(missing, name);
}

/* ---- batches ---- */

/* The same commits in two stores, one of which merges in batches. */
static uint64_t
hash_versions(void)
{
    firn_error err;
    struct fi_lsm_cursor *cursor;
    const struct fi_lsm_cursor_options all = {.snapshot = NULL};
    uint64_t hash = 0;
    TEST_OK(fi_lsm_cursor_create(fixture.trees[TWINS], &all, &cursor, &err), &err);
    TEST_OK(fi_lsm_cursor_first(cursor, &err), &err);
    while (fi_lsm_cursor_valid(cursor)) {
        const struct fi_entry *entry = fi_lsm_cursor_entry(cursor);
        hash = fi_xxh3(entry->key.data, entry->key.size, hash + entry->sequence);
        hash = fi_xxh3(entry->value.data, entry->value.size, hash + (uint64_t)entry->kind);
        TEST_OK(fi_lsm_cursor_next(cursor, &err), &err);
    }
    fi_lsm_cursor_destroy(cursor);
    return hash;
}

static void
fill_for_batches(unsigned round, bool has_ranges)
{
    firn_error err;
    unsigned first = round * 20 % 80;
    for (unsigned key = first; key < FIXTURE_KEYS; key++) {
        if (key % (3 + round) != 0) {
            assert_int_equal(fixture_put(&fixture, TWINS, key, key % 70), FIRN_OK);
        }
        if (key % 41 == 40) {
            assert_int_equal(fixture_delete(&fixture, TWINS, key - 3), FIRN_OK);
        }
    }
    if (has_ranges && round == 1) {
        assert_int_equal(fixture_delete_range(&fixture, TWINS, first + 5, first + 25), FIRN_OK);
    }
    TEST_OK(fixture_flush(&fixture, &err), &err);
}

struct batch_run {
    uint64_t hashes[8];
    uint64_t counts[8];
    uint64_t dropped;
};

static void
run_with(bool batches, bool has_ranges, size_t run_bytes_target, struct batch_run *out)
{
    firn_error err;
    struct fi_lsm_stats stats;
    void *state = NULL;
    twin_batches = batches;
    twin_batched = 0;
    twin_batch_count = 0;
    assert_int_equal(setup(&state), 0);
    fixture_close(&fixture);
    fixture.options.run_bytes_target = run_bytes_target;
    TEST_OK(fixture_open(&fixture, &err), &err);
    for (unsigned round = 0; round < 8; round++) {
        fill_for_batches(round, has_ranges);
        if (round == 2 || round == 4) {
            (void)fixture_checkpoint(&fixture);
        }
        if (round == 5) {
            fixture_restore(&fixture, 1);
        }
        TEST_OK(fixture_work(&fixture, round % 2 == 1, &err), &err);
        fixture_compare_all(&fixture);
        fixture_check(&fixture);
        fi_lsm_stats(fixture.lsm, fixture.trees[TWINS], &stats);
        out->hashes[round] = hash_versions();
        out->counts[round] = 0;
        for (unsigned level = 0; level < FI_VERSION_LEVELS_ALL; level++) {
            out->counts[round] += stats.levels[level].entries;
        }
    }
    out->dropped = stats.versions_dropped;
    assert_int_equal(teardown(&state), 0);
    twin_batches = false;
}

static void
batches_keep_what_entries_one_by_one_keep(void **state)
{
    static const size_t targets[] = {3 << 10, 1 << 20};
    for (unsigned i = 0; i < 4; i++) {
        struct batch_run single;
        struct batch_run batched;
        /* Where runs end differs with their size: what they hold must not. With one run in a level
         * everything is the same. */
        size_t target = targets[i % 2];
        run_with(false, i >= 2, target, &single);
        assert_int_equal(twin_batched, 0);
        run_with(true, i >= 2, target, &batched);
        if (target > (64 << 10)) {
            assert_memory_equal(&single, &batched, sizeof single);
        }
        print_message("count: %llu entries in %llu batches\n", (unsigned long long)twin_batched,
                      (unsigned long long)twin_batch_count);
        assert_true(twin_batched > 100 && twin_batch_count < twin_batched / 2);
    }
}

static void
a_cursor_passes_on_which_columns_are_wanted(void **state)
{
    static const uint32_t columns[] = {1, 5, 6};
    static const struct fi_run_projection projection = {.columns = columns, .count = 3};
    firn_error err;
    struct fi_lsm_cursor *cursor;
    struct fi_snapshot now = fixture_snapshot_of(&fixture, 0);
    struct fi_lsm_cursor_options options = {.snapshot = &now, .projection = &projection};
    fill(1);
    TEST_OK(fi_lsm_cursor_create(fixture.trees[TWINS], &options, &cursor, &err), &err);
    TEST_OK(fi_lsm_cursor_first(cursor, &err), &err);
    assert_int_equal(twin_projected, 3);
    fi_lsm_cursor_destroy(cursor);
    options.projection = NULL;
    TEST_OK(fi_lsm_cursor_create(fixture.trees[TWINS], &options, &cursor, &err), &err);
    TEST_OK(fi_lsm_cursor_first(cursor, &err), &err);
    assert_int_equal(twin_projected, UINT32_MAX);
    fi_lsm_cursor_destroy(cursor);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(flushes_and_compactions_write_the_kind_of_the_tree, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_tree_keeps_its_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(a_load_sorts_in_rows_and_ends_in_the_kind_of_the_tree,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_clone_and_a_capture_have_the_runs_of_all_kinds, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_manifest_is_made_anew_of_runs_of_all_kinds, setup,
                                        teardown),
        cmocka_unit_test(batches_keep_what_entries_one_by_one_keep),
        cmocka_unit_test_setup_teardown(a_cursor_passes_on_which_columns_are_wanted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(attachments_live_and_die_with_their_runs, setup_attaching,
                                        teardown_attaching),
        cmocka_unit_test_setup_teardown(a_missing_attachment_is_damage_and_a_repair_does_without,
                                        setup_attaching, teardown_attaching),
        cmocka_unit_test_setup_teardown(an_attachment_of_another_run_is_noticed, setup_attaching,
                                        teardown_attaching),
        cmocka_unit_test_setup_teardown(what_stays_usable_without_an_attachment, setup_attaching,
                                        teardown_attaching),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
