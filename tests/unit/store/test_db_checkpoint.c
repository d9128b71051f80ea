/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: checkpoints of a store's data: what they see, what restores bring back, what is kept
 * and for how long.
 */
#include <stdio.h>
#include <string.h>

#include "inspect/inspect.h"
#include "sim/sim_memory.h"
#include "store/db.h"
#include "support/store/db_scene.h"
#include "txn/txn.h"

/* Another round, with everything in memory, in runs, merged, or replayed. */
enum { ROUNDS = 5 };
static void
settle(struct scene *scene, int round)
{
    firn_error err;
    if (round == 1) {
        DB_OK(fi_db_maintain_flush(scene->db, &err));
    } else if (round == 2) {
        DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    } else if (round == 3) {
        reopen(scene);
    } else if (round == 4) {
        DB_OK(fi_db_maintain_flush(scene->db, &err));
        reopen(scene);
        DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
        reopen(scene);
    }
}

static struct firn_db_keyspace *
keyspace_of(struct scene *scene)
{
    return db_support_keyspace(scene->db, "k");
}

static void
put(struct scene *scene, const char *key, const char *value)
{
    db_support_put(keyspace_of(scene), key, value);
}

static const char *
get(struct scene *scene, const char *key)
{
    return db_support_get(keyspace_of(scene), key);
}

static void
checkpoint(struct scene *scene, const char *name)
{
    firn_error err;
    DB_OK(fi_db_checkpoint_create(scene->db, name, NULL, &err));
}

static void
restore(struct scene *scene, const char *reference)
{
    firn_error err;
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    DB_OK(fi_db_checkpoint_restore(scene->db, reference, &restored, &safety, &err));
    assert_true(safety.is_safety);
    assert_memory_equal(safety.restored, restored.id, sizeof restored.id);
}

static void
undo(struct scene *scene)
{
    firn_error err;
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    DB_OK(fi_db_checkpoint_undo(scene->db, &restored, &safety, &err));
}

static void delete (struct scene *scene, const char *reference)
{
    firn_error err;
    DB_OK(fi_db_checkpoint_delete(scene->db, &reference, 1, &err));
}

/* What a checkpoint has under a key of keyspace "k", or NULL. */
static const char *
get_at(struct scene *scene, const char *reference, const char *key)
{
    static char text[64];
    firn_error err;
    struct firn_snapshot *view;
    struct firn_db_keyspace *keyspace;
    struct fi_buf value = {0};
    DB_OK(fi_db_checkpoint_snapshot(scene->db, reference, &view, &err));
    int rc = fi_db_keyspace_open_in(view, "k", &keyspace, &err);
    if (rc == FIRN_OK) {
        rc = fi_db_get_at(keyspace, view, firn_str(key), &value, &err);
    }
    fi_db_snapshot_close(view);
    if (rc == FIRN_OK) {
        assert_true(value.size < sizeof text);
        memcpy(text, value.data, value.size);
        text[value.size] = '\0';
    } else {
        assert_int_equal(rc, FIRN_NOT_FOUND);
    }
    fi_buf_deinit(&value);
    return rc == FIRN_OK ? text : NULL;
}

struct names {
    char text[512];
};

static int
add_name(void *ctx, const struct fi_db_checkpoint_info *info)
{
    struct names *names = ctx;
    size_t size = strlen(names->text);
    (void)snprintf(names->text + size, sizeof names->text - size, "%s%s%llu%s ",
                   info->is_safety ? "s" : "", info->is_safety ? "" : "#",
                   (unsigned long long)info->number, info->name);
    return FIRN_OK;
}

static const char *
list(struct scene *scene, bool include_safety)
{
    static struct names names;
    firn_error err;
    const struct fi_db_checkpoint_visitor visitor = {include_safety, add_name, &names};
    names.text[0] = '\0';
    DB_OK(fi_db_checkpoint_list(scene->db, &visitor, &err));
    return names.text;
}

/* ---- making and reading ---- */

