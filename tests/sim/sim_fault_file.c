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
firn_sim_fault_file_open(struct firn_os_dir *dir, const char *name, unsigned flags, uint32_t mode,
                         struct firn_os_file *file, struct firn_os_stat *out_stat)
{
    int error_number = firn_sim_fault_before(dir->os, FIRN_SIM_FAULT_OPENS, "file_open", name);
    if (error_number != 0) {
        return error_number;
    }
    struct firn_os_file *inner = firn_sim_fault_inner_file(file);
    inner->os = firn_sim_fault_inner_os(dir->os);
    inner->dir = firn_sim_fault_inner_dir(dir);
    inner->name = file->name;
    return firn_sim_fault_inner_ops(dir->os)->file_open(inner->dir, name, flags, mode, inner,
                                                        out_stat);
}

void
firn_sim_fault_file_close(struct firn_os_file *file)
{
    firn_sim_fault_inner_ops(file->os)->file_close(firn_sim_fault_inner_file(file));
}

static size_t
half_of(size_t size)
{
    return size > 1 ? size / 2 : size;
}

int
firn_sim_fault_file_read(struct firn_os_file *file, uint64_t offset, void *data, size_t size,
                         size_t *out_size)
{
    struct firn_sim_fault_verdict verdict =
        firn_sim_fault_judge(file->os, FIRN_SIM_FAULT_READS, "file_read", file->name);
    if (verdict.error_number != 0) {
        return verdict.error_number;
    }
    return firn_sim_fault_inner_ops(file->os)->file_read(firn_sim_fault_inner_file(file), offset,
                                                         data, verdict.half ? half_of(size) : size,
                                                         out_size);
}

int
firn_sim_fault_file_write(struct firn_os_file *file, uint64_t offset, const void *data, size_t size,
                          size_t *out_size)
{
    struct firn_sim_fault_verdict verdict =
        firn_sim_fault_judge(file->os, FIRN_SIM_FAULT_WRITES, "file_write", file->name);
    if (verdict.error_number != 0 && !verdict.half) {
        return verdict.error_number;
    }
    int error_number = firn_sim_fault_inner_ops(file->os)->file_write(
        firn_sim_fault_inner_file(file), offset, data, verdict.half ? half_of(size) : size,
        out_size);
    return verdict.error_number != 0 ? verdict.error_number : error_number;
}

int
firn_sim_fault_file_map(struct firn_os_file *file, uint64_t offset, size_t size, uint8_t **out)
{
    int (*map)(struct firn_os_file *, uint64_t, size_t, uint8_t **) =
        firn_sim_fault_inner_ops(file->os)->file_map;
    int error_number =
        firn_sim_fault_before(file->os, FIRN_SIM_FAULT_WRITES, "file_map", file->name);
    if (error_number != 0 || map == NULL) {
        return error_number != 0 ? error_number : EOPNOTSUPP;
    }
    return map(firn_sim_fault_inner_file(file), offset, size, out);
}

void
firn_sim_fault_file_unmap(struct firn_os_file *file, uint8_t *data, size_t size)
{
    firn_sim_fault_inner_ops(file->os)->file_unmap(firn_sim_fault_inner_file(file), data, size);
}

/* A commit moves all or fails: where it is to be short only, it is not. */
int
firn_sim_fault_file_commit(struct firn_os_file *file, uint64_t offset, const uint8_t *data,
                           size_t size)
{
    int (*commit)(struct firn_os_file *, uint64_t, const uint8_t *, size_t) =
        firn_sim_fault_inner_ops(file->os)->file_commit;
    struct firn_sim_fault_verdict verdict =
        firn_sim_fault_judge(file->os, FIRN_SIM_FAULT_WRITES, "file_commit", file->name);
    bool is_torn = verdict.half && verdict.error_number != 0;
    if (commit == NULL || (verdict.error_number != 0 && !is_torn)) {
        return verdict.error_number;
    }
    int error_number =
        commit(firn_sim_fault_inner_file(file), offset, data, is_torn ? half_of(size) : size);
    return verdict.error_number != 0 ? verdict.error_number : error_number;
}

