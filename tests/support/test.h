/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test.h: cmocka, the four headers that it wants before it, and what nearly every test uses of plain C.
 */
#ifndef FIRN_SUPPORT_TEST_H
#define FIRN_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#endif
