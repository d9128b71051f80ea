/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/fuzz_graph.c: graphs that are not trusted.
 *
 * Input: one byte, 1 where checksums are made right first; the file.
 *
 * Held: everything ends, within bounds. Only rows that the graph says the run has are found, none twice, and only such as
 * are allowed. A graph that is built from it, over most of its vectors and some others, has links that lead to nodes, none
 * twice.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fuzz/fuzz_machine.h"
#include "graph/graph_internal.h"
#include "posix/os_default.h"
#include "support/test_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WANTED = 12, ROWS_SEARCHED = 1 << 16, DIMENSIONS_SEARCHED = 4096 };

static struct fi_graph_scratch *
open_scratch(void)
{
    static struct fi_graph_scratch *scratch;
    if (scratch == NULL) {
        CHECK(fi_graph_sketch_scratch_create(&scratch, NULL) == FIRN_OK);
    }
    return scratch;
}

static void
check_found(const struct fi_graph *graph, const uint64_t *allowed,
            const struct fi_graph_candidate *found, size_t count)
{
    CHECK(count <= WANTED);
    for (size_t i = 0; i < count; i++) {
        uint64_t row = found[i].row;
        CHECK(row < fi_graph_search_rows(graph) &&
              (allowed == NULL || (allowed[row / 64] >> row % 64 & 1) != 0));
        for (size_t j = 0; j < i; j++) {
            CHECK(found[j].row != row);
        }
    }
}

static void
search(const struct fi_graph *graph, const uint64_t *allowed)
{
    static float query[DIMENSIONS_SEARCHED];
    struct fi_graph_candidate found[WANTED];
    double distances[WANTED];
    struct fi_graph_search_counts counts;
    uint64_t judged;
    size_t count;
    uint64_t rows = fi_graph_search_rows(graph);
    uint64_t allowed_count = 0;
    for (uint64_t row = 0; allowed != NULL && row < rows; row++) {
        allowed_count += allowed[row / 64] >> row % 64 & 1;
    }
    const struct fi_graph_search_options options = {
        .wanted = WANTED, .ef = 20, .allowed = allowed, .allowed_count = allowed_count};
    for (size_t i = 0; i < DIMENSIONS_SEARCHED; i++) {
        query[i] = (float)(i % 7) - 3;
    }
    int rc = fi_graph_search(graph, query, &options, open_scratch(), found, &count, NULL, NULL);
    CHECK(rc == FIRN_OK || fuzz_machine_is_refusal(rc));
    CHECK(rc == FIRN_OK || count == 0);
    check_found(graph, allowed, found, count);
    const size_t width = fi_graph_recall_width(graph, WANTED, 0.9);
    CHECK(width == 0 || (width >= WANTED && width <= FI_GRAPH_EF_MAX));
    const struct fi_graph_search_options recalling = {.wanted = WANTED,
                                                      .ef = width,
                                                      .recall = 0.9,
                                                      .allowed = allowed,
                                                      .allowed_count = allowed_count};
    rc = fi_graph_search(graph, query, &recalling, open_scratch(), found, &count, NULL, NULL);
    CHECK(rc == FIRN_OK || fuzz_machine_is_refusal(rc));
    CHECK(rc == FIRN_OK || count == 0);
    check_found(graph, allowed, found, count);
    rc = fi_graph_read_assess(graph, query, found, count, distances, NULL);
    CHECK(rc == FIRN_OK || fuzz_machine_is_refusal(rc));
    const size_t had = count;
    rc = fi_graph_exact_rank(graph, query, &options, __builtin_inf(), open_scratch(), found,
                             distances, &count, &judged, NULL);
    CHECK(rc == FIRN_OK ? judged <= had : fuzz_machine_is_refusal(rc));
    if (rc == FIRN_OK) {
        check_found(graph, allowed, found, count);
    }
    rc = fi_graph_exact(graph, query, &options, open_scratch(), found, distances, &count, &counts,
                        NULL);
    CHECK(rc == FIRN_OK || fuzz_machine_is_refusal(rc));
    if (rc == FIRN_OK) {
        check_found(graph, allowed, found, count);
    }
}

/* ---- as an older graph ---- */

enum { MERGED_MAX = 600, MERGED_DIMENSIONS_MAX = 64 };

struct rows {
    uint8_t *vectors;
    size_t size; /* of one */
    size_t count;
};

