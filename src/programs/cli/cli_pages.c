/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_pages.c: firn_pages, a program of the build: manual pages from the command table.
 *
 *     firn_pages man PAGE    scdoc source of firn(1), firn-save(1), ...
 *     firn_pages man         the names of all pages
 */
#include "cli/cli.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "term/term.h"

static void
print_page_names(void)
{
    assert(fi_cli_table.commands[0] != NULL);
    fi_term_out_text("firn\n");
    for (const struct fi_command *const *at = fi_cli_table.commands; *at != NULL; at++) {
        fi_term_out_format("firn-%s\n", (*at)->name);
    }
}

int
main(int argc, char **argv)
{
    bool is_done = false;
    if (argc == 2 && strcmp(argv[1], "man") == 0) {
        print_page_names();
        is_done = true;
    } else if (argc == 3 && strcmp(argv[1], "man") == 0) {
        is_done = fi_command_man_print(&fi_cli_table, argv[2]);
    }
    fi_term_out_flush();
    return is_done && fi_term_out_error() == 0 ? FI_EXIT_OK : FI_EXIT_USAGE;
}
