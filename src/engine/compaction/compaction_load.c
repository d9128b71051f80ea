/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_load.c: writes sorted entries of one commit directly to runs.
 *
 * An entry that goes through log and memtable is written to the log, to a run, and again for each
 * level that it passes. Sorted entries can be written once, where they will stay: their runs do not
 * overlap, so each may go to the deepest level such that nothing in that level or above overlaps
 * its keys. If the tree has such keys already, that is above the runs that have them, in level 0 at
 * worst.
 *
 * (I1) All versions of a key in a level are newer than those in deeper ones (version.h). The
 *      entries have a sequence above all of the tree's. So nothing above their level may overlap
 *      their keys, neither runs nor memtables: the caller has flushed the memtables, and holds
 *      works back, so that no compaction brings anything there.
 * (I2) Works are held back until the commit is published. Otherwise one could drop a version that
 *      this commit replaces, while reads of now do not see the commit yet (reading/db_get.c).
 *
 * Loads into several trees are installed together, by one edit. One tree may take two loads of one
 * commit, with different keys: runs of the second load may overlap those of the first, and are then
 * placed above them.
 *
 * Files are written back while they are filled, and made durable together at the end
 * (block/block_publisher.c), so filling does not wait for the disk between two files. No reader
 * uses them before MANIFEST names them; the next opening removes what a crash leaves. One edit
 * names all runs, so either all entries are there or none.
 *
 * Failure: the files are removed, unless it is unknown whether MANIFEST names them; then the next
 * opening finds out.
 */
#include "compaction/compaction.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "block/block_file.h"
#include "compaction/compaction_internal.h"

struct fi_compaction_load {
    struct fi_lsm_tree *tree;
    struct fi_compaction_writer run;
    struct fi_lsm_origin origin;
    struct fi_compaction_values values;
    struct fi_os_jobs *helpers; /* of builders; NULL: none */
    unsigned helper_count;
    /* filled; durable under their names once publisher has run */
    struct fi_compaction_output output;
    struct fi_block_publisher publisher;
    size_t upper_begin; /* runs from here on may overlap those before */
    bool is_installed;  /* or that is unknown: the files stay */
};

/* ---- filling ---- */

int
fi_compaction_load_create(struct fi_lsm_tree *tree, struct fi_compaction_load **out,
                          firn_error *err)
{
    *out = fi_alloc_zeroed(sizeof **out);
    if (*out == NULL) {
        return fi_error_no_memory(err, "a load");
    }
    (*out)->tree = tree;
    fi_block_publisher_init(&(*out)->publisher, tree->lsm->runs_dir);
    fi_lsm_origin_begin(&(*out)->origin, tree, FI_RUN_ORIGIN_LOAD);
    const struct fi_compaction_values_options values = {
        .lsm = tree->lsm,
        .separates = atomic_load_explicit(&tree->separates, memory_order_relaxed),
        .is_of_cells = tree->kind->has_layout,
        .codec = tree->lsm->options.codec_bottom,
        .publisher = &(*out)->publisher};
    fi_compaction_values_begin(&(*out)->values, &values);
    return FIRN_OK;
}

void
fi_compaction_load_set_helpers(struct fi_compaction_load *bulk, struct fi_os_jobs *helpers,
                               unsigned count)
{
    DCHECK(bulk->run.builder == NULL && (helpers != NULL || count == 0));
    bulk->helpers = helpers;
    bulk->helper_count = count;
}

static int
begin_run(struct fi_compaction_load *bulk, firn_error *err)
{
    DCHECK(!bulk->is_installed);
    struct fi_lsm *lsm = bulk->tree->lsm;
    const struct fi_run_builder_options options = {.codec = lsm->options.codec_bottom,
                                                   .publisher = &bulk->publisher,
                                                   .placer = &bulk->values.placer,
                                                   .helpers = bulk->helpers,
                                                   .helper_count = bulk->helper_count};
    return fi_compaction_writer_begin(&bulk->run, lsm, bulk->tree->kind, bulk->tree, &options, err);
}

static int
end_run(struct fi_compaction_load *bulk, bool is_last, firn_error *err)
{
    struct fi_run_summary summary = {0};
    struct fi_manifest_run info;
    int rc;
    FI_TRY(fi_compaction_writer_reserve(&bulk->output, err));
    FI_TRY(fi_compaction_writer_end(&bulk->run, &bulk->origin, is_last, &summary, err));
    /* There are only puts of one commit. */
    CHECK(summary.tombstone_count == 0 && summary.range_count == 0);
    DCHECK(summary.sequence_min == summary.sequence_max);
    info = fi_compaction_writer_info(&bulk->run, &summary);
    rc = fi_compaction_writer_take(&bulk->run, &info, summary.cache_file, &bulk->values,
                                   &bulk->output, err);
    if (rc != FIRN_OK) {
        fi_compaction_writer_discard(&bulk->run, &summary);
    }
out:
    fi_run_summary_deinit(&summary);
    return rc;
}

