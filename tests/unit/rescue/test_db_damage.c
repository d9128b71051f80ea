/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rescue: stores whose files were damaged, shortened, or taken away. What opens shows all
 * commits, or, where a log cannot tell damage from a crash (docs/formats/log.md), the first few of
 * them; never anything else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/inspect.h"
#include "rescue/rescue.h"
#include "sim/sim_memory.h"
#include "store/db_internal.h"
#include "support/store/db_support.h"
#include "support/test_file.h"

enum { COMMITS = 10 };

static const char *const files[] = {"FIRN", "wal-000001.log", "LOCK"};

/* Ten commits, each its own key, on a machine whose directory /copy is free to be damaged. */
struct scene {
    struct db_support support;
    struct fi_os_dir *copy;
    size_t before_last; /* size of the log without the last commit */
    size_t with_last;
};

static size_t
log_size(struct fi_os_dir *dir)
{
    firn_error err;
    struct fi_os_stat stat;
    DB_OK(fi_os_stat(dir, "wal-000001.log", &stat, &err));
    return (size_t)stat.size_bytes;
}

static void
scene_init(struct scene *scene, bool is_closed)
{
    firn_error err;
    struct fi_os_dir *root;
    db_support_init(&scene->support, 1);
    struct firn_db *db = db_support_open(scene->support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (char c = '0'; c < '0' + COMMITS; c++) {
        scene->before_last = log_size(scene->support.dir);
        db_support_put(keyspace, (char[]){c, 0}, "a value");
    }
    scene->with_last = log_size(scene->support.dir);
    if (is_closed) {
        DB_OK(fi_db_close(db, &err));
    } else {
        fi_db_abandon(db);
    }
    DB_OK(fi_os_dir_open_path(scene->support.os, "/", &root, &err));
    DB_OK(fi_os_make_dir(root, "copy", 0700, &err));
    DB_OK(fi_os_dir_open(root, "copy", &scene->copy, &err));
    fi_os_dir_close(root);
}

static void
scene_deinit(struct scene *scene)
{
    fi_os_dir_close(scene->copy);
    db_support_deinit(&scene->support);
}

/* How many commits a store shows; they must be the first ones. */
static size_t
count_shown(struct firn_db *db)
{
    firn_error err;
    static const char all[] = "0 1 2 3 4 5 6 7 8 9 ";
    struct firn_db_keyspace *keyspace;
    int rc = fi_db_keyspace_open(db, "k", &keyspace, &err);
    if (rc == FIRN_NOT_FOUND) {
        return 0;
    }
    DB_OK(rc);
    const char *keys = db_support_keys(keyspace, NULL, false);
    size_t size = strlen(keys);
    assert_int_equal(strncmp(keys, all, size), 0);
    return size / 2;
}

/* Opens the copy in both ways; SIZE_MAX where it is refused as damaged. */
static size_t
open_copy(struct scene *scene, const char *file)
{
    firn_error err;
    struct firn_db *db;
    size_t shown = SIZE_MAX;
    int rc = fi_db_open(scene->copy, &db_support_read_only, &db, &err);
    if (rc == FIRN_OK) {
        shown = count_shown(db);
        fi_db_abandon(db);
    } else {
        assert_true(rc == FIRN_CORRUPT || rc == FIRN_NEWER);
        assert_non_null(strstr(err.text, file));
    }
    int writing = fi_db_open(scene->copy, &db_support_create, &db, &err);
    assert_int_equal(writing, rc);
    if (rc == FIRN_OK) {
        assert_int_equal(count_shown(db), shown);
        firn_store_check_result report;
        DB_OK(fi_inspect_check(db, NULL, &report, &err));
        DB_OK(fi_db_close(db, &err));
    }
    return shown;
}

static void
flip_every_byte(bool is_closed)
{
    struct scene scene;
    scene_init(&scene, is_closed);
    size_t prefixes = 0;
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        struct fi_buf bytes = {0};
        test_file_read(scene.support.dir, files[f], &bytes);
        for (size_t at = 0; at < bytes.size; at++) {
            static const uint8_t flips[] = {0x01, 0x80, 0xff};
            for (size_t i = 0; i < sizeof flips; i++) {
                db_support_copy(scene.support.dir, scene.copy);
                bytes.data[at] ^= flips[i];
                test_file_write(scene.copy, files[f], bytes.data, bytes.size);
                bytes.data[at] ^= flips[i];
                size_t shown = open_copy(&scene, files[f]);
                if (f == 0) {
                    assert_int_equal(shown, SIZE_MAX);
                } else if (f == 2 || is_closed) {
                    /* In the log of a closed store a flip is found, or lies where nothing is
                     * read. */
                    assert_true(shown == COMMITS || (f == 1 && shown == SIZE_MAX));
                } else if (shown != SIZE_MAX && shown != COMMITS) {
                    /* Above the last durable mark: the last commit, synced though it was. */
                    assert_int_equal(shown, COMMITS - 1);
                    assert_true(at >= scene.before_last);
                    prefixes++;
                }
            }
        }
        fi_buf_deinit(&bytes);
    }
    assert_true(is_closed ? prefixes == 0 : prefixes > 0);
    scene_deinit(&scene);
}

