/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lsm: trees against a model that keeps every version, under random commits, checkpoints,
 * restores, flushes, compactions beside each other, dropped trees, reopenings and power cuts; with
 * large values in value files and without.
 *
 * FIRN_TEST_SEED sets the first seed, FIRN_TEST_SEEDS how many there are, FIRN_TEST_STEPS how many
 * steps each has.
 */
#include "support/lsm/lsm_fixture.h"
#include "support/lsm/twin_kind.h"

#include "codec/xxh3.h"
#include "sim/sim_memory.h"
#include "support/test_file.h"
#include "support/test_os.h"

enum { WORKS_MAX = 3, CURSORS_MAX = 3 };

/* A cursor that is held for long, and what it must still show. */
struct held_cursor {
    struct fi_lsm_cursor *cursor;
    struct fixture_snapshot snapshot;
    struct fi_snapshot borrowed;
    const struct fixture_record *model[FIXTURE_KEYS];
    struct fixture_record records[FIXTURE_KEYS];
    unsigned at; /* the next key to come */
};

struct run {
    struct fixture fixture;
    struct test_random random;
    struct fi_compaction_work *works[WORKS_MAX]; /* picked, not run */
    struct held_cursor cursors[CURSORS_MAX];
    uint32_t uncertain_id; /* a tree whose dropping was cut off; 0: none */
    unsigned uncertain_tree;
    uint64_t cuts;
    uint64_t works_run;
};

static uint64_t
environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static uint64_t
below(struct run *run, uint64_t limit)
{
    return test_random_below(&run->random, limit);
}

/* ---- cursors ---- */

static void
drop_cursor(struct held_cursor *held)
{
    fi_lsm_cursor_destroy(held->cursor);
    held->cursor = NULL;
}

static void
drop_cursors(struct run *run)
{
    for (size_t i = 0; i < CURSORS_MAX; i++) {
        drop_cursor(&run->cursors[i]);
    }
}

static int
hold_cursor(struct run *run, firn_error *err)
{
    struct fixture *fixture = &run->fixture;
    struct held_cursor *held = &run->cursors[below(run, CURSORS_MAX)];
    unsigned tree = (unsigned)below(run, FIXTURE_TREES);
    drop_cursor(held);
    /* As a reader of now would: a view that ends at the newest commit. */
    size_t snapshot = fixture->snapshot_count < FIXTURE_SNAPSHOTS_MAX ? fixture_checkpoint(fixture)
                                                                      : fixture->snapshot_count - 1;
    held->snapshot = fixture->snapshots[snapshot];
    held->borrowed = (struct fi_snapshot){held->snapshot.intervals, held->snapshot.count, 0, NULL};
    fixture_model(fixture, fixture->tree_ids[tree], &held->borrowed, held->model);
    for (unsigned key = 0; key < FIXTURE_KEYS; key++) {
        if (held->model[key] != NULL) {
            held->records[key] = *held->model[key];
            held->model[key] = &held->records[key];
        }
    }
    held->at = 0;
    struct fi_lsm_cursor_options options = {.snapshot = &held->borrowed};
    int rc = fi_lsm_cursor_create(fixture->trees[tree], &options, &held->cursor, err);
    return rc != FIRN_OK ? rc : fi_lsm_cursor_first(held->cursor, err);
}

