/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/gc: compressing again what saves compressed quickly, once; and copying frames that
 * need not be compressed again.
 */
#include "base/slice.h"
#include "handle/ws_opened.h"
#include "objects/objects_internal.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_random.h"
#include "support/workspace/gc_support.h"

/* Words in no order: a higher level makes less of them. */
static void
put_words(struct ws_world *world, const char *path, uint64_t seed, size_t size)
{
    static const char *const syllables[] = {"ka", "ro", "mi", "tes", "lan", "vo", "ner", "ist"};
    struct test_random random;
    char *text = malloc(size + 16);
    size_t at = 0;
    assert_non_null(text);
    test_random_init(&random, "words", seed);
    while (at < size) {
        uint64_t word = test_random_below(&random, 700);
        for (uint64_t left = word + 8; left > 0; left /= 8) {
            at += (size_t)snprintf(text + at, 8, "%s", syllables[left % 8]);
            at = at < size ? at : size;
        }
        text[at++] = ' ';
    }
    scan_put_file(&world->tree, path, text, size);
    free(text);
}

/* The levels of the packs in use, in the order of their numbers: "0 9 ". */
static void
levels(struct ws_world *world, char out[64])
{
    struct fi_ws_opened opened;
    size_t at = 0;
    out[0] = '\0';
    assert_int_equal(fi_ws_opened_open(world->ws, FI_WS_READ, &opened, &world->err), FIRN_OK);
    for (size_t i = 0; i < opened.objects->pack_count; i++) {
        at += (size_t)snprintf(out + at, 64 - at, "%u ", opened.objects->packs[i].entry.level);
    }
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, false, &world->err), FIRN_OK);
}

static void
assert_levels(struct ws_world *world, const char *expected)
{
    char found[64];
    levels(world, found);
    assert_string_equal(found, expected);
}

/* Text, and bytes that cannot be made smaller; some 6 MB. */
static char *
fill(struct ws_world *world)
{
    put_words(world, "words", 1, 2 << 20);
    put_words(world, "dir/more", 2, 700 << 10);
    put_words(world, "dir/few", 3, 3000);
    scan_put_random(&world->tree, "random", 4, 3 << 20);
    ws_save(world);
    return ws_dump(world);
}

static char *
prepare(struct ws_world *world)
{
    ws_world_open_memory(world, 9);
    return fill(world);
}

static void
assert_comes_back(struct ws_world *world, const char *dump)
{
    ws_assert_check_clean(world);
    scan_remove_file(&world->tree, "words");
    scan_remove_tree(&world->tree, "dir");
    ws_restore(world, "1");
    ws_assert_dump(world, dump);
}

static void
what_was_saved_becomes_smaller_once(void **state)
{
    struct ws_world world;
    char *dump = prepare(&world);
    assert_levels(&world, "0 ");
    firn_workspace_gc_result result = gc_recompress(&world, 9);
    assert_int_equal(result.packs_rewritten, 1);
    assert_true(result.bytes_after + 20000 < result.bytes_before);
    assert_levels(&world, "9 ");
    uint64_t calls = fi_sim_memory_calls(world.tree.os);
    for (int level = 2; level <= 9; level += 7) {
        firn_workspace_gc_result again = gc_recompress(&world, level);
        assert_int_equal(again.packs_rewritten + again.packs_removed, 0);
        assert_int_equal(again.bytes_after, result.bytes_after);
        assert_int_equal(again.bytes_before, result.bytes_after);
    }
    assert_true(fi_sim_memory_calls(world.tree.os) < calls + 400);
    assert_comes_back(&world, dump);
    free(dump);
    ws_world_close(&world);
}

static void
a_higher_level_does_it_again(void **state)
{
    struct ws_world world;
    char *dump = prepare(&world);
    uint64_t size = gc_recompress(&world, 2).bytes_after;
    firn_workspace_gc_result result = gc_recompress(&world, 12);
    assert_int_equal(result.packs_rewritten, 1);
    assert_true(result.bytes_after < size);
    assert_levels(&world, "12 ");
    assert_comes_back(&world, dump);
    free(dump);
    ws_world_close(&world);
}

