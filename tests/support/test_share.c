/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_share.c: with a share of I/N and one of `every` points, a loop steps over
 * N * every points. Its first one is moved by the loop's number, so that the loops of a program
 * differ, but no two builds take the same ones: modulo N they stay as far apart as their I.
 */
#include "support/test_share.h"

#include <stddef.h>
#include <stdlib.h>

enum { FEW = 3 }; /* what the optimized build has */

bool
test_is_long(void)
{
    return getenv("FIRN_TEST_LONG") != NULL;
}

struct test_share
test_share_of(uint64_t every, uint64_t loop)
{
    const char *text = test_is_long() ? NULL : getenv("FIRN_TEST_SHARE");
    uint64_t index = 1;
    uint64_t count = 1;
    if (text != NULL && text[0] != '\0') {
        char *end;
        index = strtoull(text, &end, 10);
        count = *end == '/' ? strtoull(end + 1, &end, 10) : 0;
        if (index == 0 || index > count || *end != '\0') {
            abort(); /* not a share: nothing would be proved */
        }
    }
    every = test_is_long() ? 1 : every;
    return (struct test_share){.first = 1 + every * ((index - 1 + loop) % count) + loop % every,
                               .step = every * count};
}

unsigned
test_share_of_seeds(unsigned seeds)
{
    return test_share_of(1, 0).step <= FEW ? seeds : (seeds + 1) / 2;
}
