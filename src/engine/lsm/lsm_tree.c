/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_tree.c: one tree: writing to its memtable, freezing the memtable, dropping the tree.
 *
 * One thread at a time writes (the leader of commits). Only this thread replaces the active
 * memtable, so it has its own pointer to it. Flushes and compactions replace the state meanwhile,
 * but keep the active memtable.
 *
 * When apply returns, readers find the entry in the memtable; their snapshot decides whether they
 * see it.
 *
 * Freezing makes a new state with an empty memtable in front. While an edit is being written to
 * MANIFEST, the tree has the memory for the state that the edit will install (`spare`). If the new
 * state has more memtables than fit there, freezing enlarges that memory too (lsm_install.c, I2).
 *
 * A dropped tree leaves the list of trees, but its handle stays until the store is closed, with an
 * empty state: a get that comes late finds nothing.
 *
 * Failure: only FIRN_NO_MEMORY; then nothing has changed. Dropping may also fail as MANIFEST does.
 */
#include "lsm/lsm_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "run/run_value_file.h"

/* ---- making ---- */

static int
create_memtable(struct fi_lsm *lsm, struct fi_tree_memtable **out, firn_error *err)
{
    int rc = fi_lsm_superversion_create_memtable(&lsm->memtables, out, err);
    if (rc == FIRN_OK) {
        fi_memtable_use_pool((*out)->table, &lsm->memtable_pool);
        fi_memtable_expect((*out)->table, lsm->options.memtable_bytes_target);
    }
    return rc;
}

static size_t
place_of_locked(const struct fi_lsm *lsm, uint32_t id)
{
    fi_os_mutex_assert_held(&lsm->mutex);
    size_t low = 0;
    size_t high = lsm->tree_count;
    FI_SEARCH_FIRST(low, high, middle, lsm->trees[middle]->id < id);
    return low;
}

static int
make_tree(struct fi_lsm *lsm, uint32_t id, const struct fi_run_kind *kind,
          struct fi_version *version, struct fi_lsm_tree **out, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_tree_memtable *memtable = NULL;
    struct fi_lsm_superversion *state = fi_lsm_superversion_create(1);
    struct fi_lsm_tree *tree = fi_alloc_zeroed(sizeof *tree);
    if (tree == NULL || state == NULL) {
        rc = fi_error_no_memory(err, "a tree");
        goto out;
    }
    FI_TRY(create_memtable(lsm, &memtable, err));
    fi_lsm_superversion_add_memtable(state, memtable);
    fi_lsm_superversion_set_version(
        state, version != NULL && version->run_count > 0 ? version : lsm->no_runs);
    tree->lsm = lsm;
    tree->id = id;
    tree->kind = kind;
    tree->active = memtable;
    atomic_init(&tree->state, state);
    atomic_init(&tree->flushed, 0);
    atomic_init(&tree->separates, false);
    tree->may_have_sparse = true;
    *out = tree;
    tree = NULL;
    state = NULL;
out:
    fi_lsm_superversion_unref_memtable(memtable);
    fi_lsm_superversion_unref(state);
    fi_free(tree);
    return rc;
}

/* Room for one more tree, and for its handle once it has been dropped. */
static int
reserve_tree_locked(struct fi_lsm *lsm, firn_error *err)
{
    fi_os_mutex_assert_held(&lsm->mutex);
    size_t needed = lsm->tree_count + lsm->dropped_count + 1;
    if (needed <= lsm->tree_capacity) {
        return FIRN_OK;
    }
    size_t capacity = lsm->tree_capacity == 0 ? 8 : 2 * lsm->tree_capacity;
    struct fi_lsm_tree **trees = fi_alloc_array(capacity, sizeof(struct fi_lsm_tree *));
    struct fi_lsm_tree **dropped =
        fi_resize_array(lsm->dropped, capacity, sizeof(struct fi_lsm_tree *));
    lsm->dropped = dropped != NULL ? dropped : lsm->dropped;
    if (trees == NULL || dropped == NULL) {
        fi_free(trees);
        return fi_error_no_memory(err, "the list of trees");
    }
    if (lsm->tree_count > 0) {
        memcpy(trees, lsm->trees, lsm->tree_count * sizeof(struct fi_lsm_tree *));
    }
    fi_free(lsm->trees);
    lsm->trees = trees;
    lsm->tree_capacity = capacity;
    return FIRN_OK;
}

