/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_only.c: FIRN_TEST_ONLY=PATTERN runs only those functions of a test program whose names match, with * and ?. It is
 * part of every program of firn_test (cmake/FirnBuild.cmake).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

__attribute__((constructor)) static void
choose_tests(void)
{
    cmocka_set_test_filter(getenv("FIRN_TEST_ONLY"));
}
