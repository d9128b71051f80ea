/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_cursor.c: walking the keys that a snapshot sees.
 *
 * A cursor holds a reference to the tree's state at its creation, so what it walks over stays:
 * memtables, the version, and with it the files. A merge (merge.c) combines the entries of all
 * sources, and merge_resolve.c keeps those that the snapshot sees. This file only connects these
 * parts.
 *
 * Runs outside the bounds are not sources, nor are history runs in which the snapshot has nothing
 * to look for (version_history.c). The others are opened when the walk comes to them (version.c).
 * The exception is runs with range deletes, which may cover entries anywhere within their bounds:
 * they are pinned as long as the cursor lives.
 *
 * A run is not opened at all if range deletes that the snapshot sees, and that are newer than the
 * run, cover all of its keys. They cover whatever the run's own range deletes cover, too.
 *
 * Damage. A cursor can be created even if a run is missing or damaged. A walk that comes to the
 * run's keys ends there with an error, and may be placed elsewhere. The same holds for runs with
 * range deletes: a walk that comes to a key that they might cover has to read the run there, and
 * fails. Such a run stays refused as long as the cursor lives, even if it could be read later, so
 * that its deletes are never applied only in part.
 *
 * A cursor without a snapshot shows the merge itself: every version.
 *
 * One thread; the snapshot is borrowed.
 */
#include "lsm/lsm_internal.h"
#include "run/run_value_file.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"

struct fi_lsm_cursor {
    struct fi_lsm_superversion *state;
    struct fi_merge *merge;
    struct fi_merge_resolve *resolve;
    const struct fi_entry *entry;
    const struct fi_snapshot *snapshot; /* NULL: of a cursor over versions */
    const struct fi_snapshot *only; /* of a cursor over versions: others may be left out; or NULL */
    const struct fi_run_projection *projection;
    struct fi_buf lower; /* copies of the bounds */
    struct fi_buf upper;
    firn_slice lower_slice;
    firn_slice upper_slice;
    const firn_slice *lower_bound; /* NULL: none */
    const firn_slice *upper_bound;

    struct fi_version_source *sources;
    size_t source_count;
    /* Of the sources with range deletes, and pins of those that are runs. */
    const struct fi_range_set **ranges;
    size_t range_set_count;
    struct fi_version_file_handle **pins;
    size_t pin_count;
    struct fi_version_source_refused refused;
};

/* ---- bounds ---- */

static int
copy_bound(const firn_slice *bound, struct fi_buf *copy, firn_slice *slice, const firn_slice **out,
           firn_error *err)
{
    DCHECK(copy->size == 0);
    if (bound == NULL) {
        return FIRN_OK;
    }
    if (fi_buf_append_slice(copy, *bound) != FIRN_OK) {
        return fi_error_no_memory(err, "the bounds of a cursor");
    }
    *slice = fi_buf_slice(copy);
    *out = slice;
    return FIRN_OK;
}

static int
copy_bounds(struct fi_lsm_cursor *cursor, const struct fi_lsm_cursor_options *options,
            firn_error *err)
{
    int rc =
        copy_bound(options->lower, &cursor->lower, &cursor->lower_slice, &cursor->lower_bound, err);
    return rc != FIRN_OK ? rc
                         : copy_bound(options->upper, &cursor->upper, &cursor->upper_slice,
                                      &cursor->upper_bound, err);
}

/* ---- covered runs ---- */

/* Whether the range deletes cover all versions in a run for the snapshot. */
static bool
is_covered(void *ctx, const struct fi_version_file *file)
{
    enum { STRETCHES_MAX = 64 };
    const struct fi_lsm_cursor *cursor = ctx;
    firn_slice at = file->info.lower; /* the keys before it are covered */
    for (unsigned step = 0; step < STRETCHES_MAX; step++) {
        struct fi_range_stretch stretch;
        bool is_covered = false;
        for (size_t i = 0; i < cursor->range_set_count && !is_covered; i++) {
            is_covered = fi_range_set_covered(cursor->ranges[i], at, cursor->snapshot,
                                              file->info.sequence_max, &stretch);
        }
        if (!is_covered) {
            return false;
        }
        DCHECK(stretch.sequence > file->info.sequence_max);
        if (!stretch.has_upper || fi_slice_compare(stretch.upper, file->info.upper) >= 0) {
            return true;
        }
        DCHECK(fi_slice_compare(at, stretch.upper) < 0);
        at = stretch.upper;
    }
    return false;
}

/* ---- sources ---- */

