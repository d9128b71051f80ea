/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/graph: graphs that are built from an older one, after some rows have gone and others have come: recall stays, less is
 * compared, and an old graph that does not fit, or is damaged, is left alone.
 */
#include "unit/graph/graph_fixture.h"

#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "block/block_cache.h"
#include "graph/graph_internal.h"
#include "support/test_file.h"
#include "support/test_seal.h"
#include "support/test_share.h"
#include "support/test_temp.h"
#include "support/test_threads.h"

enum { K = 10, QUERIES = 100 };

/* A graph in a file, open, and rows that change. */
struct chain {
    struct graph_fixture fixture;
    enum graph_fixture_style style;
    char path[TEST_TEMP_SIZE];
    struct fi_os_dir *dir;
    struct fi_block_cache *cache;
    struct fi_run *run; /* NULL: none is open */
    struct test_random random;
};

static void
open_chain(struct chain *chain, const char *name, enum graph_fixture_style style,
           enum fi_vector_metric metric, uint32_t rows, uint32_t dimensions)
{
    *chain = (struct chain){.style = style};
    test_random_init(&chain->random, name, 51);
    graph_fixture_init(&chain->fixture, style, metric, rows, dimensions, &chain->random);
    chain->fixture.parameters.m = 8;
    chain->fixture.parameters.ef_construction = 80;
    struct fi_os *os = chain->fixture.os; /* the simulated world is of one thread */
    test_temp_make(chain->path, sizeof chain->path);
    assert_int_equal(fi_os_dir_open_path(os, chain->path, &chain->dir, NULL), FIRN_OK);
    assert_int_equal(fi_block_cache_create(os, 32 << 20, &chain->cache, NULL), FIRN_OK);
}

static void
close_old(struct chain *chain)
{
    if (chain->run != NULL) {
        fi_graph_read_kind.close(chain->run);
    }
    chain->run = NULL;
    chain->fixture.old = NULL;
}

static void
remove_file(const struct chain *chain, const char *name)
{
    int rc = fi_os_remove_file(chain->dir, name, NULL);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
}

static void
close_chain(struct chain *chain)
{
    close_old(chain);
    graph_fixture_deinit(&chain->fixture);
    fi_block_cache_destroy(chain->cache);
    remove_file(chain, "old");
    fi_os_dir_close(chain->dir);
    assert_int_equal(rmdir(chain->path), 0);
}

/* Links lead to other nodes of their level, none twice. */
static void
check_list(const struct fi_graph *graph, uint32_t node, uint32_t level, size_t *links)
{
    const uint8_t *list;
    size_t width;
    assert_int_equal(fi_graph_walk_links(graph, node, level, NULL, &list, &width, NULL), FIRN_OK);
    size_t most = (level == 0 ? 2 : 1) * (size_t)graph->parameters.m;
    for (size_t k = 0; k < width && fi_graph_link(list, k) != FI_GRAPH_NONE; k++) {
        uint32_t link = fi_graph_link(list, k);
        assert_true(k < most && link < graph->count && link != node);
        assert_true(level == 0 || fi_graph_walk_level_of(graph, link) >= level);
        for (size_t j = 0; j < k; j++) {
            assert_true(fi_graph_link(list, j) != link);
        }
        *links += level == 0;
    }
}

/* Returns how many links of level 0 there are. */
static size_t
check_links(const struct fi_graph *graph)
{
    size_t links = 0;
    for (uint32_t node = 0; node < graph->count; node++) {
        uint32_t levels = fi_graph_walk_level_of(graph, node);
        assert_true(levels <= graph->top_level && graph->top_level <= FI_GRAPH_LEVEL_MAX);
        for (uint32_t level = 0; level <= levels; level++) {
            check_list(graph, node, level, &links);
        }
    }
    return links;
}

static void
build(struct chain *chain, unsigned threads)
{
    firn_error err;
    chain->fixture.parameters.seed++;
    assert_int_equal(graph_fixture_build(&chain->fixture, chain->fixture.os, threads, &err),
                     FIRN_OK);
    (void)check_links(chain->fixture.graph);
}

static const struct fi_graph_build_counts *
counts_of(const struct chain *chain)
{
    return fi_graph_build_counts_of(chain->fixture.graph);
}

