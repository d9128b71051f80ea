/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_remote.c: words that name a remote, or one of its lines.
 */
#include "task/task.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "show/show.h"
#include "term/term.h"

struct search {
    const char *name; /* NULL: any */
    size_t size;
    bool has_found;
};

static int
find_remote(void *ctx, const firn_remote_info *remote)
{
    struct search *search = ctx;
    bool is_it = search->name == NULL || (strlen(remote->name) == search->size &&
                                          memcmp(remote->name, search->name, search->size) == 0);
    search->has_found = search->has_found || is_it;
    return FIRN_OK;
}

static bool
task_remote_find(firn_workspace *workspace, const char *name, size_t size)
{
    assert(workspace != NULL);
    struct search search = {name, size, false};
    int code = firn_remote_list(workspace, find_remote, &search, NULL);
    return code == FIRN_OK && search.has_found;
}

bool
fi_task_remote_has(firn_workspace *workspace, const char *name)
{
    return task_remote_find(workspace, name, name != NULL ? strlen(name) : 0);
}

struct usual {
    char *name;
    unsigned count;
};

static int
find_usual(void *ctx, const firn_remote_info *remote)
{
    struct usual *usual = ctx;
    if (usual->count++ == 0 || strcmp(remote->name, "origin") == 0) {
        (void)snprintf(usual->name, FI_COMMAND_REMOTE_SIZE, "%s", remote->name);
    }
    return FIRN_OK;
}

bool
fi_task_remote_usual(firn_workspace *workspace, char out[FI_COMMAND_REMOTE_SIZE])
{
    struct usual usual = {out, 0};
    out[0] = '\0';
    if (firn_remote_list(workspace, find_usual, &usual, NULL) != FIRN_OK ||
        (usual.count > 1 && strcmp(out, "origin") != 0)) {
        out[0] = '\0';
    }
    return out[0] != '\0';
}

bool
fi_task_remote_is_meant(firn_workspace *workspace, const char *word)
{
    return word[0] != '\0' && task_remote_find(workspace, word, strcspn(word, "/"));
}

void
fi_task_remote_print_name(firn_workspace *workspace, const char *reference,
                          const firn_workspace_checkpoint *checkpoint)
{
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    const char *slash = reference != NULL ? strrchr(reference, '/') : NULL;
    if (slash != NULL && fi_task_remote_is_meant(workspace, reference)) {
        fi_term_text_escape(firn_bytes(reference, (size_t)(slash + 1 - reference)),
                            fi_term_out_write);
    }
    fi_term_out_text(fi_show_checkpoint_name(checkpoint, name));
}
