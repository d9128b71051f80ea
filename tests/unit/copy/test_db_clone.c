/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/copy: clones: they have everything, are stores of their own, and are whole or not there.
 */
#include <stdio.h>
#include <string.h>

#include "cipher/cipher.h"
#include "copy/copy.h"
#include "inspect/inspect.h"
#include "sim/sim_memory.h"
#include "store/db.h"
#include "support/store/db_support.h"
#include "support/test_fault.h"
#include "support/test_file.h"
#include "support/test_nonces.h"
#include "unlock/unlock.h"

static const struct fi_db_options small = {.create_if_missing = true, .memory_bytes = 1 << 20};

/* A store with something of everything: runs, a log, a checkpoint, a dropped keyspace. */
static struct firn_db *
make_source(struct fi_os_dir *dir)
{
    firn_error err;
    struct firn_db *db;
    struct fi_os_dir *packs;
    struct fi_os_file *pack;
    DB_OK(fi_db_open(dir, &small, &db, &err));
    db_support_put(db_support_keyspace(db, "k"), "a", "1");
    db_support_put(db_support_keyspace(db, "gone"), "x", "1");
    DB_OK(fi_db_checkpoint_create(db, "before", NULL, &err));
    DB_OK(fi_db_keyspace_drop(db, "gone", &err));
    DB_OK(fi_db_maintain_flush(db, &err));
    db_support_put(db_support_keyspace(db, "k"), "a", "2");
    db_support_put(db_support_keyspace(db, "k"), "b", "2");
    db_support_put(db_support_keyspace(db, "firn.own"), "s", "3");
    if (fi_os_dir_open(dir, "packs", &packs, &err) == FIRN_NOT_FOUND) {
        DB_OK(fi_os_make_dir(dir, "packs", 0700, &err));
        DB_OK(fi_os_dir_open(dir, "packs", &packs, &err));
    }
    DB_OK(fi_os_file_open(packs, "1.pack", FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE, 0600, &pack,
                          &err));
    DB_OK(fi_os_file_write(pack, 0, "pack", 4, &err));
    DB_OK(fi_os_file_sync(pack, &err));
    fi_os_file_close(pack);
    DB_OK(fi_os_dir_sync(packs, &err));
    DB_OK(fi_os_dir_sync(dir, &err));
    fi_os_dir_close(packs);
    return db;
}

static void
assert_source(struct firn_db *db)
{
    firn_error err;
    struct firn_snapshot *snapshot;
    struct firn_db_keyspace *keyspace;
    struct fi_buf value = {0};
    firn_store_check_result report;
    struct firn_db_keyspace *k = db_support_keyspace(db, "k");
    assert_string_equal(db_support_keys(k, NULL, false), "a b ");
    assert_string_equal(db_support_get(k, "a"), "2");
    assert_string_equal(db_support_get(db_support_keyspace(db, "firn.own"), "s"), "3");
    DB_OK(fi_db_checkpoint_snapshot(db, "before", &snapshot, &err));
    DB_OK(fi_db_keyspace_open_in(snapshot, "gone", &keyspace, &err));
    DB_OK(fi_db_get_at(keyspace, snapshot, firn_str("x"), &value, &err));
    assert_memory_equal(value.data, "1", 1);
    DB_OK(fi_db_get_at(k, snapshot, firn_str("a"), &value, &err));
    assert_memory_equal(value.data, "1", 1);
    fi_db_snapshot_close(snapshot);
    fi_buf_deinit(&value);
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
}

static void
assert_pack(struct fi_os_dir *dir)
{
    firn_error err;
    struct fi_os_dir *packs;
    struct fi_os_file *pack;
    char bytes[4];
    DB_OK(fi_os_dir_open(dir, "packs", &packs, &err));
    DB_OK(fi_os_file_open(packs, "1.pack", FI_OS_READ, 0, &pack, &err));
    DB_OK(fi_os_file_read_exact(pack, 0, bytes, sizeof bytes, &err));
    assert_memory_equal(bytes, "pack", sizeof bytes);
    fi_os_file_close(pack);
    fi_os_dir_close(packs);
}

