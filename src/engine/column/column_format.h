/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_format.h: the bytes of the index of a column run, drawn once. The prose twin is
 * docs/formats/column.md. The file around is a sealed block file (block/block_file.h); its other
 * sections are those of all runs (run/run_parts.h), its other blocks are chunks
 * (chunk/chunk_encoding.h).
 *
 * The index, n row groups, c columns, k of them in the key:
 *
 *   0       4    8         16   20   24      28   64         64+24c  +4k, to 8     +n·(64+64·(c+4))
 *   +-------+----+---------+----+----+-------+----+----------+-------+-------------+------
 *   | flags | n  | entries | c  | k  | size  | 0  | columns: | key:  | groups      | rest
 *   | 0     |    |         |    |    | rest  |    | 24 each  | 4 each|             |
 *   +-------+----+---------+----+----+-------+----+----------+-------+-------------+------
 *
 *   column: id 4 | type 1 | kind of the initial value 1 | 0 2 | fixed size 4 | size of the initial
 *   value 4 | its number, or where its bytes begin in the rest 8
 *
 *   group: rows 4 | flags 4 | smallest sequence 8 | largest 8 | sequence of the first row 8 |
 *   where the first key begins in the rest 4 | its size 4 | the same of the last key 4, 4 |
 *   rows of the groups before 8 | 0 8; then c + 4 chunks: of the columns, of the hidden columns
 *
 *   chunk: offset 8 (0: there is none) | stored size 4 | raw size 4 | encoding 1 | flags 1 |
 *   size of the smallest value 1 | of the largest 1 | nulls 4 | bytes of the values 8 |
 *   smallest value 16 | largest 16
 *
 * The section "filters": for each Bloom filter, by group and id, group 4 | id 4 | offset 8 | stored
 * size 4 | raw size 4.
 *
 * A chunk of encoding 0 is the locator of one value in pieces; with flag 8 the cell that refers to
 * it.
 */
#ifndef FIRN_COLUMN_COLUMN_FORMAT_H
#define FIRN_COLUMN_COLUMN_FORMAT_H

#include "column/column.h"

enum {
    FI_COLUMN_FORMAT_VERSION_PLAIN = 1,
    FI_COLUMN_FORMAT_VERSION = 2 /* chunks with references to value files among the others */
};

enum {
    FI_COLUMN_FORMAT_HEADER_SIZE = 64,
    FI_COLUMN_FORMAT_COLUMN_SIZE = 24,
    FI_COLUMN_FORMAT_GROUP_SIZE = 64,
    FI_COLUMN_FORMAT_CHUNK_SIZE = 64,
    FI_COLUMN_FORMAT_FILTER_SIZE = 24,
    FI_COLUMN_FORMAT_HIDDEN = 4, /* sequence, kind, end of life, operand */

    FI_COLUMN_FORMAT_PLAIN = 1, /* flag of a group: is_plain */

    /* Flags of a chunk. */
    FI_COLUMN_FORMAT_EMPTY = 1,
    FI_COLUMN_FORMAT_NAN = 2,
    FI_COLUMN_FORMAT_CUT = 4, /* there may be values above the largest one, which begin with it */
    FI_COLUMN_FORMAT_REFERENCES = 8, /* values are tagged: see below */
    FI_COLUMN_FORMAT_CHUNK_FLAGS = 15,

    /* First byte of each value of such a chunk that is not null. */
    FI_COLUMN_FORMAT_TAG_INLINE = 0,    /* the value follows */
    FI_COLUMN_FORMAT_TAG_REFERENCE = 1, /* a cell that refers to it, as in run/run_value_file.h */

    FI_COLUMN_FORMAT_IN_PIECES = 0, /* in the place of an encoding */

    /* A group has at most so many bytes of values, or one row. Texts and blobs of more than SHORT
     * bytes count LONG_WEIGHT times, because reading one of them reads its chunk. Those of LARGE
     * bytes do not, because most of them are in value files. */
    FI_COLUMN_FORMAT_GROUP_BYTES = 8 << 20,
    FI_COLUMN_FORMAT_SHORT = 64,
    FI_COLUMN_FORMAT_LARGE = 4096,
    FI_COLUMN_FORMAT_LONG_WEIGHT = 4,
    /* A row with a larger value is a group of its own, and the value is stored in pieces. */
    FI_COLUMN_FORMAT_CELL_MAX = 4 << 20
};

#endif
