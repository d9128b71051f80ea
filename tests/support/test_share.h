/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_share.h: the share of a loop's points that one of several builds takes.
 *
 * A loop that breaks an operation at its first, second, n-th call is long, and finds most of its
 * failures in every build. So scripts/test shares the points out: FIRN_TEST_SHARE=I/N takes the
 * I-th of each N of them, and another one in each loop of a program. The optimized build has a third
 * of them, those with sanitizers a seventh each. Without the variable, and in a long run, every point
 * is taken.
 */
#ifndef FIRN_TEST_SHARE_H
#define FIRN_TEST_SHARE_H

#include <stdbool.h>
#include <stdint.h>

/* Whether FIRN_TEST_LONG asks for as much as there is. */
bool test_is_long(void);

/* Which points a loop takes: first, first + step, and so on. */
struct test_share {
    uint64_t first; /* from 1 */
    uint64_t step;
};

/* The share of this process in the points 1, 1 + every, 1 + 2 * every ..; of all of them in a long
 * run. `loop` is a number of the loop: loops with other numbers begin at other points. */
struct test_share test_share_of(uint64_t every, uint64_t loop);

/* How many of these random runs, one a seed, this process makes: all, or half of them where more than
 * three builds share the points, which are slow ones. */
unsigned test_share_of_seeds(unsigned seeds);

#endif
