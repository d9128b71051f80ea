/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/search: how many of the nearest rows searches by graphs find, of rows of the past and of what is left of many: at
 * checkpoints, after restores and their undoing, under conditions that half, a tenth and a hundredth of the rows meet, when
 * nine rows of ten are gone; in graphs that were built and in merged ones; for vectors around centres, anywhere, and such as
 * many rows have. And a process that is killed while it builds, merges and attaches graphs.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/test_temp.h"

static firn_error err;

enum { N = 16, K = 10, ROWS = 6000, QUERIES = 30, CENTRES = 20, REPEATED = 300 };

/* Where vectors lie: around 20 centres; anywhere; anywhere, but each of them is that of some 20 rows. */
enum style { CLUSTERED, UNIFORM, DUPLICATES };
static const char *const styles[] = {"clustered", "uniform", "duplicates"};

struct rig {
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
    struct test_random random;
    enum style style;
};

static float
number(struct test_random *random)
{
    return (float)(int32_t)(uint32_t)test_random_next(random) / 2147483648.0F;
}

static void
fill_vector(enum style style, struct test_random *random, float *out)
{
    struct test_random centre = {1 + test_random_below(random, CENTRES)};
    struct test_random one = {1000 + test_random_below(random, REPEATED)};
    for (size_t i = 0; i < N; i++) {
        const float own = number(style == DUPLICATES ? &one : random);
        out[i] = style == CLUSTERED ? 3 * number(&centre) + own : own;
    }
}

/* A query is like the vectors, but not one of many rows. */
static void
fill_query(enum style style, struct test_random *random, float *out)
{
    fill_vector(style == DUPLICATES ? UNIFORM : style, random, out);
}

/* Rows [first, end), each step-th one, in one transaction; kind is the row's number modulo 1,000. */
static void
put_range(struct rig *rig, int64_t first, int64_t end, int64_t step)
{
    firn_txn *txn;
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    OK(firn_txn_begin(rig->store, NULL, &txn, &err));
    options.txn = txn;
    for (int64_t id = first; id < end; id += step) {
        float numbers[N];
        fill_vector(rig->style, &rig->random, numbers);
        firn_value vector = firn_blob(firn_bytes(numbers, sizeof numbers));
        vector.type = FIRN_TYPE_VECTOR;
        const firn_value row[] = {firn_i64(id), firn_i64(id % 1000), vector};
        OK(firn_table_upsert(rig->table, &options, row, 3, &err));
    }
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
}

static void
delete_most(struct rig *rig)
{
    firn_txn *txn;
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    OK(firn_txn_begin(rig->store, NULL, &txn, &err));
    options.txn = txn;
    for (int64_t id = 0; id < ROWS; id++) {
        const firn_value key = firn_i64(id);
        if (id % 10 != 7) {
            OK(firn_table_delete(rig->table, &options, &key, 1, &err));
        }
    }
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
}

static void
open_store(struct rig *rig)
{
    OK(firn_store_open(rig->path, NULL, &rig->store, &err));
    OK(firn_table_open(rig->store, "t", &rig->table, &err));
}

static void
compact(struct rig *rig)
{
    OK(firn_store_compact(rig->store, NULL, &err));
}

static firn_store_statistics
stats_of(const struct rig *rig)
{
    firn_store_statistics stats = FIRN_STORE_STATISTICS_INIT;
    OK(firn_store_stats(rig->store, &stats, &err));
    return stats;
}

/* A table with a graph over all its rows. */
static void
begin_with(struct rig *rig, enum style style, uint64_t seed)
{
    firn_table_def *def;
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    *rig = (struct rig){.style = style};
    test_random_init(&rig->random, "vector_past", seed);
    test_temp_make(rig->dir, sizeof rig->dir);
    (void)snprintf(rig->path, sizeof rig->path, "%s/s.firn", rig->dir);
    OK(firn_store_open(rig->path, NULL, &rig->store, &err));
    OK(firn_table_def_parse("id i64 primary key, kind i64, v vector(16)", &def, &err));
    OK(firn_table_create(rig->store, "t", def, &rig->table, &err));
    firn_release(def);
    index.name = "near";
    index.column = "v";
    index.metric = FIRN_METRIC_L2;
    index.m = 8;
    index.ef_construction = 50;
    OK(firn_table_add_vector_index(rig->table, &index, &err));
    put_range(rig, 0, ROWS, 1);
    compact(rig);
}

