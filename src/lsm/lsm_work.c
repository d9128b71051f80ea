/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_work.c: handing out flushes and compactions.
 *
 * A work is picked under the mutex, which is quick, and run later without it, by whichever thread.
 * From picking to its end it hangs on its tree and has what it needs: references to memtables or to
 * a version, and marks on the runs that it takes.
 *
 * (I1) One flush at a time a tree, of its oldest frozen memtables: so flushes are installed in
 *      order.
 * (I2) Two compactions of a tree run beside each other only if the ranges of their keys or those of
 *      their levels do not meet (compaction_pick.c).
 *
 * Flushes come before compactions: they free memory and log. Among trees the one goes first whose
 * oldest frozen memtable was frozen first.
 */
#include "base/mem.h"
#include "lsm/compaction.h"
#include "lsm/compaction_garbage.h"
#include "lsm/flush.h"
#include "lsm/lsm_internal.h"
#include "lsm/value_live.h"

/* More frozen memtables than this wait for the next flush. */
enum { FLUSH_MEMTABLES_MAX = 8 };

static bool
is_wanted_locked(const struct firn_lsm_tree *tree, const struct firn_lsm_work_wish *wish)
{
    return !tree->is_dropping && !tree->is_held && (wish->tree == NULL || wish->tree == tree);
}

static struct firn_lsm_work *
make_work_locked(struct firn_lsm_tree *tree, enum firn_lsm_work_kind kind)
{
    struct firn_lsm_work *work = firn_alloc_zeroed(sizeof *work);
    if (work != NULL) {
        work->kind = kind;
        work->lsm = tree->lsm;
        work->tree = tree;
        work->next = tree->works;
        tree->works = work;
    }
    return work;
}

/* ---- flushes ---- */

/* The tree that has waited longest for a flush; NULL if none does. */
static struct firn_lsm_tree *
find_flush_locked(struct firn_lsm *lsm, const struct firn_lsm_work_wish *wish)
{
    struct firn_lsm_tree *found = NULL;
    uint64_t oldest = UINT64_MAX;
    for (size_t i = 0; i < lsm->tree_count; i++) {
        struct firn_lsm_tree *tree = lsm->trees[i];
        const struct firn_tree_state *state =
            atomic_load_explicit(&tree->state, memory_order_relaxed);
        if (!is_wanted_locked(tree, wish) || tree->is_flushing || state->memtable_count < 2) {
            continue;
        }
        uint64_t number = state->memtables[state->memtable_count - 1]->freeze_number;
        if (number < oldest) {
            oldest = number;
            found = tree;
        }
    }
    return found;
}

static int
make_flush_locked(struct firn_lsm_tree *tree, struct firn_lsm_work **out, firn_error *err)
{
    const struct firn_tree_state *state = atomic_load_explicit(&tree->state, memory_order_relaxed);
    size_t frozen = state->memtable_count - 1;
    size_t count = frozen < FLUSH_MEMTABLES_MAX ? frozen : FLUSH_MEMTABLES_MAX;
    struct firn_tree_memtable **memtables =
        firn_alloc_array(count, sizeof(struct firn_tree_memtable *));
    struct firn_lsm_work *work =
        memtables == NULL ? NULL : make_work_locked(tree, FIRN_LSM_WORK_FLUSH);
    if (work == NULL) {
        firn_free(memtables);
        return firn_error_no_memory(err, "a flush");
    }
    for (size_t i = 0; i < count; i++) {
        memtables[i] = state->memtables[state->memtable_count - count + i];
        firn_tree_state_ref_memtable(memtables[i]);
    }
    work->memtables = memtables;
    work->memtable_count = count;
    tree->is_flushing = true;
    *out = work;
    return FIRN_OK;
}

/* ---- compactions ---- */

