/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_tree_size.c: about how much lies in a range of keys.
 *
 * Of a run that lies in the range whole, MANIFEST knows its bytes and entries. Of one that reaches over
 * an end of the range the index tells in which block that end lies: what comes before that block is
 * counted as outside, the block and what comes after it as inside, at the upper end the other way round.
 * So each run is off by less than a block at each end, and as many runs have an end of the range as there
 * are levels, and runs in level 0. Blocks are taken to hold equally many entries.
 *
 * Memtables are walked: what they have in the range is counted exactly.
 *
 * What counts are files and versions, as they take up space: what was overwritten or deleted is in it
 * until it is merged away, and so are tombstones. History is left out: now does not read it.
 */
#include "lsm/lsm_internal.h"

static void
add_memtable(const struct firn_memtable *table, const struct firn_lsm_bounds *bounds,
             struct firn_lsm_size *out)
{
    struct firn_memtable_cursor cursor;
    firn_memtable_cursor_init(&cursor, table);
    firn_memtable_cursor_seek(&cursor, bounds->lower, UINT64_MAX);
    while (cursor.is_valid &&
           (bounds->upper == NULL || firn_slice_compare(cursor.entry.key, *bounds->upper) < 0)) {
        out->memory_entries++;
        out->memory_bytes += cursor.entry.key.size + cursor.entry.value.size;
        firn_memtable_cursor_next(&cursor);
    }
}

/* Where a bound lies in a run; NULL: after all of it. */
static int
place_of(struct firn_run_file *file, const firn_slice *key, struct firn_run_place *out,
         firn_error *err)
{
    struct firn_lsm_handle *pin = NULL;
    *out =
        (struct firn_run_place){.offset = file->info.file_bytes, .entries = file->info.entry_count};
    if (key == NULL || firn_slice_compare(*key, file->info.upper) >= 0) {
        return FIRN_OK;
    }
    if (firn_slice_compare(*key, file->info.lower) <= 0) {
        *out = (struct firn_run_place){0};
        return FIRN_OK;
    }
    int rc = firn_run_file_pin(file, &pin, err);
    if (rc == FIRN_OK) {
        rc = pin->run->kind->place(pin->run, *key, out, err);
    }
    firn_run_file_unpin(pin);
    return rc;
}

/* Values that lie in files of their own, as far as the run refers to them. */
static uint64_t
value_bytes_of(const struct firn_run_file *file)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < file->info.reference_count; i++) {
        bytes += file->info.references[i].bytes;
    }
    return bytes;
}

static int
add_run(struct firn_run_file *file, const struct firn_lsm_bounds *bounds, struct firn_lsm_size *out,
        firn_error *err)
{
    struct firn_run_place lower;
    struct firn_run_place upper;
    int rc;
    FIRN_TRY(place_of(file, &bounds->lower, &lower, err));
    FIRN_TRY(place_of(file, bounds->upper, &upper, err));
    uint64_t entries = upper.entries > lower.entries ? upper.entries - lower.entries : 0;
    out->file_entries += entries;
    out->file_bytes += upper.offset > lower.offset ? upper.offset - lower.offset : 0;
    if (file->info.entry_count > 0) {
        double part = (double)entries / (double)file->info.entry_count;
        out->value_bytes += (uint64_t)(part * (double)value_bytes_of(file));
    }
out:
    return rc;
}

int
firn_lsm_tree_size(struct firn_lsm_tree *tree, const struct firn_lsm_bounds *bounds,
                   struct firn_lsm_size *out, firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_lsm_state *state = firn_lsm_state_of(tree);
    *out = (struct firn_lsm_size){0};
    for (size_t i = 0; i < state->memtable_count; i++) {
        add_memtable(state->memtables[i]->table, bounds, out);
    }
    for (unsigned number = 0; number < FIRN_VERSION_LEVELS; number++) {
        const struct firn_version_level *level = &state->version->levels[number];
        for (size_t i = 0; i < level->count; i++) {
            if (firn_version_run_overlaps(&level->runs[i], &bounds->lower, bounds->upper)) {
                FIRN_TRY(add_run(firn_version_file(level, i), bounds, out, err));
            }
        }
    }
out:
    firn_lsm_state_unref(state);
    return rc;
}
