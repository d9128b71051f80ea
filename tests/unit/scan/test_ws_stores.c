/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/scan: firn stores inside a workspace: saved as one state each, whatever their writers do.
 *
 * In the test with a second process that one commits, flushes, merges, checkpoints and loads without a
 * pause while the tree is saved again and again; each saved state is restored elsewhere and read.
 */
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/slice.h"
#include "posix/os_default.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/workspace/store_writer.h"
#include "support/workspace/ws_break.h"

enum { SAVES = 60 };

/* ---- helpers ---- */

/* Restores a checkpoint beside the tree and checks the store at a path of it; returns the round that
 * it shows. */
static uint64_t
round_of(struct ws_world *world, const char *reference, const char *path, bool is_read_only)
{
    static unsigned count;
    char to[300];
    (void)snprintf(to, sizeof to, "%s.restored-%u", world->root_path, count++);
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.to_dir = to;
    options.threads = 1;
    if (fi_ws_restore(world->ws, reference, &options, &result, &world->err) != FIRN_OK) {
        fail_msg("%s", world->err.text);
    }
    struct scan_world copy = {.os = world->tree.os};
    struct fi_os_dir *dir;
    assert_int_equal(fi_os_dir_open_path(copy.os, to, &copy.root, &world->err), FIRN_OK);
    assert_int_equal(fi_os_dir_open_beneath(copy.root, path, &dir, &world->err), FIRN_OK);
    uint64_t round = store_writer_check(dir, is_read_only);
    fi_os_dir_close(dir);
    if (world->tree.temp_path != NULL) {
        copy.temp_path = strdup(to);
        scan_world_close(&copy);
    } else {
        fi_os_dir_close(copy.root);
    }
    return round;
}

/* ---- at rest ---- */

