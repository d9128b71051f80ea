/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/operations: saving and restoring whole trees, in memory and on a real disk.
 */
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/workspace/ws_support.h"

/* Runs a behaviour in memory and on the disk. */
static void
on_both(void (*behaviour)(struct ws_world *world))
{
    struct ws_world world;
    ws_world_open_memory(&world, 1);
    behaviour(&world);
    ws_world_close(&world);
    ws_world_open_disk(&world);
    behaviour(&world);
    ws_world_close(&world);
}

static void
put_every_kind(struct scan_world *tree)
{
    const uint64_t offsets[] = {4096 * 5, 4096 * 100};
    scan_put_text(tree, "a.txt", "hello");
    scan_put_text(tree, "empty", "");
    scan_put_text(tree, "dir/sub/deep.c", "int main;");
    scan_put_dir(tree, "empty-dir/inner");
    scan_put_symlink(tree, "link", "a.txt");
    scan_put_symlink(tree, "dir/dangling", "../../nowhere");
    scan_put_link(tree, "z-name", "dir/sub/deep.c");
    scan_put_link(tree, "dir/b-name", "dir/sub/deep.c");
    scan_put_sparse(tree, "sparse", 1 << 20, offsets, 2);
    scan_put_random(tree, "random", 7, 70000);
    scan_put_random(tree, "large", 8, (9 << 20) + 17);
    scan_put_text(tree, "-rf", "x");
    scan_put_text(tree, "new\nline", "x");
    scan_put_text(tree, "\xff", "one");
    scan_put_text(tree, "\xfe", "two");
    scan_put_text(tree, "dir\xc3(/in", "three");
    scan_set_mode(tree, "a.txt", 0755);
    scan_set_mode(tree, "random", 0400);
    scan_set_mode(tree, "dir/sub", 0700);
    scan_set_mtime(tree, "a.txt", INT64_C(978307200123456789));
    scan_set_xattr(tree, "a.txt", "user.colour", "blue");
    scan_set_xattr(tree, "empty-dir", "user.x", "");
}

static void
everything_comes_back(struct ws_world *world)
{
    struct scan_world *tree = &world->tree;
    put_every_kind(tree);
    char *saved = ws_dump(world);
    firn_workspace_save_result first = ws_save(world);
    assert_int_equal(first.checkpoint->number, 1);
    assert_int_equal(first.checkpoint->skipped, 0);

    scan_put_text(tree, "a.txt", "changed");
    scan_remove_tree(tree, "dir");
    scan_remove_file(tree, "sparse");
    scan_put_text(tree, "sparse", "dense now");
    scan_put_text(tree, "new/file", "new");
    scan_remove_file(tree, "link");
    scan_put_symlink(tree, "link", "elsewhere");
    scan_remove_tree(tree, "empty-dir");
    char *edited = ws_dump(world);
    assert_string_not_equal(saved, edited);
    ws_restore(world, "1");
    ws_assert_dump(world, saved);

    firn_workspace_restore_result undone;
    assert_int_equal(ws_try_undo(world, &undone), FIRN_OK);
    ws_assert_dump(world, edited);
    assert_int_equal(ws_try_undo(world, &undone), FIRN_OK);
    ws_assert_dump(world, saved);

    firn_workspace_restore_result again = ws_restore(world, "latest");
    assert_int_equal(again.added + again.changed + again.removed, 0);
    assert_string_equal(again.safety_id, "");
    ws_assert_check_clean(world);
    free(saved);
    free(edited);
}

static void
every_kind_of_entry_comes_back(void **state)
{
    on_both(everything_comes_back);
}

