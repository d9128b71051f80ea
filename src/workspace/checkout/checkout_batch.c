/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_batch.c: one pass over the changes that need content, on several threads.
 *
 * The walk over the difference runs on the caller's thread and copies changes into a batch; all
 * threads together process a full batch before the walk continues. A batch is sorted by the places
 * of contents in the packs, and workers take runs of neighbours from it, so that a frame is decoded
 * once, by one worker, and not by each worker again. Objects that are neighbours in a pack were
 * neighbours in a directory, so a worker seldom changes directories either. No worker waits for
 * another (so the passes run inline in a simulation too). The first error wins and the others stop
 * at their next run.
 *
 * Large files come last, one after the other: all threads work at each (objects_spread.c).
 */
#include <stdatomic.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "checkout/checkout_internal.h"
#include "tree/tree.h"

enum { BATCH_CHANGES = 16384, RUN_CHANGES = 128 };

struct item {
    struct fi_objects_place place; /* zeros for links */
    firn_slice path;
    struct fi_tree_entry entry;
};

struct batch {
    struct fi_checkout *checkout;
    int (*work)(struct fi_checkout_worker *worker, firn_slice path,
                const struct fi_tree_entry *entry, firn_error *err);
    struct fi_arena arena;
    struct item *items; /* BATCH_CHANGES of them; unused ones are never touched */
    size_t count;
    size_t run; /* changes that a worker takes at a time */
    struct fi_checkout_worker *workers;
    atomic_size_t next;
    atomic_bool failed; /* a hint to stop; rc and err are read after all jobs have ended */
    int rc;             /* under checkout->mutex */
    firn_error err;
};

firn_slice
fi_checkout_batch_link_of(struct fi_checkout *checkout, const struct fi_tree_entry *entry)
{
    struct fi_tree_filter *filter = checkout->options.filter;
    bool is_left_out = entry->hard_link.size > 0 &&
                       ((filter != NULL && !fi_tree_filter_selects(filter, entry->hard_link)) ||
                        fi_tree_reserved_path(entry->hard_link) != NULL ||
                        fi_checkout_left_has_whole(checkout, entry->hard_link));
    return is_left_out ? firn_bytes(NULL, 0) : entry->hard_link;
}

static void
checkout_batch_fail(struct batch *batch, int rc, const firn_error *err)
{
    DCHECK(rc != FIRN_OK);
    fi_os_mutex_lock(&batch->checkout->mutex);
    if (batch->rc == FIRN_OK) {
        batch->rc = rc;
        batch->err = *err;
    }
    fi_os_mutex_unlock(&batch->checkout->mutex);
    atomic_store_explicit(&batch->failed, true, memory_order_relaxed);
}

/* Whether a file is large enough for all threads. With one thread the split still allows progress
 * reports and a cancellation during the file. */
static bool
is_large(const struct item *item)
{
    return item->entry.kind == FI_TREE_FILE && item->entry.hard_link.size == 0 &&
           item->entry.size >= FI_OBJECTS_SPREAD_SIZE_MIN;
}

struct job {
    struct batch *batch;
    struct fi_checkout_worker *worker;
};

static void
run_worker(void *arg)
{
    struct job *job = arg;
    struct batch *batch = job->batch;
    for (;;) {
        size_t first = atomic_fetch_add(&batch->next, batch->run);
        if (first >= batch->count || atomic_load_explicit(&batch->failed, memory_order_relaxed)) {
            return;
        }
        size_t end = first + batch->run < batch->count ? first + batch->run : batch->count;
        uint64_t files = 0;
        uint64_t bytes = 0;
        firn_error err = {0};
        int rc = FIRN_OK;
        for (size_t i = first; i < end && rc == FIRN_OK; i++) {
            const struct item *item = &batch->items[i];
            if (is_large(item)) {
                continue;
            }
            rc = batch->work(job->worker, item->path, &item->entry, &err);
            files++;
            bytes += item->entry.size;
        }
        if (rc == FIRN_OK) {
            rc = fi_checkout_progress(batch->checkout, files, bytes, &err);
        }
        if (rc != FIRN_OK) {
            checkout_batch_fail(batch, rc, &err);
            return;
        }
    }
}

static int
compare_places(const void *a, const void *b)
{
    const struct fi_objects_place *left = &((const struct item *)a)->place;
    const struct fi_objects_place *right = &((const struct item *)b)->place;
    const uint64_t left_frame = (uint64_t)left->pack << 32 | left->at.frame;
    const uint64_t right_frame = (uint64_t)right->pack << 32 | right->at.frame;
    if (left_frame != right_frame) {
        return left_frame < right_frame ? -1 : 1;
    }
    return (left->at.offset > right->at.offset) - (left->at.offset < right->at.offset);
}

static int
work_off_small(struct batch *batch, firn_error *err)
{
    struct fi_checkout *checkout = batch->checkout;
    struct job *jobs = fi_alloc_array(checkout->writer_count, sizeof *jobs);
    if (jobs == NULL) {
        return fi_error_no_memory(err, "a restore");
    }
    atomic_store(&batch->next, 0);
    int rc = FIRN_OK;
    for (unsigned i = 0; i < checkout->writer_count && rc == FIRN_OK; i++) {
        jobs[i] = (struct job){.batch = batch, .worker = &batch->workers[i]};
        rc = fi_os_jobs_submit(checkout->jobs, run_worker, &jobs[i], err);
    }
    fi_os_jobs_wait(checkout->jobs);
    fi_free(jobs);
    DCHECK(atomic_load(&batch->failed) == (batch->rc != FIRN_OK));
    DCHECK(rc != FIRN_OK || batch->rc != FIRN_OK || atomic_load(&batch->next) >= batch->count);
    if (rc == FIRN_OK && batch->rc != FIRN_OK) {
        rc = batch->rc;
        fi_error_copy(err, &batch->err);
    }
    return rc;
}

