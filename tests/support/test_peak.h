/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_peak.h: an allocator that counts the memory in use and its peak. Any thread may
 * allocate; the functions below require that only one thread does. The test links folder base.
 */
#ifndef FIRN_TEST_PEAK_H
#define FIRN_TEST_PEAK_H

#include <stddef.h>

/* Puts the counting allocator in place; nothing of firn's may be allocated at that moment. */
void test_peak_install(void);
/* Puts the C library's back. Fails the test if something is still allocated. */
void test_peak_uninstall(void);
/* The most bytes in use at once since the last call, or since the installation. */
size_t test_peak_take(void);
/* The bytes in use now. */
size_t test_peak_in_use(void);

#endif
