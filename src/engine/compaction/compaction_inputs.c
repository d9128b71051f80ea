/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_inputs.c: what a compaction reads: the runs of its plan as sources of a
 * merge, their range deletes, and where there may be other versions of the keys.
 *
 * Covered runs. A run is not read if range deletes of other inputs hide all of its entries from
 * every live snapshot: the rule of merge.h would drop every version. What MANIFEST says of the run
 * is enough to decide this, so a compaction can drop a run that is missing or damaged, and a range
 * delete frees large runs at once.
 *
 * (I1) A run counts as covered only if range deletes that are newer than all of its versions
 *      (sequence_max) together contain all of its keys ([lower, upper)), and each live snapshot
 *      that sees any of its sequences sees each of these range deletes. The run's own range deletes
 *      lie within its bounds, so what they hide is hidden without them, too.
 * (I2) The range deletes are in runs that MANIFEST names, so they survive a crash after the covered
 *      run is gone. (Not checked: a compaction has no other inputs.)
 *
 * merge_ranges.c decides, as for any merge, whether the range deletes themselves may be dropped.
 * Range deletes outside of the inputs do not count, and of very many inside only the first do: a
 * run that they alone would cover is read.
 *
 * Failure: errors of opening and reading the inputs, except those that are covered.
 */
#include "compaction/compaction_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "version/version.h"

enum { COVERING_MAX = 64 }; /* range deletes that are asked whether they cover a run */

void
fi_compaction_inputs_deinit(struct fi_compaction_inputs *inputs)
{
    fi_merge_destroy(inputs->merge);
    for (size_t i = 0; i < inputs->range_set_count; i++) {
        fi_version_file_unpin(inputs->pins[i]);
    }
    fi_free(inputs->sources);
    fi_free(inputs->files);
    fi_free(inputs->pins);
    fi_free(inputs->ranges);
    fi_free(inputs->unread);
    fi_free(inputs->covered);
    fi_free(inputs->older);
    fi_free(inputs->between);
}

int
fi_compaction_inputs_list(const struct fi_compaction_work *work,
                          struct fi_compaction_inputs *inputs, firn_error *err)
{
    DCHECK(work->plan.from <= work->plan.to && work->plan.to < FI_VERSION_LEVELS_ALL);
    const struct fi_compaction_plan *plan = &work->plan;
    const struct fi_version_level *history = &work->version->levels[FI_VERSION_HISTORY];
    size_t count = plan->history_count;
    for (unsigned level = plan->from; level <= plan->to; level++) {
        count += plan->end[level] - plan->begin[level];
    }
    inputs->files = fi_alloc_array(count, sizeof(struct fi_version_file *));
    inputs->sources = fi_alloc_array(count, sizeof *inputs->sources);
    inputs->pins = fi_alloc_array(count, sizeof(struct fi_version_file_handle *));
    inputs->ranges = fi_alloc_array(count, sizeof(struct fi_range_set *));
    inputs->unread = fi_alloc_array(count, sizeof(struct fi_version_file *));
    inputs->covered = fi_alloc_array(count, sizeof(struct fi_version_file *));
    if (inputs->files == NULL || inputs->sources == NULL || inputs->pins == NULL ||
        inputs->ranges == NULL || inputs->unread == NULL || inputs->covered == NULL) {
        return fi_error_no_memory(err, "the inputs of a compaction");
    }
    for (unsigned level = plan->from; level <= plan->to; level++) {
        for (size_t i = plan->begin[level]; i < plan->end[level]; i++) {
            struct fi_version_file *file = fi_version_file(&work->version->levels[level], i);
            inputs->files[inputs->file_count++] = file;
            inputs->bytes += fi_manifest_run_bytes(&file->info);
            inputs->entries += file->info.entry_count;
            inputs->entries_above += level < plan->to ? file->info.entry_count : 0;
        }
    }
    inputs->history = inputs->files + inputs->file_count;
    for (unsigned i = 0; i < plan->history_count; i++) {
        DCHECK(plan->history[i] < history->count);
        DCHECK(i == 0 || plan->history[i - 1] < plan->history[i]);
        struct fi_version_file *file = fi_version_file(history, plan->history[i]);
        inputs->files[inputs->file_count++] = file;
        inputs->bytes += fi_manifest_run_bytes(&file->info);
    }
    CHECK(inputs->file_count == count && count > 0);
    return FIRN_OK;
}

/* ---- range deletes, and what they cover ---- */

static int
add_ranges_of(struct fi_compaction_inputs *inputs, struct fi_version_file *file, firn_error *err)
{
    struct fi_version_file_handle *pin;
    int rc = fi_version_file_pin(file, &pin, err);
    if (rc == FIRN_OK) {
        inputs->pins[inputs->range_set_count] = pin;
        inputs->ranges[inputs->range_set_count++] = pin->run->kind->ranges(pin->run);
    }
    return rc;
}

