/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: how commits are slowed down while level 0 has too many runs: in proportion to their
 * bytes, and more with each run. On a simulated machine, so sleeping costs no time.
 */
#include <stdlib.h>

#include "base/slice.h"
#include "db_support.h"
#include "store/db_internal.h"

enum { SLOW = 12, STOP = 30, VALUE = 1 << 20 }; /* runs; as in db_pace.c */

/* A put of one value, and for how long it was made to sleep. */
static uint64_t
sleep_of_put(struct firn_db *db, struct firn_db_keyspace *keyspace)
{
    static const uint8_t value[VALUE];
    firn_error err;
    firn_store_statistics before;
    firn_store_statistics after;
    DB_OK(firn_db_stats(db, &before, &err));
    DB_OK(firn_db_put(keyspace, firn_str("key"), firn_bytes(value, sizeof value),
                      FIRN_DURABILITY_OS, &err));
    DB_OK(firn_db_stats(db, &after, &err));
    assert_int_equal(after.slowdowns - before.slowdowns,
                     after.slowdown_ns > before.slowdown_ns ? 1 : 0);
    return after.slowdown_ns - before.slowdown_ns;
}

static void
a_commit_is_slowed_down_more_with_each_run_of_level_0(void **state)
{
    (void)state;
    const struct firn_db_options options = {.create_if_missing = true, .memory_bytes = 64 << 20};
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    uint64_t sleeps[STOP] = {0};
    db_support_init(&support, 1);
    DB_OK(firn_db_open(support.dir, &options, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    DB_OK(firn_db_maintain_flush_memtables(db, &err));
    for (unsigned runs = 0; runs < STOP; runs++) {
        sleeps[runs] = sleep_of_put(db, keyspace);
        DB_OK(firn_db_maintain_flush_memtables(db, &err)); /* one more: it compacts nothing */
    }
    assert_int_equal(sleeps[SLOW - 1], 0);
    for (unsigned runs = SLOW; runs < STOP; runs++) {
        assert_true(sleeps[runs] > sleeps[runs - 1]);
    }
    /* 25 MiB a second at first, half of that at the end. */
    assert_in_range(sleeps[SLOW], 40000000, 42000000);
    assert_in_range(sleeps[STOP - 1], 77000000, 81000000);
    DB_OK(firn_db_close(db, &err));
    db_support_deinit(&support);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_is_slowed_down_more_with_each_run_of_level_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
