/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: graphs are built over the runs of a table, and attached: with power cut at each call to the system, each call
 * failing, and allocations failing. What is left is a whole store, with the graph or without, whose searches find the
 * nearest rows; then it can be built. And calls that fail while a graph is searched. Runs that are joined to have one graph
 * are in test_rows_graph_joins.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "compaction/compaction.h"
#include "inspect/inspect.h"
#include "rows_graph.h"
#include "rows_show.h"
#include "schema/schema.h"
#include "sim/sim_fault.h"
#include "store/db_internal.h"
#include "support/test_file.h"

static void
a_power_cut_at_any_call_leaves_the_old_or_the_new(void **state)
{
    rows_graph_cut_everywhere(rows_graph_make_store);
}

static void
a_power_cut_at_any_call_of_a_merge_leaves_the_old_or_the_new(void **state)
{
    rows_graph_cut_everywhere(rows_graph_make_store_with_graph);
}

static void
a_call_that_fails_leaves_the_old_or_the_new(void **state)
{
    rows_graph_fail_everywhere(rows_graph_make_store);
}

static void
a_call_of_a_merge_that_fails_leaves_the_old_or_the_new(void **state)
{
    rows_graph_fail_everywhere(rows_graph_make_store_with_graph);
}

static void
an_allocation_that_fails_leaves_the_old_or_the_new(void **state)
{
    rows_graph_run_out_everywhere(rows_graph_make_store);
}

static void
an_allocation_of_a_merge_that_fails_leaves_the_old_or_the_new(void **state)
{
    rows_graph_run_out_everywhere(rows_graph_make_store_with_graph);
}

/* A search of a store that was just opened reads the graph, and rows that it does not have: with one of its calls failing it
 * fails, or finds what it should. The next one is right in any case. */
static void
a_call_that_fails_while_a_graph_is_searched_is_no_wrong_answer(void **state)
{
    static struct rows_graph_nearest nearest;
    static const float query[ROWS_GRAPH_DIMENSIONS] = {500, 400, 300};
    struct db_support base;
    bool was_hit = true;
    uint64_t failed = 0;
    rows_graph_make_store_with_graph(&base);
    for (uint64_t n = 1; was_hit; n++) {
        struct db_support support;
        struct fi_os *faulty;
        struct fi_os_dir *dir;
        struct firn_db *db;
        firn_error err;
        rows_graph_open_clone(&base, &support);
        DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
        DB_OK(fi_os_dir_open_path(faulty, "/store", &dir, &err));
        DB_OK(fi_db_open(dir, &db_support_read_only, &db, &err));
        const struct fi_sim_fault_plan plan = {.call = n,
                                               .for_ever = n % 2 == 0,
                                               .classes = FI_SIM_FAULT_OPENS | FI_SIM_FAULT_READS,
                                               .kind = FI_SIM_FAULT_FAILS,
                                               .error_number = 5};
        for (int is_exact = 0; is_exact < 2; is_exact++) {
            struct firn_search_result *result;
            fi_sim_fault_set_plan(faulty, is_exact == 0 ? &plan : NULL);
            int rc = rows_graph_search(db, query, is_exact != 0, &result, &err);
            was_hit = is_exact == 0 ? fi_sim_fault_hits(faulty) > 0 : was_hit;
            assert_true(rc == FIRN_OK || (rc == FIRN_IO && is_exact == 0 && was_hit));
            assert_true((rc == FIRN_OK) == (result != NULL));
            failed += rc != FIRN_OK;
            if (rc == FIRN_OK) {
                fi_sim_fault_set_plan(faulty, NULL);
                rows_graph_read_vectors(db, &nearest);
                rows_graph_measure_all(&nearest, query);
                assert_true(rows_graph_judge(&nearest, query, is_exact != 0, result) >=
                            ROWS_GRAPH_K - 3);
            }
            fi_search_result_free(result);
        }
        DB_OK(fi_db_close(db, &err));
        fi_os_dir_close(dir);
        fi_sim_fault_destroy(faulty);
        db_support_deinit(&support);
        assert_true(n < 1000);
    }
    print_message("count: %u searches of a graph with a call that failed\n", (unsigned)failed);
    assert_true(failed > 3);
    db_support_deinit(&base);
}

