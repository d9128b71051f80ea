/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/checkout: what a restore in place does with what is in no checkpoint, with what it may not
 * write, and with a restore that waits to be finished.
 */
#include <errno.h>

#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_fault.h"
#include "support/workspace/ws_support.h"

static void
must(struct ws_world *world, int rc)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), world->err.text);
    }
}

static bool
has(const char *dump, const char *path)
{
    char line[200];
    snprintf(line, sizeof line, "%s kind=", path);
    size_t size = strlen(line);
    for (const char *at = dump; at != NULL && *at != '\0'; at = strchr(at, '\n')) {
        at += *at == '\n' ? 1 : 0;
        if (strncmp(at, line, size) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- what is in no checkpoint ---- */

/* Checkpoint 1 has keep/; then a rule excludes it. */
static void
put_excluded_later(struct ws_world *world)
{
    ws_world_open_memory(world, 81);
    scan_put_text(&world->tree, "keep/a", "a");
    scan_put_text(&world->tree, "keep/deep/b", "b");
    scan_put_text(&world->tree, "file", "first");
    ws_save(world);
    scan_put_text(&world->tree, ".firnignore", "keep/\n");
    scan_put_text(&world->tree, "file", "second");
    ws_save(world);
}

static void
what_is_excluded_and_equal_to_the_checkpoint_is_left_alone(void **state)
{
    struct ws_world world;
    put_excluded_later(&world);
    scan_put_text(&world.tree, "keep/own", "nobody's business");
    firn_workspace_restore_result result = ws_restore(&world, "1");
    assert_int_equal(result.changed, 1);
    assert_int_equal(result.added, 0);
    assert_int_equal(result.removed, 1); /* the rule file */
    char *now = ws_dump(&world);
    assert_true(has(now, "keep/own"));
    assert_true(has(now, "keep/deep/b"));
    free(now);
    must(&world, ws_try_undo(&world, NULL));
    now = ws_dump(&world);
    assert_true(has(now, "keep/own"));
    assert_true(has(now, ".firnignore"));
    free(now);
    ws_world_close(&world);
}

static void
what_is_missing_in_an_excluded_directory_is_added(void **state)
{
    struct ws_world world;
    put_excluded_later(&world);
    scan_remove_file(&world.tree, "keep/deep/b");
    firn_workspace_restore_result result = ws_restore(&world, "1");
    assert_int_equal(result.added, 1);
    char *now = ws_dump(&world);
    assert_true(has(now, "keep/deep/b"));
    free(now);
    ws_world_close(&world);
}

static void
what_is_excluded_and_differs_stays_and_all_else_is_restored(void **state)
{
    static const char *const ways[] = {"content", "mode", "kind"};
    for (size_t i = 0; i < 3; i++) {
        struct ws_world world;
        put_excluded_later(&world);
        if (i == 0) {
            scan_put_text(&world.tree, "keep/deep/b", "B");
        } else if (i == 1) {
            scan_set_mode(&world.tree, "keep/deep/b", 0600);
        } else {
            scan_remove_file(&world.tree, "keep/deep/b");
            scan_put_dir(&world.tree, "keep/deep/b");
        }
        char *before = ws_dump(&world);
        firn_workspace_restore_result dry;
        firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
        options.dry_run = true;
        must(&world, fi_ws_restore(world.ws, "1", &options, &dry, &world.err));
        ws_assert_dump(&world, before);
        firn_workspace_restore_result result = ws_restore(&world, "1");
        assert_int_equal(result.changed, 1);
        assert_int_equal(result.removed, 1); /* the rule file */
        assert_int_equal(result.left_alone, 1);
        assert_int_equal(result.not_restored, 0);
        assert_int_equal(result.unchanged, 1); /* keep/a */
        assert_int_equal(dry.changed, result.changed);
        assert_int_equal(dry.left_alone, result.left_alone);
        if (!scan_notices_has(&world.notices, FIRN_NOTICE_LEFT_ALONE, "keep")) {
            fail_msg("%s: not told", ways[i]);
        }
        must(&world, ws_try_undo(&world, NULL));
        ws_assert_dump(&world, before);
        firn_workspace_pending_restore pending;
        must(&world, fi_ws_pending(world.ws, &pending, &world.err));
        assert_false(pending.is_pending);
        free(before);
        ws_world_close(&world);
    }
}

static void
a_path_whose_directory_became_a_file_is_a_conflict(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 82);
    scan_put_text(&world.tree, "dir/file", "first");
    ws_save(&world);
    scan_remove_tree(&world.tree, "dir");
    scan_put_text(&world.tree, "dir", "a file now");
    char *before = ws_dump(&world);
    firn_slice path = firn_str("dir/file");
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.paths = &path;
    options.path_count = 1;
    assert_int_equal(fi_ws_restore(world.ws, "1", &options, &result, &world.err), FIRN_CONFLICT);
    ws_assert_dump(&world, before);
    free(before);
    ws_world_close(&world);
}

/* ---- a restore that waits ---- */

/* The tree "first", edited, with a restore of 1 interrupted after some of it was done. */
static void
interrupt(struct ws_world *world, char **out_edited)
{
    ws_world_open_memory(world, 83);
    for (int i = 0; i < 5; i++) {
        char path[16];
        snprintf(path, sizeof path, "file%d", i);
        scan_put_text(&world->tree, path, "first");
    }
    ws_save(world);
    for (int i = 0; i < 5; i++) {
        char path[16];
        snprintf(path, sizeof path, "file%d", i);
        scan_put_text(&world->tree, path, "second");
    }
    *out_edited = ws_dump(world);
    firn_workspace_pending_restore pending = {0};
    struct ws_world whole = *world;
    for (uint64_t call = 1; !pending.has_begun; call++) {
        ws_world_clone(&whole, world);
        struct fi_os *os = world->tree.os;
        fi_sim_memory_set_cut_at(os, fi_sim_memory_calls(os) + call);
        assert_int_not_equal(ws_try_restore(world, "1", NULL), FIRN_OK);
        fi_sim_memory_power_cut(os, 1);
        fi_sim_memory_set_cut_at(os, 0);
        ws_world_reopen(world);
        must(world, fi_ws_pending(world->ws, &pending, &world->err));
        char *now = ws_dump(world);
        pending.has_begun = pending.has_begun && strcmp(now, *out_edited) != 0;
        free(now);
        if (!pending.has_begun) {
            ws_world_close(world);
        }
    }
    ws_world_close(&whole);
    assert_int_equal(pending.number, 1);
    assert_false(pending.is_undo);
    assert_true(pending.safety_id[0] != '\0');
}

/* The first temporary name in the root; "" if there is none. */
struct temporary {
    char name[64];
};

static int
find_temporary(void *ctx, const struct fi_os_dirent *entry)
{
    struct temporary *temporary = ctx;
    if (strncmp(entry->name, ".firn-", 6) == 0 && entry->name_size < sizeof temporary->name) {
        memcpy(temporary->name, entry->name, entry->name_size + 1);
    }
    return FIRN_OK;
}

static struct temporary
temporary_of(struct ws_world *world)
{
    struct temporary temporary = {{0}};
    must(world, fi_os_dir_list(world->tree.root, find_temporary, &temporary, &world->err));
    return temporary;
}

static int
try_resume(struct ws_world *world)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.threads = world->threads;
    return fi_ws_restore_resume(world->ws, &options, &result, &world->err);
}

struct search {
    const char *text;
    struct ws_world *world;
    bool is_found;
};

static int
search_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct search *search = ctx;
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    char path[64];
    snprintf(path, sizeof path, "/out-%s", checkpoint->id);
    options.to_dir = path;
    must(search->world,
         fi_ws_restore(search->world->ws, checkpoint->id, &options, &result, &search->world->err));
    struct scan_world out = {.os = search->world->tree.os};
    must(search->world, fi_os_dir_open_path(out.os, path, &out.root, &search->world->err));
    char *dump = scan_dump_real(&out, true);
    search->is_found = search->is_found || strstr(dump, search->text) != NULL;
    free(dump);
    fi_os_dir_close(out.root);
    return FIRN_OK;
}

