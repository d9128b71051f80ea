/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/graph: the file of a graph: what was written is found again, with and without room in the cache; damage is an error,
 * and never a wrong row.
 */
#include "unit/graph/graph_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "block/block_cache.h"
#include "graph/graph_format.h"
#include "graph/graph_internal.h"
#include "posix/os_default.h"
#include "sim/sim_memory.h"
#include "support/test_file.h"
#include "support/test_seal.h"
#include "support/test_temp.h"
#include "support/test_threads.h"

/* A graph in a file of a machine in memory. */
struct file {
    struct graph_fixture fixture;
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_block_cache *cache;
    uint64_t bytes;
    uint64_t identity;
};

/* Of the files that tests write. */
static bool are_listed;

static int
list_nodes(void **state)
{
    (void)state;
    are_listed = true;
    return 0;
}

static int
link_nodes(void **state)
{
    (void)state;
    are_listed = false;
    return 0;
}

static void
open_file_of(enum graph_fixture_style style, struct file *file, enum fi_vector_metric metric,
             uint32_t rows, uint32_t dimensions, bool has_missing, size_t cache_bytes)
{
    struct test_random random;
    firn_error err;
    *file = (struct file){.bytes = 0};
    test_random_init(&random, "graph_file", 31);
    graph_fixture_init(&file->fixture, style, metric, rows, dimensions, &random);
    file->fixture.is_listed = are_listed;
    if (has_missing) {
        file->fixture.missing = calloc(rows + 1, 1);
        assert_non_null(file->fixture.missing);
        for (uint32_t i = 0; i < rows; i += 7) {
            file->fixture.missing[i] = 1;
        }
    }
    assert_int_equal(fi_sim_memory_create(5, &file->os, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(file->os, "/", &file->dir, NULL), FIRN_OK);
    assert_int_equal(fi_block_cache_create(file->os, cache_bytes, &file->cache, NULL), FIRN_OK);
    assert_int_equal(graph_fixture_build(&file->fixture, file->os, 1, &err), FIRN_OK);
    assert_int_equal(
        graph_fixture_write(&file->fixture, file->dir, "good", &file->bytes, &file->identity, &err),
        FIRN_OK);
}

static void
open_file(struct file *file, enum fi_vector_metric metric, uint32_t rows, uint32_t dimensions,
          bool has_missing, size_t cache_bytes)
{
    open_file_of(GRAPH_UNIFORM, file, metric, rows, dimensions, has_missing, cache_bytes);
}

static void
close_file(struct file *file)
{
    graph_fixture_deinit(&file->fixture);
    fi_block_cache_destroy(file->cache);
    fi_os_dir_close(file->dir);
    fi_sim_memory_destroy(file->os);
}

static struct fi_run_env
env_of(const struct file *file)
{
    return (struct fi_run_env){.dir = file->dir, .cache = file->cache};
}

static void
count_damage(void *ctx, const char *text)
{
    assert_non_null(text);
    ++*(size_t *)ctx;
}

/* Whether a row is among what was found. */
static bool
has_row(const struct fi_graph_candidate *found, size_t count, uint64_t row)
{
    bool has = false;
    for (size_t i = 0; i < count; i++) {
        has = has || found[i].row == row;
    }
    return has;
}

/* The same answers as the graph that was built gives. In lists, which are searched by sketches instead of codes once they are in a
 * file, nearly the same. */
static void
assert_same(struct file *file, const struct fi_graph *graph)
{
    struct test_random random = {3};
    firn_error err;
    uint32_t dimensions = file->fixture.parameters.dimensions;
    float *query = malloc(dimensions * sizeof *query);
    size_t same = 0;
    size_t all = 0;
    assert_non_null(query);
    for (size_t q = 0; q < 30; q++) {
        struct fi_graph_candidate found[2][25];
        size_t counts[2];
        struct fi_graph_search_counts how[2];
        const struct fi_graph *graphs[2] = {file->fixture.graph, graph};
        const struct fi_graph_search_options options = {.wanted = 25, .ef = 40};
        graph_fixture_query(&file->fixture, GRAPH_UNIFORM, &random, query);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(fi_graph_search(graphs[i], query, &options, file->fixture.scratch,
                                             found[i], &counts[i], &how[i], &err),
                             FIRN_OK);
        }
        assert_int_equal(counts[0], counts[1]);
        assert_int_equal(how[0].evaluated, how[1].evaluated);
        double distances[25];
        assert_int_equal(fi_graph_read_assess(graph, query, found[1], counts[1], distances, &err),
                         FIRN_OK);
        for (size_t i = 0; i < counts[0]; i++) {
            same += has_row(found[0], counts[0], found[1][i].row);
            all++;
            assert_true(graph->is_listed || found[0][i].row == found[1][i].row);
            assert_true(distances[i] == fi_vector_distance_exact(
                                            file->fixture.parameters.metric, query,
                                            graph_fixture_vector(&file->fixture, found[1][i].row),
                                            dimensions));
        }
    }
    (void)printf("%zu of %zu rows are the same\n", same, all);
    assert_true(same * 5 >= all * 4);
    free(query);
}

