/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/flush.c: from frozen memtables to a run of level 0.
 *
 * A flush takes the oldest frozen memtables of a tree, all that there are when it is picked, and
 * writes what the live views still need of them into one run. The order of steps is what keeps
 * commits whole:
 *
 *   1. the log is synced through everything that was applied. A commit may have entries in several
 *      trees: if only one of them is flushed and the log loses its tail in a crash, that tree would
 *      show a part of a commit whose rest is nowhere (I3 of lsm.c)
 *   2. the run is written and durable. Large values that the log has need not be written again:
 *      value_adopt.c
 *   3. MANIFEST names it, together with the tree's new flushed sequence (lsm_install.c)
 *   4. readers see the run in place of the memtables
 *
 * What now does not read, because a newer version or a restore hides it, goes to a history run beside
 * (history.h): it is never merged with what now reads.
 *
 * What is at the bottom is judged by the runs that the tree has when the flush begins. Compactions
 * beside it only ever make less of them, so the judgement stays on the safe side.
 *
 * Views are taken after the memtables were frozen: a view that is opened later sees what now saw.
 *
 * Where nothing is left to write (deletions of what never was), MANIFEST is told only how far the
 * tree is flushed.
 */
#include "lsm/flush.h"

#include "base/mem.h"
#include "lsm/merge.h"
#include "lsm/run_output.h"
#include "lsm/value_adopt.h"

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
add_memtables(const struct firn_lsm_work *work, struct inputs *inputs, firn_error *err)
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
    for (unsigned number = 0; number < FIRN_LSM_LEVELS_ALL; number++) {
        const struct firn_version_level *level = &version->levels[number];
        for (size_t i = 0; i < level->count; i++) {
            inputs->older[inputs->older_count++] =
                (struct firn_compaction_span){level->runs[i].lower, level->runs[i].upper};
        }
    }
    return FIRN_OK;
}

static int
write_run(struct firn_lsm_work *work, const struct firn_version *version,
          const struct firn_view_list *views, struct firn_run_output *output, firn_error *err)
{
    int rc = FIRN_OK;
    struct inputs inputs = {0};
    struct firn_value_adopt adopt = {.count = 0};
    FIRN_TRY(add_memtables(work, &inputs, err));
    FIRN_TRY(add_older(version, &inputs, err));
    firn_value_adopt_begin(work, &adopt);
    struct firn_run_output_options options = {
        .lsm = work->lsm,
        .stream = {.merge = inputs.merge,
                   .ranges = inputs.ranges,
                   .range_set_count = work->memtable_count,
                   .older = inputs.older,
                   .older_count = inputs.older_count},
        .views = views,
        .level = 0,
        .separates = atomic_load_explicit(&work->tree->separates, memory_order_relaxed),
        .adopt = &adopt,
    };
    FIRN_TRY(firn_run_output_write(&options, output, err));
out:
    firn_value_adopt_end(&adopt);
    deinit_inputs(&inputs);
    return rc;
}

static int
install_run(struct firn_lsm_work *work, struct firn_run_output *output, firn_error *err)
{
    struct firn_lsm *lsm = work->lsm;
    struct firn_lsm_install_change change = {
        .tree = work->tree,
        .memtables = work->memtables,
        .memtable_count = work->memtable_count,
        .added = output->runs,
        .added_count = output->count,
    };
    bool is_certain;
    int rc = firn_lsm_install(lsm, &change, &is_certain, err);
    if (rc != FIRN_OK && is_certain) {
        firn_run_output_remove(output);
    }
    if (rc == FIRN_OK) {
        firn_os_mutex_lock(&lsm->mutex);
        lsm->counters.flushes++;
        lsm->counters.flush_bytes += output->bytes;
        lsm->counters.versions_dropped += output->versions_dropped;
        firn_os_mutex_unlock(&lsm->mutex);
    }
    return rc;
}

int
firn_flush_run(struct firn_lsm_work *work, firn_error *err)
{
    int rc = FIRN_OK;
    const struct firn_lsm_host *host = &work->lsm->options.host;
    struct firn_view_list views = {0};
    bool has_views = false;
    struct firn_run_output output = {0};
    struct firn_tree_state *state = firn_lsm_state_of(work->tree);
    FIRN_TRY(host->sync_log(host->ctx, err));
    FIRN_TRY(host->take_views(host->ctx, work->tree->id, &views, err));
    has_views = true;
    FIRN_TRY(write_run(work, state->version, &views, &output, err));
    FIRN_TRY(install_run(work, &output, err));
out:
    if (has_views) {
        host->release_views(host->ctx, &views);
    }
    firn_run_output_deinit(&output);
    firn_tree_state_unref(state);
    return rc;
}
