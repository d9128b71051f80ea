/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/search: how large runs with graphs become, in stores with little memory.
 */
#include <dirent.h>
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_peak.h"
#include "support/test_random.h"
#include "support/test_temp.h"

static firn_error err;

enum {
    MEMORY = 16 << 20, /* half of it is the cache's */
    N_MAX = 256,
    NOTE_SIZE = 600,
    K = 10
};

struct rig {
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
    struct test_random random;
    uint32_t dimensions;
    size_t note_size;
};

static void
open_store_in(struct rig *rig, uint64_t memory_bytes)
{
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.memory_bytes = memory_bytes;
    options.durability = FIRN_DURABILITY_OS;
    OK(firn_store_open(rig->path, &options, &rig->store, &err));
}

static void
open_store(struct rig *rig)
{
    open_store_in(rig, MEMORY);
}

static void
begin(struct rig *rig, uint32_t dimensions, size_t note_size)
{
    char text[100];
    firn_table_def *def;
    *rig = (struct rig){.dimensions = dimensions, .note_size = note_size};
    assert_true(dimensions <= N_MAX && note_size <= NOTE_SIZE);
    test_random_init(&rig->random, "vector_runs", dimensions);
    test_temp_make(rig->dir, sizeof rig->dir);
    (void)snprintf(rig->path, sizeof rig->path, "%s/s.firn", rig->dir);
    open_store(rig);
    (void)snprintf(text, sizeof text, "id i64 primary key, v vector(%u), note blob", dimensions);
    OK(firn_table_def_parse(text, &def, &err));
    OK(firn_table_create(rig->store, "t", def, &rig->table, &err));
    firn_release(def);
}

static void
end(struct rig *rig)
{
    OK(firn_store_check(rig->store, NULL, NULL, &err));
    OK(firn_store_close(rig->store, &err));
    OK(firn_store_destroy(rig->path, &err));
    assert_int_equal(rmdir(rig->dir), 0);
}

static void
add_index(struct rig *rig)
{
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    index.name = "near";
    index.column = "v";
    index.metric = FIRN_METRIC_L2;
    index.m = 4;
    index.ef_construction = 8;
    OK(firn_table_add_vector_index(rig->table, &index, &err));
}

static void
fill_random(struct rig *rig, uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        words[i] = (uint32_t)test_random_next(&rig->random);
    }
}

static void
put(struct rig *rig, firn_txn *txn, int64_t id)
{
    static uint32_t words[N_MAX];
    static float vector[N_MAX];
    static uint32_t note[NOTE_SIZE / 4];
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    fill_random(rig, words, rig->dimensions);
    fill_random(rig, note, rig->note_size / 4);
    for (size_t i = 0; i < rig->dimensions; i++) {
        vector[i] = (float)(int32_t)words[i] / 2147483648.0F;
    }
    firn_value value = firn_blob(firn_bytes(vector, 4 * (size_t)rig->dimensions));
    value.type = FIRN_TYPE_VECTOR;
    options.txn = txn;
    const firn_value row[] = {firn_i64(id), value, firn_blob(firn_bytes(note, rig->note_size))};
    OK(firn_table_upsert(rig->table, &options, row, 3, &err));
}

/* Rows from 0 to count - 1, each step-th one. */
static void
fill(struct rig *rig, int64_t count, int64_t step)
{
    for (int64_t id = 0; id < count;) {
        firn_txn *txn;
        OK(firn_txn_begin(rig->store, NULL, &txn, &err));
        for (size_t i = 0; i < 500 && id < count; i++, id += step) {
            put(rig, txn, id);
        }
        OK(firn_txn_commit(txn, NULL, &err));
        firn_txn_close(txn);
    }
}

static firn_store_statistics
stats_of(const struct rig *rig)
{
    firn_store_statistics stats = FIRN_STORE_STATISTICS_INIT;
    OK(firn_store_stats(rig->store, &stats, &err));
    return stats;
}

/* The table is compacted; it has so many graphs then. */
static size_t
compact(const struct rig *rig)
{
    char runs[2 * TEST_TEMP_SIZE];
    size_t count = 0;
    OK(firn_store_compact(rig->store, NULL, &err));
    (void)snprintf(runs, sizeof runs, "%s/runs", rig->path);
    DIR *dir = opendir(runs);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        count += strstr(entry->d_name, ".graph") != NULL;
    }
    assert_int_equal(closedir(dir), 0);
    return count;
}

/* All of it is in the last level then: only where its runs end depends on threads. */
static void
fill_without_index(struct rig *rig, int64_t count)
{
    fill(rig, count, 1);
    assert_int_equal(compact(rig), 0);
}