/* Some keys further. */
static int
walk_cursor(struct run *run, firn_error *err)
{
    int rc = FIRN_OK;
    struct held_cursor *held = &run->cursors[below(run, CURSORS_MAX)];
    if (held->cursor == NULL) {
        return FIRN_OK;
    }
    for (unsigned steps = 0; steps < 20; steps++) {
        while (held->at < FIXTURE_KEYS && held->model[held->at] == NULL) {
            held->at++;
        }
        assert_int_equal(fi_lsm_cursor_valid(held->cursor), held->at < FIXTURE_KEYS);
        if (held->at == FIXTURE_KEYS) {
            held->at = 0;
            FI_TRY(fi_lsm_cursor_first(held->cursor, err));
            continue;
        }
        const struct fi_entry *entry = fi_lsm_cursor_entry(held->cursor);
        assert_int_equal(entry->sequence, held->model[held->at]->sequence);
        assert_int_equal(entry->value.size, held->model[held->at]->value_size);
        held->at++;
        FI_TRY(fi_lsm_cursor_next(held->cursor, err));
    }
out:
    if (rc != FIRN_OK) {
        drop_cursor(held);
    }
    return rc;
}

/* ---- works ---- */

static int
pick_work(struct run *run, firn_error *err)
{
    size_t i = 0;
    while (i < WORKS_MAX && run->works[i] != NULL) {
        i++;
    }
    if (i == WORKS_MAX) {
        return FIRN_OK;
    }
    struct fi_compaction_work **slot = &run->works[i];
    struct fi_compaction_work_wish wish = {
        .flushes = below(run, 2) == 0,
        .compactions = true,
        .is_unhurried = below(run, 8) == 0,
    };
    return fi_compaction_work_pick(run->fixture.lsm, &wish, slot, err);
}

static int
run_work(struct run *run, firn_error *err)
{
    size_t i = (size_t)below(run, WORKS_MAX);
    for (size_t tries = 0; tries < WORKS_MAX && run->works[i] == NULL; tries++) {
        i = (i + 1) % WORKS_MAX;
    }
    struct fi_compaction_work *work = run->works[i];
    run->works[i] = NULL;
    if (work == NULL) {
        return FIRN_OK;
    }
    if (below(run, 10) == 0) {
        fi_compaction_work_discard(work);
        return FIRN_OK;
    }
    run->works_run++;
    return fi_compaction_run(work, err);
}

static void
discard_works(struct run *run)
{
    for (size_t i = 0; i < WORKS_MAX; i++) {
        fi_compaction_work_discard(run->works[i]);
        run->works[i] = NULL;
    }
}

/* ---- reopening ---- */

static int
visit_id(void *ctx, uint32_t id, firn_error *err)
{
    uint32_t *wanted = ctx;
    (void)err;
    if (*wanted == id) {
        *wanted = 0;
    }
    return FIRN_OK;
}

/* A tree whose dropping was cut off is there or not: nothing between. */
static void
settle_dropped(struct run *run)
{
    struct fixture *fixture = &run->fixture;
    firn_error err;
    if (run->uncertain_id == 0) {
        return;
    }
    uint32_t wanted = run->uncertain_id;
    run->uncertain_id = 0;
    TEST_OK(fi_lsm_tree_list(fixture->lsm, visit_id, &wanted, &err), &err);
    if (wanted != 0) {
        fixture->tree_ids[run->uncertain_tree] = fixture->next_tree_id++;
        TEST_OK(fi_lsm_tree_open(fixture->lsm, fixture->tree_ids[run->uncertain_tree],
                                 fixture->tree_kinds[run->uncertain_tree],
                                 &fixture->trees[run->uncertain_tree], &err),
                &err);
        fi_lsm_tree_separate_values(fixture->trees[run->uncertain_tree], fixture->separates);
    }
}

static int
reopen(struct run *run, firn_error *err)
{
    struct fixture *fixture = &run->fixture;
    /* What was dropped would be replayed from its beginning. */
    if (run->uncertain_id != 0) {
        fixture->log_start = 1;
    }
    int rc = fixture_open(fixture, err);
    if (rc == FIRN_OK) {
        settle_dropped(run);
        fixture_check(fixture);
        fixture_compare_all(fixture);
    }
    return rc;
}

static int
restart(struct run *run, firn_error *err)
{
    int rc = FIRN_OK;
    drop_cursors(run);
    discard_works(run);
    if (below(run, 2) == 0) {
        rc = fi_lsm_close(run->fixture.lsm, err);
        run->fixture.lsm = NULL;
    } else {
        fixture_abandon(&run->fixture);
    }
    return rc != FIRN_OK ? rc : reopen(run, err);
}