static void
a_flipped_byte_is_found_in_a_closed_store(void **state)
{
    flip_every_byte(true);
}

static void
a_flipped_byte_costs_at_most_the_last_commit_after_a_crash(void **state)
{
    flip_every_byte(false);
}

static void
a_flip_in_an_early_record_is_never_a_silent_success(void **state)
{
    if (db_support_is_encrypted()) {
        skip(); /* the record cannot be seen; others flip every byte */
    }
    for (int is_closed = 0; is_closed <= 1; is_closed++) {
        struct scene scene;
        scene_init(&scene, is_closed != 0);
        struct fi_buf bytes = {0};
        test_file_read(scene.support.dir, "wal-000001.log", &bytes);
        /* The fifth of the commits: the record with key 4. */
        size_t at = 128;
        while (memcmp(bytes.data + at,
                      "\001"
                      "4\007a value",
                      10) != 0) {
            at++;
            assert_true(at + 10 < bytes.size);
        }
        db_support_copy(scene.support.dir, scene.copy);
        bytes.data[at + 5] ^= 0x20;
        test_file_write(scene.copy, "wal-000001.log", bytes.data, bytes.size);
        assert_int_equal(open_copy(&scene, "wal-000001.log"), SIZE_MAX);
        fi_buf_deinit(&bytes);
        scene_deinit(&scene);
    }
}

static void
a_log_cut_in_its_last_record_opens_as_a_prefix(void **state)
{
    firn_error err;
    struct scene scene;
    scene_init(&scene, false);
    struct fi_buf bytes = {0};
    test_file_read(scene.support.dir, "wal-000001.log", &bytes);
    assert_int_equal(bytes.size, scene.with_last);
    for (size_t size = scene.before_last; size <= scene.with_last; size++) {
        db_support_copy(scene.support.dir, scene.copy);
        test_file_write(scene.copy, "wal-000001.log", bytes.data, size);
        size_t shown = open_copy(&scene, "wal-000001.log");
        assert_int_equal(shown, size == scene.with_last ? COMMITS : COMMITS - 1);
        /* It takes new commits after the cut, and they stay. */
        struct firn_db *db = db_support_open(scene.copy);
        db_support_put(db_support_keyspace(db, "k"), "k2", "new");
        DB_OK(fi_db_close(db, &err));
        db = db_support_open(scene.copy);
        assert_string_equal(db_support_get(db_support_keyspace(db, "k"), "k2"), "new");
        assert_string_equal(db_support_get(db_support_keyspace(db, "k"), "8"), "a value");
        DB_OK(fi_db_close(db, &err));
    }
    fi_buf_deinit(&bytes);
    scene_deinit(&scene);
}

static void
a_shortened_file_is_refused_or_shows_a_prefix(void **state)
{
    for (int is_closed = 0; is_closed <= 1; is_closed++) {
        struct scene scene;
        scene_init(&scene, is_closed != 0);
        for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
            struct fi_buf bytes = {0};
            test_file_read(scene.support.dir, files[f], &bytes);
            for (size_t size = 0; size < bytes.size; size++) {
                db_support_copy(scene.support.dir, scene.copy);
                test_file_write(scene.copy, files[f], bytes.data, size);
                size_t shown = open_copy(&scene, files[f]);
                if (f == 0) {
                    assert_int_equal(shown, SIZE_MAX);
                } else if (f == 2) {
                    assert_int_equal(shown, COMMITS);
                }
            }
            fi_buf_deinit(&bytes);
        }
        scene_deinit(&scene);
    }
}

