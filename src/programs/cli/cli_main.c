/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_main.c: the firn program. All of it is in the rooms of commands; this file only starts
 * it, so that tests and the generator of man pages can link everything else.
 */
#include "cli/cli.h"

#include <malloc.h>

#include "term/term.h"

/* Features that this build of the program lacks, for firn version; set in the static build. */
#ifndef FIRN_PROGRAM_LACKS
#define FIRN_PROGRAM_LACKS NULL
#endif

/* Large buffers go back to the system when they are freed. By default glibc keeps as much memory,
 * for each thread, as the largest buffer had that was ever freed. */
static void
return_memory(void)
{
    enum { LARGE = 2 << 20 };
    (void)mallopt(M_MMAP_THRESHOLD, LARGE); /* a failure leaves the default */
    (void)mallopt(M_TRIM_THRESHOLD, LARGE);
}

int
main(int argc, char **argv)
{
    struct fi_command_program program = fi_cli_table;
    program.lacks = FIRN_PROGRAM_LACKS;
    return_memory();
    fi_term_signals_setup();
    return fi_command_line_main(&program, argc, argv);
}
