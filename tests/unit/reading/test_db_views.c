/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/reading: views, range deletes, and keyspaces that are dropped: what each reading sees while
 * commits, flushes and compactions go on.
 */
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "inspect/inspect.h"
#include "support/store/db_scene.h"

static const char *
get_at(struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot, const char *key)
{
    static char value[64];
    firn_error err;
    struct fi_buf out = {0};
    int rc = fi_db_get_at(keyspace, snapshot, firn_str(key), &out, &err);
    if (rc == FIRN_NOT_FOUND) {
        fi_buf_deinit(&out);
        return NULL;
    }
    DB_OK(rc);
    assert_true(out.size < sizeof value);
    memcpy(value, out.data, out.size);
    value[out.size] = '\0';
    fi_buf_deinit(&out);
    return value;
}

static const char *
keys_at(struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot)
{
    return db_support_keys(keyspace, &(struct fi_db_cursor_options){.snapshot = snapshot}, false);
}

static void
delete_range(struct firn_db_keyspace *keyspace, const char *lower, const char *upper)
{
    firn_error err;
    DB_OK(fi_db_delete_range(keyspace, firn_str(lower), firn_str(upper), FIRN_DURABILITY_DEFAULT,
                             &err));
}

/* Everything to runs, and then to one level. */
static void
settle(struct scene *scene, int round)
{
    firn_error err;
    if (round == 1) {
        DB_OK(fi_db_maintain_flush(scene->db, &err));
    } else if (round == 2) {
        DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    }
}

/* ---- range deletes ---- */

static void
a_range_delete_takes_its_range_and_nothing_else(void **state)
{
    struct scene *scene = *state;
    for (int round = 0; round < 3; round++) {
        char name[] = {'k', (char)('0' + round), 0};
        struct firn_db_keyspace *keyspace = db_support_keyspace(scene->db, name);
        for (char c = 'a'; c <= 'h'; c++) {
            db_support_put(keyspace, (char[]){c, 0}, "1");
        }
        settle(scene, round);
        delete_range(keyspace, "c", "f");
        assert_string_equal(db_support_keys(keyspace, NULL, false), "a b f g h ");
        assert_string_equal(db_support_keys(keyspace, NULL, true), "h g f b a ");
        assert_null(db_support_get(keyspace, "c"));
        assert_null(db_support_get(keyspace, "e"));
        settle(scene, round);
        assert_string_equal(db_support_keys(keyspace, NULL, false), "a b f g h ");
        db_support_put(keyspace, "d", "2");
        assert_string_equal(db_support_keys(keyspace, NULL, false), "a b d f g h ");
        settle(scene, round);
        assert_string_equal(db_support_get(keyspace, "d"), "2");
        assert_null(db_support_get(keyspace, "e"));
    }
    reopen(scene);
    for (int round = 0; round < 3; round++) {
        char name[] = {'k', (char)('0' + round), 0};
        struct firn_db_keyspace *keyspace = db_support_keyspace(scene->db, name);
        assert_string_equal(db_support_keys(keyspace, NULL, false), "a b d f g h ");
    }
}