static int
add_memtables(struct fi_lsm_cursor *cursor, firn_error *err)
{
    const struct fi_lsm_superversion *state = cursor->state;
    for (size_t i = 0; i < state->memtable_count; i++) {
        struct fi_tree_memtable *memtable = state->memtables[i];
        struct fi_merge_source *source;
        /* The active memtable takes writes beside the cursor. */
        uint64_t sequence_max =
            i == 0 ? UINT64_MAX
                   : atomic_load_explicit(&memtable->sequence_max, memory_order_relaxed);
        int rc = fi_merge_source_create_memtable(memtable->table, sequence_max, &source, err);
        if (rc == FIRN_OK) {
            rc = fi_merge_add(cursor->merge, source, err);
        }
        if (rc != FIRN_OK) {
            return rc;
        }
        cursor->ranges[cursor->range_set_count++] = fi_memtable_ranges(memtable->table);
    }
    return FIRN_OK;
}

/* A run with range deletes, which are needed from the beginning. */
static int
add_ranges(struct fi_lsm_cursor *cursor, struct fi_version_file *file, firn_error *err)
{
    struct fi_version_file_handle *pin;
    int rc = fi_version_file_pin(file, &pin, err);
    if (rc == FIRN_CORRUPT) {
        cursor->refused.files[cursor->refused.count++] = file;
        return FIRN_OK;
    }
    if (rc == FIRN_OK) {
        cursor->pins[cursor->pin_count++] = pin;
        cursor->ranges[cursor->range_set_count++] = pin->run->kind->ranges(pin->run);
    }
    return rc;
}

static int
add_runs(struct fi_lsm_cursor *cursor, unsigned level, size_t begin, size_t end, firn_error *err)
{
    DCHECK(begin < end && end <= cursor->state->version->levels[level].count);
    const struct fi_version *version = cursor->state->version;
    for (size_t i = begin; i < end && version->levels[level].with_ranges > 0; i++) {
        struct fi_version_file *file = fi_version_file(&version->levels[level], i);
        if (file->info.range_count > 0) {
            FI_TRY_RETURN(add_ranges(cursor, file, err));
        }
    }
    const struct fi_version_source_runs runs = {.version = version,
                                                .level = level,
                                                .begin = begin,
                                                .end = end,
                                                .only = cursor->only,
                                                .projection = cursor->projection};
    struct fi_version_source *source = &cursor->sources[cursor->source_count++];
    source->refused = &cursor->refused;
    source->is_unwanted = cursor->snapshot != NULL ? is_covered : NULL;
    source->ctx = cursor;
    return fi_version_source_add(source, &runs, cursor->merge, err);
}

static bool
is_skipped(const struct fi_lsm_cursor *cursor, const struct fi_snapshot *snapshot,
           struct fi_version_file *file)
{
    if (snapshot != NULL) {
        return fi_version_history_is_file_skipped(file, snapshot);
    }
    return cursor->only != NULL &&
           !fi_snapshot_sees_any(cursor->only, file->info.sequence_min, file->info.sequence_max);
}

static int
add_history(struct fi_lsm_cursor *cursor, const struct fi_snapshot *snapshot, firn_error *err)
{
    struct fi_version *version = cursor->state->version;
    const struct fi_version_level *history = &version->levels[FI_VERSION_HISTORY];
    if (snapshot != NULL && fi_version_history_is_all_skipped(version, snapshot)) {
        return FIRN_OK;
    }
    for (size_t i = 0; i < history->count; i++) {
        if (fi_version_run_overlaps(&history->runs[i], cursor->lower_bound, cursor->upper_bound) &&
            !is_skipped(cursor, snapshot, fi_version_file(history, i))) {
            FI_TRY_RETURN(add_runs(cursor, FI_VERSION_HISTORY, i, i + 1, err));
        }
    }
    return FIRN_OK;
}

static int
add_version(struct fi_lsm_cursor *cursor, const struct fi_snapshot *snapshot, firn_error *err)
{
    const struct fi_version *version = cursor->state->version;
    for (size_t i = 0; i < version->levels[0].count; i++) {
        if (fi_version_run_overlaps(&version->levels[0].runs[i], cursor->lower_bound,
                                    cursor->upper_bound)) {
            FI_TRY_RETURN(add_runs(cursor, 0, i, i + 1, err));
        }
    }
    for (unsigned level = 1; level < FI_VERSION_LEVELS; level++) {
        size_t begin;
        size_t end;
        fi_version_overlap(&version->levels[level], cursor->lower_bound, cursor->upper_bound,
                           &begin, &end);
        if (begin < end) {
            FI_TRY_RETURN(add_runs(cursor, level, begin, end, err));
        }
    }
    return add_history(cursor, snapshot, err);
}

