/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_fault_dir.c: calls on directories that may be made to fail.
 *
 * The inner handle lies after the outer one and is filled before the inner implementation sees it:
 * it has the same name, and the inner handle of the same parent, so that what an implementation
 * reads of a handle's base is right. It is not counted; its life is the outer one's.
 */
#include "sim/sim_fault_ops.h"

/* Prepares the inner handle of a directory that is being opened. */
static struct fi_os_dir *
fill_inner(struct fi_os_dir *dir)
{
    struct fi_os_dir *inner = fi_sim_fault_inner_dir(dir);
    inner->os = fi_sim_fault_inner_os(dir->os);
    inner->parent = fi_sim_fault_inner_dir(dir->parent);
    inner->name = dir->name;
    return inner;
}

int
fi_sim_fault_dir_open_path(struct fi_os *os, const char *path, struct fi_os_dir *dir)
{
    int error_number = fi_sim_fault_before(os, FI_SIM_FAULT_OPENS, "dir_open_path", path);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(os)->dir_open_path(fi_sim_fault_inner_os(os), path,
                                                     fill_inner(dir));
}

int
fi_sim_fault_dir_open(struct fi_os_dir *parent, const char *name, struct fi_os_dir *dir)
{
    int error_number = fi_sim_fault_before(dir->os, FI_SIM_FAULT_OPENS, "dir_open", name);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(dir->os)->dir_open(fi_sim_fault_inner_dir(parent), name,
                                                     fill_inner(dir));
}

int
fi_sim_fault_dir_open_beneath(struct fi_os_dir *root, const char *relative_path,
                              struct fi_os_dir *dir)
{
    int error_number =
        fi_sim_fault_before(dir->os, FI_SIM_FAULT_OPENS, "dir_open_beneath", relative_path);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(dir->os)->dir_open_beneath(fi_sim_fault_inner_dir(root),
                                                             relative_path, fill_inner(dir));
}

void
fi_sim_fault_dir_close(struct fi_os_dir *dir)
{
    fi_sim_fault_inner_ops(dir->os)->dir_close(fi_sim_fault_inner_dir(dir));
}

int
fi_sim_fault_dir_sync_filesystem(struct fi_os_dir *dir)
{
    const struct fi_os_ops *inner = fi_sim_fault_inner_ops(dir->os);
    int error_number =
        fi_sim_fault_before(dir->os, FI_SIM_FAULT_SYNCS, "dir_sync_filesystem", NULL);
    if (error_number == 0) {
        return inner->dir_sync_filesystem(fi_sim_fault_inner_dir(dir));
    }
    if (inner->dir_lose_unsynced != NULL) {
        inner->dir_lose_unsynced(fi_sim_fault_inner_dir(dir));
    }
    return error_number;
}

int
fi_sim_fault_dir_list(struct fi_os_dir *dir,
                      int (*visit)(void *ctx, const struct fi_os_dirent *entry), void *ctx,
                      int *out_visited)
{
    int error_number = fi_sim_fault_before(dir->os, FI_SIM_FAULT_READS, "dir_list", NULL);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(dir->os)->dir_list(fi_sim_fault_inner_dir(dir), visit, ctx,
                                                     out_visited);
}

int
fi_sim_fault_dir_sync(struct fi_os_dir *dir)
{
    int error_number = fi_sim_fault_before(dir->os, FI_SIM_FAULT_SYNCS, "dir_sync", NULL);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(dir->os)->dir_sync(fi_sim_fault_inner_dir(dir));
}

int
fi_sim_fault_dir_real_path(struct fi_os_dir *dir, struct fi_buf *out)
{
    int error_number = fi_sim_fault_before(dir->os, FI_SIM_FAULT_READS, "dir_real_path", NULL);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(dir->os)->dir_real_path(fi_sim_fault_inner_dir(dir), out);
}

int
fi_sim_fault_dir_check_names(struct fi_os_dir *dir)
{
    const struct fi_os_ops *inner = fi_sim_fault_inner_ops(dir->os);
    int error_number = fi_sim_fault_before(dir->os, FI_SIM_FAULT_READS, "dir_check_names", NULL);
    if (error_number != 0 || inner->dir_check_names == NULL) {
        return error_number;
    }
    return inner->dir_check_names(fi_sim_fault_inner_dir(dir));
}

int
fi_sim_fault_dir_free_bytes(struct fi_os_dir *dir, uint64_t *out)
{
    int error_number = fi_sim_fault_before(dir->os, FI_SIM_FAULT_READS, "dir_free_bytes", NULL);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(dir->os)->dir_free_bytes(fi_sim_fault_inner_dir(dir), out);
}
