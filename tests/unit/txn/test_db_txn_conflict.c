/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/txn: which transactions conflict and which do not, wherever what the other one wrote lies by
 * then: in memory, in a new run, in the last level.
 */
#include "inspect/inspect.h"
#include "store/db_internal.h"
#include "support/store/txn_support.h"
#include "txn/txn_internal.h"

/* ---- conflicts ---- */

/* S-C3, S-C4: also where another key begins as the one that conflicts. */
static void
the_first_of_two_that_write_a_key_wins(void **state)
{
    firn_error err;
    DB_OK(fi_db_put(scene.k, firn_bytes("a\0b", 3), firn_str("0"), FIRN_DURABILITY_DEFAULT, &err));
    for (int round = 0; round < ROUNDS; round++) {
        db_support_put(scene.k, "a", "0");
        struct firn_txn *first = begin(&snapshot);
        struct firn_txn *second = begin(&snapshot);
        assert_true(equal(get(first, "a"), "0"));
        assert_true(equal(get(second, "a"), "0"));
        put(first, "a", "1");
        put(second, "a", "2");
        put(second, "b", "2");
        commit(first);
        settle(round);
        firn_store_statistics stats;
        DB_OK(fi_inspect_stats(scene.db, &stats, &err));
        assert_int_equal(stats.conflicts, round);
        conflicts(second,
                  "key \"a\" of keyspace 'k', which the transaction has written, was written");
        assert_value("a", "1");
        assert_value("b", NULL);
    }
}

/* S-C5, and the same with a range. */
static void
a_delete_is_a_write(void **state)
{
    firn_error err;
    for (int round = 0; round < 2 * ROUNDS; round++) {
        db_support_put(scene.k, "k", "0");
        struct firn_txn *first = begin(&snapshot);
        struct firn_txn *second = begin(&snapshot);
        assert_true(equal(get(first, "k"), "0"));
        if (round < ROUNDS) {
            delete_key(second, "k");
        } else {
            delete_range(second, "j", "m");
        }
        commit(second);
        settle(round % ROUNDS);
        put(first, "k", "1");
        conflicts(first, "\"k\"");
        assert_value("k", NULL);
        DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    }
}

/* What was put and deleted since leaves only a tombstone, which must stay. */
static void
a_write_that_was_taken_back_is_still_a_write(void **state)
{
    firn_error err;
    for (int round = 0; round < 2 * ROUNDS; round++) {
        struct firn_txn *txn = begin(&snapshot);
        assert_null(get(txn, "n"));
        db_support_put(scene.k, "n", "1");
        if (round < ROUNDS) {
            DB_OK(fi_db_delete(scene.k, firn_str("n"), FIRN_DURABILITY_DEFAULT, &err));
        } else {
            DB_OK(fi_db_delete_range(scene.k, firn_str("l"), firn_str("p"), FIRN_DURABILITY_DEFAULT,
                                     &err));
        }
        settle(round % ROUNDS);
        put(txn, "n", "2");
        conflicts(txn, "\"n\"");
        assert_value("n", NULL);
        /* It goes when nobody may look for it any more. */
        DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
        firn_store_statistics stats;
        DB_OK(fi_inspect_stats(scene.db, &stats, &err));
        uint64_t tombstones = 0;
        for (size_t i = 0; i < FIRN_STORE_LEVELS; i++) {
            tombstones += stats.levels[i].tombstones;
        }
        assert_int_equal(tombstones, 0);
    }
}

static void
a_write_that_has_expired_is_still_a_write(void **state)
{
    firn_error err;
    for (int round = 0; round < ROUNDS; round++) {
        struct firn_txn *txn = begin(&snapshot);
        DB_OK(fi_db_put_ttl(scene.k, firn_str("n"), firn_str("1"), 10, FIRN_DURABILITY_DEFAULT,
                            &err));
        fi_os_sleep_ns(scene.support.os, 20000000);
        assert_value("n", NULL);
        settle(round);
        settle(round);
        put(txn, "n", "2");
        conflicts(txn, "\"n\"");
        assert_value("n", NULL);
    }
}

