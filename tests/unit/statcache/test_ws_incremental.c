/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/statcache: what a save reads that was saved before, and what it does when the stat cache is
 * lost, old or wrong.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/bytes.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "statcache/statcache.h"
#include "statcache/statcache_internal.h"
#include "support/test.h"
#include "support/workspace/ws_support.h"

#define SECOND INT64_C(1000000000)

static void
must(struct ws_world *world, int rc)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), world->err.text);
    }
}

/* ---- which files are opened ---- */

struct opened {
    uint64_t count; /* files of the workspace, whose names end in ".txt" */
    char last[64];
};

static void
count_opened(void *ctx, const struct fi_sim_fault_call *call)
{
    struct opened *opened = ctx;
    const char *end = call->name == NULL ? NULL : strrchr(call->name, '.');
    if (strcmp(call->operation, "file_open") == 0 && end != NULL && strcmp(end, ".txt") == 0) {
        opened->count++;
        snprintf(opened->last, sizeof opened->last, "%s", call->name);
    }
}

static void
start_counting(struct ws_world *world, struct opened *opened)
{
    *opened = (struct opened){0};
    fi_sim_fault_set_hook(world->tree.outer, count_opened, opened);
}

static void
put_files(struct ws_world *world)
{
    struct scan_world *tree = &world->tree;
    scan_put_text(tree, "a.txt", "1");
    scan_put_text(tree, "d/b.txt", "2");
    scan_put_text(tree, "d/e/c.txt", "3");
    scan_put_text(tree, "d/e/d.txt", "4");
    scan_put_text(tree, "f/e.txt", "5");
    scan_put_symlink(tree, "f/link", "e.txt");
    scan_put_link(tree, "f/same.txt", "a.txt");
    scan_set_xattr(tree, "d/b.txt", "user.k", "v");
    scan_set_xattr(tree, "d", "user.k", "v");
    scan_put_fifo(tree, "f/fifo");
}

static void
open_counted(struct ws_world *world)
{
    ws_world_open_memory(world, 31);
    scan_world_wrap(&world->tree);
    ws_world_reopen(world);
    put_files(world);
}

/* The tree that everybody sees who reads all of it. */
static firn_hash
root_now(struct ws_world *world)
{
    struct scan_sink sink;
    struct fi_scan_result result;
    scan_sink_init(&sink);
    sink.wants_content = false;
    scan_run(&world->tree, &sink, &world->notices, 1, &result);
    firn_hash root = result.root.hash;
    fi_scan_result_deinit(&result);
    scan_sink_deinit(&sink);
    return root;
}

static firn_workspace_save_result
save_and_compare(struct ws_world *world)
{
    firn_workspace_save_result result = ws_save(world);
    firn_hash root = root_now(world);
    assert_memory_equal(&result.checkpoint->root, &root, sizeof root);
    return result;
}

static void
a_file_is_read_once_until_it_changes(void **state)
{
    struct ws_world world;
    struct opened opened;
    open_counted(&world);
    start_counting(&world, &opened);
    ws_save(&world);
    assert_int_equal(opened.count, 6); /* both names of an inode are */
    start_counting(&world, &opened);
    firn_workspace_save_result result = ws_save(&world);
    assert_int_equal(opened.count, 0);
    assert_true(result.is_unchanged);
    assert_int_equal(result.checkpoint->files, 7);
    assert_int_equal(result.checkpoint->bytes, 5);
    assert_int_equal(result.checkpoint->skipped, 1);
    assert_int_equal(result.checkpoint->new_objects, 0);
    assert_int_equal(result.checkpoint->added_bytes, 0);

    scan_put_text(&world.tree, "d/e/c.txt", "x");
    start_counting(&world, &opened);
    result = save_and_compare(&world);
    assert_int_equal(result.changed, 1);
    assert_int_equal(opened.count, 1);
    assert_string_equal(opened.last, "c.txt");
    start_counting(&world, &opened);
    ws_save(&world);
    assert_int_equal(opened.count, 0);
    scan_set_mode(&world.tree, "d/e/d.txt", 0600);
    start_counting(&world, &opened);
    result = ws_save(&world);
    assert_int_equal(opened.count, 1);
    assert_string_equal(opened.last, "d.txt");
    assert_int_equal(result.checkpoint->new_objects, 0); /* the content is known */
    assert_int_equal(result.changed, 1);
    fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
    ws_world_close(&world);
}