static void
counts_tell(struct ws_world *world)
{
    struct scan_world *tree = &world->tree;
    scan_put_text(tree, "a.txt", "hello");
    scan_put_text(tree, "src/m.c", "int main;");
    firn_workspace_save_result saved = ws_save(world);
    assert_int_equal(saved.checkpoint->files, 2);
    assert_int_equal(saved.checkpoint->new_objects, 2);
    assert_int_equal(saved.checkpoint->bytes, 14);
    assert_int_equal(saved.added, 2);
    firn_workspace_save_result same = ws_save(world);
    assert_true(same.is_unchanged);
    assert_int_equal(same.previous, 1);
    assert_int_equal(same.checkpoint->new_objects, 0);

    scan_put_text(tree, "a.txt", "hello, world");
    scan_remove_file(tree, "src/m.c");
    scan_put_text(tree, "n.txt", "n");
    firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result status;
    assert_int_equal(fi_ws_status(world->ws, &options, NULL, NULL, &status, &world->err), FIRN_OK);
    assert_int_equal(status.added, 1);
    assert_int_equal(status.changed, 1);
    assert_int_equal(status.removed, 1);
    assert_int_equal(status.unchanged, 0);
    firn_workspace_restore_result restored = ws_restore(world, "latest");
    assert_int_equal(restored.added, 1);
    assert_int_equal(restored.changed, 1);
    assert_int_equal(restored.removed, 1);
    assert_int_equal(restored.unchanged, 0);
}

static void
counts_say_what_happened(void **state)
{
    on_both(counts_tell);
}

static void
an_empty_workspace_is_a_state_like_others(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 2);
    ws_save(&world);
    scan_put_text(&world.tree, "f", "f");
    firn_workspace_restore_result result = ws_restore(&world, "latest");
    assert_int_equal(result.added, 0);
    assert_int_equal(result.removed, 1);
    assert_false(test_file_exists(world.tree.root, "f"));
    ws_world_close(&world);
}

/* The machine in memory counts every call that changes something: there must be none. */
static void
looking_changes_nothing(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 3);
    firn_workspace_list_options list = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    uint64_t calls = fi_sim_memory_calls(world.tree.os);
    assert_int_equal(fi_ws_list(world.ws, &list, NULL, NULL, &world.err), FIRN_OK);
    firn_workspace_checkpoint *checkpoint;
    assert_int_equal(fi_ws_find(world.ws, "latest", &checkpoint, &world.err), FIRN_NOT_FOUND);
    assert_int_equal(ws_try_check(&world, NULL), FIRN_NOT_FOUND);
    assert_int_equal(fi_sim_memory_calls(world.tree.os), calls);

    put_every_kind(&world.tree);
    ws_save(&world);
    scan_put_text(&world.tree, "a.txt", "changed");
    scan_remove_tree(&world.tree, "dir");
    calls = fi_sim_memory_calls(world.tree.os);
    firn_workspace_restore_options dry = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    dry.dry_run = true;
    firn_workspace_restore_result result;
    assert_int_equal(fi_ws_restore(world.ws, "1", &dry, &result, &world.err), FIRN_OK);
    assert_int_equal(result.changed,
                     2); /* a.txt, and z-name, which was another name of a removed one */
    firn_workspace_status_options status = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result found;
    assert_int_equal(fi_ws_status(world.ws, &status, NULL, NULL, &found, &world.err), FIRN_OK);
    assert_int_equal(ws_try_check(&world, NULL), FIRN_OK);
    assert_int_equal(fi_ws_find(world.ws, "latest", &checkpoint, &world.err), FIRN_OK);
    assert_int_equal(fi_sim_memory_calls(world.tree.os), calls);
    ws_world_close(&world);
}

/* Two names of one file; the first one is gone, so nothing is to be done for the second one. */
static void
a_dry_run_of_a_path_counts_as_the_restore_does(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 4);
    scan_put_text(&world.tree, "first", "text");
    scan_put_link(&world.tree, "second", "first");
    ws_save(&world);
    scan_remove_file(&world.tree, "first");
    const firn_slice path = firn_str("second");
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    options.paths = &path;
    options.path_count = 1;
    for (int is_dry = 1; is_dry >= 0; is_dry--) {
        firn_workspace_restore_result result;
        options.dry_run = is_dry;
        assert_int_equal(fi_ws_restore(world.ws, "1", &options, &result, &world.err), FIRN_OK);
        assert_int_equal(result.added + result.changed + result.removed, 0);
        assert_int_equal(result.unchanged, 1);
    }
    ws_world_close(&world);
}