static void
a_checkpoint_keeps_what_it_saw(void **state)
{
    struct scene *scene = *state;
    for (int round = 0; round < ROUNDS; round++) {
        char name[] = {'c', (char)('0' + round), 0};
        put(scene, "a", "old");
        put(scene, "gone", "old");
        checkpoint(scene, name);
        settle(scene, round);
        put(scene, "a", "new");
        put(scene, "later", "new");
        firn_error err;
        DB_OK(fi_db_delete(keyspace_of(scene), firn_str("gone"), FIRN_DURABILITY_DEFAULT, &err));
        settle(scene, round);
        assert_string_equal(get_at(scene, name, "a"), "old");
        assert_string_equal(get_at(scene, name, "gone"), "old");
        assert_string_equal(get(scene, "a"), "new");
        assert_null(get(scene, "gone"));
        assert_string_equal(get(scene, "later"), "new");
        if (round == 0) {
            assert_null(get_at(scene, name, "later"));
        }
    }
    for (int round = 0; round < ROUNDS; round++) {
        char name[] = {'c', (char)('0' + round), 0};
        assert_string_equal(get_at(scene, name, "a"), "old");
    }
}

static void
an_empty_store_can_be_checked_in_and_brought_back(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    checkpoint(scene, "empty");
    put(scene, "a", "1");
    restore(scene, "empty");
    assert_null(get_at(scene, "latest", "a"));
    /* The keyspace is gone with its name, and comes anew. */
    assert_null(get(scene, "a"));
    undo(scene);
    assert_string_equal(get(scene, "a"), "1");
    DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    reopen(scene);
    assert_string_equal(get(scene, "a"), "1");
}

static void
names_numbers_and_ids_lead_to_checkpoints(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    struct fi_db_checkpoint_info one;
    struct fi_db_checkpoint_info found;
    char id[FI_DB_CHECKPOINT_NAME_ID_SIZE];
    put(scene, "a", "1");
    DB_OK(fi_db_checkpoint_create(scene->db, "before-import", &one, &err));
    put(scene, "a", "2");
    checkpoint(scene, "");
    put(scene, "a", "3");
    checkpoint(scene, "v1.0");
    assert_int_equal(one.number, 1);
    assert_string_equal(one.name, "before-import");
    fi_db_checkpoint_name_of_id(one.id, id);
    id[7] = '\0';
    id[0] = (char)(id[0] - 'a' + 'A');
    assert_string_equal(get_at(scene, id, "a"), "1");
    assert_string_equal(get_at(scene, "1", "a"), "1");
    assert_string_equal(get_at(scene, "before-import", "a"), "1");
    assert_string_equal(get_at(scene, "2", "a"), "2");
    assert_string_equal(get_at(scene, "latest", "a"), "3");
    assert_string_equal(get_at(scene, "latest~1", "a"), "2");
    assert_string_equal(get_at(scene, "v1.0~2", "a"), "1");
    restore(scene, "1");
    assert_string_equal(list(scene, false), "#3v1.0 #2 #1before-import ");
    assert_string_equal(list(scene, true), "s0 #3v1.0 #2 #1before-import ");
    assert_string_equal(get_at(scene, "latest", "a"), "3");
    DB_FAILS(fi_db_checkpoint_find(scene->db, "v1.0~3", &found, &err), FIRN_NOT_FOUND, "v1.0~3");
    DB_FAILS(fi_db_checkpoint_find(scene->db, "4", &found, &err), FIRN_NOT_FOUND, "'4'");
    DB_FAILS(fi_db_checkpoint_find(scene->db, "nothing", &found, &err), FIRN_NOT_FOUND, "nothing");
    DB_FAILS(fi_db_checkpoint_find(scene->db, "zzzzzzzz", &found, &err), FIRN_NOT_FOUND, "zzzz");
    static const char *const bad[] = {
        "",      "0",   "~",  "~1",   "latest~", "latest~x",  "LATEST",
        "1~1~1", "a b", "-x", "\xff", "007x",    "latest~-1", "18446744073709551616"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        DB_FAILS(fi_db_checkpoint_find(scene->db, bad[i], &found, &err), FIRN_INVALID,
                 "is not a reference to a checkpoint");
    }
}

