/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: one short life of a store, with the n-th allocation or the n-th call to the system
 * failing, for every n, once and for ever. Whatever fails, nothing leaks, what was acknowledged is
 * there afterwards, nothing is there in part.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/slice.h"
#include "inspect/inspect.h"
#include "lsm/lsm.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "store/db.h"
#include "support/store/db_support.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_share.h"

enum { COMMITS = 14, BIG = 70000 };

enum outcome { NOT_TRIED, ACKNOWLEDGED, REFUSED };

struct life {
    enum outcome outcomes[COMMITS];
    bool is_full[COMMITS];
    bool had_failure;
    bool may_lack_memory; /* reading may fail */
    /* A failed sync may take back what only the kernel had: commits that are not FULL, and then
     * a check misses them. */
    bool may_lose_unsynced;
    bool may_not_read; /* reading may fail for other reasons than memory */
};

static uint8_t big[BIG];

/* Commit i writes key i into keyspace a, or, every third one, a batch into both keyspaces. */
static firn_slice
key_of(unsigned i, char out[8])
{
    (void)snprintf(out, 8, "k%02u", i);
    return firn_str(out);
}

static firn_slice
value_of(unsigned i)
{
    return i % 4 == 3 ? firn_bytes(big, BIG - i) : firn_bytes(big + i, 10 + i);
}

static bool
is_batch(unsigned i)
{
    return i % 3 == 2;
}

static int
write_batch(struct firn_db *db, struct firn_db_keyspace *a, struct firn_db_keyspace *b, unsigned i,
            firn_durability durability, firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    struct firn_db_batch *behind = NULL;
    char text[8];
    firn_slice key = key_of(i, text);
    int rc;
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(fi_db_batch_create(&behind, err));
    FI_TRY(fi_db_batch_put(batch, a, key, firn_str("replaced"), err));
    FI_TRY(fi_db_batch_put(behind, b, key, value_of(i), err));
    FI_TRY(fi_db_batch_put(behind, a, key, value_of(i), err));
    rc = fi_db_batch_append_all(batch, behind, err);
    assert_int_equal(fi_db_batch_count(batch), rc == FIRN_OK ? 3 : 1); /* all or none */
    FI_TRY(rc);
    FI_TRY(fi_db_write(db, batch, durability, err));
out:
    fi_db_batch_destroy(batch);
    fi_db_batch_destroy(behind);
    return rc;
}

static void
check_failure(struct life *life, int rc, const firn_error *err)
{
    assert_int_not_equal(rc, FIRN_OK);
    assert_int_equal(err->code, rc);
    assert_true(rc != FIRN_CORRUPT || life->may_lose_unsynced);
    assert_int_not_equal(rc, FIRN_INTERNAL);
    life->had_failure = true;
}

static void
write_some(struct life *life, struct firn_db *db, unsigned from, unsigned to)
{
    firn_error err;
    struct firn_db_keyspace *a = NULL;
    struct firn_db_keyspace *b = NULL;
    int rc = fi_db_keyspace_open(db, "a", &a, &err);
    if (rc == FIRN_OK) {
        rc = fi_db_keyspace_open(db, "b", &b, &err);
    }
    if (rc != FIRN_OK) {
        check_failure(life, rc, &err);
        return;
    }
    for (unsigned i = from; i < to; i++) {
        char text[8];
        firn_durability durability = i % 2 == 0 ? FIRN_DURABILITY_FULL : FIRN_DURABILITY_OS;
        rc = is_batch(i) ? write_batch(db, a, b, i, durability, &err)
                         : fi_db_put(a, key_of(i, text), value_of(i), durability, &err);
        life->outcomes[i] = rc == FIRN_OK ? ACKNOWLEDGED : REFUSED;
        life->is_full[i] = durability == FIRN_DURABILITY_FULL;
        if (rc != FIRN_OK) {
            check_failure(life, rc, &err);
        }
    }
}

/* Everything acknowledged must be found through the handle, and by a cursor what was found by
 * its key. A commit that was refused by an earlier handle may have come back. Reading fails only
 * for want of memory. */
