/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_file.c: the wrappers for files.
 *
 * An implementation makes one attempt for each call; the loops are here, once. A read continues
 * until it has all bytes or the file ends, a write until everything is written, both after EINTR
 * and short results. So callers do not depend on how the kernel cuts a transfer, and the fault
 * implementation tests this by cutting on purpose.
 *
 * A sync is one attempt, always: the kernel reports a failed write-back once and then forgets it,
 * so that a second try would succeed over lost data.
 *
 * A file that was opened before a fork belongs to the parent. In the child it can be read and
 * closed; calls that would change it, or the parent's locks on it, are refused beforehand. The
 * public functions refuse the parent's handles themselves (api/api_process.h); the check here is
 * for a thread that enters one before the fork and leaves it after.
 *
 * Offsets are unsigned 64-bit numbers here, and signed in every kernel: one that does not fit is
 * FIRN_INVALID before any call.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/checked.h"
#include "os/os_path.h"
#include "os/os_seal.h"

enum {
    ALL_OPEN_FLAGS = FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE | FI_OS_EXCLUSIVE | FI_OS_TRUNCATE |
                     FI_OS_NO_ATIME | FI_OS_FOR_OWNER | FI_OS_SEALED | FI_OS_CLEAR
};

static bool
flags_make_sense(unsigned flags)
{
    bool writes = (flags & FI_OS_WRITE) != 0;
    bool creates = (flags & FI_OS_CREATE) != 0;
    return (flags & ~(unsigned)ALL_OPEN_FLAGS) == 0 && (flags & (FI_OS_READ | FI_OS_WRITE)) &&
           (creates ||
            !(flags & (FI_OS_EXCLUSIVE | FI_OS_FOR_OWNER | FI_OS_SEALED | FI_OS_CLEAR))) &&
           (writes || !(flags & FI_OS_TRUNCATE));
}

static int
open_error(firn_error *err, int error_number, const struct fi_os_dir *dir, const char *name)
{
    DCHECK(error_number > 0);
    if (error_number != EINVAL) {
        return fi_os_path_result(err, error_number, "open", dir, name);
    }
    char path[FI_OS_PATH_TEXT_SIZE];
    fi_os_path_text(dir, name, path, sizeof path);
    return fi_error_set(err, FIRN_INVALID, "cannot open '%s': not a regular file", path);
}

static int
check_seal(const struct fi_os_dir *dir, const char *name, unsigned flags, firn_error *err)
{
    char path[FI_OS_PATH_TEXT_SIZE];
    if (dir->seal == NULL || (flags & FI_OS_CREATE) == 0 ||
        (flags & (FI_OS_SEALED | FI_OS_CLEAR)) != 0) {
        return FIRN_OK;
    }
    fi_os_path_text(dir, name, path, sizeof path);
    return fi_error_set(err, FIRN_INTERNAL, "'%s' would be written in clear, in an encrypted store",
                        path);
}

/* In a guarded directory a file is checked before it loses its contents. */
static unsigned
open_flags(const struct fi_os_dir *dir, unsigned flags)
{
    return dir->guard == NULL ? flags : flags & ~(unsigned)FI_OS_TRUNCATE;
}

/* Reads what a file begins with, for a guard. Returns an errno. */
static int
read_head(struct fi_os_file *file, struct fi_os_guard_entry *out)
{
    size_t part = 1;
    int error_number = 0;
    out->head_size = 0;
    while (error_number == 0 && part > 0 && out->head_size < sizeof out->head) {
        part = 0;
        error_number = file->os->ops->file_read(file, out->head_size, out->head + out->head_size,
                                                sizeof out->head - out->head_size, &part);
        out->head_size += part;
        if (error_number == EINTR) {
            error_number = 0;
            part = 1;
        }
    }
    return error_number;
}

