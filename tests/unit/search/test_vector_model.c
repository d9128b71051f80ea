/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/search: random lives of a table of vectors against a model in memory: inserts, updates, deletes, transactions that are
 * given up, flushes, compactions, checkpoints, restores and their undoing, snapshots, openings, indexes that come and go, and
 * searches of each state, with conditions of any selectivity, of which each distance is computed here.
 *
 * Built twice: with FIRN_TEST_LISTS the store has so little memory that its runs, of which there are several, have lists.
 */
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/test_temp.h"

static firn_error err;

#ifdef FIRN_TEST_LISTS
enum { N = 40, IDS = 26000, STEPS = 8, LIVES = 4, LIVES_LONG = 30, WALKED = 12, MEMORY = 1 << 20 };
#else
enum { N = 8, IDS = 6500, STEPS = 30, LIVES = 6, LIVES_LONG = 200, WALKED = 5, MEMORY = 128 << 20 };
#endif
enum { STATES = 3, KINDS = 1000 };

/* What the table has. A row may have no vector: a null. */
struct model {
    struct {
        bool is_there;
        bool has_vector;
        int kind;
        float v[N];
    } rows[IDS];
};

struct near {
    double distance;
    int64_t id;
};

struct rig {
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
    struct test_random random;
    firn_metric indexed; /* 0: no index */
    struct model *now;
    struct model *undone; /* what an undo brings back; NULL: nothing was restored */
    struct model *checkpoints[STATES];
    char names[STATES][20];
    unsigned named;
    struct model *snapshots[STATES];
    firn_snapshot *handles[STATES];
    struct near *nearest;
    /* Of searches by graphs that may miss rows. */
    size_t hits;
    size_t all;
    size_t walks;
    size_t searches;
};

static uint64_t
below(struct rig *rig, uint64_t limit)
{
    return test_random_below(&rig->random, limit);
}

static struct model *
copy_of(const struct model *model)
{
    struct model *copy = malloc(sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, model, sizeof *copy);
    return copy;
}

static void
replace(struct model **at, struct model *with)
{
    free(*at);
    *at = with;
}

/* ---- rows ---- */

/* Around twelve centres, for some anywhere, or that of another row, or zeros. */
static void
fill_vector(struct rig *rig, float *out)
{
    struct test_random centre = {1 + below(rig, 12)};
    const uint64_t way = below(rig, 100);
    const size_t twin = (size_t)below(rig, IDS);
    for (size_t i = 0; i < N; i++) {
        const float middle = (float)(int64_t)test_random_below(&centre, 2001) - 1000;
        const float random = (float)(int64_t)below(rig, 2001) - 1000;
        out[i] = way < 20 ? random : middle + random / 4;
    }
    if (way >= 98) {
        memset(out, 0, N * sizeof *out);
    } else if (way >= 85 && rig->now->rows[twin].is_there && rig->now->rows[twin].has_vector) {
        memcpy(out, rig->now->rows[twin].v, N * sizeof *out);
    }
}

static void
put(struct rig *rig, firn_txn *txn, size_t id)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    float v[N];
    fill_vector(rig, v);
    firn_value vector = firn_blob(firn_bytes(v, sizeof v));
    vector.type = FIRN_TYPE_VECTOR;
    rig->now->rows[id].is_there = true;
    rig->now->rows[id].has_vector = below(rig, 60) != 0;
    rig->now->rows[id].kind = (int)below(rig, KINDS);
    memcpy(rig->now->rows[id].v, v, sizeof v);
    const firn_value row[] = {firn_i64((int64_t)id), firn_i64(rig->now->rows[id].kind),
                              rig->now->rows[id].has_vector ? vector : firn_null()};
    options.txn = txn;
    OK(firn_table_upsert(rig->table, &options, row, 3, &err));
}

static void
remove_row(struct rig *rig, firn_txn *txn, size_t id)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    const firn_value key = firn_i64((int64_t)id);
    options.txn = txn;
    if (rig->now->rows[id].is_there) {
        OK(firn_table_delete(rig->table, &options, &key, 1, &err));
        rig->now->rows[id].is_there = false;
    }
}

/* ---- the judge ---- */

static int
compare(const void *a, const void *b)
{
    const struct near *left = a;
    const struct near *right = b;
    return left->distance != right->distance ? (left->distance > right->distance ? 1 : -1)
                                             : (left->id > right->id) - (left->id < right->id);
}

