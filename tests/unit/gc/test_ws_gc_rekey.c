/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/gc: a collection that writes the store anew, with the n-th call of the system, the n-th
 * allocation and the n-th moment of power gone: after keys were rotated, to make a store an
 * encrypted one, and back. After any failure the store opens with its key, is clean to the last
 * byte, and each checkpoint comes back exactly. The next such collection ends the work: nothing is
 * left that an older master key opens, or that is in clear. No key meets a nonce twice.
 */
#include <errno.h>
#include <string.h>

#include "block/block_file.h"
#include "cipher/cipher.h"
#include "os/os_names.h"
#include "rekey/rekey.h"
#include "store/db_store_handle.h"
#include "support/store/db_support.h"
#include "support/test_nonces.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/workspace/gc_support.h"
#include "support/workspace/ws_break.h"

#define MARKER "The-Marker-That-Nobody-Reads"
static firn_error err;

/* ---- stores that are to be written anew ---- */

enum change { ROTATION, ENCRYPTION, DECRYPTION, CHANGES };
enum { CHECKPOINTS = 4, SIZE = 3000 };

/* The first of the checkpoints is deleted: its pack is half dead. */
struct prepared {
    struct ws_world world;
    char *dumps[CHECKPOINTS + 1];
};

static struct fi_rekey
rekey_of(struct ws_world *world)
{
    return (struct fi_rekey){
        .os = world->tree.os, .path = world->store_path, .source = &world->ws->unlock};
}

/* Bytes that nothing compresses, with the marker among them. */
static void
put_marker(struct scan_world *tree, const char *path, uint64_t seed)
{
    struct test_random random = {seed};
    uint8_t bytes[SIZE];
    test_random_fill(&random, bytes, sizeof bytes);
    memcpy(bytes + SIZE / 2, MARKER, strlen(MARKER));
    scan_put_file(tree, path, bytes, sizeof bytes);
}

static unsigned
files_with_marker(struct ws_world *world, const char *folder)
{
    struct fi_os_dir *store;
    struct fi_os_dir *dir;
    DB_OK(fi_os_dir_open_path(world->tree.os, world->store_path, &store, &err));
    DB_OK(fi_os_dir_open_beneath(store, folder, &dir, &err));
    const unsigned found = db_support_search(dir, MARKER, NULL);
    fi_os_dir_close(dir);
    fi_os_dir_close(store);
    return found;
}

static void
prepare(struct prepared *prepared, enum change change, uint64_t seed)
{
    struct ws_world *world = &prepared->world;
    test_nonces_begin();
    ws_world_open_memory(world, seed);
    world->cipher = change == ENCRYPTION ? FIRN_CIPHER_NONE : FIRN_CIPHER_AES_256_GCM;
    world->key_source = &ws_key_source;
    ws_world_reopen(world);
    put_marker(&world->tree, "stays-" MARKER, seed);
    for (unsigned i = 1; i <= CHECKPOINTS; i++) {
        put_marker(&world->tree, "changes", seed + i);
        scan_put_text(&world->tree, "dir/text", i % 2 == 0 ? "even " MARKER : "odd " MARKER);
        ws_save(world);
        prepared->dumps[i] = ws_dump(world);
    }
    gc_delete(world, "1");
    world->cipher = FIRN_CIPHER_NONE; /* the store is there */
    ws_world_reopen(world);
    const struct fi_rekey rekey = rekey_of(world);
    DB_OK(change == ROTATION     ? fi_rekey_rotate(&rekey, &err)
          : change == ENCRYPTION ? fi_rekey_change_encrypt(&rekey, FI_CIPHER_AES_256_GCM, &err)
                                 : fi_rekey_change_decrypt(&rekey, &err));
    assert_int_equal(files_with_marker(world, "packs") > 0, change == ENCRYPTION);
    DB_OK(fi_os_dir_sync_filesystem(world->tree.root, &err));
    test_nonces_keep();
}

