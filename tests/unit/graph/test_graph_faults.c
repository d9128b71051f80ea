/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/graph: memory that runs out at every allocation, calls that fail, power that fails at every call of a write, a source
 * that fails, work that is no longer wanted.
 */
#include "unit/graph/graph_fixture.h"

#include "block/block_cache.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test_fault.h"
#include "support/test_file.h"

enum { ROWS = 300, DIMENSIONS = 10 };

struct machine {
    struct fi_os *os;
    struct fi_os *faulty;
    struct fi_os_dir *dir; /* of the faulty one */
    struct fi_os_dir *inner;
    struct fi_block_cache *cache;
};

static void
open_machine(struct machine *machine)
{
    assert_int_equal(fi_sim_memory_create(5, &machine->os, NULL), FIRN_OK);
    assert_int_equal(fi_sim_fault_create(machine->os, &machine->faulty, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(machine->faulty, "/", &machine->dir, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(machine->os, "/", &machine->inner, NULL), FIRN_OK);
    assert_int_equal(fi_block_cache_create(machine->os, 1 << 20, &machine->cache, NULL), FIRN_OK);
}

static void
close_machine(struct machine *machine)
{
    fi_block_cache_destroy(machine->cache);
    fi_os_dir_close(machine->inner);
    fi_os_dir_close(machine->dir);
    fi_sim_fault_destroy(machine->faulty);
    fi_sim_memory_destroy(machine->os);
}

static void
ignore_damage(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

/* Opens what was written, searches, checks; returns the first error. */
static int
read_file(const struct graph_fixture *fixture, const struct machine *machine, firn_error *err)
{
    const struct fi_run_env env = {.dir = machine->dir, .cache = machine->cache};
    struct fi_graph_scratch *scratch = NULL;
    struct fi_run *run = NULL;
    struct fi_graph_candidate found[10];
    size_t count;
    const struct fi_graph_search_options options = {.wanted = 10, .ef = 20};
    int rc;
    FI_TRY(fi_graph_read_kind.open(&env, "graph", &run, err));
    FI_TRY(fi_graph_sketch_scratch_create(&scratch, err));
    for (uint64_t row = 0; row < 20; row++) {
        FI_TRY(fi_graph_search(fi_graph_read_of(run), graph_fixture_vector(fixture, row), &options,
                               scratch, found, &count, NULL, err));
        assert_int_equal(count, 10);
        double distances[10];
        uint64_t judged;
        FI_TRY(fi_graph_read_assess(fi_graph_read_of(run), graph_fixture_vector(fixture, row),
                                    found, count, distances, err));
        assert_true(found[0].distance <= found[9].distance);
        FI_TRY(fi_graph_exact_rank(fi_graph_read_of(run), graph_fixture_vector(fixture, row),
                                   &options, 1e30, scratch, found, distances, &count, &judged,
                                   err));
        assert_true(count == 10 && judged <= 10 && distances[0] <= distances[9]);
    }
    rc = fi_graph_read_kind.check(run, ignore_damage, NULL, NULL, err);
out:
    fi_graph_search_scratch_destroy(scratch);
    if (run != NULL) {
        fi_graph_read_kind.close(run);
    }
    return rc;
}

static int
write_file(struct graph_fixture *fixture, const struct machine *machine, firn_error *err)
{
    uint64_t bytes;
    uint64_t identity;
    return graph_fixture_write(fixture, machine->dir, "graph", &bytes, &identity, err);
}

/* state: NULL, or the graph has lists. */
static void
init(struct graph_fixture *fixture, void **state)
{
    struct test_random random;
    test_random_init(&random, "graph_faults", 41);
    graph_fixture_init(fixture, GRAPH_UNIFORM, FI_VECTOR_DOT, ROWS, DIMENSIONS, &random);
    fixture->is_listed = *state != NULL;
    fixture->parameters.m = 6;
    fixture->parameters.ef_construction = 20;
    fixture->missing = calloc(ROWS, 1);
    assert_non_null(fixture->missing);
    fixture->missing[7] = 1;
}

static void
memory_that_runs_out_leaves_nothing_behind(void **state)
{
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        struct test_fault fault = {.counts = true, .for_ever = for_ever != 0, .limit = 20000};
        while (test_fault_next(&fault)) {
            struct graph_fixture fixture;
            struct machine machine;
            firn_error err;
            init(&fixture, state);
            open_machine(&machine);
            test_fault_allocation(&fault);
            int rc = graph_fixture_build(&fixture, machine.os, 3, &err);
            rc = rc == FIRN_OK ? write_file(&fixture, &machine, &err) : rc;
            rc = rc == FIRN_OK ? read_file(&fixture, &machine, &err) : rc;
            test_fault_end(&fault);
            if (rc != FIRN_OK) {
                assert_int_equal(rc, FIRN_NO_MEMORY);
                assert_int_equal(err.code, FIRN_NO_MEMORY);
                assert_false(test_file_exists(machine.inner, "graph.tmp"));
            }
            graph_fixture_deinit(&fixture);
            close_machine(&machine);
        }
    }
}

/* The memory of searches is of use after one of them has failed. */
static void
searches_go_on_after_memory_ran_out(void **state)
{
    const struct fi_graph_search_options options = {.wanted = 10, .ef = 20};
    struct graph_fixture fixture;
    struct machine machine;
    struct fi_block_cache *none;
    struct fi_run *run;
    firn_error err;
    init(&fixture, state);
    open_machine(&machine);
    assert_int_equal(graph_fixture_build(&fixture, machine.os, 1, &err), FIRN_OK);
    assert_int_equal(write_file(&fixture, &machine, &err), FIRN_OK);
    assert_int_equal(fi_block_cache_create(machine.os, 0, &none, NULL), FIRN_OK);
    const struct fi_run_env env = {.dir = machine.dir, .cache = none};
    assert_int_equal(fi_graph_read_kind.open(&env, "graph", &run, &err), FIRN_OK);
    struct test_fault fault = {.counts = true, .limit = 1000};
    while (test_fault_next(&fault)) {
        const float *query = graph_fixture_vector(&fixture, 3);
        struct fi_graph_scratch *scratch;
        struct fi_graph_candidate found[10];
        size_t count;
        assert_int_equal(fi_graph_sketch_scratch_create(&scratch, &err), FIRN_OK);
        test_fault_allocation(&fault);
        const int rc = fi_graph_search(fi_graph_read_of(run), query, &options, scratch, found,
                                       &count, NULL, &err);
        test_fault_end(&fault);
        assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
        assert_int_equal(fi_graph_search(fi_graph_read_of(run), query, &options, scratch, found,
                                         &count, NULL, &err),
                         FIRN_OK);
        assert_int_equal(count, 10);
        fi_graph_search_scratch_destroy(scratch);
    }
    fi_graph_read_kind.close(run);
    fi_block_cache_destroy(none);
    graph_fixture_deinit(&fixture);
    close_machine(&machine);
}

static void
a_call_that_fails_leaves_no_file_or_a_whole_one(void **state)
{
    struct graph_fixture fixture;
    firn_error err;
    init(&fixture, state);
    assert_int_equal(graph_fixture_build(&fixture, fixture.os, 1, &err), FIRN_OK);
    for (int is_torn = 0; is_torn < 2; is_torn++) {
        struct test_fault fault = {.for_ever = true,
                                   .kind = is_torn != 0 ? FI_SIM_FAULT_TORN : FI_SIM_FAULT_FAILS,
                                   .limit = 200};
        while (test_fault_next(&fault)) {
            struct machine machine;
            open_machine(&machine);
            test_fault_call(&fault, machine.faulty);
            int rc = write_file(&fixture, &machine, &err);
            test_fault_end(&fault);
            assert_true((rc == FIRN_OK) == !fault.was_hit);
            if (!test_file_exists(machine.inner, "graph")) {
                assert_int_not_equal(rc, FIRN_OK);
                assert_int_equal(write_file(&fixture, &machine, &err), FIRN_OK);
            }
            assert_int_equal(read_file(&fixture, &machine, &err), FIRN_OK);
            close_machine(&machine);
        }
    }
    graph_fixture_deinit(&fixture);
}

static void
a_call_that_fails_while_reading_is_an_error(void **state)
{
    struct graph_fixture fixture;
    firn_error err;
    init(&fixture, state);
    assert_int_equal(graph_fixture_build(&fixture, fixture.os, 1, &err), FIRN_OK);
    struct test_fault fault = {.classes = FI_SIM_FAULT_OPENS | FI_SIM_FAULT_READS, .limit = 1000};
    while (test_fault_next(&fault)) {
        struct machine machine;
        open_machine(&machine);
        assert_int_equal(write_file(&fixture, &machine, &err), FIRN_OK);
        test_fault_call(&fault, machine.faulty);
        int rc = read_file(&fixture, &machine, &err);
        test_fault_end(&fault);
        assert_true(rc == FIRN_OK ? !fault.was_hit : fault.was_hit);
        assert_true(rc == FIRN_OK || rc == FIRN_IO || rc == FIRN_CORRUPT);
        assert_int_equal(read_file(&fixture, &machine, &err), FIRN_OK);
        close_machine(&machine);
    }
    graph_fixture_deinit(&fixture);
}

static void
a_source_that_fails_ends_the_building(void **state)
{
    struct graph_fixture fixture;
    firn_error err;
    init(&fixture, state);
    for (int n = 1; n <= 3; n++) { /* the rows, their codes, the nearest of some queries */
        fixture.read_fails = n;
        assert_int_equal(graph_fixture_build(&fixture, fixture.os, 2, &err), FIRN_IO);
        assert_null(fixture.graph);
    }
    fixture.read_fails = 4;
    assert_int_equal(graph_fixture_build(&fixture, fixture.os, 2, &err), FIRN_OK);
    graph_fixture_deinit(&fixture);
}

/* ---- work that is no longer wanted ---- */

struct patience {
    uint64_t left;
    uint64_t told;
};

static int
lose_patience(void *ctx, uint64_t files, uint64_t bytes, firn_error *err)
{
    struct patience *patience = ctx;
    (void)bytes;
    patience->told += files;
    return patience->left-- == 0 ? fi_error_set(err, FIRN_CANCELLED, "enough") : FIRN_OK;
}

static int
read_rows(void *ctx, uint64_t first, size_t count, const uint8_t **out, firn_error *err)
{
    const struct graph_fixture *fixture = ctx;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        out[i] = (const uint8_t *)graph_fixture_vector(fixture, first + i);
    }
    return FIRN_OK;
}

static void
work_that_is_no_longer_wanted_ends(void **state)
{
    struct graph_fixture fixture;
    firn_error err;
    int rc = FIRN_CANCELLED;
    init(&fixture, state);
    for (uint64_t n = 0; rc != FIRN_OK; n++) {
        struct patience patience = {.left = n};
        const struct fi_step step = {lose_patience, &patience};
        const struct fi_graph_source source = {&fixture, ROWS, read_rows};
        const struct fi_graph_build_options options = {.parameters = fixture.parameters,
                                                       .os = fixture.os,
                                                       .threads = 2,
                                                       .step = &step,
                                                       .is_listed = fixture.is_listed};
        rc = fi_graph_build(&source, &options, &fixture.graph, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_CANCELLED);
        assert_true((rc == FIRN_OK) == (fixture.graph != NULL));
        assert_true(rc != FIRN_OK || fixture.is_listed || patience.told == ROWS - 1);
        assert_true(n < 1000);
    }
    graph_fixture_deinit(&fixture);
}

int
main(void)
{
    bool is_listed = true;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_runs_out_leaves_nothing_behind),
        cmocka_unit_test_prestate(memory_that_runs_out_leaves_nothing_behind, &is_listed),
        cmocka_unit_test(searches_go_on_after_memory_ran_out),
        cmocka_unit_test_prestate(searches_go_on_after_memory_ran_out, &is_listed),
        cmocka_unit_test(a_call_that_fails_leaves_no_file_or_a_whole_one),
        cmocka_unit_test_prestate(a_call_that_fails_leaves_no_file_or_a_whole_one, &is_listed),
        cmocka_unit_test(a_call_that_fails_while_reading_is_an_error),
        cmocka_unit_test_prestate(a_call_that_fails_while_reading_is_an_error, &is_listed),
        cmocka_unit_test(a_source_that_fails_ends_the_building),
        cmocka_unit_test_prestate(a_source_that_fails_ends_the_building, &is_listed),
        cmocka_unit_test(work_that_is_no_longer_wanted_ends),
        cmocka_unit_test_prestate(work_that_is_no_longer_wanted_ends, &is_listed),
    };
    return cmocka_run_group_tests_name("graph_faults", tests, NULL, NULL);
}
