/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/search: searches of tables whose graphs are damaged at any byte, cut short, emptied, missing, or those of other runs;
 * and searches whose allocations fail. A search finds what it finds with the whole graph, or all nearest rows and counts
 * the damage, or it fails.
 */
#include <dirent.h>
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/test_temp.h"

static firn_error err;

enum { N = 8, K = 7, ROWS = 4300, ASKS = 8, PATH_SIZE = 4 * TEST_TEMP_SIZE + 300, GRAPHS_MAX = 4 };

/* What a search found: keys and distances. */
struct answer {
    size_t count;
    int64_t ids[K];
    double distances[K];
    uint64_t walked;
    uint64_t damaged;
};

struct rig {
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
    struct test_random random;
    float vectors[ROWS][N];
    float queries[ASKS][N];
    struct answer exact[ASKS]; /* computed here */
    struct answer whole[ASKS]; /* what searches found with the whole graph */
};

struct bytes {
    uint8_t *data;
    size_t size;
};

static void
fill_vector(struct test_random *random, float *out)
{
    for (size_t i = 0; i < N; i++) {
        out[i] = (float)(int32_t)(uint32_t)test_random_next(random) / 2147483648.0F;
    }
}

/* Every step-th row gets a new vector. */
static void
put_rows(struct rig *rig, firn_table *table, int64_t step)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_txn *txn;
    OK(firn_txn_begin(rig->store, NULL, &txn, &err));
    options.txn = txn;
    for (int64_t id = 0; id < ROWS; id += step) {
        fill_vector(&rig->random, rig->vectors[id]);
        firn_value vector = firn_blob(firn_bytes(rig->vectors[id], sizeof rig->vectors[id]));
        vector.type = FIRN_TYPE_VECTOR;
        const firn_value row[] = {firn_i64(id), firn_i64(id % 100), vector};
        OK(firn_table_upsert(table, &options, row, 3, &err));
    }
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
}

static firn_table *
make_table(struct rig *rig, const char *name)
{
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    firn_table_def *def;
    firn_table *table;
    OK(firn_table_def_parse("id i64 primary key, kind i32, v vector(8)", &def, &err));
    OK(firn_table_create(rig->store, name, def, &table, &err));
    firn_release(def);
    index.name = "near";
    index.column = "v";
    index.metric = FIRN_METRIC_L2;
    index.m = 4;
    index.ef_construction = 8;
    OK(firn_table_add_vector_index(table, &index, &err));
    return table;
}

/* A store that only reads builds no graphs in the background. */
static int
open_store(struct rig *rig, bool is_read_only)
{
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.read_only = is_read_only;
    int rc = firn_store_open(rig->path, &options, &rig->store, &err);
    if (rc == FIRN_OK) {
        rc = firn_table_open(rig->store, "t", &rig->table, &err);
        if (rc != FIRN_OK) {
            OK(firn_store_close(rig->store, &err));
        }
    }
    return rc;
}

static void
close_store(struct rig *rig)
{
    OK(firn_store_close(rig->store, &err));
}

static void
begin(struct rig *rig, uint64_t seed)
{
    memset(rig, 0, sizeof *rig);
    test_random_init(&rig->random, "vector_faults", seed);
    for (size_t i = 0; i < ASKS; i++) {
        fill_vector(&rig->random, rig->queries[i]);
    }
    test_temp_make(rig->dir, sizeof rig->dir);
    (void)snprintf(rig->path, sizeof rig->path, "%s/s.firn", rig->dir);
    OK(firn_store_open(rig->path, NULL, &rig->store, &err));
    rig->table = make_table(rig, "t");
    put_rows(rig, rig->table, 1);
    OK(firn_store_compact(rig->store, NULL, &err));
}

static void
end(struct rig *rig)
{
    OK(firn_store_destroy(rig->path, &err));
    assert_int_equal(rmdir(rig->dir), 0);
}

/* ---- searches ---- */

/* Searches with an odd number are exact ones; of those with 2 and 3 modulo 4 a condition is fulfilled by half of the
 * rows, of the last two by a hundredth. */
static firn_search_options
options_of(size_t ask)
{
    firn_search_options options = FIRN_SEARCH_OPTIONS_INIT;
    options.k = K;
    options.metric = FIRN_METRIC_L2;
    options.exact = ask % 2 != 0;
    options.where = ask >= ASKS - 2 ? "kind = 42" : ask % 4 >= 2 ? "kind < 50" : NULL;
    options.threads = 1;
    return options;
}

