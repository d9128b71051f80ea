/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/watch: new directories that are watched before a save visits them, on a machine in memory:
 * which ones, how many at a time, and that any allocation may fail. Whatever does, the next save
 * finds what there is.
 */
#include "base/slice.h"
#include "handle/ws_opened.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/workspace/ws_support.h"
#include "watch/watch_internal.h"

enum { IDS_MAX = 4096, PATH_SIZE = 32, MANY = 1500, TEXT_SIZE = 1024 };

/* A watch whose events are made by hand. */
struct bench {
    struct ws_world world;
    struct fi_watchlink_local link;
    struct fi_watch_set *set;
    struct fi_watch_new fresh;
    char paths[IDS_MAX][PATH_SIZE]; /* by id; "-" when removed */
    int count;
    const char *refused; /* a path that cannot be watched */
    int next_id;         /* not -1: what the next one gets, as if it were that directory */
};

static int
add(void *ctx, struct fi_os_dir *dir, firn_slice path, int *out_id, firn_error *err)
{
    struct bench *bench = ctx;
    (void)dir;
    if (bench->refused != NULL && fi_slice_equal(path, firn_str(bench->refused))) {
        return fi_error_set(err, FIRN_LIMIT, "no more");
    }
    *out_id = bench->next_id;
    bench->next_id = -1;
    if (*out_id < 0) {
        assert_true(bench->count < IDS_MAX);
        snprintf(bench->paths[bench->count], PATH_SIZE, "%.*s", (int)path.size,
                 path.size > 0 ? (const char *)path.data : "");
        *out_id = bench->count++;
    }
    return FIRN_OK;
}

static void
forget(void *ctx, int id)
{
    struct bench *bench = ctx;
    snprintf(bench->paths[id], PATH_SIZE, "-");
}

static struct fi_watch_set_info
info_of(const struct bench *bench)
{
    struct fi_watch_set_info info;
    fi_watch_set_info(bench->set, &info);
    return info;
}

/* The root and "old", saved and clean. */
static struct bench *
bench_open(void)
{
    struct bench *bench = calloc(1, sizeof *bench);
    firn_error err;
    assert_non_null(bench);
    ws_world_open_memory(&bench->world, 72);
    bench->world.threads = 1;
    bench->next_id = -1;
    const struct fi_watch_kernel kernel = {add, forget, bench};
    assert_int_equal(fi_watch_set_create(bench->world.tree.os, &kernel, &bench->set, &err),
                     FIRN_OK);
    bench->fresh.os = bench->world.tree.os;
    bench->link = ws_watch_link_of(bench->set);
    bench->world.ws->watch = &bench->link;
    scan_put_text(&bench->world.tree, "old/file", "text");
    ws_save(&bench->world);
    assert_int_equal(info_of(bench).directories, 2);
    assert_int_equal(info_of(bench).dirty, 0);
    return bench;
}

static void
bench_close(struct bench *bench)
{
    bench->world.ws->watch = NULL;
    fi_watch_new_deinit(&bench->fresh);
    fi_watch_set_destroy(bench->set);
    ws_world_close(&bench->world);
    free(bench);
}

/* The newest id of a path. */
static int
id_of(const struct bench *bench, const char *path)
{
    for (int i = bench->count - 1; i >= 0; i--) {
        if (strcmp(bench->paths[i], path) == 0) {
            return i;
        }
    }
    return -1;
}

/* Something came, or went, under a name of a directory that is watched. */
static void
happen(struct bench *bench, const char *dir, const char *name, bool is_dir)
{
    bool is_change;
    const struct fi_os_watch_event event = {
        .kind = FI_OS_WATCH_NAMES, .id = id_of(bench, dir), .name = name, .is_dir = is_dir};
    fi_watch_set_event(bench->set, &event, &is_change);
    assert_true(is_change);
    fi_watch_new_note(&bench->fresh, bench->set, &event);
}

static bool
work(struct bench *bench)
{
    return fi_watch_new_work(&bench->fresh, bench->set, bench->world.tree.root);
}

static bool
is_watched(const struct bench *bench, const char *path)
{
    return id_of(bench, path) >= 0;
}

