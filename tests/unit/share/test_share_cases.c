/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/share: what machines that share a remote can rely on: pushes at once, copies of a store,
 * tags, what is deleted on one side, notes that are lost; and checkpoints of other lines in all
 * operations of a workspace: they can be looked at and restored, and nothing else changes them.
 */
#include "base/slice.h"
#include "repair/repair.h"
#include "share/share_internal.h"
#include "share_support.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/test_share.h"
#include "support/workspace/ws_edit.h"

enum { BIG = 200 << 10 }; /* does not fit into a state */

/* A tree of every kind of entry, in which `text` differs. */
static void
fill(struct ws_world *world, uint64_t seed, const char *text)
{
    struct test_random random = {seed};
    ws_edit_grow(&world->tree, &random, 25);
    scan_put_text(&world->tree, "text", text);
    scan_put_text(&world->tree, ".firnignore", "never\n"); /* so that checkpoints name rules */
    scan_put_random(&world->tree, "big", seed, BIG);
}

static void
edit(struct ws_world *world, const char *text)
{
    scan_put_text(&world->tree, "text", text);
    ws_save(world);
}

static void
assert_refused(int rc, int code, const struct ws_world *world, const char *words)
{
    if (rc != code || strstr(world->err.text, words) == NULL) {
        fail_msg("%s: %s", firn_code_name(rc), rc == FIRN_OK ? "" : world->err.text);
    }
}

static void
assert_is_none(int rc)
{
    assert_true(rc == FIRN_NOT_FOUND || rc == FIRN_INVALID);
}

static int
try_tag(struct ws_world *world, const char *name, const char *reference, bool may_replace)
{
    firn_workspace_checkpoint *tagged;
    return fi_ws_tag_set(world->ws, name, reference, may_replace, &tagged, &world->err);
}

/* ==== pushes at once ==== */

struct interrupting {
    struct ws_world *other;
    uint64_t at;
    bool was_hit;
};

static void
push_between(void *ctx, const struct fi_sim_fault_call *call)
{
    struct interrupting *interrupting = ctx;
    if (call->number == interrupting->at) {
        interrupting->was_hit = true;
        share_push(interrupting->other);
    }
}

/* Between any two calls of one machine's push another one pushes. Small packs are entries of the
 * state that is not made. */
static void
push_at_once(bool is_small)
{
    struct ws_world prepared;
    struct ws_world ben;
    struct test_share share = test_share_of(5, is_small ? 1 : 0);
    uint64_t lost = 0;
    share_open(&prepared, 31);
    if (!is_small) {
        fill(&prepared, 1, "of ada");
    }
    scan_put_text(&prepared.tree, "text", "of ada");
    ws_save(&prepared);
    char *of_ada = ws_dump(&prepared);
    share_open_beside(&prepared, "/b", &ben);
    if (!is_small) {
        fill(&ben, 1, "of ben"); /* some of it is the same */
        scan_put_random(&ben.tree, "more", 5, BIG);
    }
    scan_put_text(&ben.tree, "text", "of ben");
    ws_save(&ben);
    char *of_ben = ws_dump(&ben);
    share_close_beside(&ben);
    bool was_hit = true;
    for (uint64_t n = share.first; was_hit; n += share.step) {
        struct ws_world ada;
        struct ws_world cleo;
        firn_push_result pushed;
        ws_world_clone(&prepared, &ada);
        share_open_beside(&ada, "/b", &ben);
        share_open_beside(&ada, "/c", &cleo);
        scan_world_wrap(&ada.tree);
        ws_world_reopen(&ada);
        struct interrupting interrupting = {&ben, n, false};
        fi_sim_fault_set_hook(ada.tree.outer, push_between, &interrupting);
        if (share_try_push(&ada, NULL, &pushed) != FIRN_OK) {
            fail_msg("ben at call %llu: %s", (unsigned long long)n, ada.err.text);
        }
        fi_sim_fault_set_hook(ada.tree.outer, NULL, NULL);
        assert_int_equal(pushed.checkpoints, 1);
        was_hit = interrupting.was_hit;
        if (!was_hit) {
            share_push(&ben);
        }
        lost += pushed.requests > (is_small ? 3 : 4) ? 1 : 0;
        firn_pull_result pulled = share_pull(&cleo);
        assert_int_equal(pulled.checkpoints, 2);
        assert_int_equal(pulled.lines, 2);
        share_assert_dump(&cleo, "origin/somebody@somewhere:w/1", of_ada);
        share_assert_dump(&cleo, "origin/somebody@somewhere:b/1", of_ben);
        ws_assert_check_clean(&cleo);
        assert_int_equal(share_push(&ada).checkpoints + share_push(&ben).checkpoints, 0);
        assert_int_equal(share_push(&ada).requests, 1);
        assert_int_equal(share_push(&ben).requests, 1);
        share_close_beside(&ben);
        share_close_beside(&cleo);
        ws_world_close(&ada);
    }
    assert_true(lost > 0 || share.step > 5);
    free(of_ada);
    free(of_ben);
    ws_world_close(&prepared);
}