static bool
is_wanted(size_t ask, int64_t id)
{
    return ask >= ASKS - 2 ? id % 100 == 42 : ask % 4 >= 2 ? id % 100 < 50 : true;
}

static void
judge_all(struct rig *rig)
{
    for (size_t ask = 0; ask < ASKS; ask++) {
        struct answer *answer = &rig->exact[ask];
        answer->count = 0;
        for (int64_t id = 0; id < ROWS; id++) {
            const double distance =
                firn_vector_distance(FIRN_METRIC_L2, rig->queries[ask], rig->vectors[id], N);
            if (!is_wanted(ask, id) ||
                (answer->count == K && distance >= answer->distances[K - 1])) {
                continue;
            }
            size_t at = answer->count < K ? answer->count++ : K - 1;
            for (; at > 0 && answer->distances[at - 1] > distance; at--) {
                answer->distances[at] = answer->distances[at - 1];
                answer->ids[at] = answer->ids[at - 1];
            }
            answer->distances[at] = distance;
            answer->ids[at] = id;
        }
        assert_int_equal(answer->count, K);
    }
}

static int
ask_one(struct rig *rig, size_t ask, struct answer *out)
{
    const firn_search_options options = options_of(ask);
    firn_search_stats stats = FIRN_SEARCH_STATS_INIT;
    firn_search_result *found;
    int rc = firn_table_search(rig->table, "v", rig->queries[ask], N, &options, &found, &err);
    *out = (struct answer){.count = 0};
    if (rc != FIRN_OK) {
        assert_null(found);
        return rc;
    }
    firn_search_result_get_stats(found, &stats);
    out->walked = stats.rows_walked;
    out->damaged = stats.graphs_damaged;
    out->count = firn_search_result_count(found);
    assert_true(out->count <= K);
    for (size_t i = 0; i < out->count; i++) {
        out->ids[i] = firn_search_result_key(found, i, NULL)[0].as.i64;
        out->distances[i] = firn_search_result_distance(found, i);
    }
    firn_search_result_destroy(found);
    return FIRN_OK;
}

static bool
is_same(const struct answer *a, const struct answer *b)
{
    return a->count == b->count && memcmp(a->ids, b->ids, a->count * sizeof a->ids[0]) == 0 &&
           memcmp(a->distances, b->distances, a->count * sizeof a->distances[0]) == 0;
}

/* What is right with a graph that is whole. */
static void
note_whole(struct rig *rig)
{
    size_t walked = 0;
    judge_all(rig);
    for (size_t ask = 0; ask < ASKS; ask++) {
        OK(ask_one(rig, ask, &rig->whole[ask]));
        walked += rig->whole[ask].walked > 0;
        assert_int_equal(rig->whole[ask].damaged, 0);
        assert_true(ask % 2 == 0 || is_same(&rig->whole[ask], &rig->exact[ask]));
    }
    assert_true(walked >= ASKS / 2);
}

/* How the searches of a store with a damaged graph went. */
struct outcome {
    size_t same;    /* as with the whole graph, and no damage was met */
    size_t damaged; /* all nearest rows, and damage was counted */
    size_t refused;
};

static void
check_searches(struct rig *rig, const char *what, size_t at, struct outcome *outcome)
{
    int rc = open_store(rig, true);
    if (rc != FIRN_OK) {
        assert_int_equal(rc, FIRN_CORRUPT);
        outcome->refused += ASKS;
        return;
    }
    for (size_t i = 0; i < ASKS; i++) {
        const size_t ask =
            (at + i) % ASKS; /* after one that meets damage the others do without the graph */
        struct answer answer;
        rc = ask_one(rig, ask, &answer);
        if (rc != FIRN_OK) {
            assert_int_equal(rc, FIRN_CORRUPT);
            outcome->refused++;
        } else if (answer.damaged > 0) {
            outcome->damaged++;
            if (!is_same(&answer, &rig->exact[ask])) {
                fail_msg("%s at %zu: search %zu misses rows", what, at, ask);
            }
        } else {
            outcome->same++;
            if (!is_same(&answer, &rig->whole[ask])) {
                fail_msg("%s at %zu: search %zu finds others, and says nothing", what, at, ask);
            }
        }
    }
    close_store(rig);
}

/* ---- files ---- */

static int
compare_paths(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The paths of all graphs, the oldest first; returns how many there are. */
static size_t
find_graphs(const struct rig *rig, char out[GRAPHS_MAX][PATH_SIZE])
{
    char runs[2 * TEST_TEMP_SIZE];
    size_t count = 0;
    (void)snprintf(runs, sizeof runs, "%s/runs", rig->path);
    DIR *dir = opendir(runs);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strstr(entry->d_name, ".graph") != NULL) {
            assert_true(count < GRAPHS_MAX);
            (void)snprintf(out[count++], PATH_SIZE, "%s/%s", runs, entry->d_name);
        }
    }
    assert_int_equal(closedir(dir), 0);
    qsort(out, count, PATH_SIZE, compare_paths);
    return count;
}

