/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_garbage.c: which runs of the last level, and which history runs, to
 * rewrite.
 *
 * Garbage in the last level stays until a compaction from above comes, unless its run is rewritten
 * alone: because half of it is tombstones, older versions or expired values; or, if no work is
 * urgent, because any of it is. The snapshots decide whether that would free anything: a run whose
 * mark (merge.h) says that it was written for the same snapshots is left alone.
 *
 * Versions that now no longer reads after a restore move from the last level to history in the same
 * way: at once if now does not see at least half of a run's sequences, else if no work is urgent.
 *
 * If none of this is to be done, there may be something to do in history. Flushes and compactions
 * write history runs, each for the range of keys that it covered, and compactions of the levels do
 * not rewrite them. The remaining work, in this order:
 *
 * Removal. A run is removed without rewriting when every live snapshot skips it. If checkpoints
 * expire from the oldest on, the runs that only they read are removed in the same order, and
 * nothing is rewritten. Most runs are still needed by the snapshot that needed them the last time,
 * so that snapshot is asked first.
 *
 * Recall. After a restore now may read versions in history. Their runs are merged with all runs of
 * the levels that overlap them: versions that now reads go to the last level, the others to
 * history. All levels must be included, since recalled versions may be newer than theirs. All
 * overlapping history runs that now does not skip are taken at once.
 *
 * Merge. Many small runs cost files, and sources when checkpoints are read. As soon as there are
 * history_runs_target runs of one size (within a factor of eight) or smaller, they are merged; but
 * only up to half of run_bytes_target, so a version is rewritten a few times at most. Only runs
 * that now skips are merged, and it skips the result too (version_history.c). Runs that no snapshot
 * reads are not among them, as they have been removed before: in a merged run, whose groups say
 * less, snapshots would read them again.
 *
 * Rewriting. A deleted checkpoint may leave runs of which other snapshots read only a part.
 * Unhurried compactions rewrite each run whose mark has changed (merge.h).
 *
 * Snapshots are taken before the mutex is locked. A snapshot that is opened later sees what now
 * saw, or what a checkpoint in the list sees, so a run that no snapshot reads then is not read
 * later.
 *
 * If the table has an index of vectors, each run has a graph, and a search walks all of them. So
 * neighbouring runs are merged if one graph over them is not too large, and none of them is more
 * than half of the result: so a version is rewritten only when its run doubles. If no work is
 * urgent, two thirds of the result suffice. Loads that are older than the index have runs of the
 * usual size.
 */
#include "compaction/compaction_internal.h"

#include "base/check.h"
#include "base/sort.h"
#include "version/version.h"

/* ---- history runs: when they are removed, recalled or merged ---- */

enum { SIZE_BITS = 3 }; /* sizes of one class differ by a factor of two to that */

struct search {
    struct fi_lsm_tree *tree;
    const struct fi_version *version;
    const struct fi_version_level *history;
    enum fi_compaction_pick_mode mode;
    const struct fi_merge_snapshot_map *snapshots;
    struct fi_compaction_plan *plan;
};

static void
begin_plan(struct search *search, unsigned level)
{
    *search->plan = (struct fi_compaction_plan){.from = level, .to = level};
}

static void
add_run(struct search *search, size_t i)
{
    struct fi_compaction_plan *plan = search->plan;
    CHECK(plan->history_count < FI_COMPACTION_HISTORY_MAX);
    DCHECK(i < search->history->count);
    plan->history[plan->history_count++] = (uint32_t)i;
    fi_compaction_pick_extend(plan, &search->history->runs[i]);
}

static bool
may_run(const struct search *search)
{
    return search->plan->history_count > 0 &&
           fi_compaction_pick_may_run_locked(search->tree, search->version, search->mode,
                                             search->plan);
}

/* Whether the run, by itself, may be taken. */
static bool
is_free(struct search *search, size_t i)
{
    begin_plan(search, FI_VERSION_HISTORY);
    add_run(search, i);
    return may_run(search);
}

/* ---- removal ---- */