static void
a_time_leads_to_the_newest_checkpoint_that_is_not_younger(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    struct fi_db_checkpoint_info found;
    /* 1990-01-01 00:00:00 UTC, and a day later. */
    const int64_t first_ns = INT64_C(631152000) * 1000000000;
    const int64_t second_ns = first_ns + INT64_C(86400) * 1000000000;
    put(scene, "a", "1");
    DB_OK(fi_db_checkpoint_create_at(scene->db, "one", first_ns, NULL, &err));
    put(scene, "a", "2");
    DB_OK(fi_db_checkpoint_create_at(scene->db, "two", second_ns, NULL, &err));
    put(scene, "a", "3");
    restore(scene, "two"); /* its safety checkpoint is no answer */
    assert_string_equal(get_at(scene, "1990-01-01 00:00:00", "a"), "1");
    assert_string_equal(get_at(scene, "1990-01-01 23:59", "a"), "1");
    assert_string_equal(get_at(scene, "1990-01-02", "a"), "2");
    assert_string_equal(get_at(scene, "now", "a"), "2");
    DB_FAILS(fi_db_checkpoint_find(scene->db, "1989-12-31 23:59", &found, &err), FIRN_NOT_FOUND,
             "1989");
}

/* Numbers follow the order in which checkpoints were made here, not their times. */
static void
imported_checkpoints_are_found_by_their_times(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    const int64_t day_ns = INT64_C(86400) * 1000000000;
    const int64_t first_ns = 7305 * day_ns; /* 1990-01-01 */
    static const struct {
        const char *name;
        int64_t day;
    } made[] = {{"second", 1}, {"fourth", 3}, {"first", 0}, {"third", 2}, {"third-too", 2}};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        put(scene, "a", made[i].name);
        DB_OK(fi_db_checkpoint_create_at(scene->db, made[i].name, first_ns + made[i].day * day_ns,
                                         NULL, &err));
    }
    for (int round = 0; round < 2; round++) {
        assert_string_equal(get_at(scene, "1990-01-01", "a"), "first");
        assert_string_equal(get_at(scene, "1990-01-02", "a"), "second");
        assert_string_equal(get_at(scene, "1990-01-03", "a"), "third-too");
        assert_string_equal(get_at(scene, "1990-01-04", "a"), "fourth");
        assert_string_equal(get_at(scene, "now", "a"), "fourth");
        assert_string_equal(get_at(scene, "latest", "a"), "third-too");
        reopen(scene);
    }
}

static void
names_that_cannot_be_told_apart_are_refused(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    static const char *const bad[] = {"latest", "Latest", "now", "Yesterday", "1st",
                                      "zwxy",   "KLMN",   "a b", "x~1",       "\xc3\xa4",
                                      "-a",     "a\n",    " a",  "_a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        DB_FAILS(fi_db_checkpoint_create(scene->db, bad[i], NULL, &err), FIRN_INVALID,
                 "cannot be called");
    }
    char longest[FI_HISTORY_NAME_SIZE_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    DB_FAILS(fi_db_checkpoint_create(scene->db, longest, NULL, &err), FIRN_LIMIT, "256");
    longest[sizeof longest - 2] = '\0';
    checkpoint(scene, longest);
    checkpoint(scene, "toy");
    checkpoint(scene, "zwx-y");
    DB_FAILS(fi_db_checkpoint_create(scene->db, "toy", NULL, &err), FIRN_EXISTS, "'toy'");
    delete (scene, "toy");
    checkpoint(scene, "toy");
    assert_string_equal(list(scene, false) + strlen("#4toy #3zwx-y #1") + FI_HISTORY_NAME_SIZE_MAX,
                        " ");
    reopen(scene);
    checkpoint(scene, "five");
    struct fi_db_checkpoint_info five;
    DB_OK(fi_db_checkpoint_find(scene->db, "five", &five, &err));
    assert_int_equal(five.number, 5);
}

/* ---- restoring ---- */

static void
a_restore_brings_back_everything_and_can_be_undone_and_redone(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    for (int round = 0; round < ROUNDS; round++) {
        char name[] = {'c', (char)('0' + round), 0};
        put(scene, "a", "1");
        put(scene, "b", "1");
        DB_OK(fi_db_delete(keyspace_of(scene), firn_str("c"), FIRN_DURABILITY_DEFAULT, &err));
        checkpoint(scene, name);
        settle(scene, round);
        put(scene, "a", "2");
        put(scene, "c", "2");
        DB_OK(fi_db_delete_range(keyspace_of(scene), firn_str("b"), firn_str("bb"),
                                 FIRN_DURABILITY_DEFAULT, &err));
        settle(scene, round);
        restore(scene, name);
        settle(scene, round);
        assert_string_equal(db_support_keys(keyspace_of(scene), NULL, false), "a b ");
        assert_string_equal(db_support_keys(keyspace_of(scene), NULL, true), "b a ");
        assert_string_equal(get(scene, "a"), "1");
        put(scene, "d", "3");
        settle(scene, round);
        undo(scene);
        settle(scene, round);
        assert_string_equal(db_support_keys(keyspace_of(scene), NULL, false), "a c ");
        assert_string_equal(get(scene, "a"), "2");
        undo(scene);
        settle(scene, round);
        assert_string_equal(db_support_keys(keyspace_of(scene), NULL, false), "a b d ");
        assert_string_equal(get(scene, "d"), "3");
        put(scene, "b", "4");
        settle(scene, round);
        assert_string_equal(get(scene, "b"), "4");
        assert_string_equal(get_at(scene, name, "b"), "1");
        DB_OK(fi_db_delete(keyspace_of(scene), firn_str("d"), FIRN_DURABILITY_DEFAULT, &err));
    }
}