static void
check_whole(enum fi_vector_metric metric, uint32_t rows, uint32_t dimensions, bool has_missing,
            size_t cache_bytes)
{
    struct file file;
    struct fi_run *run;
    firn_error err;
    size_t damage = 0;
    open_file(&file, metric, rows, dimensions, has_missing, cache_bytes);
    struct fi_run_env env = env_of(&file);
    assert_int_equal(fi_graph_read_kind.open(&env, "good", &run, &err), FIRN_OK);
    const struct fi_graph *graph = fi_graph_read_of(run);
    const struct fi_graph_parameters *read = fi_graph_search_parameters(graph);
    const struct fi_graph_parameters *given = &file.fixture.parameters;
    assert_true(read->metric == given->metric && read->dimensions == given->dimensions &&
                read->column == given->column && read->m == given->m &&
                read->ef_construction == given->ef_construction && read->seed == given->seed);
    assert_int_equal(fi_graph_search_rows(graph), rows);
    assert_int_equal(fi_graph_search_count(graph), fi_graph_search_count(file.fixture.graph));
    assert_int_equal(fi_graph_read_kind.summary(run)->file_bytes, file.bytes);
    assert_int_equal(fi_graph_read_kind.summary(run)->identity, file.identity);
    if (rows > 0) {
        assert_same(&file, graph);
    }
    assert_int_equal(fi_graph_read_kind.check(run, count_damage, &damage, NULL, &err), FIRN_OK);
    assert_int_equal(damage, 0);
    fi_graph_read_kind.close(run);
    close_file(&file);
}

static void
test_what_was_written_is_found(void **state)
{
    check_whole(FI_VECTOR_L2, 2000, 20, false, 8 << 20);
    check_whole(FI_VECTOR_COSINE, 1000, 100, true, 8 << 20);
    check_whole(FI_VECTOR_DOT, 1000, 63, false, 8 << 20);
    check_whole(FI_VECTOR_L2, 300, 768, true, 8 << 20);
    check_whole(FI_VECTOR_L2, 40, 5000, false, 8 << 20);
}

static void
test_without_room_in_the_cache_all_is_found(void **state)
{
    check_whole(FI_VECTOR_L2, 2000, 20, true, 128 << 10);
    check_whole(FI_VECTOR_L2, 500, 300, false, 0);
}

static void
test_small_files_are_whole(void **state)
{
    for (uint32_t rows = 0; rows < 4; rows++) {
        check_whole(FI_VECTOR_L2, rows, 2, false, 1 << 20);
        check_whole(FI_VECTOR_L2, rows, 2, rows > 0, 1 << 20);
    }
}

static void
test_the_budget_is_given_back(void **state)
{
    struct file file;
    struct fi_run *run;
    firn_error err;
    open_file(&file, FI_VECTOR_L2, 2000, 20, false, 8 << 20);
    struct fi_run_env env = env_of(&file);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(fi_graph_read_kind.open(&env, "good", &run, &err), FIRN_OK);
        assert_same(&file, fi_graph_read_of(run));
        fi_graph_read_kind.close(run);
    }
    assert_true(fi_block_cache_hold(file.cache, 3 << 20));
    fi_block_cache_hold_release(file.cache, 3 << 20);
    close_file(&file);
}

/* ---- threads ---- */

static void *
search_some(void *arg)
{
    struct fi_graph_scratch *scratch;
    const struct fi_graph *graph = arg;
    struct test_random random = {9};
    assert_int_equal(fi_graph_sketch_scratch_create(&scratch, NULL), FIRN_OK);
    for (size_t q = 0; q < 50; q++) {
        float query[20];
        struct fi_graph_candidate found[10];
        size_t count;
        const struct fi_graph_search_options options = {.wanted = 10, .ef = 30};
        for (size_t i = 0; i < 20; i++) {
            query[i] = graph_fixture_number(&random);
        }
        assert_int_equal(
            fi_graph_search(graph, query, &options, scratch, found, &count, NULL, NULL), FIRN_OK);
        assert_int_equal(count, 10);
    }
    fi_graph_search_scratch_destroy(scratch);
    return NULL;
}

