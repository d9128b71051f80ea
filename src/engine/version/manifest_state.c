/* SPDX-License-Identifier: Apache-2.0
 *
 * version/manifest_state.c: edits of MANIFEST, one after the other, to what they amount to.
 *
 * Used when a store is opened or checked. A running store knows the same from its versions
 * (version.c); check compares the two.
 *
 * (I1) Versions count up by one from edit to edit. A snapshot repeats the version of the edit
 *      before it; only as the first record of the log may it name any.
 * (I2) Numbers of files, sequences, and the flushed sequence of a tree never go back.
 * (I3) A run that goes was there; a run that comes was not. A run that is moved to another level
 *      goes and comes in the same edit.
 *
 * All of these are tested, with errors: records come from a file. The writers assert the like
 * (manifest.c, lsm_install.c).
 *
 * Runs are kept by ascending number, which is nearly the order in which they come, so most
 * additions go to the end.
 *
 * Limits: memory in proportion to what MANIFEST names at once.
 */
#include "version/manifest_state.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

static int
refuse(const struct firn_manifest_edit *edit, const char *what, uint64_t number, firn_error *err)
{
    return firn_error_set(err, FIRN_CORRUPT, "%s of version %" PRIu64 ": %s %" PRIu64,
                          edit->is_snapshot ? "snapshot" : "edit", edit->version, what, number);
}

static void
clear_tree(struct firn_manifest_state_tree *tree)
{
    for (size_t i = 0; i < tree->run_count; i++) {
        firn_free(tree->runs[i]);
    }
    firn_free(tree->runs);
}

static void
clear(struct firn_manifest_state *state)
{
    for (size_t i = 0; i < state->tree_count; i++) {
        clear_tree(&state->trees[i]);
    }
    state->tree_count = 0;
}

void
firn_manifest_state_deinit(struct firn_manifest_state *state)
{
    clear(state);
    firn_free(state->trees);
    firn_buf_deinit(&state->history);
    *state = (struct firn_manifest_state){0};
}

/* ---- runs of a tree ---- */

