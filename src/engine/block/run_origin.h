/* SPDX-License-Identifier: Apache-2.0
 *
 * block/run_origin.h: what a run says of where it comes from, so that a repair can do without what
 * MANIFEST says of it (mend/mend_gather.c).
 *
 *   0         4      5       6      8
 *   +---------+------+-------+------+------+---------+------+------+--------+------+
 *   | version | kind | flags | 0    | tree | flushed | work | part | inputs | gone |
 *   | 1       |      | 1:last|      |      |         |      |      |        |      |
 *   +---------+------+-------+------+------+---------+------+------+--------+------+
 *
 * Little-endian; from byte 8 on varints. `inputs` and `gone` are each a count and as many numbers,
 * ascending: the first one as it is, of each other one how far it is above the one before.
 */
#ifndef FIRN_BLOCK_RUN_ORIGIN_H
#define FIRN_BLOCK_RUN_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum { FIRN_RUN_ORIGIN_VERSION = 1 };

enum firn_run_origin_kind {
    FIRN_RUN_ORIGIN_FLUSH = 1,
    FIRN_RUN_ORIGIN_COMPACTION = 2,
    FIRN_RUN_ORIGIN_LOAD = 3,
    FIRN_RUN_ORIGIN_SCRATCH = 4 /* a load's sorting: it belongs to no tree, and the rest is 0 */
};

/* Numbers in each of the two lists, at most. */
enum { FIRN_RUN_ORIGIN_NUMBERS_MAX = 1 << 16 };

/* Numbers are those of files: "<number>.row". */
struct firn_run_origin {
    enum firn_run_origin_kind kind;
    uint32_t tree;
    /* Versions of the tree up to here are in runs: when this one, if it is a flush's, and all of its
     * work are named, else before that. */
    uint64_t flushed;
    uint64_t work; /* number of the first run of the same flush, compaction or load, from 1 */
    uint32_t part; /* which of its runs it is, in the order in which they were finished, from 0 */
    bool is_last;  /* none was finished after it */
    const uint64_t *inputs; /* runs that a compaction replaces */
    size_t input_count;
    const uint64_t *gone; /* runs that had been replaced before, and were still there */
    size_t gone_count;
};

/* Replaces the contents of out. Both lists ascend. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_run_origin_encode(const struct firn_run_origin *origin,
                                           struct firn_buf *out);
/* The lists lie in *numbers, whose contents they replace. FIRN_CORRUPT, or FIRN_NEWER for another
 * version's. */
FIRN_MUST_CHECK int firn_run_origin_decode(firn_slice bytes, struct firn_buf *numbers,
                                           struct firn_run_origin *out, firn_error *err);

#endif
