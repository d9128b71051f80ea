/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: the number that says that nothing has changed in a keyspace (fi_db_get_stamp): it is another one after
 * each commit to the keyspace, each restore and each undo, the same as long as there is none, and never one again
 * that stood for something else.
 */
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "support/store/db_support.h"
#include "support/test_random.h"

static firn_error err;

static void
a_stamp_changes_with_what_is_read(void **state)
{
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *k = db_support_keyspace(db, "k");
    struct firn_db_keyspace *other = db_support_keyspace(db, "other");
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    db_support_put(k, "a", "1");
    uint64_t first = fi_db_get_stamp(k, NULL);
    assert_int_not_equal(first, 0);
    assert_int_equal(fi_db_get_stamp(k, NULL), first);
    DB_OK(fi_db_maintain_flush(db, &err));
    DB_OK(fi_db_checkpoint_create(db, "one", NULL, &err));
    db_support_put(other, "a", "1");
    assert_int_equal(fi_db_get_stamp(k, NULL), first);
    db_support_put(k, "a", "2");
    uint64_t second = fi_db_get_stamp(k, NULL);
    assert_true(second != first && second != 0);
    DB_OK(fi_db_checkpoint_restore(db, "one", &restored, &safety, &err));
    uint64_t third = fi_db_get_stamp(k, NULL);
    assert_string_equal(db_support_get(k, "a"), "1");
    assert_true(third == 0 || (third != first && third != second));
    DB_OK(fi_db_checkpoint_undo(db, &restored, &safety, &err));
    uint64_t fourth = fi_db_get_stamp(k, NULL);
    assert_string_equal(db_support_get(k, "a"), "2");
    assert_true(fourth == 0 || (fourth != first && fourth != second && fourth != third));
    /* A handle of a keyspace that is gone, and one that only reads. */
    DB_OK(fi_db_keyspace_drop(db, "k", &err));
    assert_int_equal(fi_db_get_stamp(k, NULL), 0);
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_db_open(support.dir, &db_support_read_only, &db, &err));
    DB_OK(fi_db_keyspace_open_existing(db, "other", &other, &err));
    assert_int_equal(fi_db_get_stamp(other, NULL), 0);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
