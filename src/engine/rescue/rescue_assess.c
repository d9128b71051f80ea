/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue_assess.c: which of the existing runs are current.
 *
 * The files of a crashed store are of four sorts: current runs; replaced runs, which a reader had
 * open or which were about to be removed; runs of a flush, compaction or load (a *work*) that had
 * not ended; and scratch files. Taking a replaced run together with its replacement would bring
 * deleted keys back, and make counters count twice. So nothing is taken without knowing what it is.
 *
 * MANIFEST, as far as it is left, says that a run is gone, and so does each run that was finished
 * while the gone one was not yet removed (lsm_origin.c, I1). A work was certainly named if
 * (C1) MANIFEST named one of its runs, or a later compaction had one among its inputs;
 * (C2) it is a compaction, and one of its inputs is missing or gone: files are removed only after
 *      their replacements have been named;
 * (C3) it is a flush, and a run that was made later says that the tree had been flushed as far.
 *
 * Compactions. The runs of a certain compaction are taken, and its inputs are not. The inputs of
 * any other compaction are all there and are taken; they have everything that is in its runs, which
 * are left out.
 *
 * Flushes. The runs of a certain flush are taken, and so are those of a complete one, with all runs
 * and their values. Otherwise, if the log has everything that was flushed, the flush is left out
 * and the log is replayed. If the log does not, the existing runs of the flush are taken, and that
 * is reported.
 *
 * Loads. The runs of a certain load are taken. So are those of a complete load, with a notice that
 * it may not have been committed: the log does not say. Any other load had not been committed.
 *
 * A run that records no origin (an old row format), and that MANIFEST does not name, is left out
 * and reported, unless another run says that it is gone.
 *
 * If MANIFEST is known to be the newest one, it alone decides.
 *
 * Runs are sorted by work, so a store of n runs takes O(n log n) steps.
 */
#include "rescue/rescue_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"
#include "base/sort.h"

static void
rescue_assess_report(const struct fi_rescue_gather *gather, uint64_t number, const char *what)
{
    char name[FI_VERSION_FILE_NAME_SIZE];
    char text[2 * FI_VERSION_FILE_NAME_SIZE + 200];
    const struct fi_run_kind *const *kinds = gather->options->lsm.kinds;
    const struct fi_rescue_run *run = fi_rescue_find_run(gather, number);
    const struct fi_run_kind *kind = run != NULL ? run->kind : NULL;
    if (kind == NULL && run != NULL && run->info != NULL) {
        kind = fi_run_kind_find(kinds, run->info->kind);
    }
    fi_version_file_name(number, kind != NULL ? kind : kinds[0], name);
    (void)snprintf(text, sizeof text, "%s/%s %s", FI_LSM_RUNS, name, what);
    gather->options->on_damage(gather->options->ctx, text);
}

static void
rescue_assess_lose(struct fi_rescue_gather *gather, uint64_t number, const char *why)
{
    rescue_assess_report(gather, number, why);
    gather->result->runs_lost++;
}

void
fi_rescue_assess_lost(struct fi_rescue_gather *gather, const char *text)
{
    gather->options->on_damage(gather->options->ctx, text);
    gather->result->runs_lost++;
}

/* ---- works ---- */

/* The existing runs of one work, by number. */
struct work {
    struct fi_rescue_run **runs;
    size_t count; /* from 1 on */
};

/* The origin of one of them; all have the same inputs. */
static const struct fi_run_origin *
origin_of(const struct work *work)
{
    DCHECK(work->count > 0 && work->runs[0]->is_present && work->runs[0]->has_origin);
    return &work->runs[0]->origin;
}

static int
compare_works(const struct fi_rescue_run *x, const struct fi_rescue_run *y)
{
    const struct fi_run_origin *a = &x->origin;
    const struct fi_run_origin *b = &y->origin;
    return a->kind != b->kind   ? (a->kind > b->kind) - (a->kind < b->kind)
           : a->tree != b->tree ? (a->tree > b->tree) - (a->tree < b->tree)
                                : (a->work > b->work) - (a->work < b->work);
}