int
fi_os_guard_inspect(struct fi_os_dir *dir, const char *name, struct fi_os_guard_entry *out,
                    firn_error *err)
{
    int rc = fi_os_guard_stat(dir, name, &out->stat, err);
    out->head_size = 0;
    if (rc != FIRN_OK || out->stat.kind != FI_OS_FILE) {
        return rc;
    }
    struct fi_os_file *file = fi_os_path_new_file(dir, name);
    if (file == NULL) {
        return fi_error_no_memory(err, "a file handle");
    }
    int error_number =
        dir->os->ops->file_open(dir, name, FI_OS_READ | FI_OS_NO_ATIME, 0, file, &out->stat);
    if (error_number != 0) {
        fi_os_path_free_file(file);
        return open_error(err, error_number, dir, name);
    }
    error_number = read_head(file, out);
    fi_os_file_close(file);
    return fi_os_path_result(err, error_number, "read", dir, name);
}

static int
open_any(struct fi_os_dir *dir, const char *name, unsigned flags, uint32_t mode,
         struct fi_os_file **out, struct fi_os_stat *out_stat, firn_error *err)
{
    DCHECK(dir != NULL && dir->os != NULL);
    *out = NULL;
    int rc;
    FI_TRY(fi_os_path_check_name(name, err));
    if (!flags_make_sense(flags) || (mode & ~UINT32_C(07777)) != 0) {
        return fi_error_set(err, FIRN_INVALID, "cannot open '%s' with flags %#x and mode %#" PRIo32,
                            name, flags, mode);
    }
    FI_TRY(check_seal(dir, name, flags, err));
    flags &= ~(unsigned)(FI_OS_SEALED | FI_OS_CLEAR); /* no implementation knows them */
    struct fi_os_guard *guard = dir->guard;
    struct fi_os_guard_entry found;
    if (guard != NULL && (flags & FI_OS_CREATE) != 0) {
        FI_TRY(guard->ops->admit(guard, dir, name, NULL, err));
    }
    if (guard != NULL && out_stat == NULL) {
        out_stat = &found.stat;
    }
    struct fi_os_file *file = fi_os_path_new_file(dir, name);
    if (file == NULL) {
        return fi_error_no_memory(err, "a file handle");
    }
    int error_number =
        dir->os->ops->file_open(dir, name, open_flags(dir, flags), mode, file, out_stat);
    if (error_number != 0) {
        fi_os_path_free_file(file);
        return open_error(err, error_number, dir, name);
    }
    if (guard != NULL) {
        found.stat = *out_stat;
        found.head_size = 0;
        error_number = (flags & FI_OS_READ) != 0 ? read_head(file, &found) : 0;
        rc = error_number == 0 ? guard->ops->check(guard, dir, name, &found, true, err)
                               : fi_os_path_result(err, error_number, "read", dir, name);
    }
    if (rc == FIRN_OK && flags != open_flags(dir, flags)) {
        rc = fi_os_path_result(err, dir->os->ops->file_truncate(file, 0), "truncate", dir, name);
    }
    if (rc != FIRN_OK) {
        fi_os_file_close(file);
        return rc;
    }
    *out = file;
out:
    return rc;
}

/* Opens a file of the superuser's in another user's directory. Only a file that O_EXCL has made is
 * given away: another file of that name may be one that this user put there, a further name of one
 * of ours. */
static int
open_for_owner(struct fi_os_dir *dir, const char *name, unsigned flags, uint32_t mode,
               struct fi_os_file **out, firn_error *err)
{
    DCHECK((flags & FI_OS_FOR_OWNER) == 0 && fi_os_user_id(dir->os) == 0);
    struct fi_os_stat stat;
    FI_TRY_RETURN(fi_os_dir_stat(dir, &stat, err));
    if (stat.uid == 0) {
        return open_any(dir, name, flags, mode, out, NULL, err);
    }
    int rc = open_any(dir, name, flags | FI_OS_EXCLUSIVE, mode, out, NULL, err);
    if (rc == FIRN_EXISTS && !(flags & FI_OS_EXCLUSIVE)) {
        return open_any(dir, name, flags & ~(unsigned)(FI_OS_CREATE | FI_OS_SEALED | FI_OS_CLEAR),
                        mode, out, NULL, err);
    }
    if (rc == FIRN_OK) {
        /* Where this is not permitted it stays the superuser's. */
        FI_IGNORE(fi_os_set_owner((struct fi_os_node){.file = *out}, stat.uid, stat.gid, NULL));
    }
    return rc;
}

