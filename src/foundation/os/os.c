/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os.c: the wrappers for names in directories.
 *
 * Each wrapper does three things around one primitive of os_ops.h: it refuses names that are not
 * one component (os.h I1) before the implementation sees them, calls it, and forms the error with
 * the path. There is no policy here: no retry and no fallback; those belong to an implementation or
 * to a caller. What an implementation lacks fails as os_ops.h says.
 *
 * Operations on two directories need both from the same implementation; mixing them is a
 * programming error.
 */
#include "os/os.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "os/os_path.h"
#include "os/os_seal.h"

/* Asks the guard of a directory (os_guard.h), if it has one, before a name gets an entry. */
static int
admit(struct fi_os_dir *dir, const char *name, firn_error *err)
{
    struct fi_os_guard *guard = dir->guard;
    return guard == NULL ? FIRN_OK : guard->ops->admit(guard, dir, name, NULL, err);
}

static void
os_resolve(struct fi_os_dir *dir, const char *name, const struct fi_os_stat *now)
{
    struct fi_os_guard *guard = dir->guard;
    if (guard != NULL) {
        guard->ops->settle(guard, dir, name, now);
    }
}

int
fi_os_make_dir(struct fi_os_dir *dir, const char *name, uint32_t mode, firn_error *err)
{
    FI_TRY_RETURN(fi_os_path_check_name(name, err));
    FI_TRY_RETURN(admit(dir, name, err));
    const struct fi_os_ops *ops = dir->os->ops;
    int error_number =
        ops->make_dir != NULL ? ops->make_dir(dir, name, mode & 07777) : ops->refusal;
    return fi_os_path_result(err, error_number, "create directory", dir, name);
}

static int
stop_at_entry(void *ctx, const struct fi_os_dirent *entry)
{
    (void)ctx;
    (void)entry;
    return FIRN_EXISTS;
}

/* Of what was made under a name another than we may have put something else there since, which must
 * not become his: so only an empty directory is given away, through a handle. */
int
fi_os_make_dir_for_owner(struct fi_os_dir *dir, const char *name, struct fi_os_dir *of,
                         uint32_t mode, firn_error *err)
{
    DCHECK(dir->os == of->os);
    struct fi_os_dir *made = NULL;
    struct fi_os_stat stat;
    int rc = fi_os_make_dir(dir, name, mode, err);
    if (rc != FIRN_OK || fi_os_user_id(dir->os) != 0) {
        return rc;
    }
    FI_TRY(fi_os_dir_stat(of, &stat, err));
    if (stat.uid == 0) {
        goto out;
    }
    FI_TRY(fi_os_dir_open(dir, name, &made, err));
    rc = fi_os_dir_list(made, stop_at_entry, NULL, err);
    if (rc == FIRN_OK) {
        /* Where this is not permitted it stays the superuser's. */
        FI_IGNORE(fi_os_set_owner((struct fi_os_node){.dir = made}, stat.uid, stat.gid, NULL));
    }
    rc = rc == FIRN_EXISTS ? FIRN_OK : rc;
out:
    fi_os_dir_close(made);
    if (rc != FIRN_OK) { /* the next attempt would take it for one that is durable */
        FI_IGNORE(fi_os_remove_dir(dir, name, NULL));
    }
    return rc;
}

/* Before a name is removed from a guarded directory: a file that has replaced ours is moved aside
 * instead, and the name is gone. */
static int
give_up(struct fi_os_dir *dir, const char *name, bool *out_is_gone, firn_error *err)
{
    struct fi_os_guard_entry entry = {.head_size = 0};
    struct fi_os_guard *guard = dir->guard;
    int rc;
    FI_TRY(fi_os_guard_stat(dir, name, &entry.stat, err));
    rc = guard->ops->check(guard, dir, name, &entry, false, err);
    *out_is_gone = rc == FIRN_UNTRUSTED;
    if (*out_is_gone) {
        FI_TRY(admit(dir, name, err));
        os_resolve(dir, name, NULL);
    }
out:
    return rc;
}

/* Overwrites a file that has no other name. It is removed even if this fails: the caller may need
 * its space. */
static void
wipe(struct fi_os_dir *dir, const char *name)
{
    struct fi_os_file *file = NULL;
    struct fi_os_stat stat;
    int rc;
    FI_TRY(fi_os_file_open(dir, name, FI_OS_READ | FI_OS_WRITE, 0, &file, NULL));
    FI_TRY(fi_os_file_stat(file, &stat, NULL));
    for (uint64_t at = 0; stat.nlink == 1 && at < stat.size_bytes; at += FI_ZEROS_SIZE) {
        uint64_t rest = stat.size_bytes - at;
        size_t piece = rest < FI_ZEROS_SIZE ? (size_t)rest : FI_ZEROS_SIZE;
        FI_TRY(fi_os_file_write(file, at, fi_zeros(), piece, NULL));
    }
    rc = stat.nlink == 1 ? fi_os_file_sync(file, NULL) : FIRN_OK;
out:
    fi_os_file_close(file);
    (void)rc;
}

