/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/workspace: undo and redo against a plain list of states. Random trees are edited, saved,
 * restored, reverted, undone and redone, and checkpoints are deleted, in any order. The list says
 * which state each undo and redo brings back, and when there is none. Also the entry of the line: its
 * limit, and one that is missing or damaged.
 *
 * FIRN_TEST_SEED runs one seed; FIRN_TEST_LONG=1 runs many steps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "catalog/catalog_line.h"
#include "handle/ws_opened.h"
#include "sim/sim_memory.h"
#include "ws_edit.h"
#include "ws_support.h"

struct state {
    char *dump;
    uint64_t number; /* of its checkpoint; 0: a safety checkpoint */
    bool is_deleted;
};

struct model {
    struct ws_world world;
    struct test_random random;
    int64_t now_ns;
    char **saved; /* [i] is of number i + 1; NULL: deleted */
    size_t saved_count;
    struct state *states;
    size_t count;
    size_t cursor;
    bool is_written; /* nothing was saved since the entry of the line was written */
    uint64_t undone;
    uint64_t redone;
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

/* ---- the list ---- */

/* A dump without the times of directories, which make no state. The caller frees it. */
static char *
without_times(const char *dump)
{
    char *out = strdup(dump);
    char *to = out;
    assert_non_null(out);
    char kind[24];
    snprintf(kind, sizeof kind, " kind=%d ", FIRN_TREE_DIR);
    while (*dump != '\0') {
        const char *end = strchr(dump, '\n');
        const char *dir = strstr(dump, kind);
        const char *time = strstr(dump, " mtime=");
        end = end != NULL ? end + 1 : dump + strlen(dump);
        for (; dump < end; dump++) {
            if (dir != NULL && dir < end && dump == time) {
                dump += strcspn(dump + 1, " \n") + 1;
            }
            *to++ = *dump;
        }
    }
    *to = '\0';
    return out;
}

static bool
is_at_cursor(const struct model *model, const char *dump)
{
    if (model->count == 0 || model->states[model->cursor].is_deleted) {
        return false;
    }
    const struct state *here = &model->states[model->cursor];
    char *a = without_times(here->dump);
    char *b = without_times(dump);
    bool is_same = strcmp(a, b) == 0;
    free(a);
    free(b);
    return is_same;
}

static void
add(struct model *model, const char *dump, uint64_t number)
{
    if (is_at_cursor(model, dump)) {
        return;
    }
    while (model->count > model->cursor + 1) {
        free(model->states[--model->count].dump);
    }
    model->states = realloc(model->states, (model->count + 1) * sizeof *model->states);
    assert_non_null(model->states);
    model->states[model->count] = (struct state){strdup(dump), number, false};
    model->cursor = model->count++;
}

/* The nearest state before or after the cursor that is not the present one; SIZE_MAX if there is
 * none. */
static size_t
next_of(const struct model *model, const char *now, bool forward)
{
    size_t at = model->cursor;
    while (forward ? at + 1 < model->count : at > 0) {
        at = forward ? at + 1 : at - 1;
        if (!model->states[at].is_deleted && strcmp(model->states[at].dump, now) != 0) {
            return at;
        }
    }
    return SIZE_MAX;
}

/* ---- steps ---- */

static void
edit(struct model *model)
{
    for (uint64_t left = 1 + below(model, 5); left > 0; left--) {
        ws_edit_step(&model->world.tree, &model->random);
    }
}

static void
save(struct model *model)
{
    firn_workspace_save_result result = ws_save(&model->world);
    assert_int_equal(result.checkpoint->number, model->saved_count + 1);
    model->saved = realloc(model->saved, (model->saved_count + 1) * sizeof *model->saved);
    assert_non_null(model->saved);
    model->saved[model->saved_count++] = ws_dump(&model->world);
    add(model, model->saved[model->saved_count - 1], model->saved_count);
    model->is_written = false;
}

static size_t
choose(struct model *model)
{
    for (size_t tries = 0; tries < 50; tries++) {
        size_t i = below(model, model->saved_count);
        if (model->saved[i] != NULL) {
            return i;
        }
    }
    return SIZE_MAX;
}

static void
restore(struct model *model)
{
    size_t i = choose(model);
    char reference[16];
    if (i == SIZE_MAX) {
        return;
    }
    snprintf(reference, sizeof reference, "%u", (unsigned)i + 1);
    char *before = ws_dump(&model->world);
    firn_workspace_restore_result result = ws_restore(&model->world, reference);
    ws_assert_dump(&model->world, model->saved[i]);
    if (result.safety_id[0] != '\0') {
        add(model, before, 0);
        add(model, model->saved[i], i + 1);
        model->is_written = true;
    }
    free(before);
}

static void
revert(struct model *model)
{
    size_t i = choose(model);
    char reference[16];
    if (i == SIZE_MAX || i == 0 || model->saved[i - 1] == NULL) {
        return;
    }
    snprintf(reference, sizeof reference, "%u", (unsigned)i + 1);
    firn_workspace_revert_options options = FIRN_WORKSPACE_REVERT_OPTIONS_INIT;
    firn_workspace_revert_result result;
    options.after = reference;
    char *before = ws_dump(&model->world);
    int rc = firn_ws_revert(model->world.ws, &options, &result, &model->world.err);
    char *after = ws_dump(&model->world);
    if (rc == FIRN_OK && result.safety_id[0] != '\0') {
        add(model, before, 0);
        add(model, after, 0);
        model->is_written = true;
    } else {
        if (rc != FIRN_CONFLICT) {
            must(model, rc);
        }
        assert_string_equal(before, after);
    }
    free(before);
    free(after);
}

static int
try_step(struct model *model, bool forward, bool is_dry)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.dry_run = is_dry;
    options.threads = model->world.threads;
    return forward ? firn_ws_restore_redo(model->world.ws, &options, &result, &model->world.err)
                   : firn_ws_restore_undo(model->world.ws, &options, &result, &model->world.err);
}