/* What is foretold of a graph's memory is at most a twentieth too little or too much. */
static void
test_the_memory_of_an_open_graph_is_known_before(void **state)
{
    const struct {
        uint32_t dimensions;
        uint32_t m;
    } cases[] = {{3, 16}, {64, 4}, {100, 16}, {768, 16}, {1100, 64}};
    firn_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file file;
        struct fi_run *run;
        struct test_random random;
        const uint32_t rows = cases[i].dimensions > 500 ? 1500 : 12000;
        test_random_init(&random, "memory", 8);
        graph_fixture_init(&file.fixture, GRAPH_UNIFORM, FI_VECTOR_L2, rows, cases[i].dimensions,
                           &random);
        file.fixture.parameters.m = cases[i].m;
        file.fixture.parameters.ef_construction = 4;
        assert_int_equal(fi_sim_memory_create(5, &file.os, NULL), FIRN_OK);
        assert_int_equal(fi_os_dir_open_path(file.os, "/", &file.dir, NULL), FIRN_OK);
        assert_int_equal(fi_block_cache_create(file.os, 64 << 20, &file.cache, NULL), FIRN_OK);
        assert_int_equal(graph_fixture_build(&file.fixture, file.os, 1, &err), FIRN_OK);
        assert_int_equal(
            graph_fixture_write(&file.fixture, file.dir, "good", &file.bytes, &file.identity, &err),
            FIRN_OK);
        const struct fi_run_env env = env_of(&file);
        assert_int_equal(fi_graph_read_kind.open(&env, "good", &run, &err), FIRN_OK);
        const uint64_t bytes = fi_graph_read_bytes(fi_graph_read_of(run));
        const uint64_t foretold = fi_graph_read_bytes_of(&file.fixture.parameters, rows);
        (void)printf("%u numbers, %u links: %zu of %zu bytes\n", cases[i].dimensions, cases[i].m,
                     (size_t)foretold, (size_t)bytes);
        assert_true(foretold >= bytes - bytes / 20 && foretold <= bytes + bytes / 20);
        fi_graph_read_kind.close(run);
        close_file(&file);
    }
}

/* A graph in a file of the real machine: the simulated one is of one thread. */
struct real_file {
    struct file file;
    struct fi_run_env env;
    char path[TEST_TEMP_SIZE];
};

static void
open_real_file(struct real_file *real, enum graph_fixture_style style, uint32_t rows,
               bool has_missing)
{
    firn_error err;
    struct fi_os *os = fi_os_default();
    struct file *file = &real->file;
    open_file_of(style, file, FI_VECTOR_L2, rows, 20, has_missing, 8 << 20);
    real->env = (struct fi_run_env){.dir = NULL};
    test_temp_make(real->path, sizeof real->path);
    assert_int_equal(fi_os_dir_open_path(os, real->path, &real->env.dir, &err), FIRN_OK);
    assert_int_equal(fi_block_cache_create(os, 8 << 20, &real->env.cache, &err), FIRN_OK);
    assert_int_equal(graph_fixture_write(&file->fixture, real->env.dir, "good", &file->bytes,
                                         &file->identity, &err),
                     FIRN_OK);
}

static void
close_real_file(struct real_file *real)
{
    firn_error err;
    fi_block_cache_destroy(real->env.cache);
    assert_int_equal(fi_os_remove_file(real->env.dir, "good", &err), FIRN_OK);
    fi_os_dir_close(real->env.dir);
    assert_int_equal(rmdir(real->path), 0);
    close_file(&real->file);
}

static void
run_threads(void *(*work)(void *ctx), const struct fi_graph *graph)
{
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)graph), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

/* All of them read blocks for the first time. */
static void
test_threads_share_an_open_graph(void **state)
{
    struct real_file real;
    struct fi_run *run;
    firn_error err;
    open_real_file(&real, GRAPH_UNIFORM, 1500, false);
    for (int round = 0; round < 5; round++) {
        assert_int_equal(fi_graph_read_kind.open(&real.env, "good", &run, &err), FIRN_OK);
        run_threads(search_some, fi_graph_read_of(run));
        fi_graph_read_kind.close(run);
    }
    close_real_file(&real);
}

enum { MEMO_ROWS = 2000, MEMO_KEYS = 11 };

/* Looks for memos of more keys than there is room for, and keeps those that are not there. */
static void *
remember(void *arg)
{
    const struct fi_graph *graph = arg;
    size_t found = 0;
    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t bits[MEMO_ROWS / 64 + 1] = {0};
        char key[24];
        const uint64_t number = i * 7 % 5 == 0 ? i % MEMO_KEYS : i % 3;
        (void)snprintf(key, sizeof key, "key %u", (unsigned)number);
        const size_t place = fi_graph_memo_enter(graph);
        const struct fi_graph_memo *memo = fi_graph_memo_find(graph, firn_str(key));
        bits[number] = number + 1;
        if (memo != NULL) {
            assert_int_equal(memo->count, number);
            assert_memory_equal(memo->bits, bits, sizeof bits);
            found++;
        } else {
            fi_graph_memo_keep(graph, firn_str(key), bits, number);
        }
        fi_graph_memo_leave(graph, place);
    }
    assert_true(found > 1000);
    return NULL;
}