/* Where the run with that number is, or would be. */
static size_t
place_of_run(const struct firn_manifest_state_tree *tree, uint64_t number)
{
    size_t low = 0;
    size_t high = tree->run_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tree->runs[middle]->number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool
has_run_at(const struct firn_manifest_state_tree *tree, size_t place, uint64_t number)
{
    return place < tree->run_count && tree->runs[place]->number == number;
}

/* One block: the run, its references, its groups, then the bytes of its bounds. */
static struct firn_manifest_run *
copy_run(const struct firn_manifest_run *run)
{
    size_t references_size = run->reference_count * sizeof *run->references;
    size_t groups_size = run->group_count * sizeof *run->groups;
    struct firn_manifest_run *copy = firn_alloc(sizeof *copy + references_size + groups_size +
                                                run->lower.size + run->upper.size);
    if (copy != NULL) {
        uint8_t *bytes = (uint8_t *)(copy + 1) + references_size + groups_size;
        *copy = *run;
        if (groups_size > 0) {
            copy->groups = memcpy(bytes - groups_size, run->groups, groups_size);
        }
        if (references_size > 0) {
            copy->references = memcpy(copy + 1, run->references, references_size);
        }
        if (run->lower.size > 0) {
            memcpy(bytes, run->lower.data, run->lower.size);
        }
        memcpy(bytes + run->lower.size, run->upper.data, run->upper.size);
        copy->lower = firn_bytes(bytes, run->lower.size);
        copy->upper = firn_bytes(bytes + run->lower.size, run->upper.size);
    }
    return copy;
}

static int
reserve_runs(struct firn_manifest_state_tree *tree, firn_error *err)
{
    if (tree->run_count < tree->run_capacity) {
        return FIRN_OK;
    }
    size_t capacity = tree->run_capacity == 0 ? 8 : 2 * tree->run_capacity;
    struct firn_manifest_run **runs =
        firn_resize_array(tree->runs, capacity, sizeof(struct firn_manifest_run *));
    if (runs == NULL) {
        return firn_error_no_memory(err, "the runs that MANIFEST names");
    }
    tree->runs = runs;
    tree->run_capacity = capacity;
    return FIRN_OK;
}

static int
add_run(struct firn_manifest_state_tree *tree, const struct firn_manifest_edit *edit,
        const struct firn_manifest_run *run, firn_error *err)
{
    int rc = FIRN_OK;
    size_t place = place_of_run(tree, run->number);
    if (has_run_at(tree, place, run->number)) {
        return refuse(edit, "adds once more run", run->number, err);
    }
    FIRN_TRY(reserve_runs(tree, err));
    struct firn_manifest_run *copy = copy_run(run);
    if (copy == NULL) {
        return firn_error_no_memory(err, "a run that MANIFEST names");
    }
    DCHECK(tree->run_count < tree->run_capacity);
    memmove(tree->runs + place + 1, tree->runs + place,
            (tree->run_count - place) * sizeof(struct firn_manifest_run *));
    tree->runs[place] = copy;
    tree->run_count++;
    DCHECK(place + 1 == tree->run_count || run->number < tree->runs[place + 1]->number);
out:
    return rc;
}

static int
remove_run(struct firn_manifest_state_tree *tree, const struct firn_manifest_edit *edit,
           uint64_t number, firn_error *err)
{
    size_t place = place_of_run(tree, number);
    if (!has_run_at(tree, place, number)) {
        return refuse(edit, "removes what is not there, run", number, err);
    }
    firn_free(tree->runs[place]);
    tree->run_count--;
    memmove(tree->runs + place, tree->runs + place + 1,
            (tree->run_count - place) * sizeof(struct firn_manifest_run *));
    return FIRN_OK;
}

/* ---- trees ---- */

static size_t
place_of_tree(const struct firn_manifest_state *state, uint32_t id)
{
    size_t place = 0;
    while (place < state->tree_count && state->trees[place].id < id) {
        place++;
    }
    return place;
}

static int
add_tree(struct firn_manifest_state *state, size_t place, uint32_t id, firn_error *err)
{
    if (state->tree_count == state->tree_capacity) {
        size_t capacity = state->tree_capacity == 0 ? 8 : 2 * state->tree_capacity;
        struct firn_manifest_state_tree *trees =
            firn_resize_array(state->trees, capacity, sizeof *trees);
        if (trees == NULL) {
            return firn_error_no_memory(err, "the trees that MANIFEST names");
        }
        state->trees = trees;
        state->tree_capacity = capacity;
    }
    memmove(state->trees + place + 1, state->trees + place,
            (state->tree_count - place) * sizeof *state->trees);
    state->trees[place] = (struct firn_manifest_state_tree){.id = id};
    state->tree_count++;
    DCHECK(place == 0 || state->trees[place - 1].id < id);
    DCHECK(place + 1 == state->tree_count || id < state->trees[place + 1].id);
    return FIRN_OK;
}

static void
remove_tree(struct firn_manifest_state *state, size_t place)
{
    DCHECK(place < state->tree_count);
    clear_tree(&state->trees[place]);
    state->tree_count--;
    memmove(state->trees + place, state->trees + place + 1,
            (state->tree_count - place) * sizeof *state->trees);
}

static int
change_tree(struct firn_manifest_state *state, const struct firn_manifest_edit *edit,
            const struct firn_manifest_tree *change, firn_error *err)
{
    int rc = FIRN_OK;
    size_t place = place_of_tree(state, change->id);
    bool is_there = place < state->tree_count && state->trees[place].id == change->id;
    if (change->is_dropped) {
        if (!is_there) {
            return refuse(edit, "drops what is not there, tree", change->id, err);
        }
        remove_tree(state, place);
        return FIRN_OK;
    }
    if (!is_there) {
        FIRN_TRY(add_tree(state, place, change->id, err));
    }
    struct firn_manifest_state_tree *tree = &state->trees[place];
    if (change->flushed < tree->flushed) {
        return refuse(edit, "goes back in what is flushed of tree", change->id, err);
    }
    tree->flushed = change->flushed;
    for (size_t i = 0; i < change->removed_count; i++) {
        FIRN_TRY(remove_run(tree, edit, change->removed[i], err));
    }
    for (size_t i = 0; i < change->added_count; i++) {
        FIRN_TRY(add_run(tree, edit, &change->added[i], err));
    }
out:
    return rc;
}

int
firn_manifest_state_apply(struct firn_manifest_state *state, const struct firn_manifest_edit *edit,
                          firn_error *err)
{
    int rc = FIRN_OK;
    bool is_first = state->version == 0 && state->next_number == 0;
    uint64_t expected = state->version + (edit->is_snapshot ? 0 : 1);
    if (edit->version != expected && !(edit->is_snapshot && is_first)) {
        return refuse(edit, "follows version", state->version, err);
    }
    if (edit->next_number < state->next_number) {
        return refuse(edit, "goes back from file number", state->next_number, err);
    }
    if (edit->sequence < state->sequence) {
        return refuse(edit, "goes back from sequence", state->sequence, err);
    }
    if (edit->is_snapshot) {
        clear(state);
        firn_buf_clear(&state->history);
    }
    if (edit->history.size > 0 && firn_buf_assign(&state->history, edit->history) != FIRN_OK) {
        return firn_error_no_memory(err, "the history that MANIFEST keeps");
    }
    if (edit->is_snapshot || edit->log_end.segment > 0) {
        state->log_end = edit->log_end;
    }
    state->version = edit->version;
    state->next_number = edit->next_number;
    state->sequence = edit->sequence;
    for (size_t i = 0; i < edit->tree_count; i++) {
        FIRN_TRY(change_tree(state, edit, &edit->trees[i], err));
    }
out:
    return rc;
}
