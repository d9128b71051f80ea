/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/commit: loads of entries in any order: of each key the last entry counts, whether they fit in memory, go to a few
 * files or to so many that these are merged on the way; small ones, and ones that are given up; power cuts, calls and
 * allocations that fail anywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/inspect.h"
#include "sim/sim_fault.h"
#include "storefile/storefile.h"
#include "support/store/db_program.h"
#include "support/test_random.h"

/* So little memory that a few entries go to a file. */
static const struct fi_db_options little = {.create_if_missing = true, .memory_bytes = 64 << 10};

static const struct fi_storefile_progress quiet = {.on_progress = NULL};

static struct firn_db *
open_little(struct fi_os_dir *dir)
{
    firn_error err;
    struct firn_db *db;
    DB_OK(fi_db_open(dir, &little, &db, &err));
    return db;
}

static firn_slice
key_of(unsigned number, char out[16])
{
    (void)snprintf(out, 16, "key-%05u", number);
    return firn_str(out);
}

static int
count_one(void *ctx, const struct fi_os_dirent *entry)
{
    (void)entry;
    ++*(size_t *)ctx;
    return FIRN_OK;
}

static size_t
files_in_runs(struct fi_os_dir *dir)
{
    firn_error err;
    struct fi_os_dir *runs;
    size_t count = 0;
    DB_OK(fi_os_dir_open(dir, "runs", &runs, &err));
    DB_OK(fi_os_dir_list(runs, count_one, &count, &err));
    fi_os_dir_close(runs);
    return count;
}

/* ---- against a model ---- */

enum { KEYS = 4000, VALUE_SIZE = 1200 };

struct model {
    struct test_random random;
    unsigned values[KEYS]; /* 0: the key is not there */
    unsigned stamp;
};

static void
put(struct model *model, struct firn_db_bulk *bulk, unsigned key)
{
    firn_error err;
    char name[16];
    char value[VALUE_SIZE];
    size_t size = 8 + test_random_below(&model->random, sizeof value - 8);
    memset(value, 'v', sizeof value);
    model->stamp++;
    memcpy(value, &model->stamp, sizeof model->stamp);
    model->values[key] = model->stamp;
    if (test_random_below(&model->random, 5) == 0) {
        DB_OK(fi_db_bulk_put_ttl(bulk, key_of(key, name), firn_bytes(value, size), 1U << 30, &err));
    } else {
        DB_OK(fi_db_bulk_put(bulk, key_of(key, name), firn_bytes(value, size), &err));
    }
}

static void
check(const struct model *model, struct firn_db_keyspace *keyspace)
{
    firn_error err;
    struct firn_db_cursor *cursor;
    const struct fi_db_cursor_options all = {.snapshot = NULL};
    DB_OK(fi_db_cursor_open(keyspace, &all, &cursor, &err));
    DB_OK(fi_db_cursor_first(cursor, &err));
    for (unsigned key = 0; key < KEYS; key++) {
        char name[16];
        if (model->values[key] == 0) {
            continue;
        }
        assert_true(fi_db_cursor_valid(cursor));
        firn_slice found = fi_db_cursor_key(cursor);
        firn_slice value = fi_db_cursor_value(cursor);
        assert_int_equal(found.size, key_of(key, name).size);
        assert_memory_equal(found.data, name, found.size);
        assert_memory_equal(value.data, &model->values[key], sizeof model->values[key]);
        DB_OK(fi_db_cursor_next(cursor, &err));
    }
    assert_false(fi_db_cursor_valid(cursor));
    fi_db_cursor_close(cursor);
}

static void
load_some(struct model *model, struct firn_db_keyspace *keyspace, unsigned entries)
{
    firn_error err;
    struct firn_db_bulk *bulk;
    DB_OK(fi_db_bulk_open_unsorted(keyspace, &quiet, &bulk, &err));
    for (unsigned i = 0; i < entries; i++) {
        put(model, bulk, (unsigned)test_random_below(&model->random, KEYS));
    }
    assert_int_equal(fi_db_bulk_count(bulk), entries);
    DB_OK(fi_db_bulk_commit(bulk, &err));
    fi_db_bulk_close(bulk);
    check(model, keyspace);
}

