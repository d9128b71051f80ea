/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/gc: deleting checkpoints, by request and by age.
 */
#include "objects/objects.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/workspace/gc_support.h"

static const int64_t DAY_NS = INT64_C(24) * 3600 * 1000000000;

static int
count_one(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)checkpoint;
    (*(uint64_t *)ctx)++;
    return FIRN_OK;
}

static uint64_t
count_checkpoints(struct ws_world *world, bool include_safety)
{
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    uint64_t count = 0;
    options.include_safety = include_safety;
    assert_int_equal(fi_ws_list(world->ws, &options, count_one, &count, &world->err), FIRN_OK);
    return count;
}

/* ---- deleting ---- */

static void
of_two_equal_checkpoints_one_can_be_deleted(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 1);
    scan_put_text(&world.tree, "dir/a", "a");
    scan_put_random(&world.tree, "large", 1, 3 << 20);
    ws_save(&world);
    assert_int_equal(ws_save(&world).checkpoint->new_objects, 0);
    char *saved = ws_dump(&world);
    scan_remove_tree(&world.tree, "dir");
    gc_delete(&world, "1");
    gc_run_full(&world);
    ws_assert_check_clean(&world);
    ws_restore(&world, "2");
    ws_assert_dump(&world, saved);
    assert_int_equal(ws_try_restore(&world, "1", NULL), FIRN_NOT_FOUND);
    free(saved);
    ws_world_close(&world);
}

static void
a_number_is_never_given_again(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 2);
    scan_put_text(&world.tree, "a", "1");
    ws_save(&world);
    scan_put_text(&world.tree, "a", "2");
    ws_save(&world);
    char *second = ws_dump(&world);
    gc_delete(&world, "2");
    gc_run_full(&world);
    assert_int_equal(ws_save(&world).checkpoint->number, 3);
    scan_put_text(&world.tree, "a", "3");
    ws_restore(&world, "3");
    ws_assert_dump(&world, second);
    free(second);
    ws_world_close(&world);
}

static void
a_reference_that_names_nothing_leaves_everything(void **state)
{
    struct ws_world world;
    firn_workspace_delete_options options = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    ws_world_open_memory(&world, 3);
    scan_put_text(&world.tree, "a", "1");
    ws_save(&world);
    ws_save(&world);
    const char *const wrong[] = {"3", "kkkkkkkkkk", "nonsense", "", "0", "latest~7"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *const references[] = {"1", wrong[i]};
        int rc = fi_gc_delete(world.ws, references, 2, &options, NULL, NULL, &world.err);
        assert_true(rc == FIRN_NOT_FOUND || rc == FIRN_INVALID);
        assert_true(world.err.text[0] != '\0');
        assert_int_equal(count_checkpoints(&world, true), 2);
    }
    gc_delete(&world, "1");
    assert_int_equal(gc_try_delete(&world, "1"), FIRN_NOT_FOUND);
    assert_int_equal(count_checkpoints(&world, true), 1);
    ws_world_close(&world);
}

static int
note_number(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    uint64_t *numbers = ctx;
    numbers[++numbers[0]] = checkpoint->number;
    return FIRN_OK;
}

static void
several_are_deleted_at_once_and_told(void **state)
{
    struct ws_world world;
    firn_workspace_delete_options options = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    uint64_t numbers[8] = {0};
    ws_world_open_memory(&world, 4);
    for (int i = 0; i < 4; i++) {
        ws_save(&world);
    }
    const char *const references[] = {"2", "latest", "2", "4"};
    options.dry_run = true;
    uint64_t calls = fi_sim_memory_calls(world.tree.os);
    assert_int_equal(
        fi_gc_delete(world.ws, references, 4, &options, note_number, numbers, &world.err), FIRN_OK);
    assert_int_equal(fi_sim_memory_calls(world.tree.os), calls);
    assert_int_equal(numbers[0], 2);
    assert_int_equal(count_checkpoints(&world, true), 4);
    options.dry_run = false;
    numbers[0] = 0;
    assert_int_equal(
        fi_gc_delete(world.ws, references, 4, &options, note_number, numbers, &world.err), FIRN_OK);
    assert_int_equal(numbers[0], 2);
    assert_int_equal(numbers[1], 2);
    assert_int_equal(numbers[2], 4);
    assert_int_equal(count_checkpoints(&world, true), 2);
    ws_world_close(&world);
}

