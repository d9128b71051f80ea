/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction.c: carries out flushes and compactions that were picked
 * (compaction_pick.c).
 *
 * A move is one edit of MANIFEST, which names the same runs in another level.
 *
 * A merge reads the inputs in the order of keys, drops versions that no live snapshot needs
 * (merge.h), writes the rest as new runs of the output level, and replaces the inputs with them in
 * one edit. The inputs' files are removed later, when no state contains them (lsm_collect.c). If no
 * versions are left, the edit only removes runs.
 *
 * Versions that now does not read go to history runs beside the output (version.h), together with
 * tombstones that hide only such versions. Versions in history count as below the output:
 * tombstones that hide something there stay.
 *
 * Other compactions read history (compaction_garbage.c). Some merge history runs: they keep all
 * versions that some snapshot reads, and write them to history again. Others bring versions that
 * now reads after a restore back to the last level. None folds operands if a history run may have a
 * version in between. An edit alone removes history runs that no snapshot reads.
 *
 * Blocks of the inputs leave the cache when the inputs are closed. If readers have used them there,
 * as many blocks of the output, from the same places, are put into the cache as they are written,
 * so that readers still find what they look for. What was merged gives way to them, since the cache
 * may not have room for both. A block that was put there and that no reader uses until the next
 * compaction is not put there again: that costs as much as reading it.
 *
 * Whether anything is below the output at the same keys is judged by the version for which the
 * compaction was picked. Concurrent works cannot invalidate this: their outputs go where runs were
 * already, or above this output (compaction_pick.c, I2).
 *
 * Works run alone, or several small ones of different trees together:
 *   1. before flushes, the log is synced through everything that was applied
 *   2. each work writes its files (flushes: compaction_flush.c)
 *   3. all these files are made durable (block_publisher.c)
 *   4. one edit of MANIFEST names them, then they are published to readers (lsm_install.c)
 * A work that runs alone makes each file durable as soon as it is written: it may write many large
 * files, and a disk should not get all of these at once.
 *
 * (I1) Only durable files are installed: those that a publisher still has are not durable.
 *
 * Failure, including being cancelled: new files are removed, the inputs stay, and the same
 * compaction may be picked again. A damaged input is marked: its error has been returned, and only
 * unhurried compactions are picked with it again. Its contents are not dropped, nor is anything
 * that depends on them, unless range deletes among the inputs cover all of it: then it is not read
 * (compaction_inputs.c). If one of several works cannot write, no further work is written. The
 * outputs of the works before it are still installed, and the error is returned; the rest is picked
 * again later. So on a full disk flushes get as far as they can. If step 3 or 4 fails, none of the
 * works has taken effect.
 */
#include "compaction/compaction_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "block/block_file.h"
#include "version/version.h"

struct running {
    struct fi_lsm *lsm;
    struct fi_compaction_work *first;
    struct fi_compaction_result *outputs; /* of the works, in their order */
    struct fi_lsm_install_change *changes;
    size_t count;
    size_t written; /* how many of them */
    struct fi_block_publisher publisher;
};

static void count_locked(const struct fi_compaction_work *work,
                         const struct fi_compaction_result *output);
static int compaction_write(struct fi_compaction_work *work, struct fi_block_publisher *publisher,
                            struct fi_compaction_result *out, firn_error *err);

/* Whether works that run together are of one kind, and of different trees. */
static bool
go_together(const struct fi_compaction_work *first)
{
    for (const struct fi_compaction_work *work = first; work != NULL; work = work->also) {
        for (const struct fi_compaction_work *other = work->also; other != NULL;
             other = other->also) {
            if (other->tree == work->tree || other->kind != work->kind) {
                return false;
            }
        }
    }
    return true;
}

static int
compaction_begin(struct fi_compaction_work *work, struct running *running, firn_error *err)
{
    DCHECK(go_together(work));
    *running = (struct running){.lsm = work->lsm, .first = work};
    fi_block_publisher_init(&running->publisher, work->lsm->runs_dir);
    for (; work != NULL; work = work->also) {
        running->count++;
    }
    running->outputs = fi_alloc_zeroed(running->count * sizeof *running->outputs);
    running->changes = fi_alloc_zeroed(running->count * sizeof *running->changes);
    return running->outputs != NULL && running->changes != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "background work");
}

