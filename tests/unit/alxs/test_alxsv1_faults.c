/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/alxs: ALXS tables when memory, the disk or the power fails.
 */
#include <errno.h>

#include "base/mem.h"
#include "os/os_user_path.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_file.h"
#include "unit/alxs/alxs_fixture.h"

enum { COUNT = 7, LARGE_SIZE = 300 << 10 };
static uint8_t content[LARGE_SIZE + COUNT];
static struct alxs_pair pairs[COUNT];
static char keys[COUNT][40];

static void
use_values(size_t size, size_t middle_size)
{
    for (size_t i = 0; i < COUNT; i++) {
        pairs[i].value = firn_bytes(content + i, i == COUNT / 2 ? middle_size : size);
    }
}

/* One block. */
static void
use_small_values(void)
{
    use_values(100, 3000);
}

/* Several blocks, keys that are read from the file for a search, and a value beyond the writer's
 * buffer. */
static void
use_large_values(void)
{
    use_values(70 << 10, LARGE_SIZE);
}

static bool
is_long(void)
{
    return getenv("FIRN_TEST_LONG") != NULL;
}

static int
make_pairs(void **state)
{
    struct test_random random;
    test_random_init(&random, "alxsv1_faults", 41);
    test_random_fill(&random, content, sizeof content);
    for (size_t i = 0; i < COUNT; i++) {
        int size = snprintf(keys[i], sizeof keys[i], "keys with the same head, %zu", i);
        pairs[i].key = firn_bytes(keys[i], (size_t)size);
    }
    use_large_values();
    return 0;
}

/* ---- what is done while something fails ---- */

static int
read_table(struct fi_os_dir *dir, firn_error *err)
{
    int rc = FIRN_OK;
    uint8_t *value = NULL;
    size_t size;
    struct firn_alxs *table = NULL;
    struct firn_alxs_cursor *cursor = NULL;
    FI_TRY(fi_alxs_open(dir, "t", &alxs_fixture_defaults, &table, err));
    FI_TRY(fi_alxs_get(table, pairs[3].key, &value, &size, err));
    assert_true(alxs_fixture_equal(firn_bytes(value, size), pairs[3].value));
    FI_TRY(fi_alxs_cursor_open(table, &cursor, err));
    FI_TRY(fi_alxs_cursor_seek(cursor, pairs[2].key, err));
    for (size_t i = 2; i < COUNT; i++) {
        alxs_fixture_expect_at(cursor, &pairs[i]);
        FI_TRY(fi_alxs_cursor_next(cursor, err));
    }
    FI_TRY(fi_alxs_cursor_seek_before(cursor, pairs[2].key, err));
    alxs_fixture_expect_at(cursor, &pairs[1]);
    FI_TRY(fi_alxs_cursor_prev(cursor, err));
    alxs_fixture_expect_at(cursor, &pairs[0]);
out:
    fi_alxs_cursor_close(cursor);
    fi_alxs_close(table);
    fi_free(value);
    return rc;
}

static int
do_everything(struct fi_os_dir *dir, firn_error *err)
{
    int rc = FIRN_OK;
    firn_alxs_info info;
    firn_alxs_writer_options options = alxs_fixture_writer_defaults;
    struct fi_os_user_path path = {0};
    options.replace_existing = true;
    FI_TRY(alxs_fixture_try_write(dir, "t", &options, pairs, COUNT, err));
    FI_TRY(read_table(dir, err));
    FI_TRY(fi_alxs_verify(dir, "t", &alxs_fixture_defaults, NULL, NULL, NULL, &info, err));
    FI_TRY(alxs_fixture_try_write(dir, "t", &options, pairs, COUNT, err));
    FI_TRY(fi_os_user_path_init_followed(&path, fi_os_dir_os(dir), "/link", err));
out:
    fi_os_user_path_deinit(&path);
    return rc;
}

static struct fi_os_dir *
open_machine(struct fi_os *os)
{
    firn_error err;
    struct fi_os_dir *dir = test_os_root(os);
    expect_rc(fi_os_make_symlink(dir, "link", "t", &err), FIRN_OK, &err);
    return dir;
}

