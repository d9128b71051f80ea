/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_pick.c: what to merge next: dynamic leveled compaction.
 *
 * The last level holds nearly everything, so its size determines the target sizes of the levels
 * above it: each level's target is that of the next one, divided by the factor (ten). The level
 * whose target falls to level_bytes_base or below is the base: level 0 is merged into it, and the
 * levels between stay empty. So at any size of the tree about nine tenths of the data are in the
 * last level, and old versions elsewhere take no more than about a tenth. The idea is that of the
 * dynamic level sizes in "Optimizing Space Amplification in RocksDB" (Dong et al., CIDR 2017).
 *
 * A small tree is kept in one run: runs from flushes are merged with the rest as soon as they are a
 * quarter of it. This costs little compared with the flushes, and a store of many small trees has
 * few files.
 *
 * The urgency of a compaction is a ratio in thousandths. For level 0 it is the number of runs to
 * their target number, or the bytes to level0_bytes_target; for other levels, the bytes to their
 * target. From 1,000 on a compaction is demanded. Runs that running works already remove are not
 * counted. A level above the base, left over in a tree that shrank, is always demanded. Next come
 * runs that are mostly tombstones, which slow readers down; and all runs that are not in the last
 * level, if no work is urgent, or if the tree is read so much that this pays (version_reads.c).
 *
 * If writes mostly replace existing keys, level 0 is a second copy of a part of the tree. The last
 * compaction into the last level shows how many do (tree->overwritten), and in that proportion the
 * bytes of level 0 are limited to a share of the last level instead. If writes only add keys,
 * nothing is gained by merging early, and the last level is rewritten less often.
 *
 * In a level, the run with the lowest cost goes down first. The cost is the bytes that it overlaps
 * in the next level relative to its own, in which tombstones count for more than their size,
 * because they remove other entries. Neighbours are included if they do not add to the overlap.
 *
 * Of level 0 the oldest runs are taken, up to a number: an older run must not stay above a newer
 * one. An unhurried compaction takes a run with everything below it directly to the last level.
 *
 * (I1) The inputs contain, of each level from `from` down to `to`, all runs that overlap the range
 *      of the inputs above them. So nothing that stays above the output is older than it, and
 *      nothing that stays below is newer.
 * (I2) Two works of a tree never run concurrently if both their ranges of levels and their ranges
 *      of keys overlap; keys are compared over the whole range of a work, not run by run. So no
 *      work finds its inputs gone or its place in the output level taken.
 *
 * If space is short (a full disk), only compactions that read no more than the free space are
 * picked: fewer runs of level 0, or one run of another level that fits. Unhurried compactions then
 * go from level to level: each step reads a few runs, and frees what it drops.
 *
 * A run that a compaction could not read is left out, with all runs that would have to be included
 * with it, so that the rest of the tree is still compacted. Only unhurried compactions try it
 * again, as the last ones, and report it again.
 *
 * A run moves to the next level without being rewritten if it overlaps nothing there, is large
 * enough to be kept as it is, and its garbage would not stay there forever: at the bottom only
 * rewriting drops tombstones.
 */
#include "compaction/compaction_internal.h"

#include "base/check.h"
#include "base/slice.h"
#include "version/version_reads.h"

enum {
    LEVEL_LAST = FI_VERSION_LEVELS - 1,
    LEVEL0_INPUTS_MAX = 64,
    INPUT_FACTOR_MAX = 25, /* neighbours may add up to this many times a run's target */
    MOVE_OVERLAP_MAX = 10, /* the same for the overlap of a moved run in the next level */
    DEMANDED = 1000,       /* urgency from which a compaction is wanted at any time */
    DRAINING = 2 * DEMANDED,
    TOMBSTONES = DEMANDED - 1,
    UNHURRIED = 1,
    LEVEL0_SHARE = 300,    /* of the last level, in thousandths, if all writes replace others */
    LEVEL0_LEAST_PART = 8, /* but at least this part of a run */
    ONE_PART = 4,          /* when this part of a small tree is new, it becomes one run again */
    SMALL_PART = 64,       /* a tree of at most this part of a run is kept in one run, … */
    SMALL_PART_OF_MEMTABLE = 4, /* or of what is flushed at once, if that is known */
    DENSE_COUNT_MIN = 1024      /* fewer tombstones are not worth a compaction of their own */
};