/* Whether a text of a dump's line is in the tree or in a checkpoint. */
static bool
is_kept(struct ws_world *world, const char *text)
{
    char *now = ws_dump(world);
    struct search search = {.text = text, .world = world};
    search.is_found = strstr(now, text) != NULL;
    free(now);
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    options.include_safety = true;
    struct firn_ws *other = NULL;
    firn_workspace_options workspace = FIRN_WORKSPACE_OPTIONS_INIT;
    workspace.store_path = world->store_path;
    must(world, fi_ws_open(world->tree.os, world->root_path, &workspace, &other, &world->err));
    must(world, fi_ws_list(other, &options, search_checkpoint, &search, &world->err));
    fi_ws_close(other);
    return search.is_found;
}

/* Somebody held a file open while it was displaced, and wrote it later. */
static void
what_was_written_under_a_temporary_name_is_kept(void **state)
{
    unsigned tried = 0;
    struct ws_world whole;
    ws_world_open_memory(&whole, 85);
    scan_put_text(&whole.tree, "file", "first");
    scan_put_text(&whole.tree, "gone", "first");
    scan_put_text(&whole.tree, "flips/in", "first");
    ws_save(&whole);
    scan_put_text(&whole.tree, "file", "second");
    scan_remove_file(&whole.tree, "gone");
    scan_remove_tree(&whole.tree, "flips");
    scan_put_text(&whole.tree, "flips", "second");
    scan_put_text(&whole.tree, "goes", "second");
    bool was_off = true;
    for (uint64_t call = 1; was_off; call++) {
        for (int way = 0; way < 4; way++) {
            struct ws_world world;
            ws_world_clone(&whole, &world);
            struct fi_os *os = world.tree.os;
            fi_sim_memory_set_cut_at(os, fi_sim_memory_calls(os) + call);
            FI_IGNORE(ws_try_restore(&world, "1", NULL));
            was_off = fi_sim_memory_is_off(os);
            fi_sim_memory_power_cut(os, 1);
            fi_sim_memory_set_cut_at(os, 0);
            ws_world_reopen(&world);
            firn_workspace_pending_restore pending;
            must(&world, fi_ws_pending(world.ws, &pending, &world.err));
            struct temporary temporary = temporary_of(&world);
            struct fi_os_stat stat = {.kind = FI_OS_DIR};
            if (temporary.name[0] != '\0') {
                must(&world, fi_os_stat(world.tree.root, temporary.name, &stat, &world.err));
            }
            if (pending.has_begun && stat.kind == FI_OS_FILE) {
                scan_put_text(&world.tree, temporary.name, "precious edit");
                int rc = way == 0   ? ws_try_restore(&world, "1", NULL)
                         : way == 1 ? ws_try_undo(&world, NULL)
                         : way == 2 ? ws_try_save(&world, NULL)
                                    : try_resume(&world);
                must(&world, rc);
                assert_string_equal(temporary_of(&world).name, "");
                if (!is_kept(&world, " size=13 ")) {
                    fail_msg("cut at call %llu, way %d: lost", (unsigned long long)call, way);
                }
                tried++;
            }
            ws_world_close(&world);
        }
    }
    printf("%u edits under temporary names\n", tried);
    assert_true(tried > 8);
    ws_world_close(&whole);
}