static void
a_merge_keeps_the_graph(void **state)
{
    struct db_support support;
    struct firn_db *db;
    firn_error err;
    firn_store_statistics stats = FIRN_STORE_STATISTICS_INIT;
    rows_graph_make_store_with_graph(&support);
    DB_OK(fi_db_open(support.dir, &db_support_existing, &db, &err));
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    DB_OK(fi_inspect_stats(db, &stats, &err));
    assert_int_equal(stats.graphs_built, 1);
    assert_int_equal(stats.graphs_merged, 1);
    assert_int_equal(stats.graphs_damaged, 0);
    DB_OK(fi_db_close(db, &err));
    assert_int_equal(rows_graph_count_graphs(support.dir), 1);
    db_support_deinit(&support);
}

/* Writes of graphs fail as on a full disk. */
static void
refuse_graphs(void *ctx, const struct fi_sim_fault_call *call)
{
    static const struct fi_sim_fault_plan plan = {
        .call = 1, .classes = FI_SIM_FAULT_WRITES, .kind = FI_SIM_FAULT_FAILS, .error_number = 28};
    if (call->kind == FI_SIM_FAULT_WRITES && call->name != NULL &&
        strstr(call->name, ".graph") != NULL) {
        fi_sim_fault_set_plan(ctx, &plan);
    }
}

/* A compaction gives back the space of what it has merged, also where there is none for the new graph. */
static void
a_full_disk_keeps_no_run_for_its_graph(void **state)
{
    struct db_support support;
    struct fi_os *faulty;
    struct fi_os_dir *dir;
    struct firn_db *db;
    firn_error err;
    rows_graph_make_store_with_graph(&support);
    DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
    DB_OK(fi_os_dir_open_path(faulty, "/store", &dir, &err));
    DB_OK(fi_db_open(dir, &db_support_existing, &db, &err));
    assert_int_equal(rows_graph_count_graphs(dir), 1);
    fi_sim_fault_set_hook(faulty, refuse_graphs, faulty);
    assert_int_equal(fi_db_maintain_compact(db, NULL, &err), FIRN_NO_SPACE);
    assert_int_equal(rows_graph_count_graphs(dir), 0);
    fi_sim_fault_set_hook(faulty, NULL, NULL);
    fi_sim_fault_set_plan(faulty, NULL);
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    assert_int_equal(rows_graph_count_graphs(dir), 1);
    DB_OK(fi_db_close(db, &err));
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(faulty);
    db_support_deinit(&support);
}

/* ---- what a graph inherits ---- */

static struct firn_db *
open_db(const struct db_support *support)
{
    firn_error err;
    struct firn_db *db;
    DB_OK(fi_db_open(support->dir, &db_support_existing, &db, &err));
    return db;
}

static firn_store_statistics
stats_of(struct firn_db *db)
{
    firn_error err;
    firn_store_statistics stats = FIRN_STORE_STATISTICS_INIT;
    DB_OK(fi_inspect_stats(db, &stats, &err));
    return stats;
}

static void
build_all(struct firn_db *db)
{
    firn_error err;
    const struct fi_compaction_graph_options options = {.threads = 1};
    bool did = true;
    while (did) {
        DB_OK(fi_compaction_graph_build(fi_db_image(db)->lsm, &options, &did, &err));
    }
}

/* A store with two runs that overlap; each has a graph. The second one is larger. */
static void
make_two_graphs(struct db_support *support)
{
    firn_error err;
    struct firn_db *db;
    rows_graph_make_store(support);
    DB_OK(rows_graph_index_and_build(support->dir, &err));
    db = open_db(support);
    rows_graph_put_range(db, ROWS_GRAPH_ROWS / 2, ROWS_GRAPH_ROWS / 2 + ROWS_GRAPH_ROWS + 800);
    DB_OK(fi_db_maintain_flush(db, &err));
    build_all(db);
    fi_db_abandon(db); /* closing it would compact */
    assert_int_equal(rows_graph_count_graphs(support->dir), 2);
}

/* The names of the files of graphs, the older one first. */
struct names {
    char all[2][64];
    size_t count;
};

