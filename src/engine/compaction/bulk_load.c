/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/bulk_load.c: sorted entries of one commit straight into runs.
 *
 * What goes through log and memtable is written twice before it lies in a run, and again for each
 * level that it passes. Entries that come sorted can be written once, where they will stay: their
 * runs do not overlap, so each may go to the deepest level above which nothing reaches into its
 * keys. Where keys are there already that is above the runs that have them, in level 0 at worst.
 *
 * (I1) All versions of a key in a level are newer than those in deeper ones (version.h). The
 *      entries have a sequence above all that the tree has. So above their level nothing may lie
 *      at their keys, neither runs nor memtables: the caller has emptied these, and holds works
 *      back, so that no compaction brings anything there.
 * (I2) Works stay held back until the commit is published: else one could drop a version that is
 *      replaced by this commit, for whom reads of now do not see it yet (store/db_get.c).
 *
 * Files are made durable one by one as they are filled. Nobody knows them before MANIFEST does;
 * what a crash leaves of them the next open removes. All runs become known by one edit, so all
 * entries come at once or not at all.
 *
 * Failure: what was written is removed, unless MANIFEST cannot tell whether it names it; then the
 * next open finds out.
 */
#include "compaction/compaction.h"

#include "base/check.h"
#include "base/mem.h"
#include "compaction/compaction_internal.h"

struct firn_bulk_load {
    struct firn_lsm_tree *tree;
    struct firn_run_writer run;
    struct firn_lsm_origin origin;
    struct firn_compaction_values values;
    struct firn_compaction_output output; /* finished */
    bool is_installed;                    /* or it is not known: the files stay */
};

/* ---- filling ---- */

int
firn_bulk_load_create(struct firn_lsm_tree *tree, struct firn_bulk_load **out, firn_error *err)
{
    *out = firn_alloc_zeroed(sizeof **out);
    if (*out == NULL) {
        return firn_error_no_memory(err, "a load");
    }
    (*out)->tree = tree;
    firn_lsm_origin_begin(&(*out)->origin, tree, FIRN_RUN_ORIGIN_LOAD);
    const struct firn_compaction_values_options values = {
        .lsm = tree->lsm,
        .separates = atomic_load_explicit(&tree->separates, memory_order_relaxed),
        .codec = tree->lsm->options.codec_bottom};
    firn_compaction_values_begin(&(*out)->values, &values);
    return FIRN_OK;
}

static int
begin_run(struct firn_bulk_load *bulk, firn_error *err)
{
    DCHECK(!bulk->is_installed);
    struct firn_lsm *lsm = bulk->tree->lsm;
    const struct firn_run_builder_options options = {.codec = lsm->options.codec_bottom};
    return firn_run_writer_begin(&bulk->run, lsm, bulk->tree->kind, bulk->tree, &options, err);
}

static int
end_run(struct firn_bulk_load *bulk, bool is_last, firn_error *err)
{
    struct firn_run_summary summary = {0};
    struct firn_manifest_run info;
    int rc;
    FIRN_TRY(firn_run_writer_reserve(&bulk->output, err));
    FIRN_TRY(firn_run_writer_end(&bulk->run, &bulk->origin, is_last, &summary, err));
    /* There are puts of one commit alone. */
    CHECK(summary.tombstone_count == 0 && summary.range_count == 0);
    DCHECK(summary.sequence_min == summary.sequence_max);
    info = firn_run_writer_info(&bulk->run, &summary);
    rc = firn_run_writer_take(&bulk->run, &info, summary.cache_file, &bulk->values, &bulk->output,
                              err);
    if (rc != FIRN_OK) {
        firn_run_writer_discard(&bulk->run, &summary);
    }
out:
    firn_run_summary_deinit(&summary);
    return rc;
}

int
firn_bulk_load_add(struct firn_bulk_load *bulk, const struct firn_entry *entry, firn_error *err)
{
    const struct firn_run_kind *kind = bulk->tree->kind;
    int rc = FIRN_OK;
    if (bulk->run.builder != NULL &&
        kind->builder_size_bytes(bulk->run.builder) >= bulk->tree->lsm->options.run_bytes_target) {
        FIRN_TRY(end_run(bulk, false, err));
    }
    if (bulk->run.builder == NULL) {
        FIRN_TRY(begin_run(bulk, err));
    }
    struct firn_entry placed;
    FIRN_TRY(firn_compaction_values_place(&bulk->values, entry, &placed, err));
    FIRN_TRY(firn_run_writer_add(&bulk->run, entry, &placed, err));
out:
    return rc;
}

int
firn_bulk_load_finish(struct firn_bulk_load *bulk, firn_error *err)
{
    int rc = bulk->run.builder == NULL ? FIRN_OK : end_run(bulk, true, err);
    return rc == FIRN_OK ? firn_compaction_values_finish(&bulk->values, bulk->output.runs,
                                                         bulk->output.count, err)
                         : rc;
}