static int
write_one(struct running *running, struct fi_compaction_work *work,
          struct fi_compaction_result *out, firn_error *err)
{
    struct fi_block_publisher *publisher = running->count > 1 ? &running->publisher : NULL;
    return work->kind == FI_COMPACTION_WORK_FLUSH
               ? fi_compaction_flush_write(work, publisher, out, err)
               : compaction_write(work, publisher, out, err);
}

static int
write_all(struct running *running, firn_error *err)
{
    const struct fi_lsm_host *host = &running->lsm->options.host;
    struct fi_compaction_work *work = running->first;
    int rc = fi_lsm_install_may_change(running->lsm, err);
    if (rc == FIRN_OK && work->kind == FI_COMPACTION_WORK_FLUSH) {
        rc = host->sync_log(host->ctx, err);
    }
    for (; work != NULL && rc == FIRN_OK; work = work->also) {
        DCHECK(running->written < running->count && work->lsm == running->lsm);
        rc = write_one(running, work, &running->outputs[running->written], err);
        if (rc == FIRN_OK) {
            running->changes[running->written] = running->outputs[running->written].change;
            running->written++;
        }
    }
    return rc;
}

static void
count_all(const struct running *running)
{
    const struct fi_compaction_work *work = running->first;
    fi_os_mutex_lock(&running->lsm->mutex);
    for (size_t i = 0; i < running->written; i++, work = work->also) {
        if (work->kind == FI_COMPACTION_WORK_FLUSH) {
            fi_compaction_flush_count_locked(work, &running->outputs[i]);
        } else {
            count_locked(work, &running->outputs[i]);
        }
    }
    fi_os_mutex_unlock(&running->lsm->mutex);
}

/* Installs the outputs that are written. */
static int
install_all(struct running *running, firn_error *err)
{
    DCHECK(running->written > 0);
    bool is_certain = true;
    int rc = fi_block_publisher_run(&running->publisher, err); /* (I1) */
    if (rc == FIRN_OK) {
        CHECK(running->publisher.count == 0); /* (I1) */
        rc = fi_lsm_install_all(running->lsm, running->changes, running->written, &is_certain, err);
    }
    if (rc == FIRN_OK) {
        count_all(running);
    }
    for (size_t i = 0; i < running->written && rc != FIRN_OK && is_certain; i++) {
        fi_compaction_output_remove(running->lsm, &running->outputs[i].runs);
    }
    return rc;
}

static void
compaction_end(struct running *running)
{
    fi_block_publisher_deinit(&running->publisher);
    for (size_t i = 0; i < running->count && running->outputs != NULL; i++) {
        fi_compaction_output_deinit(&running->outputs[i].runs);
        fi_free(running->outputs[i].removed);
        fi_free(running->outputs[i].moved);
    }
    fi_free(running->outputs);
    fi_free(running->changes);
}

int
fi_compaction_run(struct fi_compaction_work *work, firn_error *err)
{
    struct fi_lsm *lsm = work->lsm;
    struct running running;
    int rc = compaction_begin(work, &running, err);
    if (rc == FIRN_OK) {
        rc = write_all(&running, err);
    }
    if (running.written > 0) {
        int install_rc = install_all(&running, rc == FIRN_OK ? err : NULL);
        rc = rc == FIRN_OK ? install_rc : rc;
    }
    compaction_end(&running);
    fi_compaction_work_discard(work);
    fi_lsm_collect(lsm);
    return rc;
}

/* ---- compactions that were picked (compaction_pick.c) ---- */

uint64_t
fi_compaction_entries_of(const struct fi_version *version)
{
    uint64_t entries = 0;
    for (unsigned number = 0; number < FI_VERSION_LEVELS; number++) {
        const struct fi_version_level *level = &version->levels[number];
        for (size_t i = 0; i < level->count; i++) {
            entries += fi_version_file(level, i)->info.entry_count;
        }
    }
    return entries;
}

/* In the last level nearly every get finds its key, so filters there serve only the gets of keys
 * that do not exist. They are worth their memory only if they take a small part of the cache. */
static bool
is_filter_too_dear(const struct fi_compaction_work *work)
{
    enum { FILTER_BITS = 10, SHARE_OF_CACHE = 8 };
    const uint64_t entries = fi_compaction_entries_of(work->version);
    size_t budget = fi_block_cache_budget_bytes(work->lsm->options.cache);
    return work->plan.to == FI_VERSION_LEVELS - 1 &&
           entries / 8 * FILTER_BITS > budget / SHARE_OF_CACHE;
}