static void
pushes_at_once_are_both_there(void **state)
{
    (void)state;
    push_at_once(false);
    push_at_once(true);
}

/* A copy of a whole machine, which from now on has other luck. */
static void
copy_machine(const struct ws_world *from, struct ws_world *out)
{
    uint8_t drawn[16];
    ws_world_clone(from, out);
    assert_int_equal(fi_os_random(out->tree.os, drawn, sizeof drawn, NULL), FIRN_OK);
}

/* Two copies of a machine with its store go on, each by itself. */
static void
copies_of_a_store_become_two_lines(void **state)
{
    (void)state;
    struct ws_world ada;
    struct ws_world copy;
    struct ws_world cleo;
    share_open(&ada, 32);
    fill(&ada, 1, "both");
    ws_save(&ada);
    char *both = ws_dump(&ada);
    share_push(&ada);
    copy_machine(&ada, &copy);
    edit(&ada, "of ada");
    char *of_ada = ws_dump(&ada);
    edit(&copy, "of the copy");
    char *of_copy = ws_dump(&copy);
    share_push(&ada);
    share_remote_copy(&ada, &copy);
    assert_int_equal(share_push(&copy).checkpoints, 1); /* it has its own line now */
    edit(&copy, "of the copy again");
    assert_int_equal(share_push(&copy).checkpoints, 1);
    share_remote_copy(&copy, &ada);
    edit(&ada, "of ada again");
    assert_int_equal(share_push(&ada).checkpoints, 1);
    assert_int_equal(share_push(&ada).requests, 1);
    assert_int_equal(share_remote_count(&ada, FI_SHARE_ENTRY_LINE), 2);
    assert_int_equal(share_remote_count(&ada, FI_SHARE_ENTRY_CHECKPOINT), 5);
    share_open_beside(&ada, "/c", &cleo);
    firn_pull_result pulled = share_pull(&cleo);
    assert_int_equal(pulled.checkpoints, 5);
    assert_int_equal(pulled.lines, 2);
    /* "origin/2" is a checkpoint of both; ids say which. */
    assert_refused(ws_try_restore(&cleo, "origin/2", NULL), FIRN_CONFLICT, &cleo, "ambiguous");
    share_assert_dump(&cleo, "origin/1", both);
    firn_workspace_checkpoint *found;
    char reference[64];
    assert_int_equal(fi_ws_find(ada.ws, "2", &found, &ada.err), FIRN_OK);
    snprintf(reference, sizeof reference, "origin/%.12s", found->id);
    share_assert_dump(&cleo, reference, of_ada);
    assert_int_equal(fi_ws_find(copy.ws, "2", &found, &copy.err), FIRN_OK);
    snprintf(reference, sizeof reference, "origin/%.12s", found->id);
    share_assert_dump(&cleo, reference, of_copy);
    /* Each sees what the other one has pushed. */
    assert_int_equal(share_pull(&ada).checkpoints, 2);
    share_remote_copy(&ada, &copy);
    assert_int_equal(share_pull(&copy).checkpoints, 3);
    ws_assert_check_clean(&ada);
    ws_assert_check_clean(&copy);
    ws_assert_check_clean(&cleo);
    free(both);
    free(of_ada);
    free(of_copy);
    share_close_beside(&cleo);
    ws_world_close(&ada);
    ws_world_close(&copy);
}

/* A copy that has nothing new stays quiet, however often it pushes; so does one that looks at
 * what the other one has done. */
static void
a_copy_without_news_changes_nothing(void **state)
{
    (void)state;
    struct ws_world ada;
    struct ws_world copy;
    share_open(&ada, 33);
    fill(&ada, 1, "both");
    ws_save(&ada);
    assert_int_equal(try_tag(&ada, "good", "1", false), FIRN_OK);
    share_push(&ada);
    copy_machine(&ada, &copy);
    edit(&ada, "of ada");
    share_push(&ada);
    share_remote_copy(&ada, &copy);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(share_push(&copy).checkpoints, 0);
    }
    assert_int_equal(share_remote_count(&copy, FI_SHARE_ENTRY_TAG), 1);
    assert_int_equal(share_remote_count(&copy, FI_SHARE_ENTRY_LINE), 1);
    ws_world_close(&ada);
    ws_world_close(&copy);
}

/* ==== tags, references, deletions ==== */

