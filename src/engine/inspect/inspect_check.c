/* SPDX-License-Identifier: Apache-2.0
 *
 * inspect/inspect_check.c: reading the store again from disk and comparing it with the handle.
 *
 * The identity is read and must be that of the handle. lsm/ verifies MANIFEST and runs. The log is
 * read as by a read-only opening, which verifies every checksum. Each commit is decoded completely,
 * and sequences must grow. Up to the moment at which the check began, each segment must have
 * exactly as many commits as the handle has counted: this detects a log that was shortened from
 * outside, which by itself reads as sound. Segments that are removed during the check do not count
 * as missing; commits made during the check are not checked.
 *
 * For a store in a single file everything between and around its files is compared too.
 *
 * A read-only handle uses the counts of its opening, for those segments that belong to the log
 * according to its newest segment after everything has been read.
 *
 * Reading the log stops at damage, so at most one place of it is reported. No lock is held while
 * reading.
 */
#include "base/check.h"
#include "store/db_store_handle.h"

#include <inttypes.h>

#include "archive/archive.h"
#include "history/history_format.h"
#include "inspect/inspect.h"

struct check {
    struct firn_db *db;
    struct fi_storefile_progress *progress; /* may be NULL */
    const struct fi_step *step;             /* of the phase; likewise */
    struct fi_db_image *image;
    uint64_t last_sequence; /* when the check began */
    struct fi_buf counted;  /* of struct fi_db_segment, as counted by the handle; likewise */
    struct fi_buf found;    /* as read */
    uint64_t read_sequence;
    uint64_t read_count;
    bool is_complete; /* everything up to last_sequence was read */
};

/* Damage that was found. */
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

/* ---- the log ---- */

static int
inspect_check_restart(void *ctx, firn_error *err)
{
    struct check *check = ctx;
    (void)err;
    check->read_sequence = 0;
    check->read_count = 0;
    fi_buf_clear(&check->found);
    return FIRN_OK;
}

/* Checks that sequences grow from record to record, of any type. */
static int
pass_sequence(struct check *check, uint64_t sequence, const char **what)
{
    DCHECK(!check->is_complete);
    if (sequence > check->last_sequence) {
        /* Committed after the check began, or by a commit that failed. */
        check->is_complete = true;
        return FIRN_OK;
    }
    if (sequence <= check->read_sequence) {
        *what = "is a commit whose sequence is not larger than that of the one before";
        return FIRN_CORRUPT;
    }
    DCHECK(sequence <= check->last_sequence);
    check->read_sequence = sequence;
    check->read_count++;
    return FIRN_OK;
}

static int
read_commit(struct check *check, firn_slice record, const char **what)
{
    struct fi_storefile_commit commit;
    int rc = fi_storefile_get_header(record, &commit, what);
    if (rc == FIRN_OK) {
        rc = pass_sequence(check, commit.sequence, what);
    }
    while (rc == FIRN_OK && !check->is_complete && commit.count > 0) {
        struct fi_storefile_op op;
        rc = fi_storefile_get_op(&commit, &op, what);
    }
    return rc;
}

static int
read_history(struct check *check, firn_slice record, const char **what)
{
    struct fi_history_record change;
    int rc = fi_history_format_get_record(record, &change, what);
    return rc == FIRN_OK ? pass_sequence(check, change.sequence, what) : rc;
}

static size_t
segment_count(const struct fi_buf *segments)
{
    return segments->size / sizeof(struct fi_db_segment);
}

static struct fi_db_segment *
segment_at(const struct fi_buf *segments, size_t i)
{
    DCHECK(i < segment_count(segments));
    return (struct fi_db_segment *)(void *)segments->data + i;
}

static int
note_found(struct check *check, uint64_t number, firn_error *err)
{
    size_t count = segment_count(&check->found);
    DCHECK(count == 0 || segment_at(&check->found, count - 1)->number <= number);
    if (count == 0 || segment_at(&check->found, count - 1)->number != number) {
        const struct fi_db_segment added = {number, 0};
        if (fi_buf_append(&check->found, &added, sizeof added) != FIRN_OK) {
            return fi_error_no_memory(err, "a check");
        }
        count++;
    }
    segment_at(&check->found, count - 1)->commit_count++;
    return FIRN_OK;
}

