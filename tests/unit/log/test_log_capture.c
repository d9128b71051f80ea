/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/log: copying a log beside its writer: which bytes are it, and that the gate keeps them where
 * they are for as long as it is shut.
 */
#include "base/slice.h"
#include "cipher/cipher.h"
#include "log/log.h"
#include "log_support.h"
#include "sim/sim_memory.h"
#include "support/test.h"

struct machine {
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_log *log;
    struct fi_log_options options;
    bool is_open; /* the gate */
    unsigned asked;
    uint64_t count; /* of records */
};

static bool
may_remove(void *ctx)
{
    struct machine *machine = ctx;
    machine->asked++;
    return machine->is_open;
}

static void
open_machine(struct machine *machine)
{
    firn_error err;
    *machine = (struct machine){.is_open = true};
    machine->options = (struct fi_log_options){.prefix = "wal",
                                               .ready_after_bytes = 4096,
                                               .gate = {.may_remove = may_remove, .ctx = machine}};
    assert_int_equal(fi_sim_memory_create(1, &machine->os, &err), FIRN_OK);
    machine->dir = log_support_root(machine->os);
    assert_int_equal(fi_log_create(machine->dir, &machine->options, &machine->log, &err), FIRN_OK);
}

static void
close_machine(struct machine *machine)
{
    fi_log_abandon(machine->log);
    fi_os_dir_close(machine->dir);
    fi_sim_memory_destroy(machine->os);
}

/* Fills a segment and begins the next one; segments before `oldest` are not needed any more. */
static void
turn(struct machine *machine, uint64_t oldest)
{
    firn_error err;
    log_support_fill(machine->log, &machine->count);
    assert_int_equal(fi_log_remove_before(machine->log, oldest, &err), FIRN_OK);
    assert_int_equal(fi_log_rotate(machine->log, &err), FIRN_OK);
}

static bool
has(struct machine *machine, unsigned number)
{
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    fi_log_segment_name("wal", number, name);
    return log_support_has_file(machine->dir, name);
}

static void
reopen(struct machine *machine, uint64_t first)
{
    firn_error err;
    struct log_support_seen seen = {.first = first};
    fi_log_abandon(machine->log);
    assert_int_equal(fi_log_open(machine->dir, &machine->options, log_support_visit, &seen,
                                 &machine->log, NULL, &err),
                     FIRN_OK);
    assert_false(seen.is_wrong);
    assert_int_equal(first + seen.count, machine->count);
}

static void
files_stay_while_the_gate_is_shut(void **state)
{
    struct machine machine;
    struct fi_buf before = {0};
    struct fi_buf after = {0};
    open_machine(&machine);
    turn(&machine, 1);
    log_support_get_file(machine.dir, "wal-000001.log", &before);
    machine.is_open = false;
    turn(&machine, 2);
    turn(&machine, 4);
    assert_true(has(&machine, 1) && has(&machine, 2) && has(&machine, 3) && has(&machine, 4));
    log_support_get_file(machine.dir, "wal-000001.log", &after);
    assert_true(fi_slice_equal(fi_buf_slice(&before), fi_buf_slice(&after)));
    reopen(&machine,
           3 * LOG_SUPPORT_PER_SEGMENT); /* they are no part of the log, and still there */
    assert_true(has(&machine, 1) && has(&machine, 2) && has(&machine, 3));
    turn(&machine, 5);
    assert_true(has(&machine, 1) && has(&machine, 4));
    machine.is_open = true;
    turn(&machine, 6);
    assert_false(has(&machine, 4) || has(&machine, 5));
    assert_true(has(&machine, 6));
    reopen(&machine, 5 * LOG_SUPPORT_PER_SEGMENT);
    for (unsigned number = 1; number < 6; number++) {
        assert_false(has(&machine, number));
    }
    fi_buf_deinit(&before);
    fi_buf_deinit(&after);
    close_machine(&machine);
}

/* Those that were kept go with the next turn that finds the gate open. */
static void
kept_files_go_with_a_later_turn(void **state)
{
    struct machine machine;
    open_machine(&machine);
    machine.is_open = false;
    turn(&machine, 1);
    turn(&machine, 2);
    turn(&machine, 3);
    assert_true(has(&machine, 1) && has(&machine, 2));
    machine.is_open = true;
    unsigned asked = machine.asked;
    turn(&machine, 3); /* which excludes nothing itself */
    assert_true(machine.asked > asked);
    assert_false(has(&machine, 1) || has(&machine, 2));
    asked = machine.asked;
    turn(&machine, 3);
    assert_int_equal(machine.asked, asked); /* nothing is there to be removed */
    reopen(&machine, 2 * LOG_SUPPORT_PER_SEGMENT);
    close_machine(&machine);
}

