/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest/manifest_state.c: applying the edits of MANIFEST one after the other.
 *
 * Used when a store is opened or checked. A running store has the same state in its versions
 * (version.c); check compares the two.
 *
 * (I1) Each edit has the version after that of the edit before it. A snapshot repeats the version
 *      of the edit before it; only a snapshot that is the first record of the log may have any
 *      version.
 * (I2) Numbers of files, sequences, and the flushed sequence of a tree never decrease.
 * (I3) A removed run was there; an added run was not. A run that moves to another level is removed
 *      and added in the same edit. All runs of a tree are of the tree's kind, which never changes.
 * (I4) A number belongs to one run, one attachment of one run, or one value file; only a value file
 *      may be named by more than one run. Tested after all records have been read.
 *
 * (I1) to (I4) are not asserted but tested, with errors, because records come from a file. The
 *      writers assert the same.
 *
 * Runs are kept by ascending number, which is nearly the order in which they are added, so most
 * additions go to the end.
 *
 * Memory: in proportion to what MANIFEST names at one time.
 */
#include "manifest/manifest.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/sort.h"

/* ---- a run in memory of its own ---- */

size_t
fi_manifest_state_run_copy_size(const struct fi_manifest_run *run)
{
    return sizeof *run + run->reference_count * sizeof *run->references +
           run->attachment_count * sizeof *run->attachments +
           run->group_count * sizeof *run->groups + run->lower.size + run->upper.size;
}

/* Copies size bytes to *at, and moves it past them. */
static const void *
manifest_put(uint8_t **at, const void *from, size_t size)
{
    uint8_t *to = *at;
    if (size > 0) {
        memcpy(to, from, size);
    }
    *at = to + size;
    return to;
}

/* The run, its references, attachments and groups, then the bytes of its bounds. */
struct fi_manifest_run *
fi_manifest_state_run_copy(const struct fi_manifest_run *run, void *memory)
{
    struct fi_manifest_run *copy = memory;
    uint8_t *at = (uint8_t *)(copy + 1);
    *copy = *run;
    copy->references =
        manifest_put(&at, run->references, run->reference_count * sizeof *run->references);
    copy->attachments =
        manifest_put(&at, run->attachments, run->attachment_count * sizeof *run->attachments);
    copy->groups = manifest_put(&at, run->groups, run->group_count * sizeof *run->groups);
    copy->lower.data = manifest_put(&at, run->lower.data, run->lower.size);
    copy->upper.data = manifest_put(&at, run->upper.data, run->upper.size);
    DCHECK(at == (uint8_t *)memory + fi_manifest_state_run_copy_size(run));
    return copy;
}

/* ---- applying edits ---- */

static int
manifest_refuse(const struct fi_manifest_edit *edit, const char *what, uint64_t number,
                firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "%s of version %" PRIu64 ": %s %" PRIu64,
                        edit->is_snapshot ? "snapshot" : "edit", edit->version, what, number);
}

static void
clear_tree(struct fi_manifest_state_tree *tree)
{
    for (size_t i = 0; i < tree->run_count; i++) {
        fi_free(tree->runs[i]);
    }
    fi_free(tree->runs);
}

static void
manifest_clear(struct fi_manifest_state *state)
{
    for (size_t i = 0; i < state->tree_count; i++) {
        clear_tree(&state->trees[i]);
    }
    state->tree_count = 0;
}

void
fi_manifest_state_deinit(struct fi_manifest_state *state)
{
    manifest_clear(state);
    fi_free(state->trees);
    fi_buf_deinit(&state->history);
    *state = (struct fi_manifest_state){0};
}

/* ---- runs of a tree ---- */

/* Where the run with that number is, or would be. */
static size_t
place_of_run(const struct fi_manifest_state_tree *tree, uint64_t number)
{
    size_t low = 0;
    size_t high = tree->run_count;
    FI_SEARCH_FIRST(low, high, middle, tree->runs[middle]->number < number);
    return low;
}

static bool
has_run_at(const struct fi_manifest_state_tree *tree, size_t place, uint64_t number)
{
    return place < tree->run_count && tree->runs[place]->number == number;
}