static void
a_restore_counts_as_a_write_to_every_key(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    const struct fi_txn_options snapshot = {0};
    struct firn_txn *before;
    struct firn_txn *after;
    put(scene, "a", "1");
    checkpoint(scene, "c");
    DB_OK(fi_txn_begin(scene->db, &snapshot, &before, &err));
    DB_OK(fi_txn_put(before, keyspace_of(scene), firn_str("b"), firn_str("2"), &err));
    restore(scene, "c");
    DB_OK(fi_txn_begin(scene->db, &snapshot, &after, &err));
    DB_OK(fi_txn_put(after, keyspace_of(scene), firn_str("c"), firn_str("3"), &err));
    DB_FAILS(fi_txn_commit(before, FIRN_DURABILITY_OS, &err), FIRN_CONFLICT, "restored");
    DB_OK(fi_txn_commit(after, FIRN_DURABILITY_OS, &err));
    fi_txn_close(before);
    fi_txn_close(after);
    assert_string_equal(db_support_keys(keyspace_of(scene), NULL, false), "a c ");
}

static void
open_views_and_cursors_keep_what_they_see(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    struct firn_snapshot *view;
    struct firn_db_cursor *cursor;
    struct fi_buf value = {0};
    put(scene, "a", "1");
    checkpoint(scene, "c");
    put(scene, "a", "2");
    put(scene, "b", "2");
    struct firn_db_keyspace *keyspace = keyspace_of(scene);
    DB_OK(fi_db_snapshot_open(scene->db, &view, &err));
    DB_OK(fi_db_cursor_open(keyspace, NULL, &cursor, &err));
    restore(scene, "c");
    put(scene, "b", "3");
    delete (scene, "c");
    DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    DB_OK(fi_db_cursor_last(cursor, &err));
    assert_memory_equal(fi_db_cursor_key(cursor).data, "b", 1);
    assert_memory_equal(fi_db_cursor_value(cursor).data, "2", 1);
    DB_OK(fi_db_get_at(keyspace, view, firn_str("a"), &value, &err));
    assert_memory_equal(value.data, "2", 1);
    assert_string_equal(get(scene, "a"), "1");
    assert_string_equal(get(scene, "b"), "3");
    fi_db_cursor_close(cursor);
    fi_db_snapshot_close(view);
    fi_buf_deinit(&value);
}

static void
a_restore_brings_dropped_keyspaces_back_and_takes_new_ones_away(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    for (int round = 0; round < ROUNDS; round++) {
        char name[] = {'c', (char)('0' + round), 0};
        char old_name[] = {'o', (char)('0' + round), 0};
        char new_name[] = {'n', (char)('0' + round), 0};
        db_support_put(db_support_keyspace(scene->db, old_name), "a", "1");
        checkpoint(scene, name);
        settle(scene, round);
        DB_OK(fi_db_keyspace_drop(scene->db, old_name, &err));
        db_support_put(db_support_keyspace(scene->db, new_name), "a", "2");
        settle(scene, round);
        struct firn_db_keyspace *new_one = db_support_keyspace(scene->db, new_name);
        restore(scene, name);
        struct fi_buf value = {0};
        DB_FAILS(fi_db_get(new_one, firn_str("a"), &value, &err), FIRN_MISUSE, "restored");
        DB_FAILS(fi_db_put(new_one, firn_str("a"), firn_str("b"), FIRN_DURABILITY_OS, &err),
                 FIRN_MISUSE, "dropped");
        struct firn_db_cursor *cursor;
        DB_FAILS(fi_db_cursor_open(new_one, NULL, &cursor, &err), FIRN_MISUSE, "restored");
        settle(scene, round);
        struct firn_db_keyspace *old_one = db_support_keyspace(scene->db, old_name);
        assert_string_equal(db_support_get(old_one, "a"), "1");
        db_support_put(old_one, "b", "3");
        /* The name is free on this line of history. */
        assert_null(db_support_get(db_support_keyspace(scene->db, new_name), "a"));
        undo(scene);
        settle(scene, round);
        assert_string_equal(db_support_get(db_support_keyspace(scene->db, new_name), "a"), "2");
        DB_FAILS(fi_db_keyspace_drop(scene->db, old_name, &err), FIRN_NOT_FOUND, old_name);
        undo(scene);
        settle(scene, round);
        assert_string_equal(db_support_keys(db_support_keyspace(scene->db, old_name), NULL, false),
                            "a b ");
        DB_OK(fi_db_keyspace_drop(scene->db, old_name, &err));
        fi_buf_deinit(&value);
    }
}