/* The next save finds what a save of everything finds. */
static void
assert_next_save_is_right(struct bench *bench)
{
    struct ws_world *world = &bench->world;
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result full;
    firn_workspace_save_result result = ws_save(world);
    options.full = true;
    options.threads = 1;
    world->ws->watch = NULL;
    assert_int_equal(fi_ws_save(world->ws, &options, &full, &world->err), FIRN_OK);
    world->ws->watch = &bench->link;
    assert_memory_equal(result.checkpoint->root.bytes, full.checkpoint->root.bytes,
                        sizeof full.checkpoint->root.bytes);
    assert_int_equal(result.checkpoint->files, full.checkpoint->files);
    assert_int_equal(result.checkpoint->directories, full.checkpoint->directories);
}

/* ---- tests ---- */

static void
a_directory_that_came_is_watched_with_all_below_it(void **state)
{
    struct bench *bench = bench_open();
    scan_put_text(&bench->world.tree, "old/new/a/file", "text");
    scan_put_text(&bench->world.tree, "old/new/b/c/file", "text");
    assert_false(work(bench));
    happen(bench, "old", "new", true);
    assert_true(fi_watch_new_has_any(&bench->fresh));
    assert_true(work(bench));
    assert_false(fi_watch_new_has_any(&bench->fresh));
    static const char *const paths[] = {"old/new", "old/new/a", "old/new/b", "old/new/b/c"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_true(is_watched(bench, paths[i]));
    }
    assert_int_equal(bench->count, 6);
    assert_int_equal(info_of(bench).directories, 6);
    assert_int_equal(info_of(bench).dirty, 5); /* all of them, and the one where the name came */
    /* What comes again under a name is another directory, which is watched once; */
    happen(bench, "old/new/b", "c", true);
    assert_false(is_watched(bench, "old/new/b/c"));
    happen(bench, "old/new/b", "c", true);
    assert_true(work(bench));
    assert_int_equal(bench->count, 7);
    /* the save does not do it again, and leaves all clean. */
    assert_next_save_is_right(bench);
    assert_int_equal(bench->count, 7);
    assert_int_equal(info_of(bench).dirty, 0);
    bench_close(bench);
}

static void
files_and_what_has_gone_again_are_nothing_to_watch(void **state)
{
    struct bench *bench = bench_open();
    scan_put_text(&bench->world.tree, "file", "text");
    happen(bench, "", "file", false);
    assert_false(fi_watch_new_has_any(&bench->fresh));
    happen(bench, "", "file", true); /* it was a directory before */
    happen(bench, "old", "gone", true);
    assert_false(work(bench));
    assert_false(fi_watch_new_has_any(&bench->fresh));
    assert_int_equal(bench->count, 2);
    happen(bench, "", "old", true); /* an event of it could be another directory's by now */
    const struct fi_os_watch_event late = {
        .kind = FI_OS_WATCH_NAMES, .id = 1, .name = "new", .is_dir = true};
    fi_watch_new_clear(&bench->fresh);
    fi_watch_new_note(&bench->fresh, bench->set, &late);
    assert_false(fi_watch_new_has_any(&bench->fresh));
    assert_next_save_is_right(bench);
    bench_close(bench);
}

static void
what_is_left_out_is_not_watched(void **state)
{
    static const char *const files[] = {
        "old/Cargo.toml",      "old/target/f",   "new/target/f",        "new/node_modules/x/f",
        "new/.firnignore",     "new/deep/out/f", "new/deep/.gitignore", "new/deep/more/f",
        "new/deep/more/git/f", "new/deep/git/f", "new/git/f",
    };
    static const struct {
        const char *path;
        bool by_default; /* it is watched then; likewise the other two */
        bool with_deps;
        bool with_gitignore;
    } expected[] = {
        {"new", true, true, true},
        {"old/target", false, true, false},
        {"new/target", true, true, true},
        {"new/node_modules", false, true, false},
        {"new/node_modules/x", false, true, false},
        {"new/deep", true, true, true},
        {"new/deep/out", false, false, false},
        {"new/deep/more", true, true, true},
        {"new/deep/more/git", true, true, false},
        {"new/deep/git", true, true, false},
        {"new/git", true, true, true},
    };
    for (int way = 0; way < 3; way++) {
        struct bench *bench = bench_open();
        bench->fresh.rules.include_deps = way == 1;
        bench->fresh.rules.gitignore = way == 2;
        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
            const char *text = strstr(files[i], "firnignore") != NULL  ? "out\n"
                               : strstr(files[i], "gitignore") != NULL ? "git\n"
                                                                       : "text";
            scan_put_text(&bench->world.tree, files[i], text);
        }
        happen(bench, "old", "target", true);
        happen(bench, "", "new", true);
        assert_true(work(bench));
        for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
            bool is_expected = way == 0   ? expected[i].by_default
                               : way == 1 ? expected[i].with_deps
                                          : expected[i].with_gitignore;
            assert_int_equal(is_watched(bench, expected[i].path), is_expected);
        }
        assert_next_save_is_right(bench);
        bench_close(bench);
    }
}

