/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/place: what is read of a git repository around a workspace, sound or not.
 */
#include "place/place.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/workspace/ws_support.h"

#define HASH "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
#define OTHER "9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c"
#define LONG_HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void
assert_git(struct scan_world *tree, const char *path, const char *branch, const char *commit)
{
    char root[4096];
    firn_workspace_git git;
    (void)snprintf(root, sizeof root, "%s%s%s", tree->temp_path, path[0] != '\0' ? "/" : "", path);
    memset(&git, 'x', sizeof git);
    fi_place_git_read(tree->os, root, &git);
    assert_string_equal(git.branch, branch);
    assert_string_equal(git.commit, commit);
}

static void
the_branch_and_its_commit_are_read(void **state)
{
    struct scan_world tree;
    scan_world_open_disk(&tree);
    assert_git(&tree, "", "", "");
    scan_put_text(&tree, ".git/HEAD", "ref: refs/heads/main\n");
    assert_git(&tree, "", "main", ""); /* nothing is committed yet */
    scan_put_text(&tree, ".git/refs/heads/main", HASH "\n");
    assert_git(&tree, "", "main", HASH);
    scan_put_dir(&tree, "below");
    scan_put_dir(&tree, "below/that");
    assert_git(&tree, "below/that", "main", HASH);
    scan_put_text(&tree, ".git/HEAD", OTHER "\n");
    assert_git(&tree, "", "", OTHER);
    scan_put_text(&tree, ".git/HEAD", LONG_HASH);
    assert_git(&tree, "", "", LONG_HASH);
    scan_put_text(&tree, ".git/HEAD", "ref: refs/heads/a/b/c-\xc3\xbc\n");
    scan_put_text(&tree, ".git/refs/heads/a/b/c-\xc3\xbc", LONG_HASH "\n");
    assert_git(&tree, "", "a/b/c-\xc3\xbc", LONG_HASH);
    scan_put_text(&tree, ".git/HEAD", "ref: refs/remotes/origin/main\n");
    assert_git(&tree, "", "remotes/origin/main", "");
    scan_world_close(&tree);
}

static void
packed_references_are_read_and_loose_ones_come_first(void **state)
{
    struct scan_world tree;
    scan_world_open_disk(&tree);
    scan_put_text(&tree, ".git/HEAD", "ref: refs/heads/main\n");
    scan_put_text(&tree, ".git/packed-refs",
                  "# pack-refs with: peeled fully-peeled sorted \n" OTHER
                  " refs/heads/domain\n" OTHER " refs/heads/main2\n" OTHER " x refs/heads/main\n"
                  "g" HASH " refs/heads/main\n" HASH " refs/heads/main\n^" OTHER "\n" OTHER
                  " refs/tags/v1\n");
    assert_git(&tree, "", "main", HASH);
    scan_put_text(&tree, ".git/packed-refs", OTHER " refs/heads/main");
    assert_git(&tree, "", "main", OTHER);
    scan_put_text(&tree, ".git/refs/heads/main", HASH "\n");
    assert_git(&tree, "", "main", HASH);
    scan_put_text(&tree, ".git/refs/heads/main", "damaged\n");
    assert_git(&tree, "", "main", "");
    scan_world_close(&tree);
}

static void
worktrees_and_submodules_name_their_repository(void **state)
{
    struct scan_world tree;
    char text[4200];
    scan_world_open_disk(&tree);
    scan_put_text(&tree, "main/.git/HEAD", "ref: refs/heads/main\n");
    scan_put_text(&tree, "main/.git/refs/heads/main", HASH "\n");
    scan_put_text(&tree, "main/.git/refs/heads/fix", OTHER "\n");
    scan_put_text(&tree, "main/.git/worktrees/fix/HEAD", "ref: refs/heads/fix\n");
    scan_put_text(&tree, "main/.git/worktrees/fix/commondir", "../..\n");
    (void)snprintf(text, sizeof text, "gitdir: %s/main/.git/worktrees/fix\n", tree.temp_path);
    scan_put_text(&tree, "fix/.git", text);
    assert_git(&tree, "fix", "fix", OTHER);
    scan_put_text(&tree, "main/.git/modules/part/HEAD", HASH "\n");
    scan_put_text(&tree, "main/part/.git", "gitdir: ../.git/modules/part\n");
    assert_git(&tree, "main/part", "", HASH);
    /* A repository that is not there, or is none: the next one above. */
    scan_put_text(&tree, "main/part/.git", "gitdir: ../.git/modules/gone\n");
    assert_git(&tree, "main/part", "main", HASH);
    scan_put_text(&tree, "main/part/.git", "something else\n");
    assert_git(&tree, "main/part", "main", HASH);
    scan_put_text(&tree, "main/other/.git/config", "");
    assert_git(&tree, "main/other", "main", HASH);
    /* Files that name each other. */
    scan_put_text(&tree, "x/.git", "gitdir: ../y/.git\n");
    scan_put_text(&tree, "y/.git", "gitdir: ../x/.git\n");
    assert_git(&tree, "x", "", "");
    scan_world_close(&tree);
}