/* What recovery puts to rest must not come back when the power goes once more. */
static void
what_was_put_to_rest_stays_at_rest(void **state)
{
    struct ws_world whole;
    char *edited;
    interrupt(&whole, &edited);
    bool was_off = true;
    for (uint64_t call = 1; was_off; call++) {
        for (uint64_t seed = 0; seed < 4; seed++) {
            struct ws_world world;
            ws_world_clone(&whole, &world);
            struct fi_os *os = world.tree.os;
            fi_sim_memory_set_writeback(os, 0);
            fi_sim_memory_set_cut_at(os, fi_sim_memory_calls(os) + call);
            FI_IGNORE(try_resume(&world));
            was_off = fi_sim_memory_is_off(os);
            fi_sim_memory_power_cut(os, seed == 3 ? call + 100 : seed);
            fi_sim_memory_set_cut_at(os, 0);
            ws_world_reopen(&world);
            ws_save(&world);
            assert_string_equal(temporary_of(&world).name, "");
            ws_world_close(&world);
        }
    }
    free(edited);
    ws_world_close(&whole);
}

/* ---- a write that does not show ---- */

struct hidden_write {
    struct ws_world *world;
    bool is_done;
};

/* At the first rename: the checks are over. */
static void
write_unseen(void *ctx, const struct fi_sim_fault_call *call)
{
    struct hidden_write *hidden = ctx;
    if (hidden->is_done || strcmp(call->operation, "rename") != 0) {
        return;
    }
    struct fi_os_stat stat;
    struct scan_world *tree = &hidden->world->tree;
    assert_int_equal(fi_os_stat(tree->root, "file39", &stat, NULL), FIRN_OK);
    scan_put_text(tree, "file39", "SECOND");
    scan_set_mtime(tree, "file39", stat.mtime_ns);
    hidden->is_done = true;
}