/* Of all inputs but those that are damaged, which are noted. */
static int
add_ranges(struct fi_compaction_inputs *inputs, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < inputs->file_count; i++) {
        struct fi_version_file *file = inputs->files[i];
        rc = file->info.range_count > 0 ? add_ranges_of(inputs, file, err) : FIRN_OK;
        if (fi_compaction_inputs_is_damage(rc)) {
            inputs->unread[inputs->unread_count++] = file;
            rc = FIRN_OK;
        }
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return rc;
}

/* Range deletes that make a run superfluous, as spans of keys. */
struct covering {
    const struct fi_manifest_run *run;
    const struct fi_merge_snapshot_map *snapshots;
    struct fi_compaction_span spans[COVERING_MAX];
    size_t count;
};

/* All snapshots that see anything of the run must see the range delete. */
static int
note_range(void *ctx, const struct fi_range *range, firn_error *err)
{
    struct covering *covering = ctx;
    const struct fi_manifest_group superseded = {
        .first = covering->run->sequence_min,
        .last = covering->run->sequence_max,
        .newer_first = range->sequence,
        .newer_last = range->sequence,
    };
    (void)err;
    if (range->sequence <= covering->run->sequence_max ||
        fi_version_history_is_group_needed(&superseded, covering->snapshots)) {
        return FIRN_OK;
    }
    if (covering->count == COVERING_MAX) {
        return FIRN_LIMIT;
    }
    DCHECK(covering->run->sequence_max < range->sequence); /* (I1) */
    covering->spans[covering->count++] = (struct fi_compaction_span){range->lower, range->upper};
    return FIRN_OK;
}

static int
compare_spans(const void *a, const void *b)
{
    const struct fi_compaction_span *x = a;
    const struct fi_compaction_span *y = b;
    return fi_slice_compare(x->lower, y->lower);
}

/* Whether the spans, together, contain all keys of the run. */
static bool
compaction_inputs_covers(struct covering *covering)
{
    firn_slice at = covering->run->lower; /* they contain the keys of the run before it */
    fi_sort(covering->spans, covering->count, sizeof *covering->spans, compare_spans);
    for (size_t i = 0; i < covering->count; i++) {
        const struct fi_compaction_span *span = &covering->spans[i];
        if (fi_slice_compare(span->lower, at) > 0) {
            return false;
        }
        at = fi_slice_compare(span->upper, at) > 0 ? span->upper : at;
    }
    return fi_slice_compare(at, covering->run->upper) >= 0;
}

static int
find_covered(struct fi_compaction_inputs *inputs, const struct fi_merge_snapshot_map *snapshots,
             firn_error *err)
{
    for (size_t i = 0; inputs->range_set_count > 0 && i < inputs->file_count; i++) {
        const struct fi_manifest_run *run = &inputs->files[i]->info;
        struct covering covering = {.run = run, .snapshots = snapshots};
        int rc = FIRN_OK;
        for (size_t set = 0; set < inputs->range_set_count && rc == FIRN_OK; set++) {
            rc = fi_range_set_visit(inputs->ranges[set], &run->lower, &run->upper, note_range,
                                    &covering, err);
        }
        if (rc != FIRN_OK && rc != FIRN_LIMIT) {
            return rc;
        }
        if (compaction_inputs_covers(&covering)) {
            inputs->covered[inputs->covered_count++] = inputs->files[i];
            inputs->bytes -= fi_manifest_run_bytes(run);
        }
    }
    return FIRN_OK;
}

static bool
is_covered(void *ctx, const struct fi_version_file *file)
{
    const struct fi_compaction_inputs *inputs = ctx;
    for (size_t i = 0; i < inputs->covered_count; i++) {
        if (inputs->covered[i] == file) {
            return true;
        }
    }
    return false;
}

/* The range deletes that could not be read matter unless they are covered as well. */
static int
add_unread(struct fi_compaction_inputs *inputs, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < inputs->unread_count && rc == FIRN_OK; i++) {
        rc = is_covered(inputs, inputs->unread[i]) ? FIRN_OK
                                                   : add_ranges_of(inputs, inputs->unread[i], err);
    }
    return rc;
}

/* ---- entries ---- */

static int
add_source(const struct fi_version_source_runs *runs, struct fi_compaction_inputs *inputs,
           firn_error *err)
{
    DCHECK(inputs->source_count < inputs->file_count);
    struct fi_version_source *state = &inputs->sources[inputs->source_count++];
    *state = (struct fi_version_source){.is_unwanted = is_covered, .ctx = inputs};
    return fi_version_source_add(state, runs, inputs->merge, err);
}