static void
bounds_of_range_deletes_are_bytes(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    struct firn_db_keyspace *keyspace = db_support_keyspace(scene->db, "k");
    struct fi_buf out = {0};
    /* S-C15: [a, b\0) holds a and b, [a\0, c) holds b. */
    for (int round = 0; round < 2; round++) {
        db_support_put(keyspace, "a", "1");
        db_support_put(keyspace, "b", "1");
        db_support_put(keyspace, "", "1");
        firn_slice lower = firn_bytes(round == 0 ? "a" : "a\0", round == 0 ? 1 : 2);
        firn_slice upper = firn_bytes(round == 0 ? "b\0" : "c", round == 0 ? 2 : 1);
        struct fi_db_cursor_options options = {.lower = &lower, .upper = &upper};
        assert_string_equal(db_support_keys(keyspace, &options, false), round == 0 ? "a b " : "b ");
        DB_OK(fi_db_delete_range(keyspace, lower, upper, FIRN_DURABILITY_DEFAULT, &err));
        assert_string_equal(db_support_keys(keyspace, NULL, false), round == 0 ? " " : " a ");
    }
    /* S-C16: nothing between z and a, nothing between x and x. */
    delete_range(keyspace, "z", "a");
    delete_range(keyspace, "a", "a");
    delete_range(keyspace, "", "");
    assert_string_equal(db_support_keys(keyspace, NULL, false), " a ");
    /* The empty key is a lower bound, the longest keys are bounds. */
    static uint8_t longest[FIRN_KEY_SIZE_MAX + 1];
    memset(longest, 0xff, sizeof longest);
    firn_slice most = firn_bytes(longest, FIRN_KEY_SIZE_MAX);
    DB_OK(fi_db_put(keyspace, most, firn_str("1"), FIRN_DURABILITY_DEFAULT, &err));
    DB_OK(fi_db_delete_range(keyspace, firn_str(""), most, FIRN_DURABILITY_DEFAULT, &err));
    assert_null(db_support_get(keyspace, "a"));
    assert_null(db_support_get(keyspace, ""));
    DB_OK(fi_db_get(keyspace, most, &out, &err));
    fi_buf_deinit(&out);
    DB_FAILS(fi_db_delete_range(keyspace, firn_str("a"), firn_bytes(longest, sizeof longest),
                                FIRN_DURABILITY_DEFAULT, &err),
             FIRN_LIMIT, "524289");
    DB_FAILS(fi_db_delete_range(keyspace, firn_bytes(longest, sizeof longest), firn_str("a"),
                                FIRN_DURABILITY_DEFAULT, &err),
             FIRN_LIMIT, "524289");
}

static void
in_a_batch_later_operations_win(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    struct firn_db_keyspace *a = db_support_keyspace(scene->db, "a");
    struct firn_db_keyspace *b = db_support_keyspace(scene->db, "b");
    struct firn_db_batch *batch;
    DB_OK(fi_db_batch_create(&batch, &err));
    db_support_put(a, "m", "old");
    DB_OK(fi_db_batch_put(batch, a, firn_str("c"), firn_str("before"), &err));
    DB_OK(fi_db_batch_put(batch, a, firn_str("x"), firn_str("outside"), &err));
    DB_OK(fi_db_batch_put(batch, b, firn_str("c"), firn_str("elsewhere"), &err));
    DB_OK(fi_db_batch_delete_range(batch, a, firn_str("b"), firn_str("n"), &err));
    DB_OK(fi_db_batch_put(batch, a, firn_str("d"), firn_str("between"), &err));
    DB_OK(fi_db_batch_put(batch, a, firn_str("j"), firn_str("behind"), &err));
    DB_OK(fi_db_batch_delete_range(batch, a, firn_str("c"), firn_str("f"), &err));
    DB_OK(fi_db_batch_put(batch, a, firn_str("e"), firn_str("last"), &err));
    DB_OK(fi_db_batch_delete_range(batch, a, firn_str("z"), firn_str("y"), &err));
    assert_int_equal(fi_db_batch_count(batch), 8);
    DB_OK(fi_db_write(scene->db, batch, FIRN_DURABILITY_FULL, &err));
    for (int round = 0; round < 4; round++) {
        assert_string_equal(db_support_keys(a, NULL, false), "e j x ");
        assert_string_equal(db_support_get(a, "e"), "last");
        assert_string_equal(db_support_get(a, "j"), "behind");
        assert_string_equal(db_support_keys(b, NULL, false), "c ");
        if (round == 0) {
            /* From the log. */
            reopen(scene);
            a = db_support_keyspace(scene->db, "a");
            b = db_support_keyspace(scene->db, "b");
        } else {
            settle(scene, round);
        }
    }
    fi_db_batch_clear(batch);
    DB_OK(fi_db_batch_put(batch, b, firn_str("q"), firn_str("1"), &err));
    DB_OK(fi_db_write(scene->db, batch, FIRN_DURABILITY_FULL, &err));
    assert_string_equal(db_support_keys(b, NULL, false), "c q ");
    fi_db_batch_destroy(batch);
}

