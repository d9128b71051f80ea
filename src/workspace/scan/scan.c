/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan.c: the workers of a scan, and how they choose their work.
 *
 * A stack holds the directories with work left: segments of entries, then
 * subdirectories to visit. A worker takes the next item from the directory on top, which is the
 * one found last: the walk goes depth first, so the stack is no deeper than the tree, few
 * directories are open at once, and neighbouring files are read and compressed together. A
 * directory leaves the stack with its last item, before work on that begins.
 *
 * With an empty stack a worker helps with pieces of a large file, or waits:
 * busy workers may find more work. When no worker is busy any more the walk is over, every name of
 * every inode is known, and the directories that waited for that (scan_links.c) are put on the
 * stack to be built. When no worker is busy after that, the scan is done.
 *
 * The calling thread is the first worker; the others are jobs. No worker waits for a job that has
 * not begun (I1; not checked: such a wait would never end). In simulation jobs run only when a
 * thread waits, so the first worker does everything and the others find nothing left to do. That is
 * why a sink must not wait for another lane in simulation.
 *
 * A worker opens its lane of the sink with the first object it adds, and closes it when all work is
 * done, so that the last frames of all lanes are compressed in parallel.
 *
 * Memory: a node for each directory between the root and those in progress, data about their
 * subdirectories and their encoded entries; for each worker one file of at most 8 MiB; a window of
 * at most 16 MiB. It grows with the widest directory (about 110 bytes an entry, see scan_node.c)
 * and with hard links (scan_links.c), not with the tree.
 *
 * One mutex guards what workers share. It is taken a few times a directory, never for a file
 * without other names.
 */
#include "scan/scan.h"

#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "scan/scan_internal.h"

/* ---- choosing work ---- */

enum claim_kind { CLAIM_NOTHING, CLAIM_VISIT, CLAIM_SEGMENT, CLAIM_BUILD, CLAIM_PIECE };

struct claim {
    enum claim_kind kind;
    struct fi_scan_node *node;
    size_t index; /* of the segment, of the subdirectory */
    struct fi_scan_slot *slot;
};

static bool
claim_from_stack_locked(struct fi_scan *scan, struct claim *out)
{
    fi_os_mutex_assert_held(&scan->mutex);
    struct fi_scan_node *node = scan->stack;
    if (node == NULL) {
        return false;
    }
    DCHECK(node->is_due != fi_scan_node_has_more(node));
    if (node->is_due) {
        *out = (struct claim){.kind = CLAIM_BUILD, .node = node};
    } else if (node->segments_claimed < node->segment_count) {
        *out =
            (struct claim){.kind = CLAIM_SEGMENT, .node = node, .index = node->segments_claimed++};
    } else {
        *out = (struct claim){.kind = CLAIM_VISIT, .node = node, .index = node->subdirs_claimed++};
    }
    if (!fi_scan_node_has_more(node)) {
        scan->stack = node->next_below;
    }
    return true;
}

/* The walk is over: directories with hard links need not wait for it any longer. */
static void
release_linked_locked(struct fi_scan *scan)
{
    fi_os_mutex_assert_held(&scan->mutex);
    DCHECK(scan->active == 0 && scan->stack == NULL && !scan->links_are_known);
    scan->links_are_known = true;
    for (struct fi_scan_node *node = scan->linked; node != NULL; node = node->next_linked) {
        DCHECK(node->waiting > 0 && node->is_linked);
        if (--node->waiting == 0) {
            node->is_due = true;
            fi_scan_node_push_locked(scan, node);
        }
    }
}

/* The next piece of work; waits while other workers may still find some. False when there will be
 * no more. */
static bool
scan_claim(struct fi_scan *scan, struct claim *out)
{
    bool is_found = false;
    fi_os_mutex_lock(&scan->mutex);
    while (scan->failure == FIRN_OK) {
        is_found = claim_from_stack_locked(scan, out);
        if (!is_found) {
            struct fi_scan_slot *slot = fi_scan_window_claim_locked(scan);
            is_found = slot != NULL;
            *out = (struct claim){.kind = CLAIM_PIECE, .slot = slot};
        }
        if (is_found) {
            scan->active++;
            break;
        }
        if (scan->active == 0) {
            if (scan->links_are_known || scan->linked == NULL) {
                break;
            }
            release_linked_locked(scan);
            continue;
        }
        scan->idle++;
        fi_os_cond_wait(&scan->work, &scan->mutex);
        scan->idle--;
    }
    fi_os_mutex_unlock(&scan->mutex);
    return is_found;
}

static void
give_back(struct fi_scan *scan)
{
    fi_os_mutex_lock(&scan->mutex);
    DCHECK(scan->active > 0);
    if (--scan->active == 0) {
        fi_os_cond_broadcast(&scan->work);
    }
    fi_os_mutex_unlock(&scan->mutex);
}

/* ---- workers ---- */