static void
system_keyspaces_are_outside(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    for (int round = 0; round < ROUNDS; round++) {
        char name[] = {'c', (char)('0' + round), 0};
        char system[] = {'f', 'i', 'r', 'n', '.', (char)('0' + round), 0};
        checkpoint(scene, name);
        settle(scene, round);
        db_support_put(db_support_keyspace(scene->db, system), "a", "1");
        restore(scene, name);
        settle(scene, round);
        assert_string_equal(db_support_get(db_support_keyspace(scene->db, system), "a"), "1");
        db_support_put(db_support_keyspace(scene->db, system), "a", "2");
        restore(scene, name);
        settle(scene, round);
        assert_string_equal(db_support_get(db_support_keyspace(scene->db, system), "a"), "2");
        firn_store_check_result report = {.size = sizeof report};
        DB_OK(fi_inspect_check(scene->db, NULL, &report, &err));
        assert_true(report.keyspaces >= (uint64_t)round + 1);
    }
}

/* ---- comparing ---- */

struct told {
    char text[256];
};

static int
tell(void *ctx, const char *keyspace, const struct fi_inspect_diff_key *found)
{
    struct told *told = ctx;
    size_t size = strlen(told->text);
    assert_string_equal(keyspace, "k");
    (void)snprintf(told->text + size, sizeof told->text - size, "%.*s:%.*s>%.*s ",
                   (int)found->key.size, (const char *)found->key.data,
                   found->is_before ? (int)found->before.size : 1,
                   found->is_before ? (const char *)found->before.data : "-",
                   found->is_after ? (int)found->after.size : 1,
                   found->is_after ? (const char *)found->after.data : "-");
    return FIRN_OK;
}

static const char *
diff(struct scene *scene, const char *before, const char *after)
{
    static struct told told;
    firn_error err;
    const struct fi_inspect_diff_visitor visitor = {.keyspace = "k", .visit = tell, .ctx = &told};
    told.text[0] = '\0';
    DB_OK(fi_inspect_diff(scene->db, before, after, &visitor, &err));
    return told.text;
}

static void
only_what_reads_differently_is_a_difference(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    for (int round = 0; round < ROUNDS; round++) {
        char name[] = {'c', (char)('0' + round), 0};
        char end[] = {'e', (char)('0' + round), 0};
        struct firn_db_keyspace *keyspace = keyspace_of(scene);
        for (char c = 'a'; c <= 'f'; c++) {
            db_support_put(keyspace, (char[]){c, 0}, "1");
        }
        checkpoint(scene, name);
        settle(scene, round);
        keyspace = keyspace_of(scene);
        db_support_put(keyspace, "a", "1"); /* written again */
        DB_OK(fi_db_delete_range(keyspace, firn_str("b"), firn_str("e"), FIRN_DURABILITY_OS, &err));
        db_support_put(keyspace, "c", "1"); /* deleted and written again */
        db_support_put(keyspace, "d", "2");
        DB_OK(fi_db_delete(keyspace, firn_str("nothing"), FIRN_DURABILITY_OS, &err));
        db_support_put(keyspace, "g", "2");
        settle(scene, round);
        assert_string_equal(diff(scene, name, NULL), "b:1>- d:1>2 g:->2 ");
        assert_string_equal(diff(scene, NULL, name), "b:->1 d:2>1 g:2>- ");
        assert_string_equal(diff(scene, name, name), "");
        checkpoint(scene, end);
        restore(scene, name);
        settle(scene, round);
        assert_string_equal(diff(scene, name, NULL), "");
        assert_string_equal(diff(scene, end, NULL), "b:->1 d:2>1 g:2>- ");
        DB_OK(fi_db_delete(keyspace_of(scene), firn_str("g"), FIRN_DURABILITY_OS, &err));
    }
}