/* ---- installing ---- */

void
firn_bulk_load_hold(struct firn_bulk_load *bulk)
{
    struct firn_lsm *lsm = bulk->tree->lsm;
    firn_os_mutex_lock(&lsm->mutex);
    DCHECK(!bulk->tree->is_held);
    bulk->tree->is_held = true;
    while (bulk->tree->works != NULL) {
        firn_os_cond_wait(&lsm->changed, &lsm->mutex);
    }
    firn_os_mutex_unlock(&lsm->mutex);
}

void
firn_bulk_load_release(struct firn_bulk_load *bulk)
{
    firn_os_mutex_lock(&bulk->tree->lsm->mutex);
    DCHECK(bulk->tree->is_held && bulk->tree->works == NULL); /* (I2) */
    bulk->tree->is_held = false;
    firn_os_mutex_unlock(&bulk->tree->lsm->mutex);
}

bool
firn_bulk_load_is_clear(const struct firn_bulk_load *bulk)
{
    struct firn_lsm_state *state = firn_lsm_state_of(bulk->tree);
    bool is_clear = true;
    for (size_t i = 0; i < state->memtable_count; i++) {
        const struct firn_memtable *table = state->memtables[i]->table;
        is_clear = is_clear && firn_memtable_entry_count(table) == 0 &&
                   firn_range_set_is_empty(firn_memtable_ranges(table));
    }
    firn_lsm_state_unref(state);
    return is_clear;
}

static bool
overlaps_level(const struct firn_version_level *level, unsigned number, const firn_slice *lower,
               const firn_slice *upper)
{
    size_t begin = 0;
    size_t end = 0;
    if (number > 0) {
        firn_version_overlap(level, lower, upper, &begin, &end);
        return begin < end;
    }
    for (size_t i = 0; i < level->count; i++) {
        if (firn_version_run_overlaps(&level->runs[i], lower, upper)) {
            return true;
        }
    }
    return false;
}

/* (I1) The deepest level above which, and in which, nothing reaches into the run's keys. */
static unsigned
level_of(const struct firn_version *version, const struct firn_manifest_run *info)
{
    unsigned level = 0;
    while (level < FIRN_VERSION_LEVELS &&
           !overlaps_level(&version->levels[level], level, &info->lower, &info->upper)) {
        level++;
    }
    return level == 0 ? 0 : level - 1;
}

/* (I1) */
static bool
is_above_all(const struct firn_version *version, const struct firn_manifest_run *info)
{
    for (unsigned number = 0; number < FIRN_VERSION_LEVELS_ALL; number++) {
        if (version->levels[number].sequence_max >= info->sequence_min) {
            return false;
        }
    }
    return true;
}

int
firn_bulk_load_install(struct firn_bulk_load *bulk, firn_error *err)
{
    struct firn_lsm_state *state = firn_lsm_state_of(bulk->tree);
    CHECK(bulk->tree->is_held && bulk->run.builder == NULL);
    DCHECK(firn_bulk_load_is_clear(bulk)); /* (I1) */
    for (size_t i = 0; i < bulk->output.count; i++) {
        DCHECK(is_above_all(state->version, &bulk->output.runs[i].file->info));
        bulk->output.runs[i].level = level_of(state->version, &bulk->output.runs[i].file->info);
    }
    firn_lsm_state_unref(state);
    const struct firn_lsm_install_change change = {
        .tree = bulk->tree, .added = bulk->output.runs, .added_count = bulk->output.count};
    bool is_certain;
    int rc = firn_lsm_install(bulk->tree->lsm, &change, &is_certain, err);
    bulk->is_installed = rc == FIRN_OK || !is_certain;
    return rc;
}

void
firn_bulk_load_destroy(struct firn_bulk_load *bulk)
{
    if (bulk == NULL) {
        return;
    }
    struct firn_lsm *lsm = bulk->tree->lsm;
    firn_run_writer_abandon(&bulk->run);
    firn_os_mutex_lock(&lsm->mutex);
    for (size_t i = 0; i < bulk->output.count; i++) {
        if (!bulk->is_installed) { /* else it is the tree's, which may have given it up by now */
            bulk->output.runs[i].file->is_gone = true;
            firn_lsm_origin_note_gone_locked(lsm, bulk->output.runs[i].file->info.number);
        }
        firn_run_file_unref(bulk->output.runs[i].file);
    }
    firn_os_mutex_unlock(&lsm->mutex);
    firn_compaction_values_end(&bulk->values);
    firn_lsm_origin_deinit(&bulk->origin);
    if (!bulk->is_installed) {
        firn_lsm_collect(lsm);
    }
    firn_free(bulk->output.runs);
    firn_free(bulk);
}
