/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/txn: a few transactions with the n-th allocation or the n-th call to the system failing, or
 * the power going at that call, for every n. A transaction whose commit failed leaves no trace, one
 * that committed is there whole, in both keyspaces, and nothing leaks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/store/db_support.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "txn/txn.h"

enum { TXNS = 8 };

enum outcome { NOT_TRIED, COMMITTED, REFUSED, UNKNOWN };

struct life {
    enum outcome outcomes[TXNS];
    bool is_full[TXNS];
    bool had_failure;
    bool may_lose_unsynced; /* a failed sync takes what was not durable */
};

static void
note(struct life *life, int rc, const firn_error *err)
{
    if (rc != FIRN_OK) {
        assert_int_equal(err->code, rc);
        assert_true(rc != FIRN_CORRUPT && rc != FIRN_INTERNAL && rc != FIRN_INVALID);
        life->had_failure = true;
    }
}

static firn_slice
key_of(unsigned i, char out[16])
{
    (void)snprintf(out, 16, "k%02u", i);
    return firn_str(out);
}

static bool
must_conflict(unsigned i)
{
    return i % 4 == 3;
}

struct place {
    struct firn_db *db;
    struct firn_db_keyspace *a;
    struct firn_db_keyspace *b;
};

static int
walk(struct firn_txn *txn, struct firn_db_keyspace *keyspace, firn_error *err)
{
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FI_TRY(fi_txn_cursor_open(txn, keyspace, NULL, &cursor, err));
    FI_TRY(fi_db_cursor_last(cursor, err));
    while (fi_db_cursor_valid(cursor)) {
        FI_TRY(fi_db_cursor_prev(cursor, err));
    }
    FI_TRY(fi_db_cursor_seek(cursor, firn_str("k01"), err));
    if (fi_db_cursor_valid(cursor)) {
        FI_TRY(fi_db_cursor_next(cursor, err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

/* What is taken back again. */
static int
write_and_take_back(struct firn_txn *txn, const struct place *place, firn_error *err)
{
    uint64_t savepoint;
    FI_TRY_RETURN(fi_txn_savepoint(txn, &savepoint, err));
    FI_TRY_RETURN(fi_txn_put(txn, place->a, firn_str("junk"), firn_str("1"), err));
    FI_TRY_RETURN(fi_txn_put_ttl(txn, place->a, firn_str("junk"), firn_str("1"), 1000, err));
    FI_TRY_RETURN(
        fi_txn_merge(txn, place->b, firn_str("k00"), FIRN_MERGE_APPEND, firn_str("x"), err));
    FI_TRY_RETURN(fi_txn_delete_range(txn, place->b, firn_str("k"), firn_str("l"), err));
    int rc = fi_txn_rollback_to(txn, savepoint, err);
    if (rc != FIRN_OK) {
        /* Nothing was taken back: the range delete still hides everything. */
        struct fi_buf out = {0};
        assert_int_equal(fi_txn_get(txn, place->b, firn_str("k00"), &out, NULL), FIRN_NOT_FOUND);
        fi_buf_deinit(&out);
    }
    return rc;
}

static int
fill(struct firn_txn *txn, const struct place *place, unsigned i, firn_error *err)
{
    char text[16];
    struct fi_buf out = {0};
    firn_slice key = key_of(i, text);
    int rc = fi_txn_get(txn, place->a, key, &out, err);
    rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    FI_TRY(rc);
    FI_TRY(fi_txn_put(txn, place->b, key, firn_str("0"), err));
    FI_TRY(write_and_take_back(txn, place, err));
    FI_TRY(fi_txn_put(txn, place->a, key, firn_str("1"), err));
    FI_TRY(walk(txn, place->a, err));
    FI_TRY(fi_txn_delete_range(txn, place->b, firn_str("x"), firn_str("y"), err));
    FI_TRY(fi_txn_put(txn, place->b, key, firn_str("1"), err));
    if (must_conflict(i)) {
        FI_TRY(fi_db_put(place->b, firn_str("xx"), firn_str(""), FIRN_DURABILITY_OS, err));
    }
out:
    fi_buf_deinit(&out);
    return rc;
}

/* Of what failed nothing is to be seen. */
static void
look_for_traces(struct life *life, const struct place *place, unsigned i)
{
    char text[16];
    firn_error err;
    struct fi_buf out = {0};
    struct firn_db_keyspace *keyspaces[] = {place->a, place->b};
    for (size_t k = 0; k < 2; k++) {
        int rc = fi_db_get(keyspaces[k], key_of(i, text), &out, &err);
        assert_int_not_equal(rc, FIRN_OK);
        note(life, rc == FIRN_NOT_FOUND ? FIRN_OK : rc, &err);
    }
    fi_buf_deinit(&out);
}

/* After a failed write or sync a commit may be there at the next opening, whole. A write that found
 * no space was taken back. */
static bool
may_come_back(const struct life *life, int rc)
{
    return rc == FIRN_IO || rc == FIRN_FAILED || (rc == FIRN_NO_SPACE && life->may_lose_unsynced);
}

static void
run_one(struct life *life, const struct place *place, unsigned i)
{
    firn_error err;
    struct firn_txn *txn;
    const struct fi_txn_options options = {.is_serializable = i % 2 == 0};
    life->is_full[i] = i % 3 != 0;
    life->outcomes[i] = REFUSED;
    int rc = fi_txn_begin(place->db, &options, &txn, &err);
    if (rc != FIRN_OK) {
        assert_null(txn);
        note(life, rc, &err);
        return;
    }
    rc = fill(txn, place, i, &err);
    if (rc == FIRN_OK) {
        rc = fi_txn_commit(txn, life->is_full[i] ? FIRN_DURABILITY_FULL : FIRN_DURABILITY_OS, &err);
        assert_true(rc != FIRN_OK || !must_conflict(i));
        assert_int_equal(fi_txn_rollback(txn, NULL), FIRN_MISUSE);
        life->outcomes[i] = rc == FIRN_OK ? COMMITTED : may_come_back(life, rc) ? UNKNOWN : REFUSED;
    }
    note(life, rc == FIRN_CONFLICT && must_conflict(i) ? FIRN_OK : rc, &err);
    fi_txn_close(txn);
    if (rc != FIRN_OK) {
        look_for_traces(life, place, i);
    }
}

static void
live(struct life *life, struct fi_os_dir *dir)
{
    firn_error err;
    struct place place;
    int rc = fi_db_open(dir, &db_support_create, &place.db, &err);
    note(life, rc, &err);
    if (rc != FIRN_OK) {
        return;
    }
    rc = fi_db_keyspace_open(place.db, "a", &place.a, &err);
    if (rc == FIRN_OK) {
        rc = fi_db_keyspace_open(place.db, "b", &place.b, &err);
    }
    note(life, rc, &err);
    for (unsigned i = 0; i < TXNS && rc == FIRN_OK; i++) {
        run_one(life, &place, i);
        if (i == TXNS / 2) {
            note(life, fi_db_maintain_flush(place.db, &err), &err);
        }
    }
    note(life, fi_db_close(place.db, &err), &err);
}

/* What a reopened store holds. */
static void
verify(const struct life *life, struct fi_os_dir *dir, bool was_cut)
{
    firn_error err;
    struct place place = {.db = db_support_open(dir)};
    place.a = db_support_keyspace(place.db, "a");
    place.b = db_support_keyspace(place.db, "b");
    assert_null(db_support_get(place.a, "junk"));
    for (unsigned i = 0; i < TXNS; i++) {
        char text[16];
        (void)key_of(i, text);
        bool is_in_a = db_support_get(place.a, text) != NULL;
        const char *in_b = db_support_get(place.b, text);
        assert_int_equal(in_b != NULL, is_in_a);
        assert_true(in_b == NULL || strcmp(in_b, "1") == 0);
        bool is_safe = life->is_full[i] || !(was_cut || life->may_lose_unsynced);
        assert_true(is_in_a || life->outcomes[i] != COMMITTED || !is_safe);
        assert_true(!is_in_a || life->outcomes[i] == COMMITTED || life->outcomes[i] == UNKNOWN);
    }
    struct firn_txn *txn;
    const struct fi_txn_options options = {.is_serializable = true};
    DB_OK(fi_txn_begin(place.db, &options, &txn, &err));
    DB_OK(fill(txn, &place, 90, &err));
    DB_OK(fi_txn_commit(txn, FIRN_DURABILITY_FULL, &err));
    fi_txn_close(txn);
    DB_OK(fi_db_close(place.db, &err));
}

static void
every_failed_allocation_is_survived(void **state)
{
    for (int for_ever = 0; for_ever <= 1; for_ever++) {
        struct test_fault fault = {.counts = true, .for_ever = for_ever != 0};
        while (test_fault_next(&fault)) {
            struct db_support support;
            struct life life = {.had_failure = false};
            db_support_init(&support, fault.n);
            test_fault_allocation(&fault);
            live(&life, support.dir);
            test_fault_end(&fault);
            verify(&life, support.dir, false);
            db_support_deinit(&support);
            assert_true(fault.was_hit || !life.had_failure);
        }
        (void)printf("%llu allocations\n", (unsigned long long)fault.n);
        assert_true(fault.n > 200);
    }
}

static bool
live_with(const struct fi_sim_fault_plan *plan)
{
    firn_error err;
    struct db_support support;
    struct life life = {.may_lose_unsynced = (plan->classes & FI_SIM_FAULT_SYNCS) != 0};
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
    verify(&life, support.dir, false);
    db_support_deinit(&support);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    return was_hit;
}

static void
every_failed_call_is_survived(void **state)
{
    static const struct {
        unsigned classes;
        int error_number;
    } plans[] = {
        {FI_SIM_FAULT_ALL, EIO},
        {FI_SIM_FAULT_WRITES | FI_SIM_FAULT_SYNCS, ENOSPC},
        {FI_SIM_FAULT_WRITES, ENOSPC},
    };
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        for (int for_ever = 0; for_ever <= 1; for_ever++) {
            struct fi_sim_fault_plan plan = {.call = 1,
                                             .for_ever = for_ever != 0,
                                             .classes = plans[i].classes,
                                             .error_number = plans[i].error_number};
            while (live_with(&plan)) {
                plan.call++;
            }
            (void)printf("plan %zu: %llu calls\n", i, (unsigned long long)plan.call - 1);
            assert_true(plan.call > 5);
        }
    }
}

static void
a_power_cut_at_any_call_leaves_whole_transactions(void **state)
{
    bool is_reached = true;
    uint64_t n = 1;
    for (; is_reached; n++) {
        for (uint64_t seed = 0; seed < 3; seed++) {
            struct db_support support;
            struct life life = {.had_failure = false};
            db_support_init(&support, n);
            fi_sim_memory_set_cut_at(support.os, fi_sim_memory_calls(support.os) + n);
            live(&life, support.dir);
            is_reached = fi_sim_memory_is_off(support.os);
            fi_sim_memory_set_cut_at(support.os, 0);
            db_support_cut(&support, seed * 1000 + n);
            verify(&life, support.dir, true);
            db_support_deinit(&support);
        }
    }
    (void)printf("%llu calls\n", (unsigned long long)n - 2);
    assert_true(n > 50);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(every_failed_call_is_survived),
        cmocka_unit_test(a_power_cut_at_any_call_leaves_whole_transactions),
    };
    return cmocka_run_group_tests_name("db_txn_faults", tests, NULL, NULL);
}
