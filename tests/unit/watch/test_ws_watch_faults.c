/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/watch: a save beside a watch of the same process, on a machine in memory: what it visits,
 * and that any allocation of it may fail. Whatever does, the next save finds what there is.
 */
#include "handle/ws_opened.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/workspace/ws_support.h"
#include "watch/watch_internal.h"

enum { IDS_MAX = 256 };
static const int64_t SECOND_NS = 1000000000;

/* A watch whose events are made by hand. */
struct link {
    struct fi_watchlink_local link;
    struct fi_watch_set *set;
    char paths[IDS_MAX][32];
    int count;
    struct ws_world *world;
    void (*before_enter)(struct link *link, const char *path); /* NULL: nothing happens */
    int entered;                                               /* how often a and c were */
};

static int
add(void *ctx, struct fi_os_dir *dir, firn_slice path, int *out_id, firn_error *err)
{
    struct link *link = ctx;
    (void)dir;
    (void)err;
    assert_true(link->count < IDS_MAX);
    snprintf(link->paths[link->count], sizeof link->paths[0], "%.*s", (int)path.size,
             path.size > 0 ? (const char *)path.data : "");
    *out_id = link->count++;
    return FIRN_OK;
}

static void
forget(void *ctx, int id)
{
    (void)ctx;
    (void)id;
}

static void
link_open(struct link *link, struct ws_world *world)
{
    firn_error err;
    *link = (struct link){.world = world};
    const struct fi_watch_kernel kernel = {add, forget, link};
    assert_int_equal(fi_watch_set_create(world->tree.os, &kernel, &link->set, &err), FIRN_OK);
    link->link = ws_watch_link_of(link->set);
    world->ws->watch = &link->link;
}

static void
tell_change(struct link *link, const char *dir)
{
    bool is_change;
    for (int i = 0; i < link->count; i++) {
        if (strcmp(link->paths[i], dir) == 0) {
            const struct fi_os_watch_event event = {
                .kind = FI_OS_WATCH_CHANGED, .id = i, .name = "file"};
            fi_watch_set_event(link->set, &event, &is_change);
        }
    }
}

static void
change(struct link *link, struct ws_world *world, const char *dir, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "%s/file", dir);
    scan_put_text(&world->tree, path, text);
    tell_change(link, dir);
}

static uint64_t
dirty(const struct link *link)
{
    struct fi_watch_set_info info;
    fi_watch_set_info(link->set, &info);
    return info.dirty;
}

/* a, a/b, c, c/d/e: each with a file, saved, and clean. */
static void
prepare(struct ws_world *world, struct link *link)
{
    static const char *const files[] = {"a/file", "a/b/file", "c/file", "c/d/e/file", "c/d/e/more"};
    ws_world_open_memory(world, 71);
    world->threads = 1;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        scan_put_text(&world->tree, files[i], files[i]);
    }
    link_open(link, world);
    ws_save(world);
    assert_int_equal(dirty(link), 0);
}

static void
finish(struct ws_world *world, struct link *link)
{
    world->ws->watch = NULL;
    fi_watch_set_destroy(link->set);
    ws_world_close(world);
}

static firn_hash
root_of_full_save(struct ws_world *world)
{
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    const struct fi_watchlink_local *watch = world->ws->watch;
    options.full = true;
    options.threads = 1;
    world->ws->watch = NULL;
    assert_int_equal(fi_ws_save(world->ws, &options, &result, &world->err), FIRN_OK);
    world->ws->watch = watch;
    return result.checkpoint->root;
}

static void
assert_next_save_is_right(struct ws_world *world)
{
    firn_workspace_save_result result = ws_save(world);
    firn_hash root = root_of_full_save(world);
    assert_memory_equal(result.checkpoint->root.bytes, root.bytes, sizeof root.bytes);
    assert_int_equal(result.checkpoint->files, 5);
    assert_int_equal(result.checkpoint->directories, 5);
}

static void
only_what_has_changed_is_visited(void **state)
{
    struct ws_world world;
    struct link link;
    prepare(&world, &link);
    change(&link, &world, "a/b", "changed");
    /* Where no event came nobody looks: that is what a watch is for. */
    scan_put_text(&world.tree, "c/d/e/file", "nobody was told");
    firn_workspace_save_result before = ws_save(&world);
    assert_int_equal(before.changed, 1);
    assert_int_equal(before.checkpoint->files, 5);
    assert_int_equal(before.checkpoint->directories, 5);
    assert_int_equal(dirty(&link), 0);
    change(&link, &world, "c/d/e", "somebody was told");
    assert_int_equal(ws_save(&world).changed, 1);
    /* A checkpoint that the watch does not know of makes everything be visited. */
    (void)root_of_full_save(&world);
    scan_put_text(&world.tree, "c/d/e/file", "nobody was told again");
    change(&link, &world, "a", "changed");
    (void)root_of_full_save(&world);
    assert_next_save_is_right(&world);
    finish(&world, &link);
}

