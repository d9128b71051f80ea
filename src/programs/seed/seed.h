/* SPDX-License-Identifier: Apache-2.0
 *
 * seed/seed.h: the commands about files of the seed systems.
 */
#ifndef FIRN_SEED_SEED_H
#define FIRN_SEED_SEED_H

#include "command/command.h"

extern const struct firn_command firn_seed_chkp;
extern const struct firn_command firn_seed_alxs;

/* ---- what the commands about ALXS tables share ---- */

/* The members of the group that have files of their own. */
extern const struct firn_command firn_seed_alxs_build;
extern const struct firn_command firn_seed_alxs_load;

/* Opens the table that the first argument names. Options as for firn_alxs_open; limit_hint (may be
 * NULL) is what to do where they are too small. Returns an exit code. */
int firn_seed_alxs_open(struct firn_cli *cli, const firn_alxs_options *options,
                        const char *limit_hint, firn_alxs **out);

/* Whether the command was asked to stop, or its output goes nowhere: FIRN_CANCELLED, with the
 * error filled in. */
int firn_seed_alxs_go_on(firn_error *err);

/* "16bd2616". Returns out[FIRN_SEED_ALXS_CHECKSUM_SIZE]. */
enum { FIRN_SEED_ALXS_CHECKSUM_SIZE = 9 };
const char *firn_seed_alxs_checksum(uint32_t checksum, char *out);

#endif