static void
tags_follow(void **state)
{
    (void)state;
    struct ws_world ada;
    struct ws_world ben;
    share_open(&ada, 34);
    share_open_beside(&ada, "/b", &ben);
    edit(&ada, "1");
    edit(&ada, "2");
    assert_int_equal(try_tag(&ada, "a/b", "1", false), FIRN_OK);
    share_push(&ada);
    assert_int_equal(share_remote_count(&ada, FI_SHARE_ENTRY_TAG), 1);
    edit(&ben, "ben");
    assert_int_equal(try_tag(&ben, "a/b", "1", false), FIRN_OK);
    share_push(&ben); /* its own, though the name is the same */
    assert_int_equal(share_remote_count(&ada, FI_SHARE_ENTRY_TAG), 2);
    /* Moved: the entry names the other checkpoint. */
    struct share_remote at;
    firn_workspace_checkpoint *second;
    assert_int_equal(fi_ws_tag_set(ada.ws, "a/b", "2", true, &second, &ada.err), FIRN_OK);
    firn_push_result pushed = share_push(&ada);
    assert_int_equal(pushed.requests, 3); /* ben's state, and its own */
    assert_int_equal(pushed.checkpoints, 0);
    assert_int_equal(share_push(&ada).requests, 1);
    share_remote_open(&ada, &at);
    unsigned matching = 0;
    for (size_t i = 0; i < 2; i++) {
        const struct fi_remote_item *tag = share_remote_entry(&at, FI_SHARE_ENTRY_TAG, i);
        char id[FIRN_CHECKPOINT_ID_SIZE];
        assert_int_equal(tag->value.size, 1 + 16 + 8);
        fi_catalog_record_id_text(tag->value.data + 1, id);
        matching += strcmp(id, second->id) == 0 ? 1 : 0;
        assert_memory_equal(tag->key.data + tag->key.size - 4, "/a/b", 4);
    }
    assert_int_equal(matching, 1);
    share_remote_close(&at);
    /* Deleted: it is gone, and that of the other machine stays. */
    assert_int_equal(fi_ws_tag_delete(ada.ws, "a/b", &ada.err), FIRN_OK);
    share_push(&ada);
    assert_int_equal(share_remote_count(&ada, FI_SHARE_ENTRY_TAG), 1);
    assert_int_equal(share_push(&ben).checkpoints, 0);
    assert_int_equal(share_remote_count(&ada, FI_SHARE_ENTRY_TAG), 1);
    share_close_beside(&ben);
    ws_world_close(&ada);
}

static void
what_is_deleted_here_stays_there(void **state)
{
    (void)state;
    struct ws_world ada;
    struct ws_world ben;
    share_open(&ada, 35);
    share_open_beside(&ada, "/b", &ben);
    fill(&ada, 1, "1");
    ws_save(&ada);
    char *first = ws_dump(&ada);
    edit(&ada, "2");
    edit(&ada, "3");
    share_push(&ada);
    gc_delete(&ada, "1");
    gc_delete(&ada, "3"); /* the last one of the line */
    gc_run_full(&ada);
    assert_int_equal(share_push(&ada).requests, 1);
    edit(&ada, "4");
    assert_int_equal(share_push(&ada).checkpoints, 1);
    assert_int_equal(share_remote_count(&ada, FI_SHARE_ENTRY_LINE), 1);
    assert_int_equal(share_pull(&ben).checkpoints, 4);
    share_assert_dump(&ben, "origin/1", first);
    assert_int_equal(share_pull(&ada).checkpoints, 0);
    free(first);
    share_close_beside(&ben);
    ws_world_close(&ada);
}

static void
named_checkpoints_go_first_and_the_others_later(void **state)
{
    (void)state;
    struct ws_world ada;
    struct ws_world ben;
    firn_push_result pushed;
    share_open(&ada, 36);
    share_open_beside(&ada, "/b", &ben);
    fill(&ada, 1, "1");
    ws_save(&ada);
    char *first = ws_dump(&ada);
    edit(&ada, "2");
    char *second = ws_dump(&ada);
    edit(&ada, "3");
    const char *const named[] = {"2", "2", NULL};
    assert_int_equal(share_try_push(&ada, named, &pushed), FIRN_OK);
    assert_int_equal(pushed.checkpoints, 1);
    assert_int_equal(share_try_push(&ada, named, &pushed), FIRN_OK);
    assert_int_equal(pushed.checkpoints, 0);
    assert_int_equal(share_pull(&ben).checkpoints, 1);
    share_assert_dump(&ben, "origin/2", second);
    assert_refused(ws_try_restore(&ben, "origin/1", NULL), FIRN_NOT_FOUND, &ben, "1");
    assert_int_equal(share_push(&ada).checkpoints, 2);
    assert_int_equal(share_pull(&ben).checkpoints, 2);
    share_assert_dump(&ben, "origin/1", first);
    /* One that was named, and is deleted here: the line is still ours. */
    edit(&ada, "4");
    const char *const fourth[] = {"4", NULL};
    assert_int_equal(share_try_push(&ada, fourth, NULL), FIRN_OK);
    gc_delete(&ada, "4");
    edit(&ada, "5");
    share_push(&ada);
    assert_int_equal(share_remote_count(&ada, FI_SHARE_ENTRY_LINE), 1);
    /* What is not there, or is no checkpoint of the workspace. */
    const char *const missing[] = {"77", NULL};
    assert_int_equal(share_try_push(&ada, missing, NULL), FIRN_NOT_FOUND);
    edit(&ben, "ben");
    const char *const others[] = {"origin/1", NULL};
    assert_int_equal(share_try_push(&ben, others, NULL), FIRN_NOT_FOUND);
    free(first);
    free(second);
    share_close_beside(&ben);
    ws_world_close(&ada);
}

