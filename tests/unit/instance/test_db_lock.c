/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/instance: the lock of a store when others remove or replace its files: a second writer never
 * gets in, the first one notices before it changes more than its log, and nothing that was
 * acknowledged is lost. In memory, and on the real disk with the locks of the system.
 */
#include <string.h>

#include "rescue/rescue.h"
#include "sim/sim_memory.h"
#include "storefile/storefile.h"
#include "support/store/db_support.h"
#include "support/test_file.h"

/* A writer with one acknowledged commit. */
struct scene {
    struct db_support support;
    struct db_support_disk disk;
    struct fi_os_dir *dir;
    struct firn_db *db;
    bool is_real;
};

static void
begin(struct scene *scene, bool is_real)
{
    *scene = (struct scene){.is_real = is_real};
    if (is_real) {
        db_support_disk_init(&scene->disk);
        scene->dir = scene->disk.dir;
    } else {
        db_support_init(&scene->support, 1);
        scene->dir = scene->support.dir;
    }
    scene->db = db_support_open(scene->dir);
    db_support_put(db_support_keyspace(scene->db, "k"), "a", "1");
}

static void
end(struct scene *scene)
{
    if (scene->is_real) {
        db_support_disk_deinit(&scene->disk);
    } else {
        db_support_deinit(&scene->support);
    }
}

static void
take_away(struct scene *scene, const char *name)
{
    firn_error err;
    DB_OK(fi_os_remove_file(scene->dir, name, &err));
}

/* As an editor saves a file: the same bytes under the same name, in another file. */
static void
replace(struct scene *scene, const char *name)
{
    firn_error err;
    struct fi_os_file *file;
    uint8_t bytes[4096];
    size_t size;
    DB_OK(fi_os_file_open(scene->dir, name, FI_OS_READ, 0, &file, &err));
    DB_OK(fi_os_file_read(file, 0, bytes, sizeof bytes, &size, &err));
    fi_os_file_close(file);
    test_file_write(scene->dir, "other", bytes, size);
    DB_OK(fi_os_rename(scene->dir, "other", scene->dir, name, FI_OS_RENAME_REPLACE, &err));
}

/* The writer has what it acknowledged, in its handle and for the next opening; it changes nothing more. */
static void
expect_latched(struct scene *scene)
{
    firn_error err;
    struct firn_db_keyspace *keyspace = db_support_keyspace(scene->db, "k");
    db_support_put(keyspace, "b", "2"); /* into its own log */
    DB_FAILS(fi_db_maintain_flush(scene->db, &err), FIRN_FAILED, "removed or replaced");
    DB_FAILS(fi_db_put(keyspace, firn_str("c"), firn_str("3"), FIRN_DURABILITY_FULL, &err),
             FIRN_FAILED, "removed or replaced");
    assert_string_equal(db_support_keys(keyspace, NULL, false), "a b ");
    DB_FAILS(fi_db_close(scene->db, &err), FIRN_FAILED, "removed or replaced");
    scene->db = db_support_open(scene->dir);
    assert_string_equal(db_support_keys(db_support_keyspace(scene->db, "k"), NULL, false), "a b ");
    DB_OK(fi_db_close(scene->db, &err));
}

static void
a_second_writer_is_refused_when_the_lock_file_is_gone(void **state)
{
    firn_error err;
    for (unsigned i = 0; i < 4; i++) {
        struct scene scene;
        struct firn_db *second;
        struct fi_storefile_lock *lock;
        begin(&scene, i / 2 == 1);
        (i % 2 == 0 ? take_away : replace)(&scene, "LOCK");
        for (unsigned again = 0; again < 2; again++) { /* the first one has made another LOCK */
            DB_FAILS(fi_db_open(scene.dir, &db_support_existing, &second, &err), FIRN_BUSY,
                     "locked by another process");
            assert_null(second);
        }
        DB_FAILS(fi_storefile_lock_acquire(scene.dir, 0, &lock, &err), FIRN_BUSY, "locked");
        assert_null(lock);
        DB_FAILS(fi_storefile_lock_hold(scene.dir, false, 0, &lock, &err), FIRN_BUSY, "locked");
        assert_null(lock);
        expect_latched(&scene);
        end(&scene);
    }
}

