/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_space.c: a disk that is full.
 *
 * A store on a full disk must still be able to delete, and to turn what was deleted into free
 * space: both need a little space first. So a file RESERVE is kept, an eighth of what the store
 * holds, at most as large as a memtable; a store below RESERVE_FROM has none. Closing gives back
 * what is more than that. When an append or a work finds no space the file is given up, the store
 * counts as full, and from then on
 *   commits that put anything are refused with FIRN_NO_SPACE, without touching the disk's last
 *   bytes;
 *   commits that only delete are taken as long as there is space for them;
 *   works are tried again with every commit, until they succeed.
 * Each refused commit looks whether there is space again: enough for the reserve, for itself, and
 * some more. If so the reserve is made anew, and the commit is taken. Nothing has to be reopened.
 *
 * What was removed may count as free only when its removal is on the disk. So on a full disk every
 * removal is followed by a sync of the whole file system. Nothing depends on its success.
 *
 * The reserve is a convenience and no promise: where it cannot be made there is none, and no call
 * fails for it. It is not synced; what is lost of it at a crash is made again.
 *
 * Locking: the mutex of jobs guards the fields, but for is_full, which is looked at without it;
 * is_busy is a token for who works on the file.
 */
#include "store/db_internal.h"

enum { RESERVE_FROM = 512 << 10, RESERVE_PART = 8, SLACK = 64 << 10, ZEROS = 64 << 10 };

/* ---- the file ---- */

void
firn_db_space_look(struct firn_db *db)
{
    struct firn_os_stat stat;
    if (firn_os_stat(db->dir, FIRN_DB_FORMAT_RESERVE_NAME, &stat, NULL) == FIRN_OK) {
        db->space.reserve_bytes = stat.size_bytes;
    }
    db->space.next_look_bytes = RESERVE_FROM;
}

/* For file systems that cannot reserve: the bytes themselves. */
static int
write_zeros(struct firn_os_file *file, uint64_t size)
{
    static const uint8_t zeros[ZEROS];
    int rc = FIRN_OK;
    for (uint64_t at = 0; at < size && rc == FIRN_OK; at += sizeof zeros) {
        size_t piece = size - at < sizeof zeros ? (size_t)(size - at) : sizeof zeros;
        rc = firn_os_file_write(file, at, zeros, piece, NULL);
    }
    return rc;
}

static int
make_reserve(struct firn_db *db, uint64_t size)
{
    struct firn_os_file *file = NULL;
    int rc;
    FIRN_TRY(firn_os_file_open(db->dir, FIRN_DB_FORMAT_RESERVE_NAME, FIRN_OS_WRITE | FIRN_OS_CREATE,
                               0600, &file, NULL));
    rc = firn_os_file_allocate(file, size, NULL);
    if (rc == FIRN_UNSUPPORTED) {
        rc = write_zeros(file, size);
    }
    if (rc == FIRN_OK) {
        rc = firn_os_file_truncate(file, size, NULL);
    }
out:
    firn_os_file_close(file);
    if (rc != FIRN_OK) {
        FIRN_IGNORE(firn_os_remove_file(db->dir, FIRN_DB_FORMAT_RESERVE_NAME, NULL));
    }
    return rc;
}

/* ---- how large it should be ---- */

static uint64_t
store_bytes(struct firn_db *db)
{
    struct firn_lsm_stats stats;
    uint64_t bytes = firn_log_size_bytes(db->log);
    firn_lsm_stats(firn_db_image(db)->lsm, NULL, &stats);
    for (size_t i = 0; i < FIRN_LSM_LEVELS_ALL; i++) {
        bytes += stats.levels[i].bytes;
    }
    return bytes;
}

static uint64_t
wanted_reserve(struct firn_db *db)
{
    uint64_t bytes = store_bytes(db);
    uint64_t part = bytes / RESERVE_PART;
    if (bytes < RESERVE_FROM) {
        return 0;
    }
    return part < db->limits.memtable ? part : db->limits.memtable;
}