static int
visit_record(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
             firn_error *err)
{
    struct check *check = ctx;
    const char *what = "has a type that this firn does not know";
    int rc = FIRN_NEWER;
    if (type == FI_STOREFILE_TYPE_VOUCH) {
        return FIRN_OK;
    }
    if (type == FI_LOG_TYPE_USER) {
        rc = read_commit(check, record, &what);
    } else if (type == FI_HISTORY_FORMAT_TYPE) {
        rc = read_history(check, record, &what);
    }
    if (rc != FIRN_OK) {
        return fi_db_log_error(err, rc, check->db->dir, position, what);
    }
    if (check->is_complete) {
        return FIRN_CANCELLED;
    }
    rc = fi_step_report(check->step, 0, record.size, err);
    return rc == FIRN_OK ? note_found(check, position.segment, err) : rc;
}

static uint64_t
count_in(const struct fi_buf *segments, uint64_t number)
{
    for (size_t i = 0; i < segment_count(segments); i++) {
        if (segment_at(segments, i)->number == number) {
            return segment_at(segments, i)->commit_count;
        }
    }
    return 0;
}

/* The oldest segment that the handle knows to exist. */
static uint64_t
oldest_kept(struct firn_db *db)
{
    DCHECK(!db->is_read_only);
    fi_os_mutex_lock(&db->commits.mutex);
    const struct fi_buf *segments = &fi_db_image(db)->segments;
    uint64_t oldest = segment_count(segments) == 0 ? UINT64_MAX : segment_at(segments, 0)->number;
    fi_os_mutex_unlock(&db->commits.mutex);
    return oldest;
}

static int
read_newest(struct fi_os_dir *dir, uint64_t *out_number, uint64_t *out_oldest, firn_error *err)
{
    const char *prefix = fi_db_log_options(true).prefix;
    struct fi_log_format_segment segment;
    struct fi_os_file *file = NULL;
    int rc;
    FI_TRY(fi_log_segment_newest(dir, prefix, out_number, err));
    FI_TRY(fi_log_segment_open(dir, prefix, *out_number, FI_OS_READ, &file, &segment, err));
    *out_oldest = segment.oldest;
out:
    fi_os_file_close(file);
    return rc;
}

/* The oldest segment that the log has now, according to its newest one. A writer that has begun a
 * newer one may remove what was the newest before it is opened here. */
static int
read_oldest(struct fi_os_dir *dir, uint64_t *out, firn_error *err)
{
    uint64_t newest = 0;
    uint64_t before;
    int rc;
    do {
        before = newest;
        rc = read_newest(dir, &newest, out, err);
    } while (rc == FIRN_NOT_FOUND && newest > before);
    return rc;
}

/* The oldest segment that existed while the log was read. */
static int
find_oldest(const struct check *check, uint64_t *out, firn_error *err)
{
    if (!check->db->is_read_only) {
        *out = oldest_kept(check->db);
        return FIRN_OK;
    }
    /* A handle of its own: others may be listing the caller's. */
    struct fi_os_dir *own;
    int rc = fi_os_dir_open_beneath(check->db->dir, "", &own, err);
    if (rc == FIRN_OK) {
        rc = read_oldest(own, out, err);
        fi_os_dir_close(own);
    }
    return rc;
}

static int
compare_counts(struct check *check, firn_error *err)
{
    uint64_t oldest = 0;
    int rc = find_oldest(check, &oldest, err);
    for (size_t i = 0; i < segment_count(&check->counted) && rc == FIRN_OK; i++) {
        const struct fi_db_segment *counted = segment_at(&check->counted, i);
        uint64_t found = count_in(&check->found, counted->number);
        if (counted->number >= oldest && found != counted->commit_count) {
            rc = fi_error_set(err, FIRN_CORRUPT,
                              "segment %" PRIu64 " of the log of '%s' holds %" PRIu64
                              " commits, but %" PRIu64 " were made",
                              counted->number, fi_os_dir_path(check->db->dir), found,
                              counted->commit_count);
        }
    }
    return rc;
}