static void
test_threads_share_what_is_remembered(void **state)
{
    struct file file;
    struct fi_run *run;
    firn_error err;
    static const uint64_t none[MEMO_ROWS / 64 + 1];
    static char long_key[5000];
    open_file(&file, FI_VECTOR_L2, MEMO_ROWS, 20, false, 8 << 20);
    struct fi_run_env env = env_of(&file);
    assert_int_equal(fi_graph_read_kind.open(&env, "good", &run, &err), FIRN_OK);
    const struct fi_graph *graph = fi_graph_read_of(run);
    run_threads(remember, graph);
    /* What is too long is not kept. */
    const firn_slice key = firn_bytes(long_key, sizeof long_key);
    const size_t place = fi_graph_memo_enter(graph);
    fi_graph_memo_keep(graph, key, none, 0);
    assert_null(fi_graph_memo_find(graph, key));
    fi_graph_memo_leave(graph, place);
    fi_graph_read_kind.close(run);
    close_file(&file);
    /* A graph without room has none. */
    open_file(&file, FI_VECTOR_L2, MEMO_ROWS, 20, false, 0);
    env = env_of(&file);
    assert_int_equal(fi_graph_read_kind.open(&env, "good", &run, &err), FIRN_OK);
    graph = fi_graph_read_of(run);
    fi_graph_memo_leave(graph, fi_graph_memo_enter(graph));
    fi_graph_memo_keep(graph, firn_str("key"), none, 0);
    assert_null(fi_graph_memo_find(graph, firn_str("key")));
    fi_graph_read_kind.close(run);
    close_file(&file);
}

static atomic_size_t copied_searches;

/* A thread's searches among remembered rows: some have few enough for copies of their codes. */
static void *
search_remembered(void *arg)
{
    const struct fi_graph *graph = arg;
    struct fi_graph_scratch *scratch;
    struct test_random random = {11};
    size_t copied = 0;
    assert_int_equal(fi_graph_sketch_scratch_create(&scratch, NULL), FIRN_OK);
    for (size_t i = 0; i < 600; i++) {
        uint64_t bits[MEMO_ROWS / 64 + 1] = {0};
        uint64_t count = 0;
        char key[24];
        float query[20];
        struct fi_graph_candidate found[2][10];
        struct fi_graph_search_counts how[2];
        size_t counts[2];
        const bool is_usual = test_random_below(&random, 2) == 0;
        const uint64_t part = 40 + test_random_below(&random, 2) - (is_usual ? 0 : 5 * (i % 7));
        for (size_t k = 0; k < 20; k++) {
            query[k] = graph_fixture_number(&random);
        }
        for (uint64_t row = 0; row < MEMO_ROWS; row += part, count++) {
            bits[row / 64] |= UINT64_C(1) << row % 64;
        }
        (void)snprintf(key, sizeof key, "%u", (unsigned)part);
        const size_t place = fi_graph_memo_enter(graph);
        const struct fi_graph_memo *memo = fi_graph_memo_find(graph, firn_str(key));
        if (memo == NULL) {
            fi_graph_memo_keep(graph, firn_str(key), bits, count);
        }
        for (size_t way = 0; way < 2; way++) {
            const struct fi_graph_search_options options = {
                .wanted = 10,
                .ef = 10,
                .allowed = way == 1 && memo != NULL ? memo->bits : bits,
                .allowed_count = count,
                .memo = way == 1 ? memo : NULL};
            assert_int_equal(fi_graph_search(graph, query, &options, scratch, found[way],
                                             &counts[way], &how[way], NULL),
                             FIRN_OK);
        }
        copied += memo != NULL && fi_graph_memo_gathered(memo) != NULL;
        assert_true(how[1].is_exhaustive && how[0].evaluated == how[1].evaluated);
        assert_int_equal(counts[0], counts[1]);
        for (size_t k = 0; k < counts[0]; k++) {
            assert_int_equal(found[0][k].row, found[1][k].row);
            assert_true(found[0][k].distance == found[1][k].distance);
        }
        fi_graph_memo_leave(graph, place);
    }
    (void)atomic_fetch_add(&copied_searches, copied);
    fi_graph_search_scratch_destroy(scratch);
    return NULL;
}

static void
test_threads_share_copies_of_codes(void **state)
{
    struct real_file real;
    struct fi_run *run;
    firn_error err;
    for (int way = 0; way < 4; way++) { /* with equal vectors, a row may have another row's node */
        const enum graph_fixture_style style = way < 2 ? GRAPH_UNIFORM : GRAPH_TWINS;
        open_real_file(&real, style, MEMO_ROWS, way % 2 == 1);
        assert_int_equal(fi_graph_read_kind.open(&real.env, "good", &run, &err), FIRN_OK);
        atomic_store(&copied_searches, 0);
        run_threads(search_remembered, fi_graph_read_of(run));
        assert_true(atomic_load(&copied_searches) > 20);
        fi_graph_read_kind.close(run);
        close_real_file(&real);
    }
}

