/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/log: whether a log has changed since it was read: nothing that is appended is overlooked, however
 * long ago the log was read and whatever has happened to its files; and where nothing has happened, the answer is
 * that nothing has changed.
 */
#include "cipher/cipher.h"
#include "log_support.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_random.h"

/* Small segments, and space that is prepared early, so that files are used again. */
static const struct fi_log_options wal = {
    .prefix = "wal", .ready_after_bytes = 512, .segment_size_bytes = 4096};
static const struct fi_log_options reading = {.prefix = "wal", .read_only = true};
static const struct fi_log_fence no_fence = {NULL, NULL};

enum { WATCHES = 12, STEPS = 4000 };

struct machine {
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_log *log;
    uint64_t count; /* of records */
};

static void
open_machine(struct machine *machine, uint64_t seed)
{
    firn_error err;
    *machine = (struct machine){0};
    assert_int_equal(fi_sim_memory_create(seed, &machine->os, &err), FIRN_OK);
    machine->dir = log_support_root(machine->os);
    assert_int_equal(fi_log_create(machine->dir, &wal, &machine->log, &err), FIRN_OK);
}

static void
close_machine(struct machine *machine)
{
    fi_log_abandon(machine->log);
    fi_os_dir_close(machine->dir);
    fi_sim_memory_destroy(machine->os);
}

static void
begin(struct machine *machine, struct fi_log_watch *watch)
{
    firn_error err;
    struct fi_log *log;
    assert_int_equal(fi_log_open(machine->dir, &reading, NULL, NULL, &log, NULL, &err), FIRN_OK);
    fi_log_watch_begin(log, machine->dir, watch);
    fi_log_abandon(log);
}

static void
append(struct machine *machine)
{
    firn_error err;
    assert_int_equal(log_support_append(machine->log, machine->count++, NULL, &err), FIRN_OK);
}

static void
step(struct machine *machine, struct test_random *random)
{
    firn_error err;
    switch (test_random_below(random, 12)) {
    case 0:
        assert_int_equal(fi_log_sync(machine->log, &err), FIRN_OK);
        break;
    case 1:
        assert_int_equal(fi_log_rotate_begin(machine->log, &err), FIRN_OK);
        break;
    case 2:
        assert_int_equal(fi_log_rotate(machine->log, &err), FIRN_OK);
        break;
    case 3:
        fi_log_rotate_prepare(machine->log);
        break;
    case 4:
    case 5:
        assert_int_equal(fi_log_remove_before(machine->log, fi_log_end(machine->log).segment, &err),
                         FIRN_OK);
        break;
    case 6:
        if (test_random_below(random, 2) == 0) {
            assert_int_equal(fi_log_close(machine->log, &err), FIRN_OK);
        } else {
            fi_log_abandon(machine->log);
        }
        machine->log = NULL;
        assert_int_equal(fi_log_open(machine->dir, &wal, NULL, NULL, &machine->log, NULL, &err),
                         FIRN_OK);
        break;
    default:
        append(machine);
        break;
    }
}

static void
no_record_is_overlooked(void **state)
{
    struct machine machine;
    struct test_random random;
    struct fi_log_watch watches[WATCHES];
    uint64_t counts[WATCHES];
    unsigned unchanged = 0;
    test_random_init(&random, __func__, 1);
    open_machine(&machine, 1);
    for (unsigned i = 0; i < WATCHES; i++) {
        begin(&machine, &watches[i]);
        counts[i] = machine.count;
    }
    for (unsigned at = 0; at < STEPS; at++) {
        step(&machine, &random);
        for (unsigned i = 0; i < WATCHES; i++) {
            bool is_same = fi_log_watch_is_unchanged(&watches[i], &no_fence);
            assert_true(!is_same || counts[i] == machine.count);
            unchanged += is_same;
        }
        /* Some watches become old. */
        unsigned i = (unsigned)test_random_below(&random, WATCHES);
        if (i < 3 || test_random_below(&random, 50) == 0) {
            fi_log_watch_end(&watches[i]);
            begin(&machine, &watches[i]);
            counts[i] = machine.count;
            assert_true(fi_log_watch_is_unchanged(&watches[i], &no_fence));
        }
    }
    assert_true(unchanged > STEPS / 20);
    for (unsigned i = 0; i < WATCHES; i++) {
        fi_log_watch_end(&watches[i]);
    }
    close_machine(&machine);
}

static int
ask(void *ctx, struct fi_log_position *out, bool *out_is_there, firn_error *err)
{
    (void)err;
    const struct fi_log_position *fence = ctx;
    *out = *fence;
    *out_is_there = fence->segment != 0;
    return FIRN_OK;
}

static void
a_record_beyond_the_fence_is_no_change(void **state)
{
    struct machine machine;
    struct fi_log_watch watch;
    open_machine(&machine, 2);
    append(&machine);
    begin(&machine, &watch);
    struct fi_log_position position = fi_log_end(machine.log);
    const struct fi_log_fence fence = {ask, &position};
    assert_true(fi_log_watch_is_unchanged(&watch, &fence));
    append(&machine);
    assert_false(fi_log_watch_is_unchanged(&watch, &no_fence));
    assert_true(fi_log_watch_is_unchanged(&watch, &fence));
    position = fi_log_end(machine.log);
    assert_false(fi_log_watch_is_unchanged(&watch, &fence));
    position = (struct fi_log_position){0};
    assert_false(fi_log_watch_is_unchanged(&watch, &fence));
    fi_log_watch_end(&watch);
    assert_false(fi_log_watch_is_unchanged(&watch, &no_fence));
    close_machine(&machine);
}

static void
what_the_fence_hid_is_not_forgotten(void **state)
{
    firn_error err;
    struct machine machine;
    struct fi_log *log;
    struct fi_log_watch watch;
    open_machine(&machine, 3);
    append(&machine);
    struct fi_log_position position = fi_log_end(machine.log);
    struct fi_log_options options = reading;
    options.fence = (struct fi_log_fence){ask, &position};
    append(&machine);
    append(&machine);
    assert_int_equal(fi_log_open(machine.dir, &options, NULL, NULL, &log, NULL, &err), FIRN_OK);
    fi_log_watch_begin(log, machine.dir, &watch);
    fi_log_abandon(log);
    const struct fi_log_position before = position;
    assert_true(fi_log_watch_is_unchanged(&watch, &options.fence));
    position = fi_log_end(machine.log);
    assert_false(fi_log_watch_is_unchanged(&watch, &options.fence));
    position = before;
    append(&machine);
    assert_true(fi_log_watch_is_unchanged(&watch, &options.fence));
    position = fi_log_end(machine.log);
    assert_false(fi_log_watch_is_unchanged(&watch, &options.fence));
    position = (struct fi_log_position){0};
    assert_false(fi_log_watch_is_unchanged(&watch, &options.fence));
    assert_false(fi_log_watch_is_unchanged(&watch, &no_fence));
    fi_log_watch_end(&watch);
    close_machine(&machine);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_record_is_overlooked),
        cmocka_unit_test(a_record_beyond_the_fence_is_no_change),
        cmocka_unit_test(what_the_fence_hid_is_not_forgotten),
    };
    int failed = cmocka_run_group_tests_name("a log in clear", tests, NULL, NULL);
    if (log_support_encrypt(FI_CIPHER_XCHACHA20_POLY1305)) {
        failed += cmocka_run_group_tests_name("an encrypted log", tests, NULL, NULL);
    }
    return failed;
}