/* A sync of one file, by the inner function given. */
static int
sync_by(struct firn_os_file *file, const char *operation, int (*sync)(struct firn_os_file *file))
{
    int error_number = firn_sim_fault_before(file->os, FIRN_SIM_FAULT_SYNCS, operation, file->name);
    if (error_number == 0) {
        return sync(firn_sim_fault_inner_file(file));
    }
    const struct firn_os_ops *inner = firn_sim_fault_inner_ops(file->os);
    if (inner->file_lose_unsynced != NULL) {
        inner->file_lose_unsynced(firn_sim_fault_inner_file(file));
    }
    return error_number;
}

int
firn_sim_fault_file_sync(struct firn_os_file *file)
{
    return sync_by(file, "file_sync", firn_sim_fault_inner_ops(file->os)->file_sync);
}

int
firn_sim_fault_file_sync_all(struct firn_os_file *file)
{
    return sync_by(file, "file_sync_all", firn_sim_fault_inner_ops(file->os)->file_sync_all);
}

void
firn_sim_fault_file_start_writeback(struct firn_os_file *file, uint64_t offset, uint64_t size)
{
    firn_sim_fault_inner_ops(file->os)->file_start_writeback(firn_sim_fault_inner_file(file),
                                                             offset, size);
}

void
firn_sim_fault_file_unlock(struct firn_os_file *file)
{
    firn_sim_fault_inner_ops(file->os)->file_unlock(firn_sim_fault_inner_file(file));
}

int
firn_sim_fault_file_stat(struct firn_os_file *file, struct firn_os_stat *out)
{
    int error_number =
        firn_sim_fault_before(file->os, FIRN_SIM_FAULT_READS, "file_stat", file->name);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(file->os)->file_stat(firn_sim_fault_inner_file(file), out);
}

int
firn_sim_fault_file_truncate(struct firn_os_file *file, uint64_t size)
{
    int error_number =
        firn_sim_fault_before(file->os, FIRN_SIM_FAULT_WRITES, "file_truncate", file->name);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(file->os)->file_truncate(firn_sim_fault_inner_file(file), size);
}

int
firn_sim_fault_file_allocate(struct firn_os_file *file, uint64_t size)
{
    int error_number =
        firn_sim_fault_before(file->os, FIRN_SIM_FAULT_WRITES, "file_allocate", file->name);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(file->os)->file_allocate(firn_sim_fault_inner_file(file), size);
}

int
firn_sim_fault_file_next_data(struct firn_os_file *file, uint64_t offset, uint64_t *out_start,
                              uint64_t *out_end)
{
    int error_number =
        firn_sim_fault_before(file->os, FIRN_SIM_FAULT_READS, "file_next_data", file->name);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(file->os)->file_next_data(firn_sim_fault_inner_file(file),
                                                              offset, out_start, out_end);
}

int
firn_sim_fault_file_lock(struct firn_os_file *file, enum firn_os_lock_kind kind)
{
    int error_number =
        firn_sim_fault_before(file->os, FIRN_SIM_FAULT_METADATA, "file_lock", file->name);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(file->os)->file_lock(firn_sim_fault_inner_file(file), kind);
}

int
firn_sim_fault_file_lock_range(struct firn_os_file *file, enum firn_os_lock_kind kind,
                               uint64_t offset, uint64_t size)
{
    int error_number =
        firn_sim_fault_before(file->os, FIRN_SIM_FAULT_METADATA, "file_lock_range", file->name);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(file->os)->file_lock_range(firn_sim_fault_inner_file(file),
                                                               kind, offset, size);
}

void
firn_sim_fault_file_unlock_range(struct firn_os_file *file, uint64_t offset, uint64_t size)
{
    firn_sim_fault_inner_ops(file->os)->file_unlock_range(firn_sim_fault_inner_file(file), offset,
                                                          size);
}

int
firn_sim_fault_file_is_range_held(struct firn_os_file *file, uint64_t offset, uint64_t size,
                                  bool *out)
{
    int error_number =
        firn_sim_fault_before(file->os, FIRN_SIM_FAULT_METADATA, "file_is_range_held", file->name);
    if (error_number != 0) {
        return error_number;
    }
    return firn_sim_fault_inner_ops(file->os)->file_is_range_held(firn_sim_fault_inner_file(file),
                                                                  offset, size, out);
}