static void
only_what_is_new_is_compressed_again(void **state)
{
    struct ws_world world;
    char *dump = prepare(&world);
    scan_put_random(&world.tree, "much", 5, 17 << 20);
    ws_save(&world);
    gc_recompress(&world, 9);
    put_words(&world, "new", 6, 900 << 10);
    ws_save(&world);
    assert_levels(&world, "9 0 ");
    firn_workspace_gc_result result = gc_recompress(&world, 9);
    assert_int_equal(result.packs_rewritten, 1);
    assert_levels(&world, "9 9 ");
    assert_int_equal(gc_recompress(&world, 9).packs_rewritten, 0);
    assert_comes_back(&world, dump);
    free(dump);
    ws_world_close(&world);
}

static void
a_collection_does_not_undo_it(void **state)
{
    struct ws_world world;
    char *dump = prepare(&world);
    uint64_t size = gc_recompress(&world, 9).bytes_after;
    put_words(&world, "new", 6, 900 << 10);
    ws_save(&world);
    put_words(&world, "newer", 7, 900 << 10);
    ws_save(&world);
    assert_levels(&world, "9 0 0 ");
    firn_workspace_gc_result result = gc_run_full(&world);
    assert_int_equal(result.packs_rewritten, 2);
    assert_levels(&world, "9 0 ");
    assert_int_equal(gc_run(&world).packs_rewritten, 0);
    gc_delete(&world, "2");
    gc_delete(&world, "3");
    result = gc_run_full(&world);
    assert_levels(&world,
                  "9 0 "); /* a copy of the first checkpoint's record came with the second */
    assert_true(result.bytes_after <= size + 2000);
    assert_comes_back(&world, dump);
    free(dump);
    ws_world_close(&world);
}

static void
a_save_leaves_it_alone(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 9);
    put_words(&world, "words", 1, 300 << 10);
    ws_save(&world);
    gc_recompress(&world, 9);
    for (uint64_t i = 0; i < 8; i++) {
        put_words(&world, "small", i, 30 << 10);
        ws_save(&world);
        char found[64];
        levels(&world, found);
        assert_memory_equal(found, "9 0", 3);
    }
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
what_is_dead_goes_at_the_same_time(void **state)
{
    struct ws_world world;
    char *dump = prepare(&world);
    put_words(&world, "lost", 8, 1 << 20);
    ws_save(&world);
    gc_delete(&world, "2");
    firn_workspace_gc_result result = gc_recompress(&world, 9);
    assert_true(result.objects_dead > 0);
    assert_levels(&world, "9 ");
    gc_assert_exact(&world);
    assert_comes_back(&world, dump);
    free(dump);
    ws_world_close(&world);
}

static void
a_dry_run_changes_nothing(void **state)
{
    struct ws_world world;
    char *dump = prepare(&world);
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result result;
    options.dry_run = true;
    options.recompress_level = 9;
    uint64_t calls = fi_sim_memory_calls(world.tree.os);
    assert_int_equal(fi_gc(world.ws, &options, &result, &world.err), FIRN_OK);
    assert_int_equal(fi_sim_memory_calls(world.tree.os), calls);
    assert_int_equal(result.packs_rewritten, 1);
    assert_levels(&world, "0 ");
    free(dump);
    ws_world_close(&world);
}

static void
cancelled_it_has_changed_nothing(void **state)
{
    struct ws_world world;
    ws_world_open_disk(&world);
    char *dump = fill(&world);
    world.notices.cancel_at = 2; /* 200 ms after the first: this level takes longer */
    assert_int_equal(gc_try_recompress(&world, 19, NULL), FIRN_CANCELLED);
    world.notices.cancel_at = 0;
    ws_assert_check_clean(&world);
    assert_levels(&world, "0 ");
    gc_recompress(&world, 9);
    assert_levels(&world, "9 ");
    assert_comes_back(&world, dump);
    free(dump);
    ws_world_close(&world);
}

