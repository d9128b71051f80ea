/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/operations: the turns of coding agents: what the checkpoint after one of them knows of it.
 */
#include <errno.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "handle/ws_opened.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/workspace/ws_break.h"

static int
try_turn(struct ws_world *world, const char *session, const char *prompt, bool begins,
         firn_workspace_save_result *out)
{
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    options.message = firn_str(begins ? "before" : "after");
    options.threads = 1;
    options.if_changed = true;
    options.turn.agent = firn_str("Claude Code");
    options.turn.session = firn_str(session);
    options.turn.prompt = firn_str(prompt);
    options.turn_begins = begins;
    return fi_ws_save(world->ws, &options, out == NULL ? &result : out, &world->err);
}

static void
begin(struct ws_world *world, const char *session, const char *prompt)
{
    assert_int_equal(try_turn(world, session, prompt, true, NULL), FIRN_OK);
}

/* Something changes, and the turn ends. */
static const firn_workspace_checkpoint *
end(struct ws_world *world, const char *session, const char *prompt)
{
    static unsigned n;
    char text[32];
    firn_workspace_save_result result;
    snprintf(text, sizeof text, "content %u", ++n);
    scan_put_text(&world->tree, "file", text);
    assert_int_equal(try_turn(world, session, prompt, false, &result), FIRN_OK);
    assert_true(result.is_made);
    return result.checkpoint;
}

static void
assert_turn(const firn_workspace_checkpoint *checkpoint, const char *session, uint64_t number,
            const char *prompt, const char *message)
{
    assert_true(fi_slice_equal(checkpoint->turn.agent, firn_str("Claude Code")));
    assert_true(fi_slice_equal(checkpoint->turn.session, firn_str(session)));
    assert_true(fi_slice_equal(checkpoint->turn.prompt, firn_str(prompt)));
    assert_int_equal(checkpoint->turn.number, number);
    assert_true(fi_slice_equal(checkpoint->message, firn_str(message)));
}

static void
each_turn_keeps_its_prompt(void **state)
{
    struct ws_world world;
    firn_workspace_checkpoint *found;
    ws_world_open_memory(&world, 1);
    scan_put_text(&world.tree, "file", "first");
    begin(&world, "s", " one\nmore");
    const firn_workspace_checkpoint *after = end(&world, "s", "");
    assert_turn(after, "s", 1, " one\nmore", "after: one");
    begin(&world, "s", "two"); /* nothing has changed: no checkpoint, and the prompt is kept */
    after = end(&world, "s", "");
    assert_turn(after, "s", 2, "two", "after: two");
    assert_int_equal(after->number, 3);
    /* It ends once more, after something else changed. */
    after = end(&world, "s", "");
    assert_turn(after, "s", 2, "two", "after: two");
    ws_world_reopen(&world);
    assert_int_equal(fi_ws_find(world.ws, "3", &found, &world.err), FIRN_OK);
    assert_turn(found, "s", 2, "two", "after: two");
    assert_int_equal(fi_ws_find(world.ws, "1", &found, &world.err), FIRN_OK);
    assert_int_equal(found->turn.agent.size, 0); /* what was there before is nobody's turn */
    assert_true(fi_slice_equal(found->message, firn_str("before: one")));
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
conversations_are_told_apart(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 2);
    scan_put_text(&world.tree, "file", "first");
    begin(&world, "a", "of a");
    begin(&world, "b", "of b");
    begin(&world, "", "of none");
    const firn_workspace_checkpoint *after = end(&world, "a", "");
    assert_turn(after, "a", 1, "of a", "after: of a");
    after = end(&world, "b", "");
    assert_turn(after, "b", 1, "of b", "after: of b");
    after = end(&world, "", "");
    assert_turn(after, "", 1, "of none", "after: of none");
    after = end(&world, "never seen", "");
    assert_turn(after, "never seen", 0, "", "after");
    after = end(&world, "a", "the agent says it itself");
    assert_turn(after, "a", 1, "the agent says it itself", "after: the agent says it itself");
    ws_world_close(&world);
}

