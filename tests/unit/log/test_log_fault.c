/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/log: every call to the outside world and every allocation of a small history fails, once and
 * for ever. What was reported durable is there afterwards, a handle that failed says so, nothing
 * leaks.
 */
#include <errno.h>

#include "base/bytes.h"
#include "cipher/cipher.h"
#include "log/log_format.h"
#include "log_support.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_nonces.h"

/* A small log, whose records are written, and one that was under load, whose records go through
 * windows. */
static const struct fi_log_options small = {.prefix = "wal", .segment_size_bytes = 1200};
static const struct fi_log_options loaded = {
    .prefix = "wal", .segment_size_bytes = 1200, .ready_after_bytes = 1};
static const struct fi_log_options *wal = &small;
static const struct fi_log_options read_only = {.prefix = "wal", .read_only = true};

static bool is_encrypted;

/* A machine whose calls can fail, and what a history has achieved on it. */
struct world {
    struct fi_os *memory;
    struct fi_os *fault;
    struct fi_os_dir *dir;
    struct fi_log *log;
    uint64_t appended;  /* records whose append was tried */
    uint64_t durable;   /* records that must be there */
    uint64_t first_max; /* records that may have been removed */
};

static void
make_world(struct world *world)
{
    *world = (struct world){0};
    assert_int_equal(fi_sim_memory_create(4, &world->memory, NULL), FIRN_OK);
    assert_int_equal(fi_sim_fault_create(world->memory, &world->fault, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(world->fault, "/", &world->dir, NULL), FIRN_OK);
    log_support_seal(world->dir);
    if (is_encrypted) {
        test_nonces_begin();
    }
}

static void
drop_world(struct world *world)
{
    fi_log_abandon(world->log);
    fi_os_dir_close(world->dir);
    fi_sim_fault_destroy(world->fault);
    fi_sim_memory_destroy(world->memory);
    if (is_encrypted) {
        assert_int_equal(test_nonces_repeated(), 0);
    }
}

/* ---- the history ---- */

/* A failed handle refuses everything; one that a failure left as it was does not. */
static int
check_latch(struct world *world, int rc)
{
    if (rc == FIRN_OK || world->log == NULL) {
        return rc;
    }
    firn_error err;
    if (fi_log_has_failed(world->log)) {
        assert_int_equal(fi_log_sync(world->log, &err), FIRN_FAILED);
        assert_int_equal(log_support_append(world->log, 0, NULL, &err), FIRN_FAILED);
        assert_int_equal(fi_log_rotate(world->log, &err), FIRN_FAILED);
        assert_int_equal(fi_log_remove_before(world->log, 1, &err), FIRN_FAILED);
    } else {
        /* It may fail, too, but not for what was before. */
        assert_int_not_equal(fi_log_sync(world->log, &err), FIRN_FAILED);
    }
    return rc;
}

static int
append(struct world *world, uint64_t count)
{
    firn_error err;
    int rc = FIRN_OK;
    for (uint64_t i = 0; i < count && rc == FIRN_OK; i++) {
        rc = log_support_append(world->log, world->appended, NULL, &err);
        if (rc != FIRN_NO_MEMORY) {
            world->appended++;
        }
    }
    return check_latch(world, rc);
}

static int
sync_log(struct world *world)
{
    firn_error err;
    int rc = fi_log_sync(world->log, &err);
    if (rc == FIRN_OK) {
        world->durable = world->appended;
    }
    return check_latch(world, rc);
}

static int
rotate(struct world *world)
{
    firn_error err;
    int rc = fi_log_rotate(world->log, &err);
    if (rc == FIRN_OK) {
        world->durable = world->appended;
    }
    return check_latch(world, rc);
}

static int
close_log(struct world *world)
{
    firn_error err;
    int rc = fi_log_close(world->log, &err);
    world->log = NULL;
    if (rc == FIRN_OK) {
        world->durable = world->appended;
    }
    return rc;
}

static int
open_log(struct world *world)
{
    firn_error err;
    struct log_support_seen seen = {.is_first_unknown = true};
    return fi_log_open(world->dir, wal, log_support_visit, &seen, &world->log, NULL, &err);
}

/* Runs until something fails; returns what. Touches every function of the log, with enough data
 * for several segments. */
static int
run_history(struct world *world)
{
    firn_error err;
    int rc = fi_log_create(world->dir, wal, &world->log, &err);
    rc = rc == FIRN_OK ? append(world, 4) : rc;
    rc = rc == FIRN_OK ? sync_log(world) : rc;
    rc = rc == FIRN_OK ? append(world, 12) : rc;
    uint64_t in_new_segment = world->appended;
    rc = rc == FIRN_OK ? rotate(world) : rc;
    rc = rc == FIRN_OK ? append(world, 3) : rc;
    if (rc == FIRN_OK) {
        world->first_max = in_new_segment;
        rc = fi_log_remove_before(world->log, fi_log_end(world->log).segment, &err);
    }
    rc = rc == FIRN_OK ? close_log(world) : rc;
    rc = rc == FIRN_OK ? open_log(world) : rc;
    rc = rc == FIRN_OK ? append(world, 3) : rc;
    fi_log_abandon(world->log);
    world->log = NULL;
    rc = rc == FIRN_OK ? open_log(world) : rc;
    rc = rc == FIRN_OK ? append(world, 2) : rc;
    rc = rc == FIRN_OK ? close_log(world) : rc;
    struct log_support_seen seen = {.is_first_unknown = true};
    rc = rc == FIRN_OK ? log_support_read(world->dir, &read_only, &seen, NULL, &err) : rc;
    fi_log_abandon(world->log);
    world->log = NULL;
    return rc;
}

/* Opens with nothing failing any more; what is shown survives the loss of power. */
static void
check_what_is_left(struct world *world)
{
    firn_error err;
    struct fi_os_dir *dir = log_support_root(world->memory);
    struct log_support_seen seen = {.is_first_unknown = true};
    struct fi_log *log = NULL;
    int rc = fi_log_open(dir, wal, log_support_visit, &seen, &log, NULL, &err);
    if (rc != FIRN_OK) {
        assert_int_equal(rc, FIRN_NOT_FOUND);
        assert_int_equal(world->appended, 0);
        fi_os_dir_close(dir);
        return;
    }
    assert_false(seen.is_wrong);
    assert_true(seen.first <= world->first_max);
    assert_true(seen.first + seen.count >= world->durable);
    assert_true(seen.first + seen.count <= world->appended);
    fi_log_abandon(log);
    fi_os_dir_close(dir);
    fi_sim_memory_power_cut(world->memory, 0);
    dir = log_support_root(world->memory);
    struct log_support_seen again = {.is_first_unknown = true};
    assert_int_equal(log_support_read(dir, &read_only, &again, NULL, &err), FIRN_OK);
    assert_false(again.is_wrong);
    assert_int_equal(again.count, seen.count);
    fi_os_dir_close(dir);
}

/* ---- calls to the outside world ---- */

/* Returns whether the plan's call was reached. */
static bool
run_with_fault(const struct fi_sim_fault_plan *plan)
{
    test_alloc_install();
    struct world world;
    make_world(&world);
    fi_sim_fault_set_plan(world.fault, plan);
    int rc = run_history(&world);
    bool was_hit = fi_sim_fault_hits(world.fault) > 0;
    assert_true(was_hit || rc == FIRN_OK);
    if (plan->kind == FI_SIM_FAULT_SHORT) {
        assert_int_equal(rc, FIRN_OK);
    }
    fi_sim_fault_set_plan(world.fault, NULL);
    check_what_is_left(&world);
    drop_world(&world);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    return was_hit;
}

static void
every_call_that_fails_leaves_what_was_durable(void **state)
{
    static const enum fi_sim_fault_kind kinds[] = {FI_SIM_FAULT_FAILS, FI_SIM_FAULT_TORN};
    static const int errors[] = {EIO, ENOSPC};
    for (int kind = 0; kind < 2; kind++) {
        for (int for_ever = 0; for_ever < 2; for_ever++) {
            struct fi_sim_fault_plan plan = {.for_ever = for_ever != 0,
                                             .classes = FI_SIM_FAULT_ALL,
                                             .kind = kinds[kind],
                                             .error_number = errors[kind]};
            do {
                plan.call++;
            } while (run_with_fault(&plan));
            (void)printf("%llu calls failed %s\n", (unsigned long long)plan.call - 1,
                         for_ever != 0 ? "for ever" : "once");
            assert_true(plan.call > 80);
        }
    }
}

static void
short_reads_and_writes_are_continued(void **state)
{
    struct fi_sim_fault_plan plan = {.classes = FI_SIM_FAULT_READS | FI_SIM_FAULT_WRITES,
                                     .kind = FI_SIM_FAULT_SHORT};
    do {
        plan.call++;
    } while (run_with_fault(&plan));
    assert_true(plan.call > 30);
}

/* ---- memory ---- */

static void
every_allocation_that_fails_leaves_what_was_durable(void **state)
{
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        uint64_t n = 0;
        uint64_t calls;
        do {
            n++;
            test_alloc_install();
            struct world world;
            make_world(&world);
            test_alloc_fail_at(n, for_ever != 0);
            int rc = run_history(&world);
            calls = test_alloc_calls();
            test_alloc_fail_at(0, false);
            assert_true(rc == FIRN_OK || n <= calls);
            check_what_is_left(&world);
            drop_world(&world);
            assert_int_equal(test_alloc_alive(), 0);
            test_alloc_uninstall();
        } while (n <= calls);
        assert_true(n > 50);
    }
}