/* Finds all runs that can be removed at once. */
static bool
find_removal(struct search *search)
{
    struct fi_compaction_plan *plan = search->plan;
    struct fi_compaction_plan found = {
        .from = FI_VERSION_HISTORY, .to = FI_VERSION_HISTORY, .is_removal = true};
    for (size_t i = 0; i < search->history->count; i++) {
        struct fi_version_file *file = fi_version_file(search->history, i);
        if (found.history_count < FI_COMPACTION_HISTORY_MAX &&
            !fi_version_history_is_needed_locked(file, &search->tree->lsm->mutex,
                                                 search->snapshots) &&
            is_free(search, i)) {
            *plan = found;
            add_run(search, i);
            found = *plan;
        }
    }
    *plan = found;
    return may_run(search);
}

/* ---- recall ---- */

static bool
is_in_plan(const struct fi_compaction_plan *plan, size_t i)
{
    for (unsigned j = 0; j < plan->history_count; j++) {
        if (plan->history[j] == i) {
            return true;
        }
    }
    return false;
}

static int
compare_places(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Adds runs that now does not skip and that overlap the plan, until there are no more. */
static void
gather_overlapping(struct search *search)
{
    struct fi_compaction_plan *plan = search->plan;
    bool has_grown = true;
    while (has_grown) {
        has_grown = false;
        for (size_t i = 0; i < search->history->count; i++) {
            if (plan->history_count < FI_COMPACTION_HISTORY_MAX && !is_in_plan(plan, i) &&
                fi_version_run_overlaps(&search->history->runs[i], &plan->lower, &plan->upper) &&
                !fi_version_history_is_file_skipped(fi_version_file(search->history, i),
                                                    search->snapshots->now)) {
                add_run(search, i);
                has_grown = true;
            }
        }
    }
    fi_sort(plan->history, plan->history_count, sizeof plan->history[0], compare_places);
}

/* All overlapping runs of the levels are included: recalled versions may be newer. */
static void
plan_recall(struct search *search, size_t i)
{
    const struct fi_version_level *levels = search->version->levels;
    struct fi_compaction_plan *plan = search->plan;
    begin_plan(search, 0);
    plan->to = FI_VERSION_LEVELS - 1;
    add_run(search, i);
    gather_overlapping(search);
    DCHECK(is_in_plan(plan, i));
    plan->end[0] = levels[0].count;
    for (unsigned level = 0; level <= plan->to; level++) {
        if (level > 0) {
            fi_version_overlap(&levels[level], &plan->lower, &plan->upper, &plan->begin[level],
                               &plan->end[level]);
        }
        for (size_t j = plan->begin[level]; j < plan->end[level]; j++) {
            fi_compaction_pick_extend(plan, &levels[level].runs[j]);
        }
    }
}

static bool
find_recall(struct search *search)
{
    for (size_t i = 0; i < search->history->count; i++) {
        struct fi_version_file *file = fi_version_file(search->history, i);
        if (!fi_version_history_is_file_skipped(file, search->snapshots->now)) {
            plan_recall(search, i);
            if (may_run(search)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- merges ---- */

static unsigned
class_of(uint64_t bytes)
{
    unsigned bits = 0;
    for (; bytes > 0; bytes >>= 1) {
        bits++;
    }
    return bits / SIZE_BITS;
}

static uint64_t
bytes_of(const struct search *search, size_t i)
{
    return fi_version_file(search->history, i)->info.file_bytes;
}

/* From the oldest run on: small ones, of this class or a lower one. */
static bool
find_merge_of(struct search *search, unsigned class)
{
    const struct fi_lsm_options *options = &search->tree->lsm->options;
    struct fi_compaction_plan found = {.from = FI_VERSION_HISTORY, .to = FI_VERSION_HISTORY};
    struct fi_compaction_plan *plan = search->plan;
    for (size_t i = search->history->count; i > 0; i--) {
        struct fi_version_file *file = fi_version_file(search->history, i - 1);
        uint64_t bytes = bytes_of(search, i - 1);
        if (found.history_count < FI_COMPACTION_HISTORY_MAX &&
            bytes < options->run_bytes_target / 2 && class_of(bytes) <= class &&
            fi_version_history_is_file_skipped(file, search->snapshots->now) &&
            is_free(search, i - 1)) {
            *plan = found;
            add_run(search, i - 1);
            found = *plan;
        }
    }
    *plan = found;
    fi_sort(plan->history, plan->history_count, sizeof plan->history[0], compare_places);
    DCHECK(plan->from == FI_VERSION_HISTORY || plan->history_count == 0);
    return plan->history_count >= options->history_runs_target && plan->history_count >= 2 &&
           may_run(search);
}

static bool
find_merge(struct search *search)
{
    unsigned most = class_of(search->tree->lsm->options.run_bytes_target / 2);
    for (unsigned class = 0; class <= most; class ++) {
        if (find_merge_of(search, class)) {
            return true;
        }
    }
    return false;
}

/* ---- rewriting ---- */

static int
find_rewriting(struct search *search, bool *out_found, firn_error *err)
{
    for (size_t i = 0; i < search->history->count && !*out_found; i++) {
        const struct fi_manifest_run *info = &fi_version_file(search->history, i)->info;
        uint64_t mark;
        int rc = fi_merge_snapshot_mark_of(search->snapshots, info->sequence_min,
                                           info->sequence_max, &mark, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        *out_found = mark != info->snapshots && is_free(search, i);
    }
    return FIRN_OK;
}

/* ---- all of it ---- */

/* Picks the first of: removing runs that no snapshot reads; bringing versions that now reads back
 * to the last level; merging small runs; and, if no work is urgent, rewriting a run that has
 * something to free. It may run beside the tree's works. The mutex is held. */
static int
history_pick_locked(struct fi_lsm_tree *tree, enum fi_compaction_pick_mode mode,
                    const struct fi_merge_snapshot_map *snapshots, struct fi_compaction_plan *out,
                    bool *out_found, firn_error *err)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    struct search search = {
        .tree = tree,
        .version = version,
        .history = &version->levels[FI_VERSION_HISTORY],
        .mode = mode,
        .snapshots = snapshots,
        .plan = out,
    };
    *out_found = false;
    if (search.history->count == 0 || snapshots->now == NULL) {
        return FIRN_OK;
    }
    *out_found = find_removal(&search) || find_recall(&search) || find_merge(&search);
    DCHECK(!*out_found || out->history_count > 0);
    return *out_found || mode == FI_COMPACTION_PICK_DEMANDED
               ? FIRN_OK
               : find_rewriting(&search, out_found, err);
}

/* Whether a history run that one of the snapshots may read overlaps that run. Runs that no snapshot
 * reads are about to be removed, and compactions ignore them too. The mutex is held. */
static bool
history_is_beside_locked(const struct fi_lsm_tree *tree, const struct fi_version *version,
                         const struct fi_manifest_run *info,
                         const struct fi_merge_snapshot_map *snapshots)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_version_level *history = &version->levels[FI_VERSION_HISTORY];
    for (size_t i = 0; i < history->count; i++) {
        if (fi_version_run_overlaps(&history->runs[i], &info->lower, &info->upper) &&
            fi_version_history_is_needed_locked(fi_version_file(history, i), &tree->lsm->mutex,
                                                snapshots)) {
            return true;
        }
    }
    return false;
}

/* ---- what rewriting a run of the last level would free ---- */

enum {
    LEVEL_LAST = FI_VERSION_LEVELS - 1,
    DENSE_COUNT_MIN = 1024 /* less garbage is not worth a compaction of its own */
};

/* How many entries have certainly expired. */
static uint64_t
expired_of(const struct fi_manifest_run *info, uint64_t time_ms)
{
    return info->expires_last_ms <= time_ms ? info->expiring_count : 0;
}

/* If unhurried, any garbage is enough, else half of the run. */
static bool
has_enough_garbage(const struct fi_manifest_run *info, enum fi_compaction_pick_mode mode,
                   uint64_t time_ms)
{
    uint64_t garbage = fi_compaction_pick_garbage_of(info) + expired_of(info, time_ms);
    return mode != FI_COMPACTION_PICK_DEMANDED
               ? garbage > 0
               : garbage >= DENSE_COUNT_MIN && 2 * garbage >= info->entry_count + info->range_count;
}

/* Whether a rewriting frees something by time alone, under the same snapshots. */
static bool
expires_enough(const struct fi_manifest_run *info, enum fi_compaction_pick_mode mode,
               uint64_t time_ms)
{
    return mode != FI_COMPACTION_PICK_DEMANDED
               ? info->expiring_count > 0 && info->expires_first_ms <= time_ms
               : expired_of(info, time_ms) > 0 && has_enough_garbage(info, mode, time_ms);
}

bool
fi_compaction_garbage_is_likely_locked(const struct fi_lsm_tree *tree,
                                       enum fi_compaction_pick_mode mode)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    const struct fi_version_level *level = &version->levels[LEVEL_LAST];
    if (version->levels[FI_VERSION_HISTORY].count > 0 || tree->has_gaps ||
        mode != FI_COMPACTION_PICK_DEMANDED) {
        /* Versions that no snapshot sees any more need not look like garbage. */
        return level->count + version->levels[FI_VERSION_HISTORY].count > 0;
    }
    for (size_t i = 0; i < level->count; i++) {
        if (has_enough_garbage(&fi_version_file(level, i)->info, mode, UINT64_MAX)) {
            return true;
        }
    }
    return fi_compaction_garbage_has_joint_locked(tree);
}

/* Whether now does not see at least half of the run's sequences; if no work is urgent, any of
 * them. */
static bool
is_unseen(const struct fi_manifest_run *info, enum fi_compaction_pick_mode mode,
          const struct fi_snapshot *now)
{
    if (now == NULL || fi_snapshot_sees_all(now, info->sequence_min, info->sequence_max)) {
        return false;
    }
    uint64_t seen = 0;
    size_t from = fi_snapshot_count_from(now, info->sequence_min);
    for (size_t i = from > 0 ? from - 1 : 0; i < now->count; i++) {
        struct fi_snapshot_interval interval = fi_snapshot_at(now, i);
        uint64_t first = interval.first > info->sequence_min ? interval.first : info->sequence_min;
        uint64_t last = interval.last < info->sequence_max ? interval.last : info->sequence_max;
        if (interval.first > info->sequence_max) {
            break;
        }
        seen += first <= last ? last - first + 1 : 0;
    }
    DCHECK(seen <= info->sequence_max - info->sequence_min + 1);
    return mode != FI_COMPACTION_PICK_DEMANDED ||
           seen <= (info->sequence_max - info->sequence_min + 1) / 2;
}

/* Whether rewriting a suspect run is worthwhile. */
static int
find_use_locked(const struct fi_lsm_tree *tree, const struct fi_version *version,
                const struct fi_version_file *file, bool has_expired,
                const struct fi_merge_snapshot_map *snapshots, bool *out, firn_error *err)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_manifest_run *info = &file->info;
    uint64_t mark;
    int rc =
        fi_merge_snapshot_mark_of(snapshots, info->sequence_min, info->sequence_max, &mark, err);
    if (history_is_beside_locked(tree, version, info, snapshots)) {
        mark = fi_merge_snapshot_mark_beside_history(mark);
    }
    *out = rc == FIRN_OK && (mark != info->snapshots || has_expired);
    return rc;
}

/* Whether rewriting the run may be worthwhile, as far as is cheap to find out. */
static bool
is_suspect(const struct fi_version_file *file, enum fi_compaction_pick_mode mode,
           const struct fi_merge_snapshot_map *snapshots)
{
    return has_enough_garbage(&file->info, mode, UINT64_MAX) ||
           mode != FI_COMPACTION_PICK_DEMANDED ||
           (is_unseen(&file->info, mode, snapshots->now) &&
            file->useless_for != fi_snapshot_at(snapshots->now, snapshots->now->count - 1).first);
}

static int
assess_run_locked(const struct fi_lsm_tree *tree, const struct fi_version *version,
                  struct fi_version_file *file, enum fi_compaction_pick_mode mode,
                  const struct fi_merge_snapshot_map *snapshots, bool *out, firn_error *err)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_manifest_run *info = &file->info;
    *out = false;
    if (!is_suspect(file, mode, snapshots)) {
        return FIRN_OK;
    }
    bool is_seen =
        fi_merge_snapshot_mark_sees_all(snapshots, info->sequence_min, info->sequence_max);
    uint64_t time_ms =
        fi_merge_snapshot_mark_time_ms(snapshots, info->sequence_min, info->sequence_max);
    bool has_expired = expires_enough(info, mode, time_ms);
    bool may_leave = is_unseen(info, mode, snapshots->now);
    if (!has_enough_garbage(info, mode, time_ms) && !has_expired && !may_leave &&
        (is_seen || mode == FI_COMPACTION_PICK_DEMANDED)) {
        return FIRN_OK;
    }
    int rc = find_use_locked(tree, version, file, has_expired, snapshots, out, err);
    if (rc == FIRN_OK && !*out && may_leave) {
        file->useless_for = fi_snapshot_at(snapshots->now, snapshots->now->count - 1).first;
    }
    return rc;
}

/* ---- runs whose graphs would be small ---- */

/* Whether runs with that many bytes and rows together may be merged. */
static bool
may_be_one_locked(const struct fi_lsm_tree *tree, uint64_t bytes, uint64_t rows)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    return bytes <= tree->graph_limits.bytes && rows <= tree->graph_limits.rows;
}