/* All memos together have copies of at most a sixteenth of the rows. */
static void
test_copies_have_a_limit(void **state)
{
    struct file file;
    struct fi_run *run;
    firn_error err;
    const struct fi_graph_memo *memos[3];
    struct fi_graph_gathered *copies[3];
    static const uint64_t bits[MEMO_ROWS / 64 + 1];
    open_file(&file, FI_VECTOR_L2, MEMO_ROWS, 20, false, 8 << 20);
    struct fi_run_env env = env_of(&file);
    assert_int_equal(fi_graph_read_kind.open(&env, "good", &run, &err), FIRN_OK);
    const struct fi_graph *graph = fi_graph_read_of(run);
    const size_t place = fi_graph_memo_enter(graph);
    for (size_t i = 0; i < 3; i++) {
        const char *const keys[] = {"a", "b", "c"};
        fi_graph_memo_keep(graph, firn_str(keys[i]), bits, MEMO_ROWS / 32);
        memos[i] = fi_graph_memo_find(graph, firn_str(keys[i]));
        copies[i] = fi_graph_memo_gather(graph, memos[i]);
        assert_true((copies[i] != NULL) == (i < 2));
    }
    fi_graph_memo_gather_end(graph, memos[0], copies[0], false); /* gives its share back */
    copies[2] = fi_graph_memo_gather(graph, memos[2]);
    assert_non_null(copies[2]);
    fi_graph_memo_gather_end(graph, memos[1], copies[1], true);
    fi_graph_memo_gather_end(graph, memos[2], copies[2], false);
    assert_ptr_equal(fi_graph_memo_gathered(memos[1]), copies[1]);
    /* A search that looked for copies before these were there makes some as well: they are freed, and so is their share. */
    fi_graph_memo_keep(graph, firn_str("d"), bits, 1);
    const struct fi_graph_memo *memo = fi_graph_memo_find(graph, firn_str("d"));
    for (size_t i = 0; i < 2 * MEMO_ROWS; i++) {
        struct fi_graph_gathered *more = fi_graph_memo_gather(graph, memo);
        copies[0] = i == 0 ? more : copies[0];
        assert_non_null(more);
        fi_graph_memo_gather_end(graph, memo, more, true);
        assert_ptr_equal(fi_graph_memo_gathered(memo), copies[0]);
    }
    fi_graph_memo_leave(graph, place);
    fi_graph_read_kind.close(run);
    close_file(&file);
}

/* ---- damage ---- */

static bool
is_refusal(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NEWER;
}

/* Opens, searches, checks; whether anything was refused. All that is found is a row. */
static bool
walk_file(struct file *file, bool *out_opens)
{
    struct fi_run_env env = env_of(file);
    struct fi_run *run;
    firn_error err;
    size_t damage = 0;
    bool is_refused = false;
    int rc = fi_graph_read_kind.open(&env, "bad", &run, &err);
    *out_opens = rc == FIRN_OK;
    if (rc != FIRN_OK) {
        assert_true(is_refusal(rc));
        assert_non_null(strstr(err.text, "bad"));
        return true;
    }
    const struct fi_graph *graph = fi_graph_read_of(run);
    struct test_random random = {4};
    const struct fi_graph_parameters *parameters = fi_graph_search_parameters(graph);
    float *query = calloc(parameters->dimensions, sizeof *query);
    assert_non_null(query);
    for (size_t q = 0; q < 5; q++) {
        struct fi_graph_candidate found[20];
        size_t count;
        const struct fi_graph_search_options options = {.wanted = 20, .ef = 60};
        for (size_t i = 0; i < parameters->dimensions; i++) {
            query[i] = graph_fixture_number(&random);
        }
        rc = fi_graph_search(graph, query, &options, file->fixture.scratch, found, &count, NULL,
                             &err);
        assert_true(rc == FIRN_OK || is_refusal(rc));
        is_refused = is_refused || rc != FIRN_OK;
        for (size_t i = 0; i < count; i++) {
            assert_true(found[i].row < fi_graph_search_rows(graph));
        }
        double distances[20];
        rc = fi_graph_read_assess(graph, query, found, count, distances, &err);
        assert_true(rc == FIRN_OK || is_refusal(rc));
        is_refused = is_refused || rc != FIRN_OK;
    }
    rc = fi_graph_read_kind.check(run, count_damage, &damage, NULL, &err);
    assert_true((rc == FIRN_OK) == (damage == 0));
    is_refused = is_refused || rc != FIRN_OK;
    free(query);
    fi_graph_read_kind.close(run);
    return is_refused;
}

