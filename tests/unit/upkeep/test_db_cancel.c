/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/upkeep: long work tells how far it is and can be cancelled at every step: nothing is lost by
 * that, nothing is left, and the next attempt succeeds.
 */
#include <stdio.h>
#include <string.h>

#include "copy/copy.h"
#include "inspect/inspect.h"
#include "sim/sim_memory.h"
#include "store/db.h"
#include "storefile/storefile.h"
#include "support/store/db_support.h"

enum { ROUNDS = 6, KEYS = 6000 };

static const struct fi_db_options small = {.create_if_missing = true, .memory_bytes = 1 << 20};
/* Nothing is merged before somebody asks for it. */
static const struct fi_db_options large = {.create_if_missing = true, .memory_bytes = 16 << 20};

/* Cancels at the at-th call; 0: never. Every look at the clock is a call. */
struct watcher {
    struct fi_storefile_progress progress;
    unsigned at;
    unsigned calls;
    char phases[8]; /* the first letter of each */
    size_t phase_count;
    uint64_t bytes;
};

static int
watch(void *ctx, const firn_progress *progress)
{
    struct watcher *watcher = ctx;
    char letter = progress->phase[0];
    watcher->progress.due_ns = 0;
    watcher->calls++;
    watcher->bytes = progress->bytes_done;
    if (watcher->phase_count == 0 || watcher->phases[watcher->phase_count - 1] != letter) {
        assert_true(watcher->phase_count + 1 < sizeof watcher->phases);
        watcher->phases[watcher->phase_count++] = letter;
    }
    return watcher->calls == watcher->at ? FIRN_BUSY : FIRN_OK;
}

static struct fi_storefile_progress *
begin(struct watcher *watcher, struct fi_os *os, unsigned at)
{
    *watcher = (struct watcher){.at = at};
    watcher->progress =
        (struct fi_storefile_progress){.on_progress = watch, .ctx = watcher, .os = os};
    return &watcher->progress;
}

/* ---- a store with work to do ---- */

static void
key_name(unsigned key, char out[16])
{
    (void)snprintf(out, 16, "key%06u", key);
}

/* The last round's value of each key; every third has been deleted. */
static void
fill_round(struct firn_db *db, unsigned round)
{
    firn_error err;
    char name[16];
    char value[64];
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (unsigned key = 0; key < KEYS; key++) {
        key_name(key, name);
        (void)snprintf(value, sizeof value, "%u of round %u, and some more to fill a page", key,
                       round);
        DB_OK(round == ROUNDS - 1 && key % 3 == 0
                  ? fi_db_delete(keyspace, firn_str(name), FIRN_DURABILITY_OS, &err)
                  : fi_db_put(keyspace, firn_str(name), firn_str(value), FIRN_DURABILITY_OS, &err));
    }
}

static struct firn_db *
make(struct fi_os_dir *dir, const struct fi_db_options *options)
{
    firn_error err;
    struct firn_db *db;
    DB_OK(fi_db_open(dir, options, &db, &err));
    for (unsigned round = 0; round < ROUNDS; round++) {
        fill_round(db, round);
        if (round == 0) {
            DB_OK(fi_db_checkpoint_create(db, "first", NULL, &err));
        }
    }
    DB_OK(fi_db_log_sync(db, &err));
    return db;
}

static void
assert_there(struct firn_db *db)
{
    firn_error err;
    char name[16];
    char value[64];
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    struct fi_buf found = {0};
    struct firn_snapshot *snapshot;
    DB_OK(fi_db_checkpoint_snapshot(db, "first", &snapshot, &err));
    for (unsigned key = 0; key < KEYS; key += 7) {
        key_name(key, name);
        if (key % 3 == 0) {
            assert_int_equal(fi_db_get(keyspace, firn_str(name), &found, &err), FIRN_NOT_FOUND);
        } else {
            (void)snprintf(value, sizeof value, "%u of round %u,", key, ROUNDS - 1);
            DB_OK(fi_db_get(keyspace, firn_str(name), &found, &err));
            assert_memory_equal(found.data, value, strlen(value));
        }
        (void)snprintf(value, sizeof value, "%u of round 0,", key);
        DB_OK(fi_db_get_at(keyspace, snapshot, firn_str(name), &found, &err));
        assert_memory_equal(found.data, value, strlen(value));
    }
    fi_db_snapshot_close(snapshot);
    fi_buf_deinit(&found);
}

static int
count_entry(void *ctx, const struct fi_os_dirent *entry)
{
    (void)entry;
    ++*(uint64_t *)ctx;
    return FIRN_OK;
}

/* No file lies there that nobody knows. */
static void
assert_no_litter(struct firn_db *db, struct fi_os_dir *dir)
{
    firn_error err;
    struct fi_os_dir *runs;
    firn_store_statistics stats;
    uint64_t files = 0;
    DB_OK(fi_inspect_stats(db, &stats, &err));
    uint64_t expected = stats.history.files + stats.value_files + stats.waiting_files;
    for (unsigned i = 0; i < FIRN_STORE_LEVELS; i++) {
        expected += stats.levels[i].files;
    }
    DB_OK(fi_os_dir_open(dir, "runs", &runs, &err));
    DB_OK(fi_os_dir_list(runs, count_entry, &files, &err));
    fi_os_dir_close(runs);
    assert_int_equal(files, expected);
}

/* ---- tests ---- */

