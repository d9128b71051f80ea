/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_work.c: handing out flushes and compactions.
 *
 * A work is picked under the mutex, which is quick, and run later without it, by any thread. From
 * picking to its end it is in its tree's list of works and holds what it needs: references to
 * memtables or to a version, and the reservation of its runs.
 *
 * (I1) A tree has one flush at a time, of its oldest frozen memtables: so flushes are installed in
 *      order.
 * (I2) Two compactions of a tree run concurrently only if their ranges of keys or their ranges of
 *      levels do not overlap (compaction_pick.c).
 *
 * (I3) Small flushes of several trees are picked as one work, and so are small compactions: their
 *      cost is not the bytes but the syncs, which they share (compaction.c). Together such flushes
 *      have no more than one memtable may hold, so that memory is not freed late. (Not checked: it
 *      only matters for cost.)
 *
 * Flushes come before compactions: they free memory and log. The tree whose oldest frozen memtable
 * was frozen first comes first.
 */
#include "base/check.h"
#include "base/mem.h"
#include "compaction/compaction_internal.h"

/* More frozen memtables than this wait for the next flush. */
enum { FLUSH_MEMTABLES_MAX = 8 };

/* (I3) At most this many works run together, … */
enum { SHARED_WORKS_MAX = 128 };
/* … and compactions only if they read at most this much, each and all together. */
enum { SHARED_COMPACTION_BYTES_MAX = 1 << 20, SHARED_COMPACTIONS_BYTES_MAX = 4 << 20 };

static bool
is_wanted_locked(const struct fi_lsm_tree *tree, const struct fi_compaction_work_wish *wish)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    return !tree->is_dropping && !tree->is_held && (wish->tree == NULL || wish->tree == tree);
}

static struct fi_compaction_work *
make_work_locked(struct fi_lsm_tree *tree, enum fi_compaction_work_kind kind)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    DCHECK(!tree->is_dropping && !tree->is_held);
    struct fi_compaction_work *work = fi_alloc_zeroed(sizeof *work);
    if (work != NULL) {
        work->kind = kind;
        work->lsm = tree->lsm;
        work->tree = tree;
        work->next = tree->works;
        tree->works = work;
    }
    return work;
}

struct fi_compaction_work *
fi_compaction_work_make_locked(struct fi_lsm_tree *tree)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    return make_work_locked(tree, FI_COMPACTION_WORK_COMPACTION);
}

/* ---- flushes ---- */

static bool
may_flush_locked(const struct fi_lsm_tree *tree, const struct fi_compaction_work_wish *wish)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_lsm_superversion *state =
        atomic_load_explicit(&tree->state, memory_order_relaxed);
    return is_wanted_locked(tree, wish) && !tree->is_flushing && state->memtable_count >= 2;
}