static void
test_every_flipped_bit_is_seen(void **state)
{
    struct file file;
    struct fi_buf good = {0};
    struct test_random random;
    bool opens;
    test_random_init(&random, "flip", 32);
    open_file(&file, FI_VECTOR_L2, 150, 12, true, 1 << 20);
    test_file_read(file.dir, "good", &good);
    size_t blind = 0;
    size_t tried = 0;
    for (size_t at = 0; at < good.size; at += 1 + (size_t)test_random_below(&random, 40)) {
        uint8_t bit = (uint8_t)(1U << test_random_below(&random, 8));
        good.data[at] ^= bit;
        test_file_write(file.dir, "bad", good.data, good.size);
        blind += !walk_file(&file, &opens);
        tried++;
        good.data[at] ^= bit;
    }
    /* What lies between blocks is nobody's; everything else is seen. */
    (void)printf("%zu of %zu were not seen\n", blind, tried);
    assert_true(blind * 50 < tried);
    for (size_t size = 0; size < good.size; size += 97) {
        test_file_write(file.dir, "bad", good.data, size);
        assert_true(walk_file(&file, &opens));
        assert_false(opens);
    }
    fi_buf_deinit(&good);
    close_file(&file);
}

/* Files whose checksums are right and whose contents are not: nothing is believed. */
static void
test_lies_are_survived(void **state)
{
    struct file file;
    struct fi_buf good = {0};
    struct fi_buf bad = {0};
    struct test_random random;
    bool opens;
    size_t opened = 0;
    test_random_init(&random, "lies", 33);
    open_file(&file, FI_VECTOR_L2, 150, 12, true, 1 << 20);
    test_file_read(file.dir, "good", &good);
    for (size_t round = 0; round < 3000; round++) {
        assert_int_equal(fi_buf_assign(&bad, fi_buf_slice(&good)), FIRN_OK);
        size_t count = 1 + (size_t)test_random_below(&random, 3);
        for (size_t i = 0; i < count; i++) {
            size_t at = 128 + (size_t)test_random_below(&random, bad.size - 256);
            bad.data[at] = (uint8_t)test_random_next(&random);
        }
        test_seal(bad.data, bad.size);
        test_file_write(file.dir, "bad", bad.data, bad.size);
        (void)walk_file(&file, &opens);
        opened += opens;
    }
    assert_true(opened > 0);
    fi_buf_deinit(&good);
    fi_buf_deinit(&bad);
    close_file(&file);
}

/* A query may be so far away that single precision has no number for it: it still finds as many rows as it wants. */
static void
test_queries_far_from_all_rows_are_answered(void **state)
{
    static const float sizes[] = {1e14F, 1e15F, 1e19F, 3e38F};
    struct graph_fixture fixture;
    struct test_random random;
    struct fi_os *os;
    firn_error err;
    test_random_init(&random, "far", 34);
    graph_fixture_init(&fixture, GRAPH_UNIFORM, FI_VECTOR_L2, 300, 12, &random);
    for (size_t i = 0; i < (size_t)300 * 12; i++) {
        fixture.vectors[i] *= 1e-6F;
    }
    assert_int_equal(fi_sim_memory_create(5, &os, NULL), FIRN_OK);
    assert_int_equal(graph_fixture_build(&fixture, os, 1, &err), FIRN_OK);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const struct fi_graph_search_options options = {.wanted = 25, .ef = 40};
        struct fi_graph_candidate found[25];
        struct fi_graph_search_counts how;
        float query[12];
        size_t count;
        for (size_t at = 0; at < 12; at++) {
            query[at] = at % 3 == 0 ? -sizes[i] : at % 3 == 1 ? sizes[i] : 1;
        }
        assert_int_equal(fi_graph_search(fixture.graph, query, &options, fixture.scratch, found,
                                         &count, &how, &err),
                         FIRN_OK);
        assert_int_equal(count, 25);
    }
    graph_fixture_deinit(&fixture);
    fi_sim_memory_destroy(os);
}

/* Finds the header's block, whose first bytes are known. */
static size_t
find_header(const struct fi_buf *bytes)
{
    const uint8_t wanted[12] = {2, 0, 0, 0, FI_VECTOR_L2, 255, 16, 0, 12, 0, 0, 0};
    for (size_t at = 128; at + sizeof wanted < bytes->size; at++) {
        if (memcmp(bytes->data + at, wanted, 5) == 0 &&
            memcmp(bytes->data + at + 6, wanted + 6, 6) == 0) {
            return at;
        }
    }
    fail();
    return 0;
}