/* ---- views ---- */

static void
a_snapshot_keeps_what_it_saw(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    struct firn_db_keyspace *keyspace = db_support_keyspace(scene->db, "k");
    struct firn_snapshot *snapshots[4];
    struct firn_db_cursor *cursor;
    for (int i = 0; i < 4; i++) {
        char value[] = {(char)('0' + i), 0};
        db_support_put(keyspace, "a", value);
        db_support_put(keyspace, i % 2 == 0 ? "even" : "odd", value);
        DB_OK(fi_db_snapshot_open(scene->db, &snapshots[i], &err));
        settle(scene, i % 3);
    }
    delete_range(keyspace, "a", "z");
    DB_OK(fi_db_cursor_open(keyspace, &(struct fi_db_cursor_options){.snapshot = snapshots[1]},
                            &cursor, &err));
    for (int round = 0; round < 3; round++) {
        settle(scene, round);
        for (int i = 0; i < 4; i++) {
            char value[] = {(char)('0' + i), 0};
            assert_string_equal(get_at(keyspace, snapshots[i], "a"), value);
            assert_string_equal(keys_at(keyspace, snapshots[i]),
                                i == 0 ? "a even " : "a even odd ");
        }
        assert_null(db_support_get(keyspace, "a"));
    }
    fi_db_snapshot_close(snapshots[1]);
    DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    DB_OK(fi_db_cursor_last(cursor, &err));
    assert_true(fi_slice_equal(fi_db_cursor_key(cursor), firn_str("odd")));
    assert_true(fi_slice_equal(fi_db_cursor_value(cursor), firn_str("1")));
    assert_string_equal(get_at(keyspace, snapshots[2], "a"), "2");
    DB_FAILS(fi_db_close(scene->db, &err), FIRN_MISUSE,
             "4 cursors, snapshots, transactions or pins are open");
    fi_db_cursor_close(cursor);
    fi_db_snapshot_close(snapshots[0]);
    fi_db_snapshot_close(snapshots[2]);
    fi_db_snapshot_close(snapshots[3]);
    /* Now nobody needs any of it. */
    DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    firn_store_statistics stats;
    DB_OK(fi_inspect_stats(scene->db, &stats, &err));
    assert_int_equal(stats.snapshots, 0);
    assert_int_equal(stats.levels[6].tombstones, 0);
}

static void
a_snapshot_of_an_empty_store_sees_nothing(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    struct firn_snapshot *snapshot;
    struct firn_db_keyspace *keyspace;
    DB_OK(fi_db_snapshot_open(scene->db, &snapshot, &err));
    keyspace = db_support_keyspace(scene->db, "k");
    db_support_put(keyspace, "a", "1");
    assert_null(get_at(keyspace, snapshot, "a"));
    assert_string_equal(keys_at(keyspace, snapshot), "");
    DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    assert_null(get_at(keyspace, snapshot, "a"));
    assert_string_equal(keys_at(keyspace, snapshot), "");
    DB_FAILS(fi_db_keyspace_open_in(snapshot, "k", &keyspace, &err), FIRN_NOT_FOUND, "'k'");
    fi_db_snapshot_close(snapshot);
}

static void
system_keyspaces_are_outside_snapshots(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    struct firn_db_keyspace *catalog = db_support_keyspace(scene->db, "firn.catalog");
    struct firn_snapshot *snapshot;
    db_support_put(catalog, "a", "1");
    DB_OK(fi_db_snapshot_open(scene->db, &snapshot, &err));
    db_support_put(catalog, "a", "2");
    db_support_put(catalog, "b", "2");
    assert_string_equal(get_at(catalog, snapshot, "a"), "2");
    assert_string_equal(keys_at(catalog, snapshot), "a b ");
    DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    assert_string_equal(keys_at(catalog, snapshot), "a b ");
    fi_db_snapshot_close(snapshot);
}

