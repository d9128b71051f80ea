/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_init.c: firn init.
 */
#include "cli/cli_workspace.h"
#include "cli/cmd.h"
#include "cli/exit_code.h"
#include "cli/json_out.h"
#include "cli/meter.h"
#include "cli/out.h"
#include "cli/patience.h"
#include "cli/report.h"
#include "cli/text.h"

struct attempt {
    firn_workspace *workspace;
    bool is_created;
};

static int
attempt_init(void *ctx, firn_error *err)
{
    struct attempt *attempt = ctx;
    return firn_workspace_init(attempt->workspace, &attempt->is_created, err);
}

static int
run(struct firn_cli *cli)
{
    firn_error err;
    struct attempt attempt = {NULL, false};
    int exit_code = firn_cli_workspace_open(cli, &attempt.workspace);
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    int code = firn_patience_run(cli, attempt_init, &attempt, &err);
    firn_meter_clear();
    const char *store = firn_workspace_store_path(attempt.workspace);
    if (code != FIRN_OK) {
        exit_code = firn_report_failure(cli, &err, NULL);
    } else if (cli->json) {
        firn_json_out_bytes("workspace", firn_str(firn_workspace_root(attempt.workspace)));
        firn_json_out_bytes("store", firn_str(store));
        firn_json_out_bool("created", attempt.is_created);
    } else if (!cli->quiet) {
        firn_out_text(attempt.is_created ? "made the store " : "the store is there already: ");
        firn_text_escape(firn_str(store), firn_out_write);
        firn_out_text("\n");
    }
    firn_workspace_close(attempt.workspace);
    return exit_code;
}

static const struct firn_command_example examples[] = {
    {"firn init", "make the store in its usual place"},
    {"firn --store /backup/project init", "make it there"},
    {NULL, NULL},
};

const struct firn_command firn_cmd_init = {
    .name = "init",
    .summary = "Make the store of the workspace, and say where it is",
    .arguments = "",
    .help = "firn save does this by itself. The store lies outside of the workspace, so that\n"
            "nothing that happens to the tree can take its history along: where --store or\n"
            "the environment variable FIRN_STORE says, else in\n"
            "\n"
            "    $XDG_DATA_HOME/firn/<name>-<16 digits that follow from the path>\n"
            "\n"
            "where XDG_DATA_HOME is ~/.local/share unless it is set. Only its owner can read\n"
            "it. A store given by --store has to be given to every later command.",
    .examples = examples,
    .uses = FIRN_COMMAND_USES_WORKSPACE | FIRN_COMMAND_USES_LOCK,
    .run = run,
};
