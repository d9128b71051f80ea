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
#include "sim/sim_note.h"

struct fi_sim_fault {
    struct fi_os base;
    struct fi_os *inner;
    struct fi_sim_fault_plan plan;
    atomic_uint_fast64_t calls;
    atomic_uint_fast64_t hits;
    void (*hook)(void *ctx, const struct fi_sim_fault_call *call);
    void *hook_ctx;
    atomic_uint_fast64_t hook_calls;
};

static _Thread_local bool in_hook;

static struct fi_sim_fault *
fault_of(struct fi_os *os)
{
    return (struct fi_sim_fault *)os;
}

const struct fi_os_ops *
fi_sim_fault_inner_ops(struct fi_os *os)
{
    return fault_of(os)->inner->ops;
}

struct fi_os *
fi_sim_fault_inner_os(struct fi_os *os)
{
    return fault_of(os)->inner;
}

static void
call_hook(struct fi_sim_fault *fault, enum fi_sim_fault_class kind, const char *operation,
          const char *name)
{
    if (fault->hook == NULL || in_hook) {
        return;
    }
    struct fi_sim_fault_call call = {
        .number = atomic_fetch_add_explicit(&fault->hook_calls, 1, memory_order_relaxed) + 1,
        .kind = kind,
        .operation = operation,
        .name = name,
    };
    in_hook = true;
    fault->hook(fault->hook_ctx, &call);
    in_hook = false;
}

struct fi_sim_fault_verdict
fi_sim_fault_judge(struct fi_os *os, enum fi_sim_fault_class kind, const char *operation,
                   const char *name)
{
    struct fi_sim_fault *fault = fault_of(os);
    const struct fi_sim_fault_plan *plan = &fault->plan;
    struct fi_sim_fault_verdict verdict = {0, false};
    call_hook(fault, kind, operation, name);
    if (!(plan->classes & kind)) {
        return verdict;
    }
    uint64_t number = atomic_fetch_add_explicit(&fault->calls, 1, memory_order_relaxed) + 1;
    if (plan->call == 0 || number < plan->call || (number > plan->call && !plan->for_ever)) {
        return verdict;
    }
    atomic_fetch_add_explicit(&fault->hits, 1, memory_order_relaxed);
    fi_sim_note("call %llu%s, %s of %s", (unsigned long long)number,
                plan->for_ever ? " and all after it" : "", operation,
                name != NULL ? name : "a directory or file without a name");
    verdict.error_number = plan->kind == FI_SIM_FAULT_SHORT ? 0 : plan->error_number;
    verdict.half = plan->kind != FI_SIM_FAULT_FAILS;
    return verdict;
}

int
fi_sim_fault_before(struct fi_os *os, enum fi_sim_fault_class kind, const char *operation,
                    const char *name)
{
    return fi_sim_fault_judge(os, kind, operation, name).error_number;
}

static int64_t
now_ns(struct fi_os *os)
{
    return fi_os_now_ns(fault_of(os)->inner);
}

static int64_t
monotonic_ns(struct fi_os *os)
{
    return fi_os_monotonic_ns(fault_of(os)->inner);
}

static void
sleep_ns(struct fi_os *os, int64_t duration_ns)
{
    fi_os_sleep_ns(fault_of(os)->inner, duration_ns);
}

static int
random_bytes(struct fi_os *os, void *out, size_t size)
{
    int error_number = fi_sim_fault_before(os, FI_SIM_FAULT_RANDOM, "random", NULL);
    return error_number != 0 ? error_number
                             : fi_sim_fault_inner_ops(os)->random(fault_of(os)->inner, out, size);
}

static unsigned
cpu_count(struct fi_os *os)
{
    return fi_os_cpu_count(fault_of(os)->inner);
}

static uint64_t
process_id(struct fi_os *os)
{
    return fi_os_process_id(fault_of(os)->inner);
}

static uint64_t
boot_id(struct fi_os *os)
{
    return fi_os_boot_id(fault_of(os)->inner);
}

static const char *
environment(struct fi_os *os, const char *name)
{
    return fi_os_environment(fault_of(os)->inner, name);
}

static uint32_t
user_id(struct fi_os *os)
{
    return fi_os_user_id(fault_of(os)->inner);
}

