/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version_history.c: which snapshots can skip which history runs.
 *
 * A flush or a compaction puts what "now" reads into its level, and what only other live snapshots
 * read into history runs beside all levels, in level 7: versions that are superseded for now, and
 * versions that now does not see since a restore. So the levels contain what now reads, however
 * many checkpoints there are, and compactions of the levels do not rewrite history.
 *
 * For each key, versions in memtables are newer than all those in history. But history and the
 * levels are not ordered by age: versions that a flush put into history may be newer than those in
 * deep levels, and after a restore now may read versions older than those in history. So a read of
 * both takes the newest version that the snapshot sees, not the first.
 *
 * When a snapshot need not look. For each version v in a run, its group says that now did not see
 * v, or names a range of sequences that includes a newer version w of the key, which now saw and
 * which is not a merge operand.
 * - A snapshot that sees nothing of the group's sequences reads nothing of it.
 * - A snapshot that sees all of these newer sequences sees w. As long as the snapshot is live, w is
 *   there, or something that the snapshot reads instead: compactions drop w only if the snapshot
 *   sees a newer version, or if w is a tombstone with nothing older below; history counts as below
 *   (compaction.c). So the snapshot does not read v, and no operands are applied to v.
 * - A tombstone that now sees and that hides only older versions in the same run is in the run too,
 *   and its group has its own sequence among the newer ones. A snapshot that reads any of the older
 *   versions reads the run, and so finds the tombstone. A snapshot that skips the run finds no
 *   version instead, as there are no older versions elsewhere (merge_stream.c).
 * The snapshot must be live, or be opened from a live snapshot (as the list that a compaction
 * takes): then the same holds for it. Each read decides this when it begins, so a restore rewrites
 * nothing: afterwards now may have to read history, until compactions have sorted it again
 * (compaction_garbage.c).
 *
 * Remembering. Snapshots of one line, that is, whose newest intervals begin at the same sequence,
 * see the same up to the smaller of their ends. So all snapshots of a line that see past the newest
 * sequence in the run's groups have the same answer. It is kept in the file, and for all files
 * together in the version: as twice the sequence at which the newest interval begins, plus one if
 * the run is skipped. Relaxed atomics suffice: each value is complete by itself.
 *
 * Groups. There is one group of unseen versions for each gap between now's intervals, and one of
 * superseded versions for each interval that has the newer versions: so now skips all of these. In
 * a store without restores a run has one group.
 */
#include "version/version.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"

/* ---- asking ---- */

bool
fi_version_history_is_skipped(const struct fi_manifest_run *run, const struct fi_snapshot *snapshot)
{
    for (size_t i = 0; i < run->group_count; i++) {
        const struct fi_manifest_group *group = &run->groups[i];
        if (fi_snapshot_sees_any(snapshot, group->first, group->last) &&
            (group->newer_first == 0 ||
             !fi_snapshot_sees_all(snapshot, group->newer_first, group->newer_last))) {
            return false;
        }
    }
    return true;
}

/* What is remembered if snapshots of this line skip the run; 0: the snapshot does not see far
 * enough. */
static uint64_t
memo_of(const struct fi_snapshot *snapshot, uint64_t history_last)
{
    if (snapshot->count == 0) {
        return 0;
    }
    struct fi_snapshot_interval newest = fi_snapshot_at(snapshot, snapshot->count - 1);
    return newest.last < history_last ? 0 : 2 * newest.first + 1;
}

bool
fi_version_history_is_file_skipped(struct fi_version_file *file, const struct fi_snapshot *snapshot)
{
    DCHECK(file->info.group_count > 0);
    uint64_t memo = memo_of(snapshot, file->history_last);
    uint64_t known = atomic_load_explicit(&file->skipped_by, memory_order_relaxed);
    if (memo != 0 && (known | 1) == memo) {
        return known == memo;
    }
    bool is_skipped = fi_version_history_is_skipped(&file->info, snapshot);
    if (memo != 0) {
        atomic_store_explicit(&file->skipped_by, is_skipped ? memo : memo - 1,
                              memory_order_relaxed);
    }
    return is_skipped;
}

bool
fi_version_history_is_all_skipped(struct fi_version *version, const struct fi_snapshot *snapshot)
{
    const struct fi_version_level *level = &version->levels[FI_VERSION_HISTORY];
    if (level->count == 0) {
        return true;
    }
    uint64_t memo = memo_of(snapshot, version->history_last);
    uint64_t known = atomic_load_explicit(&version->skipped_by, memory_order_relaxed);
    if (memo != 0 && (known | 1) == memo) {
        return known == memo;
    }
    bool is_skipped = true;
    for (size_t i = 0; i < level->count && is_skipped; i++) {
        is_skipped = fi_version_history_is_file_skipped(fi_version_file(level, i), snapshot);
    }
    if (memo != 0) {
        atomic_store_explicit(&version->skipped_by, is_skipped ? memo : memo - 1,
                              memory_order_relaxed);
    }
    return is_skipped;
}

bool
fi_version_history_is_group_needed(const struct fi_manifest_group *group,
                                   const struct fi_merge_snapshot_map *snapshots)
{
    for (size_t tree = 0; tree < snapshots->tree_count; tree++) {
        struct fi_snapshot_span readers =
            fi_merge_snapshot_map_hull(snapshots, tree, group->first, group->last).any;
        struct fi_snapshot_span served = {0, 0};
        if (group->newer_first != 0) {
            served =
                fi_merge_snapshot_map_hull(snapshots, tree, group->newer_first, group->newer_last)
                    .common;
        }
        if (!fi_snapshot_span_is_empty(readers) &&
            (fi_snapshot_span_is_empty(served) || readers.begin < served.begin ||
             readers.end > served.end)) {
            return true;
        }
    }
    return false;
}

