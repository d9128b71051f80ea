/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_fault_name.c: calls on names in directories that may be made to fail. A call fails before
 * it does anything: changes of names happen whole or not at all.
 */
#include "sim/sim_fault_ops.h"

int
firn_sim_fault_name_make_dir(struct firn_os_dir *dir, const char *name, uint32_t mode)
{
    int error_number = firn_sim_fault_before(dir->os, FIRN_SIM_FAULT_METADATA, "make_dir", name);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(dir->os)->make_dir(firn_sim_fault_inner_dir(dir), name, mode);
}

int
firn_sim_fault_name_remove_file(struct firn_os_dir *dir, const char *name)
{
    int error_number = firn_sim_fault_before(dir->os, FIRN_SIM_FAULT_METADATA, "remove_file", name);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(dir->os)->remove_file(firn_sim_fault_inner_dir(dir), name);
}

int
firn_sim_fault_name_remove_dir(struct firn_os_dir *dir, const char *name)
{
    int error_number = firn_sim_fault_before(dir->os, FIRN_SIM_FAULT_METADATA, "remove_dir", name);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(dir->os)->remove_dir(firn_sim_fault_inner_dir(dir), name);
}

int
firn_sim_fault_name_rename(struct firn_os_dir *from_dir, const char *from,
                           struct firn_os_dir *to_dir, const char *to,
                           enum firn_os_rename_mode mode)
{
    int error_number = firn_sim_fault_before(from_dir->os, FIRN_SIM_FAULT_METADATA, "rename", from);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(from_dir->os)
        ->rename(firn_sim_fault_inner_dir(from_dir), from, firn_sim_fault_inner_dir(to_dir), to,
                 mode);
}

int
firn_sim_fault_name_link(struct firn_os_dir *from_dir, const char *from, struct firn_os_dir *to_dir,
                         const char *to)
{
    int error_number = firn_sim_fault_before(from_dir->os, FIRN_SIM_FAULT_METADATA, "link", from);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(from_dir->os)
        ->link(firn_sim_fault_inner_dir(from_dir), from, firn_sim_fault_inner_dir(to_dir), to);
}

int
firn_sim_fault_name_make_symlink(struct firn_os_dir *dir, const char *name, const char *target)
{
    int error_number =
        firn_sim_fault_before(dir->os, FIRN_SIM_FAULT_METADATA, "make_symlink", name);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(dir->os)->make_symlink(firn_sim_fault_inner_dir(dir), name,
                                                           target);
}

int
firn_sim_fault_name_read_symlink(struct firn_os_dir *dir, const char *name, struct firn_buf *out)
{
    int error_number = firn_sim_fault_before(dir->os, FIRN_SIM_FAULT_READS, "read_symlink", name);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(dir->os)->read_symlink(firn_sim_fault_inner_dir(dir), name,
                                                           out);
}

int
firn_sim_fault_name_make_fifo(struct firn_os_dir *dir, const char *name, uint32_t mode)
{
    int error_number = firn_sim_fault_before(dir->os, FIRN_SIM_FAULT_METADATA, "make_fifo", name);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(dir->os)->make_fifo(firn_sim_fault_inner_dir(dir), name, mode);
}

int
firn_sim_fault_name_stat(struct firn_os_dir *dir, const char *name, struct firn_os_stat *out)
{
    int error_number = firn_sim_fault_before(dir->os, FIRN_SIM_FAULT_READS, "stat", name);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(dir->os)->stat(firn_sim_fault_inner_dir(dir), name, out);
}
