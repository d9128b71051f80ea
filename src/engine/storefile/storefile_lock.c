/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/storefile_lock.c: one writing handle at a time.
 *
 * A writer holds two locks as long as its handle exists. The first is of the whole file LOCK. The
 * second, the guard, is of one byte of the file FIRN, far beyond its end and just before those of
 * readers (db_reader.c). The system releases both with the process, so a killed writer leaves
 * nothing to clean up.
 *
 * Why two. Nothing in a store depends on LOCK, so users take it for a leftover and remove it, and a
 * second process would lock a new file of that name beside the first writer. FIRN cannot be removed
 * unnoticed: without it there is no store to open. Programs before the guard lock only LOCK, which
 * is therefore locked first, and each kind keeps the other out. A user who may not write FIRN, and
 * a file system without locks of ranges, give no guard: then LOCK alone counts.
 *
 * (I1) A writer that finds that one of its two files has lost its name may no longer be alone: a
 *      program that only knows LOCK may have opened the store, or another store may have come into
 *      the directory. It changes nothing any more. This is checked before each change of MANIFEST,
 *      each new segment of the log, and at closing (firn_storefile_lock_check). (Not asserted:
 *      others change the names.)
 *
 * (I2) What is written to LOCK changes no other file: a LOCK that has other names is replaced by a
 *      new file. (Not asserted: an archive or another process makes such links.)
 *
 * LOCK contains, as text, the id of the process that locked it last. It is only read to name the
 * holder to a process that is refused, and to other processes that ask (db_holder.c); nothing else
 * depends on it.
 *
 * As every file of a store, LOCK gets the owner of the store's directory if the superuser creates
 * it: otherwise the owner of the store could no longer open it.
 *
 * A process that may wait tries again and again, after pauses that grow from 1 to 100 ms: waiting
 * for a lock in the kernel could not be ended after a time.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "storefile/storefile.h"

enum { PAUSE_MIN_NS = 1000000, PAUSE_MAX_NS = 100000000, PID_TEXT_MAX = 24, NAMES_MAX = 8 };

/* The byte of FIRN that is the guard; readers lock those after it. */
#define GUARD_BYTE ((UINT64_C(1) << 32) - 1)

struct firn_storefile_lock {
    struct firn_os_file *file;  /* LOCK; NULL: there is none to lock */
    struct firn_os_file *guard; /* FIRN; NULL likewise, and while there is no store yet */
};

/* For waiting. */
struct patience {
    struct firn_os *os;
    int64_t began_ns;
    int64_t timeout_ns;
};

