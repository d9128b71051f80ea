/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_fault.c: the plan of failures, the counting, and the table.
 *
 * Between a caller and the inner implementation each call passes judge: it is counted, the hook
 * sees it, and the plan decides. The entries (sim_fault_dir.c, sim_fault_name.c, sim_fault_file.c,
 * sim_fault_node.c) then make the inner call, or not.
 *
 * (I1) The counts are atomic, since a store's threads call at once; plan and hook are set while
 *      none calls. With threads, which call is the n-th may differ from run to run; with the inner
 *      machine in memory it does not.
 * (I2) Calls that the hook makes are judged like others, but do not reach the hook again: a
 *      thread-local mark prevents it.
 */
#include "sim/sim_fault.h"

#include "base/error.h"
#include "base/mem.h"
#include "sim/sim_fault_ops.h"

struct firn_sim_fault {
    struct firn_os base;
    struct firn_os *inner;
    struct firn_sim_fault_plan plan;
    atomic_uint_fast64_t calls;
    atomic_uint_fast64_t hits;
    void (*hook)(void *ctx, const struct firn_sim_fault_call *call);
    void *hook_ctx;
    atomic_uint_fast64_t hook_calls;
};

static _Thread_local bool in_hook;

static struct firn_sim_fault *
fault_of(struct firn_os *os)
{
    return (struct firn_sim_fault *)os;
}

const struct firn_os_ops *
firn_sim_fault_inner_ops(struct firn_os *os)
{
    return fault_of(os)->inner->ops;
}

struct firn_os *
firn_sim_fault_inner_os(struct firn_os *os)
{
    return fault_of(os)->inner;
}

static void
call_hook(struct firn_sim_fault *fault, enum firn_sim_fault_class kind, const char *operation,
          const char *name)
{
    if (fault->hook == NULL || in_hook) {
        return;
    }
    struct firn_sim_fault_call call = {
        .number = atomic_fetch_add_explicit(&fault->hook_calls, 1, memory_order_relaxed) + 1,
        .kind = kind,
        .operation = operation,
        .name = name,
    };
    in_hook = true;
    fault->hook(fault->hook_ctx, &call);
    in_hook = false;
}

struct firn_sim_fault_verdict
firn_sim_fault_judge(struct firn_os *os, enum firn_sim_fault_class kind, const char *operation,
                     const char *name)
{
    struct firn_sim_fault *fault = fault_of(os);
    const struct firn_sim_fault_plan *plan = &fault->plan;
    struct firn_sim_fault_verdict verdict = {0, false};
    call_hook(fault, kind, operation, name);
    if (!(plan->classes & kind)) {
        return verdict;
    }
    uint64_t number = atomic_fetch_add_explicit(&fault->calls, 1, memory_order_relaxed) + 1;
    if (plan->call == 0 || number < plan->call || (number > plan->call && !plan->for_ever)) {
        return verdict;
    }
    atomic_fetch_add_explicit(&fault->hits, 1, memory_order_relaxed);
    verdict.error_number = plan->kind == FIRN_SIM_FAULT_SHORT ? 0 : plan->error_number;
    verdict.half = plan->kind != FIRN_SIM_FAULT_FAILS;
    return verdict;
}

int
firn_sim_fault_before(struct firn_os *os, enum firn_sim_fault_class kind, const char *operation,
                      const char *name)
{
    return firn_sim_fault_judge(os, kind, operation, name).error_number;
}

static int64_t
now_ns(struct firn_os *os)
{
    return firn_os_now_ns(fault_of(os)->inner);
}

static int64_t
monotonic_ns(struct firn_os *os)
{
    return firn_os_monotonic_ns(fault_of(os)->inner);
}

static void
sleep_ns(struct firn_os *os, int64_t duration_ns)
{
    firn_os_sleep_ns(fault_of(os)->inner, duration_ns);
}

static int
random_bytes(struct firn_os *os, void *out, size_t size)
{
    int error_number = firn_sim_fault_before(os, FIRN_SIM_FAULT_RANDOM, "random", NULL);
    return error_number != 0 ? error_number
                             : firn_sim_fault_inner_ops(os)->random(fault_of(os)->inner, out, size);
}

static unsigned
cpu_count(struct firn_os *os)
{
    return firn_os_cpu_count(fault_of(os)->inner);
}

static uint64_t
process_id(struct firn_os *os)
{
    return firn_os_process_id(fault_of(os)->inner);
}

static uint64_t
boot_id(struct firn_os *os)
{
    return firn_os_boot_id(fault_of(os)->inner);
}

static const char *
environment(struct firn_os *os, const char *name)
{
    return firn_os_environment(fault_of(os)->inner, name);
}

static uint32_t
user_id(struct firn_os *os)
{
    return firn_os_user_id(fault_of(os)->inner);
}

