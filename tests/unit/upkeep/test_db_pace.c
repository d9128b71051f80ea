/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/upkeep: how commits are slowed down while level 0 has too many runs: in proportion to their
 * bytes, and more with each run; and what memtables borrow of the block cache. On a simulated machine,
 * so sleeping costs no time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/slice.h"
#include "inspect/inspect.h"
#include "store/db_internal.h"
#include "support/store/db_support.h"

enum { SLOW = 12, STOP = 30, VALUE = 1 << 20 }; /* runs; as in db_throttle.c */

/* A put of one value, and for how long it was made to sleep. */
static uint64_t
sleep_of_put(struct firn_db *db, struct firn_db_keyspace *keyspace)
{
    static const uint8_t value[VALUE];
    firn_error err;
    firn_store_statistics before;
    firn_store_statistics after;
    DB_OK(fi_inspect_stats(db, &before, &err));
    DB_OK(fi_db_put(keyspace, firn_str("key"), firn_bytes(value, sizeof value), FIRN_DURABILITY_OS,
                    &err));
    DB_OK(fi_inspect_stats(db, &after, &err));
    assert_int_equal(after.slowdowns - before.slowdowns,
                     after.slowdown_ns > before.slowdown_ns ? 1 : 0);
    return after.slowdown_ns - before.slowdown_ns;
}

static void
a_commit_is_slowed_down_more_with_each_run_of_level_0(void **state)
{
    const struct fi_db_options options = {.create_if_missing = true, .memory_bytes = 64 << 20};
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    uint64_t sleeps[STOP] = {0};
    db_support_init(&support, 1);
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    DB_OK(fi_db_maintain_flush_memtables(db, &err));
    for (unsigned runs = 0; runs < STOP; runs++) {
        sleeps[runs] = sleep_of_put(db, keyspace);
        DB_OK(fi_db_maintain_flush_memtables(db, &err)); /* one more: it compacts nothing */
    }
    assert_int_equal(sleeps[SLOW - 1], 0);
    for (unsigned runs = SLOW; runs < STOP; runs++) {
        assert_true(sleeps[runs] > sleeps[runs - 1]);
    }
    /* 25 MiB a second at first, half of that at the end. */
    assert_in_range(sleeps[SLOW], 40000000, 42000000);
    assert_in_range(sleeps[STOP - 1], 77000000, 81000000);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* ---- borrowing ---- */

enum { TREES = 50, SMALL_VALUE = 200, MEMORY = 4 << 20, OWN = MEMORY / 4, CACHE = MEMORY / 2 };

struct many {
    struct db_support support;
    struct firn_db *db;
    struct firn_db_keyspace *trees[TREES];
};

static void
many_init(struct many *many)
{
    const struct fi_db_options options = {.create_if_missing = true, .memory_bytes = MEMORY};
    firn_error err;
    db_support_init(&many->support, 3);
    DB_OK(fi_db_open(many->support.dir, &options, &many->db, &err));
    for (unsigned i = 0; i < TREES; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "tree%u", i);
        many->trees[i] = db_support_keyspace(many->db, name);
    }
}

static void
many_deinit(struct many *many)
{
    firn_error err;
    DB_OK(fi_db_close(many->db, &err));
    db_support_deinit(&many->support);
}

static firn_slice
key_of(unsigned number, char out[16])
{
    (void)snprintf(out, 16, "key%08u", number);
    return firn_str(out);
}

/* A commit is let in before its own bytes count, and new memtables take a little when they begin. Where
 * the log is not ready for a turn a freezing may be late by a quarter of the limit. */
static size_t
most_bytes(const struct firn_db *db)
{
    size_t borrowed = fi_block_cache_lend_bytes(db->cache);
    size_t stop = db->limits.memtables_max + borrowed;
    size_t late = (db->limits.memtables + borrowed) / 4 * 5;
    return (stop > late ? stop : late) + db->limits.memtable / 4;
}

