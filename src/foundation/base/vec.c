/* SPDX-License-Identifier: Apache-2.0
 *
 * base/vec.c: the step in which an array grows. The pointer has a type that is not known here, so
 * it is read and written as bytes: all pointers to objects have one representation.
 */
#include "base/vec.h"

#include <string.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/mem.h"

enum { CAPACITY_LEAST = 8 };

int
fi_vec_grow(void *array, size_t count, size_t *capacity, size_t size, firn_error *err)
{
    DCHECK(count > *capacity && size > 0);
    size_t room = CAPACITY_LEAST;
    if (*capacity >= CAPACITY_LEAST / 2 && !fi_mul_size(*capacity, 2, &room)) {
        return fi_error_no_memory(err, "a list");
    }
    room = room < count ? count : room;
    void *items;
    memcpy(&items, array, sizeof items);
    items = fi_resize_array(items, room, size);
    if (items == NULL) {
        return fi_error_no_memory(err, "a list");
    }
    memcpy(array, &items, sizeof items);
    *capacity = room;
    return FIRN_OK;
}