static const struct firn_os_ops ops = {
    .dir_open_path = firn_sim_fault_dir_open_path,
    .dir_open = firn_sim_fault_dir_open,
    .dir_open_beneath = firn_sim_fault_dir_open_beneath,
    .dir_close = firn_sim_fault_dir_close,
    .dir_sync_filesystem = firn_sim_fault_dir_sync_filesystem,
    .dir_list = firn_sim_fault_dir_list,
    .dir_sync = firn_sim_fault_dir_sync,
    .dir_real_path = firn_sim_fault_dir_real_path,
    .dir_free_bytes = firn_sim_fault_dir_free_bytes,
    .dir_check_names = firn_sim_fault_dir_check_names,
    .make_dir = firn_sim_fault_name_make_dir,
    .remove_file = firn_sim_fault_name_remove_file,
    .remove_dir = firn_sim_fault_name_remove_dir,
    .rename = firn_sim_fault_name_rename,
    .link = firn_sim_fault_name_link,
    .make_symlink = firn_sim_fault_name_make_symlink,
    .read_symlink = firn_sim_fault_name_read_symlink,
    .make_fifo = firn_sim_fault_name_make_fifo,
    .stat = firn_sim_fault_name_stat,
    .file_open = firn_sim_fault_file_open,
    .file_close = firn_sim_fault_file_close,
    .file_read = firn_sim_fault_file_read,
    .file_write = firn_sim_fault_file_write,
    .file_sync = firn_sim_fault_file_sync,
    .file_sync_all = firn_sim_fault_file_sync_all,
    .file_start_writeback = firn_sim_fault_file_start_writeback,
    .file_unlock = firn_sim_fault_file_unlock,
    .file_lock_range = firn_sim_fault_file_lock_range,
    .file_unlock_range = firn_sim_fault_file_unlock_range,
    .file_is_range_held = firn_sim_fault_file_is_range_held,
    .file_stat = firn_sim_fault_file_stat,
    .file_truncate = firn_sim_fault_file_truncate,
    .file_allocate = firn_sim_fault_file_allocate,
    .file_next_data = firn_sim_fault_file_next_data,
    .file_map = firn_sim_fault_file_map,
    .file_unmap = firn_sim_fault_file_unmap,
    .file_commit = firn_sim_fault_file_commit,
    .file_lock = firn_sim_fault_file_lock,
    .set_mode = firn_sim_fault_node_set_mode,
    .set_owner = firn_sim_fault_node_set_owner,
    .set_mtime = firn_sim_fault_node_set_mtime,
    .xattr_list = firn_sim_fault_node_xattr_list,
    .xattr_get = firn_sim_fault_node_xattr_get,
    .xattr_set = firn_sim_fault_node_xattr_set,
    .xattr_remove = firn_sim_fault_node_xattr_remove,
    .now_ns = now_ns,
    .monotonic_ns = monotonic_ns,
    .sleep_ns = sleep_ns,
    .random = random_bytes,
    .cpu_count = cpu_count,
    .process_id = process_id,
    .boot_id = boot_id,
    .user_id = user_id,
    .environment = environment,
};

int
firn_sim_fault_create(struct firn_os *inner, struct firn_os **out, firn_error *err)
{
    *out = NULL;
    struct firn_sim_fault *fault = firn_alloc_zeroed(sizeof *fault);
    if (fault == NULL) {
        return firn_error_no_memory(err, "an implementation that fails");
    }
    fault->base = (struct firn_os){
        .ops = &ops,
        .dir_size = sizeof(struct firn_sim_fault_dir) + inner->dir_size,
        .file_size = sizeof(struct firn_sim_fault_file) + inner->file_size,
        .scheduler = inner->scheduler,
    };
    fault->inner = inner;
    fault->plan.classes = FIRN_SIM_FAULT_ALL;
    *out = &fault->base;
    return FIRN_OK;
}

void
firn_sim_fault_destroy(struct firn_os *os)
{
    firn_free(os);
}

void
firn_sim_fault_set_plan(struct firn_os *os, const struct firn_sim_fault_plan *plan)
{
    struct firn_sim_fault *fault = fault_of(os);
    fault->plan =
        plan != NULL ? *plan : (struct firn_sim_fault_plan){.classes = FIRN_SIM_FAULT_ALL};
    atomic_store(&fault->calls, 0);
    atomic_store(&fault->hits, 0);
}

uint64_t
firn_sim_fault_calls(struct firn_os *os)
{
    return atomic_load(&fault_of(os)->calls);
}

uint64_t
firn_sim_fault_hits(struct firn_os *os)
{
    return atomic_load(&fault_of(os)->hits);
}

void
firn_sim_fault_set_hook(struct firn_os *os,
                        void (*hook)(void *ctx, const struct firn_sim_fault_call *call), void *ctx)
{
    struct firn_sim_fault *fault = fault_of(os);
    fault->hook = hook;
    fault->hook_ctx = ctx;
    atomic_store(&fault->hook_calls, 0);
}
