/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_random.h: seeded randomness for tests. The seed is printed; FIRN_TEST_SEED overrides
 * it.
 */
#ifndef FIRN_TEST_RANDOM_H
#define FIRN_TEST_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct test_random {
    uint64_t state;
};

/* Starts from FIRN_TEST_SEED if that is set, else from seed; prints which, with the name of the
 * test. */
void test_random_init(struct test_random *random, const char *test, uint64_t seed);
uint64_t test_random_next(struct test_random *random);
/* 0 ≤ result < limit; limit > 0. */
uint64_t test_random_below(struct test_random *random, uint64_t limit);
void test_random_fill(struct test_random *random, void *out, size_t size);

#endif
