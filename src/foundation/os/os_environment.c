/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_environment.c: variables of the environment.
 *
 * A simulated machine has none but XDG_DATA_HOME, a folder of its own: what else a test means to
 * set, it passes as an option. So no test depends on the environment that it is run in.
 */
#include <stddef.h>

#include "os/os_ops.h"

const char *
firn_os_environment(struct firn_os *os, const char *name)
{
    return os->ops->environment == NULL ? NULL : os->ops->environment(os, name);
}