/* ---- the token ---- */

static bool
begin(struct firn_db *db)
{
    firn_os_mutex_lock(&db->jobs.mutex);
    bool is_mine = !db->space.is_busy;
    db->space.is_busy = true;
    firn_os_mutex_unlock(&db->jobs.mutex);
    return is_mine;
}

static void
end(struct firn_db *db, uint64_t reserve_bytes)
{
    firn_os_mutex_lock(&db->jobs.mutex);
    db->space.reserve_bytes = reserve_bytes;
    db->space.is_busy = false;
    firn_os_mutex_unlock(&db->jobs.mutex);
}

static uint64_t
reserve_bytes(struct firn_db *db)
{
    firn_os_mutex_lock(&db->jobs.mutex);
    uint64_t bytes = db->space.reserve_bytes;
    firn_os_mutex_unlock(&db->jobs.mutex);
    return bytes;
}

void
firn_db_space_keep(struct firn_db *db)
{
    uint64_t has = reserve_bytes(db);
    uint64_t wanted = wanted_reserve(db);
    /* Grown in large steps. */
    if (atomic_load(&db->space.is_full) || wanted < has + has / 2 + 1 || !begin(db)) {
        return;
    }
    end(db, make_reserve(db, wanted) == FIRN_OK ? wanted : 0);
}

void
firn_db_space_trim(struct firn_db *db)
{
    uint64_t has = reserve_bytes(db);
    uint64_t wanted = wanted_reserve(db);
    if (has <= wanted || !begin(db)) {
        return;
    }
    if (wanted == 0) {
        int rc = firn_os_remove_file(db->dir, FIRN_DB_FORMAT_RESERVE_NAME, NULL);
        end(db, rc == FIRN_OK ? 0 : has);
    } else {
        end(db, make_reserve(db, wanted) == FIRN_OK ? wanted : 0);
    }
}

bool
firn_db_space_give_up(struct firn_db *db)
{
    atomic_store(&db->space.is_full, true);
    if (!begin(db)) {
        return false;
    }
    uint64_t had = db->space.reserve_bytes;
    if (had > 0 && firn_os_remove_file(db->dir, FIRN_DB_FORMAT_RESERVE_NAME, NULL) != FIRN_OK) {
        end(db, had);
        return false;
    }
    end(db, 0);
    firn_db_space_settle(db);
    return had > 0;
}

void
firn_db_space_settle(struct firn_db *db)
{
    if (atomic_load(&db->space.is_full)) {
        FIRN_IGNORE(firn_os_dir_sync_filesystem(db->dir, NULL));
    }
}

/* ---- commits ---- */

/* Whether there is space again; then the store is as before. */
static bool
is_over(struct firn_db *db, size_t bytes)
{
    uint64_t wanted = wanted_reserve(db);
    uint64_t free_bytes;
    int rc = firn_os_dir_free_bytes(db->dir, &free_bytes, NULL);
    if (rc != FIRN_OK || free_bytes < wanted + bytes + SLACK || !begin(db)) {
        return false;
    }
    bool is_made = wanted == 0 || make_reserve(db, wanted) == FIRN_OK;
    end(db, is_made ? wanted : 0);
    if (is_made) {
        atomic_store(&db->space.is_full, false);
    }
    return is_made;
}

int
firn_db_space_admit(struct firn_db *db, bool has_puts, size_t bytes, firn_error *err)
{
    if (!atomic_load(&db->space.is_full)) {
        return FIRN_OK;
    }
    bool is_full = !is_over(db, bytes);
    firn_db_jobs_wake(db);
    firn_db_jobs_wake_compactions(db);
    if (is_full && has_puts) {
        return firn_error_set(err, FIRN_NO_SPACE,
                              "no space is left for '%s'; until there is, it takes only deletes",
                              firn_os_dir_path(db->dir));
    }
    return FIRN_OK;
}