static struct fi_manifest_run *
copy_run(const struct fi_manifest_run *run)
{
    void *memory = fi_alloc(fi_manifest_state_run_copy_size(run));
    return memory == NULL ? NULL : fi_manifest_state_run_copy(run, memory);
}

static int
reserve_runs(struct fi_manifest_state_tree *tree, firn_error *err)
{
    return FI_VEC_RESERVE(tree->runs, tree->run_count + 1, tree->run_capacity, err);
}

static int
add_run(struct fi_manifest_state_tree *tree, const struct fi_manifest_edit *edit,
        const struct fi_manifest_run *run, firn_error *err)
{
    size_t place = place_of_run(tree, run->number);
    if (has_run_at(tree, place, run->number)) {
        return manifest_refuse(edit, "adds once more run", run->number, err);
    }
    FI_TRY_RETURN(reserve_runs(tree, err));
    struct fi_manifest_run *copy = copy_run(run);
    if (copy == NULL) {
        return fi_error_no_memory(err, "a run that MANIFEST names");
    }
    DCHECK(tree->run_count < tree->run_capacity);
    memmove(tree->runs + place + 1, tree->runs + place,
            (tree->run_count - place) * sizeof(struct fi_manifest_run *));
    tree->runs[place] = copy;
    tree->run_count++;
    DCHECK(place + 1 == tree->run_count || run->number < tree->runs[place + 1]->number);
    return FIRN_OK;
}

static int
remove_run(struct fi_manifest_state_tree *tree, const struct fi_manifest_edit *edit,
           uint64_t number, firn_error *err)
{
    size_t place = place_of_run(tree, number);
    if (!has_run_at(tree, place, number)) {
        return manifest_refuse(edit, "removes what is not there, run", number, err);
    }
    DCHECK(tree->runs != NULL); /* there is a run */
    fi_free(tree->runs[place]);
    tree->run_count--;
    memmove(tree->runs + place, tree->runs + place + 1,
            (tree->run_count - place) * sizeof(struct fi_manifest_run *));
    return FIRN_OK;
}

/* ---- trees ---- */

static size_t
place_of_tree(const struct fi_manifest_state *state, uint32_t id)
{
    size_t low = 0;
    size_t high = state->tree_count;
    FI_SEARCH_FIRST(low, high, middle, state->trees[middle].id < id);
    return low;
}

static int
add_tree(struct fi_manifest_state *state, size_t place, const struct fi_manifest_tree *tree,
         firn_error *err)
{
    FI_TRY_RETURN(FI_VEC_RESERVE(state->trees, state->tree_count + 1, state->tree_capacity, err));
    memmove(state->trees + place + 1, state->trees + place,
            (state->tree_count - place) * sizeof *state->trees);
    state->trees[place] = (struct fi_manifest_state_tree){.id = tree->id, .kind = tree->kind};
    state->tree_count++;
    DCHECK(place == 0 || state->trees[place - 1].id < tree->id);
    DCHECK(place + 1 == state->tree_count || tree->id < state->trees[place + 1].id);
    return FIRN_OK;
}

static void
remove_tree(struct fi_manifest_state *state, size_t place)
{
    DCHECK(place < state->tree_count);
    clear_tree(&state->trees[place]);
    state->tree_count--;
    memmove(state->trees + place, state->trees + place + 1,
            (state->tree_count - place) * sizeof *state->trees);
}

static int
change_tree(struct fi_manifest_state *state, const struct fi_manifest_edit *edit,
            const struct fi_manifest_tree *change, firn_error *err)
{
    size_t place = place_of_tree(state, change->id);
    bool is_there = place < state->tree_count && state->trees[place].id == change->id;
    if (change->is_dropped) {
        if (!is_there) {
            return manifest_refuse(edit, "drops what is not there, tree", change->id, err);
        }
        remove_tree(state, place);
        return FIRN_OK;
    }
    if (!is_there) {
        FI_TRY_RETURN(add_tree(state, place, change, err));
    }
    struct fi_manifest_state_tree *tree = &state->trees[place];
    if (change->kind != tree->kind) {
        return manifest_refuse(edit, "changes the kind of tree", change->id, err);
    }
    if (change->flushed < tree->flushed) {
        return manifest_refuse(edit, "moves back how far it is flushed: tree", change->id, err);
    }
    tree->flushed = change->flushed;
    for (size_t i = 0; i < change->removed_count; i++) {
        FI_TRY_RETURN(remove_run(tree, edit, change->removed[i], err));
    }
    for (size_t i = 0; i < change->added_count; i++) {
        FI_TRY_RETURN(add_run(tree, edit, &change->added[i], err));
    }
    return FIRN_OK;
}

