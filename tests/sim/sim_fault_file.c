/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_fault_file.c: calls on files that may be made to fail, to move half of what was asked, or
 * to tear.
 *
 * A short transfer of one byte cannot be halved and moves that byte, so a plan of endless short
 * transfers still ends. If the inner machine can, a failed sync loses what was not durable: then
 * neither later reads nor a later successful sync may be trusted.
 */
#include "sim/sim_fault_ops.h"

int
fi_sim_fault_file_open(struct fi_os_dir *dir, const char *name, unsigned flags, uint32_t mode,
                       struct fi_os_file *file, struct fi_os_stat *out_stat)
{
    int error_number = fi_sim_fault_before(dir->os, FI_SIM_FAULT_OPENS, "file_open", name);
    if (error_number != 0) {
        return error_number;
    }
    struct fi_os_file *inner = fi_sim_fault_inner_file(file);
    inner->os = fi_sim_fault_inner_os(dir->os);
    inner->dir = fi_sim_fault_inner_dir(dir);
    inner->name = file->name;
    return fi_sim_fault_inner_ops(dir->os)->file_open(inner->dir, name, flags, mode, inner,
                                                      out_stat);
}

void
fi_sim_fault_file_close(struct fi_os_file *file)
{
    fi_sim_fault_inner_ops(file->os)->file_close(fi_sim_fault_inner_file(file));
}

static size_t
half_of(size_t size)
{
    return size > 1 ? size / 2 : size;
}

int
fi_sim_fault_file_read(struct fi_os_file *file, uint64_t offset, void *data, size_t size,
                       size_t *out_size)
{
    struct fi_sim_fault_verdict verdict =
        fi_sim_fault_judge(file->os, FI_SIM_FAULT_READS, "file_read", file->name);
    if (verdict.error_number != 0) {
        return verdict.error_number;
    }
    return fi_sim_fault_inner_ops(file->os)->file_read(
        fi_sim_fault_inner_file(file), offset, data, verdict.half ? half_of(size) : size, out_size);
}

int
fi_sim_fault_file_write(struct fi_os_file *file, uint64_t offset, const void *data, size_t size,
                        size_t *out_size)
{
    struct fi_sim_fault_verdict verdict =
        fi_sim_fault_judge(file->os, FI_SIM_FAULT_WRITES, "file_write", file->name);
    if (verdict.error_number != 0 && !verdict.half) {
        return verdict.error_number;
    }
    int error_number = fi_sim_fault_inner_ops(file->os)->file_write(
        fi_sim_fault_inner_file(file), offset, data, verdict.half ? half_of(size) : size, out_size);
    return verdict.error_number != 0 ? verdict.error_number : error_number;
}

int
fi_sim_fault_file_map(struct fi_os_file *file, uint64_t offset, size_t size, uint8_t **out)
{
    int (*map)(struct fi_os_file *, uint64_t, size_t, uint8_t **) =
        fi_sim_fault_inner_ops(file->os)->file_map;
    int error_number = fi_sim_fault_before(file->os, FI_SIM_FAULT_WRITES, "file_map", file->name);
    if (error_number != 0 || map == NULL) {
        return error_number != 0 ? error_number : EOPNOTSUPP;
    }
    return map(fi_sim_fault_inner_file(file), offset, size, out);
}

void
fi_sim_fault_file_unmap(struct fi_os_file *file, uint8_t *data, size_t size)
{
    fi_sim_fault_inner_ops(file->os)->file_unmap(fi_sim_fault_inner_file(file), data, size);
}

/* A commit moves all or fails: where it is to be short only, it is not. */
int
fi_sim_fault_file_commit(struct fi_os_file *file, uint64_t offset, const uint8_t *data, size_t size)
{
    int (*commit)(struct fi_os_file *, uint64_t, const uint8_t *, size_t) =
        fi_sim_fault_inner_ops(file->os)->file_commit;
    struct fi_sim_fault_verdict verdict =
        fi_sim_fault_judge(file->os, FI_SIM_FAULT_WRITES, "file_commit", file->name);
    bool is_torn = verdict.half && verdict.error_number != 0;
    if (commit == NULL || (verdict.error_number != 0 && !is_torn)) {
        return verdict.error_number;
    }
    int error_number =
        commit(fi_sim_fault_inner_file(file), offset, data, is_torn ? half_of(size) : size);
    return verdict.error_number != 0 ? verdict.error_number : error_number;
}