static void
a_snapshot_is_of_one_store(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    struct db_support other;
    db_support_init(&other, 2);
    struct firn_db *db = db_support_open(other.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    struct firn_snapshot *snapshot;
    struct firn_db_cursor *cursor;
    struct fi_buf out = {0};
    DB_OK(fi_db_snapshot_open(scene->db, &snapshot, &err));
    DB_FAILS(fi_db_get_at(keyspace, snapshot, firn_str("a"), &out, &err), FIRN_INVALID, "another");
    DB_FAILS(fi_db_cursor_open(keyspace, &(struct fi_db_cursor_options){.snapshot = snapshot},
                               &cursor, &err),
             FIRN_INVALID, "another");
    fi_db_snapshot_close(snapshot);
    fi_buf_deinit(&out);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&other);
}

/* ---- dropped keyspaces ---- */

static int
append_name(void *ctx, const char *name)
{
    char *names = ctx;
    assert_true(strlen(names) + strlen(name) + 2 < 256);
    strcat(names, name);
    strcat(names, " ");
    return FIRN_OK;
}

static const char *
names_at(struct firn_db *db, struct firn_snapshot *snapshot)
{
    static char names[256];
    firn_error err;
    names[0] = '\0';
    DB_OK(snapshot == NULL ? fi_db_keyspace_list(db, append_name, names, &err)
                           : fi_db_keyspace_list_in(snapshot, append_name, names, &err));
    return names;
}

static void
assert_dropped(struct firn_db_keyspace *keyspace)
{
    firn_error err;
    struct fi_buf out = {0};
    struct firn_db_cursor *cursor;
    DB_FAILS(fi_db_get(keyspace, firn_str("a"), &out, &err), FIRN_MISUSE, "was dropped");
    DB_FAILS(fi_db_put(keyspace, firn_str("a"), firn_str("1"), FIRN_DURABILITY_DEFAULT, &err),
             FIRN_MISUSE, "was dropped");
    DB_FAILS(fi_db_delete(keyspace, firn_str("a"), FIRN_DURABILITY_DEFAULT, &err), FIRN_MISUSE,
             "was dropped");
    DB_FAILS(fi_db_cursor_open(keyspace, NULL, &cursor, &err), FIRN_MISUSE, "was dropped");
    assert_null(cursor);
    fi_buf_deinit(&out);
}

static void
a_dropped_keyspace_is_gone_but_for_who_saw_it(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    for (int round = 0; round < 3; round++) {
        struct firn_db_keyspace *first = db_support_keyspace(scene->db, "first");
        struct firn_db_keyspace *second = db_support_keyspace(scene->db, "second");
        struct firn_db_keyspace *seen;
        struct firn_snapshot *snapshot;
        struct firn_db_cursor *cursor;
        db_support_put(first, "a", "1");
        db_support_put(first, "b", "1");
        db_support_put(second, "a", "2");
        settle(scene, round);
        DB_OK(fi_db_snapshot_open(scene->db, &snapshot, &err));
        DB_OK(fi_db_cursor_open(first, NULL, &cursor, &err));
        DB_OK(fi_db_keyspace_drop(scene->db, "first", &err));
        assert_dropped(first);
        assert_string_equal(names_at(scene->db, NULL), "second ");
        assert_string_equal(names_at(scene->db, snapshot), "first second ");
        DB_FAILS(fi_db_keyspace_drop(scene->db, "first", &err), FIRN_NOT_FOUND, "'first'");
        settle(scene, round);
        /* The name is free, and stands for another keyspace. */
        struct firn_db_keyspace *again = db_support_keyspace(scene->db, "first");
        assert_true(again != first);
        assert_null(db_support_get(again, "a"));
        db_support_put(again, "c", "3");
        settle(scene, round);
        DB_OK(fi_db_keyspace_open_in(snapshot, "first", &seen, &err));
        assert_ptr_equal(seen, first);
        assert_string_equal(get_at(first, snapshot, "b"), "1");
        assert_string_equal(keys_at(first, snapshot), "a b ");
        assert_string_equal(keys_at(again, snapshot), "");
        DB_OK(fi_db_cursor_last(cursor, &err));
        assert_true(fi_slice_equal(fi_db_cursor_key(cursor), firn_str("b")));
        assert_string_equal(db_support_keys(again, NULL, false), "c ");
        assert_string_equal(db_support_get(second, "a"), "2");
        fi_db_cursor_close(cursor);
        fi_db_snapshot_close(snapshot);
        DB_OK(fi_db_maintain_flush(scene->db, &err));
        assert_dropped(first);
        assert_string_equal(db_support_keys(again, NULL, false), "c ");
        reopen(scene);
        assert_string_equal(names_at(scene->db, NULL), "first second ");
        again = db_support_keyspace(scene->db, "first");
        assert_string_equal(db_support_keys(again, NULL, false), "c ");
        DB_OK(fi_db_keyspace_drop(scene->db, "first", &err));
        DB_OK(fi_db_keyspace_drop(scene->db, "second", &err));
    }
}