/* The tree that has waited longest for a flush; NULL if none does. */
static struct fi_lsm_tree *
find_flush_locked(struct fi_lsm *lsm, const struct fi_compaction_work_wish *wish)
{
    fi_os_mutex_assert_held(&lsm->mutex);
    struct fi_lsm_tree *found = NULL;
    uint64_t oldest = UINT64_MAX;
    for (size_t i = 0; i < lsm->tree_count; i++) {
        struct fi_lsm_tree *tree = lsm->trees[i];
        const struct fi_lsm_superversion *state =
            atomic_load_explicit(&tree->state, memory_order_relaxed);
        if (!may_flush_locked(tree, wish)) {
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
make_flush_locked(struct fi_lsm_tree *tree, struct fi_compaction_work **out, firn_error *err)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_lsm_superversion *state =
        atomic_load_explicit(&tree->state, memory_order_relaxed);
    DCHECK(!tree->is_flushing && state->memtable_count >= 2); /* (I1) */
    size_t frozen = state->memtable_count - 1;
    size_t count = frozen < FLUSH_MEMTABLES_MAX ? frozen : FLUSH_MEMTABLES_MAX;
    struct fi_tree_memtable **memtables = fi_alloc_array(count, sizeof(struct fi_tree_memtable *));
    struct fi_compaction_work *work =
        memtables == NULL ? NULL : make_work_locked(tree, FI_COMPACTION_WORK_FLUSH);
    if (work == NULL) {
        fi_free(memtables);
        return fi_error_no_memory(err, "a flush");
    }
    for (size_t i = 0; i < count; i++) {
        memtables[i] = state->memtables[state->memtable_count - count + i];
        DCHECK(memtables[i]->freeze_number > 0);
        fi_lsm_superversion_ref_memtable(memtables[i]);
    }
    work->memtables = memtables;
    work->memtable_count = count;
    tree->is_flushing = true;
    *out = work;
    return FIRN_OK;
}

static size_t
bytes_of_flush(const struct fi_compaction_work *work)
{
    size_t bytes = 0;
    for (size_t i = 0; i < work->memtable_count; i++) {
        bytes += atomic_load_explicit(&work->memtables[i]->counted_bytes, memory_order_relaxed);
    }
    return bytes;
}

/* The flush of the tree that has waited longest; if it is small, those of others too (I3). */
static int
pick_flushes_locked(struct fi_lsm *lsm, const struct fi_compaction_work_wish *wish,
                    struct fi_compaction_work **out, firn_error *err)
{
    fi_os_mutex_assert_held(&lsm->mutex);
    DCHECK(*out == NULL);
    struct fi_lsm_tree *tree = find_flush_locked(lsm, wish);
    int rc = tree == NULL ? FIRN_OK : make_flush_locked(tree, out, err);
    if (rc != FIRN_OK || *out == NULL) {
        return rc;
    }
    struct fi_compaction_work *last = *out;
    size_t bytes = bytes_of_flush(last);
    size_t count = 1;
    for (size_t i = 0; i < lsm->tree_count && count < SHARED_WORKS_MAX &&
                       bytes < lsm->options.memtable_bytes_target;
         i++) {
        struct fi_compaction_work *also;
        if (!may_flush_locked(lsm->trees[i], wish)) {
            continue;
        }
        if (make_flush_locked(lsm->trees[i], &also, NULL) != FIRN_OK) {
            break; /* later, then */
        }
        last->also = also;
        last = also;
        bytes += bytes_of_flush(also);
        count++;
    }
    return FIRN_OK;
}

/* ---- compactions ---- */

/* (I2) */
static bool
meets_no_work_locked(const struct fi_lsm_tree *tree, const struct fi_compaction_plan *plan)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    return fi_compaction_pick_may_run_locked(tree, version, FI_COMPACTION_PICK_DAMAGED, plan);
}

static int
make_compaction_locked(const struct fi_compaction_pick *pick, struct fi_compaction_work **out,
                       firn_error *err)
{
    fi_os_mutex_assert_held(&pick->tree->lsm->mutex);
    CHECK(meets_no_work_locked(pick->tree, &pick->plan));
    struct fi_compaction_work *work = make_work_locked(pick->tree, FI_COMPACTION_WORK_COMPACTION);
    if (work == NULL) {
        return fi_error_no_memory(err, "a compaction");
    }
    work->version = atomic_load_explicit(&pick->tree->state, memory_order_relaxed)->version;
    fi_version_ref(work->version);
    work->plan = pick->plan;
    *out = work;
    return FIRN_OK;
}

/* Picks what the wish asks for in a tree, if that is more urgent than what was found. */
static void
pick_in_tree_locked(struct fi_lsm_tree *tree, const struct fi_compaction_work_wish *wish,
                    enum fi_compaction_pick_mode mode, struct fi_compaction_pick *pick)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    if (!is_wanted_locked(tree, wish)) {
        return;
    }
    if (wish->is_brief) {
        fi_compaction_pick_one_locked(tree, wish->room_bytes, pick);
    } else if (wish->range != NULL) {
        fi_compaction_pick_range_locked(tree, mode, wish->range, wish->room_bytes, pick);
    } else {
        fi_compaction_pick_locked(tree, mode, wish->room_bytes, pick);
    }
}

/* Whether it may share a work with others (I3): no progress is reported, and room is not
 * limited. */