static void
a_store_at_rest_is_saved_once(void **state)
{
    struct ws_world world;
    struct store_writer writer;
    ws_world_open_memory(&world, 301);
    store_writer_begin(&world.tree, "app.firn", 700, &writer);
    firn_workspace_save_result open = ws_save(&world);
    assert_true(open.checkpoint->new_objects > 3);
    firn_workspace_save_result again = ws_save(&world);
    assert_true(fi_hash_equal(&again.checkpoint->root, &open.checkpoint->root));
    assert_int_equal(again.checkpoint->new_objects, 0);
    assert_int_equal(again.checkpoint->files, open.checkpoint->files);
    store_writer_round(&writer);
    firn_workspace_save_result more = ws_save(&world);
    assert_false(fi_hash_equal(&more.checkpoint->root, &open.checkpoint->root));
    assert_true(more.checkpoint->new_objects <= 2); /* the log; nothing sealed is new */
    store_writer_end(&writer);
    firn_workspace_save_result closed = ws_save(&world);
    again = ws_save(&world);
    assert_true(fi_hash_equal(&again.checkpoint->root, &closed.checkpoint->root));
    assert_int_equal(round_of(&world, "1", "app.firn", true), 700);
    assert_int_equal(round_of(&world, "2", "app.firn", false), 700);
    assert_int_equal(round_of(&world, "3", "app.firn", false), 701);
    assert_int_equal(round_of(&world, "latest", "app.firn", false), 701);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

/* Nobody can have a part of it left out; all of it, yes. */
static void
rules_and_sizes_say_nothing_about_its_files(void **state)
{
    struct ws_world world;
    struct store_writer writer;
    firn_workspace_save_result result;
    ws_world_open_memory(&world, 302);
    store_writer_begin(&world.tree, "app.firn", 500, &writer);
    scan_put_text(&world.tree, ".firnignore", "*.log\nruns/\n*.row\nmine/\nFIRN\n");
    scan_put_text(&world.tree, "app.firn/mine.log", "not the store's");
    scan_put_text(&world.tree, "app.firn/notes", "nor this");
    scan_put_text(&world.tree, "other.log", "x");
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    options.threads = 2;
    options.file_size_max = 300;
    assert_int_equal(fi_ws_save(world.ws, &options, &result, &world.err), FIRN_OK);
    assert_int_equal(result.checkpoint->excluded, 2);
    assert_int_equal(round_of(&world, "latest", "app.firn", false), 500);
    scan_put_text(&world.tree, ".firnignore", "app.firn/\n");
    firn_workspace_save_result without = ws_save(&world);
    assert_int_equal(without.checkpoint->files, 2);
    store_writer_end(&writer);
    ws_world_close(&world);
}

static void
what_is_the_writers_own_is_left_out(void **state)
{
    struct ws_world world;
    struct store_writer writer;
    ws_world_open_memory(&world, 303);
    store_writer_begin(&world.tree, "app.firn", 500, &writer);
    scan_put_text(&world.tree, "app.firn/watch-list", "a user's");
    scan_put_text(&world.tree, "app.firn/runs/000999.row.tmp", "unfinished");
    scan_put_text(&world.tree, "app.firn/wal-spare.tmp", "spare");
    scan_put_text(&world.tree, "app.firn/wal-notes", "a user's");
    assert_true(ws_dump_has(&world, "LOCK"));
    ws_save(&world);
    store_writer_end(&writer);
    scan_remove_tree(&world.tree, "app.firn");
    ws_restore(&world, "1");
    assert_false(ws_dump_has(&world, "LOCK"));
    assert_false(ws_dump_has(&world, "RESERVE"));
    assert_false(ws_dump_has(&world, ".tmp"));
    assert_true(ws_dump_has(&world, "watch-list"));
    assert_true(ws_dump_has(&world, "wal-notes"));
    assert_int_equal(store_writer_check_at(&world.tree, "app.firn"), 500);
    ws_world_close(&world);
}

/* What looks like a store and is none, or a bad one, is saved as files, and told. */
static void
a_store_that_cannot_be_read_is_saved_as_files(void **state)
{
    struct ws_world world;
    firn_workspace_save_result result;
    ws_world_open_memory(&world, 304);
    store_writer_put(&world.tree, "good", 200);
    store_writer_put(&world.tree, "damaged", 200);
    scan_put_text(&world.tree, "damaged/manifest-000001.log", "garbage");
    store_writer_put(&world.tree, "newer", 3);
    scan_put_text(&world.tree, "newer/wal-000001.log", "garbage");
    store_writer_put(&world.tree, "repaired", 3);
    scan_put_text(&world.tree, "repaired/REPAIRING", "");
    scan_put_text(&world.tree, "garbage/FIRN", "garbage");
    scan_put_text(&world.tree, "garbage/wal-000001.log", "garbage");
    scan_put_dir(&world.tree, "garbage/runs");
    scan_put_dir(&world.tree, "odd/FIRN");
    scan_put_dir(&world.tree, "odd/wal-000001.log");
    scan_put_text(&world.tree, "word/FIRN", "a word");
    scan_put_symlink(&world.tree, "link/FIRN", "../good/FIRN");
    scan_put_text(&world.tree, "link/wal-000001.log", "garbage");
    scan_remove_file(&world.tree, "damaged/LOCK");
    scan_remove_file(&world.tree, "repaired/LOCK");
    assert_int_equal(ws_try_save(&world, &result), FIRN_OK);
    assert_int_equal(result.checkpoint->skipped, 0);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_STORE], 4);
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_STORE, "damaged"));
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_STORE, "newer"));
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_STORE, "repaired"));
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_STORE, "garbage"));
    char *before = ws_dump(&world);
    scan_remove_tree(&world.tree, "damaged");
    scan_remove_tree(&world.tree, "garbage");
    scan_remove_tree(&world.tree, "repaired");
    scan_remove_tree(&world.tree, "odd");
    ws_restore(&world, "latest");
    ws_assert_dump(&world, before);
    free(before);
    assert_int_equal(round_of(&world, "latest", "good", false), 200);
    ws_world_close(&world);
}

/* It is known by its identity alone, whatever that says; and what is none of a store's is not. */
static void
a_store_that_lost_its_log_is_told(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 310);
    store_writer_put(&world.tree, "lost", 3);
    scan_remove_file(&world.tree, "lost/wal-000001.log");
    scan_put_text(&world.tree, "cut/FIRN", "firnstor");
    scan_put_text(&world.tree, "cut/LOCK", "1\n");
    scan_put_text(&world.tree, "word/FIRN", "a word of somebody's");
    scan_put_text(&world.tree, "word/LOCK", "and another");
    scan_put_text(&world.tree, "looks/FIRN", "like a store");
    scan_put_text(&world.tree, "looks/wal-000001.log", "by its names");
    scan_put_text(&world.tree, "looks/LOCK", "and is none");
    scan_put_text(&world.tree, "short/FIRN", "firnsto");
    scan_put_text(&world.tree, "empty/FIRN", "");
    scan_put_text(&world.tree, "begun/FIRN.tmp", "firnstor");
    scan_put_text(&world.tree, "begun/wal-000001.log", "");
    ws_save(&world);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_STORE], 3);
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_STORE, "lost"));
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_STORE, "cut"));
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_STORE, "looks"));
    firn_workspace_save_result again = ws_save(&world); /* nothing of it is taken for known */
    assert_int_equal(again.checkpoint->new_objects, 0);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_STORE], 3);
    static const char *const names[] = {"lost", "cut", "word", "looks"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        scan_remove_tree(&world.tree, names[i]);
    }
    ws_restore(&world, "1");
    assert_true(ws_dump_has(&world, "lost/FIRN"));
    assert_true(ws_dump_has(&world, "cut/FIRN"));
    assert_false(ws_dump_has(&world, "lost/LOCK"));
    assert_false(ws_dump_has(&world, "cut/LOCK"));
    assert_true(ws_dump_has(&world, "word/LOCK"));
    assert_true(ws_dump_has(&world, "looks/LOCK"));
    ws_world_close(&world);
}

