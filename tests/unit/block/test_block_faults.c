/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: memory that runs out at every allocation, power that fails at every call.
 */
#include "unit/block/block_fixture.h"

#include "base/mem.h"
#include "sim/sim_fault.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"

/* Everything that this folder does, once: write, read, salvage. */
static int
count_block(void *ctx, const struct fi_block_ref *ref, enum fi_codec codec, firn_slice stored,
            firn_error *err)
{
    (void)ref;
    (void)codec;
    (void)stored;
    (void)err;
    ++*(size_t *)ctx;
    return FIRN_OK;
}

static int
write_read_salvage(struct block_fixture *fixture, firn_error *err)
{
    size_t count = 0;
    int rc = block_fixture_write(fixture, fixture->dir, "a", err);
    if (rc == FIRN_OK) {
        rc = block_fixture_read(fixture, fixture->dir, "a", err);
    }
    if (rc == FIRN_OK) {
        rc = fi_block_salvage(fixture->dir, "a", FI_BLOCK_FILE_ROW, count_block, &count, err);
        assert_true(rc != FIRN_OK || count == BLOCK_FIXTURE_COUNT);
    }
    return rc;
}

static void
memory_that_runs_out_leaves_nothing_behind(void **state)
{
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        struct test_fault fault = {.counts = true, .for_ever = for_ever != 0, .limit = 10000};
        while (test_fault_next(&fault)) {
            firn_error err;
            struct block_fixture fixture;
            block_fixture_init(&fixture);
            block_fixture_fill(&fixture);
            test_fault_allocation(&fault);
            int rc = write_read_salvage(&fixture, &err);
            test_fault_end(&fault);
            if (rc != FIRN_OK) {
                assert_int_equal(rc, FIRN_NO_MEMORY);
                assert_int_equal(err.code, FIRN_NO_MEMORY);
                /* Either the file was finished, and is whole, or nothing of it is there. */
                assert_false(test_file_exists(fixture.dir, "a.tmp"));
                if (test_file_exists(fixture.dir, "a")) {
                    assert_int_equal(block_fixture_read(&fixture, fixture.dir, "a", &err), FIRN_OK);
                }
            }
            block_fixture_deinit(&fixture);
        }
    }
}

/* ---- calls that fail ---- */

/* A fixture whose calls go through a machine that makes them fail. */
struct faulty {
    struct block_fixture fixture;
    struct fi_os *os;
    struct fi_os_dir *dir;
};