/* Every kind of entry under one name, turned into every other. */
static void
flip_types(struct ws_world *world)
{
    struct scan_world *tree = &world->tree;
    enum { KINDS = 5 };
    char reference[KINDS][16];
    char *dumps[KINDS];
    for (int kind = 0; kind < KINDS; kind++) {
        if (kind > 0) {
            scan_remove_tree(tree, "top");
        }
        scan_put_dir(tree, "top");
        scan_put_text(tree, "top/stays", "stays");
        switch (kind) {
        case 0:
            scan_put_text(tree, "top/x", "a file");
            break;
        case 1:
            scan_put_text(tree, "top/x/in/a", "in a directory");
            scan_put_symlink(tree, "top/x/in/l", "a");
            break;
        case 2:
            scan_put_symlink(tree, "top/x", "stays");
            break;
        case 3:
            scan_put_dir(tree, "top/x");
            break;
        default:
            break; /* nothing there */
        }
        dumps[kind] = ws_dump(world);
        firn_workspace_save_result saved = ws_save(world);
        snprintf(reference[kind], sizeof reference[kind], "%u", (unsigned)saved.checkpoint->number);
    }
    for (int from = 0; from < KINDS; from++) {
        for (int to = 0; to < KINDS; to++) {
            ws_restore(world, reference[from]);
            ws_assert_dump(world, dumps[from]);
            ws_restore(world, reference[to]);
            ws_assert_dump(world, dumps[to]);
        }
    }
    for (int kind = 0; kind < KINDS; kind++) {
        free(dumps[kind]);
    }
}

static void
types_change_in_every_direction(void **state)
{
    on_both(flip_types);
}

static void
restore_elsewhere(struct ws_world *world)
{
    put_every_kind(&world->tree);
    char *saved = ws_dump(world);
    ws_save(world);
    scan_put_text(&world->tree, "a.txt", "changed");
    char *edited = ws_dump(world);

    char target[1100];
    snprintf(target, sizeof target, "%s.elsewhere", world->root_path);
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.to_dir = target;
    assert_int_equal(fi_ws_restore(world->ws, "1", &options, &result, &world->err), FIRN_OK);
    assert_int_equal(result.added, result.checkpoint->files);
    ws_assert_dump(world, edited);
    struct scan_world other = {.os = world->tree.os};
    assert_int_equal(fi_os_dir_open_path(other.os, target, &other.root, &world->err), FIRN_OK);
    char *found = scan_dump_real(&other, true);
    assert_string_equal(found, saved);
    assert_int_equal(fi_ws_restore(world->ws, "1", &options, &result, &world->err), FIRN_EXISTS);
    free(found);
    free(saved);
    free(edited);
    if (world->tree.temp_path != NULL) {
        other.temp_path = strdup(target);
        scan_world_close(&other);
    } else {
        fi_os_dir_close(other.root);
    }
}

static void
another_directory_gets_the_same_tree(void **state)
{
    on_both(restore_elsewhere);
}

static int
restore_paths(struct ws_world *world, const char *const *paths, size_t count,
              firn_workspace_restore_result *result)
{
    firn_slice slices[8];
    for (size_t i = 0; i < count; i++) {
        slices[i] = firn_str(paths[i]);
    }
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    options.paths = slices;
    options.path_count = count;
    return fi_ws_restore(world->ws, "1", &options, result, &world->err);
}

static void
only_the_paths_that_were_asked_for_change(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 4);
    scan_put_text(&world.tree, "one/a", "a");
    scan_put_text(&world.tree, "one/b", "b");
    scan_put_text(&world.tree, "two/c/d", "d");
    scan_put_text(&world.tree, "three", "3");
    ws_save(&world);
    scan_put_text(&world.tree, "one/a", "A");
    scan_put_text(&world.tree, "one/b", "B");
    scan_put_text(&world.tree, "one/new", "new");
    scan_remove_tree(&world.tree, "two");
    scan_put_text(&world.tree, "three", "III");

    firn_workspace_restore_result result;
    const char *some[] = {"one/a", "two/c/d"};
    assert_int_equal(restore_paths(&world, some, 2, &result), FIRN_OK);
    assert_int_equal(result.changed, 1);
    assert_int_equal(result.added, 1);
    assert_int_equal(result.removed, 0);
    struct fi_buf bytes = {0};
    test_file_read(world.tree.root, "three", &bytes);
    assert_true(bytes.size == 3);
    const char *dir[] = {"one/"};
    assert_int_equal(restore_paths(&world, dir, 1, &result), FIRN_OK);
    assert_int_equal(result.changed, 1);
    assert_int_equal(result.removed, 1);
    assert_int_equal(result.unchanged, 1);
    const char *missing[] = {"one/a", "no/such"};
    assert_int_equal(restore_paths(&world, missing, 2, &result), FIRN_NOT_FOUND);
    assert_non_null(strstr(world.err.text, "no/such"));
    const char *bad[] = {"../w/one", "/etc", "one//a", "."};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(restore_paths(&world, &bad[i], 1, &result), FIRN_INVALID);
    }
    fi_buf_deinit(&bytes);
    ws_world_close(&world);
}