/* How many runs of the version have range deletes. */
static size_t
count_with_ranges(const struct fi_version *version)
{
    size_t count = 0;
    for (unsigned number = 0; number < FI_VERSION_LEVELS_ALL; number++) {
        count += version->levels[number].with_ranges;
    }
    return count;
}

/* A cursor and its arrays, long enough for all sources of the state, in one piece of memory. */
static struct fi_lsm_cursor *
lsm_cursor_allocate(const struct fi_lsm_superversion *state)
{
    /* Runs and memtables are in memory themselves, so this does not overflow. */
    const struct fi_version_level *levels = state->version->levels;
    size_t sources = levels[0].count + FI_VERSION_LEVELS + levels[FI_VERSION_HISTORY].count;
    size_t with_ranges = count_with_ranges(state->version);
    size_t sets = state->memtable_count + with_ranges;
    size_t pointers = sets + 2 * with_ranges;
    struct fi_lsm_cursor *cursor = fi_alloc_zeroed(
        sizeof *cursor + sources * sizeof(struct fi_version_source) + pointers * sizeof(void *));
    if (cursor != NULL) {
        cursor->sources = (void *)(cursor + 1);
        cursor->ranges = (void *)(cursor->sources + sources);
        cursor->pins = (void *)(cursor->ranges + sets);
        cursor->refused.files = (void *)(cursor->pins + with_ranges);
    }
    return cursor;
}

static int
make_resolve(struct fi_lsm_cursor *cursor, const struct fi_lsm_cursor_options *given,
             struct fi_os *os, firn_error *err)
{
    struct fi_merge_resolve_options options = {
        .merge = cursor->merge,
        .ranges = cursor->ranges,
        .range_set_count = cursor->range_set_count,
        .snapshot = given->snapshot,
        .time_ms = given->time_ms == FI_LSM_TIME_NOW ? (uint64_t)(fi_os_now_ns(os) / 1000000)
                                                     : given->time_ms,
        .lower = cursor->lower_bound,
        .upper = cursor->upper_bound,
        .keys_only = given->keys_only,
    };
    return fi_merge_resolve_create(&options, &cursor->resolve, err);
}

/* ---- life ---- */

int
fi_lsm_cursor_create(struct fi_lsm_tree *tree, const struct fi_lsm_cursor_options *options,
                     struct fi_lsm_cursor **out, firn_error *err)
{
    return fi_lsm_cursor_create_in(fi_lsm_superversion_to_read(tree), tree->lsm->os, options, out,
                                   err);
}

int
fi_lsm_cursor_create_in(struct fi_lsm_superversion *state, struct fi_os *os,
                        const struct fi_lsm_cursor_options *options, struct fi_lsm_cursor **out,
                        firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_lsm_cursor *cursor = lsm_cursor_allocate(state);
    *out = NULL;
    if (cursor == NULL) {
        fi_lsm_superversion_unref(state);
        return fi_error_no_memory(err, "a cursor");
    }
    cursor->state = state;
    cursor->snapshot = options->snapshot;
    cursor->only = options->only;
    cursor->projection = options->projection;
    FI_TRY(copy_bounds(cursor, options, err));
    FI_TRY(fi_merge_create(&cursor->merge, err));
    FI_TRY(add_memtables(cursor, err));
    FI_TRY(add_version(cursor, options->snapshot, err));
    /* allocate() made room for so many. */
    CHECK(cursor->range_set_count + cursor->refused.count <=
          state->memtable_count + count_with_ranges(state->version));
    DCHECK(cursor->source_count <= state->version->run_count);
    if (options->snapshot != NULL) {
        FI_TRY(make_resolve(cursor, options, os, err));
    }
    *out = cursor;
    cursor = NULL;
out:
    fi_lsm_cursor_destroy(cursor);
    return rc;
}

void
fi_lsm_cursor_destroy(struct fi_lsm_cursor *cursor)
{
    if (cursor == NULL) {
        return;
    }
    fi_merge_resolve_destroy(cursor->resolve);
    fi_merge_destroy(cursor->merge);
    for (size_t i = 0; i < cursor->pin_count; i++) {
        fi_version_file_unpin(cursor->pins[i]);
    }
    fi_lsm_superversion_unref(cursor->state);
    fi_buf_deinit(&cursor->lower);
    fi_buf_deinit(&cursor->upper);
    fi_free(cursor);
}