/* ---- space ---- */

/* Nothing lies after the last record. */
static void
assert_ends_clean(struct world *world)
{
    struct fi_log_position end = fi_log_end(world->log);
    char name[32];
    struct fi_os_stat stat;
    firn_error err;
    (void)snprintf(name, sizeof name, "wal-%06u.log", (unsigned)end.segment);
    assert_int_equal(fi_os_stat(world->dir, name, &stat, &err), FIRN_OK);
    assert_int_equal(stat.size_bytes, end.offset);
}

/* A disk that fills up between records, cut at random afterwards: what was refused never comes
 * back, what was taken before and after it is there. */
static void
an_append_without_space_can_be_repeated(void **state)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct world world;
        firn_error err;
        make_world(&world);
        assert_int_equal(fi_log_create(world.dir, wal, &world.log, &err), FIRN_OK);
        unsigned refusals = 0;
        for (uint64_t i = 0; i < 30; i++) {
            struct fi_sim_fault_plan full = {.call = 1,
                                             .classes = FI_SIM_FAULT_WRITES,
                                             .kind = seed % 2 == 0 ? FI_SIM_FAULT_FAILS
                                                                   : FI_SIM_FAULT_TORN,
                                             .error_number = ENOSPC};
            if (i % 3 == seed % 3) {
                fi_sim_fault_set_plan(world.fault, &full);
                assert_int_equal(log_support_append(world.log, 1000 + i, NULL, &err),
                                 FIRN_NO_SPACE);
                assert_false(fi_log_has_failed(world.log));
                fi_sim_fault_set_plan(world.fault, NULL);
                assert_ends_clean(&world);
                refusals++;
            }
            assert_int_equal(log_support_append(world.log, i, NULL, &err), FIRN_OK);
            world.appended++;
            if (i % 4 == seed % 4) {
                assert_int_equal(fi_log_sync(world.log, &err), FIRN_OK);
                world.durable = world.appended;
            }
        }
        assert_int_equal(refusals, 10);
        fi_log_abandon(world.log);
        world.log = NULL;
        fi_os_dir_close(world.dir);
        fi_sim_memory_power_cut(world.memory, seed);
        world.dir = log_support_root(world.memory);
        check_what_is_left(&world);
        drop_world(&world);
    }
}