static void
test_headers_that_make_no_sense_are_refused(void **state)
{
    static const struct {
        size_t offset;
        uint32_t value;
    } lies[] = {{8, 0},         {8, 70000},    {20, 0},          {20, 1 << 30},   {32, 3},
                {36, 1},        {40, 1 << 20}, {44, 1 << 29},    {44, 0},         {48, 0},
                {48, 1 << 28},  {52, 0},       {52, 2},          {56, 8},         {56, UINT32_MAX},
                {60, 1},        {60, 1 << 29}, {72, 1},          {84, 1 << 30},   {92, 1 << 30},
                {100, 1 << 30}, {4, 0},        {68, 0xfff00000}, {76, 0x7ff80000}};
    struct file file;
    struct fi_buf good = {0};
    struct fi_buf bad = {0};
    bool opens;
    open_file(&file, FI_VECTOR_L2, 150, 12, true, 1 << 20);
    test_file_read(file.dir, "good", &good);
    size_t header = find_header(&good);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        assert_int_equal(fi_buf_assign(&bad, fi_buf_slice(&good)), FIRN_OK);
        fi_store_le32(bad.data + header + lies[i].offset, lies[i].value);
        test_seal(bad.data, bad.size);
        test_file_write(file.dir, "bad", bad.data, bad.size);
        assert_true(walk_file(&file, &opens));
        if (opens) {
            fail_msg("lie %zu opens", i);
        }
    }
    /* The last block of the vectors begins in the body and ends outside of it. */
    assert_int_equal(fi_buf_assign(&bad, fi_buf_slice(&good)), FIRN_OK);
    fi_store_le64(bad.data + header + 96, (bad.size - 6200) & ~(uint64_t)63);
    test_seal(bad.data, bad.size);
    test_file_write(file.dir, "bad", bad.data, bad.size);
    assert_true(walk_file(&file, &opens));
    assert_false(opens);
    /* A version that is not known. */
    fi_store_le32(good.data + header, 4);
    test_seal(good.data, good.size);
    test_file_write(file.dir, "bad", good.data, good.size);
    struct fi_run_env env = env_of(&file);
    struct fi_run *run;
    firn_error err;
    assert_int_equal(fi_graph_read_kind.open(&env, "bad", &run, &err), FIRN_NEWER);
    fi_buf_deinit(&good);
    fi_buf_deinit(&bad);
    close_file(&file);
}

/* Changes a number of the header of a good file, and expects that the file is refused. */
static void
refuse_lie(const struct file *file, const struct fi_buf *good, size_t at, uint32_t value)
{
    struct fi_run_env env = env_of(file);
    struct fi_buf bad = {0};
    struct fi_run *run;
    firn_error err;
    assert_int_equal(fi_buf_assign(&bad, fi_buf_slice(good)), FIRN_OK);
    fi_store_le32(bad.data + at, value);
    test_seal(bad.data, bad.size);
    test_file_write(file->dir, "bad", bad.data, bad.size);
    assert_int_equal(fi_graph_read_kind.open(&env, "bad", &run, &err), FIRN_CORRUPT);
    fi_buf_deinit(&bad);
}

/* For a recall in parts of 65,535. */
static void
assert_width(const struct fi_graph *graph, size_t wanted, int recall, size_t width)
{
    const size_t found = fi_graph_recall_width(graph, wanted, recall / 65535.0);
    assert_true(width == 0 ? found == 0 : found == width || found == width + 1);
}