/* Only so many runs, which have fewer than 4,096 rows, have no graph. */
static void
assert_graphs_serve(const struct rig *rig, uint64_t small_runs)
{
    static const float query[N_MAX];
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    firn_search_stats stats = FIRN_SEARCH_STATS_INIT;
    firn_search_result *found;
    options.metric = FIRN_METRIC_L2;
    options.k = K;
    options.ef = 64;
    OK(firn_table_search(rig->table, "v", query, rig->dimensions, &options, &found, &err));
    firn_search_result_get_stats(found, &stats);
    assert_int_equal(firn_search_result_count(found), K);
    firn_search_result_destroy(found);
    print_message("%llu codes were compared, and %llu rows measured\n",
                  (unsigned long long)stats.rows_walked, (unsigned long long)stats.rows_measured);
    assert_true(stats.rows_walked > 0 && stats.rows_measured < small_runs * 4096 + 900);
}

/* Its graph takes 3 of the cache's 8 MiB, its rows take 6; building takes 4 beside the graph that was there. */
static void
a_run_is_as_large_as_its_graph_may_be(void **state)
{
    struct rig rig;
    begin(&rig, 64, 0);
    fill_without_index(&rig, 26000);
    add_index(&rig);
    assert_int_equal(compact(&rig), 1);
    assert_graphs_serve(&rig, 1);
    fill(&rig, 26000, 30);
    uint64_t merged = stats_of(&rig).graphs_merged;
    assert_int_equal(compact(&rig), 1);
    assert_int_equal(stats_of(&rig).graphs_merged, merged + 1);
    assert_graphs_serve(&rig, 1);
    end(&rig);
}

/* Its rows take two runs, or three if one was written in the background while they were put. */
static void
a_larger_table_has_another_graph(void **state)
{
    struct rig rig;
    begin(&rig, 64, 0);
    fill_without_index(&rig, 40000);
    add_index(&rig);
    size_t graphs = compact(&rig);
    assert_true(graphs == 2 || graphs == 3);
    assert_graphs_serve(&rig, 1);
    end(&rig);
}

/* Five times as many rows as a graph in memory could have: all runs have lists, and are larger. Between these may be small ones,
 * which it does not pay to merge with them. With more memory they become one run with a graph. */
static void
a_table_far_beyond_memory_has_lists(void **state)
{
    struct rig rig;
    begin(&rig, 256, 0);
    fill_without_index(&rig, 40000);
    add_index(&rig);
    size_t graphs = compact(&rig);
    print_message("%zu runs with lists\n", graphs);
    /* Two neighbours have more than a run may have, 16 MiB, and all have 41 MB. */
    assert_true(graphs >= 2 && graphs <= 5);
    assert_graphs_serve(&rig, 3);
    fill(&rig, 40000, 50);
    assert_true(compact(&rig) >= 2);
    assert_graphs_serve(&rig, 3);
    OK(firn_store_close(rig.store, &err));
    open_store_in(&rig, 16 * MEMORY);
    OK(firn_table_open(rig.store, "t", &rig.table, &err));
    assert_graphs_serve(&rig, 1);
    assert_int_equal(compact(&rig), 1);
    assert_graphs_serve(&rig, 1);
    end(&rig);
}

/* Runs of 2,000 rows, which are too small for graphs, older than the index. */
static void
runs_too_small_for_graphs_are_merged(void **state)
{
    struct rig rig;
    for (int i = 0; i < 2; i++) {
        begin(&rig, 256, 0);
        fill_without_index(&rig, 8000);
        assert_true(stats_of(&rig).levels[FIRN_STORE_LEVELS - 1].files >= 3);
        add_index(&rig);
        if (i == 1) {
            OK(firn_store_close(rig.store, &err));
            open_store(&rig);
            OK(firn_table_open(rig.store, "t", &rig.table, &err));
        }
        assert_int_equal(compact(&rig), 1);
        assert_graphs_serve(&rig, 1);
        end(&rig);
    }
}

/* Rows of twice the cache's budget in one run, each of whose row groups changes. */
static void
a_merge_of_a_large_run_takes_no_more_memory(void **state)
{
    struct rig rig;
    test_peak_install();
    begin(&rig, 64, NOTE_SIZE);
    fill_without_index(&rig, 17500);
    add_index(&rig);
    assert_int_equal(compact(&rig), 1);
    (void)test_peak_take();
    fill(&rig, 17500, 10);
    assert_int_equal(compact(&rig), 1);
    size_t peak = test_peak_take();
    print_message("a peak of %zu KiB\n", peak >> 10);
    assert_true(peak <= MEMORY + MEMORY / 4);
    end(&rig);
    test_peak_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_as_large_as_its_graph_may_be),
        cmocka_unit_test(a_larger_table_has_another_graph),
        cmocka_unit_test(a_table_far_beyond_memory_has_lists),
        cmocka_unit_test(runs_too_small_for_graphs_are_merged),
        cmocka_unit_test(a_merge_of_a_large_run_takes_no_more_memory),
    };
    return cmocka_run_group_tests_name("vector_runs", tests, NULL, NULL);
}