/* Twice: what the first one reports is what the second one believes. */
static void
assert_next_saves_are_full(struct ws_world *world)
{
    for (int i = 0; i < 2; i++) {
        firn_hash saved = ws_save(world).checkpoint->root;
        firn_hash saved_again = ws_save(world).checkpoint->root;
        firn_hash root = root_of_full_save(world);
        assert_memory_equal(saved.bytes, root.bytes, sizeof root.bytes);
        assert_memory_equal(saved_again.bytes, root.bytes, sizeof root.bytes);
    }
}

/* A restore that comes to nothing: it looks at all, is not reported, and makes no checkpoint. */
static void
look_at_all(struct ws_world *world)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    const firn_slice unchanged = firn_str("c/d");
    options.paths = &unchanged;
    options.path_count = 1;
    options.threads = 1;
    assert_int_equal(fi_ws_restore(world->ws, "latest", &options, &result, &world->err), FIRN_OK);
    assert_string_equal(result.safety_id, "");
}

static void
a_link_is_new_that_only_a_scan_has_seen_which_was_not_reported(void **state)
{
    struct ws_world world;
    struct link link;
    prepare(&world, &link);
    scan_put_link(&world.tree, "a/b/second", "c/file");
    tell_change(&link, "a/b");
    look_at_all(&world);
    assert_next_saves_are_full(&world);
    finish(&world, &link);
}

static void
set_clock_back(struct ws_world *world)
{
    struct fi_os *os = world->tree.os;
    fi_sim_memory_set_time(os, fi_os_now_ns(os) - 10 * SECOND_NS);
}

/* The next save begins before the time that the last one began at, or later: it is the same. */
static void
a_clock_set_back_makes_no_link_known(void **state)
{
    for (int64_t pause_ns = 0; pause_ns <= 20 * SECOND_NS; pause_ns += 20 * SECOND_NS) {
        struct ws_world world;
        struct link link;
        prepare(&world, &link);
        set_clock_back(&world);
        scan_put_link(&world.tree, "a/b/second", "c/file");
        tell_change(&link, "a/b");
        look_at_all(&world);
        fi_os_sleep_ns(world.tree.os, pause_ns);
        assert_next_saves_are_full(&world);
        finish(&world, &link);
    }
}

static int
ask_set(void *ctx, const struct fi_watch_question *question, struct fi_buf *out, firn_error *err)
{
    return fi_watch_set_query(((struct link *)ctx)->set, question, out, err);
}

static void
enter_set(void *ctx, struct fi_os_dir *dir, firn_slice path)
{
    struct link *link = ctx;
    char text[32];
    snprintf(text, sizeof text, "%.*s", (int)path.size, (const char *)path.data);
    link->before_enter(link, text);
    fi_watch_set_enter(link->set, dir, path);
}

static void
tell_set(void *ctx, firn_slice report)
{
    assert_int_equal(fi_watch_set_report(((struct link *)ctx)->set, report, NULL), FIRN_OK);
}

/* Something happens whenever a directory is about to be watched. */
static void
disturb(struct link *link, void (*before_enter)(struct link *link, const char *path))
{
    link->before_enter = before_enter;
    link->link = (struct fi_watchlink_local){ask_set, enter_set, tell_set, link};
}

/* As the second of a and c is about to be listed, what lies in the other one gets a name there. */
static void
link_between(struct link *link, const char *path)
{
    char other[64];
    char name[64];
    if (strlen(path) != 1) {
        return;
    }
    link->entered++;
    if (link->entered == 2) {
        snprintf(other, sizeof other, "%s/file", strcmp(path, "a") == 0 ? "c" : "a");
        snprintf(name, sizeof name, "%s/second", path);
        scan_put_link(&link->world->tree, name, other);
        tell_change(link, path);
    }
}

static void
set_clock_back_and_link_between(struct link *link, const char *path)
{
    if (strlen(path) == 1 && link->entered == 1) {
        set_clock_back(link->world);
    }
    link_between(link, path);
}

