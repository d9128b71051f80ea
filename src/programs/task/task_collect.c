/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_collect.c: a garbage collection in the background.
 *
 * It runs this program as `firn gc --auto` in a detached process. If that fails, the next command
 * tries again (catalog_due.c).
 *
 * A check without locks decides here whether there is enough garbage, so the deleting commands need
 * not know, and no process is started in vain. None is started if the setting gc.auto is false.
 */
#include "task/task.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int
take_setting(void *ctx, const firn_config_setting *setting)
{
    bool *out = ctx;
    if (strcmp(setting->key, "gc.auto") == 0) {
        *out = strcmp(setting->value, "true") == 0;
    }
    return FIRN_OK;
}

static bool
is_due(firn_workspace *workspace)
{
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result result = FIRN_WORKSPACE_GC_RESULT_INIT;
    bool is_wanted = false;
    options.automatic = true;
    options.dry_run = true;
    return firn_config_list_readable(workspace, take_setting, NULL, &is_wanted, NULL) == FIRN_OK &&
           is_wanted && firn_workspace_gc(workspace, &options, &result, NULL) == FIRN_OK &&
           result.is_due;
}

static void
task_collect_start(const firn_workspace *workspace)
{
    /* The store's path may be relative to the directory that we are in. */
    char *store = realpath(firn_workspace_store_path(workspace), NULL);
    if (store == NULL) {
        return;
    }
    const char *arguments[] = {"firn",    "gc",          "--auto",
                               "--quiet", "--directory", firn_workspace_root(workspace),
                               "--store", store,         NULL};
    fi_task_detached_run(arguments);
    free(store);
}

void
fi_task_collect_if_due(firn_workspace *workspace)
{
    if (is_due(workspace)) {
        task_collect_start(workspace);
    }
}
