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
 * so that readers still find what they look for. A block that was put there and that no reader uses
 * until the next compaction is not put there again: that costs as much as reading it.
 *
 * Whether anything is below the output at the same keys is judged by the version for which the
 * compaction was picked. Concurrent works cannot invalidate this: their outputs go where runs were
 * already, or above this output (compaction_pick.c, I2).
 *
 * Failure, including being cancelled: new files are removed, the inputs stay, and the same
 * compaction may be picked again. A damaged input is marked: its error has been returned, and only
 * unhurried compactions are picked with it again. Its contents are not dropped, nor is anything
 * that depends on them, unless range deletes among the inputs cover all of it: then it is not read
 * (compaction_inputs.c).
 */
#include "compaction/compaction_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "block/block_file.h"
#include "version/version.h"

/* ==== running flushes and compactions, alone or several small ones together ====
 *
 *   1. before flushes, the log is synced through everything that was applied
 *   2. each work writes its files
 *   3. all these files are made durable (block_publisher.c)
 *   4. one edit of MANIFEST names them, then they are published to readers (lsm_install.c)
 *
 * Works that run together have different trees. A work that runs alone makes each file durable as
 * soon as it is written: it may write many large files, and a disk should not get all of these at
 * once.
 *
 * (I1) Only durable files are installed: those that a publisher still has are not durable.
 *
 * Failure: if a work cannot write, no further work is written. The outputs of the works before it
 * are still installed, and the error is returned; the rest is picked again later. So on a full disk
 * flushes get as far as they can. If step 3 or 4 fails, none of the works has taken effect, and
 * their files are removed.
 */

struct running {
    struct fi_lsm *lsm;
    struct fi_compaction_work *first;
    struct fi_compaction_result *outputs; /* of the works, in their order */
    struct fi_lsm_install_change *changes;
    size_t count;
    size_t written; /* how many of them */
    struct fi_block_publisher publisher;
};

static int flush_write(struct fi_compaction_work *work, struct fi_block_publisher *publisher,
                       struct fi_compaction_result *out, firn_error *err);
static void flush_count_locked(const struct fi_compaction_work *work,
                               const struct fi_compaction_result *output);
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
    return work->kind == FI_COMPACTION_WORK_FLUSH ? flush_write(work, publisher, out, err)
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
            flush_count_locked(work, &running->outputs[i]);
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

/* ==== flushes: from frozen memtables to a run of level 0 ====
 *
 * A flush takes the oldest frozen memtables of a tree that there are when it is picked, and writes
 * the versions that live snapshots still need into one run. The order of the steps keeps commits
 * whole:
 *
 *   1. before, the log is synced up to everything that was applied. A commit may have entries in
 *      several trees: if only one of these were flushed and a crash cut the log's tail, that tree
 *      would show a part of a commit whose rest is lost (I3 of lsm.c)
 *   2. the run is written and made durable, perhaps together with those of other trees. Large
 *      values in the log need not be written again: compaction_adopt.c
 *   3. MANIFEST names it, together with the tree's new flushed sequence (lsm_install.c)
 *   4. readers see the run in place of the memtables
 *
 * Versions that now does not read, because a newer version or a restore hides them, go to a
 * separate history run (version.h): they are never merged with what now reads.
 *
 * Which keys are at the bottom is judged by the runs that the tree has when the flush begins.
 * Concurrent compactions only remove versions below, so the judgement stays on the safe side.
 *
 * Snapshots are taken after the memtables were frozen: a snapshot that is opened later sees what
 * now saw.
 *
 * If nothing is left to write (deletes of keys that never existed), MANIFEST records only how far
 * the tree is flushed.
 */

/* What a flush reads. */
struct flush_inputs {
    struct fi_merge *merge;
    const struct fi_range_set **ranges; /* one for each memtable */
    struct fi_compaction_span *older;
    size_t older_count;
};

static void
flush_deinit_inputs(struct flush_inputs *flush_inputs)
{
    fi_merge_destroy(flush_inputs->merge);
    fi_free(flush_inputs->ranges);
    fi_free(flush_inputs->older);
}

static int
add_memtables(const struct fi_compaction_work *work, struct flush_inputs *flush_inputs,
              firn_error *err)
{
    flush_inputs->ranges = fi_alloc_array(work->memtable_count, sizeof(struct fi_range_set *));
    if (flush_inputs->ranges == NULL) {
        return fi_error_no_memory(err, "a flush");
    }
    FI_TRY_RETURN(fi_merge_create(&flush_inputs->merge, err));
    for (size_t i = 0; i < work->memtable_count; i++) {
        const struct fi_memtable *table = work->memtables[i]->table;
        struct fi_merge_source *source;
        flush_inputs->ranges[i] = fi_memtable_ranges(table);
        FI_TRY_RETURN(fi_merge_source_create_memtable(table, UINT64_MAX, &source, err));
        FI_TRY_RETURN(fi_merge_add(flush_inputs->merge, source, err));
    }
    return FIRN_OK;
}