/* Progress is reported while each file is processed. */
static int
work_off_large(struct batch *batch, firn_error *err)
{
    struct fi_checkout_worker *worker = &batch->workers[0];
    int rc = FIRN_OK;
    DCHECK(worker->write->spread == NULL);
    worker->write->spread = &batch->checkout->spread;
    for (size_t i = 0; i < batch->count && rc == FIRN_OK; i++) {
        const struct item *item = &batch->items[i];
        if (is_large(item)) {
            rc = batch->work(worker, item->path, &item->entry, err);
            rc = rc == FIRN_OK ? fi_checkout_progress(batch->checkout, 1, 0, err) : rc;
        }
    }
    worker->write->spread = NULL;
    return rc;
}

static int
work_off(struct batch *batch, firn_error *err)
{
    DCHECK(batch->rc == FIRN_OK); /* a failure ends the pass */
    fi_sort(batch->items, batch->count, sizeof batch->items[0], compare_places);
    int rc = work_off_small(batch, err);
    if (rc == FIRN_OK) {
        rc = work_off_large(batch, err);
    }
    fi_arena_deinit(&batch->arena);
    batch->count = 0;
    return rc;
}

/* The visitor of fi_checkout_walk gets the checkout and finds the batch being filled through
 * it. */
static int
checkout_batch_collect(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct fi_checkout *checkout = ctx;
    struct batch *batch = checkout->batch;
    if (!fi_checkout_walk_needs_content(change)) {
        return FIRN_OK;
    }
    CHECK(batch->count < BATCH_CHANGES);
    struct item *item = &batch->items[batch->count];
    item->path = change->path;
    item->entry = *change->after;
    item->entry.hard_link = fi_checkout_batch_link_of(checkout, change->after);
    if (!fi_checkout_copy_slice(&batch->arena, &item->path) ||
        !fi_checkout_copy_slice(&batch->arena, &item->entry.name) ||
        !fi_checkout_copy_slice(&batch->arena, &item->entry.target) ||
        !fi_checkout_copy_slice(&batch->arena, &item->entry.xattrs) ||
        !fi_checkout_copy_slice(&batch->arena, &item->entry.hard_link)) {
        return fi_error_no_memory(err, "a batch of changes");
    }
    item->place = (struct fi_objects_place){0};
    if (item->entry.kind == FI_TREE_FILE && item->entry.hard_link.size == 0) {
        int rc =
            fi_objects_index_find(checkout->options.objects, &item->entry.hash, &item->place, err);
        if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
            return rc; /* work reports an object that is not found, with its path */
        }
    }
    batch->count++;
    if (batch->count < BATCH_CHANGES) {
        return FIRN_OK;
    }
    return work_off(batch, err);
}

static int
create_batch(struct fi_checkout *checkout, struct batch **out, firn_error *err)
{
    struct batch *batch = fi_alloc_zeroed(sizeof *batch);
    *out = batch;
    if (batch == NULL) {
        return fi_error_no_memory(err, "a batch of changes");
    }
    batch->checkout = checkout;
    batch->run =
        checkout->syncs_each ? 1 : RUN_CHANGES; /* few files, and the syncs take the time */
    batch->items = fi_alloc_array(BATCH_CHANGES, sizeof *batch->items);
    batch->workers = fi_alloc_zeroed(checkout->writer_count * sizeof *batch->workers);
    if (batch->items == NULL || batch->workers == NULL) {
        return fi_error_no_memory(err, "a batch of changes");
    }
    for (unsigned i = 0; i < checkout->writer_count; i++) {
        batch->workers[i] =
            (struct fi_checkout_worker){.checkout = checkout, .write = &checkout->writers[i]};
    }
    return FIRN_OK;
}

static void
destroy_batch(struct batch *batch)
{
    if (batch == NULL) {
        return;
    }
    for (unsigned i = 0; batch->workers != NULL && i < batch->checkout->writer_count; i++) {
        fi_os_dir_close(batch->workers[i].dir);
        fi_buf_deinit(&batch->workers[i].dir_path);
        fi_buf_deinit(&batch->workers[i].place.dir);
    }
    fi_free(batch->workers);
    fi_free(batch->items);
    fi_arena_deinit(&batch->arena);
    fi_free(batch);
}

int
fi_checkout_batch_run(struct fi_checkout *checkout, const char *phase,
                      int (*work)(struct fi_checkout_worker *worker, firn_slice path,
                                  const struct fi_tree_entry *entry, firn_error *err),
                      firn_error *err)
{
    DCHECK(checkout->batch == NULL);
    struct batch *batch = NULL;
    int rc;
    FI_TRY(fi_checkout_progress_phase(checkout, phase,
                                      checkout->counts.added + checkout->counts.changed,
                                      checkout->counts.bytes, err));
    FI_TRY(create_batch(checkout, &batch, err));
    batch->work = work;
    checkout->batch = batch;
    FI_TRY(fi_checkout_walk(checkout, checkout_batch_collect, err));
    FI_TRY(work_off(batch, err));
out:
    checkout->batch = NULL;
    destroy_batch(batch);
    return rc;
}