int
fi_os_remove_file(struct fi_os_dir *dir, const char *name, firn_error *err)
{
    int rc;
    FI_TRY(fi_os_path_check_name(name, err));
    const struct fi_os_ops *ops = dir->os->ops;
    bool is_gone = false;
    FI_TRY(dir->guard == NULL ? FIRN_OK : give_up(dir, name, &is_gone, err));
    if (is_gone) {
        goto out;
    }
    if (dir->seal != NULL && dir->seal->wipes) {
        wipe(dir, name);
    }
    int error_number = ops->remove_file != NULL ? ops->remove_file(dir, name) : ops->refusal;
    if (error_number == 0) {
        os_resolve(dir, name, NULL);
    }
    rc = fi_os_path_result(err, error_number, "remove", dir, name);
out:
    return rc;
}

int
fi_os_remove_dir(struct fi_os_dir *dir, const char *name, firn_error *err)
{
    FI_TRY_RETURN(fi_os_path_check_name(name, err));
    const struct fi_os_ops *ops = dir->os->ops;
    FI_TRY_RETURN(fi_os_guard_query(dir, name, err));
    int error_number = ops->remove_dir != NULL ? ops->remove_dir(dir, name) : ops->refusal;
    if (error_number == 0) {
        os_resolve(dir, name, NULL);
    }
    return fi_os_path_result(err, error_number, "remove directory", dir, name);
}

/* "could not <verb> '<from>' <joint> '<to>': …" */
static int
two_names_error(firn_error *err, int error_number, const char *verb, struct fi_os_dir *from_dir,
                const char *from, const char *joint, struct fi_os_dir *to_dir, const char *to)
{
    DCHECK(error_number > 0 && from_dir->os == to_dir->os);
    if (err == NULL) {
        return fi_error_code_of_errno(error_number);
    }
    char from_path[FI_OS_PATH_HALF_TEXT_SIZE];
    char to_path[FI_OS_PATH_HALF_TEXT_SIZE];
    fi_os_path_text(from_dir, from, from_path, sizeof from_path);
    fi_os_path_text(to_dir, to, to_path, sizeof to_path);
    return fi_error_set_errno(err, error_number, "could not %s '%s' %s '%s'", verb, from_path,
                              joint, to_path);
}

static int
check_two_names(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                const char *to, firn_error *err)
{
    CHECK(from_dir->os == to_dir->os);
    int rc = fi_os_path_check_name(from, err);
    return rc != FIRN_OK ? rc : fi_os_path_check_name(to, err);
}

/* Before a name gets the entry of another one, by a rename or as a link. *out is filled if one of
 * the directories has a guard. */
static int
admit_from(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir, const char *to,
           struct fi_os_stat *out, firn_error *err)
{
    struct fi_os_guard *guard = from_dir->guard;
    struct fi_os_guard_entry entry;
    if (guard == NULL && to_dir->guard == NULL) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_os_guard_inspect(from_dir, from, &entry, err));
    *out = entry.stat;
    if (guard != NULL) {
        FI_TRY_RETURN(guard->ops->check(guard, from_dir, from, &entry, false, err));
    }
    guard = to_dir->guard;
    if (guard != NULL) {
        FI_TRY_RETURN(guard->ops->admit(guard, to_dir, to, &entry, err));
    }
    return FIRN_OK;
}

static bool
may_be_durable(struct fi_os_dir *dir, const char *name)
{
    return dir->guard == NULL || dir->guard->ops->may_be_durable(dir->guard, dir, name);
}

/* The same for a rename. What the guards admit is durable first, if the old name may be: a rename
 * that is durable without it would hide an entry that had a durable name before. */
static int
admit_rename(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir, const char *to,
             enum fi_os_rename_mode mode, struct fi_os_stat out[2], firn_error *err)
{
    int rc;
    FI_TRY(admit_from(from_dir, from, to_dir, to, &out[0], err));
    if (mode == FI_OS_RENAME_EXCHANGE) {
        FI_TRY(admit_from(to_dir, to, from_dir, from, &out[1], err));
    }
    if (to_dir->guard != NULL &&
        (mode == FI_OS_RENAME_EXCHANGE || may_be_durable(from_dir, from))) {
        FI_TRY(to_dir->guard->ops->sync(to_dir->guard, err));
    }
    if (mode == FI_OS_RENAME_EXCHANGE && from_dir->guard != NULL) {
        rc = from_dir->guard->ops->sync(from_dir->guard, err);
    }
out:
    return rc;
}

