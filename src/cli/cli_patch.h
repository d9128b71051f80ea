/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_patch.h: differences as a patch: unified diffs, in the form that git and patch read.
 */
#ifndef FIRN_CLI_CLI_PATCH_H
#define FIRN_CLI_CLI_PATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "firn/firn.h"

enum { FIRN_CLI_PATCH_CONTEXT_DEFAULT = 3 };

struct firn_cli_patch {
    uint32_t context; /* equal lines shown around those that differ */
    bool is_coloured;
    bool is_terminal; /* control characters are shown as escapes; the patch is to be read only */
};

/* What is_terminal is, and what is_coloured is by "always", "never", "auto" or NULL, which is auto:
 * on a terminal, unless NO_COLOR is set or TERM is dumb. Returns false for another word. */
bool firn_cli_patch_init(struct firn_cli_patch *out, const char *colour);

/* Prints one difference, which must have been compared with lines. Returns false when memory is
 * out. */
bool firn_cli_patch_print(const struct firn_cli_patch *patch,
                          const firn_workspace_difference *difference);

/* The array "hunks" of an object of JSON. */
void firn_cli_patch_json(const firn_workspace_difference *difference);

#endif