static void
a_link_may_be_made_while_a_scan_runs(void **state)
{
    void (*const hooks[])(struct link *, const char *) = {link_between,
                                                          set_clock_back_and_link_between};
    for (size_t i = 0; i < sizeof hooks / sizeof hooks[0]; i++) {
        struct ws_world world;
        struct link link;
        prepare(&world, &link);
        disturb(&link, hooks[i]);
        scan_put_text(&world.tree, "c/d/e/file", "not told");
        (void)root_of_full_save(&world); /* so that the next one visits everything */
        ws_save(&world);
        assert_int_equal(link.entered, 2);
        fi_os_sleep_ns(world.tree.os, 20 * SECOND_NS);
        assert_next_saves_are_full(&world);
        finish(&world, &link);
    }
}

/* Nobody is told of it yet. */
static void
change_mode(struct link *link, const char *path)
{
    if (strcmp(path, "a/b") == 0) {
        scan_set_mode(&link->world->tree, path, 0700);
    }
}

static void
a_directory_may_change_just_before_it_is_watched(void **state)
{
    struct ws_world world;
    struct link link;
    ws_world_open_memory(&world, 72);
    world.threads = 1;
    scan_put_text(&world.tree, "a/b/file", "file");
    link_open(&link, &world);
    disturb(&link, change_mode);
    ws_save(&world);
    assert_int_equal(dirty(&link), 0);
    assert_next_saves_are_full(&world);
    finish(&world, &link);
}

static void
who_has_enough_of_a_save_need_not_say_so_twice(void **state)
{
    struct ws_world world;
    struct link link;
    prepare(&world, &link);
    change(&link, &world, "a/b", "changed");
    /* When the scan begins, and when it is over. */
    for (uint64_t at = 1; at <= 2; at++) {
        world.notices.cancel_at = at;
        assert_int_equal(ws_try_save(&world, NULL), FIRN_CANCELLED);
    }
    world.notices.cancel_at = 0;
    assert_next_save_is_right(&world);
    finish(&world, &link);
}

/* Two names of one file of rules: what is written through one of them shows in its directory alone,
 * and then that name goes. */
static void
rules_may_change_through_another_name(void **state)
{
    for (int is_looked_at = 0; is_looked_at <= 1; is_looked_at++) {
        struct ws_world world;
        struct link link;
        prepare(&world, &link);
        scan_put_text(&world.tree, "a/.firnignore", "nothing\n");
        scan_put_link(&world.tree, "c/rules", "a/.firnignore");
        tell_change(&link, "a");
        tell_change(&link, "c");
        ws_save(&world);
        scan_put_text(&world.tree, "c/rules", "file\n");
        scan_remove_file(&world.tree, "c/rules");
        tell_change(&link, "c");
        if (is_looked_at) {
            look_at_all(&world);
        }
        assert_next_saves_are_full(&world);
        finish(&world, &link);
    }
}

static void
what_is_left_out_is_told_once_although_a_scan_begins_once_more(void **state)
{
    struct ws_world world;
    struct link link;
    prepare(&world, &link);
    scan_put_fifo(&world.tree, "fifo");
    ws_save(&world);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_SPECIAL], 1);
    scan_put_link(&world.tree, "a/b/second", "c/file");
    tell_change(&link, "a/b");
    ws_save(&world);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_SPECIAL], 1);
    finish(&world, &link);
}

static void
any_allocation_may_fail(void **state)
{
    test_alloc_install();
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        struct ws_world world;
        struct link link;
        prepare(&world, &link);
        change(&link, &world, "a/b", "changed");
        scan_put_fifo(&world.tree, "fifo");
        test_fault_allocation(&fault);
        int rc = ws_try_save(&world, NULL);
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        assert_true(rc != FIRN_OK || world.notices.counts[FIRN_NOTICE_SPECIAL] == 1);
        change(&link, &world, "c", "changed");
        assert_next_save_is_right(&world);
        finish(&world, &link);
    }
    assert_true(fault.refused > 50);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_has_changed_is_visited),
        cmocka_unit_test(a_link_is_new_that_only_a_scan_has_seen_which_was_not_reported),
        cmocka_unit_test(a_clock_set_back_makes_no_link_known),
        cmocka_unit_test(a_link_may_be_made_while_a_scan_runs),
        cmocka_unit_test(a_directory_may_change_just_before_it_is_watched),
        cmocka_unit_test(who_has_enough_of_a_save_need_not_say_so_twice),
        cmocka_unit_test(rules_may_change_through_another_name),
        cmocka_unit_test(what_is_left_out_is_told_once_although_a_scan_begins_once_more),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
