/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_checkpoint.c: creating, restoring and deleting checkpoints of a store's data.
 *
 * Each of these is a change of the history (history.h) and one record in the log, with a sequence
 * of its own between those of commits. The thread takes the leader's place, so nothing is committed
 * at the same time. In order:
 *   1. the change is checked, and all memory for it is allocated,
 *   2. the record is appended and the log is synced, whatever the durability of the store: what
 *      compaction drops from now on must not be needed by the previous history,
 *   3. the history is changed and the sequence published: reads of now switch to the new line.
 * None of this depends on the size of the store.
 *
 * A restore also creates a checkpoint of the previous state, in the same record: the safety
 * checkpoint. Restoring that undoes the restore. Since this is a restore too, another undo brings
 * back what was undone. A safety checkpoint is kept while it is among the last SAFETY_COUNT, or
 * younger than SAFETY_AGE_NS; the restore that creates another one deletes those that are neither.
 *
 * Keyspaces. A restore determines which of them exist now (db_visible.c). Open cursors and
 * snapshots keep what they see. For transactions a restore is a write to every key.
 *
 * MANIFEST saves the whole history before the first segment of the log with a change is removed
 * (db_history.c, called by db_turn.c).
 *
 * Failure: until step 2 is done nothing has changed. If it is unknown whether the record is in the
 * log, the handle is latched, as by a failed commit.
 */
#include "store/db.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "history/history_format.h"
#include "reference/reference.h"
#include "store/db_internal.h"

/* ==== names of checkpoints, and references to them ====
 *
 * An id is shown in the letters k to z, one for each half of a byte, the high half first: so an id
 * cannot be mistaken for a number. reference/reference.h parses what a user types. */

enum { ID_LETTERS = 2 * FI_HISTORY_ID_SIZE };

_Static_assert((int)FI_DB_CHECKPOINT_NAME_ID_SIZE == (int)FIRN_CHECKPOINT_ID_SIZE,
               "ids as users see them");
_Static_assert((int)FI_HISTORY_NAME_SIZE_MAX == (int)FI_REFERENCE_NAME_SIZE_MAX, "one limit");

void
fi_db_checkpoint_name_of_id(const uint8_t id[FI_HISTORY_ID_SIZE],
                            char out[FI_DB_CHECKPOINT_NAME_ID_SIZE])
{
    for (size_t i = 0; i < FI_HISTORY_ID_SIZE; i++) {
        out[2 * i] = (char)('k' + (id[i] >> 4));
        out[2 * i + 1] = (char)('k' + (id[i] & 15));
    }
    out[ID_LETTERS] = '\0';
}

/* FIRN_INVALID or FIRN_LIMIT if this cannot be the name of a checkpoint; "" is no name. */
static int
checkpoint_name_check(const char *name, firn_error *err)
{
    size_t size = strlen(name);
    if (size > FI_HISTORY_NAME_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "the name of a checkpoint has %zu bytes; at most %d are allowed", size,
                            FI_HISTORY_NAME_SIZE_MAX);
    }
    if (size > 0 && !fi_reference_is_name(firn_str(name))) {
        return fi_error_set(
            err, FIRN_INVALID,
            "a checkpoint cannot be called '%s': a letter comes first, then "
            "letters, digits and any of ._-+/, but not 'latest', 'now' or 'yesterday', nor four or "
            "more letters of k to z alone, which would be an id",
            name);
    }
    return FIRN_OK;
}

/* Adds an id to a list unless the list has it. FIRN_NO_MEMORY. */
static int
checkpoint_name_add(struct fi_buf *ids, const uint8_t id[FI_HISTORY_ID_SIZE])
{
    DCHECK(ids->size % FI_HISTORY_ID_SIZE == 0);
    for (size_t at = 0; at < ids->size; at += FI_HISTORY_ID_SIZE) {
        if (memcmp(ids->data + at, id, FI_HISTORY_ID_SIZE) == 0) {
            return FIRN_OK;
        }
    }
    return fi_buf_append(ids, id, FI_HISTORY_ID_SIZE);
}

static int
refuse_missing(const char *reference, firn_error *err)
{
    return fi_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint '%s'", reference);
}

static void
read_id(const char letters[FI_DB_CHECKPOINT_NAME_ID_SIZE], uint8_t out[FI_HISTORY_ID_SIZE])
{
    for (size_t i = 0; i < FI_HISTORY_ID_SIZE; i++) {
        unsigned high = (unsigned)(letters[2 * i] - 'k');
        unsigned low = (unsigned)(letters[2 * i + 1] - 'k');
        DCHECK(high < 16 && low < 16);
        out[i] = (uint8_t)(high << 4 | low);
    }
}

