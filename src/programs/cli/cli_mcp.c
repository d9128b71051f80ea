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
    firn_command_report_line("%s", text);
}

static int
run(struct firn_cli *cli)
{
    firn_error err;
    struct firn_mcp_options options = {cli->store_path, cli->wait_ms,
                                       cli->has_wait,   firn_term_signals_caught,
                                       log_line,        firn_task_collect_if_due};
    if (cli->json) {
        return firn_command_misused(cli, "--json means nothing to this command: it speaks JSON");
    }
    if (!cli->has_wait) {
        options.wait_ms = (int64_t)WAIT_SECONDS * 1000;
    }
    int code = firn_mcp_serve(&options, &err);
    return code == FIRN_OK ? FIRN_EXIT_OK : firn_command_report_failure(cli, &err, NULL);
}

static const struct firn_command_option options[] = {
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"claude mcp add firn -- firn mcp", "give Claude Code the tools"},
    {"firn mcp --wait 5", "let a call wait five seconds for another writer"},
    {NULL, NULL},
};

const struct firn_command firn_cli_mcp = {
    .name = "mcp",
    .summary = "Serve coding agents by the Model Context Protocol",
    .arguments = "",
    .options = options,
    .help = "Speaks the Model Context Protocol on standard input and output: it is started by\n"
            "a coding agent, which then saves, looks at and restores workspaces by its tools.\n"
            "It ends when its input does.\n"
            "\n"
            "The tools are checkpoint_save, checkpoint_list, checkpoint_show,\n"
            "checkpoint_status, checkpoint_diff, checkpoint_restore, checkpoint_undo,\n"
            "checkpoint_revert and checkpoint_delete. Each takes workspace_path, the\n"
            "directory; a relative one begins where the server was started, or at\n"
            "--workspace.\n"
            "\n"
            "The store is locked for each call that writes, never in between: any number of\n"
            "servers, commands and people may work on a workspace at a time. A call waits 30\n"
            "seconds for another writer, unless --wait or firn config say otherwise.",
    .examples = examples,
    .uses = FIRN_COMMAND_USES_WORKSPACE | FIRN_COMMAND_USES_LOCK,
    .refuses_json = true,
    .run = run,
};