static void
a_load_is_a_write_of_its_keys(void **state)
{
    firn_error err;
    struct firn_db_bulk *bulk;
    struct firn_txn *writer = begin(&snapshot);
    struct firn_txn *reader = begin(&serializable);
    struct firn_txn *other = begin(&serializable);
    put(writer, "b", "1");
    assert_null(get(reader, "b"));
    assert_null(get(other, "c"));
    put(reader, "x", "1");
    put(other, "y", "1");
    DB_OK(fi_db_bulk_open(scene.k, &bulk, &err));
    DB_OK(fi_db_bulk_put(bulk, firn_str("b"), firn_str("2"), &err));
    DB_OK(fi_db_bulk_commit(bulk, &err));
    fi_db_bulk_close(bulk);
    conflicts(writer, "which the transaction has written");
    conflicts(reader, "which the transaction has read");
    commit(other);
    assert_value("b", "2");
}

static void
readers_and_later_transactions_keep_no_tombstones(void **state)
{
    firn_error err;
    struct firn_txn *reader = begin(&reading);
    db_support_put(scene.k, "n", "1");
    DB_OK(fi_db_delete(scene.k, firn_str("n"), FIRN_DURABILITY_DEFAULT, &err));
    struct firn_txn *later = begin(&snapshot);
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    firn_store_statistics stats;
    DB_OK(fi_inspect_stats(scene.db, &stats, &err));
    for (size_t i = 0; i < FIRN_STORE_LEVELS; i++) {
        assert_int_equal(stats.levels[i].tombstones, 0);
    }
    put(later, "n", "2");
    commit(later);
    commit(reader);
}

static void
a_deleted_range_conflicts_with_writes_into_it(void **state)
{
    for (int round = 0; round < ROUNDS; round++) {
        db_support_put(scene.k, "d", "0");
        struct firn_txn *txn = begin(&snapshot);
        delete_range(txn, "c", "f");
        db_support_put(scene.k, "b", "1");
        db_support_put(scene.k, "f", "1");
        settle(round);
        commit(txn);
        txn = begin(&snapshot);
        delete_range(txn, "c", "f");
        db_support_put(scene.k, "e", "1");
        settle(round);
        conflicts(txn, "\"e\"");
        txn = begin(&snapshot);
        delete_range(txn, "c", "f");
        firn_error err;
        DB_OK(fi_db_delete_range(scene.k, firn_str("e"), firn_str("z"), FIRN_DURABILITY_DEFAULT,
                                 &err));
        settle(round);
        conflicts(txn, "\"e\"");
    }
}

static void
transactions_that_write_different_keys_all_commit(void **state)
{
    struct firn_txn *first = begin(&snapshot);
    struct firn_txn *second = begin(&serializable);
    put(first, "a", "1");
    put(second, "b", "1");
    assert_null(get(second, "c"));
    commit(first);
    commit(second);
    assert_string_equal(db_support_keys(scene.k, NULL, false), "a b ");
}

/* S-C6 */
static void
write_skew_is_allowed_in_snapshots_and_not_in_series(void **state)
{
    for (int mode = 0; mode < 2; mode++) {
        const struct fi_txn_options *options = mode == 0 ? &snapshot : &serializable;
        firn_error err;
        DB_OK(fi_db_delete_range(scene.k, firn_str(""), firn_str("~"), FIRN_DURABILITY_DEFAULT,
                                 &err));
        struct firn_txn *first = begin(options);
        struct firn_txn *second = begin(options);
        assert_null(get(first, "x"));
        put(first, "y", "1");
        assert_null(get(second, "y"));
        put(second, "x", "2");
        commit(first);
        if (mode == 0) {
            commit(second);
        } else {
            conflicts(second, "key \"y\" of keyspace 'k', which the transaction has read");
        }
        assert_value("y", "1");
        assert_value("x", mode == 0 ? "2" : NULL);
    }
}

