/* SPDX-License-Identifier: Apache-2.0
 *
 * base/search.h: binary search, once for all sorted sequences.
 */
#ifndef FIRN_BASE_SEARCH_H
#define FIRN_BASE_SEARCH_H

#include <stddef.h>

/* Sets low and high to the first position in [low, high) that is not before the target; both are
 * variables of type size_t. `before` is an expression that says whether the position `middle`,
 * which is declared here, is before the target: true up to some position and false from there on.
 * Requires: low <= high. */
#define FI_SEARCH_FIRST(low, high, middle, before)          \
    while ((low) < (high)) {                                \
        const size_t middle = (low) + ((high) - (low)) / 2; \
        if (before) {                                       \
            (low) = (middle) + 1;                           \
        } else {                                            \
            (high) = (middle);                              \
        }                                                   \
    }

#endif
