/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_format.h: the byte layout of a graph's file. docs/formats/graph.md is the prose twin.
 *
 * A block file of kind VECTOR with these sections; all integers and floats are little-endian.
 *
 *   HEADER   one block:
 *     0      4  version, 2; 3 for one with lists; or 1, without what follows the mean
 *     4      1  metric: enum fi_vector_metric
 *     5      1  the highest level, at most FI_GRAPH_LEVEL_MAX
 *     6      2  m
 *     8      4  dimensions
 *     12     4  column
 *     16     4  ef_construction
 *     20     4  nodes
 *     24     8  seed
 *     32     8  rows of the run
 *     40     4  the node where searches begin; 0 if there is none
 *     44     4  nodes above level 0
 *     48     4  lists of links above level 0
 *     52     4  flags: 1: nodes are not all rows, or not in their order
 *     56     4  bytes of the record of a node's code
 *     60     4  twins: rows whose vector is that of a node's row
 *     64     8  scale (f64): what numbers are multiplied with
 *     72     8  0
 *     80     8  offset of the first block of codes
 *     88     8  offset of the first block of links
 *     96     8  offset of the first block of vectors
 *     104    4  f32 for each dimension: the mean
 *            4  number of measured widths, at most FI_GRAPH_WIDTHS_MAX
 *            16 for each of them, ascending: the width ef, u32; how many codes such walks compare,
 *               u32; their recall for the nearest 10, 100, 1,000 and 1, u16 each, in parts of
 *               65,535, none smaller than that of the width before
 *            4  version 3: the number of lists, at most FI_GRAPH_LISTS_MAX
 *
 *   UPPER    blocks of up to FI_GRAPH_PART_SIZE bytes, one stream: the nodes above level 0,
 *            ascending, u32 each; their levels, u8 each, from 1 on; then for each of them and each
 *            of its levels from 1 on a list of m links, u32 each
 *   ROWS     likewise, with flag 1 alone: the row of each node, u32 each; without lists, ascending
 *   TWINS    likewise, if there are any: the nodes of all twins, u32 each, ascending; then their
 *            rows, u32 each
 *   LISTS    likewise, in version 3 alone: the number of the last node of each list and one, u32
 *            each; then the center of each, the record of a code
 *
 * With lists there are no links: no node is above level 0, nor are there blocks of links.
 *
 * Codes, links and vectors are blocks of no section. Each has as many records as go into
 * FI_GRAPH_BLOCK_SIZE bytes, one at least, and the last one the rest; they lie side by side from
 * the offsets above on, uncompressed.
 *
 *   code:  one byte for each dimension, 128 + n for n in -127 to 127; zeros; f32 scale; f32 norm
 *   vector: as the run has it: f32 for each dimension
 *   links: 2 m numbers of nodes, u32 each, none twice; FI_GRAPH_NONE in unused places, at the end
 */
#ifndef FIRN_GRAPH_GRAPH_FORMAT_H
#define FIRN_GRAPH_GRAPH_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum {
    FI_GRAPH_SECTION_HEADER = 1,
    FI_GRAPH_SECTION_UPPER = 2,
    FI_GRAPH_SECTION_ROWS = 3,
    FI_GRAPH_SECTION_TWINS = 4,
    FI_GRAPH_SECTION_LISTS = 5
};
enum {
    FI_GRAPH_VERSION = 2,
    FI_GRAPH_VERSION_UNMEASURED = 1,
    FI_GRAPH_VERSION_LISTS = 3,
    FI_GRAPH_HEADER_SIZE = 104,
    FI_GRAPH_FLAG_ROWS = 1,
    FI_GRAPH_LEVEL_MAX = 15,
    FI_GRAPH_BLOCK_SIZE = 4096,
    FI_GRAPH_PART_SIZE = 1 << 20,
    FI_GRAPH_CODE_TAIL = 8,   /* scale and norm */
    FI_GRAPH_WIDTHS_MAX = 17, /* from 16 on, each twice the one before, up to FI_GRAPH_EF_MAX */
    FI_GRAPH_RECALLS = 4,     /* for 1, 10, 100 and 1,000 */
    FI_GRAPH_LISTS_MAX = 1 << 14
};
#define FI_GRAPH_NONE UINT32_MAX

/* Bytes of the record of a code: a multiple of a cache line, unless more records go into a block
 * without. */
static inline size_t
fi_graph_code_stride(size_t numbers)
{
    size_t packed = (numbers + FI_GRAPH_CODE_TAIL + 7) / 8 * 8;
    size_t aligned = (numbers + FI_GRAPH_CODE_TAIL + 63) / 64 * 64;
    size_t most = FI_GRAPH_BLOCK_SIZE / packed;
    size_t fewer = FI_GRAPH_BLOCK_SIZE / aligned;
    return most * 5 > fewer * 6 ? packed : aligned;
}

static inline size_t
fi_graph_per_block(size_t stride)
{
    return stride > FI_GRAPH_BLOCK_SIZE ? 1 : FI_GRAPH_BLOCK_SIZE / stride;
}

#endif
