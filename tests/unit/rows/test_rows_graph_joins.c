/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: runs that are older than the index of their table are joined, to have one graph: with power cut at each call to
 * the system, each call failing, and allocations failing.
 */
#include "rows_graph.h"

static void
a_power_cut_at_any_call_of_a_join_leaves_all_rows(void **state)
{
    rows_graph_cut_everywhere(rows_graph_make_store_with_parts);
}

static void
a_call_of_a_join_that_fails_leaves_all_rows(void **state)
{
    rows_graph_fail_everywhere(rows_graph_make_store_with_parts);
}

static void
an_allocation_of_a_join_that_fails_leaves_all_rows(void **state)
{
    rows_graph_run_out_everywhere(rows_graph_make_store_with_parts);
}

/* Runs that are older than the index become one, with one graph. */
static void
runs_of_a_table_that_gets_an_index_become_one(void **state)
{
    struct db_support support;
    struct firn_db *db;
    firn_error err;
    rows_graph_make_store_with_parts(&support);
    const uint64_t sum = rows_graph_sum_store(&support);
    DB_OK(rows_graph_index_and_build(support.dir, &err));
    DB_OK(fi_db_open(support.dir, &db_support_existing, &db, &err));
    assert_int_equal(rows_graph_count_graphs(support.dir), 1);
    assert_true(rows_graph_sum_rows(db) == sum);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_of_a_table_that_gets_an_index_become_one),
        cmocka_unit_test(a_power_cut_at_any_call_of_a_join_leaves_all_rows),
        cmocka_unit_test(a_call_of_a_join_that_fails_leaves_all_rows),
        cmocka_unit_test(an_allocation_of_a_join_that_fails_leaves_all_rows),
    };
    return cmocka_run_group_tests_name("rows_graph_joins", tests, NULL, NULL);
}