static void
a_compaction_can_be_cancelled_at_every_step(void **state)
{
    firn_error err;
    struct db_support support;
    struct watcher watcher;
    firn_store_check_result report;
    unsigned cancelled = 0;
    int rc = FIRN_CANCELLED;
    db_support_init(&support, 1);
    struct firn_db *db = make(support.dir, &large);
    for (unsigned at = 1; rc != FIRN_OK; at++) {
        rc = fi_db_maintain_compact(db, begin(&watcher, support.os, at), &err);
        if (rc != FIRN_OK) {
            DB_FAILS(rc, FIRN_CANCELLED, "cancelled");
            assert_int_equal(watcher.calls, at);
            cancelled++;
        }
        assert_string_equal(watcher.phases, "m");
        assert_no_litter(db, support.dir);
        assert_there(db);
    }
    assert_true(cancelled > 5);
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_db_open(support.dir, &small, &db, &err));
    assert_there(db);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
fail_on_damage(void *ctx, const char *text)
{
    (void)ctx;
    fail_msg("damage: %s", text);
}

static void
a_check_can_be_cancelled_at_every_step(void **state)
{
    firn_error err;
    struct db_support support;
    struct watcher watcher;
    firn_store_check_result report;
    firn_store_statistics stats;
    unsigned cancelled = 0;
    int rc = FIRN_CANCELLED;
    db_support_init(&support, 1);
    struct firn_db *db = make(support.dir, &small);
    DB_OK(fi_db_maintain_flush(db, &err));
    for (unsigned at = 1; rc != FIRN_OK; at++) {
        const struct fi_inspect_check_options options = {
            .on_damage = fail_on_damage, .progress = begin(&watcher, support.os, at)};
        rc = fi_inspect_check(db, &options, &report, &err);
        if (rc != FIRN_OK) {
            DB_FAILS(rc, FIRN_CANCELLED, "cancelled");
            assert_int_equal(watcher.calls, at);
            cancelled++;
        }
    }
    assert_true(cancelled > 5);
    assert_int_equal(report.entries, KEYS - KEYS / 3);
    /* The log, the runs, the entries; what is read of runs is what there is, but for their ends. */
    assert_string_equal(watcher.phases, "rc");
    DB_OK(fi_inspect_stats(db, &stats, &err));
    assert_true(cancelled > stats.file_bytes / (256 << 10));
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static int
refuse_difference(void *ctx, const char *keyspace, const struct fi_inspect_diff_key *key)
{
    (void)ctx;
    (void)keyspace;
    (void)key;
    fail_msg("nothing differs");
    return FIRN_OK;
}

static void
a_comparison_can_be_cancelled_where_nothing_differs(void **state)
{
    firn_error err;
    struct db_support support;
    struct watcher watcher;
    db_support_init(&support, 1);
    struct firn_db *db = make(support.dir, &small);
    /* Each key was written again, with the same value: nothing differs, and every key is looked at. */
    DB_OK(fi_db_checkpoint_create(db, "a", NULL, &err));
    fill_round(db, ROUNDS - 1);
    struct fi_inspect_diff_visitor visitor = {.progress = begin(&watcher, support.os, 0),
                                              .visit = refuse_difference};
    DB_OK(fi_inspect_diff(db, "a", NULL, &visitor, &err));
    assert_string_equal(watcher.phases, "r");
    unsigned calls = watcher.calls;
    assert_true(calls > 2);
    for (unsigned at = 1; at <= calls; at++) {
        visitor.progress = begin(&watcher, support.os, at);
        DB_FAILS(fi_inspect_diff(db, "a", NULL, &visitor, &err), FIRN_CANCELLED, "cancelled");
    }
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static struct fi_os_dir *
make_target(struct fi_os *os)
{
    firn_error err;
    struct fi_os_dir *root;
    struct fi_os_dir *target;
    DB_OK(fi_os_dir_open_path(os, "/", &root, &err));
    DB_OK(fi_os_make_dir(root, "clone", 0700, &err));
    DB_OK(fi_os_dir_open(root, "clone", &target, &err));
    fi_os_dir_close(root);
    return target;
}

static void
a_clone_that_was_cancelled_is_no_store(void **state)
{
    firn_error err;
    struct db_support support;
    struct watcher watcher;
    struct firn_db *clone;
    db_support_init(&support, 1);
    struct firn_db *db = make(support.dir, &small);
    struct fi_os_dir *target = make_target(support.os);
    int rc = FIRN_CANCELLED;
    unsigned cancelled = 0;
    for (unsigned at = 1; rc != FIRN_OK; at++) {
        rc = fi_copy_clone(db, target, begin(&watcher, support.os, at), &err);
        assert_string_equal(watcher.phases, "w");
        if (rc != FIRN_OK) {
            DB_FAILS(rc, FIRN_CANCELLED, "cancelled");
            assert_int_equal(fi_db_open(target, &db_support_existing, &clone, &err),
                             FIRN_NOT_FOUND);
            cancelled++;
        }
    }
    assert_true(cancelled > 1);
    DB_OK(fi_db_open(target, &db_support_existing, &clone, &err));
    assert_there(clone);
    DB_OK(fi_db_close(clone, &err));
    DB_OK(fi_db_close(db, &err));
    fi_os_dir_close(target);
    db_support_deinit(&support);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_compaction_can_be_cancelled_at_every_step),
        cmocka_unit_test(a_check_can_be_cancelled_at_every_step),
        cmocka_unit_test(a_comparison_can_be_cancelled_where_nothing_differs),
        cmocka_unit_test(a_clone_that_was_cancelled_is_no_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