/* Finds a checkpoint by its id or the beginning of it, looking at all; *out is NULL if there is
 * none. */
static int
find_id(const struct fi_history *history, const struct fi_reference *read, const char *reference,
        const struct fi_db_checkpoint **out, firn_error *err)
{
    DCHECK(read->id_size <= ID_LETTERS && *out == NULL);
    if (read->id_size == ID_LETTERS) {
        uint8_t id[FI_HISTORY_ID_SIZE];
        read_id(read->id, id);
        *out = fi_history_find(history, id);
        return FIRN_OK;
    }
    for (size_t i = fi_history_count(history); i > 0; i--) {
        const struct fi_db_checkpoint *checkpoint = fi_history_at(history, i - 1);
        char letters[FI_DB_CHECKPOINT_NAME_ID_SIZE];
        fi_db_checkpoint_name_of_id(checkpoint->id, letters);
        if (memcmp(letters, read->id, read->id_size) != 0) {
            continue;
        }
        if (*out != NULL) {
            return fi_error_set(err, FIRN_CONFLICT,
                                "the ids of more than one checkpoint begin with '%s'", reference);
        }
        *out = checkpoint;
    }
    return FIRN_OK;
}

/* The one with the highest number, or NULL. */
static const struct fi_db_checkpoint *
find_latest(const struct fi_history *history)
{
    for (size_t i = fi_history_count(history); i > 0; i--) {
        const struct fi_db_checkpoint *checkpoint = fi_history_at(history, i - 1);
        if (!fi_history_is_safety(checkpoint)) {
            return checkpoint;
        }
    }
    return NULL;
}

/* The last checkpoint by time, then by number, that was created at or before that time and is no
 * safety checkpoint, or NULL. Times need not follow numbers: checkpoints may be imported. */
static const struct fi_db_checkpoint *
find_time(const struct fi_history *history, int64_t time_ns)
{
    const struct fi_db_checkpoint *found = NULL;
    for (size_t i = fi_history_count(history); i > 0; i--) {
        const struct fi_db_checkpoint *checkpoint = fi_history_at(history, i - 1);
        if (!fi_history_is_safety(checkpoint) && checkpoint->created_ns <= time_ns &&
            (found == NULL || checkpoint->created_ns > found->created_ns)) {
            found = checkpoint;
        }
    }
    return found;
}

/* The first one by time that is no safety checkpoint, or NULL. */
static const struct fi_db_checkpoint *
find_first(const struct fi_history *history)
{
    const struct fi_db_checkpoint *found = NULL;
    for (size_t i = fi_history_count(history); i > 0; i--) {
        const struct fi_db_checkpoint *checkpoint = fi_history_at(history, i - 1);
        if (!fi_history_is_safety(checkpoint) &&
            (found == NULL || checkpoint->created_ns < found->created_ns)) {
            found = checkpoint;
        }
    }
    return found;
}

/* *out is NULL if there is none. */
static int
find_base(const struct fi_history *history, const struct fi_reference *read, const char *reference,
          const struct fi_db_checkpoint **out, firn_error *err)
{
    *out = NULL;
    switch (read->kind) {
    case FI_REFERENCE_NUMBER:
        *out = fi_history_find_number(history, read->number);
        break;
    case FI_REFERENCE_ID:
        return find_id(history, read, reference, out, err);
    case FI_REFERENCE_LATEST:
        *out = find_latest(history);
        break;
    case FI_REFERENCE_NAME:
        *out = fi_history_find_name(history, read->name);
        break;
    case FI_REFERENCE_TIME:
        *out = find_time(history, read->time_ns);
        break;
    }
    return FIRN_OK;
}