/* ---- sizes ---- */

void
fi_compaction_pick_targets_of(const struct fi_version *version,
                              const struct fi_lsm_options *options,
                              struct fi_compaction_pick_targets *out)
{
    *out = (struct fi_compaction_pick_targets){0};
    uint64_t largest = options->level_bytes_base;
    unsigned first_used = LEVEL_LAST;
    for (unsigned level = LEVEL_LAST; level >= 1; level--) {
        if (version->levels[level].bytes > largest) {
            largest = version->levels[level].bytes;
        }
        if (version->levels[level].count > 0) {
            first_used = level;
        }
    }
    unsigned level = LEVEL_LAST;
    out->bytes[level] = largest;
    while (out->bytes[level] > options->level_bytes_base && level > 1) {
        out->bytes[level - 1] = out->bytes[level] / options->level_factor;
        level--;
    }
    /* A level that is not empty must not be skipped: its versions are older than those in level
     * 0. */
    out->base = level < first_used ? level : first_used;
    DCHECK(out->base >= 1 && out->base <= LEVEL_LAST && out->bytes[LEVEL_LAST] > 0);
}

/* ---- plans ---- */

static bool
keys_meet(const struct fi_compaction_plan *a, const struct fi_compaction_plan *b)
{
    return fi_slice_compare(a->lower, b->upper) < 0 && fi_slice_compare(b->lower, a->upper) < 0;
}

/* (I2). */
static bool
is_blocked(const struct fi_lsm_tree *tree, const struct fi_compaction_plan *plan)
{
    for (const struct fi_compaction_work *work = tree->works; work != NULL; work = work->next) {
        bool levels_meet = (work->plan.from <= plan->to && plan->from <= work->plan.to) ||
                           (work->plan.history_count > 0 && plan->history_count > 0);
        if (work->kind == FI_COMPACTION_WORK_COMPACTION && levels_meet &&
            keys_meet(&work->plan, plan)) {
            return true;
        }
    }
    return false;
}

bool
fi_compaction_pick_is_blocked_locked(const struct fi_lsm_tree *tree,
                                     const struct fi_compaction_plan *plan)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    return is_blocked(tree, plan);
}

/* Whether a run could not be read: a compaction would fail again. */
static bool
is_damaged(const struct fi_version_level *level, size_t i)
{
    return atomic_load_explicit(&fi_version_file(level, i)->is_damaged, memory_order_relaxed);
}

static bool
has_damaged(const struct fi_version *version, const struct fi_compaction_plan *plan)
{
    for (unsigned i = 0; i < plan->history_count && !plan->is_removal; i++) {
        if (is_damaged(&version->levels[FI_VERSION_HISTORY], plan->history[i])) {
            return true;
        }
    }
    for (unsigned level = plan->from; level <= plan->to; level++) {
        for (size_t i = plan->begin[level]; i < plan->end[level]; i++) {
            if (is_damaged(&version->levels[level], i)) {
                return true;
            }
        }
    }
    return false;
}