static void
safety_checkpoints_stay_here(void **state)
{
    (void)state;
    struct ws_world ada;
    struct ws_world ben;
    share_open(&ada, 37);
    share_open_beside(&ada, "/b", &ben);
    edit(&ada, "1");
    edit(&ada, "2");
    scan_put_text(&ada.tree, "text", "not saved");
    firn_workspace_restore_result restored = ws_restore(&ada, "1");
    assert_true(restored.safety_id[0] != '\0');
    assert_int_equal(share_push(&ada).checkpoints, 2);
    const char *const named[] = {restored.safety_id, NULL};
    assert_refused(share_try_push(&ada, named, NULL), FIRN_INVALID, &ada, "safety");
    assert_int_equal(share_remote_count(&ada, FI_SHARE_ENTRY_CHECKPOINT), 2);
    assert_int_equal(share_pull(&ben).checkpoints, 2);
    share_close_beside(&ben);
    ws_world_close(&ada);
}

/* ==== notes that are lost ==== */

static void
lost_notes_are_made_again(void **state)
{
    (void)state;
    static const char *const keyspaces[] = {FI_SHARE_NOTES, FI_SHARE_STATES};
    for (unsigned which = 1; which <= 3; which++) {
        struct ws_world ada;
        struct ws_world ben;
        share_open(&ada, 38);
        share_open_beside(&ada, "/b", &ben);
        fill(&ada, 1, "1");
        ws_save(&ada);
        assert_int_equal(try_tag(&ada, "good", "1", false), FIRN_OK);
        share_push(&ada);
        edit(&ben, "ben");
        share_push(&ben);
        assert_int_equal(share_pull(&ada).checkpoints, 1);
        assert_int_equal(share_pull(&ben).checkpoints, 1);
        for (unsigned i = 0; i < 2; i++) {
            if ((which & (1U << i)) != 0) {
                share_drop(&ada, keyspaces[i]);
                share_drop(&ben, keyspaces[i]);
            }
        }
        /* The remote has all, and the line is found again in it. */
        assert_int_equal(share_push(&ada).checkpoints, 0);
        assert_int_equal(share_push(&ada).checkpoints, 0);
        assert_int_equal(share_push(&ben).checkpoints, 0);
        assert_int_equal(share_remote_count(&ada, FI_SHARE_ENTRY_TAG), 1);
        assert_int_equal(share_pull(&ada).checkpoints, 0);
        assert_int_equal(share_pull(&ben).checkpoints, 0);
        edit(&ada, "2");
        char *second = ws_dump(&ada);
        firn_push_result pushed = share_push(&ada);
        assert_int_equal(pushed.checkpoints, 1);
        assert_int_equal(share_remote_count(&ada, FI_SHARE_ENTRY_LINE), 2);
        assert_int_equal(share_pull(&ada).checkpoints, 0);
        assert_int_equal(share_pull(&ben).checkpoints, 1);
        share_assert_dump(&ben, "origin/2", second);
        ws_assert_check_clean(&ada);
        ws_assert_check_clean(&ben);
        free(second);
        share_close_beside(&ben);
        ws_world_close(&ada);
    }
}

/* ==== removing a remote, collecting, repairing ==== */

static void
a_removed_remote_gives_its_room_back(void **state)
{
    (void)state;
    struct ws_world ada;
    struct ws_world ben;
    share_open(&ada, 39);
    share_open_beside(&ada, "/b", &ben);
    fill(&ada, 1, "1");
    ws_save(&ada);
    edit(&ada, "2");
    char *second = ws_dump(&ada);
    share_push(&ada);
    edit(&ben, "ben");
    char *of_ben = ws_dump(&ben);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(share_pull(&ben).checkpoints, 2);
        share_assert_dump(&ben, "origin/latest", second);
        gc_run_full(&ben);
        share_assert_dump(&ben, "origin/2", second);
        ws_restore(&ben, "origin/2");
        ws_assert_dump(&ben, second);
        assert_int_equal(fi_share_name_remove(ben.ws, "origin", &ben.err), FIRN_OK);
        assert_int_equal(fi_share_name_remove(ben.ws, "origin", &ben.err), FIRN_NOT_FOUND);
        assert_int_equal(ws_try_restore(&ben, "origin/2", NULL), FIRN_NOT_FOUND);
        assert_int_equal(ws_try_undo(&ben, NULL), FIRN_OK); /* the way back is ben's own */
        ws_assert_dump(&ben, of_ben);
        ws_assert_check_clean(&ben);
        if (round > 0) {
            gc_run_full(&ben);
            ws_assert_check_clean(&ben);
        }
        assert_int_equal(share_try_add(&ben), FIRN_OK);
    }
    free(second);
    free(of_ben);
    share_close_beside(&ben);
    ws_world_close(&ada);
}

static void
what_only_a_removed_remote_needed_is_collected(void **state)
{
    (void)state;
    struct ws_world ada;
    struct ws_world ben;
    share_open(&ada, 40);
    share_open_beside(&ada, "/b", &ben);
    scan_put_random(&ada.tree, "big", 1, 4 << 20);
    ws_save(&ada);
    share_push(&ada);
    edit(&ben, "ben");
    share_pull(&ben);
    firn_workspace_gc_result collected = gc_run_full(&ben);
    assert_true(collected.bytes_after > 4 << 20); /* the line needs it */
    assert_int_equal(fi_share_name_remove(ben.ws, NULL, &ben.err), FIRN_OK);
    collected = gc_run_full(&ben);
    assert_true(collected.bytes_after < 1 << 20);
    ws_assert_check_clean(&ben);
    gc_assert_exact(&ben);
    share_close_beside(&ben);
    ws_world_close(&ada);
}

