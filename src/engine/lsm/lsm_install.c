/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_install.c: writes a change of one or more trees to MANIFEST, then publishes it to
 * readers.
 *
 * Changes are made one at a time, in the order of MANIFEST's versions, by the holder of the token
 * (lsm_handle.h). The steps:
 *
 *   1. take the token; only now does the tree's newest version stay the same
 *   2. make the new versions and the memory for the new states: a failure does no harm yet
 *   3. append the edit to MANIFEST and sync it: I/O, without the mutex
 *   4. publish the new states under the mutex; this cannot fail
 *   5. perhaps write a snapshot of all trees to MANIFEST, so that it stays small
 *   6. give the token back
 *
 * (I1) After step 3 has succeeded step 4 follows: what is durable is also seen. (Not checked: in
 *      fi_lsm_install_all one line follows the other.)
 * (I2) Freezing is possible during step 3 and makes states with more memtables. The tree has the
 *      memory for the new state meanwhile (`spare`), and a freeze that makes it too small replaces
 *      it with a larger one, or fails (lsm_tree.c). So step 4 has room.
 * (I3) A file that the edit removes is marked as gone before the new version is published, hence
 *      before the last version that names it releases it.
 *
 * Failure: up to step 3 nothing has changed. If it is unknown whether MANIFEST has the edit, all
 * further changes are refused, and neither the files that the edit adds nor those it removes may be
 * touched: the next opening will find out. A snapshot that could not be written is tried again with
 * a later change; if the failure latched MANIFEST, the next change reports it.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "lsm/lsm_internal.h"

/* ---- the token ---- */

int
fi_lsm_install_may_change(const struct fi_lsm *lsm, firn_error *err)
{
    const struct fi_lsm_host *host = &lsm->options.host;
    return host->may_change != NULL ? host->may_change(host->ctx, err) : FIRN_OK;
}