static void
a_writer_whose_identity_file_is_replaced_stops(void **state)
{
    firn_error err;
    for (unsigned i = 0; i < 2; i++) {
        struct scene scene;
        struct firn_db *second;
        begin(&scene, i == 1);
        replace(&scene, "FIRN");
        DB_FAILS(fi_db_open(scene.dir, &db_support_existing, &second, &err), FIRN_BUSY,
                 "locked by process");
        expect_latched(&scene);
        end(&scene);
    }
}

/* Closing alone notices it, too: nothing was flushed. */
static void
closing_writes_nothing_after_the_lock_file_is_gone(void **state)
{
    firn_error err;
    for (unsigned i = 0; i < 4; i++) {
        struct scene scene;
        begin(&scene, i / 2 == 1);
        struct fi_os_stat before;
        struct fi_os_stat after;
        DB_OK(fi_os_stat(scene.dir, "wal-000001.log", &before, &err));
        (i % 2 == 0 ? take_away : replace)(&scene, "LOCK");
        DB_FAILS(fi_db_close(scene.db, &err), FIRN_FAILED, "LOCK");
        DB_OK(fi_os_stat(scene.dir, "wal-000001.log", &after, &err));
        assert_int_equal(after.size_bytes, before.size_bytes);
        scene.db = db_support_open(scene.dir);
        assert_string_equal(db_support_get(db_support_keyspace(scene.db, "k"), "a"), "1");
        DB_OK(fi_db_close(scene.db, &err));
        end(&scene);
    }
}

/* It locks LOCK alone. */
static void
a_program_that_knows_only_the_lock_file_and_this_one_keep_each_other_out(void **state)
{
    firn_error err;
    for (unsigned i = 0; i < 2; i++) {
        struct scene scene;
        struct fi_os_file *old;
        struct firn_db *second;
        begin(&scene, i == 1);
        DB_OK(fi_os_file_open(scene.dir, "LOCK", FI_OS_READ | FI_OS_WRITE, 0, &old, &err));
        assert_int_equal(fi_os_file_lock(old, FI_OS_LOCK_EXCLUSIVE, &err), FIRN_BUSY);
        DB_OK(fi_db_close(scene.db, &err));
        DB_OK(fi_os_file_lock(old, FI_OS_LOCK_EXCLUSIVE, &err));
        DB_FAILS(fi_db_open(scene.dir, &db_support_existing, &second, &err), FIRN_BUSY, "locked");
        fi_os_file_close(old);

        /* With the name taken away the old program gets in, and this one goes on no more. */
        scene.db = db_support_open(scene.dir);
        take_away(&scene, "LOCK");
        DB_OK(fi_os_file_open(scene.dir, "LOCK", FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE, 0600,
                              &old, &err));
        DB_OK(fi_os_file_lock(old, FI_OS_LOCK_EXCLUSIVE, &err));
        db_support_put(db_support_keyspace(scene.db, "k"), "b", "2");
        DB_FAILS(fi_db_maintain_flush(scene.db, &err), FIRN_FAILED, "LOCK");
        DB_FAILS(fi_db_close(scene.db, &err), FIRN_FAILED, "LOCK");
        fi_os_file_close(old);
        end(&scene);
    }
}

static void
waiting_for_the_lock_waits_for_a_writer_without_its_file_too(void **state)
{
    firn_error err;
    struct scene scene;
    struct firn_db *second;
    const struct fi_db_options patient = {.lock_timeout_ms = 2500};
    begin(&scene, false);
    take_away(&scene, "LOCK");
    int64_t began = fi_os_monotonic_ns(scene.support.os);
    DB_FAILS(fi_db_open(scene.dir, &patient, &second, &err), FIRN_BUSY, "was removed or replaced");
    int64_t waited = fi_os_monotonic_ns(scene.support.os) - began;
    assert_true(waited >= INT64_C(2500000000) && waited < INT64_C(2600000000));
    fi_db_abandon(scene.db);
    end(&scene);
}