static void
read_all(struct life *life, struct firn_db *db, unsigned written_before)
{
    firn_error err;
    struct firn_db_keyspace *a;
    struct fi_buf out = {0};
    struct firn_db_cursor *cursor;
    bool is_there[COMMITS];
    bool is_complete = true;
    int rc = fi_db_keyspace_open(db, "a", &a, &err);
    if (rc != FIRN_OK) {
        check_failure(life, rc, &err);
        return;
    }
    for (unsigned i = 0; i < COMMITS; i++) {
        char text[8];
        rc = fi_db_get(a, key_of(i, text), &out, &err);
        is_there[i] = rc == FIRN_OK;
        if ((rc == FIRN_NO_MEMORY && life->may_lack_memory) ||
            (life->may_not_read && rc != FIRN_OK && rc != FIRN_NOT_FOUND)) {
            check_failure(life, rc, &err);
            is_complete = false;
            continue;
        }
        assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
        assert_true(rc != FIRN_OK || fi_slice_equal(fi_buf_slice(&out), value_of(i)));
        assert_true(rc == FIRN_OK || life->outcomes[i] != ACKNOWLEDGED ||
                    (i < written_before && life->may_lose_unsynced && !life->is_full[i]));
        assert_true(rc != FIRN_OK || life->outcomes[i] == ACKNOWLEDGED || i < written_before);
    }
    fi_buf_deinit(&out);
    firn_slice lower = firn_str("k");
    const struct fi_db_cursor_options options = {.lower = &lower, .prefix = &lower};
    rc = fi_db_cursor_open(a, &options, &cursor, &err);
    if (rc != FIRN_OK) {
        check_failure(life, rc, &err);
        return;
    }
    rc = fi_db_cursor_last(cursor, &err);
    for (unsigned i = COMMITS; is_complete && rc == FIRN_OK && i > 0; i--) {
        if (is_there[i - 1]) {
            assert_true(fi_slice_equal(fi_db_cursor_value(cursor), value_of(i - 1)));
            rc = fi_db_cursor_prev(cursor, &err);
        }
    }
    if (rc != FIRN_OK) {
        check_failure(life, rc, &err);
    } else {
        assert_true(!is_complete || !fi_db_cursor_valid(cursor));
    }
    fi_db_cursor_close(cursor);
}

static int
ignore_name(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
    return FIRN_OK;
}

static void
note(struct life *life, int rc, const firn_error *err)
{
    if (rc != FIRN_OK) {
        check_failure(life, rc, err);
    }
}

static int
ignore_checkpoint(void *ctx, const struct fi_db_checkpoint_info *info)
{
    (void)ctx;
    (void)info;
    return FIRN_OK;
}

/* What is restored is what is there. */
static void
use_checkpoints(struct life *life, struct firn_db *db)
{
    firn_error err;
    struct fi_db_checkpoint_info made;
    struct fi_db_checkpoint_info safety;
    struct firn_snapshot *snapshot;
    const char *const names[] = {"latest"};
    const struct fi_db_checkpoint_visitor visitor = {true, ignore_checkpoint, NULL};
    note(life, fi_db_checkpoint_list(db, &visitor, &err), &err);
    int rc = fi_db_checkpoint_create(db, "", &made, &err);
    note(life, rc, &err);
    if (rc != FIRN_OK) {
        return;
    }
    rc = fi_db_checkpoint_snapshot(db, names[0], &snapshot, &err);
    note(life, rc, &err);
    if (rc == FIRN_OK) {
        fi_db_snapshot_close(snapshot);
    }
    note(life, fi_db_checkpoint_restore(db, names[0], &made, &safety, &err), &err);
    note(life, fi_db_checkpoint_delete(db, names, 1, &err), &err);
}

/* Of keyspace a, where it is there. */
static void
use_ranges(struct life *life, struct firn_db *db)
{
    firn_error err;
    struct firn_db_keyspace *a;
    firn_keyspace_size size;
    const firn_slice lower = firn_str("k01");
    const firn_slice upper = firn_str("k08");
    const struct fi_lsm_range range = {lower, &upper};
    int rc = fi_db_keyspace_open(db, "a", &a, &err);
    note(life, rc, &err);
    if (rc == FIRN_OK) {
        note(life, fi_db_maintain_compact_range(a, &range, NULL, &err), &err);
        note(life, fi_inspect_stats_range(a, lower, &upper, &size, &err), &err);
    }
}