static void
old_conversations_make_room(void **state)
{
    struct ws_world world;
    char session[32];
    ws_world_open_memory(&world, 3);
    scan_put_text(&world.tree, "file", "first");
    for (unsigned i = 0; i < FI_CATALOG_TURNS_MAX + 10; i++) {
        snprintf(session, sizeof session, "session %u", i);
        begin(&world, session, session);
    }
    begin(&world, session, "once more"); /* replaces its own turn, and deletes none */
    const firn_workspace_checkpoint *after = end(&world, "session 9", "");
    assert_turn(after, "session 9", 0, "", "after");
    after = end(&world, "session 10", "");
    assert_turn(after, "session 10", 1, "session 10", "after: session 10");
    after = end(&world, session, "");
    assert_turn(after, session, 2, "once more", "after: once more");
    ws_world_close(&world);
}

static void
a_long_prompt_is_cut_between_characters(void **state)
{
    struct ws_world world;
    size_t size = 20000;
    char *prompt = calloc(2 * size + 2, 1);
    ws_world_open_memory(&world, 4);
    prompt[0] = 'x';
    for (size_t i = 0; i < size; i++) {
        memcpy(prompt + 1 + 2 * i, "\xc3\xa9", 2);
    }
    scan_put_text(&world.tree, "file", "first");
    begin(&world, "s", prompt);
    const firn_workspace_checkpoint *after = end(&world, "s", "");
    assert_int_equal(after->turn.prompt.size, FI_CATALOG_RECORD_PROMPT_SIZE_MAX - 1);
    assert_int_equal(after->message.size, strlen("after: ") + 99);
    assert_memory_equal(after->turn.prompt.data, prompt, after->turn.prompt.size);
    free(prompt);
    ws_world_close(&world);
}

static void
a_turn_without_an_agent_is_refused(void **state)
{
    struct ws_world world;
    char name[300];
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    ws_world_open_memory(&world, 5);
    memset(name, 'n', sizeof name);
    options.turn_begins = true;
    assert_int_equal(fi_ws_save(world.ws, &options, &result, &world.err), FIRN_INVALID);
    options.turn_begins = false;
    options.turn.prompt = firn_str("nobody's");
    assert_int_equal(fi_ws_save(world.ws, &options, &result, &world.err), FIRN_INVALID);
    options.turn.prompt = firn_str("");
    options.turn.session = firn_str("nobody's");
    assert_int_equal(fi_ws_save(world.ws, &options, &result, &world.err), FIRN_INVALID);
    options.turn.session = firn_str("");
    options.turn_begins = true;
    options.turn.agent = firn_bytes(name, 257);
    assert_int_equal(fi_ws_save(world.ws, &options, &result, &world.err), FIRN_INVALID);
    options.turn.agent = firn_bytes(name, 256);
    options.turn.session = firn_bytes(name, 257);
    assert_int_equal(fi_ws_save(world.ws, &options, &result, &world.err), FIRN_INVALID);
    options.turn.session = firn_bytes(name, 256);
    assert_int_equal(fi_ws_save(world.ws, &options, &result, &world.err), FIRN_OK);
    ws_world_close(&world);
}

/* ---- notes of turns ---- */

/* Puts a note of a turn of the session "s" in place of the one that is there. */
static void
put_note(struct ws_world *world, firn_slice note)
{
    static const char agent[] = "Claude Code";
    struct fi_ws_opened opened;
    struct firn_db_keyspace *keyspace;
    struct firn_db_batch *batch;
    struct fi_buf key = {0};
    uint8_t number[4];
    firn_error *err = &world->err;
    assert_int_equal(fi_ws_opened_open(world->ws, FI_WS_WRITE, &opened, err), FIRN_OK);
    fi_store_be32(number, opened.workspace.number);
    assert_int_equal(fi_buf_append(&key, number, sizeof number), FIRN_OK);
    assert_int_equal(fi_buf_append_sized(&key, firn_str(agent)), FIRN_OK);
    assert_int_equal(fi_buf_append_slice(&key, firn_str("s")), FIRN_OK);
    assert_int_equal(fi_db_keyspace_open(opened.db, "firn.turns", &keyspace, err), FIRN_OK);
    assert_int_equal(fi_db_batch_create(&batch, err), FIRN_OK);
    assert_int_equal(fi_db_batch_put(batch, keyspace, fi_buf_slice(&key), note, err), FIRN_OK);
    assert_int_equal(fi_db_write(opened.db, batch, FIRN_DURABILITY_FULL, err), FIRN_OK);
    fi_db_batch_destroy(batch);
    fi_buf_deinit(&key);
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, FIRN_OK, err), FIRN_OK);
}