static void
prepared_deinit(struct prepared *prepared)
{
    ws_world_close(&prepared->world);
    for (unsigned i = 1; i <= CHECKPOINTS; i++) {
        free(prepared->dumps[i]);
    }
}

/* ---- what must hold ---- */

static void
assert_is_whole(struct ws_world *world, const struct prepared *prepared)
{
    ws_assert_check_clean(world);
    for (unsigned i = 2; i <= CHECKPOINTS; i++) {
        char reference[8];
        snprintf(reference, sizeof reference, "%u", i);
        ws_restore(world, reference);
        ws_assert_dump(world, prepared->dumps[i]);
    }
}

/* Each file in the folder of packs, those that no list names included. */
static void
assert_packs_are_current(struct ws_world *world)
{
    struct fi_ws_opened opened;
    struct fi_os_dir *packs;
    struct fi_buf names = {0};
    const char *name = NULL;
    unsigned count = 0;
    DB_OK(fi_ws_opened_open_store(world->ws, FI_WS_READ, &opened, &err));
    DB_OK(fi_os_dir_open(fi_db_dir(opened.db), "packs", &packs, &err));
    DB_OK(fi_os_names_list(packs, NULL, &names, &err));
    for (; (name = fi_os_names_next(&names, name)) != NULL; count++) {
        bool is_current = false;
        DB_OK(fi_block_seal_is_current(packs, name, &is_current, &err));
        assert_true(is_current);
    }
    assert_true(count > 0);
    fi_buf_deinit(&names);
    fi_os_dir_close(packs);
    DB_OK(fi_ws_opened_close(world->ws, &opened, FIRN_OK, &err));
}

/* 0: the store is in clear, and has no keys. */
static size_t
master_count(struct ws_world *world)
{
    struct fi_os_dir *dir;
    struct fi_keys *keys;
    size_t count = 0;
    DB_OK(fi_os_dir_open_path(world->tree.os, world->store_path, &dir, &err));
    int rc = fi_db_keys_read(dir, &keys, &err);
    fi_os_dir_close(dir);
    if (rc == FIRN_OK) {
        DB_OK(fi_unlock_keys(world->tree.os, "store", keys, &world->ws->unlock, &err));
        count = fi_keys_master_count(keys);
        assert_int_equal(fi_keys_change(keys), FI_KEYS_NO_CHANGE);
        fi_keys_destroy(keys);
    }
    return count;
}

/* Requires: a collection said that nothing is left. */
static void
assert_is_done(struct ws_world *world, const struct prepared *prepared, enum change change)
{
    if (change == ENCRYPTION && master_count(world) == 2) {
        /* The change has ended with a master key that no file had. */
        assert_int_equal(files_with_marker(world, ""), 0);
        assert_is_whole(world, prepared);
        assert_int_equal(gc_try_rekey(world, NULL), FIRN_OK);
    }
    assert_int_equal(master_count(world), change == DECRYPTION ? 0 : 1);
    assert_packs_are_current(world);
    if (change == DECRYPTION) {
        assert_true(files_with_marker(world, "packs") > 0);
    } else {
        assert_int_equal(files_with_marker(world, ""), 0);
    }
    assert_is_whole(world, prepared);
}

/* ---- one after the other ---- */

static void
a_collection_writes_the_store_anew(void **state)
{
    for (enum change change = ROTATION; change < CHANGES; change++) {
        struct prepared prepared;
        firn_workspace_gc_result result;
        prepare(&prepared, change, 40 + change);
        struct ws_world *world = &prepared.world;
        assert_is_whole(world, &prepared);
        assert_int_equal(gc_try_rekey(world, &result), FIRN_OK);
        assert_true(result.rekeyed >= 3); /* packs, the log, and MANIFEST */
        assert_int_equal(result.rekey_left, 0);
        assert_is_done(world, &prepared, change);
        const int rc = gc_try_rekey(world, &result);
        assert_int_equal(rc, change == DECRYPTION ? FIRN_INVALID : FIRN_OK);
        assert_true(rc != FIRN_OK || (result.rekeyed == 0 && result.rekey_left == 0));
        assert_int_equal(test_nonces_repeated(), 0);
        prepared_deinit(&prepared);
    }
}

