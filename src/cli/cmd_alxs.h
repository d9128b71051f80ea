/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_alxs.h: what the commands about ALXS tables share. Only cmd_alxs*.c include it.
 */
#ifndef FIRN_CLI_CMD_ALXS_H
#define FIRN_CLI_CMD_ALXS_H

#include "cli/command.h"

/* The members of the group that have files of their own. */
extern const struct firn_command firn_cmd_alxs_build;
extern const struct firn_command firn_cmd_alxs_load;

/* Opens the table that the first argument names. Options as for firn_alxs_open; limit_hint (may be
 * NULL) is what to do where they are too small. Returns an exit code. */
int firn_cmd_alxs_open(struct firn_cli *cli, const firn_alxs_options *options,
                       const char *limit_hint, firn_alxs **out);

/* Whether the command was asked to stop, or its output goes nowhere: FIRN_CANCELLED, with the
 * error filled in. */
int firn_cmd_alxs_go_on(firn_error *err);

/* "16bd2616". Returns out[FIRN_CMD_ALXS_CHECKSUM_SIZE]. */
enum { FIRN_CMD_ALXS_CHECKSUM_SIZE = 9 };
const char *firn_cmd_alxs_checksum(uint32_t checksum, char *out);

#endif