static bool
may_share(const struct fi_compaction_work_wish *wish, enum fi_compaction_pick_mode mode)
{
    return wish->tree == NULL && wish->range == NULL && wish->step == NULL &&
           wish->room_bytes == 0 && mode == FI_COMPACTION_PICK_DEMANDED;
}

/* Adds other small compactions. */
static void
share_locked(struct fi_lsm *lsm, const struct fi_compaction_work_wish *wish,
             enum fi_compaction_pick_mode mode, struct fi_compaction_work *last)
{
    fi_os_mutex_assert_held(&lsm->mutex);
    DCHECK(last->also == NULL);
    uint64_t bytes = fi_compaction_pick_bytes(last->version, &last->plan);
    size_t count = 1;
    if (!may_share(wish, mode) || bytes > SHARED_COMPACTION_BYTES_MAX) {
        return;
    }
    for (size_t i = 0; i < lsm->tree_count && count < SHARED_WORKS_MAX; i++) {
        struct fi_compaction_pick pick = {0};
        struct fi_lsm_tree *tree = lsm->trees[i];
        if (tree->works == NULL) {
            pick_in_tree_locked(tree, wish, mode, &pick);
        }
        if (pick.tree == NULL) {
            continue;
        }
        const struct fi_version *version =
            atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
        uint64_t more = fi_compaction_pick_bytes(version, &pick.plan);
        if (more > SHARED_COMPACTION_BYTES_MAX || bytes + more > SHARED_COMPACTIONS_BYTES_MAX) {
            continue;
        }
        if (make_compaction_locked(&pick, &last->also, NULL) != FIRN_OK) {
            return; /* later, then */
        }
        last = last->also;
        bytes += more;
        count++;
    }
}

static int
pick_compaction(struct fi_lsm *lsm, const struct fi_compaction_work_wish *wish,
                enum fi_compaction_pick_mode mode, struct fi_compaction_work **out, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_compaction_pick pick = {0};
    fi_os_mutex_lock(&lsm->mutex);
    for (size_t i = 0; i < lsm->tree_count; i++) {
        pick_in_tree_locked(lsm->trees[i], wish, mode, &pick);
    }
    if (pick.tree != NULL) {
        rc = make_compaction_locked(&pick, out, err);
    }
    if (pick.tree != NULL && rc == FIRN_OK) {
        share_locked(lsm, wish, mode, *out);
    }
    fi_os_mutex_unlock(&lsm->mutex);
    return rc;
}

/* Whether a tree may have something to rewrite that the wish asks for. */
static bool
is_suspect_locked(const struct fi_lsm_tree *tree, const struct fi_compaction_work_wish *wish,
                  enum fi_compaction_pick_mode mode)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    return wish->outdated != NULL ? fi_compaction_renew_is_due_locked(tree, wish->outdated)
                                  : fi_compaction_garbage_is_likely_locked(tree, mode);
}

/* The first tree with a number from *id on that may have garbage in its last level, or outdated
 * files, as a work without a plan, which conflicts with no other: it prevents the tree from being
 * dropped. *id is advanced. */
static int
pick_suspect(struct fi_lsm *lsm, const struct fi_compaction_work_wish *wish,
             enum fi_compaction_pick_mode mode, uint64_t *id, struct fi_compaction_work **out,
             firn_error *err)
{
    int rc = FIRN_OK;
    fi_os_mutex_lock(&lsm->mutex);
    for (size_t i = 0; i < lsm->tree_count && *out == NULL && rc == FIRN_OK; i++) {
        struct fi_lsm_tree *tree = lsm->trees[i];
        if (tree->id < *id || !is_wanted_locked(tree, wish) ||
            !is_suspect_locked(tree, wish, mode)) {
            continue;
        }
        *id = (uint64_t)tree->id + 1;
        *out = make_work_locked(tree, FI_COMPACTION_WORK_COMPACTION);
        if (*out == NULL) {
            rc = fi_error_no_memory(err, "a compaction");
        }
    }
    fi_os_mutex_unlock(&lsm->mutex);
    return rc;
}

