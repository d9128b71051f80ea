/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_prng.h: pseudo-random numbers of the simulation, from a seed (splitmix64: Steele, Lea,
 * Flood, "Fast splittable pseudorandom number generators", 2014). Not for anything that must not be
 * guessed.
 */
#ifndef FIRN_OS_OS_PRNG_H
#define FIRN_OS_OS_PRNG_H

#include <stdint.h>

struct fi_os_prng {
    uint64_t state;
};

static inline uint64_t
fi_os_prng_next(struct fi_os_prng *prng)
{
    prng->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = prng->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 ≤ result < limit; limit > 0. Slightly uneven, which does not matter in a simulation. */
static inline uint64_t
fi_os_prng_below(struct fi_os_prng *prng, uint64_t limit)
{
    return fi_os_prng_next(prng) % limit;
}

#endif