/* ---- frames as they are stored ---- */

struct frames {
    uint64_t count;
    uint64_t plain; /* of full size, not compressed */
    uint64_t stored[64];
};

static void
count_frames(void *ctx, struct firn_pack *pack)
{
    struct frames *frames = ctx;
    for (uint32_t i = 0; i < fi_pack_walk_count(pack); i++) {
        struct fi_pack_frame_size size = fi_pack_frame_size_of(pack, i);
        frames->plain += size.raw > 500000 && size.stored == size.raw ? 1 : 0;
        assert_true(frames->count < 64);
        frames->stored[frames->count++] = size.stored;
    }
}

static struct frames
look_at_frames(struct ws_world *world)
{
    struct frames frames = {0};
    gc_visit_packs(world, count_frames, &frames);
    return frames;
}

static bool
has_frame(const struct frames *frames, uint64_t stored)
{
    for (uint64_t i = 0; i < frames->count; i++) {
        if (frames->stored[i] == stored) {
            return true;
        }
    }
    return false;
}

static void
full_frames_are_copied_as_they_are(void **state)
{
    struct ws_world world;
    char *dump = prepare(&world);
    struct frames before = look_at_frames(&world);
    put_words(&world, "lost", 8, 1 << 20);
    ws_save(&world);
    gc_delete(&world, "2");
    gc_run_full(&world);
    struct frames after = look_at_frames(&world);
    uint64_t copied = 0;
    for (uint64_t i = 0; i < before.count; i++) {
        copied += has_frame(&after, before.stored[i]) ? 1 : 0;
    }
    assert_true(copied + 2 >= before.count);
    assert_comes_back(&world, dump);
    free(dump);
    ws_world_close(&world);
}

static void
a_frame_in_which_something_is_dead_is_not_copied(void **state)
{
    const char *const names[] = {"a", "b", "c"};
    for (size_t dead = 0; dead < 3; dead++) {
        struct ws_world world;
        ws_world_open_memory(&world, 10);
        for (size_t i = 0; i < 3; i++) {
            put_words(&world, names[i], i, 250 << 10);
        }
        ws_save(&world);
        scan_remove_file(&world.tree, names[dead]);
        ws_save(&world);
        char *dump = ws_dump(&world);
        gc_delete(&world, "1");
        gc_assert_exact(&world);
        ws_assert_check_clean(&world);
        scan_remove_file(&world.tree, names[(dead + 1) % 3]);
        ws_restore(&world, "2");
        ws_assert_dump(&world, dump);
        free(dump);
        ws_world_close(&world);
    }
}

static void
what_cannot_be_made_smaller_stays_plain(void **state)
{
    struct ws_world world;
    char *dump = prepare(&world);
    uint64_t plain = look_at_frames(&world).plain;
    assert_int_equal(plain, 1);
    gc_recompress(&world, 19);
    assert_int_equal(look_at_frames(&world).plain, plain);
    assert_comes_back(&world, dump);
    free(dump);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_saved_becomes_smaller_once),
        cmocka_unit_test(a_higher_level_does_it_again),
        cmocka_unit_test(only_what_is_new_is_compressed_again),
        cmocka_unit_test(a_collection_does_not_undo_it),
        cmocka_unit_test(a_save_leaves_it_alone),
        cmocka_unit_test(what_is_dead_goes_at_the_same_time),
        cmocka_unit_test(a_dry_run_changes_nothing),
        cmocka_unit_test(cancelled_it_has_changed_nothing),
        cmocka_unit_test(full_frames_are_copied_as_they_are),
        cmocka_unit_test(a_frame_in_which_something_is_dead_is_not_copied),
        cmocka_unit_test(what_cannot_be_made_smaller_stays_plain),
    };
    return cmocka_run_group_tests_name("ws_gc_recompress", tests, NULL, NULL);
}