static const struct fi_os_ops ops = {
    .dir_open_path = fi_sim_fault_dir_open_path,
    .dir_open = fi_sim_fault_dir_open,
    .dir_open_beneath = fi_sim_fault_dir_open_beneath,
    .dir_close = fi_sim_fault_dir_close,
    .dir_sync_filesystem = fi_sim_fault_dir_sync_filesystem,
    .dir_list = fi_sim_fault_dir_list,
    .dir_sync = fi_sim_fault_dir_sync,
    .dir_real_path = fi_sim_fault_dir_real_path,
    .dir_free_bytes = fi_sim_fault_dir_free_bytes,
    .dir_check_names = fi_sim_fault_dir_check_names,
    .make_dir = fi_sim_fault_name_make_dir,
    .remove_file = fi_sim_fault_name_remove_file,
    .remove_dir = fi_sim_fault_name_remove_dir,
    .rename = fi_sim_fault_name_rename,
    .link = fi_sim_fault_name_link,
    .make_symlink = fi_sim_fault_name_make_symlink,
    .read_symlink = fi_sim_fault_name_read_symlink,
    .make_fifo = fi_sim_fault_name_make_fifo,
    .stat = fi_sim_fault_name_stat,
    .file_open = fi_sim_fault_file_open,
    .file_close = fi_sim_fault_file_close,
    .file_read = fi_sim_fault_file_read,
    .file_write = fi_sim_fault_file_write,
    .file_sync = fi_sim_fault_file_sync,
    .file_sync_all = fi_sim_fault_file_sync_all,
    .file_start_writeback = fi_sim_fault_file_start_writeback,
    .file_unlock = fi_sim_fault_file_unlock,
    .file_lock_range = fi_sim_fault_file_lock_range,
    .file_unlock_range = fi_sim_fault_file_unlock_range,
    .file_is_range_held = fi_sim_fault_file_is_range_held,
    .file_stat = fi_sim_fault_file_stat,
    .file_truncate = fi_sim_fault_file_truncate,
    .file_allocate = fi_sim_fault_file_allocate,
    .file_next_data = fi_sim_fault_file_next_data,
    .file_map = fi_sim_fault_file_map,
    .file_unmap = fi_sim_fault_file_unmap,
    .file_commit = fi_sim_fault_file_commit,
    .file_lock = fi_sim_fault_file_lock,
    .set_mode = fi_sim_fault_node_set_mode,
    .set_owner = fi_sim_fault_node_set_owner,
    .set_mtime = fi_sim_fault_node_set_mtime,
    .xattr_list = fi_sim_fault_node_xattr_list,
    .xattr_get = fi_sim_fault_node_xattr_get,
    .xattr_set = fi_sim_fault_node_xattr_set,
    .xattr_remove = fi_sim_fault_node_xattr_remove,
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
fi_sim_fault_create(struct fi_os *inner, struct fi_os **out, firn_error *err)
{
    *out = NULL;
    struct fi_sim_fault *fault = fi_alloc_zeroed(sizeof *fault);
    if (fault == NULL) {
        return fi_error_no_memory(err, "an implementation that fails");
    }
    fault->base = (struct fi_os){
        .ops = &ops,
        .dir_size = sizeof(struct fi_sim_fault_dir) + inner->dir_size,
        .file_size = sizeof(struct fi_sim_fault_file) + inner->file_size,
        .scheduler = inner->scheduler,
    };
    fault->inner = inner;
    fault->plan.classes = FI_SIM_FAULT_ALL;
    *out = &fault->base;
    return FIRN_OK;
}

void
fi_sim_fault_destroy(struct fi_os *os)
{
    fi_free(os);
}

void
fi_sim_fault_set_plan(struct fi_os *os, const struct fi_sim_fault_plan *plan)
{
    struct fi_sim_fault *fault = fault_of(os);
    if (plan != NULL && plan->call != 0) {
        fi_sim_note_clear();
    }
    fault->plan = plan != NULL ? *plan : (struct fi_sim_fault_plan){.classes = FI_SIM_FAULT_ALL};
    atomic_store(&fault->calls, 0);
    atomic_store(&fault->hits, 0);
}

uint64_t
fi_sim_fault_calls(struct fi_os *os)
{
    return atomic_load(&fault_of(os)->calls);
}

uint64_t
fi_sim_fault_hits(struct fi_os *os)
{
    return atomic_load(&fault_of(os)->hits);
}

void
fi_sim_fault_set_hook(struct fi_os *os,
                      void (*hook)(void *ctx, const struct fi_sim_fault_call *call), void *ctx)
{
    struct fi_sim_fault *fault = fault_of(os);
    fault->hook = hook;
    fault->hook_ctx = ctx;
    atomic_store(&fault->hook_calls, 0);
}
