/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_random.c: splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators, 2014).
 */
#include "support/test_random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void
test_random_init(struct test_random *random, const char *test, uint64_t seed)
{
    const char *wanted = getenv("FIRN_TEST_SEED");
    if (wanted != NULL) {
        seed = strtoull(wanted, NULL, 0);
    }
    (void)printf("%s: seed %" PRIu64 "\n", test, seed);
    random->state = seed;
}

uint64_t
test_random_next(struct test_random *random)
{
    random->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = random->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t
test_random_below(struct test_random *random, uint64_t limit)
{
    return test_random_next(random) % limit;
}

void
test_random_fill(struct test_random *random, void *out, size_t size)
{
    uint8_t *bytes = out;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(test_random_next(random) >> 56);
    }
}
