/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_ok.h: calls of the public API that must succeed, or fail in one way. Requires: a variable
 * `firn_error err`, which the calls fill.
 */
#ifndef FIRN_SUPPORT_TEST_OK_H
#define FIRN_SUPPORT_TEST_OK_H

#include "firn/error.h"
#include "support/test.h"

#define OK(expression)                                          \
    do {                                                        \
        int rc_ = (expression);                                 \
        if (rc_ != FIRN_OK) {                                   \
            fail_msg("%s: %d: %s", #expression, rc_, err.text); \
        }                                                       \
    } while (0)

/* The call returns `wanted`, and the text of its error contains `what`. */
#define FAILS(expression, wanted, what)                               \
    do {                                                              \
        err.code = FIRN_OK;                                           \
        assert_int_equal((expression), (wanted));                     \
        assert_int_equal(err.code, (wanted));                         \
        if (strstr(err.text, what) == NULL) {                         \
            fail_msg("\"%s\" does not say \"%s\"", err.text, (what)); \
        }                                                             \
    } while (0)

#endif