static void
status_and_the_safety_of_a_restore_read_what_has_changed(void **state)
{
    struct ws_world world;
    struct opened opened;
    firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result status;
    open_counted(&world);
    ws_save(&world);
    scan_put_text(&world.tree, "d/b.txt", "edited");
    start_counting(&world, &opened);
    for (unsigned i = 0; i < 2; i++) { /* a look remembers nothing */
        opened.count = 0;
        must(&world, fi_ws_status(world.ws, &options, NULL, NULL, &status, &world.err));
        assert_int_equal(opened.count, 1);
        assert_string_equal(opened.last, "b.txt");
        assert_int_equal(status.changed, 1);
        assert_int_equal(status.unchanged, 6);
    }
    firn_workspace_restore_options dry = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result restored;
    dry.dry_run = true;
    opened.count = 0;
    must(&world, fi_ws_restore(world.ws, "1", &dry, &restored, &world.err));
    assert_int_equal(opened.count, 1);
    assert_int_equal(restored.changed, 1);
    fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
    ws_restore(&world, "1");
    firn_workspace_save_result result = save_and_compare(&world);
    assert_true(result.is_unchanged);
    ws_world_close(&world);
}

static void
a_save_after_a_restore_reads_no_file(void **state)
{
    struct ws_world world;
    struct opened opened;
    open_counted(&world);
    scan_remove_file(&world.tree, "f/same.txt"); /* an inode of two names is read again */
    scan_set_mtime(&world.tree, "d/e/c.txt", 978307200 * SECOND + 123456789);
    ws_save(&world);
    scan_put_text(&world.tree, "d/e/c.txt", "edited");
    scan_remove_tree(&world.tree, "f");
    scan_put_text(&world.tree, "f", "a file");
    scan_put_text(&world.tree, "extra/x.txt", "x");
    ws_restore(&world, "1");
    start_counting(&world, &opened);
    firn_workspace_save_result result = ws_save(&world);
    assert_int_equal(opened.count, 0);
    assert_true(result.is_unchanged);
    fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
    must(&world, ws_try_undo(&world, NULL));
    start_counting(&world, &opened);
    result = save_and_compare(&world);
    assert_int_equal(opened.count, 0);
    assert_int_equal(result.changed, 1);
    assert_int_equal(result.added, 2);
    assert_int_equal(result.removed, 2);
    fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
    ws_world_close(&world);
}

static void
status_against_an_older_checkpoint_finds_the_directories_of_between(void **state)
{
    struct ws_world world;
    firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result status;
    open_counted(&world);
    ws_save(&world);
    scan_put_text(&world.tree, "d/e/c.txt", "second");
    scan_put_text(&world.tree, "new/n.txt", "n");
    ws_save(&world);
    options.reference = "1";
    must(&world, fi_ws_status(world.ws, &options, NULL, NULL, &status, &world.err));
    assert_int_equal(status.changed, 1);
    assert_int_equal(status.added, 1);
    ws_world_close(&world);
}

static void
a_full_save_reads_everything(void **state)
{
    struct ws_world world;
    struct opened opened;
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    open_counted(&world);
    ws_save(&world);
    options.full = true;
    start_counting(&world, &opened);
    must(&world, fi_ws_save(world.ws, &options, &result, &world.err));
    assert_int_equal(opened.count, 6);
    assert_true(result.is_unchanged);
    start_counting(&world, &opened);
    ws_save(&world);
    assert_int_equal(opened.count, 0);
    fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
    ws_world_close(&world);
}

static void
a_file_that_keeps_whole_seconds_is_read_until_two_have_passed(void **state)
{
    struct ws_world world;
    struct opened opened;
    open_counted(&world);
    int64_t now = (fi_os_now_ns(world.tree.os) / SECOND + 100) * SECOND;
    fi_sim_memory_set_granularity(world.tree.os, SECOND);
    fi_sim_memory_set_time(world.tree.os, now);
    scan_put_text(&world.tree, "young.txt", "1");
    ws_save(&world);
    start_counting(&world, &opened);
    ws_save(&world);
    assert_int_equal(opened.count, 1);
    assert_string_equal(opened.last, "young.txt");
    fi_sim_memory_set_time(world.tree.os, now + 2 * SECOND);
    start_counting(&world, &opened);
    ws_save(&world);
    assert_int_equal(opened.count, 1); /* the last time: now it is old enough */
    start_counting(&world, &opened);
    ws_save(&world);
    assert_int_equal(opened.count, 0);
    fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
    ws_world_close(&world);
}