static int
write_runs(const struct fi_compaction_work *work, struct fi_compaction_inputs *inputs,
           const struct fi_merge_snapshot_map *snapshots, struct fi_block_publisher *publisher,
           struct fi_compaction_output *output, firn_error *err)
{
    unsigned to = work->plan.to;
    struct fi_lsm_origin origin;
    fi_lsm_origin_begin(&origin, work->tree, FI_RUN_ORIGIN_COMPACTION);
    struct fi_compaction_output_options options = {
        .lsm = work->lsm,
        .kind = work->tree->kind,
        .origin = &origin,
        .stream = {.merge = inputs->merge,
                   .ranges = inputs->ranges,
                   .range_set_count = inputs->range_set_count,
                   .older = inputs->older,
                   .older_count = inputs->older_count,
                   .between = inputs->between,
                   .between_count = inputs->between_count,
                   .step = work->step},
        .snapshots = snapshots,
        .level = to,
        .separates = atomic_load_explicit(&work->tree->separates, memory_order_relaxed),
        .is_thorough = work->plan.is_thorough,
        .leaving = &work->plan.leaving,
        .outdated = work->plan.outdated,
        .history = inputs->history,
        .history_count = work->plan.history_count,
        .without_filter = is_filter_too_dear(work),
        .found = &inputs->found,
        /* A merge of small history runs makes one that is not small. */
        .run_bytes_target =
            work->lsm->options.run_bytes_target * (to == FI_VERSION_HISTORY ? 2 : 1),
        .next_level = to + 1 < FI_VERSION_LEVELS ? &work->version->levels[to + 1] : NULL,
        .publisher = publisher,
    };
    int rc = fi_lsm_origin_set_inputs(&origin, inputs->files, inputs->file_count, err);
    rc = rc == FIRN_OK ? fi_compaction_output_write(&options, output, err) : rc;
    fi_lsm_origin_deinit(&origin);
    return rc;
}

/* ---- damage ---- */

