/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_origin.c: the origin of a run, as the run itself records it.
 *
 * MANIFEST says which runs are current. If MANIFEST or its end is lost, the runs themselves must
 * show it. So each run records its tree, the files that it replaces, and the files that were
 * replaced before but not yet removed (used by rescue_find.c).
 *
 * (I1) A file is in the list `gone` from the moment at which MANIFEST durably does not name it any
 *      more, or certainly never will, until it is removed. So a run that is finished meanwhile
 *      records it. A run that is finished later makes the removal durable, since both are in one
 *      directory, which is synced when a run gets its name. (Not checked: value files and
 *      attachments are removed without having been in the list.)
 * (I2) If the list cannot be kept, because memory is out or the list is too long, runs record no
 *      origin from then on, rather than a wrong one. (Not checked: fi_lsm_origin_report returns
 *      early.)
 */
#include "lsm/lsm_internal.h"

#include "base/check.h"
#include "base/sort.h"

static size_t
count_of(const struct fi_buf *numbers)
{
    return numbers->size / sizeof(uint64_t);
}

static uint64_t *
numbers_of(const struct fi_buf *numbers)
{
    return (uint64_t *)(void *)numbers->data;
}

/* ---- files that are gone ---- */

void
fi_lsm_origin_note_gone_locked(struct fi_lsm *lsm, uint64_t number)
{
    fi_os_mutex_assert_held(&lsm->mutex);
    DCHECK(number > 0);
    if (fi_buf_append(&lsm->gone, &number, sizeof number) != FIRN_OK) {
        lsm->has_lost_gone = true; /* (I2) */
    }
}

void
fi_lsm_origin_note_removed(struct fi_lsm *lsm, uint64_t number)
{
    fi_os_mutex_lock(&lsm->mutex);
    uint64_t *numbers = numbers_of(&lsm->gone);
    size_t kept = 0;
    for (size_t i = 0; i < count_of(&lsm->gone); i++) {
        if (numbers[i] != number) {
            numbers[kept++] = numbers[i];
        }
    }
    lsm->gone.size = kept * sizeof *numbers;
    fi_os_mutex_unlock(&lsm->mutex);
}

/* Ascending, without duplicates. False if the list is incomplete. */
static bool
copy_gone(struct fi_lsm *lsm, struct fi_buf *out, int *out_rc)
{
    fi_os_mutex_lock(&lsm->mutex);
    bool is_whole = !lsm->has_lost_gone;
    *out_rc = fi_buf_assign(out, fi_buf_slice(&lsm->gone));
    fi_os_mutex_unlock(&lsm->mutex);
    if (*out_rc != FIRN_OK) {
        return false;
    }
    size_t kept = fi_sort_unique_u64(numbers_of(out), count_of(out));
    out->size = kept * sizeof(uint64_t);
    return is_whole && kept <= FI_RUN_ORIGIN_NUMBERS_MAX;
}

/* ---- telling ---- */

void
fi_lsm_origin_begin(struct fi_lsm_origin *origin, struct fi_lsm_tree *tree,
                    enum fi_run_origin_kind kind)
{
    *origin = (struct fi_lsm_origin){.tree = tree, .kind = kind};
}

int
fi_lsm_origin_set_inputs(struct fi_lsm_origin *origin, struct fi_version_file *const *files,
                         size_t count, firn_error *err)
{
    DCHECK(origin->kind == FI_RUN_ORIGIN_COMPACTION && origin->inputs.size == 0);
    for (size_t i = 0; i < count; i++) {
        if (fi_buf_append(&origin->inputs, &files[i]->info.number, sizeof(uint64_t)) != FIRN_OK) {
            return fi_error_no_memory(err, "the inputs of a compaction");
        }
    }
    fi_sort_u64(numbers_of(&origin->inputs), count);
    return FIRN_OK;
}

int
fi_lsm_origin_report(struct fi_lsm_origin *origin, struct fi_run_builder *builder, uint64_t number,
                     bool is_last, firn_error *err)
{
    const struct fi_run_kind *kind = builder->kind;
    int rc;
    if (kind->builder_set_origin == NULL) {
        return FIRN_OK;
    }
    DCHECK(number > 0 && (origin->work == 0) == (origin->part == 0));
    DCHECK(origin->flushed == 0 || origin->kind == FI_RUN_ORIGIN_FLUSH);
    bool is_whole = copy_gone(origin->tree->lsm, &origin->gone, &rc);
    if (rc != FIRN_OK) {
        return fi_error_no_memory(err, "the origin of a run");
    }
    origin->work = origin->work == 0 ? number : origin->work;
    uint32_t part = origin->part++;
    if (!is_whole || count_of(&origin->inputs) > FI_RUN_ORIGIN_NUMBERS_MAX) {
        return FIRN_OK; /* (I2) */
    }
    uint64_t flushed = atomic_load_explicit(&origin->tree->flushed, memory_order_relaxed);
    const struct fi_run_origin told = {
        .kind = origin->kind,
        .tree = origin->tree->id,
        .flushed = origin->flushed > flushed ? origin->flushed : flushed,
        .work = origin->work,
        .part = part,
        .is_last = is_last,
        .inputs = numbers_of(&origin->inputs),
        .input_count = count_of(&origin->inputs),
        .gone = numbers_of(&origin->gone),
        .gone_count = count_of(&origin->gone),
    };
    return kind->builder_set_origin(builder, &told, err);
}

void
fi_lsm_origin_deinit(struct fi_lsm_origin *origin)
{
    fi_buf_deinit(&origin->inputs);
    fi_buf_deinit(&origin->gone);
}

int
fi_lsm_origin_report_scratch(struct fi_run_builder *builder, firn_error *err)
{
    static const struct fi_run_origin told = {.kind = FI_RUN_ORIGIN_SCRATCH};
    return builder->kind->builder_set_origin == NULL
               ? FIRN_OK
               : builder->kind->builder_set_origin(builder, &told, err);
}
