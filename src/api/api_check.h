/* SPDX-License-Identifier: Apache-2.0
 *
 * api/api_check.h: refusing arguments that cannot be meant.
 */
#ifndef FIRN_API_API_CHECK_H
#define FIRN_API_API_CHECK_H

#include "base/error.h"

/* Returns FIRN_INVALID from the function around it unless the condition holds. */
#define API_REQUIRE(condition, err, text)                             \
    do {                                                              \
        if (!(condition)) {                                           \
            return firn_error_set((err), FIRN_INVALID, "%s", (text)); \
        }                                                             \
    } while (0)

#endif