static void
begin(struct rig *rig, uint64_t seed)
{
    begin_with(rig, CLUSTERED, seed);
}

static void
end(struct rig *rig)
{
    OK(firn_store_check(rig->store, NULL, NULL, &err));
    OK(firn_store_close(rig->store, &err));
    OK(firn_store_destroy(rig->path, &err));
    assert_int_equal(rmdir(rig->dir), 0);
}

/* ---- searches ---- */

struct outcome {
    double recall;
    uint64_t walked;
};

/* Against a search that compares all rows. Distances are right, and none is nearer than the nearest ones. */
static struct outcome
search_often(const struct rig *rig, firn_search_options options, size_t queries)
{
    struct test_random random = {4711};
    struct outcome outcome = {0, 0};
    size_t hits = 0;
    size_t all = 0;
    static const char *const columns[] = {"v"};
    options.metric = FIRN_METRIC_L2;
    options.k = K;
    options.columns = columns;
    options.column_count = 1;
    for (size_t q = 0; q < queries; q++) {
        float query[N];
        firn_search_result *found;
        firn_search_result *exact;
        firn_search_stats stats = FIRN_SEARCH_STATS_INIT;
        fill_query(rig->style, &random, query);
        options.exact = false;
        OK(firn_table_search(rig->table, "v", query, N, &options, &found, &err));
        firn_search_result_get_stats(found, &stats);
        outcome.walked += stats.rows_walked;
        options.exact = true;
        OK(firn_table_search(rig->table, "v", query, N, &options, &exact, &err));
        size_t count = firn_search_result_count(exact);
        assert_int_equal(firn_search_result_count(found), count);
        for (size_t i = 0; i < count; i++) {
            float numbers[N];
            double distance = firn_search_result_distance(found, i);
            firn_slice bytes = firn_search_result_values(found, i, NULL)[0].as.bytes;
            assert_int_equal(bytes.size, sizeof numbers);
            memcpy(numbers, bytes.data, sizeof numbers);
            assert_true(firn_vector_distance(FIRN_METRIC_L2, query, numbers, N) == distance);
            assert_true(distance >= firn_search_result_distance(exact, i));
            hits += distance <= firn_search_result_distance(exact, count - 1);
        }
        all += count;
        firn_search_result_destroy(found);
        firn_search_result_destroy(exact);
    }
    outcome.recall = all == 0 ? 1 : (double)hits / (double)all;
    return outcome;
}

static struct outcome
search(const struct rig *rig, firn_search_options options)
{
    return search_often(rig, options, QUERIES);
}

/* At a snapshot (NULL: now), of rows for which it is true (NULL: all). */
static void
expect_recall(const struct rig *rig, firn_snapshot *snapshot, const char *where, const char *what)
{
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    options.snapshot = snapshot;
    options.where = where;
    struct outcome outcome = search(rig, options);
    print_message("%s, %s: recall %.4f, %u walked\n", what, where == NULL ? "all" : where,
                  outcome.recall, (unsigned)outcome.walked);
    assert_true(outcome.recall >= 0.95);
}

static const char *const shares[] = {NULL, "kind < 500", "kind < 100", "kind < 10"};
enum { SHARES = sizeof shares / sizeof shares[0] };

static void
expect_recalls(const struct rig *rig, const char *what)
{
    for (size_t i = 0; i < SHARES; i++) {
        expect_recall(rig, NULL, shares[i], what);
    }
}

static void
expect_recalls_at(const struct rig *rig, const char *checkpoint)
{
    firn_snapshot *snapshot;
    firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
    options.checkpoint = checkpoint;
    OK(firn_snapshot_open(rig->store, &options, &snapshot, &err));
    for (size_t i = 0; i < SHARES; i++) {
        expect_recall(rig, snapshot, shares[i], checkpoint);
    }
    firn_snapshot_close(snapshot);
}