static int
compare_runs(const void *a, const void *b)
{
    const struct fi_rescue_run *x = *(struct fi_rescue_run *const *)a;
    const struct fi_rescue_run *y = *(struct fi_rescue_run *const *)b;
    int order = compare_works(x, y);
    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

/* The runs with an origin, sorted by work. The caller frees out->runs. */
static int
sort_works(const struct fi_rescue_gather *gather, struct work *out, firn_error *err)
{
    out->count = 0;
    out->runs = fi_alloc_array(gather->runs.count, sizeof(struct fi_rescue_run *));
    if (out->runs == NULL) {
        return fi_error_no_memory(err, "the origins of runs");
    }
    for (size_t i = 0; i < gather->runs.count; i++) {
        struct fi_rescue_run *run = fi_rescue_run_at(gather, i);
        if (run->is_present && run->has_origin) {
            out->runs[out->count++] = run;
        }
    }
    fi_sort(out->runs, out->count, sizeof(struct fi_rescue_run *), compare_runs);
    return FIRN_OK;
}

/* (C3) Notes what runs say about how far trees had been flushed when they were made. */
static void
learn_flushed(struct fi_rescue_gather *gather)
{
    for (size_t i = 0; i < gather->runs.count; i++) {
        const struct fi_rescue_run *run = fi_rescue_run_at(gather, i);
        const struct fi_run_origin *origin = &run->origin;
        if (!run->has_origin || origin->kind == FI_RUN_ORIGIN_SCRATCH) {
            continue;
        }
        struct fi_rescue_tree *tree = fi_rescue_find_tree(gather, origin->tree);
        DCHECK(tree != NULL); /* rescue_find.c noted it */
        uint64_t *known = origin->kind == FI_RUN_ORIGIN_FLUSH ? &tree->flushed_last : &tree->known;
        *known = origin->flushed > *known ? origin->flushed : *known;
    }
}

/* How far the tree was certainly flushed, by everything but this flush. */
static uint64_t
flushed_beside(const struct fi_rescue_gather *gather, const struct fi_run_origin *origin)
{
    const struct fi_rescue_tree *tree = fi_rescue_find_tree(gather, origin->tree);
    DCHECK(tree != NULL);
    return tree->flushed > tree->known ? tree->flushed : tree->known;
}

/* Whether a later flush is there. */
static bool
was_flushed_again(const struct fi_rescue_gather *gather, const struct fi_run_origin *origin)
{
    return fi_rescue_find_tree(gather, origin->tree)->flushed_last > origin->flushed;
}

static bool
lacks_input(const struct fi_rescue_gather *gather, const struct fi_run_origin *origin)
{
    for (size_t i = 0; i < origin->input_count; i++) {
        const struct fi_rescue_run *input = fi_rescue_find_run(gather, origin->inputs[i]);
        DCHECK(input != NULL); /* rescue_find.c noted it */
        if (!input->is_present || input->is_gone) {
            return true;
        }
    }
    return false;
}

static bool
is_certain(const struct fi_rescue_gather *gather, const struct work *work)
{
    const struct fi_run_origin *origin = origin_of(work);
    for (size_t i = 0; i < work->count; i++) {
        if (work->runs[i]->was_named) {
            return true;
        }
    }
    if (origin->kind == FI_RUN_ORIGIN_COMPACTION) {
        return lacks_input(gather, origin);
    }
    return origin->kind == FI_RUN_ORIGIN_FLUSH &&
           (origin->flushed <= flushed_beside(gather, origin) || was_flushed_again(gather, origin));
}

/* Whether all runs of a work are there, with their values. */
static int
is_complete(struct fi_rescue_gather *gather, const struct work *work, bool *out, firn_error *err)
{
    uint64_t present = 0;
    uint64_t last = UINT64_MAX;
    *out = false;
    for (size_t i = 0; i < work->count; i++) {
        const struct fi_rescue_run *run = work->runs[i];
        struct fi_manifest_run info;
        firn_error found;
        bool has_values;
        int rc = fi_rescue_describe(gather, run, &info, &found);
        FI_TRY_RETURN(fi_rescue_sift(rc, &found, &has_values, err));
        present += has_values;
        last = run->origin.is_last ? run->origin.part : last;
    }
    *out = last != UINT64_MAX && present == last + 1;
    return FIRN_OK;
}

/* Whether the log has all commits after those that were certainly flushed. */
static bool
is_in_log(const struct fi_rescue_gather *gather, const struct fi_run_origin *origin)
{
    return gather->options->log_sequence <= flushed_beside(gather, origin) + 1;
}

static int
assess_flush(struct fi_rescue_gather *gather, const struct work *work, bool *out, firn_error *err)
{
    int rc = is_complete(gather, work, out, err);
    if (rc == FIRN_OK && !*out && !is_in_log(gather, origin_of(work))) {
        rescue_assess_report(
            gather, work->runs[0]->number,
            "belongs to a flush whose other files are missing: its entries are used");
        gather->result->doubts++;
        *out = true;
    }
    return rc;
}

static int
assess_load(struct fi_rescue_gather *gather, const struct work *work, bool *out, firn_error *err)
{
    int rc = is_complete(gather, work, out, err);
    if (rc == FIRN_OK) {
        rescue_assess_report(gather, work->runs[0]->number,
                             *out ? "is of a load that may not have been committed: it is taken"
                                  : "is of a load that had not ended: it is left out");
        gather->result->doubts++;
    }
    return rc;
}

/* Whether the runs of a work that is not certain are taken. */
static int
assess_uncertain(struct fi_rescue_gather *gather, const struct work *work, bool *out,
                 firn_error *err)
{
    *out = false;
    switch (origin_of(work)->kind) {
    case FI_RUN_ORIGIN_FLUSH:
        return assess_flush(gather, work, out, err);
    case FI_RUN_ORIGIN_LOAD:
        return assess_load(gather, work, out, err);
    case FI_RUN_ORIGIN_COMPACTION:
    case FI_RUN_ORIGIN_SCRATCH:
    default:
        return FIRN_OK;
    }
}

/* ---- runs ---- */

static void
mark_inputs(struct fi_rescue_gather *gather, const struct work *work)
{
    DCHECK(origin_of(work)->kind == FI_RUN_ORIGIN_COMPACTION);
    for (size_t i = 0; i < work->count; i++) {
        const struct fi_run_origin *origin = &work->runs[i]->origin;
        for (size_t j = 0; j < origin->input_count; j++) {
            fi_rescue_find_run(gather, origin->inputs[j])->is_replaced = true;
        }
    }
}

static bool
is_open_question(const struct fi_rescue_run *run)
{
    return !run->is_named && !run->is_gone;
}

/* All runs of a work at once. */
static int
assess_work(struct fi_rescue_gather *gather, const struct work *work, firn_error *err)
{
    bool counts = is_certain(gather, work);
    bool is_asked = false;
    for (size_t i = 0; i < work->count; i++) {
        is_asked = is_asked || is_open_question(work->runs[i]);
    }
    if (counts && origin_of(work)->kind == FI_RUN_ORIGIN_COMPACTION) {
        /* Even if all runs are named: MANIFEST may name an input only because its end is lost. */
        mark_inputs(gather, work);
    }
    if (!is_asked) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(counts ? FIRN_OK : assess_uncertain(gather, work, &counts, err));
    for (size_t i = 0; i < work->count; i++) {
        struct fi_rescue_run *run = work->runs[i];
        run->is_taken = counts && is_open_question(run);
        run->tree = run->origin.tree;
    }
    return FIRN_OK;
}

static int
assess_works(struct fi_rescue_gather *gather, firn_error *err)
{
    struct work all;
    struct work work;
    int rc;
    FI_TRY(sort_works(gather, &all, err));
    for (size_t i = 0; i < all.count; i += work.count) {
        work = (struct work){.runs = all.runs + i, .count = 1};
        while (i + work.count < all.count &&
               compare_works(all.runs[i], all.runs[i + work.count]) == 0) {
            work.count++;
        }
        FI_TRY(assess_work(gather, &work, err));
    }
out:
    fi_free(all.runs);
    return rc;
}

/* Reports a run that is left out without a recorded reason. */
static void
report_left_out(struct fi_rescue_gather *gather, const struct fi_rescue_run *run)
{
    DCHECK(run->is_present && !run->is_named && !run->is_taken);
    if (run->is_damaged) {
        rescue_assess_lose(gather, run->number, "cannot be read, and MANIFEST does not name it");
    } else if (!run->has_origin) {
        rescue_assess_lose(gather, run->number,
                           "does not say which keyspace it is of, nor does MANIFEST: it is left "
                           "out");
    }
}

/* ---- missing runs ---- */

/* The keys that compactions unknown to MANIFEST have written in one tree. */
struct stretch {
    uint32_t tree;
    firn_slice lower;
    firn_slice upper; /* the highest one of the tree up to here */
};

static int
compare_stretches(const void *a, const void *b)
{
    const struct stretch *x = a;
    const struct stretch *y = b;
    return x->tree != y->tree ? (x->tree > y->tree) - (x->tree < y->tree)
                              : fi_slice_compare(x->lower, y->lower);
}

static int
list_stretches(const struct fi_rescue_gather *gather, struct fi_buf *out, firn_error *err)
{
    for (size_t i = 0; i < gather->runs.count; i++) {
        const struct fi_rescue_run *run = fi_rescue_run_at(gather, i);
        if (run->is_taken && !run->is_named && run->origin.kind == FI_RUN_ORIGIN_COMPACTION &&
            run->info != NULL) {
            const struct stretch stretch = {run->tree, run->info->lower, run->info->upper};
            if (fi_buf_append(out, &stretch, sizeof stretch) != FIRN_OK) {
                return fi_error_no_memory(err, "the bounds of runs");
            }
        }
    }
    struct stretch *list = (void *)out->data;
    size_t count = out->size / sizeof *list;
    fi_sort(list, count, sizeof *list, compare_stretches);
    for (size_t i = 1; i < count; i++) {
        if (list[i].tree == list[i - 1].tree &&
            fi_slice_compare(list[i].upper, list[i - 1].upper) < 0) {
            list[i].upper = list[i - 1].upper;
        }
    }
    return FIRN_OK;
}

/* Whether one of those compactions may have replaced the run: their keys overlap. */
static bool
may_be_replaced(const struct fi_buf *stretches, const struct fi_rescue_run *missing)
{
    const struct stretch *list = (const void *)stretches->data;
    const struct stretch end = {.tree = missing->tree, .lower = missing->info->upper};
    size_t low = 0;
    size_t high = stretches->size / sizeof *list;
    FI_SEARCH_FIRST(low, high, middle, compare_stretches(&list[middle], &end) < 0)
    return low > 0 && list[low - 1].tree == missing->tree &&
           fi_slice_compare(missing->info->lower, list[low - 1].upper) < 0;
}

static int
find_missing(struct fi_rescue_gather *gather, firn_error *err)
{
    struct fi_buf stretches = {0};
    int rc;
    FI_TRY(list_stretches(gather, &stretches, err));
    for (size_t i = 0; i < gather->runs.count; i++) {
        const struct fi_rescue_run *run = fi_rescue_run_at(gather, i);
        if (run->is_named && !run->is_present && !run->is_gone && !run->is_replaced &&
            (gather->options->is_newest || !may_be_replaced(&stretches, run))) {
            rescue_assess_lose(gather, run->number, "is missing");
        }
    }
out:
    fi_buf_deinit(&stretches);
    return rc;
}

/* All runs of a tree are of one kind: that in MANIFEST, or else that of the first run. */
static bool
is_of_kind(struct fi_rescue_gather *gather, const struct fi_rescue_run *run)
{
    struct fi_rescue_tree *tree = fi_rescue_find_tree(gather, run->tree);
    tree->kind = tree->kind == 0 ? (uint8_t)run->kind->file_kind : tree->kind;
    if (tree->kind == (uint8_t)run->kind->file_kind) {
        return true;
    }
    rescue_assess_lose(gather, run->number,
                       "is not of the kind of its keyspace's runs: it is left out");
    return false;
}

/* Makes the info of a run that MANIFEST does not name. An unreadable run is marked as damaged and
 * reported. */
static int
make_info(struct fi_rescue_gather *gather, struct fi_rescue_run *run, firn_error *err)
{
    firn_error found;
    bool is_sound;
    DCHECK(run->is_taken && !run->is_named);
    run->info = fi_arena_alloc(&gather->arena, sizeof *run->info);
    if (run->info == NULL) {
        return fi_error_no_memory(err, "a run");
    }
    int rc = fi_rescue_describe(gather, run, run->info, &found);
    FI_TRY_RETURN(fi_rescue_sift(rc, &found, &is_sound, err));
    if (!is_sound) {
        run->info = NULL;
        run->is_damaged = true;
        fi_rescue_assess_lost(gather, found.text);
    }
    return FIRN_OK;
}

/* Notes what MANIFEST says about value files. All runs say the same about one value file. */
static int
learn_value_files(struct fi_rescue_gather *gather, firn_error *err)
{
    for (size_t i = 0; i < gather->runs.count; i++) {
        const struct fi_manifest_run *info = fi_rescue_run_at(gather, i)->info;
        for (size_t j = 0; info != NULL && j < info->reference_count; j++) {
            const struct fi_manifest_reference *reference = &info->references[j];
            if (fi_hash_map_find(&gather->value_files, reference->number, &reference->number) ==
                    NULL &&
                fi_hash_map_insert(&gather->value_files, reference->number, reference) == NULL) {
                return fi_error_no_memory(err, "the value files of runs");
            }
        }
    }
    return FIRN_OK;
}

static int
take_unnamed(struct fi_rescue_gather *gather, firn_error *err)
{
    DCHECK(!gather->options->is_newest);
    learn_flushed(gather);
    FI_TRY_RETURN(learn_value_files(gather, err));
    FI_TRY_RETURN(assess_works(gather, err));
    for (size_t i = 0; i < gather->runs.count; i++) {
        struct fi_rescue_run *run = fi_rescue_run_at(gather, i);
        bool is_out = run->is_gone || run->is_replaced;
        run->is_taken = run->is_taken && !is_out;
        if (run->is_taken) {
            FI_TRY_RETURN(make_info(gather, run, err));
            run->is_taken = !run->is_damaged && is_of_kind(gather, run);
            gather->result->runs_taken += run->is_taken;
        } else if (run->is_present && !run->is_named && !is_out) {
            report_left_out(gather, run);
        }
    }
    return FIRN_OK;
}

int
fi_rescue_assess(struct fi_rescue_gather *gather, firn_error *err)
{
    FI_TRY_RETURN(gather->options->is_newest ? FIRN_OK : take_unnamed(gather, err));
    FI_TRY_RETURN(find_missing(gather, err));
    for (size_t i = 0; i < gather->runs.count; i++) {
        struct fi_rescue_run *run = fi_rescue_run_at(gather, i);
        bool counts = gather->options->is_newest || (!run->is_gone && !run->is_replaced);
        run->is_taken = run->is_taken || (run->is_named && run->is_present && counts);
    }
    return FIRN_OK;
}