bool
fi_version_history_is_needed_locked(struct fi_version_file *file, const struct fi_os_mutex *mutex,
                                    const struct fi_merge_snapshot_map *snapshots)
{
    const struct fi_manifest_run *info = &file->info;
    size_t begin = file->needed_by < info->group_count ? file->needed_by : 0;
    fi_os_mutex_assert_held(mutex);
    DCHECK(info->group_count > 0);
    for (size_t i = 0; i < info->group_count; i++) {
        size_t at = begin + i < info->group_count ? begin + i : begin + i - info->group_count;
        if (fi_version_history_is_group_needed(&info->groups[at], snapshots)) {
            file->needed_by = at;
            return true;
        }
    }
    return false;
}

/* ---- making ---- */

int
fi_version_history_groups_init(struct fi_version_history_groups *groups,
                               const struct fi_snapshot *now, firn_error *err)
{
    DCHECK(now->count > 0);
    *groups = (struct fi_version_history_groups){.now = now, .slot_count = 2 * now->count + 1};
    groups->slots = fi_alloc_zeroed(groups->slot_count * sizeof *groups->slots);
    return groups->slots != NULL ? FIRN_OK : fi_error_no_memory(err, "a history run");
}

void
fi_version_history_groups_deinit(struct fi_version_history_groups *groups)
{
    fi_free(groups->slots);
    fi_buf_deinit(&groups->others);
    fi_buf_deinit(&groups->list);
    *groups = (struct fi_version_history_groups){0};
}

void
fi_version_history_groups_clear(struct fi_version_history_groups *groups)
{
    memset(groups->slots, 0, groups->slot_count * sizeof *groups->slots);
    fi_buf_clear(&groups->others);
}

static void
version_history_widen(struct fi_manifest_group *group, const struct fi_manifest_group *by)
{
    if (group->first == 0) {
        *group = *by;
        return;
    }
    DCHECK((group->newer_first == 0) == (by->newer_first == 0));
    group->first = by->first < group->first ? by->first : group->first;
    group->last = by->last > group->last ? by->last : group->last;
    group->newer_first =
        by->newer_first < group->newer_first ? by->newer_first : group->newer_first;
    group->newer_last = by->newer_last > group->newer_last ? by->newer_last : group->newer_last;
}

/* The slot of a group that now skips; NULL if now does not skip it. */
static struct fi_manifest_group *
slot_of(struct fi_version_history_groups *groups, const struct fi_manifest_group *group)
{
    const struct fi_snapshot *now = groups->now;
    if (group->newer_first > 0) {
        return fi_snapshot_sees_all(now, group->newer_first, group->newer_last)
                   ? &groups->slots[fi_snapshot_count_from(now, group->newer_first) - 1]
                   : NULL;
    }
    return fi_snapshot_sees_any(now, group->first, group->last)
               ? NULL
               : &groups->slots[now->count + fi_snapshot_count_from(now, group->first)];
}

void
fi_version_history_groups_add(struct fi_version_history_groups *groups, uint64_t sequence,
                              uint64_t newer)
{
    /* A group begins below the newer sequences, even that of a tombstone that names itself. */
    const struct fi_manifest_group group = {sequence - (sequence == newer), sequence, newer, newer};
    struct fi_manifest_group *slot = slot_of(groups, &group);
    CHECK(slot != NULL);
    DCHECK(slot < groups->slots + groups->slot_count);
    version_history_widen(slot, &group);
}

int
fi_version_history_groups_add_run(struct fi_version_history_groups *groups,
                                  const struct fi_manifest_run *run, firn_error *err)
{
    for (size_t i = 0; i < run->group_count; i++) {
        struct fi_manifest_group *slot = slot_of(groups, &run->groups[i]);
        if (slot != NULL) {
            version_history_widen(slot, &run->groups[i]);
        } else if (fi_buf_append(&groups->others, &run->groups[i], sizeof run->groups[i]) !=
                   FIRN_OK) {
            return fi_error_no_memory(err, "a history run");
        }
    }
    return FIRN_OK;
}

static int
compare_groups(const void *a, const void *b)
{
    const struct fi_manifest_group *x = a;
    const struct fi_manifest_group *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Whether one group can replace both with hardly any loss. */
static bool
can_join(const struct fi_manifest_group *a, const struct fi_manifest_group *b)
{
    return b->first <= a->last && (a->newer_first == 0) == (b->newer_first == 0) &&
           a->newer_first <= b->newer_last && b->newer_first <= a->newer_last;
}

int
fi_version_history_groups_list(struct fi_version_history_groups *groups,
                               struct fi_manifest_run *out, firn_error *err)
{
    fi_buf_clear(&groups->list);
    int rc = fi_buf_append_slice(&groups->list, fi_buf_slice(&groups->others));
    for (size_t i = 0; i < groups->slot_count && rc == FIRN_OK; i++) {
        if (groups->slots[i].first > 0) {
            rc = fi_buf_append(&groups->list, &groups->slots[i], sizeof groups->slots[i]);
        }
    }
    if (rc != FIRN_OK) {
        return fi_error_no_memory(err, "a history run");
    }
    struct fi_manifest_group *list = (void *)groups->list.data;
    size_t count = groups->list.size / sizeof *list;
    size_t kept = 0;
    fi_sort(list, count, sizeof *list, compare_groups);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && can_join(&list[kept - 1], &list[i])) {
            version_history_widen(&list[kept - 1], &list[i]);
        } else {
            list[kept++] = list[i];
        }
    }
    out->groups = list;
    out->group_count = kept;
    return FIRN_OK;
}
