/* SPDX-License-Identifier: Apache-2.0
 *
 * base/search.h: halving, once for all sorted sequences.
 */
#ifndef FIRN_BASE_SEARCH_H
#define FIRN_BASE_SEARCH_H

#include <stddef.h>

/* Makes low the first place in [low, high) that does not lie before what is sought, and high the same;
 * both are variables of type size_t. `before` is an expression that says of the place `middle`, which
 * is declared here, whether it lies before: true up to some place and of none after that.
 * Requires: low <= high. */
#define FIRN_SEARCH_FIRST(low, high, middle, before)        \
    while ((low) < (high)) {                                \
        const size_t middle = (low) + ((high) - (low)) / 2; \
        if (before) {                                       \
            (low) = (middle) + 1;                           \
        } else {                                            \
            (high) = (middle);                              \
        }                                                   \
    }

#endif
