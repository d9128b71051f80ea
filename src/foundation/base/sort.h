/* SPDX-License-Identifier: Apache-2.0
 *
 * base/sort.h: sorting in place, without memory.
 */
#ifndef FIRN_BASE_SORT_H
#define FIRN_BASE_SORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The maximum size of a record. */
enum { FI_SORT_RECORD_SIZE_MAX = 256 };

/* Sorts an array of count records of record_size bytes each, in O(count log count) for any input.
 * Equal records may change places. compare as for qsort. */
void fi_sort(void *records, size_t count, size_t record_size,
             int (*compare)(const void *a, const void *b));

/* The same for numbers, in ascending order. */
void fi_sort_u64(uint64_t *numbers, size_t count);
/* Sorts numbers and removes duplicates; returns how many remain. */
size_t fi_sort_unique_u64(uint64_t *numbers, size_t count);
/* Whether a number is among sorted ones. */
bool fi_sort_has_u64(const uint64_t *numbers, size_t count, uint64_t wanted);

#endif
