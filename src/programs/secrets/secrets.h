/* SPDX-License-Identifier: Apache-2.0
 *
 * secrets/secrets.h: the commands about the keys of encrypted stores.
 */
#ifndef FIRN_SECRETS_SECRETS_H
#define FIRN_SECRETS_SECRETS_H

#include "command/command.h"

extern const struct fi_command fi_secrets; /* firn key */

#endif