/* (I1), and no run of level 0 that is older than an input stays. */
static bool
is_whole(const struct fi_version *version, const struct fi_compaction_plan *plan)
{
    struct fi_compaction_plan above = {.from = plan->from};
    for (unsigned i = 0; i < plan->history_count; i++) {
        fi_compaction_pick_extend(&above,
                                  &version->levels[FI_VERSION_HISTORY].runs[plan->history[i]]);
    }
    for (unsigned number = plan->from; number <= plan->to; number++) {
        const struct fi_version_level *level = &version->levels[number];
        size_t begin = plan->begin[number];
        size_t end = plan->end[number];
        if (number > plan->from && above.upper.size > 0) {
            fi_version_overlap(level, &above.lower, &above.upper, &begin, &end);
        }
        if (begin < end && (begin < plan->begin[number] || end > plan->end[number])) {
            return false;
        }
        for (size_t i = plan->begin[number]; i < plan->end[number]; i++) {
            fi_compaction_pick_extend(&above, &level->runs[i]);
        }
    }
    return plan->from > 0 || plan->end[0] == version->levels[0].count;
}

bool
fi_compaction_pick_may_run_locked(const struct fi_lsm_tree *tree, const struct fi_version *version,
                                  enum fi_compaction_pick_mode mode,
                                  const struct fi_compaction_plan *plan)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    DCHECK(is_whole(version, plan)); /* (I1) */
    return !is_blocked(tree, plan) &&
           (mode == FI_COMPACTION_PICK_DAMAGED || !has_damaged(version, plan));
}

void
fi_compaction_pick_extend(struct fi_compaction_plan *plan, const struct fi_merge_level_run *run)
{
    bool is_first = plan->upper.size == 0;
    if (is_first || fi_slice_compare(run->lower, plan->lower) < 0) {
        plan->lower = run->lower;
    }
    if (is_first || fi_slice_compare(run->upper, plan->upper) > 0) {
        plan->upper = run->upper;
    }
    DCHECK(fi_slice_compare(plan->lower, plan->upper) < 0);
}

static uint64_t
bytes_of(const struct fi_version_level *level, size_t begin, size_t end)
{
    DCHECK(begin <= end && end <= level->count);
    uint64_t bytes = 0;
    for (size_t i = begin; i < end; i++) {
        bytes += fi_version_file(level, i)->info.file_bytes;
    }
    return bytes;
}

uint64_t
fi_compaction_pick_bytes(const struct fi_version *version, const struct fi_compaction_plan *plan)
{
    uint64_t bytes = 0;
    for (unsigned level = plan->from; level <= plan->to; level++) {
        bytes += bytes_of(&version->levels[level], plan->begin[level], plan->end[level]);
    }
    for (unsigned i = 0; i < plan->history_count; i++) {
        bytes += fi_version_file(&version->levels[FI_VERSION_HISTORY], plan->history[i])
                     ->info.file_bytes;
    }
    return bytes;
}

void
fi_compaction_pick_plan(const struct fi_version *version, unsigned from, size_t begin, size_t end,
                        unsigned to, struct fi_compaction_plan *out)
{
    DCHECK(from <= to && to < FI_VERSION_LEVELS);
    DCHECK(begin < end && end <= version->levels[from].count);
    *out = (struct fi_compaction_plan){.from = from, .to = to};
    out->begin[from] = begin;
    out->end[from] = end;
    for (size_t i = begin; i < end; i++) {
        fi_compaction_pick_extend(out, &version->levels[from].runs[i]);
    }
    for (unsigned level = from + 1; level <= to; level++) {
        const struct fi_version_level *below = &version->levels[level];
        fi_version_overlap(below, &out->lower, &out->upper, &out->begin[level], &out->end[level]);
        for (size_t i = out->begin[level]; i < out->end[level]; i++) {
            fi_compaction_pick_extend(out, &below->runs[i]);
        }
    }
}

static bool
has_inputs_below(const struct fi_compaction_plan *plan)
{
    for (unsigned level = plan->from + 1; level <= plan->to; level++) {
        if (plan->begin[level] < plan->end[level]) {
            return true;
        }
    }
    return false;
}