static void
open_old(struct chain *chain)
{
    const struct fi_run_env env = {.dir = chain->dir, .cache = chain->cache};
    firn_error err;
    assert_int_equal(fi_graph_read_kind.open(&env, "old", &chain->run, &err), FIRN_OK);
    chain->fixture.old = fi_graph_read_of(chain->run);
}

/* The graph that was built becomes the old one. */
static void
keep(struct chain *chain)
{
    firn_error err;
    uint64_t bytes;
    uint64_t identity;
    close_old(chain);
    remove_file(chain, "old");
    assert_int_equal(
        graph_fixture_write(&chain->fixture, chain->dir, "old", &bytes, &identity, &err), FIRN_OK);
    open_old(chain);
}

/* Gives about so many in a thousand rows new vectors, and all other rows other places. */
static void
change(struct chain *chain, uint64_t per_mille)
{
    struct graph_fixture *fixture = &chain->fixture;
    size_t dimensions = fixture->parameters.dimensions;
    float *moved = malloc(dimensions * sizeof *moved);
    assert_non_null(moved);
    for (uint32_t i = 0; i < fixture->rows; i++) {
        float *own = fixture->vectors + i * dimensions;
        float *other = fixture->vectors + test_random_below(&chain->random, i + 1) * dimensions;
        if (test_random_below(&chain->random, 1000) < per_mille) {
            graph_fixture_query(fixture, chain->style, &chain->random, own);
        }
        memcpy(moved, own, dimensions * sizeof *moved);
        memmove(own, other, dimensions * sizeof *moved);
        memcpy(other, moved, dimensions * sizeof *moved);
    }
    free(moved);
}

/* Adds rows. */
static void
grow(struct chain *chain, uint32_t rows)
{
    struct graph_fixture *fixture = &chain->fixture;
    size_t dimensions = fixture->parameters.dimensions;
    float *grown = realloc(fixture->vectors, rows * dimensions * sizeof *grown);
    assert_non_null(grown);
    fixture->vectors = grown;
    for (; fixture->rows < rows; fixture->rows++) {
        graph_fixture_query(fixture, chain->style, &chain->random,
                            grown + fixture->rows * dimensions);
    }
}

static double
recall_of(struct chain *chain)
{
    const struct fi_graph_search_options options = {.wanted = 2 * K, .ef = 2 * K};
    struct test_random random = {77};
    return graph_fixture_recall(&chain->fixture, chain->fixture.graph, chain->style, QUERIES, K,
                                &options, &random);
}

/* Each row is changed several times over in 50 merges. */
static void
check_merges(const char *name, enum graph_fixture_style style, enum fi_vector_metric metric,
             uint32_t rows, uint32_t dimensions)
{
    struct chain chain;
    uint64_t compared = 0;
    uint32_t kept = 0;
    rows = test_share_of(1, 0).step > 1 ? rows / 2 : rows;
    open_chain(&chain, name, style, metric, rows, dimensions);
    chain.fixture.parameters.m = 12;
    chain.fixture.parameters.ef_construction = 100;
    build(&chain, 2);
    for (int merge = 0; merge < 50; merge++) {
        keep(&chain);
        change(&chain, 20 + 40 * ((uint64_t)merge % 4));
        if (merge % 10 == 9) {
            grow(&chain, chain.fixture.rows + rows / 20);
        }
        build(&chain, 2);
        compared += counts_of(&chain)->compared;
        kept += counts_of(&chain)->kept > 0;
        assert_false(counts_of(&chain)->is_damaged);
    }
    double merged = recall_of(&chain);
    size_t links = check_links(chain.fixture.graph);
    close_old(&chain);
    build(&chain, 2);
    double fresh = recall_of(&chain);
    size_t fresh_links = check_links(chain.fixture.graph);
    (void)printf("%s: recall %.4f after %u of 50 merges, %.4f of a fresh graph; %.3f compared; "
                 "%.3f links\n",
                 name, merged, kept, fresh,
                 (double)compared / (50 * (double)counts_of(&chain)->compared),
                 (double)links / (double)fresh_links);
    assert_true(links * 100 >= fresh_links * 95);
    assert_int_equal(kept, 50);
    assert_true(merged >= 0.97 * fresh);
    close_chain(&chain);
}