int
fi_os_file_open_stat(struct fi_os_dir *dir, const char *name, unsigned flags, uint32_t mode,
                     struct fi_os_file **out, struct fi_os_stat *out_stat, firn_error *err)
{
    *out = NULL;
    bool is_for_owner = (flags & FI_OS_FOR_OWNER) != 0 && fi_os_user_id(dir->os) == 0;
    if (!is_for_owner || !flags_make_sense(flags)) {
        return open_any(dir, name, flags, mode, out, out_stat, err);
    }
    int rc = open_for_owner(dir, name, flags & ~(unsigned)FI_OS_FOR_OWNER, mode, out, err);
    if (rc == FIRN_OK && out_stat != NULL) {
        rc = fi_os_file_stat(*out, out_stat, err);
    }
    return rc;
}

int
fi_os_file_open(struct fi_os_dir *dir, const char *name, unsigned flags, uint32_t mode,
                struct fi_os_file **out, firn_error *err)
{
    return fi_os_file_open_stat(dir, name, flags, mode, out, NULL, err);
}

void
fi_os_file_close(struct fi_os_file *file)
{
    if (file == NULL) {
        return;
    }
    file->os->ops->file_close(file);
    fi_os_path_free_file(file);
}

const char *
fi_os_file_path(struct fi_os_file *file)
{
    return fi_os_path_of_file(file);
}

struct fi_os *
fi_os_file_os(const struct fi_os_file *file)
{
    return file->os;
}

static int
file_result(firn_error *err, int error_number, const char *verb, const struct fi_os_file *file)
{
    DCHECK(file->dir != NULL);
    return fi_os_path_result(err, error_number, verb, file->dir, file->name);
}

/* An error of a transfer at an offset. */
static int
transfer_error(firn_error *err, int error_number, const char *verb, const struct fi_os_file *file,
               uint64_t offset)
{
    DCHECK(error_number > 0 && error_number != EINTR);
    if (err == NULL) {
        return fi_error_code_of_errno(error_number);
    }
    char path[FI_OS_PATH_TEXT_SIZE];
    fi_os_path_text(file->dir, file->name, path, sizeof path);
    return fi_error_set_errno(err, error_number, "could not %s '%s' at offset %" PRIu64, verb, path,
                              offset);
}

static int
refuse_inherited(const struct fi_os_file *file, firn_error *err)
{
    DCHECK(!fi_os_process_is_own(&file->mark));
    char path[FI_OS_PATH_TEXT_SIZE];
    char what[FI_OS_PATH_TEXT_SIZE + 4];
    fi_os_path_text(file->dir, file->name, path, sizeof path);
    (void)snprintf(what, sizeof what, "'%s'", path);
    return fi_os_process_refuse(what, err);
}

static bool
offsets_fit(uint64_t offset, uint64_t size)
{
    return fi_range_inside(offset, size, INT64_MAX);
}

int
fi_os_file_read(struct fi_os_file *file, uint64_t offset, void *data, size_t size, size_t *out_size,
                firn_error *err)
{
    DCHECK(data != NULL || size == 0);
    *out_size = 0;
    if (!offsets_fit(offset, size)) {
        return transfer_error(err, EINVAL, "read", file, offset);
    }
    size_t done = 0;
    while (done < size) {
        size_t part = 0;
        int error_number = file->os->ops->file_read(file, offset + done, (uint8_t *)data + done,
                                                    size - done, &part);
        if (error_number == EINTR) {
            continue;
        }
        if (error_number != 0) {
            return transfer_error(err, error_number, "read", file, offset + done);
        }
        if (part == 0) {
            break;
        }
        DCHECK(part <= size - done);
        done += part;
    }
    *out_size = done;
    return FIRN_OK;
}