static bool
is_wanted(const struct model *model, size_t id, int first, int last)
{
    return model->rows[id].is_there && model->rows[id].has_vector &&
           model->rows[id].kind >= first && model->rows[id].kind <= last;
}

static size_t
measure_all(struct rig *rig, const struct model *model, firn_metric metric, const float *query,
            int first, int last)
{
    size_t count = 0;
    for (size_t id = 0; id < IDS; id++) {
        if (is_wanted(model, id, first, last)) {
            rig->nearest[count++] = (struct near){
                firn_vector_distance(metric, query, model->rows[id].v, N), (int64_t)id};
        }
    }
    qsort(rig->nearest, count, sizeof *rig->nearest, compare);
    return count;
}

struct state {
    const struct model *model;
    firn_snapshot *snapshot;
    firn_txn *txn;
};

/* Each row found is one of the state, fulfils the condition, has the right distance and is there once; their order is right,
 * there are as many as can be, and none is nearer than the nearest. Of an exact search they are the nearest. */
static size_t
judge(struct rig *rig, const struct model *model, const float *query,
      const firn_search_options *options, int first, int last, const firn_search_result *found)
{
    const size_t matching = measure_all(rig, model, options->metric, query, first, last);
    const size_t wanted = matching < options->k ? matching : (size_t)options->k;
    size_t hits = 0;
    assert_int_equal(firn_search_result_count(found), wanted);
    struct near before = {0, 0};
    for (size_t i = 0; i < wanted; i++) {
        const struct near row = {firn_search_result_distance(found, i),
                                 firn_search_result_key(found, i, NULL)[0].as.i64};
        assert_true(row.id >= 0 && row.id < IDS);
        assert_true(is_wanted(model, (size_t)row.id, first, last));
        assert_true(row.distance ==
                    firn_vector_distance(options->metric, query, model->rows[row.id].v, N));
        assert_true(i == 0 || compare(&before, &row) < 0);
        assert_int_equal(firn_search_result_values(found, i, NULL)[0].as.i64,
                         model->rows[row.id].kind);
        assert_true(row.distance >= rig->nearest[i].distance);
        if (options->exact && row.id != rig->nearest[i].id) {
            fail_msg("metric %d, k %d, kinds %d to %d: row %zu is %d at %.17g, not %d at %.17g",
                     (int)options->metric, (int)options->k, first, last, i, (int)row.id,
                     row.distance, (int)rig->nearest[i].id, rig->nearest[i].distance);
        }
        hits += row.distance <= rig->nearest[wanted - 1].distance;
        before = row;
    }
    return hits;
}

static void
search(struct rig *rig, const struct state *state)
{
    static const uint64_t ks[] = {0, 1, 3, 10, 10, 40, 10000};
    static const int lasts[] = {KINDS, KINDS, 600, 150, 40, 8, 1, -1};
    static const char *const columns[] = {"kind"};
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    firn_search_stats stats = FIRN_SEARCH_STATS_INIT;
    firn_search_result *found;
    float query[N];
    const int first = (int)below(rig, 2) * (int)below(rig, 100);
    const int span = lasts[below(rig, sizeof lasts / sizeof lasts[0])];
    const firn_value parameters[] = {firn_i64(first), firn_i64(first + span)};
    fill_vector(rig, query);
    options.k = ks[below(rig, sizeof ks / sizeof ks[0])];
    options.metric =
        rig->indexed != 0 && below(rig, 4) != 0 ? rig->indexed : (firn_metric)(1 + below(rig, 3));
    options.exact = below(rig, 3) == 0;
    options.threads = (unsigned)below(rig, 3);
    options.ef = below(rig, 4) == 0 ? 1 : 0; /* fewer than are wanted */
    options.snapshot = state->snapshot;
    options.txn = state->txn;
    options.columns = columns;
    options.column_count = 1;
    const bool has_where = first > 0 || span < KINDS;
    if (has_where) {
        options.where = "kind >= ? and kind <= ?";
        options.parameters = parameters;
        options.parameter_count = 2;
    }
    OK(firn_table_search(rig->table, "v", query, N, &options, &found, &err));
    const size_t hits = judge(rig, state->model, query, &options, has_where ? first : 0,
                              has_where ? first + span : KINDS, found);
    firn_search_result_get_stats(found, &stats);
    assert_int_equal(stats.graphs_damaged, 0);
    rig->searches++;
    rig->walks += stats.rows_walked > 0;
    if (stats.rows_walked > 0 && !options.exact && options.ef == 0) {
        rig->hits += hits;
        rig->all += firn_search_result_count(found);
    } else if (stats.rows_walked == 0) {
        assert_int_equal(hits,
                         firn_search_result_count(found)); /* nothing but graphs misses a row */
    }
    firn_search_result_destroy(found);
}