static void
count_checkpoint(void *ctx, const firn_workspace_repair_checkpoint *checkpoint)
{
    (void)checkpoint;
    ++*(unsigned *)ctx;
}

static int
repair(struct ws_world *world, unsigned *out_count, firn_workspace_repair_result *out)
{
    firn_workspace_repair_options options = FIRN_WORKSPACE_REPAIR_OPTIONS_INIT;
    *out_count = 0;
    options.on_checkpoint = count_checkpoint;
    options.callbacks.ctx = out_count;
    return fi_repair(world->ws, &options, out, &world->err);
}

enum loss { NOTHING, THE_LOG, THE_MANIFEST, LOSSES };

static void
lose(struct ws_world *world, enum loss loss)
{
    struct fi_os_dir *dir;
    struct firn_db *db;
    const struct fi_db_options options = {.read_only = false};
    assert_int_equal(fi_os_dir_open_path(world->tree.os, world->store_path, &dir, NULL), FIRN_OK);
    if (loss == THE_MANIFEST) {
        assert_int_equal(fi_db_open(dir, &options, &db, NULL), FIRN_OK);
        assert_int_equal(fi_db_maintain_flush(db, NULL), FIRN_OK);
        assert_int_equal(fi_db_close(db, NULL), FIRN_OK);
        assert_int_equal(fi_os_remove_file(dir, "manifest-000001.log", NULL), FIRN_OK);
    } else if (loss == THE_LOG) {
        assert_int_equal(fi_os_remove_file(dir, "wal-000001.log", NULL), FIRN_OK);
    }
    fi_os_dir_close(dir);
}

/* With a lost log all that is left of the catalog are records in packs: all but the last. */
static void
lines_survive_a_repair(void **state)
{
    (void)state;
    for (enum loss loss = NOTHING; loss < LOSSES; loss++) {
        struct ws_world ada;
        struct ws_world ben;
        firn_workspace_repair_result result;
        unsigned count;
        share_open(&ada, 41);
        share_open_beside(&ada, "/b", &ben);
        fill(&ada, 1, "1");
        ws_save(&ada);
        char *first = ws_dump(&ada);
        share_push(&ada);
        fill(&ben, 2, "ben");
        ws_save(&ben);
        char *of_ben = ws_dump(&ben);
        share_pull(&ben);
        edit(&ben, "ben again");
        lose(&ben, loss);
        assert_int_equal(repair(&ben, &count, &result), FIRN_OK);
        assert_int_equal(result.was_intact, loss == NOTHING);
        assert_int_equal(result.lost + result.partly, 0);
        assert_int_equal(count, loss == NOTHING ? 0 : loss == THE_LOG ? 2 : 3);
        share_close_beside(&ben);
        share_open_beside(&ada, "/b", &ben); /* gives the remote its name again, if that is lost */
        ws_assert_check_clean(&ben);
        share_assert_dump(&ben, "1", of_ben);
        share_assert_dump(&ben, "origin/1", first);
        share_pull(&ben);
        share_assert_dump(&ben, "origin/1", first);
        gc_run_full(&ben);
        share_assert_dump(&ben, "origin/1", first);
        assert_true(share_push(&ben).checkpoints >= 1);
        assert_int_equal(share_pull(&ada).checkpoints, loss == THE_LOG ? 1 : 2);
        share_assert_dump(&ada, "origin/1", of_ben);
        ws_assert_check_clean(&ben);
        ws_assert_check_clean(&ada);
        free(first);
        free(of_ben);
        share_close_beside(&ben);
        ws_world_close(&ada);
    }
}

/* ==== checkpoints of lines ==== */

static int
count_one(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)checkpoint;
    ++*(unsigned *)ctx;
    return FIRN_OK;
}

static int
count_entry(void *ctx, const firn_workspace_entry *entry)
{
    (void)entry;
    ++*(unsigned *)ctx;
    return FIRN_OK;
}

static int
collect(void *ctx, firn_slice bytes, firn_error *err)
{
    return fi_buf_append_slice(ctx, bytes);
}

/* Ada has pushed two checkpoints, ben has pulled them and has one of his own. */
struct pair {
    struct ws_world ada;
    struct ws_world ben;
    char *first;
    char *second;
    char *of_ben;
    char second_id[FIRN_CHECKPOINT_ID_SIZE];
};

