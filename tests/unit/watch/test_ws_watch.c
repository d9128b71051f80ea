/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/watch: a watch on a real disk, in a thread of its own, by inotify and, where that is
 * allowed, by fanotify. Whatever is done to the tree, a save that asks it comes to the tree that a
 * save into another store comes to, which looks at everything.
 *
 * FIRN_TEST_SEED runs one seed; FIRN_TEST_LONG=1 runs many steps.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "place/place.h"
#include "posix/os_socket.h"
#include "support/test.h"
#include "support/test_os.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_support.h"
#include "watch/watch.h"
#include "watch/watch_internal.h"

#define MS INT64_C(1000000)

static bool is_by_fanotify; /* what this run is about */

struct watcher {
    struct ws_world *world;
    struct firn_ws *ws;
    firn_workspace_watch_options options;
    firn_workspace_save_options save;
    pthread_t thread;
    atomic_bool stops;
    atomic_bool has_started;
    atomic_int saved;
    atomic_int lost;
    int rc; /* when the thread has been joined; likewise err */
    firn_error err;
};

static void
on_event(void *ctx, const firn_workspace_watch_event *event)
{
    struct watcher *watcher = ctx;
    if (event->kind == FIRN_WATCH_EVENT_STARTED) {
        atomic_store(&watcher->has_started, true);
    } else if (event->kind == FIRN_WATCH_EVENT_SAVED) {
        atomic_fetch_add(&watcher->saved, 1);
    } else if (event->kind == FIRN_WATCH_EVENT_LOST) {
        atomic_fetch_add(&watcher->lost, 1);
    }
}

static int
on_tick(void *ctx)
{
    return atomic_load(&((struct watcher *)ctx)->stops) ? FIRN_CANCELLED : FIRN_OK;
}

static void *
run(void *arg)
{
    struct watcher *watcher = arg;
    watcher->rc = fi_watch(watcher->ws, &watcher->options, &watcher->err);
    return NULL;
}

static struct firn_ws *
open_at(struct ws_world *world, const char *path, const char *store_path)
{
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    firn_error err;
    struct firn_ws *ws;
    options.store_path = store_path;
    options.lock_timeout_ms = 60000;
    TEST_OK(fi_ws_open(world->tree.os, path, &options, &ws, &err), &err);
    return ws;
}

static struct firn_ws *
open_ws(struct ws_world *world, const char *store_path)
{
    return open_at(world, world->root_path, store_path);
}

static void
start(struct watcher *watcher, struct ws_world *world, bool only_watch, int64_t quiet_ms)
{
    *watcher = (struct watcher){.world = world,
                                .options = FIRN_WORKSPACE_WATCH_OPTIONS_INIT,
                                .save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT};
    watcher->ws = open_ws(world, world->store_path);
    watcher->save.message = firn_str("watch");
    watcher->save.threads = 2;
    watcher->options.save = &watcher->save;
    watcher->options.only_watch = only_watch;
    watcher->options.quiet_ms = quiet_ms;
    watcher->options.on_event = on_event;
    watcher->options.on_tick = on_tick;
    watcher->options.ctx = watcher;
    assert_int_equal(pthread_create(&watcher->thread, NULL, run, watcher), 0);
    for (int i = 0; i < 6000 && !atomic_load(&watcher->has_started); i++) {
        fi_os_sleep_ns(world->tree.os, 10 * MS);
    }
    assert_true(atomic_load(&watcher->has_started));
}

static int
join(struct watcher *watcher)
{
    assert_int_equal(pthread_join(watcher->thread, NULL), 0);
    fi_ws_close(watcher->ws);
    return watcher->rc;
}

static void
stop(struct watcher *watcher)
{
    atomic_store(&watcher->stops, true);
    int rc = join(watcher);
    TEST_OK(rc, &watcher->err);
}

/* ---- the same tree ---- */

struct twin {
    struct firn_ws *watched; /* asks the watch */
    struct firn_ws *other;   /* its store is not watched */
    char *store_path;
};

static void
twin_open(struct twin *twin, struct ws_world *world)
{
    size_t size = strlen(world->store_path) + 8;
    twin->store_path = malloc(size);
    assert_non_null(twin->store_path);
    snprintf(twin->store_path, size, "%s.other", world->store_path);
    twin->watched = open_ws(world, world->store_path);
    twin->other = open_ws(world, twin->store_path);
}