static int
make_compaction_locked(const struct firn_compaction_pick *pick, struct firn_lsm_work **out,
                       firn_error *err)
{
    struct firn_lsm_work *work = make_work_locked(pick->tree, FIRN_LSM_WORK_COMPACTION);
    if (work == NULL) {
        return firn_error_no_memory(err, "a compaction");
    }
    work->version = atomic_load_explicit(&pick->tree->state, memory_order_relaxed)->version;
    firn_version_ref(work->version);
    work->plan = pick->plan;
    *out = work;
    return FIRN_OK;
}

static int
pick_compaction(struct firn_lsm *lsm, const struct firn_lsm_work_wish *wish,
                enum firn_compaction_pick_mode mode, struct firn_lsm_work **out, firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_compaction_pick pick = {0};
    firn_os_mutex_lock(&lsm->mutex);
    for (size_t i = 0; i < lsm->tree_count; i++) {
        if (is_wanted_locked(lsm->trees[i], wish) &&
            (!wish->is_brief || firn_compaction_pick_is_scattered_locked(lsm->trees[i]))) {
            firn_compaction_pick_locked(lsm->trees[i], mode, &pick);
        }
    }
    if (pick.tree != NULL) {
        rc = make_compaction_locked(&pick, out, err);
    }
    firn_os_mutex_unlock(&lsm->mutex);
    return rc;
}

/* The first tree with a number from *id on that may have garbage in its last level, as a work
 * without a plan, which meets no other: it keeps the tree from being dropped. *id is advanced. */
static int
pick_suspect(struct firn_lsm *lsm, const struct firn_lsm_work_wish *wish,
             enum firn_compaction_pick_mode mode, uint64_t *id, struct firn_lsm_work **out,
             firn_error *err)
{
    int rc = FIRN_OK;
    firn_os_mutex_lock(&lsm->mutex);
    for (size_t i = 0; i < lsm->tree_count && *out == NULL && rc == FIRN_OK; i++) {
        struct firn_lsm_tree *tree = lsm->trees[i];
        if (tree->id < *id || !is_wanted_locked(tree, wish) ||
            !firn_compaction_garbage_is_likely_locked(tree, mode)) {
            continue;
        }
        *id = (uint64_t)tree->id + 1;
        *out = make_work_locked(tree, FIRN_LSM_WORK_COMPACTION);
        if (*out == NULL) {
            rc = firn_error_no_memory(err, "a compaction");
        }
    }
    firn_os_mutex_unlock(&lsm->mutex);
    return rc;
}