static int
check_log(struct check *check, firn_error *err)
{
    DCHECK(!check->is_complete && check->found.size == 0);
    const struct fi_db_log_visitor visitor = {
        .restart = inspect_check_restart, .visit = visit_record, .ctx = check};
    int rc = fi_storefile_progress_begin_steps(check->progress, "read", 0, 0, &check->step, err);
    rc = rc == FIRN_OK ? fi_db_log_read(check->db->dir, &visitor, err) : rc;
    if (rc == FIRN_CANCELLED && check->is_complete) {
        rc = FIRN_OK;
    }
    if (rc == FIRN_NOT_FOUND) {
        return fi_error_set(err, FIRN_CORRUPT, "the log of the store '%s' is missing",
                            fi_os_dir_path(check->db->dir));
    }
    return rc == FIRN_OK ? compare_counts(check, err) : rc;
}

/* Records what the handle knows at the beginning. */
static int
inspect_check_begin(struct check *check, firn_error *err)
{
    struct firn_db *db = check->db;
    DCHECK(check->counted.size == 0);
    fi_os_mutex_lock(&db->commits.mutex);
    check->last_sequence =
        db->is_read_only ? check->image->last_sequence : db->commits.last_sequence;
    int rc = fi_buf_append_slice(&check->counted, fi_buf_slice(&check->image->segments));
    fi_os_mutex_unlock(&db->commits.mutex);
    return rc == FIRN_OK ? rc : fi_error_no_memory(err, "a check");
}

/* ---- the rest ---- */

static int
check_identity(struct firn_db *db, firn_error *err)
{
    struct fi_storefile_identity identity;
    int rc = fi_db_create_read_identity(db->dir, &identity, err);
    if (rc == FIRN_OK && memcmp(identity.id, db->identity.id, sizeof identity.id) != 0) {
        return fi_error_set(err, FIRN_CORRUPT, "'%s/%s' names another store than it did before",
                            fi_os_dir_path(db->dir), FI_STOREFILE_IDENTITY_NAME);
    }
    if (rc == FIRN_NOT_FOUND) {
        return fi_error_set(err, FIRN_CORRUPT, "'%s/%s' is missing", fi_os_dir_path(db->dir),
                            FI_STOREFILE_IDENTITY_NAME);
    }
    return rc;
}

struct counting {
    const struct fi_step *step; /* may be NULL */
    struct firn_snapshot *snapshot;
    firn_store_check_result *report;
    struct damage *damage;
    firn_error *err;
};

/* Reports damage, which is no failure here; returns any other failure. */
static int
inspect_check_note(struct damage *damage, int rc, const firn_error *found, firn_error *err)
{
    if (rc == FIRN_CORRUPT || rc == FIRN_UNTRUSTED) {
        report_damage(damage, found);
        return FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = *found;
    }
    return rc;
}

static int
count_keyspace(struct counting *counting, const char *name, firn_error *err)
{
    const struct fi_db_cursor_options options = {.snapshot = counting->snapshot, .keys_only = true};
    struct firn_db_keyspace *keyspace;
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FI_TRY(fi_db_keyspace_open_in(counting->snapshot, name, &keyspace, err));
    FI_TRY(fi_db_cursor_open(keyspace, &options, &cursor, err));
    FI_TRY(fi_db_cursor_first(cursor, err));
    while (fi_db_cursor_valid(cursor)) {
        counting->report->entries++;
        FI_TRY(fi_step_report(counting->step, 0, fi_db_cursor_key(cursor).size, err));
        FI_TRY(fi_db_cursor_next(cursor, err));
    }
    counting->report->keyspaces++;
out:
    fi_db_cursor_close(cursor);
    return rc;
}

/* The check of runs has already reported a run that cannot be read: its keyspace is counted as far
 * as possible. */
static int
visit_name(void *ctx, const char *name)
{
    struct counting *counting = ctx;
    firn_error found;
    int rc = count_keyspace(counting, name, &found);
    if (rc == FIRN_CORRUPT && counting->damage->count > 0) {
        return FIRN_OK;
    }
    return inspect_check_note(counting->damage, rc, &found, counting->err);
}

