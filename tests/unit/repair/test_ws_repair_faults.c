/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/repair: repairs with the n-th call of the system, the n-th allocation and the n-th moment of
 * power gone. After any failure, another repair makes the store sound, the checkpoint that the damage
 * does not touch comes back exactly, and nothing is left beside the store.
 */
#include <errno.h>

#include "place/place.h"
#include "repair/repair.h"
#include "store/db.h"
#include "storefile/storefile.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/workspace/gc_support.h"
#include "support/workspace/ws_break.h"

/* The log is gone; or the MANIFEST of a store that has runs; or the newer pack, which the older
 * checkpoint does not need; or nothing. */
enum damage { LOG_GONE, MANIFEST_GONE, PACK_GONE, NONE, DAMAGES };

struct prepared {
    struct ws_world world;
    char *first;
};

static void
remove_file(struct ws_world *world, const char *dir_path, const char *name)
{
    struct fi_os_dir *dir;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, dir_path, &dir, NULL), FIRN_OK);
    assert_int_equal(fi_os_remove_file(dir, name, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_sync(dir, NULL), FIRN_OK);
    fi_os_dir_close(dir);
}

static void
flush(struct ws_world *world)
{
    const struct fi_db_options options = {0};
    struct fi_os_dir *dir;
    struct firn_db *db;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/s", &dir, NULL), FIRN_OK);
    assert_int_equal(fi_db_open(dir, &options, &db, NULL), FIRN_OK);
    assert_int_equal(fi_db_maintain_flush(db, NULL), FIRN_OK);
    assert_int_equal(fi_db_close(db, NULL), FIRN_OK);
    fi_os_dir_close(dir);
}

static void
prepare(struct prepared *prepared, enum damage damage)
{
    struct ws_world *world = &prepared->world;
    struct scan_world *tree = &world->tree;
    ws_world_open_memory(world, 71);
    scan_put_text(tree, "stays", "stays");
    scan_put_random(tree, "dir/changes", 1, 3000);
    ws_save(world);
    prepared->first = ws_dump(world);
    if (damage == MANIFEST_GONE) {
        flush(world);
    }
    scan_put_random(tree, "dir/changes", 2, 3000);
    scan_put_text(tree, "new", "new");
    ws_save(world);
    if (damage == LOG_GONE) {
        remove_file(world, "/s", "wal-000001.log");
    } else if (damage == MANIFEST_GONE) {
        remove_file(world, "/s", "manifest-000001.log");
    } else if (damage == PACK_GONE) {
        remove_file(world, "/s/packs", "00000002.pack");
    }
    assert_int_equal(fi_os_dir_sync_filesystem(tree->root, &world->err), FIRN_OK);
}

static void
prepared_deinit(struct prepared *prepared)
{
    free(prepared->first);
    ws_world_close(&prepared->world);
}

static int
repair(struct ws_world *world, bool dry_run, firn_workspace_repair_result *out)
{
    firn_workspace_repair_options options = FIRN_WORKSPACE_REPAIR_OPTIONS_INIT;
    options.dry_run = dry_run;
    return fi_repair(world->ws, &options, out, &world->err);
}

static bool
is_beside(struct ws_world *world, const char *name)
{
    struct fi_os_dir *dir;
    struct fi_os_stat stat;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/", &dir, NULL), FIRN_OK);
    int rc = fi_os_stat(dir, name, &stat, NULL);
    fi_os_dir_close(dir);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    return rc == FIRN_OK;
}

static bool
is_kept(struct ws_world *world)
{
    struct fi_os_dir *dir;
    struct fi_os_stat stat;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/s", &dir, NULL), FIRN_OK);
    int rc = fi_os_stat(dir, "damaged-1", &stat, NULL);
    bool has_identity = false;
    if (rc == FIRN_OK) {
        struct fi_os_dir *kept;
        assert_int_equal(fi_os_dir_open(dir, "damaged-1", &kept, NULL), FIRN_OK);
        has_identity = fi_os_stat(kept, "FIRN", &stat, NULL) == FIRN_OK;
        fi_os_dir_close(kept);
    }
    fi_os_dir_close(dir);
    return rc == FIRN_OK && !has_identity;
}

