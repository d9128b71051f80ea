/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/text: columns of all types, and random values of them.
 */
#ifndef FIRN_TEST_EXCHANGE_FIXTURE_H
#define FIRN_TEST_EXCHANGE_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "support/test_random.h"
#include "text/text_value.h"

/* One column of each type but null. */
enum { FIXTURE_COLUMNS = 18 };
extern const struct fi_text_value_column fixture_columns[FIXTURE_COLUMNS];

/* A value, null one time in eight. Its bytes go to memory, which must have room for them:
 * FIXTURE_BYTES_MAX. */
enum { FIXTURE_BYTES_MAX = 256 };
firn_value fixture_value(struct test_random *random, const struct fi_text_value_type *type,
                         struct fi_buf *memory);
/* A row of all columns; what memory had is forgotten. */
void fixture_row(struct test_random *random, struct fi_buf *memory, firn_value *out);

/* The same type and bits; all NaN are equal. */
bool fixture_values_equal(firn_value a, firn_value b);

#endif
