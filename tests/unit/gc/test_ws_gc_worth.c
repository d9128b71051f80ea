/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/gc: which packs are worth rewriting, and what is said of the rest.
 */
#include "catalog/catalog.h"
#include "handle/ws_opened.h"
#include "support/test.h"
#include "support/workspace/gc_support.h"

static const size_t MIB = 1 << 20;
static const size_t KB = 1000;

/* A pack with both, of which one is needed no more. */
static void
save_and_delete(struct ws_world *world, uint64_t seed, size_t dead, size_t alive)
{
    ws_world_open_memory(world, seed);
    scan_put_random(&world->tree, "dead", 1, dead);
    scan_put_random(&world->tree, "alive", 2, alive);
    ws_save(world);
    scan_remove_file(&world->tree, "dead");
    ws_save(world);
    gc_delete(world, "1");
}

static uint64_t
given_back(const firn_workspace_gc_result *result)
{
    return result->bytes_before - result->bytes_after;
}

static bool
is_about(uint64_t value, uint64_t wanted)
{
    return value >= wanted - wanted / 20 && value <= wanted + wanted / 20;
}

static void
what_is_dead_comes_back_although_more_is_alive(void **state)
{
    const size_t dead[] = {8 * MIB, 2 * MIB, 500 * KB};
    for (size_t i = 0; i < sizeof dead / sizeof dead[0]; i++) {
        struct ws_world world;
        save_and_delete(&world, 101 + i, dead[i], 17 * MIB);
        char *second = ws_dump(&world);
        firn_workspace_gc_result dry = gc_dry_run(&world);
        firn_workspace_gc_result result = gc_run(&world);
        assert_true(is_about(given_back(&dry), dead[i]));
        assert_true(is_about(given_back(&result), dead[i]));
        assert_int_equal(dry.bytes_dead, 0);
        assert_int_equal(result.bytes_dead, 0);
        assert_int_equal(gc_due(&world).deleted_bytes, 0);
        scan_remove_file(&world.tree, "alive");
        ws_restore(&world, "2");
        ws_assert_dump(&world, second);
        ws_assert_check_clean(&world);
        gc_assert_exact(&world);
        free(second);
        ws_world_close(&world);
    }
}

static void
a_trifle_stays_and_is_told(void **state)
{
    struct ws_world world;
    save_and_delete(&world, 111, 200 * KB, 18 * MIB);
    firn_workspace_gc_result dry = gc_dry_run(&world);
    firn_workspace_gc_result result = gc_run(&world);
    assert_true(given_back(&result) < 10 * KB);
    assert_true(is_about(result.bytes_dead, 200 * KB));
    assert_int_equal(dry.bytes_dead, result.bytes_dead);
    assert_int_equal(gc_due(&world).deleted_bytes, result.bytes_dead);
    result = gc_run_full(&world);
    assert_true(is_about(given_back(&result), 200 * KB));
    assert_int_equal(result.bytes_dead, 0);
    assert_int_equal(gc_due(&world).deleted_bytes, 0);
    gc_assert_exact(&world);
    ws_world_close(&world);
}

/* The same share of a small pack costs nothing to free. */
static void
a_small_pack_keeps_nothing(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 112);
    scan_put_random(&world.tree, "alive", 2, 2 * MIB);
    scan_put_random(&world.tree, "dead", 1, 5 * KB);
    ws_save(&world);
    ws_save(&world);
    scan_remove_file(&world.tree, "dead");
    ws_save(&world);
    (void)gc_run(&world);
    gc_delete(&world, "1");
    gc_delete(&world, "2");
    assert_int_equal(gc_look(&world).packs, 1);
    firn_workspace_gc_result result = gc_run(&world);
    assert_int_equal(result.packs_rewritten, 1);
    assert_true(given_back(&result) >= 5 * KB);
    assert_int_equal(result.bytes_dead, 0);
    ws_world_close(&world);
}

/* A begun one gives back; it does not find each pack too good to be rewritten. */
static void
what_is_due_is_given_back(void **state)
{
    struct ws_world world;
    save_and_delete(&world, 113, 18 * MIB, 40 * MIB);
    assert_true(gc_run_usual(&world, true).is_due);
    firn_workspace_gc_result result = gc_run_usual(&world, false);
    assert_true(result.is_finished);
    assert_true(is_about(given_back(&result), 18 * MIB));
    assert_int_equal(result.bytes_dead, 0);
    assert_false(gc_run_usual(&world, true).is_due);
    ws_assert_check_clean(&world);
    gc_assert_exact(&world);
    ws_world_close(&world);
}

static void
what_an_automatic_one_leaves_is_noted(void **state)
{
    struct ws_world world;
    save_and_delete(&world, 114, 2 * MIB, 18 * MIB);
    firn_workspace_gc_result result = gc_run_auto(&world);
    assert_true(result.is_finished);
    assert_true(given_back(&result) < 10 * KB);
    assert_true(is_about(result.bytes_dead, 2 * MIB));
    assert_int_equal(gc_due(&world).deleted_bytes, result.bytes_dead);
    result = gc_run_auto(&world);
    assert_int_equal(gc_due(&world).deleted_bytes, result.bytes_dead);
    result = gc_run(&world);
    assert_true(is_about(given_back(&result), 2 * MIB));
    assert_int_equal(gc_due(&world).deleted_bytes, 0);
    ws_world_close(&world);
}

/* What does not compress, among much that does: it is most of the file, and little of the contents. */
static void
room_in_the_file_is_what_counts(void **state)
{
    const size_t line = 128;
    const size_t lines = 256 << 10;
    struct ws_world world;
    char *text = malloc(lines * line + 1);
    assert_non_null(text);
    for (size_t i = 0; i < lines; i++) {
        (void)snprintf(text + i * line, line + 1, "%127zu\n", i);
    }
    ws_world_open_memory(&world, 115);
    scan_put_random(&world.tree, "dead", 1, 3 * MIB);
    scan_put_file(&world.tree, "text", text, lines * line);
    free(text);
    ws_save(&world);
    scan_remove_file(&world.tree, "dead");
    ws_save(&world);
    gc_delete(&world, "1");
    firn_workspace_gc_result result = gc_run_auto(&world);
    assert_true(result.bytes_before < 8 * MIB);
    assert_true(is_about(given_back(&result), 3 * MIB));
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_dead_comes_back_although_more_is_alive),
        cmocka_unit_test(a_trifle_stays_and_is_told),
        cmocka_unit_test(a_small_pack_keeps_nothing),
        cmocka_unit_test(what_is_due_is_given_back),
        cmocka_unit_test(what_an_automatic_one_leaves_is_noted),
        cmocka_unit_test(room_in_the_file_is_what_counts),
    };
    return cmocka_run_group_tests_name("ws_gc_worth", tests, NULL, NULL);
}