static void
lose_snapshots(struct fixture *fixture)
{
    /* A view that saw lost commits is gone with them: views are commits too. */
    uint64_t last =
        fixture->record_count == 0 ? 0 : fixture->records[fixture->record_count - 1].sequence;
    for (size_t i = fixture->snapshot_count; i > 1; i--) {
        struct fixture_snapshot *snapshot = &fixture->snapshots[i - 1];
        if (snapshot->count > 0 && snapshot->intervals[snapshot->count - 1].last > last) {
            fixture_remove_snapshot(fixture, i - 1);
        }
    }
}

static void
recover(struct run *run)
{
    struct fixture *fixture = &run->fixture;
    drop_cursors(run);
    discard_works(run);
    fixture_abandon(fixture);
    fi_sim_memory_power_cut(fixture->os, 2 + test_random_next(&run->random));
    fixture_lose_records(fixture, &run->random);
    lose_snapshots(fixture);
    /* The handle from before is dead. */
    fi_os_dir_close(fixture->dir);
    fixture->dir = test_os_root(fixture->os);
    run->cuts++;
    firn_error err;
    TEST_OK(reopen(run, &err), &err);
}

/* ---- steps ---- */

static int
drop_tree(struct run *run, firn_error *err)
{
    struct fixture *fixture = &run->fixture;
    unsigned tree = (unsigned)below(run, FIXTURE_TREES);
    drop_cursors(run);
    discard_works(run);
    int rc = fi_lsm_tree_drop(fixture->trees[tree], err);
    if (rc != FIRN_OK) {
        run->uncertain_id = fixture->tree_ids[tree];
        run->uncertain_tree = tree;
        return rc;
    }
    fixture->tree_ids[tree] = fixture->next_tree_id++;
    rc = fi_lsm_tree_open(fixture->lsm, fixture->tree_ids[tree], fixture->tree_kinds[tree],
                          &fixture->trees[tree], err);
    if (rc == FIRN_OK) {
        fi_lsm_tree_separate_values(fixture->trees[tree], fixture->separates);
    }
    return rc;
}

static void
trim_log(struct fixture *fixture)
{
    uint64_t floor = fi_lsm_log_floor(fixture->lsm);
    uint64_t newest = 1 + fixture->sequence / FIXTURE_SEGMENT_RECORDS;
    floor = floor < newest ? floor : newest;
    if (floor > fixture->log_start) {
        fixture->log_start = floor;
    }
}

static void
change_snapshots(struct run *run)
{
    struct fixture *fixture = &run->fixture;
    uint64_t choice = below(run, 4);
    if (fixture->snapshot_count < FIXTURE_SNAPSHOTS_MAX && choice < 2) {
        (void)fixture_checkpoint(fixture);
    } else if (fixture->snapshot_count > 1) {
        size_t i = 1 + (size_t)below(run, fixture->snapshot_count - 1);
        if (choice == 2 && fixture->snapshots[i].count + 1 < FIXTURE_INTERVALS_MAX) {
            fixture_restore(fixture, i);
        } else {
            fixture_remove_snapshot(fixture, i);
        }
    }
}

