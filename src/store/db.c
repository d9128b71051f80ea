/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db.c: the handle: opening, closing, reading one key.
 *
 * Opening for writing: look at the directory; take the lock; look again, because the directory may
 * have become a store while the lock was waited for; then either create (db_create.c) or read the
 * identity and replay the log. Opening for reading takes no lock and writes nothing: it reads the
 * identity and replays the log into memory (db_log.c says what it does beside a writer), then lets
 * go of the files; the handle shows that moment for as long as it lives.
 *
 * Everything is held in memory: keyspaces are memtables over the log.
 *
 * Reading takes no lock. The view of a reading is [1, published], taken once at its beginning; see
 * db_write.c (I1).
 *
 * Locking: commit_mutex (rank DB_COMMIT) belongs to db_write.c; state_mutex (rank DB_STATE) guards
 * the array of keyspaces, is_creating and the list of open cursors. Neither is held during input or
 * output.
 */
#include "store/db_internal.h"

#include <string.h>

#include "base/mem.h"

static void
destroy(struct firn_db *db)
{
    if (db == NULL) {
        return;
    }
    firn_db_cursor_destroy_all(db);
    firn_db_keyspace_destroy_all(db);
    firn_buf_deinit(&db->keyspaces);
    /* Last of the files: who gets the lock next must find the log at rest. */
    firn_os_file_close(db->lock);
    firn_os_dir_close(db->owned_dir);
    firn_os_cond_deinit(&db->created);
    firn_os_mutex_deinit(&db->state_mutex);
    firn_os_mutex_deinit(&db->commit_mutex);
    firn_free(db);
}

static struct firn_db *
make_handle(struct firn_os_dir *dir, const struct firn_db_options *options)
{
    struct firn_db *db = firn_alloc_zeroed(sizeof *db);
    if (db != NULL) {
        db->os = firn_os_dir_os(dir);
        db->dir = dir;
        db->is_read_only = options->read_only;
        db->durability = options->durability == FIRN_DURABILITY_DEFAULT ? FIRN_DURABILITY_FULL
                                                                        : options->durability;
        firn_os_mutex_init(db->os, &db->commit_mutex, FIRN_LOCK_DB_COMMIT);
        firn_os_mutex_init(db->os, &db->state_mutex, FIRN_LOCK_DB_STATE);
        firn_os_cond_init(db->os, &db->created);
    }
    return db;
}

static int
refuse_missing(struct firn_os_dir *dir, firn_error *err)
{
    return firn_error_set(err, FIRN_NOT_FOUND, "there is no firn store in '%s'",
                          firn_os_dir_path(dir));
}

static int
open_existing(struct firn_db *db, firn_error *err)
{
    int rc = firn_db_create_read_identity(db->dir, &db->identity, err);
    if (rc == FIRN_NOT_FOUND) {
        return refuse_missing(db->dir, err);
    }
    return rc != FIRN_OK ? rc : firn_db_replay(db, err);
}

static int
create(struct firn_db *db, firn_error *err)
{
    int rc = firn_db_create_store(db->dir, &db->identity, &db->log, err);
    return rc != FIRN_OK ? rc : firn_db_keyspace_add(db, firn_str(""), err);
}

