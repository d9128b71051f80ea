/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/statcache: saves by the stat cache against scans that read everything. Random trees are
 * edited in every way, above all in those that a look hardly shows: contents changed in place with
 * size and time of modification put back, in the same tick of the clock, on file systems that keep
 * whole seconds, under clocks that jump; links added and taken away; directories moved to and fro;
 * and the cache is thinned out, lost and pushed aside meanwhile. After each step the tree that a
 * save, a status or a restore found must be the one that is there.
 *
 * FIRN_TEST_SEED runs one seed; FIRN_TEST_LONG=1 runs thousands of steps.
 */
#include <inttypes.h>

#include "base/slice.h"
#include "sim/sim_memory.h"
#include "statcache/statcache.h"
#include "support/test.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_support.h"

#define SECOND INT64_C(1000000000)

struct model {
    struct ws_world world;
    struct test_random random;
    uint64_t saves;
    int64_t granularity_ns; /* 0 on a disk */
    bool include_deps;
    bool
        leaves_deps_alone; /* the last save left dependencies out, or a restore since is of one that did */
    firn_workspace_save_result last;
    bool must_save; /* a clock of whole seconds has been set back */
};

static uint64_t
below(struct model *model, uint64_t limit)
{
    return test_random_below(&model->random, limit);
}

static void
must(struct model *model, int rc)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), model->world.err.text);
    }
}

/* ---- edits that are hard to see ---- */

struct target {
    struct fi_os_dir *dir;
    const char *name; /* in list */
    struct ws_edit_list list;
};

/* A random file; false if there is none. */
static bool
pick_file(struct model *model, struct target *out)
{
    ws_edit_list_fill(&out->list, &model->world.tree);
    for (unsigned tries = 0; tries < 20 && out->list.count > 0; tries++) {
        const struct ws_edit_item *item = &out->list.items[below(model, out->list.count)];
        if (item->kind != FI_OS_FILE) {
            continue;
        }
        char *slash = strrchr(item->path, '/');
        out->name = slash == NULL ? item->path : slash + 1;
        char *parent = strndup(item->path, slash == NULL ? 0 : (size_t)(slash - item->path));
        must(model,
             fi_os_dir_open_beneath(model->world.tree.root, parent, &out->dir, &model->world.err));
        free(parent);
        return true;
    }
    ws_edit_list_deinit(&out->list);
    return false;
}

static void
drop_target(struct target *target)
{
    fi_os_dir_close(target->dir);
    ws_edit_list_deinit(&target->list);
}

/* Changes a byte in place and puts the time of modification back. */
static void
change_in_place(struct model *model)
{
    struct target target;
    firn_error *err = &model->world.err;
    if (!pick_file(model, &target)) {
        return;
    }
    struct fi_os_file *file;
    struct fi_os_stat stat;
    must(model, fi_os_file_open_stat(target.dir, target.name, FI_OS_READ | FI_OS_WRITE, 0, &file,
                                     &stat, err));
    if (stat.size_bytes > 0) {
        uint64_t at = below(model, stat.size_bytes);
        uint8_t byte = (uint8_t)test_random_next(&model->random);
        must(model, fi_os_file_write(file, at, &byte, 1, err));
    }
    fi_os_file_close(file);
    must(model, fi_os_set_mtime((struct fi_os_node){.dir = target.dir, .name = target.name},
                                stat.mtime_ns, err));
    drop_target(&target);
}

/* Puts another file of the same size, mode and times in its place. */
static void
replace_alike(struct model *model)
{
    struct target target;
    firn_error *err = &model->world.err;
    if (!pick_file(model, &target)) {
        return;
    }
    struct fi_os_stat stat;
    struct fi_os_file *file;
    must(model, fi_os_stat(target.dir, target.name, &stat, err));
    must(model, fi_os_remove_file(target.dir, target.name, err));
    must(model, fi_os_file_open(target.dir, target.name, FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE,
                                0644, &file, err));
    must(model, fi_os_file_truncate(file, stat.size_bytes, err));
    if (stat.size_bytes > 0) {
        uint8_t byte = (uint8_t)test_random_next(&model->random);
        must(model, fi_os_file_write(file, below(model, stat.size_bytes), &byte, 1, err));
    }
    must(model, fi_os_set_mode((struct fi_os_node){.file = file}, stat.mode, err));
    must(model, fi_os_set_mtime((struct fi_os_node){.file = file}, stat.mtime_ns, err));
    fi_os_file_close(file);
    drop_target(&target);
}

