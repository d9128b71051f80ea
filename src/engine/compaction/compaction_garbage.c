/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_garbage.c: what writing a run of the last level again would free.
 *
 * In the last level garbage stays until something comes from above, unless a run is written again
 * for its own sake: because half of it are tombstones, older versions or what has expired; or, where
 * nobody is in a hurry, because any of it is. Whether that would free anything is told by the views:
 * a run that was written for the same ones, as its mark says (merge_view_mark.h), is left alone.
 *
 * What now does not read any more, after a restore, leaves the last level likewise, for history: at
 * once where as much as half of a run's sequences are not now's, else where nobody is in a hurry.
 *
 * Where nothing of this is to be done, history may have something (compaction_history.c).
 */
#include "compaction/compaction_garbage.h"

#include "base/check.h"
#include "compaction/compaction_history.h"
#include "merge/merge_view_mark.h"

enum {
    LEVEL_LAST = FIRN_VERSION_LEVELS - 1,
    DENSE_COUNT_MIN = 1024 /* less garbage is not worth a compaction of its own */
};

/* What time has made garbage of: as much as is certain. */
static uint64_t
expired_of(const struct firn_manifest_run *info, uint64_t time_ms)
{
    return info->expires_last_ms <= time_ms ? info->expiring_count : 0;
}

/* Without a hurry any garbage counts, else only where it is half of the run. */
static bool
has_enough_garbage(const struct firn_manifest_run *info, enum firn_compaction_pick_mode mode,
                   uint64_t time_ms)
{
    uint64_t garbage = firn_compaction_pick_garbage_of(info) + expired_of(info, time_ms);
    return mode != FIRN_COMPACTION_PICK_DEMANDED
               ? garbage > 0
               : garbage >= DENSE_COUNT_MIN && 2 * garbage >= info->entry_count + info->range_count;
}

/* Whether a rewriting frees something by time alone, under the same views. */
static bool
expires_enough(const struct firn_manifest_run *info, enum firn_compaction_pick_mode mode,
               uint64_t time_ms)
{
    return mode != FIRN_COMPACTION_PICK_DEMANDED
               ? info->expiring_count > 0 && info->expires_first_ms <= time_ms
               : expired_of(info, time_ms) > 0 && has_enough_garbage(info, mode, time_ms);
}

bool
firn_compaction_garbage_is_likely_locked(const struct firn_lsm_tree *tree,
                                         enum firn_compaction_pick_mode mode)
{
    firn_os_mutex_assert_held(&tree->lsm->mutex);
    const struct firn_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    const struct firn_version_level *level = &version->levels[LEVEL_LAST];
    if (version->levels[FIRN_VERSION_HISTORY].count > 0 || tree->has_gaps ||
        mode != FIRN_COMPACTION_PICK_DEMANDED) {
        /* What no view sees any more need not look like garbage. */
        return level->count + version->levels[FIRN_VERSION_HISTORY].count > 0;
    }
    for (size_t i = 0; i < level->count; i++) {
        if (has_enough_garbage(&firn_version_file(level, i)->info, mode, UINT64_MAX)) {
            return true;
        }
    }
    return false;
}

/* Whether now does not see as much as half of the run's sequences; where nobody is in a hurry, any
 * of them. */
static bool
is_unseen(const struct firn_manifest_run *info, enum firn_compaction_pick_mode mode,
          const struct firn_view *now)
{
    if (now == NULL || firn_view_sees_all(now, info->sequence_min, info->sequence_max)) {
        return false;
    }
    uint64_t seen = 0;
    size_t from = firn_view_count_from(now, info->sequence_min);
    for (size_t i = from > 0 ? from - 1 : 0; i < now->count; i++) {
        struct firn_view_interval interval = firn_view_at(now, i);
        uint64_t first = interval.first > info->sequence_min ? interval.first : info->sequence_min;
        uint64_t last = interval.last < info->sequence_max ? interval.last : info->sequence_max;
        if (interval.first > info->sequence_max) {
            break;
        }
        seen += first <= last ? last - first + 1 : 0;
    }
    DCHECK(seen <= info->sequence_max - info->sequence_min + 1);
    return mode != FIRN_COMPACTION_PICK_DEMANDED ||
           seen <= (info->sequence_max - info->sequence_min + 1) / 2;
}