static int
note_graph(void *ctx, const struct fi_os_dirent *entry)
{
    struct names *names = ctx;
    if (strstr(entry->name, ".graph") != NULL) {
        assert_true(names->count < 2);
        (void)snprintf(names->all[names->count++], sizeof names->all[0], "%s", entry->name);
    }
    return FIRN_OK;
}

/* Changes a byte in each of its pages. */
static void
damage_graph(const struct db_support *support, size_t which)
{
    firn_error err;
    struct fi_os_dir *runs;
    struct names names = {.count = 0};
    struct fi_buf bytes = {0};
    DB_OK(fi_os_dir_open(support->dir, "runs", &runs, &err));
    DB_OK(fi_os_dir_list(runs, note_graph, &names, &err));
    assert_int_equal(names.count, 2);
    size_t first = strcmp(names.all[0], names.all[1]) < 0 ? 0 : 1;
    const char *name = names.all[which == 0 ? first : 1 - first];
    test_file_read(runs, name, &bytes);
    for (size_t at = 5000; at < bytes.size; at += 1000) {
        bytes.data[at] ^= 0x40;
    }
    test_file_write(runs, name, bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    fi_os_dir_close(runs);
}

/* Both graphs are whole; the smaller one, or the larger one is damaged. If there is memory to keep what an open graph reads,
 * opening finds the damage, and that graph is built again before the runs are merged. If there is little,
 * lists are built, and the merge finds the damage as well: it looks for links that it may take over. */
static void
of_two_graphs_the_larger_one_is_kept(void **state)
{
    enum { WHOLE, SMALLER, LARGER };
    static const struct {
        int damaged;
        size_t memory_bytes; /* 0: as usual */
        uint64_t built;
        uint64_t merged;
        bool is_met; /* by the merge */
    } rounds[] = {{WHOLE, 0, 1, 1, false},
                  {SMALLER, 0, 2, 1, false},
                  {LARGER, 0, 2, 1, false},
                  {LARGER, 1500000, 2, 0, true}};
    for (size_t round = 0; round < sizeof rounds / sizeof rounds[0]; round++) {
        struct db_support support;
        struct firn_db *db;
        firn_error err;
        firn_store_check_result report = FIRN_STORE_CHECK_RESULT_INIT;
        make_two_graphs(&support);
        if (rounds[round].damaged != WHOLE) {
            damage_graph(&support, rounds[round].damaged == LARGER);
        }
        struct fi_db_options options = db_support_existing;
        if (rounds[round].memory_bytes != 0) {
            options.memory_bytes = rounds[round].memory_bytes;
        }
        DB_OK(fi_db_open(support.dir, &options, &db, &err));
        DB_OK(fi_db_maintain_compact(db, NULL, &err));
        firn_store_statistics stats = stats_of(db);
        assert_int_equal(stats.graphs_built, rounds[round].built);
        assert_int_equal(stats.graphs_merged, rounds[round].merged);
        assert_int_equal(stats.graphs_damaged > 0, rounds[round].is_met);
        DB_OK(fi_inspect_check(db, NULL, &report, &err));
        DB_OK(fi_db_close(db, &err));
        assert_int_equal(rows_graph_count_graphs(support.dir), 1);
        db_support_deinit(&support);
    }
}

struct patience {
    uint64_t left;
};

static int
lose_patience(void *ctx, uint64_t files, uint64_t bytes, firn_error *err)
{
    struct patience *patience = ctx;
    (void)files;
    (void)bytes;
    if (patience->left == 0) {
        return fi_error_set(err, FIRN_CANCELLED, "enough");
    }
    patience->left--;
    return FIRN_OK;
}

/* Each index of a run takes its links over from the graph of its own metric. */
static void
each_of_two_indexes_keeps_its_graph(void **state)
{
    static const struct fi_schema_vector_index model = {
        .name = {(const uint8_t *)"far", 3}, .metric = 2, .m = 4, .ef_construction = 8};
    struct db_support support;
    struct firn_table *table;
    firn_error err;
    rows_graph_make_store(&support);
    DB_OK(rows_graph_index_and_build(support.dir, &err));
    struct firn_db *db = open_db(&support);
    DB_OK(fi_rows_open(db, "t", &table, &err));
    DB_OK(fi_rows_index_add_vectors(table, &model, firn_str("v"), &err));
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    assert_int_equal(rows_graph_count_graphs(support.dir), 2);
    rows_graph_put_range(db, 7, 300);
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    firn_store_statistics stats = stats_of(db);
    assert_int_equal(stats.graphs_built, 3);
    assert_int_equal(stats.graphs_merged, 2);
    assert_int_equal(rows_graph_count_graphs(support.dir), 2);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* Compacts the table, and builds no graph. */
static void
compact_runs(struct firn_db *db)
{
    firn_error err;
    struct firn_table *table;
    const struct fi_lsm_range all = {firn_str(""), NULL};
    DB_OK(fi_rows_open(db, "t", &table, &err));
    DB_OK(fi_db_maintain_compact_range(fi_rows_keyspace(table), &all, NULL, &err));
}

/* A run that is compacted before it has got a graph hands that of its forerunner on, wherever the building of its own was
 * ended. */
static void
a_graph_is_handed_on_until_one_is_built(void **state)
{
    struct db_support base;
    uint64_t ended = 0;
    int rc = FIRN_CANCELLED;
    rows_graph_make_store_with_graph(&base);
    for (uint64_t n = 0; rc != FIRN_OK; n++) {
        struct db_support support;
        struct patience patience = {.left = n};
        const struct fi_step step = {lose_patience, &patience};
        const struct fi_compaction_graph_options options = {.threads = 1, .step = &step};
        bool did;
        firn_error err;
        rows_graph_open_clone(&base, &support);
        struct firn_db *db = open_db(&support);
        compact_runs(db);
        assert_int_equal(stats_of(db).graphs_built, 0);
        rc = fi_compaction_graph_build(fi_db_image(db)->lsm, &options, &did, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_CANCELLED);
        assert_true(did);
        if (rc == FIRN_CANCELLED) {
            ended++;
            for (int64_t round = 0; round < 3; round++) {
                rows_graph_put_range(db, 1 + 20 * round, 30 + 20 * round);
                compact_runs(db);
            }
        }
        const uint64_t sum = rows_graph_sum_rows(db);
        build_all(db); /* a graph's forerunner goes when no graph is missing any more */
        firn_store_statistics stats = stats_of(db);
        /* One that was built, and not written any more, counts too. */
        assert_true(stats.graphs_merged > 0 && stats.graphs_merged == stats.graphs_built);
        assert_int_equal(stats.graphs_damaged, 0);
        DB_OK(fi_db_close(db, &err));
        assert_int_equal(rows_graph_count_graphs(support.dir), 1);
        rows_graph_verify(support.dir, sum, 0);
        db_support_deinit(&support);
        assert_true(n < 1000);
    }
    print_message("building was ended %u times\n", (unsigned)ended);
    assert_true(ended > 0);
    db_support_deinit(&base);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_two_graphs_the_larger_one_is_kept),
        cmocka_unit_test(each_of_two_indexes_keeps_its_graph),
        cmocka_unit_test(a_graph_is_handed_on_until_one_is_built),
        cmocka_unit_test(a_call_that_fails_while_a_graph_is_searched_is_no_wrong_answer),
        cmocka_unit_test(a_merge_keeps_the_graph),
        cmocka_unit_test(a_full_disk_keeps_no_run_for_its_graph),
        cmocka_unit_test(a_power_cut_at_any_call_leaves_the_old_or_the_new),
        cmocka_unit_test(a_power_cut_at_any_call_of_a_merge_leaves_the_old_or_the_new),
        cmocka_unit_test(a_call_of_a_merge_that_fails_leaves_the_old_or_the_new),
        cmocka_unit_test(an_allocation_of_a_merge_that_fails_leaves_the_old_or_the_new),
        cmocka_unit_test(a_call_that_fails_leaves_the_old_or_the_new),
        cmocka_unit_test(an_allocation_that_fails_leaves_the_old_or_the_new),
    };
    return cmocka_run_group_tests_name("rows_graphs", tests, NULL, NULL);
}