static void
test_measured_widths_are_kept(void **state)
{
    static const struct fi_graph_widths widths = {.is_measured = true,
                                                  .count = 3,
                                                  .all = {{16, 200, {50000, 40000, 9000, 0}},
                                                          {32, 390, {60000, 55000, 20000, 0}},
                                                          {64, 700, {65050, 65000, 60000, 0}}}};
    struct file file;
    struct fi_buf good = {0};
    struct fi_run *run;
    firn_error err;
    open_file(&file, FI_VECTOR_L2, 300, 12, true, 1 << 20);
    assert_true(file.fixture.graph->widths.is_measured);
    file.fixture.graph->widths = widths;
    assert_int_equal(
        graph_fixture_write(&file.fixture, file.dir, "measured", &file.bytes, &file.identity, &err),
        FIRN_OK);
    struct fi_run_env env = env_of(&file);
    assert_int_equal(fi_graph_read_kind.open(&env, "measured", &run, &err), FIRN_OK);
    const struct fi_graph *graph = fi_graph_read_of(run);
    assert_memory_equal(&graph->widths, &widths, sizeof widths);
    /* On lines between what was measured. */
    assert_width(graph, 1, 50000, 16);
    assert_width(graph, 1, 55000, 24);
    assert_width(graph, 5, 55000, 27);
    assert_width(graph, 10, 40000, 16);
    assert_width(graph, 10, 47500, 24);
    assert_width(graph, 10, 60000, 48);
    assert_width(graph, 55, 60000, 56);
    assert_width(graph, 100, 60000, 100);
    /* Nothing that was measured finds so much, or so many. */
    assert_width(graph, 10, 65100, 0);
    assert_int_equal(fi_graph_recall_width(graph, 100, 0.95), 0);
    assert_int_equal(fi_graph_recall_width(graph, 101, 0.1), 0);
    assert_int_equal(fi_graph_recall_width(graph, 10, 1), 0);
    fi_graph_read_kind.close(run);
    test_file_read(file.dir, "measured", &good);
    const size_t at = find_header(&good) + FI_GRAPH_HEADER_SIZE + 12 * sizeof(float);
    assert_int_equal(fi_load_le32(good.data + at), 3);
    refuse_lie(&file, &good, at, FI_GRAPH_WIDTHS_MAX + 1);
    refuse_lie(&file, &good, at, 2);
    refuse_lie(&file, &good, at + 4, 0);
    refuse_lie(&file, &good, at + 4, 32); /* as wide as the next */
    refuse_lie(&file, &good, at + 36, FI_GRAPH_EF_MAX + 1);
    refuse_lie(&file, &good, at + 12, UINT32_MAX); /* more than the next finds */
    refuse_lie(&file, &good, at + 16, UINT32_C(0xffff) << 16);
    /* Where that for the nearest one is not known, it counts as that for 10. */
    for (size_t i = 0; i < widths.count; i++) {
        file.fixture.graph->widths.all[i].recalls[0] = 0;
    }
    assert_width(file.fixture.graph, 1, 47500, 24);
    assert_width(file.fixture.graph, 5, 47500, 24);
    assert_width(file.fixture.graph, 10, 47500, 24);
    fi_buf_deinit(&good);
    close_file(&file);
}

/* Files of version 1 do not tell what walks find. */
static void
test_files_without_measured_widths_are_read(void **state)
{
    struct file file;
    struct fi_run *run;
    firn_error err;
    open_file(&file, FI_VECTOR_L2, 300, 12, false, 1 << 20);
    file.fixture.graph->widths.is_measured = false;
    assert_int_equal(
        graph_fixture_write(&file.fixture, file.dir, "old", &file.bytes, &file.identity, &err),
        FIRN_OK);
    struct fi_run_env env = env_of(&file);
    assert_int_equal(fi_graph_read_kind.open(&env, "old", &run, &err), FIRN_OK);
    const struct fi_graph *graph = fi_graph_read_of(run);
    assert_false(graph->widths.is_measured);
    assert_same(&file, graph);
    assert_true(fi_graph_recall_width(graph, 10, 0.8) < fi_graph_recall_width(graph, 10, 0.99));
    assert_int_equal(fi_graph_recall_width(graph, 10, 1), 0);
    fi_graph_read_kind.close(run);
    close_file(&file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_written_is_found),
        cmocka_unit_test_setup_teardown(test_what_was_written_is_found, list_nodes, link_nodes),
        cmocka_unit_test(test_without_room_in_the_cache_all_is_found),
        cmocka_unit_test_setup_teardown(test_without_room_in_the_cache_all_is_found, list_nodes,
                                        link_nodes),
        cmocka_unit_test(test_small_files_are_whole),
        cmocka_unit_test_setup_teardown(test_small_files_are_whole, list_nodes, link_nodes),
        cmocka_unit_test(test_the_budget_is_given_back),
        cmocka_unit_test_setup_teardown(test_the_budget_is_given_back, list_nodes, link_nodes),
        cmocka_unit_test(test_the_memory_of_an_open_graph_is_known_before),
        cmocka_unit_test(test_threads_share_an_open_graph),
        cmocka_unit_test_setup_teardown(test_threads_share_an_open_graph, list_nodes, link_nodes),
        cmocka_unit_test(test_threads_share_what_is_remembered),
        cmocka_unit_test(test_threads_share_copies_of_codes),
        cmocka_unit_test(test_copies_have_a_limit),
        cmocka_unit_test(test_every_flipped_bit_is_seen),
        cmocka_unit_test_setup_teardown(test_every_flipped_bit_is_seen, list_nodes, link_nodes),
        cmocka_unit_test(test_lies_are_survived),
        cmocka_unit_test_setup_teardown(test_lies_are_survived, list_nodes, link_nodes),
        cmocka_unit_test(test_headers_that_make_no_sense_are_refused),
        cmocka_unit_test(test_measured_widths_are_kept),
        cmocka_unit_test(test_files_without_measured_widths_are_read),
        cmocka_unit_test(test_queries_far_from_all_rows_are_answered),
        cmocka_unit_test_setup_teardown(test_queries_far_from_all_rows_are_answered, list_nodes,
                                        link_nodes),
    };
    test_threads_only();
    return cmocka_run_group_tests_name("graph_file", tests, NULL, NULL);
}
