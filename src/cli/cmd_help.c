/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_help.c: firn help.
 */
#include "cli/cmd.h"
#include "cli/command_help.h"
#include "cli/command_table.h"
#include "cli/exit_code.h"

static int
run(struct firn_cli *cli)
{
    if (cli->json) {
        return firn_command_misused(cli, "--json means nothing to this command");
    }
    if (cli->argument_count == 0) {
        firn_command_help_overview();
        return FIRN_EXIT_OK;
    }
    const struct firn_command *first = firn_command_find(firn_command_table, cli->arguments[0]);
    if (first == NULL) {
        cli->command = NULL; /* the mistake is not one in the use of help */
        return firn_command_unknown(cli, firn_command_table, cli->arguments[0]);
    }
    if (cli->argument_count == 1 && first->members != NULL) {
        firn_command_help_group(first);
        return FIRN_EXIT_OK;
    }
    if (cli->argument_count == 1) {
        firn_command_help_command(NULL, first);
        return FIRN_EXIT_OK;
    }
    const struct firn_command *second =
        first->members != NULL ? firn_command_find(first->members, cli->arguments[1]) : NULL;
    if (second == NULL) {
        cli->command = NULL;
        return firn_command_misused(cli, "unknown command '%s %s'", cli->arguments[0],
                                    cli->arguments[1]);
    }
    firn_command_help_command(first, second);
    return FIRN_EXIT_OK;
}

static const struct firn_command_example examples[] = {
    {"firn help restore", "all about firn restore"},
    {"firn help db put", "all about firn db put"},
    {NULL, NULL},
};

const struct firn_command firn_cmd_help = {
    .name = "help",
    .summary = "Explain the program or a command",
    .arguments = "[COMMAND] [COMMAND]",
    .examples = examples,
    .refuses_json = true,
    .run = run,
};