static void
search_all(struct rig *rig)
{
    const struct state present = {rig->now, NULL, NULL};
    for (unsigned i = 0; i < 5; i++) {
        search(rig, &present);
    }
    for (size_t i = 0; i < STATES; i++) {
        if (rig->handles[i] != NULL) {
            const struct state past = {rig->snapshots[i], rig->handles[i], NULL};
            search(rig, &past);
        }
        if (rig->checkpoints[i] != NULL && below(rig, 2) == 0) {
            firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
            struct state kept = {rig->checkpoints[i], NULL, NULL};
            options.checkpoint = rig->names[i];
            OK(firn_snapshot_open(rig->store, &options, &kept.snapshot, &err));
            search(rig, &kept);
            search(rig, &kept);
            firn_snapshot_close(kept.snapshot);
        }
    }
}

/* ---- what happens ---- */

static void
add_index(struct rig *rig, firn_metric metric)
{
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    index.name = "near";
    index.column = "v";
    index.metric = metric;
    index.m = 8;
    index.ef_construction = 40;
    OK(firn_table_add_vector_index(rig->table, &index, &err));
    rig->indexed = metric;
}

/* In one transaction, which sees its own rows, and may be given up. */
static void
change(struct rig *rig)
{
    const size_t puts = (size_t)below(rig, 300);
    const size_t deletes = (size_t)below(rig, 200);
    struct model *before = copy_of(rig->now);
    firn_txn *txn;
    OK(firn_txn_begin(rig->store, NULL, &txn, &err));
    for (size_t i = 0; i < puts; i++) {
        put(rig, txn, (size_t)below(rig, IDS));
    }
    for (size_t i = 0; i < deletes; i++) {
        remove_row(rig, txn, (size_t)below(rig, IDS));
    }
    const struct state own = {rig->now, NULL, txn};
    const struct state others = {before, NULL, NULL};
    search(rig, &own);
    search(rig, &others);
    if (below(rig, 5) == 0) {
        memcpy(rig->now, before, sizeof *before);
    } else {
        OK(firn_txn_commit(txn, NULL, &err));
    }
    firn_txn_close(txn);
    free(before);
}

static void
keep_checkpoint(struct rig *rig)
{
    const size_t at = (size_t)below(rig, STATES);
    const char *name = rig->names[at];
    if (rig->checkpoints[at] != NULL) {
        OK(firn_store_checkpoint_delete(rig->store, &name, 1, &err));
    }
    (void)snprintf(rig->names[at], sizeof rig->names[at], "state%u", rig->named++);
    OK(firn_store_checkpoint_create(rig->store, rig->names[at], NULL, NULL, &err));
    replace(&rig->checkpoints[at], copy_of(rig->now));
}

/* Tables are as they were, and so are their indexes. */
static void
find_table(struct rig *rig)
{
    OK(firn_table_open(rig->store, "t", &rig->table, &err));
    int rc = firn_table_drop_index(rig->table, "near", &err);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    rig->indexed = 0;
    add_index(rig, (firn_metric)(1 + below(rig, 3)));
}

static void
restore(struct rig *rig)
{
    const size_t at = (size_t)below(rig, STATES);
    if (rig->checkpoints[at] != NULL) {
        OK(firn_store_restore(rig->store, rig->names[at], NULL, &err));
        replace(&rig->undone, copy_of(rig->now));
        memcpy(rig->now, rig->checkpoints[at], sizeof *rig->now);
        find_table(rig);
    }
}

static void
undo(struct rig *rig)
{
    if (rig->undone != NULL) {
        OK(firn_store_undo(rig->store, NULL, &err));
        struct model *other = rig->undone;
        rig->undone = rig->now;
        rig->now = other;
        find_table(rig);
    }
}

static void
keep_snapshot(struct rig *rig)
{
    const size_t at = (size_t)below(rig, STATES);
    firn_snapshot_close(rig->handles[at]);
    OK(firn_snapshot_open(rig->store, NULL, &rig->handles[at], &err));
    replace(&rig->snapshots[at], copy_of(rig->now));
}

static void
close_snapshots(struct rig *rig)
{
    for (size_t i = 0; i < STATES; i++) {
        firn_snapshot_close(rig->handles[i]);
        rig->handles[i] = NULL;
        replace(&rig->snapshots[i], NULL);
    }
}

