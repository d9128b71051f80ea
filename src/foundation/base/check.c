/* SPDX-License-Identifier: Apache-2.0
 *
 * base/check.c: ends a program whose state can no longer be trusted.
 *
 * A failed CHECK means that the next step would have damaged data. Continuing is worse than
 * stopping: everything acknowledged is on disk, and the next open recovers it.
 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void
fi_check_failed_at(const char *file, int line)
{
    (void)fprintf(stderr, "firn: internal check failed at %s:%d\n", file, line);
    abort();
}

void
fi_check_failed(const char *file, int line, const char *expression)
{
    (void)fprintf(stderr, "firn: internal check failed at %s:%d: %s\n", file, line, expression);
    abort();
}
