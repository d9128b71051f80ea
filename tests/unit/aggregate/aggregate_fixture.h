/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/aggregate/aggregate_fixture.h: batches of random rows whose values have numbers: of one
 * column two values are equal, or in an order, as their numbers are. So models work with numbers
 * alone.
 */
#ifndef FIRN_TEST_AGGREGATE_FIXTURE_H
#define FIRN_TEST_AGGREGATE_FIXTURE_H

#include "aggregate/aggregate.h"
#include "rowsort/rowsort.h"
#include "support/test.h"
#include "support/test_random.h"

enum { VARIETY_MAX = 16384, IS_NULL = -1, BATCH = FI_CHUNK_BLOCK };

struct fixture_column {
    firn_type type;
    int variety;    /* values have the numbers below */
    int64_t factor; /* of I64, DECIMAL and U64: the distance between neighbours; 0: 1 */
    int64_t offset; /* of the same: added to all values */
    unsigned nulls; /* one of so many; 0: none */
    int size_max;   /* of TEXT; 0: 40 */
};

/* The value of a number. Bytes live until fixture_end. */
struct fi_cell fixture_cell(const struct fixture_column *column, int number);
/* The number of a value that came out, or IS_NULL. Fails the test if it is none. */
int fixture_number(const struct fixture_column *column, const struct fi_chunk_values *values,
                   size_t row);

struct fixture_values {
    struct fi_chunk_values values;
    int numbers[BATCH];
    uint64_t valid[FI_CHUNK_MASK_WORDS];
    union {
        uint64_t u64[BATCH];
        float f32[BATCH];
        double f64[BATCH];
        firn_slice bytes[BATCH];
    } as;
};
/* Random values of a column. */
void fixture_fill(const struct fixture_column *column, struct test_random *random, size_t count,
                  struct fixture_values *out);
/* The value of a row becomes that of a number. */
void fixture_set(const struct fixture_column *column, struct fixture_values *out, size_t row,
                 int number);
/* A mask with some rows of count. */
void fixture_mask(struct test_random *random, size_t count, uint64_t mask[FI_CHUNK_MASK_WORDS]);
static inline bool
fixture_bit(const uint64_t *mask, size_t i)
{
    return mask == NULL || (mask[i / 64] >> i % 64 & 1) != 0;
}
void fixture_end(void);

/* Temporary files of a test. */
struct fixture_files {
    struct fi_spill spill;
    unsigned made;
};
void fixture_files_init(struct fixture_files *files, struct fi_os_dir *dir);

#endif