/* ---- what is kept ---- */

static uint64_t
entries_in_files(struct scene *scene)
{
    firn_error err;
    firn_store_statistics stats = {.size = sizeof stats};
    uint64_t entries = 0;
    DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    DB_OK(fi_inspect_stats(scene->db, &stats, &err));
    for (size_t i = 0; i < FIRN_STORE_LEVELS; i++) {
        entries += stats.levels[i].entries;
    }
    return entries + stats.history.entries;
}

static void
deleting_the_last_checkpoint_that_sees_something_frees_it(void **state)
{
    struct scene *scene = *state;
    char key[16];
    for (int i = 0; i < 100; i++) {
        (void)snprintf(key, sizeof key, "%03d", i);
        put(scene, key, "1");
    }
    checkpoint(scene, "c");
    for (int i = 0; i < 100; i++) {
        (void)snprintf(key, sizeof key, "%03d", i);
        put(scene, key, "2");
    }
    uint64_t both = entries_in_files(scene);
    assert_true(both >= 200 && both < 210);
    delete (scene, "c");
    uint64_t one = entries_in_files(scene);
    assert_true(one >= 100 && one < 110);
    reopen(scene);
    assert_string_equal(get(scene, "050"), "2");
}

static void
dropped_keyspaces_go_with_the_last_checkpoint(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    struct firn_db_keyspace *keyspace = db_support_keyspace(scene->db, "big");
    for (int i = 0; i < 100; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%03d", i);
        db_support_put(keyspace, key, "1");
    }
    checkpoint(scene, "one");
    checkpoint(scene, "two");
    DB_OK(fi_db_keyspace_drop(scene->db, "big", &err));
    assert_true(entries_in_files(scene) >= 100);
    reopen(scene);
    assert_true(entries_in_files(scene) >= 100);
    delete (scene, "one");
    assert_true(entries_in_files(scene) >= 100);
    delete (scene, "two");
    assert_true(entries_in_files(scene) < 10);
}

static void
safety_checkpoints_expire_by_number_and_age(void **state)
{
    struct scene *scene = *state;
    enum { WEEK_HOURS = 7 * 24 };
    put(scene, "a", "1");
    checkpoint(scene, "c");
    for (int i = 0; i < 15; i++) {
        restore(scene, "c");
    }
    /* All are young. */
    assert_int_equal(strlen(list(scene, true)), strlen("s0 ") * 15 + strlen("#1c "));
    fi_os_sleep_ns(scene->support.os, INT64_C(3600) * 1000000000 * (WEEK_HOURS - 1));
    restore(scene, "c");
    assert_int_equal(strlen(list(scene, true)), strlen("s0 ") * 16 + strlen("#1c "));
    fi_os_sleep_ns(scene->support.os, INT64_C(3600) * 1000000000 * 2);
    restore(scene, "c");
    /* The last ten are kept at any age. */
    assert_int_equal(strlen(list(scene, true)), strlen("s0 ") * 10 + strlen("#1c "));
    reopen(scene);
    assert_int_equal(strlen(list(scene, true)), strlen("s0 ") * 10 + strlen("#1c "));
    undo(scene);
    assert_string_equal(get(scene, "a"), "1");
}