static int
step(struct run *run, firn_error *err)
{
    struct fixture *fixture = &run->fixture;
    uint64_t choice = below(run, 1000);
    if (choice < 500) {
        return fixture_commit_random(fixture, &run->random);
    }
    if (choice < 620) {
        return fi_lsm_tree_freeze(fixture->trees[below(run, FIXTURE_TREES)], err);
    }
    if (choice < 770) {
        return pick_work(run, err);
    }
    if (choice < 900) {
        return run_work(run, err);
    }
    if (choice < 920) {
        change_snapshots(run);
    } else if (choice < 930) {
        return hold_cursor(run, err);
    } else if (choice < 970) {
        return walk_cursor(run, err);
    } else if (choice < 980) {
        fixture_compare(fixture, (unsigned)below(run, FIXTURE_TREES),
                        (size_t)below(run, fixture->snapshot_count));
    } else if (choice < 985) {
        trim_log(fixture);
        fixture->reader_version = below(run, 2) == 0 ? UINT64_MAX : fi_lsm_version(fixture->lsm);
    } else if (choice < 986) {
        return drop_tree(run, err);
    } else if (choice < 988) {
        return restart(run, err);
    }
    return FIRN_OK;
}

static void
run_init(struct run *run, uint64_t seed)
{
    firn_error err;
    struct fi_os *os;
    *run = (struct run){0};
    run->random.state = seed;
    TEST_OK(fi_sim_memory_create(seed, &os, &err), &err);
    fixture_init(&run->fixture, os);
    run->fixture.separates = seed % 3 != 0;
    if (seed % 2 == 0) {
        run->fixture.options.kinds = twin_kinds;
        run->fixture.tree_kinds[1] = &twin_kind;
    }
    twin_attaches = seed % 2 == 0;
    twin_batches = seed % 4 == 0;
    TEST_OK(fixture_open(&run->fixture, &err), &err);
}

static void
run_deinit(struct run *run)
{
    struct fi_os *os = run->fixture.os;
    drop_cursors(run);
    discard_works(run);
    fixture_deinit(&run->fixture);
    fi_sim_memory_destroy(os);
}

/* When all has been rewritten that is worth it, value files hold what runs refer to, and no file is
 * there that nobody refers to. */
static void
assert_no_dead_values(struct fixture *fixture)
{
    firn_error err;
    struct fi_os_dir *runs;
    struct fi_lsm_stats stats;
    fi_lsm_collect(fixture->lsm);
    fi_lsm_stats(fixture->lsm, NULL, &stats);
    assert_int_equal(stats.values.live_bytes, stats.values.bytes);
    assert_true(fixture->separates == (stats.values.files > 0));
    uint64_t files = stats.values.files + stats.attachments.files;
    for (unsigned level = 0; level < FI_VERSION_LEVELS_ALL; level++) {
        files += stats.levels[level].runs;
    }
    TEST_OK(fi_os_dir_open(fixture->dir, "runs", &runs, &err), &err);
    assert_int_equal(test_os_count(runs), files);
    fi_os_dir_close(runs);
}

static void
trees_read_as_the_model_does(void **state)
{
    uint64_t seeds = environment("FIRN_TEST_SEEDS", 3);
    uint64_t steps = environment("FIRN_TEST_STEPS", 1500);
    struct test_random random;
    test_random_init(&random, "trees_read_as_the_model_does", 1);
    for (uint64_t i = 0; i < seeds; i++) {
        static struct run run;
        firn_error err;
        run_init(&run, random.state + i);
        for (uint64_t n = 0; n < steps; n++) {
            TEST_OK(step(&run, &err), &err);
        }
        fixture_compare_all(&run.fixture);
        struct fi_lsm_stats stats;
        fi_lsm_stats(run.fixture.lsm, NULL, &stats);
        print_message("seed %llu: %llu works; since the last opening %llu flushes, %llu "
                      "compactions, %llu moves, %llu versions left out; runs by level",
                      (unsigned long long)(random.state + i), (unsigned long long)run.works_run,
                      (unsigned long long)stats.flushes, (unsigned long long)stats.compactions,
                      (unsigned long long)stats.moves, (unsigned long long)stats.versions_dropped);
        for (unsigned level = 0; level < FI_VERSION_LEVELS_ALL; level++) {
            print_message(" %llu", (unsigned long long)stats.levels[level].runs);
        }
        print_message("; %llu value files, %llu of %llu bytes alive\n",
                      (unsigned long long)stats.values.files,
                      (unsigned long long)stats.values.live_bytes,
                      (unsigned long long)stats.values.bytes);
        discard_works(&run);
        TEST_OK(fixture_work(&run.fixture, true, &err), &err);
        fixture_compare_all(&run.fixture);
        drop_cursors(&run);
        run.fixture.reader_version = UINT64_MAX;
        assert_no_dead_values(&run.fixture);
        TEST_OK(restart(&run, &err), &err);
        assert_true(run.works_run > steps / 50);
        run_deinit(&run);
    }
}

