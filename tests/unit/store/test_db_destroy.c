/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: a store is destroyed while calls fail and the power goes: afterwards it is whole, or it is
 * no store any more; then destroying it again removes the rest, and another one can be made there. What is
 * not the store's stays, wherever it lies.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/store/db_support.h"

static const char *const foreign[] = {"mine",         "wal-notes.txt",  "wal-1.log.bak",
                                      "manifest.txt", "runs/notes.txt", "runs/000123.jpg",
                                      "runs/row"};
enum { FOREIGN = sizeof foreign / sizeof foreign[0] };

static void
make_file(struct fi_os_dir *dir, const char *path)
{
    firn_error err;
    struct fi_os_dir *parent;
    struct fi_os_file *file;
    bool is_run = strncmp(path, "runs/", 5) == 0;
    DB_OK(fi_os_dir_open_beneath(dir, is_run ? "runs" : "", &parent, &err));
    DB_OK(fi_os_file_open(parent, is_run ? path + 5 : path, FI_OS_WRITE | FI_OS_CREATE, 0600, &file,
                          &err));
    DB_OK(fi_os_file_sync(file, &err));
    fi_os_file_close(file);
    DB_OK(fi_os_dir_sync(parent, &err));
    fi_os_dir_close(parent);
}

static bool
is_there(struct fi_os_dir *dir, const char *path)
{
    struct fi_os_dir *parent;
    struct fi_os_stat stat;
    bool is_run = strncmp(path, "runs/", 5) == 0;
    if (fi_os_dir_open_beneath(dir, is_run ? "runs" : "", &parent, NULL) != FIRN_OK) {
        return false;
    }
    int rc = fi_os_stat(parent, is_run ? path + 5 : path, &stat, NULL);
    fi_os_dir_close(parent);
    return rc == FIRN_OK;
}

/* Runs, a log, MANIFEST, and perhaps files that are none of the store's. */
static void
make_store(struct db_support *support, uint64_t seed, bool has_foreign)
{
    firn_error err;
    db_support_init(support, seed);
    struct firn_db *db = db_support_open(support->dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (unsigned i = 0; i < 3; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "k%u", i);
        db_support_put(keyspace, key, "v");
        DB_OK(fi_db_maintain_flush(db, &err));
    }
    db_support_put(keyspace, "last", "v");
    DB_OK(fi_db_close(db, &err));
    for (unsigned i = 0; has_foreign && i < FOREIGN; i++) {
        make_file(support->dir, foreign[i]);
    }
}

/* Whole, or none; then the rest goes, and a new one can be made. */
static void
verify(struct fi_os *os, int destroy_rc)
{
    firn_error err;
    struct fi_os_dir *dir;
    struct firn_db *db;
    int rc = fi_os_dir_open_path(os, "/store", &dir, &err);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    if (rc == FIRN_OK) {
        rc = fi_db_open(dir, &db_support_existing, &db, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND || rc == FIRN_INVALID);
        assert_true(rc != FIRN_OK || destroy_rc != FIRN_OK);
        if (rc == FIRN_OK) {
            struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
            assert_string_equal(db_support_keys(keyspace, NULL, false), "k0 k1 k2 last ");
            DB_OK(fi_db_close(db, &err));
        }
        fi_os_dir_close(dir);
    }
    rc = fi_db_path_destroy(os, "/store", &err);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    DB_OK(fi_db_path_open(os, "/store", &db_support_create, &db, &err));
    assert_string_equal(db_support_keys(db_support_keyspace(db, "k"), NULL, false), "");
    DB_OK(fi_db_close(db, &err));
}

static void
what_is_not_the_stores_stays(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    make_store(&support, 1, true);
    DB_OK(fi_db_path_destroy(support.os, "/store", &err));
    for (unsigned i = 0; i < FOREIGN; i++) {
        assert_true(is_there(support.dir, foreign[i]));
    }
    assert_false(is_there(support.dir, "FIRN"));
    assert_false(is_there(support.dir, "runs/000001.row"));
    DB_FAILS(fi_db_path_destroy(support.os, "/store", &err), FIRN_NOT_FOUND, "no firn store");
    DB_FAILS(fi_db_open(support.dir, &db_support_create, &db, &err), FIRN_INVALID,
             "not empty (it holds");
    db_support_deinit(&support);
}

static void
each_power_cut_while_destroying_leaves_all_or_none(void **state)
{
    uint64_t cuts = 0;
    bool was_cut = true;
    for (uint64_t call = 1; was_cut; call++) {
        for (uint64_t seed = 0; seed < 6; seed++) {
            firn_error err;
            struct db_support support;
            make_store(&support, call, false);
            fi_sim_memory_set_cut_at(support.os, fi_sim_memory_calls(support.os) + call);
            int rc = fi_db_path_destroy(support.os, "/store", &err);
            was_cut = fi_sim_memory_is_off(support.os);
            fi_sim_memory_set_cut_at(support.os, 0);
            fi_sim_memory_power_cut(support.os, seed);
            verify(support.os, was_cut ? FIRN_IO : rc);
            db_support_deinit(&support);
            cuts += was_cut;
        }
    }
    (void)printf("%llu power cuts\n", (unsigned long long)cuts);
    assert_true(cuts > 60);
}

static void
each_failed_call_while_destroying_leaves_all_or_none(void **state)
{
    for (int for_ever = 0; for_ever <= 1; for_ever++) {
        struct fi_sim_fault_plan plan = {
            .call = 1, .for_ever = for_ever != 0, .classes = FI_SIM_FAULT_ALL, .error_number = EIO};
        bool was_hit = true;
        for (; was_hit; plan.call++) {
            firn_error err;
            struct db_support support;
            struct fi_os *faulty;
            make_store(&support, plan.call, false);
            DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
            fi_sim_fault_set_plan(faulty, &plan);
            int rc = fi_db_path_destroy(faulty, "/store", &err);
            was_hit = fi_sim_fault_hits(faulty) > 0;
            assert_true(was_hit || rc == FIRN_OK);
            fi_sim_fault_destroy(faulty);
            verify(support.os, rc);
            db_support_deinit(&support);
        }
        assert_true(plan.call > 15);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_the_stores_stays),
        cmocka_unit_test(each_power_cut_while_destroying_leaves_all_or_none),
        cmocka_unit_test(each_failed_call_while_destroying_leaves_all_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
