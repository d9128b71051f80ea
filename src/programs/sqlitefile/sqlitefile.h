/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlitefile/sqlitefile.h: SQLite databases that lie in a workspace: copying one that is in use, and what differs
 * between two states of one.
 */
#ifndef FIRN_SQLITEFILE_SQLITEFILE_H
#define FIRN_SQLITEFILE_SQLITEFILE_H

#include <stddef.h>

#include "firn/firn.h"

/* For copy_sqlite of firn_workspace_options; ctx is not used. Any thread. FIRN_UNSUPPORTED where SQLite's library
 * cannot be loaded. FIRN_BUSY where the database was locked for five seconds. */
int firn_sqlitefile_copy(void *ctx, const char *path, char *out_copy, size_t copy_size,
                         firn_error *err);

#endif
