/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_path.h: paths in a workspace, shown as a person would type them: relative to the directory
 * in which the command was given.
 */
#ifndef FIRN_CLI_CLI_PATH_H
#define FIRN_CLI_CLI_PATH_H

#include <stdbool.h>

#include "firn/types.h"

/* Shows paths relative to the directory `subpath` of the workspace from now on; "" is its root, the
 * default. */
void firn_cli_path_show_from(const char *subpath);

bool firn_cli_path_is_from_root(void);

/* Hands `path`, a path below the root, to put(): escaped, and relative to the directory that was
 * set. That directory itself is ".", its parent "..". An absolute path stays as it is. */
void firn_cli_path_escape(firn_slice path, void (*put)(const void *data, size_t size));

/* firn_cli_path_escape to standard output. */
void firn_cli_path_print(firn_slice path);

#endif
