/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/operations: a store whose files were damaged: bytes flipped, files cut short or gone. A
 * restore gives the exact tree or an error and touches nothing; a check that finds nothing wrong
 * means that every checkpoint it has comes back. What is sound stays: neither a look nor a save
 * throws away a pack that the store has lost sight of.
 *
 * FIRN_TEST_LONG=1 flips every byte.
 */
#include "base/slice.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_support.h"

struct prepared {
    struct ws_world world;
    char *first;
    char *edited;
    struct ws_edit_list files; /* of the store */
};

static void
open_store(struct ws_world *world, struct scan_world *store)
{
    *store = (struct scan_world){.os = world->tree.os};
    assert_int_equal(fi_os_dir_open_path(store->os, "/s", &store->root, NULL), FIRN_OK);
}

static void
prepare(struct prepared *prepared)
{
    const uint64_t offsets[] = {8192};
    struct ws_world *world = &prepared->world;
    struct scan_world *tree = &world->tree;
    ws_world_open_memory(world, 41);
    scan_put_text(tree, "a", "first");
    scan_put_text(tree, "dir/b", "in a directory");
    scan_put_link(tree, "dir/c", "a");
    scan_put_random(tree, "dir/deep/random", 5, 3000);
    scan_put_symlink(tree, "link", "a");
    scan_put_sparse(tree, "sparse", 9 << 20, offsets, 1);
    scan_set_xattr(tree, "a", "user.k", "v");
    ws_save(world);
    prepared->first = ws_dump(world);
    scan_put_text(tree, "a", "second");
    scan_put_text(tree, "new", "new");
    ws_save(world);
    scan_put_text(tree, "newer", "newer");
    ws_save(world);
    scan_remove_tree(tree, "dir");
    scan_remove_file(tree, "sparse");
    prepared->edited = ws_dump(world);
    struct scan_world store;
    open_store(world, &store);
    ws_edit_list_fill(&prepared->files, &store);
    assert_true(prepared->files.count > 4);
    fi_os_dir_close(store.root);
}

static void
prepared_deinit(struct prepared *prepared)
{
    ws_edit_list_deinit(&prepared->files);
    free(prepared->first);
    free(prepared->edited);
    ws_world_close(&prepared->world);
}

/* The directory of a store's file and the file's name in it. */
static struct fi_os_dir *
open_dir_of(struct ws_world *world, const char *path, const char **out_name)
{
    struct fi_os_dir *dir;
    const char *slash = strrchr(path, '/');
    char dir_path[256];
    snprintf(dir_path, sizeof dir_path, "/s/%.*s", slash == NULL ? 0 : (int)(slash - path), path);
    assert_int_equal(fi_os_dir_open_path(world->tree.os, dir_path, &dir, NULL), FIRN_OK);
    *out_name = slash == NULL ? path : slash + 1;
    return dir;
}

static bool
is_log(const char *path)
{
    return strncmp(path, "wal", 3) == 0 || strncmp(path, "manifest", 8) == 0;
}

struct outcome {
    int restored;
    int checked;
};

/* Whatever is wrong with the store of a machine, this holds. */
static struct outcome
judge(struct prepared *prepared, struct ws_world *world, const char *what)
{
    struct outcome outcome;
    outcome.checked = ws_try_check(world, NULL);
    uint64_t told = world->notices.counts[FIRN_NOTICE_DAMAGED];
    if (outcome.checked != FIRN_OK && told == 0 && world->err.text[0] == '\0') {
        fail_msg("%s: a check failed and said nothing", what);
    }
    outcome.restored = ws_try_restore(world, "1", NULL);
    char *now = ws_dump(world);
    if (strcmp(now, outcome.restored == FIRN_OK ? prepared->first : prepared->edited) != 0) {
        fail_msg("%s: a restore gave %s and left a tree that is neither", what,
                 firn_code_name(outcome.restored));
    }
    free(now);
    /* Only a store that does not know the checkpoint any more may be clean and not give it. */
    if (outcome.checked == FIRN_OK && outcome.restored != FIRN_OK &&
        outcome.restored != FIRN_NOT_FOUND) {
        fail_msg("%s: a check found nothing, a restore gave %s: %s", what,
                 firn_code_name(outcome.restored), world->err.text);
    }
    return outcome;
}

