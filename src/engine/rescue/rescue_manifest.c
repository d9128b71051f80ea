/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue_manifest.c: makes a new MANIFEST from the remains of the old one and from the runs
 * themselves.
 *
 * In a new directory that shares the runs of the damaged store. The known facts are collected
 * (rescue_find.c), the current runs are chosen (rescue_assess.c), those that MANIFEST does not name
 * are described (rescue_describe.c), and one edit names all of them. Then all runs are read
 * (rescue_runs.c), and a second edit names those trees again of which something is damaged. It also
 * says that the log begins again, as the caller writes a new one.
 *
 * (I1) A version of a key is in only one of the named runs: the output of a work is never named
 *      together with the runs that it replaced. So reads and merge operands give the same results
 *      as before.
 * (I2) Runs that MANIFEST names keep their levels if all its records since a snapshot or its
 *      beginning are known: the runs that remain of a state are ordered among themselves. Otherwise
 *      they become history runs, as do runs that MANIFEST does not name. If a run is lost, history
 *      runs must no longer say that it supersedes their versions.
 * (I3) A tree counts as flushed as far as MANIFEST or any chosen run says. Above that, the chosen
 *      runs have only versions of loads, which are not in the log: so a replay adds nothing twice.
 *
 * Memory: the entries of the runs in MANIFEST, and their origins.
 */
#include "rescue/rescue_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/sort.h"
#include "log/log_format.h"

struct naming {
    struct fi_rescue_gather *gather;
    const struct fi_rescue_run **runs; /* the chosen ones, those of a tree together, by number */
    size_t run_count;
    struct fi_manifest_tree *trees; /* of the edit */
    size_t count;
    bool is_again; /* the second edit, of the trees that have changed */
};