/* Whether there is anything below the output in the range of the inputs. */
static bool
has_older(const struct fi_version *version, const struct fi_compaction_plan *plan)
{
    for (unsigned level = plan->to + 1; level < FI_VERSION_LEVELS; level++) {
        size_t begin;
        size_t end;
        fi_version_overlap(&version->levels[level], &plan->lower, &plan->upper, &begin, &end);
        if (begin < end) {
            return true;
        }
    }
    return false;
}

/* Runs of level 0 may overlap each other. */
static bool
overlap_each_other(const struct fi_version_level *level, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        for (size_t j = i + 1; j < end; j++) {
            if (fi_version_run_overlaps(&level->runs[i], &level->runs[j].lower,
                                        &level->runs[j].upper)) {
                return true;
            }
        }
    }
    return false;
}

static bool
may_run_move(const struct fi_version *version, const struct fi_lsm_options *options,
             const struct fi_compaction_plan *plan, size_t i)
{
    DCHECK(plan->from < plan->to && plan->to <= LEVEL_LAST);
    const struct fi_merge_level_run *run = &version->levels[plan->from].runs[i];
    const struct fi_manifest_run *info = &((const struct fi_version_file *)run->run)->info;
    size_t begin = 0;
    size_t end = 0;
    if (info->file_bytes < options->run_bytes_target / 4 ||
        (fi_compaction_pick_garbage_of(info) > 0 && !has_older(version, plan))) {
        return false;
    }
    if (plan->to == LEVEL_LAST) {
        return options->codec == options->codec_bottom;
    }
    const struct fi_version_level *next = &version->levels[plan->to + 1];
    fi_version_overlap(next, &run->lower, &run->upper, &begin, &end);
    return bytes_of(next, begin, end) <= MOVE_OVERLAP_MAX * (uint64_t)options->run_bytes_target;
}

static bool
may_move(const struct fi_version *version, const struct fi_lsm_options *options,
         const struct fi_compaction_plan *plan)
{
    size_t begin = plan->begin[plan->from];
    size_t end = plan->end[plan->from];
    if (plan->from == plan->to || has_inputs_below(plan) ||
        (plan->from == 0 && overlap_each_other(&version->levels[0], begin, end))) {
        return false;
    }
    for (size_t i = begin; i < end; i++) {
        if (!may_run_move(version, options, plan, i)) {
            return false;
        }
    }
    return true;
}

/* ---- candidates ---- */

struct search {
    struct fi_lsm_tree *tree;
    const struct fi_version *version;
    const struct fi_lsm_options *options;
    enum fi_compaction_pick_mode mode;
    uint64_t room_bytes; /* 0: no limit */
    struct fi_compaction_pick_targets targets;
    struct fi_compaction_pick *pick;
};

static bool
may_run(const struct search *search, const struct fi_compaction_plan *plan)
{
    return fi_compaction_pick_may_run_locked(search->tree, search->version, search->mode, plan);
}

/* Whether there is space for what the plan may write: as much as it reads, or nothing for moves. */
static bool
has_room(const struct search *search, const struct fi_compaction_plan *plan)
{
    uint64_t bytes = 0;
    for (unsigned level = plan->from; level <= plan->to; level++) {
        bytes += bytes_of(&search->version->levels[level], plan->begin[level], plan->end[level]);
    }
    return search->room_bytes == 0 || bytes <= search->room_bytes ||
           may_move(search->version, search->options, plan);
}

/* True if the plan was taken. */
static bool
compaction_pick_offer(struct search *search, uint64_t urgency,
                      const struct fi_compaction_plan *plan)
{
    DCHECK(urgency > 0);
    if ((search->pick->tree != NULL && urgency <= search->pick->urgency) ||
        !has_room(search, plan) || !may_run(search, plan)) {
        return false;
    }
    *search->pick = (struct fi_compaction_pick){search->tree, urgency, *plan};
    search->pick->plan.is_move = may_move(search->version, search->options, plan);
    /* If space is short, values stay where they are: moving them takes space
     * (compaction_sparse.c). */
    search->pick->plan.leaving.from =
        search->room_bytes == 0 ? FI_COMPACTION_LEAVE_ANY : FI_COMPACTION_LEAVE_LISTED;
    return true;
}

