/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_stat.h: differences as rows of one size: path, number of lines, a bar.
 */
#ifndef FIRN_CLI_CLI_STAT_H
#define FIRN_CLI_CLI_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firn/firn.h"

struct firn_cli_stat_row;

/* A zeroed struct has no rows. */
struct firn_cli_stat {
    struct firn_cli_stat_row *rows;
    size_t count;
    size_t capacity;
};

/* Keeps what the row of a difference needs. Returns false when memory is out. */
bool firn_cli_stat_add(struct firn_cli_stat *stat, const firn_workspace_difference *difference);
/* Prints all rows, for lines of `width` columns. */
void firn_cli_stat_print(const struct firn_cli_stat *stat, size_t width);
void firn_cli_stat_deinit(struct firn_cli_stat *stat);

/* The columns of the terminal that standard output is, or 80. */
size_t firn_cli_stat_width(void);

#endif