/* Everything that leaves the commits alone. */
static void
use_more(struct life *life, struct firn_db *db)
{
    firn_error err;
    struct firn_db_keyspace *passing;
    struct firn_snapshot *snapshot;
    firn_store_statistics stats;
    int rc = fi_db_keyspace_open(db, "passing", &passing, &err);
    if (rc == FIRN_OK) {
        rc = fi_db_delete_range(passing, firn_str("a"), firn_str("b"), FIRN_DURABILITY_OS, &err);
    }
    if (rc == FIRN_OK) {
        rc = fi_db_put(passing, firn_str("c"), firn_str("1"), FIRN_DURABILITY_OS, &err);
    }
    note(life, rc, &err);
    if (rc == FIRN_OK) {
        note(life, fi_db_keyspace_drop(db, "passing", &err), &err);
    }
    rc = fi_db_snapshot_open(db, &snapshot, &err);
    note(life, rc, &err);
    if (rc == FIRN_OK) {
        note(life, fi_db_keyspace_list_in(snapshot, ignore_name, NULL, &err), &err);
        fi_db_snapshot_close(snapshot);
    }
    note(life, fi_inspect_stats(db, &stats, &err), &err);
    use_ranges(life, db);
    use_checkpoints(life, db);
}

static void
live(struct life *life, struct fi_os_dir *dir)
{
    for (unsigned opening = 0; opening < 2; opening++) {
        firn_error err;
        struct firn_db *db;
        /* Later without, so that a segment of the log becomes a value file. */
        struct fi_db_options options = db_support_create;
        options.compression = opening == 0 ? FIRN_COMPRESSION_DEFAULT : FIRN_COMPRESSION_NONE;
        int rc = fi_db_open(dir, &options, &db, &err);
        if (rc != FIRN_OK) {
            assert_null(db);
            check_failure(life, rc, &err);
            continue;
        }
        unsigned from = opening * COMMITS / 2;
        write_some(life, db, from, from + COMMITS / 4);
        note(life, fi_db_maintain_flush(db, &err), &err);
        write_some(life, db, from + COMMITS / 4, from + COMMITS / 2);
        use_more(life, db);
        note(life, fi_db_log_sync(db, &err), &err);
        if (opening == 1) {
            note(life, fi_db_maintain_compact(db, NULL, &err), &err);
        }
        firn_store_check_result report;
        note(life, fi_inspect_check(db, NULL, &report, &err), &err);
        note(life, fi_db_keyspace_list(db, ignore_name, NULL, &err), &err);
        read_all(life, db, from);
        if (opening == 0) {
            note(life, fi_db_close(db, &err), &err);
        } else {
            fi_db_abandon(db);
        }
    }
}