/* ---- moves ---- */

static int
lsm_cursor_show(struct fi_lsm_cursor *cursor, int rc)
{
    cursor->entry = rc == FIRN_OK ? fi_merge_resolve_entry(cursor->resolve) : NULL;
    return rc;
}

/* The same for a cursor over all versions. */
static int
show_version(struct fi_lsm_cursor *cursor, int rc)
{
    const struct fi_entry *entry = rc == FIRN_OK ? fi_merge_entry(cursor->merge) : NULL;
    bool is_inside = entry != NULL && (cursor->upper_bound == NULL ||
                                       fi_slice_compare(entry->key, *cursor->upper_bound) < 0);
    cursor->entry = is_inside ? entry : NULL;
    return rc;
}

static int
first_version(struct fi_lsm_cursor *cursor, firn_error *err)
{
    return show_version(cursor,
                        cursor->lower_bound == NULL
                            ? fi_merge_first(cursor->merge, err)
                            : fi_merge_seek(cursor->merge, *cursor->lower_bound, UINT64_MAX, err));
}

static int
seek_version(struct fi_lsm_cursor *cursor, firn_slice key, firn_error *err)
{
    if (cursor->lower_bound != NULL && fi_slice_compare(key, *cursor->lower_bound) < 0) {
        key = *cursor->lower_bound;
    }
    return show_version(cursor, fi_merge_seek(cursor->merge, key, UINT64_MAX, err));
}

int
fi_lsm_cursor_first(struct fi_lsm_cursor *cursor, firn_error *err)
{
    return cursor->resolve != NULL
               ? lsm_cursor_show(cursor, fi_merge_resolve_first(cursor->resolve, err))
               : first_version(cursor, err);
}

int
fi_lsm_cursor_last(struct fi_lsm_cursor *cursor, firn_error *err)
{
    DCHECK(cursor->resolve != NULL);
    return lsm_cursor_show(cursor, fi_merge_resolve_last(cursor->resolve, err));
}

int
fi_lsm_cursor_seek(struct fi_lsm_cursor *cursor, firn_slice key, firn_error *err)
{
    return cursor->resolve != NULL
               ? lsm_cursor_show(cursor, fi_merge_resolve_seek(cursor->resolve, key, err))
               : seek_version(cursor, key, err);
}

int
fi_lsm_cursor_seek_before(struct fi_lsm_cursor *cursor, firn_slice key, firn_error *err)
{
    DCHECK(cursor->resolve != NULL);
    return lsm_cursor_show(cursor, fi_merge_resolve_seek_before(cursor->resolve, key, err));
}

int
fi_lsm_cursor_next(struct fi_lsm_cursor *cursor, firn_error *err)
{
    DCHECK(cursor->entry != NULL);
    return cursor->resolve != NULL
               ? lsm_cursor_show(cursor, fi_merge_resolve_next(cursor->resolve, err))
               : show_version(cursor, fi_merge_next(cursor->merge, err));
}

int
fi_lsm_cursor_prev(struct fi_lsm_cursor *cursor, firn_error *err)
{
    DCHECK(cursor->resolve != NULL && cursor->entry != NULL);
    return lsm_cursor_show(cursor, fi_merge_resolve_prev(cursor->resolve, err));
}

bool
fi_lsm_cursor_valid(const struct fi_lsm_cursor *cursor)
{
    return cursor->entry != NULL;
}

const struct fi_entry *
fi_lsm_cursor_entry(const struct fi_lsm_cursor *cursor)
{
    return cursor->entry;
}

int
fi_lsm_cursor_read_value(const struct fi_lsm_cursor *cursor, struct fi_buf *out, firn_error *err)
{
    DCHECK(cursor->entry != NULL && cursor->resolve == NULL);
    const struct fi_entry *entry = cursor->entry;
    firn_slice value = entry->value;
    size_t here = entry->values == NULL ? value.size : fi_entry_head_size(entry->kind);
    if (fi_buf_assign(out, firn_bytes(value.data, here)) != FIRN_OK) {
        return fi_error_no_memory(err, "a value");
    }
    return entry->values == NULL ? FIRN_OK
                                 : fi_run_value_cell_resolve(entry, FI_BLOCK_CACHE_SCAN, out, err);
}

uint64_t
fi_lsm_cursor_expires_ms(const struct fi_lsm_cursor *cursor)
{
    return cursor->entry == NULL ? 0 : fi_merge_resolve_expires_ms(cursor->resolve);
}