static struct fi_os_dir *
open_target(struct fi_os *os)
{
    firn_error err;
    struct fi_os_dir *root;
    struct fi_os_dir *target;
    DB_OK(fi_os_dir_open_path(os, "/", &root, &err));
    int rc = fi_os_make_dir(root, "clone", 0700, &err);
    assert_true(rc == FIRN_OK || rc == FIRN_EXISTS);
    DB_OK(fi_os_dir_sync(root, &err));
    DB_OK(fi_os_dir_open(root, "clone", &target, &err));
    fi_os_dir_close(root);
    return target;
}

static void
a_clone_has_everything_and_is_a_store_of_its_own(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *clone;
    struct fi_db_checkpoint_info a;
    struct fi_db_checkpoint_info b;
    db_support_init(&support, 1);
    struct firn_db *db = make_source(support.dir);
    struct fi_os_dir *target = open_target(support.os);
    DB_OK(fi_copy_clone(db, target, NULL, &err));
    DB_OK(fi_db_open(target, &db_support_existing, &clone, &err));
    assert_source(clone);
    assert_pack(target);
    assert_memory_not_equal(fi_db_id(db), fi_db_id(clone), 16);
    /* What is done to one is not seen in the other. */
    db_support_put(db_support_keyspace(clone, "k"), "c", "4");
    DB_OK(fi_db_checkpoint_restore(clone, "before", &a, &b, &err));
    DB_OK(fi_db_maintain_compact(clone, NULL, &err));
    db_support_put(db_support_keyspace(db, "k"), "d", "5");
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    assert_string_equal(db_support_keys(db_support_keyspace(db, "k"), NULL, false), "a b d ");
    assert_string_equal(db_support_keys(db_support_keyspace(clone, "k"), NULL, false), "a ");
    assert_string_equal(db_support_get(db_support_keyspace(clone, "gone"), "x"), "1");
    DB_OK(fi_db_checkpoint_undo(clone, &a, &b, &err));
    assert_string_equal(db_support_keys(db_support_keyspace(clone, "k"), NULL, false), "a b c ");
    DB_FAILS(fi_copy_clone(db, target, NULL, &err), FIRN_EXISTS, "already");
    DB_FAILS(fi_copy_clone(clone, support.dir, NULL, &err), FIRN_EXISTS, "already");
    DB_OK(fi_db_close(clone, &err));
    DB_OK(fi_db_open(target, &db_support_read_only, &clone, &err));
    DB_FAILS(fi_copy_clone(clone, target, NULL, &err), FIRN_READ_ONLY, "reading");
    DB_OK(fi_db_close(clone, &err));
    DB_OK(fi_db_close(db, &err));
    fi_os_dir_close(target);
    db_support_deinit(&support);
}