static void
a_clock_that_was_set_back_makes_everything_be_read(void **state)
{
    struct ws_world world;
    struct opened opened;
    open_counted(&world);
    ws_save(&world);
    int64_t now = fi_os_now_ns(world.tree.os);
    fi_sim_memory_set_time(world.tree.os, now - 3600 * SECOND);
    start_counting(&world, &opened);
    ws_save(&world);
    assert_int_equal(opened.count, 6);
    /* What lies in the future is read each time, until the clock has come by there. */
    start_counting(&world, &opened);
    ws_save(&world);
    assert_int_equal(opened.count, 6);
    fi_sim_memory_set_time(world.tree.os, now + SECOND);
    ws_save(&world);
    start_counting(&world, &opened);
    ws_save(&world);
    assert_int_equal(opened.count, 0);
    fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
    ws_world_close(&world);
}

/* Which of the reading calls of a save asks for the attributes of a file. */
struct asked {
    const char *name;
    uint64_t reads;
    uint64_t found_at;
};

static void
count_reads(void *ctx, const struct fi_sim_fault_call *call)
{
    struct asked *asked = ctx;
    asked->reads += call->kind == FI_SIM_FAULT_READS ? 1 : 0;
    if (strcmp(call->operation, "xattr_list") == 0 && call->name != NULL &&
        strcmp(call->name, asked->name) == 0) {
        asked->found_at = asked->reads;
    }
}

static void
after_a_start_of_the_machine_what_was_young_is_read_once_more(void **state)
{
    struct ws_world world;
    struct opened opened;
    ws_world_open_memory(&world, 33);
    put_files(&world);
    fi_sim_memory_set_time(world.tree.os, fi_os_now_ns(world.tree.os) + 200 * SECOND);
    scan_put_text(&world.tree, "d/e/c.txt", "young when it is saved");
    ws_save(&world);
    must(&world, fi_os_dir_sync_filesystem(world.tree.root, &world.err));
    fi_sim_memory_power_cut(world.tree.os, 0);
    scan_world_wrap(&world.tree);
    ws_world_reopen(&world);
    start_counting(&world, &opened);
    firn_workspace_save_result result = ws_save(&world);
    assert_true(result.is_unchanged);
    assert_int_equal(opened.count, 1);
    assert_string_equal(opened.last, "c.txt");
    start_counting(&world, &opened);
    ws_save(&world);
    assert_int_equal(opened.count, 0);
    fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
    ws_world_close(&world);
}

static void
attributes_that_could_not_be_read_are_asked_for_again(void **state)
{
    struct ws_world rehearsal;
    struct ws_world world;
    struct asked asked = {.name = "e.txt"};
    ws_world_open_memory(&world, 32);
    put_files(&world);
    ws_save(&world);
    scan_put_text(&world.tree, "f/e.txt", "changed");
    ws_world_clone(&world, &rehearsal);
    scan_world_wrap(&rehearsal.tree);
    ws_world_reopen(&rehearsal);
    fi_sim_fault_set_hook(rehearsal.tree.outer, count_reads, &asked);
    ws_save(&rehearsal);
    fi_sim_fault_set_hook(rehearsal.tree.outer, NULL, NULL);
    ws_world_close(&rehearsal);
    assert_true(asked.found_at > 0);

    scan_world_wrap(&world.tree);
    ws_world_reopen(&world);
    struct fi_sim_fault_plan plan = {
        .call = asked.found_at, .classes = FI_SIM_FAULT_READS, .error_number = EIO};
    fi_sim_fault_set_plan(world.tree.outer, &plan);
    ws_save(&world);
    fi_sim_fault_set_plan(world.tree.outer, NULL);
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_METADATA, "f/e.txt"));
    struct opened opened;
    start_counting(&world, &opened);
    firn_workspace_save_result result = ws_save(&world);
    assert_int_equal(opened.count, 1);
    assert_string_equal(opened.last, "e.txt");
    assert_int_equal(result.checkpoint->skipped, 1); /* the fifo */
    fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
    ws_world_close(&world);
}

/* ---- no checkpoint without a change ---- */

static firn_workspace_save_result
save_if_changed(struct ws_world *world, const char *message)
{
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    options.if_changed = true;
    options.message = firn_str(message);
    must(world, fi_ws_save(world->ws, &options, &result, &world->err));
    return result;
}

