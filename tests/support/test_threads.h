/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_threads.h: for programs in which few tests have threads.
 */
#ifndef FIRN_TEST_THREADS_H
#define FIRN_TEST_THREADS_H

#include "support/test.h"

#if defined(__SANITIZE_THREAD__)
#define TEST_HAS_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TEST_HAS_THREAD_SANITIZER 1
#endif
#endif

/* Under the thread sanitizer, only the tests with "thread" in their names run: the others run in the
 * other builds. Called before the tests. */
static inline void
test_threads_only(void)
{
#ifdef TEST_HAS_THREAD_SANITIZER
    cmocka_set_test_filter("*thread*");
#endif
}

#endif