/* Sets an attribute to a value of the same length. */
static void
change_attribute(struct model *model)
{
    struct target target;
    if (!pick_file(model, &target)) {
        return;
    }
    struct fi_os_node node = {.dir = target.dir, .name = target.name};
    char value = (char)('a' + below(model, 3));
    must(model, fi_os_xattr_set(node, "user.same", firn_bytes(&value, 1), &model->world.err));
    drop_target(&target);
}

/* Moves a directory away, and back after something has been changed in it. */
static void
move_to_and_fro(struct model *model)
{
    struct scan_world *tree = &model->world.tree;
    struct ws_edit_list list;
    struct fi_os_stat stat;
    if (fi_os_stat(tree->root, "moved away", &stat, NULL) == FIRN_OK) {
        return; /* a restore has brought back what was saved in between */
    }
    ws_edit_list_fill(&list, tree);
    const char *path = NULL;
    for (unsigned tries = 0; tries < 20 && list.count > 0 && path == NULL; tries++) {
        const struct ws_edit_item *item = &list.items[below(model, list.count)];
        path = item->kind == FI_OS_DIR ? item->path : NULL;
    }
    if (path != NULL && strchr(path, '/') == NULL) {
        scan_rename(tree, path, "moved away");
        if (below(model, 2) == 0) {
            char inside[64];
            snprintf(inside, sizeof inside, "moved away/%" PRIu64, below(model, 4));
            scan_put_text(tree, inside, "new in a directory that was away");
        }
        if (below(model, 2) == 0) {
            must(model, ws_try_save(&model->world, &model->last));
            model->saves++;
        }
        scan_rename(tree, "moved away", path);
    }
    ws_edit_list_deinit(&list);
}

/* Names that the exclusions know come and go. */
static void
change_excluded(struct model *model)
{
    struct scan_world *tree = &model->world.tree;
    struct fi_os_stat stat;
    bool is_there = fi_os_stat(tree->root, "node_modules", &stat, NULL) == FIRN_OK;
    if (is_there && stat.kind != FI_OS_DIR) {
        return; /* an edit has made it something else, which is kept */
    }
    switch (below(model, 3)) {
    case 0:
        if (is_there) {
            scan_remove_tree(tree, "node_modules");
            break;
        }
        scan_put_text(tree, "node_modules/a/b.js", "1");
        scan_put_text(tree, "node_modules/c.js", "2");
        if (fi_os_stat(tree->root, "outside.js", &stat, NULL) != FIRN_OK) {
            /* The first name of this inode is left out, or is not, by the choice of a save. */
            scan_put_text(tree, "outside.js", "3");
            scan_put_link(tree, "node_modules/first.js", "outside.js");
        }
        break;
    case 1:
        model->include_deps = !model->include_deps;
        break;
    default:
        if (is_there && below(model, 2) == 0) {
            scan_set_mtime(tree, "node_modules", (int64_t)below(model, 1000) * SECOND);
        }
        break;
    }
}

static void
edit(struct model *model)
{
    switch (below(model, 12)) {
    case 0:
    case 1:
    case 2:
        change_in_place(model);
        break;
    case 3:
        replace_alike(model);
        break;
    case 4:
        change_attribute(model);
        break;
    case 5:
        move_to_and_fro(model);
        break;
    case 6:
        change_excluded(model);
        break;
    default:
        ws_edit_step(&model->world.tree, &model->random);
        break;
    }
}

/* ---- clocks ---- */

static void
move_clock(struct model *model)
{
    struct fi_os *os = model->world.tree.os;
    if (model->granularity_ns == 0) {
        return;
    }
    int64_t now = fi_os_now_ns(os);
    switch (below(model, 6)) {
    case 0:
        fi_sim_memory_set_time(os, now + (int64_t)below(model, (uint64_t)SECOND));
        break;
    case 1:
        fi_sim_memory_set_time(os, now + (int64_t)below(model, 100) * SECOND);
        break;
    case 2: /* back: by anything, in the finest steps */
        fi_sim_memory_set_time(os, now - (int64_t)below(model, 200 * (uint64_t)SECOND));
        model->must_save = true;
        break;
    default:
        fi_sim_memory_set_time(os, now + (int64_t)below(model, 20000000));
        break;
    }
}

