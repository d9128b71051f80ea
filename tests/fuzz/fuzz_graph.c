/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/fuzz_graph.c: graphs that are not trusted.
 *
 * Input: one byte, 1 where checksums are made right first; the file.
 *
 * Held: everything ends, within bounds. Only rows that the graph says the run has are found, none twice, and only such as
 * are allowed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fuzz/fuzz_machine.h"
#include "graph/graph.h"
#include "support/test_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WANTED = 12, ROWS_SEARCHED = 1 << 16, DIMENSIONS_SEARCHED = 4096 };

static struct firn_graph_scratch *
open_scratch(void)
{
    static struct firn_graph_scratch *scratch;
    if (scratch == NULL) {
        CHECK(firn_graph_search_scratch_create(&scratch, NULL) == FIRN_OK);
    }
    return scratch;
}

static void
search(const struct firn_graph *graph, const uint64_t *allowed)
{
    static float query[DIMENSIONS_SEARCHED];
    struct firn_graph_candidate found[WANTED];
    double distances[WANTED];
    size_t count;
    uint64_t rows = firn_graph_search_rows(graph);
    uint64_t allowed_count = 0;
    for (uint64_t row = 0; allowed != NULL && row < rows; row++) {
        allowed_count += allowed[row / 64] >> row % 64 & 1;
    }
    const struct firn_graph_search_options options = {
        .wanted = WANTED, .ef = 20, .allowed = allowed, .allowed_count = allowed_count};
    for (size_t i = 0; i < DIMENSIONS_SEARCHED; i++) {
        query[i] = (float)(i % 7) - 3;
    }
    int rc = firn_graph_search(graph, query, &options, open_scratch(), found, &count, NULL, NULL);
    CHECK(rc == FIRN_OK || fuzz_machine_is_refusal(rc));
    CHECK(rc == FIRN_OK || count == 0);
    for (size_t i = 0; i < count; i++) {
        uint64_t row = found[i].row;
        CHECK(row < rows && (allowed == NULL || (allowed[row / 64] >> row % 64 & 1) != 0));
        for (size_t j = 0; j < i; j++) {
            CHECK(found[j].row != row);
        }
    }
    rc = firn_graph_read_judge(graph, query, found, count, distances, NULL);
    CHECK(rc == FIRN_OK || fuzz_machine_is_refusal(rc));
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
    struct firn_run *run;
    size_t damage = 0;
    int rc = firn_graph_read_kind.open(fuzz_machine_open(), "g", &run, NULL);
    if (rc != FIRN_OK) {
        CHECK(fuzz_machine_is_refusal(rc));
        return;
    }
    const struct firn_graph *graph = firn_graph_read_of(run);
    if (firn_graph_search_rows(graph) <= ROWS_SEARCHED &&
        firn_graph_search_parameters(graph)->dimensions <= DIMENSIONS_SEARCHED) {
        search(graph, NULL);
        memset(allowed, 0xa5, sizeof allowed);
        search(graph, allowed);
    }
    rc = firn_graph_read_kind.check(run, count_damage, &damage, NULL, NULL);
    CHECK((rc == FIRN_OK) == (damage == 0));
    firn_graph_read_kind.close(run);
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
