/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/schema: random tables, and values of their columns.
 */
#ifndef FIRN_TEST_SCHEMA_SUPPORT_H
#define FIRN_TEST_SCHEMA_SUPPORT_H

#include "schema/schema.h"
#include "support/test_random.h"

/* A table of a definition, which makes one. */
struct fi_schema *schema_of(const char *text);
/* Names are c1, c2, … and i1, …; at most `columns` columns. */
struct fi_schema *schema_draw(struct test_random *random, size_t columns);

/* A random value, at the edges of the type rather often; null where that is allowed, now and then. Bytes go to
 * memory, which has room for SCHEMA_VALUE_SIZE or column->fixed_size. */
enum { SCHEMA_VALUE_SIZE = 24, SCHEMA_FIXED_SIZE_MAX = 64 };
firn_value schema_draw_value(struct test_random *random, const struct fi_schema_column *column,
                             uint8_t memory[SCHEMA_FIXED_SIZE_MAX]);
/* A random change, which can be refused. NULL: it was. */
struct fi_schema *schema_draw_change(struct test_random *random, const struct fi_schema *old);

/* Bit for bit. */
bool schema_same_value(const firn_value *a, const firn_value *b);
/* Whether both have the same record. */
bool schema_same(const struct fi_schema *a, const struct fi_schema *b);

#endif
