/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_fold.c: rows of changes for a person at a terminal: a directory that was added or
 * removed is one row, with the number of files in it.
 *
 * Changes come in the order of the tree: a directory, then all that is in it. So the row of a
 * directory waits until a change comes that is not below it. Only one waits at a time.
 */
#include "show/show.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "term/term.h"

void
fi_show_fold_init(struct fi_show_fold *out, bool is_verbose)
{
    *out = (struct fi_show_fold){.is_on = !is_verbose && fi_term_out_columns() > 0};
}

static const firn_workspace_entry *
entry_of(const firn_workspace_change *change)
{
    assert(change->before != NULL || change->after != NULL);
    return change->after != NULL ? change->after : change->before;
}

static bool
is_below(const struct fi_show_fold *fold, const firn_workspace_change *change)
{
    firn_slice path = entry_of(change)->path;
    return change->kind == fold->kind && path.size > fold->size &&
           memcmp(path.data, fold->path, fold->size) == 0 && path.data[fold->size] == '/';
}

/* Lets a directory wait. False where it cannot: memory is out. */
static bool
show_fold_hold(struct fi_show_fold *fold, const firn_workspace_change *change)
{
    firn_slice path = entry_of(change)->path;
    assert(fold->path == NULL && path.size > 0);
    fold->path = malloc(path.size);
    if (fold->path == NULL) {
        return false;
    }
    memcpy(fold->path, path.data, path.size);
    fold->size = path.size;
    fold->kind = change->kind;
    fold->files = 0;
    return true;
}

void
fi_show_fold_finish(struct fi_show_fold *fold)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    if (fold->path == NULL) {
        return;
    }
    const firn_workspace_entry entry = {.path = firn_bytes(fold->path, fold->size)};
    const firn_workspace_change change = {.kind = fold->kind, .after = &entry};
    fi_show_change_print_kind(&change);
    fi_term_path_print(entry.path);
    fi_term_out_text("/");
    if (fold->files > 0) {
        fi_term_out_format("  %s %s", fi_term_text_number(fold->files, number),
                           fi_term_text_plural(fold->files, "file", "files"));
    }
    fi_term_out_text("\n");
    free(fold->path);
    fold->path = NULL;
}

void
fi_show_fold_print(struct fi_show_fold *fold, const firn_workspace_change *change)
{
    bool is_directory = entry_of(change)->type == FIRN_ENTRY_DIRECTORY;
    bool is_foldable = change->kind == FIRN_CHANGE_ADDED || change->kind == FIRN_CHANGE_REMOVED;
    if (fold->path != NULL && is_below(fold, change)) {
        fold->files += !is_directory;
        return;
    }
    fi_show_fold_finish(fold);
    if (!fold->is_on || !is_directory || !is_foldable || !show_fold_hold(fold, change)) {
        fi_show_change_print(change);
    }
}
