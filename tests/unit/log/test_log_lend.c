/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/log: segments whose files somebody keeps: which can be lent, that their bytes stay whatever
 * the log does afterwards, in this handle and in later ones, and that nothing else changes.
 */
#include "base/slice.h"
#include "cipher/cipher.h"
#include "log/log_format.h"
#include "log_support.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_fault.h"

static const struct fi_log_options wal = {.prefix = "wal", .ready_after_bytes = 4096};

struct machine {
    struct fi_os *memory;
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_log *log;
    uint64_t count; /* of records */
};

static void
open_machine(struct machine *machine)
{
    firn_error err;
    *machine = (struct machine){0};
    assert_int_equal(fi_sim_memory_create(1, &machine->memory, &err), FIRN_OK);
    assert_int_equal(fi_sim_fault_create(machine->memory, &machine->os, &err), FIRN_OK);
    machine->dir = log_support_root(machine->os);
    assert_int_equal(fi_log_create(machine->dir, &wal, &machine->log, &err), FIRN_OK);
}

static void
close_machine(struct machine *machine)
{
    fi_log_abandon(machine->log);
    fi_os_dir_close(machine->dir);
    fi_sim_fault_destroy(machine->os);
    fi_sim_memory_destroy(machine->memory);
}

static void
turn(struct machine *machine, uint64_t oldest)
{
    firn_error err;
    assert_int_equal(fi_log_remove_before(machine->log, oldest, &err), FIRN_OK);
    assert_int_equal(fi_log_rotate(machine->log, &err), FIRN_OK);
}

/* Opens the log again; it must have all records from `first` on. */
static void
reopen(struct machine *machine, uint64_t first)
{
    firn_error err;
    struct log_support_seen seen = {.first = first};
    fi_log_abandon(machine->log);
    machine->log = NULL;
    assert_int_equal(
        fi_log_open(machine->dir, &wal, log_support_visit, &seen, &machine->log, NULL, &err),
        FIRN_OK);
    assert_false(seen.is_wrong);
    assert_int_equal(first + seen.count, machine->count);
}

static bool
has_bytes(struct machine *machine, const char *name, const struct fi_buf *expected)
{
    struct fi_buf bytes = {0};
    log_support_get_file(machine->dir, name, &bytes);
    bool is_equal = fi_slice_equal(fi_buf_slice(&bytes), fi_buf_slice(expected));
    fi_buf_deinit(&bytes);
    return is_equal;
}

