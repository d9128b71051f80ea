/* SPDX-License-Identifier: Apache-2.0
 *
 * seed/seed.h: the commands about files of the seed systems.
 */
#ifndef FIRN_SEED_SEED_H
#define FIRN_SEED_SEED_H

#include "command/command.h"

extern const struct fi_command fi_seed_chkp;
extern const struct fi_command fi_seed_alxs;

#endif
