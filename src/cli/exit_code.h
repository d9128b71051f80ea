/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/exit_code.h: how the program ends. The numbers are promised to scripts.
 */
#ifndef FIRN_CLI_EXIT_CODE_H
#define FIRN_CLI_EXIT_CODE_H

enum firn_exit {
    FIRN_EXIT_OK = 0,
    FIRN_EXIT_FAILED = 1,
    FIRN_EXIT_USAGE = 2,
    FIRN_EXIT_NOT_FOUND = 3,
    FIRN_EXIT_LOCKED = 4,  /* locked, or in conflict */
    FIRN_EXIT_CORRUPT = 5, /* damaged data */
    FIRN_EXIT_PARTIAL = 6, /* done, but something named was left out */
    FIRN_EXIT_SIGNAL = 128 /* plus the signal's number */
};

#endif