static void
a_missing_file_is_named(void **state)
{
    firn_error err;
    struct scene scene;
    scene_init(&scene, true);
    struct firn_db *db;
    db_support_copy(scene.support.dir, scene.copy);
    DB_OK(fi_os_remove_file(scene.copy, "FIRN", &err));
    DB_FAILS(fi_db_open(scene.copy, &db_support_create, &db, &err), FIRN_CORRUPT, "/copy/FIRN");
    DB_FAILS(fi_db_open(scene.copy, &db_support_read_only, &db, &err), FIRN_NOT_FOUND, "/copy");
    db_support_copy(scene.support.dir, scene.copy);
    DB_OK(fi_os_remove_file(scene.copy, "wal-000001.log", &err));
    DB_FAILS(fi_db_open(scene.copy, &db_support_create, &db, &err), FIRN_CORRUPT,
             "the log of the store '/copy' is missing");
    DB_FAILS(fi_db_open(scene.copy, &db_support_read_only, &db, &err), FIRN_CORRUPT,
             "the log of the store '/copy' is missing");
    db_support_copy(scene.support.dir, scene.copy);
    DB_OK(fi_os_remove_file(scene.copy, "LOCK", &err));
    assert_int_equal(open_copy(&scene, "LOCK"), COMMITS);
    scene_deinit(&scene);
}

struct damages {
    unsigned count;
    char text[FIRN_ERROR_TEXT_SIZE];
};

static void
on_damage(void *ctx, const char *text)
{
    struct damages *damages = ctx;
    damages->count++;
    (void)snprintf(damages->text, sizeof damages->text, "%s", text);
}

/* Checks an open store and puts the damaged file back. */
static void
check_finds(struct firn_db *db, const char *piece)
{
    firn_error err;
    struct damages damages = {0};
    firn_store_check_result report;
    const struct fi_inspect_check_options options = {.on_damage = on_damage, .ctx = &damages};
    DB_FAILS(fi_inspect_check(db, &options, &report, &err), FIRN_CORRUPT, piece);
    assert_int_equal(damages.count, 1);
    assert_int_equal(report.damaged_count, 1);
    assert_int_equal(report.entries, COMMITS);
    assert_non_null(strstr(damages.text, piece));
    DB_FAILS(fi_inspect_check(db, NULL, &report, &err), FIRN_CORRUPT, piece);
}

static void
check_finds_what_was_damaged_beneath_an_open_store(void **state)
{
    firn_error err;
    struct scene scene;
    scene_init(&scene, true);
    db_support_copy(scene.support.dir, scene.copy);
    for (int is_reader = 0; is_reader <= 1; is_reader++) {
        struct firn_db *db;
        DB_OK(fi_db_open(scene.copy, is_reader ? &db_support_read_only : &db_support_existing, &db,
                         &err));
        struct fi_buf log = {0};
        struct fi_buf identity = {0};
        test_file_read(scene.copy, "wal-000001.log", &log);
        test_file_read(scene.copy, "FIRN", &identity);
        for (size_t at = scene.before_last - 8; at < scene.with_last; at += 9) {
            log.data[at] ^= 1;
            test_file_write(scene.copy, "wal-000001.log", log.data, log.size);
            check_finds(db, "wal-000001.log");
            log.data[at] ^= 1;
        }
        test_file_write(scene.copy, "wal-000001.log", log.data, scene.before_last);
        check_finds(db, "holds 10 commits, but 11 were made");
        DB_OK(fi_os_remove_file(scene.copy, "wal-000001.log", &err));
        check_finds(db, "the log of the store '/copy' is missing");
        test_file_write(scene.copy, "wal-000001.log", log.data, log.size);
        identity.data[20] ^= 1;
        test_file_write(scene.copy, "FIRN", identity.data, identity.size);
        check_finds(db, "/copy/FIRN' is damaged");
        DB_OK(fi_os_remove_file(scene.copy, "FIRN", &err));
        check_finds(db, "/copy/FIRN' is missing");
        identity.data[20] ^= 1;
        test_file_write(scene.copy, "FIRN", identity.data, identity.size);
        firn_store_check_result report;
        DB_OK(fi_inspect_check(db, NULL, &report, &err));
        assert_int_equal(report.log_records, COMMITS + 1);
        fi_buf_deinit(&log);
        fi_buf_deinit(&identity);
        fi_db_abandon(db);
    }

    /* The identity of another store in the place of this one's. */
    struct firn_db *db;
    DB_OK(fi_db_open(scene.copy, &db_support_read_only, &db, &err));
    struct db_support other;
    db_support_init(&other, 99);
    fi_db_abandon(db_support_open(other.dir));
    struct fi_buf identity = {0};
    test_file_read(other.dir, "FIRN", &identity);
    test_file_write(scene.copy, "FIRN", identity.data, identity.size);
    check_finds(db, "another store");
    fi_buf_deinit(&identity);
    fi_db_abandon(db);
    db_support_deinit(&other);
    scene_deinit(&scene);
}

