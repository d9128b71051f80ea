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
 *      each new segment of the log, and at closing (fi_storefile_lock_check). (Not asserted:
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

struct fi_storefile_lock {
    struct fi_os_file *file;  /* LOCK; NULL: there is none to lock */
    struct fi_os_file *guard; /* FIRN; NULL likewise, and while there is no store yet */
};

/* For waiting. */
struct patience {
    struct fi_os *os;
    int64_t began_ns;
    int64_t timeout_ns;
};

/* The number in the file, or 0 if none can be read. */
static uint64_t
read_holder(struct fi_os_file *file)
{
    char text[PID_TEXT_MAX];
    size_t size = 0;
    if (fi_os_file_read(file, 0, text, sizeof text, &size, NULL) != FIRN_OK) {
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
storefile_lock_refuse(struct fi_os_dir *dir, struct fi_os_file *file, firn_error *err)
{
    const char *path = fi_os_dir_path(dir);
    uint64_t holder = read_holder(file);
    DCHECK(file != NULL);
    if (holder == 0) {
        return fi_error_set(err, FIRN_BUSY, "'%s' is locked by another process", path);
    }
    if (holder == fi_os_process_id(fi_os_dir_os(dir))) {
        return fi_error_set(err, FIRN_BUSY,
                            "'%s' is locked by process %" PRIu64 " (this one has it open already)",
                            path, holder);
    }
    return fi_error_set(err, FIRN_BUSY, "'%s' is locked by process %" PRIu64, path, holder);
}

/* A negative timeout waits without limit. */
static struct patience
begin_waiting(struct fi_os *os, int64_t timeout_ms)
{
    bool is_for_ever = timeout_ms < 0 || timeout_ms > INT64_MAX / 1000000;
    return (struct patience){.os = os,
                             .began_ns = fi_os_monotonic_ns(os),
                             .timeout_ns = is_for_ever ? INT64_MAX : timeout_ms * 1000000};
}

static int
try_file(struct fi_os_file *file, firn_error *err)
{
    return fi_os_file_lock(file, FI_OS_LOCK_EXCLUSIVE, err);
}

static int
try_guard(struct fi_os_file *file, firn_error *err)
{
    return fi_os_file_lock_range(file, FI_OS_LOCK_EXCLUSIVE, GUARD_BYTE, 1, err);
}

/* For a user who may only read the file. */
static int
inspect_guard(struct fi_os_file *file, firn_error *err)
{
    bool is_held = false;
    int rc = fi_os_file_is_range_held(file, GUARD_BYTE, 1, &is_held, err);
    return rc == FIRN_OK && is_held ? fi_error_set(err, FIRN_BUSY, "it is locked") : rc;
}

static int
wait_for(const struct patience *patience, int (*attempt)(struct fi_os_file *file, firn_error *err),
         struct fi_os_file *file, firn_error *err)
{
    int64_t pause = PAUSE_MIN_NS;
    for (;;) {
        int rc = attempt(file, err);
        if (rc != FIRN_BUSY) {
            return rc;
        }
        int64_t left =
            patience->timeout_ns - (fi_os_monotonic_ns(patience->os) - patience->began_ns);
        if (left <= 0) {
            return rc;
        }
        DCHECK(pause >= PAUSE_MIN_NS && pause <= PAUSE_MAX_NS);
        fi_os_sleep_ns(patience->os, pause < left ? pause : left);
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
refuse_guarded(struct fi_os_dir *dir, firn_error *err)
{
    return fi_error_set(err, FIRN_BUSY,
                        "'%s' is locked by another process, whose file %s was removed or replaced",
                        fi_os_dir_path(dir), FI_STOREFILE_LOCK_NAME);
}

/* Whether the file still has its name: a process that waited for a store that was destroyed
 * meanwhile has locked a file that no other process will find. */
static int
has_name(struct fi_os_dir *dir, const char *name, struct fi_os_file *file, bool *out,
         firn_error *err)
{
    struct fi_os_stat locked;
    struct fi_os_stat named;
    int rc = fi_os_file_stat(file, &locked, err);
    *out = false;
    if (rc == FIRN_OK) {
        rc = fi_os_stat(dir, name, &named, err);
        *out = rc == FIRN_OK && locked.inode == named.inode && locked.device == named.device;
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
refuse_nameless(struct fi_os_dir *dir, const char *name, struct fi_os_file *file, firn_error *err)
{
    bool is_current;
    int rc = has_name(dir, name, file, &is_current, err);
    return rc == FIRN_OK && !is_current
               ? fi_error_set(err, FIRN_BUSY, "the store in '%s' is being destroyed",
                              fi_os_dir_path(dir))
               : rc;
}

/* For a user who may not write FIRN: whether a writer is there. */
static int
find_guard(struct fi_os_dir *dir, const struct patience *patience, firn_error *err)
{
    struct fi_os_file *file;
    int rc = fi_os_file_open(dir, FI_STOREFILE_IDENTITY_NAME, FI_OS_READ, 0, &file, err);
    if (rc != FIRN_OK) {
        return is_no_lock(rc) ? FIRN_OK : rc;
    }
    rc = wait_for(patience, inspect_guard, file, err);
    fi_os_file_close(file);
    rc = rc == FIRN_BUSY ? refuse_guarded(dir, err) : rc;
    return is_no_lock(rc) ? FIRN_OK : rc;
}

static int
lock_guard(struct fi_os_dir *dir, const struct patience *patience, struct fi_os_file *file,
           firn_error *err)
{
    int rc = wait_for(patience, try_guard, file, err);
    if (rc == FIRN_BUSY) {
        return refuse_guarded(dir, err);
    }
    return rc == FIRN_OK ? refuse_nameless(dir, FI_STOREFILE_IDENTITY_NAME, file, err) : rc;
}

/* *out is NULL if there is no guard to take. */
static int
take_guard(struct fi_os_dir *dir, const struct patience *patience, struct fi_os_file **out,
           firn_error *err)
{
    struct fi_os_file *file;
    *out = NULL;
    int rc =
        fi_os_file_open(dir, FI_STOREFILE_IDENTITY_NAME, FI_OS_READ | FI_OS_WRITE, 0, &file, err);
    if (rc == FIRN_DENIED || rc == FIRN_READ_ONLY) {
        return find_guard(dir, patience, err);
    }
    if (rc != FIRN_OK) {
        return is_no_lock(rc) ? FIRN_OK : rc;
    }
    rc = lock_guard(dir, patience, file, err);
    if (rc == FIRN_OK) {
        *out = file;
        return FIRN_OK;
    }
    fi_os_file_close(file);
    return is_no_lock(rc) ? FIRN_OK : rc;
}

int
fi_storefile_lock_guard(struct fi_storefile_lock *lock, struct fi_os_dir *dir, firn_error *err)
{
    const struct patience none = begin_waiting(fi_os_dir_os(dir), 0);
    DCHECK(lock->file != NULL && lock->guard == NULL);
    return take_guard(dir, &none, &lock->guard, err);
}

/* ---- both locks ---- */

static struct fi_storefile_lock *
storefile_lock_make(firn_error *err)
{
    struct fi_storefile_lock *lock = fi_alloc_zeroed(sizeof *lock);
    if (lock == NULL) {
        FI_IGNORE(fi_error_no_memory(err, "the lock of a store"));
    }
    return lock;
}

void
fi_storefile_lock_release(struct fi_storefile_lock *lock)
{
    if (lock != NULL) {
        /* The reverse order: nobody finds the first one free and the second one held. */
        fi_os_file_close(lock->guard);
        fi_os_file_close(lock->file);
        fi_free(lock);
    }
}

struct fi_os_file *
fi_storefile_lock_file(const struct fi_storefile_lock *lock)
{
    return lock->file;
}

static int
hold_file(struct fi_os_dir *dir, bool may_create, const struct patience *patience,
          struct fi_os_file **out, firn_error *err)
{
    struct fi_os_file *file;
    unsigned flags = FI_OS_READ | FI_OS_WRITE |
                     (may_create ? (unsigned)FI_OS_CREATE | FI_OS_FOR_OWNER | FI_OS_CLEAR : 0);
    int rc = fi_os_file_open(dir, FI_STOREFILE_LOCK_NAME, flags, 0600, &file, err);
    if (rc != FIRN_OK) {
        return is_no_lock(rc) ? FIRN_OK : rc;
    }
    rc = wait_for(patience, try_file, file, err);
    if (rc == FIRN_OK) {
        *out = file;
        return FIRN_OK;
    }
    rc = rc == FIRN_BUSY ? storefile_lock_refuse(dir, file, err) : rc;
    fi_os_file_close(file);
    return is_no_lock(rc) ? FIRN_OK : rc;
}

int
fi_storefile_lock_hold(struct fi_os_dir *dir, bool may_create, int64_t timeout_ms,
                       struct fi_storefile_lock **out, firn_error *err)
{
    const struct patience patience = begin_waiting(fi_os_dir_os(dir), timeout_ms);
    struct fi_storefile_lock *lock = storefile_lock_make(err);
    int rc;
    *out = NULL;
    if (lock == NULL) {
        return FIRN_NO_MEMORY;
    }
    FI_TRY(hold_file(dir, may_create, &patience, &lock->file, err));
    FI_TRY(take_guard(dir, &patience, &lock->guard, err));
    if (lock->file != NULL || lock->guard != NULL) {
        *out = lock;
        lock = NULL;
    }
out:
    fi_storefile_lock_release(lock);
    return rc;
}

static int
write_holder(struct fi_os_file *file, uint64_t pid, firn_error *err)
{
    char text[PID_TEXT_MAX];
    int size = snprintf(text, sizeof text, "%" PRIu64 "\n", pid);
    CHECK(size > 0 && (size_t)size < sizeof text);
    /* Truncated first: what the last holder wrote after its id must not count for this one. */
    int rc = fi_os_file_truncate(file, 0, err);
    return rc != FIRN_OK ? rc : fi_os_file_write(file, 0, text, (size_t)size, err);
}

static int
lock_file(struct fi_os_dir *dir, const struct patience *patience, struct fi_os_file *file,
          firn_error *err)
{
    int rc = wait_for(patience, try_file, file, err);
    return rc == FIRN_BUSY ? storefile_lock_refuse(dir, file, err) : rc;
}

/* Opens and locks LOCK, which will be written to. If it has other names, such as a file of the
 * user's that an archive has linked to, only the name goes, and there is a new file (I2). */
static int
own_file(struct fi_os_dir *dir, const struct patience *patience, struct fi_os_file **out,
         firn_error *err)
{
    const unsigned flags =
        FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE | (unsigned)FI_OS_FOR_OWNER | FI_OS_CLEAR;
    for (unsigned attempts = 0; attempts < NAMES_MAX; attempts++) {
        struct fi_os_stat stat;
        FI_TRY_RETURN(fi_os_file_open(dir, FI_STOREFILE_LOCK_NAME, flags, 0600, out, err));
        FI_TRY_RETURN(lock_file(dir, patience, *out, err));
        FI_TRY_RETURN(refuse_nameless(dir, FI_STOREFILE_LOCK_NAME, *out, err));
        FI_TRY_RETURN(fi_os_file_stat(*out, &stat, err));
        if (stat.nlink == 1) {
            return FIRN_OK;
        }
        FI_TRY_RETURN(fi_os_remove_file(dir, FI_STOREFILE_LOCK_NAME, err));
        fi_os_file_close(*out);
        *out = NULL;
    }
    return fi_error_set(err, FIRN_BUSY, "'%s/%s' is linked to other files again and again",
                        fi_os_dir_path(dir), FI_STOREFILE_LOCK_NAME);
}

int
fi_storefile_lock_acquire(struct fi_os_dir *dir, int64_t timeout_ms, struct fi_storefile_lock **out,
                          firn_error *err)
{
    struct fi_os *os = fi_os_dir_os(dir);
    const struct patience patience = begin_waiting(os, timeout_ms);
    struct fi_storefile_lock *lock = storefile_lock_make(err);
    int rc;
    *out = NULL;
    if (lock == NULL) {
        return FIRN_NO_MEMORY;
    }
    FI_TRY(own_file(dir, &patience, &lock->file, err));
    FI_TRY(take_guard(dir, &patience, &lock->guard, err));
    FI_TRY(write_holder(lock->file, fi_os_process_id(os), err));
    *out = lock;
    lock = NULL;
out:
    fi_storefile_lock_release(lock);
    return rc;
}

/* Whether the directory itself was removed. Then nobody else can open it, and there is nothing left
 * to protect: programs that remove the directory of a store before they close it need no error. */
static bool
is_removed(struct fi_os_dir *dir)
{
    struct fi_os_stat stat;
    return fi_os_dir_stat(dir, &stat, NULL) == FIRN_OK && stat.nlink == 0;
}

static int
check_name(struct fi_os_dir *dir, const char *name, struct fi_os_file *file, firn_error *err)
{
    bool is_current = true;
    int rc = file != NULL ? has_name(dir, name, file, &is_current, err) : FIRN_OK;
    return rc == FIRN_OK && !is_current && !is_removed(dir)
               ? fi_error_set(
                     err, FIRN_FAILED,
                     "'%s/%s' was removed or replaced while the store was open for "
                     "writing, so another process may write to it: nothing more is written",
                     fi_os_dir_path(dir), name)
               : rc;
}

int
fi_storefile_lock_check(const struct fi_storefile_lock *lock, struct fi_os_dir *dir,
                        firn_error *err)
{
    int rc = check_name(dir, FI_STOREFILE_LOCK_NAME, lock->file, err);
    return rc == FIRN_OK ? check_name(dir, FI_STOREFILE_IDENTITY_NAME, lock->guard, err) : rc;
}
