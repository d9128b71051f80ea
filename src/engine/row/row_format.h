/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_format.h: the bytes of a row run, drawn once. The prose twin is docs/formats/row.md. The
 * file around them is a sealed block file (block/block_file.h).
 *
 * A data block, n entries:
 *
 *   0     2      4      5     6    8         16        16+T       16+T+O   16+T+O+2n
 *   +-----+------+------+-----+----+---------+---------+----------+--------+--------+-------+-- …
 *   | n   | size | size | fl- | 0  | first   | tags:   | offsets: | heads: | prefix | entry | entry
 *   |     | of   | of a | ags |    | sequence| 1 each, | 2 or 4   | 2 each | of all |       |
 *   |     |prefix| seq. |     |    |         | to 16·x | each     |        | keys   |       |
 *   +-----+------+------+-----+----+---------+---------+----------+--------+--------+-------+-- …
 *
 *   entry: sequence - first sequence (0 to 8 bytes) | varint: size of the rest of the key × 8 +
 *   kind | rest of the key | value, to where the next entry begins
 *
 * The index, n blocks:
 *
 *   0       4    8         16       20      24   64         64+32n    64+40n       64+56n
 *   +-------+----+---------+--------+-------+----+----------+---------+------------+--------+------
 *   | flags | n  | entries | size   | size  | 0  | records: | heads:  | separators:| prefix | rests
 *   | 0     |    | in all  | prefix | rests |    | 32 each  | 8 each  | 16 each    |        |
 *   +-------+----+---------+--------+-------+----+----------+---------+------------+--------+------
 *
 *   record: block's offset 8 | stored size 4 | raw size 4 | smallest sequence 8 | largest 8
 *   separator: its sequence 8 | place of its rest 4 | size of that 4
 *
 * The filter: lines of 64 bytes. A range: varint size, lower, varint size, upper, varint sequence.
 *
 * The summary:
 *
 *   0         4       8         16           24       32        40         48        56     60
 *   +---------+-------+---------+------------+--------+---------+----------+---------+------+------
 *   | version | flags | entries | tombstones | ranges | content | smallest | largest | size | size
 *   | 1 to 3  | 0     |         |            |        | bytes   | sequence | sequ.   | lower| upper
 *   +---------+-------+---------+------------+--------+---------+----------+---------+------+------
 *                                                            after them, from 64: lower | upper
 */
#ifndef FIRN_ROW_ROW_FORMAT_H
#define FIRN_ROW_ROW_FORMAT_H

#include "base/entry.h"
#include "block/block_cache.h"
#include "row/row.h"
#include "run/run_parts.h"

enum {
    FI_ROW_FORMAT_VERSION_PLAIN = 1, /* puts and deletes alone */
    FI_ROW_FORMAT_VERSION_HEADS = 2, /* merge operands and expiring puts among them */
    FI_ROW_FORMAT_VERSION = 3        /* references to value files among these */
};

enum {
    /* Data blocks. */
    FI_ROW_FORMAT_BLOCK_SIZE = FI_BLOCK_CACHE_SLOT_SIZE, /* aimed at */
    FI_ROW_FORMAT_BLOCK_SIZE_MAX = 1 << 20,
    FI_ROW_FORMAT_BLOCK_HEADER_SIZE = 16,
    FI_ROW_FORMAT_BLOCK_COUNT_MAX = 65535,
    FI_ROW_FORMAT_BLOCK_WIDE = 1, /* flag: offsets of 4 bytes */
    FI_ROW_FORMAT_TAGS = 16,      /* the tags' place is a multiple of it */
    FI_ROW_FORMAT_SHORT_HEAD_SIZE = 2,

    /* Entries. */
    FI_ROW_FORMAT_KIND_BITS = 3,
    FI_ROW_FORMAT_KIND_MASK = 7,
    FI_ROW_FORMAT_KIND_EXPIRING = 0,
    FI_ROW_FORMAT_KIND_PUT = 1,
    FI_ROW_FORMAT_KIND_DELETE = 2,
    FI_ROW_FORMAT_KIND_MERGE = 3,
    FI_ROW_FORMAT_KIND_ELSEWHERE = 4, /* flag: the value is a locator of pieces. With DELETE: a
                                           put or an expiring put, the value is a reference to a
                                           value file */

    FI_ROW_FORMAT_INLINE_MAX = 64 << 10, /* larger values are stored in pieces */

    /* Index. */
    FI_ROW_FORMAT_INDEX_HEADER_SIZE = 64,
    FI_ROW_FORMAT_HEAD_SIZE = 8,
    FI_ROW_FORMAT_RECORD_SIZE = 32, /* so that none lies in two cache lines */
    FI_ROW_FORMAT_SEPARATOR_SIZE = 16,
    FI_ROW_FORMAT_INDEX_SHARE = 8, /* a separator is at most this part of the block before it */
};

/* The kind of an entry from its first word. */
static inline enum fi_entry_kind
fi_row_format_kind(uint32_t word)
{
    static const uint8_t kinds[FI_ROW_FORMAT_KIND_ELSEWHERE] = {
        [FI_ROW_FORMAT_KIND_EXPIRING] = FI_ENTRY_EXPIRING,
        [FI_ROW_FORMAT_KIND_PUT] = FI_ENTRY_PUT,
        [FI_ROW_FORMAT_KIND_DELETE] = FI_ENTRY_DELETE,
        [FI_ROW_FORMAT_KIND_MERGE] = FI_ENTRY_MERGE,
    };
    return (enum fi_entry_kind)kinds[word & (FI_ROW_FORMAT_KIND_ELSEWHERE - 1)];
}

/* The inverse. Requires: one of the four kinds of a run's entries. */
static inline uint8_t
fi_row_format_kind_bits(enum fi_entry_kind kind)
{
    return kind == FI_ENTRY_MERGE      ? FI_ROW_FORMAT_KIND_MERGE
           : kind == FI_ENTRY_EXPIRING ? FI_ROW_FORMAT_KIND_EXPIRING
                                       : (uint8_t)kind;
}

/* Bytes of the tags of n entries. */
static inline size_t
fi_row_format_tags_size(size_t n)
{
    return (n + FI_ROW_FORMAT_TAGS - 1) & ~(size_t)(FI_ROW_FORMAT_TAGS - 1);
}

#endif