/* It only looks whether another has locked it. */
static void
a_user_who_may_not_write_the_identity_file_locks_what_he_can(void **state)
{
    firn_error err;
    enum { USER = 1000 };
    struct scene scene;
    struct firn_db *second;
    begin(&scene, false);
    const char *const names[] = {"FIRN", "LOCK",           "RESERVE",
                                 "runs", "wal-000001.log", "manifest-000001.log"};
    DB_OK(fi_os_set_mode((struct fi_os_node){.dir = scene.dir}, 0777, &err));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        FI_IGNORE(fi_os_set_mode((struct fi_os_node){.dir = scene.dir, .name = names[i]},
                                 i == 0 ? 0444 : 0777, NULL));
    }
    fi_sim_memory_set_user(scene.support.os, USER);
    take_away(&scene, "LOCK");
    DB_FAILS(fi_db_open(scene.dir, &db_support_existing, &second, &err), FIRN_BUSY,
             "was removed or replaced");
    fi_db_abandon(scene.db);
    scene.db = db_support_open(scene.dir);
    DB_FAILS(fi_db_open(scene.dir, &db_support_existing, &second, &err), FIRN_BUSY, "locked");
    DB_OK(fi_db_close(scene.db, &err));
    end(&scene);
}

/* The files are reached by the directory's handle, not by its path. */
static void
a_store_that_is_moved_as_a_whole_stays_its_writers(void **state)
{
    firn_error err;
    struct scene scene;
    struct fi_os_dir *root;
    begin(&scene, false);
    DB_OK(fi_os_dir_open_path(scene.support.os, "/", &root, &err));
    DB_OK(fi_os_rename(root, "store", root, "moved", FI_OS_RENAME_NO_REPLACE, &err));
    DB_OK(fi_os_make_dir(root, "store", 0700, &err));
    db_support_put(db_support_keyspace(scene.db, "k"), "b", "2");
    DB_OK(fi_db_maintain_flush(scene.db, &err));
    DB_OK(fi_db_close(scene.db, &err));
    fi_os_dir_close(root);
    end(&scene);
}

/* An archive can link LOCK to a file of the user's. */
static void
a_lock_that_is_a_link_to_another_file_does_not_write_to_it(void **state)
{
    firn_error err;
    struct scene scene;
    struct fi_os_file *file;
    char text[16] = {0};
    size_t size;
    begin(&scene, false);
    DB_OK(fi_db_close(scene.db, &err));
    DB_OK(fi_os_file_open(scene.dir, "mine", FI_OS_WRITE | (unsigned)FI_OS_CREATE, 0600, &file,
                          &err));
    DB_OK(fi_os_file_write(file, 0, "important", 9, &err));
    fi_os_file_close(file);
    DB_OK(fi_os_remove_file(scene.dir, "LOCK", &err));
    DB_OK(fi_os_link(scene.dir, "mine", scene.dir, "LOCK", &err));
    scene.db = db_support_open(scene.dir);
    db_support_put(db_support_keyspace(scene.db, "k"), "b", "2");
    DB_OK(fi_db_close(scene.db, &err));
    DB_OK(fi_os_file_open(scene.dir, "mine", FI_OS_READ, 0, &file, &err));
    DB_OK(fi_os_file_read(file, 0, text, sizeof text, &size, &err));
    fi_os_file_close(file);
    assert_int_equal(size, 9);
    assert_memory_equal(text, "important", 9);
    end(&scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_writer_is_refused_when_the_lock_file_is_gone),
        cmocka_unit_test(a_writer_whose_identity_file_is_replaced_stops),
        cmocka_unit_test(closing_writes_nothing_after_the_lock_file_is_gone),
        cmocka_unit_test(a_program_that_knows_only_the_lock_file_and_this_one_keep_each_other_out),
        cmocka_unit_test(waiting_for_the_lock_waits_for_a_writer_without_its_file_too),
        cmocka_unit_test(a_user_who_may_not_write_the_identity_file_locks_what_he_can),
        cmocka_unit_test(a_store_that_is_moved_as_a_whole_stays_its_writers),
        cmocka_unit_test(a_lock_that_is_a_link_to_another_file_does_not_write_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
