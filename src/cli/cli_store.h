/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_store.h: opening and closing a store of key-value data for one command.
 */
#ifndef FIRN_CLI_CLI_STORE_H
#define FIRN_CLI_CLI_STORE_H

#include "cli/command.h"

enum firn_cli_store_access {
    FIRN_CLI_STORE_READ,
    FIRN_CLI_STORE_WRITE,
    FIRN_CLI_STORE_WRITE_OR_MAKE,
    FIRN_CLI_STORE_LOAD /* the same, with as much memory as the library takes by itself */
};

/* Opens the store at `path`, and waits for another writer as long as --wait says. Returns an exit
 * code. */
int firn_cli_store_open(struct firn_cli *cli, const char *path, enum firn_cli_store_access access,
                        firn_store **out);
/* Closes the store, if there is one; what goes wrong then is a failure of the command. Returns the
 * command's exit code, which was exit_code so far. */
int firn_cli_store_close(struct firn_cli *cli, firn_store *store, int exit_code);

/* What to do about a damaged store; NULL for what is none, but a file that holds one. */
const char *firn_cli_store_damage_hint(const char *path);

#endif
