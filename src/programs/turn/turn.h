/* SPDX-License-Identifier: Apache-2.0
 *
 * turn/turn.h: running a command with a save before and after it.
 */
#ifndef FIRN_TURN_TURN_H
#define FIRN_TURN_TURN_H

#include "command/command.h"

extern const struct fi_command fi_turn_run;

#endif
