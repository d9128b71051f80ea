/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_flush.c: from frozen memtables to a run of level 0.
 *
 * A flush takes the oldest frozen memtables of a tree, all that there are when it is picked, and
 * writes what the live views still need of them into one run. The order of steps is what keeps
 * commits whole:
 *
 *   1. before (compaction_run.c), the log is synced through everything that was applied. A commit may have entries in several
 *      trees: if only one of them is flushed and the log loses its tail in a crash, that tree would
 *      show a part of a commit whose rest is nowhere (I3 of lsm.c)
 *   2. the run is written, and made durable, perhaps together with those of other trees. Large values that the log has need not be written again:
 *      compaction_adopt.c
 *   3. MANIFEST names it, together with the tree's new flushed sequence (lsm_install.c)
 *   4. readers see the run in place of the memtables
 *
 * What now does not read, because a newer version or a restore hides it, goes to a history run beside
 * (version.h): it is never merged with what now reads.
 *
 * What is at the bottom is judged by the runs that the tree has when the flush begins. Compactions
 * beside it only ever make less of them, so the judgement stays on the safe side.
 *
 * Views are taken after the memtables were frozen: a view that is opened later sees what now saw.
 *
 * Where nothing is left to write (deletions of what never was), MANIFEST is told only how far the
 * tree is flushed.
 */
#include "compaction/compaction_flush.h"

#include "base/check.h"
#include "base/mem.h"
#include "compaction/compaction_adopt.h"
#include "merge/merge.h"

/* What a flush reads. */
struct inputs {
    struct firn_merge *merge;
    const struct firn_range_set **ranges; /* one for each memtable */
    struct firn_compaction_span *older;
    size_t older_count;
};

static void
deinit_inputs(struct inputs *inputs)
{
    firn_merge_destroy(inputs->merge);
    firn_free(inputs->ranges);
    firn_free(inputs->older);
}

static int
add_memtables(const struct firn_compaction_work *work, struct inputs *inputs, firn_error *err)
{
    int rc = FIRN_OK;
    inputs->ranges = firn_alloc_array(work->memtable_count, sizeof(struct firn_range_set *));
    if (inputs->ranges == NULL) {
        return firn_error_no_memory(err, "a flush");
    }
    FIRN_TRY(firn_merge_create(&inputs->merge, err));
    for (size_t i = 0; i < work->memtable_count; i++) {
        const struct firn_memtable *table = work->memtables[i]->table;
        struct firn_merge_source *source;
        inputs->ranges[i] = firn_memtable_ranges(table);
        FIRN_TRY(firn_merge_source_create_memtable(table, UINT64_MAX, &source, err));
        FIRN_TRY(firn_merge_add(inputs->merge, source, err));
    }
out:
    return rc;
}

/* The bounds of all runs: they are all older. */
static int
add_older(const struct firn_version *version, struct inputs *inputs, firn_error *err)
{
    inputs->older = firn_alloc_array(version->run_count, sizeof *inputs->older);
    if (inputs->older == NULL) {
        return firn_error_no_memory(err, "a flush");
    }
    for (unsigned number = 0; number < FIRN_VERSION_LEVELS_ALL; number++) {
        const struct firn_version_level *level = &version->levels[number];
        for (size_t i = 0; i < level->count; i++) {
            inputs->older[inputs->older_count++] =
                (struct firn_compaction_span){level->runs[i].lower, level->runs[i].upper};
        }
    }
    DCHECK(inputs->older_count == version->run_count);
    return FIRN_OK;
}

static int
write_run(struct firn_compaction_work *work, const struct firn_version *version,
          const struct firn_merge_view_map *views, struct firn_block_publisher *publisher,
          struct firn_compaction_output *output, firn_error *err)
{
    int rc = FIRN_OK;
    struct inputs inputs = {0};
    struct firn_compaction_adopt adopt = {.count = 0};
    struct firn_lsm_origin origin;
    firn_lsm_origin_begin(&origin, work->tree, FIRN_RUN_ORIGIN_FLUSH);
    for (size_t i = 0; i < work->memtable_count; i++) {
        uint64_t sequence =
            atomic_load_explicit(&work->memtables[i]->sequence_max, memory_order_relaxed);
        origin.flushed = sequence > origin.flushed ? sequence : origin.flushed;
    }
    DCHECK(origin.flushed > atomic_load_explicit(&work->tree->flushed, memory_order_relaxed));
    FIRN_TRY(add_memtables(work, &inputs, err));
    FIRN_TRY(add_older(version, &inputs, err));
    firn_compaction_adopt_begin(work, &adopt);
    struct firn_compaction_output_options options = {
        .lsm = work->lsm,
        .origin = &origin,
        .stream = {.merge = inputs.merge,
                   .ranges = inputs.ranges,
                   .range_set_count = work->memtable_count,
                   .older = inputs.older,
                   .older_count = inputs.older_count},
        .views = views,
        .level = 0,
        .separates = atomic_load_explicit(&work->tree->separates, memory_order_relaxed),
        .adopt = &adopt,
        .publisher = publisher,
    };
    FIRN_TRY(firn_compaction_output_write(&options, output, err));
out:
    firn_compaction_adopt_end(&adopt);
    firn_lsm_origin_deinit(&origin);
    deinit_inputs(&inputs);
    return rc;
}

int
firn_compaction_flush_write(struct firn_compaction_work *work,
                            struct firn_block_publisher *publisher,
                            struct firn_compaction_result *out, firn_error *err)
{
    int rc = FIRN_OK;
    DCHECK(work->kind == FIRN_COMPACTION_WORK_FLUSH && work->memtable_count > 0);
    struct firn_compaction_work_views views = {0};
    struct firn_lsm_state *state = firn_lsm_state_of(work->tree);
    FIRN_TRY(firn_compaction_work_take_views(work, &views, err));
    FIRN_TRY(write_run(work, state->version, &views.map, publisher, &out->runs, err));
    out->change = (struct firn_lsm_install_change){
        .tree = work->tree,
        .memtables = work->memtables,
        .memtable_count = work->memtable_count,
        .added = out->runs.runs,
        .added_count = out->runs.count,
    };
out:
    firn_compaction_work_release_views(work, &views);
    firn_lsm_state_unref(state);
    return rc;
}

void
firn_compaction_flush_count_locked(const struct firn_compaction_work *work,
                                   const struct firn_compaction_result *output)
{
    firn_os_mutex_assert_held(&work->lsm->mutex);
    DCHECK(output->change.tree == work->tree && output->change.removed_count == 0);
    struct firn_lsm_stats *counters = &work->lsm->counters;
    counters->flushes++;
    counters->flush_bytes += output->runs.bytes;
    counters->versions_dropped += output->runs.versions_dropped;
}