static int
add_history(const struct fi_compaction_work *work, struct fi_compaction_inputs *inputs,
            firn_error *err)
{
    int rc = FIRN_OK;
    for (unsigned i = 0; i < work->plan.history_count && rc == FIRN_OK; i++) {
        const struct fi_version_source_runs runs = {
            .version = work->version,
            .level = FI_VERSION_HISTORY,
            .begin = work->plan.history[i],
            .end = work->plan.history[i] + 1,
            .is_sequential = true,
            .found = &inputs->found,
        };
        rc = add_source(&runs, inputs, err);
    }
    return rc;
}

/* Runs of level 0 overlap: each is a separate source. */
static int
add_level(const struct fi_compaction_work *work, unsigned level,
          struct fi_compaction_inputs *inputs, firn_error *err)
{
    const struct fi_compaction_plan *plan = &work->plan;
    size_t begin = plan->begin[level];
    while (begin < plan->end[level]) {
        struct fi_version_source_runs runs = {
            .version = work->version,
            .level = level,
            .begin = begin,
            .end = level == 0 ? begin + 1 : plan->end[level],
            .is_sequential = true,
            .found = &inputs->found,
        };
        int rc = add_source(&runs, inputs, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        begin = runs.end;
    }
    return FIRN_OK;
}

/* The history runs that may overlap the output; for an output into history, all of them. They count
 * as below the output. Runs that no snapshot reads are ignored, as they are about to be removed. */
static void
add_between_locked(const struct fi_compaction_work *work,
                   const struct fi_merge_snapshot_map *snapshots,
                   struct fi_compaction_inputs *inputs)
{
    fi_os_mutex_assert_held(&work->lsm->mutex);
    const struct fi_compaction_plan *plan = &work->plan;
    const struct fi_version_level *history = &work->version->levels[FI_VERSION_HISTORY];
    unsigned at = 0;
    if (plan->to == FI_VERSION_HISTORY) {
        inputs->between[inputs->between_count++] =
            (struct fi_compaction_between){{plan->lower, plan->upper}, UINT64_MAX};
    }
    for (size_t i = 0; i < history->count && plan->to < FI_VERSION_HISTORY; i++) {
        const struct fi_merge_level_run *run = &history->runs[i];
        if (at < plan->history_count && plan->history[at] == i) {
            at++;
        } else if (fi_version_run_overlaps(run, &plan->lower, &plan->upper) &&
                   fi_version_history_is_needed_locked(run->run, &work->lsm->mutex, snapshots)) {
            inputs->between[inputs->between_count++] =
                (struct fi_compaction_between){{run->lower, run->upper}, run->sequence_max};
        }
    }
    DCHECK(plan->to == FI_VERSION_HISTORY || at == plan->history_count);
    for (size_t i = 0; i < inputs->between_count; i++) {
        inputs->older[inputs->older_count++] = inputs->between[i].span;
    }
}

/* The runs below the output. */
static int
add_older(const struct fi_compaction_work *work, const struct fi_merge_snapshot_map *snapshots,
          struct fi_compaction_inputs *inputs, firn_error *err)
{
    const struct fi_compaction_plan *plan = &work->plan;
    inputs->older = fi_alloc_array(work->version->run_count + 1, sizeof *inputs->older);
    inputs->between = fi_alloc_array(work->version->levels[FI_VERSION_HISTORY].count + 1,
                                     sizeof *inputs->between);
    if (inputs->older == NULL || inputs->between == NULL) {
        return fi_error_no_memory(err, "the inputs of a compaction");
    }
    fi_os_mutex_lock(&work->lsm->mutex);
    add_between_locked(work, snapshots, inputs);
    fi_os_mutex_unlock(&work->lsm->mutex);
    for (unsigned number = plan->to + 1; number < FI_VERSION_LEVELS; number++) {
        const struct fi_version_level *level = &work->version->levels[number];
        size_t begin;
        size_t end;
        fi_version_overlap(level, &plan->lower, &plan->upper, &begin, &end);
        for (size_t i = begin; i < end; i++) {
            inputs->older[inputs->older_count++] =
                (struct fi_compaction_span){level->runs[i].lower, level->runs[i].upper};
        }
    }
    DCHECK(inputs->older_count <= work->version->run_count + 1);
    return FIRN_OK;
}

int
fi_compaction_inputs_open(const struct fi_compaction_work *work,
                          const struct fi_merge_snapshot_map *snapshots,
                          struct fi_compaction_inputs *inputs, firn_error *err)
{
    FI_TRY_RETURN(fi_compaction_inputs_list(work, inputs, err));
    FI_TRY_RETURN(add_ranges(inputs, err));
    FI_TRY_RETURN(find_covered(inputs, snapshots, err));
    FI_TRY_RETURN(add_unread(inputs, err));
    FI_TRY_RETURN(add_older(work, snapshots, inputs, err));
    FI_TRY_RETURN(fi_merge_create(&inputs->merge, err));
    for (unsigned level = work->plan.from; level <= work->plan.to; level++) {
        FI_TRY_RETURN(add_level(work, level, inputs, err));
    }
    return add_history(work, inputs, err);
}
