/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlitefile/sqlitefile_copy.c: one committed state of a database that other processes have open,
 * as a file.
 *
 * SQLite's backup interface copies the pages of one read transaction: writers of a database in WAL
 * mode go on meanwhile, those of another wait. The database is opened for reading only. The
 * contents of its pages are not looked at, so of a crafted file nothing is run or parsed but its
 * header and the headers of its log; and a save asks for copies only of what some process has open.
 *
 * The copy is to be the file that the database would be if its log were played back, byte for byte:
 * else a save after the last process has closed it would find another file, and restoring an equal
 * state would change it. But the backup counts its own writes: four numbers of the header are those
 * of the copy. They are put back from the first page that was copied: it is looked for in the file
 * and in the log, as the page that is equal to the copy's but for these numbers (I1; not checked:
 * the comparison is the rule). If it is not found they stay; no reader needs them to be any special
 * value.
 *
 * (I2) All is read through SQLite's own handles of the files (not checked: nothing here opens
 * them). Opening and closing them by others would take back SQLite's locks.
 *
 * A file beside the database that is none (a fifo, a link) would be opened by SQLite too, and might
 * never answer; it is refused.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sqlitefile/sqlitefile_internal.h"
#include "term/term_try.h"

enum {
    BUSY_TIMEOUT_MS = 5000,
    ROLLBACK_TIMEOUT_MS = 250,  /* for which a journal may look hot, each time, though it is not */
    PAGES_BETWEEN_LOOKS = 4096, /* at signals */
    PAGE_SIZE_MIN = 512,
    PAGE_SIZE_MAX = 65536,
    LOG_HEAD_SIZE = 32,
    FRAME_HEAD_SIZE = 24
};

struct copying {
    const struct fi_sqlitefile_library *library;
    const char *path;
    sqlite3 *from;
    sqlite3 *to;
    firn_error *err;
};

/* ---- the header: 1.3 and 4.1 of SQLite's file format ---- */

static uint32_t
load_be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* What the backup sets: the change counter, the schema cookie, and the counter with the version of
 * who wrote last. */
struct range {
    size_t at;
    size_t size;
};
static const struct range counted[] = {{24, 4}, {40, 4}, {92, 8}};

/* Whether two pages are equal but for these. */
static bool
is_same_page(const uint8_t *a, const uint8_t *b, size_t size)
{
    size_t at = 0;
    assert(size >= PAGE_SIZE_MIN);
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
        if (memcmp(a + at, b + at, counted[i].at - at) != 0) {
            return false;
        }
        at = counted[i].at + counted[i].size;
    }
    return memcmp(a + at, b + at, size - at) == 0;
}

static bool
read_at(sqlite3_file *file, void *data, size_t size, uint64_t offset)
{
    assert(size <= PAGE_SIZE_MAX);
    return file != NULL && file->pMethods != NULL &&
           file->pMethods->xRead(file, data, (int)size, (sqlite3_int64)offset) == SQLITE_OK;
}

