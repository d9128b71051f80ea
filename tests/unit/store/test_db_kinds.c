/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: keyspaces of keys and values and a table, whose runs are of another kind, in one store.
 */
#include "support/store/db_support.h"

#include <stdio.h>
#include <string.h>

#include "copy/copy.h"
#include "copy/copy_hot.h"
#include "inspect/inspect.h"
#include "lsm/lsm_internal.h"
#include "rescue/rescue.h"
#include "store/db_internal.h"
#include "support/lsm/twin_kind.h"

enum { KEYS = 200, VALUE_SIZE = 300 };

static const struct fi_run_kind *const *own_kinds;
/* Those of a program that has no tables. */
static const struct fi_run_kind *rows_alone[2];

static int
setup(void **state)
{
    own_kinds = fi_db_image_kinds;
    rows_alone[0] = own_kinds[0];
    fi_db_image_kinds = twin_kinds;
    twin_attaches = true;
    return 0;
}

static int
teardown(void **state)
{
    fi_db_image_kinds = own_kinds;
    twin_attaches = false;
    return 0;
}

static void
put_all(struct firn_db_keyspace *keyspace, char letter)
{
    firn_error err;
    char key[16];
    char value[VALUE_SIZE];
    memset(value, letter, sizeof value);
    for (unsigned i = 0; i < KEYS; i++) {
        (void)snprintf(key, sizeof key, "key%04u", i);
        DB_OK(fi_db_put(keyspace, firn_str(key), firn_bytes(value, sizeof value),
                        FIRN_DURABILITY_DEFAULT, &err));
    }
}

/* A store with both, in runs, and a checkpoint "a" before what was put last. */
static struct firn_db *
make_store(struct fi_os_dir *dir)
{
    static const struct fi_storefile_keyspace table = {
        .type = FI_STOREFILE_KEYSPACE_TABLE,
        .schema = 7,
        .others = {(const uint8_t *)"\x06\x02hi", 4},
    };
    firn_error err;
    struct firn_db_keyspace *keyspace;
    struct firn_db *db = db_support_open(dir);
    DB_OK(fi_db_keyspace_create_as(db, "table", &table, &keyspace, &err));
    DB_FAILS(fi_db_keyspace_create_as(db, "table", &table, &keyspace, &err), FIRN_EXISTS,
             "already");
    put_all(db_support_keyspace(db, "table"), 'a');
    put_all(db_support_keyspace(db, "keys"), 'b');
    DB_OK(fi_db_maintain_flush(db, &err));
    DB_OK(fi_db_checkpoint_create(db, "a", NULL, &err));
    put_all(db_support_keyspace(db, "table"), 'c');
    put_all(db_support_keyspace(db, "keys"), 'd');
    DB_OK(fi_db_maintain_flush(db, &err));
    return db;
}

static void
assert_store(struct firn_db *db, char in_table, char in_keys)
{
    firn_error err;
    firn_store_check_result result;
    char value[VALUE_SIZE + 1];
    struct firn_snapshot *snapshot;
    struct fi_storefile_keyspace entry;
    struct fi_buf bytes = {0};
    memset(value, in_table, VALUE_SIZE);
    value[VALUE_SIZE] = '\0';
    assert_string_equal(db_support_get(db_support_keyspace(db, "table"), "key0100"), value);
    memset(value, in_keys, VALUE_SIZE);
    assert_string_equal(db_support_get(db_support_keyspace(db, "keys"), "key0100"), value);
    DB_OK(fi_inspect_check(db, NULL, &result, &err));
    DB_OK(fi_db_snapshot_open(db, &snapshot, &err));
    DB_OK(fi_db_keyspace_entry_in(snapshot, "table", &bytes, &entry, &err));
    assert_int_equal(entry.type, FI_STOREFILE_KEYSPACE_TABLE);
    assert_int_equal(entry.schema, 7);
    assert_int_equal(entry.others.size, 4);
    const struct fi_db_tree *tree = fi_db_trees_find(fi_db_image(db), entry.id);
    assert_ptr_equal(tree->lsm_tree->kind, &twin_kind);
    assert_int_equal(tree->schema, 7);
    DB_OK(fi_db_keyspace_entry_in(snapshot, "keys", &bytes, &entry, &err));
    assert_int_equal(entry.type, FI_STOREFILE_KEYSPACE_KEYS);
    tree = fi_db_trees_find(fi_db_image(db), entry.id);
    assert_ptr_equal(tree->lsm_tree->kind, fi_db_image_kinds[0]);
    fi_db_snapshot_close(snapshot);
    fi_buf_deinit(&bytes);
}