static void
what_is_damaged_or_hostile_counts_as_missing(void **state)
{
    static const char *const heads[] = {"",
                                        "\n",
                                        "ref: ",
                                        "ref: refs/",
                                        "ref: refs/heads/",
                                        "ref: refs/heads/.invalid",
                                        "ref: refs/heads/../../../secret",
                                        "ref: refs/heads//main",
                                        "ref: /etc/passwd",
                                        "ref: ../secret",
                                        "ref: HEAD",
                                        "ref: refs/heads/a b",
                                        "ref: refs/heads/a\x1b[31m",
                                        "ref: refs/heads/a\nb",
                                        "ref: refs/heads/a\x7f",
                                        "ref: refs/heads/a\\b",
                                        "ref: refs/heads/*",
                                        "ref:refs/heads/main",
                                        "refs/heads/main",
                                        "1a2b3c4",
                                        HASH "0",
                                        "1A2B3C4D5E6F708192A3B4C5D6E7F8091A2B3C4D"};
    struct scan_world tree;
    char text[8192];
    scan_world_open_disk(&tree);
    scan_put_text(&tree, "secret", HASH);
    scan_put_text(&tree, ".git/refs/heads/main", HASH);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        scan_put_text(&tree, ".git/HEAD", heads[i]);
        assert_git(&tree, "", "", "");
    }
    scan_put_file(&tree, ".git/HEAD", "ref: refs/heads/main\0x", 22);
    assert_git(&tree, "", "", "");
    memset(text, 'a', sizeof text);
    memcpy(text, "ref: refs/heads/", 16);
    scan_put_file(&tree, ".git/HEAD", text, sizeof text);
    assert_git(&tree, "", "", "");
    scan_put_file(&tree, ".git/HEAD", text, 5 + 255); /* the longest name */
    text[5 + 255] = '\0';
    assert_git(&tree, "", text + 16, "");
    scan_put_file(&tree, ".git/HEAD", text, 5 + 256);
    assert_git(&tree, "", "", "");
    /* Neither links nor fifos are opened, and neither is a reference that is a directory. */
    scan_remove_file(&tree, ".git/HEAD");
    scan_put_symlink(&tree, ".git/HEAD", "refs/heads/main");
    assert_git(&tree, "", "", "");
    scan_remove_file(&tree, ".git/HEAD");
    scan_put_fifo(&tree, ".git/HEAD");
    assert_git(&tree, "", "", "");
    scan_remove_file(&tree, ".git/HEAD");
    scan_put_text(&tree, ".git/HEAD", "ref: refs/heads/link");
    scan_put_symlink(&tree, ".git/refs/heads/link", "main");
    assert_git(&tree, "", "link", "");
    scan_put_text(&tree, ".git/HEAD", "ref: refs/heads");
    assert_git(&tree, "", "heads", "");
    scan_put_text(&tree, ".git/HEAD", "ref: refs/heads/fifo");
    scan_put_fifo(&tree, ".git/refs/heads/fifo");
    assert_git(&tree, "", "fifo", "");
    scan_put_sparse(&tree, ".git/packed-refs", UINT64_C(1) << 40, NULL, 0);
    assert_git(&tree, "", "fifo", "");
    scan_world_close(&tree);
}

/* Whatever fails: what was read of the repository is right, or missing. */
static void
a_failure_only_loses_what_could_not_be_read(void **state)
{
    struct scan_world tree;
    char root[4096];
    scan_world_open_disk(&tree);
    scan_put_text(&tree, "a/.git/HEAD", "ref: refs/heads/main\n");
    scan_put_text(&tree, "a/.git/commondir", ".\n");
    scan_put_text(&tree, "a/.git/packed-refs", HASH " refs/heads/main\n");
    scan_put_dir(&tree, "a/b");
    (void)snprintf(root, sizeof root, "%s/a/b", tree.temp_path);
    test_alloc_install();
    struct test_fault fault = {.limit = 1000};
    while (test_fault_next(&fault)) {
        firn_workspace_git git;
        test_fault_allocation(&fault);
        fi_place_git_read(tree.os, root, &git);
        test_fault_end(&fault);
        assert_int_equal(test_alloc_alive(), 0);
        assert_true(git.branch[0] == '\0' || strcmp(git.branch, "main") == 0);
        assert_true(git.commit[0] == '\0' || strcmp(git.commit, HASH) == 0);
        assert_true(fault.was_hit || git.commit[0] != '\0');
    }
    test_alloc_uninstall();
    scan_world_close(&tree);
}