/* The index of the state that a step must reach; SIZE_MAX: none. */
static size_t
expect(const struct model *model, const char *now, bool forward)
{
    bool is_here = is_at_cursor(model, now);
    if (model->count == 0 || is_here || model->states[model->cursor].is_deleted) {
        return next_of(model, now, forward);
    }
    return forward ? SIZE_MAX : model->cursor;
}

static void
step(struct model *model, bool forward)
{
    char *now = ws_dump(&model->world);
    size_t to = expect(model, now, forward);
    bool is_dry = below(model, 4) == 0;
    int rc = try_step(model, forward, is_dry);
    if (to == SIZE_MAX || is_dry) {
        assert_int_equal(rc, to == SIZE_MAX ? FIRN_NOT_FOUND : FIRN_OK);
        ws_assert_dump(&model->world, now);
    } else {
        must(model, rc);
        ws_assert_dump(&model->world, model->states[to].dump);
        if (!forward) {
            add(model, now, 0);
        }
        model->cursor = to;
        model->is_written = true;
        *(forward ? &model->redone : &model->undone) += 1;
    }
    free(now);
}

/* Only after the line was written: else a later checkpoint of the same tree takes the place of the
 * deleted one. */
static void
delete_one(struct model *model)
{
    size_t i = choose(model);
    char text[16];
    const char *reference = text;
    if (i == SIZE_MAX || !model->is_written) {
        return;
    }
    snprintf(text, sizeof text, "%u", (unsigned)i + 1);
    firn_workspace_delete_options options = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    must(model, firn_reclaim_delete(model->world.ws, &reference, 1, &options, NULL, NULL,
                                    &model->world.err));
    free(model->saved[i]);
    model->saved[i] = NULL;
    for (size_t at = 0; at < model->count; at++) {
        model->states[at].is_deleted =
            model->states[at].is_deleted || model->states[at].number == i + 1;
    }
}

static void
any_step(struct model *model)
{
    if (below(model, 2) == 0) {
        model->now_ns += INT64_C(10) * 1000000000;
        firn_sim_memory_set_time(model->world.tree.os, model->now_ns);
    }
    switch (below(model, 20)) {
    case 0:
    case 1:
    case 2:
        save(model);
        break;
    case 3:
    case 4:
        restore(model);
        break;
    case 5:
        revert(model);
        break;
    case 6:
        delete_one(model);
        break;
    case 7:
        ws_world_reopen(&model->world);
        break;
    case 8:
    case 9:
    case 10:
        edit(model);
        break;
    case 11:
    case 12:
    case 13:
    case 14:
        step(model, true);
        break;
    default:
        step(model, false);
        break;
    }
}

static bool
is_long(void)
{
    return getenv("FIRN_TEST_LONG") != NULL;
}

static void
run_model(uint64_t seed, struct model *counts)
{
    struct model model = {.now_ns = INT64_C(1800000000) * 1000000000};
    test_random_init(&model.random, "ws_line", seed);
    ws_world_open_memory(&model.world, seed);
    firn_sim_memory_set_time(model.world.tree.os, model.now_ns);
    ws_edit_grow(&model.world.tree, &model.random, 5 + below(&model, 20));
    save(&model);
    for (unsigned i = 0; i < (is_long() ? 1000 : 150); i++) {
        any_step(&model);
    }
    ws_assert_check_clean(&model.world);
    counts->undone += model.undone;
    counts->redone += model.redone;
    for (size_t i = 0; i < model.saved_count; i++) {
        free(model.saved[i]);
    }
    for (size_t i = 0; i < model.count; i++) {
        free(model.states[i].dump);
    }
    free(model.saved);
    free(model.states);
    ws_world_close(&model.world);
}