/* ---- the cache itself ---- */

static struct firn_db *
open_store(struct model *model)
{
    struct fi_db_options options = {0};
    struct firn_db *db;
    must(model, fi_db_path_open(model->world.tree.os, model->world.store_path, &options, &db,
                                &model->world.err));
    return db;
}

static int
is_live_by_chance(void *ctx, const firn_hash *tree, bool *out, firn_error *err)
{
    (void)tree;
    (void)err;
    *out = below(ctx, 3) > 0;
    return FIRN_OK;
}

static int
is_none_live(void *ctx, const firn_hash *tree, bool *out, firn_error *err)
{
    (void)ctx;
    (void)tree;
    (void)err;
    *out = false;
    return FIRN_OK;
}

static void
thin_cache(struct model *model)
{
    uint64_t removed;
    struct firn_db *db = open_store(model);
    must(model, fi_statcache_sweep(db, below(model, 4) == 0 ? is_none_live : is_live_by_chance,
                                   model, &removed, &model->world.err));
    must(model, fi_db_close(db, &model->world.err));
}

/* ---- what must hold ---- */

/* Everything read, by nobody's memory. */
static void
scan_everything(struct model *model, struct fi_scan_result *out)
{
    struct fi_objects_treesink *treesink;
    struct fi_scan_options options = {.threads = model->world.threads,
                                      .include_deps = model->include_deps};
    must(model, fi_objects_treesink_create(model->world.tree.os, &treesink, &model->world.err));
    struct fi_objects_sink sink = fi_objects_treesink_sink(treesink);
    must(model, fi_scan_tree(model->world.tree.root, &options, &sink, out, &model->world.err));
    fi_objects_treesink_destroy(treesink);
}

static void
save(struct model *model)
{
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    options.threads = model->world.threads = 1 + (unsigned)below(model, 3);
    options.include_deps = model->include_deps;
    options.full = below(model, 10) == 0;
    options.if_changed = below(model, 4) == 0;
    firn_workspace_save_result result;
    must(model, fi_ws_save(model->world.ws, &options, &result, &model->world.err));
    model->saves += result.is_made ? 1 : 0;
    assert_int_equal(result.checkpoint->number, model->saves);
    assert_true(result.is_made || (options.if_changed && result.is_unchanged));
    struct fi_scan_result whole;
    scan_everything(model, &whole);
    if (result.is_made) {
        assert_memory_equal(&result.checkpoint->root, &whole.root.hash, sizeof whole.root.hash);
        assert_int_equal(result.checkpoint->files, whole.files);
        assert_int_equal(result.checkpoint->directories, whole.directories);
        assert_int_equal(result.checkpoint->bytes, whole.bytes);
        assert_int_equal(result.checkpoint->excluded, whole.excluded);
        assert_int_equal(result.checkpoint->skipped, whole.skipped);
        model->leaves_deps_alone = !options.include_deps;
    }
    fi_scan_result_deinit(&whole);
    model->last = result;
    model->must_save = false;
}

/* Just saved: status finds nothing. Edited: it finds what a save finds. */
static void
look(struct model *model)
{
    firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result status;
    bool deps = model->include_deps;
    if (model->saves == 0) {
        return;
    }
    options.threads = model->world.threads;
    must(model, fi_ws_status(model->world.ws, &options, NULL, NULL, &status, &model->world.err));
    model->include_deps = status.checkpoint->include_deps;
    save(model);
    model->include_deps = deps;
    assert_int_equal(status.added, model->last.added);
    assert_int_equal(status.changed + status.times_only, model->last.changed);
    assert_int_equal(status.removed, model->last.removed);
}

/* How what stays of dependencies may differ from a checkpoint. */
static int
expect_dependency(void *ctx, const firn_workspace_change *change)
{
    (void)ctx;
    static const char name[] = "node_modules";
    assert_true(change->kind == FIRN_CHANGE_ADDED || change->kind == FIRN_CHANGE_METADATA);
    const firn_slice path = change->after->path;
    assert_true(path.size >= strlen(name) && memcmp(path.data, name, strlen(name)) == 0);
    return FIRN_OK;
}