static void
open_model(struct rig *rig)
{
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.memory_bytes = MEMORY;
    OK(firn_store_open(rig->path, &options, &rig->store, &err));
}

static void
reopen(struct rig *rig)
{
    close_snapshots(rig);
    OK(firn_store_close(rig->store, &err));
    open_model(rig);
    OK(firn_table_open(rig->store, "t", &rig->table, &err));
}

static void
do_something(struct rig *rig)
{
    switch (below(rig, 13)) {
    case 0:
    case 1:
        OK(firn_store_flush(rig->store, &err));
        break;
    case 2:
    case 3:
    case 4:
        OK(firn_store_compact(rig->store, NULL, &err));
        break;
    case 5:
        keep_checkpoint(rig);
        break;
    case 6:
        restore(rig);
        break;
    case 7:
        undo(rig);
        break;
    case 8:
        keep_snapshot(rig);
        break;
    case 9:
        reopen(rig);
        break;
    case 10:
        OK(firn_table_drop_index(rig->table, "near", &err));
        rig->indexed = 0;
        search_all(rig);
        add_index(rig, (firn_metric)(1 + below(rig, 3)));
        break;
    default:
        break;
    }
}

/* ---- lives ---- */

static void
begin(struct rig *rig, uint64_t seed)
{
    firn_table_def *def;
    firn_txn *txn;
    memset(rig, 0, sizeof *rig);
    test_random_init(&rig->random, "vector_model", seed);
    rig->now = calloc(1, sizeof *rig->now);
    rig->nearest = calloc(IDS, sizeof *rig->nearest);
    assert_true(rig->now != NULL && rig->nearest != NULL);
    test_temp_make(rig->dir, sizeof rig->dir);
    (void)snprintf(rig->path, sizeof rig->path, "%s/s.firn", rig->dir);
    open_model(rig);
    char text[60];
    (void)snprintf(text, sizeof text, "id i64 primary key, kind i32, v vector(%d)", N);
    OK(firn_table_def_parse(text, &def, &err));
    OK(firn_table_create(rig->store, "t", def, &rig->table, &err));
    firn_release(def);
    add_index(rig, (firn_metric)(1 + seed % 3));
    const struct state present = {rig->now, NULL, NULL};
    search(rig, &present); /* of an empty table */
    for (size_t id = 0; id < IDS;) {
        OK(firn_txn_begin(rig->store, NULL, &txn, &err));
        for (size_t i = 0; i < 500 && id < IDS; i++, id++) {
            if (below(rig, 8) != 0) {
                put(rig, txn, id);
            }
        }
        OK(firn_txn_commit(txn, NULL, &err));
        firn_txn_close(txn);
    }
    OK(firn_store_compact(rig->store, NULL, &err));
}

static void
end(struct rig *rig)
{
    close_snapshots(rig);
    OK(firn_store_check(rig->store, NULL, NULL, &err));
    OK(firn_store_close(rig->store, &err));
    OK(firn_store_destroy(rig->path, &err));
    assert_int_equal(rmdir(rig->dir), 0);
    for (size_t i = 0; i < STATES; i++) {
        free(rig->checkpoints[i]);
    }
    free(rig->undone);
    free(rig->now);
    free(rig->nearest);
}

static void
searches_of_any_state_find_what_the_model_has(void **state)
{
    const unsigned lives = test_is_long() ? LIVES_LONG : test_share_of_seeds(LIVES);
    size_t walks = 0;
    size_t searches = 0;
    for (unsigned life = 0; life < lives; life++) {
        struct rig rig;
        begin(&rig, 100 + life);
        for (unsigned step = 0; step < STEPS; step++) {
            change(&rig);
            do_something(&rig);
            search_all(&rig);
        }
        const double recall = rig.all == 0 ? 1 : (double)rig.hits / (double)rig.all;
        print_message("life %u: %zu searches, %zu by graphs; recall %.4f of %zu rows\n", life,
                      rig.searches, rig.walks, recall, rig.all);
        assert_true(recall >= 0.95);
        walks += rig.walks;
        searches += rig.searches;
        end(&rig);
    }
    print_message("count: %zu searches against a model, %zu by graphs\n", searches, walks);
    assert_true(walks * WALKED > searches); /* one in so many */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searches_of_any_state_find_what_the_model_has),
    };
    return cmocka_run_group_tests_name("vector_model", tests, NULL, NULL);
}
