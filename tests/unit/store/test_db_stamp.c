/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: the number that says that nothing has changed in a keyspace (firn_db_get_stamp): it is another one after
 * each commit to the keyspace, each restore and each undo, the same as long as there is none, and never one again
 * that stood for something else.
 */
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "db_support.h"
#include "support/test_random.h"

static firn_error err;

static void
a_stamp_changes_with_what_is_read(void **state)
{
    (void)state;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *k = db_support_keyspace(db, "k");
    struct firn_db_keyspace *other = db_support_keyspace(db, "other");
    struct firn_db_checkpoint_info restored;
    struct firn_db_checkpoint_info safety;
    db_support_put(k, "a", "1");
    uint64_t first = firn_db_get_stamp(k);
    assert_int_not_equal(first, 0);
    assert_int_equal(firn_db_get_stamp(k), first);
    DB_OK(firn_db_maintain_flush(db, &err));
    DB_OK(firn_db_checkpoint_create(db, "one", NULL, &err));
    db_support_put(other, "a", "1");
    assert_int_equal(firn_db_get_stamp(k), first);
    db_support_put(k, "a", "2");
    uint64_t second = firn_db_get_stamp(k);
    assert_true(second != first && second != 0);
    DB_OK(firn_db_checkpoint_restore(db, "one", &restored, &safety, &err));
    uint64_t third = firn_db_get_stamp(k);
    assert_string_equal(db_support_get(k, "a"), "1");
    assert_true(third == 0 || (third != first && third != second));
    DB_OK(firn_db_checkpoint_undo(db, &restored, &safety, &err));
    uint64_t fourth = firn_db_get_stamp(k);
    assert_string_equal(db_support_get(k, "a"), "2");
    assert_true(fourth == 0 || (fourth != first && fourth != second && fourth != third));
    /* A handle of a keyspace that is gone, and one that only reads. */
    DB_OK(firn_db_keyspace_drop(db, "k", &err));
    assert_int_equal(firn_db_get_stamp(k), 0);
    DB_OK(firn_db_close(db, &err));
    DB_OK(firn_db_open(support.dir, &db_support_read_only, &db, &err));
    DB_OK(firn_db_keyspace_open_existing(db, "other", &other, &err));
    assert_int_equal(firn_db_get_stamp(other), 0);
    DB_OK(firn_db_close(db, &err));
    db_support_deinit(&support);
}

enum { STEPS = 3000, STAMPS_MAX = STEPS + 1, CHECKPOINTS = 6 };

/* What a stamp stood for: the value of the only key. */
struct seen {
    uint64_t stamp;
    char value[16];
};

static void
one_stamp_never_stands_for_two_states(void **state)
{
    (void)state;
    static struct seen seen[STAMPS_MAX];
    size_t count = 0;
    unsigned known = 0;
    struct db_support support;
    struct test_random random;
    bool has[CHECKPOINTS] = {false};
    test_random_init(&random, "one_stamp_never_stands_for_two_states", 1);
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *k = db_support_keyspace(db, "k");
    struct firn_db_keyspace *other = db_support_keyspace(db, "other");
    for (unsigned step = 0; step < STEPS; step++) {
        char name[16];
        char value[16];
        uint64_t dice = test_random_below(&random, 100);
        unsigned at = (unsigned)test_random_below(&random, CHECKPOINTS);
        (void)snprintf(name, sizeof name, "c%u", at);
        (void)snprintf(value, sizeof value, "%u", step);
        if (dice < 40) {
            db_support_put(k, "key", value);
        } else if (dice < 60) {
            db_support_put(other, "key", value);
        } else if (dice < 63) {
            int rc = firn_db_delete(k, firn_str("key"), FIRN_DURABILITY_OS, &err);
            assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
        } else if (dice < 66 && !has[at]) {
            DB_OK(firn_db_checkpoint_create(db, name, NULL, &err));
            has[at] = true;
        } else if (dice < 70 && has[at]) {
            struct firn_db_checkpoint_info restored;
            struct firn_db_checkpoint_info safety;
            DB_OK(firn_db_checkpoint_restore(db, name, &restored, &safety, &err));
        } else if (dice < 72) {
            DB_OK(firn_db_maintain_flush(db, &err));
        } else if (dice < 73) {
            DB_OK(firn_db_maintain_compact(db, NULL, &err));
        }
        const char *now = db_support_get(k, "key");
        now = now == NULL ? "none" : now;
        uint64_t stamp = firn_db_get_stamp(k);
        known += stamp != 0;
        size_t i = 0;
        while (i < count && seen[i].stamp != stamp) {
            i++;
        }
        if (i < count) {
            assert_string_equal(seen[i].value, now);
        } else if (stamp != 0) {
            seen[count].stamp = stamp;
            (void)snprintf(seen[count++].value, sizeof seen[0].value, "%s", now);
        }
    }
    print_message("count: %zu stamps of %u states\n", count, (unsigned)STEPS);
    assert_true(known > STEPS * 9 / 10); /* else nothing is saved by them */
    DB_OK(firn_db_close(db, &err));
    db_support_deinit(&support);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stamp_changes_with_what_is_read),
        cmocka_unit_test(one_stamp_never_stands_for_two_states),
    };
    return cmocka_run_group_tests_name("db_stamp", tests, NULL, NULL);
}