__attribute__((cold)) int
fi_lsm_tree_create(struct fi_lsm *lsm, uint32_t id, const struct fi_run_kind *kind,
                   struct fi_version *version, struct fi_lsm_tree **out, firn_error *err)
{
    DCHECK(fi_run_kind_find(lsm->options.kinds, kind->file_kind) == kind);
    struct fi_lsm_tree *tree = NULL;
    FI_TRY_RETURN(make_tree(lsm, id, kind, version, &tree, err));
    fi_os_mutex_lock(&lsm->mutex);
    int rc = reserve_tree_locked(lsm, err);
    if (rc == FIRN_OK) {
        size_t place = place_of_locked(lsm, id);
        CHECK(place == lsm->tree_count || lsm->trees[place]->id != id);
        CHECK(lsm->tree_count + lsm->dropped_count < lsm->tree_capacity);
        DCHECK(place == 0 || lsm->trees[place - 1]->id < id);
        memmove(lsm->trees + place + 1, lsm->trees + place,
                (lsm->tree_count - place) * sizeof(struct fi_lsm_tree *));
        lsm->trees[place] = tree;
        lsm->tree_count++;
        *out = tree;
        tree = NULL;
    }
    fi_os_mutex_unlock(&lsm->mutex);
    fi_lsm_tree_destroy(tree);
    return rc;
}

void
fi_lsm_tree_destroy(struct fi_lsm_tree *tree)
{
    if (tree != NULL) {
        CHECK(tree->works == NULL && tree->spare == NULL);
        fi_lsm_superversion_unref(atomic_load_explicit(&tree->state, memory_order_relaxed));
        fi_free(tree);
    }
}

struct fi_lsm_tree *
fi_lsm_tree_find(struct fi_lsm *lsm, uint32_t id)
{
    fi_os_mutex_lock(&lsm->mutex);
    size_t place = place_of_locked(lsm, id);
    bool is_there = place < lsm->tree_count && lsm->trees[place]->id == id;
    struct fi_lsm_tree *tree = is_there ? lsm->trees[place] : NULL;
    fi_os_mutex_unlock(&lsm->mutex);
    return tree;
}

/* Whether nothing has come into the tree, so that it may still be of any kind. */
static bool
is_new_locked(const struct fi_lsm_tree *tree)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_lsm_superversion *state =
        atomic_load_explicit(&tree->state, memory_order_relaxed);
    return !tree->is_named && state->memtable_count == 1 && tree->works == NULL &&
           fi_memtable_entry_count(tree->active->table) == 0 &&
           fi_range_set_is_empty(fi_memtable_ranges(tree->active->table));
}

int
fi_lsm_tree_open(struct fi_lsm *lsm, uint32_t id, const struct fi_run_kind *kind,
                 struct fi_lsm_tree **out, firn_error *err)
{
    struct fi_lsm_tree *tree = fi_lsm_tree_find(lsm, id);
    *out = NULL;
    if (tree == NULL) {
        return fi_lsm_tree_create(lsm, id, kind != NULL ? kind : lsm->options.kinds[0], NULL, out,
                                  err);
    }
    fi_os_mutex_lock(&lsm->mutex);
    if (kind != NULL && is_new_locked(tree)) {
        tree->kind = kind;
    }
    fi_os_mutex_unlock(&lsm->mutex);
    if (kind != NULL && kind != tree->kind) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s': tree %" PRIu32 " has runs of the kind '%s', not '%s'",
                            fi_os_dir_path(lsm->dir), id, tree->kind->name, kind->name);
    }
    *out = tree;
    return FIRN_OK;
}

int
fi_lsm_tree_list(struct fi_lsm *lsm, int (*visit)(void *ctx, uint32_t id, firn_error *err),
                 void *ctx, firn_error *err)
{
    bool has_more = true;
    uint32_t next = 0;
    while (has_more) {
        uint32_t id = 0;
        has_more = false;
        fi_os_mutex_lock(&lsm->mutex);
        for (size_t i = place_of_locked(lsm, next); i < lsm->tree_count && !has_more; i++) {
            has_more = lsm->trees[i]->is_named;
            id = lsm->trees[i]->id;
        }
        fi_os_mutex_unlock(&lsm->mutex);
        if (has_more) {
            FI_TRY_RETURN(visit(ctx, id, err));
            has_more = id < UINT32_MAX;
            next = id + 1;
        }
    }
    return FIRN_OK;
}

/* ---- writing ---- */

void
fi_lsm_tree_separate_values(struct fi_lsm_tree *tree, bool separates)
{
    /* Relaxed: a work that starts with the old answer does no harm. */
    atomic_store_explicit(&tree->separates, separates, memory_order_relaxed);
}

uint64_t
fi_lsm_tree_flushed(const struct fi_lsm_tree *tree)
{
    return atomic_load_explicit(&tree->flushed, memory_order_relaxed);
}