/* A pack that is removed while the store becomes encrypted has no byte of what was in it. */
static void
a_pack_in_clear_is_overwritten_before_it_goes(void **state)
{
    struct prepared prepared;
    struct fi_os_dir *packs;
    struct fi_os_file *file;
    struct fi_buf names = {0};
    uint8_t bytes[2 * SIZE];
    size_t size;
    prepare(&prepared, ENCRYPTION, 51);
    struct ws_world *world = &prepared.world;
    DB_OK(fi_os_dir_open_path(world->tree.os, "/s/packs", &packs, &err));
    DB_OK(fi_os_names_list(packs, NULL, &names, &err));
    DB_OK(fi_os_file_open(packs, fi_os_names_next(&names, NULL), FI_OS_READ, 0, &file, &err));
    DB_OK(fi_os_file_read(file, 0, bytes, sizeof bytes, &size, &err));
    assert_true(size > SIZE && fi_block_format_is_header(bytes));
    assert_int_equal(gc_try_rekey(world, NULL), FIRN_OK);
    DB_OK(fi_os_file_read(file, 0, bytes, sizeof bytes, &size, &err));
    assert_true(size > SIZE);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(bytes[i], 0);
    }
    fi_os_file_close(file);
    fi_buf_deinit(&names);
    fi_os_dir_close(packs);
    prepared_deinit(&prepared);
}

/* A reader has the packs of an older master key in use. */
static void
a_pack_that_a_reader_needs_keeps_the_old_key(void **state)
{
    struct prepared prepared;
    struct ws_world reader;
    struct fi_ws_opened opened;
    firn_workspace_gc_result result;
    prepare(&prepared, ROTATION, 50);
    struct ws_world *world = &prepared.world;
    gc_neighbour_open(world, "/other", &reader);
    reader.key_source = &ws_key_source;
    ws_world_reopen(&reader);
    DB_OK(fi_ws_opened_open_store(reader.ws, FI_WS_READ, &opened, &err));
    assert_int_equal(gc_try_rekey(world, &result), FIRN_OK);
    assert_true(result.rekey_left > 0);
    assert_int_equal(master_count(world), 2);
    DB_OK(fi_ws_opened_close(reader.ws, &opened, FIRN_OK, &err));
    assert_int_equal(gc_try_rekey(world, &result), FIRN_OK);
    assert_int_equal(result.rekey_left, 0);
    assert_is_done(world, &prepared, ROTATION);
    gc_neighbour_close(&reader);
    prepared_deinit(&prepared);
}

/* ---- without the key ---- */

static const char *const leftovers[] = {"wal-000099.log.tmp",      "wal-spare.tmp",
                                        "manifest-000099.log.tmp", "runs/000099.row.tmp",
                                        "runs/000098.values.tmp",  "packs/00000099.pack.tmp",
                                        "outgoing/00000001.pack",  "incoming/fetched"};
static const char *const others[] = {"FIRN.tmp",
                                     "FIRN.keys.tmp",
                                     "config.tmp",
                                     "wal-x.log.tmp",
                                     "runs/notes.tmp",
                                     "runs/000099.tmp",
                                     "packs/99.pack.tmp",
                                     "packs/00000099.row.tmp",
                                     "outgoing/LOCK",
                                     "outgoing/WAITING",
                                     "other-000001.log.tmp",
                                     "watch-1",
                                     "runs/000097.row.tmp/inner"};
enum { LEFTOVERS = sizeof leftovers / sizeof *leftovers, OTHERS = sizeof others / sizeof *others };

static void
put_all(struct ws_world *world, const char *const *names, size_t count)
{
    struct scan_world store = world->tree;
    DB_OK(fi_os_dir_open_path(world->tree.os, world->store_path, &store.root, &err));
    for (size_t i = 0; i < count; i++) {
        scan_put_text(&store, names[i], "left");
    }
    fi_os_dir_close(store.root);
}

