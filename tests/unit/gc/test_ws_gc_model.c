/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/gc: several workspaces in one store, against a model. Random trees are edited, saved,
 * restored, undone; checkpoints are deleted and garbage is collected, in any order and with the
 * power cut in between. Every checkpoint that was not deleted comes back exactly, in every
 * workspace, and in the end there is nothing in the store but what they need.
 *
 * FIRN_TEST_SEED runs one seed; FIRN_TEST_LONG=1 runs many steps.
 */
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/workspace/gc_support.h"
#include "support/workspace/ws_edit.h"

enum { WORKSPACES = 3 };

struct history {
    char **dumps; /* [i] is of number i + 1; NULL: deleted */
    size_t count;
    char *safety; /* what undo brings back; NULL: nothing */
};

struct model {
    struct ws_world worlds[WORKSPACES]; /* the first has the machine */
    struct history histories[WORKSPACES];
    struct test_random random;
    int64_t now_ns;
};

static uint64_t
below(struct model *model, uint64_t limit)
{
    return test_random_below(&model->random, limit);
}

static void
must(const struct ws_world *world, int rc)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), world->err.text);
    }
}

/* The index of a checkpoint that is there, or SIZE_MAX. */
static size_t
choose(struct model *model, const struct history *history)
{
    size_t left = 0;
    for (size_t i = 0; i < history->count; i++) {
        left += history->dumps[i] != NULL ? 1 : 0;
    }
    if (left == 0) {
        return SIZE_MAX;
    }
    size_t wanted = below(model, left);
    for (size_t i = 0;; i++) {
        if (history->dumps[i] != NULL && wanted-- == 0) {
            return i;
        }
    }
}

static void
reference_of(size_t index, char out[16])
{
    snprintf(out, 16, "%u", (unsigned)index + 1);
}

/* ---- steps ---- */

static void
edit(struct model *model, size_t w)
{
    for (uint64_t left = 1 + below(model, 10); left > 0; left--) {
        ws_edit_step(&model->worlds[w].tree, &model->random);
    }
}

static void
save(struct model *model, size_t w)
{
    struct history *history = &model->histories[w];
    firn_workspace_save_result result = ws_save(&model->worlds[w]);
    assert_int_equal(result.checkpoint->number, history->count + 1);
    history->dumps = realloc(history->dumps, (history->count + 1) * sizeof *history->dumps);
    assert_non_null(history->dumps);
    history->dumps[history->count++] = ws_dump(&model->worlds[w]);
}

static void
remember_safety(struct history *history, const firn_workspace_restore_result *result, char *before)
{
    if (result->safety_id[0] == '\0') {
        free(before);
        return;
    }
    free(history->safety);
    history->safety = before;
}

static void
restore(struct model *model, size_t w)
{
    struct history *history = &model->histories[w];
    size_t index = choose(model, history);
    char reference[16];
    if (index == SIZE_MAX) {
        return;
    }
    reference_of(index, reference);
    char *before = ws_dump(&model->worlds[w]);
    firn_workspace_restore_result result = ws_restore(&model->worlds[w], reference);
    ws_assert_dump(&model->worlds[w], history->dumps[index]);
    remember_safety(history, &result, before);
}

static void
undo(struct model *model, size_t w)
{
    struct history *history = &model->histories[w];
    struct ws_world *world = &model->worlds[w];
    firn_workspace_restore_result result;
    if (history->safety == NULL) {
        return;
    }
    char *before = ws_dump(world);
    must(world, ws_try_undo(world, &result));
    ws_assert_dump(world, history->safety);
    remember_safety(history, &result, before);
}