snapshots_have_the_stamp_of_what_they_see(void **state)
{
    struct db_support support;
    struct firn_snapshot *snapshot;
    struct firn_snapshot *copy;
    struct firn_snapshot *past;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *k = db_support_keyspace(db, "k");
    db_support_put(k, "a", "1");
    DB_OK(fi_db_checkpoint_create(db, "one", NULL, &err));
    db_support_put(k, "a", "2");
    DB_OK(fi_db_maintain_flush(db, &err)); /* else opening it would see the commit in the log */
    DB_OK(fi_db_close(db, &err));
    db = db_support_open(support.dir);
    k = db_support_keyspace(db, "k");
    DB_OK(fi_db_snapshot_open(db, &snapshot, &err));
    DB_OK(fi_db_snapshot_open_copy(snapshot, &copy, &err));
    DB_OK(fi_db_checkpoint_snapshot(db, "one", &past, &err));
    uint64_t now = fi_db_get_stamp(k, NULL);
    assert_int_not_equal(now, 0);
    assert_int_equal(fi_db_get_stamp(k, snapshot), now);
    assert_int_equal(fi_db_get_stamp(k, copy), now);
    assert_int_equal(fi_db_get_stamp(k, past), 0); /* this handle has not seen what came after it */
    db_support_put(k, "a", "3");
    assert_int_equal(fi_db_get_stamp(k, snapshot), 0);
    assert_int_equal(fi_db_get_stamp(k, copy), 0);
    fi_db_snapshot_close(past);
    fi_db_snapshot_close(copy);
    fi_db_snapshot_close(snapshot);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

enum { STEPS = 4000, STAMPS_MAX = 2 * (STEPS + 1), CHECKPOINTS = 6, SNAPSHOTS = 4 };

/* What a stamp stood for: the value of the only key. */
struct seen {
    uint64_t stamp;
    char value[16];
};

struct states {
    struct firn_db *db;
    struct firn_db_keyspace *k, *other;
    struct firn_snapshot *snapshots[SNAPSHOTS]; /* NULL: none is open */
    bool has[CHECKPOINTS];
    struct seen seen[STAMPS_MAX];
    size_t count;
    unsigned known, known_of_snapshots, reads_of_snapshots;
};

static void
open_states(struct states *states, struct fi_os_dir *dir)
{
    states->db = db_support_open(dir);
    states->k = db_support_keyspace(states->db, "k");
    states->other = db_support_keyspace(states->db, "other");
    states->count = 0; /* stamps are those of a handle */
}

static void
close_states(struct states *states)
{
    for (size_t i = 0; i < SNAPSHOTS; i++) {
        fi_db_snapshot_close(states->snapshots[i]);
        states->snapshots[i] = NULL;
    }
    DB_OK(fi_db_close(states->db, &err));
}

/* The stamp of what a view (NULL: now) finds stands for that, and for nothing else. Returns whether there is one. */
static bool
check_stamp(struct states *states, struct firn_snapshot *snapshot)
{
    struct fi_buf found = {0};
    char value[16] = "none";
    uint64_t stamp = fi_db_get_stamp(states->k, snapshot);
    int rc = fi_db_get_at(states->k, snapshot, firn_str("key"), &found, &err);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    if (rc == FIRN_OK) {
        (void)snprintf(value, sizeof value, "%.*s", (int)found.size, (const char *)found.data);
    }
    fi_buf_deinit(&found);
    size_t i = 0;
    while (i < states->count && states->seen[i].stamp != stamp) {
        i++;
    }
    if (i < states->count) {
        assert_string_equal(states->seen[i].value, value);
    } else if (stamp != 0) {
        assert_true(states->count < STAMPS_MAX);
        states->seen[states->count].stamp = stamp;
        memcpy(states->seen[states->count++].value, value, sizeof value);
    }
    return stamp != 0;
}

/* Closes a view that is open, or opens one of now, of a checkpoint, or of what another one sees. */
static void
change_snapshot(struct states *states, struct test_random *random, const char *checkpoint)
{
    struct firn_snapshot **snapshot = &states->snapshots[test_random_below(random, SNAPSHOTS)];
    const struct firn_snapshot *other = states->snapshots[test_random_below(random, SNAPSHOTS)];
    uint64_t dice = test_random_below(random, 4);
    if (*snapshot != NULL) {
        fi_db_snapshot_close(*snapshot);
        *snapshot = NULL;
    } else if (dice == 0 && checkpoint != NULL) {
        DB_OK(fi_db_checkpoint_snapshot(states->db, checkpoint, snapshot, &err));
        assert_int_equal(fi_db_get_stamp(states->k, *snapshot), 0);
    } else if (dice == 1 && other != NULL) {
        DB_OK(fi_db_snapshot_open_copy(other, snapshot, &err));
        assert_int_equal(fi_db_get_stamp(states->k, *snapshot), fi_db_get_stamp(states->k, other));
    } else {
        DB_OK(fi_db_snapshot_open(states->db, snapshot, &err));
    }
}

static void
one_stamp_never_stands_for_two_states(void **state)
{
    static struct states states;
    struct db_support support;
    struct test_random random;
    test_random_init(&random, "one_stamp_never_stands_for_two_states", 1);
    db_support_init(&support, 1);
    open_states(&states, support.dir);
    for (unsigned step = 0; step < STEPS; step++) {
        char name[16];
        char value[16];
        uint64_t dice = test_random_below(&random, 100);
        unsigned at = (unsigned)test_random_below(&random, CHECKPOINTS);
        (void)snprintf(name, sizeof name, "c%u", at);
        (void)snprintf(value, sizeof value, "%u", step);
        if (dice < 40) {
            db_support_put(states.k, "key", value);
        } else if (dice < 60) {
            db_support_put(states.other, "key", value);
        } else if (dice < 63) {
            int rc = fi_db_delete(states.k, firn_str("key"), FIRN_DURABILITY_OS, &err);
            assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
        } else if (dice < 66 && !states.has[at]) {
            DB_OK(fi_db_checkpoint_create(states.db, name, NULL, &err));
            states.has[at] = true;
        } else if (dice < 70 && states.has[at]) {
            struct fi_db_checkpoint_info restored;
            struct fi_db_checkpoint_info safety;
            DB_OK(fi_db_checkpoint_restore(states.db, name, &restored, &safety, &err));
        } else if (dice < 72) {
            DB_OK(fi_db_maintain_flush(states.db, &err));
        } else if (dice < 73) {
            DB_OK(fi_db_maintain_compact(states.db, NULL, &err));
        } else if (dice < 83) {
            change_snapshot(&states, &random, states.has[at] ? name : NULL);
        } else if (dice < 84 && step % 4 == 0) {
            close_states(&states);
            open_states(&states, support.dir);
        }
        states.known += check_stamp(&states, NULL);
        struct firn_snapshot *snapshot = states.snapshots[test_random_below(&random, SNAPSHOTS)];
        if (snapshot != NULL) {
            states.reads_of_snapshots++;
            states.known_of_snapshots += check_stamp(&states, snapshot);
        }
    }
    print_message("count: %u of %u states, and %u of %u of views, had a stamp\n", states.known,
                  (unsigned)STEPS, states.known_of_snapshots, states.reads_of_snapshots);
    assert_true(states.known > STEPS * 9 / 10);           /* else nothing is saved by them */
    assert_true(states.known_of_snapshots > STEPS / 100); /* until the next change */
    close_states(&states);
    db_support_deinit(&support);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stamp_changes_with_what_is_read),
        cmocka_unit_test(snapshots_have_the_stamp_of_what_they_see),
        cmocka_unit_test(one_stamp_never_stands_for_two_states),
    };
    return cmocka_run_group_tests_name("db_stamp", tests, NULL, NULL);
}
