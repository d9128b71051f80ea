/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/pack: memory that runs out at every allocation, calls that fail, power that fails at every
 * call.
 */
#include "unit/pack/pack_fixture.h"

#include "base/mem.h"
#include "sim/sim_fault.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"

/* Enough for two chunks of the body, a frame of its own, compressed and plain frames, a list of
 * pieces. */
static void
fill(struct pack_fixture *fixture)
{
    enum { ALONE = 520 << 10, SHARED = 510 << 10 };
    static uint8_t noise[ALONE + SHARED]; /* made once: it is what takes longest here */
    if (noise[0] == 0 && noise[1] == 0) {
        pack_fixture_noise(1, noise, sizeof noise);
    }
    (void)pack_fixture_add(fixture, FI_PACK_BLOB, noise, ALONE);
    (void)pack_fixture_add(fixture, FI_PACK_BLOB, noise + ALONE, SHARED);
    (void)pack_fixture_add_noise(fixture, 3, 3000);
    (void)pack_fixture_add_text(fixture, 4, 30000);
    (void)pack_fixture_add_noise(fixture, 5, 0);
    (void)pack_fixture_add_pieces(fixture, 3, 9, 2);
}

/* Objects one by one without a lane, in a directory of any machine. */
static int
write_pooled(struct pack_fixture *fixture, struct fi_os_dir *dir, firn_error *err)
{
    struct fi_os_dir *own = fixture->dir;
    fixture->dir = dir;
    int rc = pack_fixture_write(fixture, "p", 3, err);
    fixture->dir = own;
    return rc;
}

static int
read_in(struct pack_fixture *fixture, struct fi_os_dir *dir, firn_error *err)
{
    struct fi_os_dir *own = fixture->dir;
    fixture->dir = dir;
    int rc = pack_fixture_read(fixture, "p", err);
    fixture->dir = own;
    return rc;
}

static int
count_object(void *ctx, const firn_hash *hash, enum fi_pack_kind kind, firn_slice content,
             firn_error *err)
{
    (void)hash;
    (void)kind;
    (void)content;
    (void)err;
    ++*(size_t *)ctx;
    return FIRN_OK;
}

static int
salvage_in(struct pack_fixture *fixture, struct fi_os_dir *dir, firn_error *err)
{
    size_t count = 0;
    int rc = fi_pack_salvage(dir, "p", count_object, &count, err);
    assert_true(rc != FIRN_OK || count == fixture->count);
    return rc;
}

/* ---- memory ---- */

static void
memory_that_runs_out_while_writing_leaves_nothing_behind(void **state)
{
    firn_error err;
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        struct test_fault fault = {.counts = true, .for_ever = for_ever != 0, .limit = 10000};
        while (test_fault_next(&fault)) {
            struct pack_fixture fixture;
            pack_fixture_init(&fixture);
            fill(&fixture);
            test_fault_allocation(&fault);
            int rc = pack_fixture_write(&fixture, "p", 3, &err);
            test_fault_end(&fault);
            test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
            assert_int_equal(test_file_count(fixture.dir), rc == FIRN_OK ? 1 : 0);
            pack_fixture_deinit(&fixture);
        }
    }
}

static void
memory_that_runs_out_while_reading_is_reported(void **state)
{
    firn_error err;
    for (int salvages = 0; salvages < 2; salvages++) {
        struct test_fault fault = {.counts = true, .limit = 10000};
        while (test_fault_next(&fault)) {
            struct pack_fixture fixture;
            pack_fixture_init(&fixture);
            fill(&fixture);
            assert_int_equal(pack_fixture_write(&fixture, "p", 3, &err), FIRN_OK);
            test_fault_allocation(&fault);
            int rc = salvages ? salvage_in(&fixture, fixture.dir, &err)
                              : read_in(&fixture, fixture.dir, &err);
            test_fault_end(&fault);
            test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
            pack_fixture_deinit(&fixture);
        }
    }
}