/* What may be there at any time: no table, or all of it; and temporary files. */
static void
expect_whole_or_none(struct fi_os_dir *dir)
{
    if (test_file_exists(dir, "t")) {
        struct firn_alxs *table = alxs_fixture_open(dir, "t");
        alxs_fixture_expect_all(table, pairs, COUNT);
        fi_alxs_close(table);
    }
}

/* After any failure everything works, and nothing temporary is left. */
static void
expect_everything_works(struct fi_os_dir *dir)
{
    firn_error err;
    expect_rc(do_everything(dir, &err), FIRN_OK, &err);
    assert_true(test_file_exists(dir, "t"));
    assert_int_equal(test_file_count(dir), 2);
}

/* ---- memory ---- */

static bool
run_short_of_memory(uint64_t n, bool for_ever)
{
    firn_error err;
    struct fi_os *os;
    expect_rc(fi_sim_memory_create(n, &os, &err), FIRN_OK, &err);
    struct fi_os_dir *dir = open_machine(os);
    test_alloc_fail_at(n, for_ever);
    int rc = do_everything(dir, &err);
    bool has_failed = test_alloc_calls() >= n;
    test_alloc_fail_at(0, false);
    if (rc != FIRN_OK) {
        expect_rc(rc, FIRN_NO_MEMORY, &err);
    }
    assert_true(rc == FIRN_NO_MEMORY || !has_failed || !for_ever);
    expect_whole_or_none(dir);
    if (n % 8 == 0) {
        expect_everything_works(dir);
    }
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
    assert_int_equal(test_alloc_alive(), 0);
    return has_failed;
}

static void
want_of_memory_is_survived_at_every_allocation(void **state)
{
    uint64_t points = 0;
    test_alloc_install();
    for (int turn = 0; turn < 4; turn++) {
        /* With large values most allocations are those of the machine. */
        uint64_t step = turn < 2 || is_long() ? 1 : 23;
        turn < 2 ? use_small_values() : use_large_values();
        for (uint64_t n = 1; run_short_of_memory(n, turn % 2 == 1); n += step) {
            points++;
        }
    }
    test_alloc_uninstall();
    (void)printf("count: %llu failed allocations\n", (unsigned long long)points);
    assert_true(points > 100);
}

static void
an_append_without_memory_changes_nothing(void **state)
{
    firn_error err;
    struct fi_os *os;
    struct firn_alxs_writer *writer;
    struct fi_os_dir *dir = alxs_fixture_machine(&os);
    test_alloc_install();
    expect_rc(fi_alxs_writer_create(dir, "t", &alxs_fixture_writer_defaults, &writer, &err),
              FIRN_OK, &err);
    for (size_t i = 0; i < COUNT; i++) {
        /* The last key grows into memory of its own; the values have the machine's. */
        firn_slice key = firn_bytes(content, (size_t)1000 << i);
        test_alloc_fail_at(1, true);
        expect_rc(fi_alxs_writer_append(writer, key, firn_str("v"), &err), FIRN_NO_MEMORY, &err);
        assert_int_equal(fi_alxs_writer_count(writer), i);
        test_alloc_fail_at(0, false);
        expect_rc(fi_alxs_writer_append(writer, key, firn_str("v"), &err), FIRN_OK, &err);
    }
    expect_rc(fi_alxs_writer_finish(writer, NULL, &err), FIRN_OK, &err);
    fi_alxs_writer_destroy(writer);
    test_alloc_uninstall();
    struct firn_alxs *table = alxs_fixture_open(dir, "t");
    assert_int_equal(table->info.count, COUNT);
    fi_alxs_close(table);
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
}

/* ---- room ---- */

static void
a_full_disk_leaves_nothing_behind(void **state)
{
    firn_error err;
    struct fi_os *os;
    struct fi_os_dir *dir = alxs_fixture_machine(&os);
    for (uint64_t space = 0; space < (uint64_t)LARGE_SIZE * 2; space += 100 << 10) {
        fi_sim_memory_set_space(os, space);
        expect_rc(
            alxs_fixture_try_write(dir, "t", &alxs_fixture_writer_defaults, pairs, COUNT, &err),
            FIRN_NO_SPACE, &err);
        assert_int_equal(test_file_count(dir), 0);
    }
    fi_sim_memory_set_space(os, UINT64_MAX);
    alxs_fixture_write(dir, "t", pairs, COUNT);
    expect_whole_or_none(dir);
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
}

