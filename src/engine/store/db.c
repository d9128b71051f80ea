/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db.c: the handle: opening and closing.
 *
 * Opening for writing: look at the directory; take the lock; look again, because the directory may
 * have become a store while this handle waited for the lock. Then either create the store
 * (db_create.c), or read the identity, open the trees and replay the log (db_replay.c). If a crash
 * has left trees of dropped keyspaces, they are removed now, because no snapshot of them is open.
 * Opening for reading takes a lock that keeps files from being removed (db_reader.c), and writes
 * nothing.
 *
 * Closing for writing: background work ends. If the log has grown long, the memtables are flushed,
 * so that the next opening need not replay it. Small trees are merged into one run each, and space
 * of the log and the reserve that is not needed is freed. A small store is just a log, and stays
 * one. Last, the log and MANIFEST each record where the other one ends (db_replay_attest.c).
 *
 * Refreshing a read-only handle. Where neither the log nor MANIFEST has changed (log/log_watch.c),
 * nothing happens. Otherwise a whole new image is opened and replayed beside the present one and
 * then replaces it. Cursors and snapshots keep the image in which they were opened. The image is
 * closed together with the last of them, and this releases the lock by which the writer sees it.
 * Reads of single keys do not count as users: they are inside the epoch while they use the image,
 * and a replaced image is closed only after all of them have left. The state mutex guards the user
 * counts and the replacement.
 *
 * The memory budget is divided once, at opening: half for the block cache, three eighths for
 * memtables (one is flushed when it has an eighth, and at most 64 MiB), the rest for what the
 * trees keep of their runs.
 *
 * Locking: the mutex of commits (rank DB_COMMIT) belongs to db_write.c and db_lead.c. state_mutex
 * (rank DB_STATE) guards the trees of the image, the handles of keyspaces, is_changing_list and,
 * with mutexes of its parts (rank DB_SNAPSHOTS), the list of open snapshots. The mutex of jobs
 * (rank DB_JOBS) guards background work. None is held during I/O.
 */
#include "base/check.h"
#include "store/db_internal.h"

#include <inttypes.h>
#include <string.h>

#include "archive/archive.h"
#include "base/mem.h"
#include "hosted/os_ram.h"

/* ---- moving a read-only handle to the newest state ---- */

/* Whether a new image would show what the present one does. */
static bool
is_newest(struct firn_db *db)
{
    size_t slot = fi_epoch_enter(&db->epoch);
    const struct fi_db_image *image = fi_db_image(db);
    bool is_it = fi_db_log_is_unchanged(db, &image->log_watch) && fi_lsm_is_newest(image->lsm);
    fi_epoch_leave(&db->epoch, slot);
    return is_it;
}

int
fi_db_refresh(struct firn_db *db, firn_error *err)
{
    struct fi_db_image *image;
    if (!db->is_read_only || is_newest(db)) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_db_replay(db, &image, err));
    fi_os_mutex_lock(&db->state_mutex);
    struct fi_db_image *old = fi_db_image(db);
    DCHECK(old != image && image->user_count == 0);
    if (image->last_sequence < old->last_sequence) {
        /* A writer that has just opened a store hides what the previous writer left, until it has
         * removed the fence. A handle that has already seen those commits keeps them. */
        fi_os_mutex_unlock(&db->state_mutex);
        fi_db_image_abandon(image);
        return FIRN_OK;
    }
    atomic_store_explicit(&db->image, image, memory_order_seq_cst);
    fi_db_snapshot_list_release_old(db);
    bool is_unused = old->user_count == 0;
    fi_os_mutex_unlock(&db->state_mutex);
    if (is_unused) {
        fi_db_image_retire(old);
    }
    fi_db_memory_resolve(db);
    return FIRN_OK;
}

/* ---- a store in memory ----
 *
 * This is an ordinary store in a directory of an in-memory file system (os_ram.h), so it has all
 * features of a store and runs the same tests. The file system sets the limit: a commit beyond it
 * meets a full disk. Data that cannot be read after the process ends is not worth a sync, so
 * durability costs nothing here.
 */

static const char name[] = "in-memory";