static void
directories_that_hold_something_are_refused(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = make_source(support.dir);
    struct fi_os_dir *target = open_target(support.os);
    DB_OK(fi_os_make_dir(target, "photos", 0700, &err));
    DB_FAILS(fi_copy_clone(db, target, NULL, &err), FIRN_INVALID, "photos");
    fi_os_dir_close(target);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* From one outside world into another there are no links: everything is copied. */
static void
without_links_files_are_copied(void **state)
{
    firn_error err;
    struct db_support support;
    struct db_support_disk disk;
    struct firn_db *clone;
    db_support_init(&support, 1);
    db_support_disk_init(&disk);
    struct firn_db *db = make_source(support.dir);
    DB_OK(fi_copy_clone(db, disk.dir, NULL, &err));
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
    DB_OK(fi_db_open(disk.dir, &db_support_existing, &clone, &err));
    assert_source(clone);
    assert_pack(disk.dir);
    DB_OK(fi_db_close(clone, &err));
    db_support_disk_deinit(&disk);
}

/* Whatever happens the source is well, and the target is a whole clone or may be made one. */
static void
assert_whole_or_not_there(struct db_support *support)
{
    firn_error err;
    struct firn_db *db;
    struct firn_db *clone;
    DB_OK(fi_db_open(support->dir, &db_support_existing, &db, &err));
    assert_source(db);
    struct fi_os_dir *target = open_target(support->os);
    int rc = fi_db_open(target, &db_support_existing, &clone, &err);
    if (rc == FIRN_NOT_FOUND) {
        DB_OK(fi_copy_clone(db, target, NULL, &err));
        DB_OK(fi_db_open(target, &db_support_existing, &clone, &err));
    } else {
        DB_OK(rc);
    }
    assert_source(clone);
    assert_pack(target);
    DB_OK(fi_db_close(clone, &err));
    DB_OK(fi_db_close(db, &err));
    fi_os_dir_close(target);
}

static void
every_power_cut_leaves_a_clone_or_none(void **state)
{
    bool is_done = false;
    uint64_t calls = 1;
    for (; !is_done; calls++) {
        firn_error err;
        struct db_support support;
        db_support_init(&support, calls);
        struct firn_db *db = make_source(support.dir);
        DB_OK(fi_db_log_sync(db, &err));
        struct fi_os_dir *target = open_target(support.os);
        fi_sim_memory_set_cut_at(support.os, fi_sim_memory_calls(support.os) + calls);
        is_done = fi_copy_clone(db, target, NULL, &err) == FIRN_OK;
        fi_sim_memory_set_cut_at(support.os, 0);
        fi_db_abandon(db);
        fi_os_dir_close(target);
        db_support_cut(&support, calls);
        assert_whole_or_not_there(&support);
        db_support_deinit(&support);
    }
    (void)printf("%llu calls\n", (unsigned long long)calls);
    assert_true(calls > 20);
}

static void
every_failed_allocation_leaves_a_clone_or_none(void **state)
{
    struct test_fault fault = {.counts = true};
    while (test_fault_next(&fault)) {
        firn_error err;
        struct db_support support;
        db_support_init(&support, fault.n);
        struct firn_db *db = make_source(support.dir);
        struct fi_os_dir *target = open_target(support.os);
        test_fault_allocation(&fault);
        (void)(fi_copy_clone(db, target, NULL, &err) == FIRN_OK);
        test_fault_end(&fault);
        fi_db_abandon(db); /* it may be latched */
        fi_os_dir_close(target);
        assert_whole_or_not_there(&support);
        db_support_deinit(&support);
    }
}

static void
adopt_named(struct firn_db *db, const char *name)
{
    firn_error err;
    struct fi_db_checkpoint_info info = {.id = {1}, .number = 7, .created_ns = 1};
    (void)snprintf(info.name, sizeof info.name, "%s", name);
    DB_OK(fi_db_checkpoint_adopt(db, &info, &err));
}

/* Which names are free is up to the program that made the checkpoint. */
static void
a_foreign_name_that_is_no_name_here_is_not_taken_for_something_else(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_db_checkpoint_info found;
    char letters[41];
    memset(letters, 'k', sizeof letters - 1);
    letters[sizeof letters - 1] = '\0';
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    adopt_named(db, "yesterday");
    DB_FAILS(fi_db_checkpoint_find(db, "yesterday", &found, &err), FIRN_CONFLICT,
             "also the name of checkpoint 7");
    DB_FAILS(fi_db_checkpoint_find(db, letters, &found, &err), FIRN_INVALID, "is not a reference");
    DB_OK(fi_db_checkpoint_find(db, "now", &found, &err));
    DB_OK(fi_db_checkpoint_delete(db, (const char *const[]){"7"}, 1, &err));
    adopt_named(db, letters);
    DB_OK(fi_db_checkpoint_find(db, letters, &found, &err));
    assert_string_equal(found.name, letters);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* ---- encrypted stores ---- */

static int
give(void *ctx, const struct fi_unlock_request *request, struct fi_unlock_secret *out,
     firn_error *err)
{
    const char *secret = ctx;
    (void)request;
    (void)err;
    out->size = strlen(secret);
    memcpy(out->bytes, secret, out->size);
    out->kind = FI_KEYS_FILE;
    return FIRN_OK;
}
static const struct fi_unlock_source right = {
    .get = give, .ctx = (void *)(uintptr_t) "a key file of 32 bytes and more, the right one"};
static const struct fi_unlock_source wrong = {
    .get = give, .ctx = (void *)(uintptr_t) "another key file of 32 bytes and more"};

static struct firn_db *
open_encrypted(struct fi_os_dir *dir)
{
    const struct fi_db_options options = {.create_if_missing = true,
                                          .memory_bytes = 16 << 20,
                                          .new_cipher = FI_CIPHER_XCHACHA20_POLY1305,
                                          .unlock = &right};
    firn_error err;
    struct firn_db *db;
    DB_OK(fi_db_open(dir, &options, &db, &err));
    return db;
}

static void
assert_same_file(struct fi_os_dir *a, struct fi_os_dir *b, const char *name)
{
    struct fi_buf of_a = {0};
    struct fi_buf of_b = {0};
    test_file_read(a, name, &of_a);
    test_file_read(b, name, &of_b);
    assert_int_equal(of_a.size, of_b.size);
    assert_memory_equal(of_a.data, of_b.data, of_a.size);
    fi_buf_deinit(&of_a);
    fi_buf_deinit(&of_b);
}

/* Writes to all files that a store has. */
static void
write_some(struct firn_db *db, unsigned round)
{
    firn_error err;
    char key[16];
    (void)snprintf(key, sizeof key, "key %u", round);
    db_support_put(db_support_keyspace(db, "k"), key, "the same in both");
    if (round % 3 == 0) {
        DB_OK(fi_db_maintain_flush(db, &err));
    }
    if (round % 7 == 0) {
        DB_OK(fi_db_maintain_compact(db, NULL, &err));
    }
}

static void
a_clone_has_the_same_keys(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *clone;
    db_support_init(&support, 1);
    struct firn_db *db = open_encrypted(support.dir);
    write_some(db, 1);
    struct fi_os_dir *target = open_target(support.os);
    DB_OK(fi_copy_clone(db, target, NULL, &err));
    assert_same_file(support.dir, target, "FIRN.keys");
    struct fi_db_options options = db_support_existing;
    options.unlock = &wrong;
    DB_FAILS(fi_db_open(target, &options, &clone, &err), FIRN_DENIED, "/clone");
    options.unlock = &right;
    DB_OK(fi_db_open(target, &options, &clone, &err));
    assert_string_equal(db_support_get(db_support_keyspace(clone, "k"), "key 1"),
                        "the same in both");
    DB_OK(fi_db_close(clone, &err));
    DB_OK(fi_db_close(db, &err));
    fi_os_dir_close(target);
    db_support_deinit(&support);
}

/* The store, its clone, and a copy of its files that a crash might have left, each with the same
 * master key: whatever they write from then on, and in the same places. */
static void
a_clone_and_a_copy_repeat_no_nonce(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_os_dir *root;
    struct fi_os_dir *dirs[3] = {NULL};
    struct firn_db *stores[3];
    db_support_init(&support, 1);
    test_nonces_begin();
    stores[0] = open_encrypted(support.dir);
    for (unsigned round = 0; round < 10; round++) {
        write_some(stores[0], round);
    }
    dirs[1] = open_target(support.os);
    DB_OK(fi_copy_clone(stores[0], dirs[1], NULL, &err));
    write_some(stores[0], 10);
    DB_OK(fi_os_dir_open_path(support.os, "/", &root, &err));
    DB_OK(fi_os_make_dir(root, "copy", 0700, &err));
    DB_OK(fi_os_dir_open(root, "copy", &dirs[2], &err));
    db_support_copy(support.dir, dirs[2]);
    uint64_t before = test_nonces_count();
    assert_true(before > 20);
    for (unsigned opening = 0; opening < 4; opening++) {
        for (size_t i = 1; i < 3; i++) {
            stores[i] = open_encrypted(dirs[i]);
        }
        for (unsigned round = 20 * opening; round < 20 * opening + 15; round++) {
            for (size_t i = 0; i < 3; i++) {
                write_some(stores[i], round);
            }
        }
        for (size_t i = 1; i < 3; i++) {
            if (opening % 2 == 0) {
                DB_OK(fi_db_close(stores[i], &err));
            } else {
                fi_db_abandon(stores[i]);
            }
        }
    }
    assert_true(test_nonces_count() > 4 * before);
    assert_int_equal(test_nonces_repeated(), 0);
    DB_OK(fi_db_close(stores[0], &err));
    fi_os_dir_close(dirs[1]);
    fi_os_dir_close(dirs[2]);
    fi_os_dir_close(root);
    db_support_deinit(&support);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clone_has_everything_and_is_a_store_of_its_own),
        cmocka_unit_test(directories_that_hold_something_are_refused),
        cmocka_unit_test(without_links_files_are_copied),
        cmocka_unit_test(every_power_cut_leaves_a_clone_or_none),
        cmocka_unit_test(every_failed_allocation_leaves_a_clone_or_none),
        cmocka_unit_test(a_foreign_name_that_is_no_name_here_is_not_taken_for_something_else),
        cmocka_unit_test(a_clone_has_the_same_keys),
        cmocka_unit_test(a_clone_and_a_copy_repeat_no_nonce),
    };
    return cmocka_run_group_tests_name("db_clone", tests, NULL, NULL);
}