static void
a_serializable_transaction_conflicts_with_what_enters_a_range_it_walked(void **state)
{
    firn_error err;
    for (int round = 0; round < ROUNDS; round++) {
        DB_OK(fi_db_delete_range(scene.k, firn_str(""), firn_str("~"), FIRN_DURABILITY_DEFAULT,
                                 &err));
        db_support_put(scene.k, "b", "1");
        db_support_put(scene.k, "d", "1");
        db_support_put(scene.k, "f", "1");
        db_support_put(scene.k, "h", "1");
        /* Walked from c over d to f: g is not part of it, and neither is bb. */
        static const char *const outside[] = {"g", "bb", "f0"};
        static const char *const inside[] = {"c", "cc", "d", "e", "f"};
        for (size_t i = 0; i < 3 + 5; i++) {
            struct firn_txn *txn = begin(&serializable);
            struct firn_db_cursor *cursor = open_cursor(txn, NULL);
            if (i % 2 == 0) {
                DB_OK(fi_db_cursor_seek(cursor, firn_str("c"), &err));
                DB_OK(fi_db_cursor_next(cursor, &err));
            } else { /* the same range, backwards */
                DB_OK(fi_db_cursor_seek_before(cursor, firn_bytes("f\0", 2), &err));
                DB_OK(fi_db_cursor_prev(cursor, &err));
                assert_int_equal(fi_db_cursor_key(cursor).data[0], 'd');
            }
            put(txn, "x", "1");
            if (i >= 3 && (i % 2 == 0 || inside[i - 3][0] != 'c')) {
                db_support_put(scene.k, inside[i - 3], "2");
                settle(round);
                conflicts(txn, "which the transaction has read");
            } else if (i < 3) {
                db_support_put(scene.k, outside[i], "2");
                settle(round);
                commit(txn);
            } else {
                commit(txn);
            }
            fi_db_cursor_close(cursor);
            DB_OK(fi_db_delete(scene.k, firn_str(i < 3 ? outside[i] : "cc"),
                               FIRN_DURABILITY_DEFAULT, &err));
            DB_OK(fi_db_delete(scene.k, firn_str("c"), FIRN_DURABILITY_DEFAULT, &err));
            DB_OK(fi_db_delete(scene.k, firn_str("e"), FIRN_DURABILITY_DEFAULT, &err));
        }
    }
}

static void
an_end_that_was_reached_has_been_read(void **state)
{
    firn_error err;
    db_support_put(scene.k, "m", "1");
    for (int way = 0; way < 4; way++) {
        struct firn_txn *txn = begin(&serializable);
        struct firn_db_cursor *cursor = open_cursor(txn, NULL);
        if (way < 2) {
            DB_OK(fi_db_cursor_seek(cursor, firn_str(way == 0 ? "m" : "n"), &err));
        } else {
            DB_OK(way == 2 ? fi_db_cursor_first(cursor, &err)
                           : fi_db_cursor_seek_before(cursor, firn_str("b"), &err));
        }
        if (way == 0 || way == 2) {
            DB_OK(way == 0 ? fi_db_cursor_next(cursor, &err) : fi_db_cursor_prev(cursor, &err));
        }
        assert_false(fi_db_cursor_valid(cursor));
        if (way % 2 == 0) {
            fi_db_cursor_close(cursor);
        }
        put(txn, "out", "1");
        db_support_put(scene.k, way < 2 ? "z" : "a", "1");
        conflicts(txn, way < 2 ? "\"z\"" : "\"a\"");
        if (way % 2 != 0) {
            fi_db_cursor_close(cursor);
        }
        DB_OK(fi_db_delete(scene.k, firn_str(way < 2 ? "z" : "a"), FIRN_DURABILITY_DEFAULT, &err));
    }
}

