/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/checkout: restores that change firn stores in the tree: which are refused, that a store goes
 * with all that it left lying, and that an undo brings back the state that it had.
 */
#include <errno.h>

#include "base/slice.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"
#include "support/workspace/store_writer.h"
#include "support/workspace/ws_break.h"

/* ---- helpers ---- */

static void
undo(struct ws_world *world)
{
    if (ws_try_undo(world, NULL) != FIRN_OK) {
        fail_msg("%s", world->err.text);
    }
    assert_int_equal(world->notices.counts[FIRN_NOTICE_KEPT], 0);
}

static void
restore(struct ws_world *world, const char *reference)
{
    ws_restore(world, reference);
    assert_int_equal(world->notices.counts[FIRN_NOTICE_KEPT], 0);
}

/* What is left by a writer that was killed. */
static void
put_leftovers(struct ws_world *world, const char *store)
{
    static const char *const names[] = {"RESERVE", "FIRN.tmp", "wal-spare.tmp",
                                        "manifest-000009.tmp", "runs/000777.run.tmp"};
    char path[100];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", store, names[i]);
        scan_put_text(&world->tree, path, "left over");
    }
}

/* ---- stores that go ---- */

static void
a_store_goes_with_all_that_it_left(void **state)
{
    for (int crashes = 0; crashes < 2; crashes++) {
        struct ws_world world;
        struct store_writer writer;
        ws_world_open_memory(&world, 401);
        scan_put_text(&world.tree, "note", "before");
        ws_save(&world);
        store_writer_begin(&world.tree, "data/app.firn", 400, &writer);
        assert_int_equal(ws_try_restore(&world, "1", NULL), FIRN_BUSY);
        if (crashes == 1) {
            store_writer_crash(&writer);
        } else {
            store_writer_end(&writer);
        }
        put_leftovers(&world, "data/app.firn");
        restore(&world, "1");
        assert_false(ws_dump_has(&world, "data"));
        undo(&world);
        assert_false(ws_dump_has(&world, "left over"));
        assert_int_equal(store_writer_check_at(&world.tree, "data/app.firn"), 400);
        ws_save(&world);
        restore(&world, "1");
        assert_false(ws_dump_has(&world, "data"));
        ws_assert_check_clean(&world);
        ws_world_close(&world);
    }
}

/* What nobody can make again keeps its directory. */
static void
what_is_not_the_stores_stays(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 402);
    scan_put_text(&world.tree, ".firnignore", "*.secret\n");
    ws_save(&world);
    store_writer_put(&world.tree, "app.firn", 100);
    scan_put_text(&world.tree, "app.firn/runs/mine.tmp/deep", "no unfinished run");
    scan_put_text(&world.tree, "app.firn/a.secret", "left out by a rule");
    scan_put_text(&world.tree, "other/b.secret", "the same");
    scan_put_text(&world.tree, "other/LOCK", "of something else");
    ws_save(&world);
    ws_restore(&world, "1");
    assert_int_equal(world.notices.counts[FIRN_NOTICE_KEPT], 2);
    assert_true(ws_dump_has(&world, "a.secret"));
    assert_true(ws_dump_has(&world, "app.firn/LOCK"));
    assert_false(ws_dump_has(&world, "other/LOCK"));
    assert_false(ws_dump_has(&world, "RESERVE"));
    undo(&world);
    assert_true(ws_dump_has(&world, "mine.tmp/deep"));
    assert_true(ws_dump_has(&world, "other/LOCK"));
    assert_int_equal(store_writer_check_at(&world.tree, "app.firn"), 100);
    ws_world_close(&world);
}