static void
nothing_can_be_deleted_where_nothing_was_saved(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 5);
    assert_int_equal(gc_try_delete(&world, "1"), FIRN_NOT_FOUND);
    assert_int_equal(gc_try(&world, false, NULL), FIRN_NOT_FOUND);
    firn_workspace_gc_result result = gc_dry_run(&world);
    assert_int_equal(result.packs_before, 0);
    struct scan_world top = {.os = world.tree.os};
    assert_int_equal(fi_os_dir_open_path(top.os, "/", &top.root, NULL), FIRN_OK);
    assert_false(test_file_exists(top.root, "s"));
    fi_os_dir_close(top.root);
    ws_world_close(&world);
}

/* ---- safety checkpoints ---- */

static void
safety_checkpoints_expire_when_they_are_many_and_old(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 14);
    int64_t start = INT64_C(1800000000) * 1000000000;
    fi_sim_memory_set_time(world.tree.os, start);
    scan_put_text(&world.tree, "a", "saved");
    ws_save(&world);
    for (unsigned i = 0; i < 14; i++) {
        scan_put_random(&world.tree, "a", i, 100);
        fi_sim_memory_set_time(world.tree.os, start + (int64_t)i * DAY_NS);
        ws_restore(&world, "1");
    }
    /* The last was taken on day 13. */
    fi_sim_memory_set_time(world.tree.os, start + 13 * DAY_NS + DAY_NS / 2);
    uint64_t before = count_checkpoints(&world, true);
    firn_workspace_gc_result dry = gc_dry_run(&world);
    assert_int_equal(count_checkpoints(&world, true), before);
    firn_workspace_gc_result result = gc_run(&world);
    assert_int_equal(result.safety_expired, dry.safety_expired);
    assert_int_equal(result.objects_live, dry.objects_live);
    /* Only the last 10 are left; days 7 to 13 are younger than 7 days. */
    assert_int_equal(count_checkpoints(&world, true), 1 + 10);
    assert_int_equal(count_checkpoints(&world, false), 1);

    /* Younger ones stay, however many. */
    for (unsigned i = 0; i < 12; i++) {
        scan_put_random(&world.tree, "a", 100 + i, 100);
        ws_restore(&world, "1");
    }
    (void)gc_run(&world);
    uint64_t kept = count_checkpoints(&world, true);
    assert_true(kept >= 1 + 12 + 7);
    ws_assert_check_clean(&world);
    fi_sim_memory_set_time(world.tree.os, start + 400 * DAY_NS);
    (void)gc_run(&world);
    assert_int_equal(count_checkpoints(&world, true), 1 + 10);
    /* A clock that was put back makes nothing old. */
    fi_sim_memory_set_time(world.tree.os, start - 400 * DAY_NS);
    assert_int_equal(gc_run(&world).safety_expired, 0);
    assert_int_equal(ws_try_undo(&world, NULL), FIRN_OK);
    gc_assert_exact(&world);
    ws_world_close(&world);
}

static void
the_restore_itself_lets_them_expire(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 18);
    int64_t start = INT64_C(1800000000) * 1000000000;
    fi_sim_memory_set_time(world.tree.os, start);
    scan_put_text(&world.tree, "a", "saved");
    ws_save(&world);
    for (unsigned i = 0; i < 15; i++) {
        scan_put_random(&world.tree, "a", i, 100);
        ws_restore(&world, "1");
    }
    assert_int_equal(count_checkpoints(&world, true), 1 + 15);
    fi_sim_memory_set_time(world.tree.os, start + 8 * DAY_NS);
    scan_put_random(&world.tree, "a", 100, 100);
    ws_restore(&world, "1");
    assert_int_equal(count_checkpoints(&world, true), 1 + 10);
    ws_assert_check_clean(&world);
    gc_assert_exact(&world);
    ws_world_close(&world);
}