/* lost_by_chance: a reading that failed once may have been taken for damage. */
static void
assert_all_is_well(struct prepared *prepared, struct ws_world *world, bool lost_by_chance)
{
    firn_workspace_repair_result result;
    int rc = repair(world, false, &result);
    if (rc != FIRN_OK) {
        fail_msg("a second repair: %s: %s", firn_code_name(rc), world->err.text);
    }
    assert_false(is_beside(world, "s.repairing"));
    ws_assert_check_clean(world);
    if (!lost_by_chance) {
        ws_restore(world, "1");
        ws_assert_dump(world, prepared->first);
    }
    assert_int_equal(repair(world, false, &result), FIRN_OK);
    assert_true(result.was_intact);
    ws_save(world);
    ws_assert_check_clean(world);
}

/* ---- calls of the system ---- */

struct broken_repair {
    struct prepared prepared;
    enum damage damage;
    bool may_lose;        /* a reading that fails may be taken for damage */
    uint64_t judge_every; /* judging costs much more than a repair */
};

static int
do_repair(void *ctx, struct ws_world *world)
{
    (void)ctx;
    firn_workspace_repair_result result;
    return repair(world, false, &result);
}

static void
judge_repair(void *ctx, struct ws_world *world, const struct ws_broken *broken)
{
    struct broken_repair *repair = ctx;
    if (broken->attempt % repair->judge_every != 0 && broken->was_hit) {
        return;
    }
    assert_all_is_well(&repair->prepared, world, repair->may_lose && broken->rc == FIRN_OK);
    if (broken->is_cut) {
        if (!is_beside(world, "s") || !is_kept(world)) {
            fail_msg("damage %d, cut at %llu with seed %llu: what was damaged is not kept",
                     (int)repair->damage, (unsigned long long)broken->n,
                     (unsigned long long)broken->seed);
        }
    }
}

static struct ws_break
begin_breaking(struct broken_repair *repair, enum damage damage)
{
    *repair = (struct broken_repair){.damage = damage, .judge_every = 1};
    prepare(&repair->prepared, damage);
    return (struct ws_break){.from = &repair->prepared.world,
                             .run = do_repair,
                             .judge = judge_repair,
                             .ctx = repair,
                             .loop = damage};
}

static void
fail_calls(bool for_ever, int error_number)
{
    for (enum damage damage = LOG_GONE; damage < DAMAGES; damage++) {
        struct broken_repair repair;
        struct ws_break how = begin_breaking(&repair, damage);
        how.every = 2;
        repair.may_lose = error_number == EIO;
        uint64_t failures = ws_break_calls(&how, for_ever, error_number);
        assert_true(failures > 1 || damage == NONE);
        prepared_deinit(&repair.prepared);
    }
}

static void
any_call_may_fail_once(void **state)
{
    fail_calls(false, EIO);
    fail_calls(false, ENOSPC);
}

static void
any_call_and_all_after_it_may_fail(void **state)
{
    fail_calls(true, ENOSPC);
}

/* ---- allocations ---- */

static void
fail_allocations(enum ws_break_memory kind)
{
    for (enum damage damage = LOG_GONE; damage < NONE; damage++) {
        struct broken_repair repair;
        struct ws_break how = begin_breaking(&repair, damage);
        how.every = 3;
        repair.judge_every = 2;
        ws_break_allocations(&how, kind);
        prepared_deinit(&repair.prepared);
    }
}

static void
any_allocation_may_fail(void **state)
{
    ws_break_any_allocation(fail_allocations);
}

/* ---- power ---- */

static void
the_power_may_go_at_any_call(void **state)
{
    uint64_t cuts = 0;
    for (enum damage damage = LOG_GONE; damage < NONE; damage++) {
        struct broken_repair repair;
        struct ws_break how = begin_breaking(&repair, damage);
        cuts += ws_break_power(&how, 1);
        prepared_deinit(&repair.prepared);
    }
    printf("count: %llu simulated power cuts\n", (unsigned long long)cuts);
}

/* ---- what is beside ---- */

static void
a_dry_run_changes_nothing(void **state)
{
    struct prepared prepared;
    firn_workspace_repair_result result;
    prepare(&prepared, PACK_GONE);
    assert_int_equal(repair(&prepared.world, true, &result), FIRN_OK);
    assert_false(result.was_intact);
    assert_int_equal(result.intact, 1);
    assert_int_equal(result.lost, 1);
    assert_null(result.damaged_path);
    assert_false(is_beside(&prepared.world, "s.repairing"));
    assert_int_equal(ws_try_check(&prepared.world, NULL), FIRN_CORRUPT);
    assert_all_is_well(&prepared, &prepared.world, false);
    prepared_deinit(&prepared);
}

