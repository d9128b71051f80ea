/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_identity.h: a machine in memory whose random bytes are 00 01 02 …, so that files
 * with an identity come out the same in every run: for golden files. Links folder os.
 */
#ifndef FIRN_TEST_IDENTITY_H
#define FIRN_TEST_IDENTITY_H

#include "os/os_ops.h"

static inline int
test_identity_random(struct fi_os *os, void *out, size_t size)
{
    (void)os;
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)out)[i] = (uint8_t)i;
    }
    return 0;
}

/* ops is the caller's memory and must live as long as os is used. */
static inline void
test_identity_fix(struct fi_os *os, struct fi_os_ops *ops)
{
    *ops = *os->ops;
    ops->random = test_identity_random;
    os->ops = ops;
}

#endif
