/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/main.c: the firn program. All of it is in the rooms of commands; this file only starts it, so that
 * tests and the generator of man pages can link everything else.
 */
#include "cli/cli.h"

#include "term/term.h"

int
main(int argc, char **argv)
{
    firn_term_signals_setup();
    return firn_command_main(&firn_cli_table, argc, argv);
}