static void
pair_open(struct pair *pair, uint64_t seed)
{
    share_open(&pair->ada, seed);
    share_open_beside(&pair->ada, "/b", &pair->ben);
    fill(&pair->ada, seed, "1");
    ws_save(&pair->ada);
    pair->first = ws_dump(&pair->ada);
    scan_put_text(&pair->ada.tree, "text", "2");
    memcpy(pair->second_id, ws_save(&pair->ada).checkpoint->id, sizeof pair->second_id);
    pair->second = ws_dump(&pair->ada);
    share_push(&pair->ada);
    fill(&pair->ben, seed + 1, "ben");
    ws_save(&pair->ben);
    pair->of_ben = ws_dump(&pair->ben);
    share_pull(&pair->ben);
}

static void
pair_close(struct pair *pair)
{
    free(pair->first);
    free(pair->second);
    free(pair->of_ben);
    share_close_beside(&pair->ben);
    ws_world_close(&pair->ada);
}

static void
lines_are_read_by_every_reference(void **state)
{
    (void)state;
    struct pair pair;
    struct ws_world *ben = &pair.ben;
    char by_id[64];
    char by_line[128];
    pair_open(&pair, 42);
    snprintf(by_id, sizeof by_id, "origin/%.8s", pair.second_id);
    struct share_remote at;
    share_remote_open(ben, &at);
    const struct fi_remote_item *line = share_remote_entry(&at, FI_SHARE_ENTRY_LINE, 0);
    snprintf(by_line, sizeof by_line, "origin/%.32s/2", (const char *)line->key.data + 5);
    share_remote_close(&at);
    const char *const references[] = {"origin/latest",
                                      "origin/2",
                                      by_id,
                                      by_line,
                                      "origin/somebody@somewhere:w/2",
                                      "origin/somebody@somewhere:w/latest"};
    for (size_t i = 0; i < sizeof references / sizeof references[0]; i++) {
        firn_workspace_checkpoint *found;
        firn_workspace_entry *entry;
        struct fi_buf content = {0};
        unsigned entries = 0;
        share_assert_dump(ben, references[i], pair.second);
        assert_int_equal(fi_ws_find(ben->ws, references[i], &found, &ben->err), FIRN_OK);
        assert_string_equal(found->id, pair.second_id);
        assert_int_equal(fi_ws_cat(ben->ws, references[i], firn_str("text"), collect, &content,
                                   &entry, &ben->err),
                         FIRN_OK);
        assert_string_equal(fi_buf_text(&content), "2");
        fi_buf_deinit(&content);
        assert_int_equal(fi_ws_entries(ben->ws, references[i], count_entry, &entries, &ben->err),
                         FIRN_OK);
        assert_true(entries > 10);
        firn_workspace_diff_options diff = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
        firn_workspace_diff_result different;
        diff.before = "origin/somebody@somewhere:w/1";
        diff.after = references[i];
        assert_int_equal(fi_ws_difference(ben->ws, &diff, NULL, NULL, &different, &ben->err),
                         FIRN_OK);
        assert_int_equal(different.changed, 1);
        assert_int_equal(different.added + different.removed, 0);
        diff.before = NULL;
        diff.against_previous = true;
        assert_int_equal(fi_ws_difference(ben->ws, &diff, NULL, NULL, &different, &ben->err),
                         FIRN_OK);
        assert_int_equal(different.changed, 1);
        diff.against_previous = false;
        diff.before = references[i];
        diff.after = "latest"; /* a line's and an own one */
        assert_int_equal(fi_ws_difference(ben->ws, &diff, NULL, NULL, &different, &ben->err),
                         FIRN_OK);
        assert_true(different.changed > 0);
        firn_workspace_status_options status = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
        firn_workspace_status_result told;
        status.reference = references[i];
        assert_int_equal(fi_ws_status(ben->ws, &status, NULL, NULL, &told, &ben->err), FIRN_OK);
        assert_true(told.changed > 0);
    }
    const char *const missing[] = {"origin/7",  "origin/",     "/latest",   "upstream/latest",
                                   "origin//2", "origin/w/2/", "origin/no", "origin/latest~5"};
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
        assert_is_none(ws_try_restore(ben, missing[i], NULL));
        assert_true(ben->err.text[0] != '\0');
    }
    ws_assert_dump(ben, pair.of_ben);
    pair_close(&pair);
}

