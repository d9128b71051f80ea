/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_counts.h: how many entries of a tree differ, or were written.
 */
#ifndef FIRN_CLI_CLI_COUNTS_H
#define FIRN_CLI_CLI_COUNTS_H

#include <stdint.h>

struct firn_cli_counts {
    uint64_t added;
    uint64_t changed;
    uint64_t removed;
};

/* "1,200 changed, 1 added, 0 removed" */
void firn_cli_counts_print(const struct firn_cli_counts *counts);
/* One more: the number, a space, and what was counted. */
void firn_cli_counts_print_one(uint64_t count, const char *what);

/* The members of these names. */
void firn_cli_counts_json(const struct firn_cli_counts *counts);

#endif