/* ---- the index ---- */

struct index {
    uint8_t bytes[8192];
    size_t size;
    uint32_t version;
    size_t hash_size;
    const char *last;
};

static void
put_u32(struct index *index, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        index->bytes[index->size++] = (uint8_t)(value >> shift);
    }
}

static void
begin_index(struct index *index, uint32_t version, size_t hash_size, uint32_t count)
{
    *index = (struct index){.version = version, .hash_size = hash_size, .last = ""};
    memcpy(index->bytes, "DIRC", 4);
    index->size = 4;
    put_u32(index, version);
    put_u32(index, count);
}

static void
put_entry(struct index *index, const char *path, bool is_extended)
{
    size_t begin = index->size;
    size_t size = strlen(path);
    size_t common = 0;
    memset(index->bytes + begin, 0xA5, 40 + index->hash_size);
    index->size += 40 + index->hash_size;
    size_t flags = (size < 0xFFF ? size : 0xFFF) | (is_extended ? 0x4000 : 0);
    index->bytes[index->size++] = (uint8_t)(flags >> 8);
    index->bytes[index->size++] = (uint8_t)flags;
    index->size += is_extended ? 2 : 0;
    if (index->version == 4) {
        while (index->last[common] != '\0' && index->last[common] == path[common]) {
            common++;
        }
        size_t drop = strlen(index->last) - common;
        if (drop >= 128) {
            index->bytes[index->size++] = (uint8_t)(0x80 | (((drop >> 7) - 1) & 0x7F));
        }
        index->bytes[index->size++] = drop & 0x7F;
    }
    memcpy(index->bytes + index->size, path + common, size - common + 1);
    index->size += size - common + 1;
    while (index->version < 4 && (index->size - begin) % 8 != 0) {
        index->size++;
    }
    index->last = path;
}

static bool
tracks(struct scan_world *tree, const char *path)
{
    char root[4096];
    (void)snprintf(root, sizeof root, "%s%s%s", tree->temp_path, path[0] != '\0' ? "/" : "", path);
    return fi_place_git_tracks(tree->os, root, ".firn");
}

static void
put_index(struct scan_world *tree, const struct index *index)
{
    scan_put_text(tree, ".git/HEAD", "ref: refs/heads/main\n");
    scan_put_dir(tree, "sub");
    scan_put_file(tree, ".git/index", index->bytes, index->size);
}

static void
a_tracked_store_is_found_in_every_version_of_the_index(void **state)
{
    struct scan_world tree;
    struct index index;
    char path[300];
    scan_world_open_disk(&tree);
    assert_false(tracks(&tree, ""));
    memset(path, 'l', sizeof path);
    memcpy(path, "a/", 2);
    path[sizeof path - 1] = '\0';
    for (uint32_t version = 2; version <= 4; version++) {
        for (size_t hash_size = 20; hash_size <= 32; hash_size += 12) {
            begin_index(&index, version, hash_size, 5);
            put_entry(&index, ".firn/FIRN", false);
            put_entry(&index, path, version > 2);
            put_entry(&index, "sub/.firm", false);
            put_entry(&index, "sub/.firn/packs/1", false);
            put_entry(&index, "z", false);
            put_index(&tree, &index);
            assert_true(tracks(&tree, ""));
            assert_true(tracks(&tree, "sub"));
            assert_false(tracks(&tree, "a"));
            begin_index(&index, version, hash_size, 4);
            put_entry(&index, ".firn", false); /* a file, or a submodule */
            put_entry(&index, ".firn-old/x", false);
            put_entry(&index, "sub/.firn", false);
            put_entry(&index, "suc/.firn/x", false);
            put_index(&tree, &index);
            assert_false(tracks(&tree, ""));
            assert_false(tracks(&tree, "sub"));
        }
    }
    scan_world_close(&tree);
}