/* A directory becomes a file, and the other way round. */
static void
a_store_gives_way_to_a_file(void **state)
{
    struct ws_world world;
    struct store_writer writer;
    ws_world_open_memory(&world, 403);
    scan_put_text(&world.tree, "app.firn", "a file");
    scan_put_text(&world.tree, "deep", "a file, too");
    ws_save(&world);
    scan_remove_file(&world.tree, "app.firn");
    scan_remove_file(&world.tree, "deep");
    store_writer_begin(&world.tree, "deep/er/other.firn", 70, &writer);
    store_writer_crash(&writer);
    put_leftovers(&world, "deep/er/other.firn");
    store_writer_begin(&world.tree, "app.firn", 300, &writer);
    assert_int_equal(ws_try_restore(&world, "1", NULL), FIRN_BUSY);
    store_writer_end(&writer);
    put_leftovers(&world, "app.firn");
    restore(&world, "1");
    assert_false(ws_dump_has(&world, "LOCK"));
    assert_false(ws_dump_has(&world, "kept"));
    undo(&world);
    assert_int_equal(store_writer_check_at(&world.tree, "app.firn"), 300);
    assert_int_equal(store_writer_check_at(&world.tree, "deep/er/other.firn"), 70);
    ws_save(&world);
    restore(&world, "1");
    assert_false(ws_dump_has(&world, "LOCK"));
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
a_store_that_was_moved_or_replaced_comes_back(void **state)
{
    struct ws_world world;
    struct store_writer writer;
    ws_world_open_memory(&world, 404);
    store_writer_put(&world.tree, "moved.firn", 200);
    store_writer_put(&world.tree, "replaced.firn", 150);
    ws_save(&world);
    scan_rename(&world.tree, "moved.firn", "in/another.firn");
    scan_remove_tree(&world.tree, "replaced.firn");
    store_writer_begin(&world.tree, "replaced.firn", 30, &writer);
    store_writer_crash(&writer);
    ws_save(&world);
    restore(&world, "1");
    assert_false(ws_dump_has(&world, "another.firn"));
    assert_int_equal(store_writer_check_at(&world.tree, "moved.firn"), 200);
    assert_int_equal(store_writer_check_at(&world.tree, "replaced.firn"), 150);
    ws_restore(&world, "2");
    assert_false(ws_dump_has(&world, "moved.firn"));
    assert_int_equal(store_writer_check_at(&world.tree, "in/another.firn"), 200);
    assert_int_equal(store_writer_check_at(&world.tree, "replaced.firn"), 30);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

/* ---- writers that were killed ---- */

/* Its log is longer on the disk than what was saved of it. */
static void
a_store_whose_writer_was_killed_is_restored_and_comes_back(void **state)
{
    struct ws_world world;
    struct store_writer writer;
    ws_world_open_memory(&world, 405);
    store_writer_begin(&world.tree, "app.firn", 100, &writer);
    ws_save(&world);
    for (unsigned i = 0; i < 250; i++) {
        store_writer_round(&writer);
    }
    store_writer_crash(&writer);
    restore(&world, "1");
    undo(&world);
    restore(&world, "1");
    assert_int_equal(store_writer_check_at(&world.tree, "app.firn"), 100);
    undo(&world);
    undo(&world);
    undo(&world);
    assert_int_equal(store_writer_check_at(&world.tree, "app.firn"), 350);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

/* ---- writers ---- */

static void
a_store_in_which_nothing_changes_refuses_nothing(void **state)
{
    struct ws_world world;
    struct store_writer writer;
    ws_world_open_memory(&world, 406);
    store_writer_begin(&world.tree, "app.firn", 100, &writer);
    scan_put_text(&world.tree, "app.firn/mine/note", "before");
    scan_put_text(&world.tree, "app.firn/readme", "before");
    ws_save(&world);
    scan_put_text(&world.tree, "app.firn/wal-spare.tmp", "spare");
    scan_put_text(&world.tree, "app.firn/runs/000778.row.tmp", "unfinished");
    scan_set_mtime(&world.tree, "app.firn", 5000000000);
    scan_put_text(&world.tree, "app.firn/mine/note", "after");
    scan_remove_file(&world.tree, "app.firn/readme");
    scan_put_text(&world.tree, "app.firn/more", "added");
    restore(&world, "1");
    assert_false(ws_dump_has(&world, "app.firn/more"));
    assert_true(ws_dump_has(&world, "app.firn/wal-spare.tmp"));
    undo(&world);
    assert_true(ws_dump_has(&world, "app.firn/more"));
    store_writer_round(&writer);
    assert_int_equal(ws_try_restore(&world, "1", NULL), FIRN_BUSY);
    assert_true(ws_dump_has(&world, "app.firn/more"));
    store_writer_end(&writer);
    assert_int_equal(store_writer_check_at(&world.tree, "app.firn"), 101);
    ws_world_close(&world);
}

/* Of two stores, one inside the other, each is its own. */
static void
a_store_inside_a_store_is_its_own(void **state)
{
    struct ws_world world;
    struct store_writer outer;
    struct store_writer inner;
    ws_world_open_memory(&world, 407);
    store_writer_begin(&world.tree, "", 60, &outer);
    store_writer_begin(&world.tree, "packs/in.firn", 40, &inner);
    ws_save(&world);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_STORE], 0);
    store_writer_round(&inner);
    assert_int_equal(ws_try_restore(&world, "1", NULL), FIRN_BUSY);
    store_writer_end(&inner);
    store_writer_end(&outer);
    restore(&world, "1");
    assert_int_equal(store_writer_check_at(&world.tree, ""), 60);
    assert_int_equal(store_writer_check_at(&world.tree, "packs/in.firn"), 40);
    ws_world_close(&world);
}

struct late {
    struct store_writer *writer;
    struct scan_notices notices;
    unsigned count;
};

/* The second of two notices, between which the store was read. */
static void
write_late(void *ctx, const firn_notice *notice)
{
    struct late *late = ctx;
    if (notice->kind == FIRN_NOTICE_STORE && ++late->count == 2) {
        store_writer_round(late->writer);
        store_writer_crash(late->writer);
    }
}

/* A writer that comes after the scan and has gone when the store is locked. */
static void
what_is_written_after_the_scan_is_not_lost(void **state)
{
    struct ws_world world;
    struct store_writer writer;
    struct late late = {.writer = &writer};
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    ws_world_open_memory(&world, 408);
    world.threads = 1;
    scan_put_text(&world.tree, "a.firn/FIRN", "no store");
    scan_put_text(&world.tree, "a.firn/wal-000001.log", "no store");
    store_writer_begin(&world.tree, "b.firn", 50, &writer);
    scan_put_text(&world.tree, "c.firn/FIRN", "no store");
    scan_put_text(&world.tree, "c.firn/wal-000001.log", "no store");
    ws_save(&world);
    store_writer_round(&writer);
    options.threads = 1;
    options.callbacks = (firn_callbacks){.on_notice = write_late, .ctx = &late};
    assert_int_equal(fi_ws_restore(world.ws, "1", &options, &result, &world.err), FIRN_BUSY);
    assert_int_equal(late.count, 2);
    assert_non_null(strstr(world.err.text, "'b.firn' was being written until now"));
    restore(&world, "1");
    undo(&world);
    assert_int_equal(store_writer_check_at(&world.tree, "b.firn"), 52);
    ws_world_close(&world);
}

/* A log that stays as it was saved may go on, on the disk, to a segment that goes. */
static void
a_log_that_stays_ends_where_it_was_saved(void **state)
{
    for (unsigned rounds = 1; rounds < 50; rounds += 7) {
        struct ws_world world;
        struct store_writer writer;
        firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
        firn_workspace_restore_result previewed;
        ws_world_open_memory(&world, 410);
        store_writer_begin(&world.tree, "app.firn", rounds, &writer);
        ws_save(&world);
        store_writer_load(&writer, 800);
        store_writer_end(&writer);
        options.dry_run = true;
        assert_int_equal(fi_ws_restore(world.ws, "1", &options, &previewed, &world.err), FIRN_OK);
        firn_workspace_restore_result result = ws_restore(&world, "1");
        assert_int_equal(result.changed, previewed.changed);
        assert_int_equal(store_writer_check_at(&world.tree, "app.firn"), rounds);
        undo(&world);
        assert_int_equal(store_writer_check_at(&world.tree, "app.firn"), rounds);
        ws_world_close(&world);
    }
}

/* ---- whole histories ---- */

enum { SAVES_MAX = 40, STEPS = 120, HISTORIES = 6, HISTORIES_LONG = 400 };

/* A store that is written, killed, loaded in bulk, saved at any moment, and restored to any of that. */
struct history {
    struct ws_world world;
    struct store_writer writer;
    bool is_open;
    uint64_t round;            /* of the store */
    uint64_t saved[SAVES_MAX]; /* what it was at the n-th checkpoint */
    uint64_t save_count;
};

static void
write_some(struct history *history, unsigned rounds, unsigned loaded)
{
    if (!history->is_open) {
        store_writer_begin(&history->world.tree, "app.firn", 0, &history->writer);
        assert_int_equal(history->writer.round, history->round);
        history->is_open = true;
    }
    if (loaded > 0) {
        store_writer_load(&history->writer, loaded);
    }
    for (unsigned i = 0; i < rounds; i++) {
        store_writer_round(&history->writer);
    }
    history->round = history->writer.round;
}

static void
stop_writing(struct history *history, bool crashes)
{
    if (history->is_open && crashes) {
        store_writer_crash(&history->writer);
    } else if (history->is_open) {
        store_writer_end(&history->writer);
    }
    history->is_open = false;
}

static void
assert_round(struct history *history, uint64_t round)
{
    history->round = store_writer_check_at(&history->world.tree, "app.firn");
    assert_int_equal(history->round, round);
}

static void
restore_some(struct history *history, struct test_random *random)
{
    char reference[24];
    uint64_t number = 1 + test_random_below(random, history->save_count);
    uint64_t before = history->round;
    stop_writing(history, test_random_below(random, 2) == 0);
    (void)snprintf(reference, sizeof reference, "%llu", (unsigned long long)number);
    firn_workspace_restore_result result = ws_restore(&history->world, reference);
    assert_round(history, history->saved[number - 1]);
    if (result.safety_id[0] != '\0' && test_random_below(random, 3) == 0) {
        undo(&history->world);
        assert_round(history, before);
    }
}

static void
run_history(struct test_random *random)
{
    struct history history = {.is_open = false};
    ws_world_open_memory(&history.world, test_random_next(random));
    history.world.threads = 1;
    write_some(&history, 1, 0);
    for (int step = 0; step < STEPS && history.save_count < SAVES_MAX; step++) {
        switch (test_random_below(random, 6)) {
        case 0:
            write_some(&history, 1, test_random_below(random, 2) == 0 ? 800 : 1);
            break;
        case 1:
            stop_writing(&history, test_random_below(random, 2) == 0);
            break;
        case 2:
            ws_save(&history.world);
            assert_int_equal(history.world.notices.counts[FIRN_NOTICE_STORE], 0);
            history.saved[history.save_count++] = history.round;
            break;
        case 3:
            if (history.save_count > 0) {
                restore_some(&history, random);
            }
            break;
        default:
            write_some(&history, 1 + (unsigned)test_random_below(random, 40), 0);
        }
    }
    stop_writing(&history, false);
    ws_assert_check_clean(&history.world);
    ws_world_close(&history.world);
}

static void
any_state_of_a_store_comes_back(void **state)
{
    struct test_random random;
    int histories = getenv("FIRN_TEST_LONG") != NULL ? HISTORIES_LONG : HISTORIES;
    test_random_init(&random, "ws_stores_restore", 411);
    for (int i = 0; i < histories; i++) {
        run_history(&random);
    }
    printf("count: %d histories of a store in a workspace\n", histories);
}

/* ---- faults ---- */

enum operation { SAVE, RESTORE, OPERATIONS };

/* What is written through a mapping moves no time: then the trees have a log alike. */
static void
keep_times_of_logs(struct ws_world *world)
{
    struct fi_os_dir *dir = store_writer_dir(&world->tree, "app.firn");
    struct fi_os_stat stat;
    char path[48];
    for (int i = 1; i < 10; i++) {
        (void)snprintf(path, sizeof path, "app.firn/wal-%06d.log", i);
        if (fi_os_stat(dir, path + strlen("app.firn/"), &stat, NULL) == FIRN_OK) {
            scan_set_mtime(&world->tree, path, 1000);
        }
    }
    fi_os_dir_close(dir);
}

/* Checkpoint 1 with round 60 of a store; by now it is at 85, and its writer was killed. Durable. */
static void
prepare(struct ws_world *world)
{
    struct store_writer writer;
    ws_world_open_memory(world, 409);
    world->threads = 1;
    scan_put_text(&world->tree, "note", "before");
    store_writer_begin(&world->tree, "app.firn", 60, &writer);
    keep_times_of_logs(world);
    ws_save(world);
    store_writer_load(&writer, 800);
    for (unsigned i = 0; i < 25; i++) {
        store_writer_round(&writer);
    }
    store_writer_crash(&writer);
    keep_times_of_logs(world);
    scan_put_text(&world->tree, "note", "after");
    assert_int_equal(fi_os_dir_sync_filesystem(world->tree.root, &world->err), FIRN_OK);
}

/* After an operation that may have failed half way: the store is there as it was, or as it is to be. */
static void
check_after(struct ws_world *world, int operation, const struct ws_broken *broken)
{
    if (operation == RESTORE) {
        if (broken->n % 2 == 0) {
            ws_save(world); /* drops it, or finishes it */
            assert_false(ws_dump_has(world, ".firn-"));
        }
        restore(world, "1"); /* or what is left of it */
        assert_int_equal(store_writer_check_at(&world->tree, "app.firn"), 60);
    } else {
        ws_save(world);
        assert_int_equal(world->notices.counts[FIRN_NOTICE_STORE], 0);
        assert_int_equal(store_writer_check_at(&world->tree, "app.firn"), 85);
        restore(world, "latest");
        assert_int_equal(store_writer_check_at(&world->tree, "app.firn"), 85);
    }
    ws_assert_check_clean(world);
}

static int
run(struct ws_world *world, int operation)
{
    return operation == SAVE ? ws_try_save(world, NULL) : ws_try_restore(world, "1", NULL);
}

static void
failed_calls_lose_nothing(void **state)
{
    struct ws_world prepared;
    uint64_t failures = 0;
    prepare(&prepared);
    for (int operation = SAVE; operation < OPERATIONS; operation++) {
        struct ws_break_numbered numbered = {run, check_after, operation};
        struct ws_break how = ws_break_numbered(&prepared, &numbered, 1);
        failures += ws_break_calls(&how, false, EIO);
        failures += ws_break_calls(&how, true, EIO);
    }
    printf("count: %llu failed calls in saves and restores of a store\n",
           (unsigned long long)failures);
    ws_world_close(&prepared);
}

static void
failed_allocations_lose_nothing(void **state)
{
    test_alloc_install();
    struct ws_world prepared;
    struct ws_break_numbered numbered = {run, check_after, RESTORE};
    prepare(&prepared);
    struct ws_break how = ws_break_numbered(&prepared, &numbered, 1);
    uint64_t failures = ws_break_allocations(&how, WS_BREAK_BY_TURNS);
    printf("count: %llu failed allocations in restores of a store\n", (unsigned long long)failures);
    ws_world_close(&prepared);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_goes_with_all_that_it_left),
        cmocka_unit_test(what_is_not_the_stores_stays),
        cmocka_unit_test(a_store_gives_way_to_a_file),
        cmocka_unit_test(a_store_that_was_moved_or_replaced_comes_back),
        cmocka_unit_test(a_store_whose_writer_was_killed_is_restored_and_comes_back),
        cmocka_unit_test(a_store_in_which_nothing_changes_refuses_nothing),
        cmocka_unit_test(a_store_inside_a_store_is_its_own),
        cmocka_unit_test(what_is_written_after_the_scan_is_not_lost),
        cmocka_unit_test(a_log_that_stays_ends_where_it_was_saved),
        cmocka_unit_test(any_state_of_a_store_comes_back),
        cmocka_unit_test(failed_calls_lose_nothing),
        cmocka_unit_test(failed_allocations_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