static void
a_pool_of_lanes_survives_the_want_of_memory(void **state)
{
    firn_error err;
    test_alloc_install();
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    struct firn_pack_writer *writer;
    assert_int_equal(fi_pack_writer_create(fixture.dir, "p", 1, &writer, &err), FIRN_OK);
    test_alloc_fail_at(1, false);
    assert_int_equal(fi_pack_writer_add(writer, firn_str("x"), NULL, NULL, &err), FIRN_NO_MEMORY);
    assert_int_equal(fi_pack_writer_add(writer, firn_str("x"), NULL, NULL, &err), FIRN_OK);
    assert_int_equal(fi_pack_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_pack_writer_destroy(writer);
    pack_fixture_deinit(&fixture);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* ---- calls that fail ---- */

struct faulty {
    struct pack_fixture fixture;
    struct fi_os *os;
    struct fi_os_dir *dir;
};

static void
faulty_init(struct faulty *faulty)
{
    pack_fixture_init(&faulty->fixture);
    fill(&faulty->fixture);
    assert_int_equal(fi_sim_fault_create(faulty->fixture.os, &faulty->os, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(faulty->os, "/", &faulty->dir, NULL), FIRN_OK);
}

static void
faulty_deinit(struct faulty *faulty)
{
    fi_os_dir_close(faulty->dir);
    fi_sim_fault_destroy(faulty->os);
    pack_fixture_deinit(&faulty->fixture);
}

static bool
fail_one_write(uint64_t n, bool for_ever, enum fi_sim_fault_kind kind, int error_number, int code)
{
    firn_error err;
    struct faulty faulty;
    faulty_init(&faulty);
    struct fi_sim_fault_plan plan = {.call = n,
                                     .for_ever = for_ever,
                                     .classes = FI_SIM_FAULT_ALL,
                                     .kind = kind,
                                     .error_number = error_number};
    fi_sim_fault_set_plan(faulty.os, &plan);
    int rc = write_pooled(&faulty.fixture, faulty.dir, &err);
    bool hit = fi_sim_fault_hits(faulty.os) > 0;
    assert_int_equal(rc, hit && kind != FI_SIM_FAULT_SHORT ? code : FIRN_OK);
    struct fi_os_dir *dir = faulty.fixture.dir;
    if (rc != FIRN_OK && !for_ever) {
        assert_int_equal(test_file_count(dir), 0);
    }
    fi_sim_fault_set_plan(faulty.os, NULL);
    if (!test_file_exists(dir, "p")) {
        assert_int_not_equal(rc, FIRN_OK);
        assert_int_equal(write_pooled(&faulty.fixture, dir, &err), FIRN_OK);
    }
    assert_int_equal(read_in(&faulty.fixture, dir, &err), FIRN_OK);
    assert_int_equal(test_file_count(dir), 1);
    faulty_deinit(&faulty);
    return hit;
}

static void
a_call_that_fails_while_writing_leaves_nothing_behind(void **state)
{
    test_alloc_install();
    bool hit = true;
    for (uint64_t n = 1; hit; n++) {
        hit = fail_one_write(n, false, FI_SIM_FAULT_FAILS, 5, FIRN_IO);
        (void)fail_one_write(n, true, FI_SIM_FAULT_FAILS, 28, FIRN_NO_SPACE);
        (void)fail_one_write(n, false, FI_SIM_FAULT_TORN, 5, FIRN_IO);
        (void)fail_one_write(n, false, FI_SIM_FAULT_SHORT, 5, FIRN_IO);
        assert_true(n < 100);
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
a_call_that_fails_while_reading_is_reported(void **state)
{
    firn_error err;
    test_alloc_install();
    struct test_fault fault = {.limit = 1000};
    while (test_fault_next(&fault)) {
        struct faulty faulty;
        faulty_init(&faulty);
        assert_int_equal(write_pooled(&faulty.fixture, faulty.fixture.dir, &err), FIRN_OK);
        fault.for_ever = fault.n % 2 == 0;
        test_fault_call(&fault, faulty.os);
        int rc = read_in(&faulty.fixture, faulty.dir, &err);
        test_fault_end(&fault);
        assert_int_equal(rc, fault.was_hit ? FIRN_IO : FIRN_OK);
        faulty_deinit(&faulty);
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* ---- power ---- */

static void
check_after_cut(struct pack_fixture *fixture, uint64_t seed, bool must_exist)
{
    firn_error err;
    struct fi_os *os;
    struct fi_os_dir *dir;
    assert_int_equal(fi_sim_memory_clone(fixture->os, &os, &err), FIRN_OK);
    fi_sim_memory_power_cut(os, seed);
    assert_int_equal(fi_os_dir_open_path(os, "/", &dir, &err), FIRN_OK);
    bool exists = test_file_exists(dir, "p");
    assert_true(exists || !must_exist);
    if (exists) {
        assert_int_equal(read_in(fixture, dir, &err), FIRN_OK);
    } else if (test_file_exists(dir, "p.tmp")) {
        /* What the cut left is no hindrance. */
        assert_int_equal(write_pooled(fixture, dir, &err), FIRN_OK);
    }
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
}

static void
power_that_fails_at_any_call_leaves_no_pack_or_a_whole_one(void **state)
{
    uint64_t seeds = getenv("FIRN_TEST_LONG") != NULL ? 100 : 4;
    bool is_done = false;
    for (uint64_t call = 1; !is_done; call++) {
        firn_error err;
        struct pack_fixture fixture;
        pack_fixture_init(&fixture);
        fill(&fixture);
        fi_sim_memory_set_writeback(fixture.os, 2);
        uint64_t before = fi_sim_memory_calls(fixture.os);
        fi_sim_memory_set_cut_at(fixture.os, before + call);
        int rc = pack_fixture_write(&fixture, "p", 3, &err);
        is_done = !fi_sim_memory_is_off(fixture.os);
        assert_true(is_done == (rc == FIRN_OK));
        for (uint64_t seed = 0; seed < seeds; seed++) {
            check_after_cut(&fixture, seed, rc == FIRN_OK);
        }
        pack_fixture_deinit(&fixture);
        assert_true(call < 1000);
    }
}

/* ---- one lane's failure is everybody's ---- */

static void
after_a_failed_frame_no_lane_can_go_on(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    fill(&fixture);
    struct firn_pack_writer *writer;
    struct fi_pack_lane *lanes[2];
    bool is_new;
    assert_int_equal(fi_pack_writer_create(fixture.dir, "p", 1, &writer, &err), FIRN_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(fi_pack_lane_create(writer, &lanes[i], &err), FIRN_OK);
    }
    fi_sim_memory_set_space(fixture.os, 1000);
    int rc = FIRN_OK;
    for (size_t i = 0; i < 3 && rc == FIRN_OK; i++) {
        const struct pack_object *object = &fixture.objects[i];
        rc = fi_pack_lane_add(lanes[0], object->kind, &object->hash, fi_buf_slice(&object->content),
                              &is_new, &err);
    }
    if (rc == FIRN_OK) {
        rc = fi_pack_lane_flush(lanes[0], &err);
    }
    assert_int_equal(rc, FIRN_NO_SPACE);
    fi_sim_memory_set_space(fixture.os, UINT64_MAX);
    /* The name of an object whose bytes are lost must not be relied upon. */
    const struct pack_object *object = &fixture.objects[0];
    assert_int_equal(fi_pack_lane_add(lanes[1], object->kind, &object->hash,
                                      fi_buf_slice(&object->content), &is_new, &err),
                     FIRN_FAILED);
    for (size_t i = 0; i < 2; i++) {
        fi_pack_lane_destroy(lanes[i]);
    }
    assert_int_equal(fi_pack_writer_finish(writer, NULL, &err), FIRN_FAILED);
    assert_non_null(strstr(err.text, "p.tmp"));
    fi_pack_writer_destroy(writer);
    assert_int_equal(test_file_count(fixture.dir), 0);
    pack_fixture_deinit(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_runs_out_while_writing_leaves_nothing_behind),
        cmocka_unit_test(memory_that_runs_out_while_reading_is_reported),
        cmocka_unit_test(a_pool_of_lanes_survives_the_want_of_memory),
        cmocka_unit_test(a_call_that_fails_while_writing_leaves_nothing_behind),
        cmocka_unit_test(a_call_that_fails_while_reading_is_reported),
        cmocka_unit_test(power_that_fails_at_any_call_leaves_no_pack_or_a_whole_one),
        cmocka_unit_test(after_a_failed_frame_no_lane_can_go_on),
    };
    return cmocka_run_group_tests_name("packfile_faults", tests, NULL, NULL);
}