static void
of_each_key_the_last_entry_counts(void **state)
{
    /* One entry; a batch; one file and what is in memory; some files; more than are merged at once. */
    static const unsigned entries[] = {1, 20, 60, 400, 3000, 5};
    firn_error err;
    struct db_support support;
    static struct model model;
    test_random_init(&model.random, "loads in any order", 1);
    db_support_init(&support, 1);
    struct firn_db *db = open_little(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        load_some(&model, keyspace, entries[i]);
    }
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    check(&model, keyspace);
    DB_OK(fi_db_close(db, &err));
    db = open_little(support.dir);
    check(&model, db_support_keyspace(db, "k"));
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
a_load_is_one_commit_and_newer_than_what_came_meanwhile(void **state)
{
    firn_error err;
    for (unsigned entries = 2; entries <= 200; entries += 198) {
        struct db_support support;
        struct firn_db_bulk *bulk;
        struct firn_snapshot *before;
        char name[16];
        char value[VALUE_SIZE] = {'l'};
        db_support_init(&support, entries);
        struct firn_db *db = open_little(support.dir);
        struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
        DB_OK(fi_db_bulk_open_unsorted(keyspace, &quiet, &bulk, &err));
        for (unsigned i = entries; i > 0; i--) {
            DB_OK(fi_db_bulk_put(bulk, key_of(i, name), firn_bytes(value, sizeof value), &err));
        }
        db_support_put(keyspace, "key-00001", "meanwhile");
        db_support_put(keyspace, "key-00000", "meanwhile");
        DB_OK(fi_db_snapshot_open(db, &before, &err));
        assert_string_equal(db_support_keys(keyspace, NULL, false), "key-00000 key-00001 ");
        DB_OK(fi_db_bulk_commit(bulk, &err));
        DB_FAILS(fi_db_bulk_commit(bulk, &err), FIRN_MISUSE, "over");
        fi_db_bulk_close(bulk);
        assert_string_equal(db_support_get(keyspace, "key-00001"), "l");
        assert_string_equal(db_support_get(keyspace, "key-00000"), "meanwhile");
        const struct fi_db_cursor_options at = {.snapshot = before};
        assert_string_equal(db_support_keys(keyspace, &at, false), "key-00000 key-00001 ");
        fi_db_snapshot_close(before);
        fi_db_abandon(db);
        db_support_cut(&support, entries);
        db = open_little(support.dir);
        assert_string_equal(db_support_get(db_support_keyspace(db, "k"), "key-00001"), "l");
        DB_OK(fi_db_close(db, &err));
        db_support_deinit(&support);
    }
}

static int
cancel(void *ctx, const firn_progress *progress)
{
    assert_string_equal(progress->phase, "write");
    assert_true(progress->bytes_done <= progress->bytes_total);
    return --*(int *)ctx > 0 ? FIRN_OK : FIRN_CANCELLED;
}

static void
what_is_given_up_or_cancelled_leaves_nothing(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db_bulk *bulk;
    char name[16];
    char value[VALUE_SIZE] = {'x'};
    db_support_init(&support, 3);
    struct firn_db *db = open_little(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    db_support_put(keyspace, "a", "1");
    DB_OK(fi_db_maintain_flush(db, &err));
    size_t files = files_in_runs(support.dir);
    for (int calls = 0; calls < 2; calls++) {
        int left = 1;
        struct fi_storefile_progress progress = {
            .on_progress = cancel, .ctx = &left, .os = support.os};
        DB_OK(fi_db_bulk_open_unsorted(keyspace, &progress, &bulk, &err));
        for (unsigned i = 300; i > 0; i--) {
            DB_OK(fi_db_bulk_put(bulk, key_of(i, name), firn_bytes(value, sizeof value), &err));
        }
        assert_true(files_in_runs(support.dir) > files);
        if (calls == 1) {
            DB_FAILS(fi_db_bulk_commit(bulk, &err), FIRN_CANCELLED, "cancelled");
        }
        fi_db_bulk_close(bulk);
        assert_int_equal(files_in_runs(support.dir), files);
        assert_string_equal(db_support_keys(keyspace, NULL, false), "a ");
    }
    /* Nothing at all, and a keyspace that is dropped meanwhile. */
    DB_OK(fi_db_bulk_open_unsorted(keyspace, &quiet, &bulk, &err));
    DB_OK(fi_db_bulk_commit(bulk, &err));
    fi_db_bulk_close(bulk);
    for (unsigned entries = 1; entries < 300; entries += 200) {
        keyspace = db_support_keyspace(db, "k");
        DB_OK(fi_db_bulk_open_unsorted(keyspace, &quiet, &bulk, &err));
        for (unsigned i = 0; i < entries; i++) {
            DB_OK(fi_db_bulk_put(bulk, key_of(i, name), firn_bytes(value, sizeof value), &err));
        }
        DB_OK(fi_db_keyspace_drop(db, "k", &err));
        DB_FAILS(fi_db_bulk_commit(bulk, &err), FIRN_MISUSE, "was dropped");
        fi_db_bulk_close(bulk);
    }
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* ---- faults ---- */

enum { LOADED = 48 };

/* Some entries, then a load of LOADED keys, backwards and some twice, by way of files. */
static int
run_program(struct fi_os_dir *dir, bool *out_is_certain)
{
    firn_error err;
    struct firn_db *db = NULL;
    struct firn_db_keyspace *keyspace;
    struct firn_db_bulk *bulk = NULL;
    char key[16];
    char value[VALUE_SIZE] = {'w'};
    int rc;
    *out_is_certain = false;
    FI_TRY(fi_db_open(dir, &little, &db, &err));
    FI_TRY(fi_db_keyspace_open(db, "k", &keyspace, &err));
    for (unsigned i = 0; i < LOADED; i += 9) {
        FI_TRY(fi_db_put(keyspace, key_of(i, key), firn_str("o"), FIRN_DURABILITY_OS, &err));
    }
    FI_TRY(fi_db_bulk_open_unsorted(keyspace, &quiet, &bulk, &err));
    for (unsigned i = LOADED; i > 0; i--) {
        value[0] = 'w';
        FI_TRY(fi_db_bulk_put(bulk, key_of(i - 1, key), firn_bytes(value, sizeof value), &err));
        value[0] = 'l';
        FI_TRY(
            fi_db_bulk_put(bulk, key_of(i % LOADED, key), firn_bytes(value, sizeof value), &err));
    }
    FI_TRY(fi_db_bulk_commit(bulk, &err));
    *out_is_certain = true;
out:
    fi_db_bulk_close(bulk);
    fi_db_abandon(db);
    return rc;
}

/* All of the load or nothing of it. */
static void
check_state(struct fi_os_dir *dir, bool is_certain)
{
    firn_error err;
    struct firn_db *db = open_little(dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    bool has_load = db_support_get(keyspace, "key-00001") != NULL;
    assert_true(has_load || !is_certain);
    for (unsigned i = 0; i < LOADED; i++) {
        char key[16];
        const char *value = db_support_get(keyspace, (const char *)key_of(i, key).data);
        if (has_load) {
            assert_string_equal(value, i == 0 ? "w" : "l");
        } else if (value != NULL) {
            assert_true(i % 9 == 0 && strcmp(value, "o") == 0);
        }
    }
    DB_OK(fi_inspect_check(
        db, NULL, &(firn_store_check_result){.size = sizeof(firn_store_check_result)}, &err));
    db_support_put(keyspace, "key-00003", "again");
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    assert_string_equal(db_support_get(keyspace, "key-00003"), "again");
    DB_OK(fi_db_close(db, &err));
}

static const struct db_program program = {.run = run_program, .check = check_state};

static void
a_power_cut_at_any_call_leaves_all_of_a_load_or_nothing(void **state)
{
    db_program_cut_everywhere(&program);
}

static void
a_call_that_fails_leaves_all_of_a_load_or_nothing(void **state)
{
    db_program_fail_calls(&program, FI_SIM_FAULT_READS | FI_SIM_FAULT_WRITES | FI_SIM_FAULT_SYNCS |
                                        FI_SIM_FAULT_METADATA);
}

static void
memory_that_runs_out_leaves_all_of_a_load_or_nothing(void **state)
{
    db_program_fail_allocations(&program);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_each_key_the_last_entry_counts),
        cmocka_unit_test(a_load_is_one_commit_and_newer_than_what_came_meanwhile),
        cmocka_unit_test(what_is_given_up_or_cancelled_leaves_nothing),
        cmocka_unit_test(a_power_cut_at_any_call_leaves_all_of_a_load_or_nothing),
        cmocka_unit_test(a_call_that_fails_leaves_all_of_a_load_or_nothing),
        cmocka_unit_test(memory_that_runs_out_leaves_all_of_a_load_or_nothing),
    };
    return cmocka_run_group_tests_name("db_bulk_sort", tests, NULL, NULL);
}
