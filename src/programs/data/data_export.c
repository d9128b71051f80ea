/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_export.c: firn db export and import: one checkpoint as a file, and a store of such a
 * file.
 *
 * An export only reads the store, so it keeps nobody from writing.
 */
#include "data/data_internal.h"

#include "task/task.h"
#include "term/term.h"

/* ---- export ---- */

/* Returns a code of the library. */
static int
export_to(struct firn_cli *cli, firn_store *store, firn_error *err)
{
    struct firn_task_notices notices;
    firn_checkpoint_export_options options = FIRN_CHECKPOINT_EXPORT_OPTIONS_INIT;
    const char *reference = cli->argument_count > 1 ? cli->arguments[1] : NULL;
    firn_task_notices_init(&notices, cli);
    options.replace_existing = firn_command_has(cli, "replace");
    options.on_progress = firn_task_notices_callbacks(&notices).on_progress;
    options.ctx = firn_task_notices_callbacks(&notices).ctx;
    int code =
        firn_checkpoint_export(store, reference, firn_command_value(cli, "output"), &options, err);
    firn_term_meter_clear();
    firn_task_notices_deinit(&notices);
    return code;
}

static int
run_export(struct firn_cli *cli)
{
    firn_error err;
    firn_store *store = NULL;
    const char *path = firn_command_value(cli, "output");
    if (path == NULL || path[0] == '\0') {
        return firn_command_misused(cli, "say with -o FILE where the checkpoint is to go");
    }
    int exit_code = firn_data_store_open(cli, cli->arguments[0], FIRN_DATA_STORE_READ, &store);
    if (exit_code == FIRN_EXIT_OK) {
        int code = export_to(cli, store, &err);
        if (code != FIRN_OK) {
            exit_code = firn_command_report_failure(
                cli, &err, code == FIRN_EXISTS ? "--replace writes over it" : NULL);
        }
    }
    return firn_data_store_close(cli, store, exit_code);
}

/* ---- import ---- */

static void
tell(const struct firn_cli *cli, const firn_store_checkpoint *checkpoint)
{
    if (cli->json) {
        firn_term_json_object("checkpoint");
        firn_data_checkpoint_print_json(checkpoint);
        firn_term_json_end();
    } else if (!cli->quiet) {
        firn_data_checkpoint_print(checkpoint);
    }
}

static int
run_import(struct firn_cli *cli)
{
    firn_error err;
    struct firn_task_notices notices;
    firn_checkpoint_import_options options = FIRN_CHECKPOINT_IMPORT_OPTIONS_INIT;
    firn_store_checkpoint checkpoint = {.size = sizeof(checkpoint)};
    if (cli->arguments[0][0] == '\0' || cli->arguments[1][0] == '\0') {
        return firn_command_misused(cli, "a path is empty");
    }
    firn_task_notices_init(&notices, cli);
    options.on_progress = firn_task_notices_callbacks(&notices).on_progress;
    options.ctx = firn_task_notices_callbacks(&notices).ctx;
    int code =
        firn_checkpoint_import(cli->arguments[0], cli->arguments[1], &options, &checkpoint, &err);
    firn_term_meter_clear();
    firn_task_notices_deinit(&notices);
    if (code != FIRN_OK) {
        return firn_command_report_failure(cli, &err, NULL);
    }
    tell(cli, &checkpoint);
    return FIRN_EXIT_OK;
}

/* ---- descriptions ---- */

const struct firn_command firn_data_export = {
    .name = "export",
    .summary = "Write one checkpoint of a store's data into a single file",
    .arguments = "STORE [REF]",
    .options =
        (const struct firn_command_option[]){
            {"output", 'o', "FILE", "where it goes"},
            {"replace", 0, NULL, "write over FILE if it is there"},
            {NULL, 0, NULL, NULL},
        },
    .help = "What the checkpoint sees, without REF the present state: all keyspaces, and\n"
            "nothing else of the store. The file can stand for STORE in every command that\n"
            "only reads; firn db import makes a store of it. While it is made, a directory\n"
            "beside it holds the data once more.",
    .examples =
        (const struct firn_command_example[]){
            {"firn db export app.firn before-import -o app.firnx", "to keep, or to send"},
            {"firn db get app.firnx users ada", "it is read where it lies"},
            {NULL, NULL},
        },
    .run = run_export,
};

const struct firn_command firn_data_export_import = {
    .name = "import",
    .summary = "Make a store of a file that firn db export has written",
    .arguments = "FILE STORE",
    .help = "STORE is a directory that is empty or not there. It gets the data, and the\n"
            "checkpoint under its number, id and name. Every byte is verified first.",
    .examples =
        (const struct firn_command_example[]){
            {"firn db import app.firnx copy.firn", "a store that can be written"},
            {NULL, NULL},
        },
    .run = run_import,
};