/* Of a run whose rewriting may be worth it, whether it is. */
static int
find_use_locked(const struct firn_lsm_tree *tree, const struct firn_version *version,
                const struct firn_run_file *file, bool has_expired,
                const struct firn_merge_view_map *views, bool *out, firn_error *err)
{
    firn_os_mutex_assert_held(&tree->lsm->mutex);
    const struct firn_manifest_run *info = &file->info;
    uint64_t mark;
    int rc = firn_merge_view_mark_of(views, info->sequence_min, info->sequence_max, &mark, err);
    if (firn_compaction_history_is_beside_locked(tree, version, info, views)) {
        mark = firn_merge_view_mark_beside_history(mark);
    }
    *out = rc == FIRN_OK && (mark != info->views || has_expired);
    return rc;
}

/* Whether the run may be worth a rewriting, as far as can be told without much looking. */
static bool
is_suspect(const struct firn_run_file *file, enum firn_compaction_pick_mode mode,
           const struct firn_merge_view_map *views)
{
    return has_enough_garbage(&file->info, mode, UINT64_MAX) ||
           mode != FIRN_COMPACTION_PICK_DEMANDED ||
           (is_unseen(&file->info, mode, views->now) &&
            file->settled_for != firn_view_at(views->now, views->now->count - 1).first);
}

static int
judge_run_locked(const struct firn_lsm_tree *tree, const struct firn_version *version,
                 struct firn_run_file *file, enum firn_compaction_pick_mode mode,
                 const struct firn_merge_view_map *views, bool *out, firn_error *err)
{
    firn_os_mutex_assert_held(&tree->lsm->mutex);
    const struct firn_manifest_run *info = &file->info;
    *out = false;
    if (!is_suspect(file, mode, views)) {
        return FIRN_OK;
    }
    bool is_seen = firn_merge_view_mark_sees_all(views, info->sequence_min, info->sequence_max);
    uint64_t time_ms = firn_merge_view_mark_time_ms(views, info->sequence_min, info->sequence_max);
    bool has_expired = expires_enough(info, mode, time_ms);
    bool may_leave = is_unseen(info, mode, views->now);
    if (!has_enough_garbage(info, mode, time_ms) && !has_expired && !may_leave &&
        (is_seen || mode == FIRN_COMPACTION_PICK_DEMANDED)) {
        return FIRN_OK;
    }
    int rc = find_use_locked(tree, version, file, has_expired, views, out, err);
    if (rc == FIRN_OK && !*out && may_leave) {
        file->settled_for = firn_view_at(views->now, views->now->count - 1).first;
    }
    return rc;
}

int
firn_compaction_garbage_pick_locked(struct firn_lsm_tree *tree, enum firn_compaction_pick_mode mode,
                                    const struct firn_merge_view_map *views,
                                    struct firn_compaction_plan *out, bool *out_found,
                                    firn_error *err)
{
    firn_os_mutex_assert_held(&tree->lsm->mutex);
    const struct firn_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    const struct firn_version_level *level = &version->levels[LEVEL_LAST];
    *out_found = false;
    for (size_t i = 0; i < level->count && !*out_found; i++) {
        int rc = judge_run_locked(tree, version, firn_version_file(level, i), mode, views,
                                  out_found, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (*out_found) {
            firn_compaction_pick_plan(version, LEVEL_LAST, i, i + 1, LEVEL_LAST, out);
            *out_found = firn_compaction_pick_may_run_locked(tree, version, mode, out);
        }
    }
    return *out_found ? FIRN_OK
                      : firn_compaction_history_pick_locked(tree, mode, views, out, out_found, err);
}
