/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue_copy.c: the files of the damaged store in the new one.
 *
 * (I1) Runs and value files are shared by hard links and never written. Logs are copied. (Not
 *      checked: it follows from which calls are made.)
 */
#include "rescue/rescue_internal.h"

#include "base/check.h"
#include "os/os_clone.h"
#include "os/os_names.h"
#include "store/db_store_handle.h"

enum { COPY_SIZE = 256 << 10 };

/* ---- logs ---- */

static bool
is_segment(const struct fi_os_dirent *entry)
{
    return (fi_lsm_is_name(entry->name) || fi_db_log_is_name(entry->name)) &&
           fi_os_names_end_with(entry->name, ".log");
}

/* Copies [offset, end); *out_is_whole is false where the file ends or cannot be read. */
static int
copy_stretch(struct fi_rescue_copy *copy, struct fi_os_file *source, struct fi_os_file *target,
             uint64_t offset, uint64_t end, bool *out_is_whole, firn_error *err)
{
    *out_is_whole = true;
    while (offset < end && *out_is_whole) {
        size_t wanted = end - offset < COPY_SIZE ? (size_t)(end - offset) : COPY_SIZE;
        size_t size;
        int rc = fi_os_file_read(source, offset, copy->buffer.data, wanted, &size, err);
        if (rc == FIRN_IO) {
            *out_is_whole = false;
            break;
        }
        rc = rc == FIRN_OK && size > 0
                 ? fi_os_file_write(target, offset, copy->buffer.data, size, err)
                 : rc;
        if (rc != FIRN_OK) {
            return rc;
        }
        *out_is_whole = size == wanted;
        offset += size;
    }
    return FIRN_OK;
}

/* Copies as much of a file as can be read. Its holes stay holes: a file of another's making may be
 * larger than the disk. */
static int
copy_content(struct fi_rescue_copy *copy, struct fi_os_file *source, struct fi_os_file *target,
             firn_error *err)
{
    DCHECK(copy->buffer.size == COPY_SIZE);
    int rc = FIRN_OK;
    uint64_t start = 0;
    uint64_t end = 0;
    bool is_whole = true;
    while (is_whole) {
        rc = fi_os_file_next_data(source, end, &start, &end, err);
        if (rc == FIRN_IO) {
            break;
        }
        FI_TRY_RETURN(rc);
        if (start >= end) {
            FI_TRY_RETURN(fi_os_file_truncate(target, end, err));
            break;
        }
        FI_TRY_RETURN(copy_stretch(copy, source, target, start, end, &is_whole, err));
    }
    return fi_os_file_sync(target, err);
}

static int
copy_file(struct fi_rescue_copy *copy, const char *name, firn_error *err)
{
    struct fi_os_file *source = NULL;
    struct fi_os_file *target = NULL;
    firn_error found;
    bool is_there;
    int rc = fi_os_file_open(copy->from, name, FI_OS_READ, 0, &source, &found);
    FI_TRY(fi_rescue_sift(rc, &found, &is_there, err));
    if (!is_there) {
        copy->report.on_damage(copy->report.ctx, found.text);
        goto out;
    }
    FI_TRY(fi_os_file_open(copy->to, name,
                           FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE | FI_OS_FOR_OWNER |
                               FI_OS_TRUNCATE | FI_OS_SEALED,
                           0600, &target, err));
    FI_TRY(copy_content(copy, source, target, err));
out:
    fi_os_file_close(source);
    fi_os_file_close(target);
    return rc;
}

int
fi_rescue_copy_logs(struct fi_rescue_copy *copy, firn_error *err)
{
    struct fi_buf names = {0};
    const char *name = NULL;
    int rc;
    if (fi_buf_set_size(&copy->buffer, COPY_SIZE) != FIRN_OK) {
        return fi_error_no_memory(err, "a copy of a store");
    }
    FI_TRY(fi_os_names_list(copy->from, is_segment, &names, err));
    while ((name = fi_os_names_next(&names, name)) != NULL) {
        FI_TRY(copy_file(copy, name, err));
    }
out:
    fi_buf_deinit(&names);
    fi_buf_deinit(&copy->buffer);
    return rc;
}

/* ---- runs ---- */

static int
link_all(struct fi_os_dir *from, struct fi_os_dir *to, const struct fi_buf *names, firn_error *err)
{
    const char *name = NULL;
    DCHECK(from != to); /* (I1) */
    while ((name = fi_os_names_next(names, name)) != NULL) {
        /* An earlier candidate may have written it again (rescue_runs.c). */
        FI_IGNORE(fi_os_remove_file(to, name, NULL));
        int rc = fi_os_clone_file(from, to, name, err);
        if (rc != FIRN_OK && rc != FIRN_EXISTS) {
            return rc;
        }
    }
    return fi_os_dir_sync(to, err);
}

int
fi_rescue_copy_runs(const struct fi_rescue_copy *copy, firn_error *err)
{
    struct fi_os_dir *from = NULL;
    struct fi_os_dir *to = NULL;
    struct fi_buf names = {0};
    int rc;
    FI_TRY(fi_os_make_dir_for_owner(copy->to, FI_LSM_RUNS, copy->to, 0700, err));
    rc = fi_os_dir_open(copy->from, FI_LSM_RUNS, &from, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = FIRN_OK;
        goto out;
    }
    FI_TRY(rc);
    FI_TRY(fi_os_dir_open(copy->to, FI_LSM_RUNS, &to, err));
    FI_TRY(fi_os_names_list(from, fi_os_names_is_complete, &names, err));
    FI_TRY(link_all(from, to, &names, err));
out:
    fi_buf_deinit(&names);
    fi_os_dir_close(from);
    fi_os_dir_close(to);
    return rc;
}

int
fi_rescue_copy_has_runs(struct fi_os_dir *from, bool *out, firn_error *err)
{
    struct fi_buf names = {0};
    struct fi_os_dir *dir;
    int rc = fi_os_dir_open(from, FI_LSM_RUNS, &dir, err);
    *out = false;
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    rc = fi_os_names_list(dir, fi_os_names_is_complete, &names, err);
    *out = names.size > 0;
    fi_buf_deinit(&names);
    fi_os_dir_close(dir);
    return rc;
}