/* ---- single entries ---- */

struct salvaged {
    unsigned count;
    bool has[COMMITS];
};

static int
note_salvaged(void *ctx, const struct fi_rescue_salvage_entry *entry, firn_error *err)
{
    struct salvaged *salvaged = ctx;
    (void)err;
    if (entry->is_of_log && entry->keyspace > FI_DB_KEYSPACE_LIST && entry->key.size == 1) {
        salvaged->has[entry->key.data[0] - '0'] = true;
        salvaged->count++;
    }
    return FIRN_OK;
}

static void
every_entry_of_a_commit_is_salvaged(void **state)
{
    struct db_support support;
    struct salvaged salvaged = {0};
    struct firn_db_batch *batch;
    struct fi_os_dir *dir;
    firn_error err;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    DB_OK(fi_db_batch_create(&batch, &err));
    for (char c = '0'; c < '0' + COMMITS; c++) {
        DB_OK(fi_db_batch_put(batch, keyspace, firn_bytes((uint8_t *)&c, 1), firn_str("v"), &err));
    }
    DB_OK(fi_db_write(db, batch, FIRN_DURABILITY_DEFAULT, &err));
    fi_db_batch_destroy(batch);
    fi_db_abandon(db);
    DB_OK(fi_rescue_keys_unlock(support.dir, NULL, &dir, NULL, &err));
    DB_OK(fi_rescue_salvage(dir, note_salvaged, &salvaged, &err));
    fi_os_dir_close(dir);
    assert_int_equal(salvaged.count, COMMITS);
    for (unsigned i = 0; i < COMMITS; i++) {
        assert_true(salvaged.has[i]);
    }
    db_support_deinit(&support);
}

/* ---- the list of keyspaces ---- */

/* Opens a store whose list of keyspaces has that name in a run. */
static int
open_with_name(firn_slice name, firn_error *err_out)
{
    struct db_support support;
    struct firn_db_batch batch = {0};
    const uint8_t number = 1;
    firn_error err;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct fi_db_tree *list = fi_db_image(db)->list;
    const struct fi_storefile_op op = {FI_DB_KEYSPACE_LIST, FI_ENTRY_PUT, name,
                                       firn_bytes(&number, 1)};
    DB_OK(fi_db_batch_append(&batch, db, list, &op, &err));
    DB_OK(fi_db_write(db, &batch, FIRN_DURABILITY_DEFAULT, &err));
    fi_db_batch_deinit(&batch);
    DB_OK(fi_db_maintain_flush(db, &err));
    DB_OK(fi_db_close(db, &err));
    int rc = fi_db_open(support.dir, &db_support_existing, &db, err_out);
    if (rc == FIRN_OK) {
        DB_OK(fi_db_close(db, &err));
    }
    db_support_deinit(&support);
    return rc;
}

static void
impossible_names_of_keyspaces_are_damage(void **state)
{
    firn_error err;
    uint8_t name[FIRN_KEYSPACE_NAME_SIZE_MAX + 1];
    memset(name, 'n', sizeof name);
    DB_OK(open_with_name(firn_bytes(name, sizeof name - 1), &err));
    DB_FAILS(open_with_name(firn_bytes(name, sizeof name), &err), FIRN_CORRUPT, "impossible");
    name[1] = '\0'; /* "n" it is not, though it would be printed as that */
    DB_FAILS(open_with_name(firn_bytes(name, 3), &err), FIRN_CORRUPT, "impossible");
    DB_FAILS(open_with_name(firn_bytes(name, 2), &err), FIRN_CORRUPT, "impossible");
    name[1] = 0xff;
    DB_FAILS(open_with_name(firn_bytes(name, 3), &err), FIRN_CORRUPT, "impossible");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_byte_is_found_in_a_closed_store),
        cmocka_unit_test(a_flipped_byte_costs_at_most_the_last_commit_after_a_crash),
        cmocka_unit_test(a_flip_in_an_early_record_is_never_a_silent_success),
        cmocka_unit_test(a_log_cut_in_its_last_record_opens_as_a_prefix),
        cmocka_unit_test(a_shortened_file_is_refused_or_shows_a_prefix),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(check_finds_what_was_damaged_beneath_an_open_store),
        cmocka_unit_test(every_entry_of_a_commit_is_salvaged),
        cmocka_unit_test(impossible_names_of_keyspaces_are_damage),
    };
    return cmocka_run_group_tests_name("db_damage", tests, NULL, NULL);
}