int
fi_os_file_read_exact(struct fi_os_file *file, uint64_t offset, void *data, size_t size,
                      firn_error *err)
{
    size_t got;
    int rc = fi_os_file_read(file, offset, data, size, &got, err);
    if (rc != FIRN_OK || got == size) {
        return rc;
    }
    char path[FI_OS_PATH_TEXT_SIZE];
    fi_os_path_text(file->dir, file->name, path, sizeof path);
    return fi_error_set(err, FIRN_CORRUPT,
                        "'%s' ends at offset %" PRIu64 ": expected %zu bytes at offset %" PRIu64,
                        path, offset + got, size, offset);
}

int
fi_os_file_write(struct fi_os_file *file, uint64_t offset, const void *data, size_t size,
                 firn_error *err)
{
    DCHECK(data != NULL || size == 0);
    if (!fi_os_process_is_own(&file->mark)) {
        return refuse_inherited(file, err);
    }
    if (!offsets_fit(offset, size)) {
        return transfer_error(err, EFBIG, "write", file, offset);
    }
    if (file->os->ops->file_write == NULL) {
        return transfer_error(err, file->os->ops->refusal, "write", file, offset);
    }
    size_t done = 0;
    while (done < size) {
        size_t part = 0;
        int error_number = file->os->ops->file_write(
            file, offset + done, (const uint8_t *)data + done, size - done, &part);
        if (error_number == EINTR) {
            continue;
        }
        if (error_number == 0 && part == 0) {
            error_number =
                EIO; /* a kernel that takes nothing and says nothing would be asked for ever */
        }
        if (error_number != 0) {
            return transfer_error(err, error_number, "write", file, offset + done);
        }
        DCHECK(part <= size - done);
        done += part;
    }
    return FIRN_OK;
}

int
fi_os_file_stat(struct fi_os_file *file, struct fi_os_stat *out, firn_error *err)
{
    int error_number = file->os->ops->file_stat(file, out);
    return file_result(err, error_number, "read the attributes of", file);
}

int
fi_os_file_truncate(struct fi_os_file *file, uint64_t size, firn_error *err)
{
    if (!fi_os_process_is_own(&file->mark)) {
        return refuse_inherited(file, err);
    }
    const struct fi_os_ops *ops = file->os->ops;
    int error_number = !offsets_fit(size, 0)        ? EFBIG
                       : ops->file_truncate != NULL ? ops->file_truncate(file, size)
                                                    : ops->refusal;
    return file_result(err, error_number, "set the size of", file);
}

int
fi_os_file_allocate(struct fi_os_file *file, uint64_t size, firn_error *err)
{
    if (!fi_os_process_is_own(&file->mark)) {
        return refuse_inherited(file, err);
    }
    const struct fi_os_ops *ops = file->os->ops;
    int error_number = !offsets_fit(size, 0)        ? EFBIG
                       : ops->file_allocate != NULL ? ops->file_allocate(file, size)
                                                    : ops->refusal;
    return file_result(err, error_number, "reserve space for", file);
}

int
fi_os_file_sync(struct fi_os_file *file, firn_error *err)
{
    const struct fi_os_ops *ops = file->os->ops;
    int error_number = ops->file_sync != NULL ? ops->file_sync(file) : ops->refusal;
    return file_result(err, error_number, "sync", file);
}

int
fi_os_file_sync_all(struct fi_os_file *file, firn_error *err)
{
    const struct fi_os_ops *ops = file->os->ops;
    int error_number = ops->file_sync_all != NULL ? ops->file_sync_all(file) : ops->refusal;
    return file_result(err, error_number, "sync", file);
}