/* A repair was interrupted after the exchange, and the new store was damaged since. */
static void
a_dry_run_does_not_finish_an_interrupted_repair(void **state)
{
    struct prepared prepared;
    struct fi_os_dir *dir;
    struct fi_os_stat stat;
    firn_workspace_repair_result result;
    prepare(&prepared, PACK_GONE);
    struct scan_world store = {.os = prepared.world.tree.os};
    assert_int_equal(fi_os_dir_open_path(store.os, "/", &dir, NULL), FIRN_OK);
    assert_int_equal(fi_os_make_dir(dir, "s.repairing", 0755, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_open(dir, "s", &store.root, NULL), FIRN_OK);
    scan_put_text(&store, "REPAIRING", "");
    assert_int_equal(repair(&prepared.world, true, &result), FIRN_EXISTS);
    assert_non_null(strstr(prepared.world.err.text, "interrupted"));
    assert_true(is_beside(&prepared.world, "s.repairing"));
    assert_int_equal(fi_os_stat(store.root, "REPAIRING", &stat, NULL), FIRN_OK);
    assert_int_equal(fi_os_remove_dir(dir, "s.repairing", NULL), FIRN_OK);
    assert_int_equal(repair(&prepared.world, true, &result), FIRN_OK);
    assert_int_equal(fi_os_stat(store.root, "REPAIRING", &stat, NULL), FIRN_OK);
    fi_os_dir_close(store.root);
    fi_os_dir_close(dir);
    assert_all_is_well(&prepared, &prepared.world, false);
    prepared_deinit(&prepared);
}

static void
a_store_that_was_repaired_many_times_can_be_removed(void **state)
{
    enum { REPAIRS = 40 };
    struct prepared prepared;
    struct fi_os_dir *levels[REPAIRS + 1];
    prepare(&prepared, NONE);
    assert_int_equal(fi_os_dir_open_path(prepared.world.tree.os, "/", &levels[0], NULL), FIRN_OK);
    for (size_t i = 0; i < REPAIRS; i++) {
        assert_int_equal(fi_os_make_dir(levels[i], "damaged-1", 0755, NULL), FIRN_OK);
        assert_int_equal(fi_os_dir_open(levels[i], "damaged-1", &levels[i + 1], NULL), FIRN_OK);
    }
    assert_int_equal(fi_storefile_remove_tree(levels[0], "damaged-1", &prepared.world.err),
                     FIRN_OK);
    assert_false(is_beside(&prepared.world, "damaged-1"));
    for (size_t i = 0; i <= REPAIRS; i++) {
        fi_os_dir_close(levels[i]);
    }
    prepared_deinit(&prepared);
}

static void
what_is_somebody_elses_is_in_the_way(void **state)
{
    struct prepared prepared;
    struct fi_os_dir *dir;
    firn_workspace_repair_result result;
    prepare(&prepared, PACK_GONE);
    assert_int_equal(fi_os_dir_open_path(prepared.world.tree.os, "/", &dir, NULL), FIRN_OK);
    assert_int_equal(fi_os_make_dir(dir, "s.repairing", 0755, NULL), FIRN_OK);
    struct scan_world other = {.os = prepared.world.tree.os};
    assert_int_equal(fi_os_dir_open(dir, "s.repairing", &other.root, NULL), FIRN_OK);
    scan_put_text(&other, "precious", "precious");
    assert_int_equal(repair(&prepared.world, false, &result), FIRN_EXISTS);
    assert_non_null(strstr(prepared.world.err.text, "is in the way"));
    assert_true(is_beside(&prepared.world, "s.repairing"));
    scan_remove_file(&other, "precious");
    fi_os_dir_close(other.root);
    fi_os_dir_close(dir);
    assert_all_is_well(&prepared, &prepared.world, false);
    prepared_deinit(&prepared);
}

static void
settings_stay(void **state)
{
    struct prepared prepared;
    struct scan_world store;
    struct fi_os_stat stat;
    firn_workspace_repair_result result;
    prepare(&prepared, PACK_GONE);
    store = (struct scan_world){.os = prepared.world.tree.os};
    assert_int_equal(fi_os_dir_open_path(store.os, "/s", &store.root, NULL), FIRN_OK);
    scan_put_text(&store, "config", "save.gitignore = true\n");
    fi_os_dir_close(store.root);
    assert_int_equal(repair(&prepared.world, false, &result), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(store.os, "/s", &store.root, NULL), FIRN_OK);
    assert_int_equal(fi_os_stat(store.root, "config", &stat, NULL), FIRN_OK);
    assert_int_equal(stat.size_bytes, 22);
    fi_os_dir_close(store.root);
    assert_string_equal(result.damaged_path, "/s/damaged-1");
    prepared_deinit(&prepared);
}

static void
count_settings(void *ctx, const firn_notice *notice)
{
    *(int *)ctx += notice->kind == FIRN_NOTICE_SETTINGS;
}

static void
assert_config(struct scan_world *store, const char *text)
{
    struct fi_os_file *file;
    char read[100];
    size_t size;
    assert_int_equal(fi_os_file_open(store->root, "config", FI_OS_READ, 0, &file, NULL), FIRN_OK);
    assert_int_equal(fi_os_file_read(file, 0, read, sizeof read - 1, &size, NULL), FIRN_OK);
    fi_os_file_close(file);
    read[size] = '\0';
    assert_string_equal(read, text);
}

static void
settings_that_cannot_be_read_are_mended(void **state)
{
    const enum damage damages[] = {PACK_GONE, NONE};
    for (size_t i = 0; i < 2; i++) {
        struct prepared prepared;
        struct scan_world store;
        firn_workspace_repair_options options = FIRN_WORKSPACE_REPAIR_OPTIONS_INIT;
        firn_workspace_repair_result result;
        int told = 0;
        options.callbacks = (firn_callbacks){.on_notice = count_settings, .ctx = &told};
        prepare(&prepared, damages[i]);
        store = (struct scan_world){.os = prepared.world.tree.os};
        assert_int_equal(fi_os_dir_open_path(store.os, "/s", &store.root, NULL), FIRN_OK);
        scan_put_text(&store, "config", "wait = 5\nk\n");
        options.dry_run = true;
        assert_int_equal(fi_repair(prepared.world.ws, &options, &result, NULL), FIRN_OK);
        assert_int_equal(told, 1);
        assert_config(&store, "wait = 5\nk\n");
        options.dry_run = false;
        assert_int_equal(fi_repair(prepared.world.ws, &options, &result, NULL), FIRN_OK);
        assert_int_equal(told, 2);
        assert_int_equal(result.was_intact, damages[i] == NONE);
        fi_os_dir_close(store.root);
        assert_int_equal(fi_os_dir_open_path(store.os, "/s", &store.root, NULL), FIRN_OK);
        assert_config(&store, "wait = 5\n# could not be read: k\nkeep = forever\n");
        fi_os_dir_close(store.root);
        prepared_deinit(&prepared);
    }
}

static void
where_settings_are_lost_nothing_expires(void **state)
{
    struct prepared prepared;
    struct scan_world store;
    prepare(&prepared, NONE);
    store = (struct scan_world){.os = prepared.world.tree.os};
    assert_int_equal(fi_os_dir_open_path(store.os, "/s", &store.root, NULL), FIRN_OK);
    assert_int_equal(fi_place_config_lost(store.root, NULL), FIRN_OK);
    assert_config(&store, "keep = forever\n");
    fi_os_dir_close(store.root);
    prepared_deinit(&prepared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dry_run_changes_nothing),
        cmocka_unit_test(a_dry_run_does_not_finish_an_interrupted_repair),
        cmocka_unit_test(a_store_that_was_repaired_many_times_can_be_removed),
        cmocka_unit_test(what_is_somebody_elses_is_in_the_way),
        cmocka_unit_test(settings_stay),
        cmocka_unit_test(settings_that_cannot_be_read_are_mended),
        cmocka_unit_test(where_settings_are_lost_nothing_expires),
        cmocka_unit_test(any_call_may_fail_once),
        cmocka_unit_test(any_call_and_all_after_it_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
    };
    return cmocka_run_group_tests_name("ws_repair_faults", tests, NULL, NULL);
}
