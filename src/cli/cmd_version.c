/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_version.c: firn version.
 */
#include "cli/cmd.h"
#include "cli/exit_code.h"
#include "cli/json_out.h"
#include "cli/out.h"

static int
run(struct firn_cli *cli)
{
    if (cli->json) {
        firn_json_out_string("version", firn_version());
    } else {
        firn_out_format("firn %s\n", firn_version());
    }
    return FIRN_EXIT_OK;
}

const struct firn_command firn_cmd_version = {
    .name = "version",
    .summary = "Print the version",
    .arguments = "",
    .run = run,
};