static void
twin_close(struct twin *twin, struct ws_world *world)
{
    struct fi_os_dir *dir;
    fi_ws_close(twin->watched);
    fi_ws_close(twin->other);
    assert_int_equal(fi_os_dir_open_path(world->tree.os, twin->store_path, &dir, NULL), FIRN_OK);
    test_os_temp_dir_remove(dir);
    free(twin->store_path);
}

/* file_size_max: of both saves, and of a status before; 0: none. */
static void
assert_same_up_to(struct twin *twin, uint64_t file_size_max)
{
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result mine;
    firn_workspace_save_result full;
    firn_workspace_status_options status_options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result status;
    firn_error err;
    options.threads = 2;
    options.file_size_max = file_size_max;
    status_options.file_size_max = file_size_max;
    TEST_OK(fi_ws_status(twin->watched, &status_options, NULL, NULL, &status, &err), &err);
    TEST_OK(fi_ws_save(twin->watched, &options, &mine, &err), &err);
    options.full = true;
    TEST_OK(fi_ws_save(twin->other, &options, &full, &err), &err);
    assert_memory_equal(mine.checkpoint->root.bytes, full.checkpoint->root.bytes,
                        sizeof mine.checkpoint->root.bytes);
    assert_int_equal(mine.checkpoint->files, full.checkpoint->files);
    assert_int_equal(mine.checkpoint->bytes, full.checkpoint->bytes);
    assert_int_equal(mine.checkpoint->directories, full.checkpoint->directories);
    assert_int_equal(mine.checkpoint->excluded, full.checkpoint->excluded);
    assert_int_equal(mine.checkpoint->skipped, full.checkpoint->skipped);
    assert_int_equal(status.added + status.changed + status.times_only + status.unchanged,
                     full.checkpoint->files);
}

static void
assert_same(struct twin *twin)
{
    assert_same_up_to(twin, 0);
}

static bool
is_watched(struct ws_world *world)
{
    firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result status;
    TEST_OK(fi_ws_status(world->ws, &options, NULL, NULL, &status, &world->err), &world->err);
    return status.is_watched;
}