static uint64_t
small_bytes_max(const struct fi_lsm_options *options)
{
    return options->memtable_bytes_target > 0
               ? options->memtable_bytes_target / SMALL_PART_OF_MEMTABLE
               : options->run_bytes_target / SMALL_PART;
}

/* Whether the whole tree is so small that it should be one run, and is not. */
static bool
should_be_one(const struct fi_version *version, const struct fi_lsm_options *options,
              const struct fi_compaction_pick_targets *targets)
{
    const struct fi_version_level *first = &version->levels[0];
    const struct fi_version_level *last = &version->levels[LEVEL_LAST];
    return targets->base == LEVEL_LAST && first->count > 0 && first->count + last->count > 1 &&
           first->bytes + last->bytes <= small_bytes_max(options);
}

static bool
is_scattered(const struct search *search)
{
    return should_be_one(search->version, search->options, &search->targets);
}

/* Whether it should be one run now: enough of it is new to rewrite it all. */
static bool
is_worth_one(const struct search *search)
{
    const struct fi_version *version = search->version;
    return is_scattered(search) &&
           version->levels[0].bytes >= version->levels[LEVEL_LAST].bytes / ONE_PART;
}

/* The oldest runs of level 0 that no work has; newer ones came after a work began. */
static bool
offer_level0(struct search *search, uint64_t urgency)
{
    size_t count = search->version->levels[0].count;
    size_t begin = count > LEVEL0_INPUTS_MAX ? count - LEVEL0_INPUTS_MAX : 0;
    struct fi_compaction_plan plan;
    if (count == 0) {
        return false;
    }
    fi_compaction_pick_plan(search->version, 0, begin, count, search->targets.base, &plan);
    while (begin + 1 < count && !has_room(search, &plan)) {
        begin++;
        fi_compaction_pick_plan(search->version, 0, begin, count, search->targets.base, &plan);
    }
    if (is_scattered(search) && begin == 0) {
        const struct fi_version_level *last = &search->version->levels[LEVEL_LAST];
        plan.begin[LEVEL_LAST] = 0;
        plan.end[LEVEL_LAST] = last->count;
        for (size_t i = 0; i < last->count; i++) {
            fi_compaction_pick_extend(&plan, &last->runs[i]);
        }
    }
    return compaction_pick_offer(search, urgency, &plan);
}

/* The cost of moving the run down, in thousandths: the overlap to its own size. */
static uint64_t
cost_of(const struct fi_manifest_run *info, uint64_t overlap_bytes)
{
    uint64_t versions = info->entry_count + info->range_count;
    DCHECK(versions > 0 && info->file_bytes > 0);
    uint64_t deletes = info->tombstone_count + info->range_count;
    uint64_t weight = info->file_bytes + info->file_bytes / versions * 4 * deletes;
    return overlap_bytes > UINT64_MAX / 1000 ? UINT64_MAX : 1000 * overlap_bytes / weight;
}

/* Includes neighbours that add no overlap below. */
static void
compaction_pick_widen(const struct search *search, struct fi_compaction_plan *plan)
{
    const struct fi_version_level *level = &search->version->levels[plan->from];
    uint64_t bytes =
        bytes_of(level, plan->begin[plan->from], plan->end[plan->from]) +
        bytes_of(&search->version->levels[plan->to], plan->begin[plan->to], plan->end[plan->to]);
    uint64_t bytes_max = INPUT_FACTOR_MAX * (uint64_t)search->options->run_bytes_target;
    while (plan->end[plan->from] < level->count) {
        struct fi_compaction_plan wider;
        size_t end = plan->end[plan->from] + 1;
        bytes += bytes_of(level, end - 1, end);
        fi_compaction_pick_plan(search->version, plan->from, plan->begin[plan->from], end, plan->to,
                                &wider);
        if (bytes > bytes_max || !has_room(search, &wider) ||
            wider.begin[plan->to] != plan->begin[plan->to] ||
            wider.end[plan->to] != plan->end[plan->to] || !may_run(search, &wider)) {
            return;
        }
        *plan = wider;
    }
}