/* As fi_db_checkpoint_find. *out belongs to the history. */
static int
checkpoint_name_resolve(const struct fi_history *history, const char *reference,
                        const struct fi_reference_clock *clock, const struct fi_db_checkpoint **out,
                        firn_error *err)
{
    struct fi_reference read;
    const struct fi_db_checkpoint *found;
    *out = NULL;
    /* Other programs may have given names that look like another kind of reference here. */
    const struct fi_db_checkpoint *named =
        reference[0] == '\0' ? NULL : fi_history_find_name(history, firn_str(reference));
    int rc = fi_reference_read(reference, clock, &read, err);
    if (rc == FIRN_INVALID && named != NULL) {
        *out = named;
        return FIRN_OK;
    }
    FI_TRY_RETURN(rc);
    if (read.kind == FI_REFERENCE_TIME && named != NULL) {
        char id[FI_DB_CHECKPOINT_NAME_ID_SIZE];
        fi_db_checkpoint_name_of_id(named->id, id);
        return fi_error_set(err, FIRN_CONFLICT,
                            "'%s' is a time, and also the name of checkpoint %" PRIu64
                            ": give the number, or its id %s",
                            reference, named->number, id);
    }
    if (read.is_day && named == NULL) {
        read.kind = FI_REFERENCE_TIME;
    }
    FI_TRY_RETURN(find_base(history, &read, reference, &found, err));
    if (found == NULL && read.kind == FI_REFERENCE_TIME && find_first(history) != NULL) {
        return fi_error_set(err, FIRN_NOT_FOUND,
                            "there is no checkpoint as old as '%s': the first is %" PRIu64,
                            reference, find_first(history)->number);
    }
    if (found == NULL) {
        return refuse_missing(reference, err);
    }
    uint64_t back = read.back;
    size_t place = back > 0 ? fi_history_find_place(history, found) : 0;
    while (back > 0) {
        if (place == 0) {
            return refuse_missing(reference, err);
        }
        found = fi_history_at(history, --place);
        back -= fi_history_is_safety(found) ? 0 : 1;
    }
    *out = found;
    return FIRN_OK;
}

/* ==== creating, restoring and deleting checkpoints of a store's data ==== */

enum { SAFETY_COUNT = 10 };
#define SAFETY_AGE_NS (INT64_C(7) * 24 * 3600 * 1000000000)

/* ---- the log ---- */

static int
db_checkpoint_append(struct firn_db *db, const struct fi_history_record *record,
                     struct fi_log_position *out, firn_error *err)
{
    DCHECK(fi_db_is_led(db));
    struct fi_buf bytes = {0};
    int rc;
    if (fi_history_format_put_record(record, &bytes) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a checkpoint");
        goto out;
    }
    const firn_slice part = fi_buf_slice(&bytes);
    fi_db_log_fence_raise(db);
    rc = fi_log_append(db->log, FI_HISTORY_FORMAT_TYPE, &part, 1, out, err);
    if (rc == FIRN_NO_SPACE && !fi_log_has_failed(db->log) && fi_db_space_give_up(db)) {
        rc = fi_log_append(db->log, FI_HISTORY_FORMAT_TYPE, &part, 1, out, err);
    }
    FI_TRY(rc);
    FI_TRY(fi_log_sync(db->log, err));
    fi_db_log_fence_lower(db, true);
    fi_db_count(&db->counters.log_bytes, bytes.size);
out:
    fi_buf_deinit(&bytes);
    return rc;
}

/* Step 2; a failure that leaves the log's contents unknown latches the handle. */
static int
write_record(struct firn_db *db, const struct fi_history_record *record,
             struct fi_log_position *out, firn_error *err)
{
    firn_error found;
    int rc = db_checkpoint_append(db, record, out, &found);
    if (rc == FIRN_OK) {
        return FIRN_OK;
    }
    if (fi_log_has_failed(db->log)) {
        fi_db_lead_latch(db, &found);
    }
    fi_error_copy(err, &found);
    return rc;
}

/* ---- changes ---- */

/* Step 3. */
static void
db_checkpoint_publish(struct firn_db *db, struct fi_history_change *change,
                      struct fi_log_position position)
{
    struct fi_db_image *image = fi_db_image(db);
    uint64_t sequence = change->record.sequence;
    bool is_restore = change->record.kind == FI_HISTORY_RESTORE;
    DCHECK(fi_db_is_led(db) && position.segment > 0);
    CHECK(sequence > fi_db_published(db));
    fi_os_mutex_lock(&db->state_mutex);
    fi_history_apply(&image->history, change);
    if (is_restore) {
        fi_db_snapshot_list_release_old(db);
    }
    DCHECK(image->history.first_segment <= position.segment);
    if (image->history.first_segment == 0) {
        image->history.first_segment = position.segment;
    }
    fi_os_mutex_unlock(&db->state_mutex);
    if (is_restore) {
        /* It counts as a write to every key outside system keyspaces. */
        DCHECK(fi_db_is_led(db) && sequence > db->lead.restored_at);
        db->lead.restored_at = sequence;
        fi_db_visible_update(db, image);
    }
    fi_os_mutex_lock(&db->commits.mutex);
    db->commits.last_sequence = sequence;
    fi_db_segments_note_commit(image, position.segment);
    fi_os_mutex_unlock(&db->commits.mutex);
    fi_db_count(&db->counters.commits, 1);
    /* Pairs with the acquire load in fi_db_published. */
    atomic_store_explicit(&db->published, sequence, memory_order_release);
}