static void
what_cannot_be_done_changes_nothing(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    struct fi_db_checkpoint_info a;
    struct fi_db_checkpoint_info b;
    put(scene, "a", "1");
    DB_FAILS(fi_db_checkpoint_undo(scene->db, &a, &b, &err), FIRN_NOT_FOUND, "no restore");
    checkpoint(scene, "c");
    DB_FAILS(fi_db_checkpoint_restore(scene->db, "d", &a, &b, &err), FIRN_NOT_FOUND, "'d'");
    const char *const both[] = {"c", "d"};
    DB_FAILS(fi_db_checkpoint_delete(scene->db, both, 2, &err), FIRN_NOT_FOUND, "'d'");
    const char *const twice[] = {"c", "1"};
    restore(scene, "c");
    DB_OK(fi_db_checkpoint_find(scene->db, "c", &a, &err));
    DB_OK(fi_db_checkpoint_delete(scene->db, twice, 2, &err));
    assert_string_equal(list(scene, true), "s0 ");
    /* The safety checkpoint of the restore can go too; then there is no undo. */
    struct firn_snapshot *view;
    DB_FAILS(fi_db_checkpoint_snapshot(scene->db, "c", &view, &err), FIRN_NOT_FOUND, "'c'");
    struct firn_db *reader;
    DB_OK(fi_db_open(scene->support.dir, &db_support_read_only, &reader, &err));
    DB_FAILS(fi_db_checkpoint_create(reader, "x", NULL, &err), FIRN_READ_ONLY, "reading");
    DB_FAILS(fi_db_checkpoint_restore(reader, "c", &a, &b, &err), FIRN_READ_ONLY, "reading");
    DB_FAILS(fi_db_checkpoint_undo(reader, &a, &b, &err), FIRN_READ_ONLY, "reading");
    DB_FAILS(fi_db_checkpoint_delete(reader, both, 1, &err), FIRN_READ_ONLY, "reading");
    DB_OK(fi_db_close(reader, &err));
}

static int
keep_id(void *ctx, const struct fi_db_checkpoint_info *info)
{
    fi_db_checkpoint_name_of_id(info->id, ctx);
    return FIRN_OK;
}

static void
without_its_safety_checkpoint_a_restore_cannot_be_undone(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    char id[FI_DB_CHECKPOINT_NAME_ID_SIZE];
    struct fi_db_checkpoint_info a;
    struct fi_db_checkpoint_info b;
    put(scene, "a", "1");
    checkpoint(scene, "c");
    restore(scene, "c");
    delete (scene, "c");
    const struct fi_db_checkpoint_visitor visitor = {true, keep_id, id};
    DB_OK(fi_db_checkpoint_list(scene->db, &visitor, &err));
    delete (scene, id);
    DB_FAILS(fi_db_checkpoint_undo(scene->db, &a, &b, &err), FIRN_NOT_FOUND, "deleted");
    reopen(scene);
    DB_FAILS(fi_db_checkpoint_undo(scene->db, &a, &b, &err), FIRN_NOT_FOUND, "deleted");
    assert_string_equal(get(scene, "a"), "1");
}

static void
a_value_is_in_a_checkpoint_that_was_made_before_it_expired(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    DB_OK(fi_db_put_ttl(keyspace_of(scene), firn_str("a"), firn_str("1"), 5000, FIRN_DURABILITY_OS,
                        &err));
    checkpoint(scene, "before");
    fi_os_sleep_ns(scene->support.os, INT64_C(10) * 1000000000);
    checkpoint(scene, "after");
    for (int round = 0; round < ROUNDS; round++) {
        settle(scene, round);
        assert_null(get(scene, "a"));
        assert_string_equal(get_at(scene, "before", "a"), "1");
        assert_null(get_at(scene, "after", "a"));
    }
    restore(scene, "before");
    assert_null(get(scene, "a"));
    delete (scene, "before");
    DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    assert_null(get(scene, "a"));
}

/* ---- very many ---- */

static void
ten_thousand_checkpoints_are_all_there(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    enum { MANY = 10000 };
    char name[16];
    char value[16];
    struct firn_db_keyspace *keyspace = keyspace_of(scene);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(value, sizeof value, "%d", i);
        (void)snprintf(name, sizeof name, "n%d", i);
        DB_OK(fi_db_put(keyspace, firn_str("a"), firn_str(value), FIRN_DURABILITY_OS, &err));
        checkpoint(scene, name);
    }
    reopen(scene);
    DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    reopen(scene);
    for (int i = 0; i < MANY; i += 77) {
        (void)snprintf(value, sizeof value, "%d", i);
        (void)snprintf(name, sizeof name, "n%d", i);
        assert_string_equal(get_at(scene, name, "a"), value);
        (void)snprintf(name, sizeof name, "%d", i + 1);
        assert_string_equal(get_at(scene, name, "a"), value);
    }
    assert_string_equal(get(scene, "a"), "9999");
}

