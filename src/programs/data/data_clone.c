/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_clone.c: firn db clone: a second store that has all that one has.
 */
#include "data/data_internal.h"

#include "task/task.h"
#include "term/term.h"

/* Returns a code of the library. */
static int
clone_to(struct firn_cli *cli, firn_store *store, firn_error *err)
{
    struct firn_task_notices notices;
    firn_maintenance_options options = FIRN_MAINTENANCE_OPTIONS_INIT;
    firn_task_notices_init(&notices, cli);
    options.on_progress = firn_task_notices_callbacks(&notices).on_progress;
    options.ctx = firn_task_notices_callbacks(&notices).ctx;
    int code = firn_store_clone(store, cli->arguments[1], &options, err);
    firn_term_meter_clear();
    firn_task_notices_deinit(&notices);
    return code;
}

static int
run_clone(struct firn_cli *cli)
{
    firn_error err;
    firn_store *store = NULL;
    int exit_code = firn_data_store_open(cli, cli->arguments[0], FIRN_DATA_STORE_WRITE, &store);
    if (exit_code == FIRN_EXIT_OK && clone_to(cli, store, &err) != FIRN_OK) {
        exit_code = firn_command_report_failure(cli, &err, NULL);
    }
    return firn_data_store_close(cli, store, exit_code);
}

const struct firn_command firn_data_clone = {
    .name = "clone",
    .summary = "Make another store that has all of this one",
    .arguments = "STORE NEW",
    .help = "Data, checkpoints and saved workspaces. The files are shared by hard links where\n"
            "that can be, so it takes no time and no space; what is done to one of the stores\n"
            "is not seen in the other. NEW is a directory that is empty or not there.",
    .examples =
        (const struct firn_command_example[]){
            {"firn db clone app.firn trial.firn", "try something on a store of its own"},
            {NULL, NULL},
        },
    .uses = FIRN_COMMAND_USES_LOCK,
    .run = run_clone,
};