static void
a_table_is_stored_in_runs_of_its_own_kind_beside_others(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_db_checkpoint_info info;
    db_support_init(&support, 1);
    struct firn_db *db = make_store(support.dir);
    assert_store(db, 'c', 'd');
    DB_OK(fi_db_close(db, &err));
    db = db_support_open(support.dir);
    assert_store(db, 'c', 'd');
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    assert_store(db, 'c', 'd');
    DB_OK(fi_db_checkpoint_restore(db, "a", &info, &info, &err));
    assert_store(db, 'a', 'b');
    fi_db_abandon(db);
    /* The log alone, and MANIFEST, after a power cut. */
    db_support_cut(&support, 2);
    db = db_support_open(support.dir);
    assert_store(db, 'a', 'b');
    DB_OK(fi_db_close(db, &err));
    /* A program that has no tables touches nothing. */
    fi_db_image_kinds = rows_alone;
    DB_FAILS(fi_db_open(support.dir, &db_support_existing, &db, &err), FIRN_NEWER, "kind 2");
    fi_db_image_kinds = twin_kinds;
    db = db_support_open(support.dir);
    assert_store(db, 'a', 'b');
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
a_number_is_of_one_type_and_schema(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_snapshot *snapshot;
    struct fi_storefile_keyspace named;
    struct fi_buf bytes = {0};
    struct fi_db_tree *tree;
    const struct fi_entry entry = {.key = firn_str("other"), .kind = FI_ENTRY_PUT};
    db_support_init(&support, 1);
    struct firn_db *db = make_store(support.dir);
    DB_OK(fi_db_snapshot_open(db, &snapshot, &err));
    DB_OK(fi_db_keyspace_entry_in(snapshot, "table", &bytes, &named, &err));
    fi_db_snapshot_close(snapshot);
    struct fi_storefile_keyspace wrong[2] = {named, named};
    wrong[0].schema++;
    wrong[1].type = FI_STOREFILE_KEYSPACE_KEYS;
    wrong[1].schema = 0;
    struct fi_db_image *image = fi_db_image(db);
    DB_OK(fi_db_image_name(image, &named, &entry, &tree, &err));
    for (unsigned i = 0; i < 2; i++) {
        DB_FAILS(fi_db_image_name(image, &wrong[i], &entry, &tree, &err), FIRN_CORRUPT,
                 "contradicts itself about number");
    }
    fi_buf_deinit(&bytes);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* The list must be able to say which number comes after the last one. */
static void
numbers_of_keyspaces_are_used_up_before_they_are_too_large(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db_keyspace *keyspace;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    fi_db_image(db)->next_id = UINT32_MAX - 1;
    put_all(db_support_keyspace(db, "last"), 'a');
    for (unsigned round = 0; round < 3; round++) {
        const struct fi_storefile_keyspace keys = {.id = 0};
        DB_FAILS(fi_db_keyspace_create_as(db, "more", &keys, &keyspace, &err), FIRN_LIMIT,
                 "used up");
        if (round == 1) {
            DB_OK(fi_db_keyspace_drop(db, "last", &err));
        }
        DB_OK(fi_db_maintain_flush(db, &err));
        DB_OK(fi_db_close(db, &err));
        db = db_support_open(support.dir);
    }
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
a_table_that_no_run_has_yet_is_refused_by_a_program_without_tables(void **state)
{
    static const struct fi_storefile_keyspace table = {.type = FI_STOREFILE_KEYSPACE_TABLE};
    firn_error err;
    struct db_support support;
    struct firn_db_keyspace *keyspace;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    DB_OK(fi_db_keyspace_create_as(db, "table", &table, &keyspace, &err));
    fi_db_abandon(db);
    fi_db_image_kinds = rows_alone;
    DB_FAILS(fi_db_open(support.dir, &db_support_existing, &db, &err), FIRN_NEWER,
             "is a table, which this program does not know");
    fi_db_image_kinds = twin_kinds;
    db = db_support_open(support.dir);
    put_all(db_support_keyspace(db, "table"), 'z');
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static struct fi_os_dir *
make_dir(struct fi_os *os, const char *name)
{
    firn_error err;
    struct fi_os_dir *root;
    struct fi_os_dir *dir;
    DB_OK(fi_os_dir_open_path(os, "/", &root, &err));
    DB_OK(fi_os_make_dir(root, name, 0700, &err));
    DB_OK(fi_os_dir_sync(root, &err));
    DB_OK(fi_os_dir_open(root, name, &dir, &err));
    fi_os_dir_close(root);
    return dir;
}

static void
copies_have_the_table(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_storefile_progress progress = {0};
    struct fi_db_checkpoint_info info;
    struct fi_copy_hot *capture;
    struct firn_db *copy;
    db_support_init(&support, 1);
    struct firn_db *db = make_store(support.dir);
    struct fi_os_dir *dir = make_dir(support.os, "clone");
    DB_OK(fi_copy_clone(db, dir, NULL, &err));
    copy = db_support_open(dir);
    assert_store(copy, 'c', 'd');
    DB_OK(fi_db_close(copy, &err));
    fi_os_dir_close(dir);
    const struct fi_copy_export_target target = {
        .os = support.os, .path = "/file", .replace_existing = true};
    DB_OK(fi_copy_export(db, "a", &target, &progress, &err));
    DB_OK(fi_copy_import(support.os, "/file", "/import", NULL, &progress, &info, &err));
    DB_OK(fi_db_path_open(support.os, "/import", &db_support_existing, &copy, &err));
    assert_store(copy, 'a', 'b');
    DB_OK(fi_db_close(copy, &err));
    DB_OK(fi_copy_hot_open(support.dir, &capture, &err));
    assert_null(fi_copy_hot_missing(capture));
    fi_copy_hot_close(capture);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static int
count_salvaged(void *ctx, const struct fi_rescue_salvage_entry *entry, firn_error *err)
{
    unsigned *counts = ctx;
    (void)err;
    if (!entry->is_of_log && entry->value.size == VALUE_SIZE) {
        counts[entry->value.data[0] - 'a']++;
    }
    return FIRN_OK;
}

static void
ignore_damage(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

static int
remove_manifest(void *ctx, const struct fi_os_dirent *entry)
{
    return strncmp(entry->name, "manifest", 8) == 0 ? fi_os_remove_file(ctx, entry->name, NULL)
                                                    : FIRN_OK;
}

static void
runs_of_all_kinds_are_rescued(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_rescue_result result;
    struct fi_os_dir *own;
    unsigned counts[26] = {0};
    const struct fi_rescue_options options = {.on_damage = ignore_damage};
    db_support_init(&support, 1);
    DB_OK(fi_db_close(make_store(support.dir), &err));
    DB_OK(fi_rescue_keys_unlock(support.dir, NULL, &own, NULL, &err));
    DB_OK(fi_rescue_salvage(own, count_salvaged, counts, &err));
    fi_os_dir_close(own);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(counts[i], KEYS);
    }
    DB_OK(fi_os_dir_open_beneath(support.dir, "", &own, &err));
    DB_OK(fi_os_dir_list(support.dir, remove_manifest, own, &err));
    fi_os_dir_close(own);
    struct fi_os_dir *dir = make_dir(support.os, "mended");
    DB_OK(fi_rescue(support.dir, dir, &options, &result, &err));
    assert_int_not_equal(result.state, FI_RESCUE_LOST);
    struct firn_db *db = db_support_open(dir);
    assert_store(db, 'c', 'd');
    DB_OK(fi_db_close(db, &err));
    fi_os_dir_close(dir);
    db_support_deinit(&support);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_table_is_stored_in_runs_of_its_own_kind_beside_others,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_table_that_no_run_has_yet_is_refused_by_a_program_without_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(a_number_is_of_one_type_and_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_of_keyspaces_are_used_up_before_they_are_too_large,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(copies_have_the_table, setup, teardown),
        cmocka_unit_test_setup_teardown(runs_of_all_kinds_are_rescued, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