/* ---- calls of the system that fail ---- */

static bool
run_on_a_failing_machine(const struct fi_sim_fault_plan *plan)
{
    firn_error err;
    struct fi_os *memory;
    struct fi_os *os;
    expect_rc(fi_sim_memory_create(plan->call, &memory, &err), FIRN_OK, &err);
    expect_rc(fi_sim_fault_create(memory, &os, &err), FIRN_OK, &err);
    struct fi_os_dir *dir = open_machine(os);
    fi_sim_fault_set_plan(os, plan);
    int rc = do_everything(dir, &err);
    uint64_t hits = fi_sim_fault_hits(os);
    fi_sim_fault_set_plan(os, NULL);
    if (rc != FIRN_OK) {
        assert_true(rc == FIRN_IO || rc == FIRN_NO_SPACE);
        assert_true(strlen(err.text) > 0);
    }
    assert_true(rc == FIRN_OK || (hits > 0 && plan->kind != FI_SIM_FAULT_SHORT));
    assert_true(rc != FIRN_OK || hits <= 1 || !plan->for_ever || plan->kind == FI_SIM_FAULT_SHORT);
    expect_whole_or_none(dir);
    if (plan->call % 4 == 0) {
        expect_everything_works(dir);
    }
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(os);
    fi_sim_memory_destroy(memory);
    assert_int_equal(test_alloc_alive(), 0);
    return hits > 0;
}

static void
every_failing_call_is_reported_and_survived(void **state)
{
    static const struct fi_sim_fault_plan plans[] = {
        {0, false, FI_SIM_FAULT_ALL, FI_SIM_FAULT_FAILS, EIO},
        {0, true, FI_SIM_FAULT_ALL, FI_SIM_FAULT_FAILS, EIO},
        {0, false, FI_SIM_FAULT_WRITES, FI_SIM_FAULT_TORN, ENOSPC},
        {0, true, FI_SIM_FAULT_WRITES, FI_SIM_FAULT_TORN, ENOSPC},
        {0, true, FI_SIM_FAULT_SYNCS, FI_SIM_FAULT_FAILS, EIO},
        {0, false, FI_SIM_FAULT_READS | FI_SIM_FAULT_WRITES, FI_SIM_FAULT_SHORT, 0},
    };
    uint64_t points = 0;
    test_alloc_install();
    for (size_t i = 0; i < 2 * sizeof plans / sizeof plans[0]; i++) {
        struct fi_sim_fault_plan plan = plans[i / 2];
        i % 2 == 0 ? use_small_values() : use_large_values();
        for (plan.call = 1; run_on_a_failing_machine(&plan); plan.call++) {
            points++;
        }
    }
    test_alloc_uninstall();
    (void)printf("count: %llu failed calls of the system\n", (unsigned long long)points);
    assert_true(points > 100);
}

static void
a_failed_write_ends_the_writer(void **state)
{
    firn_error err;
    struct fi_os *memory;
    struct fi_os *os;
    struct firn_alxs_writer *writer;
    static const struct fi_sim_fault_plan plan = {1, false, FI_SIM_FAULT_WRITES, FI_SIM_FAULT_FAILS,
                                                  EIO};
    expect_rc(fi_sim_memory_create(1, &memory, &err), FIRN_OK, &err);
    expect_rc(fi_sim_fault_create(memory, &os, &err), FIRN_OK, &err);
    struct fi_os_dir *dir = test_os_root(os);
    expect_rc(fi_alxs_writer_create(dir, "t", &alxs_fixture_writer_defaults, &writer, &err),
              FIRN_OK, &err);
    fi_sim_fault_set_plan(os, &plan);
    expect_rc(fi_alxs_writer_append(writer, pairs[3].key, pairs[3].value, &err), FIRN_IO, &err);
    expect_rc(fi_alxs_writer_append(writer, pairs[4].key, pairs[4].value, &err), FIRN_FAILED, &err);
    expect_rc(fi_alxs_writer_finish(writer, NULL, &err), FIRN_FAILED, &err);
    fi_alxs_writer_destroy(writer);
    assert_int_equal(test_file_count(dir), 0);
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(os);
    fi_sim_memory_destroy(memory);
}