static void
edit_and_compare(uint64_t seed, bool only_watch)
{
    struct ws_world world;
    struct watcher watcher;
    struct twin twin;
    struct test_random random;
    int steps = getenv("FIRN_TEST_LONG") != NULL ? 500 : 25;
    test_random_init(&random, "ws_watch", seed);
    ws_world_open_disk(&world);
    ws_edit_grow(&world.tree, &random, 60);
    ws_save(&world);
    start(&watcher, &world, only_watch, 5);
    twin_open(&twin, &world);
    for (int step = 0; step < steps; step++) {
        for (uint64_t edits = test_random_below(&random, 4); edits > 0; edits--) {
            ws_edit_step(&world.tree, &random);
        }
        if (test_random_below(&random, 4) == 0) {
            fi_os_sleep_ns(world.tree.os, 8 * MS); /* a saving watch may be quicker */
        }
        assert_same_up_to(&twin, test_random_below(&random, 5) == 0 ? 100 : 0);
    }
    assert_true(is_watched(&world) || !only_watch); /* one that saves answers later */
    stop(&watcher);
    assert_false(is_watched(&world));
    twin_close(&twin, &world);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
a_save_beside_a_watch_finds_what_there_is(void **state)
{
    edit_and_compare(31, true);
    edit_and_compare(32, true);
}

static void
so_does_the_watch_by_itself(void **state)
{
    edit_and_compare(41, false);
    edit_and_compare(42, false);
}

static void
links_that_appear_are_seen_in_directories_that_did_not_change(void **state)
{
    struct ws_world world;
    struct watcher watcher;
    struct twin twin;
    ws_world_open_disk(&world);
    scan_put_text(&world.tree, "b/file", "text");
    scan_put_text(&world.tree, "c/other", "text");
    ws_save(&world);
    start(&watcher, &world, true, 5);
    twin_open(&twin, &world);
    for (int i = 0; i < 3; i++) {
        assert_same(&twin);
    }
    scan_put_link(&world.tree, "a/first", "b/file"); /* it now holds the content of b/file */
    assert_same(&twin);
    assert_same(&twin);
    scan_put_link(&world.tree, "c/second", "b/file");
    assert_same(&twin);
    scan_put_text(&world.tree, "c/second", "changed");
    assert_same(&twin);
    scan_remove_file(&world.tree, "a/first");
    assert_same(&twin);
    scan_remove_file(&world.tree, "c/second");
    assert_same(&twin);
    assert_same(&twin);
    stop(&watcher);
    twin_close(&twin, &world);
    ws_world_close(&world);
}

static void
rules_that_did_not_change_are_still_those_of_the_next_checkpoint(void **state)
{
    struct ws_world world;
    struct watcher watcher;
    struct twin twin;
    ws_world_open_disk(&world);
    scan_put_text(&world.tree, "a/.firnignore", "*.none\n");
    scan_put_text(&world.tree, "b/file", "text");
    ws_save(&world);
    start(&watcher, &world, true, 5);
    twin_open(&twin, &world);
    for (int i = 0; i < 3; i++) {
        assert_same(&twin);
    }
    scan_put_text(&world.tree, "b/file", "changed");
    assert_same(&twin);
    /* So a restore of it leaves alone what they exclude. */
    scan_remove_file(&world.tree, "a/.firnignore");
    scan_put_text(&world.tree, "a/x.none", "precious");
    ws_restore(&world, "latest");
    struct fi_os_dir *dir;
    assert_int_equal(fi_os_dir_open_beneath(world.tree.root, "a", &dir, NULL), FIRN_OK);
    assert_true(test_os_has(dir, "x.none"));
    assert_true(test_os_has(dir, ".firnignore"));
    fi_os_dir_close(dir);
    assert_same(&twin);
    stop(&watcher);
    twin_close(&twin, &world);
    ws_world_close(&world);
}

static void
files_that_are_too_large_now_are_left_out_though_nothing_changed(void **state)
{
    struct ws_world world;
    struct watcher watcher;
    struct twin twin;
    ws_world_open_disk(&world);
    scan_put_text(&world.tree, "a/small", "text");
    scan_put_random(&world.tree, "a/large", 1, 5000);
    scan_put_text(&world.tree, "b/file", "text");
    ws_save(&world);
    start(&watcher, &world, true, 5);
    twin_open(&twin, &world);
    static const uint64_t sizes[] = {0, 0, 0, 4000, 4000, 4000, 5000, 0, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_same_up_to(&twin, sizes[i]);
    }
    stop(&watcher);
    twin_close(&twin, &world);
    ws_world_close(&world);
}

/* The directory that the watch is of is still there. */
static void
another_directory_that_goes_on_with_the_checkpoints_is_not_watched(void **state)
{
    struct ws_world world;
    struct watcher watcher;
    struct scan_world copy;
    struct firn_ws *ws;
    char path[512];
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    firn_error err;
    ws_world_open_disk(&world);
    scan_put_text(&world.tree, "a/file", "text");
    ws_save(&world);
    start(&watcher, &world, true, 5);
    snprintf(path, sizeof path, "%s.copy", world.store_path);
    copy = (struct scan_world){.os = world.tree.os};
    TEST_OK(fi_trust_home_open_dir(copy.os, path, true, &copy.root, &err), &err);
    scan_put_text(&copy, "a/file", "text");
    ws = open_at(&world, path, world.store_path);
    TEST_OK(fi_ws_workspaces_adopt(ws, world.root_path, &err), &err);
    for (int i = 0; i < 3; i++) {
        TEST_OK(fi_ws_save(ws, &options, &result, &err), &err);
    }
    scan_put_text(&copy, "a/file", "changed");
    TEST_OK(fi_ws_save(ws, &options, &result, &err), &err);
    assert_int_equal(result.changed, 1);
    stop(&watcher);
    fi_ws_close(ws);
    test_os_temp_dir_remove(copy.root);
    ws_world_close(&world);
}

static int
ask_for_much(void *ctx, const struct fi_watch_question *question, struct fi_buf *out,
             firn_error *err)
{
    (void)ctx;
    (void)question;
    (void)err;
    assert_int_equal(fi_watchlink_wire_put_token(out, 7), FIRN_OK);
    assert_int_equal(fi_watchlink_wire_put_begun(out, 8), FIRN_OK);
    return fi_buf_set_size(out, FI_WATCHLINK_WIRE_SIZE_MAX + 1);
}

static void
an_answer_that_is_too_long_names_nothing_but_can_be_read(void **state)
{
    const struct fi_watch_serve serve = {.ask = ask_for_much};
    const struct fi_watch_question question = {.will_report = true};
    struct fi_os_socket *listener;
    struct fi_os_socket *socket;
    struct fi_buf bytes = {0};
    enum fi_watchlink_wire_kind kind;
    struct ws_world world;
    struct fi_os_dir *dir;
    uint64_t token;
    int64_t begun_ns;
    firn_error err;
    ws_world_open_disk(&world);
    ws_save(&world);
    TEST_OK(fi_os_dir_open_path(world.tree.os, world.store_path, &dir, &err), &err);
    TEST_OK(fi_os_socket_listen(dir, "watch-9", &listener, &err), &err);
    TEST_OK(fi_os_socket_connect(dir, "watch-9", &socket, &err), &err);
    assert_int_equal(fi_watchlink_wire_put_question(&bytes, &question), FIRN_OK);
    TEST_OK(fi_watchlink_send(socket, FI_WATCHLINK_WIRE_ASK, fi_buf_slice(&bytes), &err), &err);
    fi_watch_serve(listener, &serve);
    TEST_OK(fi_watchlink_receive(socket, 1000 * MS, &kind, &bytes, &err), &err);
    assert_int_equal(kind, FI_WATCHLINK_WIRE_ANSWER);
    struct fi_reader reader = fi_reader_of(fi_buf_slice(&bytes));
    TEST_OK(fi_watchlink_wire_get_token(&reader, &token, &err), &err);
    TEST_OK(fi_watchlink_wire_get_begun(&reader, &begun_ns, &err), &err);
    assert_int_equal(token, 7);
    assert_int_equal(begun_ns, 8);
    assert_int_equal(fi_reader_left(&reader), 0);
    fi_buf_deinit(&bytes);
    fi_os_socket_close(socket);
    fi_os_socket_close(listener);
    fi_os_dir_close(dir);
    ws_world_close(&world);
}

/* ---- saving ---- */

static uint64_t
newest(struct ws_world *world, bool *out_is_by_watch)
{
    firn_workspace_checkpoint *checkpoint;
    firn_error err;
    TEST_OK(fi_ws_find(world->ws, "latest", &checkpoint, &err), &err);
    *out_is_by_watch =
        checkpoint->message.size == 5 && memcmp(checkpoint->message.data, "watch", 5) == 0;
    return checkpoint->number;
}

static void
it_saves_after_quiet_and_only_what_changed(void **state)
{
    struct ws_world world;
    struct watcher watcher;
    bool is_by_watch;
    ws_world_open_disk(&world);
    scan_put_text(&world.tree, "dir/file", "one");
    start(&watcher, &world, false, 20); /* the first save makes the store */
    assert_int_equal(newest(&world, &is_by_watch), 1);
    assert_true(is_by_watch);
    fi_os_sleep_ns(world.tree.os, 100 * MS);
    assert_int_equal(newest(&world, &is_by_watch), 1);
    scan_put_text(&world.tree, "dir/file", "two");
    for (int i = 0; i < 3000 && newest(&world, &is_by_watch) < 2; i++) {
        fi_os_sleep_ns(world.tree.os, 10 * MS);
    }
    fi_os_sleep_ns(world.tree.os, 100 * MS);
    uint64_t saved = newest(&world, &is_by_watch);
    assert_true(saved == 2 ||
                saved == 3); /* of a file that is empty for long before it is written */
    assert_true(is_by_watch);
    stop(&watcher);
    assert_int_equal(atomic_load(&watcher.saved), saved);
    ws_world_close(&world);
}

/* Writes files into directories that are new, adds their number to *count, and says which checkpoint
 * is the newest then; true if all that took no long pause. */
static bool
write_steadily(struct ws_world *world, int attempt, int64_t quiet_ms, uint64_t *count,
               uint64_t *out_newest)
{
    bool is_by_watch;
    struct fi_os *os = world->tree.os;
    int64_t begin_ns = fi_os_monotonic_ns(os);
    int64_t last_ns = begin_ns;
    int64_t longest_ns = 0;
    for (int i = 0; last_ns - begin_ns < 4 * quiet_ms * MS; i++) {
        char path[48];
        /* A while into the first one, then into some that are made in it. */
        snprintf(path, sizeof path, i < 30 ? "new%d/file%d" : "new%d/a/b%d/file", attempt, i);
        scan_put_text(&world->tree, path, "text");
        ++*count;
        int64_t now_ns = fi_os_monotonic_ns(os);
        longest_ns = now_ns - last_ns > longest_ns ? now_ns - last_ns : longest_ns;
        last_ns = now_ns;
        fi_os_sleep_ns(os, quiet_ms * MS / 20);
    }
    *out_newest = newest(world, &is_by_watch);
    int64_t now_ns = fi_os_monotonic_ns(os);
    longest_ns = now_ns - last_ns > longest_ns ? now_ns - last_ns : longest_ns;
    return longest_ns < quiet_ms * MS / 2;
}

static void
work_in_a_directory_that_is_new_is_no_quiet(void **state)
{
    const int64_t quiet_ms = 400;
    struct ws_world world;
    struct watcher watcher;
    firn_workspace_checkpoint *checkpoint;
    firn_error err;
    uint64_t count = 0;
    bool is_by_watch;
    bool is_steady = false;
    ws_world_open_disk(&world);
    start(&watcher, &world, false, quiet_ms);
    for (int attempt = 0; attempt < 50 && !is_steady; attempt++) {
        uint64_t before = newest(&world, &is_by_watch);
        uint64_t after;
        is_steady = write_steadily(&world, attempt, quiet_ms, &count, &after);
        assert_true(after == before || !is_steady); /* on a busy machine there may be a pause */
        for (int i = 0; i < 3000 && newest(&world, &is_by_watch) == after; i++) {
            fi_os_sleep_ns(world.tree.os, 10 * MS);
        }
    }
    assert_true(is_steady);
    TEST_OK(fi_ws_find(world.ws, "latest", &checkpoint, &err), &err);
    assert_int_equal(checkpoint->files, count);
    stop(&watcher);
    ws_world_close(&world);
}

static void
it_saves_what_is_never_quiet(void **state)
{
    struct ws_world world;
    struct watcher watcher;
    bool is_by_watch;
    ws_world_open_disk(&world);
    scan_put_text(&world.tree, "file0", "");
    watcher = (struct watcher){.world = &world,
                               .options = FIRN_WORKSPACE_WATCH_OPTIONS_INIT,
                               .save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT};
    watcher.ws = open_ws(&world, world.store_path);
    watcher.options.save = &watcher.save;
    watcher.options.quiet_ms = 3600000;
    watcher.options.interval_max_ms = 50;
    watcher.options.on_tick = on_tick;
    watcher.options.on_event = on_event;
    watcher.options.ctx = &watcher;
    assert_int_equal(pthread_create(&watcher.thread, NULL, run, &watcher), 0);
    for (int i = 0; i < 20000 && atomic_load(&watcher.saved) < 2; i++) {
        char name[24];
        char text[16];
        /* Each one rests, or could not be saved; some are in directories that are new. */
        snprintf(name, sizeof name, i % 2 == 0 ? "file%d" : "dir%d/file", i % 100);
        snprintf(text, sizeof text, "%d", i);
        scan_put_text(&world.tree, name, text);
        fi_os_sleep_ns(world.tree.os, 5 * MS);
    }
    assert_true(newest(&world, &is_by_watch) >= 2);
    stop(&watcher);
    ws_world_close(&world);
}

/* ---- one watch ---- */

static void
there_is_one_watch_at_a_time(void **state)
{
    struct ws_world world;
    struct watcher watcher;
    firn_workspace_watch_info info;
    firn_error err;
    ws_world_open_disk(&world);
    scan_put_text(&world.tree, "dir/file", "text");
    assert_int_equal(fi_watch_inspect(world.ws, &info, &err), FIRN_NOT_FOUND);
    start(&watcher, &world, false, 20);
    struct firn_ws *second = open_ws(&world, world.store_path);
    assert_int_equal(fi_watch(second, &watcher.options, &err), FIRN_CONFLICT);
    fi_ws_close(second);
    TEST_OK(fi_watch_inspect(world.ws, &info, &err), &err);
    assert_int_equal(info.process, fi_os_process_id(world.tree.os));
    assert_int_equal(info.directories, 2);
    assert_int_equal(info.dirty, 0);
    assert_int_equal(info.is_by_fanotify, is_by_fanotify);
    TEST_OK(fi_watch_stop(world.ws, &info, &err), &err);
    int rc = join(&watcher);
    TEST_OK(rc, &watcher.err);
    assert_int_equal(fi_watch_inspect(world.ws, &info, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_watch_stop(world.ws, &info, &err), FIRN_NOT_FOUND);
    ws_world_close(&world);
}

static void
it_ends_when_the_workspace_goes(void **state)
{
    struct ws_world world;
    struct watcher watcher;
    ws_world_open_disk(&world);
    scan_put_text(&world.tree, "file", "text");
    start(&watcher, &world, false, 20);
    char *aside = malloc(strlen(world.root_path) + 8);
    assert_non_null(aside);
    snprintf(aside, strlen(world.root_path) + 8, "%s.aside", world.root_path);
    assert_int_equal(rename(world.root_path, aside), 0);
    assert_int_equal(join(&watcher), FIRN_NOT_FOUND);
    assert_int_equal(rename(aside, world.root_path), 0);
    free(aside);
    ws_world_close(&world);
}

static void
it_ends_when_the_store_goes(void **state)
{
    struct ws_world world;
    struct watcher watcher;
    struct fi_os_dir *store;
    ws_world_open_disk(&world);
    scan_put_text(&world.tree, "file", "text");
    start(&watcher, &world, false, 20);
    assert_int_equal(fi_os_dir_open_path(world.tree.os, world.store_path, &store, NULL), FIRN_OK);
    assert_int_equal(fi_os_remove_file(store, "watch-1", NULL), FIRN_OK);
    fi_os_dir_close(store);
    assert_int_equal(join(&watcher), FIRN_NOT_FOUND);
    ws_world_close(&world);
}

static void
nothing_is_watched_in_a_simulation(void **state)
{
    struct ws_world world;
    firn_workspace_watch_options options = FIRN_WORKSPACE_WATCH_OPTIONS_INIT;
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_error err;
    ws_world_open_memory(&world, 3);
    options.save = &save;
    assert_int_equal(fi_watch(world.ws, &options, &err), FIRN_UNSUPPORTED);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest of_both[] = {
        cmocka_unit_test(a_save_beside_a_watch_finds_what_there_is),
        cmocka_unit_test(so_does_the_watch_by_itself),
        cmocka_unit_test(links_that_appear_are_seen_in_directories_that_did_not_change),
        cmocka_unit_test(files_that_are_too_large_now_are_left_out_though_nothing_changed),
        cmocka_unit_test(rules_that_did_not_change_are_still_those_of_the_next_checkpoint),
        cmocka_unit_test(another_directory_that_goes_on_with_the_checkpoints_is_not_watched),
        cmocka_unit_test(an_answer_that_is_too_long_names_nothing_but_can_be_read),
        cmocka_unit_test(it_saves_after_quiet_and_only_what_changed),
        cmocka_unit_test(work_in_a_directory_that_is_new_is_no_quiet),
        cmocka_unit_test(it_saves_what_is_never_quiet),
        cmocka_unit_test(there_is_one_watch_at_a_time),
    };
    const struct CMUnitTest of_any[] = {
        cmocka_unit_test(it_ends_when_the_workspace_goes),
        cmocka_unit_test(it_ends_when_the_store_goes),
        cmocka_unit_test(nothing_is_watched_in_a_simulation),
    };
    (void)test_os_admin(false);
    int failed = cmocka_run_group_tests_name("inotify", of_both, NULL, NULL);
    failed += cmocka_run_group_tests_name("any", of_any, NULL, NULL);
    if (test_os_may_use_fanotify()) {
        is_by_fanotify = true;
        failed += cmocka_run_group_tests_name("fanotify", of_both, NULL, NULL);
    } else {
        print_message("SKIPPED: " TEST_OS_NO_FANOTIFY "\n");
    }
    return failed;
}