static int
make_room(struct firn_db *db, firn_error *err)
{
    fi_os_mutex_lock(&db->commits.mutex);
    int rc = fi_db_segments_make_room(fi_db_image(db), err);
    fi_os_mutex_unlock(&db->commits.mutex);
    return rc;
}

/* All three steps. Requires: the leader's place is taken. */
static int
change_history(struct firn_db *db, struct fi_history_record *record, firn_error *err)
{
    struct fi_history *history = &fi_db_image(db)->history;
    struct fi_history_change change = {0};
    struct fi_log_position position = {0};
    int rc;
    DCHECK(fi_db_is_led(db));
    record->sequence = db->commits.last_sequence + 1;
    if (record->sequence > FI_STOREFILE_SEQUENCE_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "'%s' has used up its sequence numbers",
                            fi_os_dir_path(db->dir));
    }
    FI_TRY(fi_db_lead_refuse_failed(db, err));
    FI_TRY(make_room(db, err));
    fi_os_mutex_lock(&db->state_mutex);
    rc = fi_history_prepare(history, record, &change, err);
    fi_os_mutex_unlock(&db->state_mutex);
    FI_TRY(rc);
    DCHECK(fi_db_segments_has_room(fi_db_image(db)));
    FI_TRY(write_record(db, record, &position, err));
    db_checkpoint_publish(db, &change, position);
    fi_db_throttle_follow_up(db, NULL);
out:
    fi_history_discard(&change);
    return rc;
}

/* All three steps, for a thread that does not lead. */
static int
commit_change(struct firn_db *db, struct fi_history_record *record, firn_error *err)
{
    fi_db_lead_begin(db);
    int rc = change_history(db, record, err);
    fi_db_lead_end(db);
    return rc;
}

/* ---- listing ---- */

static void
db_checkpoint_describe(const struct fi_db_checkpoint *checkpoint, struct fi_db_checkpoint_info *out)
{
    CHECK(strlen(checkpoint->name) < sizeof out->name);
    *out = (struct fi_db_checkpoint_info){
        .number = checkpoint->number,
        .created_ns = checkpoint->created_ns,
        .sequence = checkpoint->sequence,
        .is_safety = fi_history_is_safety(checkpoint),
    };
    memcpy(out->id, checkpoint->id, sizeof out->id);
    memcpy(out->restored, checkpoint->restored, sizeof out->restored);
    memcpy(out->name, checkpoint->name, strlen(checkpoint->name) + 1);
}

/* Copies all of them, so that no lock is held while a visitor runs. */
static int
copy_all(struct firn_db *db, struct fi_buf *out, firn_error *err)
{
    struct fi_db_checkpoint_info info;
    int rc = FIRN_OK;
    fi_os_mutex_lock(&db->state_mutex);
    const struct fi_history *history = &fi_db_image(db)->history;
    size_t count = fi_history_count(history);
    if (fi_buf_reserve(out, count * sizeof info) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a list of checkpoints");
    }
    DCHECK(out->size == 0);
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        db_checkpoint_describe(fi_history_at(history, i), &info);
        rc = fi_buf_append(out, &info, sizeof info);
    }
    fi_os_mutex_unlock(&db->state_mutex);
    return rc;
}

int
fi_db_checkpoint_list(struct firn_db *db, const struct fi_db_checkpoint_visitor *visitor,
                      firn_error *err)
{
    struct fi_buf all = {0};
    int rc;
    FI_TRY(copy_all(db, &all, err));
    /* Newest first. */
    for (size_t i = all.size / sizeof(struct fi_db_checkpoint_info); i > 0; i--) {
        const struct fi_db_checkpoint_info *info =
            (const struct fi_db_checkpoint_info *)(const void *)all.data + i - 1;
        if (visitor->include_safety || !info->is_safety) {
            FI_TRY(visitor->visit(visitor->ctx, info));
        }
    }
out:
    fi_buf_deinit(&all);
    return rc;
}