static void
a_tag_keeps_a_safety_checkpoint_and_goes_with_its_checkpoint(void **state)
{
    struct ws_world world;
    firn_workspace_checkpoint *tagged;
    ws_world_open_memory(&world, 19);
    int64_t start = INT64_C(1800000000) * 1000000000;
    fi_sim_memory_set_time(world.tree.os, start);
    scan_put_text(&world.tree, "a", "saved");
    ws_save(&world);
    scan_put_text(&world.tree, "a", "lost");
    char *lost = ws_dump(&world);
    firn_workspace_restore_result result = ws_restore(&world, "1");
    assert_int_equal(fi_ws_tag_set(world.ws, "keep", result.safety_id, false, &tagged, &world.err),
                     FIRN_OK);
    for (unsigned i = 0; i < 12; i++) {
        scan_put_random(&world.tree, "a", i, 100);
        ws_restore(&world, "1");
    }
    fi_sim_memory_set_time(world.tree.os, start + 100 * DAY_NS);
    assert_int_equal(gc_run(&world).safety_expired, 2);
    assert_int_equal(count_checkpoints(&world, true), 1 + 10 + 1);
    ws_restore(&world, "keep");
    ws_assert_dump(&world, lost);
    gc_delete(&world, "keep");
    assert_int_equal(gc_try_delete(&world, "keep"), FIRN_NOT_FOUND);
    assert_int_equal(fi_ws_tag_delete(world.ws, "keep", &world.err), FIRN_NOT_FOUND);
    free(lost);
    ws_world_close(&world);
}

/* Wherever a restore was cut off, what it stands between cannot be deleted until it is over, and
 * what a finished one would go back to can. */
static void
what_an_interrupted_restore_needs_cannot_be_deleted(void **state)
{
    struct ws_world prepared;
    ws_world_open_memory(&prepared, 20);
    for (unsigned i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%u", i);
        scan_put_random(&prepared.tree, name, i, 1000);
    }
    ws_save(&prepared);
    char *saved = ws_dump(&prepared);
    for (unsigned i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%u", i);
        scan_put_random(&prepared.tree, name, 10 + i, 1000);
    }
    ws_save(&prepared);
    char *edited = ws_dump(&prepared);
    assert_int_equal(fi_os_dir_sync_filesystem(prepared.tree.root, NULL), FIRN_OK);
    uint64_t refused = 0;
    bool was_off = true;
    for (uint64_t k = 1; was_off; k++) {
        struct ws_world world;
        ws_world_clone(&prepared, &world);
        fi_sim_memory_set_cut_at(world.tree.os, fi_sim_memory_calls(world.tree.os) + k);
        (void)ws_try_restore(&world, "1", NULL);
        was_off = fi_sim_memory_is_off(world.tree.os);
        fi_sim_memory_power_cut(world.tree.os, k);
        fi_sim_memory_set_cut_at(world.tree.os, 0);
        ws_world_reopen(&world);
        int rc = gc_try_delete(&world, "1");
        assert_true(rc == FIRN_OK || (rc == FIRN_CONFLICT && was_off));
        refused += rc == FIRN_CONFLICT ? 1 : 0;
        (void)gc_run_full(&world);
        if (rc == FIRN_CONFLICT) {
            ws_restore(&world, "1");
            ws_assert_dump(&world, saved);
            gc_delete(&world, "1");
        }
        ws_restore(&world, "2");
        ws_assert_dump(&world, edited);
        ws_assert_check_clean(&world);
        gc_assert_exact(&world);
        ws_world_close(&world);
    }
    assert_true(refused > 0);
    free(saved);
    free(edited);
    ws_world_close(&prepared);
}