static void
assert_message(const firn_workspace_checkpoint *checkpoint, const char *message)
{
    assert_int_equal(checkpoint->message.size, strlen(message));
    assert_memory_equal(checkpoint->message.data, message, strlen(message));
}

static void
no_checkpoint_is_made_of_the_tree_of_the_last(void **state)
{
    struct ws_world world;
    open_counted(&world);
    firn_workspace_save_result result = save_if_changed(&world, "the first");
    assert_true(result.is_made);
    assert_int_equal(result.checkpoint->number, 1);
    for (unsigned i = 0; i < 3; i++) {
        result = save_if_changed(&world, "another");
        assert_false(result.is_made);
        assert_true(result.is_unchanged);
        assert_int_equal(result.checkpoint->number, 1);
        assert_int_equal(result.previous, 1);
        assert_message(result.checkpoint, "the first");
        /* The time of a directory is no change; nor does it cost a pack each time. */
        scan_put_text(&world.tree, "d/away.txt", "x");
        scan_remove_file(&world.tree, "d/away.txt");
    }
    ws_assert_check_clean(&world);
    scan_put_text(&world.tree, "d/b.txt", "now");
    result = save_if_changed(&world, "the second");
    assert_true(result.is_made);
    assert_false(result.is_unchanged);
    assert_int_equal(result.checkpoint->number, 2);
    assert_message(result.checkpoint, "the second");
    save_and_compare(&world);
    firn_workspace_check_result check;
    must(&world, ws_try_check(&world, &check));
    assert_int_equal(check.packs, 2);
    ws_world_close(&world);
}

/* ---- a cache that is lost, or wrong ---- */

static struct firn_db *
open_store(struct ws_world *world, struct firn_db_keyspace **out)
{
    struct fi_db_options options = {0};
    struct firn_db *db;
    must(world, fi_db_path_open(world->tree.os, world->store_path, &options, &db, &world->err));
    must(world, fi_db_keyspace_open(db, FI_STATCACHE_KEYSPACE, out, &world->err));
    return db;
}

/* Changes the memo of the directory at a path. */
static void
change_memo(struct ws_world *world, const char *path,
            void (*change)(void *ctx, struct fi_buf *value), void *ctx)
{
    struct firn_db_keyspace *keyspace;
    struct firn_db *db = open_store(world, &keyspace);
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    assert_int_equal(fi_buf_append(&key, "\0\0\0\1", 4), FIRN_OK);
    assert_int_equal(fi_buf_append_str(&key, path), FIRN_OK);
    must(world, fi_db_get(keyspace, fi_buf_slice(&key), &value, &world->err));
    change(ctx, &value);
    must(world, fi_db_put(keyspace, fi_buf_slice(&key), fi_buf_slice(&value), FIRN_DURABILITY_FULL,
                          &world->err));
    must(world, fi_db_close(db, &world->err));
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
}

static void
name_another_tree(void *ctx, struct fi_buf *value)
{
    (void)ctx;
    value->data[WS_STAT_TREE_AT] ^= 1;
}

static void
swap_prints(void *ctx, struct fi_buf *value)
{
    const size_t *at = ctx;
    uint8_t print[FI_STATCACHE_PRINT_SIZE];
    uint8_t *a = value->data + WS_STAT_HEADER_SIZE + at[0] * sizeof print;
    uint8_t *b = value->data + WS_STAT_HEADER_SIZE + at[1] * sizeof print;
    memcpy(print, a, sizeof print);
    memmove(a, b, sizeof print);
    memcpy(b, print, sizeof print);
}

static void
add_prints(void *ctx, struct fi_buf *value)
{
    /* As if there had been more entries before the others. */
    const uint8_t more[2 * FI_STATCACHE_PRINT_SIZE] = {1, 2, 3};
    (void)ctx;
    assert_int_equal(fi_buf_set_size(value, value->size + sizeof more), FIRN_OK);
    memmove(value->data + WS_STAT_HEADER_SIZE + sizeof more, value->data + WS_STAT_HEADER_SIZE,
            value->size - WS_STAT_HEADER_SIZE - sizeof more);
    memcpy(value->data + WS_STAT_HEADER_SIZE, more, sizeof more);
}

static void
drop_first_print(void *ctx, struct fi_buf *value)
{
    (void)ctx;
    uint8_t *first = value->data + WS_STAT_HEADER_SIZE;
    value->size -= FI_STATCACHE_PRINT_SIZE;
    memmove(first, first + FI_STATCACHE_PRINT_SIZE, value->size - WS_STAT_HEADER_SIZE);
}