/* The bounds of all runs: they are all older. */
static int
flush_add_older(const struct fi_version *version, struct flush_inputs *flush_inputs,
                firn_error *err)
{
    flush_inputs->older = fi_alloc_array(version->run_count, sizeof *flush_inputs->older);
    if (flush_inputs->older == NULL) {
        return fi_error_no_memory(err, "a flush");
    }
    for (unsigned number = 0; number < FI_VERSION_LEVELS_ALL; number++) {
        const struct fi_version_level *level = &version->levels[number];
        for (size_t i = 0; i < level->count; i++) {
            flush_inputs->older[flush_inputs->older_count++] =
                (struct fi_compaction_span){level->runs[i].lower, level->runs[i].upper};
        }
    }
    DCHECK(flush_inputs->older_count == version->run_count);
    return FIRN_OK;
}

static int
write_run(struct fi_compaction_work *work, const struct fi_version *version,
          const struct fi_merge_snapshot_map *snapshots, struct fi_block_publisher *publisher,
          struct fi_compaction_output *output, firn_error *err)
{
    int rc = FIRN_OK;
    struct flush_inputs flush_inputs = {0};
    struct fi_compaction_adopt adopt = {.count = 0};
    struct fi_lsm_origin origin;
    fi_lsm_origin_begin(&origin, work->tree, FI_RUN_ORIGIN_FLUSH);
    for (size_t i = 0; i < work->memtable_count; i++) {
        uint64_t sequence =
            atomic_load_explicit(&work->memtables[i]->sequence_max, memory_order_relaxed);
        origin.flushed = sequence > origin.flushed ? sequence : origin.flushed;
    }
    DCHECK(origin.flushed > atomic_load_explicit(&work->tree->flushed, memory_order_relaxed));
    FI_TRY(add_memtables(work, &flush_inputs, err));
    FI_TRY(flush_add_older(version, &flush_inputs, err));
    fi_compaction_adopt_begin(work, &adopt);
    struct fi_compaction_output_options options = {
        .lsm = work->lsm,
        .kind = work->tree->kind,
        .origin = &origin,
        .stream = {.merge = flush_inputs.merge,
                   .ranges = flush_inputs.ranges,
                   .range_set_count = work->memtable_count,
                   .older = flush_inputs.older,
                   .older_count = flush_inputs.older_count},
        .snapshots = snapshots,
        .level = 0,
        .separates = atomic_load_explicit(&work->tree->separates, memory_order_relaxed),
        .adopt = &adopt,
        .publisher = publisher,
    };
    FI_TRY(fi_compaction_output_write(&options, output, err));
out:
    fi_compaction_adopt_end(&adopt);
    fi_lsm_origin_deinit(&origin);
    flush_deinit_inputs(&flush_inputs);
    return rc;
}

/* Writes the output of a work of kind FLUSH; out says what is to be installed. The publisher makes
 * the files durable; if it is NULL, they are durable already. After a failure out is empty.
 * Requires: the log is durable up to everything that was applied. */
static int
flush_write(struct fi_compaction_work *work, struct fi_block_publisher *publisher,
            struct fi_compaction_result *out, firn_error *err)
{
    int rc = FIRN_OK;
    DCHECK(work->kind == FI_COMPACTION_WORK_FLUSH && work->memtable_count > 0);
    struct fi_compaction_work_snapshots snapshots = {0};
    struct fi_lsm_superversion *state = fi_lsm_superversion_of(work->tree);
    FI_TRY(fi_compaction_work_take_snapshots(work, &snapshots, err));
    FI_TRY(write_run(work, state->version, &snapshots.map, publisher, &out->runs, err));
    out->change = (struct fi_lsm_install_change){
        .tree = work->tree,
        .memtables = work->memtables,
        .memtable_count = work->memtable_count,
        .added = out->runs.runs,
        .added_count = out->runs.count,
    };
out:
    fi_compaction_work_release_snapshots(work, &snapshots);
    fi_lsm_superversion_unref(state);
    return rc;
}

/* It was installed. */
static void
flush_count_locked(const struct fi_compaction_work *work, const struct fi_compaction_result *output)
{
    fi_os_mutex_assert_held(&work->lsm->mutex);
    DCHECK(output->change.tree == work->tree && output->change.removed_count == 0);
    struct fi_lsm_stats *counters = &work->lsm->counters;
    counters->flushes++;
    counters->flush_bytes += output->runs.bytes;
    counters->versions_dropped += output->runs.versions_dropped;
}

/* ==== compactions that were picked (compaction_pick.c) ==== */

/* In the last level nearly every get finds its key, so filters there serve only the gets of keys
 * that do not exist. They are worth their memory only if they take a small part of the cache. */
static bool
is_filter_too_dear(const struct fi_compaction_work *work)
{
    enum { FILTER_BITS = 10, SHARE_OF_CACHE = 8 };
    uint64_t entries = 0;
    for (unsigned number = 0; number < FI_VERSION_LEVELS; number++) {
        const struct fi_version_level *level = &work->version->levels[number];
        for (size_t i = 0; i < level->count; i++) {
            entries += fi_version_file(level, i)->info.entry_count;
        }
    }
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

/* Writes the output of a work of kind COMPACTION; as flush_write. */
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