int
fi_db_memory_open(uint64_t limit_bytes, const struct fi_db_options *options, struct firn_db **out,
                  firn_error *err)
{
    struct fi_os *os = NULL;
    struct fi_os_dir *root = NULL;
    struct fi_os_dir *dir = NULL;
    int rc;
    *out = NULL;
    FI_TRY(fi_os_ram_create(limit_bytes, &os, err));
    FI_TRY(fi_os_dir_open_path(os, "/", &root, err));
    FI_TRY(fi_os_make_dir(root, name, 0700, err));
    FI_TRY(fi_os_dir_open_path(os, name, &dir, err)); /* messages name it so */
    FI_TRY(fi_db_open_owned(dir, options, out, err));
    (*out)->owned_os = os;
    os = NULL;
out:
    fi_os_dir_close(root);
    fi_os_ram_destroy(os);
    return rc;
}

/* Destroys the os of a store in memory. NULL is fine. */
static void
memory_close(struct fi_os *os)
{
    fi_os_ram_destroy(os);
}

/* ---- the handle ---- */

/* A log that is longer than this is flushed when the store is closed: compressed runs take less
 * room, and every opening of a store with a long log replays it. */
enum { CLOSE_LOG_BYTES_MAX = 96 << 10 };

/* ---- creating and destroying the handle ---- */

static unsigned
choose_threads(struct fi_os *os, unsigned wanted)
{
    enum { THREADS_MAX = 4 };
    unsigned processors = fi_os_cpu_count(os);
    if (wanted != 0) {
        return wanted;
    }
    return processors > THREADS_MAX ? THREADS_MAX : processors;
}

static void
db_init(struct firn_db *db, struct fi_os_dir *dir, const struct fi_db_options *options)
{
    static _Atomic uint64_t serials;
    fi_os_process_init_mark(&db->mark);
    db->serial = atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
    db->os = fi_os_dir_os(dir);
    db->dir = dir;
    db->is_read_only = options->read_only;
    db->shows_pending = options->read_pending;
    db->durability =
        options->durability == FIRN_DURABILITY_DEFAULT ? FIRN_DURABILITY_FULL : options->durability;
    db->limits = fi_db_memory_divide(options->memory_bytes != 0 ? options->memory_bytes
                                                                : FIRN_STORE_MEMORY_DEFAULT);
    db->threads = choose_threads(db->os, options->threads);
    db->compression = options->compression;
    fi_os_mutex_init(db->os, &db->commits.mutex, FI_LOCK_DB_COMMIT);
    fi_os_cond_init(db->os, &db->commits.lead_ended);
    fi_os_mutex_init(db->os, &db->state_mutex, FI_LOCK_DB_STATE);
    fi_db_snapshot_list_init(db);
    fi_os_cond_init(db->os, &db->list_changed);
    fi_os_mutex_init(db->os, &db->jobs.mutex, FI_LOCK_DB_JOBS);
    fi_os_cond_init(db->os, &db->jobs.changed);
    fi_os_cond_init(db->os, &db->jobs.closing);
    fi_epoch_init(&db->epoch);
    fi_db_handles_init(db);
    db->rest.watch = fi_db_rest_watch;
    atomic_init(&db->image, NULL);
}

/* Requires: the log and the image are gone. */
static void
db_destroy(struct firn_db *db)
{
    DCHECK(db->jobs.flush_pool == NULL && db->bulk == NULL);
    DCHECK(db->commits.head == NULL && db->commits.exclusive_waiting == 0);
    fi_db_handles_destroy_all(db);
    fi_epoch_deinit(&db->epoch);
    fi_block_cache_destroy(db->cache);
    fi_os_file_close(db->readers);
    /* The last file: the next holder of the lock must find everything finished. */
    fi_storefile_lock_release(db->lock);
    fi_os_dir_close(db->sealed_dir);
    fi_os_dir_close(db->owned_dir);
    fi_os_cond_deinit(&db->jobs.closing);
    fi_os_cond_deinit(&db->jobs.changed);
    fi_os_mutex_deinit(&db->jobs.mutex);
    fi_os_cond_deinit(&db->list_changed);
    fi_db_snapshot_list_deinit(db);
    fi_os_mutex_deinit(&db->state_mutex);
    fi_os_cond_deinit(&db->commits.lead_ended);
    fi_os_mutex_deinit(&db->commits.mutex);
    struct fi_os *owned_os = db->owned_os;
    struct fi_archive *archive = db->archive;
    fi_free(db);
    fi_archive_close(archive);
    memory_close(owned_os);
}

void
fi_db_abandon(struct firn_db *db)
{
    if (db == NULL) {
        return;
    }
    fi_db_jobs_close(db);
    fi_db_bulk_close(db->bulk);
    fi_db_snapshot_destroy_all(db);
    fi_db_image_abandon(fi_db_image(db));
    fi_log_abandon(db->log);
    db_destroy(db);
}