static void
among_many_changes_too_a_write_within_a_tick_of_the_clock_is_seen(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 86);
    char path[16];
    for (int i = 0; i < 40; i++) {
        snprintf(path, sizeof path, "file%d", i);
        scan_put_text(&world.tree, path, "first");
    }
    ws_save(&world);
    for (int i = 0; i < 40; i++) {
        snprintf(path, sizeof path, "file%d", i);
        scan_put_text(&world.tree, path, "second");
    }
    scan_world_wrap(&world.tree);
    ws_world_reopen(&world);
    struct hidden_write hidden = {.world = &world};
    fi_sim_fault_set_hook(world.tree.outer, write_unseen, &hidden);
    assert_int_equal(ws_try_restore(&world, "1", NULL), FIRN_CONFLICT);
    fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
    assert_true(hidden.is_done);
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_KEPT, "file39"));
    struct fi_os_stat stat;
    must(&world, fi_os_stat(world.tree.root, "file39", &stat, &world.err));
    assert_int_equal(stat.size_bytes, 6);
    ws_restore(&world, "1");
    ws_world_close(&world);
}

static void
what_an_interrupted_restore_needs_is_not_deleted(void **state)
{
    struct ws_world world;
    char *edited;
    interrupt(&world, &edited);
    scan_put_text(&world.tree, "other", "x");
    const char *reference = "1";
    firn_workspace_delete_options options = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    assert_int_equal(fi_gc_delete(world.ws, &reference, 1, &options, NULL, NULL, &world.err),
                     FIRN_CONFLICT);
    must(&world, ws_try_undo(&world, NULL));
    ws_assert_dump(&world, edited);
    must(&world, fi_gc_delete(world.ws, &reference, 1, &options, NULL, NULL, &world.err));
    free(edited);
    ws_world_close(&world);
}

static void
a_save_says_that_it_finished_an_interrupted_restore(void **state)
{
    struct ws_world world;
    char *edited;
    interrupt(&world, &edited);
    ws_save(&world);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_RESUMED], 1);
    firn_workspace_restore_result result = ws_restore(&world, "1");
    assert_int_equal(result.added + result.changed + result.removed, 0);
    must(&world, ws_try_undo(&world, NULL));
    ws_assert_dump(&world, edited);
    free(edited);
    ws_world_close(&world);
}

static void
flip_byte(struct ws_world *world, uint64_t at)
{
    struct fi_os_dir *packs;
    struct fi_os_file *file;
    uint8_t byte;
    must(world, fi_os_dir_open_path(world->tree.os, "/s/packs", &packs, &world->err));
    must(world,
         fi_os_file_open(packs, "00000001.pack", FI_OS_READ | FI_OS_WRITE, 0, &file, &world->err));
    must(world, fi_os_file_read_exact(file, at, &byte, 1, &world->err));
    byte ^= 0x40;
    must(world, fi_os_file_write(file, at, &byte, 1, &world->err));
    fi_os_file_close(file);
    fi_os_dir_close(packs);
}