int
fi_db_checkpoint_find(struct firn_db *db, const char *reference, struct fi_db_checkpoint_info *out,
                      firn_error *err)
{
    const struct fi_db_checkpoint *found;
    struct fi_reference_clock clock = {fi_os_now_ns(db->os), fi_os_zone};
    fi_os_mutex_lock(&db->state_mutex);
    int rc = checkpoint_name_resolve(&fi_db_image(db)->history, reference, &clock, &found, err);
    if (rc == FIRN_OK) {
        db_checkpoint_describe(found, out);
    }
    fi_os_mutex_unlock(&db->state_mutex);
    return rc;
}

int
fi_db_checkpoint_snapshot(struct firn_db *db, const char *reference, struct firn_snapshot **out,
                          firn_error *err)
{
    struct fi_db_checkpoint_info info;
    *out = NULL;
    int rc = fi_db_checkpoint_find(db, reference, &info, err);
    return rc == FIRN_OK ? fi_db_snapshot_open_checkpoint(db, info.id, out, err) : rc;
}

/* ---- creating and deleting ---- */

static int
draw_id(struct firn_db *db, uint8_t *out, firn_error *err)
{
    return fi_os_random(db->os, out, FI_HISTORY_ID_SIZE, err);
}

static int
find_made(struct firn_db *db, const uint8_t *id, struct fi_db_checkpoint_info *out)
{
    fi_os_mutex_lock(&db->state_mutex);
    const struct fi_db_checkpoint *made = fi_history_find(&fi_db_image(db)->history, id);
    if (made != NULL) {
        db_checkpoint_describe(made, out);
    }
    fi_os_mutex_unlock(&db->state_mutex);
    return made != NULL ? FIRN_OK : FIRN_NOT_FOUND;
}

int
fi_db_checkpoint_create_at(struct firn_db *db, const char *name, int64_t created_ns,
                           struct fi_db_checkpoint_info *out, firn_error *err)
{
    struct fi_history_record record = {
        .kind = FI_HISTORY_CREATE, .name = firn_str(name), .created_ns = created_ns};
    struct fi_db_checkpoint_info info;
    if (db->is_read_only) {
        return fi_db_lead_refuse_read_only(db, err);
    }
    FI_TRY_RETURN(checkpoint_name_check(name, err));
    FI_TRY_RETURN(draw_id(db, record.id, err));
    FI_TRY_RETURN(commit_change(db, &record, err));
    if (out != NULL && find_made(db, record.id, &info) == FIRN_OK) {
        *out = info;
    }
    return FIRN_OK;
}

int
fi_db_checkpoint_create(struct firn_db *db, const char *name, struct fi_db_checkpoint_info *out,
                        firn_error *err)
{
    return fi_db_checkpoint_create_at(db, name, fi_os_now_ns(db->os), out, err);
}

int
fi_db_checkpoint_adopt(struct firn_db *db, const struct fi_db_checkpoint_info *info,
                       firn_error *err)
{
    struct fi_history_record record = {
        .kind = FI_HISTORY_CREATE, .name = firn_str(info->name), .created_ns = info->created_ns};
    int rc;
    memcpy(record.id, info->id, sizeof record.id);
    fi_db_lead_begin(db);
    DCHECK(fi_history_count(&fi_db_image(db)->history) == 0);
    if (info->number > 0) {
        fi_db_image(db)->history.next_number = info->number;
    }
    FI_TRY(change_history(db, &record, err));
    /* The log does not record its number: a replay would assign another one. */
    FI_TRY(fi_db_history_save_before(db, UINT64_MAX, err));
out:
    fi_db_lead_end(db);
    return rc;
}

int
fi_db_checkpoint_delete(struct firn_db *db, const char *const *references, size_t count,
                        firn_error *err)
{
    struct fi_history_record record = {.kind = FI_HISTORY_DELETE};
    struct fi_buf ids = {0};
    int rc = FIRN_OK;
    if (db->is_read_only) {
        return fi_db_lead_refuse_read_only(db, err);
    }
    if (count == 0) {
        return FIRN_OK;
    }
    fi_db_lead_begin(db);
    for (size_t i = 0; i < count; i++) {
        struct fi_db_checkpoint_info info;
        FI_TRY(fi_db_checkpoint_find(db, references[i], &info, err));
        rc = checkpoint_name_add(&ids, info.id);
        if (rc != FIRN_OK) {
            rc = fi_error_no_memory(err, "a list of checkpoints");
            goto out;
        }
    }
    record.deleted = ids.data;
    record.deleted_count = ids.size / FI_HISTORY_ID_SIZE;
    FI_TRY(change_history(db, &record, err));
    firn_error found;
    if (fi_db_dropped_remove(db, &found) != FIRN_OK) {
        /* The checkpoints are deleted; failing to free the space of dropped keyspaces is no failure
         * of that. */
        fi_db_jobs_note_failure(db, &found);
    }
out:
    fi_db_lead_end(db);
    fi_buf_deinit(&ids);
    if (rc == FIRN_OK) {
        fi_db_jobs_wake_compactions(db);
    }
    return rc;
}