/* What changes checkpoints is for those of the workspace. */
static void
nothing_but_a_pull_changes_a_line(void **state)
{
    (void)state;
    struct pair pair;
    struct ws_world *ben = &pair.ben;
    pair_open(&pair, 43);
    const char *const references[] = {"origin/2", "origin/latest", "origin/somebody@somewhere:w/1"};
    for (size_t i = 0; i < sizeof references / sizeof references[0]; i++) {
        firn_workspace_revert_options revert = FIRN_WORKSPACE_REVERT_OPTIONS_INIT;
        firn_workspace_revert_result reverted;
        assert_is_none(gc_try_delete(ben, references[i]));
        assert_is_none(try_tag(ben, "name", references[i], false));
        assert_is_none(fi_ws_pin_set(ben->ws, &references[i], 1, true, NULL, NULL, &ben->err));
        revert.after = references[i];
        assert_is_none(fi_ws_revert(ben->ws, &revert, &reverted, &ben->err));
        revert.after = NULL;
        revert.before = references[i];
        assert_is_none(fi_ws_revert(ben->ws, &revert, &reverted, &ben->err));
    }
    /* Numbers mean the own ones, though lines have such, too. */
    firn_workspace_list_options list = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    unsigned count = 0;
    list.include_safety = true;
    assert_int_equal(fi_ws_list(ben->ws, &list, count_one, &count, &ben->err), FIRN_OK);
    assert_int_equal(count, 1);
    assert_int_equal(ws_try_restore(ben, "2", NULL), FIRN_NOT_FOUND);
    share_assert_dump(ben, "1", pair.of_ben);
    gc_delete(ben, "1");
    share_assert_dump(ben, "origin/1", pair.first);
    /* Expiry concerns those of directories alone. */
    firn_workspace_expire_options expire = FIRN_WORKSPACE_EXPIRE_OPTIONS_INIT;
    fi_sim_memory_set_time(ben->tree.os, INT64_C(2000000000) * 1000000000);
    expire.keep = "last:1";
    int rc = fi_gc_expire_request(ben->ws, &expire, NULL, NULL, &ben->err);
    if (rc != FIRN_OK) {
        fail_msg("%s", ben->err.text);
    }
    gc_run_full(ben);
    share_assert_dump(ben, "origin/1", pair.first);
    share_assert_dump(ben, "origin/2", pair.second);
    ws_assert_check_clean(ben);
    pair_close(&pair);
}

static void
restores_of_lines_can_be_undone(void **state)
{
    (void)state;
    struct pair pair;
    struct ws_world *ben = &pair.ben;
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    pair_open(&pair, 44);
    options.dry_run = true;
    options.threads = 2;
    assert_int_equal(fi_ws_restore(ben->ws, "origin/1", &options, &result, &ben->err), FIRN_OK);
    assert_true(result.changed > 0);
    ws_assert_dump(ben, pair.of_ben);
    scan_put_text(&ben->tree, "not saved", "x");
    char *before = ws_dump(ben);
    ws_restore(ben, "origin/1");
    ws_assert_dump(ben, pair.first);
    options.dry_run = false;
    assert_int_equal(fi_ws_restore_undo(ben->ws, &options, &result, &ben->err), FIRN_OK);
    ws_assert_dump(ben, before);
    assert_int_equal(fi_ws_restore_redo(ben->ws, &options, &result, &ben->err), FIRN_OK);
    ws_assert_dump(ben, pair.first);
    /* And saved, as anything else. */
    ws_save(ben);
    share_assert_dump(ben, "2", pair.first);
    assert_int_equal(share_push(ben).checkpoints, 2);
    /* One path of it. */
    const firn_slice path = firn_str("text");
    options.paths = &path;
    options.path_count = 1;
    assert_int_equal(
        fi_ws_restore(ben->ws, "origin/somebody@somewhere:w/2", &options, &result, &ben->err),
        FIRN_OK);
    assert_int_equal(result.changed, 1);
    free(before);
    pair_close(&pair);
}

/* The power goes in the middle: the restore is resumed, or undone. */
static void
restores_of_lines_can_be_resumed(void **state)
{
    (void)state;
    struct pair prepared;
    struct test_share share = test_share_of(9, 1);
    unsigned resumed = 0;
    pair_open(&prepared, 45);
    struct fi_os_dir *top;
    assert_int_equal(fi_os_dir_open_path(prepared.ada.tree.os, "/", &top, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_sync_filesystem(top, NULL), FIRN_OK);
    fi_os_dir_close(top);
    bool was_hit = true;
    for (uint64_t n = share.first; was_hit; n += share.step) {
        struct ws_world ada;
        struct ws_world ben;
        firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
        firn_workspace_restore_result result;
        firn_workspace_pending_restore pending;
        ws_world_clone(&prepared.ada, &ada);
        share_open_beside(&ada, "/b", &ben);
        fi_sim_memory_set_cut_at(ada.tree.os, fi_sim_memory_calls(ada.tree.os) + n);
        int rc = ws_try_restore(&ben, "origin/1", NULL);
        was_hit = fi_sim_memory_is_off(ada.tree.os);
        assert_true(was_hit || rc == FIRN_OK);
        fi_sim_memory_power_cut(ada.tree.os, n % 5);
        fi_sim_memory_set_cut_at(ada.tree.os, 0);
        share_close_beside(&ben);
        ws_world_reopen(&ada);
        share_open_beside(&ada, "/b", &ben);
        assert_int_equal(fi_ws_pending(ben.ws, &pending, &ben.err), FIRN_OK);
        options.threads = 2;
        if (pending.is_pending) {
            resumed++;
            assert_false(pending.is_foreign);
            bool goes_on = n / share.step % 2 == 0;
            rc = goes_on ? fi_ws_restore_resume(ben.ws, &options, &result, &ben.err)
                         : fi_ws_restore_undo(ben.ws, &options, &result, &ben.err);
            if (rc != FIRN_OK) {
                fail_msg("%s", ben.err.text);
            }
            ws_assert_dump(&ben, goes_on ? prepared.first : prepared.of_ben);
        }
        ws_restore(&ben, "origin/2");
        ws_assert_dump(&ben, prepared.second);
        ws_assert_check_clean(&ben);
        share_close_beside(&ben);
        ws_world_close(&ada);
    }
    assert_true(resumed > 0 || share.step > 9);
    pair_close(&prepared);
}

/* Of this store's own checkpoints a policy takes some away; those of others stay while their remote
 * is known, or the next pull would bring them again. */
static void
what_was_pulled_does_not_expire(void **state)
{
    struct ws_world ada;
    struct ws_world ben;
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result result;
    (void)state;
    share_open(&ada, 71);
    share_open_beside(&ada, "/b", &ben);
    for (int i = 0; i < 3; i++) {
        scan_put_random(&ada.tree, "f", (uint64_t)i, 500);
        ws_save(&ada);
        scan_put_random(&ben.tree, "g", (uint64_t)i, 500);
        ws_save(&ben);
    }
    share_push(&ada);
    assert_int_equal(share_pull(&ben).checkpoints, 3);
    char *first = share_dump(&ada, "1");
    fi_os_sleep_ns(ada.tree.os, INT64_C(3) * 24 * 3600 * 1000000000);
    options.keep = "last:1";
    assert_int_equal(fi_gc(ben.ws, &options, &result, &ben.err), FIRN_OK);
    assert_int_equal(result.expired, 2);
    share_assert_dump(&ben, "origin/1", first);
    assert_int_equal(share_pull(&ben).checkpoints, 0);
    free(first);
    share_close_beside(&ben);
    ws_world_close(&ada);
}

/* The i-th version of a file: each has a little more than the one before. */
static void
save_version(struct ws_world *world, unsigned version)
{
    enum { SIZE = 30000, MORE = 50 };
    static char bytes[SIZE + 8 * MORE];
    struct test_random random = {77};
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)('a' + test_random_below(&random, 26));
    }
    scan_put_file(&world->tree, "file", bytes, SIZE + version * MORE);
    ws_save(world);
}