static void
a_thousand_restores_behind_each_other_lose_nothing(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    enum { MANY = 1000 };
    char name[16];
    char key[16];
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(key, sizeof key, "k%d", i % 50);
        (void)snprintf(name, sizeof name, "n%d", i);
        put(scene, key, name);
        checkpoint(scene, name);
        put(scene, key, "thrown away");
        restore(scene, name);
        if (i % 200 == 100) {
            DB_OK(fi_db_maintain_flush(scene->db, &err));
        }
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 50; i++) {
            (void)snprintf(key, sizeof key, "k%d", i);
            (void)snprintf(name, sizeof name, "n%d", MANY - 50 + i);
            assert_string_equal(get(scene, key), name);
            (void)snprintf(name, sizeof name, "n%d", i);
            assert_string_equal(get_at(scene, name, key), name);
        }
        undo(scene);
        assert_string_equal(get(scene, "k49"), "thrown away");
        undo(scene);
        DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
        reopen(scene);
    }
}

/* ---- readers, power cuts ---- */

static void
readers_see_checkpoints_and_follow_restores(void **state)
{
    struct scene *scene = *state;
    firn_error err;
    struct firn_db *reader;
    put(scene, "a", "1");
    checkpoint(scene, "c");
    put(scene, "a", "2");
    DB_OK(fi_db_open(scene->support.dir, &db_support_read_only, &reader, &err));
    struct scene other = {scene->support, reader};
    assert_string_equal(get_at(&other, "c", "a"), "1");
    assert_string_equal(get(&other, "a"), "2");
    restore(scene, "c");
    DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    assert_string_equal(get(&other, "a"), "2");
    DB_OK(fi_db_refresh(reader, &err));
    assert_string_equal(get(&other, "a"), "1");
    assert_string_equal(list(&other, true), "s0 #1c ");
    DB_OK(fi_db_close(reader, &err));
}

static void
a_checkpoint_makes_durable_what_it_sees(void **state)
{
    firn_error err;
    const struct fi_db_options fast = {.create_if_missing = true, .durability = FIRN_DURABILITY_OS};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct scene scene;
        db_support_init(&scene.support, seed);
        DB_OK(fi_db_open(scene.support.dir, &fast, &scene.db, &err));
        put(&scene, "a", "1");
        checkpoint(&scene, "c");
        put(&scene, "a", "2");
        restore(&scene, "c");
        put(&scene, "b", "3");
        fi_db_abandon(scene.db);
        db_support_cut(&scene.support, seed);
        DB_OK(fi_db_open(scene.support.dir, &fast, &scene.db, &err));
        assert_string_equal(get(&scene, "a"), "1");
        assert_string_equal(list(&scene, true), "s0 #1c ");
        undo(&scene);
        assert_string_equal(get(&scene, "a"), "2");
        DB_OK(fi_db_close(scene.db, &err));
        db_support_deinit(&scene.support);
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_checkpoint_keeps_what_it_saw),
        TEST(an_empty_store_can_be_checked_in_and_brought_back),
        TEST(names_numbers_and_ids_lead_to_checkpoints),
        TEST(a_time_leads_to_the_newest_checkpoint_that_is_not_younger),
        TEST(imported_checkpoints_are_found_by_their_times),
        TEST(names_that_cannot_be_told_apart_are_refused),
        TEST(a_restore_brings_back_everything_and_can_be_undone_and_redone),
        TEST(a_restore_counts_as_a_write_to_every_key),
        TEST(open_views_and_cursors_keep_what_they_see),
        TEST(a_restore_brings_dropped_keyspaces_back_and_takes_new_ones_away),
        TEST(system_keyspaces_are_outside),
        TEST(only_what_reads_differently_is_a_difference),
        TEST(deleting_the_last_checkpoint_that_sees_something_frees_it),
        TEST(dropped_keyspaces_go_with_the_last_checkpoint),
        TEST(safety_checkpoints_expire_by_number_and_age),
        TEST(a_value_is_in_a_checkpoint_that_was_made_before_it_expired),
        TEST(ten_thousand_checkpoints_are_all_there),
        TEST(a_thousand_restores_behind_each_other_lose_nothing),
        TEST(what_cannot_be_done_changes_nothing),
        TEST(without_its_safety_checkpoint_a_restore_cannot_be_undone),
        TEST(readers_see_checkpoints_and_follow_restores),
        cmocka_unit_test(a_checkpoint_makes_durable_what_it_sees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