int
fi_lsm_tree_reserve(struct fi_lsm_tree *tree, size_t entry_count, size_t content_bytes,
                    firn_error *err)
{
    struct fi_tree_memtable *memtable = tree->active;
    /* At most this many entries have a note after their values. */
    size_t large_max = content_bytes / tree->lsm->options.value_size_min;
    large_max = large_max < entry_count ? large_max : entry_count;
    int rc = fi_memtable_reserve(memtable->table, entry_count,
                                 content_bytes + large_max * FI_ENTRY_LOGGED_SIZE, err);
    fi_lsm_superversion_count_memtable(memtable);
    return rc;
}

int
fi_lsm_tree_reserve_ranges(struct fi_lsm_tree *tree, size_t range_count, size_t content_bytes,
                           firn_error *err)
{
    struct fi_tree_memtable *memtable = tree->active;
    int rc = fi_memtable_reserve_ranges(memtable->table, range_count, content_bytes, err);
    fi_lsm_superversion_count_memtable(memtable);
    return rc;
}

void
fi_lsm_tree_prepare(struct fi_lsm_tree *tree, firn_slice key, uint64_t sequence)
{
    if (tree->active != NULL) {
        fi_memtable_prepare(tree->active->table, key, sequence);
    }
}

/* Notes where in the log a large value is, for compaction_adopt.c. Returns its size, or 0. */
static size_t
note_logged(const struct fi_lsm_tree *tree, const struct fi_entry *entry,
            const struct fi_lsm_place *place, uint8_t *out)
{
    bool is_value = entry->kind == FI_ENTRY_PUT || entry->kind == FI_ENTRY_EXPIRING;
    if (!is_value || place->value_offset == 0 || tree->kind->has_layout ||
        entry->value.size < tree->lsm->options.value_size_min ||
        !atomic_load_explicit(&tree->separates, memory_order_relaxed)) {
        return 0;
    }
    size_t head = fi_entry_head_size(entry->kind);
    firn_slice value = firn_bytes(entry->value.data + head, entry->value.size - head);
    if (value.size < tree->lsm->options.value_size_min) {
        return 0;
    }
    uint64_t offset = place->value_offset + head;
    const struct fi_memtable_logged logged = {
        .segment = place->segment,
        .offset = offset,
        .checksum = fi_run_value_file_checksum(value, offset),
    };
    fi_memtable_logged_encode(&logged, out);
    return value.size;
}

/* Only the thread that writes changes these; others read them only as statistics. */
static void
note_applied(struct fi_tree_memtable *memtable, uint64_t sequence, uint64_t segment,
             size_t logged_bytes)
{
    DCHECK(sequence > 0);
    if (atomic_load_explicit(&memtable->log_segment, memory_order_relaxed) == 0) {
        atomic_store_explicit(&memtable->log_segment, segment, memory_order_relaxed);
    }
    if (sequence > atomic_load_explicit(&memtable->sequence_max, memory_order_relaxed)) {
        atomic_store_explicit(&memtable->sequence_max, sequence, memory_order_relaxed);
    }
    if (logged_bytes > 0) {
        size_t before = atomic_load_explicit(&memtable->logged_bytes, memory_order_relaxed);
        atomic_store_explicit(&memtable->logged_bytes, before + logged_bytes, memory_order_relaxed);
    }
}

int
fi_lsm_tree_apply(struct fi_lsm_tree *tree, const struct fi_entry *entry,
                  const struct fi_lsm_place *place, firn_error *err)
{
    struct fi_tree_memtable *memtable = tree->active;
    /* (I4) of lsm.c: what is flushed comes once. */
    DCHECK(entry->sequence > atomic_load_explicit(&tree->flushed, memory_order_relaxed));
    uint8_t logged[FI_ENTRY_LOGGED_SIZE];
    struct fi_entry noted;
    size_t logged_bytes = note_logged(tree, entry, place, logged);
    if (logged_bytes > 0) {
        noted = *entry;
        noted.logged = logged;
        entry = &noted;
    }
    int rc = fi_memtable_add(memtable->table, entry, err);
    fi_lsm_superversion_count_memtable(memtable);
    if (rc == FIRN_OK) {
        note_applied(memtable, entry->sequence, place->segment, logged_bytes);
    }
    return rc;
}

size_t
fi_lsm_tree_active_bytes(const struct fi_lsm_tree *tree)
{
    return tree->active == NULL
               ? 0
               : atomic_load_explicit(&tree->active->counted_bytes, memory_order_relaxed);
}

