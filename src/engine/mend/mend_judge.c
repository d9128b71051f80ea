/* SPDX-License-Identifier: Apache-2.0
 *
 * mend/mend_judge.c: which of the runs that are there count.
 *
 * The files of a crashed store are of four sorts: runs that count; runs that were replaced, and that
 * a reader had open or that were about to be removed; runs of a flush, compaction or load (a *work*)
 * that had not ended; and scratch files. To take a replaced run beside what replaced it would bring
 * deleted keys back, and make counters count twice. So nothing is taken without knowing what it is.
 *
 * That a run is gone is said by MANIFEST, as far as that is left, and by each run that was finished
 * while it still lay there (lsm_origin.c, I1). That a work was named is certain when
 * (C1) MANIFEST says so of one of its runs, or a later compaction had one among its inputs;
 * (C2) it is a compaction, and an input of it is missing, or gone: files go after what replaces them
 *      has been named;
 * (C3) it is a flush, and a run that was made later says that so much had been flushed.
 *
 * Compactions. One that is certain counts, and its inputs do not. Of any other all inputs are there and count,
 * and hold all that its own runs have: these are left out.
 *
 * Flushes. One that is certain counts, and so does one of which all runs are there, with their values.
 * Else, if the log has all of what it flushed, it is left out and replayed. If the log has not, what
 * there is of the flush is taken, and that is told.
 *
 * Loads. One that is certain counts. One of which all runs are there does too, and it is told that it
 * may not have been committed: the log does not say. What there is of any other had not been committed.
 *
 * A run that says nothing of its origin (row format before origins), and that MANIFEST does not name,
 * is left out, and told of, unless another says that it is gone.
 *
 * Where MANIFEST is known to be the newest it alone counts.
 */
#include "mend/mend_gather.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"

static bool
is_of(const struct firn_mend_gather_run *run, const struct firn_run_origin *origin)
{
    return run->is_present && run->has_origin && run->origin.kind == origin->kind &&
           run->origin.tree == origin->tree && run->origin.work == origin->work;
}

void
firn_mend_judge_tell(const struct firn_mend_gather *gather, uint64_t number, const char *what)
{
    char name[FIRN_RUN_FILE_NAME_SIZE];
    char text[2 * FIRN_RUN_FILE_NAME_SIZE + 200];
    firn_run_file_name(number, gather->options->lsm.kind, name);
    (void)snprintf(text, sizeof text, "%s/%s %s", FIRN_LSM_RUNS, name, what);
    gather->options->on_damage(gather->options->ctx, text);
}

/* ---- works ---- */

/* (C3) What runs say of how far trees had been flushed when they were made. */
static void
learn_flushed(struct firn_mend_gather *gather)
{
    for (size_t i = 0; i < gather->runs.count; i++) {
        const struct firn_mend_gather_run *run = firn_mend_gather_run_at(gather, i);
        const struct firn_run_origin *origin = &run->origin;
        if (run->has_origin &&
            (origin->kind == FIRN_RUN_ORIGIN_COMPACTION || origin->kind == FIRN_RUN_ORIGIN_LOAD)) {
            struct firn_mend_gather_tree *tree = firn_mend_find_tree(gather, origin->tree);
            tree->known = origin->flushed > tree->known ? origin->flushed : tree->known;
        }
    }
}

/* Of the other flushes of the tree, and of all else: how far it was flushed for certain. */
static uint64_t
flushed_beside(const struct firn_mend_gather *gather, const struct firn_run_origin *origin)
{
    const struct firn_mend_gather_tree *tree = firn_mend_find_tree(gather, origin->tree);
    DCHECK(tree != NULL);
    return tree->flushed > tree->known ? tree->flushed : tree->known;
}

static bool
was_flushed_again(const struct firn_mend_gather *gather, const struct firn_run_origin *origin)
{
    for (size_t i = 0; i < gather->runs.count; i++) {
        const struct firn_mend_gather_run *run = firn_mend_gather_run_at(gather, i);
        if (run->has_origin && run->origin.kind == FIRN_RUN_ORIGIN_FLUSH &&
            run->origin.tree == origin->tree && run->origin.flushed > origin->flushed) {
            return true;
        }
    }
    return false;
}