static uint64_t
file_bytes(struct firn_db *db)
{
    firn_error err;
    firn_store_statistics stats;
    DB_OK(fi_inspect_stats(db, &stats, &err));
    return stats.file_bytes;
}

static void
the_space_of_a_dropped_keyspace_comes_back(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    static const char value[1000] = "incompressible it is not";
    for (int is_reopened = 0; is_reopened <= 1; is_reopened++) {
        struct firn_db_keyspace *keyspace = db_support_keyspace(scene->db, "k");
        for (unsigned i = 0; i < 500; i++) {
            char key[16];
            (void)snprintf(key, sizeof key, "%u", i);
            DB_OK(fi_db_put(keyspace, firn_str(key), firn_bytes(value, sizeof value),
                            FIRN_DURABILITY_OS, &err));
        }
        DB_OK(fi_db_maintain_flush(scene->db, &err));
        uint64_t before = file_bytes(scene->db);
        assert_true(before > 1000);
        struct firn_snapshot *snapshot;
        DB_OK(fi_db_snapshot_open(scene->db, &snapshot, &err));
        DB_OK(fi_db_keyspace_drop(scene->db, "k", &err));
        assert_true(file_bytes(scene->db) >= before);
        fi_db_snapshot_close(snapshot);
        if (is_reopened) {
            reopen(scene);
        } else {
            DB_OK(fi_db_maintain_flush(scene->db, &err));
        }
        assert_true(file_bytes(scene->db) < 2000);
    }
}

/* The store's commits are only handed to the kernel. */
static void
a_power_cut_takes_a_drop_whole_or_not_at_all(void **state)
{
    firn_error err;
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct db_support support;
        struct firn_db *db;
        const struct fi_db_options options = {.create_if_missing = true,
                                              .durability = FIRN_DURABILITY_OS};
        db_support_init(&support, seed);
        DB_OK(fi_db_open(support.dir, &options, &db, &err));
        struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
        db_support_put(keyspace, "a", "1");
        DB_OK(fi_db_maintain_flush(db, &err));
        db_support_put(keyspace, "b", "2");
        DB_OK(fi_db_log_sync(db, &err));
        DB_OK(fi_db_keyspace_drop(db, "k", &err));
        fi_db_abandon(db);
        db_support_cut(&support, seed);
        DB_OK(fi_db_open(support.dir, &db_support_read_only, &db, &err));
        int rc = fi_db_keyspace_open(db, "k", &keyspace, &err);
        if (rc != FIRN_NOT_FOUND) {
            DB_OK(rc);
            assert_string_equal(db_support_keys(keyspace, NULL, false), "a b ");
        }
        DB_OK(fi_db_close(db, &err));
        db_support_deinit(&support);
    }
}