static void
what_was_read_of_own_writes_does_not_conflict(void **state)
{
    struct firn_txn *txn = begin(&serializable);
    put(txn, "a", "1");
    assert_true(equal(get(txn, "a"), "1"));
    delete_range(txn, "m", "n");
    assert_null(get(txn, "mm"));
    commit(txn);
    txn = begin(&serializable);
    assert_true(equal(get(txn, "a"), "1"));
    db_support_put(scene.k, "a", "2");
    commit(txn); /* it wrote nothing: it was before that put */
}

static void
very_many_reads_are_kept_roughly_and_lose_no_conflict(void **state)
{
    enum { KEYS = 6000 }; /* take more than what the reads of a transaction may */
    char key[40];
    for (unsigned read_all = 0; read_all < 2; read_all++) {
        struct firn_txn *txn = begin(&serializable);
        for (unsigned i = 0; i < KEYS; i++) {
            (void)snprintf(key, sizeof key, "a rather long key number %06u", i * 7919 % KEYS * 2);
            assert_null(get(txn, key));
        }
        put(txn, "b", "1");
        (void)snprintf(key, sizeof key, read_all ? "a rather long key number %06u" : "c%06u", 8000);
        db_support_put(scene.k, key, "1");
        if (read_all) {
            conflicts(txn, "a rather long key number 008000");
        } else {
            commit(txn);
        }
    }
}

static void
a_restore_counts_as_a_write_to_every_key(void **state)
{
    struct firn_txn *before = begin(&snapshot);
    struct firn_txn *empty = begin(&snapshot);
    put(before, "a", "1");
    db_support_put(scene.k, "b", "1");
    fi_db_lead_begin(scene.db);
    scene.db->lead.restored_at = fi_db_published(scene.db);
    fi_db_lead_end(scene.db);
    conflicts(before, "was restored");
    commit(empty);
    struct firn_txn *after = begin(&snapshot);
    put(after, "a", "1");
    commit(after);
}

static void
conflicts_show_keys_escaped_and_shortened(void **state)
{
    firn_error err;
    uint8_t key[300];
    memset(key, 'x', sizeof key);
    memcpy(key, "\x1b\"\\\xff", 4);
    struct firn_txn *txn = begin(&snapshot);
    DB_OK(fi_txn_put(txn, scene.k, firn_bytes(key, sizeof key), firn_str("1"), &err));
    DB_OK(fi_db_put(scene.k, firn_bytes(key, sizeof key), firn_str("2"), FIRN_DURABILITY_DEFAULT,
                    &err));
    DB_FAILS(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err), FIRN_CONFLICT,
             "key \"\\x1b\\x22\\x5c\\xffxxxx");
    assert_non_null(strstr(err.text, "xxx...\" of keyspace 'k'"));
    assert_true(strlen(err.text) < 250);
    fi_txn_close(txn);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TXN_TEST(the_first_of_two_that_write_a_key_wins),
        TXN_TEST(a_delete_is_a_write),
        TXN_TEST(a_write_that_was_taken_back_is_still_a_write),
        TXN_TEST(a_write_that_has_expired_is_still_a_write),
        TXN_TEST(a_load_is_a_write_of_its_keys),
        TXN_TEST(readers_and_later_transactions_keep_no_tombstones),
        TXN_TEST(a_deleted_range_conflicts_with_writes_into_it),
        TXN_TEST(transactions_that_write_different_keys_all_commit),
        TXN_TEST(write_skew_is_allowed_in_snapshots_and_not_in_series),
        TXN_TEST(a_serializable_transaction_conflicts_with_what_enters_a_range_it_walked),
        TXN_TEST(an_end_that_was_reached_has_been_read),
        TXN_TEST(what_was_read_of_own_writes_does_not_conflict),
        TXN_TEST(very_many_reads_are_kept_roughly_and_lose_no_conflict),
        TXN_TEST(a_restore_counts_as_a_write_to_every_key),
        TXN_TEST(conflicts_show_keys_escaped_and_shortened),
    };
    return cmocka_run_group_tests_name("db_txn_conflict", tests, NULL, NULL);
}
