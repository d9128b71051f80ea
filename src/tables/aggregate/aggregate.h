/* SPDX-License-Identifier: Apache-2.0
 *
 * aggregate/aggregate.h: grouping rows, and functions over the values of each group.
 *
 * Rows come in batches of columns: struct fi_chunk_values with up to FI_CHUNK_BLOCK values,
 * and a mask of the rows that count (NULL: all). Groups are returned in the same form, in no
 * particular order.
 *
 * - Keys: null is a group of its own, -0 is in the group of 0, and every NaN is in one group.
 *   They are returned as 0 and as one NaN. Without keys there is one group, even if there are no
 *   rows.
 * - Nulls of arguments are skipped. SUM, MIN, MAX and AVG of no values are null; the counts
 *   never are.
 * - Integers and decimals are added exactly, in 128 bits; a SUM that does not fit its type is
 *   FIRN_LIMIT when it is returned. Floating-point numbers are added as doubles: with keys, in the
 *   order of the rows of a group; without keys, each batch as a block of docs/formats/chunk.md.
 *   Merging adds the sums.
 * - MIN and MAX compare as keys do: a NaN is larger than all other numbers, -0 equals 0 (either
 *   of the two may be returned).
 *
 * Memory: memory_bytes, which COUNT_DISTINCT calls share; some 500 KiB for buffers and codes of
 * chunks; and half a KiB for each time that the memory was used up. Groups that do not fit go to
 * temporary files, and are read back part by part when the groups are returned.
 *
 * One thread at a time. After a failure only destroy may be called.
 */
#ifndef FIRN_AGGREGATE_AGGREGATE_H
#define FIRN_AGGREGATE_AGGREGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "chunk/chunk_encoding.h"
#include "spill/spill.h"

enum fi_aggregate_function {
    FI_AGGREGATE_COUNT_ROWS = 1,
    FI_AGGREGATE_COUNT,
    FI_AGGREGATE_SUM, /* of numbers */
    FI_AGGREGATE_MIN,
    FI_AGGREGATE_MAX,
    FI_AGGREGATE_AVG, /* of numbers */
    FI_AGGREGATE_COUNT_DISTINCT
};

/* A key or an argument. */
struct fi_aggregate_column {
    firn_type type;
    /* of BYTES whose values all have one size (UUID, VECTOR); 0: sizes differ */
    uint32_t fixed_size;
};

struct fi_aggregate_call {
    enum fi_aggregate_function function;
    struct fi_aggregate_column argument; /* unused by COUNT_ROWS */
    uint32_t scale;                      /* of a DECIMAL argument: AVG divides by 10^scale */
    /* Calls with the same number, except 0, always get the same values in the same way, so their
     * common sums are kept once. */
    uint32_t argument_number;
};

/* Bounds of the values of a key that is a number, as its bits. They are a hint: there may be values
 * outside. */
struct fi_aggregate_range {
    uint64_t min;
    uint64_t max; /* not below min, as numbers of the key's type */
};

enum { FI_AGGREGATE_KEYS_MAX = 63, FI_AGGREGATE_CALLS_MAX = 4096 };
#define FI_AGGREGATE_MEMORY_MIN ((uint64_t)64 << 10) /* less counts as so much */

/* All is borrowed until create returns, except os and spill with what it refers to: these are
 * borrowed until destroy. */
struct fi_aggregate_spec {
    const struct fi_aggregate_column *keys;
    size_t key_count;
    /* Of each key; NULL: not all of them are known. Together with row_count, an estimate, they
     * decide whether groups are found without hashing. */
    const struct fi_aggregate_range *ranges;
    uint64_t row_count;
    const struct fi_aggregate_call *calls;
    size_t call_count;
    uint64_t memory_bytes;
    const struct fi_spill *spill; /* NULL: none; then FIRN_LIMIT when the memory is used up */
    struct fi_os *os;             /* the source of large pages of memory; NULL: none are used */
    uint64_t seed;                /* of hashes, so that nobody can choose keys that collide */
};

struct fi_aggregate;

/* Whether an earlier call with the same argument number keeps the state of this one: values that
 * are added to this one are ignored. */
bool fi_aggregate_is_shared(const struct fi_aggregate *aggregate, size_t call);

