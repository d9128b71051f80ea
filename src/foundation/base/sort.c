/* SPDX-License-Identifier: Apache-2.0
 *
 * base/sort.c: a heap sort.
 *
 * It is not the fastest sort, but no chosen input makes it slow, and it needs neither recursion nor
 * memory (the C library's qsort allocates some, not from base/mem.h). Each record that leaves the
 * heap is replaced from the bottom up: the hole sinks to a leaf along the larger children, which
 * takes one comparison a level, and the last record rises from there, usually not far.
 */
#include "base/sort.h"

#include <string.h>

#include "base/check.h"

struct heap {
    uint8_t *records;
    size_t record_size;
    int (*compare)(const void *a, const void *b);
};

static uint8_t *
at(const struct heap *heap, size_t i)
{
    return heap->records + i * heap->record_size;
}

static void
sort_move(const struct heap *heap, size_t to, size_t from)
{
    memcpy(at(heap, to), at(heap, from), heap->record_size);
}

/* Puts `record` where it belongs in the heap [0, count) below `top`, whose place is free. */
static void
put_below(const struct heap *heap, size_t count, size_t top, const uint8_t *record)
{
    size_t hole = top;
    DCHECK(top < count);
    while (hole < count / 2) {
        size_t child = 2 * hole + 1;
        if (child + 1 < count && heap->compare(at(heap, child), at(heap, child + 1)) < 0) {
            child++;
        }
        sort_move(heap, hole, child);
        hole = child;
    }
    while (hole > top) {
        size_t parent = (hole - 1) / 2;
        if (heap->compare(at(heap, parent), record) >= 0) {
            break;
        }
        sort_move(heap, hole, parent);
        hole = parent;
    }
    memcpy(at(heap, hole), record, heap->record_size);
}

static bool
is_sorted(const struct heap *heap, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (heap->compare(at(heap, i - 1), at(heap, i)) > 0) {
            return false;
        }
    }
    return true;
}

void
fi_sort(void *records, size_t count, size_t record_size,
        int (*compare)(const void *a, const void *b))
{
    uint8_t record[FI_SORT_RECORD_SIZE_MAX];
    CHECK(record_size <= sizeof record);
    struct heap heap = {records, record_size, compare};
    for (size_t i = count / 2; i > 0; i--) {
        memcpy(record, at(&heap, i - 1), record_size);
        put_below(&heap, count, i - 1, record);
    }
    for (size_t end = count; end > 1; end--) {
        memcpy(record, at(&heap, end - 1), record_size);
        sort_move(&heap, end - 1, 0);
        put_below(&heap, end - 1, 0, record);
    }
    DCHECK(is_sorted(&heap, count)); /* else compare is no order */
}

/* ---- numbers ---- */

static int
compare_u64(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

void
fi_sort_u64(uint64_t *numbers, size_t count)
{
    fi_sort(numbers, count, sizeof *numbers, compare_u64);
}

size_t
fi_sort_unique_u64(uint64_t *numbers, size_t count)
{
    size_t kept = 0;
    fi_sort_u64(numbers, count);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || numbers[kept - 1] != numbers[i]) {
            numbers[kept++] = numbers[i];
        }
    }
    return kept;
}

bool
fi_sort_has_u64(const uint64_t *numbers, size_t count, uint64_t wanted)
{
    size_t low = 0;
    for (size_t high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        DCHECK(numbers[low] <= numbers[middle] && numbers[middle] <= numbers[high - 1]);
        if (numbers[middle] < wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && numbers[low] == wanted;
}