static void
an_append_without_memory_can_be_repeated(void **state)
{
    test_alloc_install();
    struct world world;
    make_world(&world);
    firn_error err;
    assert_int_equal(fi_log_create(world.dir, wal, &world.log, &err), FIRN_OK);
    uint8_t bytes[600] = {0};
    firn_slice part = firn_bytes(bytes, sizeof bytes);
    test_alloc_fail_at(1, true);
    assert_int_equal(fi_log_append(world.log, 16, &part, 1, NULL, &err), FIRN_NO_MEMORY);
    test_alloc_fail_at(0, false);
    assert_int_equal(fi_log_append(world.log, 16, &part, 1, NULL, &err), FIRN_OK);
    assert_int_equal(fi_log_close(world.log, &err), FIRN_OK);
    world.log = NULL;
    drop_world(&world);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* ---- what happens while a sync runs ---- */

struct during_sync {
    struct world *world;
    bool is_done;
};

static void
append_during_sync(void *ctx, const struct fi_sim_fault_call *call)
{
    struct during_sync *during = ctx;
    if (strcmp(call->operation, "file_sync") == 0 && !during->is_done) {
        during->is_done = true;
        assert_int_equal(append(during->world, 1), FIRN_OK);
    }
}

static void
a_mark_covers_what_was_written_when_the_sync_began(void **state)
{
    struct world world;
    make_world(&world);
    firn_error err;
    static const struct fi_log_options one_segment = {.prefix = "wal"};
    assert_int_equal(fi_log_create(world.dir, &one_segment, &world.log, &err), FIRN_OK);
    assert_int_equal(append(&world, 2), FIRN_OK);
    uint64_t covered = fi_log_end(world.log).offset;
    struct during_sync during = {.world = &world};
    fi_sim_fault_set_hook(world.fault, append_during_sync, &during);
    assert_int_equal(fi_log_sync(world.log, &err), FIRN_OK);
    fi_sim_fault_set_hook(world.fault, NULL, NULL);
    assert_true(during.is_done);
    struct fi_log_position position;
    assert_int_equal(log_support_append(world.log, world.appended, &position, &err), FIRN_OK);
    struct fi_buf bytes = {0};
    log_support_get_file(world.dir, "wal-000001.log", &bytes);
    assert_int_equal((uint64_t)fi_load_le32(bytes.data + position.offset + 8) * 8, covered);
    fi_buf_deinit(&bytes);
    drop_world(&world);
}

/* The disk has room for records, and none for getting more ready. */
static void
zeros_for_which_there_is_no_space_refuse_nothing(void **state)
{
    struct world world;
    make_world(&world);
    firn_error err;
    static const struct fi_log_options one_segment = {.prefix = "wal", .ready_after_bytes = 1};
    assert_int_equal(fi_log_create(world.dir, &one_segment, &world.log, &err), FIRN_OK);
    fi_sim_memory_set_space(world.memory, 40 << 10);
    assert_int_equal(append(&world, 100), FIRN_OK);
    assert_ends_clean(&world);
    fi_sim_memory_set_space(world.memory, UINT64_MAX);
    assert_int_equal(append(&world, 100), FIRN_OK);
    assert_int_equal(sync_log(&world), FIRN_OK);
    fi_log_abandon(world.log);
    world.log = NULL;
    check_what_is_left(&world);
    drop_world(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_that_fails_leaves_what_was_durable),
        cmocka_unit_test(short_reads_and_writes_are_continued),
        cmocka_unit_test(every_allocation_that_fails_leaves_what_was_durable),
        cmocka_unit_test(an_append_without_memory_can_be_repeated),
        cmocka_unit_test(a_mark_covers_what_was_written_when_the_sync_began),
        cmocka_unit_test(zeros_for_which_there_is_no_space_refuse_nothing),
    };
    const struct CMUnitTest small_tests[] = {
        cmocka_unit_test(an_append_without_space_can_be_repeated),
    };
    int failed = cmocka_run_group_tests_name("a small log", tests, NULL, NULL) +
                 cmocka_run_group_tests_name("a small log, disk full", small_tests, NULL, NULL);
    wal = &loaded;
    failed += cmocka_run_group_tests_name("a log under load", tests, NULL, NULL);
    is_encrypted = log_support_encrypt(FI_CIPHER_XCHACHA20_POLY1305);
    if (is_encrypted) {
        failed += cmocka_run_group_tests_name("an encrypted log under load", tests, NULL, NULL);
        wal = &small;
        failed +=
            cmocka_run_group_tests_name("a small encrypted log", tests, NULL, NULL) +
            cmocka_run_group_tests_name("an encrypted log, disk full", small_tests, NULL, NULL);
    }
    return failed;
}