void
fi_db_leave(struct firn_db *db)
{
    /* Nothing is locked, waited for or freed: what a thread of the parent was changing at the time
     * of the fork stays half changed here. These pointers are set once. */
    struct fi_db_image *image = fi_db_image(db);
    if (image != NULL) {
        fi_os_file_close(image->reader_lock);
        image->reader_lock = NULL;
    }
    fi_os_file_close(db->readers);
    fi_storefile_lock_release(db->lock);
    db->readers = NULL;
    db->lock = NULL;
}

/* ---- opening ---- */

static int
refuse_missing(struct fi_os_dir *dir, firn_error *err)
{
    return fi_error_set(err, FIRN_NOT_FOUND, "there is no firn store in '%s'", fi_os_dir_path(dir));
}

static int
open_for_reading(struct firn_db *db, const struct fi_db_options *options, firn_error *err)
{
    struct fi_db_image *image;
    int rc = fi_db_create_read_identity(db->dir, &db->identity, err);
    if (rc == FIRN_NOT_FOUND) {
        return refuse_missing(db->dir, err);
    }
    rc = rc == FIRN_OK ? fi_db_keys_unlock(db, options->unlock, err) : rc;
    rc = rc == FIRN_OK ? fi_db_replay(db, &image, err) : rc;
    DCHECK(db->lock == NULL && db->log == NULL);
    if (rc == FIRN_OK) {
        atomic_store_explicit(&db->image, image, memory_order_seq_cst);
    }
    return rc;
}

static int
open_readers_file(struct firn_db *db, firn_error *err)
{
    return fi_os_file_open(db->dir, FI_STOREFILE_IDENTITY_NAME, FI_OS_READ, 0, &db->readers, err);
}

/* Opening writes a little: a segment's header, and what recovery makes durable. */
static int
recover(struct firn_db *db, firn_error *err)
{
    struct fi_db_image *image;
    int rc;
    DCHECK(db->lock != NULL && db->log == NULL && fi_db_image(db) == NULL);
    FI_TRY(fi_db_create_raise_version(db, err));
    FI_TRY(fi_db_replay(db, &image, err));
    atomic_store_explicit(&db->image, image, memory_order_seq_cst);
    FI_TRY(fi_db_image_remove_dropped(image, err));
out:
    DCHECK(rc != FIRN_OK || (db->log != NULL && fi_db_image(db) != NULL));
    if (rc == FIRN_NO_SPACE) {
        fi_db_image_abandon(fi_db_image(db));
        atomic_store_explicit(&db->image, NULL, memory_order_seq_cst);
        fi_log_abandon(db->log);
        db->log = NULL;
    }
    return rc;
}

/* Requires: the lock is held, and the store exists. */
static int
open_existing(struct firn_db *db, const struct fi_db_options *options, firn_error *err)
{
    int rc;
    DCHECK(db->lock != NULL);
    FI_TRY(fi_db_create_read_identity(db->dir, &db->identity, err));
    FI_TRY(fi_db_keys_unlock(db, options->unlock, err));
    FI_TRY(open_readers_file(db, err));
    rc = recover(db, err);
    if (rc == FIRN_NO_SPACE && fi_db_space_give_up_at_open(db)) {
        rc = recover(db, err);
    }
out:
    return rc;
}

static int
db_create(struct firn_db *db, const struct fi_db_options *options, firn_error *err)
{
    DCHECK(db->lock != NULL);
    FI_TRY_RETURN(fi_db_create_store(db, options, err));
    FI_TRY_RETURN(fi_storefile_lock_guard(db->lock, db->dir, err));
    return open_readers_file(db, err);
}

/* Whether the directory may be opened as asked; *survey is what it contains. */
static int
db_inspect(struct firn_db *db, const struct fi_db_options *options,
           struct fi_db_create_survey *survey, firn_error *err)
{
    FI_TRY_RETURN(fi_db_create_inspect(db->dir, survey, err));
    if (survey->has_identity) {
        return options->fail_if_exists
                   ? fi_error_set(err, FIRN_EXISTS, "there is a firn store in '%s' already",
                                  fi_os_dir_path(db->dir))
                   : FIRN_OK;
    }
    return options->create_if_missing ? fi_db_create_allowed(db->dir, survey, err)
                                      : refuse_missing(db->dir, err);
}