/* Offers the cheapest run of a level, into the next one. */
static bool
offer_level(struct search *search, unsigned number, uint64_t urgency)
{
    DCHECK(number > 0 && number < LEVEL_LAST);
    const struct fi_version_level *level = &search->version->levels[number];
    const struct fi_version_level *below = &search->version->levels[number + 1];
    uint64_t cost_min = UINT64_MAX;
    struct fi_compaction_plan best;
    bool has_best = false;
    for (size_t i = 0; i < level->count; i++) {
        struct fi_compaction_plan plan;
        fi_compaction_pick_plan(search->version, number, i, i + 1, number + 1, &plan);
        uint64_t cost = cost_of(&fi_version_file(level, i)->info,
                                bytes_of(below, plan.begin[number + 1], plan.end[number + 1]));
        if ((!has_best || cost < cost_min) && has_room(search, &plan) && may_run(search, &plan)) {
            best = plan;
            cost_min = cost;
            has_best = true;
        }
    }
    if (!has_best) {
        return false;
    }
    /* A single run may move; with neighbours it would have to be rewritten. */
    if (!may_move(search->version, search->options, &best)) {
        compaction_pick_widen(search, &best);
    }
    return compaction_pick_offer(search, urgency, &best);
}

/* ---- by size ---- */

/* A work is installed some time before it ends: then it removes nothing more. */
static bool
still_has(const struct fi_version_level *level, const struct fi_version_file *file)
{
    bool is_there = false;
    for (size_t i = 0; i < level->count && !is_there; i++) {
        is_there = fi_version_file(level, i) == file;
    }
    return is_there;
}

/* Runs and bytes of a level that running works do not remove. */
static void
measure_level(const struct search *search, unsigned number, uint64_t *out_runs, uint64_t *out_bytes)
{
    const struct fi_version_level *level = &search->version->levels[number];
    *out_runs = level->count;
    *out_bytes = level->bytes;
    for (const struct fi_compaction_work *work = search->tree->works; work != NULL;
         work = work->next) {
        if (work->kind == FI_COMPACTION_WORK_COMPACTION && number >= work->plan.from &&
            number < work->plan.to) {
            size_t begin = work->plan.begin[number];
            size_t end = work->plan.end[number];
            const struct fi_version_level *taken = &work->version->levels[number];
            if (begin < end && still_has(level, fi_version_file(taken, begin))) {
                uint64_t bytes = bytes_of(taken, begin, end);
                DCHECK(*out_runs >= end - begin && *out_bytes >= bytes);
                *out_runs -= end - begin;
                *out_bytes -= bytes;
            }
        }
    }
}

static uint64_t
thousandths(uint64_t part, uint64_t whole)
{
    DCHECK(whole > 0);
    return part > UINT64_MAX / 1000 ? UINT64_MAX : 1000 * part / whole;
}

static uint64_t
level0_bytes_target(const struct search *search)
{
    DCHECK(search->tree->overwritten <= 1000);
    uint64_t most = search->options->level0_bytes_target;
    uint64_t share = search->version->levels[LEVEL_LAST].bytes / 1000 * LEVEL0_SHARE;
    uint64_t least = search->options->run_bytes_target / LEVEL0_LEAST_PART;
    share = share > least ? share : least;
    return share >= most ? most : most - (most - share) / 1000 * search->tree->overwritten;
}

