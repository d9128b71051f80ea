/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue_find.c: reads what is left of MANIFEST, and what the runs record about themselves.
 *
 * Every intact record of MANIFEST is read, even after an unreadable place (log/log.h). A record
 * proves that the runs in it were named, and that others were replaced, even if the records before
 * it are lost. A snapshot names all runs.
 *
 * Failure: FIRN_NEWER for anything that a newer firn wrote.
 */
#include "rescue/rescue_internal.h"

#include <string.h>

#include "base/check.h"
#include "log/log.h"

/* ---- runs and trees by their numbers ---- */

struct fi_rescue_run *
fi_rescue_find_run(const struct fi_rescue_gather *gather, uint64_t number)
{
    return fi_hash_map_find(&gather->runs, number, &number);
}

struct fi_rescue_tree *
fi_rescue_find_tree(const struct fi_rescue_gather *gather, uint32_t id)
{
    uint64_t key = id;
    return fi_hash_map_find(&gather->trees, key, &key);
}

/* NULL: memory is out. */
static struct fi_rescue_run *
note_run(struct fi_rescue_gather *gather, uint64_t number)
{
    const struct fi_rescue_run added = {.number = number};
    struct fi_rescue_run *run = fi_rescue_find_run(gather, number);
    return run != NULL ? run : fi_hash_map_insert(&gather->runs, number, &added);
}

static struct fi_rescue_tree *
note_tree(struct fi_rescue_gather *gather, uint32_t id)
{
    const struct fi_rescue_tree added = {.id = id};
    struct fi_rescue_tree *tree = fi_rescue_find_tree(gather, id);
    return tree != NULL ? tree : fi_hash_map_insert(&gather->trees, id, &added);
}

/* ---- MANIFEST ---- */

/* A copy in the arena, with its references, groups and bounds. */
static struct fi_manifest_run *
copy_info(struct fi_arena *arena, const struct fi_manifest_run *run)
{
    void *memory = fi_arena_alloc(arena, fi_manifest_state_run_copy_size(run));
    return memory == NULL ? NULL : fi_manifest_state_run_copy(run, memory);
}

static int
take_tree(struct fi_rescue_gather *gather, const struct fi_manifest_tree *change)
{
    struct fi_rescue_tree *tree = note_tree(gather, change->id);
    if (tree == NULL) {
        return FIRN_NO_MEMORY;
    }
    tree->is_dropped = change->is_dropped;
    tree->kind = change->is_dropped ? tree->kind : change->kind;
    tree->flushed = change->flushed > tree->flushed ? change->flushed : tree->flushed;
    for (size_t i = 0; i < change->removed_count; i++) {
        struct fi_rescue_run *run = note_run(gather, change->removed[i]);
        if (run == NULL) {
            return FIRN_NO_MEMORY;
        }
        run->was_named = true;
        run->is_named = false;
        run->is_gone = true;
    }
    /* After the removed ones: a run that moves to another level is in both lists. */
    for (size_t i = 0; i < change->added_count; i++) {
        struct fi_rescue_run *run = note_run(gather, change->added[i].number);
        struct fi_manifest_run *info = copy_info(&gather->arena, &change->added[i]);
        if (run == NULL || info == NULL) {
            return FIRN_NO_MEMORY;
        }
        run->was_named = true;
        run->is_named = true;
        run->is_gone = false;
        run->tree = change->id;
        run->info = info;
    }
    return FIRN_OK;
}

/* Runs that a snapshot no longer names, or of a dropped tree. */
static void
remove_named(struct fi_rescue_gather *gather, const uint32_t *tree)
{
    for (size_t i = 0; i < gather->runs.count; i++) {
        struct fi_rescue_run *run = fi_rescue_run_at(gather, i);
        if (run->is_named && (tree == NULL || run->tree == *tree)) {
            run->is_named = false;
            run->is_gone = true;
        }
    }
}

static int
take_edit(struct fi_rescue_gather *gather, const struct fi_manifest_edit *edit)
{
    if (edit->version < gather->version ||
        (!edit->is_snapshot && edit->version == gather->version)) {
        return FIRN_OK; /* of a released segment */
    }
    if (edit->is_snapshot) {
        remove_named(gather, NULL);
        gather->has_gap = false;
    } else if (edit->version != gather->version + 1) {
        gather->has_gap = true;
    }
    gather->version = edit->version;
    gather->next_number =
        edit->next_number > gather->next_number ? edit->next_number : gather->next_number;
    gather->sequence = edit->sequence > gather->sequence ? edit->sequence : gather->sequence;
    if (edit->is_snapshot) {
        fi_buf_clear(&gather->history);
    }
    if (edit->history.size > 0) {
        FI_TRY_RETURN(fi_buf_assign(&gather->history, edit->history));
    }
    for (size_t i = 0; i < edit->tree_count; i++) {
        if (edit->trees[i].is_dropped) {
            remove_named(gather, &edit->trees[i].id);
        }
        FI_TRY_RETURN(take_tree(gather, &edit->trees[i]));
    }
    return FIRN_OK;
}

static int
visit_record(void *ctx, uint8_t type, firn_slice record, firn_error *err)
{
    struct fi_rescue_gather *gather = ctx;
    struct fi_arena arena = {0};
    struct fi_manifest_edit edit;
    if (type == FI_MANIFEST_LOG_END) {
        return FIRN_OK;
    }
    int rc = fi_manifest_edit_decode(type, record, &arena, &edit, err);
    if (rc == FIRN_OK && take_edit(gather, &edit) != FIRN_OK) {
        rc = fi_error_no_memory(err, "what MANIFEST says");
    }
    fi_arena_deinit(&arena);
    if (rc == FIRN_CORRUPT) {
        gather->has_gap = true;
        return FIRN_OK;
    }
    return rc;
}

