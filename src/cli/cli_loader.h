/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_loader.h: many entries into one keyspace, for the commands that load.
 */
#ifndef FIRN_CLI_CLI_LOADER_H
#define FIRN_CLI_CLI_LOADER_H

#include "cli/command.h"

/* A zeroed struct is one that has not begun. */
struct firn_cli_loader {
    firn_bulk *bulk;
    bool is_sorted;
    uint64_t written; /* entries, once they are committed */
};

/* These return codes of the library. With is_sorted keys have to ascend. */
int firn_cli_loader_begin(struct firn_cli_loader *loader, firn_keyspace *keyspace, bool is_sorted,
                          firn_error *err);
int firn_cli_loader_put(struct firn_cli_loader *loader, firn_slice key, firn_slice value,
                        firn_error *err);
/* The same until some moment; 0: for ever. */
int firn_cli_loader_put_until(struct firn_cli_loader *loader, firn_slice key, firn_slice value,
                              uint64_t expires_ms, firn_error *err);
/* Commits all of it, durably. */
int firn_cli_loader_finish(struct firn_cli_loader *loader, firn_error *err);
void firn_cli_loader_end(struct firn_cli_loader *loader);

/* Reports a failure. Returns an exit code. */
int firn_cli_loader_report(struct firn_cli *cli, const struct firn_cli_loader *loader,
                           const firn_error *err);

#endif