static void
restore(struct model *model)
{
    char reference[32];
    if (model->saves == 0) {
        return;
    }
    snprintf(reference, sizeof reference, "%" PRIu64, 1 + below(model, model->saves));
    firn_workspace_restore_result result;
    must(model, ws_try_restore(&model->world, reference, &result));
    if (result.left_alone > 0) {
        return; /* so it is not the tree of the checkpoint */
    }
    firn_workspace_checkpoint *checkpoint;
    must(model, fi_ws_find(model->world.ws, reference, &checkpoint, &model->world.err));
    firn_hash root = checkpoint->root;
    bool deps = model->include_deps;
    model->include_deps = checkpoint->include_deps;
    struct fi_scan_result whole;
    scan_everything(model, &whole);
    if (memcmp(&whole.root.hash, &root, sizeof root) != 0) {
        /* Dependencies that were left out until now stay where they are. */
        assert_true(model->leaves_deps_alone && checkpoint->include_deps);
        firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
        firn_workspace_status_result status;
        options.reference = reference;
        must(model, fi_ws_status(model->world.ws, &options, expect_dependency, NULL, &status,
                                 &model->world.err));
        assert_true(status.added + status.changed + status.times_only > 0);
    }
    fi_scan_result_deinit(&whole);
    model->leaves_deps_alone = model->leaves_deps_alone || !checkpoint->include_deps;
    model->include_deps = deps;
}

static void
step(struct model *model)
{
    for (uint64_t left = below(model, 6); left > 0; left--) {
        edit(model);
        if (below(model, 2) == 0) {
            move_clock(model);
        }
    }
    if (model->must_save && model->granularity_ns >= SECOND) {
        save(model);
        return;
    }
    switch (below(model, 12)) {
    case 0:
        thin_cache(model);
        save(model);
        break;
    case 1:
    case 2:
        look(model);
        break;
    case 3:
        restore(model);
        break;
    case 4:
        ws_assert_check_clean(&model->world);
        break;
    default:
        save(model);
        break;
    }
}

static void
run(struct model *model, uint64_t seed, size_t entries, unsigned steps)
{
    model->random = (struct test_random){seed};
    ws_edit_grow(&model->world.tree, &model->random, entries);
    save(model);
    for (unsigned i = 0; i < steps; i++) {
        step(model);
    }
    ws_assert_check_clean(&model->world);
    ws_world_close(&model->world);
}

static uint64_t
chosen_seed(void)
{
    const char *text = getenv("FIRN_TEST_SEED");
    return text == NULL ? 0 : strtoull(text, NULL, 10);
}

static bool
is_long(void)
{
    return getenv("FIRN_TEST_LONG") != NULL;
}

static void
incremental_saves_are_what_full_ones_would_be(void **state)
{
    static const int64_t granularities[] = {1, 4000000, 10000000, SECOND, 2 * SECOND};
    unsigned seeds = chosen_seed() != 0 ? 1 : is_long() ? 40 : 10;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        uint64_t chosen = chosen_seed() != 0 ? chosen_seed() : seed;
        struct model model = {.granularity_ns = granularities[chosen % 5]};
        printf("ws_stat_model, in memory: seed %" PRIu64 "\n", chosen);
        (void)fflush(stdout);
        ws_world_open_memory(&model.world, chosen);
        fi_sim_memory_set_granularity(model.world.tree.os, model.granularity_ns);
        run(&model, chosen, 40, is_long() ? 400 : 40);
    }
}

static void
incremental_saves_on_a_disk_are_what_full_ones_would_be(void **state)
{
    unsigned seeds = chosen_seed() != 0 ? 1 : is_long() ? 10 : 2;
    for (uint64_t seed = 101; seed < 101 + seeds; seed++) {
        uint64_t chosen = chosen_seed() != 0 ? chosen_seed() : seed;
        struct model model = {0};
        printf("ws_stat_model, on disk: seed %" PRIu64 "\n", chosen);
        (void)fflush(stdout);
        ws_world_open_disk(&model.world);
        run(&model, chosen, 60, is_long() ? 400 : 25);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(incremental_saves_are_what_full_ones_would_be),
        cmocka_unit_test(incremental_saves_on_a_disk_are_what_full_ones_would_be),
    };
    return cmocka_run_group_tests_name("ws_stat_model", tests, NULL, NULL);
}