/* The first neighbours, up to *out_end, that should be merged into one run; false: there are
 * none. */
static bool
find_joint_locked(const struct fi_lsm_tree *tree, const struct fi_version_level *level,
                  enum fi_compaction_pick_mode mode, size_t *out_begin, size_t *out_end)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    bool is_found = false;
    for (size_t i = 0; i < level->count && tree->graph_limits.rows > 0 && !is_found; i++) {
        uint64_t bytes = 0;
        uint64_t rows = 0;
        uint64_t largest = 0;
        size_t end = i;
        for (; end < level->count; end++) {
            const struct fi_version_file *file = fi_version_file(level, end);
            if (atomic_load_explicit(&file->is_damaged, memory_order_relaxed) ||
                !may_be_one_locked(tree, bytes + file->info.file_bytes,
                                   rows + file->info.entry_count)) {
                break;
            }
            bytes += file->info.file_bytes;
            rows += file->info.entry_count;
            largest = largest > file->info.file_bytes ? largest : file->info.file_bytes;
        }
        is_found = end >= i + 2 && (mode == FI_COMPACTION_PICK_DEMANDED ? bytes >= 2 * largest
                                                                        : 2 * bytes >= 3 * largest);
        *out_begin = i;
        *out_end = end;
    }
    return is_found;
}