/* Ensures that a run with room is open. */
static int
open_room(struct fi_compaction_load *bulk, firn_error *err)
{
    if (fi_compaction_writer_is_full(&bulk->run, bulk->tree->lsm->options.run_bytes_target)) {
        FI_TRY_RETURN(end_run(bulk, false, err));
    }
    if (bulk->run.builder == NULL) {
        FI_TRY_RETURN(begin_run(bulk, err));
    }
    return FIRN_OK;
}

bool
fi_compaction_load_takes_columns(const struct fi_compaction_load *bulk)
{
    return bulk->tree->kind->builder_add_columns != NULL;
}

int
fi_compaction_load_add_columns(struct fi_compaction_load *bulk,
                               const struct fi_run_columns *columns, firn_error *err)
{
    int rc = open_room(bulk, err);
    return rc == FIRN_OK ? fi_compaction_writer_add_columns(&bulk->run, columns, err) : rc;
}

int
fi_compaction_load_add(struct fi_compaction_load *bulk, const struct fi_entry *entry,
                       firn_error *err)
{
    struct fi_entry placed;
    FI_TRY_RETURN(open_room(bulk, err));
    FI_TRY_RETURN(fi_compaction_values_place(&bulk->values, entry, &placed, err));
    return fi_compaction_writer_add(&bulk->run, entry, &placed, err);
}

int
fi_compaction_load_finish(struct fi_compaction_load *bulk, firn_error *err)
{
    int rc = bulk->run.builder == NULL ? FIRN_OK : end_run(bulk, true, err);
    FI_TRY(rc);
    bulk->upper_begin = bulk->output.count;
    FI_TRY(fi_compaction_values_finish(&bulk->values, bulk->output.runs, bulk->output.count, err));
    rc = fi_block_publisher_run(&bulk->publisher, err);
out:
    return rc;
}

int
fi_compaction_load_join(struct fi_compaction_load *bulk, struct fi_compaction_load *upper,
                        firn_error *err)
{
    DCHECK(bulk->tree == upper->tree && bulk->run.builder == NULL && upper->run.builder == NULL);
    DCHECK(bulk->upper_begin == bulk->output.count);
    DCHECK(bulk->publisher.count == 0 && upper->publisher.count == 0);
    int rc = FIRN_OK;
    for (size_t i = 0; i < upper->output.count; i++) {
        FI_TRY(fi_compaction_writer_reserve(&bulk->output, err));
        bulk->output.runs[bulk->output.count++] = upper->output.runs[i];
    }
    upper->output.count = 0; /* with the references */
out:
    bulk->output.count = rc == FIRN_OK ? bulk->output.count : bulk->upper_begin;
    return rc;
}

/* ---- reading the keys back ---- */

struct fi_compaction_load_keys {
    const struct fi_compaction_load *bulk;
    struct fi_version_file_handle *handle; /* of the run that is read */
    struct fi_run_cursor *cursor;
    size_t next; /* the run after it */
    size_t end;
};

static void
close_run(struct fi_compaction_load_keys *keys)
{
    if (keys->cursor != NULL) {
        keys->cursor->kind->cursor_destroy(keys->cursor);
        keys->cursor = NULL;
    }
    if (keys->handle != NULL) {
        fi_version_file_unpin(keys->handle);
        keys->handle = NULL;
    }
}

static int
open_run(struct fi_compaction_load_keys *keys, firn_error *err)
{
    static const struct fi_run_projection nothing = {.columns = NULL, .count = 0};
    static const struct fi_run_cursor_options options = {
        .is_sequential = true, .keeps_references = true, .projection = &nothing};
    close_run(keys);
    DCHECK(keys->next < keys->end);
    int rc = fi_version_file_pin(keys->bulk->output.runs[keys->next++].file, &keys->handle, err);
    if (rc == FIRN_OK) {
        struct fi_run *run = keys->handle->run;
        rc = run->kind->cursor_create(run, &options, &keys->cursor, err);
    }
    return rc;
}

int
fi_compaction_load_keys_open(const struct fi_compaction_load *bulk,
                             struct fi_compaction_load_keys **out, firn_error *err)
{
    *out = fi_alloc_zeroed(sizeof **out);
    if (*out == NULL) {
        return fi_error_no_memory(err, "the keys of a load");
    }
    (*out)->bulk = bulk;
    (*out)->end = bulk->upper_begin;
    return FIRN_OK;
}

/* Whether the run, or its upper bound, may have a key at or after this one. */
static bool
compaction_load_reaches(const struct fi_version_added *run, firn_slice key)
{
    return fi_slice_compare(run->file->info.upper, key) > 0;
}