/* A sync of one file, by the inner function given. */
static int
sync_by(struct fi_os_file *file, const char *operation, int (*sync)(struct fi_os_file *file))
{
    int error_number = fi_sim_fault_before(file->os, FI_SIM_FAULT_SYNCS, operation, file->name);
    if (error_number == 0) {
        return sync(fi_sim_fault_inner_file(file));
    }
    const struct fi_os_ops *inner = fi_sim_fault_inner_ops(file->os);
    if (inner->file_lose_unsynced != NULL) {
        inner->file_lose_unsynced(fi_sim_fault_inner_file(file));
    }
    return error_number;
}

int
fi_sim_fault_file_sync(struct fi_os_file *file)
{
    return sync_by(file, "file_sync", fi_sim_fault_inner_ops(file->os)->file_sync);
}

int
fi_sim_fault_file_sync_all(struct fi_os_file *file)
{
    return sync_by(file, "file_sync_all", fi_sim_fault_inner_ops(file->os)->file_sync_all);
}

void
fi_sim_fault_file_start_writeback(struct fi_os_file *file, uint64_t offset, uint64_t size)
{
    fi_sim_fault_inner_ops(file->os)->file_start_writeback(fi_sim_fault_inner_file(file), offset,
                                                           size);
}

void
fi_sim_fault_file_unlock(struct fi_os_file *file)
{
    fi_sim_fault_inner_ops(file->os)->file_unlock(fi_sim_fault_inner_file(file));
}

int
fi_sim_fault_file_stat(struct fi_os_file *file, struct fi_os_stat *out)
{
    int error_number = fi_sim_fault_before(file->os, FI_SIM_FAULT_READS, "file_stat", file->name);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(file->os)->file_stat(fi_sim_fault_inner_file(file), out);
}

int
fi_sim_fault_file_truncate(struct fi_os_file *file, uint64_t size)
{
    int error_number =
        fi_sim_fault_before(file->os, FI_SIM_FAULT_WRITES, "file_truncate", file->name);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(file->os)->file_truncate(fi_sim_fault_inner_file(file), size);
}

int
fi_sim_fault_file_allocate(struct fi_os_file *file, uint64_t size)
{
    int error_number =
        fi_sim_fault_before(file->os, FI_SIM_FAULT_WRITES, "file_allocate", file->name);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(file->os)->file_allocate(fi_sim_fault_inner_file(file), size);
}

int
fi_sim_fault_file_next_data(struct fi_os_file *file, uint64_t offset, uint64_t *out_start,
                            uint64_t *out_end)
{
    int error_number =
        fi_sim_fault_before(file->os, FI_SIM_FAULT_READS, "file_next_data", file->name);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(file->os)->file_next_data(fi_sim_fault_inner_file(file), offset,
                                                            out_start, out_end);
}

int
fi_sim_fault_file_lock(struct fi_os_file *file, enum fi_os_lock_kind kind)
{
    int error_number =
        fi_sim_fault_before(file->os, FI_SIM_FAULT_METADATA, "file_lock", file->name);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(file->os)->file_lock(fi_sim_fault_inner_file(file), kind);
}

int
fi_sim_fault_file_lock_range(struct fi_os_file *file, enum fi_os_lock_kind kind, uint64_t offset,
                             uint64_t size)
{
    int error_number =
        fi_sim_fault_before(file->os, FI_SIM_FAULT_METADATA, "file_lock_range", file->name);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(file->os)->file_lock_range(fi_sim_fault_inner_file(file), kind,
                                                             offset, size);
}

void
fi_sim_fault_file_unlock_range(struct fi_os_file *file, uint64_t offset, uint64_t size)
{
    fi_sim_fault_inner_ops(file->os)->file_unlock_range(fi_sim_fault_inner_file(file), offset,
                                                        size);
}

int
fi_sim_fault_file_is_range_held(struct fi_os_file *file, uint64_t offset, uint64_t size, bool *out)
{
    int error_number =
        fi_sim_fault_before(file->os, FI_SIM_FAULT_METADATA, "file_is_range_held", file->name);
    if (error_number != 0) {
        return error_number;
    }
    return fi_sim_fault_inner_ops(file->os)->file_is_range_held(fi_sim_fault_inner_file(file),
                                                                offset, size, out);
}