static void
a_flipped_bit_is_found_or_does_no_harm(void **state)
{
    struct prepared prepared = {0};
    prepare(&prepared);
    bool every_byte = getenv("FIRN_TEST_LONG") != NULL;
    uint64_t flips = 0;
    uint64_t found = 0;
    for (size_t i = 0; i < prepared.files.count; i++) {
        if (prepared.files.items[i].kind != FI_OS_FILE) {
            continue;
        }
        const char *path = prepared.files.items[i].path;
        struct fi_buf bytes = {0};
        const char *name;
        struct fi_os_dir *dir = open_dir_of(&prepared.world, path, &name);
        test_file_read(dir, name, &bytes);
        fi_os_dir_close(dir);
        size_t stride = every_byte || bytes.size < 128 ? 1 : bytes.size / 128;
        for (size_t at = 0; at < bytes.size; at += stride) {
            struct ws_world world;
            char what[300];
            ws_world_clone(&prepared.world, &world);
            dir = open_dir_of(&world, path, &name);
            bytes.data[at] ^= (uint8_t)(1U << (at % 8));
            test_file_write(dir, name, bytes.data, bytes.size);
            bytes.data[at] ^= (uint8_t)(1U << (at % 8));
            fi_os_dir_close(dir);
            snprintf(what, sizeof what, "bit %zu of byte %zu of %s", at % 8, at, path);
            struct outcome outcome = judge(&prepared, &world, what);
            if (outcome.restored == FIRN_NOT_FOUND) {
                fail_msg("%s: the checkpoint is gone without a word", what);
            }
            flips++;
            found += outcome.checked != FIRN_OK ? 1 : 0;
            ws_world_close(&world);
        }
        fi_buf_deinit(&bytes);
    }
    printf("%llu flips, %llu found by a check\n", (unsigned long long)flips,
           (unsigned long long)found);
    assert_true(found > flips / 4);
    prepared_deinit(&prepared);
}

static size_t
count_packs(struct ws_world *world)
{
    struct fi_os_dir *dir;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/s/packs", &dir, NULL), FIRN_OK);
    size_t count = test_file_count(dir);
    fi_os_dir_close(dir);
    return count;
}

static void
a_file_cut_short_is_found(void **state)
{
    enum { PARTS = 16 };
    struct prepared prepared = {0};
    prepare(&prepared);
    size_t packs = count_packs(&prepared.world);
    for (size_t i = 0; i < prepared.files.count; i++) {
        if (prepared.files.items[i].kind != FI_OS_FILE) {
            continue;
        }
        const char *path = prepared.files.items[i].path;
        for (size_t part = 0; part < PARTS; part++) {
            struct ws_world world;
            struct fi_buf bytes = {0};
            const char *name;
            char what[300];
            ws_world_clone(&prepared.world, &world);
            struct fi_os_dir *dir = open_dir_of(&world, path, &name);
            test_file_read(dir, name, &bytes);
            test_file_write(dir, name, bytes.data, bytes.size * part / PARTS);
            fi_os_dir_close(dir);
            snprintf(what, sizeof what, "%s with %zu of %zu bytes", path, bytes.size * part / PARTS,
                     bytes.size);
            struct outcome outcome = judge(&prepared, &world, what);
            /* An earlier state of a shortened log may look whole; what LOCK holds is only told
             * to people. */
            bool may_look_whole = is_log(path) || strcmp(path, "LOCK") == 0;
            if (!may_look_whole && outcome.checked == FIRN_OK) {
                fail_msg("%s: a check found nothing", what);
            }
            /* Then at most the last pack can be taken for what a crash left. */
            FI_IGNORE(ws_try_save(&world, NULL));
            if (count_packs(&world) + 1 < packs) {
                fail_msg("%s: %zu packs are left of %zu", what, count_packs(&world), packs);
            }
            fi_buf_deinit(&bytes);
            ws_world_close(&world);
        }
    }
    prepared_deinit(&prepared);
}

