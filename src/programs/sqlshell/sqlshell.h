/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlshell/sqlshell.h: firn db sql.
 */
#ifndef FIRN_SQLSHELL_SQLSHELL_H
#define FIRN_SQLSHELL_SQLSHELL_H

#include "command/command.h"

extern const struct fi_command fi_sqlshell;

#endif