/* One machine has a version as a delta of another one, for another machine it is the first: then it
 * is whole, and the base of others. Who has both in reach, in a store or in a remote, needs the
 * whole one for these. */
static void
a_base_may_be_a_delta_elsewhere(void **state)
{
    (void)state;
    struct ws_world ada;
    struct ws_world ben;
    struct ws_world cleo;
    firn_take_options options = FIRN_TAKE_OPTIONS_INIT;
    firn_take_result taken = FIRN_TAKE_RESULT_INIT;
    share_open(&ada, 51);
    share_open_beside(&ada, "/b", &ben);
    share_open_beside(&ada, "/c", &cleo);
    save_version(&ben, 1); /* whole */
    share_push(&ben);
    save_version(&cleo, 0);
    save_version(&cleo, 1); /* a delta */
    save_version(&ben, 2);  /* a delta of what is whole for ben */
    share_push(&ben);
    char *expected = ws_dump(&ben);
    assert_int_equal(share_pull(&cleo).checkpoints, 2);
    share_assert_dump(&cleo, "origin/2", expected);
    ws_assert_check_clean(&cleo);

    /* In the remote: a third machine sends the delta without having looked at what is there. */
    struct ws_world dora;
    share_open_beside(&ada, "/d", &dora);
    save_version(&dora, 0);
    save_version(&dora, 1);
    share_push(&dora);
    int rc = fi_share_take(ada.ws, NULL, "somebody@somewhere:b/2", &options, &taken, &ada.err);
    assert_string_equal(rc == FIRN_OK ? "" : ada.err.text, "");
    share_assert_dump(&ada, "latest", expected);
    assert_int_equal(share_pull(&ada).checkpoints, 4);
    share_assert_dump(&ada, "origin/somebody@somewhere:b/2", expected);
    ws_assert_check_clean(&ada);
    free(expected);
    share_close_beside(&dora);
    share_close_beside(&cleo);
    share_close_beside(&ben);
    ws_world_close(&ada);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushes_at_once_are_both_there),
        cmocka_unit_test(copies_of_a_store_become_two_lines),
        cmocka_unit_test(a_copy_without_news_changes_nothing),
        cmocka_unit_test(tags_follow),
        cmocka_unit_test(what_is_deleted_here_stays_there),
        cmocka_unit_test(named_checkpoints_go_first_and_the_others_later),
        cmocka_unit_test(safety_checkpoints_stay_here),
        cmocka_unit_test(lost_notes_are_made_again),
        cmocka_unit_test(a_removed_remote_gives_its_room_back),
        cmocka_unit_test(what_only_a_removed_remote_needed_is_collected),
        cmocka_unit_test(lines_survive_a_repair),
        cmocka_unit_test(lines_are_read_by_every_reference),
        cmocka_unit_test(nothing_but_a_pull_changes_a_line),
        cmocka_unit_test(restores_of_lines_can_be_undone),
        cmocka_unit_test(restores_of_lines_can_be_resumed),
        cmocka_unit_test(a_base_may_be_a_delta_elsewhere),
        cmocka_unit_test(what_was_pulled_does_not_expire),
    };
    return cmocka_run_group_tests_name("share_cases", tests, NULL, NULL);
}