static size_t
count_all(struct ws_world *world, const char *const *names, size_t count)
{
    struct fi_os_dir *store;
    struct fi_os_dir *dir;
    struct fi_os_stat stat;
    size_t found = 0;
    DB_OK(fi_os_dir_open_path(world->tree.os, world->store_path, &store, &err));
    for (size_t i = 0; i < count; i++) {
        const char *slash = strrchr(names[i], '/');
        char folder[64] = "";
        memcpy(folder, names[i], slash == NULL ? 0 : (size_t)(slash - names[i]));
        if (fi_os_dir_open_beneath(store, folder, &dir, NULL) == FIRN_OK) {
            found += fi_os_stat(dir, slash == NULL ? names[i] : slash + 1, &stat, NULL) == FIRN_OK;
            fi_os_dir_close(dir);
        }
    }
    fi_os_dir_close(store);
    return found;
}

static int
collect_locked(struct ws_world *world, bool is_dry, firn_workspace_gc_result *result)
{
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    options.without_key = true;
    options.dry_run = is_dry;
    return fi_gc(world->ws, &options, result, &err);
}

static void
without_the_key_only_leftovers_go(void **state)
{
    struct prepared prepared;
    firn_workspace_gc_result result;
    prepare(&prepared, ROTATION, 52);
    struct ws_world *world = &prepared.world;
    put_all(world, leftovers, LEFTOVERS);
    put_all(world, others, OTHERS);
    assert_int_equal(count_all(world, leftovers, LEFTOVERS), LEFTOVERS);
    world->key_source = NULL;
    ws_world_reopen(world);
    for (unsigned i = 0; i < 3; i++) {
        const bool is_dry = i == 0;
        DB_OK(collect_locked(world, is_dry, &result));
        assert_int_equal(result.leftovers, i < 2 ? LEFTOVERS : 0);
        assert_int_equal(result.leftover_bytes, i < 2 ? 4 * LEFTOVERS : 0);
        assert_int_equal(result.packs_before + result.packs_removed, 0);
        assert_int_equal(count_all(world, leftovers, LEFTOVERS), is_dry ? LEFTOVERS : 0);
        assert_int_equal(count_all(world, others, OTHERS), OTHERS);
    }
    world->key_source = &ws_key_source;
    ws_world_reopen(world);
    assert_is_whole(world, &prepared);
    prepared_deinit(&prepared);
}

/* The code of a collection that must have left everything where it was. */
static int
refuse_locked(struct ws_world *world)
{
    firn_workspace_gc_result result;
    int rc = collect_locked(world, false, &result);
    assert_int_equal(result.leftovers, 0);
    assert_int_equal(count_all(world, leftovers, LEFTOVERS), LEFTOVERS);
    return rc;
}

static void
without_the_key_a_store_in_use_is_left_alone(void **state)
{
    struct prepared prepared;
    struct fi_ws_opened opened;
    struct fi_os_dir *store;
    struct fi_os_file *file;
    const char *mark = "REPAIRING";
    prepare(&prepared, ROTATION, 53);
    struct ws_world *world = &prepared.world;
    DB_OK(fi_ws_opened_open_store(world->ws, FI_WS_WRITE, &opened, &err));
    put_all(world, leftovers, LEFTOVERS);
    assert_int_equal(refuse_locked(world), FIRN_BUSY);
    DB_OK(fi_ws_opened_close(world->ws, &opened, FIRN_OK, &err));
    put_all(world, leftovers, LEFTOVERS);

    put_all(world, &mark, 1);
    assert_int_equal(refuse_locked(world), FIRN_BUSY);
    DB_OK(fi_os_dir_open_path(world->tree.os, world->store_path, &store, &err));
    DB_OK(fi_os_remove_file(store, "REPAIRING", &err));
    DB_OK(fi_os_file_open(store, "FIRN.keys", FI_OS_READ | FI_OS_WRITE, 0, &file, &err));
    DB_OK(fi_os_file_write(file, 40, "damage", 6, &err));
    fi_os_file_close(file);
    assert_int_equal(refuse_locked(world), FIRN_CORRUPT);
    fi_os_dir_close(store);
    prepared_deinit(&prepared);
}

