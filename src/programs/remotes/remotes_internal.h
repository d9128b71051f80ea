/* SPDX-License-Identifier: Apache-2.0
 *
 * remotes/remotes_internal.h: what the files of this room share. Only remotes*.c include it.
 */
#ifndef FIRN_REMOTES_REMOTES_INTERNAL_H
#define FIRN_REMOTES_REMOTES_INTERNAL_H

#include "firn/remote.h"
#include "remotes/remotes.h"

/* Reads --limit, bytes a second; 0: no limit. Returns an exit code. */
int fi_remotes_limit(struct fi_cli *cli, int64_t *out);

/* What to do after a failure of a call about remotes; NULL: its text says it. */
const char *fi_remotes_hint(firn_workspace *workspace, const char *remote, int code);

/* Whether the store has a remote of that name (NULL: any). */
bool fi_remotes_has(firn_workspace *workspace, const char *name);

/* "2 checkpoints" */
void fi_remotes_print_checkpoints(uint64_t count);
/* ", 2.9 KB in 2 requests" */
void fi_remotes_print_traffic(uint64_t bytes, uint64_t requests);
/* "1 request" */
void fi_remotes_print_requests(uint64_t requests);

#endif