static uint64_t
urgency_of(const struct search *search, unsigned number)
{
    uint64_t runs;
    uint64_t bytes;
    measure_level(search, number, &runs, &bytes);
    if (number == 0) {
        uint64_t by_runs = thousandths(runs, search->options->level0_runs_target);
        uint64_t by_bytes = thousandths(bytes, level0_bytes_target(search));
        uint64_t urgency = by_runs > by_bytes ? by_runs : by_bytes;
        return urgency < DEMANDED && runs > 0 && is_worth_one(search) ? DEMANDED : urgency;
    }
    if (search->targets.bytes[number] == 0) {
        return bytes > 0 ? DRAINING : 0;
    }
    return thousandths(bytes, search->targets.bytes[number]);
}

static void
search_by_size(struct search *search)
{
    for (unsigned number = 0; number < LEVEL_LAST; number++) {
        uint64_t urgency = urgency_of(search, number);
        if (urgency < DEMANDED) {
            continue;
        }
        if (number == 0) {
            (void)offer_level0(search, urgency);
        } else {
            (void)offer_level(search, number, urgency);
        }
    }
}

/* ---- by tombstones ---- */

static uint64_t
bytes_below(const struct fi_version *version, unsigned number, const struct fi_merge_level_run *run)
{
    uint64_t bytes = 0;
    for (unsigned below = number + 1; below < FI_VERSION_LEVELS; below++) {
        size_t begin;
        size_t end;
        fi_version_overlap(&version->levels[below], &run->lower, &run->upper, &begin, &end);
        bytes += bytes_of(&version->levels[below], begin, end);
    }
    return bytes;
}

/* Half of the run is tombstones, and these are worth a compaction: many, or above much data. */
static bool
is_dense(const struct search *search, unsigned number, size_t i)
{
    const struct fi_version_level *level = &search->version->levels[number];
    const struct fi_manifest_run *info = &fi_version_file(level, i)->info;
    uint64_t deletes = info->tombstone_count + info->range_count;
    if (2 * deletes < info->entry_count + info->range_count) {
        return false;
    }
    return deletes >= DENSE_COUNT_MIN ||
           (info->range_count > 0 && bytes_below(search->version, number, &level->runs[i]) >=
                                         search->options->run_bytes_target / 8);
}

static void
search_by_tombstones(struct search *search)
{
    for (unsigned number = 0; number < LEVEL_LAST; number++) {
        for (size_t i = 0; i < search->version->levels[number].count; i++) {
            if (!is_dense(search, number, i)) {
                continue;
            }
            struct fi_compaction_plan plan;
            if (number == 0) {
                (void)offer_level0(search, TOMBSTONES);
                break;
            }
            fi_compaction_pick_plan(search->version, number, i, i + 1, number + 1, &plan);
            if (compaction_pick_offer(search, TOMBSTONES, &plan)) {
                return;
            }
        }
    }
}

/* ---- unhurried ---- */

static bool
reaches_into(const struct fi_version_level *level, size_t i, const struct fi_lsm_range *range)
{
    return fi_version_run_overlaps(&level->runs[i], &range->lower, range->upper);
}

static bool
any_reaches_into(const struct fi_version_level *level, const struct fi_lsm_range *range)
{
    bool is_found = false;
    for (size_t i = 0; i < level->count && !is_found; i++) {
        is_found = reaches_into(level, i, range);
    }
    return is_found;
}

/* If space is short: the lowest levels first, so that there is little below the next ones, and one
 * level at a time. */
static void
search_within_room(struct search *search)
{
    for (unsigned number = LEVEL_LAST - 1; number >= 1; number--) {
        if (offer_level(search, number, UNHURRIED)) {
            return;
        }
    }
    (void)offer_level0(search, UNHURRIED);
}