/* ---- restoring ---- */

/* The safety checkpoints that expire when one more is created now. */
static int
find_expired(const struct fi_history *history, int64_t now_ns, struct fi_buf *out)
{
    size_t newer = 1;
    int rc = FIRN_OK;
    for (size_t i = fi_history_count(history); i > 0 && rc == FIRN_OK; i--) {
        const struct fi_db_checkpoint *checkpoint = fi_history_at(history, i - 1);
        bool is_young = checkpoint->created_ns > now_ns - SAFETY_AGE_NS;
        if (!fi_history_is_safety(checkpoint)) {
            continue;
        }
        if (newer >= SAFETY_COUNT && !is_young) {
            rc = fi_buf_append(out, checkpoint->id, FI_HISTORY_ID_SIZE);
        }
        newer++;
    }
    return rc;
}

/* Requires: no commit is naming a keyspace, because the restore may change whether the name is
 * taken. */
static void
begin_restore(struct firn_db *db)
{
    fi_db_keyspace_begin_change(db);
    fi_db_lead_begin(db);
}

static void
end_restore(struct firn_db *db)
{
    fi_db_lead_end(db);
    fi_db_keyspace_end_change(db);
}

static int
db_checkpoint_restore(struct firn_db *db, const uint8_t *id,
                      struct fi_db_checkpoint_info *out_safety, firn_error *err)
{
    struct fi_history_record record = {.kind = FI_HISTORY_RESTORE,
                                       .created_ns = fi_os_now_ns(db->os)};
    struct fi_buf expired = {0};
    int rc;
    DCHECK(db->is_changing_list && fi_db_is_led(db));
    memcpy(record.id, id, sizeof record.id);
    FI_TRY(draw_id(db, record.safety, err));
    if (find_expired(&fi_db_image(db)->history, record.created_ns, &expired) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a restore");
        goto out;
    }
    record.deleted = expired.data;
    record.deleted_count = expired.size / FI_HISTORY_ID_SIZE;
    FI_TRY(change_history(db, &record, err));
    rc = find_made(db, record.safety, out_safety);
out:
    fi_buf_deinit(&expired);
    return rc;
}

int
fi_db_checkpoint_restore(struct firn_db *db, const char *reference,
                         struct fi_db_checkpoint_info *out_restored,
                         struct fi_db_checkpoint_info *out_safety, firn_error *err)
{
    int rc;
    if (db->is_read_only) {
        return fi_db_lead_refuse_read_only(db, err);
    }
    begin_restore(db);
    FI_TRY(fi_db_checkpoint_find(db, reference, out_restored, err));
    FI_TRY(db_checkpoint_restore(db, out_restored->id, out_safety, err));
out:
    end_restore(db);
    return rc;
}

static int
find_undo(struct firn_db *db, struct fi_db_checkpoint_info *out, firn_error *err)
{
    DCHECK(fi_db_is_led(db));
    const struct fi_history *history = &fi_db_image(db)->history;
    if (!history->has_undo) {
        return fi_error_set(err, FIRN_NOT_FOUND, "there is no restore to take back");
    }
    int rc = find_made(db, history->undo, out);
    return rc == FIRN_OK
               ? FIRN_OK
               : fi_error_set(err, FIRN_NOT_FOUND,
                              "the last restore cannot be taken back: its safety checkpoint was "
                              "deleted");
}

int
fi_db_checkpoint_undo(struct firn_db *db, struct fi_db_checkpoint_info *out_restored,
                      struct fi_db_checkpoint_info *out_safety, firn_error *err)
{
    int rc;
    if (db->is_read_only) {
        return fi_db_lead_refuse_read_only(db, err);
    }
    begin_restore(db);
    FI_TRY(find_undo(db, out_restored, err));
    FI_TRY(db_checkpoint_restore(db, out_restored->id, out_safety, err));
out:
    end_restore(db);
    return rc;
}