/* The number in the file, or 0 if none can be read. */
static uint64_t
read_holder(struct firn_os_file *file)
{
    char text[PID_TEXT_MAX];
    size_t size = 0;
    if (firn_os_file_read(file, 0, text, sizeof text, &size, NULL) != FIRN_OK) {
        return 0;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < size && text[i] >= '0' && text[i] <= '9'; i++) {
        if (number > UINT64_MAX / 100) {
            return 0;
        }
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    return number;
}

static int
refuse(struct firn_os_dir *dir, struct firn_os_file *file, firn_error *err)
{
    const char *path = firn_os_dir_path(dir);
    uint64_t holder = read_holder(file);
    DCHECK(file != NULL);
    if (holder == 0) {
        return firn_error_set(err, FIRN_BUSY, "'%s' is locked by another process", path);
    }
    if (holder == firn_os_process_id(firn_os_dir_os(dir))) {
        return firn_error_set(
            err, FIRN_BUSY, "'%s' is locked by process %" PRIu64 " (this one has it open already)",
            path, holder);
    }
    return firn_error_set(err, FIRN_BUSY, "'%s' is locked by process %" PRIu64, path, holder);
}

/* A negative timeout waits without limit. */
static struct patience
begin_waiting(struct firn_os *os, int64_t timeout_ms)
{
    bool is_for_ever = timeout_ms < 0 || timeout_ms > INT64_MAX / 1000000;
    return (struct patience){.os = os,
                             .began_ns = firn_os_monotonic_ns(os),
                             .timeout_ns = is_for_ever ? INT64_MAX : timeout_ms * 1000000};
}

static int
try_file(struct firn_os_file *file, firn_error *err)
{
    return firn_os_file_lock(file, FIRN_OS_LOCK_EXCLUSIVE, err);
}

static int
try_guard(struct firn_os_file *file, firn_error *err)
{
    return firn_os_file_lock_range(file, FIRN_OS_LOCK_EXCLUSIVE, GUARD_BYTE, 1, err);
}

/* For a user who may only read the file. */
static int
look_at_guard(struct firn_os_file *file, firn_error *err)
{
    bool is_held = false;
    int rc = firn_os_file_is_range_held(file, GUARD_BYTE, 1, &is_held, err);
    return rc == FIRN_OK && is_held ? firn_error_set(err, FIRN_BUSY, "it is locked") : rc;
}

static int
wait_for(const struct patience *patience,
         int (*attempt)(struct firn_os_file *file, firn_error *err), struct firn_os_file *file,
         firn_error *err)
{
    int64_t pause = PAUSE_MIN_NS;
    for (;;) {
        int rc = attempt(file, err);
        if (rc != FIRN_BUSY) {
            return rc;
        }
        int64_t left =
            patience->timeout_ns - (firn_os_monotonic_ns(patience->os) - patience->began_ns);
        if (left <= 0) {
            return rc;
        }
        DCHECK(pause >= PAUSE_MIN_NS && pause <= PAUSE_MAX_NS);
        firn_os_sleep_ns(patience->os, pause < left ? pause : left);
        pause = pause * 2 > PAUSE_MAX_NS ? PAUSE_MAX_NS : pause * 2;
    }
}

/* Whether there is permanently no lock to take: the file does not exist, may not be used, is no
 * regular file, or is on a file system without locks. */
static bool
is_no_lock(int code)
{
    return code == FIRN_NOT_FOUND || code == FIRN_DENIED || code == FIRN_READ_ONLY ||
           code == FIRN_INVALID || code == FIRN_UNSUPPORTED;
}

/* ---- the guard ---- */

static int
refuse_guarded(struct firn_os_dir *dir, firn_error *err)
{
    return firn_error_set(
        err, FIRN_BUSY, "'%s' is locked by another process, whose file %s was removed or replaced",
        firn_os_dir_path(dir), FIRN_STOREFILE_LOCK_NAME);
}

/* Whether the file still has its name: a process that waited for a store that was destroyed
 * meanwhile has locked a file that no other process will find. */
static int
has_name(struct firn_os_dir *dir, const char *name, struct firn_os_file *file, bool *out,
         firn_error *err)
{
    struct firn_os_stat locked;
    struct firn_os_stat named;
    int rc = firn_os_file_stat(file, &locked, err);
    *out = false;
    if (rc == FIRN_OK) {
        rc = firn_os_stat(dir, name, &named, err);
        *out = rc == FIRN_OK && locked.inode == named.inode && locked.device == named.device;
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
refuse_nameless(struct firn_os_dir *dir, const char *name, struct firn_os_file *file,
                firn_error *err)
{
    bool is_current;
    int rc = has_name(dir, name, file, &is_current, err);
    return rc == FIRN_OK && !is_current
               ? firn_error_set(err, FIRN_BUSY, "the store in '%s' is being destroyed",
                                firn_os_dir_path(dir))
               : rc;
}

/* For a user who may not write FIRN: whether a writer is there. */
static int
look_for_guard(struct firn_os_dir *dir, const struct patience *patience, firn_error *err)
{
    struct firn_os_file *file;
    int rc = firn_os_file_open(dir, FIRN_STOREFILE_IDENTITY_NAME, FIRN_OS_READ, 0, &file, err);
    if (rc != FIRN_OK) {
        return is_no_lock(rc) ? FIRN_OK : rc;
    }
    rc = wait_for(patience, look_at_guard, file, err);
    firn_os_file_close(file);
    rc = rc == FIRN_BUSY ? refuse_guarded(dir, err) : rc;
    return is_no_lock(rc) ? FIRN_OK : rc;
}

static int
lock_guard(struct firn_os_dir *dir, const struct patience *patience, struct firn_os_file *file,
           firn_error *err)
{
    int rc = wait_for(patience, try_guard, file, err);
    if (rc == FIRN_BUSY) {
        return refuse_guarded(dir, err);
    }
    return rc == FIRN_OK ? refuse_nameless(dir, FIRN_STOREFILE_IDENTITY_NAME, file, err) : rc;
}

/* *out is NULL if there is no guard to take. */
static int
take_guard(struct firn_os_dir *dir, const struct patience *patience, struct firn_os_file **out,
           firn_error *err)
{
    struct firn_os_file *file;
    *out = NULL;
    int rc = firn_os_file_open(dir, FIRN_STOREFILE_IDENTITY_NAME, FIRN_OS_READ | FIRN_OS_WRITE, 0,
                               &file, err);
    if (rc == FIRN_DENIED || rc == FIRN_READ_ONLY) {
        return look_for_guard(dir, patience, err);
    }
    if (rc != FIRN_OK) {
        return is_no_lock(rc) ? FIRN_OK : rc;
    }
    rc = lock_guard(dir, patience, file, err);
    if (rc == FIRN_OK) {
        *out = file;
        return FIRN_OK;
    }
    firn_os_file_close(file);
    return is_no_lock(rc) ? FIRN_OK : rc;
}

int
firn_storefile_lock_guard(struct firn_storefile_lock *lock, struct firn_os_dir *dir,
                          firn_error *err)
{
    const struct patience none = begin_waiting(firn_os_dir_os(dir), 0);
    DCHECK(lock->file != NULL && lock->guard == NULL);
    return take_guard(dir, &none, &lock->guard, err);
}

/* ---- both locks ---- */

static struct firn_storefile_lock *
make(firn_error *err)
{
    struct firn_storefile_lock *lock = firn_alloc_zeroed(sizeof *lock);
    if (lock == NULL) {
        FIRN_IGNORE(firn_error_no_memory(err, "the lock of a store"));
    }
    return lock;
}

void
firn_storefile_lock_release(struct firn_storefile_lock *lock)
{
    if (lock != NULL) {
        /* The reverse order: nobody finds the first one free and the second one held. */
        firn_os_file_close(lock->guard);
        firn_os_file_close(lock->file);
        firn_free(lock);
    }
}

struct firn_os_file *
firn_storefile_lock_file(const struct firn_storefile_lock *lock)
{
    return lock->file;
}

static int
hold_file(struct firn_os_dir *dir, bool may_create, const struct patience *patience,
          struct firn_os_file **out, firn_error *err)
{
    struct firn_os_file *file;
    unsigned flags = FIRN_OS_READ | FIRN_OS_WRITE |
                     (may_create ? (unsigned)FIRN_OS_CREATE | FIRN_OS_FOR_OWNER : 0);
    int rc = firn_os_file_open(dir, FIRN_STOREFILE_LOCK_NAME, flags, 0600, &file, err);
    if (rc != FIRN_OK) {
        return is_no_lock(rc) ? FIRN_OK : rc;
    }
    rc = wait_for(patience, try_file, file, err);
    if (rc == FIRN_OK) {
        *out = file;
        return FIRN_OK;
    }
    rc = rc == FIRN_BUSY ? refuse(dir, file, err) : rc;
    firn_os_file_close(file);
    return is_no_lock(rc) ? FIRN_OK : rc;
}

int
firn_storefile_lock_hold(struct firn_os_dir *dir, bool may_create, int64_t timeout_ms,
                         struct firn_storefile_lock **out, firn_error *err)
{
    const struct patience patience = begin_waiting(firn_os_dir_os(dir), timeout_ms);
    struct firn_storefile_lock *lock = make(err);
    int rc;
    *out = NULL;
    if (lock == NULL) {
        return FIRN_NO_MEMORY;
    }
    FIRN_TRY(hold_file(dir, may_create, &patience, &lock->file, err));
    FIRN_TRY(take_guard(dir, &patience, &lock->guard, err));
    if (lock->file != NULL || lock->guard != NULL) {
        *out = lock;
        lock = NULL;
    }
out:
    firn_storefile_lock_release(lock);
    return rc;
}

static int
write_holder(struct firn_os_file *file, uint64_t pid, firn_error *err)
{
    char text[PID_TEXT_MAX];
    int size = snprintf(text, sizeof text, "%" PRIu64 "\n", pid);
    CHECK(size > 0 && (size_t)size < sizeof text);
    /* Truncated first: what the last holder wrote after its id must not count for this one. */
    int rc = firn_os_file_truncate(file, 0, err);
    return rc != FIRN_OK ? rc : firn_os_file_write(file, 0, text, (size_t)size, err);
}

static int
lock_file(struct firn_os_dir *dir, const struct patience *patience, struct firn_os_file *file,
          firn_error *err)
{
    int rc = wait_for(patience, try_file, file, err);
    return rc == FIRN_BUSY ? refuse(dir, file, err) : rc;
}

/* Opens and locks LOCK, which will be written to. If it has other names, such as a file of the
 * user's that an archive has linked to, only the name goes, and there is a new file (I2). */
static int
own_file(struct firn_os_dir *dir, const struct patience *patience, struct firn_os_file **out,
         firn_error *err)
{
    const unsigned flags =
        FIRN_OS_READ | FIRN_OS_WRITE | FIRN_OS_CREATE | (unsigned)FIRN_OS_FOR_OWNER;
    for (unsigned attempts = 0; attempts < NAMES_MAX; attempts++) {
        struct firn_os_stat stat;
        FIRN_TRY_RETURN(firn_os_file_open(dir, FIRN_STOREFILE_LOCK_NAME, flags, 0600, out, err));
        FIRN_TRY_RETURN(lock_file(dir, patience, *out, err));
        FIRN_TRY_RETURN(refuse_nameless(dir, FIRN_STOREFILE_LOCK_NAME, *out, err));
        FIRN_TRY_RETURN(firn_os_file_stat(*out, &stat, err));
        if (stat.nlink == 1) {
            return FIRN_OK;
        }
        FIRN_TRY_RETURN(firn_os_remove_file(dir, FIRN_STOREFILE_LOCK_NAME, err));
        firn_os_file_close(*out);
        *out = NULL;
    }
    return firn_error_set(err, FIRN_BUSY, "'%s/%s' is linked to other files again and again",
                          firn_os_dir_path(dir), FIRN_STOREFILE_LOCK_NAME);
}

int
firn_storefile_lock_acquire(struct firn_os_dir *dir, int64_t timeout_ms,
                            struct firn_storefile_lock **out, firn_error *err)
{
    struct firn_os *os = firn_os_dir_os(dir);
    const struct patience patience = begin_waiting(os, timeout_ms);
    struct firn_storefile_lock *lock = make(err);
    int rc;
    *out = NULL;
    if (lock == NULL) {
        return FIRN_NO_MEMORY;
    }
    FIRN_TRY(own_file(dir, &patience, &lock->file, err));
    FIRN_TRY(take_guard(dir, &patience, &lock->guard, err));
    FIRN_TRY(write_holder(lock->file, firn_os_process_id(os), err));
    *out = lock;
    lock = NULL;
out:
    firn_storefile_lock_release(lock);
    return rc;
}

/* Whether the directory itself was removed. Then nobody else can open it, and there is nothing left
 * to protect: programs that remove the directory of a store before they close it need no error. */
static bool
is_removed(struct firn_os_dir *dir)
{
    struct firn_os_stat stat;
    return firn_os_dir_stat(dir, &stat, NULL) == FIRN_OK && stat.nlink == 0;
}

static int
check_name(struct firn_os_dir *dir, const char *name, struct firn_os_file *file, firn_error *err)
{
    bool is_current = true;
    int rc = file != NULL ? has_name(dir, name, file, &is_current, err) : FIRN_OK;
    return rc == FIRN_OK && !is_current && !is_removed(dir)
               ? firn_error_set(
                     err, FIRN_FAILED,
                     "'%s/%s' was removed or replaced while the store was open for "
                     "writing, so another process may write to it: nothing more is written",
                     firn_os_dir_path(dir), name)
               : rc;
}

int
firn_storefile_lock_check(const struct firn_storefile_lock *lock, struct firn_os_dir *dir,
                          firn_error *err)
{
    int rc = check_name(dir, FIRN_STOREFILE_LOCK_NAME, lock->file, err);
    return rc == FIRN_OK ? check_name(dir, FIRN_STOREFILE_IDENTITY_NAME, lock->guard, err) : rc;
}