int
fi_os_rename(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir, const char *to,
             enum fi_os_rename_mode mode, firn_error *err)
{
    struct fi_os_stat moved[2];
    FI_TRY_RETURN(check_two_names(from_dir, from, to_dir, to, err));
    FI_TRY_RETURN(admit_rename(from_dir, from, to_dir, to, mode, moved, err));
    const struct fi_os_ops *ops = from_dir->os->ops;
    bool exchange = mode == FI_OS_RENAME_EXCHANGE;
    int error_number =
        ops->rename != NULL ? ops->rename(from_dir, from, to_dir, to, mode) : ops->refusal;
    if (error_number == 0) {
        os_resolve(to_dir, to, &moved[0]);
        os_resolve(from_dir, from, exchange ? &moved[1] : NULL);
        return FIRN_OK;
    }
    return two_names_error(err, error_number, exchange ? "exchange" : "rename", from_dir, from,
                           exchange ? "with" : "to", to_dir, to);
}

int
fi_os_link(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir, const char *to,
           firn_error *err)
{
    struct fi_os_stat linked;
    FI_TRY_RETURN(check_two_names(from_dir, from, to_dir, to, err));
    FI_TRY_RETURN(admit_from(from_dir, from, to_dir, to, &linked, err));
    const struct fi_os_ops *ops = from_dir->os->ops;
    int error_number = ops->link != NULL ? ops->link(from_dir, from, to_dir, to) : ops->refusal;
    return error_number == 0
               ? FIRN_OK
               : two_names_error(err, error_number, "link", from_dir, from, "as", to_dir, to);
}

int
fi_os_make_symlink(struct fi_os_dir *dir, const char *name, const char *target, firn_error *err)
{
    DCHECK(target != NULL);
    FI_TRY_RETURN(fi_os_path_check_name(name, err));
    FI_TRY_RETURN(admit(dir, name, err));
    const struct fi_os_ops *ops = dir->os->ops;
    int error_number =
        ops->make_symlink != NULL ? ops->make_symlink(dir, name, target) : ops->refusal;
    return fi_os_path_result(err, error_number, "create symbolic link", dir, name);
}

int
fi_os_read_symlink(struct fi_os_dir *dir, const char *name, struct fi_buf *out, firn_error *err)
{
    DCHECK(out != NULL);
    FI_TRY_RETURN(fi_os_path_check_name(name, err));
    const struct fi_os_ops *ops = dir->os->ops;
    FI_TRY_RETURN(fi_os_guard_query(dir, name, err));
    int error_number = ops->read_symlink != NULL ? ops->read_symlink(dir, name, out) : ops->refusal;
    return fi_os_path_result(err, error_number, "read symbolic link", dir, name);
}

int
fi_os_make_fifo(struct fi_os_dir *dir, const char *name, uint32_t mode, firn_error *err)
{
    FI_TRY_RETURN(fi_os_path_check_name(name, err));
    FI_TRY_RETURN(admit(dir, name, err));
    const struct fi_os_ops *ops = dir->os->ops;
    int error_number =
        ops->make_fifo != NULL ? ops->make_fifo(dir, name, mode & 07777) : ops->refusal;
    return fi_os_path_result(err, error_number, "create fifo", dir, name);
}

int
fi_os_stat(struct fi_os_dir *dir, const char *name, struct fi_os_stat *out, firn_error *err)
{
    struct fi_os_guard_entry entry;
    int rc;
    FI_TRY(fi_os_guard_stat(dir, name, out, err));
    if (dir->guard != NULL) {
        entry.stat = *out;
        entry.head_size = 0;
        rc = dir->guard->ops->check(dir->guard, dir, name, &entry, false, err);
    }
out:
    return rc;
}

/* ---- for guards ---- */

int
fi_os_guard_rename(struct fi_os_dir *dir, const char *from, const char *to, firn_error *err)
{
    const struct fi_os_ops *ops = dir->os->ops;
    int error_number = ops->rename != NULL
                           ? ops->rename(dir, from, dir, to, FI_OS_RENAME_NO_REPLACE)
                           : ops->refusal;
    if (error_number == EOPNOTSUPP && ops->rename != NULL &&
        ops->stat != NULL) { /* a directory, on a file system that cannot do it in one step */
        struct fi_os_stat taken;
        error_number = ops->stat(dir, to, &taken);
        error_number = error_number == 0 ? EEXIST
                       : error_number == ENOENT
                           ? ops->rename(dir, from, dir, to, FI_OS_RENAME_REPLACE)
                           : error_number;
    }
    return error_number == 0
               ? FIRN_OK
               : two_names_error(err, error_number, "rename", dir, from, "to", dir, to);
}