static void
delete_some(struct model *model, size_t w)
{
    struct history *history = &model->histories[w];
    struct ws_world *world = &model->worlds[w];
    firn_workspace_delete_options options = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    char texts[4][16];
    const char *references[4];
    size_t count = 0;
    for (size_t left = 1 + below(model, 4); left > 0; left--) {
        size_t index = choose(model, history);
        if (index == SIZE_MAX) {
            break;
        }
        reference_of(index, texts[count]);
        references[count] = texts[count];
        count++;
        free(history->dumps[index]);
        history->dumps[index] = NULL;
    }
    if (count > 0) {
        must(world, fi_gc_delete(world->ws, references, count, &options, NULL, NULL, &world->err));
        must(world, gc_try_end_deleted(world));
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(gc_try_delete(world, references[i]), FIRN_NOT_FOUND);
    }
}

static void
collect(struct model *model, size_t w)
{
    struct ws_world *world = &model->worlds[w];
    firn_workspace_gc_result dry = gc_dry_run(world);
    firn_workspace_gc_result result = below(model, 3) == 0 ? gc_run_full(world) : gc_run(world);
    assert_int_equal(result.objects_live, dry.objects_live);
    assert_int_equal(result.objects_dead, dry.objects_dead);
    struct gc_facts facts = gc_assert_collected(world, &result);
    assert_true(facts.entries >= result.objects_live);
}

struct meddling {
    struct model *model;
    bool is_done;
};

/* What others do between two slices. */
static int
meddle(void *ctx, const firn_progress *progress)
{
    struct meddling *meddling = ctx;
    struct model *model = meddling->model;
    if (!meddling->is_done && strcmp(progress->phase, "collect") == 0 && below(model, 3) == 0) {
        size_t other = below(model, WORKSPACES);
        meddling->is_done = true;
        edit(model, other);
        save(model, other);
        delete_some(model, other);
    }
    return FIRN_OK;
}

static void
collect_in_slices(struct model *model, size_t w)
{
    struct ws_world *world = &model->worlds[w];
    struct meddling meddling = {model, false};
    const firn_callbacks callbacks = {.on_progress = meddle, .ctx = &meddling};
    firn_workspace_gc_result result;
    must(world, gc_try_auto(world, &callbacks, &result));
    assert_true(result.is_finished);
    (void)gc_assert_collected(world, &result);
}

/* ---- power ---- */

static void
assert_everything_comes_back(struct model *model, struct ws_world *worlds)
{
    for (size_t w = 0; w < WORKSPACES; w++) {
        const struct history *history = &model->histories[w];
        for (size_t i = 0; i < history->count; i++) {
            char reference[16];
            firn_workspace_checkpoint *ignored;
            reference_of(i, reference);
            if (history->dumps[i] != NULL) {
                ws_restore(&worlds[w], reference);
                ws_assert_dump(&worlds[w], history->dumps[i]);
            } else {
                assert_int_equal(fi_ws_find(worlds[w].ws, reference, &ignored, NULL),
                                 FIRN_NOT_FOUND);
            }
        }
    }
}

/* On a machine of its own: a collection with the power gone at a random call; and sometimes
 * another on what that has left. */
static void
cut(struct model *model, size_t w)
{
    struct ws_world worlds[WORKSPACES];
    struct fi_os_dir *root = model->worlds[0].tree.root;
    assert_int_equal(fi_os_dir_sync_filesystem(root, NULL), FIRN_OK);
    ws_world_clone(&model->worlds[0], &worlds[0]);
    struct fi_os *os = worlds[0].tree.os;
    for (uint64_t rounds = 1 + below(model, 3); rounds > 0; rounds--) {
        for (size_t i = 1; i < WORKSPACES; i++) {
            gc_neighbour_open(&worlds[0], model->worlds[i].root_path, &worlds[i]);
        }
        fi_sim_memory_set_cut_at(os, fi_sim_memory_calls(os) + 1 + below(model, 60));
        int rc = below(model, 3) == 0 ? gc_try_auto(&worlds[w], NULL, NULL)
                                      : gc_try(&worlds[w], below(model, 2) == 0, NULL);
        assert_true(rc == FIRN_OK || fi_sim_memory_is_off(os));
        for (size_t i = 1; i < WORKSPACES; i++) {
            gc_neighbour_close(&worlds[i]);
        }
        fi_sim_memory_power_cut(os, below(model, 1000));
        fi_sim_memory_set_cut_at(os, 0);
        ws_world_reopen(&worlds[0]);
    }
    for (size_t i = 1; i < WORKSPACES; i++) {
        gc_neighbour_open(&worlds[0], model->worlds[i].root_path, &worlds[i]);
    }
    ws_assert_check_clean(&worlds[0]);
    assert_everything_comes_back(model, worlds);
    gc_assert_exact(&worlds[w]);
    ws_assert_check_clean(&worlds[0]);
    assert_everything_comes_back(model, worlds);
    for (size_t i = 1; i < WORKSPACES; i++) {
        gc_neighbour_close(&worlds[i]);
    }
    ws_world_close(&worlds[0]);
}

