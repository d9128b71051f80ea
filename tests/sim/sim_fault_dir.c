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
static struct firn_os_dir *
fill_inner(struct firn_os_dir *dir)
{
    struct firn_os_dir *inner = firn_sim_fault_inner_dir(dir);
    inner->os = firn_sim_fault_inner_os(dir->os);
    inner->parent = firn_sim_fault_inner_dir(dir->parent);
    inner->name = dir->name;
    return inner;
}

int
firn_sim_fault_dir_open_path(struct firn_os *os, const char *path, struct firn_os_dir *dir)
{
    int error_number = firn_sim_fault_before(os, FIRN_SIM_FAULT_OPENS, "dir_open_path", path);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(os)->dir_open_path(firn_sim_fault_inner_os(os), path,
                                                       fill_inner(dir));
}

int
firn_sim_fault_dir_open(struct firn_os_dir *parent, const char *name, struct firn_os_dir *dir)
{
    int error_number = firn_sim_fault_before(dir->os, FIRN_SIM_FAULT_OPENS, "dir_open", name);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(dir->os)->dir_open(firn_sim_fault_inner_dir(parent), name,
                                                       fill_inner(dir));
}

int
firn_sim_fault_dir_open_beneath(struct firn_os_dir *root, const char *relative_path,
                                struct firn_os_dir *dir)
{
    int error_number =
        firn_sim_fault_before(dir->os, FIRN_SIM_FAULT_OPENS, "dir_open_beneath", relative_path);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(dir->os)->dir_open_beneath(firn_sim_fault_inner_dir(root),
                                                               relative_path, fill_inner(dir));
}

void
firn_sim_fault_dir_close(struct firn_os_dir *dir)
{
    firn_sim_fault_inner_ops(dir->os)->dir_close(firn_sim_fault_inner_dir(dir));
}

int
firn_sim_fault_dir_sync_filesystem(struct firn_os_dir *dir)
{
    const struct firn_os_ops *inner = firn_sim_fault_inner_ops(dir->os);
    int error_number =
        firn_sim_fault_before(dir->os, FIRN_SIM_FAULT_SYNCS, "dir_sync_filesystem", NULL);
    if (error_number == 0) {
        return inner->dir_sync_filesystem(firn_sim_fault_inner_dir(dir));
    }
    if (inner->dir_lose_unsynced != NULL) {
        inner->dir_lose_unsynced(firn_sim_fault_inner_dir(dir));
    }
    return error_number;
}

int
firn_sim_fault_dir_list(struct firn_os_dir *dir,
                        int (*visit)(void *ctx, const struct firn_os_dirent *entry), void *ctx,
                        int *out_visited)
{
    int error_number = firn_sim_fault_before(dir->os, FIRN_SIM_FAULT_READS, "dir_list", NULL);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(dir->os)->dir_list(firn_sim_fault_inner_dir(dir), visit, ctx,
                                                       out_visited);
}

int
firn_sim_fault_dir_sync(struct firn_os_dir *dir)
{
    int error_number = firn_sim_fault_before(dir->os, FIRN_SIM_FAULT_SYNCS, "dir_sync", NULL);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(dir->os)->dir_sync(firn_sim_fault_inner_dir(dir));
}

int
firn_sim_fault_dir_real_path(struct firn_os_dir *dir, struct firn_buf *out)
{
    int error_number = firn_sim_fault_before(dir->os, FIRN_SIM_FAULT_READS, "dir_real_path", NULL);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(dir->os)->dir_real_path(firn_sim_fault_inner_dir(dir), out);
}

int
firn_sim_fault_dir_check_names(struct firn_os_dir *dir)
{
    const struct firn_os_ops *inner = firn_sim_fault_inner_ops(dir->os);
    int error_number =
        firn_sim_fault_before(dir->os, FIRN_SIM_FAULT_READS, "dir_check_names", NULL);
    if (error_number != 0 || inner->dir_check_names == NULL) {
        return error_number;
    }
    return inner->dir_check_names(firn_sim_fault_inner_dir(dir));
}

int
firn_sim_fault_dir_free_bytes(struct firn_os_dir *dir, uint64_t *out)
{
    int error_number = firn_sim_fault_before(dir->os, FIRN_SIM_FAULT_READS, "dir_free_bytes", NULL);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(dir->os)->dir_free_bytes(firn_sim_fault_inner_dir(dir), out);
}