int
fi_compaction_load_keys_seek(struct fi_compaction_load_keys *keys, firn_slice key,
                             const firn_slice **out, firn_error *err)
{
    const struct fi_version_added *runs = keys->bulk->output.runs;
    *out = NULL;
    if (keys->cursor == NULL || !compaction_load_reaches(&runs[keys->next - 1], key)) {
        while (keys->next < keys->end && !compaction_load_reaches(&runs[keys->next], key)) {
            keys->next++;
        }
        if (keys->next == keys->end) {
            close_run(keys);
            return FIRN_OK;
        }
        FI_TRY_RETURN(open_run(keys, err));
    }
    FI_TRY_RETURN(keys->cursor->kind->cursor_seek(keys->cursor, key, UINT64_MAX, err));
    /* The upper bound of the run is not one of its keys, but there is no key between it and the
     * last one. */
    if (keys->cursor->is_valid) {
        *out = &keys->cursor->entry.key;
    } else if (keys->next < keys->end) {
        FI_TRY_RETURN(open_run(keys, err));
        FI_TRY_RETURN(keys->cursor->kind->cursor_first(keys->cursor, err));
        *out = keys->cursor->is_valid ? &keys->cursor->entry.key : NULL;
    }
    return FIRN_OK;
}

void
fi_compaction_load_keys_close(struct fi_compaction_load_keys *keys)
{
    if (keys != NULL) {
        close_run(keys);
        fi_free(keys);
    }
}

int
fi_compaction_load_find_common(const struct fi_compaction_load *one,
                               const struct fi_compaction_load *other,
                               int (*visit)(void *ctx, firn_slice key, firn_error *err), void *ctx,
                               firn_error *err)
{
    struct fi_compaction_load_keys *a = NULL;
    struct fi_compaction_load_keys *b = NULL;
    struct fi_buf key = {0};
    const firn_slice *found = NULL;
    firn_slice lower;
    firn_slice upper;
    int rc;
    DCHECK(one != other);
    FI_TRY(fi_compaction_load_keys_open(one, &a, err));
    FI_TRY(fi_compaction_load_keys_open(other, &b, err));
    fi_compaction_load_bounds(other, &lower, &upper);
    FI_TRY(fi_compaction_load_keys_seek(a, lower, &found, err));
    while (found != NULL) {
        if (fi_buf_assign(&key, *found) != FIRN_OK) {
            rc = fi_error_no_memory(err, "a load");
            goto out;
        }
        FI_TRY(fi_compaction_load_keys_seek(b, fi_buf_slice(&key), &found, err));
        if (found != NULL && fi_slice_equal(*found, fi_buf_slice(&key))) {
            rc = visit(ctx, *found, err);
            goto out;
        }
        struct fi_compaction_load_keys *swapped = a;
        a = b;
        b = swapped;
    }
out:
    fi_compaction_load_keys_close(a);
    fi_compaction_load_keys_close(b);
    fi_buf_deinit(&key);
    return rc;
}

void
fi_compaction_load_bounds(const struct fi_compaction_load *bulk, firn_slice *out_lower,
                          firn_slice *out_upper)
{
    size_t count = bulk->upper_begin;
    *out_lower = count > 0 ? bulk->output.runs[0].file->info.lower : firn_bytes(NULL, 0);
    *out_upper = count > 0 ? bulk->output.runs[count - 1].file->info.upper : firn_bytes(NULL, 0);
}

/* ---- installing ---- */

void
fi_compaction_load_hold(struct fi_compaction_load *bulk)
{
    struct fi_lsm *lsm = bulk->tree->lsm;
    fi_os_mutex_lock(&lsm->mutex);
    DCHECK(!bulk->tree->is_held);
    bulk->tree->is_held = true;
    while (bulk->tree->works != NULL) {
        fi_os_cond_wait(&lsm->changed, &lsm->mutex);
    }
    fi_os_mutex_unlock(&lsm->mutex);
}

void
fi_compaction_load_release(struct fi_compaction_load *bulk)
{
    fi_os_mutex_lock(&bulk->tree->lsm->mutex);
    DCHECK(bulk->tree->is_held && bulk->tree->works == NULL); /* (I2) */
    bulk->tree->is_held = false;
    fi_os_mutex_unlock(&bulk->tree->lsm->mutex);
}

bool
fi_compaction_load_is_clear(const struct fi_compaction_load *bulk)
{
    struct fi_lsm_superversion *state = fi_lsm_superversion_of(bulk->tree);
    bool is_clear = true;
    for (size_t i = 0; i < state->memtable_count; i++) {
        const struct fi_memtable *table = state->memtables[i]->table;
        is_clear = is_clear && fi_memtable_entry_count(table) == 0 &&
                   fi_range_set_is_empty(fi_memtable_ranges(table));
    }
    fi_lsm_superversion_unref(state);
    return is_clear;
}