static void
make_nonsense(void *ctx, struct fi_buf *value)
{
    (void)ctx;
    value->size = 3;
}

static void
a_wrong_cache_is_told_and_everything_is_read_instead(void **state)
{
    const struct {
        const char *path;
        void (*change)(void *ctx, struct fi_buf *value);
        size_t places[2];
        bool is_told;
        const char *removed;
    } cases[] = {
        {"", name_another_tree, {0, 0}, true, NULL},
        {"d/e", name_another_tree, {0, 0}, true, NULL},
        {"wide", swap_prints, {3, 5}, true, NULL},
        {"wide", add_prints, {0, 0}, true, NULL},
        {"wide", drop_first_print, {0, 0}, true, NULL},
        {"wide", drop_first_print, {0, 0}, true, "wide/00"},
        {"wide", make_nonsense, {0, 0}, false, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ws_world world;
        firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
        firn_workspace_status_result status;
        open_counted(&world);
        scan_remove_file(&world.tree, "f/same.txt"); /* links need more than the memo */
        for (unsigned j = 0; j < 20; j++) {
            char path[32];
            snprintf(path, sizeof path, "wide/%02u", j);
            scan_put_text(&world.tree, path, path);
        }
        ws_save(&world);
        size_t places[2] = {cases[i].places[0], cases[i].places[1]};
        change_memo(&world, cases[i].path, cases[i].change, places);
        if (cases[i].path[0] != '\0') { /* something to put together anew */
            char path[32];
            snprintf(path, sizeof path, "%s/zz", cases[i].path);
            scan_put_text(&world.tree, path, "new");
            if (cases[i].removed != NULL) {
                scan_remove_file(&world.tree, cases[i].removed);
            }
            must(&world, fi_ws_status(world.ws, &options, NULL, NULL, &status, &world.err));
            assert_int_equal(status.added, 1);
            assert_int_equal(status.changed, 0);
            assert_int_equal(status.removed, cases[i].removed != NULL ? 1 : 0);
        }
        firn_workspace_save_result result = ws_save(&world);
        assert_int_equal(world.notices.counts[FIRN_NOTICE_DAMAGED], cases[i].is_told ? 1 : 0);
        firn_hash root = root_now(&world);
        assert_memory_equal(&result.checkpoint->root, &root, sizeof root);
        ws_save(&world);
        assert_int_equal(world.notices.counts[FIRN_NOTICE_DAMAGED], 0);
        ws_assert_check_clean(&world);
        ws_world_close(&world);
    }
}

static void
with_a_pack_missing_everything_is_read_and_stored_again(void **state)
{
    struct ws_world world;
    struct fi_os_dir *packs;
    struct opened opened;
    open_counted(&world);
    scan_remove_file(&world.tree, "f/same.txt"); /* whose directory would be looked up anyway */
    ws_save(&world);
    scan_put_text(&world.tree, "d/b.txt", "second");
    ws_save(&world);
    must(&world, fi_os_dir_open_path(world.tree.os, "/s/packs", &packs, &world.err));
    must(&world, fi_os_remove_file(packs, "00000001.pack", &world.err));
    fi_os_dir_close(packs);
    start_counting(&world, &opened);
    firn_workspace_save_result result = ws_save(&world);
    assert_int_equal(opened.count, 5);
    assert_int_equal(result.checkpoint->new_objects, 4); /* all but "second" */
    fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
    ws_restore(&world, "latest");
    scan_remove_tree(&world.tree, "d");
    ws_restore(&world, "latest");
    save_and_compare(&world);
    ws_world_close(&world);
}

static void
a_lost_cache_is_made_again(void **state)
{
    struct ws_world world;
    struct opened opened;
    struct firn_db_keyspace *keyspace;
    open_counted(&world);
    ws_save(&world);
    struct firn_db *db = open_store(&world, &keyspace);
    must(&world, fi_db_delete_range(keyspace, firn_str(""), firn_str("\xff"), FIRN_DURABILITY_OS,
                                    &world.err));
    must(&world, fi_db_close(db, &world.err));
    start_counting(&world, &opened);
    firn_workspace_save_result result = ws_save(&world);
    assert_int_equal(opened.count, 6);
    assert_true(result.is_unchanged);
    start_counting(&world, &opened);
    ws_save(&world);
    assert_int_equal(opened.count, 0);
    fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
    ws_world_close(&world);
}

static uint64_t
count_keys(struct ws_world *world)
{
    struct firn_db_keyspace *keyspace;
    struct firn_db_cursor *cursor;
    struct firn_db *db = open_store(world, &keyspace);
    uint64_t count = 0;
    must(world, fi_db_cursor_open(keyspace, NULL, &cursor, &world->err));
    must(world, fi_db_cursor_first(cursor, &world->err));
    for (; fi_db_cursor_valid(cursor); must(world, fi_db_cursor_next(cursor, &world->err))) {
        count++;
    }
    fi_db_cursor_close(cursor);
    must(world, fi_db_close(db, &world->err));
    return count;
}

static void
directories_that_go_leave_nothing_in_the_cache(void **state)
{
    struct ws_world world;
    open_counted(&world);
    ws_save(&world);
    assert_int_equal(count_keys(&world), 4); /* the root, d, d/e, f */
    scan_rename(&world.tree, "d", "renamed");
    ws_save(&world);
    assert_int_equal(count_keys(&world), 4);
    scan_remove_tree(&world.tree, "renamed");
    ws_save(&world);
    assert_int_equal(count_keys(&world), 2);
    scan_remove_tree(&world.tree, "f");
    scan_put_text(&world.tree, "f", "a file of this name");
    ws_save(&world);
    assert_int_equal(count_keys(&world), 1);
    ws_world_close(&world);
}

/* ---- links ---- */

static void
names_of_one_inode_agree_whatever_is_known_of_them(void **state)
{
    struct ws_world world;
    struct opened opened;
    open_counted(&world);
    ws_save(&world);
    /* Known in f, unknown where a directory was moved to. */
    scan_put_link(&world.tree, "d/e/third.txt", "a.txt");
    save_and_compare(&world);
    scan_rename(&world.tree, "d", "moved");
    start_counting(&world, &opened);
    ws_save(&world);
    assert_true(opened.count > 0);
    save_and_compare(&world);
    /* The first name goes: the next one holds the content. */
    scan_remove_file(&world.tree, "a.txt");
    save_and_compare(&world);
    scan_put_text(&world.tree, "f/same.txt", "through another name");
    save_and_compare(&world);
    start_counting(&world, &opened);
    ws_save(&world);
    assert_int_equal(opened.count, 0);
    fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
change_inode(void *ctx, const struct fi_sim_fault_call *call)
{
    struct ws_world *world = ctx;
    if (strcmp(call->operation, "stat") == 0 && call->name != NULL &&
        strcmp(call->name, "same.txt") == 0) {
        scan_put_text(&world->tree, "a.txt", "changed between two looks");
    }
}

static void
an_inode_that_changes_between_two_of_its_names_is_saved_in_one_state(void **state)
{
    struct ws_world world;
    open_counted(&world);
    ws_save(&world);
    fi_sim_fault_set_hook(world.tree.outer, change_inode, &world);
    firn_workspace_save_result result = ws_save(&world);
    fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
    assert_int_equal(result.changed, 2); /* both names */
    ws_assert_check_clean(&world);
    save_and_compare(&world);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_once_until_it_changes),
        cmocka_unit_test(status_and_the_safety_of_a_restore_read_what_has_changed),
        cmocka_unit_test(a_save_after_a_restore_reads_no_file),
        cmocka_unit_test(status_against_an_older_checkpoint_finds_the_directories_of_between),
        cmocka_unit_test(a_full_save_reads_everything),
        cmocka_unit_test(a_file_that_keeps_whole_seconds_is_read_until_two_have_passed),
        cmocka_unit_test(a_clock_that_was_set_back_makes_everything_be_read),
        cmocka_unit_test(after_a_start_of_the_machine_what_was_young_is_read_once_more),
        cmocka_unit_test(attributes_that_could_not_be_read_are_asked_for_again),
        cmocka_unit_test(no_checkpoint_is_made_of_the_tree_of_the_last),
        cmocka_unit_test(a_wrong_cache_is_told_and_everything_is_read_instead),
        cmocka_unit_test(with_a_pack_missing_everything_is_read_and_stored_again),
        cmocka_unit_test(a_lost_cache_is_made_again),
        cmocka_unit_test(directories_that_go_leave_nothing_in_the_cache),
        cmocka_unit_test(names_of_one_inode_agree_whatever_is_known_of_them),
        cmocka_unit_test(an_inode_that_changes_between_two_of_its_names_is_saved_in_one_state),
    };
    return cmocka_run_group_tests_name("ws_incremental", tests, NULL, NULL);
}
