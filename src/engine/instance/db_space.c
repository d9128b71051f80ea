/* SPDX-License-Identifier: Apache-2.0
 *
 * instance/db_space.c: the reserve for a full disk.
 *
 * A store on a full disk must still be able to delete, and to turn what was deleted into free
 * space: both need a little space first. So the store keeps a file RESERVE: an eighth of the size
 * of the store, at most RESERVE_MEMTABLES times a memtable (on a small disk at most an eighth of
 * the size that the store can reach, if that is more); a store below RESERVE_FROM has none. It
 * grows by at most half of what is free; if it cannot grow, it stays as it is. Closing frees what
 * exceeds this size.
 *
 * When an append, a flush or a compaction finds no space, most of the reserve is freed, and the
 * store counts as full until a commit finds space again (db_full.c). Flushes and compactions are
 * tried again with every commit, until they succeed. The background begins only those for which the
 * remaining space suffices, so it takes nothing from the deletes.
 *
 * The last LAST_BYTES of the file are kept for what must not fail: opening writes a segment's
 * header and may have to make the log durable, and a drain that finds no other space begins with
 * them.
 *
 * Deleting the files of other rooms in the store's directory (packs of a workspace) takes commits
 * and small merges of the store: the reserve has a 128th of their size for that, 64 KiB to 1 MiB.
 *
 * The output of a flush or compaction must fit into the reserve; otherwise garbage that is spread
 * over the whole store could not be turned into space. So what the store writes at once is fitted
 * to the size that it can reach: its own bytes plus the free ones, when it is opened for writing.
 * On a disk of 100 MB, memtables, runs and value files are small parts of that, with any memory
 * budget (fit, and lsm_options in db_image.c). On a disk with more than some GiB to spare nothing
 * changes.
 *
 * The space of a removed file may count as free only once the removal is on the disk. So on a full
 * disk every removal is followed by a sync of the whole file system. Nothing depends on its
 * success.
 *
 * The reserve is a convenience, not a promise: if it cannot be created there is none, and no call
 * fails because of that. It is not synced; what a crash takes of it is created again.
 *
 * Locking: the mutex of jobs guards the fields, except for the atomic ones. is_busy is the token of
 * the thread that is changing the file.
 */
#include "base/check.h"
#include "base/mem.h"
#include "instance/db_handle.h"

#include <string.h>

enum {
    RESERVE_FROM = 512 << 10,
    RESERVE_PART = 8,
    RESERVE_MEMTABLES = 4,
    BESIDE_FROM = 1 << 20,
    BESIDE_PART = 128,
    BESIDE_MOST = 1 << 20,
    GROWTH_PART = 4, /* the file grows by a quarter at least */
    LAST_BYTES = 64 << 10,
    ENDS_PART = 32, /* of the free bytes: for the ends of pages, and for other files than runs */
    ENDS_LEAST = 16 << 10
};

/* Parts of the size that the store can reach. */
enum { MEMTABLE_PART = 128, MEMTABLE_LEAST = 64 << 10, LOG_MEMTABLES = 4, LOG_LEAST = 512 << 10 };

static const char runs_name[] = "runs";

/* ---- how large the store can become ---- */

struct survey {
    struct fi_os_dir *dir;
    bool (*counts)(const char *name);
    uint64_t bytes;
};

static int
add_file(void *ctx, const struct fi_os_dirent *entry)
{
    struct survey *survey = ctx;
    struct fi_os_stat stat;
    if ((survey->counts == NULL || survey->counts(entry->name)) &&
        fi_os_stat(survey->dir, entry->name, &stat, NULL) == FIRN_OK && stat.kind == FI_OS_FILE) {
        survey->bytes += stat.allocated_bytes;
    }
    return FIRN_OK;
}

uint64_t
fi_db_space_of(struct fi_os_dir *parent, const char *name, bool (*counts)(const char *name))
{
    struct survey survey = {.counts = counts};
    if (fi_os_dir_open_beneath(parent, name, &survey.dir, NULL) == FIRN_OK) {
        FI_IGNORE(fi_os_dir_list(survey.dir, add_file, &survey, NULL));
    }
    fi_os_dir_close(survey.dir);
    return survey.bytes;
}