/* Whether the directory may be opened as asked; *survey is what it holds. */
static int
look(struct firn_db *db, const struct firn_db_options *options,
     struct firn_db_create_survey *survey, firn_error *err)
{
    int rc = firn_db_create_look(db->dir, survey, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (survey->has_identity) {
        return options->fail_if_exists
                   ? firn_error_set(err, FIRN_EXISTS, "there is a firn store in '%s' already",
                                    firn_os_dir_path(db->dir))
                   : FIRN_OK;
    }
    return options->create_if_missing ? firn_db_create_allowed(db->dir, survey, err)
                                      : refuse_missing(db->dir, err);
}

static int
open_for_writing(struct firn_db *db, const struct firn_db_options *options, firn_error *err)
{
    struct firn_db_create_survey survey;
    int rc;
    FIRN_TRY(look(db, options, &survey, err));
    FIRN_TRY(firn_db_lock_acquire(db->dir, options->lock_timeout_ms, &db->lock, err));
    FIRN_TRY(look(db, options, &survey, err));
    FIRN_TRY(survey.has_identity ? open_existing(db, err) : create(db, err));
out:
    return rc;
}

int
firn_db_open(struct firn_os_dir *dir, const struct firn_db_options *options, struct firn_db **out,
             firn_error *err)
{
    *out = NULL;
    struct firn_db *db = make_handle(dir, options);
    if (db == NULL) {
        return firn_error_no_memory(err, "a store");
    }
    int rc = options->read_only ? open_existing(db, err) : open_for_writing(db, options, err);
    if (rc != FIRN_OK) {
        firn_log_abandon(db->log);
        destroy(db);
        return rc;
    }
    *out = db;
    return FIRN_OK;
}

int
firn_db_open_owned(struct firn_os_dir *dir, const struct firn_db_options *options,
                   struct firn_db **out, firn_error *err)
{
    int rc = firn_db_open(dir, options, out, err);
    if (rc == FIRN_OK) {
        (*out)->owned_dir = dir;
    } else {
        firn_os_dir_close(dir);
    }
    return rc;
}

static size_t
count_cursors(struct firn_db *db)
{
    size_t count = 0;
    firn_os_mutex_lock(&db->state_mutex);
    for (const struct firn_db_cursor *cursor = db->cursors; cursor != NULL;
         cursor = firn_db_cursor_next_open(cursor)) {
        count++;
    }
    firn_os_mutex_unlock(&db->state_mutex);
    return count;
}

/* What is not durable cannot be made so any more. */
static int
close_failed(struct firn_db *db, firn_error *err)
{
    firn_log_abandon(db->log);
    return firn_error_set(err, FIRN_FAILED, "'%s' failed earlier: %s", firn_os_dir_path(db->dir),
                          db->failure.text);
}

int
firn_db_close(struct firn_db *db, firn_error *err)
{
    if (db == NULL) {
        return FIRN_OK;
    }
    size_t cursors = count_cursors(db);
    if (cursors > 0) {
        return firn_error_set(err, FIRN_MISUSE, "'%s' cannot be closed: %zu cursors are open",
                              firn_os_dir_path(db->dir), cursors);
    }
    int rc = db->has_failed ? close_failed(db, err) : firn_log_close(db->log, err);
    destroy(db);
    return rc;
}

void
firn_db_abandon(struct firn_db *db)
{
    if (db != NULL) {
        firn_log_abandon(db->log);
        destroy(db);
    }
}

int
firn_db_sync(struct firn_db *db, firn_error *err)
{
    if (db->is_read_only) {
        return FIRN_OK;
    }
    firn_error found;
    int rc = firn_db_write_refuse_failed(db, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_log_sync(db->log, &found);
    if (rc != FIRN_OK) {
        firn_db_write_latch(db, &found);
        if (err != NULL) {
            *err = found;
        }
    }
    return rc;
}

int
firn_db_get(struct firn_db_keyspace *keyspace, firn_slice key, struct firn_buf *out,
            firn_error *err)
{
    const struct firn_view_interval now = {1, firn_db_published(keyspace->db)};
    const struct firn_view view = {&now, 1};
    struct firn_entry entry;
    firn_buf_clear(out);
    if (!firn_memtable_get(keyspace->memtable, key, &view, &entry) ||
        entry.kind == FIRN_ENTRY_DELETE) {
        return firn_error_set(err, FIRN_NOT_FOUND, "there is no such key in keyspace '%s'",
                              keyspace->name);
    }
    return firn_buf_append_slice(out, entry.value) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "a value");
}

int
firn_db_put(struct firn_db_keyspace *keyspace, firn_slice key, firn_slice value,
            firn_durability durability, firn_error *err)
{
    struct firn_db_batch batch = {0};
    int rc;
    FIRN_TRY(firn_db_batch_put(&batch, keyspace, key, value, err));
    FIRN_TRY(firn_db_write(keyspace->db, &batch, durability, err));
out:
    firn_db_batch_deinit(&batch);
    return rc;
}

int
firn_db_delete(struct firn_db_keyspace *keyspace, firn_slice key, firn_durability durability,
               firn_error *err)
{
    struct firn_db_batch batch = {0};
    int rc;
    FIRN_TRY(firn_db_batch_delete(&batch, keyspace, key, err));
    FIRN_TRY(firn_db_write(keyspace->db, &batch, durability, err));
out:
    firn_db_batch_deinit(&batch);
    return rc;
}

struct firn_os *
firn_db_os(const struct firn_db *db)
{
    return db->os;
}

struct firn_os_dir *
firn_db_dir(const struct firn_db *db)
{
    return db->dir;
}

bool
firn_db_is_read_only(const struct firn_db *db)
{
    return db->is_read_only;
}

const uint8_t *
firn_db_id(const struct firn_db *db)
{
    return db->identity.id;
}