static int
remove_run(void *ctx, const struct fi_os_dirent *entry)
{
    return fi_os_remove_file(ctx, entry->name, NULL) == FIRN_OK ? FIRN_CANCELLED : FIRN_OK;
}

/* It opens, and can be written; so it is saved as the state that it has. */
static void
a_store_that_lost_a_run_is_saved_as_one_state_and_told(void **state)
{
    struct ws_world world;
    struct store_writer writer;
    if (getenv("FIRN_TEST_ENCRYPT") != NULL) {
        skip(); /* what an encrypted MANIFEST names is not known */
    }
    ws_world_open_memory(&world, 311);
    store_writer_begin(&world.tree, "app.firn", 700, &writer);
    scan_put_text(&world.tree, "app.firn/wal-spare.tmp", "spare");
    ws_save(&world);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_STORE], 0);
    struct fi_os_dir *runs = store_writer_dir(&world.tree, "app.firn/runs");
    assert_int_equal(fi_os_dir_list(runs, remove_run, runs, NULL), FIRN_CANCELLED);
    fi_os_dir_close(runs);
    firn_workspace_save_result lost = ws_save(&world);
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_STORE, "app.firn"));
    assert_int_equal(lost.removed, 1);
    assert_int_equal(lost.added + lost.changed, 0); /* what is the writer's own is left out */
    store_writer_end(&writer);
    ws_restore(&world, "1");
    assert_int_equal(store_writer_check_at(&world.tree, "app.firn"), 700);
    ws_save(&world);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_STORE], 0);
    ws_world_close(&world);
}

/* After a power cut the log may end in the middle of a record. */
static void
a_store_that_a_power_cut_left_is_saved_as_it_recovers(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct ws_world world;
        struct store_writer writer;
        ws_world_open_memory(&world, 400 + seed);
        scan_put_dir(&world.tree, "app.firn");
        assert_int_equal(fi_os_dir_sync(world.tree.root, &world.err), FIRN_OK);
        store_writer_begin(&world.tree, "app.firn", (unsigned)(40 * seed), &writer);
        store_writer_crash(&writer);
        fi_sim_memory_power_cut(world.tree.os, seed);
        ws_world_reopen(&world);
        ws_save(&world);
        assert_int_equal(world.notices.counts[FIRN_NOTICE_STORE], 0);
        uint64_t saved = round_of(&world, "latest", "app.firn", seed % 2 == 0);
        assert_int_equal(store_writer_check_at(&world.tree, "app.firn"), saved);
        ws_world_close(&world);
    }
}

/* ---- restores ---- */

static int
try_dry(struct ws_world *world, const char *reference)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.dry_run = true;
    options.threads = 1;
    return fi_ws_restore(world->ws, reference, &options, &result, &world->err);
}

