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
#include "lsm/lsm_internal.h"

struct firn_bulk_load {
    struct firn_lsm_tree *tree;
    struct firn_run_builder *builder; /* NULL: no run is open */
    uint64_t number;                  /* of its file */
    struct firn_manifest_run expiry;  /* of its expiring puts, and nothing else */
    struct firn_lsm_origin origin;
    struct firn_compaction_values values;
    struct firn_version_added *runs; /* finished, each with a reference */
    size_t count;
    size_t capacity;
    bool is_installed; /* or it is not known: the files stay */
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
    DCHECK(bulk->builder == NULL && !bulk->is_installed);
    struct firn_lsm *lsm = bulk->tree->lsm;
    const struct firn_run_kind *kind = lsm->options.kind;
    const struct firn_run_builder_options options = {.codec = lsm->options.codec_bottom};
    char name[FIRN_RUN_FILE_NAME_SIZE];
    bulk->number = firn_lsm_take_number(lsm);
    bulk->expiry = (struct firn_manifest_run){0};
    firn_run_file_name(bulk->number, kind, name);
    return kind->builder_create(&lsm->files.env, name, &options, &bulk->builder, err);
}

static int
reserve_run(struct firn_bulk_load *bulk, firn_error *err)
{
    if (bulk->count < bulk->capacity) {
        return FIRN_OK;
    }
    size_t capacity = bulk->capacity == 0 ? 8 : 2 * bulk->capacity;
    struct firn_version_added *runs = firn_resize_array(bulk->runs, capacity, sizeof *runs);
    if (runs == NULL) {
        return firn_error_no_memory(err, "the runs of a load");
    }
    bulk->runs = runs;
    bulk->capacity = capacity;
    return FIRN_OK;
}

/* Makes the finished run known here. */
static int
take_run(struct firn_bulk_load *bulk, const struct firn_run_summary *summary, firn_error *err)
{
    struct firn_lsm *lsm = bulk->tree->lsm;
    struct firn_manifest_run info = {
        .number = bulk->number,
        .kind = (uint8_t)lsm->options.kind->file_kind,
        .file_bytes = summary->file_bytes,
        .entry_count = summary->entry_count,
        .content_bytes = summary->content_bytes,
        .sequence_min = summary->sequence_min,
        .sequence_max = summary->sequence_max,
        .expiring_count = bulk->expiry.expiring_count,
        .expires_first_ms = bulk->expiry.expires_first_ms,
        .expires_last_ms = bulk->expiry.expires_last_ms,
        .lower = firn_buf_slice(&summary->lower),
        .upper = firn_buf_slice(&summary->upper),
    };
    /* What the info leaves out. */
    CHECK(summary->tombstone_count == 0 && summary->range_count == 0);
    DCHECK(summary->sequence_min == summary->sequence_max && bulk->count < bulk->capacity);
    int rc = firn_compaction_values_list(&bulk->values, &info, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct firn_run_file *file = firn_run_file_create(&lsm->files, lsm->options.kind, &info);
    if (file == NULL) {
        return firn_error_no_memory(err, "a run");
    }
    firn_compaction_values_hold(&bulk->values, file);
    bulk->runs[bulk->count++] = (struct firn_version_added){file, 0};
    return FIRN_OK;
}

static int
end_run(struct firn_bulk_load *bulk, bool is_last, firn_error *err)
{
    struct firn_lsm *lsm = bulk->tree->lsm;
    struct firn_run_summary summary = {0};
    int rc;
    FIRN_TRY(reserve_run(bulk, err));
    FIRN_TRY(firn_lsm_origin_tell(&bulk->origin, bulk->builder, bulk->number, is_last, err));
    FIRN_TRY(bulk->builder->kind->builder_finish(bulk->builder, &summary, err));
    bulk->builder->kind->builder_destroy(bulk->builder);
    bulk->builder = NULL;
    rc = take_run(bulk, &summary, err);
    if (rc != FIRN_OK) {
        char name[FIRN_RUN_FILE_NAME_SIZE];
        firn_run_file_name(bulk->number, lsm->options.kind, name);
        FIRN_IGNORE(firn_os_remove_file(lsm->runs_dir, name, NULL));
    }
out:
    firn_run_summary_deinit(&summary);
    return rc;
}

int
firn_bulk_load_add(struct firn_bulk_load *bulk, const struct firn_entry *entry, firn_error *err)
{
    const struct firn_run_kind *kind = bulk->tree->lsm->options.kind;
    int rc = FIRN_OK;
    if (bulk->builder != NULL &&
        kind->builder_size_bytes(bulk->builder) >= bulk->tree->lsm->options.run_bytes_target) {
        FIRN_TRY(end_run(bulk, false, err));
    }
    if (bulk->builder == NULL) {
        FIRN_TRY(begin_run(bulk, err));
    }
    struct firn_entry placed;
    FIRN_TRY(firn_compaction_values_place(&bulk->values, entry, &placed, err));
    FIRN_TRY(kind->builder_add(bulk->builder, &placed, err));
    if (entry->kind == FIRN_ENTRY_EXPIRING) {
        firn_manifest_run_note_expiry(&bulk->expiry, firn_entry_expires_ms(entry->value));
    }
out:
    return rc;
}

int
firn_bulk_load_finish(struct firn_bulk_load *bulk, firn_error *err)
{
    int rc = bulk->builder == NULL ? FIRN_OK : end_run(bulk, true, err);
    return rc == FIRN_OK
               ? firn_compaction_values_finish(&bulk->values, bulk->runs, bulk->count, err)
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
    CHECK(bulk->tree->is_held && bulk->builder == NULL);
    DCHECK(firn_bulk_load_is_clear(bulk)); /* (I1) */
    for (size_t i = 0; i < bulk->count; i++) {
        DCHECK(is_above_all(state->version, &bulk->runs[i].file->info));
        bulk->runs[i].level = level_of(state->version, &bulk->runs[i].file->info);
    }
    firn_lsm_state_unref(state);
    const struct firn_lsm_install_change change = {
        .tree = bulk->tree, .added = bulk->runs, .added_count = bulk->count};
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
    if (bulk->builder != NULL) {
        bulk->builder->kind->builder_destroy(bulk->builder);
    }
    struct firn_lsm *lsm = bulk->tree->lsm;
    firn_os_mutex_lock(&lsm->mutex);
    for (size_t i = 0; i < bulk->count; i++) {
        if (!bulk->is_installed) { /* else it is the tree's, which may have given it up by now */
            bulk->runs[i].file->is_gone = true;
            firn_lsm_origin_note_gone_locked(lsm, bulk->runs[i].file->info.number);
        }
        firn_run_file_unref(bulk->runs[i].file);
    }
    firn_os_mutex_unlock(&lsm->mutex);
    firn_compaction_values_end(&bulk->values);
    firn_lsm_origin_deinit(&bulk->origin);
    if (!bulk->is_installed) {
        firn_lsm_collect(lsm);
    }
    firn_free(bulk->runs);
    firn_free(bulk);
}
