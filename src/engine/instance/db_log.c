/* SPDX-License-Identifier: Apache-2.0
 *
 * instance/db_log.c: the store's log: its name, its options, syncing it, and reading it beside a
 * writer.
 *
 * A reader takes no lock. The log itself can tell a record that is just being appended from damage.
 * But if the writer removes a segment that the reader still needs, reading ends with FIRN_BUSY, or
 * with FIRN_NOT_FOUND if no trace is left. Reading then begins again, a bounded number of times. A
 * commit is one record, so any prefix of the records that a reader gets is a state that the store
 * had.
 *
 * Only one thread at a time can list a handle of a directory, and any thread may check a store: so
 * each pass over the log opens a handle of its own.
 *
 * The fence: up to where the log is acknowledged, for readers in other processes. A commit is in
 * the log before it is durable. A reader of the files would see it before its put has returned, or
 * see one whose sync then fails. So the writer records in the file LOCK where readers must stop: at
 * the fence, a position in the log. The bytes after it belong to commits that are still being
 * synced.
 *
 * The leader of commits writes the fence around a group that wants a sync:
 *   before the append   at the end of the log (raise),
 *   after the sync      at the new end (lower).
 * As long as all groups want a sync, the second write for one group is the first for the next, so
 * each group costs one write. A group that wants no sync is acknowledged when the kernel has it; it
 * removes the fence, once, and later groups of that kind write nothing.
 *
 * (I1) While a group that wants a sync is in the log but not acknowledged, the fence is before it.
 *      So a reader that has read a record, and then finds no fence, or one further on, may show it.
 * (I2) When a commit has returned, the fence is after it or gone: the fence only moves forward.
 * (I3) A fence counts only while a process holds the lock. A writer that has died acknowledges
 *      nothing any more: the next opening recovers the records that it left, so readers show them.
 *      (Not asserted: the lock is another process's, and readers test it.)
 *
 * A latched handle leaves its fence: no reader sees what failed until the store is opened again.
 *
 * Failure. If the fence cannot be written, it is missing or too early: readers may see a commit
 * early, or late. The writer's own guarantees do not depend on it, so that is no error. A fence
 * whose checksum is wrong is just being written: it is read again, and ignored after some attempts.
 *
 * The record, 24 bytes at offset 32 of LOCK: segment and offset, 8 bytes each, 4 zeros, and the
 * CRC-32C of these 20 bytes. Segment 0 means that there is no fence. An opening truncates the file,
 * which removes the fence with the text before it (storefile_lock.c).
 */
#include "base/check.h"
#include "instance/db_handle.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "codec/crc32c.h"

enum { FENCE_OFFSET = 32, FENCE_SIZE = 24, CHECKED_SIZE = 20, READS_MAX = 100 };

/* ---- the writer ---- */

/* Whether the fence may be moved there: it moves forward only, unless its present place is
 * unknown. */
static bool
is_further(struct fi_log_position from, struct fi_log_position to)
{
    return to.segment == 0 || from.segment == UINT64_MAX || to.segment > from.segment ||
           (to.segment == from.segment && to.offset >= from.offset);
}

static void
db_log_set(struct firn_db *db, struct fi_log_position position)
{
    uint8_t bytes[FENCE_SIZE] = {0};
    /* No other process can read a store in memory. */
    if (db->owned_os != NULL ||
        (db->lead.fence.segment == position.segment && db->lead.fence.offset == position.offset)) {
        return;
    }
    DCHECK(db->lock != NULL && is_further(db->lead.fence, position)); /* (I2) */
    fi_store_le64(bytes, position.segment);
    fi_store_le64(bytes + 8, position.offset);
    fi_store_le32(bytes + CHECKED_SIZE, fi_crc32c(0, bytes, CHECKED_SIZE));
    int rc =
        fi_os_file_write(fi_storefile_lock_file(db->lock), FENCE_OFFSET, bytes, sizeof bytes, NULL);
    /* After a failure the contents of the file are unknown: the next call writes. */
    db->lead.fence = rc == FIRN_OK ? position : (struct fi_log_position){UINT64_MAX, UINT64_MAX};
}

void
fi_db_log_fence_raise(struct firn_db *db)
{
    DCHECK(fi_db_is_led(db));
    db_log_set(db, fi_log_end(db->log));
}

void
fi_db_log_fence_lower(struct firn_db *db, bool was_synced)
{
    DCHECK(fi_db_is_led(db));
    DCHECK(!was_synced || fi_log_unsynced_bytes(db->log) == 0); /* (I1) */
    db_log_set(db, was_synced ? fi_log_end(db->log) : (struct fi_log_position){0});
}

/* ---- readers ---- */

/* Opens the file with the fence for reading; NULL if there is none. */
static int
fence_open(struct fi_os_dir *dir, struct fi_os_file **out, firn_error *err)
{
    int rc = fi_os_file_open(dir, FI_STOREFILE_LOCK_NAME, FI_OS_READ, 0, out, err);
    /* A store without this file (a copy, or one in a single file) has no writer; a user who may not
     * read it gets no answer. */
    return rc == FIRN_NOT_FOUND || rc == FIRN_DENIED ? FIRN_OK : rc;
}

