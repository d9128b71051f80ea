/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version.c: the runs of a tree at one moment.
 *
 * A version is immutable. A flush or a compaction makes a new one from the newest, and readers that
 * hold the old one keep using it. A version is one block of memory: the struct, then for each level
 * the runs as merges need them (merge.h), then the heads. All versions share the files of runs
 * (version_file.h); a version holds one reference to each.
 *
 * (I1) In levels 1 to 6, each upper bound is at most the next lower bound. Checked when a version
 *      is made, also from MANIFEST.
 * (I2) Level 0 is ordered by the largest sequence, the newest first. Runs of level 0 come from
 *      flushes, whose sequences do not overlap (not checked: MANIFEST may say anything). History is
 *      ordered likewise, so that runs of about the same age are merged; no read depends on it.
 *
 * Finding a key in a level compares its first eight bytes, as a number, with those of the lower
 * bounds, which are adjacent in memory; whole bounds are compared only if these are equal.
 */
#include "version/version.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"
#include "version/version_hot.h"

void
fi_version_ref(struct fi_version *version)
{
    size_t before = atomic_fetch_add_explicit(&version->refs, 1, memory_order_relaxed);
    DCHECK(before > 0);
}

void
fi_version_unref(struct fi_version *version)
{
    if (version == NULL) {
        return;
    }
    /* Release this thread's accesses, and acquire those of others before the version is freed. */
    size_t before = atomic_fetch_sub_explicit(&version->refs, 1, memory_order_acq_rel);
    DCHECK(before > 0);
    if (before != 1) {
        return;
    }
    for (unsigned number = 0; number < FI_VERSION_LEVELS_ALL; number++) {
        for (size_t i = 0; i < version->levels[number].count; i++) {
            fi_version_file_unref(fi_version_file(&version->levels[number], i));
        }
    }
    fi_version_hot_destroy(atomic_load_explicit(&version->hot, memory_order_relaxed));
    fi_free(version);
}

/* ---- looking ---- */

/* How many runs have lower <= key. */
static size_t
runs_from(const struct fi_version_level *level, firn_slice key)
{
    uint64_t head = fi_slice_head(key);
    size_t low = 0;
    size_t high = level->count;
    FI_SEARCH_FIRST(low, high, i,
                    level->heads[i] != head ? level->heads[i] < head
                                            : fi_slice_compare(level->runs[i].lower, key) <= 0);
    /* (I1): heads and bounds agree. */
    DCHECK(low == 0 || fi_slice_compare(level->runs[low - 1].lower, key) <= 0);
    DCHECK(low == level->count || fi_slice_compare(level->runs[low].lower, key) > 0);
    return low;
}

struct fi_version_file *
fi_version_find(const struct fi_version_level *level, firn_slice key)
{
    size_t count = runs_from(level, key);
    if (count == 0 || fi_slice_compare(key, level->runs[count - 1].upper) >= 0) {
        return NULL;
    }
    return fi_version_file(level, count - 1);
}

void
fi_version_overlap(const struct fi_version_level *level, const firn_slice *lower,
                   const firn_slice *upper, size_t *out_begin, size_t *out_end)
{
    size_t begin = 0;
    size_t end = level->count;
    if (lower != NULL) {
        begin = runs_from(level, *lower);
        if (begin > 0 && fi_slice_compare(*lower, level->runs[begin - 1].upper) < 0) {
            begin--;
        }
    }
    if (upper != NULL) {
        end = runs_from(level, *upper);
        if (end > 0 && fi_slice_compare(level->runs[end - 1].lower, *upper) == 0) {
            end--;
        }
    }
    *out_begin = begin;
    *out_end = end > begin ? end : begin;
    DCHECK(*out_end <= level->count);
}

size_t
fi_version_waiting_runs(const struct fi_version *version)
{
    for (unsigned number = 0; number < FI_VERSION_LEVELS; number++) {
        const struct fi_version_level *level = &version->levels[number];
        for (size_t i = 0; i < level->count; i++) {
            if (atomic_load_explicit(&fi_version_file(level, i)->is_damaged,
                                     memory_order_relaxed)) {
                return 0;
            }
        }
    }
    return version->levels[0].count;
}

bool
fi_version_run_overlaps(const struct fi_merge_level_run *run, const firn_slice *lower,
                        const firn_slice *upper)
{
    return (lower == NULL || fi_slice_compare(*lower, run->upper) < 0) &&
           (upper == NULL || fi_slice_compare(run->lower, *upper) < 0);
}