static int
take_up(struct fi_scan_worker *worker, const struct claim *claim, firn_error *err)
{
    switch (claim->kind) {
    case CLAIM_VISIT:
        return fi_scan_dir_visit(worker, claim->node, (uint32_t)claim->index, err);
    case CLAIM_SEGMENT:
        return fi_scan_segment_reopen(worker, claim->node, claim->index, err);
    case CLAIM_BUILD:
        return fi_scan_build_due(worker, claim->node, err);
    case CLAIM_PIECE:
        return fi_scan_window_work(worker, claim->slot, err);
    case CLAIM_NOTHING:
        break;
    }
    return FIRN_OK;
}

static void
run_worker(void *arg)
{
    struct fi_scan_worker *worker = arg;
    struct fi_scan *scan = worker->scan;
    struct claim next;
    while (scan_claim(scan, &next)) {
        firn_error err = {0};
        int rc = take_up(worker, &next, &err);
        if (rc != FIRN_OK) {
            (void)fi_scan_report_failure(scan, rc, &err);
        }
        give_back(scan);
    }
    fi_scan_sink_close_lane(worker);
}

static void
deinit_worker(struct fi_scan_worker *worker)
{
    fi_arena_deinit(&worker->arena);
    fi_scan_listing_deinit(&worker->listing);
    fi_scan_listing_deinit(&worker->attributes);
    fi_scan_node_part_deinit(&worker->part);
    fi_scan_file_version_deinit(worker);
    fi_scan_carry_deinit(worker);
    fi_tree_lookup_deinit(&worker->outside);
    fi_statcache_lane_close(worker->stat_lane, false);
    fi_buf_deinit(&worker->path);
    fi_buf_deinit(&worker->judged);
    fi_buf_deinit(&worker->content);
    fi_buf_deinit(&worker->list);
    fi_buf_deinit(&worker->xattrs);
    fi_buf_deinit(&worker->attribute_names);
    fi_buf_deinit(&worker->target);
    fi_buf_deinit(&worker->assembly);
    fi_buf_deinit(&worker->prints);
    fi_buf_deinit(&worker->entry);
}

/* ---- the scan ---- */

static int
init_workers(struct fi_scan *scan, firn_error *err)
{
    unsigned count = scan->options->threads;
    if (count == 0) {
        count = fi_os_cpu_count(scan->os);
        count = count < FI_SCAN_THREADS_DEFAULT_MAX ? count : FI_SCAN_THREADS_DEFAULT_MAX;
    }
    count = count < FI_SCAN_THREADS_MAX ? count : FI_SCAN_THREADS_MAX;
    DCHECK(count > 0);
    scan->workers = fi_alloc_zeroed(count * sizeof *scan->workers);
    if (scan->workers == NULL) {
        return fi_error_no_memory(err, "the workers of a scan");
    }
    scan->worker_count = count;
    for (unsigned i = 0; i < count; i++) {
        scan->workers[i].scan = scan;
    }
    return FIRN_OK;
}

static void
scan_deinit(struct fi_scan *scan)
{
    while (scan->alive != NULL) {
        fi_scan_node_destroy(scan, scan->alive);
    }
    for (unsigned i = 0; i < scan->worker_count; i++) {
        deinit_worker(&scan->workers[i]);
    }
    fi_free(scan->workers);
    fi_hash_map_deinit(&scan->groups);
    fi_scan_window_deinit(scan);
    fi_rules_walk_destroy(scan->ignore);
    fi_buf_deinit(&scan->root_xattrs);
    fi_buf_deinit(&scan->stores);
    fi_os_cond_deinit(&scan->work);
    fi_os_mutex_deinit(&scan->mutex);
    fi_os_mutex_deinit(&scan->report_mutex);
}

