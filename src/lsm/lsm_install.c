/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_install.c: a change of a tree goes to MANIFEST, and then to its readers.
 *
 * Changes are made one at a time, in the order of MANIFEST's versions, by whoever has the token
 * (lsm_internal.h). The steps:
 *
 *   1. take the token; only now is the tree's newest version settled
 *   2. make the new version and the memory for the new state: what can fail without harm
 *   3. append the edit to MANIFEST and sync it: input and output, without the mutex
 *   4. publish the new state under the mutex; this cannot fail
 *   5. perhaps write a snapshot of all trees to MANIFEST, so that it stays small
 *   6. give the token back
 *
 * (I1) After step 3 has succeeded step 4 follows: what is durable is also seen.
 * (I2) Freezing goes on during step 3 and makes states with more memtables. The memory for the
 *      new state hangs on the tree meanwhile (`spare`), and a freeze that makes it too small
 *      replaces it by a larger one, or fails (lsm_tree.c). So step 4 finds room.
 * (I3) A file that the edit removes is marked as gone before the new version is published, so
 *      before the last version that names it lets go of it.
 *
 * Failure: up to step 3 nothing has changed. If MANIFEST cannot tell whether it has the edit, all
 * further changes are refused, and neither the files that the edit adds nor those it removes may be
 * touched: a later open will find out. A snapshot that could not be written is tried again with a
 * later change; where it has latched MANIFEST, the next change says so.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "lsm/lsm_internal.h"
#include "lsm/value_live.h"

/* ---- the token ---- */

static int
take_token(struct firn_lsm *lsm, firn_error *err)
{
    firn_os_mutex_lock(&lsm->mutex);
    while (lsm->is_editing) {
        firn_os_cond_wait(&lsm->changed, &lsm->mutex);
    }
    bool has_failed = lsm->has_failed;
    lsm->is_editing = !has_failed;
    firn_os_mutex_unlock(&lsm->mutex);
    if (has_failed) {
        return firn_error_set(err, FIRN_FAILED,
                              "MANIFEST failed earlier: close the store and open it again");
    }
    return FIRN_OK;
}

static void
give_token(struct firn_lsm *lsm)
{
    firn_os_mutex_lock(&lsm->mutex);
    lsm->has_failed = firn_manifest_has_failed(lsm->manifest);
    lsm->is_editing = false;
    firn_os_cond_broadcast(&lsm->changed);
    firn_os_mutex_unlock(&lsm->mutex);
}

/* ---- the edit ---- */

struct edit {
    const struct firn_lsm_install_change *change;
    struct firn_version *version; /* the new one */
    uint64_t flushed;             /* of the tree, afterwards */
    uint64_t sequence;            /* of the MANIFEST, afterwards */
    uint64_t *removed;
    struct firn_manifest_run *added;
    bool is_written; /* else MANIFEST need not know */
};

