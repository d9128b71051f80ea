/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_remark.h: what there is to say about a difference beside the lines that differ.
 */
#ifndef FIRN_CLI_CLI_REMARK_H
#define FIRN_CLI_CLI_REMARK_H

#include "firn/firn.h"

/* Both return text that the caller frees, or NULL when memory is out. */

/* The path, escaped; that of a directory ends in a slash. */
char *firn_cli_remark_name(const firn_workspace_change *change);
/* "binary, 3 -> 5 bytes", "mode 0644 -> 0755", "directory removed"; "" where lines say it all. */
char *firn_cli_remark(const firn_workspace_difference *difference);

#endif