/* ---- power ---- */

/* Ways in which the unsynced part of a disk is lost, for each cut. */
static uint64_t
cut_seeds(void)
{
    return is_long() ? 200 : 6;
}

static const struct alxs_pair old_pairs[] = {{{(const uint8_t *)"old", 3}, {NULL, 0}}};

/* The machine as it comes up again: the new table, or what was there before. */
static void
expect_after_cut(struct fi_os *os, uint64_t seed, bool had_old, bool was_acknowledged)
{
    firn_error err;
    struct fi_os *again;
    expect_rc(fi_sim_memory_clone(os, &again, &err), FIRN_OK, &err);
    fi_sim_memory_power_cut(again, seed);
    struct fi_os_dir *dir = test_os_root(again);
    if (test_file_exists(dir, "t")) {
        struct firn_alxs *table = alxs_fixture_open(dir, "t");
        bool is_old = had_old && table->info.count == 1;
        assert_false(is_old && was_acknowledged);
        alxs_fixture_expect_all(table, is_old ? old_pairs : pairs, is_old ? 1 : COUNT);
        fi_alxs_close(table);
    } else {
        assert_false(had_old || was_acknowledged);
    }
    expect_rc(fi_os_make_symlink(dir, "link", "t", &err), FIRN_OK, &err);
    expect_everything_works(dir);
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(again);
}

/* Cuts the power at the n-th call of writing a table. Returns whether the writing came so far. */
static bool
cut_at(uint64_t n, bool has_old, uint64_t *cuts)
{
    firn_error err;
    struct fi_os *os;
    firn_alxs_writer_options options = alxs_fixture_writer_defaults;
    options.replace_existing = has_old;
    expect_rc(fi_sim_memory_create(n, &os, &err), FIRN_OK, &err);
    fi_sim_memory_set_writeback(os, n % 2 == 0 ? 2 : 0);
    struct fi_os_dir *dir = test_os_root(os);
    if (has_old) {
        alxs_fixture_write(dir, "t", old_pairs, 1);
    }
    fi_sim_memory_set_cut_at(os, fi_sim_memory_calls(os) + n);
    int rc = alxs_fixture_try_write(dir, "t", &options, pairs, COUNT, &err);
    bool is_off = fi_sim_memory_is_off(os);
    fi_os_dir_close(dir);
    if (!is_off) {
        expect_rc(rc, FIRN_OK, &err);
    }
    for (uint64_t seed = 0; seed < cut_seeds(); seed++) {
        expect_after_cut(os, seed < 2 ? seed : seed + n * 1000, has_old, rc == FIRN_OK);
        ++*cuts;
    }
    fi_sim_memory_destroy(os);
    return is_off;
}

static void
a_power_cut_leaves_a_whole_table_or_what_was_there(void **state)
{
    uint64_t cuts = 0;
    for (int turn = 0; turn < 2; turn++) {
        uint64_t n = 1;
        while (cut_at(n, turn == 1, &cuts)) {
            n++;
        }
        assert_true(n > 8);
    }
    (void)printf("count: %llu simulated power cuts\n", (unsigned long long)cuts);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(want_of_memory_is_survived_at_every_allocation),
        cmocka_unit_test(an_append_without_memory_changes_nothing),
        cmocka_unit_test(a_full_disk_leaves_nothing_behind),
        cmocka_unit_test(every_failing_call_is_reported_and_survived),
        cmocka_unit_test(a_failed_write_ends_the_writer),
        cmocka_unit_test(a_power_cut_leaves_a_whole_table_or_what_was_there),
    };
    return cmocka_run_group_tests_name("alxsv1_faults", tests, make_pairs, NULL);
}