/* The checkpoint that an interrupted restore was to bring is damaged by now: its contents, its
 * directories, or the pack as a whole. Where the store can be written at all, a save goes on. */
static void
an_interrupted_restore_that_cannot_be_finished_does_not_block_saves(void **state)
{
    struct ws_world whole;
    char *edited;
    unsigned set_aside = 0;
    interrupt(&whole, &edited);
    scan_put_text(&whole.tree, "new", "new");
    for (uint64_t at = 0; at < 400; at += 3) {
        struct ws_world world;
        ws_world_clone(&whole, &world);
        flip_byte(&world, at);
        int rc = ws_try_save(&world, NULL);
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT);
        if (rc == FIRN_OK && scan_notices_has(&world.notices, FIRN_NOTICE_RESUMED, "")) {
            firn_workspace_pending_restore pending;
            must(&world, fi_ws_pending(world.ws, &pending, &world.err));
            assert_false(pending.is_pending);
            char *now = ws_dump(&world);
            set_aside += has(now, "new") ? 1 : 0; /* finished, it would be gone */
            free(now);
            must(&world, ws_try_undo(&world, NULL));
            ws_assert_dump(&world, edited);
        }
        ws_world_close(&world);
    }
    printf("%u damaged checkpoints set aside\n", set_aside);
    assert_true(set_aside > 5);
    free(edited);
    ws_world_close(&whole);
}

static void
some_paths_are_restored_after_the_interrupted_restore_was_finished(void **state)
{
    struct ws_world world;
    char *edited;
    interrupt(&world, &edited);
    firn_slice path = firn_str("file3");
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.paths = &path;
    options.path_count = 1;
    must(&world, fi_ws_restore(world.ws, "1", &options, &result, &world.err));
    firn_workspace_pending_restore pending;
    must(&world, fi_ws_pending(world.ws, &pending, &world.err));
    assert_false(pending.is_pending);
    result = ws_restore(&world, "1");
    assert_int_equal(result.added + result.changed + result.removed, 0);
    free(edited);
    ws_world_close(&world);
}

/* ---- file systems that cannot exchange two names ---- */

static void
every_rename_may_be_one_that_the_file_system_cannot_do_at_once(void **state)
{
    struct ws_world whole;
    ws_world_open_memory(&whole, 84);
    scan_put_text(&whole.tree, "changed", "first");
    scan_put_text(&whole.tree, "flip", "first");
    ws_save(&whole);
    char *first = ws_dump(&whole);
    scan_put_text(&whole.tree, "changed", "second");
    scan_remove_file(&whole.tree, "flip");
    scan_put_text(&whole.tree, "flip/in", "second");
    uint64_t done = 0;
    struct test_fault fault = {.classes = FI_SIM_FAULT_METADATA, .error_number = EINVAL};
    while (test_fault_next(&fault)) {
        struct ws_world world;
        ws_world_clone(&whole, &world);
        scan_world_wrap(&world.tree);
        ws_world_reopen(&world);
        test_fault_call(&fault, world.tree.outer);
        firn_workspace_restore_result result;
        int rc = ws_try_restore(&world, "1", &result);
        test_fault_end(&fault);
        if (rc == FIRN_OK && result.not_restored + result.incomplete == 0) {
            ws_assert_dump(&world, first);
            done++;
        }
        ws_restore(&world, "1");
        ws_assert_dump(&world, first);
        ws_world_close(&world);
    }
    assert_true(done > 2); /* the two exchanges, and the round without a failure */
    free(first);
    ws_world_close(&whole);
}

/* ---- times of directories ---- */

enum { DIR_TIME = 1000000000 };
static const char *const PARENTS[] = {"on", "on/the", "on/the/way", "other"};

static void
set_dir_times(struct scan_world *tree)
{
    for (size_t i = 0; i < sizeof PARENTS / sizeof PARENTS[0]; i++) {
        scan_set_mtime(tree, PARENTS[i], DIR_TIME + (int64_t)i);
    }
}