static void
what_is_not_saved_is_never_replaced_or_removed(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 5);
    struct scan_world *tree = &world.tree;
    scan_put_text(tree, "pipe", "was a file");
    scan_put_text(tree, "thing", "was a file too");
    scan_put_text(tree, "keep", "k");
    ws_save(&world);
    scan_remove_file(tree, "pipe");
    scan_put_fifo(tree, "pipe");
    scan_put_text(tree, "keep", "edited");
    char *before = ws_dump(&world);
    firn_workspace_restore_result result = ws_restore(&world, "1");
    assert_int_equal(result.changed, 1);
    assert_int_equal(result.not_restored, 1);
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_NOT_RESTORED, "pipe"));
    struct fi_os_stat stat;
    assert_int_equal(fi_os_stat(tree->root, "pipe", &stat, NULL), FIRN_OK);
    assert_int_equal(stat.kind, FI_OS_FIFO);
    assert_int_equal(ws_try_undo(&world, NULL), FIRN_OK);
    ws_assert_dump(&world, before);
    free(before);
    scan_remove_file(tree, "pipe");

    /* A directory where a file was, with something in it that rules leave out. */
    scan_remove_file(tree, "thing");
    scan_put_text(tree, "thing/node_modules/m.js", "precious");
    scan_put_text(tree, "thing/x", "x");
    before = ws_dump(&world);
    result = ws_restore(&world, "1");
    assert_int_equal(result.left_alone, 1);
    assert_int_equal(result.not_restored, 0);
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_LEFT_ALONE, "thing"));
    assert_int_equal(ws_try_undo(&world, NULL), FIRN_OK);
    ws_assert_dump(&world, before);
    free(before);

    /* A directory that goes away keeps what was left out. */
    scan_rename(tree, "thing", "extra");
    result = ws_restore(&world, "1");
    assert_int_equal(result.removed, 1);
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_KEPT, "extra"));
    struct fi_os_dir *dir;
    assert_int_equal(fi_os_dir_open_beneath(tree->root, "extra/node_modules", &dir, NULL), FIRN_OK);
    assert_true(test_file_exists(dir, "m.js"));
    fi_os_dir_close(dir);
    ws_world_close(&world);
}

