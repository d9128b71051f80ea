/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_fault_name.c: calls on names in directories that may be made to fail. A call fails before
 * it does anything: changes of names happen whole or not at all.
 */
#include "sim/sim_fault_ops.h"

int
fi_sim_fault_name_make_dir(struct fi_os_dir *dir, const char *name, uint32_t mode)
{
    int error_number = fi_sim_fault_before(dir->os, FI_SIM_FAULT_METADATA, "make_dir", name);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(dir->os)->make_dir(fi_sim_fault_inner_dir(dir), name, mode);
}

int
fi_sim_fault_name_remove_file(struct fi_os_dir *dir, const char *name)
{
    int error_number = fi_sim_fault_before(dir->os, FI_SIM_FAULT_METADATA, "remove_file", name);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(dir->os)->remove_file(fi_sim_fault_inner_dir(dir), name);
}

int
fi_sim_fault_name_remove_dir(struct fi_os_dir *dir, const char *name)
{
    int error_number = fi_sim_fault_before(dir->os, FI_SIM_FAULT_METADATA, "remove_dir", name);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(dir->os)->remove_dir(fi_sim_fault_inner_dir(dir), name);
}

int
fi_sim_fault_name_rename(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                         const char *to, enum fi_os_rename_mode mode)
{
    int error_number = fi_sim_fault_before(from_dir->os, FI_SIM_FAULT_METADATA, "rename", from);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(from_dir->os)
        ->rename(fi_sim_fault_inner_dir(from_dir), from, fi_sim_fault_inner_dir(to_dir), to, mode);
}

int
fi_sim_fault_name_link(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                       const char *to)
{
    int error_number = fi_sim_fault_before(from_dir->os, FI_SIM_FAULT_METADATA, "link", from);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(from_dir->os)
        ->link(fi_sim_fault_inner_dir(from_dir), from, fi_sim_fault_inner_dir(to_dir), to);
}

int
fi_sim_fault_name_make_symlink(struct fi_os_dir *dir, const char *name, const char *target)
{
    int error_number = fi_sim_fault_before(dir->os, FI_SIM_FAULT_METADATA, "make_symlink", name);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(dir->os)->make_symlink(fi_sim_fault_inner_dir(dir), name, target);
}

int
fi_sim_fault_name_read_symlink(struct fi_os_dir *dir, const char *name, struct fi_buf *out)
{
    int error_number = fi_sim_fault_before(dir->os, FI_SIM_FAULT_READS, "read_symlink", name);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(dir->os)->read_symlink(fi_sim_fault_inner_dir(dir), name, out);
}

int
fi_sim_fault_name_make_fifo(struct fi_os_dir *dir, const char *name, uint32_t mode)
{
    int error_number = fi_sim_fault_before(dir->os, FI_SIM_FAULT_METADATA, "make_fifo", name);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(dir->os)->make_fifo(fi_sim_fault_inner_dir(dir), name, mode);
}

int
fi_sim_fault_name_stat(struct fi_os_dir *dir, const char *name, struct fi_os_stat *out)
{
    int error_number = fi_sim_fault_before(dir->os, FI_SIM_FAULT_READS, "stat", name);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(dir->os)->stat(fi_sim_fault_inner_dir(dir), name, out);
}