/* ---- tests ---- */

static void
merged_graphs_serve_conditions_of_any_share(void **state)
{
    struct rig rig;
    begin(&rig, 1);
    for (int round = 0; round < 5; round++) {
        put_range(&rig, round, ROWS + 100 * (int64_t)round, 9);
        compact(&rig);
    }
    assert_int_equal(stats_of(&rig).graphs_merged, 5);
    expect_recalls(&rig, "after five merges");
    end(&rig);
}

static void
old_checkpoints_keep_their_recall(void **state)
{
    struct rig rig;
    begin(&rig, 2);
    OK(firn_store_checkpoint_create(rig.store, "first", NULL, NULL, &err));
    put_range(&rig, 0, ROWS, 2);
    OK(firn_store_flush(rig.store, &err));
    OK(firn_store_checkpoint_create(rig.store, "half", NULL, NULL, &err));
    expect_recalls_at(&rig, "first");
    compact(&rig);
    delete_most(&rig);
    compact(&rig);
    for (int round = 0; round < 2; round++) {
        expect_recalls_at(&rig, "first");
        expect_recalls_at(&rig, "half");
        OK(firn_store_close(rig.store, &err));
        open_store(&rig);
    }
    end(&rig);
}

static void
restores_and_their_undoing_bring_recall_back(void **state)
{
    struct rig rig;
    begin(&rig, 3);
    OK(firn_store_checkpoint_create(rig.store, "first", NULL, NULL, &err));
    put_range(&rig, 0, ROWS, 2);
    compact(&rig);
    for (int compacts = 0; compacts < 2; compacts++) {
        OK(firn_store_restore(rig.store, "first", NULL, &err));
        if (compacts != 0) {
            compact(&rig);
        }
        expect_recalls(&rig, "restored");
        put_range(&rig, 5, ROWS, 50);
        OK(firn_store_undo(rig.store, NULL, &err));
        expect_recalls(&rig, "undone");
        compact(&rig);
        expect_recalls(&rig, "undone and compacted");
        expect_recalls_at(&rig, "first");
    }
    end(&rig);
}

/* All that happens to rows in one life, for the other styles. */
static void
each_style_keeps_its_recall(void **state)
{
    for (enum style style = UNIFORM; style <= DUPLICATES; style++) {
        struct rig rig;
        print_message("%s:\n", styles[style]);
        begin_with(&rig, style, 10 + (uint64_t)style);
        expect_recalls(&rig, "built");
        OK(firn_store_checkpoint_create(rig.store, "first", NULL, NULL, &err));
        put_range(&rig, 0, ROWS, 2);
        expect_recall(&rig, NULL, NULL, "half moved");
        compact(&rig);
        expect_recalls(&rig, "half moved and compacted");
        delete_most(&rig);
        expect_recall(&rig, NULL, NULL, "deleted");
        compact(&rig);
        expect_recalls(&rig, "deleted and compacted");
        expect_recalls_at(&rig, "first");
        OK(firn_store_restore(rig.store, "first", NULL, &err));
        expect_recalls(&rig, "restored");
        OK(firn_store_undo(rig.store, NULL, &err));
        expect_recall(&rig, NULL, NULL, "undone");
        OK(firn_store_undo(rig.store, NULL, &err));
        compact(&rig);
        expect_recalls(&rig, "undone twice and compacted");
        end(&rig);
    }
}

/* A condition selects all rows, a fifth, a hundredth and a thousandth: of 100,000 in a long run. */
static void
a_large_table_serves_conditions_of_any_share(void **state)
{
    static const char *const wheres[] = {NULL, "kind < 200", "kind < 10", "kind = 77"};
    const int64_t rows = test_is_long() ? 100000 : 20000;
    struct rig rig;
    begin(&rig, 6);
    for (int64_t id = ROWS; id < rows; id += 10000) {
        put_range(&rig, id, id + 10000 < rows ? id + 10000 : rows, 1);
    }
    compact(&rig);
    for (size_t i = 0; i < sizeof wheres / sizeof wheres[0]; i++) {
        expect_recall(&rig, NULL, wheres[i], "large");
    }
    end(&rig);
}

