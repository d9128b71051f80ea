/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_history.c: a walk through the history of a workspace, and what commands that walk share.
 *
 * A file is followed through renames. The library compares only the path that is followed, so it
 * tells a renamed file as added. The walk is ended there; all of that checkpoint is compared, to
 * look for the rename; and the walk begins again at the same checkpoint, with both paths if there
 * was one. Then the library tells the rename itself, and the old path is followed from there on.
 * Only a rename that keeps the content is found.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "show/show.h"
#include "term/term.h"
#include "term/term_try.h"

enum { PATHS_MAX = 2 };

struct walk {
    struct fi_dir_history *history;
    char id[FIRN_CHECKPOINT_ID_SIZE];        /* of the checkpoint that is compared */
    char looked_id[FIRN_CHECKPOINT_ID_SIZE]; /* where a rename was looked for; "": nowhere yet */
    bool is_first;                           /* no other comes before that one */
    bool is_at_rename;                       /* the walk was ended to look for one */
    char *old_path;                          /* what the file was called before; on the heap */
    firn_slice paths[PATHS_MAX];
};

static bool
is_path(firn_slice slice, const char *path)
{
    return slice.size == strlen(path) && memcmp(slice.data, path, slice.size) == 0;
}

static int
on_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint, bool *is_compared)
{
    struct walk *walk = ctx;
    memcpy(walk->id, checkpoint->id, sizeof(walk->id));
    walk->is_first = checkpoint->number == 1;
    return walk->history->options.on_checkpoint(walk->history->ctx, checkpoint, is_compared);
}

static int
on_difference(void *ctx, const firn_workspace_difference *difference)
{
    struct walk *walk = ctx;
    const struct fi_dir_history *history = walk->history;
    const firn_workspace_change *change = &difference->change;
    if (history->path != NULL && change->kind == FIRN_CHANGE_ADDED &&
        change->after->type == FIRN_ENTRY_FILE && is_path(change->after->path, history->path) &&
        !walk->is_first && strcmp(walk->id, walk->looked_id) != 0) {
        walk->is_at_rename = true;
        return FIRN_CANCELLED;
    }
    return history->options.on_difference(history->ctx, difference);
}

static int
on_compared(void *ctx, const firn_workspace_diff_result *result)
{
    struct walk *walk = ctx;
    int code = walk->history->on_compared(walk->history->ctx, result);
    if (walk->old_path != NULL) {
        free(walk->history->path);
        walk->history->path = walk->old_path;
        walk->old_path = NULL;
        walk->paths[0] = walk->paths[1] = firn_str(walk->history->path);
    }
    return code;
}

static int
find_rename(void *ctx, const firn_workspace_difference *difference)
{
    struct walk *walk = ctx;
    const firn_workspace_change *change = &difference->change;
    if (change->kind == FIRN_CHANGE_RENAMED && is_path(change->after->path, walk->history->path)) {
        free(walk->old_path);
        walk->old_path =
            strndup((const char *)change->before->path.data, change->before->path.size);
        return walk->old_path == NULL ? FIRN_NO_MEMORY : FIRN_OK;
    }
    return FIRN_OK;
}

static int
dir_history_find_rename(struct walk *walk, firn_error *err)
{
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    memcpy(walk->looked_id, walk->id, sizeof(walk->looked_id));
    options.after = walk->id;
    options.against_previous = true;
    options.find_renames = true;
    options.callbacks = walk->history->options.callbacks;
    FI_TRY_RETURN(
        firn_workspace_diff(walk->history->workspace, &options, find_rename, walk, NULL, err));
    if (walk->old_path != NULL) {
        walk->paths[1] = firn_str(walk->old_path);
    }
    return FIRN_OK;
}

int
fi_dir_history_walk(struct fi_dir_history *history, firn_error *err)
{
    struct walk walk = {.history = history};
    firn_workspace_log_options options = history->options;
    int code;
    assert(history->options.on_checkpoint != NULL && history->options.on_difference != NULL);
    options.on_checkpoint = on_checkpoint;
    options.on_difference = on_difference;
    if (history->path != NULL) {
        walk.paths[0] = walk.paths[1] = firn_str(history->path);
        options.paths = walk.paths;
        options.path_count = PATHS_MAX;
        options.find_renames = true;
    }
    do {
        walk.is_at_rename = false;
        code = firn_workspace_log(history->workspace, &options, on_compared, &walk, err);
        if (walk.is_at_rename) {
            code = dir_history_find_rename(&walk, err);
            options.after = walk.looked_id;
        }
    } while (code == FIRN_OK && walk.is_at_rename);
    free(walk.old_path);
    return code;
}
