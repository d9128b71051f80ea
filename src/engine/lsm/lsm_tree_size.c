/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_tree_size.c: estimating the size of a range of keys.
 *
 * MANIFEST has the bytes and entries of runs that are wholly inside the range. For a run that
 * crosses the lower end of the range, the index says which block the end is in: that block and
 * those after it count as inside, those before it as outside; at the upper end it is the other way
 * round. So each run is off by less than a block at each end. At most one run of each level, and
 * all those of level 0, contain an end. Blocks are assumed to hold equally many entries.
 *
 * A run with large values that crosses an end is weighed by its kind, which reads blocks of it.
 *
 * Memtables are walked: their entries in the range are counted exactly.
 *
 * Everything that takes up space counts: overwritten and deleted versions and tombstones too, until
 * a compaction drops them. History runs are left out: now does not read them.
 *
 * Failure: as a read of a block of the index, or of values, fails.
 */
#include "lsm/lsm_internal.h"

#include "run/run_value_file.h"

static void
add_memtable(const struct fi_memtable *table, const struct fi_lsm_range *bounds,
             struct fi_lsm_size *out)
{
    struct fi_memtable_cursor cursor;
    fi_memtable_cursor_init(&cursor, table);
    fi_memtable_cursor_seek(&cursor, bounds->lower, UINT64_MAX);
    while (cursor.is_valid &&
           (bounds->upper == NULL || fi_slice_compare(cursor.entry.key, *bounds->upper) < 0)) {
        out->memory_entries++;
        out->memory_bytes += cursor.entry.key.size + cursor.entry.value.size;
        fi_memtable_cursor_next(&cursor);
    }
}

/* Where a bound lies in a run; NULL: after its end. */
static int
place_of(struct fi_version_file *file, const firn_slice *key, struct fi_run_place *out,
         firn_error *err)
{
    struct fi_version_file_handle *pin = NULL;
    *out =
        (struct fi_run_place){.offset = file->info.file_bytes, .entries = file->info.entry_count};
    if (key == NULL || fi_slice_compare(*key, file->info.upper) >= 0) {
        return FIRN_OK;
    }
    if (fi_slice_compare(*key, file->info.lower) <= 0) {
        *out = (struct fi_run_place){0};
        return FIRN_OK;
    }
    int rc = fi_version_file_pin(file, &pin, err);
    if (rc == FIRN_OK) {
        rc = pin->run->kind->place(pin->run, *key, out, err);
    }
    fi_version_file_unpin(pin);
    return rc;
}

/* The bytes in value files that the run refers to. */
static uint64_t
value_bytes_of(const struct fi_version_file *file)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < file->info.reference_count; i++) {
        bytes += file->info.references[i].bytes;
    }
    return bytes;
}

/* Corrects the share of a run that crosses an end of the range, if it has large values. */
static int
lsm_tree_weigh(struct fi_version_file *file, const struct fi_lsm_range *bounds,
               struct fi_run_weight *inout, firn_error *err)
{
    const struct fi_run_bounds within = {bounds->lower, bounds->upper};
    struct fi_version_file_handle *pin = NULL;
    int rc;
    FI_TRY(fi_version_file_pin(file, &pin, err));
    *inout = (struct fi_run_weight){file->info.entry_count, value_bytes_of(file)};
    rc = pin->run->kind->weigh(pin->run, &within, inout, err);
out:
    fi_version_file_unpin(pin);
    return rc;
}

static bool
is_inside(const struct fi_version_file *file, const struct fi_lsm_range *bounds)
{
    return fi_slice_compare(bounds->lower, file->info.lower) <= 0 &&
           (bounds->upper == NULL || fi_slice_compare(*bounds->upper, file->info.upper) >= 0);
}

static int
add_run(struct fi_version_file *file, const struct fi_lsm_range *bounds, struct fi_lsm_size *out,
        firn_error *err)
{
    struct fi_run_place lower;
    struct fi_run_place upper;
    struct fi_run_weight weight = {.entries = 0};
    FI_TRY_RETURN(place_of(file, &bounds->lower, &lower, err));
    FI_TRY_RETURN(place_of(file, bounds->upper, &upper, err));
    weight.entries = upper.entries > lower.entries ? upper.entries - lower.entries : 0;
    if (file->info.entry_count > 0) {
        double part = (double)weight.entries / (double)file->info.entry_count;
        weight.value_bytes = (uint64_t)(part * (double)value_bytes_of(file));
    }
    if (file->info.reference_count > 0 && file->kind->weigh != NULL && !is_inside(file, bounds)) {
        FI_TRY_RETURN(lsm_tree_weigh(file, bounds, &weight, err));
    }
    out->file_entries += weight.entries;
    out->file_bytes += upper.offset > lower.offset ? upper.offset - lower.offset : 0;
    out->value_bytes += weight.value_bytes;
    return FIRN_OK;
}

int
fi_lsm_tree_size(struct fi_lsm_tree *tree, const struct fi_lsm_range *bounds,
                 struct fi_lsm_size *out, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_lsm_superversion *state = fi_lsm_superversion_of(tree);
    *out = (struct fi_lsm_size){0};
    for (size_t i = 0; i < state->memtable_count; i++) {
        add_memtable(state->memtables[i]->table, bounds, out);
    }
    for (unsigned number = 0; number < FI_VERSION_LEVELS; number++) {
        const struct fi_version_level *level = &state->version->levels[number];
        for (size_t i = 0; i < level->count; i++) {
            if (fi_version_run_overlaps(&level->runs[i], &bounds->lower, bounds->upper)) {
                FI_TRY(add_run(fi_version_file(level, i), bounds, out, err));
            }
        }
    }
out:
    fi_lsm_superversion_unref(state);
    return rc;
}
