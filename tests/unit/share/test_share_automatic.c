/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/share: automatic pushes: when one is due, the pause after failures, and waiting for a running
 * push, after which all checkpoints have been sent.
 */
#include "share/share_internal.h"
#include "share_support.h"
#include "support/test.h"

#define SECOND INT64_C(1000000000)

static firn_push_result result; /* of the last push */

static int
push(struct ws_world *world, bool dry_run, const firn_callbacks *callbacks)
{
    firn_push_options options = FIRN_PUSH_OPTIONS_INIT;
    options.automatic = true;
    options.dry_run = dry_run;
    if (callbacks != NULL) {
        options.callbacks = *callbacks;
    }
    return fi_share_push(world->ws, "origin", &options, &result, &world->err);
}

static bool
is_due(struct ws_world *world)
{
    assert_int_equal(push(world, true, NULL), FIRN_OK);
    assert_int_equal(result.requests, 0);
    return result.is_due;
}

static void
save(struct ws_world *world, const char *text)
{
    scan_put_text(&world->tree, "text", text);
    ws_save(world);
}

/* What the store says of the remote. */
struct said {
    uint64_t not_pushed;
    int64_t failed_ns;
    char text[200];
};

static int
take_said(void *ctx, const firn_remote_info *remote)
{
    struct said *said = ctx;
    said->not_pushed = remote->not_pushed;
    said->failed_ns = remote->failed_ns;
    snprintf(said->text, sizeof said->text, "%.199s",
             remote->failed_text != NULL ? remote->failed_text : "");
    return FIRN_OK;
}

static struct said
look(struct ws_world *world)
{
    struct said said = {0};
    assert_int_equal(fi_share_name_visit(world->ws, take_said, &said, &world->err), FIRN_OK);
    return said;
}

/* Takes the remote away, or brings it back. */
static void
move_remote(struct ws_world *world, const char *from, const char *to)
{
    struct fi_os_dir *top;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/", &top, NULL), FIRN_OK);
    assert_int_equal(fi_os_rename(top, from, top, to, FI_OS_RENAME_REPLACE, NULL), FIRN_OK);
    fi_os_dir_close(top);
}

static void
note_failure(struct ws_world *world, int64_t failed_ns, const char *text)
{
    struct fi_ws_opened opened;
    struct fi_share_name name;
    struct fi_share_failure failure = {.failed_ns = failed_ns, .count = 1};
    snprintf(failure.text, sizeof failure.text, "%s", text);
    assert_int_equal(fi_ws_opened_open_store(world->ws, FI_WS_WRITE, &opened, NULL), FIRN_OK);
    assert_int_equal(fi_share_name_find(opened.db, NULL, &name, NULL), FIRN_OK);
    const struct fi_share share = {.ws = world->ws, .name = name};
    int rc = fi_share_note_fail(&share, opened.db, &failure, NULL);
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, rc, NULL), FIRN_OK);
}

static void
it_is_due_while_something_is_not_pushed(void **state)
{
    (void)state;
    struct ws_world world;
    share_open(&world, 71);
    assert_false(is_due(&world)); /* nothing was saved */
    save(&world, "one");
    assert_true(is_due(&world));
    assert_int_equal(push(&world, false, NULL), FIRN_OK);
    assert_true(result.is_due);
    assert_int_equal(result.checkpoints, 1);
    assert_false(is_due(&world));
    assert_int_equal(push(&world, false, NULL), FIRN_OK);
    assert_false(result.is_due);
    assert_int_equal(result.requests, 0); /* the remote is not asked */
    save(&world, "two");
    share_push(&world);
    assert_false(is_due(&world));
    ws_world_close(&world);
}