/* Gives the suspect a plan, if it has something to free. */
static int
plan_suspect(struct fi_compaction_work *work, const struct fi_compaction_work_wish *wish,
             enum fi_compaction_pick_mode mode, bool *out_found, firn_error *err)
{
    struct fi_lsm *lsm = work->lsm;
    struct fi_compaction_work_snapshots snapshots;
    struct fi_compaction_plan plan;
    *out_found = false;
    FI_TRY_RETURN(fi_compaction_work_take_snapshots(work, &snapshots, err));
    fi_os_mutex_lock(&lsm->mutex);
    int rc = FIRN_OK;
    if (wish->outdated != NULL) {
        *out_found =
            fi_compaction_renew_pick_locked(work->tree, wish->outdated, &snapshots.map, &plan);
    } else {
        rc = fi_compaction_garbage_pick_locked(work->tree, mode, &snapshots.map, &plan, out_found,
                                               err);
    }
    if (rc == FIRN_OK && *out_found) {
        CHECK(meets_no_work_locked(work->tree, &plan));
        work->plan = plan;
        work->version = atomic_load_explicit(&work->tree->state, memory_order_relaxed)->version;
        fi_version_ref(work->version);
    }
    fi_os_mutex_unlock(&lsm->mutex);
    fi_compaction_work_release_snapshots(work, &snapshots);
    return rc;
}

static int
pick_garbage(struct fi_lsm *lsm, const struct fi_compaction_work_wish *wish,
             enum fi_compaction_pick_mode mode, struct fi_compaction_work **out, firn_error *err)
{
    int rc = FIRN_OK;
    uint64_t id = 0;
    struct fi_compaction_work *suspect = NULL;
    FI_TRY(pick_suspect(lsm, wish, mode, &id, &suspect, err));
    while (suspect != NULL) {
        bool is_found;
        FI_TRY(plan_suspect(suspect, wish, mode, &is_found, err));
        if (is_found) {
            suspect->plan.leaving.from =
                wish->room_bytes == 0 ? FI_COMPACTION_LEAVE_ANY : FI_COMPACTION_LEAVE_LISTED;
            *out = suspect;
            return FIRN_OK;
        }
        fi_compaction_work_discard(suspect);
        suspect = NULL;
        FI_TRY(pick_suspect(lsm, wish, mode, &id, &suspect, err));
    }
out:
    fi_compaction_work_discard(suspect);
    return rc;
}

/* Picks a compaction that frees space in value files. */
static int
pick_values(struct fi_lsm *lsm, const struct fi_compaction_work_wish *wish,
            enum fi_compaction_pick_mode mode, struct fi_compaction_work **out, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_compaction_pick pick = {0};
    fi_os_mutex_lock(&lsm->mutex);
    for (size_t i = 0; i < lsm->tree_count && pick.tree == NULL; i++) {
        struct fi_lsm_tree *tree = lsm->trees[i];
        if (is_wanted_locked(tree, wish) &&
            fi_compaction_sparse_pick_locked(tree, mode, wish->room_bytes, &pick.plan)) {
            pick.tree = tree;
        }
    }
    if (pick.tree != NULL) {
        rc = make_compaction_locked(&pick, out, err);
    }
    fi_os_mutex_unlock(&lsm->mutex);
    return rc;
}

static int
pick_any_compaction(struct fi_lsm *lsm, const struct fi_compaction_work_wish *wish,
                    struct fi_compaction_work **out, firn_error *err)
{
    DCHECK(wish->range == NULL || wish->is_unhurried);
    if (wish->outdated != NULL) {
        return pick_garbage(lsm, wish, FI_COMPACTION_PICK_UNHURRIED, out, err);
    }
    int rc = FIRN_OK;
    unsigned mode = wish->is_unhurried ? FI_COMPACTION_PICK_UNHURRIED : FI_COMPACTION_PICK_DEMANDED;
    bool is_all = !wish->is_brief && wish->range == NULL;
    unsigned last = wish->is_unhurried ? FI_COMPACTION_PICK_DAMAGED : mode;
    for (; rc == FIRN_OK && *out == NULL && mode <= last; mode++) {
        rc = pick_compaction(lsm, wish, mode, out, err);
        if (rc == FIRN_OK && *out == NULL && is_all) {
            rc = pick_garbage(lsm, wish, mode, out, err);
        }
        if (rc == FIRN_OK && *out == NULL && is_all) {
            rc = pick_values(lsm, wish, mode, out, err);
        }
    }
    return rc;
}