/* Copies what was listed, and opens that as a log of its own. */
static void
check_copy(struct machine *machine, const struct fi_buf *list, uint64_t first, uint64_t count)
{
    firn_error err;
    struct fi_os *os;
    struct fi_log_options options = {.prefix = "wal"};
    struct log_support_seen seen = {.first = first};
    assert_int_equal(fi_sim_memory_create(2, &os, &err), FIRN_OK);
    struct fi_os_dir *dir = log_support_root(os);
    const struct fi_log_capture_segment *segments = (const void *)list->data;
    for (size_t i = 0; i < list->size / sizeof *segments; i++) {
        char name[FI_LOG_SEGMENT_NAME_SIZE];
        struct fi_buf bytes = {0};
        fi_log_segment_name("wal", segments[i].number, name);
        log_support_get_file(machine->dir, name, &bytes);
        assert_true(bytes.size >= segments[i].size_bytes);
        assert_memory_equal(bytes.data, segments[i].header, sizeof segments[i].header);
        log_support_put_file(dir, name, firn_bytes(bytes.data, segments[i].size_bytes));
        fi_buf_deinit(&bytes);
    }
    struct fi_log *log;
    assert_int_equal(fi_log_open(dir, &options, log_support_visit, &seen, &log, NULL, &err),
                     FIRN_OK);
    assert_false(seen.is_wrong);
    assert_int_equal(seen.count, count);
    fi_log_abandon(log);
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
}

static void
what_is_listed_stays_the_log_that_it_was(void **state)
{
    firn_error err;
    struct machine machine;
    struct fi_buf list = {0};
    struct fi_buf again = {0};
    struct fi_buf before = {0};
    struct fi_buf after = {0};
    struct log_support_seen seen = {.first = LOG_SUPPORT_PER_SEGMENT};
    open_machine(&machine);
    turn(&machine, 1);
    turn(&machine, 2);
    log_support_fill(machine.log, &machine.count);
    machine.is_open = false;
    assert_int_equal(
        fi_log_capture(machine.dir, &machine.options, log_support_visit, &seen, &list, &err),
        FIRN_OK);
    assert_false(seen.is_wrong);
    assert_int_equal(seen.count, 2 * LOG_SUPPORT_PER_SEGMENT);
    assert_int_equal(list.size / sizeof(struct fi_log_capture_segment), 2);
    seen = (struct log_support_seen){.first = LOG_SUPPORT_PER_SEGMENT};
    assert_int_equal(
        fi_log_capture(machine.dir, &machine.options, log_support_visit, &seen, &again, &err),
        FIRN_OK);
    assert_true(fi_slice_equal(fi_buf_slice(&list), fi_buf_slice(&again)));
    log_support_get_file(machine.dir, "wal-000003.log", &before);
    turn(&machine, 3);
    turn(&machine, 5);
    turn(&machine, 6);
    log_support_get_file(machine.dir, "wal-000003.log", &after);
    const struct fi_log_capture_segment *newest =
        (const struct fi_log_capture_segment *)(const void *)list.data + 1;
    assert_int_equal(newest->number, 3);
    assert_memory_equal(before.data, after.data, newest->size_bytes);
    assert_memory_not_equal(before.data, after.data, newest->size_bytes + 1);
    check_copy(&machine, &list, LOG_SUPPORT_PER_SEGMENT, 2 * LOG_SUPPORT_PER_SEGMENT);
    fi_buf_deinit(&list);
    fi_buf_deinit(&again);
    fi_buf_deinit(&before);
    fi_buf_deinit(&after);
    close_machine(&machine);
}

/* Begins the log later, once, at the first record that it is shown. */
struct turner {
    struct machine *machine;
    bool has_turned;
};

static int
turn_at_first_record(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
                     firn_error *err)
{
    struct turner *turner = ctx;
    (void)type;
    (void)record;
    (void)position;
    (void)err;
    if (!turner->has_turned) {
        turner->has_turned = true;
        turn(turner->machine, 2);
    }
    return FIRN_OK;
}

static void
a_log_that_begins_later_while_it_is_read_is_listed_from_there(void **state)
{
    firn_error err;
    struct machine machine;
    struct fi_buf list = {0};
    open_machine(&machine);
    machine.is_open = false;
    turn(&machine, 1);
    struct turner turner = {.machine = &machine};
    assert_int_equal(
        fi_log_capture(machine.dir, &machine.options, turn_at_first_record, &turner, &list, &err),
        FIRN_OK);
    assert_true(turner.has_turned);
    assert_int_equal(list.size, 2 * sizeof(struct fi_log_capture_segment));
    check_copy(&machine, &list, LOG_SUPPORT_PER_SEGMENT, LOG_SUPPORT_PER_SEGMENT);
    fi_buf_deinit(&list);
    close_machine(&machine);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_stay_while_the_gate_is_shut),
        cmocka_unit_test(kept_files_go_with_a_later_turn),
        cmocka_unit_test(what_is_listed_stays_the_log_that_it_was),
        cmocka_unit_test(a_log_that_begins_later_while_it_is_read_is_listed_from_there),
    };
    int failed = cmocka_run_group_tests_name("a log in clear", tests, NULL, NULL);
    if (log_support_encrypt(FI_CIPHER_XCHACHA20_POLY1305)) {
        failed += cmocka_run_group_tests_name("an encrypted log", tests, NULL, NULL);
    }
    return failed;
}