static struct bytes
read_bytes(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct bytes bytes = {.size = 0};
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    bytes.size = (size_t)ftell(file);
    assert_int_equal(fseek(file, 0, SEEK_SET), 0);
    bytes.data = malloc(bytes.size);
    assert_non_null(bytes.data);
    assert_int_equal(fread(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
    return bytes;
}

static void
write_bytes(const char *path, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* ---- tests ---- */

static struct rig rig;

/* Bytes of the header, the table of contents and the footer lie close to each other; blocks of codes, links and vectors
 * have 4 KiB. */
static size_t
next_place(size_t at, size_t size)
{
    const bool is_edge = at < 1024 || at + 4096 > size;
    const size_t stride = is_edge ? 24 : 1500;
    return at + 1 + (size_t)test_random_below(&rig.random, test_is_long() ? stride / 8 : stride);
}

static void
no_damage_of_a_graph_makes_a_search_wrong(void **state)
{
    const struct test_share share = test_share_of(1, 3);
    char paths[GRAPHS_MAX][PATH_SIZE];
    struct outcome flipped = {0, 0, 0};
    struct outcome cut = {0, 0, 0};
    size_t places = 0;
    begin(&rig, 1);
    note_whole(&rig);
    close_store(&rig);
    assert_int_equal(find_graphs(&rig, paths), 1);
    struct bytes good = read_bytes(paths[0]);
    for (size_t at = 0; at < good.size; at = next_place(at, good.size)) {
        const uint8_t bit = (uint8_t)(1U << test_random_below(&rig.random, 8));
        if (++places % share.step != share.first % share.step) {
            continue;
        }
        good.data[at] ^= bit;
        write_bytes(paths[0], good.data, good.size);
        check_searches(&rig, "a flipped bit", at, &flipped);
        good.data[at] ^= bit;
    }
    for (size_t size = 0; size < good.size; size += 1 + size / 3) {
        write_bytes(paths[0], good.data, size);
        check_searches(&rig, "a cut", size, &cut);
        write_bytes(paths[0], good.data, good.size - 1 - size / 100);
        check_searches(&rig, "a short cut", good.size - 1 - size / 100, &cut);
    }
    print_message("count: %zu searches after flips: %zu as before, %zu met damage, %zu refused; "
                  "%zu after cuts: %zu, %zu, %zu\n",
                  flipped.same + flipped.damaged + flipped.refused, flipped.same, flipped.damaged,
                  flipped.refused, cut.same + cut.damaged + cut.refused, cut.same, cut.damaged,
                  cut.refused);
    assert_true(flipped.same > 0 && flipped.damaged > 0);
    assert_true(cut.same == 0 && cut.damaged > 0);
    write_bytes(paths[0], good.data, good.size);
    OK(open_store(&rig, true));
    OK(firn_store_check(rig.store, NULL, NULL, &err));
    close_store(&rig);
    free(good.data);
    end(&rig);
}

/* The searches that used the graph must have seen that it is none, and so must a check. If they know, compacting builds
 * another one. */
static void
check_useless(const char *what)
{
    struct outcome outcome = {0, 0, 0};
    struct answer answer;
    check_searches(&rig, what, 0, &outcome);
    if (outcome.damaged != ASKS) {
        fail_msg("%s: %zu searches met damage, %zu did not, %zu failed", what, outcome.damaged,
                 outcome.same, outcome.refused);
    }
    OK(open_store(&rig, true));
    assert_int_equal(firn_store_check(rig.store, NULL, NULL, &err), FIRN_CORRUPT);
    close_store(&rig);
    OK(open_store(&rig, false));
    OK(ask_one(&rig, 0, &answer));
    OK(firn_store_compact(rig.store, NULL, &err));
    for (size_t ask = 0; ask < ASKS; ask++) {
        OK(ask_one(&rig, ask, &answer));
        assert_int_equal(answer.damaged, 0);
        assert_int_equal(answer.count, K);
        assert_true(ask % 2 == 0 || is_same(&answer, &rig.exact[ask]));
    }
    OK(ask_one(&rig, 0, &answer));
    assert_true(answer.walked > 0);
    close_store(&rig);
}

/* A graph of another run has as many rows and the same parameters, and its checksums are right. */
static void
the_graph_of_another_run_is_not_believed(void **state)
{
    enum {
        OF_BEFORE,
        OF_ANOTHER_TABLE,
        OF_ANOTHER_STORE,
        EMPTY,
        OF_ZEROS,
        IN_ALL_BLOCKS,
        IN_INNER_BLOCKS,
        GONE,
        WAYS
    };
    static const char *const ways[] = {"that of a run before",
                                       "of another table",
                                       "of another store",
                                       "an empty file",
                                       "a file of zeros",
                                       "damaged in each block",
                                       "damaged where no opening reads",
                                       "no file"};
    for (int way = 0; way < WAYS; way++) {
        char paths[GRAPHS_MAX][PATH_SIZE];
        struct bytes other = {.size = 0};
        if (way == OF_ANOTHER_STORE) { /* with the same rows */
            begin(&rig, 2);
            close_store(&rig);
            assert_int_equal(find_graphs(&rig, paths), 1);
            other = read_bytes(paths[0]);
            end(&rig);
        }
        begin(&rig, 2);
        assert_int_equal(find_graphs(&rig, paths), 1);
        if (way == OF_BEFORE) {
            other = read_bytes(paths[0]);
            put_rows(&rig, rig.table, 5);
            OK(firn_store_compact(rig.store, NULL, &err));
        } else if (way == OF_ANOTHER_TABLE) {
            float(*kept)[N] = malloc(sizeof rig.vectors);
            char all[GRAPHS_MAX][PATH_SIZE];
            assert_non_null(kept);
            memcpy(kept, rig.vectors, sizeof rig.vectors);
            put_rows(&rig, make_table(&rig, "u"), 1);
            memcpy(rig.vectors, kept, sizeof rig.vectors);
            free(kept);
            OK(firn_store_compact(rig.store, NULL, &err));
            assert_int_equal(find_graphs(&rig, all), 2);
            other = read_bytes(all[strcmp(all[0], paths[0]) == 0 ? 1 : 0]);
        } else if (way == OF_ZEROS) {
            other = read_bytes(paths[0]);
            memset(other.data, 0, other.size);
        } else if (way == IN_ALL_BLOCKS) {
            other = read_bytes(paths[0]);
            for (size_t at = 5000; at + 10000 < other.size; at += 2000) {
                other.data[at] ^= 1;
            }
        } else if (way == IN_INNER_BLOCKS) {
            other = read_bytes(paths[0]);
            for (size_t at = other.size / 10; at < other.size / 10 * 8; at += 2000) {
                other.data[at] ^= 1;
            }
        }
        note_whole(&rig);
        close_store(&rig);
        assert_int_equal(find_graphs(&rig, paths), way == OF_ANOTHER_TABLE ? 2 : 1);
        if (way == GONE) {
            assert_int_equal(unlink(paths[0]), 0);
        } else {
            write_bytes(paths[0], other.data, other.size);
        }
        check_useless(ways[way]);
        free(other.data);
        end(&rig);
    }
}

/* Of all allocations of a search one fails. In the first searches of a store graphs are opened, and read. */
static void
without_memory_a_search_by_graphs_fails_and_leaks_nothing(void **state)
{
    uint64_t failed = 0;
    test_alloc_install();
    begin(&rig, 3);
    note_whole(&rig);
    for (size_t ask = 0; ask < ASKS; ask++) {
        struct test_fault fault = {.every = 1, .loop = 4};
        while (test_fault_next(&fault)) {
            struct answer answer;
            if (fault.n % 4 == 0) {
                close_store(&rig);
                OK(open_store(&rig, true));
            }
            test_fault_allocation(&fault);
            int rc = ask_one(&rig, ask, &answer);
            test_fault_end(&fault);
            test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
            failed += rc != FIRN_OK;
            assert_int_equal(answer.damaged, 0);
            assert_true(rc != FIRN_OK || is_same(&answer, &rig.whole[ask]) ||
                        is_same(&answer, &rig.exact[ask]));
        }
        OK(ask_one(&rig, ask, &rig.whole[ask]));
    }
    print_message("count: %u searches without memory\n", (unsigned)failed);
    assert_true(failed > 0);
    close_store(&rig);
    end(&rig);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_damage_of_a_graph_makes_a_search_wrong),
        cmocka_unit_test(the_graph_of_another_run_is_not_believed),
        cmocka_unit_test(without_memory_a_search_by_graphs_fails_and_leaks_nothing),
    };
    return cmocka_run_group_tests_name("vector_faults", tests, NULL, NULL);
}