static void
recall_stays_after_merges(void **state)
{
    check_merges("uniform", GRAPH_UNIFORM, FI_VECTOR_L2, 2500, 24);
    check_merges("clustered", GRAPH_CLUSTERED, FI_VECTOR_L2, 2000, 32);
    check_merges("cosine", GRAPH_CLUSTERED, FI_VECTOR_COSINE, 1200, 32);
    check_merges("dot", GRAPH_SPREAD, FI_VECTOR_DOT, 1200, 16);
    check_merges("twins", GRAPH_TWINS, FI_VECTOR_L2, 10000, 16);
}

static void
a_merge_compares_less(void **state)
{
    struct chain chain;
    open_chain(&chain, "less", GRAPH_UNIFORM, FI_VECTOR_L2, 3000, 24);
    chain.fixture.parameters.m = FI_GRAPH_M_DEFAULT;
    chain.fixture.parameters.ef_construction = FI_GRAPH_EF_CONSTRUCTION_DEFAULT;
    for (int grows = 0; grows < 2; grows++) {
        close_old(&chain);
        build(&chain, 2);
        keep(&chain);
        if (grows != 0) {
            grow(&chain, chain.fixture.rows * 11 / 10);
        } else {
            change(&chain, 100);
        }
        build(&chain, 2);
        uint64_t merged = counts_of(&chain)->compared;
        uint32_t kept = counts_of(&chain)->kept;
        close_old(&chain);
        build(&chain, 2);
        uint64_t fresh = counts_of(&chain)->compared;
        (void)printf("%s: %.3f of a rebuild, %u kept\n", grows ? "10 % more" : "10 % others",
                     (double)merged / (double)fresh, kept);
        assert_true(kept > 2600);
        assert_int_equal(counts_of(&chain)->kept, 0);
        assert_true(merged * 10 <= fresh * 4);
    }
    close_chain(&chain);
}

/* Makes a node of the graph that was built an island: no link leads to it or away, at level 0. */
static void
cut_off(const struct fi_graph *graph, uint32_t island)
{
    uint32_t *lists = (uint32_t *)(void *)graph->link_pages.data;
    for (uint32_t node = 0; node < graph->count; node++) {
        uint32_t *list = lists + (size_t)node * graph->link_width;
        size_t count = 0;
        for (size_t k = 0; k < graph->link_width; k++) {
            uint32_t link = list[k];
            list[k] = FI_GRAPH_NONE;
            if (link != FI_GRAPH_NONE && link != island && node != island) {
                list[count++] = link;
            }
        }
    }
}

/* Nodes that nothing leads to are inserted again. */
static void
islands_are_reached(void **state)
{
    struct chain chain;
    struct fi_graph_candidate found[K];
    size_t count;
    size_t reached = 0;
    open_chain(&chain, "islands", GRAPH_UNIFORM, FI_VECTOR_L2, 1500, 12);
    build(&chain, 1);
    for (uint32_t node = 7; node < 1500; node += 10) {
        cut_off(chain.fixture.graph, node);
    }
    keep(&chain);
    build(&chain, 2);
    assert_true(counts_of(&chain)->kept > 1300 && counts_of(&chain)->kept <= 1350);
    for (uint32_t row = 0; row < 1500; row++) {
        const float *query = graph_fixture_vector(&chain.fixture, row);
        const struct fi_graph_search_options options = {.wanted = K, .ef = 3 * K};
        firn_error err;
        assert_int_equal(fi_graph_search(chain.fixture.graph, query, &options,
                                         chain.fixture.scratch, found, &count, NULL, &err),
                         FIRN_OK);
        for (size_t i = 0; i < count; i++) {
            reached += found[i].row == row;
        }
    }
    (void)printf("%zu of 1500 reached\n", reached);
    assert_true(reached >= 1495);
    close_chain(&chain);
}

/* How many nodes of level 1 links of that level lead to from the entry. */
static uint32_t
reached_above(const struct fi_graph *graph)
{
    uint8_t *was_seen = calloc(graph->count, 1);
    uint32_t *queue = calloc(graph->count, sizeof *queue);
    uint32_t head = 0;
    uint32_t tail = 0;
    assert_true(was_seen != NULL && queue != NULL);
    was_seen[graph->entry] = 1;
    queue[tail++] = graph->entry;
    while (head < tail) {
        const uint8_t *list;
        size_t width;
        assert_int_equal(fi_graph_walk_links(graph, queue[head++], 1, NULL, &list, &width, NULL),
                         FIRN_OK);
        for (size_t k = 0; k < width && fi_graph_link(list, k) != FI_GRAPH_NONE; k++) {
            uint32_t link = fi_graph_link(list, k);
            if (was_seen[link] == 0) {
                was_seen[link] = 1;
                queue[tail++] = link;
            }
        }
    }
    free(was_seen);
    free(queue);
    return tail;
}