static void
numbers_of_keyspaces_are_never_given_again(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    for (unsigned i = 0; i < 12; i++) {
        struct firn_db_keyspace *keyspace = db_support_keyspace(scene->db, "k");
        assert_null(db_support_get(keyspace, "a"));
        db_support_put(keyspace, "a", "1");
        struct firn_snapshot *snapshot = NULL;
        if (i % 3 == 0) {
            DB_OK(fi_db_snapshot_open(scene->db, &snapshot, &err));
        }
        DB_OK(fi_db_keyspace_drop(scene->db, "k", &err));
        settle(scene, (int)(i % 4));
        fi_db_snapshot_close(snapshot);
        if (i % 2 == 0) {
            reopen(scene);
            assert_string_equal(names_at(scene->db, NULL), "");
        }
    }
    firn_store_check_result report;
    DB_OK(fi_inspect_check(scene->db, NULL, &report, &err));
    assert_int_equal(report.keyspaces, 0);
}

static void
a_handle_of_a_dropped_keyspace_never_shows_its_successor(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    struct firn_db *reader;
    struct firn_db_keyspace *old;
    struct fi_buf value = {0};
    db_support_put(db_support_keyspace(scene->db, "k"), "a", "1");
    DB_OK(fi_db_open(scene->support.dir, &db_support_read_only, &reader, &err));
    DB_OK(fi_db_keyspace_open(reader, "k", &old, &err));
    DB_OK(fi_db_keyspace_drop(scene->db, "k", &err));
    DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    reopen(scene);
    db_support_put(db_support_keyspace(scene->db, "k"), "a", "2");
    DB_OK(fi_db_refresh(reader, &err));
    DB_FAILS(fi_db_get(old, firn_str("a"), &value, &err), FIRN_MISUSE, "dropped");
    DB_OK(fi_db_close(reader, &err));
    fi_buf_deinit(&value);
}

static void
a_batch_that_was_begun_before_the_drop_is_refused_whole(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    struct firn_db_keyspace *gone = db_support_keyspace(scene->db, "gone");
    struct firn_db_keyspace *kept = db_support_keyspace(scene->db, "kept");
    struct firn_db_batch *batch;
    DB_OK(fi_db_batch_create(&batch, &err));
    DB_OK(fi_db_batch_put(batch, kept, firn_str("a"), firn_str("1"), &err));
    DB_OK(fi_db_batch_put(batch, gone, firn_str("a"), firn_str("1"), &err));
    DB_OK(fi_db_keyspace_drop(scene->db, "gone", &err));
    DB_FAILS(fi_db_write(scene->db, batch, FIRN_DURABILITY_FULL, &err), FIRN_MISUSE, "dropped");
    assert_null(db_support_get(kept, "a"));
    db_support_put(kept, "b", "1");
    fi_db_batch_destroy(batch);
    reopen(scene);
    assert_string_equal(db_support_keys(db_support_keyspace(scene->db, "kept"), NULL, false), "b ");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_range_delete_takes_its_range_and_nothing_else),
        TEST(bounds_of_range_deletes_are_bytes),
        TEST(in_a_batch_later_operations_win),
        TEST(a_snapshot_keeps_what_it_saw),
        TEST(a_snapshot_of_an_empty_store_sees_nothing),
        TEST(system_keyspaces_are_outside_snapshots),
        TEST(a_snapshot_is_of_one_store),
        TEST(a_dropped_keyspace_is_gone_but_for_who_saw_it),
        TEST(the_space_of_a_dropped_keyspace_comes_back),
        cmocka_unit_test(a_power_cut_takes_a_drop_whole_or_not_at_all),
        TEST(numbers_of_keyspaces_are_never_given_again),
        TEST(a_handle_of_a_dropped_keyspace_never_shows_its_successor),
        TEST(a_batch_that_was_begun_before_the_drop_is_refused_whole),
    };
    return cmocka_run_group_tests_name("db_views", tests, NULL, NULL);
}