static void
a_damaged_index_tracks_nothing(void **state)
{
    struct scan_world tree;
    struct index index;
    scan_world_open_disk(&tree);
    for (uint32_t version = 2; version <= 4; version++) {
        begin_index(&index, version, 20, 3);
        put_entry(&index, ".a", false);
        put_entry(&index, ".firn/FIRN", version > 2);
        put_entry(&index, ".firn/packs", false);
        const struct index sound = index;
        for (size_t size = 0; size < sound.size; size++) { /* cut anywhere */
            index.size = size;
            put_index(&tree, &index);
            size_t first = version == 4 ? 12 + 40 + 20 + 2 + 1 + 3 : 12 + 72;
            bool has_first = size > first + 40 + 20 + 2 + sizeof ".firn/FIRN";
            assert_true(has_first || !tracks(&tree, ""));
        }
        for (size_t at = 0; at < 12; at++) { /* the head */
            index = sound;
            index.bytes[at] ^= 0x40;
            put_index(&tree, &index);
            assert_true(at >= 8 || !tracks(&tree, ""));
        }
        index = sound;
        index.bytes[12 + 40 + 20 + 1]++; /* the size of the first path */
        put_index(&tree, &index);
        assert_false(tracks(&tree, ""));
        index = sound;
        index.bytes[12 + 40 + 20 + 2 + (version == 4 ? 0 : 3)] =
            0x81; /* more to drop than there is; padding */
        put_index(&tree, &index);
        assert_false(tracks(&tree, ""));
    }
    begin_index(&index, 2, 20, 1);
    put_entry(&index, ".firn/FIRN", true); /* version 2 has no more flags */
    put_index(&tree, &index);
    assert_false(tracks(&tree, ""));
    begin_index(&index, 4, 20, UINT32_MAX); /* more than there are */
    put_entry(&index, ".a", false);
    put_index(&tree, &index);
    assert_false(tracks(&tree, ""));
    scan_put_sparse(&tree, ".git/index", UINT64_C(1) << 40, NULL, 0);
    assert_false(tracks(&tree, ""));
    scan_remove_file(&tree, ".git/index");
    scan_put_symlink(&tree, ".git/index", "HEAD");
    assert_false(tracks(&tree, ""));
    scan_remove_file(&tree, ".git/index");
    scan_put_fifo(&tree, ".git/index");
    assert_false(tracks(&tree, ""));
    scan_world_close(&tree);
}

static void
a_checkpoint_knows_where_head_was(void **state)
{
    struct ws_world world;
    firn_workspace_save_result saved;
    firn_workspace_restore_result restored;
    firn_workspace_checkpoint *found;
    ws_world_open_memory(&world, 1);
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_restore_options restore = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    save.threads = 1;
    restore.threads = 1;
    scan_put_text(&world.tree, ".git/HEAD", "ref: refs/heads/main\n");
    scan_put_text(&world.tree, ".git/refs/heads/main", HASH "\n");
    scan_put_text(&world.tree, "file", "one");
    assert_int_equal(fi_ws_save(world.ws, &save, &saved, &world.err), FIRN_OK);
    assert_string_equal(saved.checkpoint->git.branch, "main");
    assert_string_equal(saved.checkpoint->git.commit, HASH);
    scan_put_text(&world.tree, ".git/HEAD", OTHER "\n");
    scan_put_text(&world.tree, "file", "two");
    assert_int_equal(fi_ws_restore(world.ws, "1", &restore, &restored, &world.err), FIRN_OK);
    assert_string_equal(restored.checkpoint->git.branch, "main");
    assert_string_equal(restored.checkpoint->git.commit, HASH);
    assert_string_equal(restored.git.branch, "");
    assert_string_equal(restored.git.commit, OTHER);
    assert_int_equal(fi_ws_find(world.ws, restored.safety_id, &found, &world.err), FIRN_OK);
    assert_string_equal(found->git.branch, "");
    assert_string_equal(found->git.commit, OTHER);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_branch_and_its_commit_are_read),
        cmocka_unit_test(packed_references_are_read_and_loose_ones_come_first),
        cmocka_unit_test(worktrees_and_submodules_name_their_repository),
        cmocka_unit_test(what_is_damaged_or_hostile_counts_as_missing),
        cmocka_unit_test(a_failure_only_loses_what_could_not_be_read),
        cmocka_unit_test(a_tracked_store_is_found_in_every_version_of_the_index),
        cmocka_unit_test(a_damaged_index_tracks_nothing),
        cmocka_unit_test(a_checkpoint_knows_where_head_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
