/* SPDX-License-Identifier: Apache-2.0
 *
 * api/api_check.h: refusing arguments that cannot be meant.
 */
#ifndef FIRN_API_API_CHECK_H
#define FIRN_API_API_CHECK_H

#include "base/error.h"
#include "firn/types.h"

/* Bytes for a caller who may hand them to functions that take no NULL: empty ones have an address. */
static inline firn_slice
api_check_with_address(firn_slice slice)
{
    static const uint8_t nothing[1] = {0};
    return slice.data == NULL ? firn_bytes(nothing, 0) : slice;
}

/* Returns FIRN_INVALID from the function around it unless the condition holds. */
#define API_REQUIRE(condition, err, text)                             \
    do {                                                              \
        if (!(condition)) {                                           \
            return firn_error_set((err), FIRN_INVALID, "%s", (text)); \
        }                                                             \
    } while (0)

/* Gives the function around it an error to fill where its caller wants none: what is called may then look
 * at the error that it was told. */
#define API_ANY_ERROR(err) \
    firn_error unwanted_;  \
    (err) = (err) != NULL ? (err) : &unwanted_

#endif
