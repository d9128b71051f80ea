/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/commit: loads of sorted entries: that they are one commit, whatever is there already and whatever else is
 * committed; what is refused; power cuts, calls and allocations that fail anywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "inspect/inspect.h"
#include "sim/sim_fault.h"
#include "store/db.h"
#include "support/store/db_program.h"
#include "support/test_random.h"
#include "txn/txn.h"

static firn_slice
key_of(unsigned number, char out[16])
{
    (void)snprintf(out, 16, "key-%05u", number);
    return firn_str(out);
}

static void
put_number(struct firn_db_keyspace *keyspace, unsigned number, const char *value)
{
    firn_error err;
    char key[16];
    DB_OK(fi_db_put(keyspace, key_of(number, key), firn_str(value), FIRN_DURABILITY_DEFAULT, &err));
}

static int
load(struct firn_db_bulk *bulk, unsigned first, unsigned last, unsigned step, const char *value,
     firn_error *err)
{
    int rc = FIRN_OK;
    for (unsigned i = first; i < last && rc == FIRN_OK; i += step) {
        char key[16];
        rc = fi_db_bulk_put(bulk, key_of(i, key), firn_str(value), err);
    }
    return rc;
}

static const char *
get_number(struct firn_db_keyspace *keyspace, unsigned number)
{
    char key[16];
    return db_support_get(keyspace, (const char *)key_of(number, key).data);
}

static uint64_t
count_keys(struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot)
{
    firn_error err;
    const struct fi_db_cursor_options options = {.snapshot = snapshot};
    struct firn_db_cursor *cursor;
    uint64_t count = 0;
    DB_OK(fi_db_cursor_open(keyspace, &options, &cursor, &err));
    DB_OK(fi_db_cursor_first(cursor, &err));
    while (fi_db_cursor_valid(cursor)) {
        count++;
        DB_OK(fi_db_cursor_next(cursor, &err));
    }
    fi_db_cursor_close(cursor);
    return count;
}

static uint64_t
runs_in(struct firn_db *db, unsigned level)
{
    firn_error err;
    firn_store_statistics stats = {.size = sizeof stats};
    DB_OK(fi_inspect_stats(db, &stats, &err));
    return stats.levels[level].files;
}

