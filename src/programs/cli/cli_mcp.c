/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_mcp.c: firn mcp.
 */
#include "cli/cli.h"

#include "mcp/mcp.h"
#include "task/task.h"
#include "term/term.h"

/* Clients give up a request after a minute; they should hear why before. */
enum { WAIT_SECONDS = 30 };

static void
log_line(const char *text)
{
    fi_command_report_line("%s", text);
}

static int
cli_mcp_run(struct fi_cli *cli)
{
    firn_error err;
    struct fi_mcp_options options = {.store_path = cli->store_path,
                                     .names_root = cli->directory != NULL,
                                     .wait_ms = cli->wait_ms,
                                     .has_wait = cli->has_wait,
                                     .allows_delete = fi_command_has(cli, "allow-delete") &&
                                                      !fi_command_has(cli, "no-delete"),
                                     .allows_push = fi_command_has(cli, "push"),
                                     .allowed = cli->repeated,
                                     .allowed_count = cli->repeated_count,
                                     .stop_asked = fi_term_signals_caught,
                                     .log = log_line,
                                     .collect = fi_task_collect_if_due};
    if (!cli->has_wait) {
        options.wait_ms = (int64_t)WAIT_SECONDS * 1000;
    }
    int code = fi_mcp_serve(&options, &err);
    return code == FIRN_OK ? FI_EXIT_OK : fi_command_report_failure(cli, &err, NULL);
}

static const struct fi_command_option options[] = {
    {"allow", 0, "DIR...", "serve this directory, too, and what is below it"},
    {"allow-delete", 0, NULL, "offer a tool that deletes checkpoints"},
    {"no-delete", 0, NULL, "offer no such tool, which is the default"},
    {"push", 0, NULL, "offer a tool that pushes to the store's remotes"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"claude mcp add firn -- firn mcp", "add the tools to Claude Code"},
    {"firn mcp --allow ~/src", "serve all projects below ~/src"},
    {"firn mcp --wait 5", "let a call wait five seconds for another writer"},
    {NULL, NULL},
};

const struct fi_command fi_cli_mcp = {
    .name = "mcp",
    .summary = "Serve coding agents by the Model Context Protocol",
    .arguments = "",
    .options = options,
    .help = "Speaks the Model Context Protocol on standard input and output. A coding agent\n"
            "starts this command and uses its tools to save, inspect and restore workspaces.\n"
            "The server ends when its input ends.\n"
            "\n"
            "The tools are checkpoint_save, checkpoint_list, checkpoint_log, checkpoint_show,\n"
            "checkpoint_find, checkpoint_cat, checkpoint_status, checkpoint_diff,\n"
            "checkpoint_restore, checkpoint_undo, checkpoint_redo, checkpoint_steps,\n"
            "checkpoint_turns, checkpoint_revert, checkpoint_describe, with --allow-delete\n"
            "checkpoint_delete, and with --push checkpoint_push. Each takes workspace_path,\n"
            "the directory; without it, the directory in which the server was started, or\n"
            "--directory, is meant.\n"
            "\n"
            "Other directories are refused, except those below it, those that --allow names,\n"
            "which may be given several times, and the roots that the client tells. If the\n"
            "server is started in the root or home directory, what is below is not served.\n"
            "\n"
            "The store is locked during each call that writes, never between calls, so any\n"
            "number of servers, commands and people can work on a workspace. A call waits 30\n"
            "seconds for another writer, unless --wait or firn config says otherwise.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .refuses_json = ", which always prints JSON",
    .run = cli_mcp_run,
};