/* From few nodes to many: the entry is a new node, of a higher level. */
static void
a_graph_grows(void **state)
{
    struct chain chain;
    open_chain(&chain, "grows", GRAPH_UNIFORM, FI_VECTOR_L2, 1, 8);
    build(&chain, 1);
    for (uint32_t rows = 2; rows < 3000; rows = rows * 3 / 2 + 1) {
        keep(&chain);
        grow(&chain, rows);
        build(&chain, 2);
        assert_true(counts_of(&chain)->kept > 0);
        const struct fi_graph *graph = chain.fixture.graph;
        assert_true(graph->top_level == 0 || reached_above(graph) * 10 >= graph->upper_count * 9);
    }
    double recall = recall_of(&chain);
    (void)printf("grown: recall %.4f\n", recall);
    assert_true(recall >= 0.95);
    close_chain(&chain);
}

static void
assert_kept(struct chain *chain, bool is_kept)
{
    build(chain, 2);
    assert_int_equal(counts_of(chain)->kept > 0, is_kept);
    assert_false(counts_of(chain)->is_damaged);
    assert_true(recall_of(chain) >= 0.9);
}

static void
beyond_a_fifth_nothing_is_kept(void **state)
{
    struct chain chain;
    open_chain(&chain, "fifth", GRAPH_UNIFORM, FI_VECTOR_L2, 2000, 16);
    build(&chain, 1);
    keep(&chain);
    change(&chain, 170);
    assert_kept(&chain, true);
    keep(&chain);
    change(&chain, 230);
    assert_kept(&chain, false);
    close_chain(&chain);
}

static void
other_parameters_keep_nothing(void **state)
{
    struct chain chain;
    open_chain(&chain, "other", GRAPH_UNIFORM, FI_VECTOR_L2, 1000, 16);
    build(&chain, 1);
    keep(&chain);
    const struct fi_graph_parameters own = chain.fixture.parameters;
    chain.fixture.parameters.m = 12;
    assert_kept(&chain, false);
    chain.fixture.parameters = own;
    chain.fixture.parameters.ef_construction = 81;
    assert_kept(&chain, false);
    chain.fixture.parameters = own;
    chain.fixture.parameters.metric = FI_VECTOR_COSINE;
    assert_kept(&chain, false);
    chain.fixture.parameters = own;
    chain.fixture.parameters.column++;
    assert_kept(&chain, true);
    chain.fixture.parameters = own;
    chain.fixture.rows = 0;
    build(&chain, 1);
    assert_int_equal(fi_graph_search_count(chain.fixture.graph), 0);
    close_chain(&chain);
}

/* The graph that was built, and one with the same rows, seed and old graph. */
static void
threads_make_the_same_graph(void **state)
{
    struct chain chain;
    struct fi_buf one = {0};
    struct fi_buf many = {0};
    open_chain(&chain, "same", GRAPH_CLUSTERED, FI_VECTOR_L2, 3000, 24);
    build(&chain, 1);
    keep(&chain);
    change(&chain, 100);
    for (unsigned threads = 1; threads < 5; threads += 3) {
        firn_error err;
        uint64_t bytes;
        uint64_t identity;
        chain.fixture.parameters.seed = 7;
        assert_int_equal(graph_fixture_build(&chain.fixture, chain.fixture.os, threads, &err),
                         FIRN_OK);
        assert_true(counts_of(&chain)->kept > 0);
        const char *name = threads == 1 ? "one" : "many";
        assert_int_equal(
            graph_fixture_write(&chain.fixture, chain.dir, name, &bytes, &identity, &err), FIRN_OK);
        test_file_read(chain.dir, name, threads == 1 ? &one : &many);
        remove_file(&chain, name);
    }
    /* Identities, and so checksums, differ; blocks of 4,096 bytes do not, but for those. */
    assert_int_equal(one.size, many.size);
    size_t different = 0;
    for (size_t i = 0; i < one.size; i++) {
        different += one.data[i] != many.data[i];
    }
    (void)printf("%zu of %zu bytes differ\n", different, one.size);
    assert_true(different < one.size / 200);
    fi_buf_deinit(&one);
    fi_buf_deinit(&many);
    close_chain(&chain);
}

