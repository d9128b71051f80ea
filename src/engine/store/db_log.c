/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_log.c: the store's log: its name, its options, and reading it beside a writer.
 *
 * A reader takes no lock. The log itself tells a record that is being appended at this moment from
 * damage; but where the writer removes a segment that the reader still needed, reading ends with
 * FIRN_BUSY, or with FIRN_NOT_FOUND if no trace is left. Then it begins anew, a bounded number of
 * times. A commit is one record, so whatever prefix of the records a reader gets, it is a state
 * that the store had.
 *
 * A handle of a directory can be listed by one thread at a time, and any thread may check a store:
 * so each reading has a handle of its own.
 */
#include "base/check.h"
#include "store/db_internal.h"

#include <inttypes.h>

#include "log/log.h"
#include "store/db_fence.h"

enum { ATTEMPTS_MAX = 10, PAUSE_NS = 5000000 };

/* Segments end when memtables are frozen (db_pace.c), long before this. */
#define SEGMENT_SIZE (UINT64_C(1) << 30)

static const char prefix[] = "wal";

struct firn_log_options
firn_db_log_options(bool read_only)
{
    return (struct firn_log_options){
        .prefix = prefix, .segment_size_bytes = SEGMENT_SIZE, .read_only = read_only};
}

/* "wal-<digits>.log", the same with ".tmp", or "wal-spare.tmp". */
bool
firn_db_log_is_name(const char *name)
{
    size_t size = sizeof prefix - 1;
    if (strncmp(name, prefix, size) != 0 || name[size] != '-') {
        return false;
    }
    const char *rest = name + size + 1;
    size_t digits = 0;
    while (rest[digits] >= '0' && rest[digits] <= '9') {
        digits++;
    }
    return strcmp(rest, "spare.tmp") == 0 ||
           (digits > 0 &&
            (strcmp(rest + digits, ".log") == 0 || strcmp(rest + digits, ".log.tmp") == 0));
}

bool
firn_db_log_lacks_load(uint64_t known, uint64_t sequence)
{
    uint64_t load = sequence - sequence % FIRN_DB_LOAD_STEP;
    return known < load && load < sequence;
}

int
firn_db_log_error(firn_error *err, int code, struct firn_os_dir *dir,
                  struct firn_log_position position, const char *what)
{
    DCHECK(code != FIRN_OK && position.segment > 0);
    char name[FIRN_LOG_SEGMENT_NAME_SIZE];
    firn_log_segment_name(prefix, position.segment, name);
    return firn_error_set(err, code, "%s/%s: offset %" PRIu64 ": the record %s",
                          firn_os_dir_path(dir), name, position.offset, what);
}

/* Whether the writer may have removed what the reader was after. */
static bool
has_moved_on(int rc)
{
    return rc == FIRN_BUSY || rc == FIRN_NOT_FOUND;
}

int
firn_db_log_read(struct firn_os_dir *dir, const struct firn_db_log_visitor *visitor,
                 firn_error *err)
{
    struct firn_log_options options = firn_db_log_options(true);
    struct firn_os_dir *own = NULL;
    struct firn_os_file *lock = NULL;
    int rc = FIRN_OK;
    options.judge = visitor->judge;
    options.judge_ctx = visitor->judge_ctx;
    FIRN_TRY(firn_os_dir_open_beneath(dir, "", &own, err));
    if (visitor->is_fenced) {
        FIRN_TRY(firn_db_fence_open(own, &lock, err));
    }
    if (lock != NULL) {
        options.fence = (struct firn_log_fence){firn_db_fence_ask, lock};
    }
    rc = FIRN_BUSY;
    for (unsigned attempt = 0; has_moved_on(rc) && attempt < ATTEMPTS_MAX; attempt++) {
        struct firn_log *log = NULL;
        if (attempt > 0) {
            firn_os_sleep_ns(firn_os_dir_os(dir), PAUSE_NS);
        }
        rc = visitor->restart(visitor->ctx, err);
        if (rc == FIRN_OK) {
            rc = firn_log_open(own, &options, visitor->visit, visitor->ctx, &log, NULL, err);
        }
        if (rc == FIRN_OK && visitor->log_bytes != NULL) {
            *visitor->log_bytes = firn_log_size_bytes(log);
        }
        firn_log_abandon(log);
    }
out:
    firn_os_file_close(lock);
    firn_os_dir_close(own);
    return rc;
}