static bool
overlaps_level(const struct fi_version_level *level, unsigned number, const firn_slice *lower,
               const firn_slice *upper)
{
    size_t begin = 0;
    size_t end = 0;
    if (number > 0) {
        fi_version_overlap(level, lower, upper, &begin, &end);
        return begin < end;
    }
    for (size_t i = 0; i < level->count; i++) {
        if (fi_version_run_overlaps(&level->runs[i], lower, upper)) {
            return true;
        }
    }
    return false;
}

/* (I1) The deepest level such that nothing in it or above it overlaps the run's keys. */
static unsigned
level_of(const struct fi_version *version, const struct fi_manifest_run *info)
{
    unsigned level = 0;
    while (level < FI_VERSION_LEVELS &&
           !overlaps_level(&version->levels[level], level, &info->lower, &info->upper)) {
        level++;
    }
    return level == 0 ? 0 : level - 1;
}

/* (I1) */
static bool
is_above_all(const struct fi_version *version, const struct fi_manifest_run *info)
{
    for (unsigned number = 0; number < FI_VERSION_LEVELS_ALL; number++) {
        if (version->levels[number].sequence_max >= info->sequence_min) {
            return false;
        }
    }
    return true;
}

/* Chooses the levels of the runs of one load. */
static void
place_runs(struct fi_compaction_load *bulk)
{
    struct fi_lsm_superversion *state = fi_lsm_superversion_of(bulk->tree);
    struct fi_version_added *runs = bulk->output.runs;
    CHECK(bulk->tree->is_held && bulk->run.builder == NULL);
    DCHECK(fi_compaction_load_is_clear(bulk)); /* (I1) */
    for (size_t i = 0; i < bulk->output.count; i++) {
        const struct fi_manifest_run *info = &runs[i].file->info;
        DCHECK(is_above_all(state->version, info));
        runs[i].level = level_of(state->version, info);
        for (size_t j = 0; i >= bulk->upper_begin && j < bulk->upper_begin; j++) {
            const struct fi_manifest_run *below = &runs[j].file->info;
            bool overlaps = fi_slice_compare(info->lower, below->upper) < 0 &&
                            fi_slice_compare(below->lower, info->upper) < 0;
            if (overlaps && runs[i].level >= runs[j].level) {
                runs[i].level = runs[j].level > 0 ? runs[j].level - 1 : 0;
            }
        }
    }
    fi_lsm_superversion_unref(state);
}

int
fi_compaction_load_install(struct fi_compaction_load *const *loads, size_t count,
                           bool *out_is_certain, firn_error *err)
{
    size_t used = 0;
    DCHECK(count > 0);
    *out_is_certain = true;
    struct fi_lsm_install_change *changes = fi_alloc_zeroed(count * sizeof *changes);
    if (changes == NULL) {
        return fi_error_no_memory(err, "a load");
    }
    for (size_t i = 0; i < count; i++) {
        place_runs(loads[i]);
        if (loads[i]->output.count > 0) {
            changes[used++] = (struct fi_lsm_install_change){.tree = loads[i]->tree,
                                                             .added = loads[i]->output.runs,
                                                             .added_count = loads[i]->output.count};
        }
    }
    CHECK(used > 0);
    int rc = fi_lsm_install_all(loads[0]->tree->lsm, changes, used, out_is_certain, err);
    for (size_t i = 0; i < count; i++) {
        loads[i]->is_installed = rc == FIRN_OK || !*out_is_certain;
    }
    fi_free(changes);
    return rc;
}

void
fi_compaction_load_destroy(struct fi_compaction_load *bulk)
{
    if (bulk == NULL) {
        return;
    }
    struct fi_lsm *lsm = bulk->tree->lsm;
    fi_compaction_writer_abandon(&bulk->run);
    fi_block_publisher_deinit(&bulk->publisher);
    fi_os_mutex_lock(&lsm->mutex);
    for (size_t i = 0; i < bulk->output.count; i++) {
        if (!bulk->is_installed) { /* else the tree owns it, and may have removed it by now */
            bulk->output.runs[i].file->is_gone = true;
            fi_lsm_origin_note_gone_locked(lsm, bulk->output.runs[i].file->info.number);
        }
        fi_version_file_unref(bulk->output.runs[i].file);
    }
    fi_os_mutex_unlock(&lsm->mutex);
    fi_compaction_values_end(&bulk->values);
    fi_lsm_origin_deinit(&bulk->origin);
    if (!bulk->is_installed) {
        fi_lsm_collect(lsm);
    }
    fi_free(bulk->output.runs);
    fi_free(bulk);
}