/* ---- runs ---- */

/* No new file may get a number that an origin mentions: it would be taken for that file. */
static void
pass_number(struct fi_rescue_gather *gather, uint64_t number)
{
    gather->next_number = number >= gather->next_number ? number + 1 : gather->next_number;
}

static int
visit_file(void *ctx, const struct fi_os_dirent *entry)
{
    struct fi_rescue_gather *gather = ctx;
    uint64_t number = fi_lsm_number_in_name(entry->name);
    char name[FI_VERSION_FILE_NAME_SIZE];
    if (number == 0) {
        return FIRN_OK;
    }
    pass_number(gather, number);
    const struct fi_run_kind *const *kind = gather->options->lsm.kinds;
    for (; *kind != NULL; kind++) {
        fi_version_file_name(number, *kind, name);
        if (strcmp(entry->name, name) == 0) {
            break;
        }
    }
    if (*kind == NULL) {
        return FIRN_OK;
    }
    struct fi_rescue_run *run = note_run(gather, number);
    if (run == NULL) {
        return FIRN_NO_MEMORY;
    }
    run->is_present = true;
    run->kind = *kind;
    return FIRN_OK;
}

/* Keeps the origin that was read, with its lists in the arena. */
static int
keep_origin(struct fi_rescue_gather *gather, struct fi_rescue_run *run,
            const struct fi_run_origin *origin, firn_error *err)
{
    size_t size = gather->numbers.size;
    uint64_t *numbers = fi_arena_alloc(&gather->arena, size);
    if (numbers == NULL) {
        return fi_error_no_memory(err, "the origins of runs");
    }
    if (size > 0) {
        memcpy(numbers, gather->numbers.data, size);
    }
    DCHECK(size == (origin->input_count + origin->gone_count) * sizeof *numbers);
    run->has_origin = true;
    run->origin = *origin;
    run->origin.inputs = numbers;
    run->origin.gone = numbers + origin->input_count;
    return FIRN_OK;
}

static int
read_origin(struct fi_rescue_gather *gather, struct fi_rescue_run *run, firn_error *err)
{
    const struct fi_run_kind *kind = run->kind;
    DCHECK(run->is_present && kind != NULL);
    char name[FI_VERSION_FILE_NAME_SIZE];
    struct fi_run_origin origin = {0};
    struct fi_run *open = NULL;
    firn_error found;
    bool is_sound;
    fi_version_file_name(run->number, kind, name);
    int rc = kind->open(&gather->env, name, &open, &found);
    if (rc == FIRN_OK) {
        rc = kind->origin == NULL ? FIRN_NOT_FOUND
                                  : kind->origin(open, &gather->numbers, &origin, &found);
        kind->close(open);
        if (rc == FIRN_NOT_FOUND) {
            return FIRN_OK;
        }
    }
    FI_TRY_RETURN(fi_rescue_sift(rc, &found, &is_sound, err));
    run->is_damaged = !is_sound;
    return is_sound ? keep_origin(gather, run, &origin, err) : FIRN_OK;
}

/* Notes what an origin says about other runs. */
static int
spread_origin(struct fi_rescue_gather *gather, const struct fi_run_origin *origin)
{
    pass_number(gather, origin->work);
    for (size_t i = 0; i < origin->input_count; i++) {
        struct fi_rescue_run *run = note_run(gather, origin->inputs[i]);
        pass_number(gather, origin->inputs[i]);
        if (run == NULL) {
            return FIRN_NO_MEMORY;
        }
        run->was_named = true;
    }
    for (size_t i = 0; i < origin->gone_count; i++) {
        struct fi_rescue_run *run = note_run(gather, origin->gone[i]);
        pass_number(gather, origin->gone[i]);
        if (run == NULL) {
            return FIRN_NO_MEMORY;
        }
        run->is_gone = true;
    }
    return origin->kind == FI_RUN_ORIGIN_SCRATCH || note_tree(gather, origin->tree) != NULL
               ? FIRN_OK
               : FIRN_NO_MEMORY;
}

static int
read_runs(struct fi_rescue_gather *gather, firn_error *err)
{
    int rc = fi_os_dir_list(gather->runs_dir, visit_file, gather, err);
    if (rc == FIRN_NO_MEMORY) {
        return fi_error_no_memory(err, "the names of runs");
    }
    size_t count = gather->runs.count;
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        struct fi_rescue_run *run = fi_rescue_run_at(gather, i);
        rc = run->is_present ? read_origin(gather, run, err) : FIRN_OK;
    }
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        const struct fi_rescue_run *run = fi_rescue_run_at(gather, i);
        const struct fi_run_origin origin = run->origin; /* the records may move */
        if (run->has_origin && spread_origin(gather, &origin) != FIRN_OK) {
            rc = fi_error_no_memory(err, "the origins of runs");
        }
    }
    return rc;
}

int
fi_rescue_find_all(struct fi_rescue_gather *gather, struct fi_os_dir *manifest_dir, firn_error *err)
{
    int rc = fi_log_recover_salvage(manifest_dir, FI_MANIFEST_NAME, visit_record, gather, err);
    return rc == FIRN_OK ? read_runs(gather, err) : rc;
}