/* False if there is no fence. */
static int
read_record(struct fi_os_file *lock, struct fi_log_position *out, bool *out_is_there,
            firn_error *err)
{
    uint8_t bytes[FENCE_SIZE];
    *out_is_there = false;
    for (unsigned i = 0; i < READS_MAX; i++) {
        size_t size;
        int rc = fi_os_file_read(lock, FENCE_OFFSET, bytes, sizeof bytes, &size, err);
        if (rc != FIRN_OK || size < sizeof bytes) {
            return rc;
        }
        if (fi_load_le32(bytes + CHECKED_SIZE) == fi_crc32c(0, bytes, CHECKED_SIZE)) {
            *out = (struct fi_log_position){fi_load_le64(bytes), fi_load_le64(bytes + 8)};
            *out_is_there = out->segment != 0;
            return FIRN_OK;
        }
    }
    return FIRN_OK;
}

/* For struct fi_log_fence; ctx is that file. */
static int
fence_query(void *ctx, struct fi_log_position *out, bool *out_is_there, firn_error *err)
{
    struct fi_os_file *lock = ctx;
    int rc = read_record(lock, out, out_is_there, err);
    if (rc == FIRN_OK && *out_is_there) {
        /* (I3) */
        rc = fi_os_file_is_range_held(lock, 0, 1, out_is_there, err);
    }
    return rc;
}

/* The same for a reader that has no such file open; ctx is the directory. */
static int
fence_open_and_query(void *ctx, struct fi_log_position *out, bool *out_is_there, firn_error *err)
{
    struct fi_os_file *lock = NULL;
    *out_is_there = false;
    int rc = fence_open(ctx, &lock, err);
    if (rc == FIRN_OK && lock != NULL) {
        rc = fence_query(lock, out, out_is_there, err);
    }
    fi_os_file_close(lock);
    return rc;
}

bool
fi_db_log_is_unchanged(struct firn_db *db, const struct fi_log_watch *watch)
{
    struct fi_log_fence fence = {NULL, NULL};
    if (!db->shows_pending) {
        fence = (struct fi_log_fence){fence_open_and_query, db->dir};
    }
    return fi_log_watch_is_unchanged(watch, &fence);
}

/* ---- the log: its name, its options, and reading it beside a writer ---- */

enum { ATTEMPTS_MAX = 10, PAUSE_NS = 5000000 };

/* Segments end when memtables are frozen (db_turn.c), long before this. */
#define SEGMENT_SIZE (UINT64_C(1) << 30)

static const char prefix[] = "wal";

struct fi_log_options
fi_db_log_options(bool read_only)
{
    return (struct fi_log_options){
        .prefix = prefix, .segment_size_bytes = SEGMENT_SIZE, .read_only = read_only};
}

bool
fi_db_log_is_name(const char *name)
{
    return fi_log_segment_is_name(name, prefix);
}

bool
fi_db_log_lacks_load(uint64_t known, uint64_t sequence)
{
    uint64_t load = sequence - sequence % FI_DB_LOAD_STEP;
    return known < load && load < sequence;
}

int
fi_db_log_error(firn_error *err, int code, struct fi_os_dir *dir, struct fi_log_position position,
                const char *what)
{
    DCHECK(code != FIRN_OK && position.segment > 0);
    char name[FI_LOG_SEGMENT_NAME_SIZE];
    fi_log_segment_name(prefix, position.segment, name);
    return fi_error_set(err, code, "%s/%s: offset %" PRIu64 ": the record %s", fi_os_dir_path(dir),
                        name, position.offset, what);
}

/* Whether the writer may have removed what the reader wanted. */
static bool
has_moved_on(int rc)
{
    return rc == FIRN_BUSY || rc == FIRN_NOT_FOUND;
}

int
fi_db_log_read(struct fi_os_dir *dir, const struct fi_db_log_visitor *visitor, firn_error *err)
{
    struct fi_log_options options = fi_db_log_options(true);
    struct fi_os_dir *own = NULL;
    struct fi_os_file *lock = NULL;
    int rc = FIRN_OK;
    options.judge = visitor->judge;
    options.judge_ctx = visitor->judge_ctx;
    FI_TRY(fi_os_dir_open_beneath(dir, "", &own, err));
    if (visitor->is_fenced) {
        FI_TRY(fence_open(own, &lock, err));
    }
    if (lock != NULL) {
        options.fence = (struct fi_log_fence){fence_query, lock};
    }
    rc = FIRN_BUSY;
    for (unsigned attempt = 0; has_moved_on(rc) && attempt < ATTEMPTS_MAX; attempt++) {
        struct fi_log *log = NULL;
        if (attempt > 0) {
            fi_os_sleep_ns(fi_os_dir_os(dir), PAUSE_NS);
        }
        rc = visitor->restart(visitor->ctx, err);
        if (rc == FIRN_OK) {
            rc = fi_log_open(own, &options, visitor->visit, visitor->ctx, &log, NULL, err);
        }
        if (rc == FIRN_OK && visitor->log_bytes != NULL) {
            *visitor->log_bytes = fi_log_size_bytes(log);
        }
        if (rc == FIRN_OK && visitor->watch != NULL) {
            fi_log_watch_begin(log, dir, visitor->watch);
        }
        fi_log_abandon(log);
    }
out:
    fi_os_file_close(lock);
    fi_os_dir_close(own);
    return rc;
}

/* ---- on request ---- */

int
fi_db_log_sync(struct firn_db *db, firn_error *err)
{
    if (db->is_read_only) {
        return FIRN_OK;
    }
    firn_error found;
    FI_TRY_RETURN(fi_db_lead_refuse_failed(db, err));
    int rc = fi_log_sync(db->log, &found);
    if (rc != FIRN_OK) {
        fi_db_lead_latch(db, &found);
        fi_error_copy(err, &found);
    }
    return rc;
}