/* Finds the first page that was copied (I1): found is it, if it is there. */
static bool
find_first_page(const struct copying *copying, const uint8_t *page, size_t size, uint32_t cookie,
                uint8_t *found)
{
    assert(size >= PAGE_SIZE_MIN && size <= PAGE_SIZE_MAX);
    sqlite3_file *file = NULL;
    sqlite3_file *log = NULL;
    uint8_t head[LOG_HEAD_SIZE];
    uint8_t frame[FRAME_HEAD_SIZE];
    bool is_found = false;
    uint8_t *candidate = malloc(size);
    if (candidate == NULL) {
        return false;
    }
    (void)copying->library->file_control(copying->from, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    (void)copying->library->file_control(copying->from, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (read_at(file, candidate, size, 0) && is_same_page(candidate, page, size) &&
        load_be32(candidate + 40) == cookie) {
        memcpy(found, candidate, size);
        is_found = true;
    }
    if (!read_at(log, head, sizeof head, 0) || (load_be32(head) & ~1U) != 0x377f0682U ||
        load_be32(head + 8) != size) {
        log = NULL;
    }
    for (uint64_t at = sizeof head; read_at(log, frame, sizeof frame, at) &&
                                    memcmp(frame + 8, head + 16, 8) == 0; /* of this log */
         at += sizeof frame + size) {
        if (load_be32(frame) == 1 && read_at(log, candidate, size, at + sizeof frame) &&
            is_same_page(candidate, page, size) && load_be32(candidate + 40) == cookie) {
            memcpy(found, candidate, size);
            is_found = true;
        }
    }
    free(candidate);
    return is_found;
}

/* Puts the numbers back that the backup has set. */
static int
mend_header(const struct copying *copying, int file, uint32_t cookie)
{
    assert(file >= 0 && copying->to == NULL);
    uint8_t head[PAGE_SIZE_MIN];
    if (pread(file, head, sizeof head, 0) != (ssize_t)sizeof head) {
        return FIRN_OK; /* an empty database */
    }
    size_t size = (size_t)head[16] << 8 | head[17];
    size = size == 1 ? PAGE_SIZE_MAX : size;
    if (size < PAGE_SIZE_MIN || size > PAGE_SIZE_MAX) {
        return fi_sqlitefile_fail(copying->err, FIRN_INVALID, "it has no size of pages");
    }
    uint8_t *page = calloc(2, size);
    bool is_read = page != NULL && pread(file, page, size, 0) == (ssize_t)size;
    bool is_found = is_read && find_first_page(copying, page, size, cookie, page + size);
    bool is_written = true;
    for (size_t i = 0; is_found && i < sizeof counted / sizeof counted[0]; i++) {
        is_written = is_written && pwrite(file, page + size + counted[i].at, counted[i].size,
                                          (off_t)counted[i].at) == (ssize_t)counted[i].size;
    }
    free(page);
    return is_read && is_written
               ? FIRN_OK
               : fi_sqlitefile_fail(copying->err, FIRN_IO, "could not read the copy: %s",
                                    strerror(errno));
}

/* ---- the copy ---- */

static int
code_of(int rc)
{
    assert(rc != SQLITE_OK);
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return FIRN_BUSY;
    case SQLITE_NOMEM:
        return FIRN_NO_MEMORY;
    case SQLITE_FULL:
    case SQLITE_IOERR:
        return FIRN_IO;
    default:
        return FIRN_INVALID;
    }
}

static int
sqlitefile_copy_fail(const struct copying *copying, int rc, sqlite3 *db)
{
    int code = code_of(rc);
    const char *why = db != NULL ? copying->library->errmsg(db) : "out of memory";
    return code == FIRN_BUSY
               ? fi_sqlitefile_fail(
                     copying->err, code,
                     "cannot copy the SQLite database '%.400s': a process keeps it locked",
                     copying->path)
               : fi_sqlitefile_fail(copying->err, code,
                                    "could not copy the SQLite database '%.400s': %.400s",
                                    copying->path, why);
}

static int
try_begin(const struct copying *copying, uint32_t *out_cookie)
{
    const struct fi_sqlitefile_library *library = copying->library;
    sqlite3_stmt *statement = NULL;
    int rc = library->exec(copying->from, "BEGIN", NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        rc = library->prepare_v2(copying->from, "PRAGMA schema_version", -1, &statement, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = library->step(statement);
        *out_cookie = rc == SQLITE_ROW ? (uint32_t)library->column_int64(statement, 0) : 0;
        rc = library->finalize(statement);
    }
    return rc;
}

static int64_t
now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Begins the read transaction that all is read in, and reads the schema's cookie. A writer whose
 * commits follow each other closely leaves a reader only short gaps. SQLite's own busy handler soon
 * waits 100 ms between two tries and may miss them for long, so this tries again each few
 * milliseconds. SQLITE_READONLY is tried again too: a connection that may not roll back gets it for
 * a hot journal, but also if a writer begins or ends between SQLite's looks at the lock and at the
 * journal (hasHotJournal in its pager.c); a journal that is hot looks so at each try. */
static int
sqlitefile_copy_begin(const struct copying *copying, uint32_t *out_cookie)
{
    assert(copying->from != NULL);
    int64_t begun = now_ms();
    int64_t hot_since = begun;
    int rc = try_begin(copying, out_cookie);
    for (int tries = 0; rc != SQLITE_OK; tries++) {
        int64_t now = now_ms();
        bool is_rollback = (rc & 0xff) == SQLITE_READONLY;
        const struct timespec pause = {.tv_nsec = (1 + tries % 3) * 1000000L};
        hot_since = is_rollback ? hot_since : now;
        if (!(code_of(rc) == FIRN_BUSY || (is_rollback && now - hot_since < ROLLBACK_TIMEOUT_MS)) ||
            now - begun >= BUSY_TIMEOUT_MS) {
            return sqlitefile_copy_fail(copying, rc, copying->from);
        }
        if (fi_term_signals_caught() != 0) {
            return fi_sqlitefile_fail(copying->err, FIRN_CANCELLED, "cancelled");
        }
        (void)copying->library->exec(copying->from, "ROLLBACK", NULL, NULL, NULL);
        (void)nanosleep(&pause, NULL);
        rc = try_begin(copying, out_cookie);
    }
    return FIRN_OK;
}

static int
back_up(const struct copying *copying)
{
    assert(copying->from != NULL && copying->to != NULL);
    const struct fi_sqlitefile_library *library = copying->library;
    int rc = library->exec(copying->to, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL,
                           NULL, NULL);
    sqlite3_backup *backup =
        rc == SQLITE_OK ? library->backup_init(copying->to, "main", copying->from, "main") : NULL;
    if (backup == NULL) {
        return sqlitefile_copy_fail(copying, rc != SQLITE_OK ? rc : SQLITE_ERROR, copying->to);
    }
    do {
        rc = library->backup_step(backup, PAGES_BETWEEN_LOOKS);
    } while (rc == SQLITE_OK && fi_term_signals_caught() == 0);
    int finish_rc = library->backup_finish(backup);
    if (rc == SQLITE_OK) {
        return fi_sqlitefile_fail(copying->err, FIRN_CANCELLED, "cancelled");
    }
    rc = rc == SQLITE_DONE ? finish_rc : rc;
    return rc == SQLITE_OK ? FIRN_OK : sqlitefile_copy_fail(copying, rc, copying->to);
}

static int
check_beside(const struct copying *copying)
{
    static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
    char name[4096];
    struct stat stat;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        int size = snprintf(name, sizeof name, "%s%s", copying->path, suffixes[i]);
        if (size >= (int)sizeof name || (lstat(name, &stat) == 0 && !S_ISREG(stat.st_mode))) {
            return fi_sqlitefile_fail(copying->err, FIRN_INVALID, "'%.400s%s' is no file",
                                      copying->path, suffixes[i]);
        }
    }
    return FIRN_OK;
}

static int
copy_to(struct copying *copying, int file, const char *copy)
{
    assert(copying->from == NULL && copying->to == NULL);
    const struct fi_sqlitefile_library *library = copying->library;
    uint32_t cookie = 0;
    FI_TRY_RETURN(check_beside(copying));
    int rc = fi_sqlitefile_open(library, copying->path, SQLITE_OPEN_READONLY, &copying->from);
    if (rc != SQLITE_OK) {
        return sqlitefile_copy_fail(copying, rc, copying->from);
    }
    rc = fi_sqlitefile_open(library, copy, SQLITE_OPEN_READWRITE, &copying->to);
    if (rc != SQLITE_OK) {
        return sqlitefile_copy_fail(copying, rc, copying->to);
    }
    int code = sqlitefile_copy_begin(copying, &cookie);
    if (code == FIRN_OK) {
        code = back_up(copying);
    }
    (void)library->close(copying->to); /* it has written all that it holds */
    copying->to = NULL;
    return code == FIRN_OK ? mend_header(copying, file, cookie) : code;
}

/* About how large the copy will be, at most: its own file, and its log. */
static uint64_t
size_of_copy(const char *path)
{
    char log[4096];
    struct stat stat;
    uint64_t size = lstat(path, &stat) == 0 ? (uint64_t)stat.st_size : 0;
    int length = snprintf(log, sizeof log, "%s-wal", path);
    return length > 0 && length < (int)sizeof log && lstat(log, &stat) == 0
               ? size + (uint64_t)stat.st_size
               : size;
}

int
fi_sqlitefile_copy(void *ctx, const char *path, char *out_copy, size_t copy_size, firn_error *err)
{
    struct copying copying = {.library = fi_sqlitefile_load(err), .path = path, .err = err};
    const char *place = ctx != NULL ? ctx : fi_sqlitefile_place_for(size_of_copy(path));
    if (copying.library == NULL) {
        return FIRN_UNSUPPORTED;
    }
    int size = snprintf(out_copy, copy_size, "%s/firn-sqlite-XXXXXX", place);
    int file = size > 0 && (size_t)size < copy_size ? mkostemp(out_copy, O_CLOEXEC) : -1;
    if (file < 0) {
        return fi_sqlitefile_fail(err, FIRN_IO, "could not create a file in %.400s: %s", place,
                                  strerror(errno));
    }
    char *real = realpath(out_copy, NULL); /* SQLite follows no links */
    int code = real != NULL ? copy_to(&copying, file, real)
                            : fi_sqlitefile_fail(err, FIRN_IO, "could not find the copy again");
    free(real);
    (void)copying.library->close(copying.from);
    (void)copying.library->close(copying.to);
    if (close(file) != 0 && code == FIRN_OK) {
        code = fi_sqlitefile_fail(err, FIRN_IO, "could not write a copy: %s", strerror(errno));
    }
    if (code != FIRN_OK) {
        (void)unlink(out_copy);
    }
    return code;
}
