/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_alloc.h: an allocator that counts what is alive and fails the n-th call. The test
 * links folder base.
 */
#ifndef FIRN_TEST_ALLOC_H
#define FIRN_TEST_ALLOC_H

#include <stdbool.h>
#include <stdint.h>

/* Puts the counting allocator in place; nothing of firn's may be allocated at that moment. */
void test_alloc_install(void);
/* Puts the C library's back. */
void test_alloc_uninstall(void);
/* From now on the n-th allocation (from 1) fails; with `for_ever` all after it too. 0 fails
 * none. Resets the count. */
void test_alloc_fail_at(uint64_t n, bool for_ever);
/* Allocations since the last test_alloc_fail_at. */
uint64_t test_alloc_calls(void);
/* Bytes that those asked for: of a block that is resized its new size. */
uint64_t test_alloc_bytes(void);
/* Blocks alive: 0 where nothing leaked. */
int64_t test_alloc_alive(void);

#endif