void
fi_db_space_fit(struct firn_db *db)
{
    DCHECK(db->jobs.flush_pool == NULL);
    struct fi_db_limits *limits = &db->limits;
    uint64_t free_bytes;
    uint64_t enough = (uint64_t)MEMTABLE_PART * limits->memtable;
    enough = enough < UINT64_C(2) << 30 ? UINT64_C(2) << 30 : enough;
    if (fi_os_dir_free_bytes(db->dir, &free_bytes, NULL) != FIRN_OK || free_bytes >= enough) {
        return;
    }
    uint64_t most =
        free_bytes + fi_db_space_of(db->dir, "", NULL) + fi_db_space_of(db->dir, runs_name, NULL);
    size_t memtable =
        most / MEMTABLE_PART < MEMTABLE_LEAST ? MEMTABLE_LEAST : (size_t)(most / MEMTABLE_PART);
    limits->disk_bytes = most;
    if (memtable < limits->memtable) {
        uint64_t log = (uint64_t)LOG_MEMTABLES * memtable;
        log = log < LOG_LEAST ? LOG_LEAST : log;
        limits->memtable = memtable;
        limits->memtables = 2 * memtable;
        limits->memtables_max = 3 * memtable;
        limits->log = log < limits->log ? log : limits->log;
    }
    DCHECK(limits->memtable < limits->memtables && limits->memtables < limits->memtables_max);
}

/* ---- the file ---- */

void
fi_db_space_inspect(struct firn_db *db)
{
    struct fi_os_stat stat;
    if (fi_os_stat(db->dir, FI_STOREFILE_RESERVE_NAME, &stat, NULL) == FIRN_OK) {
        db->space.reserve_bytes = stat.size_bytes;
    }
    db->space.next_look_bytes = RESERVE_FROM;
    if (atomic_load(&db->space.is_full)) {
        fi_log_rotate_keep_spares(db->log, false);
    }
}

/* For file systems that cannot reserve space: writes the bytes. */
static int
write_zeros(struct fi_os_file *file, uint64_t size)
{
    int rc = FIRN_OK;
    for (uint64_t at = 0; at < size && rc == FIRN_OK; at += FI_ZEROS_SIZE) {
        size_t piece = size - at < FI_ZEROS_SIZE ? (size_t)(size - at) : FI_ZEROS_SIZE;
        rc = fi_os_file_write(file, at, fi_zeros(), piece, NULL);
    }
    return rc;
}

/* Grows or shrinks the file to this size. On failure it is unchanged. */
static int
resize_file(struct fi_os_file *file, uint64_t had, uint64_t size)
{
    int rc = fi_os_file_allocate(file, size, NULL);
    if (rc == FIRN_UNSUPPORTED) {
        rc = write_zeros(file, size);
    }
    if (rc == FIRN_OK) {
        rc = fi_os_file_truncate(file, size, NULL);
    } else {
        FI_IGNORE(fi_os_file_truncate(file, had, NULL));
    }
    return rc;
}

/* Returns the size of the reserve afterwards: `size`, or the old size if there is no space for
 * that. */
static uint64_t
db_space_resize(struct firn_db *db, uint64_t size)
{
    struct fi_os_file *file = NULL;
    uint64_t had = db->space.reserve_bytes;
    DCHECK(db->space.is_busy && size > 0);
    int rc = fi_os_file_open(db->dir, FI_STOREFILE_RESERVE_NAME,
                             FI_OS_WRITE | FI_OS_CREATE | FI_OS_FOR_OWNER | FI_OS_CLEAR, 0600,
                             &file, NULL);
    if (rc == FIRN_OK) {
        rc = resize_file(file, had, size);
        fi_os_file_close(file);
    }
    if (rc != FIRN_OK && had == 0) {
        FI_IGNORE(fi_os_remove_file(db->dir, FI_STOREFILE_RESERVE_NAME, NULL));
    }
    return rc == FIRN_OK ? size : had;
}

