/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_main.c: the firn program. All of it is in the rooms of commands; this file only starts
 * it, so that tests and the generator of man pages can link everything else.
 */
#include "cli/cli.h"

#include "term/term.h"

/* Features that this build of the program lacks, for firn version; set in the static build. */
#ifndef FIRN_PROGRAM_LACKS
#define FIRN_PROGRAM_LACKS NULL
#endif

int
main(int argc, char **argv)
{
    struct fi_command_program program = fi_cli_table;
    program.lacks = FIRN_PROGRAM_LACKS;
    fi_term_signals_setup();
    return fi_command_line_main(&program, argc, argv);
}
