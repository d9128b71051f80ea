/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_push.c: a push in the background.
 *
 * It runs this program as `firn push --auto` in a detached process, after each save if the setting
 * push.auto names a remote, or the command has --push. Nothing is handed over but the name of the
 * remote: what is to be pushed is what is not pushed yet, and the library decides whether a push is
 * due, and who does it (share_automatic.c). A failure is noted in the store, where firn status and
 * a watch find it.
 */
#include "task/task.h"

#include <stdlib.h>
#include <string.h>

bool
fi_task_push_is_due(firn_workspace *workspace, const char *remote)
{
    firn_push_options options = FIRN_PUSH_OPTIONS_INIT;
    firn_push_result result = FIRN_PUSH_RESULT_INIT;
    options.automatic = true;
    options.dry_run = true;
    return firn_workspace_push(workspace, remote, &options, &result, NULL) == FIRN_OK &&
           result.is_due;
}

void
fi_task_push_start(const firn_workspace *workspace, const char *remote)
{
    /* The store's path may be relative to the directory that we are in. */
    char *store = realpath(firn_workspace_store_path(workspace), NULL);
    if (store == NULL) {
        return;
    }
    const char *arguments[] = {
        "firn",    "push", "--auto", "--quiet", "--directory", firn_workspace_root(workspace),
        "--store", store,  remote,   NULL};
    fi_task_detached_run(arguments);
    free(store);
}

void
fi_task_push_if_due(firn_workspace *workspace, const char *remote)
{
    if (fi_task_push_is_due(workspace, remote)) {
        fi_task_push_start(workspace, remote);
    }
}

void
fi_task_push_after_save(firn_workspace *workspace, const struct fi_command_settings *settings,
                        bool is_asked)
{
    if (settings->push[0] != '\0' || is_asked) {
        fi_task_push_if_due(workspace, settings->push[0] != '\0' ? settings->push : NULL);
    }
}
