/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_completion.c: firn completion.
 *
 * An installed firn has its completions where the shells look for them; this is for a program that
 * was copied somewhere on its own.
 */
#include "cli/cmd.h"
#include "cli/completion.h"
#include "cli/exit_code.h"

static int
run(struct firn_cli *cli)
{
    if (cli->json) {
        return firn_command_misused(cli, "--json means nothing to this command");
    }
    if (!firn_completion_print(cli->arguments[0])) {
        return firn_command_misused(cli, "'%s' is not bash, zsh or fish", cli->arguments[0]);
    }
    return FIRN_EXIT_OK;
}

static const struct firn_command_example examples[] = {
    {"eval \"$(firn completion bash)\"", "in ~/.bashrc: completions for every bash"},
    {"firn completion zsh > ~/.zfunc/_firn", "for zsh, where ~/.zfunc is in its fpath"},
    {"firn completion fish > ~/.config/fish/completions/firn.fish", "for fish"},
    {NULL, NULL},
};

const struct firn_command firn_cmd_completion = {
    .name = "completion",
    .summary = "Print completions for a shell",
    .arguments = "SHELL",
    .help = "Prints a script that makes the shell complete firn's commands, options, paths\n"
            "and checkpoints: for bash, zsh or fish. A package of firn brings these scripts;\n"
            "where the shell has them already nothing need be done.",
    .examples = examples,
    .missing_hint = "one of bash, zsh, fish",
    .refuses_json = true,
    .run = run,
};
