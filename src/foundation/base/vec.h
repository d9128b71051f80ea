/* SPDX-License-Identifier: Apache-2.0
 *
 * base/vec.h: arrays that grow. An array is three variables or fields: a pointer (NULL at first),
 * a size_t for its count, and a size_t for its capacity (0 at first). fi_free frees it.
 */
#ifndef FIRN_BASE_VEC_H
#define FIRN_BASE_VEC_H

#include <stddef.h>

#include "firn/error.h"

/* Makes room for at least `count` elements in all. A larger array has at least twice the old
 * capacity. The result is FIRN_OK or FIRN_NO_MEMORY; on failure (also if the size overflows), array
 * and capacity stay as they are. `array` is a pointer and `capacity` a size_t, both are variables;
 * each is evaluated once. `err` may be NULL. */
#define FI_VEC_RESERVE(array, count, capacity, err) \
    fi_vec_reserve(&(array), (count), &(capacity), FI_VEC_ELEMENT_SIZE(array), (err))
#define FI_VEC_ELEMENT_SIZE(array) (sizeof *(array)) /* NOLINT(bugprone-sizeof-expression) */

/* What FI_VEC_RESERVE calls: array is the address of the pointer, size is that of an element. */
FIRN_MUST_CHECK int fi_vec_grow(void *array, size_t count, size_t *capacity, size_t size,
                                firn_error *err);

FIRN_MUST_CHECK static inline int
fi_vec_reserve(void *array, size_t count, size_t *capacity, size_t size, firn_error *err)
{
    return count <= *capacity ? FIRN_OK : fi_vec_grow(array, count, capacity, size, err);
}

#endif