static void
faulty_init(struct faulty *faulty)
{
    block_fixture_init(&faulty->fixture);
    block_fixture_fill(&faulty->fixture);
    assert_int_equal(fi_sim_fault_create(faulty->fixture.os, &faulty->os, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(faulty->os, "/", &faulty->dir, NULL), FIRN_OK);
}

static void
faulty_deinit(struct faulty *faulty)
{
    fi_os_dir_close(faulty->dir);
    fi_sim_fault_destroy(faulty->os);
    block_fixture_deinit(&faulty->fixture);
}

static int
fail_one_write(uint64_t n, bool for_ever, enum fi_sim_fault_kind kind, bool *out_hit)
{
    firn_error err;
    struct faulty faulty;
    faulty_init(&faulty);
    struct fi_sim_fault_plan plan = {.call = n,
                                     .for_ever = for_ever,
                                     .classes = FI_SIM_FAULT_ALL,
                                     .kind = kind,
                                     .error_number = 5};
    fi_sim_fault_set_plan(faulty.os, &plan);
    int rc = block_fixture_write(&faulty.fixture, faulty.dir, "a", &err);
    *out_hit = fi_sim_fault_hits(faulty.os) > 0;
    struct fi_os_dir *dir = faulty.fixture.dir;
    if (rc != FIRN_OK && !for_ever) {
        assert_int_equal(test_file_count(dir), 0);
    }
    /* After any failure: what bears the name is whole, and where nothing does the next attempt
     * succeeds, over what was left too. (Where the sync of the directory and all after it failed,
     * the name could not be taken back.) */
    fi_sim_fault_set_plan(faulty.os, NULL);
    if (!test_file_exists(dir, "a")) {
        assert_int_not_equal(rc, FIRN_OK);
        assert_int_equal(block_fixture_write(&faulty.fixture, dir, "a", &err), FIRN_OK);
    }
    assert_int_equal(block_fixture_read(&faulty.fixture, dir, "a", &err), FIRN_OK);
    assert_int_equal(test_file_count(dir), 1);
    faulty_deinit(&faulty);
    return rc;
}

static void
a_call_that_fails_while_writing_leaves_nothing_behind(void **state)
{
    test_alloc_install();
    bool hit = true;
    for (uint64_t n = 1; hit; n++) {
        int rc = fail_one_write(n, false, FI_SIM_FAULT_FAILS, &hit);
        assert_int_equal(rc, hit ? FIRN_IO : FIRN_OK);
        rc = fail_one_write(n, true, FI_SIM_FAULT_FAILS, &hit);
        assert_int_equal(rc, hit ? FIRN_IO : FIRN_OK);
        rc = fail_one_write(n, false, FI_SIM_FAULT_TORN, &hit);
        assert_int_equal(rc, hit ? FIRN_IO : FIRN_OK);
        assert_int_equal(fail_one_write(n, false, FI_SIM_FAULT_SHORT, &hit), FIRN_OK);
        assert_true(n < 100);
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
a_call_that_fails_while_reading_is_reported(void **state)
{
    test_alloc_install();
    firn_error err;
    bool hit = true;
    for (uint64_t n = 1; hit; n++) {
        for (int kind = 0; kind < 3; kind++) {
            struct faulty faulty;
            faulty_init(&faulty);
            assert_int_equal(block_fixture_write(&faulty.fixture, faulty.fixture.dir, "a", &err),
                             FIRN_OK);
            struct fi_sim_fault_plan plan = {.call = n,
                                             .for_ever = kind == 1,
                                             .classes = FI_SIM_FAULT_ALL,
                                             .kind = kind == 2 ? FI_SIM_FAULT_SHORT
                                                               : FI_SIM_FAULT_FAILS,
                                             .error_number = 5};
            fi_sim_fault_set_plan(faulty.os, &plan);
            int rc = block_fixture_read(&faulty.fixture, faulty.dir, "a", &err);
            hit = fi_sim_fault_hits(faulty.os) > 0;
            assert_int_equal(rc, hit && kind != 2 ? FIRN_IO : FIRN_OK);
            faulty_deinit(&faulty);
        }
        assert_true(n < 100);
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
salvage_steps_over_what_cannot_be_read_and_says_so(void **state)
{
    firn_error err;
    for (uint64_t n = 1; n < 40; n++) {
        size_t count = 0;
        struct faulty faulty;
        faulty_init(&faulty);
        assert_int_equal(block_fixture_write(&faulty.fixture, faulty.fixture.dir, "a", &err),
                         FIRN_OK);
        struct fi_sim_fault_plan plan = {
            .call = n, .classes = FI_SIM_FAULT_READS, .error_number = 5};
        fi_sim_fault_set_plan(faulty.os, &plan);
        int rc = fi_block_salvage(faulty.dir, "a", FI_BLOCK_FILE_ROW, count_block, &count, &err);
        /* A file of less than 4 KiB: a window that fails is read again, a block that fails is one
         * less. */
        assert_true(rc == FIRN_OK || rc == FIRN_IO);
        assert_true(count == BLOCK_FIXTURE_COUNT || rc == FIRN_IO);
        faulty_deinit(&faulty);
    }
}

/* ---- power ---- */

/* After the power came back: not there, or there and whole. */
static void
check_after_cut(struct block_fixture *fixture, uint64_t seed, bool must_exist)
{
    firn_error err;
    struct fi_os *os;
    struct fi_os_dir *dir;
    assert_int_equal(fi_sim_memory_clone(fixture->os, &os, &err), FIRN_OK);
    fi_sim_memory_power_cut(os, seed);
    assert_int_equal(fi_os_dir_open_path(os, "/", &dir, &err), FIRN_OK);
    bool exists = test_file_exists(dir, "a");
    assert_true(exists || !must_exist);
    if (exists) {
        assert_int_equal(block_fixture_read(fixture, dir, "a", &err), FIRN_OK);
    }
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
}

static void
power_that_fails_at_any_call_leaves_no_file_or_a_whole_one(void **state)
{
    uint64_t seeds = getenv("FIRN_TEST_LONG") != NULL ? 200 : 20;
    bool is_done = false;
    for (uint64_t call = 1; !is_done; call++) {
        firn_error err;
        struct block_fixture fixture;
        block_fixture_init(&fixture);
        block_fixture_fill(&fixture);
        fi_sim_memory_set_writeback(fixture.os, 2);
        uint64_t before = fi_sim_memory_calls(fixture.os);
        fi_sim_memory_set_cut_at(fixture.os, before + call);
        int rc = block_fixture_write(&fixture, fixture.dir, "a", &err);
        is_done = !fi_sim_memory_is_off(fixture.os);
        assert_true(is_done == (rc == FIRN_OK));
        for (uint64_t seed = 0; seed < seeds; seed++) {
            check_after_cut(&fixture, seed, rc == FIRN_OK);
        }
        block_fixture_deinit(&fixture);
        assert_true(call < 1000);
    }
}

static void
power_that_fails_later_cannot_hurt_a_finished_file(void **state)
{
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    block_fixture_fill(&fixture);
    assert_int_equal(block_fixture_write(&fixture, fixture.dir, "a", &err), FIRN_OK);
    for (uint64_t seed = 0; seed < 100; seed++) {
        check_after_cut(&fixture, seed, true);
    }
    block_fixture_deinit(&fixture);
}

static void
a_full_disk_is_reported_and_leaves_nothing_behind(void **state)
{
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    block_fixture_fill(&fixture);
    fi_sim_memory_set_space(fixture.os, 100);
    assert_int_equal(block_fixture_write(&fixture, fixture.dir, "a", &err), FIRN_NO_SPACE);
    assert_int_equal(test_file_count(fixture.dir), 0);
    fi_sim_memory_set_space(fixture.os, UINT64_MAX);
    assert_int_equal(block_fixture_write(&fixture, fixture.dir, "a", &err), FIRN_OK);
    block_fixture_deinit(&fixture);
}

static void
after_a_failed_write_the_writer_refuses_and_says_why(void **state)
{
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    uint32_t size = 2 << 20;
    uint8_t *bytes = fi_alloc_zeroed(size);
    memset(bytes, 7, size);
    struct fi_block_ref ref;
    struct fi_block_writer *writer;
    assert_int_equal(fi_block_writer_create(fixture.dir, "a", FI_BLOCK_FILE_ROW, &writer, &err),
                     FIRN_OK);
    fi_sim_memory_set_space(fixture.os, 1000);
    assert_int_equal(
        fi_block_writer_add(writer, FI_CODEC_NONE, firn_bytes(bytes, size), size, &ref, &err),
        FIRN_NO_SPACE);
    fi_sim_memory_set_space(fixture.os, UINT64_MAX);
    assert_int_equal(fi_block_writer_add(writer, FI_CODEC_NONE, firn_str("x"), 1, &ref, &err),
                     FIRN_FAILED);
    assert_non_null(strstr(err.text, "a.tmp"));
    assert_int_equal(fi_block_writer_finish(writer, NULL, &err), FIRN_FAILED);
    fi_block_writer_destroy(writer);
    assert_int_equal(test_file_count(fixture.dir), 0);
    fi_free(bytes);
    block_fixture_deinit(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_runs_out_leaves_nothing_behind),
        cmocka_unit_test(a_call_that_fails_while_writing_leaves_nothing_behind),
        cmocka_unit_test(a_call_that_fails_while_reading_is_reported),
        cmocka_unit_test(salvage_steps_over_what_cannot_be_read_and_says_so),
        cmocka_unit_test(power_that_fails_at_any_call_leaves_no_file_or_a_whole_one),
        cmocka_unit_test(power_that_fails_later_cannot_hurt_a_finished_file),
        cmocka_unit_test(a_full_disk_is_reported_and_leaves_nothing_behind),
        cmocka_unit_test(after_a_failed_write_the_writer_refuses_and_says_why),
    };
    return cmocka_run_group_tests_name("block_faults", tests, NULL, NULL);
}
