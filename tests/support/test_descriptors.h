/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_descriptors.h: which file descriptors this process has.
 */
#ifndef FIRN_TEST_DESCRIPTORS_H
#define FIRN_TEST_DESCRIPTORS_H

#include <stddef.h>

/* The number of open descriptors, plus a constant: to be compared with another count. */
size_t test_descriptors_count(void);

#endif