/* Breaks one byte in the middle of the only pack. */
static void
damage_pack(struct ws_world *world, size_t part, size_t parts)
{
    struct fi_os_dir *packs;
    char path[1100];
    snprintf(path, sizeof path, "%s/packs", world->store_path);
    assert_int_equal(fi_os_dir_open_path(world->tree.os, path, &packs, NULL), FIRN_OK);
    struct fi_buf bytes = {0};
    test_file_read(packs, "00000001.pack", &bytes);
    bytes.data[bytes.size * part / parts] ^= 0x10;
    test_file_write(packs, "00000001.pack", bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    fi_os_dir_close(packs);
}

static void
damage_is_found_before_anything_is_touched(void **state)
{
    enum { PARTS = 97 };
    unsigned refused = 0;
    for (size_t part = 0; part < PARTS; part++) {
        struct ws_world world;
        ws_world_open_memory(&world, 6);
        for (unsigned i = 0; i < 30; i++) {
            char name[16];
            snprintf(name, sizeof name, "f%u", i);
            scan_put_random(&world.tree, name, i, 5000);
        }
        char *saved = ws_dump(&world);
        ws_save(&world);
        for (unsigned i = 0; i < 30; i += 2) {
            char name[16];
            snprintf(name, sizeof name, "f%u", i);
            scan_put_text(&world.tree, name, "edited");
        }
        char *edited = ws_dump(&world);
        damage_pack(&world, part, PARTS);
        firn_workspace_restore_options dry = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
        dry.dry_run = true;
        firn_workspace_restore_result result;
        int dry_rc = fi_ws_restore(world.ws, "1", &dry, &result, &world.err);
        int rc = ws_try_restore(&world, "1", NULL);
        if (rc == FIRN_OK) {
            ws_assert_dump(&world, saved);
        } else {
            assert_int_equal(rc, FIRN_CORRUPT);
            assert_int_equal(dry_rc, FIRN_CORRUPT);
            ws_assert_dump(&world, edited);
            refused++;
        }
        assert_int_equal(ws_try_check(&world, NULL), FIRN_CORRUPT);
        free(saved);
        free(edited);
        ws_world_close(&world);
    }
    assert_true(refused > PARTS / 2);
}

static void
a_full_disk_leaves_the_tree_and_gives_space_back(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 7);
    scan_put_random(&world.tree, "a", 1, 300000);
    scan_put_random(&world.tree, "b/c", 2, 300000);
    ws_save(&world);
    char *saved = ws_dump(&world);
    scan_put_text(&world.tree, "a", "edited");
    scan_remove_tree(&world.tree, "b");
    char *edited = ws_dump(&world);
    fi_sim_memory_set_space(world.tree.os, 1000000);
    int rc = ws_try_restore(&world, "1", NULL);
    assert_int_equal(rc, FIRN_NO_SPACE);
    ws_assert_dump(&world, edited);
    fi_sim_memory_set_space(world.tree.os, UINT64_MAX);
    ws_restore(&world, "1");
    ws_assert_dump(&world, saved);

    /* Save: no checkpoint, no pack left. */
    scan_put_random(&world.tree, "new", 3, 2000000);
    char path[1100];
    snprintf(path, sizeof path, "%s/packs", world.store_path);
    struct fi_os_dir *packs;
    assert_int_equal(fi_os_dir_open_path(world.tree.os, path, &packs, NULL), FIRN_OK);
    size_t packs_before = test_file_count(packs);
    fi_sim_memory_set_space(world.tree.os, 3700000);
    assert_int_equal(ws_try_save(&world, NULL), FIRN_NO_SPACE);
    assert_int_equal(test_file_count(packs), packs_before);
    fi_os_dir_close(packs);
    firn_workspace_checkpoint *latest;
    assert_int_equal(fi_ws_find(world.ws, "latest", &latest, &world.err), FIRN_OK);
    assert_int_equal(latest->number, 1);
    fi_sim_memory_set_space(world.tree.os, UINT64_MAX);
    assert_int_equal(ws_save(&world).checkpoint->number, 2);
    ws_assert_check_clean(&world);
    free(saved);
    free(edited);
    ws_world_close(&world);
}

static void
references_name_one_checkpoint_or_none(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 8);
    scan_put_text(&world.tree, "a", "1");
    firn_workspace_save_result first = ws_save(&world);
    firn_workspace_checkpoint *found;
    const char *bad[] = {"",  "%",  "_",        "*",      "../x", "latest ", "-1",
                         "0", "1~", "latest~~", "Latest", "1x",   " 1",      "now~1"};
    const char *unused[] = {
        "2",          "kk",         "klmnopa",       "latest~1",           "1~1",
        "1970-01-01", "1 year ago", "100 years ago", "999999999 weeks ago"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(fi_ws_find(world.ws, bad[i], &found, &world.err), FIRN_INVALID);
    }
    for (size_t i = 0; i < sizeof unused / sizeof unused[0]; i++) {
        assert_int_equal(fi_ws_find(world.ws, unused[i], &found, &world.err), FIRN_NOT_FOUND);
    }
    char longest[301];
    memset(longest, 'k', 300);
    longest[300] = '\0';
    assert_int_equal(fi_ws_find(world.ws, longest, &found, &world.err), FIRN_INVALID);
    char prefix[FIRN_CHECKPOINT_ID_SIZE];
    for (size_t size = 4; size < FIRN_CHECKPOINT_ID_SIZE; size++) {
        memcpy(prefix, first.checkpoint->id, size);
        prefix[size] = '\0';
        assert_int_equal(fi_ws_find(world.ws, prefix, &found, &world.err), FIRN_OK);
        assert_int_equal(found->number, 1);
        for (size_t i = 0; i < size; i++) {
            prefix[i] = (char)(prefix[i] - 'a' + 'A');
        }
        assert_int_equal(fi_ws_find(world.ws, prefix, &found, &world.err), FIRN_OK);
    }
    ws_world_close(&world);
}