/* Returns the size afterwards: 0, or the old size. */
static uint64_t
remove_file(struct firn_db *db)
{
    DCHECK(db->space.is_busy);
    int rc = fi_os_remove_file(db->dir, FI_STOREFILE_RESERVE_NAME, NULL);
    return rc == FIRN_OK ? 0 : db->space.reserve_bytes;
}

/* ---- how large it should be ---- */

static uint64_t
store_bytes(struct firn_db *db)
{
    struct fi_lsm_stats stats;
    uint64_t bytes = fi_log_size_bytes(db->log);
    fi_lsm_stats(fi_db_image(db)->lsm, NULL, &stats);
    for (size_t i = 0; i < FI_VERSION_LEVELS_ALL; i++) {
        bytes += stats.levels[i].bytes;
    }
    return bytes + stats.values.bytes;
}

/* For files that are not the store's own (packs): what the store needs to record their deletion. A
 * store that is too small for a reserve of its own must be able to flush everything. */
static uint64_t
wanted_for_beside(struct firn_db *db)
{
    uint64_t bytes = atomic_load(&db->space.beside_bytes);
    uint64_t own = store_bytes(db);
    uint64_t part = bytes / BESIDE_PART;
    if (bytes < BESIDE_FROM) {
        return 0;
    }
    part = part < LAST_BYTES ? LAST_BYTES : part < BESIDE_MOST ? part : BESIDE_MOST;
    return own < RESERVE_FROM ? part + own : part;
}

static uint64_t
wanted_for_store(struct firn_db *db)
{
    uint64_t bytes = store_bytes(db);
    uint64_t part = bytes / RESERVE_PART;
    uint64_t most = (uint64_t)RESERVE_MEMTABLES * db->limits.memtable;
    if (most < db->limits.disk_bytes / RESERVE_PART && db->limits.disk_bytes != UINT64_MAX) {
        most = db->limits.disk_bytes / RESERVE_PART;
    }
    if (bytes < RESERVE_FROM) {
        return 0;
    }
    return part < most ? part : most;
}

uint64_t
fi_db_space_wanted(struct firn_db *db)
{
    return wanted_for_store(db) + wanted_for_beside(db);
}

void
fi_db_space_beside(struct firn_db *db, uint64_t bytes)
{
    DCHECK(!db->is_read_only);
    atomic_store(&db->space.beside_bytes, bytes);
    fi_db_space_keep(db);
}

/* ---- the token ---- */

static bool
db_space_begin(struct firn_db *db)
{
    fi_os_mutex_lock(&db->jobs.mutex);
    bool is_mine = !db->space.is_busy;
    if (is_mine) { /* or else it is read: by the thread that has the token, without the mutex */
        db->space.is_busy = true;
    }
    fi_os_mutex_unlock(&db->jobs.mutex);
    return is_mine;
}

static void
db_space_end(struct firn_db *db, uint64_t reserve_bytes)
{
    fi_os_mutex_lock(&db->jobs.mutex);
    DCHECK(db->space.is_busy);
    db->space.reserve_bytes = reserve_bytes;
    db->space.is_busy = false;
    fi_os_mutex_unlock(&db->jobs.mutex);
}

static uint64_t
reserve_bytes(struct firn_db *db)
{
    fi_os_mutex_lock(&db->jobs.mutex);
    uint64_t bytes = db->space.reserve_bytes;
    fi_os_mutex_unlock(&db->jobs.mutex);
    return bytes;
}

/* The part of `wanted` that is available: on a nearly full disk half of what is free goes to the
 * reserve, so that it has grown by the time nothing is free. */
static uint64_t
what_can_be_had(struct firn_db *db, uint64_t has, uint64_t wanted)
{
    uint64_t free_bytes;
    DCHECK(wanted > has);
    if (fi_os_dir_free_bytes(db->dir, &free_bytes, NULL) != FIRN_OK ||
        free_bytes / 2 >= wanted - has) {
        return wanted;
    }
    return has + free_bytes / 2;
}