/* What a reopened store holds: each commit whole or not at all, and those that were promised. */
static void
verify(const struct life *life, struct fi_os_dir *dir, bool was_cut)
{
    firn_error err;
    struct firn_db *db = db_support_open(dir);
    struct firn_db_keyspace *a = db_support_keyspace(db, "a");
    struct firn_db_keyspace *b = db_support_keyspace(db, "b");
    struct fi_buf out = {0};
    for (unsigned i = 0; i < COMMITS; i++) {
        char text[8];
        firn_slice key = key_of(i, text);
        int rc = fi_db_get(a, key, &out, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
        assert_true(rc != FIRN_OK || fi_slice_equal(fi_buf_slice(&out), value_of(i)));
        bool is_safe = life->is_full[i] || !(was_cut || life->may_lose_unsynced);
        if (life->outcomes[i] == ACKNOWLEDGED && is_safe) {
            assert_int_equal(rc, FIRN_OK);
        }
        if (life->outcomes[i] == NOT_TRIED) {
            assert_int_equal(rc, FIRN_NOT_FOUND);
        }
        int other = fi_db_get(b, key, &out, &err);
        assert_int_equal(other, is_batch(i) ? rc : FIRN_NOT_FOUND);
        assert_true(other != FIRN_OK || fi_slice_equal(fi_buf_slice(&out), value_of(i)));
    }
    fi_buf_deinit(&out);
    firn_store_check_result report;
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    db_support_put(a, "after", "1");
    DB_OK(fi_db_close(db, &err));
}

/* Allocations of which only every so-manieth fails are enough for each day. */
static uint64_t
choose_stride(void)
{
    return getenv("FIRN_TEST_LONG") != NULL ? 1 : 7;
}

static void
every_failed_allocation_is_survived(void **state)
{
    for (int for_ever = 0; for_ever <= 1; for_ever++) {
        struct test_fault fault = {.counts = true,
                                   .for_ever = for_ever != 0,
                                   .every = choose_stride(),
                                   .loop = (uint64_t)for_ever};
        while (test_fault_next(&fault)) {
            struct db_support support;
            struct life life = {.may_lack_memory = true};
            db_support_init(&support, fault.n);
            test_fault_allocation(&fault);
            live(&life, support.dir);
            test_fault_end(&fault);
            verify(&life, support.dir, false);
            db_support_cut(&support, fault.n);
            verify(&life, support.dir, true);
            db_support_deinit(&support);
            assert_true(fault.was_hit || !life.had_failure);
        }
        (void)printf("%llu allocations\n", (unsigned long long)fault.n);
        assert_true(fault.n > 100);
    }
}

/* One life over a machine whose calls go wrong as planned; returns whether any did. */
static bool
live_with(const struct fi_sim_fault_plan *plan, bool is_harmless)
{
    firn_error err;
    struct db_support support;
    struct life life = {.may_lose_unsynced = (plan->classes & FI_SIM_FAULT_SYNCS) != 0,
                        .may_not_read = true};
    struct fi_os *faulty;
    struct fi_os_dir *dir;
    test_alloc_install();
    db_support_init(&support, plan->call);
    DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
    DB_OK(fi_os_dir_open_path(faulty, "/store", &dir, &err));
    fi_sim_fault_set_plan(faulty, plan);
    live(&life, dir);
    bool was_hit = fi_sim_fault_hits(faulty) > 0;
    fi_sim_fault_set_plan(faulty, NULL);
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(faulty);
    assert_true(was_hit || !life.had_failure);
    assert_true(!is_harmless || !life.had_failure);
    verify(&life, support.dir, false);
    db_support_cut(&support, plan->call + 1);
    verify(&life, support.dir, true);
    db_support_deinit(&support);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    return was_hit;
}

static void
every_failed_call_is_survived(void **state)
{
    static const struct {
        enum fi_sim_fault_kind kind;
        unsigned classes;
        int error_number;
        bool is_harmless;
    } plans[] = {
        {FI_SIM_FAULT_FAILS, FI_SIM_FAULT_ALL, EIO, false},
        {FI_SIM_FAULT_FAILS, FI_SIM_FAULT_WRITES | FI_SIM_FAULT_SYNCS, ENOSPC, false},
        {FI_SIM_FAULT_FAILS, FI_SIM_FAULT_WRITES, ENOMEM, false},
        {FI_SIM_FAULT_FAILS, FI_SIM_FAULT_OPENS | FI_SIM_FAULT_METADATA, EACCES, false},
        {FI_SIM_FAULT_TORN, FI_SIM_FAULT_WRITES, EIO, false},
        {FI_SIM_FAULT_TORN, FI_SIM_FAULT_WRITES, ENOSPC, false},
        {FI_SIM_FAULT_SHORT, FI_SIM_FAULT_READS | FI_SIM_FAULT_WRITES, 0, true},
    };
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        for (int for_ever = 0; for_ever <= 1; for_ever++) {
            const struct test_share share =
                test_share_of(for_ever != 0 ? choose_stride() : 1, 2 * i + (uint64_t)for_ever);
            struct fi_sim_fault_plan plan = {.call = share.first,
                                             .for_ever = for_ever != 0,
                                             .classes = plans[i].classes,
                                             .kind = plans[i].kind,
                                             .error_number = plans[i].error_number};
            while (live_with(&plan, plans[i].is_harmless)) {
                plan.call += share.step;
            }
            (void)printf("plan %zu: %llu calls\n", i, (unsigned long long)plan.call - 1);
            assert_true(plan.call > 5);
        }
    }
}