/* ---- all of it ---- */

static void
step(struct model *model)
{
    size_t w = below(model, WORKSPACES);
    if (below(model, 2) == 0) {
        /* So that the stat cache trusts what it has seen. */
        model->now_ns += INT64_C(10) * 1000000000;
        fi_sim_memory_set_time(model->worlds[0].tree.os, model->now_ns);
    }
    switch (below(model, 16)) {
    case 0:
    case 1:
    case 2:
        save(model, w);
        break;
    case 3:
        restore(model, w);
        break;
    case 4:
        undo(model, w);
        break;
    case 5:
    case 6:
        delete_some(model, w);
        break;
    case 7:
        collect(model, w);
        break;
    case 8:
        collect_in_slices(model, w);
        break;
    case 9:
        ws_assert_check_clean(&model->worlds[w]);
        break;
    case 10:
        if (below(model, 3) == 0) {
            cut(model, w);
        }
        break;
    case 11:
        gc_neighbour_close(&model->worlds[2]);
        gc_neighbour_open(&model->worlds[0], "/v2", &model->worlds[2]);
        break;
    default:
        edit(model, w);
        break;
    }
}

static bool
is_long(void)
{
    return getenv("FIRN_TEST_LONG") != NULL;
}

static void
run_model(uint64_t seed)
{
    struct model model = {0};
    test_random_init(&model.random, "ws_gc_model", seed);
    ws_world_open_memory(&model.worlds[0], seed);
    model.now_ns = INT64_C(1800000000) * 1000000000;
    fi_sim_memory_set_time(model.worlds[0].tree.os, model.now_ns);
    gc_neighbour_open(&model.worlds[0], "/v1", &model.worlds[1]);
    gc_neighbour_open(&model.worlds[0], "/v2", &model.worlds[2]);
    for (size_t w = 0; w < WORKSPACES; w++) {
        ws_edit_grow(&model.worlds[w].tree, &model.random, 10 + below(&model, 30));
        save(&model, w);
    }
    for (unsigned i = 0; i < (is_long() ? 1000 : 100); i++) {
        step(&model);
    }
    assert_everything_comes_back(&model, model.worlds);
    gc_assert_exact(&model.worlds[0]);
    ws_assert_check_clean(&model.worlds[0]);
    assert_everything_comes_back(&model, model.worlds);
    for (size_t w = WORKSPACES; w-- > 0;) {
        struct history *history = &model.histories[w];
        for (size_t i = 0; i < history->count; i++) {
            free(history->dumps[i]);
        }
        free(history->dumps);
        free(history->safety);
        if (w > 0) {
            gc_neighbour_close(&model.worlds[w]);
        }
    }
    ws_world_close(&model.worlds[0]);
}

static void
a_store_of_several_workspaces_is_what_the_model_says(void **state)
{
    uint64_t seeds = getenv("FIRN_TEST_SEED") != NULL ? 1 : is_long() ? 8 : 3;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        run_model(seed);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_of_several_workspaces_is_what_the_model_says),
    };
    return cmocka_run_group_tests_name("ws_gc_model", tests, NULL, NULL);
}