static void
ignore_damage(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

/* Marks the inputs that cannot be read. For that each input is read again whole, once. */
static void
mark_damaged(struct fi_lsm *lsm, const struct fi_compaction_inputs *inputs)
{
    for (size_t i = 0; i < inputs->file_count; i++) {
        struct fi_version_file *file = inputs->files[i];
        struct fi_version_file_handle *pin = NULL;
        int rc = fi_version_file_pin(file, &pin, NULL);
        if (rc == FIRN_OK) {
            rc = pin->run->kind->check(pin->run, ignore_damage, NULL, NULL, NULL);
        }
        fi_version_file_unpin(pin);
        atomic_store_explicit(&file->is_damaged, fi_compaction_inputs_is_damage(rc),
                              memory_order_relaxed);
    }
    fi_os_mutex_lock(&lsm->mutex);
    fi_lsm_measure_locked(lsm);
    fi_os_mutex_unlock(&lsm->mutex);
}

/* ---- both kinds ---- */

/* Learns for compaction_pick.c how many of the entries from above replaced another, which was
 * dropped or went to history. */
static void
learn_locked(const struct fi_compaction_work *work, const struct fi_compaction_result *output)
{
    fi_os_mutex_assert_held(&work->lsm->mutex);
    uint64_t left = 0;
    if (work->plan.to != FI_VERSION_LEVELS - 1 || output->entries_above == 0 ||
        work->plan.history_count > 0) {
        return;
    }
    for (size_t i = 0; i < output->runs.count; i++) {
        const struct fi_version_added *run = &output->runs.runs[i];
        left += run->level == work->plan.to ? run->file->info.entry_count : 0;
    }
    uint64_t replaced = output->entries > left ? output->entries - left : 0;
    replaced = replaced < output->entries_above ? replaced : output->entries_above;
    work->tree->overwritten = (unsigned)(replaced * 1000 / output->entries_above);
    DCHECK(work->tree->overwritten <= 1000);
}

/* It was installed. */
static void
count_locked(const struct fi_compaction_work *work, const struct fi_compaction_result *output)
{
    fi_os_mutex_assert_held(&work->lsm->mutex);
    DCHECK(!(work->plan.is_move || work->plan.is_removal) || output->runs.count == 0);
    struct fi_lsm_stats *counters = &work->lsm->counters;
    counters->compactions++;
    if (work->plan.is_move) {
        counters->moves++;
        return;
    }
    learn_locked(work, output);
    counters->compaction_read_bytes += output->read_bytes;
    counters->compaction_write_bytes += output->runs.bytes;
    counters->versions_dropped += output->runs.versions_dropped;
}

/* The installed runs replace the inputs, which belong to the output from here on. */
static void
take_inputs(struct fi_compaction_work *work, struct fi_compaction_inputs *inputs,
            struct fi_compaction_result *out)
{
    DCHECK(out->removed == NULL && inputs->files != NULL);
    out->removed = inputs->files;
    out->read_bytes = inputs->bytes;
    out->entries = inputs->entries;
    out->entries_above = inputs->entries_above;
    out->change = (struct fi_lsm_install_change){
        .tree = work->tree,
        .removed = out->removed,
        .removed_count = inputs->file_count,
        .added = out->runs.runs,
        .added_count = out->runs.count,
    };
    inputs->files = NULL;
}

static int
write_merge(struct fi_compaction_work *work, const struct fi_merge_snapshot_map *snapshots,
            struct fi_block_publisher *publisher, struct fi_compaction_result *out, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_compaction_inputs inputs = {0};
    if (work->plan.is_removal) {
        DCHECK(work->plan.from == FI_VERSION_HISTORY && work->plan.to == FI_VERSION_HISTORY);
        FI_TRY(fi_compaction_inputs_list(work, &inputs, err));
        inputs.bytes = 0;
    } else {
        FI_TRY(fi_compaction_inputs_open(work, snapshots, &inputs, err));
        FI_TRY(write_runs(work, &inputs, snapshots, publisher, &out->runs, err));
        fi_compaction_graph_inherit(work->lsm, inputs.files, inputs.file_count, &out->runs);
    }
    take_inputs(work, &inputs, out);
out:
    if (fi_compaction_inputs_is_damage(rc)) {
        mark_damaged(work->lsm, &inputs);
    }
    fi_compaction_inputs_deinit(&inputs);
    return rc;
}

static int
write_move(struct fi_compaction_work *work, struct fi_compaction_result *out, firn_error *err)
{
    DCHECK(work->plan.from < work->plan.to && work->plan.history_count == 0);
    int rc = FIRN_OK;
    struct fi_compaction_inputs inputs = {0};
    FI_TRY(fi_compaction_inputs_list(work, &inputs, err));
    out->moved = fi_alloc_array(inputs.file_count, sizeof *out->moved);
    if (out->moved == NULL) {
        rc = fi_error_no_memory(err, "the inputs of a compaction");
        goto out;
    }
    for (size_t i = 0; i < inputs.file_count; i++) {
        out->moved[i] = (struct fi_version_added){inputs.files[i], work->plan.to};
    }
    take_inputs(work, &inputs, out);
    out->change.added = out->moved;
    out->change.added_count = inputs.file_count;
out:
    fi_compaction_inputs_deinit(&inputs);
    return rc;
}

static void
note_gaps(struct fi_lsm_tree *tree, const struct fi_merge_snapshot_map *snapshots)
{
    if (snapshots->now != NULL && snapshots->now->count > 1) {
        fi_os_mutex_lock(&tree->lsm->mutex);
        tree->has_gaps = true;
        fi_os_mutex_unlock(&tree->lsm->mutex);
    }
}

/* Writes the output of a work of kind COMPACTION; as fi_compaction_flush_write. */
static int
compaction_write(struct fi_compaction_work *work, struct fi_block_publisher *publisher,
                 struct fi_compaction_result *out, firn_error *err)
{
    DCHECK(work->kind == FI_COMPACTION_WORK_COMPACTION && work->version != NULL);
    if (work->plan.is_move) {
        return write_move(work, out, err);
    }
    struct fi_compaction_work_snapshots snapshots;
    int rc = fi_compaction_work_take_snapshots(work, &snapshots, err);
    if (rc == FIRN_OK) {
        note_gaps(work->tree, &snapshots.map);
        rc = write_merge(work, &snapshots.map, publisher, out, err);
        fi_compaction_work_release_snapshots(work, &snapshots);
    }
    return rc;
}