static void
a_sync_that_fails_once_is_not_tried_again(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_os *faulty;
    struct fi_os_dir *dir;
    db_support_init(&support, 1);
    DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
    DB_OK(fi_os_dir_open_path(faulty, "/store", &dir, &err));
    struct firn_db *db = db_support_open(dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    db_support_put(keyspace, "a", "1");
    fi_sim_fault_set_plan(
        faulty,
        &(struct fi_sim_fault_plan){.call = 1, .classes = FI_SIM_FAULT_SYNCS, .error_number = EIO});
    DB_FAILS(fi_db_put(keyspace, firn_str("b"), firn_str("1"), FIRN_DURABILITY_FULL, &err), FIRN_IO,
             "wal-000001.log");
    assert_null(db_support_get(keyspace, "b"));
    DB_FAILS(fi_db_put(keyspace, firn_str("c"), firn_str("1"), FIRN_DURABILITY_FULL, &err),
             FIRN_FAILED, "wal-000001.log");
    DB_FAILS(fi_db_put(keyspace, firn_str("c"), firn_str("1"), FIRN_DURABILITY_OS, &err),
             FIRN_FAILED, "wal-000001.log");
    DB_FAILS(fi_db_log_sync(db, &err), FIRN_FAILED, "wal-000001.log");
    assert_int_equal(fi_sim_fault_calls(faulty), 1);
    DB_FAILS(fi_db_close(db, &err), FIRN_FAILED, "wal-000001.log");
    assert_int_equal(fi_sim_fault_calls(faulty), 1);
    db = db_support_open(dir);
    keyspace = db_support_keyspace(db, "k");
    assert_string_equal(db_support_get(keyspace, "a"), "1");
    assert_null(db_support_get(keyspace, "c"));
    db_support_put(keyspace, "c", "2");
    DB_OK(fi_db_close(db, &err));
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(faulty);
    db_support_cut(&support, 0);
    db = db_support_open(support.dir);
    keyspace = db_support_keyspace(db, "k");
    assert_string_equal(db_support_get(keyspace, "a"), "1");
    assert_string_equal(db_support_get(keyspace, "c"), "2");
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* Loaded in order, leaves are full, so that each key of a scattered batch splits one: more than
 * is reserved. */
static void
memory_that_ends_while_a_batch_is_applied_latches(void **state)
{
    firn_error err;
    enum { LOADED = 48 * 300, SCATTERED = 300 };
    bool is_seen_after_all = false;
    for (uint64_t n = 1; !is_seen_after_all; n++) {
        struct db_support support;
        test_alloc_install();
        db_support_init(&support, 1);
        struct firn_db *db = db_support_open(support.dir);
        struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
        struct firn_db_batch *batch;
        DB_OK(fi_db_batch_create(&batch, &err));
        char key[16];
        for (unsigned i = 0; i < LOADED; i++) {
            (void)snprintf(key, sizeof key, "%08u", i);
            DB_OK(fi_db_batch_put(batch, keyspace, firn_str(key), firn_str("1"), &err));
            if (i % 48 == 47) {
                DB_OK(fi_db_write(db, batch, FIRN_DURABILITY_OS, &err));
                fi_db_batch_clear(batch);
            }
        }
        for (unsigned i = 0; i < SCATTERED; i++) {
            (void)snprintf(key, sizeof key, "%08u+", (i * 37 % SCATTERED) * 48 + 10);
            DB_OK(fi_db_batch_put(batch, keyspace, firn_str(key), firn_str("2"), &err));
        }
        test_alloc_fail_at(n, true);
        int rc = fi_db_write(db, batch, FIRN_DURABILITY_FULL, &err);
        assert_int_equal(rc, FIRN_NO_MEMORY);
        test_alloc_fail_at(0, false);
        assert_null(db_support_get(keyspace, "00000010+"));
        assert_string_equal(db_support_get(keyspace, "00000010"), "1");
        rc = fi_db_write(db, batch, FIRN_DURABILITY_FULL, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_FAILED);
        bool is_latched = rc == FIRN_FAILED;
        fi_db_batch_destroy(batch);
        fi_db_abandon(db);
        db = db_support_open(support.dir);
        keyspace = db_support_keyspace(db, "k");
        /* Refused for good where the log could not take it, there where only the memtable could
         * not. */
        bool is_there = db_support_get(keyspace, "00000010+") != NULL;
        is_seen_after_all = is_latched && is_there;
        assert_true(is_latched || is_there);
        firn_store_check_result report;
        DB_OK(fi_inspect_check(db, NULL, &report, &err));
        assert_int_equal(report.entries, is_there ? LOADED + SCATTERED : LOADED);
        DB_OK(fi_db_close(db, &err));
        db_support_deinit(&support);
        assert_int_equal(test_alloc_alive(), 0);
        test_alloc_uninstall();
    }
}

static int
init_big(void **state)
{
    for (size_t i = 0; i < BIG; i++) {
        big[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(every_failed_call_is_survived),
        cmocka_unit_test(a_sync_that_fails_once_is_not_tried_again),
        cmocka_unit_test(memory_that_ends_while_a_batch_is_applied_latches),
    };
    return cmocka_run_group_tests_name("db_faults", tests, init_big, NULL);
}