bool
fi_compaction_garbage_has_joint_locked(const struct fi_lsm_tree *tree)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    size_t begin;
    size_t end;
    return find_joint_locked(tree, &version->levels[LEVEL_LAST], FI_COMPACTION_PICK_DEMANDED,
                             &begin, &end);
}

int
fi_compaction_garbage_pick_locked(struct fi_lsm_tree *tree, enum fi_compaction_pick_mode mode,
                                  const struct fi_merge_snapshot_map *snapshots,
                                  struct fi_compaction_plan *out, bool *out_found, firn_error *err)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    const struct fi_version_level *level = &version->levels[LEVEL_LAST];
    *out_found = false;
    for (size_t i = 0; i < level->count && !*out_found; i++) {
        int rc = assess_run_locked(tree, version, fi_version_file(level, i), mode, snapshots,
                                   out_found, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (*out_found) {
            fi_compaction_pick_plan(version, LEVEL_LAST, i, i + 1, LEVEL_LAST, out);
            *out_found = fi_compaction_pick_may_run_locked(tree, version, mode, out);
        }
    }
    if (!*out_found) {
        int rc = history_pick_locked(tree, mode, snapshots, out, out_found, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    size_t begin;
    size_t end;
    if (!*out_found && find_joint_locked(tree, level, mode, &begin, &end)) {
        fi_compaction_pick_plan(version, LEVEL_LAST, begin, end, LEVEL_LAST, out);
        *out_found = fi_compaction_pick_may_run_locked(tree, version, mode, out);
    }
    return FIRN_OK;
}
