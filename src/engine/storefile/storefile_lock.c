/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/storefile_lock.c: one writing handle at a time.
 *
 * The file LOCK is locked exclusively as long as the handle exists. The system releases the lock with
 * the process, so a killed writer leaves nothing to clean up. The file contains, as text, the id of the
 * process that locked it last. It is only read to name the holder to a process that is refused, and to
 * other processes that ask (db_holder.c); nothing else depends on it.
 *
 * As every file of a store, LOCK gets the owner of the store's directory if the superuser creates it:
 * otherwise the owner of the store could no longer open it.
 *
 * A process that may wait tries again and again, after pauses that grow from 1 to 100 ms: waiting for a
 * lock in the kernel could not be ended after a time.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "storefile/storefile.h"

enum { PAUSE_MIN_NS = 1000000, PAUSE_MAX_NS = 100000000, PID_TEXT_MAX = 24 };

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
static int
wait_for_lock(struct firn_os *os, struct firn_os_file *file, int64_t timeout_ms, firn_error *err)
{
    int64_t began = firn_os_monotonic_ns(os);
    bool is_for_ever = timeout_ms < 0 || timeout_ms > INT64_MAX / 1000000;
    int64_t timeout_ns = is_for_ever ? INT64_MAX : timeout_ms * 1000000;
    int64_t pause = PAUSE_MIN_NS;
    for (;;) {
        int rc = firn_os_file_lock(file, FIRN_OS_LOCK_EXCLUSIVE, err);
        if (rc != FIRN_BUSY) {
            return rc;
        }
        int64_t left = timeout_ns - (firn_os_monotonic_ns(os) - began);
        if (left <= 0) {
            return rc;
        }
        DCHECK(pause >= PAUSE_MIN_NS && pause <= PAUSE_MAX_NS);
        firn_os_sleep_ns(os, pause < left ? pause : left);
        pause = pause * 2 > PAUSE_MAX_NS ? PAUSE_MAX_NS : pause * 2;
    }
}

/* Whether there is permanently no lock to take: the file does not exist, may not be used, is no regular
 * file, or is on a file system without locks. */
static bool
is_no_lock(int code)
{
    return code == FIRN_NOT_FOUND || code == FIRN_DENIED || code == FIRN_READ_ONLY ||
           code == FIRN_INVALID || code == FIRN_UNSUPPORTED;
}

int
firn_storefile_lock_hold(struct firn_os_dir *dir, bool may_create, int64_t timeout_ms,
                         struct firn_os_file **out, firn_error *err)
{
    struct firn_os_file *file;
    unsigned flags = FIRN_OS_READ | FIRN_OS_WRITE |
                     (may_create ? (unsigned)FIRN_OS_CREATE | FIRN_OS_FOR_OWNER : 0);
    *out = NULL;
    int rc = firn_os_file_open(dir, FIRN_STOREFILE_LOCK_NAME, flags, 0600, &file, err);
    if (rc != FIRN_OK) {
        return is_no_lock(rc) ? FIRN_OK : rc;
    }
    rc = wait_for_lock(firn_os_dir_os(dir), file, timeout_ms, err);
    if (rc == FIRN_OK) {
        *out = file;
        return FIRN_OK;
    }
    rc = rc == FIRN_BUSY ? refuse(dir, file, err) : rc;
    firn_os_file_close(file);
    return is_no_lock(rc) ? FIRN_OK : rc;
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

/* Whether the file still has its name: a process that waited for a store that was destroyed meanwhile
 * has locked a file that no other process will find. */
static int
check_name(struct firn_os_dir *dir, struct firn_os_file *file, bool *out_is_current,
           firn_error *err)
{
    struct firn_os_stat locked;
    struct firn_os_stat named;
    int rc = firn_os_file_stat(file, &locked, err);
    *out_is_current = false;
    if (rc == FIRN_OK) {
        rc = firn_os_stat(dir, FIRN_STOREFILE_LOCK_NAME, &named, err);
        *out_is_current =
            rc == FIRN_OK && locked.inode == named.inode && locked.device == named.device;
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
firn_storefile_lock_acquire(struct firn_os_dir *dir, int64_t timeout_ms, struct firn_os_file **out,
                            firn_error *err)
{
    struct firn_os *os = firn_os_dir_os(dir);
    struct firn_os_file *file = NULL;
    int rc;
    *out = NULL;
    FIRN_TRY(firn_os_file_open(dir, FIRN_STOREFILE_LOCK_NAME,
                               FIRN_OS_READ | FIRN_OS_WRITE | FIRN_OS_CREATE | FIRN_OS_FOR_OWNER,
                               0600, &file, err));
    rc = wait_for_lock(os, file, timeout_ms, err);
    if (rc == FIRN_BUSY) {
        rc = refuse(dir, file, err);
    }
    FIRN_TRY(rc);
    bool is_current;
    FIRN_TRY(check_name(dir, file, &is_current, err));
    if (!is_current) {
        rc = firn_error_set(err, FIRN_BUSY, "the store in '%s' is being destroyed",
                            firn_os_dir_path(dir));
        goto out;
    }
    FIRN_TRY(write_holder(file, firn_os_process_id(os), err));
    *out = file;
    file = NULL;
out:
    firn_os_file_close(file);
    return rc;
}