/* ---- bringing back ---- */

static int
try_delete(struct ws_world *world, const char *reference)
{
    firn_workspace_delete_options options = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    return fi_gc_delete(world->ws, &reference, 1, &options, NULL, NULL, &world->err);
}

static int
try_back(struct ws_world *world, const char *reference)
{
    return fi_gc_delete_undo(world->ws, &reference, reference == NULL ? 0 : 1, NULL, NULL,
                             &world->err);
}

static uint64_t
count_deleted(struct ws_world *world)
{
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    uint64_t count = 0;
    options.deleted = true;
    options.include_safety = true;
    assert_int_equal(fi_ws_list(world->ws, &options, count_one, &count, &world->err), FIRN_OK);
    return count;
}

static void
tag(struct ws_world *world, const char *name, const char *reference)
{
    firn_workspace_checkpoint *tagged;
    assert_int_equal(fi_ws_tag_set(world->ws, name, reference, false, &tagged, &world->err),
                     FIRN_OK);
}

/* Two checkpoints, of which the first has a file and a tag, and was deleted. */
static char *
delete_first(struct ws_world *world, int64_t now_ns)
{
    fi_sim_memory_set_time(world->tree.os, now_ns);
    scan_put_random(&world->tree, "only here", 1, 3 << 20);
    ws_save(world);
    char *first = ws_dump(world);
    tag(world, "first", "1");
    scan_remove_file(&world->tree, "only here");
    scan_put_text(&world->tree, "a", "1");
    ws_save(world);
    assert_int_equal(try_delete(world, "1"), FIRN_OK);
    assert_int_equal(count_checkpoints(world, true), 1);
    assert_int_equal(count_deleted(world), 1);
    assert_int_equal(ws_try_restore(world, "first", NULL), FIRN_NOT_FOUND);
    return first;
}

static void
a_deleted_checkpoint_comes_back_for_a_week(void **state)
{
    static const struct {
        int64_t later_ns; /* when a collection runs */
        bool saves;       /* or a save before it, which lets go, too */
        bool now;
        bool is_there;
    } cases[] = {{1, false, false, true},
                 {7 * DAY_NS - DAY_NS / 24, false, false, true},
                 {7 * DAY_NS + DAY_NS / 24, false, false, false},
                 {8 * DAY_NS, true, false, false},
                 {1, false, true, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ws_world world;
        firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
        firn_workspace_gc_result dry;
        firn_workspace_gc_result result;
        int64_t now_ns = 20000 * DAY_NS;
        ws_world_open_memory(&world, 30 + i);
        char *first = delete_first(&world, now_ns);
        fi_sim_memory_set_time(world.tree.os, now_ns + cases[i].later_ns);
        if (cases[i].saves) {
            firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
            firn_workspace_save_result saved;
            save.keep = "forever";
            assert_int_equal(fi_ws_save(world.ws, &save, &saved, &world.err), FIRN_OK);
            assert_int_equal(count_deleted(&world), 0);
        }
        options.full = true;
        options.now = cases[i].now;
        options.dry_run = true;
        assert_int_equal(fi_gc(world.ws, &options, &dry, &world.err), FIRN_OK);
        options.dry_run = false;
        assert_int_equal(fi_gc(world.ws, &options, &result, &world.err), FIRN_OK);
        assert_int_equal(dry.objects_live, result.objects_live);
        assert_int_equal(result.bytes_after < 1 << 20, !cases[i].is_there);
        assert_int_equal(count_deleted(&world), cases[i].is_there ? 1 : 0);
        assert_int_equal(try_back(&world, i % 2 == 0 ? "1" : NULL),
                         cases[i].is_there ? FIRN_OK : FIRN_NOT_FOUND);
        if (cases[i].is_there) {
            ws_restore(&world, "first");
            ws_assert_dump(&world, first);
            assert_int_equal(count_deleted(&world), 0);
            assert_int_equal(try_back(&world, "1"), FIRN_NOT_FOUND);
        }
        ws_assert_check_clean(&world);
        free(first);
        ws_world_close(&world);
    }
}

static void
a_tag_that_is_in_use_again_stays_where_it_is(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 40);
    char *first = delete_first(&world, 20000 * DAY_NS);
    tag(&world, "first", "2");
    assert_int_equal(try_back(&world, "1"), FIRN_OK);
    ws_restore(&world, "first");
    assert_true(ws_dump_has(&world, "kind")); /* the second, which has a file */
    assert_false(ws_dump_has(&world, "only here"));
    ws_restore(&world, "1");
    ws_assert_dump(&world, first);
    free(first);
    ws_world_close(&world);
}