/* The type of a call's results: COUNTs I64; AVG F64; SUM I64, U64, DECIMAL or F64; MIN and MAX
 * the argument's. */
firn_type fi_aggregate_result_type(const struct fi_aggregate_call *call);

/* FIRN_LIMIT beyond the limits above; FIRN_INVALID: a function does not take the type of its
 * argument. */
FIRN_MUST_CHECK int fi_aggregate_create(const struct fi_aggregate_spec *spec,
                                        struct fi_aggregate **out, firn_error *err);
/* NULL is fine. */
void fi_aggregate_destroy(struct fi_aggregate *aggregate);

/* ---- rows ---- */

/* Adds rows: a column for each key, and one for each call, of the kinds of the spec's types. A call
 * whose argument has kind FI_PHYSICAL_NONE is left out (the caller adds to it with the functions
 * below); the argument of COUNT_ROWS is ignored. Bits of mask from count on must be 0. Nothing is
 * borrowed. */
FIRN_MUST_CHECK int fi_aggregate_add(struct fi_aggregate *aggregate,
                                     const struct fi_chunk_values *keys,
                                     const struct fi_chunk_values *arguments, size_t count,
                                     const uint64_t *mask, firn_error *err);

/* Adds rows whose keys come as the codes of chunks (fi_chunk_read_codes; nulls have code_count).
 * The codes of a row are joined into one number, also for rows that the mask leaves out: the code
 * of the last key + (its code_count + 1) * (that of the key before it + …). There is a chunk for
 * each key; the chunks are borrowed until the next begin_codes, merge or finish, the array is not.
 * Each number is looked up once, and again after groups were spilled. Requires: keys; no ranges of
 * them; fi_chunk_code_count > 0 of all chunks; at most FI_AGGREGATE_CODES_MAX numbers, unless
 * there is one key. */
enum { FI_AGGREGATE_CODES_MAX = 1 << 14 };
FIRN_MUST_CHECK int fi_aggregate_begin_codes(struct fi_aggregate *aggregate,
                                             const struct fi_chunk *const *chunks, firn_error *err);
FIRN_MUST_CHECK int fi_aggregate_add_codes(struct fi_aggregate *aggregate, const uint32_t *codes,
                                           const struct fi_chunk_values *arguments, size_t count,
                                           const uint64_t *mask, firn_error *err);

/* Joins the codes of one more key to the numbers of the keys before it. count: how many codes the
 * key has, with that of null. */
void fi_aggregate_join_codes(const struct fi_aggregate *aggregate, uint32_t *codes,
                             const uint32_t *own, uint32_t count, size_t rows);

/* Facts about many rows at once. Requires: no keys; not of COUNT_DISTINCT. */

/* To SUM or AVG. */
void fi_aggregate_add_sum(struct fi_aggregate *aggregate, size_t call,
                          const struct fi_chunk_sum *sum);
/* To COUNT_ROWS or COUNT. */
void fi_aggregate_add_count(struct fi_aggregate *aggregate, size_t call, uint64_t count);
/* To MIN or MAX: the smallest or largest of some values; null changes nothing. */
FIRN_MUST_CHECK int fi_aggregate_add_extreme(struct fi_aggregate *aggregate, size_t call,
                                             const struct fi_cell *cell, firn_error *err);

/* Adds the groups of another aggregate with the same spec, which is empty afterwards and may be
 * used again. Requires: neither is finished. */
FIRN_MUST_CHECK int fi_aggregate_merge(struct fi_aggregate *aggregate, struct fi_aggregate *other,
                                       firn_error *err);

/* ---- groups ---- */

/* Ends adding: no rows follow. */
FIRN_MUST_CHECK int fi_aggregate_finish(struct fi_aggregate *aggregate, firn_error *err);

/* Up to FI_CHUNK_BLOCK more groups: a column for each key and one for each call go to the
 * caller's arrays. They are borrowed until the next call. *out_count is 0 at the end. */
FIRN_MUST_CHECK int fi_aggregate_next(struct fi_aggregate *aggregate, struct fi_chunk_values *keys,
                                      struct fi_chunk_values *results, size_t *out_count,
                                      firn_error *err);

/* Bytes written to temporary files so far. */
uint64_t fi_aggregate_spilled_bytes(const struct fi_aggregate *aggregate);

#endif