static void
undo_and_redo_are_what_the_list_says(void **state)
{
    (void)state;
    struct model counts = {.undone = 0};
    uint64_t seeds = getenv("FIRN_TEST_SEED") != NULL ? 1 : is_long() ? 40 : 6;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        run_model(seed, &counts);
    }
    assert_true(counts.undone > 20 && counts.redone > 5);
    printf("count: %llu steps of undo and redo against a list of states\n",
           (unsigned long long)(counts.undone + counts.redone));
}

/* ---- the entry ---- */

static void
put(struct model *model, const char *name, const char *content)
{
    scan_put_text(&model->world.tree, name, content);
}

/* Replaces the entry of the line; NULL deletes it. */
static void
damage(struct model *model, const char *bytes)
{
    struct firn_ws_opened opened;
    struct firn_db_keyspace *keyspace;
    struct firn_db_batch *batch;
    uint8_t key[4];
    firn_error *err = &model->world.err;
    must(model, firn_ws_opened_open(model->world.ws, FIRN_WS_WRITE, &opened, err));
    must(model, firn_db_keyspace_open(opened.db, "firn.undo", &keyspace, err));
    must(model, firn_db_batch_create(&batch, err));
    firn_store_be32(key, opened.workspace.number);
    must(model, bytes == NULL
                    ? firn_db_batch_delete(batch, keyspace, firn_bytes(key, sizeof key), err)
                    : firn_db_batch_put(batch, keyspace, firn_bytes(key, sizeof key),
                                        firn_str(bytes), err));
    must(model, firn_db_write(opened.db, batch, FIRN_DURABILITY_FULL, err));
    firn_db_batch_destroy(batch);
    must(model, firn_ws_opened_close(model->world.ws, &opened, FIRN_OK, err));
}

static void
a_line_that_is_lost_is_derived_from_history(void **state)
{
    (void)state;
    /* Nothing; another format; a cursor beyond the end; a line that is cut short. */
    static const char *const entries[] = {NULL, "\2\1\1\1\1", "\1\1\3\2\1\2", "\1\1\1\5\1\2"};
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        struct model model = {.count = 0};
        char *dumps[4];
        ws_world_open_memory(&model.world, i);
        put(&model, "a", "1");
        save(&model);
        dumps[0] = ws_dump(&model.world);
        put(&model, "a", "22");
        save(&model);
        dumps[1] = ws_dump(&model.world);
        put(&model, "a", "333");
        dumps[2] = ws_dump(&model.world);
        ws_restore(&model.world, "1");
        damage(&model, entries[i]);
        for (size_t at = 3; at-- > 0;) {
            must(&model, try_step(&model, false, true));
            if (at > 0) {
                must(&model, try_step(&model, false, false));
                ws_assert_dump(&model.world, dumps[at == 2 ? 2 : 1]);
            }
        }
        must(&model, try_step(&model, false, false));
        ws_assert_dump(&model.world, dumps[0]);
        assert_int_equal(try_step(&model, false, false), FIRN_NOT_FOUND);
        must(&model, try_step(&model, true, false));
        must(&model, try_step(&model, true, false));
        ws_assert_dump(&model.world, dumps[2]);
        for (size_t at = 0; at < 3; at++) {
            free(dumps[at]);
        }
        for (size_t at = 0; at < model.count; at++) {
            free(model.states[at].dump);
            free(model.saved[at]);
        }
        free(model.states);
        free(model.saved);
        ws_world_close(&model.world);
    }
}

static void
a_line_has_its_newest_states(void **state)
{
    (void)state;
    struct firn_catalog_line line = {0};
    size_t at;
    firn_error err;
    for (uint64_t order = 1; order <= FIRN_CATALOG_LINE_STATES_MAX + 5; order++) {
        assert_int_equal(firn_catalog_line_add(&line, order, &err), FIRN_OK);
        assert_int_equal(firn_catalog_line_at(&line, line.cursor), order);
    }
    assert_int_equal(firn_catalog_line_count(&line), FIRN_CATALOG_LINE_STATES_MAX);
    assert_int_equal(firn_catalog_line_at(&line, 0), 6);
    assert_false(firn_catalog_line_find(&line, 5, &at));
    assert_true(firn_catalog_line_find(&line, 9, &at));
    assert_int_equal(at, 3);
    line.cursor = 3;
    assert_int_equal(firn_catalog_line_add(&line, 7777, &err), FIRN_OK);
    assert_int_equal(firn_catalog_line_count(&line), 5);
    assert_int_equal(line.cursor, 4);
    firn_catalog_line_deinit(&line);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(undo_and_redo_are_what_the_list_says),
        cmocka_unit_test(a_line_that_is_lost_is_derived_from_history),
        cmocka_unit_test(a_line_has_its_newest_states),
    };
    return cmocka_run_group_tests_name("ws_line", tests, NULL, NULL);
}