static int
take_prompt(void *ctx, const firn_workspace_step *step)
{
    char *out = ctx;
    if (step->turn != NULL) {
        snprintf(out, 32, "%.*s", (int)step->turn->prompt.size,
                 (const char *)step->turn->prompt.data);
    }
    return FIRN_OK;
}

/* Undoes the turn that a checkpoint of this number has (0: the last). prompt gets the last one that
 * was told. */
static int
try_undo_turn(struct ws_world *world, uint64_t number, bool with_git, char prompt[32])
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.threads = 1;
    options.last_turn = true;
    options.turn = number;
    options.git = with_git;
    options.on_step = take_prompt;
    options.callbacks.ctx = prompt;
    prompt[0] = '\0';
    return fi_ws_restore_undo(world->ws, &options, &result, &world->err);
}

/* The same, and says whose prompt it was; "" if there is none. */
static const char *
undo_turn_of(struct ws_world *world, uint64_t number)
{
    static char prompt[32];
    int rc = try_undo_turn(world, number, false, prompt);
    assert_true(rc == FIRN_OK || (rc == FIRN_NOT_FOUND && prompt[0] == '\0'));
    return prompt;
}

static const char *
undo_turn(struct ws_world *world)
{
    return undo_turn_of(world, 0);
}

static void
notes_of_turns_have_two_formats(void **state)
{
    static const uint8_t first[] = {1, 1, 0, 0, 0, 0, 0, 0, 0x20, 7, 3, 'o', 'l', 'd'};
    static const uint8_t open[] = {2, 1, 0, 0, 0, 0, 0, 0, 0x20, 7, 3, 'n', 'e', 'w', 0};
    static const uint8_t over[] = {2, 1, 0, 0, 0, 0, 0, 0, 0x20, 7, 3, 'n', 'e', 'w', 1};
    static const uint8_t cut[] = {2, 1, 0, 0, 0, 0, 0, 0, 0x20, 7, 3, 'n', 'e', 'w'};
    static const uint8_t neither[] = {2, 1, 0, 0, 0, 0, 0, 0, 0x20, 7, 3, 'n', 'e', 'w', 2};
    static const uint8_t newer[] = {3, 1, 0, 0, 0, 0, 0, 0, 0x20, 7, 3, 'n', 'e', 'w', 0};
    const struct {
        firn_slice note;
        const char *prompt; /* of the turn that is under way; "": none is */
        uint64_t number;
    } notes[] = {
        {firn_bytes(first, sizeof first), "old", 7},  {firn_bytes(open, sizeof open), "new", 7},
        {firn_bytes(over, sizeof over), "", 7},       {firn_bytes(cut, sizeof cut), "", 0},
        {firn_bytes(neither, sizeof neither), "", 0}, {firn_bytes(newer, sizeof newer), "", 0}};
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        struct ws_world world;
        ws_world_open_memory(&world, 10 + i);
        scan_put_text(&world.tree, "file", "first");
        begin(&world, "s", "before");
        put_note(&world, notes[i].note);
        scan_put_text(&world.tree, "other", "made in the turn");
        assert_string_equal(undo_turn(&world), notes[i].prompt);
        const firn_workspace_checkpoint *after = end(&world, "s", "");
        assert_int_equal(after->turn.number, notes[i].number);
        assert_string_equal(undo_turn(&world), notes[i].number == 7 ? i == 0 ? "old" : "new" : "");
        ws_assert_check_clean(&world);
        ws_world_close(&world);
    }
}