static void
pauses_grow_with_failures(void **state)
{
    (void)state;
    static const int64_t pauses[] = {5, 10, 20, 40, 80, 160, 300, 300, 300};
    struct ws_world world;
    share_open(&world, 72);
    save(&world, "one");
    move_remote(&world, "r", "away");
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        const int64_t now = fi_os_now_ns(world.tree.os);
        assert_true(is_due(&world));
        assert_int_equal(push(&world, false, NULL), FIRN_NOT_FOUND);
        const firn_error why = world.err;
        const struct said said = look(&world);
        assert_int_equal(said.not_pushed, 1);
        assert_true(said.failed_ns >= now && said.failed_ns <= fi_os_now_ns(world.tree.os));
        assert_string_equal(said.text, why.text);
        fi_os_sleep_ns(world.tree.os, (pauses[i] - 1) * SECOND);
        assert_false(is_due(&world));
        assert_int_equal(push(&world, false, NULL), FIRN_OK);
        assert_false(result.is_due);
        fi_os_sleep_ns(world.tree.os, SECOND);
    }
    move_remote(&world, "away", "r");
    assert_int_equal(push(&world, false, NULL), FIRN_OK);
    assert_int_equal(result.checkpoints, 1);
    assert_int_equal(look(&world).failed_ns, 0);
    /* The next failure is the first one again. */
    save(&world, "two");
    move_remote(&world, "r", "away");
    assert_int_equal(push(&world, false, NULL), FIRN_NOT_FOUND);
    fi_os_sleep_ns(world.tree.os, 5 * SECOND);
    assert_true(is_due(&world));
    ws_world_close(&world);
}

static void
a_push_by_hand_ends_a_failure(void **state)
{
    (void)state;
    struct ws_world world;
    share_open(&world, 73);
    save(&world, "one");
    move_remote(&world, "r", "away");
    assert_int_equal(push(&world, false, NULL), FIRN_NOT_FOUND);
    assert_int_equal(share_try_push(&world, NULL, NULL), FIRN_NOT_FOUND);
    move_remote(&world, "away", "r");
    share_push(&world);
    assert_int_equal(look(&world).failed_ns, 0);
    save(&world, "two");
    assert_true(is_due(&world));
    ws_world_close(&world);
}

static void
a_failure_in_the_future_is_no_reason_to_wait(void **state)
{
    (void)state;
    struct ws_world world;
    share_open(&world, 74);
    save(&world, "one");
    note_failure(&world, fi_os_now_ns(world.tree.os) + 3600 * SECOND, "later");
    assert_string_equal(look(&world).text, "later");
    assert_true(is_due(&world));
    ws_world_close(&world);
}

/* ==== while another push runs ==== */

struct waiting {
    struct ws_world *world;
    struct fi_share_stage stage; /* the push that runs */
    unsigned ticks;
    bool cancels;
    bool fails; /* what runs fails, and says so */
};

static void
begin_other(struct ws_world *world, struct fi_share_stage *out)
{
    struct fi_ws_opened opened;
    *out = (struct fi_share_stage){.dir = NULL};
    assert_int_equal(fi_ws_opened_open_store(world->ws, FI_WS_READ, &opened, NULL), FIRN_OK);
    int rc = fi_share_stage_prepare(opened.store_dir, out, NULL);
    rc = rc == FIRN_OK ? fi_share_stage_lock(out, NULL) : rc;
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, rc, NULL), FIRN_OK);
}

static void
end_other(struct waiting *waiting)
{
    fi_share_stage_close(&waiting->stage);
    waiting->stage = (struct fi_share_stage){.dir = NULL};
}

/* What happens while a push waits: a save, and the push that it starts; then the other push ends. */
static int
on_tick(void *ctx, const firn_progress *progress)
{
    struct waiting *waiting = ctx;
    struct ws_world *world = waiting->world;
    (void)progress;
    if (waiting->cancels) {
        return FIRN_CANCELLED;
    }
    if (waiting->stage.lock == NULL) {
        return FIRN_OK; /* it waits no more */
    }
    if (++waiting->ticks == 3) {
        save(world, "while one waits");
        assert_true(is_due(world));
        assert_int_equal(push(world, false, NULL), FIRN_OK);
        assert_false(result.is_due); /* at once: one waits already */
        assert_int_equal(look(world).not_pushed, 2);
        if (waiting->fails) {
            note_failure(world, fi_os_now_ns(world->tree.os), "it hung");
        }
        end_other(waiting);
    }
    return FIRN_OK;
}