static void
search_unhurried(struct search *search, const struct fi_lsm_range *range)
{
    if (any_reaches_into(&search->version->levels[0], range) && offer_level0(search, UNHURRIED)) {
        return;
    }
    for (unsigned number = 1; number < LEVEL_LAST; number++) {
        const struct fi_version_level *level = &search->version->levels[number];
        for (size_t i = 0; i < level->count; i++) {
            struct fi_compaction_plan plan;
            if (!reaches_into(level, i, range)) {
                continue;
            }
            fi_compaction_pick_plan(search->version, number, i, i + 1, LEVEL_LAST, &plan);
            if (compaction_pick_offer(search, UNHURRIED, &plan)) {
                return;
            }
        }
    }
}

static struct search
begin_search(struct fi_lsm_tree *tree, enum fi_compaction_pick_mode mode, uint64_t room_bytes,
             struct fi_compaction_pick *pick)
{
    struct search search = {
        .tree = tree,
        .version = atomic_load_explicit(&tree->state, memory_order_relaxed)->version,
        .options = &tree->lsm->options,
        .mode = mode,
        .room_bytes = room_bytes,
        .pick = pick,
    };
    fi_compaction_pick_targets_of(search.version, search.options, &search.targets);
    return search;
}

void
fi_compaction_pick_locked(struct fi_lsm_tree *tree, enum fi_compaction_pick_mode mode,
                          uint64_t room_bytes, struct fi_compaction_pick *pick)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_lsm_range everything = {firn_str(""), NULL};
    struct search search = begin_search(tree, mode, room_bytes, pick);
    search_by_size(&search);
    search_by_tombstones(&search);
    if (mode == FI_COMPACTION_PICK_DEMANDED && room_bytes == 0 &&
        fi_version_reads_is_due(search.version)) {
        search_unhurried(&search, &everything);
    }
    if (mode != FI_COMPACTION_PICK_DEMANDED && room_bytes != 0) {
        search_within_room(&search);
    } else if (mode != FI_COMPACTION_PICK_DEMANDED) {
        search_unhurried(&search, &everything);
    }
}

void
fi_compaction_pick_range_locked(struct fi_lsm_tree *tree, enum fi_compaction_pick_mode mode,
                                const struct fi_lsm_range *range, uint64_t room_bytes,
                                struct fi_compaction_pick *pick)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    DCHECK(mode != FI_COMPACTION_PICK_DEMANDED);
    struct search search = begin_search(tree, mode, room_bytes, pick);
    search_unhurried(&search, range);
}

bool
fi_compaction_pick_level0_locked(struct fi_lsm_tree *tree, enum fi_compaction_pick_mode mode,
                                 struct fi_compaction_plan *out)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    struct fi_compaction_pick pick = {0};
    struct search search = begin_search(tree, mode, 0, &pick);
    bool is_found = offer_level0(&search, UNHURRIED);
    *out = pick.plan;
    out->is_move = false; /* a run that moves stays the file that it is */
    return is_found;
}

void
fi_compaction_pick_one_locked(struct fi_lsm_tree *tree, uint64_t room_bytes,
                              struct fi_compaction_pick *pick)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    struct search search = begin_search(tree, FI_COMPACTION_PICK_DEMANDED, room_bytes, pick);
    if (is_scattered(&search)) {
        (void)offer_level0(&search, DEMANDED);
    }
}

/* ---- values ---- */

bool
fi_compaction_pick_rewrite_locked(const struct fi_lsm_tree *tree, enum fi_compaction_pick_mode mode,
                                  unsigned level, size_t i, struct fi_compaction_plan *out)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    DCHECK(level > 0 && level < FI_VERSION_LEVELS_ALL && i < version->levels[level].count);
    if (level == FI_VERSION_HISTORY) {
        *out = (struct fi_compaction_plan){
            .from = level, .to = level, .history = {(uint32_t)i}, .history_count = 1};
        fi_compaction_pick_extend(out, &version->levels[level].runs[i]);
    } else {
        fi_compaction_pick_plan(version, level, i, i + 1, level, out);
    }
    return fi_compaction_pick_may_run_locked(tree, version, mode, out);
}