static void
assert_dir_times(struct scan_world *tree)
{
    for (size_t i = 0; i < sizeof PARENTS / sizeof PARENTS[0]; i++) {
        struct fi_os_dir *dir;
        struct fi_os_stat stat;
        assert_int_equal(fi_os_dir_open_beneath(tree->root, PARENTS[i], &dir, NULL), FIRN_OK);
        assert_int_equal(fi_os_dir_stat(dir, &stat, NULL), FIRN_OK);
        assert_int_equal(stat.mtime_ns, DIR_TIME + (int64_t)i);
        fi_os_dir_close(dir);
    }
}

/* Notes what the call does that is to fail. */
struct noting {
    uint64_t call;
    bool is_time_of_dir;
};

static void
note_call(void *ctx, const struct fi_sim_fault_call *call)
{
    struct noting *noting = ctx;
    if (call->number == noting->call) {
        noting->is_time_of_dir = strcmp(call->operation, "set_mtime") == 0 && call->name == NULL;
    }
}

static void
directories_have_their_times_again_whatever_is_refused(void **state)
{
    struct ws_world whole;
    ws_world_open_memory(&whole, 85);
    whole.threads = 1;
    scan_put_text(&whole.tree, "on/the/way/changed", "first");
    scan_put_symlink(&whole.tree, "on/the/way/link", "first");
    scan_put_text(&whole.tree, "other/changed", "first");
    set_dir_times(&whole.tree);
    ws_save(&whole);
    scan_put_text(&whole.tree, "on/the/way/changed", "second");
    scan_remove_file(&whole.tree, "on/the/way/link");
    scan_put_symlink(&whole.tree, "on/the/way/link", "second");
    scan_put_text(&whole.tree, "other/changed", "second");
    set_dir_times(&whole.tree);
    uint64_t refused = 0;
    struct test_fault fault = {.error_number = EPERM};
    while (test_fault_next(&fault)) {
        struct ws_world world;
        ws_world_clone(&whole, &world);
        scan_world_wrap(&world.tree);
        ws_world_reopen(&world);
        struct noting noting = {.call = fault.n};
        test_fault_call(&fault, world.tree.outer);
        fi_sim_fault_set_hook(world.tree.outer, note_call, &noting);
        firn_workspace_restore_result result;
        int rc = ws_try_restore(&world, "1", &result);
        test_fault_end(&fault);
        fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
        if (rc == FIRN_OK && !noting.is_time_of_dir) {
            assert_dir_times(&world.tree);
            refused += result.not_restored;
        }
        ws_world_close(&world);
    }
    assert_true(refused > 2);
    ws_world_close(&whole);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_excluded_and_equal_to_the_checkpoint_is_left_alone),
        cmocka_unit_test(what_is_missing_in_an_excluded_directory_is_added),
        cmocka_unit_test(what_is_excluded_and_differs_stays_and_all_else_is_restored),
        cmocka_unit_test(a_path_whose_directory_became_a_file_is_a_conflict),
        cmocka_unit_test(what_was_written_under_a_temporary_name_is_kept),
        cmocka_unit_test(what_was_put_to_rest_stays_at_rest),
        cmocka_unit_test(among_many_changes_too_a_write_within_a_tick_of_the_clock_is_seen),
        cmocka_unit_test(what_an_interrupted_restore_needs_is_not_deleted),
        cmocka_unit_test(a_save_says_that_it_finished_an_interrupted_restore),
        cmocka_unit_test(an_interrupted_restore_that_cannot_be_finished_does_not_block_saves),
        cmocka_unit_test(some_paths_are_restored_after_the_interrupted_restore_was_finished),
        cmocka_unit_test(every_rename_may_be_one_that_the_file_system_cannot_do_at_once),
        cmocka_unit_test(directories_have_their_times_again_whatever_is_refused),
    };
    return cmocka_run_group_tests_name("ws_restore", tests, NULL, NULL);
}
