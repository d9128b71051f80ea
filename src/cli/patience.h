/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/patience.h: waiting for another writer as long as --wait says, and not longer than a signal
 * allows.
 */
#ifndef FIRN_CLI_PATIENCE_H
#define FIRN_CLI_PATIENCE_H

#include "cli/command.h"

/* The lock_timeout_ms for handles whose calls are made through firn_patience_run. */
int64_t firn_patience_slice_ms(const struct firn_cli *cli);

/* Calls attempt, again and again while it returns FIRN_BUSY and --wait allows. Returns what it
 * returned last; FIRN_CANCELLED if a signal came in between. Where it waits for a restore of the
 * workspace that is open, it says so. */
int firn_patience_run(const struct firn_cli *cli, int (*attempt)(void *ctx, firn_error *err),
                      void *ctx, firn_error *err);

#endif
