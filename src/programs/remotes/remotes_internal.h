/* SPDX-License-Identifier: Apache-2.0
 *
 * remotes/remotes_internal.h: what the files of this room share. Only remotes*.c include it.
 */
#ifndef FIRN_REMOTES_REMOTES_INTERNAL_H
#define FIRN_REMOTES_REMOTES_INTERNAL_H

#include "firn/remote.h"
#include "remotes/remotes.h"
#include "task/task.h"

/* Reads --limit, bytes a second; 0: no limit. Returns an exit code. */
int fi_remotes_limit(struct fi_cli *cli, int64_t *out);

/* What to do after a failure of a call about remotes; NULL: its text says it. */
const char *fi_remotes_hint(firn_workspace *workspace, const char *remote, int code);

extern const struct fi_command fi_remotes_show;  /* firn remote show */
extern const struct fi_command fi_remotes_prune; /* firn remote prune */
extern const struct fi_command fi_remotes_log;   /* firn remote log */

/* ---- a pull: remotes_pull.c ---- */

struct fi_remotes_pull_request {
    firn_workspace *workspace;
    const char *remote; /* NULL: the usual one */
    firn_pull_options options;
    firn_pull_result result;
    struct fi_task_notices *notices;
};
/* Waits for other writers, as --wait says. Returns a code of the library. */
int fi_remotes_pull_attempt(struct fi_cli *cli, struct fi_remotes_pull_request *request,
                            firn_error *err);
/* Whether something may have come, though not all. */
bool fi_remotes_pull_has_result(int code);
/* What came, as a line and as members. */
void fi_remotes_pull_show(const struct fi_cli *cli, const struct fi_remotes_pull_request *request);

/* ---- a check without the key: remotes_locked.c ---- */

struct fi_remotes_locked {
    firn_workspace *workspace;
    const char *remote; /* NULL: the usual one */
    bool is_url;        /* it has no name, or none that can be read */
    bool read_data;
    int64_t bytes_per_second_max;
    firn_callbacks callbacks; /* of struct fi_task_notices */
    firn_remote_check_locked_result result;
};
/* Returns a code of the library; FIRN_INVALID: the remote is in clear. */
int fi_remotes_locked_run(struct fi_cli *cli, struct fi_remotes_locked *locked, firn_error *err);
/* Shows as text and as JSON what was found, and what could not be verified. Returns the exit code
 * of a remote without damage. Where damage was reported, *err refers to that. */
int fi_remotes_locked_show(const struct fi_cli *cli, const struct fi_remotes_locked *locked,
                           int code, firn_error *err);
/* What to do after a failure; NULL: its text says it. */
const char *fi_remotes_locked_hint(const struct fi_remotes_locked *locked, int code);

/* ---- sums ---- */

/* "2 checkpoints" */
void fi_remotes_print_checkpoints(uint64_t count);
/* ", 2.9 KB in 2 requests" */
void fi_remotes_print_traffic(uint64_t bytes, uint64_t requests);
/* "1 request" */
void fi_remotes_print_requests(uint64_t requests);

#endif