int
fi_manifest_state_apply(struct fi_manifest_state *state, const struct fi_manifest_edit *edit,
                        firn_error *err)
{
    bool is_first = state->version == 0 && state->next_number == 0;
    uint64_t expected = state->version + (edit->is_snapshot ? 0 : 1);
    if (edit->version != expected && !(edit->is_snapshot && is_first)) {
        return manifest_refuse(edit, "follows version", state->version, err);
    }
    if (edit->next_number < state->next_number) {
        return manifest_refuse(edit, "goes back from file number", state->next_number, err);
    }
    if (edit->sequence < state->sequence) {
        return manifest_refuse(edit, "goes back from sequence", state->sequence, err);
    }
    if (edit->is_snapshot) {
        manifest_clear(state);
        fi_buf_clear(&state->history);
    }
    if (edit->history.size > 0 && fi_buf_assign(&state->history, edit->history) != FIRN_OK) {
        return fi_error_no_memory(err, "the history that MANIFEST keeps");
    }
    if (edit->is_snapshot || edit->log_end.segment > 0) {
        state->log_end = edit->log_end;
    }
    state->version = edit->version;
    state->next_number = edit->next_number;
    state->sequence = edit->sequence;
    for (size_t i = 0; i < edit->tree_count; i++) {
        FI_TRY_RETURN(change_tree(state, edit, &edit->trees[i], err));
    }
    return FIRN_OK;
}

/* ---- a number is the number of one file ---- */

struct numbered {
    uint64_t number;
    bool is_values; /* a value file, which several runs may refer to */
};

static int
compare_numbered(const void *a, const void *b)
{
    uint64_t x = ((const struct numbered *)a)->number;
    uint64_t y = ((const struct numbered *)b)->number;
    return (x > y) - (x < y);
}

static int
list_number(struct fi_buf *list, uint64_t number, bool is_values)
{
    const struct numbered numbered = {.number = number, .is_values = is_values};
    return fi_buf_append(list, &numbered, sizeof numbered);
}

static int
list_numbers(struct fi_buf *list, const struct fi_manifest_run *run)
{
    FI_TRY_RETURN(list_number(list, run->number, false));
    for (size_t i = 0; i < run->reference_count; i++) {
        FI_TRY_RETURN(list_number(list, run->references[i].number, true));
    }
    for (size_t i = 0; i < run->attachment_count; i++) {
        FI_TRY_RETURN(list_number(list, run->attachments[i].number, false));
    }
    return FIRN_OK;
}

/* (I4) */
int
fi_manifest_state_check_numbers(const struct fi_manifest_state *state, firn_error *err)
{
    struct fi_buf list = {0};
    int rc = FIRN_OK;
    for (size_t i = 0; i < state->tree_count && rc == FIRN_OK; i++) {
        for (size_t j = 0; j < state->trees[i].run_count && rc == FIRN_OK; j++) {
            rc = list_numbers(&list, state->trees[i].runs[j]);
        }
    }
    if (rc != FIRN_OK) {
        rc = fi_error_no_memory(err, "the files that MANIFEST names");
        goto out;
    }
    struct numbered *files = (struct numbered *)(void *)list.data;
    size_t count = list.size / sizeof *files;
    fi_sort(files, count, sizeof *files, compare_numbered);
    for (size_t i = 1; i < count; i++) {
        DCHECK(files[i - 1].number <= files[i].number);
        if (files[i - 1].number == files[i].number &&
            !(files[i - 1].is_values && files[i].is_values)) {
            rc = fi_error_set(err, FIRN_CORRUPT,
                              "the MANIFEST of version %" PRIu64 " gives the number %" PRIu64
                              " to two files",
                              state->version, files[i].number);
            goto out;
        }
    }
out:
    fi_buf_deinit(&list);
    return rc;
}
