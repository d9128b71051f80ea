/* SPDX-License-Identifier: Apache-2.0
 *
 * base/sort.h: sorting in place, without memory; searching in what is sorted.
 */
#ifndef FIRN_BASE_SORT_H
#define FIRN_BASE_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest record. */
enum { FIRN_SORT_RECORD_SIZE_MAX = 256 };

/* Sorts an array of count records of record_size bytes each, in O(count log count) whatever the
 * input. Equal records may change places. compare as for qsort. */
void firn_sort(void *records, size_t count, size_t record_size,
               int (*compare)(const void *a, const void *b));

/* The same for numbers, in ascending order. */
void firn_sort_u64(uint64_t *numbers, size_t count);
/* Sorts numbers and keeps one of each; returns how many. */
size_t firn_sort_unique_u64(uint64_t *numbers, size_t count);
/* Whether a number is among sorted ones. */
bool firn_sort_has_u64(const uint64_t *numbers, size_t count, uint64_t wanted);

/* Sets index, a size_t, to the first in [0, count) for which is_before is false; to count if there is
 * none. is_before is an expression of index, true of the first ones and false of the rest. */
#define FIRN_SORT_SEARCH(index, count, is_before) \
    do {                                          \
        size_t low_ = 0;                          \
        size_t high_ = (count);                   \
        while (low_ < high_) {                    \
            (index) = low_ + (high_ - low_) / 2;  \
            if (is_before) {                      \
                low_ = (index) + 1;               \
            } else {                              \
                high_ = (index);                  \
            }                                     \
        }                                         \
        (index) = low_;                           \
    } while (0)

#endif
