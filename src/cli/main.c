/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/main.c: the firn program. All of it is in command.c and the commands; this file only starts
 * it, so that tests and the generator of man pages can link everything else.
 */
#include "cli/command.h"
#include "cli/signals.h"

int
main(int argc, char **argv)
{
    firn_signals_setup();
    return firn_command_main(argc, argv);
}