static int
compare_trees(const void *a, const void *b)
{
    const struct fi_manifest_tree *x = a;
    const struct fi_manifest_tree *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static int
compare_runs(const void *a, const void *b)
{
    const struct fi_rescue_run *x = *(const struct fi_rescue_run *const *)a;
    const struct fi_rescue_run *y = *(const struct fi_rescue_run *const *)b;
    int by_tree = (x->tree > y->tree) - (x->tree < y->tree);
    return by_tree != 0 ? by_tree : (x->number > y->number) - (x->number < y->number);
}

/* ---- naming ---- */

/* Sorted by tree, since a store may have thousands of trees and of runs: each tree looks only at
 * its own. */
static int
sort_runs(struct naming *naming)
{
    size_t count = naming->gather->runs.count;
    naming->runs = fi_alloc_array(count, sizeof(struct fi_rescue_run *));
    if (naming->runs == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        const struct fi_rescue_run *run = fi_rescue_run_at(naming->gather, i);
        if (run->is_taken) {
            naming->runs[naming->run_count++] = run;
        }
    }
    fi_sort(naming->runs, naming->run_count, sizeof(struct fi_rescue_run *), compare_runs);
    return FIRN_OK;
}

/* The place of the first run of the tree, or of a later tree. */
static size_t
find_runs(const struct naming *naming, uint64_t tree)
{
    size_t low = 0;
    size_t high = naming->run_count;
    FI_SEARCH_FIRST(low, high, middle, naming->runs[middle]->tree < tree)
    DCHECK(low == 0 || naming->runs[low - 1]->tree < tree);
    return low;
}

/* (I2). */
static int
rescue_manifest_place(struct fi_rescue_gather *gather, const struct fi_rescue_tree *tree,
                      struct fi_manifest_run *run, firn_error *err)
{
    bool keeps_groups =
        run->level == FI_VERSION_HISTORY && gather->result->runs_lost == 0 && !tree->has_lost;
    if (keeps_groups || (!gather->has_gap && run->level < FI_VERSION_HISTORY)) {
        DCHECK((run->level == FI_VERSION_HISTORY) == (run->group_count > 0)); /* (I2) */
        return FIRN_OK;
    }
    return fi_rescue_describe_as_history(run, &gather->arena, err);
}

/* (I3). */
static uint64_t
flushed_of(const struct fi_rescue_tree *tree, const struct fi_rescue_run *run)
{
    DCHECK(run->tree == tree->id);
    return run->has_origin && run->origin.flushed > tree->flushed ? run->origin.flushed
                                                                  : tree->flushed;
}

/* Names a run that was chosen, unless it was found to be lost. */
static int
name_run(struct naming *naming, struct fi_rescue_tree *tree, const struct fi_rescue_run *run,
         struct fi_manifest_tree *out, struct fi_manifest_run *runs, firn_error *err)
{
    struct fi_rescue_gather *gather = naming->gather;
    if (!run->is_taken) {
        DCHECK(naming->is_again && tree->has_lost);
        return FIRN_OK;
    }
    /* (I1) */
    CHECK(run->info != NULL && run->is_present);
    CHECK(gather->options->is_newest || (!run->is_gone && !run->is_replaced));
    tree->flushed = flushed_of(tree, run);
    gather->sequence =
        run->info->sequence_max > gather->sequence ? run->info->sequence_max : gather->sequence;
    runs[out->added_count] = *run->info;
    return rescue_manifest_place(gather, tree, &runs[out->added_count++], err);
}

static int
name_tree(struct naming *naming, struct fi_rescue_tree *tree, firn_error *err)
{
    struct fi_rescue_gather *gather = naming->gather;
    size_t first = find_runs(naming, tree->id);
    size_t count = find_runs(naming, tree->id + 1) - first;
    struct fi_manifest_run *runs = fi_arena_alloc(&gather->arena, count * sizeof *runs);
    uint64_t *removed = fi_arena_alloc(&gather->arena, count * sizeof *removed);
    struct fi_manifest_tree named = {.id = (uint32_t)tree->id, .kind = tree->kind, .added = runs};
    if (runs == NULL || removed == NULL) {
        return fi_error_no_memory(err, "the runs of a tree");
    }
    for (size_t i = 0; i < count; i++) {
        removed[i] = naming->runs[first + i]->number;
        FI_TRY_RETURN(name_run(naming, tree, naming->runs[first + i], &named, runs, err));
    }
    gather->sequence = tree->flushed > gather->sequence ? tree->flushed : gather->sequence;
    CHECK(tree->kind > 0 || (count == 0 && tree->flushed == 0)); /* from MANIFEST or a run */
    DCHECK(tree->id <= UINT32_MAX && tree->flushed <= gather->sequence); /* (I3) */
    fi_sort(runs, named.added_count, sizeof *runs, fi_manifest_edit_compare_runs);
    named.flushed = tree->flushed;
    if (naming->is_again) { /* a run that is named again is removed too */
        named.removed = removed;
        named.removed_count = count;
    }
    if (count > 0 || (tree->flushed > 0 && !tree->is_dropped)) {
        naming->trees[naming->count++] = named;
    }
    return FIRN_OK;
}

static int
rescue_manifest_append(struct naming *naming, struct fi_manifest *manifest, firn_error *err)
{
    struct fi_rescue_gather *gather = naming->gather;
    naming->count = 0;
    for (size_t i = 0; i < gather->trees.count; i++) {
        struct fi_rescue_tree *tree = fi_hash_map_at(&gather->trees, i);
        FI_TRY_RETURN(!naming->is_again || tree->is_changed ? name_tree(naming, tree, err)
                                                            : FIRN_OK);
    }
    DCHECK(naming->count <= gather->trees.count);
    fi_sort(naming->trees, naming->count, sizeof *naming->trees, compare_trees);
    struct fi_manifest_edit edit = {.version = naming->is_again ? 2 : 1,
                                    .next_number =
                                        gather->next_number == 0 ? 1 : gather->next_number,
                                    .sequence = gather->sequence,
                                    .trees = naming->trees,
                                    .tree_count = naming->count};
    if (naming->is_again) {
        edit.log_end = (struct fi_log_position){1, FI_LOG_FORMAT_SEGMENT_SIZE};
    } else {
        edit.history = fi_buf_slice(&gather->history);
    }
    return fi_manifest_append(manifest, &edit, err);
}

static int
name_all(struct naming *naming, struct fi_os_dir *dir, firn_error *err)
{
    struct fi_manifest *manifest = NULL;
    int rc = FIRN_OK;
    naming->trees = fi_alloc_array(naming->gather->trees.count, sizeof *naming->trees);
    if (naming->trees == NULL || sort_runs(naming) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a MANIFEST");
        goto out;
    }
    FI_TRY(fi_manifest_create(dir, NULL, &manifest, err));
    FI_TRY(rescue_manifest_append(naming, manifest, err));
    FI_TRY(fi_rescue_runs(naming->gather, dir, err));
    naming->is_again = true;
    FI_TRY(rescue_manifest_append(naming, manifest, err));
    rc = fi_manifest_close(manifest, err);
    manifest = NULL;
out:
    fi_manifest_abandon(manifest);
    fi_free(naming->trees);
    fi_free(naming->runs);
    return rc;
}

int
fi_rescue_manifest(struct fi_os_dir *from, struct fi_os_dir *to,
                   const struct fi_rescue_manifest_options *options,
                   struct fi_rescue_manifest_result *out, firn_error *err)
{
    struct fi_rescue_gather gather = {.options = options, .result = out};
    struct naming naming = {.gather = &gather};
    int rc;
    DCHECK(options->on_damage != NULL && from != to);
    *out = (struct fi_rescue_manifest_result){0};
    fi_hash_map_init(&gather.runs, sizeof(struct fi_rescue_run), fi_hash_map_first,
                     fi_hash_map_same_number);
    fi_hash_map_init(&gather.trees, sizeof(struct fi_rescue_tree), fi_hash_map_first,
                     fi_hash_map_same_number);
    fi_hash_map_init(&gather.value_files, sizeof(struct fi_manifest_reference), fi_hash_map_first,
                     fi_hash_map_same_number);
    FI_TRY(fi_os_dir_open(to, FI_LSM_RUNS, &gather.runs_dir, err));
    gather.env = (struct fi_run_env){.dir = gather.runs_dir, .cache = options->lsm.cache};
    FI_TRY(fi_rescue_find_all(&gather, from, err));
    FI_TRY(fi_rescue_assess(&gather, err));
    FI_TRY(name_all(&naming, to, err));
    out->sequence = gather.sequence;
    out->history = gather.history;
    gather.history = (struct fi_buf){0};
out:
    fi_hash_map_deinit(&gather.runs);
    fi_hash_map_deinit(&gather.trees);
    fi_hash_map_deinit(&gather.value_files);
    fi_buf_deinit(&gather.history);
    fi_buf_deinit(&gather.numbers);
    fi_arena_deinit(&gather.arena);
    fi_os_dir_close(gather.runs_dir);
    return rc;
}