static void
without_the_key_a_store_that_changes_is_left_alone(void **state)
{
    for (enum change change = ENCRYPTION; change < CHANGES; change++) {
        struct prepared prepared;
        prepare(&prepared, change, 54 + change);
        struct ws_world *world = &prepared.world;
        put_all(world, leftovers, LEFTOVERS);
        assert_int_equal(refuse_locked(world), FIRN_DENIED);
        assert_int_equal(gc_try_rekey(world, NULL), FIRN_OK);
        assert_is_done(world, &prepared, change);
        put_all(world, leftovers, LEFTOVERS);
        if (change == DECRYPTION) {
            assert_int_equal(refuse_locked(world), FIRN_INVALID);
        }
        prepared_deinit(&prepared);
    }
}

/* ---- faults ---- */

struct breaking {
    const struct prepared *prepared;
    enum change change;
};

static void
begin(void *ctx, struct ws_world *world)
{
    (void)ctx, (void)world;
    test_nonces_begin_again();
}

static int
run(void *ctx, struct ws_world *world)
{
    (void)ctx;
    return gc_try_rekey(world, NULL);
}

static void
judge(void *ctx, struct ws_world *world, const struct ws_broken *broken)
{
    const struct breaking *breaking = ctx;
    firn_workspace_gc_result result;
    (void)broken;
    assert_is_whole(world, breaking->prepared);
    const int rc = gc_try_rekey(world, &result);
    const bool was_done = rc == FIRN_INVALID && breaking->change == DECRYPTION;
    if (rc != FIRN_OK && !was_done) {
        fail_msg("%s: %s", firn_code_name(rc), world->err.text);
    }
    assert_true(was_done || result.rekey_left == 0);
    if (was_done) { /* as firn key decrypt-store, given again: only the keys file may be left */
        const struct fi_rekey rekey = rekey_of(world);
        const int ended = fi_rekey_change_decrypt(&rekey, &world->err);
        assert_true(ended == FIRN_OK || ended == FIRN_INVALID);
    }
    assert_is_done(world, breaking->prepared, breaking->change);
    assert_int_equal(test_nonces_repeated(), 0);
}

static void
break_all(void (*break_it)(const struct ws_break *how))
{
    for (enum change change = ROTATION; change < CHANGES; change++) {
        struct prepared prepared;
        struct breaking breaking = {&prepared, change};
        prepare(&prepared, change, 60 + change);
        const struct ws_break how = {.from = &prepared.world,
                                     .begin = begin,
                                     .run = run,
                                     .judge = judge,
                                     .ctx = &breaking,
                                     .every = 11,
                                     .loop = change};
        break_it(&how);
        prepared_deinit(&prepared);
    }
}

static void
any_call_may_fail(void **state)
{
    break_all(ws_break_any_call);
}

static void
any_allocation_may_fail(void **state)
{
    ws_break_allocations_of(break_all);
}

static void
the_power_may_go_at_any_call(void **state)
{
    break_all(ws_break_any_power);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_collection_writes_the_store_anew),
        cmocka_unit_test(a_pack_in_clear_is_overwritten_before_it_goes),
        cmocka_unit_test(a_pack_that_a_reader_needs_keeps_the_old_key),
        cmocka_unit_test(without_the_key_only_leftovers_go),
        cmocka_unit_test(without_the_key_a_store_in_use_is_left_alone),
        cmocka_unit_test(without_the_key_a_store_that_changes_is_left_alone),
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
    };
    return cmocka_run_group_tests_name("ws_gc_rekey", tests, NULL, NULL);
}
