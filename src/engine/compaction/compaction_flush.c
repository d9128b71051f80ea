/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_flush.c: flushes: from frozen memtables to a run of level 0.
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
 * compaction.c takes the steps 1, 3 and 4.
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
#include "compaction/compaction_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "block/block_file.h"
#include "version/version.h"

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

int
fi_compaction_flush_write(struct fi_compaction_work *work, struct fi_block_publisher *publisher,
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

void
fi_compaction_flush_count_locked(const struct fi_compaction_work *work,
                                 const struct fi_compaction_result *output)
{
    fi_os_mutex_assert_held(&work->lsm->mutex);
    DCHECK(output->change.tree == work->tree && output->change.removed_count == 0);
    struct fi_lsm_stats *counters = &work->lsm->counters;
    counters->flushes++;
    counters->flush_bytes += output->runs.bytes;
    counters->versions_dropped += output->runs.versions_dropped;
}
