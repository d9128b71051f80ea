/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_temp.h: directories on the real disk for tests.
 */
#ifndef FIRN_TEST_TEMP_H
#define FIRN_TEST_TEMP_H

#include <stddef.h>

/* Room for the path of a temporary directory. It is short, so that sockets fit below it. */
enum { TEST_TEMP_SIZE = 48 };

/* Makes a new, empty directory below TMPDIR, or below /tmp where that is not set or its path is
 * long, and writes its path to path[size]. Fails the test where that cannot be. The caller removes
 * the directory; scripts/test removes what failed tests leave. */
void test_temp_make(char *path, size_t size);

#endif