/* Two turns at once: the checkpoint after one of them is before neither. */
static void
turns_may_go_on_at_once(void **state)
{
    struct ws_world world;
    int64_t now_ns = INT64_C(1800000000) * 1000000000;
    ws_world_open_memory(&world, 8);
    struct fi_os *os = world.tree.os;
    scan_put_text(&world.tree, "file", "first");
    fi_sim_memory_set_time(os, now_ns);
    begin(&world, "a", "of a");
    fi_sim_memory_set_time(os, now_ns += 1000000000);
    begin(&world, "b", "of b");
    fi_sim_memory_set_time(os, now_ns += 1000000000);
    scan_put_text(&world.tree, "other", "by both");
    end(&world, "a", "");
    fi_sim_memory_set_time(os, now_ns += 1000000000);
    assert_string_equal(undo_turn(&world), "of a"); /* its checkpoint has what b did, too */
    assert_false(ws_dump_has(&world, "other"));
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

/* The number of the checkpoint that a turn ended with, which makes a file of the name. */
static uint64_t
work(struct ws_world *world, const char *name, int64_t *now_ns)
{
    fi_sim_memory_set_time(world->tree.os, *now_ns += 1000000000);
    begin(world, "s", name);
    const int64_t begun_ns = *now_ns;
    fi_sim_memory_set_time(world->tree.os, *now_ns += 1000000000);
    scan_put_text(&world->tree, name, name);
    const firn_workspace_checkpoint *after = end(world, "s", "");
    assert_true(after->turn_begun_ns >= begun_ns && after->created_ns > after->turn_begun_ns);
    return after->number;
}

/* Any turn before the present state can be undone, and whatever came after it; a redo goes back. */
static void
a_turn_is_undone_by_its_number(void **state)
{
    struct ws_world world;
    int64_t now_ns = INT64_C(1800000000) * 1000000000;
    ws_world_open_memory(&world, 9);
    scan_put_text(&world.tree, "file", "first");
    const uint64_t one = work(&world, "one", &now_ns);
    const uint64_t two = work(&world, "two", &now_ns);
    const uint64_t three = work(&world, "three", &now_ns);
    assert_string_equal(undo_turn_of(&world, two), "two"); /* told last */
    assert_true(ws_dump_has(&world, "one") && !ws_dump_has(&world, "two") &&
                !ws_dump_has(&world, "three"));
    assert_string_equal(undo_turn_of(&world, three), ""); /* it was undone */
    assert_string_equal(undo_turn_of(&world, two), "");
    assert_string_equal(undo_turn_of(&world, 77), "");
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result redone;
    assert_int_equal(fi_ws_restore_redo(world.ws, &options, &redone, &world.err), FIRN_OK);
    assert_true(ws_dump_has(&world, "two") && ws_dump_has(&world, "three"));
    scan_put_text(&world.tree, "mine", "not saved");
    assert_string_equal(undo_turn_of(&world, one), "one");
    assert_false(ws_dump_has(&world, "one") || ws_dump_has(&world, "mine"));
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

/* ---- commands that were run ---- */

static firn_workspace_checkpoint *
end_run(struct ws_world *world, const char *command, uint64_t exit_code, bool *out_is_made)
{
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    options.threads = 1;
    options.if_changed = true;
    options.run = (firn_workspace_run){firn_str(command), exit_code, 1, 2};
    int rc = fi_ws_save(world->ws, &options, &result, &world->err);
    assert_int_equal(rc, exit_code > 255 ? FIRN_INVALID : FIRN_OK);
    *out_is_made = result.is_made;
    return result.checkpoint;
}

static int
take_first(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    assert_true(fi_slice_equal(checkpoint->run.command, firn_str("update")));
    assert_true(fi_slice_equal(checkpoint->tried.command, firn_str("test")));
    *(uint64_t *)ctx = checkpoint->tried.exit_code;
    return FIRN_OK;
}

/* A command that changes the tree is the run of the checkpoint after it. One that does not is noted
 * in the checkpoint of that tree, in place of the one before it. */
static void
a_command_is_noted_where_it_ran(void **state)
{
    struct ws_world world;
    bool is_made;
    uint64_t exit_code = 0;
    ws_world_open_memory(&world, 11);
    scan_put_text(&world.tree, "file", "first");
    const firn_workspace_checkpoint *made = end_run(&world, "update", 3, &is_made);
    assert_true(is_made && made->tried.command.size == 0 && made->run.exit_code == 3 &&
                made->run.begun_ns == 1 && made->run.ended_ns == 2);
    made = end_run(&world, "first test", 0, &is_made);
    assert_true(!is_made && made->run.exit_code == 3 && made->tried.exit_code == 0);
    made = end_run(&world, "test", 130, &is_made);
    assert_true(!is_made && made->tried.exit_code == 130);
    assert_null(end_run(&world, "test", 256, &is_made));
    const firn_workspace_list_options list = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    assert_int_equal(fi_ws_list(world.ws, &list, take_first, &exit_code, &world.err), FIRN_OK);
    assert_int_equal(exit_code, 130);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

/* ---- turns that nobody ended, or that others saved ---- */

static void
pass_time(struct ws_world *world)
{
    static int64_t now_ns = INT64_C(1900000000) * 1000000000;
    fi_sim_memory_set_time(world->tree.os, now_ns += 1000000000);
}

static void
a_turn_that_was_interrupted_ends_with_the_next_one(void **state)
{
    struct ws_world world;
    firn_workspace_save_result result;
    ws_world_open_memory(&world, 20);
    pass_time(&world);
    scan_put_text(&world.tree, "file", "first");
    begin(&world, "s", "delete it");
    pass_time(&world);
    scan_put_text(&world.tree, "wrong", "made in the turn");
    pass_time(&world);
    assert_int_equal(try_turn(&world, "s", "why?", true, &result), FIRN_OK);
    assert_turn(result.checkpoint, "s", 1, "delete it", "before: why?");
    pass_time(&world);
    assert_int_equal(try_turn(&world, "s", "", false, NULL), FIRN_OK);
    assert_string_equal(undo_turn(&world), "delete it");
    assert_false(ws_dump_has(&world, "wrong"));
    assert_string_equal(undo_turn(&world), "");
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
an_interrupted_turn_that_was_undone_ends_nothing(void **state)
{
    struct ws_world world;
    firn_workspace_save_result result;
    ws_world_open_memory(&world, 21);
    pass_time(&world);
    scan_put_text(&world.tree, "file", "first");
    begin(&world, "s", "delete it");
    pass_time(&world);
    scan_put_text(&world.tree, "wrong", "made in the turn");
    assert_string_equal(undo_turn(&world), "delete it");
    pass_time(&world);
    scan_put_text(&world.tree, "own", "made by hand");
    assert_int_equal(try_turn(&world, "s", "go on", true, &result), FIRN_OK);
    assert_int_equal(result.checkpoint->turn.agent.size, 0);
    pass_time(&world);
    end(&world, "s", "");
    assert_string_equal(undo_turn(&world), "go on");
    assert_true(ws_dump_has(&world, "own"));
    assert_string_equal(undo_turn(&world), "");
    ws_world_close(&world);
}

/* A watch, or the agent itself, has saved all that the turn made. */
static void
a_turn_that_others_saved_is_a_turn(void **state)
{
    for (int interrupted = 0; interrupted < 2; interrupted++) {
        struct ws_world world;
        firn_workspace_save_result result;
        ws_world_open_memory(&world, 22);
        pass_time(&world);
        scan_put_text(&world.tree, "file", "first");
        begin(&world, "s", "make it");
        pass_time(&world);
        scan_put_text(&world.tree, "made", "in the turn");
        ws_save(&world);
        pass_time(&world);
        assert_int_equal(try_turn(&world, "s", "", interrupted == 1, &result), FIRN_OK);
        assert_true(result.is_made && result.is_unchanged);
        assert_turn(result.checkpoint, "s", 1, "make it",
                    interrupted ? "before" : "after: make it");
        pass_time(&world);
        assert_int_equal(try_turn(&world, "s", "", false, &result), FIRN_OK);
        assert_false(result.is_made);
        assert_string_equal(undo_turn(&world), "make it");
        assert_false(ws_dump_has(&world, "made"));
        firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
        firn_workspace_restore_result redone;
        options.threads = 1;
        assert_int_equal(fi_ws_restore_redo(world.ws, &options, &redone, &world.err), FIRN_OK);
        assert_int_equal(redone.steps, 1);
        assert_true(ws_dump_has(&world, "made"));
        ws_assert_check_clean(&world);
        ws_world_close(&world);
    }
}

/* ---- faults ---- */

/* An event that may come before a turn or in the middle of one. */
static void
a_turn_begins_only_where_none_is_under_way(void **state)
{
    struct ws_world world;
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    ws_world_open_memory(&world, 15);
    options.threads = 1;
    options.turn.agent = firn_str("Claude Code");
    options.turn.session = firn_str("s");
    options.turn_begins = true;
    options.turn_continues = true;
    assert_int_equal(fi_ws_save(world.ws, &options, &result, &world.err), FIRN_OK);
    const firn_workspace_checkpoint *after = end(&world, "s", "");
    assert_turn(after, "s", 1, "", "after");
    begin(&world, "s", "two");
    scan_put_text(&world.tree, "file", "in the turn");
    assert_int_equal(fi_ws_save(world.ws, &options, &result, &world.err), FIRN_OK);
    assert_true(fi_slice_equal(result.checkpoint->turn.prompt, firn_str("two")));
    after = end(&world, "s", "");
    assert_turn(after, "s", 2, "two", "after: two");
    assert_string_equal(undo_turn(&world), "two");
    assert_string_equal(undo_turn(&world), "");
    ws_world_close(&world);
}

/* ---- with git repositories ---- */

static void
put_branch(struct ws_world *world, const char *commit)
{
    scan_put_text(&world->tree, ".git/HEAD", "ref: refs/heads/main\n");
    scan_put_text(&world->tree, ".git/refs/heads/main", commit);
    scan_put_text(&world->tree, ".git/objects/aa/object", "of all");
}

static bool
is_branch_at(struct ws_world *world, const char *commit)
{
    struct fi_os_dir *dir = NULL;
    struct fi_os_file *file = NULL;
    char found[32] = "";
    size_t size;
    bool is_it =
        fi_os_dir_open_beneath(world->tree.root, ".git/refs/heads", &dir, NULL) == FIRN_OK &&
        fi_os_file_open(dir, "main", FI_OS_READ, 0, &file, NULL) == FIRN_OK &&
        fi_os_file_read(file, 0, found, sizeof found - 1, &size, NULL) == FIRN_OK &&
        strcmp(found, commit) == 0;
    fi_os_file_close(file);
    fi_os_dir_close(dir);
    return is_it;
}

/* A turn that changes nothing but where a branch is. */
static void
move_branch(struct ws_world *world, const char *prompt, const char *commit)
{
    firn_workspace_save_result result;
    begin(world, "s", prompt);
    scan_remove_file(&world->tree, ".git/refs/heads/main");
    scan_put_text(&world->tree, ".git/refs/heads/main", commit);
    assert_int_equal(try_turn(world, "s", "", false, &result), FIRN_OK);
    assert_true(result.is_made);
}

/* Files change in the first turn and the last, a branch in the two between. */
static void
open_with_branches(struct ws_world *world, uint64_t seed)
{
    ws_world_open_memory(world, seed);
    scan_put_text(&world->tree, "file", "first");
    put_branch(world, "a");
    begin(world, "s", "one");
    (void)end(world, "s", "");
    move_branch(world, "two", "b");
    move_branch(world, "three", "c");
}

static void
assert_undone(struct ws_world *world, uint64_t number, const char *prompt, const char *commit)
{
    char undone[32];
    assert_int_equal(try_undo_turn(world, number, true, undone), FIRN_OK);
    assert_string_equal(undone, prompt);
    assert_true(is_branch_at(world, commit));
}

static void
a_turn_may_have_changed_git_alone(void **state)
{
    struct ws_world world;
    char prompt[32];
    open_with_branches(&world, 16);
    begin(&world, "s", "four");
    (void)end(&world, "s", "");
    assert_undone(&world, 0, "four", "c"); /* what turns before it did to git stays */
    assert_undone(&world, 0, "three", "b");
    assert_undone(&world, 0, "two", "a");
    assert_undone(&world, 0, "one", "a");
    assert_int_equal(try_undo_turn(&world, 0, true, prompt), FIRN_NOT_FOUND);
    move_branch(&world, "five", "e");
    assert_string_equal(undo_turn(&world), ""); /* without git it is none */
    assert_undone(&world, 0, "five", "a");
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
a_turn_of_git_is_undone_by_its_number(void **state)
{
    struct ws_world world;
    char prompt[32];
    open_with_branches(&world, 17);
    begin(&world, "s", "four");
    (void)end(&world, "s", "");
    assert_int_equal(try_undo_turn(&world, 3, false, prompt), FIRN_NOT_FOUND);
    assert_int_equal(try_undo_turn(&world, 9, true, prompt), FIRN_NOT_FOUND);
    assert_int_equal(try_undo_turn(&world, 3, true, prompt), FIRN_OK);
    assert_true(is_branch_at(&world, "a"));
    ws_world_close(&world);
}

static int
undo_broken(struct ws_world *world, int operation)
{
    char prompt[32];
    (void)operation;
    return try_undo_turn(world, 0, true, prompt);
}

/* The repository is as it was, or as it is to be; what was not undone can be. */
static void
judge_undone(struct ws_world *world, int operation, const struct ws_broken *broken)
{
    char prompt[32];
    (void)operation;
    (void)broken;
    ws_assert_check_clean(world);
    assert_true(is_branch_at(world, "b") || is_branch_at(world, "c"));
    while (!is_branch_at(world, "a")) {
        assert_int_equal(try_undo_turn(world, 0, true, prompt), FIRN_OK);
    }
}

static void
break_undo(void (*break_it)(const struct ws_break *how))
{
    struct ws_world world;
    open_with_branches(&world, 18);
    assert_int_equal(fi_os_dir_sync_filesystem(world.tree.root, &world.err), FIRN_OK);
    struct ws_break_numbered numbered = {undo_broken, judge_undone, 2};
    struct ws_break how = ws_break_numbered(&world, &numbered, 7);
    break_it(&how);
    ws_world_close(&world);
}

/* ---- what fails ---- */

enum { BEGIN, END, OPERATIONS };

static int
run_broken(struct ws_world *world, int operation)
{
    return try_turn(world, "s", operation == BEGIN ? "two" : "", operation == BEGIN, NULL);
}

/* The store is sound, and turns go on. */
static void
judge_broken(struct ws_world *world, int operation, const struct ws_broken *broken)
{
    ws_assert_check_clean(world);
    if (operation == END && broken->rc == FIRN_OK && !broken->is_cut) {
        firn_workspace_checkpoint *latest;
        assert_int_equal(fi_ws_find(world->ws, "latest", &latest, &world->err), FIRN_OK);
        if (latest->number > 1) { /* else the file that is new could not be read */
            assert_turn(latest, "s", 1, "one", "after: one");
        }
    }
    begin(world, "s", "three");
    const firn_workspace_checkpoint *after = end(world, "s", "");
    assert_true(after->turn.number >= 1 && after->turn.number <= 3);
    assert_turn(after, "s", after->turn.number, "three", "after: three");
}

static void
break_turns(void (*break_it)(const struct ws_break *how))
{
    struct ws_world world;
    ws_world_open_memory(&world, 6);
    scan_put_text(&world.tree, "file", "first");
    begin(&world, "s", "one");
    scan_put_text(&world.tree, "other", "made in the turn");
    assert_int_equal(fi_os_dir_sync_filesystem(world.tree.root, &world.err), FIRN_OK);
    for (int operation = BEGIN; operation < OPERATIONS; operation++) {
        struct ws_break_numbered numbered = {run_broken, judge_broken, operation};
        struct ws_break how = ws_break_numbered(&world, &numbered, 1);
        break_it(&how);
    }
    ws_world_close(&world);
}

static void
break_memory(const struct ws_break *how)
{
    assert_true(ws_break_is_enough(ws_break_allocations(how, WS_BREAK_ONCE)));
}

static void
any_call_may_fail(void **state)
{
    break_turns(ws_break_any_call);
    break_undo(ws_break_any_call);
}

static void
any_allocation_may_fail(void **state)
{
    break_turns(break_memory);
    break_undo(break_memory);
}

static void
the_power_may_go_at_any_moment(void **state)
{
    break_turns(ws_break_any_power);
    break_undo(ws_break_any_power);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_turn_keeps_its_prompt),
        cmocka_unit_test(conversations_are_told_apart),
        cmocka_unit_test(old_conversations_make_room),
        cmocka_unit_test(a_long_prompt_is_cut_between_characters),
        cmocka_unit_test(a_turn_without_an_agent_is_refused),
        cmocka_unit_test(notes_of_turns_have_two_formats),
        cmocka_unit_test(turns_may_go_on_at_once),
        cmocka_unit_test(a_turn_is_undone_by_its_number),
        cmocka_unit_test(a_command_is_noted_where_it_ran),
        cmocka_unit_test(a_turn_that_was_interrupted_ends_with_the_next_one),
        cmocka_unit_test(an_interrupted_turn_that_was_undone_ends_nothing),
        cmocka_unit_test(a_turn_that_others_saved_is_a_turn),
        cmocka_unit_test(a_turn_begins_only_where_none_is_under_way),
        cmocka_unit_test(a_turn_may_have_changed_git_alone),
        cmocka_unit_test(a_turn_of_git_is_undone_by_its_number),
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_moment),
    };
    test_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