static void
a_store_that_is_written_is_not_restored(void **state)
{
    struct ws_world world;
    struct store_writer writer;
    ws_world_open_memory(&world, 305);
    scan_put_text(&world.tree, "note", "before");
    store_writer_begin(&world.tree, "data/app.firn", 100, &writer);
    ws_save(&world);
    scan_put_text(&world.tree, "note", "after");
    assert_int_equal(try_dry(&world, "1"), FIRN_OK);
    ws_restore(&world, "1"); /* the store is as it was, so nobody minds */
    store_writer_round(&writer);
    scan_put_text(&world.tree, "note", "after");
    char *before = ws_dump(&world);
    assert_int_equal(try_dry(&world, "1"), FIRN_BUSY);
    assert_non_null(strstr(world.err.text, "data/app.firn' is locked by process"));
    assert_int_equal(ws_try_restore(&world, "1", NULL), FIRN_BUSY);
    assert_non_null(strstr(world.err.text, "cannot restore a firn store that is being written"));
    ws_assert_dump(&world, before);
    free(before);
    store_writer_round(&writer); /* and nothing keeps the writer from going on */
    store_writer_end(&writer);
    assert_int_equal(try_dry(&world, "1"), FIRN_OK);
    ws_restore(&world, "1");
    struct fi_os_dir *dir = store_writer_dir(&world.tree, "data/app.firn");
    assert_int_equal(store_writer_check(dir, false), 100);
    assert_int_equal(ws_try_undo(&world, NULL), FIRN_OK);
    assert_int_equal(store_writer_check(dir, false), 102);
    fi_os_dir_close(dir);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

/* ---- faults ---- */

static int
save(void *ctx, struct ws_world *world)
{
    (void)ctx;
    return ws_try_save(world, NULL);
}

static void
assert_saved(void *ctx, struct ws_world *world, const struct ws_broken *broken)
{
    (void)ctx;
    if (broken->rc == FIRN_OK) {
        assert_int_equal(world->notices.counts[FIRN_NOTICE_STORE], 0);
    }
    ws_save(world);
    assert_int_equal(world->notices.counts[FIRN_NOTICE_STORE], 0);
    assert_int_equal(round_of(world, "latest", "app.firn", false), 61);
    ws_assert_check_clean(world);
}

static void
failed_allocations_leave_no_trace(void **state)
{
    test_alloc_install();
    struct ws_world prepared;
    ws_world_open_memory(&prepared, 306);
    prepared.threads = 1;
    store_writer_put(&prepared.tree, "app.firn", 60);
    ws_save(&prepared);
    store_writer_put(&prepared.tree, "app.firn", 1);
    struct ws_break how = {.from = &prepared, .run = save, .judge = assert_saved};
    uint64_t failures = ws_break_allocations(&how, WS_BREAK_ONCE);
    assert_true(failures > 20);
    printf("count: %llu allocations that failed in saves of a store\n",
           (unsigned long long)failures);
    ws_world_close(&prepared);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* ---- beside a writer in another process ---- */

struct shared {
    _Atomic uint64_t acknowledged;
    atomic_bool is_over;
};

/* Never returns; ends with its parent, which may fail. */
static void
hammer(const char *path, pid_t parent, struct shared *shared)
{
    struct fi_os_dir *dir;
    struct store_writer writer;
    if (fi_os_dir_open_path(fi_os_default(), path, &dir, NULL) != FIRN_OK) {
        _exit(1);
    }
    while (!atomic_load(&shared->is_over)) {
        store_writer_open(&writer, dir);
        for (unsigned i = 0; i < 1500 && !atomic_load(&shared->is_over); i++) {
            store_writer_round(&writer);
            atomic_store(&shared->acknowledged, writer.round);
        }
        store_writer_close(&writer);
        if (getppid() != parent) {
            _exit(1);
        }
    }
    fi_os_dir_close(dir);
    _exit(0);
}

static void
each_save_beside_a_writer_is_a_state(void **state)
{
    struct ws_world world;
    char path[300];
    int status;
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    ws_world_open_disk(&world);
    scan_put_dir(&world.tree, "app/data.firn");
    scan_put_text(&world.tree, "app/note", "beside it");
    (void)snprintf(path, sizeof path, "%s/app/data.firn", world.root_path);
    pid_t parent = getpid();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        hammer(path, parent, shared);
    }
    while (atomic_load(&shared->acknowledged) < 50) {
        usleep(1000);
    }
    uint64_t behind = 0;
    for (unsigned i = 0; i < SAVES; i++) {
        uint64_t before = atomic_load(&shared->acknowledged);
        firn_workspace_save_result result;
        char reference[24];
        assert_int_equal(ws_try_save(&world, &result), FIRN_OK);
        uint64_t after = atomic_load(&shared->acknowledged);
        if (result.checkpoint->skipped > 0 || world.notices.counts[FIRN_NOTICE_STORE] > 0) {
            fail_msg("%s", world.notices.text);
        }
        (void)snprintf(reference, sizeof reference, "%llu",
                       (unsigned long long)result.checkpoint->number);
        uint64_t round = round_of(&world, reference, "app/data.firn", i % 2 == 0);
        assert_true(round >= before && round <= after + 1);
        behind += after - round;
    }
    atomic_store(&shared->is_over, true);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    printf("count: %d saves beside a writer, which made %llu commits meanwhile\n", SAVES,
           (unsigned long long)atomic_load(&shared->acknowledged));
    (void)behind;
    ws_assert_check_clean(&world);
    ws_world_close(&world);
    (void)munmap(shared, sizeof *shared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_at_rest_is_saved_once),
        cmocka_unit_test(rules_and_sizes_say_nothing_about_its_files),
        cmocka_unit_test(what_is_the_writers_own_is_left_out),
        cmocka_unit_test(a_store_that_cannot_be_read_is_saved_as_files),
        cmocka_unit_test(a_store_that_lost_its_log_is_told),
        cmocka_unit_test(a_store_that_lost_a_run_is_saved_as_one_state_and_told),
        cmocka_unit_test(a_store_that_a_power_cut_left_is_saved_as_it_recovers),
        cmocka_unit_test(a_store_that_is_written_is_not_restored),
        cmocka_unit_test(failed_allocations_leave_no_trace),
        cmocka_unit_test(each_save_beside_a_writer_is_a_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