int
fi_compaction_work_pick(struct fi_lsm *lsm, const struct fi_compaction_work_wish *wish,
                        struct fi_compaction_work **out, firn_error *err)
{
    int rc = FIRN_OK;
    *out = NULL;
    if (lsm->options.is_read_only) {
        return FIRN_OK;
    }
    if (wish->flushes) {
        fi_os_mutex_lock(&lsm->mutex);
        rc = pick_flushes_locked(lsm, wish, out, err);
        fi_os_mutex_unlock(&lsm->mutex);
    }
    if (rc == FIRN_OK && *out == NULL && wish->compactions) {
        rc = pick_any_compaction(lsm, wish, out, err);
    }
    if (rc == FIRN_OK && *out == NULL && wish->compactions && wish->is_unhurried &&
        wish->room_bytes != 0) {
        /* A compaction that reads much may write little. */
        struct fi_compaction_work_wish daring = *wish;
        daring.room_bytes = 0;
        rc = pick_any_compaction(lsm, &daring, out, err);
    }
    if (*out != NULL) {
        (*out)->step = wish->step;
    }
    return rc;
}

/* ---- snapshots ---- */

int
fi_compaction_work_take_snapshots(const struct fi_compaction_work *work,
                                  struct fi_compaction_work_snapshots *out, firn_error *err)
{
    const struct fi_lsm_host *host = &work->lsm->options.host;
    *out = (struct fi_compaction_work_snapshots){.is_taken = false};
    FI_TRY_RETURN(host->take_snapshots(host->ctx, work->tree->id, &out->list, err));
    DCHECK(out->list.place_count > 0); /* now, at least */
    int rc = fi_merge_snapshot_map_init(&out->map, &out->list, err);
    out->is_taken = rc == FIRN_OK;
    if (rc != FIRN_OK) {
        host->release_snapshots(host->ctx, &out->list);
    }
    return rc;
}

void
fi_compaction_work_release_snapshots(const struct fi_compaction_work *work,
                                     struct fi_compaction_work_snapshots *snapshots)
{
    const struct fi_lsm_host *host = &work->lsm->options.host;
    if (snapshots->is_taken) {
        fi_merge_snapshot_map_deinit(&snapshots->map);
        host->release_snapshots(host->ctx, &snapshots->list);
        snapshots->is_taken = false;
    }
}

/* ---- the end ---- */

enum fi_compaction_work_kind
fi_compaction_work_kind(const struct fi_compaction_work *work)
{
    return work->kind;
}

static void
unlink_work_locked(struct fi_compaction_work *work)
{
    fi_os_mutex_assert_held(&work->lsm->mutex);
    DCHECK(work->kind != FI_COMPACTION_WORK_FLUSH || work->tree->is_flushing); /* (I1) */
    struct fi_compaction_work **link = &work->tree->works;
    while (*link != work) {
        link = &(*link)->next;
    }
    *link = work->next;
    if (work->kind == FI_COMPACTION_WORK_FLUSH) {
        work->tree->is_flushing = false;
    }
}

void
fi_compaction_work_discard(struct fi_compaction_work *work)
{
    while (work != NULL) {
        struct fi_lsm *lsm = work->lsm;
        struct fi_compaction_work *also = work->also;
        fi_os_mutex_lock(&lsm->mutex);
        unlink_work_locked(work);
        fi_os_cond_broadcast(&lsm->changed);
        fi_os_mutex_unlock(&lsm->mutex);
        for (size_t i = 0; i < work->memtable_count; i++) {
            fi_lsm_superversion_unref_memtable(work->memtables[i]);
        }
        fi_free(work->memtables);
        fi_version_unref(work->version);
        fi_free(work);
        work = also;
    }
}