static void
a_tenth_of_the_rows_is_found_when_the_others_are_gone(void **state)
{
    struct rig rig;
    begin(&rig, 4);
    delete_most(&rig);
    expect_recalls(&rig, "deleted");
    OK(firn_store_flush(rig.store, &err));
    expect_recalls(&rig, "deleted and flushed");
    compact(&rig);
    expect_recalls(&rig, "deleted and compacted");
    put_range(&rig, 0, ROWS, 1);
    compact(&rig);
    expect_recalls(&rig, "put again");
    end(&rig);
}

/* ---- kills ---- */

/* Tells each compaction. Never returns. */
static void
live_until_killed(struct rig *rig, uint64_t seed, int pipe_end)
{
    rig->random = (struct test_random){seed};
    open_store(rig);
    for (;;) {
        int64_t first = (int64_t)test_random_below(&rig->random, 16);
        put_range(rig, first, ROWS, 17);
        if (test_random_below(&rig->random, 2) == 0) {
            OK(firn_store_flush(rig->store, &err));
        }
        compact(rig);
        if (write(pipe_end, "x", 1) != 1) {
            _exit(1);
        }
    }
}

/* How many rows there are, none in part. */
static int64_t
count_rows(const struct rig *rig)
{
    firn_table_cursor *cursor;
    const firn_row *row;
    int64_t count = 0;
    OK(firn_table_cursor_open(rig->table, NULL, &cursor, &err));
    for (;;) {
        OK(firn_table_cursor_next(cursor, &row, &err));
        if (row == NULL) {
            break;
        }
        assert_int_equal(firn_row_values(row)[0].as.i64, count);
        assert_int_equal(firn_row_values(row)[2].as.bytes.size, N * sizeof(float));
        count++;
    }
    firn_table_cursor_close(cursor);
    return count;
}

static void
a_killed_process_leaves_the_old_graph_or_the_new_one(void **state)
{
    struct rig rig;
    unsigned rounds = test_is_long() ? 200 : 10;
    uint64_t walked = 0;
    begin(&rig, 5);
    OK(firn_store_close(rig.store, &err));
    /* On a busy machine each kill may come while the newest graph is being built: then there are more rounds. */
    for (unsigned round = 0; round < rounds || (walked == 0 && round < 10 * rounds); round++) {
        uint64_t seed = test_random_next(&rig.random);
        int status;
        int ends[2];
        char told;
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            live_until_killed(&rig, seed, ends[1]);
            _exit(1);
        }
        assert_int_equal(close(ends[1]), 0);
        assert_int_equal(read(ends[0], &told, 1), 1);
        (void)usleep((useconds_t)test_random_below(&rig.random, 300000));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_int_equal(close(ends[0]), 0);
        open_store(&rig);
        OK(firn_store_check(rig.store, NULL, NULL, &err));
        assert_int_equal(count_rows(&rig), ROWS);
        /* Many queries: the recall of one graph, and not the luck of a few of them. */
        struct outcome outcome =
            search_often(&rig, (firn_search_options)FIRN_SEARCH_OPTIONS_INIT, 10 * (size_t)QUERIES);
        assert_true(outcome.recall >= 0.95);
        walked += outcome.walked;
        OK(firn_store_close(rig.store, &err));
    }
    print_message("count: %u kills while graphs are built and merged\n", rounds);
    assert_true(walked > 0);
    open_store(&rig);
    compact(&rig);
    expect_recalls(&rig, "in the end");
    end(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merged_graphs_serve_conditions_of_any_share),
        cmocka_unit_test(old_checkpoints_keep_their_recall),
        cmocka_unit_test(restores_and_their_undoing_bring_recall_back),
        cmocka_unit_test(each_style_keeps_its_recall),
        cmocka_unit_test(a_large_table_serves_conditions_of_any_share),
        cmocka_unit_test(a_tenth_of_the_rows_is_found_when_the_others_are_gone),
        cmocka_unit_test(a_killed_process_leaves_the_old_graph_or_the_new_one),
    };
    return cmocka_run_group_tests_name("vector_past", tests, NULL, NULL);
}