static bool
lacks_input(const struct firn_mend_gather *gather, const struct firn_run_origin *origin)
{
    for (size_t i = 0; i < origin->input_count; i++) {
        const struct firn_mend_gather_run *input = firn_mend_find(gather, origin->inputs[i]);
        DCHECK(input != NULL); /* mend_find.c noted it */
        if (!input->is_present || input->is_gone) {
            return true;
        }
    }
    return false;
}

static bool
is_certain(const struct firn_mend_gather *gather, const struct firn_run_origin *origin)
{
    for (size_t i = 0; i < gather->runs.count; i++) {
        const struct firn_mend_gather_run *run = firn_mend_gather_run_at(gather, i);
        if (is_of(run, origin) && run->was_named) {
            return true;
        }
    }
    if (origin->kind == FIRN_RUN_ORIGIN_COMPACTION) {
        return lacks_input(gather, origin);
    }
    return origin->kind == FIRN_RUN_ORIGIN_FLUSH &&
           (origin->flushed <= flushed_beside(gather, origin) || was_flushed_again(gather, origin));
}

/* Whether all runs of a work are there, with their values. */
static int
is_complete(struct firn_mend_gather *gather, const struct firn_run_origin *origin, bool *out,
            firn_error *err)
{
    uint64_t present = 0;
    uint64_t last = UINT64_MAX;
    *out = false;
    for (size_t i = 0; i < gather->runs.count; i++) {
        const struct firn_mend_gather_run *run = firn_mend_gather_run_at(gather, i);
        bool has_values = true;
        if (!is_of(run, origin)) {
            continue;
        }
        int rc = firn_mend_describe_has_values(gather, run, &has_values, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        present += has_values;
        last = run->origin.is_last ? run->origin.part : last;
    }
    *out = last != UINT64_MAX && present == last + 1;
    return FIRN_OK;
}

/* Whether the log has all commits since the tree was flushed for certain. */
static bool
is_in_log(const struct firn_mend_gather *gather, const struct firn_run_origin *origin)
{
    return gather->options->log_sequence <= flushed_beside(gather, origin) + 1;
}

static int
judge_flush(struct firn_mend_gather *gather, const struct firn_mend_gather_run *run, bool *out,
            firn_error *err)
{
    int rc = is_complete(gather, &run->origin, out, err);
    if (rc == FIRN_OK && !*out && !is_in_log(gather, &run->origin)) {
        firn_mend_judge_tell(
            gather, run->number,
            "is of a flush of which other files are missing: what it has is taken");
        gather->result->doubts++;
        *out = true;
    }
    return rc;
}

static int
judge_load(struct firn_mend_gather *gather, const struct firn_mend_gather_run *run, bool *out,
           firn_error *err)
{
    int rc = is_complete(gather, &run->origin, out, err);
    if (rc == FIRN_OK) {
        firn_mend_judge_tell(gather, run->number,
                             *out ? "is of a load that may not have been committed: it is taken"
                                  : "is of a load that had not ended: it is left out");
        gather->result->doubts++;
    }
    return rc;
}

/* Whether the work of the run counts. */
static int
judge_work(struct firn_mend_gather *gather, const struct firn_mend_gather_run *run, bool *out,
           firn_error *err)
{
    *out = is_certain(gather, &run->origin);
    if (*out) {
        return FIRN_OK;
    }
    switch (run->origin.kind) {
    case FIRN_RUN_ORIGIN_FLUSH:
        return judge_flush(gather, run, out, err);
    case FIRN_RUN_ORIGIN_LOAD:
        return judge_load(gather, run, out, err);
    case FIRN_RUN_ORIGIN_COMPACTION:
    case FIRN_RUN_ORIGIN_SCRATCH:
    default:
        return FIRN_OK;
    }
}

/* ---- runs ---- */

static void
mark_inputs(struct firn_mend_gather *gather, const struct firn_run_origin *origin)
{
    for (size_t i = 0; i < origin->input_count; i++) {
        firn_mend_find(gather, origin->inputs[i])->is_replaced = true;
    }
}

/* All runs of a work at once. */
static int
judge_unnamed(struct firn_mend_gather *gather, const struct firn_mend_gather_run *run,
              firn_error *err)
{
    DCHECK(run->has_origin && !run->is_named && !run->is_gone && !run->is_judged);
    bool counts = false;
    int rc = judge_work(gather, run, &counts, err);
    for (size_t i = 0; i < gather->runs.count && rc == FIRN_OK; i++) {
        struct firn_mend_gather_run *other = firn_mend_gather_run_at(gather, i);
        if (is_of(other, &run->origin)) {
            other->is_judged = true;
            other->is_taken = counts && !other->is_named && !other->is_gone;
            other->tree = other->origin.tree;
        }
    }
    return rc;
}

/* What is left out, and nobody says why. */
static void
tell_left_out(struct firn_mend_gather *gather, const struct firn_mend_gather_run *run)
{
    DCHECK(run->is_present && !run->is_named && !run->is_taken);
    if (run->is_damaged) {
        firn_mend_judge_tell(gather, run->number, "cannot be read, and MANIFEST does not name it");
        gather->result->runs_lost++;
    } else if (!run->has_origin) {
        firn_mend_judge_tell(gather, run->number,
                             "does not say which keyspace it is of, nor does MANIFEST: it is left "
                             "out");
        gather->result->runs_lost++;
    }
}

/* Whether some compaction that MANIFEST does not tell of may have replaced the run. */
static bool
may_be_replaced(const struct firn_mend_gather *gather, const struct firn_mend_gather_run *missing)
{
    for (size_t i = 0; i < gather->runs.count; i++) {
        const struct firn_mend_gather_run *run = firn_mend_gather_run_at(gather, i);
        if (run->is_taken && !run->is_named && run->tree == missing->tree &&
            run->origin.kind == FIRN_RUN_ORIGIN_COMPACTION && run->info != NULL &&
            firn_slice_compare(run->info->lower, missing->info->upper) < 0 &&
            firn_slice_compare(missing->info->lower, run->info->upper) < 0) {
            return true;
        }
    }
    return false;
}

static void
look_for_missing(struct firn_mend_gather *gather)
{
    for (size_t i = 0; i < gather->runs.count; i++) {
        const struct firn_mend_gather_run *run = firn_mend_gather_run_at(gather, i);
        if (run->is_named && !run->is_present && !run->is_gone && !run->is_replaced &&
            (gather->options->is_newest || !may_be_replaced(gather, run))) {
            firn_mend_judge_tell(gather, run->number, "is missing");
            gather->result->runs_lost++;
        }
    }
}

static int
take_unnamed(struct firn_mend_gather *gather, firn_error *err)
{
    DCHECK(!gather->options->is_newest);
    int rc = FIRN_OK;
    learn_flushed(gather);
    for (size_t i = 0; i < gather->runs.count; i++) {
        struct firn_mend_gather_run *run = firn_mend_gather_run_at(gather, i);
        if (run->is_present && !run->is_named && !run->is_gone && !run->is_judged &&
            run->has_origin) {
            FIRN_TRY(judge_unnamed(gather, run, err));
        }
    }
    /* Named ones too: MANIFEST may name an input only because its end is lost. */
    for (size_t i = 0; i < gather->runs.count; i++) {
        const struct firn_mend_gather_run *run = firn_mend_gather_run_at(gather, i);
        if (run->has_origin && run->origin.kind == FIRN_RUN_ORIGIN_COMPACTION &&
            is_certain(gather, &run->origin)) {
            mark_inputs(gather, &run->origin);
        }
    }
    for (size_t i = 0; i < gather->runs.count; i++) {
        struct firn_mend_gather_run *run = firn_mend_gather_run_at(gather, i);
        bool is_out = run->is_gone || run->is_replaced;
        run->is_taken = run->is_taken && !is_out;
        if (run->is_taken) {
            FIRN_TRY(firn_mend_describe(gather, run->number, err));
            run->is_taken = !run->is_damaged;
            firn_mend_find_tree(gather, run->tree)->has_unnamed |= run->is_taken;
            gather->result->runs_taken += run->is_taken;
        } else if (run->is_present && !run->is_named && !is_out) {
            tell_left_out(gather, run);
        }
    }
out:
    return rc;
}

int
firn_mend_judge(struct firn_mend_gather *gather, firn_error *err)
{
    int rc = gather->options->is_newest ? FIRN_OK : take_unnamed(gather, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    look_for_missing(gather);
    for (size_t i = 0; i < gather->runs.count; i++) {
        struct firn_mend_gather_run *run = firn_mend_gather_run_at(gather, i);
        bool counts = gather->options->is_newest || (!run->is_gone && !run->is_replaced);
        run->is_taken = run->is_taken || (run->is_named && run->is_present && counts);
    }
    return FIRN_OK;
}