static void
a_load_is_one_commit_written_to_the_last_level(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db_bulk *bulk;
    struct firn_snapshot *before;
    firn_store_statistics stats = {.size = sizeof stats};
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    DB_OK(fi_db_bulk_open(keyspace, &bulk, &err));
    DB_OK(load(bulk, 0, 5000, 1, "loaded", &err));
    assert_int_equal(fi_db_bulk_count(bulk), 5000);
    assert_int_equal(count_keys(keyspace, NULL), 0);
    DB_OK(fi_db_snapshot_open(db, &before, &err));
    DB_OK(fi_db_bulk_commit(bulk, &err));
    fi_db_bulk_close(bulk);
    assert_int_equal(count_keys(keyspace, NULL), 5000);
    assert_int_equal(count_keys(keyspace, before), 0);
    fi_db_snapshot_close(before);
    DB_OK(fi_inspect_stats(db, &stats, &err));
    assert_int_equal(stats.levels[FIRN_STORE_LEVELS - 1].entries, 5000);
    /* What comes later is newer. */
    put_number(keyspace, 7, "later");
    assert_string_equal(get_number(keyspace, 7), "later");
    for (unsigned way = 0; way < 3; way++) {
        if (way == 0) {
            fi_db_abandon(db);
            db_support_cut(&support, 0);
        } else if (way == 1) {
            DB_OK(fi_db_maintain_compact(db, NULL, &err));
            DB_OK(fi_db_close(db, &err));
        } else {
            DB_OK(fi_db_close(db, &err));
        }
        db = db_support_open(support.dir);
        keyspace = db_support_keyspace(db, "k");
        assert_string_equal(get_number(keyspace, 7), "later");
        assert_string_equal(get_number(keyspace, 8), "loaded");
        assert_int_equal(count_keys(keyspace, NULL), 5000);
    }
    DB_OK(fi_inspect_check(
        db, NULL, &(firn_store_check_result){.size = sizeof(firn_store_check_result)}, &err));
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
a_load_wins_over_what_is_there_and_over_what_comes_meanwhile(void **state)
{
    firn_error err;
    for (unsigned way = 0; way < 4; way++) {
        struct db_support support;
        struct firn_db_bulk *bulk;
        db_support_init(&support, 10 + way);
        struct firn_db *db = db_support_open(support.dir);
        struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
        for (unsigned i = 0; i < 100; i += 2) {
            put_number(keyspace, i, "old");
        }
        if (way == 1) {
            DB_OK(fi_db_maintain_flush(db, &err));
        } else if (way >= 2) {
            DB_OK(fi_db_maintain_compact(db, NULL, &err));
        }
        DB_OK(fi_db_bulk_open(keyspace, &bulk, &err));
        DB_OK(load(bulk, 10, 50, 1, "loaded", &err));
        put_number(keyspace, 20, "meanwhile");
        put_number(keyspace, 90, "meanwhile");
        if (way == 3) {
            char lower[16];
            char upper[16];
            DB_OK(fi_db_delete_range(keyspace, key_of(40, lower), key_of(95, upper),
                                     FIRN_DURABILITY_DEFAULT, &err));
        }
        DB_OK(load(bulk, 50, 60, 1, "loaded", &err));
        DB_OK(fi_db_bulk_commit(bulk, &err));
        fi_db_bulk_close(bulk);
        put_number(keyspace, 30, "later");
        for (unsigned round = 0; round < 3; round++) {
            assert_string_equal(get_number(keyspace, 8), "old");
            assert_string_equal(get_number(keyspace, 10), "loaded");
            assert_string_equal(get_number(keyspace, 20), "loaded");
            assert_string_equal(get_number(keyspace, 30), "later");
            assert_string_equal(get_number(keyspace, 59), "loaded");
            assert_null(get_number(keyspace, 61));
            if (way == 3) {
                assert_null(get_number(keyspace, 90));
                assert_int_equal(count_keys(keyspace, NULL), 5 + 50 + 2);
            } else {
                assert_string_equal(get_number(keyspace, 90), "meanwhile");
                assert_int_equal(count_keys(keyspace, NULL), 5 + 50 + 20);
            }
            if (round == 0) {
                fi_db_abandon(db);
                db_support_cut(&support, 0);
                db = db_support_open(support.dir);
                keyspace = db_support_keyspace(db, "k");
            } else {
                DB_OK(fi_db_maintain_compact(db, NULL, &err));
            }
        }
        DB_OK(fi_db_close(db, &err));
        db_support_deinit(&support);
    }
}

static void
loads_side_by_side_lie_side_by_side(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 20);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (unsigned i = 0; i < 6; i++) {
        struct firn_db_bulk *bulk;
        DB_OK(fi_db_bulk_open(keyspace, &bulk, &err));
        DB_OK(load(bulk, i * 100, i * 100 + 100, 1, "x", &err));
        DB_OK(fi_db_bulk_commit(bulk, &err));
        fi_db_bulk_close(bulk);
    }
    assert_int_equal(runs_in(db, FIRN_STORE_LEVELS - 1), 6);
    struct firn_db_bulk *bulk;
    DB_OK(fi_db_bulk_open(keyspace, &bulk, &err));
    DB_OK(load(bulk, 150, 250, 1, "y", &err));
    DB_OK(fi_db_bulk_commit(bulk, &err));
    fi_db_bulk_close(bulk);
    assert_int_equal(count_keys(keyspace, NULL), 600);
    assert_string_equal(get_number(keyspace, 149), "x");
    assert_string_equal(get_number(keyspace, 150), "y");
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static int
count_name(void *ctx, const struct fi_os_dirent *entry)
{
    (void)entry;
    ++*(unsigned *)ctx;
    return FIRN_OK;
}

static unsigned
count_run_files(struct fi_os_dir *store)
{
    firn_error err;
    struct fi_os_dir *dir;
    unsigned count = 0;
    DB_OK(fi_os_dir_open(store, "runs", &dir, &err));
    DB_OK(fi_os_dir_list(dir, count_name, &count, &err));
    fi_os_dir_close(dir);
    return count;
}

/* Larger than one run, so that some are finished. */
static void
a_load_that_is_given_up_leaves_nothing(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db_bulk *bulk;
    static char value[1 << 20];
    db_support_init(&support, 22);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    DB_OK(fi_db_bulk_open(keyspace, &bulk, &err));
    for (unsigned i = 0; i < 80; i++) {
        char key[16];
        struct test_random random = {i};
        test_random_fill(&random, value, sizeof value);
        DB_OK(fi_db_bulk_put(bulk, key_of(i, key), firn_bytes(value, sizeof value), &err));
    }
    assert_true(count_run_files(support.dir) >= 3);
    fi_db_bulk_close(bulk);
    assert_int_equal(count_run_files(support.dir), 0);
    assert_string_equal(db_support_keys(keyspace, NULL, false), "");
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
what_does_not_ascend_is_refused_and_the_load_goes_on(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db_bulk *bulk;
    struct firn_db_bulk *other;
    static uint8_t large[FIRN_KEY_SIZE_MAX + 1];
    db_support_init(&support, 21);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    DB_OK(fi_db_bulk_open(keyspace, &bulk, &err));
    DB_FAILS(fi_db_bulk_open(keyspace, &other, &err), FIRN_BUSY, "another load");
    DB_OK(fi_db_bulk_put(bulk, firn_bytes(NULL, 0), firn_str("empty"), &err));
    DB_OK(fi_db_bulk_put(bulk, firn_str("b"), firn_str("1"), &err));
    DB_FAILS(fi_db_bulk_put(bulk, firn_str("b"), firn_str("2"), &err), FIRN_INVALID,
             "number 3 is not above");
    DB_FAILS(fi_db_bulk_put(bulk, firn_str("a"), firn_str("2"), &err), FIRN_INVALID, "not above");
    DB_FAILS(fi_db_bulk_put(bulk, firn_bytes(large, sizeof large), firn_str("2"), &err), FIRN_LIMIT,
             "key");
    DB_OK(fi_db_bulk_put(bulk, firn_str("c"), firn_str("3"), &err));
    DB_FAILS(fi_db_close(db, &err), FIRN_MISUSE, "a load is open");
    DB_OK(fi_db_bulk_commit(bulk, &err));
    DB_FAILS(fi_db_bulk_commit(bulk, &err), FIRN_MISUSE, "over");
    DB_FAILS(fi_db_bulk_put(bulk, firn_str("d"), firn_str("3"), &err), FIRN_MISUSE, "over");
    fi_db_bulk_close(bulk);
    assert_string_equal(db_support_keys(keyspace, NULL, false), " b c ");
    /* One that is given up, and an empty one. */
    DB_OK(fi_db_bulk_open(keyspace, &bulk, &err));
    DB_OK(load(bulk, 0, 100, 1, "x", &err));
    fi_db_bulk_close(bulk);
    DB_OK(fi_db_bulk_open(keyspace, &bulk, &err));
    DB_OK(fi_db_bulk_commit(bulk, &err));
    fi_db_bulk_close(bulk);
    fi_db_bulk_close(NULL);
    assert_string_equal(db_support_keys(keyspace, NULL, false), " b c ");
    /* A keyspace that is dropped meanwhile. */
    DB_OK(fi_db_bulk_open(keyspace, &bulk, &err));
    DB_OK(load(bulk, 0, 100, 1, "x", &err));
    DB_OK(fi_db_keyspace_drop(db, "k", &err));
    DB_FAILS(fi_db_bulk_commit(bulk, &err), FIRN_MISUSE, "was dropped");
    fi_db_bulk_close(bulk);
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_db_open(support.dir, &db_support_existing, &db, &err));
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
loads_are_in_checkpoints_and_go_with_restores(void **state)
{
    firn_error err;
    for (unsigned way = 0; way < 4; way++) {
        struct db_support support;
        struct fi_db_checkpoint_info info;
        struct fi_db_checkpoint_info safety;
        struct firn_db_bulk *bulk;
        struct firn_snapshot *snapshot;
        db_support_init(&support, 30 + way);
        struct firn_db *db = db_support_open(support.dir);
        struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
        put_number(keyspace, 1, "old");
        DB_OK(fi_db_checkpoint_create(db, "old", &info, &err));
        DB_OK(fi_db_bulk_open(keyspace, &bulk, &err));
        DB_OK(load(bulk, 0, 10, 1, "first", &err));
        DB_OK(fi_db_bulk_commit(bulk, &err));
        fi_db_bulk_close(bulk);
        DB_OK(fi_db_checkpoint_create(db, "loaded", &info, &err));
        /* One that is open while the store goes back. */
        DB_OK(fi_db_bulk_open(keyspace, &bulk, &err));
        DB_OK(load(bulk, 5, 8, 1, "second", &err));
        DB_OK(fi_db_checkpoint_restore(db, "old", &info, &safety, &err));
        assert_int_equal(count_keys(keyspace, NULL), 1);
        assert_string_equal(get_number(keyspace, 1), "old");
        DB_OK(fi_db_bulk_commit(bulk, &err));
        fi_db_bulk_close(bulk);
        for (unsigned round = 0; round < 2; round++) {
            assert_int_equal(count_keys(keyspace, NULL), 4);
            assert_string_equal(get_number(keyspace, 1), "old");
            assert_string_equal(get_number(keyspace, 5), "second");
            DB_OK(fi_db_checkpoint_snapshot(db, "loaded", &snapshot, &err));
            assert_int_equal(count_keys(keyspace, snapshot), 10);
            fi_db_snapshot_close(snapshot);
            DB_OK(fi_db_checkpoint_snapshot(db, "old", &snapshot, &err));
            assert_int_equal(count_keys(keyspace, snapshot), 1);
            fi_db_snapshot_close(snapshot);
            if (way % 2 == 0) {
                DB_OK(fi_db_maintain_compact(db, NULL, &err));
            }
            if (way < 2) {
                fi_db_abandon(db);
                db_support_cut(&support, 0);
            } else {
                DB_OK(fi_db_close(db, &err));
            }
            db = db_support_open(support.dir);
            keyspace = db_support_keyspace(db, "k");
        }
        DB_OK(fi_db_checkpoint_restore(db, "loaded", &info, &safety, &err));
        assert_int_equal(count_keys(keyspace, NULL), 10);
        assert_string_equal(get_number(keyspace, 5), "first");
        DB_OK(fi_db_close(db, &err));
        db_support_deinit(&support);
    }
}

/* Another commit, while what is in memory is being flushed for a load. */
struct meanwhile {
    struct firn_db_keyspace *keyspace;
    bool is_done;
};

static void
put_meanwhile(void *ctx, const struct fi_sim_fault_call *call)
{
    struct meanwhile *meanwhile = ctx;
    if (!meanwhile->is_done && call->name != NULL && strncmp(call->name, "manifest", 8) == 0) {
        meanwhile->is_done = true;
        put_number(meanwhile->keyspace, 20, "meanwhile");
    }
}

static void
a_commit_that_comes_while_a_load_is_committed_lies_beneath_it(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_os *faulty;
    struct fi_os_dir *dir;
    struct firn_db *db;
    struct firn_db_bulk *bulk;
    struct meanwhile meanwhile = {NULL, false};
    db_support_init(&support, 26);
    DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
    DB_OK(fi_os_dir_open_path(faulty, "/store", &dir, &err));
    DB_OK(fi_db_open(dir, &db_support_create, &db, &err));
    meanwhile.keyspace = db_support_keyspace(db, "k");
    put_number(meanwhile.keyspace, 20, "old");
    DB_OK(fi_db_bulk_open(meanwhile.keyspace, &bulk, &err));
    DB_OK(load(bulk, 10, 30, 1, "loaded", &err));
    fi_sim_fault_set_hook(faulty, put_meanwhile, &meanwhile);
    DB_OK(fi_db_bulk_commit(bulk, &err));
    fi_sim_fault_set_hook(faulty, NULL, NULL);
    assert_true(meanwhile.is_done);
    fi_db_bulk_close(bulk);
    assert_string_equal(get_number(meanwhile.keyspace, 20), "loaded");
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    assert_string_equal(get_number(meanwhile.keyspace, 20), "loaded");
    DB_OK(fi_db_close(db, &err));
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(faulty);
    db_support_deinit(&support);
}

static void
a_load_counts_as_a_write_of_its_keys(void **state)
{
    firn_error err;
    for (unsigned key = 0; key < 3; key++) {
        struct db_support support;
        struct firn_db_bulk *bulk;
        struct firn_txn *txn;
        const struct fi_txn_options plain = {0};
        char bytes[16];
        db_support_init(&support, 25);
        struct firn_db *db = db_support_open(support.dir);
        struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
        put_number(keyspace, 1, "old");
        DB_OK(fi_txn_begin(db, &plain, &txn, &err));
        DB_OK(fi_db_bulk_open(keyspace, &bulk, &err));
        DB_OK(load(bulk, 1, 3, 1, "loaded", &err));
        DB_OK(fi_db_bulk_commit(bulk, &err));
        fi_db_bulk_close(bulk);
        DB_OK(fi_txn_put(txn, keyspace, key_of(key, bytes), firn_str("mine"), &err));
        int rc = fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err);
        assert_int_equal(rc, key == 0 ? FIRN_OK : FIRN_CONFLICT);
        fi_txn_close(txn);
        assert_string_equal(get_number(keyspace, 2), "loaded");
        DB_OK(fi_db_close(db, &err));
        db_support_deinit(&support);
    }
}

/* ---- faults ---- */

/* Whether the last run wrote key 4 after its load had failed. */
static bool has_written_after;

/* Some of everything, then a load of keys 0 to 39. *out_is_certain: it returned FIRN_OK. */
static int
run_program(struct fi_os_dir *dir, bool *out_is_certain)
{
    firn_error err;
    struct firn_db *db = NULL;
    struct firn_db_keyspace *keyspace;
    struct firn_db_bulk *bulk = NULL;
    char key[16];
    int rc;
    *out_is_certain = false;
    has_written_after = false;
    FI_TRY(fi_db_open(dir, &db_support_create, &db, &err));
    FI_TRY(fi_db_keyspace_open(db, "k", &keyspace, &err));
    for (unsigned i = 0; i < 60; i += 5) {
        FI_TRY(fi_db_put(keyspace, key_of(i, key), firn_str("old"), FIRN_DURABILITY_OS, &err));
    }
    FI_TRY(fi_db_bulk_open(keyspace, &bulk, &err));
    FI_TRY(load(bulk, 0, 40, 1, "loaded", &err));
    FI_TRY(fi_db_put(keyspace, key_of(50, key), firn_str("meanwhile"), FIRN_DURABILITY_OS, &err));
    rc = fi_db_bulk_commit(bulk, &err);
    if (rc != FIRN_OK) {
        has_written_after = fi_db_put(keyspace, key_of(4, key), firn_str("after"),
                                      FIRN_DURABILITY_FULL, &err) == FIRN_OK;
        goto out;
    }
    *out_is_certain = true;
    FI_TRY(fi_db_put(keyspace, key_of(3, key), firn_str("later"), FIRN_DURABILITY_OS, &err));
out:
    fi_db_bulk_close(bulk);
    fi_db_abandon(db);
    return rc;
}

/* All of the load or nothing of it; what came before it if it is there. */
static void
check_state(struct fi_os_dir *dir, bool is_certain)
{
    firn_error err;
    struct firn_db *db = db_support_open(dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    bool has_load = get_number(keyspace, 39) != NULL;
    assert_true(has_load || !is_certain);
    /* A failed load that MANIFEST has must have latched its handle. */
    assert_false(has_load && has_written_after);
    for (unsigned i = 0; i < 40; i++) {
        const char *value = get_number(keyspace, i);
        bool is_old = value == NULL || strcmp(value, "old") == 0;
        bool is_later = i == 3 && value != NULL && strcmp(value, "later") == 0;
        if (i == 4 && has_written_after) {
            assert_non_null(value);
            assert_string_equal(value, "after");
            continue;
        }
        assert_true(has_load ? (is_later || (value != NULL && strcmp(value, "loaded") == 0))
                             : is_old);
    }
    if (has_load) {
        assert_string_equal(get_number(keyspace, 45), "old");
        assert_string_equal(get_number(keyspace, 50), "meanwhile");
    }
    DB_OK(fi_inspect_check(
        db, NULL, &(firn_store_check_result){.size = sizeof(firn_store_check_result)}, &err));
    put_number(keyspace, 3, "again");
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    assert_string_equal(get_number(keyspace, 3), "again");
    DB_OK(fi_db_close(db, &err));
}

static const struct db_program program = {.run = run_program, .check = check_state};

static void
a_power_cut_at_any_call_leaves_all_of_a_load_or_nothing(void **state)
{
    db_program_cut_everywhere(&program);
}

static void
a_call_that_fails_leaves_all_of_a_load_or_nothing(void **state)
{
    db_program_fail_calls(&program,
                          FI_SIM_FAULT_WRITES | FI_SIM_FAULT_SYNCS | FI_SIM_FAULT_METADATA);
}

static void
memory_that_runs_out_leaves_all_of_a_load_or_nothing(void **state)
{
    db_program_fail_allocations(&program);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_is_one_commit_written_to_the_last_level),
        cmocka_unit_test(a_load_wins_over_what_is_there_and_over_what_comes_meanwhile),
        cmocka_unit_test(loads_side_by_side_lie_side_by_side),
        cmocka_unit_test(a_load_that_is_given_up_leaves_nothing),
        cmocka_unit_test(what_does_not_ascend_is_refused_and_the_load_goes_on),
        cmocka_unit_test(loads_are_in_checkpoints_and_go_with_restores),
        cmocka_unit_test(a_commit_that_comes_while_a_load_is_committed_lies_beneath_it),
        cmocka_unit_test(a_load_counts_as_a_write_of_its_keys),
        cmocka_unit_test(a_power_cut_at_any_call_leaves_all_of_a_load_or_nothing),
        cmocka_unit_test(a_call_that_fails_leaves_all_of_a_load_or_nothing),
        cmocka_unit_test(memory_that_runs_out_leaves_all_of_a_load_or_nothing),
    };
    return cmocka_run_group_tests_name("db_bulk", tests, NULL, NULL);
}