size_t
fi_lsm_tree_active_excess(const struct fi_lsm_tree *tree)
{
    size_t bytes = fi_lsm_tree_active_bytes(tree);
    return bytes > FI_LSM_SMALL_BYTES ? bytes - FI_LSM_SMALL_BYTES : 0;
}

/* ---- freezing ---- */

/* Makes tree->spare large enough. */
static int
enlarge_spare_locked(struct fi_lsm_tree *tree, size_t count, firn_error *err)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    if (tree->spare == NULL || tree->spare->memtable_capacity >= count) {
        return FIRN_OK;
    }
    struct fi_lsm_superversion *larger = fi_lsm_superversion_create(2 * count);
    if (larger == NULL) {
        return fi_error_no_memory(err, "a state of a tree");
    }
    fi_lsm_superversion_unref(tree->spare);
    tree->spare = larger;
    return FIRN_OK;
}

/* Puts memtable in front of the tree's memtables; *out_old is the replaced state. */
static int
put_in_front_locked(struct fi_lsm_tree *tree, struct fi_tree_memtable *memtable,
                    struct fi_lsm_superversion **out_old, firn_error *err)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    struct fi_lsm *lsm = tree->lsm;
    struct fi_lsm_superversion *old = atomic_load_explicit(&tree->state, memory_order_relaxed);
    size_t count = old->memtable_count + 1;
    FI_TRY_RETURN(enlarge_spare_locked(tree, count, err));
    DCHECK(old->memtables[0] == tree->active && old->memtables[0]->freeze_number == 0);
    struct fi_lsm_superversion *new = fi_lsm_superversion_create(count);
    if (new == NULL) {
        return fi_error_no_memory(err, "a state of a tree");
    }
    fi_lsm_superversion_add_memtable(new, memtable);
    for (size_t i = 0; i < old->memtable_count; i++) {
        fi_lsm_superversion_add_memtable(new, old->memtables[i]);
    }
    fi_lsm_superversion_set_version(new, old->version);
    old->memtables[0]->freeze_number = ++lsm->freeze_count;
    DCHECK(fi_lsm_superversion_is_sound(new)); /* (I1) of lsm.c */
    /* Pairs with the loads of readers (lsm_superversion.c, I1). */
    atomic_store_explicit(&tree->state, new, memory_order_seq_cst);
    if (count - 1 > atomic_load_explicit(&lsm->frozen_max, memory_order_relaxed)) {
        atomic_store_explicit(&lsm->frozen_max, (unsigned)(count - 1), memory_order_relaxed);
    }
    *out_old = old;
    return FIRN_OK;
}

__attribute__((cold)) int
fi_lsm_tree_freeze(struct fi_lsm_tree *tree, firn_error *err)
{
    struct fi_lsm *lsm = tree->lsm;
    struct fi_tree_memtable *memtable = NULL;
    struct fi_lsm_superversion *old = NULL;
    if (atomic_load_explicit(&tree->active->sequence_max, memory_order_relaxed) == 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(create_memtable(lsm, &memtable, err));
    fi_os_mutex_lock(&lsm->mutex);
    int rc = put_in_front_locked(tree, memtable, &old, err);
    fi_os_mutex_unlock(&lsm->mutex);
    if (rc == FIRN_OK) {
        tree->active = memtable;
    }
    fi_lsm_superversion_unref_memtable(memtable);
    if (rc == FIRN_OK) {
        fi_lsm_superversion_retire(&lsm->epoch, old);
        fi_epoch_reclaim(&lsm->epoch);
    }
    return rc;
}

/* ---- dropping ---- */

/* All runs of a version, to be freed. */
static int
list_files(const struct fi_version *version, struct fi_version_file ***out, firn_error *err)
{
    size_t count = 0;
    struct fi_version_file **files =
        fi_alloc_array(version->run_count, sizeof(struct fi_version_file *));
    if (files == NULL) {
        return fi_error_no_memory(err, "the runs of a tree");
    }
    for (unsigned number = 0; number < FI_VERSION_LEVELS_ALL; number++) {
        for (size_t i = 0; i < version->levels[number].count; i++) {
            files[count++] = fi_version_file(&version->levels[number], i);
        }
    }
    DCHECK(count == version->run_count);
    *out = files;
    return FIRN_OK;
}

/* Prevents new works on the tree and waits for those that run. */
static void
stop_works(struct fi_lsm_tree *tree)
{
    struct fi_lsm *lsm = tree->lsm;
    fi_os_mutex_lock(&lsm->mutex);
    tree->is_dropping = true;
    while (tree->works != NULL) {
        fi_os_cond_wait(&lsm->changed, &lsm->mutex);
    }
    fi_os_mutex_unlock(&lsm->mutex);
}

static void
move_to_dropped_locked(struct fi_lsm_tree *tree)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    struct fi_lsm *lsm = tree->lsm;
    size_t place = place_of_locked(lsm, tree->id);
    CHECK(lsm->trees[place] == tree);
    DCHECK(tree->works == NULL && tree->is_dropping && !tree->is_named);
    CHECK(lsm->dropped_count < lsm->tree_capacity);
    lsm->tree_count--;
    memmove(lsm->trees + place, lsm->trees + place + 1,
            (lsm->tree_count - place) * sizeof(struct fi_lsm_tree *));
    lsm->dropped[lsm->dropped_count++] = tree;
    fi_lsm_measure_locked(lsm);
}

