/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_check.c: reading the store again from disk and comparing it with the handle.
 *
 * The identity is read and must be the one the handle has. The log is read as by a read-only
 * opening, which verifies every checksum; each commit is decoded whole, sequences must grow, and up
 * to the moment at which the check began there must be exactly as many commits as the handle holds,
 * ending with the same sequence: a log that was shortened from outside reads as sound by itself and
 * is found here. Commits made while the check runs are left to the next one.
 *
 * The log cannot be read on behind damage, so at most one place of it is reported. No lock is held
 * while reading.
 */
#include "store/db_internal.h"

#include <inttypes.h>

#include "base/check.h"

struct check {
    struct firn_db *db;
    uint64_t last_sequence; /* when the check began */
    uint64_t commit_count;
    uint64_t read_sequence;
    uint64_t read_count;
    bool is_complete; /* there is nothing more to read up to last_sequence */
};

/* Where something is damaged. */
struct damage {
    void (*on_damage)(void *ctx, const char *text);
    void *ctx;
    uint64_t count;
    firn_error first;
};

static void
report_damage(struct damage *damage, const firn_error *err)
{
    if (damage->count == 0) {
        damage->first = *err;
    }
    damage->count++;
    if (damage->on_damage != NULL) {
        damage->on_damage(damage->ctx, err->text);
    }
}

static int
restart(void *ctx, firn_error *err)
{
    struct check *check = ctx;
    (void)err;
    check->read_sequence = 0;
    check->read_count = 0;
    return FIRN_OK;
}

static int
read_commit(struct check *check, firn_slice record, const char **what)
{
    struct firn_db_format_commit commit;
    int rc = firn_db_format_get_header(record, &commit, what);
    if (rc == FIRN_OK && commit.sequence > check->last_sequence) {
        /* Committed after the check began, or by a commit that failed. */
        check->is_complete = true;
        return FIRN_OK;
    }
    if (rc == FIRN_OK && commit.sequence <= check->read_sequence) {
        *what = "is a commit whose sequence is not larger than that of the one before";
        rc = FIRN_CORRUPT;
    }
    while (rc == FIRN_OK && commit.count > 0) {
        struct firn_db_format_op op;
        rc = firn_db_format_get_op(&commit, &op, what);
    }
    if (rc == FIRN_OK) {
        check->read_sequence = commit.sequence;
        check->read_count++;
        check->is_complete = commit.sequence == check->last_sequence;
    }
    return rc;
}

static int
visit_record(void *ctx, uint8_t type, firn_slice record, struct firn_log_position position,
             firn_error *err)
{
    struct check *check = ctx;
    const char *what = "has a type that this firn does not know";
    int rc = type == FIRN_LOG_TYPE_USER ? read_commit(check, record, &what) : FIRN_NEWER;
    if (rc != FIRN_OK) {
        return firn_db_log_error(err, rc, check->db->dir, position, what);
    }
    return check->is_complete ? FIRN_CANCELLED : FIRN_OK;
}

static int
check_log(struct check *check, firn_error *err)
{
    const struct firn_db_log_visitor visitor = {restart, visit_record, check};
    int rc = firn_db_log_read(check->db->dir, &visitor, err);
    if (rc == FIRN_CANCELLED && check->is_complete) {
        rc = FIRN_OK;
    }
    if (rc == FIRN_NOT_FOUND) {
        return firn_error_set(err, FIRN_CORRUPT, "the log of the store '%s' is missing",
                              firn_os_dir_path(check->db->dir));
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    if (check->read_sequence != check->last_sequence || check->read_count != check->commit_count) {
        return firn_error_set(err, FIRN_CORRUPT,
                              "the log of '%s' holds %" PRIu64 " commits up to number %" PRIu64
                              ", but %" PRIu64 " up to number %" PRIu64 " were made",
                              firn_os_dir_path(check->db->dir), check->read_count,
                              check->read_sequence, check->commit_count, check->last_sequence);
    }
    return FIRN_OK;
}

static int
check_identity(struct firn_db *db, firn_error *err)
{
    struct firn_db_format_identity identity;
    int rc = firn_db_create_read_identity(db->dir, &identity, err);
    if (rc == FIRN_OK && memcmp(identity.id, db->identity.id, sizeof identity.id) != 0) {
        return firn_error_set(err, FIRN_CORRUPT, "'%s/%s' names another store than it did before",
                              firn_os_dir_path(db->dir), FIRN_DB_FORMAT_IDENTITY_NAME);
    }
    if (rc == FIRN_NOT_FOUND) {
        return firn_error_set(err, FIRN_CORRUPT, "'%s/%s' is missing", firn_os_dir_path(db->dir),
                              FIRN_DB_FORMAT_IDENTITY_NAME);
    }
    return rc;
}

static int
count_entries(struct firn_db *db, firn_check_report *report, firn_error *err)
{
    for (uint64_t id = 0;; id++) {
        firn_os_mutex_lock(&db->state_mutex);
        struct firn_db_keyspace *keyspace = firn_db_keyspace_at(db, id);
        firn_os_mutex_unlock(&db->state_mutex);
        if (keyspace == NULL) {
            return FIRN_OK;
        }
        if (id == FIRN_DB_KEYSPACE_LIST) {
            continue;
        }
        struct firn_db_cursor *cursor;
        int rc = firn_db_cursor_open(keyspace, NULL, &cursor, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        for (rc = firn_db_cursor_first(cursor, err); rc == FIRN_OK && firn_db_cursor_valid(cursor);
             rc = firn_db_cursor_next(cursor, err)) {
            report->entries++;
        }
        firn_db_cursor_close(cursor);
        if (rc != FIRN_OK) {
            return rc;
        }
        report->keyspaces++;
    }
}

/* Damage is reported and is no failure here; anything else that fails is. */
static int
note(struct damage *damage, int rc, const firn_error *found, firn_error *err)
{
    if (rc == FIRN_CORRUPT) {
        report_damage(damage, found);
        return FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = *found;
    }
    return rc;
}

int
firn_db_check(struct firn_db *db, void (*on_damage)(void *ctx, const char *text), void *ctx,
              firn_check_report *report, firn_error *err)
{
    struct check check = {.db = db};
    struct damage damage = {.on_damage = on_damage, .ctx = ctx};
    firn_error found;
    int rc;
    firn_os_mutex_lock(&db->commit_mutex);
    check.last_sequence = db->last_sequence;
    check.commit_count = db->commit_count;
    firn_os_mutex_unlock(&db->commit_mutex);
    report->keyspaces = 0;
    report->entries = 0;
    FIRN_TRY(note(&damage, check_identity(db, &found), &found, err));
    FIRN_TRY(note(&damage, check_log(&check, &found), &found, err));
    FIRN_TRY(count_entries(db, report, err));
    report->log_records = check.read_count;
    report->damaged_count = damage.count;
    if (damage.count > 0) {
        rc = FIRN_CORRUPT;
        if (err != NULL) {
            *err = damage.first;
        }
    }
out:
    return rc;
}