static void
after_a_power_cut_trees_and_log_make_the_same_commits(void **state)
{
    uint64_t seeds = environment("FIRN_TEST_SEEDS", 3);
    uint64_t steps = environment("FIRN_TEST_STEPS", 1500);
    struct test_random random;
    test_random_init(&random, "after_a_power_cut_trees_and_log_make_the_same_commits", 1000);
    for (uint64_t i = 0; i < seeds; i++) {
        static struct run run;
        firn_error err;
        run_init(&run, random.state + i);
        uint64_t cut_at = 0;
        for (uint64_t n = 0; n < steps; n++) {
            if (cut_at == 0) {
                cut_at = fi_sim_memory_calls(run.fixture.os) + 1 + below(&run, 60);
                fi_sim_memory_set_cut_at(run.fixture.os, cut_at);
            }
            int rc = step(&run, &err);
            if (fi_sim_memory_is_off(run.fixture.os)) {
                fi_sim_memory_set_cut_at(run.fixture.os, 0);
                cut_at = 0;
                recover(&run);
            } else {
                TEST_OK(rc, &err);
            }
        }
        print_message("seed %llu: %llu power cuts, %llu works\n",
                      (unsigned long long)(random.state + i), (unsigned long long)run.cuts,
                      (unsigned long long)run.works_run);
        assert_true(run.cuts > steps / 150);
        fi_sim_memory_set_cut_at(run.fixture.os, 0);
        recover(&run);
        run_deinit(&run);
    }
}

/* ---- determinism ---- */

struct tree_hash {
    struct fi_os_dir *dir;
    uint64_t sum;
};

static int
hash_file(void *ctx, const struct fi_os_dirent *entry)
{
    struct tree_hash *hash = ctx;
    struct fi_buf bytes = {0};
    if (entry->kind == FI_OS_FILE) {
        test_file_read(hash->dir, entry->name, &bytes);
        hash->sum += fi_xxh3(bytes.data, bytes.size, fi_xxh3(entry->name, entry->name_size, 1));
    }
    fi_buf_deinit(&bytes);
    return FIRN_OK;
}

static uint64_t
hash_dir(struct fi_os_dir *dir)
{
    struct tree_hash hash = {dir, 0};
    firn_error err;
    TEST_OK(fi_os_dir_list(dir, hash_file, &hash, &err), &err);
    return hash.sum;
}

static uint64_t
hash_of_run(uint64_t seed)
{
    static struct run run;
    firn_error err;
    struct fi_os_dir *runs;
    run_init(&run, seed);
    for (unsigned n = 0; n < 600; n++) {
        TEST_OK(step(&run, &err), &err);
    }
    TEST_OK(fi_os_dir_open(run.fixture.dir, "runs", &runs, &err), &err);
    assert_true(test_os_count(runs) > 2);
    uint64_t hash = hash_dir(run.fixture.dir) + hash_dir(runs);
    fi_os_dir_close(runs);
    run_deinit(&run);
    return hash;
}

static void
the_same_seed_gives_the_same_bytes(void **state)
{
    assert_int_equal(hash_of_run(77), hash_of_run(77));
    assert_int_not_equal(hash_of_run(77), hash_of_run(78));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_read_as_the_model_does),
        cmocka_unit_test(after_a_power_cut_trees_and_log_make_the_same_commits),
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
