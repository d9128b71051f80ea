/* SPDX-License-Identifier: Apache-2.0
 *
 * mend/mend_gather.c: makes a new MANIFEST from the remains of the old one and from the runs
 * themselves.
 *
 * For the repair of a store, in a new directory that shares the runs of the damaged one. The known
 * facts are collected (mend_find.c), the current runs are chosen (mend_judge.c), those that
 * MANIFEST does not name are described (mend_judge.c), and one edit names all of them.
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
#include "mend/mend_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/sort.h"

struct naming {
    struct fi_mend_gather *gather;
    const struct fi_mend_gather_run **runs; /* the chosen ones, those of a tree together */
    size_t run_count;
    struct fi_manifest_tree *trees;
    size_t count;
};

static uint64_t
hash_of(const void *record)
{
    return *(const uint64_t *)record;
}

static bool
is_equal(const void *record, const void *key)
{
    return hash_of(record) == *(const uint64_t *)key;
}

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
    const struct fi_mend_gather_run *x = *(const struct fi_mend_gather_run *const *)a;
    const struct fi_mend_gather_run *y = *(const struct fi_mend_gather_run *const *)b;
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
    naming->runs = fi_alloc_array(count, sizeof(struct fi_mend_gather_run *));
    if (naming->runs == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        const struct fi_mend_gather_run *run = fi_mend_gather_run_at(naming->gather, i);
        if (run->is_taken) {
            naming->runs[naming->run_count++] = run;
        }
    }
    fi_sort(naming->runs, naming->run_count, sizeof(struct fi_mend_gather_run *), compare_runs);
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
place(struct fi_mend_gather *gather, struct fi_manifest_run *run)
{
    bool keeps_groups = run->level == FI_VERSION_HISTORY && gather->result->runs_lost == 0;
    if (keeps_groups || (!gather->has_gap && run->level < FI_VERSION_HISTORY)) {
        DCHECK((run->level == FI_VERSION_HISTORY) == (run->group_count > 0)); /* (I2) */
        return FIRN_OK;
    }
    struct fi_manifest_group *group = fi_arena_alloc(&gather->arena, sizeof *group);
    if (group == NULL) {
        return FIRN_NO_MEMORY;
    }
    *group = (struct fi_manifest_group){.first = run->sequence_min, .last = run->sequence_max};
    run->level = FI_VERSION_HISTORY;
    run->views = 0;
    run->groups = group;
    run->group_count = 1;
    return FIRN_OK;
}

/* (I3). */
static uint64_t
flushed_of(const struct fi_mend_gather_tree *tree, const struct fi_mend_gather_run *run)
{
    DCHECK(run->tree == tree->id);
    return run->has_origin && run->origin.flushed > tree->flushed ? run->origin.flushed
                                                                  : tree->flushed;
}

static int
name_tree(struct naming *naming, struct fi_mend_gather_tree *tree, firn_error *err)
{
    struct fi_mend_gather *gather = naming->gather;
    size_t first = find_runs(naming, tree->id);
    size_t count = find_runs(naming, tree->id + 1) - first;
    struct fi_manifest_run *runs = fi_arena_alloc(&gather->arena, count * sizeof *runs);
    int rc = runs == NULL ? FIRN_NO_MEMORY : FIRN_OK;
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        const struct fi_mend_gather_run *run = naming->runs[first + i];
        /* (I1) */
        CHECK(run->info != NULL && run->is_present);
        CHECK(gather->options->is_newest || (!run->is_gone && !run->is_replaced));
        runs[i] = *run->info;
        rc = place(gather, &runs[i]);
        tree->flushed = flushed_of(tree, run);
        gather->sequence =
            run->info->sequence_max > gather->sequence ? run->info->sequence_max : gather->sequence;
    }
    if (rc != FIRN_OK) {
        return fi_error_no_memory(err, "the runs of a tree");
    }
    gather->sequence = tree->flushed > gather->sequence ? tree->flushed : gather->sequence;
    CHECK(tree->kind > 0 || (count == 0 && tree->flushed == 0)); /* from MANIFEST or a run */
    DCHECK(tree->id <= UINT32_MAX && tree->flushed <= gather->sequence); /* (I3) */
    fi_sort(runs, count, sizeof *runs, fi_manifest_edit_compare_runs);
    if (count > 0 || (tree->flushed > 0 && !tree->is_dropped)) {
        naming->trees[naming->count++] = (struct fi_manifest_tree){.id = (uint32_t)tree->id,
                                                                   .kind = tree->kind,
                                                                   .flushed = tree->flushed,
                                                                   .added = runs,
                                                                   .added_count = count};
    }
    return FIRN_OK;
}

static int
name_all(struct naming *naming, struct fi_os_dir *dir, firn_error *err)
{
    struct fi_mend_gather *gather = naming->gather;
    struct fi_manifest *manifest = NULL;
    int rc = FIRN_OK;
    naming->trees = fi_alloc_array(gather->trees.count, sizeof *naming->trees);
    if (naming->trees == NULL || sort_runs(naming) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a MANIFEST");
        goto out;
    }
    for (size_t i = 0; i < gather->trees.count; i++) {
        FI_TRY(name_tree(naming, fi_hash_map_at(&gather->trees, i), err));
    }
    DCHECK(naming->count <= gather->trees.count);
    fi_sort(naming->trees, naming->count, sizeof *naming->trees, compare_trees);
    const struct fi_manifest_edit edit = {
        .version = 1,
        .next_number = gather->next_number == 0 ? 1 : gather->next_number,
        .sequence = gather->sequence,
        .trees = naming->trees,
        .tree_count = naming->count,
        .history = fi_buf_slice(&gather->history),
    };
    FI_TRY(fi_manifest_create(dir, NULL, &manifest, err));
    FI_TRY(fi_manifest_append(manifest, &edit, err));
    rc = fi_manifest_close(manifest, err);
    manifest = NULL;
out:
    fi_manifest_abandon(manifest);
    fi_free(naming->trees);
    fi_free(naming->runs);
    return rc;
}

/* ---- all of it ---- */

int
fi_mend_gather(struct fi_os_dir *from, struct fi_os_dir *to,
               const struct fi_mend_gather_options *options, struct fi_mend_gather_result *out,
               firn_error *err)
{
    struct fi_mend_gather gather = {.options = options, .result = out};
    struct naming naming = {.gather = &gather};
    int rc;
    DCHECK(options->on_damage != NULL && from != to);
    *out = (struct fi_mend_gather_result){0};
    fi_hash_map_init(&gather.runs, sizeof(struct fi_mend_gather_run), hash_of, is_equal);
    fi_hash_map_init(&gather.trees, sizeof(struct fi_mend_gather_tree), hash_of, is_equal);
    fi_hash_map_init(&gather.value_files, sizeof(struct fi_manifest_reference), hash_of, is_equal);
    FI_TRY(fi_os_dir_open(to, FI_LSM_RUNS, &gather.runs_dir, err));
    gather.env = (struct fi_run_env){.dir = gather.runs_dir, .cache = options->lsm.cache};
    FI_TRY(fi_mend_find_all(&gather, from, err));
    FI_TRY(fi_mend_judge(&gather, err));
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
