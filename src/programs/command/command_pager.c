/* SPDX-License-Identifier: Apache-2.0
 *
 * command/command_pager.c: help, and long results of commands, through a pager.
 *
 * Whether there is one is decided in three places: the command line (--no-pager, --json, --quiet),
 * here; the setting ui.pager, which is read later, because it may be one of the workspace; and the
 * terminal and what is printed (term_pager.c), which decide last.
 */
#include "command/command_internal.h"

#include <string.h>

#include "term/term.h"

void
fi_command_pager_obey(const firn_config_setting *setting)
{
    if (strcmp(setting->key, "ui.pager") == 0 && strcmp(setting->value, "false") == 0) {
        fi_term_pager_disarm();
    }
}

int
fi_command_pager_print(struct fi_cli *cli, int (*print)(struct fi_cli *cli))
{
    bool is_armed = !cli->no_pager && !cli->json && !cli->quiet && fi_term_pager_arm();
    int exit_code = print(cli);
    if (!is_armed) {
        return exit_code;
    }
    fi_term_pager_resolve();
    fi_term_out_flush();
    fi_term_out_before_first(NULL);
    bool was_left = false;
    if (fi_term_pager_is_open() && !fi_term_pager_close(&was_left)) {
        return fi_command_report_error(cli, FIRN_NOT_FOUND,
                                       "set PAGER to another program, or use --no-pager",
                                       "the pager was not found");
    }
    return was_left && exit_code == FI_EXIT_FAILED ? FI_EXIT_OK : exit_code;
}