static int
open_for_writing(struct firn_db *db, const struct fi_db_options *options, firn_error *err)
{
    struct fi_db_create_survey survey;
    FI_TRY_RETURN(db_inspect(db, options, &survey, err));
    FI_TRY_RETURN(fi_storefile_lock_acquire(db->dir, options->lock_timeout_ms, &db->lock, err));
    FI_TRY_RETURN(db_inspect(db, options, &survey, err));
    fi_db_space_fit(db);
    FI_TRY_RETURN(survey.has_identity ? open_existing(db, options, err)
                                      : db_create(db, options, err));
    db->commits.last_sequence = fi_db_image(db)->last_sequence;
    db->found_end = fi_log_end(db->log);
    db->found_version = fi_db_reader_version(db);
    FI_TRY_RETURN(fi_db_jobs_open(db, err));
    fi_db_space_inspect(db);
    DCHECK(db->readers != NULL && db->log != NULL && !db->commits.is_leading);
    return FIRN_OK;
}

int
fi_db_open(struct fi_os_dir *dir, const struct fi_db_options *options, struct firn_db **out,
           firn_error *err)
{
    int rc;
    *out = NULL;
    struct firn_db *db = fi_alloc_zeroed(sizeof *db);
    if (db == NULL) {
        return fi_error_no_memory(err, "a store");
    }
    db_init(db, dir, options);
    FI_TRY(fi_block_cache_create(db->os, db->limits.cache, &db->cache, err));
    FI_TRY(options->read_only ? open_for_reading(db, options, err)
                              : open_for_writing(db, options, err));
    atomic_store_explicit(&db->published, fi_db_image(db)->last_sequence, memory_order_release);
    DCHECK(db->is_read_only || db->commits.last_sequence == fi_db_published(db));
    fi_db_memory_resolve(db);
    *out = db;
    db = NULL;
out:
    fi_db_abandon(db);
    return rc;
}

int
fi_db_open_owned(struct fi_os_dir *dir, const struct fi_db_options *options, struct firn_db **out,
                 firn_error *err)
{
    int rc = fi_db_open(dir, options, out, err);
    if (rc == FIRN_OK) {
        (*out)->owned_dir = dir;
    } else {
        fi_os_dir_close(dir);
    }
    return rc;
}

/* ---- closing ---- */

static int
refuse_open_snapshots(struct firn_db *db, firn_error *err)
{
    fi_os_mutex_lock(&db->state_mutex);
    fi_db_snapshot_list_lock(db);
    uint64_t count = fi_db_snapshot_list_count(db);
    fi_db_snapshot_list_unlock(db);
    bool has_bulk = db->bulk != NULL;
    fi_os_mutex_unlock(&db->state_mutex);
    if (has_bulk) {
        return fi_error_set(err, FIRN_MISUSE, "'%s' cannot be closed: a load is open",
                            fi_os_dir_path(db->dir));
    }
    /* Acquire: pairs with fi_db_get_unpin. */
    count += atomic_load_explicit(&db->pin_count, memory_order_acquire);
    return count == 0 ? FIRN_OK
                      : fi_error_set(err, FIRN_MISUSE,
                                     "'%s' cannot be closed: %" PRIu64
                                     " cursors, snapshots, transactions or pins are open",
                                     fi_os_dir_path(db->dir), count);
}

/* Commits that are not durable can no longer become so. */
static int
close_failed(struct firn_db *db, firn_error *err)
{
    int rc = fi_error_set(err, FIRN_FAILED, "'%s' failed earlier: %s", fi_os_dir_path(db->dir),
                          db->commits.failure.text);
    fi_db_abandon(db);
    return rc;
}

/* Empties a long log, unless too many small memtables are in it (db_turn.c), and merges small trees
 * into one run each: otherwise the runs flushed last would stay separate until some process keeps
 * the store open for longer. A failure here is no error, because the log or the runs have all
 * data. */
static void
lighten(struct firn_db *db)
{
    bool has_more = false;
    const struct fi_compaction_work_wish brief = {.compactions = true, .is_brief = true};
    DCHECK(db->jobs.is_closing);
    bool is_long = fi_log_size_bytes(db->log) > CLOSE_LOG_BYTES_MAX;
    if (is_long && fi_db_turn_flush_pays(db)) {
        FI_IGNORE(fi_db_maintain_flush_memtables(db, NULL));
    }
    FI_IGNORE(fi_db_jobs_finish(db, &brief, NULL));
    FI_IGNORE(fi_db_dropped_remove(db, NULL));
    FI_IGNORE(fi_db_turn_trim(db, &has_more, NULL));
    if (has_more && db->lead.log_floor > fi_log_oldest(db->log)) {
        FI_IGNORE(fi_log_rotate(db->log, NULL));
    }
    fi_db_space_trim(db);
}