static int
read_rows(void *ctx, uint64_t first, size_t count, const uint8_t **out, firn_error *err)
{
    const struct rows *rows = ctx;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        out[i] = rows->vectors + ((size_t)first + i) * rows->size;
    }
    return FIRN_OK;
}

/* All vectors that can be read, but each 16th is another one. */
static void
take_rows(const struct fi_graph *graph, struct rows *rows)
{
    for (uint32_t block = 0; block < graph->vectors.blocks; block++) {
        struct fi_block_pin pin;
        if (fi_graph_read_pinned(graph, &graph->vectors, block, FI_BLOCK_CACHE_SCAN, &pin, NULL) !=
            FIRN_OK) {
            continue;
        }
        for (size_t at = 0; at < pin.size; at += rows->size) {
            uint8_t *own = rows->vectors + rows->count * rows->size;
            memcpy(own, pin.data + at, rows->size);
            own[0] = rows->count % 16 == 5 ? (uint8_t)(own[0] + 1) : own[0];
            rows->count++;
        }
        fi_block_cache_unpin(graph->cache, &pin);
    }
}

static void
check_list(const struct fi_graph *graph, uint32_t node, uint32_t level)
{
    const uint8_t *links;
    size_t width;
    CHECK(fi_graph_walk_links(graph, node, level, NULL, &links, &width, NULL) == FIRN_OK);
    for (size_t k = 0; k < width && fi_graph_link(links, k) != FI_GRAPH_NONE; k++) {
        uint32_t link = fi_graph_link(links, k);
        CHECK(link < graph->count && link != node);
        CHECK(level == 0 || fi_graph_walk_level_of(graph, link) >= level);
        for (size_t j = 0; j < k; j++) {
            CHECK(fi_graph_link(links, j) != link);
        }
    }
}

static void
merge(const struct fi_graph *old)
{
    struct rows rows = {.size = 4 * (size_t)old->parameters.dimensions};
    struct fi_graph *built = NULL;
    rows.vectors = calloc((size_t)old->count + 1, rows.size);
    CHECK(rows.vectors != NULL);
    take_rows(old, &rows);
    const struct fi_graph_source source = {&rows, rows.count, read_rows};
    struct fi_graph_build_options options = {
        .parameters = old->parameters, .os = fi_os_default(), .threads = 1, .old = old};
    options.parameters.seed++;
    int rc = fi_graph_build(&source, &options, &built, NULL);
    CHECK(rc == FIRN_OK || rc == FIRN_INVALID);
    for (uint32_t node = 0; rc == FIRN_OK && node < built->count; node++) {
        uint32_t levels = fi_graph_walk_level_of(built, node);
        CHECK(levels <= built->top_level && built->top_level <= FI_GRAPH_LEVEL_MAX);
        for (uint32_t level = 0; level <= levels; level++) {
            check_list(built, node, level);
        }
    }
    fi_graph_build_destroy(built);
    free(rows.vectors);
}

static void
count_damage(void *ctx, const char *text)
{
    CHECK(text != NULL);
    ++*(size_t *)ctx;
}

static void
walk_file(void)
{
    static uint64_t allowed[ROWS_SEARCHED / 64 + 1];
    struct fi_run *run;
    size_t damage = 0;
    int rc = fi_graph_read_kind.open(fuzz_machine_open(), "g", &run, NULL);
    if (rc != FIRN_OK) {
        CHECK(fuzz_machine_is_refusal(rc));
        return;
    }
    const struct fi_graph *graph = fi_graph_read_of(run);
    if (fi_graph_search_rows(graph) <= ROWS_SEARCHED &&
        fi_graph_search_parameters(graph)->dimensions <= DIMENSIONS_SEARCHED) {
        search(graph, NULL);
        memset(allowed, 0xa5, sizeof allowed);
        search(graph, allowed);
    }
    if (graph->count <= MERGED_MAX && graph->parameters.dimensions <= MERGED_DIMENSIONS_MAX &&
        graph->parameters.ef_construction <= MERGED_MAX) {
        merge(graph);
    }
    rc = fi_graph_read_kind.check(run, count_damage, &damage, NULL, NULL);
    CHECK((rc == FIRN_OK) == (damage == 0));
    fi_graph_read_kind.close(run);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint8_t *file = malloc(size);
    CHECK(file != NULL);
    memcpy(file, data + 1, size - 1);
    if (data[0] % 2 == 1) {
        test_seal(file, size - 1);
    }
    fuzz_machine_write("g", file, size - 1);
    free(file);
    walk_file();
    return 0;
}