static void
what_cannot_be_watched_is_left_to_the_save(void **state)
{
    struct bench *bench = bench_open();
    scan_put_text(&bench->world.tree, "new/a/b/file", "text");
    scan_put_text(&bench->world.tree, "new/c/file", "text");
    bench->refused = "new/a";
    happen(bench, "", "new", true);
    assert_true(work(bench));
    assert_true(is_watched(bench, "new/c"));
    assert_false(is_watched(bench, "new/a/b")); /* its events would come from nowhere */
    assert_false(info_of(bench).is_broken);
    bench->refused = NULL;
    assert_next_save_is_right(bench);
    assert_true(is_watched(bench, "new/a/b"));
    assert_int_equal(info_of(bench).dirty, 0);
    bench_close(bench);
}

static void
a_rename_that_is_not_told_yet_breaks_nothing(void **state)
{
    struct bench *bench = bench_open();
    scan_put_text(&bench->world.tree, "new/file", "text");
    happen(bench, "", "new", true);
    bench->next_id = id_of(bench, "old"); /* it is that directory */
    assert_false(work(bench));
    assert_false(info_of(bench).is_broken);
    assert_int_equal(info_of(bench).directories, 2);
    assert_next_save_is_right(bench);
    bench_close(bench);
}

static void
many_are_watched_a_part_at_a_time(void **state)
{
    struct bench *bench = bench_open();
    for (int i = 0; i < MANY; i++) {
        char path[PATH_SIZE];
        snprintf(path, sizeof path, "new/%d/file", i);
        scan_put_text(&bench->world.tree, path, "text");
    }
    happen(bench, "", "new", true);
    assert_true(work(bench));
    assert_true(fi_watch_new_has_any(&bench->fresh));
    assert_in_range(bench->count, 1000, 1100);
    assert_true(work(bench));
    assert_false(fi_watch_new_has_any(&bench->fresh));
    assert_int_equal(bench->count, 2 + 1 + MANY);
    assert_false(work(bench));
    assert_next_save_is_right(bench);
    bench_close(bench);
}

static void
no_more_is_noted_than_there_is_room_for(void **state)
{
    struct bench *bench = bench_open();
    char name[TEXT_SIZE];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (int i = 0; i < (9 << 20) / TEXT_SIZE; i++) {
        happen(bench, "old", name, true);
    }
    assert_in_range(bench->fresh.paths.size, 8 << 20, (8 << 20) + 2 * TEXT_SIZE);
    while (fi_watch_new_has_any(&bench->fresh)) {
        assert_false(work(bench));
    }
    bench_close(bench);
}

static void
any_allocation_may_fail(void **state)
{
    uint64_t partly = 0;
    test_alloc_install();
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        struct bench *bench = bench_open();
        scan_put_text(&bench->world.tree, "old/.firnignore", "out\n");
        scan_put_text(&bench->world.tree, "old/new/a/b/file", "text");
        scan_put_text(&bench->world.tree, "old/new/c/out/file", "text");
        test_fault_allocation(&fault);
        happen(bench, "old", "new", true);
        (void)work(bench);
        test_fault_end(&fault);
        assert_false(fi_watch_new_has_any(&bench->fresh));
        assert_false(is_watched(bench, "old/new/c/out"));
        partly += bench->count < 6 ? 1 : 0;
        assert_false(info_of(bench).is_broken);
        assert_next_save_is_right(bench);
        bench_close(bench);
    }
    assert_true(partly > 20);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_that_came_is_watched_with_all_below_it),
        cmocka_unit_test(files_and_what_has_gone_again_are_nothing_to_watch),
        cmocka_unit_test(what_is_left_out_is_not_watched),
        cmocka_unit_test(what_cannot_be_watched_is_left_to_the_save),
        cmocka_unit_test(a_rename_that_is_not_told_yet_breaks_nothing),
        cmocka_unit_test(many_are_watched_a_part_at_a_time),
        cmocka_unit_test(no_more_is_noted_than_there_is_room_for),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