int
fi_os_file_sync_several(struct fi_os_file *const *files, size_t count, firn_error *err)
{
    DCHECK(files != NULL || count == 0);
    if (count > 0 && files[0]->os->ops->file_sync_several != NULL) {
        size_t failed = 0;
        int error_number = files[0]->os->ops->file_sync_several(files, count, &failed);
        return file_result(err, error_number, "sync", files[failed]);
    }
    for (size_t i = 0; i < count; i++) {
        int rc = fi_os_file_sync(files[i], err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

void
fi_os_file_start_writeback(struct fi_os_file *file, uint64_t offset, uint64_t size)
{
    if (offsets_fit(offset, size) && file->os->ops->file_start_writeback != NULL) {
        file->os->ops->file_start_writeback(file, offset, size);
    }
}

int
fi_os_file_next_data(struct fi_os_file *file, uint64_t offset, uint64_t *out_start,
                     uint64_t *out_end, firn_error *err)
{
    *out_start = 0;
    *out_end = 0;
    int error_number = offsets_fit(offset, 0)
                           ? file->os->ops->file_next_data(file, offset, out_start, out_end)
                           : EINVAL;
    DCHECK(error_number != 0 || *out_start <= *out_end);
    return file_result(err, error_number, "find the data of", file);
}

static int
lock_error(firn_error *err, int error_number, const struct fi_os_file *file)
{
    DCHECK(error_number > 0);
    if (error_number != EAGAIN) {
        return file_result(err, error_number, "lock", file);
    }
    char path[FI_OS_PATH_TEXT_SIZE];
    fi_os_path_text(file->dir, file->name, path, sizeof path);
    return fi_error_set(err, FIRN_BUSY, "could not lock '%s': it is locked already", path);
}

int
fi_os_file_lock(struct fi_os_file *file, enum fi_os_lock_kind kind, firn_error *err)
{
    DCHECK(kind == FI_OS_LOCK_SHARED || kind == FI_OS_LOCK_EXCLUSIVE);
    if (!fi_os_process_is_own(&file->mark)) {
        return refuse_inherited(file, err);
    }
    const struct fi_os_ops *ops = file->os->ops;
    int error_number = ops->file_lock != NULL ? ops->file_lock(file, kind) : 0;
    return error_number == 0 ? FIRN_OK : lock_error(err, error_number, file);
}

void
fi_os_file_unlock(struct fi_os_file *file)
{
    if (fi_os_process_is_own(&file->mark) && file->os->ops->file_unlock != NULL) {
        file->os->ops->file_unlock(file);
    }
}

static bool
range_makes_sense(uint64_t offset, uint64_t size)
{
    return size > 0 && offsets_fit(offset, size);
}

int
fi_os_file_lock_range(struct fi_os_file *file, enum fi_os_lock_kind kind, uint64_t offset,
                      uint64_t size, firn_error *err)
{
    DCHECK(kind == FI_OS_LOCK_SHARED || kind == FI_OS_LOCK_EXCLUSIVE);
    if (!fi_os_process_is_own(&file->mark)) {
        return refuse_inherited(file, err);
    }
    const struct fi_os_ops *ops = file->os->ops;
    int error_number = !range_makes_sense(offset, size) ? EINVAL
                       : ops->file_lock_range != NULL
                           ? ops->file_lock_range(file, kind, offset, size)
                           : 0;
    return error_number == 0 ? FIRN_OK : lock_error(err, error_number, file);
}

void
fi_os_file_unlock_range(struct fi_os_file *file, uint64_t offset, uint64_t size)
{
    if (fi_os_process_is_own(&file->mark) && range_makes_sense(offset, size) &&
        file->os->ops->file_unlock_range != NULL) {
        file->os->ops->file_unlock_range(file, offset, size);
    }
}

int
fi_os_file_is_range_held(struct fi_os_file *file, uint64_t offset, uint64_t size, bool *out,
                         firn_error *err)
{
    *out = false;
    const struct fi_os_ops *ops = file->os->ops;
    int error_number = !range_makes_sense(offset, size) ? EINVAL
                       : ops->file_is_range_held != NULL
                           ? ops->file_is_range_held(file, offset, size, out)
                           : 0;
    return file_result(err, error_number, "look for the locks of", file);
}

uint64_t
fi_os_file_range_holder(struct fi_os_file *file, uint64_t offset, uint64_t size)
{
    const struct fi_os_ops *ops = file->os->ops;
    return ops->file_range_holder != NULL && range_makes_sense(offset, size)
               ? ops->file_range_holder(file, offset, size)
               : 0;
}