static int
take_token(struct fi_lsm *lsm, firn_error *err)
{
    int rc = fi_lsm_install_may_change(lsm, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    fi_os_mutex_lock(&lsm->mutex);
    while (lsm->is_editing) {
        fi_os_cond_wait(&lsm->changed, &lsm->mutex);
    }
    bool has_failed = lsm->has_failed;
    lsm->is_editing = !has_failed;
    fi_os_mutex_unlock(&lsm->mutex);
    if (has_failed) {
        return fi_error_set(err, FIRN_FAILED,
                            "MANIFEST failed earlier: close the store and open it again");
    }
    return FIRN_OK;
}

static void
give_token(struct fi_lsm *lsm)
{
    fi_os_mutex_lock(&lsm->mutex);
    DCHECK(lsm->is_editing);
    lsm->has_failed = fi_manifest_has_failed(lsm->manifest);
    lsm->is_editing = false;
    fi_os_cond_broadcast(&lsm->changed);
    fi_os_mutex_unlock(&lsm->mutex);
}

/* ---- the edit ---- */

/* How far the log is durable now. */
static struct fi_log_position
log_durable(const struct fi_lsm *lsm)
{
    const struct fi_lsm_host *host = &lsm->options.host;
    return host->log_durable != NULL ? host->log_durable(host->ctx) : (struct fi_log_position){0};
}

/* MANIFEST has recorded it. Requires: the token. */
static void
note_log_end(struct fi_lsm *lsm, const struct fi_manifest_edit *record)
{
    DCHECK(lsm->is_editing);
    if (record->log_end.segment > 0) {
        lsm->log_end = record->log_end;
    }
}

/* Of one tree. */
struct edit {
    const struct fi_lsm_install_change *change;
    struct fi_version *version; /* the new one */
    uint64_t flushed;           /* of the tree, afterwards */
    uint64_t *removed;
    struct fi_manifest_run *added;
    bool is_written;                 /* else MANIFEST need not change */
    struct fi_lsm_superversion *old; /* the state that was replaced */
};

/* The whole change, by ascending tree. */
struct edits {
    struct edit *all;
    struct fi_manifest_tree *trees; /* of those that are written */
    size_t count;
    size_t tree_count;
    uint64_t sequence; /* of the MANIFEST, afterwards */
};

static int
compare_trees(const void *a, const void *b)
{
    uint32_t x = ((const struct edit *)a)->change->tree->id;
    uint32_t y = ((const struct edit *)b)->change->tree->id;
    return (x > y) - (x < y);
}

static int
init_edits(struct edits *edits, const struct fi_lsm_install_change *changes, size_t count,
           firn_error *err)
{
    DCHECK(count > 0);
    *edits = (struct edits){.count = count};
    edits->all = fi_alloc_zeroed(count * sizeof *edits->all);
    edits->trees = fi_alloc_zeroed(count * sizeof *edits->trees);
    if (edits->all == NULL || edits->trees == NULL) {
        edits->count = 0;
        return fi_error_no_memory(err, "an edit of MANIFEST");
    }
    for (size_t i = 0; i < count; i++) {
        edits->all[i].change = &changes[i];
    }
    fi_sort(edits->all, count, sizeof *edits->all, compare_trees);
    return FIRN_OK;
}

static void
deinit_edits(struct edits *edits)
{
    for (size_t i = 0; i < edits->count; i++) {
        fi_version_unref(edits->all[i].version);
        fi_free(edits->all[i].removed);
        fi_free(edits->all[i].added);
    }
    fi_free(edits->all);
    fi_free(edits->trees);
}

static int
list_runs(struct edit *edit, uint64_t *sequence, firn_error *err)
{
    const struct fi_lsm_install_change *change = edit->change;
    edit->removed = fi_alloc_array(change->removed_count, sizeof *edit->removed);
    edit->added = fi_alloc_array(change->added_count, sizeof *edit->added);
    if (edit->removed == NULL || edit->added == NULL) {
        return fi_error_no_memory(err, "an edit of MANIFEST");
    }
    for (size_t i = 0; i < change->removed_count; i++) {
        edit->removed[i] = change->removed[i]->info.number;
    }
    for (size_t i = 0; i < change->added_count; i++) {
        edit->added[i] = change->added[i].file->info;
        DCHECK(change->added[i].level < FI_VERSION_LEVELS_ALL);
        edit->added[i].level = (uint8_t)change->added[i].level;
        if (edit->added[i].sequence_max > *sequence) {
            *sequence = edit->added[i].sequence_max;
        }
    }
    fi_sort_u64(edit->removed, change->removed_count);
    fi_sort(edit->added, change->added_count, sizeof *edit->added, fi_manifest_edit_compare_runs);
    return FIRN_OK;
}

/* The newest version of a tree stays while the token is held, even if newer states come. */
static struct fi_version *
newest_version(struct fi_lsm_tree *tree)
{
    DCHECK(tree->lsm->is_editing);
    fi_os_mutex_lock(&tree->lsm->mutex);
    struct fi_version *version = atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    fi_os_mutex_unlock(&tree->lsm->mutex);
    return version;
}

static int
prepare_edit(struct edit *edit, uint64_t *sequence, firn_error *err)
{
    const struct fi_lsm_install_change *change = edit->change;
    DCHECK(!change->drops_tree || (change->memtable_count == 0 && change->added_count == 0));
    edit->is_written = !change->drops_tree || change->tree->is_named;
    edit->flushed = atomic_load_explicit(&change->tree->flushed, memory_order_relaxed);
    for (size_t i = 0; i < change->memtable_count; i++) {
        uint64_t newest =
            atomic_load_explicit(&change->memtables[i]->sequence_max, memory_order_relaxed);
        /* (I4) of lsm.c: what is flushed comes once. */
        DCHECK(newest > atomic_load_explicit(&change->tree->flushed, memory_order_relaxed));
        edit->flushed = newest > edit->flushed ? newest : edit->flushed;
    }
    *sequence = edit->flushed > *sequence ? edit->flushed : *sequence;
    FI_TRY_RETURN(list_runs(edit, sequence, err));
    struct fi_version_change version_change = {
        .base = change->drops_tree ? NULL : newest_version(change->tree),
        .removed = change->removed,
        .removed_count = change->drops_tree ? 0 : change->removed_count,
        .added = change->added,
        .added_count = change->added_count,
    };
    return fi_version_create(&version_change, &edit->version, err);
}

/* Whether the flushed memtables are the oldest of the state, and all frozen. */
static bool
flushes_oldest(const struct fi_lsm_install_change *change, const struct fi_lsm_superversion *state)
{
    size_t count = change->memtable_count;
    for (size_t i = 0; i < count && count < state->memtable_count; i++) {
        if (change->memtables[i] != state->memtables[state->memtable_count - count + i]) {
            return false;
        }
    }
    return count < state->memtable_count;
}

/* Puts the memory for the state that will be installed into tree->spare (I2). */
static int
prepare_state(const struct fi_lsm_install_change *change, firn_error *err)
{
    struct fi_lsm_tree *tree = change->tree;
    struct fi_lsm *lsm = tree->lsm;
    fi_os_mutex_lock(&lsm->mutex);
    const struct fi_lsm_superversion *state =
        atomic_load_explicit(&tree->state, memory_order_relaxed);
    CHECK(flushes_oldest(change, state)); /* (I4) of lsm.c */
    DCHECK(!change->drops_tree || change->removed_count == state->version->run_count);
    CHECK(tree->spare == NULL);
    tree->spare = fi_lsm_superversion_create(state->memtable_count);
    bool has_spare = tree->spare != NULL;
    fi_os_mutex_unlock(&lsm->mutex);
    return has_spare ? FIRN_OK : fi_error_no_memory(err, "a state of a tree");
}

static void
drop_spare(struct fi_lsm_tree *tree)
{
    fi_os_mutex_lock(&tree->lsm->mutex);
    struct fi_lsm_superversion *spare = tree->spare;
    tree->spare = NULL;
    fi_os_mutex_unlock(&tree->lsm->mutex);
    fi_lsm_superversion_unref(spare);
}

/* All steps that can fail without harm. */
static int
lsm_install_prepare(struct fi_lsm *lsm, struct edits *edits, firn_error *err)
{
    edits->sequence = atomic_load_explicit(&lsm->sequence, memory_order_relaxed);
    for (size_t i = 0; i < edits->count; i++) {
        struct edit *edit = &edits->all[i];
        CHECK(i == 0 || edits->all[i - 1].change->tree != edit->change->tree);
        FI_TRY_RETURN(prepare_edit(edit, &edits->sequence, err));
        FI_TRY_RETURN(prepare_state(edit->change, err));
    }
    return FIRN_OK;
}

static void
list_edits(struct edits *edits)
{
    DCHECK(edits->tree_count == 0);
    for (size_t i = 0; i < edits->count; i++) {
        const struct edit *edit = &edits->all[i];
        const struct fi_lsm_install_change *change = edit->change;
        if (!edit->is_written) {
            continue;
        }
        struct fi_manifest_tree tree = {.id = change->tree->id, .is_dropped = change->drops_tree};
        if (!change->drops_tree) {
            tree.kind = (uint8_t)change->tree->kind->file_kind;
            tree.flushed = edit->flushed;
            tree.removed = edit->removed;
            tree.removed_count = change->removed_count;
            tree.added = edit->added;
            tree.added_count = change->added_count;
        }
        edits->trees[edits->tree_count++] = tree;
    }
}

static int
write_edits(struct fi_lsm *lsm, struct edits *edits, firn_error *err)
{
    DCHECK(lsm->is_editing);
    list_edits(edits);
    if (edits->tree_count == 0) {
        return FIRN_OK;
    }
    fi_os_mutex_lock(&lsm->mutex);
    uint64_t next_number = lsm->next_number;
    fi_os_mutex_unlock(&lsm->mutex);
    struct fi_manifest_edit record = {
        .version = atomic_load_explicit(&lsm->version, memory_order_relaxed) + 1,
        .next_number = next_number,
        .sequence = edits->sequence,
        .trees = edits->trees,
        .tree_count = edits->tree_count,
        .log_end = log_durable(lsm),
    };
    int rc = fi_manifest_append(lsm->manifest, &record, err);
    if (rc == FIRN_OK) {
        note_log_end(lsm, &record);
    }
    return rc;
}

/* ---- publishing ---- */

static bool
is_flushed(const struct fi_lsm_install_change *change, const struct fi_tree_memtable *memtable)
{
    for (size_t i = 0; i < change->memtable_count; i++) {
        if (change->memtables[i] == memtable) {
            return true;
        }
    }
    return false;
}

static bool
is_added(const struct fi_lsm_install_change *change, const struct fi_version_file *file)
{
    for (size_t i = 0; i < change->added_count; i++) {
        if (change->added[i].file == file) {
            return true;
        }
    }
    return false;
}

/* Whether files that leave the tree are marked as gone, and new or moved files are not (I3). */
static bool
is_marked(const struct fi_lsm_install_change *change)
{
    for (size_t i = 0; i < change->removed_count; i++) {
        if (!change->removed[i]->is_gone && !is_added(change, change->removed[i]) &&
            !change->keeps_files) {
            return false;
        }
    }
    for (size_t i = 0; i < change->added_count; i++) {
        if (change->added[i].file->is_gone) {
            return false;
        }
    }
    return true;
}

/* (I3). */
static void
mark_gone_locked(struct fi_lsm *lsm, const struct fi_lsm_install_change *change, uint64_t version)
{
    fi_os_mutex_assert_held(&change->tree->lsm->mutex);
    if (change->keeps_files) {
        return;
    }
    for (size_t i = 0; i < change->removed_count; i++) {
        change->removed[i]->is_gone = true;
        change->removed[i]->gone_version = version;
    }
    /* Files that only move to another level. */
    for (size_t i = 0; i < change->added_count; i++) {
        change->added[i].file->is_gone = false;
    }
    for (size_t i = 0; i < change->removed_count; i++) {
        if (change->removed[i]->is_gone) {
            fi_lsm_origin_note_gone_locked(lsm, change->removed[i]->info.number);
        }
    }
}

/* Added before removed: a run that moves to another level keeps its value files alive
 * throughout. */
static void
count_values_locked(const struct fi_lsm_install_change *change)
{
    fi_os_mutex_assert_held(&change->tree->lsm->mutex);
    for (size_t i = 0; i < change->added_count; i++) {
        fi_lsm_collect_add_values_locked(change->tree, change->added[i].file);
    }
    for (size_t i = 0; i < change->removed_count; i++) {
        fi_lsm_collect_remove_values_locked(change->tree, change->removed[i]);
    }
}

/* Brings counters and marks up to date before readers find the new state. */
static void
update_tree_locked(const struct edit *edit, uint64_t version)
{
    fi_os_mutex_assert_held(&edit->change->tree->lsm->mutex);
    struct fi_lsm_tree *tree = edit->change->tree;
    DCHECK(edit->flushed >= atomic_load_explicit(&tree->flushed, memory_order_relaxed));
    mark_gone_locked(tree->lsm, edit->change, version);
    count_values_locked(edit->change);
    atomic_store_explicit(&tree->flushed, edit->flushed, memory_order_relaxed);
    tree->is_named = !edit->change->drops_tree;
}

static void
publish_tree_locked(struct edit *edit)
{
    fi_os_mutex_assert_held(&edit->change->tree->lsm->mutex);
    struct fi_lsm_tree *tree = edit->change->tree;
    struct fi_lsm_superversion *old = atomic_load_explicit(&tree->state, memory_order_relaxed);
    struct fi_lsm_superversion *new = tree->spare;
    CHECK(new != NULL);
    CHECK(new->memtable_capacity >= old->memtable_count); /* (I2) */
    DCHECK(is_marked(edit->change));                      /* (I3) */
    tree->spare = NULL;
    for (size_t i = 0; i < old->memtable_count; i++) {
        if (!edit->change->drops_tree && !is_flushed(edit->change, old->memtables[i])) {
            fi_lsm_superversion_add_memtable(new, old->memtables[i]);
        }
    }
    fi_lsm_superversion_set_version(new, edit->version);
    /* (I2) of lsm.c: memtables leave with the run that has their content. */
    DCHECK(edit->change->drops_tree ||
           new->memtable_count + edit->change->memtable_count == old->memtable_count);
    DCHECK(fi_lsm_superversion_is_sound(new)); /* (I1) of lsm.c */
    edit->old = old;
    /* Pairs with the loads of readers (lsm_superversion.c, I1). */
    atomic_store_explicit(&tree->state, new, memory_order_seq_cst);
}

static void
publish_locked(struct fi_lsm *lsm, struct edits *edits)
{
    fi_os_mutex_assert_held(&lsm->mutex);
    DCHECK(lsm->is_editing);
    DCHECK(edits->sequence >= atomic_load_explicit(&lsm->sequence, memory_order_relaxed));
    uint64_t version =
        atomic_load_explicit(&lsm->version, memory_order_relaxed) + (edits->tree_count > 0 ? 1 : 0);
    for (size_t i = 0; i < edits->count; i++) {
        update_tree_locked(&edits->all[i], version);
    }
    atomic_store_explicit(&lsm->sequence, edits->sequence, memory_order_relaxed);
    /* Release pairs with the acquire in fi_lsm_version: a thread that knows the version finds the
     * rest. */
    atomic_store_explicit(&lsm->version, version, memory_order_release);
    for (size_t i = 0; i < edits->count; i++) {
        publish_tree_locked(&edits->all[i]);
    }
    fi_lsm_measure_locked(lsm);
}

/* ---- snapshots ---- */

/* The runs of a version, by ascending number. */
static int
list_version(const struct fi_version *version, struct fi_arena *arena, struct fi_manifest_tree *out)
{
    struct fi_manifest_run *runs = fi_arena_alloc(arena, version->run_count * sizeof *runs);
    if (runs == NULL) {
        return FIRN_NO_MEMORY;
    }
    size_t count = 0;
    for (unsigned number = 0; number < FI_VERSION_LEVELS_ALL; number++) {
        const struct fi_version_level *level = &version->levels[number];
        for (size_t i = 0; i < level->count; i++) {
            runs[count] = fi_version_file(level, i)->info;
            runs[count++].level = (uint8_t)number;
        }
    }
    CHECK(count == version->run_count);
    fi_sort(runs, count, sizeof *runs, fi_manifest_edit_compare_runs);
    out->added = runs;
    out->added_count = count;
    return FIRN_OK;
}

/* All named trees as one edit, in arena. */
static int
list_trees(struct fi_lsm *lsm, struct fi_arena *arena, struct fi_manifest_edit *out)
{
    int rc = FIRN_OK;
    fi_os_mutex_lock(&lsm->mutex);
    size_t count = 0;
    struct fi_manifest_tree *trees = fi_arena_alloc(arena, lsm->tree_count * sizeof *trees);
    if (trees == NULL) {
        rc = FIRN_NO_MEMORY;
        goto out;
    }
    for (size_t i = 0; i < lsm->tree_count; i++) {
        struct fi_lsm_tree *tree = lsm->trees[i];
        if (tree->is_named) {
            trees[count] = (struct fi_manifest_tree){
                .id = tree->id,
                .kind = (uint8_t)tree->kind->file_kind,
                .flushed = atomic_load_explicit(&tree->flushed, memory_order_relaxed),
            };
            const struct fi_lsm_superversion *state =
                atomic_load_explicit(&tree->state, memory_order_relaxed);
            FI_TRY(list_version(state->version, arena, &trees[count++]));
        }
    }
    *out = (struct fi_manifest_edit){
        .is_snapshot = true,
        .version = atomic_load_explicit(&lsm->version, memory_order_relaxed),
        .next_number = lsm->next_number,
        .sequence = atomic_load_explicit(&lsm->sequence, memory_order_relaxed),
        .trees = trees,
        .tree_count = count,
        .history = fi_buf_slice(&lsm->history),
        .log_end = lsm->log_end,
    };
out:
    fi_os_mutex_unlock(&lsm->mutex);
    return rc;
}

static int
try_snapshot(struct fi_lsm *lsm, firn_error *err)
{
    DCHECK(lsm->is_editing);
    struct fi_arena arena = {0};
    struct fi_manifest_edit snapshot;
    int rc = list_trees(lsm, &arena, &snapshot) == FIRN_OK
                 ? fi_manifest_snapshot(lsm->manifest, &snapshot, err)
                 : fi_error_no_memory(err, "MANIFEST");
    fi_arena_deinit(&arena);
    return rc;
}

static void
write_snapshot(struct fi_lsm *lsm)
{
    FI_IGNORE(try_snapshot(lsm, NULL));
}

int
fi_lsm_install_snapshot(struct fi_lsm *lsm, firn_error *err)
{
    FI_TRY_RETURN(take_token(lsm, err));
    int rc = try_snapshot(lsm, err);
    give_token(lsm);
    return rc;
}

/* ---- the store's history ---- */

/* The version grows, as with every edit: a reader that locks it has read the history too. */
static int
write_history(struct fi_lsm *lsm, firn_slice history, uint64_t sequence, firn_error *err)
{
    DCHECK(lsm->is_editing);
    uint64_t known = atomic_load_explicit(&lsm->sequence, memory_order_relaxed);
    uint64_t version = atomic_load_explicit(&lsm->version, memory_order_relaxed) + 1;
    fi_os_mutex_lock(&lsm->mutex);
    uint64_t next_number = lsm->next_number;
    fi_os_mutex_unlock(&lsm->mutex);
    struct fi_manifest_edit record = {
        .version = version,
        .next_number = next_number,
        .sequence = sequence > known ? sequence : known,
        .history = history,
        .log_end = log_durable(lsm),
    };
    int rc = fi_manifest_append(lsm->manifest, &record, err);
    if (rc == FIRN_OK) {
        note_log_end(lsm, &record);
        atomic_store_explicit(&lsm->sequence, record.sequence, memory_order_relaxed);
        /* Pairs with the acquire in fi_lsm_version. */
        atomic_store_explicit(&lsm->version, version, memory_order_release);
    }
    return rc;
}

int
fi_lsm_install_history(struct fi_lsm *lsm, firn_slice history, uint64_t sequence, firn_error *err)
{
    int rc = take_token(lsm, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_buf copy = {0};
    if (fi_buf_assign(&copy, history) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the history of a store");
        goto out;
    }
    FI_TRY(write_history(lsm, history, sequence, err));
    fi_buf_deinit(&lsm->history);
    lsm->history = copy;
    copy = (struct fi_buf){0};
    if (fi_manifest_wants_snapshot(lsm->manifest)) {
        write_snapshot(lsm);
    }
out:
    give_token(lsm);
    fi_buf_deinit(&copy);
    return rc;
}

int
fi_lsm_install_log_end(struct fi_lsm *lsm, firn_error *err)
{
    FI_TRY_RETURN(take_token(lsm, err));
    const struct fi_log_position log_end = log_durable(lsm);
    int rc = fi_manifest_append_log_end(lsm->manifest, log_end, err);
    lsm->log_end = rc == FIRN_OK ? log_end : lsm->log_end;
    if (rc == FIRN_OK && fi_manifest_wants_snapshot(lsm->manifest)) {
        write_snapshot(lsm);
    }
    give_token(lsm);
    return rc;
}

/* ---- all of it ---- */

int
fi_lsm_install_all(struct fi_lsm *lsm, const struct fi_lsm_install_change *changes, size_t count,
                   bool *out_is_certain, firn_error *err)
{
    struct edits edits = {0};
    *out_is_certain = true;
    int rc = take_token(lsm, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    FI_TRY(init_edits(&edits, changes, count, err));
    FI_TRY(lsm_install_prepare(lsm, &edits, err));
    FI_TRY(write_edits(lsm, &edits, err));
    fi_os_mutex_lock(&lsm->mutex);
    publish_locked(lsm, &edits);
    fi_os_mutex_unlock(&lsm->mutex);
    for (size_t i = 0; i < edits.count; i++) {
        fi_lsm_superversion_retire(&lsm->epoch, edits.all[i].old);
    }
    if (fi_manifest_wants_snapshot(lsm->manifest)) {
        write_snapshot(lsm);
    }
out:
    if (rc != FIRN_OK) {
        for (size_t i = 0; i < count; i++) {
            drop_spare(changes[i].tree);
        }
        *out_is_certain = !fi_manifest_has_failed(lsm->manifest);
    }
    give_token(lsm);
    deinit_edits(&edits);
    return rc;
}

int
fi_lsm_install(struct fi_lsm *lsm, const struct fi_lsm_install_change *change, bool *out_is_certain,
               firn_error *err)
{
    return fi_lsm_install_all(lsm, change, 1, out_is_certain, err);
}
