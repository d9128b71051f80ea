/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version_create.c: makes a version from another one and a change. The essay, with the
 * invariants, is in version.c.
 *
 * The cost is proportional to the number of runs in the tree: little compared with writing a run.
 */
#include "version/version_reads.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"

static int
compare_keys(const void *a, const void *b)
{
    const struct fi_merge_level_run *x = a;
    const struct fi_merge_level_run *y = b;
    return fi_slice_compare(x->lower, y->lower);
}

/* (I2); runs with the same largest sequence by their numbers. */
static int
compare_ages(const void *a, const void *b)
{
    const struct fi_merge_level_run *x = a;
    const struct fi_merge_level_run *y = b;
    if (x->sequence_max != y->sequence_max) {
        return x->sequence_max > y->sequence_max ? -1 : 1;
    }
    uint64_t number_x = ((const struct fi_version_file *)x->run)->info.number;
    uint64_t number_y = ((const struct fi_version_file *)y->run)->info.number;
    return (number_x < number_y) - (number_x > number_y);
}

static bool
is_removed(const struct fi_version_change *change, const struct fi_version_file *file)
{
    for (size_t i = 0; i < change->removed_count; i++) {
        if (change->removed[i] == file) {
            return true;
        }
    }
    return false;
}

static void
put_run(struct fi_version_level *level, struct fi_version_file *file)
{
    level->runs[level->count++] = (struct fi_merge_level_run){
        .lower = file->info.lower,
        .upper = file->info.upper,
        .sequence_min = file->info.sequence_min,
        .sequence_max = file->info.sequence_max,
        .run = file,
    };
    level->with_ranges += file->info.range_count > 0;
    level->bytes += file->info.file_bytes;
    if (file->info.sequence_max > level->sequence_max) {
        level->sequence_max = file->info.sequence_max;
    }
}

static void
fill_level(const struct fi_version_change *change, unsigned number, struct fi_version_level *level)
{
    if (change->base != NULL) {
        const struct fi_version_level *old = &change->base->levels[number];
        for (size_t i = 0; i < old->count; i++) {
            if (!is_removed(change, fi_version_file(old, i))) {
                put_run(level, fi_version_file(old, i));
            }
        }
    }
    for (size_t i = 0; i < change->added_count; i++) {
        if (change->added[i].level == number) {
            put_run(level, change->added[i].file);
        }
    }
}

/* (I1). */
static int
check_level(const struct fi_version_level *level, unsigned number, firn_error *err)
{
    for (size_t i = 1; i < level->count; i++) {
        if (fi_slice_compare(level->runs[i - 1].upper, level->runs[i].lower) > 0) {
            return fi_error_set(err, FIRN_CORRUPT,
                                "MANIFEST: runs %" PRIu64 " and %" PRIu64 " of level %u overlap",
                                fi_version_file(level, i - 1)->info.number,
                                fi_version_file(level, i)->info.number, number);
        }
    }
    return FIRN_OK;
}

/* The memory of a version with at most run_count runs. */
static struct fi_version *
version_allocate(size_t run_count)
{
    /* Every run is in memory itself, so this does not overflow. */
    struct fi_version *version = fi_alloc_zeroed(
        sizeof *version + run_count * (sizeof(struct fi_merge_level_run) + sizeof(uint64_t)));
    if (version != NULL) {
        atomic_init(&version->refs, 1);
        atomic_init(&version->skipped_by, 0);
        atomic_init(&version->hot, NULL);
    }
    return version;
}

int
fi_version_create(const struct fi_version_change *change, struct fi_version **out, firn_error *err)
{
    size_t run_count = (change->base == NULL ? 0 : change->base->run_count) + change->added_count;
    struct fi_version *version = version_allocate(run_count);
    *out = NULL;
    if (version == NULL) {
        return fi_error_no_memory(err, "a version of a tree");
    }
    struct fi_merge_level_run *runs = (struct fi_merge_level_run *)(version + 1);
    uint64_t *heads = (uint64_t *)(runs + run_count);
    for (unsigned number = 0; number < FI_VERSION_LEVELS_ALL; number++) {
        struct fi_version_level *level = &version->levels[number];
        level->runs = runs;
        level->heads = heads;
        fill_level(change, number, level);
        bool may_overlap = number == 0 || number == FI_VERSION_HISTORY;
        fi_sort(level->runs, level->count, sizeof *level->runs,
                may_overlap ? compare_ages : compare_keys);
        int rc = may_overlap ? FIRN_OK : check_level(level, number, err);
        if (rc != FIRN_OK) {
            fi_free(version);
            return rc;
        }
        for (size_t i = 0; i < level->count; i++) {
            heads[i] = fi_slice_head(level->runs[i].lower);
        }
        runs += level->count;
        heads += level->count;
        version->run_count += level->count;
    }
    CHECK(version->run_count + change->removed_count == run_count); /* removed runs were there */
    for (unsigned number = 0; number < FI_VERSION_LEVELS_ALL; number++) {
        for (size_t i = 0; i < version->levels[number].count; i++) {
            struct fi_version_file *file = fi_version_file(&version->levels[number], i);
            fi_version_file_ref(file);
            if (number == FI_VERSION_HISTORY && file->history_last > version->history_last) {
                version->history_last = file->history_last;
            }
        }
    }
    fi_version_reads_init(version, change->base);
    *out = version;
    return FIRN_OK;
}