void
fi_db_space_keep(struct firn_db *db)
{
    uint64_t has = reserve_bytes(db);
    uint64_t wanted = fi_db_space_wanted(db);
    uint64_t least = has + has / GROWTH_PART + 1;
    if (atomic_load(&db->space.is_full) || wanted < least) {
        return;
    }
    wanted = what_can_be_had(db, has, wanted);
    if (wanted >= least && db_space_begin(db)) {
        /* Again: a thread that frees the reserve first marks the disk as full. */
        bool is_full = atomic_load(&db->space.is_full);
        db_space_end(db, is_full ? db->space.reserve_bytes : db_space_resize(db, wanted));
    }
}

void
fi_db_space_trim(struct firn_db *db)
{
    uint64_t has = reserve_bytes(db);
    uint64_t wanted = fi_db_space_wanted(db);
    if (has > wanted && db_space_begin(db)) {
        db_space_end(db, wanted == 0 ? remove_file(db) : db_space_resize(db, wanted));
    }
}

/* Frees what the file has beyond `left`. Also true if the disk was not known to be full: from now
 * on flushes and compactions are fitted to the remaining space. */
static bool
give_up(struct firn_db *db, uint64_t left)
{
    bool is_news = !atomic_exchange(&db->space.is_full, true);
    fi_log_rotate_keep_spares(db->log, false);
    if (!db_space_begin(db)) {
        return is_news;
    }
    uint64_t had = db->space.reserve_bytes;
    uint64_t has = had;
    if (had > left && left > 0) {
        has = db_space_resize(db, left);
    }
    if (has > left) {
        has = remove_file(db);
    }
    db_space_end(db, has);
    fi_db_space_sync_removals(db);
    return is_news || had > has;
}

bool
fi_db_space_give_up(struct firn_db *db)
{
    return give_up(db, LAST_BYTES);
}

bool
fi_db_space_give_up_all(struct firn_db *db)
{
    return give_up(db, 0);
}

bool
fi_db_space_give_up_at_open(struct firn_db *db)
{
    DCHECK(db->jobs.flush_pool == NULL && db->log == NULL);
    atomic_store(&db->space.is_full, true);
    if (fi_os_remove_file(db->dir, FI_STOREFILE_RESERVE_NAME, NULL) != FIRN_OK) {
        return false;
    }
    fi_db_space_sync_removals(db);
    return true;
}

void
fi_db_space_sync_removals(struct firn_db *db)
{
    if (atomic_load(&db->space.is_full)) {
        FI_IGNORE(fi_os_dir_sync_filesystem(db->dir, NULL));
    }
}

/* ---- flushes and compactions ---- */

uint64_t
fi_db_space_left(struct firn_db *db)
{
    uint64_t free_bytes;
    uint64_t needed = fi_lsm_memtable_bytes(fi_db_image(db)->lsm);
    if (fi_os_dir_free_bytes(db->dir, &free_bytes, NULL) != FIRN_OK || free_bytes <= needed) {
        return 0;
    }
    return free_bytes - needed;
}

uint64_t
fi_db_space_room(struct firn_db *db)
{
    if (!atomic_load(&db->space.is_full)) {
        return 0;
    }
    uint64_t bytes = fi_db_space_left(db);
    uint64_t ends = bytes / ENDS_PART + ENDS_LEAST;
    return bytes > ends ? bytes - ends : 1;
}

/* ---- commits ---- */

bool
fi_db_space_is_back(struct firn_db *db, size_t bytes)
{
    uint64_t wanted = fi_db_space_wanted(db);
    uint64_t has = reserve_bytes(db);
    uint64_t free_bytes;
    int rc = fi_os_dir_free_bytes(db->dir, &free_bytes, NULL);
    if (rc != FIRN_OK || free_bytes + has < wanted + bytes + FI_DB_SPACE_SLACK ||
        !db_space_begin(db)) {
        return false;
    }
    has = wanted == 0 ? db->space.reserve_bytes : db_space_resize(db, wanted);
    bool is_made = has >= wanted;
    db_space_end(db, has);
    if (is_made) {
        fi_log_rotate_keep_spares(db->log, true);
        atomic_store(&db->space.is_full, false);
    }
    return is_made;
}