static void
the_one_that_waits_pushes_all(void **state)
{
    (void)state;
    struct ws_world world;
    share_open(&world, 75);
    save(&world, "one");
    struct waiting waiting = {.world = &world};
    const firn_callbacks callbacks = {.on_progress = on_tick, .ctx = &waiting};
    begin_other(&world, &waiting.stage);
    assert_int_equal(share_try_push(&world, NULL, NULL), FIRN_BUSY); /* by hand none waits */
    assert_int_equal(push(&world, false, &callbacks), FIRN_OK);
    assert_true(waiting.ticks >= 3);
    assert_true(result.is_due);
    assert_int_equal(result.checkpoints, 2);
    assert_int_equal(look(&world).not_pushed, 0);
    ws_world_close(&world);
}

static void
another_workspace_has_its_own_place_to_wait(void **state)
{
    (void)state;
    struct ws_world world;
    struct fi_share_stage stage;
    struct fi_os_file *first;
    struct fi_os_file *second;
    share_open(&world, 76);
    save(&world, "one");
    begin_other(&world, &stage);
    assert_int_equal(fi_share_stage_wait(&stage, 1, 1, &first, NULL), FIRN_OK);
    assert_int_equal(fi_share_stage_wait(&stage, 1, 1, &second, NULL), FIRN_BUSY);
    assert_null(second);
    assert_int_equal(fi_share_stage_wait(&stage, 2, 1, &second, NULL), FIRN_OK);
    fi_os_file_close(second);
    assert_int_equal(fi_share_stage_wait(&stage, 1, 2, &second, NULL), FIRN_OK);
    fi_os_file_close(second);
    fi_os_file_close(first);
    assert_int_equal(fi_share_stage_wait(&stage, 1, 1, &first, NULL), FIRN_OK);
    fi_os_file_close(first);
    fi_share_stage_close(&stage);
    ws_world_close(&world);
}

static void
being_cancelled_is_no_failure(void **state)
{
    (void)state;
    struct ws_world world;
    share_open(&world, 77);
    save(&world, "one");
    struct waiting waiting = {.world = &world, .cancels = true};
    const firn_callbacks callbacks = {.on_progress = on_tick, .ctx = &waiting};
    begin_other(&world, &waiting.stage);
    assert_int_equal(push(&world, false, &callbacks), FIRN_CANCELLED);
    end_other(&waiting);
    assert_int_equal(push(&world, false, &callbacks), FIRN_CANCELLED); /* not while it waits */
    assert_int_equal(look(&world).failed_ns, 0);
    assert_int_equal(push(&world, false, NULL), FIRN_OK);
    assert_int_equal(result.checkpoints, 1);
    ws_world_close(&world);
}

/* The remote hangs: what waited for that push does not try what has just failed. */
static void
what_failed_meanwhile_is_not_tried_again(void **state)
{
    (void)state;
    struct ws_world world;
    share_open(&world, 78);
    save(&world, "one");
    struct waiting waiting = {.world = &world, .fails = true};
    const firn_callbacks callbacks = {.on_progress = on_tick, .ctx = &waiting};
    begin_other(&world, &waiting.stage);
    assert_int_equal(push(&world, false, &callbacks), FIRN_OK);
    assert_false(result.is_due);
    assert_int_equal(result.requests, 0);
    assert_int_equal(look(&world).not_pushed, 2);
    assert_string_equal(look(&world).text, "it hung");
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_due_while_something_is_not_pushed),
        cmocka_unit_test(pauses_grow_with_failures),
        cmocka_unit_test(a_push_by_hand_ends_a_failure),
        cmocka_unit_test(a_failure_in_the_future_is_no_reason_to_wait),
        cmocka_unit_test(the_one_that_waits_pushes_all),
        cmocka_unit_test(another_workspace_has_its_own_place_to_wait),
        cmocka_unit_test(being_cancelled_is_no_failure),
        cmocka_unit_test(what_failed_meanwhile_is_not_tried_again),
    };
    return cmocka_run_group_tests_name("share_automatic", tests, NULL, NULL);
}
