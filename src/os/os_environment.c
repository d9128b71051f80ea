/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_environment.c: variables of the environment.
 *
 * A simulated machine has none: what a test means to set, it passes as an option. So no test
 * depends on the environment of whoever runs it.
 */
#include <stdlib.h>

#include "os/os.h"

const char *
firn_os_environment(struct firn_os *os, const char *name)
{
    return os == firn_os_default() ? getenv(name) : NULL;
}