static int
count_entries(struct check *check, firn_store_check_result *report, struct damage *damage,
              firn_error *err)
{
    struct counting counting = {.report = report, .damage = damage, .err = err};
    int rc;
    FI_TRY(fi_storefile_progress_begin_steps(check->progress, "count", 0, 0, &counting.step, err));
    FI_TRY(fi_db_snapshot_open(check->db, &counting.snapshot, err));
    FI_TRY(fi_db_keyspace_list_in(counting.snapshot, visit_name, &counting, err));
out:
    fi_db_snapshot_close(counting.snapshot);
    return rc;
}

static void
on_run_damage(void *ctx, const char *text)
{
    struct damage *damage = ctx;
    firn_error found;
    (void)fi_error_set(&found, FIRN_CORRUPT, "%s", text);
    report_damage(damage, &found);
}

/* Counts runs and their contents, including values in other files. */
static int
begin_trees(struct check *check, firn_error *err)
{
    struct fi_lsm_stats stats;
    uint64_t files = 0;
    fi_lsm_stats(check->image->lsm, NULL, &stats);
    uint64_t bytes = stats.values.live_bytes;
    for (unsigned level = 0; level < FI_VERSION_LEVELS_ALL; level++) {
        files += stats.levels[level].runs;
        bytes += stats.levels[level].bytes;
    }
    return fi_storefile_progress_begin_steps(check->progress, "check", files, bytes, &check->step,
                                             err);
}

static int
check_trees(struct check *check, struct damage *damage, firn_error *err)
{
    uint64_t before = damage->count;
    firn_error found;
    int rc = begin_trees(check, &found);
    if (rc == FIRN_OK) {
        rc = fi_lsm_check(check->image->lsm, on_run_damage, damage, check->step, &found);
    }
    /* Damage that was reported in detail is not reported again as a whole. */
    if (rc == FIRN_CORRUPT && damage->count > before) {
        return FIRN_OK;
    }
    return inspect_check_note(damage, rc, &found, err);
}

/* Checks the file around an exported store. Damage that the store's own checksums have found is not
 * reported again. */
static int
check_archive(struct check *check, struct damage *damage, firn_error *err)
{
    struct fi_archive *archive = check->db->archive;
    firn_error found;
    if (archive == NULL || damage->count > 0) {
        return FIRN_OK;
    }
    int rc =
        fi_storefile_progress_begin_steps(check->progress, "check", 0, 0, &check->step, &found);
    if (rc == FIRN_OK) {
        rc = fi_archive_check(archive, on_run_damage, damage, check->step, &found);
    }
    return rc == FIRN_CORRUPT ? FIRN_OK : inspect_check_note(damage, rc, &found, err);
}

static int
check_all(struct check *check, struct damage *damage, firn_store_check_result *report,
          firn_error *err)
{
    firn_error found;
    int rc;
    FI_TRY(inspect_check_begin(check, err));
    FI_TRY(inspect_check_note(damage, check_identity(check->db, &found), &found, err));
    FI_TRY(inspect_check_note(damage, check_log(check, &found), &found, err));
    FI_TRY(check_trees(check, damage, err));
    FI_TRY(count_entries(check, report, damage, err));
    FI_TRY(check_archive(check, damage, err));
    DCHECK(check->read_sequence <= check->last_sequence);
    report->log_records = check->read_count;
    report->damaged_count = damage->count;
    if (damage->count > 0) {
        rc = FIRN_CORRUPT;
        fi_error_copy(err, &damage->first);
    }
out:
    return rc;
}

int
fi_inspect_check(struct firn_db *db, const struct fi_inspect_check_options *options,
                 firn_store_check_result *report, firn_error *err)
{
    static const struct fi_inspect_check_options none = {0};
    options = options != NULL ? options : &none;
    struct check check = {.db = db, .progress = options->progress};
    struct damage damage = {.on_damage = options->on_damage, .ctx = options->ctx};
    struct fi_db_snapshot_node node = {0};
    report->keyspaces = 0;
    report->entries = 0;
    /* This keeps the image, and what it sees. */
    fi_db_snapshot_register(db, &node, NULL, false);
    check.image = node.image;
    int rc = check_all(&check, &damage, report, err);
    fi_db_snapshot_unregister(db, &node);
    fi_buf_deinit(&check.counted);
    fi_buf_deinit(&check.found);
    return rc;
}
