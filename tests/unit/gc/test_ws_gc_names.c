/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/gc: a collection places versions of one file next to each other.
 */
#include "pack/pack.h"
#include "support/test.h"
#include "support/test_random.h"
#include "support/workspace/gc_support.h"

enum { FILES = 12, SAVES = 40, WORDS = 1500, WORD = 7 };

/* ---- a history ---- */

struct history {
    struct ws_world world;
    struct test_random random;
    char texts[FILES][WORDS * WORD];
    char *dumps[SAVES + 1];
};

/* A file's text begins with its number. */
static void
put_version(struct history *history, unsigned file, const char *directory)
{
    char path[32];
    (void)snprintf(path, sizeof path, "%s/f%02u", directory, file);
    scan_put_file(&history->world.tree, path, history->texts[file], sizeof history->texts[file]);
}

static void
edit(struct history *history, unsigned file, unsigned words)
{
    for (unsigned i = 0; i < words; i++) {
        char word[WORD + 1];
        uint64_t at = 1 + test_random_below(&history->random, WORDS - 1);
        (void)snprintf(word, sizeof word, "%06u ",
                       (unsigned)test_random_below(&history->random, 900000));
        memcpy(history->texts[file] + at * WORD, word, WORD);
    }
}

/* Half of the way through, the directory is renamed. */
static void
history_make(struct history *history)
{
    ws_world_open_memory(&history->world, 7);
    test_random_init(&history->random, "gc_names", 3);
    for (unsigned file = 0; file < FILES; file++) {
        memset(history->texts[file], ' ', sizeof history->texts[file]);
        edit(history, file, 4 * WORDS);
        (void)snprintf(history->texts[file], WORD, "f%02u  ", file);
        put_version(history, file, "old");
    }
    for (unsigned save = 1; save <= SAVES; save++) {
        const char *directory = save < SAVES / 2 ? "old" : "new";
        if (save == SAVES / 2) {
            scan_remove_tree(&history->world.tree, "old");
        }
        for (unsigned file = 0; file < FILES; file++) {
            if (save == SAVES / 2 || test_random_below(&history->random, 3) == 0) {
                edit(history, file, 1 + (unsigned)test_random_below(&history->random, 9));
                put_version(history, file, directory);
            }
        }
        ws_save(&history->world);
        history->dumps[save] = ws_dump(&history->world);
    }
}

static void
history_end(struct history *history)
{
    for (unsigned save = 1; save <= SAVES; save++) {
        free(history->dumps[save]);
    }
    ws_world_close(&history->world);
}

static void
assert_all_comes_back(struct history *history, unsigned first)
{
    ws_assert_check_clean(&history->world);
    for (unsigned save = first; save <= SAVES; save++) {
        char reference[8];
        (void)snprintf(reference, sizeof reference, "%u", save);
        ws_restore(&history->world, reference);
        ws_assert_dump(&history->world, history->dumps[save]);
    }
}

/* ---- what lies where ---- */

struct seen {
    unsigned versions;
    unsigned stretches; /* of versions of one file, one after the other */
    unsigned deltas;
    unsigned last; /* the file of the version before; FILES: none */
};

static int
see(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_slice content,
    firn_error *err)
{
    struct seen *seen = ctx;
    (void)hash;
    (void)err;
    seen->deltas += at->kind == FI_PACK_DELTA;
    if (at->kind == FI_PACK_BLOB && content.size == WORDS * WORD && content.data[0] == 'f') {
        unsigned file = (unsigned)(content.data[1] - '0') * 10 + (unsigned)(content.data[2] - '0');
        seen->versions++;
        seen->stretches += file != seen->last;
        seen->last = file;
    }
    return FIRN_OK;
}

static void
see_all(void *ctx, struct firn_pack *pack)
{
    struct fi_pack_scratch *scratch;
    firn_error err;
    assert_int_equal(fi_pack_scratch_create(1, &scratch, &err), FIRN_OK);
    for (uint32_t i = 0; i < fi_pack_walk_count(pack); i++) {
        assert_int_equal(fi_pack_walk_frame(pack, scratch, i, see, ctx, &err), FIRN_OK);
    }
    fi_pack_scratch_destroy(scratch);
}

static struct seen
look(struct ws_world *world)
{
    struct seen seen = {.last = FILES};
    gc_visit_packs(world, see_all, &seen);
    return seen;
}

/* ---- tests ---- */

static void
versions_come_together_whatever_their_directory_was(void **state)
{
    static const uint64_t shares[] = {2 << 20, 400000, 200000};
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        struct history *history = calloc(1, sizeof *history);
        assert_non_null(history);
        history_make(history);
        struct seen before = look(&history->world);
        assert_true(before.stretches > FILES && before.deltas > FILES);
        firn_workspace_gc_result result = gc_run_in_shares(&history->world, shares[i]);
        struct seen after = look(&history->world);
        assert_int_equal(result.packs_after, 1);
        assert_true(result.bytes_after < result.bytes_before);
        assert_int_equal(after.versions, before.versions + before.deltas);
        assert_int_equal(after.stretches, FILES);
        assert_int_equal(after.deltas, 0);
        assert_all_comes_back(history, 1);
        history_end(history);
        free(history);
    }
}

static void
too_many_shares_leave_the_order_as_it_is(void **state)
{
    struct history *history = calloc(1, sizeof *history);
    assert_non_null(history);
    history_make(history);
    struct seen before = look(&history->world);
    (void)gc_run_in_shares(&history->world, 1000);
    struct seen after = look(&history->world);
    assert_int_equal(after.deltas, before.deltas);
    assert_int_equal(after.stretches, before.stretches);
    assert_all_comes_back(history, 1);
    history_end(history);
    free(history);
}

/* The bases of deltas among them, which then live by their deltas alone. */
static void
nothing_that_is_dead_stays_when_checkpoints_were_deleted(void **state)
{
    struct history *history = calloc(1, sizeof *history);
    assert_non_null(history);
    history_make(history);
    for (unsigned save = 1; save < SAVES; save += save % 5 == 4 ? 2 : 1) {
        char reference[8];
        (void)snprintf(reference, sizeof reference, "%u", save);
        gc_delete(&history->world, reference);
    }
    gc_assert_exact(&history->world);
    (void)gc_run_in_shares(&history->world, 60000);
    gc_assert_exact(&history->world);
    assert_all_comes_back(history, SAVES);
    history_end(history);
    free(history);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_come_together_whatever_their_directory_was),
        cmocka_unit_test(too_many_shares_leave_the_order_as_it_is),
        cmocka_unit_test(nothing_that_is_dead_stays_when_checkpoints_were_deleted),
    };
    return cmocka_run_group_tests_name("ws_gc_names", tests, NULL, NULL);
}