/* Packs are enough to find contents and history again: nothing that writes may take the store
 * for a new one. */
static void
a_missing_file_never_costs_a_pack(void **state)
{
    struct prepared prepared = {0};
    prepare(&prepared);
    size_t packs = count_packs(&prepared.world);
    assert_true(packs >= 2);
    for (size_t i = 0; i < prepared.files.count; i++) {
        const char *path = prepared.files.items[i].path;
        if (prepared.files.items[i].kind != FI_OS_FILE) {
            continue;
        }
        struct ws_world world;
        const char *name;
        bool is_pack = strncmp(path, "packs/", 6) == 0;
        ws_world_clone(&prepared.world, &world);
        struct fi_os_dir *dir = open_dir_of(&world, path, &name);
        assert_int_equal(fi_os_remove_file(dir, name, NULL), FIRN_OK);
        fi_os_dir_close(dir);
        struct outcome outcome = judge(&prepared, &world, path);
        assert_int_equal(outcome.checked, strcmp(path, "LOCK") == 0 ? FIRN_OK : FIRN_CORRUPT);
        int rc = ws_try_save(&world, NULL);
        printf("without %s: check %s, restore %s, save %s\n", path, firn_code_name(outcome.checked),
               firn_code_name(outcome.restored), firn_code_name(rc));
        assert_true(count_packs(&world) >= packs - (is_pack ? 1 : 0));
        ws_world_close(&world);
    }
    prepared_deinit(&prepared);
}

/* Each in a frame of its own. */
static void
a_restore_tells_of_every_file_that_damage_costs(void **state)
{
    struct ws_world world;
    struct scan_world store;
    struct fi_os_dir *packs;
    struct fi_buf bytes = {0};
    firn_error err;
    enum { FILE_SIZE = 600 << 10 };
    ws_world_open_memory(&world, 42);
    world.threads = 1;
    scan_put_random(&world.tree, "a", 1, FILE_SIZE);
    scan_put_random(&world.tree, "b", 2, FILE_SIZE);
    scan_put_random(&world.tree, "c", 3, FILE_SIZE);
    ws_save(&world);
    scan_remove_file(&world.tree, "a");
    scan_remove_file(&world.tree, "b");
    scan_remove_file(&world.tree, "c");
    open_store(&world, &store);
    assert_int_equal(fi_os_dir_open_beneath(store.root, "packs", &packs, &err), FIRN_OK);
    test_file_read(packs, "00000001.pack", &bytes);
    bytes.data[1000] ^= 1;
    bytes.data[1000 + FILE_SIZE] ^= 1;
    test_file_write(packs, "00000001.pack", bytes.data, bytes.size);
    world.threads = 2;
    assert_int_equal(ws_try_restore(&world, "1", NULL), FIRN_CORRUPT);
    assert_non_null(
        strstr(world.err.text, "2 files cannot be restored, the first is: 'a': object "));
    assert_int_equal(world.notices.counts[FIRN_NOTICE_DAMAGED], 2);
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_DAMAGED, "a"));
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_DAMAGED, "b"));
    assert_int_equal(test_file_count(world.tree.root), 0);
    fi_buf_deinit(&bytes);
    fi_os_dir_close(packs);
    fi_os_dir_close(store.root);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_bit_is_found_or_does_no_harm),
        cmocka_unit_test(a_file_cut_short_is_found),
        cmocka_unit_test(a_missing_file_never_costs_a_pack),
        cmocka_unit_test(a_restore_tells_of_every_file_that_damage_costs),
    };
    return cmocka_run_group_tests_name("ws_damage", tests, NULL, NULL);
}