static int
close_writer(struct firn_db *db, firn_error *err)
{
    fi_db_jobs_stop(db);
    int lock_rc = fi_db_lead_check_lock(db, err);
    if (lock_rc != FIRN_OK &&
        !db->commits.has_failed) { /* it is not known whether writing is allowed */
        fi_db_abandon(db);
        return lock_rc;
    }
    if (!db->commits.has_failed) {
        lighten(db);
    }
    if (db->commits.has_failed || fi_log_has_failed(db->log)) {
        return close_failed(db, err);
    }
    fi_db_jobs_close(db);
    int vouch_rc = fi_db_replay_attest_close(db, err);
    if (vouch_rc != FIRN_OK) {
        fi_db_abandon(db);
        return vouch_rc;
    }
    fi_db_snapshot_list_release_all(db);
    int rc = fi_db_image_close(fi_db_image(db), err);
    int log_rc = fi_log_close(db->log, rc == FIRN_OK ? err : NULL);
    db_destroy(db);
    return rc != FIRN_OK ? rc : log_rc;
}

int
fi_db_close(struct firn_db *db, firn_error *err)
{
    int rc = db == NULL ? FIRN_OK : refuse_open_snapshots(db, err);
    if (db == NULL || rc != FIRN_OK) {
        return rc;
    }
    if (!db->is_read_only) {
        return close_writer(db, err);
    }
    fi_db_abandon(db);
    return FIRN_OK;
}

/* ---- single commits ---- */

/* Commits a batch whose only write returned rc, and frees the batch. */
static int
write_alone(struct firn_db *db, struct firn_db_batch *batch, int rc, firn_durability durability,
            firn_error *err)
{
    DCHECK(fi_db_batch_count(batch) <= 1); /* none: an empty range */
    rc = rc == FIRN_OK ? fi_db_write(db, batch, durability, err) : rc;
    fi_db_batch_deinit(batch);
    return rc;
}

int
fi_db_merge(struct firn_db_keyspace *keyspace, firn_slice key, firn_merge_operator operation,
            firn_slice operand, firn_durability durability, firn_error *err)
{
    struct firn_db_batch batch = {0};
    int rc = fi_db_batch_merge(&batch, keyspace, key, operation, operand, err);
    return write_alone(keyspace->db, &batch, rc, durability, err);
}

int
fi_db_delete(struct firn_db_keyspace *keyspace, firn_slice key, firn_durability durability,
             firn_error *err)
{
    struct firn_db_batch batch = {0};
    int rc = fi_db_batch_delete(&batch, keyspace, key, err);
    return write_alone(keyspace->db, &batch, rc, durability, err);
}

int
fi_db_delete_range(struct firn_db_keyspace *keyspace, firn_slice lower, firn_slice upper,
                   firn_durability durability, firn_error *err)
{
    struct firn_db_batch batch = {0};
    int rc = fi_db_batch_delete_range(&batch, keyspace, lower, upper, err);
    return write_alone(keyspace->db, &batch, rc, durability, err);
}

struct fi_os *
fi_db_os(const struct firn_db *db)
{
    return db->os;
}

struct fi_os_dir *
fi_db_dir(const struct firn_db *db)
{
    return db->dir;
}

uint64_t
fi_db_memory_bytes(const struct firn_db *db)
{
    return db->limits.memory;
}

struct fi_os_dir *
fi_db_scratch_dir(struct firn_db *db)
{
    return db->is_read_only || db->owned_os != NULL ? NULL
                                                    : fi_lsm_scratch_dir(fi_db_image(db)->lsm);
}

void
fi_db_scratch_name(void *ctx, char out[FI_DB_SCRATCH_NAME_SIZE])
{
    struct firn_db *db = ctx;
    DCHECK((int)FI_DB_SCRATCH_NAME_SIZE >= (int)FI_VERSION_FILE_NAME_SIZE);
    fi_lsm_scratch_name(fi_db_image(db)->lsm, out);
}

bool
fi_db_is_read_only(const struct firn_db *db)
{
    return db->is_read_only;
}

uint64_t
fi_db_sequence(const struct firn_db *db)
{
    return fi_db_published(db);
}

const uint8_t *
fi_db_id(const struct firn_db *db)
{
    return db->identity.id;
}