/* Clocks are set back, and stores hold what was saved elsewhere. */
static void
a_time_is_compared_with_times_and_not_with_the_order_of_saving(void **state)
{
    static const int64_t day_ns = INT64_C(86400) * 1000000000;
    static const int64_t start_ns =
        INT64_C(1800000000) / 86400 * 86400 * 1000000000; /* 2027-01-15 */
    static const int64_t days[] = {1, 3, 0, 2};
    static const struct {
        const char *reference;
        uint64_t number;
    } expected[] = {{"2027-01-15", 3}, {"2027-01-16", 1}, {"2027-01-17", 4}, {"2027-01-18", 2},
                    {"now", 2},        {"1 day ago", 2},  {"3 days ago", 4}, {"latest", 4}};
    struct ws_world world;
    firn_workspace_checkpoint *found;
    ws_world_open_memory(&world, 10);
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        char text[2] = {(char)('0' + i), '\0'};
        fi_sim_memory_set_time(world.tree.os, start_ns + days[i] * day_ns);
        scan_put_text(&world.tree, "a", text);
        assert_int_equal(ws_save(&world).checkpoint->number, i + 1);
    }
    fi_sim_memory_set_time(world.tree.os, start_ns + 5 * day_ns + day_ns / 2);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_int_equal(fi_ws_find(world.ws, expected[i].reference, &found, &world.err), FIRN_OK);
        assert_int_equal(found->number, expected[i].number);
    }
    assert_int_equal(fi_ws_find(world.ws, "2027-01-14", &found, &world.err), FIRN_NOT_FOUND);
    ws_world_close(&world);
}

static void
the_store_is_never_saved_into_itself(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 9);
    scan_put_text(&world.tree, "a", "1");
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    struct firn_ws *ws;
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    options.store_path = "/w";
    assert_int_equal(fi_ws_open(world.tree.os, "/w", &options, &ws, &world.err), FIRN_OK);
    assert_int_equal(fi_ws_save(ws, &save, &result, &world.err), FIRN_INVALID);
    fi_ws_close(ws);
    assert_int_equal(test_file_count(world.tree.root), 1);

    options.store_path = "/w/.store";
    assert_int_equal(fi_ws_open(world.tree.os, "/w", &options, &ws, &world.err), FIRN_OK);
    for (unsigned i = 1; i <= 2; i++) {
        assert_int_equal(fi_ws_save(ws, &save, &result, &world.err), FIRN_OK);
        assert_int_equal(result.checkpoint->files, 1);
        assert_int_equal(result.checkpoint->excluded, 1);
    }
    fi_ws_close(ws);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_entry_comes_back),
        cmocka_unit_test(counts_say_what_happened),
        cmocka_unit_test(an_empty_workspace_is_a_state_like_others),
        cmocka_unit_test(looking_changes_nothing),
        cmocka_unit_test(a_dry_run_of_a_path_counts_as_the_restore_does),
        cmocka_unit_test(types_change_in_every_direction),
        cmocka_unit_test(another_directory_gets_the_same_tree),
        cmocka_unit_test(only_the_paths_that_were_asked_for_change),
        cmocka_unit_test(what_is_not_saved_is_never_replaced_or_removed),
        cmocka_unit_test(damage_is_found_before_anything_is_touched),
        cmocka_unit_test(a_full_disk_leaves_the_tree_and_gives_space_back),
        cmocka_unit_test(references_name_one_checkpoint_or_none),
        cmocka_unit_test(a_time_is_compared_with_times_and_not_with_the_order_of_saving),
        cmocka_unit_test(the_store_is_never_saved_into_itself),
    };
    return cmocka_run_group_tests_name("ws", tests, NULL, NULL);
}