static void
what_was_deleted_last_comes_back_together(void **state)
{
    struct ws_world world;
    firn_workspace_delete_options options = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    static const char *const two[] = {"2", "3"};
    ws_world_open_memory(&world, 41);
    for (int i = 0; i < 4; i++) {
        char text[8];
        snprintf(text, sizeof text, "%d", i);
        scan_put_text(&world.tree, "a", text);
        ws_save(&world);
    }
    fi_sim_memory_set_time(world.tree.os, 20000 * DAY_NS);
    assert_int_equal(try_delete(&world, "1"), FIRN_OK);
    fi_sim_memory_set_time(world.tree.os, 20000 * DAY_NS + 5);
    assert_int_equal(fi_gc_delete(world.ws, two, 2, &options, NULL, NULL, &world.err), FIRN_OK);
    assert_int_equal(try_back(&world, "9"), FIRN_NOT_FOUND);
    assert_int_equal(try_back(&world, NULL), FIRN_OK);
    assert_int_equal(count_deleted(&world), 1);
    ws_restore(&world, "2");
    assert_int_equal(try_back(&world, NULL), FIRN_OK);
    ws_restore(&world, "1");
    assert_int_equal(try_back(&world, NULL), FIRN_NOT_FOUND);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
forgetting_a_path_ends_what_was_deleted(void **state)
{
    struct ws_world world;
    firn_slice path = firn_str("a");
    firn_workspace_forget_options options = FIRN_WORKSPACE_FORGET_OPTIONS_INIT;
    firn_workspace_forget_result result;
    ws_world_open_memory(&world, 42);
    free(delete_first(&world, 20000 * DAY_NS));
    options.paths = &path;
    options.path_count = 1;
    assert_int_equal(fi_ws_forget(world.ws, &options, NULL, NULL, &result, &world.err), FIRN_OK);
    assert_int_equal(count_deleted(&world), 0);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_two_equal_checkpoints_one_can_be_deleted),
        cmocka_unit_test(a_number_is_never_given_again),
        cmocka_unit_test(a_reference_that_names_nothing_leaves_everything),
        cmocka_unit_test(several_are_deleted_at_once_and_told),
        cmocka_unit_test(nothing_can_be_deleted_where_nothing_was_saved),
        cmocka_unit_test(safety_checkpoints_expire_when_they_are_many_and_old),
        cmocka_unit_test(the_restore_itself_lets_them_expire),
        cmocka_unit_test(a_tag_keeps_a_safety_checkpoint_and_goes_with_its_checkpoint),
        cmocka_unit_test(what_an_interrupted_restore_needs_cannot_be_deleted),
        cmocka_unit_test(a_deleted_checkpoint_comes_back_for_a_week),
        cmocka_unit_test(a_tag_that_is_in_use_again_stays_where_it_is),
        cmocka_unit_test(what_was_deleted_last_comes_back_together),
        cmocka_unit_test(forgetting_a_path_ends_what_was_deleted),
    };
    return cmocka_run_group_tests_name("ws_delete", tests, NULL, NULL);
}
