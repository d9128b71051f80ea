/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_format.h: how chunks lie in bytes. docs/formats/chunk.md is the prose twin.
 *
 *     | header | part of the encoding | records | zeros | data of block 0 | data of block 1 | … |
 *
 *     header   0  1  encoding
 *              1  1  kind
 *              2  1  flags
 *              3  1  field size f
 *              4  4  count
 *
 *     record   4  end of the block's data
 *              2  null count                      if the chunk has nulls
 *              1  width                           of encodings that pack numbers
 *              f  smallest code                   FRAME, DELTA, RLE, DICTIONARY
 *              f  largest code
 *              1  float flags                     F32, F64
 *              s  min, s max                      F32, F64, PLAIN I64 and U64; s: size of a number
 *              1  size of min                     BYTES but for DICTIONARY
 *              1  size of max; 128 more: cut
 *              f  min, f max
 *     none where CONSTANT has no nulls, and where all is null
 *
 *     block    ceil(n / 8)  which values are not null    if some are and some are not
 *              …            as the encoding has it
 */
#ifndef FIRN_CHUNK_CHUNK_FORMAT_H
#define FIRN_CHUNK_CHUNK_FORMAT_H

enum {
    FI_CHUNK_FORMAT_HEADER_SIZE = 8,
    FI_CHUNK_FORMAT_ALIGNMENT = 8,
    FI_CHUNK_FORMAT_NULLS = 1,    /* flags: some values are null */
    FI_CHUNK_FORMAT_ALL_NULL = 2, /* all are; CONSTANT */
    FI_CHUNK_FORMAT_EMPTY = 1,    /* float flags: nothing but nulls and NaNs */
    FI_CHUNK_FORMAT_NAN = 2,
    FI_CHUNK_FORMAT_CUT = 128,
    FI_CHUNK_FORMAT_END_WIDTH = 10 /* of the place of a run's last value in its block */
};

#endif