__attribute__((cold)) int
fi_lsm_tree_drop(struct fi_lsm_tree *tree, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_lsm *lsm = tree->lsm;
    struct fi_version_file **files = NULL;
    struct fi_lsm_superversion *state = NULL;
    bool is_certain;
    if (lsm->options.is_read_only) {
        return fi_error_set(err, FIRN_READ_ONLY, "the store was opened read-only");
    }
    stop_works(tree);
    state = fi_lsm_superversion_of(tree);
    FI_TRY(list_files(state->version, &files, err));
    struct fi_lsm_install_change change = {
        .tree = tree,
        .drops_tree = true,
        .removed = files,
        .removed_count = state->version->run_count,
    };
    FI_TRY(fi_lsm_install(lsm, &change, &is_certain, err));
out:
    fi_os_mutex_lock(&lsm->mutex);
    if (rc == FIRN_OK) {
        tree->active = NULL;
        move_to_dropped_locked(tree);
    } else {
        tree->is_dropping = false;
    }
    fi_os_mutex_unlock(&lsm->mutex);
    fi_lsm_superversion_unref(state);
    fi_free(files);
    if (rc == FIRN_OK) {
        fi_lsm_collect(lsm);
    }
    return rc;
}

/* ==== what a tree reads, part by part ==== */

static int
visit_run(struct fi_version_file *file, unsigned level,
          int (*visit)(void *ctx, const struct fi_lsm_part *part, firn_error *err), void *ctx,
          firn_error *err)
{
    struct fi_version_file_handle *pin;
    int rc = fi_version_file_pin(file, &pin, err);
    if (rc == FIRN_OK) {
        const struct fi_lsm_part part = {.run = pin->run, .file = file, .level = level};
        rc = visit(ctx, &part, err);
        fi_version_file_unpin(pin);
    }
    return rc;
}

/* Whether the snapshot can see nothing of the run. */
static bool
is_unseen(const struct fi_version_file *file, unsigned level, const struct fi_snapshot *snapshot)
{
    bool is_newer = snapshot->count == 0 ||
                    fi_snapshot_at(snapshot, snapshot->count - 1).last < file->info.sequence_min;
    return is_newer ||
           (level == FI_VERSION_HISTORY && fi_version_history_is_skipped(&file->info, snapshot));
}

int
fi_lsm_tree_visit_parts(struct fi_lsm_tree *tree, const struct fi_snapshot *snapshot,
                        int (*visit)(void *ctx, const struct fi_lsm_part *part, firn_error *err),
                        void *ctx, firn_error *err)
{
    struct fi_lsm_superversion *state = fi_lsm_superversion_of(tree);
    int rc = FIRN_OK;
    for (size_t i = 0; i < state->memtable_count; i++) {
        const struct fi_lsm_part part = {.memtable = state->memtables[i]->table};
        FI_TRY(visit(ctx, &part, err));
    }
    for (unsigned number = 0; number < FI_VERSION_LEVELS_ALL; number++) {
        const struct fi_version_level *level = &state->version->levels[number];
        for (size_t i = 0; i < level->count; i++) {
            struct fi_version_file *file = fi_version_file(level, i);
            if (snapshot == NULL || !is_unseen(file, number, snapshot)) {
                FI_TRY(visit_run(file, number, visit, ctx, err));
            }
        }
    }
out:
    fi_lsm_superversion_unref(state);
    return rc;
}

int
fi_lsm_tree_pin_attachment(const struct fi_lsm_part *part, size_t i, struct fi_run **out,
                           struct fi_version_file_handle **out_pin, firn_error *err)
{
    DCHECK(part->file != NULL && i < part->file->info.attachment_count);
    int rc = fi_version_file_pin(part->file->attachments[i], out_pin, err);
    if (rc == FIRN_OK) {
        *out = (*out_pin)->run;
    }
    return rc;
}