/* Puts keys [first, end) into all keyspaces in turn; the most that memtables had meanwhile. */
static size_t
put_turns(struct many *many, unsigned first, unsigned end)
{
    uint8_t value[SMALL_VALUE] = {0};
    size_t most = 0;
    for (unsigned i = first; i < end; i++) {
        firn_error err;
        char key[16];
        DB_OK(fi_db_put(many->trees[i % TREES], key_of(i, key), firn_bytes(value, sizeof value),
                        FIRN_DURABILITY_OS, &err));
        size_t bytes = fi_lsm_memtable_bytes(fi_db_image(many->db)->lsm);
        struct fi_block_cache_stats stats;
        fi_block_cache_stats(many->db->cache, &stats);
        assert_true(fi_lsm_memtable_excess(fi_db_image(many->db)->lsm) <= most_bytes(many->db));
        assert_true(bytes + stats.used_bytes <= MEMORY);
        assert_true(fi_log_size_bytes(many->db->log) <= (uint64_t)2 * MEMORY);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static void
get_all(struct many *many, unsigned end)
{
    for (unsigned i = 0; i < end; i++) {
        firn_error err;
        char key[16];
        struct fi_buf out = {0};
        DB_OK(fi_db_get(many->trees[i % TREES], key_of(i, key), &out, &err));
        assert_int_equal(out.size, SMALL_VALUE);
        fi_buf_deinit(&out);
    }
}

static void
many_memtables_borrow_what_blocks_do_not_need(void **state)
{
    enum { PUTS = 40000 };
    struct many many;
    firn_error err;
    firn_store_statistics stats;
    many_init(&many);
    size_t most = put_turns(&many, 0, PUTS);
    assert_true(most > 2 * (size_t)OWN);
    /* They are flushed late, and so into few runs: with their own memory alone there are twice as
     * many. */
    DB_OK(fi_inspect_stats(many.db, &stats, &err));
    assert_in_range(stats.flushes, 50, 200);
    /* What was borrowed comes back with a flush. */
    DB_OK(fi_db_maintain_flush_memtables(many.db, &err));
    assert_int_equal(fi_block_cache_lend_bytes(many.db->cache), 0);
    get_all(&many, PUTS);
    many_deinit(&many);
}

static void
memtables_give_back_what_blocks_need(void **state)
{
    enum { PUTS = 40000, MORE = 20000 };
    struct many many;
    struct fi_block_cache_stats stats;
    many_init(&many);
    (void)put_turns(&many, 0, PUTS);
    assert_true(fi_block_cache_lend_bytes(many.db->cache) > 0);
    get_all(&many, PUTS);
    assert_true(fi_block_cache_lend_is_recalled(many.db->cache));
    unsigned puts = 0;
    while (fi_block_cache_lend_is_recalled(many.db->cache) && puts < 10000) {
        (void)put_turns(&many, PUTS + puts, PUTS + puts + 50);
        puts += 50;
    }
    assert_true(puts < 10000); /* a few turns of the log */
    for (unsigned i = 0; i < 4; i++) {
        (void)put_turns(&many, PUTS + i * MORE, PUTS + (i + 1) * MORE);
        get_all(&many, PUTS);
    }
    /* Now blocks have all that is theirs. */
    fi_block_cache_stats(many.db->cache, &stats);
    assert_true(stats.used_bytes > CACHE - CACHE / 16);
    assert_true(put_turns(&many, PUTS + 4 * MORE, PUTS + 5 * MORE) <
                most_bytes(many.db) + CACHE / 16);
    many_deinit(&many);
}

static void
on_a_small_disk_nothing_is_borrowed(void **state)
{
    struct many many;
    many_init(&many);
    many.db->limits.disk_bytes = 100 << 20; /* as db_space.c finds it */
    assert_true(put_turns(&many, 0, 20000) <= most_bytes(many.db));
    assert_int_equal(fi_block_cache_lend_bytes(many.db->cache), 0);
    many_deinit(&many);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_is_slowed_down_more_with_each_run_of_level_0),
        cmocka_unit_test(many_memtables_borrow_what_blocks_do_not_need),
        cmocka_unit_test(memtables_give_back_what_blocks_need),
        cmocka_unit_test(on_a_small_disk_nothing_is_borrowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