/* Lets the rules exclude what the tree lacks. */
static int
note_gaps(struct fi_scan *scan, firn_error *err)
{
    for (size_t i = 0; i < scan->options->gap_count; i++) {
        const firn_slice path = scan->options->gaps[i].path;
        bool is_noted = true;
        int rc = path.size == 0 || fi_tree_path_is_valid(path)
                     ? FIRN_OK
                     : fi_error_set(err, FIRN_INVALID, "the path of a gap is not one of a tree");
        if (rc == FIRN_OK && path.size > 0) {
            rc = fi_rules_left_out_note(scan->ignore, path, &is_noted, err);
        }
        if (rc == FIRN_OK && !is_noted) {
            rc = fi_error_set(err, FIRN_LIMIT, "too many gaps, or their paths are too long");
        }
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

static int
scan_init(struct fi_scan *scan, firn_error *err)
{
    struct fi_rules_walk_options rules = {.include_deps = scan->options->include_deps,
                                          .gitignore = scan->options->gitignore,
                                          .stored = scan->options->stored_rules};
    int rc;
    fi_os_mutex_init(scan->os, &scan->mutex, FI_LOCK_WORKSPACE_WALK);
    fi_os_mutex_init(scan->os, &scan->report_mutex, FI_LOCK_WORKSPACE_TREE);
    fi_os_cond_init(scan->os, &scan->work);
    fi_scan_window_init(scan, fi_scan_large_group_add);
    fi_scan_links_init(scan);
    FI_TRY(fi_rules_walk_create(scan->os, &rules, &scan->ignore, err));
    FI_TRY(note_gaps(scan, err));
    FI_TRY(init_workers(scan, err));
    FI_TRY(fi_scan_window_reserve(scan, err));
out:
    if (rc != FIRN_OK) {
        scan_deinit(scan);
    }
    return rc;
}

/* The first worker begins with the root; it counts as active from before the others start, so
 * that they wait for it. */
static void
run_first_worker(struct fi_scan *scan)
{
    firn_error err = {0};
    int rc = fi_scan_dir_visit(&scan->workers[0], NULL, 0, &err);
    if (rc != FIRN_OK) {
        (void)fi_scan_report_failure(scan, rc, &err);
    }
    give_back(scan);
    run_worker(&scan->workers[0]);
}

static int
scan_run(struct fi_scan *scan, firn_error *err)
{
    struct fi_os_jobs *jobs = NULL;
    int rc;
    FI_TRY_RETURN(fi_scan_report_progress(scan, err));
    atomic_store_explicit(&scan->reported_ns, fi_os_monotonic_ns(scan->os), memory_order_relaxed);
    scan->active = 1;
    if (scan->worker_count > 1) {
        FI_TRY_RETURN(fi_os_jobs_create(scan->os, scan->worker_count - 1, &jobs, err));
    }
    for (unsigned i = 1; i < scan->worker_count; i++) {
        firn_error submit_err = {0};
        rc = fi_os_jobs_submit(jobs, run_worker, &scan->workers[i], &submit_err);
        if (rc != FIRN_OK) {
            (void)fi_scan_report_failure(scan, rc, &submit_err);
            break;
        }
    }
    run_first_worker(scan);
    fi_os_jobs_destroy(jobs);
    rc = scan->failure;
    DCHECK(rc != FIRN_OK || (scan->stack == NULL && scan->active == 0));
    if (rc != FIRN_OK) {
        *err = scan->failure_error;
        return rc;
    }
    return fi_scan_report_progress(scan, err);
}

static void
fill_result(struct fi_scan *scan, struct fi_scan_result *out)
{
    DCHECK(scan->root_entry.kind == FI_TREE_DIR);
    *out = (struct fi_scan_result){.root = scan->root_entry,
                                   .root_xattrs = scan->root_xattrs,
                                   .stores = scan->stores,
                                   .begun_ns = scan->start_ns,
                                   .has_fresh_links = fi_scan_links_are_fresh(scan)};
    scan->root_xattrs = (struct fi_buf){0};
    scan->stores = (struct fi_buf){0};
    out->root.xattrs = fi_buf_slice(&out->root_xattrs);
    for (unsigned i = 0; i < scan->worker_count; i++) {
        const struct fi_scan_worker *worker = &scan->workers[i];
        out->files += worker->files;
        out->directories += worker->directories;
        out->bytes += worker->bytes;
        out->new_objects += worker->new_objects;
        out->excluded += worker->excluded;
        out->skipped += worker->skipped;
    }
    for (size_t i = 0; i < scan->options->gap_count; i++) {
        const uint64_t lost = scan->options->gaps[i].lost;
        out->skipped += lost;
        out->excluded += lost == 0 ? 1 : 0;
    }
}

/* Passes the workers' notes for the next scan to the stat cache. */
static void
keep_notes(struct fi_scan *scan)
{
    for (unsigned i = 0; i < scan->worker_count; i++) {
        fi_statcache_lane_close(scan->workers[i].stat_lane, true);
        scan->workers[i].stat_lane = NULL;
    }
}

int
fi_scan_tree(struct fi_os_dir *root, const struct fi_scan_options *options,
             const struct fi_objects_sink *sink, struct fi_scan_result *out, firn_error *err)
{
    *out = (struct fi_scan_result){0};
    DCHECK(!sink->wants_content || sink->cut_table != NULL);
    struct fi_os *os = fi_os_dir_os(root);
    struct fi_scan scan = {
        .os = os, .root = root, .options = options, .sink = sink, .start_ns = fi_os_now_ns(os)};
    if (options->stat != NULL) {
        scan.stat_seed = fi_statcache_seed(options->stat);
    }
    firn_error own_err;
    err = err != NULL ? err : &own_err;
    int rc = scan_init(&scan, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = scan_run(&scan, err);
    if (rc == FIRN_OK) {
        fill_result(&scan, out);
        rc = fi_rules_walk_encode(scan.ignore, &out->rules, err);
    }
    if (rc != FIRN_OK) {
        fi_scan_result_deinit(out);
    } else {
        keep_notes(&scan);
    }
    scan_deinit(&scan);
    return rc;
}

void
fi_scan_result_deinit(struct fi_scan_result *result)
{
    fi_buf_deinit(&result->root_xattrs);
    fi_buf_deinit(&result->rules);
    fi_buf_deinit(&result->stores);
    *result = (struct fi_scan_result){0};
}
