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
 *
 * The cost of making a version is proportional to the number of runs in the tree: little compared
 * with writing a run.
 */
#include "version/version.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"
#include "base/sort.h"

/* ==== the value files of all runs, by number ====
 *
 * In MANIFEST each reference of a run includes the properties of the whole value file, so MANIFEST
 * needs no list of value files that might contradict the runs: a value file exists as long as a run
 * refers to it. Runs that disagree about a file are damage.
 */

static uint64_t
number_of(const void *record)
{
    return (*(struct fi_version_file *const *)record)->info.number;
}

static bool
is_equal(const void *record, const void *key)
{
    return number_of(record) == *(const uint64_t *)key;
}

void
fi_version_values_init(struct fi_version_values *names, struct fi_run_files *files)
{
    names->files = files;
    fi_hash_map_init(&names->map, sizeof(struct fi_version_file *), number_of, is_equal);
}

void
fi_version_values_deinit(struct fi_version_values *names)
{
    for (size_t i = 0; i < names->map.count; i++) {
        fi_version_file_unref(*(struct fi_version_file **)fi_hash_map_at(&names->map, i));
    }
    fi_hash_map_deinit(&names->map);
}

/* The file of a reference, which is made if it is not known yet. */
static int
version_find(struct fi_version_values *names, const struct fi_manifest_reference *reference,
             struct fi_version_file **out, firn_error *err)
{
    struct fi_version_file **known =
        fi_hash_map_find(&names->map, reference->number, &reference->number);
    if (known != NULL) {
        *out = *known;
        return FIRN_OK;
    }
    *out = fi_version_file_create_values(names->files, reference);
    if (*out == NULL || fi_hash_map_insert(&names->map, reference->number, out) == NULL) {
        if (*out != NULL) {
            fi_version_file_unref(*out);
        }
        return fi_error_no_memory(err, "the value files of a tree");
    }
    return FIRN_OK;
}

int
fi_version_values_link(struct fi_version_values *names, struct fi_version_file *run,
                       firn_error *err)
{
    for (size_t i = 0; i < run->info.reference_count; i++) {
        const struct fi_manifest_reference *reference = &run->info.references[i];
        struct fi_version_file *values;
        FI_TRY_RETURN(version_find(names, reference, &values, err));
        DCHECK(values->info.number == reference->number);
        if (values->info.content_bytes != reference->total_bytes ||
            values->info.identity != reference->identity) {
            return fi_error_set(err, FIRN_CORRUPT,
                                "MANIFEST: run %" PRIu64 " says of the value file %" PRIu64
                                " what another run does not",
                                run->info.number, reference->number);
        }
        fi_version_file_set_values(run, i, values);
    }
    return FIRN_OK;
}

/* ==== the runs of versions as sources of merges ====
 *
 * merge_level.c walks through runs and asks for each when it comes to it; the answer is a pin of
 * the file (version_file.c). A level source is in one run at a time, so one handle is enough.
 *
 * Runs of level 0 and of history overlap, so each of them is a separate source. They are opened
 * late too, so that a merge of keys outside a damaged run works.
 */

static const char *const level_names[FI_VERSION_LEVELS_ALL] = {
    "level 0", "level 1", "level 2", "level 3", "level 4", "level 5", "level 6", "history",
};

static bool
is_refused(const struct fi_version_source *state, const struct fi_version_file *file)
{
    for (size_t i = 0; state->refused != NULL && i < state->refused->count; i++) {
        if (state->refused->files[i] == file) {
            return true;
        }
    }
    return false;
}

static int
open_run(void *ctx, const struct fi_merge_level_run *run, struct fi_run **out, firn_error *err)
{
    struct fi_version_source *state = ctx;
    CHECK(state->handle == NULL);
    if (state->is_unwanted != NULL && state->is_unwanted(state->ctx, run->run)) {
        *out = NULL;
        return FIRN_OK;
    }
    if (is_refused(state, run->run)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "a run could not be read when the cursor was created");
    }
    int rc = fi_version_file_pin(run->run, &state->handle, err);
    if (rc == FIRN_OK) {
        *out = state->handle->run;
    }
    return rc;
}

static void
release_run(void *ctx, const struct fi_merge_level_run *run, struct fi_run *opened)
{
    struct fi_version_source *state = ctx;
    (void)run;
    CHECK(state->handle != NULL && state->handle->run == opened);
    fi_version_file_unpin(state->handle);
    state->handle = NULL;
}

int
fi_version_source_add(struct fi_version_source *state, const struct fi_version_source_runs *runs,
                      struct fi_merge *merge, firn_error *err)
{
    DCHECK(state->handle == NULL && runs->level < FI_VERSION_LEVELS_ALL);
    DCHECK(runs->begin < runs->end && runs->end <= runs->version->levels[runs->level].count);
    DCHECK((runs->level > 0 && runs->level < FI_VERSION_HISTORY) || runs->end == runs->begin + 1);
    struct fi_merge_source *source;
    struct fi_merge_level_options options = {
        .runs = runs->version->levels[runs->level].runs + runs->begin,
        .count = runs->end - runs->begin,
        .open = open_run,
        .release = release_run,
        .ctx = state,
        .cursor = {.is_sequential = runs->is_sequential,
                   .only = runs->only,
                   .found = runs->found,
                   .projection = runs->projection,
                   .keeps_references = true},
        .name = level_names[runs->level],
    };
    int rc = fi_merge_level_create(&options, &source, err);
    return rc != FIRN_OK ? rc : fi_merge_add(merge, source, err);
}

/* ==== the runs of a tree at one moment ==== */

static uint64_t
head_of(firn_slice key)
{
    if (key.size >= 8) {
        return fi_load_be64(key.data);
    }
    uint8_t padded[8] = {0};
    if (key.size > 0) {
        memcpy(padded, key.data, key.size);
    }
    return fi_load_be64(padded);
}

/* ---- making ---- */

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
            heads[i] = head_of(level->runs[i].lower);
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
    *out = version;
    return FIRN_OK;
}

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
    fi_free(version);
}

/* ---- looking ---- */

/* How many runs have lower <= key. */
static size_t
runs_from(const struct fi_version_level *level, firn_slice key)
{
    uint64_t head = head_of(key);
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