static void
only_whole_segments_are_lent(void **state)
{
    firn_error err;
    struct machine machine;
    struct fi_buf bytes = {0};
    open_machine(&machine);
    log_support_fill(machine.log, &machine.count);
    uint64_t end = fi_log_end(machine.log).offset;
    assert_int_equal(fi_log_lend_bytes(machine.log, 0), 0);
    assert_int_equal(fi_log_lend_bytes(machine.log, 1), 0);
    assert_int_equal(fi_log_lend(machine.log, 1, machine.dir, "kept", &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_log_rotate_begin(machine.log, &err), FIRN_OK);
    assert_int_equal(fi_log_lend_bytes(machine.log, 1), end - FI_LOG_FORMAT_SEGMENT_SIZE);
    assert_int_equal(fi_log_lend_bytes(machine.log, 2), 0);
    assert_int_equal(fi_log_lend_bytes(machine.log, 3), 0);
    assert_int_equal(fi_log_lend(machine.log, 1, machine.dir, "kept", &err), FIRN_OK);
    /* What was got ready after the end is cut off; NEXT is there, though the turn was only begun. */
    log_support_get_file(machine.dir, "kept", &bytes);
    assert_int_equal(bytes.size, end + FI_LOG_FORMAT_RECORD_SIZE);
    assert_int_equal(bytes.data[end + 12], FI_LOG_FORMAT_NEXT);
    assert_int_equal(fi_log_lend(machine.log, 1, machine.dir, "kept", &err), FIRN_EXISTS);
    assert_int_equal(fi_log_lend(machine.log, 1, machine.dir, "kept too", &err), FIRN_OK);
    assert_true(has_bytes(&machine, "kept too", &bytes));
    assert_true(has_bytes(&machine, "wal-000001.log", &bytes));
    turn(&machine, 2);
    assert_int_equal(fi_log_lend_bytes(machine.log, 1), 0);
    assert_int_equal(fi_log_lend(machine.log, 1, machine.dir, "late", &err), FIRN_NOT_FOUND);
    assert_false(log_support_has_file(machine.dir, "late"));
    assert_false(log_support_has_file(machine.dir, "wal-000001.log"));
    assert_true(has_bytes(&machine, "kept", &bytes));
    fi_buf_deinit(&bytes);
    close_machine(&machine);
}

/* Whether the file of a segment that is given up becomes the next but one. */
static void
a_lent_file_is_no_spare(void **state)
{
    firn_error err;
    for (int is_lent = 0; is_lent <= 1; is_lent++) {
        struct machine machine;
        struct fi_buf bytes = {0};
        open_machine(&machine);
        log_support_fill(machine.log, &machine.count);
        turn(&machine, 1);
        if (is_lent) {
            assert_int_equal(fi_log_lend(machine.log, 1, machine.dir, "kept", &err), FIRN_OK);
            log_support_get_file(machine.dir, "kept", &bytes);
        }
        log_support_fill(machine.log, &machine.count);
        turn(&machine, 2);
        assert_int_equal(log_support_has_file(machine.dir, "wal-spare.tmp"), !is_lent);
        log_support_fill(machine.log, &machine.count);
        turn(&machine, 3);
        log_support_fill(machine.log, &machine.count);
        assert_true(!is_lent || has_bytes(&machine, "kept", &bytes));
        assert_true(log_support_has_file(machine.dir, "wal-spare.tmp"));
        reopen(&machine, 2 * LOG_SUPPORT_PER_SEGMENT);
        fi_buf_deinit(&bytes);
        close_machine(&machine);
    }
}

/* Who opens the log does not know which were lent. */
static void
a_lent_file_is_no_spare_of_a_later_handle(void **state)
{
    firn_error err;
    struct machine machine;
    struct fi_buf first = {0};
    struct fi_buf second = {0};
    open_machine(&machine);
    log_support_fill(machine.log, &machine.count);
    turn(&machine, 1);
    log_support_fill(machine.log, &machine.count);
    turn(&machine, 1);
    log_support_fill(machine.log, &machine.count);
    assert_int_equal(fi_log_lend(machine.log, 1, machine.dir, "first", &err), FIRN_OK);
    assert_int_equal(fi_log_lend(machine.log, 2, machine.dir, "second", &err), FIRN_OK);
    log_support_get_file(machine.dir, "first", &first);
    log_support_get_file(machine.dir, "second", &second);
    reopen(&machine, 0);
    for (uint64_t oldest = 2; oldest < 7; oldest++) {
        log_support_fill(machine.log, &machine.count);
        turn(&machine, oldest);
        assert_true(has_bytes(&machine, "first", &first));
        assert_true(has_bytes(&machine, "second", &second));
    }
    /* The newest one that was found, and later ones, are. */
    assert_true(log_support_has_file(machine.dir, "wal-spare.tmp"));
    fi_buf_deinit(&first);
    fi_buf_deinit(&second);
    close_machine(&machine);
}

/* Every call that fails, once: nothing is lent, or all is as it should be. */
static void
a_call_that_fails_leaves_the_log_whole(void **state)
{
    firn_error err;
    unsigned failures = 0;
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        struct machine machine;
        struct fi_buf bytes = {0};
        open_machine(&machine);
        log_support_fill(machine.log, &machine.count);
        assert_int_equal(fi_log_rotate_begin(machine.log, &err), FIRN_OK);
        test_fault_call(&fault, machine.os);
        int rc = fi_log_lend(machine.log, 1, machine.dir, "kept", &err);
        test_fault_end(&fault);
        assert_int_equal(rc == FIRN_OK, !fault.was_hit);
        failures += rc != FIRN_OK;
        reopen(&machine, 0);
        log_support_fill(machine.log, &machine.count);
        turn(&machine, 2);
        log_support_fill(machine.log, &machine.count);
        if (rc == FIRN_OK) {
            log_support_get_file(machine.dir, "kept", &bytes);
            assert_true(bytes.size > FI_LOG_FORMAT_SEGMENT_SIZE);
        }
        reopen(&machine, LOG_SUPPORT_PER_SEGMENT);
        fi_buf_deinit(&bytes);
        close_machine(&machine);
    }
    assert_true(failures > 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_whole_segments_are_lent),
        cmocka_unit_test(a_lent_file_is_no_spare),
        cmocka_unit_test(a_lent_file_is_no_spare_of_a_later_handle),
        cmocka_unit_test(a_call_that_fails_leaves_the_log_whole),
    };
    int failed = cmocka_run_group_tests_name("a log in clear", tests, NULL, NULL);
    if (log_support_encrypt(FI_CIPHER_XCHACHA20_POLY1305)) {
        failed += cmocka_run_group_tests_name("an encrypted log", tests, NULL, NULL);
    }
    return failed;
}