/* Gives the suspect a plan, if there is something to free. */
static int
plan_suspect(struct firn_lsm_work *work, enum firn_compaction_pick_mode mode, bool *out_found,
             firn_error *err)
{
    struct firn_lsm *lsm = work->lsm;
    const struct firn_lsm_host *host = &lsm->options.host;
    struct firn_view_list views = {0};
    struct firn_compaction_plan plan;
    *out_found = false;
    int rc = host->take_views(host->ctx, work->tree->id, &views, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_os_mutex_lock(&lsm->mutex);
    rc = firn_compaction_garbage_pick_locked(work->tree, mode, &views, &plan, out_found, err);
    if (rc == FIRN_OK && *out_found) {
        work->plan = plan;
        work->version = atomic_load_explicit(&work->tree->state, memory_order_relaxed)->version;
        firn_version_ref(work->version);
    }
    firn_os_mutex_unlock(&lsm->mutex);
    host->release_views(host->ctx, &views);
    return rc;
}

static int
pick_garbage(struct firn_lsm *lsm, const struct firn_lsm_work_wish *wish,
             enum firn_compaction_pick_mode mode, struct firn_lsm_work **out, firn_error *err)
{
    int rc = FIRN_OK;
    uint64_t id = 0;
    struct firn_lsm_work *suspect = NULL;
    FIRN_TRY(pick_suspect(lsm, wish, mode, &id, &suspect, err));
    while (suspect != NULL) {
        bool is_found;
        FIRN_TRY(plan_suspect(suspect, mode, &is_found, err));
        if (is_found) {
            *out = suspect;
            return FIRN_OK;
        }
        firn_lsm_work_discard(suspect);
        suspect = NULL;
        FIRN_TRY(pick_suspect(lsm, wish, mode, &id, &suspect, err));
    }
out:
    firn_lsm_work_discard(suspect);
    return rc;
}

/* What frees space in value files. */
static int
pick_values(struct firn_lsm *lsm, const struct firn_lsm_work_wish *wish,
            enum firn_compaction_pick_mode mode, struct firn_lsm_work **out, firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_compaction_pick pick = {0};
    firn_os_mutex_lock(&lsm->mutex);
    for (size_t i = 0; i < lsm->tree_count && pick.tree == NULL; i++) {
        struct firn_lsm_tree *tree = lsm->trees[i];
        if (is_wanted_locked(tree, wish) && firn_value_live_pick_locked(tree, mode, &pick.plan)) {
            pick.tree = tree;
        }
    }
    if (pick.tree != NULL) {
        rc = make_compaction_locked(&pick, out, err);
    }
    firn_os_mutex_unlock(&lsm->mutex);
    return rc;
}

int
firn_lsm_work_pick(struct firn_lsm *lsm, const struct firn_lsm_work_wish *wish,
                   struct firn_lsm_work **out, firn_error *err)
{
    int rc = FIRN_OK;
    *out = NULL;
    if (lsm->options.is_read_only) {
        return FIRN_OK;
    }
    if (wish->flushes) {
        firn_os_mutex_lock(&lsm->mutex);
        struct firn_lsm_tree *tree = find_flush_locked(lsm, wish);
        rc = tree == NULL ? FIRN_OK : make_flush_locked(tree, out, err);
        firn_os_mutex_unlock(&lsm->mutex);
    }
    unsigned mode =
        wish->is_unhurried ? FIRN_COMPACTION_PICK_UNHURRIED : FIRN_COMPACTION_PICK_DEMANDED;
    unsigned last = wish->is_unhurried ? FIRN_COMPACTION_PICK_DAMAGED : mode;
    for (; rc == FIRN_OK && *out == NULL && wish->compactions && mode <= last; mode++) {
        rc = pick_compaction(lsm, wish, mode, out, err);
        if (rc == FIRN_OK && *out == NULL && !wish->is_brief) {
            rc = pick_garbage(lsm, wish, mode, out, err);
        }
        if (rc == FIRN_OK && *out == NULL && !wish->is_brief) {
            rc = pick_values(lsm, wish, mode, out, err);
        }
    }
    if (*out != NULL) {
        (*out)->step = wish->step;
    }
    return rc;
}

/* ---- running ---- */

enum firn_lsm_work_kind
firn_lsm_work_kind(const struct firn_lsm_work *work)
{
    return work->kind;
}

static void
unlink_work_locked(struct firn_lsm_work *work)
{
    struct firn_lsm_work **link = &work->tree->works;
    while (*link != work) {
        link = &(*link)->next;
    }
    *link = work->next;
    if (work->kind == FIRN_LSM_WORK_FLUSH) {
        work->tree->is_flushing = false;
    }
}

void
firn_lsm_work_discard(struct firn_lsm_work *work)
{
    if (work == NULL) {
        return;
    }
    struct firn_lsm *lsm = work->lsm;
    firn_os_mutex_lock(&lsm->mutex);
    unlink_work_locked(work);
    firn_os_cond_broadcast(&lsm->changed);
    firn_os_mutex_unlock(&lsm->mutex);
    for (size_t i = 0; i < work->memtable_count; i++) {
        firn_tree_state_unref_memtable(work->memtables[i]);
    }
    firn_free(work->memtables);
    firn_version_unref(work->version);
    firn_free(work);
}

int
firn_lsm_work_run(struct firn_lsm_work *work, firn_error *err)
{
    struct firn_lsm *lsm = work->lsm;
    int rc = work->kind == FIRN_LSM_WORK_FLUSH ? firn_flush_run(work, err)
                                               : firn_compaction_run(work, err);
    firn_lsm_work_discard(work);
    firn_lsm_collect(lsm);
    return rc;
}