/* With any byte of its file changed the old graph is of use, or said to be damaged. Checksums are right or not. */
static void
a_damaged_graph_is_left_alone(void **state)
{
    const struct test_share share = test_share_of(1, 0);
    struct chain chain;
    struct fi_buf good = {0};
    size_t damaged = 0;
    size_t opened = 0;
    size_t kept = 0;
    open_chain(&chain, "damaged", GRAPH_UNIFORM, FI_VECTOR_L2, 300, 8);
    chain.fixture.parameters.m = 5;
    chain.fixture.parameters.ef_construction = 30;
    build(&chain, 1);
    keep(&chain);
    close_old(&chain);
    test_file_read(chain.dir, "old", &good);
    change(&chain, 100);
    for (size_t at = share.first; at < good.size; at += share.step * 41) {
        const struct fi_run_env env = {.dir = chain.dir, .cache = chain.cache};
        firn_error err;
        uint8_t before = good.data[at];
        good.data[at] = (uint8_t)test_random_next(&chain.random);
        struct fi_buf bad = {0};
        assert_int_equal(fi_buf_assign(&bad, fi_buf_slice(&good)), FIRN_OK);
        good.data[at] = before;
        if (at % 2 == 0) {
            test_seal(bad.data, bad.size);
        }
        test_file_write(chain.dir, "bad", bad.data, bad.size);
        fi_buf_deinit(&bad);
        if (fi_graph_read_kind.open(&env, "bad", &chain.run, &err) != FIRN_OK) {
            chain.run = NULL;
            continue;
        }
        opened++;
        chain.fixture.old = fi_graph_read_of(chain.run);
        build(&chain, 1);
        damaged += counts_of(&chain)->is_damaged;
        kept += counts_of(&chain)->kept > 0;
        assert_true(!counts_of(&chain)->is_damaged || counts_of(&chain)->kept == 0);
        assert_true(recall_of(&chain) >= 0.9);
        close_old(&chain);
    }
    (void)printf("%zu opened, %zu damaged, %zu kept\n", opened, damaged, kept);
    assert_true(damaged > 0 && kept > 0 && opened > damaged);
    fi_buf_deinit(&good);
    remove_file(&chain, "bad");
    close_chain(&chain);
}

/* A file in which several nodes have one vector, which no build makes: one of them is kept. */
static void
nodes_with_one_vector_do_not_become_one_node(void **state)
{
    struct chain chain;
    struct fi_buf file = {0};
    size_t replaced = 0;
    open_chain(&chain, "one vector", GRAPH_UNIFORM, FI_VECTOR_L2, 400, 8);
    build(&chain, 1);
    keep(&chain);
    close_old(&chain);
    test_file_read(chain.dir, "old", &file);
    size_t size = 8 * sizeof(float);
    for (uint32_t row = 1; row < 50; row++) {
        const void *vector = graph_fixture_vector(&chain.fixture, row);
        for (size_t at = 0; at + size <= file.size; at += 4) {
            if (memcmp(file.data + at, vector, size) == 0) {
                memcpy(file.data + at, graph_fixture_vector(&chain.fixture, row / 10 * 10), size);
                replaced += row % 10 != 0;
                break;
            }
        }
    }
    assert_int_equal(replaced, 45);
    test_seal(file.data, file.size);
    remove_file(&chain, "old");
    test_file_write(chain.dir, "old", file.data, file.size);
    fi_buf_deinit(&file);
    open_old(&chain);
    build(&chain, 2);
    assert_false(counts_of(&chain)->is_damaged);
    assert_int_equal(counts_of(&chain)->kept, 400 - 45);
    assert_int_equal(fi_graph_search_count(chain.fixture.graph), 400);
    assert_true(recall_of(&chain) >= 0.95);
    close_chain(&chain);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_with_one_vector_do_not_become_one_node),
        cmocka_unit_test(recall_stays_after_merges),
        cmocka_unit_test(a_merge_compares_less),
        cmocka_unit_test(a_graph_grows),
        cmocka_unit_test(islands_are_reached),
        cmocka_unit_test(beyond_a_fifth_nothing_is_kept),
        cmocka_unit_test(other_parameters_keep_nothing),
        cmocka_unit_test(threads_make_the_same_graph),
        cmocka_unit_test(a_damaged_graph_is_left_alone),
    };
    test_threads_only();
    return cmocka_run_group_tests_name("graph_merge", tests, NULL, NULL);
}