static int
compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int
compare_runs(const void *a, const void *b)
{
    const struct firn_manifest_run *x = a;
    const struct firn_manifest_run *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static void
deinit_edit(struct edit *edit)
{
    firn_version_unref(edit->version);
    firn_free(edit->removed);
    firn_free(edit->added);
}

static int
list_runs(struct edit *edit, firn_error *err)
{
    const struct firn_lsm_install_change *change = edit->change;
    edit->removed = firn_alloc_array(change->removed_count, sizeof *edit->removed);
    edit->added = firn_alloc_array(change->added_count, sizeof *edit->added);
    if (edit->removed == NULL || edit->added == NULL) {
        return firn_error_no_memory(err, "an edit of MANIFEST");
    }
    for (size_t i = 0; i < change->removed_count; i++) {
        edit->removed[i] = change->removed[i]->info.number;
    }
    for (size_t i = 0; i < change->added_count; i++) {
        edit->added[i] = change->added[i].file->info;
        edit->added[i].level = (uint8_t)change->added[i].level;
        if (edit->added[i].sequence_max > edit->sequence) {
            edit->sequence = edit->added[i].sequence_max;
        }
    }
    firn_sort(edit->removed, change->removed_count, sizeof *edit->removed, compare_numbers);
    firn_sort(edit->added, change->added_count, sizeof *edit->added, compare_runs);
    return FIRN_OK;
}

/* The newest version of a tree stays while the token is held, whatever states come. */
static struct firn_version *
newest_version(struct firn_lsm_tree *tree)
{
    firn_os_mutex_lock(&tree->lsm->mutex);
    struct firn_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    firn_os_mutex_unlock(&tree->lsm->mutex);
    return version;
}

static int
prepare_edit(struct firn_lsm *lsm, struct edit *edit, firn_error *err)
{
    int rc = FIRN_OK;
    const struct firn_lsm_install_change *change = edit->change;
    edit->is_written = !change->drops_tree || change->tree->is_named;
    edit->sequence = atomic_load_explicit(&lsm->sequence, memory_order_relaxed);
    edit->flushed = atomic_load_explicit(&change->tree->flushed, memory_order_relaxed);
    for (size_t i = 0; i < change->memtable_count; i++) {
        uint64_t sequence =
            atomic_load_explicit(&change->memtables[i]->sequence_max, memory_order_relaxed);
        edit->flushed = sequence > edit->flushed ? sequence : edit->flushed;
    }
    edit->sequence = edit->flushed > edit->sequence ? edit->flushed : edit->sequence;
    FIRN_TRY(list_runs(edit, err));
    struct firn_version_change version_change = {
        .base = change->drops_tree ? NULL : newest_version(change->tree),
        .removed = change->removed,
        .removed_count = change->drops_tree ? 0 : change->removed_count,
        .added = change->added,
        .added_count = change->added_count,
    };
    FIRN_TRY(firn_version_create(&version_change, &edit->version, err));
out:
    return rc;
}

/* Hangs the memory for the state that will be installed on the tree (I2). */
static int
prepare_state(struct firn_lsm_tree *tree, firn_error *err)
{
    struct firn_lsm *lsm = tree->lsm;
    firn_os_mutex_lock(&lsm->mutex);
    size_t count = atomic_load_explicit(&tree->state, memory_order_relaxed)->memtable_count;
    CHECK(tree->spare == NULL);
    tree->spare = firn_tree_state_create(count);
    bool has_spare = tree->spare != NULL;
    firn_os_mutex_unlock(&lsm->mutex);
    return has_spare ? FIRN_OK : firn_error_no_memory(err, "a state of a tree");
}

static void
drop_spare(struct firn_lsm_tree *tree)
{
    firn_os_mutex_lock(&tree->lsm->mutex);
    struct firn_tree_state *spare = tree->spare;
    tree->spare = NULL;
    firn_os_mutex_unlock(&tree->lsm->mutex);
    firn_tree_state_unref(spare);
}

static int
write_edit(struct firn_lsm *lsm, const struct edit *edit, firn_error *err)
{
    const struct firn_lsm_install_change *change = edit->change;
    if (!edit->is_written) {
        return FIRN_OK;
    }
    firn_os_mutex_lock(&lsm->mutex);
    uint64_t next_number = lsm->next_number;
    firn_os_mutex_unlock(&lsm->mutex);
    struct firn_manifest_tree tree = {.id = change->tree->id, .is_dropped = change->drops_tree};
    if (!change->drops_tree) {
        tree.flushed = edit->flushed;
        tree.removed = edit->removed;
        tree.removed_count = change->removed_count;
        tree.added = edit->added;
        tree.added_count = change->added_count;
    }
    struct firn_manifest_edit record = {
        .version = atomic_load_explicit(&lsm->version, memory_order_relaxed) + 1,
        .next_number = next_number,
        .sequence = edit->sequence,
        .trees = &tree,
        .tree_count = 1,
    };
    return firn_manifest_append(lsm->manifest, &record, err);
}

/* ---- publishing ---- */

static bool
is_flushed(const struct firn_lsm_install_change *change, const struct firn_tree_memtable *memtable)
{
    for (size_t i = 0; i < change->memtable_count; i++) {
        if (change->memtables[i] == memtable) {
            return true;
        }
    }
    return false;
}

/* (I3). */
static void
mark_gone_locked(const struct firn_lsm_install_change *change, uint64_t version)
{
    for (size_t i = 0; i < change->removed_count; i++) {
        change->removed[i]->is_gone = true;
        change->removed[i]->gone_version = version;
    }
    /* What only moves to another level. */
    for (size_t i = 0; i < change->added_count; i++) {
        change->added[i].file->is_gone = false;
    }
}

/* Added before removed: what moves to another level keeps its value files alive throughout. */
static void
count_values_locked(const struct firn_lsm_install_change *change)
{
    for (size_t i = 0; i < change->added_count; i++) {
        firn_value_live_add_locked(change->tree, change->added[i].file);
    }
    for (size_t i = 0; i < change->removed_count; i++) {
        firn_value_live_remove_locked(change->tree, change->removed[i]);
    }
}

static struct firn_tree_state *
publish_locked(struct firn_lsm_tree *tree, const struct edit *edit)
{
    struct firn_lsm *lsm = tree->lsm;
    struct firn_tree_state *old = atomic_load_explicit(&tree->state, memory_order_relaxed);
    struct firn_tree_state *new = tree->spare;
    tree->spare = NULL;
    for (size_t i = 0; i < old->memtable_count; i++) {
        if (!edit->change->drops_tree && !is_flushed(edit->change, old->memtables[i])) {
            firn_tree_state_add_memtable(new, old->memtables[i]);
        }
    }
    firn_tree_state_set_version(new, edit->version);
    uint64_t version =
        atomic_load_explicit(&lsm->version, memory_order_relaxed) + (edit->is_written ? 1 : 0);
    mark_gone_locked(edit->change, version);
    count_values_locked(edit->change);
    atomic_store_explicit(&tree->flushed, edit->flushed, memory_order_relaxed);
    tree->is_named = !edit->change->drops_tree;
    atomic_store_explicit(&lsm->sequence, edit->sequence, memory_order_relaxed);
    /* Release pairs with the acquire in firn_lsm_version: who knows the version finds the rest. */
    atomic_store_explicit(&lsm->version, version, memory_order_release);
    /* Pairs with the loads of readers (tree_state.c, I1). */
    atomic_store_explicit(&tree->state, new, memory_order_seq_cst);
    firn_lsm_measure_locked(lsm);
    return old;
}

/* ---- snapshots ---- */

/* The runs of a version, by ascending number. */
static int
list_version(const struct firn_version *version, struct firn_arena *arena,
             struct firn_manifest_tree *out)
{
    struct firn_manifest_run *runs = firn_arena_alloc(arena, version->run_count * sizeof *runs);
    if (runs == NULL) {
        return FIRN_NO_MEMORY;
    }
    size_t count = 0;
    for (unsigned number = 0; number < FIRN_LSM_LEVELS_ALL; number++) {
        const struct firn_version_level *level = &version->levels[number];
        for (size_t i = 0; i < level->count; i++) {
            runs[count] = firn_version_file(level, i)->info;
            runs[count++].level = (uint8_t)number;
        }
    }
    firn_sort(runs, count, sizeof *runs, compare_runs);
    out->added = runs;
    out->added_count = count;
    return FIRN_OK;
}

/* All named trees as one edit, in arena. */
static int
list_trees(struct firn_lsm *lsm, struct firn_arena *arena, struct firn_manifest_edit *out)
{
    int rc = FIRN_OK;
    firn_os_mutex_lock(&lsm->mutex);
    size_t count = 0;
    struct firn_manifest_tree *trees = firn_arena_alloc(arena, lsm->tree_count * sizeof *trees);
    if (trees == NULL) {
        rc = FIRN_NO_MEMORY;
        goto out;
    }
    for (size_t i = 0; i < lsm->tree_count; i++) {
        struct firn_lsm_tree *tree = lsm->trees[i];
        if (tree->is_named) {
            trees[count] = (struct firn_manifest_tree){
                .id = tree->id,
                .flushed = atomic_load_explicit(&tree->flushed, memory_order_relaxed),
            };
            const struct firn_tree_state *state =
                atomic_load_explicit(&tree->state, memory_order_relaxed);
            FIRN_TRY(list_version(state->version, arena, &trees[count++]));
        }
    }
    *out = (struct firn_manifest_edit){
        .is_snapshot = true,
        .version = atomic_load_explicit(&lsm->version, memory_order_relaxed),
        .next_number = lsm->next_number,
        .sequence = atomic_load_explicit(&lsm->sequence, memory_order_relaxed),
        .trees = trees,
        .tree_count = count,
        .history = firn_buf_slice(&lsm->history),
    };
out:
    firn_os_mutex_unlock(&lsm->mutex);
    return rc;
}

static void
write_snapshot(struct firn_lsm *lsm)
{
    struct firn_arena arena = {0};
    struct firn_manifest_edit snapshot;
    if (list_trees(lsm, &arena, &snapshot) == FIRN_OK) {
        FIRN_IGNORE(firn_manifest_snapshot(lsm->manifest, &snapshot, NULL));
    }
    firn_arena_deinit(&arena);
}

/* ---- the store's history ---- */

/* The version counts up, as with every edit: who locks it has read the history too. */
static int
write_history(struct firn_lsm *lsm, firn_slice history, uint64_t sequence, firn_error *err)
{
    uint64_t known = atomic_load_explicit(&lsm->sequence, memory_order_relaxed);
    uint64_t version = atomic_load_explicit(&lsm->version, memory_order_relaxed) + 1;
    firn_os_mutex_lock(&lsm->mutex);
    uint64_t next_number = lsm->next_number;
    firn_os_mutex_unlock(&lsm->mutex);
    struct firn_manifest_edit record = {
        .version = version,
        .next_number = next_number,
        .sequence = sequence > known ? sequence : known,
        .history = history,
    };
    int rc = firn_manifest_append(lsm->manifest, &record, err);
    if (rc == FIRN_OK) {
        atomic_store_explicit(&lsm->sequence, record.sequence, memory_order_relaxed);
        /* Pairs with the acquire in firn_lsm_version. */
        atomic_store_explicit(&lsm->version, version, memory_order_release);
    }
    return rc;
}

int
firn_lsm_install_history(struct firn_lsm *lsm, firn_slice history, uint64_t sequence,
                         firn_error *err)
{
    int rc = take_token(lsm, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct firn_buf copy = {0};
    if (firn_buf_assign(&copy, history) != FIRN_OK) {
        rc = firn_error_no_memory(err, "the history of a store");
        goto out;
    }
    FIRN_TRY(write_history(lsm, history, sequence, err));
    firn_buf_deinit(&lsm->history);
    lsm->history = copy;
    copy = (struct firn_buf){0};
    if (firn_manifest_wants_snapshot(lsm->manifest)) {
        write_snapshot(lsm);
    }
out:
    give_token(lsm);
    firn_buf_deinit(&copy);
    return rc;
}

/* ---- all of it ---- */

int
firn_lsm_install(struct firn_lsm *lsm, const struct firn_lsm_install_change *change,
                 bool *out_is_certain, firn_error *err)
{
    struct firn_tree_state *old = NULL;
    struct edit edit = {.change = change};
    *out_is_certain = true;
    int rc = take_token(lsm, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    FIRN_TRY(prepare_edit(lsm, &edit, err));
    FIRN_TRY(prepare_state(change->tree, err));
    FIRN_TRY(write_edit(lsm, &edit, err));
    firn_os_mutex_lock(&lsm->mutex);
    old = publish_locked(change->tree, &edit);
    firn_os_mutex_unlock(&lsm->mutex);
    firn_tree_state_retire(&lsm->epoch, old);
    if (firn_manifest_wants_snapshot(lsm->manifest)) {
        write_snapshot(lsm);
    }
out:
    if (rc != FIRN_OK) {
        drop_spare(change->tree);
        *out_is_certain = !firn_manifest_has_failed(lsm->manifest);
    }
    give_token(lsm);
    deinit_edit(&edit);
    return rc;
}
